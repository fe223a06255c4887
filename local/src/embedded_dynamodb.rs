//! An embedded DynamoDB that answers the DynamoDB protocol on a loopback port.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder as HttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use dynoxide::{Database, DynoxideError};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch;

use crate::access_key::AccessKey;
use crate::door::Door;
use crate::server::{Limits, Site, serve};

/// The region that clients of the embedded DynamoDB name.
pub(crate) const REGION: &str = "us-east-1";
/// The prefix of a request's target.
const TARGET: &str = "DynamoDB_20120810.";

/// A running embedded DynamoDB; dropping it stops it.
#[derive(Debug)]
pub struct EmbeddedDynamoDb {
    address: SocketAddr,
    access_key: AccessKey,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedDynamoDb {
    /// Starts one on a free port, with its data in `file` or, without one, in memory. It answers the clients that
    /// [`client_at`] makes, also through other ports of this machine.
    ///
    /// # Errors
    /// One line, if the file cannot be opened or there is no port.
    pub fn start(file: Option<&Path>) -> Result<Self, String> {
        Self::serve(file, AccessKey::any(), |_| Door::at_any_port())
    }

    /// As [`EmbeddedDynamoDb::start`], but it answers only requests signed with `access_key`, and only at its own port.
    pub(crate) fn guarded(file: Option<&Path>, access_key: AccessKey) -> Result<Self, String> {
        Self::serve(file, access_key, |port| Door::at(port, &[]))
    }

    /// It runs on a thread of its own: it answers under one lock and waits for the disk, which would stall everything
    /// else on its thread.
    fn serve(file: Option<&Path>, access_key: AccessKey, door: impl FnOnce(u16) -> Door) -> Result<Self, String> {
        let database = match file {
            None => Database::memory().map_err(|error| format!("the embedded DynamoDB does not start: {error}"))?,
            Some(file) => {
                let path = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
                Database::new(path).map_err(|error| {
                    let error = error.to_string();
                    // The rest is for developers who use the library.
                    let what = error.split(". ").next().unwrap_or_default();
                    format!("{} cannot be opened: {what}", file.display())
                })?
            }
        };
        let refused = |error: std::io::Error| format!("the embedded DynamoDB finds no port: {error}");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let (stop, stopped) = watch::channel(false);
        let engine = Engine { database, access_key: access_key.clone(), door: door(address.port()) };
        // Only holders of the key get further than the head; and it answers one request at a time.
        let limits = Limits { bytes: 512 * 1024 * 1024, ..Limits::default() };
        let served = async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => serve(listener, engine, limits, stopped).await,
                Err(error) => tracing::error!(%error, "the embedded DynamoDB ended"),
            }
        };
        let thread = std::thread::Builder::new()
            .name("embedded-dynamodb".to_owned())
            .spawn(move || runtime.block_on(served))
            .map_err(refused)?;
        Ok(Self { address, access_key, stop, thread: Some(thread) })
    }

    /// Its address, such as `http://127.0.0.1:49152`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        client_with(&self.url(), &self.access_key)
    }
}

impl Drop for EmbeddedDynamoDb {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A client of the DynamoDB at `url`, which takes any credentials.
pub fn client_at(url: &str) -> Client {
    client_with(url, &AccessKey::any())
}

/// A client of the DynamoDB at `url` with `access_key`.
pub(crate) fn client_with(url: &str, access_key: &AccessKey) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(access_key.credentials())
        .endpoint_url(url)
        // One lock and one thread answer all callers: a busy moment is not an outage. A request may take longer than
        // this.
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build());
    // The usual client reads all certificates that the machine trusts. Without TLS none is needed.
    match TlsContext::builder().with_trust_store(TrustStore::empty()).build() {
        Ok(no_certificates) if url.starts_with("http:") => {
            let http = HttpClient::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            Client::from_conf(config.http_client(http.tls_context(no_certificates).build_https()).build())
        }
        _ => Client::from_conf(config.build()),
    }
}

