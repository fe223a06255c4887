//! Backfills: submitted scorecards move to another revision of their template. A validation is the same without the
//! writes.
//!
//! Scorecards are read from the latest creation to the earliest, and written with their statistics and history, each
//! over the version that was read. A scorecard keeps what its last rescore did, and by which job: a slice that is done
//! again meets it as moved, and tells the same of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use coaching_domain::backfill::{BackfillConfig, BackfillReport, MAX_TOLD_BYTES, SCORECARDS_A_SECOND, Tally, Units};
use coaching_domain::change::Author;
use coaching_domain::job::{Job, JobFailure, JobKind, MAX_CHECKPOINT_BYTES, MAX_FILES, Progress};
use coaching_domain::names::{JobId, ScorecardId, ScorecardTemplateId, UserId};
use coaching_domain::rescore::{Incompatibility, Rescore, Total};
use coaching_domain::scorecard::{Scorecard, percent};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Caller, Code, Error, Reason, Role, Tenant, Timestamp};
use coaching_edge::App;
use coaching_store::{Cursor, ScorecardChange};
use futures_util::stream::{StreamExt, iter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kind::{Kind, Sliced, Slicing, Stopped, Work};

/// The operation that history names.
const OPERATION: &str = "start-backfill";
/// Scorecards that are read at once.
const PAGE: usize = 500;
/// The most agents who are read from a range each.
const MAX_RANGES: usize = 50;
/// Template revisions that are read at once, and the most that are remembered.
const REVISIONS_AT_ONCE: usize = 40;
const MAX_REMEMBERED_REVISIONS: usize = 200;
/// Scorecards of one agent that are written at once: with their histories, what a transaction takes.
const WRITTEN_AT_ONCE: usize = 48;
/// Agents whose scorecards are written concurrently.
const AGENTS_AT_ONCE: usize = 16;
/// The most attempts at a scorecard that others keep changing.
const ATTEMPTS: u32 = 5;
/// The most scorecards and the longest time of a validation in the answer.
const MAX_IN_PLACE: u64 = 20_000;
const LONGEST_IN_PLACE: Duration = Duration::from_secs(5);
/// The size of the rows of a file from which a slice ends.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
/// The part of a job, in percent, that compares the scorecards with a fingerprint.
const COMPARED_PERCENT: u8 = 20;
/// The reason of a job whose scorecards do not have its fingerprint.
const CHANGED_SINCE_VALIDATION: &str = "CHANGED_SINCE_VALIDATION";

/// A backfill or validation that has been begun: the point from which it goes on, which a job keeps between its turns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begun {
    config: BackfillConfig,
    /// The templates, each in the revision that scorecards move to.
    targets: Vec<(ScorecardTemplateId, u32)>,
    /// The fingerprint that the scorecards must have.
    fingerprint: Option<String>,
    /// Whether they were compared with it, and were the same.
    is_compared: bool,
    /// The role of who started the job, by its name.
    role: String,
    /// The place of the last scorecard that was read.
    after: Option<String>,
    tally: Tally,
}

impl Begun {
    /// Begins what `config` asks for, for `caller`: fixes the revisions to move to.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming each field with what does not exist; FAILED_PRECONDITION if a template is deleted;
    /// UNAVAILABLE if the table does not answer.
    pub async fn new(
        app: &App,
        tenant: &Tenant,
        caller: &Caller,
        config: BackfillConfig,
        fingerprint: Option<String>,
    ) -> Result<Self, Error> {
        let mut violations = app.store.unknown_names(tenant, &config.references(caller), false).await?;
        let revisions = config.revisions();
        let keys: HashSet<_> =
            revisions.flat_map(|(_, id, number)| [(id.clone(), None), (id.clone(), number)]).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let found = app.store.templates(tenant, &keys, true).await?;
        if let Some(unreadable) = found.unreadable.into_iter().next() {
            return Err(unreadable.into());
        }
        let mut targets = Vec::new();
        for (field, id, number) in config.revisions() {
            let mut found = found.entries.iter().filter(|template| template.id == *id);
            let target = found.find(|template| match number {
                Some(number) => template.revision == number,
                None => template.settings.is_some(),
            });
            match target {
                Some(target) => targets.push((id.clone(), target.revision)),
                None => violations.add(field, "names no revision of a template"),
            }
        }
        violations.into_result()?;
        for (field, id, _) in config.revisions() {
            let current = found.entries.iter().find(|template| template.id == *id && template.settings.is_some());
            current.map_or(Ok(()), |current| current.check_not_deleted(&field))?;
        }
        let role = caller.role().as_str().to_owned();
        let tally = Tally::default();
        Ok(Self { config, targets, fingerprint, is_compared: false, role, after: None, tally })
    }

