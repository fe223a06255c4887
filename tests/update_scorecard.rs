//! `update-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, Target, TestService, below_support, plan_name, replay};
use serde_json::{Value, json};

const CASES: [Case; 10] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "commented", status: 200, refused: &[] },
    Case { name: "over-the-maximum", status: 400, refused: &["scorecard.scores[0].numericValue"] },
    Case { name: "unknown-key", status: 400, refused: &["scorecard.mood", "x"] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "a-plan-of-another-agent", status: 400, refused: &[] },
    Case { name: "unknown-plan", status: 400, refused: &["scorecard.coachingPlanNames"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-scorecard", &CASES, Target::Handler(&update_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-scorecard"))).await;
}

fn update(id: &str, fields: Value) -> Event {
    Event::new("PATCH", &format!("scorecards/{id}")).with_text(&json!({"scorecard": fields}).to_string())
}

#[tokio::test]
async fn what_changes_what_was_acknowledged_takes_the_acknowledgement_back() {
    let acknowledged = async || {
        let service = TestService::seeded().await;
        let said = json!({"acknowledgeComment": "Fair."});
        service.succeed(&Event::post("scorecards/submitted-1:acknowledge", said).by("agent", "ana")).await;
        service
    };
    let scores = |greeting: u8| json!([{"criterionId": "privacy", "numericValue": 1}, {"criterionId": "greeting", "numericValue": greeting}]);
    for (fields, stays) in [
        (json!({"scores": scores(3)}), true),
        (json!({"scores": scores(4)}), false),
        (json!({"scores": []}), false),
        (json!({"comment": "Better than last time."}), false),
        (json!({"comment": null}), true),
        (json!({"coachingPlanNames": [plan_name("ana-plan")]}), true),
        (json!({"aiScoreTime": "2026-05-20T08:00:00Z"}), true),
        (json!({"acknowledgeTime": null, "acknowledgeComment": null}), true),
    ] {
        for (role, user) in [("manager", "mike"), ("service", "sync@acme"), ("admin", "root")] {
            let service = acknowledged().await;
            let answered = service.succeed(&update("submitted-1", fields.clone()).by(role, user)).await;
            let scorecard = &answered["scorecard"];
            assert_eq!(scorecard.get("acknowledgeTime").is_some(), stays, "{role}: {fields}");
            assert_eq!(scorecard["acknowledgeComment"], "Fair.", "{role}: {fields}");
            let changes = Event::get("changes").with("name", &below_support("scorecards/submitted-1"));
            let changes = service.succeed(&changes).await["changes"].as_array().unwrap().clone();
            assert_eq!(changes[0]["fields"].to_string().contains("acknowledgeTime"), !stays || changes.len() == 1);
        }
    }
    let service = acknowledged().await;
    service.succeed(&update("submitted-1", json!({"scores": scores(4)}))).await;
    service.advance(TimeDelta::hours(1));
    let again = json!({"acknowledgeComment": "Still fair."});
    let again = service.succeed(&Event::post("scorecards/submitted-1:acknowledge", again).by("agent", "ana")).await;
    assert_eq!(again["scorecard"]["acknowledgeTime"], "2026-06-01T13:00:00Z", "acknowledged anew");
}

#[tokio::test]
async fn a_plan_that_is_linked_already_may_be_gone() {
    let service = TestService::seeded().await;
    service.plan("short-lived", "ana").await;
    let linked = |ids: &[&str]| {
        let names: Vec<String> = ids.iter().map(|id| plan_name(id)).collect();
        update("draft-1", json!({"coachingPlanNames": names}))
    };
    service.succeed(&linked(&["short-lived"])).await;
    service.succeed(&Event::new("DELETE", "coachingPlans/short-lived")).await;
    service.succeed(&linked(&["short-lived", "ana-plan"])).await;
    let refused = service.refused(&linked(&["short-lived", "ben-plan"]), 400).await;
    assert_eq!(refused.reason(), "SCORECARD_NOT_THE_AGENTS");
    service.succeed(&linked(&["ana-plan"])).await;
    let refused = service.refused(&linked(&["short-lived"]), 400).await;
    assert_eq!(refused.refused_fields(), ["scorecard.coachingPlanNames"]);
}
