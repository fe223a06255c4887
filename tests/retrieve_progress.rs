//! `retrieve-progress`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use coaching_domain::{Caller, ClaimNames, Parameters};
use coaching_edge::Binding;
use coaching_tests::{
    Answered, Case, Event, NOW, Target, TestService, below_support, merge, plan_name, replay, usecase_name, user,
    user_name,
};
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const CASES: [Case; 29] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-agent-user-names", status: 200, refused: &[] },
    Case { name: "by-end-time", status: 200, refused: &[] },
    Case { name: "by-start-time", status: 200, refused: &[] },
    Case { name: "by-group-names", status: 200, refused: &[] },
    Case { name: "by-include-dev-users", status: 200, refused: &[] },
    Case { name: "by-include-inactive-users", status: 200, refused: &[] },
    Case { name: "by-include-indirect-group-members", status: 200, refused: &[] },
    Case { name: "by-order-by", status: 200, refused: &[] },
    Case { name: "by-order-direction", status: 200, refused: &[] },
    Case { name: "by-scorecard-template-names", status: 200, refused: &[] },
    Case { name: "of-a-group", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "no-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "unknown-usecase", status: 400, refused: &["usecaseNames"] },
    Case { name: "foreign-usecase", status: 400, refused: &["usecaseNames[0]"] },
    Case { name: "unknown-group", status: 400, refused: &["groupNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &["scorecardTemplateNames[0]", "orderBy", "orderDirection", "endTime", "pageSize"],
    },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "unknown-names", status: 400, refused: &["usecaseNames", "scorecardTemplateNames", "groupNames"] },
    Case { name: "by-include-criteria-without-target", status: 200, refused: &[] },
    Case { name: "by-include-team", status: 200, refused: &[] },
    Case { name: "by-include", status: 200, refused: &[] },
    Case { name: "a-team-for-a-screen", status: 200, refused: &[] },
    Case { name: "an-agents-team-is-themselves", status: 200, refused: &[] },
    Case {
        name: "bad-additions",
        status: 400,
        refused: &["includeCriteriaWithoutTarget", "includeTeam", "include[0]"],
    },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-progress", &CASES, Target::Handler(&retrieve_progress::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-progress", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-progress"))).await;
}

fn retrieve(body: Value) -> Event {
    Event::post("coachingProgresses:retrieve", body)
}

fn sync(path: &str, body: Value) -> Event {
    Event::post("", body).to(&format!("/v1/customers/acme/{path}")).by("service", "sync@acme")
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// All data of a customer as plain values, from which progress is recomputed.
#[derive(Debug, Clone, Default)]
struct Imagined {
    agents: Vec<ImaginedAgent>,
    groups: Vec<ImaginedGroup>,
    scorecards: Vec<ImaginedScorecard>,
    targets: Vec<ImaginedTarget>,
    request: ImaginedRequest,
}

#[derive(Debug, Clone)]
struct ImaginedAgent {
    name: u8,
    active: bool,
    dev: bool,
    agent: bool,
    /// 0: all profiles; 1: support; 2: sales.
    profiles: u8,
    plan_active: bool,
}

#[derive(Debug, Clone)]
struct ImaginedGroup {
    members: Vec<usize>,
    /// Earlier groups only, so that there is no cycle.
    subgroups: Vec<usize>,
}

#[derive(Debug, Clone)]
struct ImaginedScorecard {
    agent: usize,
    /// The submission, in days before today; `None`: a draft.
    submitted: Option<u64>,
    template: usize,
    usecase: usize,
    /// The value of each criterion; `None`: not applicable.
    values: [Option<u8>; 3],
    /// Later steps, in order: 0 resets the scorecard, 1 submits it (today), any other corrects the first value.
    later: Vec<u8>,
}

#[derive(Debug, Clone)]
struct ImaginedTarget {
    /// The agent whose plan it is of; `None`: the organisation's.
    agent: Option<usize>,
    template: usize,
    part: usize,
    usecase: usize,
    /// The days before today from which each value is in force, and the value in hundredths; the oldest first.
    history: Vec<(u64, u32)>,
}

#[derive(Debug, Clone, Default)]
struct ImaginedRequest {
    agents: Vec<usize>,
    groups: Vec<usize>,
    usecases: Vec<usize>,
    templates: Vec<usize>,
    inactive: bool,
    dev: bool,
    indirect: bool,
    order_by: usize,
    direction: usize,
    /// The first day, in days before today, and the number of days.
    window: Option<(u64, u64)>,
    page_size: usize,
}

impl ImaginedRequest {
    /// The first day of the window, and the one after its last.
    fn days(&self) -> (NaiveDate, NaiveDate) {
        match self.window {
            None => (today() - Days::new(29), today() + Days::new(1)),
            Some((first, length)) => {
                let start = today() - Days::new(first);
                (start, start + Days::new(length))
            }
        }
    }
}

const AGENTS: usize = 5;
const GROUPS: usize = 3;
const PARTS: [&str; 6] = ["", "opening", "greeting", "listening", "duty", "privacy"];
const USECASES: [&str; 2] = ["care", "billing"];
const TEMPLATES: [&str; 2] = ["quality", "other"];
/// The criteria of each template with their maxima and their weights in thousandths.
const CRITERIA: [[(&str, u32, u32); 3]; 2] = [
    [("greeting", 5, 1_000), ("listening", 5, 2_000), ("privacy", 1, 1_000)],
    [("greeting", 7, 1_500), ("listening", 6, 2_500), ("privacy", 1, 1_000)],
];

fn imagined() -> impl Strategy<Value = Imagined> {
    let agent = (
        0..3_u8,
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.9),
        0..3_u8,
        any::<bool>(),
    );
    let agent = agent.prop_map(|(name, active, dev, agent, profiles, plan_active)| ImaginedAgent {
        name,
        active,
        dev,
        agent,
        profiles,
        plan_active,
    });
    let group = (prop::collection::vec(0..AGENTS, 0..4), prop::collection::vec(0..GROUPS, 0..2));
    let value = |most: u8| prop::option::weighted(0.8, 0..=most);
    let scorecard = (
        0..AGENTS,
        prop::option::weighted(0.9, 0..70_u64),
        0..2_usize,
        0..2_usize,
        (value(5), value(5), value(1)).prop_map(|(a, b, c)| [a, b, c]),
        prop::collection::vec(0..6_u8, 0..3),
    );
    let scorecard = scorecard.prop_map(|(agent, submitted, template, usecase, values, later)| ImaginedScorecard {
        agent,
        submitted,
        template,
        usecase,
        values,
        later,
    });
    let target = (
        prop::option::of(0..AGENTS),
        0..2_usize,
        0..PARTS.len(),
        0..2_usize,
        prop::collection::vec((0..60_u64, 0..=10_000_u32), 1..3),
    );
    let target = target.prop_map(|(agent, template, part, usecase, mut history)| {
        history.sort_by_key(|(days, _)| std::cmp::Reverse(*days));
        history.dedup_by_key(|(days, _)| *days);
        ImaginedTarget { agent, template, part, usecase, history }
    });
    let request = (
        (
            prop::collection::vec(0..AGENTS, 0..3),
            prop::collection::vec(0..GROUPS, 0..2),
            prop::collection::vec(0..2_usize, 1..3),
            prop::collection::vec(0..2_usize, 0..2),
        ),
        (any::<bool>(), any::<bool>(), any::<bool>()),
        (0..3_usize, 0..3_usize),
        prop::option::of((0..40_u64, 1..40_u64)),
        1..4_usize,
    );
    let request = request.prop_map(
        |(
            (agents, groups, usecases, templates),
            (inactive, dev, indirect),
            (order_by, direction),
            window,
            page_size,
        )| ImaginedRequest {
            agents,
            groups,
            usecases,
            templates,
            inactive,
            dev,
            indirect,
            order_by,
            direction,
            window,
            page_size,
        },
    );
    (
        prop::collection::vec(agent, AGENTS),
        prop::collection::vec(group, GROUPS),
        prop::collection::vec(scorecard, 0..30),
        // One for each plan (or the organisation), usecase, template and part.
        prop::collection::vec(target, 0..6),
        request,
    )
        .prop_map(|(agents, groups, scorecards, targets, request)| Imagined {
            groups: groups
                .into_iter()
                .enumerate()
                .map(|(index, (members, subgroups))| ImaginedGroup {
                    members,
                    subgroups: subgroups.into_iter().filter(|group| *group < index).collect(),
                })
                .collect(),
            // Only agents of the profile are scored and have plans.
            scorecards: scorecards
                .into_iter()
                .filter(|scorecard: &ImaginedScorecard| {
                    agents.get(scorecard.agent).is_some_and(|agent| agent.agent && agent.profiles < 2)
                })
                .collect(),
            targets: targets
                .into_iter()
                .filter(|target| {
                    target.agent.is_none_or(|agent| agents.get(agent).is_some_and(|agent| agent.profiles < 2))
                })
                .map(|target| ((target.agent, target.template, target.part, target.usecase), target))
                .collect::<BTreeMap<_, _>>()
                .into_values()
                .collect(),
            agents,
            request,
        })
}

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn today() -> NaiveDate {
    now().date_naive()
}

