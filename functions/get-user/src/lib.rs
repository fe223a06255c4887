//! Returns one user of the directory.
//!
//! Agents read only themselves. Any other name is PERMISSION_DENIED for them, whether it exists or not.

use coaching_domain::directory::UserMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-user",
    route: Some(Route::get("/v1/customers/{customer}/users/{user}")),
    summary: "read a user",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent themselves"),
    answer: AnswerType::of::<GetUserResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::User])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested user.
#[derive(Serialize, ToSchema)]
struct GetUserResponse<'a> {
    /// The user.
    user: UserMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_customer()?;
    let id = request.path_id_below::<names::User>("user", &tenant.name())?;
    request.without_parameters()?;

    let user = app.store.user(&tenant, &id).await?;
    let user = request.visible(user, |user| &user.value.id, &tenant.name_of(&id))?;

    let message = user.value.message(&tenant, user.version);
    Ok(Answer::json(&GetUserResponse { user: message })?.with_etag(&user.etag()))
}
