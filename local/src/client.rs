//! A client of a service, here or elsewhere, for what is done from the command line.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::arguments::Options;
use crate::data_folder::DataFolder;
use crate::table::causes;

/// How often a request is sent that fails for a reason that passes.
pub(crate) const ATTEMPTS: u32 = 8;
/// The pause after the first of them; it doubles with each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest wait for an answer: API Gateway answers within 30 seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(35);
/// The environment variable with the token of a service that is named by its address.
const TOKEN: &str = "COACHING_TOKEN";

/// A service and a token for it.
pub(crate) struct Client {
    url: String,
    token: String,
    client: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer that is no error that passes.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// What it says, in one line.
    pub(crate) fn said(&self) -> String {
        format!("the service answers {}: {}", self.status, message(&self.body))
    }
}

/// The message of an error, which names the field.
pub(crate) fn message(error: &Value) -> String {
    error.get("message").and_then(Value::as_str).unwrap_or("refused without a reason").to_owned()
}

/// The reason of an error.
pub(crate) fn reason(error: &Value) -> &str {
    error.pointer("/details/0/reason").and_then(Value::as_str).unwrap_or_default()
}

/// Whether an error passes, so that the same request may succeed later.
pub(crate) fn is_passing(error: &Value) -> bool {
    let status = error.get("status").and_then(Value::as_str).unwrap_or_default();
    status == "UNAVAILABLE" || reason(error) == "CONCURRENT_CHANGES"
}

/// Waits before the attempt after this one.
pub(crate) async fn pause(attempt: u32) {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE);
    tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
}

impl Client {
    /// A client of the service at `url`, or of the one that uses the data folder, there with the token of `role`, such as
    /// `SERVICE`.
    pub(crate) fn of(options: &Options, url: Option<&str>, role: &str) -> Result<Self, String> {
        let (url, token) = match url {
            Some(url) => {
                (url.to_owned(), std::env::var(TOKEN).map_err(|_| format!("{TOKEN} must hold a token for {url}"))?)
            }
            None => {
                let file = DataFolder::environment_in(&options.data);
                let environment = std::fs::read_to_string(&file)
                    .map_err(|error| format!("{}: {error}; is the service running?", file.display()))?;
                let said = |name: &str| {
                    let line = format!("export {name}=");
                    environment.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or_default().to_owned()
                };
                (said("COACHING_URL"), said(&format!("{role}_TOKEN")))
            }
        };
        let connector = HttpsConnectorBuilder::new().with_native_roots();
        let connector = connector.map_err(|error| format!("the certificates of this machine: {error}"))?;
        let client = HttpClient::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, client })
    }

    /// The answer to a `GET` of `path`, as [`Client::post`].
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(&Method::GET, path, String::new()).await
    }

    /// The answer to a `POST` of `body` to `path`. What fails for a reason that passes is sent again.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.send(&Method::POST, path, body.to_string()).await
    }

    async fn send(&self, method: &Method, path: &str, body: String) -> Result<Answer, String> {
        let body = Bytes::from(body);
        let mut attempt = 0;
        loop {
            let (said, wait) =
                match tokio::time::timeout(ANSWERS_WITHIN, self.try_to_send(method, path, body.clone())).await {
                    Ok(Ok((answer, wait))) => {
                        let passes = answer.status == 429 || answer.status == 503 || is_passing(&answer.body);
                        if !passes || attempt == ATTEMPTS {
                            return Ok(answer);
                        }
                        (String::new(), wait)
                    }
                    Ok(Err(line)) => (line, None),
                    Err(_) => (format!("{} does not answer", self.url), None),
                };
            if attempt == ATTEMPTS {
                return Err(said);
            }
            if let Some(wait) = wait {
                tokio::time::sleep(wait.min(LONGEST_PAUSE)).await;
            }
            pause(attempt).await;
            attempt += 1;
        }
    }

    async fn try_to_send(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<(Answer, Option<Duration>), String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| format!("{}: {error}", self.url))?;
        let unreached =
            |error: &(dyn std::error::Error + 'static)| format!("{} cannot be reached: {}", self.url, causes(error));
        let (parts, body) = self.client.request(request).await.map_err(|error| unreached(&error))?.into_parts();
        let body = body.collect().await.map_err(|error| unreached(&error))?.to_bytes();
        let wait = parts.headers.get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok((Answer { status: parts.status.as_u16(), body }, wait.map(Duration::from_secs)))
    }
}