    /// What a backfill would do, if all scorecards are few enough for an answer and are read in time.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn in_place(
        &self,
        app: &App,
        tenant: &Tenant,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Option<BackfillReport>, Error> {
        let until = Instant::now() + LONGEST_IN_PLACE.min(app.answer_within / 2);
        // The history that is not written would name a job.
        let author = JobAuthor { job: app.new_id(now)?, caller: caller.clone() };
        let mut walk = Walk::new(app, tenant, self.clone(), &author, None);
        while !walk.is_done {
            walk.settle_page().await?;
            if walk.begun.tally.scorecards() > MAX_IN_PLACE || (!walk.is_done && Instant::now() >= until) {
                return Ok(None);
            }
        }
        // A record that cannot be read is told by a job.
        Ok((walk.skipped == 0).then(|| walk.report()))
    }

    /// A job of `kind` for it, under `id`, which `creator` starts at `now` by sending `body`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it names too much for a job.
    pub fn into_job(
        self,
        kind: JobKind,
        id: JobId,
        creator: UserId,
        body: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Job, Error> {
        let checkpoint = self.checkpoint()?;
        if checkpoint.to_string().len() > MAX_CHECKPOINT_BYTES - MAX_TOLD_BYTES {
            return Err(Error::invalid_field("config", "names too much for a job; name less"));
        }
        let templates = self.targets.iter().map(|(id, _)| id.clone());
        let templates = if kind == JobKind::Backfill { templates.collect() } else { Vec::new() };
        Ok(Job { templates, ..Job::new(id, kind, creator, body, checkpoint, now) })
    }

    fn checkpoint(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(Error::internal)
    }

    /// What identifies what a backfill does now: what is asked for, and each scorecard that moves, in its version.
    fn fingerprint_found(&self) -> Result<String, Error> {
        let (count, digests) = self.tally.moving();
        let asked = serde_json::to_string(&(&self.config, &self.targets, count)).map_err(Error::internal)?;
        let digits = sha256(&[asked.as_bytes(), digests]).map(|byte| format!("{byte:02x}"));
        Ok(digits.concat())
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// Lets scorecards be written at an even pace.
#[derive(Debug)]
struct Pace(Mutex<Instant>);

impl Pace {
    fn from(now: Instant) -> Self {
        Self(Mutex::new(now))
    }

    /// When `count` more may be written, asked at `now`. Time in which nothing is written is not made up for.
    fn begin(&self, count: usize, now: Instant) -> Instant {
        let takes = Duration::from_secs(1) * u32::try_from(count).unwrap_or(u32::MAX) / SCORECARDS_A_SECOND;
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = now.max(*next);
        *next = begin + takes;
        begin
    }

    /// Waits until `count` more may be written.
    async fn wait(&self, count: usize) {
        tokio::time::sleep_until(self.begin(count, Instant::now()).into()).await;
    }
}

/// Who re-scores.
#[derive(Debug)]
struct JobAuthor {
    job: JobId,
    caller: Caller,
}

/// What is to be done with a scorecard, as it was read.
enum Judged {
    /// It is none of those that the config wants.
    Unwanted,
    UpToDate,
    /// This job moved it before.
    Moved(Rescore),
    Moves(Box<ScorecardChange>),
    Incompatible(Incompatibility),
    /// Its revision cannot be read.
    Unreadable,
}

/// What became of a scorecard.
enum Settled {
    UpToDate,
    Moved(Box<Scorecard>, Rescore, [u8; 32]),
    Incompatible(Box<Scorecard>, Incompatibility),
    /// The reason.
    Skipped(String),
}

/// A row of the file that a backfill makes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    scorecard_name: String,
    revision_before: u32,
    revision_after: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_before: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_after: Option<f64>,
    /// `CHANGED`, `UNCHANGED`, or why it did not move.
    outcome: &'static str,
}

/// The way through the scorecards in the range of a backfill.
struct Walk<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    begun: Begun,
    author: &'a JobAuthor,
    /// How fast scorecards are written; `None`: nothing is written.
    pace: Option<&'a Pace>,
    is_done: bool,
    skipped: u64,
    warnings: Vec<String>,
    /// The creation of the last scorecard that was read.
    reached: Option<Timestamp>,
    /// Those that moved or cannot, as lines of JSON.
    rows: Vec<u8>,
    row_count: u64,
    revisions: HashMap<(ScorecardTemplateId, u32), Option<ScorecardTemplate>>,
}

impl<'a> Walk<'a> {
    fn new(app: &'a App, tenant: &'a Tenant, begun: Begun, author: &'a JobAuthor, pace: Option<&'a Pace>) -> Self {
        Self {
            app,
            tenant,
            begun,
            author,
            pace,
            is_done: false,
            skipped: 0,
            warnings: Vec::new(),
            reached: None,
            rows: Vec::new(),
            row_count: 0,
            revisions: HashMap::new(),
        }
    }

