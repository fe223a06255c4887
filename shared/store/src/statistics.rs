//! Reads score statistics, and keeps the orders that progress is paged by.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::names::{CoachingPlanId, UsecaseId, UserId};
use coaching_domain::statistics::Period;
use coaching_domain::{Error, Tenant, Timestamp};
use futures_util::future::try_join_all;
use futures_util::stream::{Stream, StreamExt, TryStreamExt, iter, try_unfold};
use uuid::Uuid;

use crate::Store;
use crate::batch::MAX_KEYS;
use crate::failure::failure;
use crate::item::{Attributes, Item};
use crate::keys::{self, EXPIRES_AT, PK, SK};
use crate::sessions_held::{self, InlineSessions};
use crate::unreadable::Unreadable;

/// The most items of one call. A call ends at 1 MB, before so many; but without a limit the embedded DynamoDB reads the
/// whole range again for each call.
const MOST_OF_A_CALL: i32 = 8_000;
/// The number of agents in one chunk of a kept order: about 20 KB.
const CHUNK: usize = 500;
/// The number of chunks written concurrently.
const CHUNKS_AT_ONCE: usize = 8;
/// How long an order is kept, in seconds: as long as page tokens are valid.
const ORDER_KEPT_SECONDS: i64 = 3 * 24 * 60 * 60;

/// The items in the answer of a call.
type Items = Vec<HashMap<String, AttributeValue>>;

/// The number of concurrent calls that read statistics or activity: DynamoDB answers each with up to 1 MB (16 MB for a batch),
/// which is in memory until it is processed.
pub(crate) const READS_AT_ONCE: usize = 16;

/// The statistics of one agent in one usecase and period.
#[derive(Debug)]
pub struct AgentStatistics {
    /// The agent.
    pub agent: UserId,
    /// The usecase.
    pub usecase: UsecaseId,
    /// The period.
    pub period: Period,
    /// The scores, as [`PackedStatistics`](coaching_domain::statistics::PackedStatistics) reads them.
    pub packed: Vec<u8>,
    /// The times of coaching sessions that were held, in seconds since 1970, and the plan of each.
    pub sessions: Vec<(i64, CoachingPlanId)>,
    /// Whether there are more sessions, in items of their own.
    more_sessions: bool,
}

impl Store {
    /// Passes the statistics of `agents` in `usecases` and `periods` to `take`, one after the other in no order, each
    /// as of within about a second, or as unreadable. They include sessions of plans that are being deleted.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; the errors of `take`.
    pub async fn statistics_of_agents(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        agents: &[UserId],
        periods: &[Period],
        mut take: impl FnMut(Result<AgentStatistics, Unreadable>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut keys = Vec::with_capacity(usecases.len() * agents.len() * periods.len());
        for usecase in usecases {
            for agent in agents {
                keys.extend(periods.iter().map(|period| keys::statistics(tenant, usecase, agent, *period)));
            }
        }
        let batches: Vec<Vec<keys::Key>> = keys.chunks(MAX_KEYS).map(<[_]>::to_vec).collect();
        let reads = iter(batches).map(async |keys| {
            let items = self.batch_get(keys, false).await?.into_iter();
            let statistics = items.map(|item| self.noting(AgentStatistics::from_item(item)));
            try_join_all(statistics.map(async |statistics| match statistics {
                Ok(statistics) => self.with_sessions_beside(tenant, statistics).await,
                Err(unreadable) => Ok(Err(unreadable)),
            }))
            .await
        });
        let mut reads = reads.buffer_unordered(READS_AT_ONCE);
        while let Some(statistics) = reads.next().await {
            statistics?.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    async fn with_sessions_beside(
        &self,
        tenant: &Tenant,
        mut statistics: AgentStatistics,
    ) -> Result<Result<AgentStatistics, Unreadable>, Error> {
        if statistics.more_sessions {
            let AgentStatistics { usecase, agent, period, .. } = &statistics;
            let more = Box::pin(self.sessions_beside(tenant, usecase, agent, *period)).await?;
            for (_, read) in more {
                match read {
                    Ok((_, time, plan)) => statistics.sessions.push((time, plan)),
                    Err(unreadable) => return Ok(Err(unreadable)),
                }
            }
        }
        Ok(Ok(statistics))
    }

    /// As [`Store::statistics_of_agents`], for every agent of the profile, and with `periods` in order: a range of each
    /// bucket, several concurrently. They are streamed; none of them is held here.
    ///
    /// # Errors
    /// As there.
    pub async fn statistics_of_profile(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        periods: &[Period],
        take: impl FnMut(Result<AgentStatistics, Unreadable>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut buckets = Vec::new();
        for usecase in usecases {
            buckets.extend((0..keys::BUCKETS).map(|bucket| keys::statistics_bucket(tenant, usecase, bucket)));
        }
        self.statistics_of_buckets(buckets, periods, take).await
    }

    /// As [`Store::statistics_of_profile`], of the agents in `buckets`.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn statistics_of_buckets(
        &self,
        buckets: Vec<String>,
        periods: &[Period],
        mut take: impl FnMut(Result<AgentStatistics, Unreadable>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(()) };
        let ranges = iter(buckets).map(|bucket| {
            // `$` is the character after `#`.
            let query = self
                .client
                .query()
                .table_name(&*self.table)
                .key_condition_expression(format!("{PK} = :bucket AND {SK} BETWEEN :first AND :last"))
                .expression_attribute_values(":bucket", AttributeValue::S(bucket))
                .expression_attribute_values(":first", AttributeValue::S(format!("{first}#")))
                .expression_attribute_values(":last", AttributeValue::S(format!("{last}$")))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            Box::pin(self.pages_of_range(query))
        });
        let mut pages = ranges.flatten_unordered(READS_AT_ONCE);
        while let Some(items) = pages.next().await {
            for item in items? {
                take(self.noting(AgentStatistics::from_item(item)))?;
            }
        }
        Ok(())
    }

    /// The items of a range, one call's answer at a time.
    pub(crate) fn pages_of_range(&self, query: QueryFluentBuilder) -> impl Stream<Item = Result<Items, Error>> {
        let query = query.limit(MOST_OF_A_CALL);
        try_unfold(Some(query), async |query| {
            let Some(query) = query else { return Ok(None) };
            let call = query.clone().customize().interceptor(self.meter.clone());
            let output = call.send().await.map_err(failure)?;
            let rest = output.last_evaluated_key.map(|key| query.set_exclusive_start_key(Some(key)));
            Ok(Some((output.items.unwrap_or_default(), rest)))
        })
    }

    /// Removes from each of `sessions` those of a `plan` that is being deleted at `now`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn leave_out_deleted<T>(
        &self,
        tenant: &Tenant,
        sessions: Vec<&mut Vec<T>>,
        plan: impl Fn(&T) -> &CoachingPlanId,
        now: Timestamp,
    ) -> Result<(), Error> {
        if sessions.iter().all(|sessions| sessions.is_empty()) {
            return Ok(());
        }
        let tombstones = self.tombstones(tenant).await?;
        for sessions in sessions {
            sessions.retain(|session| !tombstones.has(plan(session), now));
        }
        Ok(())
    }

    /// Keeps an order of agents for three days from `now`, under the new id `id`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn keep_order(&self, tenant: &Tenant, id: Uuid, order: &[&UserId], now: Timestamp) -> Result<(), Error> {
        let expires_at = now.unix_seconds() + ORDER_KEPT_SECONDS;
        let chunks = order.chunks(CHUNK).map(|agents| agents.iter().map(ToString::to_string).collect::<Vec<_>>());
        let chunks: Vec<(usize, Vec<String>)> = chunks.enumerate().collect();
        let writes = chunks.into_iter().map(async |(number, agents)| {
            let item = Item::at(keys::order(tenant, id, number)).texts("agents", agents).number(EXPIRES_AT, expires_at);
            let put = self.client.put_item().table_name(&*self.table).set_item(Some(item.into_attributes()));
            let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total);
            put.customize().interceptor(self.meter.clone()).send().await.map_err(failure)?;
            Ok::<_, Error>(())
        });
        iter(writes).buffer_unordered(CHUNKS_AT_ONCE).try_collect().await
    }

