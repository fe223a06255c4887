//! Faults between the SDK and the embedded DynamoDB, which by itself neither throttles nor conflicts.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::record::Traffic;

/// A fault of one call.
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
    /// It is passed on late, whether or not anybody still waits for it.
    ReachedLate,
    /// It is passed on and answered, so that a later fault meets a later call.
    Passed,
    /// It gets the answer that the same call got before, as if it had come before the writes of others since.
    Overtaken,
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
    /// The last answer to each call, by its request.
    answers: Arc<Mutex<HashMap<String, Bytes>>>,
    underway: Arc<tokio::sync::Mutex<JoinSet<()>>>,
    traffic: Arc<Traffic>,
}

/// The delay of a late call: longer than a client with [`HURRIED`] waits.
const LATE: Duration = Duration::from_millis(350);

/// The time that a client waits for an answer if it is to meet late ones.
pub(crate) const HURRIED: Duration = Duration::from_millis(200);

/// Faults by chance.
#[derive(Debug)]
struct Weather {
    chance: fastrand::Rng,
    /// The share of calls that meet a fault, 0 to 1.
    share: f64,
    happened: Happened,
}

/// How often each fault happened by chance.
pub type Happened = BTreeMap<&'static str, usize>;

impl Weather {
    /// The fault of a call of `action` with `body`, if it meets one: any that DynamoDB and the network have for it.
    fn fault(&mut self, action: &str, body: &Value) -> Option<Fault> {
        if self.chance.f64() >= self.share {
            return None;
        }
        let own = match action {
            "TransactWriteItems" => match self.chance.u8(..4) {
                0 => Some(("conflict", Fault::cancelled(&["None", "TransactionConflict"]))),
                1 => Some(("conflict", Fault::cancelled(&["TransactionConflict", "ConditionalCheckFailed"]))),
                2 => Some(("throttled", Fault::cancelled(&["ThrottlingError", "None"]))),
                _ => None,
            },
            "BatchGetItem" if self.chance.bool() => {
                let unprocessed = json!({"Responses": {}, "UnprocessedKeys": body["RequestItems"]});
                Some(("unprocessed", Fault::Refused(200, unprocessed)))
            }
            _ => None,
        };
        let (name, fault) = own.unwrap_or_else(|| match self.chance.u8(..10) {
            0..2 => ("throttled", Fault::throttled()),
            2..4 => ("failed", Fault::internal()),
            4..6 => ("cut before", Fault::Unreached),
            6..8 => ("cut after", Fault::AnswerLost),
            8 => ("late before", Fault::ReachedLate),
            _ => ("late after", Fault::Unanswered),
        });
        *self.happened.entry(name).or_default() += 1;
        Some(fault)
    }
}

impl FaultyDynamoDb {
    /// An endpoint in front of the one at `behind`, for requests that are part of `traffic`, without faults so far.
    pub(crate) async fn start(behind: SocketAddr, traffic: Arc<Traffic>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faulty = Self {
            address,
            faults: Arc::default(),
            unanswered: Arc::default(),
            weather: Arc::default(),
            answers: Arc::default(),
            underway: Arc::default(),
            traffic,
        };
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

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the faults of the next calls, one each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Waits until a call that is never answered has taken effect.
    pub async fn left_unanswered(&self) {
        self.unanswered.notified().await;
    }

    /// The number of faults that are still to happen.
    pub fn left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    /// Lets a `share` of calls, 0 to 1, meet faults by chance, as `seed` has it, until [`FaultyDynamoDb::calm`].
    pub fn storm(&self, seed: u64, share: f64) {
        self.traffic.stormy.store(true, Ordering::Relaxed);
        *self.weather.lock().unwrap() =
            Some(Weather { chance: fastrand::Rng::with_seed(seed), share, happened: Happened::new() });
    }

    /// Removes the faults that are still to happen.
    pub fn clear(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// Ends the storm and waits for the calls that DynamoDB has not answered, whose callers may be gone. Returns how
    /// often each fault happened.
    pub async fn calm(&self) -> Happened {
        let weather = self.weather.lock().unwrap().take();
        while let Some(passed) = self.underway.lock().await.join_next().await {
            passed.unwrap();
        }
        self.traffic.stormy.store(false, Ordering::Relaxed);
        weather.map(|weather| weather.happened).unwrap_or_default()
    }

    /// The answer to `request`, which is passed on after `delay` even if its caller has gone by then.
    async fn passed_on(
        &self,
        behind: SocketAddr,
        request: Request<Full<Bytes>>,
        delay: Duration,
    ) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let (sender, answer) = oneshot::channel();
        self.underway.lock().await.spawn(async move {
            tokio::time::sleep(delay).await;
            // Without a receiver there is nobody to tell.
            let _ = sender.send(pass_on(behind, request).await);
        });
        answer.await?
    }
}

async fn answer(
    faulty: FaultyDynamoDb,
    behind: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    // A function's start checks the endpoint's health, which is not a call of DynamoDB.
    if request.method() == Method::GET {
        let (parts, answer) = pass_on(behind, request).await?.into_parts();
        return Ok(Response::from_parts(parts, Full::new(answer)));
    }
    let mut fault = faulty.faults.lock().unwrap().pop_front();
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    // Parsed, so that the order of attributes does not matter: a client writes a key's attributes in any.
    let asked: Value = serde_json::from_slice(&body)?;
    if fault.is_none()
        && let Some(weather) = &mut *faulty.weather.lock().unwrap()
    {
        let action = parts.headers["x-amz-target"].to_str()?.rsplit('.').next().unwrap_or_default();
        fault = weather.fault(action, &asked);
    }
    match fault {
        Some(Fault::Refused(status, body)) => return Ok(made(status, body.to_string().into())),
        Some(Fault::Overtaken) => return Ok(made(200, faulty.answers.lock().unwrap()[&asked.to_string()].clone())),
        Some(Fault::Unreached) => return Err("the connection is cut".into()),
        _ => {}
    }
    let request = Request::from_parts(parts, Full::new(body));
    let delay = if let Some(Fault::ReachedLate) = fault { LATE } else { Duration::ZERO };
    let (parts, answer) = faulty.passed_on(behind, request, delay).await?.into_parts();
    match fault {
        Some(Fault::ReachedLate) => std::future::pending().await,
        Some(Fault::AnswerLost) => Err("the answer is lost".into()),
        Some(Fault::Unanswered) => {
            faulty.unanswered.notify_one();
            std::future::pending().await
        }
        _ => {
            if faulty.weather.lock().unwrap().is_none() {
                faulty.answers.lock().unwrap().insert(asked.to_string(), answer.clone());
            }
            Ok(Response::from_parts(parts, Full::new(answer)))
        }
    }
}

/// The answer of the DynamoDB at `behind`.
pub(crate) async fn pass_on<B>(
    behind: SocketAddr,
    request: Request<B>,
) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Error + Send + Sync,
{
    let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(behind).await?)).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
}

/// An answer that does not come from DynamoDB.
fn made(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
    response
}
