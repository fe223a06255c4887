//! The exact cost of each operation: DynamoDB calls, how many of them wait for an earlier one, units and bytes, and the
//! least units that moving the same items takes. docs/performance.md has the table.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use coaching_domain::names::{CoachingSession, User};
use coaching_domain::{Id, Timestamp};
use coaching_local::{OPERATIONS, TASKS};
use coaching_store::Cursor;
use coaching_tests::{
    Event, TestService, Trace, answer, below_support, event_file, event_files, least_read_units, least_write_units,
    long_scorecard, merge, perform, plan_name, root, session_name, units_charged, usecase_name, user, user_name,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use xtask::generated::Generated;

/// The head of the table.
const HEAD: &str = "\
| operation | calls | in sequence | read units | least | write units | least | bytes out | bytes in | per million |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// The records besides [`TestService::seeded`] before the request.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    /// Sixty sessions more of `ana-plan`.
    Sessions,
    /// A team of 25 agents, each with a plan and scorecards in both months.
    Team,
    /// The same, and one of them has a session that is counted.
    TeamWithSession,
    /// As [`Before::Team`], after the same request added up everyone's scores.
    TeamAddedUp,
    /// A profile of 150 such agents.
    Profile,
    /// The same after the first page was read: the request is for the second.
    ProfileRead,
    /// A template of 20 criteria, ten scorecards of `ana` on every day of March and April, and the draft `draft-long`;
    /// now is the middle of April.
    FullPeriod,
    /// The same with sums that need many digits: this and six more maxima, fractional weights, and criteria that are
    /// left out now and then.
    FullPeriodOf(u32),
    /// As [`Before::FullPeriod`], and the draft is submitted.
    FullPeriodSubmitted,
    /// As [`Before::FullPeriod`], after the same request added up everyone's scores.
    FullPeriodAddedUp,
    /// A template of 20 criteria in a second revision, 96 submitted scorecards of `ana` made from the first, and the job
    /// [`BACKFILL`] that moves them.
    Backfill,
}

/// The job of [`Before::Backfill`], by an id as long as that of any job.
const BACKFILL: &str = "01890a5d-ac96-774b-bcce-b302099a0000";

/// The record of the stream that tells of it.
fn backfill_woken() -> Value {
    let mut event = event_file("run-job", "woken");
    let key = json!(format!("acme#support#job#{BACKFILL}"));
    for image in ["Keys", "NewImage"] {
        event["Records"][0]["dynamodb"][image]["PK"]["S"] = key.clone();
    }
    event
}

/// One line of the table.
struct Row {
    operation: &'static str,
    /// What is special about the request.
    what: &'static str,
    before: Before,
    event: Value,
    /// Why calls wait for others; empty if none do. `None` if nobody has said.
    waits: Option<&'static str>,
}

/// A request of `events/`.
fn file(operation: &'static str, case: &str, waits: &'static str) -> Row {
    Row { operation, what: "", before: Before::Nothing, event: event_file(operation, case), waits: Some(waits) }
}

fn sent(operation: &'static str, what: &'static str, before: Before, event: &Event, waits: &'static str) -> Row {
    Row { operation, what, before, event: event.to_json(), waits: Some(waits) }
}

fn progress(more: Value) -> Event {
    let mut body = json!({"usecaseNames": [usecase_name("care")], "groupNames": ["customers/acme/groups/team"]});
    merge(&mut body, more);
    Event::post("coachingProgresses:retrieve", body)
}

fn overviews(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "startTime": "2026-05-02T00:00:00Z",
        "endTime": "2026-06-01T12:00:00Z",
    });
    merge(&mut body, more);
    Event::post("coachingOverviews:retrieve", body)
}

fn opportunities(more: Value) -> Event {
    let mut body = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "startTime": "2026-05-02T00:00:00Z",
        "endTime": "2026-06-01T12:00:00Z",
        "opportunityConfig": {"minimumScorecardCount": 1},
    });
    merge(&mut body, more);
    Event::post("coachingOpportunities:suggest", body)
}

fn import(path: &str, body: Value) -> Event {
    Event::post(path, body).by("service", "sync@acme")
}

/// So many submitted scorecards of one agent and two months, linked to `plans`.
fn long_scorecards(plans: &[String]) -> Event {
    let scorecards = (0..98).map(|number| {
        let mut scorecard = long_scorecard(number, Some("2026-04-10T10:00:00Z"));
        scorecard["coachingPlanNames"] = json!(plans);
        scorecard
    });
    import("scorecards:batchUpsert", json!({"scorecards": scorecards.collect::<Vec<_>>()}))
}

