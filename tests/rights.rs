//! Least privilege: what each function's role allows in `template.yaml`, beside what the function does.
//!
//! Every call of DynamoDB that an operation makes in the tests is noted as a right: the action, the table or
//! index, and the kind of partition. Here all events of `events/` are replayed and compared with the policies.
//! What no event uses is found spare only beside the record of a whole run of the suite. There only requests count
//! that nothing ran beside: what others make a request do, they may not in the next run.
//!
//! ```sh
//! RECORD_SUITE_IN=target/suite cargo test --workspace
//! RECORDED_SUITE=target/suite cargo test -p coaching-tests --test rights -- --nocapture
//! ```

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use coaching_local::TEMPLATE;
use coaching_tests::{
    Right, TestService, event_file, event_files, perform, replay_every_event, rights_used, suite_is_recorded,
};
use yaml_serde::Value;

const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The text of a tagged value such as `!GetAtt TableInUse.Value`.
fn tagged(value: &Value, tag: &str) -> Option<String> {
    let Value::Tagged(tagged) = value else { return None };
    (tagged.tag == tag).then(|| tagged.value.as_str().unwrap().to_owned())
}

fn list(value: &Value) -> Vec<String> {
    value.as_sequence().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Every right that the policies of `template.yaml` give, one by one.
fn rights_given() -> BTreeSet<Right> {
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let mut given = BTreeSet::new();
    for (_, resource) in template["Resources"].as_mapping().unwrap() {
        if resource["Type"] != "AWS::Serverless::Function" {
            continue;
        }
        let properties = &resource["Properties"];
        let uri = properties["CodeUri"].as_str().unwrap().trim_end_matches('/');
        let function = uri.rsplit('/').next().unwrap();
        let Some(policies) = properties.get("Policies") else { continue };
        for statement in
            policies.as_sequence().unwrap().iter().flat_map(|policy| policy["Statement"].as_sequence().unwrap())
        {
            let resource = &statement["Resource"];
            let index = match (tagged(resource, "!GetAtt").as_deref(), tagged(resource, "!Sub")) {
                (Some("TableInUse.Value"), _) => String::new(),
                (_, Some(arn)) => {
                    arn.strip_prefix("${TableInUse.Value}/index/").unwrap_or_else(|| panic!("{arn}")).to_owned()
                }
                _ => panic!("{function} is given a right to {resource:?}"),
            };
            assert_eq!(statement["Effect"], "Allow");
            let condition = statement["Condition"].as_mapping().unwrap_or_else(|| panic!("{function}: no condition"));
            assert_eq!(condition.len(), 1, "{function}");
            let partitions = list(&statement["Condition"]["ForAllValues:StringLike"][LEADING_KEYS]);
            for action in list(&statement["Action"]) {
                for partitions in &partitions {
                    let (function, index, partitions) = (function.to_owned(), index.clone(), partitions.clone());
                    let right = Right { function, action: action.clone(), index, partitions };
                    assert!(given.insert(right.clone()), "given twice: {right:?}");
                }
            }
        }
    }
    given
}

/// Replays the events of operations and of tasks, and says how many there are.
async fn replay_all() -> usize {
    let mut events = replay_every_event().await.len();
    let service = TestService::seeded().await;
    let task = &rebuild_statistics::TASK;
    for case in event_files(task.name) {
        let until = Instant::now() + Duration::from_secs(60);
        let _ = perform(task, &service.app, event_file(task.name, &case), until).await;
        events += 1;
    }
    events
}

#[tokio::test]
async fn every_function_may_do_what_it_does_and_nothing_else() {
    let events = replay_all().await;
    let (used, given) = (rights_used(), rights_given());
    let functions: BTreeSet<&str> = used.at_all.iter().map(|right| right.function.as_str()).collect();
    println!(
        "{events} events{}: {} functions used {} rights of {} given, {} of them in requests that nothing ran beside",
        if suite_is_recorded() { " and the recorded suite" } else { "" },
        functions.len(),
        used.at_all.len(),
        given.len(),
        used.alone.len()
    );
    let missing: Vec<&Right> = used.at_all.difference(&given).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let spare: Vec<&Right> = given.difference(&used.alone).collect();
    assert!(spare.is_empty() || !suite_is_recorded(), "{spare:#?}");
}

#[test]
fn no_function_may_scan_or_touch_the_table_itself() {
    for right in rights_given() {
        let of_items =
            ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"];
        assert!(of_items.iter().any(|action| right.action == format!("dynamodb:{action}")), "{right:?}");
        assert!(right.partitions.starts_with("*#"), "{right:?}");
    }
}
