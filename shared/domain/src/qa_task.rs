//! The quality assurance that a template asks for: in which periods conversations are evaluated, and how many of each
//! agent.

use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate, TimeZone, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::json::Json;
use crate::message;
use crate::message::{Place, Rule, kind_of_object};
use crate::names::{GroupId, UserId};
use crate::outline::Kind;
use crate::rules::{Enumeration, List, OneOf, Whole};
use crate::{Tenant, Timestamp};

/// The most periods that are listed one by one.
pub const MAX_CUSTOM_PERIODS: usize = 200;
/// The most exceptions for users and groups.
pub const MAX_OVERRIDDEN: usize = 100;
/// The most conversations of one agent and period.
pub const MAX_COUNT_PER_AGENT: i32 = 10_000;
/// The most days by which conversations may be drawn from before or after a period's own.
const MAX_OFFSET_DAYS: i32 = 366;
/// Periods begin and end on quarter hours: the offset of every time zone is of whole ones since 2000.
const QUARTER_SECONDS: i64 = 15 * 60;
const SECONDS_OF_DAY: i64 = 24 * 60 * 60;
/// The first and the last year of a day that periods are counted from.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2199;

message! {
    /// The set-up of evaluations.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct QaTaskConfig {
        /// The periods, if there are any.
        pub periods: Option<PeriodConfig> = "evaluationPeriodConfig",
        /// How many conversations are evaluated in a period, if that is set.
        pub completion: Option<TaskCompleteConfig> = "taskCompleteConfig",
    }
}

/// Evaluation periods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodConfig {
    /// The time zone of its days.
    pub time_zone: Tz,
    /// How periods follow each other.
    pub cycle: Cycle,
    /// By how many days the range that conversations are drawn from starts and ends after the period; `None`: it is the
    /// period.
    pub drawn: Option<(i32, i32)>,
}

/// How periods follow each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cycle {
    /// Every so many weeks, from a day of the week on.
    Week {
        /// The weeks of a period.
        weeks: u32,
        /// The first day, in days from Monday.
        first_day: u32,
        /// The day that the first period begins with, in days since 0001-01-01, from 1 on.
        anchor: Option<i32>,
    },
    /// Every so many months, from a day of the month on.
    Month {
        /// The months of a period.
        months: u32,
        /// The first day.
        day: u32,
        /// As of weeks.
        anchor: Option<i32>,
    },
    /// These, in seconds since 1970-01-01 UTC.
    Custom(Vec<(i64, i64)>),
}

message! {
    /// How many conversations of each agent are evaluated in a period.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct TaskCompleteConfig {
        /// Of each agent without an exception.
        pub count_per_agent: CountPerAgent = "evaluatedConversationCountPerAgent",
        /// The exceptions, in order.
        pub overridden: List<Overridden, MAX_OVERRIDDEN> = "overriddenAgents",
    }
}

type CountPerAgent = Whole<0, MAX_COUNT_PER_AGENT>;

/// An exception.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overridden {
    /// For whom.
    pub of: UserOrGroup,
    /// The number of their conversations, of each agent.
    pub count_per_agent: i32,
}

/// A user, or the members of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum UserOrGroup {
    /// A user.
    User(UserId),
    /// A group.
    Group(GroupId),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum CycleKind {
    Week,
    Month,
    Custom,
}

impl Enumeration for Option<CycleKind> {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("EVALUATION_PERIOD_KIND_UNSPECIFIED", None),
        ("WEEK", Some(CycleKind::Week)),
        ("MONTH", Some(CycleKind::Month)),
        ("CUSTOM", Some(CycleKind::Custom)),
    ];
}

impl Rule for CycleKind {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let kind = <OneOf<Option<Self>> as Rule>::read(json, place)?;
        kind.or_else(|| place.refuse("is required"))
    }

    fn kind() -> Kind {
        <OneOf<Option<Self>> as Rule>::kind()
    }
}

