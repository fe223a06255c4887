//! Deletes a coaching session.
//!
//! The session no longer counts anywhere; its history stays. Only a service or an admin deletes a session that its
//! agent has acknowledged; a manager gets FAILED_PRECONDITION.
//!
//! A repeat is NOT_FOUND. An `If-Match`, or an `etag` in the query, of another version is ABORTED.

use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-session",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    summary: "delete a session",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::deletion::<()>(),
    answer: AnswerType::of::<DeleteSessionResponse>(),
    writes: true,
    refusals: &[Reason::SessionAcknowledged, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Session]),
        Access::PutItem(&[Partition::Session]),
        Access::UpdateItem(&[Partition::Plan, Partition::Statistics]),
        Access::DeleteItem(&[Partition::Session, Partition::Statistics, Partition::Activity]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// Empty: the session is deleted.
#[derive(Serialize, ToSchema)]
struct DeleteSessionResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let ((), expected) = request.deletion(&tenant, now)?;

    let author = request.author(now);
    let deleted = app.store.delete_session(&tenant, &id, author, |session| {
        expected.check(&session.etag(request.caller()))?;
        session.check_deletion(request.caller())
    });
    deleted.await?;

    Answer::json(&DeleteSessionResponse {})
}
