//! `create-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 11] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "with-settings", status: 200, refused: &[] },
    Case {
        name: "bad-settings",
        status: 400,
        refused: &[
            "audience.userNames[0]",
            "audience.groupNames[0]",
            "qaTaskConfig.evaluationPeriodConfig.timeZoneId",
            "qaTaskConfig.evaluationPeriodConfig.interval",
            "qaTaskConfig.evaluationPeriodConfig.overrideTimeRange.endOffsetDays",
            "qaTaskConfig.evaluationPeriodConfig.dayOfMonth",
            "qaTaskConfig.evaluationPeriodConfig.anchorDate",
            "qaTaskConfig.evaluationPeriodConfig.overrideTimeRange",
            "qaTaskConfig.taskCompleteConfig.evaluatedConversationCountPerAgent",
            "qaTaskConfig.taskCompleteConfig.overriddenAgents[0].user",
            "qaTaskConfig.taskCompleteConfig.overriddenAgents[1].evaluatedConversationCountPerAgent",
            "type",
            "permissions",
        ],
    },
    Case {
        name: "overlapping-periods",
        status: 400,
        refused: &[
            "qaTaskConfig.evaluationPeriodConfig.periods[2].startTime",
            "qaTaskConfig.evaluationPeriodConfig.periods[2].endTime",
            "qaTaskConfig.evaluationPeriodConfig.periods[1].startTime",
        ],
    },
    Case {
        name: "unknown-audience",
        status: 400,
        refused: &["audience.userNames", "qaTaskConfig.taskCompleteConfig.overriddenAgents", "audience.groupNames"],
    },
    Case { name: "name-taken", status: 409, refused: &[] },
    Case {
        name: "bad-structure",
        status: 400,
        refused: &[
            "template.chapters[0].criteria[0].weight",
            "template.chapters[0].criteria[0].maximumValue",
            "template.chapters[0].criteria[1].criterionId",
            "template.chapters[0].criteria[1].weight",
            "template.chapters[1].criteria",
            "template.chapters[0].criteria[0].criterionId",
        ],
    },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-usecases", status: 400, refused: &["usecaseNames"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-template", &CASES, Target::Handler(&create_template::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-template", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-template"))).await;
}