const DAYS_OF_WEEK: [(&str, Weekday); 8] = [
    ("DAY_OF_WEEK_UNSPECIFIED", Weekday::Mon),
    ("MONDAY", Weekday::Mon),
    ("TUESDAY", Weekday::Tue),
    ("WEDNESDAY", Weekday::Wed),
    ("THURSDAY", Weekday::Thu),
    ("FRIDAY", Weekday::Fri),
    ("SATURDAY", Weekday::Sat),
    ("SUNDAY", Weekday::Sun),
];

impl Enumeration for Weekday {
    const VALUES: &'static [(&'static str, Self)] = &DAYS_OF_WEEK;
}

message! {
    /// An exception as a client sends it.
    struct NewOverridden, checked as SentOverridden {
        group: Option<GroupId> = "group",
        user: Option<UserId> = "user",
        count_per_agent: CountPerAgent = "evaluatedConversationCountPerAgent",
    }
}

impl SentOverridden {
    fn check(&mut self, place: &mut Place<'_>) {
        if self.user.is_some() == self.group.is_some() {
            place.refuse_field("user", "must be there if there is no group, and only then");
        }
    }
}

impl Rule for Overridden {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let NewOverridden { group, user, count_per_agent } = <NewOverridden as Rule>::read(json, place)?;
        let of = user.map(UserOrGroup::User).or(group.map(UserOrGroup::Group))?;
        Some(Self { of, count_per_agent })
    }

    fn kind() -> Kind {
        kind_of_object::<NewOverridden>(false)
    }
}

impl TaskCompleteConfig {
    /// The users with exceptions.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.overridden.iter().filter_map(|one| match &one.of {
            UserOrGroup::User(user) => Some(user),
            UserOrGroup::Group(_) => None,
        })
    }

    /// The groups with exceptions.
    pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.overridden.iter().filter_map(|one| match &one.of {
            UserOrGroup::Group(group) => Some(group),
            UserOrGroup::User(_) => None,
        })
    }
}

message! {
    /// Evaluation periods as a client sends them.
    struct NewPeriodConfig {
        kind: CycleKind = "kind",
        time_zone: Option<Tz> = "timeZoneId",
        interval: Option<Whole<1, 13>> = "interval",
        first_day: Option<OneOf<Weekday>> = "startDayOfWeek",
        day: Option<Whole<1, 28>> = "dayOfMonth",
        anchor: Option<NaiveDate> = "anchorDate",
        periods: List<NewPeriod, MAX_CUSTOM_PERIODS> = "periods",
        drawn: Option<NewDayOffsets> = "overrideTimeRange",
    }
}

message! {
    /// By how many days a range starts and ends after a period.
    struct NewDayOffsets {
        start: Option<OffsetDays> = "startOffsetDays",
        end: Option<OffsetDays> = "endOffsetDays",
    }
}

type OffsetDays = Whole<{ -MAX_OFFSET_DAYS }, MAX_OFFSET_DAYS>;

message! {
    /// A period that is listed.
    struct NewPeriod, checked as SentPeriod {
        start: Timestamp = "startTime",
        end: Timestamp = "endTime",
    }
}

impl SentPeriod {
    fn check(&mut self, place: &mut Place<'_>) {
        for (field, time) in [("startTime", self.start), ("endTime", self.end)] {
            let is_on_quarter = time.is_none_or(|time| {
                time.unix_seconds() % QUARTER_SECONDS == 0 && time.as_utc().timestamp_subsec_nanos() == 0
            });
            if !is_on_quarter || time.is_some_and(|time| !YEARS.contains(&time.as_utc().year())) {
                place.refuse_field(field, "must be on a quarter hour of the years 2000 to 2199");
            }
        }
        place.refuse_empty_range(("startTime", self.start), ("endTime", self.end));
    }
}

/// A time zone, by its id.
impl Rule for Tz {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        place.string(json, |text| {
            Self::from_str(&text).map_err(|_| "must be a time zone of the IANA database, such as America/New_York")
        })
    }

    fn kind() -> Kind {
        Kind::Pattern("^[A-Za-z0-9_+/-]{1,64}$".to_owned())
    }
}

