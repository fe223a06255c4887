//! Turns DynamoDB's failures into errors for callers. No text of AWS reaches a caller: the cause is for the log.

use std::error::Error as StdError;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use coaching_domain::{Error, Reason};

/// Codes of throttling, from DynamoDB's own documentation of errors.
pub(crate) const THROTTLED: [&str; 4] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException"];

/// Other codes that ask to try again later.
const LATER: [&str; 3] = ["InternalServerError", "TransactionInProgressException", "ServiceUnavailable"];

/// The code of a single write that conflicts with a transaction on the same item.
const MET_A_TRANSACTION: &str = "TransactionConflictException";

/// Whether DynamoDB's `code` is about the contents of the table, and not a failure of it.
pub(crate) fn is_answer_of_the_domain(code: &str) -> bool {
    [MET_A_TRANSACTION, "ConditionalCheckFailedException"].contains(&code)
}

/// The error for a call that failed for no reason of the domain.
pub(crate) fn failure<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let later = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => match service.err().code() {
            Some(MET_A_TRANSACTION) => return meets_others(error),
            Some(code) if THROTTLED.contains(&code) || LATER.contains(&code) => true,
            // Something in between, such as a load balancer, fails without DynamoDB's code.
            _ => service.raw().status().is_server_error(),
        },
        _ => false,
    };
    if later { unavailable(error) } else { Error::internal(error) }
}

/// ABORTED: others were writing to the same items, and nothing was written.
pub(crate) fn meets_others(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::kept_changing("the same records").because(cause)
}

/// UNAVAILABLE: the one code that clients may always retry (AIP-194).
pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(Reason::TableUnavailable, "the service cannot reach its records now; try again shortly").because(cause)
}
