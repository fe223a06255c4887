//! The keys of the table and its indexes: functions of a [`Tenant`] and typed ids. [`Partition`] has the kinds of
//! partitions, with their sort keys, and `docs/table.md` lists who uses them.

use std::cmp::Reverse;

use coaching_domain::change::Change;
use coaching_domain::name_search::{NameSearch, folded, from_each_word};
use coaching_domain::names::{
    self, CoachingCommentId, CoachingPlanId, CoachingSessionId, Collection, GroupId, JobId, ScorecardId,
    ScorecardTemplateId, TargetId, UsecaseId, UserId,
};
use coaching_domain::outline::Kind;
use coaching_domain::statistics::Period;
use coaching_domain::{CustomerTenant, Id, Tenant, Timestamp};
use uuid::Uuid;

use crate::Partition;
use crate::activity::Marked;

/// The table's partition key.
pub const PK: &str = "PK";
/// The table's sort key.
pub const SK: &str = "SK";
/// The sort key of the indexes that list the newest creation first, or by name.
pub const LIST_ORDER: &str = "list_order";
/// The sort key of [`ListIndex::SessionTime`].
pub const SESSION_TIME_ORDER: &str = "session_time_order";
/// The sort key of [`ListIndex::UpdateTime`].
pub const UPDATE_TIME_ORDER: &str = "update_time_order";
/// The attribute that DynamoDB deletes expired items by, in Unix seconds.
pub const EXPIRES_AT: &str = "expires_at";
/// The attribute of a user's or a group's own item that tells the display name that they are listed by.
pub(crate) const LISTED_AS: &str = "listed_as";

/// A partition key and a sort key of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `PK`
    pub partition: String,
    /// `SK`
    pub sort: String,
}

/// A key of no item, because it begins with no customer.
pub fn nothing() -> Key {
    Key { partition: "#".to_owned(), sort: "#".to_owned() }
}

/// The key of a plan.
pub fn plan(tenant: &Tenant, id: &CoachingPlanId) -> Key {
    Key { partition: under(tenant, Partition::Plan, &[id.as_str()]), sort: "plan".to_owned() }
}

/// The key of a session.
pub fn session(tenant: &Tenant, id: &CoachingSessionId) -> Key {
    Key { partition: under(tenant, Partition::Session, &[id.as_str()]), sort: "session".to_owned() }
}

/// The key of a comment.
pub fn comment(tenant: &Tenant, id: &CoachingCommentId) -> Key {
    Key { partition: under(tenant, Partition::Comment, &[id.as_str()]), sort: "comment".to_owned() }
}

/// The partition that holds the history of the session, plan, comment or scorecard `name` of `tenant`.
pub fn history_of(tenant: &Tenant, name: &str) -> Option<String> {
    let of_session = tenant.id_in(name).ok().map(|id| session(tenant, &id));
    let of_plan = || tenant.id_in(name).ok().map(|id| plan(tenant, &id));
    let of_comment = || tenant.id_in(name).ok().map(|id| comment(tenant, &id));
    let of_scorecard = || tenant.id_in(name).ok().map(|id| scorecard(tenant, &id));
    of_session.or_else(of_plan).or_else(of_comment).or_else(of_scorecard).map(|key| key.partition)
}

/// The names that [`history_of`] takes.
pub fn with_history() -> Kind {
    Kind::name_in(&[
        names::CoachingSession::SEGMENT,
        names::CoachingPlan::SEGMENT,
        names::CoachingComment::SEGMENT,
        names::Scorecard::SEGMENT,
    ])
}

/// Sorts after every change of an entity, and before everything else in its partition.
pub const AFTER_CHANGES: &str = "change$";

/// A new, unique key for `change` of the entity in `partition`: sorted by time, then version.
pub fn change(partition: &str, change: &Change) -> Key {
    let time = change.time.as_utc().format("%Y-%m-%dT%H:%M:%S%.9fZ");
    Key { partition: partition.to_owned(), sort: format!("change#{time}#{:010}#{}", change.version, Uuid::new_v4()) }
}

/// The key of the further part `number`, from 1 on, of the change at `key`. It sorts right behind that.
pub(crate) fn part_of_change(key: &Key, number: usize) -> Key {
    Key { partition: key.partition.clone(), sort: format!("{}#{number}", key.sort) }
}

/// Whether the sort key of a change is one of [`part_of_change`].
pub(crate) fn is_part_of_change(sort: &str) -> bool {
    sort.matches('#').count() > 3
}

/// The key of the counts of a plan's sessions, comments and targets.
pub fn dependents(tenant: &Tenant, id: &CoachingPlanId) -> Key {
    Key { partition: plan(tenant, id).partition, sort: "dependents".to_owned() }
}

/// The key of a profile's list of plans that are being deleted.
pub fn deletions(tenant: &Tenant) -> Key {
    Key { partition: under(tenant, Partition::Deletions, &[]), sort: "deletions".to_owned() }
}

