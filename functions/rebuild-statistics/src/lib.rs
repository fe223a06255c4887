//! Recounts what a profile derives from its records, corrects what differs, and reports it: statistics and activity from
//! scorecards and sessions; agents' records, their order by name and how many of them are active from plans, targets and
//! the directory; and the numbers of acknowledged sessions of plans.
//!
//! It has no route: an operator invokes it with `{"customer": "…", "profile": "…"}`. It may run while scorecards are
//! written. When its time is nearly up, or the answer names 1000 agents (below), it saves its cursor and answers
//! `"done": false`; the next invocation with the same event resumes there. After `"done": true`, the next invocation
//! starts again from the beginning.
//!
//! Statistics and activity of records that are gone are found too: of every agent and every two months for which any are
//! stored, in each usecase of the profile and each that a plan, a session or a scorecard names.
//!
//! Statistics and agents' records that cannot be read are rewritten too. Source records that cannot be read are named
//! in `skipped`, and the rest is counted without them. A profile of which nothing is known is an error.
//!
//! Agents whose statistics differ and changed within the last minute are named in `unsettledAgentUserNames`: the
//! indexes that list their scorecards may not show the change yet. Run it again for those.

use std::time::Instant;

use coaching_domain::{Error, Reason, Tenant};
use coaching_edge::{Access, App, ListIndex, Partition, Size, Task};
use coaching_store::{CountDifference, Difference, Recounted, RecountedAgents, Unreadable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most differences that an answer lists (all are counted), and the most agents named to be recounted again.
const MAX_LISTED: usize = 1000;

/// The task.
pub static TASK: Task = Task {
    name: "rebuild-statistics",
    size: Size { memory_mb: 1024, timeout_seconds: 900 },
    woken_by_jobs: false,
    writes_files: false,
    keeps_erasures: false,
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Agent, Partition::Rebuild, Partition::User]),
        Access::BatchGetItem(&[
            Partition::Plan,
            Partition::Session,
            Partition::Scorecard,
            Partition::Template,
            Partition::Target,
            Partition::Statistics,
        ]),
        Access::Query(&[Partition::Statistics, Partition::Activity, Partition::AgentCounts]),
        Access::QueryIndex(
            ListIndex::Profile,
            &[
                Partition::Sessions,
                Partition::Plans,
                Partition::Scorecards,
                Partition::Usecases,
                Partition::Agents,
                Partition::AgentsOfCustomer,
            ],
        ),
        Access::QueryIndex(
            ListIndex::Agent,
            &[Partition::SessionsOfAgent, Partition::PlansOfAgent, Partition::ScorecardsOfAgent],
        ),
        Access::QueryIndex(ListIndex::Plan, &[Partition::TargetsOfPlan]),
        Access::PutItem(&[Partition::Statistics, Partition::Activity, Partition::Rebuild]),
        Access::UpdateItem(&[
            Partition::Plan,
            Partition::Agent,
            Partition::User,
            Partition::Statistics,
            Partition::AgentCounts,
        ]),
        Access::DeleteItem(&[Partition::Statistics, Partition::Activity, Partition::Rebuild]),
        Access::ConditionCheckItem(&[
            Partition::Plan,
            Partition::Session,
            Partition::Scorecard,
            Partition::Target,
            Partition::User,
        ]),
    ],
    handle: |app, event, until| Box::pin(handle(app, event, until)),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RebuildStatisticsRequest {
    customer: String,
    profile: String,
}

/// The result of one invocation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildStatisticsResponse {
    /// Whether the last agent was reached; if not, the next invocation resumes.
    pub done: bool,
    /// Whether this invocation counted everything: it skipped no record and left no agent to recount again.
    pub complete: bool,
    /// The number of agents of the profile with scorecards, sessions or plans, or with statistics or activity.
    pub agent_count: usize,
    /// The number of them that this invocation recounted.
    pub recounted_agent_count: usize,
    /// The number of statistics that differed, each of an agent, a usecase and two months.
    pub difference_count: usize,
    /// The number of agents' records that differed or could not be read: who the agents are, their active plans with their
    /// targets, and the numbers of acknowledged sessions of these plans.
    pub record_difference_count: usize,
    /// The number of users whose place in the order of names did not match their name.
    pub reordered_user_count: usize,
    /// The first 1000 of the statistics that differed.
    pub differences: Vec<DifferenceMessage>,
    /// The number of activities that differed, each of an agent, a usecase and two months: marks of sessions and of
    /// scorecards that were wrong, missing, or of nothing.
    pub activity_difference_count: usize,
    /// The first 1000 of them.
    pub activity_differences: Vec<DifferenceMessage>,
    /// The counts of active agents that differed, each of a share of the agents.
    pub agent_count_differences: Vec<CountDifferenceMessage>,
    /// Whether the counts of active agents are to be recounted again: some changed within the last minute and differ, or
    /// an agent could not be read.
    pub agent_counts_unsettled: bool,
    /// Agents to recount again: their statistics changed within the last minute.
    pub unsettled_agent_user_names: Vec<String>,
    /// The number of records that could not be read or counted and were skipped.
    pub skipped_count: usize,
    /// The first 1000 of the skipped records.
    pub skipped: Vec<SkippedMessage>,
}

/// A record that could not be read, or a scorecard that could not be counted because its template's revision is missing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedMessage {
    /// The name of its resource, or its kind if it belongs to no resource.
    pub name: String,
    /// Its kind, such as `session`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// The attribute that is absent or of the wrong type.
    pub attribute: String,
}

