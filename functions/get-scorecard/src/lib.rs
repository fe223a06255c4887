//! Returns one scorecard.
//!
//! Agents read their own scorecards only, once they are submitted, and no calibrations. Any other name is
//! PERMISSION_DENIED for them, whether it exists or not.

use coaching_domain::scorecard::ScorecardMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-scorecard",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/scorecards/{scorecard}")),
    summary: "read a scorecard",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    answer: AnswerType::of::<GetScorecardResponse<'_>>(),
    access: &[Access::GetItem(&[Partition::Scorecard, Partition::Template])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested scorecard.
#[derive(Serialize, ToSchema)]
struct GetScorecardResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Scorecard>("scorecard", &tenant)?;
    request.without_parameters()?;

    let found = app.store.scorecard(&tenant, &id).await?;
    let found = found.filter(|scorecard| scorecard.is_there_for(request.caller()));
    // For a hidden scorecard nothing more is read, as for none, so timing does not tell them apart.
    let scorecard = request.visible(found, |scorecard| &scorecard.agent, &tenant.name_of(&id))?;
    let template = app.store.template_of(&tenant, &scorecard).await?;

    let answer = Answer::json(&GetScorecardResponse { scorecard: scorecard.message(&tenant, &template) })?;
    Ok(answer.with_etag(&scorecard.etag()))
}
