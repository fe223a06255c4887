//! Creates or replaces coaching plans.
//!
//! The body is `{"coachingPlans": […]}`, 1 to 500 of them, each name once; without a `name` the service makes one. What
//! an entry names must exist, as in `create-plan`; people are checked only if the entry creates a plan. An entry
//! replaces those fields of an existing plan that may change (see `update-plan`), or is refused by itself: the answer's
//! `results` hold, in order, the plan (without sessions) or the `status` of its refusal. Entries with the same name are
//! all refused. An entry whose `etag` is of another version, or of a plan that does not exist, is ABORTED. A repeat
//! with names and without etags changes nothing further, but that a manager's time of submission that is replaced by now is
//! later.
//!
//! Entries that time ran out for are UNAVAILABLE with the reason `OUT_OF_TIME`; the others have their own results. A
//! repeat completes the batch.

use std::collections::HashMap;

use coaching_domain::bodies::Entry;
use coaching_domain::change::Author;
use coaching_domain::directory::MAX_ENTRIES;
use coaching_domain::plan::{CoachingPlan, CoachingPlanMessage, NewCoachingPlan, SeenPlan};
use coaching_domain::references::References;
use coaching_domain::{Code, Error, Role, Tenant, Violations};
use coaching_edge::{
    Access, Answer, AnswerType, App, EntryStatus, ListIndex, Operation, Partition, Request, RequestType, Route,
    entry_results,
};
use futures_util::future::try_join;
use futures_util::stream::{StreamExt, iter};
use serde::Serialize;
use utoipa::ToSchema;

/// How many plans are written concurrently.
const AT_ONCE: usize = 8;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-plans",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingPlans:batchUpsert")),
    summary: "create or replace plans, up to 500",
    roles: &[Role::Manager, Role::Service, Role::Admin],
    request: RequestType::entries::<Entry<NewCoachingPlan>, MAX_ENTRIES>("coachingPlans"),
    answer: AnswerType::of::<UpsertPlansResponse<'_>>(),
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

/// The result of each entry.
#[derive(Serialize, ToSchema)]
struct UpsertPlansResponse<'a> {
    /// One result for each entry, in the order of the request.
    results: Vec<UpsertPlanResult<'a>>,
}

/// The result of one entry: the stored record, or why the entry was refused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpsertPlanResult<'a> {
    /// The plan as stored. Absent if the entry was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    coaching_plan: Option<CoachingPlanMessage<'a>>,
    /// Why the entry was refused. Absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let caller = request.caller();
    let deadline = app.deadline();
    let entries =
        request.entries::<Entry<NewCoachingPlan>, _, MAX_ENTRIES>("coachingPlans", &tenant, now, |entry| {
            entry.value.id.as_ref()
        })?;

    let author = request.author(now);
    let named: Vec<_> = entries.iter().flatten().filter_map(|entry| entry.value.id.clone()).collect();
    let references = entries.iter().enumerate().map(|(index, entry)| match entry {
        Ok(Entry { value: plan, .. }) => {
            let path = format!("coachingPlans[{index}].");
            (plan.references(&path), plan.people(&path, caller))
        }
        Err(_) => (References::default(), References::default()),
    });
    let (references, people): (Vec<References>, Vec<References>) = references.unzip();
    let (read, exists) = try_join(
        app.store.plans_by_id(&tenant, &named, true),
        app.store.existing(&tenant, references.iter().chain(&people).flat_map(References::named), true),
    )
    .await?;
    let unreadable = read.unreadable;
    let mut read: HashMap<_, _> = read.entries.into_iter().map(|plan| (plan.id.clone(), plan)).collect();
    let written = entries.into_iter().zip(references.into_iter().zip(people)).map(|(entry, (references, people))| {
        let before = entry.as_ref().ok().and_then(|entry| read.remove(entry.value.id.as_ref()?));
        let entry = entry.and_then(|entry| {
            let mut violations = Violations::default();
            // An existing plan keeps its people, whatever the directory says now.
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
    let messages = written.iter().map(|entry| entry.as_ref().map(|plan| plan.message(&tenant, Vec::new())));
    let results = entry_results(messages, |coaching_plan, status| UpsertPlanResult { coaching_plan, status })?;
    Answer::json(&UpsertPlansResponse { results })
}

/// Creates the plan, or replaces the mutable fields of the plan that was read before, if that has the expected version.
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
        new.replace(plan, author.caller, now)
    };
    if let Some(before) = before {
        match app.store.change_plan_read(tenant, before, author, replace).await {
            Err(error) if error.code() == Code::NotFound => {}
            changed => return changed,
        }
    }
    expected.check_found(None)?;
    let id = new.id.clone().map_or_else(|| app.new_id(now), Ok)?;
    let plan = new.clone().into_plan(id, author.caller, now);
    match app.store.create_plan(tenant, &plan, None, author).await {
        // Another request created it since the plans were read.
        Err(error) if error.code() == Code::AlreadyExists => {
            app.store.change_plan(tenant, &plan.id, author, replace).await
        }
        created => created.map(|_| plan),
    }
}
