//! `whoami`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, NOW, Target, TestService, replay, user_name};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "manager", status: 200, refused: &[] },
    Case { name: "agent", status: 200, refused: &[] },
    Case { name: "of-one-profile", status: 200, refused: &[] },
    Case { name: "without-profiles", status: 200, refused: &[] },
    Case { name: "not-in-the-directory", status: 200, refused: &[] },
    Case { name: "with-a-parameter", status: 400, refused: &["role"] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("whoami", &CASES, Target::Handler(&whoami::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("whoami", &CASES, Target::Binary(env!("CARGO_BIN_EXE_whoami"))).await;
}

fn whoami() -> Event {
    Event::get("").to("/v1/whoami")
}

#[tokio::test]
async fn it_tells_what_the_token_says_and_the_directory() {
    let service = TestService::start().await;
    let read = service.succeed(&Event::get("").to("/v1/customers/acme/users/maria")).await["user"].clone();
    for role in ["agent", "manager", "service", "admin"] {
        for (claim, names) in [
            (json!("*"), Value::Null),
            (json!("[*]"), Value::Null),
            (json!("support"), json!(["customers/acme/profiles/support"])),
            (json!("sales support"), json!(["customers/acme/profiles/sales", "customers/acme/profiles/support"])),
            (json!("[support]"), json!(["customers/acme/profiles/support"])),
            (json!(""), json!([])),
            (Value::Null, json!([])),
        ] {
            let told = service.succeed(&whoami().by(role, "maria").with_claim("profiles", claim.clone())).await;
            assert_eq!(told["userName"], user_name("maria"), "{role} {claim}");
            assert_eq!((&told["customer"], &told["role"]), (&json!("customers/acme"), &json!(role)), "{claim}");
            assert_eq!(told["profileNames"], names, "{role} {claim}");
            assert_eq!((&told["user"], &told["serverTime"]), (&read, &json!(NOW)), "{role} {claim}");
        }
    }
}

#[tokio::test]
async fn another_customer_is_told_of_themselves() {
    let service = TestService::start().await;
    let other = whoami().by("admin", "maria").with_claim("customer", json!("globex"));
    let told = service.succeed(&other).await;
    assert_eq!((&told["customer"], told.get("user")), (&json!("customers/globex"), None));
    assert_eq!(told["userName"], "customers/globex/users/maria");
    let unusable = service.refused(&whoami().with_claim("customer", json!("Globex!")), 403).await;
    assert_eq!(unusable.reason(), "CLAIM_UNUSABLE");
}

#[tokio::test]
async fn what_it_says_of_pages_and_batches_is_so() {
    let service = TestService::embedded().await;
    let (answered, spent) = service.spending(&whoami()).await;
    assert_eq!((spent.calls, spent.read_units), (1, 1.0));
    let limit = |name: &str| usize::try_from(answered.body["limits"][name].as_u64().unwrap()).unwrap();
    let load = |entries: usize| {
        let usecases = vec![json!({}); entries];
        Event::post("usecases:batchUpsert", json!({"usecases": usecases})).by("service", "sync@acme")
    };
    assert_eq!(service.send(&load(limit("maxBatchEntries"))).await.status, 200);
    service.refused(&load(limit("maxBatchEntries") + 1), 400).await;
    let filled = |bytes: usize| {
        let rest = bytes - r#"{"usecases":[{}],"a":""}"#.len();
        let body = format!(r#"{{"usecases":[{{}}],"a":"{}"}}"#, "a".repeat(rest));
        Event::post("usecases:batchUpsert", json!({})).with_text(&body).by("service", "sync@acme")
    };
    assert_eq!(service.send(&filled(limit("maxBodyBytes"))).await.status, 200);
    service.refused(&filled(limit("maxBodyBytes") + 1), 400).await;
    let many: Vec<Value> = (0..=limit("maxPageSize"))
        .map(
            |number| json!({"name": format!("customers/acme/profiles/support/usecases/u{number}"), "displayName": "U"}),
        )
        .collect();
    for many in many.chunks(limit("maxBatchEntries")) {
        let load = Event::post("usecases:batchUpsert", json!({"usecases": many}));
        service.succeed(&load.by("service", "sync@acme")).await;
    }
    let page = service.succeed(&Event::get("usecases").with("pageSize", "2000")).await;
    assert_eq!(page["usecases"].as_array().unwrap().len(), limit("maxPageSize"));
}
