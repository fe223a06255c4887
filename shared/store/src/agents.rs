//! Agents' records: all that progress needs to know of an agent in a profile now, in one item. The directory writes who
//! they are; plans and targets write themselves into it. The past is in [`crate::past`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::directory::User;
use coaching_domain::names::{CoachingPlanId, TargetId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::progress::Span;
use coaching_domain::target::Target;
use coaching_domain::{Error, Id, Reason, Tenant, Timestamp};

use crate::Store;
use crate::active_plans::{ActivePlan, targets_to_text};
use crate::engine::transaction::{Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, key_attributes};
use crate::keys::{self, Cursor, ListIndex};
use crate::list::{Filter, Listed, Page, Place, Range};
use crate::past::{self, Past, PastUser};
use crate::unreadable::{Found, Unreadable};

/// The most active plans of an agent. With the most targets and the longest ids they take 150 KB, and DynamoDB takes
/// 400.
pub const MAX_ACTIVE_PLANS: usize = 50;
/// The most targets of an agent's active plans together.
pub const MAX_TARGETS: usize = 200;
/// The most targets of one plan: the transaction that makes it active again checks that none of them changes, and takes
/// 100.
pub const MAX_TARGETS_OF_PLAN: usize = 50;

/// The prefix of the attributes of an agent's record that hold their active plans.
const PLAN_ATTRIBUTE: &str = "plan#";
/// The prefix of the attributes that hold the targets of an active plan.
const TARGETS_ATTRIBUTE: &str = "targets#";
/// The prefix of attributes that only records of version 0.1 have.
const OLD_TARGET_ATTRIBUTE: &str = "target#";
/// The attribute that counts active plans.
const PLANS: &str = "plans";

/// An agent of a profile, with the facts that a window is measured by.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Their id.
    pub id: UserId,
    /// Their name as people read it.
    pub display_name: String,
    /// Whether they worked here.
    pub is_active: bool,
    /// Whether they were a test user.
    pub is_dev_user: bool,
    /// Whether they were an agent of the profile in the window, and no longer at its end.
    pub has_left: bool,
    /// Their active plans, each with its usecase.
    pub plans: Vec<(CoachingPlanId, Option<UsecaseId>)>,
    /// The targets of those plans.
    pub targets: Vec<Target>,
}

impl Agent {
    /// Their place in a list by name.
    pub fn place_by_name(&self) -> Cursor {
        Cursor::by_name(&self.display_name, &self.id)
    }
}

/// Selects agents of a profile beyond those who work there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentFilter {
    /// Also those who do not, and those who left within the window.
    pub with_inactive: bool,
    /// Also test users.
    pub with_dev_users: bool,
}

impl AgentFilter {
    /// Whether `agent` is wanted.
    pub fn matches(self, agent: &Agent) -> bool {
        let standing = Standing { is_active: agent.is_active, is_dev_user: agent.is_dev_user };
        self.lets_through(standing, agent.has_left)
    }

    fn lets_through(self, standing: Standing, has_left: bool) -> bool {
        (self.with_inactive || (standing.is_active && !has_left)) && (self.with_dev_users || !standing.is_dev_user)
    }
}

/// The standing of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    is_active: bool,
    is_dev_user: bool,
}

impl Standing {
    fn of(user: &User) -> Self {
        Self { is_active: user.is_active, is_dev_user: user.is_dev_user }
    }
}

/// A user of the directory as a profile sees them.
#[derive(Debug, Clone)]
struct Person {
    id: UserId,
    display_name: String,
    /// `None` if they are not an agent of the profile now.
    now: Option<Standing>,
    /// The time since which all of that holds; `None`: always.
    since: Option<Timestamp>,
}

/// An agent's record in a profile. Without a person, the directory does not list the agent in this profile.
#[derive(Debug)]
pub(crate) struct Record {
    id: UserId,
    person: Option<Person>,
    pub(crate) plans: Vec<ActivePlan>,
    /// The number of active plans according to the record; `None` if it never had one.
    plan_count: Option<i64>,
}

/// An agent's record as it is stored.
#[derive(Debug)]
pub(crate) struct StoredRecord {
    /// The part that can be read.
    pub(crate) record: Record,
    /// The parts that cannot be read.
    wrong: Vec<Wrong>,
    stored: HashMap<String, AttributeValue>,
    is_there: bool,
}

impl StoredRecord {
    /// The active plans in it, including those that cannot be read.
    pub(crate) fn plans(&self) -> impl Iterator<Item = &CoachingPlanId> {
        let wrong = self.wrong.iter().filter_map(|wrong| match wrong {
            Wrong::Plan(plan) => Some(plan),
            Wrong::Person | Wrong::PlanCount | Wrong::Attribute(_) => None,
        });
        self.record.plans.iter().map(|plan| &plan.id).chain(wrong)
    }

