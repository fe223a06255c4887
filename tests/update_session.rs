//! `update-session`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::TimeDelta;
use coaching_tests::{Case, Event, NOW, Target, TestService, plan_name, replay, session_name, usecase_name, user_name};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CASES: [Case; 16] = [
    Case { name: "changed", status: 200, refused: &[] },
    Case { name: "with-a-mask", status: 200, refused: &[] },
    Case { name: "everything", status: 200, refused: &[] },
    Case { name: "unknown-submitter", status: 400, refused: &["coachingSession.managerSubmitterUserName"] },
    Case { name: "unknown-path", status: 400, refused: &["updateMask"] },
    Case { name: "unknown-key", status: 400, refused: &["coachingSession.notes"] },
    Case {
        name: "immutable-fields",
        status: 400,
        refused: &["coachingSession.agentUserName", "coachingSession.usecaseName"],
    },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "coachingSession.sessionTime",
            "coachingSession.meetingNotes",
            "coachingSession.managerSubmitTime",
            "coachingSession.creatorUserName",
        ],
    },
    Case { name: "no-session", status: 400, refused: &["coachingSession"] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "moved-when-submitted", status: 400, refused: &[] },
    Case { name: "submitted-without-notes", status: 400, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("update-session", &CASES, Target::Handler(&update_session::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("update-session", &CASES, Target::Binary(env!("CARGO_BIN_EXE_update-session"))).await;
}

// --- masks, etags, times

fn update(id: &str, session: Value) -> Event {
    Event::new("PATCH", &format!("coachingSessions/{id}")).with_text(&json!({"coachingSession": session}).to_string())
}

async fn read(service: &TestService, id: &str) -> Value {
    service.succeed(&Event::get(&format!("coachingSessions/{id}"))).await["coachingSession"].clone()
}

#[tokio::test]
async fn a_mask_says_what_changes() {
    let service = TestService::seeded().await;
    let sent = json!({"meetingNotes": "new", "privateNotes": "new", "unknown": 1});
    let masked = service.succeed(&update("held-1", sent.clone()).with("updateMask", "meetingNotes")).await;
    assert_eq!(masked["coachingSession"]["meetingNotes"], "new");
    assert_eq!(masked["coachingSession"]["privateNotes"], "Tired.");
    let cleared = service.succeed(&update("held-1", json!({})).with("updateMask", "private_notes")).await;
    assert_eq!(cleared["coachingSession"].get("privateNotes"), None);
    let every = service.succeed(&update("held-1", json!({"meetingNotes": "all"})).with("updateMask", "*")).await;
    assert_eq!(every["coachingSession"]["meetingNotes"], "all");
    assert_eq!(every["coachingSession"].get("sessionTime"), None);
    for (mask, session, field) in [
        ("meetingNotes,notes", json!({}), "updateMask"),
        ("agentUserName", json!({}), "coachingSession.agentUserName"),
        ("*", json!({"coachingPlanName": plan_name("ben-plan")}), "coachingSession.coachingPlanName"),
    ] {
        let refused = service.refused(&update("held-1", session).with("updateMask", mask), 400).await;
        assert_eq!(refused.refused_fields(), [field], "{mask}");
    }
    let whole = read(&service, "held-1").await;
    let again = service.succeed(&update("held-1", whole.clone())).await;
    assert_eq!(again["coachingSession"], whole, "what was read can be sent back, and changes nothing");
}

#[tokio::test]
async fn an_etag_that_no_longer_holds_is_aborted() {
    let service = TestService::seeded().await;
    let before = read(&service, "held-1").await;
    let etag = before["etag"].as_str().unwrap();
    let with = |header: &str| update("held-1", json!({"meetingNotes": header})).with_header("if-match", header);
    service.advance(TimeDelta::seconds(5));
    let first = service.send(&with(&format!("\"{etag}\""))).await;
    assert_eq!((first.status, &first.body["coachingSession"]["meetingNotes"]), (200, &json!(format!("\"{etag}\""))));
    assert_ne!(first.headers["etag"], format!("\"{etag}\""));
    assert_eq!(service.refused(&with(&format!("\"{etag}\"")), 409).await.reason(), "ETAG_MISMATCH");
    assert_eq!(service.refused(&with("etag"), 400).await.refused_fields(), ["If-Match"]);
    let stale = update("held-1", json!({"meetingNotes": "x", "etag": etag}));
    assert_eq!(service.refused(&stale, 409).await.reason(), "ETAG_MISMATCH");
    let deletion = Event::new("DELETE", "coachingSessions/held-1").with("etag", etag);
    assert_eq!(service.refused(&deletion, 409).await.reason(), "ETAG_MISMATCH");
    assert_eq!(service.send(&with("*")).await.status, 200);
}

#[tokio::test]
async fn who_changes_what_moves_whose_time() {
    let service = TestService::seeded().await;
    let before = read(&service, "submitted-1").await;
    service.advance(TimeDelta::seconds(1));
    let by_manager =
        service.succeed(&update("submitted-1", json!({"meetingNotes": "corrected"})).by("manager", "mark")).await;
    let by_manager = &by_manager["coachingSession"];
    assert_eq!(by_manager["managerSubmitterUserName"], user_name("mark"));
    for (field, moved) in [("updateTime", true), ("managerUpdateTime", true), ("agentUpdateTime", false)] {
        assert_eq!(by_manager[field] == "2026-06-01T12:00:01Z", moved, "{field}");
    }
    service.advance(TimeDelta::seconds(1));
    let acknowledge = Event::post("coachingSessions/submitted-1:acknowledge", json!({"acknowledged": true}));
    let by_agent = service.succeed(&acknowledge.by("agent", "ana")).await;
    let by_agent = &by_agent["coachingSession"];
    for field in ["updateTime", "agentUpdateTime", "acknowledgeTime"] {
        assert_eq!(by_agent[field], "2026-06-01T12:00:02Z", "{field}");
    }
    assert_eq!(by_agent["managerUpdateTime"], by_manager["managerUpdateTime"]);
    assert_eq!(by_agent["createTime"], before["createTime"]);
}

#[tokio::test]
async fn times_follow_each_other() {
    let service = TestService::seeded().await;
    // It was created on 05-20 at 09:00, and submitted on 05-26 at 11:00.
    for (id, session, field) in [
        ("held-1", json!({"managerSubmitTime": "2026-05-20T08:59:59Z"}), "managerSubmitTime"),
        ("held-1", json!({"acknowledgeTime": "2026-05-20T08:59:59Z"}), "acknowledgeTime"),
        ("held-1", json!({"managerUpdateTime": "2026-05-20T08:59:59Z"}), "managerUpdateTime"),
        ("held-1", json!({"agentUpdateTime": "2026-05-20T08:59:59Z"}), "agentUpdateTime"),
        ("submitted-1", json!({"acknowledgeTime": "2026-05-26T10:59:59Z"}), "acknowledgeTime"),
        ("submitted-1", json!({"agentSubmitTime": "2026-05-26T10:59:59Z"}), "agentSubmitTime"),
    ] {
        for role in ["service", "admin"] {
            let refused = service.refused(&update(id, session.clone()).by(role, "sync"), 400).await;
            assert_eq!(refused.refused_fields(), [format!("coachingSession.{field}")], "{session}");
        }
    }
    let acknowledged = json!({"acknowledgeTime": "2026-05-27T10:00:00Z"});
    service.succeed(&update("submitted-1", acknowledged).by("service", "sync")).await;
    let later = update("submitted-1", json!({"managerSubmitTime": "2026-05-27T10:00:01Z"})).by("service", "sync");
    let refused = service.refused(&later, 400).await;
    assert_eq!(refused.refused_fields(), ["coachingSession.managerSubmitTime"]);
    let both = json!({"managerSubmitTime": "2026-05-27T10:00:01Z", "acknowledgeTime": "2026-05-28T10:00:00Z"});
    service.succeed(&update("submitted-1", both).by("service", "sync")).await;

    // Managers' clients may send the reference's examples, whatever their dates.
    let dated_back = update("held-1", json!({"managerSubmitTime": "2019-08-24T14:15:22Z"}));
    let submitted = service.succeed(&dated_back).await["coachingSession"].clone();
    assert_eq!(submitted["managerSubmitTime"], NOW);
}

#[tokio::test]
async fn a_session_whose_time_is_to_come_is_not_overdue() {
    let service = TestService::seeded().await;
    let far = json!({"sessionTime": "2099-06-09T15:00:00Z", "meetingNotes": "notes"});
    service.succeed(&update("held-1", far)).await;
    service.succeed(&update("held-1", json!({"managerSubmitTime": "2026-05-21T00:00:00Z"}))).await;
    let after_a_week = read(&service, "held-1").await;
    assert_eq!((&after_a_week["state"], &after_a_week["overdue"]), (&json!("SUBMITTED"), &json!(false)));
    let ids = async |overdue: &str| {
        let list = Event::get("coachingSessions").with("overdue", overdue).with("states", "SUBMITTED");
        let listed = service.succeed(&list).await["coachingSessions"].clone();
        listed.as_array().unwrap().iter().map(|session| session["name"].clone()).collect::<Vec<_>>()
    };
    service.advance(TimeDelta::days(2));
    assert_eq!(ids("true").await, [session_name("submitted-1")]);
    assert_eq!(ids("false").await, [session_name("held-1")]);

    // Submitted before it took place, it is overdue a week after that.
    let meeting = json!({"sessionTime": "2026-06-02T12:00:00Z"});
    service.succeed(&update("held-1", meeting).by("service", "sync")).await;
    service.advance(TimeDelta::days(6) - TimeDelta::seconds(1));
    assert_eq!(read(&service, "held-1").await["overdue"], false);
    service.advance(TimeDelta::seconds(1));
    assert_eq!(read(&service, "held-1").await["overdue"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_at_once_never_lose_one_anothers_fields() {
    let service = TestService::seeded().await;
    let before = service.items().await.len();
    let changes = [
        update("submitted-1", json!({"meetingNotes": "notes of one"})),
        update("submitted-1", json!({"privateNotes": "private notes of another"})),
        update("submitted-1", json!({"managerSubmitTime": "2026-05-26T12:00:00Z"})),
        Event::post("coachingSessions/submitted-1:acknowledge", json!({"agentComment": "mine"})).by("agent", "ana"),
        Event::post("coachingSessions/submitted-1:acknowledge", json!({"submitted": true})).by("agent", "ana"),
    ];
    for answered in join_all(changes.iter().map(|event| service.send(event))).await {
        assert_eq!(answered.status, 200, "{}", answered.body);
    }
    let after = read(&service, "submitted-1").await;
    assert_eq!(after["meetingNotes"], "notes of one");
    assert_eq!(after["privateNotes"], "private notes of another");
    assert_eq!(after["managerSubmitTime"], "2026-05-26T12:00:00Z");
    assert_eq!(after["agentComment"], "mine");
    assert_eq!(after["agentSubmitTime"], NOW);
    assert_eq!(service.items().await.len(), before + changes.len(), "a change each");
}

#[tokio::test]
async fn the_longest_change_fits_into_history() {
    let service = TestService::seeded().await;
    let longest = |text: &str| {
        let text = text.repeat(64 * 1024);
        json!({"meetingNotes": text, "privateNotes": text, "agentComment": text})
    };
    for text in ["x", "\""] {
        let event = update("held-1", longest(text)).by("admin", "root");
        assert_eq!(
            service.succeed(&event).await["coachingSession"]["privateNotes"].as_str().map(str::len),
            Some(64 * 1024)
        );
    }
    let changes = Event::get("changes").with("name", &session_name("held-1")).with("pageSize", "1");
    let answer = service.succeed(&changes).await;
    assert_eq!(answer["changes"][0]["before"]["agentComment"].as_str().map(str::len), Some(64 * 1024));
    assert!(answer["nextPageToken"].is_string());
}

#[tokio::test]
async fn a_session_that_moves_is_counted_where_it_is() {
    let service = TestService::seeded().await;
    let progress = Event::post(
        "coachingProgresses:retrieve",
        json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]}),
    );
    let count = async || {
        let answer = service.succeed(&progress).await;
        let ana = &answer["agentCoachingProgresses"][0];
        (ana["coachingSessionCount"].clone(), ana["lastCoachingSessionTime"].clone())
    };
    assert_eq!(count().await, (json!(2), json!("2026-05-26T10:00:00Z")));
    for (time, counted) in [
        (json!("2026-05-31T10:00:00Z"), (json!(2), json!("2026-05-31T10:00:00Z"))),
        (json!("2026-03-01T10:00:00Z"), (json!(1), json!("2026-05-26T10:00:00Z"))),
        (json!("2026-05-27T10:00:00Z"), (json!(2), json!("2026-05-27T10:00:00Z"))),
        (Value::Null, (json!(2), json!("2026-05-26T10:00:00Z"))),
    ] {
        service.succeed(&update("held-1", json!({"sessionTime": time}))).await;
        assert_eq!(count().await, counted, "moved to {time}");
    }
    service.succeed(&Event::new("DELETE", "coachingSessions/held-1")).await;
    assert_eq!(count().await, (json!(1), json!("2026-05-26T10:00:00Z")));
}

#[tokio::test]
async fn what_it_costs() {
    let service = TestService::seeded().await;
    // Under 1 KB: 2 units each for the item and its history in a transaction, 1 for each of six indexes, and 2 for the
    // index by update time, in which it moves.
    let (_, spent) = service.spending(&update("held-1", json!({"meetingNotes": "x"}))).await;
    assert_eq!((spent.calls, spent.read_units, spent.write_units), (3, 1.5, 12.0));
    let (_, spent) = service.spending(&update("held-1", json!({"meetingNotes": "x"}))).await;
    assert_eq!((spent.calls, spent.read_units, spent.write_units), (2, 1.5, 0.0), "nothing changes");
}
