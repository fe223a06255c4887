//! Marks of an agent's coaching: of each session and each scorecard that counts there, the few facts that overviews and
//! quotas are made of.

use crate::Timestamp;
use crate::names::{CoachingPlanId, ScorecardTemplateId, UserId};
use crate::scorecard::Scorecard;
use crate::session::{CoachingSession, Steps};

/// The mark of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMark {
    /// Its steps.
    pub steps: Steps,
    /// Who coaches.
    pub coach: UserId,
    /// The plan that it belongs to.
    pub plan: CoachingPlanId,
}

/// The mark of a submitted scorecard that is an evaluation, or is linked to plans. A calibration has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScorecardMark {
    /// When it was submitted.
    pub submitted: Timestamp,
    /// Its template.
    pub template: ScorecardTemplateId,
    /// Whether it counts towards quotas.
    pub is_evaluation: bool,
    /// The plans that it is linked to.
    pub plans: Vec<CoachingPlanId>,
}

impl SessionMark {
    /// The mark of `session`.
    pub fn of(session: &CoachingSession) -> Self {
        Self { steps: session.steps(), coach: session.coach().clone(), plan: session.plan.clone() }
    }
}

impl ScorecardMark {
    /// The mark of `scorecard`; `None` if it has none.
    pub fn of(scorecard: &Scorecard) -> Option<Self> {
        let submitted = scorecard.counted_at()?;
        let is_evaluation = scorecard.manually_scored;
        (is_evaluation || !scorecard.plans.is_empty()).then(|| Self {
            submitted,
            template: scorecard.template.clone(),
            is_evaluation,
            plans: scorecard.plans.clone(),
        })
    }
}
