//! Whatever no other route takes: NOT_FOUND in the service's own form, where API Gateway would
//! answer in its own.

use coaching_domain::{Code, Error};
use coaching_edge::{Answer, App, Operation, Request};

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "unknown-path", handle: |app, request| Box::pin(handle(app, request)) };

async fn handle(_: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let asked = request.method_and_path();
    Err(Error::new(Code::NotFound, "PATH_NOT_FOUND", format!("there is no operation at '{asked}'"))
        .with("request", asked))
}
