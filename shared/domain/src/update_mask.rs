//! The fields that an update changes (AIP-134).

use std::collections::BTreeSet;

use crate::message::snake_case;

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
