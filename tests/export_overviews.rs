//! `export-overviews`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, plan_name, replay, rows_by_column, usecase_name, user,
    user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 11] = [
    Case { name: "everyone", status: 200, refused: &[] },
    Case { name: "as-messages", status: 200, refused: &[] },
    Case { name: "a-team", status: 200, refused: &[] },
    Case { name: "of-a-past-window", status: 200, refused: &[] },
    Case { name: "as-a-job", status: 200, refused: &[] },
    Case {
        name: "unknown-names",
        status: 400,
        refused: &["usecaseNames", "scorecardTemplateNames", "agentUserNames", "groupNames"],
    },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "agentUserNames[0]",
            "scorecardTemplateNames[0]",
            "endTime",
            "format",
            "timeZoneId",
            "timeZoneOffset",
        ],
    },
    Case { name: "without-what-is-required", status: 400, refused: &["usecaseNames", "startTime", "endTime"] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("export-overviews", &CASES, Target::Handler(&export_overviews::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("export-overviews", &CASES, Target::Binary(env!("CARGO_BIN_EXE_export-overviews"))).await;
}

fn body(more: Value) -> Value {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": "2026-05-02T00:00:00Z",
        "endTime": "2026-06-01T12:00:00Z",
    });
    merge(&mut body, more);
    body
}

#[tokio::test]
async fn a_row_has_the_figures_that_the_operation_answers() {
    let service = TestService::seeded().await;
    let answered = service.succeed(&Event::post("coachingOverviews:retrieve", body(json!({})))).await;
    let exported = service.succeed(&Event::post("coachingOverviews:export", body(json!({})))).await;
    assert_eq!(exported["fileName"], "coaching-overviews-2026-05-02-2026-06-01.csv");
    let rows = rows_by_column(exported["content"].as_str().unwrap());
    let overviews = answered["agentCoachingOverviews"].as_array().unwrap();
    assert_eq!(rows.len(), overviews.len());
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map(|number| number.to_string()).unwrap(),
        other => panic!("{other}"),
    };
    for (row, overview) in rows.iter().zip(overviews) {
        for (column, field) in [
            ("agent_user_name", "agentUserName"),
            ("agent_display_name", "agentDisplayName"),
            ("session_count", "coachingSessionCount"),
            ("scheduled_count", "scheduledCount"),
            ("held_count", "heldCount"),
            ("submitted_count", "submittedCount"),
            ("acknowledged_count", "acknowledgedCount"),
            ("overdue_not_held_count", "notHeldCount"),
            ("overdue_not_acknowledged_count", "notAcknowledgedCount"),
            ("scorecard_count", "scorecardCount"),
            ("average_score", "averageScore"),
            ("linked_scorecard_count", "linkedScorecardCount"),
        ] {
            assert_eq!(row[column], text(&overview[field]), "{column}");
        }
        assert_eq!(
            (&*row["is_active"], &*row["score_start_day_utc"], &*row["score_end_day_utc"]),
            ("true", "2026-05-02", "2026-06-02")
        );
    }
    let ana = &rows[0];
    let told = ["coaching_plan_names", "session_count", "last_session_time", "next_session_time", "average_score"];
    let plan = plan_name("ana-plan");
    assert_eq!(told.map(|column| ana[column].as_str()), [plan.as_str(), "2", "2026-05-26T10:00:00+00:00", "", "80"]);
}

#[tokio::test]
async fn filters_choose_the_agents_that_the_operation_answers() {
    let service = TestService::seeded().await;
    let mut users: Vec<Value> = ["left", "tester"].iter().map(|id| user(id)).collect();
    users[0]["isActive"] = json!(false);
    users[1]["isDevUser"] = json!(true);
    let load = Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    for more in [
        json!({}),
        json!({"includeInactiveUsers": true}),
        json!({"includeDevUsers": true}),
        json!({"agentUserNames": [user_name("ben"), user_name("left")]}),
        json!({"agentUserNames": [user_name("left")], "groupNames": ["customers/acme/groups/team"], "includeInactiveUsers": true}),
        json!({"startTime": "2026-04-01T00:00:00Z", "endTime": "2026-05-01T00:00:00Z", "includeInactiveUsers": true}),
        json!({"scorecardTemplateNames": [below_support("scorecardTemplates/quality@*")]}),
    ] {
        let answered = service.succeed(&Event::post("coachingOverviews:retrieve", body(more.clone()))).await;
        let mut as_messages = body(more.clone());
        as_messages["format"] = json!("NDJSON");
        let exported = service.succeed(&Event::post("coachingOverviews:export", as_messages)).await;
        let lines = exported["content"].as_str().unwrap().lines();
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json!(lines), answered["agentCoachingOverviews"], "{more}");
    }
}

#[tokio::test]
async fn a_caller_who_is_confined_to_a_profile_is_not_told_who_is_employed() {
    let service = TestService::seeded().await;
    let event = |more: Value| Event::post("coachingOverviews:export", body(more));
    let strangers = json!({"agentUserNames": [user_name("nobody")], "groupNames": ["customers/acme/groups/none"]});
    let answered = service.succeed(&event(strangers.clone()).with_claim("profiles", json!("support"))).await;
    assert_eq!(answered["rowCount"], 0);
    assert_eq!(service.refused(&event(strangers), 400).await.refused_fields(), ["agentUserNames", "groupNames"]);
}
