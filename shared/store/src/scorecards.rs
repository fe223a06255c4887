//! Scorecards in the table. Each is written in one transaction with its change to its agent's statistics, so that these
//! are never off by one, whatever fails or is repeated.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::{Author, Change};
use coaching_domain::names::{self, ScorecardId, UsecaseId, UserId};
use coaching_domain::rescore::{Rescore, SetAside, Total};
use coaching_domain::scorecard::{Process, Score, Scorecard, SubmissionSource};
use coaching_domain::statistics::{Contribution, Inconsistent, Period, Statistics, day_of};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Id, Reason, Tenant, Timestamp, Version};
use serde_json::Value;

use crate::Store;
use crate::activity::{self, PlacedMark};
use crate::changes::{self, bytes_of_fields, items_of};
use crate::engine::attempts::Attempts;
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::{Found, Unreadable};

/// The most items in one transaction besides statistics, which are at most two: DynamoDB takes 100. A scorecard is one
/// item, and one more for each of its marks and for its history: of drafts and of automatic scorecards that are not
/// linked to plans, as many fit as these; of evaluations, half as many.
const MAX_ITEMS_OF_SCORECARDS: usize = 98;
/// The most bytes of text in one transaction: DynamoDB's limit is 4 MB for all its items.
const MAX_TEXT_AT_ONCE: usize = 2 * 1024 * 1024;

/// The most bytes that the packed scores of one agent, usecase and two months take. The rest of an item is left to its
/// other attributes.
const MAX_STATISTICS_BYTES: usize = 256 * 1024;
/// The most bytes that they take after a change that only removes scores. That mostly makes them smaller, but a column
/// that held equal sums and counts may get wider.
const MAX_STATISTICS_BYTES_TAKEN_OFF: usize = 320 * 1024;

/// The attribute that counts the calibrations of a scorecard.
const CALIBRATIONS: &str = "calibrations";

/// Selects scorecards of a profile: those that match every field that is set. Time ranges exclude their ends.
#[derive(Debug, Clone, Default)]
pub struct ScorecardFilter {
    /// Of this agent.
    pub agent: Option<UserId>,
    /// Linked to any of these plans.
    pub plans: Vec<names::CoachingPlanId>,
    /// Of any of these conversations.
    pub conversations: Vec<names::ConversationId>,
    /// Submitted at this time or later.
    pub submitted_from: Option<Timestamp>,
    /// Submitted before this time.
    pub submitted_before: Option<Timestamp>,
    /// Last changed at this time or later.
    pub updated_from: Option<Timestamp>,
    /// Last changed before this time.
    pub updated_before: Option<Timestamp>,
    /// Created by any of these users.
    pub creators: Vec<UserId>,
    /// Submitted by any of these users.
    pub submitters: Vec<UserId>,
    /// Made from this template, in this revision or in any.
    pub template: Option<(names::ScorecardTemplateId, Option<u32>)>,
    /// Of any of these usecases.
    pub usecases: Vec<UsecaseId>,
    /// Only those that count: submitted, and no calibrations.
    pub counted: bool,
}

impl ScorecardFilter {
    fn matches(&self, scorecard: &Scorecard) -> bool {
        let any = |wanted: &[UserId], user: Option<&UserId>| {
            wanted.is_empty() || user.is_some_and(|user| wanted.contains(user))
        };
        let within = |from: Option<Timestamp>, before: Option<Timestamp>, time: Option<Timestamp>| {
            from.is_none_or(|from| time.is_some_and(|time| time >= from))
                && before.is_none_or(|before| time.is_some_and(|time| time < before))
        };
        self.agent.as_ref().is_none_or(|agent| *agent == scorecard.agent)
            && (!self.counted || scorecard.counted_at().is_some())
            && (self.plans.is_empty() || scorecard.plans.iter().any(|plan| self.plans.contains(plan)))
            && (self.conversations.is_empty()
                || scorecard.conversation.iter().any(|one| self.conversations.contains(one)))
            && within(self.submitted_from, self.submitted_before, scorecard.submit_time)
            && within(self.updated_from, self.updated_before, Some(scorecard.update_time))
            && any(&self.creators, Some(&scorecard.creator))
            && any(&self.submitters, scorecard.submitted_by.as_ref())
            && self.template.as_ref().is_none_or(|(template, revision)| {
                *template == scorecard.template && revision.is_none_or(|revision| revision == scorecard.revision)
            })
            && (self.usecases.is_empty() || self.usecases.contains(&scorecard.usecase))
    }
}

impl Listed for Scorecard {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        from_item(item)
    }
}

/// A scorecard to be written over the one that was read.
#[derive(Debug, Clone)]
pub struct ScorecardChange {
    /// The scorecard as it is to be. The store sets its version.
    pub after: Scorecard,
    /// The version that was read; `None` if there must be none.
    pub before: Option<Version>,
    /// The contribution of the scorecard that was read.
    pub removed: Option<Counted>,
    /// The contribution of the new one.
    pub added: Option<Counted>,
    /// The change to record in its history.
    pub recorded: Option<Change>,
    /// The mark of the scorecard that was read, and of the new one.
    marks: [Option<PlacedMark>; 2],
    /// What it does to the scorecard that it calibrates.
    pub calibrated: Option<Calibrated>,
    /// Whether the scorecard is deleted; `after` is then as it was.
    pub deletes: bool,
}

