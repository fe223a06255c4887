//! The service on one machine under load: 64 connections that send mixed requests, compared with the same DynamoDB
//! calls made directly on an embedded DynamoDB by as many callers in one process.
//!
//! ```sh
//! cargo bench -p coaching-tests --bench load
//! SECONDS_OF_LOAD=600 cargo bench -p coaching-tests --bench load
//! ```
//!
//! The embedded DynamoDB answers one call at a time, and its transactions slow down with those of the last ten minutes.
//! So both sides make the same calls, each on a database of its own. The service runs in a process of its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a bench fails by panicking")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, WriteRequest,
};
use base64::Engine;
use coaching_edge::Clock;
use coaching_local::arguments::Options;
use coaching_local::{EmbeddedDynamoDb, Service, TABLE_NAME, TEMPLATE, TableDefinition, create_table};
use coaching_tests::{
    Call, Event, TestService, Trace, answer, below_support, number_asked, plan_name, session_name, usecase_name,
    user_name,
};
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;

/// With this argument the bench is the process of the service.
const SERVICE: &str = "--service";
const CONNECTIONS: usize = 64;
/// The number of agents, each with a plan and a session.
const AGENTS: usize = 100;
/// Stands in requests for the number of an agent who is not in the team.
const ANY: &str = "-099";
/// The agent of the requests as they are written, without replacement.
const AS_IT_IS: usize = 99;

fn main() {
    let service = std::env::args().any(|argument| argument == SERVICE);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if service { runtime.block_on(serve()) } else { runtime.block_on(measure()) }
}

async fn serve() {
    // The service's own DynamoDB answers only the service.
    let dynamodb = EmbeddedDynamoDb::start(None).unwrap();
    let options = Options {
        port: 0,
        data: PathBuf::new(),
        memory: true,
        dynamodb: Some(dynamodb.url()),
        cors_origins: Vec::new(),
        customer_claim: "customer".to_owned(),
        profiles_claim: "profiles".to_owned(),
        role_claim: "role".to_owned(),
        user_claim: "sub".to_owned(),
        no_demo: true,
        task: None,
    };
    let service = Service::start(&options).await.unwrap();
    println!("{}\n{}", service.url(), dynamodb.url());
    println!("{}\n{}", service.token("manager").unwrap(), service.token("service").unwrap());
    // Runs until the bench ends.
    tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await.unwrap().unwrap();
}

/// A kind of request, and its share in percent.
struct Kind {
    name: &'static str,
    share: usize,
    event: Event,
}

fn kinds() -> Vec<Kind> {
    let kind = |name, share, event| Kind { name, share, event };
    let progress = json!({
        "usecaseNames": [usecase_name("care")],
        "groupNames": ["customers/acme/groups/team"],
        "orderBy": "ORDER_BY_GAP",
    });
    let session = json!({
        "agentUserName": user_name(&format!("agent{ANY}")),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(&format!("plan{ANY}")),
        "usecaseName": usecase_name("care"),
        "sessionTime": "2026-06-02T15:00:00Z",
        "meetingNotes": "Listened to two calls together.",
    });
    vec![
        kind("get-session", 34, Event::get(&format!("coachingSessions/session{ANY}"))),
        kind("list-sessions", 16, Event::get("coachingSessions").with("pageSize", "50")),
        kind(
            "list-sessions of an agent",
            16,
            Event::get("coachingSessions").with("agentUserName", &user_name(&format!("agent{ANY}"))),
        ),
        kind("get-plan", 20, Event::get(&format!("coachingPlans/plan{ANY}"))),
        kind("retrieve-progress", 10, Event::post("coachingProgresses:retrieve", progress)),
        kind("create-session", 4, Event::post("coachingSessions", session)),
    ]
}

