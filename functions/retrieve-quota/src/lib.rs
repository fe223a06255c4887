//! Returns the evaluation periods of a scorecard template, how many evaluations it asks for, and how many there are.
//!
//! - `:retrieveEvaluationPeriods` answers all periods from the first through the one that holds now and the next, the
//!   earliest first. With `startTime` or `endTime`, which the reference does not have, it answers those that touch the
//!   range between them; more than 1000 are refused. Without an `overrideTimeRange`, `conversationEvaluationPeriods` is
//!   empty: conversations are drawn from the periods themselves.
//! - `:retrieveTotalAgentQuota` answers how many evaluations are asked for of all agents together, and of how many
//!   agents. Agents are those of the profile who are in the template's audience, are active and are no test users. The
//!   quota of an agent is that of the entry in `overriddenAgents` with their `user`; else that of the first entry whose
//!   `group` holds them, as a member of a sub-group too if the audience has `includeIndirectGroupMembers`; else
//!   `evaluatedConversationCountPerAgent`. `overrideTaskCompleteConfig` is counted in place of the template's own. A
//!   group that does not exist holds nobody, and an entry for a user who is none of the agents counts for nobody. A sum
//!   beyond 32 bits is FAILED_PRECONDITION.
//! - `:retrieveEvaluationProgress`, which the reference does not have, answers for each agent the quota and the
//!   evaluations of the period. An evaluation is a submitted scorecard of the template, in any revision, that a person
//!   scored and that is no calibration, with its `submitTime` in the period, to the nanosecond; two of one conversation
//!   count twice. Of a template for at most 20 usecases, those of all of them count if no `usecaseName` is sent. The
//!   period may be of 400 days at most. `agentUserNames` and `groupNames` (with `includeIndirectGroupMembers` also
//!   sub-groups) choose among the agents. An agent gets their own. Ordered by agent name, or by what remains; ties break
//!   by resource name. Pages are stable: the order by what remains is kept for three days when its first page is read.
//!   The figures are always the present ones; a page that is read after the period is of the next, unless the request
//!   names an `evaluationPeriod`.
//!   `totals` are of all agents that are asked for, and not only of those on the page: they are answered with
//!   `includeTotals`, with the first page by what remains, and with a page that has everyone. An agent of whom something
//!   cannot be read is left out, of the totals too; `unreachable` names them.
//!
//! `usecaseName` must be one that the template is for. `evaluationPeriod` must be one of the template's; by default it is
//! the one that holds now. The directory of today is asked, of a past period too: it answers who is an agent now.
//!
//! Periods are half-open and abut; those of weeks and months start with the first instant of a day in the time zone of
//! the template: of two midnights the earlier; if clocks jump over midnight, when they jump.
//!
//! The settings that the template has now count, whatever the revision in the path. Without those that a request needs,
//! an `evaluationPeriodConfig` or a `taskCompleteConfig`, it is FAILED_PRECONDITION.

mod agents;
mod periods;
mod progress;
mod total;

use coaching_domain::names::{Revision, ScorecardTemplateId, parse_template_segment};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Reason, Role, Tenant};
use coaching_edge::{
    Access, Answer, AnswerType, App, ListIndex, Operation, Partition, Request, RequestType, Route, Size, Verb,
};

use crate::periods::{RetrieveEvaluationPeriodsRequest, RetrieveEvaluationPeriodsResponse};
use crate::progress::RetrieveEvaluationProgressResponse;
use crate::total::{RetrieveTotalAgentQuotaRequest, RetrieveTotalAgentQuotaResponse};

const PERIODS: &str = "retrieveEvaluationPeriods";
const TOTAL: &str = "retrieveTotalAgentQuota";
const PROGRESS: &str = "retrieveEvaluationProgress";

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-quota",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}")),
    verbs: &[
        Verb {
            name: PERIODS,
            id: PERIODS,
            summary: "read the evaluation periods of a template",
            roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
            callers: None,
            request: RequestType::body::<RetrieveEvaluationPeriodsRequest>(),
            answer: AnswerType::of::<RetrieveEvaluationPeriodsResponse>(),
        },
        Verb {
            name: TOTAL,
            id: TOTAL,
            summary: "read the evaluation quota of all agents",
            roles: &[Role::Manager, Role::Service, Role::Admin],
            callers: None,
            request: RequestType::body::<RetrieveTotalAgentQuotaRequest>(),
            answer: AnswerType::of::<RetrieveTotalAgentQuotaResponse>(),
        },
        Verb {
            name: PROGRESS,
            id: PROGRESS,
            summary: "read how much of the quota is done",
            roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
            callers: Some("all; an agent their own"),
            request: RequestType::page::<progress::Body>(),
            answer: AnswerType::of::<RetrieveEvaluationProgressResponse<'_>>(),
        },
    ],
    pages: true,
    costly: true,
    // As progress: a whole CPU, and all the time that API Gateway gives, for whole profiles.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::NoQaTaskConfig, Reason::QuotaTooLarge],
    access: &[
        Access::GetItem(&[Partition::Template]),
        Access::BatchGetItem(&[Partition::Agent, Partition::Order, Partition::User, Partition::Group]),
        Access::Query(&[Partition::Activity, Partition::AgentCounts]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Agents, Partition::AgentsOfCustomer]),
        Access::PutItem(&[Partition::Order]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, segment, verb) = request.authorize_verb_of("scorecardTemplate")?;
    let id = match parse_template_segment(segment) {
        Some((id, Revision::Current | Revision::Number(_))) => id,
        Some((_, Revision::Every)) | None => {
            return Err(Error::invalid_field(
                "name",
                "must end in {scorecard_template_id} or {scorecard_template_id}@{revision}",
            ));
        }
    };
    match verb {
        PERIODS => periods::answer(app, request, &tenant, &id).await,
        TOTAL => total::answer(app, request, &tenant, &id).await,
        PROGRESS => Box::pin(progress::answer(app, request, &tenant, &id)).await,
        _ => Err(request.no_such_path()),
    }
}

/// The template `id` as it is now.
///
/// # Errors
/// NOT_FOUND; UNAVAILABLE if the table does not answer.
async fn found_template(app: &App, tenant: &Tenant, id: &ScorecardTemplateId) -> Result<ScorecardTemplate, Error> {
    let template = app.store.template(tenant, id, None).await?;
    template.ok_or_else(|| Error::not_found(&tenant.name_of(id)))
}