/// What a calibration's change does to the scorecard that it calibrates.
#[derive(Debug, Clone)]
pub struct Calibrated {
    id: ScorecardId,
    effect: OnCalibrated,
}

#[derive(Debug, Clone, Copy)]
enum OnCalibrated {
    /// It has one calibration more; it must be of this version.
    OneMore { version: Version },
    /// It must be of this version.
    Checked { version: Version },
    /// It has one calibration less.
    OneLess,
}

/// A contribution, and the agent and usecase in whose statistics it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The agent.
    pub agent: UserId,
    /// The usecase.
    pub usecase: UsecaseId,
    /// The scores.
    pub contribution: Contribution,
}

impl ScorecardChange {
    /// A new scorecard; `template` is the revision that it was made from, and `calibrated` the scorecard that it
    /// calibrates.
    pub fn creating(after: Scorecard, template: &ScorecardTemplate, calibrated: Option<&Scorecard>) -> Self {
        let calibrated = calibrated
            .map(|one| Calibrated { id: one.id.clone(), effect: OnCalibrated::OneMore { version: one.version } });
        let (added, marks) = (Counted::of(&after, template), [None, PlacedMark::of_scorecard(&after)]);
        Self { after, before: None, removed: None, added, recorded: None, marks, calibrated, deletes: false }
    }

    /// A scorecard that replaces the one that was read, each with the revision that it was made from, by `author`;
    /// `calibrated` is the scorecard that it was compared with.
    pub fn replacing(
        tenant: &Tenant,
        before: (&Scorecard, &ScorecardTemplate),
        mut after: Scorecard,
        template: &ScorecardTemplate,
        calibrated: Option<&Scorecard>,
        author: Author<'_>,
    ) -> Self {
        after.version = before.0.version.next();
        after.update_time = after.update_time.max(before.0.update_time);
        Self {
            added: Counted::of(&after, template),
            recorded: before.0.change_to(before.1, (&after, template), tenant, author),
            marks: [PlacedMark::of_scorecard(before.0), PlacedMark::of_scorecard(&after)],
            after,
            before: Some(before.0.version),
            removed: Counted::of(before.0, before.1),
            calibrated: calibrated
                .map(|one| Calibrated { id: one.id.clone(), effect: OnCalibrated::Checked { version: one.version } }),
            deletes: false,
        }
        .without_what_stays()
    }

    /// A scorecard that replaces the one that was read, and names others: its scores count for its new agent, and no
    /// history has that. Without a `template`, what it counts stays where it is.
    pub(crate) fn renaming(before: &Scorecard, mut after: Scorecard, template: Option<&ScorecardTemplate>) -> Self {
        after.version = before.version.next();
        let counted = |scorecard: &Scorecard| Counted::of(scorecard, template?);
        Self {
            removed: counted(before),
            added: counted(&after),
            recorded: None,
            marks: [PlacedMark::of_scorecard(before), PlacedMark::of_scorecard(&after)],
            after,
            before: Some(before.version),
            calibrated: None,
            deletes: false,
        }
        .without_what_stays()
    }

    /// A scorecard that replaces the one that was read and differs only in the linked plans, so that its contribution
    /// stays.
    pub fn linking(tenant: &Tenant, before: &Scorecard, mut after: Scorecard, author: Author<'_>) -> Self {
        after.version = before.version.next();
        let recorded = before.link_to(&after, tenant, author);
        let marks = [PlacedMark::of_scorecard(before), PlacedMark::of_scorecard(&after)];
        Self {
            after,
            before: Some(before.version),
            removed: None,
            added: None,
            recorded,
            marks,
            calibrated: None,
            deletes: false,
        }
    }

    /// The deletion of the scorecard that was read, made from `template`, by `author`.
    pub fn deleting(tenant: &Tenant, before: Scorecard, template: &ScorecardTemplate, author: Author<'_>) -> Self {
        let calibrated = before.calibrated.clone();
        Self {
            before: Some(before.version),
            removed: Counted::of(&before, template),
            added: None,
            recorded: Some(before.deletion(template, tenant, author)),
            marks: [PlacedMark::of_scorecard(&before), None],
            calibrated: calibrated.map(|id| Calibrated { id, effect: OnCalibrated::OneLess }),
            after: before,
            deletes: true,
        }
    }

    /// The most items that go with the scorecard: for its history, its mark, and the scorecard that it calibrates.
    fn items_beside(&self) -> usize {
        let [before, after] = &self.marks;
        let marks = if before == after { 0 } else { self.marks.iter().flatten().count() };
        self.recorded.as_ref().map_or(0, items_of) + marks + usize::from(self.calibrated.is_some())
    }

    /// Leaves statistics untouched if the same contribution is removed and added.
    fn without_what_stays(self) -> Self {
        if self.removed == self.added { Self { removed: None, added: None, ..self } } else { self }
    }
}

impl Counted {
    fn of(scorecard: &Scorecard, template: &ScorecardTemplate) -> Option<Self> {
        let (agent, usecase) = (scorecard.agent.clone(), scorecard.usecase.clone());
        Some(Self { agent, usecase, contribution: scorecard.contribution(template)? })
    }
}

/// The place where one agent's scores of one usecase and period are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) usecase: UsecaseId,
    pub(crate) agent: UserId,
    pub(crate) period: Period,
}

/// Statistics as they were read.
#[derive(Debug, Default, Clone)]
pub(crate) struct Read {
    pub(crate) version: u64,
    pub(crate) statistics: Statistics,
    /// Their packed size, in bytes.
    pub(crate) bytes: usize,
}

