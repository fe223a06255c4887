//! `list-templates`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Target, replay};

const CASES: [Case; 8] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "by-include-deactivated", status: 200, refused: &[] },
    Case { name: "by-include-deleted", status: 200, refused: &[] },
    Case { name: "of-a-usecase", status: 200, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["includeDeactivated", "showDeleted"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-templates", &CASES, Target::Handler(&list_templates::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-templates", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-templates"))).await;
}
