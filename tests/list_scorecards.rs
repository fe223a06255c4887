//! `list-scorecards`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, below_support, replay, user_name};
use serde_json::{Value, json};

const CASES: [Case; 18] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-agent-user-name", status: 200, refused: &[] },
    Case { name: "by-start-submit-time", status: 200, refused: &[] },
    Case { name: "by-end-submit-time", status: 200, refused: &[] },
    Case { name: "by-start-update-time", status: 200, refused: &[] },
    Case { name: "by-end-update-time", status: 200, refused: &[] },
    Case { name: "by-coaching-plan-names", status: 200, refused: &[] },
    Case { name: "by-conversation-names", status: 200, refused: &[] },
    Case { name: "by-creator-user-names", status: 200, refused: &[] },
    Case { name: "by-submitter-user-names", status: 200, refused: &[] },
    Case { name: "by-template-name", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "by-order-by", status: 200, refused: &[] },
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

#[tokio::test]
async fn an_agents_pages_tell_nothing_of_drafts() {
    let service = TestService::seeded().await;
    let scorecard = |number: usize| {
        let submit_time = number.is_multiple_of(3).then_some("2026-05-21T10:00:00Z");
        json!({
            "name": below_support(&format!("scorecards/more-{number}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ana"),
            "templateName": below_support("scorecardTemplates/quality"),
            "createTime": format!("2026-05-20T09:00:{number:02}Z"),
            "submitTime": submit_time,
        })
    };
    let scorecards: Vec<Value> = (0..30).map(scorecard).collect();
    let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards}));
    service.succeed(&load.by("service", "sync@acme")).await;
    let mut pages = Vec::new();
    let mut page_token = String::new();
    loop {
        let event = Event::get("scorecards").with("pageSize", "3").with("pageToken", &page_token);
        let answered = service.succeed(&event.by("agent", "ana")).await;
        let page = answered["scorecards"].as_array().unwrap().clone();
        assert!(page.iter().all(|scorecard| scorecard["submitTime"].is_string()), "{answered}");
        pages.push(page.len());
        match answered["nextPageToken"].as_str() {
            Some(token) => page_token = token.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, [3, 3, 3, 2], "ten of these, and the one that was there");
    let all = service.succeed(&Event::get("scorecards").with("pageSize", "100")).await;
    assert_eq!(all["scorecards"].as_array().unwrap().len(), 32);
}
