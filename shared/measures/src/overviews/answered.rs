//! Overviews as they are answered.

use coaching_domain::names::CoachingPlanId;
use coaching_domain::overview::OfPlan;
use coaching_domain::progress::points;
use coaching_domain::session::State;
use coaching_domain::{Tenant, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::overviews::OverviewedAgent;

/// What there is of the coaching of one agent in the window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCoachingOverview {
    /// The agent: `customers/{customer}/users/{user}`.
    pub agent_user_name: String,
    /// Their name as people read it.
    pub agent_display_name: String,
    /// Their plans that are active now, with a session or a linked scorecard in the window, in the order of their names.
    pub coaching_plan_overviews: Vec<CoachingPlanOverview>,
    /// How many sessions there are in the window: the sum of the next four.
    pub coaching_session_count: usize,
    /// How many of them are still to be held.
    pub scheduled_count: usize,
    /// How many were held and are not submitted.
    pub held_count: usize,
    /// How many are submitted and not acknowledged.
    pub submitted_count: usize,
    /// How many the agent has acknowledged.
    pub acknowledged_count: usize,
    /// In how many a step is overdue: the sum of the next two.
    pub overdue_count: usize,
    /// How many of the held have no notes: their time has come, and nothing says that they took place.
    pub not_held_count: usize,
    /// How many of the submitted should have been acknowledged by now.
    pub not_acknowledged_count: usize,
    /// When the last session of the window was that is not ahead; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_coaching_session_time: Option<Timestamp>,
    /// When the next session of the window is; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_coaching_session_time: Option<Timestamp>,
    /// How many scorecards with a total score were submitted from `scoreStartTime` until `scoreEndTime`.
    pub scorecard_count: u64,
    /// The mean of their total scores, in percent; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_score: Option<f64>,
    /// How many scorecards were submitted in the window and are linked to plans, each counted once.
    pub linked_scorecard_count: usize,
}

/// The part of one plan in an overview.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoachingPlanOverview {
    /// The plan.
    pub coaching_plan_name: String,
    /// How many of the sessions are of it.
    pub coaching_session_count: usize,
    /// How many of the linked scorecards are linked to it.
    pub scorecard_count: usize,
    /// When the last of its sessions in the window was that is not ahead; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_coaching_session_time: Option<Timestamp>,
}

impl AgentCoachingOverview {
    /// The overview of an agent, as `tenant`'s clients read it at `now`.
    pub fn new(OverviewedAgent { agent, activity, scores }: &OverviewedAgent, tenant: &Tenant, now: Timestamp) -> Self {
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
