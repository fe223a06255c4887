//! What DynamoDB's failures mean to a caller. No word of AWS's reaches one: the cause is for the log.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use coaching_domain::{Code, Error};

/// Codes by which DynamoDB says "later", from its own documentation of retryable errors.
const LATER: [&str; 7] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "InternalServerError",
    "TransactionInProgressException",
    "ServiceUnavailable",
];

/// The answer for a call that failed for no reason of the domain's.
pub(crate) fn failure<E, R>(error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let later = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => service.err().code().is_some_and(|code| LATER.contains(&code)),
        _ => false,
    };
    if later { unavailable(error) } else { Error::internal(error) }
}

/// UNAVAILABLE: the one code that clients may retry without a thought (AIP-194).
pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(Code::Unavailable, "TABLE_UNAVAILABLE", "the service cannot reach its records now; try again shortly")
        .because(cause)
}

/// INTERNAL for an item that cannot be read as what its key says it is.
pub(crate) fn corrupt(attribute: &str) -> Error {
    Error::internal(format!("an item's attribute '{attribute}' is absent or not of its type"))
}