fn days_ago(days: u64) -> String {
    (now() - TimeDelta::days(i64::try_from(days).unwrap())).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn agent_id(index: usize) -> String {
    format!("agent{index}")
}

fn agent_name(agent: &ImaginedAgent) -> String {
    format!("Name {}", agent.name)
}

fn scores(values: [Option<u8>; 3]) -> Value {
    let criteria = ["greeting", "listening", "privacy"].into_iter().zip(values);
    criteria
        .map(|(criterion, value)| match value {
            Some(value) => json!({"criterionId": criterion, "numericValue": value}),
            None => json!({"criterionId": criterion, "notApplicable": true}),
        })
        .collect()
}

/// Loads everything into the service; returns the final state of each scorecard: the day it counts on, if any, and its
/// values.
async fn load(service: &TestService, customer: &Imagined) -> Vec<(Option<NaiveDate>, [Option<u8>; 3])> {
    let users: Vec<Value> = customer
        .agents
        .iter()
        .enumerate()
        .map(|(index, agent)| {
            let mut user = user(&agent_id(index));
            let profiles = [json!([]), json!(["customers/acme/profiles/support"]), json!(["customers/acme/profiles/sales"])];
            let roles = if agent.agent { json!(["agent"]) } else { json!(["manager"]) };
            merge(&mut user, json!({"displayName": agent_name(agent), "isActive": agent.active, "isDevUser": agent.dev, "roles": roles, "profileNames": profiles[usize::from(agent.profiles)]}));
            user
        })
        .collect();
    service.succeed(&sync("users:batchUpsert", json!({"users": users}))).await;
    let groups: Vec<Value> = customer
        .groups
        .iter()
        .enumerate()
        .map(|(index, group)| {
            json!({
                "name": format!("customers/acme/groups/group{index}"),
                "displayName": format!("Group {index}"),
                "memberUserNames": group.members.iter().map(|member| user_name(&agent_id(*member))).collect::<Vec<_>>(),
                "subgroupNames": group.subgroups.iter().map(|group| format!("customers/acme/groups/group{group}")).collect::<Vec<_>>(),
            })
        })
        .collect();
    service.succeed(&sync("groups:batchUpsert", json!({"groups": groups}))).await;
    let usecases: Vec<Value> = USECASES.iter().map(|id| json!({"name": usecase_name(id), "displayName": id})).collect();
    service.succeed(&import("usecases:batchUpsert", json!({"usecases": usecases}))).await;
    for (template, criteria) in TEMPLATES.into_iter().zip(CRITERIA) {
        let criteria = criteria.map(|(id, maximum, weight)| {
            let display_name = format!("{}{}", id[..1].to_uppercase(), &id[1..]);
            json!({
                "criterionId": id,
                "displayName": display_name,
                "maximumValue": maximum,
                "weight": f64::from(weight) / 1000.0,
                "autoFail": id == "privacy",
            })
        });
        let chapters = json!([
            {"chapterId": "opening", "displayName": "Opening", "criteria": criteria[..2]},
            {"chapterId": "duty", "displayName": "Duty", "criteria": criteria[2..]},
        ]);
        service.template(template, json!({"template": {"chapters": chapters}})).await;
    }
    // A revision that keeps the criteria: scorecards of both revisions count together.
    service
        .succeed(
            &Event::new("PATCH", "scorecardTemplates/other")
                .with_text(&json!({"scorecardTemplate": {"title": "Other, reworded"}}).to_string()),
        )
        .await;
    for (index, agent) in customer.agents.iter().enumerate().filter(|(_, agent)| agent.profiles < 2) {
        let plan = json!({
            "name": plan_name(&format!("plan{index}")),
            "agentUserName": user_name(&agent_id(index)),
            "creatorUserName": user_name("maria"),
            "isActive": agent.plan_active,
            "usecaseName": usecase_name("care"),
            "createTime": days_ago(200),
        });
        service.succeed(&import("coachingPlans", plan)).await;
    }
    for (index, target) in customer.targets.iter().enumerate() {
        let mut history = target.history.iter();
        let (days, value) = history.next().unwrap();
        let mut body = json!({
            "name": below_support(&format!("targets/target{index}")),
            "scorecardTemplateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[target.template])),
            "criterionOrChapterId": PARTS[target.part],
            "target": f64::from(*value) / 100.0,
            "usecaseName": usecase_name(USECASES[target.usecase]),
            "createTime": days_ago(*days),
        });
        if let Some(agent) = target.agent {
            body["coachingPlanName"] = plan_name(&format!("plan{agent}")).into();
        }
        service.succeed(&import("targets", body)).await;
        for (days, value) in history {
            // Later values are set with the service's clock on that day.
            let back = TimeDelta::days(-i64::try_from(*days).unwrap());
            service.advance(back);
            let update = json!({"target": {"target": f64::from(*value) / 100.0}});
            service
                .succeed(&Event::new("PATCH", &format!("targets/target{index}")).with_text(&update.to_string()))
                .await;
            service.advance(-back);
        }
    }
    let mut ended = Vec::new();
    let mut entries = Vec::new();
    for (index, scorecard) in customer.scorecards.iter().enumerate() {
        let mut entry = json!({
            "name": below_support(&format!("scorecards/scorecard{index}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(&agent_id(scorecard.agent)),
            "templateName": below_support(&format!("scorecardTemplates/{}@1", TEMPLATES[scorecard.template])),
            "usecaseName": usecase_name(USECASES[scorecard.usecase]),
            "scores": scores(scorecard.values),
            "createTime": days_ago(80),
        });
        if let Some(days) = scorecard.submitted {
            entry["submitTime"] = days_ago(days).into();
        }
        ended.push((scorecard.submitted.map(|days| today() - Days::new(days)), scorecard.values));
        entries.push(entry);
    }
    if !entries.is_empty() {
        let answer = service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": entries}))).await;
        assert!(answer["results"].as_array().unwrap().iter().all(|result| result["scorecard"].is_object()), "{answer}");
        // A repeat changes nothing.
        let before = service.items().await;
        service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": entries}))).await;
        assert_eq!(service.items().await, before);
    }
    for (index, scorecard) in customer.scorecards.iter().enumerate() {
        for step in &scorecard.later {
            let (day, values) = &mut ended[index];
            let path = format!("scorecards/scorecard{index}");
            match step {
                0 => {
                    service.succeed(&Event::post(&format!("{path}:reset"), json!({}))).await;
                    *day = None;
                }
                1 => {
                    service.succeed(&Event::post(&format!("{path}:submit"), json!({}))).await;
                    day.get_or_insert(today());
                }
                value => {
                    values[0] = Some(value - 1);
                    let update = json!({"scorecard": {"scores": scores(*values)}});
                    service.succeed(&Event::new("PATCH", &path).with_text(&update.to_string())).await;
                }
            }
        }
    }
    ended
}

fn ratio(numerator: i64, denominator: i64) -> BigRational {
    BigRational::new(numerator.into(), denominator.into())
}

/// A scorecard's score of a part, as a fraction of the full score, computed from the definition.
fn score_of(template: usize, part: &str, values: [Option<u8>; 3]) -> Option<BigRational> {
    let scored: Vec<(&str, BigRational, BigRational)> = CRITERIA[template]
        .into_iter()
        .zip(values)
        .filter_map(|((id, most, weight), value)| {
            Some((id, ratio(i64::from(value?), i64::from(most)), ratio(i64::from(weight), 1_000)))
        })
        .collect();
    let mean = |of: &[&str]| {
        let chosen: Vec<_> = scored.iter().filter(|(id, ..)| of.contains(id)).collect();
        let weight: BigRational = chosen.iter().map(|(.., weight)| weight).sum();
        let sum: BigRational = chosen.iter().map(|(_, score, weight)| score * weight).sum();
        (!chosen.is_empty()).then(|| sum / weight)
    };
    let whole = mean(&["greeting", "listening", "privacy"]);
    match part {
        "" if values[2] == Some(0) => whole.map(|_| ratio(0, 1)),
        "" => whole,
        "opening" => mean(&["greeting", "listening"]),
        "duty" => mean(&["privacy"]),
        criterion => mean(&[criterion]),
    }
}

fn mean(scores: &[BigRational]) -> Option<BigRational> {
    let count = i64::try_from(scores.len()).unwrap();
    (count > 0).then(|| scores.iter().sum::<BigRational>() / ratio(count, 1))
}

/// A score in ten-thousandths of a percentage point, rounded half away from zero.
fn shown(score: &BigRational) -> i64 {
    i64::try_from((score * ratio(1_000_000, 1)).round().to_integer()).unwrap()
}

fn points(score: &BigRational) -> Value {
    json!(f64::from(i32::try_from(shown(score)).unwrap()) / 10_000.0)
}

/// The expected answer, agent by agent in order, computed from the raw scorecards alone.
fn recomputed(customer: &Imagined, ended: &[(Option<NaiveDate>, [Option<u8>; 3])]) -> Vec<Value> {
    let asked = &customer.request;
    let (start, end) = asked.days();
    let baseline = start - (end - start)..start;
    let chosen = agents_asked_for(customer);
    let mut answers: Vec<(Option<i64>, Option<i64>, String, Value)> = Vec::new();
    for index in chosen {
        let agent = &customer.agents[index];
        let own: Vec<(usize, &ImaginedTarget)> = customer
            .targets
            .iter()
            .enumerate()
            .filter(|(_, target)| target.agent == Some(index) && agent.plan_active)
            .collect();
        let organisation = customer.targets.iter().enumerate().filter(|(_, target)| target.agent.is_none());
        let mut targets: Vec<(usize, &ImaginedTarget, u32)> = own
            .iter()
            .copied()
            .chain(organisation)
            .filter(|(_, target)| asked.usecases.contains(&target.usecase))
            .filter(|(_, target)| asked.templates.is_empty() || asked.templates.contains(&target.template))
            .filter_map(|(place, target)| {
                let in_force = target.history.iter().rev().find(|(days, _)| {
                    let from = now() - TimeDelta::days(i64::try_from(*days).unwrap());
                    from < end.and_time(chrono::NaiveTime::MIN).and_utc()
                });
                Some((place, target, in_force?.1))
            })
            .collect();
        let key = |target: &ImaginedTarget| (target.usecase, target.template, target.part);
        let replaced: HashSet<_> =
            targets.iter().filter(|(_, target, _)| target.agent.is_some()).map(|(_, target, _)| key(target)).collect();
        targets.retain(|(_, target, _)| target.agent.is_some() || !replaced.contains(&key(target)));
        targets.sort_by_key(|(place, target, _)| (TEMPLATES[target.template], PARTS[target.part], *place));
        let mut progresses = Vec::new();
        let mut gaps = Vec::new();
        let mut criteria = Vec::new();
        for (place, target, value) in targets {
            let over = |days: &std::ops::Range<NaiveDate>| {
                let of = customer.scorecards.iter().zip(ended).filter(|(scorecard, (day, _))| {
                    scorecard.agent == index
                        && scorecard.template == target.template
                        && scorecard.usecase == target.usecase
                        && day.is_some_and(|day| days.contains(&day))
                });
                let found = of.filter_map(|(_, (_, values))| score_of(target.template, PARTS[target.part], *values));
                let found: Vec<BigRational> = found.collect();
                (mean(&found), found.len())
            };
            let ((score, count), (before, before_count)) = (over(&(start..end)), over(&baseline));
            let mut one = json!({
                "targetName": below_support(&format!("targets/target{place}")),
                "usecaseName": usecase_name(USECASES[target.usecase]),
                "scorecardTemplateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[target.template])),
                "criterionDisplayName": display_name(target.template, PARTS[target.part]),
                "target": points(&ratio(i64::from(value), 10_000)),
                "scorecardCount": count,
                "baselineScorecardCount": before_count,
            });
            if target.part > 0 {
                one["criterionOrChapterId"] = PARTS[target.part].into();
            }
            if let Some(agent) = target.agent {
                one["coachingPlanName"] = plan_name(&format!("plan{agent}")).into();
            }
            if let Some(before) = &before {
                one["baselineScore"] = points(before);
            }
            if let Some(score) = &score {
                let gap = ratio(i64::from(value), 10_000) - score;
                one["score"] = points(score);
                one["gap"] = points(&gap);
                gaps.push(gap.max(ratio(0, 1)));
            }
            if let (Some(score), Some(before)) = (score, before) {
                let progress = score - before;
                one["progress"] = points(&progress);
                progresses.push(progress);
            }
            criteria.push(one);
        }
        let (progress, gap) = (mean(&progresses), mean(&gaps));
        let in_scope = agent.plan_active && asked.usecases.contains(&0);
        let mut answer = json!({
            "agentUserName": user_name(&agent_id(index)),
            "agentDisplayName": agent_name(agent),
            "coachingPlanNames": if in_scope { json!([plan_name(&format!("plan{index}"))]) } else { json!([]) },
            "criterionProgresses": criteria,
            "coachingSessionCount": 0,
        });
        if let Some(progress) = &progress {
            answer["progress"] = points(progress);
        }
        if let Some(gap) = &gap {
            answer["gap"] = points(gap);
        }
        answers.push((progress.as_ref().map(shown), gap.as_ref().map(shown), agent_name(agent), answer));
    }
    let name = |answer: &Value| answer["agentUserName"].as_str().unwrap().to_owned();
    answers.sort_by(|a, b| {
        let descending = asked.direction == 2;
        let turned = |order: std::cmp::Ordering| if descending { order.reverse() } else { order };
        let order = match asked.order_by {
            0 => turned(a.2.cmp(&b.2)),
            by => {
                let value =
                    |answer: &(Option<i64>, Option<i64>, String, Value)| if by == 1 { answer.0 } else { answer.1 };
                match (value(a), value(b)) {
                    (Some(a), Some(b)) => turned(a.cmp(&b)),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                }
            }
        };
        order.then_with(|| name(&a.3).cmp(&name(&b.3)))
    });
    answers.into_iter().map(|(.., answer)| answer).collect()
}

fn display_name(template: usize, part: &str) -> &'static str {
    match part {
        "" if template == 1 => "Other, reworded",
        "" => "Quality",
        "opening" => "Opening",
        "greeting" => "Greeting",
        "listening" => "Listening",
        "duty" => "Duty",
        _ => "Privacy",
    }
}

fn agents_asked_for(customer: &Imagined) -> BTreeSet<usize> {
    let asked = &customer.request;
    let mut named: BTreeSet<usize> = asked.agents.iter().copied().collect();
    let mut groups: Vec<usize> = asked.groups.clone();
    while let Some(group) = groups.pop() {
        named.extend(&customer.groups[group].members);
        if asked.indirect {
            groups.extend(&customer.groups[group].subgroups);
        }
    }
    if asked.agents.is_empty() && asked.groups.is_empty() {
        named = (0..AGENTS).collect();
    }
    named.retain(|index| {
        let agent = &customer.agents[*index];
        agent.agent && agent.profiles != 2 && (agent.active || asked.inactive) && (!agent.dev || asked.dev)
    });
    named
}

fn request_body(asked: &ImaginedRequest) -> Value {
    let mut body = json!({
        "agentUserNames": asked.agents.iter().map(|agent| user_name(&agent_id(*agent))).collect::<Vec<_>>(),
        "groupNames": asked.groups.iter().map(|group| format!("customers/acme/groups/group{group}")).collect::<Vec<_>>(),
        "usecaseNames": asked.usecases.iter().map(|usecase| usecase_name(USECASES[*usecase])).collect::<Vec<_>>(),
        "scorecardTemplateNames": asked.templates.iter().map(|template| below_support(&format!("scorecardTemplates/{}@*", TEMPLATES[*template]))).collect::<Vec<_>>(),
        "includeInactiveUsers": asked.inactive,
        "includeDevUsers": asked.dev,
        "includeIndirectGroupMembers": asked.indirect,
        "orderBy": asked.order_by,
        "orderDirection": asked.direction,
        "pageSize": asked.page_size,
    });
    if let Some((first, length)) = asked.window {
        let start = today() - Days::new(first);
        body["startTime"] = format!("{start}T00:00:00Z").into();
        body["endTime"] = format!("{}T00:00:00Z", start + Days::new(length)).into();
    }
    body
}

/// The agents of all pages of `body`.
async fn walk(service: &TestService, body: &Value) -> Vec<Value> {
    let mut agents = Vec::new();
    let mut body = body.clone();
    loop {
        let answer = service.succeed(&retrieve(body.clone())).await;
        let page = answer["agentCoachingProgresses"].as_array().unwrap();
        agents.extend(page.iter().cloned());
        match answer.get("nextPageToken") {
            None => return agents,
            Some(token) => {
                assert_eq!(json!(page.len()), body["pageSize"], "a page that is not the last is full");
                body["pageToken"] = token.clone();
            }
        }
    }
}

#[test]
fn every_figure_and_the_order_equal_a_recomputation_from_raw_scorecards() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, max_shrink_iters: 200, ..Config::default() });
    let check = |customer: Imagined| {
        runtime.block_on(async {
            let service = TestService::start().await;
            let ended = load(&service, &customer).await;
            let answered = walk(&service, &request_body(&customer.request)).await;
            prop_assert_eq!(&answered, &recomputed(&customer, &ended));
            let (with_all, team) = walk_with_team(&service, &request_body(&customer.request)).await;
            let listed = listed(&service).await;
            let (start, end) = customer.request.days();
            let scores = Recount { listed: &listed, window: start..end, asked: &customer.request };
            prop_assert_eq!(&with_all, &scores.with_criteria_without_target(&answered));
            prop_assert_eq!(team, scores.team(&answered));
            Ok(())
        })
    };
    runner.run(&imagined(), check).unwrap();
}

