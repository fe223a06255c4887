//! The fields that an update changes (AIP-134).

use std::collections::BTreeSet;

use crate::fields::{Fields, snake_case};

/// The fields that an update changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateMask {
    /// Those whose keys are in the body, even as `null`.
    Present,
    /// All that may change: those absent from the body are cleared.
    Every,
    /// These: those absent from the body are cleared, others in the body are ignored.
    Paths(BTreeSet<&'static str>),
}

impl UpdateMask {
    /// Parses `text`: `*`, or paths separated by commas, each one of `known` in lowerCamelCase or snake_case.
    ///
    /// # Errors
    /// A text that names an unknown path.
    pub fn parse(text: &str, known: &[&'static str]) -> Result<Self, String> {
        match text {
            "*" => Ok(Self::Every),
            text => text
                .split(',')
                .map(|path| {
                    let found = known.iter().find(|field| **field == path || snake_case(field) == path);
                    found.copied().ok_or_else(|| format!("'{path}' is not a field that can be named"))
                })
                .collect::<Result<_, _>>()
                .map(Self::Paths),
        }
    }

    /// Whether the update changes `field` to its value in `fields`.
    pub fn covers(&self, fields: &mut Fields<'_>, field: &str) -> bool {
        match self {
            Self::Present => fields.has(field),
            Self::Every => true,
            Self::Paths(paths) => paths.contains(field),
        }
    }

    /// The value that `read` finds in `field`, if the update covers the field: `Some(None)` clears it.
    pub fn value<T>(
        &self,
        fields: &mut Fields<'_>,
        field: &str,
        read: impl FnOnce(&mut Fields<'_>, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        if !self.covers(fields, field) {
            fields.drop_known(&[field]);
            return None;
        }
        let value = read(fields, field);
        fields.may_be_absent();
        Some(value)
    }

    /// As [`UpdateMask::value`], for a field that never changes: with `*` it may be absent.
    pub fn immutable<T>(
        &self,
        fields: &mut Fields<'_>,
        field: &str,
        read: impl FnOnce(&mut Fields<'_>, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self {
            Self::Every if !fields.has(field) => None,
            _ => self.value(fields, field, read),
        }
    }

    /// Refuses keys of `fields` that were not read, unless the update has a mask.
    pub fn refuse_unknown(&self, fields: &mut Fields<'_>) {
        if *self == Self::Present {
            fields.refuse_unknown();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_strictly() {
        let known = ["meetingNotes", "sessionTime"];
        assert_eq!(UpdateMask::parse("*", &known), Ok(UpdateMask::Every));
        let both = UpdateMask::Paths(BTreeSet::from(known));
        assert_eq!(UpdateMask::parse("meetingNotes,session_time", &known), Ok(both));
        for bad in ["notes", "meetingNotes,", "*,sessionTime", "meetingNotes, sessionTime"] {
            assert!(UpdateMask::parse(bad, &known).is_err(), "{bad}");
        }
    }
}
