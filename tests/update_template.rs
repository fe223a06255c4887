//! `update-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, below_support, bytes_of, replay, usecase_name, user_name};
use serde_json::{Value, json};

const CASES: [Case; 8] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "not-current", status: 409, refused: &[] },
    Case {
        name: "parts-that-were-others",
        status: 400,
        refused: &[
            "scorecardTemplate.template.chapters[0].criteria[0].criterionId",
            "scorecardTemplate.template.chapters[1].chapterId",
        ],
    },
    Case { name: "unknown-key", status: 400, refused: &["scorecardTemplate.titel"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-usecase", status: 400, refused: &["scorecardTemplate.usecaseNames"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-template", &CASES, Target::Handler(&update_template::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-template", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-template"))).await;
}

fn change(id: &str, template: Value) -> Event {
    let body = json!({"scorecardTemplate": template});
    Event::new("PATCH", &format!("scorecardTemplates/{id}")).with_text(&body.to_string())
}

fn update(structure: Value) -> Event {
    change("quality", json!({"template": structure}))
}

#[tokio::test]
async fn a_part_stays_what_it_was_in_revisions_that_are_over() {
    let service = TestService::seeded().await;
    let other = json!({"chapters": [{"chapterId": "all", "criteria": [{"criterionId": "closing"}]}]});
    service.succeed(&update(other.clone())).await;
    service.succeed(&update(json!({"chapters": [{"chapterId": "more", "criteria": [{"criterionId": "rest"}]}]}))).await;

    let swapped = json!({"chapters": [
        {"chapterId": "all", "criteria": [{"criterionId": "opening"}, {"criterionId": "privacy"}]},
        {"chapterId": "greeting", "criteria": [{"criterionId": "more"}]},
    ]});
    let refused = service.refused(&update(swapped), 400).await;
    assert_eq!(
        refused.refused_fields(),
        [
            "scorecardTemplate.template.chapters[0].criteria[0].criterionId",
            "scorecardTemplate.template.chapters[1].chapterId",
            "scorecardTemplate.template.chapters[1].criteria[0].criterionId",
        ]
    );
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.contains("chapters[1].chapterId: was a criterion in an earlier revision"), "{message}");
    assert!(message.contains("criterionId: was a chapter in an earlier revision"), "{message}");
    // The ids can come back as what they were.
    service.succeed(&update(other)).await;
}

/// Fifty chapters of four criteria, whose ids begin with `named` and have 128 letters. The labels have as many bytes as
/// the limit of ids and labels leaves, and the first label `more` besides.
fn full_structure(named: &str, more: usize) -> Value {
    let bound = 216 * 1024;
    let (each, rest) = ((bound - 250 * (2 + 128 + 2)) / 250, (bound - 250 * (2 + 128 + 2)) % 250);
    let id = |number: usize| format!("{named}{number:0>width$}", width = 128 - named.len());
    let chapters: Vec<Value> = (0..50)
        .map(|chapter| {
            let criteria: Vec<Value> = (0..4)
                .map(|criterion| {
                    json!({"criterionId": id(chapter * 4 + criterion), "displayName": "x".repeat(each), "maximumValue": 5})
                })
                .collect();
            let label = "x".repeat(if chapter == 0 { each + rest + more } else { each });
            json!({"chapterId": id(1000 + chapter), "displayName": label, "criteria": criteria})
        })
        .collect();
    json!({"chapters": chapters})
}

