//! `delete-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, Target, TestService, below_support, merge, replay, usecase_name, user_name};
use serde_json::{Value, json};

const CASES: [Case; 4] = [
    Case { name: "done", status: 200, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("delete-template", &CASES, Target::Handler(&delete_template::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("delete-template", &CASES, Target::Binary(env!("CARGO_BIN_EXE_delete-template"))).await;
}

fn deletion() -> Event {
    Event::new("DELETE", "scorecardTemplates/quality")
}

fn patch(query: &str, template: Value) -> Event {
    let body = json!({"scorecardTemplate": template});
    Event::new("PATCH", &format!("scorecardTemplates/quality{query}")).with_text(&body.to_string())
}

fn scorecard(template: &str, more: Value) -> Event {
    let mut scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support(&format!("scorecardTemplates/{template}")),
        "scores": [{"criterionId": "greeting", "numericValue": 3}],
    });
    merge(&mut scorecard, more);
    Event::post("scorecards", scorecard).by("service", "sync@acme")
}

fn target(part: &str) -> Event {
    let target = json!({
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": part,
        "target": 70,
        "usecaseName": usecase_name("care"),
    });
    Event::post("targets", target)
}

async fn listed(service: &TestService, query: &str) -> usize {
    let page = service.succeed(&Event::get(&format!("scorecardTemplates:listCurrent{query}"))).await;
    page["scorecardTemplates"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_deleted_template_takes_nothing_new_and_what_there_is_stays() {
    let service = TestService::seeded().await;
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = Event::post("coachingProgresses:retrieve", progress);
    let before = service.succeed(&progress).await;
    let deleted = service.succeed(&deletion()).await;
    assert_eq!(deleted["scorecardTemplate"]["deleteTime"], "2026-06-01T12:00:00Z");

    for event in [
        scorecard("quality", json!({})),
        // Also one that was made before, and one of its first revision.
        scorecard("quality@1", json!({"createTime": "2026-05-01T10:00:00Z"})),
        target("listening"),
    ] {
        assert_eq!(service.refused(&event, 400).await.reason(), "TEMPLATE_DELETED");
    }
    for template in ["quality", "quality@1"] {
        let entry = |name: &str| {
            let scorecard = scorecard(template, json!({"name": below_support(name)}));
            let (_, _, body) = scorecard.as_http();
            serde_json::from_str::<Value>(body).unwrap()
        };
        let entries = json!({"scorecards": [entry("scorecards/new"), entry("scorecards/draft-1")]});
        let batch = Event::post("scorecards:batchUpsert", entries).by("service", "sync@acme");
        let results = service.succeed(&batch).await["results"].clone();
        assert_eq!(results[0]["status"]["details"][0]["reason"], "TEMPLATE_DELETED", "{results}");
        assert!(results[1]["scorecard"].is_object(), "one that there is can be replaced: {results}");
    }

    assert_eq!(service.succeed(&progress).await, before);
    for path in ["targets/greeting-target", "scorecards/submitted-1", "scorecardTemplates/quality"] {
        service.succeed(&Event::get(path)).await;
    }
    service.succeed(&Event::post("scorecards/draft-1:submit", json!({}))).await;
}

#[tokio::test]
async fn lists_leave_it_out_and_every_revision_shows_when_it_was_deleted() {
    let service = TestService::seeded().await;
    service.succeed(&patch("", json!({"title": "Second"}))).await;
    let first = service.succeed(&Event::get("scorecardTemplates/quality@1")).await["scorecardTemplate"].clone();
    let deleted = service.succeed(&deletion()).await;
    let counts = [listed(&service, "").await, listed(&service, "?includeDeactivated=true").await];
    assert_eq!(counts, [0, 0]);
    assert_eq!(listed(&service, "?includeDeleted=true").await, 1);
    assert_eq!(service.succeed(&Event::get("scorecardTemplates/quality")).await, deleted);
    let mut shown = service.succeed(&Event::get("scorecardTemplates/quality@1")).await["scorecardTemplate"].clone();
    assert_eq!(shown["deleteTime"], deleted["scorecardTemplate"]["deleteTime"]);
    assert_ne!(shown["etag"], first["etag"], "it shows something else");
    for changed in ["deleteTime", "etag"] {
        shown.as_object_mut().unwrap().remove(changed);
    }
    merge(&mut shown, json!({"etag": first["etag"], "status": first["status"]}));
    assert_eq!(shown, first);

    // One that is deactivated too is listed only with both.
    service.succeed(&patch("", json!({"deactivateTime": "2026-05-01T00:00:00Z"}))).await;
    assert_eq!(listed(&service, "?includeDeleted=true").await, 0);
    assert_eq!(listed(&service, "?includeDeleted=true&includeDeactivated=true").await, 1);
}

#[tokio::test]
async fn a_repeat_answers_the_same_and_other_names_are_refused() {
    let service = TestService::seeded().await;
    let etag = service.succeed(&Event::get("scorecardTemplates/quality")).await["scorecardTemplate"]["etag"].clone();
    let of_etag = |etag: &Value| deletion().with("etag", etag.as_str().unwrap());
    service.refused(&of_etag(&json!("other")), 409).await;
    let deleted = service.succeed(&of_etag(&etag)).await;
    let items = service.items().await;
    service.advance(TimeDelta::hours(1));
    assert_eq!(service.succeed(&deletion()).await, deleted);
    assert_eq!(service.succeed(&of_etag(&deleted["scorecardTemplate"]["etag"])).await, deleted);
    assert_eq!(service.items().await, items, "a repeat wrote something");
    service.refused(&of_etag(&etag), 409).await;

    for path in ["scorecardTemplates/quality@1", "scorecardTemplates/quality@*"] {
        let refused = service.refused(&Event::new("DELETE", path), 400).await;
        assert_eq!(refused.refused_fields(), ["name"]);
    }
    service.refused(&Event::new("DELETE", "scorecardTemplates/other"), 404).await;
}

#[tokio::test]
async fn a_manager_takes_a_deletion_back() {
    let service = TestService::seeded().await;
    let before = service.succeed(&Event::get("scorecardTemplates/quality")).await["scorecardTemplate"].clone();
    let deleted = service.succeed(&deletion()).await["scorecardTemplate"].clone();
    // Neither a whole template without the time nor one with another time takes it back.
    let mut same = before.clone();
    let may_change = ["title", "template", "usecaseNames", "qaTaskConfig"];
    same.as_object_mut().unwrap().retain(|name, _| may_change.contains(&name.as_str()));
    let mut moved = same.clone();
    merge(&mut moved, json!({"deleteTime": "2030-01-01T00:00:00Z"}));
    for template in [patch("?updateMask=*", same), patch("?updateMask=*", moved.clone()), patch("", moved)] {
        assert_eq!(service.succeed(&template).await["scorecardTemplate"], deleted);
    }
    let undelete = patch("?updateMask=deleteTime", json!({}));
    let refused = service.refused(&undelete.clone().by("service", "sync@acme"), 403).await;
    assert_eq!(refused.reason(), "ROLE_NOT_ALLOWED");
    let mut back = service.succeed(&undelete).await["scorecardTemplate"].clone();
    assert_ne!(back["etag"], before["etag"], "it is a later version");
    back["etag"] = before["etag"].clone();
    assert_eq!(back, before, "and no further revision");
    let items = service.items().await;
    service.succeed(&undelete.clone().by("service", "sync@acme")).await;
    assert_eq!(service.items().await, items, "a repeat wrote something");
    assert_eq!(listed(&service, "").await, 1);
    service.succeed(&scorecard("quality", json!({}))).await;

    service.succeed(&deletion()).await;
    service.succeed(&patch("", json!({"deleteTime": null, "title": "Both"})).by("admin", "boss")).await;
    let both = service.succeed(&Event::get("scorecardTemplates/quality@2")).await["scorecardTemplate"].clone();
    assert_eq!((&both["title"], &both["deleteTime"]), (&json!("Both"), &Value::Null));
}

#[tokio::test]
async fn at_the_same_moment_as_a_creation_one_comes_first_and_each_is_whole() {
    let service = TestService::seeded().await;
    let (mut created, mut refused) = (0, 0);
    for number in 0..24 {
        let id = format!("template-{number}");
        service.template(&id, json!({})).await;
        let time = "2026-05-21T10:00:00Z";
        let submitted =
            json!({"name": below_support(&format!("scorecards/{id}")), "createTime": time, "submitTime": time});
        let creation = scorecard(&id, submitted);
        let delete = Event::new("DELETE", &format!("scorecardTemplates/{id}"));
        let (creation, deletion) = match number % 2 {
            0 => tokio::join!(service.send(&creation), service.send(&delete)),
            _ => {
                let (deletion, creation) = tokio::join!(service.send(&delete), service.send(&creation));
                (creation, deletion)
            }
        };
        assert_eq!(deletion.status, 200, "{}", deletion.body);
        let expected = match creation.status {
            200 => {
                created += 1;
                200
            }
            _ => {
                assert_eq!(creation.reason(), "TEMPLATE_DELETED");
                refused += 1;
                404
            }
        };
        let read = service.send(&Event::get(&format!("scorecards/{id}"))).await;
        assert_eq!(read.status, expected, "{id}: {}", read.body);
    }
    println!("{created} came before the deletion, {refused} after it");
    // Each that was created counts, and no other.
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    let of_quality = &progress["agentCoachingProgresses"][0]["criterionProgresses"][0];
    assert_eq!(of_quality["scorecardCount"], 1, "of the template that is not deleted");
    let statistics = service.items().await.into_iter().filter(|(key, _)| key.contains("#statistics#"));
    let versions: Vec<i64> = statistics.map(|(_, item)| item["version"].as_n().unwrap().parse().unwrap()).collect();
    assert_eq!(versions, [created + 1], "one change of the statistics for each scorecard");
}
