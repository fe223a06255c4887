//! Coaching comments in the table, and the lists of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::{Author, Document};
use coaching_domain::comment::CoachingComment;
use coaching_domain::names::{self, CoachingCommentId, CoachingPlanId, UsecaseId, UserId};
use coaching_domain::plan::plan_not_found;
use coaching_domain::{Error, Tenant, Timestamp, Version};

use crate::Store;
use crate::dependents::{self, Child, ChildOfPlan};
use crate::engine::entity::{self, Entity};
use crate::engine::transaction::{Outcome, Refusal};
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, Key, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::Unreadable;

/// Selects comments of a profile: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct CommentFilter {
    /// On plans of this agent.
    pub agent: Option<UserId>,
    /// On any of these plans.
    pub plans: Vec<CoachingPlanId>,
    /// In any of these threads.
    pub threads: Vec<String>,
    /// Of any of these usecases.
    pub usecases: Vec<UsecaseId>,
}

impl CommentFilter {
    fn matches(&self, comment: &CoachingComment) -> bool {
        self.agent.as_ref().is_none_or(|agent| comment.agent.as_ref() == Some(agent))
            && (self.plans.is_empty() || comment.plan.as_ref().is_some_and(|plan| self.plans.contains(plan)))
            && (self.threads.is_empty() || self.threads.contains(&comment.thread))
            && (self.usecases.is_empty() || comment.usecase.as_ref().is_some_and(|one| self.usecases.contains(one)))
    }
}

impl Store {
    /// Creates `comment` for `request` ([`Store::once`]). If it is about a plan, that must exist and be of the
    /// comment's agent.
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; FAILED_PRECONDITION if the plan is gone; ABORTED if the request was
    /// answered before.
    pub async fn create_comment(
        &self,
        tenant: &Tenant,
        comment: &CoachingComment,
        request: Option<&IdempotencyRecord>,
        author: Author<'_>,
    ) -> Result<Created<names::CoachingComment>, Error> {
        let usecase = comment.usecase.clone();
        let created = Created { id: comment.id.clone(), time: author.now, usecase, revision: None, consistency: None };
        let mut transaction = entity::creation(tenant, comment, author);
        if let (Some(plan), Some(agent)) = (&comment.plan, &comment.agent) {
            let add = dependents::add(tenant, plan, &[Child::Comment], agent, None);
            transaction.add(add, Refusal::PlanTakesNoChild);
        }
        match self.create(tenant, transaction, request, &created).await? {
            Outcome::Written => Ok(created),
            Outcome::Refused(_) => Err(plan_not_found()),
        }
    }

    /// The comment `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn comment(
        &self,
        tenant: &Tenant,
        id: &CoachingCommentId,
        now: Timestamp,
    ) -> Result<Option<CoachingComment>, Error> {
        self.get_unless_deleted(tenant, keys::comment(tenant, id), now).await
    }

    /// Applies `change` to the comment `id`. It returns whether it changed anything, and may be called several times:
    /// with each state that others leave the comment in before this change is written, and the time of the change.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `change`; ABORTED if others keep changing it.
    pub async fn change_comment(
        &self,
        tenant: &Tenant,
        id: &CoachingCommentId,
        author: Author<'_>,
        change: impl Fn(&mut CoachingComment, Timestamp) -> Result<bool, Error>,
    ) -> Result<CoachingComment, Error> {
        self.change(tenant, id, None, author, change).await
    }

    /// The first `size` comments after `after` that match `filter`, the newest creation first, ties by id. The best
    /// index for the filter is read, and the rest of the filter is applied to what it yields.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn comments(
        &self,
        tenant: &Tenant,
        filter: &CommentFilter,
        after: Option<&Cursor>,
        size: usize,
        now: Timestamp,
    ) -> Result<Page<CoachingComment>, Error> {
        let partitions: Vec<(ListIndex, String)> =
            match (filter.plans.as_slice(), &filter.agent, filter.usecases.as_slice()) {
                ([], Some(agent), _) => vec![(ListIndex::Agent, keys::comments_of_agent(tenant, agent))],
                ([], None, []) => vec![(ListIndex::Profile, keys::comments_of_profile(tenant))],
                ([], None, usecases) => {
                    usecases.iter().map(|one| (ListIndex::Usecase, keys::comments_of_usecase(tenant, one))).collect()
                }
                (plans, ..) => {
                    plans.iter().map(|plan| (ListIndex::Plan, keys::comments_of_plan(tenant, plan))).collect()
                }
            };
        let ranges = || {
            let ranges = partitions.iter().map(|(index, partition)| {
                let filter = filter.clone();
                // DynamoDB itself leaves out other agents' comments, even those that cannot be read.
                let own = Filter::default().only("agent", &filter.agent);
                Range::new(*index, partition.clone(), own, after)
                    .keeping(move |comment: &CoachingComment| filter.matches(comment))
            });
            ranges.collect()
        };
        self.page_unless_deleted(tenant, ranges, size, now).await
    }
}

