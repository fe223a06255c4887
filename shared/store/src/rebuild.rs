//! Recounts derived data: statistics from the scorecards and sessions that they count, and agents' records from plans,
//! targets and users.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::directory::Usecase;
use coaching_domain::names::{self, CoachingPlanId, ScorecardId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::scorecard::Scorecard;
use coaching_domain::session::CoachingSession;
use coaching_domain::statistics::{Period, Statistics, day_of};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp, Version};
use futures_util::stream::{StreamExt, iter};

use crate::Store;
use crate::active_plans::ActivePlan;
use crate::activity::{Differing, PlacedMark};
use crate::agent_counts::{CountedAgents, RecountedAgents};
use crate::agents;
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::transaction::{Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, LIST_ORDER, ListIndex, PK, SK};
use crate::list::{Filter, Listed, Range};
use crate::scorecards::{Place, statistics_from_item, write_statistics};
use crate::statistics::READS_AT_ONCE;
use crate::unreadable::{Found, Unreadable};

/// The seconds after a change in which an index may not show it yet. DynamoDB promises no limit; it is usually well
/// under one second.
const SETTLED_SECONDS: i64 = 60;

/// The agents, usecases and periods to recount.
#[derive(Debug, Clone, Default)]
pub struct Recount {
    /// Every agent with a scorecard, a session or a plan, or with statistics or activity, in order.
    pub agents: BTreeSet<UserId>,
    /// Scorecards, sessions and plans that cannot be read, so that their agents are not known.
    pub unreadable: BTreeSet<Unreadable>,
    usecases: BTreeSet<UsecaseId>,
    periods: BTreeSet<Period>,
}

/// Statistics that did not match their scorecards and sessions, and were corrected.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The agent.
    pub agent: UserId,
    /// The usecase.
    pub usecase: UsecaseId,
    /// The first day of the two months.
    pub period: Period,
}

/// The result of recounting an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Recounted {
    /// The agent was recounted, with these corrections.
    Corrected {
        /// The corrected statistics; empty if all were right.
        statistics: Vec<Difference>,
        /// The corrected activity; empty if all was right.
        activity: Vec<Difference>,
        /// Whether the agent's record, or a plan's count of acknowledged sessions, was corrected.
        record: bool,
    },
    /// Something differs that changed within the last minute, which indexes may not show yet, or others keep changing
    /// it.
    Unsettled,
}

/// Statistics as they are stored.
struct Stored {
    /// `None` if they cannot be read.
    statistics: Option<Statistics>,
    /// The stored version, if there is one.
    version: Option<AttributeValue>,
    /// The time of the last change of scores in them, in Unix seconds.
    changed: i64,
}

/// The version and the mark of each scorecard of an agent.
type MarksOfScorecards = BTreeMap<ScorecardId, (Version, Option<PlacedMark>)>;

/// The result in `done`; `None` if a record cannot be read, which is added to `skipped`.
fn unless_unreadable<T>(done: Result<T, Error>, skipped: &mut BTreeSet<Unreadable>) -> Result<Option<T>, Error> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) => match Unreadable::cause_of(&error) {
            Some(unreadable) => {
                skipped.insert(unreadable.clone());
                Ok(None)
            }
            None => Err(error),
        },
    }
}

/// A person in a list by name.
struct Named {
    key: keys::Key,
    id: UserId,
    display_name: String,
    /// Whether they count as an active agent.
    is_counted: bool,
}

impl Listed for Named {
    const ATTRIBUTES: &'static [&'static str] = &[SK, "display_name", "is_active", "is_dev_user", "since"];

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let (id, display_name) = (item.last_of_key()?, item.text("display_name")?);
        let is_counted = item.boolean("is_active")? & !item.boolean("is_dev_user")?;
        // Not needed here, but progress needs to read it.
        item.optional_time("since")?;
        Ok(Self { key: item.key, id, display_name, is_counted })
    }
}

