//! `list-groups`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use coaching_tests::{Case, Event, Target, TestService, merge, replay, user_name};
use serde_json::{Value, json};

const CASES: [Case; 8] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-query", status: 200, refused: &[] },
    Case { name: "by-manager-user-name", status: 200, refused: &[] },
    Case { name: "of-one-profile", status: 200, refused: &[] },
    Case { name: "manager-without-a-name", status: 400, refused: &["managerUserName"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-groups", &CASES, Target::Handler(&list_groups::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-groups", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-groups"))).await;
}

/// A group called `display_name`, led by `managers`, with a member.
fn group(id: &str, display_name: &str, managers: &[&str]) -> Value {
    json!({
        "name": format!("customers/acme/groups/{id}"),
        "displayName": display_name,
        "memberUserNames": [user_name("ana")],
        "managerUserNames": managers.iter().map(|manager| user_name(manager)).collect::<Vec<_>>(),
    })
}

fn load(groups: &[Value]) -> Event {
    Event::post("", json!({ "groups": groups })).to("/v1/customers/acme/groups:batchUpsert").by("service", "sync@acme")
}

async fn loaded(service: &TestService, groups: &[Value]) {
    let answer = service.succeed(&load(groups)).await;
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["group"].is_object()), "{answer}");
}

fn groups() -> Event {
    Event::get("").to("/v1/customers/acme/groups")
}

fn led_by(manager: &str) -> Event {
    groups().with("managerUserName", &user_name(manager))
}

async fn read(service: &TestService, id: &str) -> Value {
    service.succeed(&Event::get("").to(&format!("/v1/customers/acme/groups/{id}"))).await["group"].clone()
}

/// The groups on all pages of `size` of `event`.
async fn all_pages(service: &TestService, event: &Event, size: usize) -> Vec<Value> {
    let event = event.clone().with("pageSize", &size.to_string());
    let (mut groups, mut next) = (Vec::new(), event.clone());
    loop {
        let page = service.succeed(&next).await;
        let listed = page["groups"].as_array().unwrap();
        assert!(listed.len() <= size);
        groups.extend(listed.iter().cloned());
        match page["nextPageToken"].as_str() {
            Some(token) => next = event.clone().with("pageToken", token),
            None => return groups,
        }
    }
}

