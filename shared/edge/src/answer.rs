//! Answers, and errors as clients of a gRPC gateway read them.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use base64::write::EncoderStringWriter;

use coaching_domain::error::FieldViolation;
use coaching_domain::{Code, Error};
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{Response, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::size::{MAX_ANSWER_BODY_BYTES, body_that_fits, bytes_in_answer};

/// The domain of every `google.rpc.ErrorInfo` (AIP-193).
pub const ERROR_DOMAIN: &str = "coaching";

/// The header with the request's id, in every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The time that a client should wait before it repeats a request that met an unavailable table.
const RETRY_AFTER_UNAVAILABLE: Duration = Duration::from_secs(1);

/// The most bytes that the refusal of one entry of a batch takes in the answer: 500 of them are a third of the largest
/// answer of a function.
pub const MAX_STATUS_BYTES: usize = 4 * 1024;

/// The answer of an operation that succeeds; the status is always 200.
#[derive(Debug)]
pub struct Answer {
    /// JSON; in base64 if it is compressed.
    body: String,
    is_compressed: bool,
    etag: Option<String>,
}

impl Answer {
    /// An answer with `message` as its JSON, which must be known to fit. Anything that may be long is a
    /// [`Answer::page`].
    ///
    /// # Errors
    /// INTERNAL if it cannot be written as JSON, or takes more than [`MAX_ANSWER_BYTES`](crate::MAX_ANSWER_BYTES).
    pub fn json(message: &impl Serialize) -> Result<Self, Error> {
        let body = body_that_fits(message)?;
        let body = body.ok_or_else(|| Error::internal("an answer takes more than a function may answer"))?;
        Ok(Self { body, is_compressed: false, etag: None })
    }

    /// As [`Answer::json`], compressed (gzip), for a client that takes it; `None` if it is too large even so.
    ///
    /// # Errors
    /// INTERNAL if it cannot be written as JSON.
    pub fn compressed(message: &impl Serialize) -> Result<Option<Self>, Error> {
        let mut encoder = GzEncoder::new(EncoderStringWriter::new(&BASE64_STANDARD), Compression::fast());
        serde_json::to_writer(&mut encoder, message).map_err(Error::internal)?;
        let body = encoder.finish().map_err(Error::internal)?.into_inner();
        let fits = body.len() <= MAX_ANSWER_BODY_BYTES;
        Ok(fits.then_some(Self { body, is_compressed: true, etag: None }))
    }

    /// An answer with the `message` of as many of `entries`, from the first on, as fit into
    /// [`MAX_ANSWER_BYTES`](crate::MAX_ANSWER_BYTES).
    ///
    /// # Errors
    /// INTERNAL if it cannot be written as JSON, or not even one entry fits.
    pub fn page<'e, E: Serialize, M: Serialize>(
        entries: &'e [E],
        message: impl Fn(&'e [E]) -> Result<M, Error>,
    ) -> Result<Self, Error> {
        let (answer, _) = Self::beginning(entries, entries.iter().map(bytes_in_answer), message)?
            .ok_or_else(|| Error::internal("an entry of a page takes more than a function may answer"))?;
        Ok(answer)
    }

    /// As [`Answer::page`], with the number of its entries; `None` if not even one fits. `sizes` gives the bytes that
    /// each entry adds to the answer; it is read only if not all fit.
    ///
    /// # Errors
    /// INTERNAL if a message cannot be written as JSON; the errors of `sizes` and `message`.
    pub fn beginning<'e, E, M: Serialize>(
        entries: &'e [E],
        sizes: impl IntoIterator<Item = Result<usize, Error>>,
        message: impl Fn(&'e [E]) -> Result<M, Error>,
    ) -> Result<Option<(Self, usize)>, Error> {
        let answer_of = |entries: &'e [E]| {
            let body = body_that_fits(&message(entries)?)?;
            Ok::<_, Error>(body.map(|body| (Self { body, is_compressed: false, etag: None }, entries.len())))
        };
        if let Some(answer) = answer_of(entries)? {
            return Ok(Some(answer));
        }
        let mut left = MAX_ANSWER_BODY_BYTES;
        let mut fitting = 0;
        for size in sizes {
            // A comma stands between entries.
            let Some(rest) = left.checked_sub(size? + 1) else { break };
            left = rest;
            fitting += 1;
        }
        // The rest of the answer may leave no room for the last ones.
        let (mut found, mut tried) = (None, fitting);
        let mut left = 1..=fitting;
        while left.contains(&tried) {
            match entries.get(..tried).map(answer_of).transpose()?.flatten() {
                Some(answer) => {
                    left = tried + 1..=*left.end();
                    found = Some(answer);
                }
                None => left = *left.start()..=tried - 1,
            }
            tried = usize::midpoint(*left.start(), *left.end());
        }
        Ok(found)
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
        if self.is_compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Whether a client that sends this `Accept-Encoding` takes gzip.
pub fn takes_gzip(accept_encoding: &str) -> bool {
    accept_encoding.split(',').any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// Whether the body of `response` is in base64, as API Gateway takes what is compressed.
pub(crate) fn is_in_base64(response: &Response<String>) -> bool {
    response.headers().contains_key(CONTENT_ENCODING)
}

/// `response` as API Gateway passes it on.
///
/// # Errors
/// INTERNAL if a body that is to be base64 is not.
pub fn passed_on(response: Response<String>) -> Result<Response<Vec<u8>>, Error> {
    let is_in_base64 = is_in_base64(&response);
    let (parts, body) = response.into_parts();
    let body = if is_in_base64 { BASE64_STANDARD.decode(body).map_err(Error::internal)? } else { body.into_bytes() };
    Ok(Response::from_parts(parts, body))
}

/// The error of a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error)]
pub struct ErrorMessage {
    /// The number of the `google.rpc.Code`.
    code: u8,
    /// The HTTP status of the answer.
    http_status: u16,
    /// The name of the `google.rpc.Code`.
    status: &'static str,
    /// A text for people.
    message: String,
    /// Details for programs: always an `ErrorInfo` and a `RequestInfo`, and a `BadRequest` if fields are bad.
    details: Vec<ErrorDetail>,
}

/// The error of one entry of a batch (`google.rpc.Status`).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntryError)]
pub struct EntryStatus {
    /// The number of the `google.rpc.Code`.
    code: u8,
    /// The name of the `google.rpc.Code`.
    status: &'static str,
    /// A text for people.
    message: String,
    /// Details for programs: always an `ErrorInfo`, and a `BadRequest` if fields are bad.
    details: Vec<ErrorDetail>,
}

/// A detail of an error, for programs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "@type")]
enum ErrorDetail {
    /// The reason, in words that do not change (AIP-193).
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        /// The reason, such as `RESOURCE_NOT_FOUND`.
        reason: &'static str,
        /// The domain of the reason: always `coaching`.
        domain: &'static str,
        metadata: ErrorMetadata,
    },
    /// The bad fields.
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest {
        /// Every bad field, or the first 32.
        field_violations: Vec<BadField>,
    },
    /// The request.
    #[serde(rename = "type.googleapis.com/google.rpc.RequestInfo", rename_all = "camelCase")]
    RequestInfo {
        /// The id under which the request is logged, also in the header `X-Request-Id`.
        request_id: String,
    },
}

/// The values that an error's message contains.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = BTreeMap<String, String>)]
struct ErrorMetadata(BTreeMap<&'static str, String>);

/// One bad field of a request.
#[derive(Debug, Serialize, ToSchema)]
struct BadField {
    /// The path of the field as the client writes it, such as `scores[2].criterionId`.
    field: String,
    /// What is wrong with it, without repeating the value.
    description: String,
}

/// The answer of API Gateway itself, if a request does not reach the service.
#[derive(Debug, ToSchema)]
#[schema(as = GatewayError)]
pub struct GatewayMessage {
    /// A text for people.
    #[expect(dead_code, reason = "API Gateway writes it")]
    message: String,
}

/// `error` as the `google.rpc.Status` of one entry of a batch. It names no more bad fields than fit into
/// [`MAX_STATUS_BYTES`], but at least one, so that the answer of a batch stays within its limit however many entries
/// are refused.
///
/// # Errors
/// INTERNAL if it cannot be written as JSON.
pub(crate) fn entry_status(error: &Error) -> Result<EntryStatus, Error> {
    // The request itself succeeds, and its line in the log does not mention a defect that one entry met.
    if let (Code::Internal, Some(cause)) = (error.code(), error.source()) {
        tracing::error!(reason = error.reason().as_str(), cause = %cause, "an entry of a batch failed");
    }
    let status = |error: &Error| EntryStatus {
        code: error.code().number(),
        status: error.code().name(),
        message: error.message().to_owned(),
        details: details(error),
    };
    let whole = status(error);
    let bytes = bytes_in_answer(&whole)?;
    if bytes <= MAX_STATUS_BYTES {
        return Ok(whole);
    }
    // About as many as their share of the bytes, or one less.
    let share = error.violations().len() * MAX_STATUS_BYTES / bytes;
    for fields in (1..=share.max(1)).rev() {
        let shorter = status(&error.naming_at_most(fields));
        if fields == 1 || bytes_in_answer(&shorter)? <= MAX_STATUS_BYTES {
            return Ok(shorter);
        }
    }
    Ok(whole)
}

/// The details of every error: a reason for programs, and the bad fields, if any.
fn details(error: &Error) -> Vec<ErrorDetail> {
    let mut details = vec![ErrorDetail::ErrorInfo {
        reason: error.reason().as_str(),
        domain: ERROR_DOMAIN,
        metadata: ErrorMetadata(error.metadata().iter().cloned().collect()),
    }];
    if !error.violations().is_empty() {
        let bad = |violation: &FieldViolation| BadField {
            field: violation.field.clone(),
            description: violation.description.clone(),
        };
        details.push(ErrorDetail::BadRequest { field_violations: error.violations().iter().map(bad).collect() });
    }
    details
}

/// `error` as a response: the flat form that gRPC gateways write, with the status by name as well.
pub(crate) fn error_response(error: &Error, request_id: &str) -> Response<String> {
    let status = http_status(error.code());
    let mut details = details(error);
    details.push(ErrorDetail::RequestInfo { request_id: request_id.to_owned() });
    let message = ErrorMessage {
        code: error.code().number(),
        http_status: status.as_u16(),
        status: error.code().name(),
        message: error.message().to_owned(),
        details,
    };
    // Texts and numbers can always be written.
    let body = serde_json::to_string(&message).unwrap_or_default();
    let mut response = response(status, body, request_id);
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
    // Answers contain data about people: no cache may store them, and no browser may take them for a page.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    response
}

/// AIP-193's mapping of `google.rpc.Code` to HTTP.
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
