//! Reading score statistics, and the orders that progress was paged by.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem, Update};
use coaching_domain::names::{CoachingPlanId, UsecaseId, UserId};
use coaching_domain::session::CoachingSession;
use coaching_domain::statistics::{Period, Statistics, day_of};
use coaching_domain::{Error, Id, Tenant, Timestamp};
use futures_util::future::try_join_all;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use uuid::Uuid;

use crate::Store;
use crate::failure::{corrupt, failure};
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, EXPIRES_AT, PK, SK};

/// How many agents one chunk of a kept order has: about 20 KB.
const CHUNK: usize = 500;
/// How many chunks are written side by side.
const CHUNKS_AT_ONCE: usize = 8;
/// How long an order is kept, in seconds: as long as page tokens are good.
const ORDER_KEPT_SECONDS: i64 = 3 * 24 * 60 * 60;

/// What begins the attributes that count sessions.
const SESSION_ATTRIBUTE: &str = "session#";

/// What is counted of one agent in one usecase and period.
#[derive(Debug)]
pub struct AgentStatistics {
    /// The agent.
    pub agent: UserId,
    /// The usecase.
    pub usecase: UsecaseId,
    /// The period.
    pub period: Period,
    /// The scores.
    pub statistics: Statistics,
    /// When coaching sessions were, in seconds since 1970, and the plan of each.
    pub sessions: Vec<(i64, CoachingPlanId)>,
}

