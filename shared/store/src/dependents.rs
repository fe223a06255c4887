//! The children of a plan: its sessions, comments and targets, counted in an item beside it.
//!
//! The count is changed in the transaction that adds or removes a child, and a plan is deleted only if it has no
//! children, or when it is marked as being deleted so that none is added. So no child is ever left without its plan,
//! whatever happens at the same moment and however late the indexes are.
//!
//! A plan may have more children than one transaction can delete. From the transaction on that deletes the plan itself,
//! its tombstone is in the profile's list of deletions, and every reader of children leaves out those of such plans:
//! all of them vanish at one moment. The tombstone stays for some time after the last child is deleted, because indexes
//! may still show it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::Author;
use coaching_domain::comment::CoachingComment;
use coaching_domain::names::{CoachingPlanId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::session::CoachingSession;
use coaching_domain::target::Target;
use coaching_domain::{Error, Reason, Tenant, Timestamp, counted};

use crate::Store;
use crate::activity::{self, PlacedMark};
use crate::agents::{self, MAX_TARGETS_OF_PLAN, Record};
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::entity;
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, EXPIRES_AT, Key, ListIndex, PK};
use crate::list::{Filter, Listed, Page, Range};
use crate::sessions_held::HeldSession;
use crate::unreadable::Unreadable;

/// How long a plan stays in the list of deletions after its last child is deleted, in seconds. Indexes follow the table
/// within about one second.
const HIDDEN_SECONDS: i64 = 300;
/// The most children that one transaction deletes: each takes up to four writes of 100, and the counts take two.
const DELETED_AT_ONCE: usize = 24;
/// The most bytes that those may take: a transaction takes 4 MB, and history records what was deleted.
const MAX_BYTES_AT_ONCE: usize = 2 * 1024 * 1024;
/// The bytes that history records of a deletion beside the item, with the longest names.
const BYTES_BESIDE: usize = 2 * 1024;
/// The most plans in the list of deletions: it is read with every session, comment and target, and with usual ids it
/// stays below the 4 KB that half a read unit takes.
pub const MAX_DELETIONS: usize = 60;
/// The attribute that counts them.
const ENTRIES: &str = "entries";
/// The most repeated reads of indexes that do not show the latest writes yet.
const LOOKS: u32 = 20;
/// The pause before each repeated read.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A kind of child of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    Session,
    /// A session that its agent has acknowledged; it counts as a session too.
    AcknowledgedSession,
    Comment,
    Target,
}

impl Child {
    /// The attribute of its count.
    fn attribute(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::AcknowledgedSession => "acknowledged",
            Self::Comment => "comments",
            Self::Target => "targets",
        }
    }
}

/// The numbers of a plan's children.
#[derive(Debug)]
pub(crate) struct ChildCounts {
    sessions: i64,
    /// Those of the sessions that their agent has acknowledged.
    acknowledged: i64,
    comments: i64,
    targets: i64,
    deleting: bool,
    /// Whether all children are deleted, and the item only waits for its time to live.
    deleted: bool,
}

impl ChildCounts {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        Self::read(&mut Attributes::of(item))
    }

    fn read(item: &mut Attributes) -> Result<Self, Unreadable> {
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

/// The children that may be deleted with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedWithPlan {
    /// None: a plan with children stays.
    Nothing,
    /// All; a plan with a session that its agent has acknowledged stays.
    AllButAcknowledged,
    /// All.
    All,
}

impl DeletedWithPlan {
    /// Refuses the deletion of a plan if its `dependents` do not allow it.
    fn check(self, dependents: &ChildCounts) -> Result<(), Error> {
        let ChildCounts { sessions, acknowledged, comments, targets, .. } = dependents;
        if self == Self::Nothing && dependents.total() > 0 {
            let except = if *acknowledged > 0 { ", acknowledged sessions only for a service or an admin" } else { "" };
            let [sessions, comments, targets] = [(sessions, "session"), (comments, "comment"), (targets, "target")]
                .map(|(count, one)| counted(*count, one));
            let message =
                format!("the plan has {sessions}, {comments} and {targets}; force=true deletes them with it{except}");
            return Err(Error::new(Reason::CoachingPlanNotEmpty, message));
        }
        if self == Self::AllButAcknowledged && *acknowledged > 0 {
            let message = format!(
                "the agent has acknowledged {acknowledged} of the plan's {}; only a service or an admin deletes them with it",
                counted(*sessions, "session")
            );
            return Err(Error::new(Reason::SessionAcknowledged, message));
        }
        Ok(())
    }
}