    /// Whether it says what is `right` of the plan `id`: that it is active, and its facts, or that it is not active.
    pub(crate) fn tells_of(&self, id: &CoachingPlanId, right: Option<&ActivePlan>) -> Result<bool, Error> {
        let is_wrong = self.wrong.iter().any(|wrong| matches!(wrong, Wrong::Plan(plan) if plan == id));
        match (self.record.plan(id), right) {
            _ if is_wrong => Ok(false),
            (Some(kept), Some(right)) => Ok(kept.facts()? == right.facts()? && kept.stored.starts_with('{')),
            (kept, right) => Ok(kept.is_none() && right.is_none()),
        }
    }
}

/// A part of an agent's record that cannot be read.
#[derive(Debug, PartialEq)]
enum Wrong {
    /// The person.
    Person,
    /// An active plan, or its targets.
    Plan(CoachingPlanId),
    /// The number of active plans.
    PlanCount,
    /// An attribute that is of no plan.
    Attribute(String),
}

impl Wrong {
    /// The attribute that cannot be read, or its prefix.
    fn prefix(&self) -> &'static str {
        match self {
            Self::Person => "display_name",
            Self::Plan(_) | Self::Attribute(_) => PLAN_ATTRIBUTE,
            Self::PlanCount => PLANS,
        }
    }
}

/// A person, and their coaching according to the record.
struct Candidate {
    person: Person,
    plans: Vec<ActivePlan>,
}

/// Those of some ids who are agents, and those unknown to the directory. Users of whom something cannot be read are in
/// neither, and are noted.
#[derive(Debug, Default)]
pub struct AgentsById {
    /// In no order.
    pub agents: Vec<Agent>,
    /// Ids that no user has.
    pub unknown: Vec<UserId>,
}

