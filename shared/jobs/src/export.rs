//! Exports: in the answer of a request if they are short, else by a job. What is exported is declared once, by
//! [`Exported`]: how it is read, and what the rows are. The answer and the job read and write it alike.
//!
//! It is no snapshot: each row is as it was when it was read. What is read keeps its place, so nothing is read twice, and
//! nothing is missed that was there throughout.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use coaching_domain::export::{Export, FileForm};
use coaching_domain::job::{Job, JobFailure, JobKind, MAX_CHECKPOINT_BYTES, MAX_REQUEST_BYTES, Progress};
use coaching_domain::message::Message;
use coaching_domain::names::UserId;
use coaching_domain::references::References;
use coaching_domain::{Caller, Code, Error, Tenant, Timestamp};
use coaching_edge::{Answer, App, Creation, Request, bytes_in_answer};
use coaching_store::{Cursor, Unreadable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::kind::{Kind, Sliced, Slicing, Stopped, Work};
use crate::rows::{Cells, Rows};

/// The most bytes and the longest time of an export in the answer. It must fit into what a function may answer too, so
/// to a client that takes nothing compressed it is [`MAX_NOT_COMPRESSED`] at most.
const MAX_IN_PLACE: usize = 16 * 1024 * 1024;
const LONGEST_IN_PLACE: Duration = Duration::from_secs(5);
/// The most bytes that it takes in an answer that is not compressed, where some characters are escaped.
const MAX_NOT_COMPRESSED: usize = 4 * 1024 * 1024;
/// The most bytes and rows of a file.
const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;
const MAX_FILE_ROWS: u64 = 1_000_000;
/// The most rows of an export.
const MAX_ROWS: u64 = 20_000_000;

/// A request that says what is exported.
pub trait Exported: Message + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of job that exports it.
    const KIND: JobKind;
    /// What is found out when the export begins, and holds for all of it.
    type Fixed: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Reads it.
    type Reading<'a>: Reading + Send;

    /// The resources that it names and that must exist, for `caller`.
    fn references(&self, caller: &Caller) -> References;

    /// Finds out what holds for all of an export in this form.
    fn fix(
        &self,
        app: &App,
        tenant: &Tenant,
        form: &FileForm,
    ) -> impl Future<Output = Result<Self::Fixed, Error>> + Send;

    /// Makes ready to read what `begun` exports.
    fn reading<'a>(
        app: &'a App,
        tenant: &'a Tenant,
        begun: &'a Begun<Self>,
    ) -> impl Future<Output = Result<Self::Reading<'a>, Error>> + Send;

    /// The name of its files, asked for at `now`, without what tells several apart.
    fn file_stem(&self, now: Timestamp) -> String;
}

/// Reads what is exported, part by part, and says what its rows are.
pub trait Reading {
    /// One of what is exported.
    type Entry: Send + Sync;

    /// The columns of a table. Published names never change; new ones are only appended.
    fn columns(&self) -> Vec<String>;

    /// The next part, after `after`.
    fn next(&mut self, after: Option<&Cursor>) -> impl Future<Output = Result<Part<Self::Entry>, Error>> + Send;

    /// The message of `entry`, as lists answer it.
    fn message<'e>(&'e self, entry: &'e Self::Entry) -> impl Serialize + 'e;

    /// The rows of `entry` in a table.
    fn rows(&self, entry: &Self::Entry, cells: Cells<'_>) -> Vec<Vec<String>>;
}

/// A part of what is exported.
#[derive(Debug)]
pub struct Part<E> {
    /// In their order; none if all that were read are left out.
    pub entries: Vec<E>,
    /// The place after it; `None` if nothing follows.
    pub next: Option<Cursor>,
    /// The part of all that is behind then, 0 to 99 percent, if that is known; else 0.
    pub percent: u8,
    /// The number of records that were left out, because they cannot be read.
    pub skipped: u64,
}

impl<E> Part<E> {
    /// The last part, which has these entries.
    pub(crate) fn last(entries: Vec<E>) -> Self {
        Self { entries, next: None, percent: 99, skipped: 0 }
    }

