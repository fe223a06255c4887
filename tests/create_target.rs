//! `create-target`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 11] = [
    Case { name: "organisation", status: 200, refused: &[] },
    Case { name: "of-a-plan", status: 200, refused: &[] },
    Case { name: "outside-the-range", status: 400, refused: &["target"] },
    Case { name: "unknown-criterion", status: 400, refused: &["criterionOrChapterId"] },
    Case { name: "unknown-template", status: 400, refused: &["scorecardTemplateName"] },
    Case { name: "unknown-plan", status: 400, refused: &[] },
    Case { name: "missing-fields", status: 400, refused: &["scorecardTemplateName", "target", "usecaseName"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseName", "scorecardTemplateName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-target", &CASES, Target::Handler(&create_target::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-target", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-target"))).await;
}