/// The prefix of the attributes of that list.
pub const DELETED_PLAN: &str = "plan#";

/// The key of an agent's record in one profile: who they are, their active plans and the targets of those.
pub fn agent(tenant: &Tenant, id: &UserId) -> Key {
    Key { partition: under(tenant, Partition::Agent, &[id.as_str()]), sort: "agent".to_owned() }
}

/// The key of a revision of a template, or of its current one.
pub fn template(tenant: &Tenant, id: &ScorecardTemplateId, revision: Option<u32>) -> Key {
    let sort = revision.map_or_else(|| CURRENT.to_owned(), |revision| format!("revision#{revision:08}"));
    Key { partition: under(tenant, Partition::Template, &[id.as_str()]), sort }
}

/// Whether the key of a template's item is that of its current revision.
pub(crate) fn is_current_template(key: &Key) -> bool {
    key.sort == CURRENT
}

/// The sort key of a template's current revision.
const CURRENT: &str = "current";

/// The key of a target.
pub fn target(tenant: &Tenant, id: &TargetId) -> Key {
    Key { partition: under(tenant, Partition::Target, &[id.as_str()]), sort: "target".to_owned() }
}

/// The key of the item that names the target for a `part` of a template's scores (empty: the whole) in a usecase: of a
/// plan, or of the organisation.
pub fn target_place(
    tenant: &Tenant,
    usecase: &UsecaseId,
    template: &ScorecardTemplateId,
    plan: Option<&CoachingPlanId>,
    part: &str,
) -> Key {
    Key {
        partition: under(tenant, Partition::TargetPlace, &[usecase.as_str(), template.as_str()]),
        sort: format!("{}#{part}", plan.map_or("", Id::as_str)),
    }
}

/// The prefix of the sort keys of past facts, which sort by their end.
const PAST: &str = "past#";
/// Sorts after all of those.
pub(crate) const AFTER_PAST: &str = "past$";

/// Sorts before every past fact in its partition that ended at `time` or later, and after all others.
pub(crate) fn past_from(time: Timestamp) -> String {
    format!("{PAST}{}", youth(time))
}

/// The key of a past plan of `agent`, which ended at `until`.
pub fn past_plan(tenant: &Tenant, agent: &UserId, id: &CoachingPlanId, until: Timestamp) -> Key {
    Key { partition: self::agent(tenant, agent).partition, sort: format!("{}#plan#{id}", past_from(until)) }
}

/// The key of a past target, which ended at `until`: of an agent's plan, or the organisation's.
pub fn past_target(tenant: &Tenant, agent: Option<&UserId>, id: &TargetId, until: Timestamp) -> Key {
    match agent {
        Some(agent) => {
            Key { partition: self::agent(tenant, agent).partition, sort: format!("{}#target#{id}", past_from(until)) }
        }
        None => Key { partition: target(tenant, id).partition, sort: past_from(until) },
    }
}

/// The key of a past state of a user, which ended at `until`.
pub fn past_user(tenant: &CustomerTenant, id: &UserId, until: Timestamp) -> Key {
    Key { partition: user(tenant, id).partition, sort: past_from(until) }
}

/// The key of a usecase of the directory.
pub fn usecase(tenant: &Tenant, id: &UsecaseId) -> Key {
    Key { partition: under(tenant, Partition::Usecase, &[id.as_str()]), sort: "usecase".to_owned() }
}

/// The key of a scorecard.
pub fn scorecard(tenant: &Tenant, id: &ScorecardId) -> Key {
    Key { partition: under(tenant, Partition::Scorecard, &[id.as_str()]), sort: "scorecard".to_owned() }
}

/// The number of partitions that the statistics of a profile and usecase are spread over, and their activity, and the
/// agent counts of a customer. A submitted scorecard writes about 6 units into the statistics and a partition takes
/// 1,000 a second, so a profile takes more than 2,000 scorecards a second.
pub const BUCKETS: u32 = 16;

/// The key of the time at which the benchmark of a usecase and period was made.
pub(crate) fn benchmark_made(tenant: &Tenant, usecase: &UsecaseId, period: Period) -> Key {
    Key { partition: benchmark(tenant, usecase), sort: format!("made#{period}") }
}

/// The key of one of the items of a benchmark.
pub(crate) fn benchmark_item(
    tenant: &Tenant,
    usecase: &UsecaseId,
    period: Period,
    template: &ScorecardTemplateId,
    place: u32,
) -> Key {
    Key { partition: benchmark(tenant, usecase), sort: format!("{period}#{template}#{place}") }
}

/// The key of the time at which the agents of a bucket were added up for the benchmarks of some consecutive periods. The
/// sort keys of the items with their scores are this one and, after a `#`, that of [`benchmark_item`].
pub(crate) fn benchmark_range(tenant: &Tenant, usecase: &UsecaseId, periods: &[Period], bucket: u32) -> Key {
    let periods: Vec<String> = periods.iter().map(ToString::to_string).collect();
    Key { partition: benchmark(tenant, usecase), sort: format!("range#{}#{bucket:02}", periods.join("+")) }
}

