//! `acknowledge-session`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 14] = [
    Case { name: "acknowledged", status: 200, refused: &[] },
    Case { name: "only-a-comment", status: 200, refused: &[] },
    Case { name: "for-the-agent", status: 200, refused: &[] },
    Case { name: "not-submitted", status: 400, refused: &[] },
    Case { name: "a-colleagues", status: 403, refused: &[] },
    Case { name: "an-agent-after-nothing", status: 403, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "by-a-manager", status: 403, refused: &[] },
    Case { name: "nothing-said", status: 400, refused: &["acknowledged"] },
    Case { name: "bad-fields", status: 400, refused: &["agentComment", "acknowledged"] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "no-verb", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("acknowledge-session", &CASES, Target::Handler(&acknowledge_session::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("acknowledge-session", &CASES, Target::Binary(env!("CARGO_BIN_EXE_acknowledge-session"))).await;
}
