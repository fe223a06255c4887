//! `delete-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_domain::statistics::Statistics;
use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, plan_name, replay, usecase_name, user_name,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CASES: [Case; 10] = [
    Case { name: "deleted", status: 200, refused: &[] },
    Case { name: "a-draft-by-a-manager", status: 200, refused: &[] },
    Case { name: "submitted", status: 200, refused: &[] },
    Case { name: "submitted-by-a-manager", status: 400, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["force"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("delete-scorecard", &CASES, Target::Handler(&delete_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("delete-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_delete-scorecard"))).await;
}

fn delete(id: &str) -> Event {
    Event::new("DELETE", &format!("scorecards/{id}"))
}

fn by_service(id: &str) -> Event {
    delete(id).by("service", "sync@acme")
}

fn history(id: &str) -> Event {
    Event::get("changes").with("name", &below_support(&format!("scorecards/{id}")))
}

/// A scorecard of `ana`.
fn scorecard(id: &str, more: Value) -> Value {
    let mut scorecard = json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": [{"criterionId": "greeting", "numericValue": 3}, {"criterionId": "privacy", "numericValue": 1}],
    });
    merge(&mut scorecard, more);
    scorecard
}

/// Every statistic in the table that counts anything.
async fn statistics(service: &TestService) -> BTreeMap<String, Statistics> {
    let items = service.items().await.into_iter();
    let packed = items.filter_map(|(key, item)| Some((key, item.get("cells")?.as_b().unwrap().clone())));
    let read = packed.map(|(key, cells)| (key, Statistics::decode(cells.as_ref()).unwrap()));
    read.filter(|(_, statistics)| !statistics.is_empty()).collect()
}