fn benchmark(tenant: &Tenant, usecase: &UsecaseId) -> String {
    under(tenant, Partition::Benchmark, &[usecase.as_str()])
}

/// The period, template and place at the end of a sort key of [`benchmark_item`], or of one below [`benchmark_range`].
pub(crate) fn parse_benchmark_item(sort: &str) -> Option<(Period, ScorecardTemplateId, u32)> {
    let mut parts = sort.rsplit('#');
    let (place, template, period) = (parts.next()?, parts.next()?, parts.next()?);
    Some((parse_period(period)?, Id::parse(template)?, place.parse().ok()?))
}

/// The key of an agent's statistics of one usecase and period. A bucket of agents is a partition,
/// sorted by period, so that a whole profile is a range of each bucket and a team a batch of keys.
pub fn statistics(tenant: &Tenant, usecase: &UsecaseId, agent: &UserId, period: Period) -> Key {
    Key { partition: statistics_bucket(tenant, usecase, bucket_of(agent)), sort: format!("{period}#{agent}") }
}

/// The key of a session that an agent's statistics count in an item of its own.
pub fn held_session(
    tenant: &Tenant,
    usecase: &UsecaseId,
    agent: &UserId,
    period: Period,
    session: &CoachingSessionId,
) -> Key {
    let Key { partition, sort } = statistics(tenant, usecase, agent, period);
    Key { partition, sort: format!("{sort}#{session}") }
}

/// Whether a sort key in a bucket of statistics is that of [`held_session`].
pub(crate) fn is_held_session(sort: &str) -> bool {
    sort.matches('#').count() > 1
}

/// One bucket of a usecase's statistics.
pub fn statistics_bucket(tenant: &Tenant, usecase: &UsecaseId, bucket: u32) -> String {
    under(tenant, Partition::Statistics, &[usecase.as_str(), &format!("{bucket:02}")])
}

/// The usecase, period and agent in a key of [`statistics`] or [`held_session`].
pub(crate) fn parse_statistics(partition: &str, sort: &str) -> Option<(UsecaseId, Period, UserId)> {
    let usecase = Id::parse(partition.split('#').nth(3)?)?;
    let (period, agent) = sort.split_once('#')?;
    let agent = agent.split('#').next()?;
    Some((usecase, parse_period(period)?, Id::parse(agent)?))
}

/// FNV-1a (32 bits) of the agent's id: evenly spread, and the same for ever.
fn bucket_of(agent: &UserId) -> u32 {
    let hash =
        agent.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % BUCKETS
}

/// The marks of an agent's sessions and scorecards of one usecase and period: the sort key is what theirs begin with.
/// As with statistics, a whole profile is a range of each bucket.
pub(crate) fn activity_of_agent(tenant: &Tenant, usecase: &UsecaseId, agent: &UserId, period: Period) -> Key {
    Key { partition: activity_bucket(tenant, usecase, bucket_of(agent)), sort: format!("{period}#{agent}#") }
}

/// One bucket of a usecase's activity.
pub fn activity_bucket(tenant: &Tenant, usecase: &UsecaseId, bucket: u32) -> String {
    under(tenant, Partition::Activity, &[usecase.as_str(), &format!("{bucket:02}")])
}

/// The key of the mark of an agent's session.
pub fn session_mark(
    tenant: &Tenant,
    usecase: &UsecaseId,
    agent: &UserId,
    period: Period,
    session: &CoachingSessionId,
) -> Key {
    let Key { partition, sort } = activity_of_agent(tenant, usecase, agent, period);
    Key { partition, sort: session_marks(&sort) + session.as_str() }
}

/// The key of the mark of an agent's scorecard.
pub fn scorecard_mark(
    tenant: &Tenant,
    usecase: &UsecaseId,
    agent: &UserId,
    period: Period,
    scorecard: &ScorecardId,
) -> Key {
    let Key { partition, sort } = activity_of_agent(tenant, usecase, agent, period);
    Key { partition, sort: scorecard_marks(&sort) + scorecard.as_str() }
}

/// What the sort keys of the marks of an agent's sessions begin with; those of all their marks begin with `of_agent`.
pub(crate) fn session_marks(of_agent: &str) -> String {
    format!("{of_agent}{SESSION_MARK}#")
}

/// What those of their scorecards begin with.
pub(crate) fn scorecard_marks(of_agent: &str) -> String {
    format!("{of_agent}{SCORECARD_MARK}#")
}

/// The words in the keys of marks.
const SESSION_MARK: &str = "session";
const SCORECARD_MARK: &str = "scorecard";

