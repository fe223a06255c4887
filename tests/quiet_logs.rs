//! Quiet logs: no log line and no error holds a note, comment, score, token or name of a person.
//!
//! The lines that operations log in the tests, with `LOG_LEVEL` at `trace`, are recorded. This test replays and checks
//! all events of `events/`. Given the record of a whole run of the suite, it checks that too:
//!
//! ```sh
//! RECORD_SUITE_IN=target/suite cargo test --workspace
//! RECORDED_SUITE=target/suite cargo test --workspace --test service quiet_logs:: -- --nocapture
//! ```

use std::collections::BTreeSet;

use coaching_local::{OPERATIONS, TASKS, WEBSITES};
use coaching_tests::{Replayed, logged, replay_every_event, suite_is_recorded};
use serde_json::{Value, json};

/// All keys that a line may have. The customer is a company; the trace and the request are numbers.
const KEYS: [&str; 29] = [
    "timestamp",
    "level",
    "message",
    "request_id",
    "trace_id",
    "operation",
    "customer",
    "role",
    "status",
    "code",
    "reason",
    "cause",
    "duration_ms",
    "client_errors",
    "server_errors",
    "dynamodb_calls",
    "dynamodb_retries",
    "dynamodb_throttles",
    "dynamodb_errors",
    "read_units",
    "write_units",
    "cold_start",
    "statistics_differing",
    "unreadable_records",
    "profile",
    "kind",
    "id",
    "attribute",
    "_aws",
];

/// The only message whose line has an `id`: without it nobody could find the record.
const UNREADABLE: &str = "a record cannot be read";

/// The messages of lines that are not of requests.
const MESSAGES: [&str; 9] = [
    "a job is left unfinished",
    "unfinished jobs cannot be looked for",
    "a file cannot be read",
    "an entry of a batch failed",
    "statistics or activity differed from their scorecards and sessions",
    UNREADABLE,
    "a connection ended early",
    "a client kept the service waiting",
    "the collector takes no span",
];

/// Every text in `value`.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// The client's texts in `event`: those of the body, the path variables, the caller and the token.
fn sent(event: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(body) = event["body"].as_str() {
        match serde_json::from_str(body) {
            Ok(body) => texts(&body, &mut found),
            Err(_) => drop(found.insert(body.to_owned())),
        }
    }
    texts(&event["pathParameters"], &mut found);
    texts(&event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"], &mut found);
    texts(&event["headers"]["authorization"], &mut found);
    found
}

/// The people of the tests.
const PEOPLE: [&str; 7] = ["ana", "ben", "chloe", "dan", "eva", "maria", "root"];

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_alphanumeric()).collect()
}

/// Content of a line that should not be in it.
fn told_too_much(line: &str, private: &BTreeSet<String>) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(line) else { return Some("no JSON".to_owned()) };
    if let Some(key) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Some(format!("the key {key}"));
    }
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let (operation, code, message) = (text("operation"), text("code"), text("message"));
    let known = OPERATIONS.iter().map(|known| known.name).chain(TASKS.iter().map(|task| task.name));
    let known = known.chain(WEBSITES.iter().map(|website| website.name));
    let of_a_request = known.into_iter().any(|known| known == operation) && message == format!("{operation} {code}");
    if !of_a_request && !MESSAGES.contains(&message) {
        return Some(format!("the message {message}"));
    }
    let constant =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    for key in ["code", "reason", "level"] {
        if !constant(text(key)) {
            return Some(format!("the {key} {}", text(key)));
        }
    }
    if message != UNREADABLE && fields.contains_key("id") {
        return Some("an id".to_owned());
    }
    let cause = text("cause");
    let people = words(cause).iter().any(|word| PEOPLE.contains(word));
    let quoted = private.iter().find(|text| text.len() >= 8 && cause.contains(text.as_str()));
    (people || quoted.is_some() || cause.contains("customers/")).then(|| format!("the cause {cause}"))
}

#[tokio::test]
async fn nothing_about_people_is_logged_or_told_by_an_error() {
    let mut private = BTreeSet::new();
    let replayed = replay_every_event().await;
    let (events, mut errors) = (replayed.len(), 0);
    for Replayed { name, event, answered } in replayed {
        let mut sent = sent(event);
        if answered.status != 200 {
            errors += 1;
            let told = answered.body.to_string();
            let quoted: Vec<&String> =
                sent.iter().filter(|text| text.contains(' ') && told.contains(text.as_str())).collect();
            assert!(quoted.is_empty(), "{name} tells {quoted:?}: {told}");
        }
        private.append(&mut sent);
    }
    let lines = logged();
    assert!(lines.len() > events, "{} lines", lines.len());
    println!(
        "{} lines{} and {errors} errors read, beside {} texts that {events} events sent",
        lines.len(),
        if suite_is_recorded() { " of the recorded suite" } else { "" },
        private.len()
    );
    for line in &lines {
        if let Some(much) = told_too_much(line, &private) {
            panic!("{much}: {line}");
        }
    }
}

#[test]
fn a_line_that_tells_too_much_is_found() {
    let private = BTreeSet::from(["The greeting is warm".to_owned()]);
    let line = json!({"level": "INFO", "message": "get-session OK", "operation": "get-session", "code": "OK"});
    let with = |key: &str, value: &str| {
        let mut line = line.clone();
        line[key] = json!(value);
        told_too_much(&line.to_string(), &private)
    };
    assert_eq!(told_too_much(&line.to_string(), &private), None);
    assert_eq!(with("cause", "dispatch failure: connection refused"), None);
    for (key, value) in [
        ("agent", "x"),
        ("message", "get-session of ana OK"),
        ("reason", "no plan of ana"),
        ("cause", "no item customers/acme"),
        ("cause", "no item of 'ana'"),
        ("id", "ana"),
        ("cause", "a value: The greeting is warm"),
    ] {
        assert!(with(key, value).is_some(), "{key}: {value}");
    }
    assert!(told_too_much("The greeting is warm", &private).is_some());
}
