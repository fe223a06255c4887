//! Deletes a coaching session. It counts nowhere
//! any more; its history stays. One that its agent has acknowledged only a service or an admin deletes; of a manager it
//! is FAILED_PRECONDITION.
//!
//! `If-Match`, or `etag` in the query, that is of another version is ABORTED. Repeated, it is NOT_FOUND.

use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-session",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    summary: "delete a session",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    writes: true,
    refusals: &[Reason::SessionAcknowledged, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Session]),
        Access::PutItem(&[Partition::Session]),
        Access::UpdateItem(&[Partition::Plan, Partition::Statistics]),
        Access::DeleteItem(&[Partition::Session, Partition::Statistics]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// Nothing: it is deleted.
#[derive(Serialize, ToSchema)]
pub struct DeleteSessionResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let mut query = request.query();
    let expected = query.etag();
    query.into_result()?;

    let author = request.author(now);
    let deleted = app.store.delete_session(&tenant, &id, author, |session| {
        expected.check(&session.etag(request.caller()))?;
        session.check_deletion(request.caller())
    });
    deleted.await?;

    Answer::json(&DeleteSessionResponse {})
}
