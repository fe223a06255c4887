//! `run-job`: the worker, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_domain::job::{
    Job, JobFile, JobKind, MAX_CHECKPOINT_BYTES, MAX_FILES, MAX_REQUEST_BYTES, MAX_WARNINGS, Progress,
};
use coaching_domain::names::{MAX_ID_BYTES, Scorecard};
use coaching_domain::{Error, Id, Reason, Tenant, Timestamp};
use coaching_edge::{App, FileStorage, Files, Kept, NewFile, Read};
use coaching_jobs::{KINDS, Kind, Sliced, Slicing, Stopped, Turn, Work, work};
use coaching_local::LocalFiles;
use coaching_tests::{Event, Fault, TestService, below_support, bytes_of, event_file, perform, user_name};
use serde_json::{Map, Value, json};

/// Time for as much as a turn takes.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// The record of the stream that tells of turn `turn` of the job `export-1`.
fn woken(turn: u32) -> Value {
    let mut event = event_file("run-job", "woken");
    event["Records"][0]["dynamodb"]["NewImage"]["turn"]["N"] = turn.to_string().into();
    event
}

/// Does turn `turn` until `until`; with the time past, one page of scorecards.
async fn turn(app: &App, turn: u32, until: Instant) -> Result<Value, Error> {
    perform(&run_job::TASK, app, woken(turn), until).await
}

async fn job(service: &TestService) -> Value {
    service.succeed(&Event::get("jobs/export-1")).await["job"].clone()
}

/// The files of the job, as it lists them, by their content.
async fn listed_files(service: &TestService) -> Vec<String> {
    let all = service.files.all_in_memory();
    let job = job(service).await;
    let uris = job["results"].as_array().unwrap().iter().map(|file| file["uri"].as_str().unwrap());
    let keys = uris.map(|uri| uri.strip_prefix("http://127.0.0.1:3000/files/").unwrap().split('?').next().unwrap());
    keys.map(|key| String::from_utf8(all[key].to_vec()).unwrap()).collect()
}

/// Scorecards for three pages, beside the two that are there.
async fn three_pages(service: &TestService) {
    let scorecard = |number: usize| {
        json!({
            "name": below_support(&format!("scorecards/more-{number:04}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ben"),
            "templateName": below_support("scorecardTemplates/quality"),
            "createTime": format!("2026-05-{:02}T09:00:00Z", 2 + number / 50),
        })
    };
    let scorecards: Vec<Value> = (0..1200).map(scorecard).collect();
    for scorecards in scorecards.chunks(400) {
        let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards}));
        service.succeed(&load.by("service", "sync@acme")).await;
    }
}

#[tokio::test]
async fn a_job_is_done_in_turns_and_each_row_is_there_once() {
    let service = TestService::seeded().await;
    three_pages(&service).await;
    let mut percent = 0;
    for number in 0..3 {
        let before = job(&service).await;
        assert_eq!(before["state"], if number == 0 { "PENDING" } else { "RUNNING" });
        turn(&service.app, number, Instant::now()).await.unwrap();
        let after = job(&service).await["progressPercent"].as_u64().unwrap();
        assert!(after > percent, "{number}: {after}");
        percent = after;
    }
    let done = job(&service).await;
    assert_eq!(
        (&done["state"], &done["progressPercent"], &done["processedCount"]),
        (&json!("SUCCEEDED"), &json!(100), &json!(1202))
    );
    let files = listed_files(&service).await;
    assert_eq!(files.len(), 3, "a file for each turn that was cut short");
    let headers: Vec<&str> = files.iter().map(|file| file.lines().next().unwrap()).collect();
    assert!(headers.iter().all(|header| *header == headers[0]), "a header in each");
    let names = files.iter().flat_map(|file| file.lines().skip(1)).map(|row| row.split(',').next().unwrap());
    let names: Vec<&str> = names.collect();
    let distinct: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!((names.len(), distinct.len()), (1202, 1202));

    let items = service.items().await;
    for number in [2, 0, 1, 3, 0] {
        turn(&service.app, number, later()).await.unwrap();
    }
    assert_eq!(service.items().await, items, "records that come twice or late do nothing");
}

