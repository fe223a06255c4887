//! Benchmarks: everyone's scores of a usecase and two months, added up from the statistics of all agents.
//!
//! A benchmark is a cache. What needs it makes it anew if it is out of date, and nothing is written from it. So it is no
//! part of any transaction, a write of it that fails leaves it as it was, and it may be lost. Who makes it twice, or while
//! another does, writes the same sums, or newer ones: an item is replaced by none that was made earlier, and items
//! older than the time of the whole are left out.
//!
//! One request adds up so many shares of the agents that they are about [`MAX_AGENTS_AT_ONCE`]; of fewer agents that is
//! everyone. Of more, the sums of the shares are kept, and the request that adds the last of the sixteen shares makes
//! the whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::benchmark::{Benchmark, BenchmarkItem, EveryonesScores, items_of, made_together};
use coaching_domain::names::{ScorecardTemplateId, UsecaseId};
use coaching_domain::statistics::{Period, day_of};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp};
use futures_util::stream::{StreamExt, TryStreamExt, iter};

use crate::Store;
use crate::failure::{failure, is_answer_of_the_domain};
use crate::item::{Attributes, Item};
use crate::keys::{self, BUCKETS, EXPIRES_AT, Key, PK, SK};
use crate::unreadable::Unreadable;

/// About the most agents whose statistics one request adds up, of each usecase.
const MAX_AGENTS_AT_ONCE: u64 = 2_000;
/// The most benchmarks that one request makes, each of one usecase.
const MAX_MADE_AT_ONCE: usize = 4;
/// How long the benchmarks of this period and the last are up to date, in seconds; and those of earlier ones.
const FRESH_SECONDS: i64 = 15 * 60;
const FRESH_SECONDS_OF_EARLIER: i64 = 24 * 60 * 60;
/// How long the sums of a share of the agents wait for the others, in seconds: longer than the times above.
const SHARE_KEPT_SECONDS: i64 = 48 * 60 * 60;
/// How long a benchmark is kept that nobody asks for, in seconds.
const KEPT_SECONDS: i64 = 90 * 24 * 60 * 60;
/// The number of items that are written concurrently.
const WRITES_AT_ONCE: usize = 8;

/// When an item was made, in Unix seconds: its whole, or the oldest share in it.
const MADE: &str = "made";
/// When the newest share in it was made.
const NEWEST: &str = "newest";

/// When a benchmark was made.
#[derive(Debug, Clone, Copy)]
struct Made {
    /// When its oldest share was added up, in Unix seconds.
    oldest: i64,
    /// When the newest was.
    newest: i64,
}

/// What is kept of one benchmark: when it was made, if it was, and its items, each with the time at which it was made.
#[derive(Debug, Default)]
struct KeptBenchmark {
    made: Option<Made>,
    items: Vec<(i64, BenchmarkItem)>,
}

type KeptBenchmarks = BTreeMap<(UsecaseId, Period), KeptBenchmark>;