/// Statistics that were read before a change of them, including those that do not exist yet.
#[derive(Debug, Default)]
pub struct KnownStatistics(BTreeMap<Place, Read>);

impl Store {
    /// The scorecard `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn scorecard(&self, tenant: &Tenant, id: &ScorecardId) -> Result<Option<Scorecard>, Error> {
        let item = self.get(keys::scorecard(tenant, id)).await?;
        Ok(item.map(|item| self.noting(from_item(item))).transpose()?)
    }

    /// The scorecards `ids`, as they are now, without those that do not exist.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn scorecards_by_id(&self, tenant: &Tenant, ids: &[ScorecardId]) -> Result<Found<Scorecard>, Error> {
        let keys = ids.iter().map(|id| keys::scorecard(tenant, id)).collect();
        self.batch_read(keys, true, from_item).await
    }

    /// The revision that `scorecard` was made from.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn template_of(&self, tenant: &Tenant, scorecard: &Scorecard) -> Result<ScorecardTemplate, Error> {
        let template = self.readable_template(keys::template(tenant, &scorecard.template, Some(scorecard.revision)));
        Ok(template.await?.ok_or_else(|| self.without_template(tenant, &scorecard.id))?)
    }

    /// The scorecard `id` as it is now, with the revision that it was made from.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn scorecard_with_template(
        &self,
        tenant: &Tenant,
        id: &ScorecardId,
    ) -> Result<Option<(Scorecard, ScorecardTemplate)>, Error> {
        let Some(scorecard) = self.scorecard(tenant, id).await? else { return Ok(None) };
        let template = self.template_of(tenant, &scorecard).await?;
        Ok(Some((scorecard, template)))
    }

    /// Notes the scorecard `id` as unreadable, because the revision that it was made from cannot be read or does not
    /// exist.
    pub fn without_template(&self, tenant: &Tenant, id: &ScorecardId) -> Unreadable {
        let unreadable = Unreadable::of(&keys::scorecard(tenant, id), "revision");
        self.note(&unreadable);
        unreadable
    }

    /// The template revision at `key`, if it is there and can be read.
    async fn readable_template(&self, key: keys::Key) -> Result<Option<ScorecardTemplate>, Error> {
        let item = self.get(key).await?;
        Ok(item.and_then(|item| self.noting(ScorecardTemplate::from_item(item)).ok()))
    }

    /// The `revisions` of a template (`None`: the current one) that exist, the current one last, and the statistics of an
    /// agent and usecase at the time at which a scorecard of it counts, or counted. All are read in one call, as they
    /// are now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn template_and_statistics(
        &self,
        tenant: &Tenant,
        template: &names::ScorecardTemplateId,
        revisions: &[Option<u32>],
        counted: Option<(&UserId, &UsecaseId, Timestamp)>,
    ) -> Result<(Vec<ScorecardTemplate>, KnownStatistics), Error> {
        let place = counted.map(|(agent, usecase, time)| Place {
            usecase: usecase.clone(),
            agent: agent.clone(),
            period: Period::of(day_of(time)),
        });
        let mut keys: Vec<_> = revisions.iter().map(|revision| keys::template(tenant, template, *revision)).collect();
        keys.extend(place.as_ref().map(|place| place.key(tenant)));
        let mut known: BTreeMap<Place, Read> = place.into_iter().map(|place| (place, Read::default())).collect();
        let mut found: Vec<ScorecardTemplate> = Vec::new();
        for item in self.batch_get(keys, true).await? {
            if item.contains_key("chapters") {
                found.push(self.noting(ScorecardTemplate::from_item(item))?);
            } else {
                let (place, read) = self.noting(statistics_from_item(item))?;
                known.insert(place, read);
            }
        }
        found.sort_by_key(|template| (template.revision, template.settings.is_some()));
        Ok((found, KnownStatistics(known)))
    }

    /// Applies `change` to the scorecard `id`, and compares a calibration that is submitted, or whose scores change,
    /// with what it calibrates. It may be called several times: with each state that others leave the
    /// scorecard in before this change is written, and the time of the change. An unchanged scorecard is not written.
    ///
    /// `counted` gets the scorecard that was read and the time of the change, and returns the time at which it is to
    /// count, or counted: those statistics are read together with the template. Or it refuses the scorecard, before
    /// anything more is read.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `counted` and `change`, and of [`Scorecard::compare`]; ABORTED if others keep changing
    /// it.
    pub async fn change_scorecard(
        &self,
        tenant: &Tenant,
        id: &ScorecardId,
        author: Author<'_>,
        counted: impl Fn(&Scorecard, Timestamp) -> Result<Option<Timestamp>, Error>,
        change: impl Fn(&mut Scorecard, &ScorecardTemplate, Timestamp) -> Result<(), Error>,
    ) -> Result<(Scorecard, ScorecardTemplate), Error> {
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let found = self.scorecard(tenant, id).await?;
            let before = found.ok_or_else(|| Error::not_found(&tenant.name_of(id)))?;
            let author = author.not_before(before.update_time);
            let counted = counted(&before, author.now)?;
            let (template, known) = self.template_and_statistics_of(tenant, &before, counted).await?;
            let mut after = before.clone();
            change(&mut after, &template, author.now)?;
            if after == before {
                return Ok((before, template));
            }
            let calibrated = match &after.calibrated {
                Some(id) if after.is_to_be_compared(Some(&before)) => {
                    let calibrated = self.scorecard(tenant, id).await?;
                    after.compare(calibrated.as_ref(), &template, tenant)?;
                    calibrated
                }
                _ => None,
            };
            let was = (&before, &template);
            let change = [ScorecardChange::replacing(tenant, was, after, &template, calibrated.as_ref(), author)];
            if self.write_scorecards(tenant, &change, known, None, author.now).await? {
                let [change] = change;
                return Ok((change.after, template));
            }
        }
        Err(Error::kept_changing("scorecards of the same agent"))
    }

    /// Deletes the scorecard `id`, with what the statistics count of it, if `check` agrees. Its history stays.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `check`; ABORTED if others keep changing it.
    pub async fn delete_scorecard(
        &self,
        tenant: &Tenant,
        id: &ScorecardId,
        author: Author<'_>,
        check: impl Fn(&Scorecard) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let found = self.scorecard(tenant, id).await?;
            let before = found.ok_or_else(|| Error::not_found(&tenant.name_of(id)))?;
            check(&before)?;
            let author = author.not_before(before.update_time);
            let (template, known) = self.template_and_statistics_of(tenant, &before, before.counted_at()).await?;
            let change = [ScorecardChange::deleting(tenant, before, &template, author)];
            if self.write_scorecards(tenant, &change, known, None, author.now).await? {
                return Ok(());
            }
        }
        Err(Error::kept_changing("scorecards of the same agent"))
    }

    /// The revision that `scorecard` was made from, and the statistics that count it at `counted`, in one call.
    async fn template_and_statistics_of(
        &self,
        tenant: &Tenant,
        scorecard: &Scorecard,
        counted: Option<Timestamp>,
    ) -> Result<(ScorecardTemplate, KnownStatistics), Error> {
        let Scorecard { id, agent, usecase, template, revision, .. } = scorecard;
        let place = counted.map(|time| (agent, usecase, time));
        let (mut found, known) = self.template_and_statistics(tenant, template, &[Some(*revision)], place).await?;
        Ok((found.pop().ok_or_else(|| self.without_template(tenant, id))?, known))
    }

    /// The first `size` scorecards after `after` that match `filter`, the newest creation first, ties by id. An agent's
    /// scorecards are a range of their own; the rest of the filter is applied to what the best index yields.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn scorecards(
        &self,
        tenant: &Tenant,
        filter: ScorecardFilter,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<Scorecard>, Error> {
        let (index, partition) = match &filter.agent {
            Some(agent) => (ListIndex::Agent, keys::scorecards_of_agent(tenant, agent)),
            None => (ListIndex::Profile, keys::scorecards_of_profile(tenant)),
        };
        let range = Range::new(index, partition, Filter::default(), after);
        self.page(vec![range.keeping(move |scorecard| filter.matches(scorecard))], size).await
    }

    /// The first `size` scorecards after `after` that were created within `created`, of which the end is excluded, and
    /// that `wanted` accepts, the newest creation first, ties by id: of all agents, or only of `agents`, who are read
    /// from a range each.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn scorecards_created(
        &self,
        tenant: &Tenant,
        created: &std::ops::Range<Timestamp>,
        agents: &[UserId],
        wanted: impl Fn(&Scorecard) -> bool + Clone + Send + Sync + 'static,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<Scorecard>, Error> {
        let partitions = match agents {
            [] => vec![(ListIndex::Profile, keys::scorecards_of_profile(tenant))],
            agents => agents.iter().map(|agent| (ListIndex::Agent, keys::scorecards_of_agent(tenant, agent))).collect(),
        };
        let (from, until) = (Cursor::after_all_at(created.end), Cursor::after_all_at(created.start));
        let ranges = partitions.into_iter().map(|(index, partition)| {
            let range = Range::new(index, partition, Filter::default(), after);
            range.between(Some(from.clone()), Some(until.clone())).keeping(wanted.clone())
        });
        self.page(ranges.collect(), size).await
    }

    /// Splits `changes` into runs, in order, each small enough for one transaction, which writes no scorecard twice.
    pub(crate) fn runs_of(changes: &[ScorecardChange]) -> Vec<&[ScorecardChange]> {
        let mut runs = Vec::new();
        let mut rest = changes;
        while !rest.is_empty() {
            let mut places = std::collections::BTreeSet::new();
            let mut written = HashSet::new();
            let mut text = 0;
            let mut items = 0;
            let fitting = rest.iter().take_while(|change| {
                text += change.after.comment.as_ref().map_or(0, String::len);
                text += change.after.acknowledge_comment.as_ref().map_or(0, String::len);
                text += change.after.bytes_of_texts();
                text += change.recorded.as_ref().map_or(0, bytes_of_fields);
                items += 1 + change.items_beside();
                places.extend(places_of(change));
                let calibrated = change.calibrated.iter().map(|calibrated| &calibrated.id);
                let is_first = std::iter::once(&change.after.id).chain(calibrated).all(|id| written.insert(id));
                text <= MAX_TEXT_AT_ONCE && items <= MAX_ITEMS_OF_SCORECARDS && places.len() <= 2 && is_first
            });
            let (run, further) = rest.split_at(fitting.count().max(1));
            runs.push(run);
            rest = further;
        }
        runs
    }

    /// Makes `change`, the creation of a scorecard, for `request` ([`Store::once`]). Statistics that are not `known`
    /// are read.
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; RESOURCE_EXHAUSTED if the agent's statistics would become too large; ABORTED
    /// if others keep changing them, or what is calibrated has changed, or the request was answered before.
    pub async fn create_scorecard(
        &self,
        tenant: &Tenant,
        change: ScorecardChange,
        known: KnownStatistics,
        request: Option<&IdempotencyRecord>,
        time: Timestamp,
    ) -> Result<Created<names::Scorecard>, Error> {
        let created = created_by(&change, time);
        let change = [change];
        if self.write_scorecards(tenant, &change, known, request, time).await? {
            return Ok(created);
        }
        let [change] = change;
        if change.calibrated.is_some() && self.scorecard(tenant, &created.id).await?.is_none() {
            return Err(Error::kept_changing("the calibrated scorecard"));
        }
        Err(Error::already_exists(&tenant.name_of(&created.id)))
    }

    /// Writes all of `changes` (one run of `runs_of`) with their changes to statistics, and returns whether they are
    /// written: nothing is, if one of the scorecards has changed since it was read. With a `request`, there must be one
    /// change. Statistics that are not `known` are read.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED if an agent's statistics would become too large; ABORTED if others keep changing the same
    /// agents' statistics, or the request was answered before; INTERNAL if the statistics do not hold what is to be
    /// removed from them.
    pub(crate) async fn write_scorecards(
        &self,
        tenant: &Tenant,
        changes: &[ScorecardChange],
        mut known: KnownStatistics,
        request: Option<&IdempotencyRecord>,
        time: Timestamp,
    ) -> Result<bool, Error> {
        let mut attempts = Attempts::new();
        while attempts.another().await {
            // Known statistics that turned out to have changed are read again.
            let counted = match self.count(tenant, changes, std::mem::take(&mut known)).await? {
                Ok(counted) => counted,
                Err(inconsistent) => {
                    // Somebody changed a scorecard and its statistics since it was read; otherwise the
                    // statistics are wrong.
                    return match self.changed_since_read(tenant, changes).await? {
                        true => Ok(false),
                        false => Err(Error::internal(inconsistent)),
                    };
                }
            };
            let mut transaction = Transaction::default();
            for change in changes {
                transaction.add(write(tenant, change), Refusal::ScorecardChanged);
                let calibrated = change.calibrated.iter().map(|calibrated| calibrated.write(tenant));
                transaction.add_all(calibrated, Refusal::ScorecardChanged);
                transaction.add_unconditional(written_beside(tenant, change));
            }
            let adds = changes.iter().any(|change| change.added.is_some());
            let most = if adds { MAX_STATISTICS_BYTES } else { MAX_STATISTICS_BYTES_TAKEN_OFF };
            for (place, read) in &counted {
                let cells = read.statistics.encode();
                if cells.len() > most && cells.len() > read.bytes {
                    return Err(statistics_full(tenant, place, cells.len()));
                }
                let version = (read.version > 0).then(|| AttributeValue::N(read.version.to_string()));
                transaction.add(write_statistics(tenant, place, version.as_ref(), cells, time), Refusal::Changed);
            }
            let outcome = match changes {
                [change] => self.create(tenant, transaction, request, &created_by(change, time)).await?,
                _ => self.transact(transaction).await?,
            };
            match outcome {
                Outcome::Written => return Ok(true),
                Outcome::Refused(refused) if refused.has(Refusal::ScorecardChanged) => return Ok(false),
                // The statistics have changed since they were read.
                Outcome::Refused(_) => {}
            }
        }
        Err(Error::kept_changing("scorecards of the same agent"))
    }

    /// Whether a scorecard of `changes` has changed since it was read.
    async fn changed_since_read(&self, tenant: &Tenant, changes: &[ScorecardChange]) -> Result<bool, Error> {
        let ids: Vec<ScorecardId> = changes.iter().map(|change| change.after.id.clone()).collect();
        let scorecards = self.scorecards_by_id(tenant, &ids).await?.whole()?;
        let versions: HashMap<_, _> = scorecards.iter().map(|scorecard| (&scorecard.id, scorecard.version)).collect();
        Ok(changes.iter().any(|change| versions.get(&change.after.id).copied() != change.before))
    }

    /// The statistics that `changes` touch, as they are to be; an error if they do not hold what is to be removed from
    /// them.
    async fn count(
        &self,
        tenant: &Tenant,
        changes: &[ScorecardChange],
        KnownStatistics(mut known): KnownStatistics,
    ) -> Result<Result<BTreeMap<Place, Read>, Inconsistent>, Error> {
        let mut counted = BTreeMap::new();
        let mut unknown = Vec::new();
        for place in changes.iter().flat_map(places_of) {
            match known.remove(&place) {
                Some(read) => {
                    counted.insert(place, read);
                }
                None if counted.contains_key(&place) => {}
                None => {
                    unknown.push(place.key(tenant));
                    counted.insert(place, Read::default());
                }
            }
        }
        for item in self.batch_get(unknown, true).await? {
            let (place, read) = self.noting(statistics_from_item(item))?;
            counted.insert(place, read);
        }
        for change in changes {
            if let Some((place, contribution)) = place_of(change.removed.as_ref()) {
                let read = counted.entry(place.clone()).or_default();
                if let Err(inconsistent) = read.statistics.remove(place.period, contribution) {
                    return Ok(Err(inconsistent));
                }
            }
            if let Some((place, contribution)) = place_of(change.added.as_ref()) {
                let read = counted.entry(place.clone()).or_default();
                read.statistics.add(place.period, contribution).map_err(Error::internal)?;
            }
        }
        Ok(Ok(counted))
    }
}

