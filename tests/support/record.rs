//! Records what the operations do in tests: the rights on the table that they use, and the lines that they log.
//!
//! The record is kept in this process. If the environment variable `RECORD_SUITE_IN` names a folder, it is also
//! appended to files there; a test run with `RECORDED_SUITE` naming that folder checks the whole suite.
//!
//! A request beside others, or in a storm of faults, does some things by chance, and another run may not repeat them.
//! So a right counts as needed only if some request used it alone.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::scan::ScanInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use coaching_local::TASKS;
use coaching_store::Partition;

use crate::root;

/// The folder in which a run of the suite is recorded.
const RECORD_SUITE_IN: &str = "RECORD_SUITE_IN";
/// The folder of a recorded run.
const RECORDED_SUITE: &str = "RECORDED_SUITE";

/// The kind of file with the rights that were used.
const RIGHTS: &str = "rights";
/// How a recorded right was used: by a request that nothing ran beside, or by another.
const ALONE: &str = "alone";
const BESIDE_OTHERS: &str = "beside others";
/// The kind of file with the lines that were logged.
pub(crate) const LOG: &str = "log";

tokio::task_local! {
    /// The request under way.
    static UNDER_WAY: RequestUnderWay;
}

static USED: Mutex<RightsUsed> = Mutex::new(RightsUsed { at_all: BTreeSet::new(), alone: BTreeSet::new() });

/// The rights that functions used.
#[derive(Debug, Clone, Default)]
pub struct RightsUsed {
    /// In any request.
    pub at_all: BTreeSet<Right>,
    /// In a request that nothing ran beside, so that every run of the suite uses them.
    pub alone: BTreeSet<Right>,
}

/// A right that a function used: one action on the partitions of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The function.
    pub function: String,
    /// The action, such as `dynamodb:GetItem`.
    pub action: String,
    /// The index; empty for the table itself.
    pub index: String,
    /// The partition key with `*` for every id, such as `*#*#plan#*`.
    pub partitions: String,
}

/// The requests to one table.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// The number of calls that they began.
    pub(crate) calls: AtomicU64,
    /// Whether they meet faults by chance.
    pub(crate) stormy: AtomicBool,
    /// The number of requests that made a call.
    begun: AtomicU64,
    /// The number of these that are over.
    ended: AtomicU64,
}

/// A request or a task.
struct RequestUnderWay {
    function: &'static str,
    /// The traffic of its table, once it has made a call; and its number there, if no other was under way then.
    joined: OnceLock<(Arc<Traffic>, Option<u64>)>,
}

impl RequestUnderWay {
    /// Whether it is the only one that `traffic` has seen since its first call.
    fn is_alone(&self, traffic: &Arc<Traffic>) -> bool {
        let (_, number) = self.joined.get_or_init(|| {
            let before = traffic.begun.fetch_add(1, Ordering::Relaxed);
            let alone = traffic.ended.load(Ordering::Relaxed) == before;
            (Arc::clone(traffic), alone.then_some(before + 1))
        });
        *number == Some(traffic.begun.load(Ordering::Relaxed)) && !traffic.stormy.load(Ordering::Relaxed)
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        if let Some((traffic, _)) = self.joined.get() {
            traffic.ended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs `work` on behalf of `function`.
pub(crate) async fn on_behalf_of<T>(function: &'static str, work: impl Future<Output = T>) -> T {
    UNDER_WAY.scope(RequestUnderWay { function, joined: OnceLock::new() }, work).await
}

/// Every right that was used in this process and, of a recorded suite, in any other.
pub fn rights_used() -> RightsUsed {
    let mut used = USED.lock().unwrap().clone();
    for line in recorded(RIGHTS) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [function, action, index, partitions, how] = fields[..] else { panic!("no right: {line}") };
        let right = Right {
            function: function.to_owned(),
            action: action.to_owned(),
            index: index.to_owned(),
            partitions: partitions.to_owned(),
        };
        used.insert(right, how == ALONE);
    }
    used
}

impl RightsUsed {
    /// Adds `right`; returns whether it is new.
    fn insert(&mut self, right: Right, alone: bool) -> bool {
        let news = alone && self.alone.insert(right.clone());
        self.at_all.insert(right) || news
    }
}

/// Whether there is a record of the suite to read.
pub fn suite_is_recorded() -> bool {
    std::env::var_os(RECORDED_SUITE).is_some()
}

/// The lines of a `kind` of record.
fn recorded(kind: &str) -> Vec<String> {
    let Some(folder) = folder(RECORDED_SUITE) else { return Vec::new() };
    let mut lines = Vec::new();
    for file in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let file = file.unwrap();
        if file.file_name().to_str().unwrap().starts_with(&format!("{kind}-")) {
            lines.extend(std::fs::read_to_string(file.path()).unwrap().lines().map(str::to_owned));
        }
    }
    lines
}

/// The folder that the environment variable `name` names; from the root of the workspace, if it is relative.
fn folder(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(|folder| root().join(folder))
}

/// This process's file of a `kind` of record, if the suite is recorded.
pub(crate) fn record_file(kind: &str) -> Option<File> {
    let folder = folder(RECORD_SUITE_IN)?;
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{kind}-{}", std::process::id()));
    Some(OpenOptions::new().create(true).append(true).open(path).unwrap())
}

/// Appends `right` to this process's file, if the suite is recorded.
fn append(right: &Right, alone: bool) {
    let Some(mut file) = record_file(RIGHTS) else { return };
    let how = if alone { ALONE } else { BESIDE_OTHERS };
    let line = format!("{}\t{}\t{}\t{}\t{how}\n", right.function, right.action, right.index, right.partitions);
    file.write_all(line.as_bytes()).unwrap();
}

/// The destination of the operations' log.
#[derive(Debug, Clone, Copy)]
struct Log;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if let Some(mut file) = record_file(LOG) {
            file.write_all(line)?;
        }
        LINES.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Records the log from now on, with the most that `LOG_LEVEL` can ask for.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = coaching_edge::log_lines(coaching_edge::log_filter(Some("trace")).unwrap(), None, || Log);
        let _ = tracing::subscriber::set_global_default(log);
    });
}

