//! Replays the event files of an operation against its handler and against its built binary.

use std::collections::BTreeMap;

use coaching_edge::Operation;
use coaching_local::OPERATIONS;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{Answered, LambdaHost, TestService, event_file, event_files, on_all_cores};

/// An event file and the expected answer.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The file's name without `.json`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The fields that the answer names as bad.
    pub refused: &'static [&'static str],
}

/// The target of a replay.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The handler in this process.
    Handler(&'static Operation),
    /// The function's binary, as Lambda runs it.
    Binary(&'static str),
}

/// Replays every event of `operation`, each on a table of its own with [`TestService::seeded`]. Files and
/// cases must be the same set.
pub async fn replay(operation: &str, cases: &[Case], target: Target) {
    let mut named: Vec<&str> = cases.iter().map(|case| case.name).collect();
    named.sort_unstable();
    assert_eq!(event_files(operation), named, "the files in events/{operation}");
    for case in cases {
        let service = TestService::seeded().await;
        let before = service.items().await;
        let answered = answered(&service, event_file(operation, case.name), target).await;
        assert_eq!(answered.status, case.status, "{}: {}", case.name, answered.body);
        assert_eq!(answered.refused_fields(), case.refused, "{}: {}", case.name, answered.body);
        assert_eq!(answered.headers.get("content-type").map(String::as_str), Some("application/json"));
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
            assert_eq!(answered.headers.get(name).map(String::as_str), Some(value), "{}", case.name);
        }
        assert!(answered.headers.contains_key("x-request-id"), "{}: {:?}", case.name, answered.headers);
        if case.status != 200 {
            answered.assert_is_error();
            assert_eq!(service.items().await, before, "{}: a refused request wrote something", case.name);
        }
    }
}

async fn answered(service: &TestService, event: Value, target: Target) -> Answered {
    match target {
        Target::Handler(operation) => crate::answer(operation, &service.app, event).await,
        Target::Binary(binary) => {
            let mut host = LambdaHost::start(binary, &service.environment()).await;
            let response = host.invoke(event).await;
            let headers = response["headers"].as_object().unwrap();
            let headers: BTreeMap<String, String> =
                headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
            assert_eq!(response["isBase64Encoded"], false);
            Answered {
                status: response["statusCode"].as_u64().unwrap().try_into().unwrap(),
                headers,
                body: serde_json::from_str(response["body"].as_str().unwrap()).unwrap(),
            }
        }
    }
}

/// An event that was answered.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Its function and its file, such as `create-session/created`.
    pub name: String,
    /// The event.
    pub event: Value,
    /// The answer.
    pub answered: Answered,
}

/// What every event of every operation is answered in this process, each by a seeded service of its own. They are sent
/// once for all tests.
pub async fn replay_every_event() -> &'static [Replayed] {
    static REPLAYED: OnceCell<Vec<Replayed>> = OnceCell::const_new();
    let replayed = REPLAYED.get_or_init(async || {
        let cases =
            |operation: &'static Operation| event_files(operation.name).into_iter().map(move |case| (operation, case));
        on_all_cores(OPERATIONS.into_iter().flat_map(cases), async |(operation, case)| {
            let service = TestService::seeded().await;
            let event = event_file(operation.name, &case);
            let answered = crate::answer(operation, &service.app, event.clone()).await;
            Replayed { name: format!("{}/{case}", operation.name), event, answered }
        })
        .await
    });
    replayed.await
}
