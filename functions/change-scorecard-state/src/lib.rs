//! Submits, resets or acknowledges a scorecard.
//!
//! - `:submit` submits a draft. It counts from now on, on today's date. A repeat changes nothing.
//! - `:reset` makes it a draft again. It no longer counts anywhere, and its submission and acknowledgement are removed;
//!   its history keeps them. A repeat changes nothing.
//! - `:acknowledge` records that its agent acknowledges it, with an `acknowledgeComment` of at most 64 KiB. The first
//!   time is kept until the scorecard changes; a repeat can change the comment. A draft is FAILED_PRECONDITION; to its
//!   agent it does not exist.
//!
//! A calibration counts nowhere. Submitted, it is compared with the scorecard that it calibrates, as that is then
//! (`calibrationConsistencyScore`); it is FAILED_PRECONDITION while that is a draft, or if that was loaded anew with
//! another conversation or template revision. A calibration is not acknowledged (FAILED_PRECONDITION).
//!
//! A criterion without a score counts as not applicable, even if it is auto-fail. A draft can be submitted after its
//! template was deactivated.
//!
//! The agent's statistics change in the same transaction as the scorecard. A submission is RESOURCE_EXHAUSTED if it
//! would make the statistics of one agent, usecase and period of two months larger than 256 KiB.
//!
//! An `If-Match`, or an `etag` in the body, of another version is ABORTED.

use coaching_domain::scorecard::{Scorecard, ScorecardAcknowledgement, ScorecardMessage};
use coaching_domain::{Error, Reason, Role, names};
use coaching_edge::{Access, Answer, AnswerType, App, Operation, Partition, Request, RequestType, Route, Verb};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "change-scorecard-state",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecards/{scorecard}")),
    verbs: &[
        Verb {
            name: "submit",
            id: "submitScorecard",
            summary: "submit a scorecard",
            roles: &[Role::Manager, Role::Service, Role::Admin],
            callers: None,
            request: RequestType::step::<()>(),
            answer: AnswerType::of::<ChangeScorecardStateResponse<'_>>(),
        },
        Verb {
            name: "reset",
            id: "resetScorecard",
            summary: "make a scorecard a draft again",
            roles: &[Role::Manager, Role::Service, Role::Admin],
            callers: None,
            request: RequestType::step::<()>(),
            answer: AnswerType::of::<ChangeScorecardStateResponse<'_>>(),
        },
        Verb {
            name: "acknowledge",
            id: "acknowledgeScorecard",
            summary: "acknowledge a scorecard",
            roles: &[Role::Agent, Role::Service, Role::Admin],
            callers: Some("its agent, service, admin"),
            request: RequestType::step::<ScorecardAcknowledgement>(),
            answer: AnswerType::of::<ChangeScorecardStateResponse<'_>>(),
        },
    ],
    writes: true,
    refusals: &[
        Reason::ScorecardNotSubmitted,
        Reason::ScorecardIsCalibration,
        Reason::CalibratedScorecardChanged,
        Reason::EtagMismatch,
        Reason::StatisticsFull,
    ],
    access: &[
        Access::GetItem(&[Partition::Scorecard]),
        Access::BatchGetItem(&[Partition::Scorecard, Partition::Template, Partition::Statistics]),
        Access::PutItem(&[Partition::Scorecard, Partition::Activity]),
        Access::UpdateItem(&[Partition::Statistics]),
        Access::DeleteItem(&[Partition::Activity]),
        Access::ConditionCheckItem(&[Partition::Scorecard]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The scorecard after the request.
#[derive(Serialize, ToSchema)]
struct ChangeScorecardStateResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

#[derive(Clone, Copy)]
enum Step {
    Submit,
    Reset,
    Acknowledge,
}

impl Step {
    fn of(verb: &str) -> Option<Self> {
        match verb {
            "submit" => Some(Self::Submit),
            "reset" => Some(Self::Reset),
            "acknowledge" => Some(Self::Acknowledge),
            _ => None,
        }
    }
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let (tenant, id, verb) = request.authorize_verb::<names::Scorecard>("scorecard")?;
    let step = Step::of(verb).ok_or_else(|| request.no_such_path())?;
    let name = tenant.name_of(&id);
    let now = app.now()?;
    let (comment, expected) = match step {
        Step::Acknowledge => {
            let (acknowledgement, expected) = request.step::<ScorecardAcknowledgement>(&tenant, now)?;
            (acknowledgement.comment, expected)
        }
        Step::Submit | Step::Reset => (None, request.step::<()>(&tenant, now)?.1),
    };

    let author = request.author(now);
    let counted = |scorecard: &Scorecard, now| {
        let found = Some(scorecard).filter(|scorecard| scorecard.is_there_for(request.caller()));
        request.visible(found, |scorecard| &scorecard.agent, &name)?;
        Ok(match step {
            Step::Submit => Some(now).filter(|_| scorecard.submit_time.is_none() && !scorecard.is_calibration()),
            Step::Reset => scorecard.counted_at(),
            Step::Acknowledge => None,
        })
    };
    let changed = app.store.change_scorecard(&tenant, &id, author, counted, |scorecard, _, now| {
        expected.check(&scorecard.etag())?;
        match step {
            Step::Submit => scorecard.submit(request.caller(), now),
            Step::Reset => scorecard.reset(request.caller(), now),
            Step::Acknowledge => scorecard.acknowledge(comment.clone(), request.caller(), now)?,
        }
        Ok(())
    });
    let changed = changed.await.map_err(|error| request.hidden(error, &name))?;
    let (scorecard, template) = changed;

    let answer = Answer::json(&ChangeScorecardStateResponse { scorecard: scorecard.message(&tenant, &template) })?;
    Ok(answer.with_etag(&scorecard.etag()))
}
