//! Page tokens (AIP-158): opaque, short-lived, and valid only for the request that they were given to.
//!
//! A token is a position and an expiry, sealed with AES-256-GCM-SIV (RFC 8452). The operation, the tenant, the caller's
//! role, the user id of an agent, and every parameter of the request except the page size are associated data. So a
//! token with a flipped byte, or of another request, role, agent, profile or customer, does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use coaching_domain::message::Scope;
use coaching_domain::{Caller, Error, Parameters, Role, Timestamp};
use uuid::Uuid;

/// The lifetime of a token, in seconds: three days, AIP-158's rule of thumb.
const LIFETIME_SECONDS: i64 = 3 * 24 * 60 * 60;
/// The longest token, in characters: it holds the position of a user with a name of 256 bytes and an id of 128. It
/// travels in the request line, where API Gateway has 10,240 bytes for everything.
const MAX_TOKEN_LENGTH: usize = 640;
/// The shortest secret, in bytes: 32 characters of 62 are 190 bits.
const MIN_SECRET_BYTES: usize = 32;
const EXPIRY_BYTES: usize = size_of::<i64>();

/// The requests that a token is bound to.
#[derive(Debug, Clone)]
pub struct Binding(Parameters);

impl Binding {
    /// Binds to requests of `operation` by callers of the same role for the profile or customer `tenant`, with these `parameters`. Agents get
    /// answers about themselves, so theirs are bound to the agent too.
    pub fn new<'t>(operation: &str, caller: &Caller, tenant: impl Into<Scope<'t>>, parameters: &Parameters) -> Self {
        let mut bound = Parameters::default();
        bound.add("operation", [operation].iter());
        bound.add("tenant", [tenant.into().name()].iter());
        bound.add("role", [caller.role().as_str()].iter());
        if caller.role() == Role::Agent {
            bound.add("user", [caller.user().as_str()].iter());
        }
        bound.append(parameters);
        Self(bound)
    }

    /// The id under which `order` is stored for such requests: no other request finds it, even with a token that names
    /// the order.
    pub fn own(&self, order: Uuid) -> Uuid {
        let mut digest = digest::Context::new(&digest::SHA256);
        digest.update(order.as_bytes());
        digest.update(self.0.as_bytes());
        let mut id = [0; size_of::<uuid::Bytes>()];
        id.iter_mut().zip(digest.finish().as_ref()).for_each(|(byte, digested)| *byte = *digested);
        uuid::Builder::from_custom_bytes(id).into_uuid()
    }
}

/// Seals and opens page tokens.
#[derive(Clone)]
pub struct PageTokens {
    /// The first one seals; all of them open.
    keys: Vec<[u8; digest::SHA256_OUTPUT_LEN]>,
}

impl PageTokens {
    /// Keys from `secret` and from the `previous` one, whose tokens stay valid while it is rotated out.
    ///
    /// # Errors
    /// A text for the operator if a secret is shorter than 32 bytes.
    pub fn new(secret: &str, previous: Option<&str>) -> Result<Self, String> {
        let key = |variable: &str, secret: &str| {
            if secret.len() < MIN_SECRET_BYTES {
                return Err(format!("{variable} must have at least {MIN_SECRET_BYTES} bytes"));
            }
            let mut key = [0; digest::SHA256_OUTPUT_LEN];
            key.copy_from_slice(digest::digest(&digest::SHA256, format!("page token\n{secret}").as_bytes()).as_ref());
            Ok(key)
        };
        let mut keys = vec![key("PAGE_TOKEN_SECRET", secret)?];
        if let Some(previous) = previous {
            keys.push(key("PAGE_TOKEN_SECRET_PREVIOUS", previous)?);
        }
        Ok(Self { keys })
    }

    /// No keys, for a function that answers no pages: no token opens, and none is sealed.
    pub fn none() -> Self {
        Self { keys: Vec::new() }
    }

    /// The position in a request's page token, if it has one.
    ///
    /// # Errors
    /// As [`PageTokens::open`].
    pub fn position(&self, token: Option<&str>, binding: &Binding, now: Timestamp) -> Result<Option<String>, Error> {
        token.map(|token| self.open(token, binding, now)).transpose()
    }

    /// The token of the next page, if there is one.
    ///
    /// # Errors
    /// As [`PageTokens::seal`].
    pub fn next(&self, position: Option<&str>, binding: &Binding, now: Timestamp) -> Result<Option<String>, Error> {
        position.map(|position| self.seal(position, binding, now)).transpose()
    }

