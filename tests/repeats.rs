//! What is repeated: every create that takes a `requestId` (AIP-155).

use coaching_local::OPERATIONS;
use coaching_tests::{TestService, answer, event_file, event_files, root};
use serde_json::{Value, json};

const REQUEST_ID: &str = "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11";

/// The functions that read a request id.
fn functions_with_request_ids() -> Vec<&'static str> {
    let functions = root().join("functions");
    let takes = |name: &str| {
        let source = std::fs::read_to_string(functions.join(name).join("src/lib.rs")).unwrap();
        source.contains("request_id()")
    };
    OPERATIONS.iter().map(|operation| operation.name).filter(|name| takes(name)).collect()
}

fn with_request_id(mut event: Value) -> Value {
    let query = event["rawQueryString"].as_str().unwrap();
    let between = if query.is_empty() { "" } else { "&" };
    event["rawQueryString"] = format!("{query}{between}requestId={REQUEST_ID}").into();
    event
}

/// The event with another text, target or title in its body, if it has any.
fn changed(mut event: Value) -> Option<Value> {
    let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    let before = body.clone();
    for field in ["meetingNotes", "message", "displayName", "title", "comment"] {
        if body.get(field).is_some() {
            body[field] = "Something else.".into();
        }
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
    assert_eq!(functions.len(), 6, "{functions:?}");
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
            if first.status != 200 {
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
