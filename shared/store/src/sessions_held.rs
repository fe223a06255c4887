//! The sessions that an agent's statistics count: those that were held, each with its time and plan.
//!
//! The first of them are in the statistics themselves, which progress reads anyway. Further ones, which would make
//! those grow without end, are items of their own, in the same partition and right behind them, so that a session costs
//! the same whether it is an agent's tenth or ten-thousandth in two months. The statistics say whether there are such
//! items.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::names::{CoachingPlanId, CoachingSessionId, UsecaseId, UserId};
use coaching_domain::session::CoachingSession;
use coaching_domain::statistics::{Period, day_of};
use coaching_domain::{Error, Id, Tenant, Timestamp};
use futures_util::stream::TryStreamExt;

use crate::Store;
use crate::activity::{Differing, Marked, PlacedMark, StoredMarks};
use crate::engine::transaction::{Outcome, Refusal, Refused, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, Item, last_of};
use crate::keys::{self, ListIndex, PK, SK};
use crate::list::{Filter, Listed, Range};
use crate::unreadable::Unreadable;

/// The most sessions in the statistics of an agent, usecase and two months.
pub(crate) const MAX_INLINE: usize = 10;
/// The prefix of the attributes of statistics that hold sessions.
const HELD: &str = "held#";
/// The prefix of attributes that only statistics of version 0.1 have: they count sessions that were never held.
const OLD_SESSION: &str = "session#";
/// The attribute that counts those of [`HELD`].
const HELD_COUNT: &str = "held";
/// The attribute that says whether further sessions are items of their own.
const HELD_BESIDE: &str = "held_beside";

/// A session that was held, as its agent's statistics count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldSession {
    pub(crate) id: CoachingSessionId,
    agent: UserId,
    usecase: UsecaseId,
    plan: CoachingPlanId,
    time: Timestamp,
}

/// The place where a session is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// In the statistics.
    Inline,
    /// In an item of its own.
    Beside,
    /// Nowhere.
    Nowhere,
}

/// The places where a writer expects a session to be counted, and where it will count it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    found: Counted,
    goes: Counted,
}

impl Default for Places {
    fn default() -> Self {
        Self { found: Counted::Inline, goes: Counted::Inline }
    }
}

/// The effect of a session's change on the counts.
#[derive(Debug, Clone)]
pub(crate) struct CountChange {
    before: Option<HeldSession>,
    after: Option<HeldSession>,
}

/// The sessions in the statistics of one agent, usecase and period.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct InlineSessions {
    /// Their ids, times in seconds since 1970, and plans.
    pub(crate) sessions: Vec<(CoachingSessionId, i64, CoachingPlanId)>,
    /// Whether further ones have items of their own.
    pub(crate) more_beside: bool,
}

impl HeldSession {
    /// `session` as it is counted; `None` if it has no usecase or was not held.
    pub(crate) fn of(session: &CoachingSession) -> Option<Self> {
        Some(Self {
            id: session.id.clone(),
            agent: session.agent.clone(),
            usecase: session.usecase.clone()?,
            plan: session.plan.clone(),
            time: session.held_at()?,
        })
    }

    pub(crate) fn period(&self) -> Period {
        Period::of(day_of(self.time))
    }

    /// The statistics that count it.
    pub(crate) fn statistics(&self, tenant: &Tenant) -> keys::Key {
        keys::statistics(tenant, &self.usecase, &self.agent, self.period())
    }

    fn own_item(&self, tenant: &Tenant) -> keys::Key {
        keys::held_session(tenant, &self.usecase, &self.agent, self.period(), &self.id)
    }

    fn is_counted_by(&self, mark: &Mark) -> bool {
        (&mark.usecase, mark.period, mark.seconds, &mark.plan)
            == (&self.usecase, self.period(), self.time.unix_seconds(), &self.plan)
    }

    fn attribute(&self) -> String {
        format!("{HELD}{}", self.id)
    }

    fn value(&self) -> String {
        format!("{}#{}", self.time.unix_seconds(), self.plan)
    }
}

impl CountChange {
    /// The effect of a session's change; `None` if it leaves the counts as they are.
    pub(crate) fn of(before: Option<&CoachingSession>, after: Option<&CoachingSession>) -> Option<Self> {
        let (before, after) = (before.and_then(HeldSession::of), after.and_then(HeldSession::of));
        let same = match (&before, &after) {
            (None, None) => true,
            (Some(before), Some(after)) => (&before.agent, before.value()) == (&after.agent, after.value()),
            _ => false,
        };
        (!same).then_some(Self { before, after })
    }

