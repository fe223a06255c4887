//! `create-session`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use coaching_tests::{
    Answered, Case, Event, Fault, LambdaHost, NOW, Target, TestService, TlsEndpoint, event_file, killed_after, merge,
    plan_name, replay, session_name, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 23] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "every-field-imported", status: 200, refused: &[] },
    Case { name: "base64-body", status: 200, refused: &[] },
    Case { name: "snake-case", status: 200, refused: &[] },
    Case { name: "with-request-id", status: 200, refused: &[] },
    Case { name: "with-roles-in-an-array", status: 200, refused: &[] },
    Case { name: "a-key-twice", status: 400, refused: &["meetingNotes"] },
    Case { name: "bad-json", status: 400, refused: &["body"] },
    Case { name: "empty-body", status: 400, refused: &["agentUserName", "creatorUserName", "coachingPlanName"] },
    Case {
        name: "wrong-types",
        status: 400,
        refused: &["agentUserName", "sessionTime", "meetingNotes", "usecaseName"],
    },
    Case { name: "missing-fields", status: 400, refused: &["agentUserName", "creatorUserName", "coachingPlanName"] },
    Case { name: "another-customers-agent", status: 400, refused: &["agentUserName"] },
    Case { name: "separator-in-a-name", status: 400, refused: &["name", "coachingPlanName"] },
    Case { name: "plan-of-another-agent", status: 400, refused: &[] },
    Case { name: "unknown-people", status: 400, refused: &["agentUserName", "creatorUserName"] },
    Case { name: "unknown-plan", status: 400, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["validateOnly"] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "another-profile", status: 403, refused: &[] },
    Case { name: "no-profile", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseName"] },
];

const REQUEST_ID: &str = "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11";

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-session", &CASES, Target::Handler(&create_session::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-session", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-session"))).await;
}

async fn service() -> TestService {
    let service = TestService::start().await;
    service.usecases(&["care", "outbound", "other"]).await;
    service.plan_with("ana-plan", "ana", json!({"usecaseName": usecase_name("care")})).await;
    service.plan("ben-plan", "ben").await;
    service
}

fn session() -> Value {
    json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
    })
}

fn session_with(more: Value) -> Value {
    let mut session = session();
    merge(&mut session, more);
    session
}

fn create(session: Value) -> Event {
    Event::post("coachingSessions", session)
}

fn created(answered: &Answered) -> &Value {
    assert_eq!(answered.status, 200, "{}", answered.body);
    &answered.body["coachingSession"]
}

#[tokio::test]
async fn every_field_of_the_reference_round_trips() {
    let service = service().await;
    let every = json!({
        "name": session_name("imported-1"),
        "createTime": "2026-05-01T09:00:00.000000001Z",
        "updateTime": "2026-05-04T10:00:00Z",
        "managerUpdateTime": "2026-05-01T09:30:00Z",
        "agentUpdateTime": "2026-05-03T10:00:00.500Z",
        "acknowledgeTime": "2026-05-03T10:00:00Z",
        "agentComment": "Danke – \"alles\" klar\u{0}\n",
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "sessionTime": "2027-05-01T09:00:00Z",
        "meetingNotes": "notes",
        "privateNotes": "for managers",
        "managerSubmitTime": "2026-05-01T09:30:00Z",
        "agentSubmitTime": "2026-05-03T10:00:00Z",
        "usecaseName": usecase_name("outbound"),
        "managerSubmitterUserName": user_name("max"),
    });
    for role in ["service", "admin"] {
        let mut every = every.clone();
        every["name"] = session_name(role).into();
        let answered = service.send(&create(every.clone()).by(role, "importer")).await;
        let etag = created(&answered)["etag"].clone();
        assert_eq!(answered.headers["etag"], etag.to_string(), "quoted, as the header has it");
        merge(&mut every, json!({"state": "ACKNOWLEDGED", "overdue": false, "etag": etag}));
        assert_eq!(*created(&answered), every);
        let listed = service.send(&Event::get("coachingSessions")).await;
        let listed = listed.body["coachingSessions"].as_array().unwrap();
        assert_eq!(listed.iter().find(|session| session["name"] == every["name"]), Some(&every));
    }
}

