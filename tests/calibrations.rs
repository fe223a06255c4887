//! Calibrations: scorecards that score once more what another scores. They count nowhere, whatever is done to them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_domain::statistics::Statistics;
use coaching_tests::{Event, TestService, below_support, merge, plan_name, usecase_name, user_name};
use serde_json::{Value, json};

const FIRST: &str = "2026-05-20T10:00:00Z";

fn scorecard_name(id: &str) -> String {
    below_support(&format!("scorecards/{id}"))
}

/// Scores of `greeting`, out of 5, and of `privacy`, out of 1.
fn scores(greeting: u8, privacy: u8) -> Value {
    json!([{"criterionId": "greeting", "numericValue": greeting}, {"criterionId": "privacy", "numericValue": privacy}])
}

/// A calibration of `ana`'s `submitted-1`, whose greeting was scored 3 of 5, and privacy 1 of 1.
fn calibration(id: &str, more: Value) -> Value {
    let mut calibration = json!({
        "name": scorecard_name(id),
        "calibratedScorecardName": scorecard_name("submitted-1"),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": scores(4, 1),
    });
    merge(&mut calibration, more);
    calibration
}

fn create(id: &str, more: Value) -> Event {
    Event::post("scorecards", calibration(id, more))
}

fn step(id: &str, verb: &str) -> Event {
    Event::post(&format!("scorecards/{id}:{verb}"), json!({}))
}

fn update(id: &str, fields: Value) -> Event {
    Event::new("PATCH", &format!("scorecards/{id}")).with_text(&json!({"scorecard": fields}).to_string())
}

/// Loads `scorecards` and returns the result of each.
async fn load(service: &TestService, scorecards: &[Value]) -> Vec<Value> {
    let event = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards})).by("service", "sync@acme");
    service.succeed(&event).await["results"].as_array().unwrap().clone()
}

async fn read(service: &TestService, id: &str) -> Value {
    service.succeed(&Event::get(&format!("scorecards/{id}"))).await["scorecard"].clone()
}

/// Every statistic in the table.
async fn statistics(service: &TestService) -> BTreeMap<String, Statistics> {
    let items = service.items().await.into_iter();
    let packed = items.filter_map(|(key, item)| Some((key, item.get("cells")?.as_b().unwrap().clone())));
    packed.map(|(key, cells)| (key, Statistics::decode(cells.as_ref()).unwrap())).collect()
}

#[tokio::test]
async fn a_calibration_never_counts() {
    let service = TestService::seeded().await;
    let before = statistics(&service).await;
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = Event::post("coachingProgresses:retrieve", progress);
    let shown = service.succeed(&progress).await;

    service.succeed(&create("second", json!({}))).await;
    service.succeed(&step("second", "submit")).await;
    service.succeed(&update("second", json!({"scores": scores(0, 0)}))).await;
    service.succeed(&update("second", json!({"coachingPlanNames": [plan_name("ana-plan")]}))).await;
    service.succeed(&step("second", "reset")).await;
    service.succeed(&step("second", "submit")).await;
    service.succeed(&create("third", json!({"submitTime": FIRST})).by("service", "sync@acme")).await;
    for greeting in [1, 2] {
        let entries = [calibration("fourth", json!({"submitTime": FIRST, "scores": scores(greeting, 1)}))];
        assert!(load(&service, &entries).await[0].get("scorecard").is_some());
    }
    assert_eq!(statistics(&service).await, before);
    assert_eq!(service.succeed(&progress).await, shown);

    service.advance(TimeDelta::minutes(2));
    let until = Instant::now() + Duration::from_secs(600);
    let rebuilt = rebuild_statistics::rebuild(&service.app, "acme", "support", until).await.unwrap();
    assert_eq!((rebuilt.difference_count, rebuilt.complete), (0, true), "{rebuilt:?}");
    assert_eq!(statistics(&service).await, before);
}