fn rows() -> Vec<Row> {
    let session = |more: Value| {
        let mut body = json!({
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
            "sessionTime": "2026-06-02T15:00:00Z",
            "meetingNotes": "Listened to two calls together.",
        });
        merge(&mut body, more);
        Event::post("coachingSessions", body)
    };
    let named = session(json!({"usecaseName": usecase_name("care")}));
    let repeatable = named.clone().with("requestId", "6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");

    let by_gap = progress(json!({"groupNames": null, "orderBy": "ORDER_BY_GAP", "pageSize": 25}));
    let by_time = json!({"groupNames": null, "orderBy": "ORDER_BY_COACHING_SESSION_ACTIVITY_TIME", "pageSize": 25});
    let quality = |verb: &str, body: Value| Event::post(&format!("scorecardTemplates/quality:{verb}"), body);
    let team = json!([{"group": "customers/acme/groups/team", "evaluatedConversationCountPerAgent": 2}]);
    let exceptions = json!({"evaluatedConversationCountPerAgent": 4, "overriddenAgents": team});
    let week = json!({"startTime": "2026-05-25T04:00:00Z", "endTime": "2026-06-01T04:00:00Z"});
    let evaluations = |more: Value| {
        let mut body = json!({"evaluationPeriod": week, "pageSize": 50});
        merge(&mut body, more);
        quality("retrieveEvaluationProgress", body)
    };
    let by_remaining = evaluations(json!({"orderBy": "REMAINING"}));
    let settings = "the template says for whom it is, and what it asks for";
    let plan = "the plan's usecase is written";
    let names = "what it names must exist";
    let read = "what is written depends on what was read";
    let deletions = "the list of deletions is read after what it hides";
    let template = "a scorecard names its template revision";
    vec![
        sent("create-session", "with a usecase", Before::Nothing, &named, names),
        sent("create-session", "and with a `requestId`", Before::Nothing, &repeatable, names),
        sent("create-session", "that takes the plan's usecase", Before::Nothing, &session(json!({})), plan),
        sent("list-sessions", "a page of 50", Before::Sessions, &Event::get("coachingSessions"), deletions),
        sent(
            "list-sessions",
            "a page of 50 of a team, with display names",
            Before::Sessions,
            &Event::get("coachingSessions")
                .with("groupNames", "customers/acme/groups/team")
                .with("include", "displayNames"),
            "the groups name the agents, whose sessions name the users",
        ),
        file("get-session", "found", ""),
        file("update-session", "changed", read),
        file("acknowledge-session", "acknowledged", read),
        file("delete-session", "deleted", read),
        file("create-plan", "created", names),
        file("get-plan", "found", "a plan that is there after its sessions were read had all of them"),
        file("list-plans", "all", ""),
        file("update-plan", "changed", read),
        file("upsert-plans", "upserted", read),
        file("link-scorecard", "added", read),
        file("delete-plan", "nothing-hangs-on-it", read),
        Row {
            what: "with four that hang on it",
            ..file("delete-plan", "with-what-hangs-on-it", "marked, then listed, then deleted")
        },
        file("create-comment", "created", "the plan's agent and usecase are written"),
        file("list-comments", "all", deletions),
        file("get-comment", "found", ""),
        file("update-comment", "changed", read),
        file("list-changes", "of-a-session", ""),
        sent(
            "retrieve-progress",
            "a team of 25",
            Before::Team,
            &progress(json!({})),
            "the group names the agents; their records name the templates of their own targets",
        ),
        sent(
            "retrieve-progress",
            "a team of 25, with sessions",
            Before::TeamWithSession,
            &progress(json!({})),
            deletions,
        ),
        sent(
            "retrieve-progress",
            "the screen of a team of 25: with the team, criteria without target and display names",
            Before::TeamWithSession,
            &progress(json!({"includeTeam": true, "includeCriteriaWithoutTarget": true, "include": ["displayNames"]})),
            deletions,
        ),
        sent(
            "retrieve-progress",
            "a team of 25, of a window that is over",
            Before::TeamWithSession,
            &progress(json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-05-31T00:00:00Z"})),
            "what was over by now is read of each agent after their records",
        ),
        sent(
            "retrieve-progress",
            "by gap, 25 of a profile of 150",
            Before::Profile,
            &by_gap,
            "agents, then statistics as they pass by, then the order is kept",
        ),
        sent(
            "retrieve-progress",
            "the 25 after those",
            Before::ProfileRead,
            &by_gap,
            "the kept order names the agents",
        ),
        sent(
            "retrieve-overviews",
            "a team of 25, of a month",
            Before::TeamWithSession,
            &overviews(json!({})),
            "the group names the agents; the list of deletions is read after what it hides",
        ),
        sent(
            "retrieve-overviews",
            "a team of 25, of two months in two periods",
            Before::TeamWithSession,
            &overviews(json!({"startTime": "2026-04-10T00:00:00Z", "endTime": "2026-06-10T00:00:00Z"})),
            "the same",
        ),
        sent(
            "retrieve-overviews",
            "by time, 25 of a profile of 150",
            Before::Profile,
            &overviews(by_time.clone()),
            "agents, then activity and statistics as they pass by, then the order is kept",
        ),
        sent(
            "retrieve-overviews",
            "the 25 after those",
            Before::ProfileRead,
            &overviews(by_time),
            "the kept order names the agents",
        ),
        sent(
            "retrieve-quota",
            "`:retrieveEvaluationPeriods`",
            Before::Nothing,
            &quality("retrieveEvaluationPeriods", json!({})),
            "",
        ),
        sent(
            "retrieve-quota",
            "`:retrieveTotalAgentQuota` of a profile of 150",
            Before::Profile,
            &quality("retrieveTotalAgentQuota", json!({})),
            settings,
        ),
        sent(
            "retrieve-quota",
            "the same, with an exception for a team of 25",
            Before::Team,
            &quality("retrieveTotalAgentQuota", json!({"overrideTaskCompleteConfig": exceptions})),
            settings,
        ),
        sent(
            "retrieve-quota",
            "`:retrieveEvaluationProgress`, 50 of a profile of 150",
            Before::Profile,
            &evaluations(json!({})),
            settings,
        ),
        sent(
            "retrieve-quota",
            "the same, with totals",
            Before::Profile,
            &evaluations(json!({"includeTotals": true})),
            settings,
        ),
        sent(
            "retrieve-quota",
            "the same, by what remains",
            Before::Profile,
            &by_remaining,
            "agents, then their evaluations as they pass by, then the order is kept",
        ),
        sent(
            "retrieve-quota",
            "the 50 after those",
            Before::ProfileRead,
            &by_remaining,
            "the kept order names the agents",
        ),
        sent(
            "suggest-opportunities",
            "a team of 25",
            Before::TeamAddedUp,
            &opportunities(json!({})),
            "the group names the agents; their statistics name the templates, which say where everyone's scores are",
        ),
        sent(
            "suggest-opportunities",
            "of a week, without those of the week before",
            Before::TeamAddedUp,
            &opportunities(json!({
                "startTime": "2026-05-25T12:00:00Z",
                "opportunityConfig": {
                    "enabledTypes": ["OPPORTUNITY_TYPE_AVG_PERFORMER", "OPPORTUNITY_TYPE_ORG_TARGET"],
                    "minimumScorecardCount": 1,
                },
            })),
            "the same",
        ),
        sent(
            "suggest-opportunities",
            "when everyone's scores are added up: 27 agents",
            Before::Team,
            &opportunities(json!({})),
            "the same; everyone's scores are added up if they are out of date, and kept",
        ),
        sent(
            "suggest-opportunities",
            "one agent of 611 scorecards, with evidence",
            Before::FullPeriodAddedUp,
            &opportunities(json!({
                "agentUserNames": [user_name("ana")],
                "groupNames": null,
                "startTime": "2026-03-18T00:00:00Z",
                "endTime": "2026-04-17T00:00:00Z",
                "opportunityConfig": {"includeEvidence": true, "minimumGap": 0},
            })),
            "the same; scorecards are read of what is found, and then the templates that they were made from",
        ),
        file("create-template", "created", names),
        file("get-template", "current", ""),
        file("update-template", "changed", read),
        file("list-templates", "all", ""),
        sent(
            "list-templates",
            "the full view of one, in a profile of 27 agents",
            Before::TeamAddedUp,
            &Event::get("scorecardTemplates:listCurrent").with("view", "VIEW_FULL_WITH_STATS"),
            "the list names the templates, then everyone's scores",
        ),
        file("create-scorecard", "draft", "the template says which scores there may be"),
        Row {
            what: "a calibration",
            ..file("create-scorecard", "calibration", "the template says which scores there may be")
        },
        file("get-scorecard", "found", template),
        file("update-scorecard", "changed", read),
        sent(
            "change-scorecard-state",
            "`:submit`, 20 criteria, full two months",
            Before::FullPeriod,
            &Event::post("scorecards/draft-long:submit", json!({})),
            read,
        ),
        sent(
            "change-scorecard-state",
            "`:submit`, the same with maxima of 7 and 13, odd weights, criteria left out",
            Before::FullPeriodOf(7),
            &Event::post("scorecards/draft-long:submit", json!({})),
            read,
        ),
        sent(
            "change-scorecard-state",
            "`:submit`, the same with maxima of 31 and 37",
            Before::FullPeriodOf(31),
            &Event::post("scorecards/draft-long:submit", json!({})),
            read,
        ),
        sent(
            "change-scorecard-state",
            "`:submit`, the same with maxima of 61 and 67, which are rounded",
            Before::FullPeriodOf(61),
            &Event::post("scorecards/draft-long:submit", json!({})),
            read,
        ),
        Row { what: "`:reset`", ..file("change-scorecard-state", "reset", read) },
        Row { what: "`:acknowledge`", ..file("change-scorecard-state", "acknowledge", read) },
        file("list-scorecards", "all", template),
        Row { what: "a draft", ..file("delete-scorecard", "deleted", read) },
        Row { what: "submitted", ..file("delete-scorecard", "submitted", read) },
        sent(
            "delete-scorecard",
            "submitted, 20 criteria, full two months",
            Before::FullPeriodSubmitted,
            &Event::new("DELETE", "scorecards/draft-long").by("service", "sync@acme"),
            read,
        ),
        sent("upsert-scorecards", "98 of one agent and two months", Before::FullPeriod, &long_scorecards(&[]), read),
        sent(
            "upsert-scorecards",
            "the same, linked to a plan",
            Before::FullPeriod,
            &long_scorecards(&[plan_name("ana-plan")]),
            read,
        ),
        file("create-target", "organisation", "the template says which criteria there are"),
        file("get-target", "found", ""),
        file("update-target", "moved", read),
        file("delete-target", "deleted", read),
        file("list-targets", "all", ""),
        file("upsert-usecases", "created", ""),
        file("upsert-users", "created", read),
        file("get-user", "found", ""),
        Row {
            what: "a coach, by their agent",
            ..file("get-user", "a-coach-by-their-agent", "who they are is read before whether they coach the agent")
        },
        file("list-users", "all", ""),
        file("upsert-groups", "created", "who leads groups is read, then the version of the tree, then the groups"),
        file("get-group", "found", ""),
        file(
            "export-scorecards",
            "a-month",
            "names, then the templates for the columns, scorecards, and what they were made from",
        ),
        Row {
            what: "by a job",
            ..file(
                "export-scorecards",
                "as-a-job",
                "names and the templates for the columns are read before the job is written",
            )
        },
        file("validate-backfill", "validated", "names and templates, then scorecards, then what these were made from"),
        Row {
            what: "by a job",
            ..file("validate-backfill", "as-a-job", "names and templates are read before the job is written")
        },
        file("start-backfill", "started", "names and templates are read before the job is written"),
        file("cancel-job", "cancelled", read),
        file(
            "run-job",
            "woken",
            "the turn is claimed, what it exports is read in its order, and then the end is written",
        ),
        Row {
            operation: "run-job",
            what: "re-scoring 96 scorecards of one agent, of 20 criteria each",
            before: Before::Backfill,
            event: backfill_woken(),
            waits: Some(
                "the turn is claimed, scorecards and their revisions are read, and 48 at a time are written with the statistics that were read before",
            ),
        },
        file(
            "rebuild-statistics",
            "profile",
            "agent after agent; statistics are read before the scorecards that they count",
        ),
    ]
}

async fn prepare(service: &TestService, before: Before) {
    match before {
        Before::Nothing => {}
        Before::Sessions => {
            for number in 0..60 {
                let session = json!({
                    "name": session_name(&format!("more-{number:02}")),
                    "agentUserName": user_name("ana"),
                    "creatorUserName": user_name("maria"),
                    "coachingPlanName": plan_name("ana-plan"),
                    "usecaseName": usecase_name("care"),
                    "sessionTime": "2026-05-30T10:00:00Z",
                    "createTime": format!("2026-05-21T09:00:{number:02}Z"),
                });
                service.succeed(&import("coachingSessions", session)).await;
            }
        }
        Before::Team | Before::TeamWithSession | Before::TeamAddedUp | Before::Profile | Before::ProfileRead => {
            let count = if matches!(before, Before::Profile | Before::ProfileRead) { 150 } else { 25 };
            let agents: Vec<String> = (0..count).map(|number| format!("agent{number}")).collect();
            service.directory(&agents.iter().map(String::as_str).collect::<Vec<_>>()).await;
            for agent in &agents {
                if count == 25 {
                    let care = json!({"usecaseName": usecase_name("care")});
                    service.plan_with(&format!("plan-{agent}"), agent, care).await;
                }
                let scorecards: Vec<Value> = ["2026-04-22T10:00:00Z", "2026-05-30T10:00:00Z"]
                    .map(|time| {
                        json!({
                            "conversationName": below_support("conversations/call"),
                            "agentUserName": user_name(agent),
                            "templateName": below_support("scorecardTemplates/quality"),
                            "scores": [{"criterionId": "greeting", "numericValue": 3}],
                            "createTime": time,
                            "submitTime": time,
                        })
                    })
                    .to_vec();
                service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": scorecards}))).await;
            }
            if matches!(before, Before::TeamWithSession) {
                let session = json!({
                    "meetingNotes": "Held.",
                    "agentUserName": user_name("agent0"),
                    "creatorUserName": user_name("maria"),
                    "coachingPlanName": plan_name("plan-agent0"),
                    "sessionTime": "2026-05-30T10:00:00Z",
                    "usecaseName": usecase_name("care"),
                });
                service.succeed(&import("coachingSessions", session)).await;
            }
        }
        Before::Backfill => {
            service.long_template().await;
            // By names, which put them in one order: in another, other statistics would come in between.
            let scorecards = (0..96).map(|number| {
                let mut scorecard = long_scorecard(number, Some("2026-04-10T10:00:00Z"));
                let name = below_support(&format!("scorecards/01890a5d-ac96-774b-bcce-b302099b{number:04}"));
                merge(&mut scorecard, json!({"name": name, "coachingPlanNames": []}));
                scorecard
            });
            let load = json!({"scorecards": scorecards.collect::<Vec<_>>()});
            service.succeed(&import("scorecards:batchUpsert", load)).await;
            let long = service.succeed(&Event::get("scorecardTemplates/long")).await;
            let mut template = long["scorecardTemplate"]["template"].clone();
            template["chapters"][0]["criteria"][0]["weight"] = json!(2);
            let body = json!({"scorecardTemplate": {"template": template}});
            service.succeed(&Event::new("PATCH", "scorecardTemplates/long").with_text(&body.to_string())).await;
            let config = json!({
                "scorecardTemplates": [below_support("scorecardTemplates/long")],
                "startTime": "2026-03-01T00:00:00Z",
                "endTime": "2026-06-01T00:00:00Z",
            });
            let started = service.succeed(&import("scorecardTemplates:backfill", json!({"config": config}))).await;
            let id = started["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let mut item = service.items().await[&format!("acme#support#job#{id} / job")].clone();
            item.insert("PK".to_owned(), AttributeValue::S(format!("acme#support#job#{BACKFILL}")));
            service.put(&[item]).await;
        }
        Before::FullPeriod | Before::FullPeriodOf(_) | Before::FullPeriodSubmitted | Before::FullPeriodAddedUp => {
            if let Before::FullPeriodOf(maximum) = before {
                let criteria: Vec<Value> = (0..20)
                    .map(|number| {
                        let maximum = maximum + number % 2 * 6;
                        let weight = f64::from(7 + number) / 10.0;
                        json!({"criterionId": format!("criterion-{number:02}"), "maximumValue": maximum, "weight": weight})
                    })
                    .collect();
                let chapters = criteria.chunks(5).enumerate();
                let chapters = chapters
                    .map(|(number, criteria)| json!({"chapterId": format!("chapter-{number}"), "criteria": criteria}));
                let chapters: Vec<Value> = chapters.collect();
                service.template("long", json!({"template": {"chapters": chapters}})).await;
            } else {
                service.long_template().await;
            }
            let scorecard = |number: usize, submit_time: Option<&str>| {
                let mut scorecard = long_scorecard(number, submit_time);
                for (place, score) in scorecard["scores"].as_array_mut().unwrap().iter_mut().enumerate() {
                    let Before::FullPeriodOf(maximum) = before else { continue };
                    if (number + place).is_multiple_of(9) {
                        *score = json!({"criterionId": score["criterionId"], "notApplicable": true});
                    } else {
                        let maximum = u64::from(maximum) + place as u64 % 2 * 6;
                        score["numericValue"] = (score["numericValue"].as_u64().unwrap() * maximum / 5).into();
                    }
                }
                scorecard
            };
            for (month, days) in [("03", 31), ("04", 30)] {
                for day in 1..=days {
                    let time = format!("2026-{month}-{day:02}T10:00:00Z");
                    let entries: Vec<Value> = (0..10).map(|number| scorecard(day * 10 + number, Some(&time))).collect();
                    service.succeed(&import("scorecards:batchUpsert", json!({"scorecards": entries}))).await;
                }
            }
            let mut draft = scorecard(7, None);
            draft["name"] = below_support("scorecards/draft-long").into();
            // It is an evaluation, and linked to a plan.
            draft["manuallyScored"] = true.into();
            service.succeed(&import("scorecards", draft)).await;
            service.advance(chrono::TimeDelta::days(-45));
            if matches!(before, Before::FullPeriodSubmitted) {
                service.succeed(&Event::post("scorecards/draft-long:submit", json!({}))).await;
            }
        }
    }
}

/// The line of the table for `row`.
async fn measured(row: &Row) -> String {
    let Row { operation, what, before, event, waits } = row;
    let service = TestService::embedded().await;
    service.seed().await;
    prepare(&service, *before).await;
    let mut event = event.clone();
    if matches!(before, Before::TeamAddedUp | Before::FullPeriodAddedUp) {
        let operation = OPERATIONS.iter().find(|one| one.name == *operation).unwrap();
        answer(operation, &service.app, event.clone()).await;
    }
    if matches!(before, Before::ProfileRead) {
        let operation = OPERATIONS.iter().find(|one| one.name == *operation).unwrap();
        let first = answer(operation, &service.app, event.clone()).await;
        let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        body["pageToken"] = first.body["nextPageToken"].clone();
        event["body"] = body.to_string().into();
    }
    let items = service.items().await;
    let (spent, trace) = Trace::of(&service, async |app| {
        match OPERATIONS.iter().find(|one| one.name == *operation) {
            Some(one) => {
                let answered = answer(one, &app, event).await;
                assert_eq!(answered.status, 200, "{operation} {what}: {}", answered.body);
            }
            None => {
                let until = Instant::now() + Duration::from_secs(60);
                let task = TASKS.iter().find(|one| one.name == *operation).unwrap();
                perform(task, &app, event, until).await.unwrap();
            }
        }
        app.store.consumed()
    })
    .await;
    let Trace { calls, calls_in_sequence: sequence, .. } = trace;
    if let Some(waits) = waits {
        let said = format!("{operation} {what}: {sequence} calls in sequence, because {waits:?}");
        assert_eq!(sequence > 1, !waits.is_empty(), "{said}");
    }
    let (read, write) = units_charged(&calls);
    let least_read = least_read_units(&calls, &items);
    let least_write = least_write_units(&calls, &items, &service.items().await);
    let within = read >= least_read && write >= least_write;
    assert!(within, "{operation} {what}: {read}, at least {least_read}; {write}, at least {least_write}");
    assert_eq!(
        (spent.calls, spent.read_units, spent.write_units),
        (calls.len() as u64, read, write),
        "{operation}: its own account"
    );
    let bytes = |of: fn(&coaching_tests::Call) -> usize| calls.iter().map(of).sum::<usize>();
    let (bytes_out, bytes_in) = (bytes(|call| call.bytes_out), bytes(|call| call.bytes_in));
    let name = if what.is_empty() { format!("`{operation}`") } else { format!("`{operation}`, {what}") };
    // On demand, us-east-1: $0.125 a million read units, $0.625 a million write units.
    let price = read * 0.125 + write * 0.625;
    format!(
        "| {name} | {} | {sequence} | {read} | {least_read} | {write} | {least_write} | {bytes_out} | {bytes_in} | ${price:.2} |\n",
        calls.len()
    )
}

/// What [`measured`] says of each of `rows`, in their order. Calls are traced on one thread, so each core has its own.
fn on_each_core(rows: &[Row]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let lines: Vec<OnceLock<String>> = rows.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                while let Some((row, line)) = rows.iter().zip(&lines).nth(next.fetch_add(1, Ordering::Relaxed)) {
                    line.set(runtime.block_on(measured(row))).unwrap();
                }
            });
        }
    });
    lines.into_iter().map(|line| line.into_inner().unwrap()).collect()
}