/// The write of the scorecard that `change` makes over the one that was read, or its deletion.
pub(crate) fn write(tenant: &Tenant, change: &ScorecardChange) -> Write {
    let item = || to_item(tenant, &change.after);
    match change.before {
        None => Write::put_new(item()),
        Some(read) => {
            let delete = || Write::delete(keys::scorecard(tenant, &change.after.id));
            let write = if change.deletes { delete() } else { Write::put(item()) };
            over_version(write, read, change.after.calibrations)
        }
    }
}

/// The same `write`, made only over version `read` of a scorecard with this number of `calibrations`, which changes
/// without the version: being calibrated leaves a scorecard as it is.
fn over_version(write: Write, read: Version, calibrations: u64) -> Write {
    let none = if calibrations == 0 { format!("attribute_not_exists({CALIBRATIONS}) OR ") } else { String::new() };
    write
        .when(format!("version = :read AND ({none}{CALIBRATIONS} = :calibrations)"))
        .number(":read", u64::from(read))
        .number(":calibrations", calibrations)
}

impl Calibrated {
    fn write(&self, tenant: &Tenant) -> Write {
        let key = keys::scorecard(tenant, &self.id);
        let count = |more: i64| Write::update(key.clone(), format!("ADD {CALIBRATIONS} :more")).number(":more", more);
        match self.effect {
            OnCalibrated::OneMore { version } => count(1).when_version(version),
            OnCalibrated::Checked { version } => Write::check_version(key, Some(version)),
            OnCalibrated::OneLess => count(-1).when(format!("{CALIBRATIONS} >= :one")).number(":one", 1),
        }
    }
}

