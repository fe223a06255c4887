//! `get-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 6] = [
    Case { name: "current", status: 200, refused: &[] },
    Case { name: "revision", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "every-revision", status: 400, refused: &["name"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-template", &CASES, Target::Handler(&get_template::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-template", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-template"))).await;
}
