//! Returns one coaching comment.
//!
//! Agents read comments on their own plans only. Any other name is PERMISSION_DENIED for them, whether it exists or
//! not.

use coaching_domain::comment::CoachingCommentMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-comment",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingComments/{coachingComment}")),
    summary: "read a comment",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent on their own plans"),
    answer: AnswerType::of::<GetCommentResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Deletions, Partition::Comment])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested comment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GetCommentResponse<'a> {
    /// The comment.
    coaching_comment: CoachingCommentMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingComment>("coachingComment", &tenant)?;
    let now = app.now()?;
    request.without_parameters()?;

    let comment = app.store.comment(&tenant, &id, now).await?;
    let comment = request.visible(comment, |comment| comment.read_by(), &tenant.name_of(&id))?;

    let coaching_comment = comment.message(&tenant);
    Ok(Answer::json(&GetCommentResponse { coaching_comment })?.with_etag(&comment.etag()))
}
