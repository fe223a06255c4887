//! Recounting what is derived: statistics from the scorecards and sessions that they count, and agents' records from
//! the plans, targets and people that they tell of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem, Update};
use coaching_domain::names::{self, CoachingPlanId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::scorecard::Scorecard;
use coaching_domain::session::CoachingSession;
use coaching_domain::statistics::{Period, Statistics};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Id, Tenant, Timestamp};

use crate::Store;
use crate::agents::ActivePlan;
use crate::changes::keeps_changing;
use crate::failure::corrupt;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, LIST_ORDER, ListIndex, ListPosition, PK, SK};
use crate::list::{Filter, Listed, Range};
use crate::scorecards::{Place, Read, statistics_from_item};
use crate::sessions_held::HeldSession;
use crate::transaction::Outcome;

/// How long after a change an index may not show it yet, in seconds. DynamoDB promises none; it is
/// usually well under one.
const SETTLED_SECONDS: i64 = 60;
/// How often statistics are put right that others keep changing.
const ATTEMPTS: usize = 5;

/// What is to be recounted.
#[derive(Debug, Clone, Default)]
pub struct Recount {
    /// Every agent with a scorecard, a session or a plan, in order.
    pub agents: BTreeSet<UserId>,
    usecases: BTreeSet<UsecaseId>,
    periods: BTreeSet<Period>,
}

/// Statistics that were not what their scorecards and sessions come to, and are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The agent.
    pub agent: UserId,
    /// The usecase.
    pub usecase: UsecaseId,
    /// The first day of the two months.
    pub period: Period,
}

/// What recounting an agent found.
#[derive(Debug, Clone, PartialEq)]
pub enum Recounted {
    /// What was put right.
    Corrected {
        /// These statistics; none, if all were right.
        statistics: Vec<Difference>,
        /// Whether the agent's record was.
        record: bool,
    },
    /// Something differs that was changed within the last minute, which indexes may not show yet.
    Unsettled,
}

/// A person whom a list by name holds.
struct Named {
    key: keys::Key,
    id: UserId,
    display_name: String,
}

impl Listed for Named {
    const ATTRIBUTES: &'static [&'static str] = &["SK", "display_name"];

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error> {
        let mut item = Attributes(item);
        let partition = item.text(PK)?;
        let id = partition.rsplit('#').next().and_then(Id::parse).ok_or_else(|| corrupt(PK))?;
        let key = keys::Key { partition, sort: item.text(SK)? };
        Ok(Self { key, id, display_name: item.text("display_name")? })
    }
}

