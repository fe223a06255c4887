//! `create-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, NOW, Target, TestService, below_support, merge, replay, user_name};
use serde_json::{Value, json};

const CASES: [Case; 19] = [
    Case { name: "draft", status: 200, refused: &[] },
    Case { name: "imported-submitted", status: 200, refused: &[] },
    Case { name: "bad-scores", status: 400, refused: &["scores[3].numericValue"] },
    Case {
        name: "scores-of-no-criterion",
        status: 400,
        refused: &["scores[0].criterionId", "scores[1].numericValue", "scores[2].criterionId"],
    },
    Case { name: "unknown-template", status: 400, refused: &["templateName"] },
    Case { name: "missing-fields", status: 400, refused: &["agentUserName", "templateName", "conversationName"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseName"] },
    Case { name: "unknown-agent", status: 400, refused: &["agentUserName"] },
    Case { name: "a-plan-of-another-agent", status: 400, refused: &[] },
    Case { name: "unknown-plan", status: 400, refused: &["coachingPlanNames"] },
    Case { name: "process", status: 200, refused: &[] },
    Case { name: "process-without-an-id", status: 400, refused: &["processId", "processInteractionTime"] },
    Case { name: "calibration", status: 200, refused: &[] },
    Case { name: "calibration-of-a-draft", status: 400, refused: &[] },
    Case { name: "calibration-of-nothing", status: 400, refused: &["calibratedScorecardName"] },
    Case { name: "calibration-of-another-conversation", status: 400, refused: &["agentUserName", "conversationName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-scorecard", &CASES, Target::Handler(&create_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-scorecard"))).await;
}

/// A scorecard of `ana` on the template `quality`, with more fields.
fn scorecard(more: Value) -> Value {
    let mut scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": [{"criterionId": "greeting", "numericValue": 4}],
    });
    merge(&mut scorecard, more);
    scorecard
}

fn create(more: Value) -> Event {
    Event::post("scorecards", scorecard(more))
}

fn import(more: Value) -> Event {
    create(more).by("service", "sync@acme")
}

#[tokio::test]
async fn imported_times_follow_each_other() {
    let service = TestService::seeded().await;
    let times = |create: &str, submit: &str, acknowledge: &str, update: &str| json!({"createTime": create, "submitTime": submit, "acknowledgeTime": acknowledge, "updateTime": update});
    let [first, second, third] = ["2026-05-01T09:00:00Z", "2026-05-02T09:00:00Z", "2026-05-03T09:00:00Z"];
    for (times, refused) in [
        (times(second, first, third, third), "submitTime"),
        (times(first, third, second, third), "acknowledgeTime"),
        (times(second, second, third, first), "updateTime"),
    ] {
        assert_eq!(service.refused(&import(times.clone()), 400).await.refused_fields(), [refused], "{times}");
        let mut entry = scorecard(times);
        merge(&mut entry, json!({"name": below_support("scorecards/new")}));
        let batch = Event::post("scorecards:batchUpsert", json!({"scorecards": [entry]})).by("service", "sync@acme");
        let answer = service.succeed(&batch).await;
        let status = &answer["results"][0]["status"];
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("scorecards[0].{refused}: must not be before")), "{status}");
    }
    service.succeed(&import(times(first, first, first, first))).await;
    let without_a_creation = import(json!({"submitTime": second, "acknowledgeTime": third}));
    assert_eq!(service.succeed(&without_a_creation).await["scorecard"]["createTime"], second);
    assert_eq!(service.succeed(&create(json!({"submitTime": second}))).await["scorecard"]["createTime"], NOW);
}

#[tokio::test]
async fn a_template_that_is_out_of_use_takes_no_new_scorecards() {
    let service = TestService::seeded().await;
    let request_id = "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11";
    let before = service.succeed(&create(json!({})).with("requestId", request_id)).await;
    let deactivate = json!({"scorecardTemplate": {"deactivateTime": "2026-05-25T10:00:00Z"}});
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&deactivate.to_string())).await;

    // An earlier revision is of the same template.
    for template in ["quality", "quality@1", "quality@2"] {
        let name = json!({"templateName": below_support(&format!("scorecardTemplates/{template}"))});
        for event in [create(name.clone()), import(name.clone())] {
            let refused = service.refused(&event, 400).await;
            assert_eq!(refused.reason(), "SCORECARD_TEMPLATE_DEACTIVATED", "{template}: {}", refused.body);
            assert_eq!(refused.body["status"], "FAILED_PRECONDITION");
        }
        for (time, taken) in [("2026-05-25T09:59:59Z", true), ("2026-05-25T10:00:00Z", false)] {
            let mut entry = scorecard(name.clone());
            merge(&mut entry, json!({"submitTime": time}));
            let alone = service.send(&Event::post("scorecards", entry.clone()).by("service", "sync@acme")).await;
            assert_eq!(alone.status, if taken { 200 } else { 400 }, "{template}, {time}: {}", alone.body);
            let batch = Event::post("scorecards:batchUpsert", json!({"scorecards": [entry]})).by("admin", "root");
            let result = service.succeed(&batch).await["results"][0].clone();
            assert_eq!(result.get("scorecard").is_some(), taken, "{template}, {time}: {result}");
            assert_eq!(
                result["status"]["details"][0]["reason"] == "SCORECARD_TEMPLATE_DEACTIVATED",
                !taken,
                "{result}"
            );
        }
    }

    // Existing scorecards can be finished: a draft is scored, submitted, and replaced by a load.
    let scores = json!({"scorecard": {"scores": [{"criterionId": "greeting", "numericValue": 5}]}});
    service.succeed(&Event::new("PATCH", "scorecards/draft-1").with_text(&scores.to_string())).await;
    service.succeed(&Event::post("scorecards/draft-1:submit", json!({}))).await;
    let mut finished = scorecard(json!({"name": below_support("scorecards/submitted-1"), "submitTime": NOW}));
    let replace = |entry: &Value| {
        Event::post("scorecards:batchUpsert", json!({"scorecards": [entry]})).by("service", "sync@acme")
    };
    assert!(service.succeed(&replace(&finished)).await["results"][0].get("scorecard").is_some());
    // No other scorecard becomes one of the template.
    service.template("other", json!({})).await;
    finished["name"] = below_support("scorecards/of-another").into();
    finished["templateName"] = below_support("scorecardTemplates/other").into();
    assert!(service.succeed(&replace(&finished)).await["results"][0].get("scorecard").is_some());
    finished["templateName"] = below_support("scorecardTemplates/quality").into();
    let refused = service.succeed(&replace(&finished)).await["results"][0]["status"].clone();
    assert_eq!(refused["details"][0]["reason"], "SCORECARD_TEMPLATE_DEACTIVATED", "{refused}");

    let again = service.succeed(&create(json!({})).with("requestId", request_id)).await;
    assert_eq!(again, before, "a repeat is answered as at first");
}

