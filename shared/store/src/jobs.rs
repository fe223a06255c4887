//! Jobs in the table, and the list of them.
//!
//! A profile's unfinished jobs are counted: one more in the transaction that creates a job, one less in the one that ends
//! it. So a job is refused without another being read, and its place is given back exactly once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::job::{Job, JobFailure, JobFile, JobKind, JobState, MAX_UNFINISHED, Progress, named};
use coaching_domain::names::{self, JobId};
use coaching_domain::rules::Enumeration;
use coaching_domain::{Error, Reason, Tenant, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, EXPIRES_AT, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::Unreadable;

/// The attribute that has the job that re-scores a template.
const JOB: &str = "job";
/// The attribute of a job whose files were removed.
const FILES_REMOVED: &str = "files_removed";
/// The attribute that has the number of unfinished jobs.
const UNFINISHED: &str = "unfinished";

/// Selects jobs of a profile: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Of any of these kinds.
    pub kinds: Vec<JobKind>,
    /// In any of these states.
    pub states: Vec<JobState>,
}

impl JobFilter {
    fn matches(&self, job: &Job) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&job.kind))
            && (self.states.is_empty() || self.states.contains(&job.state))
    }
}

impl Store {
    /// Creates `job` for `request` ([`Store::once`]). If another job erases the same user, that one is told instead.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if another job re-scores one of its templates; RESOURCE_EXHAUSTED if the profile has the most
    /// unfinished jobs; ABORTED if the request was answered before.
    pub async fn create_job(
        &self,
        tenant: &Tenant,
        job: &Job,
        request: Option<&IdempotencyRecord>,
    ) -> Result<Created<names::Job>, Error> {
        let time = job.create_time;
        let created = Created { id: job.id.clone(), time, usecase: None, revision: None, consistency: None };
        let mut transaction = Transaction::of(Write::put_new(to_item(tenant, job)?), Refusal::NameTaken);
        let count = Write::update(keys::unfinished_jobs(tenant), format!("ADD {UNFINISHED} :one"));
        let count = count.when(format!("attribute_not_exists({UNFINISHED}) OR {UNFINISHED} < :most"));
        transaction.add(count.number(":one", 1).number(":most", MAX_UNFINISHED), Refusal::JobsFull);
        transaction.add_all(
            job.templates.iter().map(|template| {
                let item = Item::at(keys::backfill(tenant, template)).text(JOB, job.id.as_str());
                Write::put_new(item).showing_item()
            }),
            Refusal::BackfillRunning,
        );
        transaction.add_all(
            job.erases.iter().map(|user| {
                let item = Item::at(keys::erasure(&tenant.of_customer(), user)).text(JOB, job.id.as_str());
                Write::put_new(item).showing_item()
            }),
            Refusal::ErasureRunning,
        );
        match self.create(tenant, transaction, request, &created).await? {
            Outcome::Written => Ok(created),
            Outcome::Refused(refused) if refused.has(Refusal::ErasureRunning) => {
                let running = refused.item(Refusal::ErasureRunning).and_then(job_in);
                let id = running.ok_or_else(|| Error::internal("a user is erased by no job"))?;
                Ok(Created { id, ..created })
            }
            Outcome::Refused(refused) if refused.has(Refusal::BackfillRunning) => {
                let running = refused.item(Refusal::BackfillRunning).and_then(job_in);
                let running = running.map(|id| tenant.name_of(&id));
                let running = running.ok_or_else(|| Error::internal("a template is re-scored by no job"))?;
                let message =
                    format!("'{running}' re-scores scorecards of the template; wait for it to end, or cancel it");
                Err(Error::new(Reason::BackfillRunning, message).with("job", running))
            }
            Outcome::Refused(_) => {
                let message =
                    format!("the profile has {MAX_UNFINISHED} unfinished jobs; wait for one to end, or cancel one");
                Err(Error::new(Reason::JobsFull, message).with("limit", MAX_UNFINISHED.to_string()))
            }
        }
    }

