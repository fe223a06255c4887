//! Shared by the tests: a service on its own embedded DynamoDB, events, and a host for the binaries.
//!
//! Everything here panics if it cannot do its work, which makes the test fail.

mod activity;
mod collector;
mod event;
mod faults;
mod full_statistics;
mod lambda_host;
mod record;
mod replay;
mod table;
mod tls;
mod trace;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest};
use chrono::TimeDelta;
use coaching_domain::Timestamp;
use coaching_edge::{
    App, Clock, ColdStart, Files, MAX_ANSWER_BYTES, Operation, PageTokens, Task, lambda_response, passed_on, respond,
};
use coaching_local::{
    EmbeddedDynamoDb, LocalFiles, TABLE_NAME, TEMPLATE, TableDefinition, client_at, create_table, start_demo_jobs,
};
use coaching_store::{ConsumedCapacity, Store};
use flate2::read::GzDecoder;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use faults::HURRIED;
use record::Traffic;

pub use activity::{activity, agent_counts};
pub use collector::Collector;
pub use event::{Event, body_of, event_file, event_files};
pub use faults::{Fault, FaultyDynamoDb};
pub use full_statistics::{MOST_STATISTICS_BYTES, filled};
pub use lambda_host::{LambdaHost, refuses_to_start};
pub use record::{Right, RightsUsed, logged, rights_used, suite_is_recorded};
pub use replay::{Case, Replayed, Target, replay, replay_every_event};
pub use table::{read_table, rows_by_column};
pub use tls::TlsEndpoint;
pub use trace::{Call, Trace, bytes_of, least_read_units, least_write_units, units_charged};

/// The page token secret of the tests.
pub const PAGE_TOKEN_SECRET: &str = "the page token secret of the tests";

/// The environment variable that names another DynamoDB for the tests to run on, each in a table of its
/// own, such as `http://127.0.0.1:8000`. It must take any credentials.
///
/// Three things stay with the embedded one: `tests/local.rs`, which tests the service with its own database file,
/// stopped and killed; `tests/units.rs`, because others report units of their own (ministack half a unit for any
/// query); and the capacity that batches of reads consumed, if the other does not report it
/// ([`TestService::tells_units_of_batches`]).
const DYNAMODB_ENDPOINT: &str = "DYNAMODB_ENDPOINT";

/// The users in the directory of every table, with their roles.
const DIRECTORY: [(&str, &str); 6] = [
    ("maria", "manager"),
    ("mark", "manager"),
    ("max", "manager"),
    ("mike", "manager"),
    ("ana", "agent"),
    ("ben", "agent"),
];
/// The number of items in a table that is otherwise empty: those, and the counts of the two agents.
pub const ITEMS_OF_DIRECTORY: usize = DIRECTORY.len() + 2;

/// The time at which the tests' own clock starts.
pub const NOW: &str = "2026-06-01T12:00:00Z";

/// The service on an embedded DynamoDB of its own, with a clock that stands until it is moved.
#[derive(Debug)]
pub struct TestService {
    /// The state that operations work with.
    pub app: App,
    /// The files that jobs made.
    pub files: LocalFiles,
    /// The list of erasures.
    pub erasures: LocalFiles,
    client: Client,
    dynamodb_url: String,
    table: String,
    moved_ms: Arc<AtomicI64>,
    traffic: Arc<Traffic>,
    /// Stopped with the test; `None` if the suite runs on another DynamoDB.
    _embedded: Option<EmbeddedDynamoDb>,
}

/// An answer of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

/// What `work` makes of each of `entries`, in their order. As many tasks work side by side as there are cores.
pub async fn on_all_cores<T, F>(entries: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let cores = std::thread::available_parallelism().unwrap().get();
    let tasks = futures_util::stream::iter(entries).map(|entry| tokio::spawn(work(entry)));
    tasks.buffered(cores).map(Result::unwrap).collect().await
}

impl TestService {
    /// A service with a table that is empty but for a small directory: the managers `maria`, `mark`, `max` and
    /// `mike`, the agents `ana` and `ben`.
    pub async fn start() -> Self {
        match std::env::var(DYNAMODB_ENDPOINT) {
            Ok(url) => Self::on(&url).await,
            Err(_) => Self::embedded().await,
        }
    }

