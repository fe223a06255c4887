//! `POST /v1/{parent=customers/*/profiles/*}/scorecards`: creates a scorecard, a draft.
//!
//! The body is the scorecard. `conversationName`, `agentUserName`, of an agent of the profile, and `templateName` are
//! required; `coachingPlanNames` are plans of that agent. A template's name without a revision means the current one. `usecaseName`, of one that exists, may be left
//! out where the template is for exactly one. A criterion without a score counts as not applicable, one that is
//! auto-fail too. A template whose `deactivateTime` has come takes no scorecards that are made after it, in any
//! revision (FAILED_PRECONDITION); those that there are stay, and a draft can be finished. `totalScore` is the
//! service's own (a client's is dropped), and so are times, `creator`, `submittedBy` and the agent's
//! acknowledgement, except from callers with role `service` or `admin`, who import history: with a `submitTime`
//! they create it submitted, or are refused (RESOURCE_EXHAUSTED) where what is counted of the agent in the usecase
//! and two months would take more than 256 KiB. Without a `createTime` it was made when the first of the sent times
//! says; a time before that of the step before it is refused.
//!
//! Repeated with the same `requestId` (query, a UUID) within a day, it creates nothing and answers the
//! scorecard as it is.

use coaching_domain::scorecard::{NewScorecard, Scorecard, ScorecardMessage};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Role, Tenant};
use coaching_edge::{Answer, App, Operation, Request};
use coaching_store::{ScorecardChange, Written};
use futures_util::future::try_join4;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "create-scorecard", handle: |app, request| Box::pin(handle(app, request)) };

/// What was created.
#[derive(Serialize, ToSchema)]
pub struct CreateScorecardResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let caller = request.caller();
    let now = app.now()?;
    let mut query = request.query();
    let request_id = query.request_id();
    let new = request.body(query.finish(), |fields| NewScorecard::read(fields, &tenant, caller, now))?;
    // The current revision tells whether the template is in use.
    let revisions: Vec<Option<u32>> = std::iter::once(None).chain(new.revision.map(Some)).collect();
    let references = new.references("");
    let users = new.users(None, "", caller);
    let ((found, known), mut violations, known_users, owners) = try_join4(
        app.store.template_and_statistics(&tenant, &new.template, &revisions, new.counted()),
        app.store.unknown_names(&tenant, &references, true),
        app.store.known_users(&tenant, users.ids()),
        app.store.owners(&tenant, new.plans(), &[], None),
    )
    .await?;
    users.check(&tenant, &known_users, &mut violations);
    let current = found.last();
    let template = found.iter().find(|one| new.revision.is_none_or(|revision| one.revision == revision));
    match template {
        Some(template) => new.check(template, "", &mut violations),
        None => violations.add("templateName", "names no revision of a template"),
    }
    let template = violations.finish(template)?;
    new.check_plans(None, "", &tenant, &owners)?;

    let record = request.record(OPERATION.name, request_id, &new, now)?;
    let id = new.id.clone().map_or_else(|| app.new_id(now), Ok)?;
    let scorecard = new
        .into_scorecard(id, template, caller, now)
        .ok_or_else(|| Error::internal("a scorecard was checked and has no usecase"))?;
    let change = ScorecardChange::creating(scorecard.clone(), template);
    let in_use = current.map_or(Ok(()), |current| current.check_in_use(scorecard.create_time, ""));
    let written = match (in_use, &record) {
        (Ok(()), _) => app.store.write_scorecards(&tenant, &[change], known, record.as_ref(), now).await?,
        // What was created while the template was in use is answered again.
        (Err(refused), Some(record)) => {
            app.store.first_answer(&tenant, record).await?.map(Written::Repeated).ok_or(refused)?
        }
        (Err(refused), None) => return Err(refused),
    };
    match written {
        Written::All => answer(&tenant, &scorecard, template),
        Written::NotAsRead(_) => Err(Error::already_exists(&tenant.name_of(&scorecard.id))),
        Written::Repeated(created) => {
            let (scorecard, template) = app
                .store
                .scorecard_with_template(&tenant, &created.id)
                .await?
                .ok_or_else(|| Error::not_found(&tenant.name_of(&created.id)))?;
            answer(&tenant, &scorecard, &template)
        }
    }
}

fn answer(tenant: &Tenant, scorecard: &Scorecard, template: &ScorecardTemplate) -> Result<Answer, Error> {
    let answer = Answer::json(&CreateScorecardResponse { scorecard: scorecard.message(tenant, template) })?;
    Ok(answer.with_etag(&scorecard.etag()))
}
