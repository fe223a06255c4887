//! Past facts: what a user was, plans that were active, targets that existed. A window that is over is measured by the
//! facts at its end, so facts that end are kept, with the time of their end.
//!
//! Of plans and targets, only facts are kept during which a window can have ended: windows end with a day, UTC.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::directory::User;
use coaching_domain::names::{UsecaseId, UserId};
use coaching_domain::progress::Span;
use coaching_domain::statistics::day_of;
use coaching_domain::target::Target;
use coaching_domain::{CustomerTenant, Error, Tenant, Timestamp};
use futures_util::stream::{StreamExt, TryStreamExt, iter};

use crate::Store;
use crate::active_plans::{ActivePlan, targets_to_text};
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, AFTER_PAST, Cursor, LIST_ORDER, ListIndex, PK, SK};
use crate::list::{Filter, Listed, Range};
use crate::target_items;
use crate::unreadable::{Found, Unreadable};
use crate::user_items;

/// The most people whose past is read one by one; for more, everyone's is read.
const MAX_ONE_BY_ONE: usize = 200;
/// The number of people whose past is read concurrently.
const AT_ONCE: usize = 16;

/// The state of a user until a time.
#[derive(Debug, Clone)]
pub(crate) struct PastUser {
    pub(crate) user: User,
    /// The time since which they were that; `None`: always.
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Timestamp,
}

/// A part of an agent's coaching that lasted until a time.
#[derive(Debug)]
struct PastCoaching {
    agent: UserId,
    until: Timestamp,
    what: What,
}

#[derive(Debug)]
enum What {
    Plan(Box<ActivePlan>),
    Target(Box<Target>),
}

/// A target that was the organisation's.
#[derive(Debug)]
struct PastTarget {
    target: Target,
    until: Timestamp,
}

/// The past of some people.
#[derive(Debug, Default)]
pub(crate) struct Past {
    users: HashMap<UserId, Vec<PastUser>>,
    coaching: HashMap<UserId, Vec<PastCoaching>>,
    /// People of whom a past fact cannot be read.
    damaged: HashSet<UserId>,
}

impl Past {
    /// Whether a past fact of a user cannot be read, so that their state in the window is not known.
    pub(crate) fn is_damaged(&self, id: &UserId) -> bool {
        self.damaged.contains(id)
    }

    /// The past states of a user, in no order.
    pub(crate) fn of_user(&self, id: &UserId) -> &[PastUser] {
        self.users.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everyone who was an agent of `tenant`.
    pub(crate) fn agents(&self, tenant: &Tenant) -> impl Iterator<Item = &UserId> {
        let of_tenant = |facts: &Vec<PastUser>| facts.iter().any(|fact| fact.user.is_agent_of(tenant));
        self.users.iter().filter(move |(_, facts)| of_tenant(facts)).map(|(id, _)| id)
    }

    /// The plans of `agent` that were active until after the window.
    pub(crate) fn plans_of(&self, agent: &UserId) -> impl Iterator<Item = &ActivePlan> {
        self.coaching.get(agent).into_iter().flatten().filter_map(|past| match &past.what {
            What::Plan(plan) => Some(&**plan),
            What::Target(_) => None,
        })
    }

    /// The targets of plans of `agent` that existed until after the window.
    pub(crate) fn targets_of(&self, agent: &UserId) -> impl Iterator<Item = &Target> {
        self.coaching.get(agent).into_iter().flatten().filter_map(|past| match &past.what {
            What::Plan(_) => None,
            What::Target(target) => Some(&**target),
        })
    }

    fn take_user(&mut self, fact: Result<PastUser, Unreadable>, span: Span) {
        match fact {
            Ok(fact) if fact.until > span.start => self.users.entry(fact.user.id.clone()).or_default().push(fact),
            Ok(_) => {}
            Err(unreadable) => self.damaged.extend(unreadable.user()),
        }
    }

    fn take_coaching(&mut self, past: Result<PastCoaching, Unreadable>, span: Span) {
        match past {
            Ok(past) if past.until > span.at => self.coaching.entry(past.agent.clone()).or_default().push(past),
            Ok(_) => {}
            Err(unreadable) => self.damaged.extend(unreadable.user()),
        }
    }
}

impl Store {
    /// The past states of `users` that lasted into the window, and the past coaching of `coached` that lasted until
    /// after it.
    pub(crate) async fn past_of(
        &self,
        tenant: &Tenant,
        users: &[&UserId],
        coached: &[&UserId],
        span: Span,
    ) -> Result<Past, Error> {
        if users.len() + coached.len() > MAX_ONE_BY_ONE {
            return self.past_of_everyone(tenant, span).await;
        }
        let customer = tenant.of_customer();
        let partitions = users.iter().map(|id| (keys::user(&customer, id).partition, span.start));
        let partitions = partitions.chain(coached.iter().map(|id| (keys::agent(tenant, id).partition, span.at)));
        let partitions: Vec<(String, Timestamp)> = partitions.collect();
        let reads = iter(partitions).map(|(partition, from)| self.past_of_partition(partition, from));
        let items: Vec<Vec<_>> = reads.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut past = Past::default();
        for item in items.into_iter().flatten() {
            if item.contains_key("roles") || item.contains_key("display_name") {
                past.take_user(self.noting(PastUser::read(&customer, item)), span);
            } else {
                past.take_coaching(self.noting(PastCoaching::from_item(item)), span);
            }
        }
        Ok(past)
    }

