//! Repeated requests (AIP-155): what a caller was first answered for a request id.
//!
//! The record is written in the transaction that does the work, so there is one exactly if the work
//! was done. It holds only what the service chose at the time; together with the same body, that
//! makes the same answer again.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use coaching_domain::names::{Collection, UsecaseId, UserId};
use coaching_domain::{Error, Id, Tenant, Timestamp};
use uuid::Uuid;

use crate::Store;
use crate::failure::failure;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, EXPIRES_AT, PK};

/// How long a request id is remembered, in seconds: a day.
const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;

/// A request that carries an id.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// Who sent it.
    pub user: UserId,
    /// The operation that it was sent to.
    pub operation: &'static str,
    /// The id that the client chose.
    pub request_id: Uuid,
    /// What distinguishes it from another request under the same id.
    pub fingerprint: String,
    /// When it was received.
    pub time: Timestamp,
}

/// What the service chose when it created something.
#[derive(Debug, Clone, PartialEq)]
pub struct Created<C> {
    /// The id.
    pub id: Id<C>,
    /// When the request was received.
    pub time: Timestamp,
    /// The usecase, named by the client or inherited.
    pub usecase: Option<UsecaseId>,
}

impl RequestRecord {
    /// What the record in `item` answers to this request.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it records another request.
    pub(crate) fn answer_from<C: Collection>(
        &self,
        item: HashMap<String, AttributeValue>,
    ) -> Result<Created<C>, Error> {
        self.answer_of(Attributes::of(item))
    }

    fn answer_of<C: Collection>(&self, mut item: Attributes) -> Result<Created<C>, Error> {
        if item.text("fingerprint")? != self.fingerprint {
            return Err(Error::invalid_field(
                "requestId",
                "was used within a day for another request; a new request needs a new id",
            ));
        }
        Ok(Created { id: item.id("id")?, time: item.time("time")?, usecase: item.optional_id("usecase")? })
    }
}

impl Store {
    /// The write that records what was created for `request`, refused while an earlier one is remembered.
    pub(crate) fn record_request<C>(
        &self,
        tenant: &Tenant,
        request: &RequestRecord,
        created: &Created<C>,
    ) -> Result<TransactWriteItem, Error> {
        let item = Item::at(keys::request(tenant, &request.user, request.operation, request.request_id))
            .text("fingerprint", &request.fingerprint)
            .text("id", created.id.as_str())
            .text("time", created.time.to_string())
            .optional_text("usecase", created.usecase.as_ref())
            .number(EXPIRES_AT, request.time.unix_seconds() + REMEMBERED_SECONDS);
        // DynamoDB deletes what has expired up to days late, so the record's own time decides.
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item.into_attributes()))
            .condition_expression(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now"))
            .expression_attribute_values(":now", AttributeValue::N(request.time.unix_seconds().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
    }

    /// The write of an item whose key must be free.
    pub(crate) fn put_new(&self, item: Item) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item.into_attributes()))
            .condition_expression(format!("attribute_not_exists({PK})"));
        Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
    }

    /// What `request` was first answered, if it was made within a day.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if its id was used for another; UNAVAILABLE if the table does not answer.
    pub async fn first_answer<C: Collection>(
        &self,
        tenant: &Tenant,
        request: &RequestRecord,
    ) -> Result<Option<Created<C>>, Error> {
        let key = keys::request(tenant, &request.user, request.operation, request.request_id);
        let Some(item) = self.get(key).await? else { return Ok(None) };
        let mut item = Attributes::of(item);
        if item.number::<i64>(EXPIRES_AT)? <= request.time.unix_seconds() {
            return Ok(None);
        }
        request.answer_of(item).map(Some)
    }

    /// The item at `key`, as it is now.
    pub(crate) async fn get(&self, key: keys::Key) -> Result<Option<HashMap<String, AttributeValue>>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(key)))
            .consistent_read(true)
            .return_consumed_capacity(aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total)
            .customize()
            .interceptor(self.account.clone())
            .send()
            .await
            .map_err(failure)?;
        Ok(output.item)
    }
}
