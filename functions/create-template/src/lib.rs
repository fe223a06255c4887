//! Creates a scorecard template.
//!
//! The body is the template; `title` and `template` are required. `template` holds `chapters`, each with a `chapterId`,
//! a `displayName` and `criteria`. Each criterion has a `criterionId`, a `displayName`, a `weight` (1 if absent), a
//! `maximumValue` (1 if absent), `autoFail` and `triggerNames`. The reference leaves that object open. Ids are unique
//! among a template's chapters and criteria. Ids, labels and triggers take at most 216 KiB together, as JSON strings.
//! The usecases must exist. The name in the answer has the revision: `@1`.
//!
//! `audience` names the agents whom the template is for, as users and groups that exist; without it, everyone.
//! `qaTaskConfig` sets evaluation periods and how many conversations of each agent are to be evaluated in one.
//! `permissions` and `qaScoreConfig` are kept as they are. Together these take at most 40 KiB as they are stored. The
//! reference leaves the inner fields of all of them open. Agents do not see the audience, the numbers of conversations
//! and those two objects.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day creates nothing and gets the first answer.

use coaching_domain::template::{NewTemplate, ScorecardTemplateMessage};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "create-template",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates")),
    summary: "create a template",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<NewTemplate>(),
    answer: AnswerType::of::<CreateTemplateResponse<'_>>(),
    writes: true,
    refusals: &[Reason::ResourceAlreadyExists, Reason::TemplateSettingsFull],
    access: &[
        Access::GetItem(&[Partition::Request]),
        Access::BatchGetItem(&[Partition::Usecase, Partition::User, Partition::Group]),
        Access::PutItem(&[Partition::Template, Partition::Request]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The created template.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateTemplateResponse<'a> {
    /// The scorecard template.
    scorecard_template: ScorecardTemplateMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let creation = request.creation::<NewTemplate>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;
    let caller = request.caller();

    let create = async |record| {
        app.store.unknown_names(&tenant, &new.references(caller), true).await?.into_result()?;
        let id = new.revision.id.clone().map_or_else(|| app.new_id(*now), Ok)?;
        let template = new.clone().into_template(id, caller, *now)?;
        app.store.create_template(&tenant, &template, record, *now).await
    };
    let created = creation.once(app, &tenant, create).await?;

    let template = creation.new.into_template(created.id, caller, created.time)?;
    Ok(Answer::json(&CreateTemplateResponse { scorecard_template: template.message(&tenant, created.time) })?
        .with_etag(&template.etag()))
}
