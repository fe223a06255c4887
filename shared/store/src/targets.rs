//! Targets in the table. A target of an active plan is also in the record of the plan's agent, written in the same
//! transaction, because progress reads an agent's record anyway. There is one target for each plan, or the
//! organisation, usecase, template and part of it: an item at its place names it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::{Author, Document};
use coaching_domain::names::{self, CoachingPlanId, TargetId, UsecaseId};
use coaching_domain::plan::plan_not_found;
use coaching_domain::progress::Span;
use coaching_domain::target::Target;
use coaching_domain::{Error, Reason, Tenant, Timestamp, Version};

use crate::Store;
use crate::agents::{self, MAX_TARGETS, targets_full, targets_of_plan_full};
use crate::dependents::{self, Child, ChildOfPlan};
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::entity::{self, Entity};
use crate::engine::transaction::{Outcome, Refusal, Refused, Transaction};
use crate::engine::write::Write;
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, Key, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, Page, Range};
use crate::past;
use crate::target_items::{self, item_at};
use crate::unreadable::{Found, Unreadable};

/// Selects targets of a profile: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct TargetFilter {
    /// Of any of these usecases.
    pub usecases: Vec<UsecaseId>,
    /// Of any of these plans.
    pub plans: Vec<CoachingPlanId>,
    /// For any of these templates.
    pub templates: Vec<names::ScorecardTemplateId>,
}

impl Store {
    /// Creates `target` for `request` ([`Store::once`]).
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken, or there is a target of the same plan, or of the organisation, for the same
    /// usecase, template and part of it; FAILED_PRECONDITION if the plan is gone, or it or its agent's plans have the
    /// most targets allowed; ABORTED if others keep changing the agent's plans, or the request was answered before.
    pub async fn create_target(
        &self,
        tenant: &Tenant,
        target: &Target,
        request: Option<&IdempotencyRecord>,
        author: Author<'_>,
    ) -> Result<Created<names::Target>, Error> {
        let usecase = Some(target.usecase.clone());
        let created = Created { id: target.id.clone(), time: author.now, usecase, revision: None, consistency: None };
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let mut transaction = entity::creation(tenant, target, author);
            transaction.add(take_place(tenant, target), Refusal::TargetPlaceTaken);
            if let (Some(plan), Some(agent)) = (&target.plan, &target.agent) {
                let record = self.record(tenant, agent).await?;
                if record.plan(plan).is_some() && record.target_count() >= MAX_TARGETS {
                    return Err(targets_full());
                }
                let add = dependents::add(tenant, plan, &[Child::Target], agent, None);
                transaction.add(add, Refusal::PlanTakesNoChild);
                let kept = record.plan(plan).map(|plan| plan.targets.clone()).unwrap_or_default();
                let kept: Vec<Target> = kept.into_iter().chain([target.clone()]).collect();
                transaction.add(agents::keep_targets(tenant, &record, plan, &kept)?, Refusal::Changed);
            }
            match self.create(tenant, transaction, request, &created).await? {
                Outcome::Written => return Ok(created),
                Outcome::Refused(refused) => not_created(tenant, target, &refused)?,
            }
        }
        Err(keeps_changing(&tenant.name_of(&target.id)))
    }

    /// The target `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn target(&self, tenant: &Tenant, id: &TargetId, now: Timestamp) -> Result<Option<Target>, Error> {
        self.get_unless_deleted(tenant, keys::target(tenant, id), now).await
    }

    /// The targets `ids` as of within about a second, in no order, without those that do not exist.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn targets_by_id(&self, tenant: &Tenant, ids: &[TargetId]) -> Result<Found<Target>, Error> {
        if ids.is_empty() {
            return Ok(Found::default());
        }
        let keys = ids.iter().map(|id| keys::target(tenant, id)).collect();
        self.batch_read(keys, false, Target::from_item).await
    }

    /// Applies `change` to the target `id`. It returns whether it changed anything, and may be called several times:
    /// with each state that others leave the target in before this change is written, and the time of the change.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `change`; ABORTED if others keep changing it.
    pub async fn change_target(
        &self,
        tenant: &Tenant,
        id: &TargetId,
        author: Author<'_>,
        change: impl Fn(&mut Target, Timestamp) -> Result<bool, Error>,
    ) -> Result<Target, Error> {
        self.change(tenant, id, None, author, change).await
    }

    /// Deletes the target `id`, if `check` agrees.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `check`; ABORTED if others keep changing it.
    pub async fn delete_target(
        &self,
        tenant: &Tenant,
        id: &TargetId,
        author: Author<'_>,
        check: impl Fn(&Target) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.delete(tenant, id, author, check).await
    }

    /// The first `size` targets after `after` that match `filter`, the newest first.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn targets(
        &self,
        tenant: &Tenant,
        filter: &TargetFilter,
        after: Option<&Cursor>,
        size: usize,
        now: Timestamp,
    ) -> Result<Page<Target>, Error> {
        let rest = Filter::default().any_of("usecase", &filter.usecases).any_of("template", &filter.templates);
        let range = |index, partition| Range::new(index, partition, rest.clone(), after);
        let ranges = || match filter.plans.as_slice() {
            [] => vec![range(ListIndex::Profile, keys::targets_of_profile(tenant))],
            plans => plans.iter().map(|plan| range(ListIndex::Plan, keys::targets_of_plan(tenant, plan))).collect(),
        };
        self.page_unless_deleted(tenant, ranges, size, now).await
    }

    /// The organisation's targets for a usecase; for a window that is over, also those that were deleted after its end.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn organisation_targets(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        span: Span,
    ) -> Result<Found<Target>, Error> {
        let partition = keys::targets_of_usecase(tenant, usecase);
        let targets = self.all(Range::new(ListIndex::Usecase, partition, Filter::default(), None));
        if !span.is_over {
            return targets.await;
        }
        let deleted = Box::pin(self.past_organisation_targets(tenant, usecase, span.at));
        let (targets, deleted) = tokio::try_join!(targets, deleted)?;
        Ok(targets.and(deleted))
    }
}

