//! `update-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "over-the-maximum", status: 400, refused: &["scorecard.scores[0].numericValue"] },
    Case { name: "unknown-key", status: 400, refused: &["scorecard.mood", "x"] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-scorecard", &CASES, Target::Handler(&update_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-scorecard"))).await;
}
