//! Returns a scorecard template: the current revision (`…/{id}`) or a given one (`…/{id}@{revision}`).
//!
//! Whatever the revision, `deactivateTime`, `deleteTime` and the settings are those that the template has now.

use coaching_domain::names::{Revision, parse_template_segment};
use coaching_domain::template::ScorecardTemplateMessage;
use coaching_domain::{Error, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-template",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}")),
    summary: "read a template, or one revision (`@n`)",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    answer: AnswerType::of::<GetTemplateResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Template])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested template.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GetTemplateResponse<'a> {
    /// The scorecard template.
    scorecard_template: ScorecardTemplateMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let segment = request.path_parameter("scorecardTemplate");
    let (id, revision) = match parse_template_segment(segment) {
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
    request.without_parameters()?;

    let current = app.store.template(&tenant, &id, None);
    let template = match revision {
        None => current.await?,
        Some(_) => {
            let (current, revision) = try_join(current, app.store.template(&tenant, &id, revision)).await?;
            current.zip(revision).map(|(current, revision)| revision.as_set_now(current))
        }
    };
    let template =
        template.ok_or_else(|| Error::not_found(&format!("{}/scorecardTemplates/{segment}", tenant.name())))?;
    let template = template.seen_by(request.caller());

    Ok(Answer::json(&GetTemplateResponse { scorecard_template: template.message(&tenant, now) })?
        .with_etag(&template.etag()))
}
