//! Answers every request that no other route takes with NOT_FOUND in the service's own form, instead of API Gateway's.

use coaching_edge::Operation;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "unknown-path",
    handle: |_, request| Box::pin(std::future::ready(Err(request.no_such_path()))),
    ..Operation::NOTHING
};
