//! Changes a coaching plan.
//!
//! The body is `{"coachingPlan": {…}}`. `updateMask` (query, paths separated by commas) names the fields to change; `*`
//! means all that may change. Without it, the keys that are present change, and an empty value or `null` clears. The
//! answer is without sessions.
//!
//! `startTime`, `endTime`, `focusBehaviors`, `focusCriteria`, `comment`, `managerCommentSubmitTime`, `isActive` and
//! `displayName` may change; the templates of `focusCriteria` must exist. `name`, `agentUserName`, `creatorUserName`
//! and `usecaseName` are refused if they differ; `createTime`, `updateTime` and `coachingSessions` are dropped.
//!
//! A `managerCommentSubmitTime` before the plan's creation is refused from a service or admin. From a manager, one
//! before the creation is replaced by now. An agent has at most 50 active plans with 200 targets
//! together. A closed plan stays active in past windows of progress.
//!
//! An `If-Match`, or an `etag` in the plan, of another version is ABORTED. Without them, concurrent updates are applied
//! one after the other, each to its own fields. A repeat changes nothing
//! further, but that a time of submission that is replaced by now is later.

use coaching_domain::names;
use coaching_domain::plan::{CoachingPlanMessage, PlanUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, ListIndex, Operation, Partition, Request, RequestType, Route};
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-plan",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}")),
    summary: "change a plan",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::update::<PlanUpdate>("coachingPlan"),
    answer: AnswerType::of::<UpdatePlanResponse<'_>>(),
    writes: true,
    refusals: &[Reason::AgentPlansFull, Reason::AgentTargetsFull, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Agent]),
        Access::BatchGetItem(&[Partition::Template, Partition::Target]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::TargetsOfPlan]),
        Access::PutItem(&[Partition::Plan, Partition::Agent]),
        Access::UpdateItem(&[Partition::Agent]),
        Access::ConditionCheckItem(&[Partition::Plan, Partition::Target]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The plan after the request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdatePlanResponse<'a> {
    /// The plan.
    coaching_plan: CoachingPlanMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingPlan>("coachingPlan", &tenant)?;
    let now = app.now()?;
    let caller = request.caller();
    let (update, expected) = request.update::<PlanUpdate>("coachingPlan", &tenant, now)?;

    let references = update.references();
    let (found, unknown) =
        try_join(app.store.plan(&tenant, &id), app.store.unknown_names(&tenant, &references, true)).await?;
    let before = found.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
    unknown.into_result()?;
    let changed = app.store.change_plan_read(&tenant, before, request.author(now), |plan, now| {
        expected.check(&plan.etag())?;
        update.apply(plan, caller, now)
    });
    let plan = changed.await?.seen_by(caller);

    Ok(Answer::json(&UpdatePlanResponse { coaching_plan: plan.message(&tenant, Vec::new()) })?.with_etag(&plan.etag()))
}