    /// A token for `position`, valid for three days from `now` for requests of the same `binding`.
    ///
    /// # Errors
    /// INTERNAL if the position is too long, there is no key or the sealing fails.
    pub fn seal(&self, position: &str, binding: &Binding, now: Timestamp) -> Result<String, Error> {
        let failed = |_| Error::internal("a page token could not be sealed");
        let key = self.keys.first().ok_or_else(|| Error::internal("this function has no page token secret"))?;
        let mut sealed = (now.unix_seconds() + LIFETIME_SECONDS).to_be_bytes().to_vec();
        sealed.extend_from_slice(position.as_bytes());
        let nonce = RandomizedNonceKey::new(&AES_256_GCM_SIV, key)
            .and_then(|key| key.seal_in_place_append_tag(Aad::from(binding.0.as_bytes()), &mut sealed))
            .map_err(failed)?;
        let mut token = nonce.as_ref().to_vec();
        token.append(&mut sealed);
        let token = BASE64_URL_SAFE_NO_PAD.encode(token);
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(Error::internal("a page token is longer than its limit"));
        }
        Ok(token)
    }

    /// The position in `token`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming `pageToken`, if it was not made for such a request or has expired.
    pub fn open(&self, token: &str, binding: &Binding, now: Timestamp) -> Result<String, Error> {
        let refused = || {
            Error::invalid_field(
                "pageToken",
                "is not the nextPageToken of a request with the same parameters; start again without it",
            )
        };
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(refused());
        }
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let (nonce, sealed) = token.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        let opened = self.keys.iter().find_map(|key| {
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, key).ok()?;
            let opened = key.open_in_place(nonce, Aad::from(binding.0.as_bytes()), &mut sealed).ok()?;
            Some(opened.to_vec())
        });
        let opened = opened.ok_or_else(refused)?;
        let (expiry, position) = opened.split_first_chunk::<EXPIRY_BYTES>().ok_or_else(refused)?;
        if i64::from_be_bytes(*expiry) <= now.unix_seconds() {
            return Err(Error::invalid_field("pageToken", "has expired after three days; start again without it"));
        }
        String::from_utf8(position.to_vec()).map_err(|_| refused())
    }
}

