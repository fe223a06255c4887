//! Deletes a scorecard template, in all its revisions.
//!
//! The answer is the template with its `deleteTime`. Lists leave it out, and it takes no new scorecards and targets
//! (FAILED_PRECONDITION). What there is of it stays: its revisions, scorecards, statistics, progress and targets;
//! drafts can be finished. `update-template` takes a deletion back.
//!
//! A repeat answers the same, with the first `deleteTime`. A name with a revision is refused. An `If-Match`, or an
//! `etag` in the query, of another version is ABORTED.
//!
//! A scorecard or target whose creation began before the deletion may be created after it, as if it had come first. It
//! is then created whole, with its statistics, or refused and nothing of it is written. The creation does not check the
//! template once more in its transaction: all scorecards of a template would have to pass through its one item, at two
//! write units for each KB of it.

use coaching_domain::template::{ScorecardTemplate, ScorecardTemplateMessage};
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-template",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}")),
    summary: "delete a template",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::deletion::<()>(),
    answer: AnswerType::of::<DeleteTemplateResponse<'_>>(),
    writes: true,
    access: &[Access::GetItem(&[Partition::Template]), Access::PutItem(&[Partition::Template])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The deleted template.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeleteTemplateResponse<'a> {
    /// The scorecard template.
    scorecard_template: ScorecardTemplateMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::ScorecardTemplate>("scorecardTemplate", &tenant)?;
    let now = app.now()?;
    let ((), expected) = request.deletion(&tenant, now)?;

    let check = |template: &ScorecardTemplate| expected.check(&template.etag());
    let deleted = app.store.delete_template(&tenant, &id, request.author(now), check).await?;

    Ok(Answer::json(&DeleteTemplateResponse { scorecard_template: deleted.message(&tenant, now) })?
        .with_etag(&deleted.etag()))
}