#[tokio::test]
async fn a_calibration_is_not_for_its_agent() {
    let service = TestService::seeded().await;
    service.succeed(&create("second", json!({}))).await;
    service.succeed(&step("second", "submit")).await;
    let acknowledge = Event::post("scorecards/second:acknowledge", json!({"acknowledgeComment": "Fair."}));
    for hidden in [
        Event::get("scorecards/second"),
        Event::get("changes").with("name", &scorecard_name("second")),
        acknowledge.clone(),
    ] {
        service.refused(&hidden.by("agent", "ana"), 403).await;
    }
    let listed = service.succeed(&Event::get("scorecards").by("agent", "ana")).await;
    assert_eq!(listed["scorecards"].as_array().unwrap().len(), 1, "{listed}");
    let listed = service.succeed(&Event::get("scorecards")).await;
    assert_eq!(listed["scorecards"].as_array().unwrap().len(), 3, "{listed}");
    let link = Event::post("coachingPlans/ana-plan:addScorecard", json!({"scorecardName": scorecard_name("second")}));
    service.succeed(&link).await;
    for (name, changes) in [(scorecard_name("second"), 2), (plan_name("ana-plan"), 2)] {
        let history = service.succeed(&Event::get("changes").with("name", &name)).await;
        assert_eq!(history["changes"].as_array().unwrap().len(), changes, "{history}");
    }
    let history = Event::get("changes").with("name", &plan_name("ana-plan")).by("agent", "ana");
    assert!(!service.succeed(&history).await.to_string().contains("second"));

    let refused = service.refused(&acknowledge.by("service", "sync@acme"), 400).await;
    assert_eq!(refused.reason(), "SCORECARD_IS_CALIBRATION");
    for field in ["acknowledgeTime", "acknowledgeComment"] {
        let mut more = json!({"submitTime": FIRST});
        more[field] = FIRST.into();
        let refused = service.refused(&create("third", more).by("service", "sync@acme"), 400).await;
        assert_eq!(refused.refused_fields(), [field]);
    }
}

