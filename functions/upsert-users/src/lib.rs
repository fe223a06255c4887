//! Creates or replaces users, for the customer's own sync.
//!
//! The body is `{"users": […]}`, 1 to 500 of them, each name once. Each entry replaces the existing user as a whole, or
//! is refused by itself: the answer's `results` hold, in order, the user or the `status` of its refusal. Entries with
//! the same name are all refused. An entry whose `etag` is of another version, or of a user that does not exist, is
//! ABORTED. A repeat without etags changes nothing further. Of two loads at once, the later one counts, as a whole. A
//! stored user who cannot be read is replaced too.
//!
//! The list of users, and the lists of agents of all profiles that the user enters or leaves, change with the user. Past
//! windows of progress keep what the user was then: an agent or not, in which profiles, active or not.
//!
//! Entries that time ran out for are UNAVAILABLE with the reason `OUT_OF_TIME`; the others have their own results. A
//! repeat completes the batch.

use coaching_domain::bodies::Entry;
use coaching_domain::directory::{MAX_ENTRIES, User, UserMessage};
use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, EntryStatus, Operation, Partition, Request, RequestType, Route, batch_results,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-users",
    route: Some(Route::post("/v1/customers/{customer}/users:batchUpsert")),
    summary: "load users, up to 500",
    roles: &[Role::Service, Role::Admin],
    request: RequestType::entries::<Entry<User>, MAX_ENTRIES>("users"),
    answer: AnswerType::of::<UpsertUsersResponse<'_>>(),
    writes: true,
    costly: true,
    access: &[
        Access::BatchGetItem(&[Partition::User]),
        Access::PutItem(&[Partition::User, Partition::UserNames]),
        Access::DeleteItem(&[Partition::UserNames]),
        Access::UpdateItem(&[Partition::Agent, Partition::AgentCounts]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The result of each entry.
#[derive(Serialize, ToSchema)]
struct UpsertUsersResponse<'a> {
    /// One result for each entry, in the order of the request.
    results: Vec<UpsertUserResult<'a>>,
}

/// The result of one entry: the stored record, or why the entry was refused.
#[derive(Serialize, ToSchema)]
struct UpsertUserResult<'a> {
    /// The user as stored. Absent if the entry was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserMessage<'a>>,
    /// Why the entry was refused. Absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_customer()?;
    let deadline = app.deadline();
    let now = app.now()?;
    let entries =
        request.entries::<Entry<User>, _, MAX_ENTRIES>("users", &tenant, now, |entry| Some(&entry.value.id))?;

    let read: Vec<&Entry<User>> = entries.iter().flatten().collect();
    let written = app.store.upsert_users(&tenant, &read, now, deadline).await?;

    let results = batch_results(
        &entries,
        written,
        |entry, version| entry.value.message(&tenant, version),
        |user, status| UpsertUserResult { user, status },
    )?;
    Answer::json(&UpsertUsersResponse { results })
}