async fn ids(service: &TestService, event: &Event, size: usize) -> Vec<String> {
    let id = |group: &Value| group["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    all_pages(service, event, size).await.iter().map(id).collect()
}

#[tokio::test]
async fn a_group_is_found_by_any_word_of_its_name_and_by_who_leads_it() {
    let service = TestService::start().await;
    loaded(
        &service,
        &[
            group("a", "North evening", &["maria", "mark"]),
            group("b", "Évening, north", &["maria"]),
            group("c", "South evening", &["mark"]),
            group("d", "Evening", &[]),
        ],
    )
    .await;
    for size in [1, 2, 50] {
        for (event, found) in [
            (groups(), vec!["d", "b", "a", "c"]),
            (groups().with("query", "even"), vec!["d", "b", "a", "c"]),
            (groups().with("query", "NORTH"), vec!["a", "b"]),
            (groups().with("query", "evening n"), vec!["b"]),
            (groups().with("query", "orth"), vec![]),
            (led_by("maria"), vec!["b", "a"]),
            (led_by("mark"), vec!["a", "c"]),
            (led_by("mark").with("query", "nor"), vec!["a"]),
            (led_by("max"), vec![]),
            (led_by("nobody"), vec![]),
        ] {
            assert_eq!(ids(&service, &event, size).await, found, "{event:?} in pages of {size}");
        }
    }
}

#[tokio::test]
async fn a_listed_group_is_the_group_as_it_is_read_without_its_members() {
    let service = TestService::start().await;
    for changed in [
        group("team", "Team", &["maria"]),
        group("team", "Team", &["maria", "mark"]),
        group("team", "Team", &["mark", "maria"]),
        group("team", "Other team", &["mark"]),
        group("team", "Other", &[]),
    ] {
        loaded(&service, std::slice::from_ref(&changed)).await;
        let mut listed = read(&service, "team").await;
        merge(&mut listed, json!({"memberUserNames": null, "subgroupNames": null, "etag": null}));
        let listed = json!([listed]);
        assert_eq!(listed[0]["managerUserNames"], changed["managerUserNames"]);
        assert_eq!(service.succeed(&groups()).await["groups"], listed);
        assert_eq!(
            service.succeed(&groups().with("query", "other")).await["groups"] == listed,
            changed["displayName"] != "Team"
        );
        for manager in ["maria", "mark"] {
            let leads = changed["managerUserNames"].as_array().unwrap().contains(&json!(user_name(manager)));
            let found = service.succeed(&led_by(manager)).await;
            assert_eq!(found["groups"] == listed, leads, "{manager}: {found}");
            assert_eq!(found["groups"] == json!([]), !leads, "{manager}: {found}");
        }
    }
}

#[tokio::test]
async fn a_caller_of_some_profiles_sees_the_groups_that_they_lead() {
    let service = TestService::start().await;
    loaded(&service, &[group("a", "A", &["maria"]), group("b", "B", &["mark"]), group("c", "C", &["maria", "mark"])])
        .await;
    for role in ["manager", "service", "admin"] {
        let confined = |event: Event| event.by(role, "maria").with_claim("profiles", json!("support"));
        assert_eq!(ids(&service, &confined(groups()), 1).await, ["a", "c"], "{role}");
        assert_eq!(ids(&service, &confined(groups().with("query", "b")), 1).await, [""; 0], "{role}");
        assert_eq!(ids(&service, &confined(led_by("maria")), 1).await, ["a", "c"], "{role}");
        assert_eq!(ids(&service, &confined(led_by("mark")), 1).await, [""; 0], "{role}");
        service.refused(&confined(groups()).with_claim("profiles", json!("")), 403).await;
    }
}

#[tokio::test]
async fn of_two_loads_at_once_no_entry_of_the_other_name_or_manager_is_left() {
    let service = TestService::start().await;
    for round in 0..10 {
        let (one, other) =
            (group("g", &format!("One {round}"), &["maria"]), group("g", &format!("Two {round}"), &["mark"]));
        let (one, other) = (load(&[one]), load(&[other]));
        tokio::join!(service.send(&one), service.send(&other));
        let name = read(&service, "g").await["displayName"].as_str().unwrap().to_owned();
        let is_listing = |key: &String| key.starts_with("acme##group-names") || key.starts_with("acme##groups-of#");
        let entries: BTreeSet<String> = service.items().await.into_keys().filter(is_listing).collect();
        assert_eq!(entries.len(), 3, "an item for each word, and one for the manager: {entries:?}");
        assert!(entries.iter().all(|key| key.contains(&name)), "{entries:?}");
    }
}

#[tokio::test]
async fn a_group_of_before_the_list_is_listed_when_loaded_again_as_it_is() {
    let service = TestService::start().await;
    let team = || group("team", "Team", &[]);
    loaded(&service, &[team()]).await;
    for (key, item) in service.items().await {
        let key_of = || ["PK", "SK"].map(|name| (name.to_owned(), item[name].clone()));
        if key.starts_with("acme##group-names") {
            let delete = service.client().delete_item().table_name(service.table());
            delete.set_key(Some(key_of().into())).send().await.unwrap();
        }
        if key.starts_with("acme##group#team /") {
            let mut old = item.clone();
            old.remove("listed_as").unwrap();
            service.client().put_item().table_name(service.table()).set_item(Some(old)).send().await.unwrap();
        }
    }
    assert_eq!(ids(&service, &groups(), 50).await, [""; 0]);
    for _ in 0..2 {
        loaded(&service, &[team()]).await;
        assert_eq!(ids(&service, &groups().with("query", "team"), 50).await, ["team"]);
    }
}

#[tokio::test]
async fn a_group_that_could_not_be_read_leaves_nothing_in_the_lists() {
    let service = TestService::start().await;
    loaded(&service, &[group("team", "Old name", &["maria"])]).await;
    let item = service.items().await.remove("acme##group#team / group").unwrap();
    let mut bad = item.clone();
    bad.insert("members".to_owned(), bad["display_name"].clone());
    service.client().put_item().table_name(service.table()).set_item(Some(bad)).send().await.unwrap();
    loaded(&service, &[group("team", "New", &["mark"])]).await;
    assert_eq!(ids(&service, &groups(), 50).await, ["team"]);
    assert_eq!(ids(&service, &groups().with("query", "name"), 50).await, [""; 0]);
    assert_eq!(ids(&service, &led_by("maria"), 50).await, [""; 0]);
}

#[tokio::test]
async fn the_longest_names_ids_and_managers_are_listed() {
    let service = TestService::start().await;
    let managers: Vec<String> = (0..20).map(|number| format!("{number:02}").repeat(64)).collect();
    let users = managers
        .iter()
        .map(|id| json!({"name": user_name(id), "displayName": "M", "isActive": true, "roles": ["manager"]}));
    let users = json!({"users": users.collect::<Vec<_>>()});
    service
        .succeed(&Event::post("", users).to("/v1/customers/acme/users:batchUpsert").by("service", "sync@acme"))
        .await;
    let (first, rest) = managers.split_at(10);
    let led = |name: &str, managers: &[String]| {
        let managers: Vec<&str> = managers.iter().map(String::as_str).collect();
        (0..6).map(|number| group(&format!("{number}").repeat(128), name, &managers)).collect::<Vec<_>>()
    };
    // The most that one group can write: as many words and managers as it may have, in place of as many others.
    let words = |word: &str| format!("{word} ").repeat(64) + &"\u{fdfa}".repeat(21);
    loaded(&service, &led(&words("a"), &managers)).await;
    loaded(&service, &led(&words("b"), first)).await;
    loaded(&service, &led(&words("c"), rest)).await;
    loaded(&service, &led(&words("d"), &managers)).await;
    assert_eq!(ids(&service, &groups(), 1).await.len(), 6);
    assert_eq!(ids(&service, &groups().with("query", "d"), 4).await.len(), 6);
    assert_eq!(ids(&service, &led_by(&managers[19]), 5).await.len(), 6);
}

#[tokio::test]
async fn a_page_costs_nothing_for_members_and_a_load_what_changes() {
    let service = TestService::embedded().await;
    let members: Vec<String> = (0..2000).map(|number| user_name(&format!("member-{number:04}"))).collect();
    let team = |id: usize, managers: &[&str], members: &[String]| {
        let mut group = group(&format!("g{id}"), "Team", managers);
        merge(&mut group, json!({"memberUserNames": members}));
        group
    };
    for id in 0..10 {
        loaded(&service, &[team(id, &["maria"], &members)]).await;
    }
    for event in [groups(), led_by("maria")] {
        let (page, spent) = service.spending(&event).await;
        assert_eq!((page.body["groups"].as_array().unwrap().len(), spent.calls, spent.read_units), (10, 1, 0.5));
    }
    let few = &members[..1];
    for (what, event, units) in [
        ("the version of all groups, the group, its name and its manager", team(10, &["maria"], few), 8.0),
        ("nothing", team(10, &["maria"], few), 0.0),
        ("other members: the version and the group", team(10, &["maria"], &members[1..2]), 4.0),
        ("another manager: those, the name, and two of managers", team(10, &["mark"], &members[1..2]), 10.0),
    ] {
        let (_, spent) = service.spending(&load(&[event])).await;
        assert!((spent.write_units - units).abs() < 0.01, "{what}: {}", spent.write_units);
    }
}
