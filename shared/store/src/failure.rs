//! What DynamoDB's failures mean to a caller. No word of AWS's reaches one: the cause is for the log.

use std::error::Error as StdError;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use coaching_domain::{Error, Reason};

/// Codes by which DynamoDB says "slower", from its own documentation of errors.
pub(crate) const THROTTLED: [&str; 4] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException"];

/// Other codes by which it says "later".
const LATER: [&str; 3] = ["InternalServerError", "TransactionInProgressException", "ServiceUnavailable"];

/// The code of a single write that met a transaction on the same item.
const MET_A_TRANSACTION: &str = "TransactionConflictException";

/// Whether DynamoDB's `code` says what the table holds, and not that something is wrong with it.
pub(crate) fn is_answer_of_the_domain(code: &str) -> bool {
    [MET_A_TRANSACTION, "ConditionalCheckFailedException"].contains(&code)
}

/// The answer for a call that failed for no reason of the domain's.
pub(crate) fn failure<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let later = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => match service.err().code() {
            Some(MET_A_TRANSACTION) => return meets_others(error),
            Some(code) if THROTTLED.contains(&code) || LATER.contains(&code) => true,
            // What stands between, such as a load balancer, fails without DynamoDB's code.
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

/// UNAVAILABLE: the one code that clients may retry without a thought (AIP-194).
pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(Reason::TableUnavailable, "the service cannot reach its records now; try again shortly").because(cause)
}
