//! `upsert-scorecards`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, plan_name, replay, usecase_name, user, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "all-taken", status: 200, refused: &[] },
    Case { name: "each-by-itself", status: 200, refused: &[] },
    Case { name: "nothing", status: 400, refused: &["scorecards"] },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-scorecards", &CASES, Target::Handler(&upsert_scorecards::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-scorecards", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-scorecards"))).await;
}

fn scorecard(id: &str, template: &str, usecase: &str) -> Value {
    json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support(&format!("scorecardTemplates/{template}")),
        "usecaseName": usecase_name(usecase),
    })
}

#[tokio::test]
async fn an_entry_that_names_what_does_not_exist_is_refused_by_itself() {
    let service = TestService::seeded().await;
    let entries = [
        scorecard("one", "quality", "care"),
        scorecard("two", "quality", "nothing"),
        scorecard("three", "nothing", "nothing"),
    ];
    let event = Event::post("scorecards:batchUpsert", json!({"scorecards": entries})).by("service", "sync@acme");
    let answered = service.succeed(&event).await;
    let message = |place: usize| answered["results"][place]["status"]["message"].as_str().unwrap().to_owned();
    assert_eq!(answered["results"][0]["scorecard"]["name"], below_support("scorecards/one"));
    assert_eq!(message(1), format!("scorecards[1].usecaseName: '{}' does not exist", usecase_name("nothing")));
    assert!(message(2).contains("scorecards[2].usecaseName: ") && message(2).contains("scorecards[2].templateName: "));
    for refused in ["two", "three"] {
        service.refused(&Event::get(&format!("scorecards/{refused}")), 404).await;
    }
}

/// Loads `scorecard` and returns its result.
async fn load(service: &TestService, scorecard: &Value) -> Value {
    let event = Event::post("scorecards:batchUpsert", json!({"scorecards": [scorecard]})).by("service", "sync@acme");
    service.succeed(&event).await["results"][0].clone()
}

