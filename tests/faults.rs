//! Throttling, conflicts and lost answers, which the embedded DynamoDB does not produce by itself.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coaching_edge::App;
use coaching_tests::{
    Answered, Event, Fault, TestService, answer, below_support, create_session, perform, plan_name, session_name,
    usecase_name, user_name,
};
use serde_json::{Value, json};

async fn service() -> TestService {
    let service = TestService::start().await;
    service.usecase().await;
    service.plan_with("ana-plan", "ana", json!({"usecaseName": usecase_name("care")})).await;
    service
}

/// The outcome of the call before a creation's write, which reads the people that it names from the directory.
const READ_FIRST: [Fault; 1] = [Fault::Passed];

/// Answers `event` with `faults` on the way, for a creation from its write on, and returns how many did not happen.
async fn with_faults(service: &TestService, event: &Event, faults: Vec<Fault>) -> (Answered, usize) {
    let (app, faulty) = service.behind_faults().await;
    if event.operation().name == "create-session" {
        faulty.inject(READ_FIRST);
    }
    faulty.inject(faults);
    let answered = answer(event.operation(), &app, event.to_json()).await;
    (answered, faulty.left())
}

#[tokio::test]
async fn a_transaction_that_meets_another_is_tried_again() {
    let service = service().await;
    let before = service.items().await.len();
    let conflict = Fault::cancelled(&["None", "TransactionConflict"]);
    let (answered, left) = with_faults(&service, &create_session(), vec![conflict; 4]).await;
    assert_eq!((answered.status, left), (200, 0), "{}", answered.body);
    assert_eq!(service.items().await.len(), before + 3, "the session, its first change and its mark");
}

