//! `list-users`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use coaching_tests::{Case, Event, Target, TestService, merge, replay, user};
use serde_json::{Value, json};

const CASES: [Case; 12] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-query", status: 200, refused: &[] },
    Case { name: "by-roles", status: 200, refused: &[] },
    Case { name: "by-profile-name", status: 200, refused: &[] },
    Case { name: "by-include-inactive", status: 200, refused: &[] },
    Case { name: "by-include-dev-users", status: 200, refused: &[] },
    Case { name: "of-one-profile", status: 200, refused: &[] },
    Case { name: "query-too-long", status: 400, refused: &["query"] },
    Case { name: "unknown-role", status: 400, refused: &["roles"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-users", &CASES, Target::Handler(&list_users::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-users", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-users"))).await;
}

const SUPPORT: &str = "customers/acme/profiles/support";
const SALES: &str = "customers/acme/profiles/sales";

fn load(users: &[Value]) -> Event {
    Event::post("", json!({ "users": users })).to("/v1/customers/acme/users:batchUpsert").by("service", "sync@acme")
}

/// Loads users; each has an id and fields beside those that all have.
async fn loaded(service: &TestService, users: &[(&str, Value)]) {
    let users = users.iter().map(|(id, more)| {
        let mut user = user(id);
        merge(&mut user, more.clone());
        user
    });
    let answer = service.succeed(&load(&users.collect::<Vec<_>>())).await;
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["user"].is_object()), "{answer}");
}

fn users() -> Event {
    Event::get("").to("/v1/customers/acme/users")
}

