//! Deletes a coaching plan.
//!
//! A plan with sessions, comments or targets is FAILED_PRECONDITION, unless `force=true` (query). With `force`, these
//! children disappear for all readers at once, however many there are. Linked scorecards and all histories stay. Past
//! windows of progress keep the plan and its targets.
//!
//! Only a service or an admin deletes a plan that has an acknowledged session; a manager gets FAILED_PRECONDITION
//! (`SESSION_ACKNOWLEDGED`). A plan of the same name can be created again after five minutes. At most 60 plans of a
//! profile are deleted with children within five minutes; one more is RESOURCE_EXHAUSTED (`DELETIONS_FULL`).
//!
//! A repeat after the deletion is NOT_FOUND. An `If-Match`, or an `etag` in the query, of another version is ABORTED.
//! UNAVAILABLE with the reason `DELETION_UNDER_WAY` means that nobody sees the plan and its children any more, and that
//! a repeat removes the rest. INTERNAL with the reason `RECORD_UNREADABLE` names a child that cannot be read. All
//! others are removed, and nobody sees that one either; once it is repaired, a repeat removes it.

use coaching_domain::rules::Flag;
use coaching_domain::{Error, Reason, Role, message, names};
use coaching_edge::{Access, Answer, AnswerType, App, ListIndex, Operation, Partition, Request, RequestType, Route};
use coaching_store::DeletedWithPlan;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-plan",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}")),
    summary: "delete a plan, `force=true`: with what hangs on it",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::deletion::<DeletePlanRequest>(),
    answer: AnswerType::of::<DeletePlanResponse>(),
    writes: true,
    costly: true,
    refusals: &[
        Reason::CoachingPlanNotEmpty,
        Reason::SessionAcknowledged,
        Reason::EtagMismatch,
        Reason::DeletionsFull,
        Reason::DeletionUnderWay,
    ],
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Deletions, Partition::Agent]),
        Access::BatchGetItem(&[Partition::Statistics]),
        Access::QueryIndex(
            ListIndex::Plan,
            &[Partition::SessionsOfPlan, Partition::CommentsOfPlan, Partition::TargetsOfPlan],
        ),
        Access::PutItem(&[Partition::Plan, Partition::Session, Partition::Comment, Partition::Agent]),
        Access::UpdateItem(&[Partition::Plan, Partition::Deletions, Partition::Agent, Partition::Statistics]),
        Access::DeleteItem(&[
            Partition::Plan,
            Partition::Session,
            Partition::Comment,
            Partition::Target,
            Partition::TargetPlace,
            Partition::Statistics,
            Partition::Activity,
        ]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct DeletePlanRequest {
        force: Flag = "force",
    }
}

/// Empty: the plan is deleted.
#[derive(Serialize, ToSchema)]
struct DeletePlanResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingPlan>("coachingPlan", &tenant)?;
    let now = app.now()?;
    let (DeletePlanRequest { force }, expected) = request.deletion(&tenant, now)?;
    let with_it = match force {
        true if request.caller().role() == Role::Manager => DeletedWithPlan::AllButAcknowledged,
        true => DeletedWithPlan::All,
        false => DeletedWithPlan::Nothing,
    };

    let author = request.author(now);
    app.store.delete_plan(&tenant, &id, with_it, author, |plan| expected.check(&plan.etag())).await?;

    Answer::json(&DeletePlanResponse {})
}
