//! `get-session`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, plan_name, replay, session_name};
use serde_json::json;

const CASES: [Case; 13] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "nulls", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "an-agent-after-nothing", status: 403, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["view"] },
    Case { name: "bad-id", status: 400, refused: &["name"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "with-display-names", status: 200, refused: &[] },
    Case { name: "their-own-with-display-names", status: 200, refused: &[] },
    Case { name: "bad-include", status: 400, refused: &["include"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-session", &CASES, Target::Handler(&get_session::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-session", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-session"))).await;
}

// --- private notes

#[tokio::test]
async fn private_notes_never_reach_an_agent_in_any_operation() {
    let service = TestService::seeded().await;
    let agent = |event: Event| event.by("agent", "ana");
    let changes = Event::get("changes").with("name", &session_name("held-1"));
    let mut answers = 0;
    for event in [
        Event::get("coachingSessions/held-1"),
        Event::get("coachingSessions"),
        Event::get("coachingSessions").with("coachingPlanName", &plan_name("ana-plan")),
        Event::get("coachingPlans/ana-plan"),
        Event::post("coachingPlans:list", json!({"includeCoachingSessions": true})),
        Event::post("coachingSessions/held-1:acknowledge", json!({"agentComment": "mine"})),
        Event::get("coachingComments"),
        changes.clone(),
    ] {
        let answered = service.send(&agent(event)).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let text = answered.body.to_string();
        assert!(!text.contains("privateNotes") && !text.contains("Tired."), "{text}");
        answers += 1;
    }
    assert_eq!(answers, 8);
    assert!(service.succeed(&changes).await.to_string().contains("Tired."));
    assert_eq!(
        service.succeed(&Event::get("coachingSessions/held-1")).await["coachingSession"]["privateNotes"],
        "Tired."
    );
}
