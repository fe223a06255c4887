//! Repeats of every create that takes a `requestId` (AIP-155).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use coaching_edge::{Operation, Partition};
use coaching_local::OPERATIONS;
use coaching_tests::{
    Event, TestService, answer, below_support, event_file, event_files, merge, plan_name, session_name, usecase_name,
    user_name,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

const REQUEST_ID: &str = "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11";

/// The functions that create one record and take a request id.
fn functions_with_request_ids() -> Vec<&'static str> {
    let takes = |operation: &&&Operation| {
        operation.access.iter().any(|access| access.partitions().contains(&Partition::Request))
    };
    OPERATIONS.iter().filter(takes).map(|operation| operation.name).collect()
}

fn with_request_id(mut event: Value) -> Value {
    let query = event["rawQueryString"].as_str().unwrap();
    let between = if query.is_empty() { "" } else { "&" };
    event["rawQueryString"] = format!("{query}{between}requestId={REQUEST_ID}").into();
    event
}

/// The event with a different text, target or title in its body, if it has one.
fn changed(mut event: Value) -> Option<Value> {
    let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    let before = body.clone();
    for field in ["meetingNotes", "message", "displayName", "title", "comment"] {
        if body.get(field).is_some() {
            body[field] = "Something else.".into();
        }
    }
    if body.get("asJob").is_some() {
        body["format"] = "NDJSON".into();
    }
    if body.get("config").is_some() {
        body["config"]["excludeAcknowledged"] = (body["config"]["excludeAcknowledged"] != true).into();
    }
    if body.get("target").is_some() {
        body["target"] = json!(12.5);
    }
    if body.get("conversationName").is_some() {
        body["conversationName"] = "customers/acme/profiles/support/conversations/another".into();
    }
    let differs = body != before;
    event["body"] = body.to_string().into();
    differs.then_some(event)
}

#[tokio::test]
async fn a_create_repeated_with_its_request_id_answers_the_same_and_creates_nothing() {
    let functions = functions_with_request_ids();
    assert_eq!(functions.len(), 12, "{functions:?}");
    for operation in OPERATIONS.into_iter().filter(|operation| functions.contains(&operation.name)) {
        let mut repeated = 0;
        for case in event_files(operation.name) {
            let service = TestService::seeded().await;
            let event = event_file(operation.name, &case);
            if event["isBase64Encoded"] == true || event["rawQueryString"].as_str().unwrap().contains("requestId") {
                continue;
            }
            let event = with_request_id(event);
            let first = answer(operation, &service.app, event.clone()).await;
            // An export or a validation in the answer creates nothing.
            let in_answer = ["content", "report"].iter().any(|field| first.body.get(field).is_some());
            if first.status != 200 || in_answer {
                continue;
            }
            let items = service.items().await;
            service.advance(chrono::TimeDelta::hours(23));
            let again = answer(operation, &service.app, event.clone()).await;
            assert_eq!(again, first, "{}/{case}", operation.name);
            assert_eq!(service.items().await, items, "{}/{case}: a repeat wrote something", operation.name);
            let Some(another) = changed(event) else { continue };
            let another = answer(operation, &service.app, another).await;
            assert_eq!(another.refused_fields(), ["requestId"], "{}/{case}: {}", operation.name, another.body);
            assert_eq!(service.items().await, items, "{}/{case}: a repeat wrote something", operation.name);
            repeated += 1;
        }
        assert!(repeated > 0, "{}", operation.name);
    }
}

/// A request that creates something, and the requests before its repeat.
struct Repeated {
    event: Event,
    /// The record that it creates, if it names one.
    name: &'static str,
    /// Successful requests in between.
    then: Vec<Event>,
    /// The status of the same request after that without its request id; 200 if it creates another record.
    refused: u16,
}

fn patch(path: &str, entity: &str, change: Value) -> Event {
    Event::new("PATCH", path).with_text(&json!({entity: change}).to_string())
}

/// A new revision of the template `quality`: without `greeting`, with other labels, and deactivated.
fn without_greeting() -> Event {
    let criteria = json!([{"criterionId": "listening", "displayName": "Hearing", "maximumValue": 9}]);
    let chapters = json!([{"chapterId": "opening", "displayName": "Start", "criteria": criteria}]);
    let change = json!({"template": {"chapters": chapters}, "deactivateTime": "2026-06-01T12:30:00Z"});
    patch("scorecardTemplates/quality", "scorecardTemplate", change)
}

