//! Lists targets, the newest first, ties by name.
//!
//! The fields of the body filter the list: `usecaseNames`, `coachingPlanNames` and `scorecardTemplateNames` (without a
//! revision), at most 20 names each. `pageSize` and `pageToken` work as in `list-sessions`.

use coaching_domain::names::{CoachingPlanId, ScorecardTemplateId, UsecaseId};
use coaching_domain::rules::Distinct;
use coaching_domain::target::TargetMessage;
use coaching_domain::{Error, Role, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, Operation, Partition, Request, RequestType, Route,
};
use coaching_store::{Cursor, TargetFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The most names in one filter.
const MAX_NAMES: usize = 20;
/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-targets",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/targets:list")),
    summary: "list targets",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::page::<ListTargetsRequest>(),
    answer: AnswerType::of::<ListTargetsResponse<'_>>(),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Targets]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::TargetsOfPlan]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// A page of targets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListTargetsResponse<'a> {
    /// The targets, the newest first.
    targets: &'a [TargetMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of resources that could not be read and may be missing from the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

message! {
    /// The request.
    struct ListTargetsRequest {
        usecases: Distinct<UsecaseId, MAX_NAMES> = "usecaseNames",
        plans: Distinct<CoachingPlanId, MAX_NAMES> = "coachingPlanNames",
        templates: Distinct<ScorecardTemplateId, MAX_NAMES> = "scorecardTemplateNames",
    }
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (asked, parameters) = request.page::<ListTargetsRequest>(&tenant, now)?;
    let ListTargetsRequest { usecases, plans, templates } = asked.value;
    let filter = TargetFilter { usecases, plans, templates };

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(asked.page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let page = app.store.targets(&tenant, &filter, after.as_ref(), asked.page_size, now).await?;

    let messages: Vec<_> = page.entries.iter().map(|target| target.message(&tenant)).collect();
    Answer::page(&messages, |targets| {
        let next = page.after(targets.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        Ok(ListTargetsResponse { targets, next_page_token, unreachable: page.unreachable(targets.len()) })
    })
}
