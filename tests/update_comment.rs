//! `update-comment`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 10] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "anothers", status: 403, refused: &[] },
    Case { name: "by-the-plans-agent", status: 403, refused: &[] },
    Case { name: "by-an-admin", status: 200, refused: &[] },
    Case { name: "no-message", status: 400, refused: &["coachingComment.message"] },
    Case { name: "another-thread", status: 400, refused: &["coachingComment.thread"] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-comment", &CASES, Target::Handler(&update_comment::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-comment", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-comment"))).await;
}