    /// What it found, or did.
    fn report(&self) -> BackfillReport {
        let begun = &self.begun;
        let fingerprint = match self.pace {
            Some(_) => begun.fingerprint.clone(),
            None => begun.fingerprint_found().ok(),
        };
        begun.tally.report(self.tenant, &begun.targets, fingerprint, self.pace.is_none())
    }

    /// Reads the next scorecards, moves them if they are to be written, and counts them.
    async fn settle_page(&mut self) -> Result<(), Error> {
        let page = self.page().await?;
        let settled = self.settle(page).await?;
        settled.into_values().try_for_each(|settled| self.count(settled))
    }

    /// The next scorecards; none if all that were read are unwanted.
    async fn page(&mut self) -> Result<Vec<Scorecard>, Error> {
        let config = self.begun.config.clone();
        let created = config.start..config.end;
        let agents = if config.agents.len() <= MAX_RANGES { config.agents.clone() } else { Vec::new() };
        let after = self.begun.after.take().map(Cursor::from_text);
        let before = self.app.store.consumed().read_units;
        let wanted = move |scorecard: &Scorecard| config.wants(scorecard);
        let page = self.app.store.scorecards_created(self.tenant, &created, &agents, wanted, after.as_ref(), PAGE);
        let page = page.await?;
        let half_reads = half_units(self.app.store.consumed().read_units - before);
        self.begun.tally.add_units(Units { half_reads, writes: 0 });
        for name in page.unreachable(page.entries.len()) {
            self.skip(&name, "it cannot be read");
        }
        self.is_done = page.next.is_none();
        self.begun.after = page.next.map(Cursor::into_text);
        self.reached = page.entries.last().map(|last| last.create_time).or(self.reached);
        Ok(page.entries)
    }

    fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        self.warnings.push(format!("'{name}' was left out: {why}"));
    }

    /// What became of each of `page`, in its order, without those that are unwanted.
    async fn settle(&mut self, page: Vec<Scorecard>) -> Result<BTreeMap<usize, Settled>, Error> {
        let mut settled = BTreeMap::new();
        let mut left: BTreeMap<usize, Scorecard> = page.into_iter().enumerate().collect();
        for attempt in 0..ATTEMPTS {
            self.know_revisions(left.values()).await?;
            let changes = self.judge_all(&mut left, &mut settled)?;
            // Fewer at once, so that one that others keep changing holds up fewer.
            let written = self.write(changes, (WRITTEN_AT_ONCE >> (2 * attempt)).max(1)).await?;
            for (place, change, written) in written {
                let settled_now = match left.get(&place) {
                    Some(read) => self.settled_by(read, change, written)?,
                    None => None,
                };
                if let Some(settled_now) = settled_now {
                    settled.insert(place, settled_now);
                    left.remove(&place);
                }
            }
            if left.is_empty() {
                return Ok(settled);
            }
            left = self.read_again(left).await?;
        }
        for (place, scorecard) in left {
            let name = self.tenant.name_of(&scorecard.id);
            settled.insert(place, Settled::Skipped(format!("'{name}' was left out: others keep changing it")));
        }
        Ok(settled)
    }

