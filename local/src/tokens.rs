//! Access tokens of the development issuer, made and verified as an OIDC provider and API Gateway's
//! JWT authorizer do on AWS: RS256, with `kid`, `iss`, `aud`, `exp`, `nbf` and `iat` checked.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use coaching_domain::ClaimNames;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde_json::{Map, Value};

/// The development issuer (`iss`).
pub const ISSUER: &str = "https://issuer.local";
/// The audience (`aud`) of its tokens.
pub const AUDIENCE: &str = "coaching";

const KEY_ID: &str = "development";
/// The lifetime of a token, in seconds: a working day.
const LIFETIME_SECONDS: i64 = 12 * 60 * 60;
/// How far a token's start (`iat`, `nbf`) may be ahead of now, in seconds: the clock may have been set back since it
/// was signed. Its end (`exp`) has no leeway.
const LEEWAY_SECONDS: f64 = 60.0;

/// The claims of one access token.
#[derive(Debug, Clone, Serialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// The customer's id.
    pub customer: String,
    /// The profiles' ids, separated by spaces; `*`: all of the customer's; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<String>,
    /// `admin`, `manager`, `agent` or `service`.
    pub role: String,
    /// Issued at, in Unix seconds.
    pub iat: i64,
    /// Not valid before, in Unix seconds.
    pub nbf: i64,
    /// Not valid from then on, in Unix seconds.
    pub exp: i64,
}

impl Claims {
    /// Claims of `user` with `role` at `customer`, in all its profiles, valid for twelve hours from now.
    pub fn new(customer: &str, role: &str, user: &str) -> Self {
        let now = Utc::now().timestamp();
        Self {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_owned(),
            customer: customer.to_owned(),
            profiles: Some("*".to_owned()),
            role: role.to_owned(),
            iat: now,
            nbf: now,
            exp: now + LIFETIME_SECONDS,
        }
    }
}

/// Makes and verifies tokens with one RSA key.
#[derive(Clone)]
pub struct TokenIssuer {
    private_pem: String,
    /// The names of the claims in its tokens.
    names: ClaimNames,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl TokenIssuer {
    /// An issuer with a new key.
    ///
    /// # Errors
    /// One line, if no key can be made.
    pub fn generate() -> Result<Self, String> {
        let failed = |_| "no signing key can be made".to_owned();
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
        let body = BASE64_STANDARD.encode(der.as_ref());
        Self::from_pem(&format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))
    }

    /// The issuer whose key [`TokenIssuer::private_pem`] wrote.
    ///
    /// # Errors
    /// One line, if it is no such key.
    pub fn from_pem(private_pem: &str) -> Result<Self, String> {
        let unusable = || "the signing key is no RSA key in PKCS#8 form".to_owned();
        let encoding = EncodingKey::from_rsa_pem(private_pem.as_bytes()).map_err(|_| unusable())?;
        let body: String = private_pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64_STANDARD.decode(body).map_err(|_| unusable())?;
        let key = KeyPair::from_pkcs8(&der).map_err(|_| unusable())?;
        let public = key.public_key();
        let decoding = DecodingKey::from_rsa_raw_components(
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        );
        Ok(Self { private_pem: private_pem.to_owned(), names: ClaimNames::default(), encoding, decoding })
    }

    /// The same issuer, with `names` for the claims in its tokens.
    #[must_use]
    pub fn with_claims_called(self, names: ClaimNames) -> Self {
        Self { names, ..self }
    }

    /// The key, for storage.
    pub fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// A token with `claims`.
    ///
    /// # Errors
    /// One line, if it cannot be signed.
    pub fn issue(&self, claims: &Claims) -> Result<String, String> {
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
        let Ok(Value::Object(mut claims)) = serde_json::to_value(claims) else {
            return Err("no token can be signed: its claims are no object".to_owned());
        };
        let values = ClaimNames::default().each().map(|(_, name)| claims.remove(name));
        for ((_, name), value) in self.names.each().into_iter().zip(values) {
            claims.extend(value.map(|value| (name.to_owned(), value)));
        }
        jsonwebtoken::encode(&header, &claims, &self.encoding)
            .map_err(|error| format!("no token can be signed: {error}"))
    }

    /// The claims of `token` as API Gateway passes them, if it verifies.
    pub(crate) fn verify(&self, token: &str) -> Option<BTreeMap<String, String>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let verified = jsonwebtoken::decode::<Map<String, Value>>(token, &self.decoding, &validation).ok()?;
        // No extension is understood, so one that must be is refused (RFC 7515, 4.1.11).
        if verified.header.kid.as_deref() != Some(KEY_ID) || verified.header.crit.is_some() {
            return None;
        }
        let claims = verified.claims;
        let latest = Utc::now().timestamp() as f64 + LEEWAY_SECONDS;
        let has_begun = |name| claims.get(name).is_none_or(|time| time.as_f64().is_some_and(|time| time <= latest));
        if !has_begun("iat") || !has_begun("nbf") {
            return None;
        }
        Some(claims.into_iter().filter_map(|(name, value)| Some((name, as_api_gateway_writes(value)?))).collect())
    }
}

