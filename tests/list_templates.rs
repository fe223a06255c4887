//! `list-templates`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use coaching_tests::{Case, Event, Target, TestService, below_support, replay, usecase_name, user_name};
use serde_json::{Value, json};

const CASES: [Case; 12] = [
    Case { name: "all", status: 200, refused: &[] },
    Case { name: "by-usecase-names", status: 200, refused: &[] },
    Case { name: "by-include-deactivated", status: 200, refused: &[] },
    Case { name: "by-include-deleted", status: 200, refused: &[] },
    Case { name: "by-agent-user-name", status: 200, refused: &[] },
    Case { name: "by-triggers", status: 200, refused: &[] },
    Case { name: "by-types", status: 200, refused: &[] },
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
        coaching_tests::merge(&mut group, more);
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
