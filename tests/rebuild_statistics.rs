//! `rebuild-statistics`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_domain::Id;
use coaching_domain::statistics::Period;
use coaching_store::keys;
use coaching_tests::{Event, LambdaHost, TestService, event_file, perform, usecase_name, user_name};
use serde_json::{Value, json};

fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

async fn rebuild(service: &TestService, until: Instant) -> Value {
    let event = event_file("rebuild-statistics", "profile");
    perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap()
}

/// Five agents with a submitted scorecard each, more than a minute old.
async fn service() -> TestService {
    let service = TestService::seeded().await;
    service.directory(&["ana", "ben", "chloe", "dan", "eva"]).await;
    for agent in ["ben", "chloe", "dan", "eva"] {
        let scorecard = json!({
            "conversationName": "customers/acme/profiles/support/conversations/call",
            "agentUserName": user_name(agent),
            "templateName": "customers/acme/profiles/support/scorecardTemplates/quality",
            "scores": [{"criterionId": "greeting", "numericValue": 4}],
            "submitTime": "2026-05-30T10:00:00Z",
            "createTime": "2026-05-30T09:00:00Z",
        });
        service.succeed(&Event::post("scorecards", scorecard).by("service", "sync@acme")).await;
    }
    service.advance(TimeDelta::minutes(2));
    service
}

/// Makes the statistics of `agent` wrong.
async fn spoil(service: &TestService, agent: &str) {
    keep(service, agent, coaching_domain::statistics::Statistics::default().encode()).await;
}

/// Replaces the statistics of `agent` with `cells`.
async fn keep(service: &TestService, agent: &str, cells: Vec<u8>) {
    let items = service.items().await;
    let (_, mut item) = items
        .into_iter()
        .find(|(key, item)| key.ends_with(&format!("#{agent}")) && item.contains_key("cells"))
        .unwrap();
    item.insert("cells".to_owned(), AttributeValue::B(Blob::new(cells)));
    service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
}

#[tokio::test]
async fn it_finds_nothing_where_nothing_differs() {
    let service = service().await;
    let before = service.items().await;
    let answer = rebuild(&service, later()).await;
    assert_eq!(
        (&answer["done"], &answer["agentCount"], &answer["recountedAgentCount"]),
        (&json!(true), &json!(5), &json!(5))
    );
    assert_eq!((&answer["differenceCount"], &answer["unsettledAgentUserNames"]), (&json!(0), &json!([])));
    assert_eq!(service.items().await, before);
}

#[tokio::test]
async fn it_puts_right_what_differs_and_says_what_did() {
    let service = service().await;
    let progress = Event::post("coachingProgresses:retrieve", json!({"usecaseNames": [usecase_name("care")]}));
    let right = service.succeed(&progress).await;
    spoil(&service, "chloe").await;
    spoil(&service, "ana").await;
    assert_ne!(service.succeed(&progress).await, right);
    let answer = rebuild(&service, later()).await;
    let difference = |agent: &str| json!({"agentUserName": user_name(agent), "usecaseName": usecase_name("care"), "period": "2026-05"});
    assert_eq!(answer["differences"], json!([difference("ana"), difference("chloe")]));
    assert_eq!(service.succeed(&progress).await, right);
    assert_eq!(rebuild(&service, later()).await["differenceCount"], 0);
}

#[tokio::test]
async fn it_counts_the_acknowledged_sessions_of_a_plan_anew() {
    let service = service().await;
    let body = json!({"acknowledged": true, "submitted": true});
    service.succeed(&Event::post("coachingSessions/submitted-1:acknowledge", body).by("agent", "ana")).await;
    service.advance(TimeDelta::minutes(2));
    let counts = || async { service.items().await["acme#support#plan#ana-plan / dependents"].clone() };
    let right = counts().await;
    assert_eq!(right["acknowledged"], AttributeValue::N("1".to_owned()));
    for wrong in [None, Some("-1"), Some("0"), Some("3")] {
        let mut item = right.clone();
        item.remove("acknowledged");
        item.extend(wrong.map(|wrong| ("acknowledged".to_owned(), AttributeValue::N(wrong.to_owned()))));
        service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
        let answer = rebuild(&service, later()).await;
        assert_eq!((&answer["recordDifferenceCount"], &answer["differenceCount"]), (&json!(1), &json!(0)), "{wrong:?}");
        assert_eq!(counts().await, right, "{wrong:?}");
        assert_eq!(rebuild(&service, later()).await["recordDifferenceCount"], 0, "{wrong:?}");
    }
}

