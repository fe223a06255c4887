//! The life of coaching sessions: random operations of random callers, compared with a simple model.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use coaching_tests::{Event, NOW, TestService, plan_name, session_name, usecase_name, user_name};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// The caller: a role and a user.
type Who = (&'static str, &'static str);

const CALLERS: [Who; 6] = [
    ("manager", "maria"),
    ("manager", "mark"),
    ("agent", "ana"),
    ("agent", "ben"),
    ("service", "sync"),
    ("admin", "root"),
];
const IDS: [&str; 2] = ["one", "two"];
/// Times for fields, before and after those of the clock.
const TIMES: [&str; 4] =
    ["2026-05-01T10:00:00Z", "2026-05-30T10:00:00Z", "2026-06-01T12:00:00Z", "2026-06-20T10:00:00Z"];

/// One operation of a caller on a session.
#[derive(Debug, Clone)]
enum Act {
    Create,
    Update { fields: Map<String, Value>, etag: Option<bool> },
    Acknowledge(Map<String, Value>),
    Delete { etag: Option<bool> },
    Wait { hours: i64 },
}

fn maybe(values: Vec<Value>) -> impl Strategy<Value = Option<Value>> {
    prop::option::weighted(0.4, prop::sample::select(values))
}

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Map<String, Value> {
    fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect()
}

fn act() -> impl Strategy<Value = Act> {
    let past = || TIMES[..3].iter().map(|time| json!(time)).chain([Value::Null]).collect::<Vec<_>>();
    let any_time = || TIMES.iter().map(|time| json!(time)).chain([Value::Null]).collect::<Vec<_>>();
    let texts = || vec![json!("a"), json!("b"), json!(""), Value::Null];
    let etag = || prop::option::weighted(0.2, any::<bool>());
    let of_manager = (maybe(any_time()), maybe(texts()), maybe(texts()), maybe(past()));
    let of_agent = (maybe(texts()), maybe(past()), maybe(past()), maybe(vec![json!(user_name("max")), Value::Null]));
    let update = (of_manager, of_agent, etag()).prop_map(|(manager, agent, etag)| {
        let fields = object(vec![
            ("sessionTime", manager.0),
            ("meetingNotes", manager.1),
            ("privateNotes", manager.2),
            ("managerSubmitTime", manager.3),
            ("agentComment", agent.0),
            ("acknowledgeTime", agent.1),
            ("agentSubmitTime", agent.2),
            ("managerSubmitterUserName", agent.3),
        ]);
        Act::Update { fields, etag }
    });
    let booleans = || vec![json!(true), json!(true), json!(false)];
    let acknowledge =
        (maybe(texts()), maybe(booleans()), maybe(booleans())).prop_map(|(comment, acknowledged, submitted)| {
            Act::Acknowledge(object(vec![
                ("agentComment", comment),
                ("acknowledged", acknowledged),
                ("submitted", submitted),
            ]))
        });
    prop_oneof![
        2 => Just(Act::Create),
        6 => update,
        4 => acknowledge,
        1 => etag().prop_map(|etag| Act::Delete { etag }),
        2 => (1..200_i64).prop_map(|hours| Act::Wait { hours }),
    ]
}

/// The expected state of the service.
struct Model {
    now: DateTime<Utc>,
    sessions: BTreeMap<&'static str, (u64, Map<String, Value>)>,
    /// For each session, the `updateTime` and `managerUpdateTime` that its agent reads.
    shown_times: BTreeMap<&'static str, [Value; 2]>,
    histories: BTreeMap<&'static str, Vec<Value>>,
    etags: BTreeMap<&'static str, BTreeSet<String>>,
}

fn parsed(time: Option<&Value>) -> Option<DateTime<Utc>> {
    time.and_then(Value::as_str).map(|text| text.parse().unwrap())
}

