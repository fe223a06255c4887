//! `export-sessions`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{
    Case, Event, Target, TestService, merge, plan_name, replay, rows_by_column, session_name, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 17] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "as-messages", status: 200, refused: &[] },
    Case { name: "by-agent", status: 200, refused: &[] },
    Case { name: "by-plan", status: 200, refused: &[] },
    Case { name: "by-usecases", status: 200, refused: &[] },
    Case { name: "by-states", status: 200, refused: &[] },
    Case { name: "by-overdue", status: 200, refused: &[] },
    Case { name: "by-session-time", status: 200, refused: &[] },
    Case { name: "by-update-time", status: 200, refused: &[] },
    Case { name: "as-a-job", status: 200, refused: &[] },
    Case { name: "of-an-agents-own", status: 200, refused: &[] },
    Case { name: "as-a-job-by-an-agent", status: 400, refused: &["asJob"] },
    Case { name: "of-a-colleague-by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseNames", "coachingPlanName", "agentUserName"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &["agentUserName", "states[0]", "overdue", "endSessionTime", "format", "timeZoneId", "timeZoneOffset"],
    },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("export-sessions", &CASES, Target::Handler(&export_sessions::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("export-sessions", &CASES, Target::Binary(env!("CARGO_BIN_EXE_export-sessions"))).await;
}

fn export(body: Value) -> Event {
    Event::post("coachingSessions:export", body)
}

async fn lines(service: &TestService, event: &Event) -> Vec<Value> {
    let answered = service.succeed(event).await;
    let content = answered["content"].as_str().unwrap_or_else(|| panic!("{answered}"));
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A session of `agent`'s, as a source that imports writes it.
async fn session(service: &TestService, id: &str, agent: &str, more: Value) {
    let mut session = json!({
        "name": session_name(id),
        "agentUserName": user_name(agent),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(&format!("{agent}-plan")),
    });
    merge(&mut session, more);
    service.succeed(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
}

#[tokio::test]
async fn each_filter_exports_what_it_lists_in_its_order() {
    let service = TestService::seeded().await;
    service.usecases(&["care", "sales"]).await;
    session(
        &service,
        "early",
        "ben",
        json!({"createTime": "2026-04-01T09:00:00Z", "usecaseName": usecase_name("sales")}),
    )
    .await;
    session(
        &service,
        "late",
        "ben",
        json!({"sessionTime": "2026-06-20T09:00:00Z", "createTime": "2026-05-30T09:00:00Z"}),
    )
    .await;
    session(&service, "missed", "ben", json!({"sessionTime": "2026-05-31T09:00:00Z"})).await;
    for (filter, query) in [
        (json!({}), String::new()),
        (json!({"agentUserName": user_name("ben")}), format!("agentUserName={}", user_name("ben"))),
        (json!({"coachingPlanName": plan_name("ana-plan")}), format!("coachingPlanName={}", plan_name("ana-plan"))),
        (
            json!({"usecaseNames": [usecase_name("sales"), usecase_name("care")]}),
            format!("usecaseNames={}&usecaseNames={}", usecase_name("sales"), usecase_name("care")),
        ),
        (json!({"states": ["HELD", "SUBMITTED"]}), "states=HELD&states=SUBMITTED".to_owned()),
        (json!({"overdue": true}), "overdue=true".to_owned()),
        (json!({"overdue": false}), "overdue=false".to_owned()),
        (
            json!({"startSessionTime": "2026-05-25T10:00:00Z", "endSessionTime": "2026-06-20T09:00:00Z"}),
            "startSessionTime=2026-05-25T10:00:00Z&endSessionTime=2026-06-20T09:00:00Z".to_owned(),
        ),
        (
            json!({"startUpdateTime": "2026-05-01T00:00:00Z", "states": ["SCHEDULED"]}),
            "startUpdateTime=2026-05-01T00:00:00Z&states=SCHEDULED".to_owned(),
        ),
    ] {
        let listed = service.succeed(&Event::get("coachingSessions").with_query(&query)).await;
        assert!(!listed["coachingSessions"].as_array().unwrap().is_empty(), "{query}");
        let mut body = filter.clone();
        body["format"] = json!("NDJSON");
        let mut listed = listed["coachingSessions"].clone();
        listed
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|one| _ = one.as_object_mut().unwrap().remove("privateNotes"));
        assert_eq!(json!(lines(&service, &export(body)).await), listed, "{filter}");
    }
}

#[tokio::test]
async fn a_row_is_a_session_in_the_time_zone() {
    let service = TestService::seeded().await;
    let answered = service.succeed(&export(json!({"states": ["SUBMITTED"], "timeZoneId": "America/New_York"}))).await;
    assert_eq!(answered["fileName"], "coaching-sessions-2026-06-01.csv");
    let rows = rows_by_column(answered["content"].as_str().unwrap());
    let told = ["coaching_session_name", "state", "overdue", "agent_display_name", "usecase_name", "session_time"];
    let own = session_name("submitted-1");
    let usecase = usecase_name("care");
    let expected = [own.as_str(), "SUBMITTED", "false", "Agent ana", usecase.as_str(), "2026-05-26T06:00:00-04:00"];
    assert_eq!(rows.len(), 1);
    assert_eq!(told.map(|column| rows[0][column].as_str()), expected);
    assert_eq!((&*rows[0]["meeting_notes"], &*rows[0]["acknowledge_time"]), ("One call.", ""));
}

#[tokio::test]
async fn nobody_gets_private_notes_and_agents_get_their_own_sessions_as_they_see_them() {
    let service = TestService::seeded().await;
    session(&service, "bens", "ben", json!({"meetingNotes": "Of ben.", "privateNotes": "Of ben, too."})).await;
    let all = lines(&service, &export(json!({"format": "NDJSON"}))).await;
    let held = all.iter().find(|one| one["name"] == session_name("held-1")).unwrap();
    assert_eq!((held.get("privateNotes"), &held["meetingNotes"]), (None, &json!("Two calls.")));
    let table = service.succeed(&export(json!({}))).await;
    let table = table["content"].as_str().unwrap();
    assert!(table.contains("Two calls.") && !table.contains("Tired.") && !table.contains("Of ben, too."), "{table}");

    for (body, expected) in [
        (json!({}), 3),
        (json!({"agentUserName": user_name("ana")}), 3),
        (json!({"coachingPlanName": plan_name("ben-plan")}), 0),
        (json!({"coachingPlanName": plan_name("none")}), 0),
        // Notes that are no draft to her hold no session.
        (json!({"states": ["SUBMITTED"]}), 1),
    ] {
        let mut body = body;
        body["format"] = json!("NDJSON");
        let own = lines(&service, &export(body.clone()).by("agent", "ana")).await;
        assert_eq!(own.len(), expected, "{body}");
        let listed = service.succeed(&Event::get("coachingSessions").by("agent", "ana")).await;
        let listed = listed["coachingSessions"].as_array().unwrap();
        for one in &own {
            assert!(listed.contains(one), "{one}");
            assert!(one.get("privateNotes").is_none(), "{one}");
            assert_eq!(one.get("meetingNotes").is_some(), one["state"] == "SUBMITTED", "{one}");
        }
    }
    let table = service.succeed(&export(json!({})).by("agent", "ana")).await;
    let table = table["content"].as_str().unwrap();
    assert!(!table.contains("Tired.") && !table.contains("Two calls.") && !table.contains("ben"), "{table}");
    assert_eq!(rows_by_column(table).len(), 3);
}

#[tokio::test]
async fn an_agents_export_is_in_the_answer_or_refused() {
    let service = TestService::seeded().await;
    let notes = "x".repeat(60 * 1024);
    for number in 0..75 {
        let more = json!({"meetingNotes": notes, "managerSubmitTime": "2026-05-26T11:00:00Z", "createTime": "2026-05-20T09:00:00Z"});
        session(&service, &format!("long-{number}"), "ana", more).await;
    }
    assert!(service.succeed(&export(json!({}))).await["job"].is_string());
    let refused = service.refused(&export(json!({})).by("agent", "ana"), 400).await;
    assert_eq!(refused.refused_fields(), ["body"]);
    let less = export(json!({"states": ["SCHEDULED", "HELD"]})).by("agent", "ana");
    assert!(service.succeed(&less).await["content"].is_string());
}

#[tokio::test]
async fn a_caller_who_is_confined_to_a_profile_is_not_told_who_is_employed() {
    let service = TestService::seeded().await;
    let confined = |body: Value| export(body).with_claim("profiles", json!("support"));
    let nobody = json!({"agentUserName": user_name("nobody")});
    let answered = service.succeed(&confined(nobody.clone())).await;
    assert_eq!(answered["rowCount"], 0);
    assert_eq!(service.refused(&export(nobody), 400).await.refused_fields(), ["agentUserName"]);
    let elsewhere = export(json!({})).with_claim("profiles", json!("sales"));
    assert_eq!(service.refused(&elsewhere, 403).await.reason(), "PERMISSION_DENIED");
}
