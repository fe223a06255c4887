//! Targets: scores to be reached, by one agent under a plan or by the whole organisation.

use serde::Serialize;
use utoipa::ToSchema;

use crate::etag::etag_of;
use crate::exact::FULL_SCORE;
use crate::fields::{Fields, MAX_TITLE_BYTES};
use crate::identity::Caller;
use crate::names::{CoachingPlanId, Revisions, ScorecardTemplateId, TargetId, UsecaseId, UserId};
use crate::references::References;
use crate::scorecard::percent;
use crate::timestamp::{Timestamp, refuse_future};
use crate::update_mask::UpdateMask;
use crate::{Error, Reason, Tenant, Violations};

/// The most values that a target may have had.
pub const MAX_HISTORY: usize = 1000;

/// A target as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// The number of times it was written; each write is conditional on it.
    pub version: u64,
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

/// A request to create a target. A repeated request is recognised by its serialised form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewTarget {
    /// The id chosen by the client.
    pub id: Option<TargetId>,
    /// The template.
    pub template: ScorecardTemplateId,
    /// The criterion or chapter; empty: the whole scorecard.
    pub criterion_or_chapter_id: String,
    /// The usecase.
    pub usecase: UsecaseId,
    /// The plan that it is to belong to.
    pub plan: Option<CoachingPlanId>,
    value: u32,
    create_time: Option<Timestamp>,
}

impl NewTarget {
    /// Reads the body of a create request, noting every bad field. `createTime` is kept if the caller imports history:
    /// the target is in force from then on.
    pub fn read(fields: &mut Fields<'_>, tenant: &Tenant, caller: &Caller, now: Timestamp) -> Option<Self> {
        let id = fields.id("name", tenant);
        let template = fields
            .required("scorecardTemplateName", |fields, field| fields.template(field, tenant, Revisions::Unnamed));
        let part = fields.string("criterionOrChapterId", MAX_TITLE_BYTES).unwrap_or_default();
        let value = fields.required("target", read_value);
        let usecase = fields.required("usecaseName", |fields, field| fields.id(field, tenant));
        let plan = fields.id("coachingPlanName", tenant);
        let create_time = fields.timestamp("createTime").filter(|_| caller.role().imports_history());
        refuse_future(fields, now, "createTime", create_time);
        Some(Self {
            id,
            template: template?.0,
            criterion_or_chapter_id: part,
            usecase: usecase?,
            plan,
            value: value?,
            create_time,
        })
    }

    /// The resources that it names and that must exist, except the template and the plan.
    pub fn references(&self) -> References {
        References::default().usecases("usecaseName", [&self.usecase])
    }

    /// The target that this request creates at `now` under `id`; `agent` is the plan's.
    pub fn into_target(self, id: TargetId, agent: Option<UserId>, now: Timestamp) -> Target {
        let create_time = self.create_time.unwrap_or(now);
        Target {
            id,
            version: 1,
            template: self.template,
            criterion_or_chapter_id: self.criterion_or_chapter_id,
            usecase: self.usecase,
            plan: self.plan,
            agent,
            history: vec![(create_time, self.value)],
            create_time,
            update_time: create_time,
        }
    }
}

/// `target`: 0 to 100 percentage points with at most two decimals, in hundredths.
pub fn read_value(fields: &mut Fields<'_>, field: &str) -> Option<u32> {
    let value = fields.double(field, 0.0..=100.0)?;
    let hundredths = (value * 100.0).round();
    if (hundredths / 100.0 - value).abs() > 1e-9 {
        fields.refuse(field, "must have at most 2 decimals");
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000")]
    let hundredths = hundredths as u32;
    Some(hundredths.min(FULL_SCORE))
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

/// An update of a target. An outer `None` leaves a field, an inner one clears it.
#[derive(Debug, Clone, Default)]
pub struct TargetUpdate {
    value: Option<u32>,
    name: Option<Option<TargetId>>,
    template: Option<Option<ScorecardTemplateId>>,
    part: Option<Option<String>>,
    usecase: Option<Option<UsecaseId>>,
    plan: Option<Option<CoachingPlanId>>,
}

impl TargetUpdate {
    /// The fields that an update mask may name.
    pub const FIELDS: [&'static str; 10] = [
        "name",
        "scorecardTemplateName",
        "criterionOrChapterId",
        "target",
        "usecaseName",
        "coachingPlanName",
        "createTime",
        "updateTime",
        "qaScore",
        "etag",
    ];

    /// Reads the target in the body of an update, noting every bad field.
    pub fn read(fields: &mut Fields<'_>, mask: &UpdateMask, tenant: &Tenant) -> Self {
        let update = Self {
            value: mask.value(fields, "target", |fields, field| fields.required(field, read_value)).flatten(),
            name: mask.immutable(fields, "name", |fields, field| fields.id(field, tenant)),
            template: mask.immutable(fields, "scorecardTemplateName", |fields, field| {
                fields.template(field, tenant, Revisions::Any).map(|(template, _)| template)
            }),
            part: mask.immutable(fields, "criterionOrChapterId", |fields, field| fields.string(field, MAX_TITLE_BYTES)),
            usecase: mask.immutable(fields, "usecaseName", |fields, field| fields.id(field, tenant)),
            plan: mask.immutable(fields, "coachingPlanName", |fields, field| fields.id(field, tenant)),
        };
        fields.drop_known(&["createTime", "updateTime", "qaScore"]);
        update
    }

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