#[tokio::test]
async fn a_manager_cannot_forge_times_or_the_agents_fields() {
    let service = service().await;
    let forged = session_with(json!({
        "createTime": "2020-01-01T00:00:00Z",
        "updateTime": "2019-01-01T00:00:00Z",
        "managerUpdateTime": "2099-01-01T00:00:00Z",
        "agentUpdateTime": "2020-01-01T00:00:00Z",
        "acknowledgeTime": "2020-01-01T00:00:00Z",
        "agentComment": "I agree with everything.",
        "agentSubmitTime": "2020-01-01T00:00:00Z",
        "meetingNotes": "notes",
        "managerSubmitTime": "2026-06-01T11:00:00Z",
    }));
    let answered = service.send(&create(forged)).await;
    let mut created = created(&answered).clone();
    merge(&mut created, json!({"name": null, "etag": null}));
    let expected = session_with(json!({
        "createTime": NOW,
        "updateTime": NOW,
        "managerUpdateTime": NOW,
        "agentUpdateTime": NOW,
        "meetingNotes": "notes",
        "managerSubmitTime": NOW,
        "managerSubmitterUserName": user_name("maria"),
        "usecaseName": usecase_name("care"),
        "state": "SUBMITTED",
        "overdue": false,
    }));
    assert_eq!(created, expected);
}

#[tokio::test]
async fn a_manager_submits_a_session_with_its_notes() {
    let service = service().await;
    let submitted = session_with(json!({"managerSubmitTime": "2026-06-01T11:00:00Z"}));
    let refused = service.refused(&create(submitted.clone()), 400).await;
    assert_eq!((refused.reason(), &refused.body["status"]), ("MEETING_NOTES_MISSING", &json!("FAILED_PRECONDITION")));
    created(&service.send(&create(submitted).by("service", "importer")).await);
}

#[tokio::test]
async fn a_name_that_the_service_makes_sorts_by_time() {
    let service = service().await;
    let mut names = Vec::new();
    for _ in 0..20 {
        let answered = service.send(&create(session())).await;
        names.push(created(&answered)["name"].as_str().unwrap().to_owned());
        service.advance(TimeDelta::milliseconds(1));
    }
    assert!(names.is_sorted());
    assert!(names.iter().all(|name| name.starts_with(&session_name(""))));
}

#[tokio::test]
async fn a_given_name_is_used_and_a_taken_one_refused() {
    let service = service().await;
    let named = create(session_with(json!({"name": session_name("A.z_9~@-")})));
    assert_eq!(created(&service.send(&named).await)["name"], session_name("A.z_9~@-"));
    let another = create(session_with(json!({"name": session_name("A.z_9~@-"), "meetingNotes": "another"})));
    let refused = service.refused(&another, 409).await;
    assert_eq!(refused.reason(), "RESOURCE_ALREADY_EXISTS");
    for name in [
        "string",
        "customers/acme/profiles/sales/coachingSessions/a",
        &plan_name("a"),
        &session_name("x".repeat(129).as_str()),
    ] {
        let refused = service.refused(&create(session_with(json!({"name": name}))), 400).await;
        assert_eq!(refused.refused_fields(), ["name"]);
    }
}

#[tokio::test]
async fn without_a_usecase_it_takes_the_plans() {
    let service = service().await;
    let answered = service.send(&create(session())).await;
    assert_eq!(created(&answered)["usecaseName"], usecase_name("care"));
    let answered = service.send(&create(session_with(json!({"usecaseName": usecase_name("other")})))).await;
    assert_eq!(created(&answered)["usecaseName"], usecase_name("other"));
    let of_ben = json!({"agentUserName": user_name("ben"), "coachingPlanName": plan_name("ben-plan")});
    let answered = service.send(&create(session_with(of_ben))).await;
    assert_eq!(created(&answered).get("usecaseName"), None);
}

