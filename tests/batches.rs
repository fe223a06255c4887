//! All batches: each entry succeeds or fails by itself, also if time runs out or the table fails meanwhile.

use std::time::Duration;

use coaching_edge::App;
use coaching_tests::{
    Answered, Event, Fault, FaultyDynamoDb, TestService, answer, below_support, plan_name, usecase_name, user,
    user_name,
};
use serde_json::{Value, json};

/// A kind of batch.
struct Batch {
    path: &'static str,
    /// The field of the list in its body.
    list: &'static str,
    /// The field of a result that was not refused.
    record: &'static str,
    /// The number of DynamoDB calls before the first write, and of concurrent calls.
    reads: usize,
    at_once: usize,
    entry: fn(usize) -> Value,
}

const BATCHES: [Batch; 5] = [
    Batch {
        path: "/v1/customers/acme/profiles/support/coachingPlans:batchUpsert",
        list: "coachingPlans",
        record: "coachingPlan",
        // The existing plans, and the people that they name.
        reads: 4,
        at_once: 8,
        entry: |number| {
            json!({
                "name": plan_name(&format!("plan-{number}")),
                "agentUserName": user_name("ana"),
                "creatorUserName": user_name("maria"),
                "isActive": false,
            })
        },
    },
    Batch {
        path: "/v1/customers/acme/profiles/support/scorecards:batchUpsert",
        list: "scorecards",
        record: "scorecard",
        // The template, existing scorecards, the usecase and the agent, and then the agent's statistics with each
        // write.
        reads: 6,
        at_once: 1,
        entry: |number| {
            json!({
                "name": below_support(&format!("scorecards/scorecard-{number}")),
                "conversationName": below_support("conversations/call"),
                "agentUserName": user_name("ana"),
                "templateName": below_support("scorecardTemplates/quality@1"),
                "usecaseName": usecase_name("care"),
                "scores": [{"criterionId": "greeting", "numericValue": number % 6}],
            })
        },
    },
    Batch {
        path: "/v1/customers/acme/profiles/support/usecases:batchUpsert",
        list: "usecases",
        record: "usecase",
        reads: 0,
        at_once: 1,
        entry: |number| json!({"name": usecase_name(&format!("usecase-{number}")), "displayName": "Usecase"}),
    },
    Batch {
        path: "/v1/customers/acme/users:batchUpsert",
        list: "users",
        record: "user",
        reads: 3,
        at_once: 8,
        entry: |number| user(&format!("user-{number}")),
    },
    Batch {
        path: "/v1/customers/acme/groups:batchUpsert",
        list: "groups",
        record: "group",
        reads: 4,
        at_once: 1,
        entry: |number| json!({"name": format!("customers/acme/groups/group-{number}"), "displayName": "Group"}),
    },
];

/// Longer than two transactions of any batch.
const ENTRIES: usize = 250;

impl Batch {
    fn of(&self, entries: &[Value]) -> Event {
        Event::post("", json!({self.list: entries})).to(self.path).by("service", "sync@acme")
    }

    fn long(&self) -> Event {
        self.of(&(0..ENTRIES).map(self.entry).collect::<Vec<_>>())
    }

    /// Whether each entry was written. Asserts that the others have this code and this reason.
    fn written(&self, answered: &Answered, code: u64, reason: &str) -> Vec<bool> {
        assert_eq!(answered.status, 200, "{}: {}", self.list, answered.body);
        let results = answered.body["results"].as_array().unwrap();
        let written = results.iter().map(|result| {
            let status = &result["status"];
            assert_eq!(result[self.record].is_null(), status.is_object(), "{}: {result}", self.list);
            if status.is_object() {
                assert_eq!(status["code"], code, "{}: {status}", self.list);
                assert_eq!(status["details"][0]["reason"], reason, "{}: {status}", self.list);
            }
            status.is_null()
        });
        written.collect()
    }

    /// Whether each entry's record exists.
    async fn exist(&self, service: &TestService) -> Vec<bool> {
        let items = service.items().await;
        let kind = self.record.trim_start_matches("coaching").to_lowercase();
        let exists = |number: usize| {
            let name = (self.entry)(number)["name"].as_str().unwrap().to_owned();
            let end = format!("#{kind}#{} / {kind}", name.rsplit('/').next().unwrap());
            items.keys().any(|key| key.ends_with(&end))
        };
        (0..ENTRIES).map(exists).collect()
    }
}