/// The period and agent in the sort key of a mark, and what has the mark.
pub(crate) fn parse_mark(sort: &str) -> Option<(Period, UserId, Marked)> {
    let mut parts = sort.splitn(4, '#');
    let mut part = || parts.next();
    let (period, agent, kind, id) = (part()?, part()?, part()?, part()?);
    let marked = match kind {
        SESSION_MARK => Marked::Session(Id::parse(id)?),
        SCORECARD_MARK => Marked::Scorecard(Id::parse(id)?),
        _ => return None,
    };
    Some((parse_period(period)?, Id::parse(agent)?, marked))
}

pub(crate) fn parse_period(text: &str) -> Option<Period> {
    format!("{text}-01").parse().ok().map(Period::of)
}

/// The key of the counts of a customer's active agents, those of the share that `agent` is in.
pub(crate) fn agent_counts(tenant: &CustomerTenant, agent: &UserId) -> Key {
    Key { partition: agent_counts_of(tenant), sort: shard_of_counts(agent) }
}

/// The partition of a customer's counts of active agents.
pub(crate) fn agent_counts_of(tenant: &CustomerTenant) -> String {
    under_customer(tenant, Partition::AgentCounts, &[])
}

/// The share of a customer's agents that `agent` is counted in.
pub(crate) fn shard_of_counts(agent: &UserId) -> String {
    format!("{:02}", bucket_of(agent))
}

/// The key of a chunk of an order of agents that progress is paged by. Each chunk is a partition: a long order is more
/// than one partition takes at once.
pub fn order(tenant: &Tenant, id: Uuid, chunk: usize) -> Key {
    Key { partition: under(tenant, Partition::Order, &[&id.to_string(), &chunk.to_string()]), sort: "chunk".to_owned() }
}

/// The key of the point that a rebuild of a profile's statistics has reached.
pub fn rebuild(tenant: &Tenant) -> Key {
    Key { partition: under(tenant, Partition::Rebuild, &[]), sort: "rebuild".to_owned() }
}

/// The sort key of a job.
pub const JOB: &str = "job";

/// The key of a job.
pub fn job(tenant: &Tenant, id: &JobId) -> Key {
    Key { partition: under(tenant, Partition::Job, &[id.as_str()]), sort: JOB.to_owned() }
}

/// The customer, the profile and the job in the partition key of [`job`].
pub fn parse_job(partition: &str) -> Option<(&str, &str, JobId)> {
    let mut parts = partition.split('#');
    let mut part = || parts.next();
    let (customer, profile, kind, id) = (part()?, part()?, part()?, part()?);
    Some((customer, profile, Id::parse(id)?)).filter(|_| kind == JOB && parts.next().is_none())
}

/// The key of the job that re-scores scorecards of a template.
pub fn backfill(tenant: &Tenant, template: &ScorecardTemplateId) -> Key {
    Key { partition: under(tenant, Partition::Backfill, &[template.as_str()]), sort: "backfill".to_owned() }
}

/// The key of the job that erases a user.
pub fn erasure(tenant: &CustomerTenant, user: &UserId) -> Key {
    Key { partition: under_customer(tenant, Partition::Erasure, &[user.as_str()]), sort: "erasure".to_owned() }
}

/// The key of the number of a profile's unfinished jobs.
pub fn unfinished_jobs(tenant: &Tenant) -> Key {
    Key { partition: under(tenant, Partition::UnfinishedJobs, &[]), sort: "unfinished-jobs".to_owned() }
}

/// The key of a user of the directory.
pub fn user(tenant: &CustomerTenant, id: &UserId) -> Key {
    Key { partition: under_customer(tenant, Partition::User, &[id.as_str()]), sort: "user".to_owned() }
}

/// The key of a group of the directory.
pub fn group(tenant: &CustomerTenant, id: &GroupId) -> Key {
    Key { partition: under_customer(tenant, Partition::Group, &[id.as_str()]), sort: "group".to_owned() }
}

/// The key of the item whose version counts the changes of a customer's groups.
pub fn groups(tenant: &CustomerTenant) -> Key {
    Key { partition: under_customer(tenant, Partition::Groups, &[]), sort: "groups".to_owned() }
}

/// The partition that lists a customer's users by every word of their display names.
pub fn user_names(tenant: &CustomerTenant) -> String {
    under_customer(tenant, Partition::UserNames, &[])
}

/// The partition that lists a customer's groups by every word of their display names.
pub fn group_names(tenant: &CustomerTenant) -> String {
    under_customer(tenant, Partition::GroupNames, &[])
}

/// The partition that lists the groups that somebody leads by their display names.
pub fn groups_of_manager(tenant: &CustomerTenant, manager: &UserId) -> String {
    under_customer(tenant, Partition::GroupsOfManager, &[manager.as_str()])
}

/// What the sort keys of a list by every word of display names begin with: those by whole names, and those by further
/// words.
const BY_NAME: &str = "name#";
const BY_WORD: &str = "word#";

