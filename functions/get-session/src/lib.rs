//! Returns one coaching session.
//!
//! - `state` is `SCHEDULED`; `HELD` once the session's time has come or it has notes; `SUBMITTED`; or `ACKNOWLEDGED`.
//! - `overdue` is true if the time of the session has come and it has no notes. It is also true from a week after the
//!   submission or the time of the session, whichever is later, until the agent acknowledges.
//! - `etag` is also in the header `ETag`.
//!
//! With `include=displayNames` the answer has the display names of the users that it names.
//!
//! Agents read their own sessions only. Any other name is PERMISSION_DENIED for them, whether it exists or not. They
//! see `meetingNotes`, and who wrote them, once the session is submitted, and never `privateNotes`. Nothing else that
//! they read depends on what is hidden from them.

use std::collections::BTreeMap;

use coaching_domain::names;
use coaching_domain::session::CoachingSessionMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, DisplayNames, Included, ListIndex, Operation, Partition, Request, RequestType,
    Route,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-session",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    summary: "read a session",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::parameters::<Included>(),
    answer: AnswerType::of::<GetSessionResponse<'_>>(),
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Session]),
        Access::BatchGetItem(&[Partition::User]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::PlansOfAgent, Partition::SessionsOfAgent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GetSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
    /// With `include=displayNames`: the display names of the users that the answer names, by their resource names. Without
    /// those who are not in the directory or cannot be read there, and whom the caller may not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_names: Option<BTreeMap<&'a str, &'a str>>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingSession>("coachingSession", &tenant)?;
    let now = app.now()?;
    let included = request.parameters::<Included>(&tenant, now)?;

    let session = app.store.session(&tenant, &id, now).await?;
    let session = request.visible(session, |session| &session.agent, &tenant.name_of(&id))?;

    let session = session.seen_by(request.caller());
    let coaching_session = session.message(&tenant, now);
    let users = included.users(&tenant, coaching_session.user_names());
    let names = DisplayNames::read(app, request.caller(), &tenant, users).await?;
    let display_names = names.of(coaching_session.user_names());
    Ok(Answer::json(&GetSessionResponse { display_names, coaching_session })?.with_etag(&session.etag()))
}