/// The lines that were logged in this process and, of a recorded suite, in any other.
pub fn logged() -> Vec<String> {
    let mut lines = LINES.lock().unwrap().clone();
    lines.extend(recorded(LOG));
    lines
}

/// Records the rights that each call of a client needs.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// The traffic that the calls are part of.
    pub(crate) traffic: Arc<Traffic>,
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.traffic.calls.fetch_add(1, Ordering::Relaxed);
        let request = UNDER_WAY.try_with(|request| (request.function, request.is_alone(&self.traffic)));
        let Ok((function, alone)) = request else { return Ok(()) };
        let input = context.input();
        let mut uses: Vec<(&str, String, String)> = Vec::new();
        // A task has no requests of its own.
        let is_task = TASKS.iter().any(|task| task.name == function);
        let partitions = |key: &AttributeValue| partitions(key, is_task);
        let of_table = |action: &'static str, key: &AttributeValue| (action, String::new(), partitions(key));
        if let Some(get) = input.downcast_ref::<GetItemInput>() {
            uses.push(of_table("GetItem", &get.key().unwrap()["PK"]));
        } else if let Some(batch) = input.downcast_ref::<BatchGetItemInput>() {
            let keys = batch.request_items().unwrap().values().flat_map(|keys| keys.keys());
            uses.extend(keys.map(|key| of_table("BatchGetItem", &key["PK"])));
        } else if let Some(query) = input.downcast_ref::<QueryInput>() {
            // The first value that a key condition names is the partition's.
            let condition = query.key_condition_expression().unwrap();
            let name = condition.split_whitespace().nth(2).unwrap();
            let partition = &query.expression_attribute_values().unwrap()[name];
            uses.push(("Query", query.index_name().unwrap_or_default().to_owned(), partitions(partition)));
        } else if input.downcast_ref::<ScanInput>().is_some() {
            uses.push(("Scan", String::new(), "*".to_owned()));
        } else if let Some(update) = input.downcast_ref::<UpdateItemInput>() {
            uses.push(of_table("UpdateItem", &update.key().unwrap()["PK"]));
        } else if let Some(put) = input.downcast_ref::<PutItemInput>() {
            uses.push(of_table("PutItem", &put.item().unwrap()["PK"]));
        } else if let Some(delete) = input.downcast_ref::<DeleteItemInput>() {
            uses.push(of_table("DeleteItem", &delete.key().unwrap()["PK"]));
        } else if let Some(transaction) = input.downcast_ref::<TransactWriteItemsInput>() {
            uses.extend(transaction.transact_items().iter().map(|write| {
                let (action, key) = written(write);
                of_table(action, key)
            }));
        } else {
            panic!("{function} makes a call that no right is known for: {input:?}");
        }
        for (action, index, partitions) in uses {
            let action = format!("dynamodb:{action}");
            let right = Right { function: function.to_owned(), action, index, partitions };
            if USED.lock().unwrap().insert(right.clone(), alone) {
                append(&right, alone);
            }
        }
        Ok(())
    }
}

/// The right that a part of a transaction needs, and its partition key.
fn written(write: &TransactWriteItem) -> (&'static str, &AttributeValue) {
    if let Some(put) = write.put() {
        ("PutItem", &put.item()["PK"])
    } else if let Some(update) = write.update() {
        ("UpdateItem", &update.key()["PK"])
    } else if let Some(delete) = write.delete() {
        ("DeleteItem", &delete.key()["PK"])
    } else {
        ("ConditionCheckItem", &write.condition_check().unwrap().key()["PK"])
    }
}

/// The kind of a partition key, as a policy names it.
fn partitions(key: &AttributeValue, is_of_task: bool) -> String {
    let key = key.as_s().unwrap();
    let partition = Partition::of(key).unwrap_or_else(|| panic!("no such partition: {key}"));
    // The key of an idempotency record names its operation.
    partition.pattern(if is_of_task { "*" } else { key.split('#').nth(4).unwrap_or_default() })
}
