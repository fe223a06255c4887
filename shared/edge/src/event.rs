//! The API Gateway HTTP API event, payload format 2.0, as far as the service reads it.
//!
//! `lambda_http`'s own conversion builds an `http::Request` and on the way panics at a query string
//! that `http::Uri` refuses (a raw `<`), rebuilds the URI from the decoded path (a `%3F` in an id then
//! starts a query), and refuses the whole event for a header outside ASCII. Anyone can send those,
//! and each would be a 500. So the event is read here, and only what is used of it.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An API Gateway HTTP API event, payload format 2.0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpEvent {
    /// `null` in the events of `cargo lambda watch` for a request without a query.
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) raw_query_string: String,
    pub(crate) headers: HashMap<String, String>,
    /// Percent-decoded by API Gateway, which decodes the path before it looks for the route.
    pub(crate) path_parameters: HashMap<String, String>,
    pub(crate) body: Option<String>,
    pub(crate) is_base64_encoded: bool,
    pub(crate) request_context: RequestContext,
    /// The X-Ray trace that the invocation belongs to, which Lambda tells beside the event.
    #[serde(skip)]
    pub(crate) trace_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RequestContext {
    pub(crate) request_id: String,
    pub(crate) http: Http,
    pub(crate) authorizer: Authorizer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Authorizer {
    pub(crate) jwt: Option<Jwt>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Jwt {
    /// HTTP APIs hand every claim over as a string; other types are kept apart to be refused by name.
    pub(crate) claims: HashMap<String, Value>,
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl HttpEvent {
    /// The bytes of path, query and headers together.
    pub(crate) fn head_bytes(&self) -> usize {
        let both = |(name, value): (&String, &String)| name.len() + value.len();
        let headers: usize = self.headers.iter().map(both).sum();
        let path: usize = self.path_parameters.values().map(String::len).sum();
        headers + path.max(self.request_context.http.path.len()) + self.raw_query_string.len()
    }

    /// The header `name`, given in lower case as API Gateway writes them.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}
