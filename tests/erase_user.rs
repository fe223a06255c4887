//! `erase-user`, and the worker's turns of it, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_edge::App;
use coaching_tests::{
    Case, Event, Fault, Target, TestService, below_support, event_file, merge, perform, plan_name, replay,
    session_name, usecase_name, user, user_name,
};
use futures_util::future::join_all;
use futures_util::stream::{StreamExt, iter};
use serde_json::{Value, json};

const CASES: [Case; 11] = [
    Case { name: "started", status: 200, refused: &[] },
    Case { name: "unknown", status: 404, refused: &[] },
    Case { name: "themself", status: 400, refused: &[] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "bad-body", status: 400, refused: &["body"] },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "by-the-service", status: 403, refused: &[] },
    Case { name: "of-one-profile", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("erase-user", &CASES, Target::Handler(&erase_user::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("erase-user", &CASES, Target::Binary(env!("CARGO_BIN_EXE_erase-user"))).await;
}

/// What every text by or about the person has in it, and no other.
const MARK: &str = "about-them";
const OTHERS: &str = "about-others";

fn erase(user: &str) -> Event {
    Event::post("", json!({})).to(&format!("/v1/customers/acme/users/{user}:erase")).by("admin", "ada")
}

fn sync(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

fn of_customer(path: &str, body: Value) -> Event {
    Event::post("", body).to(&format!("/v1/customers/acme/{path}")).by("service", "sync@acme")
}

fn patch(path: &str, body: Value) -> Event {
    Event::new("PATCH", path).with_text(&body.to_string())
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// `app`, where no request is under way that the job would have to wait for.
fn at_once(app: &App) -> App {
    App { answer_within: Duration::ZERO, ..app.clone() }
}

async fn start(service: &TestService, user: &str) -> String {
    let job = service.succeed(&erase(user)).await["job"].as_str().unwrap().to_owned();
    job.strip_prefix("customers/acme/profiles/-/jobs/").unwrap().to_owned()
}

fn of_job(id: &str, verb: &str) -> Event {
    let path = format!("/v1/customers/acme/profiles/-/jobs/{id}{verb}");
    let event = if verb.is_empty() { Event::get("") } else { Event::post("", json!({})) };
    event.to(&path).by("admin", "ada")
}

async fn job(service: &TestService, id: &str) -> Value {
    service.succeed(&of_job(id, "")).await["job"].clone()
}

/// Does the job `id` until `until`, at least one turn of it.
async fn run(app: &App, id: &str, until: Instant) -> Result<Value, coaching_domain::Error> {
    let event = json!({"customer": "acme", "profile": "-", "job": id});
    perform(&run_job::TASK, &at_once(app), event, until).await
}

/// Erases `user`; returns the job.
async fn erased(service: &TestService, user: &str) -> Value {
    let id = start(service, user).await;
    run(&service.app, &id, later()).await.unwrap();
    let done = job(service, &id).await;
    assert_eq!((&done["state"], &done["warnings"]), (&json!("SUCCEEDED"), &json!([])), "{done}");
    done
}

fn texts(value: &AttributeValue, found: &mut Vec<String>) {
    match value {
        AttributeValue::S(text) => found.push(text.clone()),
        AttributeValue::L(values) => values.iter().for_each(|value| texts(value, found)),
        AttributeValue::M(fields) => fields.iter().for_each(|(field, value)| {
            found.push(field.clone());
            texts(value, found);
        }),
        _ => {}
    }
}

/// Every place of the table that names `user` or has the mark, by the key of its item.
async fn left_of(service: &TestService, user: &str) -> Vec<String> {
    let mut left = Vec::new();
    for (key, item) in service.items().await {
        let mut found = Vec::new();
        for (attribute, value) in &item {
            found.push(attribute.clone());
            texts(value, &mut found);
        }
        let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || "._~@|+=-".contains(letter);
        let words = found.iter().flat_map(|text| text.split(|letter| !is_of_id(letter)));
        if words.clone().any(|word| word == user) || found.iter().any(|text| text.contains(MARK)) {
            left.push(key);
        }
    }
    left
}

/// `text` as it stands for the person in what is compared before and after.
fn as_person(value: &Value, user: &str, pseudonym: &str) -> Value {
    let mut text = value.to_string().replace(pseudonym, "PERSON").replace(&user_name(user), "PERSON");
    for name in [format!("Agent {user}"), "Erased person".to_owned()] {
        text = text.replace(&format!("\"{name}\""), "\"NAME\"");
    }
    serde_json::from_str(&text).unwrap()
}

/// The rows of `answer` in an order that does not hang on names.
fn rows(answer: &Value, field: &str, user: &str, pseudonym: &str) -> Vec<String> {
    let rows = answer[field].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    let mut rows: Vec<String> = rows.map(|row| as_person(row, user, pseudonym).to_string()).collect();
    rows.sort();
    rows
}

/// What is measured of everyone in windows that are over.
async fn figures(service: &TestService, user: &str, pseudonym: &str) -> Vec<Vec<String>> {
    let mut figures = Vec::new();
    for (start, end) in [("2026-05-01", "2026-06-01"), ("2026-04-01", "2026-05-01")] {
        let scope = json!({
            "usecaseNames": [usecase_name("care")],
            "startTime": format!("{start}T00:00:00Z"),
            "endTime": format!("{end}T00:00:00Z"),
        });
        for (path, field) in [
            ("coachingProgresses:retrieve", "agentCoachingProgresses"),
            ("coachingOverviews:retrieve", "agentCoachingOverviews"),
        ] {
            let answer = service.succeed(&Event::post(path, scope.clone())).await;
            figures.push(rows(&answer, field, user, pseudonym));
        }
        let mut series = scope;
        merge(
            &mut series,
            json!({"includeEveryone": true, "granularity": "GRANULARITY_WEEK", "criteria": [
                {"scorecardTemplateName": below_support("scorecardTemplates/quality")},
            ]}),
        );
        let answer = service.succeed(&Event::post("scoreSeries:retrieve", series)).await;
        figures.push(vec![as_person(&answer, user, pseudonym).to_string()]);
    }
    figures
}

async fn assert_nothing_is_to_be_recounted(service: &TestService) {
    service.advance(TimeDelta::minutes(2));
    let event = event_file("rebuild-statistics", "profile");
    let rebuilt = perform(&rebuild_statistics::TASK, &service.app, event, later()).await.unwrap();
    for count in ["differenceCount", "activityDifferenceCount", "recordDifferenceCount", "reorderedUserCount"] {
        assert_eq!(rebuilt[count], 0, "{count}: {rebuilt}");
    }
    assert_eq!((&rebuilt["done"], &rebuilt["agentCountDifferences"]), (&json!(true), &json!([])), "{rebuilt}");
}

/// A scorecard of `agent` with a text among its scores, as `creator` made it.
fn scorecard(id: &str, agent: &str, creator: &str, more: Value) -> Value {
    let mut scorecard = json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support("scorecardTemplates/quality"),
        "creator": {"name": user_name(creator)},
        "submittedBy": {"name": user_name(creator)},
        "scores": [{"criterionId": "greeting", "numericValue": 4}, {"criterionId": "privacy", "textValue": MARK}],
        "comment": MARK,
        "createTime": "2026-05-10T09:00:00Z",
        "submitTime": "2026-05-10T10:00:00Z",
    });
    merge(&mut scorecard, more);
    scorecard
}

fn session(id: &str, agent: &str, creator: &str, more: Value) -> Value {
    let mut session = json!({
        "name": session_name(id),
        "agentUserName": user_name(agent),
        "creatorUserName": user_name(creator),
        "coachingPlanName": plan_name(&format!("{agent}-plan")),
        "sessionTime": "2026-05-12T10:00:00Z",
        "meetingNotes": MARK,
        "privateNotes": MARK,
        "createTime": "2026-05-10T09:00:00Z",
    });
    merge(&mut session, more);
    session
}

fn comment(id: &str, creator: &str, plan: &str, text: &str, more: Value) -> Value {
    let mut comment = json!({
        "name": below_support(&format!("coachingComments/{id}")),
        "creatorUserName": user_name(creator),
        "coachingPlanName": plan_name(plan),
        "message": text,
    });
    merge(&mut comment, more);
    comment
}

/// All that the table can have of an agent, `ana`, beside what is seeded; and texts of others, which stay.
async fn world_of_agent() -> TestService {
    let service = TestService::seeded().await;
    service.managers(&["maria"]).await;
    service.advance(TimeDelta::days(10));
    // Texts of every kind, each changed once, so that histories have them too.
    let plan = json!({"coachingPlan": {"comment": MARK, "displayName": MARK, "focusBehaviors": [MARK]}});
    service.succeed(&patch("coachingPlans/ana-plan", plan)).await;
    service.succeed(&patch("coachingPlans/ana-plan", json!({"coachingPlan": {"comment": format!("{MARK}2")}}))).await;
    let target = json!({
        "name": below_support("targets/of-ana"),
        "coachingPlanName": plan_name("ana-plan"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "target": 70,
        "usecaseName": usecase_name("care"),
    });
    service.succeed(&Event::post("targets", target)).await;
    service.plan_with("old-plan", "ana", json!({"comment": MARK, "createTime": "2026-03-01T00:00:00Z"})).await;
    service.succeed(&patch("coachingPlans/old-plan", json!({"coachingPlan": {"isActive": false}}))).await;
    for (id, more) in [
        ("met", json!({})),
        ("deleted", json!({})),
        ("acknowledged", json!({"managerSubmitTime": "2026-05-12T11:00:00Z", "usecaseName": usecase_name("care")})),
    ] {
        service.succeed(&sync("coachingSessions", session(id, "ana", "maria", more))).await;
    }
    // More than statistics hold by themselves.
    for number in 0..12 {
        let more = json!({"usecaseName": usecase_name("care"), "privateNotes": null});
        service.succeed(&sync("coachingSessions", session(&format!("held-more-{number}"), "ana", "maria", more))).await;
    }
    let acknowledge = json!({"agentComment": MARK, "acknowledged": true});
    service.succeed(&Event::post("coachingSessions/acknowledged:acknowledge", acknowledge).by("agent", "ana")).await;
    let notes = json!({"coachingSession": {"meetingNotes": format!("{MARK}2"), "privateNotes": format!("{MARK}3")}});
    service.succeed(&patch("coachingSessions/met", notes)).await;
    service.succeed(&Event::new("DELETE", "coachingSessions/deleted")).await;
    let linked = json!({"coachingPlanNames": [plan_name("ana-plan")], "manuallyScored": true});
    for (id, agent, more) in [
        ("of-ana", "ana", linked),
        ("gone", "ana", json!({})),
        ("draft-2", "ana", json!({"submitTime": null, "submittedBy": null})),
    ] {
        service.succeed(&sync("scorecards", scorecard(id, agent, "maria", more))).await;
    }
    let acknowledge = json!({"acknowledgeComment": MARK});
    service.succeed(&Event::post("scorecards/of-ana:acknowledge", acknowledge).by("agent", "ana")).await;
    service.succeed(&patch("scorecards/of-ana", json!({"scorecard": {"comment": format!("{MARK}2")}}))).await;
    service.succeed(&Event::new("DELETE", "scorecards/gone").by("service", "sync@acme")).await;
    let answer = comment("answer", "ana", "ana-plan", MARK, json!({"thread": "first"}));
    let answer = Event::post("coachingComments", answer).by("service", "sync@acme");
    service.succeed(&answer).await;
    let own = json!({"creatorUserName": user_name("ana"), "coachingPlanName": plan_name("ana-plan"), "message": MARK});
    let own = Event::post("coachingComments", own).by("agent", "ana");
    service.succeed(&own.with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11")).await;
    let tagged = comment("tagged", "maria", "ben-plan", MARK, json!({"taggedUsers": [user_name("ana")]}));
    service.succeed(&Event::post("coachingComments", tagged)).await;
    let update = json!({"coachingComment": {"message": format!("{MARK}2")}});
    service.succeed(&patch("coachingComments/answer", update).by("service", "sync@acme")).await;
    // Of others.
    let of_others = json!({"meetingNotes": OTHERS, "privateNotes": OTHERS});
    service.succeed(&sync("coachingSessions", session("of-ben", "ben", "maria", of_others))).await;
    let others = comment("of-ben", "maria", "ben-plan", OTHERS, json!({}));
    service.succeed(&Event::post("coachingComments", others)).await;
    // Who names her: a template, groups, a kept order, jobs.
    let template = json!({"scorecardTemplate": {
        "audience": {"userNames": [user_name("ana"), user_name("ben")]},
        "permissions": {"owner": user_name("ana")},
    }});
    service.succeed(&patch("scorecardTemplates/quality", template)).await;
    let led = json!({
        "name": "customers/acme/groups/led",
        "displayName": "Led by two",
        "memberUserNames": [user_name("ben")],
        "managerUserNames": [user_name("ana"), user_name("maria")],
    });
    service.succeed(&of_customer("groups:batchUpsert", json!({"groups": [led]}))).await;
    let ordered = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
        "orderBy": "ORDER_BY_GAP",
        "pageSize": 1,
    });
    service.succeed(&Event::post("coachingProgresses:retrieve", ordered)).await;
    // A rebuild that was cut short after her.
    let rebuild = event_file("rebuild-statistics", "profile");
    perform(&rebuild_statistics::TASK, &service.app, rebuild, Instant::now()).await.unwrap();
    service
}

/// A job that has exported scorecards, among them hers, and one that is asked about her and not begun; their ids.
async fn exports(service: &TestService) -> [String; 2] {
    let start = async |more: Value| {
        let mut export = json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T00:00:00Z", "asJob": true});
        merge(&mut export, more);
        let answer = service.succeed(&Event::post("scorecards:export", export)).await;
        answer["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    };
    let done = start(json!({})).await;
    let event = json!({"customer": "acme", "profile": "support", "job": done});
    perform(&run_job::TASK, &service.app, event, later()).await.unwrap();
    assert_eq!(service.files.all_in_memory().len(), 1);
    [done, start(json!({"agentUserNames": [user_name("ana")]})).await]
}

#[tokio::test]
async fn nothing_of_an_agent_is_left_and_every_figure_stays() {
    let service = world_of_agent().await;
    let [done, unfinished] = exports(&service).await;
    let left = left_of(&service, "ana").await;
    for kind in [
        "#plan#",
        "#session#",
        "#comment#",
        "#scorecard#",
        "#template#",
        "#target#",
        "#agent#",
        "#statistics#",
        "#activity#",
        "#order#",
        "#rebuild",
        "#request#",
        "##user#",
        "##group#",
        "##group-names",
        "##groups-of#",
        "##user-names",
        "#job#",
    ] {
        assert!(left.iter().any(|key| key.contains(kind)), "{kind} does not name her: {left:#?}");
    }
    assert!(left.iter().any(|key| key.contains("past#")), "{left:#?}");
    let before = figures(&service, "ana", "nobody").await;
    assert!(before[0].iter().any(|row| row.contains("PERSON")), "{before:#?}");

    let erased = erased(&service, "ana").await;
    let left = left_of(&service, "ana").await;
    assert!(left.is_empty(), "{left:#?}");
    let pseudonym = erased["report"]["pseudonymUserName"].as_str().unwrap();
    assert_eq!(figures(&service, "ana", pseudonym).await, before);
    assert_nothing_is_to_be_recounted(&service).await;

    for (count, number) in [
        ("sessionCount", 17),
        ("coachingPlanCount", 2),
        ("commentCount", 4),
        ("scorecardCount", 4),
        ("targetCount", 1),
        ("templateCount", 1),
        ("groupCount", 1),
        ("jobCount", 1),
        ("removedFileCount", 1),
        ("removedRequestCount", 1),
    ] {
        assert_eq!(erased["report"][count], number, "{count}: {}", erased["report"]);
    }
    assert!(erased["report"]["changeCount"].as_u64().unwrap() > 10, "{erased}");

    // What is of others stays.
    let of_ben = service.succeed(&Event::get("coachingSessions/of-ben")).await["coachingSession"].clone();
    assert_eq!((&of_ben["meetingNotes"], &of_ben["privateNotes"]), (&json!(OTHERS), &json!(OTHERS)));
    let comment = service.succeed(&Event::get("coachingComments/of-ben")).await["coachingComment"].clone();
    assert_eq!(comment["message"], OTHERS);
    // What is of her reads as erased, in the state that it had.
    let met = service.succeed(&Event::get("coachingSessions/acknowledged")).await["coachingSession"].clone();
    assert_eq!((&met["state"], &met["agentUserName"]), (&json!("ACKNOWLEDGED"), &json!(pseudonym)));
    for text in ["meetingNotes", "privateNotes", "agentComment"] {
        assert_eq!(met[text], "[erased]");
    }
    let scorecard = service.succeed(&Event::get("scorecards/of-ana")).await["scorecard"].clone();
    assert_eq!((&scorecard["comment"], &scorecard["acknowledgeComment"]), (&json!("[erased]"), &json!("[erased]")));
    let stand_in = pseudonym.rsplit('/').next().unwrap();
    let user = Event::get("").to(&format!("/v1/customers/acme/users/{stand_in}"));
    let user = service.succeed(&user).await["user"].clone();
    assert_eq!((&user["displayName"], &user["isActive"]), (&json!("Erased person"), &json!(false)));
    let team = service.succeed(&Event::get("").to("/v1/customers/acme/groups/team")).await["group"].clone();
    assert!(team["memberUserNames"].as_array().unwrap().contains(&json!(pseudonym)), "{team}");

    // The files of jobs are gone, and an export that was to begin has ended.
    assert!(service.files.all_in_memory().is_empty());
    let export = service.succeed(&Event::get(&format!("jobs/{done}"))).await["job"].clone();
    assert_eq!((&export["resultsExpired"], &export["results"]), (&json!(true), &json!([])));
    let export = service.succeed(&Event::get(&format!("jobs/{unfinished}"))).await["job"].clone();
    assert_eq!((&export["state"], &export["error"]["reason"]), (&json!("FAILED"), &json!("PERSON_ERASED")));

    // The list names nobody, and she is unknown.
    let list = service.erasures.all_in_memory();
    let entries: Vec<String> =
        list.iter().map(|(key, bytes)| format!("{key} {}", String::from_utf8_lossy(bytes))).collect();
    assert!(entries.len() == 1 && !entries[0].contains("ana"), "{entries:?}");
    service.refused(&erase("ana"), 404).await;
    let session = json!({"agentUserName": user_name("ana"), "creatorUserName": user_name("maria"), "coachingPlanName": plan_name("ana-plan")});
    service.refused(&sync("coachingSessions", session), 400).await;
}

#[tokio::test]
async fn nothing_of_a_manager_is_left_and_what_agents_wrote_stays() {
    let service = TestService::seeded().await;
    service.managers(&["maria", "mark"]).await;
    service.advance(TimeDelta::days(10));
    for (id, creator, notes) in [("by-her", "maria", MARK), ("by-mark", "mark", OTHERS)] {
        let more = json!({"meetingNotes": notes, "privateNotes": notes, "managerSubmitTime": "2026-05-12T11:00:00Z"});
        service.succeed(&sync("coachingSessions", session(id, "ana", creator, more))).await;
        let acknowledge = json!({"agentComment": OTHERS, "acknowledged": true});
        let path = format!("coachingSessions/{id}:acknowledge");
        service.succeed(&Event::post(&path, acknowledge).by("agent", "ana")).await;
        // An importer changes her notes: the change names her nowhere.
        let notes = json!({"coachingSession": {"privateNotes": format!("{notes}2")}});
        service.succeed(&patch(&format!("coachingSessions/{id}"), notes).by("service", "sync@acme")).await;
    }
    // She writes private notes of a session that is not hers, which its present state does not tell.
    let notes = json!({"coachingSession": {"privateNotes": MARK}});
    service.succeed(&patch("coachingSessions/by-mark", notes)).await;
    service.succeed(&sync("scorecards", scorecard("by-her", "ana", "maria", json!({})))).await;
    let comment = comment("by-her", "maria", "ben-plan", MARK, json!({}));
    service.succeed(&Event::post("coachingComments", comment)).await;
    let before = figures(&service, "maria", "nobody").await;

    let erased = erased(&service, "maria").await;
    let left = left_of(&service, "maria").await;
    assert!(left.is_empty(), "{left:#?}");
    let pseudonym = erased["report"]["pseudonymUserName"].as_str().unwrap();
    assert_eq!(figures(&service, "maria", pseudonym).await, before);
    assert_nothing_is_to_be_recounted(&service).await;
    for (id, notes, creator) in [("by-her", "[erased]", pseudonym), ("by-mark", OTHERS, "customers/acme/users/mark")] {
        let session = Event::get(&format!("coachingSessions/{id}")).by("admin", "ada");
        let session = service.succeed(&session).await["coachingSession"].clone();
        assert_eq!((&session["creatorUserName"], &session["agentComment"]), (&json!(creator), &json!(OTHERS)));
        assert_eq!(session["privateNotes"], "[erased]", "{id}");
        if id == "by-her" {
            assert_eq!(session["meetingNotes"], notes);
        }
    }
}

/// All items of the table, without those of jobs and what differs from one run to another.
async fn table(service: &TestService) -> BTreeMap<String, HashMap<String, AttributeValue>> {
    let items = service.items().await.into_iter();
    items.filter(|(key, _)| !key.contains("#job#") && !key.contains("unfinished")).collect()
}

/// Little of everything, so that a job takes few calls.
async fn small_world() -> TestService {
    let service = TestService::start().await;
    service.directory(&["ana", "ben"]).await;
    service.plan_with("ana-plan", "ana", json!({"comment": MARK, "usecaseName": usecase_name("care")})).await;
    service.quality().await;
    service.advance(TimeDelta::days(10));
    service.succeed(&sync("coachingSessions", session("met", "ana", "maria", json!({})))).await;
    service
        .succeed(&patch("coachingSessions/met", json!({"coachingSession": {"privateNotes": format!("{MARK}2")}})))
        .await;
    service.succeed(&sync("scorecards", scorecard("of-ana", "ana", "maria", json!({})))).await;
    service.succeed(&Event::post("coachingComments", comment("first", "maria", "ana-plan", MARK, json!({})))).await;
    service
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_leaves_what_another_finishes() {
    let begun = small_world().await;
    let started = start(&begun, "ana").await;
    let items: Vec<_> = begun.items().await.into_values().collect();
    let before = begun.calls();
    run(&begun.app, &started, later()).await.unwrap();
    let right = (table(&begun).await, job(&begun, &started).await["report"].clone());
    assert!(left_of(&begun, "ana").await.is_empty());
    // As many as it takes, and a few in which it is not disturbed.
    let calls = usize::try_from(begun.calls() - before).unwrap() + 2;
    assert!(calls > 40, "{calls}");
    let tries = (0..calls).map(|calls| {
        let (items, started) = (&items, &started);
        async move {
            let service = TestService::start().await;
            service.advance(TimeDelta::days(10));
            service.put(items).await;
            let (app, faulty) = service.behind_faults().await;
            faulty.inject(vec![Fault::Passed; calls]);
            // As many as it may ever repeat.
            faulty.inject(vec![Fault::Unreached; 200]);
            let died = run(&app, started, later()).await;
            let is_over = died.is_ok() && faulty.left() >= 200;
            run(&service.app, started, later()).await.unwrap();
            let found = (table(&service).await, job(&service, started).await["report"].clone());
            (calls, is_over, found)
        }
    });
    // A worker that cannot reach the table waits more than it works.
    let tries = iter(tries).buffer_unordered(24).collect::<Vec<_>>();
    let tries = tries.await;
    assert!(tries.iter().any(|(_, is_over, _)| *is_over), "the job makes more calls than were tried");
    for (calls, _, (table, report)) in tries {
        assert!(table == right.0, "{calls} calls: the table");
        assert_eq!(report, right.1, "{calls} calls");
    }
}

#[tokio::test]
async fn who_is_asked_for_again_gets_the_running_job_and_a_cancelled_one_is_gone_on_with() {
    let service = small_world().await;
    let before = figures(&service, "ana", "nobody").await;
    let first = start(&service, "ana").await;
    assert_eq!(start(&service, "ana").await, first);
    // She is inactive after the first turn, and what is done stays.
    run(&service.app, &first, Instant::now()).await.unwrap();
    run(&service.app, &first, Instant::now()).await.unwrap();
    let half = job(&service, &first).await;
    assert_eq!((&half["state"], &half["kind"]), (&json!("RUNNING"), &json!("ERASE_USER")));
    assert_eq!(service.succeed(&of_job(&first, ":cancel")).await["job"]["state"], "CANCELLING");
    run(&service.app, &first, later()).await.unwrap();
    assert_eq!(job(&service, &first).await["state"], "CANCELLED");
    assert_nothing_is_to_be_recounted(&service).await;
    let user = service.succeed(&Event::get("").to("/v1/customers/acme/users/ana")).await;
    assert_eq!(user["user"]["isActive"], false);

    let done = erased(&service, "ana").await;
    let pseudonym = &done["report"]["pseudonymUserName"];
    assert_eq!(*pseudonym, half["report"]["pseudonymUserName"], "the same pseudonym");
    assert!(left_of(&service, "ana").await.is_empty());
    assert_eq!(figures(&service, "ana", pseudonym.as_str().unwrap()).await, before);
    assert_nothing_is_to_be_recounted(&service).await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_once_the_person_has_left_is_gone_on_with_when_they_are_loaded_again() {
    let service = small_world().await;
    let ana = Event::get("").to("/v1/customers/acme/users/ana");
    let first = start(&service, "ana").await;
    // To the turn that takes her out of the directory.
    while service.send(&ana).await.status == 200 {
        assert_ne!(job(&service, &first).await["state"], "SUCCEEDED");
        run(&service.app, &first, Instant::now()).await.unwrap();
    }
    let half = job(&service, &first).await;
    assert_eq!(half["state"], "RUNNING");
    service.succeed(&of_job(&first, ":cancel")).await;
    run(&service.app, &first, later()).await.unwrap();
    assert_eq!(job(&service, &first).await["state"], "CANCELLED");

    service.refused(&erase("ana"), 404).await;
    let load = Event::post("", json!({"users": [user("ana")]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    let done = erased(&service, "ana").await;
    assert_eq!(done["report"]["pseudonymUserName"], half["report"]["pseudonymUserName"], "the same pseudonym");
    assert!(left_of(&service, "ana").await.is_empty());
    assert_nothing_is_to_be_recounted(&service).await;
}

#[tokio::test]
async fn a_pending_job_is_cancelled_before_it_does_anything() {
    let service = small_world().await;
    let items = table(&service).await;
    let id = start(&service, "ana").await;
    assert_eq!(service.succeed(&of_job(&id, ":cancel")).await["job"]["state"], "CANCELLED");
    assert_eq!(table(&service).await, items);
    assert_ne!(start(&service, "ana").await, id);
    // A caller of one profile does not see it.
    let confined = of_job(&id, "").with_claim("profiles", json!("support"));
    assert_eq!(service.send(&confined).await.status, 403);
}

#[tokio::test]
async fn a_seventh_job_is_refused() {
    let service = TestService::start().await;
    let others = ["ana", "ben", "maria", "mark", "max"];
    for user in others {
        start(&service, user).await;
    }
    let refused = service.refused(&erase("mike"), 429).await;
    assert_eq!(refused.reason(), "JOBS_FULL");
    // Who is being erased already is told all the same.
    start(&service, "ana").await;
}

#[tokio::test]
async fn a_table_that_is_restored_is_erased_again_under_the_same_pseudonym() {
    let service = small_world().await;
    let backup = service.items().await;
    let first = erased(&service, "ana").await;
    let after = table(&service).await;
    for item in service.items().await.into_values() {
        let delete = service.client().delete_item().table_name(service.table());
        delete.key("PK", item["PK"].clone()).key("SK", item["SK"].clone()).send().await.unwrap();
    }
    service.put(&backup.into_values().collect::<Vec<_>>()).await;
    assert!(!left_of(&service, "ana").await.is_empty());

    let again = |since: &str| json!({"customer": "acme", "erasedSince": since});
    let app = at_once(&service.app);
    let none = perform(&run_job::TASK, &app, again("2026-07-01T00:00:00Z"), later()).await.unwrap();
    assert_eq!(none, json!({"erasedCount": 0, "failedJobs": [], "finished": true}), "erased before");
    assert!(!left_of(&service, "ana").await.is_empty());
    let begun = perform(&run_job::TASK, &app, again("2026-06-01T00:00:00Z"), Instant::now()).await.unwrap();
    assert_eq!(begun["finished"], false, "{begun}");
    let done = perform(&run_job::TASK, &app, again("2026-06-01T00:00:00Z"), later()).await.unwrap();
    assert_eq!(done, json!({"erasedCount": 1, "failedJobs": [], "finished": true}));
    assert!(left_of(&service, "ana").await.is_empty());
    assert_eq!(table(&service).await, after, "as it was, under the same pseudonym");
    assert!(service.items().await.keys().any(|key| key.contains(first["report"]["pseudonymUserName"].as_str().unwrap().rsplit('/').next().unwrap())));
    for bad in [
        json!({"customer": "acme", "erasedSince": "yesterday"}),
        json!({"customer": "#", "erasedSince": "2026-06-01T00:00:00Z"}),
    ] {
        assert!(perform(&run_job::TASK, &app, bad, later()).await.is_err());
    }
}

#[tokio::test]
async fn what_others_write_meanwhile_is_erased_or_refused() {
    let service = small_world().await;
    for number in 0..8 {
        let id = format!("more-{number}");
        service.succeed(&sync("scorecards", scorecard(&id, "ana", "maria", json!({})))).await;
        service.succeed(&sync("coachingSessions", session(&id, "ana", "maria", json!({})))).await;
    }
    let id = start(&service, "ana").await;
    let changes: Vec<Event> = (0..8)
        .flat_map(|number| {
            let notes = json!({"coachingSession": {"meetingNotes": format!("{MARK}{number}")}});
            let comment = json!({"scorecard": {"comment": format!("{MARK}{number}")}});
            [
                patch(&format!("coachingSessions/more-{number}"), notes),
                patch(&format!("scorecards/more-{number}"), comment),
                Event::post("coachingComments", comment_on_plan(number)),
                sync("coachingSessions", session(&format!("late-{number}"), "ana", "maria", json!({}))),
            ]
        })
        .collect();
    let changed = join_all(changes.iter().map(|change| service.send(change)));
    let (ran, changed) = tokio::join!(run(&service.app, &id, later()), changed);
    // Another worker goes on, should this one have met the others too often.
    drop(ran);
    run(&service.app, &id, later()).await.unwrap();
    for answered in &changed {
        assert!([200, 400, 409, 503].contains(&answered.status), "{}", answered.body);
    }
    assert_eq!(job(&service, &id).await["state"], "SUCCEEDED");
    let left = left_of(&service, "ana").await;
    assert!(left.is_empty(), "{left:#?}");
    assert_nothing_is_to_be_recounted(&service).await;
}

fn comment_on_plan(number: usize) -> Value {
    comment(&format!("late-{number}"), "maria", "ana-plan", MARK, json!({}))
}
