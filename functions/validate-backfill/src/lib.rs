//! Tells what a backfill would do: how many scorecards it would move to another revision of their template, what
//! becomes of their totals, and what it costs. Nothing is written.
//!
//! The `config` is that of `start-backfill`, which says what moves and how. The answer is exactly one of `report` and
//! `job`: a job, if there are more than 20,000 scorecards, if reading takes more than five seconds, or if a scorecard
//! cannot be read; `asJob` asks for a job always. Its `report` then holds the same. A profile has at most 5 unfinished jobs (RESOURCE_EXHAUSTED).
//!
//! The same code does the backfill, so its report has the same figures if nothing changes in between. What it spends is
//! estimated to within a tenth. A backfill that is given the `fingerprint` refuses to begin if any of the scorecards
//! that move has changed since, or others would move.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day gets the job that the first one started. A report in
//! the answer leaves no trace, and is made anew.
//!
//! The answer and what a `config` has beside `scorecardTemplates`, `startTime` and `endTime` are this service's own.

use std::sync::OnceLock;

use coaching_domain::backfill::{BackfillReport, BackfillValidation};
use coaching_domain::job::{JobKind, MAX_REQUEST_BYTES};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, Creation, ListIndex, Operation, Partition, Request, RequestType, Route, Size,
};
use coaching_jobs::backfill::Begun;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "validate-backfill",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates:validateBackfill")),
    summary: "tell what re-scoring would do",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<BackfillValidation>(),
    answer: AnswerType::of::<ValidateBackfillResponse>(),
    writes: true,
    costly: true,
    // A whole CPU, for thousands of scorecards within the time of an answer.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::TemplateDeleted, Reason::JobsFull],
    access: &[
        Access::GetItem(&[Partition::Request]),
        Access::BatchGetItem(&[Partition::Template, Partition::Usecase, Partition::User, Partition::Statistics]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Scorecards]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::ScorecardsOfAgent]),
        Access::PutItem(&[Partition::Job, Partition::Request]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What a backfill would do, or the job that finds out.
#[derive(Serialize, ToSchema)]
struct ValidateBackfillResponse {
    /// What a backfill would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<BackfillReport>,
    /// The job that finds out: `customers/{customer}/profiles/{profile}/jobs/{job}`. Absent if there is a `report`.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<BackfillValidation>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;

    let in_place: OnceLock<BackfillReport> = OnceLock::new();
    let validate = async |record| {
        let begun = Begun::new(app, &tenant, caller, new.config.clone(), None).await?;
        if !new.as_job
            && let Some(report) = begun.in_place(app, &tenant, caller, *now).await?
        {
            let _ = in_place.set(report);
            // Nothing is created. If the request has an id, a job that it started before is looked for now.
            return Err(Error::internal("a validation is answered without a job"));
        }
        let body = request.body_as_sent(MAX_REQUEST_BYTES)?;
        let (id, creator) = (app.new_id(*now)?, caller.user().clone());
        let job = begun.into_job(JobKind::ValidateBackfill, id, creator, body, *now)?;
        app.store.create_job(&tenant, &job, record).await
    };
    let created = creation.once(app, &tenant, validate).await;

    let response = match (created, in_place.into_inner()) {
        (Ok(created), _) => ValidateBackfillResponse { report: None, job: Some(tenant.name_of(&created.id)) },
        (Err(_), Some(report)) => ValidateBackfillResponse { report: Some(report), job: None },
        (Err(error), None) => return Err(error),
    };
    Answer::json(&response)
}
