//! `export-progresses`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, perform, plan_name, replay, rows_by_column, usecase_name,
    user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 12] = [
    Case { name: "everyone", status: 200, refused: &[] },
    Case { name: "as-messages", status: 200, refused: &[] },
    Case { name: "a-team", status: 200, refused: &[] },
    Case { name: "a-row-per-target", status: 200, refused: &[] },
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
            "layout",
            "format",
            "timeZoneId",
            "timeZoneOffset",
        ],
    },
    Case { name: "without-what-is-required", status: 400, refused: &["usecaseNames"] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("export-progresses", &CASES, Target::Handler(&export_progresses::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("export-progresses", &CASES, Target::Binary(env!("CARGO_BIN_EXE_export-progresses"))).await;
}

fn body(more: Value) -> Value {
    let mut body = json!({"usecaseNames": [usecase_name("care")]});
    merge(&mut body, more);
    body
}

/// A second target, of ana's plan.
async fn own_target(service: &TestService) {
    let target = json!({
        "name": below_support("targets/of-ana"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "target": 90,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    service.succeed(&Event::post("targets", target)).await;
}

#[tokio::test]
async fn rows_have_the_figures_that_the_operation_answers() {
    let service = TestService::seeded().await;
    own_target(&service).await;
    let answered = service.succeed(&Event::post("coachingProgresses:retrieve", body(json!({})))).await;
    let agents = answered["agentCoachingProgresses"].as_array().unwrap();
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map(|number| number.to_string()).unwrap(),
        other => panic!("{other}"),
    };
    let exported = service.succeed(&Event::post("coachingProgresses:export", body(json!({})))).await;
    assert_eq!(exported["fileName"], "coaching-progress-2026-05-03-2026-06-02.csv");
    let rows = rows_by_column(exported["content"].as_str().unwrap());
    assert_eq!(rows.len(), agents.len());
    for (row, agent) in rows.iter().zip(agents) {
        for (column, field) in [
            ("agent_user_name", "agentUserName"),
            ("agent_display_name", "agentDisplayName"),
            ("progress", "progress"),
            ("gap", "gap"),
            ("session_count", "coachingSessionCount"),
        ] {
            assert_eq!(row[column], text(&agent[field]), "{column}");
        }
        assert_eq!(row["target_count"], agent["criterionProgresses"].as_array().unwrap().len().to_string());
        assert_eq!((&*row["start_day_utc"], &*row["end_day_utc"]), ("2026-05-03", "2026-06-02"));
    }
    assert_eq!(rows[0]["coaching_plan_names"], plan_name("ana-plan"));

    let by_target = body(json!({"layout": "ROW_PER_TARGET"}));
    let exported = service.succeed(&Event::post("coachingProgresses:export", by_target)).await;
    let rows = rows_by_column(exported["content"].as_str().unwrap());
    let targets = agents.iter().flat_map(|agent| {
        let targets = agent["criterionProgresses"].as_array().unwrap();
        targets.iter().map(move |target| (&agent["agentUserName"], target))
    });
    let targets: Vec<(&Value, &Value)> = targets.collect();
    assert_eq!((rows.len(), targets.len()), (3, 3), "two of ana, and the organisation's of ben");
    for (row, (agent, target)) in rows.iter().zip(targets) {
        assert_eq!(row["agent_user_name"], text(agent));
        for (column, field) in [
            ("target_name", "targetName"),
            ("usecase_name", "usecaseName"),
            ("scorecard_template_name", "scorecardTemplateName"),
            ("criterion_or_chapter_id", "criterionOrChapterId"),
            ("criterion_display_name", "criterionDisplayName"),
            ("coaching_plan_name", "coachingPlanName"),
            ("baseline_score", "baselineScore"),
            ("score", "score"),
            ("progress", "progress"),
            ("target", "target"),
            ("gap", "gap"),
            ("baseline_scorecard_count", "baselineScorecardCount"),
            ("scorecard_count", "scorecardCount"),
        ] {
            assert_eq!(row[column], text(&target[field]), "{column}");
        }
    }
}

#[tokio::test]
async fn filters_choose_what_the_operation_answers() {
    let service = TestService::seeded().await;
    own_target(&service).await;
    for more in [
        json!({"agentUserNames": [user_name("ana")]}),
        json!({"groupNames": ["customers/acme/groups/team"], "includeIndirectGroupMembers": true}),
        json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-05-31T00:00:00Z"}),
        json!({"agentUserNames": [user_name("ana")], "startTime": "2026-05-01T00:00:00Z", "endTime": "2026-05-31T00:00:00Z"}),
        json!({"startTime": "2026-04-01T00:00:00Z", "endTime": "2026-05-01T00:00:00Z", "includeInactiveUsers": true}),
        json!({"scorecardTemplateNames": [below_support("scorecardTemplates/quality@*")], "includeDevUsers": true}),
    ] {
        let answered = service.succeed(&Event::post("coachingProgresses:retrieve", body(more.clone()))).await;
        let mut as_messages = body(more.clone());
        as_messages["format"] = json!("NDJSON");
        let exported = service.succeed(&Event::post("coachingProgresses:export", as_messages)).await;
        let lines = exported["content"].as_str().unwrap().lines();
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json!(lines), answered["agentCoachingProgresses"], "{more}");
    }
}

#[tokio::test]
async fn a_window_without_an_end_stays_that_of_the_request_while_a_job_is_done() {
    let service = TestService::seeded().await;
    let now = service.succeed(&Event::post("coachingProgresses:export", body(json!({})))).await;
    let started = service.succeed(&Event::post("coachingProgresses:export", body(json!({"asJob": true})))).await;
    service.advance(TimeDelta::hours(13));
    let job = started["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let event = json!({"customer": "acme", "profile": "support", "job": job});
    let until = Instant::now() + Duration::from_secs(60);
    perform(&run_job::TASK, &service.app, event, until).await.unwrap();
    let files = service.files.all_in_memory();
    let file = files.iter().find(|(key, _)| key.contains(&job)).unwrap().1;
    assert_eq!(std::str::from_utf8(file).unwrap(), now["content"].as_str().unwrap());
}
