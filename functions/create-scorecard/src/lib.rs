//! Creates a scorecard as a draft.
//!
//! The body is the scorecard. `conversationName`, `agentUserName` and `templateName` are required. With the
//! `scorecardType` `SCORECARD_TYPE_PROCESS` so are `processId` and `processInteractionTime`, and `conversationName` is
//! not. The agent must be an agent of the profile; callers who import history may name any user of the profile. A
//! template's name without a revision means the current one. `coachingPlanNames` are plans of that agent. `usecaseName`
//! must exist, and may be left out if the template is for exactly one usecase.
//!
//! With a `calibratedScorecardName` it is a calibration: it scores once more what that scorecard scores, to compare
//! those who score. The agent, conversation, process and template revision must be the same (INVALID_ARGUMENT), and the
//! calibrated scorecard submitted and no calibration itself (FAILED_PRECONDITION). A calibration counts in no
//! statistics, and its agent neither sees nor acknowledges it.
//!
//! A criterion without a score counts as not applicable, even if it is auto-fail. A template whose `deactivateTime` has
//! come takes no scorecards created after it, in any revision, and a deleted one takes none (FAILED_PRECONDITION).
//! Existing scorecards stay, and drafts can be finished.
//!
//! The service computes `totalScore` and drops a client's. It also sets the times, `creator`, `submittedBy` and the
//! agent's acknowledgement, but keeps those that callers with role `service` or `admin` send, who import history. With
//! a `submitTime` they create the scorecard submitted. That is RESOURCE_EXHAUSTED if it would make the statistics of
//! the agent, the usecase and a period of two months larger than 256 KiB. Without a `createTime`, the earliest of the
//! times sent is the time of creation. A time before that of the preceding step is refused.
//!
//! A repeat with the same `requestId` (query, a UUID) within a day creates nothing and gets the first answer.

use coaching_domain::scorecard::{NewScorecard, ScorecardMessage};
use coaching_domain::{Error, Reason, Role};
use coaching_edge::{Access, Answer, AnswerType, App, Creation, Operation, Partition, Request, RequestType, Route};
use coaching_store::ScorecardChange;
use futures_util::future::try_join4;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "create-scorecard",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecards")),
    summary: "create a scorecard, a draft",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::creation::<NewScorecard>(),
    answer: AnswerType::of::<CreateScorecardResponse<'_>>(),
    writes: true,
    refusals: &[
        Reason::ScorecardTemplateDeactivated,
        Reason::TemplateDeleted,
        Reason::ScorecardNotTheAgents,
        Reason::ScorecardNotSubmitted,
        Reason::ScorecardIsCalibration,
        Reason::ResourceAlreadyExists,
        Reason::StatisticsFull,
    ],
    access: &[
        Access::GetItem(&[Partition::Scorecard, Partition::Template, Partition::Request]),
        Access::BatchGetItem(&[
            Partition::Plan,
            Partition::Scorecard,
            Partition::Template,
            Partition::Usecase,
            Partition::Statistics,
            Partition::User,
        ]),
        Access::PutItem(&[Partition::Scorecard, Partition::Activity, Partition::Request]),
        Access::UpdateItem(&[Partition::Scorecard, Partition::Statistics]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The created scorecard.
#[derive(Serialize, ToSchema)]
struct CreateScorecardResponse<'a> {
    /// The scorecard.
    scorecard: ScorecardMessage<'a>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let creation = request.creation::<NewScorecard>(app, &tenant)?;
    let Creation { new, now, .. } = &creation;

    let mut made_from = None;
    let create = async |record| {
        // Only the current revision says whether the template is in use.
        let revisions: Vec<Option<u32>> = std::iter::once(None).chain(new.revision().map(Some)).collect();
        let references = new.references("").and(new.people(None, "", caller));
        let calibrated: Vec<_> = new.calibrated.iter().cloned().collect();
        let ((mut found, known), mut violations, owners, calibrated) = try_join4(
            app.store.template_and_statistics(&tenant, new.template(), &revisions, new.counted()),
            app.store.unknown_names(&tenant, &references, true),
            app.store.owners(&tenant, new.plans(), &[], None),
            app.store.scorecards_by_id(&tenant, &calibrated),
        )
        .await?;
        let place = found.iter().position(|one| new.revision().is_none_or(|revision| one.revision == revision));
        match place.and_then(|place| found.get(place)) {
            Some(template) => new.check(template, "", &mut violations),
            None => violations.add("templateName", "names no revision of a template"),
        }
        let place = violations.finish(place)?;
        new.check_plans(None, "", &tenant, &owners)?;
        let current = found.last().cloned();
        let template = made_from.insert(found.swap_remove(place));

        let id = new.id.clone().map_or_else(|| app.new_id(*now), Ok)?;
        let mut scorecard = new.clone().into_scorecard(id, template, caller, *now)?;
        let calibrated = calibrated.whole()?.pop();
        scorecard.check_calibrated(calibrated.as_ref(), "", &tenant)?;
        if scorecard.is_to_be_compared(None) {
            scorecard.compare(calibrated.as_ref(), template, &tenant)?;
        }
        current.map_or(Ok(()), |current| current.check_in_use(scorecard.create_time, ""))?;
        let change = ScorecardChange::creating(scorecard, template, calibrated.as_ref());
        app.store.create_scorecard(&tenant, change, known, record, *now).await
    };
    let created = creation.once(app, &tenant, create).await?;

    // A repeat is answered with the first request's revision. Revisions are never deleted.
    let template = match made_from.filter(|template| Some(template.revision) == created.revision) {
        Some(template) => template,
        None => {
            let found = app.store.template(&tenant, creation.new.template(), created.revision).await?;
            found.ok_or_else(|| Error::internal("a scorecard's template revision does not exist"))?
        }
    };
    let mut scorecard = creation.new.into_scorecard(created.id, &template, caller, created.time)?;
    scorecard.consistency = created.consistency;
    let answer = Answer::json(&CreateScorecardResponse { scorecard: scorecard.message(&tenant, &template) })?;
    Ok(answer.with_etag(&scorecard.etag()))
}
