//! An embedded DynamoDB in a process of its own, so that processor time and memory of the measurement are those of the
//! operation alone, and how it is filled.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use coaching_local::EmbeddedDynamoDb;
use coaching_tests::TestService;
use futures_util::stream::{StreamExt, iter};
use indicatif::{ProgressBar, ProgressStyle};

/// With this argument a measurement is the process of the embedded DynamoDB.
const DYNAMODB: &str = "--dynamodb";
/// The number of batches written concurrently.
const BATCHES_AT_ONCE: usize = 8;

/// An item of the table.
pub type Item = HashMap<String, AttributeValue>;

/// Whether this process is the embedded DynamoDB: then it ran until the measurement ended.
pub fn was_dynamodb() -> bool {
    let is_dynamodb = std::env::args().any(|argument| argument == DYNAMODB);
    if is_dynamodb {
        let embedded = EmbeddedDynamoDb::start(None).unwrap();
        println!("{}", embedded.url());
        let _ = std::io::stdin().read(&mut [0]);
    }
    is_dynamodb
}

/// The process of an embedded DynamoDB, and its address.
pub struct Apart(Child, String);

impl Apart {
    /// Starts it.
    pub fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(DYNAMODB)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self(child, url.trim().to_owned())
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.1
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A text in an item.
pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Writes `count` items, and shows its progress.
pub async fn load(service: &TestService, what: &str, count: usize, item: impl Fn(usize) -> Item) {
    let bar = ProgressBar::new(count as u64).with_prefix(what.to_owned());
    bar.set_style(ProgressStyle::with_template("{prefix} {wide_bar} {pos} of {len}, {elapsed}, {per_sec}").unwrap());
    let started = Instant::now();
    let starts: Vec<usize> = (0..count).step_by(25).collect();
    let batches = iter(starts).map(|start| {
        let puts = (start..count.min(start + 25)).map(|number| {
            let put = PutRequest::builder().set_item(Some(item(number))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        let batch = service.client().batch_write_item().request_items(service.table(), puts.collect());
        let bar = &bar;
        async move {
            let output = batch.send().await.unwrap();
            assert!(output.unprocessed_items.is_none_or(|left| left.is_empty()));
            bar.inc(25);
        }
    });
    batches.buffer_unordered(BATCHES_AT_ONCE).collect::<Vec<()>>().await;
    bar.finish_and_clear();
    eprintln!("{what}: {count} in {:.1} s", started.elapsed().as_secs_f64());
}

/// The processor time of this process so far, in seconds (to a hundredth).
pub fn processor_seconds() -> f64 {
    let line = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = line.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
