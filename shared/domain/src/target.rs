//! Targets: scores to be reached, by one agent under a plan or by the whole organisation.

use serde::Serialize;
use utoipa::ToSchema;

use crate::etag::etag_of;
use crate::exact::FULL_SCORE;
use crate::json::Json;
use crate::message;
use crate::message::{Place, Rule};
use crate::names::{CoachingPlanId, ScorecardTemplateId, TargetId, UsecaseId, UserId};
use crate::outline::Kind;
use crate::references::References;
use crate::rules::{Any, Double, Dropped, Fixed, Imported, Patch, TemplateName, Text, Unnamed};
use crate::scorecard::percent;
use crate::timestamp::Timestamp;
use crate::values::MAX_TITLE_BYTES;
use crate::{Error, Reason, Tenant, Version, Violations};

/// The most values that a target may have had.
pub const MAX_HISTORY: usize = 1000;

/// A target as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// The number of times it was written; each write is conditional on it.
    pub version: Version,
    /// The template whose scores it is for, in every revision.
    pub template: ScorecardTemplateId,
    /// The criterion or chapter; empty: the whole scorecard.
    pub criterion_or_chapter_id: String,
    /// The usecase whose scores it is for.
    pub usecase: UsecaseId,
    /// The plan that it belongs to; without one it is the organisation's.
    pub plan: Option<CoachingPlanId>,
    /// The plan's agent.
    pub agent: Option<UserId>,
    /// Every value it has had, in hundredths of a percentage point, each with the time from which it holds; in order,
    /// never empty.
    pub history: Vec<(Timestamp, u32)>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

impl Target {
    /// The value in force at `time`, in hundredths of a percentage point; `None` if the target was created later.
    pub fn hundredths_at(&self, time: Timestamp) -> Option<u32> {
        self.history.iter().rev().find(|(from, _)| *from <= time).map(|(_, value)| *value)
    }

    /// Moves the target to `value` from `now` on; the same value changes nothing.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it has had [`MAX_HISTORY`] values.
    pub fn move_to(&mut self, value: u32, now: Timestamp) -> Result<(), Error> {
        let full = self.history.len() >= MAX_HISTORY;
        match self.history.last_mut() {
            Some((_, last)) if *last == value => return Ok(()),
            Some((from, last)) if *from == now => *last = value,
            _ if full => {
                return Err(Error::new(
                    Reason::TargetHistoryFull,
                    format!("the target has had {MAX_HISTORY} values; create another"),
                ));
            }
            _ => self.history.push((now, value)),
        }
        self.update_time = now;
        Ok(())
    }
}

message! {
    /// A request to create a target. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewTarget, checked as SentTarget {
        /// The id chosen by the client.
        pub id: Option<TargetId> = "name",
        /// The template.
        pub template: TemplateName<Unnamed> = "scorecardTemplateName",
        /// The criterion or chapter; absent: the whole scorecard.
        pub criterion_or_chapter_id: Option<Text<MAX_TITLE_BYTES>> = "criterionOrChapterId",
        value: TargetValue = "target",
        /// The usecase.
        pub usecase: UsecaseId = "usecaseName",
        /// The plan that it is to belong to.
        pub plan: Option<CoachingPlanId> = "coachingPlanName",
        create_time: Imported<Option<Timestamp>> = "createTime",
    }
}

impl SentTarget {
    fn check(&mut self, place: &mut Place<'_>) {
        place.refuse_future("createTime", self.create_time);
    }
}

impl NewTarget {
    /// The resources that it names and that must exist, except the template and the plan.
    pub fn references(&self) -> References {
        References::default().usecases("usecaseName", [&self.usecase])
    }

    /// The target that this request creates at `now` under `id`; `agent` is the plan's.
    pub fn into_target(self, id: TargetId, agent: Option<UserId>, now: Timestamp) -> Target {
        let create_time = self.create_time.unwrap_or(now);
        Target {
            id,
            version: Version::first(now),
            template: self.template,
            criterion_or_chapter_id: self.criterion_or_chapter_id.unwrap_or_default(),
            usecase: self.usecase,
            plan: self.plan,
            agent,
            history: vec![(create_time, self.value)],
            create_time,
            update_time: create_time,
        }
    }
}

/// The value of a target: 0 to 100 percentage points with at most two decimals, in hundredths.
#[derive(Debug)]
pub struct TargetValue;

