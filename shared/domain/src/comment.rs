//! Coaching comments: what managers and agents say to each other about a plan, in threads.

use std::collections::HashSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::change::{Document, Hidden};
use crate::etag::etag_of;
use crate::identity::{Caller, Role};
use crate::json::Json;
use crate::message;
use crate::message::{Field, Place};
use crate::names::{CoachingCommentId, CoachingPlanId, CoachingSessionId, UsecaseId, UserId};
use crate::outline::Kind;
use crate::references::{Named, Owners, References};
use crate::rules::{Distinct, Dropped, Fixed, Imported, Patch, Text, Title};
use crate::timestamp::{Timestamp, creation};
use crate::values::MAX_TEXT_BYTES;
use crate::{Error, Tenant, Version, Violations};

/// The most users that a comment mentions, and sessions that it links.
pub const MAX_MENTIONS: usize = 50;
/// The longest id of a thread, in bytes.
const MAX_THREAD_BYTES: usize = 128;

/// A coaching comment as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CoachingComment {
    /// Its id.
    pub id: CoachingCommentId,
    /// The number of times it was written, from 1 on; each write is conditional on it.
    pub version: Version,
    /// Its thread: the id of the thread's first comment.
    pub thread: String,
    /// Who wrote it.
    pub creator: UserId,
    /// The plan that it is about.
    pub plan: Option<CoachingPlanId>,
    /// The plan's agent, who reads it too.
    pub agent: Option<UserId>,
    /// The usecase that it belongs to.
    pub usecase: Option<UsecaseId>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// When its creation was recorded, if that is after `update_time`, as with imported times; `None` once it is
    /// changed.
    pub recorded_at: Option<Timestamp>,
    /// What it says, at most 64 KiB.
    pub message: String,
    /// Users whom it mentions.
    pub tagged_users: Vec<UserId>,
    /// Sessions whose notes it is about.
    pub linked_sessions: Vec<CoachingSessionId>,
}

message! {
    /// A request to create a comment. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewCoachingComment, checked as SentComment {
        /// The id chosen by the client.
        pub id: ChosenName = "name",
        thread: Option<Title<MAX_THREAD_BYTES>> = "thread",
        /// The author, as named by the client.
        pub creator: UserId = "creatorUserName",
        /// The plan that it is about.
        pub plan: Option<CoachingPlanId> = "coachingPlanName",
        /// The usecase named by the client; absent: the plan's.
        pub usecase: Option<UsecaseId> = "usecaseName",
        message: Text<MAX_TEXT_BYTES> = "message",
        tagged_users: Distinct<UserId, MAX_MENTIONS> = "taggedUsers",
        linked_sessions: Distinct<CoachingSessionId, MAX_MENTIONS> = "linkedSessionNotes",
        create_time: Imported<Option<Timestamp>> = "createTime",
        update_time: Imported<Option<Timestamp>> = "updateTime",
    }
}

/// The name of a comment, as chosen by the client. An agent's is refused: a name that is taken would reveal a comment that
/// the agent may not read. It is not dropped, because a client that sends a name relies on a repeat being refused.
#[derive(Debug)]
pub struct ChosenName;

impl Field for ChosenName {
    type Value = Option<CoachingCommentId>;
    type Read = Option<CoachingCommentId>;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Option<CoachingCommentId> {
        let id = Option::<CoachingCommentId>::read(json, place);
        if place.caller().role() == Role::Agent && id.is_some() {
            return place.refuse("must be absent: the service names what an agent writes");
        }
        id
    }

    fn kind() -> Kind {
        Option::<CoachingCommentId>::kind()
    }
}

impl SentComment {
    fn check(&mut self, place: &mut Place<'_>) {
        let caller = place.caller();
        place.refuse_future("createTime", self.create_time);
        place.refuse_future("updateTime", self.update_time);
        self.create_time = creation(self.create_time, &[self.update_time]);
        place.refuse_before(("updateTime", self.update_time), ("createTime", self.create_time));
        let is_anothers = self.creator.as_ref().is_some_and(|creator| creator != caller.user());
        if !caller.role().imports_history() && is_anothers {
            place.refuse_field("creatorUserName", "must be yourself: nobody writes in another's name");
        }
        if caller.role() == Role::Agent && self.plan.is_none() {
            place.refuse_field("coachingPlanName", "is required of an agent");
        }
    }
}

