//! The calls of DynamoDB behind one request, as they went over the wire: the request and the answer of each, and how
//! many rounds of parallel calls they take.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use coaching_edge::App;
use coaching_local::client_at;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::TestService;
use crate::faults::pass_on;

tokio::task_local! {
    static TRACE: Arc<Tracing>;
}

/// The attributes that put an item into an index: its partition and its order there.
const INDEXES: [(&str, &str); 7] = [
    ("profile_list", "list_order"),
    ("agent_list", "list_order"),
    ("plan_list", "list_order"),
    ("usecase_list", "list_order"),
    ("open_list", "list_order"),
    ("profile_list", "session_time_order"),
    ("profile_list", "update_time_order"),
];

/// One call of DynamoDB.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// The action, such as `GetItem`.
    pub action: String,
    /// The request.
    pub request: Value,
    /// The answer.
    pub response: Value,
    /// The bytes of the request's body.
    pub bytes_out: usize,
    /// The bytes of the response's body.
    pub bytes_in: usize,
    /// The number of rounds of parallel calls that ended before it began.
    pub round: usize,
}

/// The trace of one request.
#[derive(Debug, Default)]
pub struct Trace {
    /// Its calls, in the order in which they began.
    pub calls: Vec<Call>,
    /// The number of calls that waited one for the other, if every call takes equally long.
    pub calls_in_sequence: usize,
    ended: usize,
    /// The number of answers that are held back until all calls under way are answered.
    held: usize,
}

#[derive(Debug, Default)]
struct Tracing {
    trace: Mutex<Trace>,
    /// Notified when a call ends or an answer is held.
    changed: Notify,
    released: Notify,
}

impl Trace {
    /// Traces `work`, which gets the state of `service`. It must run on one thread.
    ///
    /// Answers of DynamoDB are held back until all calls under way are answered, and then released together. So calls
    /// that begin in parallel end in parallel, however busy the machine is.
    pub async fn of<T>(service: &TestService, work: impl AsyncFnOnce(App) -> T) -> (T, Self) {
        let tracing = Arc::new(Tracing::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = service.reached_by(&client_at(&format!("http://{}", listener.local_addr().unwrap())));
        let behind = service.dynamodb_address();
        let shared = Arc::clone(&tracing);
        let proxy = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tracing = Arc::clone(&shared);
                let answer = service_fn(move |request: Request<Incoming>| {
                    let tracing = Arc::clone(&tracing);
                    async move {
                        let response = pass_on(behind, request).await?;
                        tracing.hold().await;
                        Ok::<Response<Full<Bytes>>, BoxError>(response.map(Full::new))
                    }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        let shared = Arc::clone(&tracing);
        let releaser = tokio::spawn(async move {
            loop {
                shared.changed.notified().await;
                shared.release();
            }
        });
        let outcome = TRACE.scope(Arc::clone(&tracing), work(app)).await;
        proxy.abort();
        releaser.abort();
        let trace = std::mem::take(&mut *tracing.trace.lock().unwrap());
        (outcome, trace)
    }
}

impl Tracing {
    async fn hold(&self) {
        let released = self.released.notified();
        self.trace.lock().unwrap().held += 1;
        self.changed.notify_one();
        released.await;
    }

    fn release(&self) {
        let mut trace = self.trace.lock().unwrap();
        if trace.held > 0 && trace.held == trace.calls.len() - trace.ended {
            trace.held = 0;
            trace.calls_in_sequence += 1;
            self.released.notify_waiters();
        }
    }
}

/// Notes something in the trace under way, if there is one.
fn note<T>(note: impl FnOnce(&mut Trace) -> T) -> Option<T> {
    TRACE.try_with(|tracing| note(&mut tracing.trace.lock().unwrap())).ok()
}

/// The index of a call in its trace.
#[derive(Debug)]
struct Place(usize);

impl Storable for Place {
    type Storer = StoreReplace<Self>;
}

/// Writes the trace of the request under way.
#[derive(Debug)]
pub(crate) struct Tracer;

impl Intercept for Tracer {
    fn name(&self) -> &'static str {
        "Tracer"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let place = note(|trace| {
            trace.calls.push(Call { round: trace.calls_in_sequence, ..Call::default() });
            trace.calls.len() - 1
        });
        if let Some(place) = place {
            bag.interceptor_state().store_put(Place(place));
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Place(place)) = bag.load::<Place>() else { return Ok(()) };
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap();
        let body = request.body().bytes().unwrap();
        note(|trace| {
            let call = &mut trace.calls[*place];
            call.action = target.rsplit('.').next().unwrap().to_owned();
            call.request = serde_json::from_slice(body).unwrap();
            call.bytes_out = body.len();
        });
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Place(place)) = bag.load::<Place>() else { return Ok(()) };
        let body = context.response().body().bytes().unwrap();
        note(|trace| {
            let call = &mut trace.calls[*place];
            call.response = serde_json::from_slice(body).unwrap();
            call.bytes_in = body.len();
        });
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if bag.load::<Place>().is_some() {
            note(|trace| trace.ended += 1);
            let _ = TRACE.try_with(|tracing| tracing.changed.notify_one());
        }
        Ok(())
    }
}

/// The read units and the write units that DynamoDB charged for `calls`.
pub fn units_charged(calls: &[Call]) -> (f64, f64) {
    let (mut read, mut write) = (0.0, 0.0);
    for call in calls {
        let consumed = &call.response["ConsumedCapacity"];
        let tables = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed.clone()]);
        let units: f64 = tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
        *if matches!(call.action.as_str(), "GetItem" | "BatchGetItem" | "Query") { &mut read } else { &mut write } +=
            units;
    }
    (read, write)
}