#[tokio::test]
async fn a_usecase_that_is_not_the_plans_must_exist() {
    let service = service().await;
    let of_ben = json!({"agentUserName": user_name("ben"), "coachingPlanName": plan_name("ben-plan")});
    for more in [json!({}), of_ben] {
        let mut session = session_with(more);
        session["usecaseName"] = usecase_name("nothing").into();
        let event = create(session.clone()).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a21");
        let refused = service.refused(&event, 400).await;
        assert_eq!(refused.body["message"], format!("usecaseName: '{}' does not exist", usecase_name("nothing")));

        session["usecaseName"] = usecase_name("other").into();
        let event = create(session).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a22");
        let (answered, spent) = service.spending(&event).await;
        assert_eq!(created(&answered)["usecaseName"], usecase_name("other"));
        assert_eq!(spent.calls, 4, "people looked for; refused for the plan's usecase, looked for, created");
        let written = service.items().await;
        assert_eq!(service.send(&event).await, answered);
        assert_eq!(service.items().await, written);
        service.advance(TimeDelta::days(2));
    }
}

#[tokio::test]
async fn the_plan_must_be_one_of_the_agent() {
    let service = service().await;
    for usecase in [Value::Null, usecase_name("care").into()] {
        for plan in ["ben-plan", "nothing"] {
            let event = create(session_with(json!({"coachingPlanName": plan_name(plan), "usecaseName": usecase})));
            let refused = service.refused(&event, 400).await;
            assert_eq!(refused.body["status"], "FAILED_PRECONDITION");
            assert_eq!(refused.reason(), "COACHING_PLAN_NOT_THE_AGENTS");
        }
    }
    let elsewhere =
        create(session_with(json!({"coachingPlanName": "customers/acme/profiles/sales/coachingPlans/ana-plan"})));
    assert_eq!(service.refused(&elsewhere, 400).await.refused_fields(), ["coachingPlanName"]);
}

#[tokio::test]
async fn imported_times_are_checked() {
    let service = service().await;
    let import = |more| create(session_with(more)).by("service", "sync@acme");
    let refused = service
        .refused(&import(json!({"createTime": "2026-05-02T00:00:00Z", "updateTime": "2026-05-01T23:59:59Z"})), 400)
        .await;
    assert_eq!(refused.refused_fields(), ["updateTime"]);
    let late = "2026-06-01T12:01:00.000000001Z";
    let recorded = [
        "createTime",
        "updateTime",
        "managerUpdateTime",
        "agentUpdateTime",
        "acknowledgeTime",
        "managerSubmitTime",
        "agentSubmitTime",
    ];
    for field in recorded {
        let refused = service.refused(&import(json!({field: late})), 400).await;
        assert!(refused.refused_fields().contains(&field.to_owned()), "{field}: {}", refused.body);
    }
    let order = [
        ("createTime", "2026-05-01T09:00:00Z"),
        ("managerSubmitTime", "2026-05-02T09:00:00Z"),
        ("acknowledgeTime", "2026-05-03T09:00:00Z"),
        ("agentSubmitTime", "2026-05-03T09:00:00Z"),
        ("updateTime", "2026-05-03T09:00:00Z"),
        ("managerUpdateTime", "2026-05-03T09:00:00Z"),
        ("agentUpdateTime", "2026-05-03T09:00:00Z"),
    ];
    let in_order = json!(BTreeMap::from(order));
    for (field, _) in &order[1..] {
        let mut early = in_order.clone();
        early[field] = "2026-05-01T08:59:59.999999999Z".into();
        assert_eq!(service.refused(&import(early), 400).await.refused_fields(), [*field]);
    }
    for field in ["acknowledgeTime", "agentSubmitTime"] {
        let mut early = in_order.clone();
        early[field] = "2026-05-02T08:59:59Z".into();
        assert_eq!(service.refused(&import(early), 400).await.refused_fields(), [field]);
        let mut without_a_creation = in_order.clone();
        without_a_creation.as_object_mut().unwrap().remove("createTime");
        let answered = service.send(&import(without_a_creation.clone())).await;
        assert_eq!(created(&answered)["createTime"], "2026-05-02T09:00:00Z", "the first that is told");
    }
    created(&service.send(&import(in_order)).await);

    let edge = json!({"createTime": "2026-06-01T12:01:00Z", "updateTime": "2026-06-01T12:01:00Z", "sessionTime": late});
    created(&service.send(&import(edge)).await);

    let answered = service
        .send(&import(json!({"createTime": "2026-05-01T00:00:00Z", "agentUpdateTime": "2026-05-02T00:00:00Z"})))
        .await;
    let session = created(&answered);
    assert_eq!(session["managerUpdateTime"], "2026-05-01T00:00:00Z");
    assert_eq!(session["updateTime"], "2026-05-02T00:00:00Z");
    assert_eq!(session.get("managerSubmitterUserName"), None);
}