/// The time until which a plan stays in the list of deletions, if its last child is deleted `now`, in Unix seconds.
fn hidden_until(now: Timestamp) -> i64 {
    now.unix_seconds() + HIDDEN_SECONDS
}

/// The tombstones of plans that are being deleted, or were moments ago: their children are hidden.
#[derive(Debug, Default)]
pub(crate) struct Tombstones {
    plans: HashMap<CoachingPlanId, i64>,
    /// Entries that cannot be read. The children of their plans are hidden: shown, they might be half of what there
    /// was.
    unreadable: HashMap<CoachingPlanId, Unreadable>,
}

impl Tombstones {
    pub(crate) fn has(&self, plan: &CoachingPlanId, now: Timestamp) -> bool {
        self.unreadable.contains_key(plan)
            || self.plans.get(plan).is_some_and(|until| *until == 0 || *until > now.unix_seconds())
    }

    /// The plans whose time in the list is over.
    fn over(&self, now: Timestamp) -> impl Iterator<Item = &CoachingPlanId> {
        let over = self.plans.iter().filter(move |(_, until)| **until != 0 && **until <= now.unix_seconds());
        over.map(|(plan, _)| plan)
    }

    /// The entry of `plan`, if it cannot be read.
    pub(crate) fn unreadable(&self, plan: &CoachingPlanId) -> Option<&Unreadable> {
        self.unreadable.get(plan)
    }

    /// The number of entries.
    fn len(&self) -> usize {
        self.plans.len() + self.unreadable.len()
    }

    /// Whether `entity` is a child of one of the plans.
    fn hides(&self, entity: &impl ChildOfPlan, now: Timestamp) -> bool {
        entity.plan().is_some_and(|plan| self.has(plan, now))
    }
}

/// A child of a plan, or an entity that may be one.
pub(crate) trait ChildOfPlan {
    /// The plan.
    fn plan(&self) -> Option<&CoachingPlanId>;
}

/// A child of a plan that is being deleted, still to be deleted itself.
enum PendingDeletion {
    Session(Box<CoachingSession>),
    Comment(Box<CoachingComment>),
    Target(Box<Target>),
}

impl Store {
    /// The list of deletions in `item`. An entry that cannot be read is noted, and hides the children of the plan that
    /// it names.
    fn tombstones_in(&self, tenant: &Tenant, item: &HashMap<String, AttributeValue>) -> Tombstones {
        let mut tombstones = Tombstones::default();
        for (attribute, value) in item {
            let Some(id) = attribute.strip_prefix(keys::DELETED_PLAN) else { continue };
            let id: Option<CoachingPlanId> = coaching_domain::Id::parse(id);
            let until = value.as_n().ok().and_then(|until| until.parse().ok());
            match (id, until) {
                (Some(id), Some(until)) => {
                    tombstones.plans.insert(id, until);
                }
                (id, _) => {
                    let unreadable = Unreadable::deletion(tenant, id.as_ref());
                    self.note(&unreadable);
                    tombstones.unreadable.extend(id.map(|id| (id, unreadable)));
                }
            }
        }
        tombstones
    }

    /// The profile's list of deletions. It is read after the children that it hides, and eventually consistent: it is
    /// written a call earlier than the first child is deleted.
    pub(crate) async fn tombstones(&self, tenant: &Tenant) -> Result<Tombstones, Error> {
        let item = self.get_eventually(keys::deletions(tenant)).await?;
        Ok(self.tombstones_in(tenant, &item.unwrap_or_default()))
    }