/// The agents of all pages of `body` with all that can be answered beside their targets, and the team, which only the first
/// page has.
async fn walk_with_team(service: &TestService, body: &Value) -> (Vec<Value>, Value) {
    let (mut agents, mut team) = (Vec::new(), Value::Null);
    let mut body = body.clone();
    merge(&mut body, json!({"includeCriteriaWithoutTarget": true, "includeTeam": true, "include": ["displayNames"]}));
    loop {
        let answer = service.succeed(&retrieve(body.clone())).await;
        let page = answer["agentCoachingProgresses"].as_array().unwrap();
        let names = page
            .iter()
            .map(|agent| (agent["agentUserName"].as_str().unwrap().to_owned(), agent["agentDisplayName"].clone()));
        assert_eq!(answer["displayNames"], Value::Object(names.collect()));
        assert_eq!(answer.get("team").is_some(), body.get("pageToken").is_none());
        if let Some(told) = answer.get("team") {
            team = told.clone();
        }
        agents.extend(page.iter().cloned());
        let Some(token) = answer.get("nextPageToken") else { return (agents, team) };
        body["pageToken"] = token.clone();
    }
}

/// A submitted scorecard, as it is listed.
struct Listed {
    agent: String,
    template: usize,
    usecase: String,
    day: NaiveDate,
    values: [Option<u8>; 3],
}

