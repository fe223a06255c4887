//! `list-templates`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use coaching_tests::{Case, Event, Target, TestService, below_support, merge, replay, usecase_name, user, user_name};
use serde_json::{Value, json};

const CASES: [Case; 15] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "by-include-deactivated", status: 200, refused: &[] },
    Case { name: "by-include-deleted", status: 200, refused: &[] },
    Case { name: "by-agent-user-name", status: 200, refused: &[] },
    Case { name: "by-triggers", status: 200, refused: &[] },
    Case { name: "by-types", status: 200, refused: &[] },
    Case { name: "by-view", status: 200, refused: &[] },
    Case { name: "full-for-an-agent", status: 200, refused: &[] },
    Case { name: "unknown-view", status: 400, refused: &["view"] },
    Case { name: "of-another-agent", status: 403, refused: &[] },
    Case { name: "of-a-usecase", status: 200, refused: &[] },
    Case { name: "unknown-parameter", status: 400, refused: &["includeDeactivated", "showDeleted"] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("list-templates", &CASES, Target::Handler(&list_templates::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("list-templates", &CASES, Target::Binary(env!("CARGO_BIN_EXE_list-templates"))).await;
}

/// A template of the test, and what filters ask of it.
struct Listed {
    id: String,
    usecase: Option<&'static str>,
    triggers: &'static [&'static str],
    kind: Option<&'static str>,
    /// The agents of its audience.
    agents: Option<&'static [&'static str]>,
    deactivated: bool,
    deleted: bool,
}

const CONVERSATION: &str = "SCORECARD_TEMPLATE_TYPE_CONVERSATION";
const PROCESS: &str = "SCORECARD_TEMPLATE_TYPE_PROCESS";

/// Groups: `inner` with cleo below `outer` with ben.
fn audience(number: usize) -> (Value, Option<&'static [&'static str]>) {
    let group = |id: &str| format!("customers/acme/groups/{id}");
    match number % 5 {
        0 => (Value::Null, None),
        1 => (json!({"userNames": [user_name("ana")]}), Some(&["ana"])),
        2 => (json!({"groupNames": [group("outer")]}), Some(&["ben"])),
        3 => (
            json!({"groupNames": [group("outer")], "includeIndirectGroupMembers": true, "userNames": [user_name("ana")]}),
            Some(&["ana", "ben", "cleo"]),
        ),
        _ => (json!({"groupNames": [group("inner"), group("empty")]}), Some(&["cleo"])),
    }
}

/// Creates templates with every combination of what is filtered by, in their order.
async fn templates(service: &TestService) -> Vec<Listed> {
    let agents = ["ana", "ben", "cleo"];
    service.directory(&agents).await;
    service.usecases(&["care", "sales"]).await;
    let group = |id: &str, more: Value| {
        let mut group = json!({"name": format!("customers/acme/groups/{id}"), "displayName": id});
        merge(&mut group, more);
        group
    };
    let groups = json!({"groups": [
        group("inner", json!({"memberUserNames": [user_name("cleo")]})),
        group("empty", json!({})),
        group("outer", json!({"memberUserNames": [user_name("ben")], "subgroupNames": ["customers/acme/groups/inner"]})),
    ]});
    let load = Event::post("", groups).to("/v1/customers/acme/groups:batchUpsert").by("service", "sync@acme");
    service.succeed(&load).await;
    let mut listed = Vec::new();
    for number in 0..60 {
        let id = format!("template-{number:02}");
        let usecase = [None, Some("care"), Some("sales")][number % 3];
        let triggers: &[&str] = [&["hold"][..], &["transfer", "hold"], &[], &["transfer"]][number % 4];
        let kind = [None, Some(CONVERSATION), Some(PROCESS)][(number / 2) % 3];
        let (audience, agents) = audience(number);
        let (deactivated, deleted) = (number % 7 == 3, number % 11 == 5);
        let moments: Vec<String> = triggers.iter().map(|id| below_support(&format!("moments/{id}"))).collect();
        let criteria = json!([{"criterionId": "one"}, {"criterionId": "two", "triggerNames": moments}]);
        let more = json!({
            "usecaseNames": usecase.map(|id| vec![usecase_name(id)]),
            "template": {"chapters": [{"chapterId": "all", "criteria": criteria}]},
            "type": kind,
            "audience": audience,
            "deactivateTime": deactivated.then_some("2026-01-01T00:00:00Z"),
        });
        service.template(&id, more).await;
        if deleted {
            service.succeed(&Event::new("DELETE", &format!("scorecardTemplates/{id}"))).await;
        }
        service.advance(chrono::TimeDelta::seconds(1));
        listed.push(Listed { id, usecase, triggers, kind, agents, deactivated, deleted });
    }
    listed.reverse();
    listed
}

