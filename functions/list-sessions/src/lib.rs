//! A page of coaching sessions.
//!
//! `agentUserName`, `coachingPlanName` and `usecaseNames` (repeatable, any of them, at most 20) narrow
//! the list, in any combination; so do `states` (repeatable, any of them), `overdue`, and the times
//! `startSessionTime` until before `endSessionTime`, `startUpdateTime` until before `endUpdateTime`; an end that is
//! not after its start is refused.
//!
//! The order is the newest `createTime` first, and a session created while someone pages makes no other
//! appear twice or vanish. Without an agent and a plan, a range of session time has the latest `sessionTime`
//! first; else a range of update time the earliest `updateTime`, so that a session that is changed while
//! someone pages appears once more instead of vanishing. Ties are by name.
//!
//! A page is full unless it is the last, its sessions are so long that the answer would pass what a Lambda
//! function may answer (6,291,556 bytes), or the filters dropped 10,000 sessions on the way.
//!
//! An agent sees their own sessions only, as `get-session` shows them; filters and pages go by what they see.

use coaching_domain::session::{CoachingSessionMessage, State};
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, App, Binding, ListIndex, Operation, Partition, Request, Route};
use coaching_store::{Cursor, SessionFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The most usecases that one request names.
const MAX_USECASES: usize = 20;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-sessions",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingSessions")),
    summary: "list sessions",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
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

/// A page of what was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListSessionsResponse<'a> {
    /// The sessions: the newest first; of a range of time of the whole profile, by that time.
    coaching_sessions: &'a [CoachingSessionMessage<'a>],
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// What could not be read, and so may be missing from the page: names of resources. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let mut query = request.query();
    let agent = query.id::<names::User>("agentUserName", &tenant);
    let mut filter = SessionFilter {
        agent: request.own_agent(&tenant, agent)?,
        plan: query.id("coachingPlanName", &tenant),
        usecases: query.ids("usecaseNames", MAX_USECASES, &tenant),
        states: query.enumerations("states", &State::NAMES),
        overdue: query.boolean("overdue"),
        as_agent: request.caller().role() == Role::Agent,
        ..SessionFilter::default()
    };
    (filter.start_session_time, filter.end_session_time) = query.range("startSessionTime", "endSessionTime");
    (filter.start_update_time, filter.end_update_time) = query.range("startUpdateTime", "endUpdateTime");
    let page_size = query.page_size();
    let page_token = query.string("pageToken");
    let parameters = query.into_result()?;

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
