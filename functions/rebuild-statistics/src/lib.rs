//! Recounts the score statistics of a profile from its scorecards, puts right what differs and says what did.
//!
//! It has no route: an operator invokes it with `{"customer": "…", "profile": "…"}`. It may run while scorecards
//! are written. When its time is nearly up it keeps how far it came and answers `"done": false`; invoked
//! again with the same event, it goes on from there. Repeated when it is done, it starts again.
//!
//! Agents whose statistics differ and changed within the last minute are named in `unsettledAgentUserNames`:
//! the indexes that list their scorecards may not show the change yet. Run it again for those.

use std::time::Instant;

use coaching_domain::{Error, Tenant};
use coaching_edge::{App, Task};
use coaching_store::{Difference, Recounted};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most differences that an answer lists; all are counted.
const MAX_LISTED: usize = 1000;

/// The task.
pub static TASK: Task =
    Task { name: "rebuild-statistics", handle: |app, event, until| Box::pin(handle(app, event, until)) };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RebuildStatisticsRequest {
    customer: String,
    profile: String,
}

/// What a rebuild found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RebuildStatisticsResponse {
    done: bool,
    agent_count: usize,
    recounted_agent_count: usize,
    difference_count: usize,
    differences: Vec<DifferenceMessage>,
    unsettled_agent_user_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DifferenceMessage {
    agent_user_name: String,
    usecase_name: String,
    /// The first of the two months.
    period: String,
}

async fn handle(app: &App, event: Value, until: Instant) -> Result<Value, Error> {
    let request: RebuildStatisticsRequest = serde_json::from_value(event)
        .map_err(|_| Error::invalid_field("customer", "the event must hold customer and profile, and nothing else"))?;
    #[expect(clippy::disallowed_methods, reason = "an operator invokes this, through no route")]
    let tenant = Tenant::for_maintenance(&request.customer, &request.profile)?;
    let now = app.now()?;

    let recount = app.store.plan_recount(&tenant).await?;
    let after = app.store.rebuilt_until(&tenant).await?;
    let mut response = RebuildStatisticsResponse {
        done: true,
        agent_count: recount.agents.len(),
        recounted_agent_count: 0,
        difference_count: 0,
        differences: Vec::new(),
        unsettled_agent_user_names: Vec::new(),
    };
    let mut last = after.clone();
    for agent in recount.agents.iter().filter(|agent| after.as_ref().is_none_or(|after| *agent > after)) {
        if Instant::now() >= until {
            response.done = false;
            break;
        }
        match app.store.recount_agent(&tenant, &recount, agent, now).await? {
            Recounted::Unsettled => response.unsettled_agent_user_names.push(tenant.name_of(agent)),
            Recounted::Corrected(differences) => response.add(&tenant, differences),
        }
        response.recounted_agent_count += 1;
        last = Some(agent.clone());
    }
    app.store.keep_rebuilt_until(&tenant, last.as_ref().filter(|_| !response.done)).await?;
    if response.difference_count > 0 {
        tracing::warn!(differences = response.difference_count, "score statistics differed from their scorecards");
    }
    serde_json::to_value(response).map_err(Error::internal)
}

impl RebuildStatisticsResponse {
    fn add(&mut self, tenant: &Tenant, differences: Vec<Difference>) {
        self.difference_count += differences.len();
        let room = MAX_LISTED.saturating_sub(self.differences.len());
        self.differences.extend(differences.into_iter().take(room).map(|difference| DifferenceMessage {
            agent_user_name: tenant.name_of(&difference.agent),
            usecase_name: tenant.name_of(&difference.usecase),
            period: difference.period.to_string(),
        }));
    }
}
