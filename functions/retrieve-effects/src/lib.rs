//! What coaching changed: how agents' scores moved from the days before a session to the days after it, beside how those
//! of agents moved who were not coached and had scored about as much.
//!
//! **Which sessions**: those of `usecaseNames` (required) that were submitted, or have notes, by their counted time, which
//! is the session time or else that of the creation: from `startTime` until `endTime`, at most 400 days, exact. Without an
//! `endTime` the window ends `days` before today (UTC), so that the days after each session are over; without a
//! `startTime` it starts 90 days before its end. With the `unit` `PLAN` each plan has one effect, that of its first such
//! session in the window; with `SESSION` each session has.
//! **Which agents**: `agentUserNames` and the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), or all agents of the profile if both are empty; inactive and dev users only if asked
//! for. At most 1,000: more are FAILED_PRECONDITION. Who was an agent is asked of the window's last moment, or of now while
//! the window is under way; who no longer is, is answered when named in `agentUserNames`, or with `includeInactiveUsers`.
//! Who is nobody in the directory is INVALID_ARGUMENT, but is left out, as are groups that do not exist, for a caller who
//! is confined to some profiles.
//! **Which scores**: of the criteria that the session's plan works on (`focusCriteria`); of a plan that names none, of the
//! whole scorecard of each template of which the agent has scores around the session. Only of `scorecardTemplateNames`, if
//! given, in every revision; and of all of `usecaseNames` together, by the day (UTC) of their submission. With D = `days`,
//! *before* are the D days before that of the session, and *after* the D days behind it.
//!
//! With the sums Sᵢ and counts nᵢ of the k days that have scores, and N = Σnᵢ, the mean of a side is m = ΣSᵢ/N and its
//! variance V = k/(k−1) · Σ(Sᵢ − m·nᵢ)² / N²: scores of one day resemble each other, so what varies is the day. `effect` is
//! m after less m before, if each has at least `minimumScorecardCount` scorecards; else only the counts are answered. Its
//! `interval` has 95 % confidence: effect ± t·√(V₁+V₂), with ⌊(V₁+V₂)² / (V₁²/(k₁−1) + V₂²/(k₂−1))⌋ degrees of freedom, t
//! from the table in docs/progress.md; there is none with scores of one day on a side.
//!
//! **`effect` alone overstates.** Agents are coached because they scored low, and who happened to score low scores higher
//! next, coached or not. So beside it stands `comparison`: the mean of the same difference over those agents of the
//! request who had no held session of `usecaseNames` on any of these days, enough scorecards on each side, and a mean
//! *before* within 5 points of the agent's. It needs three such agents: ask for whole teams, or for everyone.
//! `adjustedEffect` is `effect` less that.
//!
//! `summaries` are over all agents of the request, whatever the page: of each criterion, each agent counts once, with the
//! mean of their effects; the intervals are mean ± t·s/√n, with n−1 degrees of freedom. All figures but intervals are
//! computed exactly and rounded once, half away from zero, to four decimals.
//!
//! Pages are of agents who have sessions, by agent name; an agent's effects, by session time, are all on one page. Each
//! page reads all that the request is for. An agent gets their own effects, of sessions whose notes are submitted, and
//! nothing to compare with.
//!
//! All of this operation is ours beside the reference. What cannot be read costs itself: agents of whom something cannot be
//! read have no effects, and are not compared with; plans and templates that cannot be read have none either.
//! `unreachable` names them.

mod answer;
mod request;

use coaching_domain::{Error, Reason, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, OfAgents, Operation, Paging, Partition, Request, RequestType,
    Route, Size,
};
use coaching_measures::effects::effects_of;
use coaching_measures::sessions::{SessionMeasuring, span_of};

use crate::answer::RetrieveEffectsResponse;
use crate::request::{Body, RetrieveEffectsRequest};

/// The most agents of a request.
const MAX_AGENTS: usize = 1000;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-effects",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingEffects:retrieve")),
    summary: "effects of coaching on scores",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::page::<OfAgents<Body>>(),
    answer: AnswerType::of::<RetrieveEffectsResponse<'_>>(),
    pages: true,
    costly: true,
    // As progress: a whole CPU, and all the time that API Gateway gives, for 1,000 agents.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::ScopeTooLarge],
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[
            Partition::Plan,
            Partition::Template,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[Partition::Statistics, Partition::Activity, Partition::User, Partition::AgentCounts]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Agents, Partition::AgentsOfCustomer, Partition::PastUsers]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let caller = request.caller();
    let (asked, parameters) = request.page(&tenant, now)?;
    let RetrieveEffectsRequest { effects: asked, page } = RetrieveEffectsRequest::new(asked, caller, &tenant, now)?;

    let paging = Paging {
        app,
        tenant: &tenant,
        asked: &asked.agents,
        page: &page,
        span: span_of(&asked.window, now),
        now,
        caller,
        binding: &Binding::new(OPERATION.name, caller, &tenant, &parameters),
        measuring: &SessionMeasuring::new(app, &tenant, &asked.agents, asked.sessions_around(now), now),
    };
    // A token that is of no such request is refused before everything is read.
    app.page_tokens.position(page.token.as_deref(), paging.binding, now)?;
    let agents = paging.at_most_measured(MAX_AGENTS).await?;
    let effects = effects_of(app, &tenant, &asked, &agents, now).await?;
    let with_effects = agents.into_iter().filter(|(agent, _)| effects.of_agents.contains_key(&agent.id));
    let page = paging.by_name_of(with_effects.collect()).await?;

    answer::answer(&paging, &asked, &page, &effects).await
}
