//! Jobs: work that takes longer than a request, done by a worker in turns.
//!
//! A turn is one part of the work, from one checkpoint to the next. A worker claims a turn before it works on it, and
//! each claim is an attempt of its own: what it writes counts only while no later claim was made.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::backfill::BackfillReport;
use crate::erasure::ErasureReport;
use crate::etag::etag_of;
use crate::names::{JobId, ScorecardTemplateId, UserId};
use crate::rules::Enumeration;
use crate::{Code, Error, Reason, Tenant, Timestamp, Version};

/// The most unfinished jobs of a profile.
pub const MAX_UNFINISHED: u32 = 5;
/// The most bytes of JSON that the request of a job takes. With this, the next three and the longest names, a job takes
/// less than the 400 KB of an item.
pub const MAX_REQUEST_BYTES: usize = 128 * 1024;
/// The most bytes of JSON that a job begins with.
pub const MAX_CHECKPOINT_BYTES: usize = 112 * 1024;
/// The most warnings of a job.
pub const MAX_WARNINGS: usize = 100;
/// The most files of a job.
pub const MAX_FILES: usize = 400;
/// The most attempts at one turn.
pub const MAX_ATTEMPTS: u32 = 10;
/// The reason of a job that was tried too often, or took too long.
const ATTEMPTS_EXHAUSTED: &str = "ATTEMPTS_EXHAUSTED";
/// The most turns of a job.
const MAX_TURNS: u32 = 20_000;
/// The longest that a job may take.
const LONGEST: TimeDelta = TimeDelta::hours(48);
/// The time from the end of a job until its record expires.
const KEPT: TimeDelta = TimeDelta::days(30);
/// The time from the end of a job until its files expire.
const FILES_KEPT: TimeDelta = TimeDelta::days(7);
/// The time for which a link to a file is good.
pub const LINKS_LAST: Duration = Duration::from_secs(15 * 60);

/// The profile under which jobs lie that span a customer's profiles: `-`, as AIP-159 has it. Only callers of all profiles
/// enter it.
pub const EVERY_PROFILE: &str = "-";

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JobKind)]
pub enum JobKind {
    /// It exports scorecards.
    #[serde(rename = "EXPORT_SCORECARDS")]
    ExportScorecards,
    /// It exports sessions.
    #[serde(rename = "EXPORT_COACHING_SESSIONS")]
    ExportSessions,
    /// It exports progress.
    #[serde(rename = "EXPORT_COACHING_PROGRESSES")]
    ExportProgresses,
    /// It exports overviews.
    #[serde(rename = "EXPORT_COACHING_OVERVIEWS")]
    ExportOverviews,
    /// It re-scores scorecards.
    #[serde(rename = "BACKFILL")]
    Backfill,
    /// It tells what a backfill would do.
    #[serde(rename = "VALIDATE_BACKFILL")]
    ValidateBackfill,
    /// It erases a user.
    #[serde(rename = "ERASE_USER")]
    EraseUser,
}

impl Enumeration for JobKind {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("EXPORT_SCORECARDS", Self::ExportScorecards),
        ("EXPORT_COACHING_SESSIONS", Self::ExportSessions),
        ("EXPORT_COACHING_PROGRESSES", Self::ExportProgresses),
        ("EXPORT_COACHING_OVERVIEWS", Self::ExportOverviews),
        ("BACKFILL", Self::Backfill),
        ("VALIDATE_BACKFILL", Self::ValidateBackfill),
        ("ERASE_USER", Self::EraseUser),
    ];
}

impl JobKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(self)
    }

    /// Whether it exports records.
    pub fn is_export(self) -> bool {
        match self {
            Self::ExportScorecards | Self::ExportSessions | Self::ExportProgresses | Self::ExportOverviews => true,
            Self::Backfill | Self::ValidateBackfill | Self::EraseUser => false,
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = JobState)]
pub enum JobState {
    /// No worker has begun it.
    Pending,
    /// A worker has begun it.
    Running,
    /// It is done.
    Succeeded,
    /// It cannot go on.
    Failed,
    /// It is to stop, and the worker has not stopped yet.
    Cancelling,
    /// It was stopped.
    Cancelled,
}

impl Enumeration for JobState {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("PENDING", Self::Pending),
        ("RUNNING", Self::Running),
        ("SUCCEEDED", Self::Succeeded),
        ("FAILED", Self::Failed),
        ("CANCELLING", Self::Cancelling),
        ("CANCELLED", Self::Cancelled),
    ];
}

