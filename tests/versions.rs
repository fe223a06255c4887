//! Versions: every operation that changes something changes the named version or nothing, and concurrent changes are
//! applied one after the other.

use std::collections::BTreeSet;

use coaching_edge::Operation;
use coaching_local::OPERATIONS;
use coaching_tests::{
    Answered, Event, TestService, answer, below_support, event_file, event_files, plan_name, session_name,
    usecase_name, user, user_name,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// An etag that no record has.
const ANOTHER: &str = "ffff-0";

/// The place of the expected version in a request, besides `If-Match`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Means {
    /// In the query.
    Query,
    /// In the only object of the body.
    Entity,
    /// In the body.
    Body,
    /// In each entry of the body's list.
    Entries,
    /// Nowhere: it changes no existing record.
    Nothing,
}

impl Means {
    fn of(operation: &Operation, event: &Value) -> Self {
        if !operation.writes {
            return Self::Nothing;
        }
        let path = event["rawPath"].as_str().unwrap();
        let verb = path.rsplit('/').next().unwrap().split_once(':');
        match (event["requestContext"]["http"]["method"].as_str().unwrap(), verb) {
            ("DELETE", _) => Self::Query,
            ("PATCH", _) => Self::Entity,
            ("POST", Some((_, "batchUpsert"))) => Self::Entries,
            ("POST", None | Some((_, "export" | "backfill" | "validateBackfill" | "erase"))) => Self::Nothing,
            ("POST", Some(_)) => Self::Body,
            other => panic!("{other:?}"),
        }
    }
}

fn with_if_match(event: &Value, tag: &str) -> Value {
    let mut event = event.clone();
    event["headers"]["if-match"] = tag.into();
    event
}

/// The event with `etag` in the place where its operation takes one.
fn with_etag(event: &Value, means: Means, etag: &str) -> Value {
    let mut event = event.clone();
    if means == Means::Query {
        let query = event["rawQueryString"].as_str().unwrap();
        event["rawQueryString"] = format!("{query}&etag={etag}").into();
        return event;
    }
    let mut body: Value = match event["body"].as_str() {
        Some(text) if !text.is_empty() => serde_json::from_str(text).unwrap(),
        _ => json!({}),
    };
    match means {
        Means::Body => body["etag"] = etag.into(),
        Means::Entity => {
            let entity = body.as_object_mut().unwrap().values_mut().find(|value| value.is_object());
            entity.unwrap()["etag"] = etag.into();
        }
        _ => {
            let entries = body.as_object_mut().unwrap().values_mut().find_map(Value::as_array_mut).unwrap();
            for entry in entries.iter_mut().filter(|entry| entry.is_object()) {
                entry["etag"] = etag.into();
            }
        }
    }
    event["body"] = body.to_string().into();
    event
}

