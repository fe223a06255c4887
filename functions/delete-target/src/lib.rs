//! Deletes a target.
//!
//! The answer is `{}`; a repeat is NOT_FOUND. Past windows of progress keep the target.
//!
//! An `If-Match`, or an `etag` in the query, of another version is ABORTED.

use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-target",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/targets/{target}")),
    summary: "delete a target",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::deletion::<()>(),
    answer: AnswerType::of::<DeleteTargetResponse>(),
    writes: true,
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Target, Partition::Agent]),
        Access::PutItem(&[Partition::Target, Partition::Agent]),
        Access::UpdateItem(&[Partition::Plan, Partition::Agent]),
        Access::DeleteItem(&[Partition::Target, Partition::TargetPlace]),
        Access::ConditionCheckItem(&[Partition::Agent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// Empty: the target is deleted.
#[derive(Serialize, ToSchema)]
struct DeleteTargetResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    let ((), expected) = request.deletion(&tenant, now)?;

    let author = request.author(now);
    app.store.delete_target(&tenant, &id, author, |target| expected.check(&target.etag())).await?;

    Answer::json(&DeleteTargetResponse {})
}