impl JobState {
    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(self)
    }

    /// Whether the job has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// The name of `value`.
pub fn name_of<E: Enumeration + PartialEq>(value: E) -> &'static str {
    E::VALUES.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| *name)
}

/// The value of this name.
pub fn named<E: Enumeration>(name: &str) -> Option<E> {
    E::VALUES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// How much of a job is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The part that is done, 0 to 99; 100 only when all is done.
    pub percent: u8,
    /// The number of records that were worked on.
    pub processed: u64,
    /// The number of records that were left out, because they cannot be read, or not be written.
    pub skipped: u64,
}

impl Progress {
    /// The later one of two: neither of its numbers falls.
    fn or_later(self, other: Self) -> Self {
        Self {
            percent: self.percent.max(other.percent).min(99),
            processed: self.processed.max(other.processed),
            skipped: self.skipped.max(other.skipped),
        }
    }
}

/// A file that a job made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFile {
    /// Its name among the files of the job, which is the end of its key in storage.
    pub stored_as: String,
    /// The name under which it is downloaded.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Its size, in bytes.
    pub size: u64,
    /// The number of rows in it, without a header.
    pub rows: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The number of the `google.rpc.Code`.
    pub code: u8,
    /// The name of the code.
    pub status: String,
    /// The reason, in words that do not change.
    pub reason: String,
    /// A text for people.
    pub message: String,
}

impl JobFailure {
    /// A failure with `reason`.
    pub fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self { code: code.number(), status: code.name().to_owned(), reason: reason.to_owned(), message: message.into() }
    }

    /// The failure of a job whose turn failed as often as it may, at last with `error`.
    pub fn exhausted(error: &Error) -> Self {
        Self {
            message: format!("a part of the job failed ten times, at last so: {}", error.message()),
            ..Self::too_often()
        }
    }

    fn too_often() -> Self {
        Self::new(Code::Internal, ATTEMPTS_EXHAUSTED, "a part of the job failed ten times")
    }

    /// The failure that `error` is to a job.
    pub fn of(error: &Error) -> Self {
        Self::new(error.code(), error.reason().as_str(), error.message())
    }
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The number of times it was written, from 1 on; each write is conditional on it.
    pub version: Version,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// How much of it is done.
    pub progress: Progress,
    /// Who started it.
    pub creator: UserId,
    /// When it was started.
    pub create_time: Timestamp,
    /// When a worker began it.
    pub start_time: Option<Timestamp>,
    /// When it last changed.
    pub update_time: Timestamp,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// The body of the request that started it.
    pub request: Map<String, Value>,
    /// The files that it has made up to its checkpoint.
    pub files: Vec<JobFile>,
    /// Why it failed.
    pub failure: Option<JobFailure>,
    /// What those who read its results should know, at most [`MAX_WARNINGS`] texts.
    pub warnings: Vec<String>,
    /// The number of the turn that is to be done, or is being done.
    pub turn: u32,
    /// The number of times that a worker claimed this turn.
    pub attempt: u32,
    /// Whether a worker is to be woken for this turn.
    pub wake: bool,
    /// From where this turn goes on; only its kind reads it.
    pub checkpoint: Value,
    /// What it found, or did, up to the checkpoint, by its kind; empty if that tells nothing.
    pub report: Map<String, Value>,
    /// The templates whose scorecards no other job re-scores while it is unfinished.
    pub templates: Vec<ScorecardTemplateId>,
    /// The user whom it erases, and no other job does, while it is unfinished. Once it has ended, nothing of it names them.
    pub erases: Option<UserId>,
    /// Whether its files were removed before they expired.
    pub files_removed: bool,
}

/// What a claim of a turn leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The turn is to be done.
    Work,
    /// The job has ended with this claim.
    Ended,
    /// The turn was done already, or the job has ended.
    Refused,
}

