//! The parts of files that repeat the declarations of operations are generated, committed, and equal to what the
//! generator writes: the functions of `template.yaml`, the routes of `cargo lambda watch`, the lists of packages, the
//! tables of the documentation, and `openapi.json`.
//!
//! `cargo xtask generate` writes them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "openapi/mod.rs"]
mod openapi;

use std::collections::{BTreeMap, BTreeSet};

use coaching_edge::{Access, ListIndex, Operation, Partition, Size, Task, Website};
use coaching_local::{OPERATIONS, TASKS, WEBSITES};
use coaching_tests::root;
use openapi::{Method, methods};
use xtask::functions::{lists, pascal_case};
use xtask::generated::Generated;

/// The functions' table, as policies name it.
const TABLE: &str = "!If [HasRestoredTable, !Ref RestoredTable, !GetAtt Table.Arn]";

/// The beginning of a profile's paths, and its short form in the table of operations.
const PROFILE: (&str, &str) = ("/v1/customers/{customer}/profiles/{profile}/", "…/");

/// The order in which the table of operations lists the methods of one path.
const METHODS: [&str; 4] = ["POST", "GET", "PATCH", "DELETE"];

/// The address of the bucket of files, for the functions that write them and link to them.
const EXPORTS_VARIABLE: &str =
    "      Environment: {Variables: {EXPORTS_URL: !Sub \"https://${Exports.RegionalDomainName}\"}}\n";

/// The address of the bucket with the list of erasures too, for the worker.
const ERASURES_VARIABLE: &str = r#"      Environment:
        Variables:
          EXPORTS_URL: !Sub "https://${Exports.RegionalDomainName}"
          ERASURES_URL: !Sub "https://${Erasures.RegionalDomainName}"
"#;

/// What the worker may do with files, and with the list of erasures: whether an entry is there is told only to those who
/// may list.
const OF_FILES_AND_ERASURES: &str = r#"            - {Effect: Allow, Action: [s3:PutObject, s3:DeleteObject], Resource: !Sub "${Exports.Arn}/*"}
            - {Effect: Allow, Action: [s3:GetObject, s3:PutObject], Resource: !Sub "${Erasures.Arn}/*"}
            - {Effect: Allow, Action: [s3:ListBucket], Resource: !GetAtt Erasures.Arn}
"#;

/// What links to files need.
const OF_LINKS: &str = "            - {Effect: Allow, Action: [s3:GetObject], Resource: !Sub \"${Exports.Arn}/*\"}\n";

/// What wakes the worker: a new job, and each checkpoint of one. Progress does not match the filter. One worker writes, so
/// that the loop of its own checkpoints is meant.
const WOKEN_BY_JOBS: &str = r#"      ReservedConcurrentExecutions: !If [WritesAreOff, 0, !If [HasJobConcurrency, !Ref JobConcurrency, !Ref AWS::NoValue]]
      RecursiveLoop: Allow
      Events:
        Jobs:
          Type: DynamoDB
          Properties:
            Stream: !If [HasRestoredStream, !Ref RestoredStream, !GetAtt Table.StreamArn]
            StartingPosition: TRIM_HORIZON
            BatchSize: 1
            ParallelizationFactor: 10
            MaximumRetryAttempts: 10
            FilterCriteria:
              Filters:
                - Pattern: '{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"SK":{"S":["job"]}},"NewImage":{"wake":{"BOOL":[true]}}}}'
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt FailedTurns.Arn}}
"#;

#[test]
fn what_repeats_a_declaration_is_as_it_is_generated() {
    let mut generated = lists(root()).unwrap();
    generated.extend([
        part("template.yaml", "costly routes", costly_routes()),
        part("template.yaml", "functions", functions()),
        part("Cargo.toml", "routes", watched_routes()),
        part("functions/console/src/lib.rs", "files", console_files()),
        part("docs/api.md", "operations", table_of_operations()),
        part("docs/table.md", "partitions of the table", partitions_of_the_table()),
        part("docs/table.md", "partitions of the indexes", partitions_of_the_indexes()),
    ]);
    let differing: Vec<String> = generated.iter().filter_map(|generated| generated.hold(root()).err()).collect();
    assert!(differing.is_empty(), "{differing:#?}");
}