#[tokio::test]
async fn limits_are_exact() {
    let service = service().await;
    let text = "x".repeat(64 * 1024);
    created(&service.send(&create(session_with(json!({"meetingNotes": text})))).await);
    let refused = service.refused(&create(session_with(json!({"meetingNotes": format!("{text}x")}))), 400).await;
    assert_eq!(refused.refused_fields(), ["meetingNotes"]);

    let mut body = session().to_string();
    body.push_str(&" ".repeat(1024 * 1024 - body.len()));
    created(&service.send(&create(json!({})).with_text(&body)).await);
    created(&service.send(&create(json!({})).with_bytes(body.as_bytes())).await);
    body.push(' ');
    assert_eq!(service.refused(&create(json!({})).with_text(&body), 400).await.refused_fields(), ["body"]);
    assert_eq!(service.refused(&create(json!({})).with_bytes(body.as_bytes()), 400).await.refused_fields(), ["body"]);
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let service = service().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let trailing = format!("{} {{}}", session());
    for body in ["[]", "null", "1", "\"x\"", "{", "{]", &deep, &trailing, r#"{"x": 1e999}"#, r#"{"x": "\ud800"}"#] {
        let refused = service.refused(&create(json!({})).with_text(body), 400).await;
        assert_eq!(refused.refused_fields(), ["body"], "{body:.40}");
    }
    let refused = service.refused(&create(json!({})).with_bytes(b"{\"a\": \"\xff\"}"), 400).await;
    assert_eq!(refused.refused_fields(), ["body"]);
    let form = create(session()).with_header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(service.refused(&form, 400).await.refused_fields(), ["body"]);
}

#[tokio::test]
async fn unknown_body_fields_are_ignored() {
    let service = service().await;
    created(&service.send(&create(session_with(json!({"mood": "good", "etag": 7})))).await);
}

#[tokio::test]
async fn bad_fields_of_body_and_query_are_named_together() {
    let service = service().await;
    let event = create(session_with(json!({"agentUserName": 1, "sessionTime": "x"}))).with_query("requestId=x&b=c&b=d");
    assert_eq!(service.refused(&event, 400).await.refused_fields(), ["requestId", "b", "agentUserName", "sessionTime"]);
}

#[tokio::test]
async fn authorisation_comes_before_validation() {
    let service = service().await;
    let broken = create(json!({})).with_text("{").with_query("nonsense=1");
    assert_eq!(service.refused(&broken, 400).await.status, 400);
    service.refused(&broken.clone().by("agent", "ana"), 403).await;
    service.refused(&broken.clone().with_claim("customer", json!("globex")), 403).await;
    service.refused(&broken.clone().with_claim("profiles", json!("sales")), 403).await;
    service.refused(&broken.clone().with_claim("profiles", Value::Null), 403).await;
    service.refused(&broken.clone().with_claim("role", json!("root")), 403).await;
    service.refused(&broken.with_claim("sub", json!("not an id")), 403).await;
}

