//! What there is of the coaching of each coach.

use std::collections::{BTreeMap, HashSet};

use coaching_domain::coach::{CoachSessions, share};
use coaching_domain::names::{UsecaseId, UserId};
use coaching_domain::session::State;
use coaching_domain::{Tenant, Timestamp};
use coaching_store::plans_in_scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::sessions::AgentWithSessions;

/// The sessions of coaches, and the agents without any.
#[derive(Debug, Default)]
pub struct CoachedAgents {
    /// The sessions of each coach.
    pub coaches: BTreeMap<UserId, CoachSessions>,
    /// The number of agents with an active plan and no session.
    pub agents_without_session_count: usize,
}

impl CoachedAgents {
    /// What `agents` with their sessions come to at `now`. A plan is active if it is and is of one of `usecases`.
    pub fn of(agents: &[AgentWithSessions], usecases: &[UsecaseId], now: Timestamp) -> Self {
        let usecases: HashSet<UsecaseId> = usecases.iter().cloned().collect();
        let mut all = Self::default();
        for (agent, sessions) in agents {
            for session in sessions {
                let of_coach = all.coaches.entry(session.mark.coach.clone()).or_default();
                of_coach.add(&agent.id, &session.mark.steps, now);
            }
            if sessions.is_empty() && plans_in_scope(agent, &usecases).next().is_some() {
                all.agents_without_session_count += 1;
            }
        }
        all
    }
}

/// What there is of the coaching of one coach in the window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoachOverview {
    /// The coach: who last wrote the session's notes, moved it or submitted it, else who created it.
    /// `customers/{customer}/users/{user}`.
    pub coach_user_name: String,
    /// How many different agents the sessions are with.
    pub coached_agent_count: usize,
    /// How many sessions there are in the window: the sum of the next four.
    pub coaching_session_count: u64,
    /// How many of them are still to be held.
    pub scheduled_count: u64,
    /// How many were held and are not submitted.
    pub held_count: u64,
    /// How many are submitted and not acknowledged.
    pub submitted_count: u64,
    /// How many the agent has acknowledged.
    pub acknowledged_count: u64,
    /// In how many the counted time has come; one that has neither a time nor notes is not due.
    pub due_count: u64,
    /// In how many a step is overdue: the sum of the next two.
    pub overdue_count: u64,
    /// How many of the held have no notes: their time has come, and nothing says that they took place.
    pub not_held_count: u64,
    /// How many of the submitted should have been acknowledged by now.
    pub not_acknowledged_count: u64,
    /// `1 − notHeldCount / dueCount`; absent: nothing is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_rate: Option<f64>,
    /// `acknowledgedCount / (submittedCount + acknowledgedCount)`; absent: neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_rate: Option<f64>,
    /// The median time from the submission to the acknowledgement, in whole seconds, of two in the middle the lower; absent:
    /// none was submitted and acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_seconds_to_acknowledge: Option<i64>,
}

impl CoachOverview {
    /// The overview of `coach`, as `tenant`'s clients read it.
    pub fn new(coach: &UserId, sessions: &CoachSessions, tenant: &Tenant) -> Self {
        let (not_held_count, not_acknowledged_count) = (sessions.not_held_count(), sessions.not_acknowledged_count());
        Self {
            coach_user_name: tenant.name_of(coach),
            coached_agent_count: sessions.agent_count(),
            coaching_session_count: sessions.count(),
            scheduled_count: sessions.in_state(State::Scheduled),
            held_count: sessions.in_state(State::Held),
            submitted_count: sessions.in_state(State::Submitted),
            acknowledged_count: sessions.in_state(State::Acknowledged),
            due_count: sessions.due_count(),
            overdue_count: not_held_count + not_acknowledged_count,
            not_held_count,
            not_acknowledged_count,
            held_rate: sessions.held_rate().map(share),
            acknowledged_rate: sessions.acknowledged_rate().map(share),
            median_seconds_to_acknowledge: sessions.median_seconds_to_acknowledge(),
        }
    }
}