    /// A service with an empty table on the embedded DynamoDB, whatever the suite runs on: for tests of consumed units.
    pub async fn embedded() -> Self {
        let embedded = EmbeddedDynamoDb::start(None).unwrap();
        Self::with_table(embedded.url(), TABLE_NAME.to_owned(), Some(embedded)).await
    }

    /// A service with an empty table of its own on the DynamoDB at `url`, which takes any credentials.
    pub async fn on(url: &str) -> Self {
        Self::with_table(url.to_owned(), format!("coaching-{}", Uuid::new_v4()), None).await
    }

    /// The table holds only the directory's entries: [`DIRECTORY`], without the records of agents that progress is read
    /// from.
    async fn with_table(dynamodb_url: String, table: String, embedded: Option<EmbeddedDynamoDb>) -> Self {
        // Reading the template takes longer than creating a table.
        static DEFINITION: LazyLock<TableDefinition> = LazyLock::new(|| {
            let mut definition = TableDefinition::of_template(TEMPLATE).unwrap();
            // Items would expire by DynamoDB's clock, which is not the tests'.
            definition.time_to_live_specification.enabled = false;
            definition
        });
        assert!(create_table(&client_at(&dynamodb_url), &table, &DEFINITION).await.unwrap());
        let service = Self { _embedded: embedded, ..Self::of(&dynamodb_url, &table) };
        service.put(&DIRECTORY.map(|(id, role)| directory_item(id, role))).await;
        for (id, _) in DIRECTORY.iter().filter(|(_, role)| *role == "agent") {
            service.count(id).await;
        }
        service
    }

