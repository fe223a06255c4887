//! All-or-nothing writes, each with a meaning for its condition that does not hold.
//!
//! The SDK retries a transaction whose answer was lost, but not one that DynamoDB cancelled because of a conflict with
//! another on the same item. That is done here, a few times and with the same client token, so that repeating a
//! transaction that did succeed changes nothing. A failed condition is an answer of the domain and is returned by its
//! meaning.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, ReturnConsumedCapacity};
use coaching_domain::Error;
use uuid::Uuid;

use crate::Store;
use crate::engine::write::Write;
use crate::failure::{failure, meets_others, unavailable};

/// The most attempts at a transaction that conflicts with another.
const ATTEMPTS: u32 = 6;
/// The longest pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The meaning of a write's condition that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The name of the new entity is taken.
    NameTaken,
    /// The same request was answered before.
    Answered,
    /// Something has changed since it was read.
    Changed,
    /// A scorecard has changed since it was read; its statistics may have changed too.
    ScorecardChanged,
    /// The plan of a new child does not exist, is another agent's, is being deleted, or takes no more.
    PlanTakesNoChild,
    /// A plan of the name was deleted moments ago.
    PlanDeletedMomentsAgo,
    /// The agent has the most active plans allowed.
    AgentsPlansFull,
    /// There is a target for the same plan, or the organisation, usecase, template and part.
    TargetPlaceTaken,
    /// The statistics have no room for one more session.
    StatisticsFull,
    /// A session is not counted where it was expected to be.
    SessionCountedElsewhere,
    /// The list of pending deletions is full.
    TombstonesFull,
    /// The profile has the most unfinished jobs allowed.
    JobsFull,
    /// Another job re-scores the scorecards of a template.
    BackfillRunning,
    /// Another job erases the user.
    ErasureRunning,
}

/// Writes that are all made, or none of them: at most 100 items, 4 MB.
#[derive(Debug, Default)]
pub(crate) struct Transaction(Vec<(Write, Option<Refusal>)>);

impl Transaction {
    /// A transaction of one `write`; `refusal` is the meaning if its condition does not hold.
    pub(crate) fn of(write: Write, refusal: Refusal) -> Self {
        let mut transaction = Self::default();
        transaction.add(write, refusal);
        transaction
    }

    /// Adds a write; `refusal` is the meaning if its condition does not hold.
    pub(crate) fn add(&mut self, write: Write, refusal: Refusal) {
        self.0.push((write, Some(refusal)));
    }

    /// Adds writes; `refusal` is the meaning if the condition of any of them does not hold.
    pub(crate) fn add_all(&mut self, writes: impl IntoIterator<Item = Write>, refusal: Refusal) {
        self.0.extend(writes.into_iter().map(|write| (write, Some(refusal))));
    }

    /// Adds writes that have no condition.
    pub(crate) fn add_unconditional(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.0.extend(writes.into_iter().map(|write| (write, None)));
    }
}

/// The outcome of a transaction, if nothing outside the domain went wrong.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every write was made.
    Written,
    /// No write was made, because these conditions did not hold.
    Refused(Refused),
}

impl Outcome {
    pub(crate) fn is_written(&self) -> bool {
        matches!(self, Self::Written)
    }
}

/// The current item of a refused write, if the write asked for it and there is one.
type ItemAsItIs = Option<HashMap<String, AttributeValue>>;

/// The conditions that did not hold, by their meaning.
#[derive(Debug)]
pub(crate) struct Refused(Vec<(Refusal, ItemAsItIs)>);

impl Refused {
    /// Whether a condition with this meaning did not hold.
    pub(crate) fn has(&self, refusal: Refusal) -> bool {
        self.all().any(|one| one == refusal)
    }

    /// Whether all conditions that did not hold have this meaning.
    pub(crate) fn is_only(&self, refusal: Refusal) -> bool {
        self.all().all(|one| one == refusal)
    }

    /// The meaning of each condition that did not hold.
    fn all(&self) -> impl Iterator<Item = Refusal> {
        self.0.iter().map(|(refusal, _)| *refusal)
    }

    /// The current item of the write that was refused with this meaning, if the write asked for it and there is one.
    pub(crate) fn item(&self, refusal: Refusal) -> Option<&HashMap<String, AttributeValue>> {
        self.0.iter().find(|(one, _)| *one == refusal)?.1.as_ref()
    }
}

