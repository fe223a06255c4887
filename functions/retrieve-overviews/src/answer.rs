//! What is answered.

use std::collections::BTreeSet;

use coaching_domain::names::CoachingPlanId;
use coaching_domain::overview::OfPlan;
use coaching_domain::progress::points;
use coaching_domain::session::State;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{AgentPage, Answer, MAX_ANSWER_BYTES, Paging};
use coaching_store::Unreadable;
use serde::Serialize;
use utoipa::ToSchema;

use crate::measure::{OverviewMeasuring, OverviewedAgent};

/// A page of agents with overviews of their coaching.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveOverviewsResponse<'a> {
    /// The agents, in the order asked for.
    agent_coaching_overviews: &'a [AgentCoachingOverview],
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// When the window starts, as asked for.
    start_time: Timestamp,
    /// When it ends, as asked for: the first moment that is not in it.
    end_time: Timestamp,
    /// When the days start whose scores count: `startTime`, rounded down to a day, UTC.
    score_start_time: Option<Timestamp>,
    /// When those days end: `endTime`, rounded up.
    score_end_time: Option<Timestamp>,
    /// What could not be read, the first 100: names of agents, who are missing from the page, or may be from any other;
    /// and of groups whose members are not among the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// What there is of the coaching of one agent in the window.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentCoachingOverview {
    /// The agent: `customers/{customer}/users/{user}`.
    agent_user_name: String,
    /// Their name as people read it.
    agent_display_name: String,
    /// Their plans that are active now, with a session or a linked scorecard in the window, in the order of their names.
    coaching_plan_overviews: Vec<CoachingPlanOverview>,
    /// How many sessions there are in the window: the sum of the next four.
    coaching_session_count: usize,
    /// How many of them are still to be held.
    scheduled_count: usize,
    /// How many were held and are not submitted.
    held_count: usize,
    /// How many are submitted and not acknowledged.
    submitted_count: usize,
    /// How many the agent has acknowledged.
    acknowledged_count: usize,
    /// In how many a step is overdue: the sum of the next two.
    overdue_count: usize,
    /// How many of the held have no notes: their time has come, and nothing says that they took place.
    not_held_count: usize,
    /// How many of the submitted should have been acknowledged by now.
    not_acknowledged_count: usize,
    /// When the last session of the window was that is not ahead; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_coaching_session_time: Option<Timestamp>,
    /// When the next session of the window is; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_coaching_session_time: Option<Timestamp>,
    /// How many scorecards with a total score were submitted from `scoreStartTime` until `scoreEndTime`.
    scorecard_count: u64,
    /// The mean of their total scores, in percent; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_score: Option<f64>,
    /// How many scorecards were submitted in the window and are linked to plans, each counted once.
    linked_scorecard_count: usize,
}

/// The part of one plan in an overview.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CoachingPlanOverview {
    /// The plan.
    coaching_plan_name: String,
    /// How many of the sessions are of it.
    coaching_session_count: usize,
    /// How many of the linked scorecards are linked to it.
    scorecard_count: usize,
    /// When the last of its sessions in the window was that is not ahead; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_coaching_session_time: Option<Timestamp>,
}

/// Answers as many agents of `page` as there is room for.
///
/// # Errors
/// INTERNAL if there is no room for one agent; UNAVAILABLE if the table does not answer.
pub(crate) async fn answer(
    paging: &Paging<'_, OverviewMeasuring<'_>>,
    page: &AgentPage<OverviewedAgent>,
) -> Result<Answer, Error> {
    let OverviewMeasuring { asked, now, .. } = *paging.measuring;
    let unreachable = paging.app.store.unreadable();
    let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
    let messages: Vec<_> =
        page.agents.iter().map(|agent| AgentCoachingOverview::new(agent, paging.tenant, now)).collect();
    let response = |shown, next_page_token| RetrieveOverviewsResponse {
        agent_coaching_overviews: shown,
        next_page_token,
        start_time: asked.window.start,
        end_time: asked.window.end,
        score_start_time: asked.days.start(),
        score_end_time: asked.days.end(),
        unreachable: unreachable.iter().map(ToString::to_string).collect(),
    };
    // An agent has at most 50 active plans.
    let too_large = || Error::internal(format!("an overview takes more than {MAX_ANSWER_BYTES} bytes"));
    paging.answer(page, &messages, response, too_large).await
}

impl AgentCoachingOverview {
    fn new(OverviewedAgent { agent, activity, scores }: &OverviewedAgent, tenant: &Tenant, now: Timestamp) -> Self {
        let plans = agent.plans.iter().filter_map(|(plan, _)| {
            activity.of_plan(plan, now).map(|of_plan| CoachingPlanOverview::new(plan, of_plan, tenant))
        });
        let not_held_count = activity.overdue_in_state(State::Held);
        let not_acknowledged_count = activity.overdue_in_state(State::Submitted);
        Self {
            agent_user_name: tenant.name_of(&agent.id),
            agent_display_name: agent.display_name.clone(),
            coaching_plan_overviews: plans.collect(),
            coaching_session_count: activity.sessions.len(),
            scheduled_count: activity.in_state(State::Scheduled),
            held_count: activity.in_state(State::Held),
            submitted_count: activity.in_state(State::Submitted),
            acknowledged_count: activity.in_state(State::Acknowledged),
            overdue_count: not_held_count + not_acknowledged_count,
            not_held_count,
            not_acknowledged_count,
            last_coaching_session_time: activity.last_session_time(now),
            next_coaching_session_time: activity.next_session_time(now),
            scorecard_count: scores.count(),
            average_score: scores.average().map(points),
            linked_scorecard_count: activity.linked_scorecard_count,
        }
    }
}

impl CoachingPlanOverview {
    fn new(plan: &CoachingPlanId, of_plan: OfPlan, tenant: &Tenant) -> Self {
        Self {
            coaching_plan_name: tenant.name_of(plan),
            coaching_session_count: of_plan.session_count,
            scorecard_count: of_plan.scorecard_count,
            last_coaching_session_time: of_plan.last_session_time,
        }
    }
}
