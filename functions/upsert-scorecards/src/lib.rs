//! `POST /v1/{parent=customers/*/profiles/*}/scorecards:batchUpsert`: creates or replaces scorecards, for
//! bulk loads and backfills by a customer's own systems.
//!
//! The body is `{"scorecards": […]}`, 1 to 500 of them, each name once; without a `name` the service makes
//! one. With a `submitTime` they are submitted, and count on that day; without one they are drafts. Every
//! entry replaces what is there whole, or is refused by itself: the answer's `results` hold, in order, the
//! scorecard or the `status` of its refusal. A scorecard's agent never changes. Times, criteria without a score and
//! templates that are out of use are as in `create-scorecard`: what is there already may be replaced, unless by one of
//! another template, and what was made before a template went out of use is taken.
//!
//! Each scorecard is written in one transaction with what it changes in its agent's statistics; those of
//! one agent and period share one. Repeating a call with names changes nothing further.

use std::collections::{BTreeMap, HashMap, HashSet};

use coaching_domain::names::ScorecardId;
use coaching_domain::scorecard::{NewScorecard, Scorecard, ScorecardMessage};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Code, Error, Role, Tenant, Timestamp, Violations};
use coaching_edge::{Answer, App, EntryStatus, Operation, Request, entry_status};
use coaching_store::{KnownStatistics, ScorecardChange, Store, Written};
use futures_util::future::{join_all, try_join};
use serde::Serialize;
use utoipa::ToSchema;

/// The most entries of one call.
const MAX_ENTRIES: usize = 500;
/// How often entries are written that others keep changing.
const ATTEMPTS: usize = 4;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "upsert-scorecards", handle: |app, request| Box::pin(handle(app, request)) };

/// What became of each entry.
#[derive(Serialize, ToSchema)]
pub struct UpsertScorecardsResponse<'a> {
    /// One for each entry, in their order.
    results: Vec<UpsertScorecardResult<'a>>,
}

/// What became of one entry: the record as it is, or why it was refused.
#[derive(Serialize, ToSchema)]
struct UpsertScorecardResult<'a> {
    /// The scorecard as it is; absent: it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    scorecard: Option<ScorecardMessage<'a>>,
    /// Why it was refused; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

/// A template's id and revision; without one, the current.
type Revision = (coaching_domain::names::ScorecardTemplateId, Option<u32>);

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Service, Role::Admin])?;
    let caller = request.caller();
    let now = app.now()?;
    let entries = request.body(request.query().finish(), |fields| {
        let mut names = HashSet::new();
        let entries =
            fields.entries("scorecards", MAX_ENTRIES, |fields| NewScorecard::read(fields, &tenant, caller, now))?;
        let mut named = entries.iter().flatten().filter_map(|new| new.id.clone());
        if named.any(|id| !names.insert(id)) {
            fields.refuse("scorecards", "names a scorecard twice");
        }
        Some(entries)
    })?;

    // The current revision of each template tells whether it is in use.
    let revisions = entries.iter().flatten();
    let revisions = revisions.flat_map(|new| [(new.template.clone(), None), (new.template.clone(), new.revision)]);
    let revisions: Vec<Revision> = revisions.collect();
    let mut templates: HashMap<Revision, ScorecardTemplate> = HashMap::new();
    let named: Vec<ScorecardId> = entries.iter().flatten().filter_map(|new| new.id.clone()).collect();
    let read = app.store.templates(&tenant, &revisions, true);
    let (read, before) = try_join(read, app.store.scorecards_by_id(&tenant, &named)).await?;
    for template in read {
        let current = templates.get(&(template.id.clone(), None));
        if current.is_none_or(|current| current.revision < template.revision) {
            templates.insert((template.id.clone(), None), template.clone());
        }
        templates.insert((template.id.clone(), Some(template.revision)), template);
    }
    let mut results: Vec<Result<Scorecard, Error>> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        results.push(entry.and_then(|new| {
            let field = |name: &str| format!("scorecards[{index}].{name}");
            let template = templates.get(&(new.template.clone(), new.revision));
            let template = template
                .ok_or_else(|| Error::invalid_field(&field("templateName"), "names no revision of a template"))?;
            let mut violations = Violations::default();
            new.check(template, &field(""), &mut violations);
            violations.into_result()?;
            let id = new.id.clone().map_or_else(|| app.new_id(now), Ok)?;
            let scorecard = new.into_scorecard(id, template, caller, now);
            scorecard.ok_or_else(|| Error::internal("a scorecard was checked and has no usecase"))
        }));
    }
    write(&app.store, &tenant, &mut results, before, &templates, now).await?;

    let results = results.iter().map(|result| match result {
        Ok(scorecard) => {
            let template = templates.get(&(scorecard.template.clone(), Some(scorecard.revision)));
            UpsertScorecardResult {
                scorecard: template.map(|template| scorecard.message(&tenant, template)),
                status: None,
            }
        }
        Err(error) => UpsertScorecardResult { scorecard: None, status: Some(entry_status(error)) },
    });
    Answer::json(&UpsertScorecardsResponse { results: results.collect() })
}

