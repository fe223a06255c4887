//! `retrieve-coach-overviews`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use coaching_tests::{
    Case, Event, NOW, Target, TestService, merge, plan_name, replay, session_name, usecase_name, user, user_name,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const CASES: [Case; 15] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-agent-user-names", status: 200, refused: &[] },
    Case { name: "by-group-names", status: 200, refused: &[] },
    Case { name: "by-include-dev-users", status: 200, refused: &[] },
    Case { name: "by-include-inactive-users", status: 200, refused: &[] },
    Case { name: "by-include-indirect-group-members", status: 200, refused: &[] },
    Case { name: "an-agent", status: 403, refused: &[] },
    Case { name: "no-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "no-window", status: 400, refused: &["startTime", "endTime"] },
    Case { name: "foreign-usecase", status: 400, refused: &["usecaseNames[0]"] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseNames", "groupNames"] },
    Case { name: "bad-fields", status: 400, refused: &["agentUserNames[0]", "endTime", "pageSize"] },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-coach-overviews", &CASES, Target::Handler(&retrieve_coach_overviews::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    let binary = env!("CARGO_BIN_EXE_retrieve-coach-overviews");
    replay("retrieve-coach-overviews", &CASES, Target::Binary(binary)).await;
}

/// Overviews of May and the first days of June, with `more`.
fn retrieve(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-10T12:00:00Z",
    });
    merge(&mut body, more);
    Event::post("coachOverviews:retrieve", body)
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// Compares the fields that `expected` has.
fn assert_has(overview: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(overview.get(field).unwrap_or(&Value::Null), value, "{field} of {overview}");
    }
}

