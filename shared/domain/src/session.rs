//! Coaching sessions: a manager meets an agent under a plan.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::{Document, Hidden, Shown};
use crate::etag::etag_of;
use crate::identity::{Caller, Role};
use crate::message;
use crate::message::Place;
use crate::names::{CoachingPlanId, CoachingSessionId, UsecaseId, UserId};
use crate::references::References;
use crate::rules::{AnyOf, AskedAgent, Distinct, Dropped, Enumeration, Fixed, Imported, Past, Patch, Text};
use crate::timestamp::{Timestamp, creation, is_before, told_or_now};
use crate::values::MAX_TEXT_BYTES;
use crate::{Error, Reason, Tenant, Version, Violations};

/// The time that an agent has to acknowledge a submitted session.
const ACKNOWLEDGED_WITHIN: TimeDelta = TimeDelta::days(7);

/// The most usecases that a list of sessions, or an export of them, is limited to.
const MAX_ASKED_USECASES: usize = 20;

/// A coaching session as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CoachingSession {
    /// Its id.
    pub id: CoachingSessionId,
    /// The number of times it was written, from 1 on; each write is conditional on it.
    pub version: Version,
    /// When it was created.
    pub create_time: Timestamp,
    /// When anyone last changed it.
    pub update_time: Timestamp,
    /// When its creation was recorded, if that is after `update_time`, as with imported times; `None` once it is
    /// changed.
    pub recorded_at: Option<Timestamp>,
    /// When a manager last changed it.
    pub manager_update_time: Timestamp,
    /// When an agent's action last changed it.
    pub agent_update_time: Timestamp,
    /// When the agent acknowledged it.
    pub acknowledge_time: Option<Timestamp>,
    /// The agent's comment, at most 64 KiB.
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
    /// Notes for managers only, at most 64 KiB. An agent never sees them.
    pub private_notes: Option<String>,
    /// When the manager submitted it.
    pub manager_submit_time: Option<Timestamp>,
    /// When the agent submitted it.
    pub agent_submit_time: Option<Timestamp>,
    /// The usecase that it belongs to.
    pub usecase: Option<UsecaseId>,
    /// Who last wrote its notes, moved it or submitted it.
    pub manager_submitter: Option<UserId>,
    /// The version and update time that its agent sees.
    pub shown: Shown,
    /// When a manager last changed something that its agent sees.
    pub shown_manager_update_time: Timestamp,
}

message! {
    /// A request to create a session. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewCoachingSession, checked as SentSession {
        /// The id chosen by the client.
        pub id: Option<CoachingSessionId> = "name",
        create_time: Imported<Option<Timestamp>> = "createTime",
        update_time: Imported<Option<Timestamp>> = "updateTime",
        manager_update_time: Imported<Option<Timestamp>> = "managerUpdateTime",
        agent_update_time: Imported<Option<Timestamp>> = "agentUpdateTime",
        acknowledge_time: Imported<Option<Timestamp>> = "acknowledgeTime",
        agent_comment: Imported<Option<Text<MAX_TEXT_BYTES>>> = "agentComment",
        agent_submit_time: Imported<Option<Timestamp>> = "agentSubmitTime",
        manager_submitter: Imported<Option<UserId>> = "managerSubmitterUserName",
        agent: UserId = "agentUserName",
        creator: UserId = "creatorUserName",
        /// The plan that the session is to belong to.
        pub plan: CoachingPlanId = "coachingPlanName",
        session_time: Option<Timestamp> = "sessionTime",
        meeting_notes: Option<Text<MAX_TEXT_BYTES>> = "meetingNotes",
        private_notes: Option<Text<MAX_TEXT_BYTES>> = "privateNotes",
        manager_submit_time: Option<Timestamp> = "managerSubmitTime",
        /// The usecase named by the client; absent: the plan's.
        pub usecase: Option<UsecaseId> = "usecaseName",
    }
}

