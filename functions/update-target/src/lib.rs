//! Moves a target from now on. What it was is
//! kept, so that a window that is over keeps its gap.
//!
//! The body is `{"target": {…}}`, with `updateMask` as in `update-session`. Only `target` may change. What a
//! target is of (its name, template, criterion, usecase and plan) is refused if it differs and ignored if it is
//! the same; what the service owns is dropped.
//!
//! `If-Match`, or an `etag` in the target, that is of another version is ABORTED. Repeated, it changes nothing
//! further.

use coaching_domain::names;
use coaching_domain::target::{TargetMessage, TargetUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-target",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/targets/{target}")),
    summary: "move a target",
    roles: &[Role::Manager, Role::Service, Role::Admin],
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

/// What it became.
#[derive(Serialize, ToSchema)]
pub struct UpdateTargetResponse<'a> {
    /// The target.
    target: TargetMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    let (update, expected) =
        request.update("target", &TargetUpdate::FIELDS, |fields, mask| TargetUpdate::read(fields, mask, &tenant))?;

    let author = request.author(now);
    let changed = app.store.change_target(&tenant, &id, author, |target, now| {
        expected.check(&target.etag())?;
        update.apply(target, now)
    });
    let target = changed.await?;

    Ok(Answer::json(&UpdateTargetResponse { target: target.message(&tenant) })?.with_etag(&target.etag()))
}
