//! `retrieve-quota`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use coaching_tests::{Case, Event, Target, TestService, below_support, merge, replay, usecase_name, user, user_name};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const CASES: [Case; 38] = [
    Case { name: "done", status: 200, refused: &[] },
    Case { name: "of-a-range", status: 200, refused: &[] },
    Case { name: "of-a-revision", status: 200, refused: &[] },
    Case { name: "of-another-usecase", status: 400, refused: &["usecaseName"] },
    Case { name: "bad-fields", status: 400, refused: &["usecaseName", "startTime", "endTime"] },
    Case { name: "empty-range", status: 400, refused: &["endTime"] },
    Case { name: "too-many", status: 400, refused: &["startTime"] },
    Case { name: "not-found", status: 404, refused: &[] },
    Case { name: "every-revision", status: 400, refused: &["name"] },
    Case { name: "unknown-verb", status: 404, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
    Case { name: "total", status: 200, refused: &[] },
    Case { name: "total-with-an-override", status: 200, refused: &[] },
    Case { name: "total-by-an-agent", status: 403, refused: &[] },
    Case { name: "total-of-another-usecase", status: 400, refused: &["usecaseName", "evaluationPeriod"] },
    Case {
        name: "total-bad-fields",
        status: 400,
        refused: &[
            "usecaseName",
            "overrideTaskCompleteConfig.evaluatedConversationCountPerAgent",
            "overrideTaskCompleteConfig.overriddenAgents[0].user",
            "overrideTaskCompleteConfig.overriddenAgents[1].evaluatedConversationCountPerAgent",
            "overrideTaskCompleteConfig.overriddenAgents[1].user",
            "evaluationPeriod.startTime",
            "evaluationPeriod.endTime",
        ],
    },
    Case { name: "total-not-found", status: 404, refused: &[] },
    Case { name: "total-another-customer", status: 403, refused: &[] },
    Case { name: "total-without-a-token", status: 401, refused: &[] },
    Case { name: "progress", status: 200, refused: &[] },
    Case { name: "progress-by-usecase-name", status: 200, refused: &[] },
    Case { name: "progress-by-evaluation-period", status: 200, refused: &[] },
    Case { name: "progress-by-agent-user-names", status: 200, refused: &[] },
    Case { name: "progress-by-group-names", status: 200, refused: &[] },
    Case { name: "progress-by-include-indirect-group-members", status: 200, refused: &[] },
    Case { name: "progress-by-order-by", status: 200, refused: &[] },
    Case { name: "progress-by-order-direction", status: 200, refused: &[] },
    Case { name: "progress-by-include-totals", status: 200, refused: &[] },
    Case { name: "progress-an-agents-own", status: 200, refused: &[] },
    Case { name: "progress-an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "progress-an-agent-after-a-group", status: 403, refused: &[] },
    Case { name: "progress-of-another-usecase", status: 400, refused: &["usecaseName", "evaluationPeriod"] },
    Case { name: "progress-unknown-group", status: 400, refused: &["groupNames"] },
    Case { name: "progress-unknown-agent", status: 400, refused: &["agentUserNames"] },
    Case {
        name: "progress-bad-fields",
        status: 400,
        refused: &[
            "usecaseName",
            "evaluationPeriod.startTime",
            "agentUserNames[0]",
            "orderBy",
            "orderDirection",
            "includeTotals",
            "pageSize",
        ],
    },
    Case { name: "progress-another-customer", status: 403, refused: &[] },
    Case { name: "progress-without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-quota", &CASES, Target::Handler(&retrieve_quota::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-quota", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-quota"))).await;
}

fn periods(body: Value) -> Event {
    Event::post("scorecardTemplates/quality:retrieveEvaluationPeriods", body)
}

/// Each period as its start and end, in days and hours of a month.
fn shown(answer: &Value, of: &str) -> Vec<String> {
    let time = |time: &Value| time.as_str().unwrap().trim_end_matches(":00:00Z").to_owned();
    let periods = answer[of].as_array().unwrap().iter();
    periods.map(|period| format!("{} {}", time(&period["startTime"]), time(&period["endTime"]))).collect()
}

async fn set(service: &TestService, periods: Value) {
    change(service, json!({"qaTaskConfig": {"evaluationPeriodConfig": periods}})).await;
}

/// Changes the template `quality`.
async fn change(service: &TestService, template: Value) {
    let body = json!({"scorecardTemplate": template}).to_string();
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&body)).await;
}

#[tokio::test]
async fn all_periods_through_the_next_or_those_of_a_range() {
    let service = TestService::seeded().await;
    // Now is Monday, the first of June: a period has just begun.
    let weeks = ["2026-05-11T04 2026-05-18T04", "2026-05-18T04 2026-05-25T04", "2026-05-25T04 2026-06-01T04"];
    let now = ["2026-06-01T04 2026-06-08T04", "2026-06-08T04 2026-06-15T04"];
    let all = service.succeed(&periods(json!({})).by("agent", "ana")).await;
    assert_eq!(shown(&all, "evaluationPeriods"), [&weeks[..], &now].concat());
    assert_eq!(all["conversationEvaluationPeriods"], json!([]));
    for (body, expected) in [
        (json!({"startTime": "2026-06-01T04:00:00Z"}), &now[..]),
        (json!({"startTime": "2026-06-01T03:59:59.999999999Z"}), &[weeks[2], now[0], now[1]]),
        (json!({"startTime": "2026-06-15T04:00:00Z"}), &[]),
        (json!({"endTime": "2026-05-25T04:00:00Z"}), &weeks[..2]),
        (json!({"endTime": "2026-05-25T04:00:00.000000001Z"}), &weeks),
        (json!({"startTime": "2026-05-20T00:00:00Z", "endTime": "2026-05-20T00:00:01Z"}), &weeks[1..2]),
        // The clocks of New York go back on the first of November: a week of 169 hours.
        (
            json!({"startTime": "2026-10-26T04:00:00Z", "endTime": "2026-11-09T05:00:00Z"}),
            &["2026-10-26T04 2026-11-02T05", "2026-11-02T05 2026-11-09T05"],
        ),
    ] {
        assert_eq!(shown(&service.succeed(&periods(body.clone())).await, "evaluationPeriods"), expected, "{body}");
    }
    service.advance(TimeDelta::days(7));
    let later = service.succeed(&periods(json!({"startTime": "2026-06-08T04:00:00Z"}))).await;
    assert_eq!(shown(&later, "evaluationPeriods"), [now[1], "2026-06-15T04 2026-06-22T04"]);
}

