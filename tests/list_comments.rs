//! `list-comments`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 11] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-coaching-plan-names", status: 200, refused: &[] },
    Case { name: "by-thread-ids", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "narrowed", status: 200, refused: &[] },
    Case { name: "bad-parameters", status: 400, refused: &["coachingPlanNames", "pageSize", "orderBy"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "with-display-names", status: 200, refused: &[] },
    Case { name: "an-agents-own-with-display-names", status: 200, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-comments", &CASES, Target::Handler(&list_comments::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-comments", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-comments"))).await;
}
