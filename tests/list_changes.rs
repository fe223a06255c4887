//! `list-changes`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, Target, TestService, below_support, plan_name, replay, session_name, user_name};
use serde_json::{Value, json};

const CASES: [Case; 16] = [
    Case { name: "of-a-session", status: 200, refused: &[] },
    Case { name: "of-a-plan", status: 200, refused: &[] },
    Case { name: "of-a-comment", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "no-name", status: 400, refused: &["name"] },
    Case { name: "of-a-scorecard", status: 200, refused: &[] },
    Case { name: "foreign-name", status: 400, refused: &["name"] },
    Case { name: "by-a-service", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "own-of-an-agent", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "an-agent-after-none", status: 403, refused: &[] },
    Case { name: "an-agent-after-a-draft", status: 403, refused: &[] },
    Case { name: "own-scorecard-of-an-agent", status: 200, refused: &[] },
    Case { name: "of-no-scorecard", status: 404, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-changes", &CASES, Target::Handler(&list_changes::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-changes", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-changes"))).await;
}

// --- contents of a history

#[tokio::test]
async fn a_plans_history_tells_of_links_and_a_comments_of_its_changes() {
    let service = TestService::seeded().await;
    let link = |verb: &str| {
        Event::post(
            &format!("coachingPlans/ana-plan:{verb}"),
            json!({"scorecardName": below_support("scorecards/submitted-1")}),
        )
    };
    for verb in ["addScorecard", "addScorecard", "removeScorecard", "removeScorecard"] {
        service.advance(TimeDelta::seconds(1));
        service.succeed(&link(verb)).await;
        let scorecard = service.succeed(&Event::get("scorecards/submitted-1")).await;
        let linked = if verb == "addScorecard" { json!([plan_name("ana-plan")]) } else { json!([]) };
        assert_eq!(scorecard["scorecard"]["coachingPlanNames"], linked);
    }
    let changes = service.succeed(&Event::get("changes").with("name", &plan_name("ana-plan"))).await;
    let told: Vec<(&Value, &Value, &Value)> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (&change["operation"], &change["before"], &change["after"]))
        .take(2)
        .collect();
    let name = json!({"scorecardName": below_support("scorecards/submitted-1")});
    assert_eq!(told, [(&json!("link-scorecard"), &name, &json!({})), (&json!("link-scorecard"), &json!({}), &name)]);
    assert_eq!(
        changes["changes"].as_array().unwrap().len(),
        3,
        "with its creation; what changes nothing leaves nothing"
    );

    let update = json!({"coachingComment": {"message": "How did it go?"}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingComments/first").with_text(&update)).await;
    let changes = service.succeed(&Event::get("changes").with("name", &below_support("coachingComments/first"))).await;
    let last = &changes["changes"][0];
    assert_eq!(
        (&last["userName"], &last["role"], &last["version"]),
        (&json!(user_name("maria")), &json!("manager"), &json!(2))
    );
    assert_eq!(last["fields"], json!(["message", "updateTime"]));
    assert_eq!(
        (&last["before"]["message"], &last["after"]["message"]),
        (&json!("How is it going?"), &json!("How did it go?"))
    );
}

#[tokio::test]
async fn pages_hold_every_change_once() {
    let service = TestService::seeded().await;
    for number in 0..7 {
        let update = json!({"coachingPlan": {"comment": number.to_string()}}).to_string();
        service.succeed(&Event::new("PATCH", "coachingPlans/ana-plan").with_text(&update)).await;
    }
    let event = Event::get("changes").with("name", &plan_name("ana-plan")).with("pageSize", "3");
    let mut versions = Vec::new();
    let mut page_token = String::new();
    loop {
        let (answered, spent) = service.spending(&event.clone().with("pageToken", &page_token)).await;
        assert_eq!(spent.calls, 1);
        let changes = answered.body["changes"].as_array().unwrap();
        versions.extend(changes.iter().map(|change| change["version"].as_u64().unwrap()));
        match answered.body["nextPageToken"].as_str() {
            Some(token) => page_token = token.to_owned(),
            None => break,
        }
        assert_eq!(changes.len(), 3);
    }
    assert_eq!(versions, (1..=8).rev().collect::<Vec<_>>());
    let other = Event::get("changes").with("name", &plan_name("ben-plan")).with("pageToken", &page_token);
    assert_eq!(service.refused(&other, 400).await.refused_fields(), ["pageToken"]);
}

// --- an agent's view of it

fn of(name: &str) -> Event {
    Event::get("changes").with("name", name)
}

async fn seen(service: &TestService, name: &str) -> Vec<Value> {
    let answered = service.succeed(&of(name).by("agent", "ana")).await;
    answered["changes"].as_array().unwrap().clone()
}

fn patch(path: &str, message: &str, fields: Value) -> Event {
    let mut body = json!({});
    body[message] = fields;
    Event::new("PATCH", path).with_text(&body.to_string())
}

#[tokio::test]
async fn an_agent_sees_the_changes_of_their_sessions_but_what_was_hidden_then() {
    let service = TestService::seeded().await;
    let name = session_name("scheduled-1");
    let session = |fields: Value| patch("coachingSessions/scheduled-1", "coachingSession", fields);
    for fields in [
        json!({"meetingNotes": "A first draft."}),
        json!({"privateNotes": "Thinks of leaving."}),
        json!({"sessionTime": "2026-06-09T10:00:00Z", "privateNotes": "Thinks of staying."}),
        json!({"meetingNotes": "Two calls.", "managerSubmitTime": "2026-06-01T12:00:00Z"}),
        json!({"meetingNotes": "Three calls."}),
        json!({"privateNotes": null}),
    ] {
        service.advance(TimeDelta::seconds(1));
        service.succeed(&session(fields)).await;
    }
    let changes = seen(&service, &name).await;
    let sides: Vec<(&Value, &Value)> = changes.iter().map(|change| (&change["before"], &change["after"])).collect();
    assert_eq!(
        sides[..3],
        [
            (&json!({"meetingNotes": "Two calls."}), &json!({"meetingNotes": "Three calls."})),
            (&json!({}), &json!({"meetingNotes": "Two calls.", "managerSubmitTime": "2026-06-01T12:00:00Z"})),
            (&json!({"sessionTime": "2026-06-08T10:00:00Z"}), &json!({"sessionTime": "2026-06-09T10:00:00Z"})),
        ]
    );
    assert_eq!(sides.len(), 4, "what was hidden whole is left out; the creation is the first: {changes:?}");
    assert_eq!((&changes[3]["operation"], sides[3].0), (&json!("create-session"), &json!({})));
    assert!(changes.iter().all(|change| change.get("version").is_none()), "{changes:?}");
    let told = json!(changes).to_string();
    for hidden in ["rivate", "Thinks", "draft", "updateTime", "UpdateTime", "SubmitterUserName"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
    let all = service.succeed(&of(&name)).await["changes"].as_array().unwrap().clone();
    assert_eq!((all.len(), &all[0]["version"]), (7, &json!(7)), "a manager sees every change");

    // However small the pages, they are filled with visible changes only.
    let mut pages = Vec::new();
    let mut page_token = String::new();
    loop {
        let event = of(&name).with("pageSize", "1").with("pageToken", &page_token).by("agent", "ana");
        let answered = service.succeed(&event).await;
        assert_eq!(answered["changes"].as_array().unwrap().len(), 1);
        pages.push(answered["changes"][0].clone());
        match answered["nextPageToken"].as_str() {
            Some(token) => page_token = token.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, changes);
    let of_a_manager = service.succeed(&of(&name).with("pageSize", "1")).await;
    let foreign = of(&name).with("pageToken", of_a_manager["nextPageToken"].as_str().unwrap()).by("agent", "ana");
    assert_eq!(service.refused(&foreign, 400).await.refused_fields(), ["pageToken"]);
}

#[tokio::test]
async fn an_agent_sees_a_plans_comment_and_the_links_of_scorecards_once_they_were_submitted() {
    let service = TestService::seeded().await;
    let link = |scorecard: &str| {
        let body = json!({"scorecardName": below_support(&format!("scorecards/{scorecard}"))});
        Event::post("coachingPlans/ana-plan:addScorecard", body)
    };
    let plan = |fields: Value| patch("coachingPlans/ana-plan", "coachingPlan", fields);
    for event in [
        plan(json!({"comment": "Not ready."})),
        link("draft-1"),
        plan(json!({"managerCommentSubmitTime": "2026-06-01T12:00:00Z"})),
        plan(json!({"comment": "Well done."})),
        link("submitted-1"),
        link("draft-1"),
        plan(json!({"managerCommentSubmitTime": null, "comment": "On second thoughts."})),
    ] {
        service.advance(TimeDelta::seconds(1));
        service.succeed(&event).await;
    }
    let changes = seen(&service, &plan_name("ana-plan")).await;
    let sides: Vec<(&Value, &Value)> = changes.iter().map(|change| (&change["before"], &change["after"])).collect();
    let submitted = json!({"managerCommentSubmitTime": "2026-06-01T12:00:00Z"});
    assert_eq!(
        sides[..4],
        [
            (&json!({"managerCommentSubmitTime": "2026-06-01T12:00:00Z", "comment": "Well done."}), &json!({})),
            (&json!({}), &json!({"scorecardName": below_support("scorecards/submitted-1")})),
            (&json!({"comment": "Not ready."}), &json!({"comment": "Well done."})),
            (&json!({}), &submitted),
        ]
    );
    assert_eq!(sides.len(), 5, "{changes:?}");
    assert_eq!(changes[4]["operation"], "create-plan");
}

#[tokio::test]
async fn an_agent_sees_comments_on_their_plan_and_what_was_deleted_until_its_name_is_a_colleagues() {
    let service = TestService::seeded().await;
    let comments = seen(&service, &below_support("coachingComments/first")).await;
    assert_eq!(comments[0]["after"]["message"], "How is it going?");

    let name = session_name("held-1");
    service.succeed(&Event::new("DELETE", "coachingSessions/held-1")).await;
    let changes = seen(&service, &name).await;
    assert_eq!((changes.len(), &changes[0]["operation"]), (2, &json!("delete-session")));
    assert_eq!(changes[0]["before"]["sessionTime"], "2026-05-25T10:00:00Z");
    assert!(!json!(changes).to_string().contains("otes"), "it was never submitted: {changes:?}");

    service.advance(TimeDelta::seconds(1));
    let session = json!({
        "name": name,
        "agentUserName": user_name("ben"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ben-plan"),
    });
    service.succeed(&Event::post("coachingSessions", session)).await;
    service.refused(&of(&name).by("agent", "ana"), 403).await;
    let of_ben = service.succeed(&of(&name).by("agent", "ben")).await["changes"].as_array().unwrap().clone();
    assert_eq!(of_ben.len(), 1, "what was ana's is not ben's: {of_ben:?}");
}

#[tokio::test]
async fn what_a_colleagues_history_and_none_are_answered_is_the_same_and_takes_the_same_calls() {
    let service = TestService::seeded().await;
    let names = |id: &str| {
        ["coachingSessions", "coachingPlans", "coachingComments", "scorecards"]
            .map(|collection| below_support(&format!("{collection}/{id}")))
    };
    for (theirs, none) in [
        (session_name("submitted-1"), names("nothing-abc")[0].clone()),
        (plan_name("ana-plan"), names("nothing1")[1].clone()),
        (below_support("coachingComments/first"), names("xyzzy")[2].clone()),
        (below_support("scorecards/submitted-1"), names("nothing-abc")[3].clone()),
        (below_support("scorecards/draft-1"), names("nothing")[3].clone()),
    ] {
        let mut answers = Vec::new();
        for name in [&theirs, &none] {
            let (mut answered, spent) = service.spending(&of(name).by("agent", "ben")).await;
            assert_eq!(answered.status, 403, "{name}: {}", answered.body);
            let body = answered.body.to_string().replace(name.as_str(), "it");
            answered.body = serde_json::from_str(&body).unwrap();
            answers.push((answered.body, spent.calls));
        }
        assert_eq!(answers[0].0["message"], answers[1].0["message"]);
        assert_eq!(answers[0].1, answers[1].1, "{theirs}");
    }
}

#[tokio::test]
async fn changes_of_before_it_was_said_whose_they_are_are_hidden_from_agents() {
    let service = TestService::seeded().await;
    let name = session_name("submitted-1");
    assert_eq!(seen(&service, &name).await.len(), 1);
    let items = service.items().await;
    let key = items.keys().find(|key| key.starts_with("acme#support#session#submitted-1 / change#")).unwrap();
    let mut older = items[key].clone();
    assert!(older.remove("agent").is_some());
    service.client().put_item().table_name(service.table()).set_item(Some(older)).send().await.unwrap();
    service.refused(&of(&name).by("agent", "ana"), 403).await;
    service.advance(TimeDelta::seconds(1));
    let acknowledge = json!({"agentComment": "Agreed.", "acknowledged": true});
    service.succeed(&Event::post("coachingSessions/submitted-1:acknowledge", acknowledge).by("agent", "ana")).await;
    assert_eq!(seen(&service, &name).await.len(), 1, "the acknowledgement alone");
    assert_eq!(service.succeed(&of(&name)).await["changes"].as_array().unwrap().len(), 2);
}

// --- of a scorecard

#[tokio::test]
async fn a_scorecards_history_begins_with_its_submission_and_keeps_what_a_reset_takes() {
    let service = TestService::seeded().await;
    let name = below_support("scorecards/draft-1");
    let score = |value: u8| {
        let scores =
            json!([{"criterionId": "greeting", "numericValue": value}, {"criterionId": "privacy", "numericValue": 1}]);
        patch("scorecards/draft-1", "scorecard", json!({"scores": scores}))
    };
    let step = |verb: &str| Event::post(&format!("scorecards/draft-1:{verb}"), json!({}));
    let acknowledge = Event::post("scorecards/draft-1:acknowledge", json!({"acknowledgeComment": "Fair."}));
    for event in
        [score(2), step("submit"), acknowledge.by("agent", "ana"), score(4), step("reset"), score(5), step("submit")]
    {
        service.advance(TimeDelta::seconds(1));
        service.succeed(&event).await;
    }
    let changes = service.succeed(&of(&name)).await["changes"].as_array().unwrap().clone();
    let told: Vec<(&Value, &Value)> = changes.iter().map(|change| (&change["version"], &change["operation"])).collect();
    let state = json!("change-scorecard-state");
    assert_eq!(
        told,
        [
            (&json!(8), &state),
            (&json!(6), &state),
            (&json!(5), &json!("update-scorecard")),
            (&json!(4), &state),
            (&json!(3), &state),
        ],
        "what changes a draft is not kept"
    );
    let scores = |value: u8| json!([{"criterionId": "greeting", "numericValue": value}]);
    assert_eq!(changes[2]["before"]["scores"], scores(2), "only the scores that changed");
    assert_eq!(changes[2]["after"]["scores"], scores(4));
    assert_eq!(changes[2]["before"]["acknowledgeTime"], changes[3]["after"]["acknowledgeTime"]);
    assert_eq!(changes[2]["after"].get("acknowledgeTime"), None);
    assert!(changes[2]["before"]["totalScore"].as_f64() < changes[2]["after"]["totalScore"].as_f64());
    let taken = &changes[1]["before"];
    assert_eq!(taken["acknowledgeComment"], "Fair.");
    assert_eq!(taken["submittedBy"]["name"], user_name("maria"));
    assert!(taken["submitTime"].is_string() && changes[1]["after"].get("submitTime").is_none());

    let seen_by_ana = seen(&service, &name).await;
    assert_eq!(seen_by_ana.len(), 5);
    for (seen, change) in seen_by_ana.iter().zip(&changes) {
        assert_eq!(seen["changeTime"], change["changeTime"]);
        assert!(!json!([seen["before"], seen["after"]]).to_string().contains("updatedBy"), "{seen}");
    }
    assert_eq!(seen_by_ana[1]["after"], json!({}), "what became a draft is not seen: {}", seen_by_ana[1]);
    service.succeed(&step("reset")).await;
    service.refused(&of(&name).by("agent", "ana"), 403).await;
}

#[tokio::test]
async fn a_change_larger_than_an_item_is_kept_whole() {
    let service = TestService::seeded().await;
    let criteria: Vec<Value> = (0..120)
        .map(|number| json!({"criterionId": format!("{number:03}{}", "i".repeat(100)), "displayName": "x"}))
        .collect();
    let chapters = json!({"chapters": [{"chapterId": "all", "criteria": criteria}]});
    service.template("long", json!({"template": chapters})).await;
    let scorecard = |letter: &str| {
        let scores = criteria
            .iter()
            .map(|criterion| json!({"criterionId": criterion["criterionId"], "textValue": letter.repeat(1000)}));
        json!({
            "name": below_support("scorecards/large"),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ana"),
            "templateName": below_support("scorecardTemplates/long"),
            "scores": scores.collect::<Vec<_>>(),
            "comment": letter.repeat(64 * 1024),
            "createTime": "2026-05-20T09:00:00Z",
            "submitTime": "2026-05-20T10:00:00Z",
            "acknowledgeTime": "2026-05-20T11:00:00Z",
            "acknowledgeComment": letter.repeat(64 * 1024),
        })
    };
    let load = |letter: &str| {
        Event::post("scorecards:batchUpsert", json!({"scorecards": [scorecard(letter)]})).by("service", "sync@acme")
    };
    for letter in ["a", "b", "c"] {
        service.advance(TimeDelta::seconds(1));
        let answered = service.succeed(&load(letter)).await;
        assert!(answered["results"][0].get("scorecard").is_some(), "{}", answered["results"][0]["status"]);
    }
    let parts = service.items().await;
    let parts = parts.keys().filter(|key| key.contains("#scorecard#large / change#")).count();
    assert!(parts > 2, "{parts} items of two changes");
    let name = below_support("scorecards/large");
    let mut page_token = String::new();
    for (before, after) in [("b", "c"), ("a", "b")] {
        let event = of(&name).with("pageSize", "1").with("pageToken", &page_token);
        let answered = service.succeed(&event.by("agent", "ana")).await;
        let answered_manager = service.succeed(&of(&name)).await;
        let change = &answered["changes"][0];
        assert_eq!(answered["changes"].as_array().unwrap().len(), 1);
        assert_eq!(answered_manager["changes"].as_array().unwrap().len(), 2);
        for (side, letter) in [("before", before), ("after", after)] {
            assert_eq!(change[side]["comment"], scorecard(letter)["comment"]);
            assert_eq!(change[side]["scores"], scorecard(letter)["scores"]);
            assert_eq!(change[side]["acknowledgeComment"], scorecard(letter)["acknowledgeComment"]);
        }
        page_token = answered["nextPageToken"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(page_token, "");
}

#[tokio::test]
async fn a_link_of_a_submitted_scorecard_is_in_its_history_too() {
    let service = TestService::seeded().await;
    let body = json!({"scorecardName": below_support("scorecards/submitted-1")});
    service.succeed(&Event::post("coachingPlans/ana-plan:addScorecard", body)).await;
    let changes = service.succeed(&of(&below_support("scorecards/submitted-1"))).await;
    let change = &changes["changes"][0];
    assert_eq!(
        (&change["operation"], &change["version"], &change["after"]["coachingPlanNames"]),
        (&json!("link-scorecard"), &json!(2), &json!([plan_name("ana-plan")]))
    );
    assert_eq!(change["before"]["coachingPlanNames"], json!([]));
}
