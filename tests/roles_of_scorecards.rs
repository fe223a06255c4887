//! Which role may set and read what of scorecards and comments: the tables of `docs/roles.md`, cell by cell.

use coaching_tests::{Event, TestService, below_support, merge, plan_name, session_name, usecase_name, user_name};
use serde_json::{Value, json};

const ROLES: &str = include_str!("../docs/roles.md");
/// The column of each caller, with a role and a user: `manager`, `agent`, and both of `service, admin`.
const CALLERS: [(usize, &str, &str); 4] =
    [(0, "manager", "maria"), (1, "agent", "ana"), (2, "service", "sync@acme"), (2, "admin", "root")];
const STATES: [&str; 3] = ["draft", "submitted", "acknowledged"];
const TIME: &str = "2026-05-28T10:00:00Z";

/// The rows of the table whose first column has the title `head`: the first cell, and the words of each other cell.
fn table(head: &str) -> Vec<(String, Vec<Vec<&'static str>>)> {
    let rest = ROLES.split(&format!("\n| {head} |")).nth(1).unwrap_or_else(|| panic!("no table of '{head}'"));
    let rows = rest.split("\n\n").next().unwrap().lines().skip(2);
    let rows: Vec<_> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            (cells[0].replace('`', ""), cells[1..].iter().map(|cell| cell.split(" / ").collect()).collect())
        })
        .collect();
    assert!(rows.len() > 2, "{head}");
    rows
}

