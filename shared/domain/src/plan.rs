//! Coaching plans: what a manager means to work on with one agent, and for how long.

use serde::Serialize;
use utoipa::ToSchema;

use crate::change::{Document, Hidden, Shown};
use crate::etag::etag_of;
use crate::identity::{Caller, Role};
use crate::message;
use crate::message::Place;
use crate::names::{CoachingPlanId, ScorecardTemplateId, UsecaseId, UserId};
use crate::references::References;
use crate::rules::{Dropped, Fixed, Imported, List, Past, Patch, Text, Title};
use crate::session::CoachingSessionMessage;
use crate::timestamp::{Timestamp, creation, is_before, range_fault, told_or_now};
use crate::values::{MAX_TEXT_BYTES, MAX_TITLE_BYTES};
use crate::{Error, Reason, Tenant, Version, Violations};

/// The most behaviours, and the most criteria, that a plan focuses on: an entry of its history holds them twice, and a
/// DynamoDB item holds at most 400 KB.
pub const MAX_FOCUS_ENTRIES: usize = 50;

/// A coaching plan as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CoachingPlan {
    /// Its id.
    pub id: CoachingPlanId,
    /// The number of times it was written, from 1 on; each write is conditional on it.
    pub version: Version,
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
    /// When it became active: at its creation, or when it was last made active again. `None` while it is not.
    pub active_since: Option<Timestamp>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When anyone last changed it.
    pub update_time: Timestamp,
    /// When its creation was recorded, if that is after `update_time`, as with imported times; `None` once it is
    /// changed.
    pub recorded_at: Option<Timestamp>,
    /// Its title, at most 1 KiB.
    pub display_name: Option<String>,
    /// The usecase that owns it.
    pub usecase: Option<UsecaseId>,
    /// The version and update time that its agent sees.
    pub shown: Shown,
}

message! {
    /// A criterion that a plan works on.
    ///
    /// The reference names this object but shows none of its keys; these two identify a criterion as the reference's
    /// `Target` does.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct FocusCriterion {
        /// The template, without a revision.
        pub template: ScorecardTemplateId = "scorecardTemplateName",
        /// The criterion or chapter within it.
        pub criterion_or_chapter_id: Text<MAX_TITLE_BYTES> = "criterionOrChapterId",
    }
}

message! {
    /// A request to create a plan. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewCoachingPlan, checked as SentPlan {
        /// The id chosen by the client.
        pub id: Option<CoachingPlanId> = "name",
        create_time: Imported<Option<Timestamp>> = "createTime",
        update_time: Imported<Option<Timestamp>> = "updateTime",
        agent: UserId = "agentUserName",
        creator: UserId = "creatorUserName",
        is_active: bool = "isActive",
        start_time: Option<Timestamp> = "startTime",
        end_time: Option<Timestamp> = "endTime",
        focus_behaviors: List<Text<MAX_TITLE_BYTES>, MAX_FOCUS_ENTRIES> = "focusBehaviors",
        focus_criteria: List<FocusCriterion, MAX_FOCUS_ENTRIES> = "focusCriteria",
        comment: Option<Text<MAX_TEXT_BYTES>> = "comment",
        manager_comment_submit_time: Option<Timestamp> = "managerCommentSubmitTime",
        display_name: Option<Title<MAX_TITLE_BYTES>> = "displayName",
        usecase: Option<UsecaseId> = "usecaseName",
    }
}

/// The templates of `criteria`, which the plan in `path` works on.
fn templates_of(criteria: &[FocusCriterion], path: &str) -> References {
    let numbered = criteria.iter().enumerate();
    numbered.fold(References::default(), |references, (place, focus)| {
        references.template(format!("{path}focusCriteria[{place}].scorecardTemplateName"), &focus.template)
    })
}

impl SentPlan {
    /// An imported plan without a `createTime` was created at the earliest of its times. None of them may be before the
    /// creation.
    fn check(&mut self, place: &mut Place<'_>) {
        place.refuse_empty_range(("startTime", self.start_time), ("endTime", self.end_time));
        place.refuse_future("managerCommentSubmitTime", self.manager_comment_submit_time);
        place.refuse_future("createTime", self.create_time);
        place.refuse_future("updateTime", self.update_time);
        if place.caller().role().imports_history() {
            self.create_time = creation(self.create_time, &[self.update_time, self.manager_comment_submit_time]);
        }
        let created = ("createTime", self.create_time);
        place.refuse_before(("updateTime", self.update_time), created);
        place.refuse_before(("managerCommentSubmitTime", self.manager_comment_submit_time), created);
    }
}

