//! `GET /v1/{parent=customers/*/profiles/*}/changes`: who changed what of one session, plan or comment, and
//! when; the latest first.
//!
//! `name` (required) is the resource's name, of one that was deleted too. Of each change the answer holds
//! `changeTime`, `userName`, their `role`, the `operation`, the `version` that it made, the `fields` that
//! changed, and those `before` and `after` it; fields that were not set are left out. `pageSize` and
//! `pageToken` as in `list-sessions`; a page stops short of 5 MiB.

use coaching_domain::change::ChangeMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{Answer, App, Binding, Operation, Request};
use coaching_store::keys;
use serde::Serialize;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "list-changes", handle: |app, request| Box::pin(handle(app, request)) };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListChangesResponse<'a> {
    changes: Vec<ChangeMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Admin])?;
    let now = app.now()?;
    let mut query = request.query();
    let name = query.string("name");
    let partition = name.as_deref().and_then(|name| keys::history_of(&tenant, name));
    if partition.is_none() {
        query.refuse("name", "must be the name of a session, plan or comment of this profile");
    }
    let page_size = query.page_size();
    let page_token = query.string("pageToken");
    query.into_result()?;
    let (Some(name), Some(partition)) = (name, partition) else { return Err(Error::not_found("")) };

    let binding = Binding::new(OPERATION.name, &tenant).with("name", [&name]);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?;
    let history = app.store.history(&partition, after.as_deref(), page_size).await?;
    if history.changes.is_empty() && after.is_none() {
        return Err(Error::not_found(&name));
    }

    let next_page_token = app.page_tokens.next(history.next.as_deref(), &binding, now)?;
    let changes = history.changes.iter().map(|change| change.message(&tenant)).collect();
    Answer::json(&ListChangesResponse { changes, next_page_token })
}
