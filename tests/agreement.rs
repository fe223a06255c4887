//! What must agree: the template, the functions, the events, the tests, the document, and the rules of API Gateway.

use std::collections::BTreeSet;
use std::process::Command;

use coaching_local::{OPERATIONS, TEMPLATE, Template};
use coaching_tests::root;
use serde_json::Value;
use yaml_serde::Value as Yaml;

fn folders(of: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(of)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Every route of the template with a method and a path, and the function that it goes to.
fn routes() -> BTreeSet<(String, String, String)> {
    let functions = Template::parse(TEMPLATE).unwrap().functions;
    let routes = functions.into_iter().flat_map(|function| {
        let name = function.name;
        function.routes.into_iter().flatten().map(move |(method, path)| (method, path, name.clone()))
    });
    routes.collect()
}

#[test]
fn template_functions_events_and_tests_name_the_same_operations() {
    let deployed: BTreeSet<String> =
        Template::parse(TEMPLATE).unwrap().functions.into_iter().map(|function| function.name).collect();
    let served = OPERATIONS.iter().map(|operation| operation.name).chain([rebuild_statistics::TASK.name]);
    assert_eq!(deployed, served.map(str::to_owned).collect());
    assert_eq!(deployed, folders("functions"));
    assert_eq!(deployed, folders("events"));
    for function in deployed {
        let test = root().join("tests").join(format!("{}.rs", function.replace('-', "_")));
        assert!(test.exists(), "{}", test.display());
    }
}

#[test]
fn the_tests_that_the_security_page_names_exist() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> = page.split('`').filter_map(|text| text.split_once("::")).collect();
    assert!(!named.is_empty());
    for (file, test) in named {
        let source = std::fs::read_to_string(root().join("tests").join(format!("{file}.rs"))).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "{file}::{test}");
    }
}

#[test]
fn every_event_is_of_a_route_of_its_function() {
    let tasks = [rebuild_statistics::TASK.name.to_owned()].into();
    for function in folders("events").difference(&tasks) {
        let mut keys: BTreeSet<String> = routes()
            .into_iter()
            .filter(|(_, _, name)| name == function)
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        if keys.is_empty() {
            keys.insert("$default".to_owned());
        }
        for case in coaching_tests::event_files(function) {
            let event = coaching_tests::event_file(function, &case);
            let key = event["routeKey"].as_str().unwrap();
            assert!(keys.contains(key), "{function}/{case}: {key}");
            assert_eq!(event["requestContext"]["routeKey"], key, "{function}/{case}");
        }
    }
}

/// A part of a route's path is a variable or text, never both: `{name}`, `{name+}`, or `[a-zA-Z0-9.:_-]+`.
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
    for (_, path, function) in routes() {
        assert!(path.starts_with('/'), "{function}: {path}");
        for part in path[1..].split('/') {
            assert!(is_path_part(part), "{function}: '{part}' of {path}");
        }
    }
}

/// What `cargo` prints for `arguments`.
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

#[test]
fn cargo_lambda_watch_routes_as_the_template_does() {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let router = &metadata["metadata"]["lambda"]["watch"]["router"];
    let mut watched = BTreeSet::new();
    for (path, targets) in router.as_object().unwrap() {
        for target in targets.as_array().unwrap() {
            let text = |key: &str| target[key].as_str().unwrap().to_owned();
            watched.insert((text("method"), path.clone(), text("function")));
        }
    }
    assert_eq!(watched, routes());
}

#[test]
fn the_document_tells_of_every_route_and_of_no_other() {
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // The verbs of an item share a route.
        let route = path.rsplit_once("}:").map_or_else(|| path.clone(), |(route, _)| format!("{route}}}"));
        for method in operations.as_object().unwrap().keys() {
            documented.insert((method.to_uppercase(), route.clone()));
        }
    }
    let routed: BTreeSet<_> = routes().into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(documented, routed);
}

