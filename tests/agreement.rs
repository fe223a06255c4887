//! Consistency of the template, the functions, the events, the tests and the document, and the rules of API Gateway.

use std::collections::BTreeSet;
use std::process::Command;

use coaching_local::{OPERATIONS, TASKS, TEMPLATE, WEBSITES};
use coaching_tests::root;
use yaml_serde::Value as Yaml;

fn folders(of: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(of)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_function_has_events_and_a_test_and_says_what_it_is() {
    let mut names = BTreeSet::new();
    for operation in OPERATIONS {
        names.insert(operation.name.to_owned());
        let said = match operation.verbs {
            [] => !operation.summary.is_empty() && !operation.roles.is_empty(),
            verbs => verbs.iter().all(|verb| !verb.summary.is_empty() && !verb.roles.is_empty()),
        };
        assert_eq!(
            said,
            operation.route.is_some(),
            "{} says in a few words what it does, and for whom",
            operation.name
        );
    }
    names.extend(TASKS.iter().map(|task| task.name.to_owned()));
    names.extend(WEBSITES.iter().map(|website| website.name.to_owned()));
    assert_eq!(names, folders("functions"), "functions are called as their folders");
    assert_eq!(names, folders("events"));
    for function in names {
        let test = root().join("tests").join(format!("{}.rs", function.replace('-', "_")));
        assert!(test.exists(), "{}", test.display());
    }
}

#[test]
fn the_tests_that_the_security_page_names_exist() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> =
        page.split('`').filter_map(|text| text.split_once("::")).filter(|(file, _)| !file.contains(' ')).collect();
    assert!(!named.is_empty());
    for (file, test) in named {
        let source = std::fs::read_to_string(root().join("tests").join(format!("{file}.rs"))).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "{file}::{test}");
    }
}

#[test]
fn every_event_is_of_the_route_of_its_function() {
    for operation in OPERATIONS {
        let key =
            operation.route.map_or_else(|| "$default".to_owned(), |route| format!("{} {}", route.method, route.path));
        for case in coaching_tests::event_files(operation.name) {
            let event = coaching_tests::event_file(operation.name, &case);
            assert_eq!(event["routeKey"], key, "{}/{case}", operation.name);
            assert_eq!(event["requestContext"]["routeKey"], key, "{}/{case}", operation.name);
        }
    }
}

/// Each part of a route's path is either a variable (`{name}`, `{name+}`) or text (`[a-zA-Z0-9.:_-]+`), not both.
fn is_path_part(part: &str) -> bool {
    let of = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(variable) => of(variable.strip_suffix('+').unwrap_or(variable), b"_.:-"),
        None => of(part, b".:_-"),
    }
}

#[test]
fn every_route_follows_api_gateways_rule_on_path_parts() {
    for (part, legal) in [
        ("{id}", true),
        ("{id+}", true),
        ("things:verb", true),
        ("{id}:verb", false),
        ("{id", false),
        ("", false),
        ("a b", false),
    ] {
        assert_eq!(is_path_part(part), legal, "{part}");
    }
    let mut routes = BTreeSet::new();
    for operation in OPERATIONS {
        let Some(route) = operation.route else { continue };
        assert!(routes.insert(route), "{}: {route:?} is of another operation too", operation.name);
        let path = route.path.strip_prefix('/').unwrap();
        for part in path.split('/') {
            assert!(is_path_part(part), "{}: '{part}' of {path}", operation.name);
        }
    }
}

/// The output of `cargo` with `arguments`.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What any of `packages` links, themselves included, by `format`: a line for each package.
fn linked(packages: &BTreeSet<String>, format: &str) -> String {
    let mut arguments = vec!["tree", "--edges", "normal", "--prefix", "none", "--format", format];
    // With the version, for packages of others may have the same names.
    let packages: Vec<String> =
        packages.iter().map(|package| format!("{package}@{}", env!("CARGO_PKG_VERSION"))).collect();
    arguments.extend(packages.iter().flat_map(|package| ["--package", package.as_str()]));
    cargo(&arguments)
}