    /// The changed session, if only its time changes within the same statistics.
    fn retimed(&self, tenant: &Tenant) -> Option<&HeldSession> {
        let (before, after) = (self.before.as_ref()?, self.after.as_ref()?);
        (before.statistics(tenant) == after.statistics(tenant)).then_some(after)
    }
}

/// Statistics that this process found to have no room for one more session. Not knowing one costs a refused
/// transaction, so the last few are remembered.
#[derive(Debug, Clone, Default)]
pub(crate) struct FullStatistics(Arc<Mutex<VecDeque<keys::Key>>>);

/// The number of those that are remembered.
const REMEMBERED: usize = 256;

impl FullStatistics {
    fn has(&self, key: &keys::Key) -> bool {
        self.0.lock().is_ok_and(|known| known.contains(key))
    }

    fn remember(&self, key: keys::Key) {
        if let Ok(mut known) = self.0.lock()
            && !known.contains(&key)
        {
            if known.len() >= REMEMBERED {
                known.pop_front();
            }
            known.push_back(key);
        }
    }
}

impl Store {
    /// Notes where to look next, after the writes of [`Store::count_session`] were `refused`.
    pub(crate) fn look_elsewhere(&self, tenant: &Tenant, change: &CountChange, places: &mut Places, refused: &Refused) {
        if refused.has(Refusal::SessionCountedElsewhere) {
            places.found = match places.found {
                Counted::Inline => Counted::Beside,
                // It is counted nowhere, which should not happen; this change goes on without it, and a rebuild
                // corrects it.
                Counted::Beside | Counted::Nowhere => Counted::Nowhere,
            };
        }
        if refused.has(Refusal::StatisticsFull) {
            places.goes = Counted::Beside;
            if let Some(after) = &change.after {
                self.full_statistics.remember(after.statistics(tenant));
            }
        }
    }

    /// Adds the writes for a `change` of the counts. They are refused if the session to be removed is not in its
    /// expected place, or if there is no more room: [`Store::look_elsewhere`].
    pub(crate) fn count_session(
        &self,
        transaction: &mut Transaction,
        tenant: &Tenant,
        change: &CountChange,
        places: Places,
    ) {
        if let Some(session) = change.retimed(tenant).filter(|_| places.found != Counted::Nowhere) {
            transaction.add(retime(tenant, session, places.found), Refusal::SessionCountedElsewhere);
            return;
        }
        if let Some(before) = &change.before {
            transaction.add_all(uncount(tenant, before, places.found), Refusal::SessionCountedElsewhere);
        }
        if let Some(after) = &change.after {
            let goes = match self.full_statistics.has(&after.statistics(tenant)) {
                true => Counted::Beside,
                false => places.goes,
            };
            count_anew(transaction, tenant, after, goes);
        }
    }

    /// Adds the writes that remove `sessions` from the counts, wherever they are: at most one for each. They are
    /// refused if that changes meanwhile.
    pub(crate) async fn uncount_sessions(
        &self,
        transaction: &mut Transaction,
        tenant: &Tenant,
        sessions: Vec<HeldSession>,
    ) -> Result<(), Error> {
        if sessions.is_empty() {
            return Ok(());
        }
        let keys = sessions.iter().map(|session| session.statistics(tenant)).collect();
        let mut inline: BTreeMap<keys::Key, InlineSessions> = BTreeMap::new();
        for item in self.batch_get(keys, true).await? {
            let mut item = Attributes::of(item);
            let read = self.noting(InlineSessions::read(&mut item))?;
            inline.insert(item.key, read);
        }
        let mut of_statistics: BTreeMap<keys::Key, Vec<String>> = BTreeMap::new();
        for session in sessions {
            let key = session.statistics(tenant);
            let is_inline = inline.get(&key).is_some_and(|inline| inline.has(&session.id));
            if is_inline {
                of_statistics.entry(key).or_default().push(session.attribute());
            } else {
                transaction.add_unconditional([Write::delete(session.own_item(tenant))]);
            }
        }
        let inline = of_statistics.into_iter().map(|(key, attributes)| uncount_inline(key, &attributes));
        transaction.add_all(inline, Refusal::SessionCountedElsewhere);
        Ok(())
    }

