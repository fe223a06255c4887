//! Coaching plans in the table.

use std::borrow::Borrow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::{Author, Change, Document};
use coaching_domain::names::{self, CoachingPlanId, ScorecardId, UsecaseId, UserId};
use coaching_domain::plan::{CoachingPlan, FocusCriterion};
use coaching_domain::session::CoachingSession;
use coaching_domain::{Error, Reason, Tenant, Timestamp, Version};
use futures_util::stream::{StreamExt, iter};
use serde_json::{Map, Value};

use crate::Store;
use crate::agents::{self, plans_full};
use crate::changes;
use crate::dependents;
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::entity::{self, Entity};
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, Key, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, MAX_READ_BYTES, Page, PartlyShown, Range, SeenByAgent};
use crate::scorecards::{self, ScorecardChange};
use crate::sessions::SessionFilter;
use crate::unreadable::{Found, Unreadable};

/// The most agents whose plans are read one by one; for more, those of the usecases or the profile are filtered.
const MAX_AGENT_RANGES: usize = 20;

/// Selects plans of a profile: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct PlanFilter {
    /// Of any of these agents; absent: of any.
    pub agents: Option<Vec<UserId>>,
    /// Active, or not.
    pub is_active: Option<bool>,
    /// Of any of these usecases; empty: of any usecase or none.
    pub usecases: Vec<UsecaseId>,
    /// That work on any of these criteria; empty: on any or none.
    pub focus_criteria: Vec<FocusCriterion>,
    /// As an agent sees them: fields that are hidden from the agent do not decide how many plans fit on a page.
    pub as_agent: bool,
}

impl PlanFilter {
    fn matches(&self, plan: &CoachingPlan) -> bool {
        self.agents.as_ref().is_none_or(|agents| agents.contains(&plan.agent))
            && self.is_active.is_none_or(|active| plan.is_active == active)
            && (self.usecases.is_empty() || plan.usecase.as_ref().is_some_and(|one| self.usecases.contains(one)))
            && (self.focus_criteria.is_empty()
                || plan.focus_criteria.iter().any(|focus| self.focus_criteria.contains(focus)))
    }
}

impl Store {
    /// Creates `plan` for `request` ([`Store::once`]).
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; FAILED_PRECONDITION if a plan of that id was deleted moments ago with its
    /// children; ABORTED if the request was answered before.
    pub async fn create_plan(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlan,
        request: Option<&IdempotencyRecord>,
        author: Author<'_>,
    ) -> Result<Created<names::CoachingPlan>, Error> {
        let usecase = plan.usecase.clone();
        let created = Created { id: plan.id.clone(), time: author.now, usecase, revision: None, consistency: None };
        let mut transaction = entity::creation(tenant, plan, author);
        transaction.add(dependents::begin(tenant, plan, author.now), Refusal::PlanDeletedMomentsAgo);
        if plan.is_active {
            transaction.add(agents::keep_new_plan(tenant, plan)?, Refusal::AgentsPlansFull);
        }
        match self.create(tenant, transaction, request, &created).await? {
            Outcome::Written => Ok(created),
            Outcome::Refused(refused) if refused.has(Refusal::AgentsPlansFull) => Err(plans_full()),
            Outcome::Refused(_) => Err(Error::new(
                Reason::CoachingPlanDeletedMomentsAgo,
                "name: a plan of this name was deleted within five minutes; use another name, or wait",
            )),
        }
    }

