//! Does jobs in turns. The table's stream wakes it: with a record of each job that is new, or whose next turn is to be done.
//!
//! It has no route. With the event `{"customer": "…", "profile": "…", "job": "…"}` an operator has it do a job until its time
//! is nearly up, if the stream is off, as on a restored table; `"finished": false` asks to invoke it again.
//!
//! With the event `{"customer": "…", "erasedSince": "…"}` it erases again, one after the other, all who are in the list of
//! erasures since that time and in the directory all the same, as after a restore of the table to that time.
//!
//! A record that comes twice or late does nothing: its turn is done. A turn that fails is told again by the stream, ten times
//! at most, and begins at the same checkpoint. Of two workers on one turn, the later one's work counts.

use std::time::Instant;

use coaching_domain::job::{EVERY_PROFILE, Job, JobState};
use coaching_domain::names::JobId;
use coaching_domain::{Error, Id, Tenant, Timestamp};
use coaching_edge::{Access, App, ListIndex, Partition, Size, Task};
use coaching_jobs::{KINDS, Turn, erasure, work};
use coaching_store::keys;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The task.
pub static TASK: Task = Task {
    name: "run-job",
    // A whole CPU, and time for a slice of 45 seconds, its files and its checkpoint.
    size: Size { memory_mb: 1769, timeout_seconds: 120 },
    woken_by_jobs: true,
    writes_files: true,
    keeps_erasures: true,
    access: &[
        // An erasure reads histories of records that no index lists any more.
        Access::Scan,
        // Deletions are read for what they hide.
        Access::GetItem(&[
            Partition::Job,
            Partition::Deletions,
            Partition::Plan,
            Partition::Agent,
            Partition::Group,
            Partition::Groups,
        ]),
        Access::BatchGetItem(&[
            Partition::Scorecard,
            Partition::Template,
            Partition::Target,
            Partition::Agent,
            Partition::Statistics,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[
            Partition::Plan,
            Partition::Session,
            Partition::Comment,
            Partition::Scorecard,
            Partition::Agent,
            Partition::Statistics,
            Partition::Activity,
            Partition::User,
        ]),
        Access::QueryIndex(
            ListIndex::Profile,
            &[
                Partition::Scorecards,
                Partition::Sessions,
                Partition::Agents,
                Partition::PastCoaching,
                Partition::AgentsOfCustomer,
                Partition::PastUsers,
            ],
        ),
        Access::QueryIndex(ListIndex::Agent, &[Partition::ScorecardsOfAgent, Partition::SessionsOfAgent]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan, Partition::TargetsOfPlan]),
        Access::QueryIndex(
            ListIndex::Usecase,
            &[Partition::SessionsOfUsecase, Partition::TargetsOfUsecase, Partition::PastTargetsOfUsecase],
        ),
        Access::QueryIndex(ListIndex::Open, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::SessionTime, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::UpdateTime, &[Partition::Sessions]),
        Access::PutItem(&[
            Partition::Plan,
            Partition::Session,
            Partition::Comment,
            Partition::Scorecard,
            Partition::Target,
            Partition::Agent,
            Partition::Statistics,
            Partition::Activity,
            Partition::User,
            Partition::UserNames,
            Partition::Group,
            Partition::Groups,
            Partition::GroupNames,
            Partition::GroupsOfManager,
            Partition::Job,
            Partition::Erasure,
        ]),
        Access::UpdateItem(&[
            Partition::Plan,
            Partition::Template,
            Partition::Agent,
            Partition::AgentCounts,
            Partition::Statistics,
            Partition::Order,
            Partition::UnfinishedJobs,
        ]),
        Access::DeleteItem(&[
            Partition::Agent,
            Partition::Statistics,
            Partition::Activity,
            Partition::User,
            Partition::UserNames,
            Partition::GroupsOfManager,
            Partition::Request,
            Partition::Rebuild,
            Partition::Backfill,
            Partition::Erasure,
        ]),
    ],
    handle: |app, event, until| Box::pin(handle(app, event, until)),
};

/// An event.
#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Stream(StreamEvent),
    ByHand(ByHand),
    Again(Again),
}