#[tokio::test]
async fn every_change_is_held_to_the_version_that_it_names() {
    let mut tried = BTreeSet::new();
    let mut verbs = BTreeSet::new();
    for operation in OPERATIONS {
        let probe = TestService::seeded().await;
        for case in event_files(operation.name) {
            let event = event_file(operation.name, &case);
            // One successful event of each operation and verb.
            let path = event["rawPath"].as_str().unwrap();
            let verb = (operation.name, path.rsplit_once(':').map(|(_, verb)| verb.to_owned()));
            if verbs.contains(&verb) || event["isBase64Encoded"] == true {
                continue;
            }
            if answer(operation, &probe.app, event.clone()).await.status != 200 {
                continue;
            }
            verbs.insert(verb);
            let means = Means::of(operation, &event);
            let told = format!("{}/{case}", operation.name);
            let service = TestService::seeded().await;
            let items = service.items().await;
            let refused = async |event: Value| {
                let answered = answer(operation, &service.app, event).await;
                assert_eq!(service.items().await, items, "{told}: a refused request wrote something");
                answered
            };
            let by_header = refused(with_if_match(&event, &format!("\"{ANOTHER}\""))).await;
            if matches!(means, Means::Nothing | Means::Entries) {
                assert_eq!(by_header.refused_fields(), ["If-Match"], "{told}: {}", by_header.body);
            } else {
                assert_eq!(
                    (by_header.status, by_header.reason()),
                    (409, "ETAG_MISMATCH"),
                    "{told}: {}",
                    by_header.body
                );
            }
            if means == Means::Nothing {
                continue;
            }
            tried.insert(operation.name);
            let by_etag = refused(with_etag(&event, means, ANOTHER)).await;
            if means == Means::Entries {
                let results = by_etag.body["results"].as_array().unwrap();
                let codes: BTreeSet<u64> =
                    results.iter().map(|result| result["status"]["code"].as_u64().unwrap_or_default()).collect();
                // An invalid entry is INVALID_ARGUMENT, and so is an etag for a record without versions.
                assert!(codes.iter().all(|code| [3, 10].contains(code)), "{told}: {}", by_etag.body);
                let expected = if operation.name == "upsert-usecases" { 3 } else { 10 };
                assert!(codes.contains(&expected), "{told}: {}", by_etag.body);
                continue;
            }
            assert_eq!((by_etag.status, by_etag.reason()), (409, "ETAG_MISMATCH"), "{told}: {}", by_etag.body);

            let path = event["rawPath"].as_str().unwrap();
            let path = if means == Means::Body { path.rsplit_once(':').unwrap().0 } else { path };
            let read = service.send(&Event::get("").to(path).by("admin", "root")).await;
            let quoted = &read.headers["etag"];
            let etag = quoted.trim_matches('"');
            for weak in [with_if_match(&event, &format!("W/{quoted}")), with_etag(&event, means, &format!("W/{etag}"))]
            {
                let weak = refused(weak).await;
                assert_eq!((weak.status, weak.reason()), (409, "ETAG_MISMATCH"), "{told}: {}", weak.body);
                assert!(weak.body["message"].as_str().unwrap().contains("is weak (W/): send it without W/"), "{told}");
            }
            let changed = answer(operation, &service.app, with_etag(&with_if_match(&event, quoted), means, etag)).await;
            assert_eq!(changed.status, 200, "{told}: {}", changed.body);
        }
    }
    // What is created has no earlier version, nor has a job, and who is erased is erased in any version.
    let creates = |operation: &Operation| {
        ["create-", "export-", "start-", "validate-", "erase-"].iter().any(|verb| operation.name.starts_with(verb))
    };
    let changing = OPERATIONS.iter().filter(|operation| operation.writes && !creates(operation));
    assert_eq!(tried, changing.map(|operation| operation.name).collect());
}

/// The etags of a batch's results, and the reasons of those that were refused.
fn results(answered: &Answered, record: &str) -> Vec<Result<String, String>> {
    assert_eq!(answered.status, 200, "{}", answered.body);
    let results = answered.body["results"].as_array().unwrap();
    let result = |result: &Value| match result[record]["etag"].as_str() {
        Some(etag) => Ok(etag.to_owned()),
        None => Err(result["status"]["details"][0]["reason"].as_str().unwrap_or_default().to_owned()),
    };
    results.iter().map(result).collect()
}

