//! Creates, which answer a repeat with the same `requestId` (AIP-155) as they first did.

use chrono::TimeDelta;
use coaching_domain::json::Json;
use coaching_domain::message::{Message, Place, Rule};
use coaching_domain::names::Collection;
use coaching_domain::outline::Kind;
use coaching_domain::{Error, Tenant, Timestamp, Violations, message};
use coaching_store::{Created, IdempotencyRecord};
use serde::Serialize;
use uuid::Uuid;

use crate::{App, Request, RequestType};

message! {
    /// The query of a request to create something.
    pub(crate) struct CreationQuery {
        request_id: Option<RequestId> = "requestId",
    }
}

/// The id of a request (AIP-155): a UUID other than the nil one.
struct RequestId;

impl Rule for RequestId {
    type Value = Uuid;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Uuid> {
        place.string(json, |text| {
            let uuid = Uuid::try_parse(&text).ok().filter(|uuid| text.len() == 36 && !uuid.is_nil());
            uuid.ok_or("must be a UUID such as 6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11")
        })
    }

    fn kind() -> Kind {
        Kind::Uuid
    }
}

/// A request to create something.
#[derive(Debug)]
pub struct Creation<N> {
    /// The new resource, as the body has it.
    pub new: N,
    /// When the request was received.
    pub now: Timestamp,
    /// The record of the request, if it carries an id.
    record: Option<IdempotencyRecord>,
    /// The refusal of the body now, if it would be accepted at a later time.
    refused: Option<Error>,
}

impl Request<'_> {
    /// Reads what is to be created under `tenant`: the body, an `N`, and the query parameter `requestId`. The JSON of
    /// the `N` tells the request apart from others with the same id.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad field. With a `requestId`, a refusal that depends only on the time is left to
    /// [`Creation::once`]: a clock may have been set back since the body was accepted.
    pub fn creation<N: Message + Serialize>(&self, app: &App, tenant: &Tenant) -> Result<Creation<N>, Error> {
        self.assert_declared(RequestType::creation::<N>());
        let now = app.now()?;
        let read_at = |time: Timestamp| {
            let origin = self.origin(tenant, time);
            let mut violations = Violations::default();
            let query = self.query::<CreationQuery>(&origin, &mut violations);
            let new = self.message(&origin, &mut violations);
            (violations.finish(new), query.and_then(|query| query.request_id))
        };
        let (new, request_id) = read_at(now);
        let (new, refused) = match (new, request_id) {
            (Ok(new), _) => (new, None),
            (Err(refused), None) => return Err(refused),
            (Err(refused), Some(_)) => match read_at(now.plus(TimeDelta::MAX)) {
                (Ok(new), _) => (new, Some(refused)),
                (Err(_), _) => return Err(refused),
            },
        };
        let record = request_id.map(|request_id| self.record(request_id, &new, now)).transpose()?;
        Ok(Creation { new, now, record, refused })
    }
}

impl<N> Creation<N> {
    /// Creates with `make`, or returns what a request with the same id created before. A repeat is answered first,
    /// whatever `make` checks and whatever the table or the time now refuse; so all checks of a create are made in
    /// `make`.
    ///
    /// # Errors
    /// The errors of `make`; INVALID_ARGUMENT if the request's id was used for another request.
    pub async fn once<'r, C: Collection, F: Future<Output = Result<Created<C>, Error>>>(
        &'r self,
        app: &App,
        tenant: &Tenant,
        make: impl FnOnce(Option<&'r IdempotencyRecord>) -> F,
    ) -> Result<Created<C>, Error> {
        let record = self.record.as_ref();
        let made = async {
            match &self.refused {
                Some(refused) => Err(refused.for_another()),
                None => make(record).await,
            }
        };
        app.store.once(tenant, record, made).await
    }
}