async fn listed(service: &TestService) -> Vec<Listed> {
    let answer = service.succeed(&Event::get("scorecards").with("pageSize", "1000")).await;
    let scorecards = answer["scorecards"].as_array().unwrap().iter();
    let submitted = scorecards.filter_map(|scorecard| {
        let text = |field: &str| scorecard[field].as_str().unwrap();
        let day = scorecard.get("submitTime")?.as_str()?.parse::<DateTime<Utc>>().unwrap().date_naive();
        let value = |criterion: &str| {
            let mut scores = scorecard["scores"].as_array().unwrap().iter();
            let score = scores.find(|score| score["criterionId"] == criterion)?;
            Some(u8::try_from(score.get("numericValue")?.as_f64()?.round() as i64).unwrap())
        };
        Some(Listed {
            agent: text("agentUserName").to_owned(),
            template: TEMPLATES.iter().position(|id| text("templateName").contains(&format!("/{id}@"))).unwrap(),
            usecase: text("usecaseName").to_owned(),
            day,
            values: ["greeting", "listening", "privacy"].map(value),
        })
    });
    submitted.collect()
}

/// A recount of scores from what is listed.
struct Recount<'a> {
    listed: &'a [Listed],
    window: std::ops::Range<NaiveDate>,
    asked: &'a ImaginedRequest,
}

/// The places of rows in their order: template, part, usecase.
type Place = (usize, String, String);

impl Recount<'_> {
    /// The scores of `agents` in the window, and in the baseline.
    fn scores(&self, agents: &[&str], (template, part, usecase): &Place) -> [Vec<BigRational>; 2] {
        let baseline = self.window.start - (self.window.end - self.window.start)..self.window.start;
        [self.window.clone(), baseline].map(|days| {
            let of = self.listed.iter().filter(|one| {
                agents.contains(&one.agent.as_str())
                    && (one.template, &one.usecase) == (*template, usecase)
                    && days.contains(&one.day)
            });
            of.filter_map(|one| score_of(*template, part, one.values)).collect()
        })
    }

    /// The criteria that were scored of `agents` in the window, without those in `known`.
    fn criteria(&self, agents: &[&str], known: &[Place]) -> Vec<Place> {
        let templates = (0..2).filter(|one| self.asked.templates.is_empty() || self.asked.templates.contains(one));
        let usecases: BTreeSet<usize> = self.asked.usecases.iter().copied().collect();
        let places = templates.flat_map(|template| {
            let usecases = &usecases;
            ["greeting", "listening", "privacy"].into_iter().flat_map(move |criterion| {
                usecases.iter().map(move |one| (template, criterion.to_owned(), usecase_name(USECASES[*one])))
            })
        });
        places.filter(|place| !known.contains(place) && !self.scores(agents, place)[0].is_empty()).collect()
    }

    /// The row of `place`, for the mean of `targets`, with its exact progress and gap.
    fn row(
        &self,
        agents: &[&str],
        place: &Place,
        targets: &[BigRational],
    ) -> (Value, Option<BigRational>, Option<BigRational>) {
        let scores = self.scores(agents, place);
        let counts = [scores[0].len(), scores[1].len()];
        let [score, before] = scores.map(|scores| mean(&scores));
        let (template, part, usecase) = place;
        let mut row = json!({
            "usecaseName": usecase,
            "scorecardTemplateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[*template])),
            "criterionDisplayName": display_name(*template, part),
            "scorecardCount": counts[0],
            "baselineScorecardCount": counts[1],
        });
        if !part.is_empty() {
            row["criterionOrChapterId"] = part.as_str().into();
        }
        let target = mean(targets);
        let progress = target.as_ref().and(score.as_ref()).zip(before.as_ref()).map(|(score, before)| score - before);
        let gap = target.as_ref().zip(score.as_ref()).map(|(target, score)| target - score);
        let figures = [("target", &target), ("score", &score), ("baselineScore", &before), ("progress", &progress)];
        for (field, figure) in figures.into_iter().chain([("gap", &gap)]) {
            if let Some(figure) = figure {
                row[field] = points(figure);
            }
        }
        if target.is_none() {
            row["withoutTarget"] = true.into();
        }
        (row, progress, gap)
    }

    fn place_of(row: &Value) -> Place {
        let text = |field: &str| row.get(field).map_or("", |text| text.as_str().unwrap()).to_owned();
        let template = text("scorecardTemplateName");
        let template = TEMPLATES.iter().position(|id| template.ends_with(&format!("/{id}"))).unwrap();
        (template, text("criterionOrChapterId"), text("usecaseName"))
    }

    /// `agents` as they are answered with their targets alone, with what they were scored on beside these.
    fn with_criteria_without_target(&self, agents: &[Value]) -> Vec<Value> {
        let mut agents = agents.to_vec();
        for agent in &mut agents {
            let name = agent["agentUserName"].as_str().unwrap().to_owned();
            let rows = agent["criterionProgresses"].as_array_mut().unwrap();
            let known: Vec<Place> = rows.iter().map(Self::place_of).collect();
            let mut without = self.criteria(&[&name], &known);
            without.sort_by_key(|(template, part, usecase)| (TEMPLATES[*template], part.clone(), usecase.clone()));
            rows.extend(without.iter().map(|place| self.row(&[&name], place, &[]).0));
        }
        agents
    }

    /// The team of `agents`, whose targets are those in their rows.
    fn team(&self, agents: &[Value]) -> Value {
        let names: Vec<&str> = agents.iter().map(|agent| agent["agentUserName"].as_str().unwrap()).collect();
        let mut targets: BTreeMap<Place, Vec<BigRational>> = BTreeMap::new();
        for agent in agents {
            let mut own: BTreeMap<Place, BigRational> = BTreeMap::new();
            for row in agent["criterionProgresses"].as_array().unwrap() {
                let hundredths = (row["target"].as_f64().unwrap() * 100.0).round() as i64;
                let target = ratio(hundredths, 10_000);
                let highest = own.entry(Self::place_of(row)).or_insert_with(|| target.clone());
                *highest = highest.clone().max(target);
            }
            own.into_iter().for_each(|(place, target)| targets.entry(place).or_default().push(target));
        }
        let known: Vec<Place> = targets.keys().cloned().collect();
        let order = |place: &Place| (TEMPLATES[place.0], place.1.clone(), place.2.clone());
        let mut with_target: Vec<(Place, Vec<BigRational>)> = targets.into_iter().collect();
        with_target.sort_by_key(|(place, _)| order(place));
        let mut without = self.criteria(&names, &known);
        without.sort_by_key(order);
        let all = with_target.into_iter().chain(without.into_iter().map(|place| (place, Vec::new())));
        let rows: Vec<_> = all.map(|(place, targets)| self.row(&names, &place, &targets)).collect();
        let progresses: Vec<BigRational> = rows.iter().filter_map(|(_, progress, _)| progress.clone()).collect();
        let gaps = rows.iter().filter_map(|(.., gap)| Some(gap.clone()?.max(ratio(0, 1))));
        let gaps: Vec<BigRational> = gaps.collect();
        let rows: Vec<&Value> = rows.iter().map(|(row, ..)| row).collect();
        let mut team = json!({"agentCount": agents.len(), "criterionProgresses": rows});
        for (field, figures) in [("progress", &progresses), ("gap", &gaps)] {
            if let Some(figure) = mean(figures) {
                team[field] = points(&figure);
            }
        }
        team
    }
}

/// Names that are prefixes of each other, so that the separator between name and id in an index matters.
const NAMES: [&str; 5] = ["A", "A B", "AB", "a", "Á"];

