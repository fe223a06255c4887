//! Erases a person from what the table has of a customer.
//!
//! Texts by and about somebody are in histories of records that are long deleted, which no index lists. So the table is
//! read as a whole, and every item that names the person is handled by its kind:
//!
//! | items | what becomes of them |
//! |---|---|
//! | plans, sessions, comments, scorecards | written over the version that was read, in one transaction with all that is derived from them |
//! | their histories | each change without the texts, under the pseudonym |
//! | past states and past coaching | moved to the pseudonym's partition |
//! | targets, templates, orders of agents | the pseudonym stands in their place |
//! | groups | the pseudonym is a member in their place, and nobody leads in their place |
//! | answers to requests, the place of a rebuild | deleted |
//! | statistics, activity, records, lists | they follow their sources; what is left when no source names the person is deleted |
//!
//! Everything that is done leaves the item so that a repeat changes nothing. The pseudonym counts as the person when it is
//! decided what is erased: so what was half done before, or was written since by others, is done like the rest.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::bodies::Entry;
use coaching_domain::comment::CoachingComment;
use coaching_domain::directory::{Group, Versioned};
use coaching_domain::erasure::{Counts, ERASED_NAME, ERASED_TEXT, Erased, OfPeople, Texts};
use coaching_domain::names::{CoachingPlanId, GroupId, ScorecardTemplateId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::scorecard::Scorecard;
use coaching_domain::session::CoachingSession;
use coaching_domain::statistics::{Inconsistent, Statistics};
use coaching_domain::target::Target;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Code, CustomerTenant, Error, ExpectedEtag, Role, Tenant, Timestamp};
use futures_util::stream::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agents;
use crate::changes;
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::entity::Entity;
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::failure::failure;
use crate::item::{Item, key_attributes, last_of};
use crate::keys::{self, Key, LIST_ORDER, ListIndex, PK, SK};
use crate::list::{Listed, bytes_of};
use crate::scorecards::{KnownStatistics, ScorecardChange};
use crate::sessions_held::Places;
use crate::unreadable::Unreadable;
use crate::{Deadline, Partition, Store};

/// An item as it is stored.
type Raw = HashMap<String, AttributeValue>;

/// The attributes that hold a user's id, whatever they are of.
const USERS: [&str; 7] =
    ["agent", "creator", "manager_submitter", "updated_by", "submitted_by", "user", "last_updated_by"];
/// Those that hold a list of them.
const LISTS_OF_USERS: [&str; 3] = ["tagged_users", "members", "agents"];
/// Those that hold JSON with users' ids, and the fields in it that do.
const JSON_WITH_USERS: [&str; 2] = ["audience", "qa_task"];
const FIELDS_OF_USERS: [&str; 2] = ["users", "User"];
/// The attributes of plans, sessions, comments and scorecards that hold texts of those who coach, and of the agent.
const COACH_TEXTS: [&str; 8] =
    ["meeting_notes", "private_notes", "comment", "display_name", "focus_behaviors", "message", "scores", "set_aside"];
const AGENT_TEXTS: [&str; 2] = ["agent_comment", "acknowledge_comment"];
/// The most changes of a history, and the most bytes of them, that are written at once.
const CHANGES_AT_ONCE: usize = 50;
const MAX_BYTES_AT_ONCE: usize = 2 * 1024 * 1024;
/// The most template revisions that are remembered.
const MAX_REMEMBERED: usize = 200;

/// A place in the table from which a sweep goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    partition: String,
    sort: String,
}

/// A part of what the table has of a customer.
#[derive(Debug)]
pub struct Part {
    /// The items.
    items: Vec<Raw>,
    /// From where the next part goes on; `None` if this is the last.
    pub next: Option<Swept>,
}

impl Part {
    /// The number of its items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The users of the directory in it.
    pub fn users(&self) -> Vec<UserId> {
        let users = self.items.iter().map(key_of).filter(|key| key.sort == "user");
        let users = users.filter(|key| Partition::of(&key.partition) == Some(Partition::User));
        users.filter_map(|key| last_of(&key.partition)).collect()
    }

    /// The partition keys of the jobs in it.
    pub fn jobs(&self) -> Vec<String> {
        let jobs = self.items.iter().map(key_of).filter(|key| Partition::of(&key.partition) == Some(Partition::Job));
        jobs.map(|key| key.partition).collect()
    }
}

/// The state of a sweep between its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweeping {
    /// What names the pseudonym, as far as the sweep has come.
    pub counts: Counts,
    /// Whether anything was changed that is no derived item.
    pub changed: bool,
    /// The number of answers to requests that were removed.
    pub removed_requests: u64,
    /// The partition that was handled last; it may go on in the next part.
    last: Option<String>,
}

