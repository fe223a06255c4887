//! What there is of agents' coaching in a window: sessions by state, what is overdue, when the last and the next one
//! is; scorecards and their mean score; and the plans that it happens under.
//!
//! **When**: the window is from `startTime` until `endTime`, at most 400 days. A session is in it by its counted time, which is its session
//! time or else that of its creation; so sessions to come are in it too. A linked scorecard is in it by its submission.
//! Both are exact. Scores are counted by whole days, UTC: `scoreStartTime` and `scoreEndTime` say which. States, what
//! is overdue, and which plans are active are those of now. Who was an agent is asked of the window's last moment, or
//! of now while the window is under way.
//! **Which agents**: `agentUserNames` and the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), or all agents of the profile if both are empty; inactive and dev users
//! only if asked for. Who was an agent in the window and at its end no longer is answered when named in
//! `agentUserNames`, or with `includeInactiveUsers`. Who is nobody in the directory is INVALID_ARGUMENT, but is left
//! out, as are groups that do not exist, for a caller who is confined to some profiles.
//! **Which sessions and scorecards**: those of `usecaseNames` (required); scorecards only of `scorecardTemplateNames`, if
//! given, in every revision (`customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`).
//!
//! `coachingSessionCount` is the sum of the counts of the four states. `overdueCount` is the sum of `notHeldCount`
//! (the time has come, and there are no notes) and `notAcknowledgedCount` (submitted, and not acknowledged within a
//! week). `scorecardCount` and `averageScore` are of all submitted scorecards with a total score; `averageScore` is
//! computed exactly and rounded once, half away from zero, to four decimals. `linkedScorecardCount` counts a scorecard
//! once, however many plans it is linked to; a plan's `scorecardCount` counts those that are linked to it. Sessions and
//! links of plans that are no longer active are in the agent's counts and in no plan's.
//!
//! An agent gets their own overview, with the states of sessions as they see them: notes that are not submitted yet
//! make no session `HELD`.
//!
//! Ordered by agent name; by `ORDER_BY_COACHING_SESSION_ACTIVITY_TIME`, the latest counted time in the window; or by
//! `ORDER_BY_NUM_SCORECARD`, `scorecardCount`. Agents without such a time come last in either direction, and ties
//! break by resource name. Pages are stable: an order other than by name is kept for three days when its first page is
//! read, so every agent appears once even while sessions are held. The figures are always the present ones.
//!
//! With `displayNames` in `include`, the answer has the display names of the users that it names.
//!
//! An agent of whom something cannot be read is left out; `unreachable` names them, and a page has as many agents less.

mod answer;
mod request;

use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, OfAgents, Operation, Paging, Partition, Request, RequestType,
    Route, Size,
};
use coaching_measures::overviews::{OverviewMeasuring, OverviewOrder};

use crate::answer::RetrieveOverviewsResponse;
use crate::request::{Body, RetrieveOverviewsRequest};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-overviews",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingOverviews:retrieve")),
    summary: "overviews of coaching",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::page::<OfAgents<Body>>(),
    answer: AnswerType::of::<RetrieveOverviewsResponse<'_>>(),
    pages: true,
    costly: true,
    // As progress: a whole CPU, and all the time that API Gateway gives, for whole profiles.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[
            Partition::Template,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::Order,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[Partition::Statistics, Partition::Activity, Partition::User]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Agents, Partition::AgentsOfCustomer, Partition::PastUsers]),
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
    let asked = RetrieveOverviewsRequest::new(asked, caller, &tenant, now)?;

    let binding = Binding::new(OPERATION.name, caller, &tenant, &parameters);
    let measuring = OverviewMeasuring::new(app, &tenant, &asked.overviews, now);
    let paging = Paging {
        app,
        tenant: &tenant,
        asked: &asked.overviews.agents,
        page: &asked.page,
        span: measuring.span,
        now,
        caller,
        binding: &binding,
        measuring: &measuring,
    };
    let page = match asked.overviews.order_by {
        OverviewOrder::Name => paging.by_name().await?,
        OverviewOrder::ActivityTime | OverviewOrder::ScorecardCount => paging.by_value().await?,
    };

    answer::answer(&paging, &page, &asked.included).await
}