impl Store {
    /// Those of `ids` who were agents of the profile in a window, in no order, as of within about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn agents_by_id(&self, tenant: &Tenant, ids: &[UserId], span: Span) -> Result<AgentsById, Error> {
        let (mut records, damaged) = self.records(tenant, ids).await?;
        let ids = ids.iter().filter(|id| !damaged.contains(*id));
        let unnamed: HashSet<&UserId> =
            ids.clone().filter(|id| records.get(*id).is_none_or(|record| record.person.is_none())).collect();
        let unnamed: Vec<UserId> = unnamed.into_iter().cloned().collect();
        let found =
            if unnamed.is_empty() { Found::default() } else { self.users(&tenant.of_customer(), &unnamed).await? };
        let Found { entries: users, unreadable } = found;
        let mut known: HashSet<UserId> = users.iter().map(|(user, _)| user.id.clone()).collect();
        let damaged: HashSet<UserId> = unreadable.iter().filter_map(Unreadable::user).collect();
        records.retain(|id, _| !damaged.contains(id));
        known.extend(damaged);
        let mut candidates = Vec::with_capacity(ids.count());
        for (user, since) in users {
            let plans = records.remove(&user.id).map(|record| record.plans).unwrap_or_default();
            candidates.push(Candidate { person: Person::of(user, since, tenant), plans });
        }
        candidates.extend(records.into_values().filter_map(Record::into_candidate));
        let unsure = candidates.iter().map(|candidate| &candidate.person).filter(|person| person.may_have_been(span));
        let unsure: Vec<&UserId> = unsure.map(|person| &person.id).collect();
        let coached: Vec<&UserId> = if span.has_past_coaching() {
            candidates.iter().map(|candidate| &candidate.person.id).collect()
        } else {
            Vec::new()
        };
        // The past is rarely needed, so its future is boxed and takes no room in this one.
        let past = if unsure.is_empty() && coached.is_empty() {
            Past::default()
        } else {
            Box::pin(self.past_of(tenant, &unsure, &coached, span)).await?
        };
        let unknown = unnamed.into_iter().filter(|id| !known.contains(id)).collect();
        Ok(AgentsById { agents: self.agents_from(tenant, candidates, &past, span).await?, unknown })
    }

    /// The first `size` agents of the profile after `after` whom `filter` lets through, by display name, the last
    /// first if `names_descend`, then id.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn agents_of_profile(
        &self,
        tenant: &Tenant,
        span: Span,
        filter: AgentFilter,
        names_descend: bool,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<Agent>, Error> {
        let (past, departed) = Box::pin(self.past_and_departed(tenant, span, filter)).await?;
        let mut lists = lists_of_agents(tenant, span, filter, &past, after);
        if names_descend {
            lists = lists.map(Range::names_descending);
        }
        let mut page: Page<Listing> = self.page(lists.into(), size).await?;
        let rank = |candidate: &Candidate| candidate.person.place().rank(names_descend);
        let after = after.map(|after| after.clone().rank(names_descend));
        let until = page.next.clone().map(|next| next.rank(names_descend));
        let mut candidates = self.with_records(tenant, std::mem::take(&mut page.entries)).await?;
        let departed: Vec<Candidate> = departed
            .into_iter()
            .filter(|one| after.as_ref().is_none_or(|after| rank(one) > *after))
            .filter(|one| until.as_ref().is_none_or(|until| rank(one) <= *until))
            .collect();
        if !departed.is_empty() {
            candidates.extend(departed);
            candidates.sort_by_cached_key(rank);
            if candidates.len() > size {
                candidates.truncate(size);
                page.next = candidates.last().map(|last| last.person.place());
            }
        }
        let places = candidates.iter().map(|candidate| Place { cursor: candidate.person.place(), bytes: 0 }).collect();
        let entries = self.agents_from(tenant, candidates, &past, span).await?;
        Ok(Page { entries, places, next: page.next, unreadable: page.unreadable })
    }

    /// Every agent of the profile whom `filter` lets through, in no order: both lists that hold them are read whole,
    /// concurrently.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn all_agents_of_profile(
        &self,
        tenant: &Tenant,
        span: Span,
        filter: AgentFilter,
    ) -> Result<Vec<Agent>, Error> {
        let (past, departed) = Box::pin(self.past_and_departed(tenant, span, filter)).await?;
        let [here, everywhere] = lists_of_agents(tenant, span, filter, &past, None);
        let (here, everywhere) = tokio::try_join!(self.all(here), self.all(everywhere))?;
        let mut candidates = self.with_records(tenant, here.and(everywhere).entries).await?;
        candidates.extend(departed);
        self.agents_from(tenant, candidates, &past, span).await
    }

    /// The past that is needed to decide who is wanted, and the wanted people who are not agents of the profile now. A
    /// window that is under way, of those who work there, needs nothing.
    async fn past_and_departed(
        &self,
        tenant: &Tenant,
        span: Span,
        filter: AgentFilter,
    ) -> Result<(Arc<Past>, Vec<Candidate>), Error> {
        if !span.is_over && !filter.with_inactive {
            return Ok((Arc::default(), Vec::new()));
        }
        let past = Box::pin(self.past_of_everyone(tenant, span)).await?;
        let were_agents: Vec<UserId> = past.agents(tenant).cloned().collect();
        let (users, (mut records, damaged)) = if were_agents.is_empty() {
            Default::default()
        } else {
            tokio::try_join!(
                async { self.users(&tenant.of_customer(), &were_agents).await },
                self.records(tenant, &were_agents)
            )?
        };
        let users = users.entries.into_iter().filter(|(user, _)| !damaged.contains(&user.id));
        let departed = users.filter_map(|(user, since)| {
            let person = Person::of(user, since, tenant);
            let (standing, has_left) = person.standing(tenant, &past, span).filter(|_| person.now.is_none())?;
            let plans = records.remove(&person.id).map(|record| record.plans).unwrap_or_default();
            filter.lets_through(standing, has_left).then_some(Candidate { person, plans })
        });
        let departed = departed.collect();
        Ok((Arc::new(past), departed))
    }

    /// The people in the lists, with the records of those who are agents of all profiles.
    async fn with_records(&self, tenant: &Tenant, listed: Vec<Listing>) -> Result<Vec<Candidate>, Error> {
        let ids = listed.iter().filter_map(|listing| match listing {
            Listing::Here(_) => None,
            Listing::Everywhere(person) => Some(person.id.clone()),
        });
        let ids: Vec<UserId> = ids.collect();
        let (mut records, damaged) =
            if ids.is_empty() { Default::default() } else { self.records(tenant, &ids).await? };
        let candidates = listed.into_iter().filter_map(|listing| match listing {
            Listing::Here(record) => record.into_candidate(),
            Listing::Everywhere(person) if damaged.contains(&person.id) => None,
            Listing::Everywhere(person) => {
                let plans = records.remove(&person.id).map(|record| record.plans).unwrap_or_default();
                Some(Candidate { person, plans })
            }
        });
        Ok(candidates.collect())
    }

    /// The `candidates` who were agents in the window, in their order, with the facts that it is measured by; without
    /// those of whom something of that time cannot be read.
    async fn agents_from(
        &self,
        tenant: &Tenant,
        candidates: Vec<Candidate>,
        past: &Past,
        span: Span,
    ) -> Result<Vec<Agent>, Error> {
        let candidates = candidates.into_iter().filter(|candidate| !past.is_damaged(&candidate.person.id));
        let agents = candidates.filter_map(|candidate| candidate.into_agent(tenant, past, span));
        let mut agents: Vec<Agent> = agents.collect();
        if !span.has_past_coaching() {
            return Ok(agents);
        }
        let moved_since = |target: &Target| target.hundredths_at(span.at).is_none();
        let targets = agents.iter().flat_map(|agent| &agent.targets).filter(|target| moved_since(target));
        let ids: Vec<TargetId> = targets.map(|target| target.id.clone()).collect();
        let Found { entries, unreadable } = Box::pin(self.targets_by_id(tenant, &ids)).await?;
        let whole: HashMap<TargetId, Target> = entries.into_iter().map(|target| (target.id.clone(), target)).collect();
        let damaged: HashSet<TargetId> =
            unreadable.iter().filter_map(|unreadable| TargetId::parse(unreadable.id())).collect();
        agents.retain(|agent| {
            let whole = agent.targets.iter().all(|target| !damaged.contains(&target.id));
            if !whole {
                self.note(&Unreadable::of(&keys::agent(tenant, &agent.id), TARGETS_ATTRIBUTE));
            }
            whole
        });
        for target in agents.iter_mut().flat_map(|agent| &mut agent.targets) {
            if moved_since(target)
                && let Some(whole) = whole.get(&target.id)
            {
                target.history.clone_from(&whole.history);
            }
        }
        Ok(agents)
    }

    /// The records of `ids`, and those of the ids whose record cannot be read.
    async fn records(
        &self,
        tenant: &Tenant,
        ids: &[UserId],
    ) -> Result<(HashMap<UserId, Record>, HashSet<UserId>), Error> {
        let keys = ids.iter().map(|id| keys::agent(tenant, id)).collect();
        let Found { entries, unreadable } = self.batch_read(keys, false, Record::from_item).await?;
        let records = entries.into_iter().map(|record| (record.id.clone(), record)).collect();
        Ok((records, unreadable.iter().filter_map(Unreadable::user).collect()))
    }

    /// The record of `agent`, as it is now.
    pub(crate) async fn record(&self, tenant: &Tenant, agent: &UserId) -> Result<Record, Error> {
        let item = self.get(keys::agent(tenant, agent)).await?;
        let record = item.map(|item| self.noting(Record::from_item(item))).transpose()?;
        Ok(record.unwrap_or_else(|| Record::empty(agent.clone())))
    }

    /// The record of `agent` as it is now, readable or not.
    pub(crate) async fn stored_record(&self, tenant: &Tenant, agent: &UserId) -> Result<StoredRecord, Error> {
        let key = keys::agent(tenant, agent);
        let stored = self.get(key.clone()).await?;
        let is_there = stored.is_some();
        let stored = stored.unwrap_or_else(|| key_attributes(key));
        let (record, wrong) = Record::parse(agent.clone(), Attributes::of(stored.clone()));
        wrong.iter().for_each(|wrong| self.note(&Unreadable::of(&keys::agent(tenant, agent), wrong.prefix())));
        Ok(StoredRecord { record, wrong, stored, is_there })
    }

    /// Corrects in the record of `agent` who they are, if that cannot be read, and the number of its active plans, and
    /// removes what only tables of version 0.1 have; returns whether anything differed.
    pub(crate) async fn put_rest_of_record_right(&self, tenant: &Tenant, agent: &UserId) -> Result<bool, Error> {
        let StoredRecord { record, wrong, stored, is_there } = self.stored_record(tenant, agent).await?;
        if !is_there {
            return Ok(false);
        }
        if wrong.contains(&Wrong::Person) {
            // If refused, the directory has changed, and with it the record.
            let put_right = self.person_put_right(tenant, agent).await?;
            self.transact(put_right).await?;
        }
        let mut old: Vec<String> =
            stored.keys().filter(|name| name.starts_with(OLD_TARGET_ATTRIBUTE)).cloned().collect();
        old.extend(wrong.iter().filter_map(|wrong| match wrong {
            Wrong::Attribute(attribute) => Some(attribute.clone()),
            Wrong::Person | Wrong::Plan(_) | Wrong::PlanCount => None,
        }));
        let held = i64::try_from(record.plans.len()).unwrap_or(i64::MAX);
        let is_counted = record.plan_count.unwrap_or(0) == held && !wrong.contains(&Wrong::PlanCount);
        if is_counted && old.is_empty() {
            return Ok(wrong.contains(&Wrong::Person));
        }
        // If refused, others are changing it, and count their changes.
        self.set_count(keys::agent(tenant, agent), PLANS, stored.get(PLANS).cloned(), held, &old).await?;
        Ok(true)
    }
}

