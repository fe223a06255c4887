//! Lists the current revision of each scorecard template, the newest template first, ties by name.
//!
//! `usecaseNames` (repeatable, at most 20) restricts the list to templates for any of them or for all usecases.
//! `includeDeactivated` adds deactivated templates, `includeDeleted` deleted ones; one that is both needs both.
//! `pageSize` and `pageToken` work as in `list-sessions`.

use coaching_domain::template::ScorecardTemplateMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{Access, Answer, App, Binding, ListIndex, Operation, Partition, Request, Route};
use coaching_store::Cursor;
use serde::Serialize;
use utoipa::ToSchema;

/// The most usecases in one request.
const MAX_USECASES: usize = 20;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-templates",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates:listCurrent")),
    summary: "list current templates",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    pages: true,
    access: &[Access::QueryIndex(ListIndex::Profile, &[Partition::Templates])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// A page of templates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListTemplatesResponse<'a> {
    /// The current revisions, the newest template first.
    scorecard_templates: &'a [ScorecardTemplateMessage<'a>],
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
    let mut query = request.query();
    let usecases = query.ids("usecaseNames", MAX_USECASES, &tenant);
    let deactivated = query.boolean("includeDeactivated").unwrap_or(false);
    let deleted = query.boolean("includeDeleted").unwrap_or(false);
    let page_size = query.page_size();
    let page_token = query.string("pageToken");
    let parameters = query.into_result()?;

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let page = app.store.current_templates(&tenant, &usecases, deactivated, deleted, after.as_ref(), page_size).await?;

    let messages: Vec<_> = page.entries.iter().map(|template| template.message(&tenant)).collect();
    Answer::page(&messages, |scorecard_templates| {
        let next = page.after(scorecard_templates.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        Ok(ListTemplatesResponse {
            scorecard_templates,
            next_page_token,
            unreachable: page.unreachable(scorecard_templates.len()),
        })
    })
}