#[tokio::test]
async fn a_calibration_is_of_what_a_submitted_scorecard_scores() {
    let service = TestService::seeded().await;
    service.template("other", json!({})).await;
    let revised = json!({"scorecardTemplate": {"title": "Quality, anew"}});
    let process = json!({"processId": "order-1", "processInteractionTime": FIRST});
    for (more, fields) in [
        (json!({"agentUserName": user_name("ben")}), vec!["agentUserName"]),
        (json!({"conversationName": below_support("conversations/another")}), vec!["conversationName"]),
        (json!({"templateName": below_support("scorecardTemplates/other")}), vec!["templateName"]),
        (process.clone(), vec!["processId", "processInteractionTime"]),
        (json!({"processId": "order-1"}), vec!["processInteractionTime"]),
        (json!({"calibratedScorecardName": scorecard_name("nothing")}), vec!["calibratedScorecardName"]),
        (json!({"calibratedScorecardName": scorecard_name("second")}), vec!["calibratedScorecardName"]),
        (json!({"scorecardType": "SCORECARD_TYPE_PROCESS"}), vec!["scorecardType"]),
        (json!({"scorecardType": 1}), vec!["scorecardType"]),
        (json!({"scorecardType": 3, "calibratedScorecardName": null}), vec!["calibratedScorecardName"]),
        (json!({"calibratedScorecardName": null, "processId": "order-1"}), vec!["processId"]),
    ] {
        let mut refused = service.refused(&create("second", more.clone()), 400).await.refused_fields();
        refused.sort_unstable();
        assert_eq!(refused, fields, "{more}");
        let result = load(&service, &[calibration("second", more.clone())]).await[0].clone();
        let message = result["status"]["message"].as_str().unwrap();
        assert!(fields.iter().all(|field| message.contains(&format!("scorecards[0].{field}: "))), "{more}: {message}");
    }
    let draft = json!({"calibratedScorecardName": scorecard_name("draft-1")});
    let refused = service.refused(&create("second", draft.clone()), 400).await;
    assert_eq!((refused.reason(), &refused.body["status"]), ("SCORECARD_NOT_SUBMITTED", &json!("FAILED_PRECONDITION")));
    let result = load(&service, &[calibration("second", draft)]).await[0].clone();
    assert_eq!(result["status"]["details"][0]["reason"], "SCORECARD_NOT_SUBMITTED");

    let made = service.succeed(&create("second", json!({"scorecardType": "SCORECARD_TYPE_CALIBRATION"}))).await;
    assert_eq!(made["scorecard"]["scorecardType"], "SCORECARD_TYPE_CALIBRATION");
    let of_calibration = json!({"calibratedScorecardName": scorecard_name("second")});
    assert_eq!(service.refused(&create("third", of_calibration), 400).await.reason(), "SCORECARD_IS_CALIBRATION");

    // What it calibrates never changes.
    for (fields, refused) in [
        (json!({"calibratedScorecardName": null}), "scorecard.calibratedScorecardName"),
        (json!({"calibratedScorecardName": scorecard_name("draft-1")}), "scorecard.calibratedScorecardName"),
        (json!({"scorecardType": "SCORECARD_TYPE_PROCESS"}), "scorecard.scorecardType"),
        (json!({"processId": "order-1"}), "scorecard.processId"),
    ] {
        let path = format!("scorecards/second?updateMask={}", fields.as_object().unwrap().keys().next().unwrap());
        let (path, mask) = path.split_once("?updateMask=").unwrap();
        let event = Event::new("PATCH", path).with("updateMask", mask);
        let event = event.with_text(&json!({"scorecard": fields}).to_string());
        assert_eq!(service.refused(&event, 400).await.refused_fields(), [refused]);
    }
    let same = json!({"calibratedScorecardName": scorecard_name("submitted-1"), "scorecardType": 3, "conversationName": below_support("conversations/call")});
    service.succeed(&update("second", same)).await;
    for (id, of) in [("second", Value::Null), ("submitted-1", json!(scorecard_name("submitted-1")))] {
        let result = load(&service, &[calibration(id, json!({"calibratedScorecardName": of}))]).await[0].clone();
        assert_eq!(result["status"]["message"], "scorecards[0].calibratedScorecardName: cannot change", "{id}");
    }

    // A later revision is another one.
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&revised.to_string())).await;
    let refused = service.refused(&create("third", json!({})), 400).await;
    assert_eq!(refused.refused_fields(), ["templateName"]);
    service.succeed(&create("third", json!({"templateName": below_support("scorecardTemplates/quality@1")}))).await;
}

