//! Exports: what a client asks for, in which form.

use chrono::{Datelike, FixedOffset, Offset as _, SecondsFormat, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::json::Json;
use crate::message::{Message, Object, Place, Rule};
use crate::names::{GroupId, ScorecardId, UsecaseId, UserId};
use crate::outline::{self, Kind};
use crate::references::References;
use crate::rules::{Distinct, Enumeration, Every, Flag, List, OneOf, TemplateName, Text};
use crate::scorecard::Scorecard;
use crate::{Caller, Timestamp, message};

/// The longest time between the creations of scorecards that one job works on.
pub(crate) const LONGEST_RANGE: TimeDelta = TimeDelta::days(3660);
/// The most agents, scorecards, templates, groups and usecases that a request names.
const MAX_AGENTS: usize = 1000;
const MAX_SCORECARDS: usize = 1000;
const MAX_TEMPLATES: usize = 100;
const MAX_GROUPS: usize = 100;
const MAX_USECASES: usize = 20;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// A table as RFC 4180 has it.
    Csv,
    /// A message of the API on each line.
    Ndjson,
}

impl Format {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

impl Enumeration for Format {
    const VALUES: &'static [(&'static str, Self)] =
        &[("FORMAT_UNSPECIFIED", Self::Csv), ("CSV", Self::Csv), ("NDJSON", Self::Ndjson)];
}

/// What a row of a table of scorecards is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// A scorecard, with a column for each criterion.
    RowPerScorecard,
    /// A score.
    RowPerScore,
}

impl Enumeration for Layout {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("LAYOUT_UNSPECIFIED", Self::RowPerScorecard),
        ("ROW_PER_SCORECARD", Self::RowPerScorecard),
        ("ROW_PER_SCORE", Self::RowPerScore),
    ];
}

/// What a row of a table of progress is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgressLayout {
    /// An agent.
    RowPerAgent,
    /// A target of an agent.
    RowPerTarget,
}

impl Enumeration for ProgressLayout {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("PROGRESS_LAYOUT_UNSPECIFIED", Self::RowPerAgent),
        ("ROW_PER_AGENT", Self::RowPerAgent),
        ("ROW_PER_TARGET", Self::RowPerTarget),
    ];
}

message! {
    /// The rows of a table of progress.
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    pub struct ProgressRows {
        layout: Option<OneOf<ProgressLayout>> = "layout",
    }
}

impl ProgressRows {
    /// What a row of a table is.
    pub fn layout(self) -> ProgressLayout {
        self.layout.unwrap_or(ProgressLayout::RowPerAgent)
    }
}

/// An offset from UTC, such as `+05:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset(i32);

impl Rule for Offset {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        place.string(json, |text| {
            let refused = "must be an offset from UTC of at most 18 hours, such as +05:30";
            let (sign, rest) = text.split_at_checked(1).ok_or(refused)?;
            let digits =
                |part: &str| part.parse::<i32>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
            let (hours, minutes) = rest
                .split_once(':')
                .filter(|(hours, minutes)| (hours.len(), minutes.len()) == (2, 2))
                .ok_or(refused)?;
            let (hours, minutes) =
                digits(hours).zip(digits(minutes)).filter(|(_, minutes)| *minutes < 60).ok_or(refused)?;
            let seconds = (hours * 60 + minutes) * 60;
            match sign {
                _ if seconds > 18 * 3600 => Err(refused),
                "+" => Ok(Self(seconds)),
                "-" => Ok(Self(-seconds)),
                _ => Err(refused),
            }
        })
    }

    fn kind() -> Kind {
        Kind::Pattern("^[+-][0-9]{2}:[0-5][0-9]$".to_owned())
    }
}

