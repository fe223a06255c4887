//! Which fields an update changes (AIP-134).

use std::collections::BTreeSet;

use crate::fields::{Fields, snake_case};

/// Which fields an update changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateMask {
    /// Those whose keys are in the body, also as `null`.
    Present,
    /// All that may change: what is not in the body is cleared.
    Every,
    /// These: what is not in the body is cleared, what else is in the body is ignored.
    Paths(BTreeSet<&'static str>),
}

impl UpdateMask {
    /// The mask that `text` writes: `*`, or paths separated by commas, each one of `known`
    /// in lowerCamelCase or snake_case.
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

    /// Whether `field` of the entity in `fields` is to become what it is there.
    pub fn covers(&self, fields: &mut Fields<'_>, field: &str) -> bool {
        match self {
            Self::Present => fields.has(field),
            Self::Every => true,
            Self::Paths(paths) => paths.contains(field),
        }
    }

    /// What `read` finds in `field`, if the update covers it: `Some(None)` clears.
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

    /// Refuses keys of `fields` that nothing read, unless the mask says what counts.
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
