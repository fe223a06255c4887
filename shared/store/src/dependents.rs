//! What hangs on a plan: its sessions, comments and targets, counted in an item beside it.
//!
//! The count is changed in the transaction that adds or removes one, and a plan is deleted only with a
//! count of none, or marked as being deleted so that nothing more is added. So nothing is ever left behind
//! without its plan, whatever happens at the same moment and however late the indexes are.
//!
//! What hangs on a plan may be more than one transaction can delete. From the transaction on that deletes
//! the plan itself, the profile's list of deletions has it, and whoever reads what hangs on plans leaves
//! out what hangs on those: all of it goes in one moment. The plan stays in that list for some time after
//! the last of it is deleted, because indexes may still show it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use coaching_domain::change::Author;
use coaching_domain::comment::CoachingComment;
use coaching_domain::names::{CoachingPlanId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::session::CoachingSession;
use coaching_domain::target::Target;
use coaching_domain::{Error, Reason, Tenant, Timestamp};

use crate::Store;
use crate::agents::{MAX_TARGETS_OF_PLAN, Record};
use crate::changes::{Attempts, keeps_changing};
use crate::failure::failure;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, EXPIRES_AT, Key, ListIndex, PK};
use crate::list::{Filter, Listed, Page, Range};
use crate::sessions_held::HeldSession;
use crate::transaction::Outcome;
use crate::unreadable::Unreadable;

/// How long a plan stays in the list of deletions after the last that hung on it is deleted, in seconds.
/// Indexes follow the table within about one.
const HIDDEN_SECONDS: i64 = 300;
/// The most of what hangs on a plan that one transaction deletes: each takes up to three writes of 100.
const DELETED_AT_ONCE: usize = 25;
/// The most that those may take, in bytes: a transaction takes 4 MB, and history keeps what was deleted.
const MAX_BYTES_AT_ONCE: usize = 2 * 1024 * 1024;
/// What history keeps of a deletion beside the item, in bytes, with the longest names.
const BYTES_BESIDE: usize = 2 * 1024;
/// The most plans in the list of deletions: it is read with every session, comment and target, and so many of usual
/// ids are less than the 4 KB that half a read unit takes.
pub const MAX_DELETIONS: usize = 60;
/// The attribute that counts them.
const ENTRIES: &str = "entries";
/// How often indexes are asked again that do not show yet what is still to be deleted.
const LOOKS: u32 = 20;
/// The pause before they are asked again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A kind of what hangs on a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependent {
    Session,
    /// A session that its agent has acknowledged; it counts as a session too.
    AcknowledgedSession,
    Comment,
    Target,
}

impl Dependent {
    /// The attribute that counts them.
    fn attribute(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::AcknowledgedSession => "acknowledged",
            Self::Comment => "comments",
            Self::Target => "targets",
        }
    }
}

/// What hangs on a plan.
#[derive(Debug)]
struct Dependents {
    sessions: i64,
    /// Those of the sessions that their agent has acknowledged.
    acknowledged: i64,
    comments: i64,
    targets: i64,
    deleting: bool,
    /// Whether all of it is deleted, and the count only waits for its time to live.
    deleted: bool,
}

impl Dependents {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        Ok(Self {
            sessions: item.optional_number("sessions")?.unwrap_or(0),
            acknowledged: item.optional_number("acknowledged")?.unwrap_or(0),
            comments: item.optional_number("comments")?.unwrap_or(0),
            targets: item.optional_number("targets")?.unwrap_or(0),
            deleting: item.optional_text("deleting")?.is_some(),
            deleted: item.optional_number(EXPIRES_AT)?.is_some(),
        })
    }

    fn total(&self) -> i64 {
        self.sessions + self.comments + self.targets
    }
}

/// What is deleted with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedWithPlan {
    /// Nothing: a plan on which something hangs stays.
    Nothing,
    /// All that hangs on it; a plan of which the agent has acknowledged a session stays.
    AllButAcknowledged,
    /// All that hangs on it.
    All,
}

