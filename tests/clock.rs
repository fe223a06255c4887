//! With the clock set back between changes, no change is earlier than the one before it.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_tests::{Event, TestService, below_support, plan_name, session_name, usecase_name, user, user_name};
use serde_json::{Value, json};

/// The steps of the clock before each change: forward, and then back to before the creation.
const MOVES: [i64; 4] = [3600, -5, -7200, -86400];

fn patch(path: &str, entity: &str, change: Value) -> Event {
    Event::new("PATCH", path).with_text(&json!({entity: change}).to_string())
}

async fn history(service: &TestService, name: &str) -> Vec<Value> {
    service.succeed(&Event::get("changes").with("name", name)).await["changes"].as_array().unwrap().clone()
}

/// Asserts that the history of `name` is ordered by version, the latest first, and by time.
async fn check_history(service: &TestService, name: &str, versions: &[u64]) {
    let changes = history(service, name).await;
    let told: Vec<u64> = changes.iter().map(|change| change["version"].as_u64().unwrap()).collect();
    assert_eq!(told, versions, "{name}");
    let times: Vec<&str> = changes.iter().map(|change| change["changeTime"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|later, earlier| later >= earlier), "{name}: {times:?}");
}

/// A record, the request that creates it, and the requests that change it step by step.
struct Kind {
    entity: &'static str,
    path: &'static str,
    creation: Event,
    changes: [Event; 4],
}