    /// The plan `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plan(&self, tenant: &Tenant, id: &CoachingPlanId) -> Result<Option<CoachingPlan>, Error> {
        let item = self.get(keys::plan(tenant, id)).await?;
        Ok(item.map(|item| self.noting(CoachingPlan::from_item(item))).transpose()?)
    }

    /// The plans `ids`, in no order, without those that do not exist. With `consistent`, as they are now; else as of within
    /// about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plans_by_id(
        &self,
        tenant: &Tenant,
        ids: &[CoachingPlanId],
        consistent: bool,
    ) -> Result<Found<CoachingPlan>, Error> {
        let keys = ids.iter().map(|id| keys::plan(tenant, id)).collect();
        self.batch_read(keys, consistent, CoachingPlan::from_item).await
    }

    /// Applies `change` to the plan `id`. It returns whether it changed anything, and may be called several times: with
    /// each state that others leave the plan in before this change is written, and the time of the change.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `change`; ABORTED if others keep changing it.
    pub async fn change_plan(
        &self,
        tenant: &Tenant,
        id: &CoachingPlanId,
        author: Author<'_>,
        change: impl Fn(&mut CoachingPlan, Timestamp) -> Result<bool, Error>,
    ) -> Result<CoachingPlan, Error> {
        self.change(tenant, id, None, author, change).await
    }

    /// As [`Store::change_plan`], for a plan that was read: `change` gets it as it was then and, if it has changed, as
    /// it is.
    ///
    /// # Errors
    /// As there.
    pub async fn change_plan_read(
        &self,
        tenant: &Tenant,
        before: CoachingPlan,
        author: Author<'_>,
        change: impl Fn(&mut CoachingPlan, Timestamp) -> Result<bool, Error>,
    ) -> Result<CoachingPlan, Error> {
        let id = before.id.clone();
        self.change(tenant, &id, Some(before), author, change).await
    }

    /// Links the scorecard to the plan, or unlinks it, if `check` accepts the plan: the scorecard names the plan, and
    /// the plan's history records it. A repeat changes nothing.
    ///
    /// # Errors
    /// NOT_FOUND for the plan; the errors of `check`; FAILED_PRECONDITION if there is no such scorecard, the two are of
    /// different agents, or the scorecard names as many plans as it can; ABORTED if others keep changing it.
    pub async fn link_scorecard(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlanId,
        scorecard: &ScorecardId,
        linked: bool,
        author: Author<'_>,
        check: impl Fn(&CoachingPlan) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = tenant.name_of(scorecard);
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let (found, of) = tokio::try_join!(self.scorecard(tenant, scorecard), self.plan(tenant, plan))?;
            let of = of.ok_or_else(|| Error::not_found(&tenant.name_of(plan)))?;
            check(&of)?;
            let before = found.ok_or_else(|| {
                let message = format!("scorecardName: '{name}' does not exist");
                Error::new(Reason::ScorecardNotFound, message)
            })?;
            if before.agent != of.agent {
                return Err(Error::new(
                    Reason::ScorecardNotTheAgents,
                    format!("scorecardName: '{name}' is not a scorecard of the plan's agent"),
                ));
            }
            let author = author.not_before(of.last_change()).not_before(before.update_time);
            let mut after = before.clone();
            if !after.link(plan, linked, author.caller, author.now)? {
                return Ok(());
            }
            let value = Map::from_iter([("scorecardName".to_owned(), Value::from(name.as_str()))]);
            let (removed, added) = if linked { (Map::new(), value) } else { (value, Map::new()) };
            // For the agent a draft or a calibration does not exist, so a link of it is hidden from them too.
            let hidden = |side: &Map<String, Value>| match before.counted_at() {
                None => side.keys().cloned().collect(),
                Some(_) => Vec::new(),
            };
            let change = Change {
                agent: Some(of.agent),
                hidden_before: hidden(&removed),
                hidden_after: hidden(&added),
                before: removed,
                after: added,
                ..author.change(of.version, None, None)
            };
            let replaced = ScorecardChange::linking(tenant, &before, after, author);
            let key = keys::plan(tenant, plan);
            let mut transaction = Transaction::of(scorecards::write(tenant, &replaced), Refusal::Changed);
            transaction.add_unconditional([changes::record(&key.partition, change)]);
            transaction.add_unconditional(scorecards::written_beside(tenant, &replaced));
            transaction.add(Write::check_version(key, Some(of.version)), Refusal::Changed);
            if self.transact(transaction).await?.is_written() {
                return Ok(());
            }
        }
        Err(keeps_changing(&name))
    }

    /// The first `size` plans after `after` that match `filter`, the newest creation first, ties by id. The best index
    /// for the filter is read, and the rest of the filter is applied to what it yields.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plans(
        &self,
        tenant: &Tenant,
        filter: &PlanFilter,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<CoachingPlan>, Error> {
        if filter.as_agent {
            let page = self.page(ranges(tenant, filter, after), size).await?;
            return Ok(page.map(|SeenByAgent(plan)| plan));
        }
        self.page(ranges(tenant, filter, after), size).await
    }
}

/// The narrowest index ranges that cover `filter`: one for each agent, if they are few, else one for each usecase, else
/// the profile.
fn ranges<T: Borrow<CoachingPlan> + 'static>(
    tenant: &Tenant,
    filter: &PlanFilter,
    after: Option<&Cursor>,
) -> Vec<Range<T>> {
    let partitions: Vec<(ListIndex, String)> = match (&filter.agents, filter.usecases.as_slice()) {
        (Some(agents), _) if agents.len() <= MAX_AGENT_RANGES => {
            agents.iter().map(|agent| (ListIndex::Agent, keys::plans_of_agent(tenant, agent))).collect()
        }
        (_, []) => vec![(ListIndex::Profile, keys::plans_of_profile(tenant))],
        (_, usecases) => {
            usecases.iter().map(|usecase| (ListIndex::Usecase, keys::plans_of_usecase(tenant, usecase))).collect()
        }
    };
    let ranges = partitions.into_iter().map(|(index, partition)| {
        let filter = filter.clone();
        Range::new(index, partition, Filter::default(), after).keeping(move |plan: &T| filter.matches(plan.borrow()))
    });
    ranges.collect()
}