#[tokio::test]
async fn it_makes_statistics_exact_that_are_in_hundredths() {
    let service = service().await;
    let progress = Event::post("coachingProgresses:retrieve", json!({"usecaseNames": [usecase_name("care")]}));
    let (right, items) = (service.succeed(&progress).await, service.items().await);
    // Form 1: for the template `quality`, the whole, the chapter `opening` and the criterion `greeting` in steps of
    // 8,000 hundredths; on the thirtieth day one scorecard, one step in each.
    let mut cells = vec![1, 1, 7];
    cells.extend(b"quality");
    cells.push(3);
    for number in 0..3 {
        cells.extend([number, 0x80 | (8_000 % 128) as u8, (8_000 / 128) as u8, 1, 0]);
    }
    cells.extend([1, 1, 0b0111_0111, 0b1100_0000]);
    keep(&service, "chloe", cells).await;
    assert_eq!(service.succeed(&progress).await, right, "they are read as what they are");
    let answer = rebuild(&service, later()).await;
    let difference =
        json!({"agentUserName": user_name("chloe"), "usecaseName": usecase_name("care"), "period": "2026-05"});
    assert_eq!(answer["differences"], json!([difference]));
    let cells = |items: BTreeMap<String, HashMap<String, AttributeValue>>| {
        let statistics = items.into_iter().filter_map(|(key, mut item)| Some((key, item.remove("cells")?)));
        statistics.collect::<Vec<_>>()
    };
    assert_eq!(cells(service.items().await), cells(items));
    assert_eq!(rebuild(&service, later()).await["differenceCount"], 0);
}

#[tokio::test]
async fn it_goes_on_from_where_its_time_was_up() {
    let service = service().await;
    spoil(&service, "eva").await;
    for (agent, done, differences) in
        [("ana", false, 0), ("ben", false, 0), ("chloe", false, 0), ("dan", false, 0), ("eva", true, 1)]
    {
        let answer = rebuild(&service, Instant::now()).await;
        assert_eq!(
            (&answer["done"], &answer["recountedAgentCount"], &answer["differenceCount"]),
            (&json!(done), &json!(1), &json!(differences)),
            "{agent}: no time is left, so each invocation recounts one agent"
        );
    }
    assert_eq!(rebuild(&service, later()).await["recountedAgentCount"], 5, "done, it starts again");
}

#[tokio::test]
async fn what_changed_within_the_last_minute_is_left_for_later() {
    let service = service().await;
    service.succeed(&Event::post("scorecards/draft-1:submit", json!({}))).await;
    spoil(&service, "ana").await;
    let answer = rebuild(&service, later()).await;
    assert_eq!(
        (&answer["differenceCount"], &answer["unsettledAgentUserNames"]),
        (&json!(0), &json!([user_name("ana")]))
    );
    service.advance(TimeDelta::minutes(2));
    assert_eq!(rebuild(&service, later()).await["differenceCount"], 1);
}

#[tokio::test]
async fn a_bad_event_is_refused() {
    let service = TestService::start().await;
    for event in [
        json!({}),
        json!({"customer": "acme"}),
        json!({"customer": "a#b", "profile": "c"}),
        json!({"customer": "acme", "profile": "p", "x": 1}),
    ] {
        assert!((rebuild_statistics::TASK.handle)(&service.app, event, later()).await.is_err());
    }
}

