//! Recounting statistics from the scorecards that they count.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::names::{ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::scorecard::Scorecard;
use coaching_domain::statistics::{Period, Statistics};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp};

use crate::Store;
use crate::failure::corrupt;
use crate::item::{Attributes, Item};
use crate::keys::{self, ListIndex};
use crate::list::{Filter, Range};
use crate::scorecards::{Place, Read, statistics_from_item};
use crate::transaction::Outcome;

/// How long after a change an index may not show it yet, in seconds. DynamoDB promises none; it is
/// usually well under one.
const SETTLED_SECONDS: i64 = 60;
/// How often statistics are put right that others keep changing.
const ATTEMPTS: usize = 5;

/// What is to be recounted.
#[derive(Debug, Clone, Default)]
pub struct Recount {
    /// Every agent with a scorecard, in order.
    pub agents: BTreeSet<UserId>,
    usecases: BTreeSet<UsecaseId>,
    periods: BTreeSet<Period>,
}

/// Statistics that were not what their scorecards come to, and are now.
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
    /// These were put right; none, if all were right.
    Corrected(Vec<Difference>),
    /// Something differs that was changed within the last minute, which indexes may not show yet.
    Unsettled,
}

impl Store {
    /// What there is to recount in a profile: one walk over its scorecards.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plan_recount(&self, tenant: &Tenant) -> Result<Recount, Error> {
        let mut recount = Recount::default();
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

    /// Recounts the statistics of one agent at `now` in every usecase and period of `recount`, and puts
    /// right what differs. Changes that others make meanwhile are neither lost nor counted twice: what is
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
        let mut corrected = Vec::new();
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
                    Outcome::Written => corrected.push(Difference {
                        agent: agent.clone(),
                        usecase: place.usecase.clone(),
                        period: place.period,
                    }),
                    Outcome::Refused(_) => lost_a_race = true,
                }
            }
            if !lost_a_race {
                return Ok(Recounted::Corrected(corrected));
            }
        }
        Ok(Recounted::Unsettled)
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
