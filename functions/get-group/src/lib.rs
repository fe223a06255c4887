//! Returns one group of the directory with its direct members and sub-groups, and who leads it.
//!
//! Agents read the groups that they are direct members of, with themselves as the only member, and without sub-groups
//! and managers. Any other name is PERMISSION_DENIED for them, whether it exists or not. To other callers whose token
//! names profiles, only the groups that they lead exist: groups belong to no profile.

use coaching_domain::directory::{GroupMessage, Versioned};
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-group",
    route: Some(Route::get("/v1/customers/{customer}/groups/{group}")),
    summary: "read a group",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent those that they are in, without others"),
    for_some_profiles: true,
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
    let (tenant, _) = request.authorize_some_profiles()?;
    let id = request.path_id_below::<names::Group>("group", &tenant.name())?;
    request.without_parameters()?;

    let group = app.store.group(&tenant, &id).await?;
    let known = group
        .and_then(|Versioned { value, version }| Some(Versioned { value: value.known_to(request.caller())?, version }));
    let name = tenant.name_of(&id);
    let group = known.ok_or_else(|| request.hidden(Error::not_found(&name), &name))?;

    let message = group.value.message(&tenant, group.version);
    Ok(Answer::json(&GetGroupResponse { group: message })?.with_etag(&group.etag()))
}
