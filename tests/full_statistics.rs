//! The statistics of one agent, usecase and two months at their maximum size.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::statistics::Statistics;
use coaching_tests::{
    Event, MOST_STATISTICS_BYTES, TestService, below_support, filled, merge, usecase_name, user_name,
};
use serde_json::{Value, json};

const CRITERIA: u32 = 200;

/// A scorecard of `agent` with scores for all criteria of the template `wide`.
fn scorecard(id: &str, agent: &str, submit_time: Option<&str>) -> Value {
    let scores: Vec<Value> = (0..CRITERIA)
        .map(|number| json!({"criterionId": format!("criterion-{number}"), "numericValue": number * 7919 % 10_001}))
        .collect();
    json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support("scorecardTemplates/wide"),
        "scores": scores,
        "createTime": "2026-02-01T09:00:00Z",
        "submitTime": submit_time,
    })
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

#[tokio::test]
async fn what_would_make_full_statistics_larger_is_refused_by_itself_and_all_else_goes_on() {
    let service = TestService::seeded().await;
    let criteria: Vec<Value> = (0..CRITERIA)
        .map(|number| json!({"criterionId": format!("criterion-{number}"), "maximumValue": 10_000.0 + 1.0}))
        .collect();
    service.template("wide", json!({"template": {"chapters": [{"chapterId": "all", "criteria": criteria}]}})).await;
    for (id, time) in [("first", Some("2026-05-02T09:00:00Z")), ("draft", None)] {
        service.succeed(&import("scorecards", scorecard(id, "ana", time))).await;
    }
    let is_anas = |key: &&String| key.contains("#statistics#care#") && key.ends_with("2026-05#ana");
    let items = service.items().await;
    let key = items.keys().find(is_anas).unwrap();
    let cells = async || {
        let items = service.items().await;
        items[key]["cells"].as_b().unwrap().clone().into_inner()
    };
    let full = filled(Statistics::decode(&cells().await).unwrap()).encode();
    assert!(full.len() > MOST_STATISTICS_BYTES - 200, "{} bytes", full.len());
    let mut item = items[key].clone();
    item.insert("cells".to_owned(), AttributeValue::B(Blob::new(full.clone())));
    service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();

    // One by one, every scorecard that counts is refused.
    let submit = Event::post("scorecards/draft:submit", json!({}));
    let another = import("scorecards", scorecard("another", "ana", Some("2026-05-03T09:00:00Z")));
    for event in [&submit, &another] {
        let refused = service.refused(event, 429).await;
        assert_eq!(refused.reason(), "STATISTICS_FULL");
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.contains(&user_name("ana")) && message.contains("at most 262144 bytes"), "{message}");
        assert_eq!(refused.body["details"][0]["metadata"]["limit"], "262144");
    }

    // In a batch, only that entry is refused; a draft counts nowhere.
    let entries = json!([
        scorecard("bens", "ben", Some("2026-05-03T09:00:00Z")),
        scorecard("before", "ana", Some("2026-02-03T09:00:00Z")),
        scorecard("another", "ana", Some("2026-05-03T09:00:00Z")),
        scorecard("later", "ana", None),
        scorecard("one-more", "ana", Some("2026-05-04T09:00:00Z")),
    ]);
    let loaded = service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": entries}))).await;
    for (result, full) in loaded["results"].as_array().unwrap().iter().zip([false, false, true, false, true]) {
        assert_eq!(result["status"]["status"] == "RESOURCE_EXHAUSTED", full, "{}", result["status"]);
        assert_eq!(result["scorecard"].is_object(), !full);
    }
    service.refused(&Event::get("scorecards/another"), 404).await;
    assert_eq!(cells().await, full);

    // It can be read, and changes that make it no larger succeed: the same again, and a reset, after which there is
    // room.
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    assert_eq!(progress["agentCoachingProgresses"][0]["criterionProgresses"][0]["score"], 60.0);
    let mut same = scorecard("first", "ana", Some("2026-05-02T09:00:00Z"));
    merge(&mut same, json!({"comment": "The same."}));
    service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": [same]}))).await;
    assert_eq!(cells().await, full);
    service.succeed(&Event::post("scorecards/first:reset", json!({}))).await;
    assert!(cells().await.len() < full.len() - 200, "{} bytes", cells().await.len());
    service.succeed(&submit).await;
}
