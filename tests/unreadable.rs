//! Records that cannot be read affect nothing but themselves. Bad items are put into the table by hand, and every
//! operation that reads them is tried: it serves all other records, names the missing ones, and reveals and logs
//! nothing of their content.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_domain::Reason;
use coaching_tests::{
    Answered, Event, TestService, answer, below_support, event_file, logged, perform, plan_name, session_name,
    usecase_name, user, user_name,
};
use serde_json::{Value, json};
use uuid::Uuid;

type Item = HashMap<String, AttributeValue>;

/// The content of bad records, which no answer and no log line may hold.
const CONTENT: &str = "SECRET-CONTENT";

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn bytes() -> AttributeValue {
    AttributeValue::B(Blob::new(CONTENT))
}

/// A value of another type than `value`.
fn of_another_type(value: &AttributeValue) -> AttributeValue {
    if value.is_s() { bytes() } else { text(CONTENT) }
}

async fn put(service: &TestService, item: Item) {
    service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
}

/// The seeded service a minute later, with a target of ana's plan, a scorecard and sessions of ben's, and a plan with a
/// pending deletion.
async fn service() -> TestService {
    let service = TestService::seeded().await;
    let target = json!({
        "name": below_support("targets/of-ana"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "target": 55,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    service.succeed(&Event::post("targets", target)).await;
    let scorecard = json!({
        "name": below_support("scorecards/of-ben"),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ben"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": [{"criterionId": "greeting", "numericValue": 4}],
        "createTime": "2026-05-30T09:00:00Z",
        "submitTime": "2026-05-30T10:00:00Z",
    });
    service.succeed(&Event::post("scorecards", scorecard).by("service", "sync@acme")).await;
    service.succeed(&Event::post("coachingSessions", session_of_ben("of-ben"))).await;
    let linked = json!({"scorecardName": below_support("scorecards/submitted-1")});
    service.succeed(&Event::post("coachingPlans/ana-plan:addScorecard", linked)).await;
    service.plan("gone-plan", "ben").await;
    let mut doomed = session_of_ben("doomed");
    doomed["coachingPlanName"] = json!(plan_name("gone-plan"));
    service.succeed(&Event::post("coachingSessions", doomed)).await;
    service.succeed(&Event::new("DELETE", "coachingPlans/gone-plan").with("force", "true")).await;
    service.advance(TimeDelta::minutes(2));
    service
}

fn session_of_ben(id: &str) -> Value {
    json!({
        "name": session_name(id),
        "agentUserName": user_name("ben"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ben-plan"),
        "usecaseName": usecase_name("care"),
        "sessionTime": "2026-05-28T10:00:00Z",
        "meetingNotes": "Ben's call.",
    })
}

/// Progress of the usecase `care`, with `more`.
fn progress(more: Value) -> Event {
    let mut body = json!({"usecaseNames": [usecase_name("care")]});
    coaching_tests::merge(&mut body, more);
    Event::post("coachingProgresses:retrieve", body)
}

/// Overviews of the usecase `care`, with `more`.
fn overviews(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-20T00:00:00Z",
    });
    coaching_tests::merge(&mut body, more);
    Event::post("coachingOverviews:retrieve", body)
}

/// How much of the quota of the template `quality` is done, with `more`.
fn evaluations(more: Value) -> Event {
    let week = json!({"startTime": "2026-05-18T04:00:00Z", "endTime": "2026-05-25T04:00:00Z"});
    let mut body = json!({"evaluationPeriod": week});
    coaching_tests::merge(&mut body, more);
    Event::post("scorecardTemplates/quality:retrieveEvaluationProgress", body)
}

/// The requests that read records together with others.
fn lists() -> Vec<(&'static str, Event)> {
    let sessions = || Event::get("coachingSessions");
    let users = || Event::get("").to("/v1/customers/acme/users");
    let groups = || Event::get("").to("/v1/customers/acme/groups");
    vec![
        ("list-sessions", sessions()),
        ("list-sessions of an agent", sessions().with("agentUserName", &user_name("ana"))),
        ("list-sessions of a group", sessions().with("groupNames", "customers/acme/groups/team")),
        ("list-sessions by session time", sessions().with("orderBy", "ORDER_BY_SESSION_TIME")),
        ("progress of a team", progress(json!({"includeTeam": true, "includeCriteriaWithoutTarget": true}))),
        ("list-sessions of a plan", sessions().with("coachingPlanName", &plan_name("ana-plan"))),
        ("list-sessions of a usecase", sessions().with("usecaseNames", &usecase_name("care"))),
        ("list-sessions of a state", sessions().with("states", "HELD")),
        ("list-sessions of a time", sessions().with("startSessionTime", "2026-05-01T00:00:00Z")),
        ("list-sessions changed since", sessions().with("startUpdateTime", "2026-05-01T00:00:00Z")),
        ("list-plans", Event::post("coachingPlans:list", json!({}))),
        ("list-plans with sessions", Event::post("coachingPlans:list", json!({"includeCoachingSessions": true}))),
        ("list-comments", Event::get("coachingComments")),
        ("list-comments of a plan", Event::get("coachingComments").with("coachingPlanNames", &plan_name("ana-plan"))),
        ("list-scorecards", Event::get("scorecards")),
        ("list-scorecards of an agent", Event::get("scorecards").with("agentUserName", &user_name("ana"))),
        ("list-templates", Event::get("scorecardTemplates:listCurrent")),
        ("list-users", users()),
        ("list-users by query", users().with("query", "ana")),
        ("list-groups", groups()),
        ("list-groups by query", groups().with("query", "team")),
        ("list-groups of a manager", groups().with("managerUserName", &user_name("maria"))),
        ("list-usecases", Event::get("usecases")),
        ("list-usecases by query", Event::get("usecases").with("query", "care")),
        ("list-targets", Event::post("targets:list", json!({}))),
        ("list-targets of a plan", Event::post("targets:list", json!({"coachingPlanNames": [plan_name("ana-plan")]}))),
        (
            "list-targets by filter",
            Event::post(
                "targets:list",
                json!({
                    "usecaseNames": [usecase_name("care")],
                    "scorecardTemplateNames": [below_support("scorecardTemplates/quality")],
                }),
            ),
        ),
        (
            "list-templates of a usecase",
            Event::get("scorecardTemplates:listCurrent").with("usecaseNames", &usecase_name("care")),
        ),
        (
            "list-sessions of an agent and a usecase",
            sessions().with("agentUserName", &user_name("ana")).with("usecaseNames", &usecase_name("care")),
        ),
        ("list-changes", Event::get("changes").with("name", &session_name("held-1"))),
        ("progress by name", progress(json!({}))),
        ("progress by gap", progress(json!({"orderBy": "ORDER_BY_GAP"}))),
        ("progress of a group", progress(json!({"groupNames": ["customers/acme/groups/team"]}))),
        ("progress of agents", progress(json!({"agentUserNames": [user_name("ana"), user_name("ben")]}))),
        (
            "progress of a window that is over",
            progress(json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-05-31T00:00:00Z"})),
        ),
        ("overviews by name", overviews(json!({}))),
        ("overviews by time", overviews(json!({"orderBy": "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME"}))),
        ("overviews of a group", overviews(json!({"groupNames": ["customers/acme/groups/team"]}))),
        ("list-jobs", Event::get("jobs")),
    ]
}

/// The requests that read one record by its name.
fn gets() -> Vec<(&'static str, Event)> {
    let directory = |path: &str| Event::get("").to(&format!("/v1/customers/acme/{path}"));
    vec![
        ("get-session", Event::get("coachingSessions/held-1")),
        ("get-plan", Event::get("coachingPlans/ana-plan")),
        ("get-comment", Event::get("coachingComments/first")),
        ("get-scorecard", Event::get("scorecards/submitted-1")),
        ("get-template", Event::get("scorecardTemplates/quality")),
        ("get-template, a revision", Event::get("scorecardTemplates/quality@1")),
        ("get-target", Event::get("targets/of-ana")),
        ("get-job", Event::get("jobs/export-1")),
        ("get-user", directory("users/ana")),
        ("get-group", directory("groups/team")),
        // These are of one template, and are refused if it cannot be read.
        ("get-template, and its evaluations by name", evaluations(json!({}))),
        ("get-template, and its evaluations by what remains", evaluations(json!({"orderBy": "REMAINING"}))),
        ("get-template, and its quota", Event::post("scorecardTemplates/quality:retrieveTotalAgentQuota", json!({}))),
        (
            "get-template, and its quota with an exception",
            Event::post(
                "scorecardTemplates/quality:retrieveTotalAgentQuota",
                json!({"overrideTaskCompleteConfig": {
                    "evaluatedConversationCountPerAgent": 4,
                    "overriddenAgents": [
                        {"group": "customers/acme/groups/team", "evaluatedConversationCountPerAgent": 2},
                    ],
                }}),
            ),
        ),
    ]
}

fn without(mut body: Value, fields: &[&str]) -> Value {
    for field in fields {
        body.as_object_mut().unwrap().remove(*field);
    }
    body
}

fn unreachable(answered: &Answered) -> Vec<&str> {
    let names = answered.body["unreachable"].as_array().map(Vec::as_slice).unwrap_or_default();
    names.iter().map(|name| name.as_str().unwrap()).collect()
}

/// Asserts that `answered` reveals nothing of a bad record, and is a valid error if it is one.
fn assert_is_quiet(answered: &Answered, tried: &str) {
    assert!(!answered.body.to_string().contains(CONTENT), "{tried}: {}", answered.body);
    if answered.status != 200 {
        answered.assert_is_error();
        assert_eq!((answered.status, answered.reason()), (500, "RECORD_UNREADABLE"), "{tried}: {}", answered.body);
    }
}

/// The items that are damaged: their kind and the end of their keys.
const KINDS: [(&str, &str); 24] = [
    ("session", "#session#held-1 / session"),
    ("plan", "#plan#ana-plan / plan"),
    ("what hangs on a plan", "#plan#ana-plan / dependents"),
    ("comment", "#comment#first / comment"),
    ("scorecard", "#scorecard#submitted-1 / scorecard"),
    ("draft", "#scorecard#draft-1 / scorecard"),
    ("current template", "#template#quality / current"),
    ("template revision", "#template#quality / revision#00000001"),
    ("organisation's target", "#target#greeting-target / target"),
    ("agent's target", "#target#of-ana / target"),
    ("agent", "#agent#ana / agent"),
    ("user", "#user#ana / user"),
    ("user in the list", "name#agent ana\u{0}00\u{0}Agent ana\u{0}ana"),
    ("user in the list by a word", "word#ana\u{0}01\u{0}Agent ana\u{0}ana"),
    ("group", "#group#team / group"),
    ("group in the list", "##group-names / name#team\u{0}00\u{0}Team\u{0}team"),
    ("group in the list of a manager", "##groups-of#maria / name#team\u{0}00\u{0}Team\u{0}team"),
    ("usecase", "#usecase#care / usecase"),
    ("statistics", " / 2026-05#ana"),
    ("session's mark", " / 2026-05#ana#session#held-1"),
    ("scorecard's mark", " / 2026-05#ana#scorecard#submitted-1"),
    ("deletions", "#deletions / deletions"),
    ("change", "#session#held-1 / change#"),
    ("job", "#job#export-1 / job"),
];

fn key_of(items: &BTreeMap<String, Item>, end: &str) -> String {
    let is_it = |key: &&String| key.ends_with(end) || (end.ends_with('#') && key.contains(end));
    items.keys().find(is_it).unwrap_or_else(|| panic!("no item {end}")).clone()
}

/// Attributes that are keys of the table or of indexes: DynamoDB itself takes only texts for them.
const KEYS: [&str; 10] = [
    "PK",
    "SK",
    "profile_list",
    "agent_list",
    "plan_list",
    "usecase_list",
    "open_list",
    "list_order",
    "session_time_order",
    "update_time_order",
];

/// Sends each of `probes`.
async fn answers(service: &TestService, probes: &[(&'static str, Event)]) -> Vec<Answered> {
    let mut answers = Vec::with_capacity(probes.len());
    for (_, event) in probes {
        answers.push(service.send(event).await);
    }
    answers
}

#[tokio::test]
async fn no_answer_differs_in_silence() {
    let service = service().await;
    let (lists, gets) = (lists(), gets());
    let (right, right_gets) = (answers(&service, &lists).await, answers(&service, &gets).await);
    for (answered, (tried, _)) in right.iter().chain(&right_gets).zip(lists.iter().chain(&gets)) {
        assert_eq!((answered.status, answered.body.get("unreachable")), (200, None), "{tried}: {}", answered.body);
    }
    let items = service.items().await;
    let probes: Vec<(&str, Event)> = lists.iter().chain(&gets).cloned().collect();
    let right: Vec<Answered> = right.into_iter().chain(right_gets).collect();
    let (mut damaged, mut sent, mut named) = (0, 0, 0);
    for (kind, end) in KINDS {
        let item = &items[&key_of(&items, end)];
        // An answer that differs without the item depends on it. Whether others are affected too is tried once.
        let key = ["PK", "SK"].map(|name| (name.to_owned(), item[name].clone()));
        let delete = service.client().delete_item().table_name(service.table()).set_key(Some(HashMap::from(key)));
        delete.send().await.unwrap();
        let answers = answers(&service, &probes).await;
        let reads: Vec<bool> =
            answers.iter().zip(&right).map(|(answered, right)| answered.body != right.body).collect();
        let attributes: Vec<&String> = item.keys().filter(|name| !KEYS.contains(&name.as_str())).collect();
        for (number, attribute) in attributes.iter().enumerate() {
            let mut bad = item.clone();
            bad.insert((*attribute).clone(), of_another_type(&item[*attribute]));
            put(&service, bad).await;
            damaged += 1;
            for (((probed, event), right), reads) in probes.iter().zip(&right).zip(&reads) {
                if number > 0 && !reads {
                    continue;
                }
                let answered = service.send(event).await;
                let tried = format!("{kind}, {attribute}: {probed}");
                assert_is_quiet(&answered, &tried);
                assert!(answered.status == 200 || probed.starts_with("get-"), "{tried}: {}", answered.body);
                let fields = ["unreachable", "nextPageToken"];
                let differs = without(answered.body.clone(), &fields) != without(right.body.clone(), &fields);
                let is_told = answered.status != 200 || !unreachable(&answered).is_empty();
                assert!(!differs || is_told, "{tried}: {}", answered.body);
                sent += 1;
                named += usize::from(is_told);
            }
        }
        put(&service, item.clone()).await;
        println!("{kind}: {} attributes, each of another type", attributes.len());
    }
    println!("{damaged} bad items, {sent} requests; {named} answers named what could not be read");
    let restored = answers(&service, &probes).await;
    assert!(restored.iter().zip(&right).all(|(answered, right)| answered.body == right.body), "all is as it was");
    let lines = logged();
    assert!(lines.iter().all(|line| !line.contains(CONTENT)), "a line tells what is in a record");
}

/// A bad record: its kind, the end of its key, the attribute and its bad value, the resource's name, and the lists that
/// name it.
type Bad = (&'static str, &'static str, &'static str, Option<AttributeValue>, String, Vec<&'static str>);

fn bad_records() -> Vec<Bad> {
    let (held, plan) = (session_name("held-1"), plan_name("ana-plan"));
    let sessions =
        vec!["list-sessions", "list-sessions of an agent", "list-sessions of a plan", "list-plans with sessions"];
    let of_progress = vec!["progress by name", "progress by gap", "progress of a group", "progress of agents"];
    let of_overviews = vec!["overviews by name", "overviews by time", "overviews of a group"];
    vec![
        (
            "session's mark",
            " / 2026-05#ana#session#held-1",
            "session",
            Some(text("2026-05-25T10:00:00Z#T")),
            user_name("ana"),
            of_overviews.clone(),
        ),
        (
            "scorecard's mark",
            " / 2026-05#ana#scorecard#submitted-1",
            "scorecard",
            None,
            user_name("ana"),
            of_overviews.clone(),
        ),
        ("statistics of an overview", " / 2026-05#ana", "cells", Some(bytes()), user_name("ana"), of_overviews.clone()),
        ("session", "#session#held-1 / session", "version", None, held.clone(), sessions.clone()),
        (
            "session",
            "#session#held-1 / session",
            "agent",
            Some(text("not an id!")),
            held.clone(),
            vec!["list-sessions"],
        ),
        ("session", "#session#held-1 / session", "create_time", Some(text("yesterday")), held, sessions),
        ("plan", "#plan#ana-plan / plan", "is_active", None, plan, vec!["list-plans", "list-plans with sessions"]),
        (
            "comment",
            "#comment#first / comment",
            "message",
            None,
            below_support("coachingComments/first"),
            vec!["list-comments"],
        ),
        (
            "scorecard",
            "#scorecard#submitted-1 / scorecard",
            "scores",
            Some(text("{not json")),
            below_support("scorecards/submitted-1"),
            vec!["list-scorecards", "list-scorecards of an agent"],
        ),
        (
            "scorecard of a revision that does not exist",
            "#scorecard#submitted-1 / scorecard",
            "revision",
            Some(AttributeValue::N("7".to_owned())),
            below_support("scorecards/submitted-1"),
            vec!["list-scorecards", "list-scorecards of an agent"],
        ),
        (
            "current template",
            "#template#quality / current",
            "chapters",
            Some(text("[1]")),
            below_support("scorecardTemplates/quality"),
            [vec!["list-templates"], of_progress.clone()].concat(),
        ),
        (
            "template revision",
            "#template#quality / revision#00000001",
            "title",
            None,
            below_support("scorecardTemplates/quality@1"),
            vec!["list-scorecards"],
        ),
        (
            "organisation's target",
            "#target#greeting-target / target",
            "history",
            Some(AttributeValue::L(vec![text("2026-05-01T00:00:00Z")])),
            below_support("targets/greeting-target"),
            [vec!["list-targets"], of_progress.clone()].concat(),
        ),
        ("agent without a name", "#agent#ana / agent", "display_name", None, user_name("ana"), of_progress.clone()),
        ("agent", "#agent#ana / agent", "plan#ana-plan", Some(text("{}")), user_name("ana"), of_progress.clone()),
        (
            "agent with a bad target",
            "#agent#ana / agent",
            "targets#ana-plan",
            Some(text("[{}]")),
            user_name("ana"),
            of_progress.clone(),
        ),
        ("statistics", " / 2026-05#ana", "cells", Some(bytes()), user_name("ana"), of_progress.clone()),
        ("statistics without scores", " / 2026-05#ana", "cells", None, user_name("ana"), of_progress.clone()),
        (
            "statistics with a bad session",
            " / 2026-05#ana",
            "held#held-1",
            Some(text("now#")),
            user_name("ana"),
            [of_progress, of_overviews].concat(),
        ),
        (
            "group",
            "#group#team / group",
            "members",
            Some(AttributeValue::L(vec![text("not an id!")])),
            "customers/acme/groups/team".to_owned(),
            vec!["progress of a group"],
        ),
        (
            "group in the list",
            "##group-names / name#team\u{0}00\u{0}Team\u{0}team",
            "managers",
            Some(AttributeValue::L(vec![text("not an id!")])),
            "customers/acme/groups/team".to_owned(),
            vec!["list-groups", "list-groups by query"],
        ),
        (
            "group in the list of a manager",
            "##groups-of#maria / name#team\u{0}00\u{0}Team\u{0}team",
            "display_name",
            None,
            "customers/acme/groups/team".to_owned(),
            vec!["list-groups of a manager"],
        ),
        (
            "user in the list",
            "name#agent ana\u{0}00\u{0}Agent ana\u{0}ana",
            "profiles",
            Some(AttributeValue::L(vec![text("elsewhere")])),
            user_name("ana"),
            vec!["list-users"],
        ),
        (
            "user in the list by a word",
            "word#ana\u{0}01\u{0}Agent ana\u{0}ana",
            "version",
            None,
            user_name("ana"),
            vec!["list-users by query"],
        ),
        (
            "usecase",
            "#usecase#care / usecase",
            "display_name",
            None,
            usecase_name("care"),
            vec!["list-usecases", "list-usecases by query"],
        ),
        (
            "change of a newer version",
            "#session#held-1 / change#",
            "role",
            Some(text("auditor")),
            format!("{}/changes/1", session_name("held-1")),
            vec!["list-changes"],
        ),
    ]
}

#[tokio::test]
async fn a_bad_record_is_named_by_the_lists_that_miss_it() {
    let service = service().await;
    let lists = lists();
    let items = service.items().await;
    for (kind, end, attribute, value, name, named_by) in bad_records() {
        let item = &items[&key_of(&items, end)];
        let mut bad = item.clone();
        match value {
            Some(value) => bad.insert(attribute.to_owned(), value),
            None => bad.remove(attribute),
        };
        assert_ne!(*item, bad, "{kind}, {attribute}");
        put(&service, bad).await;
        for ((tried, _), answered) in lists.iter().zip(answers(&service, &lists).await) {
            assert_eq!(answered.status, 200, "{kind}, {attribute}: {tried}: {}", answered.body);
            let names = unreachable(&answered);
            assert!(
                !named_by.contains(tried) || names.contains(&name.as_str()),
                "{kind}, {attribute}: {tried}: {names:?}"
            );
        }
        put(&service, item.clone()).await;
        println!("{kind}, {attribute}: named {name} by {}", named_by.join(", "));
    }
}

/// All entries of a list, page by page, and all names in `unreachable`.
async fn walk(service: &TestService, event: &Event, entries: &str, page_size: &str) -> (Vec<Value>, Vec<String>) {
    let (mut found, mut named) = (Vec::new(), Vec::new());
    let mut token: Option<String> = None;
    for _ in 0..20 {
        let mut page = event.clone().with("pageSize", page_size);
        if let Some(token) = &token {
            page = page.with("pageToken", token);
        }
        let answered = service.send(&page).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        named.extend(unreachable(&answered).into_iter().map(ToOwned::to_owned));
        let of_page = answered.body[entries].as_array().unwrap();
        assert!(of_page.len() <= page_size.parse().unwrap());
        found.extend(of_page.iter().cloned());
        token = answered.body["nextPageToken"].as_str().map(ToOwned::to_owned);
        let Some(_) = token else { return (found, named) };
        assert_eq!(of_page.len().to_string(), page_size, "a page is full unless it is the last");
    }
    panic!("a list without an end")
}

#[tokio::test]
async fn pages_go_past_what_cannot_be_read() {
    let service = service().await;
    let event = Event::get("coachingSessions");
    let (right, _) = walk(&service, &event, "coachingSessions", "1").await;
    let items = service.items().await;
    for left_out in &right {
        let name = left_out["name"].as_str().unwrap();
        let id = name.rsplit('/').next().unwrap();
        let item = &items[&format!("acme#support#session#{id} / session")];
        let mut bad = item.clone();
        bad.remove("version");
        put(&service, bad).await;
        let rest: Vec<Value> = right.iter().filter(|session| *session != left_out).cloned().collect();
        for page_size in ["1", "2", "3", "50"] {
            let (found, named) = walk(&service, &event, "coachingSessions", page_size).await;
            assert_eq!((&found, named), (&rest, vec![name.to_owned()]), "{name}, pages of {page_size}");
        }
        put(&service, item.clone()).await;
    }
    // Every session is damaged.
    for session in &right {
        let id = session["name"].as_str().unwrap().rsplit('/').next().unwrap();
        let mut bad = items[&format!("acme#support#session#{id} / session")].clone();
        bad.remove("version");
        put(&service, bad).await;
    }
    let (found, named) = walk(&service, &event, "coachingSessions", "2").await;
    assert_eq!((found.len(), named.len()), (0, right.len()));
    println!("each of {} sessions left out of pages of 1, 2, 3 and 50, and all of them", right.len());
}

#[tokio::test]
async fn a_page_names_a_hundred_and_the_next_goes_on() {
    let service = service().await;
    let items = service.items().await;
    let item = &items[&key_of(&items, "#session#held-1 / session")];
    let mut names = Vec::new();
    for number in 0..230 {
        let id = format!("bad-{number:03}");
        let mut bad = item.clone();
        bad.remove("creator");
        bad.insert("PK".to_owned(), text(&format!("acme#support#session#{id}")));
        let place = bad["list_order"].as_s().unwrap().replace("held-1", &id);
        bad.insert("list_order".to_owned(), text(&place));
        put(&service, bad).await;
        names.push(session_name(&id));
    }
    let event = Event::get("coachingSessions").with("agentUserName", &user_name("ana"));
    let (mut found, mut named, mut pages) = (0, Vec::new(), 0);
    let mut token: Option<String> = None;
    loop {
        let page = token.iter().fold(event.clone(), |event, token| event.with("pageToken", token));
        let answered = service.send(&page).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        assert!(unreachable(&answered).len() <= 100);
        found += answered.body["coachingSessions"].as_array().unwrap().len();
        named.extend(unreachable(&answered).into_iter().map(ToOwned::to_owned));
        pages += 1;
        token = answered.body["nextPageToken"].as_str().map(ToOwned::to_owned);
        if token.is_none() {
            break;
        }
    }
    named.sort();
    assert_eq!((found, pages, named), (3, 3, names));
}

#[tokio::test]
async fn what_is_kept_for_a_while_costs_one_request() {
    let service = service().await;
    let damage = async |part: &str, attribute: &str| {
        let (_, mut bad) = service.items().await.into_iter().find(|(key, _)| key.contains(part)).unwrap();
        bad.insert(attribute.to_owned(), bytes());
        put(&service, bad).await;
    };
    // A stored order: its page tokens are refused, and clients start the list again.
    let mut first = json!({"orderBy": "ORDER_BY_GAP", "pageSize": 1});
    let token = service.succeed(&progress(first.clone())).await["nextPageToken"].clone();
    assert!(token.is_string());
    damage("#order#", "agents").await;
    first["pageToken"] = token;
    let answered = service.send(&progress(first)).await;
    assert_eq!((answered.status, answered.refused_fields()), (400, vec!["pageToken".to_owned()]), "{}", answered.body);
    // An idempotency record: the request is refused, not executed again.
    let create = Event::post("coachingSessions", session_of_ben("asked"));
    let create = create.with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a12");
    service.succeed(&create).await;
    damage("#request#", "fingerprint").await;
    let answered = service.refused(&create, 500).await;
    assert_is_quiet(&answered, "a repeated request");
    // The cursor of a rebuild: it starts again.
    let state = [("PK", "acme#support#rebuild"), ("SK", "rebuild")].map(|(name, value)| (name.to_owned(), text(value)));
    put(&service, HashMap::from(state)).await;
    let told = rebuild(&service).await;
    assert_eq!((&told["recountedAgentCount"], &told["complete"]), (&json!(2), &json!(true)), "{told}");
}

#[tokio::test]
async fn by_its_name_a_bad_record_is_named_and_no_agent_is_told() {
    let service = service().await;
    let items = service.items().await;
    let mut tried = 0;
    for (end, name, asked) in [
        ("#session#held-1 / session", session_name("held-1"), "coachingSessions/held-1"),
        ("#plan#ana-plan / plan", plan_name("ana-plan"), "coachingPlans/ana-plan"),
        ("#comment#first / comment", below_support("coachingComments/first"), "coachingComments/first"),
        ("#scorecard#submitted-1 / scorecard", below_support("scorecards/submitted-1"), "scorecards/submitted-1"),
        ("#target#of-ana / target", below_support("targets/of-ana"), "targets/of-ana"),
    ] {
        let item = &items[&key_of(&items, end)];
        let mut bad = item.clone();
        bad.insert("version".to_owned(), text(CONTENT));
        put(&service, bad).await;
        let mut events = vec![Event::get(asked)];
        let singular = match asked.split('/').next().unwrap() {
            "coachingSessions" => "coachingSession",
            "coachingPlans" => "coachingPlan",
            "coachingComments" => "coachingComment",
            "scorecards" => "scorecard",
            _ => "target",
        };
        let update = match singular {
            "target" => json!({"target": {"target": 70}}),
            "coachingComment" => json!({"coachingComment": {"message": "Other."}}),
            "scorecard" => json!({"scorecard": {"comment": "Other."}}),
            "coachingPlan" => json!({"coachingPlan": {"displayName": "Other."}}),
            _ => json!({"coachingSession": {"meetingNotes": "Other."}}),
        };
        events.push(Event::new("PATCH", asked).with_text(&update.to_string()));
        for event in &events {
            let answered = service.refused(event, 500).await;
            assert_is_quiet(&answered, asked);
            assert!(answered.body["message"].as_str().unwrap().contains(&name), "{}", answered.body);
            assert_eq!(answered.body["details"][0]["metadata"]["resource"], name, "{}", answered.body);
            tried += 1;
        }
        if singular != "target" {
            let mut as_agent =
                [("ana", asked), ("ben", asked)].map(|(agent, asked)| Event::get(asked).by("agent", agent));
            for event in &mut as_agent {
                let answered = service.refused(event, 403).await;
                let none = format!("{}/none", asked.split('/').next().unwrap());
                let of_none = service.refused(&Event::get(&none).by("agent", "ben"), 403).await;
                let neutral = |answered: &Answered, id: &str| answered.body["message"].to_string().replace(id, "…");
                let id = asked.split('/').next_back().unwrap();
                assert_eq!(neutral(&answered, id), neutral(&of_none, "none"));
                tried += 1;
            }
        }
        put(&service, item.clone()).await;
    }
    println!("{tried} requests for records that cannot be read");
}

#[tokio::test]
async fn an_agent_who_cannot_be_read_is_not_in_the_team() {
    let service = service().await;
    let of_team = progress(json!({"includeTeam": true}));
    let told = async || {
        let answered = service.send(&of_team).await;
        let team = &answered.body["team"];
        let unreachable = unreachable(&answered).into_iter().map(str::to_owned).collect::<Vec<_>>();
        (team["agentCount"].clone(), team["criterionProgresses"][1]["scorecardCount"].clone(), unreachable)
    };
    assert_eq!(told().await, (json!(2), json!(2), vec![]));
    let items = service.items().await;
    let mut bad = items[&key_of(&items, " / 2026-05#ben")].clone();
    bad.insert("cells".to_owned(), bytes());
    put(&service, bad).await;
    assert_eq!(told().await, (json!(1), json!(1), vec![user_name("ben")]));
}

#[tokio::test]
async fn an_agent_is_not_told_of_anothers_comments() {
    let service = service().await;
    let items = service.items().await;
    let mut bad = items[&key_of(&items, "#comment#first / comment")].clone();
    bad.remove("message");
    put(&service, bad).await;
    let of_plan = Event::get("coachingComments").with("coachingPlanNames", &plan_name("ana-plan"));
    for (agent, names) in [("ana", vec![below_support("coachingComments/first")]), ("ben", vec![])] {
        let answered = service.send(&of_plan.clone().by("agent", agent)).await;
        assert_eq!((answered.status, unreachable(&answered)), (200, names.iter().map(String::as_str).collect()));
    }
}

#[tokio::test]
async fn an_entry_of_a_batch_that_meets_one_costs_itself() {
    let service = service().await;
    let items = service.items().await;
    let damage = async |end: &str, attribute: &str, value: AttributeValue| {
        let mut bad = items[&key_of(&items, end)].clone();
        bad.insert(attribute.to_owned(), value);
        put(&service, bad).await;
    };
    let statuses = |body: &Value| -> Vec<Option<String>> {
        let reason = |result: &Value| Some(result["status"]["details"][0]["reason"].as_str()?.to_owned());
        body["results"].as_array().unwrap().iter().map(reason).collect()
    };
    let unreadable = || Some("RECORD_UNREADABLE".to_owned());
    let sync = |path: &str, body: Value| Event::post("", body).to(path).by("service", "sync@acme");

    // A role of a newer version: the user is replaced, and the others succeed.
    damage("#user#ana / user", "roles", AttributeValue::L(vec![text("auditor")])).await;
    let refused = service.refused(&Event::get("").to("/v1/customers/acme/users/ana"), 500).await;
    assert_is_quiet(&refused, "get-user");
    let users = json!({"users": [user("ana"), user("chloe")]});
    let body = service.succeed(&sync("/v1/customers/acme/users:batchUpsert", users)).await;
    assert_eq!(statuses(&body), [None, None], "{body}");
    let (answered, before) = (service.items().await, &items);
    assert_eq!(answered["acme##user#ana / user"]["roles"], before["acme##user#ana / user"]["roles"]);
    service.succeed(&Event::get("").to("/v1/customers/acme/users/ana")).await;

    // A group: it is replaced; until then, entries that would contain it are refused.
    damage("#group#team / group", "subgroups", text(CONTENT)).await;
    let group = |id: &str, subgroups: &[&str]| {
        let below: Vec<String> = subgroups.iter().map(|id| format!("customers/acme/groups/{id}")).collect();
        json!({"name": format!("customers/acme/groups/{id}"), "displayName": id, "subgroupNames": below})
    };
    let groups = json!({"groups": [group("all", &["team"]), group("team", &[]), group("other", &[])]});
    let body = service.succeed(&sync("/v1/customers/acme/groups:batchUpsert", groups)).await;
    assert_eq!(statuses(&body), [unreadable(), None, None], "{body}");
    let groups = json!({"groups": [group("all", &["team"])]});
    let body = service.succeed(&sync("/v1/customers/acme/groups:batchUpsert", groups)).await;
    assert_eq!(statuses(&body), [None], "{body}");

    // A plan and a scorecard are refused by themselves, and so is an entry with a template that cannot be read.
    damage("#plan#ana-plan / plan", "agent", bytes()).await;
    let plan = |id: &str, agent: &str| json!({"name": plan_name(id), "agentUserName": user_name(agent), "creatorUserName": user_name("maria"), "isActive": true});
    let plans = json!({"coachingPlans": [plan("ana-plan", "ana"), plan("new-plan", "ben")]});
    let body = service.succeed(&Event::post("coachingPlans:batchUpsert", plans)).await;
    assert_eq!(statuses(&body), [unreadable(), None], "{body}");
    let scorecard = |id: &str, agent: &str| {
        json!({
            "name": below_support(&format!("scorecards/{id}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(agent),
            "templateName": below_support("scorecardTemplates/quality"),
            "scores": [{"criterionId": "greeting", "numericValue": 5}],
            "submitTime": "2026-05-20T10:00:00Z",
            "createTime": "2026-05-20T09:00:00Z",
        })
    };
    let scorecards = || json!({"scorecards": [scorecard("submitted-1", "ana"), scorecard("new", "ben")]});
    let load = || Event::post("scorecards:batchUpsert", scorecards()).by("service", "sync@acme");
    damage("#scorecard#submitted-1 / scorecard", "plans", text(CONTENT)).await;
    let body = service.succeed(&load()).await;
    assert_eq!(statuses(&body), [unreadable(), None], "{body}");
    damage("#scorecard#submitted-1 / scorecard", "revision", AttributeValue::N("7".to_owned())).await;
    assert_eq!(statuses(&service.succeed(&load()).await), [unreadable(), None]);
    damage("#template#quality / current", "chapters", text(CONTENT)).await;
    assert_eq!(statuses(&service.succeed(&load()).await), [unreadable(), unreadable()]);
    println!("users, groups, plans, scorecards and templates that cannot be read, among others of their batch");
}

async fn rebuild(service: &TestService) -> Value {
    let event = event_file("rebuild-statistics", "profile");
    let app = service.app.for_one_request();
    perform(&rebuild_statistics::TASK, &app, event, Instant::now() + Duration::from_secs(600)).await.unwrap()
}

#[tokio::test]
async fn a_rebuild_makes_anew_what_is_derived() {
    let service = service().await;
    let probes: Vec<(&str, Event)> = lists().into_iter().filter(|(tried, _)| tried.starts_with("progress")).collect();
    let right = answers(&service, &probes).await;
    let items = service.items().await;
    for (kind, end) in [("statistics", " / 2026-05#ana"), ("agent", "#agent#ana / agent")] {
        let item = &items[&key_of(&items, end)];
        let attributes: Vec<&String> = item.keys().filter(|name| !KEYS.contains(&name.as_str())).collect();
        let mut all = item.clone();
        for attribute in &attributes {
            let mut bad = item.clone();
            bad.insert((*attribute).clone(), of_another_type(&item[*attribute]));
            all.insert((*attribute).clone(), of_another_type(&item[*attribute]));
            put(&service, bad).await;
            let told = rebuild(&service).await;
            assert_eq!((&told["done"], &told["complete"]), (&json!(true), &json!(true)), "{kind}, {attribute}: {told}");
            let differences =
                told["differenceCount"].as_u64().unwrap() + told["recordDifferenceCount"].as_u64().unwrap();
            assert!(differences > 0, "{kind}, {attribute}: {told}");
            assert_eq!(answers(&service, &probes).await, right, "{kind}, {attribute}");
        }
        let of_nothing = if kind == "agent" { "plan#not an id" } else { "held#not an id" };
        all.insert(of_nothing.to_owned(), text(CONTENT));
        all.remove("version");
        put(&service, all).await;
        rebuild(&service).await;
        assert_eq!(answers(&service, &probes).await, right, "{kind}, all attributes");
        println!("{kind}: {} attributes, each and all of another type, made anew", attributes.len());
    }
    let told = rebuild(&service).await;
    let counts =
        ["differenceCount", "recordDifferenceCount", "skippedCount"].map(|count| told[count].as_u64().unwrap());
    assert_eq!(counts, [0, 0, 0], "{told}");
    let now = service.items().await;
    assert_eq!(now[&key_of(&now, "#agent#ana / agent")], items[&key_of(&items, "#agent#ana / agent")]);
}

#[tokio::test]
async fn a_rebuild_names_what_it_could_not_count_and_goes_on() {
    let service = service().await;
    let items = service.items().await;
    let ben = key_of(&items, " / 2026-05#ben");
    for (end, attribute, value, name) in [
        ("#scorecard#submitted-1 / scorecard", "scores", bytes(), below_support("scorecards/submitted-1")),
        (
            "#scorecard#submitted-1 / scorecard",
            "revision",
            AttributeValue::N("7".to_owned()),
            below_support("scorecards/submitted-1"),
        ),
        ("#template#quality / revision#00000001", "chapters", bytes(), below_support("scorecardTemplates/quality@1")),
        ("#session#held-1 / session", "plan", bytes(), session_name("held-1")),
        ("#plan#ana-plan / plan", "is_active", bytes(), plan_name("ana-plan")),
        ("#target#of-ana / target", "history", bytes(), below_support("targets/of-ana")),
    ] {
        let item = &items[&key_of(&items, end)];
        let mut bad = item.clone();
        bad.insert(attribute.to_owned(), value);
        put(&service, bad).await;
        let mut of_ben = items[&ben].clone();
        of_ben.insert("cells".to_owned(), bytes());
        put(&service, of_ben).await;
        let told = rebuild(&service).await;
        assert_eq!((&told["done"], &told["complete"]), (&json!(true), &json!(false)), "{name}: {told}");
        let skipped = told["skipped"].as_array().unwrap();
        assert!(skipped.iter().any(|one| one["name"] == name && one["attribute"] == attribute), "{name}: {told}");
        assert!(!told.to_string().contains(CONTENT));
        if !end.contains("template") {
            assert_eq!(service.items().await[&ben]["cells"], items[&ben]["cells"], "{name}: ben is recounted");
        }
        // A repaired record is counted again.
        put(&service, item.clone()).await;
        service.advance(TimeDelta::minutes(2));
        let told = rebuild(&service).await;
        assert_eq!((&told["complete"], &told["skipped"]), (&json!(true), &json!([])), "{name}: {told}");
        service.advance(TimeDelta::minutes(2));
        println!("{name}, {attribute}: named by the rebuild, which went on");
    }
    let statistics = |items: &BTreeMap<String, Item>| -> Vec<AttributeValue> {
        items.values().filter_map(|item| item.get("cells").cloned()).collect()
    };
    assert_eq!(statistics(&service.items().await), statistics(&items));
}

#[tokio::test]
async fn a_rebuild_of_nothing_known_is_an_error() {
    let service = TestService::seeded().await;
    for (customer, profile) in [("nobodys", "support"), ("acme", "none")] {
        let event = json!({"customer": customer, "profile": profile});
        let until = Instant::now() + Duration::from_secs(60);
        let error = perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap_err();
        assert_eq!(error.reason(), Reason::ProfileNotFound);
    }
}

#[tokio::test]
async fn a_plan_with_a_bad_record_on_it_says_which_and_is_not_half_visible() {
    let service = service().await;
    let items = service.items().await;
    let item = &items[&key_of(&items, "#session#held-1 / session")];
    let mut bad = item.clone();
    bad.insert("creator".to_owned(), bytes());
    put(&service, bad).await;
    let delete = || Event::new("DELETE", "coachingPlans/ana-plan").with("force", "true");
    let answered = service.send(&delete()).await;
    assert_is_quiet(&answered, "delete-plan");
    assert!(answered.body["message"].as_str().unwrap().contains("held-1"), "{}", answered.body);
    put(&service, item.clone()).await;
    service.succeed(&delete()).await;
    let left = service.succeed(&Event::get("coachingSessions")).await;
    assert!(!left.to_string().contains("ana-plan"), "{left}");
}

#[tokio::test]
async fn each_leaves_a_line_that_says_which_it_is() {
    let service = service().await;
    let items = service.items().await;
    let mut bad = items[&key_of(&items, "#session#held-1 / session")].clone();
    bad.insert("version".to_owned(), text(CONTENT));
    put(&service, bad).await;
    for event in [Event::get("coachingSessions"), Event::get("coachingSessions/held-1")] {
        let id = Uuid::new_v4().to_string();
        let operation = event.operation();
        let mut event = event.to_json();
        event["requestContext"]["requestId"] = json!(id);
        answer(operation, &service.app.for_one_request(), event).await;
        let lines: Vec<Value> = logged().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let lines: Vec<&Value> = lines.iter().filter(|line| line["request_id"] == id.as_str()).collect();
        let [record, request] = lines[..] else { panic!("{} lines", lines.len()) };
        let told = ["level", "message", "customer", "profile", "kind", "id", "attribute"].map(|key| &record[key]);
        let right = ["ERROR", "a record cannot be read", "acme", "support", "session", "held-1", "version"];
        assert_eq!(told.map(|told| told.as_str().unwrap()), right);
        assert_eq!(record["unreadable_records"], 1);
        assert_eq!(request["operation"], operation.name);
        assert!(!request.to_string().contains("held-1"), "{request}");
    }
}