impl Store {
    /// Makes all writes of `transaction` or none.
    pub(crate) async fn transact(&self, transaction: Transaction) -> Result<Outcome, Error> {
        let (writes, refusals): (Vec<Write>, Vec<Option<Refusal>>) = transaction.0.into_iter().unzip();
        let writes = writes.into_iter().map(|write| write.build(&self.table)).collect::<Result<Vec<_>, Error>>()?;
        let token = Uuid::new_v4().to_string();
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let answer = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .client_request_token(&token)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .customize()
                .interceptor(self.meter.clone())
                .send()
                .await;
            let error = match answer {
                Ok(_) => return Ok(Outcome::Written),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(failure(error));
            };
            match Cancellation::of(cancelled) {
                Cancellation::Conditions(failed) => return refused(&refusals, failed).map(Outcome::Refused),
                Cancellation::Conflict if attempt < ATTEMPTS => {
                    self.meter.repeat();
                    tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
                    pause *= 2;
                }
                Cancellation::Conflict => return Err(meets_others(error)),
                Cancellation::Throttled => return Err(unavailable(error)),
                Cancellation::Other => return Err(failure(error)),
            }
        }
        Err(Error::internal("a transaction ended without an outcome"))
    }
}

/// Why DynamoDB cancelled a transaction.
pub(crate) enum Cancellation {
    /// Conditions that did not hold, each with its place in the transaction.
    Conditions(Vec<(usize, ItemAsItIs)>),
    Conflict,
    Throttled,
    Other,
}

impl Cancellation {
    /// Failed conditions are the answer only if every item was checked: an item with a conflict, or one that was
    /// throttled, may be the one that decides.
    pub(crate) fn of(cancelled: &TransactionCanceledException) -> Self {
        let reasons = cancelled.cancellation_reasons();
        let any = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
        if any("ThrottlingError") || any("ProvisionedThroughputExceeded") {
            Self::Throttled
        } else if any("TransactionConflict") {
            Self::Conflict
        } else if any("ConditionalCheckFailed") {
            Self::Conditions(failed_conditions(reasons))
        } else {
            Self::Other
        }
    }
}

fn failed_conditions(reasons: &[CancellationReason]) -> Vec<(usize, ItemAsItIs)> {
    let failed = reasons.iter().enumerate().filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    failed.map(|(place, reason)| (place, reason.item().cloned())).collect()
}

/// The refusals that the failed conditions at these places mean.
fn refused(refusals: &[Option<Refusal>], failed: Vec<(usize, ItemAsItIs)>) -> Result<Refused, Error> {
    let named = failed.into_iter().map(|(place, item)| Some(((*refusals.get(place)?)?, item)));
    let named = named.collect::<Option<Vec<_>>>().map(Refused);
    named.ok_or_else(|| Error::internal("a write without a condition was refused by one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_meaning_wherever_its_write_stands() {
        let item = HashMap::from([("agent".to_owned(), AttributeValue::S("ana".to_owned()))]);
        let meanings = [None, Some(Refusal::NameTaken), None, Some(Refusal::PlanTakesNoChild), Some(Refusal::Changed)];
        let refused = refused(&meanings, vec![(3, Some(item.clone())), (4, None)]).unwrap();
        assert!(refused.has(Refusal::PlanTakesNoChild) && refused.has(Refusal::Changed));
        assert!(!refused.has(Refusal::NameTaken) && !refused.is_only(Refusal::Changed));
        assert_eq!(refused.item(Refusal::PlanTakesNoChild), Some(&item));
        assert_eq!((refused.item(Refusal::Changed), refused.item(Refusal::NameTaken)), (None, None));
    }

    #[test]
    fn a_write_without_a_condition_cannot_be_refused_by_one() {
        let meanings = [Some(Refusal::Changed), None];
        assert!(refused(&meanings, vec![(0, None)]).unwrap().is_only(Refusal::Changed));
        for failed in [vec![(0, None), (1, None)], vec![(2, None)]] {
            assert_eq!(refused(&meanings, failed).unwrap_err().reason(), coaching_domain::Reason::InternalError);
        }
    }
}