/// Adds a new active plan to its agent's record; refused if the agent has [`MAX_ACTIVE_PLANS`].
pub(crate) fn keep_new_plan(tenant: &Tenant, plan: &CoachingPlan) -> Result<Write, Error> {
    let update = update_plan(tenant, &plan.agent, &plan.id, format!("SET #plan = :plan ADD {PLANS} :one"))
        .when(format!("attribute_not_exists({PLANS}) OR {PLANS} < :most"))
        .text(":plan", ActivePlan::of(plan, Vec::new()).to_text()?)
        .number(":one", 1)
        .number(":most", MAX_ACTIVE_PLANS);
    Ok(update)
}

/// Adds a plan that is active again to its agent's `record`, with its `targets`; refused if the record has changed
/// since it was read.
///
/// # Errors
/// FAILED_PRECONDITION if the agent would have too many active plans, or targets of those.
pub(crate) fn keep_plan_again(
    tenant: &Tenant,
    record: &Record,
    plan: &CoachingPlan,
    targets: &[Target],
) -> Result<Write, Error> {
    if record.plans.len() >= MAX_ACTIVE_PLANS {
        return Err(plans_full());
    }
    if record.target_count() + targets.len() > MAX_TARGETS {
        return Err(targets_full());
    }
    let set = if targets.is_empty() { "#plan = :plan" } else { "#plan = :plan, #targets = :targets" };
    let update = update_plan(tenant, &plan.agent, &plan.id, format!("SET {set} ADD {PLANS} :one"))
        .text(":plan", ActivePlan::of(plan, Vec::new()).to_text()?)
        .number(":one", 1);
    let update = match record.plan_count {
        None => update.when(format!("attribute_not_exists(#plan) AND attribute_not_exists({PLANS})")),
        Some(count) => update.when(format!("attribute_not_exists(#plan) AND {PLANS} = :read")).number(":read", count),
    };
    if targets.is_empty() {
        return Ok(update);
    }
    Ok(update.name("#targets", targets_attribute(&plan.id)).text(":targets", targets_to_text(targets)?))
}