    /// The changes of those of `left` that move, by their agents. What needs none is moved from `left` to `settled`.
    fn judge_all(
        &self,
        left: &mut BTreeMap<usize, Scorecard>,
        settled: &mut BTreeMap<usize, Settled>,
    ) -> Result<BTreeMap<UserId, Vec<(usize, ScorecardChange)>>, Error> {
        let now = self.app.now()?;
        let mut changes: BTreeMap<UserId, Vec<(usize, ScorecardChange)>> = BTreeMap::new();
        for (place, scorecard) in std::mem::take(left) {
            let of_scorecard = match self.judge(&scorecard, now) {
                Judged::Unwanted => continue,
                Judged::UpToDate => Settled::UpToDate,
                Judged::Moved(rescore) => Settled::Moved(Box::new(scorecard), rescore, [0; 32]),
                Judged::Incompatible(reason) => Settled::Incompatible(Box::new(scorecard), reason),
                Judged::Unreadable => {
                    let unreadable = self.app.store.without_template(self.tenant, &scorecard.id);
                    Settled::Skipped(format!("'{}' was left out: its revision cannot be read", unreadable.name()))
                }
                Judged::Moves(change) => {
                    changes.entry(scorecard.agent.clone()).or_default().push((place, *change));
                    left.insert(place, scorecard);
                    continue;
                }
            };
            settled.insert(place, of_scorecard);
        }
        Ok(changes)
    }

    /// What became of the scorecard that was `read`, by the result of writing its `change`; `None` if it has changed since
    /// it was read.
    fn settled_by(
        &self,
        read: &Scorecard,
        change: ScorecardChange,
        written: Result<bool, Error>,
    ) -> Result<Option<Settled>, Error> {
        match written {
            Ok(true) => {
                let rescore = change.after.rescore.clone();
                let rescore = rescore.ok_or_else(|| Error::internal("a scorecard moves and tells nothing of it"))?;
                Ok(Some(Settled::Moved(Box::new(change.after), rescore, digest_of(read))))
            }
            Ok(false) => Ok(None),
            Err(error) if error.code() == Code::Aborted => Ok(None),
            Err(error) if matches!(error.reason(), Reason::StatisticsFull | Reason::RecordUnreadable) => {
                let name = self.tenant.name_of(&read.id);
                Ok(Some(Settled::Skipped(format!("'{name}' was left out: {}", error.message()))))
            }
            // Another attempt at the whole turn may succeed.
            Err(error) => Err(error),
        }
    }

    /// Those of `left` that are still there, as they are now: others changed them, or scorecards of the same transaction.
    async fn read_again(&mut self, left: BTreeMap<usize, Scorecard>) -> Result<BTreeMap<usize, Scorecard>, Error> {
        let ids: Vec<ScorecardId> = left.values().map(|scorecard| scorecard.id.clone()).collect();
        let found = self.app.store.scorecards_by_id(self.tenant, &ids).await?;
        for unreadable in &found.unreadable {
            self.skip(unreadable.name(), "it cannot be read");
        }
        let mut found: HashMap<ScorecardId, Scorecard> =
            found.entries.into_iter().map(|scorecard| (scorecard.id.clone(), scorecard)).collect();
        Ok(left.into_iter().filter_map(|(place, read)| Some((place, found.remove(&read.id)?))).collect())
    }

