//! Etags that a caller expects (AIP-154): from `If-Match`, and from the body or query.

use coaching_domain::{Code, Error};

/// What version of an entity a caller means to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedEtag {
    /// The entity tags of `If-Match`; absent, or `*`: any.
    if_match: Option<Vec<String>>,
    /// The etag in the entity or query.
    sent: Option<String>,
}

impl ExpectedEtag {
    /// The expectation of a request with this `If-Match` header.
    ///
    /// # Errors
    /// A text, if the header is no list of entity tags (RFC 9110, 13.1.1).
    pub(crate) fn in_header(if_match: Option<&str>) -> Result<Self, &'static str> {
        let if_match = match if_match.map(str::trim) {
            None | Some("*") => None,
            Some(text) => {
                let tags: Option<Vec<String>> = text.split(',').map(entity_tag).collect();
                Some(tags.ok_or("must be * or entity tags in quotes, separated by commas")?)
            }
        };
        Ok(Self { if_match, sent: None })
    }

    /// The same, and an etag `sent` otherwise.
    pub(crate) fn and(self, sent: Option<String>) -> Self {
        Self { sent, ..self }
    }

    /// Compares with the entity as it is.
    ///
    /// # Errors
    /// ABORTED if it is another version than the caller expects.
    pub fn check(&self, etag: &str) -> Result<(), Error> {
        let matches = self.if_match.as_ref().is_none_or(|tags| tags.iter().any(|tag| tag == etag))
            && self.sent.as_ref().is_none_or(|sent| sent == etag);
        match matches {
            true => Ok(()),
            false => Err(Error::new(
                Code::Aborted,
                "ETAG_MISMATCH",
                "the etag is of another version; read the resource again and repeat the change on it",
            )),
        }
    }
}

/// The text of a strong entity tag; of a weak one, which never matches here, itself.
fn entity_tag(text: &str) -> Option<String> {
    let text = text.trim();
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let tag = quoted.strip_prefix('"')?.strip_suffix('"').filter(|tag| !tag.contains('"'))?;
    Some(if quoted.len() == text.len() { tag.to_owned() } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_and_the_sent_etag_must_both_hold() {
        let expected = |header, sent: Option<&str>| {
            ExpectedEtag::in_header(header).map(|expected| expected.and(sent.map(str::to_owned)))
        };
        for (header, sent, holds) in [
            (None, None, true),
            (Some("*"), None, true),
            (Some("\"a\""), None, true),
            (Some("\"b\", \"a\""), None, true),
            (Some("\"b\""), None, false),
            (Some("W/\"a\""), None, false),
            (None, Some("a"), true),
            (None, Some("b"), false),
            (Some("\"a\""), Some("b"), false),
        ] {
            assert_eq!(expected(header, sent).unwrap().check("a").is_ok(), holds, "{header:?} {sent:?}");
        }
        for bad in ["a", "", "\"a", "\"a\" \"b\"", "\"a\",", "*, \"a\""] {
            assert!(expected(Some(bad), None).is_err(), "{bad}");
        }
    }
}