impl NewCoachingPlan {
    /// Sets everything of `plan` that may change to what this request of `caller` says; returns whether anything changed.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an immutable field that differs.
    pub fn replace(&self, plan: &mut CoachingPlan, caller: &Caller, now: Timestamp) -> Result<bool, Error> {
        let update = PlanUpdate {
            start_time: Some(self.start_time),
            end_time: Some(self.end_time),
            focus_behaviors: Some(self.focus_behaviors.clone()),
            focus_criteria: Some(self.focus_criteria.clone()),
            comment: Some(self.comment.clone()),
            manager_comment_submit_time: Some(self.manager_comment_submit_time),
            is_active: Some(self.is_active),
            display_name: Some(self.display_name.clone()),
            agent: Some(Some(self.agent.clone())),
            creator: Some(Some(self.creator.clone())),
            usecase: self.usecase.clone().map(Some),
            ..PlanUpdate::default()
        };
        update.apply(plan, caller, now)
    }

    /// The resources that it names and that must exist, except people. `path` is the prefix of the fields' names.
    pub fn references(&self, path: &str) -> References {
        templates_of(&self.focus_criteria, path).usecases(&format!("{path}usecaseName"), &self.usecase)
    }

    /// The people whom a new plan of `caller`'s names: its agent, who must be an agent of the profile, and its creator.
    /// `path` is the prefix of the fields' names.
    pub fn people(&self, path: &str, caller: &Caller) -> References {
        References::default()
            .coached(format!("{path}agentUserName"), &self.agent, caller.role().imports_history())
            .users(&format!("{path}creatorUserName"), [&self.creator])
    }

    /// The plan that this request of `caller` creates at `now` under `id`.
    pub fn into_plan(self, id: CoachingPlanId, caller: &Caller, now: Timestamp) -> CoachingPlan {
        let create_time = self.create_time.unwrap_or(now);
        let update_time = self.update_time.unwrap_or(create_time);
        let submitted = |time: Timestamp| if caller.role().imports_history() { time } else { create_time };
        CoachingPlan {
            id,
            version: Version::first(now),
            start_time: self.start_time,
            end_time: self.end_time,
            focus_behaviors: self.focus_behaviors,
            focus_criteria: self.focus_criteria,
            comment: self.comment,
            manager_comment_submit_time: self.manager_comment_submit_time.map(submitted),
            agent: self.agent,
            creator: self.creator,
            is_active: self.is_active,
            active_since: self.is_active.then_some(create_time),
            create_time,
            update_time,
            recorded_at: Some(now).filter(|now| *now > update_time),
            display_name: self.display_name,
            usecase: self.usecase,
            shown: Shown { version: Version::first(now), update_time },
        }
    }
}

message! {
    /// An update of a plan. An outer `None` leaves a field, an inner one clears it.
    #[derive(Debug, Clone, Default)]
    pub struct PlanUpdate {
        start_time: Patch<Option<Timestamp>> = "startTime",
        end_time: Patch<Option<Timestamp>> = "endTime",
        focus_behaviors: Patch<List<Text<MAX_TITLE_BYTES>, MAX_FOCUS_ENTRIES>> = "focusBehaviors",
        focus_criteria: Patch<List<FocusCriterion, MAX_FOCUS_ENTRIES>> = "focusCriteria",
        comment: Patch<Option<Text<MAX_TEXT_BYTES>>> = "comment",
        manager_comment_submit_time: Patch<Option<Past>> = "managerCommentSubmitTime",
        is_active: Patch<bool> = "isActive",
        display_name: Patch<Option<Title<MAX_TITLE_BYTES>>> = "displayName",
        name: Fixed<CoachingPlanId> = "name",
        agent: Fixed<UserId> = "agentUserName",
        creator: Fixed<UserId> = "creatorUserName",
        usecase: Fixed<UsecaseId> = "usecaseName",
        _create_time: Dropped = "createTime",
        _update_time: Dropped = "updateTime",
        _coaching_sessions: Dropped = "coachingSessions",
    }
}