impl Store {
    /// What everyone scored in the usecases and by the templates of `wanted` in `periods`, except those to come. Benchmarks that are out of date or missing are made first, as far as that is quick.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn benchmark(
        &self,
        tenant: &Tenant,
        wanted: &BTreeMap<(UsecaseId, ScorecardTemplateId), &ScorecardTemplate>,
        periods: &[Period],
        now: Timestamp,
    ) -> Result<Benchmark, Error> {
        let present = Period::of(day_of(now));
        let periods: Vec<Period> = periods.iter().copied().filter(|period| *period <= present).collect();
        let usecases: BTreeSet<&UsecaseId> = wanted.keys().map(|(usecase, _)| usecase).collect();
        let mut keys = Vec::new();
        for period in &periods {
            keys.extend(usecases.iter().map(|usecase| keys::benchmark_made(tenant, usecase, *period)));
            for ((usecase, id), template) in wanted {
                let places = 0..items_of(template.known_ids.len());
                keys.extend(places.map(|place| keys::benchmark_item(tenant, usecase, *period, id, place)));
            }
        }
        let all = usecases.iter().flat_map(|usecase| periods.iter().map(|period| ((*usecase).clone(), *period)));
        let mut kept: KeptBenchmarks = all.map(|of| (of, KeptBenchmark::default())).collect();
        for item in self.batch_get(keys, false).await? {
            // What cannot be read is noted, and made anew in time.
            let Ok((usecase, period, item)) = self.noting(Kept::from_item(item)) else { continue };
            let Some(kept) = kept.get_mut(&(usecase, period)) else { continue };
            match item {
                Kept::Made(made) => kept.made = Some(made),
                Kept::Item(made, item) => kept.items.push((made, item)),
            }
        }
        self.make_those_due(tenant, &mut kept, now).await?;
        let mut benchmark = Benchmark::default();
        for ((usecase, period), KeptBenchmark { made, items }) in kept {
            // An older item is of a template that nobody was scored by any more.
            let items = items.into_iter().filter(|(item, _)| made.is_some_and(|made| *item >= made.oldest));
            let items = items
                .map(|(_, item)| item)
                .filter(|item| wanted.contains_key(&(usecase.clone(), item.template.clone())));
            let time = made.and_then(|made| Timestamp::from_unix_seconds(made.oldest));
            benchmark.take(&usecase, period, time, items.collect());
        }
        Ok(benchmark)
    }

    /// Makes those of `kept` that are out of date or missing, the missing first, as far as that is quick.
    async fn make_those_due(&self, tenant: &Tenant, kept: &mut KeptBenchmarks, now: Timestamp) -> Result<(), Error> {
        // Whether each is kept, though out of date; those of several periods are made in one go.
        let mut due: BTreeMap<(UsecaseId, Vec<Period>), bool> = BTreeMap::new();
        for ((usecase, period), KeptBenchmark { made, .. }) in &*kept {
            if made.is_none_or(|made| made.is_out_of_date(*period, now)) {
                *due.entry((usecase.clone(), made_together(*period, now))).or_insert(true) &= made.is_some();
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let mut due: Vec<_> = due.into_iter().collect();
        due.sort_by_key(|(_, is_kept)| *is_kept);
        // If the count cannot be read, there may be any number of agents.
        let agents = match self.active_agent_count(tenant).await {
            Err(error) if Unreadable::cause_of(&error).is_some() => u64::MAX,
            agents => agents?,
        };
        let buckets = buckets_at_once(agents);
        for ((usecase, together), _) in due.into_iter().take(MAX_MADE_AT_ONCE) {
            let whole = self.make_benchmark(tenant, &usecase, &together, buckets, now).await?;
            let Some(WholeBenchmark { made, items }) = whole else { continue };
            for period in together {
                if let Some(kept) = kept.get_mut(&(usecase.clone(), period)) {
                    let items = items.iter().filter(|item| item.period == period);
                    let items = items.map(|item| (made.oldest, item.clone())).collect();
                    *kept = KeptBenchmark { made: Some(made), items };
                }
            }
        }
        Ok(())
    }

    /// Adds up the statistics of the agents of `usecase` in `periods`, which are consecutive, and writes the benchmarks of
    /// these: the agents of at most `buckets` of the sixteen buckets, whose sums are kept until all buckets are added up.
    /// `None` if some are still missing: repeated, it goes on with those. Memory is bounded by what
    /// [`EveryonesScores`] needs and by a page of each bucket.
    ///
    /// A write that fails is not an error: the sums are returned nevertheless, or are missing next time.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn make_benchmark(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        periods: &[Period],
        buckets: usize,
        now: Timestamp,
    ) -> Result<Option<WholeBenchmark>, Error> {
        let all: Vec<u32> = (0..BUCKETS).collect();
        let seconds = now.unix_seconds();
        if buckets >= all.len() {
            let mut everyone = EveryonesScores::none(periods, now);
            self.add_up(tenant, usecase, periods, &all, &mut everyone).await?;
            let made = Made { oldest: seconds, newest: seconds };
            return Ok(Some(self.keep_benchmark(tenant, usecase, periods, everyone, made).await));
        }
        let done = self.shares_done(tenant, usecase, periods, now).await?;
        // Requests at the same time mostly add up different ones.
        let mut missing: Vec<u32> = all.into_iter().filter(|bucket| !done.contains_key(bucket)).collect();
        fastrand::shuffle(&mut missing);
        missing.truncate(buckets);
        for bucket in &missing {
            let mut share = EveryonesScores::none(periods, now);
            self.add_up(tenant, usecase, periods, &[*bucket], &mut share).await?;
            let range = keys::benchmark_range(tenant, usecase, periods, *bucket);
            let items = share.items().into_iter().map(|item| {
                let of_item = keys::benchmark_item(tenant, usecase, item.period, &item.template, item.place);
                let key = Key { sort: format!("{}#{}", range.sort, of_item.sort), ..range.clone() };
                item_of(key, &item, seconds, SHARE_KEPT_SECONDS)
            });
            let head = Item::at(range.clone()).number(MADE, seconds).number(EXPIRES_AT, seconds + SHARE_KEPT_SECONDS);
            let _ = self.put_all(items.collect(), vec![head]).await;
        }
        let done = self.shares_done(tenant, usecase, periods, now).await?;
        if done.len() < BUCKETS as usize {
            return Ok(None);
        }
        let mut everyone = EveryonesScores::none(periods, now);
        for (bucket, time) in &done {
            let items = self.share(tenant, usecase, periods, (*bucket, *time), now).await?;
            let is_added = items.is_some_and(|items| items.iter().all(|item| everyone.add_item(item).is_ok()));
            if !is_added {
                self.add_up(tenant, usecase, periods, &[*bucket], &mut everyone).await?;
            }
        }
        let made = Made {
            oldest: done.values().min().copied().unwrap_or(seconds),
            newest: done.values().max().copied().unwrap_or(seconds),
        };
        Ok(Some(self.keep_benchmark(tenant, usecase, periods, everyone, made).await))
    }

    /// Adds the scores of the agents of `buckets`, without those that cannot be read, which are noted.
    async fn add_up(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        periods: &[Period],
        buckets: &[u32],
        everyone: &mut EveryonesScores,
    ) -> Result<(), Error> {
        let buckets = buckets.iter().map(|bucket| keys::statistics_bucket(tenant, usecase, *bucket)).collect();
        self.statistics_of_buckets(buckets, periods, |one| {
            if let Ok(one) = one
                && everyone.add(&one.agent, one.period, &one.packed).is_err()
            {
                self.note(&one.unreadable(tenant));
            }
            Ok(())
        })
        .await
    }

    /// The shares that were added up since the benchmarks of `periods` were made, each with the time, in Unix seconds.
    async fn shares_done(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        periods: &[Period],
        now: Timestamp,
    ) -> Result<BTreeMap<u32, i64>, Error> {
        let ranges = (0..BUCKETS).map(|bucket| keys::benchmark_range(tenant, usecase, periods, bucket));
        let made = periods.iter().map(|period| keys::benchmark_made(tenant, usecase, *period));
        let mut since = now.unix_seconds() - SHARE_KEPT_SECONDS;
        let (mut done, mut made_before) = (BTreeMap::new(), Vec::new());
        for item in self.batch_get(ranges.chain(made).collect(), true).await? {
            let mut item = Attributes::of(item);
            let bucket = item.key.sort.strip_prefix("range#").and_then(|sort| sort.rsplit('#').next()?.parse().ok());
            let time = match bucket {
                Some(_) => item.optional_number(MADE),
                None => item.optional_number(NEWEST),
            };
            match (bucket, self.noting(time).ok().flatten()) {
                (Some(bucket), Some(time)) => _ = done.insert(bucket, time),
                (None, Some(time)) => made_before.push(time),
                (_, None) => {}
            }
        }
        // If one of the periods has no benchmark yet, any share counts.
        if made_before.len() == periods.len() {
            since = made_before.into_iter().fold(since, i64::max);
        }
        done.retain(|_, time| *time > since);
        Ok(done)
    }

    /// The sums of the agents of a bucket, which were made at a time; `None` if they cannot be read.
    async fn share(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        periods: &[Period],
        (bucket, time): (u32, i64),
        now: Timestamp,
    ) -> Result<Option<Vec<BenchmarkItem>>, Error> {
        let Key { partition, sort } = keys::benchmark_range(tenant, usecase, periods, bucket);
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("{PK} = :partition AND begins_with({SK}, :range)"))
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .expression_attribute_values(":range", AttributeValue::S(format!("{sort}#")))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let pages: Vec<Vec<_>> = self.pages_of_range(query).try_collect().await?;
        let mut alone = EveryonesScores::none(periods, now);
        let mut items = Vec::new();
        for item in pages.into_iter().flatten() {
            match self.noting(Kept::from_item(item)) {
                Ok((_, _, Kept::Item(made, item))) if made >= time => {
                    if alone.add_item(&item).is_err() {
                        return Ok(None);
                    }
                    items.push(item);
                }
                // It is of a template that nobody of them is scored by any more.
                Ok(_) => {}
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(items))
    }

    /// Writes the benchmarks of `periods`, as far as that is possible.
    async fn keep_benchmark(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        periods: &[Period],
        everyone: EveryonesScores,
        made: Made,
    ) -> WholeBenchmark {
        let items = everyone.items();
        let written = items.iter().map(|item| {
            let key = keys::benchmark_item(tenant, usecase, item.period, &item.template, item.place);
            item_of(key, item, made.oldest, KEPT_SECONDS)
        });
        let heads = periods.iter().map(|period| {
            let head = Item::at(keys::benchmark_made(tenant, usecase, *period));
            let head = head.number(MADE, made.oldest).number(NEWEST, made.newest);
            head.number(EXPIRES_AT, made.oldest + KEPT_SECONDS)
        });
        let _ = self.put_all(written.collect(), heads.collect()).await;
        WholeBenchmark { made, items }
    }

    /// Writes `items`, and then `heads`, each unless a newer one is there.
    async fn put_all(&self, items: Vec<Item>, heads: Vec<Item>) -> Result<(), Error> {
        for items in [items, heads] {
            let writes = items.into_iter().map(|item| self.put_unless_newer(item));
            iter(writes).buffer_unordered(WRITES_AT_ONCE).try_collect::<()>().await?;
        }
        Ok(())
    }

    async fn put_unless_newer(&self, item: Item) -> Result<(), Error> {
        let item = item.into_attributes();
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .condition_expression(format!("attribute_not_exists({MADE}) OR {MADE} <= :made"))
            .set_expression_attribute_values(
                item.get(MADE).map(|made| HashMap::from([(":made".to_owned(), made.clone())])),
            )
            .set_item(Some(item))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match put.customize().interceptor(self.meter.clone()).send().await {
            Err(error)
                if error
                    .as_service_error()
                    .and_then(|error| error.meta().code())
                    .is_some_and(is_answer_of_the_domain) =>
            {
                Ok(())
            }
            written => written.map(|_| ()).map_err(failure),
        }
    }
}

