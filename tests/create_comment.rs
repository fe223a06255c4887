//! `create-comment`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 13] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "everything", status: 200, refused: &[] },
    Case { name: "by-the-agent", status: 200, refused: &[] },
    Case { name: "without-a-plan", status: 200, refused: &[] },
    Case { name: "about-a-colleagues-plan", status: 403, refused: &[] },
    Case { name: "in-anothers-name", status: 400, refused: &["creatorUserName"] },
    Case { name: "an-agent-without-a-plan", status: 400, refused: &["coachingPlanName"] },
    Case { name: "unknown-plan", status: 400, refused: &[] },
    Case { name: "name-taken", status: 409, refused: &[] },
    Case { name: "missing-fields", status: 400, refused: &["creatorUserName", "message"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-comment", &CASES, Target::Handler(&create_comment::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-comment", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-comment"))).await;
}
