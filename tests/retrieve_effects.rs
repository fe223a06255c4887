//! `retrieve-effects`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, plan_name, replay, session_name, usecase_name, user,
    user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 23] = [
    Case { name: "retrieved", status: 200, refused: &[] },
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-agent-user-names", status: 200, refused: &[] },
    Case { name: "by-group-names", status: 200, refused: &[] },
    Case { name: "by-scorecard-template-names", status: 200, refused: &[] },
    Case { name: "by-include-dev-users", status: 200, refused: &[] },
    Case { name: "by-include-inactive-users", status: 200, refused: &[] },
    Case { name: "by-include-indirect-group-members", status: 200, refused: &[] },
    Case { name: "by-start-time", status: 200, refused: &[] },
    Case { name: "by-end-time", status: 200, refused: &[] },
    Case { name: "by-days", status: 200, refused: &[] },
    Case { name: "by-unit", status: 200, refused: &[] },
    Case { name: "by-minimum-scorecard-count", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "no-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "foreign-usecase", status: 400, refused: &["usecaseNames[0]"] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseNames", "scorecardTemplateNames", "groupNames"] },
    Case { name: "unknown-agent", status: 400, refused: &["agentUserNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "agentUserNames[0]",
            "scorecardTemplateNames[0]",
            "days",
            "unit",
            "minimumScorecardCount",
            "endTime",
            "pageSize",
        ],
    },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-effects", &CASES, Target::Handler(&retrieve_effects::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-effects", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-effects"))).await;
}

/// A request for the team's effects of sessions in May, with 14 days and a scorecard on each side, with `more`.
fn effects(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
        "days": 14,
        "minimumScorecardCount": 1,
    });
    merge(&mut body, more);
    Event::post("coachingEffects:retrieve", body)
}

