//! `create-comment`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, plan_name, replay, session_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 20] = [
    Case { name: "created", status: 200, refused: &[] },
    Case { name: "everything", status: 200, refused: &[] },
    Case { name: "by-the-agent", status: 200, refused: &[] },
    Case { name: "without-a-plan", status: 200, refused: &[] },
    Case { name: "about-a-colleagues-plan", status: 403, refused: &[] },
    Case { name: "in-anothers-name", status: 400, refused: &["creatorUserName"] },
    Case { name: "an-agent-without-a-plan", status: 400, refused: &["coachingPlanName"] },
    Case { name: "unknown-plan", status: 400, refused: &[] },
    Case { name: "name-taken", status: 409, refused: &[] },
    Case { name: "missing-fields", status: 400, refused: &["creatorUserName", "message"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseName"] },
    Case { name: "in-a-thread", status: 200, refused: &[] },
    Case { name: "in-another-plans-thread", status: 400, refused: &["thread"] },
    Case { name: "an-agent-in-another-plans-thread", status: 400, refused: &["thread"] },
    Case { name: "an-agent-in-no-thread", status: 400, refused: &["thread"] },
    Case { name: "an-agent-with-a-name", status: 400, refused: &["name"] },
    Case { name: "unknown-user", status: 400, refused: &["taggedUsers"] },
    Case { name: "another-agents-session", status: 400, refused: &["linkedSessionNotes"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-comment", &CASES, Target::Handler(&create_comment::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-comment", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-comment"))).await;
}

fn comment(more: Value) -> Event {
    let mut comment = json!({
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "message": "How did it go?",
    });
    merge(&mut comment, more);
    Event::post("coachingComments", comment)
}

#[tokio::test]
async fn a_thread_stays_with_the_plan_whose_comment_began_it() {
    let service = TestService::seeded().await;
    let by_ana = json!({"creatorUserName": user_name("ana")});
    let by_ben = json!({"creatorUserName": user_name("ben"), "coachingPlanName": plan_name("ben-plan")});
    let begun = service.succeed(&comment(by_ben.clone()).by("agent", "ben")).await["coachingComment"].clone();
    let of_ben = begun["thread"].as_str().unwrap();
    assert_eq!(begun["name"], below_support(&format!("coachingComments/{of_ben}")), "named by its first comment");

    let answered_in = |thread: &str, more: &Value| {
        let mut fields = more.clone();
        fields["thread"] = thread.into();
        comment(fields)
    };
    let mut told = Vec::new();
    for thread in [of_ben, "nothing", "no id of a comment"] {
        let refused = service.refused(&answered_in(thread, &by_ana).by("agent", "ana"), 400).await;
        assert_eq!(refused.refused_fields(), ["thread"], "{thread}");
        told.push(refused.body["message"].clone());
        service.refused(&answered_in(thread, &json!({})), 400).await;
    }
    assert!(told.iter().all(|message| *message == told[0]), "another's thread is told apart from none: {told:?}");

    let answer = service.succeed(&answered_in(of_ben, &by_ben).by("agent", "ben")).await["coachingComment"].clone();
    assert_eq!(answer["thread"], of_ben);
    // A comment that answers another starts no thread.
    let id = answer["name"].as_str().unwrap().rsplit('/').next().unwrap();
    service.refused(&answered_in(id, &by_ben).by("agent", "ben"), 400).await;
    let listed = service.succeed(&Event::get("coachingComments").with("threadIds", of_ben)).await;
    let comments = listed["coachingComments"].as_array().unwrap();
    assert_eq!(comments.len(), 2);
    assert!(comments.iter().all(|comment| comment["coachingPlanName"] == plan_name("ben-plan")), "{listed}");

    // Callers who choose the name of a first comment choose the same id for its thread.
    let named = json!({"name": below_support("coachingComments/week-3"), "thread": "week-3"});
    assert_eq!(service.succeed(&comment(named)).await["coachingComment"]["thread"], "week-3");
    service.succeed(&answered_in("week-3", &by_ana).by("agent", "ana")).await;
    // A thread about no plan consists of comments about no plan.
    let about_none = json!({"coachingPlanName": null, "name": below_support("coachingComments/in-general")});
    service.succeed(&comment(about_none)).await;
    service.refused(&answered_in("in-general", &json!({})), 400).await;
    service.succeed(&answered_in("in-general", &json!({"coachingPlanName": null}))).await;
    service.refused(&answered_in("week-3", &json!({"coachingPlanName": null})), 400).await;
}

#[tokio::test]
async fn sessions_of_a_colleague_and_none_are_told_in_the_same_words() {
    let service = TestService::seeded().await;
    let linking = |session: &str| {
        let more = json!({
            "creatorUserName": user_name("ben"),
            "coachingPlanName": plan_name("ben-plan"),
            "linkedSessionNotes": [session_name(session)],
        });
        comment(more).by("agent", "ben")
    };
    let mut told = Vec::new();
    for session in ["held-1", "nothing"] {
        let before = service.calls();
        let refused = service.refused(&linking(session), 400).await;
        let calls = service.calls() - before;
        told.push((refused.body["message"].as_str().unwrap().replace(session, "it"), calls));
    }
    assert_eq!(told[0], told[1]);
    let own = json!({"linkedSessionNotes": [session_name("held-1")]});
    service.succeed(&comment(own)).await;
}

#[tokio::test]
async fn importers_write_in_the_name_of_users_whom_the_directory_knows() {
    let service = TestService::seeded().await;
    let by = |user: &str| comment(json!({"creatorUserName": user_name(user)})).by("service", "sync@acme");
    assert_eq!(service.refused(&by("nobody"), 400).await.refused_fields(), ["creatorUserName"]);
    service.succeed(&by("ana")).await;
    service.succeed(&by("sync@acme")).await;
}