impl DeletedWithPlan {
    /// Refuses the deletion of a plan with these `dependents`.
    fn check(self, dependents: &Dependents) -> Result<(), Error> {
        let Dependents { sessions, acknowledged, comments, targets, .. } = dependents;
        if self == Self::Nothing && dependents.total() > 0 {
            return Err(Error::new(
                Reason::CoachingPlanNotEmpty,
                format!(
                    "the plan has {sessions} sessions, {comments} comments and {targets} targets; force=true deletes them \
                     with it"
                ),
            ));
        }
        if self == Self::AllButAcknowledged && *acknowledged > 0 {
            let message = format!(
                "the agent has acknowledged {acknowledged} of the plan's {sessions} sessions; only a service or an admin \
                 deletes them with it"
            );
            return Err(Error::new(Reason::SessionAcknowledged, message));
        }
        Ok(())
    }
}

/// Until when a plan stays in the list of deletions of which the last is deleted `now`, in Unix seconds.
fn hidden_until(now: Timestamp) -> i64 {
    now.unix_seconds() + HIDDEN_SECONDS
}

/// Plans that are being deleted, or were moments ago.
#[derive(Debug, Default)]
pub(crate) struct Deletions {
    plans: HashMap<CoachingPlanId, i64>,
    /// Entries that cannot be read. What hangs on their plans is hidden: shown, it might be half of what there was.
    unreadable: HashMap<CoachingPlanId, Unreadable>,
}

impl Deletions {
    pub(crate) fn has(&self, plan: &CoachingPlanId, now: Timestamp) -> bool {
        self.unreadable.contains_key(plan)
            || self.plans.get(plan).is_some_and(|until| *until == 0 || *until > now.unix_seconds())
    }

    /// Those whose time in the list is over.
    fn over(&self, now: Timestamp) -> impl Iterator<Item = &CoachingPlanId> {
        let over = self.plans.iter().filter(move |(_, until)| **until != 0 && **until <= now.unix_seconds());
        over.map(|(plan, _)| plan)
    }

    /// The entry of `plan`, if it cannot be read.
    pub(crate) fn unreadable(&self, plan: &CoachingPlanId) -> Option<&Unreadable> {
        self.unreadable.get(plan)
    }

    /// How many entries there are.
    fn len(&self) -> usize {
        self.plans.len() + self.unreadable.len()
    }

    /// Whether `entity` hangs on one of them.
    fn hides(&self, entity: &impl OnPlan, now: Timestamp) -> bool {
        entity.plan().is_some_and(|plan| self.has(plan, now))
    }
}

/// Something that hangs on a plan, or may.
pub(crate) trait OnPlan {
    /// The plan.
    fn plan(&self) -> Option<&CoachingPlanId>;
}

/// What hangs on a plan being deleted.
enum Doomed {
    Session(Box<CoachingSession>),
    Comment(Box<CoachingComment>),
    Target(Box<Target>),
}

impl Store {
    /// The list of deletions in `item`. An entry that cannot be read is noted, and costs the plan that it names.
    fn deletions_in(&self, tenant: &Tenant, item: &HashMap<String, AttributeValue>) -> Deletions {
        let mut deletions = Deletions::default();
        for (attribute, value) in item {
            let Some(id) = attribute.strip_prefix(keys::DELETED_PLAN) else { continue };
            let id: Option<CoachingPlanId> = coaching_domain::Id::parse(id);
            let until = value.as_n().ok().and_then(|until| until.parse().ok());
            match (id, until) {
                (Some(id), Some(until)) => {
                    deletions.plans.insert(id, until);
                }
                (id, _) => {
                    let unreadable = Unreadable::deletion(tenant, id.as_ref());
                    self.note(&unreadable);
                    deletions.unreadable.extend(id.map(|id| (id, unreadable)));
                }
            }
        }
        deletions
    }

