//! Creates or replaces groups, for the customer's own sync.
//!
//! The body is `{"groups": […]}`, 1 to 500 of them, each name once. Each entry replaces the existing group as a whole,
//! or is refused by itself: the answer's `results` hold, in order, the group or the `status` of its refusal. Entries
//! with the same name are all refused. An entry whose `etag` is of another version, or of a group that does not exist,
//! is ABORTED. A repeat without etags changes nothing further. Of two loads at once, the later one counts, as a whole.
//! The lists of groups change with the group.
//!
//! Members and sub-groups need not exist yet; those who lead a group, its `managerUserNames`, must be in the directory.
//! An entry that would make a group its own sub-group, at any depth, is refused, even if only two concurrent calls
//! together would do so. A stored group that cannot be read is replaced; until then, an entry that would contain it is
//! refused (`RECORD_UNREADABLE`), because its sub-groups are unknown.
//!
//! Entries that time ran out for are UNAVAILABLE with the reason `OUT_OF_TIME`; the others have their own results. A
//! repeat completes the batch.

use std::collections::HashSet;

use coaching_domain::bodies::Entry;
use coaching_domain::directory::{Group, GroupMessage, MAX_ENTRIES};
use coaching_domain::names::UserId;
use coaching_domain::{CustomerTenant, Error, Role};
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
        Access::BatchGetItem(&[Partition::Group, Partition::User]),
        Access::PutItem(&[Partition::Group, Partition::Groups, Partition::GroupNames, Partition::GroupsOfManager]),
        Access::DeleteItem(&[Partition::GroupNames, Partition::GroupsOfManager]),
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
    let managers = entries.iter().flatten().flat_map(|entry| &entry.value.managers);
    let known = app.store.known_users(&tenant, managers).await?;
    let entries = entries.into_iter().enumerate();
    let entries =
        entries.map(|(place, entry)| entry.and_then(|entry| with_known_managers(entry, place, &known, &tenant)));
    let entries: Vec<Result<Entry<Group>, Error>> = entries.collect();

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

/// The entry at `place` of the batch, if all who lead its group are `known`.
///
/// # Errors
/// INVALID_ARGUMENT naming the field and who is not in the directory.
fn with_known_managers(
    entry: Entry<Group>,
    place: usize,
    known: &HashSet<UserId>,
    tenant: &CustomerTenant,
) -> Result<Entry<Group>, Error> {
    let unknown = entry.value.managers.iter().filter(|manager| !known.contains(*manager));
    let unknown: Vec<String> =
        unknown.map(|manager| format!("'{}' is not in the directory", tenant.name_of(manager))).collect();
    match unknown.is_empty() {
        true => Ok(entry),
        false => Err(Error::invalid_field(&format!("groups[{place}].managerUserNames"), unknown.join("; "))),
    }
}