/// The keys of the items that list an entity in `partition`: by its display name, and by each further word of that with
/// those after it.
pub(crate) fn in_name_list<C>(partition: &str, display_name: &str, id: &Id<C>) -> Vec<Key> {
    let mut by_words = from_each_word(display_name);
    if by_words.is_empty() {
        by_words.push(String::new());
    }
    let sort = |(place, words): (usize, &String)| in_name_order(place, words, &format!("{display_name}\u{0}{id}"));
    by_words.iter().enumerate().map(sort).map(|sort| Key { partition: partition.to_owned(), sort }).collect()
}

fn in_name_order(place: usize, words: &str, name_and_id: &str) -> String {
    let begin = if place == 0 { BY_NAME } else { BY_WORD };
    format!("{begin}{words}\u{0}{place:02}\u{0}{name_and_id}")
}

/// The place of the word that an item with this key lists an entity by, and the entity's id.
pub(crate) fn place_and_id_in_name_list(sort: &str) -> Option<(usize, &str)> {
    let (_, id) = sort.rsplit_once('\u{0}')?;
    Some((sort.split('\u{0}').nth(1)?.parse().ok()?, id))
}

/// The ranges of a list by every word, each by what is before and after it: of whole names, or of all that `search` finds.
pub(crate) fn ranges_of_name_list(search: Option<&NameSearch>) -> Vec<(Cursor, Cursor)> {
    let Some(search) = search else {
        return vec![(Cursor(BY_NAME.to_owned()), Cursor(format!("{BY_NAME}{}", char::MAX)))];
    };
    let range = |begin: &str| {
        let first = format!("{begin}{}", search.as_str());
        let last = format!("{first}{}", char::MAX);
        (Cursor(first), Cursor(last))
    };
    [BY_NAME, BY_WORD].map(range).into()
}

/// The key of the first answer to `user` for `request_id` of `operation`.
pub fn request(tenant: &Tenant, user: &UserId, operation: &str, request_id: Uuid) -> Key {
    Key {
        partition: under(tenant, Partition::Request, &[user.as_str(), operation, &request_id.to_string()]),
        sort: "request".to_owned(),
    }
}

/// An index that lists entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListIndex {
    /// All entities of a profile.
    Profile,
    /// The entities of one agent.
    Agent,
    /// The entities of one plan.
    Plan,
    /// The entities of one usecase.
    Usecase,
    /// The open entities of a profile.
    Open,
    /// The sessions of a profile that have a session time, by that time.
    SessionTime,
    /// The sessions of a profile by their last change.
    UpdateTime,
}

impl ListIndex {
    /// The index's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile-list",
            Self::Agent => "agent-list",
            Self::Plan => "plan-list",
            Self::Usecase => "usecase-list",
            Self::Open => "open-list",
            Self::SessionTime => "session-time-list",
            Self::UpdateTime => "update-time-list",
        }
    }

    /// The attribute that partitions it.
    pub fn partition_attribute(self) -> &'static str {
        match self {
            Self::Profile | Self::SessionTime | Self::UpdateTime => "profile_list",
            Self::Agent => "agent_list",
            Self::Plan => "plan_list",
            Self::Usecase => "usecase_list",
            Self::Open => "open_list",
        }
    }

    /// The attribute that sorts it, which is an entry's [`Cursor`].
    pub fn order_attribute(self) -> &'static str {
        match self {
            Self::Profile | Self::Agent | Self::Plan | Self::Usecase | Self::Open => LIST_ORDER,
            Self::SessionTime => SESSION_TIME_ORDER,
            Self::UpdateTime => UPDATE_TIME_ORDER,
        }
    }
}

/// The scorecards of a profile, in [`ListIndex::Profile`].
pub fn scorecards_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Scorecards, &[])
}

/// The scorecards of an agent, in [`ListIndex::Agent`].
pub fn scorecards_of_agent(tenant: &Tenant, agent: &UserId) -> String {
    under(tenant, Partition::ScorecardsOfAgent, &[agent.as_str()])
}

/// The usecases of a profile, in [`ListIndex::Profile`] by [`Cursor::by_name`].
pub fn usecases_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Usecases, &[])
}

/// The agents of a profile, in [`ListIndex::Profile`] by [`Cursor::by_name`].
pub fn agents_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Agents, &[])
}

/// The agents of all profiles of a customer, in [`ListIndex::Profile`] by [`Cursor::by_name`].
pub fn agents_of_all_profiles(tenant: &CustomerTenant) -> String {
    under_customer(tenant, Partition::AgentsOfCustomer, &[])
}

/// Past plans and targets of a profile's agents, in [`ListIndex::Profile`] by their end.
pub fn past_coaching_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::PastCoaching, &[])
}

/// Past states of a customer's users, in [`ListIndex::Profile`] by their end.
pub fn past_users(tenant: &CustomerTenant) -> String {
    under_customer(tenant, Partition::PastUsers, &[])
}

/// The current templates of a profile, in [`ListIndex::Profile`].
pub fn templates_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Templates, &[])
}

