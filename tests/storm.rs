//! Eight concurrent callers on a DynamoDB that throttles, conflicts, fails, answers late, and loses connections and
//! answers.
//!
//! Each caller repeats what it may repeat until it is answered. Then every acknowledged write exists once and no
//! refused one does, statistics equal a recount, and history equals what was done.
//!
//! ```sh
//! STORM=20000 SEED=7 cargo test --workspace --test service storm:: -- --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_edge::App;
use coaching_tests::{
    Answered, Event, TestService, answer, below_support, number_asked, perform, plan_name, usecase_name, user_name,
};
use serde_json::{Value, json};

const CALLERS: u64 = 8;
/// The number of operations per database.
const ROUND: u64 = 2000;
/// The share of DynamoDB calls with a fault.
const SHARE: f64 = 0.08;
/// The number of repeats of a request after which the test fails.
const REPEATS: usize = 100;

static REPEATED: AtomicUsize = AtomicUsize::new(0);

/// A kind of record with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Session,
    Plan,
    Comment,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Session, Self::Plan, Self::Comment];

    /// The collection in a path, the field of the record in a message, its field of free text, and the sort key.
    fn names(self) -> [&'static str; 4] {
        match self {
            Self::Session => ["coachingSessions", "coachingSession", "meetingNotes", "session"],
            Self::Plan => ["coachingPlans", "coachingPlan", "comment", "plan"],
            Self::Comment => ["coachingComments", "coachingComment", "message", "comment"],
        }
    }

    fn path(self, id: &str) -> String {
        format!("{}/{id}", self.names()[0])
    }
}

/// A kind and an id.
type Record = (Kind, String);

/// The caller's knowledge of a record that it created.
#[derive(Debug, Default)]
struct Known {
    /// The plan of a session or a comment.
    plan: Option<String>,
    /// The free text of each version, from the first on.
    texts: Vec<String>,
    /// The operation that deleted it.
    deleted_by: &'static str,
}

/// The effects of a caller's requests.
#[derive(Default)]
struct Done {
    kept: BTreeMap<Record, Known>,
    deleted: BTreeMap<Record, Known>,
    submitted: usize,
    operations: u64,
}

impl Done {
    /// A random record for which `may` is true.
    fn some(&self, chance: &mut fastrand::Rng, may: impl Fn(&Record) -> bool) -> Option<Record> {
        let records: Vec<&Record> = self.kept.keys().filter(|record| may(record)).collect();
        chance.choice(records).cloned()
    }

    fn delete(&mut self, record: Record, deleted_by: &'static str) {
        let known = self.kept.remove(&record).unwrap();
        self.deleted.insert(record, Known { deleted_by, ..known });
    }
}

/// Sends `event` until its answer, or that of its only entry, is no error that may be retried. Returns whether it was
/// repeated.
async fn insist(app: &App, event: &Event) -> (Answered, bool) {
    for attempt in 0..REPEATS {
        let answered = answer(event.operation(), app, event.to_json()).await;
        let of_entry = &answered.body["results"][0]["status"];
        match (answered.status, answered.body["status"].as_str()) {
            (503, Some("UNAVAILABLE")) => assert!(answered.headers.contains_key("retry-after")),
            (409, Some("ABORTED")) if answered.reason() == "CONCURRENT_CHANGES" => {}
            (200, _) if [json!(10), json!(14)].contains(&of_entry["code"]) => {}
            _ => return (answered, attempt > 0),
        }
        REPEATED.fetch_add(1, Ordering::Relaxed);
    }
    panic!("never answered: {}", event.to_json());
}

fn request_id(chance: &mut fastrand::Rng) -> String {
    uuid::Builder::from_random_bytes(chance.u128(..).to_be_bytes()).into_uuid().to_string()
}

/// A plan as it is sent as a whole.
fn plan(id: &str, text: &str) -> Value {
    json!({
        "name": plan_name(id),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
        "comment": text,
    })
}

/// A session or a comment on a plan, or a plan.
fn created(kind: Kind, id: &str, on: Option<&str>, text: &str) -> Value {
    let Some(on) = on else { return plan(id, text) };
    let mut created = json!({
        "name": below_support(&kind.path(id)),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(on),
        kind.names()[2]: text,
    });
    if kind == Kind::Session {
        created["agentUserName"] = json!(user_name("ana"));
    }
    created
}

