//! `get-plan`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, plan_name, replay, session_name, user_name};
use serde_json::json;

const CASES: [Case; 10] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "an-agent-after-nothing", status: 403, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "separator-in-the-id", status: 400, refused: &["name"] },
    Case { name: "slash-in-the-id", status: 404, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["view"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-plan", &CASES, Target::Handler(&get_plan::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-plan", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-plan"))).await;
}

#[tokio::test]
async fn its_sessions_are_embedded_newest_first() {
    let service = TestService::start().await;
    service.plan("ana-plan", "ana").await;
    service.plan("ana-other", "ana").await;
    for (id, plan, time) in [("a", "ana-plan", "01"), ("b", "ana-plan", "03"), ("c", "ana-other", "02")] {
        let session = json!({
            "name": session_name(id),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name(plan),
            "createTime": format!("2026-05-{time}T00:00:00Z"),
        });
        let answered = service.send(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
    }
    let answered = service.send(&Event::get("coachingPlans/ana-plan")).await;
    let sessions = answered.body["coachingPlan"]["coachingSessions"].as_array().unwrap();
    let names: Vec<_> = sessions.iter().map(|session| session["name"].clone()).collect();
    assert_eq!(names, [session_name("b"), session_name("a")]);
    let listed = service.send(&Event::get("coachingSessions").with("coachingPlanName", &plan_name("ana-plan"))).await;
    assert_eq!(listed.body["coachingSessions"].as_array().unwrap(), sessions);
}

#[tokio::test]
async fn an_id_may_be_percent_encoded() {
    let service = TestService::start().await;
    service.plan("a~b@c.d", "ana").await;
    for path in ["coachingPlans/a~b@c.d", "coachingPlans/%61%7Eb%40c%2Ed"] {
        let answered = service.send(&Event::get(path)).await;
        assert_eq!(answered.body["coachingPlan"]["name"], plan_name("a~b@c.d"));
    }
}

#[tokio::test]
async fn an_agent_cannot_tell_a_colleagues_plan_from_none() {
    let service = TestService::start().await;
    service.plan("ben-plan", "ben").await;
    let mut answers = Vec::new();
    for id in ["ben-plan", "nothing", "a%23b"] {
        let refused = service.refused(&Event::get(&format!("coachingPlans/{id}")).by("agent", "ana"), 403).await;
        answers.push(refused.body.to_string().replace("ben-plan", "X").replace("nothing", "X").replace("a#b", "X"));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

#[tokio::test]
async fn what_it_costs() {
    let service = TestService::start().await;
    service.plan("ana-plan", "ana").await;
    // The plan as it is now, read after the newest of its sessions.
    let (_, spent) = service.spending(&Event::get("coachingPlans/ana-plan")).await;
    assert_eq!((spent.calls, spent.read_units, spent.write_units), (2, 1.5, 0.0));
}
