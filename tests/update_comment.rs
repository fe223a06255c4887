//! `update-comment`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, replay, session_name, user_name};
use serde_json::json;

const CASES: [Case; 12] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "anothers", status: 403, refused: &[] },
    Case { name: "by-the-plans-agent", status: 403, refused: &[] },
    Case { name: "by-an-admin", status: 200, refused: &[] },
    Case { name: "no-message", status: 400, refused: &["coachingComment.message"] },
    Case { name: "another-thread", status: 400, refused: &["coachingComment.thread"] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-user", status: 400, refused: &["coachingComment.taggedUsers"] },
    Case { name: "unknown-session", status: 400, refused: &["coachingComment.linkedSessionNotes"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-comment", &CASES, Target::Handler(&update_comment::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-comment", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-comment"))).await;
}

#[tokio::test]
async fn a_session_that_is_linked_already_may_be_gone() {
    let service = TestService::seeded().await;
    let linking = |sessions: &[&str]| {
        let names: Vec<String> = sessions.iter().map(|id| session_name(id)).collect();
        let body = json!({"coachingComment": {"linkedSessionNotes": names, "taggedUsers": [user_name("ana")]}});
        Event::new("PATCH", "coachingComments/first").with_text(&body.to_string())
    };
    service.succeed(&linking(&["held-1"])).await;
    service.succeed(&Event::new("DELETE", "coachingSessions/held-1")).await;
    service.succeed(&linking(&["held-1", "submitted-1"])).await;
    service.succeed(&linking(&["submitted-1"])).await;
    service.refused(&linking(&["held-1"]), 400).await;
}