#[tokio::test]
async fn a_repeated_request_id_answers_as_first() {
    let service = service().await;
    let event = create(session_with(json!({"meetingNotes": "once"}))).with("requestId", REQUEST_ID);
    let first = service.send(&event).await;
    created(&first);
    let written = service.items().await;
    service.advance(TimeDelta::hours(23));
    // The plan may be deleted by then, and the answer is still the first one.
    let plan = [("PK", "acme#support#plan#ana-plan"), ("SK", "plan")];
    let mut delete = service.client().delete_item().table_name(service.table());
    for (name, value) in plan {
        delete = delete.key(name, aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned()));
    }
    delete.send().await.unwrap();
    assert_eq!(service.send(&event).await.body, first.body);
    assert_eq!(service.items().await.len(), written.len() - 1);

    let padded = event.clone().with_text(&format!("  {}", session_with(json!({"meetingNotes": "once", "unknown": 1}))));
    assert_eq!(service.send(&padded).await.body, first.body);
}

#[tokio::test]
async fn a_request_id_is_good_for_one_request_of_one_caller() {
    let service = service().await;
    let event = create(session()).with("requestId", REQUEST_ID);
    let first = service.send(&event).await;
    for other in [
        json!({"meetingNotes": "x"}),
        json!({"usecaseName": usecase_name("other")}),
        json!({"name": session_name("x")}),
    ] {
        let other = create(session_with(other)).with("requestId", REQUEST_ID);
        assert_eq!(service.refused(&other, 400).await.refused_fields(), ["requestId"]);
    }
    let another_caller = service.send(&event.clone().by("manager", "max")).await;
    assert_ne!(created(&another_caller)["name"], created(&first)["name"]);
    let another_id = create(session()).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a12");
    assert_ne!(created(&service.send(&another_id).await)["name"], created(&first)["name"]);
    service.advance(TimeDelta::days(1));
    assert_ne!(
        created(&service.send(&event).await)["name"],
        created(&first)["name"],
        "a day later it is a new request"
    );
}

#[tokio::test]
async fn a_refused_request_leaves_its_id_free() {
    let service = service().await;
    let bad = create(session_with(json!({"coachingPlanName": plan_name("nothing")}))).with("requestId", REQUEST_ID);
    service.refused(&bad, 400).await;
    created(&service.send(&create(session()).with("requestId", REQUEST_ID)).await);
    for id in ["", "x", "00000000-0000-0000-0000-000000000000", "{6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11}"] {
        let answered = service.send(&create(session()).with("requestId", id)).await;
        assert_eq!(answered.status, if id.is_empty() { 200 } else { 400 }, "{id}");
    }
}

#[tokio::test]
async fn one_request_id_sent_sixteen_times_at_once_creates_one_session() {
    let service = service().await;
    let before = service.items().await.len();
    let event = create(session()).with("requestId", REQUEST_ID);
    let answers = futures_util::future::join_all((0..16).map(|_| service.send(&event))).await;
    for answered in &answers {
        assert_eq!(answered.body, answers[0].body);
        created(answered);
    }
    assert_eq!(
        service.items().await.len(),
        before + 4,
        "one session, its first change, its mark, one record of the request"
    );
}

#[tokio::test]
async fn what_it_costs() {
    let service = service().await;
    let told = service.tells_units_of_batches().await;
    let read = |units: f64| told.then_some(units);
    let named = session_with(json!({"usecaseName": usecase_name("care")}));
    // A session under 1 KB: in a transaction 2 each for the item, the child count of its plan, its history and its mark;
    // and 1 for each of six indexes, without the one by session time, as it has none. It enters the statistics only
    // once it is held. Its agent and creator are read from the directory, a unit each.
    let (_, spent) = service.spending(&create(named.clone())).await;
    assert_eq!((spent.calls, read(spent.read_units), spent.write_units), (2, read(2.0), 14.0));
    let (_, spent) = service.spending(&create(named.clone()).with("requestId", REQUEST_ID)).await;
    assert_eq!((spent.calls, read(spent.read_units), spent.write_units), (2, read(2.0), 16.0));
    let (_, spent) = service.spending(&create(session())).await;
    assert_eq!((spent.calls, read(spent.read_units), spent.write_units), (3, read(3.0), 14.0));
    let (_, spent) = service.spending(&create(json!({}))).await;
    assert_eq!(spent.calls, 0);
}

