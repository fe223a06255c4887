//! Lists coaching plans, the newest `createTime` first, ties by name.
//!
//! The fields of the body filter the list and can be combined:
//! - `agentUserName`, `agentUserNames` and `groupNames`: plans of any of these agents and members of these groups
//! - `isActive`
//! - `usecaseNames`: plans of any of them
//! - `focusCriteria`: plans that work on any of them
//!
//! With `includeCoachingSessions` each plan has its newest sessions, at most 100. `sessionTimeRange` restricts them to
//! those from `startTimestamp` until before `endTimestamp`. A page then has at most 50 plans, and fewer if their
//! sessions are long. If the sessions of one plan alone fill an answer, it has as many as fit.
//! `excludeCoachingPlanComment` and `excludeCoachingSessionsNoteAndComment` leave those texts out. `pageSize` and
//! `pageToken` work as in `list-sessions`. With `displayNames` in `include` the answer has the display names of the users that it
//! names.
//!
//! Agents see their own plans only, as in `get-plan`. Filters and pages use what they see.

use std::collections::{BTreeMap, BTreeSet};

use coaching_domain::bodies::Paged;
use coaching_domain::message::Place;
use coaching_domain::names::{GroupId, UsecaseId, UserId};
use coaching_domain::plan::{CoachingPlanMessage, FocusCriterion, MAX_FOCUS_ENTRIES, SeenPlan};
use coaching_domain::rules::{Distinct, Flag, List};
use coaching_domain::session::{CoachingSessionMessage, SeenSession};
use coaching_domain::{Error, Role, Tenant, Timestamp, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, DisplayNames, Included, ListIndex, Operation, Partition, Request,
    RequestType, Route, bytes_in_answer,
};
use coaching_store::{Cursor, PlanFilter, SessionFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The most agents and the most groups in one request.
const MAX_AGENTS: usize = 1000;
const MAX_GROUPS: usize = 100;
/// The most usecases in one request.
const MAX_USECASES: usize = 20;
/// The most plans on a page with sessions.
const MAX_PLANS_WITH_SESSIONS: usize = 50;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-plans",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingPlans:list")),
    summary: "list plans",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::page::<(ListPlansRequest, Included)>(),
    answer: AnswerType::of::<ListPlansResponse<'_>>(),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[Partition::Group, Partition::User]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Plans]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::PlansOfAgent, Partition::SessionsOfAgent]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::PlansOfUsecase]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// A page of plans.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListPlansResponse<'a> {
    /// The plans, the newest first.
    coaching_plans: Vec<CoachingPlanMessage<'a>>,
    /// With `displayNames` in `include`: the display names of the users that the answer names, by their resource names. Without
    /// those who are not in the directory or cannot be read there, and whom the caller may not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_names: Option<BTreeMap<&'a str, &'a str>>,
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of plans, of sessions of the plans on the page, and of groups that could not be read and may be missing from
    /// the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

message! {
    /// The request.
    struct ListPlansRequest {
        agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        agent: Option<UserId> = "agentUserName",
        session_times: Option<TimeRange> = "sessionTimeRange",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        is_active: Option<bool> = "isActive",
        usecases: Distinct<UsecaseId, MAX_USECASES> = "usecaseNames",
        focus_criteria: List<FocusCriterion, MAX_FOCUS_ENTRIES> = "focusCriteria",
        with_sessions: Flag = "includeCoachingSessions",
        without_comment: Flag = "excludeCoachingPlanComment",
        without_notes: Flag = "excludeCoachingSessionsNoteAndComment",
    }
}

message! {
    /// A range without its end.
    struct TimeRange, checked as SentRange {
        start: Option<Timestamp> = "startTimestamp",
        end: Option<Timestamp> = "endTimestamp",
    }
}

impl SentRange {
    fn check(&mut self, place: &mut Place<'_>) {
        place.refuse_empty_range(("startTimestamp", self.start), ("endTimestamp", self.end));
    }
}

impl ListPlansRequest {
    /// The plan as the request asks for it, with `sessions`.
    fn plan<'a>(
        &self,
        plan: &'a SeenPlan,
        tenant: &Tenant,
        sessions: Vec<CoachingSessionMessage<'a>>,
    ) -> CoachingPlanMessage<'a> {
        let plan = plan.message(tenant, sessions);
        if self.without_comment { plan.without_comment() } else { plan }
    }

    /// The session as the request asks for it.
    fn session<'a>(&self, session: &'a SeenSession, tenant: &Tenant, now: Timestamp) -> CoachingSessionMessage<'a> {
        let session = session.message(tenant, now);
        if self.without_notes { session.without_notes_and_comment() } else { session }
    }
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: (asked, included), page_size, page_token }, parameters) =
        request.page::<(ListPlansRequest, Included)>(&tenant, now)?;
    let as_agent = request.caller().role() == Role::Agent;
    let mut agents: BTreeSet<UserId> = asked.agents.iter().chain(&asked.agent).cloned().collect();
    if as_agent {
        if let Some(other) = agents.iter().find(|agent| *agent != request.caller().user()) {
            return Err(Error::permission_denied(&tenant.name_of(other)));
        }
        if let Some(group) = asked.groups.first() {
            return Err(Error::permission_denied(&tenant.name_of(group)));
        }
        agents.insert(request.caller().user().clone());
    }
    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let mut groups = Vec::new();
    let names_nobody = agents.is_empty() && asked.groups.is_empty();
    if !asked.groups.is_empty() {
        let members = app.store.members_of(&tenant.of_customer(), &asked.groups, false).await?;
        groups.extend(members.unreadable().map(|group| group.name().to_owned()));
        agents.extend(members.for_caller(request.caller(), &tenant)?);
    }
    let filter = PlanFilter {
        agents: Some(agents.into_iter().collect()).filter(|_| !names_nobody),
        is_active: asked.is_active,
        usecases: asked.usecases.clone(),
        focus_criteria: asked.focus_criteria.clone(),
        as_agent,
    };
    let size = if asked.with_sessions { page_size.min(MAX_PLANS_WITH_SESSIONS) } else { page_size };
    let page = app.store.plans(&tenant, &filter, after.as_ref(), size).await?;
    let page = if asked.with_sessions {
        let (start_session_time, end_session_time) =
            asked.session_times.as_ref().map(|range| (range.start, range.end)).unwrap_or_default();
        let of_each = SessionFilter { start_session_time, end_session_time, as_agent, ..SessionFilter::default() };
        app.store.sessions_of_plans(&tenant, page, &of_each, now).await?
    } else {
        page.map(|plan| (plan, Vec::new()))
    };

    let caller = request.caller();
    let page = page.map(|(plan, sessions)| {
        let sessions = sessions.into_iter().map(|session| session.seen_by(caller));
        (plan.seen_by(caller), sessions.collect::<Vec<_>>())
    });
    let messages = page.entries.iter().map(|(plan, sessions)| {
        let sessions = sessions.iter().map(|session| asked.session(session, &tenant, now));
        asked.plan(plan, &tenant, sessions.collect())
    });
    let mut users = BTreeSet::new();
    if included.display_names() {
        messages.for_each(|plan| users.extend(plan.user_names().map(str::to_owned)));
    }
    let users = included.users(&tenant, users.iter().map(String::as_str));
    let display_names = DisplayNames::read(app, caller, &tenant, users).await?;
    let response = |coaching_plans: Vec<_>| {
        let next = page.after(coaching_plans.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        let mut unreachable = page.unreachable(coaching_plans.len());
        unreachable.extend(groups.iter().cloned());
        let display_names = display_names.of(coaching_plans.iter().flat_map(CoachingPlanMessage::user_names));
        Ok(ListPlansResponse { display_names, coaching_plans, next_page_token, unreachable })
    };
    let sizes = page.entries.iter().map(|(plan, sessions)| {
        let sessions = sessions.iter().map(|session| asked.session(session, &tenant, now));
        bytes_in_answer(&asked.plan(plan, &tenant, sessions.collect()))
    });
    let answer = Answer::beginning(&page.entries, sizes, |entries| {
        let plans = entries.iter().map(|(plan, sessions)| {
            let sessions = sessions.iter().map(|session| asked.session(session, &tenant, now));
            asked.plan(plan, &tenant, sessions.collect())
        });
        response(plans.collect())
    })?;
    let answer = match (answer, page.entries.first()) {
        (Some(answer), _) => Some(answer),
        (None, None) => None,
        // Even the first plan does not fit with all its sessions.
        (None, Some((plan, sessions))) => {
            let sizes = sessions.iter().map(|session| bytes_in_answer(&asked.session(session, &tenant, now)));
            Answer::beginning(sessions, sizes, |sessions| {
                let sessions = sessions.iter().map(|session| asked.session(session, &tenant, now));
                response(vec![asked.plan(plan, &tenant, sessions.collect())])
            })?
        }
    };
    let (answer, _) = answer.ok_or_else(|| Error::internal("a plan takes more than a function may answer"))?;
    Ok(answer)
}
