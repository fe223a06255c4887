//! `create-plan`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, NOW, Target, TestService, merge, plan_name, replay, usecase_name, user_name};
use serde_json::{Value, json};

const CASES: [Case; 12] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "every-field-imported", status: 200, refused: &[] },
    Case { name: "name-taken", status: 409, refused: &[] },
    Case { name: "missing-fields", status: 400, refused: &["agentUserName", "creatorUserName", "isActive"] },
    Case { name: "ends-before-it-starts", status: 400, refused: &["endTime"] },
    Case {
        name: "bad-focus-criteria",
        status: 400,
        refused: &[
            "focusCriteria[0].scorecardTemplateName",
            "focusCriteria[1].scorecardTemplateName",
            "focusCriteria[1].criterionOrChapterId",
        ],
    },
    Case { name: "bad-json", status: 400, refused: &["body"] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-people", status: 400, refused: &["agentUserName", "creatorUserName"] },
    Case { name: "unknown-names", status: 400, refused: &["focusCriteria[1].scorecardTemplateName", "usecaseName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-plan", &CASES, Target::Handler(&create_plan::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-plan", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-plan"))).await;
}

fn plan_with(more: Value) -> Value {
    let mut plan = json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
    });
    merge(&mut plan, more);
    plan
}

fn create(more: Value) -> Event {
    Event::post("coachingPlans", plan_with(more))
}

#[tokio::test]
async fn every_field_of_the_reference_round_trips() {
    let service = TestService::start().await;
    service.usecase().await;
    for template in ["quality", "sales"] {
        service.template(template, json!({})).await;
    }
    let mut every = plan_with(json!({
        "name": plan_name("imported-1"),
        "isActive": false,
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-04-01T00:00:00.250Z",
        "startTime": "2026-01-01T00:00:00Z",
        "endTime": "2026-04-01T00:00:00Z",
        "displayName": "Greeting",
        "comment": "Done.",
        "managerCommentSubmitTime": "2026-04-01T00:00:00Z",
        "usecaseName": usecase_name("care"),
        "focusBehaviors": ["greeting", "ownership"],
        "focusCriteria": [
            {"scorecardTemplateName": "customers/acme/profiles/support/scorecardTemplates/quality", "criterionOrChapterId": "greeting"},
            {"scorecardTemplateName": "customers/acme/profiles/support/scorecardTemplates/sales", "criterionOrChapterId": "closing"},
        ],
        "coachingSessions": [],
    }));
    let answered = service.send(&Event::post("coachingPlans", every.clone()).by("service", "sync@acme")).await;
    let etag = answered.body["coachingPlan"]["etag"].clone();
    assert_eq!(answered.headers["etag"], etag.to_string(), "quoted, as the header has it");
    every["etag"] = etag;
    assert_eq!(answered.body, json!({"coachingPlan": every}));
    let read = service.send(&Event::get("coachingPlans/imported-1")).await;
    assert_eq!(read.body, json!({"coachingPlan": every}));
    assert_eq!(read.headers["etag"], every["etag"].to_string());
}

#[tokio::test]
async fn a_managers_times_are_the_services_own() {
    let service = TestService::start().await;
    let answered = service
        .send(&create(json!({"createTime": "2020-01-01T00:00:00Z", "updateTime": "2010-01-01T00:00:00Z"})))
        .await;
    assert_eq!(answered.body["coachingPlan"]["createTime"], NOW);
    assert_eq!(answered.body["coachingPlan"]["updateTime"], NOW);
    assert_eq!(answered.body["coachingPlan"]["focusBehaviors"], json!([]));
}

#[tokio::test]
async fn limits_are_exact() {
    let service = TestService::start().await;
    let fits = json!({
        "displayName": "x".repeat(1024),
        "comment": "x".repeat(64 * 1024),
        "focusBehaviors": vec!["x".repeat(1024); 50],
    });
    assert_eq!(service.send(&create(fits)).await.status, 200);
    let over = json!({
        "displayName": "x".repeat(1025),
        "comment": "x".repeat(64 * 1024 + 1),
        "focusBehaviors": vec!["x"; 51],
    });
    let refused = service.refused(&create(over), 400).await;
    assert_eq!(refused.refused_fields(), ["focusBehaviors", "comment", "displayName"]);
}

#[tokio::test]
async fn a_repeated_request_id_answers_as_first() {
    let service = TestService::start().await;
    let event = create(json!({"displayName": "once"})).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let first = service.send(&event).await;
    assert_eq!(first.status, 200);
    let written = service.items().await;
    assert_eq!(service.send(&event).await.body, first.body);
    assert_eq!(service.items().await, written);
    let other = create(json!({"displayName": "twice"})).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    assert_eq!(service.refused(&other, 400).await.refused_fields(), ["requestId"]);
    let named = create(json!({"name": plan_name("taken")})).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a12");
    let first = service.send(&named).await;
    assert_eq!(service.send(&named).await.body, first.body, "its own name is not taken by another");
}

#[tokio::test]
async fn what_it_costs() {
    let service = TestService::start().await;
    let (_, spent) = service.spending(&create(json!({}))).await;
    // In a transaction 2 each for the plan, its child counts, its history, and its entry in the agent's record; and 1
    // for each of two indexes. Its agent and creator are read from the directory.
    assert_eq!((spent.calls, spent.write_units), (2, 10.0));
    assert!(spent.read_units == 2.0 || !service.tells_units_of_batches().await, "{}", spent.read_units);
}

#[tokio::test]
async fn a_plan_is_for_an_agent_of_the_profile_by_someone_of_the_directory() {
    let service = TestService::start().await;
    let person = |id: &str, more: Value| {
        let mut person = coaching_tests::user(id);
        merge(&mut person, more);
        person
    };
    let users = json!({"users": [
        person("everywhere", json!({"profileNames": []})),
        person("left", json!({"isActive": false})),
        person("seller", json!({"profileNames": ["customers/acme/profiles/sales"]})),
        person("promoted", json!({"roles": ["manager"]})),
    ]});
    let load = Event::post("", users).to("/v1/customers/acme/users:batchUpsert").by("service", "sync@acme");
    service.succeed(&load).await;
    let (manager, importers) = (["manager"].as_slice(), ["service", "admin"].as_slice());
    for (agent, roles, taken) in [
        ("everywhere", manager, true),
        ("left", manager, true),
        ("seller", manager, false),
        ("promoted", manager, false),
        ("nobody", manager, false),
        ("promoted", importers, true),
        ("left", importers, true),
        ("seller", importers, false),
        ("nobody", importers, false),
    ] {
        for role in roles {
            let event = create(json!({"agentUserName": user_name(agent)})).by(role, "someone");
            if taken {
                let plan = service.succeed(&event).await["coachingPlan"]["name"].clone();
                let session = json!({
                    "agentUserName": user_name(agent),
                    "creatorUserName": user_name("seller"),
                    "coachingPlanName": plan,
                });
                service.succeed(&Event::post("coachingSessions", session).by(role, "someone")).await;
            } else {
                assert_eq!(service.refused(&event, 400).await.refused_fields(), ["agentUserName"], "{agent}, {role}");
            }
        }
    }
    for role in ["manager", "service", "admin"] {
        let event = create(json!({"creatorUserName": user_name("nobody")})).by(role, "someone");
        assert_eq!(service.refused(&event, 400).await.refused_fields(), ["creatorUserName"], "{role}");
    }
}