/// The form of a name that it is sorted by.
fn place_of_name(name: &str) -> &'static str {
    match name {
        "A B" => "a b",
        "AB" => "ab",
        _ => "a",
    }
}

#[derive(Debug, Clone)]
struct Namesake {
    name: &'static str,
    of_all_profiles: bool,
    active: bool,
    dev: bool,
}

fn namesakes() -> impl Strategy<Value = Vec<Namesake>> {
    let name = prop_oneof![3 => Just("A B"), 1 => prop::sample::select(&NAMES[..])];
    let agent = (name, any::<bool>(), prop::bool::weighted(0.8), prop::bool::weighted(0.1));
    let agent = agent.prop_map(|(name, of_all_profiles, active, dev)| Namesake { name, of_all_profiles, active, dev });
    prop::collection::vec(agent, 0..60)
}

#[test]
fn pages_by_name_go_through_everyone_once_in_order_in_either_direction() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: 16, failure_persistence: None, max_shrink_iters: 200, ..Config::default() });
    let check = |agents: Vec<Namesake>| {
        runtime.block_on(async {
            let service = TestService::start().await;
            service.usecase().await;
            let users = agents.iter().enumerate().map(|(index, agent)| {
                let mut user = user(&agent_id(index));
                merge(&mut user, json!({"displayName": agent.name, "isActive": agent.active, "isDevUser": agent.dev}));
                if agent.of_all_profiles {
                    user["profileNames"] = json!([]);
                }
                user
            });
            let users: Vec<Value> = users.collect();
            if !users.is_empty() {
                service.succeed(&sync("users:batchUpsert", json!({"users": users}))).await;
            }
            for (descending, inactive, page_size) in [
                (false, false, 3),
                (false, true, 50),
                (true, false, 1),
                (true, true, 2),
                (true, false, 7),
                (true, true, 20),
                (true, true, 100),
            ] {
                let listed = agents.iter().enumerate().filter(|(_, agent)| !agent.dev && (agent.active || inactive));
                let mut expected: Vec<(&str, String)> =
                    listed.map(|(index, agent)| (agent.name, user_name(&agent_id(index)))).collect();
                expected.sort_by(|(a, a_id), (b, b_id)| {
                    let as_read = |name: &str| (place_of_name(name), name.to_owned());
                    let by_name = as_read(a).cmp(&as_read(b));
                    (if descending { by_name.reverse() } else { by_name }).then_with(|| a_id.cmp(b_id))
                });
                let body = json!({
                    "usecaseNames": [usecase_name("care")],
                    "includeInactiveUsers": inactive,
                    "orderDirection": if descending { "ORDER_DIRECTION_DESC" } else { "ORDER_DIRECTION_ASC" },
                    "pageSize": page_size,
                });
                let answered = walk(&service, &body).await;
                let answered: Vec<(&str, String)> = answered
                    .iter()
                    .map(|agent| {
                        let text = |field: &str| agent[field].as_str().unwrap();
                        (text("agentDisplayName"), text("agentUserName").to_owned())
                    })
                    .collect();
                prop_assert_eq!(answered, expected, "{}", body);
            }
            Ok(())
        })
    };
    runner.run(&namesakes(), check).unwrap();
}

/// Imports `count` submitted scorecards of `agent`, `days` days before now.
async fn submit_many(service: &TestService, agent: &str, days: u64, count: usize) {
    let entries: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "conversationName": below_support("conversations/call"),
                "agentUserName": user_name(agent),
                "templateName": below_support("scorecardTemplates/quality"),
                "scores": scores([Some(u8::try_from(number % 6).unwrap()), Some(3), Some(1)]),
                "createTime": days_ago(days),
                "submitTime": days_ago(days),
            })
        })
        .collect();
    for entries in entries.chunks(500) {
        service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": entries}))).await;
    }
}

#[tokio::test]
async fn a_progress_costs_the_same_however_many_scorecards_there_are() {
    let mut units = Vec::new();
    for a_day in [10, 1000] {
        let service = TestService::seeded().await;
        for days in [0, 3, 33] {
            submit_many(&service, "ana", days, a_day).await;
        }
        let (answered, spent) = service
            .spending(&retrieve(json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]})))
            .await;
        assert_eq!(
            answered.body["agentCoachingProgresses"][0]["criterionProgresses"][0]["scorecardCount"],
            2 * a_day + 1
        );
        units.push((spent.read_units, spent.calls));
    }
    assert_eq!(units[0], units[1]);
}

#[tokio::test]
async fn a_team_of_25_costs_at_most_2_read_units_an_agent() {
    let service = TestService::seeded().await;
    let agents: Vec<String> = (0..25).map(agent_id).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (index, agent) in agents.iter().enumerate() {
        service.plan_with(&format!("plan{index}"), agent, json!({"usecaseName": usecase_name("care")})).await;
        for days in [1, 40] {
            submit_many(&service, agent, days, 2).await;
        }
    }
    let event = retrieve(json!({"usecaseNames": [usecase_name("care")], "groupNames": ["customers/acme/groups/team"]}));
    let (answered, spent) = service.spending(&event).await;
    assert_eq!(answered.body["agentCoachingProgresses"].as_array().unwrap().len(), 25, "{}", answered.body);
    assert!(spent.read_units <= 50.0, "{} units", spent.read_units);
    assert_eq!((spent.calls, spent.write_units), (6, 0.0));
    assert!(spent.read_units == 39.5 || !service.tells_units_of_batches().await, "{} units", spent.read_units);
}

