//! Least privilege: each function's declaration of what it does with the table, which is all that its role allows,
//! compared with what it does. `tests/generated.rs` compares the roles in `template.yaml` with the declarations.
//!
//! Every DynamoDB call of an operation in the tests is recorded as a right: the action, the table or index, and the
//! kind of partition. This test replays all events of `events/` and compares the rights used with the declarations.
//! Each filter that `openapi.json` names for a list must be alone in some event; here each is also combined with every
//! other, because the filters decide what a list reads. Rights that no event uses are found to be spare only with the
//! record of a whole run of the suite. Of that record only requests that ran alone count: concurrent requests can cause
//! calls that the next run does not repeat.
//!
//! ```sh
//! RECORD_SUITE_IN=target/suite cargo test --workspace
//! RECORDED_SUITE=target/suite cargo test --workspace --test service rights:: -- --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use coaching_edge::{Access, ListIndex, Operation, Partition};
use coaching_local::{OPERATIONS, TASKS, TEMPLATE, WEBSITES};
use coaching_tests::{
    Replayed, Right, TestService, answer, event_file, event_files, perform, replay_every_event, rights_used, root,
    suite_is_recorded,
};
use serde_json::Value as Json;
use yaml_serde::Value;

/// The functions' table, as each policy names it.
const TABLE: &str = "!If [HasRestoredTable, !Ref RestoredTable, !GetAtt Table.Arn]";

fn yaml(text: &str) -> Value {
    yaml_serde::from_str(text).unwrap()
}

fn list(value: &Value) -> Vec<String> {
    value.as_sequence().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The name and properties of every function in the template, except the one that only answers preflights.
fn functions() -> Vec<(String, Value)> {
    let template: Value = yaml(TEMPLATE);
    let mut functions = Vec::new();
    for (_, resource) in template["Resources"].as_mapping().unwrap() {
        if resource["Type"] == "AWS::Serverless::Function" && resource.get("Condition").is_none() {
            let properties = &resource["Properties"];
            let uri = properties["CodeUri"].as_str().unwrap().trim_end_matches('/');
            functions.push((uri.rsplit('/').next().unwrap().to_owned(), properties.clone()));
        }
    }
    functions
}

/// Every right that is declared, one by one.
fn rights_given() -> BTreeSet<Right> {
    let operations = OPERATIONS.iter().map(|operation| (operation.name, operation.name, operation.access));
    let tasks = TASKS.iter().map(|task| (task.name, "*", task.access));
    let mut given = BTreeSet::new();
    for (function, requests_of, access) in operations.chain(tasks) {
        for one in access {
            let of_partitions = one.partitions().iter().map(|partition| partition.pattern(requests_of));
            let of_all = (*one == Access::Scan).then(|| "*".to_owned());
            for partitions in of_partitions.chain(of_all) {
                let right = Right {
                    function: function.to_owned(),
                    action: format!("dynamodb:{}", one.action()),
                    index: one.index().map_or("", ListIndex::name).to_owned(),
                    partitions,
                };
                assert!(given.insert(right.clone()), "given twice: {right:?}");
            }
        }
    }
    given
}

/// Replays the events of operations and of tasks, and returns their number.
async fn replay_all() -> usize {
    let replayed = replay_every_event().await;
    let mut events = replayed.len() + ask_with_filters_in_pairs(replayed).await;
    let service = TestService::seeded().await;
    for task in TASKS {
        for case in event_files(task.name) {
            let until = Instant::now() + Duration::from_secs(60);
            let _ = perform(task, &service.app, event_file(task.name, &case), until).await;
            events += 1;
        }
    }
    events
}

/// Parameters that do not filter a list.
const OF_PAGING: [&str; 2] = ["pageSize", "pageToken"];

/// A list: its function and, if that has any, the verb.
type List = (&'static str, Option<&'static str>);

/// The filters of every list that the document names, and those that a request must have.
fn filters() -> BTreeMap<List, (BTreeSet<String>, BTreeSet<String>)> {
    let document: Json = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let resolved = |value: &Json| match value["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')).unwrap().clone(),
        None => value.clone(),
    };
    let mut filters = BTreeMap::new();
    for operation in document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        let (mut all, mut required) = (BTreeSet::new(), BTreeSet::new());
        for parameter in operation["parameters"].as_array().into_iter().flatten().map(resolved) {
            if parameter["in"] == "query" {
                let name = parameter["name"].as_str().unwrap().to_owned();
                if parameter["required"] == true {
                    required.insert(name.clone());
                }
                all.insert(name);
            }
        }
        let body = resolved(&operation["requestBody"]["content"]["application/json"]["schema"]);
        all.extend(body["properties"].as_object().into_iter().flat_map(|fields| fields.keys().cloned()));
        let of_body = body["required"].as_array().into_iter().flatten();
        required.extend(of_body.map(|name| name.as_str().unwrap().to_owned()));
        if all.contains("pageToken") {
            all.retain(|name| !OF_PAGING.contains(&name.as_str()));
            let id = operation["operationId"].as_str().unwrap();
            let kebab = |letter: char| {
                if letter.is_uppercase() { vec!['-', letter.to_ascii_lowercase()] } else { vec![letter] }
            };
            let name: String = id.chars().flat_map(kebab).collect();
            let verb = |operation: &Operation| operation.verbs.iter().find(|verb| verb.id == id).map(|verb| verb.name);
            let of_list = |operation: &&Operation| operation.name == name || verb(operation).is_some();
            let operation = OPERATIONS.into_iter().find(of_list).unwrap();
            filters.insert((operation.name, verb(operation)), (all, required));
        }
    }
    filters
}