impl SentSession {
    /// No time of a caller who imports history may be before `createTime` or the step that it follows. Without a
    /// `createTime` the session was created at the earliest of them.
    fn check(&mut self, place: &mut Place<'_>) {
        let changes = [
            ("updateTime", self.update_time),
            ("managerUpdateTime", self.manager_update_time),
            ("agentUpdateTime", self.agent_update_time),
        ];
        let acknowledged = ("acknowledgeTime", self.acknowledge_time);
        let submitted = ("managerSubmitTime", self.manager_submit_time);
        let of_agent = [acknowledged, ("agentSubmitTime", self.agent_submit_time)];
        place.refuse_future("createTime", self.create_time);
        for (field, time) in changes.into_iter().chain([acknowledged, submitted, of_agent[1]]) {
            place.refuse_future(field, time);
        }
        if !place.caller().role().imports_history() {
            return;
        }
        let changes: Vec<_> = changes.into_iter().chain([submitted]).collect();
        let others: Vec<_> = changes.iter().chain(&of_agent).map(|(_, time)| *time).collect();
        self.create_time = creation(self.create_time, &others);
        let created = ("createTime", self.create_time);
        for change in changes {
            place.refuse_before(change, created);
        }
        for change in of_agent {
            place.refuse_before(change, if self.manager_submit_time.is_some() { submitted } else { created });
        }
    }
}

impl NewCoachingSession {
    /// The resources that `caller` names and that must exist, except the plan and usecase, which the transaction checks.
    pub fn references(&self, caller: &Caller) -> References {
        References::default()
            .coached("agentUserName", &self.agent, caller.role().imports_history())
            .users("creatorUserName", [&self.creator])
            .users("managerSubmitterUserName", &self.manager_submitter)
    }

    /// Checks that a manager submits it with its notes. Importing callers take steps in any order.
    ///
    /// # Errors
    /// FAILED_PRECONDITION, saying what is missing.
    pub fn check_order(&self, caller: &Caller) -> Result<(), Error> {
        if self.manager_submit_time.is_some() && self.meeting_notes.is_none() && !caller.role().imports_history() {
            return Err(notes_missing());
        }
        Ok(())
    }

    /// The session that this request creates at `now` under `id`, in `usecase`.
    ///
    /// The four times that the reference marks as required are always set: to what an importing caller sent, otherwise
    /// to `now` (or, if only some were sent, to the creation). A manager who creates a submitted session submits it
    /// now, whatever time they send.
    pub fn into_session(
        self,
        id: CoachingSessionId,
        usecase: Option<UsecaseId>,
        caller: &Caller,
        now: Timestamp,
    ) -> CoachingSession {
        let imports = caller.role().imports_history();
        let create_time = self.create_time.unwrap_or(now);
        let manager_update_time = self.manager_update_time.unwrap_or(create_time);
        let agent_update_time = self.agent_update_time.unwrap_or(create_time);
        let last_change = create_time.max(manager_update_time).max(agent_update_time);
        let written_by_caller = !imports && (self.meeting_notes.is_some() || self.manager_submit_time.is_some());
        let update_time = self.update_time.unwrap_or(last_change);
        let submitted = |time: Timestamp| if imports { time } else { create_time };
        CoachingSession {
            id,
            version: Version::first(now),
            create_time,
            update_time,
            recorded_at: Some(now).filter(|now| *now > update_time),
            manager_update_time,
            agent_update_time,
            acknowledge_time: self.acknowledge_time,
            agent_comment: self.agent_comment,
            agent: self.agent,
            creator: self.creator,
            plan: self.plan,
            session_time: self.session_time,
            meeting_notes: self.meeting_notes,
            private_notes: self.private_notes,
            manager_submit_time: self.manager_submit_time.map(submitted),
            agent_submit_time: self.agent_submit_time,
            usecase,
            manager_submitter: self.manager_submitter.or_else(|| written_by_caller.then(|| caller.user().clone())),
            shown: Shown { version: Version::first(now), update_time },
            shown_manager_update_time: manager_update_time,
        }
    }
}