fn agents_of(answered: &Answered) -> Vec<&str> {
    let agents = answered.body["agentCoachingProgresses"].as_array().unwrap();
    agents.iter().map(|agent| agent["agentUserName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_by_progress_stay_as_they_were_while_scorecards_arrive() {
    let service = TestService::seeded().await;
    let agents: Vec<String> = (0..9).map(agent_id).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (index, agent) in agents.iter().enumerate() {
        submit_many(&service, agent, 1, index + 1).await;
    }
    let mut body = json!({"usecaseNames": [usecase_name("care")], "orderBy": "ORDER_BY_GAP", "pageSize": 4});
    let first = service.send(&retrieve(body.clone())).await;
    let mut seen: Vec<String> = agents_of(&first).into_iter().map(str::to_owned).collect();
    body["pageToken"] = first.body["nextPageToken"].clone();
    for days in 0..3 {
        submit_many(&service, "agent8", days, 7).await;
        submit_many(&service, "agent0", days, 5).await;
    }
    let (second, spent) = service.spending(&retrieve(body.clone())).await;
    assert_eq!(spent.write_units, 0.0);
    seen.extend(agents_of(&second).into_iter().map(str::to_owned));
    let moved = service
        .send(&retrieve({
            let mut other = body.clone();
            other["orderBy"] = "ORDER_BY_PROGRESS".into();
            other
        }))
        .await;
    assert_eq!((moved.status, moved.refused_fields()), (400, vec!["pageToken".to_owned()]));
    body["pageToken"] = second.body["nextPageToken"].clone();
    body["pageSize"] = 100.into();
    let third = service.send(&retrieve(body)).await;
    seen.extend(agents_of(&third).into_iter().map(str::to_owned));
    assert_eq!(third.body.get("nextPageToken"), None);
    assert_eq!(seen.len(), 11);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 11, "everyone once: {seen:?}");
}

/// The binding of a page token for requests of `user` with `role` for care by gap.
fn binding_of(role: &str, user: &str) -> Binding {
    let claims = |name: &str| match name {
        "customer" => Some("acme".into()),
        "profiles" => Some("*".into()),
        "role" => Some(role.to_owned().into()),
        "sub" => Some(user.to_owned().into()),
        _ => None,
    };
    #[expect(clippy::disallowed_methods, reason = "the test forges a token")]
    let caller = Caller::from_verified_claims(&ClaimNames::default(), claims).unwrap();
    let mut parameters = Parameters::default();
    parameters.add("usecaseNames", [usecase_name("care")].iter());
    parameters.add("orderBy", ["ORDER_BY_GAP"].iter());
    Binding::new("retrieve-progress", &caller, &caller.enter("acme", "support").unwrap(), &parameters)
}

#[tokio::test]
async fn a_kept_order_is_found_only_by_whom_it_was_kept_for() {
    let service = TestService::seeded().await;
    let agents: Vec<String> = (0..4).map(agent_id).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut body = json!({"usecaseNames": [usecase_name("care")], "orderBy": "ORDER_BY_GAP", "pageSize": 2});
    let first = service.succeed(&retrieve(body.clone())).await;
    let token = first["nextPageToken"].as_str().unwrap();
    body["pageToken"] = token.into();
    service.succeed(&retrieve(body.clone()).by("manager", "mike")).await;
    // A caller with the secret reads the position of the manager's list, and puts it into a token of their own.
    let (tokens, now) = (&service.app.page_tokens, service.app.now().unwrap());
    let place = tokens.open(token, &binding_of("manager", "maria"), now).unwrap();
    for (role, user) in [("agent", "ana"), ("agent", "agent0"), ("service", "sync@acme"), ("admin", "root")] {
        let asking = |token: &str| {
            let mut body = body.clone();
            body["pageToken"] = token.into();
            retrieve(body).by(role, user)
        };
        let stolen = service.refused(&asking(token), 400).await;
        assert_eq!(
            stolen.body["message"].as_str().unwrap().split(';').next(),
            Some("pageToken: is not the nextPageToken of a request with the same parameters")
        );
        let forged = tokens.seal(&place, &binding_of(role, user), now).unwrap();
        let forged = service.refused(&asking(&forged), 400).await;
        assert_eq!(
            forged.body["message"], "pageToken: has expired; start again without it",
            "{role} {user}: it opens, and finds nothing"
        );
    }
}

#[tokio::test]
async fn pages_by_name_go_on_after_an_agent_who_left() {
    for direction in ["ORDER_DIRECTION_ASC", "ORDER_DIRECTION_DESC"] {
        for groups in [json!(["customers/acme/groups/team"]), json!([])] {
            let service = TestService::start().await;
            let agents: Vec<String> = (0..5).map(agent_id).collect();
            service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let namesake = |agent: &str, is_active: bool| {
                let mut user = user(agent);
                merge(&mut user, json!({"displayName": "Ana", "isActive": is_active}));
                user
            };
            let users: Vec<Value> = agents.iter().map(|agent| namesake(agent, true)).collect();
            service.succeed(&sync("users:batchUpsert", json!({"users": users}))).await;
            let mut body = json!({
                "groupNames": groups,
                "usecaseNames": [usecase_name("care")],
                "orderDirection": direction,
                "pageSize": 2,
            });
            let first = service.send(&retrieve(body.clone())).await;
            assert_eq!(agents_of(&first), [user_name("agent0"), user_name("agent1")]);
            service.succeed(&sync("users:batchUpsert", json!({"users": [namesake("agent1", false)]}))).await;
            body["pageToken"] = first.body["nextPageToken"].clone();
            let second = service.send(&retrieve(body)).await;
            assert_eq!(agents_of(&second), [user_name("agent2"), user_name("agent3")], "{direction}, {groups}");
        }
    }
}

#[tokio::test]
async fn a_past_window_keeps_its_gap_when_the_target_moves() {
    let service = TestService::seeded().await;
    let past = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")], "startTime": "2026-06-01T00:00:00Z", "endTime": "2026-06-02T00:00:00Z"});
    submit_many(&service, "ana", 0, 1).await;
    service.advance(TimeDelta::days(10));
    let before = service.succeed(&retrieve(past.clone())).await;
    let update = json!({"target": {"target": 20}});
    service.succeed(&Event::new("PATCH", "targets/greeting-target").with_text(&update.to_string())).await;
    assert_eq!(service.succeed(&retrieve(past)).await, before);
    assert_eq!(before["agentCoachingProgresses"][0]["criterionProgresses"][0]["target"], 80.0);
    let present = service.succeed(&retrieve(json!({"usecaseNames": [usecase_name("care")]}))).await;
    assert_eq!(present["agentCoachingProgresses"][0]["criterionProgresses"][0]["target"], 20.0);
}

/// `ana` with a plan and a target of her own, and an organisation's target beside it, ten days after the first of June.
async fn coached_in_may() -> TestService {
    let service = TestService::seeded().await;
    let plan = json!({
        "name": plan_name("coached"),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "isActive": true,
        "usecaseName": usecase_name("care"),
        "createTime": "2026-04-01T10:00:00Z",
    });
    service.succeed(&import("coachingPlans", plan)).await;
    for (id, part, plan) in [("own", "privacy", Some(plan_name("coached"))), ("all", "privacy", None)] {
        let target = json!({
            "name": below_support(&format!("targets/{id}")),
            "scorecardTemplateName": below_support("scorecardTemplates/quality"),
            "criterionOrChapterId": part,
            "target": 60,
            "usecaseName": usecase_name("care"),
            "coachingPlanName": plan,
            "createTime": "2026-04-02T10:00:00Z",
        });
        service.succeed(&import("targets", target)).await;
    }
    service.advance(TimeDelta::days(10));
    service
}

fn may(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    merge(&mut body, more);
    retrieve(body)
}

fn patch(path: &str, body: Value) -> Event {
    Event::new("PATCH", path).with_text(&body.to_string())
}

#[tokio::test]
async fn a_window_that_is_over_keeps_its_figures() {
    let changed = |more: Value| {
        let mut ana = user("ana");
        merge(&mut ana, more);
        sync("users:batchUpsert", json!({"users": [ana]}))
    };
    let close = patch("coachingPlans/coached", json!({"coachingPlan": {"isActive": false}}));
    let open = patch("coachingPlans/coached", json!({"coachingPlan": {"isActive": true}}));
    let lower = |target: &str| patch(&format!("targets/{target}"), json!({"target": {"target": 5}}));
    let delete = |path: &str| Event::new("DELETE", path);
    let histories: Vec<(&str, Vec<Event>)> = vec![
        ("a plan is closed", vec![close.clone()]),
        ("a plan is closed and opened again", vec![close.clone(), open.clone()]),
        ("a plan is closed, and its target moved", vec![lower("own"), close.clone(), lower("own")]),
        ("a plan's target is deleted", vec![delete("targets/own")]),
        ("a plan's target is moved and deleted", vec![lower("own"), delete("targets/own")]),
        ("a closed plan's target is deleted, and the plan opened again", vec![close, delete("targets/own"), open]),
        ("the organisation's target is deleted", vec![delete("targets/all"), delete("targets/greeting-target")]),
        ("a plan is deleted with all that hangs on it", vec![delete("coachingPlans/coached?force=true")]),
        ("the agent is promoted", vec![changed(json!({"roles": ["manager"]}))]),
        (
            "the agent moves to another profile",
            vec![changed(json!({"profileNames": ["customers/acme/profiles/sales"]}))],
        ),
        ("the agent works everywhere", vec![changed(json!({"profileNames": []}))]),
        ("the agent leaves", vec![changed(json!({"isActive": false}))]),
        (
            "the agent leaves and comes back",
            vec![changed(json!({"isActive": false})), changed(json!({"isActive": true}))],
        ),
        ("the agent becomes a test user", vec![changed(json!({"isDevUser": true}))]),
    ];
    for (what, events) in histories {
        let service = coached_in_may().await;
        let requests = [
            json!({}),
            json!({"orderBy": "ORDER_BY_GAP"}),
            json!({"agentUserNames": [user_name("ana")]}),
            json!({"groupNames": ["customers/acme/groups/team"]}),
            json!({"pageSize": 1, "orderDirection": "ORDER_DIRECTION_DESC"}),
        ];
        let mut before = Vec::new();
        for request in &requests {
            let mut answer = service.succeed(&may(request.clone())).await;
            answer.as_object_mut().unwrap().remove("nextPageToken");
            before.push(answer);
        }
        let own = &before[2]["agentCoachingProgresses"][0];
        assert_eq!(own["coachingPlanNames"], json!([plan_name("coached")]));
        for event in &events {
            service.succeed(event).await;
            service.advance(TimeDelta::hours(1));
        }
        for (request, before) in requests.iter().zip(before) {
            let mut answer = service.succeed(&may(request.clone())).await;
            answer.as_object_mut().unwrap().remove("nextPageToken");
            assert_eq!(answer, before, "{what}: {request}");
        }
    }
}

#[tokio::test]
async fn who_left_within_the_window_is_answered_when_named_or_among_the_inactive() {
    let service = TestService::seeded().await;
    let mut ana = user("ana");
    ana["roles"] = json!(["manager"]);
    service.succeed(&sync("users:batchUpsert", json!({"users": [ana]}))).await;
    let care = || json!({"usecaseNames": [usecase_name("care")]});
    let asked = async |more: Value| {
        let mut body = care();
        merge(&mut body, more);
        agents_of(&service.send(&retrieve(body)).await).join(" ")
    };
    let (ana, ben) = (user_name("ana"), user_name("ben"));
    let both = format!("{ana} {ben}");
    let inactive = |more: Value| {
        let mut body = json!({"includeInactiveUsers": true});
        merge(&mut body, more);
        body
    };
    assert_eq!(asked(json!({})).await, ben);
    assert_eq!(asked(json!({"groupNames": ["customers/acme/groups/team"]})).await, ben);
    assert_eq!(asked(json!({"agentUserNames": [ana]})).await, ana);
    assert_eq!(asked(inactive(json!({}))).await, both);
    assert_eq!(asked(inactive(json!({"groupNames": ["customers/acme/groups/team"]}))).await, both);
    assert_eq!(asked(inactive(json!({"orderDirection": "ORDER_DIRECTION_DESC", "pageSize": 1}))).await, ben);
    assert_eq!(asked(inactive(json!({"orderBy": "ORDER_BY_PROGRESS"}))).await.len(), both.len());
    let walked = walk(&service, &inactive(json!({"usecaseNames": [usecase_name("care")], "pageSize": 1}))).await;
    assert_eq!(walked.len(), 2);
    // In a window that begins after that, the agent does not exist.
    service.advance(TimeDelta::days(40));
    assert_eq!(asked(inactive(json!({}))).await, ben);
    assert_eq!(asked(json!({"agentUserNames": [ana]})).await, "");
}

#[tokio::test]
async fn nobody_is_not_asked_for() {
    let service = TestService::seeded().await;
    let body =
        json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana"), user_name("nobody")]});
    let refused = service.refused(&retrieve(body), 400).await;
    assert_eq!(refused.refused_fields(), ["agentUserNames"]);
}

#[tokio::test]
async fn a_plan_counts_from_its_start_until_its_end() {
    let service = coached_in_may().await;
    let plans = async |event: Event| {
        let answer = service.succeed(&event).await;
        answer["agentCoachingProgresses"][0]["coachingPlanNames"].clone()
    };
    let ana = json!({"agentUserNames": [user_name("ana")]});
    for (dates, is_active) in [
        (json!({"startTime": "2026-05-31T00:00:00Z", "endTime": "2026-07-01T00:00:00Z"}), true),
        (json!({"startTime": "2026-06-01T00:00:00Z"}), false),
        (json!({"startTime": null, "endTime": "2026-05-31T00:00:00Z"}), false),
        (json!({"endTime": "2026-06-01T00:00:00Z"}), true),
    ] {
        service.succeed(&patch("coachingPlans/coached", json!({"coachingPlan": dates}))).await;
        let expected = if is_active { json!([plan_name("coached")]) } else { json!([]) };
        assert_eq!(plans(may(ana.clone())).await, expected, "{dates}");
    }
}

#[tokio::test]
async fn rows_tell_targets_and_usecases_apart() {
    let service = TestService::seeded().await;
    let usecases = json!({"usecases": [{"name": usecase_name("billing"), "displayName": "Billing"}]});
    service.succeed(&import("usecases:batchUpsert", usecases)).await;
    let target = json!({
        "name": below_support("targets/of-billing"),
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": "greeting",
        "target": 50,
        "usecaseName": usecase_name("billing"),
    });
    service.succeed(&Event::post("targets", target)).await;
    let body =
        json!({"usecaseNames": [usecase_name("care"), usecase_name("billing")], "agentUserNames": [user_name("ana")]});
    let answer = service.succeed(&retrieve(body)).await;
    let rows = answer["agentCoachingProgresses"][0]["criterionProgresses"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["targetName"], &row["usecaseName"])).collect();
    assert_eq!(
        told,
        [
            (&json!(below_support("targets/greeting-target")), &json!(usecase_name("care"))),
            (&json!(below_support("targets/of-billing")), &json!(usecase_name("billing"))),
        ]
    );
}