fn id_of(user: &Value) -> String {
    user["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// The users on all pages of `size` of `event`.
async fn all_pages(service: &TestService, event: &Event, size: usize) -> Vec<Value> {
    let event = event.clone().with("pageSize", &size.to_string());
    let (mut users, mut next) = (Vec::new(), event.clone());
    loop {
        let page = service.succeed(&next).await;
        let listed = page["users"].as_array().unwrap();
        assert!(listed.len() <= size);
        users.extend(listed.iter().cloned());
        match page["nextPageToken"].as_str() {
            Some(token) => next = event.clone().with("pageToken", token),
            None => return users,
        }
    }
}

async fn ids(service: &TestService, event: &Event) -> Vec<String> {
    all_pages(service, event, 50).await.iter().map(id_of).collect()
}

#[tokio::test]
async fn a_search_shows_whom_it_finds_once_those_whose_name_begins_with_it_first() {
    let service = TestService::start().await;
    let names = [
        ("u1", "Maria López"),
        ("u2", "Lopez Lopez"),
        ("u3", "LÓPEZ-Lorca, Eva"),
        ("u4", "Anne-Marie O’Neil"),
        ("u5", "Ben Clop"),
        ("u6", "Νίκος Παπάς"),
        ("u7", "安娜 López Álvarez"),
        ("u8", "Maria López"),
        ("u9", "Łukasz van der Loo"),
    ];
    loaded(&service, &names.map(|(id, name)| (id, json!({"displayName": name})))).await;
    for size in [1, 2, 3, 50] {
        for (query, found) in [
            ("lop", vec!["u2", "u3", "u1", "u8", "u7"]),
            ("LÓ", vec!["u2", "u3", "u9", "u1", "u8", "u7"]),
            ("maria l", vec!["u1", "u8"]),
            ("o'n", vec!["u4"]),
            ("ΠΑΠΆΣ", vec!["u6"]),
            ("安", vec!["u7"]),
            ("a", vec!["u4", "u7"]),
            ("opez", vec![]),
        ] {
            let listed = all_pages(&service, &users().with("query", query), size).await;
            assert_eq!(listed.iter().map(id_of).collect::<Vec<_>>(), found, "{query} in pages of {size}");
        }
        let everyone = all_pages(&service, &users(), size).await;
        let listed: Vec<String> = everyone.iter().map(id_of).collect();
        assert_eq!(listed, ["u4", "u5", "u2", "u3", "u1", "u8", "u9", "u6", "u7"]);
    }
}

#[tokio::test]
async fn a_listed_user_is_the_user_as_they_are_read() {
    let service = TestService::start().await;
    loaded(&service, &[("zoe", json!({"displayName": "Zoë de Zee", "roles": ["agent", "manager"]}))]).await;
    let read = async || service.succeed(&Event::get("").to("/v1/customers/acme/users/zoe")).await["user"].clone();
    for (name, more) in [
        ("Zoë de Zee", json!({"profileNames": [SUPPORT, SALES]})),
        ("Zoë de Zee", json!({"roles": []})),
        ("Ann Zee", json!({})),
    ] {
        let mut changed = json!({"displayName": name});
        merge(&mut changed, more);
        loaded(&service, &[("zoe", changed)]).await;
        for query in ["", "zee"] {
            let event = if query.is_empty() { users() } else { users().with("query", query) };
            assert_eq!(service.succeed(&event).await["users"], json!([read().await]), "{query}");
        }
    }
    assert_eq!(ids(&service, &users().with("query", "zoe")).await, [""; 0], "an earlier name");
}

#[tokio::test]
async fn each_filter_restricts_the_list() {
    let service = TestService::start().await;
    loaded(
        &service,
        &[
            ("agent", json!({})),
            ("coach", json!({"roles": ["manager"], "profileNames": [SALES]})),
            ("left", json!({"isActive": false})),
            ("nobody", json!({"roles": []})),
            ("robot", json!({"isDevUser": true})),
            ("robot-left", json!({"isActive": false, "isDevUser": true})),
            ("root", json!({"roles": ["admin", "service"], "profileNames": []})),
        ],
    )
    .await;
    for (event, found) in [
        (users(), vec!["agent", "coach", "nobody", "root"]),
        (users().with("roles", "agent"), vec!["agent"]),
        (users().with("roles", "service").with("roles", "manager"), vec!["coach", "root"]),
        (users().with("profileName", SUPPORT), vec!["agent", "nobody", "root"]),
        (users().with("profileName", SALES), vec!["coach", "root"]),
        (users().with("profileName", SALES).with("roles", "manager"), vec!["coach"]),
        (users().with("includeInactive", "true"), vec!["agent", "coach", "left", "nobody", "root"]),
        (users().with("includeDevUsers", "true"), vec!["agent", "coach", "nobody", "robot", "root"]),
        (
            users().with("includeDevUsers", "true").with("includeInactive", "true").with("query", "robot"),
            vec!["robot", "robot-left"],
        ),
    ] {
        assert_eq!(ids(&service, &event).await, found, "{event:?}");
    }
}

#[tokio::test]
async fn a_caller_of_some_profiles_sees_who_works_there_and_no_other_profile() {
    let service = TestService::start().await;
    loaded(
        &service,
        &[
            ("both", json!({"profileNames": [SALES, SUPPORT]})),
            ("eva", json!({"profileNames": [SALES]})),
            ("here", json!({"profileNames": [SUPPORT]})),
            ("root", json!({"profileNames": []})),
        ],
    )
    .await;
    let confined = |event: Event, profiles: &str| event.with_claim("profiles", json!(profiles));
    for role in ["manager", "service", "admin"] {
        let seen = all_pages(&service, &confined(users().by(role, "mike"), "support"), 1).await;
        assert_eq!(seen.iter().map(id_of).collect::<Vec<_>>(), ["both", "here", "root"], "{role}");
        let profiles: Vec<&Value> = seen.iter().map(|user| &user["profileNames"]).collect();
        assert_eq!(profiles, [&json!([SUPPORT]), &json!([SUPPORT]), &json!([])], "{role}");
    }
    assert_eq!(ids(&service, &confined(users(), "support sales")).await, ["both", "eva", "here", "root"]);
    assert_eq!(ids(&service, &confined(users().with("profileName", SALES), "support")).await, [""; 0]);
    assert_eq!(ids(&service, &confined(users().with("query", "eva"), "support")).await, [""; 0]);
    assert_eq!(
        ids(&service, &confined(users().with("profileName", SALES), "sales care")).await,
        ["both", "eva", "root"]
    );
    service.refused(&confined(users(), ""), 403).await;
}

#[tokio::test]
async fn of_two_loads_at_once_no_entry_of_the_other_name_is_left() {
    let service = TestService::start().await;
    for round in 0..10 {
        let named = |name: &str| {
            let mut user = user("ana");
            merge(&mut user, json!({"displayName": format!("{name} Round{round}")}));
            load(&[user])
        };
        let (one, other) = (named("Ana Abe"), named("Bea Cole"));
        tokio::join!(service.send(&one), service.send(&other));
        let read = service.succeed(&Event::get("").to("/v1/customers/acme/users/ana")).await["user"].clone();
        let entries: BTreeSet<String> =
            service.items().await.into_keys().filter(|key| key.starts_with("acme##user-names")).collect();
        assert_eq!(entries.len(), 3, "an item for each word: {entries:?}");
        assert!(entries.iter().all(|key| key.contains(read["displayName"].as_str().unwrap())), "{entries:?}");
        assert_eq!(service.succeed(&users()).await["users"], json!([read]));
    }
}

#[tokio::test]
async fn a_user_of_before_the_list_is_listed_when_loaded_again_as_they_are() {
    let service = TestService::start().await;
    loaded(&service, &[("ana", json!({"displayName": "Ana Abe"}))]).await;
    let items = service.items().await;
    for (key, item) in &items {
        let key_of = || ["PK", "SK"].map(|name| (name.to_owned(), item[name].clone()));
        if key.starts_with("acme##user-names") {
            let delete = service.client().delete_item().table_name(service.table());
            delete.set_key(Some(key_of().into())).send().await.unwrap();
        }
        if key.starts_with("acme##user#ana /") {
            let mut old = item.clone();
            old.remove("listed_as").unwrap();
            service.client().put_item().table_name(service.table()).set_item(Some(old)).send().await.unwrap();
        }
    }
    assert_eq!(ids(&service, &users()).await, [""; 0]);
    for _ in 0..2 {
        loaded(&service, &[("ana", json!({"displayName": "Ana Abe"}))]).await;
        assert_eq!(ids(&service, &users().with("query", "abe")).await, ["ana"]);
    }
}

#[tokio::test]
async fn the_longest_name_and_id_have_keys_and_a_page_token() {
    let service = TestService::start().await;
    let (id, letters) = ("i".repeat(128), "\u{fdfa}".repeat(85));
    let words = "a ".repeat(127) + "aa";
    loaded(&service, &[(&id, json!({"displayName": letters})), ("z", json!({"displayName": words}))]).await;
    let listed = all_pages(&service, &users(), 1).await;
    assert_eq!(listed.iter().map(id_of).collect::<Vec<_>>(), ["z".to_owned(), id]);
    assert_eq!(all_pages(&service, &users().with("query", "a"), 1).await.len(), 1);
}

#[tokio::test]
async fn a_page_costs_what_it_shows_and_a_load_what_changes() {
    let service = TestService::embedded().await;
    let many: Vec<Value> = (0..120).map(|number| user(&format!("u{number:03}"))).collect();
    service.succeed(&load(&many)).await;
    let (page, spent) = service.spending(&users()).await;
    assert_eq!((page.body["users"].as_array().unwrap().len(), spent.read_units), (50, 1.5));
    let (page, spent) = service.spending(&users().with("query", "u")).await;
    assert_eq!(
        (page.body["users"].as_array().unwrap().len(), spent.read_units),
        (50, 2.0),
        "and half a unit for the names"
    );

    let named = |name: &str, is_active: bool| {
        let mut user = user("maria");
        merge(&mut user, json!({"displayName": name, "roles": ["manager"], "isActive": is_active}));
        load(&[user])
    };
    service.succeed(&named("Maria", true)).await;
    for (what, event, units) in [
        ("nothing", named("Maria", true), 0.0),
        ("another state: the user and the name", named("Maria", false), 4.0),
        ("a further word: the user, both names, and the one of before", named("Maria Lopez", false), 8.0),
        ("another word: the user, two new, two of before", named("Maria Lorca", false), 10.0),
        ("another state: the user, and each word", named("Maria Lorca", true), 6.0),
    ] {
        let (_, spent) = service.spending(&event).await;
        assert!((spent.write_units - units).abs() < 0.01, "{what}: {}", spent.write_units);
    }
}
