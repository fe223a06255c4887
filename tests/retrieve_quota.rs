//! `retrieve-quota`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, Target, TestService, replay};
use serde_json::{Value, json};

const CASES: [Case; 12] = [
    Case { name: "done", status: 200, refused: &[] },
    Case { name: "of-a-range", status: 200, refused: &[] },
    Case { name: "of-a-revision", status: 200, refused: &[] },
    Case { name: "of-another-usecase", status: 400, refused: &["usecaseName"] },
    Case { name: "bad-fields", status: 400, refused: &["usecaseName", "startTime", "endTime"] },
    Case { name: "empty-range", status: 400, refused: &["endTime"] },
    Case { name: "too-many", status: 400, refused: &["startTime"] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "every-revision", status: 400, refused: &["name"] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-quota", &CASES, Target::Handler(&retrieve_quota::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-quota", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-quota"))).await;
}

fn periods(body: Value) -> Event {
    Event::post("scorecardTemplates/quality:retrieveEvaluationPeriods", body)
}

/// Each period as its start and end, in days and hours of a month.
fn shown(answer: &Value, of: &str) -> Vec<String> {
    let time = |time: &Value| time.as_str().unwrap().trim_end_matches(":00:00Z").to_owned();
    let periods = answer[of].as_array().unwrap().iter();
    periods.map(|period| format!("{} {}", time(&period["startTime"]), time(&period["endTime"]))).collect()
}

async fn set(service: &TestService, periods: Value) {
    let template = json!({"scorecardTemplate": {"qaTaskConfig": {"evaluationPeriodConfig": periods}}});
    let event = Event::new("PATCH", "scorecardTemplates/quality").with_text(&template.to_string());
    service.succeed(&event).await;
}

#[tokio::test]
async fn all_periods_through_the_next_or_those_of_a_range() {
    let service = TestService::seeded().await;
    // Now is Monday, the first of June: a period has just begun.
    let weeks = ["2026-05-11T04 2026-05-18T04", "2026-05-18T04 2026-05-25T04", "2026-05-25T04 2026-06-01T04"];
    let now = ["2026-06-01T04 2026-06-08T04", "2026-06-08T04 2026-06-15T04"];
    let all = service.succeed(&periods(json!({})).by("agent", "ana")).await;
    assert_eq!(shown(&all, "evaluationPeriods"), [&weeks[..], &now].concat());
    assert_eq!(all["conversationEvaluationPeriods"], json!([]));
    for (body, expected) in [
        (json!({"startTime": "2026-06-01T04:00:00Z"}), &now[..]),
        (json!({"startTime": "2026-06-01T03:59:59.999999999Z"}), &[weeks[2], now[0], now[1]]),
        (json!({"startTime": "2026-06-15T04:00:00Z"}), &[]),
        (json!({"endTime": "2026-05-25T04:00:00Z"}), &weeks[..2]),
        (json!({"endTime": "2026-05-25T04:00:00.000000001Z"}), &weeks),
        (json!({"startTime": "2026-05-20T00:00:00Z", "endTime": "2026-05-20T00:00:01Z"}), &weeks[1..2]),
        // The clocks of New York go back on the first of November: a week of 169 hours.
        (
            json!({"startTime": "2026-10-26T04:00:00Z", "endTime": "2026-11-09T05:00:00Z"}),
            &["2026-10-26T04 2026-11-02T05", "2026-11-02T05 2026-11-09T05"],
        ),
    ] {
        assert_eq!(shown(&service.succeed(&periods(body.clone())).await, "evaluationPeriods"), expected, "{body}");
    }
    service.advance(TimeDelta::days(7));
    let later = service.succeed(&periods(json!({"startTime": "2026-06-08T04:00:00Z"}))).await;
    assert_eq!(shown(&later, "evaluationPeriods"), [now[1], "2026-06-15T04 2026-06-22T04"]);
}

#[tokio::test]
async fn settings_of_now_count_and_a_thousand_periods_at_most() {
    let service = TestService::seeded().await;
    let conversations = json!({"startOffsetDays": -7, "endOffsetDays": 0});
    let cairo = json!({
        "kind": "WEEK", "timeZoneId": "Africa/Cairo", "startDayOfWeek": "FRIDAY", "anchorDate": "2026-04-24",
        "overrideTimeRange": conversations,
    });
    set(&service, cairo).await;
    // The 24th of April 2026 has no midnight in Cairo: it starts when the clocks jump.
    let body = json!({"endTime": "2026-04-30T21:00:00Z"});
    let answer = service.succeed(&periods(body)).await;
    assert_eq!(shown(&answer, "evaluationPeriods"), ["2026-04-23T22 2026-04-30T21"]);
    assert_eq!(shown(&answer, "conversationEvaluationPeriods"), ["2026-04-16T22 2026-04-30T21"]);

    let period = |start: &str, end: &str| json!({"startTime": start, "endTime": end});
    let custom = [
        period("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        period("2026-03-01T00:00:00Z", "2026-06-02T00:00:00Z"),
        period("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"),
        period("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"),
    ];
    set(&service, json!({"kind": "CUSTOM", "periods": custom})).await;
    let answer = service.succeed(&periods(json!({}))).await;
    assert_eq!(answer["evaluationPeriods"], json!(custom[..3]), "through the next");
    let answer = service.succeed(&periods(json!({"endTime": "2030-01-01T00:00:00Z"}))).await;
    assert_eq!(answer["evaluationPeriods"], json!(custom));

    set(&service, json!({"kind": "WEEK", "anchorDate": "2000-01-03"})).await;
    assert_eq!(service.refused(&periods(json!({})), 400).await.refused_fields(), ["startTime"]);
    let thousand = json!({"startTime": "2000-01-03T00:00:00Z", "endTime": "2019-03-04T00:00:00Z"});
    let answer = service.succeed(&periods(thousand)).await;
    assert_eq!(answer["evaluationPeriods"].as_array().unwrap().len(), 1000);
    let one_more = json!({"startTime": "2000-01-03T00:00:00Z", "endTime": "2019-03-04T00:00:00.1Z"});
    assert_eq!(service.refused(&periods(one_more), 400).await.refused_fields(), ["startTime"]);

    set(&service, Value::Null).await;
    assert_eq!(service.refused(&periods(json!({})), 400).await.reason(), "NO_QA_TASK_CONFIG");
    // A template for all usecases is for any.
    let template = json!({"scorecardTemplate": {"usecaseNames": []}}).to_string();
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&template)).await;
    let any = json!({"usecaseName": "customers/acme/profiles/support/usecases/other"});
    assert_eq!(service.refused(&periods(any), 400).await.reason(), "NO_QA_TASK_CONFIG");
}