#[tokio::test]
async fn a_plan_of_no_usecase_is_listed_no_more_than_its_sessions_are_counted() {
    let service = TestService::seeded().await;
    service.plan_with("of-none", "ana", json!({})).await;
    let session = json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("of-none"),
        "sessionTime": "2026-05-31T10:00:00Z",
        "meetingNotes": "Held.",
    });
    service.succeed(&Event::post("coachingSessions", session)).await;
    let body = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    let ana = service.succeed(&retrieve(body)).await["agentCoachingProgresses"][0].clone();
    assert_eq!((&ana["coachingPlanNames"], &ana["coachingSessionCount"]), (&json!([plan_name("ana-plan")]), &json!(2)));
}

#[tokio::test]
async fn sessions_without_end_cost_the_same_and_are_counted_and_taken_off() {
    let service = TestService::seeded().await;
    let name = |number: usize| format!("{number:03}-{}", "x".repeat(120));
    let session = |number: usize| {
        Event::post(
            "coachingSessions",
            json!({
                "name": below_support(&format!("coachingSessions/{}", name(number))),
                "agentUserName": user_name("ana"),
                "creatorUserName": user_name("maria"),
                "coachingPlanName": plan_name("ana-plan"),
                "sessionTime": format!("2026-05-{:02}T10:00:{:02}Z", 10 + number % 20, number % 60),
                "meetingNotes": "Held.",
                "usecaseName": usecase_name("care"),
            }),
        )
    };
    let counted = async || {
        let body = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
        let ana = service.succeed(&retrieve(body)).await["agentCoachingProgresses"][0].clone();
        let everyone = service
            .succeed(&retrieve(json!({"usecaseNames": [usecase_name("care")], "orderBy": "ORDER_BY_GAP"})))
            .await;
        let mut of_everyone = everyone["agentCoachingProgresses"].as_array().unwrap().iter();
        let among_everyone = of_everyone.find(|agent| agent["agentUserName"] == ana["agentUserName"]).unwrap();
        assert_eq!(among_everyone["coachingSessionCount"], ana["coachingSessionCount"]);
        ana["coachingSessionCount"].as_u64().unwrap()
    };
    // Two sessions count already: held-1 and submitted-1.
    let (_, first) = service.spending(&session(0)).await;
    for number in 1..40 {
        service.succeed(&session(number)).await;
    }
    assert_eq!(counted().await, 42);
    let (_, spent) = service.spending(&session(40)).await;
    let (_, later) = service.spending(&session(41)).await;
    assert_eq!((spent.calls, spent.write_units), (later.calls, later.write_units));
    assert!(later.calls == first.calls && later.write_units <= first.write_units + 10.0, "{first:?}, {later:?}");
    let path = |number: usize| format!("coachingSessions/{}", name(number));
    for number in [0, 5, 20, 41] {
        service.succeed(&Event::new("DELETE", &path(number))).await;
    }
    assert_eq!(counted().await, 40);
    for number in [1, 30] {
        // Moved within its statistics, then out of the window into other statistics.
        for time in ["2026-05-09T10:00:00Z", "2026-02-09T10:00:00Z"] {
            service.succeed(&patch(&path(number), json!({"coachingSession": {"sessionTime": time}}))).await;
        }
    }
    assert_eq!(counted().await, 38);
    let notes = json!({"coachingSession": {"meetingNotes": null}});
    for number in [2, 31] {
        service.succeed(&patch(&path(number), notes.clone())).await;
    }
    assert_eq!(counted().await, 36);
    service.succeed(&Event::new("DELETE", "coachingPlans/ana-plan?force=true")).await;
    assert_eq!(counted().await, 0);
}

#[tokio::test]
async fn sessions_in_the_window_are_counted() {
    let service = TestService::seeded().await;
    service.usecases(&["billing"]).await;
    let notes = Some("Held.");
    for (session_time, usecase, notes) in [
        ("2026-05-31T10:00:00Z", "care", notes),
        ("2026-05-31T12:00:00Z", "care", None),
        ("2026-05-02T09:00:00Z", "care", notes),
        ("2026-04-30T09:00:00Z", "care", notes),
        ("2026-05-31T11:00:00Z", "billing", notes),
        // Later today, and tomorrow.
        ("2026-06-01T12:00:01Z", "care", notes),
        ("2026-06-02T09:00:00Z", "care", notes),
    ] {
        let session = json!({
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
            "sessionTime": session_time,
            "usecaseName": usecase_name(usecase),
            "meetingNotes": notes,
        });
        service.succeed(&Event::post("coachingSessions", session)).await;
    }
    let answer = service.succeed(&retrieve(json!({"usecaseNames": [usecase_name("care")]}))).await;
    let ana = &answer["agentCoachingProgresses"][0];
    assert_eq!(
        (&ana["coachingSessionCount"], &ana["lastCoachingSessionTime"]),
        (&json!(3), &json!("2026-05-31T10:00:00Z")),
        "held-1, submitted-1, and the one of 31 May that was held; what is to come is not, notes or no notes"
    );
    assert_eq!(answer["startTime"], "2026-05-03T00:00:00Z");
    assert_eq!(answer["endTime"], "2026-06-02T00:00:00Z");
    assert_eq!(ana["coachingPlanNames"], json!([plan_name("ana-plan")]));
}

#[test]
fn the_recomputation_knows_the_definition() {
    let of_quality = |part: &str, values| score_of(0, part, values);
    assert_eq!(of_quality("", [Some(5), Some(0), Some(1)]), Some(ratio(1, 2)));
    assert_eq!(of_quality("", [Some(5), Some(5), Some(0)]), Some(ratio(0, 1)));
    assert_eq!(of_quality("opening", [Some(5), Some(5), Some(0)]), Some(ratio(1, 1)));
    assert_eq!(of_quality("", [None, None, None]), None);
    assert_eq!(of_quality("opening", [None, None, Some(1)]), None);
    // (1.5 · 3/7 + 2.5 · 2/6) / 4
    assert_eq!(score_of(1, "opening", [Some(3), Some(2), None]), Some(ratio(31, 84)));
}

