//! Creates or replaces usecases, for the customer's own sync.
//!
//! The body is `{"usecases": […]}`, 1 to 500 of them, each name once. Every entry replaces what is there
//! whole, or is refused by itself: the answer's `results` hold, in order, the usecase or the `status` of
//! its refusal. Entries that have one name are all refused. Usecases have no versions: an `etag` is refused. Repeating a
//! call changes nothing further.
//!
//! What a batch does not come to in its time is UNAVAILABLE with the reason `OUT_OF_TIME`, entry by entry, and the
//! rest has its own result; repeating the call completes it.

use coaching_domain::directory::{MAX_ENTRIES, Usecase, UsecaseMessage};
use coaching_domain::{Error, Role};
use coaching_edge::{Access, Answer, App, EntryStatus, Operation, Partition, Request, Route, entry_status};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-usecases",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/usecases:batchUpsert")),
    summary: "load usecases, up to 500",
    roles: &[Role::Service, Role::Admin],
    writes: true,
    costly: true,
    access: &[Access::PutItem(&[Partition::Usecase])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What became of each entry.
#[derive(Serialize, ToSchema)]
pub struct UpsertUsecasesResponse<'a> {
    /// One for each entry, in their order.
    results: Vec<UpsertUsecaseResult<'a>>,
}

/// What became of one entry: the record as it is, or why it was refused.
#[derive(Serialize, ToSchema)]
struct UpsertUsecaseResult<'a> {
    /// The usecase as it is; absent: it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    usecase: Option<UsecaseMessage<'a>>,
    /// Why it was refused; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let deadline = app.deadline();
    let entries = request.body(request.query().finish(), |fields| {
        fields.unversioned_entries(
            "usecases",
            MAX_ENTRIES,
            |fields| Usecase::read(fields, &tenant),
            |usecase| Some(&usecase.id),
        )
    })?;

    let read: Vec<Usecase> = entries.iter().flatten().cloned().collect();
    let written = app.store.upsert_usecases(&tenant, &read, deadline).await;

    let mut written = written.into_iter();
    let results = entries.iter().map(|entry| {
        let refused = match entry {
            Ok(_) => written.next().and_then(Result::err).as_ref().map(entry_status).transpose()?,
            Err(error) => Some(entry_status(error)?),
        };
        Ok(match (entry, refused) {
            (Ok(usecase), None) => UpsertUsecaseResult { usecase: Some(usecase.message(&tenant)), status: None },
            (_, status) => UpsertUsecaseResult { usecase: None, status },
        })
    });
    Answer::json(&UpsertUsecasesResponse { results: results.collect::<Result<_, Error>>()? })
}
