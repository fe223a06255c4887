//! Lists the current revision of each scorecard template, the newest template first, ties by name.
//!
//! `usecaseNames` (repeatable, at most 20) restricts the list to templates for any of them or for all usecases,
//! `triggers` (the same) to those with a criterion that has any of these moments, `types` to those of any of these types.
//! `agentUserName` restricts it to templates whose audience holds this user or is everyone; an agent may name themselves.
//! `includeDeactivated` adds deactivated templates, `includeDeleted` deleted ones; one that is both needs both.
//! `pageSize` and `pageToken` work as in `list-sessions`.
//!
//! With `view=VIEW_FULL_WITH_STATS` each template has `stats`: its scorecards in the 30 days that end today, in the
//! usecases that it is for, of which `usecaseNames` restricts them; a template for all usecases has stats only of those. They
//! are as old as `statsTime` says: at most 15 minutes with up to 2,000 active agents and four
//! usecases on the page. With more of either, each request adds up a part; `benchmarkPending` says that there are none yet: repeat the request. Agents get stats only of five or more
//! scored agents. Callers other than agents also get `resolvedAudience`, the active agents whom the template is for now.
//! A page has at most 50 templates then, and less if they are for more than 200 usecases or name more than 2,000 people
//! together. The parts of both objects are ours beside the reference.

mod full;

use std::collections::BTreeSet;

use coaching_domain::bodies::Paged;
use coaching_domain::names::{MomentId, UsecaseId};
use coaching_domain::rules::{AnyOf, AskedAgent, Distinct, Flag, OneOf};
use coaching_domain::template::ScorecardTemplateMessage;
use coaching_domain::template_settings::TemplateType;
use coaching_domain::{Error, Role, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, ListIndex, Operation, Partition, Request, RequestType, Route,
};
use coaching_store::{Cursor, TemplateFilter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::full::{Further, MAX_TEMPLATES, OfTemplate, View, further};

/// The most usecases, and the most triggers, in one request.
const MAX_NAMES: usize = 20;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-templates",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates:listCurrent")),
    summary: "list current templates",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    request: RequestType::list::<ListTemplatesRequest>(),
    answer: AnswerType::of::<ListTemplatesResponse<'_>>(),
    pages: true,
    access: &[
        Access::BatchGetItem(&[Partition::Agent, Partition::Benchmark, Partition::User, Partition::Group]),
        Access::Query(&[Partition::Statistics, Partition::Benchmark, Partition::User, Partition::AgentCounts]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Templates, Partition::Agents, Partition::AgentsOfCustomer]),
        Access::PutItem(&[Partition::Benchmark]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListTemplatesRequest {
        usecases: Distinct<UsecaseId, MAX_NAMES> = "usecaseNames",
        triggers: Distinct<MomentId, MAX_NAMES> = "triggers",
        types: AnyOf<Option<TemplateType>> = "types",
        agent: Option<AskedAgent> = "agentUserName",
        deactivated: Flag = "includeDeactivated",
        deleted: Flag = "includeDeleted",
        view: Option<OneOf<View>> = "view",
    }
}

/// A page of templates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListTemplatesResponse<'a> {
    /// The current revisions, the newest template first.
    scorecard_templates: &'a [ScorecardTemplateMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of resources that could not be read and may be missing from the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) =
        request.list::<ListTemplatesRequest>(&tenant, now)?;
    let filter = TemplateFilter {
        usecases: asked.usecases,
        triggers: asked.triggers,
        types: asked.types,
        agent: asked.agent,
        deactivated: asked.deactivated,
        deleted: asked.deleted,
    };

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let is_full = asked.view == Some(View::Full);
    let page_size = if is_full { page_size.min(MAX_TEMPLATES) } else { page_size };
    let page = app.store.current_templates(&tenant, &filter, after.as_ref(), page_size).await?;
    let Further { of_templates, unreachable } = if is_full {
        further(app, &tenant, request.caller(), &filter.usecases, &page.entries, now).await?
    } else {
        Further::default()
    };

    let page = page.map(|template| template.seen_by(request.caller()));
    let mut messages: Vec<_> = page.entries.iter().map(|template| template.message(&tenant, now)).collect();
    if is_full {
        messages.truncate(of_templates.len());
    }
    for (message, OfTemplate { stats, benchmark_pending, audience }) in messages.iter_mut().zip(of_templates) {
        message.stats = stats;
        message.benchmark_pending = benchmark_pending;
        message.resolved_audience = audience;
    }
    Answer::page(&messages, |scorecard_templates| {
        let next = page.after(scorecard_templates.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        let unreachable = page.unreachable(scorecard_templates.len()).into_iter().chain(unreachable.iter().cloned());
        let unreachable: BTreeSet<String> = unreachable.collect();
        let unreachable = unreachable.into_iter().collect();
        Ok(ListTemplatesResponse { scorecard_templates, next_page_token, unreachable })
    })
}
