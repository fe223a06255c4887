//! The caller, from the claims that API Gateway's JWT authorizer verified.

use std::borrow::Cow;

use coaching_domain::{Caller, ClaimNames, Error, Reason};
use serde_json::Value;

use crate::HttpEvent;

/// The caller of `event`, whose claims are called `names`.
///
/// # Errors
/// UNAUTHENTICATED if no authorizer verified a token; PERMISSION_DENIED naming an unusable claim.
#[expect(clippy::disallowed_methods, reason = "this is the one place where verified claims become a caller")]
pub(crate) fn caller(event: &HttpEvent, names: &ClaimNames) -> Result<Caller, Error> {
    let jwt = event
        .request_context
        .authorizer
        .jwt
        .as_ref()
        .ok_or_else(|| Error::new(Reason::TokenRequired, "a bearer token is required"))?;
    Caller::from_verified_claims(names, |name| match jwt.claims.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Cow::Borrowed(text)),
        // A claim of another type is never treated as absent.
        Some(other) => Some(texts(other).map_or(Cow::Borrowed("\u{0}"), Cow::Owned)),
    })
}

/// An array of texts, as HTTP APIs write it: `[a b]`. Each entry must be one word; otherwise two entries would look
/// like one, or none.
fn texts(claim: &Value) -> Option<String> {
    let entries = claim.as_array()?.iter().map(|entry| {
        entry.as_str().filter(|text| !text.is_empty() && !text.contains(|letter: char| letter.is_ascii_whitespace()))
    });
    Some(format!("[{}]", entries.collect::<Option<Vec<_>>>()?.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn caller_with(profiles: &Value) -> Result<Caller, Error> {
        let claims = json!({"customer": "acme", "role": ["manager"], "sub": "maria", "profiles": profiles});
        let event = json!({"requestContext": {"authorizer": {"jwt": {"claims": claims}}}});
        caller(&serde_json::from_value(event).unwrap(), &ClaimNames::default())
    }

    #[test]
    fn an_array_of_texts_is_read_and_nothing_else_is() {
        assert!(caller_with(&json!(["support"])).unwrap().enter("acme", "support").is_ok());
        assert!(caller_with(&json!(["*"])).unwrap().enter_customer("acme").is_ok());
        for nothing in [json!(null), json!([]), json!("")] {
            assert!(caller_with(&nothing).unwrap().enter("acme", "support").is_err(), "{nothing}");
        }
        for unusable in [
            json!(5),
            json!(true),
            json!({"support": true}),
            json!(["support", 5]),
            json!(["support", null]),
            json!(["support sales"]),
            json!([""]),
            json!([["support"]]),
        ] {
            let refused = caller_with(&unusable).unwrap_err();
            assert_eq!(
                (refused.reason(), refused.metadata()),
                (Reason::ClaimUnusable, &[("claim", "profiles".to_owned())][..])
            );
        }
    }
}
