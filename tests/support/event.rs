//! API Gateway HTTP API events, made or read from `events/`.

use std::path::PathBuf;
use std::sync::LazyLock;

use coaching_edge::Operation;
use coaching_local::{Claims, Routes};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

static ROUTES: LazyLock<Routes> = LazyLock::new(|| Routes::of_operations().unwrap());

/// One request as an event.
#[derive(Debug, Clone)]
pub struct Event {
    method: String,
    /// Percent-encoded, from the root.
    path: String,
    query: String,
    claims: Value,
    headers: Value,
    body: Option<String>,
    is_base64_encoded: bool,
}

impl Event {
    /// A request of the manager `maria` of `acme` to a path below the profile `support`.
    pub fn new(method: &str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            method: method.to_owned(),
            path: format!("/v1/customers/acme/profiles/support/{path}"),
            query: query.to_owned(),
            claims: Value::Null,
            headers: json!({"content-type": "application/json"}),
            body: None,
            is_base64_encoded: false,
        }
        .by("manager", "maria")
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of `body`.
    pub fn post(path: &str, body: Value) -> Self {
        Self::new("POST", path).with_text(&body.to_string())
    }

    /// Sent by `user` with `role` at `acme`.
    pub fn by(self, role: &str, user: &str) -> Self {
        let claims = serde_json::to_value(Claims::new("acme", role, user)).unwrap();
        Self { claims, ..self }
    }

    /// With claim `name` set, or removed if `value` is null.
    pub fn with_claim(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.claims.as_object_mut().unwrap().remove(name);
        } else {
            self.claims[name] = value;
        }
        self
    }

    /// To another path from the root.
    pub fn to(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// With one more query parameter.
    pub fn with(mut self, parameter: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(parameter);
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        self
    }

    /// With this query string as it is.
    pub fn with_query(self, query: &str) -> Self {
        Self { query: query.to_owned(), ..self }
    }

    /// With a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers[name] = value.into();
        self
    }

    /// With this body as it is.
    pub fn with_text(self, body: &str) -> Self {
        Self { body: Some(body.to_owned()), is_base64_encoded: false, ..self }
    }

    /// With the body `bytes`, in base64.
    pub fn with_bytes(self, bytes: &[u8]) -> Self {
        use base64::Engine;
        Self { body: Some(base64::prelude::BASE64_STANDARD.encode(bytes)), is_base64_encoded: true, ..self }
    }

    /// The method, the path with the query, and the body, as a client sends them.
    pub fn as_http(&self) -> (&str, String, &str) {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        (&self.method, format!("{}{query}", self.path), self.body.as_deref().unwrap_or_default())
    }

    /// The operation that `template.yaml` routes it to.
    pub fn operation(&self) -> &'static Operation {
        ROUTES.find(&self.method, &self.path).0.operation
    }

    /// The event of payload format 2.0.
    pub fn to_json(&self) -> Value {
        let (route, variables) = ROUTES.find(&self.method, &self.path);
        let path = percent_encoding::percent_decode_str(&self.path).decode_utf8_lossy();
        let claims: serde_json::Map<String, Value> = self
            .claims
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned).into()))
            .collect();
        json!({
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "pathParameters": variables,
            "requestContext": {
                "authorizer": {"jwt": {"claims": claims, "scopes": null}},
                "http": {"method": self.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
                "requestId": "test-request",
                "routeKey": route.key,
                "stage": "$default",
            },
            "body": self.body,
            "isBase64Encoded": self.is_base64_encoded,
        })
    }
}

fn events_folder(operation: &str) -> PathBuf {
    crate::root().join("events").join(operation)
}

/// The event `events/{operation}/{case}.json`.
pub fn event_file(operation: &str, case: &str) -> Value {
    let path = events_folder(operation).join(format!("{case}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The body of `event` as the client sent it; empty if it is not valid base64.
pub fn body_of(event: &Value) -> Vec<u8> {
    use base64::Engine;
    let text = event["body"].as_str().unwrap_or_default();
    match event["isBase64Encoded"].as_bool() {
        Some(true) => base64::prelude::BASE64_STANDARD.decode(text).unwrap_or_default(),
        _ => text.as_bytes().to_vec(),
    }
}

/// The cases in `events/{operation}/`, sorted.
pub fn event_files(operation: &str) -> Vec<String> {
    let files = std::fs::read_dir(events_folder(operation)).unwrap();
    let mut cases: Vec<String> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    cases.sort_unstable();
    cases
}
