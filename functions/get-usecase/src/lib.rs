//! Returns one usecase. An id that was never loaded is NOT_FOUND.

use coaching_domain::directory::UsecaseMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-usecase",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/usecases/{usecase}")),
    summary: "read a usecase",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    answer: AnswerType::of::<GetUsecaseResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Usecase])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested usecase.
#[derive(Serialize, ToSchema)]
struct GetUsecaseResponse<'a> {
    /// The usecase.
    usecase: UsecaseMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Usecase>("usecase", &tenant)?;
    request.without_parameters()?;

    let usecase = app.store.usecase(&tenant, &id).await?;
    let usecase = usecase.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;

    Answer::json(&GetUsecaseResponse { usecase: usecase.message(&tenant) })
}