/// The names of the packages that any of `packages` links, themselves included.
fn links(packages: &BTreeSet<String>) -> BTreeSet<String> {
    linked(packages, "{p}").lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_domain_links_no_aws_and_no_http() {
    for linked in links(&["coaching-domain".to_owned()].into()) {
        let foreign = ["aws", "lambda", "http", "hyper", "tower", "axum", "reqwest", "tokio"];
        assert!(!foreign.iter().any(|name| linked.starts_with(name)), "{linked}");
    }
}

#[test]
fn no_function_links_the_embedded_dynamodb_or_the_docs_page() {
    let linked = links(&folders("functions"));
    assert!(linked.contains("coaching-edge"));
    for local in ["dynoxide-rs", "coaching-local", "coaching-tests", "libsqlite3-sys", "utoipa-swagger-ui"] {
        assert!(!linked.contains(local), "a function links {local}: see cargo tree --invert {local}");
    }
}

#[test]
fn no_function_holds_what_only_the_document_is_written_from() {
    let features = |packages: &BTreeSet<String>| {
        let linked = linked(packages, "{p}|{f}");
        let edge = linked.lines().find(|line| line.starts_with("coaching-edge "));
        edge.and_then(|edge| edge.split('|').nth(1)).unwrap_or_else(|| panic!("{linked}")).to_owned()
    };
    assert!(features(&["coaching-tests".to_owned()].into()).contains("document"));
    assert!(!features(&folders("functions")).contains("document"), "a function asks for the feature document");
}

/// The template, with its YAML tags.
fn template() -> Yaml {
    yaml_serde::from_str(TEMPLATE).unwrap()
}

/// The entries of the template's section `name`.
fn section(name: &str) -> Vec<(String, Yaml)> {
    let template = template();
    let entries = template[name].as_mapping().unwrap().iter();
    entries.map(|(name, value)| (name.as_str().unwrap().to_owned(), value.clone())).collect()
}

/// The properties of the template's resources of type `kind`, by name.
fn resources(kind: &str) -> Vec<(String, Yaml)> {
    let of_kind = section("Resources").into_iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(name, resource)| (name, resource["Properties"].clone())).collect()
}

fn yaml(text: &str) -> Yaml {
    yaml_serde::from_str(text).unwrap()
}

#[test]
fn every_parameter_says_what_it_is_and_refuses_what_it_is_not() {
    let mut grouped = BTreeSet::new();
    for group in template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_sequence().unwrap() {
        for name in group["Parameters"].as_sequence().unwrap() {
            assert!(grouped.insert(name.as_str().unwrap().to_owned()), "{name:?} is in two groups");
        }
    }
    let parameters = section("Parameters");
    assert_eq!(grouped, parameters.iter().map(|(name, _)| name.clone()).collect());
    for (name, parameter) in parameters {
        assert!(parameter["Description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        let has = |key: &str| parameter.get(key).is_some();
        let refuses = has("AllowedPattern") || (has("MinValue") && has("MaxValue"));
        assert!(has("AllowedValues") || (refuses && has("ConstraintDescription")), "{name} takes anything");
    }
}

#[test]
fn every_function_logs_to_the_group_with_retention() {
    let logging = &template()["Globals"]["Function"]["LoggingConfig"];
    assert_eq!(logging["LogGroup"], yaml("!Ref FunctionLogs"));
    assert_eq!(logging["LogFormat"], yaml("JSON"));
    for (name, function) in resources("AWS::Serverless::Function") {
        assert!(function.get("LoggingConfig").is_none(), "{name}");
    }
    let groups = resources("AWS::Logs::LogGroup");
    assert!(groups.iter().any(|(name, _)| name == "FunctionLogs"));
    for (name, group) in groups {
        assert_eq!(group["RetentionInDays"], yaml("!Ref LogRetentionDays"), "{name}");
    }
    // Other stateful resources are removed only if the creation of their stack fails.
    for (name, resource) in section("Resources") {
        if resource["Type"] == "AWS::Logs::LogGroup" || resource["Type"] == "AWS::SecretsManager::Secret" {
            let policies = (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]);
            assert_eq!(policies, (&yaml("RetainExceptOnCreate"), &yaml("Retain")), "{name}");
        }
    }
}

#[test]
fn every_alarm_tells_the_topic_when_it_starts_and_ends() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    assert_eq!(alarms.len(), 11);
    for (name, alarm) in alarms {
        for actions in ["AlarmActions", "OKActions"] {
            let topic = yaml("!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]");
            assert_eq!(alarm[actions], topic, "{name}, {actions}");
        }
        assert_eq!(alarm["TreatMissingData"], yaml("notBreaching"), "{name}");
        let described = alarm["AlarmDescription"].as_str().unwrap();
        assert!(described.contains("docs/operations.md"), "{name}: {described}");
        let operations = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
        assert!(operations.contains(&format!("`{name}`")), "docs/operations.md does not say what to do at {name}");
    }
}

#[test]
fn every_route_has_a_limit() {
    let api = resources("AWS::Serverless::HttpApi").remove(0).1;
    let limits = "{ThrottlingRateLimit: !Ref RequestRate, ThrottlingBurstLimit: !Ref RequestBurst}";
    assert_eq!(api["DefaultRouteSettings"], yaml(limits));
}

#[test]
fn the_table_can_be_restored_and_is_not_lost() {
    let (_, table) = section("Resources").into_iter().find(|(name, _)| name == "Table").unwrap();
    assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&yaml("Retain"), &yaml("Retain")));
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], yaml("true"));
    let own_key = "{SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !Ref KeyArn}";
    assert_eq!(properties["SSESpecification"], yaml(&format!("!If [HasKey, {own_key}, {{SSEEnabled: true}}]")));
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], yaml("true"));
    assert_eq!(properties["TimeToLiveSpecification"], yaml("{AttributeName: expires_at, Enabled: true}"));
}
