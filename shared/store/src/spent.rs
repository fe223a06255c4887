//! Counts what requests spend, as DynamoDB reports it.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// A running account of calls and capacity units.
#[derive(Debug, Default)]
pub struct Spent {
    calls: AtomicU64,
    half_read_units: AtomicU64,
    half_write_units: AtomicU64,
}

/// What was spent up to some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expenses {
    /// Calls of DynamoDB that were answered.
    pub calls: u64,
    /// Read capacity units, in halves.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
}

impl Spent {
    /// Notes a call that only reads.
    pub(crate) fn read(&self, capacity: Option<&ConsumedCapacity>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.half_read_units.fetch_add(half_units(capacity), Ordering::Relaxed);
    }

    /// Notes a call that writes.
    pub(crate) fn wrote(&self, capacity: &[ConsumedCapacity]) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        for table in capacity {
            self.half_write_units.fetch_add(half_units(Some(table)), Ordering::Relaxed);
        }
    }

    /// Notes a call that was refused and does not say what it cost.
    pub(crate) fn refused(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> Expenses {
        Expenses {
            calls: self.calls.load(Ordering::Relaxed),
            read_units: halves(self.half_read_units.load(Ordering::Relaxed)),
            write_units: halves(self.half_write_units.load(Ordering::Relaxed)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an account stays far below 2^52 half units")]
fn halves(half_units: u64) -> f64 {
    half_units as f64 / 2.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "DynamoDB reports whole halves from zero up"
)]
fn half_units(capacity: Option<&ConsumedCapacity>) -> u64 {
    (capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or(0.0) * 2.0).round() as u64
}