    /// Writes `items`, replacing those of the same keys.
    pub async fn put(&self, items: &[HashMap<String, AttributeValue>]) {
        // As many as DynamoDB takes in one call.
        for items in items.chunks(25) {
            let puts = items.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            });
            let written = self.client.batch_write_item().request_items(&self.table, puts.collect()).send();
            assert!(written.await.unwrap().unprocessed_items.unwrap_or_default().is_empty());
        }
    }

    /// Adds `agent` to the directory, if they are not there: an agent of `support`, without the record that progress is
    /// read from.
    async fn enter(&self, agent: &str) {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(directory_item(agent, "agent")));
        match put.condition_expression("attribute_not_exists(PK)").send().await.map_err(SdkError::into_service_error) {
            Ok(_) => self.count(agent).await,
            Err(PutItemError::ConditionalCheckFailedException(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Counts `agent` among the active agents of `support`.
    async fn count(&self, agent: &str) {
        self.count_in(activity::share(agent), 1).await;
    }

    /// Counts so many active agents of `support` more, of whom there is nothing else.
    pub async fn count_further(&self, agents: u32) {
        self.count_in(0, agents).await;
    }

    async fn count_in(&self, share: u32, agents: u32) {
        let update = self.client.update_item().table_name(&self.table);
        let update = update.key("PK", AttributeValue::S("acme##agent-counts".to_owned()));
        let update = update.key("SK", AttributeValue::S(format!("{share:02}")));
        let update =
            update.update_expression("ADD #support :more").expression_attribute_names("#support", "profile#support");
        update.expression_attribute_values(":more", AttributeValue::N(agents.to_string())).send().await.unwrap();
    }

    /// A service on an existing table.
    pub fn of(dynamodb_url: &str, table: &str) -> Self {
        record::listen();
        let client = client_at(dynamodb_url);
        let traffic = Arc::default();
        let moved_ms = Arc::new(AtomicI64::new(0));
        let told = Arc::clone(&moved_ms);
        let start = Timestamp::parse(NOW).unwrap();
        let files = LocalFiles::in_memory(PAGE_TOKEN_SECRET, "http://127.0.0.1:3000");
        let erasures = LocalFiles::in_memory(PAGE_TOKEN_SECRET, "http://127.0.0.1:3000");
        let app = App {
            store: Store::new(recording(&client, &traffic), table),
            files: Files::in_storage(files.clone()),
            erasures: Files::in_storage(erasures.clone()),
            page_tokens: PageTokens::new(PAGE_TOKEN_SECRET, None).unwrap(),
            claim_names: Arc::default(),
            clock: Clock::telling(move || start.plus(TimeDelta::milliseconds(told.load(Ordering::Relaxed)))),
            answer_within: Duration::from_secs(60),
            write_within: Duration::from_secs(59),
            cold_start: ColdStart::default(),
        };
        let (dynamodb_url, table) = (dynamodb_url.to_owned(), table.to_owned());
        Self { app, files, erasures, client, dynamodb_url, table, moved_ms, traffic, _embedded: None }
    }

    /// The same table, reached through an endpoint with faults.
    pub async fn behind_faults(&self) -> (App, FaultyDynamoDb) {
        let faulty = FaultyDynamoDb::start(self.dynamodb_address(), Arc::clone(&self.traffic)).await;
        // As many attempts as usual, one right after the other.
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let config = client_at(&faulty.url()).config().to_builder().retry_config(retries);
        (self.reached_by(&Client::from_conf(config.build())), faulty)
    }

    /// As [`TestService::behind_faults`], with a client that does not wait for answers that are late, and a clock that no
    /// two requests find at the same time.
    pub async fn behind_late_answers(&self) -> (App, FaultyDynamoDb) {
        let (_, faulty) = self.behind_faults().await;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(HURRIED).operation_timeout(5 * HURRIED);
        let config = client_at(&faulty.url()).config().to_builder().timeout_config(timeouts.build());
        let (app, asked) = (self.app.clone(), AtomicI64::new(0));
        let later = move || TimeDelta::milliseconds(asked.fetch_add(1, Ordering::Relaxed));
        let clock = Clock::telling(move || app.now().unwrap().plus(later()));
        (App { clock, ..self.reached_by(&Client::from_conf(config.build())) }, faulty)
    }

    /// The same table, reached by `client`, with a meter of its own.
    pub(crate) fn reached_by(&self, client: &Client) -> App {
        App { store: Store::new(recording(client, &self.traffic), &self.table), ..self.app.clone() }
    }

    pub(crate) fn dynamodb_address(&self) -> SocketAddr {
        self.dynamodb_url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// A service with a little of everything under `acme`, `support`: managers, agents `ana` and `ben` in the
    /// group `team`, their plans `ana-plan` and `ben-plan`, the usecase `care`, the template `quality`
    /// with weekly evaluation periods, the organisation's `greeting-target` of 80, and of `ana` the scorecards `draft-1` and
    /// `submitted-1`, the sessions `scheduled-1`, `held-1` and `submitted-1`, and on her plan the comment
    /// `first` of the manager `maria`; and of `maria` the jobs `export-1`, which no worker has begun, and `cancelled-1`.
    pub async fn seeded() -> Self {
        // Requests write it once; further tables get copies of the items.
        static ITEMS: OnceCell<Vec<HashMap<String, AttributeValue>>> = OnceCell::const_new();
        let items = ITEMS.get_or_init(async || {
            let first = Self::start().await;
            first.seed().await;
            first.items().await.into_values().collect()
        });
        let service = Self::start().await;
        service.put(items.await).await;
        service
    }

    /// Writes the content of [`TestService::seeded`].
    pub async fn seed(&self) {
        self.directory(&["ana", "ben"]).await;
        let care = json!({"usecaseName": usecase_name("care")});
        self.plan_with("ana-plan", "ana", care.clone()).await;
        self.plan_with("ben-plan", "ben", care).await;
        self.quality().await;
        let target = json!({
            "name": below_support("targets/greeting-target"),
            "scorecardTemplateName": below_support("scorecardTemplates/quality"),
            "criterionOrChapterId": "greeting",
            "target": 80,
            "usecaseName": usecase_name("care"),
        });
        self.succeed(&Event::post("targets", target)).await;
        for (id, submit_time) in [("draft-1", Value::Null), ("submitted-1", json!("2026-05-20T10:00:00Z"))] {
            let scores =
                json!([{"criterionId": "greeting", "numericValue": 3}, {"criterionId": "privacy", "numericValue": 1}]);
            let scorecard = json!({
                "name": below_support(&format!("scorecards/{id}")),
                "conversationName": below_support("conversations/call"),
                "agentUserName": user_name("ana"),
                "templateName": below_support("scorecardTemplates/quality"),
                "scores": scores,
                "createTime": "2026-05-20T09:00:00Z",
                "submitTime": submit_time,
            });
            self.succeed(&Event::post("scorecards", scorecard).by("service", "sync@acme")).await;
        }
        for (id, more) in [
            ("scheduled-1", json!({"sessionTime": "2026-06-08T10:00:00Z"})),
            (
                "held-1",
                json!({"sessionTime": "2026-05-25T10:00:00Z", "meetingNotes": "Two calls.", "privateNotes": "Tired."}),
            ),
            (
                "submitted-1",
                json!({
                    "sessionTime": "2026-05-26T10:00:00Z",
                    "meetingNotes": "One call.",
                    "managerSubmitTime": "2026-05-26T11:00:00Z",
                }),
            ),
        ] {
            let mut session = json!({
                "name": session_name(id),
                "agentUserName": user_name("ana"),
                "creatorUserName": user_name("maria"),
                "coachingPlanName": plan_name("ana-plan"),
                "createTime": "2026-05-20T09:00:00Z",
            });
            merge(&mut session, more);
            self.succeed(&Event::post("coachingSessions", session).by("service", "sync@acme")).await;
        }
        let comment = json!({
            "name": below_support("coachingComments/first"),
            "creatorUserName": user_name("maria"),
            "coachingPlanName": plan_name("ana-plan"),
            "message": "How is it going?",
        });
        self.succeed(&Event::post("coachingComments", comment)).await;
        let [start, end] = ["2026-05-01T00:00:00Z", NOW].map(|time| Timestamp::parse(time).unwrap());
        // Late enough that it has not expired for a binary either, whose clock is the machine's.
        let cancelled = Timestamp::parse("2099-01-01T00:00:00Z").unwrap();
        start_demo_jobs(&self.app, start..end, cancelled).await.unwrap();
    }

    /// Sends `event`, which must succeed.
    pub async fn succeed(&self, event: &Event) -> Value {
        let answered = self.send(event).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.body
    }

    /// Lists `managers` in the directory, of all profiles.
    pub async fn managers(&self, managers: &[&str]) {
        let users = managers.iter().map(|id| {
            json!({"name": user_name(id), "displayName": format!("Manager {id}"), "isActive": true, "roles": ["manager"]})
        });
        let users: Vec<Value> = users.collect();
        let load = Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
        self.succeed(&load.by("service", "sync@acme")).await;
    }

    /// Lists `agents` in the directory, in the profile `support`, all in the group `team`, which `maria` leads; and the
    /// usecase `care`.
    pub async fn directory(&self, agents: &[&str]) {
        let users: Vec<Value> = agents.iter().map(|agent| user(agent)).collect();
        let sync = |path: &str, body: Value| Event::post("", body).to(path).by("service", "sync@acme");
        self.succeed(&sync("/v1/customers/acme/users:batchUpsert", json!({"users": users}))).await;
        let members: Vec<String> = agents.iter().map(|agent| user_name(agent)).collect();
        let team = json!({
            "name": "customers/acme/groups/team",
            "displayName": "Team",
            "memberUserNames": members,
            "managerUserNames": [user_name("maria")],
        });
        self.succeed(&sync("/v1/customers/acme/groups:batchUpsert", json!({"groups": [team]}))).await;
        self.usecase().await;
    }

    /// Lists the usecase `care`.
    pub async fn usecase(&self) {
        self.usecases(&["care"]).await;
    }

    /// Lists the usecases `ids`.
    pub async fn usecases(&self, ids: &[&str]) {
        let usecases: Vec<Value> =
            ids.iter().map(|id| json!({"name": usecase_name(id), "displayName": format!("Usecase {id}")})).collect();
        let load = Event::post("usecases:batchUpsert", json!({"usecases": usecases}));
        self.succeed(&load.by("service", "sync@acme")).await;
    }

    /// Creates the template `id`: a chapter `opening` with the criteria `greeting` (0 to 5) and
    /// `listening` (0 to 5, weight 2), and a chapter `duty` with the auto-fail criterion `privacy`.
    pub async fn template(&self, id: &str, more: Value) {
        let mut template = json!({
            "name": below_support(&format!("scorecardTemplates/{id}")),
            "title": "Quality",
            "usecaseNames": [usecase_name("care")],
            "template": {"chapters": [
                {"chapterId": "opening", "displayName": "Opening", "criteria": [
                    {"criterionId": "greeting", "displayName": "Greeting", "maximumValue": 5},
                    {"criterionId": "listening", "displayName": "Listening", "maximumValue": 5, "weight": 2},
                ]},
                {"chapterId": "duty", "displayName": "Duty", "criteria": [
                    {"criterionId": "privacy", "displayName": "Privacy", "autoFail": true},
                ]},
            ]},
        });
        merge(&mut template, more);
        self.succeed(&Event::post("scorecardTemplates", template)).await;
    }

    /// Creates the template `quality`, which asks for four evaluations of each agent in a week.
    pub async fn quality(&self) {
        let periods = json!({"kind": "WEEK", "timeZoneId": "America/New_York", "anchorDate": "2026-05-11"});
        let completion = json!({"evaluatedConversationCountPerAgent": 4});
        let qa_task = json!({"evaluationPeriodConfig": periods, "taskCompleteConfig": completion});
        self.template("quality", json!({"qaTaskConfig": qa_task})).await;
    }

    /// Moves the clock on.
    pub fn advance(&self, by: TimeDelta) {
        self.moved_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }

    /// The environment of a function binary on the table.
    pub fn environment(&self) -> [(&str, &str); 8] {
        [
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb_url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("TABLE_NAME", &self.table),
            ("PAGE_TOKEN_SECRET", PAGE_TOKEN_SECRET),
            ("EXPORTS_URL", "https://exports.s3.us-east-1.amazonaws.com"),
            ("ERASURES_URL", "https://erasures.s3.us-east-1.amazonaws.com"),
        ]
    }

    /// The number of calls of DynamoDB that the operations have begun so far.
    pub fn calls(&self) -> u64 {
        self.traffic.calls.load(Ordering::Relaxed)
    }

    /// The address of its DynamoDB.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// A client of the table.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Answers the request `event` with the operation that `template.yaml` routes it to.
    pub async fn send(&self, event: &Event) -> Answered {
        answer(event.operation(), &self.app.for_one_request(), event.to_json()).await
    }

    /// As [`TestService::send`], with the capacity that it consumed.
    pub async fn spending(&self, event: &Event) -> (Answered, ConsumedCapacity) {
        let app = self.app.for_one_request();
        let answered = answer(event.operation(), &app, event.to_json()).await;
        (answered, app.store.consumed())
    }

    /// Whether the DynamoDB reports the capacity that a batch of reads consumed. ministack does not.
    pub async fn tells_units_of_batches(&self) -> bool {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let keys = KeysAndAttributes::builder()
            .keys([("PK", "x"), ("SK", "x")].map(|(name, value)| (name.to_owned(), text(value))).into());
        let batch = self.client.batch_get_item().request_items(&self.table, keys.build().unwrap());
        let output = batch.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        !output.consumed_capacity().is_empty()
    }

    /// Creates the template `long`, with 20 criteria of at most 5 points in chapters of five.
    pub async fn long_template(&self) {
        let criteria: Vec<Value> = (0..20)
        .map(|number| json!({"criterionId": format!("criterion-{number:02}"), "displayName": format!("Criterion {number}"), "maximumValue": 5}))
        .collect();
        let chapters: Vec<Value> = criteria
            .chunks(5)
            .enumerate()
            .map(|(number, criteria)| json!({"chapterId": format!("chapter-{number}"), "criteria": criteria}))
            .collect();
        self.template("long", json!({"template": {"chapters": chapters}})).await;
    }

    /// Every item of the table, by its key.
    pub async fn items(&self) -> BTreeMap<String, HashMap<String, AttributeValue>> {
        let mut items = BTreeMap::new();
        let mut pages = self.client.scan().table_name(&self.table).consistent_read(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.unwrap().items.unwrap_or_default() {
                let key = format!("{} / {}", item["PK"].as_s().unwrap(), item["SK"].as_s().unwrap());
                items.insert(key, item);
            }
        }
        items
    }

    /// Sends `event`, which must be refused with `status`, and asserts that nothing was written.
    pub async fn refused(&self, event: &Event, status: u16) -> Answered {
        let before = self.items().await;
        let answered = self.send(event).await;
        assert_eq!(answered.status, status, "{}", answered.body);
        assert_eq!(self.items().await, before, "a refused request wrote something");
        answered.assert_is_error();
        answered
    }

    /// Creates a plan under `acme`, `support` of `agent`, and adds them to the directory.
    pub async fn plan(&self, id: &str, agent: &str) {
        self.plan_with(id, agent, json!({})).await;
    }

    /// As [`TestService::plan`], with more fields.
    pub async fn plan_with(&self, id: &str, agent: &str, more: Value) {
        let mut plan = json!({
            "name": plan_name(id),
            "agentUserName": user_name(agent),
            "creatorUserName": user_name("maria"),
            "isActive": true,
        });
        merge(&mut plan, more);
        self.enter(agent).await;
        self.succeed(&Event::post("coachingPlans", plan).by("service", "sync@acme")).await;
    }
}

/// The item of a user of `acme` with `role`.
fn directory_item(id: &str, role: &str) -> HashMap<String, AttributeValue> {
    let text = |text: String| AttributeValue::S(text);
    let list = |entry: &str| AttributeValue::L(vec![text(entry.to_owned())]);
    let attributes = [
        ("PK", text(format!("acme##user#{id}"))),
        ("SK", text("user".to_owned())),
        ("version", AttributeValue::N("1".to_owned())),
        ("display_name", text(id.to_owned())),
        ("is_active", AttributeValue::Bool(true)),
        ("is_dev_user", AttributeValue::Bool(false)),
        ("roles", list(role)),
        ("profiles", list("customers/acme/profiles/support")),
    ];
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Lets the function `binary` answer `event`, and kills it once its next call of DynamoDB after `calls` others has
/// taken effect, not counting the one at its start. Returns whether it was killed: if not, it made no more calls.
pub async fn killed_after(service: &TestService, binary: &str, calls: usize, event: &Event) -> bool {
    let (_, faulty) = service.behind_faults().await;
    faulty.inject(vec![Fault::Passed; calls]);
    faulty.inject([Fault::Unanswered]);
    let url = faulty.url();
    let environment = [&service.environment()[..], &[("AWS_ENDPOINT_URL_DYNAMODB", &url)]].concat();
    let mut host = LambdaHost::start(binary, &environment).await;
    tokio::select! {
        _ = host.invoke(event.to_json()) => false,
        () = faulty.left_unanswered() => {
            host.kill().await;
            true
        }
    }
}

/// A copy of `client` that records its calls as part of `traffic`, and in the trace under way.
fn recording(client: &Client, traffic: &Arc<Traffic>) -> Client {
    let recorder = record::Recorder { traffic: Arc::clone(traffic) };
    Client::from_conf(client.config().to_builder().interceptor(recorder).interceptor(trace::Tracer).build())
}

/// The creation of a session of `ana`'s on `ana-plan`, with the usecase `care`.
pub fn create_session() -> Event {
    let session = json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "usecaseName": usecase_name("care"),
    });
    Event::post("coachingSessions", session)
}

/// A scorecard of `ana`'s with scores of all 20 criteria of the template `long`, which differ by `number`; a draft without
/// `submit_time`.
pub fn long_scorecard(number: usize, submit_time: Option<&str>) -> Value {
    let scores: Vec<Value> = (0..20)
        .map(|criterion| json!({"criterionId": format!("criterion-{criterion:02}"), "numericValue": (number * 7 + criterion * 3) % 6}))
        .collect();
    json!({
        "conversationName": below_support(&format!("conversations/01890a5d-ac96-774b-bcce-b302099a{number:04}")),
        "agentUserName": user_name("ana"),
        "templateName": below_support("scorecardTemplates/long"),
        "scores": scores,
        "coachingPlanNames": [plan_name("ana-plan")],
        "createTime": "2026-03-01T00:00:00Z",
        "submitTime": submit_time,
    })
}

/// The answer of `task` to `event` in this process.
///
/// # Errors
/// The errors of the task.
pub async fn perform(task: &Task, app: &App, event: Value, until: Instant) -> Result<Value, coaching_domain::Error> {
    let performed = coaching_edge::perform(task, app, event, until, "an invocation");
    record::on_behalf_of(task.name, performed).await
}

/// Answers `event` with `operation` in this process. No answer may be longer than Lambda allows a function.
pub async fn answer(operation: &Operation, app: &App, event: Value) -> Answered {
    let event = serde_json::from_value(event).unwrap();
    let response = record::on_behalf_of(operation.name, respond(operation, app, &event)).await;
    let as_function = serde_json::to_vec(&lambda_response(response.clone())).unwrap();
    assert!(as_function.len() <= MAX_ANSWER_BYTES, "{}: an answer of {} bytes", operation.name, as_function.len());
    let (parts, body) = passed_on(response).unwrap().into_parts();
    let body = if parts.headers.contains_key("content-encoding") { decompressed(&body) } else { body };
    let headers = parts.headers.iter();
    Answered {
        status: parts.status.as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
        body: serde_json::from_slice(&body).unwrap(),
    }
}

fn decompressed(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

impl Answered {
    /// The fields that the answer names as bad.
    pub fn refused_fields(&self) -> Vec<String> {
        let violations = self.detail("BadRequest").map_or(&Value::Null, |detail| &detail["fieldViolations"]);
        let violations = violations.as_array().map(Vec::as_slice).unwrap_or_default();
        violations.iter().map(|violation| violation["field"].as_str().unwrap().to_owned()).collect()
    }

    /// The machine-readable reason.
    pub fn reason(&self) -> &str {
        self.detail("ErrorInfo").and_then(|detail| detail["reason"].as_str()).unwrap_or_default()
    }

    fn detail(&self, kind: &str) -> Option<&Value> {
        let details = self.body["details"].as_array()?;
        details.iter().find(|detail| detail["@type"] == format!("type.googleapis.com/google.rpc.{kind}"))
    }

    /// Asserts the form that every error has.
    pub fn assert_is_error(&self) {
        let (code, name): (u8, &str) = match self.status {
            400 if self.body["code"] == 9 => (9, "FAILED_PRECONDITION"),
            400 => (3, "INVALID_ARGUMENT"),
            401 => (16, "UNAUTHENTICATED"),
            403 => (7, "PERMISSION_DENIED"),
            404 => (5, "NOT_FOUND"),
            409 if self.body["code"] == 10 => (10, "ABORTED"),
            409 => (6, "ALREADY_EXISTS"),
            429 => (8, "RESOURCE_EXHAUSTED"),
            500 if self.reason() == "RECORD_UNREADABLE" => (13, "INTERNAL"),
            503 => (14, "UNAVAILABLE"),
            other => panic!("no error of the service has status {other}: {}", self.body),
        };
        assert_eq!(self.body["code"], code);
        assert_eq!(self.body["status"], name);
        assert_eq!(self.body["httpStatus"], self.status);
        assert!(self.body["message"].as_str().is_some_and(|message| !message.is_empty()));
        let information = self.detail("ErrorInfo").expect("an ErrorInfo");
        let reason = information["reason"].as_str().unwrap();
        assert!(reason.len() <= 63 && reason.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{reason}");
        assert_eq!(information["domain"], "coaching");
        assert_eq!(self.refused_fields().is_empty(), code != 3, "{}", self.body);
        let request = self.detail("RequestInfo").expect("a RequestInfo");
        assert!(request["requestId"].as_str().is_some_and(|id| !id.is_empty()));
        for foreign in ["aws", "amazon", "dynamodb", "panicked", "exception", "serde"] {
            assert!(!self.body.to_string().to_lowercase().contains(foreign), "{}", self.body);
        }
    }
}

/// The number in the environment variable `name`, which asks for a longer run of a test.
pub fn number_asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The name of the resource at `path` under `acme`, `support`.
pub fn below_support(path: &str) -> String {
    format!("customers/acme/profiles/support/{path}")
}

/// An active agent of the profile `support`, as a request to the directory has one.
pub fn user(id: &str) -> Value {
    json!({
        "name": user_name(id),
        "displayName": format!("Agent {id}"),
        "isActive": true,
        "roles": ["agent"],
        "profileNames": ["customers/acme/profiles/support"],
    })
}

/// The name of a user of `acme`.
pub fn user_name(id: &str) -> String {
    format!("customers/acme/users/{id}")
}

/// The name of a plan of `acme`, `support`.
pub fn plan_name(id: &str) -> String {
    format!("customers/acme/profiles/support/coachingPlans/{id}")
}

/// The name of a session of `acme`, `support`.
pub fn session_name(id: &str) -> String {
    format!("customers/acme/profiles/support/coachingSessions/{id}")
}

/// The name of a usecase of `acme`, `support`.
pub fn usecase_name(id: &str) -> String {
    format!("customers/acme/profiles/support/usecases/{id}")
}

/// Puts every key of `more` into `object`; `null` removes it.
pub fn merge(object: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap().clone() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(&key);
        } else {
            object[key] = value;
        }
    }
}