/// The first event that succeeds of each operation that has no line among [`rows`].
async fn further_rows() -> Vec<Row> {
    let rows = rows();
    let mut further = Vec::new();
    for operation in OPERATIONS.iter().filter(|one| one.route.is_some()) {
        if rows.iter().any(|row| row.operation == operation.name) {
            continue;
        }
        let mut cases = event_files(operation.name).into_iter();
        let event = loop {
            let case = cases.next().unwrap_or_else(|| panic!("no event of {} succeeds", operation.name));
            let event = event_file(operation.name, &case);
            if answer(operation, &TestService::seeded().await.app, event.clone()).await.status == 200 {
                break event;
            }
        };
        further.push(Row { operation: operation.name, what: "", before: Before::Nothing, event, waits: None });
    }
    further
}

#[tokio::test]
async fn every_operation_costs_what_the_document_says() {
    let rows: Vec<Row> = rows().into_iter().chain(further_rows().await).collect();
    let text = format!("{HEAD}{}", on_each_core(&rows).concat());
    println!("{text}");
    let text = format!("\n{text}\n");
    Generated { file: "docs/performance.md".to_owned(), part: Some("cost in DynamoDB"), text }.hold(root()).unwrap();
}

/// More entries than a filter passes over before its page ends.
const MANY: usize = 10_600;

