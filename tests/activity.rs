//! Activity and the counts of active agents: after any history of requests they are what a recount of the records says.
//!
//! ```sh
//! ACTIVITY=20000 SEED=7 cargo test --workspace --test service activity:: -- --nocapture
//! ```
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use chrono::TimeDelta;
use coaching_edge::App;
use coaching_tests::{
    Event, TestService, activity, agent_counts, answer, below_support, number_asked, perform, plan_name, session_name,
    usecase_name, user_name,
};
use serde_json::{Map, Value, json};

const CALLERS: u64 = 8;
/// The share of DynamoDB calls with a fault.
const SHARE: f64 = 0.08;
/// The number of operations per database.
const ROUND: u64 = 1000;
/// Times in two periods, at their edges, and to come.
const TIMES: [&str; 6] = [
    "2026-04-30T23:59:59.999999999Z",
    "2026-05-01T00:00:00Z",
    "2026-03-09T10:00:00Z",
    "2026-05-26T10:00:00.25Z",
    "2026-05-31T10:00:00Z",
    "2026-07-02T10:00:00Z",
];
const PLANS: [&str; 4] = ["plan-0", "plan-1", "plan-2", "ana-plan"];

fn assert_recounted(what: &str, items: &BTreeMap<String, HashMap<String, AttributeValue>>) {
    let [kept, right] = activity(items);
    assert_eq!(kept, right, "{what}: activity");
    let [kept, right] = agent_counts(items);
    assert_eq!(kept, right, "{what}: counts of active agents");
}

/// Sends `event` until its answer is no error that may be retried.
async fn insist(app: &App, event: &Event) -> u16 {
    for _ in 0..100 {
        let answered = answer(event.operation(), app, event.to_json()).await;
        assert!(answered.status != 500, "{}: {}", event.to_json(), answered.body);
        let conflicts = answered.status == 409 && answered.reason() == "CONCURRENT_CHANGES";
        if answered.status != 503 && !conflicts {
            return answered.status;
        }
    }
    panic!("never answered: {}", event.to_json());
}

