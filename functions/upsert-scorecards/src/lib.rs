//! Creates or replaces scorecards, for bulk loads and backfills by a customer's own systems.
//!
//! The body is `{"scorecards": […]}`, 1 to 500 of them, each name once; without a `name` the service makes one. Each
//! entry replaces the existing scorecard as a whole, or is refused by itself: the answer's `results` hold, in order,
//! the scorecard or the `status` of its refusal. Entries with the same name are all refused. An entry whose `etag` is
//! of another version, or of a scorecard that does not exist, is ABORTED. A repeat with names and without etags changes
//! nothing further.
//!
//! Usecases and templates must exist. `agentUserName` is a user of the profile, and `coachingPlanNames` are plans of
//! theirs; a replaced scorecard may keep those that it has. A scorecard's agent and `calibratedScorecardName` never
//! change. With a `submitTime` a scorecard is submitted and counts on that day; without one it is a draft. Times,
//! criteria without a score and deactivated or deleted templates are treated as in `create-scorecard`. An existing
//! scorecard may be replaced after its template was deactivated or deleted, unless by one of another template, and a
//! scorecard created before a template's deactivation is taken.
//!
//! An entry that replaces a submitted scorecard, is submitted itself and carries no acknowledgement keeps that of the
//! agent. If its template, scores or comment differ, or it is submitted later than the acknowledgement, only the
//! agent's comment is kept. The replaced version is kept in the history. A scorecard that is created submitted has no
//! history yet.
//!
//! Each scorecard is written in one transaction with its agent's statistics; scorecards of one agent and period share a
//! transaction. An entry that would make the statistics of one agent, usecase and period of two months larger than 256
//! KiB is refused by itself (RESOURCE_EXHAUSTED).
//!
//! Entries that time ran out for are UNAVAILABLE with the reason `OUT_OF_TIME`; the others have their own results. A
//! repeat completes the batch. The answer shows each scorecard with the labels of its criteria. An entry that would
//! make the answer exceed what a Lambda function may answer (6,291,556 bytes) is refused before it is written: send it
//! in another batch.

use std::collections::{BTreeMap, HashMap, HashSet};

use coaching_domain::bodies::Entry;
use coaching_domain::change::Author;
use coaching_domain::names::{CoachingPlanId, ScorecardId};
use coaching_domain::references::References;
use coaching_domain::scorecard::{NewScorecard, Scorecard, ScorecardMessage};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, ExpectedEtag, Role, Tenant, Violations};
use coaching_edge::{
    Access, Answer, AnswerType, App, EntryStatus, MAX_ANSWER_BYTES, MAX_STATUS_BYTES, Operation, Partition, Request,
    RequestType, Route, bytes_in_answer, entry_results,
};
use coaching_store::{Found, KnownScorecards, ScorecardChange, Store, TemplatesByRevision, UpsertedScorecards};
use futures_util::future::try_join4;
use serde::Serialize;
use utoipa::ToSchema;

