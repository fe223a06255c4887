//! Points in time as proto3 JSON writes them.

use std::fmt;

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Utc};

use utoipa::ToSchema;

/// A point in time between 0001-01-01 and 9999-12-31 UTC, in whole nanoseconds.
///
/// Read from strict RFC 3339 (upper-case `T` and `Z`, seconds below 60, at most nine fraction
/// digits, any offset), written in UTC with `Z` and 0, 3, 6 or 9 fraction digits, as the proto3
/// JSON mapping of `google.protobuf.Timestamp` asks. chrono's own parser takes more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Parses `text`; `None` if it is not a strict RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let seconds = text.get(17..19)?;
        let fraction = text.get(19..)?.trim_end_matches('Z');
        let fraction = fraction.split(['+', '-']).next()?;
        let strict = bytes.iter().all(|byte| byte.is_ascii() && !matches!(byte, b't' | b'z' | b' '))
            && bytes.get(10) == Some(&b'T')
            && seconds < "60"
            && fraction.len() <= ".123456789".len();
        if !strict {
            return None;
        }
        DateTime::parse_from_rfc3339(text).ok().and_then(|time| Self::from_utc(time.to_utc()))
    }

    /// `time`, unless its year is outside 1 to 9999.
    pub fn from_utc(time: DateTime<Utc>) -> Option<Self> {
        (1..=9999).contains(&time.year()).then_some(Self(time))
    }

    /// The time `seconds` after 1970-01-01 UTC, unless its year is outside 1 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).and_then(Self::from_utc)
    }

    /// The time as a chrono value.
    pub fn as_utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC, rounded down.
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Nanoseconds since 1970-01-01 UTC.
    pub fn unix_nanoseconds(self) -> i128 {
        i128::from(self.0.timestamp()) * 1_000_000_000 + i128::from(self.0.timestamp_subsec_nanos())
    }

    /// The time in UTC, as the JSON mapping writes it.
    fn written(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }

    /// This time plus `delta`, limited to the range.
    #[must_use]
    pub fn plus(self, delta: TimeDelta) -> Self {
        let end = if delta < TimeDelta::zero() { MIN } else { MAX };
        self.0.checked_add_signed(delta).and_then(Self::from_utc).unwrap_or(Self(end))
    }
}

const MIN: DateTime<Utc> = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(time) => time,
    None => DateTime::UNIX_EPOCH,
};
const MAX: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 999_999_999) {
    Some(time) => time,
    None => DateTime::UNIX_EPOCH,
};

/// Whether `time` is more than a minute after `now`; less than that is a difference of clocks.
pub fn is_future(time: Option<Timestamp>, now: Timestamp) -> bool {
    time.is_some_and(|time| time > now.plus(TimeDelta::minutes(1)))
}

/// Whether both times are present and `time` is before `earlier`.
pub fn is_before(time: Option<Timestamp>, earlier: Option<Timestamp>) -> bool {
    time.zip(earlier).is_some_and(|(time, earlier)| time < earlier)
}

/// The time of a step that a manager dates at `told`: `told`, if it is between `created` and `now`, else `now`. Nobody
/// can date a step before the record was created, or in the future.
pub fn told_or_now(told: Timestamp, created: Timestamp, now: Timestamp) -> Timestamp {
    if (created..=now).contains(&told) { told } else { now }
}

/// The creation time of a record: as imported, else the earliest of `others`.
pub fn creation(imported: Option<Timestamp>, others: &[Option<Timestamp>]) -> Option<Timestamp> {
    imported.or_else(|| others.iter().flatten().min().copied())
}

/// The fault of a range that ends at or before its start, the field `start_field`: that is a mistake, not an empty
/// range.
pub fn range_fault(start: Option<Timestamp>, end: Option<Timestamp>, start_field: &str) -> Option<String> {
    start.zip(end).is_some_and(|(start, end)| end <= start).then(|| format!("must be after {start_field}"))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written())
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written())
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("is no time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strict_times_are_read_and_written_in_utc() {
        for (text, written) in [
            ("2019-08-24T14:15:22Z", "2019-08-24T14:15:22Z"),
            ("2019-08-24T14:15:22.1Z", "2019-08-24T14:15:22.100Z"),
            ("2019-08-24T14:15:22.123456789Z", "2019-08-24T14:15:22.123456789Z"),
            ("2019-08-24T14:15:22+02:00", "2019-08-24T12:15:22Z"),
            ("2019-08-24T14:15:22.5-11:30", "2019-08-25T01:45:22.500Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|time| time.to_string()), Some(written.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_proto3_json_refuses_is_refused() {
        for text in [
            "",
            "string",
            "2019-08-24",
            "2019-08-24t14:15:22Z",
            "2019-08-24T14:15:22z",
            "2019-08-24 14:15:22Z",
            "2019-08-24T14:15:22",
            "2019-08-24T14:15:22+0200",
            "2019-08-24T14:15:22,5Z",
            "2019-08-24T14:15Z",
            "2016-12-31T23:59:60Z",
            "2019-08-24T24:00:00Z",
            "2019-02-29T00:00:00Z",
            "2019-08-24T14:15:22.1234567890Z",
            "0000-12-31T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "10000-01-01T00:00:00Z",
            "2019-08-24T14:15:2２Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in -62_135_596_800_i64..=253_402_300_799, nanos in 0_u32..1_000_000_000) {
            let time = Timestamp::from_utc(DateTime::from_timestamp(seconds, nanos).unwrap()).unwrap();
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