/// HTTP APIs pass every claim as a string: arrays as `[a b]`, numbers and booleans as their text; nulls are left out.
/// Objects, which no claim that is read may be, are JSON here.
fn as_api_gateway_writes(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        Value::Array(entries) => {
            let entries: Vec<String> = entries.into_iter().filter_map(as_api_gateway_writes).collect();
            Some(format!("[{}]", entries.join(" ")))
        }
        other => Some(other.to_string()),
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenIssuer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    static ISSUERS: LazyLock<[TokenIssuer; 2]> =
        LazyLock::new(|| [TokenIssuer::generate().unwrap(), TokenIssuer::generate().unwrap()]);

    fn claims() -> Claims {
        Claims::new("acme", "manager", "maria")
    }

    #[test]
    fn a_token_verifies_with_its_claims_as_strings() {
        let token = ISSUERS[0].issue(&claims()).unwrap();
        let verified = ISSUERS[0].verify(&token).unwrap();
        assert_eq!(verified["customer"], "acme");
        assert_eq!(verified["sub"], "maria");
        assert_eq!(verified["exp"], claims().exp.to_string());
        assert_eq!(verified["profiles"], "*");
        let nowhere = Claims { profiles: None, ..claims() };
        assert!(!ISSUERS[0].verify(&ISSUERS[0].issue(&nowhere).unwrap()).unwrap().contains_key("profiles"));
    }

    #[test]
    fn claims_are_written_as_api_gateway_hands_them_over() {
        for (value, text) in [
            (serde_json::json!(["support", "sales"]), Some("[support sales]")),
            (serde_json::json!(["support"]), Some("[support]")),
            (serde_json::json!([]), Some("[]")),
            (serde_json::json!(5), Some("5")),
            (serde_json::json!(true), Some("true")),
            (serde_json::json!("a b"), Some("a b")),
            (Value::Null, None),
        ] {
            assert_eq!(as_api_gateway_writes(value).as_deref(), text);
        }
    }

    #[test]
    fn claims_have_the_names_that_are_asked_for() {
        let names = ClaimNames { role: "https://example.com/role".into(), user: "oid".into(), ..ClaimNames::default() };
        let issuer = ISSUERS[0].clone().with_claims_called(names);
        let verified = issuer.verify(&issuer.issue(&claims()).unwrap()).unwrap();
        assert_eq!((&*verified["https://example.com/role"], &*verified["oid"]), ("manager", "maria"));
        assert_eq!((&*verified["customer"], &*verified["profiles"]), ("acme", "*"));
        assert!(!verified.contains_key("role") && !verified.contains_key("sub"));
    }

    #[test]
    fn an_issuer_is_kept_by_its_key() {
        let kept = TokenIssuer::from_pem(ISSUERS[0].private_pem()).unwrap();
        assert!(kept.verify(&ISSUERS[0].issue(&claims()).unwrap()).is_some());
    }

    #[test]
    fn a_time_that_is_no_number_or_to_come_and_a_critical_extension_are_refused() {
        let issuer = &ISSUERS[0];
        let verifies = |header: &Header, claims: &Value| {
            issuer.verify(&jsonwebtoken::encode(header, claims, &issuer.encoding).unwrap()).is_some()
        };
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
        let now = Utc::now().timestamp();
        let later = now + 120;
        let mut tried = 0;
        for name in ["iat", "nbf"] {
            let with = |value: Value| {
                let mut claims = serde_json::json!(claims());
                claims[name] = value;
                claims
            };
            for bad in [
                Value::from(later),
                Value::from(later as f64 + 0.5),
                Value::from(1e300),
                Value::from(later.to_string()),
                Value::from(now.to_string()),
                Value::from("now"),
                Value::from(true),
                Value::Null,
                serde_json::json!([now]),
            ] {
                assert!(!verifies(&header, &with(bad.clone())), "{name}: {bad}");
                tried += 1;
            }
            for good in [Value::from(now), Value::from(now as f64 - 0.5), Value::from(now + 50)] {
                assert!(verifies(&header, &with(good.clone())), "{name}: {good}");
            }
        }
        for names in [&[][..], &["b64"], &["exp"], &["https://unknown.example"]] {
            let crit = Some(names.iter().map(|name| (*name).to_owned()).collect());
            assert!(!verifies(&Header { crit, ..header.clone() }, &serde_json::json!(claims())), "{names:?}");
            tried += 1;
        }
        println!("{tried} tokens refused");
    }

    #[test]
    fn what_the_authorizer_on_aws_refuses_is_refused() {
        let issuer = &ISSUERS[0];
        let refused = |claims: Claims| issuer.verify(&issuer.issue(&claims).unwrap()).is_none();
        let now = Utc::now().timestamp();
        assert!(refused(Claims { exp: now - 1, ..claims() }), "expired");
        assert!(!refused(Claims { nbf: now + 50, iat: now + 50, ..claims() }), "the clock was set back 50 seconds");
        assert!(refused(Claims { nbf: now + 120, ..claims() }), "not yet good");
        assert!(refused(Claims { iat: now + 120, ..claims() }), "issued later");
        assert!(refused(Claims { aud: "another".to_owned(), ..claims() }), "audience");
        assert!(refused(Claims { iss: "https://another".to_owned(), ..claims() }), "issuer");
        assert!(issuer.verify(&ISSUERS[1].issue(&claims()).unwrap()).is_none(), "another key");
        assert!(issuer.verify("").is_none() && issuer.verify("a.b.c").is_none(), "no token");

        let token = issuer.issue(&claims()).unwrap();
        let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let none = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"development"}"#);
        assert!(issuer.verify(&format!("{none}.{payload}.")).is_none(), "alg none");
        assert!(issuer.verify(&format!("{none}.{payload}.{signature}")).is_none(), "alg none, signed");
        let other_key_id = Header { kid: Some("another".to_owned()), ..Header::new(Algorithm::RS256) };
        let token = jsonwebtoken::encode(&other_key_id, &claims(), &issuer.encoding).unwrap();
        assert!(issuer.verify(&token).is_none(), "key id");
    }
}