    /// What is to be done with `scorecard` at `now`.
    fn judge(&self, scorecard: &Scorecard, now: Timestamp) -> Judged {
        let Begun { config, targets, .. } = &self.begun;
        let target = targets.iter().find(|(template, _)| *template == scorecard.template);
        let Some((_, target)) = target.filter(|_| config.wants(scorecard)) else { return Judged::Unwanted };
        if scorecard.revision == *target {
            let of_job = |rescore: &&Rescore| self.author.job == rescore.job;
            let by_this_job = scorecard.rescore.as_ref().filter(of_job);
            return by_this_job.map_or(Judged::UpToDate, |rescore| Judged::Moved(rescore.clone()));
        }
        let revision = |number: u32| self.revisions.get(&(scorecard.template.clone(), number))?.as_ref();
        let Some((before, after)) = revision(scorecard.revision).zip(revision(*target)) else {
            return Judged::Unreadable;
        };
        let JobAuthor { job, caller } = self.author;
        let author = Author { caller, operation: OPERATION, now }.not_before(scorecard.update_time);
        let on_maximum_change = config.on_maximum_change();
        match scorecard.rescored((before, after), on_maximum_change, job, caller.user(), author.now) {
            Err(reason) => Judged::Incompatible(reason),
            Ok(moved) => {
                let was = (scorecard, before);
                let change = ScorecardChange::replacing(self.tenant, was, moved, after, None, author);
                Judged::Moves(Box::new(change))
            }
        }
    }

    /// Writes changes of agents, so many of one at once, or tells only what that costs; returns what became of each.
    async fn write(
        &mut self,
        by_agent: BTreeMap<UserId, Vec<(usize, ScorecardChange)>>,
        at_once: usize,
    ) -> Result<Vec<(usize, ScorecardChange, Result<bool, Error>)>, Error> {
        let (app, tenant, pace, now) = (self.app, self.tenant, self.pace, self.app.now()?);
        let writes =
            iter(by_agent.into_values()).map(async |mut changes| {
                // Scorecards of one period go together, so that its statistics change once.
                changes.sort_by_key(|(_, change)| change.after.submit_time);
                let mut written = Vec::with_capacity(changes.len());
                let mut units = Units::default();
                while !changes.is_empty() {
                    let some: Vec<_> = changes.drain(..at_once.min(changes.len())).collect();
                    let of_some: Vec<ScorecardChange> = some.iter().map(|(_, change)| change.clone()).collect();
                    let Some(pace) = pace else {
                        units = units.and(app.store.cost_of_changes_of_agent(tenant, of_some).await?);
                        written.extend(some.into_iter().map(|(place, change)| (place, change, Ok(true))));
                        continue;
                    };
                    pace.wait(some.len()).await;
                    let mut results: HashMap<usize, Result<bool, Error>> =
                        app.store.write_changes_of_agent(tenant, of_some, now).await.into_iter().collect();
                    written.extend(some.into_iter().enumerate().map(|(number, (place, change))| {
                        (place, change, results.remove(&number).unwrap_or(Ok(false)))
                    }));
                }
                Ok::<_, Error>((written, units))
            });
        let mut writes = writes.buffer_unordered(AGENTS_AT_ONCE);
        let mut all = Vec::new();
        while let Some(written) = writes.next().await {
            let (written, units) = written?;
            self.begun.tally.add_units(units);
            all.extend(written);
        }
        Ok(all)
    }

    /// Reads the revisions that `scorecards` have and move to, as far as they are not known.
    async fn know_revisions(&mut self, scorecards: impl Iterator<Item = &Scorecard>) -> Result<(), Error> {
        if self.revisions.len() > MAX_REMEMBERED_REVISIONS {
            self.revisions.clear();
        }
        let had = scorecards.map(|scorecard| (scorecard.template.clone(), scorecard.revision));
        let needed: HashSet<_> = had.chain(self.begun.targets.iter().cloned()).collect();
        let unknown = needed.into_iter().filter(|revision| !self.revisions.contains_key(revision));
        let unknown: Vec<_> = unknown.map(|(id, revision)| (id, Some(revision))).collect();
        for unknown in unknown.chunks(REVISIONS_AT_ONCE) {
            // A revision may be a moment old.
            let found = self.app.store.revisions(self.tenant, unknown, true).await?;
            for (id, revision) in unknown {
                self.revisions.extend(revision.map(|revision| ((id.clone(), revision), None)));
            }
            let found = found.entries.into_iter();
            self.revisions.extend(found.map(|template| ((template.id.clone(), template.revision), Some(template))));
        }
        Ok(())
    }

