//! What there is of the coaching of each coach in a window: sessions by state, what is overdue, how much of what was due
//! was held, and how much of what was submitted is acknowledged, and how soon.
//!
//! **When**: the window is from `startTime` until `endTime`, at most 400 days, exact. A session is in it by its counted time,
//! which is its session time or else that of its creation; so sessions to come are in it too. States and what is overdue
//! are those of now.
//! **Whose**: sessions of `usecaseNames` (required) with `agentUserNames` and the members of `groupNames` (of sub-groups too
//! with `includeIndirectGroupMembers`), or with all agents of the profile if both are empty; inactive and dev users only if
//! asked for. At most 5,000 agents: more are FAILED_PRECONDITION. Who was an agent is asked of the window's last moment, or
//! of now while the window is under way; sessions with who no longer is count when they are named in `agentUserNames`, or
//! with `includeInactiveUsers`. Who is nobody in the directory is INVALID_ARGUMENT, but is left out, as are groups that do
//! not exist, for a caller who is confined to some profiles.
//!
//! The coach of a session is the manager who last wrote its notes, moved it or submitted it, or whom an importer named as its
//! `managerSubmitterUserName`; else who created it. A session without a time and without notes is not due.
//! `coachingSessionCount` is the sum of the counts of the four states, and `overdueCount` that of `notHeldCount` and
//! `notAcknowledgedCount`. `heldRate` is 1 − notHeldCount / dueCount, and `acknowledgedRate` acknowledgedCount /
//! (submittedCount + acknowledgedCount); both are rounded once, half up, to four decimals.
//! `agentsWithoutSessionCount`, on every page, is over all agents of the request: how many of them have an active plan of
//! these usecases now, and no session in the window, in whatever state and with whatever coach.
//!
//! Pages are of coaches who have a session, by resource name. Each page counts all sessions, as they are then.
//!
//! All of this operation is ours beside the reference. The sessions of an agent of whom something cannot be read are left
//! out; `unreachable` names them.

mod answer;

use coaching_domain::bodies::Paged;
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{
    Access, AgentsOfSessions, Answer, AnswerType, App, AskedAgents, AskedPage, Binding, ListIndex, OfAgents, Operation,
    Paging, Partition, Request, RequestType, Route, Size,
};
use coaching_measures::coaches::CoachedAgents;
use coaching_measures::overviews::{AskedOverviews, OverviewWindow};
use coaching_measures::sessions::{SessionMeasuring, span_of};

use crate::answer::{Coaches, RetrieveCoachOverviewsResponse};

/// The most agents of a request.
const MAX_AGENTS: usize = 5000;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-coach-overviews",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachOverviews:retrieve")),
    summary: "overviews of coaches",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::page::<OfAgents<OverviewWindow, AgentsOfSessions>>(),
    answer: AnswerType::of::<RetrieveCoachOverviewsResponse<'_>>(),
    pages: true,
    costly: true,
    // As progress: a whole CPU, and all the time that API Gateway gives, for 5,000 agents.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::ScopeTooLarge],
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[Partition::Agent, Partition::Usecase, Partition::User, Partition::Group]),
        Access::Query(&[Partition::Activity, Partition::User, Partition::AgentCounts]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Agents, Partition::AgentsOfCustomer, Partition::PastUsers]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let caller = request.caller();
    let (asked, parameters) = request.page::<OfAgents<OverviewWindow, AgentsOfSessions>>(&tenant, now)?;
    let Paged { value: OfAgents { agents, value: window }, page_size, page_token } = asked;
    let AskedOverviews { agents, window, .. } =
        AskedOverviews::new(AskedAgents::new(agents.into(), caller, &tenant)?, window, now)?;

    let binding = Binding::new(OPERATION.name, caller, &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?;
    let paging = Paging {
        app,
        tenant: &tenant,
        asked: &agents,
        page: &AskedPage::new(None, 0, None),
        span: span_of(&window, now),
        now,
        caller,
        binding: &binding,
        measuring: &SessionMeasuring::new(app, &tenant, &agents, window.clone(), now),
    };
    let measured = paging.at_most_measured(MAX_AGENTS).await?;
    let coached = CoachedAgents::of(&measured, &agents.usecases, now);

    let coaches = Coaches { app, tenant: &tenant, binding: &binding, now, window, after, size: page_size };
    coaches.answer(&coached)
}
