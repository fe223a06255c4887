//! The activity of an agent: the marks of their sessions, and of their scorecards that are evaluations or linked to
//! plans, by usecase and two months.
//!
//! Each mark is an item of its own, in the same partition as the agent's others and right behind them, so that a write
//! of one costs the same however many there are. It is written in the transaction of its session or scorecard, which
//! is conditional on what was read: a mark needs no condition, and repeating the transaction leaves the same mark.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::activity::{ScorecardMark, SessionMark};
use coaching_domain::names::{CoachingPlanId, CoachingSessionId, ScorecardId, UsecaseId, UserId};
use coaching_domain::scorecard::Scorecard;
use coaching_domain::session::{CoachingSession, Steps};
use coaching_domain::statistics::{Period, day_of};
use coaching_domain::{Error, Id, Tenant, Timestamp, Version};
use futures_util::stream::{StreamExt, TryStreamExt, iter};

use crate::Store;
use crate::engine::transaction::{Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, Key, PK, SK};
use crate::statistics::READS_AT_ONCE;
use crate::unreadable::Unreadable;

/// The attribute of a session's mark.
const SESSION: &str = "session";
/// The attributes of a scorecard's mark.
const SCORECARD: &str = "scorecard";
const EVALUATION: &str = "evaluation";
const PLANS: &str = "plans";
/// The flags in a session's mark.
const HAS_SESSION_TIME: char = 'T';
const HAS_NOTES: char = 'N';

/// The session or scorecard that has a mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marked {
    /// A session.
    Session(CoachingSessionId),
    /// A scorecard.
    Scorecard(ScorecardId),
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Of a session.
    Session(SessionMark),
    /// Of a scorecard.
    Scorecard(ScorecardMark),
}

/// A mark in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedMark {
    agent: UserId,
    usecase: UsecaseId,
    marked: Marked,
    mark: Mark,
}

/// A mark of an agent, as it was read.
#[derive(Debug)]
pub struct AgentMark {
    /// The agent.
    pub agent: UserId,
    /// What has it.
    pub marked: Marked,
    /// The mark.
    pub mark: Mark,
}

/// A mark as a recount finds it.
pub(crate) struct StoredMark {
    key: Key,
    usecase: UsecaseId,
    period: Period,
    /// `None` if it cannot be read.
    mark: Option<Mark>,
}

/// The marks that a recount finds of an agent, by what has them.
pub(crate) type StoredMarks = BTreeMap<Marked, Vec<StoredMark>>;

/// The usecases and periods of an agent whose activity differed.
pub(crate) type Differing = BTreeSet<(UsecaseId, Period)>;

impl PlacedMark {
    /// The mark of `session`; `None` without a usecase: it counts in none.
    pub(crate) fn of_session(session: &CoachingSession) -> Option<Self> {
        Some(Self {
            agent: session.agent.clone(),
            usecase: session.usecase.clone()?,
            marked: Marked::Session(session.id.clone()),
            mark: Mark::Session(SessionMark::of(session)),
        })
    }

    /// The mark of `scorecard`, if it has one.
    pub(crate) fn of_scorecard(scorecard: &Scorecard) -> Option<Self> {
        Some(Self {
            agent: scorecard.agent.clone(),
            usecase: scorecard.usecase.clone(),
            marked: Marked::Scorecard(scorecard.id.clone()),
            mark: Mark::Scorecard(ScorecardMark::of(scorecard)?),
        })
    }

    /// The agent whose activity it is.
    pub(crate) fn agent(&self) -> &UserId {
        &self.agent
    }

    fn period(&self) -> Period {
        self.mark.period()
    }

    fn key(&self, tenant: &Tenant) -> Key {
        let Self { agent, usecase, marked, .. } = self;
        match marked {
            Marked::Session(session) => keys::session_mark(tenant, usecase, agent, self.period(), session),
            Marked::Scorecard(scorecard) => keys::scorecard_mark(tenant, usecase, agent, self.period(), scorecard),
        }
    }

    fn put(&self, tenant: &Tenant) -> Write {
        let item = Item::at(self.key(tenant));
        Write::put(match &self.mark {
            Mark::Session(mark) => item.text(SESSION, session_text(mark)),
            Mark::Scorecard(mark) => item
                .text(SCORECARD, format!("{}#{}", mark.submitted, mark.template))
                .boolean(EVALUATION, mark.is_evaluation)
                .texts(PLANS, mark.plans.iter().map(ToString::to_string)),
        })
    }
}

