//! The API's document, and a page to read it on. Neither needs a token, because API Gateway has neither.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, OnceLock};

use coaching_edge::takes_gzip;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use utoipa_swagger_ui::{Config, serve};

/// The OpenAPI document; a test compares it with the code that runs.
pub(crate) const DOCUMENT: &str = include_str!("../../openapi.json");
/// The path of the document.
const DOCUMENT_PATH: &str = "/openapi.json";
/// The path of the page; the page's files are below it.
pub(crate) const PAGE_PATH: &str = "/docs";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // No request goes to the validator that swagger.io runs.
    let config = Config::new([DOCUMENT_PATH]).validator_url("none");
    Arc::new(config.use_base_layout().doc_expansion("list").filter(true).persist_authorization(true))
});

/// The document's first server: where `cargo run` serves unless told otherwise.
const USUAL_ADDRESS: &str = "http://127.0.0.1:3000";

/// The document and its page.
#[derive(Debug)]
pub(crate) struct Docs {
    /// The document, with the service's own address as its first server.
    document: Bytes,
    /// The document compressed to a tenth, when first needed; `None` if that fails.
    compressed: OnceLock<Option<Bytes>>,
}

impl Docs {
    /// The document and page of the service at `address`.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let document = DOCUMENT.replacen(USUAL_ADDRESS, &format!("http://{address}"), 1);
        Self { document: document.into(), compressed: OnceLock::new() }
    }

    /// The answer to `request`, if it is for the document, the page, or one of the page's files.
    pub(crate) fn answer(&self, request: &Parts) -> Option<Response<Bytes>> {
        if request.method != Method::GET {
            return None;
        }
        match request.uri.path() {
            DOCUMENT_PATH => Some(self.document(request)),
            path => page(path.strip_prefix(PAGE_PATH)?),
        }
    }

    /// The document, compressed for clients that accept that.
    fn document(&self, request: &Parts) -> Response<Bytes> {
        let mut encodings = request.headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let is_taken = encodings.any(takes_gzip);
        let compressed = || self.compressed.get_or_init(|| compressed(&self.document).ok()).clone();
        let mut response = match is_taken.then(compressed).flatten() {
            Some(bytes) => {
                let mut response = file(bytes, "application/json");
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                response
            }
            None => file(self.document.clone(), "application/json"),
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
        response
    }
}

fn compressed(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

/// The page, or the page's file at `asked`.
fn page(asked: &str) -> Option<Response<Bytes>> {
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
