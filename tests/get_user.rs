//! `get-user`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, merge, plan_name, replay, session_name, user, user_name};
use serde_json::{Value, json};

const CASES: [Case; 10] = [
    Case { name: "found", status: 200, refused: &[] },
    Case { name: "oneself", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleague", status: 403, refused: &[] },
    Case { name: "a-coach-by-their-agent", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-manager-who-never-coached-them", status: 403, refused: &[] },
    Case { name: "of-one-profile", status: 200, refused: &[] },
    Case { name: "of-another-profile", status: 404, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("get-user", &CASES, Target::Handler(&get_user::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("get-user", &CASES, Target::Binary(env!("CARGO_BIN_EXE_get-user"))).await;
}

fn read(user: &str) -> Event {
    Event::get("").to(&format!("/v1/customers/acme/users/{user}"))
}

#[tokio::test]
async fn an_agent_reads_the_name_of_their_coach_and_nothing_else_of_them() {
    let service = TestService::start().await;
    let by_ana = |user: &str, profiles: &str| read(user).by("agent", "ana").with_claim("profiles", json!(profiles));
    for profiles in ["*", "support", "sales support"] {
        service.refused(&by_ana("maria", profiles), 403).await;
    }
    service.plan("ana-plan", "ana").await;
    let whole = service.succeed(&read("maria")).await["user"].clone();
    for profiles in ["*", "support", "sales support"] {
        let coach = service.succeed(&by_ana("maria", profiles)).await["user"].clone();
        let name = json!({"name": user_name("maria"), "displayName": whole["displayName"], "etag": whole["etag"]});
        assert_eq!(coach, name, "{profiles}");
    }
    // Another profile, another agent, and those who never coached her.
    let gone = service.refused(&by_ana("gone", "support"), 403).await;
    for event in [
        by_ana("maria", "sales"),
        by_ana("maria", ""),
        read("maria").by("agent", "ben"),
        by_ana("mark", "*"),
        by_ana("ben", "*"),
    ] {
        let refused = service.refused(&event, 403).await;
        assert_eq!(refused.body["details"][0]["reason"], gone.body["details"][0]["reason"]);
    }
    let session = json!({
        "name": session_name("by-mark"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("mark"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    service.succeed(&Event::post("coachingSessions", session).by("manager", "mark")).await;
    assert_eq!(service.succeed(&by_ana("mark", "*")).await["user"]["displayName"], "mark");
    service.refused(&by_ana("max", "*"), 403).await;
}

#[tokio::test]
async fn a_caller_of_some_profiles_reads_who_works_there_and_no_other_profile() {
    let service = TestService::start().await;
    let (support, sales) = ("customers/acme/profiles/support", "customers/acme/profiles/sales");
    let users = [("both", vec![sales, support]), ("elsewhere", vec![sales]), ("everywhere", vec![])];
    let users: Vec<Value> = users
        .into_iter()
        .map(|(id, profiles)| {
            let mut user = user(id);
            merge(&mut user, json!({"profileNames": profiles}));
            user
        })
        .collect();
    let load = Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    for role in ["manager", "service", "admin"] {
        let confined = |user: &str| read(user).by(role, "mike").with_claim("profiles", json!("support"));
        for (user, profiles) in [("both", json!([support])), ("everywhere", json!([]))] {
            assert_eq!(service.succeed(&confined(user)).await["user"]["profileNames"], profiles, "{role}");
        }
        let refused = service.refused(&confined("elsewhere"), 404).await;
        let none = service.refused(&confined("elsewhere-2"), 404).await;
        let text = |body: &Value| body["message"].as_str().unwrap().replace("elsewhere-2", "elsewhere");
        assert_eq!(text(&refused.body), text(&none.body), "{role}");
    }
    // Of themselves they read all: a list without other profiles could be empty, which means all.
    let own =
        service.succeed(&read("elsewhere").by("agent", "elsewhere").with_claim("profiles", json!("support"))).await;
    assert_eq!(own["user"]["profileNames"], json!([sales]));
}
