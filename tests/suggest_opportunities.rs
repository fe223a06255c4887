//! `suggest-opportunities`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use coaching_tests::{
    Case, Event, Fault, NOW, Target, TestService, answer, below_support, merge, replay, usecase_name, user_name,
};
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const CASES: [Case; 15] = [
    Case { name: "suggested", status: 200, refused: &[] },
    Case { name: "of-a-group", status: 200, refused: &[] },
    Case { name: "of-the-last-days", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "nobody-named", status: 400, refused: &["agentUserNames"] },
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
            "opportunityConfig.enabledTypes[0]",
            "opportunityConfig.avgPerformerOpportunitiesLimit",
            "opportunityConfig.orgTargetOpportunitiesLimit",
            "opportunityConfig.downwardTrendOpportunitiesLimit",
            "opportunityConfig.minimumScorecardCount",
            "opportunityConfig.minimumGap",
            "opportunityConfig.includeEvidence",
            "endTime",
        ],
    },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "with-display-names", status: 200, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("suggest-opportunities", &CASES, Target::Handler(&suggest_opportunities::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("suggest-opportunities", &CASES, Target::Binary(env!("CARGO_BIN_EXE_suggest-opportunities"))).await;
}

const TYPES: [&str; 3] =
    ["OPPORTUNITY_TYPE_AVG_PERFORMER", "OPPORTUNITY_TYPE_ORG_TARGET", "OPPORTUNITY_TYPE_DOWNWARD_TREND"];

/// A request for the team's opportunities in the last half of May, with `more`.
fn suggest(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "startTime": "2026-05-16T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    merge(&mut body, more);
    Event::post("coachingOpportunities:suggest", body)
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

async fn suggested(service: &TestService, more: Value) -> Vec<Value> {
    service.succeed(&suggest(more)).await["coachingOpportunities"].as_array().unwrap().clone()
}

/// Submits a scorecard of `agent`, with these values of criteria of `template`.
async fn score(service: &TestService, agent: &str, template: &str, time: &str, values: &[(&str, u64)]) {
    let scores = values.iter().map(|(id, value)| json!({"criterionId": id, "numericValue": value}));
    let scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support(&format!("scorecardTemplates/{template}")),
        "usecaseName": usecase_name("care"),
        "scores": scores.collect::<Vec<_>>(),
        "createTime": time,
        "submitTime": time,
    });
    service.succeed(&import("scorecards", scorecard)).await;
}

/// A service with `agents` in a team, and the template `two`: `clarity` with a weight of 2 and `warmth` with 8, each scored
/// from 0 to 20.
async fn with_team(agents: &[&str]) -> TestService {
    let service = TestService::start().await;
    service.directory(agents).await;
    service.managers(&["maria"]).await;
    let criteria = [("clarity", 2), ("warmth", 8)].map(|(id, weight)| {
        json!({"criterionId": id, "displayName": id.to_uppercase(), "maximumValue": 20, "weight": weight})
    });
    service.template("two", json!({"template": {"chapters": [{"chapterId": "call", "criteria": criteria}]}})).await;
    service
}

async fn target(service: &TestService, criterion: &str, value: f64) {
    let target = json!({
        "name": below_support(&format!("targets/{criterion}-target")),
        "scorecardTemplateName": below_support("scorecardTemplates/two"),
        "criterionOrChapterId": criterion,
        "target": value,
        "usecaseName": usecase_name("care"),
        "createTime": "2026-01-01T00:00:00Z",
    });
    service.succeed(&import("targets", target)).await;
}

#[tokio::test]
async fn the_impact_is_the_one_worked_out_by_hand() {
    let service = with_team(&["ana"]).await;
    target(&service, "clarity", 87.5).await;
    for day in 20..25 {
        score(&service, "ana", "two", &format!("2026-05-{day}T10:00:00Z"), &[("clarity", 15), ("warmth", 20)]).await;
    }
    let expected = json!({
        "coachingOpportunities": [{
            "agentUserName": user_name("ana"),
            "opportunityType": "OPPORTUNITY_TYPE_ORG_TARGET",
            "usecaseName": usecase_name("care"),
            "scorecardTemplateName": below_support("scorecardTemplates/two"),
            "chapterId": "call",
            "criterionId": "clarity",
            "criterionDisplayName": "CLARITY",
            "score": 75.0,
            "scorecardCount": 5,
            "reference": 87.5,
            "gap": 12.5,
            "impact": 2.5,
            "interval": {"lower": 12.5, "upper": 12.5},
            "isSignificant": true,
            "targetName": below_support("targets/clarity-target"),
            "evidence": [],
        }],
        "startTime": "2026-05-16T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
        "benchmarkTime": NOW,
    });
    assert_eq!(service.succeed(&suggest(json!({}))).await, expected);
    // Of a minimum of six scorecards there are only five, and the gap is not above 12.5.
    for config in [json!({"minimumScorecardCount": 6}), json!({"minimumGap": 12.51})] {
        assert!(suggested(&service, json!({"opportunityConfig": config})).await.is_empty(), "{config}");
    }
    assert_eq!(suggested(&service, json!({"opportunityConfig": {"minimumGap": 12.5}})).await.len(), 1);
    // A template out of use is no longer worth coaching.
    let deactivated = json!({"scorecardTemplate": {"deactivateTime": "2026-05-30T00:00:00Z"}});
    let patch = Event::new("PATCH", "scorecardTemplates/two").with_text(&deactivated.to_string());
    service.succeed(&patch.with("updateMask", "deactivateTime").by("admin", "boss")).await;
    assert!(suggested(&service, json!({})).await.is_empty());
}

