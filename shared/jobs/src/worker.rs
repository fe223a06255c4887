//! The worker: it claims a turn of a job, has its kind work on it, and writes the checkpoint.

use std::time::{Duration, Instant};

use coaching_domain::job::{Claim, Job, JobFailure, MAX_ATTEMPTS, MAX_WARNINGS};
use coaching_domain::names::JobId;
use coaching_domain::{Code, Error, Tenant, Timestamp};
use coaching_edge::App;

use crate::kind::{Kind, Sliced, Stopped, Work};

/// The longest that one turn works.
const SLICE: Duration = Duration::from_secs(45);

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is done; the next one follows.
    Done,
    /// The job has ended.
    Ended,
    /// There was nothing to do: the turn was done before, another worker has it, or there is no such job.
    Nothing,
}

/// Does turn `turn` of the job `id` with its kind of `kinds`, until `until` at the latest.
///
/// Repeated, it does nothing once the turn is done. Of two workers on one turn, the later claim counts.
///
/// # Errors
/// If this attempt failed and another may succeed.
pub async fn work(
    app: &App,
    kinds: &[&dyn Kind],
    tenant: &Tenant,
    id: &JobId,
    turn: u32,
    until: Instant,
) -> Result<Turn, Error> {
    let now = app.now()?;
    let mut claim = Claim::Refused;
    let claimed = app.store.change_job(tenant, id, now, |job, now| {
        claim = job.claim(turn, now);
        Ok(claim != Claim::Refused)
    });
    let job = match claimed.await {
        Err(error) if error.code() == Code::NotFound => return Ok(Turn::Nothing),
        claimed => claimed?,
    };
    match claim {
        Claim::Refused => return Ok(Turn::Nothing),
        Claim::Ended => return Ok(Turn::Ended),
        Claim::Work => {}
    }
    let Some(kind) = kinds.iter().find(|kind| kind.kind() == job.kind) else {
        return Err(Error::internal(format!("there is no worker for the kind {}", job.kind.name())));
    };
    let mut work = Work::new(app, tenant, job, until.min(Instant::now() + SLICE));
    let sliced = kind.slice(&mut work).await;
    match sliced {
        Err(Stopped::Lost) => Ok(Turn::Nothing),
        Err(Stopped::Error(error)) if may_succeed_again(&error) && work.job.attempt < MAX_ATTEMPTS => Err(error),
        Err(Stopped::Error(error)) if may_succeed_again(&error) => {
            write(&work, &End::Failed(JobFailure::exhausted(&error))).await
        }
        Err(Stopped::Error(error)) => write(&work, &End::Failed(JobFailure::of(&error))).await,
        Err(Stopped::Failed(failure)) => write(&work, &End::Failed(failure)).await,
        Err(Stopped::Cancelled) => write(&work, &End::Cancelled).await,
        Ok(sliced) => write(&work, &End::Sliced(sliced)).await,
    }
}

/// Whether a repeat of what failed with `error` may succeed.
fn may_succeed_again(error: &Error) -> bool {
    matches!(error.code(), Code::Unavailable | Code::Aborted | Code::Internal)
}

/// The end of a slice.
enum End {
    Sliced(Sliced),
    Failed(JobFailure),
    Cancelled,
}

impl End {
    /// Notes it, and what the slice did, in `job`.
    fn apply(&self, work: &Work<'_>, job: &mut Job, now: Timestamp) {
        job.advance(work.progress, now);
        job.files.extend(work.files.iter().cloned());
        let new = work.warnings.iter().filter(|warning| !job.warnings.contains(warning));
        let new: Vec<String> = new.cloned().collect();
        job.warnings.extend(new);
        job.warnings.truncate(MAX_WARNINGS);
        job.report.clone_from(&work.report);
        match self {
            Self::Sliced(Sliced::Done) => job.succeed(now),
            Self::Failed(failure) => job.fail(failure.clone(), now),
            Self::Sliced(Sliced::GoOn(checkpoint)) => {
                if !job.stop(now) {
                    job.go_on_from(checkpoint.clone(), now);
                }
            }
            Self::Cancelled => {
                job.stop(now);
            }
        }
    }
}

/// Writes the end of a slice, if this worker still has the turn.
async fn write(work: &Work<'_>, end: &End) -> Result<Turn, Error> {
    let now = work.app.now()?;
    let (turn, attempt) = (work.job.turn, work.job.attempt);
    let mut counts = false;
    let written = work.app.store.change_job(work.tenant, &work.job.id, now, |job, now| {
        counts = job.is_claimed(turn, attempt);
        if counts {
            end.apply(work, job, now);
        }
        Ok(counts)
    });
    let written = written.await?;
    Ok(match counts {
        false => Turn::Nothing,
        true if written.state.is_final() => Turn::Ended,
        true => Turn::Done,
    })
}
