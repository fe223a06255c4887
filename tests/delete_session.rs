//! `delete-session`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "deleted", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["force"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("delete-session", &CASES, Target::Handler(&delete_session::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("delete-session", &CASES, Target::Binary(env!("CARGO_BIN_EXE_delete-session"))).await;
}
