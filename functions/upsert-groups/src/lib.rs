//! Creates or replaces groups, for the customer's own sync.
//!
//! The body is `{"groups": […]}`, 1 to 500 of them, each name once. Each entry replaces the existing group as a whole,
//! or is refused by itself: the answer's `results` hold, in order, the group or the `status` of its refusal. Entries
//! with the same name are all refused. An entry whose `etag` is of another version, or of a group that does not exist,
//! is ABORTED. A repeat without etags changes nothing further.
//!
//! Members and sub-groups need not exist yet. An entry that would make a group its own sub-group, at any depth, is
//! refused, even if only two concurrent calls together would do so. A stored group that cannot be read is replaced;
//! until then, an entry that would contain it is refused (`RECORD_UNREADABLE`), because its sub-groups are unknown.
//!
//! Entries that time ran out for are UNAVAILABLE with the reason `OUT_OF_TIME`; the others have their own results. A
//! repeat completes the batch.

use coaching_domain::bodies::Entry;
use coaching_domain::directory::{Group, GroupMessage, MAX_ENTRIES};
use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, EntryStatus, Operation, Partition, Request, RequestType, Route, batch_results,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-groups",
    route: Some(Route::post("/v1/customers/{customer}/groups:batchUpsert")),
    summary: "load groups, up to 500",
    roles: &[Role::Service, Role::Admin],
    request: RequestType::entries::<Entry<Group>, MAX_ENTRIES>("groups"),
    answer: AnswerType::of::<UpsertGroupsResponse<'_>>(),
    writes: true,
    costly: true,
    access: &[
        Access::GetItem(&[Partition::Groups]),
        Access::BatchGetItem(&[Partition::Group]),
        Access::PutItem(&[Partition::Group, Partition::Groups]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The result of each entry.
#[derive(Serialize, ToSchema)]
struct UpsertGroupsResponse<'a> {
    /// One result for each entry, in the order of the request.
    results: Vec<UpsertGroupResult<'a>>,
}

/// The result of one entry: the stored record, or why the entry was refused.
#[derive(Serialize, ToSchema)]
struct UpsertGroupResult<'a> {
    /// The group as stored. Absent if the entry was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupMessage<'a>>,
    /// Why the entry was refused. Absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_customer()?;
    let deadline = app.deadline();
    let entries = request
        .entries::<Entry<Group>, _, MAX_ENTRIES>("groups", &tenant, app.now()?, |entry| Some(&entry.value.id))?;

    let read: Vec<&Entry<Group>> = entries.iter().flatten().collect();
    let written = app.store.upsert_groups(&tenant, &read, deadline).await?;

    let results = batch_results(
        &entries,
        written,
        |entry, version| entry.value.message(&tenant, version),
        |group, status| UpsertGroupResult { group, status },
    )?;
    Answer::json(&UpsertGroupsResponse { results })
}
