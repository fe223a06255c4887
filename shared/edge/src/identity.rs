//! The caller, from the claims that API Gateway's JWT authorizer verified.

use coaching_domain::{Caller, Code, Error};
use serde_json::Value;

use crate::HttpEvent;

/// The caller of `event`.
///
/// # Errors
/// UNAUTHENTICATED if no authorizer verified a token; PERMISSION_DENIED naming an unusable claim.
#[expect(clippy::disallowed_methods, reason = "this is the one place where verified claims become a caller")]
pub(crate) fn caller(event: &HttpEvent) -> Result<Caller, Error> {
    let jwt = event
        .request_context
        .authorizer
        .jwt
        .as_ref()
        .ok_or_else(|| Error::new(Code::Unauthenticated, "TOKEN_REQUIRED", "a bearer token is required"))?;
    Caller::from_verified_claims(|name| match jwt.claims.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        // Present and of another type: never taken for absent, which could widen what is open.
        Some(_) => Some("\u{0}"),
    })
}
