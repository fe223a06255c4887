//! `list-sessions`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::ffi::OsStr;

use chrono::TimeDelta;
use coaching_tests::{
    Answered, Case, Event, PAGE_TOKEN_SECRET, Target, TestService, bytes_of, event_file, merge, plan_name,
    refuses_to_start, replay, session_name, usecase_name, user_name,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const CASES: [Case; 27] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-states", status: 200, refused: &[] },
    Case { name: "by-overdue", status: 200, refused: &[] },
    Case { name: "by-start-session-time", status: 200, refused: &[] },
    Case { name: "by-end-session-time", status: 200, refused: &[] },
    Case { name: "by-start-update-time", status: 200, refused: &[] },
    Case { name: "by-end-update-time", status: 200, refused: &[] },
    Case { name: "by-agent", status: 200, refused: &[] },
    Case { name: "by-plan", status: 200, refused: &[] },
    Case { name: "by-repeated-usecases", status: 200, refused: &[] },
    Case { name: "by-everything", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "negative-page-size", status: 400, refused: &["pageSize"] },
    Case { name: "foreign-page-token", status: 400, refused: &["pageToken"] },
    Case { name: "unknown-parameter", status: 400, refused: &["usecaseNames", "pageSize", "agentUsername"] },
    Case { name: "another-customers-plan", status: 400, refused: &["coachingPlanName"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-group", status: 200, refused: &[] },
    Case { name: "by-creator", status: 200, refused: &[] },
    Case { name: "by-order", status: 200, refused: &[] },
    Case { name: "with-display-names", status: 200, refused: &[] },
    Case { name: "an-agents-own-with-display-names", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-group", status: 403, refused: &[] },
    Case { name: "unknown-group", status: 400, refused: &["groupNames"] },
    Case { name: "bad-additions", status: 400, refused: &["groupNames", "creatorUserName", "orderBy", "include"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-sessions", &CASES, Target::Handler(&list_sessions::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-sessions", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-sessions"))).await;
}

#[tokio::test]
async fn without_its_page_token_secret_it_does_not_start() {
    let binary = env!("CARGO_BIN_EXE_list-sessions");
    let with_one = [("PAGE_TOKEN_SECRET", PAGE_TOKEN_SECRET)];
    for (variable, changed) in [
        ("PAGE_TOKEN_SECRET", None),
        ("PAGE_TOKEN_SECRET", Some("short")),
        ("PAGE_TOKEN_SECRET_PREVIOUS", Some("short")),
    ] {
        refuses_to_start(binary, &with_one, variable, changed.map(OsStr::new)).await;
    }
}

const AGENTS: [&str; 3] = ["ana", "ben", "chloe"];

async fn service() -> TestService {
    let service = TestService::start().await;
    service.usecases(&["care", "u0", "u1", "u2", "u3"]).await;
    for agent in AGENTS {
        service.plan(&format!("{agent}-1"), agent).await;
        service.plan(&format!("{agent}-2"), agent).await;
    }
    service
}

/// Imports a session of plan 1 or 2 of `agent`.
async fn import(service: &TestService, id: &str, agent: &str, plan: u8, create_time: &str, more: Value) -> Value {
    let mut session = json!({
        "name": session_name(id),
        "agentUserName": user_name(agent),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(&format!("{agent}-{plan}")),
        "createTime": create_time,
    });
    merge(&mut session, more);
    let answered = service.send(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body["coachingSession"].clone()
}

fn list() -> Event {
    Event::get("coachingSessions")
}

fn creator(by_mark: bool) -> &'static str {
    if by_mark { "mark" } else { "maria" }
}

/// Loads a group of `members`.
async fn group(service: &TestService, id: &str, members: &[String]) {
    let group = json!({"name": format!("customers/acme/groups/{id}"), "displayName": id, "memberUserNames": members});
    let load = Event::post("", json!({"groups": [group]})).to("/v1/customers/acme/groups:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
}

fn names(answered: &Answered) -> Vec<String> {
    assert_eq!(answered.status, 200, "{}", answered.body);
    let sessions = answered.body["coachingSessions"].as_array().unwrap();
    sessions.iter().map(|session| session["name"].as_str().unwrap().to_owned()).collect()
}

fn token(answered: &Answered) -> Option<String> {
    answered.body.get("nextPageToken").map(|token| token.as_str().unwrap().to_owned())
}

/// Walks every page of `event` with alternating page sizes; every page but the last must be full.
async fn walk(service: &TestService, event: &Event, sizes: &[usize]) -> Vec<String> {
    let mut walked = Vec::new();
    let mut page_token: Option<String> = None;
    for size in sizes.iter().cycle() {
        let mut page = event.clone().with("pageSize", &size.to_string());
        if let Some(token) = &page_token {
            page = page.with("pageToken", token);
        }
        let answered = service.send(&page).await;
        let on_page = names(&answered);
        page_token = token(&answered);
        assert!(on_page.len() == *size || page_token.is_none(), "a page that is not the last holds {}", on_page.len());
        assert!(on_page.len() <= *size);
        walked.extend(on_page);
        if page_token.is_none() {
            return walked;
        }
    }
    walked
}

#[tokio::test]
async fn a_session_is_listed_with_all_that_reading_it_tells() {
    let service = TestService::seeded().await;
    let event = event_file("create-session", "every-field-imported");
    let mut session: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    session["privateNotes"] = "Was tired.".into();
    service.succeed(&Event::post("coachingSessions", session.clone()).by("service", "sync@acme")).await;
    for (role, user) in [("service", "sync@acme"), ("manager", "maria"), ("agent", "ana")] {
        let got = service.succeed(&Event::get("coachingSessions/imported-1").by(role, user)).await;
        let lists = [
            list(),
            list().with("agentUserName", &user_name("ana")),
            list().with("startSessionTime", session["sessionTime"].as_str().unwrap()),
            list().with("startUpdateTime", session["updateTime"].as_str().unwrap()),
        ];
        for list in lists {
            let listed = service.succeed(&list.by(role, user)).await;
            let listed = listed["coachingSessions"].as_array().unwrap().iter();
            let same = listed.filter(|listed| listed["name"] == got["coachingSession"]["name"]).collect::<Vec<_>>();
            assert_eq!(same, [&got["coachingSession"]], "{role}");
        }
    }
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let service = TestService::start().await;
    let answered = service.send(&list()).await;
    assert_eq!(answered.body, json!({"coachingSessions": []}));
}

/// The parameters of one case of the property.
#[derive(Debug, Clone)]
struct Imagined {
    sessions: Vec<ImaginedSession>,
    agent: Option<usize>,
    plan: Option<u8>,
    usecases: Vec<u8>,
    /// Members of a group, and the creator.
    members: Option<Vec<usize>>,
    creator: Option<bool>,
    by_session_time: bool,
    /// The range of hours in which sessions were held, and in which they were changed.
    held: (Option<u32>, Option<u32>),
    changed: (Option<u32>, Option<u32>),
    sizes: Vec<usize>,
}

#[derive(Debug, Clone)]
struct ImaginedSession {
    agent: usize,
    plan: u8,
    usecase: Option<u8>,
    by_mark: bool,
    /// Hours of a day.
    created: u32,
    held: Option<u32>,
    changed: u32,
}

fn imagined() -> impl Strategy<Value = Imagined> {
    let hours = || {
        let ends = (prop::option::of(0..6_u32), prop::option::of(0..6_u32));
        ends.prop_map(|(start, end)| (start, end.filter(|end| start.is_none_or(|start| start < *end))))
    };
    let hour = || prop::option::of(0..6_u32);
    let session = (0..AGENTS.len(), 1..=2_u8, prop::option::of(0..3_u8), any::<bool>(), 0..6_u32, hour(), 0..6_u32)
        .prop_map(|(agent, plan, usecase, by_mark, created, held, changed)| {
            let changed = created.max(changed);
            ImaginedSession { agent, plan, usecase, by_mark, created, held, changed }
        });
    let additions = (
        prop::option::weighted(0.3, prop::collection::vec(0..AGENTS.len(), 0..3)),
        prop::option::weighted(0.3, any::<bool>()),
        prop::bool::weighted(0.3),
    );
    (
        prop::collection::vec(session, 0..40),
        prop::option::of(0..AGENTS.len()),
        prop::option::of(1..=2_u8),
        prop::collection::vec(0..4_u8, 0..3),
        prop_oneof![Just((None, None)), hours()],
        prop_oneof![Just((None, None)), hours()],
        prop::collection::vec(1..12_usize, 1..4),
        additions,
    )
        .prop_map(|(sessions, agent, plan, usecases, held, changed, sizes, additions)| Imagined {
            sessions,
            agent,
            plan,
            usecases,
            members: additions.0,
            creator: additions.1,
            by_session_time: additions.2,
            held,
            changed,
            sizes,
        })
}

#[test]
fn pages_in_any_combination_of_filters_are_the_filtered_list() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner
        .run(&imagined(), |case| {
            runtime.block_on(check(&case));
            Ok(())
        })
        .unwrap();
}

async fn check(case: &Imagined) {
    let service = service().await;
    let mut sessions = Vec::new();
    let time = |hour: u32| format!("2026-05-01T{hour:02}:00:00Z");
    for (number, session) in case.sessions.iter().enumerate() {
        let ImaginedSession { agent, plan, usecase, by_mark, created, held, changed } = session;
        let more = json!({
            "usecaseName": usecase.map(|usecase| usecase_name(&format!("u{usecase}"))),
            "sessionTime": held.map(time),
            "updateTime": time(*changed),
            "creatorUserName": user_name(creator(*by_mark)),
        });
        // Names that are not in the order of creation.
        let id = format!("s{:02}", (number * 7) % 40);
        sessions.push(import(&service, &id, AGENTS[*agent], *plan, &time(*created), more).await);
    }
    let mut event = list();
    if let Some(agent) = case.agent {
        event = event.with("agentUserName", &user_name(AGENTS[agent]));
        sessions.retain(|session| session["agentUserName"] == user_name(AGENTS[agent]));
    }
    if let Some(plan) = case.plan {
        let name = plan_name(&format!("ana-{plan}"));
        event = event.with("coachingPlanName", &name);
        sessions.retain(|session| session["coachingPlanName"] == name);
    }
    if !case.usecases.is_empty() {
        let wanted: HashSet<String> =
            case.usecases.iter().map(|usecase| usecase_name(&format!("u{usecase}"))).collect();
        for usecase in &case.usecases {
            event = event.with("usecaseNames", &usecase_name(&format!("u{usecase}")));
        }
        sessions.retain(|session| session["usecaseName"].as_str().is_some_and(|usecase| wanted.contains(usecase)));
    }
    if let Some(members) = &case.members {
        let members: Vec<String> = members.iter().map(|member| user_name(AGENTS[*member])).collect();
        group(&service, "some", &members).await;
        event = event.with("groupNames", "customers/acme/groups/some");
        sessions.retain(|session| members.iter().any(|member| session["agentUserName"] == *member));
    }
    if let Some(by_mark) = case.creator {
        let creator = user_name(creator(by_mark));
        event = event.with("creatorUserName", &creator);
        sessions.retain(|session| session["creatorUserName"] == creator);
    }
    if case.by_session_time {
        event = event.with("orderBy", "ORDER_BY_SESSION_TIME");
        sessions.retain(|session| session.get("sessionTime").is_some());
    }
    for (field, names, (start, end)) in [
        ("sessionTime", ["startSessionTime", "endSessionTime"], case.held),
        ("updateTime", ["startUpdateTime", "endUpdateTime"], case.changed),
    ] {
        for (name, hour) in names.iter().zip([start, end]) {
            event = hour.into_iter().fold(event, |event, hour| event.with(name, &time(hour)));
        }
        sessions.retain(|session| {
            let of_session = session.get(field).map(|time| time.as_str().unwrap());
            start.is_none_or(|start| of_session.is_some_and(|of_session| of_session >= time(start).as_str()))
                && end.is_none_or(|end| of_session.is_some_and(|of_session| of_session < time(end).as_str()))
        });
    }
    let of_profile = case.agent.is_none() && case.plan.is_none();
    let text = |session: &Value, key: &str| session[key].as_str().unwrap().to_owned();
    sessions.sort_by(|a, b| {
        let later = |key| text(b, key).cmp(&text(a, key));
        let order = match (case.held, case.changed) {
            _ if case.by_session_time => later("sessionTime"),
            ((None, None), (None, None)) => later("createTime"),
            _ if !of_profile => later("createTime"),
            ((None, None), _) => later("updateTime").reverse(),
            _ => later("sessionTime"),
        };
        order.then_with(|| text(a, "name").cmp(&text(b, "name")))
    });
    let expected: Vec<String> = sessions.iter().map(|session| session["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(walk(&service, &event, &case.sizes).await, expected);
}

#[tokio::test]
async fn what_is_created_while_someone_pages_moves_nothing() {
    let service = service().await;
    for number in 0..20 {
        let time = format!("2026-05-01T00:00:{:02}Z", number / 2);
        import(&service, &format!("old{number:02}"), "ana", 1, &time, json!({})).await;
    }
    let mut seen = Vec::new();
    let mut page_token: Option<String> = None;
    for round in 0.. {
        let mut event = list().with("pageSize", "3");
        if let Some(token) = &page_token {
            event = event.with("pageToken", token);
        }
        let answered = service.send(&event).await;
        seen.extend(names(&answered));
        page_token = token(&answered);
        if page_token.is_none() {
            break;
        }
        // One created by a manager, now; and one imported with the same second as others.
        service.advance(TimeDelta::seconds(1));
        let session = json!({"agentUserName": user_name("ana"), "creatorUserName": user_name("maria"), "coachingPlanName": plan_name("ana-1")});
        service.send(&Event::post("coachingSessions", session)).await;
        import(&service, &format!("new{round:02}"), "ana", 1, "2026-05-01T00:00:05Z", json!({})).await;
    }
    let old: Vec<&String> = seen.iter().filter(|name| name.contains("/old")).collect();
    assert_eq!(old.len(), 20);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "nothing twice");
}

#[tokio::test]
async fn who_reads_changes_page_by_page_misses_none_that_are_made_meanwhile() {
    let service = service().await;
    for number in 0..6 {
        let time = format!("2026-05-01T00:00:0{number}Z");
        import(&service, &format!("s{number}"), "ana", 1, &time, json!({"updateTime": time})).await;
    }
    let changes = list().with("startUpdateTime", "2026-05-01T00:00:01Z").with("pageSize", "2");
    let first = service.send(&changes).await;
    assert_eq!(names(&first), [session_name("s1"), session_name("s2")]);

    // One that was shown, one that was not yet shown, and one from before.
    for id in ["s1", "s4", "s0"] {
        service.advance(TimeDelta::seconds(1));
        let change = json!({"coachingSession": {"meetingNotes": "Changed."}}).to_string();
        service.succeed(&Event::new("PATCH", &format!("coachingSessions/{id}")).with_text(&change)).await;
    }
    let second = service.send(&changes.clone().with("pageToken", &token(&first).unwrap())).await;
    assert_eq!(names(&second), [session_name("s3"), session_name("s5")]);
    let third = service.send(&changes.clone().with("pageToken", &token(&second).unwrap())).await;
    assert_eq!(names(&third), [session_name("s1"), session_name("s4")], "what changed comes once more, at the end");
    let last = service.send(&changes.with("pageToken", &token(&third).unwrap())).await;
    assert_eq!((names(&last), token(&last)), (vec![session_name("s0")], None));
}

#[tokio::test]
async fn the_last_page_has_no_token_even_if_it_is_full() {
    let service = service().await;
    for number in 0..6 {
        import(&service, &format!("s{number}"), "ana", 1, "2026-05-01T00:00:00Z", json!({})).await;
    }
    let first = service.send(&list().with("pageSize", "3")).await;
    let second = service.send(&list().with("pageSize", "3").with("pageToken", &token(&first).unwrap())).await;
    assert_eq!((names(&first).len(), names(&second).len()), (3, 3));
    assert_eq!(token(&second), None);
    assert_eq!(second.body.get("nextPageToken"), None);
    assert_eq!(token(&service.send(&list().with("pageSize", "6")).await), None);
}

#[tokio::test]
async fn a_token_is_good_only_for_the_same_request() {
    let service = service().await;
    for number in 0..4 {
        let more = json!({"usecaseName": usecase_name("care")});
        import(&service, &format!("s{number}"), "ana", 1, "2026-05-01T00:00:00Z", more).await;
    }
    let request = list().with("agentUserName", &user_name("ana")).with("usecaseNames", &usecase_name("care"));
    let page_token = token(&service.send(&request.clone().with("pageSize", "1")).await).unwrap();
    let next = |event: &Event| event.clone().with("pageSize", "2").with("pageToken", &page_token);

    let second = service.send(&next(&request)).await;
    assert_eq!(names(&second), [session_name("s1"), session_name("s2")], "another size is honoured");
    let reordered = list().with("usecase_names", &usecase_name("care")).with("agent_user_name", &user_name("ana"));
    assert_eq!(names(&service.send(&next(&reordered)).await).len(), 2, "the same request, written otherwise");

    let elsewhere = |customer: &str, profile: &str| {
        let path = format!("/v1/customers/{customer}/profiles/{profile}/coachingSessions");
        list().to(&path).with_claim("customer", json!(customer))
    };
    for other in [
        list(),
        list().with("agentUserName", &user_name("ana")),
        list().with("agentUserName", &user_name("ben")).with("usecaseNames", &usecase_name("care")),
        request.clone().with("usecaseNames", &usecase_name("other")),
        request.clone().with("coachingPlanName", &plan_name("ana-1")),
        elsewhere("acme", "sales"),
        elsewhere("globex", "support"),
    ] {
        assert_eq!(service.refused(&next(&other), 400).await.refused_fields(), ["pageToken"]);
    }
    for position in 0..page_token.len() {
        let mut flipped = page_token.clone().into_bytes();
        flipped[position] = if flipped[position] == b'A' { b'B' } else { b'A' };
        let flipped = request.clone().with("pageToken", &String::from_utf8(flipped).unwrap());
        assert_eq!(service.refused(&flipped, 400).await.refused_fields(), ["pageToken"], "{position}");
    }
    service.advance(TimeDelta::days(3));
    assert_eq!(service.refused(&next(&request), 400).await.refused_fields(), ["pageToken"], "expired");
}

#[tokio::test]
async fn page_sizes_are_defaulted_and_coerced() {
    let service = service().await;
    for number in 0..60 {
        import(&service, &format!("s{number:02}"), "ana", 1, "2026-05-01T00:00:00Z", json!({})).await;
    }
    for (size, held) in [("", 50), ("0", 50), ("59", 59), ("60", 60), ("2147483647", 60)] {
        assert_eq!(names(&service.send(&list().with("pageSize", size)).await).len(), held, "{size}");
    }
}

#[tokio::test]
async fn an_agent_sees_only_their_own() {
    let service = service().await;
    for agent in AGENTS {
        import(&service, &format!("of-{agent}"), agent, 1, "2026-05-01T00:00:00Z", json!({})).await;
    }
    let own = [session_name("of-ana")];
    assert_eq!(names(&service.send(&list().by("agent", "ana")).await), own);
    assert_eq!(names(&service.send(&list().by("agent", "ana").with("agentUserName", &user_name("ana"))).await), own);
    let plan_of_ben = list().by("agent", "ana").with("coachingPlanName", &plan_name("ben-1"));
    assert_eq!(names(&service.send(&plan_of_ben).await), [""; 0]);
    service.refused(&list().by("agent", "ana").with("agentUserName", &user_name("ben")), 403).await;
    service
        .refused(&list().by("agent", "ana").with("agentUserName", &user_name("nobody")).with("pageSize", "x"), 403)
        .await;
}

#[tokio::test]
async fn profiles_and_customers_are_apart() {
    let service = service().await;
    import(&service, "here", "ana", 1, "2026-05-01T00:00:00Z", json!({})).await;
    for (customer, profile) in [("acme", "sales"), ("globex", "support")] {
        let path = format!("/v1/customers/{customer}/profiles/{profile}/coachingSessions");
        let there = list().to(&path).with_claim("customer", json!(customer));
        assert_eq!(names(&service.send(&there).await), [""; 0]);
    }
}

#[tokio::test]
async fn a_page_of_long_notes_stops_short_of_what_a_function_may_answer() {
    let service = service().await;
    let long = "\"\n".repeat(32 * 1024);
    let more = json!({"meetingNotes": long, "agentComment": long, "agentUpdateTime": "2026-05-02T00:00:00Z"});
    for number in 0..24 {
        import(&service, &format!("s{number:02}"), "ana", 1, "2026-05-01T00:00:00Z", more.clone()).await;
    }
    let mut seen = 0;
    let mut page_token: Option<String> = None;
    let mut pages = 0;
    while pages == 0 || page_token.is_some() {
        let mut event = list().with("pageSize", "1000");
        if let Some(token) = &page_token {
            event = event.with("pageToken", token);
        }
        let answered = service.send(&event).await;
        let in_the_functions_answer = Value::from(answered.body.to_string()).to_string().len();
        assert!(in_the_functions_answer < 6_000_000, "{in_the_functions_answer} bytes");
        seen += names(&answered).len();
        page_token = token(&answered);
        pages += 1;
    }
    assert_eq!(seen, 24);
    assert!((2..=4).contains(&pages), "{pages} pages");
}

#[tokio::test]
#[expect(clippy::cast_precision_loss, reason = "a page is small")]
async fn a_page_reads_what_it_returns() {
    let service = service().await;
    let notes = "n".repeat(600);
    for number in 0..200_usize {
        let more = json!({"usecaseName": usecase_name(&format!("u{}", number % 2)), "meetingNotes": notes});
        let time = format!("2026-05-01T00:{:02}:{:02}Z", number / 60, number % 60);
        import(
            &service,
            &format!("s{number:03}"),
            AGENTS[number % 3],
            u8::try_from(1 + number % 2).unwrap(),
            &time,
            more,
        )
        .await;
    }
    let items = service.items().await;
    let of =
        |name: &str| bytes_of(&items[&format!("acme#support#session#{} / session", name.rsplit('/').next().unwrap())]);
    let (ana, plan, usecase) = (user_name("ana"), plan_name("ana-1"), usecase_name("u0"));
    for (filters, calls) in [
        // The page, and the list of pending deletions.
        (vec![], 2),
        (vec![("agentUserName", &ana)], 2),
        (vec![("coachingPlanName", &plan)], 2),
        (vec![("coachingPlanName", &plan), ("agentUserName", &ana), ("usecaseNames", &usecase)], 2),
        (vec![("usecaseNames", &usecase)], 2),
    ] {
        let mut event = list().with("pageSize", "20");
        for (name, value) in &filters {
            event = event.with(name, value);
        }
        let mut page_token: Option<String> = None;
        for page in 0.. {
            let with_token = match &page_token {
                Some(token) => event.clone().with("pageToken", token),
                None => event.clone(),
            };
            let (answered, spent) = service.spending(&with_token).await;
            let bytes: usize = names(&answered).iter().map(|name| of(name)).sum();
            let least = bytes as f64 / 4096.0 / 2.0;
            assert!(
                spent.read_units <= least + 1.0,
                "{filters:?}, page {page}: {} units for {least}",
                spent.read_units
            );
            assert_eq!(spent.calls, calls, "{filters:?}, page {page}");
            page_token = token(&answered);
            if page_token.is_none() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn states_times_and_what_is_overdue_narrow_the_list() {
    let service = TestService::seeded().await;
    let session = json!({
        "name": session_name("late-1"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "sessionTime": "2026-05-30T10:00:00Z",
        "createTime": "2026-05-21T09:00:00Z",
    });
    service.succeed(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
    service.advance(TimeDelta::days(2));
    let acknowledge = Event::post("coachingSessions/submitted-1:acknowledge", json!({"acknowledged": true}));
    let ids = async |filters: &[(&str, &str)]| {
        let mut event = Event::get("coachingSessions");
        for (name, value) in filters {
            event = event.with(name, value);
        }
        let answer = service.succeed(&event).await;
        let sessions = answer["coachingSessions"].as_array().unwrap().iter();
        sessions
            .map(|session| session["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let plan = plan_name("ana-plan");
    for (filters, expected) in [
        (vec![], vec!["late-1", "held-1", "scheduled-1", "submitted-1"]),
        (vec![("states", "SCHEDULED")], vec!["scheduled-1"]),
        (vec![("states", "HELD")], vec!["late-1", "held-1"]),
        (
            vec![("states", "HELD"), ("states", "SUBMITTED"), ("coachingPlanName", &plan)],
            vec!["late-1", "held-1", "submitted-1"],
        ),
        (vec![("states", "ACKNOWLEDGED")], vec![]),
        (vec![("overdue", "true")], vec!["late-1", "submitted-1"]),
        (vec![("overdue", "true"), ("states", "SUBMITTED")], vec!["submitted-1"]),
        (vec![("overdue", "false")], vec!["held-1", "scheduled-1"]),
        (
            vec![("startSessionTime", "2026-05-25T10:00:00Z"), ("endSessionTime", "2026-05-30T10:00:00Z")],
            vec!["submitted-1", "held-1"],
        ),
        (vec![("startSessionTime", "2026-05-25T10:00:00Z"), ("states", "HELD")], vec!["late-1", "held-1"]),
        (vec![("startUpdateTime", "2026-05-20T09:00:00.000000001Z")], vec!["late-1"]),
        (vec![("endUpdateTime", "2026-05-21T09:00:00Z")], vec!["held-1", "scheduled-1", "submitted-1"]),
    ] {
        assert_eq!(ids(&filters).await, expected, "{filters:?}");
    }
    service.succeed(&acknowledge.by("agent", "ana")).await;
    assert_eq!(ids(&[("states", "ACKNOWLEDGED")]).await, ["submitted-1"]);
    assert_eq!(ids(&[("overdue", "true")]).await, ["late-1"]);
    let bad =
        Event::get("coachingSessions").with("states", "DONE").with("overdue", "perhaps").with("startUpdateTime", "now");
    assert_eq!(service.refused(&bad, 400).await.refused_fields(), ["states", "overdue", "startUpdateTime"]);
    let first = service.succeed(&Event::get("coachingSessions").with("pageSize", "1").with("states", "HELD")).await;
    let token = first["nextPageToken"].as_str().unwrap();
    let other = Event::get("coachingSessions").with("states", "SUBMITTED").with("pageToken", token);
    assert_eq!(service.refused(&other, 400).await.refused_fields(), ["pageToken"]);
}

#[tokio::test]
async fn a_range_that_ends_before_it_starts_is_refused() {
    let service = TestService::start().await;
    for (start, end) in [("startSessionTime", "endSessionTime"), ("startUpdateTime", "endUpdateTime")] {
        let range = |from: &str, until: &str| Event::get("coachingSessions").with(start, from).with(end, until);
        let from = "2026-06-01T15:00:00Z";
        for until in ["2026-06-01T15:00:00Z", "2026-06-01T10:00:00Z", "2026-05-31T23:00:00Z"] {
            assert_eq!(service.refused(&range(from, until), 400).await.refused_fields(), [end], "{until}");
        }
        service.succeed(&range(from, "2026-06-01T15:00:00.000000001Z")).await;
    }
}

#[tokio::test]
async fn a_group_is_its_members_and_those_of_no_group_below() {
    let service = service().await;
    for agent in AGENTS {
        import(&service, &format!("of-{agent}"), agent, 1, "2026-05-01T00:00:00Z", json!({})).await;
    }
    let ids = |names: &[&str]| names.iter().map(|name| user_name(name)).collect::<Vec<_>>();
    group(&service, "one", &ids(&["ana"])).await;
    group(&service, "two", &ids(&["ben"])).await;
    group(&service, "nobody", &[]).await;
    // With too many members for a range of each.
    let many: Vec<String> = (0..25).map(|number| user_name(&format!("other{number}"))).collect();
    group(&service, "many", &[many, ids(&["chloe"])].concat()).await;
    let above = json!({"name": "customers/acme/groups/above", "displayName": "Above", "memberUserNames": ids(&["chloe"]),
        "subgroupNames": ["customers/acme/groups/one"]});
    let load = Event::post("", json!({"groups": [above]})).to("/v1/customers/acme/groups:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    let of = |groups: &[&str]| {
        groups.iter().fold(list(), |event, id| event.with("groupNames", &format!("customers/acme/groups/{id}")))
    };
    for (groups, agents) in [
        (vec!["one"], vec!["ana"]),
        (vec!["one", "two"], vec!["ana", "ben"]),
        (vec!["nobody"], vec![]),
        (vec!["many"], vec!["chloe"]),
        (vec!["above"], vec!["chloe"]),
    ] {
        let expected: Vec<String> = agents.iter().map(|agent| session_name(&format!("of-{agent}"))).collect();
        assert_eq!(names(&service.send(&of(&groups)).await), expected, "{groups:?}");
    }
    let (foreign, spent) = service.spending(&of(&["two"]).with("agentUserName", &user_name("ana"))).await;
    assert_eq!((names(&foreign), spent.calls), (vec![], 1), "an agent of none of the groups costs the groups");
    service.refused(&of(&["one"]).by("agent", "ana"), 403).await;
    let unknown = service.refused(&of(&["one", "none"]), 400).await;
    assert_eq!(unknown.refused_fields(), ["groupNames"]);
    // Whoever is confined to a profile is not told which groups there are.
    for id in ["none", "nobody"] {
        let confined = of(&[id]).by("manager", "mike").with_claim("profiles", json!("support"));
        assert_eq!(service.send(&confined).await.body, json!({"coachingSessions": []}), "{id}");
    }
    let too_many: Vec<String> = (0..21).map(|number| format!("group{number}")).collect();
    let too_many: Vec<&str> = too_many.iter().map(String::as_str).collect();
    assert_eq!(service.refused(&of(&too_many), 400).await.refused_fields(), ["groupNames"]);
}

#[tokio::test]
async fn by_session_time_an_agent_has_their_own_the_latest_first() {
    let service = service().await;
    let held = |time: &str| json!({"sessionTime": time});
    import(&service, "early", "ana", 1, "2026-05-03T00:00:00Z", held("2026-05-10T00:00:00Z")).await;
    import(&service, "late", "ana", 2, "2026-05-01T00:00:00Z", held("2026-05-20T00:00:00Z")).await;
    import(&service, "without", "ana", 1, "2026-05-04T00:00:00Z", json!({})).await;
    import(&service, "of-ben", "ben", 1, "2026-05-02T00:00:00Z", held("2026-05-15T00:00:00Z")).await;
    let by_time = list().with("orderBy", "ORDER_BY_SESSION_TIME");
    let own = [session_name("late"), session_name("early")];
    assert_eq!(names(&service.send(&by_time.clone().by("agent", "ana")).await), own);
    assert_eq!(names(&service.send(&by_time.clone().with("agentUserName", &user_name("ana"))).await), own);
    let of_plan = by_time.clone().with("coachingPlanName", &plan_name("ana-1"));
    assert_eq!(names(&service.send(&of_plan).await), own[1..]);
    let unspecified = list().with("agentUserName", &user_name("ana")).with("orderBy", "ORDER_BY_UNSPECIFIED");
    let newest = ["without", "early", "late"].map(session_name);
    assert_eq!(names(&service.send(&unspecified).await), newest);
    let first = service.send(&by_time.clone().with("pageSize", "1")).await;
    let next = list().with("pageSize", "1").with("pageToken", &token(&first).unwrap());
    assert_eq!(service.refused(&next, 400).await.refused_fields(), ["pageToken"], "of another order");
}

#[tokio::test]
async fn display_names_are_of_whom_the_answer_names_and_the_caller_may_read() {
    let service = service().await;
    let submitted = |by: &str, submitter: &str| {
        json!({
            "creatorUserName": user_name(by),
            "managerSubmitterUserName": user_name(submitter),
            "sessionTime": "2026-05-01T10:00:00Z",
            "meetingNotes": "Two calls.",
            "managerSubmitTime": "2026-05-02T10:00:00Z",
        })
    };
    import(&service, "first", "ana", 1, "2026-05-01T00:00:00Z", submitted("maria", "mark")).await;
    import(&service, "second", "ben", 1, "2026-05-01T00:00:00Z", submitted("max", "max")).await;
    let with_names = list().with("include", "displayNames");
    let named = async |event: &Event| {
        let answer = service.succeed(event).await;
        let names = answer["displayNames"].as_object().unwrap();
        names.keys().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = service.succeed(&with_names).await;
    assert_eq!(
        all["displayNames"][user_name("maria")],
        service.succeed(&Event::get("").to("/v1/customers/acme/users/maria")).await["user"]["displayName"]
    );
    assert_eq!(named(&with_names).await, ["ana", "ben", "maria", "mark", "max"]);
    assert_eq!(named(&with_names.clone().with("agentUserName", &user_name("ana"))).await, ["ana", "maria", "mark"]);
    assert_eq!(named(&with_names.clone().with("agentUserName", &user_name("chloe"))).await, [""; 0]);
    assert_eq!(service.succeed(&list()).await.get("displayNames"), None);
    // Mark is not a coach of ana until he creates a session of hers, on whatever page that is.
    let own = with_names.clone().by("agent", "ana");
    assert_eq!(named(&own).await, ["ana", "maria"]);
    import(&service, "third", "ana", 2, "2026-04-01T00:00:00Z", json!({"creatorUserName": user_name("mark")})).await;
    assert_eq!(named(&own.clone().with("pageSize", "1")).await, ["ana", "maria", "mark"]);
    for role in ["agent", "manager"] {
        for user in ["ana", "maria", "mark", "max"] {
            let event = with_names.clone().by(role, "ana").with_claim("profiles", json!("support"));
            let told = named(&event).await.contains(&user.to_owned());
            let read = Event::get("").to(&format!("/v1/customers/acme/users/{user}")).by(role, "ana");
            let read = service.send(&read.with_claim("profiles", json!("support"))).await.status == 200;
            assert_eq!(told, read, "{role}: {user}");
        }
    }
    // Who works elsewhere now, and who is in the directory no more.
    let mut mark = json!({"name": user_name("mark"), "displayName": "Mark", "isActive": true, "roles": ["manager"]});
    mark["profileNames"] = json!(["customers/acme/profiles/sales"]);
    let load = Event::post("", json!({"users": [mark]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    let confined = with_names.clone().by("manager", "mike").with_claim("profiles", json!("support"));
    assert_eq!(named(&confined).await, ["ana", "ben", "maria", "max"]);
    assert_eq!(named(&with_names).await, ["ana", "ben", "maria", "mark", "max"]);
}
