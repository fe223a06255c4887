//! `:retrieveTotalAgentQuota`.

use coaching_domain::names::{ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::qa_task::{EvaluationPeriod, TaskCompleteConfig};
use coaching_domain::{Error, Tenant, Timestamp, message};
use coaching_edge::{Answer, App, Request};
use coaching_store::AgentFilter;
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

use crate::agents::{quotas_and_audience, span};
use crate::found_template;

message! {
    /// What quota is asked for.
    pub(crate) struct RetrieveTotalAgentQuotaRequest {
        usecase: Option<UsecaseId> = "usecaseName",
        completion: Option<TaskCompleteConfig> = "overrideTaskCompleteConfig",
        period: Option<EvaluationPeriod> = "evaluationPeriod",
    }
}

/// The quota of all agents.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveTotalAgentQuotaResponse {
    /// How many evaluations are asked for in a period, of all agents together.
    total_agent_quota: i32,
    /// How many agents there are.
    total_active_agents_count: i32,
    /// The period that was asked for, or the one that holds now; absent: none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_period: Option<EvaluationPeriod>,
}

/// Answers the quota of the template `id`.
pub(crate) async fn answer(
    app: &App,
    request: &Request<'_>,
    tenant: &Tenant,
    id: &ScorecardTemplateId,
) -> Result<Answer, Error> {
    let now = app.now()?;
    let RetrieveTotalAgentQuotaRequest { usecase, completion, period } = request.body(tenant, now)?;

    let template = found_template(app, tenant, id).await?;
    let evaluation_period = template.evaluation_period(usecase.as_ref(), period, now)?;
    let completion = completion.as_ref().map_or_else(|| template.task_complete_config(), Ok)?;

    let (quotas, audience) = quotas_and_audience(app, tenant, completion, &template.audience()).await?;
    let (total_agent_quota, count) = match audience {
        // Who has no quota of their own is only counted.
        None => {
            let exceptions: Vec<UserId> = quotas.exceptions().cloned().collect();
            let active = active_agents(app, tenant, &exceptions, now);
            let (count, active) = try_join(app.store.active_agent_count(tenant), active).await?;
            let of_their_own = u64::try_from(active.len()).unwrap_or(u64::MAX);
            let others = count.saturating_sub(of_their_own);
            (quotas.total(&active, others)?, of_their_own.saturating_add(others))
        }
        Some(audience) => {
            let audience: Vec<UserId> = audience.into_iter().collect();
            let active = active_agents(app, tenant, &audience, now).await?;
            (quotas.total(&active, 0)?, u64::try_from(active.len()).unwrap_or(u64::MAX))
        }
    };
    // Without an agent who cannot be read, the sum would be wrong.
    if let Some(unreadable) = app.store.unreadable().into_iter().next() {
        return Err(unreadable.into());
    }

    let total_active_agents_count = i32::try_from(count).unwrap_or(i32::MAX);
    Answer::json(&RetrieveTotalAgentQuotaResponse { total_agent_quota, total_active_agents_count, evaluation_period })
}

/// Those of `ids` who are active agents of the profile, without test users.
async fn active_agents(app: &App, tenant: &Tenant, ids: &[UserId], now: Timestamp) -> Result<Vec<UserId>, Error> {
    let found = app.store.agents_by_id(tenant, ids, span(now)).await?;
    let active = found.agents.into_iter().filter(|agent| AgentFilter::default().matches(agent));
    Ok(active.map(|agent| agent.id).collect())
}