/// The content of an event's request: its parameters, or the fields of its body.
fn said(event: &Json) -> serde_json::Map<String, Json> {
    match event["body"].as_str() {
        Some(body) => serde_json::from_str(body).unwrap_or_default(),
        None => {
            let pairs = event["rawQueryString"].as_str().unwrap().split('&').filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), value.into())).collect()
        }
    }
}

/// The request of `event`, with those fields of `other` that it lacks.
fn with(event: &Json, other: &Json) -> Json {
    let (mut event, said_first) = (event.clone(), said(event));
    if event["body"].is_string() {
        let mut all = said(other);
        all.extend(said_first);
        event["body"] = Json::Object(all).to_string().into();
    } else {
        // As they were sent, because a parameter may occur several times.
        let is_new = |pair: &&str| !said_first.contains_key(pair.split('=').next().unwrap());
        let more = other["rawQueryString"].as_str().unwrap().split('&').filter(is_new);
        let query: Vec<&str> = event["rawQueryString"].as_str().into_iter().chain(more).collect();
        event["rawQueryString"] = query.join("&").into();
    }
    event
}

/// Sends every list with every pair of its filters, as a manager and as an agent, and returns the number of requests.
/// The filters decide which index is read. Every filter must be alone in some event.
async fn ask_with_filters_in_pairs(replayed: &[Replayed]) -> usize {
    let service = TestService::seeded().await;
    let mut asked = 0;
    for ((function, verb), (filters, required)) in filters() {
        let operation = OPERATIONS.into_iter().find(|operation| operation.name == function).unwrap();
        let of_list = replayed.iter().filter(|replayed| {
            let path = replayed.event["rawPath"].as_str().unwrap();
            replayed.name.starts_with(&format!("{function}/"))
                && verb.is_none_or(|verb| path.ends_with(&format!(":{verb}")))
        });
        let succeeded: Vec<&Json> =
            of_list.filter(|replayed| replayed.answered.status == 200).map(|replayed| &replayed.event).collect();
        let alone = filters.iter().map(|filter| {
            let least: BTreeSet<&String> = required.iter().chain([filter]).collect();
            let has_it_alone = |event: &&&Json| {
                let said = said(event);
                said.keys().filter(|name| !OF_PAGING.contains(&name.as_str())).collect::<BTreeSet<_>>() == least
            };
            *succeeded.iter().find(has_it_alone).unwrap_or_else(|| panic!("{function}: no event has {filter} alone"))
        });
        let alone: Vec<&Json> = alone.collect();
        for (first, event) in alone.iter().enumerate() {
            for other in &alone[first..] {
                let mut event = with(event, other);
                for (role, user) in [("manager", "maria"), ("agent", "ana")] {
                    let claims = &mut event["requestContext"]["authorizer"]["jwt"]["claims"];
                    claims["role"] = role.into();
                    claims["sub"] = user.into();
                    let answered = answer(operation, &service.app, event.clone()).await;
                    let expected: &[u16] = if role == "manager" { &[200] } else { &[200, 403] };
                    assert!(expected.contains(&answered.status), "{function}, {role}: {event} {}", answered.body);
                    asked += 1;
                }
            }
        }
    }
    asked
}

#[test]
fn the_page_token_secret_goes_where_pages_are_answered_and_nowhere_else() {
    let in_globals = yaml(TEMPLATE)["Globals"]["Function"]["Environment"]["Variables"].clone();
    assert!(in_globals.get("PAGE_TOKEN_SECRET").is_none());
    let with_pages: BTreeSet<&str> = filters().into_keys().map(|(function, _)| function).collect();
    for operation in OPERATIONS {
        let name = operation.name;
        let main = std::fs::read_to_string(root().join(format!("functions/{name}/src/main.rs"))).unwrap();
        assert_eq!(operation.pages, with_pages.contains(name), "{name}");
        assert_eq!(operation.pages, main.contains("coaching_edge::run_with_pages("), "{name}");
    }
}

