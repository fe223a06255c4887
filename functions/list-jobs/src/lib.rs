//! Lists jobs, the newest first, ties by name.
//!
//! `kinds` and `states` filter the list; each can be repeated and matches any of its values. `pageSize` and `pageToken` work
//! as in `list-sessions`. The `results` have no links: `get-job` makes them. Jobs are this service's own.

use coaching_domain::bodies::Paged;
use coaching_domain::job::{JobKind, JobMessage, JobState};
use coaching_domain::rules::AnyOf;
use coaching_domain::{Error, Role, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, Operation, Partition, Request, RequestType, Route,
};
use coaching_store::{Cursor, JobFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-jobs",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/jobs")),
    summary: "list jobs",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::list::<ListJobsRequest>(),
    answer: AnswerType::of::<ListJobsResponse<'_>>(),
    pages: true,
    access: &[Access::QueryIndex(ListIndex::Profile, &[Partition::Jobs])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListJobsRequest {
        kinds: AnyOf<JobKind> = "kinds",
        states: AnyOf<JobState> = "states",
    }
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListJobsResponse<'a> {
    /// The jobs, the newest first.
    jobs: &'a [JobMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of jobs that could not be read and may be missing from the page; absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) = request.list::<ListJobsRequest>(&tenant, now)?;
    let filter = JobFilter { kinds: asked.kinds, states: asked.states };

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let page = app.store.jobs(&tenant, filter, after.as_ref(), page_size, now).await?;
    let jobs = page.entries.iter().map(|job| job.message(&tenant, now, |_| Ok(None)));
    let jobs: Vec<JobMessage<'_>> = jobs.collect::<Result<_, Error>>()?;

    Answer::page(&jobs, |jobs| {
        let next = page.after(jobs.len()).map(Cursor::as_str);
        Ok(ListJobsResponse {
            jobs,
            next_page_token: app.page_tokens.next(next, &binding, now)?,
            unreachable: page.unreachable(jobs.len()),
        })
    })
}