impl ChildOfPlan for CoachingComment {
    fn plan(&self) -> Option<&CoachingPlanId> {
        self.plan.as_ref()
    }
}

impl Listed for CoachingComment {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        Ok(Self {
            id: item.last_of_key()?,
            version: item.version()?,
            thread: item.text("thread")?,
            creator: item.id("creator")?,
            plan: item.optional_id("plan")?,
            agent: item.optional_id("agent")?,
            usecase: item.optional_id("usecase")?,
            create_time: item.time("create_time")?,
            update_time: item.time("update_time")?,
            recorded_at: item.optional_time("recorded_at")?,
            message: item.text("message")?,
            tagged_users: item.ids("tagged_users")?,
            linked_sessions: item.ids("linked_sessions")?,
        })
    }
}

impl Entity for CoachingComment {
    type Collection = names::CoachingComment;
    type Learned = ();

    fn key(tenant: &Tenant, id: &CoachingCommentId) -> Key {
        keys::comment(tenant, id)
    }

    fn id(&self) -> &CoachingCommentId {
        &self.id
    }

    fn version(&self) -> Version {
        self.version
    }

    fn last_change(&self) -> Timestamp {
        Self::last_change(self)
    }

    fn follow(&mut self, before: &Self) {
        self.version = before.version.next();
        self.recorded_at = None;
    }

    fn to_item(&self, tenant: &Tenant) -> Item {
        to_item(tenant, self)
    }

    fn document(&self, tenant: &Tenant) -> Option<Document> {
        Self::document(self, tenant)
    }

    async fn find(
        store: &Store,
        tenant: &Tenant,
        id: &CoachingCommentId,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        store.comment(tenant, id, now).await
    }
}

fn to_item(tenant: &Tenant, comment: &CoachingComment) -> Item {
    let mut item = Item::at(keys::comment(tenant, &comment.id))
        .text(ListIndex::Profile.partition_attribute(), keys::comments_of_profile(tenant))
        .text(LIST_ORDER, Cursor::latest_first(comment.create_time, &comment.id).as_str())
        .version(comment.version)
        .text("thread", &comment.thread)
        .text("creator", comment.creator.as_str())
        .optional_text("plan", comment.plan.as_ref())
        .optional_text("agent", comment.agent.as_ref())
        .optional_text("usecase", comment.usecase.as_ref())
        .text("create_time", comment.create_time.to_string())
        .text("update_time", comment.update_time.to_string())
        .optional_text("recorded_at", comment.recorded_at.as_ref())
        .text("message", &comment.message)
        .texts("tagged_users", comment.tagged_users.iter().map(ToString::to_string))
        .texts("linked_sessions", comment.linked_sessions.iter().map(ToString::to_string));
    if let Some(plan) = &comment.plan {
        item = item.text(ListIndex::Plan.partition_attribute(), keys::comments_of_plan(tenant, plan));
    }
    if let Some(agent) = &comment.agent {
        item = item.text(ListIndex::Agent.partition_attribute(), keys::comments_of_agent(tenant, agent));
    }
    if let Some(usecase) = &comment.usecase {
        item = item.text(ListIndex::Usecase.partition_attribute(), keys::comments_of_usecase(tenant, usecase));
    }
    item
}