/// The unconditional writes that go with `change`: of its record in the scorecard's history, and of the mark.
pub(crate) fn written_beside(tenant: &Tenant, change: &ScorecardChange) -> Vec<Write> {
    let partition = keys::scorecard(tenant, &change.after.id).partition;
    let recorded = change.recorded.as_ref().map(|recorded| changes::record_large(&partition, recorded));
    let [before, after] = &change.marks;
    let marks = activity::replace(tenant, before.as_ref(), after.as_ref());
    recorded.into_iter().flatten().chain(marks).collect()
}

/// Writes packed `cells` over those with this stored `version`, even if it is not a number, or over none. This is an
/// update, because the item also holds sessions.
pub(crate) fn write_statistics(
    tenant: &Tenant,
    place: &Place,
    version: Option<&AttributeValue>,
    cells: Vec<u8>,
    time: Timestamp,
) -> Write {
    let read = version.and_then(|version| version.as_n().ok()?.parse::<u64>().ok()).unwrap_or(0);
    let update = Write::update(place.key(tenant), "SET version = :version, cells = :cells, changed = :changed")
        .number(":version", read.saturating_add(1))
        .value(":cells", AttributeValue::B(Blob::new(cells)))
        .number(":changed", time.unix_seconds());
    match version {
        None => update.when("attribute_not_exists(version)"),
        Some(version) => update.when("version = :read").value(":read", version.clone()),
    }
}

