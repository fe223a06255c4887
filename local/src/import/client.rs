//! Requests to a service, here or elsewhere.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{message, reason};
use crate::arguments::Options;
use crate::data_folder::DataFolder;
use crate::table::causes;

/// How often a request is sent that fails for a reason that passes.
pub(super) const ATTEMPTS: u32 = 8;
/// The pause after the first of them; it doubles with each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest wait for an answer: API Gateway answers within 30 seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(35);
/// The environment variable with the token of a service that is named by its address.
const TOKEN: &str = "COACHING_TOKEN";

/// A service and a token for it.
pub(super) struct Service {
    url: String,
    token: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer that is no error that passes.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// What it says, in one line.
    pub(super) fn said(&self) -> String {
        format!("the service answers {}: {}", self.status, message(&self.body))
    }
}

/// Whether an error passes, so that the same request may succeed later.
pub(super) fn is_passing(error: &Value) -> bool {
    let status = error.get("status").and_then(Value::as_str).unwrap_or_default();
    status == "UNAVAILABLE" || reason(error) == "CONCURRENT_CHANGES"
}

/// Waits before the attempt after this one.
pub(super) async fn pause(attempt: u32) {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE);
    tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
}

impl Service {
    /// The service at `url`, or the one that uses the data folder.
    pub(super) fn of(options: &Options, url: Option<&str>) -> Result<Self, String> {
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
                (said("COACHING_URL"), said("SERVICE_TOKEN"))
            }
        };
        let connector = HttpsConnectorBuilder::new().with_native_roots();
        let connector = connector.map_err(|error| format!("the certificates of this machine: {error}"))?;
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, client })
    }

    /// The answer to a `POST` of `body` to `path`. What fails for a reason that passes is sent again.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let mut attempt = 0;
        loop {
            let (said, wait) = match tokio::time::timeout(ANSWERS_WITHIN, self.try_to_post(path, body)).await {
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

    async fn try_to_post(&self, path: &str, body: &Value) -> Result<(Answer, Option<Duration>), String> {
        let request = Request::post(format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
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