/// The number of plans whose sessions are read concurrently.
const PLANS_AT_ONCE: usize = 8;
/// The most sessions of one plan in a list of plans.
const MAX_SESSIONS: usize = 100;

/// A plan and sessions of it.
pub type PlanWithSessions = (CoachingPlan, Vec<CoachingSession>);

impl Store {
    /// The newest sessions of each plan of `page`, up to 100 that `of_each` lets through. A page whose items would
    /// exceed 6 MiB with them is cut, but not before its first plan.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn sessions_of_plans(
        &self,
        tenant: &Tenant,
        mut page: Page<CoachingPlan>,
        of_each: &SessionFilter,
        now: Timestamp,
    ) -> Result<Page<PlanWithSessions>, Error> {
        let filters = page.entries.iter().map(|plan| SessionFilter { plan: Some(plan.id.clone()), ..of_each.clone() });
        let filters: Vec<SessionFilter> = filters.collect();
        let reads = filters
            .into_iter()
            .map(|filter| async move { self.sessions_of_plan(tenant, &filter, MAX_SESSIONS, now).await });
        let mut reads = iter(reads).buffered(PLANS_AT_ONCE);
        let mut sessions: Vec<Vec<CoachingSession>> = Vec::new();
        let mut bytes = page.bytes();
        while let Some(of_plan) = reads.next().await {
            let of_plan = of_plan?;
            bytes += of_plan.bytes();
            if !sessions.is_empty() && bytes > MAX_READ_BYTES {
                break;
            }
            page.unreadable.extend(of_plan.unreadable().map(|unreadable| (sessions.len(), unreadable.clone())));
            sessions.push(of_plan.entries);
        }
        drop(reads);
        page.cut(sessions.len());
        // Read last: a plan whose deletion began meanwhile may have been read in part.
        let tombstones = self.tombstones(tenant).await?;
        let hidden = page.entries.iter().enumerate();
        let hidden = hidden.filter_map(|(place, plan)| Some((place, tombstones.unreadable(&plan.id)?.clone())));
        let hidden: Vec<(usize, Unreadable)> = hidden.collect();
        page.unreadable.extend(hidden);
        let plans = std::mem::take(&mut page.entries).into_iter().zip(sessions);
        let plans = plans.map(|plan| Some(plan).filter(|(plan, _)| !tombstones.has(&plan.id, now)));
        Ok(page.made_into(plans.collect()))
    }
}

impl Entity for CoachingPlan {
    type Collection = names::CoachingPlan;
    type Learned = ();

    fn key(tenant: &Tenant, id: &CoachingPlanId) -> Key {
        keys::plan(tenant, id)
    }

    fn id(&self) -> &CoachingPlanId {
        &self.id
    }

    fn version(&self) -> Version {
        self.version
    }

    fn last_change(&self) -> Timestamp {
        Self::last_change(self)
    }

    fn follow(&mut self, before: &Self) {
        Self::follow(self, before);
    }

    fn to_item(&self, tenant: &Tenant) -> Item {
        to_item(tenant, self)
    }

    fn document(&self, tenant: &Tenant) -> Option<Document> {
        Self::document(self, tenant)
    }

    async fn find(store: &Store, tenant: &Tenant, id: &CoachingPlanId, _now: Timestamp) -> Result<Option<Self>, Error> {
        store.plan(tenant, id).await
    }

