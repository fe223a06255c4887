//! Coaching sessions: a manager meets an agent under a plan.

use serde::Serialize;

use crate::Tenant;
use crate::fields::{Fields, MAX_TEXT_BYTES};
use crate::identity::Caller;
use crate::names::{CoachingPlanId, CoachingSessionId, UsecaseId, UserId};
use crate::timestamp::{Timestamp, refuse_future};

/// A coaching session as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CoachingSession {
    /// Its id.
    pub id: CoachingSessionId,
    /// When it was created.
    pub create_time: Timestamp,
    /// When anyone last changed it.
    pub update_time: Timestamp,
    /// When a manager last changed it.
    pub manager_update_time: Timestamp,
    /// When an agent's action last changed it.
    pub agent_update_time: Timestamp,
    /// When the agent acknowledged it.
    pub acknowledge_time: Option<Timestamp>,
    /// What the agent wrote about it, at most 64 KiB.
    pub agent_comment: Option<String>,
    /// Who is coached.
    pub agent: UserId,
    /// Who created it.
    pub creator: UserId,
    /// The plan that it belongs to.
    pub plan: CoachingPlanId,
    /// When the two meet.
    pub session_time: Option<Timestamp>,
    /// Notes of the meeting, at most 64 KiB.
    pub meeting_notes: Option<String>,
    /// When the manager submitted it.
    pub manager_submit_time: Option<Timestamp>,
    /// When the agent submitted it.
    pub agent_submit_time: Option<Timestamp>,
    /// The usecase that it belongs to.
    pub usecase: Option<UsecaseId>,
    /// Who last wrote its notes.
    pub manager_submitter: Option<UserId>,
}

/// What a client sends to create a session. Its serialised form is what a repeated request is
/// compared by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewCoachingSession {
    /// The id chosen by the client.
    pub id: Option<CoachingSessionId>,
    agent: UserId,
    creator: UserId,
    /// The plan that the session is to belong to.
    pub plan: CoachingPlanId,
    /// The usecase named by the client; absent: the plan's.
    pub usecase: Option<UsecaseId>,
    session_time: Option<Timestamp>,
    meeting_notes: Option<String>,
    manager_submit_time: Option<Timestamp>,
    manager_submitter: Option<UserId>,
    imported: ImportedFields,
}

/// What only an importing caller may set; from everyone else it is dropped.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct ImportedFields {
    create_time: Option<Timestamp>,
    update_time: Option<Timestamp>,
    manager_update_time: Option<Timestamp>,
    agent_update_time: Option<Timestamp>,
    acknowledge_time: Option<Timestamp>,
    agent_comment: Option<String>,
    agent_submit_time: Option<Timestamp>,
}

impl NewCoachingSession {
    /// Reads the body of a create request, noting every bad field.
    ///
    /// A caller who imports history keeps the times they send: none more than a minute after `now`,
    /// and `updateTime` not before `createTime`.
    pub fn read(fields: &mut Fields<'_>, tenant: &Tenant, caller: &Caller, now: Timestamp) -> Option<Self> {
        let id = fields.id("name", tenant);
        let imported = ImportedFields {
            create_time: fields.timestamp("createTime"),
            update_time: fields.timestamp("updateTime"),
            manager_update_time: fields.timestamp("managerUpdateTime"),
            agent_update_time: fields.timestamp("agentUpdateTime"),
            acknowledge_time: fields.timestamp("acknowledgeTime"),
            agent_comment: fields.string("agentComment", MAX_TEXT_BYTES),
            agent_submit_time: fields.timestamp("agentSubmitTime"),
        };
        let imported = if caller.role().imports_history() { imported } else { ImportedFields::default() };
        let agent = fields.required("agentUserName", |fields, field| fields.id(field, tenant));
        let creator = fields.required("creatorUserName", |fields, field| fields.id(field, tenant));
        let plan = fields.required("coachingPlanName", |fields, field| fields.id(field, tenant));
        let session_time = fields.timestamp("sessionTime");
        let meeting_notes = fields.string("meetingNotes", MAX_TEXT_BYTES);
        let manager_submit_time = fields.timestamp("managerSubmitTime");
        let usecase = fields.id("usecaseName", tenant);
        let manager_submitter = fields.id("managerSubmitterUserName", tenant);

        refuse_future(fields, now, "createTime", imported.create_time);
        refuse_future(fields, now, "updateTime", imported.update_time);
        refuse_future(fields, now, "managerUpdateTime", imported.manager_update_time);
        refuse_future(fields, now, "agentUpdateTime", imported.agent_update_time);
        refuse_future(fields, now, "acknowledgeTime", imported.acknowledge_time);
        refuse_future(fields, now, "managerSubmitTime", manager_submit_time);
        refuse_future(fields, now, "agentSubmitTime", imported.agent_submit_time);
        if imported.update_time.is_some_and(|update| update < imported.create_time.unwrap_or(now)) {
            fields.refuse("updateTime", "must not be before createTime");
        }

        Some(Self {
            id,
            agent: agent?,
            creator: creator?,
            plan: plan?,
            usecase,
            session_time,
            meeting_notes,
            manager_submit_time,
            manager_submitter,
            imported,
        })
    }