#[tokio::test]
async fn a_process_is_scored_and_calibrated_like_a_conversation() {
    let service = TestService::seeded().await;
    let process = json!({
        "name": scorecard_name("order"),
        "calibratedScorecardName": null,
        "scorecardType": "SCORECARD_TYPE_PROCESS",
        "conversationName": null,
        "processId": "order-4711",
        "processInteractionTime": FIRST,
        "referenceScorecardId": "case-12",
    });
    let before = statistics(&service).await;
    let made = service.succeed(&create("order", process)).await["scorecard"].clone();
    for (field, value) in [
        ("scorecardType", json!("SCORECARD_TYPE_PROCESS")),
        ("processId", json!("order-4711")),
        ("processInteractionTime", json!(FIRST)),
        ("referenceScorecardId", json!("case-12")),
    ] {
        assert_eq!(made[field], value);
    }
    assert_eq!(made.get("conversationName"), None);
    service.succeed(&step("order", "submit")).await;
    assert_ne!(statistics(&service).await, before, "it counts");
    let changed = service.succeed(&update("order", json!({"referenceScorecardId": "case-13"}))).await;
    assert_eq!(changed["scorecard"]["referenceScorecardId"], "case-13");
    let of_call = Event::get("scorecards").with("conversationNames", &below_support("conversations/call"));
    assert_eq!(service.succeed(&of_call).await["scorecards"].as_array().unwrap().len(), 2);

    let more = json!({
        "calibratedScorecardName": scorecard_name("order"),
        "conversationName": null,
        "processId": "order-4711",
        "processInteractionTime": FIRST,
    });
    let made = service.succeed(&create("order-again", more)).await;
    assert_eq!(made["scorecard"]["scorecardType"], "SCORECARD_TYPE_CALIBRATION");
    let submitted = service.succeed(&step("order-again", "submit")).await;
    assert_eq!(submitted["scorecard"]["calibrationConsistencyScore"], 100.0);
    for (more, refused) in [
        (json!({"processId": ""}), "processId"),
        (json!({"processId": "x".repeat(257)}), "processId"),
        (json!({"processInteractionTime": "2026-07-01T12:00:00Z"}), "processInteractionTime"),
        (json!({"processInteractionTime": null}), "processInteractionTime"),
    ] {
        let mut process = json!({
            "calibratedScorecardName": null,
            "scorecardType": 2,
            "processId": "order",
            "processInteractionTime": FIRST,
        });
        merge(&mut process, more);
        let fields = service.refused(&create("none", process.clone()), 400).await.refused_fields();
        assert!(fields.iter().all(|field| field == refused), "{process}: {fields:?}");
    }
}

#[tokio::test]
async fn a_calibration_is_compared_when_it_is_submitted_and_keeps_that_until_it_is_submitted_anew() {
    let service = TestService::seeded().await;
    // 4 and 3 of 5 differ by 20 %, 1 and 1 of 1 by nothing: (80 + 100) / 2.
    let made = service.succeed(&create("second", json!({}))).await;
    assert_eq!(made["scorecard"].get("calibrationConsistencyScore"), None, "a draft is not compared");
    let submitted = service.succeed(&step("second", "submit")).await["scorecard"].clone();
    assert_eq!(submitted["calibrationConsistencyScore"], 90.0);

    // Whatever becomes of the calibrated scorecard afterwards.
    service.succeed(&update("submitted-1", json!({"scores": scores(4, 1)}))).await;
    assert_eq!(read(&service, "second").await, submitted);
    service.succeed(&step("submitted-1", "reset")).await;
    assert_eq!(read(&service, "second").await, submitted);
    let commented = service.succeed(&update("second", json!({"comment": "A second look."}))).await;
    assert_eq!(commented["scorecard"]["calibrationConsistencyScore"], 90.0);

    // While that is a draft, there is nothing to compare with.
    let before = service.items().await;
    for event in [update("second", json!({"scores": scores(5, 1)})), create("third", json!({}))] {
        assert_eq!(service.refused(&event, 400).await.reason(), "SCORECARD_NOT_SUBMITTED");
    }
    assert_eq!(service.items().await, before);
    let reset = service.succeed(&step("second", "reset")).await;
    assert_eq!(reset["scorecard"].get("calibrationConsistencyScore"), None);
    assert_eq!(service.refused(&step("second", "submit"), 400).await.reason(), "SCORECARD_NOT_SUBMITTED");
    service.succeed(&step("submitted-1", "submit")).await;
    let again = service.succeed(&step("second", "submit")).await;
    assert_eq!(again["scorecard"]["calibrationConsistencyScore"], 100.0);

    // Its own scores are compared as they are.
    let changed = service.succeed(&update("second", json!({"scores": scores(0, 0)}))).await;
    assert_eq!(changed["scorecard"]["calibrationConsistencyScore"], 10.0, "80 % and 100 % apart");
    let one_only =
        json!([{"criterionId": "greeting", "notApplicable": true}, {"criterionId": "privacy", "numericValue": 1}]);
    let changed = service.succeed(&update("second", json!({"scores": one_only}))).await;
    assert_eq!(changed["scorecard"]["calibrationConsistencyScore"], 50.0, "only one of the two scores the greeting");

    // Loaded anew as of something else, it is no longer what was calibrated.
    service.succeed(&step("second", "reset")).await;
    let moved = json!({
        "calibratedScorecardName": null,
        "conversationName": below_support("conversations/another"),
        "submitTime": FIRST,
    });
    assert!(load(&service, &[calibration("submitted-1", moved)]).await[0].get("scorecard").is_some());
    let refused = service.refused(&step("second", "submit"), 400).await;
    assert_eq!(refused.reason(), "CALIBRATED_SCORECARD_CHANGED");
}

