//! Which role may set which field, and what an agent reads: the tables of `docs/roles.md`, cell by cell.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{
    Answered, Event, NOW, TestService, below_support, merge, plan_name, session_name, usecase_name, user_name,
};
use serde_json::{Value, json};

/// A table of the document.
struct Table {
    columns: Vec<String>,
    /// The name of each row, with the cells.
    rows: Vec<(String, Vec<String>)>,
}

/// The table below the heading `section` whose first column has the title `first`.
fn table(section: &str, first: &str) -> Table {
    let document = include_str!("../docs/roles.md");
    let section = document.split("\n## ").find(|text| text.starts_with(&format!("{section}\n"))).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    let mut lines = section.lines().skip_while(|line| !line.starts_with(&format!("| {first} |")));
    let columns = cells(lines.next().unwrap())[1..].to_vec();
    assert!(lines.next().unwrap().starts_with("|--"));
    let rows = lines.take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = cells(line);
        let row = cells.remove(0);
        assert_eq!(cells.len(), columns.len(), "{row}");
        (row, cells)
    });
    let rows = rows.collect();
    Table { columns, rows }
}

/// The words of a cell, one for each of `states`.
fn words(cell: &str, states: usize) -> Vec<&str> {
    match cell.split(" / ").collect::<Vec<_>>() {
        one if one.len() == 1 => vec![one[0]; states],
        each => {
            assert_eq!(each.len(), states, "{cell}");
            each
        }
    }
}

/// The roles of a column, and whether it is about creating.
fn roles(column: &str) -> (Vec<&'static str>, bool) {
    match column {
        "manager creates" => (vec!["manager"], true),
        "service, admin create" => (vec!["service", "admin"], true),
        "manager" => (vec!["manager"], false),
        "agent" => (vec!["agent"], false),
        "service, admin" => (vec!["service", "admin"], false),
        other => panic!("{other}"),
    }
}

fn by(event: Event, role: &str) -> Event {
    let user = match role {
        "agent" => "ana",
        "manager" => "maria",
        _ => "importer",
    };
    event.by(role, user)
}

