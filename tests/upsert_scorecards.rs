//! `upsert-scorecards`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, below_support, replay, usecase_name, user_name};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "all-taken", status: 200, refused: &[] },
    Case { name: "each-by-itself", status: 200, refused: &[] },
    Case { name: "nothing", status: 400, refused: &["scorecards"] },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-scorecards", &CASES, Target::Handler(&upsert_scorecards::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-scorecards", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-scorecards"))).await;
}

fn scorecard(id: &str, template: &str, usecase: &str) -> Value {
    json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support(&format!("scorecardTemplates/{template}")),
        "usecaseName": usecase_name(usecase),
    })
}

#[tokio::test]
async fn an_entry_that_names_what_does_not_exist_is_refused_by_itself() {
    let service = TestService::seeded().await;
    let entries = [
        scorecard("one", "quality", "care"),
        scorecard("two", "quality", "nothing"),
        scorecard("three", "nothing", "nothing"),
    ];
    let event = Event::post("scorecards:batchUpsert", json!({"scorecards": entries})).by("service", "sync@acme");
    let answered = service.succeed(&event).await;
    let message = |place: usize| answered["results"][place]["status"]["message"].as_str().unwrap().to_owned();
    assert_eq!(answered["results"][0]["scorecard"]["name"], below_support("scorecards/one"));
    assert_eq!(message(1), format!("scorecards[1].usecaseName: '{}' does not exist", usecase_name("nothing")));
    assert!(message(2).contains("scorecards[2].usecaseName: ") && message(2).contains("scorecards[2].templateName: "));
    for refused in ["two", "three"] {
        service.refused(&Event::get(&format!("scorecards/{refused}")), 404).await;
    }
}
