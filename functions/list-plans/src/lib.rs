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
//! `pageToken` work as in `list-sessions`.
//!
//! Agents see their own plans only, as in `get-plan`. Filters and pages use what they see.

use std::collections::BTreeSet;

use coaching_domain::names::UserId;
use coaching_domain::plan::{CoachingPlanMessage, FocusCriterion, SeenPlan};
use coaching_domain::session::{CoachingSessionMessage, SeenSession};
use coaching_domain::timestamp::range_fault;
use coaching_domain::{Error, Parameters, Role, Tenant, Timestamp};
use coaching_edge::{Access, Answer, App, Binding, ListIndex, Operation, Partition, Request, Route, bytes_in_answer};
use coaching_store::{Cursor, PlanFilter, SessionFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The most agents and the most groups in one request.
const MAX_AGENTS: usize = 1000;
const MAX_GROUPS: usize = 100;
/// The most usecases in one request.
const MAX_USECASES: usize = 20;
/// The longest page token that is read, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;
/// The most plans on a page with sessions.
const MAX_PLANS_WITH_SESSIONS: usize = 50;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-plans",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingPlans:list")),
    summary: "list plans",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[Partition::Group]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Plans]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::PlansOfAgent]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::PlansOfUsecase]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// A page of plans.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListPlansResponse<'a> {
    /// The plans, the newest first.
    coaching_plans: Vec<CoachingPlanMessage<'a>>,
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of plans, of sessions of the plans on the page, and of groups that could not be read and may be missing from
    /// the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// The request.
struct ListPlansRequest {
    agents: BTreeSet<UserId>,
    groups: Vec<coaching_domain::names::GroupId>,
    filter: PlanFilter,
    with_sessions: bool,
    range: (Option<Timestamp>, Option<Timestamp>),
    without_comment: bool,
    without_notes: bool,
    page_size: usize,
    page_token: Option<String>,
}

impl ListPlansRequest {
    fn read(request: &Request<'_>, tenant: &Tenant) -> Result<(Self, Parameters), Error> {
        request.body_of_list(|fields| {
            let mut agents: BTreeSet<UserId> = fields.ids("agentUserNames", MAX_AGENTS, tenant).into_iter().collect();
            agents.extend(fields.id("agentUserName", tenant));
            let range = fields.object("sessionTimeRange", |range| {
                let (start, end) = (range.timestamp("startTimestamp"), range.timestamp("endTimestamp"));
                if let Some(fault) = range_fault(start, end, "startTimestamp") {
                    range.refuse("endTimestamp", fault);
                }
                Some((start, end))
            });
            Some(Self {
                agents,
                groups: fields.ids("groupNames", MAX_GROUPS, tenant),
                filter: PlanFilter {
                    agents: None,
                    is_active: fields.boolean("isActive"),
                    usecases: fields.ids("usecaseNames", MAX_USECASES, tenant),
                    focus_criteria: FocusCriterion::read_all(fields, "focusCriteria", tenant),
                    as_agent: request.caller().role() == Role::Agent,
                },
                with_sessions: fields.boolean("includeCoachingSessions").unwrap_or(false),
                range: range.unwrap_or_default(),
                without_comment: fields.boolean("excludeCoachingPlanComment").unwrap_or(false),
                without_notes: fields.boolean("excludeCoachingSessionsNoteAndComment").unwrap_or(false),
                page_size: fields.page_size(),
                page_token: fields.string("pageToken", MAX_TOKEN_BYTES),
            })
        })
    }

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
    let (mut asked, parameters) = ListPlansRequest::read(request, &tenant)?;
    if request.caller().role() == Role::Agent {
        if let Some(other) = asked.agents.iter().find(|agent| *agent != request.caller().user()) {
            return Err(Error::permission_denied(&tenant.name_of(other)));
        }
        if let Some(group) = asked.groups.first() {
            return Err(Error::permission_denied(&tenant.name_of(group)));
        }
        asked.agents.insert(request.caller().user().clone());
    }
    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(asked.page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let mut filter = asked.filter.clone();
    let mut groups = Vec::new();
    if !asked.agents.is_empty() || !asked.groups.is_empty() {
        let mut agents = asked.agents.clone();
        if !asked.groups.is_empty() {
            let members = app.store.members_of(&tenant.of_customer(), &asked.groups, false).await?;
            groups.extend(members.unreadable().map(|group| group.name().to_owned()));
            agents.extend(members.for_caller(request.caller(), &tenant)?);
        }
        filter.agents = Some(agents.into_iter().collect());
    }
    let size = if asked.with_sessions { asked.page_size.min(MAX_PLANS_WITH_SESSIONS) } else { asked.page_size };
    let page = app.store.plans(&tenant, &filter, after.as_ref(), size).await?;
    let page = if asked.with_sessions {
        let (start_session_time, end_session_time) = asked.range;
        let as_agent = filter.as_agent;
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
    let response = |coaching_plans: Vec<_>| {
        let next = page.after(coaching_plans.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        let mut unreachable = page.unreachable(coaching_plans.len());
        unreachable.extend(groups.iter().cloned());
        Ok(ListPlansResponse { coaching_plans, next_page_token, unreachable })
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
