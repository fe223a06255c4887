//! `GET /v1/{parent=customers/*/profiles/*}/changes`: who changed what of one session, plan or comment, and
//! when; the latest first.
//!
//! `name` (required) is the resource's name, of one that was deleted too. Of each change the answer holds
//! `changeTime`, `userName`, their `role`, the `operation`, the `version` that it made, the `fields` that
//! changed, and those `before` and `after` it; fields that were not set are left out. `pageSize` and
//! `pageToken` as in `list-sessions`.

use coaching_domain::change::ChangeMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{Answer, App, Binding, Operation, Request};
use coaching_store::{ListPosition, keys};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "list-changes", handle: |app, request| Box::pin(handle(app, request)) };

/// A page of what was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListChangesResponse<'a> {
    /// The changes, the latest first.
    changes: &'a [ChangeMessage<'a>],
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// What could not be read, and so may be missing from the page: names of resources; of a change, the name of what was
    /// changed, `/changes/` and the version that it made. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Admin])?;
    let now = app.now()?;
    let mut query = request.query();
    let named = query.required("name", |query, name| {
        query.text(name, keys::with_history, |name| {
            let partition = keys::history_of(&tenant, name);
            let named = partition.map(|partition| (name.to_owned(), partition));
            named.ok_or("must be the name of a session, plan or comment of this profile")
        })
    });
    let page_size = query.page_size();
    let page_token = query.string("pageToken");
    query.into_result()?;
    let Some((name, partition)) = named else { return Err(Error::not_found("")) };

    let binding = Binding::new(OPERATION.name, &tenant).with("name", [&name]);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(ListPosition::from_text);
    let is_first = after.is_none();
    let page = app.store.history(&partition, after, page_size).await?;
    if page.entries.is_empty() && page.unreadable().next().is_none() && is_first {
        return Err(Error::not_found(&name));
    }

    let messages: Vec<_> = page.entries.iter().map(|change| change.message(&tenant)).collect();
    Answer::page(&messages, |changes| {
        let next = page.after(changes.len()).map(ListPosition::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        Ok(ListChangesResponse { changes, next_page_token, unreachable: page.unreachable(changes.len()) })
    })
}
