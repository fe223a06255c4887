//! The API's document, and a page to read it on. Both need no token: API Gateway has neither.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Response, StatusCode};
use utoipa_swagger_ui::{Config, serve};

/// The OpenAPI document; a test holds it to what runs.
const DOCUMENT: &str = include_str!("../../openapi.json");
/// Where it is served.
const DOCUMENT_PATH: &str = "/openapi.json";
/// Where the page is, which asks for files below it.
pub(crate) const PAGE_PATH: &str = "/docs";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Nothing is asked of the validator that swagger.io runs.
    let config = Config::new([DOCUMENT_PATH]).validator_url("none");
    Arc::new(config.use_base_layout().doc_expansion("list").filter(true).persist_authorization(true))
});

/// What is served at `path`, if it is the document, the page, or one of the page's files.
pub(crate) fn answer(method: &Method, path: &str) -> Option<Response<Bytes>> {
    if *method != Method::GET {
        return None;
    }
    if path == DOCUMENT_PATH {
        return Some(file(Bytes::from_static(DOCUMENT.as_bytes()), "application/json"));
    }
    let asked = path.strip_prefix(PAGE_PATH)?;
    if asked.is_empty() {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/docs/"));
        return Some(response);
    }
    let found = serve(asked.strip_prefix('/')?, Arc::clone(&CONFIG)).ok()??;
    let bytes = match found.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(file(bytes, &found.content_type))
}

fn file(bytes: Bytes, content_type: &str) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
