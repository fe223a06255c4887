//! All-or-nothing writes.
//!
//! The SDK repeats a transaction whose answer was lost, but not one that DynamoDB cancelled because
//! another was under way on the same item. That is done here, a few times and with the same client
//! token, so that a repeat of what did succeed changes nothing. A failed condition is an answer of
//! the domain and is handed back.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, ReturnConsumedCapacity, TransactWriteItem};
use coaching_domain::Error;
use uuid::Uuid;

use crate::Store;
use crate::failure::{concurrent_changes, failure, unavailable};

/// How often a transaction that met another is tried.
const ATTEMPTS: u32 = 6;
/// The longest pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// How a transaction ended, when nothing outside the domain went wrong.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every write was made.
    Written,
    /// No write was made, because these conditions did not hold.
    Refused(Vec<FailedCondition>),
}

/// A condition that did not hold.
#[derive(Debug)]
pub(crate) struct FailedCondition {
    /// Its place in the transaction.
    pub(crate) index: usize,
    /// The item as it is, where the write asked for it and there is one.
    pub(crate) item: Option<HashMap<String, AttributeValue>>,
}

impl Store {
    /// Makes all of `writes` (at most 100 items, 4 MB) or none.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Outcome, Error> {
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
                .interceptor(self.account.clone())
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
                Cancellation::Conditions(failed) => return Ok(Outcome::Refused(failed)),
                Cancellation::Conflict if attempt < ATTEMPTS => {
                    self.account.repeat();
                    tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
                    pause *= 2;
                }
                Cancellation::Conflict => return Err(concurrent_changes(error)),
                Cancellation::Throttled => return Err(unavailable(error)),
                Cancellation::Other => return Err(failure(error)),
            }
        }
        Err(Error::internal("a transaction ended without an outcome"))
    }
}

/// Why DynamoDB did not make a transaction's writes.
pub(crate) enum Cancellation {
    Conditions(Vec<FailedCondition>),
    Conflict,
    Throttled,
    Other,
}

impl Cancellation {
    /// Conditions that failed are the answer only if every item was looked at: what met another
    /// transaction, or was throttled, may be the very item that decides.
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

fn failed_conditions(reasons: &[CancellationReason]) -> Vec<FailedCondition> {
    let failed = reasons.iter().enumerate().filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    failed.map(|(index, reason)| FailedCondition { index, item: reason.item().cloned() }).collect()
}