/// The jobs of a profile, in [`ListIndex::Profile`].
pub fn jobs_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Jobs, &[])
}

/// The targets of a profile, in [`ListIndex::Profile`].
pub fn targets_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Targets, &[])
}

/// The targets of a plan, in [`ListIndex::Plan`].
pub fn targets_of_plan(tenant: &Tenant, plan: &CoachingPlanId) -> String {
    under(tenant, Partition::TargetsOfPlan, &[plan.as_str()])
}

/// The organisation's targets for a usecase, in [`ListIndex::Usecase`].
pub fn targets_of_usecase(tenant: &Tenant, usecase: &UsecaseId) -> String {
    under(tenant, Partition::TargetsOfUsecase, &[usecase.as_str()])
}

/// The organisation's past targets for a usecase, in [`ListIndex::Usecase`] by their end.
pub fn past_targets_of_usecase(tenant: &Tenant, usecase: &UsecaseId) -> String {
    under(tenant, Partition::PastTargetsOfUsecase, &[usecase.as_str()])
}

/// The sessions of a profile, in [`ListIndex::Profile`], [`ListIndex::SessionTime`] and [`ListIndex::UpdateTime`];
/// those that are not acknowledged, in [`ListIndex::Open`].
pub fn sessions_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Sessions, &[])
}

/// The sessions of an agent, in [`ListIndex::Agent`].
pub fn sessions_of_agent(tenant: &Tenant, agent: &UserId) -> String {
    under(tenant, Partition::SessionsOfAgent, &[agent.as_str()])
}

/// The sessions of a plan, in [`ListIndex::Plan`].
pub fn sessions_of_plan(tenant: &Tenant, plan: &CoachingPlanId) -> String {
    under(tenant, Partition::SessionsOfPlan, &[plan.as_str()])
}

/// The sessions of a usecase, in [`ListIndex::Usecase`].
pub fn sessions_of_usecase(tenant: &Tenant, usecase: &UsecaseId) -> String {
    under(tenant, Partition::SessionsOfUsecase, &[usecase.as_str()])
}

/// The plans of a profile, in [`ListIndex::Profile`].
pub fn plans_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Plans, &[])
}

/// The plans of an agent, in [`ListIndex::Agent`].
pub fn plans_of_agent(tenant: &Tenant, agent: &UserId) -> String {
    under(tenant, Partition::PlansOfAgent, &[agent.as_str()])
}

/// The plans of a usecase, in [`ListIndex::Usecase`].
pub fn plans_of_usecase(tenant: &Tenant, usecase: &UsecaseId) -> String {
    under(tenant, Partition::PlansOfUsecase, &[usecase.as_str()])
}

/// The comments of a profile, in [`ListIndex::Profile`].
pub fn comments_of_profile(tenant: &Tenant) -> String {
    under(tenant, Partition::Comments, &[])
}

/// The comments on plans of an agent, in [`ListIndex::Agent`].
pub fn comments_of_agent(tenant: &Tenant, agent: &UserId) -> String {
    under(tenant, Partition::CommentsOfAgent, &[agent.as_str()])
}

/// The comments of a usecase, in [`ListIndex::Usecase`].
pub fn comments_of_usecase(tenant: &Tenant, usecase: &UsecaseId) -> String {
    under(tenant, Partition::CommentsOfUsecase, &[usecase.as_str()])
}

/// The comments on a plan, in [`ListIndex::Plan`].
pub fn comments_of_plan(tenant: &Tenant, plan: &CoachingPlanId) -> String {
    under(tenant, Partition::CommentsOfPlan, &[plan.as_str()])
}

fn under(tenant: &Tenant, partition: Partition, ids: &[&str]) -> String {
    partition.key([tenant.customer(), tenant.profile()].into_iter().chain(ids.iter().copied()))
}

/// A key for what a customer's profiles share. No profile's id is empty, so the two `#` keep it apart from all of them.
fn under_customer(tenant: &CustomerTenant, partition: Partition, ids: &[&str]) -> String {
    partition.key(std::iter::once(tenant.customer()).chain(ids.iter().copied()))
}

/// A cursor: a place in a list, as the value that its index sorts by.
///
/// A creation time and an id are immutable, so a place by them never moves, and newer entities come before every place
/// that a client has read. A changed entity moves to the end of a list by changes, so a client that reads it from the
/// start misses none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

/// Seconds from the epoch to the beginning of year 1.
const FIRST_SECOND: i64 = -62_135_596_800;
/// Seconds from the epoch to the end of year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
const LAST_NANOSECOND: u32 = 999_999_999;

impl Cursor {
    /// The place of an entity in a list with the latest `time` first, such as its creation, then by id.
    pub fn latest_first<C>(time: Timestamp, id: &Id<C>) -> Self {
        Self(format!("{}#{id}", age(time)))
    }

    /// The place of an entity in a list with the earliest `time` first, then by id.
    pub fn earliest_first<C>(time: Timestamp, id: &Id<C>) -> Self {
        Self(format!("{}#{id}", youth(time)))
    }