/// The engine behind the protocol. The engine's own listener answers every web page on this machine, whatever the
/// signature, so this one replaces it.
struct Engine {
    database: Database,
    access_key: AccessKey,
    door: Door,
}

impl Site for Engine {
    type Admitted = ();
    const LARGEST_BODY: usize = 16 * 1024 * 1024;
    const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

    fn admit(&self, parts: &Parts) -> Result<(), Box<Response<Bytes>>> {
        if let Some(why) = self.door.refusal(parts) {
            return Err(Box::new(error(StatusCode::FORBIDDEN, "AccessDeniedException", &why)));
        }
        if !self.access_key.is_named(&parts.headers) {
            let why = "the access key is not this data folder's: its file 'environment' has it";
            return Err(Box::new(error(StatusCode::FORBIDDEN, "UnrecognizedClientException", why)));
        }
        Ok(())
    }

    async fn answer(&self, (): (), parts: Parts, body: Bytes) -> Response<Bytes> {
        if !self.access_key.signed(&parts, &body) {
            let why = "the signature is not that of this request by the access key, or not of now";
            return error(StatusCode::FORBIDDEN, "InvalidSignatureException", why);
        }
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = target.and_then(|target| target.strip_prefix(TARGET)).filter(|_| parts.method == Method::POST);
        match operation.and_then(|operation| perform(&self.database, operation, &body)) {
            Some(Ok(text)) => response(StatusCode::OK, text),
            Some(Err(error)) => {
                let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response(status, error.to_json())
            }
            None => error(StatusCode::BAD_REQUEST, "UnknownOperationException", "there is no such operation"),
        }
    }

    fn refusal(&self, status: StatusCode) -> Response<Bytes> {
        let kind = if status.is_server_error() { "InternalServerError" } else { "SerializationException" };
        error(status, kind, status.canonical_reason().unwrap_or_default())
    }

    fn finish(&self, _parts: &Parts, _response: &mut Response<Bytes>) {}
}

macro_rules! operations {
    ($($name:literal: $method:ident,)+) => {
        /// Performs `operation`; `None` if there is no such operation.
        fn perform(database: &Database, operation: &str, body: &[u8]) -> Option<Result<String, DynoxideError>> {
            match operation {
                $($name => Some(with_json(body, |request| database.$method(request))),)+
                _ => None,
            }
        }
    };
}

operations! {
    "BatchExecuteStatement": batch_execute_statement,
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
    "CreateTable": create_table,
    "DeleteItem": delete_item,
    "DeleteTable": delete_table,
    "DescribeTable": describe_table,
    "DescribeTimeToLive": describe_time_to_live,
    "ExecuteStatement": execute_statement,
    "ExecuteTransaction": execute_transaction,
    "GetItem": get_item,
    "ListTables": list_tables,
    "ListTagsOfResource": list_tags_of_resource,
    "PutItem": put_item,
    "Query": query,
    "Scan": scan,
    "TagResource": tag_resource,
    "TransactGetItems": transact_get_items,
    "TransactWriteItems": transact_write_items,
    "UntagResource": untag_resource,
    "UpdateItem": update_item,
    "UpdateTable": update_table,
    "UpdateTimeToLive": update_time_to_live,
}

fn with_json<Asked: DeserializeOwned, Answered: Serialize>(
    body: &[u8],
    perform: impl FnOnce(Asked) -> Result<Answered, DynoxideError>,
) -> Result<String, DynoxideError> {
    let asked = serde_json::from_slice(body).map_err(|error| {
        let error = error.to_string();
        // The engine puts the kind of an error before its text.
        DynoxideError::ValidationException(error.trim_start_matches("VALIDATION:").to_owned())
    })?;
    serde_json::to_string(&perform(asked)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response<Bytes> {
    response(status, json!({"__type": format!("com.amazon.coral.service#{kind}"), "message": message}).to_string())
}

fn response(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}
