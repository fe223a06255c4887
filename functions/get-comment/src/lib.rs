//! `GET /v1/{name=customers/*/profiles/*/coachingComments/*}`: one coaching comment.
//!
//! An agent sees comments on their own plans only, and is not told whether another exists.

use coaching_domain::comment::CoachingCommentMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "get-comment", handle: |app, request| Box::pin(handle(app, request)) };

/// What was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetCommentResponse<'a> {
    /// The comment.
    coaching_comment: CoachingCommentMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Agent, Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::CoachingComment>("coachingComment", &tenant)?;
    let now = app.now()?;
    request.query().into_result()?;

    let comment = app.store.comment(&tenant, &id, now).await?;
    let comment = request.visible(comment, |comment| comment.read_by(), &tenant.name_of(&id))?;

    let coaching_comment = comment.message(&tenant);
    Ok(Answer::json(&GetCommentResponse { coaching_comment })?.with_etag(&comment.etag()))
}
