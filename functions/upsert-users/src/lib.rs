//! Creates or replaces users, for the customer's own sync.
//!
//! The body is `{"users": […]}`, 1 to 500 of them, each name once. Every entry replaces what is there
//! whole, or is refused by itself: the answer's `results` hold, in order, the user or the `status` of
//! its refusal. Entries that have one name are all refused. So is an entry (ABORTED) with an `etag` of another version, or
//! of a user that does not exist. Repeating a call without etags changes nothing further. What is there and cannot be read
//! is replaced too.
//!
//! What a batch does not come to in its time is UNAVAILABLE with the reason `OUT_OF_TIME`, entry by entry, and the
//! rest has its own result; repeating the call completes it.
//!
//! A user's agents' lists, in every profile that the user enters or leaves, change with the user. What the user was
//! (an agent or not, of which profiles, active or not) stays known for windows of progress that are over.

use coaching_domain::directory::{MAX_ENTRIES, User, UserMessage};
use coaching_domain::fields::Entry;
use coaching_domain::{Error, Role};
use coaching_edge::{Access, Answer, App, EntryStatus, Operation, Partition, Request, Route, entry_status};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-users",
    route: Some(Route::post("/v1/customers/{customer}/users:batchUpsert")),
    summary: "load users, up to 500",
    roles: &[Role::Service, Role::Admin],
    writes: true,
    costly: true,
    access: &[
        Access::BatchGetItem(&[Partition::User]),
        Access::PutItem(&[Partition::User]),
        Access::UpdateItem(&[Partition::Agent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What became of each entry.
#[derive(Serialize, ToSchema)]
pub struct UpsertUsersResponse<'a> {
    /// One for each entry, in their order.
    results: Vec<UpsertUserResult<'a>>,
}

/// What became of one entry: the record as it is, or why it was refused.
#[derive(Serialize, ToSchema)]
struct UpsertUserResult<'a> {
    /// The user as it is; absent: it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserMessage<'a>>,
    /// Why it was refused; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize_customer()?;
    let deadline = app.deadline();
    let entries = request.body(request.query().finish(), |fields| {
        fields.entries("users", MAX_ENTRIES, |fields| User::read(fields, &tenant), |user| Some(&user.id))
    })?;

    let read: Vec<&Entry<User>> = entries.iter().flatten().collect();
    let written = app.store.upsert_users(&tenant, &read, app.now()?, deadline).await?;

    let mut written = written.into_iter();
    let results = entries.iter().map(|entry| {
        let refused = |error: &Error| Ok(UpsertUserResult { user: None, status: Some(entry_status(error)?) });
        let user = match entry {
            Ok(entry) => &entry.value,
            Err(error) => return refused(error),
        };
        match written.next() {
            Some(Ok(version)) => Ok(UpsertUserResult { user: Some(user.message(&tenant, version)), status: None }),
            Some(Err(error)) => refused(&error),
            None => Err(Error::internal("an entry of a batch was left out")),
        }
    });
    Answer::json(&UpsertUsersResponse { results: results.collect::<Result<_, Error>>()? })
}
