//! Re-scores submitted scorecards: moves them to another revision of their template, by a job.
//!
//! **Which scorecards**: in `config`, those of `scorecardTemplates`, 1 to 20 of them, each with the revision to move to
//! (`…@3`), or without one for the current revision. It is fixed at the start. Of these, scorecards created from
//! `startTime` until before `endTime` (both required, at most 3660 days apart), and only of `agentUserNames` and
//! `usecaseNames` if these are not empty, and without those that are acknowledged with `excludeAcknowledged`. Drafts and
//! calibrations stay as they are, as does a scorecard that has the revision already. A draft calibration of a scorecard
//! that moves can no longer be submitted. A deleted template is FAILED_PRECONDITION.
//!
//! **What moves**: criteria are matched by their ids. A criterion that is new is without a score, and so in no mean. The
//! score of one that the revision does not have counts no more and is not shown; it is there again once the scorecard
//! moves to a revision with it. If the maximum of a criterion with a number changed, the scorecard cannot move;
//! with `onMaximumChange` `SCALE` the number becomes the same part of the new maximum. The totals are made anew by the
//! revision's weights and auto-fail criteria, and `rescoreTime` is set. `submitTime`, the acknowledgement and
//! `manuallyScored` stay. No score is made up.
//!
//! Each scorecard is written in one transaction with its agent's statistics and its history, over the version that was
//! read: it is wholly old or wholly new, statistics are exact at every moment, and what somebody changes meanwhile is
//! read again. Readers meanwhile see some scorecards old and some new. At most 400 scorecards a second are written.
//!
//! **The job**: its `report` has the figures that `validate-backfill` tells, as they came to be, and its results list
//! each scorecard: `{"scorecardName", "revisionBefore", "revisionAfter", "totalBefore", "totalAfter", "outcome"}`, with
//! `CHANGED`, `UNCHANGED` (no figure changed, below its hundredths neither) or why it did not move. Scorecards that
//! cannot be read or written, or that others keep changing, are left out, and are named in `warnings`. A job that is
//! cancelled, or fails, leaves what it moved as it is; another one does the rest. One that finds nothing to move succeeds
//! and writes nothing.
//!
//! With the `fingerprint` of a validation the job first compares: it fails with CHANGED_SINCE_VALIDATION, and nothing is
//! written, if any of the scorecards that move has changed since, or others would move. What changes after that
//! comparison is re-scored as it then is.
//!
//! One job at a time re-scores a template: another is FAILED_PRECONDITION until it ends. A profile has at most 5
//! unfinished jobs (RESOURCE_EXHAUSTED). A repeat with the same `requestId` (query, a UUID) within a day gets the same job.
//! A template that is deleted meanwhile is re-scored to the end: its scorecards stay too.
//!
//! The name of a job is the reference's, as are `scorecardTemplates`, `startTime` and `endTime` of the `config`; all else
//! is this service's own.

use coaching_domain::backfill::Backfill;
use coaching_domain::job::{JobKind, MAX_REQUEST_BYTES};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use coaching_jobs::backfill::Begun;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "start-backfill",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates:backfill")),
    summary: "re-score scorecards",
    roles: &[Role::Service, Role::Admin],
    request: RequestType::creation::<Backfill>(),
    answer: AnswerType::of::<StartBackfillResponse>(),
    writes: true,
    costly: true,
    refusals: &[Reason::TemplateDeleted, Reason::BackfillRunning, Reason::JobsFull],
    access: &[
        Access::GetItem(&[Partition::Request]),
        Access::BatchGetItem(&[Partition::Template, Partition::Usecase, Partition::User]),
        Access::PutItem(&[Partition::Job, Partition::Backfill, Partition::Request]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The job that re-scores.
#[derive(Serialize, ToSchema)]
struct StartBackfillResponse {
    /// The job: `customers/{customer}/profiles/{profile}/jobs/{job}`.
    job: String,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<Backfill>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;

    let start = async |record| {
        let begun = Begun::new(app, &tenant, caller, new.config.clone(), new.fingerprint.clone()).await?;
        let body = request.body_as_sent(MAX_REQUEST_BYTES)?;
        let (id, creator) = (app.new_id(*now)?, caller.user().clone());
        let job = begun.into_job(JobKind::Backfill, id, creator, body, *now)?;
        app.store.create_job(&tenant, &job, record).await
    };
    let created = creation.once(app, &tenant, start).await?;

    Answer::json(&StartBackfillResponse { job: tenant.name_of(&created.id) })
}