fn part(file: &str, part: &'static str, text: String) -> Generated {
    Generated { file: file.to_owned(), part: Some(part), text }
}

/// The limits of the costly routes.
fn costly_routes() -> String {
    let costly = OPERATIONS.iter().filter(|operation| operation.costly);
    let routes: BTreeSet<String> = costly
        .filter_map(|operation| operation.route)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let limits = "{ThrottlingRateLimit: !Ref CostlyRequestRate, ThrottlingBurstLimit: !Ref CostlyRequestBurst}";
    routes.iter().map(|route| format!("        \"{route}\": {limits}\n")).collect()
}

/// The functions, by name.
fn functions() -> String {
    let operations = OPERATIONS.iter().map(|operation| (operation.name, function_of_operation(operation)));
    let tasks = TASKS.iter().map(|task| (task.name, function_of_task(task)));
    let websites = WEBSITES.iter().map(|website| (website.name, function_of_website(website)));
    let functions: BTreeMap<&str, String> = operations.chain(tasks).chain(websites).collect();
    functions.into_values().collect::<Vec<_>>().join("\n")
}

fn function_of_operation(operation: &Operation) -> String {
    let mut text = head(operation.name);
    let concurrency = match operation.costly {
        true => "!If [HasCostlyConcurrency, !Ref CostlyConcurrency, !Ref AWS::NoValue]",
        false => "!Ref AWS::NoValue",
    };
    match (operation.writes, operation.costly) {
        (true, _) => {
            text.push_str(&format!("      ReservedConcurrentExecutions: !If [WritesAreOff, 0, {concurrency}]\n"));
        }
        (false, true) => text.push_str(&format!("      ReservedConcurrentExecutions: {concurrency}\n")),
        (false, false) => {}
    }
    if operation.links_files {
        text.push_str(EXPORTS_VARIABLE);
    }
    if operation.pages {
        text.push_str(
            r#"      Environment:
        Variables:
          PAGE_TOKEN_SECRET: !Sub "{{resolve:secretsmanager:${PageTokenSecret}}}"
          PAGE_TOKEN_SECRET_PREVIOUS: !If [TakesPreviousPageTokens, !Sub "{{resolve:secretsmanager:${PageTokenSecret}:SecretString::AWSPREVIOUS}}", ""]
"#,
        );
    }
    text.extend(operation.size.map(size));
    text.push_str(&policies(operation.name, operation.access, operation.links_files.then_some(OF_LINKS)));
    text.push_str(&match operation.route {
        Some(route) => format!(
            "      Events:\n        Route: {{Type: HttpApi, Properties: {{ApiId: !Ref HttpApi, Method: {}, Path: \"{}\"}}}}\n",
            route.method, route.path
        ),
        None => r"      Events:
        # An event without path and method is the API's $default route.
        Route:
          Type: HttpApi
          Properties:
            ApiId: !Ref HttpApi
"
        .to_owned(),
    });
    text
}

fn function_of_task(task: &Task) -> String {
    let without_route = match task.woken_by_jobs {
        true => "  # Without a route: the table's stream invokes it, and operators do.\n",
        false => "  # Without a route: operators invoke it.\n",
    };
    let woken = if task.woken_by_jobs { WOKEN_BY_JOBS } else { "" };
    assert_eq!(task.writes_files, task.keeps_erasures, "{}: the worker does both", task.name);
    let variable = if task.writes_files { ERASURES_VARIABLE } else { "" };
    // A task has no requests of its own: what it does with those of others, it does with those of all operations.
    let policies = policies("*", task.access, task.writes_files.then_some(OF_FILES_AND_ERASURES));
    [without_route, &head(task.name), &size(task.size), variable, &policies, woken].concat()
}

