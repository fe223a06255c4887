//! Exports scorecards as a file: a table, or a message of the API on each line.
//!
//! **Answer**: exactly one of `content`, if all of it takes at most 4 MiB, or 16 MiB for a client that takes gzip
//! (`Accept-Encoding`), and is read within five seconds, and `job`, which then makes files of at most 64 MiB and
//! 1,000,000 rows. A job that would make more than 400 files or 20,000,000 rows fails with TOO_MANY_FILES or
//! TOO_MANY_ROWS. `asJob` asks for a job always. A profile has at most 5 unfinished jobs (RESOURCE_EXHAUSTED). The
//! request of a job takes at most 128 KiB, and what it names with the templates of its columns at most 112 KiB
//! (INVALID_ARGUMENT). What cannot be read is left out, and named in the job's `warnings`; an export that leaves
//! something out is made by a job.
//!
//! **Which scorecards**: those created from `startTime` until before `endTime` (both required, at most 3660 days apart), of
//! the agents in `agentUserNames` and of the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), or of all if both are empty; of these, only those of `scorecardNames`,
//! `scorecardTemplateNames` (in every revision: `…@*`), `usecaseNames`, and with `submittedOnly` only submitted ones.
//! Scorecards of users who are not active only with `includeDeactivatedUsers`. `teamNames` must be empty. Drafts and
//! calibrations are exported as lists show them.
//!
//! **Form**: `format` is `CSV` (the default) or `NDJSON`, whose lines are scorecards as `list-scorecards` answers them:
//! that form loses nothing. The rows are ordered by creation, the latest first, then by name. It is no snapshot: each row
//! is as it was when it was read.
//!
//! A table follows RFC 4180, with CRLF and in UTF-8; it begins with a byte order mark, without which spreadsheets read
//! names wrongly, unless `omitByteOrderMark`. A text that a spreadsheet would take for a formula (it begins with `=`,
//! `+`, `-`, `@`, their full-width forms, a tab, a line end or NUL) has an apostrophe before it, unless `rawText`; so has
//! one with apostrophes of its own before such a character, and among scores one that reads as a number or as `N/A`. So
//! each text comes back without its first apostrophe. Numbers have at most four decimals. Times are in the zone
//! `timeZoneId`, of the IANA database, or else at the offset `timeZoneOffset`, such as `+05:30`; by default in UTC. An
//! offset of long ago that has seconds is rounded to a minute, and a time whose year would have five digits is in UTC:
//! each is the same moment.
//!
//! `layout` is `ROW_PER_SCORECARD` (the default), with a column `{template}/{criterion}` for each criterion of the
//! templates in `scorecardTemplateNames`, or of all of the profile: `N/A` if it does not apply. More than 1,000 such
//! columns are INVALID_ARGUMENT. With `ROW_PER_SCORE` each score is a row. Names of columns do not change; new ones are
//! only appended.
//!
//! `format`, `asJob`, `layout`, `submittedOnly`, `includeIndirectGroupMembers`, `omitByteOrderMark` and `rawText` are this
//! service's own, as are the form of the answer and the columns.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day gets the job that the first one started. An export in
//! the answer leaves no trace, and is made anew.

use coaching_domain::export::{Export, ExportedScorecards};
use coaching_domain::{Reason, Role};
use coaching_edge::{Access, AnswerType, ListIndex, Operation, Partition, RequestType, Route, Size};
use coaching_jobs::export::{ExportResponse, answer};

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "export-scorecards",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecards:export")),
    summary: "export scorecards",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<Export<ExportedScorecards>>(),
    answer: AnswerType::of::<ExportResponse<'_>>(),
    writes: true,
    costly: true,
    // A whole CPU, for 16 MiB within the time of an answer.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    refusals: &[Reason::JobsFull],
    access: &[
        Access::GetItem(&[Partition::Request]),
        Access::BatchGetItem(&[Partition::Template, Partition::Usecase, Partition::User, Partition::Group]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Scorecards, Partition::Templates]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::ScorecardsOfAgent]),
        Access::PutItem(&[Partition::Job, Partition::Request]),
        Access::UpdateItem(&[Partition::UnfinishedJobs]),
    ],
    handle: |app, request| Box::pin(answer::<ExportedScorecards>(app, request)),
    ..Operation::NOTHING
};
