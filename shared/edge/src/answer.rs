//! Answers, and errors as clients of a gRPC gateway read them.

use std::time::Duration;

use coaching_domain::{Code, Error};
use lambda_http::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use lambda_http::http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

/// The domain of every `google.rpc.ErrorInfo` (AIP-193).
pub const ERROR_DOMAIN: &str = "coaching";

/// The header that names the request in every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a client should wait before it repeats a request that met an unavailable table.
const RETRY_AFTER_UNAVAILABLE: Duration = Duration::from_secs(1);

/// What an operation answers when it succeeds; the status is always 200.
#[derive(Debug)]
pub struct Answer {
    body: String,
    etag: Option<String>,
}

impl Answer {
    /// An answer with `message` as its JSON.
    ///
    /// # Errors
    /// INTERNAL if it cannot be written as JSON.
    pub fn json(message: &impl Serialize) -> Result<Self, Error> {
        Ok(Self { body: serde_json::to_string(message).map_err(Error::internal)?, etag: None })
    }

    /// The same with the header `ETag`, for the one entity that it holds.
    #[must_use]
    pub fn with_etag(self, etag: &str) -> Self {
        Self { etag: Some(format!("\"{etag}\"")), ..self }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response<String> {
        let mut response = response(StatusCode::OK, self.body, request_id);
        if let Some(etag) = self.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
            response.headers_mut().insert(ETAG, etag);
        }
        response
    }
}

/// `error` as the `google.rpc.Status` of one entry of a batch.
pub fn entry_status(error: &Error) -> Value {
    json!({
        "code": error.code().number(),
        "status": error.code().name(),
        "message": error.message(),
        "details": details(error),
    })
}

/// What every error tells beside its text: a reason for programs, and the bad fields if there are.
fn details(error: &Error) -> Vec<Value> {
    let metadata: serde_json::Map<String, Value> =
        error.metadata().iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str()))).collect();
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.reason(),
        "domain": ERROR_DOMAIN,
        "metadata": metadata,
    })];
    if !error.violations().is_empty() {
        let violations: Vec<Value> = error
            .violations()
            .iter()
            .map(|violation| json!({"field": violation.field, "description": violation.description}))
            .collect();
        details.push(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}));
    }
    details
}

/// `error` as a response: the flat form that gRPC gateways write, with the status by name as well.
pub(crate) fn error_response(error: &Error, request_id: &str) -> Response<String> {
    let status = http_status(error.code());
    let mut details = details(error);
    details.push(json!({"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id}));
    let body = json!({
        "code": error.code().number(),
        "httpStatus": status.as_u16(),
        "status": error.code().name(),
        "message": error.message(),
        "details": details,
    });
    let mut response = response(status, body.to_string(), request_id);
    match error.code() {
        Code::Unavailable => {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_UNAVAILABLE.as_secs().into());
        }
        Code::Unauthenticated => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

fn response(status: StatusCode, body: String, request_id: &str) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    response
}

/// AIP-193's mapping of `google.rpc.Code` to HTTP.
pub(crate) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