async fn found(service: &TestService, more: Value) -> Vec<Value> {
    service.succeed(&effects(more)).await["effects"].as_array().unwrap().clone()
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// `agents` in a team, each with a plan in `care`, and the template `two`: `clarity` and `warmth`, each of 0 to 20.
async fn with_team(agents: &[&str]) -> TestService {
    let service = TestService::start().await;
    service.directory(agents).await;
    service.managers(&["maria"]).await;
    let criteria =
        ["clarity", "warmth"].map(|id| json!({"criterionId": id, "displayName": id, "maximumValue": 20, "weight": 1}));
    service.template("two", json!({"template": {"chapters": [{"chapterId": "call", "criteria": criteria}]}})).await;
    for agent in agents {
        service.plan_with(&format!("{agent}-plan"), agent, json!({"usecaseName": usecase_name("care")})).await;
    }
    service
}

fn two() -> String {
    below_support("scorecardTemplates/two")
}

/// Submits a scorecard of `agent` on each of these days of May, each with the values of both criteria.
async fn score(service: &TestService, agent: &str, days: &[(u32, u64, u64)]) {
    let scorecards = days.iter().map(|(day, clarity, warmth)| {
        let time = format!("2026-05-{day:02}T10:00:00Z");
        json!({
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(agent),
            "templateName": two(),
            "usecaseName": usecase_name("care"),
            "scores": [
                {"criterionId": "clarity", "numericValue": clarity},
                {"criterionId": "warmth", "numericValue": warmth},
            ],
            "createTime": time,
            "submitTime": time,
        })
    });
    let body = json!({"scorecards": scorecards.collect::<Vec<_>>()});
    let answer = service.succeed(&import("scorecards:batchUpsert", body)).await;
    assert!(answer["results"].as_array().unwrap().iter().all(|one| one.get("scorecard").is_some()), "{answer}");
}

/// A session of `agent` under their plan at `time`, held with notes, with `more`.
async fn session(service: &TestService, id: &str, agent: &str, time: &str, more: Value) {
    let mut session = json!({
        "name": session_name(id),
        "agentUserName": user_name(agent),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(&format!("{agent}-plan")),
        "usecaseName": usecase_name("care"),
        "createTime": "2026-01-01T00:00:00Z",
        "sessionTime": time,
        "meetingNotes": "Two calls.",
    });
    merge(&mut session, more);
    service.succeed(&import("coachingSessions", session)).await;
}

/// The names of the sessions whose effects were found.
fn sessions(found: &[Value]) -> Vec<&str> {
    found.iter().map(|one| one["coachingSessionName"].as_str().unwrap().rsplit('/').next().unwrap()).collect()
}

#[tokio::test]
async fn the_effect_is_the_one_worked_out_by_hand() {
    let service = with_team(&["ana"]).await;
    // 80, 60 and 70 percent before, 85 and 75 after; the day of the session counts on neither side.
    score(&service, "ana", &[(2, 16, 16), (6, 12, 12), (14, 14, 14), (15, 0, 0), (16, 17, 17), (29, 15, 15)]).await;
    session(&service, "first", "ana", "2026-05-15T10:00:00Z", json!({})).await;
    let interval = json!({"lower": -22.8647, "upper": 42.8647});
    let expected = json!({
        "effects": [{
            "agentUserName": user_name("ana"),
            "coachingPlanName": plan_name("ana-plan"),
            "coachingSessionName": session_name("first"),
            "coachingSessionTime": "2026-05-15T10:00:00Z",
            "scorecardTemplateName": two(),
            "beforeScore": 70.0,
            "beforeScorecardCount": 3,
            "beforeDayCount": 3,
            "afterScore": 80.0,
            "afterScorecardCount": 2,
            "afterDayCount": 2,
            "effect": 10.0,
            "interval": interval,
            "isComplete": true,
            "overlaps": false,
        }],
        "summaries": [{
            "scorecardTemplateName": two(),
            "agentCount": 1,
            "effect": 10.0,
            "adjustedAgentCount": 0,
            "improvedCount": 1,
            "worsenedCount": 0,
        }],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    assert_eq!(service.succeed(&effects(json!({}))).await, expected);
    // Asked for all agents of the profile, the same is found.
    assert_eq!(service.succeed(&effects(json!({"groupNames": []}))).await, expected);

    // With too few scorecards only the counts are answered, and no summary.
    let few = service.succeed(&effects(json!({"minimumScorecardCount": 3}))).await;
    let mut counts = expected["effects"][0].clone();
    counts.as_object_mut().unwrap().retain(|field, _| field != "effect" && field != "interval");
    assert_eq!((&few["effects"], &few["summaries"]), (&json!([counts]), &json!([])));
    // By default five scorecards are demanded.
    assert_eq!(service.succeed(&effects(json!({"minimumScorecardCount": null}))).await, few);
    // The days after are not over, and those before hold none of the scores.
    let wide = found(&service, json!({"days": 30})).await;
    assert_eq!((&wide[0]["isComplete"], &wide[0]["beforeScorecardCount"]), (&json!(false), &json!(3)));
    let narrow = found(&service, json!({"days": 7})).await;
    assert_eq!((&narrow[0]["beforeScorecardCount"], &narrow[0]["interval"]), (&json!(1), &Value::Null));
    // Scores of another template are out of scope.
    service.quality().await;
    let other = json!({"scorecardTemplateNames": [below_support("scorecardTemplates/quality@*")]});
    assert!(found(&service, other).await.is_empty());
}

#[tokio::test]
async fn beside_an_effect_stands_that_on_agents_who_were_not_coached() {
    let team = ["ana", "ben", "chloe", "dan", "eve"];
    let service = with_team(&team).await;
    session(&service, "first", "ana", "2026-05-15T10:00:00Z", json!({"managerSubmitTime": "2026-05-15T11:00:00Z"}))
        .await;
    // Ana rises by 10 from 60, three others by 5 in the mean from 55 to 65; Eve had scored too much to be compared with.
    let scores = [("ana", 12, 14), ("ben", 11, 11), ("chloe", 12, 14), ("dan", 13, 14), ("eve", 15, 20)];
    for (agent, before, after) in scores {
        score(&service, agent, &[(10, before, before), (20, after, after)]).await;
    }
    let all = found(&service, json!({})).await;
    let [of_ana] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&of_ana["effect"], &of_ana["interval"]), (&json!(10.0), &Value::Null));
    assert_eq!(of_ana["comparison"], json!({"effect": 5.0, "agentCount": 3}));
    assert_eq!(of_ana["adjustedEffect"], json!(5.0));
    let summary = &service.succeed(&effects(json!({}))).await["summaries"][0];
    assert_eq!((&summary["adjustedAgentCount"], &summary["adjustedEffect"]), (&json!(1), &json!(5.0)));
    // Alone nobody is compared with her; nor does she see the others herself.
    let alone = json!({"groupNames": [], "agentUserNames": [user_name("ana")]});
    let alone = found(&service, alone).await;
    assert_eq!((alone[0].get("comparison"), alone[0].get("adjustedEffect")), (None, None));
    let own = service.succeed(&effects(json!({"groupNames": []})).by("agent", "ana")).await;
    assert_eq!(own["effects"], json!(alone));
    // Once Ben is coached on one of these days, two are left, who are too few.
    session(&service, "of-ben", "ben", "2026-05-29T10:00:00Z", json!({})).await;
    let of_both = found(&service, json!({})).await;
    assert_eq!(sessions(&of_both), ["first", "of-ben"]);
    assert_eq!(of_both[0].get("comparison"), None);
}

#[tokio::test]
async fn a_session_is_measured_by_the_criteria_that_its_plan_works_on() {
    let service = with_team(&["ana"]).await;
    let focus = |template: &str, id: &str| json!({"scorecardTemplateName": below_support(&format!("scorecardTemplates/{template}")), "criterionOrChapterId": id});
    service.quality().await;
    let focus =
        json!([focus("two", "warmth"), focus("two", "warmth"), focus("two", "never"), focus("quality", "duty")]);
    let more = json!({"usecaseName": usecase_name("care"), "focusCriteria": focus});
    service.plan_with("focused", "ana", more).await;
    score(&service, "ana", &[(10, 10, 12), (20, 20, 14)]).await;
    let under = json!({"coachingPlanName": plan_name("focused")});
    session(&service, "first", "ana", "2026-05-15T10:00:00Z", under).await;
    let of_parts = |found: &[Value]| -> Vec<Value> {
        found.iter().map(|one| json!([one["criterionOrChapterId"], one.get("effect")])).collect()
    };
    // What the plan works on is listed without scores too; what the template never had is not.
    let all = found(&service, json!({})).await;
    assert_eq!(of_parts(&all), [json!(["duty", null]), json!(["warmth", 10.0])]);
    assert_eq!((&all[0]["beforeScorecardCount"], all[0].get("beforeScore")), (&json!(0), None));
    let of_two = found(&service, json!({"scorecardTemplateNames": [format!("{}@*", two())]})).await;
    assert_eq!(of_parts(&of_two), [json!(["warmth", 10.0])]);
}

#[tokio::test]
async fn only_sessions_that_were_held_count_and_of_a_plan_the_first() {
    let service = with_team(&["ana", "ben"]).await;
    score(&service, "ana", &[(3, 10, 10), (8, 10, 10), (12, 12, 12), (22, 14, 14)]).await;
    for (id, time, more) in [
        ("too-early", "2026-04-30T23:59:59.999999999Z", json!({})),
        ("at-the-start", "2026-05-01T00:00:00Z", json!({})),
        ("second", "2026-05-10T10:00:00Z", json!({})),
        ("without-notes", "2026-05-11T10:00:00Z", json!({"meetingNotes": null})),
        (
            "submitted",
            "2026-05-20T10:00:00Z",
            json!({"meetingNotes": null, "managerSubmitTime": "2026-05-20T11:00:00Z"}),
        ),
        ("too-late", "2026-06-01T12:00:00Z", json!({})),
        ("to-come", "2026-06-01T12:00:00.000000001Z", json!({})),
    ] {
        session(&service, id, "ana", time, more).await;
    }
    let until_june = |unit: &str| json!({"unit": unit, "endTime": "2026-06-02T00:00:00Z"});
    assert_eq!(sessions(&found(&service, json!({})).await), ["at-the-start"]);
    assert_eq!(sessions(&found(&service, json!({"unit": "PLAN"})).await), ["at-the-start"]);
    let each = found(&service, json!({"unit": "SESSION"})).await;
    assert_eq!(sessions(&each), ["at-the-start", "second", "submitted"]);
    // Of the first, the one of the day before is among the days before, and the second is among those after.
    assert!(each.iter().all(|one| one["overlaps"] == true), "{each:?}");
    assert_eq!(
        sessions(&found(&service, until_june("SESSION")).await),
        ["at-the-start", "second", "submitted", "too-late"]
    );
    let short = found(&service, json!({"unit": "SESSION", "days": 7})).await;
    assert_eq!(short.iter().map(|one| &one["overlaps"]).collect::<Vec<_>>(), [true, false, false]);
    // The summary counts her once, with the mean of her effects: 50 to 50, 50 to 60, and 55 to 70.
    let mean = |found: &[Value]| {
        let moved: Vec<f64> = found.iter().filter_map(|one| one["effect"].as_f64()).collect();
        (moved.iter().sum::<f64>() / moved.len() as f64 * 1e4).round() / 1e4
    };
    let summary = &service.succeed(&effects(json!({"unit": "SESSION"}))).await["summaries"][0];
    assert_eq!((&summary["agentCount"], &summary["effect"]), (&json!(1), &json!(mean(&each))));
    // Nobody was coached, so nothing is found.
    let ben = json!({"groupNames": [], "agentUserNames": [user_name("ben")]});
    assert_eq!(service.succeed(&effects(ben)).await["effects"], json!([]));
    // What is deleted with its plan is gone.
    service
        .succeed(&Event::new("DELETE", "coachingPlans/ana-plan").with("force", "true").by("service", "sync@acme"))
        .await;
    assert!(found(&service, json!({})).await.is_empty());
}

#[tokio::test]
async fn notes_that_are_not_submitted_make_no_session_held_for_its_agent() {
    let service = with_team(&["ana"]).await;
    score(&service, "ana", &[(10, 10, 10), (20, 14, 14)]).await;
    session(&service, "first", "ana", "2026-05-15T10:00:00Z", json!({})).await;
    let own = effects(json!({"groupNames": []})).by("agent", "ana");
    assert_eq!(sessions(&found(&service, json!({})).await), ["first"]);
    let before = service.succeed(&own).await;
    assert_eq!((&before["effects"], &before["summaries"]), (&json!([]), &json!([])));
    let submit = json!({"coachingSession": {"managerSubmitTime": "2026-05-15T11:00:00Z"}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingSessions/first").with_text(&submit)).await;
    assert_eq!(service.succeed(&own).await["effects"], json!(found(&service, json!({})).await));
}

#[tokio::test]
async fn by_default_the_days_after_each_session_are_over() {
    let service = with_team(&["ana"]).await;
    for (id, time) in [
        ("too-early", "2026-01-31T23:59:59Z"),
        ("first", "2026-02-01T00:00:00Z"),
        ("last", "2026-05-01T23:59:59Z"),
        ("too-late", "2026-05-02T00:00:00Z"),
    ] {
        session(&service, id, "ana", time, json!({})).await;
    }
    let focus = json!([{"scorecardTemplateName": two(), "criterionOrChapterId": "warmth"}]);
    let focus = json!({"coachingPlan": {"focusCriteria": focus}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingPlans/ana-plan").with_text(&focus)).await;
    let default = json!({"startTime": null, "endTime": null, "days": null, "unit": "SESSION"});
    let answer = service.succeed(&effects(default)).await;
    let all = answer["effects"].as_array().unwrap();
    assert_eq!(sessions(all), ["first", "last"]);
    assert!(all.iter().all(|one| one["isComplete"] == true), "{all:?}");
    assert_eq!([&answer["startTime"], &answer["endTime"]], ["2026-02-01T00:00:00Z", "2026-05-02T00:00:00Z"]);
}

#[tokio::test]
async fn pages_are_of_agents_with_sessions_by_name_and_each_has_the_summaries_of_all() {
    let service = with_team(&["ana", "ben", "chloe"]).await;
    for (agent, after) in [("ana", 14), ("ben", 10), ("chloe", 16)] {
        score(&service, agent, &[(10, 12, 12), (20, after, after)]).await;
    }
    for agent in ["chloe", "ana"] {
        session(&service, &format!("of-{agent}"), agent, "2026-05-15T10:00:00Z", json!({})).await;
        session(&service, &format!("more-of-{agent}"), agent, "2026-05-16T10:00:00Z", json!({})).await;
    }
    let by_session = json!({"unit": "SESSION", "pageSize": 1});
    let first = service.succeed(&effects(by_session.clone())).await;
    assert_eq!(sessions(first["effects"].as_array().unwrap()), ["of-ana", "more-of-ana"]);
    // 10 and 20 are 15 in the mean, with a deviation of 7.0711: 12.706 · 5 is 63.53.
    let summary = &first["summaries"][0];
    assert_eq!((&summary["agentCount"], &summary["effect"]), (&json!(2), &json!(15.0)));
    assert_eq!(summary["interval"], json!({"lower": -48.53, "upper": 78.53}));
    let token = first["nextPageToken"].clone();
    let mut next = by_session.clone();
    merge(&mut next, json!({"pageToken": token}));
    let second = service.succeed(&effects(next.clone())).await;
    assert_eq!(sessions(second["effects"].as_array().unwrap()), ["of-chloe", "more-of-chloe"]);
    assert_eq!((&second["summaries"], second.get("nextPageToken")), (&first["summaries"], None));
    for other in [json!({"days": 15}), json!({"minimumScorecardCount": 2}), json!({"unit": "PLAN"})] {
        let mut more = next.clone();
        merge(&mut more, other);
        assert_eq!(service.refused(&effects(more), 400).await.refused_fields(), ["pageToken"]);
    }
}

#[tokio::test]
async fn more_than_a_thousand_agents_are_refused() {
    let service = with_team(&["ana"]).await;
    service.count_further(999).await;
    let everyone = effects(json!({"groupNames": []}));
    // As many more as the directory has itself.
    let refused = service.refused(&everyone, 400).await;
    assert_eq!((refused.reason(), &refused.body["status"]), ("SCOPE_TOO_LARGE", &json!("FAILED_PRECONDITION")));
    assert!(refused.body["message"].as_str().unwrap().contains("may be for 1000"), "{}", refused.body);
    service.succeed(&effects(json!({}))).await;
}

#[tokio::test]
async fn who_left_since_is_answered_when_named_or_among_the_inactive() {
    let service = with_team(&["ana", "ben"]).await;
    score(&service, "ana", &[(10, 10, 10), (20, 14, 14)]).await;
    session(&service, "first", "ana", "2026-05-15T10:00:00Z", json!({})).await;
    let mut ana = user("ana");
    ana["roles"] = json!(["manager"]);
    let load = import("", json!({"users": [ana]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load).await;
    service.advance(TimeDelta::hours(1));
    let until_now = |mut more: Value| {
        merge(&mut more, json!({"endTime": "2026-06-02T00:00:00Z"}));
        more
    };
    assert!(found(&service, until_now(json!({}))).await.is_empty());
    for more in [
        json!({"includeInactiveUsers": true}),
        json!({"includeInactiveUsers": true, "groupNames": []}),
        json!({"groupNames": [], "agentUserNames": [user_name("ana")]}),
    ] {
        assert_eq!(sessions(&found(&service, until_now(more)).await), ["first"]);
    }
    // In a window that was over by then she is an agent.
    assert_eq!(sessions(&found(&service, json!({})).await), ["first"]);
}

/// What cannot be read is named and costs itself: an agent by their scores or their sessions, a plan by itself.
#[tokio::test]
async fn what_cannot_be_read_costs_itself() {
    let service = with_team(&["ana", "ben"]).await;
    for agent in ["ana", "ben"] {
        score(&service, agent, &[(10, 10, 10), (20, 14, 14)]).await;
        session(&service, &format!("of-{agent}"), agent, "2026-05-15T10:00:00Z", json!({})).await;
    }
    assert_eq!(sessions(&found(&service, json!({})).await), ["of-ana", "of-ben"]);
    let items = service.items().await;
    for (key, attribute, unreachable) in [
        ("acme#support#plan#ana-plan / plan", "agent", plan_name("ana-plan")),
        (" / 2026-05#ana", "cells", user_name("ana")),
        (" / 2026-05#ana#session#of-ana", "session", user_name("ana")),
    ] {
        let right =
            items.iter().find(|(found, _)| found.ends_with(key)).unwrap_or_else(|| panic!("{key}: {items:#?}")).1;
        let mut damaged = right.clone();
        damaged.insert(attribute.to_owned(), AttributeValue::S("##".to_owned()));
        service.put(&[damaged]).await;
        for more in [json!({}), json!({"groupNames": []})] {
            let answer = service.succeed(&effects(more)).await;
            assert_eq!(sessions(answer["effects"].as_array().unwrap()), ["of-ben"], "{key}");
            assert_eq!(answer["unreachable"], json!([unreachable]), "{key}");
        }
        service.put(std::slice::from_ref(right)).await;
    }
}
