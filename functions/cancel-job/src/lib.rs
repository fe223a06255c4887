//! Cancels a job.
//!
//! A job that no worker has begun is `CANCELLED` at once. One under way is `CANCELLING` until its worker stops, between
//! two writes, within about five seconds. What it did until then stays, and is in its `report`
//! if it re-scores; a job that is cancelled has no results.
//!
//! A repeat changes nothing and gets the same answer. A job that ended otherwise is FAILED_PRECONDITION. A manager cancels
//! jobs that they started. An `If-Match`, or an `etag` in the body, of another version is ABORTED. If a job ends at the same
//! moment, either comes first, and the answer tells which. Jobs are this service's own.

use coaching_domain::job::{Job, JobMessage};
use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route, Verb};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "cancel-job",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/jobs/{job}")),
    verbs: &[Verb {
        name: "cancel",
        id: "cancelJob",
        summary: "cancel a job",
        roles: &[Role::Manager, Role::Service, Role::Admin],
        callers: Some("a manager their own; service, admin"),
        request: RequestType::step::<()>(),
        answer: AnswerType::of::<CancelJobResponse<'_>>(),
    }],
    writes: true,
    refusals: &[Reason::JobFinished, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Job]),
        Access::PutItem(&[Partition::Job]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
        Access::DeleteItem(&[Partition::Backfill, Partition::Erasure]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The job after the request.
#[derive(Serialize, ToSchema)]
struct CancelJobResponse<'a> {
    /// The job.
    job: JobMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, id, _) = request.authorize_verb::<names::Job>("job")?;
    let now = app.now()?;
    let ((), expected) = request.step::<()>(&tenant, now)?;

    let caller = request.caller();
    let may = |job: &Job| caller.role() != Role::Manager || job.creator == *caller.user();
    let cancelled = app.store.change_job(&tenant, &id, now, |job, now| {
        if !may(job) {
            return Err(Error::permission_denied(&tenant.name_of(&id)));
        }
        expected.check(&job.etag())?;
        job.cancel(now)
    });
    let job = cancelled.await?;

    Ok(Answer::json(&CancelJobResponse { job: job.message(&tenant, now, |_| Ok(None))? })?.with_etag(&job.etag()))
}
