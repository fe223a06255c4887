//! Lists scorecards, the newest `createTime` first, ties by name, with the template revisions that they were made from.
//!
//! These parameters filter the list:
//! - `agentUserName`
//! - `coachingPlanNames`, `conversationNames`, `creatorUserNames`, `submitterUserNames`, `usecaseNames`: each can be
//!   repeated up to 20 times and matches any of its values
//! - `templateName`: one revision, or all of them with `@*` or without a revision
//! - `startSubmitTime` until before `endSubmitTime`, `startUpdateTime` until before `endUpdateTime`: an end must be
//!   after its start
//!
//! `orderBy` is `SCORECARD_ORDER_BY_UNSPECIFIED` or `CREATE_TIME`. `pageSize` and `pageToken` work as in
//! `list-sessions`.
//!
//! Agents see their own scorecards only, once they are submitted, and no calibrations.

use std::collections::HashSet;

use coaching_domain::bodies::Paged;
use coaching_domain::message::Place;
use coaching_domain::names::{CoachingPlanId, ConversationId, Revision, ScorecardId, UsecaseId, UserId};
use coaching_domain::rules::{Any, AskedAgent, Distinct, Enumeration, OneOf, TemplateRevision};
use coaching_domain::scorecard::{Scorecard, ScorecardMessage};
use coaching_domain::template::{ScorecardTemplate, ScorecardTemplateMessage};
use coaching_domain::{Error, Role, Tenant, Timestamp, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, MAX_ANSWER_BYTES, Operation, Partition, Request, RequestType,
    Route, bytes_in_answer,
};
use coaching_store::{Cursor, Found, ScorecardFilter};
use serde::Serialize;
use utoipa::ToSchema;

/// Template revisions (up to 400 KB each) per batch: one DynamoDB call returns at most 16 MB.
const TEMPLATES_AT_ONCE: usize = 40;
/// The most values of one parameter.
const MAX_NAMES: usize = 20;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-scorecards",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/scorecards")),
    summary: "list scorecards",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    request: RequestType::list::<ListScorecardsRequest>(),
    answer: AnswerType::of::<ListScorecardsResponse<'_>>(),
    pages: true,
    access: &[
        Access::BatchGetItem(&[Partition::Template]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Scorecards]),
        Access::QueryIndex(ListIndex::Agent, &[Partition::ScorecardsOfAgent]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListScorecardsRequest, checked as SentRequest {
        agent: Option<AskedAgent> = "agentUserName",
        submitted_from: Option<Timestamp> = "startSubmitTime",
        submitted_before: Option<Timestamp> = "endSubmitTime",
        updated_from: Option<Timestamp> = "startUpdateTime",
        updated_before: Option<Timestamp> = "endUpdateTime",
        plans: Distinct<CoachingPlanId, MAX_NAMES> = "coachingPlanNames",
        conversations: Distinct<ConversationId, MAX_NAMES> = "conversationNames",
        creators: Distinct<UserId, MAX_NAMES> = "creatorUserNames",
        submitters: Distinct<UserId, MAX_NAMES> = "submitterUserNames",
        template: Option<TemplateRevision<Any>> = "templateName",
        usecases: Distinct<UsecaseId, MAX_NAMES> = "usecaseNames",
        _order_by: Option<OneOf<OrderBy>> = "orderBy",
    }
}

impl SentRequest {
    fn check(&mut self, place: &mut Place<'_>) {
        place.refuse_empty_range(("startSubmitTime", self.submitted_from), ("endSubmitTime", self.submitted_before));
        place.refuse_empty_range(("startUpdateTime", self.updated_from), ("endUpdateTime", self.updated_before));
    }
}

/// The order of the list, of which there is one.
#[derive(Clone, Copy)]
struct OrderBy;

impl Enumeration for OrderBy {
    const VALUES: &'static [(&'static str, Self)] = &[("SCORECARD_ORDER_BY_UNSPECIFIED", Self), ("CREATE_TIME", Self)];
}

