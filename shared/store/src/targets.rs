//! Targets in the table. A plan's target also stands in the record of the plan's agent, written in the
//! same transaction, because progress reads an agent's record anyway.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use coaching_domain::names::{self, CoachingPlanId, TargetId, UsecaseId};
use coaching_domain::target::Target;
use coaching_domain::{Code, Error, Tenant, Timestamp};

use crate::Store;
use crate::dependents::{Dependent, OnPlan};
use crate::failure::corrupt;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, LIST_ORDER, ListIndex, ListPosition};
use crate::list::{Filter, Listed, Page, Range};
use crate::requests::{Created, RequestRecord};
use crate::transaction::Outcome;

/// What begins the attributes of an agent's record that hold targets of their plans.
pub(crate) const TARGET_ATTRIBUTE: &str = "target#";

/// Which targets of a profile are wanted: those that match everything that is named.
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
    /// Creates `target`, or answers what the same `request` created before.
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; FAILED_PRECONDITION if the plan is gone; INVALID_ARGUMENT if
    /// the request's id was used for another.
    pub async fn create_target(
        &self,
        tenant: &Tenant,
        target: &Target,
        request: Option<&RequestRecord>,
        time: Timestamp,
    ) -> Result<Created<names::Target>, Error> {
        let created = Created { id: target.id.clone(), time, usecase: Some(target.usecase.clone()) };
        let mut writes = vec![self.put_new(to_item(tenant, target))?];
        if let (Some(plan), Some(agent)) = (&target.plan, &target.agent) {
            writes.push(self.add_dependent(tenant, plan, Dependent::Target, agent, None)?);
            writes.extend(self.keep_with_agent(tenant, target)?);
        }
        if let Some(request) = request {
            writes.push(self.record_request(tenant, request, &created)?);
        }
        let last = writes.len().checked_sub(1);
        let failed = match self.transact(writes).await? {
            Outcome::Written => return Ok(created),
            Outcome::Refused(failed) => failed,
        };
        let taken = failed.iter().any(|condition| condition.index == 0);
        // The request's record comes last.
        let recorded = failed.into_iter().rfind(|condition| Some(condition.index) == last).and_then(|one| one.item);
        if let (Some(request), Some(item)) = (request, recorded) {
            return request.answer_from(item);
        }
        if taken {
            return Err(Error::already_exists(&tenant.name_of(&target.id)));
        }
        Err(Error::new(
            Code::FailedPrecondition,
            "COACHING_PLAN_NOT_FOUND",
            "coachingPlanName: the plan does not exist",
        ))
    }

    /// The target `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn target(&self, tenant: &Tenant, id: &TargetId, now: Timestamp) -> Result<Option<Target>, Error> {
        self.get_unless_deleted(tenant, keys::target(tenant, id), now).await
    }

    /// Writes `target` over the version that was read; says whether it still was that one.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn replace_target(&self, tenant: &Tenant, target: &Target) -> Result<bool, Error> {
        let next = Target { version: target.version + 1, ..target.clone() };
        let mut writes = vec![self.replace(to_item(tenant, &next), target.version)?];
        writes.extend(self.keep_with_agent(tenant, &next)?);
        Ok(matches!(self.transact(writes).await?, Outcome::Written))
    }

    /// Deletes the version of `target` that was read; says whether it still was that one.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn delete_target(&self, tenant: &Tenant, target: &Target) -> Result<bool, Error> {
        let mut writes = vec![self.target_deletion(tenant, target)?];
        if let Some(agent) = &target.agent {
            writes.push(self.remove_attributes(keys::agent(tenant, agent), &[target_attribute(&target.id)])?);
        }
        if let Some(plan) = &target.plan {
            writes.push(self.remove_dependent(tenant, plan, Dependent::Target)?);
        }
        Ok(matches!(self.transact(writes).await?, Outcome::Written))
    }

    /// The write that deletes the version of `target` that was read.
    pub(crate) fn target_deletion(&self, tenant: &Tenant, target: &Target) -> Result<TransactWriteItem, Error> {
        self.delete_version(keys::target(tenant, &target.id), target.version)
    }

    /// The first `size` targets after `after` that match `filter`, the newest first.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn targets(
        &self,
        tenant: &Tenant,
        filter: &TargetFilter,
        after: Option<&ListPosition>,
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

    /// The organisation's targets for a usecase.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn organisation_targets(&self, tenant: &Tenant, usecase: &UsecaseId) -> Result<Vec<Target>, Error> {
        let partition = keys::targets_of_usecase(tenant, usecase);
        self.all(Range::new(ListIndex::Usecase, partition, Filter::default(), None)).await
    }

    /// Keeps a plan's target in the record of the plan's agent.
    fn keep_with_agent(&self, tenant: &Tenant, target: &Target) -> Result<Option<TransactWriteItem>, Error> {
        let Some(agent) = &target.agent else { return Ok(None) };
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::agent(tenant, agent))))
            .update_expression("SET #target = :target")
            .expression_attribute_names("#target", target_attribute(&target.id))
            .expression_attribute_values(":target", AttributeValue::S(target.to_attribute()));
        Ok(Some(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build()))
    }
}

fn to_item(tenant: &Tenant, target: &Target) -> Item {
    let item = Item::at(keys::target(tenant, &target.id))
        .text(ListIndex::Profile.partition_attribute(), keys::targets_of_profile(tenant))
        .text(LIST_ORDER, ListPosition::latest_first(target.create_time, &target.id).as_str())
        .version(target.version)
        .text("template", target.template.as_str())
        .text("part", &target.criterion_or_chapter_id)
        .text("usecase", target.usecase.as_str())
        .optional_text("plan", target.plan.as_ref())
        .optional_text("agent", target.agent.as_ref())
        .texts("history", target.history.iter().flat_map(|(from, value)| [from.to_string(), value.to_string()]))
        .text("create_time", target.create_time.to_string())
        .text("update_time", target.update_time.to_string());
    match &target.plan {
        Some(plan) => item.text(ListIndex::Plan.partition_attribute(), keys::targets_of_plan(tenant, plan)),
        None => item.text(ListIndex::Usecase.partition_attribute(), keys::targets_of_usecase(tenant, &target.usecase)),
    }
}

/// The attribute of an agent's record that holds a target of a plan of theirs.
pub(crate) fn target_attribute(id: &TargetId) -> String {
    format!("{TARGET_ATTRIBUTE}{id}")
}

impl OnPlan for Target {
    fn plan(&self) -> Option<&CoachingPlanId> {
        self.plan.as_ref()
    }
}

impl Listed for Target {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error> {
        let mut item = Attributes(item);
        // Times and values take turns.
        let history = item.texts("history")?;
        let history = history.chunks(2).map(|pair| match pair {
            [from, value] => Some((Timestamp::parse(from)?, value.parse().ok()?)),
            _ => None,
        });
        Ok(Self {
            id: item.last_of_key()?,
            version: item.number("version")?,
            template: item.id("template")?,
            criterion_or_chapter_id: item.text("part")?,
            usecase: item.id("usecase")?,
            plan: item.optional_id("plan")?,
            agent: item.optional_id("agent")?,
            history: history.collect::<Option<_>>().ok_or_else(|| corrupt("history"))?,
            create_time: item.time("create_time")?,
            update_time: item.time("update_time")?,
        })
    }
}
