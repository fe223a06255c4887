//! How far agents' scores moved, and
//! how far they still are from target.
//!
//! **When**: the window is from `startTime` (rounded down to a day, UTC) until `endTime` (rounded up); by default the 30
//! days that end with today. The baseline is the equally long window just before. Who was an agent, which plans were
//! active and which targets there were is asked of the window's last moment, or of now while the window is under way: so
//! what changes later does not change the figures of a window that is over.
//! **Which agents**: `agentUserNames` and the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), or all agents of the profile if both are empty; inactive and dev users
//! only if asked for. Who was an agent in the window and at its end no longer (promoted, moved to another profile) is
//! answered when named in `agentUserNames`, or with `includeInactiveUsers`. Who never was one in the window is left
//! out; who is nobody in the directory is INVALID_ARGUMENT. Both are left out alike, and so are groups that do not exist, for a
//! caller who is confined to some profiles.
//! **Which scores**: of `usecaseNames` (required) and, if given, `scorecardTemplateNames`, which must exist, in every
//! revision (`customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`), submitted in the window.
//! **Which targets**: those of the organisation, and an agent's own on active plans of theirs, which replace
//! the organisation's for the same usecase, template and criterion; each with the value that was in force. A plan is active
//! from its `startTime` until before its `endTime`, where it has them.
//! **Which sessions**: those of the usecases that were held (they have notes or are submitted) and whose time, the
//! session's or else that of its creation, is within the window and not ahead.
//!
//! Of each target: `score` and `baselineScore` (means), `progress = score − baselineScore`,
//! `gap = target − score` (negative if exceeded), in percentage points, absent where there is
//! no score, and the counts of scorecards behind them. Of the agent: the mean progress, and the mean of the
//! gaps, an exceeded target counting as none. Each figure is computed exactly and rounded once, half away from zero,
//! to four decimals; so `progress` may be 0.0001 off the difference of the two scores that are shown.
//!
//! With `includeCriteriaWithoutTarget`, agents also have each criterion that they were scored on in the window and for which
//! they have no target, marked `withoutTarget`: with its scores, without `target`, `progress` and `gap`, and not among what
//! the agent's means are of. With `includeTeam`, the first page has a `team`: all agents of the request together, not only
//! those of the page. Its scores are the means of all their scorecards. A target is the mean of those of the agents who have
//! one, of several for the same the highest. The first page then costs what that of an order by progress costs, which
//! measures all agents too. An agent gets the team of themselves alone. With `displayNames` in `include`, the answer has the
//! display names of the users that it names.
//!
//! Ordered by agent name, progress or gap; agents with no value come last, ties break by resource name. Names are
//! ordered as people read them: by their letters without case and marks (NFKD), then as they are. Pages
//! are stable: the order by progress or gap is kept for three days when its first page is read, so every agent
//! appears once even while scorecards arrive. The figures are always the present ones. A page is full unless it is the
//! last, or its agents have so many targets that the answer would pass what a Lambda function may answer.
//!
//! What cannot be read costs itself: an agent of whom something cannot be read is left out, as is a target, or what is
//! measured by a template; `unreachable` names them, and a page has as many agents less.

mod answer;
mod request;

use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, OfAgents, Operation, Paging, Partition, Request, RequestType,
    Route, Size,
};
use coaching_measures::progress::{ProgressMeasuring, ProgressOrder};

use crate::answer::RetrieveProgressResponse;
use crate::request::{Body, RetrieveProgressRequest};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-progress",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:retrieve")),
    summary: "progress",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::page::<OfAgents<Body>>(),
    answer: AnswerType::of::<RetrieveProgressResponse<'_>>(),
    pages: true,
    costly: true,
    // A whole CPU, of which a team of 80 agents takes 3.6 ms, and all the time that API Gateway gives: for whole profiles
    // (docs/performance.md, Growth).
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[
            Partition::Template,
            Partition::Target,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::Order,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[Partition::Agent, Partition::Statistics, Partition::User]),
        Access::QueryIndex(
            ListIndex::Profile,
            &[Partition::Agents, Partition::PastCoaching, Partition::AgentsOfCustomer, Partition::PastUsers],
        ),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::TargetsOfUsecase, Partition::PastTargetsOfUsecase]),
        Access::PutItem(&[Partition::Order]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let caller = request.caller();
    let (asked, parameters) = request.page(&tenant, now)?;
    let asked = RetrieveProgressRequest::new(asked, caller, &tenant, now)?;

    let binding = Binding::new(OPERATION.name, caller, &tenant, &parameters);
    let measuring = ProgressMeasuring::new(app, &tenant, &asked.progress, now);
    let paging = Paging {
        app,
        tenant: &tenant,
        asked: &asked.progress.agents,
        page: &asked.page,
        span: measuring.span,
        now,
        caller,
        binding: &binding,
        measuring: &measuring,
    };
    let is_by_name = asked.progress.order_by == ProgressOrder::Name;
    let (page, team) = match &asked.page.token {
        Some(token) if !is_by_name => (paging.in_kept_order(token).await?, None),
        _ if is_by_name && !asked.progress.with_team => (paging.by_name().await?, None),
        _ => {
            let everyone = paging.everyone_measured().await?;
            let team = asked.progress.with_team.then(|| measuring.together(&everyone));
            let page = match is_by_name {
                true => paging.by_name_of(everyone).await?,
                false => paging.first_by_value(everyone).await?,
            };
            (page, team)
        }
    };

    let last_revisions = measuring.last_revisions(&page.agents, team.as_ref()).await?;
    answer::answer(&paging, &page, team.as_ref(), &last_revisions, &asked.included).await
}