/// A day in the form of RFC 3339, of a year from 2000 to 2199.
impl Rule for NaiveDate {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        place.string(json, |text| {
            let day = Self::parse_from_str(&text, "%Y-%m-%d").ok().filter(|day| day.to_string() == text);
            let day = day.filter(|day| YEARS.contains(&day.year()));
            day.ok_or("must be a day such as 2026-03-30, of the years 2000 to 2199")
        })
    }

    fn kind() -> Kind {
        Kind::Pattern(r"^\d{4}-\d{2}-\d{2}$".to_owned())
    }
}

impl Rule for PeriodConfig {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let noted = place.noted();
        let NewPeriodConfig { kind, time_zone, interval, first_day, day, anchor, periods, drawn } =
            <NewPeriodConfig as Rule>::read(json, place)?;
        let periods: Vec<_> =
            periods.iter().map(|period| (period.start.unix_seconds(), period.end.unix_seconds())).collect();
        let drawn = drawn.map(|drawn| (drawn.start.unwrap_or(0), drawn.end.unwrap_or(0)));
        let of_other_kinds = |place: &mut Place<'_>, absent: &[(&str, bool)]| {
            for (field, _) in absent.iter().filter(|(_, is_there)| *is_there) {
                place.refuse_field(field, "is not a field of this kind of periods");
            }
        };
        let (of_week, of_month) = (("startDayOfWeek", first_day.is_some()), ("dayOfMonth", day.is_some()));
        let of_custom = ("periods", !periods.is_empty());
        let (of_interval, of_anchor) = (("interval", interval.is_some()), ("anchorDate", anchor.is_some()));
        let count = interval.unwrap_or(1).unsigned_abs();
        let (cycle, least_days) = match kind {
            CycleKind::Week => {
                of_other_kinds(place, &[of_month, of_custom]);
                let first_day = first_day.unwrap_or(Weekday::Mon).num_days_from_monday();
                if anchor.is_some_and(|anchor| anchor.weekday().num_days_from_monday() != first_day) {
                    place.refuse_field("anchorDate", "must be a startDayOfWeek");
                }
                let anchor = anchor.map(|anchor| anchor.num_days_from_ce());
                (Cycle::Week { weeks: count, first_day, anchor }, 7 * count)
            }
            CycleKind::Month => {
                of_other_kinds(place, &[of_week, of_custom]);
                if count > 12 {
                    place.refuse_field("interval", "must be at most 12 months");
                }
                let day = day.unwrap_or(1).unsigned_abs();
                if anchor.is_some_and(|anchor| anchor.day() != day) {
                    place.refuse_field("anchorDate", "must be a dayOfMonth");
                }
                let anchor = anchor.map(|anchor| anchor.num_days_from_ce());
                (Cycle::Month { months: count, day, anchor }, 28 * count)
            }
            CycleKind::Custom => {
                of_other_kinds(place, &[of_interval, of_week, of_month, of_anchor]);
                if periods.is_empty() && place.noted() == noted {
                    place.refuse_field("periods", "is required");
                }
                for (index, pair) in periods.windows(2).enumerate() {
                    if let [(_, end), (start, _)] = pair
                        && start < end
                    {
                        let field = format!("periods[{}].startTime", index + 1);
                        place.refuse_field(&field, "must not be before the end of the period before");
                    }
                }
                let shortest = periods.iter().map(|(start, end)| (end - start) / SECONDS_OF_DAY).min();
                (Cycle::Custom(periods), u32::try_from(shortest.unwrap_or(0)).unwrap_or(u32::MAX))
            }
        };
        if let Some((start, end)) = drawn
            && i64::from(least_days) + i64::from(end - start) <= 0
        {
            place.refuse_field("overrideTimeRange", "must leave at least a day of every period");
        }
        Some(Self { time_zone: time_zone.unwrap_or(Tz::UTC), cycle, drawn })
    }

    fn kind() -> Kind {
        kind_of_object::<NewPeriodConfig>(false)
    }
}