impl Sweeping {
    /// The state from which the sweep after this one begins.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { removed_requests: self.removed_requests, ..Self::default() }
    }
}

/// A sweep through what the table has of a customer.
#[derive(Debug)]
pub struct Sweep<'a> {
    store: &'a Store,
    tenant: &'a CustomerTenant,
    erased: &'a Erased,
    now: Timestamp,
    /// Whether no source names the person any more, so that what is derived from them may go.
    is_clean: bool,
    /// How far it is.
    pub state: Sweeping,
    /// The records that cannot be read, or whose statistics cannot follow, as texts.
    pub warnings: Vec<String>,
    templates: HashMap<(String, ScorecardTemplateId, u32), Option<ScorecardTemplate>>,
}

/// What became of an attempt at a record.
enum Attempt {
    Done,
    Conflict,
}

impl Store {
    /// The part of the table that follows `after`, with the items of `tenant` in it, as they are now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn part_of_table(&self, tenant: &CustomerTenant, after: Option<&Swept>) -> Result<Part, Error> {
        let from =
            after.map(|after| key_attributes(Key { partition: after.partition.clone(), sort: after.sort.clone() }));
        let scan = self
            .client
            .scan()
            .table_name(&*self.table)
            .consistent_read(true)
            .filter_expression(format!("begins_with({PK}, :customer)"))
            .expression_attribute_values(":customer", AttributeValue::S(format!("{}#", tenant.customer())))
            .set_exclusive_start_key(from)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = scan.customize().interceptor(self.meter.clone()).send().await.map_err(failure)?;
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(|key| {
            let Key { partition, sort } = key_of(&key);
            Swept { partition, sort }
        });
        Ok(Part { items: output.items.unwrap_or_default(), next })
    }

    /// All items of `partition`, as they are now.
    async fn whole_partition(&self, partition: &str) -> Result<Vec<Raw>, Error> {
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .consistent_read(true)
            .key_condition_expression(format!("{PK} = :partition"))
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let pages: Vec<Vec<Raw>> = self.pages_of_range(query).try_collect().await?;
        Ok(pages.into_iter().flatten().collect())
    }
}

impl<'a> Sweep<'a> {
    /// A sweep at `now` that goes on from `state`. If it `is_clean`, an earlier one met no source that names the person.
    pub fn new(
        store: &'a Store,
        tenant: &'a CustomerTenant,
        erased: &'a Erased,
        now: Timestamp,
        is_clean: bool,
        state: Sweeping,
    ) -> Self {
        Self { store, tenant, erased, now, is_clean, state, warnings: Vec::new(), templates: HashMap::new() }
    }

    /// Erases the person from the items in `part`, but for those of jobs.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; ABORTED if others keep changing a record.
    pub async fn erase(&mut self, part: &Part) -> Result<(), Error> {
        for item in &part.items {
            if self.is_named_in(item) {
                self.erase_item(item).await?;
            }
        }
        Ok(())
    }

    fn is_named_in(&self, item: &Raw) -> bool {
        item.iter().any(|(attribute, value)| self.erased.is_in(attribute) || self.is_named_by(value))
    }

    fn is_named_by(&self, value: &AttributeValue) -> bool {
        match value {
            AttributeValue::S(text) => self.erased.is_in(text),
            AttributeValue::L(values) => values.iter().any(|value| self.is_named_by(value)),
            AttributeValue::M(item) => self.is_named_in(item),
            _ => false,
        }
    }

