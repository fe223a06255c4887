//! Creates a coaching plan for an agent.
//!
//! The body is the plan. `agentUserName`, `creatorUserName` and `isActive` are required. The directory must know the
//! creator, and the agent as an agent of the profile; callers who import history may name any user of the profile as
//! the agent. The usecase and the templates of `focusCriteria` must exist. Without a `name` the service makes one. An
//! agent has at most 50 active plans.
//!
//! `createTime` and `updateTime` are kept from callers with role `service` or `admin`, who import history, and dropped
//! from managers. An imported time before `createTime` is refused; without a `createTime`, the earliest imported time
//! is the time of creation. A manager's comment is submitted now, whatever past `managerCommentSubmitTime` they
//! send.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day creates nothing and gets the first answer. Without a
//! `requestId`, a repeat creates another plan, unless it carries a `name`.

use coaching_domain::plan::{CoachingPlanMessage, NewCoachingPlan};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "create-plan",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingPlans")),
    summary: "create a plan",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<NewCoachingPlan>(),
    answer: AnswerType::of::<CreatePlanResponse<'_>>(),
    writes: true,
    refusals: &[Reason::CoachingPlanDeletedMomentsAgo, Reason::AgentPlansFull, Reason::ResourceAlreadyExists],
    access: &[
        Access::GetItem(&[Partition::Request]),
        Access::BatchGetItem(&[Partition::Template, Partition::Usecase, Partition::User]),
        Access::PutItem(&[Partition::Plan, Partition::Request]),
        Access::UpdateItem(&[Partition::Agent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The created plan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatePlanResponse<'a> {
    /// The plan.
    coaching_plan: CoachingPlanMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<NewCoachingPlan>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;

    let create = async |record| {
        let references = new.references("").and(new.people("", caller));
        app.store.unknown_names(&tenant, &references, true).await?.into_result()?;
        let id = new.id.clone().map_or_else(|| app.new_id(*now), Ok)?;
        let plan = new.clone().into_plan(id, caller, *now);
        app.store.create_plan(&tenant, &plan, record, request.author(*now)).await
    };
    let created = creation.once(app, &tenant, create).await?;

    let plan = creation.new.into_plan(created.id, caller, created.time).seen_by(caller);
    Ok(Answer::json(&CreatePlanResponse { coaching_plan: plan.message(&tenant, Vec::new()) })?.with_etag(&plan.etag()))
}
