//! `PATCH /v1/{coachingSession.name=customers/*/profiles/*/coachingSessions/*}`: changes a coaching session.
//!
//! The body is `{"coachingSession": {…}}`. `updateMask` (query, paths separated by commas) says what changes;
//! without one, the keys that are present, so that an empty value or `null` clears; `*`: all that may change.
//!
//! | field | manager | service, admin |
//! |---|---|---|
//! | `sessionTime` | before the session is submitted | always |
//! | `meetingNotes` | always, but not cleared while it is submitted | always |
//! | `privateNotes` | always | always |
//! | `managerSubmitTime` | set once there are notes, cleared before the agent acknowledges | always |
//! | `agentComment`, `acknowledgeTime`, `agentSubmitTime`, `managerUpdateTime`, `agentUpdateTime`, `managerSubmitterUserName` | dropped | always |
//! | `name`, `agentUserName`, `creatorUserName`, `coachingPlanName`, `usecaseName` | refused if they differ | the same |
//! | `createTime`, `updateTime`, `state`, `overdue` | dropped | the same |
//!
//! An agent changes a session by `acknowledge-session`. A step out of order is FAILED_PRECONDITION. A
//! manager's change sets `managerUpdateTime` and `managerSubmitterUserName`. No time may be more than a
//! minute ahead, except `sessionTime`. A time that a service or admin sets before that of the step that it follows is
//! refused; of a manager a `managerSubmitTime` before the session's creation is kept as at the creation.
//!
//! `If-Match`, or an `etag` in the session, that is of another version is ABORTED. Without them, updates
//! at once are made one after the other, each changing its own fields. Repeated, it changes nothing further.

use coaching_domain::names;
use coaching_domain::session::{CoachingSessionMessage, SessionUpdate};
use coaching_domain::{Error, Role};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "update-session", handle: |app, request| Box::pin(handle(app, request)) };

/// What it became.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let caller = request.caller();
    let (update, expected) = request.update("coachingSession", &SessionUpdate::FIELDS, |fields, mask| {
        SessionUpdate::read(fields, mask, &tenant, caller, now)
    })?;

    let changed = app.store.change_session(&tenant, &id, request.author(OPERATION.name, now), |session, now| {
        expected.check(&session.etag())?;
        update.apply(session, caller, now)
    });
    let session = changed.await?;

    let coaching_session = session.message(&tenant, caller, now);
    Ok(Answer::json(&UpdateSessionResponse { coaching_session })?.with_etag(&session.etag()))
}