impl PlanUpdate {
    /// The resources that it names and that must exist.
    pub fn references(&self) -> References {
        templates_of(self.focus_criteria.as_deref().unwrap_or_default(), "coachingPlan.")
    }

    /// Applies `caller`'s update at `now`; returns whether anything changed. If a manager dates the submission of the comment
    /// before the plan's creation or after `now`, it counts as submitted `now`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an immutable field that differs, a plan that would end before it starts, or an importing
    /// caller's submission of the comment before the plan's creation.
    pub fn apply(&self, plan: &mut CoachingPlan, caller: &Caller, now: Timestamp) -> Result<bool, Error> {
        let mut violations = Violations::default();
        let mut fixed = |field: &str, differs: bool| {
            if differs {
                violations.add(format!("coachingPlan.{field}"), "cannot change");
            }
        };
        fixed("name", self.name.as_ref().is_some_and(|name| name.as_ref() != Some(&plan.id)));
        fixed("agentUserName", self.agent.as_ref().is_some_and(|agent| agent.as_ref() != Some(&plan.agent)));
        fixed("creatorUserName", self.creator.as_ref().is_some_and(|user| user.as_ref() != Some(&plan.creator)));
        fixed("usecaseName", self.usecase.as_ref().is_some_and(|usecase| *usecase != plan.usecase));

        let before = plan.clone();
        let set = |field: &mut Option<Timestamp>, update: Option<Option<Timestamp>>| *field = update.unwrap_or(*field);
        set(&mut plan.start_time, self.start_time);
        set(&mut plan.end_time, self.end_time);
        let (created, told) = (plan.create_time, self.manager_comment_submit_time);
        let submitted = match told {
            Some(told) if !caller.role().imports_history() && told != plan.manager_comment_submit_time => {
                Some(told.map(|time| told_or_now(time, created, now)))
            }
            told => told,
        };
        set(&mut plan.manager_comment_submit_time, submitted);
        if is_before(submitted.flatten(), Some(created)) {
            violations.add("coachingPlan.managerCommentSubmitTime", "must not be before createTime");
        }
        if let Some(fault) = range_fault(plan.start_time, plan.end_time, "startTime") {
            violations.add("coachingPlan.endTime", fault);
        }
        violations.into_result()?;
        if let Some(behaviors) = &self.focus_behaviors {
            plan.focus_behaviors.clone_from(behaviors);
        }
        if let Some(criteria) = &self.focus_criteria {
            plan.focus_criteria.clone_from(criteria);
        }
        if let Some(comment) = &self.comment {
            plan.comment.clone_from(comment);
        }
        if let Some(name) = &self.display_name {
            plan.display_name.clone_from(name);
        }
        if let Some(active) = self.is_active
            && active != plan.is_active
        {
            plan.is_active = active;
            plan.active_since = active.then_some(now);
        }
        let changed = *plan != before;
        if changed {
            plan.update_time = plan.update_time.max(now);
        }
        Ok(changed)
    }
}

/// A coaching plan: what a manager means to work on with one agent, and for how long.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CoachingPlan)]
pub struct CoachingPlanMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`.
    name: String,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Timestamp>,
    /// When it ends; after `startTime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Timestamp>,
    /// Behaviours to work on, at most 50 of at most 1 KiB each.
    focus_behaviors: &'a [String],
    /// Criteria to work on, at most 50.
    focus_criteria: Vec<FocusCriterionMessage<'a>>,
    /// Goals and feedback, at most 64 KiB. An agent sees them once they are submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    /// When the manager submitted the comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    manager_comment_submit_time: Option<Timestamp>,
    /// Who is coached: `customers/{customer}/users/{user}`.
    agent_user_name: String,
    /// Who created it: `customers/{customer}/users/{user}`.
    creator_user_name: String,
    /// Whether it is being worked on.
    is_active: bool,
    /// When it was created.
    create_time: Timestamp,
    /// When anyone last changed it; for an agent, when something that they see of it last changed.
    update_time: Timestamp,
    /// Its title, at most 1 KiB and not blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    /// The usecase that owns it: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase_name: Option<String>,
    /// Its newest sessions, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    coaching_sessions: Option<Vec<CoachingSessionMessage<'a>>>,
    /// Opaque version, to send in `If-Match`. An agent's changes only with what they see of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    etag: Option<String>,
}