#[tokio::test]
async fn the_binary_answers_the_event() {
    let service = service().await;
    let mut host = LambdaHost::start(env!("CARGO_BIN_EXE_rebuild-statistics"), &service.environment()).await;
    let answer = host.invoke(event_file("rebuild-statistics", "profile")).await;
    assert_eq!((&answer["done"], &answer["differenceCount"]), (&json!(true), &json!(0)), "{answer}");
}

async fn put(service: &TestService, item: std::collections::HashMap<String, AttributeValue>) {
    service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
}

/// Ana with twelve held sessions, two of which have items of their own, and a target of her plan.
async fn coached() -> TestService {
    let service = service().await;
    for number in 0..10 {
        let session = json!({
            "name": format!("customers/acme/profiles/support/coachingSessions/more-{number}"),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": "customers/acme/profiles/support/coachingPlans/ana-plan",
            "sessionTime": format!("2026-05-1{number}T10:00:00Z"),
            "meetingNotes": "Held.",
        });
        service.succeed(&Event::post("coachingSessions", session)).await;
    }
    let target = json!({
        "name": "customers/acme/profiles/support/targets/of-ana",
        "scorecardTemplateName": "customers/acme/profiles/support/scorecardTemplates/quality",
        "target": 55,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": "customers/acme/profiles/support/coachingPlans/ana-plan",
    });
    service.succeed(&Event::post("targets", target)).await;
    service.advance(TimeDelta::minutes(2));
    service
}

#[tokio::test]
async fn it_puts_sessions_records_and_the_order_of_names_right() {
    let service = coached().await;
    let progress = Event::post("coachingProgresses:retrieve", json!({"usecaseNames": [usecase_name("care")]}));
    let right = service.succeed(&progress).await;
    assert_eq!(right["agentCoachingProgresses"][0]["coachingSessionCount"], 12);
    assert_eq!(rebuild(&service, later()).await["differenceCount"], 0);
    let items = service.items().await;
    let key = |end: &str| {
        items.keys().find(|key| key.starts_with("acme#support#statistics#care#") && key.ends_with(end)).unwrap()
    };

    // One session is counted twice, one not at all, and one that does not exist is counted; another is counted as in
    // tables of version 0.1; and their total is wrong.
    let mut statistics = items[key(" / 2026-05#ana")].clone();
    statistics.insert("held#gone".to_owned(), AttributeValue::S("1779876000#ana-plan".to_owned()));
    statistics.remove("held#held-1");
    statistics.insert("session#scheduled-1".to_owned(), AttributeValue::S("1779876000#ana-plan".to_owned()));
    statistics.insert("held".to_owned(), AttributeValue::N("3".to_owned()));
    let is_beside = |key: &&String| key.contains("#statistics#") && key.contains(" / 2026-05#ana#");
    let beside: Vec<&String> = items.keys().filter(is_beside).collect();
    assert_eq!(beside.len(), 2);
    let twice = beside[0].rsplit('#').next().unwrap();
    statistics.insert(format!("held#{twice}"), items[beside[0]]["held"].clone());
    put(&service, statistics).await;
    // The record has a plan that is gone, the existing plan with another target, and a wrong count.
    let mut record = items["acme#support#agent#ana / agent"].clone();
    record.insert("plan#gone".to_owned(), AttributeValue::S("care".to_owned()));
    record.remove("targets#ana-plan");
    record.insert("plans".to_owned(), AttributeValue::N("7".to_owned()));
    record.insert("target#old".to_owned(), AttributeValue::S("{}".to_owned()));
    record.insert("list_order".to_owned(), AttributeValue::S("Agent ana\u{0}ana".to_owned()));
    put(&service, record).await;

    assert_ne!(service.succeed(&progress).await, right);
    let answer = rebuild(&service, later()).await;
    assert_eq!(
        (&answer["recordDifferenceCount"], &answer["reorderedUserCount"], &answer["differenceCount"]),
        (&json!(1), &json!(1), &json!(1)),
        "{answer}"
    );
    assert_eq!(service.succeed(&progress).await, right);
    let again = rebuild(&service, later()).await;
    assert_eq!(
        (&again["recordDifferenceCount"], &again["reorderedUserCount"], &again["differenceCount"]),
        (&json!(0), &json!(0), &json!(0)),
        "{again}"
    );
    let items = service.items().await;
    let record = &items["acme#support#agent#ana / agent"];
    assert!(
        !record.contains_key("target#old")
            && !record.contains_key("plan#gone")
            && record["plans"] == AttributeValue::N("1".to_owned())
    );
}