    /// Counts what became of a scorecard.
    fn count(&mut self, settled: Settled) -> Result<(), Error> {
        let tally = &mut self.begun.tally;
        match settled {
            Settled::UpToDate => tally.add_up_to_date(),
            Settled::Skipped(why) => {
                tally.add_skipped();
                self.skipped += 1;
                self.warnings.push(why);
            }
            Settled::Moved(scorecard, rescore, digest) => {
                tally.add_moving(&scorecard, &rescore, number_of(&scorecard.agent), &digest);
                let outcome = if rescore.changes { "CHANGED" } else { "UNCHANGED" };
                let totals = [rescore.before, rescore.after];
                self.add_row(&scorecard.id, (rescore.revision_before, rescore.revision_after), totals, outcome)?;
            }
            Settled::Incompatible(scorecard, reason) => {
                tally.add_incompatible(&scorecard.id, reason);
                let before = self.revisions.get(&(scorecard.template.clone(), scorecard.revision));
                let total = before.into_iter().flatten().map(|template| Total::of(&scorecard.totals(template))).next();
                let total = total.unwrap_or(Total { hundredths: None, auto_failed: false });
                let revision = scorecard.revision;
                self.add_row(&scorecard.id, (revision, revision), [total, total], reason.reason())?;
            }
        }
        Ok(())
    }

    fn add_row(
        &mut self,
        id: &ScorecardId,
        (revision_before, revision_after): (u32, u32),
        [before, after]: [Total; 2],
        outcome: &'static str,
    ) -> Result<(), Error> {
        if self.pace.is_none() {
            return Ok(());
        }
        let total = |total: Total| total.hundredths.map(percent);
        let (total_before, total_after) = (total(before), total(after));
        let scorecard_name = self.tenant.name_of(id);
        let row = Row { scorecard_name, revision_before, revision_after, total_before, total_after, outcome };
        serde_json::to_writer(&mut self.rows, &row).map_err(Error::internal)?;
        self.rows.push(b'\n');
        self.row_count += 1;
        Ok(())
    }
}

/// A number that tells the version of `scorecard` that was read from others.
fn digest_of(scorecard: &Scorecard) -> [u8; 32] {
    sha256(&[scorecard.id.as_str().as_bytes(), b"#", &u64::from(scorecard.version).to_be_bytes()])
}

/// A number for `agent`.
fn number_of(agent: &UserId) -> u64 {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth, ..] = sha256(&[agent.as_str().as_bytes()]);
    u64::from_be_bytes([first, second, third, fourth, fifth, sixth, seventh, eighth])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a difference of whole halves from zero up"
)]
fn half_units(units: f64) -> u64 {
    (units * 2.0).round() as u64
}

/// The kind of job that re-scores.
#[derive(Debug)]
pub struct BackfillKind;

impl Kind for BackfillKind {
    fn kind(&self) -> JobKind {
        JobKind::Backfill
    }

    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a> {
        Box::pin(slice(work, true))
    }
}

/// The kind of job that tells what a backfill would do.
#[derive(Debug)]
pub struct ValidationKind;

impl Kind for ValidationKind {
    fn kind(&self) -> JobKind {
        JobKind::ValidateBackfill
    }

    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a> {
        Box::pin(slice(work, false))
    }
}