message! {
    /// The form of the file that an export makes.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub struct FileForm {
        format: Option<OneOf<Format>> = "format",
        /// Always by a job.
        pub as_job: Flag = "asJob",
        /// A table without a byte order mark.
        pub omit_byte_order_mark: Flag = "omitByteOrderMark",
        /// A table whose texts are as they are, even if a spreadsheet would take one for a formula.
        pub raw_text: Flag = "rawText",
        time_zone: Option<Tz> = "timeZoneId",
        offset: Option<Offset> = "timeZoneOffset",
    }
}

impl FileForm {
    /// A table that a job makes.
    pub fn by_job() -> Self {
        Self { as_job: true, ..Self::default() }
    }

    /// The form of the file.
    pub fn format(&self) -> Format {
        self.format.unwrap_or(Format::Csv)
    }

    /// `time` in the time zone, in the form of RFC 3339 with an offset. That form has offsets of whole minutes and years of
    /// four digits: an offset with seconds, as zones had long ago, is rounded to a minute, and a time whose local year has
    /// five digits is in UTC. So each is the same moment.
    pub fn local(&self, time: Timestamp) -> String {
        let time = time.as_utc();
        let seconds = match (self.time_zone, self.offset) {
            (Some(zone), _) => time.with_timezone(&zone).offset().fix().local_minus_utc(),
            (None, Some(Offset(seconds))) => seconds,
            (None, None) => 0,
        };
        let offset = FixedOffset::east_opt((seconds + 30).div_euclid(60) * 60);
        let local = offset.map(|offset| time.with_timezone(&offset)).filter(|time| (0..=9999).contains(&time.year()));
        local.unwrap_or_else(|| time.fixed_offset()).to_rfc3339_opts(SecondsFormat::AutoSi, false)
    }
}

/// A request to export what an `M` asks for. A repeated request is recognised by its serialised form, and a job begins
/// with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export<M> {
    /// What is exported.
    #[serde(flatten)]
    pub asked: M,
    /// In which form.
    #[serde(flatten)]
    pub form: FileForm,
}

impl<M: Message> Message for Export<M> {
    fn names() -> Vec<&'static str> {
        [M::names(), FileForm::names()].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let (asked, form) = (M::read(object, place), <FileForm as Message>::read(object, place));
        Some(Self { asked: asked?, form: form? })
    }

    fn fields() -> Vec<outline::Field> {
        M::fields().into_iter().chain(FileForm::fields()).collect()
    }
}

message! {
    /// Which scorecards are exported, and what a row of theirs is.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct ExportedScorecards, checked as SentExportedScorecards {
        /// Only of these agents, and of the members of `groups`; both empty: of all.
        pub agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        /// Created at this time or later.
        pub start: Timestamp = "startTime",
        /// Created before this time.
        pub end: Timestamp = "endTime",
        /// Only these.
        pub scorecards: Distinct<ScorecardId, MAX_SCORECARDS> = "scorecardNames",
        /// Also those of users who are not active, or not in the directory.
        pub with_deactivated_users: Flag = "includeDeactivatedUsers",
        /// Only made from these templates, in any revision.
        pub templates: Distinct<TemplateName<Every>, MAX_TEMPLATES> = "scorecardTemplateNames",
        /// Of members of these groups.
        pub groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        /// Only of these usecases.
        pub usecases: Distinct<UsecaseId, MAX_USECASES> = "usecaseNames",
        teams: List<Text<1024>, 1000> = "teamNames",
        /// Only submitted ones.
        pub submitted_only: Flag = "submittedOnly",
        /// Members of sub-groups too.
        pub with_indirect_members: Flag = "includeIndirectGroupMembers",
        layout: Option<OneOf<Layout>> = "layout",
    }
}

impl SentExportedScorecards {
    fn check(&mut self, place: &mut Place<'_>) {
        if !self.teams.is_empty() {
            place.refuse_field("teamNames", "must be empty: teams are not kept; name groups");
        }
        place.refuse_empty_range(("startTime", self.start), ("endTime", self.end));
        if let (Some(start), Some(end)) = (self.start, self.end)
            && start.plus(LONGEST_RANGE) < end
        {
            place.refuse_field("endTime", "must be at most 3660 days after startTime");
        }
    }
}

