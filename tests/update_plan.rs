//! `update-plan`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 12] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "with-a-mask", status: 200, refused: &[] },
    Case { name: "unknown-key", status: 400, refused: &["coachingPlan.title"] },
    Case { name: "immutable-fields", status: 400, refused: &["coachingPlan.agentUserName"] },
    Case { name: "ends-before-it-starts", status: 400, refused: &["coachingPlan.endTime"] },
    Case { name: "no-activity", status: 400, refused: &["coachingPlan.isActive"] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-template", status: 400, refused: &["coachingPlan.focusCriteria[0].scorecardTemplateName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-plan", &CASES, Target::Handler(&update_plan::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-plan", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-plan"))).await;
}
