//! `cancel-job`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, event_file, perform, replay};
use serde_json::json;
use std::time::{Duration, Instant};

const CASES: [Case; 10] = [
    Case { name: "again", status: 200, refused: &[] },
    Case { name: "cancelled", status: 200, refused: &[] },
    Case { name: "by-the-service", status: 200, refused: &[] },
    Case { name: "by-another-manager", status: 403, refused: &[] },
    Case { name: "unknown", status: 404, refused: &[] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("cancel-job", &CASES, Target::Handler(&cancel_job::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("cancel-job", &CASES, Target::Binary(env!("CARGO_BIN_EXE_cancel-job"))).await;
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_a_repeat_changes_nothing() {
    let service = TestService::seeded().await;
    let cancel = Event::post("jobs/export-1:cancel", json!({}));
    let cancelled = service.succeed(&cancel).await;
    assert_eq!(cancelled["job"]["state"], "CANCELLED");
    let items = service.items().await;
    assert_eq!(service.succeed(&cancel).await, cancelled);
    assert_eq!(service.items().await, items);
    // The stream tells of it late.
    let until = Instant::now() + Duration::from_secs(60);
    perform(&run_job::TASK, &service.app, event_file("run-job", "woken"), until).await.unwrap();
    assert_eq!(service.items().await, items);
}

#[tokio::test]
async fn a_job_that_is_done_is_not_cancelled() {
    let service = TestService::seeded().await;
    let until = Instant::now() + Duration::from_secs(60);
    perform(&run_job::TASK, &service.app, event_file("run-job", "by-hand"), until).await.unwrap();
    let refused = service.refused(&Event::post("jobs/export-1:cancel", json!({})), 400).await;
    assert_eq!(refused.reason(), "JOB_FINISHED");
}
