//! `list-scorecards`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, replay};

const CASES: [Case; 6] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "narrowed", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "bad-parameters", status: 400, refused: &["startSubmitTime", "orderBy", "pageSize"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-scorecards", &CASES, Target::Handler(&list_scorecards::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-scorecards", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-scorecards"))).await;
}

#[tokio::test]
async fn a_range_that_ends_before_it_starts_is_refused() {
    let service = TestService::start().await;
    for (start, end) in [("startSubmitTime", "endSubmitTime"), ("startUpdateTime", "endUpdateTime")] {
        let range = |from: &str, until: &str| Event::get("scorecards").with(start, from).with(end, until);
        let from = "2026-06-01T15:00:00Z";
        for until in ["2026-06-01T15:00:00Z", "2026-06-01T10:00:00Z", "2026-05-31T23:00:00Z"] {
            assert_eq!(service.refused(&range(from, until), 400).await.refused_fields(), [end], "{until}");
        }
        service.succeed(&range(from, "2026-06-01T15:00:00.000000001Z")).await;
    }
}