/// Writes every scorecard among `results` over those that were there `before`, and puts the refusal in the
/// place of those that are refused.
async fn write(
    store: &Store,
    tenant: &Tenant,
    results: &mut [Result<Scorecard, Error>],
    mut before: Vec<Scorecard>,
    templates: &HashMap<Revision, ScorecardTemplate>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut left: Vec<usize> =
        (0..results.len()).filter(|index| results.get(*index).is_some_and(Result::is_ok)).collect();
    for _ in 0..ATTEMPTS {
        if left.is_empty() {
            return Ok(());
        }
        let scorecards = left.iter().filter_map(|index| results.get(*index)?.as_ref().ok().map(|one| (*index, one)));
        let scorecards: Vec<(usize, &Scorecard)> = scorecards.collect();
        let (changes, mut settled) = changes(store, tenant, &scorecards, &before, templates).await?;
        let written = join_all(changes.iter().map(|(_, changes)| write_agent(store, tenant, changes, now))).await;
        left.clear();
        for ((indexes, changes), not_as_read) in changes.into_iter().zip(written) {
            let not_as_read = not_as_read?;
            for (place, (index, change)) in indexes.into_iter().zip(changes).enumerate() {
                match not_as_read.contains(&place) {
                    true => left.push(index),
                    false => settled.push((index, Ok(change.after))),
                }
            }
        }
        for (index, settled) in settled {
            if let Some(result) = results.get_mut(index) {
                *result = settled;
            }
        }
        let ids = left.iter().filter_map(|index| Some(results.get(*index)?.as_ref().ok()?.id.clone()));
        before = store.scorecards_by_id(tenant, &ids.collect::<Vec<_>>()).await?;
    }
    for index in left {
        if let Some(result) = results.get_mut(index) {
            *result =
                Err(Error::new(Code::Aborted, "CONCURRENT_CHANGES", "others kept changing the scorecard; try again"));
        }
    }
    Ok(())
}

/// The changes of one agent, and the places of their entries.
type OfAgent = (Vec<usize>, Vec<ScorecardChange>);

/// What became of the entry at a place.
type Settled = (usize, Result<Scorecard, Error>);

/// What is to be written, agent by agent and day by day, and what is refused or there already.
async fn changes(
    store: &Store,
    tenant: &Tenant,
    scorecards: &[(usize, &Scorecard)],
    before: &[Scorecard],
    templates: &HashMap<Revision, ScorecardTemplate>,
) -> Result<(Vec<OfAgent>, Vec<Settled>), Error> {
    let revisions = before.iter().map(|one| (one.template.clone(), Some(one.revision)));
    let unknown: Vec<Revision> = revisions.filter(|revision| !templates.contains_key(revision)).collect();
    let older = store.templates(tenant, &unknown, true).await?;
    let before: HashMap<&ScorecardId, &Scorecard> = before.iter().map(|scorecard| (&scorecard.id, scorecard)).collect();
    let mut by_agent: BTreeMap<_, Vec<(usize, ScorecardChange)>> = BTreeMap::new();
    let mut settled = Vec::new();
    for (index, scorecard) in scorecards {
        let missing = || Error::internal("a scorecard's template revision does not exist");
        let template = templates.get(&(scorecard.template.clone(), Some(scorecard.revision))).ok_or_else(missing)?;
        let before = before.get(&scorecard.id);
        if before.is_none_or(|before| before.template != scorecard.template) {
            let current = templates.get(&(scorecard.template.clone(), None)).ok_or_else(missing)?;
            if let Err(refused) = current.check_in_use(scorecard.create_time, &format!("scorecards[{index}].")) {
                settled.push((*index, Err(refused)));
                continue;
            }
        }
        let change = match before {
            None => ScorecardChange::creating((*scorecard).clone(), template),
            Some(before) if before.agent != scorecard.agent => {
                let field = format!("scorecards[{index}].agentUserName");
                let refused = Error::invalid_field(&field, "cannot change: the scorecard is of another agent");
                settled.push((*index, Err(refused)));
                continue;
            }
            Some(before) if before.same_as(scorecard) => {
                settled.push((*index, Ok((*before).clone())));
                continue;
            }
            Some(before) => {
                let known = templates.get(&(before.template.clone(), Some(before.revision)));
                let of_before = known.or_else(|| older.iter().find(|template| before.is_made_from(template)));
                let of_before = of_before.ok_or_else(missing)?;
                ScorecardChange::replacing((before, of_before), (*scorecard).clone(), template)
            }
        };
        by_agent.entry(scorecard.agent.clone()).or_default().push((*index, change));
    }
    let by_agent = by_agent.into_values().map(|mut changes| {
        // Those of one period come together, so that its statistics change once.
        changes.sort_by_key(|(_, change)| change.after.submit_time);
        changes.into_iter().unzip()
    });
    Ok((by_agent.collect(), settled))
}

/// Writes the changes of one agent, run by run; says which are not what was read.
async fn write_agent(
    store: &Store,
    tenant: &Tenant,
    changes: &[ScorecardChange],
    now: Timestamp,
) -> Result<Vec<usize>, Error> {
    let mut not_as_read = Vec::new();
    let mut start = 0;
    for run in Store::runs_of(changes) {
        match store.write_scorecards(tenant, run, KnownStatistics::default(), None, now).await? {
            Written::All | Written::Repeated(_) => {}
            // The whole run was refused, so all of it is read again.
            Written::NotAsRead(_) => not_as_read.extend(start..start + run.len()),
        }
        start += run.len();
    }
    Ok(not_as_read)
}
