//! What is answered.

use std::collections::BTreeSet;

use coaching_domain::qa_task::EvaluationPeriod;
use coaching_domain::quota::TotalProgress;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{AgentPage, Answer, MAX_ANSWER_BYTES, Paging};
use coaching_store::Unreadable;
use serde::Serialize;
use utoipa::ToSchema;

use crate::progress::measure::{EvaluatedAgent, EvaluationMeasuring};

/// A page of agents with their quotas and evaluations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveEvaluationProgressResponse<'a> {
    /// The agents, in the order asked for.
    agent_evaluation_progresses: &'a [AgentEvaluationProgress],
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// The period that was asked for, or the one that holds now.
    evaluation_period: EvaluationPeriod,
    /// All agents that are asked for together; absent: they were not all counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<TotalEvaluationProgress>,
    /// What could not be read, the first 100: names of agents, who are missing from the page, or may be from any other;
    /// and of groups in `groupNames` whose members are not among the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// The quota of one agent, and how much of it is done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentEvaluationProgress {
    /// The agent: `customers/{customer}/users/{user}`.
    agent_user_name: String,
    /// Their name as people read it.
    agent_display_name: String,
    /// How many evaluations are asked for in the period.
    quota: i32,
    /// How many there are.
    evaluation_count: u32,
    /// How many remain to be made: `quota` less `evaluationCount`, at least 0.
    remaining: u32,
    /// When the last of them was submitted; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_evaluation_time: Option<Timestamp>,
}

/// The quota of all agents that are asked for, and how much of it is done.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TotalEvaluationProgress {
    /// The sum of their quotas.
    total_agent_quota: i32,
    /// The number of their evaluations.
    evaluation_count: u64,
    /// The number of evaluations that count towards a quota: of each agent at most `quota`.
    fulfilled_count: u32,
    /// How many agents there are.
    agent_count: usize,
    /// Of how many of them nothing remains.
    agents_done_count: usize,
    /// `fulfilledCount` in percent of `totalAgentQuota`, rounded down; 100 only if nothing remains.
    progress_percent: u32,
}

/// Answers as many agents of `page` as there is room for.
///
/// # Errors
/// INTERNAL if there is no room for one agent; UNAVAILABLE if the table does not answer.
pub(crate) async fn answer(
    paging: &Paging<'_, EvaluationMeasuring<'_>>,
    page: &AgentPage<EvaluatedAgent>,
    totals: Option<TotalProgress>,
) -> Result<Answer, Error> {
    let unreachable = paging.app.store.unreadable();
    let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
    let messages: Vec<_> = page.agents.iter().map(|agent| AgentEvaluationProgress::new(agent, paging.tenant)).collect();
    let response = |shown, next_page_token| RetrieveEvaluationProgressResponse {
        agent_evaluation_progresses: shown,
        next_page_token,
        evaluation_period: paging.measuring.period,
        totals: totals.as_ref().map(TotalEvaluationProgress::new),
        unreachable: unreachable.iter().map(ToString::to_string).collect(),
    };
    let too_large = || Error::internal(format!("an agent's progress takes more than {MAX_ANSWER_BYTES} bytes"));
    paging.answer(page, &messages, response, too_large).await
}

impl AgentEvaluationProgress {
    fn new(EvaluatedAgent { agent, progress }: &EvaluatedAgent, tenant: &Tenant) -> Self {
        Self {
            agent_user_name: tenant.name_of(&agent.id),
            agent_display_name: agent.display_name.clone(),
            quota: progress.quota,
            evaluation_count: progress.evaluations.count,
            remaining: progress.remaining(),
            last_evaluation_time: progress.evaluations.last,
        }
    }
}

impl TotalEvaluationProgress {
    fn new(total: &TotalProgress) -> Self {
        Self {
            total_agent_quota: total.quota,
            evaluation_count: total.evaluation_count,
            fulfilled_count: total.fulfilled_count,
            agent_count: total.agent_count,
            agents_done_count: total.agents_done_count,
            progress_percent: total.percent(),
        }
    }
}