    /// Between the places of `time` and those of all earlier ones, in a list that has the latest first.
    pub(crate) fn after_all_at(time: Timestamp) -> Self {
        Self(format!("{}$", age(time)))
    }

    /// Between the places of `time` and those of all earlier ones, in a list that has the earliest first.
    pub(crate) fn before_all_at(time: Timestamp) -> Self {
        Self(youth(time))
    }

    /// The place of an entity in a list by display name, which has no control characters: as people read names (their
    /// compatibility decomposition without marks, in lower case), then by the exact name, then by id.
    pub fn by_name<C>(display_name: &str, id: &Id<C>) -> Self {
        Self(format!("{}\u{0}{display_name}\u{0}{id}", folded(display_name)))
    }

    /// Reads the place that [`Cursor::into_name_and_id`] wrote, of a list by name.
    pub fn from_name_and_id(text: &str) -> Self {
        let (name, _) = text.rsplit_once('\u{0}').unwrap_or((text, ""));
        Self(format!("{}\u{0}{text}", folded(name)))
    }

    /// As [`Cursor::from_name_and_id`], of a list by every word of names.
    pub fn from_word_name_and_id(text: &str) -> Self {
        let (place, name_and_id) = text.split_once('\u{0}').unwrap_or(("", text));
        let (name, _) = name_and_id.rsplit_once('\u{0}').unwrap_or((name_and_id, ""));
        let place = place.parse().unwrap_or(0);
        let words = from_each_word(name).into_iter().nth(place).unwrap_or_default();
        Self(in_name_order(place, &words, name_and_id))
    }

