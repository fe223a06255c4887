//! Deletes a coaching plan.
//!
//! While sessions, comments or targets hang on it, it is FAILED_PRECONDITION, unless `force=true` (query):
//! then they go with it, all in one moment for whoever reads, however many there are. Scorecards that were
//! linked to the plan stay. Histories stay. A plan of which the agent has acknowledged a session only a service or an admin
//! deletes; of a manager it is FAILED_PRECONDITION (`SESSION_ACKNOWLEDGED`). A plan of the same name can be created after five
//! minutes. At most 60 plans of a profile are deleted so within five minutes; one more is RESOURCE_EXHAUSTED
//! (`DELETIONS_FULL`). In windows of progress that were over by then the plan and its targets stay.
//!
//! `If-Match`, or `etag` in the query, that is of another version is ABORTED. UNAVAILABLE with the reason
//! `DELETION_UNDER_WAY` says that nobody sees any of it any more, and that a repeat removes the rest.
//! Repeated when it is done, it is NOT_FOUND. INTERNAL with the reason `RECORD_UNREADABLE` names what hangs on it and cannot
//! be read: all the rest is removed, nobody sees that one either, and once it is put right a repeat removes it.

use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, App, ListIndex, Operation, Partition, Request, Route};
use coaching_store::DeletedWithPlan;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-plan",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}")),
    summary: "delete a plan, `force=true`: with what hangs on it",
    roles: &[Role::Manager, Role::Service, Role::Admin],
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
        ]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// Nothing: it is deleted.
#[derive(Serialize, ToSchema)]
pub struct DeletePlanResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingPlan>("coachingPlan", &tenant)?;
    let now = app.now()?;
    let mut query = request.query();
    let with_it = match query.boolean("force") {
        Some(true) if request.caller().role() == Role::Manager => DeletedWithPlan::AllButAcknowledged,
        Some(true) => DeletedWithPlan::All,
        _ => DeletedWithPlan::Nothing,
    };
    let expected = query.etag();
    query.into_result()?;

    let author = request.author(now);
    app.store.delete_plan(&tenant, &id, with_it, author, |plan| expected.check(&plan.etag())).await?;

    Answer::json(&DeletePlanResponse {})
}
