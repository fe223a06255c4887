//! `PATCH /v1/{scorecard.name=customers/*/profiles/*/scorecards/*}`: changes a scorecard, a draft or a
//! submitted one; the statistics of its agent change with it.
//!
//! The body is `{"scorecard": {…}}`. The keys that are present are changed: `comment`, `scores` (all of
//! them at once), `coachingPlanNames` and `aiScoreTime`; empty or `null` clears. What the service owns
//! or what never changes is dropped, and a key that a scorecard does not have is refused. Repeating it
//! changes nothing further. Two updates at once are made one after the other.

use coaching_domain::scorecard::{ScorecardMessage, ScorecardUpdate};
use coaching_domain::{Error, Role, Violations, names};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "update-scorecard", handle: |app, request| Box::pin(handle(app, request)) };

#[derive(Serialize)]
struct UpdateScorecardResponse<'a> {
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::Scorecard>("scorecard", &tenant)?;
    let now = app.now()?;
    let update = request.body(request.query().finish(), |fields| {
        let update = fields.required("scorecard", |fields, field| {
            fields.object(field, |scorecard| Some(ScorecardUpdate::read(scorecard, &tenant)))
        });
        fields.refuse_unknown();
        update
    })?;

    let changed = app.store.change_scorecard(&tenant, &id, now, |scorecard, template| {
        let mut violations = Violations::default();
        update.check(template, "scorecard.", &mut violations);
        violations.into_result()?;
        update.clone().apply(scorecard, template, request.caller(), now);
        Ok(())
    });
    let (scorecard, template) = changed.await?;

    Answer::json(&UpdateScorecardResponse { scorecard: scorecard.message(&tenant, &template) })
}