impl Job {
    /// A job of `kind` that `creator` starts at `now` with `request`, and that begins at `checkpoint`.
    pub fn new(
        id: JobId,
        kind: JobKind,
        creator: UserId,
        request: Map<String, Value>,
        checkpoint: Value,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            version: Version::first(now),
            kind,
            state: JobState::Pending,
            progress: Progress::default(),
            creator,
            create_time: now,
            start_time: None,
            update_time: now,
            end_time: None,
            request,
            files: Vec::new(),
            failure: None,
            warnings: Vec::new(),
            turn: 0,
            attempt: 0,
            wake: true,
            checkpoint,
            report: Map::new(),
            templates: Vec::new(),
            erases: None,
            files_removed: false,
        }
    }

    /// Claims turn `turn` for a worker at `now`. A job that is to stop stops; one that was tried too often, or takes too
    /// long, fails.
    pub fn claim(&mut self, turn: u32, now: Timestamp) -> Claim {
        if self.state.is_final() || self.turn != turn {
            return Claim::Refused;
        }
        if self.stop(now) {
            return Claim::Ended;
        }
        let is_late = self.turn >= MAX_TURNS || self.create_time.plus(LONGEST) <= now;
        if is_late {
            self.fail(JobFailure::new(Code::Internal, ATTEMPTS_EXHAUSTED, "the job took longer than 48 hours"), now);
            return Claim::Ended;
        }
        if self.attempt >= MAX_ATTEMPTS {
            self.fail(JobFailure::too_often(), now);
            return Claim::Ended;
        }
        self.state = JobState::Running;
        self.start_time.get_or_insert(now);
        self.attempt += 1;
        self.wake = false;
        self.update_time = now;
        Claim::Work
    }

    /// Whether the worker with this claim still has it.
    pub fn is_claimed(&self, turn: u32, attempt: u32) -> bool {
        (self.turn, self.attempt) == (turn, attempt) && !self.state.is_final()
    }

    /// Notes `progress`.
    pub fn advance(&mut self, progress: Progress, now: Timestamp) {
        self.progress = self.progress.or_later(progress);
        self.update_time = now;
    }

    /// Ends this turn: the next one goes on from `checkpoint`.
    pub fn go_on_from(&mut self, checkpoint: Value, now: Timestamp) {
        self.checkpoint = checkpoint;
        self.turn += 1;
        self.attempt = 0;
        self.wake = true;
        self.update_time = now;
    }

    /// Stops the job if it is to stop; returns whether it was.
    pub fn stop(&mut self, now: Timestamp) -> bool {
        let stops = self.state == JobState::Cancelling;
        if stops {
            self.end(JobState::Cancelled, now);
        }
        stops
    }

    /// Ends the job as done.
    pub fn succeed(&mut self, now: Timestamp) {
        self.progress.percent = 100;
        self.end(JobState::Succeeded, now);
    }

    /// Ends the job with a failure.
    pub fn fail(&mut self, failure: JobFailure, now: Timestamp) {
        self.failure = Some(failure);
        self.end(JobState::Failed, now);
    }

    /// Asks for it to stop; returns whether that changed anything. A repeat changes nothing.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it ended otherwise.
    pub fn cancel(&mut self, now: Timestamp) -> Result<bool, Error> {
        match self.state {
            JobState::Pending => self.end(JobState::Cancelled, now),
            JobState::Running => {
                self.state = JobState::Cancelling;
                self.update_time = now;
            }
            JobState::Cancelling | JobState::Cancelled => return Ok(false),
            JobState::Succeeded | JobState::Failed => {
                return Err(Error::new(Reason::JobFinished, "the job has ended, and cannot be cancelled"));
            }
        }
        Ok(true)
    }

    fn end(&mut self, state: JobState, now: Timestamp) {
        self.state = state;
        self.wake = false;
        // What the next turn would have begun with is of no use any more.
        self.checkpoint = Value::Null;
        self.erases = None;
        if state != JobState::Succeeded {
            self.files.clear();
        }
        self.end_time = Some(now);
        self.update_time = now;
    }

    /// When its record expires; `None` while it has not ended.
    pub fn expire_time(&self) -> Option<Timestamp> {
        self.end_time.map(|end| end.plus(KEPT))
    }

    /// Whether its record has expired at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expire_time().is_some_and(|time| time <= now)
    }

    /// When its files expire; `None` while it has not ended.
    fn files_expire_time(&self) -> Option<Timestamp> {
        self.end_time.map(|end| end.plus(FILES_KEPT))
    }

    /// Its files, if they can be read at `now`: once the job is done, until they expire or are removed.
    pub fn files_at(&self, now: Timestamp) -> &[JobFile] {
        let are_kept = !self.files_removed && self.files_expire_time().is_some_and(|time| now < time);
        match self.state == JobState::Succeeded && are_kept {
            true => &self.files,
            false => &[],
        }
    }

    /// The key of the file `stored_as` of the job `id`, in the storage of files.
    pub fn key_of(tenant: &Tenant, id: &JobId, stored_as: &str) -> String {
        format!("{}/{}/{id}/{stored_as}", tenant.customer(), tenant.profile())
    }

    /// Its etag (AIP-154).
    pub fn etag(&self) -> String {
        etag_of(self.version, self.update_time)
    }

    /// The job as `tenant`'s clients read it at `now`. `link` makes the address of a file and tells until when it is
    /// good.
    ///
    /// # Errors
    /// The errors of `link`.
    pub fn message(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        link: impl Fn(&JobFile) -> Result<Option<(String, Timestamp)>, Error>,
    ) -> Result<JobMessage<'_>, Error> {
        let files = self.files_at(now);
        let expire_time = self.files_expire_time();
        let results = files.iter().map(|file| {
            let (uri, uri_expire_time) = link(file)?.unzip();
            Ok(JobResultMessage {
                uri,
                uri_expire_time,
                file_name: &file.file_name,
                content_type: &file.content_type,
                size_bytes: file.size,
                row_count: file.rows,
                sha256: &file.sha256,
                expire_time,
            })
        });
        Ok(JobMessage {
            name: tenant.name_of(&self.id),
            kind: self.kind,
            state: self.state,
            progress_percent: self.progress.percent,
            processed_count: self.progress.processed,
            skipped_count: self.progress.skipped,
            creator_user_name: tenant.name_of(&self.creator),
            create_time: self.create_time,
            start_time: self.start_time,
            update_time: self.update_time,
            end_time: self.end_time,
            expire_time: self.expire_time(),
            request: &self.request,
            results: results.collect::<Result<_, Error>>()?,
            results_expired: files.len() < self.files.len() && self.state == JobState::Succeeded,
            error: self.failure.as_ref().map(|failure| JobErrorMessage {
                code: failure.code,
                status: &failure.status,
                message: &failure.message,
                reason: &failure.reason,
            }),
            warnings: &self.warnings,
            report: &self.report,
            etag: self.etag(),
        })
    }
}

