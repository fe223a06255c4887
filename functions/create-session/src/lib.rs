//! Creates a coaching session.
//!
//! The body is the session. `agentUserName`, `creatorUserName` and `coachingPlanName` are required, and the plan must
//! be one of that agent's. The directory must know the creator, and the agent as an agent of the profile; callers who
//! import history may name any user of the profile as the agent. Without a `name` the service makes one. `usecaseName`
//! must exist; without it the session takes the plan's.
//!
//! A manager submits a session (`managerSubmitTime`) together with its `meetingNotes`; without notes that is
//! FAILED_PRECONDITION. The time of the submission is now, whatever past `managerSubmitTime` the manager sends.
//!
//! Fields that the service or the agent owns (`createTime`, `updateTime`, `managerUpdateTime`, `agentUpdateTime`,
//! `acknowledgeTime`, `agentComment`, `agentSubmitTime`, `managerSubmitterUserName`) are kept from callers with role
//! `service` or `admin`, who import history, and dropped from managers. An imported time before that of the preceding
//! step is refused; without a `createTime`, the earliest imported time is the time of creation.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day creates nothing and gets the first answer. Without a
//! `requestId`, a repeat creates another session, unless it carries a `name`.

use coaching_domain::session::{CoachingSessionMessage, NewCoachingSession};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "create-session",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingSessions")),
    summary: "create a session",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<NewCoachingSession>(),
    answer: AnswerType::of::<CreateSessionResponse<'_>>(),
    writes: true,
    refusals: &[Reason::CoachingPlanNotTheAgents, Reason::MeetingNotesMissing, Reason::ResourceAlreadyExists],
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Request]),
        Access::BatchGetItem(&[Partition::Usecase, Partition::User]),
        Access::PutItem(&[Partition::Session, Partition::Statistics, Partition::Activity, Partition::Request]),
        Access::UpdateItem(&[Partition::Plan, Partition::Statistics]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The created session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateSessionResponse<'a> {
    /// The session.
    coaching_session: CoachingSessionMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<NewCoachingSession>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;
    new.check_order(caller)?;

    let create = async |record| {
        let id = new.id.clone().map_or_else(|| app.new_id(*now), Ok)?;
        let inherits_usecase = new.usecase.is_none();
        let session = new.clone().into_session(id, new.usecase.clone(), caller, *now);
        let author = request.author(*now);
        app.store.create_session(&tenant, session, inherits_usecase, &new.references(caller), record, author).await
    };
    let created = creation.once(app, &tenant, create).await?;

    let session = creation.new.into_session(created.id, created.usecase, caller, created.time).seen_by(caller);
    let coaching_session = session.message(&tenant, created.time);
    Ok(Answer::json(&CreateSessionResponse { coaching_session })?.with_etag(&session.etag()))
}