/// The ids of all pages of `size` of the list with this query.
async fn pages(service: &TestService, event: &Event, size: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut token = String::new();
    loop {
        let page = service.succeed(&event.clone().with("pageSize", &size.to_string()).with("pageToken", &token)).await;
        let entries = page["scorecardTemplates"].as_array().unwrap();
        let names = entries.iter().map(|one| one["name"].as_str().unwrap().rsplit('/').next().unwrap());
        ids.extend(names.map(|name| name.trim_end_matches("@1").to_owned()));
        match page["nextPageToken"].as_str() {
            Some(next) => {
                assert_eq!(entries.len(), size, "a page is full unless it is the last");
                token = next.to_owned();
            }
            None => return ids,
        }
    }
}

#[tokio::test]
async fn filters_are_those_of_the_whole_list() {
    let service = TestService::start().await;
    let all = templates(&service).await;
    let mut met = BTreeSet::new();
    for agent in [None, Some("ana"), Some("ben"), Some("cleo")] {
        for trigger in [&[][..], &["hold"], &["hold", "transfer"]] {
            for types in [&[][..], &[CONVERSATION], &["SCORECARD_TEMPLATE_TYPE_UNSPECIFIED", PROCESS]] {
                for (number, usecase) in [None, Some("care")].into_iter().enumerate() {
                    let (deactivated, deleted) = (trigger.len() != 1, types.len() != 1 || number == 1);
                    let mut event = Event::get("scorecardTemplates:listCurrent");
                    if let Some(agent) = agent {
                        event = event.with("agentUserName", &user_name(agent));
                    }
                    for id in trigger {
                        event = event.with("triggers", &below_support(&format!("moments/{id}")));
                    }
                    for kind in types {
                        event = event.with("types", kind);
                    }
                    if let Some(usecase) = usecase {
                        event = event.with("usecaseNames", &usecase_name(usecase));
                    }
                    event = event.with("includeDeactivated", &deactivated.to_string());
                    event = event.with("includeDeleted", &deleted.to_string());
                    let passes = |one: &&Listed| {
                        agent.is_none_or(|agent| one.agents.is_none_or(|agents| agents.contains(&agent)))
                            && (trigger.is_empty() || trigger.iter().any(|id| one.triggers.contains(id)))
                            && (types.is_empty()
                                || types.contains(&one.kind.unwrap_or("SCORECARD_TEMPLATE_TYPE_UNSPECIFIED")))
                            && usecase.is_none_or(|usecase| one.usecase.is_none_or(|of| of == usecase))
                            && (deactivated || !one.deactivated)
                            && (deleted || !one.deleted)
                    };
                    let expected: Vec<&str> = all.iter().filter(passes).map(|one| one.id.as_str()).collect();
                    for size in [1000, 3] {
                        assert_eq!(pages(&service, &event, size).await, expected, "{event:?}");
                    }
                    met.insert(expected.len());
                }
            }
        }
    }
    assert!(met.len() > 10, "{met:?}");
}

