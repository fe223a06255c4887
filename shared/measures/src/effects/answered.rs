//! Effects as they are answered.

use coaching_domain::effect::{Effect, OverAgents, Summary};
use coaching_domain::progress::points;
use coaching_domain::{Tenant, Timestamp};
use coaching_store::Agent;
use serde::Serialize;
use utoipa::ToSchema;

use crate::effects::measure::{EffectOfSession, MeasuredPart};

/// How an agent's scores moved around a coaching session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoachingEffect {
    /// The agent: `customers/{customer}/users/{user}`.
    pub agent_user_name: String,
    /// The plan of the session.
    pub coaching_plan_name: String,
    /// The session.
    pub coaching_session_name: String,
    /// When it counts: its session time, else that of its creation.
    pub coaching_session_time: Timestamp,
    /// The template: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    pub scorecard_template_name: String,
    /// The criterion or chapter; absent: the whole scorecard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criterion_or_chapter_id: Option<String>,
    /// The mean score over the days before the session, in percent; absent: there are no scorecards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_score: Option<f64>,
    /// How many scorecards that is the mean of.
    pub before_scorecard_count: u64,
    /// On how many days these were submitted.
    pub before_day_count: u64,
    /// The mean score over the days after it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_score: Option<f64>,
    /// How many scorecards that is the mean of.
    pub after_scorecard_count: u64,
    /// On how many days these were submitted.
    pub after_day_count: u64,
    /// `afterScore` less `beforeScore`, in percentage points; absent: a mean has fewer than `minimumScorecardCount`
    /// scorecards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// The interval that holds the effect with 95 % confidence; absent: there is no effect, or a mean has scores of one
    /// day only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<EffectInterval>,
    /// Whether the days after the session are over.
    pub is_complete: bool,
    /// Whether another session of the agent, of the request's usecases, was held on the days before or after, so that they
    /// share in the effect.
    pub overlaps: bool,
    /// How the scores of agents moved over the same days who were not coached; absent: fewer than three of those asked for
    /// can be compared with, or there is no effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<EffectComparison>,
    /// `effect` less that of the comparison, in percentage points: what is left of it beside agents who were not coached.
    /// Absent: there is no comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted_effect: Option<f64>,
}

/// An interval, in percentage points.
#[derive(Debug, Serialize, ToSchema)]
pub struct EffectInterval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

/// How the scores of agents moved who were not coached.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectComparison {
    /// The mean of how theirs moved, in percentage points.
    pub effect: f64,
    /// How many agents that is the mean of.
    pub agent_count: u64,
}

/// What the effects on one criterion, chapter or whole scorecard come to, over agents: each counts once, with the mean of
/// theirs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectSummary {
    /// The template.
    pub scorecard_template_name: String,
    /// The criterion or chapter; absent: the whole scorecard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criterion_or_chapter_id: Option<String>,
    /// How many agents have an effect.
    pub agent_count: u64,
    /// The mean effect, in percentage points.
    pub effect: f64,
    /// The interval that holds it with 95 % confidence; absent: it is of one agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<EffectInterval>,
    /// How many agents have an adjusted effect.
    pub adjusted_agent_count: u64,
    /// The mean adjusted effect, in percentage points; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted_effect: Option<f64>,
    /// The interval that holds that with 95 % confidence, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted_interval: Option<EffectInterval>,
    /// How many agents have an effect above 0.
    pub improved_count: usize,
    /// How many agents have an effect below 0.
    pub worsened_count: usize,
}

impl EffectInterval {
    fn new([lower, upper]: [f64; 2]) -> Self {
        Self { lower, upper }
    }
}

impl CoachingEffect {
    /// The effect of a session of `agent`, as `tenant`'s clients read it.
    pub fn new(agent: &Agent, of: &EffectOfSession, tenant: &Tenant) -> Self {
        let EffectOfSession { session, part, effect, is_complete, .. } = of;
        let Effect { sides, overlaps, .. } = effect;
        let comparison = effect.comparison();
        Self {
            agent_user_name: tenant.name_of(&agent.id),
            coaching_plan_name: tenant.name_of(&session.mark.plan),
            coaching_session_name: tenant.name_of(&session.id),
            coaching_session_time: session.mark.steps.counted,
            scorecard_template_name: tenant.name_of(&part.template),
            criterion_or_chapter_id: part.criterion_or_chapter_id.clone(),
            before_score: effect.before_score().map(points),
            before_scorecard_count: sides.before.cell.count,
            before_day_count: sides.before.days,
            after_score: effect.after_score().map(points),
            after_scorecard_count: sides.after.cell.count,
            after_day_count: sides.after.days,
            effect: effect.effect().map(points),
            interval: effect.interval().map(EffectInterval::new),
            is_complete: *is_complete,
            overlaps: *overlaps,
            comparison: comparison
                .map(|of| EffectComparison { effect: points(of.effect), agent_count: of.agent_count }),
            adjusted_effect: effect.adjusted().map(points),
        }
    }
}

impl EffectSummary {
    /// The summary of the effects on `part`, as `tenant`'s clients read it.
    pub fn new(part: &MeasuredPart, summary: &Summary, tenant: &Tenant) -> Self {
        let Summary { effect, adjusted, improved_count, worsened_count } = *summary;
        let interval = |of: OverAgents| of.interval.map(EffectInterval::new);
        Self {
            scorecard_template_name: tenant.name_of(&part.template),
            criterion_or_chapter_id: part.criterion_or_chapter_id.clone(),
            agent_count: effect.agent_count,
            effect: points(effect.mean),
            interval: interval(effect),
            adjusted_agent_count: adjusted.map_or(0, |adjusted| adjusted.agent_count),
            adjusted_effect: adjusted.map(|adjusted| points(adjusted.mean)),
            adjusted_interval: adjusted.and_then(interval),
            improved_count,
            worsened_count,
        }
    }
}
