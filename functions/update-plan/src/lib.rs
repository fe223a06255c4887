//! Changes a coaching plan.
//!
//! The body is `{"coachingPlan": {…}}`. `updateMask` (query, paths separated by commas) says what changes;
//! without one, the keys that are present, so that an empty value or `null` clears; `*`: all that may change.
//! `startTime`, `endTime`, `focusBehaviors`, `focusCriteria`, `comment`, `managerCommentSubmitTime`,
//! `isActive` and `displayName` may change; the templates of `focusCriteria` must exist. `name`,
//! `agentUserName`, `creatorUserName` and `usecaseName` are refused if they differ; `createTime`, `updateTime`
//! and `coachingSessions` are dropped. A `managerCommentSubmitTime` before the plan's creation is refused from a service
//! or admin; from a manager one before the creation or ahead is taken as now. A plan that is closed stays active for windows of progress that
//! were over by then; an agent has at most 50 active plans with 200 targets together.
//!
//! `If-Match`, or an `etag` in the plan, that is of another version is ABORTED. Without them, updates at
//! once are made one after the other, each changing its own fields. Repeated, it changes nothing further.
//! The answer is without sessions.

use coaching_domain::names;
use coaching_domain::plan::{CoachingPlanMessage, PlanUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, App, ListIndex, Operation, Partition, Request, Route};
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-plan",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}")),
    summary: "change a plan",
    roles: &[Role::Manager, Role::Service, Role::Admin],
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

/// What it became.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdatePlanResponse<'a> {
    /// The plan.
    coaching_plan: CoachingPlanMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingPlan>("coachingPlan", &tenant)?;
    let now = app.now()?;
    let (update, expected) = request.update("coachingPlan", &PlanUpdate::FIELDS, |fields, mask| {
        PlanUpdate::read(fields, mask, &tenant, request.caller(), now)
    })?;

    let references = update.references();
    let (found, unknown) =
        try_join(app.store.plan(&tenant, &id), app.store.unknown_names(&tenant, &references, true)).await?;
    let before = found.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
    unknown.into_result()?;
    let changed = app.store.change_plan_read(&tenant, before, request.author(now), |plan, now| {
        expected.check(&plan.etag())?;
        update.apply(plan, now)
    });
    let plan = changed.await?.seen_by(request.caller());

    Ok(Answer::json(&UpdatePlanResponse { coaching_plan: plan.message(&tenant, Vec::new()) })?.with_etag(&plan.etag()))
}