impl Store {
    /// Plans a recount of a profile: one pass over its scorecards, sessions and plans, and one over the keys of the
    /// statistics and the activity of its usecases, which may be of records that are gone.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plan_recount(&self, tenant: &Tenant) -> Result<Recount, Error> {
        let mut recount = Recount::default();
        let plans = self.all_of::<CoachingPlan>(keys::plans_of_profile(tenant)).await?;
        recount.unreadable.extend(plans.unreadable);
        for plan in plans.entries {
            recount.usecases.extend(plan.usecase);
            recount.agents.insert(plan.agent);
        }
        let sessions = self.all_of::<CoachingSession>(keys::sessions_of_profile(tenant)).await?;
        recount.unreadable.extend(sessions.unreadable);
        for session in sessions.entries {
            recount.periods.insert(Period::of(day_of(session.steps().counted)));
            recount.usecases.extend(session.usecase);
            recount.agents.insert(session.agent);
        }
        let usecases = self.all_of::<Usecase>(keys::usecases_of_profile(tenant)).await?;
        recount.unreadable.extend(usecases.unreadable);
        recount.usecases.extend(usecases.entries.into_iter().map(|usecase| usecase.id));
        let mut after = None;
        loop {
            let partition = keys::scorecards_of_profile(tenant);
            let range = Range::<Scorecard>::new(ListIndex::Profile, partition, Filter::default(), after.as_ref());
            let page = self.page(vec![range], 1000).await?;
            recount.unreadable.extend(page.unreadable().cloned());
            for scorecard in page.entries {
                recount.periods.extend(scorecard.counted_at().map(|time| Period::of(day_of(time))));
                recount.agents.insert(scorecard.agent);
                recount.usecases.insert(scorecard.usecase);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.plan_of_derived(tenant, &mut recount).await?;
        Ok(recount)
    }

    /// Adds the agents and the periods of the statistics and the activity that are stored of the usecases of `recount`.
    async fn plan_of_derived(&self, tenant: &Tenant, recount: &mut Recount) -> Result<(), Error> {
        let mut buckets = Vec::new();
        for usecase in &recount.usecases {
            buckets.extend((0..keys::BUCKETS).map(|bucket| keys::statistics_bucket(tenant, usecase, bucket)));
            buckets.extend((0..keys::BUCKETS).map(|bucket| keys::activity_bucket(tenant, usecase, bucket)));
        }
        let ranges = iter(buckets).map(|bucket| {
            let query = self
                .client
                .query()
                .table_name(&*self.table)
                .key_condition_expression(format!("{PK} = :bucket"))
                .expression_attribute_values(":bucket", AttributeValue::S(bucket))
                .projection_expression(format!("{PK}, {SK}"))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            Box::pin(self.pages_of_range(query))
        });
        let mut pages = ranges.flatten_unordered(READS_AT_ONCE);
        while let Some(items) = pages.next().await {
            for item in items? {
                let item = Attributes::of(item);
                match keys::parse_statistics(&item.key.partition, &item.key.sort) {
                    Some((_, period, agent)) => {
                        recount.periods.insert(period);
                        recount.agents.insert(agent);
                    }
                    None => {
                        recount.unreadable.insert(item.corrupt(SK));
                    }
                }
            }
        }
        Ok(())
    }

    async fn all_of<T: Listed>(&self, partition: String) -> Result<Found<T>, Error> {
        self.all(Range::new(ListIndex::Profile, partition, Filter::default(), None)).await
    }

    /// Recounts the statistics and the activity of one agent at `now` in every usecase and period of `recount`, and
    /// their record, and corrects what differs or cannot be read. Sources that cannot be read are added to `skipped`, and the rest is
    /// counted without them. Concurrent changes are neither lost nor counted twice: each write is conditional on what
    /// was read before the scorecards were.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; ABORTED if others keep changing the agent's record.
    pub async fn recount_agent(
        &self,
        tenant: &Tenant,
        recount: &Recount,
        agent: &UserId,
        now: Timestamp,
        skipped: &mut BTreeSet<Unreadable>,
    ) -> Result<Recounted, Error> {
        let record = self.put_record_right(tenant, agent, skipped).await;
        let mut record = unless_unreadable(record, skipped)?.unwrap_or(false);
        let places = (&recount.usecases, &recount.periods);
        let mut activity = Differing::new();
        let marks = self.stored_marks_of(tenant, places.0, places.1, agent, &mut activity).await?;
        let of_sessions = self.recount_sessions(tenant, places, agent, (&marks, &mut activity), skipped).await;
        let (mut corrected, counts) = unless_unreadable(of_sessions, skipped)?.unwrap_or_default();
        record |= counts;
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let stored = self.stored_statistics(tenant, recount, agent).await?;
            let (counted, scorecards) = self.count_from_scorecards(tenant, agent, skipped).await?;
            self.put_scorecard_marks_right(tenant, agent, &marks, scorecards, &mut activity).await?;
            let places: BTreeSet<&Place> = stored.keys().chain(counted.keys()).collect();
            let mut lost_a_race = false;
            for place in places {
                let uncounted = Stored { statistics: Some(Statistics::default()), version: None, changed: 0 };
                let read = stored.get(place).unwrap_or(&uncounted);
                let right = counted.get(place).cloned().unwrap_or_default();
                if read.statistics.as_ref() == Some(&right) {
                    continue;
                }
                if read.changed > now.unix_seconds() - SETTLED_SECONDS {
                    return Ok(Recounted::Unsettled);
                }
                let write = write_statistics(tenant, place, read.version.as_ref(), right.encode(), now);
                if self.transact(Transaction::of(write, Refusal::Changed)).await?.is_written() {
                    corrected.insert((place.usecase.clone(), place.period));
                } else {
                    lost_a_race = true;
                }
            }
            if !lost_a_race {
                let differences = |places: Differing| -> Vec<Difference> {
                    let difference = |(usecase, period)| Difference { agent: agent.clone(), usecase, period };
                    places.into_iter().map(difference).collect()
                };
                let (statistics, activity) = (differences(corrected), differences(activity));
                return Ok(Recounted::Corrected { statistics, activity, record });
            }
        }
        Ok(Recounted::Unsettled)
    }