/// A page of scorecards.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListScorecardsResponse<'a> {
    /// The scorecards, the newest first.
    scorecards: &'a [ScorecardMessage<'a>],
    /// The template revisions that the scorecards were made from.
    scorecard_templates: Vec<ScorecardTemplateMessage<'a>>,
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of scorecards that could not be read and may be missing from the page, and of template revisions that could
    /// not be read: their scorecards are left out. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) =
        request.list::<ListScorecardsRequest>(&tenant, now)?;
    let filter = ScorecardFilter {
        agent: request.shown_agent(asked.agent),
        plans: asked.plans,
        conversations: asked.conversations,
        submitted_from: asked.submitted_from,
        submitted_before: asked.submitted_before,
        updated_from: asked.updated_from,
        updated_before: asked.updated_before,
        creators: asked.creators,
        submitters: asked.submitters,
        template: asked.template.map(|(template, revision)| match revision {
            Revision::Number(number) => (template, Some(number)),
            Revision::Current | Revision::Every => (template, None),
        }),
        usecases: asked.usecases,
        counted: request.caller().role() == Role::Agent,
    };

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let page = app.store.scorecards(&tenant, filter, after.as_ref(), page_size).await?;
    let (templates, known) = templates_of(app, &tenant, &page.entries, now).await?;
    let Found { entries: templates, unreadable } = templates;

    // A scorecard cannot be shown without its template.
    let first: Vec<&Scorecard> = page.entries.iter().take(known).collect();
    let is_known = |scorecard: &Scorecard| templates.iter().any(|template| scorecard.is_made_from(template));
    let without: HashSet<ScorecardId> =
        first.into_iter().filter(|scorecard| !is_known(scorecard)).map(|scorecard| scorecard.id.clone()).collect();
    let known = known - without.len();
    let page = page.leaving_out(|scorecard| {
        if !without.contains(&scorecard.id) {
            return Vec::new();
        }
        let revision = tenant.name_of_revision(&scorecard.template, scorecard.revision);
        let template = unreadable.iter().filter(|unreadable| unreadable.name() == revision).cloned();
        template.chain([app.store.without_template(&tenant, &scorecard.id)]).collect()
    });

    let mut made_from = Vec::with_capacity(known);
    let mut scorecards = Vec::with_capacity(known);
    for scorecard in page.entries.iter().take(known) {
        let Some(template) = templates.iter().find(|template| scorecard.is_made_from(template)) else { break };
        made_from.push(template);
        scorecards.push(scorecard.message(&tenant, template));
    }
    let mut embedded = HashSet::new();
    let sizes = scorecards.iter().zip(&made_from).map(|(scorecard, template)| {
        let of_template = if embedded.insert((&template.id, template.revision)) {
            // One more for the comma between templates.
            bytes_in_answer(&template.message(&tenant, now))? + 1
        } else {
            0
        };
        Ok(bytes_in_answer(scorecard)? + of_template)
    });
    let answer = Answer::beginning(&scorecards, sizes, |scorecards| {
        let shown = made_from.get(..scorecards.len()).unwrap_or_default();
        let revisions: HashSet<_> = shown.iter().map(|template| (&template.id, template.revision)).collect();
        let templates = templates.iter().filter(|template| revisions.contains(&(&template.id, template.revision)));
        let next = page.after(scorecards.len()).map(Cursor::as_str);
        Ok(ListScorecardsResponse {
            scorecards,
            scorecard_templates: templates.map(|template| template.message(&tenant, now)).collect(),
            next_page_token: app.page_tokens.next(next, &binding, now)?,
            unreachable: page.unreachable(scorecards.len()),
        })
    })?;
    let (answer, _) = answer.ok_or_else(|| Error::internal("a scorecard takes more than a function may answer"))?;
    Ok(answer)
}

/// The template revisions of `scorecards`, ordered by name, and the number of leading scorecards that they cover.
/// Reading stops once the revisions alone fill an answer.
async fn templates_of(
    app: &App,
    tenant: &Tenant,
    scorecards: &[Scorecard],
    now: Timestamp,
) -> Result<(Found<ScorecardTemplate>, usize), Error> {
    let mut seen = HashSet::new();
    let mut revisions: Vec<(_, Option<u32>)> = Vec::new();
    // For each revision, the number of scorecards before the first that was made from it.
    let mut before = Vec::new();
    for (place, scorecard) in scorecards.iter().enumerate() {
        if seen.insert((&scorecard.template, scorecard.revision)) {
            revisions.push((scorecard.template.clone(), Some(scorecard.revision)));
            before.push(place);
        }
    }
    let mut templates = Found::default();
    let mut read = 0;
    let mut bytes = 0;
    for revisions in revisions.chunks(TEMPLATES_AT_ONCE) {
        if bytes > MAX_ANSWER_BYTES {
            break;
        }
        let more = app.store.revisions(tenant, revisions, false).await?;
        read += revisions.len();
        if read < before.len() {
            for template in &more.entries {
                bytes += bytes_in_answer(&template.message(tenant, now))?;
            }
        }
        templates = templates.and(more);
    }
    templates.entries.sort_by(|a, b| (&a.id, a.revision).cmp(&(&b.id, b.revision)));
    Ok((templates, before.get(read).copied().unwrap_or(scorecards.len())))
}
