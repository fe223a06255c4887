//! `list-changes`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 11] = [
    Case { name: "of-a-session", status: 200, refused: &[] },
    Case { name: "of-a-plan", status: 200, refused: &[] },
    Case { name: "of-a-comment", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "no-name", status: 400, refused: &["name"] },
    Case { name: "of-a-scorecard", status: 400, refused: &["name"] },
    Case { name: "foreign-name", status: 400, refused: &["name"] },
    Case { name: "by-a-service", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-changes", &CASES, Target::Handler(&list_changes::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-changes", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-changes"))).await;
}