/// The state of a session. It follows from its times and notes, and is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = CoachingSessionState)]
pub enum State {
    /// It has not been held.
    Scheduled,
    /// Its time has come, or it has notes.
    Held,
    /// Its manager has submitted it.
    Submitted,
    /// Its agent has acknowledged it.
    Acknowledged,
}

impl Enumeration for State {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("SCHEDULED", Self::Scheduled),
        ("HELD", Self::Held),
        ("SUBMITTED", Self::Submitted),
        ("ACKNOWLEDGED", Self::Acknowledged),
    ];
}

message! {
    /// Which sessions a list has, or an export: those that match every field that is set.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct AskedSessions, checked as SentAskedSessions {
        /// Of this agent.
        pub agent: Option<AskedAgent> = "agentUserName",
        /// Of this plan.
        pub plan: Option<CoachingPlanId> = "coachingPlanName",
        /// Of any of these usecases; empty: of any usecase or none.
        pub usecases: Distinct<UsecaseId, MAX_ASKED_USECASES> = "usecaseNames",
        /// In any of these states; empty: in any.
        pub states: AnyOf<State> = "states",
        /// Overdue, or not.
        pub overdue: Option<bool> = "overdue",
        /// Of this `sessionTime` or later.
        pub start_session_time: Option<Timestamp> = "startSessionTime",
        /// Of a `sessionTime` before this one.
        pub end_session_time: Option<Timestamp> = "endSessionTime",
        /// Changed at this time or later.
        pub start_update_time: Option<Timestamp> = "startUpdateTime",
        /// Changed before this time.
        pub end_update_time: Option<Timestamp> = "endUpdateTime",
    }
}

impl SentAskedSessions {
    fn check(&mut self, place: &mut Place<'_>) {
        place.refuse_empty_range(
            ("startSessionTime", self.start_session_time),
            ("endSessionTime", self.end_session_time),
        );
        place.refuse_empty_range(("startUpdateTime", self.start_update_time), ("endUpdateTime", self.end_update_time));
    }
}

impl AskedSessions {
    /// The resources that it names and that must exist, for `caller`. An agent is shown their own sessions whatever plan
    /// they name, and is not told which plans there are. To a caller who is confined to some profiles, whom the customer
    /// employs elsewhere is not told.
    pub fn references(&self, caller: &Caller) -> References {
        let references = References::default().usecases("usecaseNames", &self.usecases);
        if caller.role() == Role::Agent {
            return references;
        }
        let references = references.plans("coachingPlanName", &self.plan);
        match caller.enters_every_profile() {
            true => references.users("agentUserName", &self.agent),
            false => references,
        }
    }
}

/// The steps of a session: all that its state follows from, and the time at which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The time at which it counts: its session time, else that of its creation.
    pub counted: Timestamp,
    /// Whether that is its session time.
    pub has_session_time: bool,
    /// Whether it has notes of the meeting.
    pub has_notes: bool,
    /// When its manager submitted it.
    pub submitted: Option<Timestamp>,
    /// When its agent acknowledged it.
    pub acknowledged: Option<Timestamp>,
}

impl Steps {
    fn session_time(&self) -> Option<Timestamp> {
        self.has_session_time.then_some(self.counted)
    }

    /// Whether its agent sees the notes of the meeting: only once they are no draft.
    fn shows_notes_to_agent(&self) -> bool {
        self.submitted.is_some() || self.acknowledged.is_some()
    }

    /// The steps as the session's agent sees them.
    #[must_use]
    pub fn seen_by_agent(self) -> Self {
        Self { has_notes: self.has_notes && self.shows_notes_to_agent(), ..self }
    }