impl fmt::Debug for PageTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PageTokens")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::HttpEvent;
    use crate::identity;
    use coaching_domain::Tenant;
    use coaching_domain::{ClaimNames, Code};
    use proptest::prelude::*;

    const SECRET: &str = "an old secret of at least 32 bytes";
    const NEWER: &str = "a newer secret of at least 32 bytes";

    /// A caller of every profile.
    pub(crate) fn caller(customer: &str, role: &str, user: &str) -> Caller {
        let event = serde_json::json!({"requestContext": {"authorizer": {"jwt": {"claims":
            {"customer": customer, "profiles": "*", "role": role, "sub": user}}}}});
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        identity::caller(&event, &ClaimNames::default()).unwrap()
    }

    /// The profile of a customer.
    pub(crate) fn tenant(customer: &str, profile: &str) -> Tenant {
        caller(customer, "admin", "someone").enter(customer, profile).unwrap()
    }

    /// The time of the tests.
    pub(crate) fn now() -> Timestamp {
        Timestamp::parse("2026-06-01T12:00:00Z").unwrap()
    }

    /// The binding of a manager's request with these usecases.
    fn binding_with(usecases: &[String]) -> Binding {
        let mut parameters = Parameters::default();
        parameters.add("agentUserName", ["ana"].iter());
        parameters.add("usecaseNames", usecases.iter());
        Binding::new("list-sessions", &caller("acme", "manager", "maria"), &tenant("acme", "support"), &parameters)
    }

    fn binding() -> Binding {
        binding_with(&[])
    }

    proptest! {
        #[test]
        fn a_token_opens_for_the_same_request(position in ".{0,60}", parameters in prop::collection::vec(".{0,12}", 0..4)) {
            let tokens = PageTokens::new(SECRET, None).unwrap();
            let binding = binding_with(&parameters);
            let token = tokens.seal(&position, &binding, now()).unwrap();
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(tokens.open(&token, &binding, now()).unwrap(), position);
        }

        #[test]
        fn a_token_does_not_open_for_other_parameters(a in prop::collection::vec("[ab]{0,2}", 0..4), b in prop::collection::vec("[ab]{0,2}", 0..4)) {
            let tokens = PageTokens::new(SECRET, None).unwrap();
            let token = tokens.seal("place", &binding_with(&a), now()).unwrap();
            prop_assert_eq!(tokens.open(&token, &binding_with(&b), now()).is_ok(), a == b);
        }

        #[test]
        fn no_text_opens_or_panics(text in ".{0,80}|[A-Za-z0-9_-]{0,700}") {
            let tokens = PageTokens::new(SECRET, None).unwrap();
            prop_assert_eq!(tokens.open(&text, &binding(), now()).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let tokens = PageTokens::new(SECRET, None).unwrap();
        let token = BASE64_URL_SAFE_NO_PAD.decode(tokens.seal("place", &binding(), now()).unwrap()).unwrap();
        for bit in 0..token.len() * 8 {
            let mut flipped = token.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(tokens.open(&BASE64_URL_SAFE_NO_PAD.encode(flipped), &binding(), now()).is_err(), "bit {bit}");
        }
        for length in 0..token.len() {
            assert!(tokens.open(&BASE64_URL_SAFE_NO_PAD.encode(&token[..length]), &binding(), now()).is_err());
        }
    }

    /// The binding of requests without parameters: of an operation, in a profile of a customer, by a user with a role.
    fn bound_to(operation: &str, place: (&str, &str), by: (&str, &str)) -> Binding {
        Binding::new(operation, &caller(place.0, by.0, by.1), &tenant(place.0, place.1), &Parameters::default())
    }

    #[test]
    fn a_token_is_good_only_for_its_operation_profile_customer_role_and_agent() {
        let tokens = PageTokens::new(SECRET, None).unwrap();
        let support = ("acme", "support");
        let (maria, ana) = (("manager", "maria"), ("agent", "ana"));
        let of_maria = bound_to("list-sessions", support, maria);
        let of_ana = bound_to("list-sessions", support, ana);
        let order = Uuid::new_v4();
        for (mine, same) in
            [(&of_maria, bound_to("list-sessions", support, ("manager", "mike"))), (&of_ana, of_ana.clone())]
        {
            let token = tokens.seal("place", mine, now()).unwrap();
            assert!(tokens.open(&token, &same, now()).is_ok());
            assert_eq!(mine.own(order), same.own(order));
            for other in [
                bound_to("list-plans", support, maria),
                bound_to("list-sessions", ("acme", "sales"), maria),
                bound_to("list-sessions", ("globex", "support"), maria),
                bound_to("list-sessions", support, ("service", "maria")),
                bound_to("list-sessions", support, ("admin", "maria")),
                bound_to("list-sessions", support, ("agent", "maria")),
                bound_to("list-sessions", support, ("agent", "chloe")),
                bound_to("list-sessions", support, ("manager", "ana")),
                bound_to("list-plans", support, ana),
            ] {
                if other.0 == mine.0 {
                    continue;
                }
                assert!(mine.0 == same.0 && tokens.open(&token, &other, now()).is_err(), "{other:?}");
                assert_ne!(mine.own(order), other.own(order), "{other:?}");
            }
        }
        assert_ne!(of_maria.own(order), of_maria.own(Uuid::new_v4()));
    }

    #[test]
    fn a_token_expires_after_three_days() {
        let tokens = PageTokens::new(SECRET, None).unwrap();
        let token = tokens.seal("place", &binding(), now()).unwrap();
        let later = |seconds| now().plus(chrono::TimeDelta::seconds(seconds));
        assert!(tokens.open(&token, &binding(), later(LIFETIME_SECONDS - 1)).is_ok());
        assert!(tokens.open(&token, &binding(), later(LIFETIME_SECONDS)).is_err());
    }

    #[test]
    fn a_token_outlives_one_rotation_of_the_secret() {
        let token = PageTokens::new(SECRET, None).unwrap().seal("place", &binding(), now()).unwrap();
        let rotated = PageTokens::new(NEWER, Some(SECRET)).unwrap();
        assert!(rotated.open(&token, &binding(), now()).is_ok());
        let newer = rotated.seal("place", &binding(), now()).unwrap();
        assert!(PageTokens::new(SECRET, None).unwrap().open(&newer, &binding(), now()).is_err());
        assert!(PageTokens::new(NEWER, None).unwrap().open(&token, &binding(), now()).is_err());
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(PageTokens::new("short", None).is_err());
        assert!(PageTokens::new(SECRET, Some("short")).is_err());
    }
}
