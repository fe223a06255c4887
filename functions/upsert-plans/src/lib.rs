//! Creates or replaces coaching plans.
//!
//! The body is `{"coachingPlans": […]}`, 1 to 500 of them, each name once; without a `name` the service makes
//! one. As in `create-plan`, what an entry names must exist, people where it
//! creates a plan. Every entry replaces what may change of a plan that is there (see `update-plan`), or is refused by
//! itself: the answer's `results` hold, in order, the plan (without sessions) or the `status` of its
//! refusal. Entries that have one name are all refused. So is an entry (ABORTED) with an `etag` of another version, or of a
//! plan that does not exist. Repeating a call with names and without etags changes nothing further.
//!
//! What a batch does not come to in its time is UNAVAILABLE with the reason `OUT_OF_TIME`, entry by entry, and the
//! rest has its own result; repeating the call completes it.

use std::collections::HashMap;

use coaching_domain::change::Author;
use coaching_domain::directory::MAX_ENTRIES;
use coaching_domain::fields::{Entry, Fields};
use coaching_domain::plan::{CoachingPlan, CoachingPlanMessage, NewCoachingPlan, SeenPlan};
use coaching_domain::references::References;
use coaching_domain::{Code, Error, Role, Tenant, Violations};
use coaching_edge::{Access, Answer, App, EntryStatus, ListIndex, Operation, Partition, Request, Route, entry_status};
use futures_util::future::try_join;
use futures_util::stream::{StreamExt, iter};
use serde::Serialize;
use utoipa::ToSchema;

/// How many plans are written side by side.
const AT_ONCE: usize = 8;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-plans",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingPlans:batchUpsert")),
    summary: "create or replace plans, up to 500",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    writes: true,
    costly: true,
    access: &[
        Access::GetItem(&[Partition::Plan, Partition::Agent]),
        Access::BatchGetItem(&[
            Partition::Plan,
            Partition::Template,
            Partition::Target,
            Partition::Usecase,
            Partition::User,
        ]),
        Access::QueryIndex(ListIndex::Plan, &[Partition::TargetsOfPlan]),
        Access::PutItem(&[Partition::Plan, Partition::Agent]),
        Access::UpdateItem(&[Partition::Agent]),
        Access::ConditionCheckItem(&[Partition::Plan, Partition::Target]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// What became of each entry.
#[derive(Serialize, ToSchema)]
pub struct UpsertPlansResponse<'a> {
    /// One for each entry, in their order.
    results: Vec<UpsertPlanResult<'a>>,
}

/// What became of one entry: the record as it is, or why it was refused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpsertPlanResult<'a> {
    /// The plan as it is; absent: it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    coaching_plan: Option<CoachingPlanMessage<'a>>,
    /// Why it was refused; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let caller = request.caller();
    let deadline = app.deadline();
    let entries = request.body(request.query().finish(), |fields| {
        let read = |fields: &mut Fields<'_>| NewCoachingPlan::read(fields, &tenant, caller, now);
        fields.entries("coachingPlans", MAX_ENTRIES, read, |plan| plan.id.as_ref())
    })?;

    let author = request.author(now);
    let named: Vec<_> = entries.iter().flatten().filter_map(|entry| entry.value.id.clone()).collect();
    let references = entries.iter().enumerate().map(|(index, entry)| match entry {
        Ok(Entry { value: plan, .. }) => {
            let path = format!("coachingPlans[{index}].");
            (plan.references(&path), plan.people(&path))
        }
        Err(_) => (References::default(), References::default()),
    });
    let (references, people): (Vec<References>, Vec<References>) = references.unzip();
    let (read, exists) = try_join(
        app.store.plans_by_id(&tenant, &named),
        app.store.existing(&tenant, references.iter().chain(&people).flat_map(References::named), true),
    )
    .await?;
    let unreadable = read.unreadable;
    let mut read: HashMap<_, _> = read.entries.into_iter().map(|plan| (plan.id.clone(), plan)).collect();
    let written = entries.into_iter().zip(references.into_iter().zip(people)).map(|(entry, (references, people))| {
        let before = entry.as_ref().ok().and_then(|entry| read.remove(entry.value.id.as_ref()?));
        let entry = entry.and_then(|entry| {
            let mut violations = Violations::default();
            // A plan that is there keeps its people, wherever they are now.
            let references = if before.is_none() { references.and(people) } else { references };
            references.check(&tenant, &exists, &mut violations);
            let entry = violations.finish(Some(entry))?;
            let name = entry.value.id.as_ref().map(|id| tenant.name_of(id));
            match unreadable.iter().find(|unreadable| Some(unreadable.name()) == name.as_deref()) {
                Some(unreadable) => Err(unreadable.clone().into()),
                None => Ok(entry),
            }
        });
        let tenant = &tenant;
        async move { deadline.within(upsert(app, tenant, entry?, before, author)).await }
    });
    let written: Vec<Result<CoachingPlan, Error>> = iter(written).buffered(AT_ONCE).collect().await;

    let written = written.into_iter().map(|entry| entry.map(|plan| plan.seen_by(caller)));
    let written: Vec<Result<SeenPlan, Error>> = written.collect();
    let results = written.iter().map(|entry| match entry {
        Ok(plan) => Ok(UpsertPlanResult { coaching_plan: Some(plan.message(&tenant, Vec::new())), status: None }),
        Err(error) => Ok(UpsertPlanResult { coaching_plan: None, status: Some(entry_status(error)?) }),
    });
    Answer::json(&UpsertPlansResponse { results: results.collect::<Result<_, Error>>()? })
}

/// Creates the plan, or replaces what may change of the one that was there when it was read, if it is the version that is
/// expected.
async fn upsert(
    app: &App,
    tenant: &Tenant,
    Entry { value: new, expected }: Entry<NewCoachingPlan>,
    before: Option<CoachingPlan>,
    author: Author<'_>,
) -> Result<CoachingPlan, Error> {
    let now = author.now;
    let replace = |plan: &mut CoachingPlan, now| {
        expected.check(&plan.etag())?;
        new.replace(plan, now)
    };
    if let Some(before) = before {
        match app.store.change_plan_read(tenant, before, author, replace).await {
            Err(error) if error.code() == Code::NotFound => {}
            changed => return changed,
        }
    }
    expected.check_found(None)?;
    let id = new.id.clone().map_or_else(|| app.new_id(now), Ok)?;
    let plan = new.clone().into_plan(id, now);
    match app.store.create_plan(tenant, &plan, None, author).await {
        // Somebody created it since the plans were read.
        Err(error) if error.code() == Code::AlreadyExists => {
            app.store.change_plan(tenant, &plan.id, author, replace).await
        }
        created => created.map(|_| plan),
    }
}