    /// The sessions of an agent that have items of their own, each with the item's key: id, time and plan, or that the
    /// item cannot be read.
    pub(crate) async fn sessions_beside(
        &self,
        tenant: &Tenant,
        usecase: &UsecaseId,
        agent: &UserId,
        period: Period,
    ) -> Result<Vec<(keys::Key, Result<CountedSession, Unreadable>)>, Error> {
        let keys::Key { partition, sort } = keys::statistics(tenant, usecase, agent, period);
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("{PK} = :partition AND begins_with({SK}, :agent)"))
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .expression_attribute_values(":agent", AttributeValue::S(format!("{sort}#")))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let pages: Vec<Vec<_>> = self.pages_of_range(query).try_collect().await?;
        let sessions = pages.into_iter().flatten().map(|item| {
            let mut item = Attributes::of(item);
            let id = last_of(&item.key.sort).ok_or_else(|| item.corrupt(SK));
            let read = id.and_then(|id| read_own_item(&mut item).map(|(seconds, plan)| (id, seconds, plan)));
            (item.key, self.noting(read))
        });
        Ok(sessions.collect())
    }
}

/// A session as it is counted: its id, time in seconds since 1970, and plan.
pub(crate) type CountedSession = (CoachingSessionId, i64, CoachingPlanId);

/// The count of a session in some statistics.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    usecase: UsecaseId,
    period: Period,
    session: CoachingSessionId,
    beside: bool,
    seconds: i64,
    plan: CoachingPlanId,
}

impl Store {
    /// Recounts the sessions of `agent`; returns in which statistics of `usecases` and `periods` they differed, and
    /// whether a plan's count of acknowledged sessions did. Their marks among the `activity`, which was read before,
    /// are put right too. Concurrent changes update the counts and marks themselves. A session that cannot be read
    /// stays counted as it is, and is added to `skipped`.
    pub(crate) async fn recount_sessions(
        &self,
        tenant: &Tenant,
        (usecases, periods): (&BTreeSet<UsecaseId>, &BTreeSet<Period>),
        agent: &UserId,
        (activity, activity_differing): (&StoredMarks, &mut Differing),
        skipped: &mut BTreeSet<Unreadable>,
    ) -> Result<(BTreeSet<(UsecaseId, Period)>, bool), Error> {
        let mut differed = BTreeSet::new();
        let stored = self.stored_marks(tenant, usecases, periods, agent, &mut differed).await?;
        let partition = keys::sessions_of_agent(tenant, agent);
        let listed =
            self.all(Range::<CoachingSession>::new(ListIndex::Agent, partition, Filter::default(), None)).await?;
        let plans = listed.entries.iter().map(|session| session.plan.clone()).collect();
        let counts = self.child_counts(tenant, &plans).await?;
        let mut ids: BTreeSet<CoachingSessionId> = listed.entries.into_iter().map(|session| session.id).collect();
        ids.extend(stored.iter().map(|mark| mark.session.clone()));
        ids.extend(activity.keys().filter_map(|marked| match marked {
            Marked::Session(session) => Some(session.clone()),
            Marked::Scorecard(_) => None,
        }));
        let keys = ids.iter().map(|id| keys::session(tenant, id)).collect();
        let found = self.batch_read(keys, true, CoachingSession::from_item).await?;
        let sessions = found.entries.into_iter().map(|session| (session.id.clone(), session));
        let sessions: BTreeMap<CoachingSessionId, CoachingSession> = sessions.collect();
        for unreadable in listed.unreadable.into_iter().chain(found.unreadable) {
            if let Some(id) = CoachingSessionId::parse(unreadable.id()) {
                ids.remove(&id);
            }
            skipped.insert(unreadable);
        }
        let counts_differed = self.put_acknowledged_right(tenant, counts, sessions.values()).await?;
        for id in ids {
            let session = sessions.get(&id);
            let right = session.and_then(HeldSession::of).filter(|held| held.agent == *agent);
            let mut counted = false;
            let mut writes = Vec::new();
            for mark in stored.iter().filter(|mark| mark.session == id) {
                if !counted && right.as_ref().is_some_and(|right| right.is_counted_by(mark)) {
                    counted = true;
                    continue;
                }
                differed.insert((mark.usecase.clone(), mark.period));
                writes.push(remove_mark(tenant, agent, mark));
            }
            let check = Write::check_version(keys::session(tenant, &id), session.map(|session| session.version));
            let right_mark = session.and_then(PlacedMark::of_session).filter(|mark| mark.agent() == agent);
            let marks = activity.get(&Marked::Session(id)).map(Vec::as_slice).unwrap_or_default();
            self.put_mark_right(tenant, marks, check.clone(), right_mark.as_ref(), activity_differing).await?;
            for write in writes {
                let mut transaction = Transaction::of(check.clone(), Refusal::Changed);
                transaction.add(write, Refusal::SessionCountedElsewhere);
                self.transact(transaction).await?;
            }
            let Some(right) = right.filter(|_| !counted) else { continue };
            differed.insert((right.usecase.clone(), right.period()));
            for goes in [Counted::Inline, Counted::Beside] {
                let mut transaction = Transaction::of(check.clone(), Refusal::Changed);
                count_anew(&mut transaction, tenant, &right, goes);
                let Outcome::Refused(refused) = self.transact(transaction).await? else { break };
                if refused.has(Refusal::Changed) {
                    break;
                }
            }
        }
        Ok((differed, counts_differed))
    }