impl Store {
    /// The statistics of `agents` in `usecases` and `periods`, each as of within about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn statistics_of_agents(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        agents: &[UserId],
        periods: &[Period],
        now: Timestamp,
    ) -> Result<Vec<AgentStatistics>, Error> {
        let mut keys = Vec::with_capacity(usecases.len() * agents.len() * periods.len());
        for usecase in usecases {
            for agent in agents {
                keys.extend(periods.iter().map(|period| keys::statistics(tenant, usecase, agent, *period)));
            }
        }
        let items = self.batch_get(keys, false).await?;
        let mut statistics: Vec<AgentStatistics> =
            items.into_iter().map(AgentStatistics::from_item).collect::<Result<_, _>>()?;
        if statistics.iter().any(|one| !one.sessions.is_empty()) {
            let deletions = self.deletions(tenant).await?;
            for one in &mut statistics {
                one.sessions.retain(|(_, plan)| !deletions.has(plan, now));
            }
        }
        Ok(statistics)
    }

    /// What `keep` makes of the statistics of every agent of the profile in `usecases` and `periods`
    /// (in order), each as of within about a second. A bucket's range is read in order, the buckets
    /// side by side, and only what `keep` returns is held.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn statistics_of_profile<T>(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        periods: &[Period],
        keep: impl Fn(AgentStatistics) -> T,
    ) -> Result<Vec<T>, Error> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(Vec::new()) };
        let buckets = usecases.iter().flat_map(|usecase| {
            (0..keys::STATISTICS_BUCKETS).map(move |bucket| keys::statistics_bucket(tenant, usecase, bucket))
        });
        let kept = try_join_all(buckets.map(|bucket| self.statistics_of_bucket(bucket, *first, *last, &keep))).await?;
        Ok(kept.into_iter().flatten().collect())
    }

    async fn statistics_of_bucket<T>(
        &self,
        bucket: String,
        first: Period,
        last: Period,
        keep: &impl Fn(AgentStatistics) -> T,
    ) -> Result<Vec<T>, Error> {
        let mut kept = Vec::new();
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("{PK} = :bucket AND {SK} BETWEEN :first AND :last"))
            .expression_attribute_values(":bucket", AttributeValue::S(bucket))
            .expression_attribute_values(":first", AttributeValue::S(format!("{first}#")))
            // `$` is the character after `#`.
            .expression_attribute_values(":last", AttributeValue::S(format!("{last}$")))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut after = None;
        loop {
            let query = query.clone().set_exclusive_start_key(after);
            let page = query.customize().interceptor(self.account.clone()).send().await.map_err(failure)?;
            for item in page.items.unwrap_or_default() {
                kept.push(keep(AgentStatistics::from_item(item)?));
            }
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(kept);
            }
        }
    }

    /// The writes that count a session in its agent's statistics where it is after a change, and no longer
    /// where it was before: on the day that it is held, or else was created. A session without a usecase
    /// counts nowhere. Repeated, they change nothing further.
    pub(crate) fn count_session(
        &self,
        tenant: &Tenant,
        before: Option<&CoachingSession>,
        after: Option<&CoachingSession>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let mark = |session: Option<&CoachingSession>| session.and_then(|session| session_mark(tenant, session));
        let (old, new) = (mark(before), mark(after));
        let mut writes = Vec::new();
        if let Some((key, attribute)) = &old
            && new.as_ref().is_none_or(|(new, _)| new != key)
        {
            writes.push(self.remove_attributes(key.clone(), std::slice::from_ref(attribute))?);
        }
        if let (Some((key, attribute)), Some(session)) = (new, after)
            && (old.is_none()
                || before.is_none_or(|before| counted_at(before).unix_seconds() != counted_at(session).unix_seconds()))
        {
            let value = format!("{}#{}", counted_at(session).unix_seconds(), session.plan);
            let update = Update::builder()
                .table_name(&*self.table)
                .set_key(Some(key_attributes(key)))
                .update_expression("SET #session = :session")
                .expression_attribute_names("#session", attribute)
                .expression_attribute_values(":session", AttributeValue::S(value));
            writes.push(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build());
        }
        Ok(writes)
    }

    /// Keeps an order of agents for three days from `now`, under the id that is returned.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn keep_order(&self, tenant: &Tenant, order: &[UserId], now: Timestamp) -> Result<Uuid, Error> {
        let id = Uuid::new_v4();
        let expires_at = now.unix_seconds() + ORDER_KEPT_SECONDS;
        let mut chunks = Vec::with_capacity(order.len().div_ceil(CHUNK));
        for (number, agents) in order.chunks(CHUNK).enumerate() {
            let item = Item::at(keys::order(tenant, id, number))
                .texts("agents", agents.iter().map(ToString::to_string))
                .number(EXPIRES_AT, expires_at);
            chunks.push(item.into_attributes());
        }
        let writes = chunks.into_iter().map(async |item| {
            let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
            let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total);
            put.customize().interceptor(self.account.clone()).send().await.map_err(failure)?;
            Ok::<_, Error>(())
        });
        iter(writes).buffer_unordered(CHUNKS_AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(id)
    }

    /// The agents at places `start` until `start + size` of a kept order, and whether more follow.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; INVALID_ARGUMENT naming `pageToken` if the order is gone.
    pub async fn kept_order(
        &self,
        tenant: &Tenant,
        id: Uuid,
        start: usize,
        size: usize,
    ) -> Result<(Vec<UserId>, bool), Error> {
        // One place more tells whether another page follows.
        let numbers = start / CHUNK..=(start + size) / CHUNK;
        let keys = numbers.clone().map(|number| keys::order(tenant, id, number)).collect();
        let mut chunks: Vec<(String, Vec<UserId>)> = Vec::new();
        for item in self.batch_get(keys, true).await? {
            let mut item = Attributes(item);
            chunks.push((item.text(SK)?, item.ids("agents")?));
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
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error> {
        let mut item = Attributes(item);
        let (usecase, period, agent) =
            keys::parse_statistics(&item.text(PK)?, &item.text(SK)?).ok_or_else(|| corrupt(SK))?;
        let statistics = match item.optional_bytes("cells")? {
            None => Statistics::default(),
            Some(cells) => Statistics::decode(&cells).map_err(Error::internal)?,
        };
        let marks = item.0.iter().filter(|(attribute, _)| attribute.starts_with(SESSION_ATTRIBUTE));
        let sessions = marks.map(|(_, mark)| {
            let (seconds, plan) = mark.as_s().ok()?.split_once('#')?;
            Some((seconds.parse().ok()?, Id::parse(plan)?))
        });
        let sessions = sessions.collect::<Option<_>>().ok_or_else(|| corrupt(SESSION_ATTRIBUTE))?;
        Ok(Self { agent, usecase, period, statistics, sessions })
    }
}

/// The statistics that count a session, and the attribute there that does.
pub(crate) fn session_mark(tenant: &Tenant, session: &CoachingSession) -> Option<(keys::Key, String)> {
    let usecase = session.usecase.as_ref()?;
    let key = keys::statistics(tenant, usecase, &session.agent, Period::of(day_of(counted_at(session))));
    Some((key, format!("{SESSION_ATTRIBUTE}{}", session.id)))
}

/// When a session is held, or else was created.
fn counted_at(session: &CoachingSession) -> Timestamp {
    session.session_time.unwrap_or(session.create_time)
}