/// The record of what `change` creates for a request.
fn created_by(change: &ScorecardChange, time: Timestamp) -> Created<names::Scorecard> {
    let Scorecard { id, usecase, revision, consistency, .. } = &change.after;
    let usecase = Some(usecase.clone());
    Created { id: id.clone(), time, usecase, revision: Some(*revision), consistency: *consistency }
}

fn statistics_full(tenant: &Tenant, place: &Place, bytes: usize) -> Error {
    let name = tenant.name_of(&place.agent);
    let message = format!(
        "what is counted of '{name}' in one usecase and the two months from {} takes at most {MAX_STATISTICS_BYTES} bytes, and \
         would take {bytes}; submit scorecards of fewer templates or criteria, or reset some",
        place.period
    );
    Error::new(Reason::StatisticsFull, message)
        .with("limit", MAX_STATISTICS_BYTES.to_string())
        .with("size", bytes.to_string())
        .with("resource", name)
}

impl Place {
    pub(crate) fn key(&self, tenant: &Tenant) -> keys::Key {
        keys::statistics(tenant, &self.usecase, &self.agent, self.period)
    }
}

fn place_of(counted: Option<&Counted>) -> Option<(Place, &Contribution)> {
    let Counted { agent, usecase, contribution } = counted?;
    let place = Place { usecase: usecase.clone(), agent: agent.clone(), period: Period::of(contribution.day) };
    Some((place, contribution))
}

pub(crate) fn places_of(change: &ScorecardChange) -> Vec<Place> {
    let counted = [change.removed.as_ref(), change.added.as_ref()];
    counted.into_iter().filter_map(place_of).map(|(place, _)| place).collect()
}

