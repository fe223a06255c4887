//! Progress as it is answered.

use std::collections::HashSet;

use coaching_domain::goal::Goal;
use coaching_domain::names::UsecaseId;
use coaching_domain::part_scores::MeasuredPart;
use coaching_domain::progress::{Reached, overall_gap, overall_progress, points};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Tenant, Timestamp};
use coaching_store::plans_in_scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::progress::{AskedProgress, MeasuredAgent, MeasuredTeam};

/// How far the scores of one agent moved, and how far they still are from target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCoachingProgress {
    /// The agent: `customers/{customer}/users/{user}`.
    pub agent_user_name: String,
    /// Their name as people read it.
    pub agent_display_name: String,
    /// Their plans for the usecases of the request that were active at the window's end, or are now if that is ahead.
    pub coaching_plan_names: Vec<String>,
    /// The mean progress of their targets, in percentage points; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// The mean of the gaps of their targets, an exceeded target counting as none, in percentage points; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
    /// Each target that they are measured by; with `includeCriteriaWithoutTarget`, then each criterion that they were scored
    /// on in the window and have no target for.
    pub criterion_progresses: Vec<CriterionProgress>,
    /// How many sessions of the usecases of the request were held in the window: they have notes or are submitted, and
    /// their time has come.
    pub coaching_session_count: usize,
    /// When the last of those was; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_coaching_session_time: Option<Timestamp>,
}

/// How far the scores of all agents of the request moved together, and how far they still are from target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamProgress {
    /// How many agents these are. Those of whom something cannot be read are not among them.
    pub agent_count: usize,
    /// The mean progress of the targets below, in percentage points; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// The mean of the gaps of the targets below, an exceeded target counting as none, in percentage points; absent: there
    /// is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
    /// Each criterion, chapter or whole scorecard for which one of the agents has a target: the mean of all their
    /// scorecards, and of the targets of those who have one. With `includeCriteriaWithoutTarget`, then each other criterion
    /// that was scored in the window.
    pub criterion_progresses: Vec<CriterionProgress>,
}

/// One target, and how far an agent came towards it; or a criterion that was scored and has no target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionProgress {
    /// The target: `customers/{customer}/profiles/{profile}/targets/{target}`; absent: there is none, or it is the mean of
    /// those of a team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// The usecase whose scores it is for: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    pub usecase_name: String,
    /// The template: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    pub scorecard_template_name: String,
    /// The criterion or chapter; absent: the whole scorecard.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub criterion_or_chapter_id: String,
    /// Its label, in the latest revision that has it, or the template's title.
    pub criterion_display_name: String,
    /// The plan that the target hangs on; absent: it is the organisation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coaching_plan_name: Option<String>,
    /// The mean score over the baseline, in percent; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_score: Option<f64>,
    /// The mean score over the window, in percent; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// `score` less `baselineScore`, in percentage points; absent where either is, and without a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// What was to be reached when the window ended, or is now if that is ahead, in percent; absent: there is no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// `target` less `score`, negative if exceeded, in percentage points; absent where either is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
    /// How many scorecards `baselineScore` is the mean of.
    pub baseline_scorecard_count: u64,
    /// How many scorecards `score` is the mean of.
    pub scorecard_count: u64,
    /// Whether there is no target; absent: there is one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub without_target: bool,
}

impl AgentCoachingProgress {
    /// The progress of an agent, as `tenant`'s clients read it. `last_revisions` have the labels of what current revisions
    /// do not have any more.
    pub fn new(
        MeasuredAgent { agent, measurement, without_target, .. }: &MeasuredAgent,
        tenant: &Tenant,
        asked: &AskedProgress,
        last_revisions: &[ScorecardTemplate],
    ) -> Self {
        let usecases: HashSet<UsecaseId> = asked.agents.usecases.iter().cloned().collect();
        let reached = measurement.reached();
        let goals = measurement.goals().iter().zip(&reached);
        let goals = goals.map(|(goal, reached)| CriterionProgress::of_target(goal, reached, tenant, last_revisions));
        let others = without_target.iter().map(|part| CriterionProgress::of_part(part, tenant, last_revisions));
        Self {
            agent_user_name: tenant.name_of(&agent.id),
            agent_display_name: agent.display_name.clone(),
            coaching_plan_names: plans_in_scope(agent, &usecases).map(|plan| tenant.name_of(plan)).collect(),
            progress: overall_progress(&reached).map(points),
            gap: overall_gap(&reached).map(points),
            criterion_progresses: goals.chain(others).collect(),
            coaching_session_count: measurement.sessions.len(),
            last_coaching_session_time: measurement.last_session_time(),
        }
    }
}

impl TeamProgress {
    /// The progress of a team, as `tenant`'s clients read it; `last_revisions` as for an agent.
    pub fn new(team: &MeasuredTeam, tenant: &Tenant, last_revisions: &[ScorecardTemplate]) -> Self {
        let reached: Vec<Reached> = team.parts.iter().map(|part| part.reached).collect();
        let parts = team.parts.iter().map(|part| CriterionProgress::of_part(part, tenant, last_revisions));
        Self {
            agent_count: team.agents,
            progress: overall_progress(&reached).map(points),
            gap: overall_gap(&reached).map(points),
            criterion_progresses: parts.collect(),
        }
    }
}

impl CriterionProgress {
    fn of_target(goal: &Goal, reached: &Reached, tenant: &Tenant, last_revisions: &[ScorecardTemplate]) -> Self {
        let target = &goal.target;
        Self {
            target_name: Some(tenant.name_of(&target.id)),
            coaching_plan_name: target.plan.as_ref().map(|plan| tenant.name_of(plan)),
            usecase_name: tenant.name_of(&target.usecase),
            scorecard_template_name: tenant.name_of(&target.template),
            criterion_or_chapter_id: target.criterion_or_chapter_id.clone(),
            ..Self::of_scores(goal.label(last_revisions), reached)
        }
    }

    fn of_part(part: &MeasuredPart, tenant: &Tenant, last_revisions: &[ScorecardTemplate]) -> Self {
        Self {
            usecase_name: tenant.name_of(&part.usecase),
            scorecard_template_name: tenant.name_of(&part.template),
            criterion_or_chapter_id: part.part.clone(),
            ..Self::of_scores(part.label.text(&part.template, &part.part, last_revisions), &part.reached)
        }
    }

    /// What was reached, of what is called `label`.
    fn of_scores(label: &str, reached: &Reached) -> Self {
        Self {
            target_name: None,
            usecase_name: String::new(),
            scorecard_template_name: String::new(),
            criterion_or_chapter_id: String::new(),
            criterion_display_name: label.to_owned(),
            coaching_plan_name: None,
            baseline_score: reached.baseline_score().map(points),
            score: reached.score().map(points),
            progress: reached.progress().map(points),
            target: reached.target().map(points),
            gap: reached.gap().map(points),
            baseline_scorecard_count: reached.baseline_scorecard_count(),
            scorecard_count: reached.scorecard_count(),
            without_target: reached.target().is_none(),
        }
    }
}
