//! Links a scorecard to a coaching plan, or unlinks it.
//!
//! The body is `{"scorecardName": …}`, a scorecard of the plan's agent. Linking adds the plan to the scorecard's
//! `coachingPlanNames`, which holds at most 20; unlinking removes it. The answer is the two names. A repeat changes
//! nothing.
//!
//! An `If-Match`, or an `etag` in the body, of another version of the plan is ABORTED.

use coaching_domain::names::ScorecardId;
use coaching_domain::plan::CoachingPlan;
use coaching_domain::{Error, Reason, Role, message, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route, Verb};
use serde::Serialize;
use utoipa::ToSchema;

/// The verb that links.
const ADD: &str = "addScorecard";

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "link-scorecard",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}")),
    verbs: &[
        Verb {
            name: ADD,
            id: "linkScorecard",
            summary: "link a scorecard to a plan",
            roles: &[Role::Manager, Role::Service, Role::Admin],
            callers: None,
            request: RequestType::step::<LinkScorecardRequest>(),
            answer: AnswerType::of::<LinkScorecardResponse>(),
        },
        Verb {
            name: "removeScorecard",
            id: "unlinkScorecard",
            summary: "unlink a scorecard from a plan",
            roles: &[Role::Manager, Role::Service, Role::Admin],
            callers: None,
            request: RequestType::step::<LinkScorecardRequest>(),
            answer: AnswerType::of::<LinkScorecardResponse>(),
        },
    ],
    writes: true,
    refusals: &[Reason::ScorecardNotTheAgents, Reason::ScorecardNotFound, Reason::ScorecardPlansFull],
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Scorecard]),
        Access::PutItem(&[Partition::Plan, Partition::Scorecard, Partition::Activity]),
        Access::DeleteItem(&[Partition::Activity]),
        Access::ConditionCheckItem(&[Partition::Plan]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct LinkScorecardRequest {
        scorecard: ScorecardId = "scorecardName",
    }
}

/// The plan and the scorecard that were linked or unlinked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LinkScorecardResponse {
    /// The plan: `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`.
    coaching_plan_name: String,
    /// The scorecard, of the plan's agent: `customers/{customer}/profiles/{profile}/scorecards/{scorecard}`.
    scorecard_name: String,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, id, verb) = request.authorize_verb::<names::CoachingPlan>("coachingPlan")?;
    let linked = verb == ADD;
    let now = app.now()?;
    let (LinkScorecardRequest { scorecard }, expected) = request.step(&tenant, now)?;

    let author = request.author(now);
    let check = |plan: &CoachingPlan| expected.check(&plan.etag());
    app.store.link_scorecard(&tenant, &id, &scorecard, linked, author, check).await?;

    Answer::json(&LinkScorecardResponse {
        coaching_plan_name: tenant.name_of(&id),
        scorecard_name: tenant.name_of(&scorecard),
    })
}