/// The first instant at which the clocks of `zone` show `day` or a later one: of two midnights the earlier; if the clocks
/// jump over midnight, the instant at which they jump. `None` outside the years 1 to 9999.
fn start_of_day(zone: Tz, day: NaiveDate) -> Option<Timestamp> {
    let midnight = day.and_hms_opt(0, 0, 0)?;
    if let Some(first) = zone.from_local_datetime(&midnight).earliest() {
        return Timestamp::from_utc(first.to_utc());
    }
    // No zone is more than 15 hours ahead, and since 2000 clocks are set on quarter hours.
    let before = midnight.and_utc().timestamp() - 15 * 60 * 60;
    let quarters =
        (0..4 * 48).map(|quarter| before + quarter * QUARTER_SECONDS).filter_map(Timestamp::from_unix_seconds);
    quarters.into_iter().find(|time| time.as_utc().with_timezone(&zone).naive_local() >= midnight)
}

message! {
    /// A period, or the range that its conversations are drawn from: from its start to before its end.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct EvaluationPeriod {
        /// When it starts.
        pub start_time: Timestamp = "startTime",
        /// When it is over.
        pub end_time: Timestamp = "endTime",
    }
}

impl EvaluationPeriod {
    /// Its length in days, rounded up.
    pub fn days(&self) -> i64 {
        let seconds = self.end_time.unix_seconds() - self.start_time.unix_seconds();
        (seconds + SECONDS_OF_DAY - 1) / SECONDS_OF_DAY
    }

    /// Whether it holds `time`.
    pub fn holds(&self, time: Timestamp) -> bool {
        self.start_time <= time && time < self.end_time
    }
}

impl PeriodConfig {
    /// The periods of a template that was created at `created`, without end if they are of weeks or months; each with the
    /// range that its conversations are drawn from, if the configuration has one. With `from`, the first ones may be
    /// missing that are over by then.
    pub fn periods(
        &self,
        created: Timestamp,
        from: Option<Timestamp>,
    ) -> Box<dyn Iterator<Item = (EvaluationPeriod, Option<EvaluationPeriod>)> + '_> {
        let zone = self.time_zone;
        let local_day = move |time: Timestamp| time.as_utc().with_timezone(&zone).date_naive();
        let created = local_day(created);
        match &self.cycle {
            Cycle::Week { weeks, first_day, anchor } => {
                let past = (7 + created.weekday().num_days_from_monday() - first_day) % 7;
                let first = anchor.and_then(NaiveDate::from_num_days_from_ce_opt);
                let first = first.or_else(|| created.checked_sub_days(Days::new(past.into())));
                let days = 7 * u64::from(*weeks);
                let over = from.zip(first).map_or(0, |(from, first)| (local_day(from) - first).num_days());
                // One more, because a day of the calendar may have no instant.
                let over = (u64::try_from(over).unwrap_or(0) / days).saturating_sub(1);
                let start = move |number: u64| first?.checked_add_days(Days::new(days.checked_mul(number)?));
                self.between((over..).map_while(move |number| Some((start(number)?, start(number + 1)?))))
            }
            Cycle::Month { months, day, anchor } => {
                let first = anchor.and_then(NaiveDate::from_num_days_from_ce_opt);
                let first = first.or_else(|| match created.with_day(*day) {
                    Some(start) if start > created => start.checked_sub_months(Months::new(1)),
                    start => start,
                });
                let month = |day: NaiveDate| 12 * day.year() + i32::try_from(day.month0()).unwrap_or(0);
                let over = from.zip(first).map_or(0, |(from, first)| month(local_day(from)) - month(first));
                let over = (u32::try_from(over).unwrap_or(0) / months).saturating_sub(1);
                let months = *months;
                let start = move |number: u32| first?.checked_add_months(Months::new(months.checked_mul(number)?));
                self.between((over..).map_while(move |number| Some((start(number)?, start(number + 1)?))))
            }
            Cycle::Custom(periods) => Box::new(periods.iter().filter_map(custom_period).map(move |whole| {
                let days = (local_day(whole.start_time), local_day(whole.end_time));
                (whole, self.drawn_from(whole, days))
            })),
        }
    }

    /// The period of a template that was created at `created` that holds `time`.
    pub fn period_at(&self, created: Timestamp, time: Timestamp) -> Option<EvaluationPeriod> {
        let periods = self.periods(created, Some(time)).map(|(period, _)| period);
        periods.take_while(|period| period.start_time <= time).find(|period| period.holds(time))
    }

    /// The periods between these first days.
    fn between<'a>(
        &'a self,
        days: impl Iterator<Item = (NaiveDate, NaiveDate)> + 'a,
    ) -> Box<dyn Iterator<Item = (EvaluationPeriod, Option<EvaluationPeriod>)> + 'a> {
        // A period starts with the day that the one before ends with.
        let mut last_end = None;
        Box::new(days.map_while(move |(first, last)| {
            let known = last_end.filter(|(day, _)| *day == first).map(|(_, start)| start);
            let start = known.or_else(|| start_of_day(self.time_zone, first))?;
            let end = start_of_day(self.time_zone, last)?;
            last_end = Some((last, end));
            let whole = period(start, end)?;
            Some((whole, self.drawn_from(whole, (first, last))))
        }))
    }

    /// The range that the conversations of the period `whole` are drawn from, which starts and ends on these days.
    fn drawn_from(&self, whole: EvaluationPeriod, (first, last): (NaiveDate, NaiveDate)) -> Option<EvaluationPeriod> {
        let (start, end) = self.drawn?;
        let start = moved(first, start).and_then(|day| start_of_day(self.time_zone, day));
        let end = moved(last, end).and_then(|day| start_of_day(self.time_zone, day));
        // A period of hours may start and end on one day.
        Some(start.zip(end).and_then(|(start, end)| period(start, end)).unwrap_or(whole))
    }
}