pub(crate) fn statistics_from_item(item: HashMap<String, AttributeValue>) -> Result<(Place, Read), Unreadable> {
    let mut item = Attributes::of(item);
    let (usecase, period, agent) =
        keys::parse_statistics(&item.key.partition, &item.key.sort).ok_or_else(|| item.corrupt(keys::SK))?;
    let read = match item.optional_number("version")? {
        // An item of sessions alone has no version.
        None if !item.rest.contains_key("cells") => Read::default(),
        None => return Err(item.corrupt("version")),
        Some(version) => {
            let cells = item.optional_bytes("cells")?.ok_or_else(|| item.corrupt("cells"))?;
            let statistics = Statistics::decode(&cells).map_err(|_| item.corrupt("cells"))?;
            let version = u64::try_from(version).map_err(|_| item.corrupt("version"))?;
            Read { version, statistics, bytes: cells.len() }
        }
    };
    Ok((Place { usecase, agent, period }, read))
}

/// Names are short, and scores are stored by number: an item of 20 scores stays below 1 KB, the unit that the table and
/// each index charge by.
fn to_item(tenant: &Tenant, scorecard: &Scorecard) -> Item {
    let scores = scorecard.scores.iter().map(|(number, score)| (number.to_string(), value_of(score)));
    let scores: serde_json::Map<String, Value> = scores.collect();
    let submitted_as = SubmissionSource::STORED.iter().find(|(_, source)| Some(*source) == scorecard.submission_source);
    let calibrations = Some(scorecard.calibrations).filter(|count| *count > 0);
    Item::at(keys::scorecard(tenant, &scorecard.id))
        .text(ListIndex::Profile.partition_attribute(), keys::scorecards_of_profile(tenant))
        .text(ListIndex::Agent.partition_attribute(), keys::scorecards_of_agent(tenant, &scorecard.agent))
        .text(LIST_ORDER, Cursor::latest_first(scorecard.create_time, &scorecard.id).as_str())
        .version(scorecard.version)
        .optional_text("conversation", scorecard.conversation.as_ref())
        .optional_text("process", scorecard.process.as_ref().map(|process| &process.id))
        .optional_text("process_time", scorecard.process.as_ref().map(|process| &process.interaction_time))
        .text("agent", scorecard.agent.as_str())
        .text("template", scorecard.template.as_str())
        .number("revision", scorecard.revision.into())
        .text("usecase", scorecard.usecase.as_str())
        .text("scores", Value::Object(scores).to_string())
        .texts("plans", scorecard.plans.iter().map(ToString::to_string))
        .optional_text("comment", scorecard.comment.as_ref())
        .optional_text("reference_id", scorecard.reference_id.as_ref())
        .text("creator", scorecard.creator.as_str())
        .text("updated_by", scorecard.updated_by.as_str())
        .optional_text("submitted_by", scorecard.submitted_by.as_ref())
        .text("create_time", scorecard.create_time.to_string())
        .text("update_time", scorecard.update_time.to_string())
        .optional_text("submit_time", scorecard.submit_time.as_ref())
        .optional_text("submitted_as", submitted_as.map(|(text, _)| text))
        .optional_text("acknowledge_time", scorecard.acknowledge_time.as_ref())
        .optional_text("acknowledge_comment", scorecard.acknowledge_comment.as_ref())
        .optional_text("ai_score_time", scorecard.ai_score_time.as_ref())
        .boolean("manually_scored", scorecard.manually_scored)
        .optional_text("calibrated", scorecard.calibrated.as_ref())
        .optional_number("consistency", scorecard.consistency.map(Into::into))
        .optional_number(CALIBRATIONS, calibrations.map(|count| i64::try_from(count).unwrap_or(i64::MAX)))
        .optional_text("set_aside", set_aside_text(&scorecard.set_aside).as_ref())
        .optional_text("rescore", scorecard.rescore.as_ref().map(rescore_text).as_ref())
}

fn from_item(item: HashMap<String, AttributeValue>) -> Result<Scorecard, Unreadable> {
    let mut item = Attributes::of(item);
    let scores = item.text("scores")?;
    let scores: serde_json::Map<String, Value> = serde_json::from_str(&scores).map_err(|_| item.corrupt("scores"))?;
    let scores = scores.into_iter().map(|(number, value)| Some((number.parse().ok()?, score_of(value)?)));
    let scores = scores.collect::<Option<_>>().ok_or_else(|| item.corrupt("scores"))?;
    let set_aside = match item.optional_text("set_aside")? {
        Some(text) => parse_set_aside(&text).ok_or_else(|| item.corrupt("set_aside"))?,
        None => BTreeMap::new(),
    };
    let rescore = match item.optional_text("rescore")? {
        Some(text) => Some(parse_rescore(&text).ok_or_else(|| item.corrupt("rescore"))?),
        None => None,
    };
    let process = match item.optional_text("process")? {
        Some(id) => Some(Process { id, interaction_time: item.time("process_time")? }),
        None => None,
    };
    let submission_source = match item.optional_text("submitted_as")? {
        Some(text) => {
            let source = SubmissionSource::STORED.iter().find(|(stored, _)| *stored == text);
            Some(source.ok_or_else(|| item.corrupt("submitted_as"))?.1)
        }
        None => None,
    };
    let consistency = item.optional_number("consistency")?.map(u32::try_from).transpose();
    Ok(Scorecard {
        id: item.last_of_key()?,
        version: item.version()?,
        conversation: item.optional_id("conversation")?,
        process,
        agent: item.id("agent")?,
        template: item.id("template")?,
        revision: item.number("revision")?,
        usecase: item.id("usecase")?,
        scores,
        plans: item.ids("plans")?,
        comment: item.optional_text("comment")?,
        reference_id: item.optional_text("reference_id")?,
        creator: item.id("creator")?,
        updated_by: item.id("updated_by")?,
        submitted_by: item.optional_id("submitted_by")?,
        create_time: item.time("create_time")?,
        update_time: item.time("update_time")?,
        submit_time: item.optional_time("submit_time")?,
        submission_source,
        acknowledge_time: item.optional_time("acknowledge_time")?,
        acknowledge_comment: item.optional_text("acknowledge_comment")?,
        ai_score_time: item.optional_time("ai_score_time")?,
        manually_scored: item.boolean("manually_scored")?,
        calibrated: item.optional_id("calibrated")?,
        consistency: consistency.map_err(|_| item.corrupt("consistency"))?,
        calibrations: item.optional_number(CALIBRATIONS)?.map_or(0, i64::unsigned_abs),
        set_aside,
        rescore,
    })
}