/// A benchmark that was just made.
#[derive(Debug)]
pub struct WholeBenchmark {
    made: Made,
    items: Vec<BenchmarkItem>,
}

impl Made {
    fn is_out_of_date(self, period: Period, now: Timestamp) -> bool {
        let last = Period::of(day_of(now)).previous();
        let fresh = if period >= last { FRESH_SECONDS } else { FRESH_SECONDS_OF_EARLIER };
        now.unix_seconds() - self.oldest >= fresh
    }
}

/// The number of buckets that hold about [`MAX_AGENTS_AT_ONCE`] of so many `agents`: at least one.
fn buckets_at_once(agents: u64) -> usize {
    let buckets = u64::from(BUCKETS);
    let at_once = (buckets * MAX_AGENTS_AT_ONCE).checked_div(agents).unwrap_or(buckets);
    usize::try_from(at_once.clamp(1, buckets)).unwrap_or(1)
}

/// An item of a benchmark's partition.
enum Kept {
    /// When a benchmark was made.
    Made(Made),
    /// A part of a benchmark, or of a share of one, and when it was made.
    Item(i64, BenchmarkItem),
}

impl Kept {
    /// What is in `item`, of which usecase and period.
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<(UsecaseId, Period, Self), Unreadable> {
        let mut item = Attributes::of(item);
        let usecase = item.last_of_key()?;
        let oldest = item.number(MADE)?;
        if let Some(period) = item.key.sort.strip_prefix("made#") {
            let period = keys::parse_period(period).ok_or_else(|| item.corrupt(SK))?;
            return Ok((usecase, period, Self::Made(Made { oldest, newest: item.number(NEWEST)? })));
        }
        let of = keys::parse_benchmark_item(&item.key.sort);
        let (period, template, place) = of.ok_or_else(|| item.corrupt(SK))?;
        let packed = item.optional_bytes("cells")?.ok_or_else(|| item.corrupt("cells"))?;
        let agents = item.text("agents")?;
        let agents = serde_json::from_str(&agents).map_err(|_| item.corrupt("agents"))?;
        Ok((usecase, period, Self::Item(oldest, BenchmarkItem { period, template, place, packed, agents })))
    }
}

fn item_of(key: Key, item: &BenchmarkItem, made: i64, kept_seconds: i64) -> Item {
    // Numbers as keys, and numbers: that is always JSON.
    let agents = serde_json::to_string(&item.agents).unwrap_or_default();
    Item::at(key)
        .bytes("cells", Blob::new(item.packed.clone()))
        .text("agents", agents)
        .number(MADE, made)
        .number(EXPIRES_AT, made + kept_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_adds_up_about_two_thousand_agents() {
        let buckets = [0, 1, 2_000, 2_001, 4_000, 8_000, 32_000, 32_001, u64::MAX].map(buckets_at_once);
        assert_eq!(buckets, [16, 16, 16, 15, 8, 4, 1, 1, 1]);
    }
}