/// A random request that changes sessions, scorecards, plans or users. Many are refused.
fn request(chance: &mut fastrand::Rng, told: &str) -> Event {
    let plan = *chance.choice(&PLANS).unwrap();
    let time = |chance: &mut fastrand::Rng| json!(*chance.choice(&TIMES).unwrap());
    let past = |chance: &mut fastrand::Rng| json!(*chance.choice(&TIMES[..5]).unwrap());
    let maybe = |chance: &mut fastrand::Rng, value: Value| if chance.bool() { value } else { Value::Null };
    let (any_time, past_time) = (time(chance), past(chance));
    let session = format!("session-{}", chance.u8(..12));
    let scorecard = format!("scorecard-{}", chance.u8(..12));
    let sent = |event: Event, chance: &mut fastrand::Rng| match chance.u8(..3) {
        0 => event,
        _ => event.by("service", "sync@acme"),
    };
    let event = match chance.u8(..22) {
        0..=3 => {
            let mut session = json!({
                "name": session_name(&session),
                "agentUserName": user_name("ana"),
                "creatorUserName": user_name("maria"),
                "coachingPlanName": plan_name(plan),
                "sessionTime": maybe(chance, any_time),
                "meetingNotes": maybe(chance, json!("Two calls.")),
            });
            if chance.bool() {
                session["usecaseName"] = json!(usecase_name("care"));
            }
            if chance.u8(..4) == 0 {
                session["createTime"] = json!(TIMES[2]);
            }
            Event::post("coachingSessions", session)
        }
        4..=8 => {
            let mut fields = Map::new();
            for (field, value) in [
                ("sessionTime", time(chance)),
                ("meetingNotes", maybe(chance, json!(told))),
                ("privateNotes", json!(told)),
                ("managerSubmitTime", past(chance)),
                ("managerSubmitterUserName", json!(user_name("max"))),
                ("acknowledgeTime", past(chance)),
            ] {
                if chance.u8(..3) == 0 {
                    fields.insert(field.to_owned(), maybe(chance, value));
                }
            }
            let body = json!({"coachingSession": fields}).to_string();
            Event::new("PATCH", &format!("coachingSessions/{session}")).with_text(&body)
        }
        9 => {
            let body = json!({"acknowledged": chance.bool(), "submitted": true});
            return Event::post(&format!("coachingSessions/{session}:acknowledge"), body).by("agent", "ana");
        }
        10 => Event::new("DELETE", &format!("coachingSessions/{session}")),
        11 => {
            let plan = json!({
                "name": plan_name(plan),
                "agentUserName": user_name("ana"),
                "creatorUserName": user_name("maria"),
                "isActive": true,
                "usecaseName": maybe(chance, json!(usecase_name("care"))),
            });
            Event::post("coachingPlans", plan)
        }
        12 if plan != "ana-plan" => Event::new("DELETE", &format!("coachingPlans/{plan}?force=true")),
        12..=14 => {
            let entries = chance.u8(1..4);
            let scorecards: Vec<Value> = (0..entries.min(2))
                .map(|number| {
                    json!({
                        "name": below_support(&format!("scorecards/{}", if number == 0 { &scorecard } else { told })),
                        "conversationName": below_support("conversations/call"),
                        "agentUserName": user_name("ana"),
                        "templateName": below_support("scorecardTemplates/quality"),
                        "usecaseName": usecase_name(chance.choice(&["care", "sales"]).unwrap()),
                        "scores": [{"criterionId": "greeting", "numericValue": chance.u8(..6)}],
                        "coachingPlanNames": if chance.bool() { vec![plan_name("ana-plan")] } else { Vec::new() },
                        "manuallyScored": chance.bool(),
                        "createTime": TIMES[2],
                        "submitTime": maybe(chance, past_time.clone()),
                    })
                })
                .collect();
            return Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards})).by("service", "sync@acme");
        }
        15 => {
            let scores = json!([{"criterionId": "greeting", "numericValue": chance.u8(..6)}]);
            let mut body = json!({"scorecard": {"scores": scores}});
            if chance.bool() {
                body["scorecard"]["coachingPlanNames"] =
                    if chance.bool() { json!([]) } else { json!([plan_name(plan)]) };
            }
            Event::new("PATCH", &format!("scorecards/{scorecard}")).with_text(&body.to_string())
        }
        16..=17 => {
            let verb = *chance.choice(&["submit", "submit", "reset"]).unwrap();
            Event::post(&format!("scorecards/{scorecard}:{verb}"), json!({}))
        }
        18..=19 => {
            let verb = *chance.choice(&["addScorecard", "addScorecard", "removeScorecard"]).unwrap();
            let body = json!({"scorecardName": below_support(&format!("scorecards/{scorecard}"))});
            Event::post(&format!("coachingPlans/{plan}:{verb}"), body)
        }
        _ => {
            let mut users = BTreeMap::new();
            for _ in 0..chance.usize(1..5) {
                let name = user_name(&format!("person-{}", chance.u8(..12)));
                let profiles = ["support", "sales"].map(|profile| format!("customers/acme/profiles/{profile}"));
                let profiles: Vec<String> = profiles.into_iter().filter(|_| chance.bool()).collect();
                let user = json!({
                    "name": name,
                    "displayName": told,
                    "isActive": chance.u8(..4) > 0,
                    "isDevUser": chance.u8(..4) == 0,
                    "roles": [chance.choice(&["agent", "agent", "manager"]).unwrap()],
                    "profileNames": profiles,
                });
                users.insert(name, user);
            }
            let body = json!({"users": users.into_values().collect::<Vec<_>>()});
            return Event::post("", body).to("/v1/customers/acme/users:batchUpsert").by("service", "sync@acme");
        }
    };
    sent(event, chance)
}

