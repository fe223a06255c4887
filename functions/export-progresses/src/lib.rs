//! Exports agents' progress as a file: a table, or a message of the API on each line.
//!
//! **Which progress**: that which `retrieve-progress` answers to the same request, of all pages, by name; it has no order
//! and no pages of its own, and only what targets measure: neither `includeCriteriaWithoutTarget` nor `includeTeam`.
//! `usecaseNames` is required. What is named must exist (INVALID_ARGUMENT); to a caller who is confined to some profiles,
//! agents and groups that do not exist are left out. A window without an end ends with the day of the request, also in a
//! job. Each agent is as they were when they were read; one who gets another name meanwhile may be missing, or be there
//! twice.
//!
//! **Form**: as of `export-scorecards`, whose `format`, `asJob`, `omitByteOrderMark`, `rawText`, `timeZoneId` and
//! `timeZoneOffset` it has, and whose limits. A line of `NDJSON` is an agent as `retrieve-progress` answers them.
//! `layout` says what a row of a table is: with `ROW_PER_AGENT` (the default) an agent, with `ROW_PER_TARGET` a target
//! that an agent is measured by. Scores are of whole days, UTC, whatever the time zone: from `start_day_utc` until before
//! `end_day_utc`. An agent of whom something cannot be read is left out.
//!
//! The operation is this service's own.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day gets the job that the first one started. An export in
//! the answer leaves no trace, and is made anew.

use coaching_domain::export::Export;
use coaching_domain::{Reason, Role};
use coaching_edge::{Access, AnswerType, ListIndex, Operation, Partition, RequestType, Route, Size};
use coaching_jobs::ExportedProgress;
use coaching_jobs::export::{ExportResponse, answer};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "export-progresses",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:export")),
    summary: "export progress",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<Export<ExportedProgress>>(),
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
            Partition::Target,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[Partition::Agent, Partition::Statistics, Partition::User]),
        Access::QueryIndex(
            ListIndex::Profile,
            &[Partition::Agents, Partition::PastCoaching, Partition::AgentsOfCustomer, Partition::PastUsers],
        ),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::TargetsOfUsecase, Partition::PastTargetsOfUsecase]),
        Access::PutItem(&[Partition::Job, Partition::Request]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(answer::<ExportedProgress>(app, request)),
    ..Operation::NOTHING
};