#[tokio::test]
async fn a_batch_without_time_writes_nothing_and_says_so_of_each_entry() {
    for batch in &BATCHES {
        let service = TestService::seeded().await;
        let before = service.items().await;
        let late = App { write_within: Duration::ZERO, ..service.app.clone() };
        let event = batch.long();
        let answered = answer(event.operation(), &late, event.to_json()).await;
        assert_eq!(batch.written(&answered, 14, "OUT_OF_TIME"), [false; ENTRIES]);
        assert_eq!(service.items().await, before, "{}", batch.list);
        let repeated = service.send(&event).await;
        assert_eq!(batch.written(&repeated, 0, ""), [true; ENTRIES]);
        assert_eq!(batch.exist(&service).await, [true; ENTRIES], "{}", batch.list);
    }
}

async fn behind_faults(service: &TestService, batch: &Batch, faults: &[Fault]) -> (App, FaultyDynamoDb) {
    let (app, faulty) = service.behind_faults().await;
    faulty.inject(vec![Fault::Passed; batch.reads + 1]);
    for fault in faults {
        faulty.inject(vec![fault.clone(); batch.at_once]);
    }
    (app, faulty)
}

#[tokio::test]
async fn a_batch_that_runs_out_of_time_says_of_each_entry_what_became_of_it() {
    for batch in &BATCHES {
        let service = TestService::seeded().await;
        // Some writes take effect, and the answers to others come so late that time runs out.
        let (app, _faulty) = behind_faults(&service, batch, &[Fault::Unanswered]).await;
        let app = App { write_within: Duration::from_secs(1), ..app };
        let event = batch.long();
        let answered = answer(event.operation(), &app, event.to_json()).await;
        let written = batch.written(&answered, 14, "OUT_OF_TIME");
        let exist = batch.exist(&service).await;
        assert!(written.contains(&true) && written.contains(&false), "{}: {written:?}", batch.list);
        let results = answered.body["results"].as_array().unwrap();
        for (number, result) in results.iter().enumerate() {
            let message = result["status"]["message"].as_str().unwrap_or_default();
            assert!(exist[number] || !written[number], "{}: {result}", batch.list);
            assert!(!exist[number] || !message.contains("was not written"), "{}: {result}", batch.list);
        }
        let repeated = service.send(&event).await;
        assert_eq!(batch.written(&repeated, 0, ""), [true; ENTRIES], "{}", batch.list);
        assert_eq!(batch.exist(&service).await, [true; ENTRIES], "{}", batch.list);
    }
}

#[tokio::test]
async fn a_batch_that_the_table_fails_says_of_each_entry_what_became_of_it() {
    for batch in &BATCHES {
        let service = TestService::seeded().await;
        let refused = Fault::cancelled(&["ThrottlingError", "None"]);
        let (app, faulty) = behind_faults(&service, batch, &[]).await;
        faulty.inject([refused]);
        let event = batch.long();
        let answered = answer(event.operation(), &app, event.to_json()).await;
        let written = batch.written(&answered, 14, "TABLE_UNAVAILABLE");
        assert!(written.contains(&true) && written.contains(&false), "{}: {written:?}", batch.list);
        assert_eq!(batch.exist(&service).await, written, "{}", batch.list);
        let repeated = service.send(&event).await;
        assert_eq!(batch.written(&repeated, 0, ""), [true; ENTRIES], "{}", batch.list);
    }
}

#[tokio::test]
async fn entries_of_one_name_are_refused_and_those_beside_them_are_not() {
    for batch in &BATCHES {
        let service = TestService::seeded().await;
        let entries: Vec<Value> = [0, 1, 2, 1, 1].map(batch.entry).into();
        let answered = service.send(&batch.of(&entries)).await;
        assert_eq!(batch.written(&answered, 3, "INVALID_FIELDS"), [true, false, true, false, false]);
        for (place, other) in [(1, 3), (3, 1), (4, 1)] {
            let status = &answered.body["results"][place]["status"];
            let at = |place: usize| format!("{}[{place}].name", batch.list);
            let violations = json!([{"field": at(place), "description": format!("is also {}", at(other))}]);
            assert_eq!(status["details"][1]["fieldViolations"], violations);
        }
        assert_eq!(batch.exist(&service).await[..3], [true, false, true], "{}", batch.list);
    }
}
