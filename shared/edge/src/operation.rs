//! From an event to a response, the same on Lambda, on one machine and in tests.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Instant;

use coaching_domain::{Code, Error};
use futures_util::FutureExt;
use lambda_http::http::Response;
use serde_json::Value;
use tracing::{error, info, warn};

use crate::answer::error_response;
use crate::{Answer, App, HttpEvent, Request};

/// The future of an operation's answer.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// One operation of the service.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The name of its function, such as `create-session`.
    pub name: &'static str,
    /// What it does.
    pub handle: for<'a> fn(&'a App, &'a Request<'a>) -> Handled<'a>,
}

/// The future of a task's answer.
pub type TaskHandled<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

/// Work that an operator starts, and no request.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// The name of its function, such as `rebuild-statistics`.
    pub name: &'static str,
    /// What it does with an event until some moment, by which it answers how far it came.
    pub handle: for<'a> fn(&'a App, Value, Instant) -> TaskHandled<'a>,
}

/// Answers `event` with `operation`. Whatever happens there is an answer, and one line in the log,
/// which tells what `app`'s store has spent: hand in an [`App::for_one_request`].
pub async fn respond(operation: &Operation, app: &App, event: &HttpEvent) -> Response<String> {
    let started = Instant::now();
    let request_id = event.request_context.request_id.as_str();
    let handled = async {
        let request = Request::new(event)?;
        (operation.handle)(app, &request).await
    };
    // A panic costs this request, not the process.
    let handled = AssertUnwindSafe(handled).catch_unwind();
    let result = match tokio::time::timeout(app.answer_within, handled).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::internal("the operation panicked")),
        Err(_) => Err(out_of_time()),
    };
    let response = match &result {
        Ok(_) => None,
        Err(error) => Some(error_response(error, request_id)),
    };
    log(operation, app, request_id, started, result.as_ref().err());
    match (result, response) {
        (Ok(answer), _) => answer.into_response(request_id),
        (Err(_), Some(response)) => response,
        (Err(error), None) => error_response(&error, request_id),
    }
}

/// The answer to a request that took too long. What it was writing is written or not, never half.
fn out_of_time() -> Error {
    Error::new(
        Code::Unavailable,
        "OUT_OF_TIME",
        "the request took too long, and may still have taken effect; repeat it, a creation with the same requestId",
    )
}

/// One line for the request. It names no person and quotes nothing of the request.
fn log(operation: &Operation, app: &App, request_id: &str, started: Instant, failed: Option<&Error>) {
    let operation = operation.name;
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    let spent = app.store.spent();
    let code = failed.map_or("OK", |failed| failed.code().name());
    let reason = failed.map_or("", Error::reason);
    let cause = failed.map(causes).unwrap_or_default();
    macro_rules! line {
        ($level:ident) => {
            $level!(
                request_id,
                operation,
                code,
                reason,
                cause,
                duration_ms,
                dynamodb_calls = spent.calls,
                read_units = spent.read_units,
                write_units = spent.write_units,
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

/// What caused `error`, outermost first.
fn causes(error: &Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(one) = cause {
        causes.push(one.to_string());
        cause = one.source();
    }
    causes.join(": ")
}
