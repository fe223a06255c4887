//! What must agree: the template, the functions, the events, the tests, and the rules of API Gateway.

use std::collections::BTreeSet;
use std::process::Command;

use coaching_local::{OPERATIONS, TEMPLATE, Template};
use coaching_tests::root;
use serde_json::Value;

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
fn no_function_links_the_embedded_dynamodb() {
    for function in folders("functions") {
        let linked = links(&function);
        for local in ["dynoxide-rs", "coaching-local", "coaching-tests", "libsqlite3-sys"] {
            assert!(!linked.contains(local), "{function} links {local}");
        }
        assert!(linked.contains("coaching-edge"));
    }
}