/// A job: work that the service does beside requests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub struct JobMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/jobs/{job}`.
    name: String,
    /// What it does.
    kind: JobKind,
    /// How far it is.
    state: JobState,
    /// The part of it that is done, 0 to 99, and 100 once it has succeeded. It never falls.
    progress_percent: u8,
    /// The number of records that were worked on.
    processed_count: u64,
    /// The number of records that were left out, because they cannot be read, or not be written.
    skipped_count: u64,
    /// Who started it: `customers/{customer}/users/{user}`.
    creator_user_name: String,
    /// When it was started.
    create_time: Timestamp,
    /// When a worker began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Timestamp>,
    /// When it last changed.
    update_time: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Timestamp>,
    /// When its record expires, 30 days after it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<Timestamp>,
    /// The body of the request that started it.
    #[schema(value_type = Object)]
    request: &'a Map<String, Value>,
    /// The files that it made, once it has succeeded.
    results: Vec<JobResultMessage<'a>>,
    /// Whether it made files that have expired, or were removed when a person was erased; absent: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    results_expired: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobErrorMessage<'a>>,
    /// What readers of its results should know, such as the names of records that were left out; at most 100 texts.
    warnings: &'a [String],
    /// What a backfill did up to now, or a validation found: as `validate-backfill` tells it; what an erasure did. Other jobs have none.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Option<JobReport>)]
    report: &'a Map<String, Value>,
    /// Opaque version, to send in `If-Match`.
    etag: String,
}

/// A report, by the kind of the job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = JobReport)]
#[expect(dead_code, reason = "it is the schema of what kinds of jobs report")]
enum JobReport {
    /// Of a backfill or a validation.
    Backfill(BackfillReport),
    /// Of an erasure.
    Erasure(ErasureReport),
}

/// A file that a job made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobResult)]
struct JobResultMessage<'a> {
    /// The address of the file, for a `GET` without a token. `get-job` makes a new one each time; lists have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    /// Until when the address is good: 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_expire_time: Option<Timestamp>,
    /// The name under which it is downloaded.
    file_name: &'a str,
    /// Its media type.
    content_type: &'a str,
    /// Its size, in bytes.
    size_bytes: u64,
    /// The number of rows in it, without a header.
    row_count: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    sha256: &'a str,
    /// When it expires, 7 days after the end of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<Timestamp>,
}

