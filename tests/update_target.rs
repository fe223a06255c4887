//! `update-target`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "moved", status: 200, refused: &[] },
    Case { name: "immutable-field", status: 400, refused: &["target.target"] },
    Case { name: "another-usecase", status: 400, refused: &["target.usecaseName"] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-target", &CASES, Target::Handler(&update_target::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-target", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-target"))).await;
}
