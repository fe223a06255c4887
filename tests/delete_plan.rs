//! `delete-plan`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use coaching_tests::{
    Case, Event, Fault, Target, TestService, answer, below_support, killed_after, plan_name, replay, session_name,
    usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 10] = [
    Case { name: "with-what-hangs-on-it", status: 200, refused: &[] },
    Case { name: "by-an-admin", status: 200, refused: &[] },
    Case { name: "nothing-hangs-on-it", status: 200, refused: &[] },
    Case { name: "something-hangs-on-it", status: 400, refused: &[] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "another-version", status: 409, refused: &[] },
    Case { name: "bad-parameters", status: 400, refused: &["force", "recursive"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("delete-plan", &CASES, Target::Handler(&delete_plan::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("delete-plan", &CASES, Target::Binary(env!("CARGO_BIN_EXE_delete-plan"))).await;
}

// --- children are deleted with their plan

const FORCE: &str = "coachingPlans/ana-plan?force=true";

fn delete(path: &str) -> Event {
    Event::new("DELETE", path)
}

/// `ana-plan` with 130 sessions, 30 comments and a target, and a plan of `ben` with one of each.
async fn full() -> TestService {
    let service = TestService::seeded().await;
    let add = async |number: usize, plan: &str, agent: &str| {
        let session = json!({
            "name": session_name(&format!("{agent}-{number:03}")),
            "agentUserName": user_name(agent),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name(plan),
            "sessionTime": "2026-05-28T10:00:00Z",
            "meetingNotes": "notes",
        });
        service.succeed(&Event::post("coachingSessions", session)).await;
    };
    for number in 3..130 {
        add(number, "ana-plan", "ana").await;
    }
    add(0, "ben-plan", "ben").await;
    for number in 1..30 {
        let comment = json!({
            "name": below_support(&format!("coachingComments/{number}")),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
            "message": "x",
        });
        service.succeed(&Event::post("coachingComments", comment)).await;
    }
    let target = json!({
        "name": below_support("targets/ana-target"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "target": 90,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": plan_name("ana-plan"),
    });
    service.succeed(&Event::post("targets", target)).await;
    service
}

/// The number of `ana`'s sessions, comments, targets and plans that a reader sees, by each way to list them.
async fn seen(service: &TestService) -> Vec<usize> {
    let of_ana = |list: &Value, field: &str| {
        let entries = list[field].as_array().unwrap();
        entries.iter().filter(|entry| entry["coachingPlanName"] == plan_name("ana-plan")).count()
    };
    let page = |path: &str| Event::get(path).with("pageSize", "1000");
    let plan = plan_name("ana-plan");
    let sessions = [
        page("coachingSessions"),
        page("coachingSessions").with("agentUserName", &user_name("ana")),
        page("coachingSessions").with("coachingPlanName", &plan),
        page("coachingSessions").with("usecaseNames", &usecase_name("care")),
    ];
    let mut seen = Vec::new();
    for event in &sessions {
        seen.push(of_ana(&service.succeed(event).await, "coachingSessions"));
    }
    for event in [page("coachingComments"), page("coachingComments").with("coachingPlanNames", &plan)] {
        seen.push(of_ana(&service.succeed(&event).await, "coachingComments"));
    }
    seen.push(of_ana(&service.succeed(&Event::post("targets:list", json!({}))).await, "targets"));
    let progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let progress = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    seen.push(progress["agentCoachingProgresses"][0]["coachingSessionCount"].as_u64().unwrap().try_into().unwrap());
    seen.push(usize::from(service.send(&Event::get("coachingSessions/held-1")).await.status == 200));
    let read = service.send(&Event::get("coachingPlans/ana-plan")).await;
    seen.push(read.body["coachingPlan"]["coachingSessions"].as_array().map_or(0, Vec::len));
    let plans = json!({"agentUserName": user_name("ana"), "includeCoachingSessions": true});
    let plans = service.succeed(&Event::post("coachingPlans:list", plans)).await;
    seen.push(plans["coachingPlans"].as_array().unwrap().len());
    seen
}

const ALL: [usize; 11] = [130, 130, 130, 130, 30, 30, 1, 129, 1, 130, 1];
const NONE: [usize; 11] = [0; 11];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_transaction_holds_goes_in_one_moment() {
    let service = full().await;
    assert_eq!(seen(&service).await, ALL);
    let refused = service.refused(&delete("coachingPlans/ana-plan"), 400).await;
    assert_eq!(refused.reason(), "COACHING_PLAN_NOT_EMPTY");
    assert!(refused.body["message"].as_str().unwrap().contains("130 sessions, 30 comments and 1 target;"));

    let done = AtomicBool::new(false);
    let delete_it = async {
        let answered = service.send(&delete(FORCE)).await;
        done.store(true, Ordering::Relaxed);
        answered
    };
    let look_on = async {
        let mut looks = 0;
        while !done.load(Ordering::Relaxed) {
            for (index, count) in seen(&service).await.into_iter().enumerate() {
                assert!(count == ALL[index] || count == 0, "look {looks}: {count} of {} in list {index}", ALL[index]);
            }
            looks += 1;
        }
        looks
    };
    let (deleted, looks) = tokio::join!(delete_it, look_on);
    assert_eq!((deleted.status, &deleted.body), (200, &json!({})), "after {looks} looks");
    assert!(looks > 0);
    assert_eq!(seen(&service).await, NONE);
    assert_eq!(
        service.send(&Event::get("coachingPlans/ben-plan")).await.body["coachingPlan"]["coachingSessions"][0]["agentUserName"],
        user_name("ben")
    );
    service.refused(&delete(FORCE), 404).await;

    let left: Vec<String> = service.items().await.into_keys().filter(|key| !key.contains(" / change#")).collect();
    let of_ana = left.iter().filter(|key| {
        key.contains("#session#ana")
            || key.contains("#comment#")
            || key.contains("#target#ana")
            || key.ends_with("ana-plan / plan")
    });
    assert_eq!(of_ana.collect::<Vec<_>>(), Vec::<&String>::new());
    for name in [plan_name("ana-plan"), session_name("held-1"), below_support("coachingComments/first")] {
        let changes = service.succeed(&Event::get("changes").with("name", &name)).await;
        assert_eq!(changes["changes"][0]["operation"], "delete-plan", "{name}");
        assert_eq!(changes["changes"][0]["after"], json!({}), "{name}");
    }
}

#[tokio::test]
async fn a_deletion_cut_short_is_gone_on_with_by_a_repeat() {
    let service = full().await;
    let (app, faulty) = service.behind_faults().await;
    faulty.inject(vec![Fault::Passed; 12]);
    faulty.inject(vec![Fault::internal(); 100]);
    let event = delete(FORCE);
    let cut = answer(event.operation(), &app, event.to_json()).await;
    assert_eq!(cut.status, 503, "{}", cut.body);
    assert_eq!(seen(&service).await, NONE, "nobody sees any of it any more");
    let refused = service.refused(&Event::post("coachingSessions", session_of("ana")), 400).await;
    assert_eq!(refused.reason(), "COACHING_PLAN_NOT_THE_AGENTS");
    assert!(service.items().await.keys().any(|key| key.ends_with(" / session") && key.contains("#ana-")), "cut short");
    assert_eq!(service.send(&event).await.status, 200);
    assert!(!service.items().await.keys().any(|key| key.ends_with(" / session") && key.contains("#ana-")));
    service.refused(&event, 404).await;
}

/// The request that creates a session of `agent` on their plan.
fn session_of(agent: &str) -> Value {
    json!({
        "agentUserName": user_name(agent),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(&format!("{agent}-plan")),
        "usecaseName": usecase_name("care"),
    })
}

/// A service in which `ben-plan` has one session, and the request that deletes both.
async fn small() -> (TestService, Event) {
    let service = TestService::seeded().await;
    let mut session = session_of("ben");
    session["name"] = json!(session_name("only"));
    service.succeed(&Event::post("coachingSessions", session)).await;
    (service, delete("coachingPlans/ben-plan?force=true"))
}

/// Asserts that the deletion of [`small`] is complete.
async fn assert_complete(service: &TestService, event: &Event, told: &str) {
    service.refused(event, 404).await;
    let items = service.items().await;
    let left: Vec<_> = items.keys().filter(|key| key.ends_with("only / session")).collect();
    assert_eq!(left, Vec::<&String>::new(), "{told}");
    let unfinished = items.values().filter(|item| item.contains_key("deleting") && !item.contains_key("expires_at"));
    assert_eq!(unfinished.count(), 0, "{told}");
}

#[tokio::test]
async fn a_deletion_cut_short_anywhere_is_gone_on_with_by_a_repeat() {
    let mut cut_after = 0;
    loop {
        let told = format!("cut after {cut_after} calls");
        let (service, event) = small().await;
        let (app, faulty) = service.behind_faults().await;
        faulty.inject(vec![Fault::Passed; cut_after]);
        faulty.inject(vec![Fault::internal(); 100]);
        let cut = answer(event.operation(), &app, event.to_json()).await;
        if cut.status != 200 {
            assert_eq!(cut.status, 503, "{told}: {}", cut.body);
            assert_eq!(service.send(&event).await.status, 200, "{told}");
        }
        assert_complete(&service, &event, &told).await;
        if faulty.left() == 100 {
            break;
        }
        cut_after += 1;
    }
    assert!(cut_after > 5, "{cut_after} calls");
}

#[tokio::test]
async fn a_function_killed_anywhere_leaves_a_deletion_that_a_repeat_goes_on_with() {
    let mut calls = 0;
    loop {
        let told = format!("killed at call {}", calls + 1);
        let (service, event) = small().await;
        let killed = killed_after(&service, env!("CARGO_BIN_EXE_delete-plan"), calls, &event).await;
        if killed {
            let repeated = service.send(&event).await.status;
            assert!([200, 404].contains(&repeated), "{told}: {repeated}");
        }
        assert_complete(&service, &event, &told).await;
        if !killed {
            break;
        }
        calls += 1;
    }
    assert!(calls > 5, "{calls} calls");
    println!("delete-plan killed at each of its {calls} calls and repeated: nothing is left of the plan");
}

#[tokio::test]
async fn the_list_of_deletions_takes_sixty_and_those_out_whose_time_is_over() {
    let service = full().await;
    let listed = async || {
        let items = service.items().await;
        let list = items["acme#support#deletions / deletions"].clone();
        let mut plans: Vec<String> = list.into_keys().filter(|attribute| attribute.starts_with("plan#")).collect();
        plans.sort();
        plans
    };
    for number in 0..61 {
        let id = format!("plan-{number:02}");
        service.plan_with(&id, "ben", json!({"isActive": number % 2 == 0})).await;
        let mut session = session_of("ben");
        session["coachingPlanName"] = plan_name(&id).into();
        service.succeed(&Event::post("coachingSessions", session)).await;
    }
    let delete_number = |number: usize| delete(&format!("coachingPlans/plan-{number:02}?force=true"));
    for number in 0..60 {
        assert_eq!(service.send(&delete_number(number)).await.status, 200, "{number}");
    }
    let refused = service.refused(&delete_number(60), 429).await;
    assert_eq!((refused.reason(), refused.body["status"].as_str()), ("DELETIONS_FULL", Some("RESOURCE_EXHAUSTED")));
    // A plan without children can still be deleted; so can any other record.
    service.plan_with("empty", "ben", json!({})).await;
    assert_eq!(service.send(&delete("coachingPlans/empty")).await.status, 200);
    service.succeed(&Event::post("coachingSessions", session_of("ben"))).await;

    service.advance(TimeDelta::minutes(6));
    assert_eq!(service.send(&delete_number(60)).await.status, 200);
    assert_eq!(listed().await, ["plan#plan-60"]);
}

#[tokio::test]
async fn a_plan_deleted_again_and_again_is_one_in_the_list() {
    let service = full().await;
    let deleted = async |id: &str| {
        service.plan_with(id, "ben", json!({})).await;
        let mut session = session_of("ben");
        session["coachingPlanName"] = plan_name(id).into();
        service.succeed(&Event::post("coachingSessions", session)).await;
        let answered = service.send(&delete(&format!("coachingPlans/{id}?force=true"))).await;
        assert_eq!(answered.status, 200, "{id}: {}", answered.body);
    };
    for _ in 0..60 {
        deleted("again").await;
        service.advance(TimeDelta::minutes(6));
    }
    for id in ["one", "two", "three"] {
        deleted(id).await;
    }
}

#[tokio::test]
async fn a_plan_of_the_same_name_can_be_created_after_five_minutes() {
    let service = full().await;
    assert_eq!(service.send(&delete(FORCE)).await.status, 200);
    let again = json!({
        "name": plan_name("ana-plan"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
    });
    let refused = service.refused(&Event::post("coachingPlans", again.clone()), 400).await;
    assert_eq!(refused.reason(), "COACHING_PLAN_DELETED_MOMENTS_AGO");
    service.advance(TimeDelta::minutes(6));
    service.succeed(&Event::post("coachingPlans", again)).await;
    assert_eq!(service.send(&delete("coachingPlans/ana-plan")).await.status, 200, "nothing hangs on the new one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_without_its_plan_when_both_happen_at_once() {
    for round in 0..20 {
        let service = TestService::seeded().await;
        let event = Event::post("coachingSessions", session_of("ben"));
        let path = if round % 2 == 0 { "coachingPlans/ben-plan?force=true" } else { "coachingPlans/ben-plan" };
        let deletion = delete(path);
        let (created, again, deleted) =
            tokio::join!(service.send(&event), service.send(&event), service.send(&deletion));
        for answered in [&created, &again] {
            assert!(answered.status == 200 || answered.reason() == "COACHING_PLAN_NOT_THE_AGENTS", "{}", answered.body);
        }
        let items = service.items().await;
        let plan = items.contains_key("acme#support#plan#ben-plan / plan");
        let of_ben =
            items.iter().filter(|(key, item)| key.ends_with(" / session") && item["agent"].as_s().unwrap() == "ben");
        let sessions = of_ben.count();
        match deleted.status {
            200 => assert_eq!((plan, sessions), (false, 0), "round {round}"),
            _ => assert_eq!((plan, deleted.reason()), (true, "COACHING_PLAN_NOT_EMPTY"), "round {round}"),
        }
        if plan {
            assert_eq!(sessions, [&created, &again].iter().filter(|answered| answered.status == 200).count());
        }
    }
}

fn acknowledge(id: &str) -> Event {
    let body = json!({"acknowledged": true, "submitted": true});
    Event::post(&format!("coachingSessions/{id}:acknowledge"), body).by("agent", "ana")
}

fn change(id: &str, fields: Value) -> Event {
    let body = json!({"coachingSession": fields}).to_string();
    Event::new("PATCH", &format!("coachingSessions/{id}")).with_text(&body)
}

#[tokio::test]
async fn a_manager_deletes_no_plan_with_an_acknowledged_session() {
    // The session becomes acknowledged, and later is not any more; each step with the number of acknowledged sessions
    // after it.
    let by_importer = |event: Event| event.by("service", "sync@acme");
    let mut imported = session_of("ana");
    imported["name"] = session_name("imported").into();
    imported["meetingNotes"] = "Read.".into();
    imported["sessionTime"] = "2026-05-20T10:00:00Z".into();
    for field in ["createTime", "managerSubmitTime", "acknowledgeTime"] {
        imported[field] = "2026-05-21T10:00:00Z".into();
    }
    let steps = [
        (acknowledge("submitted-1"), 1),
        (by_importer(Event::post("coachingSessions", imported)), 2),
        (change("submitted-1", json!({"meetingNotes": "Other notes."})), 1),
        (acknowledge("submitted-1"), 2),
        (Event::new("DELETE", "coachingSessions/submitted-1").by("admin", "root"), 1),
        (by_importer(change("imported", json!({"acknowledgeTime": null}))), 0),
        (by_importer(change("imported", json!({"acknowledgeTime": "2026-05-22T10:00:00Z"}))), 1),
    ];
    let service = TestService::seeded().await;
    for (step, count) in steps {
        let answered = service.send(&step).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let counted = service.items().await["acme#support#plan#ana-plan / dependents"].get("acknowledged").cloned();
        assert_eq!(counted.unwrap().as_n().unwrap(), &count.to_string());
        if count > 0 {
            let refused = service.refused(&delete(FORCE), 400).await;
            assert_eq!(refused.reason(), "SESSION_ACKNOWLEDGED");
            let told = format!("the agent has acknowledged {count} of the plan's ");
            assert!(refused.body["message"].as_str().unwrap().starts_with(&told), "{}", refused.body);
            let refused = service.refused(&delete("coachingPlans/ana-plan"), 400).await;
            let told = "force=true deletes them with it, acknowledged sessions only for a service or an admin";
            assert!(refused.body["message"].as_str().unwrap().ends_with(told), "{}", refused.body);
        }
    }
    assert_eq!(service.send(&delete(FORCE).by("admin", "root")).await.status, 200);
    assert!(!service.items().await.keys().any(|key| key.ends_with(" / session") && !key.contains("#ben")));

    let service = TestService::seeded().await;
    service.succeed(&acknowledge("submitted-1")).await;
    service.succeed(&change("submitted-1", json!({"meetingNotes": "Other notes."}))).await;
    assert_eq!(service.send(&delete(FORCE)).await.status, 200, "none is acknowledged any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_acknowledgement_and_a_managers_deletion_at_once_one_is_refused() {
    let (mut kept, mut deleted) = (0, 0);
    for _ in 0..20 {
        let service = TestService::seeded().await;
        let (agent, deletion) = (acknowledge("submitted-1"), delete(FORCE));
        let (agents, managers) = tokio::join!(service.send(&agent), service.send(&deletion));
        let there = service.items().await.contains_key("acme#support#session#submitted-1 / session");
        match (agents.status, managers.status) {
            (200, 400) => {
                assert_eq!((managers.reason(), there), ("SESSION_ACKNOWLEDGED", true));
                kept += 1;
            }
            (403, 200) => {
                assert!(!there);
                deleted += 1;
            }
            other => panic!("{other:?}: {} {}", agents.body, managers.body),
        }
    }
    println!("{kept} acknowledged and kept, {deleted} deleted");
}
