//! `get-comment`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "by-the-plans-agent", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "an-agent-after-nothing", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-comment", &CASES, Target::Handler(&get_comment::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-comment", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-comment"))).await;
}
