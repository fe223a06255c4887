//! `update-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 6] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "not-current", status: 409, refused: &[] },
    Case { name: "unknown-key", status: 400, refused: &["scorecardTemplate.titel"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-template", &CASES, Target::Handler(&update_template::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-template", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-template"))).await;
}
