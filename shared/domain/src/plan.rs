//! Coaching plans: what a manager means to work on with one agent, and for how long.

use serde::Serialize;

use crate::Tenant;
use crate::fields::{Fields, MAX_TEXT_BYTES, MAX_TITLE_BYTES};
use crate::identity::Caller;
use crate::names::{CoachingPlanId, ScorecardTemplateId, UsecaseId, UserId};
use crate::session::CoachingSessionMessage;
use crate::timestamp::{Timestamp, refuse_future};

/// The most behaviours, and the most criteria, that a plan focuses on.
pub const MAX_FOCUS_ENTRIES: usize = 100;

/// A coaching plan as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CoachingPlan {
    /// Its id.
    pub id: CoachingPlanId,
    /// When it begins.
    pub start_time: Option<Timestamp>,
    /// When it ends; after `start_time`.
    pub end_time: Option<Timestamp>,
    /// Behaviours to work on (deprecated in the reference).
    pub focus_behaviors: Vec<String>,
    /// Criteria to work on.
    pub focus_criteria: Vec<FocusCriterion>,
    /// Goals and feedback, at most 64 KiB.
    pub comment: Option<String>,
    /// When the manager submitted the comment.
    pub manager_comment_submit_time: Option<Timestamp>,
    /// Who is coached.
    pub agent: UserId,
    /// Who created it.
    pub creator: UserId,
    /// Whether it is being worked on.
    pub is_active: bool,
    /// When it was created.
    pub create_time: Timestamp,
    /// When anyone last changed it.
    pub update_time: Timestamp,
    /// Its title, at most 1 KiB.
    pub display_name: Option<String>,
    /// The usecase that owns it.
    pub usecase: Option<UsecaseId>,
}

/// A criterion that a plan works on.
///
/// The reference names this object and shows none of its keys; these two point at a criterion as the
/// reference's `Target` does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FocusCriterion {
    /// The template, without a revision.
    pub template: ScorecardTemplateId,
    /// The criterion or chapter within it.
    pub criterion_or_chapter_id: String,
}

/// What a client sends to create a plan. Its serialised form is what a repeated request is
/// compared by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewCoachingPlan {
    /// The id chosen by the client.
    pub id: Option<CoachingPlanId>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    focus_behaviors: Vec<String>,
    focus_criteria: Vec<FocusCriterion>,
    comment: Option<String>,
    manager_comment_submit_time: Option<Timestamp>,
    agent: UserId,
    creator: UserId,
    is_active: bool,
    create_time: Option<Timestamp>,
    update_time: Option<Timestamp>,
    display_name: Option<String>,
    usecase: Option<UsecaseId>,
}