/// Why a job failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobError)]
struct JobErrorMessage<'a> {
    /// The number of the `google.rpc.Code`.
    code: u8,
    /// The name of the `google.rpc.Code`.
    status: &'a str,
    /// A text for people.
    message: &'a str,
    /// The reason, in words that do not change, such as `ATTEMPTS_EXHAUSTED`.
    reason: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_780_000_000 + seconds).unwrap()
    }

    fn job() -> Job {
        let (id, creator) = (JobId::parse("one").unwrap(), UserId::parse("maria").unwrap());
        Job::new(id, JobKind::ExportScorecards, creator, Map::new(), Value::Null, time(0))
    }

    #[test]
    fn a_turn_is_claimed_ten_times_and_then_the_job_fails() {
        let mut job = job();
        for attempt in 1..=10 {
            assert_eq!((job.claim(0, time(attempt)), job.attempt), (Claim::Work, u32::try_from(attempt).unwrap()));
        }
        assert_eq!((job.claim(0, time(11)), job.state), (Claim::Ended, JobState::Failed));
        assert_eq!(job.failure.as_ref().unwrap().reason, "ATTEMPTS_EXHAUSTED");
        assert_eq!(job.claim(0, time(12)), Claim::Refused);
    }

    #[test]
    fn a_job_that_takes_two_days_or_too_many_turns_fails() {
        let mut late = job();
        assert_eq!((late.claim(0, time(48 * 3600 - 1)), late.state), (Claim::Work, JobState::Running));
        assert_eq!((late.claim(0, time(48 * 3600)), late.state), (Claim::Ended, JobState::Failed));
        let mut endless = job();
        for turn in 0..20_000 {
            assert_eq!(endless.claim(turn, time(1)), Claim::Work);
            endless.go_on_from(Value::Null, time(1));
        }
        assert_eq!((endless.claim(20_000, time(1)), endless.state), (Claim::Ended, JobState::Failed));
    }

    #[test]
    fn a_later_claim_voids_an_earlier_one_and_old_turns_are_refused() {
        let mut job = job();
        job.claim(0, time(1));
        assert!(job.is_claimed(0, 1));
        job.claim(0, time(2));
        assert!(!job.is_claimed(0, 1) && job.is_claimed(0, 2));
        job.go_on_from(Value::Null, time(3));
        assert!(!job.is_claimed(0, 2) && job.wake);
        assert_eq!(job.claim(0, time(4)), Claim::Refused);
        assert_eq!((job.claim(1, time(4)), job.wake), (Claim::Work, false));
    }

    #[test]
    fn a_job_is_cancelled_at_once_or_by_its_worker() {
        let mut pending = job();
        assert_eq!((pending.cancel(time(1)).unwrap(), pending.state), (true, JobState::Cancelled));
        assert!(!pending.cancel(time(2)).unwrap());
        let mut running = job();
        running.claim(0, time(1));
        assert_eq!((running.cancel(time(2)).unwrap(), running.state), (true, JobState::Cancelling));
        assert!(!running.cancel(time(3)).unwrap());
        running.go_on_from(Value::Null, time(3));
        assert_eq!((running.claim(1, time(4)), running.state), (Claim::Ended, JobState::Cancelled));
        let mut done = job();
        done.claim(0, time(1));
        done.succeed(time(2));
        assert_eq!(done.cancel(time(3)).unwrap_err().reason(), Reason::JobFinished);
    }

    #[test]
    fn files_are_there_for_a_week_and_the_record_for_thirty_days() {
        let mut job = job();
        job.claim(0, time(0));
        job.files.push(JobFile {
            stored_as: "0-1-0.csv".to_owned(),
            file_name: "a.csv".to_owned(),
            content_type: "text/csv".to_owned(),
            size: 1,
            rows: 1,
            sha256: String::new(),
        });
        assert!(job.files_at(time(0)).is_empty(), "before it is done");
        job.succeed(time(0));
        let day = 24 * 3600;
        assert_eq!([time(7 * day - 1), time(7 * day)].map(|now| job.files_at(now).len()), [1, 0]);
        assert_eq!([time(30 * day - 1), time(30 * day)].map(|now| job.is_expired(now)), [false, true]);
    }

    proptest! {
        #[test]
        fn progress_never_falls_and_is_100_only_at_the_end(reports in prop::collection::vec((any::<u8>(), 0_u64..50, 0_u64..50), 1..20)) {
            let mut job = job();
            job.claim(0, time(0));
            let mut before = job.progress;
            for (percent, processed, skipped) in reports {
                job.advance(Progress { percent, processed, skipped }, time(1));
                prop_assert!(job.progress.percent >= before.percent && job.progress.percent < 100);
                prop_assert!(job.progress.processed >= before.processed && job.progress.skipped >= before.skipped);
                before = job.progress;
            }
            job.succeed(time(2));
            prop_assert_eq!(job.progress.percent, 100);
        }
    }
}