#[tokio::test]
async fn a_function_killed_at_any_call_creates_the_session_once() {
    let service = TestService::seeded().await;
    let event = |request_id: u8| {
        let session = json!({
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
        });
        Event::post("coachingSessions", session)
            .with("requestId", &format!("6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a{request_id:02x}"))
    };
    let sessions = async || service.items().await.keys().filter(|key| key.ends_with(" / session")).count();
    let before = sessions().await;
    let mut calls = 0;
    while killed_after(&service, env!("CARGO_BIN_EXE_create-session"), calls.into(), &event(calls)).await {
        let repeated = service.send(&event(calls)).await;
        assert_eq!(repeated.status, 200, "killed at call {}: {}", calls + 1, repeated.body);
        calls += 1;
        assert_eq!(sessions().await, before + usize::from(calls), "killed at call {calls}");
    }
    assert!(calls > 0);
    println!("create-session killed at each of its {calls} calls and repeated: one session each");
}

#[tokio::test]
async fn a_function_opens_its_connection_before_the_first_request() {
    let service = TestService::seeded().await;
    let endpoint = TlsEndpoint::start(service.dynamodb_url()).await;
    let url = endpoint.url();
    let behind_tls = [("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()), ("SSL_CERT_FILE", endpoint.authority_file())];
    let environment = [&service.environment()[..], &behind_tls].concat();
    let mut host = LambdaHost::start(env!("CARGO_BIN_EXE_create-session"), &environment).await;
    host.ready().await;
    assert_eq!(endpoint.opened(), 1);
    // Without a usecase two reads run concurrently, each on its own connection.
    let event = create(session_with(json!({"usecaseName": usecase_name("care")})));
    let answer = host.invoke(event.to_json()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(endpoint.opened(), 1, "the request opened another connection");
}

#[tokio::test]
async fn a_function_trusts_no_unknown_authority() {
    let service = TestService::seeded().await;
    let before = service.items().await;
    let endpoint = TlsEndpoint::start(service.dynamodb_url()).await;
    let url = endpoint.url();
    let environment = [&service.environment()[..], &[("AWS_ENDPOINT_URL_DYNAMODB", &url)]].concat();
    let mut host = LambdaHost::start(env!("CARGO_BIN_EXE_create-session"), &environment).await;
    let answer = host.invoke(event_file("create-session", "created")).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(endpoint.opened(), 0);
    assert_eq!(service.items().await, before);
}

#[tokio::test]
async fn a_function_starts_while_dynamodb_does_not_answer() {
    let service = TestService::seeded().await;
    let (_, faulty) = service.behind_faults().await;
    faulty.inject([Fault::Unreached, Fault::Unanswered]);
    let url = faulty.url();
    let environment = [&service.environment()[..], &[("AWS_ENDPOINT_URL_DYNAMODB", &url)]].concat();
    let mut host = LambdaHost::start(env!("CARGO_BIN_EXE_create-session"), &environment).await;
    let answer = host.invoke(event_file("create-session", "created")).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(faulty.left(), 0);
}

#[tokio::test]
async fn a_repeated_request_is_answered_though_the_agent_left_the_profile() {
    let service = TestService::seeded().await;
    let repeatable = |more: Value| create(session_with(more)).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let first = service.succeed(&repeatable(json!({}))).await;
    let mut ana = coaching_tests::user("ana");
    merge(&mut ana, json!({"profileNames": ["customers/acme/profiles/sales"]}));
    let load = Event::post("", json!({"users": [ana]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    assert_eq!(service.succeed(&repeatable(json!({}))).await, first);
    let refused = service.refused(&create(session_with(json!({}))), 400).await;
    assert_eq!(refused.refused_fields(), ["agentUserName"]);
}