#[tokio::test]
async fn an_auto_fail_criterion_without_a_score_does_not_apply() {
    let service = TestService::seeded().await;
    let greeting = json!({"criterionId": "greeting", "numericValue": 4});
    for (privacy, total, failed) in [
        (None, 80.0, false),
        (Some(json!({"criterionId": "privacy", "notApplicable": true})), 80.0, false),
        (Some(json!({"criterionId": "privacy", "textValue": "not asked"})), 80.0, false),
        (Some(json!({"criterionId": "privacy", "numericValue": 0})), 0.0, true),
        (Some(json!({"criterionId": "privacy", "numericValue": 1})), 90.0, false),
    ] {
        let scores: Vec<&Value> = std::iter::once(&greeting).chain(&privacy).collect();
        let answer = service.succeed(&create(json!({"scores": scores}))).await;
        let scorecard = &answer["scorecard"];
        assert_eq!(scorecard["totalScore"], total, "{privacy:?}");
        assert_eq!(scorecard.get("autoFailed").is_some(), failed, "{privacy:?}");
    }
}

#[tokio::test]
async fn texts_among_scores_are_bounded_together_as_they_are_stored() {
    let service = TestService::seeded().await;
    let criteria: Vec<Value> = (0..200).map(|number| json!({"criterionId": format!("criterion-{number}")})).collect();
    let chapters = json!({"chapters": [{"chapterId": "all", "criteria": criteria}]});
    service.template("long", json!({"template": chapters})).await;
    // As a JSON string, each is 2,050 bytes.
    let text = "\"".repeat(1024);
    let scorecard = |scores: usize| {
        let scores = (0..scores).map(|number| json!({"criterionId": format!("criterion-{number}"), "textValue": text}));
        json!({
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ana"),
            "templateName": below_support("scorecardTemplates/long"),
            "scores": scores.collect::<Vec<_>>(),
            "comment": "x".repeat(64 * 1024),
        })
    };
    let refused = service.refused(&Event::post("scorecards", scorecard(64)), 400).await;
    assert_eq!(refused.refused_fields(), ["scores"]);
    let created = service.succeed(&Event::post("scorecards", scorecard(63))).await;
    let path = created["scorecard"]["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    service.succeed(&Event::post(&format!("scorecards/{path}:submit"), json!({}))).await;
    let acknowledged = json!({"acknowledgeComment": "x".repeat(64 * 1024)});
    service.succeed(&Event::post(&format!("scorecards/{path}:acknowledge"), acknowledged).by("agent", "ana")).await;
}