/// Returns how many of the requests succeeded.
async fn call(app: App, caller: u64, seed: u64, operations: u64) -> usize {
    let mut succeeded = 0;
    let mut chance = fastrand::Rng::with_seed(seed ^ caller.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for number in 0..operations {
        let event = request(&mut chance, &format!("told-{caller}-{number}"));
        succeeded += usize::from(insist(&app, &event).await == 200);
    }
    succeeded
}

async fn rebuilt(service: &TestService) -> Value {
    let event = json!({"customer": "acme", "profile": "support"});
    let until = Instant::now() + Duration::from_secs(600);
    perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap()
}

async fn history(seed: u64, operations: u64) {
    let service = TestService::seeded().await;
    service.usecases(&["care", "sales"]).await;
    assert_recounted("before", &service.items().await);
    let (app, faulty) = service.behind_late_answers().await;
    faulty.storm(seed, SHARE);
    let calls: Vec<_> =
        (0..CALLERS).map(|caller| tokio::spawn(call(app.clone(), caller, seed, operations / CALLERS))).collect();
    let mut succeeded = 0;
    for call in calls {
        succeeded += call.await.unwrap();
    }
    let faults = faulty.calm().await;
    let items = service.items().await;
    let [marks, _] = activity(&items);
    assert_recounted(&format!("seed {seed}"), &items);
    let count = |of: &str| marks.keys().filter(|key| key.contains(&format!("#{of}#"))).count();
    println!(
        "seed {seed}: {succeeded} of {operations} requests succeeded; faults {faults:?}; {} marks of sessions, {} of scorecards",
        count("session"),
        count("scorecard")
    );
    assert!(count("session") > 1 && count("scorecard") > 1, "seed {seed}");

    // The rebuild counts by code of its own and finds nothing.
    service.advance(TimeDelta::minutes(2));
    let told = rebuilt(&service).await;
    let found =
        ["differenceCount", "activityDifferenceCount", "agentCountDifferences", "skippedCount"].map(|of| &told[of]);
    assert_eq!(found, [&json!(0), &json!(0), &json!([]), &json!(0)], "seed {seed}: {told}");
    assert_eq!(told["complete"], true, "seed {seed}: {told}");
    assert_recounted(&format!("seed {seed}, after a rebuild"), &service.items().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activity_and_counts_are_what_a_recount_says_whatever_happens() {
    let (operations, seed) = (number_asked("ACTIVITY", 800), number_asked("SEED", 1));
    for round in 0..operations.div_ceil(ROUND) {
        history(seed + round, ROUND.min(operations - round * ROUND)).await;
    }
}

#[tokio::test]
async fn a_session_costs_the_same_at_the_first_and_at_the_ten_thousandth() {
    let service = TestService::embedded().await;
    service.seed().await;
    let session = |number: usize| {
        let session = json!({
            "name": session_name(&format!("costs-{number:05}")),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
            "usecaseName": usecase_name("care"),
            "sessionTime": "2026-06-20T10:00:00Z",
        });
        Event::post("coachingSessions", session)
    };
    let cost = async |event: &Event| {
        let (answered, spent) = service.spending(event).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        (spent.calls, spent.read_units, spent.write_units)
    };
    let first = cost(&session(0)).await;
    let items = service.items().await;
    let (_, like) = items.into_iter().find(|(key, _)| key.ends_with("#session#costs-00000")).unwrap();
    for numbers in (1..10_000).collect::<Vec<usize>>().chunks(25) {
        let puts = numbers.iter().map(|number| {
            let mut item = like.clone();
            let sort = format!("2026-05#ana#session#costs-{number:05}");
            item.insert("SK".to_owned(), AttributeValue::S(sort));
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        let batch = service.client().batch_write_item().request_items(service.table(), puts.collect());
        batch.send().await.unwrap();
    }
    assert_eq!(cost(&session(10_000)).await, first);
    let moved = json!({"coachingSession": {"sessionTime": "2026-06-21T10:00:00Z"}}).to_string();
    let moves = |id: &str| Event::new("PATCH", &format!("coachingSessions/{id}")).with_text(&moved);
    assert_eq!(cost(&moves("costs-10000")).await, cost(&moves("costs-00000")).await);
}

/// The marks of `ana` in May and June: what has each, and its content in a few words.
async fn marks(service: &TestService) -> Vec<String> {
    let [kept, right] = activity(&service.items().await);
    assert_eq!(kept, right);
    let told = kept.into_iter().map(|(key, mark)| {
        let place = key.split_once(" / ").unwrap().1.replacen("#ana", "", 1);
        let text = |attribute: &str| mark.get(attribute).map(|text| text.as_s().unwrap().clone());
        let plans = mark.get("plans").map(|plans| plans.as_l().unwrap().len()).unwrap_or_default();
        let evaluation = if mark.get("evaluation") == Some(&AttributeValue::Bool(true)) { "evaluation" } else { "" };
        match text("session") {
            Some(session) => format!("{place}: {session}"),
            None => format!("{place}: {} {evaluation} of {plans} plans", text("scorecard").unwrap()),
        }
    });
    told.collect()
}

#[tokio::test]
async fn each_step_of_a_session_is_in_its_mark() {
    let service = TestService::start().await;
    service.usecase().await;
    service.plan("ana-plan", "ana").await;
    let patch = |fields: Value| {
        let body = json!({"coachingSession": fields}).to_string();
        Event::new("PATCH", "coachingSessions/one").with_text(&body)
    };
    let session = json!({
        "name": session_name("one"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "usecaseName": usecase_name("care"),
    });
    service.succeed(&Event::post("coachingSessions", session.clone())).await;
    assert_eq!(marks(&service).await, ["2026-05#session#one: 2026-06-01T12:00:00Z####maria#ana-plan"]);
    service.succeed(&patch(json!({"sessionTime": "2026-07-01T10:00:00Z"})).by("manager", "mark")).await;
    assert_eq!(marks(&service).await, ["2026-07#session#one: 2026-07-01T10:00:00Z#T###mark#ana-plan"]);
    service.succeed(&patch(json!({"sessionTime": "2026-06-01T10:00:00.5Z", "meetingNotes": "Two calls."}))).await;
    assert_eq!(marks(&service).await, ["2026-05#session#one: 2026-06-01T10:00:00.500Z#TN###maria#ana-plan"]);
    let items = service.items().await;
    service.succeed(&patch(json!({"privateNotes": "Tired."}))).await;
    assert_eq!(marks(&service).await.len(), 1);
    assert_eq!(activity(&service.items().await), activity(&items), "private notes are in no mark");
    service.succeed(&patch(json!({"managerSubmitTime": "2026-06-01T12:00:00Z"}))).await;
    let acknowledge = Event::post("coachingSessions/one:acknowledge", json!({"acknowledged": true}));
    service.succeed(&acknowledge.by("agent", "ana")).await;
    let (held, submitted) = ("2026-06-01T10:00:00.500Z", "2026-06-01T12:00:00Z");
    let mark = format!("2026-05#session#one: {held}#TN#{submitted}#{submitted}#maria#ana-plan");
    assert_eq!(marks(&service).await, [mark]);
    service.succeed(&Event::new("DELETE", "coachingSessions/one").by("service", "sync@acme")).await;
    assert_eq!(marks(&service).await, [""; 0]);
    // Without a usecase it counts in none; with its plan it goes.
    let mut without = session.clone();
    without["usecaseName"] = Value::Null;
    without["name"] = json!(session_name("two"));
    service.succeed(&Event::post("coachingSessions", without)).await;
    service.succeed(&Event::post("coachingSessions", session)).await;
    assert_eq!(marks(&service).await.len(), 1);
    service.succeed(&Event::new("DELETE", "coachingPlans/ana-plan?force=true").by("service", "sync@acme")).await;
    assert_eq!(marks(&service).await, [""; 0]);
}

#[tokio::test]
async fn a_submitted_scorecard_has_one_mark_if_a_person_scored_it_or_it_is_linked() {
    let service = TestService::start().await;
    service.usecase().await;
    service.plan("ana-plan", "ana").await;
    service.plan("other-plan", "ana").await;
    service.template("quality", json!({})).await;
    let scorecard = |more: Value| {
        let mut scorecard = json!({
            "name": below_support("scorecards/one"),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ana"),
            "templateName": below_support("scorecardTemplates/quality"),
            "scores": [{"criterionId": "greeting", "numericValue": 4}],
            "createTime": "2026-05-01T09:00:00Z",
        });
        coaching_tests::merge(&mut scorecard, more);
        scorecard
    };
    let load = |more: Value| {
        Event::post("scorecards:batchUpsert", json!({"scorecards": [scorecard(more)]})).by("service", "sync@acme")
    };
    let post = |path: &str| Event::post(path, json!({}));
    let link = |plan: &str, verb: &str| {
        let body = json!({"scorecardName": below_support("scorecards/one")});
        Event::post(&format!("coachingPlans/{plan}:{verb}"), body)
    };
    let patch =
        |fields: Value| Event::new("PATCH", "scorecards/one").with_text(&json!({"scorecard": fields}).to_string());
    let create = scorecard(json!({"submitTime": "2026-05-20T10:00:00Z", "manuallyScored": true}));
    let mark = |what: &str| format!("2026-05#scorecard#one: {what}");
    let (may, june) = ("2026-05-20T10:00:00Z#quality", "2026-06-01T12:00:00Z#quality");
    for (event, right) in [
        (Event::post("scorecards", create).by("service", "sync@acme"), Some(format!("{may} evaluation of 0 plans"))),
        (link("ana-plan", "addScorecard"), Some(format!("{may} evaluation of 1 plans"))),
        (link("other-plan", "addScorecard"), Some(format!("{may} evaluation of 2 plans"))),
        (link("ana-plan", "removeScorecard"), Some(format!("{may} evaluation of 1 plans"))),
        (post("scorecards/one:reset"), None),
        (link("other-plan", "removeScorecard"), None),
        (post("scorecards/one:submit"), Some(format!("{june} evaluation of 0 plans"))),
        // An automatic one that is linked, and one that is not.
        (
            load(json!({
                "submitTime": "2026-05-20T10:00:00Z",
                "manuallyScored": false,
                "coachingPlanNames": [plan_name("ana-plan")],
            })),
            Some(format!("{may}  of 1 plans")),
        ),
        (link("ana-plan", "removeScorecard"), None),
        (link("ana-plan", "addScorecard"), Some(format!("{may}  of 1 plans"))),
        (patch(json!({"coachingPlanNames": []})).by("service", "sync@acme"), None),
        (
            patch(json!({"coachingPlanNames": [plan_name("other-plan")]})).by("service", "sync@acme"),
            Some(format!("{may}  of 1 plans")),
        ),
        (load(json!({"submitTime": "2026-05-20T10:00:00Z", "manuallyScored": false})), None),
        // A person changes a score.
        (
            patch(json!({"scores": [{"criterionId": "greeting", "numericValue": 5}]})),
            Some(format!("{may} evaluation of 0 plans")),
        ),
        (
            load(json!({"submitTime": "2026-05-20T10:00:00Z", "manuallyScored": true})),
            Some(format!("{may} evaluation of 0 plans")),
        ),
        (load(json!({"manuallyScored": true})), None),
    ] {
        let body = service.succeed(&event).await;
        assert_eq!(body["results"][0].get("status"), None, "{body}");
        let right: Vec<String> = right.iter().map(|right| mark(right)).collect();
        assert_eq!(marks(&service).await, right, "{}", event.to_json());
    }
    // In another period its mark is in another place.
    for month in ["05", "04"] {
        let time = format!("2026-{month}-20T10:00:00Z");
        let more = json!({"submitTime": time, "createTime": "2026-04-01T09:00:00Z", "manuallyScored": true});
        service.succeed(&load(more)).await;
        let period = if month == "05" { "2026-05" } else { "2026-03" };
        assert_eq!(marks(&service).await, [format!("{period}#scorecard#one: {time}#quality evaluation of 0 plans")]);
    }
}

#[tokio::test]
async fn a_user_changes_the_counts_only_where_they_count() {
    let service = TestService::start().await;
    let support = "customers/acme/profiles/support";
    let sales = "customers/acme/profiles/sales";
    let shard = "acme##agent-counts / 09";
    let of = |profile: &str, count: i64| ((shard.to_owned(), profile.to_owned()), count);
    let mut last = None;
    for (more, right, changes) in [
        (json!({"profileNames": [support]}), vec![of("profile#support", 1)], true),
        (json!({"displayName": "Dora Diaz"}), vec![of("profile#support", 1)], false),
        (json!({"profileNames": [support, sales]}), vec![of("profile#sales", 1), of("profile#support", 1)], true),
        (json!({"profileNames": []}), vec![of("everywhere", 1)], true),
        (json!({"isDevUser": true}), vec![], true),
        (json!({"isActive": false}), vec![], false),
        (json!({"isDevUser": false}), vec![], false),
        (json!({"isActive": true}), vec![of("everywhere", 1)], true),
        (json!({"roles": ["manager"]}), vec![], true),
        (json!({"roles": ["agent", "manager"], "profileNames": [sales]}), vec![of("profile#sales", 1)], true),
    ] {
        let mut user: Value = last.take().unwrap_or_else(|| coaching_tests::user("dora"));
        coaching_tests::merge(&mut user, more);
        let shards = async || {
            let items = service.items().await.into_iter();
            items.filter(|(key, _)| key.contains("agent-counts")).collect::<BTreeMap<_, _>>()
        };
        let untouched = shards().await;
        let load = Event::post("", json!({"users": [user]})).to("/v1/customers/acme/users:batchUpsert");
        for _ in 0..2 {
            let body = service.succeed(&load.clone().by("service", "sync@acme")).await;
            assert_eq!(body["results"][0].get("status"), None, "{body}");
            service.advance(TimeDelta::seconds(1));
        }
        assert_eq!(shards().await != untouched, changes, "{user}");
        let [kept, recounted] = agent_counts(&service.items().await);
        let kept_here: Vec<_> = kept.clone().into_iter().filter(|((key, _), _)| key == shard).collect();
        assert_eq!(kept_here, right as Vec<((String, String), i64)>, "{user}");
        assert_eq!(kept, recounted, "{user}");
        last = Some(user);
    }
}
