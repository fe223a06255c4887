//! Active plans as agents' records hold them, and as past ones are kept.

use std::collections::BTreeSet;

use coaching_domain::names::{CoachingPlanId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::target::Target;
use coaching_domain::{Error, Id, Timestamp, Version};
use serde::{Deserialize, Serialize};

/// A plan that is active, or was, and its targets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActivePlan {
    pub(crate) id: CoachingPlanId,
    pub(crate) usecase: Option<UsecaseId>,
    /// The time since which it is active.
    pub(crate) since: Timestamp,
    /// When it begins.
    pub(crate) start: Option<Timestamp>,
    /// When it ends.
    pub(crate) end: Option<Timestamp>,
    /// Its targets, each with the value in force now, or at the plan's end, and when it came into force.
    pub(crate) targets: Vec<Target>,
    /// The plan as it is stored.
    pub(crate) stored: String,
    /// Its targets as they are stored; `None` without targets.
    pub(crate) stored_targets: Option<String>,
}

impl ActivePlan {
    /// An active `plan` with `targets`, as an agent's record keeps it.
    pub(crate) fn of(plan: &CoachingPlan, targets: Vec<Target>) -> Self {
        Self {
            id: plan.id.clone(),
            usecase: plan.usecase.clone(),
            since: plan.active_since.unwrap_or(plan.create_time),
            start: plan.start_time,
            end: plan.end_time,
            targets,
            stored: String::new(),
            stored_targets: None,
        }
    }

    /// Its targets as [`ActivePlan::parse`] reads them.
    pub(crate) fn targets_text(&self) -> Result<Option<String>, Error> {
        if self.targets.is_empty() { Ok(None) } else { targets_to_text(&self.targets).map(Some) }
    }

    /// Its facts, whatever the order of its targets and however they are stored.
    pub(crate) fn facts(&self) -> Result<(String, BTreeSet<String>), Error> {
        let targets = self.targets.iter().map(|target| targets_to_text(std::slice::from_ref(target)));
        Ok((self.to_text()?, targets.collect::<Result<_, _>>()?))
    }

    /// Whether it was active at `time`, if it was not closed before.
    pub(crate) fn is_active_at(&self, time: Timestamp) -> bool {
        self.since <= time && self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time < end)
    }

    /// The plan without its targets, as [`ActivePlan::parse`] reads it.
    pub(crate) fn to_text(&self) -> Result<String, Error> {
        let text = PlanText {
            usecase: self.usecase.as_ref().map(ToString::to_string),
            since: self.since.to_string(),
            start: self.start.map(|time| time.to_string()),
            end: self.end.map(|time| time.to_string()),
        };
        serde_json::to_string(&text).map_err(Error::internal)
    }

    /// Reads the active plan `id` of `agent` from its text and that of its targets.
    pub(crate) fn parse(id: CoachingPlanId, agent: &UserId, text: &str, targets: Option<String>) -> Option<Self> {
        let plan: PlanText = if text.starts_with('{') {
            serde_json::from_str(text).ok()?
        } else {
            // Tables of version 0.1 hold only the usecase.
            PlanText {
                usecase: (!text.is_empty()).then(|| text.to_owned()),
                since: "0001-01-01T00:00:00Z".to_owned(),
                start: None,
                end: None,
            }
        };
        let time =
            |text: Option<String>| text.map(|text| Timestamp::parse(&text)).map_or(Some(None), |time| time.map(Some));
        Some(Self {
            usecase: plan.usecase.map(|usecase| Id::parse(&usecase)).map_or(Some(None), |usecase| usecase.map(Some))?,
            since: Timestamp::parse(&plan.since)?,
            start: time(plan.start)?,
            end: time(plan.end)?,
            targets: targets_from_text(&id, agent, targets.as_deref())?,
            stored: text.to_owned(),
            stored_targets: targets,
            id,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct PlanText {
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase: Option<String>,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

/// A target of an active plan, without its past values, which stay with the target.
#[derive(Serialize, Deserialize)]
struct TargetText {
    id: String,
    template: String,
    part: String,
    usecase: String,
    value: u32,
    from: String,
    created: String,
}

/// Targets of one plan as an agent's record holds them.
pub(crate) fn targets_to_text(targets: &[Target]) -> Result<String, Error> {
    let texts = targets.iter().filter_map(|target| {
        let (from, value) = target.history.last()?;
        Some(TargetText {
            id: target.id.to_string(),
            template: target.template.to_string(),
            part: target.criterion_or_chapter_id.clone(),
            usecase: target.usecase.to_string(),
            value: *value,
            from: from.to_string(),
            created: target.create_time.to_string(),
        })
    });
    serde_json::to_string(&texts.collect::<Vec<_>>()).map_err(Error::internal)
}

fn targets_from_text(plan: &CoachingPlanId, agent: &UserId, text: Option<&str>) -> Option<Vec<Target>> {
    let Some(text) = text else { return Some(Vec::new()) };
    let texts: Vec<TargetText> = serde_json::from_str(text).ok()?;
    let targets = texts.into_iter().map(|text| {
        let from = Timestamp::parse(&text.from)?;
        Some(Target {
            id: Id::parse(&text.id)?,
            version: Version::from(0),
            template: Id::parse(&text.template)?,
            criterion_or_chapter_id: text.part,
            usecase: Id::parse(&text.usecase)?,
            plan: Some(plan.clone()),
            agent: Some(agent.clone()),
            history: vec![(from, text.value)],
            create_time: Timestamp::parse(&text.created)?,
            update_time: from,
        })
    });
    targets.collect()
}