fn imported(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// Asserts that `answered` is the refusal that `word` means.
fn assert_refused(word: &str, answered: &Answered, cell: &str) {
    let expected = match word {
        "forbidden" => (403, "PERMISSION_DENIED"),
        _ if answered.body["code"] == 3 => (400, "INVALID_ARGUMENT"),
        _ => (400, "FAILED_PRECONDITION"),
    };
    assert_eq!((answered.status, answered.body["status"].as_str().unwrap()), expected, "{cell}: {}", answered.body);
}

/// Asserts that a creation with `value` in `field` had the effect of `word`; `without` was created without it.
fn assert_created(word: &str, cell: &str, field: &str, value: &Value, created: &Value, without: &Value) {
    match word {
        "set" => assert_eq!(created[field], *value, "{cell}"),
        "now" => assert_eq!(created[field], NOW, "{cell}"),
        "dropped" => {
            let without_its_own = |message: &Value| {
                let mut message = message.clone();
                merge(&mut message, json!({"name": null}));
                message
            };
            assert_eq!(without_its_own(created), without_its_own(without), "{cell}");
        }
        other => panic!("{cell}: {other}"),
    }
}

/// Asserts that an update of `field`, which was answered and changed `before` to `after`, had the effect of `word`.
fn assert_updated(
    word: &str,
    cell: &str,
    field: &str,
    value: &Value,
    (before, answered, after): (&Value, &Answered, &Value),
) {
    if matches!(word, "refused" | "forbidden") {
        assert_refused(word, answered, cell);
        assert_eq!(after, before, "{cell}");
        return;
    }
    assert_eq!(answered.status, 200, "{cell}: {}", answered.body);
    let is_empty = value.is_null() || value == "";
    match word {
        "dropped" => assert_eq!(after, before, "{cell}"),
        _ if is_empty => assert_eq!(after.get(field), None, "{cell}"),
        "set" | "set, to acknowledge anew" | "kept, else now" => assert_eq!(after[field], *value, "{cell}"),
        other => panic!("{cell}: {other}"),
    }
    match word {
        "set, to acknowledge anew" => {
            assert!(before["acknowledgeTime"].is_string() && before["agentComment"].is_string(), "{cell}");
            assert_eq!((after.get("acknowledgeTime"), &after["state"]), (None, &json!("SUBMITTED")), "{cell}");
            assert_eq!(after["agentComment"], before["agentComment"], "{cell}");
        }
        "set" if field != "acknowledgeTime" => {
            assert_eq!(after.get("acknowledgeTime"), before.get("acknowledgeTime"), "{cell}");
        }
        _ => {}
    }
}

// --- sessions

const STATES: [&str; 4] = ["SCHEDULED", "HELD", "SUBMITTED", "ACKNOWLEDGED"];

/// A session of `ana` in `state`, as seen by a reader who sees all of it.
fn session_in(id: &str, state: &str) -> Value {
    let mut session = json!({
        "name": session_name(id),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "createTime": "2026-05-01T09:00:00Z",
        "sessionTime": "2026-06-08T10:00:00Z",
        "privateNotes": "private",
        "agentComment": "Looking forward.",
    });
    let held = json!({"sessionTime": "2026-05-25T10:00:00Z", "meetingNotes": "notes"});
    let submitted = json!({"managerSubmitTime": "2026-05-26T10:00:00Z"});
    let acknowledged = json!({"acknowledgeTime": "2026-05-27T10:00:00Z"});
    for (needed, more) in [(1, held), (2, submitted), (3, acknowledged)] {
        if STATES.iter().position(|one| *one == state) >= Some(needed) {
            merge(&mut session, more);
        }
    }
    session
}

/// The field and the value that a row of the sessions' table sends.
fn sent_of_session(row: &str) -> (&str, Value) {
    let time = json!("2026-05-28T10:00:00Z");
    match row {
        "name" => ("name", json!(session_name("other"))),
        "agentUserName" => ("agentUserName", json!(user_name("ben"))),
        "creatorUserName" => ("creatorUserName", json!(user_name("max"))),
        "coachingPlanName" => ("coachingPlanName", json!(plan_name("ana-other-plan"))),
        "usecaseName" => ("usecaseName", json!(usecase_name("chat"))),
        "sessionTime" => ("sessionTime", json!("2026-06-09T10:00:00Z")),
        "meetingNotes" => ("meetingNotes", json!("other notes")),
        "meetingNotes, cleared" => ("meetingNotes", Value::Null),
        "privateNotes" => ("privateNotes", json!("other private notes")),
        "managerSubmitTime" => ("managerSubmitTime", json!("2026-05-26T12:00:00Z")),
        "managerSubmitTime, cleared" => ("managerSubmitTime", json!("")),
        "managerSubmitterUserName" => ("managerSubmitterUserName", json!(user_name("max"))),
        "agentComment" => ("agentComment", json!("said")),
        "acknowledgeTime, cleared" => ("acknowledgeTime", Value::Null),
        "state" => ("state", json!("SUBMITTED")),
        "overdue" => ("overdue", json!(true)),
        "managerUpdateTime" | "acknowledgeTime" | "agentSubmitTime" | "agentUpdateTime" | "createTime"
        | "updateTime" => (row, time),
        other => panic!("no request for {other}"),
    }
}

/// The body that an agent sends for a row that they may set.
fn acknowledgement(row: &str) -> Option<Value> {
    match row {
        "agentComment" => Some(json!({"agentComment": "said"})),
        "acknowledgeTime" => Some(json!({"acknowledged": true})),
        "acknowledgeTime, cleared" => Some(json!({"acknowledged": false})),
        "agentSubmitTime" => Some(json!({"submitted": true})),
        _ => None,
    }
}

async fn of_sessions() -> TestService {
    let service = TestService::seeded().await;
    service.usecases(&["chat"]).await;
    service.plan("ana-other-plan", "ana").await;
    service
}

async fn session(service: &TestService, id: &str) -> Value {
    service.succeed(&Event::get(&format!("coachingSessions/{id}"))).await["coachingSession"].clone()
}

#[tokio::test]
async fn what_each_role_may_set_of_a_session_they_create() {
    let service = of_sessions().await;
    let table = table("Sessions", "what is set");
    let mut tried = 0;
    for (row, cells) in &table.rows {
        for (column, word) in table.columns.iter().zip(cells) {
            let (roles, true) = roles(column) else { continue };
            for role in roles.into_iter().filter(|_| word != "–") {
                tried += 1;
                let cell = format!("{row}, {role} creates");
                let (field, value) = sent_of_session(row);
                let body = |id: String| {
                    let mut body = session_in(&id, "HELD");
                    merge(&mut body, json!({"createTime": null, "agentComment": null}));
                    body
                };
                let without = Event::post("coachingSessions", body(format!("without-{tried}")));
                let without = service.succeed(&by(without, role)).await["coachingSession"].clone();
                let mut with = body(format!("with-{tried}"));
                merge(&mut with, json!({field: value}));
                if field == "agentUserName" {
                    with["coachingPlanName"] = plan_name("ben-plan").into();
                }
                let created = service.succeed(&by(Event::post("coachingSessions", with), role)).await;
                assert_created(word, &cell, field, &value, &created["coachingSession"], &without);
                service.succeed(&Event::new("DELETE", &created_path(&created)).by("admin", "root")).await;
            }
        }
    }
    assert_eq!(tried, 19 * 3);
    let by_agent = Event::post("coachingSessions", session_in("by-agent", "HELD")).by("agent", "ana");
    service.refused(&by_agent, 403).await;
}

fn created_path(created: &Value) -> String {
    let id = created["coachingSession"]["name"].as_str().unwrap().rsplit('/').next().unwrap();
    format!("coachingSessions/{id}")
}

#[tokio::test]
async fn what_each_role_may_set_of_a_session_in_each_state() {
    let table = table("Sessions", "what is set");
    let mut tried = 0;
    for (number, column) in table.columns.iter().enumerate() {
        let (roles, false) = roles(column) else { continue };
        for role in roles {
            let service = of_sessions().await;
            for (row, cells) in &table.rows {
                for (state, word) in STATES.iter().zip(words(&cells[number], STATES.len())) {
                    tried += 1;
                    let cell = format!("{row}, {role}, {state}");
                    let id = format!("s{tried}");
                    service.succeed(&imported("coachingSessions", session_in(&id, state))).await;
                    let before = session(&service, &id).await;
                    assert_eq!(before["state"], **state, "{cell}");
                    let path = format!("coachingSessions/{id}");
                    if row == "its deletion" {
                        deletion(&service, &path, role, word, &cell).await;
                        continue;
                    }
                    let (field, mut value) = sent_of_session(row);
                    let event = match acknowledgement(row).filter(|_| role == "agent") {
                        Some(body) => Event::post(&format!("{path}:acknowledge"), body),
                        None => Event::new("PATCH", &path)
                            .with_text(&json!({"coachingSession": {field: value}}).to_string()),
                    };
                    let answered = service.send(&by(event, role)).await;
                    let after = session(&service, &id).await;
                    if role == "agent" && value.is_string() && matches!(field, "acknowledgeTime" | "agentSubmitTime") {
                        // The first time is kept.
                        value = before.get(field).cloned().unwrap_or_else(|| json!(NOW));
                    }
                    assert_updated(word, &cell, field, &value, (&before, &answered, &after));
                    if word == "kept, else now" {
                        for told in ["2019-08-24T14:15:22Z", "2026-06-01T12:00:59Z"] {
                            let update = json!({"coachingSession": {field: told}});
                            let event = Event::new("PATCH", &path).with_text(&update.to_string());
                            let updated = service.succeed(&by(event, role)).await;
                            assert_eq!(updated["coachingSession"][field], NOW, "{cell}: {told}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(tried, 23 * 4 * 4);
}

/// Tries to delete `path`, which may have a query.
async fn deletion(service: &TestService, path: &str, role: &str, word: &str, cell: &str) {
    let answered = service.send(&by(Event::new("DELETE", path), role)).await;
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let left = service.send(&Event::get(path)).await.status;
    match word {
        "done" => assert_eq!((answered.status, left), (200, 404), "{cell}: {}", answered.body),
        refused => {
            assert_refused(refused, &answered, cell);
            assert_eq!(left, 200, "{cell}");
        }
    }
}

/// All answers to `ana` about the session `id` and its plan, including lists with each filter: bodies and etags.
async fn read_by_agent(service: &TestService, id: &str) -> Vec<Answered> {
    let mut answers = Vec::new();
    let list = Event::get("coachingSessions").with("agentUserName", &user_name("ana"));
    let mut events = vec![
        Event::get(&format!("coachingSessions/{id}")),
        list.clone(),
        Event::get("coachingSessions").with("coachingPlanName", &plan_name("ana-plan")),
        Event::get("coachingPlans/ana-plan"),
        Event::post("coachingPlans:list", json!({"includeCoachingSessions": true})),
        list.clone().with("overdue", "true"),
        list.clone().with("startUpdateTime", "2026-06-01T12:00:01Z"),
        list.clone().with("endUpdateTime", "2026-06-01T12:00:01Z"),
    ];
    events.extend(STATES.iter().map(|state| list.clone().with("states", state)));
    for event in events {
        let mut answered = service.send(&event.by("agent", "ana")).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        // Page tokens are sealed anew each time.
        answered.headers.retain(|name, _| name == "etag");
        answers.push(answered);
    }
    answers
}

/// A session with every field, in `state` to its agent.
fn full_session(state: &str) -> Value {
    let mut session = session_in("all-of-it", state);
    merge(
        &mut session,
        json!({
            "usecaseName": usecase_name("care"),
            "meetingNotes": "notes",
            "managerSubmitterUserName": user_name("maria"),
            "managerUpdateTime": "2026-05-28T10:00:00Z",
            "agentUpdateTime": "2026-05-28T11:00:00Z",
            "updateTime": "2026-05-28T12:00:00Z",
        }),
    );
    if state == "ACKNOWLEDGED" {
        session["agentSubmitTime"] = "2026-05-27T10:00:00Z".into();
    }
    session
}

#[tokio::test]
async fn what_an_agent_reads_of_a_session_in_each_state() {
    let table = table("Sessions", "what is read");
    assert_eq!((table.columns.as_slice(), table.rows.len()), (STATES.map(str::to_owned).as_slice(), 20));
    for (number, state) in STATES.iter().enumerate() {
        let service = TestService::seeded().await;
        service.succeed(&imported("coachingSessions", full_session(state))).await;
        let path = "coachingSessions/all-of-it";
        let cells: Vec<(&str, &str)> =
            table.rows.iter().map(|(row, cells)| (row.as_str(), cells[number].as_str())).collect();
        let seen = service.succeed(&Event::get(path).by("agent", "ana")).await["coachingSession"].clone();
        let whole = session(&service, "all-of-it").await;
        assert_eq!(seen["state"], **state);
        for key in whole.as_object().unwrap().keys() {
            assert!(cells.iter().any(|(field, _)| field == key), "{key} is not in the table");
        }
        for (field, word) in &cells {
            match *word {
                "shown" => assert_eq!(seen.get(field), whole.get(field), "{field}, {state}"),
                "hidden" => assert_eq!((seen.get(field), whole[field].is_string()), (None, true), "{field}, {state}"),
                "of what is shown" => assert!(seen.get(field).is_some(), "{field}, {state}"),
                other => panic!("{field}, {state}: {other}"),
            }
        }

        // Changes of hidden fields do not affect what the agent reads.
        service.advance(TimeDelta::seconds(1));
        let before = read_by_agent(&service, "all-of-it").await;
        let hidden: Vec<&str> = cells.iter().filter(|(_, word)| *word == "hidden").map(|(field, _)| *field).collect();
        for field in &hidden {
            for value in
                [if *field == "managerSubmitterUserName" { json!(user_name("max")) } else { json!("x") }, Value::Null]
            {
                service.advance(TimeDelta::milliseconds(1));
                let update = json!({"coachingSession": {*field: value}});
                let event = Event::new("PATCH", path).with_text(&update.to_string());
                let managers = service.succeed(&event.clone().by("service", "sync@acme")).await;
                assert_ne!(managers["coachingSession"]["etag"], whole["etag"], "{field}, {state}");
                if *field != "managerSubmitterUserName" {
                    service.succeed(&event.by("manager", "mark")).await;
                }
                assert_eq!(read_by_agent(&service, "all-of-it").await, before, "{field} = {value}, {state}");
            }
        }
        // A change by another manager, whose name the agent sees once it is submitted, if ever.
        service.advance(TimeDelta::seconds(1));
        let update = json!({"coachingSession": {"privateNotes": "more"}}).to_string();
        service.succeed(&Event::new("PATCH", path).with_text(&update).by("manager", "max")).await;
        assert_eq!(read_by_agent(&service, "all-of-it").await, before, "{state}");

        // A change of a shown field changes its times and its etag, by one version.
        let update = json!({"coachingSession": {"sessionTime": "2026-05-24T10:00:00Z"}}).to_string();
        service.succeed(&Event::new("PATCH", path).with_text(&update).by("service", "sync@acme")).await;
        let moved = service.succeed(&Event::get(path).by("agent", "ana")).await["coachingSession"].clone();
        for field in ["etag", "updateTime", "managerUpdateTime"] {
            assert_ne!(moved[field], seen[field], "{field}, {state}");
        }
        let version = |session: &Value| {
            u64::from_str_radix(session["etag"].as_str().unwrap().split_once('-').unwrap().0, 16).unwrap()
        };
        assert_eq!(version(&moved), version(&seen) + 1, "{moved}");
    }
}

#[tokio::test]
async fn an_agent_acknowledges_the_version_that_they_see() {
    let service = TestService::seeded().await;
    let path = "coachingSessions/submitted-1";
    let update = |fields: Value| Event::new("PATCH", path).with_text(&json!({"coachingSession": fields}).to_string());
    let acknowledge = |etag: &Value| {
        let event = Event::post(&format!("{path}:acknowledge"), json!({"acknowledged": true})).by("agent", "ana");
        event.with_header("if-match", &format!("\"{}\"", etag.as_str().unwrap()))
    };
    let seen = async || {
        let got = service.send(&Event::get(path).by("agent", "ana")).await;
        assert_eq!(got.headers["etag"], format!("\"{}\"", got.body["coachingSession"]["etag"].as_str().unwrap()));
        got.body["coachingSession"]["etag"].clone()
    };
    let read = seen().await;
    service.succeed(&update(json!({"privateNotes": "hidden"}))).await;
    assert_eq!(seen().await, read);
    service.succeed(&update(json!({"meetingNotes": "Something else."}))).await;
    assert_eq!(service.refused(&acknowledge(&read), 409).await.reason(), "ETAG_MISMATCH");
    service.succeed(&update(json!({"privateNotes": "hidden again"}))).await;
    let answered = service.send(&acknowledge(&seen().await)).await;
    assert_eq!((answered.status, &answered.body["coachingSession"]["state"]), (200, &json!("ACKNOWLEDGED")));
    assert_eq!(answered.body["coachingSession"]["etag"], seen().await);
    assert_eq!(answered.body["coachingSession"].get("privateNotes"), None);
}

#[tokio::test]
async fn what_was_acknowledged_is_what_stands() {
    let service = TestService::seeded().await;
    let path = "coachingSessions/submitted-1";
    let update = |fields: Value| Event::new("PATCH", path).with_text(&json!({"coachingSession": fields}).to_string());
    let open = async || {
        let listed = service.succeed(&Event::get("coachingSessions").with("states", "SUBMITTED")).await;
        listed["coachingSessions"].as_array().unwrap().iter().any(|one| one["name"] == session_name("submitted-1"))
    };
    let acknowledge = json!({"acknowledged": true, "submitted": true, "agentComment": "Agreed."});
    let acknowledge = Event::post(&format!("{path}:acknowledge"), acknowledge).by("agent", "ana");
    service.succeed(&acknowledge).await;
    assert!(!open().await);

    // An unchanged value changes nothing, and a hidden field does not remove the acknowledgement.
    let same = service.succeed(&update(json!({"meetingNotes": "One call."}))).await;
    assert_eq!(same["coachingSession"]["acknowledgeTime"], NOW);
    let hidden = service.succeed(&update(json!({"privateNotes": "Ready for more."}))).await;
    assert_eq!(hidden["coachingSession"]["acknowledgeTime"], NOW);
    for fields in
        [json!({"managerSubmitTime": "2020-01-01T00:00:00Z"}), json!({"managerSubmitTime": "2026-05-30T00:00:00Z"})]
    {
        assert_eq!(service.refused(&update(fields), 400).await.reason(), "SESSION_ACKNOWLEDGED");
    }
    let deleted = service.refused(&Event::new("DELETE", path).by("manager", "mark"), 400).await;
    assert_eq!(deleted.reason(), "SESSION_ACKNOWLEDGED");

    service.advance(TimeDelta::days(8));
    let rewritten = update(json!({"meetingNotes": "Final written warning."})).by("manager", "mark");
    let rewritten = service.succeed(&rewritten).await["coachingSession"].clone();
    assert_eq!((&rewritten["state"], rewritten.get("acknowledgeTime")), (&json!("SUBMITTED"), None));
    assert_eq!((&rewritten["agentComment"], &rewritten["agentSubmitTime"]), (&json!("Agreed."), &json!(NOW)));
    assert_eq!((&rewritten["agentUpdateTime"], &rewritten["overdue"]), (&json!(NOW), &json!(true)));
    assert!(open().await);
    let seen = service.succeed(&Event::get(path).by("agent", "ana")).await["coachingSession"].clone();
    assert_eq!((&seen["state"], &seen["meetingNotes"]), (&json!("SUBMITTED"), &json!("Final written warning.")));
    let changes = service.succeed(&Event::get("changes").with("name", &session_name("submitted-1"))).await;
    let change = &changes["changes"][0];
    assert_eq!((&change["userName"], &change["before"]["acknowledgeTime"]), (&json!(user_name("mark")), &json!(NOW)));
    assert_eq!(
        (change["after"].get("acknowledgeTime"), &change["before"]["meetingNotes"]),
        (None, &json!("One call."))
    );
    let again = service.succeed(&acknowledge).await["coachingSession"].clone();
    assert_eq!((&again["state"], &again["acknowledgeTime"]), (&json!("ACKNOWLEDGED"), &json!("2026-06-09T12:00:00Z")));

    // An importer sets whether it was acknowledged, and may move its submission.
    let importer = |fields: Value| update(fields).by("service", "sync@acme");
    let corrected = json!({"meetingNotes": "One call, on the 26th.", "acknowledgeTime": "2026-06-02T00:00:00Z"});
    let corrected = service.succeed(&importer(corrected)).await["coachingSession"].clone();
    assert_eq!(
        (&corrected["state"], &corrected["acknowledgeTime"]),
        (&json!("ACKNOWLEDGED"), &json!("2026-06-02T00:00:00Z"))
    );
    let moved = service.succeed(&importer(json!({"sessionTime": "2026-05-26T12:00:00Z"}))).await;
    assert_eq!(moved["coachingSession"]["state"], "SUBMITTED");
}

#[tokio::test]
async fn a_draft_is_nothing_to_its_agent() {
    let service = TestService::seeded().await;
    let path = "coachingSessions/scheduled-1";
    let before = read_by_agent(&service, "scheduled-1").await;
    service.advance(TimeDelta::milliseconds(1));
    let draft = json!({"coachingSession": {"meetingNotes": "To say: two calls."}}).to_string();
    let managers = service.succeed(&Event::new("PATCH", path).with_text(&draft).by("manager", "mark")).await;
    assert_eq!(managers["coachingSession"]["state"], "HELD");
    assert_eq!(read_by_agent(&service, "scheduled-1").await, before, "scheduled, it has notes");
    // Its time comes: now it is held, without notes that she sees.
    service.advance(TimeDelta::days(8));
    let seen = service.succeed(&Event::get(path).by("agent", "ana")).await["coachingSession"].clone();
    assert_eq!((&seen["state"], &seen["overdue"], seen.get("meetingNotes")), (&json!("HELD"), &json!(true), None));
    assert_eq!(session(&service, "scheduled-1").await["overdue"], false);
    // The answer to her comment does not have them either.
    let comment = Event::post(&format!("{path}:acknowledge"), json!({"agentComment": "When?"})).by("agent", "ana");
    let commented = service.succeed(&comment).await["coachingSession"].clone();
    assert_eq!((&commented["agentComment"], commented.get("meetingNotes")), (&json!("When?"), None));
    assert_eq!(commented["managerUpdateTime"], seen["managerUpdateTime"]);
}

// --- plans

/// The field and the value that a row of the plans' table sends.
fn sent_of_plan(row: &str) -> (&str, Value) {
    let criterion = |id: &str| json!([{"scorecardTemplateName": below_support("scorecardTemplates/quality"), "criterionOrChapterId": id}]);
    match row {
        "name" => ("name", json!(plan_name("other"))),
        "agentUserName" => ("agentUserName", json!(user_name("ben"))),
        "creatorUserName" => ("creatorUserName", json!(user_name("max"))),
        "usecaseName" => ("usecaseName", json!(usecase_name("chat"))),
        "startTime" => ("startTime", json!("2026-05-10T00:00:00Z")),
        "endTime" => ("endTime", json!("2026-08-01T00:00:00Z")),
        "focusBehaviors" => ("focusBehaviors", json!(["asks"])),
        "focusCriteria" => ("focusCriteria", criterion("privacy")),
        "comment" => ("comment", json!("another comment")),
        "comment, cleared" => ("comment", Value::Null),
        "managerCommentSubmitTime" => (row, json!("2026-05-28T10:00:00Z")),
        "managerCommentSubmitTime, cleared" => ("managerCommentSubmitTime", json!("")),
        "isActive" => ("isActive", json!(false)),
        "displayName" => ("displayName", json!("Another title")),
        "createTime" | "updateTime" => (row, json!("2026-05-28T10:00:00Z")),
        "coachingSessions" => ("coachingSessions", json!([{"meetingNotes": "x"}])),
        other => panic!("no request for {other}"),
    }
}

/// A plan of `ana` with every field.
fn full_plan(id: &str) -> Value {
    let focus = json!([{"scorecardTemplateName": below_support("scorecardTemplates/quality"), "criterionOrChapterId": "greeting"}]);
    json!({
        "name": plan_name(id),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "usecaseName": usecase_name("care"),
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-07-01T00:00:00Z",
        "focusBehaviors": ["listens"],
        "focusCriteria": focus,
        "comment": "a comment",
        "isActive": true,
        "displayName": "A title",
    })
}

async fn plan(service: &TestService, id: &str) -> Value {
    service.succeed(&Event::get(&format!("coachingPlans/{id}"))).await["coachingPlan"].clone()
}

#[tokio::test]
async fn what_each_role_may_set_of_a_plan() {
    let service = of_sessions().await;
    let table = table("Plans", "what is set");
    let mut tried = 0;
    for (row, cells) in &table.rows {
        for (column, word) in table.columns.iter().zip(cells) {
            let (roles, creates) = roles(column);
            for role in roles.into_iter().filter(|_| word != "–") {
                tried += 1;
                let cell = format!("{row}, {column}: {role}");
                let id = format!("p{tried}");
                let path = format!("coachingPlans/{id}");
                if creates {
                    let (field, value) = sent_of_plan(row);
                    let without = Event::post("coachingPlans", full_plan(&format!("{id}-without")));
                    let without = service.succeed(&by(without, role)).await["coachingPlan"].clone();
                    let mut with = full_plan(&id);
                    merge(&mut with, json!({field: value}));
                    let created = service.succeed(&by(Event::post("coachingPlans", with), role)).await;
                    assert_created(word, &cell, field, &value, &created["coachingPlan"], &without);
                    // An agent has 50 active plans at most.
                    for name in [&created["coachingPlan"]["name"], &without["name"]] {
                        let id = name.as_str().unwrap().rsplit('/').next().unwrap();
                        service.succeed(&Event::new("DELETE", &format!("coachingPlans/{id}"))).await;
                    }
                    continue;
                }
                let mut made = full_plan(&id);
                merge(
                    &mut made,
                    json!({"createTime": "2026-05-01T09:00:00Z", "managerCommentSubmitTime": "2026-05-02T09:00:00Z"}),
                );
                service.succeed(&imported("coachingPlans", made)).await;
                if row == "its deletion" {
                    deletion(&service, &path, role, word, &cell).await;
                } else if row == "its deletion, with an acknowledged session" {
                    let mut acknowledged = session_in(&format!("on-{id}"), "ACKNOWLEDGED");
                    merge(&mut acknowledged, json!({"coachingPlanName": plan_name(&id), "usecaseName": null}));
                    service.succeed(&imported("coachingSessions", acknowledged)).await;
                    deletion(&service, &format!("{path}?force=true"), role, word, &cell).await;
                } else {
                    let (field, value) = sent_of_plan(row);
                    let before = plan(&service, &id).await;
                    let update = |value: &Value| {
                        let body = json!({"coachingPlan": {field: value}}).to_string();
                        by(Event::new("PATCH", &path).with_text(&body), role)
                    };
                    let answered = service.send(&update(&value)).await;
                    let after = plan(&service, &id).await;
                    assert_updated(word, &cell, field, &value, (&before, &answered, &after));
                    if word == "kept, else now" {
                        for told in ["2019-08-24T14:15:22Z", "2026-06-01T12:00:59Z"] {
                            let updated = service.succeed(&update(&json!(told))).await;
                            assert_eq!(updated["coachingPlan"][field], NOW, "{cell}: {told}");
                        }
                    }
                }
                let closed = Event::new("DELETE", &format!("{path}?force=true")).by("admin", "root");
                assert!(matches!(service.send(&closed).await.status, 200 | 404), "{cell}");
            }
        }
    }
    assert_eq!(tried, 15 * 3 + 19 * 4);
    let by_agent = Event::post("coachingPlans", full_plan("by-agent")).by("agent", "ana");
    service.refused(&by_agent, 403).await;
}

#[tokio::test]
async fn what_an_agent_reads_of_a_plan() {
    let table = table("Plans", "what is read");
    assert_eq!((table.columns.len(), table.rows.len()), (2, 16));
    for (number, submitted) in [Value::Null, json!("2026-05-28T10:00:00Z")].into_iter().enumerate() {
        let service = TestService::seeded().await;
        let mut made = full_plan("all-of-it");
        merge(&mut made, json!({"createTime": "2026-05-20T09:00:00Z", "managerCommentSubmitTime": submitted}));
        service.succeed(&imported("coachingPlans", made)).await;
        let path = "coachingPlans/all-of-it";
        let read = async || {
            let mut answers = Vec::new();
            for event in [Event::get(path), Event::post("coachingPlans:list", json!({}))] {
                let mut answered = service.send(&event.by("agent", "ana")).await;
                assert_eq!(answered.status, 200, "{}", answered.body);
                answered.headers.retain(|name, _| name == "etag");
                answers.push(answered);
            }
            answers
        };
        let whole = plan(&service, "all-of-it").await;
        let before = read().await;
        let seen = before[0].body["coachingPlan"].clone();
        for key in whole.as_object().unwrap().keys() {
            assert!(table.rows.iter().any(|(field, _)| field == key), "{key} is not in the table");
        }
        for (field, cells) in &table.rows {
            match cells[number].as_str() {
                "shown" => assert_eq!(seen.get(field), whole.get(field), "{field}"),
                "hidden" => assert_eq!((seen.get(field), whole[field].is_string()), (None, true), "{field}"),
                "of what is shown" => assert!(seen.get(field).is_some(), "{field}"),
                other => panic!("{field}: {other}"),
            }
        }
        let update = |fields: Value| {
            Event::new("PATCH", path).with_text(&json!({"coachingPlan": fields}).to_string()).by("manager", "mark")
        };
        for comment in [json!("another comment"), Value::Null] {
            service.advance(TimeDelta::seconds(1));
            service.succeed(&update(json!({"comment": comment}))).await;
            let after = read().await;
            assert_eq!(after == before, submitted.is_null(), "{comment}");
        }
        service.advance(TimeDelta::seconds(1));
        service.succeed(&update(json!({"displayName": "Another title"}))).await;
        let renamed = read().await[0].body["coachingPlan"].clone();
        for field in ["etag", "updateTime"] {
            assert_ne!(renamed[field], seen[field], "{field}");
        }
    }
}

// --- users and groups

/// The path of what a row of the table is about, read by `role`.
fn path_of_directory(row: &str, role: &str) -> &'static str {
    match (row, role) {
        ("themselves", "agent") => "users/ana",
        ("themselves", _) => "users/mike",
        ("their coach", _) => "users/maria",
        ("somebody of the profile", _) => "users/ben",
        ("somebody of all profiles", _) => "users/everywhere",
        ("somebody of another profile", _) => "users/elsewhere",
        ("a group that they are in", _) => "groups/mine",
        ("a group that they lead", _) => "groups/led",
        ("another group", _) => "groups/team-of-others",
        (other, _) => panic!("no path for {other}"),
    }
}

#[tokio::test]
async fn who_reads_which_users_and_groups() {
    let service = TestService::seeded().await;
    let sales = "customers/acme/profiles/sales";
    let person = |id: &str, profiles: &[&str]| {
        let mut user = coaching_tests::user(id);
        merge(&mut user, json!({"roles": ["manager"], "profileNames": profiles}));
        user
    };
    let support = "customers/acme/profiles/support";
    let users = [person("everywhere", &[]), person("elsewhere", &[sales]), person("mike", &[support, sales])];
    let both = ["ana", "mike"].map(user_name);
    let group = |id: &str, members: &[String], managers: &[String]| {
        let name = format!("customers/acme/groups/{id}");
        json!({"name": name, "displayName": id, "memberUserNames": members, "managerUserNames": managers})
    };
    let other = [user_name("ben")];
    let mine = [both.as_slice(), &other].concat();
    let groups = [group("mine", &mine, &other), group("led", &other, &both), group("team-of-others", &other, &other)];
    for (collection, entries) in [("users", json!(users)), ("groups", json!(groups))] {
        let load = Event::post("", json!({collection: entries}));
        let load = load.to(&format!("/v1/customers/acme/{collection}:batchUpsert")).by("service", "sync@acme");
        service.succeed(&load).await;
    }
    let table = table("Users and groups", "who or what is read");
    assert_eq!((table.columns.len(), table.rows.len()), (3, 8));
    let mut tried = 0;
    for (row, cells) in &table.rows {
        for (column, word) in table.columns.iter().zip(cells).filter(|(_, word)| *word != "–") {
            let (roles, profiles) = match column.as_str() {
                "agent" => (vec!["agent"], vec!["*", "support"]),
                "manager, service, admin of all profiles" => (vec!["manager", "service", "admin"], vec!["*"]),
                "manager, service, admin of one profile" => (vec!["manager", "service", "admin"], vec!["support"]),
                other => panic!("{other}"),
            };
            for (role, profiles) in
                roles.iter().flat_map(|role| profiles.iter().map(move |profiles| (*role, *profiles)))
            {
                let cell = format!("{row}, {role} of {profiles}");
                let path = path_of_directory(row, role);
                let event = |path: &str| Event::get("").to(&format!("/v1/customers/acme/{path}"));
                let whole = service.succeed(&event(path)).await;
                let reader = if role == "agent" { "ana" } else { "mike" };
                let by_reader = |path: &str| event(path).by(role, reader).with_claim("profiles", json!(profiles));
                let answered = service.send(&by_reader(path)).await;
                let (kind, whole) = whole.as_object().unwrap().iter().next().unwrap();
                let only = |fields: &[&str]| -> Value {
                    let fields = fields.iter().map(|field| ((*field).to_owned(), whole[*field].clone()));
                    Value::Object(fields.collect())
                };
                let shown = match word.as_str() {
                    "shown" => whole.clone(),
                    "name" => only(&["name", "displayName", "etag"]),
                    "name and themselves" => {
                        let mut group = only(&["name", "displayName", "etag"]);
                        let nobody = json!([]);
                        group["memberUserNames"] = json!([user_name(reader)]);
                        group["subgroupNames"] = nobody.clone();
                        group["managerUserNames"] = nobody;
                        group
                    }
                    "in their profiles" => {
                        let mut user = whole.clone();
                        user["profileNames"].as_array_mut().unwrap().retain(|profile| profile == support);
                        user
                    }
                    "forbidden" | "none" => {
                        let status = if word == "none" { 404 } else { 403 };
                        assert_eq!(answered.status, status, "{cell}: {}", answered.body);
                        let gone = service.send(&by_reader(&format!("{path}-gone"))).await;
                        let told = |answered: &Answered| {
                            let message = answered.body["message"].as_str().unwrap().replace("-gone", "");
                            (answered.status, answered.reason().to_owned(), message)
                        };
                        assert_eq!(told(&answered), told(&gone), "{cell}");
                        tried += 1;
                        continue;
                    }
                    other => panic!("{cell}: {other}"),
                };
                assert_eq!((answered.status, &answered.body[kind]), (200, &shown), "{cell}: {}", answered.body);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 8 * 2 + 7 * 6);
}
