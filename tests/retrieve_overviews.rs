//! `retrieve-overviews`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use coaching_tests::{
    Case, Event, NOW, Target, TestService, below_support, merge, plan_name, replay, session_name, usecase_name, user,
    user_name,
};
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const CASES: [Case; 23] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-agent-user-names", status: 200, refused: &[] },
    Case { name: "by-group-names", status: 200, refused: &[] },
    Case { name: "by-include-dev-users", status: 200, refused: &[] },
    Case { name: "by-include-inactive-users", status: 200, refused: &[] },
    Case { name: "by-include-indirect-group-members", status: 200, refused: &[] },
    Case { name: "by-order-by", status: 200, refused: &[] },
    Case { name: "by-order-direction", status: 200, refused: &[] },
    Case { name: "by-scorecard-template-names", status: 200, refused: &[] },
    Case { name: "of-a-group", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "no-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "no-window", status: 400, refused: &["startTime", "endTime"] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "foreign-usecase", status: 400, refused: &["usecaseNames[0]"] },
    Case { name: "unknown-group", status: 400, refused: &["groupNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &["scorecardTemplateNames[0]", "orderBy", "orderDirection", "endTime", "pageSize"],
    },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseNames", "scorecardTemplateNames", "groupNames"] },
    Case { name: "by-include", status: 200, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-overviews", &CASES, Target::Handler(&retrieve_overviews::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-overviews", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-overviews"))).await;
}

/// Overviews of May and the first days of June, with `more`.
fn retrieve(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-10T12:00:00Z",
    });
    merge(&mut body, more);
    Event::post("coachingOverviews:retrieve", body)
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// The overview of `agent`, read by a manager.
async fn overview(service: &TestService, agent: &str, more: Value) -> Value {
    let mut body = json!({"agentUserNames": [user_name(agent)]});
    merge(&mut body, more);
    let answer = service.succeed(&retrieve(body)).await;
    answer["agentCoachingOverviews"][0].clone()
}

/// Compares the fields that `expected` has.
fn assert_has(overview: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(overview.get(field).unwrap_or(&Value::Null), value, "{field} of {overview}");
    }
}