#[tokio::test]
async fn settings_of_now_count_and_a_thousand_periods_at_most() {
    let service = TestService::seeded().await;
    let conversations = json!({"startOffsetDays": -7, "endOffsetDays": 0});
    let cairo = json!({
        "kind": "WEEK", "timeZoneId": "Africa/Cairo", "startDayOfWeek": "FRIDAY", "anchorDate": "2026-04-24",
        "overrideTimeRange": conversations,
    });
    set(&service, cairo).await;
    // The 24th of April 2026 has no midnight in Cairo: it starts when the clocks jump.
    let body = json!({"endTime": "2026-04-30T21:00:00Z"});
    let answer = service.succeed(&periods(body)).await;
    assert_eq!(shown(&answer, "evaluationPeriods"), ["2026-04-23T22 2026-04-30T21"]);
    assert_eq!(shown(&answer, "conversationEvaluationPeriods"), ["2026-04-16T22 2026-04-30T21"]);

    let period = |start: &str, end: &str| json!({"startTime": start, "endTime": end});
    let custom = [
        period("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        period("2026-03-01T00:00:00Z", "2026-06-02T00:00:00Z"),
        period("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"),
        period("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"),
    ];
    set(&service, json!({"kind": "CUSTOM", "periods": custom})).await;
    let answer = service.succeed(&periods(json!({}))).await;
    assert_eq!(answer["evaluationPeriods"], json!(custom[..3]), "through the next");
    let answer = service.succeed(&periods(json!({"endTime": "2030-01-01T00:00:00Z"}))).await;
    assert_eq!(answer["evaluationPeriods"], json!(custom));

    set(&service, json!({"kind": "WEEK", "anchorDate": "2000-01-03"})).await;
    assert_eq!(service.refused(&periods(json!({})), 400).await.refused_fields(), ["startTime"]);
    let thousand = json!({"startTime": "2000-01-03T00:00:00Z", "endTime": "2019-03-04T00:00:00Z"});
    let answer = service.succeed(&periods(thousand)).await;
    assert_eq!(answer["evaluationPeriods"].as_array().unwrap().len(), 1000);
    let one_more = json!({"startTime": "2000-01-03T00:00:00Z", "endTime": "2019-03-04T00:00:00.1Z"});
    assert_eq!(service.refused(&periods(one_more), 400).await.refused_fields(), ["startTime"]);

    set(&service, Value::Null).await;
    assert_eq!(service.refused(&periods(json!({})), 400).await.reason(), "NO_QA_TASK_CONFIG");
    // A template for all usecases is for any.
    let template = json!({"scorecardTemplate": {"usecaseNames": []}}).to_string();
    service.succeed(&Event::new("PATCH", "scorecardTemplates/quality").with_text(&template)).await;
    let any = json!({"usecaseName": "customers/acme/profiles/support/usecases/other"});
    assert_eq!(service.refused(&periods(any), 400).await.reason(), "NO_QA_TASK_CONFIG");
}

fn group_name(id: &str) -> String {
    format!("customers/acme/groups/{id}")
}

async fn groups(service: &TestService, groups: &[(&str, &[&str], &[&str])]) {
    let groups = groups.iter().map(|(id, members, below)| {
        json!({
            "name": group_name(id),
            "displayName": id,
            "memberUserNames": members.iter().map(|member| user_name(member)).collect::<Vec<_>>(),
            "subgroupNames": below.iter().map(|group| group_name(group)).collect::<Vec<_>>(),
        })
    });
    let load = Event::post("", json!({"groups": groups.collect::<Vec<_>>()}));
    service.succeed(&load.to("/v1/customers/acme/groups:batchUpsert").by("service", "sync@acme")).await;
}

async fn users(service: &TestService, users: &[Value]) {
    let load = Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
}

fn of_user(user: &str, count: u32) -> Value {
    json!({"user": user_name(user), "evaluatedConversationCountPerAgent": count})
}

fn of_group(group: &str, count: u32) -> Value {
    json!({"group": group_name(group), "evaluatedConversationCountPerAgent": count})
}

fn completion(base: u32, overridden: &[Value]) -> Value {
    json!({"evaluatedConversationCountPerAgent": base, "overriddenAgents": overridden})
}

fn quota(body: Value) -> Event {
    Event::post("scorecardTemplates/quality:retrieveTotalAgentQuota", body)
}

/// The quota and the number of agents.
async fn total(service: &TestService, body: Value) -> (i64, i64) {
    let answer = service.succeed(&quota(body)).await;
    (answer["totalAgentQuota"].as_i64().unwrap(), answer["totalActiveAgentsCount"].as_i64().unwrap())
}

#[tokio::test]
async fn three_agents_have_the_quota_worked_out_by_hand() {
    let service = TestService::seeded().await;
    service.directory(&["ana", "ben", "chloe"]).await;
    groups(&service, &[("two", &["ana", "ben"], &[])]).await;
    // 2 of the group, 6 of their own, 4.
    let config = completion(4, &[of_group("two", 2), of_user("ben", 6)]);
    let expected = json!({
        "totalAgentQuota": 12,
        "totalActiveAgentsCount": 3,
        "evaluationPeriod": {"startTime": "2026-06-01T04:00:00Z", "endTime": "2026-06-08T04:00:00Z"},
    });
    let by_override = json!({"overrideTaskCompleteConfig": config});
    assert_eq!(service.succeed(&quota(by_override.clone())).await, expected);
    assert_eq!(total(&service, json!({})).await, (12, 3), "4 each, by the template's own");
    change(&service, json!({"qaTaskConfig": {"taskCompleteConfig": config}})).await;
    let answer = service.succeed(&quota(json!({}))).await;
    assert_eq!(
        (&answer["totalAgentQuota"], answer.get("evaluationPeriod")),
        (&json!(12), None),
        "it has no periods now"
    );
    // The same is what each has.
    let periods = json!({"kind": "WEEK"});
    change(&service, json!({"qaTaskConfig": {"evaluationPeriodConfig": periods, "taskCompleteConfig": config}})).await;
    let answer = service.succeed(&progress(json!({}))).await;
    let agents = answer["agentEvaluationProgresses"].as_array().unwrap().iter();
    assert_eq!(agents.map(|agent| agent["quota"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 6, 4]);
    assert_eq!(answer["totals"]["totalAgentQuota"], 12);
}

/// Their entry in the directory is newer than now by the clock of who asks.
#[tokio::test]
async fn an_agent_whom_a_machine_wrote_whose_clock_is_ahead_counts() {
    let service = TestService::seeded().await;
    let mut ben = user("ben");
    for role in ["manager", "agent"] {
        ben["roles"] = json!([role]);
        users(&service, std::slice::from_ref(&ben)).await;
    }
    service.advance(TimeDelta::seconds(-1));
    let config = completion(4, &[of_user("ben", 6)]);
    assert_eq!(total(&service, json!({"overrideTaskCompleteConfig": config})).await, (10, 2));
}

#[tokio::test]
async fn the_first_group_counts_and_sub_groups_if_the_audience_says_so() {
    let service = TestService::seeded().await;
    service.directory(&["ana", "ben", "chloe"]).await;
    groups(
        &service,
        &[("inner", &["ben"], &[]), ("outer", &["ana"], &["inner"]), ("all", &["ana", "ben", "chloe"], &[])],
    )
    .await;
    let config = |entries: &[Value]| json!({"overrideTaskCompleteConfig": completion(4, entries)});
    let (outer, all) = (of_group("outer", 1), of_group("all", 100));
    assert_eq!(total(&service, config(&[outer.clone(), all.clone()])).await, (201, 3));
    assert_eq!(total(&service, config(&[all.clone(), outer.clone()])).await, (300, 3));
    assert_eq!(
        total(&service, config(&[of_group("none", 9), outer.clone()])).await,
        (9, 3),
        "a group that is not there"
    );
    assert_eq!(total(&service, config(&[of_user("nobody", 900), of_user("maria", 900)])).await, (12, 3));
    assert_eq!(total(&service, config(&[of_user("ana", 5), of_user("ana", 7)])).await, (13, 3), "the first entry");
    for (audience, expected) in [
        (json!({"groupNames": [group_name("all")], "includeIndirectGroupMembers": true}), (102, 3)),
        (json!({"groupNames": [group_name("outer")], "includeIndirectGroupMembers": true}), (2, 2)),
        (json!({"groupNames": [group_name("outer")]}), (1, 1)),
        (json!({"userNames": [user_name("chloe")], "groupNames": [group_name("inner")]}), (200, 2)),
    ] {
        change(&service, json!({"audience": audience})).await;
        assert_eq!(total(&service, config(&[outer.clone(), all.clone()])).await, expected, "{audience}");
    }
}

#[tokio::test]
async fn a_quota_is_of_the_templates_own_periods_and_settings() {
    let service = TestService::seeded().await;
    let period = |start: &str, end: &str| json!({"evaluationPeriod": {"startTime": start, "endTime": end}});
    let next = period("2026-06-08T04:00:00Z", "2026-06-15T04:00:00Z");
    assert_eq!(service.succeed(&quota(next.clone())).await["evaluationPeriod"], next["evaluationPeriod"]);
    for other in [
        period("2026-06-08T04:00:00Z", "2026-06-15T04:00:00.000000001Z"),
        period("2026-06-08T04:00:00.000000001Z", "2026-06-15T04:00:00Z"),
        period("2026-06-08T04:00:00Z", "2026-06-22T04:00:00Z"),
        period("2026-05-04T04:00:00Z", "2026-05-11T04:00:00Z"),
        period("2026-06-15T04:00:00Z", "2026-06-08T04:00:00Z"),
    ] {
        for event in [quota(other.clone()), progress(other.clone())] {
            assert_eq!(service.refused(&event, 400).await.refused_fields(), ["evaluationPeriod"], "{other}");
        }
    }
    // Between two periods that are listed.
    let listed = |start: &str, end: &str| json!({"startTime": start, "endTime": end});
    let gap = [
        listed("2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        listed("2026-07-01T00:00:00Z", "2028-08-01T00:00:00Z"),
    ];
    let periods = json!({"kind": "CUSTOM", "periods": gap});
    change(
        &service,
        json!({"qaTaskConfig": {"evaluationPeriodConfig": periods, "taskCompleteConfig": completion(3, &[])}}),
    )
    .await;
    let answer = service.succeed(&quota(json!({}))).await;
    assert_eq!((&answer["totalAgentQuota"], answer.get("evaluationPeriod")), (&json!(6), None));
    let of_gap = json!({"evaluationPeriod": gap[0]});
    assert_eq!(service.succeed(&progress(of_gap)).await["evaluationPeriod"], gap[0]);
    for body in [json!({}), json!({"evaluationPeriod": gap[1]})] {
        // None holds now; the other is longer than what is counted.
        assert_eq!(service.refused(&progress(body), 400).await.refused_fields(), ["evaluationPeriod"]);
    }

    let given = json!({"overrideTaskCompleteConfig": completion(5, &[])});
    for (qa_task, body, refused) in [
        (json!({"evaluationPeriodConfig": {"kind": "WEEK"}}), json!({}), [true, true]),
        (json!({"evaluationPeriodConfig": {"kind": "WEEK"}}), given.clone(), [false, true]),
        (json!({"taskCompleteConfig": completion(5, &[])}), json!({}), [false, true]),
        (json!({"taskCompleteConfig": completion(5, &[])}), next, [true, true]),
        (Value::Null, json!({}), [true, true]),
        (Value::Null, given, [false, true]),
    ] {
        change(&service, json!({"qaTaskConfig": qa_task})).await;
        for (event, refused) in [quota(body.clone()), progress(body.clone())].into_iter().zip(refused) {
            if refused {
                assert_eq!(service.refused(&event, 400).await.reason(), "NO_QA_TASK_CONFIG", "{qa_task}, {body}");
            } else {
                assert_eq!(service.succeed(&event).await["totalAgentQuota"], 10, "{qa_task}, {body}");
            }
        }
    }
}

#[tokio::test]
async fn everyone_costs_the_same_however_many_they_are_and_who_is_an_exception_half_a_unit() {
    let service = TestService::embedded().await;
    service.seed().await;
    let spent = async |body: Value| {
        let (answered, spent) = service.spending(&quota(body)).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        (answered.body["totalAgentQuota"].as_i64().unwrap(), spent.read_units)
    };
    let config = json!({"overrideTaskCompleteConfig": completion(4, &[of_group("team", 1), of_user("agent9", 6)])});
    for count in [10, 200] {
        let agents: Vec<String> = (0..count).map(|number| format!("agent{number}")).collect();
        service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
        groups(&service, &[("team", &["agent0", "agent1", "agent2"], &[])]).await;
        let everyone = count + 2;
        assert_eq!(spent(json!({})).await, (4 * everyone, 1.5));
        // A group, its three members, and one more.
        assert_eq!(spent(config.clone()).await, (4 * (everyone - 4) + 3 + 6, 1.5 + 0.5 + 4.0 * 0.5));
    }
    // As many as there may be, and one more.
    let mut counts = HashMap::from([
        ("PK".to_owned(), AttributeValue::S("acme##agent-counts".to_owned())),
        ("SK".to_owned(), AttributeValue::S("15".to_owned())),
    ]);
    let others: i64 = service
        .items()
        .await
        .iter()
        .filter(|(key, _)| key.starts_with("acme##agent-counts / ") && !key.ends_with("15"))
        .filter_map(|(_, item)| item.get("profile#support")?.as_n().ok()?.parse::<i64>().ok())
        .sum();
    for (count, status) in [(214_748, 200), (214_749, 400)] {
        counts.insert("profile#support".to_owned(), AttributeValue::N((count - others).to_string()));
        let put = service.client().put_item().table_name(service.table()).set_item(Some(counts.clone()));
        put.send().await.unwrap();
        let body = json!({"overrideTaskCompleteConfig": completion(10_000, &[])});
        if status == 200 {
            assert_eq!(spent(body).await, (2_147_480_000, 1.5));
        } else {
            assert_eq!(service.refused(&quota(body), status).await.reason(), "QUOTA_TOO_LARGE");
        }
    }
}

fn progress(body: Value) -> Event {
    Event::post("scorecardTemplates/quality:retrieveEvaluationProgress", body)
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

fn told(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// A scorecard of `agent` that is submitted, with more fields.
async fn scorecard(service: &TestService, agent: &str, submitted: &str, more: Value) -> Value {
    let mut body = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support("scorecardTemplates/quality"),
        "usecaseName": usecase_name("care"),
        "scores": [{"criterionId": "greeting", "numericValue": 3}],
        "manuallyScored": true,
        "createTime": "2026-04-01T00:00:00Z",
        "submitTime": submitted,
    });
    merge(&mut body, more);
    service.succeed(&Event::post("scorecards", body).by("service", "sync@acme")).await["scorecard"].clone()
}

#[tokio::test]
async fn evaluations_count_to_the_nanosecond_and_nothing_else_counts() {
    let service = TestService::seeded().await;
    let edges = [
        "2026-05-25T03:59:59.999999999Z",
        "2026-05-25T04:00:00Z",
        "2026-05-25T04:00:00.000000001Z",
        "2026-05-25T04:14:59.999999999Z",
        "2026-05-25T04:15:00Z",
        "2026-06-01T03:44:59.999999999Z",
        "2026-06-01T03:45:00Z",
        "2026-06-01T03:59:59.999999999Z",
        "2026-06-01T04:00:00Z",
        "2026-06-01T04:00:00.000000001Z",
    ];
    for submitted in edges {
        scorecard(&service, "ana", submitted, json!({})).await;
    }
    service.template("quality2", json!({})).await;
    let within = "2026-05-27T10:00:00Z";
    scorecard(&service, "ana", within, json!({"manuallyScored": false})).await;
    scorecard(&service, "ana", within, json!({"templateName": below_support("scorecardTemplates/quality2")})).await;
    scorecard(&service, "ana", within, json!({"submitTime": null})).await;
    let last = scorecard(&service, "ben", "2026-05-26T10:00:00Z", json!({})).await;
    let calibration = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ben"),
        "templateName": below_support("scorecardTemplates/quality"),
        "usecaseName": usecase_name("care"),
        "scores": [{"criterionId": "greeting", "numericValue": 3}],
        "calibratedScorecardName": last["name"],
        "createTime": "2026-05-26T11:00:00Z",
        "submitTime": "2026-05-26T11:00:00Z",
    });
    service.succeed(&Event::post("scorecards", calibration).by("service", "sync@acme")).await;

    let week = json!({"startTime": "2026-05-25T04:00:00Z", "endTime": "2026-06-01T04:00:00Z"});
    let answer = service.succeed(&progress(json!({"evaluationPeriod": week}))).await;
    let expected = json!({
        "agentEvaluationProgresses": [
            {
                "agentUserName": user_name("ana"),
                "agentDisplayName": "Agent ana",
                "quota": 4,
                "evaluationCount": 7,
                "remaining": 0,
                "lastEvaluationTime": "2026-06-01T03:59:59.999999999Z",
            },
            {
                "agentUserName": user_name("ben"),
                "agentDisplayName": "Agent ben",
                "quota": 4,
                "evaluationCount": 1,
                "remaining": 3,
                "lastEvaluationTime": "2026-05-26T10:00:00Z",
            },
        ],
        "evaluationPeriod": week,
        "totals": {
            "totalAgentQuota": 8,
            "evaluationCount": 8,
            "fulfilledCount": 5,
            "agentCount": 2,
            "agentsDoneCount": 1,
            "progressPercent": 62,
        },
    });
    assert_eq!(answer, expected);
    // The next period has the two after the edge.
    let answer = service.succeed(&progress(json!({"agentUserNames": [user_name("ana")]}))).await;
    assert_eq!(answer["agentEvaluationProgresses"][0]["evaluationCount"], 2);
    assert_eq!(answer["evaluationPeriod"]["startTime"], "2026-06-01T04:00:00Z");
    let own = service.succeed(&progress(json!({"evaluationPeriod": week})).by("agent", "ben")).await;
    assert_eq!(own["agentEvaluationProgresses"], json!([expected["agentEvaluationProgresses"][1]]));
    assert_eq!(own["totals"]["totalAgentQuota"], 4);
}

#[tokio::test]
async fn progress_is_of_the_audience_and_of_those_asked_for() {
    let service = TestService::seeded().await;
    service.directory(&["ana", "ben", "chloe"]).await;
    groups(&service, &[("inner", &["ben"], &[]), ("outer", &["ana"], &["inner"])]).await;
    let shown = async |body: Value, caller: (&str, &str)| {
        let answer = service.succeed(&progress(body).by(caller.0, caller.1)).await;
        let agents = answer["agentEvaluationProgresses"].as_array().unwrap().iter();
        agents.map(|agent| agent["agentUserName"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let maria = ("manager", "maria");
    let of =
        |agents: &[&str]| json!({"agentUserNames": agents.iter().map(|agent| user_name(agent)).collect::<Vec<_>>()});
    let outer = |indirect: bool| json!({"groupNames": [group_name("outer")], "includeIndirectGroupMembers": indirect});
    for (audience, body, expected) in [
        (json!({}), json!({}), vec!["ana", "ben", "chloe"]),
        (json!({}), of(&["chloe", "ana"]), vec!["ana", "chloe"]),
        (json!({}), outer(false), vec!["ana"]),
        (json!({}), outer(true), vec!["ana", "ben"]),
        (outer(false), json!({}), vec!["ana"]),
        (outer(true), json!({}), vec!["ana", "ben"]),
        (outer(true), of(&["ben", "chloe"]), vec!["ben"]),
        (outer(true), json!({"groupNames": [group_name("inner")], "orderBy": "REMAINING"}), vec!["ben"]),
        (json!({"userNames": [user_name("chloe")]}), outer(true), vec![]),
    ] {
        change(&service, json!({"audience": audience})).await;
        let found: Vec<String> = shown(body.clone(), maria).await;
        assert_eq!(found, expected, "{body} of {audience}");
    }
    let own: Vec<String> = shown(json!({}), ("agent", "chloe")).await;
    assert_eq!(own, ["chloe"]);
    let none: Vec<String> = shown(json!({}), ("agent", "ana")).await;
    assert_eq!(none, [""; 0], "who is not in the audience has no quota");
}

#[tokio::test]
async fn pages_by_what_remains_stay_as_they_were_and_are_of_one_request() {
    let service = TestService::seeded().await;
    let agents: Vec<String> = (0..5).map(|number| format!("agent{number}")).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (number, agent) in agents.iter().enumerate() {
        for _ in 0..number {
            scorecard(&service, agent, "2026-06-01T10:00:00Z", json!({})).await;
        }
    }
    let mut body = json!({"groupNames": [group_name("team")], "orderBy": "REMAINING", "pageSize": 2});
    let mut found = Vec::new();
    loop {
        let answer = service.succeed(&progress(body.clone())).await;
        let page = answer["agentEvaluationProgresses"].as_array().unwrap();
        found.extend(page.iter().map(|agent| agent["agentUserName"].as_str().unwrap().to_owned()));
        assert_eq!(answer.get("totals").is_some(), body.get("pageToken").is_none(), "with the first page");
        // The last one is done after the first page.
        for _ in 0..4 {
            scorecard(&service, "agent0", "2026-06-01T11:00:00Z", json!({})).await;
        }
        match answer.get("nextPageToken") {
            None => break,
            Some(token) => body["pageToken"] = token.clone(),
        }
    }
    assert_eq!(found, ["agent4", "agent3", "agent2", "agent1", "agent0"].map(user_name));

    let first = service.succeed(&progress(json!({"pageSize": 2}))).await;
    assert_eq!(first.get("totals"), None, "not everyone is counted");
    let next = |more: Value| {
        let mut body = json!({"pageSize": 2, "pageToken": first["nextPageToken"]});
        merge(&mut body, more);
        progress(body)
    };
    let second = service.succeed(&next(json!({"includeTotals": true}))).await;
    assert_eq!(second["totals"]["agentCount"], 7);
    assert_eq!(second["agentEvaluationProgresses"][0]["agentUserName"], user_name("agent2"), "by name: {second}");
    service.template("another", json!({"qaTaskConfig": {"evaluationPeriodConfig": {"kind": "WEEK"}, "taskCompleteConfig": completion(1, &[])}})).await;
    for other in [
        next(json!({"orderDirection": "ORDER_DIRECTION_DESC"})),
        next(json!({"usecaseName": usecase_name("care")})),
        next(json!({})).to("/v1/customers/acme/profiles/support/scorecardTemplates/another:retrieveEvaluationProgress"),
    ] {
        assert_eq!(service.refused(&other, 400).await.refused_fields(), ["pageToken"]);
    }
    // A page that is read after the period is of the next.
    service.advance(TimeDelta::days(5));
    let week = json!({"startTime": "2026-06-01T04:00:00Z", "endTime": "2026-06-08T04:00:00Z"});
    let [open, named] = [json!({"pageSize": 2}), json!({"pageSize": 2, "evaluationPeriod": week})];
    let [first, of_week] = [service.succeed(&progress(open)).await, service.succeed(&progress(named)).await];
    service.advance(TimeDelta::days(2));
    let body = json!({"pageSize": 2, "pageToken": first["nextPageToken"]});
    let next_week = &service.succeed(&progress(body)).await["evaluationPeriod"]["startTime"];
    assert_eq!((&first["evaluationPeriod"], next_week), (&week, &json!("2026-06-08T04:00:00Z")));
    let body = json!({"pageSize": 2, "evaluationPeriod": week, "pageToken": of_week["nextPageToken"]});
    assert_eq!(service.succeed(&progress(body)).await["evaluationPeriod"], week);
}

#[tokio::test]
async fn a_template_for_many_usecases_or_for_all_needs_one() {
    let service = TestService::seeded().await;
    let usecases: Vec<String> = (0..21).map(|number| format!("usecase{number:02}")).collect();
    service.usecases(&usecases.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let names = |count: usize| usecases.iter().take(count).map(|id| usecase_name(id)).collect::<Vec<_>>();
    change(&service, json!({"usecaseNames": names(20)})).await;
    for (number, usecase) in usecases.iter().take(20).enumerate() {
        if number % 7 == 0 {
            scorecard(&service, "ana", "2026-06-01T10:00:00Z", json!({"usecaseName": usecase_name(usecase)})).await;
        }
    }
    let count = async |body: Value| {
        let answer = service.succeed(&progress(body)).await;
        answer["agentEvaluationProgresses"][0]["evaluationCount"].as_u64().unwrap()
    };
    assert_eq!(count(json!({})).await, 3);
    for count in [21, 0] {
        change(&service, json!({"usecaseNames": names(count)})).await;
        assert_eq!(service.refused(&progress(json!({})), 400).await.refused_fields(), ["usecaseName"]);
    }
    assert_eq!(count(json!({"usecaseName": usecase_name("usecase07")})).await, 1);
}

/// A directory, groups of it, and what a template asks for.
#[derive(Debug, Clone)]
struct ImaginedQuota {
    people: Vec<ImaginedPerson>,
    /// Of each group: its members, the groups below it (each of a higher number), and whether it is deleted at last.
    groups: Vec<(Vec<usize>, Vec<usize>, bool)>,
    base: u32,
    entries: Vec<(bool, usize, u32)>,
    audience: (Vec<usize>, Vec<usize>, bool),
    by_override: bool,
}

#[derive(Debug, Clone)]
struct ImaginedPerson {
    is_agent: bool,
    is_active: bool,
    is_dev_user: bool,
    /// In this profile, in another, or in all.
    place: usize,
}

const PEOPLE: usize = 9;
const GROUPS: usize = 5;

fn imagined_quota() -> impl Strategy<Value = ImaginedQuota> {
    let person = (prop::bool::weighted(0.9), prop::bool::weighted(0.85), prop::bool::weighted(0.1), 0..4_usize);
    let person = person.prop_map(|(is_agent, is_active, is_dev_user, place)| ImaginedPerson {
        is_agent,
        is_active,
        is_dev_user,
        place,
    });
    let group =
        (prop::collection::vec(0..PEOPLE, 0..4), prop::collection::vec(1..GROUPS, 0..3), prop::bool::weighted(0.2));
    let entry = (any::<bool>(), 0..PEOPLE, 0..9_u32);
    let audience = (prop::collection::vec(0..PEOPLE, 0..3), prop::collection::vec(0..GROUPS, 0..3), any::<bool>());
    (
        prop::collection::vec(person, PEOPLE),
        prop::collection::vec(group, GROUPS),
        0..9_u32,
        prop::collection::vec(entry, 0..6),
        prop::option::weighted(0.6, audience),
        any::<bool>(),
    )
        .prop_map(|(people, groups, base, entries, audience, by_override)| ImaginedQuota {
            people,
            groups,
            base,
            entries,
            audience: audience.unwrap_or_default(),
            by_override,
        })
}

impl ImaginedQuota {
    /// Whether `person` is in `group`, or below it, as far as it was not deleted.
    fn is_in(&self, person: usize, group: usize) -> bool {
        let (members, below, is_deleted) = &self.groups[group];
        let below = below.iter().filter(|below| **below > group);
        !is_deleted
            && (members.contains(&person) || (self.audience.2 && below.clone().any(|below| self.is_in(person, *below))))
    }

    /// The quota of each agent, by looking at everyone.
    fn quotas(&self) -> BTreeMap<usize, u32> {
        let (users, groups, _) = &self.audience;
        let is_counted = |number: &usize| {
            let person = &self.people[*number];
            let is_agent = person.is_agent && person.is_active && !person.is_dev_user && person.place != 1;
            let is_wanted = users.is_empty() && groups.is_empty()
                || users.contains(number)
                || groups.iter().any(|group| self.is_in(*number, *group));
            is_agent && is_wanted
        };
        let quota = |number: usize| {
            let own = self.entries.iter().find(|(is_user, of, _)| *is_user && *of == number);
            let in_group = |entry: &&(bool, usize, u32)| !entry.0 && self.is_in(number, entry.1 % GROUPS);
            own.or_else(|| self.entries.iter().find(in_group)).map_or(self.base, |(_, _, count)| *count)
        };
        (0..PEOPLE).filter(is_counted).map(|number| (number, quota(number))).collect()
    }
}

fn person(number: usize) -> String {
    format!("person{number}")
}

async fn compare_quotas(imagined: &ImaginedQuota) {
    let service = TestService::seeded().await;
    for agent in ["ana", "ben"] {
        let mut gone = user(agent);
        gone["isActive"] = json!(false);
        users(&service, &[gone]).await;
    }
    let people = imagined.people.iter().enumerate().map(|(number, one)| {
        let profiles = match one.place {
            0 | 3 => vec!["customers/acme/profiles/support"],
            1 => vec!["customers/acme/profiles/sales"],
            _ => vec![],
        };
        let mut person = user(&person(number));
        merge(
            &mut person,
            json!({
                "isActive": one.is_active,
                "isDevUser": one.is_dev_user,
                "roles": if one.is_agent { ["agent"] } else { ["manager"] },
                "profileNames": profiles,
            }),
        );
        person
    });
    users(&service, &people.collect::<Vec<_>>()).await;
    let names = |people: &[usize]| people.iter().map(|one| user_name(&person(*one))).collect::<BTreeSet<_>>();
    let group = |number: usize| group_name(&format!("group{number}"));
    let of_groups = imagined.groups.iter().enumerate().map(|(number, (members, below, _))| {
        let below: BTreeSet<String> =
            below.iter().filter(|below| **below > number).map(|below| group(*below)).collect();
        json!({
            "name": group(number),
            "displayName": "Group",
            "memberUserNames": names(members),
            "subgroupNames": below,
        })
    });
    let load = Event::post("", json!({"groups": of_groups.collect::<Vec<_>>()}));
    service.succeed(&load.to("/v1/customers/acme/groups:batchUpsert").by("service", "sync@acme")).await;
    let entries = imagined.entries.iter().map(|(is_user, of, count)| {
        let mut entry = json!({"evaluatedConversationCountPerAgent": count});
        match is_user {
            true => entry["user"] = user_name(&person(*of)).into(),
            false => entry["group"] = group(of % GROUPS).into(),
        }
        entry
    });
    let config = completion(imagined.base, &entries.collect::<Vec<_>>());
    let (members, groups, indirect) = &imagined.audience;
    let audience = json!({
        "userNames": names(members),
        "groupNames": groups.iter().map(|number| group(*number)).collect::<BTreeSet<_>>(),
        "includeIndirectGroupMembers": indirect,
    });
    let weeks = json!({"kind": "WEEK"});
    let stored = if imagined.by_override { completion(1, &[]) } else { config.clone() };
    change(
        &service,
        json!({"audience": audience, "qaTaskConfig": {"evaluationPeriodConfig": weeks, "taskCompleteConfig": stored}}),
    )
    .await;
    for (number, _) in imagined.groups.iter().enumerate().filter(|(_, (_, _, is_deleted))| *is_deleted) {
        let key = [("PK", format!("acme##group#group{number}")), ("SK", "group".to_owned())];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let delete = service.client().delete_item().table_name(service.table());
        delete.set_key(Some(HashMap::from(key))).send().await.unwrap();
    }

    let right = imagined.quotas();
    let body = if imagined.by_override { json!({"overrideTaskCompleteConfig": config}) } else { json!({}) };
    let sum: i64 = right.values().copied().map(i64::from).sum();
    assert_eq!(total(&service, body).await, (sum, right.len() as i64));
    if !imagined.by_override {
        let answer = service.succeed(&progress(json!({}))).await;
        let agents = answer["agentEvaluationProgresses"].as_array().unwrap().iter();
        let quotas = agents.map(|agent| (agent["agentUserName"].clone(), agent["quota"].as_u64().unwrap()));
        let right = right.iter().map(|(number, quota)| (json!(user_name(&person(*number))), u64::from(*quota)));
        assert_eq!(quotas.collect::<Vec<_>>(), right.collect::<Vec<_>>());
        assert_eq!(answer["totals"]["totalAgentQuota"], sum);
    }
}

fn every<T: std::fmt::Debug>(imagined: &impl Strategy<Value = T>, compare: impl AsyncFn(&T)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = u32::try_from(coaching_tests::number_asked("CASES", 24)).unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(imagined, |imagined| {
            runtime.block_on(compare(&imagined));
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_quota_equals_that_of_each_agent_looked_at() {
    every(&imagined_quota(), compare_quotas);
}

/// Scorecards of three agents around a week, and a request.
#[derive(Debug, Clone)]
struct ImaginedWeek {
    scorecards: Vec<ImaginedScorecard>,
    usecase: Option<usize>,
    names_period: bool,
    by_remaining: bool,
    descends: bool,
    page_size: usize,
    as_agent: bool,
}

#[derive(Debug, Clone)]
struct ImaginedScorecard {
    agent: usize,
    template: usize,
    usecase: usize,
    /// Nanoseconds from the start of the week.
    submitted: Option<i64>,
    by_person: bool,
    is_linked: bool,
    is_reset: bool,
}

const AGENTS: [&str; 3] = ["ana", "ben", "chloe"];
const USECASES: [&str; 2] = ["care", "sales"];
const TEMPLATES: [&str; 2] = ["quality", "quality2"];
const QUARTER: i64 = 15 * 60 * 1_000_000_000;
/// Seven days and an hour: the week in which clocks go back.
const WEEK: i64 = 4 * (7 * 24 + 1) * QUARTER;

fn imagined_week() -> impl Strategy<Value = ImaginedWeek> {
    let edge = (prop::sample::select(vec![0, 1, 2, WEEK / QUARTER - 1, WEEK / QUARTER]), -1..=1_i64);
    let submitted = prop_oneof![edge.prop_map(|(quarter, more)| quarter * QUARTER + more), -WEEK / 4..WEEK + WEEK / 20];
    let scorecard = (
        (0..3_usize, 0..2_usize, 0..2_usize),
        prop::option::weighted(0.9, submitted),
        (prop::bool::weighted(0.8), prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
    );
    let scorecard = scorecard.prop_map(|((agent, template, usecase), submitted, (by_person, is_linked, is_reset))| {
        ImaginedScorecard { agent, template, usecase, submitted, by_person, is_linked, is_reset }
    });
    (
        prop::collection::vec(scorecard, 0..14),
        prop::option::of(0..2_usize),
        (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2)),
        1..5_usize,
    )
        .prop_map(|(scorecards, usecase, (names_period, by_remaining, descends, as_agent), page_size)| {
            ImaginedWeek { scorecards, usecase, names_period, by_remaining, descends, page_size, as_agent }
        })
}

async fn compare_week(imagined: &ImaginedWeek) {
    let service = TestService::start().await;
    // In this week the clocks of New York go back.
    let start: DateTime<Utc> = "2026-10-26T04:00:00Z".parse().unwrap();
    let end: DateTime<Utc> = "2026-11-02T05:00:00Z".parse().unwrap();
    service.advance(end - "2026-06-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(9));
    service.directory(&AGENTS).await;
    service.usecases(&USECASES).await;
    let periods = json!({"kind": "WEEK", "timeZoneId": "America/New_York", "anchorDate": "2026-10-12"});
    let qa_task = json!({"evaluationPeriodConfig": periods, "taskCompleteConfig": completion(3, &[of_user("ben", 1)])});
    for template in TEMPLATES {
        let more = json!({"usecaseNames": USECASES.map(usecase_name), "qaTaskConfig": qa_task});
        service.template(template, more).await;
    }
    for agent in AGENTS {
        service.plan(&format!("{agent}-plan"), agent).await;
    }
    for (number, one) in imagined.scorecards.iter().enumerate() {
        let plans = if one.is_linked {
            vec![coaching_tests::plan_name(&format!("{}-plan", AGENTS[one.agent]))]
        } else {
            vec![]
        };
        let more = json!({
            "name": below_support(&format!("scorecards/scorecard-{number}")),
            "templateName": below_support(&format!("scorecardTemplates/{}", TEMPLATES[one.template])),
            "usecaseName": usecase_name(USECASES[one.usecase]),
            "manuallyScored": one.by_person,
            "coachingPlanNames": plans,
            "submitTime": one.submitted.map(|after| told(start + TimeDelta::nanoseconds(after))),
        });
        scorecard(&service, AGENTS[one.agent], "", more).await;
        if one.is_reset {
            service.succeed(&Event::post(&format!("scorecards/scorecard-{number}:reset"), json!({}))).await;
        }
    }

    let period = if imagined.names_period { (start, end) } else { (end, end + TimeDelta::days(7)) };
    let mut right = Vec::new();
    for agent in AGENTS.iter().take(if imagined.as_agent { 1 } else { 3 }) {
        let list = Event::get("scorecards").with("agentUserName", &user_name(agent)).with("pageSize", "1000");
        let listed = service.succeed(&list).await["scorecards"].as_array().unwrap().clone();
        let counted = listed.iter().filter(|one| {
            let template = one["templateName"].as_str().unwrap().split('@').next().unwrap();
            template == below_support("scorecardTemplates/quality")
                && one["manuallyScored"] == true
                && imagined.usecase.is_none_or(|usecase| one["usecaseName"] == usecase_name(USECASES[usecase]))
        });
        let submitted = counted.filter_map(|one| time(&one["submitTime"]));
        let submitted: Vec<_> = submitted.filter(|time| period.0 <= *time && *time < period.1).collect();
        let quota = if *agent == "ben" { 1 } else { 3 };
        let mut progress = json!({
            "agentUserName": user_name(agent),
            "agentDisplayName": format!("Agent {agent}"),
            "quota": quota,
            "evaluationCount": submitted.len(),
            "remaining": usize::saturating_sub(quota, submitted.len()),
        });
        if let Some(last) = submitted.iter().max() {
            progress["lastEvaluationTime"] = told(*last);
        }
        right.push(progress);
    }
    let remaining = |agent: &Value| agent["remaining"].as_i64().unwrap();
    match (imagined.by_remaining, imagined.descends) {
        (true, true) => right.sort_by_key(|agent| -remaining(agent)),
        (true, false) => right.sort_by_key(remaining),
        (false, true) => right.reverse(),
        (false, false) => {}
    }
    let mut body = json!({
        "orderBy": if imagined.by_remaining { "REMAINING" } else { "AGENT_NAME" },
        "orderDirection": if imagined.descends { "ORDER_DIRECTION_DESC" } else { "ORDER_DIRECTION_ASC" },
        "pageSize": imagined.page_size,
        "includeTotals": true,
        "usecaseName": imagined.usecase.map(|usecase| usecase_name(USECASES[usecase])),
    });
    if imagined.names_period {
        body["evaluationPeriod"] = json!({"startTime": told(start), "endTime": told(end)});
    }
    let mut answered: Vec<Value> = Vec::new();
    let mut totals = Vec::new();
    let caller = if imagined.as_agent { ("agent", "ana") } else { ("manager", "maria") };
    loop {
        let answer = service.succeed(&progress(body.clone()).by(caller.0, caller.1)).await;
        assert_eq!(answer["evaluationPeriod"], json!({"startTime": told(period.0), "endTime": told(period.1)}));
        answered.extend(answer["agentEvaluationProgresses"].as_array().unwrap().iter().cloned());
        totals.push(answer["totals"].clone());
        match answer.get("nextPageToken") {
            None => break,
            Some(token) => body["pageToken"] = token.clone(),
        }
    }
    assert_eq!(answered, right, "{body}");
    let sum = |of: &dyn Fn(&Value) -> i64| answered.iter().map(of).sum::<i64>();
    let field = |agent: &Value, name: &str| agent[name].as_i64().unwrap();
    let (quota, left) = (sum(&|agent| field(agent, "quota")), sum(&|agent| field(agent, "remaining")));
    let expected = json!({
        "totalAgentQuota": quota,
        "evaluationCount": sum(&|agent| field(agent, "evaluationCount")),
        "fulfilledCount": quota - left,
        "agentCount": answered.len(),
        "agentsDoneCount": sum(&|agent| i64::from(field(agent, "remaining") == 0)),
        "progressPercent": (quota - left) * 100 / quota,
    });
    assert!(totals.iter().all(|total| *total == expected), "{totals:?}, {expected}");
}

#[test]
fn every_progress_equals_a_recount_of_listed_scorecards() {
    every(&imagined_week(), compare_week);
}
