//! What holds for every export: the answer and the job make the same file, whatever happens to the worker, and the file
//! has what lists answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_domain::Error;
use coaching_domain::job::JobKind;
use coaching_domain::rules::Enumeration;
use coaching_edge::App;
use coaching_local::{OPERATIONS, TASKS};
use coaching_tests::{
    Event, Fault, TestService, below_support, event_file, merge, on_all_cores, perform, plan_name, read_table,
    session_name, usecase_name, user, user_name,
};
use serde_json::{Value, json};

/// An export, and the requests by which it is tried.
struct Exported {
    /// The path, below the profile.
    path: &'static str,
    /// The kind of its job.
    kind: &'static str,
    /// The fields that its request must have, so that it exports all that there is.
    all: fn() -> Value,
    /// Further fields, with which it exports nothing.
    nothing: fn() -> Value,
    /// Further fields in which it can be asked for, beside the form.
    layouts: &'static [Option<&'static str>],
    /// The list that answers the same: a page of it, and the field with the entries.
    listed: fn(page: Option<&str>) -> Event,
    entries: &'static str,
    /// Adds so much that it takes more than one part.
    more: fn(&TestService) -> Adding<'_>,
}

type Adding<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

fn with_page(mut body: Value, page: Option<&str>) -> Value {
    merge(&mut body, json!({"pageSize": 1, "pageToken": page}));
    body
}

fn list(path: &str, page: Option<&str>) -> Event {
    let first = Event::get(path).with("pageSize", "1");
    page.into_iter().fold(first, |event, page| event.with("pageToken", page))
}

fn month() -> Value {
    json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T12:00:00Z"})
}

fn overviews() -> Value {
    let mut body = month();
    body["usecaseNames"] = json!([usecase_name("care")]);
    body
}

fn progress() -> Value {
    json!({"usecaseNames": [usecase_name("care")]})
}

fn nobodys() -> Value {
    json!({"groupNames": ["customers/acme/groups/empty"]})
}

static EXPORTS: [Exported; 4] = [
    Exported {
        path: "scorecards:export",
        kind: "EXPORT_SCORECARDS",
        all: month,
        nothing: || json!({"startTime": "2020-01-01T00:00:00Z", "endTime": "2020-02-01T00:00:00Z"}),
        layouts: &[None, Some("ROW_PER_SCORE")],
        listed: |page| list("scorecards", page),
        entries: "scorecards",
        more: |service| Box::pin(more_scorecards(service)),
    },
    Exported {
        path: "coachingSessions:export",
        kind: "EXPORT_COACHING_SESSIONS",
        all: || json!({}),
        nothing: || json!({"startSessionTime": "2020-01-01T00:00:00Z", "endSessionTime": "2020-02-01T00:00:00Z"}),
        layouts: &[None],
        listed: |page| list("coachingSessions", page),
        entries: "coachingSessions",
        more: |service| Box::pin(more_sessions(service)),
    },
    Exported {
        path: "coachingProgresses:export",
        kind: "EXPORT_COACHING_PROGRESSES",
        all: progress,
        nothing: nobodys,
        layouts: &[None, Some("ROW_PER_TARGET")],
        listed: |page| Event::post("coachingProgresses:retrieve", with_page(progress(), page)),
        entries: "agentCoachingProgresses",
        more: |service| Box::pin(more_agents(service)),
    },
    Exported {
        path: "coachingOverviews:export",
        kind: "EXPORT_COACHING_OVERVIEWS",
        all: overviews,
        nothing: nobodys,
        layouts: &[None],
        listed: |page| Event::post("coachingOverviews:retrieve", with_page(overviews(), page)),
        entries: "agentCoachingOverviews",
        more: |service| Box::pin(more_agents(service)),
    },
];

async fn more_scorecards(service: &TestService) {
    let scorecard = |number: usize| {
        json!({
            "name": below_support(&format!("scorecards/more-{number:04}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ben"),
            "templateName": below_support("scorecardTemplates/quality"),
            "createTime": format!("2026-05-{:02}T09:00:00Z", 2 + number / 50),
        })
    };
    let scorecards: Vec<Value> = (0..600).map(scorecard).collect();
    for scorecards in scorecards.chunks(300) {
        let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards}));
        service.succeed(&load.by("service", "sync@acme")).await;
    }
}

