//! Files for browsers, answered without a token and without the table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use coaching_domain::Code;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::Response;
use lambda_runtime::{LambdaEvent, service_fn};
use tracing::info;

use crate::environment::{StartError, variable};
use crate::run::{check_runtime, init_logging};
use crate::{ColdStart, HttpEvent};

/// The declaration of a website, from which its function's part of `template.yaml` is generated. Its function reads no
/// table, and its routes have no authorizer.
#[derive(Debug, Clone, Copy)]
pub struct Website {
    /// The name of its function.
    pub name: &'static str,
    /// The paths of its routes in API Gateway, all for GET.
    pub paths: &'static [&'static str],
    /// The variables that its function reads, each with its value in `template.yaml`.
    pub variables: &'static [(&'static str, &'static str)],
    /// The handler.
    pub handle: fn(&Variables, &FileRequest<'_>) -> Response<Cow<'static, [u8]>>,
}

/// The values of a website's variables that are set and not empty, by name.
pub type Variables = BTreeMap<&'static str, String>;

/// What a website reads of a request.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    /// The path, decoded.
    pub path: &'a str,
    /// The header `Accept-Encoding`; empty if there is none.
    pub accept_encoding: &'a str,
    /// The header `If-None-Match`; empty if there is none.
    pub if_none_match: &'a str,
}

/// Runs `website` as a Lambda function. Beside its own variables it reads `LOG_LEVEL` and `METRICS_NAMESPACE`.
///
/// # Errors
/// One line that names the variable that is absent or unusable.
pub fn run_website(website: &'static Website) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("the async runtime does not start: {error}")))?;
    runtime.block_on(async {
        init_logging()?;
        check_runtime()?;
        let mut variables = Variables::new();
        for (name, _) in website.variables {
            variables.extend(variable(name)?.map(|value| (*name, value)));
        }
        let (variables, cold_start) = (&variables, &ColdStart::default());
        let answer =
            async |event: LambdaEvent<HttpEvent>| Ok::<_, Infallible>(answer(website, variables, cold_start, &event));
        lambda_runtime::run(service_fn(answer))
            .await
            .map_err(|error| StartError(format!("the Lambda runtime ended: {error}")))
    })
}

/// Answers `event`, and logs one line.
fn answer(
    website: &Website,
    variables: &Variables,
    cold_start: &ColdStart,
    event: &LambdaEvent<HttpEvent>,
) -> ApiGatewayV2httpResponse {
    let started = Instant::now();
    let request = FileRequest {
        path: &event.payload.request_context.http.path,
        accept_encoding: event.payload.header("accept-encoding").unwrap_or_default(),
        if_none_match: event.payload.header("if-none-match").unwrap_or_default(),
    };
    let (parts, body) = (website.handle)(variables, &request).into_parts();
    let operation = website.name;
    let code = if parts.status.is_client_error() { Code::NotFound.name() } else { "OK" };
    info!(
        request_id = event.payload.request_context.request_id,
        operation,
        status = parts.status.as_u16(),
        code,
        duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        client_errors = u8::from(parts.status.is_client_error()),
        server_errors = u8::from(parts.status.is_server_error()),
        cold_start = cold_start.first(),
        "{operation} {code}"
    );
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(parts.status.as_u16());
    response.headers = parts.headers;
    // Compressed files are no text.
    response.body = Some(Body::Text(BASE64_STANDARD.encode(&body)));
    response.is_base64_encoded = true;
    response
}
