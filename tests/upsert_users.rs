//! `upsert-users`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, ITEMS_OF_DIRECTORY, Target, TestService, merge, replay, user};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "nothing", status: 400, refused: &["users"] },
    Case { name: "twice", status: 200, refused: &[] },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-users", &CASES, Target::Handler(&upsert_users::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-users", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-users"))).await;
}

fn upsert(users: Vec<Value>) -> Event {
    Event::post("", json!({ "users": users })).to("/v1/customers/acme/users:batchUpsert").by("service", "sync@acme")
}

fn with(id: &str, more: Value) -> Value {
    let mut user = user(id);
    merge(&mut user, more);
    user
}

#[tokio::test]
async fn every_field_round_trips() {
    let service = TestService::start().await;
    let mut full = json!({
        "name": "customers/acme/users/zoe",
        "displayName": "Zoë Zimmer",
        "isActive": false,
        "isDevUser": true,
        "roles": ["agent", "manager"],
        "profileNames": ["customers/acme/profiles/support", "customers/acme/profiles/sales"],
    });
    let answer = service.succeed(&upsert(vec![full.clone()])).await;
    full["etag"] = answer["results"][0]["user"]["etag"].clone();
    assert!(full["etag"].is_string());
    assert_eq!(answer, json!({"results": [{"user": full}]}));
    assert_eq!(service.succeed(&Event::get("").to("/v1/customers/acme/users/zoe")).await, json!({"user": full}));
}

#[tokio::test]
async fn a_bad_entry_is_refused_by_itself() {
    let service = TestService::start().await;
    let bad = json!({"name": "customers/globex/users/x", "displayName": "a\u{7}", "roles": ["boss"], "profileNames": ["customers/globex/profiles/p"]});
    let answer = service.succeed(&upsert(vec![user("ana"), bad, json!(7), user("ben")])).await;
    let results = answer["results"].as_array().unwrap();
    let written: Vec<bool> = results.iter().map(|result| result["user"].is_object()).collect();
    assert_eq!(written, [true, false, false, true]);
    let violations = results[1]["status"]["details"][1]["fieldViolations"].as_array().unwrap();
    let fields: Vec<&str> = violations.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        ["users[1].name", "users[1].displayName", "users[1].isActive", "users[1].roles[0]", "users[1].profileNames[0]"]
    );
    assert_eq!(
        service.items().await.len(),
        ITEMS_OF_DIRECTORY + 6,
        "two who are there, each with a record and listed by two words"
    );
}

#[tokio::test]
async fn five_hundred_fit_and_one_more_does_not() {
    let service = TestService::start().await;
    let users: Vec<Value> = (0..500).map(|number| with(&format!("u{number}"), json!({"profileNames": []}))).collect();
    let answer = service.succeed(&upsert(users.clone())).await;
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["user"].is_object()));
    let more = [users, vec![user("one-more")]].concat();
    assert_eq!(service.refused(&upsert(more), 400).await.refused_fields(), ["users"]);
}

#[tokio::test]
async fn an_agents_record_follows_the_directory_and_keeps_what_is_not_its_own() {
    let service = TestService::start().await;
    service.plan("plan", "ana").await;
    let record = async |profile: &str| service.items().await.get(&format!("acme#{profile}#agent#ana / agent")).cloned();
    assert!(!record("support").await.unwrap().contains_key("display_name"));
    service.succeed(&upsert(vec![user("ana")])).await;
    let listed = record("support").await.unwrap();
    assert!(listed.contains_key("display_name") && listed.contains_key("plan#plan"));
    service.succeed(&upsert(vec![with("ana", json!({"profileNames": ["customers/acme/profiles/sales"]}))])).await;
    let left = record("support").await.unwrap();
    assert!(!left.contains_key("display_name") && !left.contains_key("profile_list") && left.contains_key("plan#plan"));
    assert!(record("sales").await.unwrap().contains_key("profile_list"));
    service.succeed(&upsert(vec![with("ana", json!({"roles": ["manager"]}))])).await;
    assert!(!record("sales").await.is_some_and(|record| record.contains_key("profile_list")));
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let service = TestService::start().await;
    service.succeed(&upsert(vec![user("ana")])).await;
    let before = service.items().await;
    let (_, spent) = service.spending(&upsert(vec![user("ana")])).await;
    assert_eq!((spent.write_units, service.items().await), (0.0, before));
}

#[tokio::test]
async fn a_caller_confined_to_a_profile_does_not_load_the_directory() {
    let service = TestService::start().await;
    service.refused(&upsert(vec![user("ana")]).with_claim("profiles", json!("support")), 403).await;
}