    async fn erase_item(&mut self, item: &Raw) -> Result<(), Error> {
        let key = key_of(item);
        let Some(kind) = Partition::of(&key.partition) else { return Ok(()) };
        // The user at the place of the key where kinds that are of somebody have them.
        let of_person = key.partition.split('#').nth(3) == Some(self.erased.id.as_str());
        let in_sort =
            keys::parse_statistics(&key.partition, &key.sort).is_some_and(|(.., user)| user == self.erased.id);
        match kind {
            Partition::Plan | Partition::Session | Partition::Comment | Partition::Scorecard => {
                self.erase_record(kind, &key.partition).await
            }
            Partition::Target => self.erase_target(&key, item).await,
            Partition::Agent if of_person && key.sort != "agent" => self.move_past(&key, item).await,
            Partition::User if of_person && key.sort != "user" => self.move_past(&key, item).await,
            Partition::Agent if of_person && self.is_clean && !agents::has_plans(item) => {
                self.store.delete_unchanged(&key, item).await
            }
            Partition::Statistics if in_sort && (self.is_clean || is_empty(item)) => {
                self.store.delete_unchanged(&key, item).await
            }
            Partition::Activity if in_sort && self.is_clean => self.store.delete_unchanged(&key, item).await,
            Partition::Template => {
                self.state.counts.templates += 1;
                self.rename(&key, item, &[]).await
            }
            Partition::Order => self.rename(&key, item, &[]).await,
            Partition::Group => self.erase_from_group(&key.partition).await,
            Partition::GroupsOfManager if of_person && self.is_clean => self.store.delete_unchanged(&key, item).await,
            Partition::UserNames if self.is_clean && last_of_name_list(&key) == Some(self.erased.id.as_str()) => {
                self.store.delete_unchanged(&key, item).await
            }
            Partition::Request if of_person => {
                self.state.removed_requests += 1;
                self.store.delete_unchanged(&key, item).await
            }
            Partition::Rebuild => self.store.delete_unchanged(&key, item).await,
            _ => Ok(()),
        }
    }

    /// The profile in the key of a partition.
    fn profile_of(&self, partition: &str) -> Result<Tenant, Error> {
        let profile = partition.split('#').nth(1).unwrap_or_default();
        self.tenant.profile_in(&format!("{}/profiles/{profile}", self.tenant.name())).map_err(Error::internal)
    }