    /// When it was held, if it has notes or is submitted: the time at which it counts. A time in the future counts once
    /// it has come.
    pub fn held_at(&self) -> Option<Timestamp> {
        (self.has_notes || self.submitted.is_some()).then_some(self.counted)
    }

    /// The session's state at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        if self.acknowledged.is_some() {
            State::Acknowledged
        } else if self.submitted.is_some() {
            State::Submitted
        } else if self.has_notes || self.session_time().is_some_and(|time| time <= now) {
            State::Held
        } else {
            State::Scheduled
        }
    }

    /// Whether a step is overdue at `now`: its time has come and it has no notes, or it was submitted a week ago and is
    /// not acknowledged. A session whose time is still to come is never overdue: an agent does not acknowledge a
    /// meeting before it.
    pub fn overdue(&self, now: Timestamp) -> bool {
        match (self.state(now), self.submitted) {
            (State::Held, _) => !self.has_notes,
            (State::Submitted, Some(submitted)) => {
                let met = self.session_time().unwrap_or(submitted);
                submitted.max(met).plus(ACKNOWLEDGED_WITHIN) <= now
            }
            _ => false,
        }
    }
}

impl CoachingSession {
    /// Its steps.
    pub fn steps(&self) -> Steps {
        Steps {
            counted: self.session_time.unwrap_or(self.create_time),
            has_session_time: self.session_time.is_some(),
            has_notes: self.meeting_notes.is_some(),
            submitted: self.manager_submit_time,
            acknowledged: self.acknowledge_time,
        }
    }

    /// Its state at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        self.steps().state(now)
    }

    /// Whether a step is overdue at `now` ([`Steps::overdue`]).
    pub fn overdue(&self, now: Timestamp) -> bool {
        self.steps().overdue(now)
    }

    /// When it was held ([`Steps::held_at`]).
    pub fn held_at(&self) -> Option<Timestamp> {
        self.steps().held_at()
    }

    /// Who coaches: who last wrote its notes, moved it or submitted it, else who created it.
    pub fn coach(&self) -> &UserId {
        self.manager_submitter.as_ref().unwrap_or(&self.creator)
    }

    /// Its etag (AIP-154) for `caller`; an agent's changes only with what they see.
    pub fn etag(&self, caller: &Caller) -> String {
        match caller.role() {
            Role::Agent => etag_of(self.shown.version, self.shown.update_time),
            _ => etag_of(self.version, self.update_time),
        }
    }

    /// Whether its agent sees the notes of the meeting, and who wrote them: only once they are no draft.
    pub fn shows_notes_to_agent(&self) -> bool {
        self.steps().shows_notes_to_agent()
    }

    /// The session as its agent sees it. It reveals neither what is hidden nor that anything is.
    #[must_use]
    pub fn seen_by_agent(self) -> Self {
        let shows_notes = self.shows_notes_to_agent();
        Self {
            version: self.shown.version,
            update_time: self.shown.update_time,
            recorded_at: None,
            manager_update_time: self.shown_manager_update_time,
            meeting_notes: self.meeting_notes.filter(|_| shows_notes),
            manager_submitter: self.manager_submitter.filter(|_| shows_notes),
            private_notes: None,
            ..self
        }
    }

    /// The session as `caller` sees it, for answers.
    pub fn seen_by(self, caller: &Caller) -> SeenSession {
        self.seen(caller.role() == Role::Agent)
    }

    /// The session as its agent sees it, or as others do.
    pub fn seen(self, by_agent: bool) -> SeenSession {
        SeenSession(if by_agent { self.seen_by_agent() } else { self })
    }

    /// Makes this the version after `before`. The version that its agent sees changes only if they see the change.
    pub fn follow(&mut self, before: &Self) {
        self.version = before.version.next();
        self.recorded_at = None;
        let (was, is) = (before.clone().seen_by_agent(), self.clone().seen_by_agent());
        if was == is {
            return;
        }
        self.shown = Shown { version: before.shown.version.next(), update_time: self.update_time };
        let same_of_manager = was.session_time == is.session_time
            && was.meeting_notes == is.meeting_notes
            && was.manager_submit_time == is.manager_submit_time
            && was.manager_submitter == is.manager_submitter;
        if !same_of_manager {
            self.shown_manager_update_time = self.manager_update_time;
        }
    }

    /// Checks that `caller` may delete it: a manager may not delete a session that its agent has acknowledged.
    ///
    /// # Errors
    /// FAILED_PRECONDITION.
    pub fn check_deletion(&self, caller: &Caller) -> Result<(), Error> {
        if self.acknowledge_time.is_none() || caller.role().imports_history() {
            return Ok(());
        }
        Err(acknowledged("the agent has acknowledged the session; only a service or an admin deletes it"))
    }

    /// The time of the latest entry of its history, as far as is known; no later change is recorded before it.
    pub fn last_change(&self) -> Timestamp {
        self.recorded_at.map_or(self.update_time, |recorded| recorded.max(self.update_time))
    }

    /// Records a change at `now`.
    fn touch(&mut self, now: Timestamp) {
        self.update_time = self.update_time.max(now);
    }
}