/// Writes the start and end of an active plan to its agent's record.
pub(crate) fn keep_plan(tenant: &Tenant, plan: &CoachingPlan) -> Result<Write, Error> {
    let update = update_plan(tenant, &plan.agent, &plan.id, "SET #plan = :plan");
    Ok(update.text(":plan", ActivePlan::of(plan, Vec::new()).to_text()?))
}

/// Moves a plan that was active until `until` from its agent's `record` to the past; refused if its targets have
/// changed since the record was read.
pub(crate) fn end_plan(
    transaction: &mut Transaction,
    tenant: &Tenant,
    record: &Record,
    plan: &CoachingPlan,
    until: Timestamp,
) -> Result<(), Error> {
    let kept = record.plan(&plan.id);
    let ended = ActivePlan::of(plan, kept.map(|kept| kept.targets.clone()).unwrap_or_default());
    let update = update_plan(tenant, &plan.agent, &plan.id, format!("REMOVE #plan, #targets ADD {PLANS} :less"))
        .name("#targets", targets_attribute(&plan.id))
        .number(":less", -1);
    let update = match kept.and_then(|kept| kept.stored_targets.clone()) {
        None => update.when("attribute_not_exists(#targets)"),
        Some(targets) => update.when("#targets = :targets").text(":targets", targets),
    };
    transaction.add(update, Refusal::Changed);
    transaction.add_unconditional(past::put_plan(tenant, &plan.agent, &ended, until)?);
    Ok(())
}

/// Makes `targets` those of `plan` in its agent's `record`, if the plan is active there; refused if they have
/// changed since the record was read, or the plan was closed or opened.
pub(crate) fn keep_targets(
    tenant: &Tenant,
    record: &Record,
    plan: &CoachingPlanId,
    targets: &[Target],
) -> Result<Write, Error> {
    let Some(kept) = record.plan(plan) else {
        let check = Write::check(keys::agent(tenant, &record.id), "attribute_not_exists(#plan)");
        return Ok(check.name("#plan", plan_attribute(plan)));
    };
    let update = match targets {
        [] => update_plan(tenant, &record.id, plan, "REMOVE #targets"),
        targets => {
            update_plan(tenant, &record.id, plan, "SET #targets = :targets").text(":targets", targets_to_text(targets)?)
        }
    };
    let update = update.name("#targets", targets_attribute(plan));
    Ok(match &kept.stored_targets {
        None => update.when("attribute_exists(#plan) AND attribute_not_exists(#targets)"),
        Some(read) => update.when("attribute_exists(#plan) AND #targets = :read").text(":read", read),
    })
}