    /// The sessions that the statistics of `agent` count, after correcting their number and removing what cannot be
    /// read or only tables of version 0.1 have.
    async fn stored_marks(
        &self,
        tenant: &Tenant,
        usecases: &BTreeSet<UsecaseId>,
        periods: &BTreeSet<Period>,
        agent: &UserId,
        differed: &mut BTreeSet<(UsecaseId, Period)>,
    ) -> Result<Vec<Mark>, Error> {
        let mut keys = Vec::new();
        for usecase in usecases {
            keys.extend(periods.iter().map(|period| keys::statistics(tenant, usecase, agent, *period)));
        }
        let mut marks = Vec::new();
        for item in self.batch_get(keys, true).await? {
            let item = Attributes::of(item);
            let parsed = keys::parse_statistics(&item.key.partition, &item.key.sort);
            let (usecase, period, _) = parsed.ok_or_else(|| item.corrupt(SK))?;
            let (sessions, mut wrong) = inline_sessions(&item);
            wrong.extend(item.rest.keys().filter(|name| name.starts_with(OLD_SESSION)).cloned());
            let counted = item.rest.get(HELD_COUNT).cloned();
            let held = i64::try_from(sessions.len()).unwrap_or(i64::MAX);
            let is_counted = match &counted {
                None => held == 0,
                Some(counted) => counted.as_n().is_ok_and(|counted| counted.parse() == Ok(held)),
            };
            if !is_counted || !wrong.is_empty() {
                differed.insert((usecase.clone(), period));
                // If refused, others are changing it, and count their changes.
                self.set_count(item.key.clone(), HELD_COUNT, counted, held, &wrong).await?;
            }
            let more_beside = match item.rest.get(HELD_BESIDE) {
                None => false,
                Some(AttributeValue::Bool(more)) => *more,
                Some(_) => {
                    differed.insert((usecase.clone(), period));
                    self.write_without_condition(say_more_beside(item.key.clone())).await?;
                    true
                }
            };
            if more_beside {
                for (key, read) in self.sessions_beside(tenant, &usecase, agent, period).await? {
                    let usecase = usecase.clone();
                    match read {
                        Ok((session, seconds, plan)) => {
                            marks.push(Mark { usecase, period, session, beside: true, seconds, plan });
                        }
                        Err(_) => {
                            differed.insert((usecase, period));
                            self.write_without_condition(Write::delete(key)).await?;
                        }
                    }
                }
            }
            marks.extend(sessions.into_iter().map(|(session, seconds, plan)| Mark {
                usecase: usecase.clone(),
                period,
                session,
                beside: false,
                seconds,
                plan,
            }));
        }
        marks.sort();
        Ok(marks)
    }

    async fn write_without_condition(&self, write: Write) -> Result<(), Error> {
        let mut transaction = Transaction::default();
        transaction.add_unconditional([write]);
        self.transact(transaction).await.map(|_| ())
    }
}

fn retime(tenant: &Tenant, session: &HeldSession, found: Counted) -> Write {
    let set = |key| Write::update(key, "SET #held = :held").text(":held", session.value());
    match found {
        Counted::Beside => {
            set(session.own_item(tenant)).when(format!("attribute_exists({PK})")).name("#held", HELD_COUNT)
        }
        Counted::Inline | Counted::Nowhere => {
            set(session.statistics(tenant)).when("attribute_exists(#held)").name("#held", session.attribute())
        }
    }
}