message! {
    /// An update of a session. An outer `None` leaves a field, an inner one clears it.
    #[derive(Debug, Clone)]
    pub struct SessionUpdate {
        manager_update_time: Imported<Patch<Option<Past>>> = "managerUpdateTime",
        agent_update_time: Imported<Patch<Option<Past>>> = "agentUpdateTime",
        manager_submitter: Imported<Patch<Option<UserId>>> = "managerSubmitterUserName",
        acknowledge_time: Imported<Patch<Option<Past>>> = "acknowledgeTime",
        agent_comment: Imported<Patch<Option<Text<MAX_TEXT_BYTES>>>> = "agentComment",
        agent_submit_time: Imported<Patch<Option<Past>>> = "agentSubmitTime",
        session_time: Patch<Option<Timestamp>> = "sessionTime",
        meeting_notes: Patch<Option<Text<MAX_TEXT_BYTES>>> = "meetingNotes",
        private_notes: Patch<Option<Text<MAX_TEXT_BYTES>>> = "privateNotes",
        manager_submit_time: Patch<Option<Past>> = "managerSubmitTime",
        agent: Fixed<UserId> = "agentUserName",
        creator: Fixed<UserId> = "creatorUserName",
        plan: Fixed<CoachingPlanId> = "coachingPlanName",
        usecase: Fixed<UsecaseId> = "usecaseName",
        name: Fixed<CoachingSessionId> = "name",
        _create_time: Dropped = "createTime",
        _update_time: Dropped = "updateTime",
        _state: Dropped = "state",
        _overdue: Dropped = "overdue",
    }
}

impl SessionUpdate {
    /// The resources that it names and that must exist.
    pub fn references(&self) -> References {
        let submitter = self.manager_submitter.iter().flatten();
        References::default().users("coachingSession.managerSubmitterUserName", submitter)
    }