#[tokio::test]
async fn a_criterion_that_was_dropped_keeps_its_label() {
    let service = TestService::seeded().await;
    let target = json!({
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": "opening",
        "target": 70,
        "usecaseName": usecase_name("care"),
    });
    service.succeed(&import("targets", target)).await;
    let labels = |answered: &Answered| {
        let progresses = answered.body["agentCoachingProgresses"][0]["criterionProgresses"].as_array().unwrap().clone();
        progresses.iter().map(|one| one["criterionDisplayName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let asked = retrieve(json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]}));
    let (answered, before) = service.spending(&asked).await;
    assert_eq!(labels(&answered), ["Greeting", "Opening"]);

    let change = |template: Value| {
        let body = json!({"scorecardTemplate": {"template": template}});
        Event::new("PATCH", "scorecardTemplates/quality").with_text(&body.to_string())
    };
    let chapter = |id: &str, criterion: &str, label: &str| json!({"chapterId": id, "displayName": "Start", "criteria": [{"criterionId": criterion, "displayName": label}]});
    // The second revision keeps one id under another name, the third has neither of the first, the fourth none of the
    // third.
    for chapter in
        [chapter("opening", "privacy", "Privacy"), chapter("all", "closing", "End"), chapter("more", "rest", "Rest")]
    {
        service.succeed(&change(json!({"chapters": [chapter]}))).await;
    }
    let (answered, after) = service.spending(&asked).await;
    assert_eq!(labels(&answered), ["Greeting", "Start"]);
    assert_eq!(answered.body["agentCoachingProgresses"][0]["criterionProgresses"][0]["score"], 60.0);
    assert_eq!(after.calls, before.calls + 1, "the revisions that have them are read in one call");
}

#[tokio::test]
async fn a_window_that_ends_before_it_starts_is_refused_within_a_day_too() {
    let service = TestService::seeded().await;
    let window = |start: &str, end: &str| {
        let body = json!({"usecaseNames": [usecase_name("care")], "startTime": start, "endTime": end});
        Event::post("coachingProgresses:retrieve", body)
    };
    let start = "2026-05-20T15:00:00Z";
    for end in ["2026-05-20T10:00:00Z", "2026-05-20T15:00:00Z", "2026-05-19T23:00:00Z"] {
        assert_eq!(service.refused(&window(start, end), 400).await.refused_fields(), ["endTime"], "{end}");
    }
    let of_a_day = service.succeed(&window(start, "2026-05-20T15:00:01Z")).await;
    assert_eq!(of_a_day["endTime"], "2026-05-21T00:00:00Z");
}

#[tokio::test]
async fn the_documented_example_comes_out_as_it_is_documented() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/progress.md")).unwrap();
    let service = TestService::start().await;
    service.directory(&["ana"]).await;
    let mut answered = Value::Null;
    let mut compared = 0;
    for block in document.split("```json ").skip(1) {
        let (what, rest) = block.split_once('\n').unwrap();
        let body: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
        match what.strip_prefix("POST ") {
            Some(path) => answered = service.succeed(&import(path, body)).await,
            None => {
                assert_eq!(answered, body);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 1);
}

/// All that can be asked for beside agents' targets, for the screen of a team.
fn screen(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "includeCriteriaWithoutTarget": true,
        "includeTeam": true,
        "include": ["displayNames"],
    });
    merge(&mut body, more);
    retrieve(body)
}

#[tokio::test]
async fn what_is_beside_targets_is_answered_only_if_it_is_asked_for() {
    let service = TestService::seeded().await;
    let plain = json!({"usecaseNames": [usecase_name("care")], "groupNames": ["customers/acme/groups/team"]});
    let plain = service.succeed(&retrieve(plain)).await;
    let not_asked = json!({"includeCriteriaWithoutTarget": false, "includeTeam": false, "include": []});
    assert_eq!(service.succeed(&screen(not_asked)).await, plain);
    let mut all = service.succeed(&screen(json!({}))).await;
    let ana = &all["agentCoachingProgresses"][0];
    let rows = ana["criterionProgresses"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (&row["criterionOrChapterId"], &row["withoutTarget"])).collect();
    assert_eq!(told, [(&json!("greeting"), &Value::Null), (&json!("privacy"), &json!(true))]);
    assert_eq!(
        rows[1],
        json!({
            "usecaseName": usecase_name("care"),
            "scorecardTemplateName": below_support("scorecardTemplates/quality"),
            "criterionOrChapterId": "privacy",
            "criterionDisplayName": "Privacy",
            "score": 100.0,
            "baselineScorecardCount": 0,
            "scorecardCount": 1,
            "withoutTarget": true,
        })
    );
    let team = all["team"].take();
    assert_eq!((&team["agentCount"], &team["gap"], &team.get("progress")), (&json!(2), &json!(20.0), &None));
    let of_greeting = &team["criterionProgresses"][0];
    assert_eq!((&of_greeting["target"], of_greeting.get("targetName")), (&json!(80.0), None));
    let names = json!({user_name("ana"): "Agent ana", user_name("ben"): "Agent ben"});
    assert_eq!(all["displayNames"], names);
    // Without all that, it is the plain answer.
    for row in all["agentCoachingProgresses"].as_array_mut().unwrap() {
        row["criterionProgresses"].as_array_mut().unwrap().retain(|row| row.get("withoutTarget").is_none());
    }
    let object = all.as_object_mut().unwrap();
    object.remove("team");
    object.remove("displayNames");
    assert_eq!(all, plain);
}

#[tokio::test]
async fn the_screen_of_a_team_of_25_costs_what_its_agents_cost() {
    let service = TestService::seeded().await;
    let agents: Vec<String> = (0..25).map(agent_id).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (index, agent) in agents.iter().enumerate() {
        service.plan_with(&format!("plan{index}"), agent, json!({"usecaseName": usecase_name("care")})).await;
        for days in [1, 40] {
            submit_many(&service, agent, days, 2).await;
        }
    }
    let (answered, spent) = service.spending(&screen(json!({}))).await;
    assert_eq!(answered.body["agentCoachingProgresses"].as_array().unwrap().len(), 25, "{}", answered.body);
    assert_eq!(answered.body["team"]["agentCount"], 25);
    assert_eq!((spent.calls, spent.write_units), (6, 0.0));
    assert!(spent.read_units == 39.5 || !service.tells_units_of_batches().await, "{} units", spent.read_units);
}

#[tokio::test]
async fn an_agents_team_is_themselves() {
    let service = TestService::seeded().await;
    submit_many(&service, "ben", 1, 5).await;
    let own = service.succeed(&screen(json!({"groupNames": []})).by("agent", "ana")).await;
    let ana = &own["agentCoachingProgresses"][0];
    assert_eq!(own["agentCoachingProgresses"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&own["team"]["agentCount"], &own["displayNames"]),
        (&json!(1), &json!({user_name("ana"): "Agent ana"}))
    );
    let figures = |rows: &Value| {
        let rows = rows["criterionProgresses"].as_array().unwrap().iter();
        rows.map(|row| (row["score"].clone(), row["gap"].clone(), row["scorecardCount"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(figures(&own["team"]), figures(ana), "nothing of a colleague");
    for more in [json!({}), json!({"groupNames": [], "agentUserNames": [user_name("ben")]})] {
        service.refused(&screen(more).by("agent", "ana"), 403).await;
    }
}

#[tokio::test]
async fn a_team_has_nobody_of_another_profile() {
    let service = TestService::seeded().await;
    let mut eva = user("eva");
    eva["profileNames"] = json!(["customers/acme/profiles/sales"]);
    service.succeed(&sync("users:batchUpsert", json!({"users": [eva]}))).await;
    let members = json!([user_name("ana"), user_name("eva")]);
    let mixed = json!({"name": "customers/acme/groups/mixed", "displayName": "Mixed", "memberUserNames": members});
    service.succeed(&sync("groups:batchUpsert", json!({"groups": [mixed]}))).await;
    let asked = screen(json!({"groupNames": ["customers/acme/groups/mixed"]}));
    for event in [asked.clone(), asked.by("manager", "mike").with_claim("profiles", json!("support"))] {
        let answer = service.succeed(&event).await;
        assert_eq!((&answer["team"]["agentCount"], answer["displayNames"].as_object().unwrap().len()), (&json!(1), 1));
    }
}

#[tokio::test]
async fn a_criterion_without_target_that_was_dropped_keeps_its_label() {
    let service = TestService::seeded().await;
    let chapter = json!({"chapterId": "all", "displayName": "All", "criteria": [{"criterionId": "closing", "displayName": "End"}]});
    let body = json!({"scorecardTemplate": {"template": {"chapters": [chapter]}}});
    service.succeed(&patch("scorecardTemplates/quality", body)).await;
    let answer = service.succeed(&screen(json!({}))).await;
    for rows in [&answer["agentCoachingProgresses"][0], &answer["team"]] {
        let labels = rows["criterionProgresses"].as_array().unwrap().iter().map(|row| &row["criterionDisplayName"]);
        assert_eq!(labels.collect::<Vec<_>>(), ["Greeting", "Privacy"]);
    }
}