    /// The same part with `make` applied to each entry.
    pub(crate) fn map<T>(self, make: impl FnMut(E) -> T) -> Part<T> {
        let Self { entries, next, percent, skipped } = self;
        Part { entries: entries.into_iter().map(make).collect(), next, percent, skipped }
    }
}

/// An export that has been begun: the point from which it goes on, which a job keeps between its turns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Begun<E: Exported> {
    /// What is exported, in which form.
    pub(crate) export: Export<E>,
    /// When it was asked for. What follows from the time, such as states, is that of this moment.
    pub(crate) asked_at: Timestamp,
    /// The agent who asked for it, and gets what agents see; `None`: somebody else.
    pub(crate) agent: Option<UserId>,
    /// What holds for all of it.
    pub(crate) fixed: E::Fixed,
    /// The place of the last that was read.
    pub(crate) after: Option<String>,
}

impl<E: Exported> Begun<E> {
    /// Begins `export` at `now`, asked for by `agent` or by somebody else.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it cannot be exported in this form; UNAVAILABLE if the table does not answer.
    pub async fn new(
        app: &App,
        tenant: &Tenant,
        export: Export<E>,
        agent: Option<UserId>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let fixed = export.asked.fix(app, tenant, &export.form).await?;
        Ok(Self { export, asked_at: now, agent, fixed, after: None })
    }

    /// The answer with what is exported, if all of it can be read, fits into the answer, which may be `compressed`, and is
    /// read in time.
    async fn in_place(&self, app: &App, tenant: &Tenant, compressed: bool) -> Result<Option<Answer>, Error> {
        let most = if compressed { MAX_IN_PLACE } else { MAX_NOT_COMPRESSED };
        let until = Instant::now() + LONGEST_IN_PLACE.min(app.answer_within / 2);
        let mut reading = E::reading(app, tenant, self).await?;
        let mut file = Rows::new(&self.export.form, &reading.columns())?;
        let (mut after, mut skipped) = (None, 0);
        loop {
            let part = reading.next(after.as_ref()).await?;
            for entry in &part.entries {
                file.add(&reading.message(entry), |cells| reading.rows(entry, cells))?;
            }
            skipped += part.skipped;
            after = part.next;
            if file.bytes() > most || (after.is_some() && Instant::now() >= until) {
                return Ok(None);
            }
            if after.is_none() {
                break;
            }
        }
        let rows = file.count();
        let content = String::from_utf8(file.into_bytes()?).map_err(Error::internal)?;
        // A record that cannot be read is told by a job.
        if skipped > 0 || !app.store.unreadable().is_empty() {
            return Ok(None);
        }
        let response = ExportResponse {
            content: Some(&content),
            content_type: Some(self.export.form.format().content_type()),
            file_name: Some(self.file_name(None)),
            row_count: Some(rows),
            job: None,
        };
        if compressed {
            return Answer::compressed(&response);
        }
        let fits = bytes_in_answer(&content)? <= MAX_NOT_COMPRESSED;
        fits.then(|| Answer::json(&response)).transpose()
    }

    /// The checkpoint at which a job begins.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the request and what holds for all of the export take more than [`MAX_CHECKPOINT_BYTES`].
    pub fn first_checkpoint(&self) -> Result<Value, Error> {
        let checkpoint = self.checkpoint()?;
        if checkpoint.to_string().len() > MAX_CHECKPOINT_BYTES {
            let fault = "names too much for a job, with the templates whose criteria have columns; name less";
            return Err(Error::invalid_field("body", fault));
        }
        Ok(checkpoint)
    }

    fn checkpoint(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(Error::internal)
    }

    /// The name under which the file is downloaded; `part` tells several apart.
    fn file_name(&self, part: Option<usize>) -> String {
        let part = part.map(|part| format!("-{part}")).unwrap_or_default();
        let stem = self.export.asked.file_stem(self.asked_at);
        format!("{stem}{part}.{}", self.export.form.format().extension())
    }
}

/// What is exported, or the job that exports it.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportResponse<'a> {
    /// The file's content.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    /// A name for the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    /// The number of rows in it, without the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_count: Option<u64>,
    /// The job that makes the files: `customers/{customer}/profiles/{profile}/jobs/{job}`. Absent if there is `content`.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
}

