//! `list-targets`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 9] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-coaching-plan-names", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "by-scorecard-template-names", status: 200, refused: &[] },
    Case { name: "narrowed", status: 200, refused: &[] },
    Case { name: "bad-page-size", status: 400, refused: &["pageSize"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-targets", &CASES, Target::Handler(&list_targets::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-targets", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-targets"))).await;
}