/// Damages the item whose key ends with `end`: with `change`, or away with it.
async fn damage(service: &TestService, end: &str, change: impl Fn(&mut HashMap<String, AttributeValue>) -> bool) {
    let items = service.items().await;
    let mut item = items.into_iter().find(|(key, _)| key.ends_with(end)).unwrap_or_else(|| panic!("no {end}")).1;
    let key = ["PK", "SK"].map(|name| (name.to_owned(), item[name].clone()));
    let stays = change(&mut item);
    let is_moved = key.iter().any(|(name, value)| item[name] != *value);
    if !stays || is_moved {
        let delete = service.client().delete_item().table_name(service.table());
        delete.set_key(Some(HashMap::from(key))).send().await.unwrap();
    }
    if stays {
        put(service, item).await;
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Sets attributes of a damaged item.
fn setting(attributes: Vec<(&'static str, AttributeValue)>) -> impl Fn(&mut HashMap<String, AttributeValue>) -> bool {
    move |item| {
        item.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        true
    }
}

/// An agent with sessions in two periods and a scorecard linked to a plan.
async fn with_activity() -> TestService {
    let service = coached().await;
    let linked = json!({"scorecardName": "customers/acme/profiles/support/scorecards/submitted-1"});
    service.succeed(&Event::post("coachingPlans/ana-plan:addScorecard", linked)).await;
    let moved = json!({"coachingSession": {"sessionTime": "2026-07-01T10:00:00Z"}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingSessions/scheduled-1").with_text(&moved)).await;
    service.advance(TimeDelta::minutes(2));
    service
}

#[tokio::test]
async fn it_puts_every_kind_of_wrong_activity_right() {
    let service = with_activity().await;
    let right = service.items().await;
    assert_eq!(rebuild(&service, later()).await["activityDifferenceCount"], 0);
    assert_eq!(service.items().await, right, "nothing differs");
    let [session, scorecard] = ["2026-05#ana#session#held-1", "2026-05#ana#scorecard#submitted-1"];
    let all = [
        ("a session without a mark", session, None),
        ("a scorecard without a mark", scorecard, None),
        ("another plan", session, Some(("session", text("2026-05-25T10:00:00Z#TN###maria#other-plan")))),
        ("other steps", session, Some(("session", text("2026-05-25T10:00:00Z#T###maria#ana-plan")))),
        ("no session's mark", session, Some(("session", text("yesterday")))),
        ("a mark of another type", session, Some(("session", AttributeValue::Bool(true)))),
        ("another template", scorecard, Some(("scorecard", text("2026-05-20T10:00:00Z#other")))),
        ("no evaluation", scorecard, Some(("evaluation", AttributeValue::Bool(true)))),
        ("other plans", scorecard, Some(("plans", AttributeValue::L(vec![text("a"), text("b")])))),
        ("plans of another type", scorecard, Some(("plans", AttributeValue::Bool(false)))),
        ("in another period", session, Some(("SK", text("2026-07#ana#session#held-1")))),
        ("a session that is not there", session, Some(("SK", text("2026-05#ana#session#gone")))),
        ("a scorecard that is not there", scorecard, Some(("SK", text("2026-05#ana#scorecard#gone")))),
        ("a draft", scorecard, Some(("SK", text("2026-05#ana#scorecard#draft-1")))),
        ("of no kind", session, Some(("SK", text("2026-05#ana#song#held-1")))),
        ("of no id", session, Some(("SK", text("2026-05#ana#session#a song")))),
    ];
    for (what, end, attribute) in all {
        match attribute {
            None => damage(&service, end, |_| false).await,
            Some(attribute) => damage(&service, end, setting(vec![attribute])).await,
        }
        assert_ne!(service.items().await, right, "{what}");
        let answer = rebuild(&service, later()).await;
        let named = &answer["activityDifferences"][0];
        assert_eq!(
            (&named["agentUserName"], &named["usecaseName"], &answer["differenceCount"]),
            (&json!(user_name("ana")), &json!(usecase_name("care")), &json!(0)),
            "{what}: {answer}"
        );
        assert_eq!(service.items().await, right, "{what}");
        assert_eq!(rebuild(&service, later()).await["activityDifferenceCount"], 0, "{what}");
        println!("{what}: {}", answer["activityDifferences"]);
    }
}

#[tokio::test]
async fn it_takes_away_what_is_counted_where_no_record_is_left() {
    let service = coached().await;
    service.usecases(&["chat"]).await;
    let right = service.items().await;
    #[expect(clippy::disallowed_methods, reason = "no request is under way")]
    let tenant = coaching_domain::Tenant::for_maintenance("acme", "support").unwrap();
    let [care, chat] = ["care", "chat"].map(|id| Id::parse(id).unwrap());
    let item = |end: &str| right.iter().find(|(key, _)| key.ends_with(end)).unwrap().1.clone();
    let session = Id::parse("gone").unwrap();
    // Two months without records of an agent who has some in others, an agent who has none, and a usecase without any.
    for (usecase, agent, day) in
        [(&care, "ana", "2024-11-30"), (&care, "nobody", "2026-05-01"), (&chat, "ana", "2026-05-01")]
    {
        let agent = Id::parse(agent).unwrap();
        let period = Period::of(day.parse().unwrap());
        let held =
            right.iter().find(|(key, _)| key.contains(" / 2026-05#ana#") && key.contains("#statistics#")).unwrap();
        for (key, mut item) in [
            (keys::statistics(&tenant, usecase, &agent, period), item(" / 2026-05#ana")),
            (keys::held_session(&tenant, usecase, &agent, period, &session), held.1.clone()),
            (keys::session_mark(&tenant, usecase, &agent, period, &session), item("2026-05#ana#session#held-1")),
        ] {
            item.insert("PK".to_owned(), text(&key.partition));
            item.insert("SK".to_owned(), text(&key.sort));
            put(&service, item).await;
        }
    }
    let answer = rebuild(&service, later()).await;
    let difference = |agent: &str, usecase: &str, period: &str| json!({"agentUserName": user_name(agent), "usecaseName": usecase_name(usecase), "period": period});
    let all = json!([
        difference("ana", "care", "2024-11"),
        difference("ana", "chat", "2026-05"),
        difference("nobody", "care", "2026-05"),
    ]);
    assert_eq!((&answer["differences"], &answer["activityDifferences"]), (&all, &all), "{answer}");
    let items = service.items().await;
    let left: Vec<_> = items.iter().filter(|(key, _)| !right.contains_key(*key)).collect();
    assert_eq!(left.len(), 3, "statistics, which count nothing: {left:?}");
    for (key, item) in left {
        assert_eq!(item["held"], AttributeValue::N("0".to_owned()), "{key}");
        assert!(!item.keys().any(|name| name.starts_with("held#")), "{key}");
    }
    let again = rebuild(&service, later()).await;
    assert_eq!((&again["differences"], &again["activityDifferences"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn it_makes_the_activity_of_a_table_without_any() {
    let service = with_activity().await;
    let right = service.items().await;
    for (key, _) in right.iter().filter(|(key, _)| key.contains("#activity#") || key.contains("##agent-counts")) {
        damage(&service, key, |_| false).await;
    }
    let answer = rebuild(&service, later()).await;
    let differing: Vec<(&Value, &Value)> = answer["activityDifferences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["agentUserName"], &one["period"]))
        .collect();
    let ana = json!(user_name("ana"));
    assert_eq!(differing, [(&ana, &json!("2026-05")), (&ana, &json!("2026-07"))], "{answer}");
    let [kept, recounted] = coaching_tests::activity(&service.items().await);
    assert_eq!(kept, recounted);
    assert_eq!(kept, coaching_tests::activity(&right)[0]);
    let [kept, recounted] = coaching_tests::agent_counts(&service.items().await);
    assert_eq!(kept, recounted);
}

#[tokio::test]
async fn it_counts_active_agents_anew_and_says_what_differed() {
    let service = service().await;
    let mut everywhere = coaching_tests::user("everywhere");
    everywhere["profileNames"] = json!([]);
    let load = Event::post("", json!({"users": [everywhere]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    service.advance(TimeDelta::minutes(2));
    assert_eq!(rebuild(&service, later()).await["agentCountDifferences"], json!([]));
    let [_, right] = coaching_tests::agent_counts(&service.items().await);
    assert_eq!(right.values().sum::<i64>(), 6, "five agents of the profile, and one of all");
    #[expect(clippy::disallowed_methods, reason = "no request is under way")]
    let tenant = coaching_domain::Tenant::for_maintenance("acme", "support").unwrap();
    #[expect(clippy::disallowed_methods, reason = "no request is under way")]
    let other = coaching_domain::Tenant::for_maintenance("acme", "sales").unwrap();
    let counts = async || {
        let counts = (service.app.store.active_agent_count(&tenant), service.app.store.active_agent_count(&other));
        (counts.0.await.ok(), counts.1.await.ok())
    };
    assert_eq!(counts().await, (Some(6), Some(1)));
    let number = |number: &str| AttributeValue::N(number.to_owned());
    // The agents of the shard of `ana`; those of `everywhere` are in another.
    let (anas, everywheres) = ("##agent-counts / 05", right.keys().find(|(_, count)| count == "everywhere").unwrap());
    for (what, end, attributes) in [
        ("one too many", anas, Some(vec![("profile#support", number("9"))])),
        ("fewer than none", anas, Some(vec![("profile#support", number("-1"))])),
        ("not a number", anas, Some(vec![("profile#support", text("many"))])),
        ("of all profiles", &everywheres.0, Some(vec![("everywhere", number("0"))])),
        ("not there", anas, None),
    ] {
        match attributes.clone() {
            None => damage(&service, end, |_| false).await,
            Some(attributes) => damage(&service, end, setting(attributes)).await,
        }
        let answer = rebuild(&service, later()).await;
        let shard = end.rsplit(' ').next().unwrap();
        assert_eq!(answer["agentCountDifferences"][0]["shard"], shard, "{what}: {answer}");
        assert_eq!(answer["agentCountDifferences"].as_array().unwrap().len(), 1, "{what}: {answer}");
        assert_eq!(coaching_tests::agent_counts(&service.items().await)[0], right, "{what}");
        assert_eq!(rebuild(&service, later()).await["agentCountDifferences"], json!([]), "{what}");
        assert_eq!(counts().await, (Some(6), Some(1)), "{what}");
    }
    // What changed within a minute may not be in the index yet.
    service
        .succeed(
            &Event::post("", json!({"users": [coaching_tests::user("new")]}))
                .to("/v1/customers/acme/users:batchUpsert")
                .by("service", "sync@acme"),
        )
        .await;
    for (shard, _) in coaching_tests::agent_counts(&service.items().await)[0].keys() {
        damage(&service, shard, setting(vec![("profile#support", number("7"))])).await;
    }
    let answer = rebuild(&service, later()).await;
    assert_eq!((&answer["agentCountsUnsettled"], &answer["complete"]), (&json!(true), &json!(false)), "{answer}");
    service.advance(TimeDelta::minutes(2));
    let answer = rebuild(&service, later()).await;
    assert_eq!((&answer["agentCountsUnsettled"], &answer["complete"]), (&json!(false), &json!(true)), "{answer}");
    let [kept, recounted] = coaching_tests::agent_counts(&service.items().await);
    assert_eq!(kept, recounted);
}
