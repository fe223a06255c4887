//! Deletes a scorecard.
//!
//! It no longer counts anywhere, and plans no longer have it; its history stays, with what it was. Only a service or an
//! admin deletes a submitted scorecard; a manager gets FAILED_PRECONDITION and can reset it first. What has
//! calibrations is FAILED_PRECONDITION until these are deleted.
//!
//! The scorecard, what the agent's statistics count of it and the change in its history are one transaction. Of a
//! deletion and a change at the same time one comes first: the other finds what that left. A repeat is NOT_FOUND. An
//! `If-Match`, or an `etag` in the query, of another version is ABORTED.

use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "delete-scorecard",
    route: Some(Route::delete("/v1/customers/{customer}/profiles/{profile}/scorecards/{scorecard}")),
    summary: "delete a scorecard",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::deletion::<()>(),
    answer: AnswerType::of::<DeleteScorecardResponse>(),
    writes: true,
    refusals: &[Reason::ScorecardSubmitted, Reason::ScorecardCalibrated, Reason::EtagMismatch],
    access: &[
        Access::GetItem(&[Partition::Scorecard]),
        Access::BatchGetItem(&[Partition::Scorecard, Partition::Template, Partition::Statistics]),
        Access::PutItem(&[Partition::Scorecard]),
        Access::UpdateItem(&[Partition::Scorecard, Partition::Statistics]),
        Access::DeleteItem(&[Partition::Scorecard, Partition::Activity]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// Empty: the scorecard is deleted.
#[derive(Serialize, ToSchema)]
struct DeleteScorecardResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let id = request.path_id::<names::Scorecard>("scorecard", &tenant)?;
    let now = app.now()?;
    let ((), expected) = request.deletion(&tenant, now)?;

    let author = request.author(now);
    let deleted = app.store.delete_scorecard(&tenant, &id, author, |scorecard| {
        expected.check(&scorecard.etag())?;
        scorecard.check_deletion(request.caller())
    });
    deleted.await?;

    Answer::json(&DeleteScorecardResponse {})
}
