//! `update-session`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 15] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "with-a-mask", status: 200, refused: &[] },
    Case { name: "everything", status: 200, refused: &[] },
    Case { name: "unknown-path", status: 400, refused: &["updateMask"] },
    Case { name: "unknown-key", status: 400, refused: &["coachingSession.notes"] },
    Case {
        name: "immutable-fields",
        status: 400,
        refused: &["coachingSession.agentUserName", "coachingSession.usecaseName"],
    },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "coachingSession.sessionTime",
            "coachingSession.meetingNotes",
            "coachingSession.managerSubmitTime",
            "coachingSession.creatorUserName",
        ],
    },
    Case { name: "no-session", status: 400, refused: &["coachingSession"] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "moved-when-submitted", status: 400, refused: &[] },
    Case { name: "submitted-without-notes", status: 400, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-session", &CASES, Target::Handler(&update_session::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-session", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-session"))).await;
}