/// Without policies: it may do nothing but write its log.
fn function_of_website(website: &Website) -> String {
    let mut text = head(website.name);
    text.push_str("      Environment:\n        Variables:\n");
    text.extend(website.variables.iter().map(|(name, value)| format!("          {name}: {value}\n")));
    text.push_str("      Events:\n");
    for (number, path) in (1..).zip(website.paths) {
        text.push_str(&format!(
            "        Route{number}: {{Type: HttpApi, Properties: {{ApiId: !Ref HttpApi, Method: GET, Path: \"{path}\", \
             Auth: {{Authorizer: NONE}}}}}}\n"
        ));
    }
    text
}

fn head(name: &str) -> String {
    format!(
        "  {}Function:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: target/lambda/{name}/\n",
        pascal_case(name)
    )
}

fn size(size: Size) -> String {
    format!("      MemorySize: {}\n      Timeout: {}\n", size.memory_mb, size.timeout_seconds)
}

/// One statement for all partitions with the same actions, and one for all partitions of batches: IAM allows a batch only
/// if one statement allows all of its keys.
fn policies(name: &str, access: &[Access], of_files: Option<&str>) -> String {
    let mut actions: BTreeMap<(Option<ListIndex>, Partition), Vec<&str>> = BTreeMap::new();
    let (batches, single): (Vec<&Access>, Vec<&Access>) =
        access.iter().partition(|one| matches!(one, Access::BatchGetItem(_)));
    let scan = access.contains(&Access::Scan).then(|| {
        // No condition on keys holds for a scan.
        format!("            - {{Effect: Allow, Action: [dynamodb:Scan], Resource: {TABLE}}}\n")
    });
    for one in single {
        for partition in one.partitions() {
            actions.entry((one.index(), *partition)).or_default().push(one.action());
        }
    }
    let mut statements: Vec<(Option<ListIndex>, Vec<&str>, Vec<String>)> = Vec::new();
    if let Some(action) = batches.first().map(|batch| batch.action()) {
        let partitions = batches.iter().flat_map(|batch| batch.partitions());
        statements.push((None, vec![action], partitions.map(|partition| partition.pattern(name)).collect()));
    }
    for ((index, partition), mut actions) in actions {
        actions.sort_by_key(|action| Access::ACTIONS.iter().position(|known| known == action));
        let pattern = partition.pattern(name);
        match statements.iter_mut().find(|statement| (statement.0, &statement.1) == (index, &actions)) {
            Some((.., patterns)) => patterns.push(pattern),
            None => statements.push((index, actions, vec![pattern])),
        }
    }
    let statements: String = statements
        .into_iter()
        .map(|(index, actions, patterns)| {
            let actions: Vec<String> = actions.iter().map(|action| format!("dynamodb:{action}")).collect();
            let patterns: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
            let resource = match index {
                None => TABLE.to_owned(),
                Some(index) => format!("!Sub [\"${{Table}}/index/{}\", {{Table: {TABLE}}}]", index.name()),
            };
            format!(
                r#"            - Effect: Allow
              Action: [{}]
              Resource: {resource}
              Condition: {{"ForAllValues:StringLike": {{"dynamodb:LeadingKeys": [{}]}}}}
"#,
                actions.join(", "),
                patterns.join(", ")
            )
        })
        .chain(scan)
        .chain(of_files.map(str::to_owned))
        .collect();
    match statements.is_empty() {
        true => String::new(),
        false => format!("      Policies:\n        - Version: \"2012-10-17\"\n          Statement:\n{statements}"),
    }
}

/// The files of the console, by path.
fn console_files() -> String {
    let site = root().join("functions/console/site");
    let (mut folders, mut files) = (vec![site.clone()], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(files.insert(path.strip_prefix(&site).unwrap().to_str().unwrap().to_owned())),
            }
        }
    }
    let lines: String = files.iter().map(|file| format!("    \"{file}\",\n")).collect();
    format!("files! {{\n{lines}}}\n")
}