/// Names of the packages that `package` links, itself included.
fn links(package: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_domain_links_no_aws_and_no_http() {
    for linked in links("coaching-domain") {
        let foreign = ["aws", "lambda", "http", "hyper", "tower", "axum", "reqwest", "tokio"];
        assert!(!foreign.iter().any(|name| linked.starts_with(name)), "{linked}");
    }
}

#[test]
fn no_function_links_the_embedded_dynamodb_or_the_docs_page() {
    for function in folders("functions") {
        let linked = links(&function);
        for local in ["dynoxide-rs", "coaching-local", "coaching-tests", "libsqlite3-sys", "utoipa-swagger-ui"] {
            assert!(!linked.contains(local), "{function} links {local}");
        }
        assert!(linked.contains("coaching-edge"));
    }
}

/// The template, with its tags.
fn template() -> Yaml {
    yaml_serde::from_str(TEMPLATE).unwrap()
}

/// The entries of the template's section `name`.
fn section(name: &str) -> Vec<(String, Yaml)> {
    let template = template();
    let entries = template[name].as_mapping().unwrap().iter();
    entries.map(|(name, value)| (name.as_str().unwrap().to_owned(), value.clone())).collect()
}

/// The properties of the template's resources of `kind`, by their names.
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
    // What is stateful and not the table goes only with a stack whose creation failed.
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
    assert_eq!(alarms.len(), 9);
    for (name, alarm) in alarms {
        for actions in ["AlarmActions", "OKActions"] {
            let topic = yaml("!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]");
            assert_eq!(alarm[actions], topic, "{name}, {actions}");
        }
        assert_eq!(alarm["TreatMissingData"], yaml("notBreaching"), "{name}");
        let described = alarm["AlarmDescription"].as_str().unwrap();
        assert!(described.contains("OPERATIONS.md"), "{name}: {described}");
        let operations = std::fs::read_to_string(root().join("OPERATIONS.md")).unwrap();
        assert!(operations.contains(&format!("`{name}`")), "OPERATIONS.md does not say what to do at {name}");
    }
}

#[test]
fn costly_routes_have_limits_of_their_own() {
    let api = resources("AWS::Serverless::HttpApi").remove(0).1;
    let limits = |rate: &str, burst: &str| {
        yaml(&format!("{{ThrottlingRateLimit: !Ref {rate}, ThrottlingBurstLimit: !Ref {burst}}}"))
    };
    assert_eq!(api["DefaultRouteSettings"], limits("RequestRate", "RequestBurst"));
    let mut limited = BTreeSet::new();
    for (route, settings) in api["RouteSettings"].as_mapping().unwrap() {
        assert_eq!(*settings, limits("CostlyRequestRate", "CostlyRequestBurst"));
        limited.insert(route.as_str().unwrap().to_owned());
    }
    let costly = ["delete-plan", "retrieve-progress", "upsert-"];
    let costly = routes().into_iter().filter(|(_, _, name)| costly.iter().any(|costly| name.starts_with(costly)));
    assert_eq!(limited, costly.map(|(method, path, _)| format!("{method} {path}")).collect());
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

/// `text` without comments of Rust and without unit tests: both name operations as examples.
fn code(text: &str) -> String {
    let tested = text.split("#[cfg(test)]").next().unwrap_or_default();
    tested.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The text files of the repository, but for what is made, by their paths.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if path.is_file() && !["Cargo.lock", "openapi.json"].contains(&name) && !name.ends_with(".md") {
                let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                sources.extend(std::fs::read_to_string(&path).ok().map(|text| (relative, code(&text))));
            }
        }
    }
    sources
}

/// Whether `text` has `word` with nothing beside it that could be of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || "-_".contains(character);
    text.match_indices(word)
        .any(|(start, _)| !text[..start].ends_with(part) && !text[start + word.len()..].starts_with(part))
}

#[test]
fn an_operation_is_named_where_the_readmes_recipe_says_and_nowhere_else() {
    let readme = std::fs::read_to_string(root().join("docs/adding-an-operation.md")).unwrap();
    let (_, recipe) = readme.split_once("## To add an operation").unwrap();
    let quoted = recipe.split('`').skip(1).step_by(2);
    let recipe: BTreeSet<String> = quoted.filter(|text| text.contains(['/', '.'])).map(str::to_owned).collect();
    let sources = sources();
    // A task has no route and `local` has a command for it: the recipe is for operations.
    let tasks = [rebuild_statistics::TASK.name.to_owned()].into();
    for function in folders("functions").difference(&tasks) {
        let in_code = function.replace('-', "_");
        let mut places = BTreeSet::new();
        for (path, text) in &sources {
            let own = path.split('/').nth(1) == Some(function) || *path == format!("tests/{in_code}.rs");
            // Tests of what spans operations name some of them.
            let spans = path.starts_with("tests/") || path.starts_with("functions/");
            let named = || has_word(text, function) || has_word(text, &format!("{in_code}:"));
            if own || (!spans && named()) {
                let place = path.replace(function.as_str(), "<operation>").replace(&in_code, "<operation>");
                let folder = place.find("<operation>/").map(|end| place[..end + "<operation>/".len()].to_owned());
                places.insert(folder.unwrap_or(place));
            }
        }
        assert_eq!(places, recipe, "{function}");
    }
}
