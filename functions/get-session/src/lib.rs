//! One coaching session, with its `state`
//! (`SCHEDULED`, `HELD` once its time has come or it has notes, `SUBMITTED`, `ACKNOWLEDGED`), whether it is
//! `overdue` (its time has come and it has no notes, or it was submitted, and its time came, a week ago and it is not
//! acknowledged), and its `etag`, also in the header `ETag`.
//!
//! An agent sees their own sessions only, and is not told whether another exists. They see `meetingNotes`, and who wrote
//! them, once the session is submitted, and `privateNotes` never; nothing else that they read tells of either.

use coaching_domain::names;
use coaching_domain::session::CoachingSessionMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{Access, Answer, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-session",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    summary: "read a session",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    access: &[Access::GetItem(&[Partition::Deletions, Partition::Session])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    request.query().into_result()?;

    let session = app.store.session(&tenant, &id, now).await?;
    let session = request.visible(session, |session| &session.agent, &tenant.name_of(&id))?;

    let session = session.seen_by(request.caller());
    let coaching_session = session.message(&tenant, now);
    Ok(Answer::json(&GetSessionResponse { coaching_session })?.with_etag(&session.etag()))
}