/// Writes `items` as they are.
async fn put(service: &TestService, items: impl Iterator<Item = HashMap<String, AttributeValue>>) {
    let puts = items.map(|item| {
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    });
    for puts in puts.collect::<Vec<_>>().chunks(25) {
        let batch = service.client().batch_write_item().request_items(service.table(), puts.to_vec());
        batch.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_page_of_sessions_costs_what_it_returns_or_stops_short() {
    let service = TestService::embedded().await;
    service.plan("ana-plan", "ana").await;
    let session = |id: &str, more: Value| {
        let mut session = json!({
            "name": session_name(id),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
        });
        merge(&mut session, more);
        import("coachingSessions", session)
    };
    let acknowledged = json!({
        "sessionTime": "2026-04-01T10:00:00Z",
        "meetingNotes": "Two calls.",
        "managerSubmitTime": "2026-04-01T11:00:00Z",
        "acknowledgeTime": "2026-04-01T12:00:00Z",
        "createTime": "2026-04-01T09:00:00Z",
    });
    service.succeed(&session("like", acknowledged)).await;
    let late = json!({"sessionTime": "2026-05-01T10:00:00Z", "createTime": "2025-01-01T09:00:00Z"});
    service.succeed(&session("late", late)).await;
    let like = service.items().await.remove("acme#support#session#like / session").unwrap();
    let start = Timestamp::parse("2026-04-02T09:00:00Z").unwrap();
    let items = (0..MANY).map(|number| {
        let id: Id<CoachingSession> = Id::parse(&format!("more-{number:05}")).unwrap();
        let created = start.plus(chrono::TimeDelta::seconds(i64::try_from(number).unwrap()));
        let mut item = like.clone();
        for (attribute, value) in [
            ("PK", format!("acme#support#session#{id}")),
            ("list_order", Cursor::latest_first(created, &id).into_text()),
            ("session_time_order", Cursor::latest_first(created, &id).into_text()),
            ("update_time_order", Cursor::earliest_first(created, &id).into_text()),
            ("create_time", created.to_string()),
            ("session_time", created.to_string()),
            ("update_time", created.to_string()),
        ] {
            item.insert(attribute.to_owned(), AttributeValue::S(value));
        }
        item
    });
    put(&service, items).await;

    // Open sessions are read from the open ones, and a range of time in the order of that time, wherever it is in the
    // list.
    let after_all = "2026-05-01T00:00:00Z";
    for filter in [
        ("overdue", "true"),
        ("states", "HELD"),
        ("startSessionTime", after_all),
        ("endUpdateTime", "2025-02-01T00:00:00Z"),
    ] {
        let (answered, spent) = service.spending(&Event::get("coachingSessions").with(filter.0, filter.1)).await;
        assert_eq!(answered.body["coachingSessions"][0]["name"], session_name("late"), "{filter:?}");
        assert_eq!((spent.calls, spent.read_units), (2, 1.0), "{filter:?}");
    }
    // With any other filter the page ends here, and the next page continues.
    let agent = user_name("ana");
    let since = Event::get("coachingSessions").with("agentUserName", &agent).with("startSessionTime", after_all);
    let (first, spent) = service.spending(&since).await;
    assert_eq!(first.body["coachingSessions"], json!([]));
    assert!((10..20).contains(&spent.calls) && (500.0..1000.0).contains(&spent.read_units), "{spent:?}");
    let next = since.with("pageToken", first.body["nextPageToken"].as_str().unwrap());
    let next = service.succeed(&next).await;
    assert_eq!(next["coachingSessions"][0]["name"], session_name("late"));
    assert_eq!(next.get("nextPageToken"), None);
}

/// A profile of the agents `here` and `everywhere` (of all profiles), and of agents with the given names, active or
/// not: `agent-00000` of all profiles, `agent-00001` and `agent-00002` of this one, and so on.
async fn profile_of(named: impl Iterator<Item = (String, bool)>) -> TestService {
    let service = TestService::embedded().await;
    service.usecase().await;
    let mut everywhere = user("everywhere");
    everywhere["profileNames"] = json!([]);
    let users = json!({"users": [user("here"), everywhere]});
    service.succeed(&import("", users).to("/v1/customers/acme/users:batchUpsert")).await;
    let items = service.items().await;
    let likes = [("acme##user#", "everywhere / user"), ("acme#support#agent#", "here / agent")];
    let items = named.enumerate().map(|(number, (name, active))| {
        let (partition, like) = likes[usize::from(number % 3 > 0)];
        let id: Id<User> = Id::parse(&format!("agent-{number:05}")).unwrap();
        let mut item = items[&format!("{partition}{like}")].clone();
        item.insert("PK".to_owned(), AttributeValue::S(format!("{partition}{id}")));
        item.insert("list_order".to_owned(), AttributeValue::S(Cursor::by_name(&name, &id).into_text()));
        item.insert("display_name".to_owned(), AttributeValue::S(name));
        item.insert("is_active".to_owned(), AttributeValue::Bool(active));
        item
    });
    put(&service, items).await;
    service
}

fn by_name(direction: &str, page_size: usize) -> Value {
    json!({"groupNames": null, "orderDirection": direction, "pageSize": page_size})
}

#[tokio::test]
async fn a_page_by_name_costs_a_page_in_either_direction() {
    for agents in [300, 900] {
        let service = profile_of((0..agents).map(|number| (format!("Agent {number:05}"), true))).await;
        // Of 50 agents, 16 or 17 are of all profiles, at half a unit each.
        for (direction, pages) in
            [("ORDER_DIRECTION_ASC", [62.0, 62.0, 61.5]), ("ORDER_DIRECTION_DESC", [62.0, 61.5, 62.0])]
        {
            let mut body = by_name(direction, 50);
            let mut read_units = Vec::new();
            for page in 0..pages.len() {
                let (answered, spent) = service.spending(&progress(body.clone())).await;
                let what = format!("page {page} of {agents} agents, {direction}");
                assert_eq!(answered.body["agentCoachingProgresses"].as_array().unwrap().len(), 50, "{what}");
                assert_eq!(spent.calls, 7, "{what}");
                read_units.push(spent.read_units);
                body["pageToken"] = answered.body["nextPageToken"].clone();
            }
            assert_eq!(read_units, pages, "{agents} agents, {direction}");
        }
    }
}

/// More agents with one name than that, and than one call returns besides.
const NAMESAKES: usize = 20_000;

#[tokio::test]
async fn a_page_by_name_descending_reads_a_long_name_whole() {
    let is_active = |number| number % 2_000 == 7;
    let service = profile_of((0..NAMESAKES).map(|number| ("Ben".to_owned(), is_active(number)))).await;
    let mut body = by_name("ORDER_DIRECTION_DESC", 4);
    let namesakes = (0..NAMESAKES).filter(|number| is_active(*number)).map(|number| format!("agent-{number:05}"));
    let everyone: Vec<String> = namesakes.chain(["here", "everywhere"].map(str::to_owned)).collect();
    for page in everyone.chunks(4) {
        let (answered, spent) = service.spending(&progress(body.clone())).await;
        let agents = answered.body["agentCoachingProgresses"].as_array().unwrap().iter();
        let agents: Vec<&str> = agents.map(|agent| agent["agentUserName"].as_str().unwrap()).collect();
        assert_eq!(agents, page.iter().map(|id| user_name(id)).collect::<Vec<_>>());
        assert!(spent.calls < 30, "{spent:?}");
        body["pageToken"] = answered.body["nextPageToken"].clone();
    }
    assert_eq!(body["pageToken"], Value::Null);
}
