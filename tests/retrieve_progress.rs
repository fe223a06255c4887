//! `retrieve-progress`, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 12] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "of-a-group", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "no-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "foreign-usecase", status: 400, refused: &["usecaseNames[0]"] },
    Case { name: "unknown-group", status: 400, refused: &["groupNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &["scorecardTemplateNames[0]", "orderBy", "orderDirection", "endTime", "pageSize"],
    },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-progress", &CASES, Target::Handler(&retrieve_progress::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-progress", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-progress"))).await;
}
