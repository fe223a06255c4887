//! `start-backfill`, and the worker's turns of it, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_domain::statistics::Statistics;
use coaching_domain::{Id, Tenant};
use coaching_edge::App;
use coaching_tests::{
    Case, Event, Fault, Target, TestService, below_support, event_file, filled, merge, perform, plan_name, replay,
    rows_by_column, usecase_name, user_name,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CASES: [Case; 9] = [
    Case { name: "started", status: 200, refused: &[] },
    Case { name: "every-field", status: 200, refused: &[] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "config.scorecardTemplates[0]",
            "config.onMaximumChange",
            "config.agentUserNames[0]",
            "config.usecaseNames",
            "config.endTime",
            "fingerprint",
        ],
    },
    Case {
        name: "without-fields",
        status: 400,
        refused: &["config.scorecardTemplates", "config.startTime", "config.endTime"],
    },
    Case {
        name: "unknown-names",
        status: 400,
        refused: &[
            "config.usecaseNames",
            "config.agentUserNames",
            "config.scorecardTemplates[0]",
            "config.scorecardTemplates[1]",
        ],
    },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("start-backfill", &CASES, Target::Handler(&start_backfill::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("start-backfill", &CASES, Target::Binary(env!("CARGO_BIN_EXE_start-backfill"))).await;
}

fn config(more: Value) -> Value {
    let mut config = json!({
        "scorecardTemplates": [below_support("scorecardTemplates/quality")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    merge(&mut config, more);
    config
}

fn backfill(more: Value) -> Event {
    let body = json!({"config": config(more)});
    Event::post("scorecardTemplates:backfill", body).by("service", "sync@acme")
}

fn with_fingerprint(fingerprint: &str) -> Event {
    let body = json!({"config": config(json!({})), "fingerprint": fingerprint});
    Event::post("scorecardTemplates:backfill", body).by("service", "sync@acme")
}

async fn report(service: &TestService, more: Value) -> Value {
    let body = json!({"config": config(more)});
    service.succeed(&Event::post("scorecardTemplates:validateBackfill", body)).await["report"].clone()
}

/// The id of the job that `event` starts.
async fn start(service: &TestService, event: &Event) -> String {
    service.succeed(event).await["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn job(service: &TestService, id: &str) -> Value {
    service.succeed(&Event::get(&format!("jobs/{id}"))).await["job"].clone()
}

/// Does the job `id` until `until`, at least one page of it.
async fn run(app: &App, id: &str, until: Instant) -> Result<Value, coaching_domain::Error> {
    let event = json!({"customer": "acme", "profile": "support", "job": id});
    perform(&run_job::TASK, app, event, until).await
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// Starts what `event` asks for, and does it; returns the job.
async fn done(service: &TestService, event: &Event) -> Value {
    let id = start(service, event).await;
    run(&service.app, &id, later()).await.unwrap();
    job(service, &id).await
}

/// A new revision of `quality`, of criteria with these weights and maxima.
async fn revise(service: &TestService, criteria: &[(&str, f64, f64)]) {
    let criteria: Vec<Value> = criteria
        .iter()
        .map(|(id, weight, maximum)| json!({"criterionId": id, "displayName": id, "weight": weight, "maximumValue": maximum}))
        .collect();
    let chapters = json!([{"chapterId": "opening", "displayName": "Opening", "criteria": criteria}]);
    let body = json!({"scorecardTemplate": {"template": {"chapters": chapters}}});
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&body.to_string())).await;
}

/// Its second revision: greeting weighs three times, privacy is dropped, and closing is new.
async fn revise_once(service: &TestService) {
    revise(service, &[("greeting", 3.0, 5.0), ("listening", 1.0, 5.0), ("closing", 1.0, 5.0)]).await;
}

/// A scorecard as it is loaded, made from `revision`; its values follow from its number.
fn scorecard(number: usize, revision: u32) -> Value {
    let value = |factor: usize| ((number * factor) % 11) as f64 / 2.0;
    let mut scores = vec![
        json!({"criterionId": "greeting", "numericValue": value(3)}),
        json!({"criterionId": "listening", "numericValue": value(7)}),
    ];
    if revision == 1 && !number.is_multiple_of(3) {
        scores.push(json!({"criterionId": "privacy", "numericValue": (number % 4).min(1)}));
    }
    let (agent, plans) =
        if number.is_multiple_of(2) { ("ana", vec![plan_name("ana-plan")]) } else { ("ben", Vec::new()) };
    let (month, day) = (4 + number % 2, 1 + number % 28);
    json!({
        "name": below_support(&format!("scorecards/loaded-{number:04}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support(&format!("scorecardTemplates/quality@{revision}")),
        "coachingPlanNames": plans,
        "scores": scores,
        "manuallyScored": number.is_multiple_of(5),
        "createTime": format!("2026-05-{day:02}T08:00:00Z"),
        "submitTime": format!("2026-0{}-{day:02}T10:00:00Z", month + 1),
    })
}

async fn load(service: &TestService, scorecards: Vec<Value>) {
    for scorecards in scorecards.chunks(200) {
        let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards}));
        let results = service.succeed(&load.by("service", "sync@acme")).await;
        let results = results["results"].as_array().unwrap();
        assert!(results.iter().all(|result| result.get("status").is_none()), "{results:?}");
    }
}

/// A service with so many scorecards of the first revision, and a second one.
async fn history(count: usize) -> TestService {
    history_of(TestService::seeded().await, count).await
}

/// `service` with so many scorecards of the first revision, and a second one.
async fn history_of(service: TestService, count: usize) -> TestService {
    // What is submitted in June is not in the future.
    service.advance(TimeDelta::days(60));
    revise_once(&service).await;
    load(&service, (0..count).map(|number| scorecard(number, 1)).collect()).await;
    service
}

async fn scorecards(service: &TestService) -> BTreeMap<String, Value> {
    let all = service.succeed(&Event::get("scorecards?pageSize=1000")).await;
    let all = all["scorecards"].as_array().unwrap().iter();
    all.map(|one| (one["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), one.clone())).collect()
}

async fn figures(service: &TestService) -> [Value; 2] {
    let scope = json!({
        "usecaseNames": [usecase_name("care")],
        "agentUserNames": [user_name("ana"), user_name("ben")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-07-01T00:00:00Z",
    });
    [
        service.succeed(&Event::post("coachingProgresses:retrieve", scope.clone())).await,
        service.succeed(&Event::post("coachingOverviews:retrieve", scope)).await,
    ]
}

async fn assert_statistics_are_those_of_a_recount(service: &TestService) {
    service.advance(TimeDelta::minutes(2));
    let event = event_file("rebuild-statistics", "profile");
    let rebuilt = perform(&rebuild_statistics::TASK, &service.app, event, later()).await.unwrap();
    assert_eq!((&rebuilt["done"], &rebuilt["differenceCount"]), (&json!(true), &json!(0)), "{rebuilt}");
}

/// The table without the job and its number, and without what differs from one run to another: the ids in the keys of
/// history and of the job in scorecards.
async fn table(service: &TestService, job: &str) -> BTreeMap<String, HashMap<String, AttributeValue>> {
    let items =
        service.items().await.into_iter().filter(|(key, _)| !key.contains("#job#") && !key.contains("unfinished"));
    let items = items.map(|(key, mut item)| {
        let key = if key.contains("change#") { key.rsplit_once('#').unwrap().0.to_owned() } else { key };
        item.remove("SK");
        if let Some(AttributeValue::S(text)) = item.get_mut("rescore") {
            *text = text.replace(job, "job");
        }
        (key, item)
    });
    items.collect()
}

/// The rows of the files of a job, in the order of the files.
async fn rows(service: &TestService, id: &str) -> Vec<Value> {
    let all = service.files.all_in_memory();
    let job = job(service, id).await;
    let uris = job["results"].as_array().unwrap().iter().map(|file| file["uri"].as_str().unwrap().to_owned());
    let keys = uris.map(|uri| uri.rsplit_once("/files/").unwrap().1.split('?').next().unwrap().to_owned());
    let texts = keys.map(|key| String::from_utf8(all[&key].to_vec()).unwrap()).collect::<Vec<_>>();
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A report without what only a validation estimates.
fn as_it_came_to_be(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    for estimated in ["estimatedReadUnits", "estimatedWriteUnits", "estimatedSeconds", "fingerprint"] {
        fields.remove(estimated);
    }
    report
}

#[tokio::test]
async fn scorecards_move_and_every_figure_is_that_of_scorecards_made_from_the_new_revision() {
    let service = history(60).await;
    let before = scorecards(&service).await;
    let validated = report(&service, json!({})).await;
    let done = done(&service, &backfill(json!({}))).await;
    assert_eq!(
        (&done["kind"], &done["state"], &done["skippedCount"]),
        (&json!("BACKFILL"), &json!("SUCCEEDED"), &json!(0))
    );
    assert_eq!(done["report"], as_it_came_to_be(validated));
    assert_eq!((&done["report"]["movingCount"], &done["warnings"]), (&json!(61), &json!([])));

    // The same scorecards, loaded with the new revision.
    let fresh = TestService::seeded().await;
    fresh.advance(TimeDelta::days(60));
    revise_once(&fresh).await;
    let mut again: Vec<Value> = (0..60).map(|number| scorecard(number, 2)).collect();
    let mut seeded = before["submitted-1"].clone();
    let fields = seeded.as_object_mut().unwrap();
    fields.retain(|field, _| {
        ["name", "conversationName", "agentUserName", "createTime", "submitTime"].contains(&field.as_str())
    });
    merge(
        &mut seeded,
        json!({
            "templateName": below_support("scorecardTemplates/quality@2"),
            "scores": [{"criterionId": "greeting", "numericValue": 3}],
        }),
    );
    again.push(seeded);
    load(&fresh, again).await;
    assert_eq!(figures(&service).await, figures(&fresh).await);
    let (moved, loaded) = (scorecards(&service).await, scorecards(&fresh).await);
    let now = service.app.now().unwrap().to_string();
    for (id, scorecard) in &moved {
        if id == "draft-1" {
            assert_eq!(scorecard, &before[id]);
            continue;
        }
        for field in ["totalScore", "scores", "templateName", "usecaseName", "agentUserName", "autoFailed"] {
            assert_eq!(scorecard.get(field), loaded[id].get(field), "{id}: {field}");
        }
        for field in ["submitTime", "createTime", "creator", "submittedBy", "manuallyScored", "coachingPlanNames"] {
            assert_eq!(scorecard.get(field), before[id].get(field), "{id}: {field}");
        }
        assert_eq!((&scorecard["rescoreTime"], &scorecard["updateTime"]), (&json!(now), &json!(now)), "{id}");
        assert_eq!(scorecard["updatedBy"]["name"], user_name("sync@acme"));
    }
    assert_statistics_are_those_of_a_recount(&service).await;

    let changes =
        service.succeed(&Event::get(&format!("changes?name={}", below_support("scorecards/loaded-0001")))).await;
    let change = &changes["changes"][0];
    assert_eq!((&change["operation"], &change["role"]), (&json!("start-backfill"), &json!("service")));
    let of = |side: &str, field: &str| change[side][field].clone();
    assert_eq!(of("before", "totalScore").as_f64(), before["loaded-0001"]["totalScore"].as_f64());
    assert_eq!(of("after", "totalScore").as_f64(), moved["loaded-0001"]["totalScore"].as_f64());
    assert_eq!(of("before", "templateName"), before["loaded-0001"]["templateName"]);
}

#[tokio::test]
async fn the_file_lists_each_scorecard_with_its_totals() {
    let service = history(9).await;
    let before = scorecards(&service).await;
    let id = start(&service, &backfill(json!({}))).await;
    run(&service.app, &id, later()).await.unwrap();
    let after = scorecards(&service).await;
    let rows = rows(&service, &id).await;
    assert_eq!(rows.len(), 10);
    for row in rows {
        let id = row["scorecardName"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!((&row["revisionBefore"], &row["revisionAfter"]), (&json!(1), &json!(2)));
        assert_eq!((&row["totalBefore"], &row["totalAfter"]), (&before[id]["totalScore"], &after[id]["totalScore"]));
        let outcome = if row["totalBefore"] == row["totalAfter"] { ["CHANGED", "UNCHANGED"] } else { ["CHANGED"; 2] };
        assert!(outcome.contains(&row["outcome"].as_str().unwrap()), "{row}");
    }
}

#[tokio::test]
async fn an_export_tells_when_each_scorecard_moved() {
    let service = history(3).await;
    done(&service, &backfill(json!({}))).await;
    let export = json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T00:00:00Z"});
    let exported = service.succeed(&Event::post("scorecards:export", export)).await;
    let rows = rows_by_column(exported["content"].as_str().unwrap());
    let told = |row: &BTreeMap<String, String>| (row["state"].clone(), row["rescore_time"].clone());
    let moved = "2026-07-31T12:00:00+00:00";
    let expected =
        [("SUBMITTED", moved), ("SUBMITTED", moved), ("SUBMITTED", moved), ("DRAFT", ""), ("SUBMITTED", moved)];
    let mut told: Vec<_> = rows.iter().map(told).collect();
    told.sort();
    let mut expected = expected.map(|(state, time)| (state.to_owned(), time.to_owned()));
    expected.sort();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_second_backfill_finds_nothing_to_do() {
    let service = history(20).await;
    done(&service, &backfill(json!({}))).await;
    let items = table(&service, "").await;
    let id = start(&service, &backfill(json!({}))).await;
    run(&service.app, &id, later()).await.unwrap();
    let again = job(&service, &id).await;
    assert_eq!((&again["state"], &again["results"]), (&json!("SUCCEEDED"), &json!([])));
    assert_eq!((&again["report"]["movingCount"], &again["report"]["upToDateCount"]), (&json!(0), &json!(21)));
    assert_eq!(table(&service, "").await, items);
}

#[tokio::test]
async fn there_and_back_every_score_and_figure_is_as_it_was() {
    let service = history(20).await;
    let before = (scorecards(&service).await, figures(&service).await);
    done(&service, &backfill(json!({}))).await;
    assert_ne!(figures(&service).await, before.1);
    let back = json!({"scorecardTemplates": [below_support("scorecardTemplates/quality@1")]});
    done(&service, &backfill(back)).await;
    assert_eq!(figures(&service).await, before.1);
    let mut after = scorecards(&service).await;
    for (id, scorecard) in &mut after {
        let before = &before.0[id];
        for field in ["updateTime", "updatedBy", "etag"] {
            scorecard[field] = before[field].clone();
        }
        scorecard.as_object_mut().unwrap().remove("rescoreTime");
        assert_eq!(scorecard, before);
    }
    assert_statistics_are_those_of_a_recount(&service).await;
}

#[tokio::test]
async fn a_load_of_what_moved_writes_nothing_and_a_score_that_is_set_aside_outlives_changes() {
    let service = history(6).await;
    let before = scorecards(&service).await;
    done(&service, &backfill(json!({}))).await;
    let items = service.items().await;
    load(&service, (0..6).map(|number| scorecard(number, 2)).collect()).await;
    assert_eq!(service.items().await, items);
    for (id, change) in [
        ("loaded-0001", json!({"comment": "Heard again."})),
        ("loaded-0002", json!({"scores": [{"criterionId": "closing", "numericValue": 5}]})),
    ] {
        let body = json!({"scorecard": change});
        service.succeed(&Event::new("PATCH", &format!("scorecards/{id}")).with_text(&body.to_string())).await;
    }
    let back = json!({"scorecardTemplates": [below_support("scorecardTemplates/quality@1")]});
    done(&service, &backfill(back)).await;
    let after = scorecards(&service).await;
    let privacy = |scorecard: &Value| {
        let scores = scorecard["scores"].as_array().unwrap().iter();
        scores.filter(|score| score["criterionId"] == "privacy").cloned().collect::<Vec<_>>()
    };
    for id in ["loaded-0001", "loaded-0002"] {
        assert_eq!((privacy(&after[id]).len(), privacy(&after[id])), (1, privacy(&before[id])), "{id}");
    }
    assert_eq!(after["loaded-0002"]["scores"].as_array().unwrap().len(), 1, "the others were replaced");
    assert_statistics_are_those_of_a_recount(&service).await;
}

#[tokio::test]
async fn another_maximum_is_refused_or_scaled() {
    let service = history(8).await;
    // 10 instead of 5 for greeting.
    revise(&service, &[("greeting", 1.0, 10.0), ("listening", 1.0, 5.0)]).await;
    let before = scorecards(&service).await;
    let refused = done(&service, &backfill(json!({}))).await;
    assert_eq!((&refused["report"]["incompatibleCount"], &refused["report"]["movingCount"]), (&json!(9), &json!(0)));
    let incompatibility = &refused["report"]["incompatibilities"][0];
    assert_eq!((&incompatibility["reason"], &incompatibility["count"]), (&json!("MAXIMUM_CHANGED"), &json!(9)));
    assert_eq!(incompatibility["exampleScorecardNames"].as_array().unwrap().len(), 5);
    assert_eq!(scorecards(&service).await, before);

    let scaled = done(&service, &backfill(json!({"onMaximumChange": "SCALE"}))).await;
    assert_eq!((&scaled["report"]["scaledCount"], &scaled["report"]["movingCount"]), (&json!(9), &json!(9)));
    for (id, scorecard) in scorecards(&service).await.iter().filter(|(id, _)| *id != "draft-1") {
        let value = |scorecard: &Value| scorecard["scores"][0]["numericValue"].as_f64().unwrap();
        assert_eq!(value(scorecard), 2.0 * value(&before[id]), "{id}");
    }
    assert_statistics_are_those_of_a_recount(&service).await;
}

#[tokio::test]
async fn calibrations_and_drafts_stay_and_acknowledgements_stand() {
    let service = history(4).await;
    let mut calibration = scorecard(0, 1);
    merge(
        &mut calibration,
        json!({
            "name": below_support("scorecards/calibration"),
            "coachingPlanNames": [],
            "calibratedScorecardName": below_support("scorecards/loaded-0000"),
        }),
    );
    load(&service, vec![calibration]).await;
    let acknowledge = json!({"acknowledgeComment": "Seen."});
    service.succeed(&Event::post("scorecards/loaded-0001:acknowledge", acknowledge).by("agent", "ben")).await;
    let before = scorecards(&service).await;
    let done = done(&service, &backfill(json!({}))).await;
    assert_eq!((&done["report"]["scorecardCount"], &done["report"]["acknowledgedCount"]), (&json!(5), &json!(1)));
    let after = scorecards(&service).await;
    assert_eq!((&after["calibration"], &after["draft-1"]), (&before["calibration"], &before["draft-1"]));
    for field in ["acknowledgeTime", "acknowledgeComment"] {
        assert_eq!(after["loaded-0001"][field], before["loaded-0001"][field]);
    }
    let seen = service.succeed(&Event::get("scorecards/loaded-0001").by("agent", "ben")).await;
    assert_eq!(seen["scorecard"]["rescoreTime"], after["loaded-0001"]["rescoreTime"]);
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_leaves_what_another_finishes() {
    let undisturbed = history(12).await;
    let id = start(&undisturbed, &backfill(json!({}))).await;
    run(&undisturbed.app, &id, later()).await.unwrap();
    let right =
        (table(&undisturbed, &id).await, rows(&undisturbed, &id).await, job(&undisturbed, &id).await["report"].clone());
    let begun = history(12).await;
    let started = start(&begun, &backfill(json!({}))).await;
    let items: Vec<_> = begun.items().await.into_values().collect();
    for lost in [false, true] {
        for calls in 0.. {
            let service = TestService::start().await;
            service.advance(TimeDelta::days(60));
            service.put(&items).await;
            let (app, faulty) = service.behind_faults().await;
            faulty.inject(vec![Fault::Passed; calls]);
            faulty.inject(lost.then_some(Fault::AnswerLost));
            // As many as it may ever repeat.
            faulty.inject(vec![Fault::Unreached; 200]);
            let died = run(&app, &started, later()).await;
            if died.is_ok() && faulty.left() == 200 + usize::from(lost) {
                assert!(calls > 8, "{calls} calls");
                break;
            }
            run(&service.app, &started, later()).await.unwrap();
            let found = (
                table(&service, &started).await,
                rows(&service, &started).await,
                job(&service, &started).await["report"].clone(),
            );
            assert!(found.0 == right.0, "{calls} calls, {lost}: the table");
            assert_eq!((&found.1, &found.2), (&right.1, &right.2), "{calls} calls, {lost}");
        }
    }
}

#[tokio::test]
async fn what_people_change_meanwhile_is_neither_lost_nor_written_over() {
    let service = history(40).await;
    let id = start(&service, &backfill(json!({}))).await;
    let changes = (0..40).map(|number| {
        let path = format!("scorecards/loaded-{number:04}");
        match number % 4 {
            0 => {
                let body = json!({"scorecard": {"comment": format!("Heard {number}.")}});
                Event::new("PATCH", &path).with_text(&body.to_string())
            }
            1 => Event::post(&format!("{path}:acknowledge"), json!({"acknowledgeComment": "Seen."})).by("agent", "ben"),
            2 => Event::post(&format!("{path}:reset"), json!({})),
            _ => Event::new("DELETE", &path).by("service", "sync@acme"),
        }
    });
    let changes: Vec<Event> = changes.collect();
    let changed = join_all(changes.iter().map(|change| service.send(change)));
    let (ran, changed) = tokio::join!(run(&service.app, &id, later()), changed);
    ran.unwrap();
    run(&service.app, &id, later()).await.unwrap();
    // A person may have met the worker so often that they are asked to repeat.
    for (change, answered) in changes.iter().zip(changed) {
        assert!([200, 409, 503].contains(&answered.status), "{}", answered.body);
        if answered.status != 200 {
            service.succeed(change).await;
        }
    }
    let after = scorecards(&service).await;
    for number in 0..40 {
        let found = after.get(&format!("loaded-{number:04}"));
        match number % 4 {
            0 => assert_eq!(found.unwrap()["comment"], format!("Heard {number}.")),
            1 => assert_eq!(found.unwrap()["acknowledgeComment"], "Seen."),
            2 => assert!(found.unwrap().get("submitTime").is_none()),
            _ => assert!(found.is_none()),
        }
        if let Some(found) = found.filter(|found| found.get("submitTime").is_some()) {
            assert_eq!(found["templateName"], below_support("scorecardTemplates/quality@2"), "{number}");
        }
    }
    assert_eq!(job(&service, &id).await["skippedCount"], 0);
    assert_statistics_are_those_of_a_recount(&service).await;
}

#[tokio::test]
async fn two_workers_at_once_move_each_scorecard_once() {
    let service = history(30).await;
    let id = start(&service, &backfill(json!({}))).await;
    let (first, second) = tokio::join!(run(&service.app, &id, later()), run(&service.app, &id, later()));
    assert!(first.is_ok() || second.is_ok());
    run(&service.app, &id, later()).await.unwrap();
    let done = job(&service, &id).await;
    assert_eq!((&done["state"], &done["report"]["movingCount"]), (&json!("SUCCEEDED"), &json!(31)));
    let history = service.items().await;
    let changes = history.keys().filter(|key| key.contains("scorecard#") && key.contains("change#")).count();
    assert_eq!(changes, 31);
    assert_statistics_are_those_of_a_recount(&service).await;
}

#[tokio::test]
async fn the_scorecards_that_were_validated_are_moved_and_others_are_refused() {
    let service = history(6).await;
    let validated = report(&service, json!({})).await;
    let fingerprint = validated["fingerprint"].as_str().unwrap();
    let comment = json!({"scorecard": {"comment": "Heard again."}});
    service.succeed(&Event::new("PATCH", "scorecards/loaded-0003").with_text(&comment.to_string())).await;
    let items = table(&service, "").await;
    let refused = done(&service, &with_fingerprint(fingerprint)).await;
    assert_eq!(
        (&refused["state"], &refused["error"]["status"], &refused["error"]["reason"]),
        (&json!("FAILED"), &json!("FAILED_PRECONDITION"), &json!("CHANGED_SINCE_VALIDATION"))
    );
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("fingerprint: "), "{refused}");
    assert_eq!((table(&service, "").await, refused.get("report")), (items, None), "nothing was written");

    let validated = report(&service, json!({})).await;
    let moved = done(&service, &with_fingerprint(validated["fingerprint"].as_str().unwrap())).await;
    assert_eq!((&moved["state"], &moved["report"]["movingCount"]), (&json!("SUCCEEDED"), &json!(7)));
    assert_eq!(moved["report"]["fingerprint"], validated["fingerprint"]);
}

#[tokio::test]
async fn the_revision_is_that_of_the_start() {
    let service = history(4).await;
    let id = start(&service, &backfill(json!({}))).await;
    revise(&service, &[("greeting", 1.0, 5.0)]).await;
    service.succeed(&Event::new("DELETE", "scorecardTemplates/quality")).await;
    run(&service.app, &id, later()).await.unwrap();
    let done = job(&service, &id).await;
    assert_eq!(done["report"]["templateRevisions"], json!([below_support("scorecardTemplates/quality@2")]));
    assert_eq!(
        scorecards(&service).await["loaded-0001"]["templateName"],
        below_support("scorecardTemplates/quality@2")
    );
    let refused = service.refused(&backfill(json!({})), 400).await;
    assert_eq!(refused.reason(), "TEMPLATE_DELETED");
}

#[tokio::test]
async fn one_job_at_a_time_re_scores_a_template_and_its_end_lets_another() {
    let service = history(4).await;
    let event = backfill(json!({})).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let first = start(&service, &event).await;
    assert_eq!(start(&service, &event).await, first, "a repeat gets the same job");
    let refused = service.refused(&backfill(json!({})), 400).await;
    assert_eq!((refused.reason(), refused.body["status"].as_str()), ("BACKFILL_RUNNING", Some("FAILED_PRECONDITION")));
    let name = below_support(&format!("jobs/{first}"));
    assert_eq!(refused.body["details"][0]["metadata"]["job"], json!(name));
    // Another template, and a validation, are free.
    service.template("other", json!({})).await;
    start(&service, &backfill(json!({"scorecardTemplates": [below_support("scorecardTemplates/other")]}))).await;
    report(&service, json!({})).await;

    let cancel = Event::post(&format!("jobs/{first}:cancel"), json!({})).by("service", "sync@acme");
    assert_eq!(service.succeed(&cancel).await["job"]["state"], "CANCELLED");
    assert!(!service.items().await.keys().any(|key| key.contains("#backfill#quality")));
    let second = start(&service, &backfill(json!({}))).await;
    run(&service.app, &second, later()).await.unwrap();
    assert!(!service.items().await.keys().any(|key| key.contains("#backfill#quality")));
    start(&service, &backfill(json!({}))).await;
}

#[tokio::test]
async fn a_seventh_job_is_refused() {
    let service = history(0).await;
    for number in 0..4 {
        service.template(&format!("other-{number}"), json!({})).await;
        let templates = json!([below_support(&format!("scorecardTemplates/other-{number}"))]);
        start(&service, &backfill(json!({"scorecardTemplates": templates}))).await;
    }
    // With the export that is there, these are five.
    let refused = service.refused(&backfill(json!({})), 429).await;
    assert_eq!(refused.reason(), "JOBS_FULL");
}

#[tokio::test]
async fn a_job_that_is_cancelled_under_way_leaves_each_scorecard_old_or_new() {
    let service = history(1_200).await;
    let id = start(&service, &backfill(json!({}))).await;
    let percent = async || job(&service, &id).await["progressPercent"].as_u64().unwrap();
    // A page of 500 scorecards, at 400 a second, of which the last 48 are written at once.
    let started = Instant::now();
    run(&service.app, &id, Instant::now()).await.unwrap();
    assert!(started.elapsed() > Duration::from_millis(1_100), "{:?}", started.elapsed());
    let first = percent().await;
    assert!((1..99).contains(&first), "{first}");
    assert_statistics_are_those_of_a_recount(&service).await;
    run(&service.app, &id, Instant::now()).await.unwrap();
    assert!(percent().await > first);
    let cancel = Event::post(&format!("jobs/{id}:cancel"), json!({})).by("service", "sync@acme");
    assert_eq!(service.succeed(&cancel).await["job"]["state"], "CANCELLING");
    run(&service.app, &id, later()).await.unwrap();
    let cancelled = job(&service, &id).await;
    assert_eq!((&cancelled["state"], &cancelled["report"]["movingCount"]), (&json!("CANCELLED"), &json!(1_000)));
    let left = report(&service, json!({})).await;
    assert_eq!((&left["movingCount"], &left["upToDateCount"]), (&json!(201), &json!(1_000)));
    assert_statistics_are_those_of_a_recount(&service).await;
    let rest = done(&service, &backfill(json!({}))).await;
    assert_eq!(rest["report"]["movingCount"], 201);
}

#[tokio::test]
async fn a_job_spends_what_the_validation_estimates() {
    let embedded = TestService::embedded().await;
    embedded.seed().await;
    let service = history_of(embedded, 400).await;
    let validated = report(&service, json!({})).await;
    let id = start(&service, &backfill(json!({}))).await;
    let app = App { store: service.app.store.with_new_meter(), ..service.app.clone() };
    #[expect(clippy::disallowed_methods, reason = "a test acts for no caller")]
    let tenant = Tenant::for_maintenance("acme", "support").unwrap();
    run_job::run(&app, &tenant, &Id::parse(&id).unwrap(), later()).await.unwrap();
    let spent = app.store.consumed();
    for (estimated, spent) in [
        (validated["estimatedWriteUnits"].as_f64().unwrap(), spent.write_units),
        (validated["estimatedReadUnits"].as_f64().unwrap(), spent.read_units),
    ] {
        assert!((estimated - spent).abs() <= spent / 10.0, "estimated {estimated}, spent {spent}");
    }
}

#[tokio::test]
async fn scorecards_of_several_templates_with_long_texts_are_moved() {
    let service = history(3).await;
    let chapters = |weight: u32| {
        let criteria = (0..110).map(|number| json!({"criterionId": format!("criterion-{number}"), "weight": weight}));
        json!([{"chapterId": "all", "displayName": "All", "criteria": criteria.collect::<Vec<_>>()}])
    };
    service.template("texts", json!({"template": {"chapters": chapters(1)}})).await;
    let texts =
        (0..110).map(|number| json!({"criterionId": format!("criterion-{number}"), "textValue": "x".repeat(1_000)}));
    let texts: Vec<Value> = texts.collect();
    // More than a transaction takes, and more than fits into one body.
    for first in (0..40).step_by(8) {
        let long = (first..first + 8).map(|number| {
            let mut long = scorecard(2 * number, 1);
            merge(
                &mut long,
                json!({
                    "name": below_support(&format!("scorecards/long-{number:02}")),
                    "templateName": below_support("scorecardTemplates/texts"),
                    "scores": texts,
                }),
            );
            long
        });
        load(&service, long.collect()).await;
    }
    let body = json!({"scorecardTemplate": {"template": {"chapters": chapters(2)}}});
    service.succeed(&Event::new("PATCH", "scorecardTemplates/texts").with_text(&body.to_string())).await;
    let both = ["quality", "texts"].map(|id| below_support(&format!("scorecardTemplates/{id}")));
    let done = done(&service, &backfill(json!({"scorecardTemplates": both}))).await;
    assert_eq!((&done["state"], &done["report"]["movingCount"]), (&json!("SUCCEEDED"), &json!(44)), "{done}");
    assert_eq!(done["report"]["templateRevisions"], json!(both.map(|name| format!("{name}@2"))));
    assert_statistics_are_those_of_a_recount(&service).await;
}

#[tokio::test]
async fn statistics_that_do_not_hold_a_scorecard_cost_its_agent_alone() {
    let service = history(10).await;
    let items = service.items().await;
    let (_, mut item) =
        items.into_iter().find(|(key, item)| key.ends_with("2026-05#ana") && item.contains_key("cells")).unwrap();
    let none = coaching_domain::statistics::Statistics::default().encode();
    item.insert("cells".to_owned(), AttributeValue::B(none.into()));
    service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
    let done = done(&service, &backfill(json!({}))).await;
    let skipped = done["skippedCount"].as_u64().unwrap();
    assert!(done["state"] == "SUCCEEDED" && skipped > 0, "{done}");
    assert!(done["warnings"][0].as_str().unwrap().contains("rebuild them"), "{}", done["warnings"]);
    for (id, scorecard) in scorecards(&service).await {
        if scorecard["agentUserName"] == user_name("ben") {
            assert_eq!(scorecard["templateName"], below_support("scorecardTemplates/quality@2"), "{id}");
        }
    }
}

#[tokio::test]
async fn scorecards_whose_statistics_are_full_stay_and_all_others_move() {
    let service = TestService::seeded().await;
    // A revision of 200 criteria, and one of the first of them.
    let chapters = |count: u32| {
        let criteria =
            (0..count).map(|number| json!({"criterionId": format!("criterion-{number}"), "maximumValue": 100}));
        json!([{"chapterId": "all", "displayName": "All", "criteria": criteria.collect::<Vec<_>>()}])
    };
    service.template("wide", json!({"template": {"chapters": chapters(200)}})).await;
    let wide = |id: &str, agent: &str| {
        let mut wide = scorecard(0, 1);
        let scores =
            (0..200).map(|number| json!({"criterionId": format!("criterion-{number}"), "numericValue": number % 101}));
        merge(
            &mut wide,
            json!({
                "name": below_support(&format!("scorecards/{id}")),
                "templateName": below_support("scorecardTemplates/wide"),
                "agentUserName": user_name(agent),
                "coachingPlanNames": [],
                "submitTime": "2026-05-05T10:00:00Z",
                "scores": scores.collect::<Vec<_>>(),
            }),
        );
        wide
    };
    service.advance(TimeDelta::days(60));
    load(&service, vec![wide("anas", "ana"), wide("bens", "ben")]).await;
    let revision = json!({"scorecardTemplate": {"template": {"chapters": chapters(1)}}});
    service.succeed(&Event::new("PATCH", "scorecardTemplates/wide").with_text(&revision.to_string())).await;
    let to =
        |revision: u32| json!({"scorecardTemplates": [below_support(&format!("scorecardTemplates/wide@{revision}"))]});
    done(&service, &backfill(to(2))).await;

    // What is counted of ana grows to the limit.
    let is_anas = |(key, _): &(&String, _)| key.contains("#statistics#care#") && key.ends_with("2026-05#ana");
    let items = service.items().await;
    let mut full = items.iter().find(is_anas).unwrap().1.clone();
    let statistics = Statistics::decode(full["cells"].as_b().unwrap().as_ref()).unwrap();
    full.insert("cells".to_owned(), AttributeValue::B(filled(statistics).encode().into()));
    service.put(&[full]).await;

    let back = done(&service, &backfill(to(1))).await;
    assert_eq!(
        (&back["state"], &back["skippedCount"], &back["report"]["movingCount"]),
        (&json!("SUCCEEDED"), &json!(1), &json!(1))
    );
    let warning = back["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("scorecards/anas' was left out: what is counted of") && warning.contains("262144"),
        "{warning}"
    );
    let after = scorecards(&service).await;
    for (id, revision, scores) in [("anas", 2, 1), ("bens", 1, 200)] {
        assert_eq!(after[id]["templateName"], below_support(&format!("scorecardTemplates/wide@{revision}")));
        assert_eq!(after[id]["scores"].as_array().unwrap().len(), scores, "{id}");
    }
}