#[tokio::test]
async fn the_seeded_agent_has_the_overview_worked_out_by_hand() {
    let service = TestService::seeded().await;
    let answer = service.succeed(&retrieve(json!({"agentUserNames": [user_name("ana")]}))).await;
    // A session to come, one held with notes, one submitted six days ago; a scorecard of (60 + 100) / 2 percent.
    let expected = json!({
        "agentCoachingOverviews": [{
            "agentUserName": user_name("ana"),
            "agentDisplayName": "Agent ana",
            "coachingPlanOverviews": [{
                "coachingPlanName": plan_name("ana-plan"),
                "coachingSessionCount": 3,
                "scorecardCount": 0,
                "lastCoachingSessionTime": "2026-05-26T10:00:00Z",
            }],
            "coachingSessionCount": 3,
            "scheduledCount": 1,
            "heldCount": 1,
            "submittedCount": 1,
            "acknowledgedCount": 0,
            "overdueCount": 0,
            "notHeldCount": 0,
            "notAcknowledgedCount": 0,
            "lastCoachingSessionTime": "2026-05-26T10:00:00Z",
            "nextCoachingSessionTime": "2026-06-08T10:00:00Z",
            "scorecardCount": 1,
            "averageScore": 80.0,
            "linkedScorecardCount": 0,
        }],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-10T12:00:00Z",
        "scoreStartTime": "2026-05-01T00:00:00Z",
        "scoreEndTime": "2026-06-11T00:00:00Z",
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn states_and_what_is_overdue_move_with_the_clock() {
    let service = TestService::seeded().await;
    for (days, expected) in [
        (1, json!({"scheduledCount": 1, "heldCount": 1, "overdueCount": 1, "notAcknowledgedCount": 1})),
        (
            6,
            json!({"scheduledCount": 0, "heldCount": 2, "overdueCount": 2, "notHeldCount": 1, "nextCoachingSessionTime": null}),
        ),
    ] {
        service.advance(TimeDelta::days(days));
        assert_has(&overview(&service, "ana", json!({})).await, &expected);
    }
    let body = json!({"acknowledged": true, "submitted": true});
    service.succeed(&Event::post("coachingSessions/submitted-1:acknowledge", body).by("agent", "ana")).await;
    let expected = json!({"submittedCount": 0, "acknowledgedCount": 1, "overdueCount": 1, "notAcknowledgedCount": 0});
    assert_has(&overview(&service, "ana", json!({})).await, &expected);
}

#[tokio::test]
async fn a_window_counts_sessions_and_links_exactly_and_scores_by_whole_days() {
    let service = TestService::seeded().await;
    let linked = json!({"scorecardName": below_support("scorecards/submitted-1")});
    service.succeed(&Event::post("coachingPlans/ana-plan:addScorecard", linked)).await;
    // The scorecard was submitted on 20 May at 10:00, and a session held on 25 May at 10:00.
    for (start, end, sessions, links, scorecards) in [
        ("2026-05-20T10:00:00Z", "2026-05-25T10:00:00Z", 0, 1, 1),
        ("2026-05-20T10:00:00Z", "2026-05-25T10:00:00.000000001Z", 1, 1, 1),
        ("2026-05-20T10:00:00.000000001Z", "2026-05-25T10:00:00Z", 0, 0, 1),
        ("2026-05-20T09:00:00Z", "2026-05-20T10:00:00Z", 0, 0, 1),
        ("2026-05-25T10:00:00Z", "2026-05-25T10:00:01Z", 1, 0, 0),
        ("2026-05-25T10:00:00.000000001Z", "2026-05-26T00:00:00Z", 0, 0, 0),
    ] {
        let overview = overview(&service, "ana", json!({"startTime": start, "endTime": end})).await;
        let counts = ["coachingSessionCount", "linkedScorecardCount", "scorecardCount"].map(|field| &overview[field]);
        assert_eq!(counts, [&json!(sessions), &json!(links), &json!(scorecards)], "{start} to {end}");
        let of_plan = &overview["coachingPlanOverviews"];
        match sessions + links {
            0 => assert_eq!(of_plan, &json!([]), "{start} to {end}"),
            _ => assert_eq!(
                (&of_plan[0]["coachingSessionCount"], &of_plan[0]["scorecardCount"]),
                (&json!(sessions), &json!(links))
            ),
        }
    }
}

#[tokio::test]
async fn a_closed_plan_is_in_the_agents_counts_and_not_among_the_plans() {
    let service = TestService::seeded().await;
    let closed = json!({"coachingPlan": {"isActive": false}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingPlans/ana-plan").with_text(&closed)).await;
    let expected = json!({"coachingSessionCount": 3, "coachingPlanOverviews": []});
    assert_has(&overview(&service, "ana", json!({})).await, &expected);
    // That is so in a window that was over by then, too.
    let over = json!({"endTime": "2026-06-01T00:00:00Z"});
    let expected = json!({"coachingSessionCount": 2, "coachingPlanOverviews": []});
    assert_has(&overview(&service, "ana", over).await, &expected);
}

#[tokio::test]
async fn an_agent_sees_the_states_that_they_see_in_sessions() {
    let service = TestService::seeded().await;
    let notes = json!({"coachingSession": {"meetingNotes": "Prepared."}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingSessions/scheduled-1").with_text(&notes)).await;
    let of_manager = json!({"scheduledCount": 0, "heldCount": 2, "overdueCount": 0});
    assert_has(&overview(&service, "ana", json!({})).await, &of_manager);
    let own = service.succeed(&retrieve(json!({})).by("agent", "ana")).await;
    let own = own["agentCoachingOverviews"].as_array().unwrap();
    assert_eq!(own.len(), 1);
    // The draft of notes shows neither ahead of the meeting nor after it.
    let of_agent = json!({"scheduledCount": 1, "heldCount": 1, "overdueCount": 1, "notHeldCount": 1});
    assert_has(&own[0], &of_agent);
}

#[tokio::test]
async fn sessions_of_a_plan_that_is_being_deleted_are_left_out() {
    let service = TestService::seeded().await;
    let right = overview(&service, "ana", json!({})).await;
    let tombstone = |until: &str| {
        let item = [("PK", "acme#support#deletions".to_owned()), ("SK", "deletions".to_owned())];
        let mut item: std::collections::HashMap<_, _> =
            item.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value))).into();
        item.insert("plan#ana-plan".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N(until.to_owned()));
        service.client().put_item().table_name(service.table()).set_item(Some(item)).send()
    };
    tombstone("0").await.unwrap();
    let hidden = overview(&service, "ana", json!({})).await;
    assert_has(&hidden, &json!({"coachingSessionCount": 0, "scheduledCount": 0, "lastCoachingSessionTime": null}));
    // They do not decide the order either.
    let body = json!({"orderBy": "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME"});
    let answer = service.succeed(&retrieve(body)).await;
    let agents = answer["agentCoachingOverviews"].as_array().unwrap().iter();
    assert_eq!(agents.map(|agent| &agent["agentUserName"]).collect::<Vec<_>>(), [&user_name("ana"), &user_name("ben")]);
    tombstone("1780315199").await.unwrap();
    assert_eq!(overview(&service, "ana", json!({})).await, right, "that was over a moment ago");
}

#[tokio::test]
async fn pages_by_time_stay_as_they_were_while_sessions_are_held() {
    let service = TestService::seeded().await;
    let agents: Vec<String> = (0..5).map(|number| format!("agent{number}")).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let session = |agent: &str, day: usize| {
        json!({
            "agentUserName": user_name(agent),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name(&format!("plan-{agent}")),
            "usecaseName": usecase_name("care"),
            "sessionTime": format!("2026-05-{day:02}T10:00:00Z"),
        })
    };
    for (number, agent) in agents.iter().enumerate().skip(1) {
        service.plan(&format!("plan-{agent}"), agent).await;
        service.succeed(&import("coachingSessions", session(agent, 10 + number))).await;
    }
    service.plan("plan-agent0", "agent0").await;
    let mut body = json!({
        "groupNames": ["customers/acme/groups/team"],
        "orderBy": "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME",
        "orderDirection": "ORDER_DIRECTION_DESC",
        "pageSize": 2,
    });
    let mut found = Vec::new();
    loop {
        let answer = service.succeed(&retrieve(body.clone())).await;
        let page = answer["agentCoachingOverviews"].as_array().unwrap();
        found.extend(page.iter().map(|agent| agent["agentUserName"].as_str().unwrap().to_owned()));
        // The last one gets the latest session after the first page.
        service.succeed(&import("coachingSessions", session("agent0", 30))).await;
        match answer.get("nextPageToken") {
            None => break,
            Some(token) => body["pageToken"] = token.clone(),
        }
    }
    assert_eq!(found, ["agent4", "agent3", "agent2", "agent1", "agent0"].map(user_name));
    // The token is of this request alone.
    let first = service.succeed(&retrieve(json!({"pageSize": 1}))).await;
    for other in [
        json!({"endTime": "2026-06-11T12:00:00Z"}),
        json!({"orderDirection": "ORDER_DIRECTION_DESC"}),
        json!({"usecaseNames": [usecase_name("sales")]}),
    ] {
        let mut more = json!({"pageSize": 1, "pageToken": first["nextPageToken"]});
        merge(&mut more, other);
        assert_eq!(service.refused(&retrieve(more), 400).await.refused_fields()[0], "pageToken");
    }
}

/// Sessions and scorecards of three agents, and a request.
#[derive(Debug, Clone)]
struct Imagined {
    sessions: Vec<ImaginedSession>,
    scorecards: Vec<ImaginedScorecard>,
    closed: Vec<bool>,
    /// The start and the length of the window, in hours from 1 April.
    window: (i64, i64),
    usecases: Vec<usize>,
    template: bool,
    order: usize,
    descends: bool,
    page_size: usize,
    as_agent: bool,
}

#[derive(Debug, Clone)]
struct ImaginedSession {
    agent: usize,
    plan: usize,
    usecase: usize,
    /// Hours from 1 April.
    created: i64,
    time: Option<i64>,
    notes: bool,
    /// Hours after the creation.
    submitted: Option<i64>,
    acknowledged: bool,
    is_deleted: bool,
}

#[derive(Debug, Clone)]
struct ImaginedScorecard {
    agent: usize,
    usecase: usize,
    template: usize,
    value: Option<u8>,
    submitted: Option<i64>,
    by_person: bool,
    plans: Vec<usize>,
    is_reset: bool,
}

const AGENTS: [&str; 3] = ["ana", "ben", "chloe"];
const USECASES: [&str; 2] = ["care", "sales"];
const TEMPLATES: [&str; 2] = ["quality", "courtesy"];
const ORDERS: [&str; 3] = ["ORDER_BY_UNSPECIFIED", "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME", "ORDER_BY_NUM_SCORECARD"];
/// Hours from 1 April until now.
const UNTIL_NOW: i64 = 61 * 24 + 12;

fn imagined() -> impl Strategy<Value = Imagined> {
    let session = (
        (0..3_usize, 0..2_usize, 0..2_usize, 0..UNTIL_NOW, prop::option::of(0..UNTIL_NOW + 400)),
        (any::<bool>(), prop::option::of(0..300_i64), any::<bool>(), prop::bool::weighted(0.1)),
    );
    let session =
        session.prop_map(|((agent, plan, usecase, created, time), (notes, submitted, acknowledged, is_deleted))| {
            ImaginedSession { agent, plan, usecase, created, time, notes, submitted, acknowledged, is_deleted }
        });
    let scorecard = (
        (0..3_usize, 0..2_usize, 0..2_usize, prop::option::weighted(0.9, 0..6_u8)),
        (
            prop::option::weighted(0.8, 0..UNTIL_NOW),
            any::<bool>(),
            prop::collection::vec(0..2_usize, 0..3),
            prop::bool::weighted(0.1),
        ),
    );
    let scorecard =
        scorecard.prop_map(|((agent, usecase, template, value), (submitted, by_person, plans, is_reset))| {
            ImaginedScorecard { agent, usecase, template, value, submitted, by_person, plans, is_reset }
        });
    let request = (
        (0..UNTIL_NOW + 200, 1..1500_i64),
        prop::sample::subsequence(vec![0, 1], 1..=2),
        any::<bool>(),
        0..3_usize,
        any::<bool>(),
        1..4_usize,
        prop::bool::weighted(0.2),
    );
    let records = (
        prop::collection::vec(session, 0..14),
        prop::collection::vec(scorecard, 0..14),
        prop::collection::vec(any::<bool>(), 6),
    );
    (records, request).prop_map(|((sessions, scorecards, closed), request)| {
        let (window, usecases, template, order, descends, page_size, as_agent) = request;
        Imagined { sessions, scorecards, closed, window, usecases, template, order, descends, page_size, as_agent }
    })
}

fn hour(hours: i64) -> DateTime<Utc> {
    "2026-04-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn told(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

fn plan_of(agent: usize, plan: usize) -> String {
    format!("{}-{plan}", AGENTS[agent])
}

async fn load(service: &TestService, imagined: &Imagined) {
    service.directory(&AGENTS).await;
    service.usecases(&USECASES).await;
    for template in TEMPLATES {
        let more = json!({"usecaseNames": USECASES.map(usecase_name)});
        service.template(template, more).await;
    }
    for (number, agent) in AGENTS.iter().enumerate() {
        for plan in 0..2 {
            service.plan(&plan_of(number, plan), agent).await;
        }
    }
    for (number, one) in imagined.sessions.iter().enumerate() {
        let created = hour(one.created);
        let submitted = one.submitted.map(|after| (created + TimeDelta::hours(after)).min(hour(UNTIL_NOW)));
        let acknowledged = one.acknowledged.then(|| submitted.unwrap_or(created));
        let session = json!({
            "name": session_name(&format!("session-{number}")),
            "agentUserName": user_name(AGENTS[one.agent]),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name(&plan_of(one.agent, one.plan)),
            "usecaseName": usecase_name(USECASES[one.usecase]),
            "createTime": told(created),
            "sessionTime": one.time.map(|time| told(hour(time))),
            "meetingNotes": one.notes.then_some("Notes."),
            "managerSubmitTime": submitted.map(told),
            "acknowledgeTime": acknowledged.map(told),
        });
        service.succeed(&import("coachingSessions", session)).await;
        if one.is_deleted {
            let path = format!("coachingSessions/session-{number}");
            service.succeed(&Event::new("DELETE", &path).by("service", "sync@acme")).await;
        }
    }
    for (number, one) in imagined.scorecards.iter().enumerate() {
        let score = match one.value {
            None => json!({"criterionId": "greeting", "notApplicable": true}),
            Some(value) => json!({"criterionId": "greeting", "numericValue": value}),
        };
        let scorecard = json!({
            "name": below_support(&format!("scorecards/scorecard-{number}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(AGENTS[one.agent]),
            "templateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[one.template])),
            "usecaseName": usecase_name(USECASES[one.usecase]),
            "scores": [score],
            "coachingPlanNames": one.plans.iter().map(|plan| plan_name(&plan_of(one.agent, *plan))).collect::<std::collections::BTreeSet<_>>(),
            "manuallyScored": one.by_person,
            "createTime": told(hour(0)),
            "submitTime": one.submitted.map(|time| told(hour(time))),
        });
        service.succeed(&import("scorecards", scorecard)).await;
        if one.is_reset {
            service.succeed(&Event::post(&format!("scorecards/scorecard-{number}:reset"), json!({}))).await;
        }
    }
    for (number, closed) in imagined.closed.iter().enumerate().filter(|(_, closed)| **closed) {
        let body = json!({"coachingPlan": {"isActive": !closed}}).to_string();
        let path = format!("coachingPlans/{}", plan_of(number / 2, number % 2));
        service.succeed(&Event::new("PATCH", &path).with_text(&body)).await;
    }
}

/// What lists answer the caller of an agent: their sessions, scorecards and active plans.
async fn listed(service: &TestService, agent: &str, caller: (&str, &str)) -> [Vec<Value>; 3] {
    let name = user_name(agent);
    let plans = json!({"agentUserNames": [name], "isActive": true, "pageSize": 1000});
    let mut lists = Vec::new();
    for (event, list) in [
        (Event::get("coachingSessions").with("agentUserName", &name).with("pageSize", "1000"), "coachingSessions"),
        (Event::get("scorecards").with("agentUserName", &name).with("pageSize", "1000"), "scorecards"),
        (Event::post("coachingPlans:list", plans), "coachingPlans"),
    ] {
        let answer = service.succeed(&event.by(caller.0, caller.1)).await;
        assert_eq!(answer.get("nextPageToken"), None);
        lists.push(answer[list].as_array().unwrap().clone());
    }
    lists.try_into().unwrap()
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// The overview of `agent` from what is listed.
fn recounted(agent: &str, [sessions, scorecards, plans]: &[Vec<Value>; 3], body: &Value) -> Value {
    let (start, end) = (time(&body["startTime"]).unwrap(), time(&body["endTime"]).unwrap());
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let within = |time: DateTime<Utc>| start <= time && time < end;
    let of_usecases = |one: &&Value| body["usecaseNames"].as_array().unwrap().contains(&one["usecaseName"]);
    let counted = |session: &Value| time(&session["sessionTime"]).or_else(|| time(&session["createTime"])).unwrap();
    let sessions: Vec<&Value> = sessions.iter().filter(of_usecases).filter(|one| within(counted(one))).collect();
    let in_state = |state: &str| sessions.iter().filter(|one| one["state"] == state).count();
    let overdue_in =
        |state: &str| sessions.iter().filter(|one| one["state"] == state && one["overdue"] == true).count();
    let latest = |sessions: &[&Value]| {
        let times = sessions.iter().map(|one| counted(one)).filter(|time| *time <= now).max();
        times.map_or(Value::Null, told)
    };
    let templates: Vec<String> = body["scorecardTemplateNames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().trim_end_matches("@*").to_owned())
        .collect();
    let in_scope = |one: &&Value| {
        let template = one["templateName"].as_str().unwrap().split('@').next().unwrap();
        templates.is_empty() || templates.iter().any(|name| name == template)
    };
    let submitted: Vec<(&Value, DateTime<Utc>)> = scorecards
        .iter()
        .filter(of_usecases)
        .filter(in_scope)
        .filter_map(|one| Some((one, time(&one["submitTime"])?)))
        .collect();
    let midnight = |day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let first = midnight(start.date_naive());
    let last = midnight((end - TimeDelta::nanoseconds(1)).date_naive() + Days::new(1));
    let totals: Vec<i64> = submitted
        .iter()
        .filter(|(_, time)| first <= *time && *time < last)
        .filter_map(|(one, _)| one["totalScore"].as_f64().filter(|total| *total >= 0.0))
        .map(|total| total.round() as i64)
        .collect();
    let average = (!totals.is_empty()).then(|| {
        // Totals are whole here; rounded half away from zero to four decimals.
        let mean = BigRational::new((totals.iter().sum::<i64>() * 10_000).into(), (totals.len() as i64).into());
        mean.round().to_integer().to_string().parse::<f64>().unwrap() / 10_000.0
    });
    let linked: Vec<&Value> = submitted
        .iter()
        .filter(|(one, time)| {
            within(*time) && one["coachingPlanNames"].as_array().is_some_and(|plans| !plans.is_empty())
        })
        .map(|(one, _)| *one)
        .collect();
    let mut of_plans: Vec<Value> = plans
        .iter()
        .filter_map(|plan| {
            let name = &plan["name"];
            let of_plan: Vec<&Value> =
                sessions.iter().filter(|one| one["coachingPlanName"] == *name).copied().collect();
            let links = linked.iter().filter(|one| one["coachingPlanNames"].as_array().unwrap().contains(name)).count();
            let mut overview = json!({
                "coachingPlanName": name,
                "coachingSessionCount": of_plan.len(),
                "scorecardCount": links,
                "lastCoachingSessionTime": latest(&of_plan),
            });
            overview.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            (of_plan.len() + links > 0).then_some(overview)
        })
        .collect();
    of_plans.sort_by_key(|plan| plan["coachingPlanName"].to_string());
    let next = sessions.iter().map(|one| counted(one)).filter(|time| *time > now).min();
    let (not_held, not_acknowledged) = (overdue_in("HELD"), overdue_in("SUBMITTED"));
    let mut overview = json!({
        "agentUserName": user_name(agent),
        "agentDisplayName": format!("Agent {agent}"),
        "coachingPlanOverviews": of_plans,
        "coachingSessionCount": sessions.len(),
        "scheduledCount": in_state("SCHEDULED"),
        "heldCount": in_state("HELD"),
        "submittedCount": in_state("SUBMITTED"),
        "acknowledgedCount": in_state("ACKNOWLEDGED"),
        "overdueCount": not_held + not_acknowledged,
        "notHeldCount": not_held,
        "notAcknowledgedCount": not_acknowledged,
        "lastCoachingSessionTime": latest(&sessions),
        "nextCoachingSessionTime": next.map(told),
        "scorecardCount": totals.len(),
        "averageScore": average,
        "linkedScorecardCount": linked.len(),
    });
    overview.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let order = sessions.iter().map(|one| counted(one)).max();
    overview["order"] = order.map_or(Value::Null, told);
    overview
}

async fn compare(imagined: &Imagined) {
    let service = TestService::start().await;
    load(&service, imagined).await;
    let start = hour(imagined.window.0);
    let mut body = json!({
        "usecaseNames": imagined.usecases.iter().map(|usecase| usecase_name(USECASES[*usecase])).collect::<Vec<_>>(),
        "scorecardTemplateNames": [],
        // Not whole seconds, so that edges are between the times above.
        "startTime": told(start - TimeDelta::nanoseconds(i64::from(imagined.descends))),
        "endTime": told(start + TimeDelta::hours(imagined.window.1)),
        "orderBy": ORDERS[imagined.order],
        "orderDirection": if imagined.descends { "ORDER_DIRECTION_DESC" } else { "ORDER_DIRECTION_ASC" },
        "pageSize": imagined.page_size,
    });
    if imagined.template {
        body["scorecardTemplateNames"] = json!([below_support("scorecardTemplates/courtesy@*")]);
    }
    let caller = if imagined.as_agent { ("agent", "ana") } else { ("manager", "maria") };
    let mut right = Vec::new();
    for agent in AGENTS.iter().take(if imagined.as_agent { 1 } else { 3 }) {
        right.push(recounted(agent, &listed(&service, agent, caller).await, &body));
    }
    // The agents are in the order of their names.
    match imagined.order {
        0 if imagined.descends => right.reverse(),
        0 => {}
        order => {
            let value = |agent: &Value| match order {
                1 => time(&agent["order"]).map(|time| time.timestamp()),
                _ => agent["scorecardCount"].as_i64(),
            };
            right.sort_by(|a, b| match (value(a), value(b)) {
                (Some(a), Some(b)) if imagined.descends => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
        }
    }
    for agent in &mut right {
        agent.as_object_mut().unwrap().remove("order");
    }
    let mut answered = Vec::new();
    loop {
        let event = Event::post("coachingOverviews:retrieve", body.clone()).by(caller.0, caller.1);
        let answer = service.succeed(&event).await;
        assert_eq!(answer.get("unreachable"), None);
        answered.extend(answer["agentCoachingOverviews"].as_array().unwrap().iter().cloned());
        match answer.get("nextPageToken") {
            None => break,
            Some(token) => body["pageToken"] = token.clone(),
        }
    }
    assert_eq!(answered, right, "{body}");
    for agent in &answered {
        let count = |field: &str| agent[field].as_u64().unwrap();
        let states = ["scheduledCount", "heldCount", "submittedCount", "acknowledgedCount"].map(count);
        assert_eq!(states.iter().sum::<u64>(), count("coachingSessionCount"));
        let of_plans = agent["coachingPlanOverviews"].as_array().unwrap().iter();
        let of_plans: u64 = of_plans.map(|plan| plan["coachingSessionCount"].as_u64().unwrap()).sum();
        assert!(of_plans <= count("coachingSessionCount"));
    }
}

#[test]
fn every_overview_equals_a_recount_of_what_lists_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = u32::try_from(coaching_tests::number_asked("CASES", 24)).unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&imagined(), |imagined| {
            runtime.block_on(compare(&imagined));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn who_left_within_the_window_is_answered_when_named_or_among_the_inactive() {
    let service = TestService::seeded().await;
    let mut ana = user("ana");
    ana["roles"] = json!(["manager"]);
    let load = |user: &Value| import("", json!({"users": [user]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load(&ana)).await;
    service.advance(TimeDelta::hours(1));
    let agents = async |more: Value| {
        let answer = service.succeed(&retrieve(more)).await;
        let agents = answer["agentCoachingOverviews"].as_array().unwrap().clone();
        agents.iter().map(|agent| agent["agentUserName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(agents(json!({})).await, [user_name("ben")]);
    assert_eq!(agents(json!({"includeInactiveUsers": true})).await, ["ana", "ben"].map(user_name));
    assert_eq!(agents(json!({"agentUserNames": [user_name("ana")]})).await, [user_name("ana")]);
}

#[tokio::test]
async fn who_cannot_be_read_is_missing_from_their_page_and_the_next_goes_on() {
    let service = TestService::seeded().await;
    let items = service.items().await;
    let (_, statistics) = items.iter().find(|(key, _)| key.ends_with(" / 2026-05#ana")).unwrap();
    let mut damaged = statistics.clone();
    damaged.insert("cells".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S("x".to_owned()));
    let put = service.client().put_item().table_name(service.table()).set_item(Some(damaged));
    put.send().await.unwrap();
    let mut body = json!({
        "orderBy": "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME",
        "orderDirection": "ORDER_DIRECTION_DESC",
        "pageSize": 1,
    });
    let first = service.succeed(&retrieve(body.clone())).await;
    assert_eq!((&first["agentCoachingOverviews"], &first["unreachable"]), (&json!([]), &json!([user_name("ana")])));
    body["pageToken"] = first["nextPageToken"].clone();
    let second = service.succeed(&retrieve(body)).await;
    assert_eq!(second["agentCoachingOverviews"][0]["agentUserName"], user_name("ben"));
    assert_eq!(second.get("nextPageToken"), None);
}
