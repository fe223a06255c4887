//! Returns one group of the directory with its direct members and sub-groups.

use coaching_domain::directory::GroupMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-group",
    route: Some(Route::get("/v1/customers/{customer}/groups/{group}")),
    summary: "read a group",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    answer: AnswerType::of::<GetGroupResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Group])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested group.
#[derive(Serialize, ToSchema)]
struct GetGroupResponse<'a> {
    /// The group.
    group: GroupMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_customer()?;
    let id = request.path_id_below::<names::Group>("group", &tenant.name())?;
    request.without_parameters()?;

    let group = app.store.group(&tenant, &id).await?;
    let group = group.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;

    let message = group.value.message(&tenant, group.version);
    Ok(Answer::json(&GetGroupResponse { group: message })?.with_etag(&group.etag()))
}