/// A criterion that a plan works on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FocusCriterion)]
struct FocusCriterionMessage<'a> {
    /// The template, without a revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    scorecard_template_name: String,
    /// The criterion or chapter within it, at most 1 KiB.
    criterion_or_chapter_id: &'a str,
}

impl CoachingPlanMessage<'_> {
    /// The resource names of the users whom it, and its sessions, name.
    pub fn user_names(&self) -> impl Iterator<Item = &str> {
        let of_sessions = self.coaching_sessions.iter().flatten().flat_map(CoachingSessionMessage::user_names);
        [self.agent_user_name.as_str(), &self.creator_user_name].into_iter().chain(of_sessions)
    }

    /// The same without the comment.
    #[must_use]
    pub fn without_comment(self) -> Self {
        Self { comment: None, ..self }
    }
}

/// A plan as one caller sees it. Every answer about a plan is made from this.
#[derive(Debug, Clone)]
pub struct SeenPlan(CoachingPlan);

impl SeenPlan {
    /// The plan as answered, with `coaching_sessions` embedded.
    pub fn message<'a>(
        &'a self,
        tenant: &Tenant,
        coaching_sessions: Vec<CoachingSessionMessage<'a>>,
    ) -> CoachingPlanMessage<'a> {
        CoachingPlanMessage {
            coaching_sessions: Some(coaching_sessions),
            etag: Some(self.etag()),
            ..self.0.stored(tenant)
        }
    }

    /// Its etag for this caller.
    pub fn etag(&self) -> String {
        self.0.etag()
    }
}

/// FAILED_PRECONDITION for a `coachingPlanName` that names a plan that does not exist.
pub fn plan_not_found() -> Error {
    Error::new(Reason::CoachingPlanNotFound, "coachingPlanName: the plan does not exist")
}

impl CoachingPlan {
    /// Its etag (AIP-154), for callers who may change it.
    pub fn etag(&self) -> String {
        etag_of(self.version, self.update_time)
    }

    /// Whether its agent sees the comment: only once it is submitted.
    pub fn shows_comment_to_agent(&self) -> bool {
        self.manager_comment_submit_time.is_some()
    }

    /// The plan as its agent sees it. It reveals neither what is hidden nor that anything is.
    #[must_use]
    pub fn seen_by_agent(self) -> Self {
        let shows_comment = self.shows_comment_to_agent();
        Self {
            version: self.shown.version,
            update_time: self.shown.update_time,
            recorded_at: None,
            comment: self.comment.filter(|_| shows_comment),
            ..self
        }
    }

    /// The plan as `caller` sees it, for answers.
    pub fn seen_by(self, caller: &Caller) -> SeenPlan {
        match caller.role() {
            Role::Agent => SeenPlan(self.seen_by_agent()),
            Role::Manager | Role::Service | Role::Admin => SeenPlan(self),
        }
    }

    /// The time of the latest entry of its history, as far as is known; no later change is recorded before it.
    pub fn last_change(&self) -> Timestamp {
        self.recorded_at.map_or(self.update_time, |recorded| recorded.max(self.update_time))
    }

    /// Makes this the version after `before`. The version that its agent sees changes only if they see the change.
    pub fn follow(&mut self, before: &Self) {
        self.version = before.version.next();
        self.recorded_at = None;
        if before.clone().seen_by_agent() != self.clone().seen_by_agent() {
            self.shown = Shown { version: before.shown.version.next(), update_time: self.update_time };
        }
    }

    /// All stored fields, as its history records them.
    pub fn document(&self, tenant: &Tenant) -> Option<Document> {
        let hidden: &[&str] = if self.shows_comment_to_agent() { &[] } else { &["comment"] };
        Document::of(&self.stored(tenant), &self.agent, Hidden::Fields(hidden))
    }

    fn stored(&self, tenant: &Tenant) -> CoachingPlanMessage<'_> {
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
            coaching_sessions: None,
            etag: None,
        }
    }
}
