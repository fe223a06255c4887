//! From an event to a response, the same on Lambda, on one machine and in tests.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Instant;

use coaching_domain::{Caller, Code, Error, Reason, Role};
use coaching_store::{Access, Unreadable};
use futures_util::FutureExt;
use lambda_http::http::{Response, StatusCode};
use serde_json::Value;
use tracing::{error, info, warn};

use crate::answer::{error_response, http_status};
use crate::{Answer, AnswerType, App, HttpEvent, Request, RequestType, Route, Verb};

/// The future of an operation's answer.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// The declaration of one operation, from which its function's part of `template.yaml`, its routes, its rights on the
/// table, its rows in the documentation and its part of `openapi.json` are generated.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The name of its function, such as `create-session`.
    pub name: &'static str,
    /// Its route in API Gateway; `None` for the operation that gets the requests that no other takes.
    pub route: Option<Route>,
    /// The custom methods (AIP-136) of the item at the end of the route, if it answers those.
    pub verbs: &'static [Verb],
    /// Its summary, in a few words; verbs have their own.
    pub summary: &'static str,
    /// The roles that may call it; verbs have their own.
    pub roles: &'static [Role],
    /// Its callers in words, if the roles do not say all of it.
    pub callers: Option<&'static str>,
    /// Whether callers who are limited to some profiles may call it, although its path has none: it shows each its own.
    pub for_some_profiles: bool,
    /// What its request holds; verbs have their own.
    pub request: RequestType,
    /// What it answers; verbs have their own.
    pub answer: AnswerType,
    /// Whether it answers pages, and so seals page tokens.
    pub pages: bool,
    /// Whether it answers links to files that jobs made.
    pub links_files: bool,
    /// Whether it writes data that clients see, so that the deployment's `Writes=off` stops it.
    pub writes: bool,
    /// Whether its requests are among the most expensive, which have limits of their own.
    pub costly: bool,
    /// The function's memory and time, if not those of all functions.
    pub size: Option<Size>,
    /// Its reasons to refuse a request, beside those of every operation.
    pub refusals: &'static [Reason],
    /// Its access to the table, which is all that its function may do.
    pub access: &'static [Access],
    /// The handler.
    pub handle: for<'a> fn(&'a App, &'a Request<'a>) -> Handled<'a>,
}

impl Operation {
    /// An operation that does nothing, from which declarations start.
    pub const NOTHING: Self = Self {
        name: "",
        route: None,
        verbs: &[],
        summary: "",
        roles: &[],
        callers: None,
        for_some_profiles: false,
        request: RequestType::NOTHING,
        answer: AnswerType::NONE,
        pages: false,
        links_files: false,
        writes: false,
        costly: false,
        size: None,
        refusals: &[],
        access: &[],
        handle: |_, request| Box::pin(std::future::ready(Err(request.no_such_path()))),
    };
}

/// The memory and time of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Memory, in MB; with it comes CPU, a whole one at 1,769.
    pub memory_mb: u16,
    /// The longest that a request may take, in seconds.
    pub timeout_seconds: u16,
}

/// The future of a task's answer.
pub type TaskHandled<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

/// Work without a request: an operator starts it, or the table's stream.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// The name of its function, such as `rebuild-statistics`.
    pub name: &'static str,
    /// The function's memory and time.
    pub size: Size,
    /// Whether the table's stream wakes it for every job that is to go on.
    pub woken_by_jobs: bool,
    /// Whether it writes the files of jobs.
    pub writes_files: bool,
    /// Whether it keeps the list of erasures, and removes files.
    pub keeps_erasures: bool,
    /// Its access to the table, which is all that its function may do.
    pub access: &'static [Access],
    /// The handler. It works on an event until the given moment, by which it answers how far it came.
    pub handle: for<'a> fn(&'a App, Value, Instant) -> TaskHandled<'a>,
}