#[tokio::test]
async fn an_agent_sees_neither_the_audience_nor_numbers_nor_a_clients_own_objects() {
    let service = TestService::seeded().await;
    let more = json!({
        "audience": {"userNames": [user_name("ana"), user_name("ben")]},
        "qaTaskConfig": {
            "evaluationPeriodConfig": {"kind": "MONTH"},
            "taskCompleteConfig": {"evaluatedConversationCountPerAgent": 4},
        },
        "permissions": {"a": 1},
        "qaScoreConfig": {"b": 2},
        "type": CONVERSATION,
    });
    service.template("mine", more).await;
    let by_ana = |event: Event| event.by("agent", "ana");
    let read = service.succeed(&by_ana(Event::get("scorecardTemplates/mine"))).await["scorecardTemplate"].clone();
    let own = Event::get("scorecardTemplates:listCurrent").with("agentUserName", &user_name("ana"));
    let listed = service.succeed(&by_ana(own)).await["scorecardTemplates"].clone();
    let listed = listed.as_array().unwrap().iter().find(|one| one["name"] == read["name"]).unwrap().clone();
    assert_eq!(read, listed);
    for hidden in ["audience", "permissions", "qaScoreConfig"] {
        assert_eq!(read[hidden], Value::Null, "{hidden}");
    }
    let month = json!({"kind": "MONTH", "timeZoneId": "UTC", "interval": 1, "dayOfMonth": 1});
    assert_eq!(read["qaTaskConfig"], json!({"evaluationPeriodConfig": month}));
    assert_eq!(read["type"], CONVERSATION);
    let others = Event::get("scorecardTemplates:listCurrent").with("agentUserName", &user_name("ben"));
    service.refused(&by_ana(others), 403).await;
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// Submits a scorecard of `agent` with this value of `greeting`, of 5.
async fn score(service: &TestService, agent: &str, template: &str, usecase: &str, time: &str, value: u8) {
    let scorecard = json!({
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name(agent),
        "templateName": below_support(&format!("scorecardTemplates/{template}")),
        "usecaseName": usecase_name(usecase),
        "scores": [{"criterionId": "greeting", "numericValue": value}],
        "createTime": time,
        "submitTime": time,
    });
    service.succeed(&import("scorecards", scorecard)).await;
}

/// The full view of each template, by its id.
async fn full(service: &TestService, event: Event) -> std::collections::BTreeMap<String, Value> {
    let answer = service.succeed(&event.with("view", "VIEW_FULL_WITH_STATS")).await;
    assert_eq!((answer.get("nextPageToken"), answer.get("unreachable")), (None, None));
    let templates = answer["scorecardTemplates"].as_array().unwrap().iter();
    let id = |one: &Value| one["name"].as_str().unwrap().rsplit('/').next().unwrap().trim_end_matches("@1").to_owned();
    templates.map(|one| (id(one), one.clone())).collect()
}

#[tokio::test]
async fn the_full_view_says_how_templates_were_used() {
    let service = TestService::start().await;
    let agents = ["ana", "ben", "chloe", "dan", "eve"];
    service.directory(&agents).await;
    service.usecases(&["care", "sales"]).await;
    service.template("of-care", json!({})).await;
    service.template("of-both", json!({"usecaseNames": [usecase_name("care"), usecase_name("sales")]})).await;
    service.template("of-all", json!({"usecaseNames": null})).await;
    service.template("unused", json!({})).await;
    // Now is noon on 1 June: the 30 days are those from 3 May on.
    for (agent, template, usecase, time, value) in [
        ("ana", "of-care", "care", "2026-05-02T23:59:59Z", 0),
        ("ana", "of-care", "care", "2026-05-03T00:00:00Z", 5),
        ("ana", "of-care", "care", "2026-06-01T11:00:00Z", 4),
        ("ben", "of-care", "care", "2026-05-20T11:00:00Z", 1),
        ("ana", "of-both", "care", "2026-05-20T11:00:00Z", 1),
        ("ana", "of-both", "sales", "2026-05-20T11:00:00Z", 2),
        ("ben", "of-both", "sales", "2026-05-20T11:00:00Z", 2),
        ("ana", "of-all", "sales", "2026-05-20T11:00:00Z", 3),
    ] {
        score(&service, agent, template, usecase, time, value).await;
    }
    let stats = |count: u64, average: Value, agents: u64| {
        let mut stats = json!({
            "scorecardCount": count,
            "averageScore": average,
            "scoredAgentCount": agents,
            "startTime": "2026-05-03T00:00:00Z",
            "endTime": "2026-06-02T00:00:00Z",
            "statsTime": "2026-06-01T12:00:00Z",
        });
        stats.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        stats
    };
    let list = || Event::get("scorecardTemplates:listCurrent");
    let shown = full(&service, list()).await;
    for (id, expected) in [
        // (100 + 80 + 20) / 3, and (20 + 40 + 40) / 3 of one agent in care and two in sales.
        ("of-care", stats(3, json!(66.6667), 2)),
        ("of-both", stats(3, json!(33.3333), 3)),
        ("unused", stats(0, Value::Null, 0)),
        ("of-all", Value::Null),
    ] {
        assert_eq!((&shown[id]["stats"], shown[id].get("benchmarkPending")), (&expected, None), "{id}");
    }
    let of_sales = full(&service, list().with("usecaseNames", &usecase_name("sales"))).await;
    assert_eq!(of_sales["of-both"]["stats"], stats(2, json!(40.0), 2));
    assert_eq!(of_sales["of-all"]["stats"], stats(1, json!(60.0), 1));
    // Without the view there is none of it.
    for view in ["VIEW_UNSPECIFIED", "VIEW_BASIC_WITHOUT_STATS"] {
        let basic = service.succeed(&list().with("view", view)).await;
        assert_eq!(basic, service.succeed(&list()).await);
        let mut unused = shown["unused"].clone();
        merge(&mut unused, json!({"stats": null, "resolvedAudience": null}));
        assert!(basic["scorecardTemplates"].as_array().unwrap().contains(&unused));
    }
    // Agents get neither the stats of fewer than five agents nor the audience.
    let by_ana = full(&service, list().by("agent", "ana")).await;
    assert!(by_ana.values().all(|one| one.get("stats").is_none() && one.get("resolvedAudience").is_none()));
    for agent in ["chloe", "dan", "eve"] {
        score(&service, agent, "of-care", "care", "2026-05-20T11:00:00Z", 5).await;
    }
    service.advance(chrono::TimeDelta::minutes(15));
    let by_ana = full(&service, list().by("agent", "ana")).await;
    let mut of_six = stats(6, json!(83.3333), 5);
    of_six["statsTime"] = json!("2026-06-01T12:15:00Z");
    assert_eq!(by_ana["of-care"]["stats"], of_six);
    assert_eq!(by_ana["of-both"].get("stats"), None);
    // Of more agents than one request adds up, four requests add up all; until then the old figures are shown.
    service.count_further(7900).await;
    service.advance(chrono::TimeDelta::minutes(15));
    let stats_time = async || {
        full(&service, Event::get("scorecardTemplates:listCurrent")).await["of-care"]["stats"]["statsTime"].clone()
    };
    for _ in 0..3 {
        assert_eq!(stats_time().await, of_six["statsTime"]);
        service.advance(chrono::TimeDelta::minutes(1));
    }
    assert_eq!(stats_time().await, "2026-06-01T12:30:00Z", "that of the oldest share");
}

#[tokio::test]
async fn the_full_view_says_whom_templates_are_for() {
    let service = TestService::start().await;
    templates(&service).await;
    let mut dan = user("dan");
    dan["isActive"] = json!(false);
    let mut eve = user("eve");
    eve["isDevUser"] = json!(true);
    let mut max = user("max");
    max["roles"] = json!(["manager"]);
    let mut finn = user("finn");
    finn["profileNames"] = json!(["customers/acme/profiles/other"]);
    let load = |users: Value| import("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&load(json!([dan, eve, max, finn]))).await;
    let people = ["dan", "eve", "max", "finn", "cleo", "ben"].map(user_name);
    service.template("mixed", json!({"audience": {"userNames": people}})).await;
    let resolved = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| user_name(name)).collect();
        json!({"agentCount": names.len(), "agentUserNames": names, "isTruncated": false})
    };
    // Whoever was written by a machine whose clock is ahead is there all the same.
    service.advance(chrono::TimeDelta::seconds(-1));
    let everything = ["includeDeactivated", "includeDeleted"];
    let list = everything.iter().fold(Event::get("scorecardTemplates:listCurrent"), |list, one| list.with(one, "true"));
    let answer = service.succeed(&list.with("view", "VIEW_FULL_WITH_STATS").with("pageSize", "1000")).await;
    let shown = answer["scorecardTemplates"].as_array().unwrap();
    assert_eq!(shown.len(), 50, "a page has at most 50");
    assert!(answer["nextPageToken"].is_string());
    for one in shown {
        let id = one["name"].as_str().unwrap().rsplit('/').next().unwrap().trim_end_matches("@1");
        let expected: &[&str] = match id.strip_prefix("template-") {
            None => &["ben", "cleo"],
            Some(number) => audience(number.parse().unwrap()).1.unwrap_or(&["ana", "ben", "cleo"]),
        };
        assert_eq!(one["resolvedAudience"], resolved(expected), "{id}");
    }
}