/// A count of active agents that differed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountDifferenceMessage {
    /// The share of the agents that it counts.
    pub shard: String,
    /// How many it told of the profile and of all profiles; `null`: that could not be read.
    pub stored: Option<i64>,
    /// How many there are.
    pub counted: i64,
}

/// Statistics or activity that differed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceMessage {
    /// Their agent.
    pub agent_user_name: String,
    /// Their usecase.
    pub usecase_name: String,
    /// The first of the two months, such as `2026-05`.
    pub period: String,
}

async fn handle(app: &App, event: Value, until: Instant) -> Result<Value, Error> {
    let request: RebuildStatisticsRequest = serde_json::from_value(event)
        .map_err(|_| Error::invalid_field("customer", "the event must hold customer and profile, and nothing else"))?;
    let response = rebuild(app, &request.customer, &request.profile, until).await?;
    serde_json::to_value(response).map_err(Error::internal)
}

/// Recounts a profile's agents, at least one, until the time `until` or the last agent.
///
/// # Errors
/// INVALID_ARGUMENT for an unusable id; NOT_FOUND if nothing is known of the profile; UNAVAILABLE if the table does not
/// answer.
pub async fn rebuild(
    app: &App,
    customer: &str,
    profile: &str,
    until: Instant,
) -> Result<RebuildStatisticsResponse, Error> {
    #[expect(clippy::disallowed_methods, reason = "an operator invokes this, through no route")]
    let tenant = Tenant::for_maintenance(customer, profile)?;
    let now = app.now()?;

    let (recount, after) = tokio::try_join!(app.store.plan_recount(&tenant), app.store.rebuilt_until(&tenant))?;
    let mut response = RebuildStatisticsResponse {
        done: true,
        complete: true,
        agent_count: recount.agents.len(),
        recounted_agent_count: 0,
        difference_count: 0,
        record_difference_count: 0,
        reordered_user_count: 0,
        differences: Vec::new(),
        activity_difference_count: 0,
        activity_differences: Vec::new(),
        agent_count_differences: Vec::new(),
        agent_counts_unsettled: false,
        unsettled_agent_user_names: Vec::new(),
        skipped_count: 0,
        skipped: Vec::new(),
    };
    let mut skipped = recount.unreadable.clone();
    if after.is_none() {
        let order = app.store.put_order_right(&tenant, &mut skipped).await?;
        (response.reordered_user_count, response.record_difference_count) = order;
        match app.store.recount_active_agents(&tenant, now).await? {
            RecountedAgents::Unsettled => response.agent_counts_unsettled = true,
            RecountedAgents::Corrected(differences) => {
                response.agent_count_differences = differences.into_iter().map(CountDifferenceMessage::of).collect();
            }
        }
    }
    if recount.agents.is_empty() && skipped.is_empty() {
        let message = format!(
            "there is no scorecard of an agent in profile '{profile}' of customer '{customer}': nothing to recount"
        );
        return Err(Error::new(Reason::ProfileNotFound, message).with("resource", tenant.name()));
    }
    let mut last = after.clone();
    for agent in recount.agents.iter().filter(|agent| after.as_ref().is_none_or(|after| *agent > after)) {
        let is_full = response.unsettled_agent_user_names.len() >= MAX_LISTED;
        if response.recounted_agent_count > 0 && (is_full || Instant::now() >= until) {
            response.done = false;
            break;
        }
        match app.store.recount_agent(&tenant, &recount, agent, now, &mut skipped).await? {
            Recounted::Unsettled => response.unsettled_agent_user_names.push(tenant.name_of(agent)),
            Recounted::Corrected { statistics, activity, record } => {
                response.record_difference_count += usize::from(record);
                response.difference_count += statistics.len();
                list(&mut response.differences, &tenant, statistics);
                response.activity_difference_count += activity.len();
                list(&mut response.activity_differences, &tenant, activity);
            }
        }
        response.recounted_agent_count += 1;
        last = Some(agent.clone());
    }
    app.store.keep_rebuilt_until(&tenant, last.as_ref().filter(|_| !response.done)).await?;
    let differing = response.difference_count + response.activity_difference_count;
    if differing > 0 {
        let statistics_differing = differing as u64;
        tracing::warn!(statistics_differing, "statistics or activity differed from their scorecards and sessions");
    }
    response.skipped_count = skipped.len();
    response.skipped = skipped.iter().take(MAX_LISTED).map(SkippedMessage::of).collect();
    let is_settled = response.unsettled_agent_user_names.is_empty() && !response.agent_counts_unsettled;
    response.complete = skipped.is_empty() && is_settled;
    Ok(response)
}

impl SkippedMessage {
    fn of(unreadable: &Unreadable) -> Self {
        Self {
            name: unreadable.name().to_owned(),
            kind: unreadable.kind(),
            id: unreadable.id().to_owned(),
            attribute: unreadable.attribute().to_owned(),
        }
    }
}

impl CountDifferenceMessage {
    fn of(difference: CountDifference) -> Self {
        let CountDifference { shard, stored, counted } = difference;
        Self { shard, stored, counted }
    }
}

/// Adds `differences` to `listed`, as far as there is room.
fn list(listed: &mut Vec<DifferenceMessage>, tenant: &Tenant, differences: Vec<Difference>) {
    let room = MAX_LISTED.saturating_sub(listed.len());
    listed.extend(differences.into_iter().take(room).map(|difference| DifferenceMessage {
        agent_user_name: tenant.name_of(&difference.agent),
        usecase_name: tenant.name_of(&difference.usecase),
        period: difference.period.to_string(),
    }));
}
