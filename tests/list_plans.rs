//! `list-plans`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, plan_name, replay, session_name, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 21] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-agent-user-name", status: 200, refused: &[] },
    Case { name: "by-agent-user-names", status: 200, refused: &[] },
    Case { name: "by-group-names", status: 200, refused: &[] },
    Case { name: "by-is-active", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "by-focus-criteria", status: 200, refused: &[] },
    Case { name: "by-include-coaching-sessions", status: 200, refused: &[] },
    Case { name: "by-session-time-range", status: 200, refused: &[] },
    Case { name: "by-exclude-coaching-plan-comment", status: 200, refused: &[] },
    Case { name: "by-exclude-coaching-sessions-note-and-comment", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "everything-at-once", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "an-agent-after-a-group", status: 403, refused: &[] },
    Case { name: "unknown-group", status: 400, refused: &["groupNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "agentUserNames[0]",
            "sessionTimeRange.endTimestamp",
            "isActive",
            "focusCriteria[0].scorecardTemplateName",
            "focusCriteria[0].criterionOrChapterId",
            "pageSize",
        ],
    },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-include", status: 200, refused: &[] },
    Case { name: "an-agents-own-with-display-names", status: 200, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-plans", &CASES, Target::Handler(&list_plans::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-plans", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-plans"))).await;
}

// --- filters, and fields that are left out

async fn listed(service: &TestService, body: Value) -> Vec<String> {
    let answer = service.succeed(&Event::post("coachingPlans:list", body)).await;
    let plans = answer["coachingPlans"].as_array().unwrap().iter();
    plans.map(|plan| plan["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_in_any_combination() {
    let service = TestService::seeded().await;
    let focus = |criterion: &str| json!([{"scorecardTemplateName": below_support("scorecardTemplates/quality"), "criterionOrChapterId": criterion}]);
    service
        .plan_with(
            "closed",
            "ana",
            json!({"isActive": false, "createTime": "2026-01-01T00:00:00Z", "focusCriteria": focus("greeting")}),
        )
        .await;
    service.usecases(&["sales"]).await;
    service.plan_with("other", "eva", json!({"createTime": "2026-02-01T00:00:00Z", "usecaseName": usecase_name("sales"), "focusCriteria": focus("privacy")})).await;
    let (ana, team) = (user_name("ana"), "customers/acme/groups/team");
    for (body, expected) in [
        (json!({}), vec!["ana-plan", "ben-plan", "other", "closed"]),
        (json!({"agentUserName": ana}), vec!["ana-plan", "closed"]),
        (json!({"agentUserNames": [user_name("eva")], "agentUserName": ana}), vec!["ana-plan", "other", "closed"]),
        (json!({"groupNames": [team]}), vec!["ana-plan", "ben-plan", "closed"]),
        (json!({"isActive": false}), vec!["closed"]),
        (json!({"isActive": true, "groupNames": [team]}), vec!["ana-plan", "ben-plan"]),
        (json!({"usecaseNames": [usecase_name("sales"), usecase_name("care")]}), vec!["ana-plan", "ben-plan", "other"]),
        (json!({"usecaseNames": [usecase_name("care")], "agentUserName": user_name("eva")}), vec![]),
        (json!({"focusCriteria": focus("greeting")}), vec!["closed"]),
        (json!({"focusCriteria": focus("nothing")}), vec![]),
    ] {
        assert_eq!(listed(&service, body.clone()).await, expected, "{body}");
    }
    let many: Vec<String> =
        (0..30).map(|number| user_name(&format!("nobody-{number}"))).chain([user_name("eva")]).collect();
    assert_eq!(
        listed(&service, json!({"agentUserNames": many})).await,
        ["other"],
        "more agents than are read one by one"
    );
}

#[tokio::test]
async fn pages_are_full_and_tokens_are_of_their_request() {
    let service = TestService::seeded().await;
    for number in 0..5 {
        service
            .plan_with(
                &format!("p{number}"),
                "ana",
                json!({"createTime": format!("2026-01-0{}T00:00:00Z", number + 1)}),
            )
            .await;
    }
    let mut names = Vec::new();
    let mut body = json!({"agentUserName": user_name("ana"), "pageSize": 2});
    loop {
        let answer = service.succeed(&Event::post("coachingPlans:list", body.clone())).await;
        let plans = answer["coachingPlans"].as_array().unwrap();
        names.extend(plans.iter().map(|plan| plan["name"].clone()));
        match answer.get("nextPageToken") {
            Some(token) => body["pageToken"] = token.clone(),
            None => break,
        }
        assert_eq!(plans.len(), 2);
    }
    assert_eq!(names, ["ana-plan", "p4", "p3", "p2", "p1", "p0"].map(|id| json!(plan_name(id))));
    body["isActive"] = json!(true);
    let refused = service.refused(&Event::post("coachingPlans:list", body), 400).await;
    assert_eq!(refused.refused_fields(), ["pageToken"]);
}

#[tokio::test]
async fn a_page_token_is_bound_to_what_was_read_however_it_was_written() {
    let service = TestService::seeded().await;
    service.plan("another", "ana").await;
    let asked = json!({
        "agentUserNames": [user_name("ana")],
        "isActive": true,
        "includeCoachingSessions": true,
        "sessionTimeRange": {"startTimestamp": "2026-01-01T00:00:00Z", "endTimestamp": "2027-01-01T00:00:00Z"},
    });
    let with = |more: Value| {
        let mut body = asked.clone();
        merge(&mut body, more);
        body
    };
    let list = |body: &str| Event::post("coachingPlans:list", json!({})).with_text(body);
    let first = service.succeed(&list(&with(json!({"pageSize": 1})).to_string())).await;
    let token = first["nextPageToken"].as_str().unwrap().to_owned();
    let (ana, token_text) = (user_name("ana"), json!(token).to_string());
    let written_otherwise = format!(
        r#"{{"page_token": {token_text}, "session_time_range": {{"end_timestamp": "2027-01-01T00:00:00Z", "start_timestamp": "2026-01-01T00:00:00Z"}},
            "include_coaching_sessions": true, "is_active": true, "agent_user_names": ["{ana}"], "usecaseNames": [], "unknown": 1}}"#
    );
    assert_eq!(service.succeed(&list(&written_otherwise)).await["coachingPlans"].as_array().unwrap().len(), 1);
    for other in [
        json!({"agentUserNames": [user_name("ana"), user_name("ben")]}),
        json!({"agentUserName": user_name("ben")}),
        json!({"groupNames": ["customers/acme/groups/team"]}),
        json!({"isActive": null}),
        json!({"usecaseNames": [usecase_name("care")]}),
        json!({"includeCoachingSessions": false}),
        json!({"sessionTimeRange": {"startTimestamp": "2026-01-02T00:00:00Z", "endTimestamp": "2027-01-01T00:00:00Z"}}),
        json!({"sessionTimeRange": {"startTimestamp": "2026-01-01T00:00:00Z"}}),
        json!({"excludeCoachingPlanComment": true}),
        json!({"excludeCoachingSessionsNoteAndComment": true}),
        json!({"focusCriteria": [{"scorecardTemplateName": below_support("scorecardTemplates/quality"), "criterionOrChapterId": "greeting"}]}),
    ] {
        let mut body = with(json!({"pageToken": token}));
        for (name, value) in other.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = service.refused(&list(&body.to_string()), 400).await;
        assert_eq!(refused.refused_fields(), ["pageToken"], "{other}");
    }
}

