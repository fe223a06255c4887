//! `DELETE /v1/{name=customers/*/profiles/*/coachingSessions/*}`: deletes a coaching session. It counts nowhere
//! any more; its history stays. One that its agent has acknowledged only a service or an admin deletes; of a manager it
//! is FAILED_PRECONDITION.
//!
//! `If-Match`, or `etag` in the query, that is of another version is ABORTED. Repeated, it is NOT_FOUND.

use coaching_domain::{Error, Role, names};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "delete-session", handle: |app, request| Box::pin(handle(app, request)) };

/// Nothing: it is deleted.
#[derive(Serialize, ToSchema)]
pub struct DeleteSessionResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let mut query = request.query();
    let expected = query.etag();
    query.into_result()?;

    let author = request.author(OPERATION.name, now);
    let deleted = app.store.delete_session(&tenant, &id, author, |session| {
        expected.check(&session.etag(request.caller()))?;
        session.check_deletion(request.caller())
    });
    deleted.await?;

    Answer::json(&DeleteSessionResponse {})
}
