//! Coaching comments in the table, and the lists of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use coaching_domain::change::Author;
use coaching_domain::comment::CoachingComment;
use coaching_domain::names::{self, CoachingCommentId, CoachingPlanId, UsecaseId, UserId};
use coaching_domain::{Error, Reason, Tenant, Timestamp};

use crate::Store;
use crate::changes::{Attempts, keeps_changing};
use crate::dependents::{Dependent, OnPlan};
use crate::item::{Attributes, Item};
use crate::keys::{self, LIST_ORDER, ListIndex, ListPosition};
use crate::list::{Filter, Listed, Page, Range};
use crate::requests::{Created, RequestRecord};
use crate::transaction::Outcome;
use crate::unreadable::Unreadable;

/// Which comments of a profile are wanted: those that match everything that is named.
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
    /// Creates `comment` for `request` ([`Store::once`]). A plan that it is about must be there, of the comment's
    /// agent.
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; FAILED_PRECONDITION if the plan is gone; ABORTED if the request was
    /// answered before.
    pub async fn create_comment(
        &self,
        tenant: &Tenant,
        comment: &CoachingComment,
        request: Option<&RequestRecord>,
        author: Author<'_>,
    ) -> Result<Created<names::CoachingComment>, Error> {
        let usecase = comment.usecase.clone();
        let created = Created { id: comment.id.clone(), time: author.now, usecase, revision: None };
        let change = author.change(1, None, comment.document(tenant));
        let mut writes = vec![
            self.put_new(to_item(tenant, comment))?,
            self.record_change(&keys::comment(tenant, &comment.id).partition, change)?,
        ];
        if let (Some(plan), Some(agent)) = (&comment.plan, &comment.agent) {
            writes.push(self.add_dependent(tenant, plan, &[Dependent::Comment], agent, None)?);
        }
        let failed = match self.create(tenant, writes, request, &created).await? {
            Outcome::Written => return Ok(created),
            Outcome::Refused(failed) => failed,
        };
        match failed.iter().any(|condition| condition.index == 0) {
            true => Err(Error::already_exists(&tenant.name_of(&comment.id))),
            false => Err(Error::new(Reason::CoachingPlanNotFound, "coachingPlanName: the plan does not exist")),
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

    /// Changes the comment `id` by `change`, which says whether it changed anything, and may be called
    /// several times: with each state that others leave it in before this change is made, and the time of the change.
    ///
    /// # Errors
    /// NOT_FOUND; what `change` returns; ABORTED if others keep changing it.
    pub async fn change_comment(
        &self,
        tenant: &Tenant,
        id: &CoachingCommentId,
        author: Author<'_>,
        change: impl Fn(&mut CoachingComment, Timestamp) -> Result<bool, Error>,
    ) -> Result<CoachingComment, Error> {
        let name = tenant.name_of(id);
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let found = self.comment(tenant, id, author.now).await?;
            let before = found.ok_or_else(|| Error::not_found(&name))?;
            let author = author.not_before(before.last_change());
            let mut after = before.clone();
            if !change(&mut after, author.now)? {
                return Ok(before);
            }
            after.version = before.version + 1;
            after.recorded_at = None;
            let change = author.change(after.version, before.document(tenant), after.document(tenant));
            let writes = vec![
                self.replace(to_item(tenant, &after), before.version)?,
                self.record_change(&keys::comment(tenant, id).partition, change)?,
            ];
            if matches!(self.transact(writes).await?, Outcome::Written) {
                return Ok(after);
            }
        }
        Err(keeps_changing(&name))
    }

    /// The writes that delete the version of `comment` that was read, and keep that in its history.
    pub(crate) fn comment_deletion(
        &self,
        tenant: &Tenant,
        comment: &CoachingComment,
        author: Author<'_>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let key = keys::comment(tenant, &comment.id);
        let author = author.not_before(comment.last_change());
        let change = author.change(comment.version + 1, comment.document(tenant), None);
        let record = self.record_change(&key.partition, change)?;
        Ok(vec![self.delete_version(key, comment.version)?, record])
    }

    /// The first `size` comments after `after` that match `filter`, the newest creation first, ties by id.
    /// What the best index cannot tell apart is filtered from what that index yields.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn comments(
        &self,
        tenant: &Tenant,
        filter: &CommentFilter,
        after: Option<&ListPosition>,
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
                // DynamoDB itself leaves out what is another agent's, also of what cannot be read.
                let own = Filter::default().only("agent", &filter.agent);
                Range::new(*index, partition.clone(), own, after)
                    .keeping(move |comment: &CoachingComment| filter.matches(comment))
            });
            ranges.collect()
        };
        self.page_unless_deleted(tenant, ranges, size, now).await
    }
}

impl OnPlan for CoachingComment {
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

fn to_item(tenant: &Tenant, comment: &CoachingComment) -> Item {
    let mut item = Item::at(keys::comment(tenant, &comment.id))
        .text(ListIndex::Profile.partition_attribute(), keys::comments_of_profile(tenant))
        .text(LIST_ORDER, ListPosition::latest_first(comment.create_time, &comment.id).as_str())
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
