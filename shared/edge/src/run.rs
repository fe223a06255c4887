//! Runs a Lambda function: starts it once, and loops over invocations.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use coaching_domain::ClaimNames;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::{Response, Uri};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

use crate::answer::is_in_base64;
use crate::dynamodb::open_table;
use crate::environment::{StartError, required, variable};
use crate::files::Files;
use crate::log::{MetricsNamespace, log_filter, log_lines};
use crate::operation::{perform, respond};
use crate::s3::Bucket;
use crate::spans::{Answered, Spans};
use crate::{App, Clock, ColdStart, HttpEvent, Operation, PageTokens, Task};

/// Runs `operation` as a Lambda function.
///
/// Reads `TABLE_NAME`, optionally `CUSTOMER_CLAIM`, `PROFILES_CLAIM`, `ROLE_CLAIM`, `USER_CLAIM`, `LOG_LEVEL`,
/// `METRICS_NAMESPACE` and `OTEL_EXPORTER_OTLP_ENDPOINT`, and the AWS SDK's own variables.
///
/// # Errors
/// One line that names the variable that is absent or unusable.
pub fn run(operation: &'static Operation) -> Result<(), StartError> {
    start(operation, || Ok((PageTokens::none(), Files::none())))
}

/// Runs `operation`, which links to files, as a Lambda function.
///
/// Reads what [`run`] reads, and `EXPORTS_URL`.
///
/// # Errors
/// As [`run`].
pub fn run_with_files(operation: &'static Operation) -> Result<(), StartError> {
    start(operation, || Ok((PageTokens::none(), files_from_environment()?)))
}

/// Runs `operation`, which answers pages, as a Lambda function.
///
/// Reads what [`run`] reads, `PAGE_TOKEN_SECRET` and optionally `PAGE_TOKEN_SECRET_PREVIOUS`.
///
/// # Errors
/// As [`run`].
pub fn run_with_pages(operation: &'static Operation) -> Result<(), StartError> {
    start(operation, || {
        let secret = required("PAGE_TOKEN_SECRET")?;
        let previous = variable("PAGE_TOKEN_SECRET_PREVIOUS")?;
        let page_tokens = PageTokens::new(&secret, previous.as_deref()).map_err(StartError)?;
        Ok((page_tokens, Files::none()))
    })
}

fn start(
    operation: &'static Operation,
    secrets: impl FnOnce() -> Result<(PageTokens, Files), StartError>,
) -> Result<(), StartError> {
    // One request at a time on less than one CPU: a second thread would only cost start-up.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("the async runtime does not start: {error}")))?;
    runtime.block_on(serve(operation, secrets))
}

async fn serve(
    operation: &'static Operation,
    secrets: impl FnOnce() -> Result<(PageTokens, Files), StartError>,
) -> Result<(), StartError> {
    init_logging()?;
    check_runtime()?;
    let (page_tokens, files) = secrets()?;
    let app = &app_from_environment(page_tokens, files).await?;
    let spans = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?.as_deref().map(Spans::to).transpose().map_err(StartError)?;
    let spans = spans.as_ref();
    let answer = async |event: LambdaEvent<HttpEvent>| {
        let mut event = event;
        let started = SystemTime::now();
        // Lambda delivers nothing that is already out of time. A host that seems to, such as `cargo lambda watch`, does
        // not know the deadline.
        let left = event.context.deadline().duration_since(started).unwrap_or(Duration::MAX);
        event.payload.trace_id = event.context.xray_trace_id.as_deref().and_then(sampled_trace);
        if event.payload.request_context.request_id.is_empty() {
            event.payload.request_context.request_id = event.context.request_id;
        }
        let answer_within = left.saturating_sub(TIME_TO_REFUSE);
        let write_within = answer_within.saturating_sub(TIME_TO_ANSWER_A_BATCH);
        let app = App { answer_within, write_within, ..app.for_one_request() };
        let response = respond(operation, &app, &event.payload).await;
        if let Some(spans) = spans {
            let answered = Answered {
                operation: operation.name,
                request_id: &event.payload.request_context.request_id,
                trace_header: event.context.xray_trace_id.as_deref(),
                started,
                status: response.status(),
                spent: app.store.consumed(),
            };
            spans.send(answered).await;
        }
        Ok::<_, std::convert::Infallible>(lambda_response(response))
    };
    lambda_runtime::run(service_fn(answer))
        .await
        .map_err(|error| StartError(format!("the Lambda runtime ended: {error}")))
}

/// `response` as a function hands it to API Gateway.
pub fn lambda_response(response: Response<String>) -> ApiGatewayV2httpResponse {
    let is_base64_encoded = is_in_base64(&response);
    let (parts, body) = response.into_parts();
    let mut response = ApiGatewayV2httpResponse::default();
    response.is_base64_encoded = is_base64_encoded;
    response.status_code = i64::from(parts.status.as_u16());
    response.headers = parts.headers;
    response.body = Some(Body::Text(body));
    response
}

/// Runs `task` as a Lambda function without a route, for operators to invoke.
///
/// Reads the same variables as [`run`].
///
/// # Errors
/// One line that names the variable that is absent or unusable.
pub fn run_task(task: &'static Task) -> Result<(), StartError> {
    start_task(task, || Ok((Files::none(), Files::none())))
}

