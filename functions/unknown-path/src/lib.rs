//! Whatever no other route takes: NOT_FOUND in the service's own form, where API Gateway would
//! answer in its own.

use coaching_edge::Operation;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "unknown-path",
    handle: |_, request| Box::pin(std::future::ready(Err(request.no_such_path()))),
    ..Operation::NOTHING
};
