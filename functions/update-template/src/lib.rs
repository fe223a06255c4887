//! Creates a new revision of a scorecard template. Existing scorecards keep the revision that they were made from.
//!
//! The body is `{"scorecardTemplate": {…}}`, with `updateMask` as in `update-session`. `title`, `template` (the whole
//! structure), `usecaseNames` (usecases that exist) and `deactivateTime` may change; what the service owns is dropped.
//! The id of a criterion cannot become that of a chapter later, nor the reverse: their scores would be counted
//! together. All revisions together have at most 750 chapters and criteria.
//!
//! `audience`, `qaTaskConfig`, `type`, `permissions` and `qaScoreConfig` are settings of the template beside its
//! revisions, as in `create-template`. A request with settings alone makes no revision; one with both writes both or
//! nothing.
//!
//! `deleteTime`, named by the mask and absent from the template, or `null` without a mask, takes a deletion back (manager,
//! admin). That alone makes
//! no revision. A `deleteTime` that is sent is dropped.
//!
//! From its `deactivateTime` on, a template is deactivated: lists leave it out, and it takes no scorecards created
//! after that time, in any revision. Existing drafts can be finished.
//!
//! A request that changes nothing makes no revision, so a repeat makes none. A path with a revision, an `etag` in the
//! template or an `If-Match` that is not the current one is ABORTED. So is the later of two concurrent updates.

use coaching_domain::names::{Revision, parse_template_segment};
use coaching_domain::template::{ScorecardTemplateMessage, TemplateUpdate};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "update-template",
    route: Some(Route::patch("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}")),
    summary: "write a new revision",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::update::<TemplateUpdate>("scorecardTemplate"),
    answer: AnswerType::of::<UpdateTemplateResponse<'_>>(),
    writes: true,
    refusals: &[Reason::TemplateFull, Reason::TemplateSettingsFull, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Template]),
        Access::BatchGetItem(&[Partition::Usecase, Partition::User, Partition::Group]),
        Access::PutItem(&[Partition::Template]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The template after the request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateTemplateResponse<'a> {
    /// The scorecard template.
    scorecard_template: ScorecardTemplateMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let (id, revision) = match parse_template_segment(request.path_parameter("scorecardTemplate")) {
        Some((id, Revision::Current)) => (id, None),
        Some((id, Revision::Number(number))) => (id, Some(number)),
        Some((_, Revision::Every)) | None => {
            return Err(Error::invalid_field(
                "name",
                "must end in {scorecard_template_id} or {scorecard_template_id}@{revision}",
            ));
        }
    };
    let now = app.now()?;
    let (update, expected) = request.update::<TemplateUpdate>("scorecardTemplate", &tenant, now)?;

    let references = update.references(request.caller());
    let (current, unknown) =
        try_join(app.store.template(&tenant, &id, None), app.store.unknown_names(&tenant, &references, true)).await?;
    let current = current.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
    if revision.is_some_and(|revision| revision != current.revision) {
        let message = "the named revision is not the current one; read it again and repeat";
        return Err(Error::concurrent_changes(message));
    }
    expected.check(&current.etag())?;
    unknown.into_result()?;
    let template = match update.apply(&current, request.author(now))? {
        None => current,
        Some(next) if app.store.replace_template(&tenant, &current, &next).await? => next,
        Some(_) => {
            let message = "the template was changed at the same moment; read it again and repeat";
            return Err(Error::concurrent_changes(message));
        }
    };

    Ok(Answer::json(&UpdateTemplateResponse { scorecard_template: template.message(&tenant, now) })?
        .with_etag(&template.etag()))
}
