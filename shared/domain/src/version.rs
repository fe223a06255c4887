//! Versions of records.

use crate::Timestamp;

/// The bits that count the changes of a record.
const COUNTING_BITS: u32 = 20;

/// Which state of a record this is. A write is made over the version that was read, and makes the next.
///
/// A name may be used again after a deletion. The record that it then names has other versions than the one before, so
/// that whoever read that one does not write over this one. Therefore a version, as a number, is the time of the
/// record's creation in milliseconds since 1970 (UTC), and in its lower 20 bits the number of times it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(u64);

impl Version {
    /// That of a record that is created at `now`, by the clock of the service.
    pub fn first(now: Timestamp) -> Self {
        Self((now.as_utc().timestamp_millis().unsigned_abs() << COUNTING_BITS) + 1)
    }

    /// That of the record after one more write.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number of times that the record was written, from 1 on.
    pub fn count(self) -> u64 {
        self.0 % (1 << COUNTING_BITS)
    }
}

impl From<u64> for Version {
    /// A version as it is stored.
    fn from(stored: u64) -> Self {
        Self(stored)
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> Self {
        version.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_name_that_is_used_again_has_no_version_that_it_had() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let (first, again) =
            (Version::first(at("2026-06-01T12:00:00Z")), Version::first(at("2026-06-01T12:00:00.001Z")));
        assert_eq!([first, first.next(), again].map(Version::count), [1, 2, 1]);
        let of_first: Vec<Version> = std::iter::successors(Some(first), |one| Some(one.next())).take(100).collect();
        assert!(!of_first.contains(&again) && of_first.contains(&first.next()));
        // 1,780,315,200,000 ms · 2^20 + 1.
        assert_eq!(u64::from(first), 1_866_795_791_155_200_001);
    }

    #[test]
    fn a_version_fits_a_signed_number_in_the_last_year_that_there_is_room_for() {
        let last = Version::first(Timestamp::parse("2248-01-01T00:00:00Z").unwrap());
        assert!(i64::try_from(u64::from(last)).is_ok());
    }
}
