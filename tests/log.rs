//! The log line of a request: who asked for what, how it ended, and what it cost.

use coaching_edge::{App, Operation};
use coaching_tests::{Fault, TestService, answer, create_session, logged, usecase_name};
use serde_json::{Value, json};
use uuid::Uuid;

/// The line that `app` writes for `event`.
async fn line(operation: &Operation, app: &App, mut event: Value) -> Value {
    let id = Uuid::new_v4().to_string();
    event["requestContext"]["requestId"] = json!(id);
    answer(operation, &app.for_one_request(), event).await;
    let lines: Vec<Value> = logged().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<Value> = lines.into_iter().filter(|line| line["request_id"] == id.as_str()).collect();
    let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
    line.clone()
}

/// The line of [`create_session`] with `faults` after the read from the directory.
async fn line_with(faults: Vec<Fault>) -> Value {
    let service = TestService::start().await;
    service.usecase().await;
    service.plan_with("ana-plan", "ana", json!({"usecaseName": usecase_name("care")})).await;
    let (app, faulty) = service.behind_faults().await;
    faulty.inject([Fault::Passed]);
    faulty.inject(faults);
    line(create_session().operation(), &app, create_session().to_json()).await
}

#[tokio::test]
async fn a_line_tells_who_asked_for_what_and_what_it_cost() {
    let line = line_with(vec![]).await;
    assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
    for (key, value) in [
        ("level", json!("INFO")),
        ("message", json!("create-session OK")),
        ("operation", json!("create-session")),
        ("customer", json!("acme")),
        ("role", json!("manager")),
        ("status", json!(200)),
        ("code", json!("OK")),
        ("reason", Value::Null),
        ("cause", Value::Null),
        ("client_errors", json!(0)),
        ("server_errors", json!(0)),
        ("dynamodb_calls", json!(2)),
        ("dynamodb_retries", json!(0)),
        ("dynamodb_throttles", json!(0)),
        ("dynamodb_errors", json!(0)),
        ("write_units", json!(14.0)),
        ("trace_id", Value::Null),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    // Not every DynamoDB reports the consumed capacity of a batch read.
    assert!([json!(2.0), json!(0.0)].contains(&line["read_units"]), "{line}");
}

#[tokio::test]
async fn a_refusal_is_the_clients_error_and_tells_no_more_of_the_caller_than_is_known() {
    let service = TestService::start().await;
    let event = create_session();
    let foreign = line(event.operation(), &service.app, event.clone().by("agent", "ana").to_json()).await;
    assert_eq!((&foreign["status"], &foreign["code"]), (&json!(403), &json!("PERMISSION_DENIED")));
    assert_eq!((&foreign["client_errors"], &foreign["server_errors"]), (&json!(1), &json!(0)));
    assert_eq!((&foreign["level"], &foreign["role"]), (&json!("INFO"), &json!("agent")));
    let mut unknown = event.to_json();
    unknown["requestContext"]["authorizer"] = json!({});
    let unknown = line(event.operation(), &service.app, unknown).await;
    assert_eq!((&unknown["status"], &unknown["reason"]), (&json!(401), &json!("TOKEN_REQUIRED")));
    assert_eq!((&unknown["customer"], &unknown["role"]), (&Value::Null, &Value::Null));
    assert_eq!(unknown["dynamodb_calls"], 0);
}

#[tokio::test]
async fn attempts_beyond_the_first_are_counted_whoever_makes_them() {
    // The faults, in order; then the expected numbers of calls, retries, throttled and failed attempts.
    for (faults, calls, retries, throttles, errors) in [
        (vec![Fault::throttled()], 2, 1, 1, 0),
        (vec![Fault::internal(), Fault::throttled()], 2, 2, 1, 1),
        (vec![Fault::Unreached], 2, 1, 0, 1),
        (vec![Fault::cancelled(&["None", "TransactionConflict"]); 2], 4, 2, 0, 0),
        (vec![Fault::throttled(), Fault::cancelled(&["TransactionConflict", "None"])], 3, 2, 1, 0),
    ] {
        let line = line_with(faults.clone()).await;
        assert_eq!((&line["status"], &line["write_units"]), (&json!(200), &json!(14.0)), "{faults:?}: {line}");
        let told =
            ["dynamodb_calls", "dynamodb_retries", "dynamodb_throttles", "dynamodb_errors"].map(|key| &line[key]);
        assert_eq!(told.map(|told| told.as_u64().unwrap()), [calls, retries, throttles, errors], "{faults:?}");
    }
}

#[tokio::test]
async fn what_dynamodb_does_not_serve_is_the_servers_error_with_its_cause() {
    let line = line_with(vec![Fault::throttled(); 3]).await;
    assert_eq!((&line["level"], &line["code"]), (&json!("WARN"), &json!("UNAVAILABLE")));
    assert_eq!((&line["status"], &line["reason"]), (&json!(503), &json!("TABLE_UNAVAILABLE")));
    assert_eq!((&line["client_errors"], &line["server_errors"]), (&json!(0), &json!(1)));
    assert_eq!((&line["dynamodb_calls"], &line["dynamodb_retries"]), (&json!(2), &json!(2)));
    assert_eq!((&line["dynamodb_throttles"], &line["write_units"]), (&json!(3), &json!(0.0)));
    assert!(line["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{line}");
    let cancelled = line_with(vec![Fault::cancelled(&["ThrottlingError", "None"])]).await;
    assert_eq!((&cancelled["dynamodb_throttles"], &cancelled["dynamodb_errors"]), (&json!(1), &json!(0)));
}