fn kinds() -> Vec<Kind> {
    let session = json!({
        "name": session_name("turned"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "meetingNotes": "First.",
    });
    let plan = json!({
        "name": plan_name("turned"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
    });
    let comment = json!({
        "name": below_support("coachingComments/turned"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "message": "First.",
    });
    let target = json!({
        "name": below_support("targets/turned"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": "greeting",
        "target": 70,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    let scorecard = json!({
        "name": below_support("scorecards/turned"),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": [{"criterionId": "greeting", "numericValue": 3}],
    });
    let template = json!({
        "name": below_support("scorecardTemplates/turned"),
        "title": "First",
        "template": {"chapters": [{"chapterId": "all", "criteria": [{"criterionId": "one"}]}]},
    });
    let four = |path: &'static str, entity: &'static str, change: fn(usize) -> Value| {
        [0, 1, 2, 3].map(|number| patch(path, entity, change(number)))
    };
    let upsert = |path: &str, entries: Value| Event::post(path, entries).by("service", "sync@acme");
    let mut of_session =
        four("coachingSessions/turned", "coachingSession", |number| json!({"meetingNotes": format!("Note {number}.")}));
    of_session[1] =
        patch("coachingSessions/turned", "coachingSession", json!({"managerSubmitTime": "2026-06-01T12:00:00Z"}));
    let acknowledged = json!({"acknowledged": true, "submitted": true});
    of_session[3] = Event::post("coachingSessions/turned:acknowledge", acknowledged).by("agent", "ana");
    let mut of_plan = four("coachingPlans/turned", "coachingPlan", |number| json!({"isActive": number % 2 == 1}));
    let mut replaced = plan.clone();
    replaced["comment"] = "Replaced.".into();
    of_plan[3] = patch("coachingPlans/turned", "coachingPlan", json!({"isActive": false}));
    of_plan[2] = upsert("coachingPlans:batchUpsert", json!({"coachingPlans": [replaced]}));
    let mut of_scorecard =
        four("scorecards/turned", "scorecard", |number| json!({"comment": format!("Note {number}.")}));
    of_scorecard[1] = Event::post("scorecards/turned:submit", json!({}));
    of_scorecard[2] = Event::post("scorecards/turned:acknowledge", json!({})).by("agent", "ana");
    let mut replaced = scorecard.clone();
    coaching_tests::merge(&mut replaced, json!({"submitTime": "2026-05-30T12:00:00Z", "comment": "Replaced."}));
    of_scorecard[3] = upsert("scorecards:batchUpsert", json!({"scorecards": [replaced]}));
    vec![
        Kind {
            entity: "coachingSession",
            path: "coachingSessions/turned",
            creation: Event::post("coachingSessions", session),
            changes: of_session,
        },
        Kind {
            entity: "coachingPlan",
            path: "coachingPlans/turned",
            creation: Event::post("coachingPlans", plan),
            changes: of_plan,
        },
        Kind {
            entity: "coachingComment",
            path: "coachingComments/turned",
            creation: Event::post("coachingComments", comment),
            changes: four(
                "coachingComments/turned",
                "coachingComment",
                |number| json!({"message": format!("{number}")}),
            ),
        },
        Kind {
            entity: "target",
            path: "targets/turned",
            creation: Event::post("targets", target),
            changes: four("targets/turned", "target", |number| json!({"target": 10 + number})),
        },
        Kind {
            entity: "scorecard",
            path: "scorecards/turned",
            creation: Event::post("scorecards", scorecard),
            changes: of_scorecard,
        },
        Kind {
            entity: "scorecardTemplate",
            path: "scorecardTemplates/turned",
            creation: Event::post("scorecardTemplates", template),
            changes: four(
                "scorecardTemplates/turned",
                "scorecardTemplate",
                |number| json!({"title": format!("{number}")}),
            ),
        },
    ]
}

#[tokio::test]
async fn no_change_is_before_the_one_that_it_follows() {
    for Kind { entity, path, creation, changes } in kinds() {
        let service = TestService::seeded().await;
        service.succeed(&creation).await;
        let read = async || service.succeed(&Event::get(path).by("admin", "root")).await[entity].clone();
        let mut before = read().await;
        for (seconds, change) in MOVES.into_iter().zip(changes) {
            service.advance(TimeDelta::seconds(seconds));
            service.succeed(&change).await;
            let after = read().await;
            let time = |record: &Value, field: &str| record[field].as_str().unwrap_or_default().to_owned();
            assert!(time(&after, "updateTime") >= time(&before, "updateTime"), "{path}: {before} {after}");
            assert!(time(&after, "updateTime") >= time(&after, "createTime"), "{path}: {after}");
            if entity != "scorecard" {
                assert!(
                    after["acknowledgeTime"].is_null()
                        || time(&after, "acknowledgeTime") >= time(&after, "managerSubmitTime")
                );
                assert_eq!(after["createTime"], before["createTime"], "{path}");
            }
            assert_ne!(after["etag"], before["etag"], "{path}");
            before = after;
        }
        if ["coachingSession", "coachingPlan", "coachingComment"].contains(&entity) {
            check_history(&service, &below_support(path), &[5, 4, 3, 2, 1]).await;
        }
        if entity == "coachingPlan" {
            service.succeed(&Event::new("DELETE", path)).await;
            check_history(&service, &below_support(path), &[6, 5, 4, 3, 2, 1]).await;
        }
        if entity == "target" {
            let items = service.items().await;
            let item = items.iter().find(|(key, _)| key.ends_with("#target#turned / target")).unwrap().1;
            let texts: Vec<&String> = item["history"].as_l().unwrap().iter().map(|text| text.as_s().unwrap()).collect();
            let times: Vec<&String> = texts.iter().step_by(2).copied().collect();
            let values: Vec<&String> = texts.iter().skip(1).step_by(2).copied().collect();
            assert!(times.is_sorted(), "{times:?}");
            assert_eq!(values.last().unwrap().as_str(), "1300", "the last value is the one in force: {values:?}");
        }
    }
}

#[tokio::test]
async fn what_was_imported_is_changed_after_that() {
    let service = TestService::seeded().await;
    for (path, entity, change) in [
        ("coachingSessions/held-1", "coachingSession", json!({"meetingNotes": "Later."})),
        ("coachingPlans/ana-plan", "coachingPlan", json!({"comment": "Later."})),
        ("coachingComments/first", "coachingComment", json!({"message": "Later."})),
    ] {
        let mut imported = service.succeed(&Event::get(path)).await[entity].clone();
        let name = below_support(&format!("{path}-imported"));
        coaching_tests::merge(
            &mut imported,
            json!({"name": name, "createTime": "2026-05-01T12:00:00Z", "updateTime": "2026-05-02T12:00:00Z"}),
        );
        let collection = path.split_once('/').unwrap().0;
        service.succeed(&Event::post(collection, imported).by("service", "sync@acme")).await;
        service.advance(TimeDelta::hours(-2));
        let path = format!("{path}-imported");
        service.succeed(&patch(&path, entity, change.clone())).await;
        service.advance(TimeDelta::hours(-2));
        check_history(&service, &name, &[2, 1]).await;
        if entity == "coachingSession" {
            service.succeed(&Event::new("DELETE", &path)).await;
            check_history(&service, &name, &[3, 2, 1]).await;
        }
    }
}

#[tokio::test]
async fn nobody_ends_being_what_they_were_before_they_began() {
    let service = TestService::seeded().await;
    for (seconds, active) in MOVES.into_iter().zip([false, true, false, true]) {
        service.advance(TimeDelta::seconds(seconds));
        let mut ana = user("ana");
        ana["isActive"] = active.into();
        let event = Event::post("", json!({"users": [ana]})).to("/v1/customers/acme/users:batchUpsert");
        service.succeed(&event.by("service", "sync@acme")).await;
    }
    let items = service.items().await;
    let time = |value: Option<&AttributeValue>| value.map(|time| time.as_s().unwrap().clone());
    let mut told = 0;
    for (key, item) in items.iter().filter(|(key, _)| key.contains("#user#ana / past#")) {
        let until = time(item.get("until")).unwrap();
        assert!(time(item.get("since")).is_none_or(|since| since <= until), "{key}: {item:?}");
        told += 1;
    }
    assert!(told > 0, "what she was is kept");
    let (_, now) = items.iter().find(|(key, _)| key.ends_with("#user#ana / user")).unwrap();
    assert_eq!(time(now.get("since")).as_deref(), Some("2026-06-01T13:00:00Z"), "{now:?}");
}
