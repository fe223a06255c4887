//! `upsert-scorecards`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "all-taken", status: 200, refused: &[] },
    Case { name: "each-by-itself", status: 200, refused: &[] },
    Case { name: "nothing", status: 400, refused: &["scorecards"] },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-scorecards", &CASES, Target::Handler(&upsert_scorecards::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-scorecards", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-scorecards"))).await;
}