#[tokio::test]
async fn who_and_what_an_entry_names_must_be_there_and_belong_to_its_agent() {
    let service = TestService::seeded().await;
    for (more, refused) in [
        (json!({"agentUserName": user_name("nobody")}), "scorecards[0].agentUserName: "),
        (json!({"creator": {"name": user_name("nobody")}}), "scorecards[0].creator.name: "),
        (
            json!({"submitTime": "2026-05-20T10:00:00Z", "submittedBy": {"name": user_name("nobody")}}),
            "scorecards[0].submittedBy.name: ",
        ),
        (json!({"coachingPlanNames": [plan_name("nothing")]}), "scorecards[0].coachingPlanNames: "),
        (
            json!({"coachingPlanNames": [plan_name("ana-plan"), plan_name("ben-plan")]}),
            "scorecards[0].coachingPlanNames: ",
        ),
    ] {
        let mut entry = scorecard("new", "quality", "care");
        merge(&mut entry, more);
        let result = load(&service, &entry).await;
        assert!(result["status"]["message"].as_str().unwrap().starts_with(refused), "{result}");
        service.refused(&Event::get("scorecards/new"), 404).await;
    }
    // An agent of another profile is refused. Any user of this one may have been an agent when they were scored.
    let mut sam = user("sam");
    merge(&mut sam, json!({"profileNames": ["customers/acme/profiles/sales"]}));
    let event = Event::post("", json!({"users": [sam]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&event.by("service", "sync@acme")).await;
    let mut entry = scorecard("new", "quality", "care");
    entry["agentUserName"] = user_name("sam").into();
    let told =
        format!("scorecards[0].agentUserName: '{}' is no one of this profile in the directory", user_name("sam"));
    assert_eq!(load(&service, &entry).await["status"]["message"], told);
    entry["agentUserName"] = user_name("maria").into();
    assert!(load(&service, &entry).await.get("scorecard").is_some());
    // An existing scorecard keeps its agent, whatever becomes of them.
    let mut ana = user("ana");
    merge(&mut ana, json!({"roles": ["manager"]}));
    let event = Event::post("", json!({"users": [ana]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&event.by("service", "sync@acme")).await;
    let mut entry = scorecard("submitted-1", "quality", "care");
    merge(&mut entry, json!({"submitTime": "2026-05-20T10:00:00Z", "creator": {"name": user_name("maria")}}));
    assert!(load(&service, &entry).await.get("scorecard").is_some());
}

#[tokio::test]
async fn a_scorecard_of_a_process_stays_one_and_one_of_a_conversation_too() {
    let service = TestService::seeded().await;
    let refused = async |entry: &Value, field: &str| {
        let items = service.items().await;
        let result = load(&service, entry).await;
        assert_eq!(result["status"]["message"], format!("scorecards[0].{field}: cannot change"));
        assert_eq!(service.items().await, items);
    };
    let conversation = scorecard("conversation", "quality", "care");
    let mut process = scorecard("process", "quality", "care");
    merge(&mut process, json!({"processId": "order-7", "processInteractionTime": "2026-05-20T08:00:00Z"}));
    process["scorecardType"] = "SCORECARD_TYPE_PROCESS".into();
    let with = |entry: &Value, more: Value| {
        let mut entry = entry.clone();
        merge(&mut entry, more);
        entry
    };
    for entry in [&conversation, &process] {
        assert!(load(&service, entry).await.get("scorecard").is_some());
    }
    refused(&with(&process, json!({"name": conversation["name"]})), "scorecardType").await;
    refused(&with(&conversation, json!({"name": process["name"]})), "scorecardType").await;
    let elsewhere = json!({"conversationName": below_support("conversations/another")});
    assert!(load(&service, &with(&process, elsewhere)).await.get("scorecard").is_some());
}

#[tokio::test]
async fn a_number_that_is_not_kept_is_refused_by_itself() {
    let service = TestService::seeded().await;
    let entry = |id: &str, value: f64| {
        let mut entry = scorecard(id, "quality", "care");
        let scores = json!([{"criterionId": "greeting", "numericValue": value}]);
        merge(&mut entry, json!({"scores": scores, "submitTime": "2026-05-20T10:00:00Z"}));
        entry
    };
    for (values, refused) in [([3.0, 2.0], false), ([1e-131, 1.0], true), ([1e-130, 3.0], false)] {
        let entries = json!({"scorecards": [entry("a", values[0]), entry("b", values[1])]});
        let results = service.succeed(&Event::post("scorecards:batchUpsert", entries).by("service", "sync@acme")).await;
        let [first, second] = [0, 1].map(|place| results["results"][place].clone());
        assert!(second.get("scorecard").is_some(), "{second}");
        let told = "scorecards[0].scores[0].numericValue: must be 0 or at least 1e-130";
        assert_eq!(first["status"]["message"] == told, refused, "{first}");
    }
    service.succeed(&Event::new("DELETE", "scorecards/a").by("service", "sync@acme")).await;
}

#[tokio::test]
async fn an_acknowledgement_outlives_a_load_that_changes_nothing_of_what_was_acknowledged() {
    let scores = |greeting: u8| json!([{"criterionId": "privacy", "numericValue": 1}, {"criterionId": "greeting", "numericValue": greeting}]);
    let entry = |more: Value| {
        let mut entry = scorecard("submitted-1", "quality", "care");
        let as_it_is =
            json!({"scores": scores(3), "createTime": "2026-05-20T09:00:00Z", "submitTime": "2026-05-20T10:00:00Z"});
        merge(&mut entry, as_it_is);
        merge(&mut entry, more);
        entry
    };
    let of_its_own = json!({"acknowledgeTime": "2026-05-21T10:00:00Z", "acknowledgeComment": "By telephone."});
    for (more, time, comment, changed) in [
        (json!({}), true, Some("Fair."), false),
        (json!({"coachingPlanNames": [plan_name("ana-plan")]}), true, Some("Fair."), true),
        (json!({"scores": scores(4)}), false, Some("Fair."), true),
        (json!({"comment": "Look at the end."}), false, Some("Fair."), true),
        (of_its_own.clone(), true, Some("By telephone."), true),
        (json!({"submitTime": null}), false, None, true),
    ] {
        let service = TestService::seeded().await;
        let said = json!({"acknowledgeComment": "Fair."});
        service.succeed(&Event::post("scorecards/submitted-1:acknowledge", said).by("agent", "ana")).await;
        let before = service.items().await;
        let result = load(&service, &entry(more.clone())).await;
        let scorecard = &result["scorecard"];
        assert_eq!(scorecard.get("acknowledgeTime").is_some(), time, "{more}: {result}");
        assert_eq!(scorecard["acknowledgeComment"].as_str(), comment, "{more}");
        assert_eq!(service.succeed(&Event::get("scorecards/submitted-1")).await["scorecard"], *scorecard, "{more}");
        let items = service.items().await;
        assert_eq!(items != before, changed, "{more}");
        assert_eq!(load(&service, &entry(more.clone())).await, result, "{more}");
        assert_eq!(service.items().await, items, "repeated, it changes nothing: {more}");
        let changes = Event::get("changes").with("name", &below_support("scorecards/submitted-1"));
        let changes = service.succeed(&changes).await["changes"].as_array().unwrap().clone();
        assert_eq!(changes.len(), 1 + usize::from(changed), "{more}");
        if !time {
            assert!(changes[0]["before"]["acknowledgeTime"].is_string(), "{}", changes[0]);
        }
    }
}

#[tokio::test]
async fn a_load_that_replaces_submitted_scorecards_writes_their_histories_with_them() {
    let service = TestService::seeded().await;
    let entries = |greeting: u8| -> Vec<Value> {
        let entry = |number: usize| {
            let mut entry = scorecard(&format!("many-{number}"), "quality", "care");
            let scores = json!([{"criterionId": "greeting", "numericValue": greeting}]);
            merge(&mut entry, json!({"scores": scores, "submitTime": "2026-05-20T10:00:00Z"}));
            entry
        };
        (0..150).map(entry).collect()
    };
    for greeting in [3, 4] {
        let event = Event::post("scorecards:batchUpsert", json!({"scorecards": entries(greeting)}));
        let answered = service.succeed(&event.by("service", "sync@acme")).await;
        let results = answered["results"].as_array().unwrap();
        assert!(results.iter().all(|result| result.get("scorecard").is_some()), "{answered}");
    }
    let items = service.items().await;
    let changes = items.keys().filter(|key| key.contains("#scorecard#many-") && key.contains(" / change#")).count();
    assert_eq!(changes, 150, "one for each that was replaced, none for a creation");
}
