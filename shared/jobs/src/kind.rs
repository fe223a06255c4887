//! What a kind of job is to the worker.

use std::pin::Pin;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::TimeDelta;
use coaching_domain::job::{Job, JobFailure, JobFile, JobKind, JobState, MAX_FILES, Progress};
use coaching_domain::{Code, Error, Tenant, Timestamp};
use coaching_edge::{App, NewFile};
use serde_json::{Map, Value};

/// The time between two notes of how far a job is; a job that is to stop is noticed no later.
const NOTED_EVERY: TimeDelta = TimeDelta::seconds(5);

/// The future of a slice.
pub type Slicing<'a> = Pin<Box<dyn Future<Output = Result<Sliced, Stopped>> + Send + 'a>>;

/// A kind of job.
pub trait Kind: Send + Sync {
    /// Its name.
    fn kind(&self) -> JobKind;

    /// Does a part of the job: from its checkpoint until [`Work::until`], or until the end.
    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a>;
}

/// What a slice leads to.
#[derive(Debug)]
pub enum Sliced {
    /// The next one goes on from this checkpoint.
    GoOn(Value),
    /// The job is done.
    Done,
}

/// Why a slice ends early.
#[derive(Debug)]
pub enum Stopped {
    /// The job is to stop.
    Cancelled,
    /// Another worker has the turn, or the job has ended.
    Lost,
    /// The job cannot go on.
    Failed(JobFailure),
    /// It failed, and another attempt may succeed.
    Error(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A claimed turn of a job.
#[derive(Debug)]
pub struct Work<'a> {
    /// The app.
    pub app: &'a App,
    /// The profile.
    pub tenant: &'a Tenant,
    /// The job, as it was claimed.
    pub job: Job,
    /// When the slice must end.
    pub until: Instant,
    /// The files that the slice made.
    pub(crate) files: Vec<JobFile>,
    /// What the slice has to say.
    pub(crate) warnings: Vec<String>,
    /// What the job has found or done, if its kind tells that.
    pub(crate) report: Map<String, Value>,
    /// How far the job is.
    pub(crate) progress: Progress,
    noted: Timestamp,
    stored: u32,
}

impl<'a> Work<'a> {
    pub(crate) fn new(app: &'a App, tenant: &'a Tenant, job: Job, until: Instant) -> Self {
        let (progress, noted) = (job.progress, job.update_time);
        let (files, warnings, report) = (Vec::new(), Vec::new(), job.report.clone());
        Self { app, tenant, job, until, files, warnings, report, progress, noted, stored: 0 }
    }

    /// Whether it is time to end the slice.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// The number of files that the job has so far.
    pub fn file_count(&self) -> usize {
        self.job.files.len() + self.files.len()
    }

    /// The number of rows in all files of the job so far.
    pub fn row_count(&self) -> u64 {
        self.job.files.iter().chain(&self.files).map(|file| file.rows).sum()
    }

    /// Adds a text for those who read the results.
    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Notes how far the job is, if some time has passed since that was last noted.
    ///
    /// # Errors
    /// If the job is to stop, or another worker has it; or the table does not answer.
    pub async fn advance(&mut self, progress: Progress) -> Result<(), Stopped> {
        self.progress = progress;
        let now = self.app.now()?;
        if now < self.noted.plus(NOTED_EVERY) {
            return Ok(());
        }
        let (turn, attempt) = (self.job.turn, self.job.attempt);
        let noted = self.app.store.change_job(self.tenant, &self.job.id, now, |job, now| {
            if job.is_claimed(turn, attempt) {
                job.advance(progress, now);
                return Ok(true);
            }
            Ok(false)
        });
        let noted = noted.await?;
        self.noted = now;
        match noted.state {
            _ if !noted.is_claimed(turn, attempt) => Err(Stopped::Lost),
            JobState::Cancelling => Err(Stopped::Cancelled),
            _ => Ok(()),
        }
    }

    /// Keeps a file of the job: `bytes` with so many `rows`, downloaded as `file_name`.
    ///
    /// # Errors
    /// If the job has [`MAX_FILES`], or the storage does not take it.
    pub async fn keep(
        &mut self,
        file_name: String,
        extension: &str,
        content_type: &str,
        bytes: Vec<u8>,
        rows: u64,
    ) -> Result<(), Stopped> {
        if self.file_count() >= MAX_FILES {
            let message = format!("the job makes more than {MAX_FILES} files; ask for less at once");
            return Err(Stopped::Failed(JobFailure::new(Code::ResourceExhausted, "TOO_MANY_FILES", message)));
        }
        let number = self.stored;
        self.stored += 1;
        // Another attempt at this turn, or a worker that lost it, writes files of its own.
        let stored_as = format!("{}-{}-{number}.{extension}", self.job.turn, self.job.attempt);
        let key = Job::key_of(self.tenant, &self.job.id, &stored_as);
        let sha256 = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let file = NewFile { key: &key, content_type, file_name: &file_name, bytes };
        self.app.files.storage()?.put(file).await?;
        let content_type = content_type.to_owned();
        self.files.push(JobFile { stored_as, file_name, content_type, size, rows, sha256 });
        Ok(())
    }
}