    /// Erases the person from the record in `partition` and from its history.
    async fn erase_record(&mut self, kind: Partition, partition: &str) -> Result<(), Error> {
        if self.state.last.as_deref() == Some(partition) {
            return Ok(());
        }
        let tenant = self.profile_of(partition)?;
        let mut learned = Places::default();
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let items = self.store.whole_partition(partition).await?;
            let (history, records): (Vec<&Raw>, Vec<&Raw>) =
                items.iter().partition(|item| key_of(item).sort.starts_with("change#"));
            let record = records.into_iter().find(|item| Some(key_of(item).sort.as_str()) == sort_of(kind));
            let texts = self.texts_of_history(&history);
            let texts = record.map_or(texts, |record| texts.and(self.texts_of_record(kind, record)));
            let changes = self.erase_history(&history, texts).await?;
            let attempt = match record {
                None => Attempt::Done,
                Some(record) => self.erase_entity(kind, &tenant, record, texts, &mut learned).await?,
            };
            if matches!(attempt, Attempt::Done) {
                self.state.counts.changes += changes;
                self.state.last = Some(partition.to_owned());
                return Ok(());
            }
        }
        Err(keeps_changing(partition))
    }

    /// Which texts of a record are by or about the person, by its history.
    fn texts_of_history(&self, history: &[&Raw]) -> Texts {
        /// The agent, the author and their role.
        type Head = (Option<UserId>, Option<UserId>, Option<Role>);
        let text = |item: &Raw, attribute: &str| item.get(attribute).and_then(|value| value.as_s().ok()).cloned();
        let mut heads: BTreeMap<String, Head> = BTreeMap::new();
        for item in history {
            let id = |attribute| text(item, attribute).and_then(|id| UserId::parse(&id));
            if let Some(role) = text(item, "role") {
                heads.insert(key_of(item).sort, (id("agent"), id("user"), Role::parse(&role)));
            }
        }
        history.iter().fold(Texts::default(), |texts, item| {
            let sort = key_of(item).sort;
            let head = heads.range(..=sort.clone()).next_back().filter(|(head, _)| sort.starts_with(*head));
            let Some((_, (agent, Some(author), Some(role)))) = head else { return texts };
            let side = |side: &str| item.get(side).cloned().and_then(fields_of).unwrap_or_default();
            let (before, after) = (side("before"), side("after"));
            texts.and(self.erased.texts_of_change(agent.as_ref(), (author, *role), named(&before), named(&after)))
        })
    }

    /// Which texts of a record are by or about the person, by those whom it names.
    fn texts_of_record(&self, kind: Partition, record: &Raw) -> Texts {
        fn texts<E: Listed + OfPeople>(record: &Raw, erased: &Erased) -> Texts {
            // Of what cannot be read, all may be.
            E::from_item(record.clone()).map_or(Texts::ALL, |record| record.texts_of(erased))
        }
        match kind {
            Partition::Plan => texts::<CoachingPlan>(record, self.erased),
            Partition::Session => texts::<CoachingSession>(record, self.erased),
            Partition::Comment => texts::<CoachingComment>(record, self.erased),
            _ => texts::<Scorecard>(record, self.erased),
        }
    }

    /// Erases `texts` and names from a history; returns how many changes in it name the pseudonym then.
    async fn erase_history(&mut self, history: &[&Raw], texts: Texts) -> Result<u64, Error> {
        let mut named = 0;
        let (mut writes, mut bytes) = (Vec::new(), 0);
        for item in history {
            let (after, changed) = self.without_texts(item, texts);
            let is_head = !keys::is_part_of_change(&key_of(item).sort);
            named += u64::from(is_head && self.is_named_in(&after));
            if !changed {
                continue;
            }
            self.state.changed = true;
            bytes += bytes_of(&after);
            writes.push(Write::put(Item::of(after)).when(format!("attribute_exists({PK})")));
            if writes.len() >= CHANGES_AT_ONCE || bytes >= MAX_BYTES_AT_ONCE {
                self.write_history(std::mem::take(&mut writes)).await?;
                bytes = 0;
            }
        }
        self.write_history(writes).await?;
        Ok(named)
    }

    /// A change in a history never changes, so nobody else writes these.
    async fn write_history(&self, writes: Vec<Write>) -> Result<(), Error> {
        if writes.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::default();
        transaction.add_all(writes, Refusal::Changed);
        self.store.transact(transaction).await.map(|_| ())
    }

    /// A change of a history without `texts` and under the pseudonym, and whether it differs.
    fn without_texts(&self, item: &Raw, texts: Texts) -> (Raw, bool) {
        let mut after = item.clone();
        let mut changed = false;
        for attribute in ["user", "agent"] {
            if let Some(AttributeValue::S(id)) = after.get_mut(attribute)
                && id == self.erased.id.as_str()
            {
                self.erased.pseudonym.as_str().clone_into(id);
                changed = true;
            }
        }
        for side in ["before", "after"] {
            let Some(mut fields) = after.get(side).cloned().and_then(fields_of) else { continue };
            let erased = fields
                .iter_mut()
                .fold(false, |changed, (field, value)| self.erased.erase_field(field, value, texts) || changed);
            if erased {
                after.insert(side.to_owned(), AttributeValue::M(changes::attributes(&fields)));
                changed = true;
            }
        }
        (after, changed)
    }

    /// Erases the person from a plan, session, comment or scorecard.
    async fn erase_entity(
        &mut self,
        kind: Partition,
        tenant: &Tenant,
        item: &Raw,
        texts: Texts,
        learned: &mut Places,
    ) -> Result<Attempt, Error> {
        let (attempt, is_named) = match kind {
            Partition::Plan => match CoachingPlan::from_item(item.clone()) {
                Ok(plan) => self.erase_plan(tenant, plan, texts).await?,
                Err(unreadable) => self.erase_unreadable(&unreadable, item, texts).await?,
            },
            Partition::Session => match CoachingSession::from_item(item.clone()) {
                Ok(session) => self.erase_session(tenant, session, texts, learned).await?,
                Err(unreadable) => self.erase_unreadable(&unreadable, item, texts).await?,
            },
            Partition::Comment => match CoachingComment::from_item(item.clone()) {
                Ok(comment) => self.erase_comment(tenant, comment, texts).await?,
                Err(unreadable) => self.erase_unreadable(&unreadable, item, texts).await?,
            },
            _ => match Scorecard::from_item(item.clone()) {
                Ok(scorecard) => self.erase_scorecard(tenant, scorecard, texts).await?,
                Err(unreadable) => self.erase_unreadable(&unreadable, item, texts).await?,
            },
        };
        if is_named && matches!(attempt, Attempt::Done) {
            let Counts { plans, sessions, comments, scorecards, .. } = &mut self.state.counts;
            *match kind {
                Partition::Plan => plans,
                Partition::Session => sessions,
                Partition::Comment => comments,
                _ => scorecards,
            } += 1;
        }
        Ok(attempt)
    }

    /// `before` without the person; `None` if it stays as it is. Also returns whether it names them or the pseudonym.
    fn erased<E: OfPeople + Clone + PartialEq>(&self, before: &E, texts: Texts) -> (Option<E>, bool) {
        let mut after = before.clone();
        after.erase(self.erased, texts);
        let is_named = before.texts_of(self.erased) != Texts::default();
        (Some(after).filter(|after| after != before), is_named)
    }

    async fn erase_plan(
        &mut self,
        tenant: &Tenant,
        before: CoachingPlan,
        texts: Texts,
    ) -> Result<(Attempt, bool), Error> {
        let (Some(mut after), is_named) = self.erased(&before, texts) else {
            return Ok((Attempt::Done, before.texts_of(self.erased) != Texts::default()));
        };
        after.follow(&before);
        let replace = Write::replace(after.to_item(tenant), before.version);
        let mut transaction = Transaction::of(replace, Refusal::Changed);
        if before.agent != after.agent {
            // All that tells whose plan it is moves at once: its counts, its targets, and the records of both.
            let (targets, _) = self.store.targets_to_keep(tenant, &before.id).await?;
            let counted = i64::try_from(targets.len()).unwrap_or(i64::MAX);
            let none = if targets.is_empty() { "attribute_not_exists(targets) OR " } else { "" };
            let dependents = Write::update(keys::dependents(tenant, &before.id), "SET #agent = :agent")
                .when(format!("attribute_exists({PK}) AND ({none}targets = :counted)"))
                .name("#agent", "agent")
                .text(":agent", after.agent.as_str())
                .number(":counted", counted);
            transaction.add(dependents, Refusal::Changed);
            transaction.add_all(
                targets.into_iter().map(|before| {
                    let target = self.target_under_pseudonym(&before);
                    Write::replace(target.to_item(tenant), before.version)
                }),
                Refusal::Changed,
            );
            let record = self.store.stored_record(tenant, &before.agent).await?.record;
            transaction.add_all(agents::move_plan(tenant, &record, &before.id, &after.agent), Refusal::Changed);
        }
        Ok((self.write(transaction).await?, is_named))
    }

    async fn erase_session(
        &mut self,
        tenant: &Tenant,
        before: CoachingSession,
        texts: Texts,
        learned: &mut Places,
    ) -> Result<(Attempt, bool), Error> {
        let (Some(mut after), is_named) = self.erased(&before, texts) else {
            return Ok((Attempt::Done, before.texts_of(self.erased) != Texts::default()));
        };
        after.follow(&before);
        let replace = Write::replace(after.to_item(tenant), before.version);
        let mut transaction = Transaction::of(replace, Refusal::Changed);
        let change = (&before, Some(&after));
        CoachingSession::write_beside(self.store, &mut transaction, tenant, change, self.now, learned).await?;
        match self.store.transact(transaction).await? {
            Outcome::Written => {
                self.state.changed = true;
                Ok((Attempt::Done, is_named))
            }
            Outcome::Refused(refused) => {
                CoachingSession::learn(self.store, tenant, change, &refused, learned);
                Ok((Attempt::Conflict, is_named))
            }
        }
    }

    async fn erase_comment(
        &mut self,
        tenant: &Tenant,
        before: CoachingComment,
        texts: Texts,
    ) -> Result<(Attempt, bool), Error> {
        let (Some(mut after), is_named) = self.erased(&before, texts) else {
            return Ok((Attempt::Done, before.texts_of(self.erased) != Texts::default()));
        };
        after.follow(&before);
        let replace = Write::replace(after.to_item(tenant), before.version);
        Ok((self.write(Transaction::of(replace, Refusal::Changed)).await?, is_named))
    }

    async fn erase_scorecard(
        &mut self,
        tenant: &Tenant,
        before: Scorecard,
        texts: Texts,
    ) -> Result<(Attempt, bool), Error> {
        let (Some(after), is_named) = self.erased(&before, texts) else {
            return Ok((Attempt::Done, before.texts_of(self.erased) != Texts::default()));
        };
        let template = self.template_of(tenant, &before).await?;
        let change = [ScorecardChange::renaming(&before, after.clone(), template.as_ref())];
        let known = KnownStatistics::default;
        let written = match self.store.write_scorecards(tenant, &change, known(), None, self.now).await {
            Err(error) if error.code() == Code::ResourceExhausted || is_inconsistent(&error) => {
                // What statistics say of it is wrong already, or does not fit: texts and names go all the same.
                let name = tenant.name_of(&before.id);
                self.warnings.push(format!("'{name}' is erased, but statistics do not follow: rebuild them"));
                let change = [ScorecardChange::renaming(&before, after, None)];
                self.store.write_scorecards(tenant, &change, known(), None, self.now).await?
            }
            written => written?,
        };
        self.state.changed |= written;
        Ok((if written { Attempt::Done } else { Attempt::Conflict }, is_named))
    }

    /// The revision that `scorecard` was made from, if it can be read.
    async fn template_of(
        &mut self,
        tenant: &Tenant,
        scorecard: &Scorecard,
    ) -> Result<Option<ScorecardTemplate>, Error> {
        let key = (tenant.name(), scorecard.template.clone(), scorecard.revision);
        if let Some(known) = self.templates.get(&key) {
            return Ok(known.clone());
        }
        let revision = [(scorecard.template.clone(), Some(scorecard.revision))];
        let found = self.store.revisions(tenant, &revision, true).await?.entries.into_iter().next();
        if self.templates.len() >= MAX_REMEMBERED {
            self.templates.clear();
        }
        self.templates.insert(key, found.clone());
        Ok(found)
    }

    /// Erases the person from a record that cannot be read: what is derived from it is not known, and stays.
    async fn erase_unreadable(
        &mut self,
        unreadable: &Unreadable,
        item: &Raw,
        texts: Texts,
    ) -> Result<(Attempt, bool), Error> {
        self.store.note(unreadable);
        let of_coach: &[&str] = if texts.of_coach { &COACH_TEXTS } else { &[] };
        let of_agent: &[&str] = if texts.of_agent { &AGENT_TEXTS } else { &[] };
        self.warnings.push(format!("'{}' cannot be read, and is erased as it is stored", unreadable.name()));
        self.rename(&key_of(item), item, &[of_coach, of_agent].concat()).await?;
        Ok((Attempt::Done, true))
    }

    async fn write(&mut self, transaction: Transaction) -> Result<Attempt, Error> {
        let written = self.store.transact(transaction).await?.is_written();
        self.state.changed |= written;
        Ok(if written { Attempt::Done } else { Attempt::Conflict })
    }

    fn target_under_pseudonym(&self, before: &Target) -> Target {
        let mut after = Target { agent: Some(self.erased.pseudonym.clone()), ..before.clone() };
        after.follow(before);
        after
    }

    /// Erases the person from a target: with its plan, or by itself if there is no such plan any more.
    async fn erase_target(&mut self, key: &Key, item: &Raw) -> Result<(), Error> {
        let target = match Target::from_item(item.clone()) {
            Ok(target) => target,
            Err(unreadable) => {
                self.store.note(&unreadable);
                return self.rename(key, item, &[]).await;
            }
        };
        if !target.agent.as_ref().is_some_and(|agent| self.erased.is(agent)) {
            return Ok(());
        }
        self.state.counts.targets += 1;
        if target.agent.as_ref() == Some(&self.erased.pseudonym) {
            return Ok(());
        }
        let tenant = self.profile_of(&key.partition)?;
        if let Some(plan) = &target.plan
            && self.plan_has_item(&tenant, plan).await?
        {
            // The plan is met by itself too, and takes its targets with it.
            let Sweeping { counts, last, .. } = self.state.clone();
            self.erase_record(Partition::Plan, &keys::plan(&tenant, plan).partition).await?;
            self.state.counts = counts;
            self.state.last = last;
            return Ok(());
        }
        let after = self.target_under_pseudonym(&target);
        let replace = Write::replace(after.to_item(&tenant), target.version);
        // If it is refused, others are changing it, and a further sweep finds it.
        self.write(Transaction::of(replace, Refusal::Changed)).await?;
        self.state.changed = true;
        Ok(())
    }

    async fn plan_has_item(&self, tenant: &Tenant, plan: &CoachingPlanId) -> Result<bool, Error> {
        Ok(self.store.get(keys::plan(tenant, plan)).await?.is_some())
    }

    /// Moves a past state, or past coaching, to the pseudonym's partition.
    async fn move_past(&mut self, key: &Key, item: &Raw) -> Result<(), Error> {
        let (id, pseudonym) = (self.erased.id.as_str(), self.erased.pseudonym.as_str());
        let Some(partition) = key.partition.strip_suffix(id).map(|begin| format!("{begin}{pseudonym}")) else {
            return Ok(());
        };
        let mut after = self.renamed(item, &[]);
        after.insert(PK.to_owned(), AttributeValue::S(partition));
        if after.contains_key("display_name") {
            after.insert("display_name".to_owned(), AttributeValue::S(ERASED_NAME.to_owned()));
        }
        // Of a past state, the place in the list ends in the user.
        if let Some(AttributeValue::S(order)) = after.get_mut(LIST_ORDER)
            && let Some(begin) = order.strip_suffix(id).filter(|begin| begin.ends_with('#'))
            && item.contains_key("display_name")
        {
            *order = format!("{begin}{pseudonym}");
        }
        let delete = Write::delete(key.clone()).when(format!("attribute_exists({PK})"));
        let mut transaction = Transaction::of(delete, Refusal::Changed);
        transaction.add_unconditional([Write::put(Item::of(after))]);
        self.write(transaction).await?;
        self.state.changed = true;
        Ok(())
    }

    /// Puts the pseudonym in the place of the person in the group in `partition`, and takes them off those who lead it.
    async fn erase_from_group(&mut self, partition: &str) -> Result<(), Error> {
        let Some(id) = last_of::<coaching_domain::names::Group>(partition) else { return Ok(()) };
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let Some(Versioned { value: before, version }) = self.group(&id).await? else { return Ok(()) };
            let Group { mut members, managers, .. } = before.clone();
            let is_in = members.contains(&self.erased.pseudonym);
            members.retain(|member| *member != self.erased.id || !is_in);
            members.iter_mut().filter(|member| **member == self.erased.id).for_each(|member| {
                member.clone_from(&self.erased.pseudonym);
            });
            let managers = managers.into_iter().filter(|manager| *manager != self.erased.id).collect();
            let after = Group { members, managers, ..before.clone() };
            if after == before {
                self.state.counts.groups += u64::from(before.members.contains(&self.erased.pseudonym));
                return Ok(());
            }
            self.state.changed = true;
            let read = Versioned { value: (), version }.etag();
            let entry = Entry { value: after, expected: ExpectedEtag::default().and(Some(read)) };
            let written = self.store.upsert_groups(self.tenant, &[&entry], Deadline::after(GROUP_WITHIN)).await?;
            match written.into_iter().next() {
                Some(Err(error)) if error.code() != Code::Aborted => return Err(error),
                // Read again, to count it or to meet what others made of it.
                _ => {}
            }
        }
        Err(keeps_changing(&self.tenant.name_of(&id)))
    }

    /// A group as it is now. One that cannot be read is named in the warnings.
    async fn group(&mut self, id: &GroupId) -> Result<Option<Versioned<Group>>, Error> {
        match self.store.group(self.tenant, id).await {
            Err(error) if Unreadable::cause_of(&error).is_some() => {
                self.warnings.push(format!("'{}' cannot be read, and is not erased from", self.tenant.name_of(id)));
                Ok(None)
            }
            found => found,
        }
    }

    /// Puts the pseudonym in the place of the person in the attributes of an item that nothing else depends on, and
    /// erases those of `texts`. What others change meanwhile stays for a further sweep.
    async fn rename(&mut self, key: &Key, item: &Raw, texts: &[&str]) -> Result<(), Error> {
        let after = self.renamed(item, texts);
        let differing: Vec<(&String, &AttributeValue)> =
            after.iter().filter(|(attribute, value)| item.get(*attribute) != Some(value)).collect();
        if differing.is_empty() {
            return Ok(());
        }
        let terms =
            |term: fn(usize) -> String, between: &str| (0..differing.len()).map(term).collect::<Vec<_>>().join(between);
        let sets = terms(|number| format!("#a{number} = :new{number}"), ", ");
        let conditions = terms(|number| format!("#a{number} = :old{number}"), " AND ");
        let mut update = Write::update(key.clone(), format!("SET {sets}")).when(conditions);
        for (number, (attribute, value)) in differing.into_iter().enumerate() {
            let old = item.get(attribute).cloned().unwrap_or(AttributeValue::Null(true));
            update = update.name(format!("#a{number}"), attribute);
            update = update.value(format!(":new{number}"), value.clone()).value(format!(":old{number}"), old);
        }
        self.store.transact(Transaction::of(update, Refusal::Changed)).await?;
        self.state.changed = true;
        Ok(())
    }

    /// The item with the pseudonym in the place of the person, and without the attributes of `texts`.
    fn renamed(&self, item: &Raw, texts: &[&str]) -> Raw {
        let pseudonym = || self.erased.pseudonym.as_str().to_owned();
        let id = self.erased.id.as_str();
        let renamed = item.iter().map(|(attribute, value)| {
            let name = attribute.as_str();
            let after = match value {
                _ if name == PK || name == SK => value.clone(),
                _ if texts.contains(&name) => erased_text(value),
                AttributeValue::S(text) if USERS.contains(&name) && text == id => AttributeValue::S(pseudonym()),
                AttributeValue::S(text) if name == ListIndex::Agent.partition_attribute() => {
                    let ids = text.split('#').map(|part| if part == id { pseudonym() } else { part.to_owned() });
                    AttributeValue::S(ids.collect::<Vec<_>>().join("#"))
                }
                AttributeValue::S(text) if JSON_WITH_USERS.contains(&name) => {
                    let mut json: Value = serde_json::from_str(text).unwrap_or(Value::Null);
                    let changed = self.erased.rename(&mut json, &FIELDS_OF_USERS);
                    AttributeValue::S(if changed { json.to_string() } else { text.clone() })
                }
                AttributeValue::L(values) if LISTS_OF_USERS.contains(&name) => {
                    let is_person = |value: &AttributeValue| value.as_s().is_ok_and(|text| text == id);
                    let values = values.iter();
                    let values = values.map(|value| match is_person(value) {
                        true => AttributeValue::S(pseudonym()),
                        false => value.clone(),
                    });
                    AttributeValue::L(values.collect())
                }
                value => self.with_names_replaced(value),
            };
            (attribute.clone(), after)
        });
        renamed.collect()
    }

    fn with_names_replaced(&self, value: &AttributeValue) -> AttributeValue {
        match value {
            AttributeValue::S(text) => AttributeValue::S(self.erased.renamed(text).unwrap_or_else(|| text.clone())),
            AttributeValue::L(values) => {
                AttributeValue::L(values.iter().map(|value| self.with_names_replaced(value)).collect())
            }
            AttributeValue::M(fields) => AttributeValue::M(
                fields.iter().map(|(field, value)| (field.clone(), self.with_names_replaced(value))).collect(),
            ),
            value => value.clone(),
        }
    }
}

