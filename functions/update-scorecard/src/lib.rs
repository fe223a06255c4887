//! Changes a draft or submitted scorecard.
//!
//! The body is `{"scorecard": {…}}`, with `updateMask` as in `update-session`. `comment`, `scores` (all of them at
//! once), `coachingPlanNames` (plans of its agent), `referenceScorecardId` and `aiScoreTime` may change. `name`,
//! `scorecardType`, `conversationName`, `processId`, `processInteractionTime`, `agentUserName`, `templateName`,
//! `usecaseName` and `calibratedScorecardName` are refused if they differ; what the service owns is dropped.
//!
//! A changed `comment` or score removes the agent's acknowledgement, but not the agent's comment. Changes after the
//! submission are kept in the history. The agent's statistics change with the scorecard; a change that would make them
//! larger than 256 KiB is RESOURCE_EXHAUSTED. Changed scores of a submitted calibration are compared anew; that is
//! FAILED_PRECONDITION while the calibrated scorecard is a draft.
//!
//! An `If-Match`, or an `etag` in the scorecard, of another version is ABORTED. Concurrent updates are applied one
//! after the other. A repeat changes nothing further.

use coaching_domain::scorecard::{Scorecard, ScorecardMessage, ScorecardUpdate};
use coaching_domain::{Error, Reason, Role, Violations, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-scorecard",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/scorecards/{scorecard}")),
    summary: "change its scores",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::update::<ScorecardUpdate>("scorecard"),
    answer: AnswerType::of::<UpdateScorecardResponse<'_>>(),
    writes: true,
    refusals: &[
        Reason::ScorecardNotTheAgents,
        Reason::ScorecardNotSubmitted,
        Reason::CalibratedScorecardChanged,
        Reason::EtagMismatch,
        Reason::StatisticsFull,
    ],
    access: &[
        Access::GetItem(&[Partition::Scorecard]),
        Access::BatchGetItem(&[Partition::Plan, Partition::Scorecard, Partition::Template, Partition::Statistics]),
        Access::PutItem(&[Partition::Scorecard, Partition::Activity]),
        Access::UpdateItem(&[Partition::Statistics]),
        Access::DeleteItem(&[Partition::Activity]),
        Access::ConditionCheckItem(&[Partition::Scorecard]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The scorecard after the request.
#[derive(Serialize, ToSchema)]
struct UpdateScorecardResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Scorecard>("scorecard", &tenant)?;
    let now = app.now()?;
    let (update, expected) = request.update::<ScorecardUpdate>("scorecard", &tenant, now)?;

    let owners = app.store.owners(&tenant, update.plans(), &[], None).await?;
    let author = request.author(now);
    let counted = |scorecard: &Scorecard, _| Ok(scorecard.counted_at());
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