/// Goes on until the slice is over. A job that `writes` compares the scorecards with its fingerprint first, if it has one.
async fn slice(work: &mut Work<'_>, writes: bool) -> Result<Sliced, Stopped> {
    let begun: Begun = serde_json::from_value(work.job.checkpoint.clone()).map_err(Error::internal)?;
    let (app, tenant) = (work.app, work.tenant);
    let role = Role::parse(&begun.role).ok_or_else(|| Error::internal("a job was started in no role"))?;
    #[expect(clippy::disallowed_methods, reason = "this is the worker of jobs")]
    let caller = Caller::of_job(tenant, work.job.creator.clone(), role);
    let author = JobAuthor { job: work.job.id.clone(), caller };
    let compares = writes && begun.fingerprint.is_some() && !begun.is_compared;
    let pace = Pace::from(Instant::now());
    let pace = Some(&pace).filter(|_| writes && !compares);
    let (from, to) = match &begun.fingerprint {
        Some(_) if compares => (0, COMPARED_PERCENT),
        Some(_) if writes => (COMPARED_PERCENT, 100),
        _ => (0, 100),
    };
    let before = work.job.progress;
    let counted = begun.tally.scorecards();
    let mut walk = Walk::new(app, tenant, begun, &author, pace);
    while !walk.is_done {
        walk.settle_page().await?;
        walk.warnings.drain(..).for_each(|warning| work.warn(warning));
        // What is only compared is not worked on yet.
        let (mut processed, mut skipped) = (0, 0);
        if !compares {
            work.report = object(&walk.report())?;
            (processed, skipped) = (walk.begun.tally.scorecards() - counted, walk.skipped);
        }
        let part = walk.reached.map_or(0, |reached| walk.begun.config.percent_down_to(reached));
        let percent = from + u8::try_from(u32::from(part) * u32::from(to - from) / 100).unwrap_or(0);
        let (processed, skipped) = (before.processed + processed, before.skipped + skipped);
        work.advance(Progress { percent, processed, skipped }).await?;
        if work.is_over() || walk.rows.len() >= MAX_FILE_BYTES {
            break;
        }
    }
    keep_rows(work, &mut walk).await?;
    match (walk.is_done, compares) {
        (false, _) => Ok(Sliced::GoOn(walk.begun.checkpoint()?)),
        (true, false) => Ok(Sliced::Done),
        (true, true) if walk.begun.fingerprint == Some(walk.begun.fingerprint_found()?) => {
            let compared = Begun { is_compared: true, after: None, tally: Tally::default(), ..walk.begun };
            Ok(Sliced::GoOn(compared.checkpoint()?))
        }
        (true, true) => {
            let message = "fingerprint: the scorecards are others than those that were validated; validate again";
            Err(Stopped::Failed(JobFailure::new(Code::FailedPrecondition, CHANGED_SINCE_VALIDATION, message)))
        }
    }
}

/// Keeps the rows of a slice as a file, if there are any. Of a job with the most files, further scorecards are listed
/// nowhere; their histories tell the same.
async fn keep_rows(work: &mut Work<'_>, walk: &mut Walk<'_>) -> Result<(), Stopped> {
    if walk.row_count == 0 {
        return Ok(());
    }
    let number = work.file_count() + 1;
    if number > MAX_FILES {
        let warning =
            format!("only {MAX_FILES} files list what was re-scored; the histories of scorecards have all of it");
        if !work.job.warnings.contains(&warning) {
            work.warn(warning);
        }
        return Ok(());
    }
    let file_name = format!("rescored-{number}.ndjson");
    work.keep(file_name, "ndjson", "application/x-ndjson", std::mem::take(&mut walk.rows), walk.row_count).await
}

fn object(report: &BackfillReport) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(report).map_err(Error::internal)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::internal("a report is no object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hundred_scorecards_are_written_a_second_and_a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let pace = Pace::from(start);
        let after = |begin: Instant| begin.duration_since(start).as_millis();
        // 40 take a tenth of a second.
        let begins: Vec<u128> = (0..11).map(|_| after(pace.begin(40, start))).collect();
        assert_eq!(begins, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
        let later = start + Duration::from_secs(60);
        let begins: Vec<u128> = [40, 1, 40].map(|count| after(pace.begin(count, later))).into();
        assert_eq!(begins, [60_000, 60_100, 60_102]);
    }
}
