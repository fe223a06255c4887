//! Changes a coaching session.
//!
//! The body is `{"coachingSession": {…}}`. `updateMask` (query, paths separated by commas) says what changes;
//! without one, the keys that are present, so that an empty value or `null` clears; `*`: all that may change.
//!
//! | field | manager | service, admin |
//! |---|---|---|
//! | `sessionTime` | before the session is submitted | always |
//! | `meetingNotes` | always, but not cleared while it is submitted | always |
//! | `privateNotes` | always | always |
//! | `managerSubmitTime` | once there are notes, and before the agent acknowledges; one before the creation or ahead is taken as now | always |
//! | `agentComment`, `acknowledgeTime`, `agentSubmitTime`, `managerUpdateTime`, `agentUpdateTime`, `managerSubmitterUserName` | dropped | always |
//! | `name`, `agentUserName`, `creatorUserName`, `coachingPlanName`, `usecaseName` | refused if they differ | the same |
//! | `createTime`, `updateTime`, `state`, `overdue` | dropped | the same |
//!
//! An agent changes a session by `acknowledge-session`. What an agent acknowledged is what stands: a change of
//! `meetingNotes` or `sessionTime`, of whomever, takes the acknowledgement back, so that the session is `SUBMITTED` again
//! and to be acknowledged anew; the agent's comment stays. A service or admin who sends an `acknowledgeTime` with it sets
//! that. A step out of order is FAILED_PRECONDITION. A
//! manager's change sets `managerUpdateTime` and, unless it is of `privateNotes` alone, `managerSubmitterUserName`. No
//! time may be more than a minute ahead, except `sessionTime`. A time that a service or admin sets before that of the
//! step that it follows is refused, and so is a `managerSubmitterUserName` of nobody in the directory.
//!
//! `If-Match`, or an `etag` in the session, that is of another version is ABORTED. Without them, updates
//! at once are made one after the other, each changing its own fields. Repeated, it changes nothing further.

use coaching_domain::names;
use coaching_domain::session::{CoachingSessionMessage, SessionUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-session",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    summary: "change a session",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    writes: true,
    refusals: &[
        Reason::MeetingNotesMissing,
        Reason::SessionSubmitted,
        Reason::SessionAcknowledged,
        Reason::EtagMismatch,
    ],
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Session]),
        Access::BatchGetItem(&[Partition::User]),
        Access::PutItem(&[Partition::Session, Partition::Statistics]),
        Access::UpdateItem(&[Partition::Plan, Partition::Statistics]),
        Access::DeleteItem(&[Partition::Statistics]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What it became.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let caller = request.caller();
    let (update, expected) = request.update("coachingSession", &SessionUpdate::FIELDS, |fields, mask| {
        SessionUpdate::read(fields, mask, &tenant, caller, now)
    })?;
    app.store.unknown_names(&tenant, &update.references(), true).await?.into_result()?;

    let changed = app.store.change_session(&tenant, &id, request.author(now), |session, now| {
        expected.check(&session.etag(caller))?;
        update.apply(session, caller, now)
    });
    let session = changed.await?.seen_by(caller);

    let coaching_session = session.message(&tenant, now);
    Ok(Answer::json(&UpdateSessionResponse { coaching_session })?.with_etag(&session.etag()))
}