#[tokio::test]
async fn what_is_deleted_no_longer_counts_and_its_history_says_what_it_was() {
    let service = TestService::seeded().await;
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = Event::post("coachingProgresses:retrieve", progress);
    let count = async || {
        let answer = service.succeed(&progress).await;
        answer["agentCoachingProgresses"][0]["criterionProgresses"][0]["scorecardCount"].clone()
    };
    assert_eq!(count().await, 1);
    let link = json!({"scorecardName": below_support("scorecards/submitted-1")});
    service.succeed(&Event::post("coachingPlans/ana-plan:addScorecard", link.clone())).await;
    let was = service.succeed(&Event::get("scorecards/submitted-1")).await["scorecard"].clone();
    let etag = was["etag"].as_str().unwrap();
    let deleted = service.succeed(&by_service("submitted-1").with("etag", etag)).await;
    assert_eq!(deleted, json!({}));

    assert_eq!(count().await, 0);
    assert!(statistics(&service).await.is_empty());
    service.refused(&Event::get("scorecards/submitted-1"), 404).await;
    service.refused(&by_service("submitted-1"), 404).await;
    for list in [Event::get("scorecards"), Event::get("scorecards").with("agentUserName", &user_name("ana"))] {
        assert_eq!(service.succeed(&list).await["scorecards"].as_array().unwrap().len(), 1, "draft-1");
    }
    let of_plan = Event::get("scorecards").with("coachingPlanNames", &plan_name("ana-plan"));
    assert_eq!(service.succeed(&of_plan).await["scorecards"], json!([]));
    assert_eq!(
        service.refused(&Event::post("coachingPlans/ana-plan:addScorecard", link), 400).await.reason(),
        "SCORECARD_NOT_FOUND"
    );

    let changes = service.succeed(&history("submitted-1")).await["changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 2, "the link and the deletion");
    let change = &changes[0];
    assert_eq!((&change["operation"], &change["version"]), (&json!("delete-scorecard"), &json!(3)));
    assert_eq!((&change["userName"], &change["after"]), (&json!(user_name("sync@acme")), &json!({})));
    for field in ["agentUserName", "conversationName", "templateName", "submitTime", "coachingPlanNames"] {
        assert_eq!(change["before"][field], was[field], "{field}");
    }
    assert_eq!(change["before"]["totalScore"].as_f64(), was["totalScore"].as_f64());
    let scores = change["before"]["scores"].as_array().unwrap();
    assert_eq!(scores.len(), was["scores"].as_array().unwrap().len());
    // Its agent saw it, and sees that it is gone; a colleague sees nothing.
    let seen = service.succeed(&history("submitted-1").by("agent", "ana")).await;
    assert_eq!(seen["changes"].as_array().unwrap().len(), 2, "{seen}");
    service.refused(&history("submitted-1").by("agent", "ben"), 403).await;
}

#[tokio::test]
async fn a_scorecard_stays_whose_statistics_do_not_hold_its_scores() {
    let service = TestService::seeded().await;
    for (_, mut item) in service.items().await.into_iter().filter(|(_, item)| item.contains_key("cells")) {
        let key = ["PK", "SK"].map(|name| (name.to_owned(), item.remove(name).unwrap()));
        let deletion = service.client().delete_item().table_name(service.table()).set_key(Some(HashMap::from(key)));
        deletion.send().await.unwrap();
    }
    let items = service.items().await;
    let deletion = Event::new("DELETE", "scorecards/submitted-1").by("service", "sync@acme");
    assert_eq!(service.send(&deletion).await.status, 500);
    assert_eq!(service.items().await, items);
}

#[tokio::test]
async fn the_deletion_of_a_draft_is_not_for_its_agent() {
    let service = TestService::seeded().await;
    service.succeed(&Event::post("scorecards/submitted-1:reset", json!({}))).await;
    for id in ["draft-1", "submitted-1"] {
        service.refused(&history(id).by("agent", "ana"), 403).await;
        service.succeed(&delete(id)).await;
        service.refused(&history(id).by("agent", "ana"), 403).await;
        let changes = service.succeed(&history(id)).await["changes"].as_array().unwrap().clone();
        assert_eq!(changes[0]["operation"], "delete-scorecard", "{id}");
    }
    service.refused(&history("nothing"), 404).await;
}

#[tokio::test]
async fn a_name_may_be_used_anew() {
    let service = TestService::seeded().await;
    service.succeed(&by_service("submitted-1")).await;
    service.advance(TimeDelta::minutes(1));
    let of_ben = json!({"agentUserName": user_name("ben"), "submitTime": "2026-05-21T10:00:00Z"});
    service.succeed(&Event::post("scorecards", scorecard("submitted-1", of_ben)).by("service", "sync@acme")).await;
    service.refused(&history("submitted-1").by("agent", "ana"), 403).await;
    let seen = service.succeed(&history("submitted-1").by("agent", "ben")).await;
    assert_eq!(seen["changes"], json!([]), "what happened to ana's is not for ben");
    service.succeed(&by_service("submitted-1")).await;
    let seen = service.succeed(&history("submitted-1").by("agent", "ben")).await;
    assert_eq!(seen["changes"].as_array().unwrap().len(), 1);
    service.refused(&history("submitted-1").by("agent", "ana"), 403).await;
    let changes = service.succeed(&history("submitted-1")).await["changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 2);
}

#[tokio::test]
async fn what_is_calibrated_is_deleted_after_its_calibrations() {
    let service = TestService::seeded().await;
    let calibrated = json!({"calibratedScorecardName": below_support("scorecards/submitted-1")});
    for id in ["second", "third"] {
        service.succeed(&Event::post("scorecards", scorecard(id, calibrated.clone()))).await;
    }
    service.succeed(&Event::post("scorecards/third:submit", json!({}))).await;
    let counted = statistics(&service).await;
    for id in ["second", "third"] {
        let items = service.items().await;
        let refused = service.refused(&by_service("submitted-1"), 400).await;
        assert_eq!(
            (refused.reason(), &refused.body["status"]),
            ("SCORECARD_CALIBRATED", &json!("FAILED_PRECONDITION"))
        );
        assert_eq!(service.items().await, items);
        let (answered, spent) = service.spending(&by_service(id)).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        assert!(spent.write_units <= 12.0, "{id}: {}", spent.write_units);
        assert_eq!(statistics(&service).await, counted, "a calibration counted nowhere");
        service.refused(&history(id).by("agent", "ana"), 403).await;
    }
    // A reset one has its calibrations still.
    service.succeed(&Event::post("scorecards", scorecard("fourth", calibrated))).await;
    service.succeed(&Event::post("scorecards/submitted-1:reset", json!({}))).await;
    assert_eq!(service.refused(&delete("submitted-1"), 400).await.reason(), "SCORECARD_CALIBRATED");
    service.succeed(&delete("fourth")).await;
    service.succeed(&delete("submitted-1")).await;
    assert!(statistics(&service).await.is_empty());
}

#[tokio::test]
async fn a_deletion_costs_6_write_units_for_a_draft_and_2_more_for_the_statistics_of_a_submitted_one() {
    let service = TestService::seeded().await;
    let (answered, spent) = service.spending(&delete("draft-1")).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!(spent.write_units, 6.0, "2 for it, 1 for each of two indexes, 2 for the change");
    let (_, spent) = service.spending(&by_service("submitted-1")).await;
    assert_eq!(spent.write_units, 8.0, "2 more for the statistics");
}

#[tokio::test]
async fn deletions_and_changes_at_once_leave_what_a_recount_finds() {
    let service = TestService::seeded().await;
    let writer = async |seed: u64| {
        let mut seed = seed;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..20 {
            let (id, value) = (format!("one-{}", draw(3)), draw(6));
            let scores = json!([{"criterionId": "greeting", "numericValue": value.min(5)}]);
            let more =
                json!({"scores": scores, "submitTime": "2026-05-21T10:00:00Z", "createTime": "2026-05-20T00:00:00Z"});
            let event = match draw(5) {
                0 => Event::post(&format!("scorecards/{id}:submit"), json!({})),
                1 => Event::post(&format!("scorecards/{id}:reset"), json!({})),
                2 => by_service(&id),
                3 => {
                    let mut calibration = more;
                    calibration["calibratedScorecardName"] = below_support(&format!("scorecards/{id}")).into();
                    Event::post("scorecards", scorecard(&format!("of-{id}-{value}"), calibration))
                        .by("service", "sync@acme")
                }
                _ => Event::post("scorecards:batchUpsert", json!({"scorecards": [scorecard(&id, more)]}))
                    .by("service", "sync@acme"),
            };
            let answered = service.send(&event).await;
            assert!([200, 400, 404, 409].contains(&answered.status), "{}", answered.body);
        }
    };
    join_all((0..6).map(writer)).await;
    service.advance(TimeDelta::minutes(2));
    let until = Instant::now() + Duration::from_secs(600);
    let rebuilt = rebuild_statistics::rebuild(&service.app, "acme", "support", until).await.unwrap();
    assert_eq!((rebuilt.difference_count, rebuilt.complete), (0, true), "{rebuilt:?}");
    // What has calibrations is there, and counts them.
    let items = service.items().await;
    let mut calibrations: BTreeMap<String, u32> = BTreeMap::new();
    for item in items.values() {
        if let Some(calibrated) = item.get("calibrated") {
            *calibrations.entry(calibrated.as_s().unwrap().clone()).or_default() += 1;
        }
    }
    for id in ["one-0", "one-1", "one-2"] {
        let item = items.iter().find(|(key, _)| key.contains(&format!("#scorecard#{id} / scorecard")));
        let counted = item.and_then(|(_, item)| item.get("calibrations")).map(|count| count.as_n().unwrap().clone());
        let expected = calibrations.get(id).copied().unwrap_or(0);
        assert_eq!(counted.map_or(0, |count| count.parse().unwrap()), expected, "{id}");
    }
}