/// Answers `event` with `operation`. Always returns an answer and logs one line, with what `app`'s store has consumed:
/// pass an [`App::for_one_request`]. Each record that could not be read is logged before, on a line of its own.
pub async fn respond(operation: &Operation, app: &App, event: &HttpEvent) -> Response<String> {
    let started = Instant::now();
    let request_id = event.request_context.request_id.as_str();
    let caller = OnceLock::new();
    let handled = async {
        let request = Request::new(operation, event, &app.claim_names)?;
        let _ = caller.set(request.caller().clone());
        let answer = (operation.handle)(app, &request).await?;
        request.assert_read();
        Ok(answer)
    };
    // A panic costs this request, not the process.
    let handled = AssertUnwindSafe(handled).catch_unwind();
    let result = match tokio::time::timeout(app.answer_within, handled).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::internal("the operation panicked")),
        Err(_) => Err(out_of_time()),
    };
    log_unreadable(app, result.as_ref().err(), request_id);
    let result = result.map_err(|error| hidden(error, caller.get()));
    let failed = result.as_ref().err();
    let line =
        Line { operation: operation.name, request_id, caller: caller.get(), trace_id: event.trace_id.as_deref() };
    line.log(app, started, failed);
    match result {
        Ok(answer) => answer.into_response(request_id),
        Err(error) => error_response(&error, request_id),
    }
}

/// Performs `task` until `until`, as the invocation `request_id`. Logs one line, as for a request.
///
/// # Errors
/// The errors of the task.
pub async fn perform(task: &Task, app: &App, event: Value, until: Instant, request_id: &str) -> Result<Value, Error> {
    let started = Instant::now();
    let result = (task.handle)(app, event, until).await;
    log_unreadable(app, result.as_ref().err(), request_id);
    let line = Line { operation: task.name, request_id, caller: None, trace_id: None };
    line.log(app, started, result.as_ref().err());
    result
}

/// `error`, unless it would reveal to an agent a record that may be another's: the owner of an unreadable record is
/// unknown.
fn hidden(error: Error, caller: Option<&Caller>) -> Error {
    let name = Unreadable::cause_of(&error).and_then(Unreadable::resource).map(ToOwned::to_owned);
    match name {
        Some(name) if caller.is_some_and(|caller| caller.role() == Role::Agent) => Error::permission_denied(&name),
        _ => error,
    }
}

/// Logs a line for each record that could not be read: its kind, its name, and the name of the unreadable attribute,
/// but nothing else of its content.
fn log_unreadable(app: &App, failed: Option<&Error>, request_id: &str) {
    let unreadable: BTreeSet<Unreadable> =
        app.store.unreadable().into_iter().chain(failed.and_then(Unreadable::cause_of).cloned()).collect();
    for record in &unreadable {
        error!(
            request_id,
            customer = record.customer(),
            profile = record.profile(),
            kind = record.kind(),
            id = record.id(),
            attribute = record.attribute(),
            unreadable_records = 1,
            "a record cannot be read"
        );
    }
}

/// The answer to a request that took too long. Each of its writes is complete or absent, never half done; a batch stops
/// earlier, and answers for each entry.
fn out_of_time() -> Error {
    Error::new(
        Reason::OutOfTime,
        "the request took too long, and may still have taken effect; repeat it, a creation with the same requestId",
    )
}

/// The line of a request in the log. It names no person and quotes nothing of the request.
struct Line<'a> {
    operation: &'static str,
    request_id: &'a str,
    caller: Option<&'a Caller>,
    trace_id: Option<&'a str>,
}

impl Line<'_> {
    fn log(&self, app: &App, started: Instant, failed: Option<&Error>) {
        let Self { operation, request_id, caller, trace_id } = *self;
        let customer = caller.map(Caller::customer);
        let role = caller.map(|caller| caller.role().as_str());
        let status = failed.map_or(StatusCode::OK, |failed| http_status(failed.code()));
        let code = failed.map_or("OK", |failed| failed.code().name());
        let reason = failed.map(|failed| failed.reason().as_str());
        let cause = failed.map(causes).filter(|causes| !causes.is_empty());
        let duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let cold_start = app.cold_start.first();
        let spent = app.store.consumed();
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    request_id,
                    operation,
                    customer,
                    role,
                    status = status.as_u16(),
                    code,
                    reason,
                    cause,
                    duration_ms,
                    client_errors = u8::from(status.is_client_error()),
                    server_errors = u8::from(status.is_server_error()),
                    dynamodb_calls = spent.calls,
                    dynamodb_retries = spent.retries,
                    dynamodb_throttles = spent.throttles,
                    dynamodb_errors = spent.errors,
                    read_units = spent.read_units,
                    write_units = spent.write_units,
                    cold_start,
                    trace_id,
                    "{operation} {code}"
                )
            };
        }
        match failed.map(Error::code) {
            Some(Code::Internal) => line!(error),
            Some(Code::Unavailable) => line!(warn),
            _ => line!(info),
        }
    }
}

/// The causes of `error`, outermost first.
fn causes(error: &Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(one) = cause {
        causes.push(one.to_string());
        cause = one.source();
    }
    causes.join(": ")
}