#[tokio::test]
async fn the_interval_is_the_one_worked_out_by_hand() {
    let service = with_team(&["ana"]).await;
    for (day, value) in [("03", 17), ("08", 15), ("20", 16), ("21", 12), ("22", 14)] {
        score(&service, "ana", "two", &format!("2026-05-{day}T10:00:00Z"), &[("warmth", value)]).await;
    }
    let config = json!({"enabledTypes": ["OPPORTUNITY_TYPE_DOWNWARD_TREND"], "minimumScorecardCount": 2});
    let body =
        json!({"opportunityConfig": config, "scorecardTemplateNames": [below_support("scorecardTemplates/two")]});
    let answer = service.succeed(&suggest(body)).await;
    let [opportunity] = &answer["coachingOpportunities"].as_array().unwrap()[..] else { panic!("{answer}") };
    // The mean fell from 80 to 70.
    for (field, expected) in [
        ("reference", json!(80.0)),
        ("referenceScorecardCount", json!(2)),
        ("score", json!(70.0)),
        ("gap", json!(10.0)),
        ("impact", json!(8.0)),
        ("interval", json!({"lower": -22.8647, "upper": 42.8647})),
        ("isSignificant", json!(false)),
    ] {
        assert_eq!(opportunity[field], expected, "{field}");
    }
    assert_eq!(answer.get("benchmarkTime"), None, "everyone's scores are not compared with");
}

#[tokio::test]
async fn an_agent_sees_no_mean_of_fewer_than_five() {
    let service = with_team(&["ana", "ben", "chloe", "dan", "eve"]).await;
    for agent in ["ana", "ben", "chloe", "dan"] {
        let value = if agent == "ana" { 5 } else { 20 };
        score(&service, agent, "two", "2026-05-20T10:00:00Z", &[("warmth", value)]).await;
    }
    let config = json!({"enabledTypes": ["OPPORTUNITY_TYPE_AVG_PERFORMER"], "minimumScorecardCount": 1});
    let body = json!({"opportunityConfig": config});
    let own = suggest(json!({"opportunityConfig": config, "groupNames": null})).by("agent", "ana");
    assert_eq!(suggested(&service, body.clone()).await.len(), 1, "a manager does");
    assert_eq!(service.succeed(&own).await["coachingOpportunities"], json!([]));
    // A fifth agent, whose scorecard leaves out the criterion, makes no fifth score of it.
    score(&service, "eve", "two", "2026-05-20T10:00:00Z", &[("clarity", 20)]).await;
    service.advance(TimeDelta::minutes(15));
    assert_eq!(service.succeed(&own).await["coachingOpportunities"], json!([]));
    score(&service, "eve", "two", "2026-05-20T10:00:00Z", &[("warmth", 20)]).await;
    assert_eq!(service.succeed(&own).await["coachingOpportunities"], json!([]), "it was just made");
    service.advance(TimeDelta::minutes(15));
    let found = service.succeed(&own).await["coachingOpportunities"].as_array().unwrap().clone();
    assert_eq!((&found[0]["reference"], &found[0]["referenceScorecardCount"]), (&json!(85.0), &json!(5)));
    assert_eq!(service.succeed(&suggest(body)).await["coachingOpportunities"], json!(found));
}

