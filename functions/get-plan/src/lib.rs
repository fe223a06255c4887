//! Returns one coaching plan with its sessions.
//!
//! `coachingSessions` holds the plan's newest sessions, in the order of `list-sessions`: as many as fit into the
//! answer, at most 1000.
//!
//! Agents read their own plans only. Any other name is PERMISSION_DENIED for them, whether it exists or not. They see
//! the `comment` once it is submitted (`managerCommentSubmitTime`), and sessions as in `get-session`. Nothing else that
//! they read depends on what is hidden from them.

use coaching_domain::names::CoachingPlan;
use coaching_domain::plan::CoachingPlanMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, ListIndex, Operation, Partition, Request, Route, bytes_in_answer,
};
use coaching_store::SessionFilter;
use serde::Serialize;
use utoipa::ToSchema;

/// The most sessions embedded in a plan.
const MAX_SESSIONS: usize = 1000;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-plan",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}")),
    summary: "read a plan",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    answer: AnswerType::of::<GetPlanResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Plan]), Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested plan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GetPlanResponse<'a> {
    /// The plan.
    coaching_plan: CoachingPlanMessage<'a>,
    /// Names of sessions of the plan that could not be read. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<CoachingPlan>("coachingPlan", &tenant)?;
    let now = app.now()?;
    request.without_parameters()?;

    let caller = request.caller();
    let as_agent = caller.role() == Role::Agent;
    let of_plan = SessionFilter { plan: Some(id.clone()), as_agent, ..SessionFilter::default() };
    // The plan is read after its sessions: if it still exists, they were not being deleted meanwhile.
    let page = app.store.sessions_of_plan(&tenant, &of_plan, MAX_SESSIONS, now).await?;
    let plan = app.store.plan(&tenant, &id).await?;
    let plan = request.visible(plan, |plan| &plan.agent, &tenant.name_of(&id))?.seen_by(caller);

    let page = page.map(|session| session.seen_by(caller));
    let sizes = page.entries.iter().map(|session| bytes_in_answer(&session.message(&tenant, now)));
    let answer = Answer::beginning(&page.entries, sizes, |sessions| {
        let unreachable = page.unreachable(sessions.len());
        let sessions = sessions.iter().map(|session| session.message(&tenant, now)).collect();
        Ok(GetPlanResponse { coaching_plan: plan.message(&tenant, sessions), unreachable })
    })?;
    let (answer, _) = answer.ok_or_else(|| Error::internal("a plan takes more than a function may answer"))?;
    Ok(answer.with_etag(&plan.etag()))
}
