//! The erasure of a person. The job sweeps through what the table has of the customer until a sweep finds nothing more to
//! change; then it takes the person out of the directory, and sweeps once more.
//!
//! A person who is erased is kept in a list beside the table, under a hash of their name: so a table that is restored to a
//! time before can be erased again, under the same pseudonym.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use coaching_domain::erasure::{Counts, Erased, ErasureReport, Listed, pseudonym_of};
use coaching_domain::job::{EVERY_PROFILE, Job, JobFailure, JobKind, Progress};
use coaching_domain::names::{JobId, UserId};
use coaching_domain::{Code, CustomerTenant, Error, Reason, Tenant, Timestamp};
use coaching_edge::{App, NewFile};
use coaching_store::{Sweep, Sweeping, Swept, keys};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kind::{Kind, Sliced, Slicing, Stopped, Work};

/// The most sweeps: each but the last meets what others changed during the one before.
const MAX_SWEEPS: u32 = 20;
/// The longest that a request may take that was under way when the person left the directory.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);
/// The parts of the job, in percent, that are done when the first sweep begins, when it ends, and when the last begins.
const SWEEPING_PERCENT: u8 = 5;
const SWEPT_PERCENT: u8 = 50;
const LEFT_PERCENT: u8 = 75;
/// The reason of a job whose records others keep changing.
const KEPT_CHANGING: &str = "CONCURRENT_CHANGES";
/// The reason of other jobs that end because their results would have to do with the person.
const PERSON_ERASED: &str = "PERSON_ERASED";

/// An erasure that has been begun: the point from which it goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Begun {
    user: UserId,
    /// The pseudonym, unless the list has one of an earlier erasure.
    pseudonym: UserId,
    step: Step,
    /// The number of sweeps that are done.
    sweeps: u32,
    /// Whether the last one changed no source.
    is_clean: bool,
    /// From where this sweep goes on.
    after: Option<Swept>,
    state: Sweeping,
    /// What the last whole sweep counted.
    told: Counts,
    /// Jobs of this time or earlier may have read what is erased.
    read_until: Option<String>,
    removed_files: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    /// The person becomes inactive, and the pseudonym enters the directory.
    Enter,
    /// Sweeps until nothing more changes.
    Sweep,
    /// The person leaves the directory.
    Leave,
    /// Requests that met them in the directory come to their end.
    Settle,
    /// Sweeps once more, until nothing more changes.
    SweepAgain,
}

/// A job under `id` that erases `user`, which `creator` starts at `now`.
///
/// # Errors
/// INTERNAL if no pseudonym can be made.
pub fn new_job(id: JobId, user: UserId, creator: UserId, now: Timestamp) -> Result<Job, Error> {
    // The job's own id would tell who asked, and when.
    let random = uuid::Uuid::new_v4().simple().to_string();
    let begun = Begun {
        user: user.clone(),
        pseudonym: pseudonym_of(&random).ok_or_else(|| Error::internal("a pseudonym is no id"))?,
        step: Step::Enter,
        sweeps: 0,
        is_clean: false,
        after: None,
        state: Sweeping::default(),
        told: Counts::default(),
        read_until: None,
        removed_files: 0,
    };
    let checkpoint = serde_json::to_value(begun).map_err(Error::internal)?;
    let job = Job::new(id, JobKind::EraseUser, creator, Map::new(), checkpoint, now);
    Ok(Job { erases: Some(user), ..job })
}

/// The profile under which the erasures of a customer lie.
///
/// # Errors
/// INTERNAL if it is none.
pub fn profile_of_erasures(tenant: &CustomerTenant) -> Result<Tenant, Error> {
    tenant.profile_in(&format!("{}/profiles/{EVERY_PROFILE}", tenant.name())).map_err(Error::internal)
}

/// The entry of `user` in the list of erasures, if they are in it.
///
/// # Errors
/// UNAVAILABLE if the storage does not answer; INTERNAL if the entry cannot be read.
pub async fn listed(app: &App, tenant: &CustomerTenant, user: &UserId) -> Result<Option<Listed>, Error> {
    let entry = app.erasures.storage()?.get(&key_in_list(tenant, user)).await?;
    entry.map(|entry| serde_json::from_slice(&entry).map_err(Error::internal)).transpose()
}

async fn list(app: &App, tenant: &CustomerTenant, user: &UserId, entry: &Listed) -> Result<(), Error> {
    let bytes = serde_json::to_vec(entry).map_err(Error::internal)?;
    let key = key_in_list(tenant, user);
    let file = NewFile { key: &key, content_type: "application/json", file_name: "erasure.json", bytes };
    app.erasures.storage()?.put(file).await
}