/// The writes that replace the mark `before` with the mark `after`; none if they are the same.
pub(crate) fn replace(tenant: &Tenant, before: Option<&PlacedMark>, after: Option<&PlacedMark>) -> Vec<Write> {
    if before == after {
        return Vec::new();
    }
    let put_at = after.map(|after| after.key(tenant));
    let removed = before.map(|before| before.key(tenant)).filter(|key| put_at.as_ref() != Some(key));
    let put = after.map(|after| after.put(tenant));
    removed.map(Write::delete).into_iter().chain(put).collect()
}

/// Which marks are read.
#[derive(Debug, Clone, Copy)]
pub enum Marks {
    /// Of sessions, and of scorecards that are linked to plans.
    Coaching,
    /// Of sessions.
    Sessions,
    /// Of evaluations.
    Evaluations,
}

impl Marks {
    /// `query` without the others.
    fn only(self, query: QueryFluentBuilder) -> QueryFluentBuilder {
        match self {
            Self::Coaching => query
                .filter_expression("attribute_exists(#session) OR attribute_exists(#plans)")
                .expression_attribute_names("#session", SESSION)
                .expression_attribute_names("#plans", PLANS),
            Self::Sessions => {
                query.filter_expression("attribute_exists(#session)").expression_attribute_names("#session", SESSION)
            }
            // What cannot be read is let through.
            Self::Evaluations => query
                .filter_expression("attribute_not_exists(#session) AND NOT #evaluation = :false")
                .expression_attribute_names("#session", SESSION)
                .expression_attribute_names("#evaluation", EVALUATION)
                .expression_attribute_values(":false", AttributeValue::Bool(false)),
        }
    }

    /// What the sort keys of an agent's begin with; those of all their marks begin with `agent`.
    fn of_agent(self, agent: String) -> String {
        match self {
            Self::Coaching => agent,
            Self::Sessions => keys::session_marks(&agent),
            Self::Evaluations => keys::scorecard_marks(&agent),
        }
    }
}