    /// The past states of all users of the customer that lasted into the window and, if the window is over, the past
    /// coaching of the profile that lasted until after it.
    pub(crate) async fn past_of_everyone(&self, tenant: &Tenant, span: Span) -> Result<Past, Error> {
        let customer = tenant.of_customer();
        let since = |index, partition, time| {
            Range::<Raw>::new(index, partition, Filter::default(), None).between(None, Some(Cursor::after_all_at(time)))
        };
        let users = self.all(since(ListIndex::Profile, keys::past_users(&customer), span.start));
        let coaching = async {
            if !span.has_past_coaching() {
                return Ok(Found::default());
            }
            self.all(since(ListIndex::Profile, keys::past_coaching_of_profile(tenant), span.at)).await
        };
        let (users, coaching) = tokio::try_join!(users, coaching)?;
        let mut past = Past::default();
        let profile = tenant.name();
        // People of other profiles are left out.
        let users = users.entries.into_iter().filter(|Raw(item)| may_be_of(&profile, item));
        for Raw(item) in users {
            past.take_user(self.noting(PastUser::read(&customer, item)), span);
        }
        for Raw(item) in coaching.entries {
            past.take_coaching(self.noting(PastCoaching::from_item(item)), span);
        }
        Ok(past)
    }

    /// Targets for a usecase that were the organisation's until after `time`.
    pub(crate) async fn past_organisation_targets(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        time: Timestamp,
    ) -> Result<Found<Target>, Error> {
        let partition = keys::past_targets_of_usecase(tenant, usecase);
        let range = Range::<PastTarget>::new(ListIndex::Usecase, partition, Filter::default(), None)
            .between(None, Some(Cursor::after_all_at(time)));
        let Found { entries, unreadable } = self.all(range).await?;
        let targets = entries.into_iter().filter(|past| past.until > time);
        Ok(Found { entries: targets.map(|past| past.target).collect(), unreadable })
    }

