//! Lists the usecases of a profile, by display name, ties by name.
//!
//! `query` restricts the list to usecases with a word in their display name that begins with it: `lo` finds `Lost cards`
//! and `Home loans`. Case, marks and what separates words make no difference. The first 16 words of a name are searched.
//! `pageSize` and `pageToken` work as in `list-sessions`. The operation is ours beside the reference.
//!
//! A usecase that was loaded by a version of the service without this list is missing from it until it is loaded again.

use coaching_domain::bodies::Paged;
use coaching_domain::directory::UsecaseMessage;
use coaching_domain::name_search::NameSearch;
use coaching_domain::{Error, Role, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, Operation, Partition, Request, RequestType, Route,
};
use coaching_store::Cursor;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-usecases",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/usecases")),
    summary: "list usecases",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    request: RequestType::list::<ListUsecasesRequest>(),
    answer: AnswerType::of::<ListUsecasesResponse<'_>>(),
    pages: true,
    access: &[Access::QueryIndex(ListIndex::Profile, &[Partition::Usecases])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListUsecasesRequest {
        search: Option<NameSearch> = "query",
    }
}

/// A page of usecases.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListUsecasesResponse<'a> {
    /// The usecases, by display name.
    usecases: &'a [UsecaseMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of resources that could not be read and may be missing from the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) =
        request.list::<ListUsecasesRequest>(&tenant, now)?;

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?;
    let after = after.map(|after| Cursor::from_name_and_id(&after));
    let page = app.store.usecases(&tenant, asked.search, after.as_ref(), page_size).await?;

    let messages: Vec<_> = page.entries.iter().map(|usecase| usecase.message(&tenant)).collect();
    Answer::page(&messages, |usecases| {
        let next = page.after(usecases.len()).cloned().map(Cursor::into_name_and_id);
        let next_page_token = app.page_tokens.next(next.as_deref(), &binding, now)?;
        Ok(ListUsecasesResponse { usecases, next_page_token, unreachable: page.unreachable(usecases.len()) })
    })
}
