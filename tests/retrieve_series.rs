//! `retrieve-series`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use coaching_tests::{
    Case, Event, NOW, Target, TestService, below_support, merge, plan_name, replay, usecase_name, user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 14] = [
    Case { name: "retrieved", status: 200, refused: &[] },
    Case { name: "of-a-group", status: 200, refused: &[] },
    Case { name: "of-everyone", status: 200, refused: &[] },
    Case { name: "an-agents-own", status: 200, refused: &[] },
    Case { name: "an-agent-after-a-colleagues", status: 403, refused: &[] },
    Case { name: "an-agent-after-everyones", status: 400, refused: &["includeEveryone"] },
    Case { name: "nobody-named", status: 400, refused: &["agentUserNames"] },
    Case { name: "nothing-named", status: 400, refused: &["usecaseNames", "criteria"] },
    Case {
        name: "unknown-names",
        status: 400,
        refused: &["usecaseNames", "criteria[0].scorecardTemplateName", "criteria[1].criterionOrChapterId"],
    },
    Case { name: "unknown-agent", status: 400, refused: &["agentUserNames"] },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "agentUserNames[0]",
            "groupNames[0]",
            "includeEveryone",
            "usecaseNames[0]",
            "criteria[0].scorecardTemplateName",
            "criteria[1].scorecardTemplateName",
            "granularity",
            "endTime",
        ],
    },
    Case { name: "too-long-a-window", status: 400, refused: &["endTime"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("retrieve-series", &CASES, Target::Handler(&retrieve_series::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("retrieve-series", &CASES, Target::Binary(env!("CARGO_BIN_EXE_retrieve-series"))).await;
}

/// `ana` and `ben` in a team, and the template `two` of the criteria `clarity` and `warmth`, each scored from 0 to 3.
async fn with_team() -> TestService {
    let service = TestService::start().await;
    service.directory(&["ana", "ben"]).await;
    service.managers(&["maria"]).await;
    let criteria = ["clarity", "warmth"]
        .map(|id| json!({"criterionId": id, "displayName": id.to_uppercase(), "maximumValue": 3, "weight": 1}));
    service.template("two", json!({"template": {"chapters": [{"chapterId": "call", "criteria": criteria}]}})).await;
    service
}

/// Submits a scorecard of `agent` on a day, with a value of `clarity`.
async fn score(service: &TestService, agent: &str, day: &str, value: u64) {
    let time = format!("{day}T10:00:00Z");
    let scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": two(),
        "usecaseName": usecase_name("care"),
        "scores": [{"criterionId": "clarity", "numericValue": value}],
        "createTime": time,
        "submitTime": time,
    });
    service.succeed(&Event::post("scorecards", scorecard).by("service", "sync@acme")).await;
}

/// Sets a target of `clarity`: of a plan, or of the organisation.
async fn target(service: &TestService, plan: Option<&str>, created: &str, value: f64) {
    let mut target = json!({
        "name": below_support(&format!("targets/of-{}", plan.unwrap_or("everyone"))),
        "scorecardTemplateName": two(),
        "criterionOrChapterId": "clarity",
        "target": value,
        "usecaseName": usecase_name("care"),
        "createTime": format!("{created}T00:00:00Z"),
    });
    if let Some(plan) = plan {
        merge(&mut target, json!({"coachingPlanName": plan_name(plan)}));
    }
    service.succeed(&Event::post("targets", target).by("service", "sync@acme")).await;
}

fn two() -> String {
    below_support("scorecardTemplates/two")
}

/// The request for the team's `clarity` in the last half of May, by week, with `more`.
fn series(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "criteria": [{"scorecardTemplateName": two(), "criterionOrChapterId": "clarity"}],
        "startTime": "2026-05-16T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
        "granularity": "GRANULARITY_WEEK",
    });
    merge(&mut body, more);
    Event::post("scoreSeries:retrieve", body)
}

fn point(day: &str, score: f64, count: u64) -> Value {
    json!({"startTime": format!("{day}T00:00:00Z"), "score": score, "scorecardCount": count})
}

fn step(day: &str, target: f64) -> Value {
    json!({"startTime": format!("{day}T00:00:00Z"), "target": target})
}

fn of_clarity(agent: Option<&str>, points: Value, targets: Value) -> Value {
    let mut series = json!({
        "usecaseName": usecase_name("care"),
        "scorecardTemplateName": two(),
        "criterionOrChapterId": "clarity",
        "points": points,
        "targets": targets,
    });
    if let Some(agent) = agent {
        merge(&mut series, json!({"agentUserName": user_name(agent)}));
    }
    series
}

