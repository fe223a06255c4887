//! `:retrieveEvaluationProgress`.

mod answer;
mod measure;
mod request;

use coaching_domain::names::ScorecardTemplateId;
use coaching_domain::quota::TotalProgress;
use coaching_domain::{Error, Tenant};
use coaching_edge::{Answer, App, Binding, Paging, Request};

pub(crate) use answer::RetrieveEvaluationProgressResponse;
pub(crate) use request::Body;

use crate::OPERATION;
use crate::agents::{quotas_and_audience, span};
use crate::found_template;
use crate::progress::measure::{EvaluatedAgent, EvaluationMeasuring};
use crate::progress::request::{OrderBy, RetrieveEvaluationProgressRequest};

/// Answers the progress of agents with the template `id`.
pub(crate) async fn answer(
    app: &App,
    request: &Request<'_>,
    tenant: &Tenant,
    id: &ScorecardTemplateId,
) -> Result<Answer, Error> {
    let now = app.now()?;
    let caller = request.caller();
    let (asked, mut parameters) = request.page(tenant, now)?;
    let mut asked = RetrieveEvaluationProgressRequest::new(asked, caller, tenant)?;

    parameters.add("scorecardTemplate", [id.as_str()].iter());
    let binding = Binding::new(OPERATION.name, caller, tenant, &parameters);
    app.page_tokens.position(asked.page.token.as_deref(), &binding, now)?;
    let template = found_template(app, tenant, id).await?;
    let period = template.counted_period(asked.usecase.as_ref(), asked.period, now)?;
    let completion = template.task_complete_config()?;
    let (quotas, audience) = quotas_and_audience(app, tenant, completion, &template.audience()).await?;
    asked.agents = audience.into_iter().fold(asked.agents, |agents, audience| agents.within(audience));

    let measuring = EvaluationMeasuring::new(app, tenant, &asked, &template, period, quotas, now)?;
    let paging = Paging {
        app,
        tenant,
        asked: &asked.agents,
        page: &asked.page,
        span: span(now),
        now,
        caller,
        binding: &binding,
        measuring: &measuring,
    };
    let is_first = asked.page.token.is_none();
    let measures_everyone = asked.with_totals || (is_first && asked.order_by == OrderBy::Remaining);
    let everyone = if measures_everyone { Some(paging.everyone_measured().await?) } else { None };
    let mut totals = everyone.as_deref().map(total).transpose()?;
    let page = match (asked.order_by, everyone) {
        (OrderBy::AgentName, None) => paging.by_name().await?,
        (OrderBy::AgentName, Some(everyone)) => paging.by_name_of(everyone).await?,
        (OrderBy::Remaining, Some(everyone)) if is_first => paging.first_by_value(everyone).await?,
        (OrderBy::Remaining, _) => paging.by_value().await?,
    };
    if is_first && page.is_last() {
        totals = Some(total(&page.agents)?);
    }

    answer::answer(&paging, &page, totals).await
}

fn total(agents: &[EvaluatedAgent]) -> Result<TotalProgress, Error> {
    TotalProgress::of(agents.iter().map(|agent| &agent.progress))
}