#[tokio::test]
async fn too_many_people_for_the_limits_are_refused() {
    let people: Vec<String> = (0..210).map(|number| format!("agent{number}")).collect();
    let service = with_team(&people.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let limits = json!({"avgPerformerOpportunitiesLimit": 20, "orgTargetOpportunitiesLimit": 20, "downwardTrendOpportunitiesLimit": 20});
    for (config, most) in [(limits, 150), (json!({"includeEvidence": true}), 20)] {
        let refused = service.refused(&suggest(json!({"opportunityConfig": config})), 400).await;
        assert_eq!(refused.refused_fields(), ["agentUserNames"]);
        assert!(
            refused.body["message"].as_str().unwrap().contains(&format!("at most {most} people")),
            "{}",
            refused.body
        );
    }
    assert!(suggested(&service, json!({})).await.is_empty());
}

/// What an agent is and has now does not count in a window that is over: their role, and their own target.
#[tokio::test]
async fn a_window_that_is_over_is_measured_by_the_facts_at_its_end() {
    let service = with_team(&["ana"]).await;
    service.plan_with("ana-plan", "ana", json!({"createTime": "2026-01-01T00:00:00Z"})).await;
    target(&service, "warmth", 60.0).await;
    let own = json!({
        "name": below_support("targets/own-target"),
        "scorecardTemplateName": below_support("scorecardTemplates/two"),
        "criterionOrChapterId": "warmth",
        "target": 90,
        "usecaseName": usecase_name("care"),
        "coachingPlanName": below_support("coachingPlans/ana-plan"),
        "createTime": "2026-01-01T00:00:00Z",
    });
    service.succeed(&import("targets", own)).await;
    score(&service, "ana", "two", "2026-05-20T10:00:00Z", &[("warmth", 10)]).await;
    let moved = json!({"target": {"target": 20}}).to_string();
    service.succeed(&Event::new("PATCH", "targets/own-target").with_text(&moved)).await;
    let mut manager = coaching_tests::user("ana");
    manager["roles"] = json!(["manager"]);
    service.succeed(&import("", json!({"users": [manager]})).to("/v1/customers/acme/users:batchUpsert")).await;
    service.advance(TimeDelta::hours(1));
    let config = json!({"enabledTypes": ["OPPORTUNITY_TYPE_ORG_TARGET"], "minimumScorecardCount": 1});
    let of_may = json!({"opportunityConfig": config});
    let found = suggested(&service, of_may).await;
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&found["reference"], &found["gap"]), (&json!(90.0), &json!(40.0)));
    assert_eq!(found["targetName"], below_support("targets/own-target"));
    let until_now = json!({"opportunityConfig": config, "endTime": "2026-06-02T00:00:00Z", "agentUserNames": null});
    assert!(suggested(&service, until_now).await.is_empty(), "she is an agent no longer");
}

/// Agents who mostly score high, one of whom is weak on one criterion, and another of whom fell on another.
#[tokio::test]
async fn planted_weaknesses_are_found_first() {
    let agents = ["ana", "ben", "chloe", "dan", "eve", "finn"];
    let service = with_team(&agents).await;
    target(&service, "clarity", 95.0).await;
    target(&service, "warmth", 95.0).await;
    for (number, agent) in agents.into_iter().enumerate() {
        for day in 1..30 {
            let usual = 17 + (number as u64 + day) % 3;
            let clarity = if agent == "chloe" { 4 } else { usual };
            let warmth = if agent == "finn" && day >= 16 { 6 } else { usual };
            let time = format!("2026-05-{day:02}T10:00:00Z");
            score(&service, agent, "two", &time, &[("clarity", clarity), ("warmth", warmth)]).await;
        }
    }
    let found = suggested(&service, json!({"opportunityConfig": {"includeEvidence": true}})).await;
    let of = |agent: &str, kind: &str| -> Vec<&Value> {
        let name = user_name(agent);
        found.iter().filter(|one| one["agentUserName"] == name && one["opportunityType"] == kind).collect()
    };
    for (agent, kind, criterion) in [
        ("chloe", TYPES[0], "clarity"),
        ("chloe", TYPES[1], "clarity"),
        ("finn", TYPES[0], "warmth"),
        ("finn", TYPES[1], "warmth"),
        ("finn", TYPES[2], "warmth"),
    ] {
        let first = of(agent, kind)[0];
        assert_eq!(
            (&first["criterionId"], &first["isSignificant"]),
            (&json!(criterion), &json!(true)),
            "{agent} {kind}"
        );
        assert_eq!(first["evidence"].as_array().unwrap().len(), 3);
        // With the lowest scores, the newest first.
        let times: Vec<&str> =
            first["evidence"].as_array().unwrap().iter().map(|one| one["submitTime"].as_str().unwrap()).collect();
        assert_eq!(times, ["29", "28", "27"].map(|day| format!("2026-05-{day}T10:00:00Z")));
    }
    assert!(of("ana", TYPES[0]).is_empty() && of("ana", TYPES[2]).is_empty());
}

