//! How fast an export is, in the answer and by a job, beside the rate at which the database can be read; and the memory
//! that it takes.
//!
//! ```sh
//! cargo bench -p coaching-tests --bench export
//! SCORECARDS=1000000 cargo bench -p coaching-tests --bench export
//! ```
//!
//! The embedded DynamoDB runs in a process of its own. The files go to a folder, as on one machine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a bench fails by panicking")]

mod apart;

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_domain::names::Scorecard;
use coaching_domain::{Id, Timestamp};
use coaching_edge::Files;
use coaching_local::{LocalFiles, OPERATIONS, TASKS};
use coaching_store::{Cursor, keys};
use coaching_tests::{Event, TestService, answer, body_of, event_file, number_asked, perform};
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

use apart::{Apart, load, processor_seconds, text, was_dynamodb};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The rows that an export in the answer has.
const IN_PLACE: u64 = 20_000;

fn main() {
    if was_dynamodb() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(exports(number_asked("SCORECARDS", 100_000)));
}

/// A scorecard is created each second, the last one now.
fn created(number: u64, of: u64) -> Timestamp {
    let last = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
    last.plus(TimeDelta::seconds(i64::try_from(number).unwrap() - i64::try_from(of).unwrap()))
}

async fn exports(scorecards: u64) {
    let apart = Apart::start();
    let mut service = TestService::on(apart.url()).await;
    let folder = std::env::temp_dir().join(format!("exports-{}", uuid::Uuid::new_v4()));
    let files = LocalFiles::in_folder(folder.clone(), "secret", "http://127.0.0.1:3000");
    service.app.files = Files::in_storage(files);
    service.app.answer_within = Duration::from_secs(600);
    service.seed().await;
    let like = service.items().await["acme#support#scorecard#submitted-1 / scorecard"].clone();
    load(&service, "scorecards", usize::try_from(scorecards).unwrap(), |number| {
        let id: Id<Scorecard> = Id::parse(&uuid::Uuid::new_v4().to_string()).unwrap();
        let time = created(number as u64, scorecards);
        let mut item = like.clone();
        item.insert(keys::PK.to_owned(), text(&format!("acme#support#scorecard#{id}")));
        item.insert(keys::LIST_ORDER.to_owned(), text(Cursor::latest_first(time, &id).as_str()));
        item.insert("create_time".to_owned(), text(&time.to_string()));
        item
    })
    .await;

    println!("\n| scorecards | how | rows | bytes | read units | calls | time | rows a second | processor | memory |");
    println!("|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    read(&service, scorecards).await;
    in_the_answer(&service, scorecards).await;
    for format in ["CSV", "NDJSON"] {
        by_a_job(&service, scorecards, format, &folder).await;
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// What is spent from its creation on.
struct Spent {
    started: Instant,
    processor: f64,
    memory: usize,
}

impl Spent {
    fn from_now() -> Self {
        MEMORY.reset_peak_usage();
        Self { started: Instant::now(), processor: processor_seconds(), memory: MEMORY.current_usage() }
    }

    fn print(&self, scorecards: u64, how: &str, (rows, bytes): (u64, u64), (units, calls): (f64, u64)) {
        let (took, processor) = (self.started.elapsed().as_secs_f64(), processor_seconds() - self.processor);
        let memory = MEMORY.peak_usage().saturating_sub(self.memory);
        println!(
            "| {scorecards} | {how} | {rows} | {bytes} | {units} | {calls} | {took:.1} s | {:.0} | {processor:.1} s | {:.1} MB |",
            rows as f64 / took,
            memory as f64 / 1e6,
        );
    }
}

/// Reads the range of all scorecards, call by call, and does nothing with them.
async fn read(service: &TestService, scorecards: u64) {
    let spent = Spent::from_now();
    let (mut rows, mut units, mut calls, mut after) = (0, 0.0, 0, None);
    loop {
        let query = service.client().query().table_name(service.table()).index_name("profile-list");
        let page = query
            .key_condition_expression("profile_list = :all")
            .expression_attribute_values(":all", text("acme#support#scorecards"))
            .limit(1000)
            .return_consumed_capacity(aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total)
            .set_exclusive_start_key(after)
            .send()
            .await
            .unwrap();
        rows += u64::try_from(page.count).unwrap();
        units += page.consumed_capacity.unwrap().capacity_units.unwrap();
        calls += 1;
        after = page.last_evaluated_key;
        if after.is_none() {
            break;
        }
    }
    spent.print(scorecards, "read, call by call", (rows, 0), (units, calls));
}

fn export(rows: u64, scorecards: u64, format: &str) -> Event {
    let body = json!({
        "startTime": created(scorecards - rows, scorecards).to_string(),
        "endTime": "2026-06-01T00:00:00Z",
        "format": format,
    });
    Event::post("scorecards:export", body)
}

async fn in_the_answer(service: &TestService, scorecards: u64) {
    let rows = IN_PLACE.min(scorecards);
    let operation = OPERATIONS.iter().find(|operation| operation.name == "export-scorecards").unwrap();
    let event = export(rows, scorecards, "CSV").with_header("accept-encoding", "gzip").to_json();
    let app = service.app.for_one_request();
    let spent = Spent::from_now();
    let answered = answer(operation, &app, event).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    let consumed = app.store.consumed();
    let content = answered.body["content"].as_str().unwrap_or_else(|| panic!("{}", answered.body));
    assert_eq!(answered.body["rowCount"], rows);
    let bytes = content.len() as u64;
    spent.print(scorecards, "in the answer, CSV", (rows, bytes), (consumed.read_units, consumed.calls));
}

async fn by_a_job(service: &TestService, scorecards: u64, format: &str, folder: &Path) {
    let mut body: Value = serde_json::from_slice(&body_of(&export(scorecards, scorecards, format).to_json())).unwrap();
    body["asJob"] = true.into();
    let started = service.succeed(&Event::post("scorecards:export", body)).await;
    let id = started["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let task = TASKS.iter().find(|task| task.name == "run-job").unwrap();
    let app = service.app.for_one_request();
    let spent = Spent::from_now();
    let mut turns = 0;
    let job = loop {
        let mut event = event_file("run-job", "woken");
        let record = &mut event["Records"][0]["dynamodb"];
        record["NewImage"]["turn"]["N"] = turns.to_string().into();
        for place in ["Keys", "NewImage"] {
            record[place]["PK"]["S"] = format!("acme#support#job#{id}").into();
        }
        perform(task, &app, event, Instant::now() + Duration::from_secs(60)).await.unwrap();
        turns += 1;
        let job = service.succeed(&Event::get(&format!("jobs/{id}"))).await["job"].clone();
        if job["state"] == "SUCCEEDED" {
            break job;
        }
        assert_eq!(job["state"], "RUNNING", "{job}");
    };
    let sum = |field: &str| job["results"].as_array().unwrap().iter().map(|file| number(&file[field])).sum();
    let consumed = app.store.consumed();
    let how = format!("by a job, {format}, {turns} turns, {} files", job["results"].as_array().unwrap().len());
    spent.print(scorecards, &how, (sum("rowCount"), sum("sizeBytes")), (consumed.read_units, consumed.calls));
    assert!(folder.is_dir());
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value}"))
}