async fn measure() {
    let seconds = Duration::from_secs(number_asked("SECONDS_OF_LOAD", 60));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(SERVICE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let (url, dynamodb_url, manager, importer) = (line(), line(), line(), line());
    let address = url.trim_start_matches("http://").to_owned();
    prepare(&address, &importer).await;

    let kinds = Arc::new(kinds());
    let mut service = TestService::of(&dynamodb_url, TABLE_NAME);
    service.app.clock = Clock::system();
    let recorded = Arc::new(record(&service, &kinds).await);
    let embedded = EmbeddedDynamoDb::start(None).unwrap();
    copy_table(&service, &embedded.client()).await;

    println!("\n{CONNECTIONS} connections for {} s, and the same calls made directly.\n", seconds.as_secs());
    let directly = async || {
        let caller = Direct { client: embedded.client(), recorded: Arc::clone(&recorded) };
        run(vec![caller; CONNECTIONS], &kinds, seconds / 2).await
    };
    let before = directly().await;
    let token = Arc::new(format!("Bearer {manager}"));
    let callers = (0..CONNECTIONS).map(|_| Connection::open(&address, &token, &kinds));
    let served = run(join_all(callers).await, &kinds, seconds).await;
    let after = directly().await;
    let direct = (before.per_second() + after.per_second()) / 2.0;
    let ratio = served.per_second() / direct;

    println!("| request | share | requests | p50 | p90 | p99 | p99.9 | most |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut all = Histogram::<u64>::new(3).unwrap();
    for (kind, histogram) in kinds.iter().zip(&served.latencies) {
        print_latencies(kind.name, &format!("{} %", kind.share), histogram);
        all.add(histogram).unwrap();
    }
    print_latencies("all", "100 %", &all);
    println!(
        "\nNo error. {:.0} requests a second served, {direct:.0} directly ({:.0} before, {:.0} after): {ratio:.2}.",
        served.per_second(),
        before.per_second(),
        after.per_second()
    );
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(ratio >= 0.7, "{ratio:.2} of what the same calls reach directly; it must be 0.7 or more");
}

fn print_latencies(name: &str, share: &str, histogram: &Histogram<u64>) {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "| {name} | {share} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
        histogram.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// The results of many concurrent callers.
struct Ran {
    /// Times by kind, in microseconds.
    latencies: Vec<Histogram<u64>>,
    took: Duration,
}

impl Ran {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn per_second(&self) -> f64 {
        self.latencies.iter().map(Histogram::len).sum::<u64>() as f64 / self.took.as_secs_f64()
    }
}

/// One of many callers that send requests one after the other.
trait Caller: Send + 'static {
    /// Sends a request of the kind with this index, about an agent.
    fn send(&mut self, kind: usize, agent: usize) -> impl Future<Output = ()> + Send;
}

/// Lets each of `callers` send requests one after the other for `duration`.
async fn run<C: Caller>(callers: Vec<C>, kinds: &[Kind], duration: Duration) -> Ran {
    let choose = kinds.iter().enumerate().flat_map(|(kind, one)| vec![kind; one.share]);
    let choose = Arc::new(choose.collect::<Vec<_>>());
    let latencies = Arc::new(Mutex::new(vec![Histogram::<u64>::new(3).unwrap(); kinds.len()]));
    let started = Instant::now();
    let tasks = callers.into_iter().enumerate().map(|(seed, mut caller)| {
        let (choose, latencies) = (Arc::clone(&choose), Arc::clone(&latencies));
        tokio::spawn(async move {
            let mut chance = fastrand::Rng::with_seed(seed as u64);
            while started.elapsed() < duration {
                let kind = choose[chance.usize(..choose.len())];
                let sent = Instant::now();
                caller.send(kind, chance.usize(..AGENTS)).await;
                let took = u64::try_from(sent.elapsed().as_micros()).unwrap();
                latencies.lock().unwrap()[kind].record(took).unwrap();
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    let latencies = std::mem::take(&mut *latencies.lock().unwrap());
    Ran { latencies, took: started.elapsed() }
}

/// `text` for the agent with this number.
fn about(text: &str, agent: usize) -> String {
    text.replace(ANY, &format!("-{agent:03}"))
}

// --- through the service

/// One connection to the service.
struct Connection {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    address: String,
    token: Arc<String>,
    kinds: Arc<Vec<Kind>>,
}

impl Connection {
    async fn open(address: &str, token: &Arc<String>, kinds: &Arc<Vec<Kind>>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address: address.to_owned(), token: Arc::clone(token), kinds: Arc::clone(kinds) }
    }

    async fn ask(&mut self, event: &Event, agent: usize) {
        let (method, target, body) = event.as_http();
        let request = Request::builder()
            .method(method)
            .uri(about(&target, agent))
            .header("host", &self.address)
            .header("authorization", self.token.as_str())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(about(body, agent))))
            .unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{method} {target}: {}", String::from_utf8_lossy(&body));
    }
}

impl Caller for Connection {
    async fn send(&mut self, kind: usize, agent: usize) {
        let kinds = Arc::clone(&self.kinds);
        self.ask(&kinds[kind].event, agent).await;
    }
}

/// Fills the service with a hundred agents, their plans, sessions and scorecards.
async fn prepare(address: &str, importer: &str) {
    let token = Arc::new(format!("Bearer {importer}"));
    let mut connection = Connection::open(address, &token, &Arc::new(Vec::new())).await;
    let agents: Vec<String> = (0..AGENTS).map(|number| format!("agent-{number:03}")).collect();
    let mut users: Vec<Value> = agents.iter().map(|agent| coaching_tests::user(agent)).collect();
    users.push(json!({"name": user_name("maria"), "displayName": "Maria", "isActive": true, "roles": ["manager"]}));
    let members: Vec<String> = agents.iter().take(25).map(|agent| user_name(agent)).collect();
    let team = json!({"name": "customers/acme/groups/team", "displayName": "Team", "memberUserNames": members});
    let care = json!({"name": usecase_name("care"), "displayName": "Care"});
    let template = json!({
        "name": below_support("scorecardTemplates/quality"),
        "title": "Quality",
        "usecaseNames": [usecase_name("care")],
        "template": {"chapters": [{"chapterId": "opening", "criteria": [{"criterionId": "greeting", "maximumValue": 5}]}]},
    });
    let target = json!({
        "scorecardTemplateName": below_support("scorecardTemplates/quality"),
        "criterionOrChapterId": "greeting",
        "target": 80,
        "usecaseName": usecase_name("care"),
    });
    let day = |days| (chrono::Utc::now() - chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let numbered = |of: &dyn Fn(usize) -> Value| (0..AGENTS).map(of).collect::<Vec<Value>>();
    let plans = numbered(&|number| {
        json!({
            "name": plan_name(&format!("plan-{number:03}")),
            "agentUserName": user_name(&agents[number]),
            "creatorUserName": user_name("maria"),
            "isActive": true,
            "usecaseName": usecase_name("care"),
        })
    });
    let scorecards = numbered(&|number| {
        json!({
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(&agents[number]),
            "templateName": below_support("scorecardTemplates/quality"),
            "scores": [{"criterionId": "greeting", "numericValue": number % 6}],
            "submitTime": day(3 + number as i64 % 40),
        })
    });
    for event in [
        Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert"),
        Event::post("", json!({"groups": [team]})).to("/v1/customers/acme/groups:batchUpsert"),
        Event::post("usecases:batchUpsert", json!({"usecases": [care]})),
        Event::post("scorecardTemplates", template),
        Event::post("targets", target),
        Event::post("coachingPlans:batchUpsert", json!({"coachingPlans": plans})),
        Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards})),
    ] {
        connection.ask(&event, AS_IT_IS).await;
    }
    for (number, agent) in agents.iter().enumerate() {
        let session = json!({
            "name": session_name(&format!("session-{number:03}")),
            "agentUserName": user_name(agent),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name(&format!("plan-{number:03}")),
            "usecaseName": usecase_name("care"),
            "sessionTime": day(2),
            "meetingNotes": "Two calls; the greeting is better, the questions stay closed.",
        });
        connection.ask(&Event::post("coachingSessions", session), AS_IT_IS).await;
    }
}

// --- directly

/// Makes the calls of requests without the service.
#[derive(Clone)]
struct Direct {
    client: Client,
    recorded: Arc<Vec<Recorded>>,
}

/// The calls of one request, in rounds of concurrent calls, and the id of the record that it creates.
struct Recorded {
    rounds: Vec<Vec<Call>>,
    created: Option<String>,
}

/// The service's calls for each kind of request.
async fn record(service: &TestService, kinds: &[Kind]) -> Vec<Recorded> {
    let mut recorded = Vec::new();
    for kind in kinds {
        let event = kind.event.to_json();
        let operation = kind.event.operation();
        let (answered, trace) = Trace::of(service, async |app| answer(operation, &app, event).await).await;
        assert_eq!(answered.status, 200, "{}: {}", kind.name, answered.body);
        let mut rounds: Vec<Vec<Call>> = vec![Vec::new(); trace.calls_in_sequence];
        for call in trace.calls {
            rounds[call.round].push(call);
        }
        let created = answered.body["coachingSession"]["name"].as_str().filter(|_| kind.name == "create-session");
        let created = created.map(|name| name.rsplit('/').next().unwrap().to_owned());
        recorded.push(Recorded { rounds, created });
    }
    recorded
}

/// Copies the service's table, so that both sides start with the same items.
async fn copy_table(service: &TestService, client: &Client) {
    let definition = TableDefinition::of_template(TEMPLATE).unwrap();
    assert!(create_table(client, TABLE_NAME, &definition).await.unwrap());
    let puts: Vec<WriteRequest> = service
        .items()
        .await
        .into_values()
        .map(|item| {
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    for puts in puts.chunks(25) {
        client.batch_write_item().request_items(TABLE_NAME, puts.to_vec()).send().await.unwrap();
    }
}

impl Caller for Direct {
    async fn send(&mut self, kind: usize, agent: usize) {
        let recorded = Arc::clone(&self.recorded);
        let Recorded { rounds, created } = &recorded[kind];
        let new = uuid::Uuid::new_v4().to_string();
        for calls in rounds {
            let calls = calls.iter().map(|call| {
                let mut request = about(&call.request.to_string(), agent);
                if let Some(created) = created {
                    request = request.replace(created.as_str(), &new);
                }
                repeat(&self.client, &call.action, serde_json::from_str(&request).unwrap())
            });
            join_all(calls).await;
        }
    }
}

/// Repeats a recorded call.
async fn repeat(client: &Client, action: &str, request: Value) {
    let table = TABLE_NAME;
    match action {
        "GetItem" => {
            let get = client.get_item().table_name(table).set_key(Some(attributes(&request["Key"])));
            let get = get.set_consistent_read(request["ConsistentRead"].as_bool());
            get.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        }
        "Query" => {
            let query = client
                .query()
                .table_name(table)
                .set_index_name(request["IndexName"].as_str().map(str::to_owned))
                .set_key_condition_expression(request["KeyConditionExpression"].as_str().map(str::to_owned))
                .set_filter_expression(request["FilterExpression"].as_str().map(str::to_owned))
                .set_projection_expression(request["ProjectionExpression"].as_str().map(str::to_owned))
                .set_scan_index_forward(request["ScanIndexForward"].as_bool())
                .set_expression_attribute_names(names(&request))
                .set_expression_attribute_values(values(&request))
                .set_limit(request["Limit"].as_i64().map(|limit| i32::try_from(limit).unwrap()));
            query.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        }
        "BatchGetItem" => {
            let asked = request["RequestItems"].as_object().unwrap().values().next().unwrap();
            let keys = asked["Keys"].as_array().unwrap().iter().map(attributes).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys));
            let keys = keys.set_consistent_read(asked["ConsistentRead"].as_bool()).build().unwrap();
            let batch = client.batch_get_item().request_items(table, keys);
            batch.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        }
        "TransactWriteItems" => {
            let writes = request["TransactItems"].as_array().unwrap().iter().map(write).collect();
            let transaction = client.transact_write_items().set_transact_items(Some(writes));
            transaction.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        }
        other => panic!("{other}"),
    }
}

/// One write of a recorded transaction.
fn write(write: &Value) -> TransactWriteItem {
    let (kind, of) = write.as_object().unwrap().iter().next().unwrap();
    let condition = of["ConditionExpression"].as_str().map(str::to_owned);
    let on_failure = of["ReturnValuesOnConditionCheckFailure"].as_str().map(ReturnValuesOnConditionCheckFailure::from);
    let write = TransactWriteItem::builder();
    match kind.as_str() {
        "Put" => {
            let put = Put::builder().table_name(TABLE_NAME).set_item(Some(attributes(&of["Item"])));
            let put = put.set_condition_expression(condition).set_return_values_on_condition_check_failure(on_failure);
            let put = put.set_expression_attribute_names(names(of)).set_expression_attribute_values(values(of));
            write.put(put.build().unwrap()).build()
        }
        "Update" => {
            let update = Update::builder().table_name(TABLE_NAME).set_key(Some(attributes(&of["Key"])));
            let update = update
                .set_update_expression(of["UpdateExpression"].as_str().map(str::to_owned))
                .set_condition_expression(condition)
                .set_return_values_on_condition_check_failure(on_failure)
                .set_expression_attribute_names(names(of))
                .set_expression_attribute_values(values(of));
            write.update(update.build().unwrap()).build()
        }
        "Delete" => {
            let delete = Delete::builder().table_name(TABLE_NAME).set_key(Some(attributes(&of["Key"])));
            write.delete(delete.set_condition_expression(condition).build().unwrap()).build()
        }
        other => panic!("{other}"),
    }
}

fn names(request: &Value) -> Option<HashMap<String, String>> {
    let names = request["ExpressionAttributeNames"].as_object()?.iter();
    Some(names.map(|(name, attribute)| (name.clone(), attribute.as_str().unwrap().to_owned())).collect())
}

fn values(request: &Value) -> Option<HashMap<String, AttributeValue>> {
    request.get("ExpressionAttributeValues").map(attributes)
}

fn attributes(item: &Value) -> HashMap<String, AttributeValue> {
    let item: &Map<String, Value> = item.as_object().unwrap();
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// An attribute as it was on the wire.
fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(value.as_str().unwrap().to_owned()),
        "N" => AttributeValue::N(value.as_str().unwrap().to_owned()),
        "B" => AttributeValue::B(Blob::new(base64::prelude::BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(attributes(value)),
        other => panic!("{other}"),
    }
}
