//! `GET /v1/{name=customers/*/profiles/*/scorecards/*}`: one scorecard.
//!
//! An agent sees their own scorecards only, and is not told whether another exists.

use coaching_domain::scorecard::ScorecardMessage;
use coaching_domain::{Error, Role, names};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "get-scorecard", handle: |app, request| Box::pin(handle(app, request)) };

/// What was asked for.
#[derive(Serialize, ToSchema)]
pub struct GetScorecardResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Agent, Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::Scorecard>("scorecard", &tenant)?;
    request.query().into_result()?;

    let found = app.store.scorecard_with_template(&tenant, &id).await?;
    let (scorecard, template) = request.visible(found, |(scorecard, _)| &scorecard.agent, &tenant.name_of(&id))?;

    let answer = Answer::json(&GetScorecardResponse { scorecard: scorecard.message(&tenant, &template) })?;
    Ok(answer.with_etag(&scorecard.etag()))
}