#[tokio::test]
async fn an_entry_of_a_batch_is_held_to_its_version_by_itself() {
    let plan = |id: &str| {
        json!({
            "name": plan_name(id),
            "agentUserName": user_name("ben"),
            "creatorUserName": user_name("maria"),
            "isActive": false,
        })
    };
    let scorecard = |id: &str| {
        json!({
            "name": below_support(&format!("scorecards/{id}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ben"),
            "templateName": below_support("scorecardTemplates/quality@1"),
            "usecaseName": usecase_name("care"),
            "submitTime": "2026-05-20T10:00:00Z",
            "scores": [],
        })
    };
    let group = |id: &str| json!({"name": format!("customers/acme/groups/{id}"), "displayName": "Group"});
    let below = "/v1/customers/acme/profiles/support";
    type Entry<'a> = &'a dyn Fn(&str) -> Value;
    let batches: [(String, &str, &str, &str, Entry<'_>, Value); 4] = [
        (format!("{below}/coachingPlans"), "coachingPlans", "coachingPlan", "comment", &plan, json!("Later.")),
        (format!("{below}/scorecards"), "scorecards", "scorecard", "comment", &scorecard, json!("Later.")),
        ("/v1/customers/acme/users".to_owned(), "users", "user", "displayName", &user, json!("Later")),
        ("/v1/customers/acme/groups".to_owned(), "groups", "group", "displayName", &group, json!("Later")),
    ];
    let service = TestService::seeded().await;
    for (collection, list, record, field, entry, later) in batches {
        let upsert = async |entries: Value| {
            let event = Event::post("", json!({list: entries})).to(&format!("{collection}:batchUpsert"));
            results(&service.send(&event.by("service", "sync@acme")).await, record)
        };
        let with = |id: &str, more: Value| {
            let mut entry = entry(id);
            coaching_tests::merge(&mut entry, more);
            entry
        };
        let etags = upsert(json!([entry("one"), entry("two"), entry("three")])).await;
        let [Ok(one), Ok(two), Ok(three)] = etags.as_slice() else { panic!("{list}: {etags:?}") };
        let get =
            async |id: &str| service.send(&Event::get("").to(&format!("{collection}/{id}")).by("admin", "root")).await;
        assert_eq!(get("one").await.headers["etag"], format!("\"{one}\""), "{list}");
        let changed = json!([
            with("one", json!({"etag": one, field: later})),
            with("two", json!({"etag": ANOTHER, field: later})),
            with("three", json!({field: later})),
            with("four", json!({"etag": one})),
        ]);
        let answered = upsert(changed.clone()).await;
        let [Ok(new_one), Err(refused_two), Ok(new_three), Err(refused_four)] = answered.as_slice() else {
            panic!("{list}: {answered:?}")
        };
        assert_eq!([refused_two, refused_four], ["ETAG_MISMATCH"; 2], "{list}");
        assert!(new_one != one && new_three != three, "{list}: another version has another etag");
        assert_eq!(get("one").await.body[record][field], later, "{list}");
        let stays = get("two").await;
        assert_eq!(
            (&stays.body[record]["etag"], &stays.headers["etag"]),
            (&json!(two), &format!("\"{two}\"")),
            "{list}"
        );
        assert_eq!(get("four").await.status, 404, "{list}");
        // A changed record has another version than before, an unchanged one has the same.
        let again =
            upsert(json!([with("one", json!({"etag": one, field: later})), with("three", json!({field: later}))]))
                .await;
        assert_eq!(again, [Err("ETAG_MISMATCH".to_owned()), Ok(new_three.clone())], "{list}");
    }
    let usecase = json!({"name": usecase_name("care"), "displayName": "Care", "etag": "1"});
    let event = Event::post("usecases:batchUpsert", json!({"usecases": [usecase]})).by("service", "sync@acme");
    let answered = service.succeed(&event).await;
    let refused = &answered["results"][0]["status"]["details"];
    assert_eq!(refused[1]["fieldViolations"][0]["field"], "usecases[0].etag", "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_once_are_all_made_one_after_the_other() {
    const CALLERS: usize = 16;
    const CHANGES: usize = 3;
    let service = TestService::seeded().await;
    let app = service.app.clone();
    let calls = (0..CALLERS).map(|caller| {
        let app = app.clone();
        tokio::spawn(async move {
            for number in 0..CHANGES {
                let change = json!({"coachingSession": {"meetingNotes": format!("{caller}, {number}")}});
                let event = Event::new("PATCH", "coachingSessions/held-1").with_text(&change.to_string());
                let answered = answer(event.operation(), &app, event.to_json()).await;
                assert_eq!(answered.status, 200, "{}", answered.body);
            }
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    let event = Event::get("changes").with("name", &session_name("held-1")).with("pageSize", "1000");
    let changes = service.succeed(&event).await["changes"].as_array().unwrap().clone();
    let versions: Vec<u64> = changes.iter().map(|change| change["version"].as_u64().unwrap()).collect();
    let all = 1 + u64::try_from(CALLERS * CHANGES).unwrap();
    assert_eq!(versions, (1..=all).rev().collect::<Vec<_>>());
}
