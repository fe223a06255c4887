//! Changes the value of a target from now on. Past windows of progress keep the earlier value.
//!
//! The body is `{"target": {…}}`, with `updateMask` as in `update-session`. Only `target` may change. The name,
//! template, criterion, usecase and plan are ignored if they are the same and refused if they differ; what the service
//! owns is dropped.
//!
//! An `If-Match`, or an `etag` in the target, of another version is ABORTED. A repeat changes nothing further.

use coaching_domain::names;
use coaching_domain::target::{TargetMessage, TargetUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-target",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/targets/{target}")),
    summary: "move a target",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::update::<TargetUpdate>("target"),
    answer: AnswerType::of::<UpdateTargetResponse<'_>>(),
    writes: true,
    refusals: &[Reason::TargetHistoryFull, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Target, Partition::Agent]),
        Access::PutItem(&[Partition::Target]),
        Access::UpdateItem(&[Partition::Agent]),
        Access::ConditionCheckItem(&[Partition::Agent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The target after the request.
#[derive(Serialize, ToSchema)]
struct UpdateTargetResponse<'a> {
    /// The target.
    target: TargetMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    let (update, expected) = request.update::<TargetUpdate>("target", &tenant, now)?;

    let author = request.author(now);
    let changed = app.store.change_target(&tenant, &id, author, |target, now| {
        expected.check(&target.etag())?;
        update.apply(target, now)
    });
    let target = changed.await?;

    Ok(Answer::json(&UpdateTargetResponse { target: target.message(&tenant) })?.with_etag(&target.etag()))
}
