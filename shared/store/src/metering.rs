//! Meters the capacity that requests consume: every attempt that the SDK makes for them, and the units that DynamoDB
//! reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemError, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::delete_item::{DeleteItemError, DeleteItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryError, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanError, ScanOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::ConsumedCapacity as CapacityOfTable;

use crate::engine::transaction::Cancellation;
use crate::failure::{THROTTLED, is_answer_of_the_domain};

/// The consumption up to some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConsumedCapacity {
    /// Calls of DynamoDB, including those that the store repeats.
    pub calls: u64,
    /// Attempts beyond the first: the SDK's within a call, and calls that the store repeats.
    pub retries: u64,
    /// Attempts that DynamoDB throttled.
    pub throttles: u64,
    /// Attempts that failed otherwise, except for failed conditions and conflicts with other writes.
    pub errors: u64,
    /// Read capacity units, in halves. DynamoDB does not report those of a refused call.
    pub read_units: f64,
    /// Write capacity units. DynamoDB does not report those of a refused call.
    pub write_units: f64,
}

/// A running meter, shared by its clones. As an interceptor it counts what a call consumes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    attempts: AtomicU64,
    repeated_calls: AtomicU64,
    throttles: AtomicU64,
    errors: AtomicU64,
    half_read_units: AtomicU64,
    half_write_units: AtomicU64,
}

impl Meter {
    /// Counts a call that the store repeats.
    pub(crate) fn repeat(&self) {
        add(&self.0.repeated_calls, 1);
    }

    pub(crate) fn so_far(&self) -> ConsumedCapacity {
        let counters = &*self.0;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let calls = count(&counters.calls);
        ConsumedCapacity {
            calls,
            // A call that fails before it is sent has no attempt.
            retries: count(&counters.attempts).saturating_sub(calls) + count(&counters.repeated_calls),
            throttles: count(&counters.throttles),
            errors: count(&counters.errors),
            read_units: halves(count(&counters.half_read_units)),
            write_units: halves(count(&counters.half_write_units)),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Applies `$read` to `$erased`, if it is of one of the types.
macro_rules! as_one_of {
    ($erased:expr, $read:expr, $($kind:ty),+) => {
        None$(.or_else(|| $erased.downcast_ref::<$kind>().map($read)))+
    };
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        add(&self.0.calls, 1);
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        add(&self.0.attempts, 1);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let Some(error) = error.as_operation_error() else {
            add(&self.0.errors, 1);
            return Ok(());
        };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.downcast_ref() {
            if matches!(Cancellation::of(cancelled), Cancellation::Throttled) {
                add(&self.0.throttles, 1);
            }
            return Ok(());
        }
        let code = as_one_of!(
            error,
            |error| error.code().unwrap_or_default(),
            GetItemError,
            BatchGetItemError,
            QueryError,
            ScanError,
            PutItemError,
            UpdateItemError,
            DeleteItemError,
            TransactWriteItemsError
        );
        match code.unwrap_or_default() {
            code if THROTTLED.contains(&code) => add(&self.0.throttles, 1),
            code if is_answer_of_the_domain(code) => {}
            _ => add(&self.0.errors, 1),
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        let read = as_one_of!(
            output,
            |output| half_units(output.consumed_capacity()),
            GetItemOutput,
            BatchGetItemOutput,
            QueryOutput,
            ScanOutput
        );
        let written = as_one_of!(
            output,
            |output| half_units(output.consumed_capacity()),
            PutItemOutput,
            UpdateItemOutput,
            DeleteItemOutput,
            TransactWriteItemsOutput
        );
        add(&self.0.half_read_units, read.unwrap_or(0));
        add(&self.0.half_write_units, written.unwrap_or(0));
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a meter stays far below 2^52 half units")]
fn halves(half_units: u64) -> f64 {
    half_units as f64 / 2.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "DynamoDB reports whole halves from zero up"
)]
fn half_units<'a>(tables: impl IntoIterator<Item = &'a CapacityOfTable>) -> u64 {
    let units = tables.into_iter().filter_map(CapacityOfTable::capacity_units);
    units.map(|units| (units * 2.0).round() as u64).sum()
}
