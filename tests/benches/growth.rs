//! How cost grows: of progress, overviews and quotas with the agents of a profile, of a page of sessions with the number of sessions.
//!
//! ```sh
//! cargo bench -p coaching-tests --bench growth
//! AGENTS=100000 SESSIONS=1000000 cargo bench -p coaching-tests --bench growth
//! FEWEST_AGENTS=100000 AGENTS=100000 SESSIONS=1 cargo bench -p coaching-tests --bench growth
//! ```
//!
//! Units and calls are exact. Times are those of the embedded DynamoDB, which answers one call at a time. It runs in a
//! process of its own, so that processor time and memory are those of the operation alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a bench fails by panicking")]

mod apart;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{Days, TimeDelta};
use coaching_domain::names::{CoachingPlan, CoachingSession, ScorecardTemplate, Usecase, User};
use coaching_domain::session::State;
use coaching_domain::statistics::{Contribution, FULL, Period, Statistics};
use coaching_domain::{Id, Tenant, Timestamp};
use coaching_local::OPERATIONS;
use coaching_store::{Cursor, SessionFilter, keys};
use coaching_tests::{
    Event, NOW, TestService, Trace, answer, below_support, number_asked, plan_name, session_name, usecase_name,
    user_name,
};
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

use apart::{Apart, Item, load, processor_seconds, text, was_dynamodb};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The number of different statistics among the agents.
const VARIANTS: usize = 20;
fn main() {
    if was_dynamodb() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        progress(number_asked("FEWEST_AGENTS", 100)..=number_asked("AGENTS", 10_000)).await;
        lists(number_asked("SESSIONS", 100_000)).await;
    });
}

#[expect(clippy::disallowed_methods, reason = "items are loaded for no caller")]
fn tenant() -> Tenant {
    Tenant::for_maintenance("acme", "support").unwrap()
}

// --- progress

async fn progress(sizes: RangeInclusive<u64>) {
    println!(
        "\nProgress, overviews and quotas of agents with 20 criteria scored ten times on every day of four months, three targets, four \
         sessions and eight evaluations in two months, two of them linked to a plan; pages of 50.\n"
    );
    println!(
        "| agents | request | page | read units | write units | an agent | calls | in sequence | time | processor | memory |"
    );
    println!("|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for agents in [100, 1_000, 10_000, 100_000] {
        if sizes.contains(&(agents as u64)) {
            progress_of(agents).await;
        }
    }
}

async fn progress_of(agents: usize) {
    let apart = Apart::start();
    let mut service = TestService::on(apart.url()).await;
    service.app.answer_within = Duration::from_secs(600);
    load_agents(&service, agents).await;
    for (name, groups) in [("a team of 25", true), ("everyone", false)] {
        let windows = [("a month", "2026-05-21T00:00:00Z"), ("two periods", "2026-04-10T00:00:00Z")];
        let orders = [("time", "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME"), ("scorecards", "ORDER_BY_NUM_SCORECARD")];
        for ((what, start), (by, order)) in windows.into_iter().flat_map(|window| orders.map(|order| (window, order))) {
            let mut body = json!({
                "usecaseNames": [usecase_name("care")],
                "orderBy": order,
                "startTime": start,
                "endTime": "2026-06-20T00:00:00Z",
                "pageSize": 50,
            });
            if groups {
                body["groupNames"] = json!(["customers/acme/groups/team"]);
            }
            for page in ["first", "next"] {
                let asked = format!("overviews of {name} by {by}, {what}");
                let operation = ("retrieve-overviews", "coachingOverviews:retrieve");
                let answered = measure(&service, operation, agents, &asked, page, &body).await;
                let overviews = answered["agentCoachingOverviews"].as_array().unwrap();
                assert_eq!(overviews.len(), if groups { 25 } else { 50 });
                let counts = ["coachingSessionCount", "linkedScorecardCount"].map(|count| overviews[0][count].as_u64());
                let periods = if what == "a month" { 1 } else { 2 };
                assert_eq!(counts, [Some(4 * periods), Some(2 * periods)]);
                match answered.get("nextPageToken") {
                    None => break,
                    Some(token) => body["pageToken"] = token.clone(),
                }
            }
        }
        for (by, order) in [("name", "AGENT_NAME"), ("what remains", "REMAINING")] {
            let mut body = json!({"orderBy": order, "pageSize": 50});
            if groups {
                body["groupNames"] = json!(["customers/acme/groups/team"]);
            }
            for page in ["first", "next"] {
                let asked = format!("evaluations of {name} by {by}");
                let operation = ("retrieve-quota", "scorecardTemplates/long:retrieveEvaluationProgress");
                let answered = measure(&service, operation, agents, &asked, page, &body).await;
                let progresses = answered["agentEvaluationProgresses"].as_array().unwrap();
                assert_eq!(progresses.len(), if groups { 25 } else { 50 });
                assert_eq!(progresses[0]["evaluationCount"], 8);
                match answered.get("nextPageToken") {
                    None => break,
                    Some(token) => body["pageToken"] = token.clone(),
                }
            }
        }
        for (order, direction) in [
            ("ORDER_BY_UNSPECIFIED", "ORDER_DIRECTION_ASC"),
            ("ORDER_BY_UNSPECIFIED", "ORDER_DIRECTION_DESC"),
            ("ORDER_BY_PROGRESS", "ORDER_DIRECTION_DESC"),
            ("ORDER_BY_GAP", "ORDER_DIRECTION_DESC"),
        ] {
            let mut body = json!({
                "usecaseNames": [usecase_name("care")],
                "orderBy": order,
                "orderDirection": direction,
                "pageSize": 50,
            });
            if groups {
                body["groupNames"] = json!(["customers/acme/groups/team"]);
            }
            for page in ["first", "next"] {
                let order = order.trim_start_matches("ORDER_BY_").to_lowercase().replace("unspecified", "name");
                let direction = if order == "name" && direction.ends_with("DESC") { ", descending" } else { "" };
                let asked = format!("{name} by {order}{direction}");
                let operation = ("retrieve-progress", "coachingProgresses:retrieve");
                let answered = measure(&service, operation, agents, &asked, page, &body).await;
                let expected = if groups { 25 } else { 50 };
                assert_eq!(answered["agentCoachingProgresses"].as_array().unwrap().len(), expected);
                match answered.get("nextPageToken") {
                    None => break,
                    Some(token) => body["pageToken"] = token.clone(),
                }
            }
        }
    }
}

