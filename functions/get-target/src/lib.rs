//! Returns one target.

use coaching_domain::target::TargetMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-target",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/targets/{target}")),
    summary: "read a target",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    answer: AnswerType::of::<GetTargetResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Deletions, Partition::Target])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested target.
#[derive(Serialize, ToSchema)]
struct GetTargetResponse<'a> {
    /// The target.
    target: TargetMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    request.without_parameters()?;

    let target = app.store.target(&tenant, &id, now).await?;
    let target = target.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;

    Ok(Answer::json(&GetTargetResponse { target: target.message(&tenant) })?.with_etag(&target.etag()))
}
