//! `validate-backfill`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, perform, replay, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 9] = [
    Case { name: "validated", status: 200, refused: &[] },
    Case { name: "every-field", status: 200, refused: &[] },
    Case { name: "as-a-job", status: 200, refused: &[] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "config.scorecardTemplates[0]",
            "config.onMaximumChange",
            "config.agentUserNames[0]",
            "config.usecaseNames",
            "config.endTime",
        ],
    },
    Case {
        name: "without-fields",
        status: 400,
        refused: &["config.scorecardTemplates", "config.startTime", "config.endTime"],
    },
    Case {
        name: "unknown-names",
        status: 400,
        refused: &[
            "config.usecaseNames",
            "config.agentUserNames",
            "config.scorecardTemplates[0]",
            "config.scorecardTemplates[1]",
        ],
    },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("validate-backfill", &CASES, Target::Handler(&validate_backfill::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("validate-backfill", &CASES, Target::Binary(env!("CARGO_BIN_EXE_validate-backfill"))).await;
}

fn validation(more: Value) -> Event {
    let mut config = json!({
        "scorecardTemplates": [below_support("scorecardTemplates/quality")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    merge(&mut config, more);
    Event::post("scorecardTemplates:validateBackfill", json!({"config": config}))
}

async fn report(service: &TestService, more: Value) -> Value {
    service.succeed(&validation(more)).await["report"].clone()
}

/// The second revision of `quality`: listening weighs as much as greeting, and privacy fails nothing.
async fn revise(service: &TestService) {
    let template = json!({"template": {"chapters": [
        {"chapterId": "opening", "displayName": "Opening", "criteria": [
            {"criterionId": "greeting", "displayName": "Greeting", "maximumValue": 5},
            {"criterionId": "listening", "displayName": "Listening", "maximumValue": 5},
        ]},
        {"chapterId": "duty", "displayName": "Duty", "criteria": [
            {"criterionId": "privacy", "displayName": "Privacy"},
        ]},
    ]}});
    let body = json!({"scorecardTemplate": template});
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&body.to_string())).await;
}

/// A scorecard of `agent`, as it is loaded.
fn scorecard(id: &str, agent: &str, values: [Option<f64>; 3], more: Value) -> Value {
    let scores = ["greeting", "listening", "privacy"].into_iter().zip(values);
    let scores: Vec<Value> =
        scores.filter_map(|(id, value)| Some(json!({"criterionId": id, "numericValue": value?}))).collect();
    let mut scorecard = json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support("scorecardTemplates/quality@1"),
        "scores": scores,
        "createTime": "2026-05-11T09:00:00Z",
        "submitTime": "2026-05-11T10:00:00Z",
    });
    merge(&mut scorecard, more);
    scorecard
}

async fn load(service: &TestService, scorecards: Vec<Value>) {
    let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards}));
    let results = service.succeed(&load.by("service", "sync@acme")).await;
    let results = results["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result.get("status").is_none()), "{results:?}");
}

