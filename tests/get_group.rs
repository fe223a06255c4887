//! `get-group`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 8] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "by-a-member", status: 200, refused: &[] },
    Case { name: "by-its-manager-of-one-profile", status: 200, refused: &[] },
    Case { name: "by-another-manager-of-one-profile", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-group", &CASES, Target::Handler(&get_group::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-group", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-group"))).await;
}