impl Entity for Target {
    type Collection = names::Target;
    type Learned = ();

    fn key(tenant: &Tenant, id: &TargetId) -> Key {
        keys::target(tenant, id)
    }

    fn id(&self) -> &TargetId {
        &self.id
    }

    fn version(&self) -> Version {
        self.version
    }

    fn last_change(&self) -> Timestamp {
        self.update_time
    }

    fn follow(&mut self, before: &Self) {
        self.version = before.version.next();
    }

    fn to_item(&self, tenant: &Tenant) -> Item {
        to_item(tenant, self)
    }

    /// None: it keeps its past values itself.
    fn document(&self, _tenant: &Tenant) -> Option<Document> {
        None
    }

    async fn find(store: &Store, tenant: &Tenant, id: &TargetId, now: Timestamp) -> Result<Option<Self>, Error> {
        store.target(tenant, id, now).await
    }

    /// Frees its place, and keeps its past for windows that are over.
    fn deleted_with(&self, tenant: &Tenant, now: Timestamp) -> Vec<Write> {
        let place = Write::delete(place_of(tenant, self));
        std::iter::once(place).chain(past::put_target(tenant, self, now)).collect()
    }

    /// Adds the changes to its agent's record and, if it is deleted, to its plan's count.
    async fn write_beside(
        store: &Store,
        transaction: &mut Transaction,
        tenant: &Tenant,
        (before, after): (&Self, Option<&Self>),
        _now: Timestamp,
        (): &(),
    ) -> Result<(), Error> {
        let (Some(plan), Some(agent)) = (&before.plan, &before.agent) else { return Ok(()) };
        let record = store.record(tenant, agent).await?;
        let kept = record.plan(plan).map(|plan| plan.targets.as_slice()).unwrap_or_default();
        let others = kept.iter().filter(|kept| kept.id != before.id);
        let kept: Vec<Self> = others.chain(after).cloned().collect();
        transaction.add(agents::keep_targets(tenant, &record, plan, &kept)?, Refusal::Changed);
        if after.is_none() {
            transaction.add(dependents::remove(tenant, plan, &[Child::Target]), Refusal::Changed);
        }
        Ok(())
    }
}

/// The write that makes `target` the one for its plan or the organisation, usecase, template and part; refused with the
/// item of the existing one.
fn take_place(tenant: &Tenant, target: &Target) -> Write {
    Write::put_new(Item::at(place_of(tenant, target)).text("target", target.id.as_str())).showing_item()
}

/// Returns why `target` is not created, unless only its agent's plans have changed since they were read.
fn not_created(tenant: &Tenant, target: &Target, refused: &Refused) -> Result<(), Error> {
    if refused.has(Refusal::TargetPlaceTaken) {
        let item = refused.item(Refusal::TargetPlaceTaken).cloned();
        Err(place_taken(tenant, item.unwrap_or_default())?)
    } else if refused.has(Refusal::PlanTakesNoChild) {
        Err(plan_takes_no_target(target, refused.item(Refusal::PlanTakesNoChild)))
    } else {
        Ok(())
    }
}

fn place_of(tenant: &Tenant, target: &Target) -> keys::Key {
    let Target { usecase, template, plan, criterion_or_chapter_id, .. } = target;
    keys::target_place(tenant, usecase, template, plan.as_ref(), criterion_or_chapter_id)
}

/// ALREADY_EXISTS, naming the target that the `item` of a place names.
fn place_taken(tenant: &Tenant, item: HashMap<String, AttributeValue>) -> Result<Error, Error> {
    let first: TargetId = Attributes::of(item).id("target")?;
    let first = tenant.name_of(&first);
    let message = format!(
        "there is a target for the same usecase, template, criterion or chapter and plan: '{first}'; change that one"
    );
    Ok(Error::new(Reason::TargetExists, message).with("resourceName", first))
}

/// Why the plan of `target`, with its counts in `item`, does not take it.
fn plan_takes_no_target(target: &Target, item: Option<&HashMap<String, AttributeValue>>) -> Error {
    let takes_children = |item| target.agent.as_ref().is_some_and(|agent| dependents::takes_children_of(item, agent));
    if item.is_some_and(takes_children) { targets_of_plan_full() } else { plan_not_found() }
}

fn to_item(tenant: &Tenant, target: &Target) -> Item {
    let item = item_at(keys::target(tenant, &target.id), target)
        .text(ListIndex::Profile.partition_attribute(), keys::targets_of_profile(tenant))
        .text(LIST_ORDER, Cursor::latest_first(target.create_time, &target.id).as_str());
    match &target.plan {
        Some(plan) => item.text(ListIndex::Plan.partition_attribute(), keys::targets_of_plan(tenant, plan)),
        None => item.text(ListIndex::Usecase.partition_attribute(), keys::targets_of_usecase(tenant, &target.usecase)),
    }
}

impl ChildOfPlan for Target {
    fn plan(&self) -> Option<&CoachingPlanId> {
        self.plan.as_ref()
    }
}

impl Listed for Target {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let id = item.last_of_key()?;
        target_items::read(id, &mut item)
    }
}