/// The write that makes a record say what is `right` of the plan `id`; refused if the record has changed since it was
/// read.
pub(crate) fn put_plan_right(
    tenant: &Tenant,
    read: &StoredRecord,
    id: &CoachingPlanId,
    right: Option<&ActivePlan>,
) -> Result<Write, Error> {
    let (mut conditions, mut sets, mut removals) = (Vec::new(), Vec::new(), Vec::new());
    let mut values = Vec::new();
    let right = match right {
        None => (None, None),
        Some(right) => (Some(right.to_text()?), right.targets_text()?),
    };
    let [plan, targets] = [plan_attribute(id), targets_attribute(id)].map(|attribute| read.stored.get(&attribute));
    for (name, stored, right) in [("plan", plan, right.0), ("targets", targets, right.1)] {
        match stored {
            None => conditions.push(format!("attribute_not_exists(#{name})")),
            Some(stored) => {
                conditions.push(format!("#{name} = :{name}"));
                values.push((format!(":{name}"), stored.clone()));
            }
        }
        match right {
            None => removals.push(format!("#{name}")),
            Some(text) => {
                sets.push(format!("#{name} = :right_{name}"));
                values.push((format!(":right_{name}"), AttributeValue::S(text)));
            }
        }
    }
    let clause = |verb: &str, terms: Vec<String>| {
        if terms.is_empty() { String::new() } else { format!("{verb} {} ", terms.join(", ")) }
    };
    let expression = clause("SET", sets) + &clause("REMOVE", removals);
    let update = update_plan(tenant, &read.record.id, id, expression)
        .when(conditions.join(" AND "))
        .name("#targets", targets_attribute(id));
    Ok(values.into_iter().fold(update, |update, (placeholder, value)| update.value(placeholder, value)))
}

/// The writes that move an active plan from its agent's `record` to that of `to`; none if the record does not have it.
/// They are refused if the plan has changed there since the record was read.
pub(crate) fn move_plan(tenant: &Tenant, record: &Record, id: &CoachingPlanId, to: &UserId) -> Vec<Write> {
    let Some(kept) = record.plan(id) else { return Vec::new() };
    let remove = update_plan(tenant, &record.id, id, format!("REMOVE #plan, #targets ADD {PLANS} :less"))
        .name("#targets", targets_attribute(id))
        .text(":plan", &kept.stored)
        .number(":less", -1);
    let targets = kept.stored_targets.as_deref();
    let remove = match targets {
        None => remove.when("#plan = :plan AND attribute_not_exists(#targets)"),
        Some(targets) => remove.when("#plan = :plan AND #targets = :targets").text(":targets", targets),
    };
    let set = if targets.is_some() { "#plan = :plan, #targets = :targets" } else { "#plan = :plan" };
    let add = update_plan(tenant, to, id, format!("SET {set} ADD {PLANS} :one"))
        .text(":plan", &kept.stored)
        .number(":one", 1);
    let add = match targets {
        None => add,
        Some(targets) => add.name("#targets", targets_attribute(id)).text(":targets", targets),
    };
    vec![remove, add]
}

/// Whether the `item` of an agent's record has an active plan.
pub(crate) fn has_plans(item: &HashMap<String, AttributeValue>) -> bool {
    item.keys().any(|attribute| attribute.starts_with(PLAN_ATTRIBUTE) || attribute.starts_with(TARGETS_ATTRIBUTE))
}

/// An update of `plan` in its agent's record; `#plan` stands for its attribute.
fn update_plan(tenant: &Tenant, agent: &UserId, plan: &CoachingPlanId, expression: impl Into<String>) -> Write {
    Write::update(keys::agent(tenant, agent), expression).name("#plan", plan_attribute(plan))
}

/// FAILED_PRECONDITION for an agent with the most active plans allowed.
pub(crate) fn plans_full() -> Error {
    let message = format!("the agent has {MAX_ACTIVE_PLANS} active plans, which is the most; close one first");
    Error::new(Reason::AgentPlansFull, message).with("limit", MAX_ACTIVE_PLANS.to_string())
}

/// FAILED_PRECONDITION for an agent whose active plans have the most targets allowed.
pub(crate) fn targets_full() -> Error {
    let message = format!(
        "the agent's active plans would have more than {MAX_TARGETS} targets, which is the most; delete some or close a plan first"
    );
    Error::new(Reason::AgentTargetsFull, message).with("limit", MAX_TARGETS.to_string())
}