fn force_deletion() -> Event {
    Event::new("DELETE", "coachingPlans/ana-plan?force=true")
}

fn repeated() -> Vec<Repeated> {
    let session = json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        // The time comes between the request and its repeat.
        "sessionTime": "2026-06-01T12:30:00Z",
    });
    let named_session = {
        let mut named = session.clone();
        merge(&mut named, json!({"name": session_name("repeated"), "usecaseName": usecase_name("care")}));
        named
    };
    let plan = json!({
        "name": plan_name("repeated"),
        "agentUserName": user_name("ben"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
        "usecaseName": usecase_name("care"),
    });
    let comment = json!({
        "creatorUserName": user_name("ana"),
        "coachingPlanName": plan_name("ana-plan"),
        "message": "Thanks.",
    });
    let on_plan = {
        let mut on_plan = comment.clone();
        on_plan["coachingPlanName"] = plan_name("repeated").into();
        on_plan["creatorUserName"] = user_name("maria").into();
        on_plan
    };
    let template = json!({
        "name": below_support("scorecardTemplates/repeated"),
        "title": "First",
        "template": {"chapters": [{"chapterId": "all", "criteria": [{"criterionId": "one"}]}]},
    });
    let scorecard = json!({
        "name": below_support("scorecards/repeated"),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": [{"criterionId": "greeting", "numericValue": 3}, {"criterionId": "listening", "numericValue": 5}],
    });
    let unnamed_scorecard = {
        let mut unnamed = scorecard.clone();
        merge(&mut unnamed, json!({"name": null}));
        unnamed
    };
    let target = json!({
        "name": below_support("targets/repeated"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": "greeting",
        "target": 70,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    let organisations = {
        let mut organisations = target.clone();
        merge(&mut organisations, json!({"coachingPlanName": null, "criterionOrChapterId": "opening"}));
        organisations
    };
    let exports = ["scorecards", "coachingSessions", "coachingProgresses", "coachingOverviews"].map(|of| {
        let body = json!({
            "startTime": "2026-05-01T00:00:00Z",
            "endTime": "2026-06-01T00:00:00Z",
            "usecaseNames": [usecase_name("care")],
            "asJob": true,
        });
        Event::post(&format!("{of}:export"), body)
    });
    // With the one that is there, as many unfinished jobs as a profile has.
    let exports = exports.map(|event| Repeated { event: event.clone(), name: "", then: vec![event; 3], refused: 429 });
    let config = json!({
        "scorecardTemplates": [below_support("scorecardTemplates/quality")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    let validation = Event::post("scorecardTemplates:validateBackfill", json!({"config": config, "asJob": true}));
    let to_the_end = || vec![without_greeting(), force_deletion()];
    let moved = |value: u32| patch("targets/repeated", "target", json!({"target": value}));
    vec![
        Repeated { event: Event::post("coachingSessions", session), name: "", then: to_the_end(), refused: 400 },
        Repeated {
            event: Event::post("coachingSessions", named_session),
            name: "coachingSessions/repeated",
            then: vec![
                patch("coachingSessions/repeated", "coachingSession", json!({"meetingNotes": "Later."})),
                Event::new("DELETE", "coachingSessions/repeated"),
                force_deletion(),
            ],
            refused: 400,
        },
        Repeated {
            event: Event::post("coachingPlans", plan.clone()),
            name: "coachingPlans/repeated",
            then: vec![patch(
                "coachingPlans/repeated",
                "coachingPlan",
                json!({"displayName": "Later", "isActive": false}),
            )],
            refused: 409,
        },
        Repeated {
            event: Event::post("coachingPlans", plan),
            name: "coachingPlans/repeated",
            then: vec![
                Event::post("coachingComments", on_plan),
                Event::new("DELETE", "coachingPlans/repeated?force=true"),
            ],
            refused: 400,
        },
        Repeated {
            event: Event::post("coachingComments", comment).by("agent", "ana"),
            name: "",
            then: to_the_end(),
            refused: 403,
        },
        Repeated {
            event: Event::post("scorecardTemplates", template),
            name: "scorecardTemplates/repeated",
            then: vec![patch("scorecardTemplates/repeated", "scorecardTemplate", json!({"title": "Later"}))],
            refused: 409,
        },
        Repeated {
            event: Event::post("scorecards", scorecard),
            name: "scorecards/repeated",
            then: vec![
                patch("scorecards/repeated", "scorecard", json!({"scores": [], "comment": "Later."})),
                Event::post("scorecards/repeated:submit", json!({})),
                without_greeting(),
            ],
            refused: 400,
        },
        Repeated {
            event: Event::post("scorecards", unnamed_scorecard),
            name: "",
            then: vec![without_greeting()],
            refused: 400,
        },
        Repeated {
            event: Event::post("targets", target),
            name: "targets/repeated",
            then: [moved(90)].into_iter().chain(to_the_end()).collect(),
            refused: 400,
        },
        Repeated {
            event: Event::post("targets", organisations),
            name: "targets/repeated",
            then: vec![moved(90), Event::new("DELETE", "targets/repeated"), without_greeting()],
            // The chapter still exists and no target is in the way: the record of the request alone stops a second one.
            refused: 200,
        },
        Repeated { event: validation.clone(), name: "", then: vec![validation; 3], refused: 429 },
        // The template is re-scored until the job ends.
        Repeated {
            event: Event::post("scorecardTemplates:backfill", json!({"config": config})).by("service", "sync@acme"),
            name: "",
            then: Vec::new(),
            refused: 400,
        },
    ]
    .into_iter()
    .chain(exports)
    .collect()
}

#[tokio::test]
async fn a_repeat_answers_what_the_first_was_whatever_has_happened_since() {
    let mut tried = BTreeSet::new();
    for (number, Repeated { event, name, then, refused }) in repeated().into_iter().enumerate() {
        let service = TestService::seeded().await;
        let with_id = event.clone().with("requestId", REQUEST_ID);
        // Concurrent requests count as one.
        let before = service.items().await.len();
        let answers = join_all((0..4).map(|_| service.send(&with_id))).await;
        let first = &answers[0];
        assert_eq!(first.status, 200, "{number}: {}", first.body);
        assert!(answers.iter().all(|answer| answer == first), "{number}: {answers:?}");
        let created = service.items().await.len() - before;
        for event in &then {
            service.advance(TimeDelta::minutes(20));
            service.succeed(event).await;
        }
        service.advance(TimeDelta::minutes(1));
        let items = service.items().await;
        let again = service.send(&with_id).await;
        assert_eq!(&again, first, "{number}: {name}");
        assert_eq!(service.items().await, items, "{number}: a repeat wrote something");
        // Without the id, it is a new request.
        if refused == 200 {
            service.succeed(&event).await;
            assert_eq!(&service.send(&with_id).await, first, "{number}: {name}, created again by another request");
        } else {
            service.refused(&event, refused).await;
        }
        assert!((2..=9).contains(&created), "{number}: one record and what goes with it, {created} items");
        tried.insert(with_id.operation().name);
    }
    assert_eq!(tried, functions_with_request_ids().into_iter().collect());
}

#[tokio::test]
async fn a_repeat_is_answered_when_the_clock_was_set_back_before_what_it_says() {
    let sent = json!({"createTime": "2026-06-01T12:00:30Z"});
    for (number, Repeated { event, .. }) in repeated().into_iter().enumerate() {
        let (_, _, body) = event.as_http();
        let mut body: Value = serde_json::from_str(body).unwrap();
        merge(&mut body, sent.clone());
        let event = event.with_text(&body.to_string()).by("service", "sync@acme");
        let with_id = event.clone().with("requestId", REQUEST_ID);
        let service = TestService::seeded().await;
        let first = service.send(&with_id).await;
        assert_eq!(first.status, 200, "{number}: {}", first.body);
        service.advance(TimeDelta::minutes(-5));
        assert_eq!(service.send(&with_id).await, first, "{number}");
        // The service sets the times of a template and of a job itself.
        let name = with_id.operation().name;
        let keeps_no_time = ["create-template", "validate-backfill", "start-backfill"];
        if !keeps_no_time.contains(&name) && !name.starts_with("export-") {
            let another = event.with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a12");
            assert_eq!(service.refused(&another, 400).await.refused_fields(), ["createTime"], "{number}");
        }
    }
}
