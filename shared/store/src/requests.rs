//! Repeated requests (AIP-155): what a caller was first answered for a request id.
//!
//! The record is written in the transaction that does the work, so there is one exactly if the work
//! was done, and the work is not done while there is one. It holds only what the service chose at the time;
//! together with the same body, that makes the same answer again.
//!
//! Whatever refuses a request that has an id, the record is looked for before that is answered ([`Store::once`]): a
//! plan that is gone since, a template that changed, a name that is taken by what the request itself created. A
//! request that goes through needs no such look.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use coaching_domain::names::{Collection, UsecaseId, UserId};
use coaching_domain::{Error, Id, Reason, Tenant, Timestamp};
use uuid::Uuid;

use crate::Store;
use crate::failure::failure;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, EXPIRES_AT, PK};
use crate::transaction::Outcome;

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
    /// The revision of the template that it was made from, if it was made from one.
    pub revision: Option<u32>,
}

impl RequestRecord {
    /// What the record in `item` answers to this request.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it records another request.
    fn answer_of<C: Collection>(&self, mut item: Attributes) -> Result<Created<C>, Error> {
        if item.text("fingerprint")? != self.fingerprint {
            return Err(Error::invalid_field(
                "requestId",
                "was used within a day for another request; a new request needs a new id",
            ));
        }
        let revision = item.optional_number("revision")?.map(u32::try_from).transpose();
        Ok(Created {
            id: item.id("id")?,
            time: item.time("time")?,
            usecase: item.optional_id("usecase")?,
            revision: revision.map_err(|_| item.corrupt("revision"))?,
        })
    }
}

impl Store {
    /// What `make` creates for `request` in a transaction that records the request, or what the same request created
    /// before, whatever refuses it now.
    ///
    /// # Errors
    /// As `make`'s, if nothing was created before; INVALID_ARGUMENT if the request's id was used for another;
    /// UNAVAILABLE if the table does not answer.
    pub async fn once<C: Collection>(
        &self,
        tenant: &Tenant,
        request: Option<&RequestRecord>,
        make: impl Future<Output = Result<Created<C>, Error>>,
    ) -> Result<Created<C>, Error> {
        match (make.await, request) {
            (Err(refused), Some(request)) => self.first_answer(tenant, request).await?.ok_or(refused),
            (made, _) => made,
        }
    }

    /// Makes `writes` and records under `request` that they made `created`.
    ///
    /// # Errors
    /// ABORTED if the request was answered before, whatever else refuses it.
    pub(crate) async fn create<C>(
        &self,
        tenant: &Tenant,
        mut writes: Vec<TransactWriteItem>,
        request: Option<&RequestRecord>,
        created: &Created<C>,
    ) -> Result<Outcome, Error> {
        let number_of_record = writes.len();
        if let Some(request) = request {
            writes.push(self.record_request(tenant, request, created)?);
        }
        match self.transact(writes).await? {
            Outcome::Refused(failed) if failed.iter().any(|condition| condition.index == number_of_record) => {
                Err(Error::new(
                    Reason::ConcurrentChanges,
                    "the request was answered at the same moment; repeat it for the answer",
                ))
            }
            outcome => Ok(outcome),
        }
    }

    /// The write that records what was created for `request`, refused while an earlier one is remembered.
    fn record_request<C>(
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
        let item = match created.revision {
            Some(revision) => item.number("revision", revision.into()),
            None => item,
        };
        // DynamoDB deletes what has expired up to days late, so the record's own time decides.
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item.into_attributes()))
            .condition_expression(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now"))
            .expression_attribute_values(":now", AttributeValue::N(request.time.unix_seconds().to_string()));
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
    async fn first_answer<C: Collection>(
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
