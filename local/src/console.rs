//! The web console at `/`: its files from the same function as on AWS, and sign-in by addresses that the service prints.
//!
//! The fragment of such an address has a sign-in token: who a person is, and a proof that only this start of the service
//! knows. The page sends it for an access token, again and again while it is open. With the demo it may become any of the
//! demo's people, which an access token cannot.

use std::borrow::Cow;
use std::fmt::Write;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use coaching_edge::{FileRequest, Variables, Website};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;
use uuid::Uuid;

use crate::demo::{self, Person};
use crate::door::Door;
use crate::gateway::refusal;
use crate::operations::WEBSITES;
use crate::tokens::{Claims, TokenIssuer};

/// Where a page sends its sign-in token.
const PEOPLE_PATH: &str = "/console/people";
/// The bytes of a proof.
const PROOF_BYTES: usize = 16;

/// The console.
pub(crate) struct Console {
    variables: Variables,
    issuer: TokenIssuer,
    sign_in: SignIn,
}

/// Makes and checks sign-in tokens, for as long as the service runs.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    key: Key,
    people: Vec<Person>,
}

impl SignIn {
    /// For the demo's people; without the demo, for an admin alone.
    pub(crate) fn new(with_demo: bool) -> Self {
        let secret = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
        let people = demo::people().into_iter().filter(|person| with_demo || person.role == "admin").collect();
        Self { key: Key::new(HMAC_SHA256, &secret), people }
    }

    /// The sign-in token of `person`.
    fn token(&self, person: &Person) -> String {
        let proof = sign(&self.key, person.id.as_bytes());
        let proof = proof.as_ref().get(..PROOF_BYTES).unwrap_or_default();
        format!("{}.{}", person.id, BASE64_URL_SAFE_NO_PAD.encode(proof))
    }

    /// Whose sign-in token `token` is.
    fn person(&self, token: &str) -> Option<&Person> {
        // Compared as signatures of the tokens, so that the time it takes says nothing of them.
        let is_of = |person: &&Person| {
            let known = sign(&self.key, self.token(person).as_bytes());
            verify(&self.key, token.as_bytes(), known.as_ref()).is_ok()
        };
        self.people.iter().find(is_of)
    }

    fn address_of(&self, person: &Person, url: &str) -> String {
        format!("{url}/#token={}", self.token(person))
    }

    /// The address that signs in the first person.
    pub(crate) fn address(&self, url: &str) -> String {
        self.people.first().map(|person| self.address_of(person, url)).unwrap_or_default()
    }

    /// The lines of the greeting: the addresses that sign in the first person of each role.
    pub(crate) fn addresses(&self, url: &str) -> String {
        let mut lines = String::new();
        let mut roles = Vec::new();
        for person in &self.people {
            if !roles.contains(&person.role) {
                roles.push(person.role);
                let _ = writeln!(lines, "  console   {}", self.address_of(person, url));
            }
        }
        lines
    }
}

impl Console {
    /// The console of a service whose access tokens are of `issuer`.
    pub(crate) fn new(issuer: TokenIssuer, sign_in: SignIn) -> Self {
        let variables = Variables::from([(::console::ON_ONE_MACHINE, "true".to_owned())]);
        Self { variables, issuer, sign_in }
    }

    /// The answer to a request, if it is for a file of the console, or of a page that signs in.
    pub(crate) fn answer(&self, parts: &Parts, door: &Door) -> Option<Response<Bytes>> {
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
        if parts.method == Method::POST && path == PEOPLE_PATH {
            return Some(self.people(parts, door).map(Bytes::from));
        }
        let website = WEBSITES.into_iter().find(|website| has(website, &path))?;
        let header =
            |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let request =
            FileRequest { path: &path, accept_encoding: header(ACCEPT_ENCODING), if_none_match: header(IF_NONE_MATCH) };
        let is_file = parts.method == Method::GET;
        is_file.then(|| {
            (website.handle)(&self.variables, &request).map(|body| match body {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            })
        })
    }

    /// Answers a sign-in token with an access token of its person, and with the sign-in tokens of all others.
    fn people(&self, parts: &Parts, door: &Door) -> Response<String> {
        if !door.is_of_own_page(&parts.headers) {
            return refusal(StatusCode::FORBIDDEN, "Forbidden: this is for the console's own page");
        }
        let sent = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = sent.and_then(|sent| sent.strip_prefix("Bearer ")).unwrap_or_default();
        let Some(person) = self.sign_in.person(token) else {
            return refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
        };
        let claims = Claims {
            profiles: Some(person.profiles.to_owned()),
            ..Claims::new(demo::CUSTOMER, person.role, &person.id)
        };
        let Ok(access) = self.issuer.issue(&claims) else {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let people = self.sign_in.people.iter().map(|person| {
            json!({
                "userName": format!("customers/{}/users/{}", demo::CUSTOMER, person.id),
                "displayName": person.display_name,
                "role": person.role,
                "token": self.sign_in.token(person),
            })
        });
        let mut response = Response::new(json!({"token": access, "people": people.collect::<Vec<_>>()}).to_string());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Whether `path` is one that `website` has, as API Gateway routes.
fn has(website: &Website, path: &str) -> bool {
    website.paths.iter().any(|route| match route.split_once("{file+}") {
        Some((start, _)) => path.strip_prefix(start).is_some_and(|file| !file.is_empty()),
        None => path == *route,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_token_is_of_its_person_and_of_one_start() {
        let (one, other) = (SignIn::new(true), SignIn::new(true));
        for person in &one.people {
            let token = one.token(person);
            assert_eq!(one.person(&token).map(|person| &person.id), Some(&person.id));
            assert!(other.person(&token).is_none(), "of another start");
            let forged = token.replacen(person.id.as_str(), "somebody", 1);
            assert!(one.person(&forged).is_none() && one.person(&person.id).is_none() && one.person("").is_none());
        }
        let roles: Vec<&str> = SignIn::new(false).people.iter().map(|person| person.role).collect();
        assert_eq!(roles, ["admin"], "without the demo");
    }
}
