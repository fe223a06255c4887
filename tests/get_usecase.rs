//! `get-usecase`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 4] = [
    Case { name: "done", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-usecase", &CASES, Target::Handler(&get_usecase::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-usecase", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-usecase"))).await;
}