    /// The session that this makes at `now` under `id`, in `usecase`.
    ///
    /// The four times that the reference marks as required are always set: to what an importing
    /// caller sent, otherwise to `now` (or, where only some were sent, to the creation).
    pub fn into_session(
        self,
        id: CoachingSessionId,
        usecase: Option<UsecaseId>,
        caller: &Caller,
        now: Timestamp,
    ) -> CoachingSession {
        let imported = self.imported;
        let create_time = imported.create_time.unwrap_or(now);
        let manager_update_time = imported.manager_update_time.unwrap_or(create_time);
        let agent_update_time = imported.agent_update_time.unwrap_or(create_time);
        let last_change = create_time.max(manager_update_time).max(agent_update_time);
        let written_by_caller =
            !caller.role().imports_history() && (self.meeting_notes.is_some() || self.manager_submit_time.is_some());
        CoachingSession {
            id,
            create_time,
            update_time: imported.update_time.unwrap_or(last_change),
            manager_update_time,
            agent_update_time,
            acknowledge_time: imported.acknowledge_time,
            agent_comment: imported.agent_comment,
            agent: self.agent,
            creator: self.creator,
            plan: self.plan,
            session_time: self.session_time,
            meeting_notes: self.meeting_notes,
            manager_submit_time: self.manager_submit_time,
            agent_submit_time: imported.agent_submit_time,
            usecase,
            manager_submitter: self.manager_submitter.or_else(|| written_by_caller.then(|| caller.user().clone())),
        }
    }
}

/// A coaching session on the wire, with the keys of the reference.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoachingSessionMessage<'a> {
    name: String,
    create_time: Timestamp,
    update_time: Timestamp,
    manager_update_time: Timestamp,
    agent_update_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_comment: Option<&'a str>,
    agent_user_name: String,
    creator_user_name: String,
    coaching_plan_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meeting_notes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager_submit_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_submit_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager_submitter_user_name: Option<String>,
}

impl CoachingSession {
    /// The session as `tenant`'s clients read it.
    pub fn message(&self, tenant: &Tenant) -> CoachingSessionMessage<'_> {
        CoachingSessionMessage {
            name: tenant.name_of(&self.id),
            create_time: self.create_time,
            update_time: self.update_time,
            manager_update_time: self.manager_update_time,
            agent_update_time: self.agent_update_time,
            acknowledge_time: self.acknowledge_time,
            agent_comment: self.agent_comment.as_deref(),
            agent_user_name: tenant.name_of(&self.agent),
            creator_user_name: tenant.name_of(&self.creator),
            coaching_plan_name: tenant.name_of(&self.plan),
            session_time: self.session_time,
            meeting_notes: self.meeting_notes.as_deref(),
            manager_submit_time: self.manager_submit_time,
            agent_submit_time: self.agent_submit_time,
            usecase_name: self.usecase.as_ref().map(|usecase| tenant.name_of(usecase)),
            manager_submitter_user_name: self.manager_submitter.as_ref().map(|user| tenant.name_of(user)),
        }
    }
}