    /// Adds the changes to its agent's record.
    async fn write_beside(
        store: &Store,
        transaction: &mut Transaction,
        tenant: &Tenant,
        (before, after): (&Self, Option<&Self>),
        now: Timestamp,
        (): &(),
    ) -> Result<(), Error> {
        let dates = |plan: &Self| (plan.start_time, plan.end_time);
        match (before.is_active, after.filter(|after| after.is_active)) {
            (true, None) => {
                let record = store.record(tenant, &before.agent).await?;
                agents::end_plan(transaction, tenant, &record, before, now)?;
            }
            (false, Some(after)) => {
                let (record, (targets, checks)) =
                    tokio::try_join!(store.record(tenant, &after.agent), store.targets_to_keep(tenant, &after.id))?;
                transaction.add_all(checks, Refusal::Changed);
                transaction.add(agents::keep_plan_again(tenant, &record, after, &targets)?, Refusal::Changed);
            }
            (true, Some(after)) if dates(before) != dates(after) => {
                transaction.add_unconditional([agents::keep_plan(tenant, after)?]);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Listed for CoachingPlan {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        from_item(item)
    }
}

impl PartlyShown for CoachingPlan {
    // No attribute is always hidden from its agent, so all are read.
    const HIDDEN_ATTRIBUTES: &'static [&'static str] = &[];

    fn seen_by_its_agent(self) -> Self {
        self.seen_by_agent()
    }

    fn bytes_of_texts(&self) -> usize {
        let criteria = self.focus_criteria.iter().map(|focus| &focus.criterion_or_chapter_id);
        let texts = self.comment.iter().chain(&self.display_name).chain(&self.focus_behaviors).chain(criteria);
        texts.map(String::len).sum()
    }
}

impl Borrow<CoachingPlan> for SeenByAgent<CoachingPlan> {
    fn borrow(&self) -> &CoachingPlan {
        &self.0
    }
}

fn to_item(tenant: &Tenant, plan: &CoachingPlan) -> Item {
    let focus_criteria = plan
        .focus_criteria
        .iter()
        .flat_map(|focus| [focus.template.to_string(), focus.criterion_or_chapter_id.clone()]);
    let item = Item::at(keys::plan(tenant, &plan.id))
        .text(ListIndex::Profile.partition_attribute(), keys::plans_of_profile(tenant))
        .text(ListIndex::Agent.partition_attribute(), keys::plans_of_agent(tenant, &plan.agent))
        .text(LIST_ORDER, Cursor::latest_first(plan.create_time, &plan.id).as_str())
        .version(plan.version)
        .optional_text("start_time", plan.start_time.as_ref())
        .optional_text("end_time", plan.end_time.as_ref())
        .texts("focus_behaviors", plan.focus_behaviors.iter().cloned())
        // Template and criterion alternate.
        .texts("focus_criteria", focus_criteria)
        .optional_text("comment", plan.comment.as_ref())
        .optional_text("manager_comment_submit_time", plan.manager_comment_submit_time.as_ref())
        .text("agent", plan.agent.as_str())
        .text("creator", plan.creator.as_str())
        .boolean("is_active", plan.is_active)
        .optional_text("active_since", plan.active_since.as_ref())
        .text("create_time", plan.create_time.to_string())
        .text("update_time", plan.update_time.to_string())
        .optional_text("recorded_at", plan.recorded_at.as_ref())
        .optional_text("display_name", plan.display_name.as_ref())
        .optional_text("usecase", plan.usecase.as_ref())
        .shown(plan.shown, plan.version, plan.update_time);
    match &plan.usecase {
        Some(usecase) => item.text(ListIndex::Usecase.partition_attribute(), keys::plans_of_usecase(tenant, usecase)),
        None => item,
    }
}

fn from_item(item: HashMap<String, AttributeValue>) -> Result<CoachingPlan, Unreadable> {
    let mut item = Attributes::of(item);
    let mut focus_criteria = Vec::new();
    let mut texts = item.texts("focus_criteria")?.into_iter();
    while let (Some(template), Some(criterion_or_chapter_id)) = (texts.next(), texts.next()) {
        let template = coaching_domain::Id::parse(&template).ok_or_else(|| item.corrupt("focus_criteria"))?;
        focus_criteria.push(FocusCriterion { template, criterion_or_chapter_id });
    }
    let (version, update_time) = (item.version()?, item.time("update_time")?);
    Ok(CoachingPlan {
        id: item.last_of_key()?,
        version,
        start_time: item.optional_time("start_time")?,
        end_time: item.optional_time("end_time")?,
        focus_behaviors: item.texts("focus_behaviors")?,
        focus_criteria,
        comment: item.optional_text("comment")?,
        manager_comment_submit_time: item.optional_time("manager_comment_submit_time")?,
        agent: item.id("agent")?,
        creator: item.id("creator")?,
        is_active: item.boolean("is_active")?,
        active_since: item.optional_time("active_since")?,
        create_time: item.time("create_time")?,
        update_time,
        recorded_at: item.optional_time("recorded_at")?,
        display_name: item.optional_text("display_name")?,
        usecase: item.optional_id("usecase")?,
        shown: item.shown(version, update_time)?,
    })
}