    /// The job `id`, as it is now; `None` if its record has expired at `now`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn job(&self, tenant: &Tenant, id: &JobId, now: Timestamp) -> Result<Option<Job>, Error> {
        let item = self.get(keys::job(tenant, id)).await?;
        let job = item.map(|item| self.noting(Job::from_item(item))).transpose()?;
        // DynamoDB may delete expired items days late.
        Ok(job.filter(|job| !job.is_expired(now)))
    }

    /// The first `size` jobs after `after` that match `filter` and have not expired at `now`, the newest first, ties by
    /// id.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn jobs(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        after: Option<&Cursor>,
        size: usize,
        now: Timestamp,
    ) -> Result<Page<Job>, Error> {
        let range = Range::new(ListIndex::Profile, keys::jobs_of_profile(tenant), Filter::default(), after);
        let range = range.keeping(move |job: &Job| filter.matches(job) && !job.is_expired(now));
        self.page(vec![range], size).await
    }

    /// Applies `change` to the job `id`. It returns whether it changed anything, and may be called several times: with
    /// each state that others leave the job in before this change is written, and the time of the change. If it ends the
    /// job, the job's place among the unfinished ones is free.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `change`; ABORTED if others keep changing it.
    pub async fn change_job(
        &self,
        tenant: &Tenant,
        id: &JobId,
        now: Timestamp,
        mut change: impl FnMut(&mut Job, Timestamp) -> Result<bool, Error>,
    ) -> Result<Job, Error> {
        let name = tenant.name_of(id);
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let before = self.job(tenant, id, now).await?.ok_or_else(|| Error::not_found(&name))?;
            let mut after = before.clone();
            if !change(&mut after, now.max(before.update_time))? {
                return Ok(before);
            }
            after.version = before.version.next();
            let replace = Write::replace(to_item(tenant, &after)?, before.version);
            let mut transaction = Transaction::of(replace, Refusal::Changed);
            if after.state.is_final() && !before.state.is_final() {
                let count = Write::update(keys::unfinished_jobs(tenant), format!("ADD {UNFINISHED} :less"));
                transaction.add_unconditional([count.number(":less", -1)]);
                let templates = after.templates.iter();
                transaction.add_unconditional(templates.map(|id| Write::delete(keys::backfill(tenant, id))));
                let erased = before.erases.iter();
                let erased = erased.map(|user| Write::delete(keys::erasure(&tenant.of_customer(), user)));
                transaction.add_unconditional(erased);
            }
            if self.transact(transaction).await?.is_written() {
                return Ok(after);
            }
        }
        Err(keeps_changing(&name))
    }
}

impl Listed for Job {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        Ok(Self {
            id: item.last_of_key()?,
            version: item.version()?,
            kind: one_of(&mut item, "kind")?,
            state: one_of(&mut item, "state")?,
            progress: Progress {
                percent: item.number("percent")?,
                processed: item.number("processed")?,
                skipped: item.number("skipped")?,
            },
            creator: item.id("creator")?,
            create_time: item.time("create_time")?,
            start_time: item.optional_time("start_time")?,
            update_time: item.time("update_time")?,
            end_time: item.optional_time("end_time")?,
            request: json(&mut item, "request")?.unwrap_or_default(),
            files: json::<Vec<JobFile>>(&mut item, "files")?.unwrap_or_default(),
            failure: json::<JobFailure>(&mut item, "failure")?,
            warnings: item.texts("warnings")?,
            turn: item.number("turn")?,
            attempt: item.number("attempt")?,
            wake: item.boolean("wake")?,
            checkpoint: json(&mut item, "checkpoint")?.unwrap_or_default(),
            report: json(&mut item, "report")?.unwrap_or_default(),
            templates: item.ids("templates")?,
            erases: item.optional_id("erases")?,
            files_removed: item.rest.contains_key(FILES_REMOVED),
        })
    }
}

/// The job that an item names which keeps others off.
fn job_in(item: &HashMap<String, AttributeValue>) -> Option<JobId> {
    JobId::parse(item.get(JOB)?.as_s().ok()?)
}

fn one_of<E: Enumeration>(item: &mut Attributes, attribute: &str) -> Result<E, Unreadable> {
    let name = item.text(attribute)?;
    named(&name).ok_or_else(|| item.corrupt(attribute))
}

/// What [`text_of`] wrote.
fn json<T: DeserializeOwned>(item: &mut Attributes, attribute: &str) -> Result<Option<T>, Unreadable> {
    let text = item.optional_text(attribute)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| item.corrupt(attribute))).transpose()
}

fn text_of(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::internal)
}

fn to_item(tenant: &Tenant, job: &Job) -> Result<Item, Error> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut item = Item::at(keys::job(tenant, &job.id))
        .text(ListIndex::Profile.partition_attribute(), keys::jobs_of_profile(tenant))
        .text(LIST_ORDER, Cursor::latest_first(job.create_time, &job.id).as_str())
        .version(job.version)
        .text("kind", job.kind.name())
        .text("state", job.state.name())
        .number("percent", job.progress.percent.into())
        .number("processed", count(job.progress.processed))
        .number("skipped", count(job.progress.skipped))
        .text("creator", job.creator.as_str())
        .text("create_time", job.create_time.to_string())
        .optional_text("start_time", job.start_time.as_ref())
        .text("update_time", job.update_time.to_string())
        .optional_text("end_time", job.end_time.as_ref())
        .optional_number(EXPIRES_AT, job.expire_time().map(Timestamp::unix_seconds))
        .text("request", text_of(&job.request)?)
        .texts("warnings", job.warnings.iter().cloned())
        .number("turn", job.turn.into())
        .number("attempt", job.attempt.into())
        .boolean("wake", job.wake)
        .texts("templates", job.templates.iter().map(ToString::to_string));
    item = item.optional_text("erases", job.erases.as_ref());
    if job.files_removed {
        item = item.boolean(FILES_REMOVED, true);
    }
    if !job.files.is_empty() {
        item = item.text("files", text_of(&job.files)?);
    }
    if let Some(failure) = &job.failure {
        item = item.text("failure", text_of(failure)?);
    }
    if !job.report.is_empty() {
        item = item.text("report", text_of(&job.report)?);
    }
    if !job.checkpoint.is_null() {
        item = item.text("checkpoint", text_of(&job.checkpoint)?);
    }
    Ok(item)
}
