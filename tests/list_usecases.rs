//! `list-usecases`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, replay, usecase_name};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-query", status: 200, refused: &[] },
    Case { name: "by-an-agent", status: 200, refused: &[] },
    Case { name: "query-without-a-letter", status: 400, refused: &["query"] },
    Case { name: "bad-page-size", status: 400, refused: &["pageSize"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-usecases", &CASES, Target::Handler(&list_usecases::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-usecases", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-usecases"))).await;
}

async fn load(service: &TestService, names: &[(&str, &str)]) {
    let usecases: Vec<Value> =
        names.iter().map(|(id, name)| json!({"name": usecase_name(id), "displayName": name})).collect();
    let load = Event::post("usecases:batchUpsert", json!({ "usecases": usecases })).by("service", "sync@acme");
    service.succeed(&load).await;
}

/// The ids on all pages of `size`.
async fn listed(service: &TestService, query: &str, size: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut event = Event::get("usecases").with("pageSize", &size.to_string());
        if !query.is_empty() {
            event = event.with("query", query);
        }
        if let Some(token) = &token {
            event = event.with("pageToken", token);
        }
        let page = service.succeed(&event).await;
        let usecases = page["usecases"].as_array().unwrap();
        assert!(usecases.len() <= size);
        ids.extend(usecases.iter().map(|usecase| usecase["name"].as_str().unwrap().rsplit('/').next().unwrap().into()));
        token = page["nextPageToken"].as_str().map(str::to_owned);
        if token.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn pages_go_through_the_usecases_by_name_and_a_search_through_those_that_it_finds() {
    let service = TestService::start().await;
    let names = [
        ("u1", "Lost cards"),
        ("u2", "Café-Logistik"),
        ("u3", "Ärger über Löhne"),
        ("u4", "cafe Zürich"),
        ("u5", "Überweisung"),
        ("u6", "L’hôtel"),
        ("u7", "Lost cards"),
        ("u8", "Verlobt"),
    ];
    load(&service, &names).await;
    for size in [1, 2, 3, 50] {
        assert_eq!(listed(&service, "", size).await, ["u3", "u4", "u2", "u1", "u7", "u6", "u5", "u8"]);
        for (query, found) in [
            ("lo", vec!["u3", "u2", "u1", "u7"]),
            ("LÖ", vec!["u3", "u2", "u1", "u7"]),
            ("cafe", vec!["u4", "u2"]),
            ("hotel", vec!["u6"]),
            ("lost car", vec!["u1", "u7"]),
            ("cards lost", vec![]),
            ("lobt", vec![]),
            ("uber", vec!["u3", "u5"]),
        ] {
            assert_eq!(listed(&service, query, size).await, found, "{query} in pages of {size}");
        }
    }
}

#[tokio::test]
async fn a_usecase_with_a_new_name_is_listed_by_that_alone() {
    let service = TestService::start().await;
    load(&service, &[("u1", "Lost cards"), ("u2", "Loans")]).await;
    load(&service, &[("u1", "Accounts")]).await;
    load(&service, &[("u1", "Accounts")]).await;
    assert_eq!(listed(&service, "", 50).await, ["u1", "u2"]);
    assert_eq!(listed(&service, "lo", 50).await, ["u2"]);
    assert_eq!(listed(&service, "acc", 50).await, ["u1"]);
}

#[tokio::test]
async fn the_longest_name_and_id_have_a_page_token() {
    let service = TestService::start().await;
    let (id, name) = ("i".repeat(128), "\u{fdfa}".repeat(85));
    load(&service, &[(&id, &name), ("z", "\u{fdfb}")]).await;
    assert_eq!(listed(&service, "", 1).await, ["z".to_owned(), id]);
}
