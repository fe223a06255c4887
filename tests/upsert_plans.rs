//! `upsert-plans`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 7] = [
    Case { name: "upserted", status: 200, refused: &[] },
    Case { name: "some-refused", status: 200, refused: &[] },
    Case { name: "no-list", status: 400, refused: &["coachingPlans"] },
    Case { name: "same-name-twice", status: 400, refused: &["coachingPlans"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("upsert-plans", &CASES, Target::Handler(&upsert_plans::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("upsert-plans", &CASES, Target::Binary(env!("CARGO_BIN_EXE_upsert-plans"))).await;
}