    /// The agents at the places from `start` until `start + size` of a kept order, and whether more follow.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; INVALID_ARGUMENT naming `pageToken` if the order is gone, or cannot be
    /// read.
    pub async fn kept_order(
        &self,
        tenant: &Tenant,
        id: Uuid,
        start: usize,
        size: usize,
    ) -> Result<(Vec<UserId>, bool), Error> {
        // One more place shows whether another page follows.
        let numbers = start / CHUNK..=(start + size) / CHUNK;
        let keys = numbers.clone().map(|number| keys::order(tenant, id, number)).collect();
        let mut chunks: Vec<(usize, Vec<UserId>)> = Vec::new();
        for item in self.batch_get(keys, true).await? {
            let mut item = Attributes::of(item);
            let number = item.key.partition.rsplit('#').next().and_then(|number| number.parse().ok());
            let agents = self.noting(item.ids("agents"));
            let (Some(number), Ok(agents)) = (number, agents) else {
                chunks.clear();
                break;
            };
            chunks.push((number, agents));
        }
        if chunks.is_empty() {
            return Err(Error::invalid_field("pageToken", "has expired; start again without it"));
        }
        chunks.sort_unstable();
        let agents: Vec<UserId> = chunks.into_iter().flat_map(|(_, agents)| agents).collect();
        let skipped = start - numbers.start() * CHUNK;
        let more = agents.len() > skipped + size;
        Ok((agents.into_iter().skip(skipped).take(size).collect(), more))
    }
}

impl AgentStatistics {
    /// These statistics as a record that cannot be read: their scores are not packed as they should be.
    pub fn unreadable(&self, tenant: &Tenant) -> Unreadable {
        Unreadable::of(&keys::statistics(tenant, &self.usecase, &self.agent, self.period), "cells")
    }

    /// Reads an item of a bucket of statistics: an agent's scores and sessions, or one further session.
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let parsed = keys::parse_statistics(&item.key.partition, &item.key.sort);
        let (usecase, period, agent) = parsed.ok_or_else(|| item.corrupt(SK))?;
        if keys::is_held_session(&item.key.sort) {
            let sessions = vec![sessions_held::read_own_item(&mut item)?];
            return Ok(Self { agent, usecase, period, packed: Vec::new(), sessions, more_sessions: false });
        }
        // Scores have a version; an item without one holds sessions alone.
        let version = item.optional_number("version")?;
        let packed = match (item.optional_bytes("cells")?, version) {
            (Some(cells), Some(_)) => cells,
            (None, None) => Vec::new(),
            (None, Some(_)) => return Err(item.corrupt("cells")),
            (Some(_), None) => return Err(item.corrupt("version")),
        };
        let InlineSessions { sessions, more_beside } = InlineSessions::read(&mut item)?;
        let sessions = sessions.into_iter().map(|(_, time, plan)| (time, plan)).collect();
        Ok(Self { agent, usecase, period, packed, sessions, more_sessions: more_beside })
    }
}
