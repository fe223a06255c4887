//! `list-changes`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, Target, TestService, below_support, plan_name, replay, user_name};
use serde_json::{Value, json};

const CASES: [Case; 11] = [
    Case { name: "of-a-session", status: 200, refused: &[] },
    Case { name: "of-a-plan", status: 200, refused: &[] },
    Case { name: "of-a-comment", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "no-name", status: 400, refused: &["name"] },
    Case { name: "of-a-scorecard", status: 400, refused: &["name"] },
    Case { name: "foreign-name", status: 400, refused: &["name"] },
    Case { name: "by-a-service", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-changes", &CASES, Target::Handler(&list_changes::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-changes", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-changes"))).await;
}

// --- what history tells

#[tokio::test]
async fn a_plans_history_tells_of_links_and_a_comments_of_its_changes() {
    let service = TestService::seeded().await;
    let link = |verb: &str| {
        Event::post(
            &format!("coachingPlans/ana-plan:{verb}"),
            json!({"scorecardName": below_support("scorecards/submitted-1")}),
        )
    };
    for verb in ["addScorecard", "addScorecard", "removeScorecard", "removeScorecard"] {
        service.advance(TimeDelta::seconds(1));
        service.succeed(&link(verb)).await;
        let scorecard = service.succeed(&Event::get("scorecards/submitted-1")).await;
        let linked = if verb == "addScorecard" { json!([plan_name("ana-plan")]) } else { json!([]) };
        assert_eq!(scorecard["scorecard"]["coachingPlanNames"], linked);
    }
    let changes = service.succeed(&Event::get("changes").with("name", &plan_name("ana-plan"))).await;
    let told: Vec<(&Value, &Value, &Value)> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (&change["operation"], &change["before"], &change["after"]))
        .take(2)
        .collect();
    let name = json!({"scorecardName": below_support("scorecards/submitted-1")});
    assert_eq!(told, [(&json!("link-scorecard"), &name, &json!({})), (&json!("link-scorecard"), &json!({}), &name)]);
    assert_eq!(
        changes["changes"].as_array().unwrap().len(),
        3,
        "with its creation; what changes nothing leaves nothing"
    );

    let update = json!({"coachingComment": {"message": "How did it go?"}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingComments/first").with_text(&update)).await;
    let changes = service.succeed(&Event::get("changes").with("name", &below_support("coachingComments/first"))).await;
    let last = &changes["changes"][0];
    assert_eq!(
        (&last["userName"], &last["role"], &last["version"]),
        (&json!(user_name("maria")), &json!("manager"), &json!(2))
    );
    assert_eq!(last["fields"], json!(["message", "updateTime"]));
    assert_eq!(
        (&last["before"]["message"], &last["after"]["message"]),
        (&json!("How is it going?"), &json!("How did it go?"))
    );
}

#[tokio::test]
async fn pages_hold_every_change_once() {
    let service = TestService::seeded().await;
    for number in 0..7 {
        let update = json!({"coachingPlan": {"comment": number.to_string()}}).to_string();
        service.succeed(&Event::new("PATCH", "coachingPlans/ana-plan").with_text(&update)).await;
    }
    let event = Event::get("changes").with("name", &plan_name("ana-plan")).with("pageSize", "3");
    let mut versions = Vec::new();
    let mut page_token = String::new();
    loop {
        let (answered, spent) = service.spending(&event.clone().with("pageToken", &page_token)).await;
        assert_eq!(spent.calls, 1);
        let changes = answered.body["changes"].as_array().unwrap();
        versions.extend(changes.iter().map(|change| change["version"].as_u64().unwrap()));
        match answered.body["nextPageToken"].as_str() {
            Some(token) => page_token = token.to_owned(),
            None => break,
        }
        assert_eq!(changes.len(), 3);
    }
    assert_eq!(versions, (1..=8).rev().collect::<Vec<_>>());
    let other = Event::get("changes").with("name", &plan_name("ben-plan")).with("pageToken", &page_token);
    assert_eq!(service.refused(&other, 400).await.refused_fields(), ["pageToken"]);
}
