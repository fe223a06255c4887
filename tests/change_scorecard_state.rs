//! `change-scorecard-state`, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 12] = [
    Case { name: "submit", status: 200, refused: &[] },
    Case { name: "reset", status: 200, refused: &[] },
    Case { name: "acknowledge", status: 200, refused: &[] },
    Case { name: "acknowledge-a-draft", status: 400, refused: &[] },
    Case { name: "acknowledge-a-colleagues", status: 403, refused: &[] },
    Case { name: "acknowledge-by-a-manager", status: 403, refused: &[] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "no-verb", status: 404, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("change-scorecard-state", &CASES, Target::Handler(&change_scorecard_state::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("change-scorecard-state", &CASES, Target::Binary(env!("CARGO_BIN_EXE_change-scorecard-state"))).await;
}
