//! Reads many items at once, by their keys.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use coaching_domain::Error;
use futures_util::future::try_join_all;

use crate::Store;
use crate::failure::{failure, unavailable};
use crate::item::key_attributes;
use crate::keys::{Key, PK, SK};
use crate::unreadable::{Found, Unreadable};

/// The most items that DynamoDB reads in one call.
pub(crate) const MAX_KEYS: usize = 100;
/// The most calls for the same keys: each repeats those that the last one left unread.
const ATTEMPTS: u32 = 6;
/// The longest pause before the first repeat; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// The items at `keys`, in no order, without those that do not exist. A key that occurs twice is read once.
    ///
    /// # Errors
    /// UNAVAILABLE if DynamoDB keeps leaving some unread.
    pub(crate) async fn batch_get(
        &self,
        keys: Vec<Key>,
        consistent: bool,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
        self.batch_get_of(None, keys, consistent).await
    }

    /// As [`Store::batch_get`], each item read by `read`.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn batch_read<T>(
        &self,
        keys: Vec<Key>,
        consistent: bool,
        read: impl Fn(HashMap<String, AttributeValue>) -> Result<T, Unreadable>,
    ) -> Result<Found<T>, Error> {
        let mut found = Found::default();
        for item in self.batch_get(keys, consistent).await? {
            found.take(self.noting(read(item)));
        }
        Ok(found)
    }

    /// As [`Store::batch_get`], but only the key and `attributes` of each item.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn batch_get_only(
        &self,
        attributes: &[&str],
        keys: Vec<Key>,
        consistent: bool,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
        self.batch_get_of(Some(attributes), keys, consistent).await
    }

    /// With `attributes`, only the key and those of each item.
    async fn batch_get_of(
        &self,
        attributes: Option<&[&str]>,
        mut keys: Vec<Key>,
        consistent: bool,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
        keys.sort_unstable();
        keys.dedup();
        let calls = keys.chunks(MAX_KEYS).map(|keys| self.batch_get_once(attributes, keys, consistent));
        Ok(try_join_all(calls).await?.into_iter().flatten().collect())
    }

    async fn batch_get_once(
        &self,
        attributes: Option<&[&str]>,
        keys: &[Key],
        consistent: bool,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
        // Names of attributes may be reserved words of DynamoDB.
        let names: Option<HashMap<String, String>> = attributes.map(|attributes| {
            let all = [PK, SK].into_iter().chain(attributes.iter().copied());
            all.enumerate().map(|(number, name)| (format!("#{number}"), name.to_owned())).collect()
        });
        let projection = names.as_ref().map(|names| names.keys().cloned().collect::<Vec<_>>().join(","));
        let mut left: Vec<_> = keys.iter().cloned().map(key_attributes).collect();
        let mut items = Vec::with_capacity(left.len());
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let asked = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(consistent);
            let asked = asked.set_projection_expression(projection.clone());
            let asked = asked.set_expression_attribute_names(names.clone());
            let output = self
                .client
                .batch_get_item()
                .request_items(&*self.table, asked.build().map_err(Error::internal)?)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .customize()
                .interceptor(self.meter.clone())
                .send()
                .await
                .map_err(failure)?;
            items.extend(output.responses.into_iter().flatten().flat_map(|(_, items)| items));
            left = output.unprocessed_keys.into_iter().flatten().flat_map(|(_, keys)| keys.keys).collect();
            if left.is_empty() {
                return Ok(items);
            }
            if attempt < ATTEMPTS {
                self.meter.repeat();
                tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
                pause *= 2;
            }
        }
        Err(unavailable("DynamoDB keeps leaving keys of a batch unread"))
    }
}
