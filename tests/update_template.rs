//! `update-template`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{
    Case, Event, Target, TestService, below_support, bytes_of, merge, replay, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 9] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "settings-alone", status: 200, refused: &[] },
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
    // Ten triggers of two letters of each of the 200 criteria.
    let triggers: Vec<String> = (0..10).map(|number| below_support(&format!("moments/t{number}"))).collect();
    let bound = 216 * 1024 - 200 * 10 * 4;
    let (each, rest) = ((bound - 250 * (2 + 128 + 2)) / 250, (bound - 250 * (2 + 128 + 2)) % 250);
    let id = |number: usize| format!("{named}{number:0>width$}", width = 128 - named.len());
    let chapters: Vec<Value> = (0..50)
        .map(|chapter| {
            let criteria: Vec<Value> = (0..4)
                .map(|criterion| {
                    json!({"criterionId": id(chapter * 4 + criterion), "displayName": "x".repeat(each), "maximumValue": 5, "triggerNames": triggers})
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
    let people: Vec<String> = (0..200).map(|number| format!("{number:x>128}")).collect();
    service.managers(&people.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let settings = |people: &[String]| {
        let object = json!({"text": "y".repeat(8 * 1024 - r#"{"text":""}"#.len())});
        let users: Vec<String> = people.iter().map(|id| user_name(id)).collect();
        json!({"audience": {"userNames": users}, "permissions": object, "qaScoreConfig": object})
    };
    let too_large = service.refused(&change(json!({"permissions": {"text": "y".repeat(8 * 1024)}})), 400).await;
    assert_eq!(too_large.refused_fields(), ["scorecardTemplate.permissions"]);
    let full = service.refused(&change(settings(&people)), 400).await;
    assert_eq!(full.reason(), "TEMPLATE_SETTINGS_FULL");
    service.succeed(&change(settings(&people[..186]))).await;
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
        let bound = if key.ends_with("current") { 396 } else { 366 };
        assert!(bytes_of(item) < bound * 1024, "{key}: {} bytes", bytes_of(item));
    }
    let current = bytes_of(&items["acme#support#template#full / current"]);
    assert!(current > 390 * 1024, "all bounds are reached: {current} bytes");

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

/// The settings of a template, as answers have them.
fn all_settings() -> Value {
    json!({
        "audience": {
            "userNames": [user_name("ben")],
            "groupNames": ["customers/acme/groups/team"],
            "includeIndirectGroupMembers": false,
        },
        "qaTaskConfig": {
            "evaluationPeriodConfig": {
                "kind": "CUSTOM",
                "timeZoneId": "Africa/Cairo",
                "periods": [{"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-02-01T00:15:00Z"}],
                "overrideTimeRange": {"startOffsetDays": -7, "endOffsetDays": 1},
            },
            "taskCompleteConfig": {
                "evaluatedConversationCountPerAgent": 4,
                "overriddenAgents": [
                    {"group": "customers/acme/groups/team", "evaluatedConversationCountPerAgent": 2},
                    {"user": user_name("ben"), "evaluatedConversationCountPerAgent": 0},
                ],
            },
        },
        "type": "SCORECARD_TEMPLATE_TYPE_PROCESS",
        "permissions": {"": null, "deep": [{"empty": ""}, 1, 1.5, true], "name": "names/of/nothing"},
        "qaScoreConfig": {},
    })
}

#[tokio::test]
async fn settings_alone_make_no_revision_and_every_revision_shows_them() {
    let service = TestService::seeded().await;
    let read = async |revision: &str| {
        let read = service.succeed(&Event::get(&format!("scorecardTemplates/quality{revision}"))).await;
        read["scorecardTemplate"].clone()
    };
    let before = read("").await;
    assert_eq!(
        (&before["status"], &before["lastUpdatedBy"]["name"]),
        (&json!("SCORECARD_TEMPLATE_STATUS_ACTIVE"), &json!(user_name("maria")))
    );
    let keys = service.items().await.len();
    service.advance(chrono::TimeDelta::hours(1));
    let set = change("quality", all_settings()).by("admin", "boss");
    let after = service.succeed(&set).await["scorecardTemplate"].clone();
    assert_eq!(service.items().await.len(), keys, "no further revision");
    let mut expected = before.clone();
    merge(&mut expected, all_settings());
    merge(&mut expected, json!({"etag": after["etag"], "lastUpdatedBy": {"name": user_name("boss")}}));
    assert_eq!(after, expected);
    assert_ne!(after["etag"], before["etag"]);
    assert_eq!(read("").await, after);
    assert_eq!(read("@1").await, after);
    let items = service.items().await;
    assert_eq!(service.succeed(&set).await["scorecardTemplate"], after, "a repeat by another");
    service.succeed(&change("quality", all_settings()).by("manager", "mark")).await;
    assert_eq!(service.items().await, items, "a repeat wrote something");
    // The former etag is of another version.
    let stale = set.clone().with_header("if-match", &format!("\"{}\"", before["etag"].as_str().unwrap()));
    service.refused(&stale, 409).await;

    // Both at once, in one transaction.
    let both = change("quality", json!({"title": "Second", "type": null, "qaScoreConfig": null}));
    let second = service.succeed(&both).await["scorecardTemplate"].clone();
    assert!(second["name"].as_str().unwrap().ends_with("@2"));
    for unset in ["type", "qaScoreConfig"] {
        assert_eq!((&second[unset], &read("@1").await[unset]), (&Value::Null, &Value::Null), "{unset}");
    }
    assert_eq!((&read("@1").await["title"], &second["title"]), (&json!("Quality"), &json!("Second")));
    // A mask of everything clears what is absent; what the service sets is dropped.
    let mut whole = second.clone();
    for absent in ["audience", "qaTaskConfig", "permissions"] {
        whole.as_object_mut().unwrap().remove(absent);
    }
    merge(
        &mut whole,
        json!({
        "status": "SCORECARD_TEMPLATE_STATUS_DELETED",
        "lastUpdatedBy": {"name": user_name("ana")},
        }),
    );
    let body = json!({"scorecardTemplate": whole}).to_string();
    let cleared = Event::new("PATCH", "scorecardTemplates/quality?updateMask=*").with_text(&body);
    let cleared = service.succeed(&cleared).await["scorecardTemplate"].clone();
    for unset in ["audience", "qaTaskConfig", "permissions"] {
        assert_eq!(cleared[unset], Value::Null, "{unset}");
    }
    assert_eq!(cleared["status"], "SCORECARD_TEMPLATE_STATUS_ACTIVE");
    assert!(cleared["name"].as_str().unwrap().ends_with("@2"), "no further revision");
}

#[tokio::test]
async fn the_status_follows_the_times() {
    let service = TestService::seeded().await;
    let status = async || {
        let read = service.succeed(&Event::get("scorecardTemplates/quality@1")).await;
        read["scorecardTemplate"]["status"].as_str().unwrap().rsplit('_').next().unwrap().to_owned()
    };
    service.succeed(&change("quality", json!({"deactivateTime": "2026-06-01T12:30:00Z"}))).await;
    assert_eq!(status().await, "ACTIVE");
    service.advance(chrono::TimeDelta::minutes(30));
    assert_eq!(status().await, "DEACTIVATED");
    service.succeed(&Event::new("DELETE", "scorecardTemplates/quality")).await;
    assert_eq!(status().await, "DELETED");
}

#[tokio::test]
async fn of_two_changes_of_settings_at_once_none_is_lost() {
    let service = TestService::seeded().await;
    let updates = [
        change("quality", json!({"type": "SCORECARD_TEMPLATE_TYPE_PROCESS"})),
        change("quality", json!({"permissions": {"a": 1}})),
        change("quality", json!({"title": "Second"})),
    ];
    let answers = futures_util::future::join_all(updates.iter().map(|update| service.send(update))).await;
    let read = service.succeed(&Event::get("scorecardTemplates/quality")).await["scorecardTemplate"].clone();
    for (answer, shows) in answers.iter().zip([
        read["type"] == "SCORECARD_TEMPLATE_TYPE_PROCESS",
        read["permissions"] == json!({"a": 1}),
        read["title"] == "Second",
    ]) {
        assert_eq!(shows, answer.status == 200, "{}", answer.body);
        assert!([200, 409].contains(&answer.status), "{}", answer.body);
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
}
