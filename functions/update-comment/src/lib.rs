//! Changes a coaching comment.
//!
//! The body is `{"coachingComment": {…}}`, with `updateMask` as in `update-session`. `message`, `taggedUsers` (users of
//! the directory) and `linkedSessionNotes` (sessions of the plan's agent) may change. `name`, `thread`,
//! `creatorUserName`, `coachingPlanName` and `usecaseName` are refused if they differ; `createTime` and `updateTime`
//! are dropped.
//!
//! Managers and agents change only their own comments; callers with role `service` or `admin` change any.
//!
//! An `If-Match`, or an `etag` in the comment, of another version is ABORTED. A repeat changes nothing further.

use coaching_domain::comment::{CoachingCommentMessage, CommentUpdate};
use coaching_domain::{Error, Reason, Role, Violations, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-comment",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/coachingComments/{coachingComment}")),
    summary: "change a comment",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("its creator; service, admin"),
    request: RequestType::update::<CommentUpdate>("coachingComment"),
    answer: AnswerType::of::<UpdateCommentResponse<'_>>(),
    writes: true,
    refusals: &[Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Comment]),
        Access::BatchGetItem(&[Partition::Session, Partition::User]),
        Access::PutItem(&[Partition::Comment]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The comment after the request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateCommentResponse<'a> {
    /// The comment.
    coaching_comment: CoachingCommentMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::CoachingComment>("coachingComment", &tenant)?;
    let now = app.now()?;
    let caller = request.caller();
    let (update, expected) = request.update::<CommentUpdate>("coachingComment", &tenant, now)?;

    let references = update.references(None);
    let (exists, owners) = try_join(
        app.store.existing(&tenant, references.named(), true),
        app.store.owners(&tenant, &[], update.sessions(), None),
    )
    .await?;
    let name = tenant.name_of(&id);
    let changed = app.store.change_comment(&tenant, &id, request.author(now), |comment, now| {
        request.visible(Some(comment.read_by().clone()), |agent| agent, &name)?;
        if !caller.role().imports_history() && comment.creator != *caller.user() {
            return Err(Error::permission_denied(&name));
        }
        expected.check(&comment.etag())?;
        let mut violations = Violations::default();
        update.check(comment, &tenant, &exists, &owners, &mut violations);
        violations.into_result()?;
        update.apply(comment, now)
    });
    let comment = changed.await.map_err(|error| request.hidden(error, &name))?;

    let coaching_comment = comment.message(&tenant);
    Ok(Answer::json(&UpdateCommentResponse { coaching_comment })?.with_etag(&comment.etag()))
}
