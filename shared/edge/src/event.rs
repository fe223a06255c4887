//! The API Gateway HTTP API event, payload format 2.0, as far as the service reads it.
//!
//! `lambda_http`'s own conversion builds an `http::Request` and on the way panics at a query string
//! that `http::Uri` refuses (a raw `<`), rebuilds the URI from the decoded path (a `%3F` in an id then
//! starts a query), and refuses the whole event for a header outside ASCII. Anyone can send those,
//! and each would be a 500. So the event is read here, and only what is used of it.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An API Gateway HTTP API event, payload format 2.0. A host leaves out what is absent, or sends `null`: both are read
/// as empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpEvent {
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) raw_query_string: String,
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) headers: HashMap<String, String>,
    /// Percent-decoded by API Gateway, which decodes the path before it looks for the route.
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) path_parameters: HashMap<String, String>,
    pub(crate) body: Option<String>,
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) is_base64_encoded: bool,
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) request_context: RequestContext,
    /// The X-Ray trace of the invocation, which Lambda passes beside the event.
    #[serde(skip)]
    pub(crate) trace_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RequestContext {
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) request_id: String,
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) http: Http,
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) authorizer: Authorizer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Http {
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) method: String,
    #[serde(deserialize_with = "null_as_empty")]
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
    /// HTTP APIs pass every claim as a string; other types are kept, to be refused by name.
    #[serde(deserialize_with = "null_as_empty")]
    pub(crate) claims: HashMap<String, Value>,
}

fn null_as_empty<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Adds to `seen` a copy of `event` for each value below `path`, with null, or with nothing, in its place.
    fn without(event: &Value, path: &[&str], seen: &mut Vec<Value>) {
        let place = path.iter().fold(event, |value, key| &value[*key]);
        let Some(object) = place.as_object() else { return };
        for key in object.keys() {
            let mut emptied = event.clone();
            let changed = path.iter().fold(&mut emptied, |value, key| &mut value[*key]);
            changed[key] = Value::Null;
            seen.push(emptied.clone());
            let changed = path.iter().fold(&mut emptied, |value, key| &mut value[*key]);
            changed.as_object_mut().unwrap().remove(key);
            seen.push(emptied);
            without(event, &[path, &[key]].concat(), seen);
        }
    }

    #[test]
    fn what_is_null_or_left_out_is_empty() {
        let event = json!({
            "rawQueryString": "",
            "headers": {},
            "pathParameters": {},
            "body": "",
            "isBase64Encoded": false,
            "requestContext": {
                "requestId": "",
                "http": {"method": "", "path": ""},
                "authorizer": {"jwt": {"claims": {}}},
            },
        });
        let mut events = vec![json!({})];
        without(&event, &[], &mut events);
        assert_eq!(events.len(), 1 + 2 * 13);
        for event in events {
            let read: HttpEvent =
                serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{event}: {error}"));
            assert_eq!(read.head_bytes(), 0);
            assert!(read.body.unwrap_or_default().is_empty() && !read.is_base64_encoded);
        }
    }
}
