//! One item by its key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::Error;

use crate::Store;
use crate::failure::failure;
use crate::item::key_attributes;
use crate::keys::Key;

impl Store {
    /// The item at `key`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<HashMap<String, AttributeValue>>, Error> {
        self.get_item(key, true).await
    }

    /// The item at `key`, as it was within about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub(crate) async fn get_eventually(&self, key: Key) -> Result<Option<HashMap<String, AttributeValue>>, Error> {
        self.get_item(key, false).await
    }

    async fn get_item(&self, key: Key, consistent: bool) -> Result<Option<HashMap<String, AttributeValue>>, Error> {
        let get = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(key)))
            .set_consistent_read(consistent.then_some(true))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        Ok(get.customize().interceptor(self.meter.clone()).send().await.map_err(failure)?.item)
    }
}