    /// The entity at `key`, unless its plan is being deleted.
    pub(crate) async fn get_unless_deleted<T: Listed + ChildOfPlan>(
        &self,
        tenant: &Tenant,
        key: Key,
        now: Timestamp,
    ) -> Result<Option<T>, Error> {
        // Concurrently: a single entity that was there a moment ago shows no half of a deletion.
        let (item, tombstones) = tokio::try_join!(self.get(key.clone()), self.tombstones(tenant))?;
        let entity = item.map(|item| self.noting(T::from_item(item))).transpose()?;
        if entity.as_ref().and_then(|entity| tombstones.unreadable(entity.plan()?)).is_some() {
            return Err(Unreadable::of(&key, "plan").into());
        }
        Ok(entity.filter(|entity| !tombstones.hides(entity, now)))
    }

    /// A page of children of plans, without those of plans that are being deleted.
    pub(crate) async fn page_unless_deleted<T: Listed + ChildOfPlan + 'static>(
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
        let tombstones = self.tombstones(tenant).await?;
        if !page.entries.iter().any(|entity| tombstones.hides(entity, now)) {
            return Ok(page);
        }
        let hidden = page.entries.iter().filter_map(|entity| tombstones.unreadable(entity.plan()?));
        let hidden: Vec<(usize, Unreadable)> = hidden.map(|unreadable| (0, unreadable.clone())).collect();
        // A page is full unless it is the last, so it is read again without the hidden entries.
        let tombstones = Arc::new(tombstones);
        let ranges = ranges().into_iter().map(|range| {
            let tombstones = Arc::clone(&tombstones);
            range.keeping(move |entity| !tombstones.hides(entity, now))
        });
        let mut page = self.page(ranges.collect(), size).await?;
        page.unreadable.extend(hidden);
        Ok(page)
    }

    /// The targets of a plan as they are now, and the checks that refuse a transaction if they change.
    ///
    /// # Errors
    /// ABORTED if others keep changing them.
    pub(crate) async fn targets_to_keep(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
    ) -> Result<(Vec<Target>, Vec<Write>), Error> {
        for _ in 0..LOOKS {
            let item = self.get(keys::dependents(tenant, plan)).await?;
            let counted = item
                .map(|item| self.noting(ChildCounts::from_item(item)))
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
                let checks = targets
                    .iter()
                    .map(|target| Write::check_version(keys::target(tenant, &target.id), Some(target.version)));
                let mut checks: Vec<Write> = checks.collect();
                let condition = match counted {
                    0 => "attribute_not_exists(targets) OR targets = :counted",
                    _ => "targets = :counted",
                };
                let key = keys::dependents(tenant, plan);
                checks.push(Write::check(key, condition).number(":counted", counted));
                return Ok((targets, checks));
            }
            // An index may not show yet what was added or deleted a moment ago.
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Err(keeps_changing(&tenant.name_of(plan)))
    }

    /// Deletes the plan `id`, if `check` agrees, and the children that `with_it` allows.
    ///
    /// If interrupted while it deletes children, call it again to resume.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `check`; FAILED_PRECONDITION if the plan has children that may not be deleted with it;
    /// ABORTED if others keep changing it; UNAVAILABLE if something is still to be deleted: repeat it.
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
            let dependents = dependents.map(|item| self.noting(ChildCounts::from_item(item))).transpose()?;
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
            let deletion = deletion(tenant, &plan, &record, with_it, author)?;
            match self.transact(deletion).await? {
                Outcome::Written if dependents.total() == 0 => return Ok(()),
                Outcome::Written => return self.delete_dependents(tenant, id, author).await,
                Outcome::Refused(refused) => {
                    if refused.has(Refusal::TombstonesFull) {
                        self.tidy_tombstones(tenant, author.now).await?;
                    }
                }
            }
        }
        Err(keeps_changing(&name))
    }

    /// Removes expired entries from the full list of deletions, and counts the rest: a plan that was deleted twice was
    /// counted twice.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED if the list stays full.
    async fn tidy_tombstones(&self, tenant: &Tenant, now: Timestamp) -> Result<(), Error> {
        let item = self.get(keys::deletions(tenant)).await?.unwrap_or_default();
        let tombstones = self.tombstones_in(tenant, &item);
        let counted = item.get(ENTRIES).cloned();
        let over: Vec<String> = tombstones.over(now).map(deletion_attribute).collect();
        let left = tombstones.len() - over.len();
        if left >= MAX_DELETIONS {
            let message = format!(
                "{MAX_DELETIONS} plans of the profile are being deleted with what hangs on them, or were within five minutes, \
                 which is the most; repeat the request in some minutes"
            );
            return Err(Error::new(Reason::DeletionsFull, message).with("limit", MAX_DELETIONS.to_string()));
        }
        let left = i64::try_from(left).map_err(Error::internal)?;
        // If refused, somebody else did the same, or another deletion has begun; the list is read again.
        self.set_count(keys::deletions(tenant), ENTRIES, counted, left, &over).await
    }

    /// Sets the count `attribute` of the item at `key` to what is `right`, unless it has changed since it was `read`,
    /// and removes the attributes `removed` with it.
    pub(crate) async fn set_count(
        &self,
        key: Key,
        attribute: &str,
        read: Option<AttributeValue>,
        right: i64,
        removed: &[String],
    ) -> Result<(), Error> {
        let names: Vec<String> = (0..removed.len()).map(|number| format!("#removed{number}")).collect();
        let remove = if names.is_empty() { String::new() } else { format!(" REMOVE {}", names.join(", ")) };
        let update = Write::update(key, format!("SET {attribute} = :right{remove}")).number(":right", right);
        let update = match read {
            None => update.when(format!("attribute_not_exists({attribute})")),
            Some(read) => update.when(format!("{attribute} = :read")).value(":read", read),
        };
        let update = names.into_iter().zip(removed).fold(update, |update, (name, removed)| update.name(name, removed));
        self.transact(Transaction::of(update, Refusal::Changed)).await.map(|_| ())
    }

    /// The numbers of children of each of `plans`, without plans that do not exist or whose counts cannot be read.
    pub(crate) async fn child_counts(
        &self,
        tenant: &Tenant,
        plans: &BTreeSet<CoachingPlanId>,
    ) -> Result<BTreeMap<CoachingPlanId, ChildCounts>, Error> {
        let keys = plans.iter().map(|plan| keys::dependents(tenant, plan)).collect();
        let counts = self.batch_read(keys, true, |item| {
            let mut item = Attributes::of(item);
            Ok((item.last_of_key()?, ChildCounts::read(&mut item)?))
        });
        Ok(counts.await?.entries.into_iter().collect())
    }

    /// Corrects the counts of acknowledged sessions from `sessions`, which were read after the counts in `read`;
    /// returns whether one differed. A plan with another number of sessions stays as it is: an index may not show yet
    /// what was created or deleted a moment ago.
    pub(crate) async fn put_acknowledged_right<'a>(
        &self,
        tenant: &Tenant,
        read: BTreeMap<CoachingPlanId, ChildCounts>,
        sessions: impl Iterator<Item = &'a CoachingSession>,
    ) -> Result<bool, Error> {
        let mut found: BTreeMap<&CoachingPlanId, (i64, i64)> = BTreeMap::new();
        for session in sessions {
            let (all, acknowledged) = found.entry(&session.plan).or_default();
            *all += 1;
            *acknowledged += i64::from(session.acknowledge_time.is_some());
        }
        let mut differed = false;
        for (plan, read) in read {
            let (all, acknowledged) = found.get(&plan).copied().unwrap_or_default();
            if read.deleting || all != read.sessions || acknowledged == read.acknowledged {
                continue;
            }
            let attribute = Child::AcknowledgedSession.attribute();
            let as_read = match read.acknowledged {
                0 => format!("(attribute_not_exists({attribute}) OR {attribute} = :read)"),
                _ => format!("{attribute} = :read"),
            };
            let update = Write::update(keys::dependents(tenant, &plan), format!("SET {attribute} = :right"))
                .when(format!("attribute_exists({PK}) AND {as_read}"))
                .number(":read", read.acknowledged)
                .number(":right", acknowledged);
            differed |= self.transact(Transaction::of(update, Refusal::Changed)).await?.is_written();
        }
        Ok(differed)
    }

    /// Deletes the children of a plan that is being deleted, a transaction at a time, until the count is zero. The
    /// transaction that deletes the last of them also ends the deletion.
    async fn delete_dependents(&self, tenant: &Tenant, id: &CoachingPlanId, author: Author<'_>) -> Result<(), Error> {
        let mut looks = 0;
        loop {
            let key = keys::dependents(tenant, id);
            let (left, (mut pending, unreadable)) =
                tokio::try_join!(self.get(key), self.pending_deletions(tenant, id))?;
            let left = left.map(|item| self.noting(ChildCounts::from_item(item))).transpose()?;
            let Some(left) = left.filter(|left| !left.deleted) else { return Ok(()) };
            if left.total() == 0 {
                // An index may still show deleted children.
                pending.clear();
            }
            if let (true, Some(unreadable)) = (pending.is_empty() && left.total() > 0, unreadable) {
                return Err(unreadable.into());
            }
            let is_last = i64::try_from(pending.len()).is_ok_and(|count| count == left.total());
            if is_last || !pending.is_empty() {
                let mut deletion = self.deletion_of(tenant, id, pending, is_last.then_some(&left), author).await?;
                if is_last {
                    deletion.add_unconditional([end_deletion(tenant, id, hidden_until(author.now))]);
                }
                if self.transact(deletion).await?.is_written() {
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

    /// Some children of a plan, as many as one transaction deletes; and one that cannot be read, if there is any: it is
    /// not deleted, because its history could not record it.
    async fn pending_deletions(
        &self,
        tenant: &Tenant,
        id: &CoachingPlanId,
    ) -> Result<(Vec<PendingDeletion>, Option<Unreadable>), Error> {
        fn of_plan<T>(partition: String) -> Vec<Range<T>> {
            vec![Range::new(ListIndex::Plan, partition, Filter::default(), None)]
        }
        let sessions = self.page(of_plan::<CoachingSession>(keys::sessions_of_plan(tenant, id)), DELETED_AT_ONCE);
        let comments = self.page(of_plan::<CoachingComment>(keys::comments_of_plan(tenant, id)), DELETED_AT_ONCE);
        let targets = self.page(of_plan::<Target>(keys::targets_of_plan(tenant, id)), DELETED_AT_ONCE);
        let (sessions, comments, targets) = tokio::try_join!(sessions, comments, targets)?;
        let unreadable = sessions.unreadable().chain(comments.unreadable()).chain(targets.unreadable()).next().cloned();
        fn with_bytes<T>(
            page: Page<T>,
            pending: impl Fn(Box<T>) -> PendingDeletion,
        ) -> impl Iterator<Item = (usize, PendingDeletion)> {
            let entries = page.entries.into_iter().zip(page.places);
            entries.map(move |(entry, place)| (place.bytes, pending(Box::new(entry))))
        }
        let all = with_bytes(sessions, PendingDeletion::Session);
        let all = all
            .chain(with_bytes(comments, PendingDeletion::Comment))
            .chain(with_bytes(targets, PendingDeletion::Target));
        let mut total = 0;
        let fitting = all.enumerate().take_while(|(number, (bytes, _))| {
            total += bytes + BYTES_BESIDE;
            *number == 0 || (*number < DELETED_AT_ONCE && total <= MAX_BYTES_AT_ONCE)
        });
        Ok((fitting.map(|(_, (_, pending))| pending).collect(), unreadable))
    }

    /// The transaction that deletes `pending`; if they are all that is `left`, it also ends the count.
    async fn deletion_of(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        pending: Vec<PendingDeletion>,
        left: Option<&ChildCounts>,
        author: Author<'_>,
    ) -> Result<Transaction, Error> {
        let mut deletion = Transaction::default();
        let kinds = [Child::Session, Child::AcknowledgedSession, Child::Comment, Child::Target];
        let mut removed = kinds.map(|kind| (kind, 0));
        let [(_, sessions), (_, acknowledged), (_, comments), (_, targets)] = &mut removed;
        let mut held = Vec::new();
        for pending in pending {
            match pending {
                PendingDeletion::Session(session) => {
                    *sessions += 1;
                    *acknowledged += usize::from(session.acknowledge_time.is_some());
                    entity::delete(&mut deletion, tenant, &*session, author);
                    let mark = PlacedMark::of_session(&session);
                    deletion.add_unconditional(activity::replace(tenant, mark.as_ref(), None));
                    held.extend(HeldSession::of(&session));
                }
                PendingDeletion::Comment(comment) => {
                    *comments += 1;
                    entity::delete(&mut deletion, tenant, &*comment, author);
                }
                PendingDeletion::Target(target) => {
                    *targets += 1;
                    entity::delete(&mut deletion, tenant, &*target, author);
                }
            }
        }
        self.uncount_sessions(&mut deletion, tenant, held).await?;
        let removed: Vec<(Child, usize)> = removed.into_iter().filter(|(_, count)| *count > 0).collect();
        let count = match left {
            None => remove_all(tenant, plan, &removed),
            Some(left) => end(tenant, plan, left, author.now),
        };
        deletion.add(count, Refusal::Changed);
        Ok(deletion)
    }
}

/// The write of the counts of a new plan. It is refused for five minutes after a plan of the same id was deleted with
/// its children.
pub(crate) fn begin(tenant: &Tenant, plan: &CoachingPlan, now: Timestamp) -> Write {
    let item = Item::at(keys::dependents(tenant, &plan.id))
        .text("agent", plan.agent.as_str())
        .optional_text("usecase", plan.usecase.as_ref());
    Write::put(item)
        .when(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now"))
        .number(":now", now.unix_seconds())
}

/// The write that adds one to each count of `kinds` on `plan`. It is refused, with the item of the counts, unless the
/// plan exists and is `agent`'s; if the usecase was inherited from it, unless it has that `usecase`; and, for a target,
/// unless there is room for one more.
pub(crate) fn add(
    tenant: &Tenant,
    plan: &CoachingPlanId,
    kinds: &[Child],
    agent: &UserId,
    usecase: Option<Option<&UsecaseId>>,
) -> Write {
    let mut condition = "#agent = :agent AND attribute_not_exists(deleting)".to_owned();
    let counted: Vec<String> = kinds.iter().map(|kind| format!("{} :one", kind.attribute())).collect();
    let mut update = Write::update(keys::dependents(tenant, plan), format!("ADD {}", counted.join(", ")))
        .number(":one", 1)
        // `agent` is a reserved word of DynamoDB's expressions.
        .name("#agent", "agent")
        .text(":agent", agent.as_str())
        .showing_item();
    match usecase {
        Some(Some(usecase)) => {
            condition.push_str(" AND usecase = :usecase");
            update = update.text(":usecase", usecase.as_str());
        }
        Some(None) => condition.push_str(" AND attribute_not_exists(usecase)"),
        None => {}
    }
    if kinds.contains(&Child::Target) {
        condition.push_str(" AND (attribute_not_exists(targets) OR targets < :most)");
        update = update.number(":most", MAX_TARGETS_OF_PLAN);
    }
    update.when(condition)
}

/// Whether the plan that `item` counts for is `agent`'s, and is not being deleted.
pub(crate) fn takes_children_of(item: &HashMap<String, AttributeValue>, agent: &UserId) -> bool {
    item.get("agent") == Some(&AttributeValue::S(agent.to_string())) && !item.contains_key("deleting")
}

/// The write that takes one off each count of `kinds` on `plan`.
pub(crate) fn remove(tenant: &Tenant, plan: &CoachingPlanId, kinds: &[Child]) -> Write {
    let removed: Vec<(Child, usize)> = kinds.iter().map(|kind| (*kind, 1)).collect();
    remove_all(tenant, plan, &removed)
}

/// Adds the write that changes the counts if `before` and `after` differ in whether the session is acknowledged. An
/// acknowledgement is refused while the plan is being deleted.
pub(crate) fn count_acknowledged(
    transaction: &mut Transaction,
    tenant: &Tenant,
    before: &CoachingSession,
    after: &CoachingSession,
) {
    let acknowledged = [Child::AcknowledgedSession];
    match (before.acknowledge_time.is_some(), after.acknowledge_time.is_some()) {
        (false, true) => {
            let add = add(tenant, &after.plan, &acknowledged, &after.agent, None);
            transaction.add(add, Refusal::PlanTakesNoChild);
        }
        (true, false) => {
            transaction.add(remove(tenant, &after.plan, &acknowledged), Refusal::Changed);
        }
        _ => {}
    }
}

fn remove_all(tenant: &Tenant, plan: &CoachingPlanId, removed: &[(Child, usize)]) -> Write {
    let terms = removed.iter().map(|(kind, _)| format!("{name} :{name}", name = kind.attribute()));
    let expression = format!("ADD {}", terms.collect::<Vec<_>>().join(", "));
    let update = Write::update(keys::dependents(tenant, plan), expression).when(format!("attribute_exists({PK})"));
    removed
        .iter()
        .fold(update, |update, (kind, count)| update.number(format!(":{}", kind.attribute()), format!("-{count}")))
}

/// The write that ends the counts and lets them expire; refused unless exactly what is `left` is counted.
fn end(tenant: &Tenant, plan: &CoachingPlanId, left: &ChildCounts, now: Timestamp) -> Write {
    let expression = format!("SET {EXPIRES_AT} = :until REMOVE sessions, acknowledged, comments, targets");
    let mut update = Write::update(keys::dependents(tenant, plan), expression).number(":until", hidden_until(now));
    let mut counted = vec![format!("attribute_exists({PK})")];
    for (name, count) in [("sessions", left.sessions), ("comments", left.comments), ("targets", left.targets)] {
        counted.push(match count {
            0 => format!("(attribute_not_exists({name}) OR {name} = :{name})"),
            _ => format!("{name} = :{name}"),
        });
        update = update.number(format!(":{name}"), count);
    }
    update.when(counted.join(" AND "))
}

/// The transaction that deletes a plan, and its counts or, if it has children, starts the deletion of those that go
/// `with_it`.
fn deletion(
    tenant: &Tenant,
    plan: &CoachingPlan,
    record: &Record,
    with_it: Option<DeletedWithPlan>,
    author: Author<'_>,
) -> Result<Transaction, Error> {
    let mut deletion = Transaction::default();
    entity::delete(&mut deletion, tenant, plan, author);
    let author = author.not_before(plan.last_change());
    if plan.is_active {
        agents::end_plan(&mut deletion, tenant, record, plan, author.now)?;
    }
    let dependents = keys::dependents(tenant, &plan.id);
    if let Some(with_it) = with_it {
        let mark = Write::update(dependents, "SET deleting = :deleting").text(":deleting", author.now.to_string());
        if with_it == DeletedWithPlan::AllButAcknowledged {
            let none = mark.when("attribute_not_exists(acknowledged) OR acknowledged = :none").number(":none", 0);
            deletion.add(none, Refusal::Changed);
        } else {
            deletion.add_unconditional([mark]);
        }
        deletion.add(begin_deletion(tenant, &plan.id), Refusal::TombstonesFull);
    } else {
        let none =
            ["sessions", "comments", "targets"].map(|name| format!("(attribute_not_exists({name}) OR {name} = :none)"));
        let delete = Write::delete(dependents).when(none.join(" AND ")).number(":none", 0);
        deletion.add(delete, Refusal::Changed);
    }
    Ok(deletion)
}

/// The write that adds a plan to the list of deletions until all of it is deleted; refused if the list is full.
fn begin_deletion(tenant: &Tenant, plan: &CoachingPlanId) -> Write {
    Write::update(keys::deletions(tenant), format!("SET #plan = :until ADD {ENTRIES} :one"))
        .when(format!("attribute_not_exists({ENTRIES}) OR {ENTRIES} < :most"))
        .name("#plan", deletion_attribute(plan))
        .number(":until", 0)
        .number(":one", 1)
        .number(":most", MAX_DELETIONS)
}

/// The write that keeps a plan in the list of deletions until a time, in Unix seconds.
fn end_deletion(tenant: &Tenant, plan: &CoachingPlanId, until: i64) -> Write {
    Write::update(keys::deletions(tenant), "SET #plan = :until")
        .name("#plan", deletion_attribute(plan))
        .number(":until", until)
}

fn deletion_attribute(plan: &CoachingPlanId) -> String {
    format!("{}{plan}", keys::DELETED_PLAN)
}
