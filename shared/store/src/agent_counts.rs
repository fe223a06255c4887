//! How many active agents a customer has: of all profiles, and of each profile. Agents are active users with the role
//! of an agent, without test users.
//!
//! The counts are spread over shards, by the agents' ids, because users are loaded several at a time. They change in
//! the transaction that writes a user, which is conditional on the user that was read. So a repeated load of the same
//! users changes nothing, and two at once count a user once. Of a stored user who cannot be read, it is not known
//! whether they are counted: their counts stay, and a recount puts them right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::directory::User;
use coaching_domain::{CustomerTenant, Error, Tenant, Timestamp};
use futures_util::stream::TryStreamExt;

use crate::Store;
use crate::engine::transaction::{Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::Attributes;
use crate::keys::{self, Key, PK};

/// The attribute that counts the active agents of all profiles.
const EVERYWHERE: &str = "everywhere";
/// The prefix of the attributes that count those of a profile.
const OF_PROFILE: &str = "profile#";
/// The time of the last change of a shard, in Unix seconds.
const CHANGED: &str = "changed";

/// The attribute that counts the active agents of `profile` alone.
fn of_profile(profile: &Tenant) -> String {
    format!("{OF_PROFILE}{}", profile.profile())
}

/// The attributes that count `user`.
fn counted_in(user: &User) -> BTreeSet<String> {
    if !user.is_agent() || !user.is_active || user.is_dev_user {
        return BTreeSet::new();
    }
    if user.profiles.is_empty() {
        return BTreeSet::from([EVERYWHERE.to_owned()]);
    }
    user.profiles.iter().map(of_profile).collect()
}

/// The write that counts `after` in place of the stored user `before`, if that changes a count.
pub(crate) fn replace(tenant: &CustomerTenant, before: Option<&User>, after: &User, now: Timestamp) -> Option<Write> {
    let (before, counted) = (before.map(counted_in).unwrap_or_default(), counted_in(after));
    let changes = before.symmetric_difference(&counted).enumerate();
    let changes: Vec<(String, &String)> = changes.map(|(number, count)| (format!("#count{number}"), count)).collect();
    if changes.is_empty() {
        return None;
    }
    let step = |count| if counted.contains(count) { ":one" } else { ":less" };
    let steps: Vec<String> = changes.iter().map(|(name, count)| format!("{name} {}", step(*count))).collect();
    let expression = format!("SET {CHANGED} = :now ADD {}", steps.join(", "));
    let mut update =
        Write::update(keys::agent_counts(tenant, &after.id), expression).number(":now", now.unix_seconds());
    for (placeholder, number) in [(":one", 1), (":less", -1)] {
        if changes.iter().any(|(_, count)| step(count) == placeholder) {
            update = update.number(placeholder, number);
        }
    }
    Some(changes.into_iter().fold(update, |update, (name, count)| update.name(name, count)))
}

/// A shard of the counts that was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountDifference {
    /// Its number, in two digits.
    pub shard: String,
    /// How many active agents of all profiles and of the recounted one it told; `None` if that could not be read.
    pub stored: Option<i64>,
    /// How many there are.
    pub counted: i64,
}

/// What a recount of active agents came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecountedAgents {
    /// They were recounted, and these shards corrected.
    Corrected(Vec<CountDifference>),
    /// Some shard differs that changed within the last minute, which indexes may not show yet, or is changing now; or
    /// not everyone could be read.
    Unsettled,
}

/// The active agents of a recount, by shard: of all profiles, and of one.
pub(crate) type CountedAgents = BTreeMap<String, [i64; 2]>;

/// The shards of a customer's counts as they are stored, by their number.
pub(crate) struct StoredCounts(BTreeMap<String, HashMap<String, AttributeValue>>);

impl Store {
    /// How many active agents `profile` has, those of all profiles included, as of within about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn active_agent_count(&self, profile: &Tenant) -> Result<u64, Error> {
        let StoredCounts(shards) = self.stored_counts(profile, false).await?;
        let attributes = [EVERYWHERE.to_owned(), of_profile(profile)];
        let mut sum = 0;
        for (shard, counts) in shards {
            let key = Key { partition: keys::agent_counts_of(&profile.of_customer()), sort: shard };
            let mut counts = Attributes { key, rest: counts };
            for attribute in &attributes {
                sum += self.noting(counts.optional_number(attribute))?.unwrap_or(0);
            }
        }
        // Counts that were never made right may be negative.
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// The counts of the customer of `profile`.
    pub(crate) async fn stored_counts(&self, profile: &Tenant, consistent: bool) -> Result<StoredCounts, Error> {
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("{PK} = :counts"))
            .expression_attribute_values(":counts", AttributeValue::S(keys::agent_counts_of(&profile.of_customer())))
            .set_consistent_read(consistent.then_some(true))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let pages: Vec<Vec<_>> = self.pages_of_range(query).try_collect().await?;
        let shards = pages.into_iter().flatten().map(|item| {
            let Attributes { key, rest } = Attributes::of(item);
            (key.sort, rest)
        });
        Ok(StoredCounts(shards.collect()))
    }

    /// Makes the counts that were `stored` tell what was `counted` after that, of all profiles and of `profile`.
    /// `settled` is the time, in Unix seconds, before which changes are in the count for certain.
    pub(crate) async fn put_counts_right(
        &self,
        profile: &Tenant,
        StoredCounts(mut stored): StoredCounts,
        counted: &CountedAgents,
        settled: i64,
    ) -> Result<RecountedAgents, Error> {
        let attributes = [EVERYWHERE.to_owned(), of_profile(profile)];
        let mut corrected = Vec::new();
        let mut is_settled = true;
        for bucket in 0..keys::BUCKETS {
            let shard = format!("{bucket:02}");
            let read = stored.remove(&shard).unwrap_or_default();
            let right = counted.get(&shard).copied().unwrap_or_default();
            let number = |attribute: &str| match read.get(attribute) {
                None => Some(0),
                Some(count) => count.as_n().ok()?.parse::<i64>().ok(),
            };
            let told = [number(EVERYWHERE), number(&of_profile(profile))];
            if told == right.map(Some) {
                continue;
            }
            if number(CHANGED).is_some_and(|changed| changed > settled) {
                is_settled = false;
                continue;
            }
            let key = Key { partition: keys::agent_counts_of(&profile.of_customer()), sort: shard.clone() };
            let mut update = Write::update(key, "SET #count0 = :right0, #count1 = :right1");
            let mut conditions = Vec::new();
            let names = ["#count0", "#count1", "#changed"];
            let of_names = attributes.iter().map(String::as_str).chain([CHANGED]);
            for (number, (name, attribute)) in names.into_iter().zip(of_names).enumerate() {
                update = update.name(name, attribute);
                match read.get(attribute) {
                    None => conditions.push(format!("attribute_not_exists({name})")),
                    Some(read) => {
                        conditions.push(format!("{name} = :read{number}"));
                        update = update.value(format!(":read{number}"), read.clone());
                    }
                }
            }
            for (number, right) in right.into_iter().enumerate() {
                update = update.number(format!(":right{number}"), right);
            }
            let update = update.when(conditions.join(" AND "));
            if self.transact(Transaction::of(update, Refusal::Changed)).await?.is_written() {
                let stored = told.iter().copied().sum::<Option<i64>>();
                corrected.push(CountDifference { shard, stored, counted: right.iter().sum() });
            } else {
                is_settled = false;
            }
        }
        Ok(if is_settled { RecountedAgents::Corrected(corrected) } else { RecountedAgents::Unsettled })
    }
}