/// Answers one request, and prints its cost.
async fn measure(
    service: &TestService,
    (operation, path): (&str, &str),
    agents: usize,
    asked: &str,
    page: &str,
    body: &Value,
) -> Value {
    let event = Event::post(path, body.clone()).to_json();
    let operation = OPERATIONS.iter().find(|one| one.name == operation).unwrap();
    let app = service.app.for_one_request();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let (started, processor) = (Instant::now(), processor_seconds());
    let answered = answer(operation, &app, event.clone()).await;
    let (took, processor) = (started.elapsed(), processor_seconds() - processor);
    let memory = MEMORY.peak_usage().saturating_sub(before);
    assert_eq!(answered.status, 200, "{}", answered.body);
    let spent = app.store.consumed();
    let (_, trace) = Trace::of(service, async |app| answer(operation, &app, event).await).await;
    println!(
        "| {agents} | {asked} | {page} | {} | {} | {:.2} | {} | {} | {:.0} ms | {:.0} ms | {:.1} MB |",
        spent.read_units,
        spent.write_units,
        spent.read_units / agents as f64,
        spent.calls,
        trace.calls_in_sequence,
        took.as_secs_f64() * 1e3,
        processor * 1e3,
        memory as f64 / 1e6,
    );
    answered.body
}

fn agent_id(number: usize) -> String {
    format!("agent-{number:08}-{:04x}", number.wrapping_mul(40_503) % 65_536)
}