/// Everyone's scores are as they were until they are out of date, and then as they are.
#[tokio::test]
async fn everyones_scores_are_made_anew_when_they_are_out_of_date() {
    let service = with_team(&["ana", "ben"]).await;
    score(&service, "ana", "two", "2026-05-20T10:00:00Z", &[("warmth", 0)]).await;
    score(&service, "ben", "two", "2026-05-20T10:00:00Z", &[("warmth", 20)]).await;
    let body = json!({"opportunityConfig": {"minimumScorecardCount": 1}});
    let mean = async || {
        let answer = service.succeed(&suggest(body.clone())).await;
        (answer["benchmarkTime"].clone(), answer["coachingOpportunities"][0]["reference"].clone())
    };
    let made = json!(NOW);
    assert_eq!(mean().await, (made.clone(), json!(50.0)));
    for _ in 0..2 {
        score(&service, "ben", "two", "2026-05-21T10:00:00Z", &[("warmth", 20)]).await;
    }
    service.advance(TimeDelta::seconds(15 * 60 - 1));
    let before = service.items().await;
    assert_eq!(mean().await, (made, json!(50.0)));
    assert_eq!(service.items().await, before, "nothing is written while it is up to date");
    service.advance(TimeDelta::seconds(1));
    assert_eq!(mean().await, (json!("2026-06-01T12:15:00Z"), json!(75.0)));
    // Once May and June are the period before the last one, a day is enough.
    service.advance(TimeDelta::days(100));
    assert_eq!(mean().await.0, json!("2026-09-09T12:15:00Z"));
    service.advance(TimeDelta::hours(23));
    assert_eq!(mean().await.0, json!("2026-09-09T12:15:00Z"));
    service.advance(TimeDelta::hours(1));
    assert_eq!(mean().await.0, json!("2026-09-10T12:15:00Z"));
    // What nobody is scored by any more is no longer among everyone's.
    let scorecards = service.succeed(&Event::get("scorecards").with("pageSize", "100")).await;
    for scorecard in scorecards["scorecards"].as_array().unwrap() {
        let name = scorecard["name"].as_str().unwrap().trim_start_matches("customers/acme/profiles/support/");
        if scorecard["agentUserName"] == user_name("ben") {
            service.succeed(&import(&format!("{name}:reset"), json!({}))).await;
        }
    }
    service.advance(TimeDelta::days(1));
    assert_eq!(mean().await.1, Value::Null, "the mean of everyone is her own");
}

/// What fails while everyone's scores are written fails no request, and what two write at once is what each writes.
#[tokio::test]
async fn a_write_of_everyones_scores_that_fails_is_made_up_for() {
    let service = with_team(&["ana", "ben"]).await;
    score(&service, "ana", "two", "2026-05-20T10:00:00Z", &[("warmth", 0)]).await;
    score(&service, "ben", "two", "2026-05-20T10:00:00Z", &[("warmth", 20)]).await;
    let event = suggest(json!({"opportunityConfig": {"minimumScorecardCount": 1}}));
    let before = service.items().await;
    let first = service.calls();
    let right = service.succeed(&event).await;
    let (all, kept) = (service.calls() - first, service.items().await);
    let written = kept.keys().filter(|key| !before.contains_key(*key)).count();
    assert_eq!(written, 2, "the template's sums, and when they were made");
    let delete = async || {
        for (key, item) in service.items().await {
            if key.contains("#benchmark#") {
                let key = ["PK", "SK"].map(|name| (name.to_owned(), item[name].clone()));
                let delete = service.client().delete_item().table_name(service.table());
                delete.set_key(Some(HashMap::from(key))).send().await.unwrap();
            }
        }
    };
    // All calls are reads but the two that write.
    for passed in 0..2 {
        delete().await;
        let (app, faulty) = service.behind_faults().await;
        faulty.inject(vec![Fault::Passed; usize::try_from(all).unwrap() - written + passed]);
        faulty.inject(vec![Fault::throttled(); 10]);
        let answered = answer(event.operation(), &app, event.to_json()).await;
        assert_eq!((answered.status, &answered.body), (200, &right), "{}", answered.body);
        assert!(faulty.left() < 10, "some write failed");
        assert_eq!(service.items().await.len(), before.len() + passed);
        assert_eq!(service.succeed(&event).await, right);
        assert_eq!(service.items().await, kept);
    }
    delete().await;
    let at_once = futures_util::future::join_all((0..8).map(|_| service.send(&event))).await;
    assert!(at_once.iter().all(|answered| answered.body == right));
    assert_eq!(service.items().await, kept);
}