#[tokio::test]
async fn a_loaded_calibration_is_compared_like_a_submitted_one() {
    let service = TestService::seeded().await;
    let imported = create("second", json!({"submitTime": FIRST, "scores": scores(1, 1)}))
        .with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11")
        .by("service", "sync@acme");
    let made = service.succeed(&imported).await;
    assert_eq!(made["scorecard"]["calibrationConsistencyScore"], 80.0);
    assert_eq!(read(&service, "second").await, made["scorecard"]);
    let entries = [
        calibration("third", json!({"submitTime": FIRST})),
        calibration("fourth", json!({"submitTime": FIRST, "scores": scores(3, 0)})),
        calibration("fifth", json!({})),
    ];
    let results = load(&service, &entries).await;
    let consistency = results.iter().map(|one| one["scorecard"]["calibrationConsistencyScore"].clone());
    assert_eq!(consistency.collect::<Vec<_>>(), [json!(90.0), json!(50.0), Value::Null]);
    let items = service.items().await;
    assert_eq!(load(&service, &entries).await, results, "repeated, it changes nothing");
    assert_eq!(service.items().await, items);

    // A repeat is answered as at first, whatever became of what was calibrated.
    service.succeed(&update("submitted-1", json!({"scores": scores(0, 0)}))).await;
    assert_eq!(service.succeed(&imported).await, made);
    // In one load, the calibrated scorecard and calibrations of it are written one after the other.
    let calibrated = json!({"calibratedScorecardName": null, "submitTime": FIRST, "scores": scores(5, 1)});
    let entries = [
        calibration("submitted-1", calibrated),
        calibration("third", json!({"submitTime": FIRST, "scores": scores(5, 0)})),
        calibration("sixth", json!({"submitTime": FIRST, "scores": scores(4, 1)})),
    ];
    let results = load(&service, &entries).await;
    assert!(results.iter().all(|result| result.get("scorecard").is_some()), "{results:?}");
    for id in ["submitted-1", "third", "sixth"] {
        let stored = read(&service, id).await;
        assert!(results.iter().any(|result| result["scorecard"] == stored), "{id}");
    }
}

#[tokio::test]
async fn being_calibrated_leaves_a_scorecard_as_it_is() {
    let service = TestService::seeded().await;
    let before = read(&service, "submitted-1").await;
    let event = |number: usize| create(&format!("by-{number}"), json!({}));
    let (first, second) = (event(1), event(2));
    let (first, second) = tokio::join!(service.succeed(&first), service.succeed(&second));
    assert!(first.get("scorecard").is_some() && second.get("scorecard").is_some());
    assert_eq!(read(&service, "submitted-1").await, before, "its etag too");
    let count = async || {
        let item =
            service.items().await.into_iter().find(|(key, _)| key.contains("#scorecard#submitted-1 / scorecard"));
        item.unwrap().1["calibrations"].as_n().unwrap().clone()
    };
    assert_eq!(count().await, "2");
    // Whatever rewrites it keeps the number.
    service.succeed(&update("submitted-1", json!({"comment": "Well done."}))).await;
    service.succeed(&step("submitted-1", "reset")).await;
    service.succeed(&step("submitted-1", "submit")).await;
    let replaced = json!({"calibratedScorecardName": null, "submitTime": FIRST});
    assert!(load(&service, &[calibration("submitted-1", replaced)]).await[0].get("scorecard").is_some());
    let link = json!({"scorecardName": scorecard_name("submitted-1")});
    service.succeed(&Event::post("coachingPlans/ana-plan:addScorecard", link)).await;
    assert_eq!(count().await, "2");
    // A load that repeats a calibration counts it once.
    load(&service, &[calibration("by-1", json!({})), calibration("by-3", json!({}))]).await;
    assert_eq!(count().await, "3");
    service.refused(&create("by-3", json!({})), 409).await;
    assert_eq!(count().await, "3");
}

