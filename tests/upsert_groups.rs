//! `upsert-groups`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Answered, Case, Event, Target, TestService, replay, user_name};
use futures_util::future::join;
use serde_json::{Value, json};

const CASES: [Case; 6] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "no-list", status: 400, refused: &["groups"] },
    Case { name: "unknown-manager", status: 200, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-groups", &CASES, Target::Handler(&upsert_groups::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-groups", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-groups"))).await;
}

fn group(id: &str, subgroups: &[&str]) -> Value {
    let subgroups: Vec<String> = subgroups.iter().map(|id| format!("customers/acme/groups/{id}")).collect();
    json!({"name": format!("customers/acme/groups/{id}"), "displayName": id, "memberUserNames": [user_name("ana")], "subgroupNames": subgroups})
}

fn upsert(groups: &[Value]) -> Event {
    Event::post("", json!({ "groups": groups })).to("/v1/customers/acme/groups:batchUpsert").by("service", "sync@acme")
}

/// Whether each entry was written.
fn written(answered: &Answered) -> Vec<bool> {
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body["results"].as_array().unwrap().iter().map(|result| result["group"].is_object()).collect()
}

#[tokio::test]
async fn a_cycle_is_refused_and_what_is_beside_it_is_not() {
    let service = TestService::start().await;
    let answered = service
        .send(&upsert(&[
            group("a", &["b"]),
            group("b", &["c"]),
            group("c", &["a"]),
            group("d", &["d"]),
            group("e", &["a"]),
        ]))
        .await;
    assert_eq!(written(&answered), [true, true, false, false, true]);
    assert_eq!(answered.body["results"][2]["status"]["code"], 3);
    assert_eq!(written(&service.send(&upsert(&[group("c", &["e"])])).await), [false], "also through what is stored");
    assert_eq!(
        written(&service.send(&upsert(&[group("b", &[]), group("c", &["e"])])).await),
        [true, true],
        "once it is no cycle"
    );
    let stored = service.items().await;
    assert_eq!(written(&service.send(&upsert(&[group("b", &[]), group("c", &["e"])])).await), [true, true]);
    assert_eq!(service.items().await, stored, "a repeat changes nothing");
}

#[tokio::test]
async fn two_calls_at_once_close_no_cycle_together() {
    for _ in 0..10 {
        let service = TestService::start().await;
        let (ab, ba) = (upsert(&[group("a", &["b"])]), upsert(&[group("b", &["a"])]));
        let (first, second) = join(service.send(&ab), service.send(&ba)).await;
        let both = [written(&first), written(&second)].concat();
        assert_eq!(both.iter().filter(|written| **written).count(), 1, "{both:?}");
    }
}

#[tokio::test]
async fn groups_nest_twenty_deep_and_no_deeper() {
    let service = TestService::start().await;
    let chain: Vec<Value> = (0..20)
        .rev()
        .map(|level| group(&format!("g{level}"), &[format!("g{}", level + 1).as_str()][..usize::from(level < 19)]))
        .collect();
    assert!(written(&service.send(&upsert(&chain)).await).iter().all(|written| *written));
    assert_eq!(written(&service.send(&upsert(&[group("top", &["g0"])])).await), [false]);
}

#[tokio::test]
async fn who_leads_a_group_is_in_the_directory() {
    let service = TestService::start().await;
    let before = service.items().await;
    let led_by = |id: &str, managers: &[&str]| {
        let mut group = group(id, &[]);
        group["managerUserNames"] = managers.iter().map(|manager| json!(user_name(manager))).collect();
        group
    };
    let refused = |answered: &Answered, place: usize| {
        let violations = &answered.body["results"][place]["status"]["details"][1]["fieldViolations"];
        violations.as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let many: Vec<String> = (0..21).map(|number| format!("m{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let sent = [
        led_by("a", &["maria", "nobody", "no-one"]),
        led_by("b", &many),
        json!({"name": "customers/acme/groups/c", "displayName": "c", "managerUserNames": ["maria"]}),
    ];
    let answered = service.send(&upsert(&sent)).await;
    assert_eq!(written(&answered), [false; 3]);
    assert_eq!(refused(&answered, 0), ["groups[0].managerUserNames"]);
    let said = answered.body["results"][0]["status"]["message"].as_str().unwrap();
    for unknown in ["nobody", "no-one"] {
        assert!(said.contains(&format!("'customers/acme/users/{unknown}' is not in the directory")), "{said}");
    }
    assert!(!said.contains("maria"), "{said}");
    for place in 1..3 {
        let path = format!("groups[{place}].managerUserNames");
        assert!(refused(&answered, place).iter().all(|field| field.starts_with(&path)), "{}", answered.body);
    }
    assert_eq!(service.items().await, before, "nothing is written");

    let answered = service.send(&upsert(&[led_by("a", &["nobody"]), led_by("b", &["maria", "ana"])])).await;
    assert_eq!(written(&answered), [false, true], "an entry is refused by itself");
    let read = service.succeed(&Event::get("").to("/v1/customers/acme/groups/b")).await;
    assert_eq!(read["group"]["managerUserNames"], json!([user_name("maria"), user_name("ana")]));
    assert_eq!(written(&service.send(&upsert(&[group("b", &[])])).await), [true]);
    let read = service.succeed(&Event::get("").to("/v1/customers/acme/groups/b")).await;
    assert_eq!(read["group"]["managerUserNames"], json!([]), "an entry replaces the whole group");
}