/// The routes of `cargo lambda watch`.
fn watched_routes() -> String {
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for operation in OPERATIONS {
        if let Some(route) = operation.route {
            let target = format!("{{ function = \"{}\", method = \"{}\" }}", operation.name, route.method);
            paths.entry(route.path).or_default().push(target);
        }
    }
    let line = |(path, targets): (&str, Vec<String>)| match targets.as_slice() {
        [one] => format!("\"{path}\" = [{one}]\n"),
        several => {
            let several: String = several.iter().map(|target| format!("    {target},\n")).collect();
            format!("\"{path}\" = [\n{several}]\n")
        }
    };
    paths.into_iter().map(line).collect()
}

/// The table of operations as callers see them, by collection.
fn table_of_operations() -> String {
    let mut methods = methods();
    methods.sort_by_key(|method| {
        let of_path = METHODS.iter().position(|known| *known == method.route.method);
        (method.tag_position(), method.path(), of_path)
    });
    let row = |method: &Method| {
        let roles: Vec<&str> = method.roles().iter().map(|role| role.as_str()).collect();
        let roles = match method.callers() {
            Some(callers) => callers.to_owned(),
            None if roles.len() == 4 => "all".to_owned(),
            None => roles.join(", "),
        };
        let request = format!("{} {}", method.route.method, method.path().replacen(PROFILE.0, PROFILE.1, 1));
        format!("| {} | `{request}` | `{}` | {roles} |\n", method.summary(), method.operation.name)
    };
    let rows: String = methods.iter().map(row).collect();
    format!("\n| operation | request | function | roles |\n|---|---|---|---|\n{rows}\n")
}

/// The functions that use the partitions of one kind, by index and action.
fn users_of(partition: Partition) -> BTreeMap<(Option<ListIndex>, &'static str), BTreeSet<&'static str>> {
    let operations = OPERATIONS.iter().map(|operation| (operation.name, operation.access));
    let tasks = TASKS.iter().map(|task| (task.name, task.access));
    let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, access) in operations.chain(tasks) {
        for one in access.iter().filter(|one| one.partitions().contains(&partition)) {
            users.entry((one.index(), one.action())).or_default().insert(name);
        }
    }
    users
}

fn quoted(names: &BTreeSet<&str>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn partitions_of_the_table() -> String {
    let mut text = String::new();
    for partition in Partition::ALL.iter().filter(|partition| !partition.items().is_empty()) {
        text.push_str(&format!("\n### `{}`\n\n{}\n\n", partition.shape(), partition.meaning()));
        text.push_str("| `SK` | what has it |\n|---|---|\n");
        for (sort, what) in partition.items() {
            text.push_str(&format!("| `{sort}` | {what} |\n"));
        }
        text.push_str("\n| action | functions |\n|---|---|\n");
        let users = users_of(*partition);
        assert!(!users.is_empty(), "nobody uses {partition:?}");
        for action in Access::ACTIONS {
            if let Some(names) = users.get(&(None, action)) {
                text.push_str(&format!("| `{action}` | {} |\n", quoted(names)));
            }
        }
    }
    text + "\n"
}

fn partitions_of_the_indexes() -> String {
    let mut text =
        "\n| partition | what is in it | index | sorted by | functions |\n|---|---|---|---|---|\n".to_owned();
    for partition in Partition::ALL.iter().filter(|partition| partition.items().is_empty()) {
        let users = users_of(*partition);
        assert!(!users.is_empty(), "nobody uses {partition:?}");
        for ((index, _), names) in users {
            let index = index.unwrap();
            text.push_str(&format!(
                "| `{}` | {} | `{}` | `{}` | {} |\n",
                partition.shape(),
                partition.meaning(),
                index.name(),
                index.order_attribute(),
                quoted(&names)
            ));
        }
    }
    text + "\n"
}