#[tokio::test]
async fn sessions_come_on_request_and_notes_stay_away_on_request() {
    let service = TestService::seeded().await;
    let plan = async |more: Value, role: &str| {
        let mut body = json!({"agentUserName": user_name("ana")});
        merge(&mut body, more);
        let event = Event::post("coachingPlans:list", body).by(role, if role == "agent" { "ana" } else { "maria" });
        service.succeed(&event).await["coachingPlans"][0].clone()
    };
    assert_eq!(plan(json!({}), "manager").await["coachingSessions"], json!([]));
    let with_sessions = plan(json!({"includeCoachingSessions": true}), "manager").await;
    let sessions = with_sessions["coachingSessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter_map(|one| one.get("privateNotes")).collect::<Vec<_>>(), [&json!("Tired.")]);
    let in_range = plan(
        json!({"includeCoachingSessions": true, "sessionTimeRange": {"startTimestamp": "2026-05-26T10:00:00Z", "endTimestamp": "2026-06-08T10:00:00Z"}}),
        "manager",
    )
    .await;
    let names: Vec<&Value> = in_range["coachingSessions"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, [&json!(session_name("submitted-1"))]);
    let bare = json!({"includeCoachingSessions": true, "excludeCoachingPlanComment": true, "excludeCoachingSessionsNoteAndComment": true});
    let patch = json!({"coachingPlan": {"comment": "to be left out"}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingPlans/ana-plan").with_text(&patch)).await;
    let without = plan(bare, "manager").await;
    assert_eq!(without.get("comment"), None);
    for session in without["coachingSessions"].as_array().unwrap() {
        for field in ["meetingNotes", "privateNotes", "agentComment"] {
            assert_eq!(session.get(field), None);
        }
    }
    let to_the_agent = plan(json!({"includeCoachingSessions": true}), "agent").await;
    assert!(!to_the_agent.to_string().contains("Tired."));
}
