//! `DELETE /v1/{name=customers/*/profiles/*/targets/*}`: deletes a target, for past windows too. Answers
//! `{}`; a repeat is NOT_FOUND.

use coaching_domain::{Code, Error, Role, names};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;
use utoipa::ToSchema;

/// How often a deletion is tried that others keep getting in front of.
const ATTEMPTS: usize = 8;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "delete-target", handle: |app, request| Box::pin(handle(app, request)) };

/// Nothing: it is deleted.
#[derive(Serialize, ToSchema)]
pub struct DeleteTargetResponse {}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    request.query().into_result()?;

    for _ in 0..ATTEMPTS {
        let target = app.store.target(&tenant, &id, now).await?;
        let target = target.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
        if app.store.delete_target(&tenant, &target).await? {
            return Answer::json(&DeleteTargetResponse {});
        }
    }
    Err(Error::new(Code::Aborted, "CONCURRENT_CHANGES", "others kept changing the target; try again"))
}