/// Runs `task`, which writes files and the list of erasures, as a Lambda function without a route.
///
/// Reads the same variables as [`run_with_files`], and `ERASURES_URL`.
///
/// # Errors
/// One line that names the variable that is absent or unusable.
pub fn run_task_with_files(task: &'static Task) -> Result<(), StartError> {
    start_task(task, || {
        let erasures = Files::in_storage(Bucket::from_environment("ERASURES_URL")?);
        Ok((files_from_environment()?, erasures))
    })
}

fn start_task(
    task: &'static Task,
    storage: impl FnOnce() -> Result<(Files, Files), StartError>,
) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("the async runtime does not start: {error}")))?;
    runtime.block_on(async {
        init_logging()?;
        check_runtime()?;
        let (files, erasures) = storage()?;
        let app = &App { erasures, ..app_from_environment(PageTokens::none(), files).await? };
        let answer = async |event: LambdaEvent<Value>| {
            let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
            let until = Instant::now() + left.saturating_sub(TIME_TO_ANSWER);
            let answer = perform(task, &app.for_one_request(), event.payload, until, &event.context.request_id).await;
            answer.map_err(|error| Diagnostic {
                error_type: error.reason().to_string(),
                error_message: error.to_string(),
            })
        };
        lambda_runtime::run(service_fn(answer))
            .await
            .map_err(|error| StartError(format!("the Lambda runtime ended: {error}")))
    })
}

/// The time kept at the end of an invocation for a task to store how far it came and to answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(5);

fn files_from_environment() -> Result<Files, StartError> {
    Ok(Files::in_storage(Bucket::from_environment("EXPORTS_URL")?))
}

async fn app_from_environment(page_tokens: PageTokens, files: Files) -> Result<App, StartError> {
    let table = required("TABLE_NAME")?;
    if !is_table_name(&table) {
        return Err(StartError(format!("TABLE_NAME is '{table}'; it must be 3 to 255 of A-Z a-z 0-9 . _ -")));
    }
    check_endpoints()?;
    let claim_names = Arc::new(claim_names()?);
    let store = open_table(&table).await?;
    Ok(App {
        store,
        files,
        erasures: Files::none(),
        page_tokens,
        claim_names,
        clock: Clock::system(),
        // Each invocation says how much time it has.
        answer_within: Duration::MAX,
        write_within: Duration::MAX,
        cold_start: ColdStart::default(),
    })
}

/// The names of the claims about the caller; those that the environment does not name keep their defaults.
fn claim_names() -> Result<ClaimNames, StartError> {
    let mut names = ClaimNames::default();
    for (variable_name, claim) in [
        ("CUSTOMER_CLAIM", &mut names.customer),
        ("PROFILES_CLAIM", &mut names.profiles),
        ("ROLE_CLAIM", &mut names.role),
        ("USER_CLAIM", &mut names.user),
    ] {
        if let Some(name) = variable(variable_name)? {
            *claim = name.into();
        }
    }
    names
        .checked()
        .map_err(|fault| StartError(format!("CUSTOMER_CLAIM, PROFILES_CLAIM, ROLE_CLAIM, USER_CLAIM: {fault}")))
}

/// DynamoDB's rule for the names of tables.
fn is_table_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (3..=255).contains(&text.len()) && text.bytes().all(legal)
}

/// Checks the endpoint that the SDK uses instead of AWS, if there is one: it would fail only at the first request.
fn check_endpoints() -> Result<(), StartError> {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
        let Some(url) = variable(name)? else { continue };
        let absolute = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        if !url.parse().is_ok_and(|url| absolute(&url)) {
            return Err(StartError(format!("{name} is '{url}'; it must be an http or https address")));
        }
    }
    Ok(())
}

/// Checks the variables that Lambda sets for every function: its runtime would panic without them.
pub(crate) fn check_runtime() -> Result<(), StartError> {
    for name in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION"] {
        required(name)?;
    }
    let name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
    let size = required(name)?;
    match size.parse::<i32>() {
        Ok(_) => Ok(()),
        Err(_) => Err(StartError(format!("{name} is '{size}'; it must be a number of megabytes"))),
    }
}

/// The X-Ray trace of an invocation, if it is sampled: the `Root` in Lambda's `Root=1-…;Parent=…;Sampled=1`.
fn sampled_trace(header: &str) -> Option<String> {
    let mut parts = header.split(';').filter_map(|part| part.split_once('='));
    let sampled = parts.clone().any(|part| part == ("Sampled", "1"));
    parts.find(|(name, _)| *name == "Root").filter(|_| sampled).map(|(_, root)| root.to_owned())
}

/// The time kept at the end of an invocation, whose limit is its function's timeout in `template.yaml`, to answer that
/// a request took too long.
pub const TIME_TO_REFUSE: Duration = Duration::from_secs(2);

/// The time kept at the end of a request for a batch to answer the result of each of its entries: enough for the
/// longest answer on the smallest share of a CPU.
pub const TIME_TO_ANSWER_A_BATCH: Duration = Duration::from_secs(1);

/// Writes the log to standard output, as `LOG_LEVEL` and `METRICS_NAMESPACE` say.
pub(crate) fn init_logging() -> Result<(), StartError> {
    let filter = log_filter(variable("LOG_LEVEL")?.as_deref()).map_err(StartError)?;
    let namespace = variable("METRICS_NAMESPACE")?.as_deref().map(MetricsNamespace::parse).transpose();
    tracing::subscriber::set_global_default(log_lines(filter, namespace.map_err(StartError)?, std::io::stdout))
        .map_err(|error| StartError(format!("logging does not start: {error}")))
}
