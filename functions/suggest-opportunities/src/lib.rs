//! On which criteria coaching an agent is worth most: where they score below everyone, below target, or below what
//! they scored before.
//!
//! **When**: the window is from `startTime` (rounded down to a day, UTC; by default 7 days before its end) until `endTime`
//! (rounded up; by default now), at most 400 days. Scores count by the day of their submission.
//! **Which agents**: `agentUserNames` and the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), at least one and at most 1,000 people; without those who do not work here and test
//! users. Who is nobody in the directory is INVALID_ARGUMENT, but is left out, as are groups that do not exist, for a
//! caller who is confined to some profiles. An agent gets their own.
//! **Which criteria**: those of the current revisions of templates that are in use, in `usecaseNames` (required) and, if
//! given, of `scorecardTemplateNames`, with `@*` or without a revision.
//!
//! `score` is the agent's mean score of a criterion over the window, and `gap = reference − score`, where `reference` is by
//! type
//! - `OPPORTUNITY_TYPE_AVG_PERFORMER`: the mean score of everyone in the profile over the same days;
//! - `OPPORTUNITY_TYPE_ORG_TARGET`: the target that was in force at the window's end: of the agent's own the highest, else
//!   the organisation's;
//! - `OPPORTUNITY_TYPE_DOWNWARD_TREND`: the agent's own mean score over the equally long window before.
//!
//! A criterion is suggested if `score`, and a reference that is a mean, have at least `minimumScorecardCount` scorecards
//! each, and `gap` is above 0 and at least `minimumGap`. `impact` is the gap times the criterion's share of the weights of
//! its template: by so much the agent's total would rise if the gap were closed. Of each agent and type the
//! opportunities with the largest impact are answered, then those with the largest gap, then by template and criterion,
//! as many as the type's limit says. They are sorted by agent name and then type. All figures but the interval are
//! computed exactly and rounded once, half away from zero, to four decimals; what is compared are these figures.
//!
//! `interval` holds the gap with 95 % confidence, if there are scores of two days or more. Scores of one day resemble each other,
//! so what varies is the day: with the sums Sᵢ and counts nᵢ of k days, N = Σnᵢ and m = ΣSᵢ/N, the variance of a mean is
//! V = k/(k−1) · Σ(Sᵢ − m·nᵢ)² / N². The interval is gap ± t·√V, with the V of `score` and k−1 degrees of freedom; a mean of
//! everyone and a target are taken as they are. Of a trend the variances add up, and the degrees of freedom are
//! ⌊(V₁+V₂)² / (V₁²/(k₁−1) + V₂²/(k₂−1))⌋. t is the two-sided 95 % quantile of Student's distribution for 1 to 30, 40, 60
//! or 120 degrees of freedom, the next lower of these. `isSignificant` says that the whole interval is above 0.
//!
//! Everyone's scores are added up ahead of requests, so the answer takes as long in a large profile as in a small one.
//! `benchmarkTime` says when that was last done: at most 15 minutes before, for days before the last two calendar months
//! and this one's pair at most a day. With more than 2,000 active agents a request adds up a share of them, and answers
//! with what there is; `benchmarkPending` says that some of it is not there yet, so that opportunities of the first type are
//! missing; repeat the request. Agents get no mean of fewer than five agents.
//!
//! With `includeEvidence`, of at most 20 people, each opportunity has the three scorecards with the lowest scores of its
//! criterion, the newest first among equals, of those among the agent's newest 200 that were submitted in the
//! window.
//!
//! With `displayNames` in `include`, the answer has the display names of the users that it names.
//!
//! The members of the enum, `minimumScorecardCount`, `minimumGap`, `includeEvidence`, groups, and all of the answer are ours
//! beside the reference. What cannot be read costs itself: an agent of whom something cannot be read is left out, as is a
//! target or a template; `unreachable` names them.

mod answer;
mod find;
mod request;

use std::collections::BTreeSet;

use coaching_domain::{Error, Parameters, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, AskedPage, Binding, ListIndex, NamedAgents, OfAgents, Operation, Paging,
    Partition, Request, RequestType, Route, Size,
};
use coaching_store::Unreadable;
use futures_util::future::try_join;

use crate::answer::SuggestOpportunitiesResponse;
use crate::find::{Finding, evidence_of};
use crate::request::{Body, SuggestOpportunitiesRequest};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "suggest-opportunities",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingOpportunities:suggest")),
    summary: "suggest what to coach",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    request: RequestType::body::<OfAgents<Body, NamedAgents>>(),
    answer: AnswerType::of::<SuggestOpportunitiesResponse<'_>>(),
    callers: Some("all; an agent their own"),
    costly: true,
    // As progress: for 1,000 agents, and for adding up everyone's scores.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    access: &[
        Access::BatchGetItem(&[
            Partition::Template,
            Partition::Target,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::Benchmark,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[
            Partition::Agent,
            Partition::Statistics,
            Partition::Benchmark,
            Partition::User,
            Partition::AgentCounts,
        ]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::PastCoaching, Partition::PastUsers]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::ScorecardsOfAgent]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::TargetsOfUsecase, Partition::PastTargetsOfUsecase]),
        Access::PutItem(&[Partition::Benchmark]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let caller = request.caller();
    let asked = SuggestOpportunitiesRequest::new(request.body(&tenant, now)?, caller, &tenant, now)?;

    let finding = Finding::new(app, &tenant, &asked, now);
    let paging = Paging {
        app,
        tenant: &tenant,
        asked: &asked.agents,
        page: &AskedPage::new(None, 0, None),
        span: finding.span,
        now,
        caller,
        binding: &Binding::new(OPERATION.name, caller, &tenant, &Parameters::default()),
        measuring: &finding.measuring(),
    };
    let (agents, targets) = try_join(paging.all_by_name(asked.most_people()), finding.organisation_targets()).await?;
    let templates = finding.templates_of(&agents).await?;
    let unreadable: BTreeSet<Unreadable> = app.store.unreadable().into_iter().collect();
    let benchmark = finding.benchmark(&agents, &templates).await?;
    // Whose scores are only among everyone's is not named in this answer.
    let of_others: BTreeSet<Unreadable> =
        app.store.unreadable().into_iter().filter(|one| !unreadable.contains(one)).collect();
    let found = finding.opportunities(&agents, &targets, &templates, &benchmark);
    let evidence = evidence_of(&finding, &found).await?;

    let unreadable: BTreeSet<Unreadable> = app.store.unreadable().into_iter().collect();
    let unreachable = unreadable.difference(&of_others).map(Unreadable::name).collect();
    answer::answer(&tenant, &asked, &found, &evidence, &benchmark, unreachable)
}
