//! Returns one user of the directory.
//!
//! Agents read themselves and, without what else the directory says of them, the names of their coaches: of those who
//! created a plan or a session of theirs, in the profiles that the token opens. A token for all profiles is taken for
//! those that the directory names with the agent; if it names none, the agent reads only themselves. Any other name is
//! PERMISSION_DENIED for agents, whether it exists or not.
//!
//! To other callers whose token names profiles, others who work neither in these nor in all do not exist, and their
//! `profileNames` have no other profiles.

use std::collections::HashSet;

use coaching_domain::directory::{KnownUserMessage, Versioned};
use coaching_domain::names::UserId;
use coaching_domain::{CustomerTenant, Error, Role, Tenant, names};
use coaching_edge::{Access, Answer, AnswerType, App, ListIndex, Operation, Partition, Request, Route, coaches_of};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-user",
    route: Some(Route::get("/v1/customers/{customer}/users/{user}")),
    summary: "read a user",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent themselves, and the names of their coaches"),
    for_some_profiles: true,
    answer: AnswerType::of::<GetUserResponse<'_>>(),
    access: &[
        Access::GetItem(&[Partition::User]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::PlansOfAgent, Partition::SessionsOfAgent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested user.
#[derive(Serialize, ToSchema)]
struct GetUserResponse<'a> {
    /// The user.
    user: KnownUserMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, known) = request.authorize_some_profiles()?;
    let id = request.path_id_below::<names::User>("user", &tenant.name())?;
    request.without_parameters()?;

    let user = app.store.user(&tenant, &id).await?;
    let is_own = id == *request.caller().user();
    let is_agent = request.caller().role() == Role::Agent;
    let may_know = match &user {
        Some(_) if is_own => true,
        Some(_) if is_agent => has_coached(app, request.caller().user(), &tenant, known.clone(), &id).await?,
        Some(user) => user.value.works_in(known.as_deref()),
        None => false,
    };
    let name = tenant.name_of(&id);
    let user = user.filter(|_| may_know).ok_or_else(|| request.hidden(Error::not_found(&name), &name))?;

    let Versioned { value, version } = user;
    // Without other profiles, the list of somebody's own could be empty, which means all.
    let user = Versioned { value: value.as_known(known.as_deref().filter(|_| !is_own)), version };
    let message = match is_agent && !is_own {
        true => user.value.name_message(&tenant, version),
        false => user.value.known_message(&tenant, version),
    };
    Ok(Answer::json(&GetUserResponse { user: message })?.with_etag(&user.etag()))
}

/// Whether `coach` has coached `agent` in any of the `known` profiles; `None`: in those that the agent works in.
async fn has_coached(
    app: &App,
    agent: &UserId,
    tenant: &CustomerTenant,
    known: Option<Vec<Tenant>>,
    coach: &UserId,
) -> Result<bool, Error> {
    let profiles = match known {
        Some(known) => Some(known),
        None => app.store.user(tenant, agent).await?.map(|agent| agent.value.profiles),
    };
    Ok(!coaches_of(app, agent, profiles, HashSet::from([coach.clone()])).await?.is_empty())
}