/// FAILED_PRECONDITION for a plan with the most targets allowed.
pub(crate) fn targets_of_plan_full() -> Error {
    let message = format!("the plan has {MAX_TARGETS_OF_PLAN} targets, which is the most; delete one first");
    Error::new(Reason::PlanTargetsFull, message).with("limit", MAX_TARGETS_OF_PLAN.to_string())
}

fn plan_attribute(plan: &CoachingPlanId) -> String {
    format!("{PLAN_ATTRIBUTE}{plan}")
}

fn targets_attribute(plan: &CoachingPlanId) -> String {
    format!("{TARGETS_ATTRIBUTE}{plan}")
}

/// The two lists that hold the agents of a profile: its own, and the customer's for all profiles. If the past does not
/// count, DynamoDB filters them.
fn lists_of_agents(
    tenant: &Tenant,
    span: Span,
    wanted: AgentFilter,
    past: &Arc<Past>,
    after: Option<&Cursor>,
) -> [Range<Listing>; 2] {
    let mut filter = Filter::default();
    let is_of_now = !span.is_over && !wanted.with_inactive;
    if is_of_now {
        filter = filter.where_true("is_active");
        if !wanted.with_dev_users {
            filter = filter.where_false("is_dev_user");
        }
    }
    [keys::agents_of_profile(tenant), keys::agents_of_all_profiles(&tenant.of_customer())].map(|partition| {
        let range = Range::new(ListIndex::Profile, partition, filter.clone(), after);
        if is_of_now {
            return range;
        }
        let (tenant, past) = (tenant.clone(), Arc::clone(past));
        range.keeping(move |listing: &Listing| {
            let person = listing.person();
            let standing = person.and_then(|person| person.standing(&tenant, &past, span));
            // People whose past cannot be read pass here, and are left out later.
            person.is_some_and(|person| past.is_damaged(&person.id))
                || standing.is_some_and(|(standing, has_left)| wanted.lets_through(standing, has_left))
        })
    })
}

impl Person {
    /// A user as `tenant` sees them, who has been this `since` a time.
    fn of(user: User, since: Option<Timestamp>, tenant: &Tenant) -> Self {
        let now = user.is_agent_of(tenant).then_some(Standing::of(&user));
        Self { id: user.id, display_name: user.display_name, now, since }
    }

    fn place(&self) -> Cursor {
        Cursor::by_name(&self.display_name, &self.id)
    }

    /// Whether only the past shows what they were in the window.
    fn may_have_been(&self, span: Span) -> bool {
        let changed_after = |time: Timestamp| self.since.is_some_and(|since| since > time);
        changed_after(span.at) || (self.now.is_none() && changed_after(span.start))
    }

    /// Their standing as an agent of `tenant` when the window is measured or, failing that, their last one within the
    /// window; and whether it is the latter.
    fn standing(&self, tenant: &Tenant, past: &Past, span: Span) -> Option<(Standing, bool)> {
        let holds = self.since.is_none_or(|since| since <= span.at);
        if let Some(now) = self.now.filter(|_| holds) {
            return Some((now, false));
        }
        let began = |fact: &PastUser| fact.since.is_none_or(|since| since <= span.at);
        let facts = || past.of_user(&self.id).iter().filter(|fact| fact.user.is_agent_of(tenant) && began(fact));
        if let Some(fact) = facts().find(|fact| span.at < fact.until) {
            return Some((Standing::of(&fact.user), false));
        }
        let last = facts().filter(|fact| fact.until > span.start).max_by_key(|fact| fact.until)?;
        Some((Standing::of(&last.user), true))
    }
}

impl Candidate {
    /// The agent that they were in the window, if they were one, with the plans that were active when it is measured
    /// and the targets that those had.
    fn into_agent(self, tenant: &Tenant, past: &Past, span: Span) -> Option<Agent> {
        let Self { person, plans: kept } = self;
        let (standing, has_left) = person.standing(tenant, past, span)?;
        let mut plans = Vec::new();
        let mut targets: Vec<Target> = Vec::new();
        for plan in kept.into_iter().filter(|plan| plan.is_active_at(span.coaching_at)) {
            plans.push((plan.id, plan.usecase));
            targets.extend(plan.targets);
        }
        if span.has_past_coaching() {
            for plan in past.plans_of(&person.id).filter(|plan| plan.is_active_at(span.coaching_at)) {
                plans.push((plan.id.clone(), plan.usecase.clone()));
                targets.extend(plan.targets.iter().cloned());
            }
            // A target that was deleted meanwhile comes with all of its past values.
            let deleted = past.targets_of(&person.id);
            let deleted: Vec<&Target> =
                deleted.filter(|target| plans.iter().any(|(plan, _)| target.plan.as_ref() == Some(plan))).collect();
            targets.retain(|target| deleted.iter().all(|deleted| deleted.id != target.id));
            targets.extend(deleted.into_iter().cloned());
            targets.retain(|target| target.create_time <= span.at);
        }
        plans.sort();
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        Some(Agent {
            id: person.id,
            display_name: person.display_name,
            is_active: standing.is_active,
            is_dev_user: standing.is_dev_user,
            has_left,
            plans,
            targets,
        })
    }
}

