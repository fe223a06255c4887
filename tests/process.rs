//! A function as a process: what it needs at its start, and what it writes to its log.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{Collector, LambdaHost, TestService, event_file};
use serde_json::{Value, json};
use tokio::process::Command;

const FUNCTION: &str = env!("CARGO_BIN_EXE_create-session");

/// What a function has on Lambda.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "function"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("TABLE_NAME", "coaching"),
    ("PAGE_TOKEN_SECRET", "a page token secret of 32 bytes!"),
];

/// Starts the function with `changed` instead of what it has on Lambda (`None`: without it), and says what it
/// wrote to standard error when it ended as it should: with a failure.
async fn refusal(variable: &str, changed: Option<&str>) -> String {
    let environment = ENVIRONMENT.into_iter().filter(|(name, _)| *name != variable);
    let mut command = Command::new(FUNCTION);
    command.env_clear().envs(environment).envs(changed.map(|value| (variable, value))).kill_on_drop(true);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{variable}={changed:?}");
    assert!(output.stdout.is_empty(), "{variable}={changed:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn what_is_missing_or_malformed_is_one_line_at_the_start() {
    for (variable, changed) in [
        ("TABLE_NAME", None),
        ("TABLE_NAME", Some("")),
        ("TABLE_NAME", Some("a table")),
        ("PAGE_TOKEN_SECRET", None),
        ("PAGE_TOKEN_SECRET", Some("short")),
        ("PAGE_TOKEN_SECRET_PREVIOUS", Some("short")),
        ("LOG_LEVEL", Some("loud")),
        ("METRICS_NAMESPACE", Some("AWS/Lambda")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Some("nowhere")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Some("https://collector/v1/traces")),
        ("AWS_REGION", None),
        ("AWS_ENDPOINT_URL", Some("nowhere")),
        ("AWS_ENDPOINT_URL_DYNAMODB", Some("ftp://nowhere")),
        ("AWS_LAMBDA_RUNTIME_API", None),
        ("AWS_LAMBDA_FUNCTION_NAME", None),
        ("AWS_LAMBDA_FUNCTION_VERSION", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("much")),
    ] {
        let told = refusal(variable, changed).await;
        let of_one_line = told.starts_with("Error: ") && told.lines().count() == 1;
        assert!(of_one_line && told.contains(variable) && !told.contains("panicked"), "{variable}={changed:?}: {told}");
    }
}

#[tokio::test]
async fn a_line_is_a_document_of_metrics_if_there_is_a_namespace() {
    let service = TestService::seeded().await;
    let event = || event_file("create-session", "created");
    let environment = [&service.environment()[..], &[("METRICS_NAMESPACE", "Coaching/test")]].concat();
    let mut host = LambdaHost::start(FUNCTION, &environment).await;
    for cold_start in [true, false] {
        assert_eq!(host.invoke(event()).await["statusCode"], 200);
        let line = host.next_line().await;
        println!("{line}");
        assert_eq!((&line["operation"], &line["cold_start"]), (&json!("create-session"), &json!(cold_start)));
        assert_eq!(line["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let mut measured = Vec::new();
        for directive in directives {
            assert_eq!(directive["Namespace"], "Coaching/test");
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(line[name].is_number(), "{name}");
                measured.push(name);
            }
        }
        let of_an_operation = ["duration_ms", "client_errors", "server_errors", "read_units", "write_units"];
        let of_the_service = ["dynamodb_retries", "dynamodb_throttles", "dynamodb_errors"];
        assert_eq!(measured, [&of_an_operation[..], &of_the_service[..]].concat());
        assert_eq!(directives[0]["Dimensions"], json!([["operation"]]));
        assert_eq!(directives[1]["Dimensions"], json!([[]]));
    }

    let mut host = LambdaHost::start(FUNCTION, &service.environment()).await;
    host.invoke(event()).await;
    assert_eq!(host.next_line().await["_aws"], Value::Null);
}

#[tokio::test]
async fn a_request_is_a_span_that_the_collector_has_before_the_client_has_the_answer() {
    let service = TestService::seeded().await;
    let mut collector = Collector::start().await;
    let url = collector.url();
    let environment = [&service.environment()[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]].concat();
    let mut host = LambdaHost::start(FUNCTION, &environment).await;
    assert_eq!(host.invoke(event_file("create-session", "created")).await["statusCode"], 200);
    let (path, sent) = collector.received().unwrap();
    assert_eq!((path.as_str(), collector.received()), ("/v1/traces", None));
    let resource = &sent["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "coaching");
    let span = &resource["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["name"], &span["kind"]), (&json!("create-session"), &json!(2)));
    assert_eq!(span["traceId"], "5759e988bd862e3fe1be46a994272793");
    assert_eq!(span["parentSpanId"], "53995c3f42cd8ad8");
    let nanoseconds = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    assert!(nanoseconds("startTimeUnixNano") < nanoseconds("endTimeUnixNano"), "{span}");
    let attribute = |key: &str| {
        let attributes = span["attributes"].as_array().unwrap();
        attributes.iter().find(|attribute| attribute["key"] == key).unwrap_or_else(|| panic!("{key}: {span}"))["value"]
            .clone()
    };
    assert_eq!(attribute("http.response.status_code"), json!({"intValue": "200"}));
    assert_eq!(attribute("dynamodb.write_units"), json!({"doubleValue": 13.0}));
}

#[tokio::test]
async fn without_its_collector_a_function_answers_all_the_same() {
    let service = TestService::seeded().await;
    let environment = [&service.environment()[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]].concat();
    let mut host = LambdaHost::start(FUNCTION, &environment).await;
    assert_eq!(host.invoke(event_file("create-session", "created")).await["statusCode"], 200);
    assert_eq!(host.next_line().await["message"], "create-session OK");
    assert_eq!(host.next_line().await["message"], "the collector takes no span");
}