    /// A place in a list by name as text, without the part that is derived from the name.
    pub fn into_name_and_id(self) -> String {
        self.0.split_once('\u{0}').map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// The rank of the place in its list; with `names_descend`, in a list by name from the last name to the first.
    pub fn rank(self, names_descend: bool) -> CursorRank {
        CursorRank { name: names_descend.then(|| Reverse(self.name().to_owned())), cursor: self }
    }

    /// Before all places of the same name, in a list by name.
    pub(crate) fn before_all_of_name(&self) -> Self {
        Self(format!("{}\u{0}", self.name()))
    }

    /// Between all places of the same name and those of all greater ones, in a list by name.
    pub(crate) fn after_all_of_name(&self) -> Self {
        Self(format!("{}\u{1}", self.name()))
    }

    fn name(&self) -> &str {
        self.0.rsplit_once('\u{0}').map_or(&self.0, |(name, _)| name)
    }

    /// Reads the place that [`Cursor::as_str`] wrote.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The place as text.
    pub fn into_text(self) -> String {
        self.0
    }

    /// The place as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rank of an entry in a list that is read in its index's order, or by name from the last name to the first. Equal
/// names are sorted by id in either direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CursorRank {
    /// Only if names descend.
    name: Option<Reverse<String>>,
    /// The entry's place in the index.
    pub(crate) cursor: Cursor,
}

/// A text that sorts the latest time first.
fn age(time: Timestamp) -> String {
    let nanoseconds = LAST_NANOSECOND - time.as_utc().timestamp_subsec_nanos();
    format!("{:012}.{nanoseconds:09}", LAST_SECOND - time.unix_seconds())
}

/// A text that sorts the earliest time first.
fn youth(time: Timestamp) -> String {
    format!("{:012}.{:09}", time.unix_seconds() - FIRST_SECOND, time.as_utc().timestamp_subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use coaching_domain::{Caller, ClaimNames};
    use proptest::prelude::*;

    fn tenant(customer: &'static str, profile: &'static str) -> Tenant {
        let claims = |name: &str| match name {
            "customer" => Some(customer.into()),
            "profiles" => Some("*".into()),
            "role" => Some("admin".into()),
            "sub" => Some("someone".into()),
            _ => None,
        };
        #[expect(clippy::disallowed_methods, reason = "keys are tested without an edge")]
        let caller = Caller::from_verified_claims(&ClaimNames::default(), claims).unwrap();
        caller.enter(customer, profile).unwrap()
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        // Close together, so that ties and neighbours are common, and over the whole range.
        prop_oneof![-62_135_596_800_i64..=253_402_300_799, 0_i64..3].prop_flat_map(|seconds| {
            prop_oneof![0_u32..3, 0_u32..1_000_000_000].prop_map(move |nanos| {
                Timestamp::parse("1970-01-01T00:00:00Z").unwrap().plus(TimeDelta::new(seconds, nanos).unwrap())
            })
        })
    }

    proptest! {
        #[test]
        fn places_sort_newest_first_then_by_id(a in (time(), "[A-Za-z0-9._~@-]{1,4}"), b in (time(), "[A-Za-z0-9._~@-]{1,4}")) {
            let [Some(id_a), Some(id_b)] = [&a.1, &b.1].map(|text| CoachingSessionId::parse(text)) else { return Ok(()) };
            let by_place = Cursor::latest_first(a.0, &id_a).cmp(&Cursor::latest_first(b.0, &id_b));
            let by_meaning = b.0.cmp(&a.0).then_with(|| id_a.cmp(&id_b));
            prop_assert_eq!(by_place, by_meaning);
        }

        #[test]
        fn different_things_have_different_partitions(a in "[A-Za-z0-9._~@-]{1,8}", b in "[A-Za-z0-9._~@-]{1,8}") {
            let tenants = [tenant("acme", "support"), tenant("acme", "sales"), tenant("acme-eu", "support")];
            let of_customers = [tenants[0].of_customer(), tenants[2].of_customer()];
            let mut partitions = Vec::new();
            let [Some(x), Some(y)] = [&a, &b].map(|text| UserId::parse(text)) else { return Ok(()) };
            let ids = if x == y { vec![a.as_str()] } else { vec![a.as_str(), b.as_str()] };
            for tenant in &tenants {
                partitions.push(sessions_of_profile(tenant));
                partitions.push(scorecards_of_profile(tenant));
                partitions.push(agents_of_profile(tenant));
                partitions.push(usecases_of_profile(tenant));
                partitions.push(templates_of_profile(tenant));
                partitions.push(targets_of_profile(tenant));
                partitions.push(plans_of_profile(tenant));
                partitions.push(comments_of_profile(tenant));
                partitions.push(deletions(tenant).partition);
                partitions.push(jobs_of_profile(tenant));
                partitions.push(unfinished_jobs(tenant).partition);
                for id in &ids {
                    partitions.push(plan(tenant, &CoachingPlanId::parse(id).unwrap()).partition);
                    partitions.push(session(tenant, &CoachingSessionId::parse(id).unwrap()).partition);
                    partitions.push(request(tenant, &UserId::parse(id).unwrap(), "create-session", Uuid::nil()).partition);
                    if let Some(id) = ScorecardTemplateId::parse(id) {
                        partitions.push(template(tenant, &id, None).partition);
                        partitions.push(backfill(tenant, &id).partition);
                    }
                    partitions.push(target(tenant, &TargetId::parse(id).unwrap()).partition);
                    partitions.push(job(tenant, &JobId::parse(id).unwrap()).partition);
                    partitions.push(usecase(tenant, &UsecaseId::parse(id).unwrap()).partition);
                    partitions.push(targets_of_plan(tenant, &CoachingPlanId::parse(id).unwrap()));
                    partitions.push(targets_of_usecase(tenant, &UsecaseId::parse(id).unwrap()));
                    partitions.push(agent(tenant, &UserId::parse(id).unwrap()).partition);
                    partitions.push(scorecard(tenant, &ScorecardId::parse(id).unwrap()).partition);
                    partitions.push(statistics_bucket(tenant, &UsecaseId::parse(id).unwrap(), 7));
                    partitions.push(activity_bucket(tenant, &UsecaseId::parse(id).unwrap(), 7));
                    partitions.push(scorecards_of_agent(tenant, &UserId::parse(id).unwrap()));
                    partitions.push(sessions_of_agent(tenant, &UserId::parse(id).unwrap()));
                    partitions.push(sessions_of_plan(tenant, &CoachingPlanId::parse(id).unwrap()));
                    partitions.push(sessions_of_usecase(tenant, &UsecaseId::parse(id).unwrap()));
                    partitions.push(comment(tenant, &CoachingCommentId::parse(id).unwrap()).partition);
                    partitions.push(plans_of_agent(tenant, &UserId::parse(id).unwrap()));
                    partitions.push(plans_of_usecase(tenant, &UsecaseId::parse(id).unwrap()));
                    partitions.push(comments_of_agent(tenant, &UserId::parse(id).unwrap()));
                    partitions.push(comments_of_plan(tenant, &CoachingPlanId::parse(id).unwrap()));
                    partitions.push(comments_of_usecase(tenant, &UsecaseId::parse(id).unwrap()));
                }
            }
            for tenant in &of_customers {
                partitions.push(groups(tenant).partition);
                partitions.push(agent_counts_of(tenant));
                partitions.push(agents_of_all_profiles(tenant));
                partitions.push(user_names(tenant));
                for id in &ids {
                    partitions.push(user(tenant, &UserId::parse(id).unwrap()).partition);
                    partitions.push(erasure(tenant, &UserId::parse(id).unwrap()).partition);
                    partitions.push(group(tenant, &GroupId::parse(id).unwrap()).partition);
                }
            }
            for partition in &partitions {
                let customers = ["acme#", "acme-eu#"];
                prop_assert!(customers.iter().any(|customer| partition.starts_with(customer)));
            }
            let written = partitions.len();
            partitions.sort_unstable();
            partitions.dedup();
            prop_assert_eq!(partitions.len(), written);
        }
    }
}
