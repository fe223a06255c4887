//! `get-scorecard`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, replay};

const CASES: [Case; 7] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "an-agent-after-a-draft", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-scorecard", &CASES, Target::Handler(&get_scorecard::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-scorecard", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-scorecard"))).await;
}

#[tokio::test]
async fn nothing_more_is_done_for_a_scorecard_that_is_hidden_than_for_none() {
    let service = TestService::seeded().await;
    let mut answers = Vec::new();
    for (id, agent) in [("nothing", "ana"), ("draft-1", "ana"), ("submitted-1", "ben"), ("draft-1", "ben")] {
        let (answered, spent) = service.spending(&Event::get(&format!("scorecards/{id}")).by("agent", agent)).await;
        assert_eq!(answered.status, 403, "{id}: {}", answered.body);
        answers.push((answered.body.to_string().replace(id, "it"), spent.calls));
    }
    for answer in &answers {
        assert_eq!(answer.1, answers[0].1, "{answer:?}");
        assert!(answer.0.contains("PERMISSION_DENIED"));
    }
}
