//! Etags (AIP-154), and the etag that a caller expects: by `If-Match`, and in the body, an entry or the query.

use crate::{Error, Reason, Timestamp};

/// The etag of a version of an entity: opaque to clients (AIP-154).
pub(crate) fn etag_of(version: impl Into<u64>, update_time: Timestamp) -> String {
    let version = version.into();
    format!("{version:x}-{:x}{:08x}", update_time.unix_seconds(), update_time.as_utc().timestamp_subsec_nanos())
}

/// The etag of a directory entry's version. Such an entry is never deleted and has no update time.
pub fn etag_in_directory(version: u64) -> String {
    format!("{version:x}")
}

/// The version of an entity that a caller means to change.
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
    pub fn in_header(if_match: &str) -> Result<Self, &'static str> {
        let if_match = match if_match.trim() {
            "*" => None,
            text => {
                let tags: Option<Vec<String>> = text.split(',').map(entity_tag).collect();
                Some(tags.ok_or("must be * or entity tags in quotes, separated by commas")?)
            }
        };
        Ok(Self { if_match, sent: None })
    }

    /// The same, with the etag that is `sent` in the entity or query.
    #[must_use]
    pub fn and(self, sent: Option<String>) -> Self {
        Self { sent, ..self }
    }

    /// The same, with the `If-Match` of `header`.
    #[must_use]
    pub fn with_header(self, header: Self) -> Self {
        Self { if_match: header.if_match, ..self }
    }

    /// Compares with the entity's current etag.
    ///
    /// # Errors
    /// ABORTED if the caller expects another version.
    pub fn check(&self, etag: &str) -> Result<(), Error> {
        self.check_found(Some(etag))
    }

    /// As [`ExpectedEtag::check`], for an entity that may not exist; then every expected etag is wrong.
    ///
    /// # Errors
    /// As there.
    pub fn check_found(&self, etag: Option<&str>) -> Result<(), Error> {
        let tags = self.if_match.as_ref();
        let matches = tags.is_none_or(|tags| etag.is_some_and(|etag| tags.iter().any(|tag| tag == etag)))
            && self.sent.as_ref().is_none_or(|sent| Some(sent.as_str()) == etag);
        if matches {
            return Ok(());
        }
        let sent = tags.into_iter().flatten().chain(&self.sent);
        let weak = sent.filter_map(|tag| Some(tag.strip_prefix("W/")?.trim_matches('"')));
        let message = match weak.into_iter().find(|tag| Some(*tag) == etag) {
            Some(tag) => format!("the etag W/\"{tag}\" is weak (W/): send it without W/"),
            None => "the etag is of another version; read the resource again and repeat the change on it".to_owned(),
        };
        Err(Error::new(Reason::EtagMismatch, message))
    }
}

/// The tag in a strong entity tag. A weak one, which never matches, is returned whole.
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
        let expected = |header: Option<&str>, sent: Option<&str>| {
            let expected = header.map_or_else(|| Ok(ExpectedEtag::default()), ExpectedEtag::in_header);
            expected.map(|expected| expected.and(sent.map(str::to_owned)))
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
        let weak = |header, sent: Option<&str>| expected(header, sent).unwrap().check("a").unwrap_err().to_string();
        for (header, sent) in [(Some("\"b\", W/\"a\""), None), (None, Some("W/\"a\"")), (None, Some("W/a"))] {
            assert!(weak(header, sent).contains("send it without W/"), "{header:?} {sent:?}");
        }
        assert!(!weak(Some("W/\"b\""), None).contains("W/"), "another version, weak or not");
        for (header, sent, holds) in [(None, None, true), (Some("*"), None, true), (None, Some("a"), false)] {
            assert_eq!(expected(header, sent).unwrap().check_found(None).is_ok(), holds, "{header:?} {sent:?}");
        }
        for bad in ["a", "", "\"a", "\"a\" \"b\"", "\"a\",", "*, \"a\""] {
            assert!(expected(Some(bad), None).is_err(), "{bad}");
        }
    }
}