async fn call(app: App, caller: u64, seed: u64, operations: u64) -> Done {
    let mut chance = fastrand::Rng::with_seed(seed ^ caller.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut done = Done::default();
    while done.operations < operations {
        done.operations += 1;
        let number = done.operations;
        let told = format!("seed {seed}, caller {caller}, operation {number}");
        let id = format!("storm-{caller}-{number}");
        match (chance.u8(..16), done.some(&mut chance, |_| true)) {
            (0..=3, _) | (_, None) => {
                let kind = *chance.choice(&[Kind::Session, Kind::Session, Kind::Plan, Kind::Comment]).unwrap();
                let own = done.some(&mut chance, |(kind, _)| *kind == Kind::Plan).filter(|_| chance.bool());
                let plan = match kind {
                    Kind::Plan => None,
                    _ => Some(own.map_or_else(|| "ana-plan".to_owned(), |(_, id)| id)),
                };
                let event = Event::post(kind.names()[0], created(kind, &id, plan.as_deref(), "first"))
                    .with("requestId", &request_id(&mut chance));
                let (answered, _) = insist(&app, &event).await;
                if answered.reason() == "AGENT_PLANS_FULL" {
                    continue;
                }
                assert_eq!(answered.status, 200, "{told}: {}", answered.body);
                done.kept.insert((kind, id), Known { plan, texts: vec!["first".to_owned()], ..Known::default() });
            }
            (4..=8, Some(record)) => {
                let (kind, id) = &record;
                let [_, message, field, _] = kind.names();
                let text = format!("text {number}");
                let body = json!({message: {field: text}}).to_string();
                let event = Event::new("PATCH", &kind.path(id)).with_text(&body);
                let (answered, _) = insist(&app, &event).await;
                assert_eq!(answered.status, 200, "{told}: {}", answered.body);
                done.kept.get_mut(&record).unwrap().texts.push(text);
            }
            (9, _) => {
                // An existing plan is replaced, another is created.
                let known = done.some(&mut chance, |(kind, _)| *kind == Kind::Plan).filter(|_| chance.bool());
                let record = known.unwrap_or((Kind::Plan, id));
                let text = format!("text {number}");
                let body = json!({"coachingPlans": [plan(&record.1, &text)]});
                let (answered, _) = insist(&app, &Event::post("coachingPlans:batchUpsert", body)).await;
                if answered.body["results"][0]["status"]["details"][0]["reason"] == "AGENT_PLANS_FULL" {
                    continue;
                }
                assert_eq!(answered.body["results"][0]["coachingPlan"]["comment"], json!(text), "{told}");
                done.kept.entry(record).or_default().texts.push(text);
            }
            (10, Some((kind, id))) => {
                let [_, message, field, _] = kind.names();
                let body = json!({message: {field: "never"}}).to_string();
                let event = Event::new("PATCH", &kind.path(&id)).with_text(&body).with_header("if-match", "\"0-0\"");
                let (answered, _) = insist(&app, &event).await;
                assert_eq!((answered.status, answered.reason()), (409, "ETAG_MISMATCH"), "{told}");
            }
            (11, _) => {
                let Some(record) = done.some(&mut chance, |(kind, _)| *kind != Kind::Comment) else { continue };
                let (kind, id) = &record;
                let (path, deleted_by) = match kind {
                    Kind::Plan => (format!("{}?force=true", kind.path(id)), "delete-plan"),
                    _ => (kind.path(id), "delete-session"),
                };
                let (answered, repeated) = insist(&app, &Event::new("DELETE", &path)).await;
                if answered.reason() == "DELETIONS_FULL" {
                    continue;
                }
                assert!(answered.status == 200 || repeated && answered.status == 404, "{told}: {}", answered.body);
                if *kind == Kind::Plan {
                    let on_it = done.kept.iter().filter(|(_, known)| known.plan.as_ref() == Some(id));
                    for record in on_it.map(|(record, _)| record.clone()).collect::<Vec<_>>() {
                        done.delete(record, deleted_by);
                    }
                }
                done.delete(record, deleted_by);
            }
            (12..=13, _) => {
                let agent = if chance.bool() { "ana" } else { "ben" };
                let scorecard = json!({
                    "name": below_support(&format!("scorecards/{id}")),
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
                    Event::get("coachingComments").with("pageSize", "20"),
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

/// The texts of each version of a record in its history, from the first on, and the last operation.
async fn history(service: &TestService, (kind, id): &Record) -> (Vec<String>, Value) {
    let event = Event::get("changes").with("name", &below_support(&kind.path(id))).with("pageSize", "1000");
    let changes = service.succeed(&event).await["changes"].as_array().unwrap().clone();
    for (index, change) in changes.iter().enumerate() {
        assert_eq!(change["version"], changes.len() - index, "{id}: no version twice, none left out");
    }
    let texts = changes.iter().rev().filter_map(|change| change["after"][kind.names()[2]].as_str());
    (texts.map(str::to_owned).collect(), changes[0]["operation"].clone())
}

/// The number of listed records of each kind, and all sessions and comments of the plan `ana-plan`, as long as they fit
/// on a page.
async fn listed(service: &TestService) -> ([usize; 3], [usize; 2]) {
    let (mut counts, mut on_plan) = ([0; 3], [0; 2]);
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        let [collection, ..] = kind.names();
        let event = match kind {
            Kind::Plan => Event::post("coachingPlans:list", json!({"pageSize": 1000})),
            _ => Event::get(collection).with("pageSize", "1000"),
        };
        let page = service.succeed(&event).await;
        let entries = page[collection].as_array().unwrap();
        counts[index] = entries.len();
        let count = entries.iter().filter(|entry| entry["coachingPlanName"] == plan_name("ana-plan")).count();
        match kind {
            Kind::Session => on_plan[0] = count,
            Kind::Plan => {}
            Kind::Comment => on_plan[1] = count,
        }
    }
    (counts, on_plan)
}

async fn weather(seed: u64, operations: u64) -> String {
    let service = TestService::seeded().await;
    let (before, _) = listed(&service).await;
    let (app, faulty) = service.behind_late_answers().await;
    faulty.storm(seed, SHARE);
    let calls: Vec<_> =
        (0..CALLERS).map(|caller| tokio::spawn(call(app.clone(), caller, seed, operations / CALLERS))).collect();
    let mut all = Done::default();
    for call in calls {
        let mut done = call.await.unwrap();
        all.kept.append(&mut done.kept);
        all.deleted.append(&mut done.deleted);
        all.submitted += done.submitted;
        all.operations += done.operations;
    }
    let faults = faulty.calm().await;

    let items = service.items().await;
    let stored = |sort: &str| -> BTreeSet<&str> {
        let partitions = items.keys().filter_map(|key| key.strip_suffix(&format!(" / {sort}")));
        partitions.filter_map(|partition| partition.rsplit('#').next()).filter(|id| id.starts_with("storm-")).collect()
    };
    let kept = Kind::ALL.map(|kind| {
        let ids: BTreeSet<&str> = all.kept.keys().filter(|(of, _)| *of == kind).map(|(_, id)| &**id).collect();
        assert_eq!(stored(kind.names()[3]), ids, "seed {seed}");
        ids.len()
    });
    assert_eq!(stored("scorecard").len(), all.submitted, "seed {seed}");
    let (listed, on_plan) = listed(&service).await;
    assert_eq!(listed, [0, 1, 2].map(|index| before[index] + kept[index]), "seed {seed}");
    let mut changes = 0;
    for (record, known) in &all.kept {
        let (kind, id) = record;
        let [_, message, field, _] = kind.names();
        let stored = service.succeed(&Event::get(&kind.path(id))).await;
        assert_eq!(stored[message][field].as_str(), known.texts.last().map(String::as_str), "seed {seed}");
        assert_eq!(history(&service, record).await.0, known.texts, "seed {seed}: {id}");
        changes += known.texts.len();
    }
    for (record, known) in &all.deleted {
        let (texts, last) = history(&service, record).await;
        assert_eq!((&texts, last), (&known.texts, json!(known.deleted_by)), "seed {seed}: {record:?}");
        changes += known.texts.len() + 1;
    }
    let refused = service.refused(&Event::new("DELETE", "coachingPlans/ana-plan"), 400).await;
    let counted = format!("has {} sessions, {} comments", on_plan[0], on_plan[1]);
    assert!(refused.body["message"].as_str().unwrap().contains(&counted), "seed {seed}: {counted}: {}", refused.body);

    service.advance(TimeDelta::minutes(2));
    let event = json!({"customer": "acme", "profile": "support"});
    let until = Instant::now() + Duration::from_secs(600);
    let recounted = perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap();
    assert_eq!(
        (&recounted["done"], &recounted["differenceCount"], &recounted["recordDifferenceCount"]),
        (&json!(true), &json!(0), &json!(0)),
        "seed {seed}: {recounted}"
    );
    let [sessions, plans, comments] = kept;
    format!(
        "seed {seed}: {} operations of {CALLERS} callers, faults {faults:?}, {sessions} sessions, {plans} plans, \
         {comments} comments and {} scorecards there once, {} deleted, {changes} changes in history, \
         {} statistics differ",
        all.operations,
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