/// Fills the profile with copies of one agent's record, which comes from the directory.
async fn load_agents(service: &TestService, agents: usize) {
    let team: Vec<String> = (0..25).map(|number| agent_id(number * agents / 25)).collect();
    service.directory(&team.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let chapters: Vec<Value> = (0..4)
        .map(|chapter| {
            let criterion = |number| json!({"criterionId": format!("criterion-{chapter}-{number}"), "displayName": "Criterion", "maximumValue": 5});
            json!({"chapterId": format!("chapter-{chapter}"), "criteria": (0..5).map(criterion).collect::<Vec<_>>()})
        })
        .collect();
    // A period of evaluations is one of statistics.
    let qa_task = json!({
        "evaluationPeriodConfig": {"kind": "MONTH", "interval": 2, "anchorDate": "2026-03-01"},
        "taskCompleteConfig": {"evaluatedConversationCountPerAgent": 10},
    });
    service.template("long", json!({"template": {"chapters": chapters}, "qaTaskConfig": qa_task})).await;
    for part in ["", "criterion-1-2", "chapter-3"] {
        let target = json!({
            "scorecardTemplateName": below_support("scorecardTemplates/long"),
            "criterionOrChapterId": part,
            "target": 75,
            "usecaseName": usecase_name("care"),
        });
        service.succeed(&Event::post("targets", target)).await;
    }
    let tenant = tenant();
    let care: Id<Usecase> = Id::parse("care").unwrap();
    let like = service.items().await[&format!("acme#support#agent#{} / agent", team[0])].clone();
    load(service, "agents", agents, |number| {
        let id: Id<User> = Id::parse(&agent_id(number)).unwrap();
        let name = format!("{} {number}", ["Ana", "Ben", "Chloe", "Dev"][number % 4]);
        let mut item = like.clone();
        item.insert(keys::PK.to_owned(), text(&keys::agent(&tenant, &id).partition));
        item.insert(keys::LIST_ORDER.to_owned(), text(Cursor::by_name(&name, &id).as_str()));
        item.insert("display_name".to_owned(), text(&name));
        item.insert(format!("plan#{}", uuid::Uuid::new_v4()), text("care"));
        item
    })
    .await;
    let today = Timestamp::parse(NOW).unwrap().as_utc().date_naive();
    let periods = [Period::of(today - Days::new(60)), Period::of(today)];
    let cells: Vec<Vec<u8>> = (0..VARIANTS * 2).map(|variant| packed(variant, periods[variant % 2])).collect();
    eprintln!(
        "statistics take {} to {} bytes",
        cells.iter().map(Vec::len).min().unwrap(),
        cells.iter().map(Vec::len).max().unwrap()
    );
    load(service, "statistics", agents * 2, |number| {
        let (agent, period) = (number / 2, number % 2);
        let id: Id<User> = Id::parse(&agent_id(agent)).unwrap();
        let key = keys::statistics(&tenant, &care, &id, periods[period]);
        HashMap::from([
            (keys::PK.to_owned(), text(&key.partition)),
            (keys::SK.to_owned(), text(&key.sort)),
            ("version".to_owned(), AttributeValue::N("610".to_owned())),
            ("changed".to_owned(), AttributeValue::N("1780000000".to_owned())),
            ("cells".to_owned(), AttributeValue::B(Blob::new(cells[agent % VARIANTS * 2 + period].clone()))),
        ])
    })
    .await;
    load_activity(service, agents, periods).await;
}

/// The marks of an agent in a period.
const MARKS: usize = 12;

/// Writes the marks of four sessions and eight evaluations of each agent in each of two periods; two of the evaluations
/// are linked to a plan.
async fn load_activity(service: &TestService, agents: usize, periods: [Period; 2]) {
    let tenant = tenant();
    let care: Id<Usecase> = Id::parse("care").unwrap();
    load(service, "activity", agents * 2 * MARKS, |number| {
        let (agent, period, mark) = (number / MARKS / 2, number / MARKS % 2, number % MARKS);
        let agent: Id<User> = Id::parse(&agent_id(agent)).unwrap();
        let id = uuid::Uuid::new_v4();
        let time = periods[period].first_day() + Days::new(mark as u64 % 4 + 45);
        let plan = uuid::Uuid::new_v4();
        let mut item = Item::new();
        let key = if mark < 4 {
            let text_of = format!("{time}T10:00:00Z#TN#{time}T11:00:00Z#{time}T12:00:00Z#maria#{plan}");
            item.insert("session".to_owned(), text(&text_of));
            keys::session_mark(&tenant, &care, &agent, periods[period], &Id::parse(&id.to_string()).unwrap())
        } else {
            item.insert("scorecard".to_owned(), text(&format!("{time}T10:00:00Z#long")));
            item.insert("evaluation".to_owned(), AttributeValue::Bool(true));
            if mark < 6 {
                item.insert("plans".to_owned(), AttributeValue::L(vec![text(&plan.to_string())]));
            }
            keys::scorecard_mark(&tenant, &care, &agent, periods[period], &Id::parse(&id.to_string()).unwrap())
        };
        item.insert(keys::PK.to_owned(), text(&key.partition));
        item.insert(keys::SK.to_owned(), text(&key.sort));
        item
    })
    .await;
}

/// Statistics of ten scorecards a day with 20 criteria in four chapters.
fn packed(variant: usize, period: Period) -> Vec<u8> {
    let template: Id<ScorecardTemplate> = Id::parse("long").unwrap();
    let mut chance = fastrand::Rng::with_seed(variant as u64);
    let mut statistics = Statistics::default();
    for day in 0..61 {
        for _ in 0..10 {
            let criteria: Vec<u64> = (0..20).map(|_| chance.u64(variant as u64 % 4..=5) * (FULL / 5)).collect();
            let chapters = criteria.chunks(5).map(|chapter| chapter.iter().sum::<u64>() / 5);
            let whole = criteria.iter().sum::<u64>() / 20;
            let scores = std::iter::once(whole).chain(chapters).chain(criteria.iter().copied()).enumerate();
            let scores = scores.map(|(number, score)| (number as u32, score)).collect();
            let day = period.first_day() + Days::new(day);
            statistics.add(period, &Contribution { template: template.clone(), day, scores }).unwrap();
        }
    }
    statistics.encode()
}

// --- lists

async fn lists(sessions: u64) {
    let sessions = usize::try_from(sessions).unwrap();
    let apart = Apart::start();
    let service = TestService::on(apart.url()).await;
    let history = History { apart: TimeDelta::days(4 * 365) / i32::try_from(sessions).unwrap() };
    load_sessions(&service, history, sessions).await;
    println!(
        "\nA page of 50 of {sessions} sessions of 500 agents, 400 plans and 4 usecases; one in 1,000 is not acknowledged.\n"
    );
    println!("| filter | page | sessions | read units | calls | in sequence | time |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    let time = |text| Some(Timestamp::parse(text).unwrap());
    let usecase = |number: usize| Id::<Usecase>::parse(&format!("usecase-{number}")).unwrap();
    let all = SessionFilter::default;
    let agent = || Some(Id::<User>::parse("agent-0001").unwrap());
    let plan = || Some(Id::<CoachingPlan>::parse("plan-00001").unwrap());
    let overdue = SessionFilter { overdue: Some(true), ..all() };
    for (what, filter) in [
        ("none", all()),
        ("agent", SessionFilter { agent: agent(), ..all() }),
        ("plan", SessionFilter { plan: plan(), ..all() }),
        ("usecase", SessionFilter { usecases: vec![usecase(1)], ..all() }),
        ("all four usecases", SessionFilter { usecases: (0..4).map(usecase).collect(), ..all() }),
        ("agent and usecase", SessionFilter { agent: agent(), usecases: vec![usecase(1)], ..all() }),
        ("state ACKNOWLEDGED", SessionFilter { states: vec![State::Acknowledged], ..all() }),
        ("state SUBMITTED", SessionFilter { states: vec![State::Submitted], ..all() }),
        ("state SCHEDULED", SessionFilter { states: vec![State::Scheduled], ..all() }),
        ("overdue", overdue.clone()),
        ("overdue, usecase", SessionFilter { usecases: vec![usecase(1)], ..overdue }),
        (
            "a month of session time",
            SessionFilter { start_session_time: time(MONTH[0]), end_session_time: time(MONTH[1]), ..all() },
        ),
        (
            "a month of update time",
            SessionFilter { start_update_time: time(MONTH[0]), end_update_time: time(MONTH[1]), ..all() },
        ),
    ] {
        // The last page: a position so far from the end that a full page still matches.
        let by_creation = |apart: usize| history.place(sessions.saturating_sub(50 * apart + 1));
        let last = match &filter {
            SessionFilter { start_session_time: Some(start), .. } => {
                history.place_by_session_time(history.number_at(start.plus(-HELD_AFTER)) - 51)
            }
            SessionFilter { end_update_time: Some(end), .. } => {
                history.place_by_update_time(history.number_at(end.plus(-CHANGED_AFTER)) + 51)
            }
            SessionFilter { plan: Some(_), .. } => by_creation(400),
            SessionFilter { agent: Some(_), .. } => by_creation(500),
            SessionFilter { usecases, .. } if usecases.len() == 1 => by_creation(40),
            _ => by_creation(2),
        };
        for (page, after) in [("first", None), ("last", Some(&last))] {
            let now = service.app.now().unwrap();
            let started = Instant::now();
            let (found, trace) = Trace::of(&service, async |app| {
                let page = app.store.sessions(&tenant(), &filter, after, 50, now).await;
                (page.map(|page| page.entries.len()), app.store.consumed())
            })
            .await;
            let took = started.elapsed();
            let (found, spent) = found;
            println!(
                "| {what} | {page} | {} | {} | {} | {} | {:.1} ms |",
                found.map_or_else(|error| error.to_string(), |found| found.to_string()),
                spent.read_units,
                spent.calls,
                trace.calls_in_sequence,
                took.as_secs_f64() * 1e3
            );
        }
    }
}

/// The time of the last creation of a session.
const END: &str = "2026-05-30T00:00:00Z";
/// A range of time.
const MONTH: [&str; 2] = ["2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z"];
/// The time from a session's creation to its session time, and to its last change.
const HELD_AFTER: TimeDelta = TimeDelta::hours(26);
const CHANGED_AFTER: TimeDelta = TimeDelta::hours(28);

/// Sessions created at even intervals up to [`END`], the latest first.
#[derive(Clone, Copy)]
struct History {
    apart: TimeDelta,
}

impl History {
    fn created(self, number: usize) -> Timestamp {
        Timestamp::parse(END).unwrap().plus(-self.apart * i32::try_from(number).unwrap())
    }

    /// The session created at `time` or first after it.
    fn number_at(self, time: Timestamp) -> usize {
        let age = Timestamp::parse(END).unwrap().unix_seconds() - time.unix_seconds();
        usize::try_from(age * 1_000 / self.apart.num_milliseconds()).unwrap()
    }

    fn id(self, number: usize) -> Id<CoachingSession> {
        Id::parse(&format!("session-{number:08}")).unwrap()
    }

    fn place(self, number: usize) -> Cursor {
        Cursor::latest_first(self.created(number), &self.id(number))
    }

    fn place_by_session_time(self, number: usize) -> Cursor {
        Cursor::latest_first(self.created(number).plus(HELD_AFTER), &self.id(number))
    }

    fn place_by_update_time(self, number: usize) -> Cursor {
        Cursor::earliest_first(self.created(number).plus(CHANGED_AFTER), &self.id(number))
    }
}

/// Fills the profile with copies of one created session, with the times of `history`.
async fn load_sessions(service: &TestService, history: History, sessions: usize) {
    service.directory(&["ana"]).await;
    service.plan("ana-plan", "ana").await;
    let session = json!({
        "name": session_name("like"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "usecaseName": usecase_name("care"),
        "sessionTime": "2026-05-01T10:00:00Z",
        "meetingNotes": "Listened to two calls together, and agreed on what to try next.",
        "managerSubmitTime": "2026-05-01T11:00:00Z",
        "agentSubmitTime": "2026-05-01T12:00:00Z",
        "acknowledgeTime": "2026-05-01T12:00:00Z",
        "createTime": "2026-05-01T09:00:00Z",
    });
    service.succeed(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
    let like = service.items().await["acme#support#session#like / session"].clone();
    service.succeed(&Event::new("DELETE", "coachingSessions/like").by("service", "sync@acme")).await;
    let tenant = tenant();
    load(service, "sessions", sessions, |number| {
        let id = history.id(number);
        let after = |time| text(&history.created(number).plus(time).to_string());
        let agent: Id<User> = Id::parse(&format!("agent-{:04}", number % 500)).unwrap();
        let plan: Id<CoachingPlan> = Id::parse(&format!("plan-{:05}", number % 400)).unwrap();
        let usecase: Id<Usecase> = Id::parse(&format!("usecase-{}", number / 500 % 4)).unwrap();
        let mut item = like.clone();
        for (attribute, value) in [
            (keys::PK, text(&keys::session(&tenant, &id).partition)),
            (keys::LIST_ORDER, text(history.place(number).as_str())),
            (keys::SESSION_TIME_ORDER, text(history.place_by_session_time(number).as_str())),
            (keys::UPDATE_TIME_ORDER, text(history.place_by_update_time(number).as_str())),
            ("agent_list", text(&keys::sessions_of_agent(&tenant, &agent))),
            ("plan_list", text(&keys::sessions_of_plan(&tenant, &plan))),
            ("usecase_list", text(&keys::sessions_of_usecase(&tenant, &usecase))),
            ("agent", text(agent.as_str())),
            ("plan", text(plan.as_str())),
            ("usecase", text(usecase.as_str())),
            ("create_time", after(TimeDelta::zero())),
            ("session_time", after(HELD_AFTER)),
            ("manager_submit_time", after(HELD_AFTER)),
            ("acknowledge_time", after(CHANGED_AFTER)),
            ("agent_submit_time", after(CHANGED_AFTER)),
            ("update_time", after(CHANGED_AFTER)),
        ] {
            item.insert(attribute.to_owned(), value);
        }
        if number % 1_000 == 7 {
            item.insert("open_list".to_owned(), text(&keys::sessions_of_profile(&tenant)));
            item.remove("acknowledge_time");
            item.remove("agent_submit_time");
        }
        item
    })
    .await;
}