/// Copies of a session, as creations write them.
async fn more_sessions(service: &TestService) {
    let held = service.items().await["acme#support#session#held-1 / session"].clone();
    let text = |text: String| AttributeValue::S(text);
    let ends_with_id = ["PK", "list_order", "session_time_order", "update_time_order"];
    for number in 0..520 {
        let mut item = held.clone();
        for attribute in ends_with_id {
            let before = item[attribute].as_s().unwrap().strip_suffix("held-1").unwrap().to_owned();
            item.insert(attribute.to_owned(), text(format!("{before}more-{number:03}")));
        }
        service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
    }
}

async fn more_agents(service: &TestService) {
    let users: Vec<Value> = (0..520).map(|number| user(&format!("more-{number:03}"))).collect();
    for users in users.chunks(260) {
        let load = Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
        service.succeed(&load.by("service", "sync@acme")).await;
    }
}

/// A service with a little of everything, and what can be hard to export: a name that looks like a formula, an agent with
/// more held sessions than their statistics hold, and a group without members.
async fn service() -> TestService {
    let service = TestService::seeded().await;
    let mut ben = user("ben");
    ben["displayName"] = json!("=HYPERLINK(\"x\")");
    let load = Event::post("", json!({"users": [ben]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    let empty = json!({"name": "customers/acme/groups/empty", "displayName": "Empty", "memberUserNames": []});
    let load = Event::post("", json!({"groups": [empty]})).to("/v1/customers/acme/groups:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    for number in 0..12 {
        let session = json!({
            "name": session_name(&format!("of-ben-{number:02}")),
            "agentUserName": user_name("ben"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ben-plan"),
            "usecaseName": usecase_name("care"),
            "sessionTime": format!("2026-05-{:02}T10:00:00Z", 2 + number),
            "meetingNotes": "-1\r\n, \"quoted\"",
            "privateNotes": "'=1",
            "createTime": "2026-05-01T09:00:00Z",
        });
        service.succeed(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
    }
    service
}

impl Exported {
    fn event(&self, more: Value) -> Event {
        let mut body = (self.all)();
        merge(&mut body, more);
        Event::post(self.path, body)
    }

    /// The content of an export in the answer.
    async fn content(&self, service: &TestService, more: Value) -> String {
        let answered = service.succeed(&self.event(more)).await;
        answered["content"].as_str().unwrap_or_else(|| panic!("{answered}")).to_owned()
    }

    /// Asks for it in the answer and by a job, compares the files, and returns the answer.
    async fn is_the_same_in_both_ways(&self, service: &TestService, more: Value) -> Value {
        let answered = service.succeed(&self.event(more.clone())).await;
        let id = self.start(service, more.clone()).await;
        assert_eq!(job(service, &id).await["kind"], self.kind);
        turn(&service.app, &id, 0, later()).await.unwrap();
        let content = answered["content"].as_str().unwrap();
        assert_eq!(files(service, &id).await, [content], "{}: {more}", self.path);
        let result = &job(service, &id).await["results"][0];
        for field in ["fileName", "rowCount", "contentType"] {
            assert_eq!(answered[field], result[field], "{}: {more}", self.path);
        }
        answered
    }

    /// Starts a job, and returns its id.
    async fn start(&self, service: &TestService, more: Value) -> String {
        let mut body = more;
        body["asJob"] = json!(true);
        let started = service.succeed(&self.event(body)).await;
        started["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// What the list answers on all of its pages, without private notes, which are in no file.
    async fn listed(&self, service: &TestService) -> Vec<Value> {
        let (mut entries, mut page) = (Vec::new(), None);
        loop {
            let answered = service.succeed(&(self.listed)(page.as_deref())).await;
            entries.extend(answered[self.entries].as_array().unwrap().clone());
            entries.iter_mut().for_each(|entry| _ = entry.as_object_mut().unwrap().remove("privateNotes"));
            match answered["nextPageToken"].as_str() {
                Some(next) => page = Some(next.to_owned()),
                None => return entries,
            }
        }
    }

    /// The forms in which it can be asked for.
    fn forms(&self) -> Vec<Value> {
        let forms = [
            json!({}),
            json!({"format": "NDJSON"}),
            json!({"rawText": true, "omitByteOrderMark": true, "timeZoneId": "America/New_York"}),
        ];
        let layouts = self.layouts.iter().flatten().map(|layout| json!({"layout": layout}));
        let of_a_group = (self.path != "coachingSessions:export")
            .then(|| json!({"groupNames": ["customers/acme/groups/team"], "includeIndirectGroupMembers": true}));
        forms.into_iter().chain(layouts).chain(of_a_group).collect()
    }
}

/// Does turn `turn` of a job, until `until`; with the time past, one part.
async fn turn(app: &App, job: &str, turn: u32, until: Instant) -> Result<Value, Error> {
    let mut event = event_file("run-job", "woken");
    let record = &mut event["Records"][0]["dynamodb"];
    record["NewImage"]["turn"]["N"] = turn.to_string().into();
    for place in ["Keys", "NewImage"] {
        record[place]["PK"]["S"] = format!("acme#support#job#{job}").into();
    }
    let task = TASKS.iter().find(|task| task.name == "run-job").unwrap();
    perform(task, app, event, until).await
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

async fn job(service: &TestService, job: &str) -> Value {
    service.succeed(&Event::get(&format!("jobs/{job}"))).await["job"].clone()
}

/// The files that the job lists, by their content.
async fn files(service: &TestService, id: &str) -> Vec<String> {
    let all = service.files.all_in_memory();
    let job = job(service, id).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let uris = job["results"].as_array().unwrap().iter().map(|file| file["uri"].as_str().unwrap());
    let keys = uris.map(|uri| uri.strip_prefix("http://127.0.0.1:3000/files/").unwrap().split('?').next().unwrap());
    keys.map(|key| String::from_utf8(all[key].to_vec()).unwrap()).collect()
}

/// The header and the rows of a table, as two readers read them.
fn read(table: &str) -> Vec<Vec<String>> {
    let rows = read_table(table);
    let table = table.strip_prefix('\u{feff}').unwrap_or(table);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(table.as_bytes());
    let others: Vec<Vec<String>> =
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows, others);
    rows
}

#[test]
fn every_export_is_tried() {
    let names = OPERATIONS.iter().filter_map(|operation| operation.route).map(|route| route.path);
    let exports: BTreeSet<&str> =
        names.filter(|path| path.ends_with(":export")).map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(exports, EXPORTS.iter().map(|export| export.path).collect());
    let kinds: BTreeSet<&str> = JobKind::VALUES.iter().map(|(name, _)| *name).collect();
    let of_exports: BTreeSet<&str> = EXPORTS.iter().map(|export| export.kind).collect();
    assert_eq!(kinds.into_iter().filter(|name| name.starts_with("EXPORT_")).collect::<BTreeSet<_>>(), of_exports);
}

#[tokio::test]
async fn in_the_answer_and_by_a_job_the_file_is_the_same() {
    let service = service().await;
    for export in &EXPORTS {
        for form in export.forms() {
            export.is_the_same_in_both_ways(&service, form).await;
        }
    }
}

/// Each filter of sessions alone: they are read from indexes of their own.
#[tokio::test]
async fn sessions_are_the_same_in_both_ways_by_every_filter() {
    let service = service().await;
    let [_, sessions, ..] = &EXPORTS;
    for filter in [
        json!({"agentUserName": user_name("ana")}),
        json!({"coachingPlanName": plan_name("ana-plan")}),
        json!({"usecaseNames": [usecase_name("care")]}),
        json!({"states": ["HELD"]}),
        json!({"overdue": true}),
        json!({"startSessionTime": "2026-05-01T00:00:00Z"}),
        json!({"startUpdateTime": "2026-05-01T00:00:00Z"}),
    ] {
        let answered = sessions.is_the_same_in_both_ways(&service, filter.clone()).await;
        assert_ne!(answered["rowCount"], "0", "{filter}: {answered}");
    }
}

/// What an agent is and has now does not count in a window that is over, in a job neither.
#[tokio::test]
async fn a_window_that_is_over_is_the_same_in_both_ways() {
    let service = service().await;
    let plan = json!({"usecaseName": usecase_name("care"), "createTime": "2026-05-01T00:00:00Z"});
    service.plan_with("may-plan", "ana", plan).await;
    for (id, more) in [("of-ana", json!({"coachingPlanName": plan_name("may-plan")})), ("of-all", json!({}))] {
        let mut target = json!({
            "name": below_support(&format!("targets/{id}")),
            "scorecardTemplateName": below_support("scorecardTemplates/quality"),
            "target": 80,
            "usecaseName": usecase_name("care"),
            "createTime": "2026-05-01T00:00:00Z",
        });
        merge(&mut target, more);
        service.succeed(&Event::post("targets", target).by("service", "sync@acme")).await;
    }
    let moved = json!({"target": {"target": 90}}).to_string();
    service.succeed(&Event::new("PATCH", "targets/of-ana").with_text(&moved)).await;
    service.advance(TimeDelta::hours(1));
    service.succeed(&Event::new("DELETE", "targets/of-all")).await;
    let mut manager = user("ben");
    manager["roles"] = json!(["manager"]);
    let load = Event::post("", json!({"users": [manager]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    service.advance(TimeDelta::hours(1));
    let [_, _, progress, overviews] = &EXPORTS;
    let over = json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T00:00:00Z"});
    for agents in [json!([]), json!([user_name("ana"), user_name("ben")])] {
        let mut more = over.clone();
        merge(&mut more, json!({"agentUserNames": agents}));
        overviews.is_the_same_in_both_ways(&service, more.clone()).await;
        merge(&mut more, json!({"layout": "ROW_PER_TARGET"}));
        let answered = progress.is_the_same_in_both_ways(&service, more).await;
        let table = answered["content"].as_str().unwrap();
        let columns: Vec<Vec<String>> = read(table);
        let place = columns[0].iter().position(|column| column == "target").unwrap();
        let targets: BTreeSet<&str> = columns.iter().skip(1).map(|row| row[place].as_str()).collect();
        assert!(targets.contains("80") && !targets.contains("90"), "{table}");
    }
}

#[tokio::test]
async fn a_line_is_what_the_list_answers_and_each_has_a_row() {
    let service = service().await;
    for export in &EXPORTS {
        let listed = export.listed(&service).await;
        assert!(listed.len() > 1, "{}", export.path);
        let lines = export.content(&service, json!({"format": "NDJSON"})).await;
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, listed, "{}", export.path);

        let table = export.content(&service, json!({})).await;
        assert!(table.starts_with('\u{feff}'), "{table}");
        let rows = read(&table);
        assert_eq!(rows.len(), 1 + listed.len(), "{}", export.path);
        let names = listed.iter().map(|one| one["name"].as_str().or(one["agentUserName"].as_str()).unwrap());
        assert_eq!(rows[1..].iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), names.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn no_cell_begins_a_formula_unless_raw_text_is_asked_for() {
    let service = service().await;
    let forbidden = ['=', '+', '@', '\t', '\r', '\n', '\0', '＝'];
    for export in &EXPORTS {
        for layout in export.layouts {
            let table = export.content(&service, json!({"layout": layout})).await;
            for cell in read(&table).iter().flatten() {
                let is_number = cell.parse::<f64>().is_ok();
                assert!(!cell.starts_with(forbidden) && (is_number || !cell.starts_with('-')), "{cell}");
            }
        }
        if export.path != "scorecards:export" {
            assert!(export.content(&service, json!({})).await.contains("'=HYPERLINK"), "{}", export.path);
            let raw = export.content(&service, json!({"rawText": true})).await;
            assert!(raw.contains("\"=HYPERLINK") && !raw.contains("'=HYPERLINK"), "{}", export.path);
        }
    }
}

#[tokio::test]
async fn an_export_of_nothing_is_a_file_without_rows() {
    let service = service().await;
    for export in &EXPORTS {
        let nothing = |more: Value| {
            let mut body = (export.nothing)();
            merge(&mut body, more);
            body
        };
        let answered = service.succeed(&export.event(nothing(json!({})))).await;
        let content = answered["content"].as_str().unwrap();
        assert_eq!((&answered["rowCount"], content.lines().count()), (&json!(0), 1), "{}", export.path);
        for (form, content) in [(json!({}), content), (json!({"format": "NDJSON"}), "")] {
            assert_eq!(export.content(&service, nothing(form.clone())).await, content, "{}", export.path);
            let id = export.start(&service, nothing(form)).await;
            turn(&service.app, &id, 0, later()).await.unwrap();
            assert_eq!(files(&service, &id).await, [content], "{}", export.path);
        }
    }
}

#[tokio::test]
async fn a_request_id_names_one_job_and_a_profile_has_five_unfinished_ones() {
    for export in &EXPORTS {
        let service = service().await;
        let with_id = |id: u8| {
            export.event(json!({"asJob": true})).with("requestId", &format!("6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a0{id}"))
        };
        let first = service.succeed(&with_id(1)).await;
        let items = service.items().await;
        assert_eq!(service.succeed(&with_id(1)).await, first);
        assert_eq!(service.items().await, items);
        let other = export.event(json!({"asJob": true, "format": "NDJSON"}));
        let other = other.with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a01");
        assert_eq!(service.refused(&other, 400).await.refused_fields(), ["requestId"]);
        // Beside the job that is there: four.
        for id in 2..5 {
            assert_ne!(service.succeed(&with_id(id)).await, first);
        }
        assert_eq!(service.refused(&with_id(5), 429).await.reason(), "JOBS_FULL");
        assert!(!export.content(&service, json!({})).await.is_empty(), "in the answer there is no job");
        let job = first["job"].as_str().unwrap().rsplit('/').next().unwrap();
        service.succeed(&Event::post(&format!("jobs/{job}:cancel"), json!({}))).await;
        service.succeed(&with_id(5)).await;
        assert_eq!(service.refused(&with_id(6), 429).await.reason(), "JOBS_FULL");
    }
}

#[tokio::test]
async fn a_job_is_done_in_turns_and_each_row_is_there_once_and_it_is_cancelled_between_them() {
    for export in &EXPORTS {
        let service = service().await;
        (export.more)(&service).await;
        let whole = export.content(&service, json!({"omitByteOrderMark": true})).await;

        let id = export.start(&service, json!({"omitByteOrderMark": true})).await;
        let mut turns = 0;
        while job(&service, &id).await["state"] != "SUCCEEDED" {
            turn(&service.app, &id, turns, Instant::now()).await.unwrap();
            turns += 1;
        }
        assert!(turns > 1, "{}", export.path);
        let files = files(&service, &id).await;
        assert_eq!(files.len(), usize::try_from(turns).unwrap(), "a file for each turn that was cut short");
        let header = whole.lines().next().unwrap();
        let rows = files.iter().map(|file| file.strip_prefix(header).unwrap().strip_prefix("\r\n").unwrap());
        assert_eq!(format!("{header}\r\n{}", rows.collect::<String>()), whole, "{}", export.path);

        let id = export.start(&service, json!({})).await;
        turn(&service.app, &id, 0, Instant::now()).await.unwrap();
        let cancel = Event::post(&format!("jobs/{id}:cancel"), json!({}));
        assert_eq!(service.succeed(&cancel).await["job"]["state"], "CANCELLING");
        turn(&service.app, &id, 1, later()).await.unwrap();
        let cancelled = job(&service, &id).await;
        assert_eq!((&cancelled["state"], &cancelled["results"]), (&json!("CANCELLED"), &json!([])));
        let unfinished = service.items().await["acme#support#unfinished-jobs / unfinished-jobs"]["unfinished"].clone();
        assert_eq!(unfinished, AttributeValue::N("1".to_owned()), "the one that was there before");
    }
}

type Items = BTreeMap<String, HashMap<String, AttributeValue>>;

/// The table, without what tells how often a worker tried.
async fn table(service: &TestService, job: &str) -> Items {
    let mut items = service.items().await;
    let job = items.get_mut(&format!("acme#support#job#{job} / job")).unwrap();
    for counted in ["version", "attempt", "files"] {
        job.remove(counted);
    }
    items
}

/// Lets a worker die at each of its calls, once before the call and once after it.
async fn dies_at_any_call(export: &Exported) {
    let first = TestService::seeded().await;
    let id = export.start(&first, json!({})).await;
    let begun = first.items().await[&format!("acme#support#job#{id} / job")].clone();
    // The same job in a table of its own each time.
    let prepared = async || {
        let service = TestService::seeded().await;
        service.client().put_item().table_name(service.table()).set_item(Some(begun.clone())).send().await.unwrap();
        service
    };
    let undisturbed = prepared().await;
    turn(&undisturbed.app, &id, 0, later()).await.unwrap();
    let (right_files, right_table) = (files(&undisturbed, &id).await, table(&undisturbed, &id).await);
    assert_eq!(right_files.len(), 1);
    for lost in [false, true] {
        for calls in 0.. {
            let service = prepared().await;
            let (app, faulty) = service.behind_faults().await;
            faulty.inject(vec![Fault::Passed; calls]);
            faulty.inject(lost.then_some(Fault::AnswerLost));
            // As many as it may ever repeat.
            faulty.inject(vec![Fault::Unreached; 200]);
            let died = turn(&app, &id, 0, later()).await;
            if died.is_ok() && faulty.left() == 200 + usize::from(lost) {
                assert!(calls > 5, "{}: {calls} calls", export.path);
                break;
            }
            // The stream tells it again.
            turn(&service.app, &id, 0, later()).await.unwrap();
            assert_eq!(files(&service, &id).await, right_files, "{}: {calls} calls, {lost}", export.path);
            assert_eq!(table(&service, &id).await, right_table, "{}: {calls} calls, {lost}", export.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_at_any_call_leaves_what_another_finishes() {
    on_all_cores(&EXPORTS, dies_at_any_call).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_and_named_by_a_job() {
    for export in &EXPORTS {
        let service = service().await;
        let (key, named) = match export.path {
            "scorecards:export" => ("acme#support#scorecard#draft-1 / scorecard", "scorecards/draft-1"),
            "coachingSessions:export" => ("acme#support#session#held-1 / session", "coachingSessions/held-1"),
            _ => ("acme#support#agent#ana / agent", "users/ana"),
        };
        let mut damaged = service.items().await[key].clone();
        for attribute in ["agent", "display_name"] {
            if damaged.contains_key(attribute) {
                damaged.insert(attribute.to_owned(), AttributeValue::Bool(true));
            }
        }
        let before = export.content(&service, json!({"format": "NDJSON"})).await.lines().count();
        service.client().put_item().table_name(service.table()).set_item(Some(damaged)).send().await.unwrap();
        let started = service.succeed(&export.event(json!({"format": "NDJSON"}))).await;
        let id = started["job"].as_str().unwrap_or_else(|| panic!("{}: {started}", export.path));
        let id = id.rsplit('/').next().unwrap();
        turn(&service.app.for_one_request(), id, 0, later()).await.unwrap();
        let done = job(&service, id).await;
        assert_eq!((&done["skippedCount"], &done["processedCount"]), (&json!(1), &json!(before - 1)), "{done}");
        assert_eq!(done["warnings"].as_array().unwrap().len(), 1, "{done}");
        assert!(done["warnings"][0].as_str().unwrap().contains(named), "{done}");
        assert_eq!(files(&service, id).await[0].lines().count(), before - 1);
    }
}