fn period(start_time: Timestamp, end_time: Timestamp) -> Option<EvaluationPeriod> {
    Some(EvaluationPeriod { start_time, end_time }).filter(|period| period.start_time < period.end_time)
}

fn custom_period((start, end): &(i64, i64)) -> Option<EvaluationPeriod> {
    period(Timestamp::from_unix_seconds(*start)?, Timestamp::from_unix_seconds(*end)?)
}

/// The day so many days after `day`.
fn moved(day: NaiveDate, days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(day.num_days_from_ce().checked_add(days)?)
}

/// The set-up of evaluations, in which nothing is required.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QaTaskConfig)]
pub(crate) struct QaTaskConfigMessage {
    /// In which periods conversations are evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_period_config: Option<PeriodConfigMessage>,
    /// How many conversations of each agent are evaluated in a period. Not shown to agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_complete_config: Option<TaskCompleteConfigMessage>,
}

/// Evaluation periods.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EvaluationPeriodConfig)]
struct PeriodConfigMessage {
    /// How periods follow each other: every `interval` weeks or months, or as `periods` say.
    #[schema(value_type = String)]
    kind: &'static str,
    /// The time zone of its days, of the IANA database; by default UTC.
    time_zone_id: &'static str,
    /// The weeks (1 to 13) or months (1 to 12) of a period; by default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u32>,
    /// The first day of a period of weeks; by default MONDAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    start_day_of_week: Option<&'static str>,
    /// The first day of a period of months, 1 to 28; by default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    day_of_month: Option<u32>,
    /// The day that the first period begins with, one that a period can begin with; by default the last of those up to the
    /// creation of the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor_date: Option<String>,
    /// The periods of the kind CUSTOM: in order, disjoint, on quarter hours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    periods: Vec<EvaluationPeriod>,
    /// The days that conversations are drawn from, if not those of the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    override_time_range: Option<DayOffsetsMessage>,
}

/// The days that conversations of a period are drawn from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DayOffsets)]
struct DayOffsetsMessage {
    /// By how many days they start after the period does; negative: before.
    start_offset_days: i32,
    /// By how many days they end after the period does; negative: before.
    end_offset_days: i32,
}

/// How many conversations of each agent are evaluated in a period.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TaskCompleteConfig)]
struct TaskCompleteConfigMessage {
    /// Of each agent without an exception, 0 to 10,000.
    evaluated_conversation_count_per_agent: i32,
    /// Exceptions: a user's own counts first, then that of the first group that holds them.
    overridden_agents: Vec<OverriddenMessage>,
}