impl Store {
    /// Passes the `wanted` marks of `agents` in `usecases` and `periods` to `take`, one after the other in no order,
    /// each as of within about a second, or as unreadable. They include sessions of plans that are being deleted.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; the errors of `take`.
    pub async fn activity_of_agents(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        agents: &[UserId],
        periods: &[Period],
        wanted: Marks,
        take: impl FnMut(Result<AgentMark, Unreadable>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut queries = Vec::with_capacity(usecases.len() * agents.len() * periods.len());
        for usecase in usecases {
            for agent in agents {
                for period in periods {
                    let Key { partition, sort } = keys::activity_of_agent(tenant, usecase, agent, *period);
                    queries.push(self.query_beginning(partition, wanted.of_agent(sort)));
                }
            }
        }
        self.take_marks(queries.into_iter().map(|query| wanted.only(query)), take).await
    }

    /// As [`Store::activity_of_agents`], for every agent of the profile, and with `periods` in order: a range of each
    /// bucket, several concurrently.
    ///
    /// # Errors
    /// As there.
    pub async fn activity_of_profile(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        periods: &[Period],
        wanted: Marks,
        take: impl FnMut(Result<AgentMark, Unreadable>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(()) };
        let mut queries = Vec::new();
        for usecase in usecases {
            let buckets = (0..keys::BUCKETS).map(|bucket| keys::activity_bucket(tenant, usecase, bucket));
            // `$` is the character after `#`.
            queries.extend(buckets.map(|bucket| {
                self.query_of(bucket, &format!("{SK} BETWEEN :first AND :last"))
                    .expression_attribute_values(":first", AttributeValue::S(format!("{first}#")))
                    .expression_attribute_values(":last", AttributeValue::S(format!("{last}$")))
            }));
        }
        self.take_marks(queries.into_iter().map(|query| wanted.only(query)), take).await
    }

    async fn take_marks(
        &self,
        queries: impl Iterator<Item = QueryFluentBuilder>,
        mut take: impl FnMut(Result<AgentMark, Unreadable>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ranges = iter(queries.collect::<Vec<_>>()).map(|query| Box::pin(self.pages_of_range(query)));
        let mut pages = ranges.flatten_unordered(READS_AT_ONCE);
        while let Some(items) = pages.next().await {
            for item in items? {
                take(self.noting(AgentMark::from_item(item)))?;
            }
        }
        Ok(())
    }

    fn query_of(&self, bucket: String, of_sort_key: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&*self.table)
            .key_condition_expression(format!("{PK} = :bucket AND {of_sort_key}"))
            .expression_attribute_values(":bucket", AttributeValue::S(bucket))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// The items of `bucket` whose sort key begins with `beginning`.
    fn query_beginning(&self, bucket: String, beginning: String) -> QueryFluentBuilder {
        self.query_of(bucket, &format!("begins_with({SK}, :beginning)"))
            .expression_attribute_values(":beginning", AttributeValue::S(beginning))
    }

    /// All marks of `agent` in `usecases` and `periods` as they are now. One that is of nothing is removed, and its
    /// place is added to `differing`.
    pub(crate) async fn stored_marks_of(
        &self,
        tenant: &Tenant,
        usecases: &BTreeSet<UsecaseId>,
        periods: &BTreeSet<Period>,
        agent: &UserId,
        differing: &mut Differing,
    ) -> Result<StoredMarks, Error> {
        let places = usecases.iter().flat_map(|usecase| periods.iter().map(move |period| (usecase, *period)));
        let queries = places.map(|(usecase, period)| {
            let Key { partition, sort } = keys::activity_of_agent(tenant, usecase, agent, period);
            let query = self.query_beginning(partition, sort).consistent_read(true);
            let pages = self.pages_of_range(query).try_collect::<Vec<_>>();
            async move { Ok::<_, Error>((usecase, period, pages.await?)) }
        });
        let mut stored = StoredMarks::new();
        let mut reads = iter(queries.collect::<Vec<_>>()).buffer_unordered(READS_AT_ONCE);
        while let Some(read) = reads.next().await {
            let (usecase, period, pages) = read?;
            for item in pages.into_iter().flatten() {
                let item = Attributes::of(item);
                let key = item.key.clone();
                let Some((_, _, marked)) = keys::parse_mark(&key.sort) else {
                    differing.insert((usecase.clone(), period));
                    let mut removal = Transaction::default();
                    removal.add_unconditional([Write::delete(key)]);
                    self.transact(removal).await?;
                    continue;
                };
                let mark = self.noting(Mark::read(&marked, item)).ok();
                stored.entry(marked).or_default().push(StoredMark { key, usecase: usecase.clone(), period, mark });
            }
        }
        Ok(stored)
    }

    /// Makes the `stored` marks of a session or scorecard the one that is `right`, if `check` of it holds still: else
    /// whoever changed it wrote its mark. Where they differed is added to `differing`.
    pub(crate) async fn put_mark_right(
        &self,
        tenant: &Tenant,
        stored: &[StoredMark],
        check: Write,
        right: Option<&PlacedMark>,
        differing: &mut Differing,
    ) -> Result<(), Error> {
        let place = right.map(|right| (right.key(tenant), right));
        let mut is_there = false;
        let mut writes = Vec::new();
        for one in stored {
            match &place {
                Some((key, right)) if *key == one.key => is_there = one.mark.as_ref() == Some(&right.mark),
                _ => {
                    differing.insert((one.usecase.clone(), one.period));
                    writes.push(Write::delete(one.key.clone()));
                }
            }
        }
        if let Some((_, right)) = place.filter(|_| !is_there) {
            differing.insert((right.usecase.clone(), right.period()));
            writes.push(right.put(tenant));
        }
        if writes.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::of(check, Refusal::Changed);
        transaction.add_unconditional(writes);
        self.transact(transaction).await.map(|_| ())
    }

    /// Makes the marks of the scorecards of `agent` right. Of `scorecards`, which were read after the `stored` marks,
    /// it is given the version and the right mark.
    pub(crate) async fn put_scorecard_marks_right(
        &self,
        tenant: &Tenant,
        agent: &UserId,
        stored: &StoredMarks,
        mut scorecards: BTreeMap<ScorecardId, (Version, Option<PlacedMark>)>,
        differing: &mut Differing,
    ) -> Result<(), Error> {
        let marked = stored.keys().filter_map(|marked| match marked {
            Marked::Scorecard(scorecard) => Some(scorecard),
            Marked::Session(_) => None,
        });
        // Marks of scorecards that the index does not list: of none, or of one that was added a moment ago.
        let unlisted: Vec<ScorecardId> = marked.filter(|id| !scorecards.contains_key(*id)).cloned().collect();
        let found = self.scorecards_by_id(tenant, &unlisted).await?;
        let unreadable: BTreeSet<ScorecardId> =
            found.unreadable.iter().filter_map(|unreadable| Id::parse(unreadable.id())).collect();
        for scorecard in found.entries {
            let right = PlacedMark::of_scorecard(&scorecard).filter(|right| right.agent == *agent);
            scorecards.insert(scorecard.id, (scorecard.version, right));
        }
        let gone = unlisted.into_iter().filter(|id| !scorecards.contains_key(id) && !unreadable.contains(id));
        let gone: Vec<ScorecardId> = gone.collect();
        let there = scorecards.into_iter().map(|(id, (version, right))| (id, Some(version), right));
        for (id, version, right) in there.chain(gone.into_iter().map(|id| (id, None, None))) {
            let check = Write::check_version(keys::scorecard(tenant, &id), version);
            let of_it = stored.get(&Marked::Scorecard(id)).map(Vec::as_slice).unwrap_or_default();
            self.put_mark_right(tenant, of_it, check, right.as_ref(), differing).await?;
        }
        Ok(())
    }
}

impl AgentMark {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let item = Attributes::of(item);
        let (_, agent, marked) = keys::parse_mark(&item.key.sort).ok_or_else(|| item.corrupt(SK))?;
        let mark = Mark::read(&marked, item)?;
        Ok(Self { agent, marked, mark })
    }
}

impl Mark {
    /// Reads the mark of what is `marked`.
    fn read(marked: &Marked, mut item: Attributes) -> Result<Self, Unreadable> {
        match marked {
            Marked::Session(_) => {
                let mark = parse_session(&item.text(SESSION)?).ok_or_else(|| item.corrupt(SESSION))?;
                Ok(Self::Session(mark))
            }
            Marked::Scorecard(_) => {
                let text = item.text(SCORECARD)?;
                let parsed = text
                    .split_once('#')
                    .and_then(|(submitted, template)| Some((Timestamp::parse(submitted)?, Id::parse(template)?)));
                let (submitted, template) = parsed.ok_or_else(|| item.corrupt(SCORECARD))?;
                let (is_evaluation, plans) = (item.boolean(EVALUATION)?, item.ids(PLANS)?);
                Ok(Self::Scorecard(ScorecardMark { submitted, template, is_evaluation, plans }))
            }
        }
    }