/// The most entries of one call.
const MAX_ENTRIES: usize = 500;
/// The bytes of the answer reserved for each entry, enough for any refusal. The rest of the answer is given to the
/// scorecards that need more, in their order.
const BYTES_OF_ENTRY: usize = MAX_STATUS_BYTES + BYTES_BESIDE;
/// The bytes of JSON around a scorecard or a refusal, and those that a replaced scorecard may take more: its version
/// has more digits, and its users other names.
const BYTES_BESIDE: usize = 1024;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "upsert-scorecards",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/scorecards:batchUpsert")),
    summary: "load scorecards, up to 500",
    roles: &[Role::Service, Role::Admin],
    request: RequestType::entries::<Entry<NewScorecard>, MAX_ENTRIES>("scorecards"),
    answer: AnswerType::of::<UpsertScorecardsResponse<'_>>(),
    writes: true,
    costly: true,
    access: &[
        Access::BatchGetItem(&[
            Partition::Plan,
            Partition::Scorecard,
            Partition::Template,
            Partition::Usecase,
            Partition::Statistics,
            Partition::User,
        ]),
        Access::PutItem(&[Partition::Scorecard, Partition::Activity]),
        Access::UpdateItem(&[Partition::Scorecard, Partition::Statistics]),
        Access::DeleteItem(&[Partition::Activity]),
        Access::ConditionCheckItem(&[Partition::Scorecard]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

/// The result of each entry.
#[derive(Serialize, ToSchema)]
struct UpsertScorecardsResponse<'a> {
    /// One result for each entry, in the order of the request.
    results: Vec<UpsertScorecardResult<'a>>,
}

/// The result of one entry: the stored record, or why the entry was refused.
#[derive(Serialize, ToSchema)]
struct UpsertScorecardResult<'a> {
    /// The scorecard as stored. Absent if the entry was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    scorecard: Option<ScorecardMessage<'a>>,
    /// Why the entry was refused. Absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EntryStatus>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let caller = request.caller();
    let now = app.now()?;
    let deadline = app.deadline();
    let entries = request
        .entries::<Entry<NewScorecard>, _, MAX_ENTRIES>("scorecards", &tenant, now, |entry| entry.value.id.as_ref())?;

    let mut expected = Vec::with_capacity(entries.len());
    let entries = entries.into_iter().map(|entry| {
        let (new, etag) = match entry {
            Ok(entry) => (Ok(entry.value), entry.expected),
            Err(refused) => (Err(refused), ExpectedEtag::default()),
        };
        expected.push(etag);
        new
    });
    let entries: Vec<Result<NewScorecard, Error>> = entries.collect();
    // Only the current revision of a template says whether it is in use.
    let revisions = entries.iter().flatten();
    let revisions =
        revisions.flat_map(|new| [(new.template().clone(), None), (new.template().clone(), new.revision())]);
    let revisions: Vec<_> = revisions.collect();
    let mut templates = TemplatesByRevision::new();
    let named: HashSet<&ScorecardId> =
        entries.iter().flatten().flat_map(|new| new.id.iter().chain(&new.calibrated)).collect();
    let named: Vec<ScorecardId> = named.into_iter().cloned().collect();
    let read = app.store.templates(&tenant, &revisions, true);
    let references = entries.iter().enumerate().map(|(index, entry)| match entry {
        Ok(new) => new.references(&format!("scorecards[{index}].")),
        Err(_) => References::default(),
    });
    let references: Vec<References> = references.collect();
    let people: Vec<References> = entries.iter().flatten().map(|new| new.people(None, "", caller)).collect();
    let exists = app.store.existing(&tenant, references.iter().chain(&people).flat_map(References::named), true);
    let plans: Vec<CoachingPlanId> = entries.iter().flatten().flat_map(|new| new.plans().to_vec()).collect();
    let owners = app.store.owners(&tenant, &plans, &[], None);
    let before = app.store.scorecards_by_id(&tenant, &named);
    let (read, before, exists, owners) = try_join4(read, before, exists, owners).await?;
    let Found { entries: read, unreadable } = read;
    let replaced: HashMap<&ScorecardId, &Scorecard> = before.entries.iter().map(|one| (&one.id, one)).collect();
    for template in read {
        if template.settings.is_some() {
            templates.insert((template.id.clone(), None), template.clone());
        }
        templates.insert((template.id.clone(), Some(template.revision)), template);
    }
    let mut scorecards = BTreeMap::new();
    let mut results = UpsertedScorecards::new();
    let mut room = MAX_ANSWER_BYTES.saturating_sub((entries.len() + 1) * BYTES_OF_ENTRY);
    for (index, (entry, references)) in entries.into_iter().zip(&references).enumerate() {
        let checked = entry.and_then(|new| {
            let field = |name: &str| format!("scorecards[{index}].{name}");
            let mut violations = Violations::default();
            let replaced = new.id.as_ref().and_then(|id| replaced.get(id).copied());
            references.check(&tenant, &exists, &mut violations);
            new.people(replaced, &field(""), caller).check(&tenant, &exists, &mut violations);
            new.check_replaced(replaced, &field(""), &mut violations);
            let template = templates.get(&(new.template().clone(), new.revision()));
            let revision = new.revision().map(|revision| tenant.name_of_revision(new.template(), revision));
            let names = [Some(tenant.name_of(new.template())), revision];
            if let Some(unreadable) =
                unreadable.iter().find(|one| names.iter().flatten().any(|name| name == one.name()))
            {
                return Err(unreadable.clone().into());
            }
            match template {
                Some(template) => new.check(template, &field(""), &mut violations),
                None => violations.add(field("templateName"), "names no revision of a template"),
            }
            let template = violations.finish(template)?;
            new.check_plans(replaced, &field(""), &tenant, &owners)?;
            let id = new.id.clone().map_or_else(|| app.new_id(now), Ok)?;
            let scorecard = new.into_scorecard(id, template, caller, now)?;
            let kept = replaced.map(|replaced| scorecard.clone().over(replaced));
            let shown = kept.as_ref().unwrap_or(&scorecard).message(&tenant, template);
            let bytes = bytes_in_answer(&shown)? + BYTES_BESIDE;
            room = room.checked_sub(bytes.saturating_sub(BYTES_OF_ENTRY)).ok_or_else(|| {
                let limit = format!("the {MAX_ANSWER_BYTES} bytes of an answer");
                let refusal = format!("does not fit into {limit} with those before it; send it in another batch");
                Error::invalid_field(&format!("scorecards[{index}]"), refusal)
            })?;
            Ok(scorecard)
        });
        match checked {
            Ok(scorecard) => {
                scorecards.insert(index, scorecard);
            }
            Err(refused) => {
                results.insert(index, Err(refused));
            }
        }
    }
    let comments =
        before.entries.iter().map(|before| (before.id.clone(), before.acknowledge_comment.clone())).collect();
    let author = request.author(now);
    let upsert = Upsert { store: &app.store, tenant: &tenant, templates: &templates, expected, comments, author };
    let known = KnownScorecards { there: before, templates: &templates };
    let written = app.store.upsert_scorecards(
        &tenant,
        scorecards,
        known,
        |index, scorecard, before, template, calibrated| upsert.change(index, scorecard, before, template, calibrated),
        now,
        deadline,
    );
    results.extend(written.await);

    let messages = results.values().map(|result| {
        result.as_ref().map(|scorecard| {
            let template = templates.get(&(scorecard.template.clone(), Some(scorecard.revision)));
            template.map(|template| scorecard.message(&tenant, template))
        })
    });
    let results =
        entry_results(messages, |scorecard, status| UpsertScorecardResult { scorecard: scorecard.flatten(), status })?;
    Answer::json(&UpsertScorecardsResponse { results })
}

