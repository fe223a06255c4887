//! Creates a coaching comment.
//!
//! The body is the comment. `creatorUserName` and `message` (at most 64 KiB) are required. Managers and agents write in
//! their own name. An agent comments only on their own plans, and may not send a `name`: the service chooses it.
//!
//! - `thread` is the id of the first comment of a thread about the same plan. Without it the comment starts a thread,
//!   whose id is that of the comment.
//! - `usecaseName` must exist. Without it the comment takes the plan's usecase.
//! - `taggedUsers` are at most 50 users of the directory.
//! - `linkedSessionNotes` are at most 50 names of sessions of the plan's agent.
//! - `createTime` and `updateTime` are kept from callers with role `service` or `admin`, who import history, and
//!   dropped from others. An `updateTime` before `createTime` is refused. Without a `createTime`, the `updateTime` is
//!   the time of creation too.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day creates nothing and gets the first answer.

use coaching_domain::comment::{CoachingCommentMessage, NewCoachingComment};
use coaching_domain::plan::plan_not_found;
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use futures_util::future::try_join3;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "create-comment",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingComments")),
    summary: "comment",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent on their own plans"),
    request: RequestType::creation::<NewCoachingComment>(),
    answer: AnswerType::of::<CreateCommentResponse<'_>>(),
    writes: true,
    refusals: &[Reason::CoachingPlanNotFound, Reason::ResourceAlreadyExists],
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Request]),
        Access::BatchGetItem(&[Partition::Session, Partition::Comment, Partition::Usecase, Partition::User]),
        Access::PutItem(&[Partition::Comment, Partition::Request]),
        Access::UpdateItem(&[Partition::Plan]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The created comment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateCommentResponse<'a> {
    /// The comment.
    coaching_comment: CoachingCommentMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<NewCoachingComment>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;

    let create = async |record| {
        let references = new.references(caller);
        let first = new.first_of_thread();
        let found = async {
            match &new.plan {
                Some(id) => app.store.plan(&tenant, id).await,
                None => Ok(None),
            }
        };
        let (found, mut violations, owners) = try_join3(
            found,
            app.store.unknown_names(&tenant, &references, true),
            app.store.owners(&tenant, &[], new.sessions(), first.as_ref()),
        )
        .await?;
        let plan = match &new.plan {
            None => None,
            Some(id) => {
                let plan = match (found, caller.role()) {
                    (plan, Role::Agent) => request.visible(plan, |plan| &plan.agent, &tenant.name_of(id))?,
                    (Some(plan), _) => plan,
                    (None, _) => return Err(plan_not_found()),
                };
                Some(plan)
            }
        };
        let agent = plan.as_ref().map(|plan| plan.agent.clone());
        new.check(agent.as_ref(), &tenant, &owners, &mut violations);
        violations.into_result()?;
        let id = new.id.clone().map_or_else(|| app.new_id(*now), Ok)?;
        let usecase = new.usecase.clone().or_else(|| plan.and_then(|plan| plan.usecase));
        let comment = new.clone().into_comment(id, agent, usecase, *now);
        app.store.create_comment(&tenant, &comment, record, request.author(*now)).await
    };
    let created = creation.once(app, &tenant, create).await?;

    // The answer does not have the plan's agent.
    let comment = creation.new.into_comment(created.id, None, created.usecase, created.time);
    let coaching_comment = comment.message(&tenant);
    Ok(Answer::json(&CreateCommentResponse { coaching_comment })?.with_etag(&comment.etag()))
}