impl ExportedScorecards {
    /// All scorecards created from `start` until before `end`, a row each.
    pub fn of_all(start: Timestamp, end: Timestamp) -> Self {
        Self {
            agents: Vec::new(),
            start,
            end,
            scorecards: Vec::new(),
            with_deactivated_users: false,
            templates: Vec::new(),
            groups: Vec::new(),
            usecases: Vec::new(),
            teams: Vec::new(),
            submitted_only: false,
            with_indirect_members: false,
            layout: None,
        }
    }

    /// What a row of a table is.
    pub fn layout(&self) -> Layout {
        self.layout.unwrap_or(Layout::RowPerScorecard)
    }

    /// The resources that it names and that must exist. To a `caller` who is confined to some profiles, whom the customer
    /// employs elsewhere, and in which groups, is not told.
    pub fn references(&self, caller: &Caller) -> References {
        let references = References::default().usecases("usecaseNames", &self.usecases);
        let references = self.templates.iter().fold(references, |all, id| all.template("scorecardTemplateNames", id));
        if !caller.enters_every_profile() {
            return references;
        }
        references.users("agentUserNames", &self.agents).groups("groupNames", &self.groups)
    }

    /// Whether it is limited to some agents.
    pub fn names_agents(&self) -> bool {
        !self.agents.is_empty() || !self.groups.is_empty()
    }

    /// Whether `scorecard` is to be exported, as far as that does not depend on its agent and on the time of its creation.
    pub fn wants(&self, scorecard: &Scorecard) -> bool {
        (!self.submitted_only || scorecard.submit_time.is_some())
            && (self.scorecards.is_empty() || self.scorecards.contains(&scorecard.id))
            && (self.templates.is_empty() || self.templates.contains(&scorecard.template))
            && (self.usecases.is_empty() || self.usecases.contains(&scorecard.usecase))
    }
}

