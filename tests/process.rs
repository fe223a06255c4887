//! A function as a process: what it needs at start, and what it writes to its log.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use coaching_tests::{Collector, LambdaHost, TestService, event_file, refuses_to_start};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

const FUNCTION: &str = env!("CARGO_BIN_EXE_create-session");

#[tokio::test]
async fn what_is_missing_or_malformed_is_one_line_at_the_start() {
    for (variable, changed) in [
        ("TABLE_NAME", None),
        ("TABLE_NAME", Some("")),
        ("TABLE_NAME", Some("a table")),
        ("CUSTOMER_CLAIM", Some("the customer")),
        ("ROLE_CLAIM", Some("sub")),
        ("LOG_LEVEL", Some("loud")),
        ("METRICS_NAMESPACE", Some("AWS/Lambda")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Some("nowhere")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Some("https://collector/v1/traces")),
        ("AWS_REGION", None),
        ("AWS_ACCESS_KEY_ID", None),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("AWS_USE_FIPS_ENDPOINT", Some("perhaps")),
        ("AWS_ENDPOINT_URL", Some("nowhere")),
        ("AWS_ENDPOINT_URL_DYNAMODB", Some("ftp://nowhere")),
        ("AWS_LAMBDA_RUNTIME_API", None),
        ("AWS_LAMBDA_FUNCTION_NAME", None),
        ("AWS_LAMBDA_FUNCTION_VERSION", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("much")),
    ] {
        refuses_to_start(FUNCTION, &[], variable, changed.map(OsStr::new)).await;
    }
    for variable in ["TABLE_NAME", "LOG_LEVEL", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"] {
        refuses_to_start(FUNCTION, &[], variable, Some(OsStr::from_bytes(b"\xff"))).await;
    }
}

#[tokio::test]
async fn the_environment_names_the_claims() {
    let service = TestService::seeded().await;
    let namespaced = |name: &str| format!("https://example.com/{name}");
    let [customer, profiles, role] = ["customer", "profiles", "role"].map(namespaced);
    let names =
        [("CUSTOMER_CLAIM", &*customer), ("PROFILES_CLAIM", &*profiles), ("ROLE_CLAIM", &*role), ("USER_CLAIM", "oid")];
    let environment = [&service.environment()[..], &names].concat();
    let mut host = LambdaHost::start(FUNCTION, &environment).await;
    let mut event = event_file("create-session", "created");
    let refused = host.invoke(event.clone()).await;
    assert_eq!(refused["statusCode"], 403, "the usual claims stand for nothing");
    assert!(refused["body"].as_str().unwrap().contains(&customer), "{refused}");
    let claims = event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap();
    for (name, usual) in [(&*customer, "customer"), (&profiles, "profiles"), (&role, "role"), ("oid", "sub")] {
        let claim = claims.remove(usual).unwrap();
        claims.insert(name.to_owned(), claim);
    }
    assert_eq!(host.invoke(event).await["statusCode"], 200);
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
    let [of_resource] = &sent.resource_spans[..] else { panic!("{sent:?}") };
    let resource = of_resource.resource.as_ref().unwrap();
    assert_eq!(value(&resource.attributes, "service.name"), &Attribute::StringValue("coaching".to_owned()));
    let [span] = &of_resource.scope_spans[0].spans[..] else { panic!("{sent:?}") };
    assert_eq!((span.name.as_str(), span.kind()), ("create-session", SpanKind::Server));
    assert_eq!(span.trace_id, 0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793_u128.to_be_bytes());
    assert_eq!(span.parent_span_id, 0x5399_5c3f_42cd_8ad8_u64.to_be_bytes());
    assert!(span.start_time_unix_nano < span.end_time_unix_nano, "{span:?}");
    assert_eq!(value(&span.attributes, "http.response.status_code"), &Attribute::IntValue(200));
    assert_eq!(value(&span.attributes, "dynamodb.write_units"), &Attribute::DoubleValue(17.0));
}

/// The value of an attribute.
fn value<'a>(attributes: &'a [KeyValue], key: &str) -> &'a Attribute {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    let value = attribute.unwrap_or_else(|| panic!("{key}: {attributes:?}")).value.as_ref().unwrap();
    value.value.as_ref().unwrap()
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
