//! Lists coaching sessions.
//!
//! These parameters filter the list and can be combined:
//! - `agentUserName`, `coachingPlanName`
//! - `usecaseNames` (at most 20) and `states`: each can be repeated and matches any of its values
//! - `overdue`
//! - `startSessionTime` until before `endSessionTime`, `startUpdateTime` until before `endUpdateTime`: an end must be
//!   after its start
//!
//! The newest `createTime` comes first. A session that is created between two pages makes no other appear twice or go
//! missing. Lists without an agent and a plan can have another order. With a range of session time, the latest
//! `sessionTime` comes first. Else, with a range of update time, the earliest `updateTime` comes first, so a session
//! that changes between two pages appears once more instead of going missing. Ties are ordered by name.
//!
//! A page is full unless it is the last, the answer would exceed what a Lambda function may answer (6,291,556 bytes),
//! or the filters dropped 10,000 sessions on the way.
//!
//! Agents see their own sessions only, as in `get-session`. Filters and pages use what they see.

use coaching_domain::bodies::Paged;
use coaching_domain::session::{AskedSessions, CoachingSessionMessage};
use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, Operation, Partition, Request, RequestType, Route,
};
use coaching_store::{Cursor, SessionFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-sessions",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingSessions")),
    summary: "list sessions",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::list::<AskedSessions>(),
    answer: AnswerType::of::<ListSessionsResponse<'_>>(),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::SessionsOfAgent]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::SessionsOfUsecase]),
        Access::QueryIndex(ListIndex::Open, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::SessionTime, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::UpdateTime, &[Partition::Sessions]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// A page of sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListSessionsResponse<'a> {
    /// The sessions, the newest first; with a range of time and without an agent or a plan, by that time.
    coaching_sessions: &'a [CoachingSessionMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of resources that could not be read and may be missing from the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) = request.list::<AskedSessions>(&tenant, now)?;
    let filter = SessionFilter::new(asked, request.caller().agent());

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let page = app.store.sessions(&tenant, &filter, after.as_ref(), page_size, now).await?;

    let page = page.map(|session| session.seen_by(request.caller()));
    let sessions = page.entries.iter().map(|session| session.message(&tenant, now));
    Answer::page(&sessions.collect::<Vec<_>>(), |coaching_sessions| {
        let next = page.after(coaching_sessions.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        Ok(ListSessionsResponse {
            coaching_sessions,
            next_page_token,
            unreachable: page.unreachable(coaching_sessions.len()),
        })
    })
}