#[tokio::test]
async fn the_series_are_those_worked_out_by_hand() {
    let service = with_team().await;
    // 2026-05-16 is a Saturday: the window's first week has two days, its last all seven.
    for (agent, day, value) in [
        ("ana", "2026-05-15", 0),
        ("ana", "2026-05-17", 1),
        ("ana", "2026-05-18", 2),
        ("ana", "2026-05-24", 3),
        ("ana", "2026-05-31", 2),
        ("ben", "2026-05-20", 0),
    ] {
        score(&service, agent, day, value).await;
    }
    target(&service, None, "2026-05-20", 60.0).await;
    let since_may = json!({"usecaseName": usecase_name("care"), "createTime": "2026-05-01T00:00:00Z"});
    service.plan_with("ana-plan", "ana", since_may).await;
    target(&service, Some("ana-plan"), "2026-05-01", 80.0).await;

    let of_ana =
        json!([point("2026-05-16", 33.3333, 1), point("2026-05-18", 83.3333, 2), point("2026-05-25", 66.6667, 1)]);
    let of_ben = json!([point("2026-05-18", 0.0, 1)]);
    let of_all =
        json!([point("2026-05-16", 33.3333, 1), point("2026-05-18", 55.5556, 3), point("2026-05-25", 66.6667, 1)]);
    // The target of her own replaces the organisation's.
    let ana = of_clarity(Some("ana"), of_ana, json!([step("2026-05-16", 80.0)]));
    let ben = of_clarity(Some("ben"), of_ben, json!([step("2026-05-20", 60.0)]));
    let everyone = of_clarity(None, of_all, json!([step("2026-05-20", 60.0)]));
    let expected = json!({
        "scoreSeries": [ana, ben],
        "startTime": "2026-05-16T00:00:00Z",
        "endTime": "2026-06-01T00:00:00Z",
    });
    assert_eq!(service.succeed(&series(json!({}))).await, expected);
    let mut with_everyone = expected.clone();
    merge(&mut with_everyone, json!({"scoreSeries": [ana, ben, everyone], "benchmarkTime": NOW}));
    assert_eq!(service.succeed(&series(json!({"includeEveryone": true}))).await, with_everyone);
    merge(&mut with_everyone, json!({"scoreSeries": [everyone]}));
    let alone = series(json!({"includeEveryone": true, "groupNames": []}));
    assert_eq!(service.succeed(&alone).await, with_everyone);
    let own = series(json!({"groupNames": []})).by("agent", "ben");
    assert_eq!(service.succeed(&own).await["scoreSeries"], json!([ben]));
}

#[tokio::test]
async fn the_points_add_up_to_progress() {
    let service = with_team().await;
    for (day, value) in [("2026-03-31", 1), ("2026-04-01", 3), ("2026-04-30", 2), ("2026-05-01", 2), ("2026-05-31", 0)]
    {
        score(&service, "ana", day, value).await;
    }
    target(&service, None, "2026-01-01", 60.0).await;
    let window = json!({"startTime": "2026-03-31T00:00:00Z", "endTime": "2026-06-01T00:00:00Z"});
    let mut progress = json!({"usecaseNames": [usecase_name("care")], "agentUserNames": [user_name("ana")]});
    merge(&mut progress, window.clone());
    let progress = service.succeed(&Event::post("coachingProgresses:retrieve", progress)).await;
    let row = &progress["agentCoachingProgresses"][0]["criterionProgresses"][0];
    for (granularity, points) in [("GRANULARITY_DAY", 5), ("GRANULARITY_WEEK", 3), ("GRANULARITY_MONTH", 3)] {
        let mut more = json!({"granularity": granularity});
        merge(&mut more, window.clone());
        let answer = service.succeed(&series(more)).await;
        let [one] = &answer["scoreSeries"].as_array().unwrap()[..] else { panic!("{answer}") };
        let all = one["points"].as_array().unwrap();
        let count: u64 = all.iter().map(|point| point["scorecardCount"].as_u64().unwrap()).sum();
        assert_eq!((all.len(), json!(count)), (points, row["scorecardCount"].clone()), "{granularity}: {answer} {row}");
    }
    // A window of one month has one point, which is what progress says.
    let may = json!({"startTime": "2026-05-01T00:00:00Z", "granularity": "GRANULARITY_MONTH"});
    let answer = service.succeed(&series(may.clone())).await;
    assert_eq!(answer["scoreSeries"][0]["points"], json!([point("2026-05-01", 33.3333, 2)]));
}