    /// Makes the record of `agent` match their active plans and the targets of those, and corrects who they are, if
    /// that cannot be read; returns whether anything differed. Concurrent changes update the record themselves.
    async fn put_record_right(
        &self,
        tenant: &Tenant,
        agent: &UserId,
        skipped: &mut BTreeSet<Unreadable>,
    ) -> Result<bool, Error> {
        let mut differed = false;
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let record = self.stored_record(tenant, agent).await?;
            let partition = keys::plans_of_agent(tenant, agent);
            let listed =
                self.all(Range::<CoachingPlan>::new(ListIndex::Agent, partition, Filter::default(), None)).await?;
            let mut ids: BTreeSet<CoachingPlanId> = listed.entries.into_iter().map(|plan| plan.id).collect();
            ids.extend(record.plans().cloned());
            let ids: Vec<CoachingPlanId> = ids.into_iter().collect();
            let Found { entries: plans, unreadable } = self.plans_by_id(tenant, &ids, true).await?;
            let damaged: HashSet<CoachingPlanId> =
                unreadable.iter().filter_map(|unreadable| CoachingPlanId::parse(unreadable.id())).collect();
            skipped.extend(listed.unreadable.into_iter().chain(unreadable));
            let mut lost_a_race = false;
            // The record keeps what it says of a plan that cannot be read.
            for id in ids.iter().filter(|id| !damaged.contains(*id)) {
                let plan = plans.iter().find(|plan| plan.id == *id);
                let active = plan.filter(|plan| plan.is_active);
                let (targets, checks) = match active {
                    Some(_) => self.targets_to_keep(tenant, id).await?,
                    None => (Vec::new(), Vec::new()),
                };
                let right = active.map(|plan| ActivePlan::of(plan, targets));
                if record.tells_of(id, right.as_ref())? {
                    continue;
                }
                differed = true;
                let check = Write::check_version(keys::plan(tenant, id), plan.map(|plan| plan.version));
                let mut transaction = Transaction::of(check, Refusal::Changed);
                transaction.add_all(checks, Refusal::Changed);
                transaction.add(agents::put_plan_right(tenant, &record, id, right.as_ref())?, Refusal::Changed);
                lost_a_race |= !self.transact(transaction).await?.is_written();
            }
            if !lost_a_race {
                return Ok(self.put_rest_of_record_right(tenant, agent).await? || differed);
            }
        }
        Err(keeps_changing(&tenant.name_of(agent)))
    }

    /// Corrects the place in the order of names of everyone whom the profile lists as an agent. Returns how many had
    /// another place, and how many agents' records could not be read and were corrected. A user of the directory who
    /// cannot be read is added to `skipped`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn put_order_right(
        &self,
        tenant: &Tenant,
        skipped: &mut BTreeSet<Unreadable>,
    ) -> Result<(usize, usize), Error> {
        let (mut moved, mut mended) = (0, 0);
        for partition in [keys::agents_of_profile(tenant), keys::agents_of_all_profiles(&tenant.of_customer())] {
            let found = self.all_of::<Named>(partition).await?;
            for unreadable in found.unreadable {
                match unreadable.user().filter(|_| unreadable.kind() == "agent") {
                    Some(agent) => {
                        let put_right = self.put_rest_of_record_right(tenant, &agent).await;
                        mended += usize::from(unless_unreadable(put_right, skipped)?.unwrap_or(false));
                    }
                    None => {
                        skipped.insert(unreadable);
                    }
                }
            }
            for listed in found.entries {
                let right = Cursor::by_name::<names::User>(&listed.display_name, &listed.id);
                let update = Write::update(listed.key, format!("SET {LIST_ORDER} = :right"))
                    .when(format!("display_name = :name AND {LIST_ORDER} <> :right"))
                    .text(":name", listed.display_name)
                    .text(":right", right.into_text());
                moved += usize::from(self.transact(Transaction::of(update, Refusal::Changed)).await?.is_written());
            }
        }
        Ok((moved, mended))
    }

    /// Recounts the active agents of the profile, and of all profiles, at `now`, and corrects the counts that differ.
    /// Concurrent changes are neither lost nor counted twice: each write is conditional on the counts as they were read
    /// before the agents were.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn recount_active_agents(&self, tenant: &Tenant, now: Timestamp) -> Result<RecountedAgents, Error> {
        let stored = self.stored_counts(tenant, true).await?;
        let partitions = [keys::agents_of_all_profiles(&tenant.of_customer()), keys::agents_of_profile(tenant)];
        let mut counted = CountedAgents::new();
        for (place, partition) in partitions.into_iter().enumerate() {
            let found = self.all_of::<Named>(partition).await?;
            if !found.unreadable.is_empty() {
                return Ok(RecountedAgents::Unsettled);
            }
            for agent in found.entries.into_iter().filter(|agent| agent.is_counted) {
                let shard = counted.entry(keys::shard_of_counts(&agent.id)).or_default();
                shard.iter_mut().skip(place).take(1).for_each(|count| *count += 1);
            }
        }
        self.put_counts_right(tenant, stored, &counted, now.unix_seconds() - SETTLED_SECONDS).await
    }

    /// The last agent that an unfinished rebuild of the profile has completed.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn rebuilt_until(&self, tenant: &Tenant) -> Result<Option<UserId>, Error> {
        let item = self.get(keys::rebuild(tenant)).await?;
        // If it cannot be read, the rebuild starts again.
        Ok(item.and_then(|item| self.noting(Attributes::of(item).id("agent")).ok()))
    }

    /// Stores the last agent that a rebuild of the profile has completed; without an agent, that the rebuild is
    /// complete.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn keep_rebuilt_until(&self, tenant: &Tenant, agent: Option<&UserId>) -> Result<(), Error> {
        let key = keys::rebuild(tenant);
        match agent {
            Some(agent) => {
                let item = Item::at(key).text("agent", agent.as_str()).into_attributes();
                self.client
                    .put_item()
                    .table_name(&*self.table)
                    .set_item(Some(item))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .customize()
                    .interceptor(self.meter.clone())
                    .send()
                    .await
                    .map_err(crate::failure::failure)?;
            }
            None => {
                let key = crate::item::key_attributes(key);
                self.client
                    .delete_item()
                    .table_name(&*self.table)
                    .set_key(Some(key))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .customize()
                    .interceptor(self.meter.clone())
                    .send()
                    .await
                    .map_err(crate::failure::failure)?;
            }
        }
        Ok(())
    }

    /// The agent's statistics as they are now.
    async fn stored_statistics(
        &self,
        tenant: &Tenant,
        recount: &Recount,
        agent: &UserId,
    ) -> Result<BTreeMap<Place, Stored>, Error> {
        let mut keys = Vec::new();
        for usecase in &recount.usecases {
            keys.extend(recount.periods.iter().map(|period| keys::statistics(tenant, usecase, agent, *period)));
        }
        let mut stored = BTreeMap::new();
        for item in self.batch_get(keys, true).await? {
            let mut facts = Attributes::of(item.clone());
            let place = keys::parse_statistics(&facts.key.partition, &facts.key.sort);
            let (usecase, period, agent) = place.ok_or_else(|| facts.corrupt(SK))?;
            let version = item.get("version").cloned();
            let changed = self.noting(facts.optional_number("changed"));
            // Statistics that cannot be read always count as different.
            let statistics = self.noting(statistics_from_item(item)).ok().filter(|_| changed.is_ok());
            let changed = changed.ok().flatten().unwrap_or(0);
            let statistics = statistics.map(|(_, read)| read.statistics);
            stored.insert(Place { usecase, agent, period }, Stored { statistics, version, changed });
        }
        Ok(stored)
    }

    /// Counts an agent's scorecards, each as it is now, and returns the version and the mark of each too. Those that
    /// cannot be read or counted are added to `skipped`.
    async fn count_from_scorecards(
        &self,
        tenant: &Tenant,
        agent: &UserId,
        skipped: &mut BTreeSet<Unreadable>,
    ) -> Result<(BTreeMap<Place, Statistics>, MarksOfScorecards), Error> {
        let mut marks = MarksOfScorecards::new();
        let partition = keys::scorecards_of_agent(tenant, agent);
        let listed = self.all(Range::<Scorecard>::new(ListIndex::Agent, partition, Filter::default(), None)).await?;
        skipped.extend(listed.unreadable);
        let ids: Vec<ScorecardId> = listed.entries.into_iter().map(|scorecard| scorecard.id).collect();
        let mut templates: HashMap<(ScorecardTemplateId, u32), ScorecardTemplate> = HashMap::new();
        let mut counted: BTreeMap<Place, Statistics> = BTreeMap::new();
        for ids in ids.chunks(1000) {
            let Found { entries: scorecards, unreadable } = self.scorecards_by_id(tenant, ids).await?;
            skipped.extend(unreadable);
            let unknown: BTreeSet<_> = scorecards
                .iter()
                .map(|scorecard| (scorecard.template.clone(), scorecard.revision))
                .filter(|revision| !templates.contains_key(revision))
                .collect();
            let unknown: Vec<_> = unknown.into_iter().map(|(template, revision)| (template, Some(revision))).collect();
            let found = self.revisions(tenant, &unknown, true).await?;
            skipped.extend(found.unreadable);
            for template in found.entries {
                templates.insert((template.id.clone(), template.revision), template);
            }
            for scorecard in scorecards {
                let mark = PlacedMark::of_scorecard(&scorecard);
                marks.insert(scorecard.id.clone(), (scorecard.version, mark));
                let Some(template) = templates.get(&(scorecard.template.clone(), scorecard.revision)) else {
                    // The template of one that does not count does not matter.
                    if scorecard.counted_at().is_some() {
                        skipped.insert(self.without_template(tenant, &scorecard.id));
                    }
                    continue;
                };
                let Some(contribution) = scorecard.contribution(template) else { continue };
                let period = Period::of(contribution.day);
                let place = Place { usecase: scorecard.usecase.clone(), agent: agent.clone(), period };
                counted.entry(place).or_default().add(period, &contribution).map_err(Error::internal)?;
            }
        }
        Ok((counted, marks))
    }
}
