//! Lists coaching sessions.
//!
//! These parameters filter the list and can be combined:
//! - `agentUserName`, `coachingPlanName`, `creatorUserName`
//! - `groupNames` (at most 20): sessions of the members of any of these groups, without those of sub-groups
//! - `usecaseNames` (at most 20) and `states`: each can be repeated and matches any of its values
//! - `overdue`
//! - `startSessionTime` until before `endSessionTime`, `startUpdateTime` until before `endUpdateTime`: an end must be
//!   after its start
//!
//! The newest `createTime` comes first. A session that is created between two pages makes no other appear twice or go
//! missing. Lists without an agent and a plan can have another order. With a range of session time, the latest
//! `sessionTime` comes first. Else, with a range of update time, the earliest `updateTime` comes first, so a session
//! that changes between two pages appears once more instead of going missing. With `ORDER_BY_SESSION_TIME` any list has the
//! latest `sessionTime` first, without sessions that have none. Ties are ordered by name.
//!
//! An index has the sessions of a plan, of an agent, of a usecase, that are not acknowledged, or in the order of a range of
//! time; all else is filtered from one of these. So for `creatorUserName`, for groups with more than 20 members together, and
//! for an agent's or a plan's sessions by session time, name a range of time too where the profile has many sessions.
//!
//! With `include=displayNames` the answer has the display names of the users that it names.
//!
//! A page is full unless it is the last, the answer would exceed what a Lambda function may answer (6,291,556 bytes),
//! or the filters dropped 10,000 sessions on the way.
//!
//! Agents see their own sessions only, as in `get-session`. Filters and pages use what they see.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use coaching_domain::bodies::Paged;
use coaching_domain::names::{GroupId, UserId};
use coaching_domain::rules::{Distinct, Enumeration, OneOf};
use coaching_domain::session::{AskedSessions, CoachingSessionMessage};
use coaching_domain::{Error, Role, Tenant, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, DisplayNames, Included, ListIndex, Operation, Partition, Request,
    RequestType, Route,
};
use coaching_store::{Cursor, SessionFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The most groups in one request.
const MAX_GROUPS: usize = 20;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-sessions",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingSessions")),
    summary: "list sessions",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::list::<ListSessionsRequest>(),
    answer: AnswerType::of::<ListSessionsResponse<'_>>(),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[Partition::Group, Partition::User]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::SessionsOfAgent, Partition::PlansOfAgent]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::SessionsOfUsecase]),
        Access::QueryIndex(ListIndex::Open, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::SessionTime, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::UpdateTime, &[Partition::Sessions]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What is asked for beside what an export can be asked for, and what the answer includes.
type ListSessionsRequest = (AskedSessions, (Listing, Included));

message! {
    /// What a list can be asked for beside what an export can be asked for.
    struct Listing {
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        creator: Option<UserId> = "creatorUserName",
        order: Option<OneOf<Order>> = "orderBy",
    }
}

/// The order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// That of the index that is read.
    OfIndex,
    SessionTime,
}

impl Enumeration for Order {
    const VALUES: &'static [(&'static str, Self)] =
        &[("ORDER_BY_UNSPECIFIED", Self::OfIndex), ("ORDER_BY_SESSION_TIME", Self::SessionTime)];
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListSessionsResponse<'a> {
    /// The sessions, the newest first; by session time, or with a range of time and without an agent or a plan, by that time.
    coaching_sessions: &'a [CoachingSessionMessage<'a>],
    /// With `include=displayNames`: the display names of the users that the answer names, by their resource names. Without
    /// those who are not in the directory or cannot be read there, and whom the caller may not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_names: Option<BTreeMap<&'a str, &'a str>>,
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
    let (Paged { value: asked, page_size, page_token }, parameters) =
        request.list::<ListSessionsRequest>(&tenant, now)?;
    let (asked, (listing, included)) = asked;
    let caller = request.caller();
    if let (Role::Agent, Some(group)) = (caller.role(), listing.groups.first()) {
        return Err(Error::permission_denied(&tenant.name_of(group)));
    }
    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let mut groups = Vec::new();
    let agents = members_of(app, request, &tenant, &listing.groups, &mut groups).await?;
    let filter = SessionFilter {
        agents: agents.map(Arc::new),
        creator: listing.creator,
        by_session_time: listing.order == Some(Order::SessionTime),
        ..SessionFilter::new(asked, caller.agent())
    };
    let page = app.store.sessions(&tenant, &filter, after.as_ref(), page_size, now).await?;

    let page = page.map(|session| session.seen_by(caller));
    let sessions: Vec<_> = page.entries.iter().map(|session| session.message(&tenant, now)).collect();
    let users = included.users(&tenant, sessions.iter().flat_map(CoachingSessionMessage::user_names));
    let display_names = DisplayNames::read(app, caller, &tenant, users).await?;
    Answer::page(&sessions, |coaching_sessions| {
        let next = page.after(coaching_sessions.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        let mut unreachable = page.unreachable(coaching_sessions.len());
        unreachable.extend(groups.iter().cloned());
        Ok(ListSessionsResponse {
            coaching_sessions,
            display_names: display_names.of(coaching_sessions.iter().flat_map(CoachingSessionMessage::user_names)),
            next_page_token,
            unreachable,
        })
    })
}

/// The members of `groups`, if there are groups; those that cannot be read are added to `unreachable`.
async fn members_of(
    app: &App,
    request: &Request<'_>,
    tenant: &Tenant,
    groups: &[GroupId],
    unreachable: &mut Vec<String>,
) -> Result<Option<HashSet<UserId>>, Error> {
    if groups.is_empty() {
        return Ok(None);
    }
    let members = app.store.members_of(&tenant.of_customer(), groups, false).await?;
    unreachable.extend(members.unreadable().map(|group| group.name().to_owned()));
    Ok(Some(members.for_caller(request.caller(), tenant)?.into_iter().collect()))
}
