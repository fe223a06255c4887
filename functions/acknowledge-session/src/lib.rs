//! Records what an agent says about their session: a comment, an acknowledgement or a submission.
//!
//! The body holds at least one of
//! - `agentComment`: the agent's comment, at most 64 KiB; empty or `null` clears it. It can be set in any state.
//! - `acknowledged`: `true` sets `acknowledgeTime`, and a repeat keeps the first time; `false` clears it.
//! - `submitted`: `true` sets `agentSubmitTime`, and a repeat keeps the first time; `false` clears it.
//!
//! Every change sets `agentUpdateTime`. Callers with role `service` or `admin` may act for the agent. A repeat changes
//! nothing further.
//!
//! Acknowledging or submitting before the manager has submitted the session is FAILED_PRECONDITION. An `If-Match`, or
//! an `etag` in the body, of another version is ABORTED. An agent's etag changes only with what the agent sees.

use coaching_domain::names;
use coaching_domain::session::{Acknowledgement, CoachingSessionMessage};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route, Verb};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "acknowledge-session",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingSessions/{coachingSession}")),
    verbs: &[Verb {
        name: "acknowledge",
        id: "acknowledgeSession",
        summary: "acknowledge a session",
        roles: &[Role::Agent, Role::Service, Role::Admin],
        callers: Some("its agent, service, admin"),
        request: RequestType::step::<Acknowledgement>(),
        answer: AnswerType::of::<AcknowledgeSessionResponse<'_>>(),
    }],
    writes: true,
    refusals: &[Reason::SessionNotSubmitted, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Deletions, Partition::Session]),
        Access::PutItem(&[Partition::Session, Partition::Activity]),
        Access::UpdateItem(&[Partition::Plan]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The session after the request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AcknowledgeSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, id, _) = request.authorize_verb::<names::CoachingSession>("coachingSession")?;
    let now = app.now()?;
    let (acknowledgement, expected) = request.step::<Acknowledgement>(&tenant, now)?;

    let name = tenant.name_of(&id);
    let changed = app.store.change_session(&tenant, &id, request.author(now), |session, now| {
        request.visible(Some(session.agent.clone()), |agent| agent, &name)?;
        expected.check(&session.etag(request.caller()))?;
        acknowledgement.apply(session, now)
    });
    let session = changed.await.map_err(|error| request.hidden(error, &name))?;

    let session = session.seen_by(request.caller());
    let coaching_session = session.message(&tenant, now);
    Ok(Answer::json(&AcknowledgeSessionResponse { coaching_session })?.with_etag(&session.etag()))
}