fn uncount(tenant: &Tenant, session: &HeldSession, found: Counted) -> Option<Write> {
    match found {
        Counted::Nowhere => None,
        Counted::Beside => Some(Write::delete(session.own_item(tenant)).when(format!("attribute_exists({PK})"))),
        Counted::Inline => Some(uncount_inline(session.statistics(tenant), &[session.attribute()])),
    }
}

/// The write that takes sessions out of the statistics at `key`; refused if one is not there.
fn uncount_inline(key: keys::Key, attributes: &[String]) -> Write {
    let names: Vec<String> = (0..attributes.len()).map(|number| format!("#held{number}")).collect();
    let there: Vec<String> = names.iter().map(|name| format!("attribute_exists({name})")).collect();
    let update = Write::update(key, format!("REMOVE {} ADD {HELD_COUNT} :less", names.join(", ")))
        .when(there.join(" AND "))
        .number(":less", format!("-{}", attributes.len()));
    names.into_iter().zip(attributes).fold(update, |update, (name, attribute)| update.name(name, attribute))
}

/// Adds the writes that count a session that is not counted yet. In the statistics, they are refused if there is no
/// room.
fn count_anew(transaction: &mut Transaction, tenant: &Tenant, session: &HeldSession, goes: Counted) {
    if goes == Counted::Inline {
        let expression = format!("SET #held = :held ADD {HELD_COUNT} :one");
        let update = Write::update(session.statistics(tenant), expression)
            .when(format!("attribute_not_exists({HELD_COUNT}) OR {HELD_COUNT} < :most"))
            .name("#held", session.attribute())
            .text(":held", session.value())
            .number(":one", 1)
            .number(":most", MAX_INLINE);
        transaction.add(update, Refusal::StatisticsFull);
        return;
    }
    let item = Item::at(session.own_item(tenant)).text(HELD_COUNT, session.value());
    transaction.add_unconditional([say_more_beside(session.statistics(tenant)), Write::put(item)]);
}

fn remove_mark(tenant: &Tenant, agent: &UserId, mark: &Mark) -> Write {
    if mark.beside {
        return Write::delete(keys::held_session(tenant, &mark.usecase, agent, mark.period, &mark.session));
    }
    let key = keys::statistics(tenant, &mark.usecase, agent, mark.period);
    uncount_inline(key, &[format!("{HELD}{}", mark.session)])
}

/// The write that makes statistics say that further sessions are items of their own.
fn say_more_beside(key: keys::Key) -> Write {
    Write::update(key, format!("SET {HELD_BESIDE} = :true")).value(":true", AttributeValue::Bool(true))
}

/// The sessions in an item of statistics, and the attributes of sessions that cannot be read.
fn inline_sessions(item: &Attributes) -> (Vec<CountedSession>, Vec<String>) {
    let (mut sessions, mut wrong) = (Vec::new(), Vec::new());
    for (attribute, value) in &item.rest {
        let Some(id) = attribute.strip_prefix(HELD) else { continue };
        match (Id::parse(id), value.as_s().ok().and_then(|value| parse(value))) {
            (Some(id), Some((seconds, plan))) => sessions.push((id, seconds, plan)),
            _ => wrong.push(attribute.clone()),
        }
    }
    (sessions, wrong)
}

/// The time and plan in a session's own item.
pub(crate) fn read_own_item(item: &mut Attributes) -> Result<(i64, CoachingPlanId), Unreadable> {
    parse(&item.text(HELD_COUNT)?).ok_or_else(|| item.corrupt(HELD_COUNT))
}

fn parse(value: &str) -> Option<(i64, CoachingPlanId)> {
    let (seconds, plan) = value.split_once('#')?;
    Some((seconds.parse().ok()?, Id::parse(plan)?))
}

impl InlineSessions {
    /// Takes them out of an item of statistics.
    pub(crate) fn read(item: &mut Attributes) -> Result<Self, Unreadable> {
        let (sessions, wrong) = inline_sessions(item);
        if !wrong.is_empty() {
            return Err(item.corrupt(HELD));
        }
        let more_beside = match item.rest.get(HELD_BESIDE) {
            None => false,
            Some(AttributeValue::Bool(more)) => *more,
            Some(_) => return Err(item.corrupt(HELD_BESIDE)),
        };
        Ok(Self { sessions, more_beside })
    }

    fn has(&self, id: &CoachingSessionId) -> bool {
        self.sessions.iter().any(|(one, ..)| one == id)
    }
}