impl Record {
    /// The active plan `id`.
    pub(crate) fn plan(&self, id: &CoachingPlanId) -> Option<&ActivePlan> {
        self.plans.iter().find(|plan| plan.id == *id)
    }

    /// The number of targets of its active plans.
    pub(crate) fn target_count(&self) -> usize {
        self.plans.iter().map(|plan| plan.targets.len()).sum()
    }

    fn into_candidate(self) -> Option<Candidate> {
        Some(Candidate { person: self.person?, plans: self.plans })
    }

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let item = Attributes::of(item);
        let id: UserId = item.last_of_key()?;
        let key = item.key.clone();
        match Self::parse(id, item) {
            (record, wrong) if wrong.is_empty() => Ok(record),
            (_, wrong) => Err(Unreadable::of(&key, wrong.first().map_or("", Wrong::prefix))),
        }
    }

    /// The readable part of the record of `id` in `item`, and the parts that cannot be read.
    fn parse(id: UserId, mut item: Attributes) -> (Self, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let person = read_person(&id, &mut item).unwrap_or_else(|_| {
            wrong.push(Wrong::Person);
            None
        });
        let attributes = item.rest.keys().filter(|attribute| attribute.starts_with(PLAN_ATTRIBUTE));
        let attributes: Vec<String> = attributes.cloned().collect();
        let mut plans = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            let plan = attribute.strip_prefix(PLAN_ATTRIBUTE).and_then(Id::parse);
            let Some(plan): Option<CoachingPlanId> = plan else {
                wrong.push(Wrong::Attribute(attribute));
                continue;
            };
            let text = item.text(&attribute).ok();
            let targets = item.optional_text(&targets_attribute(&plan)).ok();
            let parsed = text.zip(targets);
            match parsed.and_then(|(text, targets)| ActivePlan::parse(plan.clone(), &id, &text, targets)) {
                Some(active) => plans.push(active),
                None => wrong.push(Wrong::Plan(plan)),
            }
        }
        plans.sort_by(|a, b| a.id.cmp(&b.id));
        let plan_count = item.optional_number(PLANS).unwrap_or_else(|_| {
            wrong.push(Wrong::PlanCount);
            None
        });
        (Self { id, person, plans, plan_count }, wrong)
    }

    fn empty(id: UserId) -> Self {
        Self { id, person: None, plans: Vec::new(), plan_count: None }
    }
}

/// The person whom the record of `id` lists, if it lists one.
fn read_person(id: &UserId, item: &mut Attributes) -> Result<Option<Person>, Unreadable> {
    let Some(display_name) = item.optional_text("display_name")? else {
        return if item.rest.contains_key("is_active") { Err(item.corrupt("display_name")) } else { Ok(None) };
    };
    let now = Standing { is_active: item.boolean("is_active")?, is_dev_user: item.boolean("is_dev_user")? };
    Ok(Some(Person { id: id.clone(), display_name, now: Some(now), since: item.optional_time("since")? }))
}

/// An entry of the two lists of a profile's agents.
enum Listing {
    Here(Record),
    Everywhere(Person),
}

impl Listing {
    fn person(&self) -> Option<&Person> {
        match self {
            Self::Here(record) => record.person.as_ref(),
            Self::Everywhere(person) => Some(person),
        }
    }
}

impl Listed for Listing {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        if item.get(keys::SK) == Some(&AttributeValue::S("agent".to_owned())) {
            return Record::from_item(item).map(Self::Here);
        }
        let mut item = Attributes::of(item);
        let person = read_person(&item.last_of_key()?, &mut item)?;
        person.map(Self::Everywhere).ok_or_else(|| item.corrupt("display_name"))
    }
}

/// The plans of `agent` in the scope of progress in `usecases`: the active ones of those usecases. A plan without a
/// usecase is left out, because its sessions count in none.
pub fn plans_in_scope<'a>(
    agent: &'a Agent,
    usecases: &'a HashSet<UsecaseId>,
) -> impl Iterator<Item = &'a CoachingPlanId> {
    let of_usecases = |usecase: &Option<UsecaseId>| usecase.as_ref().is_some_and(|usecase| usecases.contains(usecase));
    agent.plans.iter().filter(move |(_, usecase)| of_usecases(usecase)).map(|(plan, _)| plan)
}