/// The longest that the write of a group may take.
const GROUP_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

impl Store {
    /// Deletes the item at `key` if it is as it was read; if it has changed, a further sweep meets it.
    async fn delete_unchanged(&self, key: &Key, read: &Raw) -> Result<(), Error> {
        let versions = ["version", "held", "plans"];
        let mut delete = Write::delete(key.clone());
        let mut conditions = vec![format!("attribute_exists({PK})")];
        for (number, attribute) in versions.into_iter().enumerate() {
            delete = delete.name(format!("#a{number}"), attribute);
            conditions.push(match read.get(attribute) {
                None => format!("attribute_not_exists(#a{number})"),
                Some(value) => {
                    delete = delete.value(format!(":old{number}"), value.clone());
                    format!("#a{number} = :old{number}")
                }
            });
        }
        let delete = delete.when(conditions.join(" AND "));
        self.transact(Transaction::of(delete, Refusal::Changed)).await.map(|_| ())
    }
}

fn named(fields: &serde_json::Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    fields.iter().map(|(field, value)| (field.as_str(), value))
}

/// The fields of one side of a change.
fn fields_of(side: AttributeValue) -> Option<serde_json::Map<String, Value>> {
    match side {
        AttributeValue::M(attributes) => changes::fields(attributes),
        _ => None,
    }
}

