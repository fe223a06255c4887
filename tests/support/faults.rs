//! Faults between the SDK and the embedded DynamoDB, which by itself neither throttles nor conflicts.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is answered with this error and not passed on.
    Refused(u16, Value),
    /// The connection is cut before it is passed on.
    Unreached,
    /// It is passed on, and its answer is lost with the connection.
    AnswerLost,
    /// It is passed on, and never answered.
    Unanswered,
    /// It is passed on, and nothing happens to it: for faults that come later.
    Passed,
}

impl Fault {
    /// A transaction that DynamoDB cancels for these reasons.
    pub fn cancelled(reasons: &[&str]) -> Self {
        let reasons: Vec<Value> = reasons.iter().map(|code| json!({ "Code": code, "Message": "injected" })).collect();
        Self::Refused(
            400,
            json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "message": "Transaction cancelled",
                "CancellationReasons": reasons,
            }),
        )
    }

    /// A call that DynamoDB throttles.
    pub fn throttled() -> Self {
        Self::of_kind(400, "ProvisionedThroughputExceededException")
    }

    /// A call that DynamoDB fails to serve.
    pub fn internal() -> Self {
        Self::of_kind(500, "InternalServerError")
    }

    /// A single write that meets a transaction on the same item.
    pub fn met_a_transaction() -> Self {
        Self::of_kind(400, "TransactionConflictException")
    }

    fn of_kind(status: u16, kind: &str) -> Self {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
        Self::Refused(status, json!({ "__type": kind, "message": "injected" }))
    }
}

/// A DynamoDB endpoint with faults.
#[derive(Debug, Clone)]
pub struct FaultyDynamoDb {
    address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    unanswered: Arc<Notify>,
    weather: Arc<Mutex<Option<Weather>>>,
}

/// Faults by chance.
#[derive(Debug)]
struct Weather {
    chance: fastrand::Rng,
    /// The share of calls that something happens to, 0 to 1.
    share: f64,
    happened: usize,
}

impl Weather {
    /// What happens to a call of `action` with `body`: any of the faults that DynamoDB and the network have for it.
    fn fault(&mut self, action: &str, body: &Value) -> Option<Fault> {
        if self.chance.f64() >= self.share {
            return None;
        }
        self.happened += 1;
        let own = match action {
            "TransactWriteItems" => match self.chance.u8(..4) {
                0 => Some(Fault::cancelled(&["None", "TransactionConflict"])),
                1 => Some(Fault::cancelled(&["TransactionConflict", "ConditionalCheckFailed"])),
                2 => Some(Fault::cancelled(&["ThrottlingError", "None"])),
                _ => None,
            },
            "BatchGetItem" if self.chance.bool() => {
                Some(Fault::Refused(200, json!({"Responses": {}, "UnprocessedKeys": body["RequestItems"]})))
            }
            _ => None,
        };
        own.or_else(|| {
            Some(match self.chance.u8(..4) {
                0 => Fault::throttled(),
                1 => Fault::internal(),
                2 => Fault::Unreached,
                _ => Fault::AnswerLost,
            })
        })
    }
}

impl FaultyDynamoDb {
    /// An endpoint in front of `url`, without faults so far.
    pub async fn start(url: &str) -> Self {
        let behind: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faulty = Self { address, faults: Arc::default(), unanswered: Arc::default(), weather: Arc::default() };
        let shared = faulty.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let faulty = shared.clone();
                let answer = service_fn(move |request| answer(faulty.clone(), behind, request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        faulty
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to the next calls, one fault each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Waits until a call has taken effect that is never answered.
    pub async fn left_unanswered(&self) {
        self.unanswered.notified().await;
    }

    /// How many faults have not happened yet.
    pub fn left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    /// Lets something happen to a `share` of calls, 0 to 1, as `seed` has it.
    pub fn storm(&self, seed: u64, share: f64) {
        *self.weather.lock().unwrap() = Some(Weather { chance: fastrand::Rng::with_seed(seed), share, happened: 0 });
    }

    /// Takes back what has not happened yet, and says how many faults happened by chance.
    pub fn clear(&self) -> usize {
        self.faults.lock().unwrap().clear();
        self.weather.lock().unwrap().take().map_or(0, |weather| weather.happened)
    }
}

async fn answer(
    faulty: FaultyDynamoDb,
    behind: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let mut fault = faulty.faults.lock().unwrap().pop_front();
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    if fault.is_none()
        && let Some(weather) = &mut *faulty.weather.lock().unwrap()
    {
        let action = parts.headers["x-amz-target"].to_str()?.rsplit('.').next().unwrap_or_default();
        fault = weather.fault(action, &serde_json::from_slice(&body)?);
    }
    match fault {
        Some(Fault::Refused(status, body)) => {
            let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
            return Ok(response);
        }
        Some(Fault::Unreached) => return Err("the connection is cut".into()),
        _ => {}
    }
    let stream = TcpStream::connect(behind).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    match fault {
        Some(Fault::AnswerLost) => Err("the answer is lost".into()),
        Some(Fault::Unanswered) => {
            faulty.unanswered.notify_one();
            std::future::pending().await
        }
        _ => Ok(Response::from_parts(parts, Full::new(body))),
    }
}