    /// The profile's list of deletions. It is read after what it hides, and eventually consistent: it is
    /// written a call earlier than the first that is deleted.
    pub(crate) async fn deletions(&self, tenant: &Tenant) -> Result<Deletions, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::deletions(tenant))))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .customize()
            .interceptor(self.account.clone())
            .send()
            .await
            .map_err(failure)?;
        Ok(self.deletions_in(tenant, &output.item.unwrap_or_default()))
    }

    /// The entity at `key`, unless it hangs on a plan that is being deleted.
    pub(crate) async fn get_unless_deleted<T: Listed + OnPlan>(
        &self,
        tenant: &Tenant,
        key: Key,
        now: Timestamp,
    ) -> Result<Option<T>, Error> {
        // Side by side: one entity that was there a moment ago is no part of a whole.
        let (item, deletions) = tokio::try_join!(self.get(key.clone()), self.deletions(tenant))?;
        let entity = item.map(|item| self.noting(T::from_item(item))).transpose()?;
        if entity.as_ref().and_then(|entity| deletions.unreadable(entity.plan()?)).is_some() {
            return Err(Unreadable::of(&key, "plan").into());
        }
        Ok(entity.filter(|entity| !deletions.hides(entity, now)))
    }

    /// A page of what hangs on plans, without what hangs on those being deleted.
    pub(crate) async fn page_unless_deleted<T: Listed + OnPlan + 'static>(
        &self,
        tenant: &Tenant,
        ranges: impl Fn() -> Vec<Range<T>>,
        size: usize,
        now: Timestamp,
    ) -> Result<Page<T>, Error> {
        let page = self.page(ranges(), size).await?;
        if page.entries.iter().all(|entity| entity.plan().is_none()) {
            return Ok(page);
        }
        let deletions = self.deletions(tenant).await?;
        if !page.entries.iter().any(|entity| deletions.hides(entity, now)) {
            return Ok(page);
        }
        let hidden = page.entries.iter().filter_map(|entity| deletions.unreadable(entity.plan()?));
        let hidden: Vec<(usize, Unreadable)> = hidden.map(|unreadable| (0, unreadable.clone())).collect();
        // A page is full unless it is the last, so it is read again with what is hidden passed over.
        let deletions = Arc::new(deletions);
        let ranges = ranges().into_iter().map(|range| {
            let deletions = Arc::clone(&deletions);
            range.keeping(move |entity| !deletions.hides(entity, now))
        });
        let mut page = self.page(ranges.collect(), size).await?;
        page.unreadable.extend(hidden);
        Ok(page)
    }

    /// The write of the item that counts what hangs on a new plan. It is refused for five minutes after
    /// a plan of the same id was deleted with what hung on it.
    pub(crate) fn put_dependents(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlan,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Error> {
        let item = Item::at(keys::dependents(tenant, &plan.id))
            .text("agent", plan.agent.as_str())
            .optional_text("usecase", plan.usecase.as_ref());
        let put = aws_sdk_dynamodb::types::Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item.into_attributes()))
            .condition_expression(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now"))
            .expression_attribute_values(":now", AttributeValue::N(now.unix_seconds().to_string()));
        Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
    }

    /// The write that counts one more on `plan`, of each of `kinds`; it is refused unless the plan is there and `agent`'s,
    /// and, where the usecase was taken over from it, of that `usecase`, and has room for one more target.
    pub(crate) fn add_dependent(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        kinds: &[Dependent],
        agent: &UserId,
        usecase: Option<Option<&UsecaseId>>,
    ) -> Result<TransactWriteItem, Error> {
        let mut condition = "#agent = :agent AND attribute_not_exists(deleting)".to_owned();
        let counted: Vec<String> = kinds.iter().map(|kind| format!("{} :one", kind.attribute())).collect();
        let mut update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::dependents(tenant, plan))))
            .update_expression(format!("ADD {}", counted.join(", ")))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            // `agent` is a reserved word of DynamoDB's expressions.
            .expression_attribute_names("#agent", "agent")
            .expression_attribute_values(":agent", AttributeValue::S(agent.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match usecase {
            Some(Some(usecase)) => {
                condition.push_str(" AND usecase = :usecase");
                update = update.expression_attribute_values(":usecase", AttributeValue::S(usecase.to_string()));
            }
            Some(None) => condition.push_str(" AND attribute_not_exists(usecase)"),
            None => {}
        }
        if kinds.contains(&Dependent::Target) {
            condition.push_str(" AND (attribute_not_exists(targets) OR targets < :most)");
            update = update.expression_attribute_values(":most", AttributeValue::N(MAX_TARGETS_OF_PLAN.to_string()));
        }
        let update = update.condition_expression(condition).build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The write that counts one less on `plan`, of each of `kinds`.
    pub(crate) fn remove_dependent(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        kinds: &[Dependent],
    ) -> Result<TransactWriteItem, Error> {
        let removed: Vec<(Dependent, usize)> = kinds.iter().map(|kind| (*kind, 1)).collect();
        self.remove_dependents(tenant, plan, &removed)
    }

    /// The write that counts what changes where `before` becomes `after`, if something does: whether it is acknowledged.
    /// An acknowledgement is refused while the plan is being deleted.
    pub(crate) fn count_acknowledged(
        &self,
        tenant: &Tenant,
        before: &CoachingSession,
        after: &CoachingSession,
    ) -> Result<Option<TransactWriteItem>, Error> {
        let acknowledged = [Dependent::AcknowledgedSession];
        match (before.acknowledge_time.is_some(), after.acknowledge_time.is_some()) {
            (false, true) => self.add_dependent(tenant, &after.plan, &acknowledged, &after.agent, None).map(Some),
            (true, false) => self.remove_dependent(tenant, &after.plan, &acknowledged).map(Some),
            _ => Ok(None),
        }
    }

    fn remove_dependents(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        removed: &[(Dependent, usize)],
    ) -> Result<TransactWriteItem, Error> {
        let mut update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::dependents(tenant, plan))))
            .condition_expression(format!("attribute_exists({PK})"));
        let mut terms = Vec::new();
        for (kind, count) in removed {
            let name = kind.attribute();
            terms.push(format!("{name} :{name}"));
            update = update.expression_attribute_values(format!(":{name}"), AttributeValue::N(format!("-{count}")));
        }
        let update = update.update_expression(format!("ADD {}", terms.join(", ")));
        Ok(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build())
    }

    /// The write that counts none any more and lets the count expire; it is refused unless exactly what is
    /// `left` is counted.
    fn end_dependents(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        left: &Dependents,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Error> {
        let mut update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::dependents(tenant, plan))))
            .update_expression(format!("SET {EXPIRES_AT} = :until REMOVE sessions, acknowledged, comments, targets"))
            .expression_attribute_values(":until", AttributeValue::N(hidden_until(now).to_string()));
        let mut counted = vec![format!("attribute_exists({PK})")];
        for (name, count) in [("sessions", left.sessions), ("comments", left.comments), ("targets", left.targets)] {
            counted.push(match count {
                0 => format!("(attribute_not_exists({name}) OR {name} = :{name})"),
                _ => format!("{name} = :{name}"),
            });
            update = update.expression_attribute_values(format!(":{name}"), AttributeValue::N(count.to_string()));
        }
        let update = update.condition_expression(counted.join(" AND ")).build().map_err(Error::internal)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The targets of a plan as they are now, and the checks that hold them still in a transaction.
    ///
    /// # Errors
    /// ABORTED if others keep changing them.
    pub(crate) async fn targets_to_keep(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
    ) -> Result<(Vec<Target>, Vec<TransactWriteItem>), Error> {
        for _ in 0..LOOKS {
            let item = self.get(keys::dependents(tenant, plan)).await?;
            let counted = item
                .map(|item| self.noting(Dependents::from_item(item)))
                .transpose()?
                .map_or(0, |dependents| dependents.targets);
            let mut targets: Vec<Target> = Vec::new();
            if counted > 0 {
                let partition = keys::targets_of_plan(tenant, plan);
                let listed = self
                    .all(Range::<Target>::new(ListIndex::Plan, partition, Filter::default(), None))
                    .await?
                    .whole()?;
                let keys = listed.iter().map(|target| keys::target(tenant, &target.id)).collect();
                targets = self.batch_read(keys, true, Target::from_item).await?.whole()?;
            }
            if i64::try_from(targets.len()).is_ok_and(|found| found == counted) {
                let mut checks = Vec::with_capacity(targets.len() + 1);
                for target in &targets {
                    checks.push(self.check_version(keys::target(tenant, &target.id), Some(target.version))?);
                }
                let condition = match counted {
                    0 => "attribute_not_exists(targets) OR targets = :counted",
                    _ => "targets = :counted",
                };
                let check = ConditionCheck::builder()
                    .table_name(&*self.table)
                    .set_key(Some(key_attributes(keys::dependents(tenant, plan))))
                    .condition_expression(condition)
                    .expression_attribute_values(":counted", AttributeValue::N(counted.to_string()));
                let check = check.build().map_err(Error::internal)?;
                checks.push(TransactWriteItem::builder().condition_check(check).build());
                return Ok((targets, checks));
            }
            // An index does not show yet what was added or deleted a moment ago.
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Err(keeps_changing(&tenant.name_of(plan)))
    }

    /// Deletes the plan `id`, if `check` agrees, and `with_it` what hangs on it.
    ///
    /// Cut short while it deletes what hangs on the plan, it is gone on with by a repeat.
    ///
    /// # Errors
    /// NOT_FOUND; what `check` returns; FAILED_PRECONDITION if what hangs on the plan is not to be
    /// deleted with it; ABORTED if others keep changing it; UNAVAILABLE if something is still to be deleted:
    /// repeat it.
    pub async fn delete_plan(
        &self,
        tenant: &Tenant,
        id: &CoachingPlanId,
        with_it: DeletedWithPlan,
        author: Author<'_>,
        check: impl Fn(&CoachingPlan) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = tenant.name_of(id);
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let (plan, dependents) = tokio::try_join!(self.plan(tenant, id), self.get(keys::dependents(tenant, id)))?;
            let dependents = dependents.map(|item| self.noting(Dependents::from_item(item))).transpose()?;
            let (plan, dependents) = match (plan, dependents) {
                (Some(plan), Some(dependents)) => (plan, dependents),
                (None, Some(dependents)) if dependents.deleting && !dependents.deleted => {
                    return self.delete_dependents(tenant, id, author).await;
                }
                _ => return Err(Error::not_found(&name)),
            };
            check(&plan)?;
            with_it.check(&dependents)?;
            let record = self.record(tenant, &plan.agent).await?;
            let with_it = (dependents.total() > 0).then_some(with_it);
            let writes = self.deletion(tenant, &plan, &record, with_it, author)?;
            let list = writes.len() - 1;
            match self.transact(writes).await? {
                Outcome::Written if dependents.total() == 0 => return Ok(()),
                Outcome::Written => return self.delete_dependents(tenant, id, author).await,
                Outcome::Refused(failed) => {
                    let list_is_full = dependents.total() > 0 && failed.iter().any(|condition| condition.index == list);
                    if list_is_full {
                        self.tidy_deletions(tenant, author.now).await?;
                    }
                }
            }
        }
        Err(keeps_changing(&name))
    }

    /// The transaction that deletes a plan, and the count of what hangs on it or, if something does, starts the deletion
    /// of what goes `with_it`.
    fn deletion(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlan,
        record: &Record,
        with_it: Option<DeletedWithPlan>,
        author: Author<'_>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let author = author.not_before(plan.last_change());
        let change = author.change(plan.version + 1, plan.document(tenant), None);
        let mut writes = vec![
            self.delete_version(keys::plan(tenant, &plan.id), plan.version)?,
            self.record_change(&keys::plan(tenant, &plan.id).partition, change)?,
        ];
        if plan.is_active {
            writes.extend(self.end_plan(tenant, record, plan, author.now)?);
        }
        let dependents = key_attributes(keys::dependents(tenant, &plan.id));
        if let Some(with_it) = with_it {
            let mut doom = Update::builder()
                .table_name(&*self.table)
                .set_key(Some(dependents))
                .update_expression("SET deleting = :deleting")
                .expression_attribute_values(":deleting", AttributeValue::S(author.now.to_string()));
            if with_it == DeletedWithPlan::AllButAcknowledged {
                doom = doom
                    .condition_expression("attribute_not_exists(acknowledged) OR acknowledged = :none")
                    .expression_attribute_values(":none", AttributeValue::N("0".to_owned()));
            }
            writes.push(TransactWriteItem::builder().update(doom.build().map_err(Error::internal)?).build());
            // The caller takes it to be the last.
            writes.push(self.begin_deletion(tenant, &plan.id)?);
        } else {
            let none = ["sessions", "comments", "targets"]
                .map(|name| format!("(attribute_not_exists({name}) OR {name} = :none)"));
            let delete = Delete::builder()
                .table_name(&*self.table)
                .set_key(Some(dependents))
                .condition_expression(none.join(" AND "))
                .expression_attribute_values(":none", AttributeValue::N("0".to_owned()));
            writes.push(TransactWriteItem::builder().delete(delete.build().map_err(Error::internal)?).build());
        }
        Ok(writes)
    }

    /// The write that enters a plan in the list of deletions until it is all done; refused if the list is full.
    fn begin_deletion(&self, tenant: &Tenant, plan: &CoachingPlanId) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::deletions(tenant))))
            .update_expression(format!("SET #plan = :until ADD {ENTRIES} :one"))
            .condition_expression(format!("attribute_not_exists({ENTRIES}) OR {ENTRIES} < :most"))
            .expression_attribute_names("#plan", deletion_attribute(plan))
            .expression_attribute_values(":until", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":most", AttributeValue::N(MAX_DELETIONS.to_string()));
        Ok(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build())
    }

    /// The write that keeps a plan in the list of deletions until a moment, in Unix seconds.
    fn end_deletion(&self, tenant: &Tenant, plan: &CoachingPlanId, until: i64) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::deletions(tenant))))
            .update_expression("SET #plan = :until")
            .expression_attribute_names("#plan", deletion_attribute(plan))
            .expression_attribute_values(":until", AttributeValue::N(until.to_string()));
        Ok(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build())
    }

    /// Takes what is over out of the full list of deletions, and counts what is left: a plan that was deleted twice was
    /// counted twice.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED if the list stays full.
    async fn tidy_deletions(&self, tenant: &Tenant, now: Timestamp) -> Result<(), Error> {
        let item = self.get(keys::deletions(tenant)).await?.unwrap_or_default();
        let deletions = self.deletions_in(tenant, &item);
        let counted = item.get(ENTRIES).cloned();
        let over: Vec<String> = deletions.over(now).map(deletion_attribute).collect();
        let left = deletions.len() - over.len();
        if left >= MAX_DELETIONS {
            let message = format!(
                "{MAX_DELETIONS} plans of the profile are being deleted with what hangs on them, or were within five minutes, \
                 which is the most; repeat the request in some minutes"
            );
            return Err(Error::new(Reason::DeletionsFull, message).with("limit", MAX_DELETIONS.to_string()));
        }
        let left = i64::try_from(left).map_err(Error::internal)?;
        // Refused, somebody else did the same, or another deletion has begun; the list is looked at again.
        self.set_count(keys::deletions(tenant), ENTRIES, counted, left, &over).await
    }

    /// Makes the count `attribute` of the item at `key` what it should be, unless it is not what was `read` any more, and
    /// removes attributes that go with that.
    pub(crate) async fn set_count(
        &self,
        key: Key,
        attribute: &str,
        read: Option<AttributeValue>,
        right: i64,
        removed: &[String],
    ) -> Result<(), Error> {
        let mut update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(key)))
            .expression_attribute_values(":right", AttributeValue::N(right.to_string()));
        update = match read {
            None => update.condition_expression(format!("attribute_not_exists({attribute})")),
            Some(read) => {
                update.condition_expression(format!("{attribute} = :read")).expression_attribute_values(":read", read)
            }
        };
        let mut names = Vec::new();
        for (number, removed) in removed.iter().enumerate() {
            names.push(format!("#removed{number}"));
            update = update.expression_attribute_names(format!("#removed{number}"), removed);
        }
        let remove = if names.is_empty() { String::new() } else { format!(" REMOVE {}", names.join(", ")) };
        let update = update.update_expression(format!("SET {attribute} = :right{remove}"));
        let write = TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build();
        self.transact(vec![write]).await.map(|_| ())
    }

    /// Deletes what hangs on a plan that is being deleted, a transaction at a time, until the count says
    /// that nothing does. The transaction that deletes the last of it also ends the deletion.
    async fn delete_dependents(&self, tenant: &Tenant, id: &CoachingPlanId, author: Author<'_>) -> Result<(), Error> {
        let mut looks = 0;
        loop {
            let key = keys::dependents(tenant, id);
            let (left, (mut doomed, unreadable)) = tokio::try_join!(self.get(key), self.doomed(tenant, id))?;
            let left = left.map(|item| self.noting(Dependents::from_item(item))).transpose()?;
            let Some(left) = left.filter(|left| !left.deleted) else { return Ok(()) };
            if left.total() == 0 {
                // An index may still show what is deleted.
                doomed.clear();
            }
            if let (true, Some(unreadable)) = (doomed.is_empty() && left.total() > 0, unreadable) {
                return Err(unreadable.into());
            }
            let is_last = i64::try_from(doomed.len()).is_ok_and(|count| count == left.total());
            if is_last || !doomed.is_empty() {
                let mut writes = self.deletion_of(tenant, id, doomed, is_last.then_some(&left), author).await?;
                if is_last {
                    writes.push(self.end_deletion(tenant, id, hidden_until(author.now))?);
                }
                if matches!(self.transact(writes).await?, Outcome::Written) {
                    if is_last {
                        return Ok(());
                    }
                    continue;
                }
            }
            looks += 1;
            if looks > LOOKS {
                return Err(Error::new(
                    Reason::DeletionUnderWay,
                    "the plan is deleted, and most of what hung on it; repeat the request for the rest",
                ));
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// Some of what hangs on a plan, as much as one transaction deletes; and some of it that cannot be read, if there is
    /// any: its history would not tell what was deleted.
    async fn doomed(&self, tenant: &Tenant, id: &CoachingPlanId) -> Result<(Vec<Doomed>, Option<Unreadable>), Error> {
        fn of_plan<T>(partition: String) -> Vec<Range<T>> {
            vec![Range::new(ListIndex::Plan, partition, Filter::default(), None)]
        }
        let sessions = self.page(of_plan::<CoachingSession>(keys::sessions_of_plan(tenant, id)), DELETED_AT_ONCE);
        let comments = self.page(of_plan::<CoachingComment>(keys::comments_of_plan(tenant, id)), DELETED_AT_ONCE);
        let targets = self.page(of_plan::<Target>(keys::targets_of_plan(tenant, id)), DELETED_AT_ONCE);
        let (sessions, comments, targets) = tokio::try_join!(sessions, comments, targets)?;
        let unreadable = sessions.unreadable().chain(comments.unreadable()).chain(targets.unreadable()).next().cloned();
        fn with_bytes<T>(page: Page<T>, doomed: impl Fn(Box<T>) -> Doomed) -> impl Iterator<Item = (usize, Doomed)> {
            let entries = page.entries.into_iter().zip(page.places);
            entries.map(move |(entry, place)| (place.bytes, doomed(Box::new(entry))))
        }
        let all = with_bytes(sessions, Doomed::Session);
        let all = all.chain(with_bytes(comments, Doomed::Comment)).chain(with_bytes(targets, Doomed::Target));
        let mut total = 0;
        let fitting = all.enumerate().take_while(|(number, (bytes, _))| {
            total += bytes + BYTES_BESIDE;
            *number == 0 || (*number < DELETED_AT_ONCE && total <= MAX_BYTES_AT_ONCE)
        });
        Ok((fitting.map(|(_, (_, doomed))| doomed).collect(), unreadable))
    }

    /// The writes that delete `doomed`, in one transaction; if they are all that is `left`, also those
    /// that end the count.
    async fn deletion_of(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        doomed: Vec<Doomed>,
        left: Option<&Dependents>,
        author: Author<'_>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let mut writes = Vec::new();
        let kinds = [Dependent::Session, Dependent::AcknowledgedSession, Dependent::Comment, Dependent::Target];
        let mut removed = kinds.map(|kind| (kind, 0));
        let [(_, sessions), (_, acknowledged), (_, comments), (_, targets)] = &mut removed;
        let mut held = Vec::new();
        for doomed in doomed {
            match doomed {
                Doomed::Session(session) => {
                    *sessions += 1;
                    *acknowledged += usize::from(session.acknowledge_time.is_some());
                    writes.extend(self.session_deletion(tenant, &session, author)?);
                    if let Some(mark) = HeldSession::of(&session) {
                        held.push(mark);
                    }
                }
                Doomed::Comment(comment) => {
                    *comments += 1;
                    writes.extend(self.comment_deletion(tenant, &comment, author)?);
                }
                Doomed::Target(target) => {
                    *targets += 1;
                    writes.extend(self.target_deletion(tenant, &target, author.now)?);
                }
            }
        }
        writes.extend(self.uncount_sessions(tenant, held).await?);
        let removed: Vec<(Dependent, usize)> = removed.into_iter().filter(|(_, count)| *count > 0).collect();
        writes.push(match left {
            None => self.remove_dependents(tenant, plan, &removed)?,
            Some(left) => self.end_dependents(tenant, plan, left, author.now)?,
        });
        Ok(writes)
    }
}

fn deletion_attribute(plan: &CoachingPlanId) -> String {
    format!("{}{plan}", keys::DELETED_PLAN)
}
