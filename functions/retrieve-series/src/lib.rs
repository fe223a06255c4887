//! How agents' scores moved: for each criterion, its mean score of each day, week or month, and the target in force.
//!
//! **When**: the window is from `startTime` (rounded down to a day, UTC) until `endTime` (rounded up), at most 400 days; by
//! default the 30 days that end with today. It is cut into days, weeks that begin on Monday, or calendar months
//! (`granularity`), in UTC. The window cuts the first and the last of them, and `startTime` of a point says when its part
//! begins within the window. Scores count by the day of their submission.
//! **Whose**: of `agentUserNames` and the members of `groupNames` (of sub-groups too with `includeIndirectGroupMembers`), at
//! most 100 people, without those who do not work here and test users; and with `includeEveryone` of everyone in the
//! profile together. At least one of these is asked for. Who was an agent in the window and at its end no longer is answered
//! when named in `agentUserNames`. Who is nobody in the directory is INVALID_ARGUMENT, but is left
//! out, as are groups that do not exist, for a caller who is confined to some profiles. An agent gets their own, and may
//! not ask for everyone: a mean of few people on one day would show what a colleague scored.
//! **Which scores**: for each of `usecaseNames` and each of `criteria`: of a criterion, a chapter or, without
//! `criterionOrChapterId`, the whole scorecard, in every revision of the template.
//!
//! A series is of one agent, usecase and criterion. Its points are those parts of the window in which there are scores,
//! each with their mean, rounded once, half away from zero, to four decimals, and their number; the numbers add up to the
//! `scorecardCount` of `coachingProgresses:retrieve` for the same window. A series without a point is left out.
//! `targets` are the values of the target that the agent is measured by at the window's end (of their own, on active plans,
//! the highest, else the organisation's; for everyone, the organisation's), each from when it was in force. The series are
//! sorted by agent name, everyone last, then in the order in which usecases and criteria were asked for.
//!
//! An answer has at most 20,000 points: people by usecases by criteria by parts of the window.
//!
//! Everyone's scores are added up ahead of requests. `benchmarkTime` says when that was last done: at most 15 minutes before,
//! for days before the last two calendar months and this one's pair at most a day. With more than 2,000 active agents a
//! request adds up a share of them, and answers with what there is; `benchmarkPending` says that some of everyone's points
//! are missing; repeat the request.
//!
//! All of this operation is ours beside the reference. What cannot be read costs itself: an agent of whom something cannot be
//! read is left out, as is a target or a template; `unreachable` names them.

mod answer;
mod read;
mod request;

use coaching_domain::references::References;
use coaching_domain::{Error, Parameters, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, AskedPage, Binding, ListIndex, Operation, Paging, Partition, Request, RequestType,
    Route, Size,
};
use futures_util::future::try_join;

use crate::answer::RetrieveSeriesResponse;
use crate::read::{Reading, places_of};
use crate::request::{Body, MAX_PEOPLE, RetrieveSeriesRequest};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-series",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scoreSeries:retrieve")),
    summary: "scores over time",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    request: RequestType::body::<Body>(),
    answer: AnswerType::of::<RetrieveSeriesResponse<'_>>(),
    callers: Some("all; an agent their own"),
    costly: true,
    // As progress: for 100 agents and 20,000 points, and for adding up everyone's scores.
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
    let asked = RetrieveSeriesRequest::new(request.body(&tenant, now)?, caller, &tenant, now)?;

    let usecases = References::default().usecases("usecaseNames", &asked.usecases);
    let (templates, unknown) = (asked.templates(), app.store.unknown_names(&tenant, &usecases, false));
    let (templates, unknown) = try_join(app.store.revisions(&tenant, &templates, false), unknown).await?;
    let wanted = places_of(&asked.criteria, &templates, &tenant, unknown)?;
    let reading = Reading::new(app, &tenant, &asked, &wanted, now);
    let paging = Paging {
        app,
        tenant: &tenant,
        asked: &asked.agents,
        page: &AskedPage::new(None, 0, None),
        span: reading.span,
        now,
        caller,
        binding: &Binding::new(OPERATION.name, caller, &tenant, &Parameters::default()),
        measuring: &reading.measuring(),
    };
    let (agents, targets) = try_join(paging.all_by_name(MAX_PEOPLE), reading.organisation_targets()).await?;
    asked.check_points(agents.len() + usize::from(asked.with_everyone))?;
    let everyone = reading.everyone(&templates.entries);
    let (moved, everyone) = try_join(reading.moved_targets(&agents), everyone).await?;
    answer::answer(&reading, &agents, &targets, &moved, everyone.as_ref())
}
