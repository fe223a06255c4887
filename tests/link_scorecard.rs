//! `link-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 12] = [
    Case { name: "added", status: 200, refused: &[] },
    Case { name: "removed", status: 200, refused: &[] },
    Case { name: "a-colleagues", status: 400, refused: &[] },
    Case { name: "unknown-scorecard", status: 400, refused: &[] },
    Case { name: "unknown-plan", status: 404, refused: &[] },
    Case { name: "no-scorecard", status: 400, refused: &["scorecardName"] },
    Case { name: "foreign-scorecard", status: 400, refused: &["scorecardName"] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "no-verb", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("link-scorecard", &CASES, Target::Handler(&link_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("link-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_link-scorecard"))).await;
}