/// An exception for a user or the members of a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverriddenAgents)]
struct OverriddenMessage {
    /// The group: `customers/{customer}/groups/{group}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// The user: `customers/{customer}/users/{user}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Of each of them, 0 to 10,000.
    evaluated_conversation_count_per_agent: i32,
}

impl QaTaskConfig {
    /// The set-up as `tenant`'s clients read it.
    pub(crate) fn message(&self, tenant: &Tenant) -> QaTaskConfigMessage {
        QaTaskConfigMessage {
            evaluation_period_config: self.periods.as_ref().map(PeriodConfig::message),
            task_complete_config: self.completion.as_ref().map(|config| TaskCompleteConfigMessage {
                evaluated_conversation_count_per_agent: config.count_per_agent,
                overridden_agents: config.overridden.iter().map(|one| one.message(tenant)).collect(),
            }),
        }
    }
}

impl Overridden {
    fn message(&self, tenant: &Tenant) -> OverriddenMessage {
        let (user, group) = match &self.of {
            UserOrGroup::User(user) => (Some(tenant.name_of(user)), None),
            UserOrGroup::Group(group) => (None, Some(tenant.name_of(group))),
        };
        OverriddenMessage { group, user, evaluated_conversation_count_per_agent: self.count_per_agent }
    }
}