impl Store {
    /// What there is to recount in a profile: one walk over its scorecards, sessions and plans.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plan_recount(&self, tenant: &Tenant) -> Result<Recount, Error> {
        let mut recount = Recount::default();
        for plan in self.all_of::<CoachingPlan>(keys::plans_of_profile(tenant)).await? {
            recount.agents.insert(plan.agent);
        }
        for session in self.all_of::<CoachingSession>(keys::sessions_of_profile(tenant)).await? {
            if let Some(held) = HeldSession::of(&session) {
                recount.periods.insert(held.period());
            }
            recount.usecases.extend(session.usecase);
            recount.agents.insert(session.agent);
        }
        let mut after = None;
        loop {
            let partition = keys::scorecards_of_profile(tenant);
            let range = Range::<Scorecard>::new(ListIndex::Profile, partition, Filter::default(), after.as_ref());
            let page = self.page(vec![range], 1000).await?;
            for scorecard in page.entries {
                recount
                    .periods
                    .extend(scorecard.submit_time.map(|time| Period::of(coaching_domain::statistics::day_of(time))));
                recount.agents.insert(scorecard.agent);
                recount.usecases.insert(scorecard.usecase);
            }
            after = page.next;
            if after.is_none() {
                return Ok(recount);
            }
        }
    }

    async fn all_of<T: Listed>(&self, partition: String) -> Result<Vec<T>, Error> {
        self.all(Range::new(ListIndex::Profile, partition, Filter::default(), None)).await
    }

    /// Recounts the statistics of one agent at `now` in every usecase and period of `recount`, and their record, and
    /// puts right what differs. Changes that others make meanwhile are neither lost nor counted twice: what is
    /// written is conditioned on what was read before the scorecards were.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; ABORTED if others keep changing the agent's statistics.
    pub async fn recount_agent(
        &self,
        tenant: &Tenant,
        recount: &Recount,
        agent: &UserId,
        now: Timestamp,
    ) -> Result<Recounted, Error> {
        let record = self.put_record_right(tenant, agent).await?;
        let of_sessions = self.recount_sessions(tenant, &recount.usecases, &recount.periods, agent).await?;
        let mut corrected: BTreeSet<(UsecaseId, Period)> = of_sessions.into_iter().collect();
        for _ in 0..ATTEMPTS {
            let stored = self.stored_statistics(tenant, recount, agent).await?;
            let counted = self.count_from_scorecards(tenant, agent).await?;
            let places: BTreeSet<&Place> = stored.keys().chain(counted.keys()).collect();
            let mut lost_a_race = false;
            for place in places {
                let uncounted = (Read::default(), 0);
                let (read, changed) = stored.get(place).unwrap_or(&uncounted);
                let right = counted.get(place).cloned().unwrap_or_default();
                if read.statistics == right {
                    continue;
                }
                if *changed > now.unix_seconds() - SETTLED_SECONDS {
                    return Ok(Recounted::Unsettled);
                }
                let write = self.put_statistics(tenant, place, read.version, right.encode(), now)?;
                match self.transact(vec![write]).await? {
                    Outcome::Written => {
                        corrected.insert((place.usecase.clone(), place.period));
                    }
                    Outcome::Refused(_) => lost_a_race = true,
                }
            }
            if !lost_a_race {
                let statistics =
                    corrected.into_iter().map(|(usecase, period)| Difference { agent: agent.clone(), usecase, period });
                return Ok(Recounted::Corrected { statistics: statistics.collect(), record });
            }
        }
        Ok(Recounted::Unsettled)
    }

    /// Makes the record of `agent` tell of their active plans and the targets of those as they are; says whether it
    /// did not. What others change meanwhile they write there themselves.
    async fn put_record_right(&self, tenant: &Tenant, agent: &UserId) -> Result<bool, Error> {
        let mut differed = false;
        for _ in 0..ATTEMPTS {
            let record = self.record(tenant, agent).await?;
            let partition = keys::plans_of_agent(tenant, agent);
            let plans: Vec<CoachingPlan> =
                self.all(Range::new(ListIndex::Agent, partition, Filter::default(), None)).await?;
            let mut ids: BTreeSet<CoachingPlanId> = plans.into_iter().map(|plan| plan.id).collect();
            ids.extend(record.plans.iter().map(|plan| plan.id.clone()));
            let ids: Vec<CoachingPlanId> = ids.into_iter().collect();
            let plans = self.plans_by_id(tenant, &ids).await?;
            let mut lost_a_race = false;
            for id in &ids {
                let plan = plans.iter().find(|plan| plan.id == *id);
                let active = plan.filter(|plan| plan.is_active);
                let (targets, mut writes) = match active {
                    Some(_) => self.targets_to_keep(tenant, id).await?,
                    None => (Vec::new(), Vec::new()),
                };
                let right = active.map(|plan| ActivePlan::of(plan, targets));
                if record.tells_of(id, right.as_ref())? {
                    continue;
                }
                differed = true;
                writes.push(self.check_version(keys::plan(tenant, id), plan.map(|plan| plan.version))?);
                writes.push(self.put_plan_right(tenant, &record, id, right.as_ref())?);
                lost_a_race |= !matches!(self.transact(writes).await?, Outcome::Written);
            }
            if !lost_a_race {
                return Ok(self.put_plan_count_right(tenant, agent).await? || differed);
            }
        }
        Err(keeps_changing(&tenant.name_of(agent)))
    }

    /// Gives everyone whom the profile lists as an agent the place in the order of names that their name has; says how
    /// many had another.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn put_order_right(&self, tenant: &Tenant) -> Result<usize, Error> {
        let mut moved = 0;
        for partition in [keys::agents_of_profile(tenant), keys::agents_of_all_profiles(&tenant.of_customer())] {
            for listed in self.all_of::<Named>(partition).await? {
                let right = ListPosition::by_name::<names::User>(&listed.display_name, &listed.id);
                let update = Update::builder()
                    .table_name(&*self.table)
                    .set_key(Some(key_attributes(listed.key)))
                    .update_expression(format!("SET {LIST_ORDER} = :right"))
                    .condition_expression(format!("display_name = :name AND {LIST_ORDER} <> :right"))
                    .expression_attribute_values(":name", AttributeValue::S(listed.display_name))
                    .expression_attribute_values(":right", AttributeValue::S(right.into_text()));
                let update = update.build().map_err(Error::internal)?;
                let write = TransactWriteItem::builder().update(update).build();
                moved += usize::from(matches!(self.transact(vec![write]).await?, Outcome::Written));
            }
        }
        Ok(moved)
    }

    /// How far a rebuild of the profile came: the last agent that is done.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn rebuilt_until(&self, tenant: &Tenant) -> Result<Option<UserId>, Error> {
        let item = self.get(keys::rebuild(tenant)).await?;
        item.map(|item| Attributes(item).id("agent")).transpose()
    }

    /// Keeps how far a rebuild of the profile came; with no agent, that it is complete.
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
                    .interceptor(self.account.clone())
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
                    .interceptor(self.account.clone())
                    .send()
                    .await
                    .map_err(crate::failure::failure)?;
            }
        }
        Ok(())
    }

    /// Statistics as they are now, each with the time of its last change.
    async fn stored_statistics(
        &self,
        tenant: &Tenant,
        recount: &Recount,
        agent: &UserId,
    ) -> Result<BTreeMap<Place, (Read, i64)>, Error> {
        let mut keys = Vec::new();
        for usecase in &recount.usecases {
            keys.extend(recount.periods.iter().map(|period| keys::statistics(tenant, usecase, agent, *period)));
        }
        let items = self.batch_get(keys, true).await?.into_iter().map(|item| {
            let changed = match item.get("changed") {
                None => 0,
                Some(AttributeValue::N(seconds)) => seconds.parse().map_err(|_| corrupt("changed"))?,
                Some(_) => return Err(corrupt("changed")),
            };
            let (place, read) = statistics_from_item(item)?;
            Ok((place, (read, changed)))
        });
        items.collect()
    }

    /// What an agent's scorecards come to, each as it is now.
    async fn count_from_scorecards(
        &self,
        tenant: &Tenant,
        agent: &UserId,
    ) -> Result<BTreeMap<Place, Statistics>, Error> {
        let partition = keys::scorecards_of_agent(tenant, agent);
        let listed = self.all(Range::<Scorecard>::new(ListIndex::Agent, partition, Filter::default(), None)).await?;
        let ids: Vec<_> = listed.into_iter().map(|scorecard| scorecard.id).collect();
        let mut templates: HashMap<(ScorecardTemplateId, u32), ScorecardTemplate> = HashMap::new();
        let mut counted: BTreeMap<Place, Statistics> = BTreeMap::new();
        for ids in ids.chunks(1000) {
            let scorecards = self.scorecards_by_id(tenant, ids).await?;
            let unknown: BTreeSet<_> = scorecards
                .iter()
                .map(|scorecard| (scorecard.template.clone(), scorecard.revision))
                .filter(|revision| !templates.contains_key(revision))
                .collect();
            let unknown: Vec<_> = unknown.into_iter().map(|(template, revision)| (template, Some(revision))).collect();
            for template in self.templates(tenant, &unknown, true).await? {
                templates.insert((template.id.clone(), template.revision), template);
            }
            for scorecard in scorecards {
                let template = templates.get(&(scorecard.template.clone(), scorecard.revision));
                let template =
                    template.ok_or_else(|| Error::internal("a scorecard's template revision does not exist"))?;
                let Some(contribution) = scorecard.contribution(template) else { continue };
                let period = Period::of(contribution.day);
                let place = Place { usecase: scorecard.usecase.clone(), agent: agent.clone(), period };
                counted.entry(place).or_default().add(period, &contribution).map_err(Error::internal)?;
            }
        }
        Ok(counted)
    }
}
