//! The part of API Gateway: it checks an HTTP request, and turns it into a function's event or refuses it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use coaching_edge::{App, HttpEvent, respond};
use hyper::body::Bytes;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::routes::{Route, Routes};
use crate::tokens::TokenIssuer;

/// The largest body that API Gateway takes, in bytes.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 10 * 1024 * 1024;
/// The most bytes of request line and headers together.
const MAX_HEAD_BYTES: usize = 10_240;

/// Serves HTTP requests with the operations, as API Gateway and Lambda do together.
#[derive(Debug)]
pub struct Gateway {
    app: App,
    routes: Routes,
    issuer: TokenIssuer,
}

impl Gateway {
    /// A gateway with the routes of the operations.
    ///
    /// # Errors
    /// As [`Routes::of_operations`].
    pub fn new(app: App, issuer: TokenIssuer) -> Result<Self, String> {
        let routes = Routes::of_operations()?;
        Ok(Self { app, routes, issuer })
    }

    /// Answers `request`. `None` stands for a body that is larger than API Gateway takes.
    pub async fn answer(&self, request: Request<Option<Bytes>>) -> Response<String> {
        let (parts, body) = request.into_parts();
        match (self.admit(&parts), body) {
            (Ok(caller), Some(body)) => self.answer_to(caller, &parts, &body).await,
            (Ok(_), None) => refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            (Err((status, message)), _) => refusal(status, message),
        }
    }

    /// Admits a request by its head, as the authorizer does, or returns the refusal.
    pub(crate) fn admit(&self, parts: &Parts) -> Result<Caller, (StatusCode, &'static str)> {
        let head: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head + parts.uri.to_string().len() > MAX_HEAD_BYTES {
            return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large"));
        }
        let claims = bearer_token(&parts.headers).and_then(|token| self.issuer.verify(token));
        claims.map(Caller).ok_or((StatusCode::UNAUTHORIZED, "Unauthorized"))
    }

    /// Answers an admitted request.
    pub(crate) async fn answer_to(&self, caller: Caller, parts: &Parts, body: &Bytes) -> Response<String> {
        let (route, variables) = self.routes.find(parts.method.as_str(), parts.uri.path());
        let event = event(parts, body, route, &json!(variables), &caller.0);
        match serde_json::from_value::<HttpEvent>(event) {
            Ok(event) => respond(route.operation, &self.app.for_one_request(), &event).await,
            Err(error) => {
                tracing::error!(%error, "an event cannot be read");
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }
}

/// The verified claims of a request's token.
pub(crate) struct Caller(BTreeMap<String, String>);

/// The token after `Bearer`, or the whole header: the authorizer takes both.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        Some(_) => None,
        None => Some(header),
    }
}

/// The event of payload format 2.0.
fn event(parts: &Parts, body: &Bytes, route: &Route, variables: &Value, claims: &BTreeMap<String, String>) -> Value {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let query = parts.uri.query().unwrap_or_default();
    let now = Utc::now();
    let (text, encoded) = match text_body(&parts.headers, body) {
        Some(text) => (text.to_owned(), false),
        None => (BASE64_STANDARD.encode(body), true),
    };
    let header = |name: &str| joined(&parts.headers, name);
    let headers: BTreeMap<&str, String> =
        parts.headers.keys().map(|name| (name.as_str(), header(name.as_str()))).collect();
    json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "pathParameters": variables,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "authorizer": {"jwt": {"claims": claims, "scopes": null}},
            "domainName": header("host"),
            "domainPrefix": "local",
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": header("user-agent"),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": route.key,
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "body": if body.is_empty() { Value::Null } else { Value::from(text) },
        "isBase64Encoded": encoded,
    })
}

/// A header's values, joined by commas as payload format 2.0 does.
fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(",")
}

/// The body as text, if it is UTF-8 and of a type that API Gateway passes as text.
fn text_body<'a>(headers: &HeaderMap, body: &'a Bytes) -> Option<&'a str> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_text = ["text/", "application/json", "application/javascript", "application/xml"]
        .iter()
        .any(|prefix| content_type.starts_with(prefix));
    std::str::from_utf8(body).ok().filter(|text| is_text || text.is_empty())
}

/// An answer of API Gateway itself, which nobody may cache or take for another type.
pub(crate) fn refusal(status: StatusCode, message: &str) -> Response<String> {
    let mut response = Response::new(json!({ "message": message }).to_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