    /// Applies the update at `now`; returns whether anything changed.
    ///
    /// An agent acknowledges what they read: other notes or another time withdraw the acknowledgement, unless the
    /// update brings one.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an immutable field that differs, and for a time that an importing caller sets before
    /// the step that it follows; FAILED_PRECONDITION for a step out of order, saying what is missing. Importing
    /// callers take steps in any order.
    pub fn apply(&self, session: &mut CoachingSession, caller: &Caller, now: Timestamp) -> Result<bool, Error> {
        let mut violations = Violations::default();
        let mut fixed = |field: &str, differs: bool| {
            if differs {
                violations.add(format!("coachingSession.{field}"), "cannot change");
            }
        };
        fixed("name", self.name.as_ref().is_some_and(|name| name.as_ref() != Some(&session.id)));
        fixed("agentUserName", self.agent.as_ref().is_some_and(|agent| agent.as_ref() != Some(&session.agent)));
        fixed("creatorUserName", self.creator.as_ref().is_some_and(|user| user.as_ref() != Some(&session.creator)));
        fixed("coachingPlanName", self.plan.as_ref().is_some_and(|plan| plan.as_ref() != Some(&session.plan)));
        fixed("usecaseName", self.usecase.as_ref().is_some_and(|usecase| *usecase != session.usecase));
        violations.into_result()?;

        let before = session.clone();
        set(&mut session.session_time, &self.session_time);
        set(&mut session.meeting_notes, &self.meeting_notes);
        set(&mut session.private_notes, &self.private_notes);
        set(&mut session.manager_submit_time, &self.manager_submit_time);
        if !caller.role().imports_history() {
            check_order(&before, session)?;
            if session.manager_submit_time != before.manager_submit_time {
                let told = session.manager_submit_time;
                session.manager_submit_time = told.map(|time| told_or_now(time, session.create_time, now));
            }
        }
        let by_manager = *session != before;
        let written = session.session_time != before.session_time
            || session.meeting_notes != before.meeting_notes
            || session.manager_submit_time != before.manager_submit_time;
        set(&mut session.acknowledge_time, &self.acknowledge_time);
        set(&mut session.agent_comment, &self.agent_comment);
        set(&mut session.agent_submit_time, &self.agent_submit_time);
        let by_agent = session.acknowledge_time != before.acknowledge_time
            || session.agent_comment != before.agent_comment
            || session.agent_submit_time != before.agent_submit_time;
        let is_another = session.session_time != before.session_time || session.meeting_notes != before.meeting_notes;
        if is_another && self.acknowledge_time.is_none() {
            session.acknowledge_time = None;
        }
        if caller.role().imports_history() {
            self.check_times(session)?;
        }
        set(&mut session.manager_submitter, &self.manager_submitter);
        if by_manager {
            session.manager_update_time = session.manager_update_time.max(now);
            if caller.role() == Role::Manager && written {
                session.manager_submitter = Some(caller.user().clone());
            }
        }
        if by_agent {
            session.agent_update_time = session.agent_update_time.max(now);
        }
        if let Some(time) = self.manager_update_time.flatten() {
            session.manager_update_time = time;
        }
        if let Some(time) = self.agent_update_time.flatten() {
            session.agent_update_time = time;
        }
        let changed = *session != before;
        if changed {
            session.touch(now);
        }
        Ok(changed)
    }
}

impl SessionUpdate {
    /// Checks that the times that an importing caller sets are in the order of the steps.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming each time that is before the step that it follows.
    fn check_times(&self, session: &CoachingSession) -> Result<(), Error> {
        let created = Some(session.create_time);
        let submitted = session.manager_submit_time;
        let (acknowledged, by_agent) = (session.acknowledge_time, session.agent_submit_time);
        let of_agent = if submitted.is_some() { ("managerSubmitTime", submitted) } else { ("createTime", created) };
        let mut violations = Violations::default();
        for (field, time, (first, earlier)) in [
            ("managerUpdateTime", self.manager_update_time.flatten(), ("createTime", created)),
            ("agentUpdateTime", self.agent_update_time.flatten(), ("createTime", created)),
            ("managerSubmitTime", self.manager_submit_time.flatten(), ("createTime", created)),
            ("acknowledgeTime", self.acknowledge_time.flatten(), of_agent),
            ("agentSubmitTime", self.agent_submit_time.flatten(), of_agent),
        ] {
            if is_before(time, earlier) {
                violations.add(format!("coachingSession.{field}"), format!("must not be before {first}"));
            }
        }
        for (later, time, sent) in [
            ("acknowledgeTime", acknowledged, self.acknowledge_time.flatten()),
            ("agentSubmitTime", by_agent, self.agent_submit_time.flatten()),
        ] {
            if sent.is_none() && is_before(time, self.manager_submit_time.flatten()) {
                violations.add("coachingSession.managerSubmitTime", format!("must not be after {later}"));
            }
        }
        violations.into_result()
    }
}

