//! Throttling, conflicts and lost answers, which the embedded DynamoDB does not have by itself.

use coaching_tests::{Answered, Event, Fault, TestService, answer, plan_name, usecase_name, user_name};
use serde_json::json;

async fn service() -> TestService {
    let service = TestService::start().await;
    service.plan("ana-plan", "ana").await;
    service
}

fn create() -> Event {
    let session = json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "usecaseName": usecase_name("care"),
    });
    Event::post("coachingSessions", session)
}

/// Answers `event` with `faults` on the way, and says how many did not happen.
async fn with_faults(service: &TestService, event: &Event, faults: Vec<Fault>) -> (Answered, usize) {
    let (app, faulty) = service.behind_faults().await;
    faulty.inject(faults);
    let answered = answer(event.operation(), &app, event.to_json()).await;
    (answered, faulty.left())
}

#[tokio::test]
async fn a_transaction_that_meets_another_is_tried_again() {
    let service = service().await;
    let before = service.items().await.len();
    let conflict = Fault::cancelled(&["None", "TransactionConflict"]);
    let (answered, left) = with_faults(&service, &create(), vec![conflict; 4]).await;
    assert_eq!((answered.status, left), (200, 0), "{}", answered.body);
    assert_eq!(
        service.items().await.len(),
        before + 3,
        "the session, its first change, and its place in the statistics"
    );
}

#[tokio::test]
async fn a_transaction_that_keeps_meeting_others_is_aborted() {
    let service = service().await;
    let before = service.items().await;
    let conflict = Fault::cancelled(&["TransactionConflict", "None"]);
    let (answered, left) = with_faults(&service, &create(), vec![conflict; 100]).await;
    answered.assert_is_error();
    assert_eq!((answered.status, answered.body["status"].as_str()), (409, Some("ABORTED")));
    assert_eq!(100 - left, 6, "tries");
    assert_eq!(service.items().await, before);
}

#[tokio::test]
async fn a_throttled_table_is_unavailable() {
    for faults in [
        vec![Fault::cancelled(&["ThrottlingError", "TransactionConflict"])],
        vec![Fault::throttled(); 3],
        vec![Fault::internal(); 3],
    ] {
        let service = service().await;
        let before = service.items().await;
        let (answered, left) = with_faults(&service, &create(), faults).await;
        answered.assert_is_error();
        assert_eq!((answered.status, left), (503, 0), "{}", answered.body);
        assert_eq!(answered.headers["retry-after"], "1");
        assert_eq!(service.items().await, before);
    }
    let service = service().await;
    let (answered, _) = with_faults(&service, &Event::get("coachingSessions"), vec![Fault::throttled(); 3]).await;
    assert_eq!(answered.status, 503);
}

#[tokio::test]
async fn a_passing_fault_is_not_seen() {
    let service = service().await;
    let (answered, left) = with_faults(&service, &create(), vec![Fault::throttled(), Fault::internal()]).await;
    assert_eq!((answered.status, left), (200, 0), "{}", answered.body);
}

#[tokio::test]
async fn an_answer_lost_after_the_write_creates_one_session() {
    let service = service().await;
    let before = service.items().await.len();
    let (answered, left) = with_faults(&service, &create(), vec![Fault::AnswerLost, Fault::AnswerLost]).await;
    assert_eq!((answered.status, left), (200, 0), "{}", answered.body);
    assert_eq!(
        service.items().await.len(),
        before + 3,
        "the session, its first change, and its place in the statistics"
    );
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_unavailable() {
    let service = service().await;
    let (app, faulty) = service.behind_faults().await;
    faulty.inject(vec![Fault::AnswerLost; 10]);
    let event = create();
    let answered = answer(event.operation(), &app, event.to_json()).await;
    answered.assert_is_error();
    assert_eq!(answered.status, 503);
    faulty.clear();
    let event = event.with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let answered = answer(event.operation(), &app, event.to_json()).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
}