    /// The facts in `partition` that ended at `from` or later.
    async fn past_of_partition(
        &self,
        partition: String,
        from: Timestamp,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("{PK} = :partition AND {SK} BETWEEN :from AND :until"))
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .expression_attribute_values(":from", AttributeValue::S(keys::past_from(from)))
            .expression_attribute_values(":until", AttributeValue::S(AFTER_PAST.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let pages: Vec<Vec<_>> = self.pages_of_range(query).try_collect().await?;
        Ok(pages.into_iter().flatten().collect())
    }
}

/// Keeps the state that `user` had since a time, until `until`.
pub(crate) fn put_user(tenant: &CustomerTenant, user: &User, since: Option<Timestamp>, until: Timestamp) -> Write {
    let item = user_items::item_at(keys::past_user(tenant, &user.id, until), user, since)
        .text("until", until.to_string())
        .text(ListIndex::Profile.partition_attribute(), keys::past_users(tenant))
        .text(LIST_ORDER, Cursor::latest_first(until, &user.id).as_str());
    Write::put(item)
}

/// Keeps a plan of `agent` that was active until `until`, if a window can have ended in that time.
pub(crate) fn put_plan(
    tenant: &Tenant,
    agent: &UserId,
    plan: &ActivePlan,
    until: Timestamp,
) -> Result<Option<Write>, Error> {
    if day_of(plan.since) >= day_of(until) {
        return Ok(None);
    }
    let mut item = Item::at(keys::past_plan(tenant, agent, &plan.id, until))
        .text("until", until.to_string())
        .text("plan", plan.id.as_str())
        .text("active", plan.to_text()?)
        .text(ListIndex::Profile.partition_attribute(), keys::past_coaching_of_profile(tenant))
        .text(LIST_ORDER, Cursor::latest_first(until, &plan.id).as_str());
    if !plan.targets.is_empty() {
        item = item.text("targets", targets_to_text(&plan.targets)?);
    }
    Ok(Some(Write::put(item)))
}

/// Keeps a target that is deleted at `until`, if a window can have ended while it existed.
pub(crate) fn put_target(tenant: &Tenant, target: &Target, until: Timestamp) -> Option<Write> {
    if day_of(target.create_time) >= day_of(until) {
        return None;
    }
    let (index, partition) = match &target.agent {
        Some(_) => (ListIndex::Profile, keys::past_coaching_of_profile(tenant)),
        None => (ListIndex::Usecase, keys::past_targets_of_usecase(tenant, &target.usecase)),
    };
    let item = target_items::item_at(keys::past_target(tenant, target.agent.as_ref(), &target.id, until), target)
        .text("target", target.id.as_str())
        .text("until", until.to_string())
        .text(index.partition_attribute(), partition)
        .text(LIST_ORDER, Cursor::latest_first(until, &target.id).as_str());
    Some(Write::put(item))
}

impl PastUser {
    fn read(tenant: &CustomerTenant, item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let until = item.time("until")?;
        let id = item.last_of_key()?;
        let (user, since) = user_items::read(tenant, id, &mut item)?;
        Ok(Self { user, since, until })
    }
}

/// Whether the past state of a user in `item` may be one in the profile named `profile`.
fn may_be_of(profile: &str, item: &HashMap<String, AttributeValue>) -> bool {
    match item.get("profiles") {
        Some(AttributeValue::L(profiles)) => profiles.iter().any(|one| one.as_s().map_or(true, |one| one == profile)),
        // Of all profiles, or not readable.
        _ => true,
    }
}

/// An item of an index as it is.
struct Raw(HashMap<String, AttributeValue>);

impl Listed for Raw {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        Ok(Self(item))
    }
}

impl PastCoaching {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let until = item.time("until")?;
        if let Some(target) = item.optional_id("target")? {
            let target = target_items::read(target, &mut item)?;
            let agent = target.agent.clone().ok_or_else(|| item.corrupt("agent"))?;
            return Ok(Self { agent, until, what: What::Target(Box::new(target)) });
        }
        let agent: UserId = item.last_of_key()?;
        let (id, text, targets) = (item.id("plan")?, item.text("active")?, item.optional_text("targets")?);
        let plan = ActivePlan::parse(id, &agent, &text, targets).ok_or_else(|| item.corrupt("active"))?;
        Ok(Self { agent, until, what: What::Plan(Box::new(plan)) })
    }
}

impl Listed for PastTarget {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let until = item.time("until")?;
        let id = item.id("target")?;
        Ok(Self { target: target_items::read(id, &mut item)?, until })
    }
}
