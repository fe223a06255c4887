//! Idempotency records (AIP-155): the first answer to a caller for a request id.
//!
//! The record is written in the transaction that does the work, so it exists exactly if the work was done, and the work
//! is not done while it exists. It holds only what the service chose at the time; together with the same body, that
//! makes the same answer again.
//!
//! Whatever refuses a request that has an id, the record is looked up before the refusal is answered ([`Store::once`]):
//! the plan may be deleted since, the template changed, or the name taken by what the request itself created. A request
//! that goes through needs no lookup.

use coaching_domain::names::{Collection, UsecaseId, UserId};
use coaching_domain::{Error, Id, Tenant, Timestamp};
use uuid::Uuid;

use crate::Store;
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, EXPIRES_AT, PK};

/// How long a request id is remembered, in seconds: a day.
const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;

/// A request that carries an id.
#[derive(Debug, Clone)]
pub struct IdempotencyRecord {
    /// The user who sent it.
    pub user: UserId,
    /// The operation that it was sent to.
    pub operation: &'static str,
    /// The id that the client chose.
    pub request_id: Uuid,
    /// A value that distinguishes it from another request with the same id.
    pub fingerprint: String,
    /// When it was received.
    pub time: Timestamp,
}

/// The values that the service chose when it created something.
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
    /// The consistency of a calibration that was created submitted.
    pub consistency: Option<u32>,
}

impl IdempotencyRecord {
    /// The write that records what was created for this request, refused while an earlier record is remembered.
    fn write<C>(&self, tenant: &Tenant, created: &Created<C>) -> Write {
        let item = Item::at(keys::request(tenant, &self.user, self.operation, self.request_id))
            .text("fingerprint", &self.fingerprint)
            .text("id", created.id.as_str())
            .text("time", created.time.to_string())
            .optional_text("usecase", created.usecase.as_ref())
            .number(EXPIRES_AT, self.time.unix_seconds() + REMEMBERED_SECONDS);
        let item = item.optional_number("revision", created.revision.map(Into::into));
        let item = item.optional_number("consistency", created.consistency.map(Into::into));
        // DynamoDB may delete expired items days late, so the record's own time decides.
        Write::put(item)
            .when(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now"))
            .number(":now", self.time.unix_seconds())
    }

    /// The first answer to this request, from the record in `item`.
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
        let consistency = item.optional_number("consistency")?.map(u32::try_from).transpose();
        Ok(Created {
            id: item.id("id")?,
            time: item.time("time")?,
            usecase: item.optional_id("usecase")?,
            revision: revision.map_err(|_| item.corrupt("revision"))?,
            consistency: consistency.map_err(|_| item.corrupt("consistency"))?,
        })
    }
}

impl Store {
    /// Returns what `make` creates for `request`, in a transaction that records the request; or what the same request
    /// created before, whatever refuses it now.
    ///
    /// # Errors
    /// The errors of `make`, if nothing was created before; INVALID_ARGUMENT if the request's id was used for another;
    /// UNAVAILABLE if the table does not answer.
    pub async fn once<C: Collection>(
        &self,
        tenant: &Tenant,
        request: Option<&IdempotencyRecord>,
        make: impl Future<Output = Result<Created<C>, Error>>,
    ) -> Result<Created<C>, Error> {
        match (make.await, request) {
            (Err(refused), Some(request)) => self.first_answer(tenant, request).await?.ok_or(refused),
            (made, _) => made,
        }
    }

    /// Makes `transaction`, and records `created` in it under `request`.
    ///
    /// # Errors
    /// ABORTED if the request was answered before, whatever else refuses it; ALREADY_EXISTS if the id is taken.
    pub(crate) async fn create<C: Collection>(
        &self,
        tenant: &Tenant,
        mut transaction: Transaction,
        request: Option<&IdempotencyRecord>,
        created: &Created<C>,
    ) -> Result<Outcome, Error> {
        if let Some(request) = request {
            transaction.add(request.write(tenant, created), Refusal::Answered);
        }
        match self.transact(transaction).await? {
            Outcome::Refused(refused) if refused.has(Refusal::Answered) => {
                Err(Error::concurrent_changes("the request was answered at the same moment; repeat it for the answer"))
            }
            Outcome::Refused(refused) if refused.has(Refusal::NameTaken) => {
                Err(Error::already_exists(&tenant.name_of(&created.id)))
            }
            outcome => Ok(outcome),
        }
    }

    /// The first answer to `request`, if it was made within a day.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if its id was used for another; UNAVAILABLE if the table does not answer.
    async fn first_answer<C: Collection>(
        &self,
        tenant: &Tenant,
        request: &IdempotencyRecord,
    ) -> Result<Option<Created<C>>, Error> {
        let key = keys::request(tenant, &request.user, request.operation, request.request_id);
        let Some(item) = self.get(key).await? else { return Ok(None) };
        let mut item = Attributes::of(item);
        if item.number::<i64>(EXPIRES_AT)? <= request.time.unix_seconds() {
            return Ok(None);
        }
        request.answer_of(item).map(Some)
    }
}
