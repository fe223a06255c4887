//! Requests that no route takes, from outside.

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 4] = [
    Case { name: "unknown-path", status: 404, refused: &[] },
    Case { name: "nulls", status: 404, refused: &[] },
    Case { name: "nothing-but-the-caller", status: 404, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("unknown-path", &CASES, Target::Handler(&unknown_path::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("unknown-path", &CASES, Target::Binary(env!("CARGO_BIN_EXE_unknown-path"))).await;
}
