//! `GET /v1/{parent=customers/*/profiles/*}/scorecards`: a page of scorecards, the newest `createTime`
//! first, ties by name, with the template revisions that they were made from.
//!
//! `agentUserName`, `coachingPlanNames`, `conversationNames`, `creatorUserNames`, `submitterUserNames`,
//! `usecaseNames` (each repeatable, any of them, at most 20), `templateName` (a revision, or `@*` or none for
//! every one), `startSubmitTime`, `endSubmitTime`, `startUpdateTime` and `endUpdateTime` (ends left out, and after
//! their starts) narrow the list. `orderBy` is `SCORECARD_ORDER_BY_UNSPECIFIED` or `CREATE_TIME`. Pages as `list-sessions`.
//!
//! An agent sees their own scorecards only.

use coaching_domain::scorecard::ScorecardMessage;
use coaching_domain::template::{Revision, ScorecardTemplateMessage};
use coaching_domain::{Error, Role, names};
use coaching_edge::{Answer, App, Binding, Operation, Request};
use coaching_store::{ListPosition, ScorecardFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// The most values of one parameter.
const MAX_NAMES: usize = 20;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "list-scorecards", handle: |app, request| Box::pin(handle(app, request)) };

/// A page of what was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListScorecardsResponse<'a> {
    /// The scorecards, the newest first.
    scorecards: Vec<ScorecardMessage<'a>>,
    /// The template revisions that the scorecards were made from.
    scorecard_templates: Vec<ScorecardTemplateMessage<'a>>,
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Agent, Role::Manager, Role::Service, Role::Admin])?;
    let now = app.now()?;
    let mut query = request.query();
    let agent = query.id::<names::User>("agentUserName", &tenant);
    let (submitted_from, submitted_before) = query.range("startSubmitTime", "endSubmitTime");
    let (updated_from, updated_before) = query.range("startUpdateTime", "endUpdateTime");
    let filter = ScorecardFilter {
        agent: request.own_agent(&tenant, agent)?,
        plans: query.ids("coachingPlanNames", MAX_NAMES, &tenant),
        conversations: query.ids("conversationNames", MAX_NAMES, &tenant),
        submitted_from,
        submitted_before,
        updated_from,
        updated_before,
        creators: query.ids("creatorUserNames", MAX_NAMES, &tenant),
        submitters: query.ids("submitterUserNames", MAX_NAMES, &tenant),
        template: query.template("templateName", &tenant).map(|(template, revision)| match revision {
            Revision::Number(number) => (template, Some(number)),
            Revision::Current | Revision::Every => (template, None),
        }),
        usecases: query.ids("usecaseNames", MAX_NAMES, &tenant),
    };
    // Both orders are the same.
    query.enumeration("orderBy", &[("SCORECARD_ORDER_BY_UNSPECIFIED", ()), ("CREATE_TIME", ())]);
    let page_size = query.page_size();
    let page_token = query.string("pageToken");
    query.into_result()?;

    let binding = Binding::new(OPERATION.name, &tenant).with("filter", [format!("{filter:?}")]);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(ListPosition::from_text);
    let page = app.store.scorecards(&tenant, filter, after.as_ref(), page_size).await?;
    let revisions: Vec<_> =
        page.entries.iter().map(|scorecard| (scorecard.template.clone(), Some(scorecard.revision))).collect();
    let mut templates = app.store.templates(&tenant, &revisions, false).await?;
    templates.sort_by(|a, b| (&a.id, a.revision).cmp(&(&b.id, b.revision)));

    let mut scorecards = Vec::with_capacity(page.entries.len());
    for scorecard in &page.entries {
        let made_from = |template: &&_| scorecard.is_made_from(template);
        let template = templates.iter().find(made_from);
        let template = template.ok_or_else(|| Error::internal("a scorecard's template revision does not exist"))?;
        scorecards.push(scorecard.message(&tenant, template));
    }
    let next_page_token = app.page_tokens.next(page.next.as_ref().map(ListPosition::as_str), &binding, now)?;
    let scorecard_templates = templates.iter().map(|template| template.message(&tenant)).collect();
    Answer::json(&ListScorecardsResponse { scorecards, scorecard_templates, next_page_token })
}