/// The word of a cell for the state at `place`.
fn word(cell: &[&'static str], place: usize) -> &'static str {
    match cell {
        [one] => one,
        each => each[place],
    }
}

/// Asserts that `event` has the effect of `word`: `set` means that the field is as sent, `dropped` that nothing
/// changed.
async fn holds(service: &TestService, event: &Event, word: &str, is_set: impl Fn(&Value) -> bool, told: &str) {
    match word {
        "set" => {
            let answered = service.send(event).await;
            assert_eq!(answered.status, 200, "{told}: {}", answered.body);
            assert!(is_set(&answered.body), "{told}: {}", answered.body);
        }
        "dropped" => {
            let answered = service.send(event).await;
            assert_eq!(answered.status, 200, "{told}: {}", answered.body);
            assert!(!is_set(&answered.body), "{told}: {}", answered.body);
        }
        "refused" => drop(service.refused(event, 400).await),
        "forbidden" => drop(service.refused(event, 403).await),
        other => panic!("{told}: {other}"),
    }
}

/// A service in which `ben` has a session and a thread too.
async fn service() -> TestService {
    let service = TestService::seeded().await;
    let of_ben = json!({
        "name": below_support("coachingComments/of-ben"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ben-plan"),
        "message": "How are you?",
    });
    service.succeed(&Event::post("coachingComments", of_ben)).await;
    let session = json!({
        "name": session_name("of-ben"),
        "agentUserName": user_name("ben"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ben-plan"),
    });
    service.succeed(&Event::post("coachingSessions", session)).await;
    service
}

/// The field of a row, and what is special about the value that is sent.
fn field_of(row: &str) -> (&str, &str) {
    row.split_once(", ").unwrap_or((row, ""))
}

fn new_scorecard(more: Value) -> Value {
    let mut scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/quality"),
        "scores": [{"criterionId": "greeting", "numericValue": 3}],
    });
    merge(&mut scorecard, more);
    scorecard
}

/// Creates or replaces the scorecard `id` of `ana`, in `state`.
async fn put_in_state(service: &TestService, id: &str, state: &str) {
    let mut scorecard = new_scorecard(json!({
        "name": below_support(&format!("scorecards/{id}")),
        "createTime": "2026-05-20T09:00:00Z",
        "creator": {"name": user_name("maria")},
    }));
    if state != "draft" {
        merge(
            &mut scorecard,
            json!({"submitTime": "2026-05-21T10:00:00Z", "submittedBy": {"name": user_name("maria")}}),
        );
    }
    if state == "acknowledged" {
        merge(&mut scorecard, json!({"acknowledgeTime": "2026-05-22T10:00:00Z", "acknowledgeComment": "Fair."}));
    }
    service.succeed(&Event::post("scorecards", scorecard).by("service", "sync@acme")).await;
}

/// A value of a scorecard's `field` that differs from the stored one.
fn another(field: &str, what: &str) -> Value {
    match (field, what) {
        ("scores", _) => json!([{"criterionId": "greeting", "numericValue": 5}]),
        ("comment" | "acknowledgeComment" | "message", _) => json!("Something else."),
        ("coachingPlanNames", "") => json!([plan_name("ana-plan")]),
        ("coachingPlanNames", "of another agent's plan") => json!([plan_name("ben-plan")]),
        ("submittedBy" | "creator" | "updatedBy", "") => json!({"name": user_name("mike")}),
        ("submittedBy" | "creator", "whom the directory does not know") => json!({"name": user_name("nobody")}),
        ("totalScore" | "calibrationConsistencyScore", _) => json!(12.5),
        ("scorecardType", _) => json!("SCORECARD_TYPE_PROCESS"),
        ("submissionSource", _) => json!("SCORECARD_SUBMISSION_SOURCE_MANUAL"),
        ("processId" | "referenceScorecardId", _) => json!("4711"),
        ("calibratedScorecardName", _) => json!(below_support("scorecards/submitted-1")),
        ("autoFailed" | "manuallyScored", _) => json!(true),
        ("agentUserName", "") => json!(user_name("ben")),
        ("agentUserName", "whom the directory does not know") => json!(user_name("nobody")),
        ("conversationName", _) => json!(below_support("conversations/another")),
        ("templateName", _) => json!(below_support("scorecardTemplates/another")),
        ("usecaseName", "") => json!(usecase_name("another")),
        ("usecaseName", "that does not exist") => json!(usecase_name("nothing")),
        ("taggedUsers", "") => json!([user_name("ana")]),
        ("taggedUsers", "whom the directory does not know") => json!([user_name("nobody")]),
        ("linkedSessionNotes", "") => json!([session_name("held-1")]),
        ("linkedSessionNotes", "of another agent's session") => json!([session_name("of-ben")]),
        (field, _) if field.ends_with("Time") => json!(TIME),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_sets_what_of_a_scorecard() {
    let service = service().await;
    for (row, cells) in table("of a scorecard, what is set") {
        for (column, role, user) in CALLERS {
            for (place, state) in STATES.iter().enumerate() {
                let id = format!("{state}-{}-{role}", row.replace(|letter: char| !letter.is_alphanumeric(), "-"));
                put_in_state(&service, &id, state).await;
                let (field, what) = field_of(&row);
                let value = if what.contains("by :") { Value::Null } else { another(field, what) };
                let event = match what.rsplit_once(':') {
                    Some((_, verb)) => {
                        let body = json!({"acknowledgeComment": "Something else."});
                        let body = if field == "acknowledgeComment" { body } else { json!({}) };
                        Event::post(&format!("scorecards/{id}:{verb}"), body)
                    }
                    None => {
                        let mut fields = json!({});
                        fields[field] = value.clone();
                        Event::new("PATCH", &format!("scorecards/{id}"))
                            .with_text(&json!({"scorecard": fields}).to_string())
                    }
                };
                let before = service.succeed(&Event::get(&format!("scorecards/{id}"))).await["scorecard"].clone();
                let is_set = |answer: &Value| {
                    let after = &answer["scorecard"];
                    match what {
                        "" if field == "scores" => after["scores"][0]["numericValue"] == 5.0,
                        "" | "of another agent's plan" => after[field] == value,
                        "by :acknowledge" if field == "acknowledgeComment" => after[field] == "Something else.",
                        _ => after.get(field) != before.get(field),
                    }
                };
                let told = format!("{row}, {role}, {state}");
                holds(&service, &event.by(role, user), word(&cells[column], place), is_set, &told).await;
            }
        }
    }
}

#[tokio::test]
async fn who_sends_what_of_a_new_scorecard() {
    let service = service().await;
    for (row, cells) in table("of a new scorecard, what is sent") {
        for (column, role, user) in CALLERS {
            let (field, what) = field_of(&row);
            let value = match field {
                "name" => json!(below_support(&format!("scorecards/by-{role}"))),
                _ => another(field, what),
            };
            let mut more = json!({});
            more[field] = value.clone();
            if ["submittedBy", "acknowledgeTime", "acknowledgeComment"].contains(&field) {
                more["submitTime"] = TIME.into();
            }
            let event = Event::post("scorecards", new_scorecard(more)).by(role, user);
            let is_set = |answer: &Value| {
                let is = &answer["scorecard"][field];
                if field == "manuallyScored" { role != "manager" && *is == true } else { *is == value }
            };
            holds(&service, &event, word(&cells[column], 0), is_set, &format!("{row}, {role}")).await;
        }
    }
}

#[tokio::test]
async fn what_an_agent_reads_of_a_scorecard() {
    let service = service().await;
    for (row, cells) in table("of a scorecard of theirs, an agent reads") {
        for (place, state) in STATES.iter().enumerate() {
            let id = format!("{}-{state}", row.replace(' ', "-"));
            put_in_state(&service, &id, state).await;
            let name = below_support(&format!("scorecards/{id}"));
            let reads = match row.as_str() {
                "the scorecard" => {
                    service.send(&Event::get(&format!("scorecards/{id}")).by("agent", "ana")).await.status == 200
                }
                "it among others" => {
                    let listed = Event::get("scorecards").with("pageSize", "1000").by("agent", "ana");
                    let listed = service.succeed(&listed).await;
                    listed["scorecards"].as_array().unwrap().iter().any(|scorecard| scorecard["name"] == name)
                }
                "its history" => {
                    let history = Event::get("changes").with("name", &name).by("agent", "ana");
                    service.send(&history).await.status == 200
                }
                other => panic!("{other}"),
            };
            assert_eq!(if reads { "yes" } else { "no" }, word(&cells[place], 0), "{row}, {state}");
        }
    }
}

/// The name of the user who calls.
fn creator(user: &str) -> Value {
    json!(user_name(user))
}

#[tokio::test]
async fn who_sends_what_of_a_new_comment() {
    let service = service().await;
    service.usecases(&["another"]).await;
    for (row, cells) in table("of a new comment, what is sent") {
        for (column, role, user) in CALLERS {
            let (field, what) = field_of(&row);
            let value = match (field, what) {
                ("name", _) => json!(below_support(&format!("coachingComments/by-{role}"))),
                ("creatorUserName", "") => creator(user),
                ("creatorUserName", "of somebody else") => creator("mike"),
                ("creatorUserName", "whom the directory does not know") => creator("nobody"),
                ("coachingPlanName", "") => json!(plan_name("ana-plan")),
                ("coachingPlanName", "of a plan of another agent") => json!(plan_name("ben-plan")),
                ("coachingPlanName", "none") => Value::Null,
                ("thread", "") => json!("first"),
                ("thread", "of another plan") => json!("of-ben"),
                ("thread", "that nobody began") => json!("nothing"),
                _ => another(field, what),
            };
            let mut comment = json!({
                "creatorUserName": creator(user),
                "coachingPlanName": plan_name("ana-plan"),
                "message": "How did it go?",
            });
            let mut more = json!({});
            more[field] = value.clone();
            merge(&mut comment, more);
            if field == "updateTime" {
                comment["createTime"] = TIME.into();
            }
            let event = Event::post("coachingComments", comment).by(role, user);
            let is_set = |answer: &Value| answer["coachingComment"][field] == value;
            holds(&service, &event, word(&cells[column], 0), is_set, &format!("{row}, {role}")).await;
        }
    }
}

#[tokio::test]
async fn who_sets_what_of_a_comment() {
    let service = service().await;
    service.usecases(&["another"]).await;
    for (row, cells) in table("of a comment that is there, what is set") {
        for (column, role, user) in CALLERS {
            let (field, what) = field_of(&row);
            let id = format!("{}-{role}", row.replace(|letter: char| !letter.is_alphanumeric(), "-"));
            let writer = if what == "of somebody else's comment" { "mike" } else { user };
            let comment = json!({
                "name": below_support(&format!("coachingComments/{id}")),
                "creatorUserName": user_name(writer),
                "coachingPlanName": plan_name("ana-plan"),
                "message": "How did it go?",
            });
            // A manager may choose a comment's name, and an importer also its writer.
            let by = if role == "manager" && writer == user { ("manager", "maria") } else { ("service", writer) };
            service.succeed(&Event::post("coachingComments", comment).by(by.0, by.1)).await;
            let value = match field {
                "thread" => json!("first"),
                "creatorUserName" => creator("mike"),
                "coachingPlanName" => json!(plan_name("ben-plan")),
                _ => another(field, what.strip_prefix("of somebody else's comment").unwrap_or(what)),
            };
            let mut fields = json!({});
            fields[field] = value.clone();
            let event = Event::new("PATCH", &format!("coachingComments/{id}"))
                .with_text(&json!({"coachingComment": fields}).to_string());
            let is_set = |answer: &Value| answer["coachingComment"][field] == value;
            holds(&service, &event.by(role, user), word(&cells[column], 0), is_set, &format!("{row}, {role}")).await;
        }
    }
}
