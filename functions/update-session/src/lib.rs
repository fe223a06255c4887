//! Changes a coaching session.
//!
//! The body is `{"coachingSession": {…}}`. `updateMask` (query, paths separated by commas) names the fields to change;
//! `*` means all that may change. Without it, the keys that are present change, and an empty value or `null` clears.
//!
//! | field | manager | service, admin |
//! |---|---|---|
//! | `sessionTime` | before the session is submitted | always |
//! | `meetingNotes` | always, but not cleared while the session is submitted | always |
//! | `privateNotes` | always | always |
//! | `managerSubmitTime` | once there are notes, and before the agent acknowledges; a time before the creation is replaced by now | always |
//! | `agentComment`, `acknowledgeTime`, `agentSubmitTime`, `managerUpdateTime`, `agentUpdateTime`, `managerSubmitterUserName` | dropped | always |
//! | `name`, `agentUserName`, `creatorUserName`, `coachingPlanName`, `usecaseName` | refused if they differ | the same |
//! | `createTime`, `updateTime`, `state`, `overdue` | dropped | the same |
//!
//! Agents change a session by `acknowledge-session`.
//!
//! A change of `meetingNotes` or `sessionTime`, by whomever, removes the agent's acknowledgement: the session is
//! `SUBMITTED` again, and the agent's comment stays. A service or admin who sends an `acknowledgeTime` with the change
//! sets that instead. A manager's change sets `managerUpdateTime` and, unless only `privateNotes` changed,
//! `managerSubmitterUserName`.
//!
//! A step out of order is FAILED_PRECONDITION. No time may be more than a minute in the future, except `sessionTime`.
//! From a service or admin, a time before that of the preceding step is refused, and so is a `managerSubmitterUserName`
//! whom the directory does not know.
//!
//! An `If-Match`, or an `etag` in the session, of another version is ABORTED. Without them, concurrent updates are
//! applied one after the other, each to its own fields. A repeat changes nothing
//! further, but that a time of submission that is replaced by now is later.

use coaching_domain::names;
use coaching_domain::session::{CoachingSessionMessage, SessionUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-session",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    summary: "change a session",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::update::<SessionUpdate>("coachingSession"),
    answer: AnswerType::of::<UpdateSessionResponse<'_>>(),
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
        Access::PutItem(&[Partition::Session, Partition::Statistics, Partition::Activity]),
        Access::UpdateItem(&[Partition::Plan, Partition::Statistics]),
        Access::DeleteItem(&[Partition::Statistics, Partition::Activity]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The session after the request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let caller = request.caller();
    let (update, expected) = request.update::<SessionUpdate>("coachingSession", &tenant, now)?;
    app.store.unknown_names(&tenant, &update.references(), true).await?.into_result()?;

    let changed = app.store.change_session(&tenant, &id, request.author(now), |session, now| {
        expected.check(&session.etag(caller))?;
        update.apply(session, caller, now)
    });
    let session = changed.await?.seen_by(caller);

    let coaching_session = session.message(&tenant, now);
    Ok(Answer::json(&UpdateSessionResponse { coaching_session })?.with_etag(&session.etag()))
}
