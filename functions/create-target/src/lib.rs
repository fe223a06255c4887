//! Creates a target: for one agent if it names a plan of theirs, else for the organisation.
//!
//! The body is the target. `scorecardTemplateName` (without a revision), `target` (0 to 100 percentage points, at most
//! two decimals) and `usecaseName` are required, and what they name must exist. `criterionOrChapterId` must be in the
//! template's current revision; without it the target is for the whole scorecard. A deleted template takes no target
//! (FAILED_PRECONDITION). The target is in force from its creation on; callers with role `service` or `admin` may set an
//! earlier `createTime`.
//!
//! There is at most one target for the same plan (or the organisation), usecase, template and criterion, chapter or
//! whole scorecard. A second one is ALREADY_EXISTS, and the error names the first. A plan has at most 50 targets; the
//! active plans of an agent have at most 200 together.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day creates nothing and gets the first answer.

use coaching_domain::plan::plan_not_found;
use coaching_domain::target::{NewTarget, TargetMessage};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "create-target",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/targets")),
    summary: "create a target",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<NewTarget>(),
    answer: AnswerType::of::<CreateTargetResponse<'_>>(),
    writes: true,
    refusals: &[
        Reason::CoachingPlanNotFound,
        Reason::TemplateDeleted,
        Reason::AgentTargetsFull,
        Reason::PlanTargetsFull,
        Reason::ResourceAlreadyExists,
        Reason::TargetExists,
    ],
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Template, Partition::Agent, Partition::Request]),
        Access::BatchGetItem(&[Partition::Usecase]),
        Access::PutItem(&[Partition::Target, Partition::TargetPlace, Partition::Request]),
        Access::UpdateItem(&[Partition::Plan, Partition::Agent]),
        Access::ConditionCheckItem(&[Partition::Agent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The created target.
#[derive(Serialize, ToSchema)]
struct CreateTargetResponse<'a> {
    /// The target.
    target: TargetMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let creation = request.creation::<NewTarget>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;

    let create = async |record| {
        let plan = async {
            match &new.plan {
                Some(plan) => app.store.plan(&tenant, plan).await,
                None => Ok(None),
            }
        };
        let references = new.references();
        let (template, plan, mut violations) = tokio::try_join!(
            app.store.template(&tenant, &new.template, None),
            plan,
            app.store.unknown_names(&tenant, &references, true)
        )?;
        match (&template, &new.criterion_or_chapter_id) {
            (None, _) => {
                let refused = format!("'{}' does not exist", tenant.name_of(&new.template));
                violations.add("scorecardTemplateName", refused);
            }
            (Some(template), Some(part)) if template.display_name_of(part).is_none() => {
                violations.add("criterionOrChapterId", "is no chapter or criterion of the template");
            }
            (Some(_), _) => {}
        }
        violations.into_result()?;
        template.map_or(Ok(()), |template| template.check_not_deleted("scorecardTemplateName"))?;
        if new.plan.is_some() && plan.is_none() {
            return Err(plan_not_found());
        }
        let id = new.id.clone().map_or_else(|| app.new_id(*now), Ok)?;
        let target = new.clone().into_target(id, plan.map(|plan| plan.agent), *now);
        app.store.create_target(&tenant, &target, record, request.author(*now)).await
    };
    let created = creation.once(app, &tenant, create).await?;

    // The answer does not have the plan's agent.
    let target = creation.new.into_target(created.id, None, created.time);
    Ok(Answer::json(&CreateTargetResponse { target: target.message(&tenant) })?.with_etag(&target.etag()))
}
