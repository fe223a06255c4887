//! Lists the users of a customer, by display name, ties by name.
//!
//! The parameters restrict the list and can be combined:
//! - `query`: users with a word in their display name that begins with it: `lop` finds `Maria López`. Those whose whole
//!   name begins with it come first, then the others, by their names from the word that was found on. Case, marks and
//!   what separates words make no difference. The first 16 words of a name are searched.
//! - `roles`: users with any of these roles
//! - `profileName`: users who work in this profile, or in all
//!
//! `includeInactive` adds users who do not work here now, `includeDevUsers` test users; one who is both needs both.
//! `pageSize` and `pageToken` work as in `list-sessions`.
//!
//! To a caller whose token names profiles, the list has the users who work in them, or in all, and `profileNames` has no
//! other profiles. The operation is ours beside the reference.
//!
//! A user who was loaded by a version of the service without this list is missing from it until they are loaded again.

use coaching_domain::bodies::Paged;
use coaching_domain::directory::{UserMessage, Versioned};
use coaching_domain::name_search::NameSearch;
use coaching_domain::rules::{Distinct, Flag};
use coaching_domain::{Error, Role, Tenant, message};
use coaching_edge::{Access, Answer, AnswerType, App, Binding, Operation, Partition, Request, RequestType, Route};
use coaching_store::{Cursor, UserFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-users",
    route: Some(Route::get("/v1/customers/{customer}/users")),
    summary: "list users",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    callers: Some("manager, service, admin; those of their profiles"),
    for_some_profiles: true,
    request: RequestType::list::<ListUsersRequest>(),
    answer: AnswerType::of::<ListUsersResponse<'_>>(),
    pages: true,
    access: &[Access::Query(&[Partition::UserNames])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListUsersRequest {
        search: Option<NameSearch> = "query",
        roles: Distinct<Role, 4> = "roles",
        profile: Option<Tenant> = "profileName",
        inactive: Flag = "includeInactive",
        dev_users: Flag = "includeDevUsers",
    }
}

/// A page of users.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListUsersResponse<'a> {
    /// The users, by display name.
    users: &'a [UserMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of resources that could not be read and may be missing from the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, known) = request.authorize_some_profiles()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) = request.list::<ListUsersRequest>(&tenant, now)?;
    let ListUsersRequest { search, roles, profile, inactive, dev_users } = asked;
    let filter = UserFilter { search, roles, profile, known, inactive, dev_users };

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?;
    let after = after.map(|after| Cursor::from_word_name_and_id(&after));
    let page = app.store.list_users(&tenant, &filter, after.as_ref(), page_size).await?;

    let page =
        page.map(|Versioned { value, version }| Versioned { value: value.as_known(filter.known.as_deref()), version });
    let messages: Vec<_> = page.entries.iter().map(|user| user.value.message(&tenant, user.version)).collect();
    Answer::page(&messages, |users| {
        let next = page.after(users.len()).cloned().map(Cursor::into_name_and_id);
        let next_page_token = app.page_tokens.next(next.as_deref(), &binding, now)?;
        Ok(ListUsersResponse { users, next_page_token, unreachable: page.unreachable(users.len()) })
    })
}