fn value_of(score: &Score) -> Value {
    match score {
        Score::Numeric(value) => (*value).into(),
        Score::Text(text) => text.as_str().into(),
        Score::NotApplicable => Value::Null,
    }
}

fn score_of(value: Value) -> Option<Score> {
    match value {
        Value::Null => Some(Score::NotApplicable),
        Value::String(text) => Some(Score::Text(text)),
        value => value.as_f64().map(Score::Numeric),
    }
}

/// Scores that are set aside, if there are any: by number, each with the maximum out of which it was given.
fn set_aside_text(set_aside: &BTreeMap<u32, SetAside>) -> Option<String> {
    let entries = set_aside.iter().map(|(number, one)| {
        let entry = Value::Array(vec![value_of(&one.score), one.maximum.into()]);
        (number.to_string(), entry)
    });
    (!set_aside.is_empty()).then(|| Value::Object(entries.collect()).to_string())
}

fn parse_set_aside(text: &str) -> Option<BTreeMap<u32, SetAside>> {
    let entries: BTreeMap<u32, (Value, f64)> = serde_json::from_str(text).ok()?;
    let entries = entries.into_iter();
    entries.map(|(number, (score, maximum))| Some((number, SetAside { score: score_of(score)?, maximum }))).collect()
}

/// A total that auto-fail made.
const AUTO_FAILED: char = '!';
/// Marks of a rescore that changed a figure, and of one that scaled a number.
const CHANGES: char = 'C';
const SCALED: char = 'S';

/// It is short, because it is in three copies of the scorecard.
fn rescore_text(rescore: &Rescore) -> String {
    let total = |Total { hundredths, auto_failed }: Total| {
        let hundredths = hundredths.map(|hundredths| hundredths.to_string()).unwrap_or_default();
        let failed = if auto_failed { AUTO_FAILED.to_string() } else { String::new() };
        format!("{hundredths}{failed}")
    };
    let marks: String = [(rescore.changes, CHANGES), (rescore.scaled, SCALED)]
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, mark)| mark)
        .collect();
    let Rescore { job, time, revision_before, revision_after, before, after, .. } = rescore;
    format!("{job}#{time}#{revision_before}#{revision_after}#{}#{}#{marks}", total(*before), total(*after))
}

fn parse_rescore(text: &str) -> Option<Rescore> {
    let mut parts = text.split('#');
    let (job, time) = (Id::parse(parts.next()?)?, Timestamp::parse(parts.next()?)?);
    let (revision_before, revision_after) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let mut total = || {
        let text = parts.next()?;
        let (digits, auto_failed) = match text.strip_suffix(AUTO_FAILED) {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let hundredths = if digits.is_empty() { None } else { Some(digits.parse().ok()?) };
        Some(Total { hundredths, auto_failed })
    };
    let (before, after) = (total()?, total()?);
    let marks = parts.next()?;
    let (changes, scaled) = (marks.contains(CHANGES), marks.contains(SCALED));
    let rescore = Rescore { job, time, revision_before, revision_after, before, after, changes, scaled };
    parts.next().is_none().then_some(rescore)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_rescore_and_what_is_set_aside_are_read_as_they_were_written() {
        let total = |hundredths, auto_failed| Total { hundredths, auto_failed };
        let rescore = Rescore {
            job: Id::parse("01890a5d-ac96-774b-bcce-b302099a0000").unwrap(),
            time: Timestamp::parse("2026-06-01T12:00:00.123456789Z").unwrap(),
            revision_before: 1,
            revision_after: 12,
            before: total(Some(6_250), false),
            after: total(Some(0), true),
            changes: true,
            scaled: false,
        };
        let none = Rescore { before: total(None, true), after: total(None, false), scaled: true, ..rescore.clone() };
        for one in [rescore, none] {
            assert_eq!(parse_rescore(&rescore_text(&one)), Some(one));
        }
        for corrupt in ["", "job#2026-06-01T12:00:00Z#1#2#a#0#", "job#2026-06-01T12:00:00Z#1#2#0#0##"] {
            assert_eq!(parse_rescore(corrupt), None, "{corrupt}");
        }
        let scores = [Score::Numeric(2.5), Score::Text("rude".to_owned()), Score::NotApplicable];
        let set_aside = (3..).zip(scores).map(|(number, score)| (number, SetAside { score, maximum: 0.1 }));
        let set_aside: BTreeMap<u32, SetAside> = set_aside.collect();
        assert_eq!(parse_set_aside(&set_aside_text(&set_aside).unwrap()), Some(set_aside));
        assert_eq!(set_aside_text(&BTreeMap::new()), None);
    }
}