/// What an agent is and has now does not count in a window that is over: their role, and their own target.
#[tokio::test]
async fn a_window_that_is_over_is_measured_by_the_facts_at_its_end() {
    let service = with_team().await;
    let since_may = json!({"usecaseName": usecase_name("care"), "createTime": "2026-05-01T00:00:00Z"});
    service.plan_with("ana-plan", "ana", since_may).await;
    target(&service, None, "2026-05-01", 60.0).await;
    target(&service, Some("ana-plan"), "2026-05-01", 80.0).await;
    score(&service, "ana", "2026-05-20", 3).await;
    score(&service, "ben", "2026-05-20", 3).await;
    let moved = json!({"target": {"target": 90}}).to_string();
    service.succeed(&Event::new("PATCH", "targets/of-ana-plan").with_text(&moved)).await;
    let under_way = series(json!({"endTime": "2026-06-02T00:00:00Z"}));
    let answer = service.succeed(&under_way).await;
    assert_eq!(
        answer["scoreSeries"][0]["targets"],
        json!([step("2026-05-16", 80.0), {"startTime": NOW, "target": 90.0}])
    );
    assert_eq!(answer["scoreSeries"][1]["targets"], json!([step("2026-05-16", 60.0)]));

    service.advance(TimeDelta::hours(1));
    service.succeed(&Event::new("DELETE", "targets/of-ana-plan")).await;
    let mut manager = coaching_tests::user("ben");
    manager["roles"] = json!(["manager"]);
    let load = Event::post("", json!({"users": [manager]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load.by("service", "sync@acme")).await;
    service.advance(TimeDelta::hours(1));
    let named = json!({"groupNames": [], "agentUserNames": [user_name("ana"), user_name("ben")]});
    let over = service.succeed(&series(named.clone())).await;
    let of = |answer: &Value| -> Vec<Value> {
        let all = answer["scoreSeries"].as_array().unwrap().iter();
        all.map(|one| json!([one["agentUserName"], one["targets"]])).collect()
    };
    assert_eq!(
        of(&over),
        [json!([user_name("ana"), [step("2026-05-16", 80.0)]]), json!([user_name("ben"), [step("2026-05-16", 60.0)]])]
    );
    // He is an agent no longer at the end of the other window: he is answered if he is named, but not with the team.
    let until_now = |mut more: Value| {
        merge(&mut more, json!({"endTime": "2026-06-02T00:00:00Z"}));
        series(more)
    };
    let ana = json!([user_name("ana"), [step("2026-05-16", 60.0)]]);
    assert_eq!(of(&service.succeed(&until_now(json!({}))).await), std::slice::from_ref(&ana));
    let ben = json!([user_name("ben"), [step("2026-05-16", 60.0)]]);
    assert_eq!(of(&service.succeed(&until_now(named)).await), [ana, ben]);
}

/// With more agents than one request adds up, everyone's points are missing until all are.
#[tokio::test]
async fn everyone_in_a_large_profile_is_added_up_by_several_requests() {
    let service = with_team().await;
    score(&service, "ana", "2026-05-20", 3).await;
    score(&service, "ben", "2026-05-21", 0).await;
    service.count_further(7900).await;
    let everyone = series(json!({"groupNames": [], "includeEveryone": true, "granularity": "GRANULARITY_DAY"}));
    let first = service.succeed(&everyone).await;
    assert_eq!((&first["benchmarkPending"], &first["scoreSeries"]), (&json!(true), &json!([])), "{first}");
    let mut requests = 1;
    let whole = loop {
        let answer = service.succeed(&everyone).await;
        requests += 1;
        if answer.get("benchmarkPending").is_none() {
            break answer;
        }
    };
    let points = json!([point("2026-05-20", 100.0, 1), point("2026-05-21", 0.0, 1)]);
    assert_eq!((&whole["scoreSeries"], requests), (&json!([of_clarity(None, points, json!([]))]), 4));
}

/// An agent whose statistics cannot be read is left out and named.
#[tokio::test]
async fn what_cannot_be_read_costs_itself() {
    let service = with_team().await;
    score(&service, "ana", "2026-05-20", 3).await;
    score(&service, "ben", "2026-05-21", 0).await;
    let items = service.items().await;
    let mut damaged =
        items.into_iter().find(|(key, _)| key.ends_with(" / 2026-05#ana") && key.contains("#statistics#")).unwrap().1;
    damaged.insert("cells".to_owned(), AttributeValue::S("none".to_owned()));
    service.client().put_item().table_name(service.table()).set_item(Some(damaged)).send().await.unwrap();
    let answer = service.succeed(&series(json!({"includeEveryone": true}))).await;
    let shown: Vec<&Value> =
        answer["scoreSeries"].as_array().unwrap().iter().map(|one| &one["agentUserName"]).collect();
    assert_eq!(shown, [&json!(user_name("ben")), &Value::Null], "{answer}");
    assert_eq!(answer["unreachable"], json!([user_name("ana")]));
}

#[tokio::test]
async fn more_points_than_an_answer_takes_are_refused() {
    let service = with_team().await;
    let criteria: Vec<Value> = ["clarity", "warmth", "call"]
        .map(|id| json!({"scorecardTemplateName": two(), "criterionOrChapterId": id}))
        .into();
    let usecases: Vec<String> = (0..20).map(|number| format!("usecase-{number}")).collect();
    service.usecases(&usecases.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let names: Vec<String> = usecases.iter().map(|id| usecase_name(id)).collect();
    let request = |end: &str, granularity: &str| {
        series(json!({
            "usecaseNames": names,
            "criteria": criteria,
            "startTime": "2025-01-01T00:00:00Z",
            "endTime": format!("{end}T00:00:00Z"),
            "granularity": granularity,
        }))
    };
    // Two people, 20 usecases and 3 criteria: 166 days have 19,920 points, 167 days 20,040.
    service.succeed(&request("2025-06-16", "GRANULARITY_DAY")).await;
    let refused = service.refused(&request("2025-06-17", "GRANULARITY_DAY"), 400).await;
    assert!(refused.body["message"].as_str().unwrap().contains("20040 points in all, of 2 people"), "{}", refused.body);
    service.succeed(&request("2025-06-17", "GRANULARITY_WEEK")).await;
}
