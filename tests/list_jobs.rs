//! `list-jobs`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, below_support, replay};
use serde_json::{Value, json};

const CASES: [Case; 7] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-kinds", status: 200, refused: &[] },
    Case { name: "by-states", status: 200, refused: &[] },
    Case { name: "bad-parameters", status: 400, refused: &["kinds", "states", "pageSize"] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-jobs", &CASES, Target::Handler(&list_jobs::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-jobs", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-jobs"))).await;
}

#[tokio::test]
async fn filters_let_through_what_they_name_and_pages_are_complete() {
    let service = TestService::seeded().await;
    let names = async |event: Event| {
        let jobs = service.succeed(&event).await;
        jobs["jobs"].as_array().unwrap().iter().map(|job| job["name"].clone()).collect::<Vec<Value>>()
    };
    let [export, cancelled] = ["export-1", "cancelled-1"].map(|id| json!(below_support(&format!("jobs/{id}"))));
    assert_eq!(names(Event::get("jobs")).await, [cancelled.clone(), export.clone()], "of one moment by name");
    assert_eq!(names(Event::get("jobs").with("states", "PENDING")).await, std::slice::from_ref(&export));
    let both = Event::get("jobs").with_query("states=PENDING&states=CANCELLED&kinds=EXPORT_SCORECARDS");
    assert_eq!(names(both).await.len(), 2);
    assert_eq!(names(Event::get("jobs").with("states", "FAILED")).await, [] as [Value; 0]);
    let first = service.succeed(&Event::get("jobs").with("pageSize", "1")).await;
    assert_eq!(first["jobs"][0]["name"], cancelled);
    let next = Event::get("jobs").with("pageSize", "1").with("pageToken", first["nextPageToken"].as_str().unwrap());
    let next = service.succeed(&next).await;
    assert_eq!((&next["jobs"][0]["name"], next.get("nextPageToken")), (&export, None));
}