fn set<T: Clone>(field: &mut Option<T>, update: &Option<Option<T>>) {
    if let Some(value) = update {
        field.clone_from(value);
    }
}

fn notes_missing() -> Error {
    let message = "meetingNotes is missing: a session is submitted with its notes";
    Error::new(Reason::MeetingNotesMissing, message)
}

fn acknowledged(message: &str) -> Error {
    Error::new(Reason::SessionAcknowledged, message)
}

/// Checks that a manager's change does not submit a session without notes, move a submitted one, or change or clear the
/// submission of an acknowledged one.
fn check_order(before: &CoachingSession, after: &CoachingSession) -> Result<(), Error> {
    if after.manager_submit_time.is_some()
        && after.meeting_notes.is_none()
        && (before.manager_submit_time.is_none() || before.meeting_notes.is_some())
    {
        return Err(notes_missing());
    }
    if before.manager_submit_time.is_some()
        && after.manager_submit_time.is_some()
        && after.session_time != before.session_time
    {
        let message = "sessionTime: the session is submitted; clear managerSubmitTime to move it";
        return Err(Error::new(Reason::SessionSubmitted, message));
    }
    if before.acknowledge_time.is_some() && after.manager_submit_time != before.manager_submit_time {
        return Err(acknowledged(
            "managerSubmitTime: the agent has acknowledged the session; it can change once they take that back",
        ));
    }
    Ok(())
}

message! {
    /// An agent's acknowledgement of a session. An outer `None` leaves a field, an inner one clears it.
    #[derive(Debug, Clone)]
    pub struct Acknowledgement, checked as SentAcknowledgement {
        agent_comment: Patch<Option<Text<MAX_TEXT_BYTES>>> = "agentComment",
        acknowledged: Option<bool> = "acknowledged",
        submitted: Option<bool> = "submitted",
    }
}

impl SentAcknowledgement {
    fn check(&mut self, place: &mut Place<'_>) {
        if self.agent_comment.is_none() && self.acknowledged.is_none() && self.submitted.is_none() {
            place.refuse_field("acknowledged", "one of agentComment, acknowledged and submitted is required");
        }
    }
}

impl Acknowledgement {
    /// Applies it at `now`; returns whether anything changed. The first time of each step stays.
    ///
    /// # Errors
    /// FAILED_PRECONDITION for a session that its manager has not submitted.
    pub fn apply(&self, session: &mut CoachingSession, now: Timestamp) -> Result<bool, Error> {
        let before = session.clone();
        if session.manager_submit_time.is_none() && (self.acknowledged == Some(true) || self.submitted == Some(true)) {
            return Err(Error::new(
                Reason::SessionNotSubmitted,
                "managerSubmitTime is missing: the manager has not submitted the session",
            ));
        }
        set(&mut session.agent_comment, &self.agent_comment);
        let step = |time: &mut Option<Timestamp>, taken: Option<bool>| match taken {
            Some(true) => *time = time.or(Some(now)),
            Some(false) => *time = None,
            None => {}
        };
        step(&mut session.acknowledge_time, self.acknowledged);
        step(&mut session.agent_submit_time, self.submitted);
        let changed = *session != before;
        if changed {
            session.agent_update_time = session.agent_update_time.max(now);
            session.touch(now);
        }
        Ok(changed)
    }
}