impl PeriodConfig {
    fn message(&self) -> PeriodConfigMessage {
        let mut message = PeriodConfigMessage {
            kind: "CUSTOM",
            time_zone_id: self.time_zone.name(),
            interval: None,
            start_day_of_week: None,
            day_of_month: None,
            anchor_date: None,
            periods: Vec::new(),
            override_time_range: self
                .drawn
                .map(|(start, end)| DayOffsetsMessage { start_offset_days: start, end_offset_days: end }),
        };
        let date =
            |anchor: &Option<i32>| anchor.and_then(NaiveDate::from_num_days_from_ce_opt).map(|day| day.to_string());
        match &self.cycle {
            Cycle::Week { weeks, first_day, anchor } => {
                message.kind = "WEEK";
                message.interval = Some(*weeks);
                let mut named = DAYS_OF_WEEK.iter().skip(1);
                message.start_day_of_week =
                    named.find(|(_, day)| day.num_days_from_monday() == *first_day).map(|(name, _)| *name);
                message.anchor_date = date(anchor);
            }
            Cycle::Month { months, day, anchor } => {
                message.kind = "MONTH";
                message.interval = Some(*months);
                message.day_of_month = Some(*day);
                message.anchor_date = date(anchor);
            }
            Cycle::Custom(periods) => {
                message.periods = periods.iter().filter_map(custom_period).collect();
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UpdateMask;
    use crate::message::tests::read_by;
    use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, Utc};
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// What is read of `text`, which has no fault.
    fn read<R: Rule>(text: &str) -> R::Value {
        let (read, named) =
            read_by("manager", &format!(r#"{{"a": {text}}}"#), &UpdateMask::Present, |mut object, place| {
                place.read_field::<R>(&mut object, "a")
            });
        assert_eq!(named, [""; 0], "{text}");
        read.unwrap()
    }

    /// The periods that `text` sets.
    fn config(text: &str) -> PeriodConfig {
        read::<PeriodConfig>(text)
    }

    /// The first `count` periods of a template of 2026-04-01, each as `start – end`.
    fn periods(text: &str, count: usize) -> Vec<String> {
        let config = config(text);
        let periods = config.periods(time("2026-04-01T12:00:00Z"), None).take(count);
        periods.map(|(period, _)| format!("{} – {}", period.start_time, period.end_time)).collect()
    }

    #[test]
    fn new_york_has_a_week_of_169_hours() {
        let weeks = r#"{"kind": "WEEK", "timeZoneId": "America/New_York", "anchorDate": "2026-10-26"}"#;
        assert_eq!(
            periods(weeks, 2),
            ["2026-10-26T04:00:00Z – 2026-11-02T05:00:00Z", "2026-11-02T05:00:00Z – 2026-11-09T05:00:00Z"]
        );
        let (week, _) = config(weeks).periods(time("2026-04-01T12:00:00Z"), None).next().unwrap();
        assert_eq!(week.end_time.unix_seconds() - week.start_time.unix_seconds(), 169 * 60 * 60);
    }

    #[test]
    fn a_day_of_cairo_without_midnight_starts_when_clocks_jump() {
        let weeks =
            r#"{"kind": "WEEK", "timeZoneId": "Africa/Cairo", "startDayOfWeek": "FRIDAY", "anchorDate": "2026-04-17"}"#;
        assert_eq!(
            periods(weeks, 2),
            ["2026-04-16T22:00:00Z – 2026-04-23T22:00:00Z", "2026-04-23T22:00:00Z – 2026-04-30T21:00:00Z"]
        );
    }

    #[test]
    fn of_two_midnights_the_earlier_counts_and_a_day_that_was_left_out_is_empty() {
        let day = |zone: Tz, year, month, day| {
            start_of_day(zone, NaiveDate::from_ymd_opt(year, month, day).unwrap()).unwrap().to_string()
        };
        // Clocks of Havana go back from one to midnight.
        assert_eq!(day(Tz::America__Havana, 2026, 11, 1), "2026-11-01T04:00:00Z");
        // Those of Amman went back from one to midnight on a Friday.
        assert_eq!(day(Tz::Asia__Amman, 2021, 10, 29), "2021-10-28T21:00:00Z");
        // Apia left the 30th of December 2011 out.
        assert_eq!(day(Tz::Pacific__Apia, 2011, 12, 30), "2011-12-30T10:00:00Z");
        assert_eq!(day(Tz::Pacific__Apia, 2011, 12, 31), "2011-12-30T10:00:00Z");
        // Half an hour of daylight saving.
        assert_eq!(day(Tz::Australia__Lord_Howe, 2026, 4, 5), "2026-04-04T13:00:00Z");
        assert_eq!(day(Tz::Australia__Lord_Howe, 2026, 4, 6), "2026-04-05T13:30:00Z");
        assert_eq!(day(Tz::Asia__Beirut, 2026, 3, 29), "2026-03-28T22:00:00Z");
    }

    #[test]
    fn months_and_defaults_begin_on_or_before_the_creation() {
        assert_eq!(periods(r#"{"kind": "WEEK"}"#, 1), ["2026-03-30T00:00:00Z – 2026-04-06T00:00:00Z"]);
        assert_eq!(
            periods(r#"{"kind": "WEEK", "startDayOfWeek": "WEDNESDAY"}"#, 1),
            ["2026-04-01T00:00:00Z – 2026-04-08T00:00:00Z"]
        );
        assert_eq!(
            periods(r#"{"kind": "MONTH", "dayOfMonth": 2, "interval": 3}"#, 2),
            ["2026-03-02T00:00:00Z – 2026-06-02T00:00:00Z", "2026-06-02T00:00:00Z – 2026-09-02T00:00:00Z"]
        );
        // In Auckland it is the second already.
        let weeks = r#"{"kind": "WEEK", "startDayOfWeek": "THURSDAY", "timeZoneId": "Pacific/Auckland"}"#;
        assert_eq!(periods(weeks, 1), ["2026-04-01T11:00:00Z – 2026-04-08T12:00:00Z"]);
    }

    #[test]
    fn conversations_are_drawn_from_other_days() {
        let weeks = r#"{"kind": "WEEK", "timeZoneId": "America/New_York", "anchorDate": "2026-10-26",
            "overrideTimeRange": {"startOffsetDays": -7, "endOffsetDays": -1}}"#;
        let config = config(weeks);
        let (_, drawn) = config.periods(time("2026-04-01T12:00:00Z"), None).next().unwrap();
        let drawn = drawn.unwrap();
        assert_eq!(drawn.start_time, time("2026-10-19T04:00:00Z"));
        assert_eq!(drawn.end_time, time("2026-11-01T04:00:00Z"));
    }

    /// The first instant at which the clocks of `zone` show `day` or a later one, found by looking at its clocks every
    /// quarter of an hour, where they are set within days around, and else from their one offset.
    fn stepped(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
        let midnight: NaiveDateTime = day.and_hms_opt(0, 0, 0).unwrap();
        let offset = |hours: i64| {
            let at = midnight + TimeDelta::hours(hours);
            TimeDelta::seconds(zone.offset_from_utc_datetime(&at).fix().local_minus_utc().into())
        };
        if offset(-40) == offset(40) && offset(-20) == offset(20) && offset(-40) == offset(0) && offset(0) == offset(20)
        {
            return (midnight - offset(0)).and_utc();
        }
        let mut at = midnight - TimeDelta::hours(30);
        while (at + TimeDelta::seconds(zone.offset_from_utc_datetime(&at).fix().local_minus_utc().into())).date() < day
        {
            at += TimeDelta::minutes(15);
        }
        at.and_utc()
    }

    #[test]
    fn weeks_and_months_of_every_zone_start_as_its_clocks_show() {
        let mut day = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        let mut days = Vec::new();
        while day.year() <= 2040 {
            if day.weekday() == chrono::Weekday::Mon || day.day() == 1 {
                days.push(day);
            }
            day = day.succ_opt().unwrap();
        }
        let mut set = 0;
        for zone in TZ_VARIANTS {
            for day in &days {
                let expected = stepped(zone, *day);
                assert_eq!(start_of_day(zone, *day).map(Timestamp::as_utc), Some(expected), "{zone} {day}");
                set += usize::from(zone.from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap()).single().is_none());
            }
        }
        assert!(set > 50, "{set} of them have no midnight, or two");
    }

    proptest! {
        #[test]
        fn periods_abut_and_every_instant_is_in_one(
            zone in 0..TZ_VARIANTS.len(),
            is_month: bool,
            interval in 1..=12_u32,
            first in 0..7_u32,
            day in 1..=28_u32,
            created in 946_684_800..2_208_988_800_i64,
            later in 0..200_000_000_i64,
        ) {
            let cycle = if is_month {
                Cycle::Month { months: interval, day, anchor: None }
            } else {
                Cycle::Week { weeks: interval, first_day: first, anchor: None }
            };
            let config = PeriodConfig { time_zone: TZ_VARIANTS[zone], cycle, drawn: Some((-3, 2)) };
            let created = Timestamp::from_unix_seconds(created).unwrap();
            let asked = created.plus(TimeDelta::seconds(later));
            let all: Vec<_> = config.periods(created, None).take_while(|(one, _)| one.start_time <= asked).collect();
            let first = all[0].0;
            prop_assert!(first.start_time <= created && created < first.end_time, "the first holds the creation");
            for pair in all.windows(2) {
                prop_assert_eq!(pair[0].0.end_time, pair[1].0.start_time);
            }
            for (one, drawn) in &all {
                prop_assert!(one.start_time < one.end_time);
                let drawn = drawn.unwrap();
                prop_assert!(drawn.start_time < one.start_time && drawn.end_time > one.end_time);
            }
            prop_assert_eq!(all.iter().filter(|(one, _)| one.start_time <= asked && asked < one.end_time).count(), 1);
            // To begin further on leaves out only periods that are over by then.
            let skipped: Vec<_> =
                config.periods(created, Some(asked)).take_while(|(one, _)| one.start_time <= asked).collect();
            prop_assert!(skipped.len() <= 3, "{}", skipped.len());
            prop_assert_eq!(&all[all.len() - skipped.len()..], &skipped[..]);
            prop_assert!(skipped.last().unwrap().0.end_time > asked);
        }
    }

    #[test]
    fn a_task_names_a_user_or_a_group_in_each_exception() {
        let text = r#"{"evaluatedConversationCountPerAgent": "3", "overriddenAgents": [
            {"user": "customers/acme/users/ana", "evaluatedConversationCountPerAgent": 1},
            {"group": "customers/acme/groups/team", "evaluatedConversationCountPerAgent": 2}]}"#;
        let read = read::<TaskCompleteConfig>(text);
        assert_eq!(read.count_per_agent, 3);
        assert_eq!(read.users().map(ToString::to_string).collect::<Vec<_>>(), ["ana"]);
        assert_eq!(read.groups().map(ToString::to_string).collect::<Vec<_>>(), ["team"]);
    }
}
