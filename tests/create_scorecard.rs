//! `create-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 10] = [
    Case { name: "draft", status: 200, refused: &[] },
    Case { name: "imported-submitted", status: 200, refused: &[] },
    Case { name: "bad-scores", status: 400, refused: &["scores[3].numericValue"] },
    Case {
        name: "scores-of-no-criterion",
        status: 400,
        refused: &["scores[0].criterionId", "scores[1].numericValue", "scores[2].criterionId"],
    },
    Case { name: "unknown-template", status: 400, refused: &["templateName"] },
    Case { name: "missing-fields", status: 400, refused: &["conversationName", "agentUserName", "templateName"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-scorecard", &CASES, Target::Handler(&create_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-scorecard"))).await;
}
