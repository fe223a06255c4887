//! `:retrieveEvaluationPeriods`.

use coaching_domain::message::Place;
use coaching_domain::names::{ScorecardTemplateId, UsecaseId};
use coaching_domain::qa_task::EvaluationPeriod;
use coaching_domain::timestamp::range_fault;
use coaching_domain::{Error, Tenant, Timestamp, message};
use coaching_edge::{Answer, App, Request};
use serde::Serialize;
use utoipa::ToSchema;

use crate::found_template;

message! {
    /// What periods are asked for.
    pub(crate) struct RetrieveEvaluationPeriodsRequest, checked as SentRequest {
        usecase: Option<UsecaseId> = "usecaseName",
        start_time: Option<Timestamp> = "startTime",
        end_time: Option<Timestamp> = "endTime",
    }
}

impl SentRequest {
    fn check(&mut self, place: &mut Place<'_>) {
        if let Some(fault) = range_fault(self.start_time, self.end_time, "startTime") {
            place.refuse_field("endTime", fault);
        }
    }
}

/// The evaluation periods.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveEvaluationPeriodsResponse {
    /// The periods, the earliest first.
    evaluation_periods: Vec<EvaluationPeriod>,
    /// For each period the range that conversations are drawn from; empty if that is the period.
    conversation_evaluation_periods: Vec<EvaluationPeriod>,
}

/// Answers the periods of the template `id`.
pub(crate) async fn answer(
    app: &App,
    request: &Request<'_>,
    tenant: &Tenant,
    id: &ScorecardTemplateId,
) -> Result<Answer, Error> {
    let now = app.now()?;
    let RetrieveEvaluationPeriodsRequest { usecase, start_time, end_time } = request.body(tenant, now)?;

    let template = found_template(app, tenant, id).await?;
    let periods = template.evaluation_periods(usecase.as_ref(), (start_time, end_time), now)?;

    Answer::json(&RetrieveEvaluationPeriodsResponse {
        evaluation_periods: periods.iter().map(|(period, _)| *period).collect(),
        conversation_evaluation_periods: periods.iter().filter_map(|(_, drawn)| *drawn).collect(),
    })
}