#[tokio::test]
async fn a_report_has_the_figures_that_a_hand_works_out_and_nothing_is_written() {
    let service = TestService::seeded().await;
    revise(&service).await;
    // Revision 1 weighs 1, 2, 1, and a zero on privacy fails; revision 2 weighs 1, 1, 1.
    let all = [Some(5.0), Some(0.0), Some(1.0)];
    load(
        &service,
        vec![
            // (100 + 0 + 100) / 4 = 50 becomes 200 / 3 = 66.67.
            scorecard("rises", "ben", all, json!({})),
            // (60 + 2·100 + 100) / 4 = 90 becomes 260 / 3 = 86.67.
            scorecard("falls", "ben", [Some(3.0), Some(5.0), Some(1.0)], json!({})),
            // 0 by auto-fail becomes (100 + 100 + 0) / 3 = 66.67.
            scorecard(
                "fails",
                "ana",
                [Some(5.0), Some(5.0), Some(0.0)],
                json!({"acknowledgeTime": "2026-05-12T10:00:00Z"}),
            ),
            // 100 stays 100.
            scorecard("stays", "ana", [Some(5.0), None, Some(1.0)], json!({})),
            scorecard("nothing", "ana", [None, None, None], json!({})),
            scorecard("draft", "ana", all, json!({"submitTime": null})),
            scorecard(
                "late",
                "ana",
                all,
                json!({"createTime": "2026-06-01T00:00:00Z", "submitTime": "2026-06-01T00:00:00Z"}),
            ),
            scorecard("new", "ana", all, json!({"templateName": below_support("scorecardTemplates/quality@2")})),
        ],
    )
    .await;
    let before = service.items().await;
    let report = report(&service, json!({})).await;
    let name = |id: &str| below_support(&format!("scorecards/{id}"));
    // With `submitted-1`: 60 and 100 are 80 in both.
    for (field, expected) in [
        ("scorecardCount", json!(7)),
        ("upToDateCount", json!(1)),
        ("movingCount", json!(6)),
        ("changingCount", json!(3)),
        ("incompatibleCount", json!(0)),
        ("incompatibilities", json!([])),
        ("acknowledgedCount", json!(1)),
        ("scaledCount", json!(0)),
        ("agentCount", json!(2)),
        // (50 + 90 + 0 + 100 + 80) / 5 and (66.67 + 86.67 + 66.67 + 100 + 80) / 5.
        ("meanTotalBefore", json!(64.0)),
        ("meanTotalAfter", json!(80.002)),
        ("largestRise", json!(66.67)),
        ("largestFall", json!(3.33)),
        ("autoFailedCount", json!({"before": 1, "after": 0})),
        ("notApplicableCount", json!({"before": 1, "after": 1})),
        (
            "largestChanges",
            json!([
                {"scorecardName": name("fails"), "totalBefore": 0.0, "totalAfter": 66.67},
                {"scorecardName": name("rises"), "totalBefore": 50.0, "totalAfter": 66.67},
                {"scorecardName": name("falls"), "totalBefore": 90.0, "totalAfter": 86.67},
            ]),
        ),
        ("templateRevisions", json!([below_support("scorecardTemplates/quality@2")])),
        ("estimatedSeconds", json!(1)),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    assert_eq!(service.items().await, before);
}

#[tokio::test]
async fn what_is_named_narrows_what_moves() {
    let service = TestService::seeded().await;
    revise(&service).await;
    let acknowledged = json!({"acknowledgeTime": "2026-05-12T10:00:00Z"});
    load(
        &service,
        vec![
            scorecard("of-ben", "ben", [Some(5.0), None, None], json!({})),
            scorecard("of-ana", "ana", [Some(5.0), None, None], acknowledged),
        ],
    )
    .await;
    // Both, and `submitted-1` of Ana.
    for (more, moving) in [
        (json!({}), 3),
        (json!({"agentUserNames": [user_name("ben")]}), 1),
        (json!({"agentUserNames": [user_name("ana"), user_name("ben")]}), 3),
        (json!({"excludeAcknowledged": true}), 2),
        (json!({"usecaseNames": [usecase_name("care")]}), 3),
        (json!({"startTime": "2026-05-11T09:00:00.001Z"}), 1),
        (json!({"endTime": "2026-05-11T09:00:00Z"}), 0),
        (json!({"scorecardTemplates": [below_support("scorecardTemplates/quality@2")]}), 3),
        (json!({"scorecardTemplates": [below_support("scorecardTemplates/quality@1")]}), 0),
    ] {
        let report = report(&service, more.clone()).await;
        assert_eq!(report["movingCount"], moving, "{more}");
    }
    service.usecases(&["other"]).await;
    assert_eq!(report(&service, json!({"usecaseNames": [usecase_name("other")]})).await["scorecardCount"], 0);
}

#[tokio::test]
async fn a_fingerprint_is_another_if_a_single_version_is() {
    let service = TestService::seeded().await;
    revise(&service).await;
    load(&service, vec![scorecard("one", "ben", [Some(5.0), None, None], json!({}))]).await;
    let fingerprint = async |more: Value| report(&service, more).await["fingerprint"].as_str().unwrap().to_owned();
    let first = fingerprint(json!({})).await;
    assert_eq!((first.len(), fingerprint(json!({})).await), (64, first.clone()));
    assert_ne!(fingerprint(json!({"onMaximumChange": "SCALE"})).await, first);
    let comment = json!({"scorecard": {"comment": "Heard again."}});
    service.succeed(&Event::new("PATCH", "scorecards/one").with_text(&comment.to_string())).await;
    assert_ne!(fingerprint(json!({})).await, first);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_a_job() {
    let service = TestService::seeded().await;
    revise(&service).await;
    load(&service, vec![scorecard("one", "ben", [Some(5.0), None, None], json!({}))]).await;
    let mut item = service.items().await["acme#support#scorecard#one / scorecard"].clone();
    item.insert("scores".to_owned(), AttributeValue::S("{".to_owned()));
    service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();

    let request = validation(json!({})).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let started = service.succeed(&request).await;
    assert!(started.get("report").is_none(), "{started}");
    assert_eq!(service.succeed(&request).await, started, "a repeat gets the same job");
    let id = started["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let before = service.items().await;
    let event = json!({"customer": "acme", "profile": "support", "job": id});
    perform(&run_job::TASK, &service.app, event, Instant::now() + Duration::from_secs(60)).await.unwrap();
    let job = service.succeed(&Event::get(&format!("jobs/{id}"))).await["job"].clone();
    assert_eq!((&job["kind"], &job["state"]), (&json!("VALIDATE_BACKFILL"), &json!("SUCCEEDED")));
    assert_eq!((&job["report"]["movingCount"], &job["skippedCount"]), (&json!(1), &json!(1)));
    assert_eq!(job["report"]["fingerprint"].as_str().unwrap().len(), 64);
    let name = below_support("scorecards/one");
    assert_eq!(job["warnings"], json!([format!("'{name}' was left out: it cannot be read")]));
    let written = service.items().await;
    let differ: Vec<&String> = written.keys().filter(|key| before.get(*key) != written.get(*key)).collect();
    assert_eq!(differ.len(), 2, "the job and the number of jobs: {differ:?}");
}

#[tokio::test]
async fn a_deleted_template_is_refused() {
    let service = TestService::seeded().await;
    service.succeed(&Event::new("DELETE", "scorecardTemplates/quality")).await;
    let refused = service.refused(&validation(json!({})), 400).await;
    assert_eq!(refused.reason(), "TEMPLATE_DELETED");
    assert!(
        refused.body["message"].as_str().unwrap().starts_with("config.scorecardTemplates[0]: "),
        "{}",
        refused.body
    );
}
