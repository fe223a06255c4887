//! Eight callers at once on a DynamoDB that throttles, conflicts, fails, and loses connections and answers.
//!
//! Each caller repeats what it may repeat until it is answered. Then every acknowledged write is there once, no
//! refused one is, statistics equal a recount, and history equals what was done.
//!
//! ```sh
//! STORM=20000 SEED=7 cargo test -p coaching-tests --test storm -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_edge::App;
use coaching_tests::{
    Answered, Event, TestService, answer, below_support, number_asked, perform, plan_name, session_name, usecase_name,
    user_name,
};
use serde_json::{Value, json};

const CALLERS: u64 = 8;
/// How many operations one database sees.
const ROUND: u64 = 2000;
/// The share of calls of DynamoDB that something happens to.
const SHARE: f64 = 0.08;
/// How often a caller repeats a request before the test fails.
const REPEATS: usize = 100;

static REPEATED: AtomicUsize = AtomicUsize::new(0);

/// One session of a caller: the notes of each of its versions, from the first on.
type Versions = Vec<String>;

/// What a caller did.
#[derive(Default)]
struct Done {
    sessions: BTreeMap<String, Versions>,
    deleted: BTreeMap<String, Versions>,
    submitted: usize,
    operations: u64,
}

/// Sends `event` until it is answered otherwise than by an error that may be repeated. Says whether it was repeated.
async fn insist(app: &App, event: &Event) -> (Answered, bool) {
    for attempt in 0..REPEATS {
        let answered = answer(event.operation(), app, event.to_json()).await;
        match (answered.status, answered.body["status"].as_str()) {
            (503, Some("UNAVAILABLE")) => assert!(answered.headers.contains_key("retry-after")),
            (409, Some("ABORTED")) if answered.reason() == "CONCURRENT_CHANGES" => {}
            _ => return (answered, attempt > 0),
        }
        REPEATED.fetch_add(1, Ordering::Relaxed);
    }
    panic!("never answered: {}", event.to_json());
}

fn request_id(chance: &mut fastrand::Rng) -> String {
    uuid::Builder::from_random_bytes(chance.u128(..).to_be_bytes()).into_uuid().to_string()
}