/// Records of the table's stream.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamEvent {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    dynamodb: Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: Keys,
    new_image: Option<Image>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Keys {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Image {
    wake: Option<Boolean>,
    turn: Option<Number>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

#[derive(Deserialize)]
struct Boolean {
    #[serde(rename = "BOOL")]
    value: bool,
}

#[derive(Deserialize)]
struct Number {
    #[serde(rename = "N")]
    digits: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    customer: String,
    profile: String,
    job: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Again {
    customer: String,
    erased_since: String,
}

/// The result of erasing again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EraseAgainResponse {
    /// The number of people whom this invocation erased.
    pub erased_count: u64,
    /// The jobs that ended otherwise.
    pub failed_jobs: Vec<String>,
    /// Whether nobody is left; if not, the next invocation goes on.
    pub finished: bool,
}

/// The result of an invocation by hand.
#[derive(Debug, Serialize)]
pub struct RunJobResponse {
    /// The job's state.
    pub state: &'static str,
    /// The part of it that is done, in percent.
    pub percent: u8,
    /// Whether it has ended.
    pub finished: bool,
}

async fn handle(app: &App, event: Value, until: Instant) -> Result<Value, Error> {
    let event = serde_json::from_value(event).map_err(|_| {
        Error::invalid_field(
            "job",
            "the event must hold customer, profile and job, or customer and erasedSince, or be of the table's stream",
        )
    })?;
    match event {
        Event::Stream(event) => {
            for record in event.records {
                do_turn(app, &record.dynamodb, until).await?;
            }
            Ok(Value::Null)
        }
        Event::ByHand(ByHand { customer, profile, job }) => {
            #[expect(clippy::disallowed_methods, reason = "an operator invokes this, through no route")]
            let tenant = Tenant::for_maintenance(&customer, &profile)?;
            let id = Id::parse(&job).ok_or_else(|| Error::invalid_field("job", "must be the id of a job"))?;
            let job = run(app, &tenant, &id, until).await?;
            let state = job.state;
            let response =
                RunJobResponse { state: state.name(), percent: job.progress.percent, finished: state.is_final() };
            serde_json::to_value(response).map_err(Error::internal)
        }
        Event::Again(Again { customer, erased_since }) => {
            let since = Timestamp::parse(&erased_since)
                .ok_or_else(|| Error::invalid_field("erasedSince", "must be a time such as 2026-06-01T12:00:00Z"))?;
            let response = erase_again(app, &customer, since, until).await?;
            serde_json::to_value(response).map_err(Error::internal)
        }
    }
}

/// Does the turn of which a record of the stream tells, if it tells of one. The customer and the profile are those of the
/// key, whatever the rest of the record says.
async fn do_turn(app: &App, change: &Change, until: Instant) -> Result<(), Error> {
    let Some(image) = &change.new_image else { return Ok(()) };
    let is_waking = image.wake.as_ref().is_some_and(|wake| wake.value);
    let turn = image.turn.as_ref().and_then(|turn| turn.digits.parse::<u32>().ok());
    let job = keys::parse_job(&change.keys.pk.text).filter(|_| change.keys.sk.text == keys::JOB && is_waking);
    let (Some((customer, profile, id)), Some(turn)) = (job, turn) else { return Ok(()) };
    #[expect(clippy::disallowed_methods, reason = "the stream invokes this, through no route")]
    let tenant = Tenant::for_maintenance(customer, profile)?;
    work(app, &KINDS, &tenant, &id, turn, until).await.map(|_| ())
}

/// Does turns of the job `id` until it has ended or the time is up, at least one.
///
/// # Errors
/// NOT_FOUND; the errors of a turn.
pub async fn run(app: &App, tenant: &Tenant, id: &JobId, until: Instant) -> Result<Job, Error> {
    loop {
        let job = app.store.job(tenant, id, app.now()?).await?.ok_or_else(|| Error::not_found(&tenant.name_of(id)))?;
        if job.state.is_final() {
            return Ok(job);
        }
        let turn = work(app, &KINDS, tenant, id, job.turn, until).await?;
        if turn != Turn::Ended && Instant::now() >= until {
            return Ok(job);
        }
    }
}

/// Erases again all users of `customer` who were erased at `since` or later, according to the list of erasures, and are in
/// the directory all the same: one after the other, until the time is up, at least a turn. Repeated, it goes on with those
/// who are left.
///
/// # Errors
/// INVALID_ARGUMENT if there can be no such customer; the errors of a turn.
pub async fn erase_again(
    app: &App,
    customer: &str,
    since: Timestamp,
    until: Instant,
) -> Result<EraseAgainResponse, Error> {
    #[expect(clippy::disallowed_methods, reason = "an operator invokes this, through no route")]
    let profile = Tenant::for_maintenance(customer, EVERY_PROFILE)?;
    let tenant = profile.of_customer();
    let operator = Id::parse(OPERATOR).ok_or_else(|| Error::internal("the operator is no id"))?;
    let mut response = EraseAgainResponse { erased_count: 0, failed_jobs: Vec::new(), finished: false };
    let mut after = None;
    loop {
        let part = app.store.part_of_table(&tenant, after.as_ref()).await?;
        for user in part.users() {
            let entry = erasure::listed(app, &tenant, &user).await?;
            // A pseudonym is in no list, and who was erased before the time to which the table went back is somebody new.
            if !entry.is_some_and(|entry| entry.is_since(since)) {
                continue;
            }
            let now = app.now()?;
            let job = erasure::new_job(app.new_id(now)?, user, operator.clone(), now)?;
            let started = app.store.create_job(&profile, &job, None).await?;
            let ended = run(app, &profile, &started.id, until).await?;
            match ended.state {
                JobState::Succeeded => response.erased_count += 1,
                state if state.is_final() => response.failed_jobs.push(profile.name_of(&started.id)),
                _ => return Ok(response),
            }
        }
        after = part.next;
        if after.is_none() {
            response.finished = true;
            return Ok(response);
        }
    }
}

/// Who starts the jobs of [`erase_again`], for the records of them.
const OPERATOR: &str = "operator";
