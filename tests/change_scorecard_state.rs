//! `change-scorecard-state`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_domain::statistics::{Period, Statistics};
use coaching_tests::{
    Case, Event, NOW, Target, TestService, below_support, long_scorecard, plan_name, replay, user_name,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CASES: [Case; 13] = [
    Case { name: "submit", status: 200, refused: &[] },
    Case { name: "reset", status: 200, refused: &[] },
    Case { name: "acknowledge", status: 200, refused: &[] },
    Case { name: "acknowledge-a-draft", status: 403, refused: &[] },
    Case { name: "acknowledge-a-colleagues", status: 403, refused: &[] },
    Case { name: "acknowledge-by-a-manager", status: 403, refused: &[] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "no-verb", status: 404, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "acknowledge-a-draft-by-an-admin", status: 400, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("change-scorecard-state", &CASES, Target::Handler(&change_scorecard_state::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("change-scorecard-state", &CASES, Target::Binary(env!("CARGO_BIN_EXE_change-scorecard-state"))).await;
}

fn step(id: &str, verb: &str) -> Event {
    Event::post(&format!("scorecards/{id}:{verb}"), json!({}))
}

#[tokio::test]
async fn the_steps_of_a_scorecards_life() {
    let service = TestService::seeded().await;
    let submitted = service.succeed(&step("draft-1", "submit")).await["scorecard"].clone();
    assert_eq!(submitted["submitTime"], NOW);
    assert_eq!(submitted["submittedBy"]["name"], user_name("maria"));
    let items = service.items().await;
    assert_eq!(service.succeed(&step("draft-1", "submit")).await["scorecard"], submitted, "a repeat changes nothing");
    assert_eq!(service.items().await, items);

    let acknowledge = |comment: &str| {
        Event::post("scorecards/draft-1:acknowledge", json!({"acknowledgeComment": comment})).by("agent", "ana")
    };
    let seen = service.succeed(&acknowledge("Seen.")).await["scorecard"].clone();
    assert_eq!((&seen["acknowledgeTime"], &seen["acknowledgeComment"]), (&json!(NOW), &json!("Seen.")));
    service.advance(chrono::TimeDelta::days(1));
    let again = service.succeed(&acknowledge("Seen, and understood.")).await["scorecard"].clone();
    assert_eq!(again["acknowledgeTime"], NOW, "the first time stays");

    let reset = service.succeed(&step("draft-1", "reset")).await["scorecard"].clone();
    for gone in ["submitTime", "submittedBy", "acknowledgeTime", "acknowledgeComment"] {
        assert_eq!(reset.get(gone), None, "{gone}");
    }
    assert_eq!(service.succeed(&step("draft-1", "reset")).await["scorecard"], reset);
}

/// The statistics in the table, and a recount of them from the scorecards in it.
async fn counted_and_recounted(service: &TestService) -> (BTreeMap<String, Statistics>, BTreeMap<String, Statistics>) {
    let mut counted = BTreeMap::new();
    let mut recounted: BTreeMap<String, Statistics> = BTreeMap::new();
    for (key, item) in service.items().await {
        if let Some(cells) = item.get("cells") {
            let statistics = Statistics::decode(cells.as_b().unwrap().as_ref()).unwrap();
            if !statistics.is_empty() {
                counted.insert(key, statistics);
            }
        }
    }
    let mut page_token = String::new();
    loop {
        let event = Event::get("scorecards").with("pageSize", "1000").with("pageToken", &page_token);
        let answer = service.succeed(&event).await;
        for scorecard in answer["scorecards"].as_array().unwrap() {
            let Some(time) = scorecard["submitTime"].as_str() else { continue };
            let id = scorecard["name"].as_str().unwrap().rsplit('/').next().unwrap();
            let (tenant, id) = (tenant(), coaching_domain::Id::parse(id).unwrap());
            let found = service.app.store.scorecard_with_template(&tenant, &id);
            let (stored, template) = found.await.unwrap().unwrap();
            let day = time[..10].parse().unwrap();
            let Some(contribution) = stored.contribution(&template) else { continue };
            let agent = scorecard["agentUserName"].as_str().unwrap().rsplit('/').next().unwrap();
            let place = counted.keys().find(|key| key.ends_with(&format!(" / {}#{agent}", Period::of(day))));
            let place = place.unwrap_or_else(|| panic!("{agent} is not counted on {day}")).clone();
            recounted.entry(place).or_default().add(Period::of(day), &contribution).unwrap();
        }
        match answer["nextPageToken"].as_str() {
            Some(token) => page_token = token.to_owned(),
            None => return (counted, recounted),
        }
    }
}

fn tenant() -> coaching_domain::Tenant {
    let claims = |name: &str| match name {
        "customer" => Some("acme".into()),
        "profiles" => Some("*".into()),
        "role" => Some("admin".into()),
        "sub" => Some("test".into()),
        _ => None,
    };
    #[expect(clippy::disallowed_methods, reason = "the test reads below the edge")]
    let caller =
        coaching_domain::Caller::from_verified_claims(&coaching_domain::ClaimNames::default(), claims).unwrap();
    caller.enter("acme", "support").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_equal_a_recount_after_eight_writers_at_once() {
    let service = TestService::seeded().await;
    let agents = ["ana", "ben", "chloe"];
    service.directory(&agents).await;
    for agent in agents {
        for number in 0..3 {
            let scorecard = json!({
                "name": below_support(&format!("scorecards/{agent}-{number}")),
                "conversationName": below_support("conversations/call"),
                "agentUserName": user_name(agent),
                "templateName": below_support("scorecardTemplates/quality"),
                "scores": [{"criterionId": "greeting", "numericValue": number}],
            });
            service.succeed(&Event::post("scorecards", scorecard)).await;
        }
    }
    let writer = async |seed: u64| {
        let mut seed = seed;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut refused = 0;
        for _ in 0..25 {
            let id = format!("{}-{}", agents[usize::try_from(draw(3)).unwrap()], draw(3));
            let value = draw(6);
            let event = match draw(4) {
                0 => step(&id, "submit"),
                1 => step(&id, "reset"),
                2 => {
                    let scores = json!([{"criterionId": "greeting", "numericValue": value}, {"criterionId": "privacy", "numericValue": value % 2}]);
                    Event::new("PATCH", &format!("scorecards/{id}"))
                        .with_text(&json!({"scorecard": {"scores": scores}}).to_string())
                }
                _ => {
                    let agent = id.split('-').next().unwrap();
                    let scorecard = json!({
                        "name": below_support(&format!("scorecards/{id}")),
                        "conversationName": below_support("conversations/call"),
                        "agentUserName": user_name(agent),
                        "templateName": below_support("scorecardTemplates/quality"),
                        "scores": [{"criterionId": "listening", "numericValue": value.min(5)}],
                        "submitTime": format!("2026-0{}-20T10:00:00Z", 4 + draw(2)),
                        "createTime": "2026-04-01T00:00:00Z",
                    });
                    Event::post("scorecards:batchUpsert", json!({"scorecards": [scorecard]})).by("service", "sync@acme")
                }
            };
            let answered = service.send(&event).await;
            let status = answered.body["results"][0]["status"].clone();
            if answered.status != 200 || status != Value::Null {
                assert!(answered.status == 409 || status["code"] == 10, "{}", answered.body);
                refused += 1;
            }
        }
        refused
    };
    let refused: i32 = join_all((0..8).map(writer)).await.into_iter().sum();
    assert!(refused < 100, "{refused} of 200 changes were refused");
    let (counted, recounted) = counted_and_recounted(&service).await;
    assert!(!counted.is_empty());
    assert_eq!(counted, recounted);

    service.advance(TimeDelta::minutes(2));
    let rebuilt =
        rebuild_statistics::rebuild(&service.app, "acme", "support", Instant::now() + Duration::from_secs(600));
    let rebuilt = rebuilt.await.unwrap();
    assert_eq!((rebuilt.recounted_agent_count, rebuilt.difference_count), (3, 0), "{rebuilt:?}");
    assert!(rebuilt.done && rebuilt.unsettled_agent_user_names.is_empty(), "{rebuilt:?}");
}

#[tokio::test]
async fn a_submitted_scorecard_of_20_criteria_costs_at_most_12_write_units_in_a_full_period() {
    let service = TestService::seeded().await;
    service.long_template().await;
    let scorecard = |number: usize, submit_time: &str| long_scorecard(number, Some(submit_time));
    // Ten a day on every day of March and April.
    for (month, days) in [("03", 31), ("04", 30)] {
        for day in 1..=days {
            let entries: Vec<Value> = (0..10)
                .map(|number| scorecard(day * 10 + number, &format!("2026-{month}-{day:02}T10:00:00Z")))
                .collect();
            let event =
                Event::post("scorecards:batchUpsert", json!({"scorecards": entries})).by("service", "sync@acme");
            service.succeed(&event).await;
        }
    }
    let mut one = scorecard(7, "2026-04-15T12:00:00Z");
    let (answered, spent) = service.spending(&Event::post("scorecards", one.clone()).by("service", "sync@acme")).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert!(spent.write_units <= 12.0, "imported: {} units", spent.write_units);
    // In a transaction 2 for the scorecard, 4 for the statistics of two months and 2 for its mark, because it is linked
    // to a plan; and 1 for each of two indexes.
    assert_eq!(spent.write_units, 10.0);

    let object = one.as_object_mut().unwrap();
    object.remove("submitTime");
    object.insert("name".to_owned(), below_support("scorecards/draft-long").into());
    // A draft is not submitted before it is created.
    let moved = chrono::TimeDelta::days(-45);
    service.advance(moved);
    service.succeed(&Event::post("scorecards", one)).await;
    let (answered, spent) = service.spending(&step("draft-long", "submit")).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert!(spent.write_units <= 12.0, "submitted: {} units", spent.write_units);
    // Two more than for an imported one: the submission begins its history.
    assert_eq!((spent.calls, spent.write_units), (3, 12.0));
    assert!(spent.read_units == 3.0 || !service.tells_units_of_batches().await, "{}", spent.read_units);
    service.advance(-moved);

    let entries = |plans: Value| -> Vec<Value> {
        let entries = (0..98).map(|number| scorecard(number, "2026-04-20T10:00:00Z"));
        let unlinked = |mut entry: Value| {
            entry["coachingPlanNames"] = plans.clone();
            entry
        };
        entries.map(unlinked).collect()
    };
    let batch = async |plans: Value| {
        let body = json!({"scorecards": entries(plans)});
        let event = Event::post("scorecards:batchUpsert", body).by("service", "sync@acme");
        service.spending(&event).await.1.write_units
    };
    // Four units each for the item and its two indexes; the statistics, now above 2 KB, once for all.
    assert_eq!(batch(json!([])).await, 98.0 * 4.0 + 6.0);
    // Two more each for the marks, and half as many in one transaction.
    assert_eq!(batch(json!([plan_name("ana-plan")])).await, 98.0 * 6.0 + 2.0 * 6.0);
}

#[tokio::test]
async fn a_draft_does_not_exist_for_its_agent_nor_does_what_was_reset() {
    let service = TestService::seeded().await;
    let by_ana = |event: Event| event.by("agent", "ana");
    let acknowledge = |id: &str| Event::post(&format!("scorecards/{id}:acknowledge"), json!({}));
    service.succeed(&step("submitted-1", "reset")).await;
    for (theirs, none) in
        [(acknowledge("draft-1"), acknowledge("nothing")), (acknowledge("submitted-1"), acknowledge("nothing-else"))]
    {
        let (hidden, spent) = service.spending(&by_ana(theirs)).await;
        let (absent, spent_on_none) = service.spending(&by_ana(none)).await;
        assert_eq!((hidden.status, absent.status), (403, 403), "{} {}", hidden.body, absent.body);
        assert_eq!(hidden.reason(), absent.reason());
        assert_eq!(spent.calls, spent_on_none.calls, "nothing more is done for one that is hidden");
    }
    let (colleagues, spent) = service.spending(&acknowledge("submitted-1").by("agent", "ben")).await;
    let (_, spent_on_none) = service.spending(&acknowledge("nothing").by("agent", "ben")).await;
    assert_eq!((colleagues.status, spent.calls), (403, spent_on_none.calls));
    service.succeed(&step("submitted-1", "submit")).await;
    service.succeed(&by_ana(acknowledge("submitted-1"))).await;
}