#[tokio::test]
async fn a_transaction_that_keeps_meeting_others_is_aborted() {
    let service = service().await;
    let before = service.items().await;
    let conflict = Fault::cancelled(&["TransactionConflict", "None"]);
    let (answered, left) = with_faults(&service, &create_session(), vec![conflict; 100]).await;
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
        let (answered, left) = with_faults(&service, &create_session(), faults).await;
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
async fn a_failure_without_dynamodbs_code_is_unavailable() {
    for status in [500, 502, 503, 504] {
        let service = service().await;
        let before = service.items().await;
        let bare = Fault::Refused(status, json!("upstream failure"));
        let (answered, left) = with_faults(&service, &create_session(), vec![bare; 3]).await;
        answered.assert_is_error();
        assert_eq!((answered.status, left), (503, 0), "{status}: {}", answered.body);
        assert_eq!(service.items().await, before);
    }
}

#[tokio::test]
async fn a_condition_that_failed_beside_a_conflict_is_not_the_answer() {
    let service = service().await;
    let mut session = json!({
        "name": "customers/acme/profiles/support/coachingSessions/named",
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "usecaseName": usecase_name("care"),
    });
    let create = |session: &Value| {
        Event::post("coachingSessions", session.clone()).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a12")
    };
    let created = service.send(&create(&session)).await;
    assert_eq!(created.status, 200);
    let before = service.items().await;
    for places in 2..5 {
        for met in 0..places {
            let mut reasons = vec!["ConditionalCheckFailed"; places];
            reasons[met] = "TransactionConflict";
            let (again, left) = with_faults(&service, &create(&session), vec![Fault::cancelled(&reasons)]).await;
            assert_eq!((again.status, &again.body, left), (200, &created.body, 0), "{reasons:?}");
            reasons[met] = "ThrottlingError";
            let (again, _) = with_faults(&service, &create(&session), vec![Fault::cancelled(&reasons)]).await;
            assert_eq!((again.status, &again.body), (200, &created.body), "{reasons:?}: a repeat is answered still");
            let another = create_session().with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a13");
            let (another, _) = with_faults(&service, &another, vec![Fault::cancelled(&reasons)]).await;
            assert_eq!(another.status, 503, "{reasons:?}: {}", another.body);
        }
    }
    session["meetingNotes"] = json!("another body");
    let (other, _) =
        with_faults(&service, &create(&session), vec![Fault::cancelled(&["TransactionConflict", "None"])]).await;
    assert_eq!(other.status, 400, "{}", other.body);
    assert_eq!(service.items().await, before);
}

#[tokio::test]
async fn a_request_that_is_not_answered_in_time_says_so_and_can_be_repeated() {
    let service = service().await;
    let (app, faulty) = service.behind_faults().await;
    let app = App { answer_within: Duration::from_millis(300), ..app };
    faulty.inject(READ_FIRST);
    faulty.inject([Fault::Unanswered]);
    let event = create_session().with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a13");
    let late = answer(event.operation(), &app, event.to_json()).await;
    late.assert_is_error();
    assert_eq!((late.status, late.reason()), (503, "OUT_OF_TIME"));
    assert_eq!(late.headers["retry-after"], "1");
    let written = service.items().await;
    assert_eq!(service.send(&event).await.status, 200);
    assert_eq!(service.items().await, written, "the first did it, and the repeat answers what it did");
}

#[tokio::test]
async fn a_change_of_a_scorecard_that_another_overtook_is_made_after_it() {
    let scores = |value: u8| json!({"scores": [{"criterionId": "greeting", "numericValue": value}]});
    let update = |fields: Value| {
        Event::new("PATCH", "scorecards/submitted-1").with_text(&json!({"scorecard": fields}).to_string())
    };
    for change in [update(scores(4)), Event::post("scorecards/submitted-1:reset", json!({}))] {
        let service = TestService::seeded().await;
        let (app, faulty) = service.behind_faults().await;
        let reading = Event::get("scorecards/submitted-1");
        assert_eq!(answer(reading.operation(), &app, reading.to_json()).await.status, 200);
        let overtaking = service.succeed(&update(scores(5))).await;
        // The change reads the old scorecard, and then statistics that no longer contain it.
        faulty.inject([Fault::Overtaken]);
        let changed = answer(change.operation(), &app, change.to_json()).await;
        assert_eq!((changed.status, faulty.left()), (200, 0), "{}", changed.body);
        let after = service.succeed(&reading).await;
        assert_ne!(after["scorecard"]["etag"], overtaking["scorecard"]["etag"]);
        let event = json!({"customer": "acme", "profile": "support"});
        let until = Instant::now() + Duration::from_secs(60);
        service.advance(TimeDelta::minutes(2));
        let recounted = perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap();
        assert_eq!(recounted["differenceCount"], 0, "{recounted}");
    }
}

#[tokio::test]
async fn a_change_of_a_record_that_was_deleted_and_created_again_meanwhile_changes_the_new_one() {
    let session = |time: &str| {
        json!({
            "name": session_name("again"),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
            "usecaseName": usecase_name("care"),
            "sessionTime": time,
            "meetingNotes": time,
            "createTime": "2026-03-01T09:00:00Z",
            "updateTime": "2026-03-01T09:00:00Z",
        })
    };
    let scorecard = |time: &str| {
        json!({
            "name": below_support("scorecards/again"),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ana"),
            "templateName": below_support("scorecardTemplates/quality"),
            "usecaseName": usecase_name("care"),
            "scores": [{"criterionId": "greeting", "numericValue": if time < "2026-04" { 1 } else { 4 }}],
            "createTime": "2026-03-01T09:00:00Z",
            "submitTime": time,
            "updateTime": "2026-06-01T09:00:00Z",
        })
    };
    let plan = |time: &str| {
        json!({
            "name": plan_name("again"),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "isActive": false,
            "comment": time,
            "createTime": "2026-03-01T09:00:00Z",
            "updateTime": "2026-03-01T09:00:00Z",
        })
    };
    let (first, second) = ("2026-03-20T10:00:00Z", "2026-05-20T10:00:00Z");
    for (path, kind, new, changed, kept, reads) in [
        ("coachingSessions", "coachingSession", [session(first), session(second)], "privateNotes", "sessionTime", 2),
        ("scorecards", "scorecard", [scorecard(first), scorecard(second)], "comment", "submitTime", 1),
        ("coachingPlans", "coachingPlan", [plan(first), plan(second)], "displayName", "comment", 1),
    ] {
        let service = TestService::seeded().await;
        let (app, faulty) = service.behind_faults().await;
        let (one, import) =
            (format!("{path}/again"), |body: &Value| Event::post(path, body.clone()).by("service", "importer"));
        service.succeed(&import(&new[0])).await;
        let reading = Event::get(&one);
        assert_eq!(answer(reading.operation(), &app, reading.to_json()).await.status, 200, "{path}");
        service.succeed(&Event::new("DELETE", &one).by("admin", "boss")).await;
        service.advance(TimeDelta::milliseconds(1));
        service.succeed(&import(&new[1])).await;
        // The change reads the deleted record.
        faulty.inject(vec![Fault::Overtaken; reads]);
        let update = Event::new("PATCH", &one).with_text(&json!({kind: {changed: "Changed."}}).to_string());
        let answered = answer(update.operation(), &app, update.to_json()).await;
        assert_eq!((answered.status, faulty.left()), (200, 0), "{path}: {}", answered.body);
        let now = service.succeed(&reading).await;
        assert_eq!((&now[kind][kept], &now[kind][changed]), (&new[1][kept], &json!("Changed.")), "{path}: {now}");
        let event = json!({"customer": "acme", "profile": "support"});
        let until = Instant::now() + Duration::from_secs(60);
        service.advance(TimeDelta::minutes(2));
        let recounted = perform(&rebuild_statistics::TASK, &service.app, event, until).await.unwrap();
        let found = ["differenceCount", "activityDifferenceCount", "recordDifferenceCount"].map(|of| &recounted[of]);
        assert_eq!(found, [&json!(0); 3], "{path}: {recounted}");
    }
}

#[tokio::test]
async fn a_session_that_another_moved_meanwhile_is_counted_once() {
    let service = TestService::seeded().await;
    let (app, faulty) = service.behind_faults().await;
    let path = "coachingSessions/held-1";
    let move_to = |time: &str| {
        Event::new("PATCH", path).with_text(&json!({"coachingSession": {"sessionTime": time}}).to_string())
    };
    let reading = Event::get(path);
    assert_eq!(answer(reading.operation(), &app, reading.to_json()).await.status, 200);
    service.succeed(&move_to("2026-03-20T10:00:00Z")).await;
    // The change reads where the session was before, and is refused both for its version and for where it is counted.
    faulty.inject([Fault::Overtaken, Fault::Overtaken]);
    let moved =
        answer(move_to("2026-05-30T10:00:00Z").operation(), &app, move_to("2026-05-30T10:00:00Z").to_json()).await;
    assert_eq!((moved.status, faulty.left()), (200, 0), "{}", moved.body);
    let items = service.items().await;
    let counting: Vec<&String> =
        items.iter().filter(|(_, item)| item.contains_key("held#held-1")).map(|(key, _)| key).collect();
    assert_eq!(counting, ["acme#support#statistics#care#05 / 2026-05#ana"]);
}

#[test]
fn each_timeout_is_longer_than_what_it_holds() {
    let in_template = |after: &str| {
        let (_, rest) = coaching_local::TEMPLATE.split_once(after).unwrap();
        let timeout = rest.lines().find_map(|line| line.trim().strip_prefix("Timeout: "));
        Duration::from_secs(timeout.unwrap().parse().unwrap())
    };
    let gateway = Duration::from_secs(30);
    let of_calls = coaching_edge::timeouts();
    let of_function = |timeout: Duration| {
        vec![
            of_calls.connect_timeout().unwrap(),
            of_calls.operation_attempt_timeout().unwrap(),
            of_calls.operation_timeout().unwrap(),
            timeout - coaching_edge::TIME_TO_REFUSE,
            timeout,
            gateway,
        ]
    };
    let client = coaching_local::client_at("http://127.0.0.1:9");
    let of_its_calls = client.config().timeout_config().unwrap();
    let one_machine = vec![of_its_calls.operation_timeout().unwrap(), coaching_local::ANSWER_WITHIN, gateway];
    let functions = ["Globals:", "\n  RetrieveProgressFunction:"].map(|function| of_function(in_template(function)));
    for nested in functions.into_iter().chain([one_machine]) {
        assert!(nested.is_sorted_by(|held, holds| held < holds), "{nested:?}");
    }
}

#[tokio::test]
async fn a_write_that_is_late_takes_effect_once() {
    for late in [Fault::ReachedLate, Fault::Unanswered] {
        let service = service().await;
        let before = service.items().await.len();
        let (app, faulty) = service.behind_late_answers().await;
        faulty.inject(READ_FIRST);
        faulty.inject([late]);
        let event = create_session();
        let answered = answer(event.operation(), &app, event.to_json()).await;
        assert_eq!((answered.status, faulty.left()), (200, 0), "{}", answered.body);
        faulty.calm().await;
        assert_eq!(service.items().await.len(), before + 3, "the session, its first change and its mark");
    }
}

#[tokio::test]
async fn a_passing_fault_is_not_seen() {
    let service = service().await;
    let (answered, left) = with_faults(&service, &create_session(), vec![Fault::throttled(), Fault::internal()]).await;
    assert_eq!((answered.status, left), (200, 0), "{}", answered.body);
}

#[tokio::test]
async fn an_answer_lost_after_the_write_creates_one_session() {
    let service = service().await;
    let before = service.items().await.len();
    let (answered, left) = with_faults(&service, &create_session(), vec![Fault::AnswerLost, Fault::AnswerLost]).await;
    assert_eq!((answered.status, left), (200, 0), "{}", answered.body);
    assert_eq!(service.items().await.len(), before + 3, "the session, its first change and its mark");
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_unavailable() {
    let service = service().await;
    let (app, faulty) = service.behind_faults().await;
    faulty.inject(vec![Fault::AnswerLost; 10]);
    let event = create_session();
    let answered = answer(event.operation(), &app, event.to_json()).await;
    answered.assert_is_error();
    assert_eq!(answered.status, 503);
    faulty.clear();
    let event = event.with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let answered = answer(event.operation(), &app, event.to_json()).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
}