fn key_of(item: &Raw) -> Key {
    let text = |attribute: &str| item.get(attribute).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    Key { partition: text(PK), sort: text(SK) }
}

/// The sort key of a record in its partition.
fn sort_of(kind: Partition) -> Option<&'static str> {
    kind.items().first().map(|(sort, _)| *sort)
}

/// The id of whom an item of a list by name lists.
fn last_of_name_list(key: &Key) -> Option<&str> {
    keys::place_and_id_in_name_list(&key.sort).map(|(_, id)| id)
}

/// Whether statistics count nothing.
fn is_empty(item: &Raw) -> bool {
    let cells = item.get("cells").and_then(|cells| cells.as_b().ok());
    let counts_none = cells.is_none_or(|cells| {
        Statistics::decode(cells.as_ref()).is_ok_and(|statistics| statistics == Statistics::default())
    });
    let holds_none = item.get("held").is_none_or(|held| held.as_n().is_ok_and(|held| held == "0"));
    counts_none && holds_none && !item.contains_key("held_beside") && !keys::is_held_session(&key_of(item).sort)
}

fn erased_text(value: &AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::L(texts) => AttributeValue::L(texts.iter().map(erased_text).collect()),
        _ => AttributeValue::S(ERASED_TEXT.to_owned()),
    }
}

/// Whether statistics do not hold what is to be moved.
fn is_inconsistent(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<Inconsistent>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_first_sort_key_of_its_kind() {
        for (kind, sort) in [
            (Partition::Plan, "plan"),
            (Partition::Session, "session"),
            (Partition::Comment, "comment"),
            (Partition::Scorecard, "scorecard"),
        ] {
            assert_eq!(sort_of(kind), Some(sort));
        }
    }

    #[test]
    fn statistics_without_scores_and_sessions_are_empty() {
        let number = |number: &str| AttributeValue::N(number.to_owned());
        let cells = AttributeValue::B(Statistics::default().encode().into());
        let item = |held: &str| Raw::from([("cells".to_owned(), cells.clone()), ("held".to_owned(), number(held))]);
        assert!(is_empty(&item("0")) && !is_empty(&item("1")));
        let unknown = AttributeValue::B(vec![1].into());
        assert!(!is_empty(&Raw::from([("cells".to_owned(), unknown)])));
    }
}