/// With more agents than one request adds up, each adds up a share, until all are.
#[tokio::test]
async fn a_large_profile_is_added_up_by_several_requests() {
    let agents: Vec<String> = (0..40).map(|number| format!("agent{number}")).collect();
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    let service = with_team(&agents).await;
    for (number, agent) in agents.iter().enumerate() {
        let values = [("clarity", number as u64 % 21), ("warmth", 20)];
        score(&service, agent, "two", "2026-05-20T10:00:00Z", &values).await;
    }
    let event = suggest(json!({
        "opportunityConfig": {"enabledTypes": ["OPPORTUNITY_TYPE_AVG_PERFORMER"], "minimumScorecardCount": 1},
    }));
    let small = service.succeed(&event).await;
    let without_time = |mut answer: Value| {
        answer.as_object_mut().unwrap().remove("benchmarkTime");
        answer
    };
    // The same profile with 7,900 more active agents, who have no scores: four of sixteen shares at once.
    service.count_further(7900).await;
    // As long as it is not made anew, the old one counts.
    service.advance(TimeDelta::minutes(15));
    for minutes in 0..3 {
        assert_eq!(service.succeed(&event).await, small, "{minutes}");
        service.advance(TimeDelta::minutes(1));
    }
    let renewed = service.succeed(&event).await;
    assert_eq!(renewed["benchmarkTime"], "2026-06-01T12:15:00Z", "that of the oldest share");
    assert_eq!(without_time(renewed), without_time(small.clone()));
    // Without one, answers are without everyone's mean; and requests at the same time do no harm.
    for (key, item) in service.items().await {
        if key.contains("#benchmark#") {
            let key = ["PK", "SK"].map(|name| (name.to_owned(), item[name].clone()));
            let delete = service.client().delete_item().table_name(service.table());
            delete.set_key(Some(HashMap::from(key))).send().await.unwrap();
        }
    }
    let first = service.succeed(&event).await;
    assert_eq!((&first["benchmarkPending"], &first["coachingOpportunities"]), (&json!(true), &json!([])));
    assert_eq!(first.get("benchmarkTime"), None);
    // Sums that cannot be read are made anew.
    let mut damaged = 0;
    for (key, mut item) in service.items().await {
        if key.contains("#benchmark#") && item.contains_key("cells") {
            let cells = aws_sdk_dynamodb::types::AttributeValue::S("none".to_owned());
            item.insert(["cells", "agents"][damaged % 2].to_owned(), cells);
            service.client().put_item().table_name(service.table()).set_item(Some(item)).send().await.unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 1, "{damaged}");
    loop {
        let at_once = futures_util::future::join_all((0..3).map(|_| service.succeed(&event))).await;
        if let Some(made) = at_once.into_iter().find(|answer| answer.get("benchmarkPending").is_none()) {
            assert_eq!(without_time(made), without_time(small.clone()));
            break;
        }
    }
}

/// Scorecards of six agents, targets, and a request.
#[derive(Debug, Clone)]
struct Imagined {
    scorecards: Vec<ImaginedScorecard>,
    /// The organisation's targets of each template's criteria, and those of `ana`'s plan.
    targets: [[Option<u8>; 6]; 2],
    /// The first day of the window from 1 April, and its length.
    window: (u64, u64),
    types: Vec<usize>,
    limits: [usize; 3],
    minimum_scorecards: u64,
    minimum_gap: u32,
    template: bool,
    as_agent: bool,
}

#[derive(Debug, Clone)]
struct ImaginedScorecard {
    agent: usize,
    template: usize,
    /// Days from 1 April.
    day: u64,
    values: [Option<u8>; 3],
    is_draft: bool,
}

const AGENTS: [&str; 6] = ["ana", "ben", "chloe", "dan", "eve", "finn"];
const TEMPLATES: [&str; 2] = ["courtesy", "quality"];
const CRITERIA: [(&str, u8, i64); 3] = [("greeting", 5, 1), ("listening", 5, 2), ("privacy", 1, 1)];
const DAYS_UNTIL_NOW: u64 = 61;

fn imagined() -> impl Strategy<Value = Imagined> {
    let values = [(); 3].map(|()| prop::option::weighted(0.9, 0..6_u8));
    let scorecard = (0..6_usize, 0..2_usize, 0..DAYS_UNTIL_NOW, values, prop::bool::weighted(0.1)).prop_map(
        |(agent, template, day, values, is_draft)| ImaginedScorecard { agent, template, day, values, is_draft },
    );
    let target = || prop::option::weighted(0.4, 0..=100_u8);
    let targets = [(); 2].map(|()| [(); 6].map(|()| target()));
    let request = (
        (0..DAYS_UNTIL_NOW + 5, 1..40_u64),
        prop::sample::subsequence(vec![0, 1, 2], 0..=3),
        [(); 3].map(|()| 0..4_usize),
        1..4_u64,
        prop_oneof![Just(0), Just(500), 0..3_000_u32],
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
    );
    (prop::collection::vec(scorecard, 0..60), targets, request).prop_map(|(scorecards, targets, request)| {
        let (window, types, limits, minimum_scorecards, minimum_gap, template, as_agent) = request;
        Imagined { scorecards, targets, window, types, limits, minimum_scorecards, minimum_gap, template, as_agent }
    })
}

fn day(number: u64) -> NaiveDate {
    "2026-04-01".parse::<NaiveDate>().unwrap() + Days::new(number)
}

async fn load(service: &TestService, imagined: &Imagined) {
    service.directory(&AGENTS).await;
    service.managers(&["maria"]).await;
    for template in TEMPLATES {
        service.template(template, json!({})).await;
    }
    service.plan_with("ana-plan", "ana", json!({"createTime": "2026-01-01T00:00:00Z"})).await;
    for (owner, targets) in imagined.targets.iter().enumerate() {
        for (place, value) in targets.iter().enumerate() {
            let Some(value) = value else { continue };
            let mut target = json!({
                "name": below_support(&format!("targets/target-{owner}-{place}")),
                "scorecardTemplateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[place / 3])),
                "criterionOrChapterId": CRITERIA[place % 3].0,
                "target": value,
                "usecaseName": usecase_name("care"),
                "createTime": "2026-01-02T00:00:00Z",
            });
            if owner == 1 {
                target["coachingPlanName"] = below_support("coachingPlans/ana-plan").into();
            }
            service.succeed(&import("targets", target)).await;
        }
    }
    let scorecards = imagined.scorecards.iter().enumerate().map(|(number, one)| {
        let scores = CRITERIA.iter().zip(one.values).map(|((id, maximum, _), value)| match value {
            Some(value) => json!({"criterionId": id, "numericValue": value.min(*maximum)}),
            None => json!({"criterionId": id, "notApplicable": true}),
        });
        let time = format!("{}T0{}:00:00Z", day(one.day), number % 10);
        json!({
            "name": below_support(&format!("scorecards/scorecard-{number}")),
            "conversationName": below_support(&format!("conversations/call-{number}")),
            "agentUserName": user_name(AGENTS[one.agent]),
            "templateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[one.template])),
            "usecaseName": usecase_name("care"),
            "scores": scores.collect::<Vec<_>>(),
            "createTime": time,
            "submitTime": (!one.is_draft).then_some(time),
        })
    });
    let scorecards: Vec<Value> = scorecards.collect();
    if !scorecards.is_empty() {
        let answer = service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": scorecards}))).await;
        assert!(answer["results"].as_array().unwrap().iter().all(|one| one.get("scorecard").is_some()), "{answer}");
    }
}

/// One score of a criterion: its day, its percent, and its scorecard.
type Scored<'a> = (NaiveDate, BigRational, &'a Value);