#[tokio::test]
async fn a_template_lives_at_all_its_bounds() {
    let service = TestService::seeded().await;
    let usecases: Vec<Value> = (0..50)
        .map(|number| json!({"name": usecase_name(&format!("{number:0>128}")), "displayName": "Care"}))
        .collect();
    let names: Vec<Value> = usecases.iter().map(|usecase| usecase["name"].clone()).collect();
    let load = Event::post("usecases:batchUpsert", json!({"usecases": usecases})).by("service", "sync@acme");
    service.succeed(&load).await;

    let create = |more: usize| {
        let template = json!({
            "name": below_support("scorecardTemplates/full"),
            "title": "x".repeat(1024),
            "usecaseNames": names,
            "template": full_structure("a", more),
        });
        Event::post("scorecardTemplates", template)
    };
    let refused = service.refused(&create(1), 400).await;
    assert_eq!(refused.refused_fields(), ["template.chapters"]);
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.contains("221184 bytes") && message.contains("has 221185"), "{message}");
    service.succeed(&create(0)).await;

    let change = |template: Value| change("full", template);
    let refused = service.refused(&change(json!({"template": full_structure("b", 1)})), 400).await;
    assert_eq!(refused.refused_fields(), ["scorecardTemplate.template.chapters"]);
    for named in ["b", "c"] {
        service.succeed(&change(json!({"template": full_structure(named, 0)}))).await;
    }
    let refused = service.refused(&change(json!({"template": full_structure("e", 0)})), 400).await;
    assert_eq!(refused.reason(), "TEMPLATE_FULL");
    let information = refused.body["details"].as_array().unwrap();
    let metadata = &information.iter().find(|detail| detail["reason"] == "TEMPLATE_FULL").unwrap()["metadata"];
    assert_eq!((&metadata["limit"], &metadata["size"]), (&json!("750"), &json!("1000")));

    let items = service.items().await;
    for (key, item) in items.iter().filter(|(key, _)| key.contains("#template#full ")) {
        assert!(bytes_of(item) < 370 * 1024, "{key}: {} bytes", bytes_of(item));
    }
    assert!(bytes_of(&items["acme#support#template#full / current"]) > 340 * 1024, "all bounds are reached");

    // It can still change: to fewer criteria, to those that it had, and to another title.
    let mut less = full_structure("c", 0);
    less["chapters"].as_array_mut().unwrap().truncate(2);
    for template in [
        json!({"template": less}),
        json!({"template": full_structure("a", 0)}),
        json!({"title": "Full"}),
        json!({"template": less}),
    ] {
        service.succeed(&change(template)).await;
    }
    let read = service.succeed(&Event::get("scorecardTemplates/full")).await["scorecardTemplate"].clone();
    assert_eq!(read["template"], less_with_defaults(&less));
    let first = service.succeed(&Event::get("scorecardTemplates/full@1")).await["scorecardTemplate"].clone();
    assert_eq!(first["template"]["chapters"].as_array().unwrap().len(), 50);
    let listed = service.succeed(&Event::get("scorecardTemplates:listCurrent")).await;
    assert_eq!(listed["scorecardTemplates"][0]["name"], read["name"]);
    let scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/full"),
        "usecaseName": names[0],
        "scores": [{"criterionId": less["chapters"][0]["criteria"][0]["criterionId"], "numericValue": 4}],
        "createTime": "2026-05-20T09:00:00Z",
        "submitTime": "2026-05-20T09:00:00Z",
    });
    let scored = service.succeed(&Event::post("scorecards", scorecard).by("service", "sync@acme")).await;
    assert_eq!(scored["scorecard"]["totalScore"], 80.0);
}

/// `structure` as answers have it.
fn less_with_defaults(structure: &Value) -> Value {
    let mut structure = structure.clone();
    for chapter in structure["chapters"].as_array_mut().unwrap() {
        for criterion in chapter["criteria"].as_array_mut().unwrap() {
            criterion["weight"] = json!(1.0);
            criterion["maximumValue"] = json!(5.0);
            criterion["autoFail"] = json!(false);
        }
    }
    structure
}

#[tokio::test]
async fn a_template_of_before_parts_were_noted_is_read_and_changed() {
    let service = TestService::seeded().await;
    let changed = json!({"chapters": [{"chapterId": "all", "criteria": [{"criterionId": "closing"}]}]});
    service.succeed(&update(changed.clone())).await;
    let items = service.items().await;
    for (_, item) in items.iter().filter(|(key, _)| key.starts_with("acme#support#template#quality /")) {
        let mut item = item.clone();
        item.remove("dropped");
        service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
    }
    let read = service.succeed(&Event::get("scorecardTemplates/quality")).await["scorecardTemplate"].clone();
    assert_eq!(read["template"]["chapters"][0]["chapterId"], "all");
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    let of_ana = &progress["agentCoachingProgresses"][0]["criterionProgresses"][0];
    assert_eq!((&of_ana["criterionDisplayName"], &of_ana["score"]), (&json!("greeting"), &json!(60.0)));
    // Ids that are dropped from now on are remembered.
    service.succeed(&update(json!({"chapters": [{"chapterId": "more", "criteria": [{"criterionId": "rest"}]}]}))).await;
    let as_chapter = json!({"chapters": [{"chapterId": "closing", "criteria": [{"criterionId": "rest"}]}]});
    service.refused(&update(as_chapter), 400).await;
    service.succeed(&update(changed)).await;
}