impl NewCoachingPlan {
    /// Reads the body of a create request, noting every bad field.
    ///
    /// `createTime` and `updateTime` are kept from a caller who imports history, none more than a
    /// minute after `now`; from everyone else they are dropped.
    pub fn read(fields: &mut Fields<'_>, tenant: &Tenant, caller: &Caller, now: Timestamp) -> Option<Self> {
        let id = fields.id("name", tenant);
        let imported = |time: Option<Timestamp>| time.filter(|_| caller.role().imports_history());
        let create_time = imported(fields.timestamp("createTime"));
        let update_time = imported(fields.timestamp("updateTime"));
        let agent = fields.required("agentUserName", |fields, field| fields.id(field, tenant));
        let creator = fields.required("creatorUserName", |fields, field| fields.id(field, tenant));
        let is_active = fields.required("isActive", |fields, field| fields.boolean(field));
        let start_time = fields.timestamp("startTime");
        let end_time = fields.timestamp("endTime");
        let focus_behaviors = fields.strings("focusBehaviors", MAX_FOCUS_ENTRIES, MAX_TITLE_BYTES);
        let focus_criteria = fields.objects("focusCriteria", MAX_FOCUS_ENTRIES, |entry| {
            let template = entry.required("scorecardTemplateName", |entry, field| entry.id(field, tenant));
            let criterion = entry.required("criterionOrChapterId", |entry, field| entry.string(field, MAX_TITLE_BYTES));
            Some(FocusCriterion { template: template?, criterion_or_chapter_id: criterion? })
        });
        let comment = fields.string("comment", MAX_TEXT_BYTES);
        let manager_comment_submit_time = fields.timestamp("managerCommentSubmitTime");
        let display_name = fields.string("displayName", MAX_TITLE_BYTES);
        let usecase = fields.id("usecaseName", tenant);

        if let (Some(start), Some(end)) = (start_time, end_time)
            && end <= start
        {
            fields.refuse("endTime", "must be after startTime");
        }
        refuse_future(fields, now, "managerCommentSubmitTime", manager_comment_submit_time);
        refuse_future(fields, now, "createTime", create_time);
        refuse_future(fields, now, "updateTime", update_time);
        if update_time.is_some_and(|update| update < create_time.unwrap_or(now)) {
            fields.refuse("updateTime", "must not be before createTime");
        }

        Some(Self {
            id,
            start_time,
            end_time,
            focus_behaviors,
            focus_criteria,
            comment,
            manager_comment_submit_time,
            agent: agent?,
            creator: creator?,
            is_active: is_active?,
            create_time,
            update_time,
            display_name,
            usecase,
        })
    }

    /// The plan that this makes at `now` under `id`.
    pub fn into_plan(self, id: CoachingPlanId, now: Timestamp) -> CoachingPlan {
        let create_time = self.create_time.unwrap_or(now);
        CoachingPlan {
            id,
            start_time: self.start_time,
            end_time: self.end_time,
            focus_behaviors: self.focus_behaviors,
            focus_criteria: self.focus_criteria,
            comment: self.comment,
            manager_comment_submit_time: self.manager_comment_submit_time,
            agent: self.agent,
            creator: self.creator,
            is_active: self.is_active,
            create_time,
            update_time: self.update_time.unwrap_or(create_time),
            display_name: self.display_name,
            usecase: self.usecase,
        }
    }
}

/// A coaching plan on the wire, with the keys of the reference.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoachingPlanMessage<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Timestamp>,
    focus_behaviors: &'a [String],
    focus_criteria: Vec<FocusCriterionMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager_comment_submit_time: Option<Timestamp>,
    agent_user_name: String,
    creator_user_name: String,
    is_active: bool,
    create_time: Timestamp,
    update_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase_name: Option<String>,
    coaching_sessions: Vec<CoachingSessionMessage<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FocusCriterionMessage<'a> {
    scorecard_template_name: String,
    criterion_or_chapter_id: &'a str,
}

impl CoachingPlan {
    /// The plan as `tenant`'s clients read it, with `coaching_sessions` embedded.
    pub fn message<'a>(
        &'a self,
        tenant: &Tenant,
        coaching_sessions: Vec<CoachingSessionMessage<'a>>,
    ) -> CoachingPlanMessage<'a> {
        let focus_criteria = self.focus_criteria.iter().map(|focus| FocusCriterionMessage {
            scorecard_template_name: tenant.name_of(&focus.template),
            criterion_or_chapter_id: &focus.criterion_or_chapter_id,
        });
        CoachingPlanMessage {
            name: tenant.name_of(&self.id),
            start_time: self.start_time,
            end_time: self.end_time,
            focus_behaviors: &self.focus_behaviors,
            focus_criteria: focus_criteria.collect(),
            comment: self.comment.as_deref(),
            manager_comment_submit_time: self.manager_comment_submit_time,
            agent_user_name: tenant.name_of(&self.agent),
            creator_user_name: tenant.name_of(&self.creator),
            is_active: self.is_active,
            create_time: self.create_time,
            update_time: self.update_time,
            display_name: self.display_name.as_deref(),
            usecase_name: self.usecase.as_ref().map(|usecase| tenant.name_of(usecase)),
            coaching_sessions,
        }
    }
}