    fn period(&self) -> Period {
        Period::of(day_of(match self {
            Self::Session(mark) => mark.steps.counted,
            Self::Scorecard(mark) => mark.submitted,
        }))
    }
}

fn session_text(SessionMark { steps, coach, plan }: &SessionMark) -> String {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let flags = [(steps.has_session_time, HAS_SESSION_TIME), (steps.has_notes, HAS_NOTES)];
    let flags: String = flags.into_iter().filter_map(|(has, flag)| has.then_some(flag)).collect();
    format!("{}#{flags}#{}#{}#{coach}#{plan}", steps.counted, time(steps.submitted), time(steps.acknowledged))
}

fn parse_session(text: &str) -> Option<SessionMark> {
    let mut parts = text.split('#');
    let counted = Timestamp::parse(parts.next()?)?;
    let flags = parts.next()?;
    let mut time = || {
        let text = parts.next()?;
        if text.is_empty() { Some(None) } else { Timestamp::parse(text).map(Some) }
    };
    let (submitted, acknowledged) = (time()?, time()?);
    let (coach, plan): (UserId, CoachingPlanId) = (Id::parse(parts.next()?)?, Id::parse(parts.next()?)?);
    let steps = Steps {
        counted,
        has_session_time: flags.contains(HAS_SESSION_TIME),
        has_notes: flags.contains(HAS_NOTES),
        submitted,
        acknowledged,
    };
    parts.next().is_none().then_some(SessionMark { steps, coach, plan })
}
