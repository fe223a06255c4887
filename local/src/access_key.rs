//! The access key of a DynamoDB on this machine, and the signatures made with it (AWS Signature Version 4).

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_sdk_dynamodb::config::Credentials;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use uuid::Uuid;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// The largest distance between the time of a signature and now, which is AWS's.
const SIGNED_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// Headers that must be signed: otherwise a request that was seen could be sent on as another.
const SIGNED: [&str; 3] = ["host", "x-amz-date", "x-amz-target"];

/// An access key: an id that goes with every request, and the secret that requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccessKey {
    id: String,
    secret: String,
}

impl AccessKey {
    /// A new one, of 244 random bits.
    pub(crate) fn generate() -> Self {
        let random = || Uuid::new_v4().simple().to_string();
        Self { id: format!("LOCAL{}", random().to_uppercase()), secret: format!("{}{}", random(), random()) }
    }

    /// The key that clients use for a DynamoDB that takes any key.
    pub(crate) fn any() -> Self {
        Self { id: "local".to_owned(), secret: "local".to_owned() }
    }

    /// The key that the environment names, if it names one.
    pub(crate) fn of_environment() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self { id: variable("AWS_ACCESS_KEY_ID")?, secret: variable("AWS_SECRET_ACCESS_KEY")? })
    }

    /// Parses a line that [`AccessKey::line`] wrote.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [id, secret] if secret.len() >= 32 => Ok(Self { id: id.to_owned(), secret: secret.to_owned() }),
            _ => Err("must hold an access key id and a secret of at least 32 characters, with a space between".into()),
        }
    }

    /// The key as one line, for storage.
    pub(crate) fn line(&self) -> String {
        format!("{} {}\n", self.id, self.secret)
    }

    /// Shell commands that set the AWS SDKs' variables to it.
    pub(crate) fn exports(&self) -> String {
        format!("export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\n", self.id, self.secret)
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(&self.id, &self.secret, None, None, "local")
    }

    /// Whether a request names this key. Only its head is needed, not its body.
    pub(crate) fn is_named(&self, headers: &HeaderMap) -> bool {
        Authorization::read(headers).is_some_and(|authorization| self.is(authorization.key_id()))
    }

    /// Whether this key signed the request of `parts` and `body`, recently and with all of [`SIGNED`].
    pub(crate) fn signed(&self, parts: &Parts, body: &[u8]) -> bool {
        self.signature_holds(parts, body).unwrap_or(false)
    }

    fn is(&self, id: &str) -> bool {
        verify_slices_are_equal(self.id.as_bytes(), id.as_bytes()).is_ok()
    }

    fn signature_holds(&self, parts: &Parts, body: &[u8]) -> Option<bool> {
        let authorization = Authorization::read(&parts.headers)?;
        let time = parts.headers.get(DATE)?.to_str().ok()?;
        let signed_at = NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").ok()?.and_utc();
        let [id, date, region, service, "aws4_request"] = authorization.credential[..] else { return None };
        let names: Vec<&str> = authorization.signed_headers.split(';').collect();
        let whole = SIGNED.iter().all(|name| names.contains(name));
        if !whole || !self.is(id) || (Utc::now() - signed_at).abs() > SIGNED_WITHIN || parts.uri.query().is_some() {
            return None;
        }
        let mut canonical = format!("{}\n{}\n\n", parts.method, parts.uri.path());
        for name in &names {
            let values: Option<Vec<&str>> =
                parts.headers.get_all(*name).iter().map(|value| value.to_str().ok()).collect();
            let words = values?.join(",");
            let words: Vec<&str> = words.split_whitespace().collect();
            canonical += &format!("{name}:{}\n", words.join(" "));
        }
        canonical += &format!("\n{}\n{}", authorization.signed_headers, hex(digest(&SHA256, body).as_ref()));
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let digest = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{digest}");
        let secret = format!("AWS4{}", self.secret).into_bytes();
        let key = [date, region, service, "aws4_request"].iter().fold(secret, |key, part| authenticate(&key, part));
        let signature = hex(&authenticate(&key, &text));
        Some(verify_slices_are_equal(signature.as_bytes(), authorization.signature.as_bytes()).is_ok())
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessKey")
    }
}

/// The fields of a header `Authorization` that is a signature.
struct Authorization<'a> {
    credential: Vec<&'a str>,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let fields = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
            fields.find(|(field, _)| *field == name).map(|(_, value)| value)
        };
        Some(Self {
            credential: field("Credential")?.split('/').collect(),
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }

    fn key_id(&self) -> &str {
        self.credential.first().copied().unwrap_or_default()
    }
}

fn authenticate(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_as_a_line() {
        let key = AccessKey::generate();
        assert_eq!(AccessKey::parse(&key.line()), Ok(key.clone()));
        assert_ne!(key, AccessKey::generate());
        for line in ["", "local", "local local", &format!("{} more", key.line())] {
            assert!(AccessKey::parse(line).is_err(), "{line}");
        }
        assert!(!format!("{key:?}").contains(&key.secret), "a log must not tell it");
    }
}
