//! `DELETE /v1/{name=customers/*/profiles/*/targets/*}`: deletes a target. Answers `{}`; a repeat is
//! NOT_FOUND. In windows of progress that were over by then it stays.
//!
//! `If-Match`, or `etag` in the query, that is of another version is ABORTED.

use coaching_domain::{Error, Role, names};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "delete-target", handle: |app, request| Box::pin(handle(app, request)) };

/// Nothing: it is deleted.
#[derive(Serialize, ToSchema)]
pub struct DeleteTargetResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    let mut query = request.query();
    let expected = query.etag();
    query.into_result()?;

    let author = request.author(OPERATION.name, now);
    app.store.delete_target(&tenant, &id, author, |target| expected.check(&target.etag())).await?;

    Answer::json(&DeleteTargetResponse {})
}
