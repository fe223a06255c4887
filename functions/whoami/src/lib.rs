//! Tells who the caller is: what their token says, as the service understands it, and what the directory says of them.
//!
//! The path has no customer: it is the token's. Every valid token may ask, also one that opens no profile. With
//! `profileNames` a client knows which paths are open, with `role` what may be done there, and with
//! `list-groups` and their own name a manager's groups. The operation is ours beside the reference.

use coaching_domain::directory::{MAX_ENTRIES, UserMessage};
use coaching_domain::values::MAX_PAGE_SIZE;
use coaching_domain::{Error, Role, Timestamp};
use coaching_edge::{Access, Answer, AnswerType, App, MAX_BODY_BYTES, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "whoami",
    route: Some(Route::get("/v1/whoami")),
    summary: "tell who the caller is",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    answer: AnswerType::of::<WhoamiResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::User])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// Who the caller is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WhoamiResponse<'a> {
    /// The caller, by the id in their token: `customers/{customer}/users/{user}`.
    user_name: String,
    /// The customer of the token: `customers/{customer}`.
    customer: String,
    /// The role of the token: `agent`, `manager`, `service` or `admin`.
    role: &'static str,
    /// The profiles that the token opens, `customers/{customer}/profiles/{profile}`; empty: none. Absent: all, and what
    /// they share.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_names: Option<Vec<String>>,
    /// The caller in the directory, whose roles and profiles may differ from the token's: what a caller may do is by the
    /// token. Absent if the directory does not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserMessage<'a>>,
    /// The service's time.
    server_time: Timestamp,
    /// What one request may hold.
    limits: Limits,
}

/// What one request may hold.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RequestLimits)]
struct Limits {
    /// The most entries of a page.
    max_page_size: usize,
    /// The most entries of a batch.
    max_batch_entries: usize,
    /// The most bytes of a body.
    max_body_bytes: usize,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_caller()?;
    request.without_parameters()?;

    let caller = request.caller();
    let user = app.store.user(&tenant, caller.user()).await?;

    Answer::json(&WhoamiResponse {
        user_name: tenant.name_of(caller.user()),
        customer: tenant.name(),
        role: caller.role().as_str(),
        profile_names: caller.profile_names(),
        user: user.as_ref().map(|user| user.value.message(&tenant, user.version)),
        server_time: app.now()?,
        limits: Limits { max_page_size: MAX_PAGE_SIZE, max_batch_entries: MAX_ENTRIES, max_body_bytes: MAX_BODY_BYTES },
    })
}
