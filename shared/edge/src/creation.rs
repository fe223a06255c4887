//! Creates, which answer a repeat with the same `requestId` (AIP-155) as they first did.

use chrono::TimeDelta;
use coaching_domain::fields::Fields;
use coaching_domain::names::Collection;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_store::{Created, IdempotencyRecord};
use serde::Serialize;

use crate::{App, Request};

/// A request to create something.
#[derive(Debug)]
pub struct Creation<N> {
    /// What is to be created, as the body has it.
    pub new: N,
    /// When the request was received.
    pub now: Timestamp,
    /// The request, if it carries an id.
    record: Option<IdempotencyRecord>,
    /// Why the body is refused at this time, though it was not when a request with this id first came.
    refused: Option<Error>,
}

impl Request<'_> {
    /// Reads what is to be created: the body, with `read`, which is told the time, and the query parameter
    /// `requestId`. What `read` makes, as JSON, tells the request apart from others with the same id.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad field. With a `requestId`, what is refused only because of the time is left to
    /// [`Creation::once`]: a clock may have been set back since the body was taken.
    pub fn creation<N: Serialize>(
        &self,
        app: &App,
        read: impl Fn(&mut Fields<'_>, Timestamp) -> Option<N>,
    ) -> Result<Creation<N>, Error> {
        let now = app.now()?;
        let read_at = |time: Timestamp| {
            let mut query = self.query();
            let request_id = query.request_id();
            (self.body(query.finish(), |fields| read(fields, time)), request_id)
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
    /// What `make` creates, or what a request with the same id created before. Whatever `make` looks at, and whatever
    /// the table or the time refuses now, a repeat is answered first: all checks of a create are made in `make`.
    ///
    /// # Errors
    /// As `make`'s; INVALID_ARGUMENT if the request's id was used for another.
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
