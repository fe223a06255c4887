//! `upsert-plans`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{
    Case, Event, Fault, Target, TestService, answer, below_support, merge, plan_name, replay, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "upserted", status: 200, refused: &[] },
    Case { name: "some-refused", status: 200, refused: &[] },
    Case { name: "no-list", status: 400, refused: &["coachingPlans"] },
    Case { name: "twice", status: 200, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-plans", &CASES, Target::Handler(&upsert_plans::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-plans", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-plans"))).await;
}

// --- effects of an upsert

#[tokio::test]
async fn every_entry_is_created_or_replaced_or_refused_by_itself() {
    let service = TestService::seeded().await;
    let plan = |id: &str, more: Value| {
        let mut plan = json!({
            "name": plan_name(id),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "isActive": true,
            "usecaseName": usecase_name("care"),
        });
        merge(&mut plan, more);
        plan
    };
    let body = json!({"coachingPlans": [
        plan("ana-plan", json!({"comment": "replaced", "isActive": false})),
        plan("new", json!({"displayName": "New"})),
        plan("ben-plan", json!({})),
        plan("bad", json!({"isActive": null})),
        plan("lost", json!({"usecaseName": usecase_name("nothing"), "focusCriteria": [
            {"scorecardTemplateName": below_support("scorecardTemplates/quality"), "criterionOrChapterId": "greeting"},
            {"scorecardTemplateName": below_support("scorecardTemplates/nothing"), "criterionOrChapterId": "greeting"},
        ]})),
    ]});
    let event = Event::post("coachingPlans:batchUpsert", body).by("service", "sync@acme");
    let answer = service.succeed(&event).await;
    let results = answer["results"].as_array().unwrap();
    assert_eq!(
        (&results[0]["coachingPlan"]["comment"], &results[0]["coachingPlan"]["isActive"]),
        (&json!("replaced"), &json!(false))
    );
    assert_eq!(results[1]["coachingPlan"]["displayName"], "New");
    for (result, field) in [(&results[2], "coachingPlan.agentUserName"), (&results[3], "coachingPlans[3].isActive")] {
        let violations = &result["status"]["details"][1]["fieldViolations"];
        assert_eq!(violations[0]["field"], field, "{result}");
    }
    let message = format!(
        "coachingPlans[4].focusCriteria[1].scorecardTemplateName: '{}' does not exist; \
         coachingPlans[4].usecaseName: '{}' does not exist",
        below_support("scorecardTemplates/nothing"),
        usecase_name("nothing")
    );
    assert_eq!(results[4]["status"]["message"], message);
    let written = service.items().await;
    assert_eq!(service.succeed(&event).await, answer);
    assert_eq!(service.items().await, written, "a repeat changes nothing");
    let changes = service.succeed(&Event::get("changes").with("name", &plan_name("ana-plan"))).await;
    assert_eq!(changes["changes"][0]["operation"], "upsert-plans");
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    assert_eq!(
        progress["agentCoachingProgresses"][0]["coachingPlanNames"],
        json!([plan_name("new")]),
        "only active plans"
    );
}

#[tokio::test]
async fn a_plan_that_changed_since_it_was_read_is_read_again() {
    let service = TestService::seeded().await;
    let (app, faulty) = service.behind_faults().await;
    let plan = json!({
        "name": plan_name("ana-plan"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
        "usecaseName": usecase_name("care"),
        "comment": "after all",
    });
    let event = Event::post("coachingPlans:batchUpsert", json!({"coachingPlans": [plan]})).by("service", "sync@acme");
    // All plans and usecases are read; then the first write finds another version.
    faulty.inject([Fault::Passed, Fault::Passed, Fault::cancelled(&["ConditionalCheckFailed", "None"])]);
    let answered = answer(event.operation(), &app, event.to_json()).await;
    assert_eq!((answered.status, faulty.left()), (200, 0), "{}", answered.body);
    assert_eq!(answered.body["results"][0]["coachingPlan"]["comment"], "after all", "{}", answered.body);
    let read = service.succeed(&Event::get("coachingPlans/ana-plan")).await;
    assert_eq!(read["coachingPlan"]["comment"], "after all");
}

#[tokio::test]
async fn a_plan_that_is_closed_and_opened_again_keeps_its_targets_and_past_windows_theirs() {
    let service = TestService::seeded().await;
    let plan = |is_active: bool| {
        let plan = json!({
            "name": plan_name("ana-plan"),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "isActive": is_active,
            "usecaseName": usecase_name("care"),
        });
        Event::post("coachingPlans:batchUpsert", json!({"coachingPlans": [plan]})).by("service", "sync@acme")
    };
    let target = json!({
        "name": below_support("targets/own"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "target": 60,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    service.succeed(&Event::post("targets", target)).await;
    let own_targets = async |more: Value| {
        let mut body = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
        merge(&mut body, more);
        let answer = service.succeed(&Event::post("coachingProgresses:retrieve", body)).await;
        let rows = answer["agentCoachingProgresses"][0]["criterionProgresses"].as_array().unwrap();
        rows.iter().filter(|row| row.get("coachingPlanName").is_some()).count()
    };
    let first_days = json!({"startTime": "2026-05-30T00:00:00Z", "endTime": "2026-06-02T00:00:00Z"});
    service.advance(TimeDelta::days(2));
    service.succeed(&plan(false)).await;
    assert_eq!((own_targets(json!({})).await, own_targets(first_days.clone()).await), (0, 1));
    service.advance(TimeDelta::days(2));
    service.succeed(&plan(true)).await;
    assert_eq!((own_targets(json!({})).await, own_targets(first_days).await), (1, 1));
    let between = json!({"startTime": "2026-05-30T00:00:00Z", "endTime": "2026-06-04T00:00:00Z"});
    assert_eq!(own_targets(between).await, 0, "it was closed when that window ended");
}

#[tokio::test]
async fn whom_a_new_plan_names_must_be_there_and_a_plan_that_is_there_keeps_its_people() {
    let service = TestService::seeded().await;
    let mut ana = coaching_tests::user("ana");
    merge(&mut ana, json!({"profileNames": ["customers/acme/profiles/sales"]}));
    let load = Event::post("", json!({"users": [ana]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    let plan = |id: &str, agent: &str, creator: &str| {
        json!({
            "name": plan_name(id),
            "agentUserName": user_name(agent),
            "creatorUserName": user_name(creator),
            "isActive": true,
            "usecaseName": usecase_name("care"),
            "comment": "from now on",
        })
    };
    let plans = json!({"coachingPlans": [
        plan("ana-plan", "ana", "maria"),
        plan("new", "ana", "nobody"),
        plan("of-ben", "ben", "maria"),
    ]});
    let answer = service.succeed(&Event::post("coachingPlans:batchUpsert", plans)).await;
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results[0]["coachingPlan"]["comment"], "from now on", "{answer}");
    let violations = results[1]["status"]["details"][1]["fieldViolations"].as_array().unwrap();
    let fields: Vec<&str> = violations.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["coachingPlans[1].agentUserName", "coachingPlans[1].creatorUserName"]);
    assert_eq!(results[2]["coachingPlan"]["name"], plan_name("of-ben"));
}