/// Where the list has `user`: it names nobody.
fn key_in_list(tenant: &CustomerTenant, user: &UserId) -> String {
    let hash = digest(&SHA256, tenant.name_of(user).as_bytes());
    let digits: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/{digits}", tenant.customer())
}

/// The kind of job that erases a person.
#[derive(Debug)]
pub struct ErasureKind;

impl Kind for ErasureKind {
    fn kind(&self) -> JobKind {
        JobKind::EraseUser
    }

    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a> {
        Box::pin(slice(work))
    }
}

async fn slice(work: &mut Work<'_>) -> Result<Sliced, Stopped> {
    let mut begun: Begun = serde_json::from_value(work.job.checkpoint.clone()).map_err(Error::internal)?;
    let (app, tenant) = (work.app, work.tenant.of_customer());
    let now = app.now()?;
    match begun.step {
        Step::Enter => {
            let entry = listed(app, &tenant, &begun.user).await?;
            // What was erased before, and is there again after a restore, has its pseudonym already.
            if let Some(entry) = &entry {
                begun.pseudonym.clone_from(&entry.pseudonym);
            }
            let erase_time = entry.and_then(|entry| entry.erase_time);
            let entry = Listed { pseudonym: begun.pseudonym.clone(), start_time: now.to_string(), erase_time };
            list(app, &tenant, &begun.user, &entry).await?;
            app.store.stand_in(&tenant, &begun.erased(&tenant), now).await?;
            begun.read_until = Some(now.to_string());
            begun.go_on(Step::Sweep)
        }
        Step::Leave => {
            app.store.remove_user(&tenant, &begun.user, now).await?;
            begun.read_until = Some(now.to_string());
            begun.go_on(Step::Settle)
        }
        Step::Settle => {
            tokio::time::sleep(LONGEST_REQUEST.min(app.answer_within)).await;
            begun.go_on(Step::SweepAgain)
        }
        Step::Sweep | Step::SweepAgain => sweep(work, begun, &tenant, now).await,
    }
}

impl Begun {
    fn erased(&self, tenant: &CustomerTenant) -> Erased {
        Erased::new(tenant, self.user.clone(), self.pseudonym.clone())
    }

    fn go_on(self, step: Step) -> Result<Sliced, Stopped> {
        let begun = Self { step, ..self };
        Ok(Sliced::GoOn(serde_json::to_value(begun).map_err(Error::internal)?))
    }

    /// The report: of the last whole sweep, or of the first as far as it has come.
    fn report(&self, tenant: &CustomerTenant) -> Result<Map<String, Value>, Error> {
        let counts = if self.sweeps == 0 { &self.state.counts } else { &self.told };
        let pseudonym = tenant.name_of(&self.pseudonym);
        let report = ErasureReport::new(pseudonym, counts, self.removed_files, self.state.removed_requests);
        match serde_json::to_value(report).map_err(Error::internal)? {
            Value::Object(fields) => Ok(fields),
            _ => Err(Error::internal("a report is no object")),
        }
    }

    fn percent(&self) -> u8 {
        match (self.step, self.sweeps) {
            (Step::SweepAgain, _) => LEFT_PERCENT,
            (_, 0) => SWEEPING_PERCENT,
            _ => SWEPT_PERCENT,
        }
    }
}

/// Sweeps until the slice is over, or the sweep is.
async fn sweep(
    work: &mut Work<'_>,
    mut begun: Begun,
    tenant: &CustomerTenant,
    now: Timestamp,
) -> Result<Sliced, Stopped> {
    let app = work.app;
    let erased = begun.erased(tenant);
    loop {
        let part = app.store.part_of_table(tenant, begun.after.as_ref()).await?;
        let mut sweep = Sweep::new(&app.store, tenant, &erased, now, begun.is_clean, begun.state.clone());
        let erasing = sweep.erase(&part).await;
        let (state, warnings) = (sweep.state, sweep.warnings);
        warnings.into_iter().for_each(|warning| work.warn(warning));
        erasing?;
        begun.state = state;
        if begun.state.changed {
            begun.read_until = Some(app.now()?.to_string());
        }
        for key in part.jobs() {
            erase_job(work, &mut begun, &erased, &key).await?;
        }
        begun.after.clone_from(&part.next);
        work.report = begun.report(tenant)?;
        let processed = work.progress.processed + u64::try_from(part.len()).unwrap_or(0);
        work.advance(Progress { percent: begun.percent(), processed, skipped: 0 }).await?;
        if part.next.is_none() {
            break;
        }
        if work.is_over() {
            let step = begun.step;
            return begun.go_on(step);
        }
    }
    end_of_sweep(work, begun, tenant).await
}