impl NewCoachingComment {
    /// The resources that it names and that must exist. A creator who is the caller needs no check.
    pub fn references(&self, caller: &Caller) -> References {
        let creator = Some(&self.creator).filter(|creator| *creator != caller.user());
        References::default()
            .usecases("usecaseName", &self.usecase)
            .users("creatorUserName", creator)
            .users("taggedUsers", &self.tagged_users)
    }

    /// The sessions that it links.
    pub fn sessions(&self) -> &[CoachingSessionId] {
        &self.linked_sessions
    }

    /// The first comment of its thread, unless that is this comment.
    pub fn first_of_thread(&self) -> Option<CoachingCommentId> {
        CoachingCommentId::parse(self.thread.as_ref()?).filter(|first| Some(first) != self.id.as_ref())
    }

    /// Notes a thread that is not about the same plan, and sessions that are not `agent`'s; `owners` holds what was
    /// found of [`Self::sessions`] and [`Self::first_of_thread`]. The text is the same whether a resource is another's
    /// or does not exist.
    pub fn check(&self, agent: Option<&UserId>, tenant: &Tenant, owners: &Owners, violations: &mut Violations) {
        let begins = self.thread.as_deref() == self.id.as_ref().map(CoachingCommentId::as_str);
        let goes_on = || self.first_of_thread().is_some_and(|first| owners.threads.get(&first) == Some(&self.plan));
        if self.thread.is_some() && !begins && !goes_on() {
            violations.add("thread", "must be the id of the first comment of a thread about the same plan");
        }
        owners.check_sessions(&self.linked_sessions, agent, "linkedSessionNotes", tenant, violations);
    }

    /// The comment that this request creates at `now` under `id`, about a plan of `agent`'s, in `usecase`.
    pub fn into_comment(
        self,
        id: CoachingCommentId,
        agent: Option<UserId>,
        usecase: Option<UsecaseId>,
        now: Timestamp,
    ) -> CoachingComment {
        let create_time = self.create_time.unwrap_or(now);
        let update_time = self.update_time.unwrap_or(create_time);
        CoachingComment {
            thread: self.thread.unwrap_or_else(|| id.to_string()),
            id,
            version: Version::first(now),
            creator: self.creator,
            plan: self.plan,
            agent,
            usecase,
            create_time,
            update_time,
            recorded_at: Some(now).filter(|now| *now > update_time),
            message: self.message,
            tagged_users: self.tagged_users,
            linked_sessions: self.linked_sessions,
        }
    }
}

message! {
    /// An update of a comment. An outer `None` leaves a field, an inner one clears it.
    #[derive(Debug, Clone)]
    pub struct CommentUpdate {
        message: Patch<Text<MAX_TEXT_BYTES>> = "message",
        tagged_users: Patch<Distinct<UserId, MAX_MENTIONS>> = "taggedUsers",
        linked_sessions: Patch<Distinct<CoachingSessionId, MAX_MENTIONS>> = "linkedSessionNotes",
        name: Fixed<CoachingCommentId> = "name",
        thread: Fixed<Title<MAX_THREAD_BYTES>> = "thread",
        creator: Fixed<UserId> = "creatorUserName",
        plan: Fixed<CoachingPlanId> = "coachingPlanName",
        usecase: Fixed<UsecaseId> = "usecaseName",
        _create_time: Dropped = "createTime",
        _update_time: Dropped = "updateTime",
    }
}

impl CommentUpdate {
    /// The users whom the update names and `comment` does not yet name.
    pub fn references(&self, comment: Option<&CoachingComment>) -> References {
        let is_new = |user: &&UserId| comment.is_none_or(|comment| !comment.tagged_users.contains(user));
        let users = self.tagged_users.iter().flatten().filter(is_new);
        References::default().users("coachingComment.taggedUsers", users)
    }

    /// The sessions that the update links.
    pub fn sessions(&self) -> &[CoachingSessionId] {
        self.linked_sessions.as_deref().unwrap_or_default()
    }

    /// Notes users and sessions that the update adds to `comment` and that it may not name: users not in the directory,
    /// and sessions not of the plan's agent. `exists` and `owners` hold what was found of [`Self::references`] and
    /// [`Self::sessions`].
    pub fn check(
        &self,
        comment: &CoachingComment,
        tenant: &Tenant,
        exists: &HashSet<Named>,
        owners: &Owners,
        violations: &mut Violations,
    ) {
        self.references(Some(comment)).check(tenant, exists, violations);
        let sessions = self.sessions().iter().filter(|session| !comment.linked_sessions.contains(session));
        let field = "coachingComment.linkedSessionNotes";
        owners.check_sessions(sessions, comment.agent.as_ref(), field, tenant, violations);
    }