/// Answers a request to export an `E`: with all of it, or with the job that exports it.
///
/// Agents get it in the answer or not at all: jobs are not for them to read.
///
/// # Errors
/// INVALID_ARGUMENT naming every bad field, and what does not exist; from an agent, also if it does not fit into the
/// answer. RESOURCE_EXHAUSTED if the profile has the most unfinished jobs; UNAVAILABLE if the table does not answer.
pub async fn answer<E: Exported>(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<Export<E>>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;
    let agent = caller.agent();
    if agent.is_some() && new.form.as_job {
        return Err(Error::invalid_field("asJob", "must be absent: an agent's export is in the answer"));
    }

    let in_place: OnceLock<Answer> = OnceLock::new();
    let export = async |record| {
        app.store.unknown_names(&tenant, &new.asked.references(caller), false).await?.into_result()?;
        let begun = Begun::new(app, &tenant, new.clone(), agent.cloned(), *now).await?;
        if !new.form.as_job
            && let Some(answer) = begun.in_place(app, &tenant, request.takes_gzip()).await?
        {
            let _ = in_place.set(answer);
            // Nothing is created. If the request has an id, a job that it started before is looked for now.
            return Err(Error::internal("an export is answered without a job"));
        }
        if agent.is_some() {
            let fault = "asks for more than an answer takes, or for what cannot be read; ask for less at once";
            return Err(Error::invalid_field("body", fault));
        }
        let body = request.body_as_sent(MAX_REQUEST_BYTES)?;
        let (id, creator) = (app.new_id(*now)?, caller.user().clone());
        let job = Job::new(id, E::KIND, creator, body, begun.first_checkpoint()?, *now);
        app.store.create_job(&tenant, &job, record).await
    };
    let created = creation.once(app, &tenant, export).await;

    match (created, in_place.into_inner()) {
        (Ok(created), _) => {
            Answer::json(&ExportResponse { job: Some(tenant.name_of(&created.id)), ..ExportResponse::default() })
        }
        (Err(_), Some(answer)) => Ok(answer),
        (Err(error), None) => Err(error),
    }
}

/// The kind of job that exports an `E`.
#[derive(Debug)]
pub struct ExportKind<E>(PhantomData<E>);

impl<E> ExportKind<E> {
    /// The kind.
    pub const KIND: Self = Self(PhantomData);
}

impl<E: Exported> Kind for ExportKind<E> {
    fn kind(&self) -> JobKind {
        E::KIND
    }

    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a> {
        Box::pin(slice::<E>(work))
    }
}

/// Reads until the slice is over, into files that are full, but for the last.
async fn slice<E: Exported>(work: &mut Work<'_>) -> Result<Sliced, Stopped> {
    let begun: Begun<E> = serde_json::from_value(work.job.checkpoint.clone()).map_err(Error::internal)?;
    let (app, tenant, form) = (work.app, work.tenant, &begun.export.form);
    let mut reading = E::reading(app, tenant, &begun).await?;
    let columns = reading.columns();
    let mut file = Rows::new(form, &columns)?;
    let mut progress = work.job.progress;
    let mut after = begun.after.clone().map(Cursor::from_text);
    loop {
        let part = reading.next(after.as_ref()).await?;
        for entry in &part.entries {
            file.add(&reading.message(entry), |cells| reading.rows(entry, cells))?;
            if file.bytes() >= MAX_FILE_BYTES || file.count() >= MAX_FILE_ROWS {
                keep(work, &begun, std::mem::replace(&mut file, Rows::new(form, &columns)?)).await?;
            }
        }
        if work.row_count() + file.count() > MAX_ROWS {
            let message = format!("the export has more than {MAX_ROWS} rows; ask for less at once");
            return Err(Stopped::Failed(JobFailure::new(Code::ResourceExhausted, "TOO_MANY_ROWS", message)));
        }
        progress = Progress {
            percent: part.percent,
            processed: progress.processed + u64::try_from(part.entries.len()).unwrap_or(u64::MAX),
            skipped: progress.skipped + part.skipped,
        };
        work.advance(progress).await?;
        after = part.next;
        if after.is_none() || work.is_over() {
            break;
        }
    }
    // An export of nothing is a file too.
    if file.count() > 0 || (after.is_none() && work.file_count() == 0) {
        keep(work, &begun, file).await?;
    }
    for unreadable in app.store.unreadable().iter().map(Unreadable::name) {
        work.warn(format!("'{unreadable}' cannot be read"));
    }
    match after {
        None => Ok(Sliced::Done),
        Some(after) => Ok(Sliced::GoOn(Begun { after: Some(after.into_text()), ..begun.clone() }.checkpoint()?)),
    }
}

async fn keep<E: Exported>(work: &mut Work<'_>, begun: &Begun<E>, file: Rows<'_>) -> Result<(), Stopped> {
    let (count, format) = (file.count(), begun.export.form.format());
    // A small export is one file, and needs no number.
    let part = Some(work.file_count() + 1).filter(|part| *part > 1);
    let bytes = file.into_bytes()?;
    work.keep(begun.file_name(part), format.extension(), format.content_type(), bytes, count).await
}