async fn call(app: App, caller: u64, seed: u64, operations: u64) -> Done {
    let mut chance = fastrand::Rng::with_seed(seed ^ caller.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut done = Done::default();
    while done.operations < operations {
        done.operations += 1;
        let number = done.operations;
        let names: Vec<String> = done.sessions.keys().cloned().collect();
        let some = (!names.is_empty()).then(|| names[chance.usize(..names.len())].clone());
        let told = format!("seed {seed}, caller {caller}, operation {number}");
        match (chance.u8(..10), some) {
            (0..=1, _) | (_, None) => {
                let id = format!("storm-{caller}-{number}");
                let session = json!({
                    "name": session_name(&id),
                    "agentUserName": user_name("ana"),
                    "creatorUserName": user_name("maria"),
                    "coachingPlanName": plan_name("ana-plan"),
                    "meetingNotes": "first",
                });
                let event = Event::post("coachingSessions", session).with("requestId", &request_id(&mut chance));
                let (answered, _) = insist(&app, &event).await;
                assert_eq!(answered.status, 200, "{told}: {}", answered.body);
                done.sessions.insert(id, vec!["first".to_owned()]);
            }
            (2..=4, Some(id)) => {
                let notes = format!("notes {number}");
                let body = json!({"coachingSession": {"meetingNotes": notes}}).to_string();
                let event = Event::new("PATCH", &format!("coachingSessions/{id}")).with_text(&body);
                let (answered, _) = insist(&app, &event).await;
                assert_eq!(answered.status, 200, "{told}: {}", answered.body);
                done.sessions.get_mut(&id).unwrap().push(notes);
            }
            (5, Some(id)) => {
                let body = json!({"coachingSession": {"meetingNotes": "never"}}).to_string();
                let event = Event::new("PATCH", &format!("coachingSessions/{id}"))
                    .with_text(&body)
                    .with_header("if-match", "\"0-0\"");
                let (answered, _) = insist(&app, &event).await;
                assert_eq!((answered.status, answered.reason()), (409, "ETAG_MISMATCH"), "{told}");
            }
            (6, Some(id)) => {
                let event = Event::new("DELETE", &format!("coachingSessions/{id}"));
                let (answered, repeated) = insist(&app, &event).await;
                assert!(answered.status == 200 || repeated && answered.status == 404, "{told}: {}", answered.body);
                let versions = done.sessions.remove(&id).unwrap();
                done.deleted.insert(id, versions);
            }
            (7..=8, _) => {
                let agent = if chance.bool() { "ana" } else { "ben" };
                let scorecard = json!({
                    "name": below_support(&format!("scorecards/storm-{caller}-{number}")),
                    "conversationName": below_support("conversations/call"),
                    "agentUserName": user_name(agent),
                    "templateName": below_support("scorecardTemplates/quality"),
                    "scores": [{"criterionId": "greeting", "numericValue": chance.u8(..6)}],
                    "submitTime": "2026-05-30T10:00:00Z",
                    "createTime": "2026-05-30T09:00:00Z",
                });
                let event = Event::post("scorecards", scorecard).by("service", "sync@acme");
                let (answered, _) = insist(&app, &event.with("requestId", &request_id(&mut chance))).await;
                assert_eq!(answered.status, 200, "{told}: {}", answered.body);
                done.submitted += 1;
            }
            _ => {
                let progress = json!({"usecaseNames": [usecase_name("care")]});
                for event in [
                    Event::get("coachingSessions").with("pageSize", "20"),
                    Event::post("coachingProgresses:retrieve", progress),
                ] {
                    let (answered, _) = insist(&app, &event).await;
                    assert_eq!(answered.status, 200, "{told}: {}", answered.body);
                }
            }
        }
    }
    done
}

/// The notes of each version of a session, from the first on, as its history has them, and the last operation.
async fn history(service: &TestService, id: &str) -> (Versions, Value) {
    let event = Event::get("changes").with("name", &session_name(id)).with("pageSize", "1000");
    let changes = service.succeed(&event).await["changes"].as_array().unwrap().clone();
    for (index, change) in changes.iter().enumerate() {
        assert_eq!(change["version"], changes.len() - index, "{id}: no version twice, none left out");
    }
    let versions = changes.iter().rev().filter_map(|change| change["after"]["meetingNotes"].as_str());
    (versions.map(str::to_owned).collect(), changes[0]["operation"].clone())
}

/// The sessions that are listed: all of them, while there are no more than a page holds.
async fn listed(service: &TestService) -> Vec<Value> {
    let page = service.succeed(&Event::get("coachingSessions").with("pageSize", "1000")).await;
    page["coachingSessions"].as_array().unwrap().clone()
}

async fn weather(seed: u64, operations: u64) -> String {
    let service = TestService::seeded().await;
    let before = listed(&service).await.len();
    let (app, faulty) = service.behind_faults().await;
    faulty.storm(seed, SHARE);
    let calls: Vec<_> =
        (0..CALLERS).map(|caller| tokio::spawn(call(app.clone(), caller, seed, operations / CALLERS))).collect();
    let mut all = Done::default();
    for call in calls {
        let mut done = call.await.unwrap();
        all.sessions.append(&mut done.sessions);
        all.deleted.append(&mut done.deleted);
        all.submitted += done.submitted;
        all.operations += done.operations;
    }
    let faults = faulty.clear();

    let items = service.items().await;
    let count = |ending: &str| items.keys().filter(|key| key.ends_with(ending) && key.contains("storm-")).count();
    assert_eq!((count(" / session"), count(" / scorecard")), (all.sessions.len(), all.submitted), "seed {seed}");
    let (mut changes, sessions) = (0, listed(&service).await);
    assert_eq!(sessions.len(), all.sessions.len() + before, "seed {seed}");
    for (id, versions) in &all.sessions {
        let stored = sessions.iter().find(|session| session["name"] == session_name(id)).unwrap();
        assert_eq!(stored["meetingNotes"].as_str(), versions.last().map(String::as_str), "seed {seed}");
        assert_eq!(&history(&service, id).await.0, versions, "seed {seed}: {id}");
        changes += versions.len();
    }
    for (id, versions) in &all.deleted {
        let (known, last) = history(&service, id).await;
        assert_eq!((&known, last), (versions, json!("delete-session")), "seed {seed}: {id}");
        changes += versions.len() + 1;
    }
    let refused = service.refused(&Event::new("DELETE", "coachingPlans/ana-plan"), 400).await;
    let counted =
        format!("has {} sessions", sessions.iter().filter(|one| one["agentUserName"] == user_name("ana")).count());
    assert!(refused.body["message"].as_str().unwrap().contains(&counted), "seed {seed}: {counted}: {}", refused.body);

    service.advance(TimeDelta::minutes(2));
    let event = json!({"customer": "acme", "profile": "support"});
    let until = Instant::now() + Duration::from_secs(600);
    let recounted = perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap();
    assert_eq!(
        (&recounted["done"], &recounted["differenceCount"]),
        (&json!(true), &json!(0)),
        "seed {seed}: {recounted}"
    );
    format!(
        "seed {seed}: {} operations of {CALLERS} callers, {faults} faults, {} sessions and {} scorecards there once, \
         {} deleted, {changes} changes in history, {} statistics differ",
        all.operations,
        all.sessions.len(),
        all.submitted,
        all.deleted.len(),
        recounted["differenceCount"]
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_calls_every_acknowledged_write_is_there_once() {
    let (operations, seed) = (number_asked("STORM", 800), number_asked("SEED", 1));
    for round in 0..operations.div_ceil(ROUND) {
        println!("{}", weather(seed + round, ROUND.min(operations - round * ROUND)).await);
    }
    println!("{} answers were errors that may be repeated, and were", REPEATED.load(Ordering::Relaxed));
}
