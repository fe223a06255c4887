//! Erases a user: a job removes every text by or about them, and a pseudonym takes their place, so that the statistics of
//! others and of the organisation stay as they are.
//!
//! **What is erased**: the notes, private notes and agent comments of their sessions, the comments, titles and behaviours
//! of their plans, the comments on these, and the comments and text scores of their scorecards; the same of sessions, plans,
//! comments and scorecards of others that name them as who created, submitted or last changed it, but for what those agents
//! wrote themselves; comments that mention them; and all of these texts in the histories, also of records that are
//! deleted. `[erased]` stands in their place, so that a session keeps its state. Their display name is gone from the
//! directory and its search. All files of jobs that the customer has when the job runs are removed, since any may hold
//! them; unfinished exports fail with PERSON_ERASED, as do jobs that were asked about them. What others wrote of them in a
//! text about somebody else is not found; neither are ids that clients chose.
//!
//! **What stays**: scores, dates, states and who is in which group, under a user `erased-…` who is inactive, has their roles
//! and profiles, and leads no group. Windows of the past measure that user as they measured the person.
//!
//! **The job**: it lies under the profile `-`, `customers/{customer}/profiles/-/jobs/{job}`, where `get-job` and
//! `cancel-job` find it, for callers of all profiles. First the person becomes inactive; in the end they leave the
//! directory. Its `report` names the pseudonym, and counts what names it now by kind. Each record is written in one
//! transaction with its statistics, over the version that was read: what somebody changes meanwhile is erased too, by a
//! further sweep. The table is read as a whole three times or more, so that a job takes minutes to hours, by the size of
//! the table. Once it has ended, neither the job nor anything else in the table names the person.
//!
//! A request for somebody whose erasure is under way gets the running job. A job that is cancelled, or fails, leaves what
//! it erased as it is, and another one does the rest under the same pseudonym; if the person has left the directory by then,
//! load them again under their id first. Callers cannot erase themselves. At most 5 erasures of a customer are unfinished
//! (RESOURCE_EXHAUSTED). Take the person out of what loads your directory first: a
//! user who is loaded again under this id later is a new one.
//!
//! This method is this service's own.

use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route, Verb};
use coaching_jobs::erasure::{new_job, profile_of_erasures};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "erase-user",
    route: Some(Route::post("/v1/customers/{customer}/users/{user}")),
    verbs: &[Verb {
        name: "erase",
        id: "eraseUser",
        summary: "erase a user",
        roles: &[Role::Admin],
        callers: None,
        request: RequestType::body::<()>(),
        answer: AnswerType::of::<EraseUserResponse>(),
    }],
    writes: true,
    costly: true,
    refusals: &[Reason::OwnErasure, Reason::JobsFull],
    access: &[
        Access::BatchGetItem(&[Partition::User]),
        Access::PutItem(&[Partition::Job, Partition::Erasure]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The job that erases.
#[derive(Serialize, ToSchema)]
struct EraseUserResponse {
    /// The job: `customers/{customer}/profiles/-/jobs/{job}`.
    job: String,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, id, _) = request.authorize_customer_verb::<names::User>("user")?;
    let now = app.now()?;
    request.body::<()>(&tenant, now)?;

    if id == *request.caller().user() {
        return Err(Error::new(Reason::OwnErasure, "callers do not erase themselves; ask another admin"));
    }
    // Whether they can be read or not: what is left of them is to go too.
    if app.store.known_users(&tenant, [&id]).await?.is_empty() {
        return Err(Error::not_found(&tenant.name_of(&id)));
    }
    let job = new_job(app.new_id(now)?, id, request.caller().user().clone(), now)?;
    let profile = profile_of_erasures(&tenant)?;
    let created = app.store.create_job(&profile, &job, None).await?;

    Answer::json(&EraseUserResponse { job: profile.name_of(&created.id) })
}
