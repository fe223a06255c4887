//! Returns one job.
//!
//! Each of its `results` has a new link, good for 15 minutes: a `GET` of the link needs no token. The files expire 7 days
//! after the end of the job, and the job itself after 30 days. Jobs are this service's own, but for their name.

use coaching_domain::job::{Job, JobFile, JobMessage, LINKS_LAST};
use coaching_domain::{Error, Role, Timestamp, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "get-job",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/jobs/{job}")),
    summary: "read a job",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    answer: AnswerType::of::<GetJobResponse<'_>>(),
    links_files: true,
    access: &[Access::GetItem(&[Partition::Job])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The requested job.
#[derive(Serialize, ToSchema)]
struct GetJobResponse<'a> {
    /// The job.
    job: JobMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Job>("job", &tenant)?;
    let now = app.now()?;
    request.without_parameters()?;

    let job = app.store.job(&tenant, &id, now).await?;
    let job = job.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
    let until = now.as_utc() + LINKS_LAST;
    let until = Timestamp::from_utc(until).ok_or_else(|| Error::internal("a link would be good for ever"))?;
    let link = |file: &JobFile| {
        let key = Job::key_of(&tenant, &job.id, &file.stored_as);
        let link = app.files.storage()?.link(&key, &file.file_name, now, until)?;
        Ok(Some((link, until)))
    };

    Ok(Answer::json(&GetJobResponse { job: job.message(&tenant, now, link)? })?.with_etag(&job.etag()))
}
