//! Creates or replaces usecases, for the customer's own sync.
//!
//! The body is `{"usecases": […]}`, 1 to 500 of them, each name once. Each entry replaces the existing usecase as a
//! whole, or is refused by itself: the answer's `results` hold, in order, the usecase or the `status` of its refusal.
//! Entries with the same name are all refused. Usecases have no versions: an `etag` is refused. A repeat changes
//! nothing further. Of two loads at once, the later one counts. The list of usecases changes with them.
//!
//! Entries that time ran out for are UNAVAILABLE with the reason `OUT_OF_TIME`; the others have their own results. A
//! repeat completes the batch.

use coaching_domain::bodies::Unversioned;
use coaching_domain::directory::{MAX_ENTRIES, Usecase, UsecaseMessage};
use coaching_domain::{Error, Role};
use coaching_edge::{
    Access, Answer, AnswerType, App, EntryStatus, Operation, Partition, Request, RequestType, Route, batch_results,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-usecases",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/usecases:batchUpsert")),
    summary: "load usecases, up to 500",
    roles: &[Role::Service, Role::Admin],
    request: RequestType::entries::<Unversioned<Usecase>, MAX_ENTRIES>("usecases"),
    answer: AnswerType::of::<UpsertUsecasesResponse<'_>>(),
    writes: true,
    costly: true,
    access: &[Access::PutItem(&[Partition::Usecase])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The result of each entry.
#[derive(Serialize, ToSchema)]
struct UpsertUsecasesResponse<'a> {
    /// One result for each entry, in the order of the request.
    results: Vec<UpsertUsecaseResult<'a>>,
}

/// The result of one entry: the stored record, or why the entry was refused.
#[derive(Serialize, ToSchema)]
struct UpsertUsecaseResult<'a> {
    /// The usecase as stored. Absent if the entry was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase: Option<UsecaseMessage<'a>>,
    /// Why the entry was refused. Absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let deadline = app.deadline();
    let entries =
        request.entries::<Unversioned<Usecase>, _, MAX_ENTRIES>("usecases", &tenant, app.now()?, |entry| {
            Some(&entry.0.id)
        })?;

    let read: Vec<Usecase> = entries.iter().flatten().map(|entry| entry.0.clone()).collect();
    let written = app.store.upsert_usecases(&tenant, &read, deadline).await;

    let results = batch_results(
        &entries,
        written,
        |entry, ()| entry.0.message(&tenant),
        |usecase, status| UpsertUsecaseResult { usecase, status },
    )?;
    Answer::json(&UpsertUsecasesResponse { results })
}
