//! `get-job`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, Target, TestService, event_file, perform, replay};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CASES: [Case; 6] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "cancelled", status: 200, refused: &[] },
    Case { name: "unknown", status: 404, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-job", &CASES, Target::Handler(&get_job::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-job", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-job"))).await;
}

#[tokio::test]
async fn a_job_shows_its_files_for_a_week_and_itself_for_thirty_days() {
    let service = TestService::seeded().await;
    let get = Event::get("jobs/export-1");
    let pending = service.succeed(&get).await["job"].clone();
    assert_eq!((&pending["state"], &pending["results"]), (&json!("PENDING"), &json!([])));
    assert_eq!(pending["request"]["startTime"], "2026-05-01T00:00:00Z");
    let until = Instant::now() + Duration::from_secs(60);
    perform(&run_job::TASK, &service.app, event_file("run-job", "woken"), until).await.unwrap();
    let done = service.succeed(&get).await["job"].clone();
    let [file] = &done["results"].as_array().unwrap()[..] else { panic!("{done}") };
    assert_eq!(
        (&done["state"], &done["progressPercent"], &file["rowCount"]),
        (&json!("SUCCEEDED"), &json!(100), &json!(2))
    );
    assert_eq!(file["uriExpireTime"], "2026-06-01T12:15:00Z");
    assert_eq!(file["expireTime"], "2026-06-08T12:00:00Z");
    service.advance(TimeDelta::minutes(1));
    let again = service.succeed(&get).await["job"]["results"][0]["uri"].clone();
    assert_ne!(again, file["uri"], "a link is made when it is asked for");
    assert_eq!(service.succeed(&Event::get("jobs")).await["jobs"][1]["results"][0].get("uri"), None);

    service.advance(TimeDelta::days(7));
    let expired = service.succeed(&get).await["job"].clone();
    assert_eq!((&expired["results"], &expired["resultsExpired"]), (&json!([]), &json!(true)));
    service.advance(TimeDelta::days(23));
    assert_eq!(service.send(&get).await.status, 404);
    let listed: Vec<Value> = service.succeed(&Event::get("jobs")).await["jobs"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1, "only the job that ends later: {listed:?}");
}
