//! `create-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "name-taken", status: 409, refused: &[] },
    Case {
        name: "bad-structure",
        status: 400,
        refused: &[
            "template.chapters[0].criteria[0].criterionId",
            "template.chapters[0].criteria[0].weight",
            "template.chapters[0].criteria[0].maximumValue",
            "template.chapters[0].criteria[1].criterionId",
            "template.chapters[0].criteria[1].weight",
            "template.chapters[1].criteria",
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