impl Rule for TargetValue {
    type Value = u32;

    fn read(json: Json, place: &mut Place<'_>) -> Option<u32> {
        let value = <Double<0, 100> as Rule>::read(json, place)?;
        let hundredths = (value * 100.0).round();
        if (hundredths / 100.0 - value).abs() > 1e-9 {
            return place.refuse("must have at most 2 decimals");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000")]
        let hundredths = hundredths as u32;
        Some(hundredths.min(FULL_SCORE))
    }

    fn kind() -> Kind {
        <Double<0, 100> as Rule>::kind()
    }
}

/// A target: a score to be reached, by one agent under a plan or by the whole organisation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Target)]
pub struct TargetMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/targets/{target}`.
    name: String,
    /// The template whose scores it is for, in every revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    scorecard_template_name: String,
    /// The criterion or chapter; absent: the whole scorecard.
    #[serde(skip_serializing_if = "str::is_empty")]
    criterion_or_chapter_id: &'a str,
    /// The score to be reached: 0 to 100 percentage points, at most two decimals.
    target: f64,
    /// The usecase whose scores it is for: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    usecase_name: String,
    /// The plan that it belongs to: `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`; absent: it is the organisation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    coaching_plan_name: Option<String>,
    /// When it was created; it is in force from then on.
    create_time: Timestamp,
    /// When it was last changed.
    update_time: Timestamp,
    /// Opaque version, to send in `If-Match`.
    etag: String,
}

impl Target {
    /// Its etag (AIP-154).
    pub fn etag(&self) -> String {
        etag_of(self.version, self.update_time)
    }

    /// The target as `tenant`'s clients read it.
    pub fn message(&self, tenant: &Tenant) -> TargetMessage<'_> {
        TargetMessage {
            name: tenant.name_of(&self.id),
            scorecard_template_name: tenant.name_of(&self.template),
            criterion_or_chapter_id: &self.criterion_or_chapter_id,
            target: self.history.last().map_or(0.0, |(_, value)| percent(*value)),
            usecase_name: tenant.name_of(&self.usecase),
            coaching_plan_name: self.plan.as_ref().map(|plan| tenant.name_of(plan)),
            create_time: self.create_time,
            update_time: self.update_time,
            etag: self.etag(),
        }
    }
}

message! {
    /// An update of a target. An outer `None` leaves a field, an inner one clears it.
    #[derive(Debug, Clone)]
    pub struct TargetUpdate {
        value: Patch<TargetValue> = "target",
        name: Fixed<TargetId> = "name",
        template: Fixed<TemplateName<Any>> = "scorecardTemplateName",
        part: Fixed<Text<MAX_TITLE_BYTES>> = "criterionOrChapterId",
        usecase: Fixed<UsecaseId> = "usecaseName",
        plan: Fixed<CoachingPlanId> = "coachingPlanName",
        _create_time: Dropped = "createTime",
        _update_time: Dropped = "updateTime",
        _qa_score: Dropped = "qaScore",
    }
}

impl TargetUpdate {
    /// Applies the update at `now`; returns whether anything changed.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an immutable field that differs; FAILED_PRECONDITION as [`Target::move_to`].
    pub fn apply(&self, target: &mut Target, now: Timestamp) -> Result<bool, Error> {
        let part = Some(&target.criterion_or_chapter_id).filter(|part| !part.is_empty());
        let mut violations = Violations::default();
        for (field, differs) in [
            ("name", self.name.as_ref().is_some_and(|name| name.as_ref() != Some(&target.id))),
            ("scorecardTemplateName", self.template.as_ref().is_some_and(|new| new.as_ref() != Some(&target.template))),
            ("criterionOrChapterId", self.part.as_ref().is_some_and(|new| new.as_ref() != part)),
            ("usecaseName", self.usecase.as_ref().is_some_and(|new| new.as_ref() != Some(&target.usecase))),
            ("coachingPlanName", self.plan.as_ref().is_some_and(|new| *new != target.plan)),
        ] {
            if differs {
                violations.add(format!("target.{field}"), "cannot change; create another target");
            }
        }
        violations.into_result()?;
        let before = target.clone();
        if let Some(value) = self.value {
            target.move_to(value, now)?;
        }
        Ok(*target != before)
    }
}
