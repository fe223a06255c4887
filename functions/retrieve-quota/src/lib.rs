//! Returns the evaluation periods of a scorecard template, and the ranges that their conversations are drawn from.
//!
//! `:retrieveEvaluationPeriods` answers all periods from the first through the one that holds now and the next, the
//! earliest first. With `startTime` or `endTime`, which the reference does not have, it answers those that touch the
//! range between them; more than 1000 are refused. `usecaseName` must be one that the template is for.
//!
//! Periods are half-open and abut; those of weeks and months start with the first instant of a day in the time zone of
//! the template: of two midnights the earlier; if clocks jump over midnight, when they jump. Without an
//! `overrideTimeRange`, `conversationEvaluationPeriods` is empty: conversations are drawn from the periods themselves.
//!
//! The settings that the template has now count, whatever the revision in the path. Without an `evaluationPeriodConfig`
//! the request is FAILED_PRECONDITION.

use coaching_domain::message::Place;
use coaching_domain::names::{Revision, UsecaseId, parse_template_segment};
use coaching_domain::qa_task::EvaluationPeriod;
use coaching_domain::timestamp::range_fault;
use coaching_domain::{Error, Reason, Role, Timestamp, message};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route, Verb};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-quota",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}")),
    verbs: &[Verb {
        name: "retrieveEvaluationPeriods",
        id: "retrieveEvaluationPeriods",
        summary: "read the evaluation periods of a template",
        roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
        callers: None,
        request: RequestType::body::<RetrieveQuotaRequest>(),
        answer: AnswerType::of::<RetrieveQuotaResponse>(),
    }],
    refusals: &[Reason::NoQaTaskConfig],
    access: &[Access::GetItem(&[Partition::Template])],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// What periods are asked for.
    struct RetrieveQuotaRequest, checked as SentRequest {
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
struct RetrieveQuotaResponse {
    /// The periods, the earliest first.
    evaluation_periods: Vec<EvaluationPeriod>,
    /// For each period the range that conversations are drawn from; empty if that is the period.
    conversation_evaluation_periods: Vec<EvaluationPeriod>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, segment, _) = request.authorize_verb_of("scorecardTemplate")?;
    let id = match parse_template_segment(segment) {
        Some((id, Revision::Current | Revision::Number(_))) => id,
        Some((_, Revision::Every)) | None => {
            return Err(Error::invalid_field(
                "name",
                "must end in {scorecard_template_id} or {scorecard_template_id}@{revision}",
            ));
        }
    };
    let now = app.now()?;
    let RetrieveQuotaRequest { usecase, start_time, end_time } = request.body(&tenant, now)?;

    let template = app.store.template(&tenant, &id, None).await?;
    let template = template.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
    let periods = template.evaluation_periods(usecase.as_ref(), (start_time, end_time), now)?;

    Answer::json(&RetrieveQuotaResponse {
        evaluation_periods: periods.iter().map(|(period, _)| *period).collect(),
        conversation_evaluation_periods: periods.iter().filter_map(|(_, drawn)| *drawn).collect(),
    })
}
