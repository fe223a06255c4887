//! Does jobs on one machine, in the place of the table's stream and of `run-job` on AWS.
//!
//! The stream of the embedded DynamoDB makes every write slower the more it holds (docs/decisions/embedded-dynamodb.md). So
//! the table has none here. Instead the client through which all requests write tells of every job that it wrote, and the
//! job's next turn goes to `run-job` as the event that Lambda would send. Jobs that an earlier process left unfinished are
//! looked for once, at the start.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use coaching_domain::job::JobState;
use coaching_domain::{Error, Tenant};
use coaching_edge::{App, perform};
use coaching_store::keys::{self, PK, SK};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::service::TABLE_NAME;

/// The longest that one turn may take, as on Lambda.
const TURN: Duration = Duration::from_secs(60);
/// The number of times that a turn is told again if it fails, as on Lambda.
const RETRIES: u32 = 10;
/// The pause before the first of them; it doubles with each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Tells of each job that was written through a client, by its partition key.
#[derive(Debug)]
struct JobsWritten(mpsc::UnboundedSender<String>);

impl Intercept for JobsWritten {
    fn name(&self) -> &'static str {
        "JobsWritten"
    }

    /// What is written is known only before it is serialized.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let writes = context.input().downcast_ref().map(TransactWriteItemsInput::transact_items).unwrap_or_default();
        let items = writes.iter().filter_map(|write| Some(write.put()?.item()));
        let text = |value: Option<&AttributeValue>| value.and_then(|value| value.as_s().ok()).cloned();
        let jobs = items.filter(|item| text(item.get(SK)).as_deref() == Some(keys::JOB));
        let jobs = jobs.filter_map(|item| text(item.get(PK))).collect();
        config.interceptor_state().store_put(JobsInCall(jobs));
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(Ok(_)), Some(JobsInCall(jobs))) = (context.output_or_error(), config.load::<JobsInCall>()) {
            for job in jobs {
                // Nobody listens once the service stops.
                let _ = self.0.send(job.clone());
            }
        }
        Ok(())
    }
}

/// The jobs that a call writes, by their partition keys.
#[derive(Debug)]
struct JobsInCall(Vec<String>);

impl Storable for JobsInCall {
    type Storer = StoreReplace<Self>;
}

/// The jobs that are written through a client.
#[derive(Debug)]
pub(crate) struct WrittenJobs(mpsc::UnboundedReceiver<String>);

/// `client`, and the jobs that will be written through it.
pub(crate) fn watched(client: &Client) -> (Client, WrittenJobs) {
    let (written, receiver) = mpsc::unbounded_channel();
    let config = client.config().to_builder().interceptor(JobsWritten(written)).build();
    (Client::from_conf(config), WrittenJobs(receiver))
}

/// Does jobs until `stop` changes: those that `written` tells of, and those that are left in the table. What is under way then
/// is left where it is, and the next process goes on.
pub(crate) async fn serve(app: App, client: Client, mut written: WrittenJobs, mut stop: watch::Receiver<bool>) {
    let mut under_way = HashSet::new();
    let mut work = JoinSet::new();
    let left = unfinished(&client);
    tokio::pin!(left);
    let mut is_searching = true;
    loop {
        let keys: Vec<String> = tokio::select! {
            _ = stop.changed() => return,
            found = &mut left, if is_searching => {
                is_searching = false;
                found.unwrap_or_else(|cause| {
                    tracing::error!(cause, "unfinished jobs cannot be looked for");
                    Vec::new()
                })
            }
            Some(Ok(ended)) = work.join_next(), if !work.is_empty() => {
                under_way.remove(&ended);
                Vec::new()
            }
            Some(key) = written.0.recv() => vec![key],
        };
        for key in keys {
            if under_way.insert(key.clone()) {
                work.spawn(finish(app.clone(), key));
            }
        }
    }
}

/// Does turns of the job at `key` until it has ended, and returns the key.
async fn finish(app: App, key: String) -> String {
    if let Err(error) = turns(&app, &key).await {
        // `run-job` logs its own errors; a job whose turn keeps failing is looked for at the next start.
        tracing::warn!(reason = error.reason().as_str(), "a job is left unfinished");
    }
    key
}

async fn turns(app: &App, key: &str) -> Result<(), Error> {
    let Some((customer, profile, id)) = keys::parse_job(key) else { return Ok(()) };
    #[expect(clippy::disallowed_methods, reason = "the table invokes this, through no route")]
    let tenant = Tenant::for_maintenance(customer, profile)?;
    while let Some(job) = app.store.job(&tenant, &id, app.now()?).await?.filter(|job| !job.state.is_final()) {
        let event = json!({"Records": [{"eventName": "MODIFY", "eventSource": "aws:dynamodb", "dynamodb": {
            "Keys": {"PK": {"S": key}, "SK": {"S": keys::JOB}},
            "NewImage": {"wake": {"BOOL": true}, "turn": {"N": job.turn.to_string()}},
        }}]});
        let mut pause = FIRST_PAUSE;
        let mut retries = RETRIES;
        loop {
            let until = Instant::now() + TURN;
            let id = Uuid::new_v4().to_string();
            match perform(&run_job::TASK, &app.for_one_request(), event.clone(), until, &id).await {
                Ok(_) => break,
                Err(error) if retries == 0 => return Err(error),
                Err(_) => tokio::time::sleep(pause).await,
            }
            retries -= 1;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(())
}

/// The partition keys of the jobs in the table that have not ended.
async fn unfinished(client: &Client) -> Result<Vec<String>, String> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut unfinished = Vec::new();
    let mut pages = client
        .scan()
        .table_name(TABLE_NAME)
        .filter_expression("SK = :job AND NOT #state IN (:succeeded, :failed, :cancelled)")
        .projection_expression(PK)
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":job", text(keys::JOB))
        .expression_attribute_values(":succeeded", text(JobState::Succeeded.name()))
        .expression_attribute_values(":failed", text(JobState::Failed.name()))
        .expression_attribute_values(":cancelled", text(JobState::Cancelled.name()))
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| crate::table::causes(&error))?;
        let keys = page.items.unwrap_or_default().into_iter().filter_map(|mut item| item.remove(PK));
        unfinished.extend(keys.filter_map(|key| key.as_s().ok().cloned()));
    }
    Ok(unfinished)
}