/// The items of a table, by their keys.
type Items = BTreeMap<String, HashMap<String, AttributeValue>>;

/// The fewest read units for the data that `calls` were answered: each item up to the next 4 KB, those of a range
/// together; half of that for reads that may miss the last second. Of `items` that are answered in part, DynamoDB
/// charges all.
pub fn least_read_units(calls: &[Call], items: &Items) -> f64 {
    let whole = |part: &Value| {
        let of_part = |item: &&HashMap<String, AttributeValue>| {
            part.as_object().unwrap().iter().all(|(name, value)| match value["S"].as_str() {
                Some(text) => item.get(name).and_then(|value| value.as_s().ok()).is_some_and(|whole| whole == text),
                None => item.contains_key(name),
            })
        };
        bytes_of(items.values().find(of_part).unwrap())
    };
    let units = |bytes: usize| f64::from(u32::try_from(bytes.div_ceil(4096)).unwrap());
    let mut least = 0.0;
    for Call { action, request, response, .. } in calls {
        let sizes = |items: &Value| items.as_array().map(|items| items.iter().map(item_bytes).collect::<Vec<_>>());
        let (units, asked) = match action.as_str() {
            "GetItem" => (response.get("Item").map_or(0.0, |item| units(item_bytes(item))), request),
            "Query" if request.get("ProjectionExpression").is_some() => {
                (units(response["Items"].as_array().unwrap().iter().map(whole).sum()), request)
            }
            "Query" => (units(sizes(&response["Items"]).unwrap().iter().sum()), request),
            "BatchGetItem" => {
                let (table, asked) = request["RequestItems"].as_object().unwrap().iter().next().unwrap();
                let sizes = sizes(&response["Responses"][table]).unwrap_or_default();
                (sizes.into_iter().map(units).sum(), asked)
            }
            _ => continue,
        };
        least += if asked["ConsistentRead"] == true { units } else { units / 2.0 };
    }
    least
}

/// The fewest write units to get from the items `before` to those `after`: each that differs up to the next KB, twice
/// in a transaction, and once more in each index that holds it.
pub fn least_write_units(calls: &[Call], before: &Items, after: &Items) -> f64 {
    let transactional = if calls.iter().any(|call| call.action == "TransactWriteItems") { 2 } else { 1 };
    let mut units = 0;
    for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))) {
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        let kilobytes = |item: &HashMap<String, AttributeValue>| bytes_of(item).div_ceil(1024);
        let larger = old.into_iter().chain(new).map(kilobytes).max().unwrap_or(0);
        units += transactional * larger;
        for (partition, order) in INDEXES {
            let place = |item: Option<&HashMap<String, AttributeValue>>| {
                item.and_then(|item| Some((item.get(partition)?.clone(), item.get(order)?.clone())))
            };
            units += match (place(old), place(new)) {
                (None, None) => 0,
                (Some(left), Some(entered)) if left != entered => old.into_iter().chain(new).map(kilobytes).sum(),
                _ => larger,
            };
        }
    }
    f64::from(u32::try_from(units).unwrap())
}

/// The bytes of an item as DynamoDB counts them.
pub fn bytes_of(item: &HashMap<String, AttributeValue>) -> usize {
    fn of(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => number_bytes(digits),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
            AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + of(value)).sum::<usize>(),
            AttributeValue::M(values) => {
                3 + values.iter().map(|(name, value)| name.len() + 1 + of(value)).sum::<usize>()
            }
            other => panic!("{other:?}"),
        }
    }
    item.iter().map(|(name, value)| name.len() + of(value)).sum()
}

fn number_bytes(digits: &str) -> usize {
    digits.len().div_ceil(2) + 1
}

/// The same for an item in its wire form.
fn item_bytes(item: &Value) -> usize {
    fn of(value: &Value) -> usize {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "S" => value.as_str().unwrap().len(),
            "N" => number_bytes(value.as_str().unwrap()),
            "B" => value.as_str().unwrap().trim_end_matches('=').len() * 3 / 4,
            "BOOL" | "NULL" => 1,
            "L" => 3 + value.as_array().unwrap().iter().map(|value| 1 + of(value)).sum::<usize>(),
            "M" => 3 + value.as_object().unwrap().iter().map(|(name, value)| name.len() + 1 + of(value)).sum::<usize>(),
            other => panic!("{other}"),
        }
    }
    item.as_object().unwrap().iter().map(|(name, value)| name.len() + of(value)).sum()
}