/// The part of the way from one time to another, which may be earlier, that is behind once `reached` is reached: 0 to 99
/// percent.
pub fn percent_of_way(from: Timestamp, to: Timestamp, reached: Timestamp) -> u8 {
    let way = |time: Timestamp| time.unix_nanoseconds() - from.unix_nanoseconds();
    let (done, whole) = (way(reached), way(to));
    let percent = done.checked_mul(100).and_then(|done| done.checked_div(whole)).unwrap_or(99);
    u8::try_from(percent.clamp(0, 99)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::sent;

    type ScorecardsExport = Export<ExportedScorecards>;

    fn export(more: &str) -> (Option<ScorecardsExport>, Vec<String>) {
        sent(&format!(r#"{{"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T00:00:00Z"{more}}}"#))
    }

    #[test]
    fn a_time_is_the_same_moment_in_any_zone() {
        for (zone, offset, utc, local) in [
            (Some("Europe/Berlin"), None, "2026-06-01T10:00:00.5Z", "2026-06-01T12:00:00.500+02:00"),
            (None, Some(-18_000), "2026-06-01T10:00:00Z", "2026-06-01T05:00:00-05:00"),
            (None, None, "2026-06-01T10:00:00Z", "2026-06-01T10:00:00+00:00"),
            // Monrovia was 44 minutes and 30 seconds behind until 1972.
            (Some("Africa/Monrovia"), None, "1971-06-01T12:00:00Z", "1971-06-01T11:16:00-00:44"),
            (None, Some(19_800), "9999-12-31T23:30:00Z", "9999-12-31T23:30:00+00:00"),
        ] {
            let form = FileForm {
                time_zone: zone.map(|zone| zone.parse().unwrap()),
                offset: offset.map(Offset),
                ..FileForm::default()
            };
            let time = Timestamp::parse(utc).unwrap();
            let told = form.local(time);
            assert_eq!((told.as_str(), Timestamp::parse(&told)), (local, Some(time)), "{utc}");
        }
    }

    #[test]
    fn what_is_bad_is_named() {
        for (more, bad) in [
            (r#", "teamNames": ["a"]"#, "teamNames"),
            (r#", "teamNames": "a""#, "teamNames"),
            (r#", "format": "PARQUET""#, "format"),
            (r#", "layout": "WIDE""#, "layout"),
            (r#", "timeZoneId": "America/Nowhere""#, "timeZoneId"),
            (r#", "timeZoneOffset": "5:30""#, "timeZoneOffset"),
            (r#", "timeZoneOffset": "+05:60""#, "timeZoneOffset"),
            (r#", "timeZoneOffset": "+19:00""#, "timeZoneOffset"),
            (r#", "timeZoneOffset": "+-5:30""#, "timeZoneOffset"),
            (r#", "timeZoneOffset": "Z""#, "timeZoneOffset"),
            (r#", "asJob": "yes""#, "asJob"),
            (
                r#", "scorecardTemplateNames": ["customers/acme/profiles/support/scorecardTemplates/a@1"]"#,
                "scorecardTemplateNames[0]",
            ),
            (r#", "agentUserNames": ["customers/globex/users/ana"]"#, "agentUserNames[0]"),
        ] {
            assert_eq!(export(more).1, [bad], "{more}");
        }
        for (start, end) in [("2026-05-01", "2026-05-01"), ("2026-05-01", "2026-04-01"), ("2016-01-01", "2026-05-01")] {
            let body = format!(r#"{{"startTime": "{start}T00:00:00Z", "endTime": "{end}T00:00:00Z"}}"#);
            assert_eq!(sent::<ScorecardsExport>(&body).1, ["endTime"]);
        }
        assert_eq!(sent::<ScorecardsExport>("{}").1, ["startTime", "endTime"]);
    }

    #[test]
    fn times_are_those_of_the_zone_or_of_the_offset() {
        let time = Timestamp::parse("2026-11-02T14:00:00Z").unwrap();
        for (more, local) in [
            ("", "2026-11-02T14:00:00+00:00"),
            (r#", "timeZoneId": "America/New_York""#, "2026-11-02T09:00:00-05:00"),
            (r#", "timeZoneOffset": "+05:30""#, "2026-11-02T19:30:00+05:30"),
            (r#", "timeZoneOffset": "-18:00""#, "2026-11-01T20:00:00-18:00"),
            (r#", "timeZoneOffset": "+05:30", "timeZoneId": "Europe/Berlin""#, "2026-11-02T15:00:00+01:00"),
        ] {
            assert_eq!(export(more).0.unwrap().form.local(time), local, "{more}");
        }
    }

    #[test]
    fn a_stored_request_reads_as_the_one_that_was_sent() {
        let more = r#", "timeZoneId": "Asia/Kolkata", "timeZoneOffset": "-01:00", "format": "NDJSON", "asJob": true,
            "agentUserNames": ["customers/acme/users/ana"], "layout": "ROW_PER_SCORE"}"#;
        let sent = export(more.trim_end_matches('}')).0.unwrap();
        let stored = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<ScorecardsExport>(&stored).unwrap(), sent);
    }

    #[test]
    fn a_part_of_the_way_is_between_nothing_and_nearly_all_in_either_direction() {
        let time = |text: &str| Timestamp::parse(text).unwrap();
        let (first, last) = (time("2026-05-01T00:00:00Z"), time("2026-06-01T00:00:00Z"));
        let times = [last, time("2026-05-16T12:00:00Z"), first, time("2026-04-01T00:00:00Z")];
        assert_eq!(times.map(|time| percent_of_way(last, first, time)), [0, 50, 99, 99]);
        assert_eq!(times.map(|time| percent_of_way(first, last, time)), [99, 50, 0, 0]);
        assert_eq!(percent_of_way(first, first, last), 99);
    }
}
