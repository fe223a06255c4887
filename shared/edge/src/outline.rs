//! Outlines of operations, for the API's document.

use std::error::Error as StdError;

use coaching_domain::Error;
use coaching_domain::outline::Outline;

use crate::{App, HttpEvent, Operation};

/// Runs `operation` in documentation mode for the caller and path in `event`, and returns what it would read of a
/// request. It never touches `app`'s table.
///
/// # Errors
/// The operation's error for this caller, whatever the rest of the request: PERMISSION_DENIED, NOT_FOUND.
pub async fn outline(operation: &Operation, app: &App, event: &HttpEvent) -> Result<Outline, Error> {
    let request = operation.request(event, &app.claim_names)?.outlined();
    match (operation.handle)(app, &request).await {
        Ok(_) => Err(Error::internal("the operation reads nothing of a request")),
        Err(error) => error.source().and_then(|cause| cause.downcast_ref()).cloned().ok_or(error),
    }
}