#[tokio::test]
async fn writers_at_once_lose_no_calibration() {
    let service = TestService::seeded().await;
    let writer = async |number: usize| {
        let mut made = 0;
        for round in 0..6 {
            let id = format!("by-{number}-{round}");
            made += u32::from(service.send(&create(&id, json!({}))).await.status == 200);
            let comment = json!({"comment": format!("{number} {round}")});
            service.send(&update("submitted-1", comment)).await;
        }
        made
    };
    let made: u32 = futures_util::future::join_all((0..4).map(writer)).await.into_iter().sum();
    assert!(made > 0);
    let items = service.items().await;
    let stored = items.keys().filter(|key| key.contains("#scorecard#by-") && key.ends_with("/ scorecard")).count();
    let (_, calibrated) = items.iter().find(|(key, _)| key.contains("#scorecard#submitted-1 / scorecard")).unwrap();
    let counted: u32 = calibrated["calibrations"].as_n().unwrap().parse().unwrap();
    assert_eq!((counted, stored), (made, made as usize));
}

#[tokio::test]
async fn who_submits_what_is_told() {
    let service = TestService::seeded().await;
    let source = |scorecard: &Value| scorecard["submissionSource"].as_str().map(str::to_owned);
    let told = |source: &str| Some(format!("SCORECARD_SUBMISSION_SOURCE_{source}"));
    let plain = json!({"calibratedScorecardName": null});
    for (role, user, by_hand, expected) in [
        ("manager", "maria", true, "MANUAL"),
        ("admin", "root", true, "MANUAL"),
        ("service", "sync@acme", true, "IMPORT"),
        ("service", "sync@acme", false, "AUTOMATIC"),
    ] {
        let id = format!("by-{role}-{by_hand}");
        let maker = if by_hand { ("manager", "maria") } else { ("service", "sync@acme") };
        let made = service.succeed(&create(&id, plain.clone()).by(maker.0, maker.1)).await;
        assert_eq!(source(&made["scorecard"]), None);
        let submitted = service.succeed(&step(&id, "submit").by(role, user)).await;
        assert_eq!(source(&submitted["scorecard"]), told(expected), "{id}");
        assert_eq!(source(&read(&service, &id).await), told(expected), "{id}");
        // A person who changes a score afterwards did not submit it.
        let changed = service.succeed(&update(&id, json!({"scores": scores(1, 1)}))).await;
        assert_eq!(source(&changed["scorecard"]), told(expected), "{id}");
        assert_eq!(source(&service.succeed(&step(&id, "reset")).await["scorecard"]), None, "{id}");
    }
    for (by_hand, expected) in [(true, "IMPORT"), (false, "AUTOMATIC")] {
        let mut more = plain.clone();
        merge(&mut more, json!({"submitTime": FIRST, "manuallyScored": by_hand}));
        let event = create(&format!("sent-{by_hand}"), more.clone()).by("admin", "root");
        assert_eq!(source(&service.succeed(&event).await["scorecard"]), told(expected));
        let results = load(&service, &[calibration(&format!("loaded-{by_hand}"), more)]).await;
        assert_eq!(source(&results[0]["scorecard"]), told(expected));
    }
    let sent =
        service.succeed(&update("draft-1", json!({"submissionSource": 1, "calibrationConsistencyScore": 5}))).await;
    assert_eq!((source(&sent["scorecard"]), sent["scorecard"].get("calibrationConsistencyScore")), (None, None));
}