async fn end_of_sweep(work: &mut Work<'_>, mut begun: Begun, tenant: &CustomerTenant) -> Result<Sliced, Stopped> {
    begun.sweeps += 1;
    begun.told = begun.state.counts;
    begun.is_clean = !begun.state.changed;
    begun.state = begun.state.next();
    work.report = begun.report(tenant)?;
    match (begun.step, begun.is_clean) {
        (step, false) if begun.sweeps < MAX_SWEEPS => begun.go_on(step),
        (_, false) => {
            let message = "others keep changing what names the person; what is done stays, so start it again";
            Err(Stopped::Failed(JobFailure::new(Code::Aborted, KEPT_CHANGING, message)))
        }
        (Step::SweepAgain, true) => {
            let app = work.app;
            let entry = listed(app, tenant, &begun.user).await?;
            let erase_time = app.now()?.to_string();
            let start_time = entry.map_or_else(|| erase_time.clone(), |entry| entry.start_time);
            let entry = Listed { pseudonym: begun.pseudonym.clone(), start_time, erase_time: Some(erase_time) };
            list(app, tenant, &begun.user, &entry).await?;
            Ok(Sliced::Done)
        }
        (_, true) => begun.go_on(Step::Leave),
    }
}

/// Puts the pseudonym into the job at `key` in the place of the person. Another job that may have read what is erased
/// loses its files; if it is unfinished, it ends.
async fn erase_job(work: &mut Work<'_>, begun: &mut Begun, erased: &Erased, key: &str) -> Result<(), Error> {
    let app = work.app;
    let Some((_, profile, id)) = keys::parse_job(key) else { return Ok(()) };
    let customer = work.tenant.of_customer();
    let tenant = customer.profile_in(&format!("{}/profiles/{profile}", customer.name())).map_err(Error::internal)?;
    if tenant == *work.tenant && id == work.job.id {
        return Ok(());
    }
    let now = app.now()?;
    let job = match app.store.job(&tenant, &id, now).await {
        Err(error) if error.reason() == Reason::RecordUnreadable => {
            work.warn(format!("'{}' cannot be read, and is not erased from", tenant.name_of(&id)));
            return Ok(());
        }
        found => found?,
    };
    let Some(job) = job else { return Ok(()) };
    let read_until = begun.read_until.as_deref().and_then(Timestamp::parse);
    let may_have_read = read_until.is_some_and(|until| job.create_time <= until);
    if may_have_read && !job.files_removed {
        for file in &job.files {
            app.files.storage()?.remove(&Job::key_of(&tenant, &id, &file.stored_as)).await?;
        }
    }
    let mut removed = 0;
    let changed = app.store.change_job(&tenant, &id, now, |job, now| {
        removed = 0;
        let mut changed = rename(job, erased);
        if may_have_read && !job.files.is_empty() && !job.files_removed {
            removed = job.files.len();
            job.files_removed = true;
            changed = true;
        }
        if ends(job, erased, may_have_read) {
            let message = "a person was erased whom it has to do with, or may have; start it again";
            job.fail(JobFailure::new(Code::Aborted, PERSON_ERASED, message), now);
            changed = true;
        }
        Ok(changed)
    });
    let job = match changed.await {
        Err(error) if error.code() == Code::NotFound => return Ok(()),
        changed => changed?,
    };
    begun.removed_files += u64::try_from(removed).unwrap_or(0);
    begun.state.counts.jobs += u64::from(erased.is(&job.creator) || is_asked_about(&job, erased));
    Ok(())
}

/// Whether a job cannot go on: it exports what is being erased, or was asked about the person.
fn ends(job: &Job, erased: &Erased, may_have_read: bool) -> bool {
    let reads = (job.kind.is_export() && may_have_read) || is_asked_about(job, erased);
    !job.state.is_final() && job.kind != JobKind::EraseUser && reads
}

/// Whether the request of `job` names the person or the pseudonym.
fn is_asked_about(job: &Job, erased: &Erased) -> bool {
    erased.is_in(&Value::Object(job.request.clone()).to_string())
}

/// Puts the pseudonym in the place of the person in what `job` tells; returns whether anything changed.
fn rename(job: &mut Job, erased: &Erased) -> bool {
    let mut changed = job.creator == erased.id;
    if changed {
        job.creator.clone_from(&erased.pseudonym);
    }
    for fields in [&mut job.request, &mut job.report] {
        for value in fields.values_mut() {
            changed |= erased.rename(value, &[]);
        }
    }
    let message = job.failure.as_mut().map(|failure| &mut failure.message);
    for text in job.warnings.iter_mut().chain(message) {
        if let Some(renamed) = erased.renamed(text) {
            *text = renamed;
            changed = true;
        }
    }
    changed
}
