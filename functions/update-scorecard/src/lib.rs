//! Changes a scorecard, a draft or a
//! submitted one; the statistics of its agent change with it, and are not made larger than 256 KiB
//! (RESOURCE_EXHAUSTED).
//!
//! The body is `{"scorecard": {…}}`, with `updateMask` as in `update-session`. `comment`, `scores` (all of them
//! at once), `coachingPlanNames`, of plans of its agent, and `aiScoreTime` may change; `name`, `conversationName`, `agentUserName`,
//! `templateName` and `usecaseName` are refused if they differ; what the service owns is dropped.
//!
//! An agent acknowledged what they read: another `comment` or score takes the acknowledgement back, not their comment. What
//! changes after the submission is kept in its history.
//!
//! `If-Match`, or an `etag` in the scorecard, that is of another version is ABORTED. Repeated, it changes
//! nothing further. Two updates at once are made one after the other.

use coaching_domain::scorecard::{Scorecard, ScorecardMessage, ScorecardUpdate};
use coaching_domain::{Error, Reason, Role, Violations, names};
use coaching_edge::{Access, Answer, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-scorecard",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/scorecards/{scorecard}")),
    summary: "change its scores",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    writes: true,
    refusals: &[Reason::ScorecardNotTheAgents, Reason::EtagMismatch, Reason::StatisticsFull],
    access: &[
        Access::GetItem(&[Partition::Scorecard]),
        Access::BatchGetItem(&[Partition::Plan, Partition::Scorecard, Partition::Template, Partition::Statistics]),
        Access::PutItem(&[Partition::Scorecard]),
        Access::UpdateItem(&[Partition::Statistics]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What it became.
#[derive(Serialize, ToSchema)]
pub struct UpdateScorecardResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Scorecard>("scorecard", &tenant)?;
    let now = app.now()?;
    let (update, expected) = request
        .update("scorecard", &ScorecardUpdate::FIELDS, |fields, mask| ScorecardUpdate::read(fields, mask, &tenant))?;

    let owners = app.store.owners(&tenant, update.plans(), &[], None).await?;
    let author = request.author(now);
    let counted = |scorecard: &Scorecard, _| Ok(scorecard.submit_time);
    let changed = app.store.change_scorecard(&tenant, &id, author, counted, |scorecard, template, now| {
        expected.check(&scorecard.etag())?;
        let mut violations = Violations::default();
        update.check_immutable(scorecard, &mut violations);
        update.check(template, "scorecard.", &mut violations);
        violations.into_result()?;
        update.check_plans(scorecard, &tenant, &owners)?;
        update.clone().apply(scorecard, template, request.caller(), now);
        Ok(())
    });
    let (scorecard, template) = changed.await?;

    let answer = Answer::json(&UpdateScorecardResponse { scorecard: scorecard.message(&tenant, &template) })?;
    Ok(answer.with_etag(&scorecard.etag()))
}
