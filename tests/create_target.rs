//! `create-target`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Case, Event, Target, TestService, below_support, plan_name, replay, usecase_name};
use serde_json::{Value, json};

const CASES: [Case; 12] = [
    Case { name: "organisation", status: 200, refused: &[] },
    Case { name: "of-a-plan", status: 200, refused: &[] },
    Case { name: "taken", status: 409, refused: &[] },
    Case { name: "outside-the-range", status: 400, refused: &["target"] },
    Case { name: "unknown-criterion", status: 400, refused: &["criterionOrChapterId"] },
    Case { name: "unknown-template", status: 400, refused: &["scorecardTemplateName"] },
    Case { name: "unknown-plan", status: 400, refused: &[] },
    Case { name: "missing-fields", status: 400, refused: &["scorecardTemplateName", "target", "usecaseName"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseName", "scorecardTemplateName"] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("create-target", &CASES, Target::Handler(&create_target::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("create-target", &CASES, Target::Binary(env!("CARGO_BIN_EXE_create-target"))).await;
}

fn target(part: &str) -> Value {
    json!({
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": part,
        "target": 70,
        "usecaseName": usecase_name("care"),
    })
}

#[tokio::test]
async fn a_second_target_for_the_same_is_refused_and_names_the_first() {
    let service = TestService::seeded().await;
    let mut of_plan = target("greeting");
    of_plan["coachingPlanName"] = plan_name("ana-plan").into();
    of_plan["name"] = below_support("targets/of-ana").into();
    service.succeed(&Event::post("targets", of_plan.clone())).await;
    for (mut again, first) in [(target("greeting"), "targets/greeting-target"), (of_plan, "targets/of-ana")] {
        again["name"] = below_support("targets/second").into();
        let refused = service.refused(&Event::post("targets", again), 409).await;
        assert_eq!(refused.reason(), "TARGET_EXISTS");
        assert_eq!(refused.body["details"][0]["metadata"]["resourceName"], below_support(first));
    }
    for part in ["", "opening", "listening"] {
        service.succeed(&Event::post("targets", target(part))).await;
    }
    service.succeed(&Event::new("DELETE", "targets/greeting-target")).await;
    service.succeed(&Event::post("targets", target("greeting"))).await;
}

#[tokio::test]
async fn a_repeat_of_the_same_request_is_answered_as_the_first_was() {
    let service = TestService::seeded().await;
    let event = Event::post("targets", target("listening")).with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
    let first = service.succeed(&event).await;
    assert_eq!(service.succeed(&event).await, first);
}

#[tokio::test]
async fn a_plan_and_an_agent_have_only_so_many_targets_and_live_on_at_the_brim() {
    let service = TestService::seeded().await;
    let parts: Vec<String> = (0..60).map(|number| format!("criterion-{number:02}-{}", "x".repeat(110))).collect();
    let criteria: Vec<Value> = parts.iter().map(|part| json!({"criterionId": part})).collect();
    let chapters = json!({"chapters": [{"chapterId": "all", "criteria": criteria}]});
    service.template("long", json!({"template": chapters})).await;
    let target = |plan: &str, part: &str| {
        Event::post(
            "targets",
            json!({
                "scorecardTemplateName": below_support("scorecardTemplates/long"),
                "criterionOrChapterId": part,
                "target": 70,
                "usecaseName": usecase_name("care"),
                "coachingPlanName": plan_name(plan),
            }),
        )
    };
    let care = json!({"usecaseName": usecase_name("care")});
    for number in 1..=4 {
        let plan = format!("plan-{number}");
        service.plan_with(&plan, "ana", care.clone()).await;
        for part in &parts[..50] {
            service.succeed(&target(&plan, part)).await;
        }
        let refused = service.refused(&target(&plan, &parts[50]), 400).await;
        assert_eq!(refused.reason(), if number < 4 { "PLAN_TARGETS_FULL" } else { "AGENT_TARGETS_FULL" }, "{number}");
    }
    let refused = service.refused(&target("ana-plan", &parts[0]), 400).await;
    assert_eq!(
        (refused.reason(), &refused.body["details"][0]["metadata"]["limit"]),
        ("AGENT_TARGETS_FULL", &json!("200"))
    );

    let largest = service.items().await.values().map(coaching_tests::bytes_of).max().unwrap();
    assert!(largest < 200 * 1024, "{largest} bytes");
    // Closing a plan makes room; reopening it uses the room.
    let set_active = |plan: &str, active: bool| {
        let update = json!({"coachingPlan": {"isActive": active}});
        Event::new("PATCH", &format!("coachingPlans/{plan}")).with_text(&update.to_string())
    };
    service.succeed(&set_active("plan-1", false)).await;
    service.succeed(&target("ana-plan", &parts[0])).await;
    assert_eq!(service.refused(&set_active("plan-1", true), 400).await.reason(), "AGENT_TARGETS_FULL");
    service.succeed(&set_active("plan-2", false)).await;
    service.succeed(&set_active("plan-1", true)).await;
    let progress =
        json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [coaching_tests::user_name("ana")]});
    let answer = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    let rows = answer["agentCoachingProgresses"][0]["criterionProgresses"].as_array().unwrap();
    let of_plans: Vec<&Value> = rows.iter().filter(|row| row.get("coachingPlanName").is_some()).collect();
    assert_eq!(of_plans.len(), 151, "three plans of fifty and one");
}

#[tokio::test]
async fn an_agent_has_only_so_many_active_plans() {
    let service = TestService::seeded().await;
    for number in 1..50 {
        service.plan_with(&format!("plan-{number}"), "ana", json!({})).await;
    }
    let plan = json!({
        "agentUserName": coaching_tests::user_name("ana"),
        "creatorUserName": coaching_tests::user_name("maria"),
        "isActive": true,
    });
    let refused = service.refused(&Event::post("coachingPlans", plan.clone()), 400).await;
    assert_eq!(
        (refused.reason(), &refused.body["details"][0]["metadata"]["limit"]),
        ("AGENT_PLANS_FULL", &json!("50"))
    );
    let inactive = json!({"coachingPlan": {"isActive": false}});
    service.succeed(&Event::new("PATCH", "coachingPlans/plan-1").with_text(&inactive.to_string())).await;
    service.succeed(&Event::post("coachingPlans", plan)).await;
}