    /// Applies the update at `now`; returns whether anything changed.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an immutable field that differs.
    pub fn apply(&self, comment: &mut CoachingComment, now: Timestamp) -> Result<bool, Error> {
        let mut violations = Violations::default();
        let mut fixed = |field: &str, differs: bool| {
            if differs {
                violations.add(format!("coachingComment.{field}"), "cannot change");
            }
        };
        fixed("name", self.name.as_ref().is_some_and(|name| name.as_ref() != Some(&comment.id)));
        fixed("thread", self.thread.as_ref().is_some_and(|thread| thread.as_ref() != Some(&comment.thread)));
        fixed("creatorUserName", self.creator.as_ref().is_some_and(|user| user.as_ref() != Some(&comment.creator)));
        fixed("coachingPlanName", self.plan.as_ref().is_some_and(|plan| *plan != comment.plan));
        fixed("usecaseName", self.usecase.as_ref().is_some_and(|usecase| *usecase != comment.usecase));
        violations.into_result()?;

        let before = comment.clone();
        if let Some(message) = &self.message {
            comment.message.clone_from(message);
        }
        if let Some(users) = &self.tagged_users {
            comment.tagged_users.clone_from(users);
        }
        if let Some(sessions) = &self.linked_sessions {
            comment.linked_sessions.clone_from(sessions);
        }
        let changed = *comment != before;
        if changed {
            comment.update_time = comment.update_time.max(now);
        }
        Ok(changed)
    }
}

/// A coaching comment: what a manager or an agent says about a plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CoachingComment)]
pub struct CoachingCommentMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/coachingComments/{coachingComment}`.
    name: String,
    /// Its thread: the id of the thread's first comment, which is about the same plan.
    thread: &'a str,
    /// Who wrote it: `customers/{customer}/users/{user}`.
    creator_user_name: String,
    /// The plan that it is about: `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    coaching_plan_name: Option<String>,
    /// The usecase that it belongs to: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase_name: Option<String>,
    /// When it was created.
    create_time: Timestamp,
    /// When it was last changed.
    update_time: Timestamp,
    /// What it says, at most 64 KiB.
    message: &'a str,
    /// Users whom it mentions, at most 50.
    tagged_users: Vec<String>,
    /// Sessions whose notes it is about, at most 50.
    linked_session_notes: Vec<String>,
    /// Opaque version, to send in `If-Match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    etag: Option<String>,
}

impl CoachingCommentMessage<'_> {
    /// The resource names of the users whom it names, but for those in its text.
    pub fn user_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.creator_user_name).chain(&self.tagged_users).map(String::as_str)
    }
}

impl CoachingComment {
    /// The agent who may read it: the plan's, or, without a plan, its creator.
    pub fn read_by(&self) -> &UserId {
        self.agent.as_ref().unwrap_or(&self.creator)
    }

    /// Its etag (AIP-154).
    pub fn etag(&self) -> String {
        etag_of(self.version, self.update_time)
    }

    /// The time of the latest entry of its history, as far as is known; no later change is recorded before it.
    pub fn last_change(&self) -> Timestamp {
        self.recorded_at.map_or(self.update_time, |recorded| recorded.max(self.update_time))
    }

    /// The comment as `tenant`'s clients read it.
    pub fn message(&self, tenant: &Tenant) -> CoachingCommentMessage<'_> {
        CoachingCommentMessage { etag: Some(self.etag()), ..self.stored(tenant) }
    }

    /// All stored fields, as its history records them.
    pub fn document(&self, tenant: &Tenant) -> Option<Document> {
        Document::of(&self.stored(tenant), self.read_by(), Hidden::Fields(&[]))
    }

    fn stored(&self, tenant: &Tenant) -> CoachingCommentMessage<'_> {
        CoachingCommentMessage {
            name: tenant.name_of(&self.id),
            thread: &self.thread,
            creator_user_name: tenant.name_of(&self.creator),
            coaching_plan_name: self.plan.as_ref().map(|plan| tenant.name_of(plan)),
            usecase_name: self.usecase.as_ref().map(|usecase| tenant.name_of(usecase)),
            create_time: self.create_time,
            update_time: self.update_time,
            message: &self.message,
            tagged_users: self.tagged_users.iter().map(|user| tenant.name_of(user)).collect(),
            linked_session_notes: self.linked_sessions.iter().map(|session| tenant.name_of(session)).collect(),
            etag: None,
        }
    }
}
