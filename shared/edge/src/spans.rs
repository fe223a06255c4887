//! Spans of requests, for an OpenTelemetry collector that runs beside the function, as a Lambda layer does.
//!
//! Each is sent before the function answers: afterwards Lambda may freeze the process.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use coaching_store::ConsumedCapacity;
use lambda_http::http::{StatusCode, Uri};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use uuid::Uuid;

use crate::https::{amazons_authorities, connector};

/// An answered request.
pub(crate) struct Answered<'a> {
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// API Gateway's id of the request.
    pub(crate) request_id: &'a str,
    /// Lambda's header for the trace that it belongs to: `Root=1-…;Parent=…;Sampled=…`.
    pub(crate) trace_header: Option<&'a str>,
    /// When it started.
    pub(crate) started: SystemTime,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// The capacity that it consumed.
    pub(crate) spent: ConsumedCapacity,
}

/// The longest that an answer waits for the collector.
const PATIENCE: Duration = Duration::from_millis(500);

/// Sends spans to a collector.
pub(crate) struct Spans {
    exporter: SpanExporter,
    scope: InstrumentationScope,
}

impl Spans {
    /// Spans for the collector at `endpoint`, such as `http://localhost:4318`.
    ///
    /// # Errors
    /// One line, if that is no http address.
    pub(crate) fn to(endpoint: &str) -> Result<Self, String> {
        let refused =
            || format!("OTEL_EXPORTER_OTLP_ENDPOINT is '{endpoint}'; it must be an http address, without a path");
        let uri: Uri = endpoint.parse().map_err(|_| refused())?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() || uri.path() != "/" {
            return Err(refused());
        }
        // No authority is asked for: the collector runs beside the function, and is reached by plain HTTP.
        let connections = connector(amazons_authorities()).map_err(|error| error.0)?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Connections(connections))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?;
        exporter.set_resource(&Resource::builder_empty().with_service_name("coaching").build());
        Ok(Self { exporter, scope: InstrumentationScope::builder("coaching-edge").build() })
    }

    /// Sends the span of a request. A failure is logged and does not reach the client.
    pub(crate) async fn send(&self, answered: Answered<'_>) {
        let sent = self.exporter.export(vec![self.span(&answered)]);
        if !matches!(tokio::time::timeout(PATIENCE, sent).await, Ok(Ok(()))) {
            tracing::warn!("the collector takes no span");
        }
    }

    fn span(&self, answered: &Answered<'_>) -> SpanData {
        let (trace, parent) = answered
            .trace_header
            .and_then(trace_and_parent)
            .unwrap_or_else(|| (TraceId::from_bytes(Uuid::new_v4().into_bytes()), SpanId::INVALID));
        let id = SpanId::from_bytes(Uuid::new_v4().as_u64_pair().0.to_be_bytes());
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let spent = &answered.spent;
        SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: parent,
            parent_span_is_remote: parent != SpanId::INVALID,
            span_kind: SpanKind::Server,
            name: answered.operation.into(),
            start_time: answered.started,
            end_time: SystemTime::now(),
            attributes: vec![
                KeyValue::new("faas.invocation_id", answered.request_id.to_owned()),
                KeyValue::new("http.response.status_code", i64::from(answered.status.as_u16())),
                KeyValue::new("dynamodb.calls", count(spent.calls)),
                KeyValue::new("dynamodb.retries", count(spent.retries)),
                KeyValue::new("dynamodb.read_units", spent.read_units),
                KeyValue::new("dynamodb.write_units", spent.write_units),
            ],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if answered.status.is_server_error() { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// The trace and the parent in X-Ray's header `Root=1-5759e988-bd86…;Parent=5399…;Sampled=1`.
fn trace_and_parent(header: &str) -> Option<(TraceId, SpanId)> {
    let part = |name: &str| header.split(';').filter_map(|part| part.split_once('=')).find(|part| part.0 == name);
    let (_, root) = part("Root")?;
    let (_, parent) = part("Parent")?;
    let trace = TraceId::from_hex(&root.strip_prefix("1-")?.replace('-', "")).ok()?;
    Some((trace, SpanId::from_hex(parent).ok()?)).filter(|(trace, _)| *trace != TraceId::INVALID)
}

/// The SDK's HTTP client, for the exporter: another one would add a tenth to the size of a function.
#[derive(Debug)]
struct Connections(SharedHttpConnector);

#[async_trait]
impl HttpClient for Connections {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.0.call(request.map(SdkBody::from).try_into()?).await?.try_into_http1x()?;
        let (parts, body) = response.into_parts();
        let body = ByteStream::new(body).collect().await?.into_bytes();
        Ok(Response::from_parts(parts, body))
    }
}
