//! Creates or replaces groups, for the customer's own sync.
//!
//! The body is `{"groups": […]}`, 1 to 500 of them, each name once. Every entry replaces what is there
//! whole, or is refused by itself: the answer's `results` hold, in order, the group or the `status` of
//! its refusal. Entries that have one name are all refused. So is an entry (ABORTED) with an `etag` of another version, or
//! of a group that does not exist. Repeating a call without etags changes nothing further.
//!
//! What a batch does not come to in its time is UNAVAILABLE with the reason `OUT_OF_TIME`, entry by entry, and the
//! rest has its own result; repeating the call completes it.
//!
//! Members and sub-groups need not exist yet. An entry that would make a group its own sub-group, at
//! whatever depth, is refused, also if two calls at once would only do so together. What is there and cannot be read is
//! replaced; until then, an entry that would hold such a group is refused (`RECORD_UNREADABLE`), for what is below it
//! cannot be told.

use coaching_domain::directory::{Group, GroupMessage, MAX_ENTRIES};
use coaching_domain::fields::Entry;
use coaching_domain::{Error, Role};
use coaching_edge::{Access, Answer, App, EntryStatus, Operation, Partition, Request, Route, entry_status};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-groups",
    route: Some(Route::post("/v1/customers/{customer}/groups:batchUpsert")),
    summary: "load groups, up to 500",
    roles: &[Role::Service, Role::Admin],
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

/// What became of each entry.
#[derive(Serialize, ToSchema)]
pub struct UpsertGroupsResponse<'a> {
    /// One for each entry, in their order.
    results: Vec<UpsertGroupResult<'a>>,
}

/// What became of one entry: the record as it is, or why it was refused.
#[derive(Serialize, ToSchema)]
struct UpsertGroupResult<'a> {
    /// The group as it is; absent: it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupMessage<'a>>,
    /// Why it was refused; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_customer()?;
    let deadline = app.deadline();
    let entries = request.body(request.query().finish(), |fields| {
        fields.entries("groups", MAX_ENTRIES, |fields| Group::read(fields, &tenant), |group| Some(&group.id))
    })?;

    let read: Vec<&Entry<Group>> = entries.iter().flatten().collect();
    let written = app.store.upsert_groups(&tenant, &read, deadline).await?;

    let mut written = written.into_iter();
    let results = entries.iter().map(|entry| {
        let refused = |error: &Error| Ok(UpsertGroupResult { group: None, status: Some(entry_status(error)?) });
        let group = match entry {
            Ok(entry) => &entry.value,
            Err(error) => return refused(error),
        };
        match written.next() {
            Some(Ok(version)) => Ok(UpsertGroupResult { group: Some(group.message(&tenant, version)), status: None }),
            Some(Err(error)) => refused(&error),
            None => Err(Error::internal("an entry of a batch was left out")),
        }
    });
    Answer::json(&UpsertGroupsResponse { results: results.collect::<Result<_, Error>>()? })
}