/// The state of one request.
struct Upsert<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    templates: &'a TemplatesByRevision,
    /// The version that each entry expects to replace.
    expected: Vec<ExpectedEtag>,
    /// The agents' comments that the answer has room for.
    comments: HashMap<ScorecardId, Option<String>>,
    author: Author<'a>,
}

impl Upsert<'_> {
    /// The change that replaces `before`, made from the template revision `of_before`, by the entry at `index`;
    /// `calibrated` is the scorecard that it calibrates. `None` if nothing differs.
    fn change(
        &self,
        index: usize,
        scorecard: &Scorecard,
        before: Option<&Scorecard>,
        of_before: Option<&ScorecardTemplate>,
        calibrated: Option<&Scorecard>,
    ) -> Result<Option<ScorecardChange>, Error> {
        let template = self.template(scorecard, Some(scorecard.revision))?;
        let etag = before.map(Scorecard::etag);
        self.expected.get(index).map_or(Ok(()), |expected| expected.check_found(etag.as_deref()))?;
        if before.is_none_or(|before| before.template != scorecard.template) {
            let current = self.template(scorecard, None)?;
            current.check_in_use(scorecard.create_time, &format!("scorecards[{index}]."))?;
        }
        let path = format!("scorecards[{index}].");
        let compared = |mut after: Scorecard| {
            after.check_calibrated(calibrated, &path, self.tenant)?;
            if after.is_to_be_compared(before) {
                after.compare(calibrated, template, self.tenant)?;
            }
            Ok::<_, Error>(after)
        };
        let Some(before) = before else {
            return Ok(Some(ScorecardChange::creating(compared(scorecard.clone())?, template, calibrated)));
        };
        if before.agent != scorecard.agent {
            let field = format!("{path}agentUserName");
            return Err(Error::invalid_field(&field, "cannot change: the scorecard is of another agent"));
        }
        if before.calibrated != scorecard.calibrated {
            return Err(Error::invalid_field(&format!("{path}calibratedScorecardName"), "cannot change"));
        }
        let after = scorecard.clone().over(before);
        if before.same_as(&after) {
            return Ok(None);
        }
        let after = compared(after)?;
        let has_no_room = after.acknowledge_comment != scorecard.acknowledge_comment
            && self.comments.get(&after.id).is_none_or(|comment| *comment != after.acknowledge_comment);
        if has_no_room {
            return Err(Error::kept_changing("the scorecard"));
        }
        let of_before = of_before.ok_or_else(|| self.store.without_template(self.tenant, &before.id))?;
        let was = (before, of_before);
        Ok(Some(ScorecardChange::replacing(self.tenant, was, after, template, calibrated, self.author)))
    }

    /// The `revision` of a checked scorecard's template; the current one if `None`.
    fn template(&self, scorecard: &Scorecard, revision: Option<u32>) -> Result<&ScorecardTemplate, Error> {
        let template = self.templates.get(&(scorecard.template.clone(), revision));
        template.ok_or_else(|| Error::internal("the revision of a scorecard that was checked is not known any more"))
    }
}