#[test]
fn the_bucket_of_files_is_known_where_files_are_written_or_linked_to_and_nowhere_else() {
    let main = |name: &str| std::fs::read_to_string(root().join(format!("functions/{name}/src/main.rs"))).unwrap();
    let of_worker = ["s3:PutObject", "s3:DeleteObject", "s3:GetObject", "s3:PutObject", "s3:ListBucket"].as_slice();
    let operations = OPERATIONS.iter().map(|one| (one.name, one.links_files, ["s3:GetObject"].as_slice()));
    let tasks = TASKS.iter().map(|task| (task.name, task.writes_files, of_worker));
    let websites = WEBSITES.iter().map(|website| (website.name, false, [].as_slice()));
    let uses: BTreeMap<&str, (bool, &[&str])> =
        operations.chain(tasks).chain(websites).map(|(name, uses, rights)| (name, (uses, rights))).collect();
    for (function, properties) in functions() {
        let (uses, rights) = uses[function.as_str()];
        assert_eq!(main(&function).contains("_with_files("), uses, "{function}");
        let variable = properties.get("Environment").and_then(|all| all["Variables"].get("EXPORTS_URL"));
        assert_eq!(variable.is_some(), uses, "{function}");
        let policies = properties.get("Policies").and_then(Value::as_sequence).into_iter().flatten();
        let statements = policies.flat_map(|policy| policy["Statement"].as_sequence().unwrap());
        let of_files: Vec<String> = statements
            .flat_map(|statement| list(&statement["Action"]))
            .filter(|action| action.starts_with("s3:"))
            .collect();
        let rights: Vec<String> = rights.iter().filter(|_| uses).map(ToString::to_string).collect();
        assert_eq!(of_files, rights, "{function}");
    }
}

#[test]
fn functions_that_write_are_those_that_can_be_stopped() {
    let writes = |access: &Access| matches!(access, Access::PutItem(_) | Access::UpdateItem(_) | Access::DeleteItem(_));
    // A stored order of agents, by which pages of progress are read, is not visible to clients; nor are sums of what is.
    let unseen = [Partition::Order, Partition::Benchmark];
    let seen = |access: &Access| access.partitions().iter().any(|partition| !unseen.contains(partition));
    for operation in OPERATIONS {
        let writes = operation.access.iter().any(|access| writes(access) && seen(access));
        assert_eq!(operation.writes, writes, "{}: by what it does with the table", operation.name);
    }
}

/// IAM allows a request only if one statement allows all of it: a batch, if all of its keys are in one condition.
#[test]
fn one_statement_allows_all_partitions_of_a_batch() {
    let mut batches = 0;
    for (function, properties) in functions() {
        let policies = properties.get("Policies").and_then(Value::as_sequence).into_iter().flatten();
        let statements = policies.flat_map(|policy| policy["Statement"].as_sequence().unwrap());
        let actions = statements.flat_map(|statement| list(&statement["Action"]));
        let count = actions.filter(|action| action == "dynamodb:BatchGetItem").count();
        assert!(count <= 1, "{function} may read batches by {count} statements");
        batches += count;
    }
    assert!(batches > 10, "{batches} functions read batches");
}

#[test]
fn no_role_goes_beyond_the_boundary_and_the_boundary_not_beyond_what_functions_do() {
    let template = yaml(TEMPLATE);
    assert_eq!(template["Globals"]["Function"]["PermissionsBoundary"], yaml("!Ref FunctionBoundary"));
    for (function, properties) in functions() {
        for own in ["PermissionsBoundary", "Role"] {
            assert!(properties.get(own).is_none(), "{function}");
        }
    }
    let statements = &template["Resources"]["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"];
    let [logs, table, files, list_of_erasures, stream, streams, failed, traces, key] =
        &statements.as_sequence().unwrap()[..]
    else {
        panic!("{statements:?}")
    };
    assert_eq!(list(&logs["Action"]), ["logs:CreateLogStream", "logs:PutLogEvents"]);
    assert_eq!(logs["Resource"], yaml("!GetAtt FunctionLogs.Arn"));
    let of_items: BTreeSet<String> = list(&table["Action"]).into_iter().collect();
    assert_eq!(of_items, rights_given().into_iter().map(|right| right.action).collect());
    let [own, indexes] = &table["Resource"].as_sequence().unwrap()[..] else { panic!("{table:?}") };
    assert_eq!(*own, yaml(TABLE));
    assert_eq!(*indexes, yaml(&format!("!Sub [\"${{Table}}/index/*\", {{Table: {TABLE}}}]")));
    assert_eq!(list(&files["Action"]), ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]);
    assert_eq!(files["Resource"], yaml("!Sub \"${Exports.Arn}/*\""));
    assert_eq!(list(&list_of_erasures["Action"]), ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]);
    assert_eq!(
        list_of_erasures["Resource"].as_sequence().unwrap()[..],
        [yaml("!GetAtt Erasures.Arn"), yaml("!Sub \"${Erasures.Arn}/*\"")]
    );
    assert_eq!(
        list(&stream["Action"]),
        ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    );
    assert_eq!(list(&streams["Action"]), ["dynamodb:ListStreams"]);
    assert_eq!(
        (list(&failed["Action"]), &failed["Resource"]),
        (vec!["sqs:SendMessage".to_owned()], &yaml("!GetAtt FailedTurns.Arn"))
    );
    for (statement, condition, service) in [(traces, "IsTraced", "xray:"), (key, "HasKey", "kms:")] {
        let Value::Tagged(choice) = statement else { panic!("{statement:?}") };
        assert_eq!((&choice.value[0], &choice.value[2]), (&yaml(condition), &yaml("!Ref AWS::NoValue")));
        assert!(list(&choice.value[1]["Action"]).iter().all(|action| action.starts_with(service)), "{statement:?}");
    }
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