fn text(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn set(session: &Map<String, Value>, field: &str) -> bool {
    session.contains_key(field)
}

impl Model {
    fn new() -> Self {
        Self {
            now: NOW.parse().unwrap(),
            sessions: BTreeMap::new(),
            shown_times: BTreeMap::new(),
            histories: BTreeMap::new(),
            etags: BTreeMap::new(),
        }
    }

    /// The part of a session that its agent sees, without its update times.
    fn seen(session: &Map<String, Value>) -> Map<String, Value> {
        let mut seen = session.clone();
        let mut hidden = vec!["privateNotes", "updateTime", "managerUpdateTime"];
        if !set(session, "managerSubmitTime") && !set(session, "acknowledgeTime") {
            hidden.extend(["meetingNotes", "managerSubmitterUserName"]);
        }
        seen.retain(|field, _| !hidden.contains(&field.as_str()));
        seen
    }

    /// Records that the session became `after`.
    fn write(&mut self, id: &'static str, version: u64, before: &Map<String, Value>, after: Map<String, Value>) {
        let (was, is) = (Self::seen(before), Self::seen(&after));
        if was != is {
            let of_manager = ["sessionTime", "meetingNotes", "managerSubmitTime", "managerSubmitterUserName"];
            let [update_time, manager_update_time] = self.shown_times.entry(id).or_default();
            update_time.clone_from(&after["updateTime"]);
            if before.is_empty() || of_manager.iter().any(|field| was.get(*field) != is.get(*field)) {
                manager_update_time.clone_from(&after["managerUpdateTime"]);
            }
        }
        self.sessions.insert(id, (version, after));
    }

    /// The session as a client with `role` reads it, without its etag.
    fn shown(&self, id: &str, role: &str) -> Value {
        let mut session = self.sessions[id].1.clone();
        if role == "agent" {
            session = Self::seen(&session);
            let [update_time, manager_update_time] = self.shown_times[id].clone();
            session.insert("updateTime".to_owned(), update_time);
            session.insert("managerUpdateTime".to_owned(), manager_update_time);
        }
        let session = &session;
        let reached = |field: &str, days: i64| {
            let time = session.get(field).and_then(Value::as_str).map(|text| text.parse::<DateTime<Utc>>().unwrap());
            time.is_some_and(|time| time + TimeDelta::days(days) <= self.now)
        };
        let (state, overdue) = if set(session, "acknowledgeTime") {
            ("ACKNOWLEDGED", false)
        } else if set(session, "managerSubmitTime") {
            let to_come = set(session, "sessionTime") && !reached("sessionTime", 7);
            ("SUBMITTED", reached("managerSubmitTime", 7) && !to_come)
        } else if set(session, "meetingNotes") {
            ("HELD", false)
        } else if reached("sessionTime", 0) {
            ("HELD", true)
        } else {
            ("SCHEDULED", false)
        };
        let mut shown = session.clone();
        shown.insert("state".to_owned(), json!(state));
        shown.insert("overdue".to_owned(), json!(overdue));
        Value::Object(shown)
    }

    fn record(
        &mut self,
        id: &'static str,
        who: Who,
        operation: &str,
        version: u64,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        let differing = |of: &Map<String, Value>, other: &Map<String, Value>| -> Map<String, Value> {
            of.iter()
                .filter(|(field, value)| other.get(*field) != Some(value))
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect()
        };
        let (old, new) = (differing(before, after), differing(after, before));
        let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let change = json!({
            "changeTime": text(self.now),
            "userName": user_name(who.1),
            "role": who.0,
            "operation": operation,
            "version": version,
            "fields": fields,
            "before": old,
            "after": new,
        });
        self.histories.entry(id).or_default().insert(0, change);
    }

    /// The expected result of the act: an HTTP status, and whether the session changed.
    fn act(&mut self, id: &'static str, who: Who, act: &Act) -> (u16, bool) {
        let (role, user) = who;
        let imports = role == "service" || role == "admin";
        let now = text(self.now);
        match act {
            Act::Wait { .. } => (200, false),
            Act::Create => {
                if role == "agent" {
                    return (403, false);
                }
                if self.sessions.contains_key(id) {
                    return (409, false);
                }
                let mut session = object(vec![
                    ("name", Some(json!(session_name(id)))),
                    ("agentUserName", Some(json!(user_name("ana")))),
                    ("creatorUserName", Some(json!(user_name("maria")))),
                    ("coachingPlanName", Some(json!(plan_name("ana-plan")))),
                    ("usecaseName", Some(json!(usecase_name("care")))),
                ]);
                for field in ["createTime", "updateTime", "managerUpdateTime", "agentUpdateTime"] {
                    session.insert(field.to_owned(), now.clone());
                }
                self.record(id, who, "create-session", 1, &Map::new(), &session);
                self.write(id, 1, &Map::new(), session);
                (200, true)
            }
            Act::Delete { etag } => {
                if role == "agent" {
                    return (403, false);
                }
                let Some((version, session)) = self.sessions.get(id).cloned() else { return (404, false) };
                if *etag == Some(false) {
                    return (409, false);
                }
                if !imports && set(&session, "acknowledgeTime") {
                    return (400, false);
                }
                self.record(id, who, "delete-session", version + 1, &session, &Map::new());
                self.sessions.remove(id);
                (200, true)
            }
            Act::Update { fields, etag } => {
                if role == "agent" {
                    return (403, false);
                }
                let Some((version, before)) = self.sessions.get(id).cloned() else { return (404, false) };
                if *etag == Some(false) {
                    return (409, false);
                }
                let mut after = before.clone();
                let of_manager = ["sessionTime", "meetingNotes", "privateNotes", "managerSubmitTime"];
                let of_agent = ["agentComment", "acknowledgeTime", "agentSubmitTime"];
                let mut settable = of_manager.to_vec();
                if imports {
                    settable.extend(of_agent);
                    settable.push("managerSubmitterUserName");
                }
                for (field, value) in fields.iter().filter(|(field, _)| settable.contains(&field.as_str())) {
                    after.remove(field);
                    if !matches!(value.as_str(), None | Some("")) {
                        after.insert(field.clone(), value.clone());
                    }
                }
                let differs = |field: &&str| before.get(*field) != after.get(*field);
                let submits_anew = differs(&"managerSubmitTime");
                let other_meeting = differs(&"meetingNotes") || differs(&"sessionTime");
                if other_meeting && !(imports && fields.contains_key("acknowledgeTime")) {
                    after.remove("acknowledgeTime");
                }
                if !imports && submits_anew && set(&after, "managerSubmitTime") {
                    // A manager's time before the creation or in the future becomes now; an importer's is refused.
                    let told = parsed(after.get("managerSubmitTime")).unwrap();
                    let created = parsed(before.get("createTime")).unwrap();
                    if told < created || told > self.now {
                        after.insert("managerSubmitTime".to_owned(), now.clone());
                    }
                }
                let time = |field: &str| parsed(after.get(field));
                let submitted = time("managerSubmitTime");
                let submitted_now = submitted.filter(|_| fields.contains_key("managerSubmitTime"));
                let early = |field: &str| {
                    let earlier = submitted.or(time("createTime"));
                    let sent = fields.contains_key(field) && time(field).is_some_and(|time| Some(time) < earlier);
                    sent || submitted_now.is_some_and(|submitted| time(field).is_some_and(|time| time < submitted))
                };
                let submitted_early = submitted_now.is_some_and(|submitted| Some(submitted) < time("createTime"));
                if imports && (submitted_early || early("acknowledgeTime") || early("agentSubmitTime")) {
                    return (400, false);
                }
                let differs = |field: &&str| before.get(*field) != after.get(*field);
                if !imports {
                    let newly = |field: &str| set(&after, field) && !set(&before, field);
                    let no_longer = |field: &str| set(&before, field) && !set(&after, field);
                    let submitted = set(&after, "managerSubmitTime");
                    let without_notes = submitted
                        && !set(&after, "meetingNotes")
                        && (newly("managerSubmitTime") || no_longer("meetingNotes"));
                    let moved = submitted && set(&before, "managerSubmitTime") && differs(&"sessionTime");
                    let after_all = set(&before, "acknowledgeTime") && submits_anew;
                    if without_notes || moved || after_all {
                        return (400, false);
                    }
                }
                let by_manager = of_manager.iter().any(differs);
                let written = of_manager.iter().filter(|field| **field != "privateNotes").any(differs);
                let by_agent = of_agent.iter().any(|field| {
                    // An acknowledgement that is removed by changed notes is no change by the agent.
                    differs(field) && (imports && fields.contains_key(*field))
                });
                if after == before {
                    return (200, false);
                }
                if by_manager {
                    after.insert("managerUpdateTime".to_owned(), now.clone());
                    if role == "manager" && written {
                        after.insert("managerSubmitterUserName".to_owned(), json!(user_name(user)));
                    }
                }
                if by_agent {
                    after.insert("agentUpdateTime".to_owned(), now.clone());
                }
                after.insert("updateTime".to_owned(), now);
                self.record(id, who, "update-session", version + 1, &before, &after);
                self.write(id, version + 1, &before, after);
                (200, true)
            }
            Act::Acknowledge(body) => {
                if role == "manager" {
                    return (403, false);
                }
                if body.is_empty() {
                    return (400, false);
                }
                let hidden = if role == "agent" { 403 } else { 404 };
                let Some((version, before)) = self.sessions.get(id).cloned() else { return (hidden, false) };
                if (role, user) == ("agent", "ben") {
                    return (403, false);
                }
                let asks = |field: &str| body.get(field) == Some(&json!(true));
                if !set(&before, "managerSubmitTime") && (asks("acknowledged") || asks("submitted")) {
                    return (400, false);
                }
                let mut after = before.clone();
                if let Some(comment) = body.get("agentComment") {
                    after.remove("agentComment");
                    if !matches!(comment.as_str(), None | Some("")) {
                        after.insert("agentComment".to_owned(), comment.clone());
                    }
                }
                for (asked, field) in [("acknowledged", "acknowledgeTime"), ("submitted", "agentSubmitTime")] {
                    match body.get(asked).and_then(Value::as_bool) {
                        Some(true) if !set(&after, field) => {
                            after.insert(field.to_owned(), now.clone());
                        }
                        Some(false) => {
                            after.remove(field);
                        }
                        _ => {}
                    }
                }
                if after == before {
                    return (200, false);
                }
                after.insert("agentUpdateTime".to_owned(), now.clone());
                after.insert("updateTime".to_owned(), now);
                self.record(id, who, "acknowledge-session", version + 1, &before, &after);
                self.write(id, version + 1, &before, after);
                (200, true)
            }
        }
    }
}

fn event(id: &str, who: Who, act: &Act, etag: &str) -> Event {
    let path = format!("coachingSessions/{id}");
    let if_match = |event: Event, expected: Option<bool>| match expected {
        None => event,
        Some(true) => event.with_header("if-match", &format!("\"{etag}\"")),
        Some(false) => event.with_header("if-match", "\"0-0\""),
    };
    let event = match act {
        Act::Create | Act::Wait { .. } => Event::post(
            "coachingSessions",
            json!({
                "name": session_name(id),
                "agentUserName": user_name("ana"),
                "creatorUserName": user_name("maria"),
                "coachingPlanName": plan_name("ana-plan"),
            }),
        ),
        Act::Update { fields, etag } => {
            if_match(Event::new("PATCH", &path).with_text(&json!({"coachingSession": fields}).to_string()), *etag)
        }
        Act::Acknowledge(body) => Event::post(&format!("{path}:acknowledge"), json!(body)),
        Act::Delete { etag } => if_match(Event::new("DELETE", &path), *etag),
    };
    event.by(who.0, who.1)
}

async fn compare(acts: Vec<(usize, usize, Act)>) {
    let service = TestService::seeded().await;
    let mut model = Model::new();
    for (step, (id, who, act)) in acts.iter().enumerate() {
        let (id, who) = (IDS[*id], CALLERS[*who]);
        if let Act::Wait { hours } = act {
            service.advance(TimeDelta::hours(*hours));
            model.now += TimeDelta::hours(*hours);
            continue;
        }
        // No two changes happen at the same time.
        service.advance(TimeDelta::milliseconds(1));
        model.now += TimeDelta::milliseconds(1);
        let read = async |role: &str, user: &str| {
            service.send(&Event::get(&format!("coachingSessions/{id}")).by(role, user)).await
        };
        let before = read("admin", "root").await;
        let etag = before.body["coachingSession"]["etag"].as_str().unwrap_or_default().to_owned();
        let seen_before = read("agent", "ana").await.body["coachingSession"].clone();
        let answered = service.send(&event(id, who, act, &etag)).await;
        let (status, changed) = model.act(id, who, act);
        let told = format!("step {step}, {who:?} {act:?}: {}", answered.body);
        assert_eq!(answered.status, status, "{told}");
        let after = read("admin", "root").await;
        if !model.sessions.contains_key(id) {
            assert_eq!(after.status, 404, "{told}");
            continue;
        }
        let seen = read("agent", "ana").await;
        if !seen_before.is_null() {
            let of_agent = &seen.body["coachingSession"];
            assert_eq!(of_agent["etag"] == seen_before["etag"], *of_agent == seen_before, "{told}");
        }
        for (role, answered) in [("admin", after.clone()), ("agent", seen)] {
            let mut body = answered.body["coachingSession"].clone();
            let etag = body.as_object_mut().unwrap().remove("etag").unwrap();
            assert_eq!(answered.headers["etag"], etag.to_string(), "{told}");
            assert_eq!(body, model.shown(id, role), "{told}");
        }
        let etag_after = after.body["coachingSession"]["etag"].as_str().unwrap().to_owned();
        if changed {
            let known = model.etags.entry(id).or_default();
            assert!(known.insert(etag_after), "an etag came back: {told}");
        } else {
            assert_eq!(etag_after, etag, "{told}");
        }
        if status == 200 {
            let mut body = answered.body["coachingSession"].clone();
            body.as_object_mut().unwrap().remove("etag");
            assert_eq!(body, model.shown(id, who.0), "{told}");
        }
    }
    for id in IDS {
        let event = Event::get("changes").with("name", &session_name(id)).with("pageSize", "7");
        let mut changes = Vec::new();
        let mut page_token = String::new();
        loop {
            let answered = service.send(&event.clone().with("pageToken", &page_token)).await;
            if answered.status == 404 {
                break;
            }
            changes.extend(answered.body["changes"].as_array().unwrap().clone());
            match answered.body["nextPageToken"].as_str() {
                Some(token) => page_token = token.to_owned(),
                None => break,
            }
        }
        assert_eq!(changes, model.histories.remove(id).unwrap_or_default(), "{id}");
    }
}

#[test]
fn sessions_live_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let acts = prop::collection::vec((0..IDS.len(), 0..CALLERS.len(), act()), 1..60);
    TestRunner::new(config)
        .run(&acts, |acts| {
            runtime.block_on(compare(acts));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn every_entity_that_is_updated_has_an_etag_that_guards_it() {
    let service = TestService::seeded().await;
    let target = json!({
        "name": "customers/acme/profiles/support/targets/whole",
        "scorecardTemplateName": "customers/acme/profiles/support/scorecardTemplates/quality",
        "target": 70,
        "usecaseName": usecase_name("care"),
    });
    service.succeed(&Event::post("targets", target)).await;
    for (path, entity, change) in [
        ("coachingSessions/held-1", "coachingSession", json!({"meetingNotes": "new"})),
        ("coachingPlans/ana-plan", "coachingPlan", json!({"comment": "new"})),
        ("coachingComments/first", "coachingComment", json!({"message": "new"})),
        ("targets/whole", "target", json!({"target": 71.0})),
        ("scorecards/submitted-1", "scorecard", json!({"comment": "new"})),
        ("scorecardTemplates/quality", "scorecardTemplate", json!({"title": "new"})),
    ] {
        service.advance(TimeDelta::seconds(1));
        let read = async || service.send(&Event::get(path)).await;
        let before = read().await;
        let etag = before.headers["etag"].clone();
        assert_eq!(etag, before.body[entity]["etag"].to_string(), "{path}");
        let (field, value) = change.as_object().unwrap().iter().next().unwrap();
        let update = |body: Value| Event::new("PATCH", path).with_text(&json!({ entity: body }).to_string());

        let unmasked = service.succeed(&update(change.clone()).with("updateMask", "createTime")).await;
        assert_ne!(&unmasked[entity][field], value, "{path}: the mask does not name it");
        let refused = service.refused(&update(change.clone()).with("updateMask", "nothing"), 400).await;
        assert_eq!(refused.refused_fields(), ["updateMask"], "{path}");
        let stale = update(change.clone()).with_header("if-match", "\"0-0\"");
        assert_eq!(service.refused(&stale, 409).await.reason(), "ETAG_MISMATCH", "{path}");

        let updated = service.send(&update(change.clone()).with_header("if-match", &etag)).await;
        assert_eq!((updated.status, &updated.body[entity][field]), (200, value), "{path}");
        assert_ne!(updated.headers["etag"], etag, "{path}");
        let mut after = read().await;
        if entity == "coachingPlan" {
            // Only the answer of `get-plan` embeds the plan's sessions.
            after.body[entity]["coachingSessions"] = json!([]);
        }
        assert_eq!((&after.headers["etag"], &after.body), (&updated.headers["etag"], &updated.body), "{path}");
    }
}