/// Their entry in the directory is newer than now by the clock of who asks.
#[tokio::test]
async fn an_agent_whom_a_machine_wrote_whose_clock_is_ahead_is_in_the_audience() {
    let service = TestService::start().await;
    service.usecases(&["care"]).await;
    let mut ben = user("ben");
    for role in ["manager", "agent"] {
        ben["roles"] = json!([role]);
        let load = import("", json!({"users": [ben]})).to("/v1/customers/acme/users:batchUpsert");
        service.succeed(&load).await;
    }
    service.template("for-ben", json!({"audience": {"userNames": [user_name("ben")]}})).await;
    service.advance(chrono::TimeDelta::seconds(-1));
    let shown = full(&service, Event::get("scorecardTemplates:listCurrent")).await;
    assert_eq!(shown["for-ben"]["resolvedAudience"]["agentUserNames"], json!([user_name("ben")]));
}

#[tokio::test]
async fn audiences_of_many_people_take_pages_of_their_own() {
    let service = TestService::start().await;
    let agents: Vec<String> = (0..40).map(|number| format!("agent{number:02}")).collect();
    service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // Who is in no directory is nobody's agent. The names of others are before those of agents, and after.
    let group = |id: &str, prefix: &str| {
        let others = (0..1500).map(|number| user_name(&format!("{prefix}{number}")));
        let members: Vec<String> = others.chain(agents.iter().map(|agent| user_name(agent))).collect();
        json!({"name": format!("customers/acme/groups/{id}"), "displayName": id, "memberUserNames": members})
    };
    for group in [group("first", "aa"), group("last", "zz")] {
        let load = import("", json!({"groups": [group]})).to("/v1/customers/acme/groups:batchUpsert");
        service.succeed(&load).await;
    }
    for (id, groups) in [("first", vec!["first"]), ("last", vec!["last"]), ("both", vec!["first", "last"])] {
        let groups: Vec<String> = groups.iter().map(|group| format!("customers/acme/groups/{group}")).collect();
        service.template(id, json!({"audience": {"groupNames": groups}})).await;
        service.advance(chrono::TimeDelta::seconds(1));
    }
    let list = Event::get("scorecardTemplates:listCurrent").with("view", "VIEW_FULL_WITH_STATS");
    let mut token = String::new();
    for (id, is_truncated) in [("both", true), ("last", false), ("first", false)] {
        let page = service.succeed(&list.clone().with("pageToken", &token)).await;
        let [one] = &page["scorecardTemplates"].as_array().unwrap()[..] else { panic!("{page}") };
        assert_eq!(one["name"], below_support(&format!("scorecardTemplates/{id}@1")));
        let resolved = &one["resolvedAudience"];
        assert_eq!((&resolved["agentCount"], &resolved["isTruncated"]), (&json!(40), &json!(is_truncated)), "{id}");
        token = page["nextPageToken"].as_str().unwrap_or_default().to_owned();
    }
    assert!(token.is_empty());
}