/// A coaching session: a manager meets an agent under a plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CoachingSession)]
pub struct CoachingSessionMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}`.
    pub name: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// When anyone last changed it; for an agent, when something that they see of it last changed.
    pub update_time: Timestamp,
    /// When a manager last changed it; for an agent, when a manager last changed something that they see of it.
    pub manager_update_time: Timestamp,
    /// When an agent's action last changed it.
    pub agent_update_time: Timestamp,
    /// When the agent acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledge_time: Option<Timestamp>,
    /// The agent's comment, at most 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_comment: Option<&'a str>,
    /// Who is coached: `customers/{customer}/users/{user}`.
    pub agent_user_name: String,
    /// Who created it: `customers/{customer}/users/{user}`.
    pub creator_user_name: String,
    /// The plan that it belongs to: `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`.
    pub coaching_plan_name: String,
    /// When the two meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_time: Option<Timestamp>,
    /// Notes of the meeting, at most 64 KiB. An agent sees them once the session is submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_notes: Option<&'a str>,
    /// Notes for managers only, at most 64 KiB. An agent never sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_notes: Option<&'a str>,
    /// When the manager submitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_submit_time: Option<Timestamp>,
    /// When the agent submitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_submit_time: Option<Timestamp>,
    /// The usecase that it belongs to: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usecase_name: Option<String>,
    /// Who last wrote its notes, moved it or submitted it: `customers/{customer}/users/{user}`. An agent sees it once the session is submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_submitter_user_name: Option<String>,
    /// Its state; for an agent, the state of what they see of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub state: Option<State>,
    /// Whether it is overdue: its time has come and it has no notes, or it was submitted, and its time came, a week ago and it is not acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub overdue: Option<bool>,
    /// Opaque version, to send in `If-Match`. An agent's changes only with what they see of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub etag: Option<String>,
}

impl CoachingSessionMessage<'_> {
    /// The resource names of the users whom it names.
    pub fn user_names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.agent_user_name, &self.creator_user_name].into_iter();
        names.chain(&self.manager_submitter_user_name).map(String::as_str)
    }

    /// The same without what managers write for themselves.
    #[must_use]
    pub fn without_private_notes(self) -> Self {
        Self { private_notes: None, ..self }
    }

    /// The same without the notes and the agent's comment.
    #[must_use]
    pub fn without_notes_and_comment(self) -> Self {
        Self { meeting_notes: None, private_notes: None, agent_comment: None, ..self }
    }
}

/// A session as one caller sees it. Every answer about a session is made from this.
#[derive(Debug, Clone)]
pub struct SeenSession(CoachingSession);

impl SeenSession {
    /// Who is coached.
    pub fn agent(&self) -> &UserId {
        &self.0.agent
    }

    /// The session as answered at `now`.
    pub fn message(&self, tenant: &Tenant, now: Timestamp) -> CoachingSessionMessage<'_> {
        let Self(session) = self;
        CoachingSessionMessage {
            state: Some(session.state(now)),
            overdue: Some(session.overdue(now)),
            etag: Some(self.etag()),
            ..session.stored(tenant)
        }
    }

    /// Its etag for this caller.
    pub fn etag(&self) -> String {
        etag_of(self.0.version, self.0.update_time)
    }
}

impl CoachingSession {
    /// All stored fields, as its history records them.
    pub fn document(&self, tenant: &Tenant) -> Option<Document> {
        let hidden: &[&str] =
            if self.shows_notes_to_agent() { &["privateNotes"] } else { &["privateNotes", "meetingNotes"] };
        Document::of(&self.stored(tenant), &self.agent, Hidden::Fields(hidden))
    }

    fn stored(&self, tenant: &Tenant) -> CoachingSessionMessage<'_> {
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
            private_notes: self.private_notes.as_deref(),
            manager_submit_time: self.manager_submit_time,
            agent_submit_time: self.agent_submit_time,
            usecase_name: self.usecase.as_ref().map(|usecase| tenant.name_of(usecase)),
            manager_submitter_user_name: self.manager_submitter.as_ref().map(|user| tenant.name_of(user)),
            state: None,
            overdue: None,
            etag: None,
        }
    }
}
