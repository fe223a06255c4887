//! Exports coaching sessions as a file: a table, or a message of the API on each line.
//!
//! **Which sessions**: those that `list-sessions` lists with the same filters, in the same order: `agentUserName`,
//! `coachingPlanName`, `usecaseNames` (at most 20), `states`, `overdue`, `startSessionTime` until before `endSessionTime`,
//! `startUpdateTime` until before `endUpdateTime`. None is required. What is named must exist (INVALID_ARGUMENT). States, and
//! what is overdue, are those of the moment of the request, also in a job. It is no snapshot: each session is as it was when
//! it was read.
//!
//! **For whom**: managers get what lists show them, but for private notes, which are in no file. Agents get their own
//! sessions as they see them, in the answer: `asJob`, and an export that needs a job, are INVALID_ARGUMENT, because jobs are
//! not for agents to read.
//!
//! **Form**: as of `export-scorecards`, whose `format`, `asJob`, `omitByteOrderMark`, `rawText`, `timeZoneId` and
//! `timeZoneOffset` it has, and whose limits. A line of `NDJSON` is a session as `list-sessions` answers it, without private
//! notes. A row of a table is a session; times are in the time zone. What `import` reads of such a table is what there was.
//!
//! The operation is this service's own.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day gets the job that the first one started. An export in the
//! answer leaves no trace, and is made anew.

use coaching_domain::export::Export;
use coaching_domain::session::AskedSessions;
use coaching_domain::{Reason, Role};
use coaching_edge::{Access, AnswerType, ListIndex, Operation, Partition, RequestType, Route, Size};
use coaching_jobs::export::{ExportResponse, answer};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "export-sessions",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingSessions:export")),
    summary: "export sessions",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::creation::<Export<AskedSessions>>(),
    answer: AnswerType::of::<ExportResponse<'_>>(),
    writes: true,
    costly: true,
    // As the export of scorecards.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::JobsFull],
    access: &[
        Access::GetItem(&[Partition::Request, Partition::Deletions]),
        Access::BatchGetItem(&[Partition::Plan, Partition::Usecase, Partition::User]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::SessionsOfAgent]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::SessionsOfPlan]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::SessionsOfUsecase]),
        Access::QueryIndex(ListIndex::Open, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::SessionTime, &[Partition::Sessions]),
        Access::QueryIndex(ListIndex::UpdateTime, &[Partition::Sessions]),
        Access::PutItem(&[Partition::Job, Partition::Request]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(answer::<AskedSessions>(app, request)),
    ..Operation::NOTHING
};
