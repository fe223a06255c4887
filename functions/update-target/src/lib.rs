//! `PATCH /v1/{target.name=customers/*/profiles/*/targets/*}`: moves a target from now on. What it was is
//! kept, so that a window that is over keeps its gap.
//!
//! The body is `{"target": {…}}`. Only `target` may change. What a target is of (its template, criterion,
//! usecase and plan) is refused if it differs and ignored if it is the same; what the service owns is
//! dropped, and a key that a target does not have is refused. Repeating it changes nothing further.

use coaching_domain::fields::MAX_TITLE_BYTES;
use coaching_domain::names::{self, CoachingPlanId, ScorecardTemplateId, UsecaseId};
use coaching_domain::target::{TargetMessage, read_value};
use coaching_domain::{Code, Error, Role, Violations};
use coaching_edge::{Answer, App, Operation, Request};
use serde::Serialize;

/// How often an update is tried that others keep getting in front of.
const ATTEMPTS: usize = 8;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "update-target", handle: |app, request| Box::pin(handle(app, request)) };

#[derive(Serialize)]
struct UpdateTargetResponse<'a> {
    target: TargetMessage<'a>,
}

/// The keys that are present.
struct TargetUpdate {
    value: Option<u32>,
    template: Option<ScorecardTemplateId>,
    part: Option<String>,
    usecase: Option<UsecaseId>,
    plan: Option<Option<CoachingPlanId>>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Manager, Role::Service, Role::Admin])?;
    let id = request.path_id::<names::Target>("target", &tenant)?;
    let now = app.now()?;
    let update = request.body(request.query().finish(), |fields| {
        let update = fields.required("target", |fields, field| {
            fields.object(field, |target| {
                let update = TargetUpdate {
                    value: if target.has("target") { target.required("target", read_value) } else { None },
                    template: target.template("scorecardTemplateName", &tenant).map(|(template, _)| template),
                    part: target
                        .has("criterionOrChapterId")
                        .then(|| target.string("criterionOrChapterId", MAX_TITLE_BYTES).unwrap_or_default()),
                    usecase: target.id("usecaseName", &tenant),
                    plan: target.has("coachingPlanName").then(|| target.id("coachingPlanName", &tenant)),
                };
                target.drop_known(&["name", "createTime", "updateTime", "qaScore"]);
                target.refuse_unknown();
                Some(update)
            })
        });
        fields.refuse_unknown();
        update
    })?;

    for _ in 0..ATTEMPTS {
        let target = app.store.target(&tenant, &id, now).await?;
        let before = target.ok_or_else(|| Error::not_found(&tenant.name_of(&id)))?;
        let mut violations = Violations::default();
        for (field, changed) in [
            ("target.scorecardTemplateName", update.template.as_ref().is_some_and(|new| *new != before.template)),
            (
                "target.criterionOrChapterId",
                update.part.as_ref().is_some_and(|new| *new != before.criterion_or_chapter_id),
            ),
            ("target.usecaseName", update.usecase.as_ref().is_some_and(|new| *new != before.usecase)),
            ("target.coachingPlanName", update.plan.as_ref().is_some_and(|new| *new != before.plan)),
        ] {
            if changed {
                violations.add(field, "cannot change; create another target");
            }
        }
        violations.into_result()?;
        let mut after = before.clone();
        if let Some(value) = update.value {
            after.move_to(value, now)?;
        }
        if after == before || app.store.replace_target(&tenant, &after).await? {
            return Answer::json(&UpdateTargetResponse { target: after.message(&tenant) });
        }
    }
    Err(Error::new(Code::Aborted, "CONCURRENT_CHANGES", "others kept changing the target; try again"))
}