#[tokio::test]
async fn the_seeded_coach_has_the_overview_worked_out_by_hand() {
    let service = TestService::seeded().await;
    // A session to come, one held with notes, one submitted six days ago; and Ben has a plan and no session.
    let expected = json!({
        "coachOverviews": [{
            "coachUserName": user_name("maria"),
            "coachedAgentCount": 1,
            "coachingSessionCount": 3,
            "scheduledCount": 1,
            "heldCount": 1,
            "submittedCount": 1,
            "acknowledgedCount": 0,
            "dueCount": 2,
            "overdueCount": 0,
            "notHeldCount": 0,
            "notAcknowledgedCount": 0,
            "heldRate": 1.0,
            "acknowledgedRate": 0.0,
        }],
        "agentsWithoutSessionCount": 1,
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-10T12:00:00Z",
    });
    assert_eq!(service.succeed(&retrieve(json!({}))).await, expected);
    let team = json!({"groupNames": ["customers/acme/groups/team"]});
    assert_eq!(service.succeed(&retrieve(team)).await, expected);
    // A plan that is closed asks for no session; nor does one of another usecase.
    let ben = json!({"agentUserNames": [user_name("ben")]});
    let closed = json!({"coachingPlan": {"isActive": false}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingPlans/ben-plan").with_text(&closed)).await;
    service.usecases(&["sales"]).await;
    service.plan_with("sales-plan", "ben", json!({"usecaseName": usecase_name("sales")})).await;
    let answer = service.succeed(&retrieve(ben)).await;
    assert_eq!((&answer["coachOverviews"], &answer["agentsWithoutSessionCount"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn states_rates_and_what_is_overdue_move_with_the_clock() {
    let service = TestService::seeded().await;
    let of_maria = async || service.succeed(&retrieve(json!({}))).await["coachOverviews"][0].clone();
    for (days, expected) in [
        (1, json!({"dueCount": 2, "overdueCount": 1, "notAcknowledgedCount": 1, "heldRate": 1.0})),
        (6, json!({"scheduledCount": 0, "heldCount": 2, "dueCount": 3, "notHeldCount": 1, "heldRate": 0.6667})),
    ] {
        service.advance(TimeDelta::days(days));
        let overview = of_maria().await;
        assert_has(&overview, &expected);
        // As the sessions themselves say.
        let sessions = service.succeed(&Event::get("coachingSessions")).await;
        let sessions = sessions["coachingSessions"].as_array().unwrap().clone();
        for (state, field) in [("SCHEDULED", "scheduledCount"), ("HELD", "heldCount"), ("SUBMITTED", "submittedCount")]
        {
            let count = sessions.iter().filter(|one| one["state"] == state).count();
            assert_eq!(overview[field], json!(count), "{field}");
        }
        let overdue = sessions.iter().filter(|one| one["overdue"] == true).count();
        assert_eq!(overview["overdueCount"], json!(overdue));
    }
    let body = json!({"acknowledged": true, "submitted": true});
    service.succeed(&Event::post("coachingSessions/submitted-1:acknowledge", body).by("agent", "ana")).await;
    // Submitted on 26 May at 11:00, acknowledged on 8 June at 12:00.
    let expected = json!({
        "submittedCount": 0,
        "acknowledgedCount": 1,
        "acknowledgedRate": 1.0,
        "medianSecondsToAcknowledge": 13 * 24 * 3600 + 3600,
    });
    assert_has(&of_maria().await, &expected);
}

/// Sessions of three agents with three coaches, and a request.
#[derive(Debug, Clone)]
struct Imagined {
    sessions: Vec<ImaginedSession>,
    /// The start and the length of the window, in hours from 1 April.
    window: (i64, i64),
    everyone: bool,
    page_size: usize,
}

#[derive(Debug, Clone)]
struct ImaginedSession {
    agent: usize,
    creator: usize,
    submitter: Option<usize>,
    /// Hours from 1 April.
    created: i64,
    time: Option<i64>,
    notes: bool,
    /// Hours after the creation.
    submitted: Option<i64>,
    acknowledged: Option<i64>,
}

const AGENTS: [&str; 3] = ["ana", "ben", "chloe"];
const COACHES: [&str; 3] = ["mark", "max", "mike"];
/// Hours from 1 April until now.
const UNTIL_NOW: i64 = 61 * 24 + 12;

fn imagined() -> impl Strategy<Value = Imagined> {
    let session = (
        (0..3_usize, 0..3_usize, prop::option::of(0..3_usize), 0..UNTIL_NOW, prop::option::of(0..UNTIL_NOW + 400)),
        (any::<bool>(), prop::option::of(0..300_i64), prop::option::of(0..300_i64)),
    );
    let session = session.prop_map(|((agent, creator, submitter, created, time), (notes, submitted, acknowledged))| {
        ImaginedSession { agent, creator, submitter, created, time, notes, submitted, acknowledged }
    });
    let window = (0..UNTIL_NOW, 1..1500_i64);
    (prop::collection::vec(session, 0..14), window, any::<bool>(), 1..4_usize)
        .prop_map(|(sessions, window, everyone, page_size)| Imagined { sessions, window, everyone, page_size })
}

fn hour(hours: i64) -> DateTime<Utc> {
    "2026-04-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn told(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

async fn load(service: &TestService, imagined: &Imagined) {
    service.directory(&AGENTS).await;
    for agent in AGENTS {
        service.plan_with(&format!("{agent}-plan"), agent, json!({"usecaseName": usecase_name("care")})).await;
    }
    for (number, one) in imagined.sessions.iter().enumerate() {
        let created = hour(one.created);
        let after = |hours: i64| (created + TimeDelta::hours(hours)).min(hour(UNTIL_NOW));
        let submitted = one.submitted.map(after);
        let acknowledged = one.acknowledged.map(|hours| after(hours + one.submitted.unwrap_or(0)));
        let session = json!({
            "name": session_name(&format!("session-{number}")),
            "agentUserName": user_name(AGENTS[one.agent]),
            "creatorUserName": user_name(COACHES[one.creator]),
            "managerSubmitterUserName": one.submitter.map(|submitter| user_name(COACHES[submitter])),
            "coachingPlanName": plan_name(&format!("{}-plan", AGENTS[one.agent])),
            "createTime": told(created),
            "sessionTime": one.time.map(|time| told(hour(time))),
            "meetingNotes": one.notes.then_some("Notes."),
            "managerSubmitTime": submitted.map(told),
            "acknowledgeTime": acknowledged.map(told),
        });
        service.succeed(&import("coachingSessions", session)).await;
    }
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// `part / whole`, rounded half up to four decimals, by whole numbers.
fn rate(part: usize, whole: usize) -> Value {
    match whole {
        0 => Value::Null,
        _ => json!(((20_000 * part + whole) / (2 * whole)) as f64 / 10_000.0),
    }
}

/// The overviews by what the list of sessions answers, and how many agents have none.
fn recounted(sessions: &[Value], agents: &[&str], body: &Value) -> (Vec<Value>, usize) {
    let (start, end) = (time(&body["startTime"]).unwrap(), time(&body["endTime"]).unwrap());
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let counted = |session: &Value| time(&session["sessionTime"]).or_else(|| time(&session["createTime"])).unwrap();
    let names: Vec<String> = agents.iter().map(|agent| user_name(agent)).collect();
    let sessions: Vec<&Value> = sessions
        .iter()
        .filter(|one| names.iter().any(|name| one["agentUserName"] == *name))
        .filter(|one| start <= counted(one) && counted(one) < end)
        .collect();
    let mut by_coach: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for session in &sessions {
        let coach = session["managerSubmitterUserName"].as_str().or(session["creatorUserName"].as_str());
        by_coach.entry(coach.unwrap()).or_default().push(session);
    }
    let overviews = by_coach.into_iter().map(|(coach, sessions)| {
        let in_state = |state: &str| sessions.iter().filter(|one| one["state"] == state).count();
        let overdue_in =
            |state: &str| sessions.iter().filter(|one| one["state"] == state && one["overdue"] == true).count();
        let agents: BTreeSet<&str> = sessions.iter().map(|one| one["agentUserName"].as_str().unwrap()).collect();
        let due = sessions.iter().filter(|one| counted(one) <= now && one["state"] != "SCHEDULED").count();
        let (not_held, not_acknowledged) = (overdue_in("HELD"), overdue_in("SUBMITTED"));
        let (submitted, acknowledged) = (in_state("SUBMITTED"), in_state("ACKNOWLEDGED"));
        let taken = sessions
            .iter()
            .filter_map(|one| Some((time(&one["acknowledgeTime"])? - time(&one["managerSubmitTime"])?).num_seconds()));
        let mut taken: Vec<i64> = taken.collect();
        taken.sort_unstable();
        let median = taken.len().checked_sub(1).map(|last| taken[last / 2]);
        let mut overview = json!({
            "coachUserName": coach,
            "coachedAgentCount": agents.len(),
            "coachingSessionCount": sessions.len(),
            "scheduledCount": in_state("SCHEDULED"),
            "heldCount": in_state("HELD"),
            "submittedCount": submitted,
            "acknowledgedCount": acknowledged,
            "dueCount": due,
            "overdueCount": not_held + not_acknowledged,
            "notHeldCount": not_held,
            "notAcknowledgedCount": not_acknowledged,
            "heldRate": rate(due - not_held, due),
            "acknowledgedRate": rate(acknowledged, submitted + acknowledged),
            "medianSecondsToAcknowledge": median,
        });
        overview.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        overview
    });
    let overviews: Vec<Value> = overviews.collect();
    let without = names.iter().filter(|name| sessions.iter().all(|one| one["agentUserName"] != **name)).count();
    (overviews, without)
}

async fn compare(imagined: &Imagined) {
    let service = TestService::start().await;
    load(&service, imagined).await;
    let start = hour(imagined.window.0);
    let agents = if imagined.everyone { &AGENTS[..] } else { &AGENTS[..2] };
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": told(start),
        "endTime": told(start + TimeDelta::hours(imagined.window.1)),
        "pageSize": imagined.page_size,
    });
    if !imagined.everyone {
        body["agentUserNames"] = json!(AGENTS[..2].iter().map(|agent| user_name(agent)).collect::<Vec<_>>());
    }
    let listed = service.succeed(&Event::get("coachingSessions").with("pageSize", "1000")).await;
    let (right, without) = recounted(listed["coachingSessions"].as_array().unwrap(), agents, &body);
    let mut answered: Vec<Value> = Vec::new();
    loop {
        let answer = service.succeed(&Event::post("coachOverviews:retrieve", body.clone())).await;
        assert_eq!(answer["agentsWithoutSessionCount"], json!(without), "{body}");
        let page = answer["coachOverviews"].as_array().unwrap();
        answered.extend(page.iter().cloned());
        match answer.get("nextPageToken") {
            None => break,
            Some(token) => {
                assert_eq!(page.len(), imagined.page_size);
                body["pageToken"] = token.clone();
            }
        }
    }
    assert_eq!(answered, right, "{body}");
    for coach in &answered {
        let count = |field: &str| coach[field].as_u64().unwrap();
        let states = ["scheduledCount", "heldCount", "submittedCount", "acknowledgedCount"].map(count);
        assert_eq!(states.iter().sum::<u64>(), count("coachingSessionCount"));
    }
}

#[test]
fn every_overview_equals_a_recount_of_what_lists_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = u32::try_from(coaching_tests::number_asked("CASES", 16)).unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&imagined(), |imagined| {
            runtime.block_on(compare(&imagined));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn more_than_five_thousand_agents_are_refused() {
    let service = TestService::seeded().await;
    // The directory has two of its own.
    service.count_further(4998).await;
    service.succeed(&retrieve(json!({}))).await;
    service.count_further(1).await;
    let refused = service.refused(&retrieve(json!({})), 400).await;
    assert_eq!((refused.reason(), &refused.body["status"]), ("SCOPE_TOO_LARGE", &json!("FAILED_PRECONDITION")));
    assert!(refused.body["message"].as_str().unwrap().contains("5001 agents, and may be for 5000"), "{}", refused.body);
    service.succeed(&retrieve(json!({"groupNames": ["customers/acme/groups/team"]}))).await;
}

#[tokio::test]
async fn a_page_token_is_of_its_request_alone() {
    let service = TestService::seeded().await;
    let session = json!({
        "agentUserName": user_name("ben"),
        "creatorUserName": user_name("mark"),
        "coachingPlanName": plan_name("ben-plan"),
        "sessionTime": "2026-06-08T10:00:00Z",
    });
    service.succeed(&import("coachingSessions", session)).await;
    let first = service.succeed(&retrieve(json!({"pageSize": 1}))).await;
    assert_eq!(first["coachOverviews"][0]["coachUserName"], user_name("maria"));
    let next = |more: Value| {
        let mut body = json!({"pageSize": 1, "pageToken": first["nextPageToken"]});
        merge(&mut body, more);
        retrieve(body)
    };
    let second = service.succeed(&next(json!({}))).await;
    assert_eq!(second["coachOverviews"][0]["coachUserName"], user_name("mark"));
    assert_eq!(second.get("nextPageToken"), None);
    for other in [json!({"endTime": "2026-06-11T12:00:00Z"}), json!({"includeInactiveUsers": true})] {
        assert_eq!(service.refused(&next(other), 400).await.refused_fields(), ["pageToken"]);
    }
}

#[tokio::test]
async fn who_left_within_the_window_counts_when_named_or_among_the_inactive() {
    let service = TestService::seeded().await;
    let mut ana = user("ana");
    ana["roles"] = json!(["manager"]);
    let load = import("", json!({"users": [ana]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load).await;
    service.advance(TimeDelta::hours(1));
    let coaches =
        async |more: Value| service.succeed(&retrieve(more)).await["coachOverviews"].as_array().unwrap().len();
    assert_eq!(coaches(json!({})).await, 0);
    assert_eq!(coaches(json!({"includeInactiveUsers": true})).await, 1);
    assert_eq!(coaches(json!({"agentUserNames": [user_name("ana")]})).await, 1);
    // In a window that was over by then she is an agent.
    assert_eq!(coaches(json!({"endTime": "2026-06-01T00:00:00Z"})).await, 1);
}

#[tokio::test]
async fn sessions_of_whom_something_cannot_be_read_are_left_out() {
    let service = TestService::seeded().await;
    let items = service.items().await;
    let (_, mark) = items.iter().find(|(key, _)| key.ends_with("#ana#session#held-1")).unwrap();
    let mut damaged = mark.clone();
    damaged.insert("session".to_owned(), AttributeValue::S("##".to_owned()));
    service.put(&[damaged]).await;
    for more in [json!({}), json!({"agentUserNames": (["ana", "ben"].map(user_name))})] {
        let answer = service.succeed(&retrieve(more)).await;
        assert_eq!(answer["coachOverviews"], json!([]), "{answer}");
        assert_eq!(
            (&answer["unreachable"], &answer["agentsWithoutSessionCount"]),
            (&json!([user_name("ana")]), &json!(1))
        );
    }
}