#[tokio::test]
async fn records_of_other_changes_do_nothing() {
    let service = TestService::seeded().await;
    let items = service.items().await;
    let mut asleep = woken(0);
    asleep["Records"][0]["dynamodb"]["NewImage"]["wake"]["BOOL"] = false.into();
    let mut removed = woken(0);
    removed["Records"][0]["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    let mut unknown = woken(0);
    unknown["Records"][0]["dynamodb"]["Keys"]["PK"]["S"] = "acme#support#job#none".into();
    let mut other = woken(0);
    other["Records"][0]["dynamodb"]["Keys"]["PK"]["S"] = "acme#support#plan#ana-plan".into();
    let mut elsewhere = woken(0);
    elsewhere["Records"][0]["dynamodb"]["Keys"]["PK"]["S"] = "globex#support#job#export-1".into();
    for event in [asleep, removed, unknown, other, elsewhere, woken(1)] {
        perform(&run_job::TASK, &service.app, event, later()).await.unwrap();
    }
    assert_eq!(service.items().await, items);
    for event in [json!({}), json!({"customer": "acme"}), json!({"customer": "acme", "profile": "support", "job": "#"})]
    {
        assert!(perform(&run_job::TASK, &service.app, event, later()).await.is_err());
    }
    let unknown = json!({"customer": "acme", "profile": "support", "job": "none"});
    assert!(perform(&run_job::TASK, &service.app, unknown, later()).await.is_err());
}

#[tokio::test]
async fn a_turn_that_fails_ten_times_fails_the_job() {
    let service = TestService::seeded().await;
    for _ in 0..10 {
        // It claims, and then meets a table that does not answer.
        let (app, faulty) = service.behind_faults().await;
        faulty.inject(vec![Fault::Passed; 2]);
        faulty.inject(vec![Fault::internal(); 200]);
        assert!(turn(&app, 0, later()).await.is_err());
    }
    turn(&service.app, 0, later()).await.unwrap();
    let failed = job(&service).await;
    assert_eq!((&failed["state"], &failed["error"]["reason"]), (&json!("FAILED"), &json!("ATTEMPTS_EXHAUSTED")));
    assert_eq!(failed["results"], json!([]));
    let unfinished = service.items().await["acme#support#unfinished-jobs / unfinished-jobs"]["unfinished"].clone();
    assert_eq!(unfinished, AttributeValue::N("0".to_owned()));
}

/// A storage that takes no file, or takes them and does not say so.
#[derive(Debug)]
struct Unwilling {
    takes: Option<LocalFiles>,
}

impl FileStorage for Unwilling {
    fn put<'a>(&'a self, file: NewFile<'a>) -> Kept<'a> {
        Box::pin(async move {
            if let Some(files) = &self.takes {
                files.put(file).await?;
            }
            Err(Error::new(Reason::TableUnavailable, "the bucket refuses"))
        })
    }

    fn get<'a>(&'a self, _key: &'a str) -> Read<'a> {
        Box::pin(async { Err(Error::internal("the worker reads no files")) })
    }

    fn remove<'a>(&'a self, _key: &'a str) -> Kept<'a> {
        Box::pin(async { Err(Error::internal("the worker removes no files")) })
    }

    fn link(&self, _key: &str, _file_name: &str, _now: Timestamp, _until: Timestamp) -> Result<String, Error> {
        Err(Error::internal("the worker makes no links"))
    }
}

#[tokio::test]
async fn a_bucket_that_refuses_is_tried_ten_times_and_is_the_reason_of_the_failure() {
    let service = TestService::seeded().await;
    let app = App { files: Files::in_storage(Unwilling { takes: None }), ..service.app.clone() };
    for attempt in 1..10 {
        assert!(turn(&app, 0, later()).await.is_err(), "{attempt}");
        assert_eq!(job(&service).await["state"], "RUNNING", "{attempt}");
    }
    turn(&app, 0, later()).await.unwrap();
    let failed = job(&service).await;
    assert_eq!((&failed["state"], &failed["error"]["reason"]), (&json!("FAILED"), &json!("ATTEMPTS_EXHAUSTED")));
    assert!(failed["error"]["message"].as_str().unwrap().ends_with("the bucket refuses"), "{failed}");
    assert_eq!(failed["results"], json!([]));
    let unfinished = service.items().await["acme#support#unfinished-jobs / unfinished-jobs"]["unfinished"].clone();
    assert_eq!(unfinished, AttributeValue::N("0".to_owned()));
}

#[tokio::test]
async fn a_file_that_the_bucket_took_without_an_answer_is_listed_once() {
    let service = TestService::seeded().await;
    let takes = Some(service.files.clone());
    let app = App { files: Files::in_storage(Unwilling { takes }), ..service.app.clone() };
    assert!(turn(&app, 0, later()).await.is_err());
    turn(&service.app, 0, later()).await.unwrap();
    assert_eq!((job(&service).await["state"].clone(), listed_files(&service).await.len()), (json!("SUCCEEDED"), 1));
    assert_eq!(service.files.all_in_memory().len(), 2, "the first attempt's file is there, and is listed nowhere");
}

#[tokio::test]
async fn a_job_that_takes_two_days_fails() {
    let service = TestService::seeded().await;
    service.advance(TimeDelta::hours(48));
    turn(&service.app, 0, later()).await.unwrap();
    assert_eq!(job(&service).await["state"], "FAILED");
}

#[tokio::test]
async fn a_job_is_cancelled_at_every_checkpoint() {
    for turns in 1..3 {
        let service = TestService::seeded().await;
        three_pages(&service).await;
        for number in 0..turns {
            turn(&service.app, number, Instant::now()).await.unwrap();
        }
        let cancel = Event::post("jobs/export-1:cancel", json!({}));
        assert_eq!(service.succeed(&cancel).await["job"]["state"], "CANCELLING");
        turn(&service.app, turns, later()).await.unwrap();
        let cancelled = job(&service).await;
        assert_eq!((&cancelled["state"], &cancelled["results"]), (&json!("CANCELLED"), &json!([])));
        assert_eq!(service.succeed(&cancel).await["job"], {
            let mut without_links = cancelled.clone();
            without_links["results"] = json!([]);
            without_links
        });
        let unfinished = service.items().await["acme#support#unfinished-jobs / unfinished-jobs"]["unfinished"].clone();
        assert_eq!(unfinished, AttributeValue::N("0".to_owned()));
    }
}

/// A kind whose slices are made by this, under the name of the export.
struct As(for<'a> fn(&'a mut Work<'_>) -> Slicing<'a>);

impl Kind for As {
    fn kind(&self) -> JobKind {
        JobKind::ExportScorecards
    }

    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a> {
        (self.0)(work)
    }
}

fn tenant() -> Tenant {
    #[expect(clippy::disallowed_methods, reason = "a test acts for no caller")]
    Tenant::for_maintenance("acme", "support").unwrap()
}

/// Keeps a file, while another worker does the whole turn.
fn overtaken<'a>(work: &'a mut Work<'_>) -> Slicing<'a> {
    Box::pin(async move {
        work.keep("late.csv".to_owned(), "csv", "text/csv", b"late".to_vec(), 1).await?;
        let done = coaching_jobs::work(work.app, &KINDS, work.tenant, &work.job.id, 0, later()).await?;
        assert_eq!(done, Turn::Ended);
        Ok(Sliced::Done)
    })
}

#[tokio::test]
async fn of_two_workers_on_a_turn_the_later_one_counts() {
    let service = TestService::seeded().await;
    let id = Id::parse("export-1").unwrap();
    let late = work(&service.app, &[&As(overtaken)], &tenant(), &id, 0, later()).await.unwrap();
    assert_eq!(late, Turn::Nothing);
    let files = listed_files(&service).await;
    assert!(files.len() == 1 && files[0].contains("submitted-1"), "{files:?}");
    assert_eq!(service.files.all_in_memory().len(), 2, "the other's file is there, and is listed nowhere");
}

#[tokio::test]
async fn two_workers_at_once_make_one_result() {
    for _ in 0..5 {
        let service = TestService::seeded().await;
        let (first, second) = tokio::join!(turn(&service.app, 0, later()), turn(&service.app, 0, later()));
        // One may meet the other's write; the stream would tell the turn again.
        assert!(first.is_ok() || second.is_ok());
        turn(&service.app, 0, later()).await.unwrap();
        assert_eq!(job(&service).await["state"], "SUCCEEDED");
        assert_eq!(listed_files(&service).await.len(), 1);
    }
}

/// The service whose clock the slices of [`slow`] move.
static SLOW_SERVICE: OnceLock<TestService> = OnceLock::new();

/// Says four times how far it is, in steps of five seconds but for the first, and is cancelled before the last.
fn slow<'a>(work: &'a mut Work<'_>) -> Slicing<'a> {
    Box::pin(async move {
        let service = SLOW_SERVICE.get().unwrap();
        let progress = |percent, processed| Progress { percent, processed, skipped: 0 };
        let told = async || {
            let job = job(service).await;
            (job["progressPercent"].as_u64().unwrap(), job["processedCount"].as_u64().unwrap())
        };
        work.advance(progress(10, 100)).await?;
        assert_eq!(told().await, (0, 0), "too soon");
        service.advance(TimeDelta::seconds(5));
        work.advance(progress(20, 200)).await?;
        assert_eq!(told().await, (20, 200));
        service.advance(TimeDelta::seconds(5));
        work.advance(progress(15, 150)).await?;
        assert_eq!(told().await, (20, 200), "it never falls");
        let cancel = Event::post("jobs/export-1:cancel", json!({}));
        assert_eq!(service.succeed(&cancel).await["job"]["state"], "CANCELLING");
        service.advance(TimeDelta::seconds(5));
        let stopped = work.advance(progress(30, 300)).await;
        assert!(matches!(stopped, Err(Stopped::Cancelled)), "{stopped:?}");
        Err(Stopped::Cancelled)
    })
}

#[tokio::test]
async fn progress_is_noted_every_five_seconds_and_a_job_that_is_to_stop_stops_there() {
    SLOW_SERVICE.set(TestService::seeded().await).unwrap();
    let service = SLOW_SERVICE.get().unwrap();
    let id = Id::parse("export-1").unwrap();
    let ended = work(&service.app, &[&As(slow)], &tenant(), &id, 0, later()).await.unwrap();
    assert_eq!(ended, Turn::Ended);
    assert_eq!(job(service).await["state"], "CANCELLED");
}

/// Keeps one file more than a job may have.
fn prolific<'a>(work: &'a mut Work<'_>) -> Slicing<'a> {
    Box::pin(async move {
        for number in 0..=MAX_FILES {
            work.keep(format!("{number}.csv"), "csv", "text/csv", Vec::new(), 0).await?;
        }
        Ok(Sliced::Done)
    })
}

#[tokio::test]
async fn a_job_that_makes_too_many_files_fails() {
    let service = TestService::seeded().await;
    let id = Id::parse("export-1").unwrap();
    let ended = work(&service.app, &[&As(prolific)], &tenant(), &id, 0, later()).await.unwrap();
    assert_eq!(ended, Turn::Ended);
    let failed = job(&service).await;
    assert_eq!(
        (&failed["state"], &failed["error"]["status"], &failed["error"]["reason"], &failed["results"]),
        (&json!("FAILED"), &json!("RESOURCE_EXHAUSTED"), &json!("TOO_MANY_FILES"), &json!([]))
    );
    assert_eq!(service.files.all_in_memory().len(), MAX_FILES);
}

#[tokio::test]
async fn the_largest_job_is_an_item() {
    let service = TestService::seeded().await;
    let longest = "x".repeat(MAX_ID_BYTES);
    let text = |bytes: usize| Value::from("x".repeat(bytes - 2));
    let (id, creator) = (Id::parse(&longest).unwrap(), Id::parse(&longest).unwrap());
    let request = Map::from_iter([("a".to_owned(), text(MAX_REQUEST_BYTES - r#"{"a":}"#.len()))]);
    assert_eq!(Value::from(request.clone()).to_string().len(), MAX_REQUEST_BYTES);
    let now = service.app.now().unwrap();
    let job = Job::new(id, JobKind::ExportScorecards, creator, request, text(MAX_CHECKPOINT_BYTES), now);
    #[expect(clippy::disallowed_methods, reason = "a test acts for no caller")]
    let tenant = Tenant::for_maintenance(&longest, &longest).unwrap();
    service.app.store.create_job(&tenant, &job, None).await.unwrap();
    let file = JobFile {
        stored_as: "19999-10-399.ndjson".to_owned(),
        file_name: "scorecards-2016-01-01-2026-01-01-400.ndjson".to_owned(),
        content_type: "text/csv; charset=utf-8".to_owned(),
        size: 99_999_999,
        rows: 1_000_000,
        sha256: "0".repeat(64),
    };
    let warning = format!("'{}' cannot be read", tenant.name_of(&Id::<Scorecard>::parse(&longest).unwrap()));
    let written = service.app.store.change_job(&tenant, &job.id, now, |job, now| {
        job.claim(0, now);
        // A checkpoint has the place of a scorecard too.
        job.go_on_from(text(MAX_CHECKPOINT_BYTES + 3 * MAX_ID_BYTES), now);
        job.files = vec![file.clone(); MAX_FILES];
        job.warnings = vec![warning.clone(); MAX_WARNINGS];
        Ok(true)
    });
    written.await.unwrap();
    let items = service.items().await;
    let item = &items[&format!("{longest}#{longest}#job#{longest} / job")];
    // Some room for the numbers.
    assert!(bytes_of(item) < 400 * 1024 - 1000, "{}", bytes_of(item));
    assert!(bytes_of(item) > 350_000, "it is as large as meant: {}", bytes_of(item));
}

#[tokio::test]
async fn by_hand_a_job_is_done_without_the_stream() {
    let service = TestService::seeded().await;
    three_pages(&service).await;
    let by_hand = event_file("run-job", "by-hand");
    let first = perform(&run_job::TASK, &service.app, by_hand.clone(), Instant::now()).await.unwrap();
    assert_eq!(first["finished"], false, "{first}");
    let last = perform(&run_job::TASK, &service.app, by_hand, later()).await.unwrap();
    assert_eq!(last, json!({"state": "SUCCEEDED", "percent": 100, "finished": true}));
}

#[tokio::test]
async fn scorecards_whose_template_is_gone_from_the_table_are_left_out_and_named() {
    let service = TestService::seeded().await;
    let gone: Vec<_> =
        service.items().await.into_iter().filter(|(key, _)| key.contains("#template#quality /")).collect();
    assert!(!gone.is_empty());
    for (_, item) in gone {
        let delete = service.client().delete_item().table_name(service.table());
        delete.key("PK", item["PK"].clone()).key("SK", item["SK"].clone()).send().await.unwrap();
    }
    turn(&service.app, 0, later()).await.unwrap();
    let done = job(&service).await;
    assert_eq!(
        (&done["state"], &done["skippedCount"], &done["processedCount"]),
        (&json!("SUCCEEDED"), &json!(2), &json!(0))
    );
    assert_eq!(done["warnings"].as_array().unwrap().len(), 2, "{done}");
    assert_eq!(listed_files(&service).await.len(), 1, "without rows");
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_and_named() {
    let service = TestService::seeded().await;
    let mut damaged = service.items().await["acme#support#scorecard#draft-1 / scorecard"].clone();
    damaged.remove("agent");
    service.client().put_item().table_name(service.table()).set_item(Some(damaged)).send().await.unwrap();
    turn(&service.app, 0, later()).await.unwrap();
    let done = job(&service).await;
    assert_eq!(
        (&done["state"], &done["skippedCount"], &done["processedCount"]),
        (&json!("SUCCEEDED"), &json!(1), &json!(1))
    );
    assert!(done["warnings"][0].as_str().unwrap().contains("scorecards/draft-1"), "{done}");
}