fn rational(numerator: i64, denominator: i64) -> BigRational {
    BigRational::new(numerator.into(), denominator.into())
}

fn mean(scores: &[Scored<'_>]) -> BigRational {
    scores.iter().map(|(_, score, _)| score).sum::<BigRational>() / rational(scores.len() as i64, 1)
}

/// Rounded half away from zero, to four decimals.
fn shown(value: &BigRational) -> f64 {
    (value * rational(10_000, 1)).round().to_integer().to_string().parse::<f64>().unwrap() / 10_000.0
}

fn as_f64(value: &BigRational) -> f64 {
    value.numer().to_string().parse::<f64>().unwrap() / value.denom().to_string().parse::<f64>().unwrap()
}

/// The variance of the mean, and the number of days.
fn variance(scores: &[Scored<'_>]) -> Option<(f64, f64)> {
    let mut days: BTreeMap<NaiveDate, (f64, f64)> = BTreeMap::new();
    for (day, score, _) in scores {
        let (sum, count) = days.entry(*day).or_default();
        *sum += as_f64(score);
        *count += 1.0;
    }
    let (k, n, m) = (days.len() as f64, scores.len() as f64, as_f64(&mean(scores)));
    let deviations: f64 = days.values().map(|(sum, count)| (sum - m * count).powi(2)).sum();
    (days.len() > 1).then(|| (k / (k - 1.0) * deviations / (n * n), k))
}

fn quantile(freedom: f64) -> f64 {
    const TABLE: [f64; 12] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179];
    // The table of the documentation, further than tests need.
    const MORE: [f64; 18] = [
        2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    let place = (freedom + 1e-9) as usize;
    *TABLE.iter().chain(&MORE).nth(place.clamp(1, 30) - 1).unwrap()
}

/// The opportunities of `agent` by what is listed, in no order.
fn recounted(imagined: &Imagined, agent: usize, scorecards: &[Value], body: &Value) -> Vec<(usize, Value)> {
    let (first, length) = imagined.window;
    let (window, before) = (day(first)..day(first + length), day(first) - Days::new(length)..day(first));
    let scores = |of: Option<usize>, template: usize, criterion: usize, days: &std::ops::Range<NaiveDate>| {
        let mut found: Vec<Scored<'_>> = Vec::new();
        for scorecard in scorecards {
            let template_name = below_support(&format!("scorecardTemplates/{}@1", TEMPLATES[template]));
            let is_of = of.is_none_or(|agent| scorecard["agentUserName"] == user_name(AGENTS[agent]));
            let Some(submitted) = scorecard["submitTime"].as_str() else { continue };
            let submitted = submitted.parse::<DateTime<Utc>>().unwrap().date_naive();
            // One without anything that applies has no total score and counts nowhere.
            let counts = scorecard["totalScore"].as_f64().unwrap() >= 0.0;
            if scorecard["templateName"] != template_name || !is_of || !days.contains(&submitted) || !counts {
                continue;
            }
            let (id, maximum, _) = CRITERIA[criterion];
            for score in scorecard["scores"].as_array().unwrap() {
                if score["criterionId"] == id && score["notApplicable"] != true {
                    let value = score["numericValue"].as_f64().unwrap() as i64;
                    found.push((submitted, rational(value * 100, maximum.into()), scorecard));
                }
            }
        }
        found
    };
    let minimum = imagined.minimum_scorecards as usize;
    let mut all = Vec::new();
    for (template, template_id) in TEMPLATES.into_iter().enumerate() {
        if imagined.template && template_id != "quality" {
            continue;
        }
        for (criterion, (id, _, weight)) in CRITERIA.iter().enumerate() {
            let own = scores(Some(agent), template, criterion, &window);
            if own.len() < minimum {
                continue;
            }
            for (kind, kind_name) in TYPES.into_iter().enumerate() {
                if !imagined.types.is_empty() && !imagined.types.contains(&kind) {
                    continue;
                }
                let earlier = scores(Some(agent), template, criterion, &before);
                let everyone = scores(None, template, criterion, &window);
                let place = template * 3 + criterion;
                let of_agent = imagined.targets[1][place].filter(|_| agent == 0).map(|value| (1, value));
                let target = of_agent.or(imagined.targets[0][place].map(|value| (0, value)));
                let (reference, count) = match kind {
                    0 if everyone.len() < minimum => continue,
                    0 => {
                        // Agents of the last 30 days, or of two months that hold none of these; the most of either.
                        let counted = [(day(0)..day(30), day(0)..day(30)), (day(30)..day(92), day(32)..day(62))];
                        let agents =
                            counted.iter().filter(|(days, _)| days.start < window.end && window.start < days.end);
                        let agents = agents.map(|(_, counted)| {
                            let scores = scores(None, template, criterion, counted);
                            let agents = scores.iter().map(|(_, _, one)| one["agentUserName"].as_str().unwrap());
                            agents.collect::<BTreeSet<_>>().len()
                        });
                        if imagined.as_agent && agents.max().is_none_or(|agents| agents < 5) {
                            continue;
                        }
                        (mean(&everyone), Some(everyone.len()))
                    }
                    1 => match target {
                        Some((_, value)) => (rational(value.into(), 1), None),
                        None => continue,
                    },
                    _ if earlier.len() < minimum => continue,
                    _ => (mean(&earlier), Some(earlier.len())),
                };
                let exact = &reference - mean(&own);
                let gap = shown(&exact);
                if gap <= 0.0 || gap < f64::from(imagined.minimum_gap) / 100.0 {
                    continue;
                }
                let interval = variance(&own).and_then(|(of_own, k)| match kind {
                    2 => {
                        let (of_before, before_k) = variance(&earlier)?;
                        let both = of_own + of_before;
                        let parts = of_own * of_own / (k - 1.0) + of_before * of_before / (before_k - 1.0);
                        let freedom = if parts > 0.0 { both * both / parts } else { k - 1.0 };
                        Some(quantile(freedom) * both.sqrt())
                    }
                    _ => Some(quantile(k - 1.0) * of_own.sqrt()),
                });
                let mut lowest = own.clone();
                lowest.sort_by_key(|(_, score, one)| {
                    (score.clone(), Reverse(one["submitTime"].as_str().unwrap()), one["name"].as_str().unwrap())
                });
                let evidence = lowest.iter().take(3).map(|(_, score, one)| {
                    json!({
                        "scorecardName": one["name"],
                        "conversationName": one["conversationName"],
                        "submitTime": one["submitTime"],
                        "criterionScore": shown(score),
                    })
                });
                let mut opportunity = json!({
                    "agentUserName": user_name(AGENTS[agent]),
                    "opportunityType": kind_name,
                    "usecaseName": body["usecaseNames"][0],
                    "scorecardTemplateName": below_support(&format!("scorecardTemplates/{template_id}")),
                    "chapterId": if *id == "privacy" { "duty" } else { "opening" },
                    "criterionId": id,
                    "criterionDisplayName": format!("{}{}", id[..1].to_uppercase(), &id[1..]),
                    "score": shown(&mean(&own)),
                    "scorecardCount": own.len(),
                    "reference": shown(&reference),
                    "referenceScorecardCount": count,
                    "gap": gap,
                    "impact": shown(&(exact * rational(*weight, 4))),
                    "halfInterval": interval,
                    "targetName": target.filter(|_| kind == 1).map(|(owner, _)| below_support(&format!("targets/target-{owner}-{place}"))),
                    "evidence": evidence.collect::<Vec<_>>(),
                });
                opportunity.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                all.push((kind, opportunity));
            }
        }
    }
    all
}

/// The order and the limits, by what is shown.
fn chosen(imagined: &Imagined, mut all: Vec<(usize, Value)>) -> Vec<Value> {
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    all.sort_by(|(a_kind, a), (b_kind, b)| {
        let figure = |one: &Value, field: &str| one[field].as_f64().unwrap();
        a_kind
            .cmp(b_kind)
            .then(figure(b, "impact").total_cmp(&figure(a, "impact")))
            .then(figure(b, "gap").total_cmp(&figure(a, "gap")))
            .then(text(a, "scorecardTemplateName").cmp(&text(b, "scorecardTemplateName")))
            .then(text(a, "criterionId").cmp(&text(b, "criterionId")))
    });
    let mut counts = [0; 3];
    all.retain(|(kind, _)| {
        counts[*kind] += 1;
        counts[*kind] <= if imagined.limits[*kind] == 0 { 3 } else { imagined.limits[*kind] }
    });
    all.into_iter().map(|(_, one)| one).collect()
}

/// Takes the interval out of what was answered and compares it with the half of one that was recounted.
fn compare_intervals(answered: &mut Value, right: &mut Value) {
    let answered = answered.as_object_mut().unwrap();
    let (interval, significant) = (answered.remove("interval"), answered.remove("isSignificant").unwrap());
    let half = right.as_object_mut().unwrap().remove("halfInterval");
    assert_eq!(interval.is_some(), half.is_some(), "{answered:?}");
    let (Some(interval), Some(half)) = (interval, half) else { return assert_eq!(significant, false) };
    let (gap, half) = (answered["gap"].as_f64().unwrap(), half.as_f64().unwrap());
    let [lower, upper] = ["lower", "upper"].map(|end| interval[end].as_f64().unwrap());
    assert!((lower - (gap - half)).abs() < 2e-4 && (upper - (gap + half)).abs() < 2e-4, "{interval}, {gap} ± {half}");
    assert_eq!(significant, lower > 0.0);
}

async fn compare(imagined: &Imagined) {
    let service = TestService::start().await;
    load(&service, imagined).await;
    let types: Vec<&str> = imagined.types.iter().map(|kind| TYPES[*kind]).collect();
    let (first, length) = imagined.window;
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": format!("{}T00:00:00Z", day(first)),
        "endTime": format!("{}T00:00:00Z", day(first + length)),
        "opportunityConfig": {
            "enabledTypes": types,
            "avgPerformerOpportunitiesLimit": imagined.limits[0],
            "orgTargetOpportunitiesLimit": imagined.limits[1],
            "downwardTrendOpportunitiesLimit": imagined.limits[2],
            "minimumScorecardCount": imagined.minimum_scorecards,
            "minimumGap": f64::from(imagined.minimum_gap) / 100.0,
            "includeEvidence": true,
        },
    });
    if imagined.template {
        body["scorecardTemplateNames"] = json!([below_support("scorecardTemplates/quality@*")]);
    }
    let mut event = Event::post("coachingOpportunities:suggest", body.clone()).by("agent", "ana");
    if !imagined.as_agent {
        body["agentUserNames"] = json!(AGENTS.map(user_name));
        event = Event::post("coachingOpportunities:suggest", body.clone());
    }
    let listed = Event::get("scorecards").with("pageSize", "1000");
    let scorecards = service.succeed(&listed).await["scorecards"].as_array().unwrap().clone();
    let mut right = Vec::new();
    for agent in 0..if imagined.as_agent { 1 } else { 6 } {
        right.extend(chosen(imagined, recounted(imagined, agent, &scorecards, &body)));
    }
    let answer = service.succeed(&event).await;
    assert_eq!((answer.get("unreachable"), answer.get("benchmarkPending")), (None, None));
    let found = answer["coachingOpportunities"].as_array().unwrap().clone();
    let mut answered = found.clone();
    assert_eq!(answered.len(), right.len(), "{answered:#?}\n{right:#?}");
    for (answered, right) in answered.iter_mut().zip(&mut right) {
        compare_intervals(answered, right);
    }
    assert_eq!(answered, right, "{body}");

    // A perfect scorecard raises no gap, once everyone's scores are made anew.
    let last = day(first + length - 1);
    if found.is_empty() || last >= day(DAYS_UNTIL_NOW) {
        return;
    }
    for template in TEMPLATES {
        let values = CRITERIA.map(|(id, maximum, _)| (id, u64::from(maximum)));
        score(&service, "ana", template, &format!("{last}T23:00:00Z"), &values).await;
    }
    service.advance(TimeDelta::days(1));
    body["opportunityConfig"]["minimumGap"] = json!(0);
    for (_, limit) in
        body["opportunityConfig"].as_object_mut().unwrap().iter_mut().filter(|(name, _)| name.ends_with("Limit"))
    {
        *limit = json!(20);
    }
    let after = service
        .succeed(&Event::post("coachingOpportunities:suggest", {
            let mut body = body.clone();
            body["agentUserNames"] = json!([user_name("ana")]);
            body
        }))
        .await;
    let of = ["opportunityType", "scorecardTemplateName", "criterionId"];
    for one in found.iter().filter(|one| one["agentUserName"] == user_name("ana")) {
        let same = |other: &&Value| of.iter().all(|field| other[*field] == one[*field]);
        let gap = after["coachingOpportunities"]
            .as_array()
            .unwrap()
            .iter()
            .find(same)
            .map(|other| other["gap"].as_f64().unwrap());
        assert!(gap.is_none_or(|gap| gap <= one["gap"].as_f64().unwrap()), "{one} rose to {gap:?}");
    }
}

#[test]
fn every_opportunity_equals_a_recount_of_what_lists_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = u32::try_from(coaching_tests::number_asked("CASES", 24)).unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&imagined(), |imagined| {
            runtime.block_on(compare(&imagined));
            Ok(())
        })
        .unwrap();
}
