//! The state that every operation works with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::Utc;
use coaching_domain::names::Collection;
use coaching_domain::{ClaimNames, Error, Id, Timestamp};
use coaching_store::{Deadline, Store};
use uuid::Uuid;

use crate::{Files, PageTokens};

/// The state of a function, made once at its start.
#[derive(Debug, Clone)]
pub struct App {
    /// The table.
    pub store: Store,
    /// Keeps the files that jobs make.
    pub files: Files,
    /// Keeps the list of erasures, in storage that outlives the table.
    pub erasures: Files,
    /// Seals and opens page tokens.
    pub page_tokens: PageTokens,
    /// The names of the claims that identify the caller.
    pub claim_names: Arc<ClaimNames>,
    /// Tells the time.
    pub clock: Clock,
    /// The longest that a request may take, however many calls of DynamoDB it makes. It is longer than the
    /// [`timeouts`](crate::timeouts) of one call, and ends before the host stops the operation.
    pub answer_within: Duration,
    /// The longest that the entries of a batch may take: shorter than that by the time that it takes to answer for each
    /// entry.
    pub write_within: Duration,
    /// Whether a request is the first of this process.
    pub cold_start: ColdStart,
}

impl App {
    /// The same state with a new meter, for what one request consumes.
    #[must_use]
    pub fn for_one_request(&self) -> Self {
        Self { store: self.store.with_new_meter(), ..self.clone() }
    }

    /// The moment at which a batch that begins now must stop writing.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.write_within)
    }

    /// The present time.
    ///
    /// # Errors
    /// INTERNAL if the clock is outside the years 1 to 9999.
    pub fn now(&self) -> Result<Timestamp, Error> {
        (self.clock.0)().ok_or_else(|| Error::internal("the clock tells a year that no timestamp can hold"))
    }

    /// An id for something created at `now`: a UUIDv7 (RFC 9562), so ids sort by time.
    ///
    /// # Errors
    /// INTERNAL if a UUID is not an id, which cannot happen.
    pub fn new_id<C: Collection>(&self, now: Timestamp) -> Result<Id<C>, Error> {
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
        let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.as_utc().timestamp_subsec_nanos());
        Id::parse(&Uuid::new_v7(time).to_string()).ok_or_else(|| Error::internal("a UUID is no id"))
    }
}

/// Remembers whether this process has answered a request.
#[derive(Debug, Clone, Default)]
pub struct ColdStart(Arc<AtomicBool>);

impl ColdStart {
    /// True at the first call.
    pub(crate) fn first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// A source of the present time; tests hand in their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>);

impl Clock {
    /// The machine's clock, to the microsecond.
    pub fn system() -> Self {
        use chrono::SubsecRound;
        Self(Arc::new(|| Timestamp::from_utc(Utc::now().trunc_subsecs(6))))
    }

    /// A clock that tells what `tell` returns.
    pub fn telling(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Some(tell())))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}
