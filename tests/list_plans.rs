//! `list-plans`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 9] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "everything-at-once", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "an-agent-after-a-group", status: 403, refused: &[] },
    Case { name: "unknown-group", status: 400, refused: &["groupNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "agentUserNames[0]",
            "sessionTimeRange.endTimestamp",
            "isActive",
            "focusCriteria[0].scorecardTemplateName",
            "focusCriteria[0].criterionOrChapterId",
            "pageSize",
        ],
    },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-plans", &CASES, Target::Handler(&list_plans::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-plans", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-plans"))).await;
}
