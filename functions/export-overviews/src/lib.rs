//! Exports overviews of agents' coaching as a file: a table, or a message of the API on each line.
//!
//! **Which overviews**: those that `retrieve-overviews` answers to the same request, of all pages, by name; it has no order
//! and no pages of its own. `startTime`, `endTime` and `usecaseNames` are required. What is named must exist
//! (INVALID_ARGUMENT); to a caller who is confined to some profiles, agents and groups that do not exist are left out. States,
//! and what is overdue, are those of the moment of the request, also in a job. Each agent is as they were when they were
//! read; one who gets another name meanwhile may be missing, or be there twice.
//!
//! **Form**: as of `export-scorecards`, whose `format`, `asJob`, `omitByteOrderMark`, `rawText`, `timeZoneId` and
//! `timeZoneOffset` it has, and whose limits. A line of `NDJSON` is an overview as `retrieve-overviews` answers it. A row of a
//! table is an agent. Scores are of whole days, UTC, whatever the time zone: from `score_start_day_utc` until before
//! `score_end_day_utc`. An agent of whom something cannot be read is left out.
//!
//! `format`, `asJob`, `omitByteOrderMark`, `rawText` and `timeZoneOffset` are this service's own, as are the form of the answer
//! and the columns.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day gets the job that the first one started. An export in the
//! answer leaves no trace, and is made anew.

use coaching_domain::export::Export;
use coaching_domain::{Reason, Role};
use coaching_edge::{Access, AnswerType, ListIndex, Operation, Partition, RequestType, Route, Size};
use coaching_jobs::ExportedOverviews;
use coaching_jobs::export::{ExportResponse, answer};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "export-overviews",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingOverviews:export")),
    summary: "export overviews of coaching",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<Export<ExportedOverviews>>(),
    answer: AnswerType::of::<ExportResponse<'_>>(),
    writes: true,
    costly: true,
    // As the export of scorecards.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::JobsFull],
    access: &[
        Access::GetItem(&[Partition::Request, Partition::Deletions]),
        Access::BatchGetItem(&[
            Partition::Template,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[Partition::Statistics, Partition::Activity, Partition::User]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Agents, Partition::AgentsOfCustomer, Partition::PastUsers]),
        Access::PutItem(&[Partition::Job, Partition::Request]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(answer::<ExportedOverviews>(app, request)),
    ..Operation::NOTHING
};
