//! Lists the groups of a customer, by display name, ties by name. A group is listed with who leads it, and without its
//! members and sub-groups, which `get-group` returns.
//!
//! The parameters restrict the list and can be combined:
//! - `query`: groups with a word in their display name that begins with it, as in `list-users`
//! - `managerUserName`: groups that this user leads
//!
//! `pageSize` and `pageToken` work as in `list-sessions`.
//!
//! To a caller whose token names profiles, the list has the groups that they lead: groups belong to no profile. The
//! operation is ours beside the reference, and so is `managerUserNames` of groups.
//!
//! A group that was loaded by a version of the service without this list is missing from it until it is loaded again.

use coaching_domain::bodies::Paged;
use coaching_domain::directory::ListedGroupMessage;
use coaching_domain::name_search::NameSearch;
use coaching_domain::names::UserId;
use coaching_domain::{Error, Role, message};
use coaching_edge::{Access, Answer, AnswerType, App, Binding, Operation, Partition, Request, RequestType, Route};
use coaching_store::{Cursor, GroupFilter, Page};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-groups",
    route: Some(Route::get("/v1/customers/{customer}/groups")),
    summary: "list groups",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    callers: Some("manager, service, admin; of some profiles, the groups that they lead"),
    for_some_profiles: true,
    request: RequestType::list::<ListGroupsRequest>(),
    answer: AnswerType::of::<ListGroupsResponse<'_>>(),
    pages: true,
    access: &[Access::Query(&[Partition::GroupNames, Partition::GroupsOfManager])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListGroupsRequest {
        search: Option<NameSearch> = "query",
        manager: Option<UserId> = "managerUserName",
    }
}

/// A page of groups.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListGroupsResponse<'a> {
    /// The groups, by display name.
    groups: &'a [ListedGroupMessage<'a>],
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
    let (Paged { value: asked, page_size, page_token }, parameters) =
        request.list::<ListGroupsRequest>(&tenant, now)?;

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?;
    let after = after.map(|after| Cursor::from_word_name_and_id(&after));
    // Who is limited to some profiles sees the groups that they lead.
    let leader = known.map(|_| request.caller().user().clone());
    let page = match (leader, asked.manager) {
        (Some(leader), Some(manager)) if leader != manager => Page::empty(),
        (leader, manager) => {
            let filter = GroupFilter { search: asked.search, manager: leader.or(manager) };
            app.store.list_groups(&tenant, &filter, after.as_ref(), page_size).await?
        }
    };

    let messages: Vec<_> = page.entries.iter().map(|group| group.message(&tenant)).collect();
    Answer::page(&messages, |groups| {
        let next = page.after(groups.len()).cloned().map(Cursor::into_name_and_id);
        let next_page_token = app.page_tokens.next(next.as_deref(), &binding, now)?;
        Ok(ListGroupsResponse { groups, next_page_token, unreachable: page.unreachable(groups.len()) })
    })
}
