//! Backfills: which scorecards are re-scored, and what a backfill tells of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::export::LONGEST_RANGE;
use crate::json::Json;
use crate::message;
use crate::message::{Place, Rule};
use crate::names::{Revision, ScorecardId, ScorecardTemplateId, UsecaseId, UserId};
use crate::outline::Kind;
use crate::quotient::{Quotient, rounded};
use crate::references::References;
use crate::rescore::{Incompatibility, OnMaximumChange, Rescore};
use crate::rules::{AtLeastOne, Distinct, Flag, One, OneOf, TemplateRevision};
use crate::scorecard::{Scorecard, percent};
use crate::{Caller, Tenant, Timestamp};

/// The scorecards that a backfill re-scores in a second: so live traffic keeps more than half of what a partition of an
/// index takes.
pub const SCORECARDS_A_SECOND: u32 = 400;
/// The most templates, agents and usecases that a request names.
const MAX_TEMPLATES: usize = 20;
const MAX_AGENTS: usize = 1000;
const MAX_USECASES: usize = 20;
/// The most names of scorecards for each reason of a report, and the most of its largest changes.
const MAX_EXAMPLES: usize = 5;
const MAX_LARGEST_CHANGES: usize = 20;
/// The most agents that a report counts.
const MAX_COUNTED_AGENTS: usize = 1000;
/// The most bytes of JSON that a report and its tally take, with the longest names.
pub const MAX_TOLD_BYTES: usize = 64 * 1024;
/// What a turn of a job spends on itself: on its claim and its end, and on revisions of templates; and its seconds.
const UNITS_OF_TURN: Units = Units { half_reads: 8, writes: 8 };
const SECONDS_OF_TURN: u64 = 45;
/// The length of a fingerprint.
const FINGERPRINT_DIGITS: usize = 64;

/// The fingerprint of a validation, in hexadecimal digits.
#[derive(Debug)]
pub struct Fingerprint;

impl Rule for Fingerprint {
    type Value = String;

    fn read(json: Json, place: &mut Place<'_>) -> Option<String> {
        place.string(json, |text| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let is_one = text.len() == FINGERPRINT_DIGITS && text.bytes().all(is_digit);
            if is_one { Ok(text) } else { Err("must be the fingerprint of a validation: 64 hexadecimal digits") }
        })
    }

    fn kind() -> Kind {
        Kind::Pattern(format!("^[0-9a-f]{{{FINGERPRINT_DIGITS}}}$"))
    }
}

message! {
    /// Which scorecards are re-scored, and how. A job begins with it.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct BackfillConfig, checked as SentBackfillConfig {
        /// The templates, each in the revision to move to.
        pub templates: AtLeastOne<Distinct<TemplateRevision<One>, MAX_TEMPLATES>> = "scorecardTemplates",
        /// Only scorecards created at this time or later.
        pub start: Timestamp = "startTime",
        /// Only scorecards created before this time.
        pub end: Timestamp = "endTime",
        on_maximum_change: Option<OneOf<OnMaximumChange>> = "onMaximumChange",
        exclude_acknowledged: Flag = "excludeAcknowledged",
        /// Only of these agents; empty: of all.
        pub agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        usecases: Distinct<UsecaseId, MAX_USECASES> = "usecaseNames",
    }
}

message! {
    /// A request to re-score scorecards. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct Backfill {
        /// What is re-scored.
        pub config: BackfillConfig = "config",
        /// That of the validation that it must still agree with.
        pub fingerprint: Option<Fingerprint> = "fingerprint",
    }
}

message! {
    /// A request to tell what a backfill would do. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct BackfillValidation {
        /// What would be re-scored.
        pub config: BackfillConfig = "config",
        /// Always by a job.
        pub as_job: Flag = "asJob",
    }
}

impl SentBackfillConfig {
    fn check(&mut self, place: &mut Place<'_>) {
        let templates = self.templates.iter().flatten();
        let distinct: BTreeSet<&str> = templates.clone().map(|(template, _)| template.as_str()).collect();
        if distinct.len() < templates.count() {
            place.refuse_field("scorecardTemplates", "must name each template once, in one revision");
        }
        place.refuse_empty_range(("startTime", self.start), ("endTime", self.end));
        if let (Some(start), Some(end)) = (self.start, self.end)
            && start.plus(LONGEST_RANGE) < end
        {
            place.refuse_field("endTime", "must be at most 3660 days after startTime");
        }
    }
}

impl BackfillConfig {
    /// The resources that it names and that must exist, except templates. To a `caller` who is confined to some
    /// profiles, whom the customer employs elsewhere is not told.
    pub fn references(&self, caller: &Caller) -> References {
        let references = References::default().usecases("config.usecaseNames", &self.usecases);
        if !caller.enters_every_profile() {
            return references;
        }
        references.users("config.agentUserNames", &self.agents)
    }

    /// The revisions of templates that it names, each with the field's name; `None`: the current one.
    pub fn revisions(&self) -> impl Iterator<Item = (String, &ScorecardTemplateId, Option<u32>)> {
        self.templates.iter().enumerate().map(|(place, (template, revision))| {
            let revision = if let Revision::Number(number) = revision { Some(*number) } else { None };
            (format!("config.scorecardTemplates[{place}]"), template, revision)
        })
    }

    /// What becomes of a number whose maximum changes.
    pub fn on_maximum_change(&self) -> OnMaximumChange {
        self.on_maximum_change.unwrap_or(OnMaximumChange::Refuse)
    }

    /// Whether `scorecard` is in its range: it is submitted, no calibration, and none of what the config leaves out.
    pub fn wants(&self, scorecard: &Scorecard) -> bool {
        scorecard.counted_at().is_some()
            && (self.start..self.end).contains(&scorecard.create_time)
            && self.templates.iter().any(|(template, _)| *template == scorecard.template)
            && (self.agents.is_empty() || self.agents.contains(&scorecard.agent))
            && (self.usecases.is_empty() || self.usecases.contains(&scorecard.usecase))
            && !(self.exclude_acknowledged && scorecard.acknowledge_time.is_some())
    }

    /// The part of the time range, in percent, that is behind once all scorecards down to `created` were read, from the
    /// latest on.
    pub fn percent_down_to(&self, created: Timestamp) -> u8 {
        let whole = self.end.unix_nanoseconds() - self.start.unix_nanoseconds();
        let done = (self.end.unix_nanoseconds() - created.unix_nanoseconds()).clamp(0, whole);
        u8::try_from(done * 100 / whole.max(1)).unwrap_or(99).min(99)
    }
}

/// Units of the table's capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// Of reading, in halves.
    pub half_reads: u64,
    /// Of writing.
    pub writes: u64,
}

impl Units {
    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self { half_reads: self.half_reads + more.half_reads, writes: self.writes + more.writes }
    }
}

/// What a backfill has counted up to some scorecard. It does not depend on how the work was split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    scorecards: u64,
    up_to_date: u64,
    moving: u64,
    changing: u64,
    acknowledged: u64,
    scaled: u64,
    incompatible: BTreeMap<Incompatibility, (u64, Vec<ScorecardId>)>,
    /// A number for each agent, as far as they are counted.
    agents: BTreeSet<u64>,
    /// Of those with a total before and after.
    both: u64,
    sum_before: u64,
    sum_after: u64,
    largest_rise: u32,
    largest_fall: u32,
    /// Before and after.
    auto_failed: [u64; 2],
    not_applicable: [u64; 2],
    /// The largest first.
    largest_changes: Vec<(ScorecardId, u32, u32)>,
    /// The exclusive or of the digests of those that move.
    digest: [u8; 32],
    units: Units,
}

impl Tally {
    /// The number of scorecards that were met.
    pub fn scorecards(&self) -> u64 {
        self.scorecards
    }

    /// The number of scorecards that move, and the exclusive or of their digests.
    pub fn moving(&self) -> (u64, &[u8; 32]) {
        (self.moving, &self.digest)
    }

    /// Adds a scorecard that has the wanted revision.
    pub fn add_up_to_date(&mut self) {
        self.scorecards += 1;
        self.up_to_date += 1;
    }

    /// Adds a scorecard that cannot be read or written.
    pub fn add_skipped(&mut self) {
        self.scorecards += 1;
    }

    /// Adds a scorecard that cannot move.
    pub fn add_incompatible(&mut self, id: &ScorecardId, reason: Incompatibility) {
        self.scorecards += 1;
        let (count, examples) = self.incompatible.entry(reason).or_default();
        *count += 1;
        if examples.len() < MAX_EXAMPLES {
            examples.push(id.clone());
        }
    }

    /// Adds `scorecard`, which moves as `rescore` tells. `agent` is a number for its agent, and `digest` one for the
    /// version of it that was read.
    pub fn add_moving(&mut self, scorecard: &Scorecard, rescore: &Rescore, agent: u64, digest: &[u8; 32]) {
        self.scorecards += 1;
        self.moving += 1;
        self.changing += u64::from(rescore.changes);
        self.acknowledged += u64::from(scorecard.acknowledge_time.is_some());
        self.scaled += u64::from(rescore.scaled);
        if self.agents.len() < MAX_COUNTED_AGENTS {
            self.agents.insert(agent);
        }
        for (side, total) in [rescore.before, rescore.after].into_iter().enumerate() {
            let counts =
                [(&mut self.auto_failed, total.auto_failed), (&mut self.not_applicable, total.hundredths.is_none())];
            for (count, applies) in counts {
                count.iter_mut().skip(side).take(1).for_each(|count| *count += u64::from(applies));
            }
        }
        if let (Some(before), Some(after)) = (rescore.before.hundredths, rescore.after.hundredths) {
            self.both += 1;
            self.sum_before += u64::from(before);
            self.sum_after += u64::from(after);
            self.largest_rise = self.largest_rise.max(after.saturating_sub(before));
            self.largest_fall = self.largest_fall.max(before.saturating_sub(after));
            if before != after {
                self.largest_changes.push((scorecard.id.clone(), before, after));
                self.largest_changes.sort_by(|(id, before, after), (other, from, to)| {
                    from.abs_diff(*to).cmp(&before.abs_diff(*after)).then_with(|| id.cmp(other))
                });
                self.largest_changes.truncate(MAX_LARGEST_CHANGES);
            }
        }
        self.digest.iter_mut().zip(digest).for_each(|(all, one)| *all ^= one);
    }

    /// Adds what reading or writing costs.
    pub fn add_units(&mut self, units: Units) {
        self.units = self.units.and(units);
    }

    /// What it tells `tenant`'s clients. `targets` are the revisions that scorecards move to. `estimated`, if nothing was
    /// written, tells also what a job would spend.
    pub fn report(
        &self,
        tenant: &Tenant,
        targets: &[(ScorecardTemplateId, u32)],
        fingerprint: Option<String>,
        estimated: bool,
    ) -> BackfillReport {
        let [auto_failed, not_applicable] =
            [self.auto_failed, self.not_applicable].map(|[before, after]| BeforeAndAfter { before, after });
        let incompatibilities = self.incompatible.iter().map(|(reason, (count, examples))| IncompatibilityMessage {
            reason: reason.reason(),
            count: *count,
            example_scorecard_names: examples.iter().map(|id| tenant.name_of(id)).collect(),
        });
        let largest_changes = self.largest_changes.iter().map(|(id, before, after)| TotalChange {
            scorecard_name: tenant.name_of(id),
            total_before: percent(*before),
            total_after: percent(*after),
        });
        let seconds = self.moving.div_ceil(u64::from(SCORECARDS_A_SECOND));
        let turns = seconds.div_ceil(SECONDS_OF_TURN).max(1);
        let half_reads = self.units.half_reads + turns * UNITS_OF_TURN.half_reads;
        let writes = self.units.writes + turns * UNITS_OF_TURN.writes;
        let estimate = |value: f64| estimated.then_some(value);
        BackfillReport {
            scorecard_count: self.scorecards,
            up_to_date_count: self.up_to_date,
            moving_count: self.moving,
            changing_count: self.changing,
            incompatible_count: self.incompatible.values().map(|(count, _)| count).sum(),
            incompatibilities: incompatibilities.collect(),
            acknowledged_count: self.acknowledged,
            scaled_count: self.scaled,
            agent_count: self.agents.len(),
            mean_total_before: mean_of(self.sum_before, self.both),
            mean_total_after: mean_of(self.sum_after, self.both),
            largest_rise: percent(self.largest_rise),
            largest_fall: percent(self.largest_fall),
            auto_failed_count: auto_failed,
            not_applicable_count: not_applicable,
            largest_changes: largest_changes.collect(),
            template_revisions: targets.iter().map(|(id, revision)| tenant.name_of_revision(id, *revision)).collect(),
            estimated_read_units: estimate(as_number(half_reads) / 2.0),
            estimated_write_units: estimate(as_number(writes)),
            estimated_seconds: estimated.then_some(seconds),
            fingerprint,
        }
    }
}

/// `sum` hundredths over `count`, in percent, rounded once to four decimals; `None` of nothing.
fn mean_of(sum: u64, count: u64) -> Option<f64> {
    let quotient = (count > 0).then_some(Quotient { numerator: sum.into(), denominator: count })?;
    let hundredths_of_hundredths = rounded(100, std::iter::once(quotient), 1);
    Some(as_number(u64::try_from(hundredths_of_hundredths).unwrap_or(0)) / 10_000.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts and units stay far below 2^52")]
fn as_number(count: u64) -> f64 {
    count as f64
}

/// What a backfill does, or would do.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackfillReport)]
pub struct BackfillReport {
    /// The number of scorecards in its range: submitted, no calibrations, and none of what the config leaves out.
    scorecard_count: u64,
    /// The number of those that have the revision already.
    up_to_date_count: u64,
    /// The number of those that move to the revision.
    moving_count: u64,
    /// The number of those that move and of which the total, that of a chapter or criterion, or auto-fail changes, be it below
    /// the hundredths that are shown.
    changing_count: u64,
    /// The number of those that cannot move.
    incompatible_count: u64,
    /// Why those cannot move.
    incompatibilities: Vec<IncompatibilityMessage>,
    /// The number of those that move and that their agents have acknowledged.
    acknowledged_count: u64,
    /// The number of those that move with a number scaled to another maximum. Moving back gives these their numbers as near as a number can be.
    scaled_count: u64,
    /// The number of agents of those that move; of more than 1,000, it is 1,000.
    agent_count: usize,
    /// The mean of the totals before, of those that have a total before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_total_before: Option<f64>,
    /// The mean of the totals after, of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_total_after: Option<f64>,
    /// The most percentage points by which a total rises.
    largest_rise: f64,
    /// The most percentage points by which a total falls.
    largest_fall: f64,
    /// The number of those that move and that auto-fail made zero.
    auto_failed_count: BeforeAndAfter,
    /// The number of those that move and to which no criterion applies.
    not_applicable_count: BeforeAndAfter,
    /// The totals that change the most, at most 20, the largest change first.
    largest_changes: Vec<TotalChange>,
    /// The revisions that scorecards move to.
    template_revisions: Vec<String>,
    /// The read units that a job spends on this, without a fingerprint; with one, it reads the scorecards twice. Absent of a job that re-scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_read_units: Option<f64>,
    /// The write units that a job spends on this. Absent of a job that re-scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_write_units: Option<f64>,
    /// The seconds that writing takes at least. Absent of a job that re-scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_seconds: Option<u64>,
    /// What a backfill is given that must do just this: 64 hexadecimal digits. Of a job that re-scores, the one that it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

/// Why some scorecards cannot move.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackfillIncompatibility)]
struct IncompatibilityMessage {
    /// `MAXIMUM_CHANGED`: a number was given out of another maximum than the criterion has there. `VALUE_ABOVE_MAXIMUM`: a number is above that maximum. `TEXTS_TOO_LARGE`: its texts, with those of criteria that it once had, take more than 128 KiB.
    reason: &'static str,
    /// The number of those scorecards.
    count: u64,
    /// The names of the first of them, at most 5.
    example_scorecard_names: Vec<String>,
}

/// A number before and after.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = BackfillBeforeAndAfter)]
struct BeforeAndAfter {
    /// Before.
    before: u64,
    /// After.
    after: u64,
}

/// A total that changes.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackfillTotalChange)]
struct TotalChange {
    /// The scorecard.
    scorecard_name: String,
    /// Its total before, in percent.
    total_before: f64,
    /// Its total after, in percent.
    total_after: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::tenant;
    use crate::message::tests::sent;
    use crate::rescore::Total;
    use crate::{Id, figures};

    const TEMPLATES: &str = "customers/acme/profiles/support/scorecardTemplates";

    fn config(templates: &str, more: &str) -> (Option<BackfillValidation>, Vec<String>) {
        let times = r#""startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T00:00:00Z""#;
        sent(&format!(r#"{{"config": {{"scorecardTemplates": {templates}, {times}{more}}}}}"#))
    }

    #[test]
    fn what_is_bad_is_named() {
        let one = format!(r#"["{TEMPLATES}/quality"]"#);
        for (templates, more, bad) in [
            ("[]", "", "config.scorecardTemplates"),
            (&*format!(r#"["{TEMPLATES}/quality", "{TEMPLATES}/quality@1"]"#), "", "config.scorecardTemplates"),
            (&*format!(r#"["{TEMPLATES}/quality@*"]"#), "", "config.scorecardTemplates[0]"),
            (r#"["customers/globex/profiles/support/scorecardTemplates/quality"]"#, "", "config.scorecardTemplates[0]"),
            (&*one, r#", "onMaximumChange": "CLAMP""#, "config.onMaximumChange"),
            (&*one, r#", "excludeAcknowledged": "yes""#, "config.excludeAcknowledged"),
            (&*one, r#", "agentUserNames": ["ana"]"#, "config.agentUserNames[0]"),
        ] {
            assert_eq!(config(templates, more).1, [bad], "{templates}{more}");
        }
        for (start, end) in [("2026-05-01", "2026-05-01"), ("2026-05-01", "2026-04-01"), ("2016-01-01", "2026-05-01")] {
            let times = format!(r#""startTime": "{start}T00:00:00Z", "endTime": "{end}T00:00:00Z""#);
            let body = format!(r#"{{"config": {{"scorecardTemplates": {one}, {times}}}}}"#);
            assert_eq!(sent::<BackfillValidation>(&body).1, ["config.endTime"]);
        }
        assert_eq!(sent::<Backfill>(r#"{"fingerprint": "a"}"#).1, ["config", "fingerprint"]);
    }

    #[test]
    fn a_stored_config_reads_as_the_one_that_was_sent() {
        let templates = format!(r#"["{TEMPLATES}/quality@3", "{TEMPLATES}/care"]"#);
        let more = r#", "onMaximumChange": "SCALE", "agentUserNames": ["customers/acme/users/ana"]"#;
        let sent = config(&templates, more).0.unwrap().config;
        assert_eq!(serde_json::from_str::<BackfillConfig>(&serde_json::to_string(&sent).unwrap()).unwrap(), sent);
        let revisions: Vec<_> =
            sent.revisions().map(|(field, id, revision)| (field, id.to_string(), revision)).collect();
        let field = |place: usize| format!("config.scorecardTemplates[{place}]");
        assert_eq!(revisions, [(field(0), "quality".to_owned(), Some(3)), (field(1), "care".to_owned(), None)]);
    }

    fn moving(id: &str, before: Option<u32>, after: Option<u32>) -> (Scorecard, Rescore) {
        let time = Timestamp::parse("2026-05-20T10:00:00Z").unwrap();
        let scorecard = Scorecard { id: Id::parse(id).unwrap(), ..figures::scorecard(time, BTreeMap::new()) };
        let total = |hundredths| Total { hundredths, auto_failed: hundredths == Some(0) };
        let rescore = Rescore {
            job: Id::parse("job").unwrap(),
            time,
            revision_before: 1,
            revision_after: 2,
            before: total(before),
            after: total(after),
            changes: before != after,
            scaled: false,
        };
        (scorecard, rescore)
    }

    #[test]
    fn a_report_has_the_figures_that_a_hand_adds_up() {
        let mut tally = Tally::default();
        // Of those with both totals: 65, 62.5, 80 before; 70, 0, 80 after.
        for (place, (before, after)) in
            [(Some(6_500), Some(7_000)), (Some(6_250), Some(0)), (Some(8_000), Some(8_000)), (Some(5_000), None)]
                .into_iter()
                .enumerate()
        {
            let (scorecard, rescore) = moving(&format!("scorecard{place}"), before, after);
            tally.add_moving(&scorecard, &rescore, 7, &[u8::try_from(place).unwrap(); 32]);
        }
        tally.add_up_to_date();
        tally.add_incompatible(&Id::parse("other").unwrap(), Incompatibility::MaximumChanged);
        let targets = [(Id::parse("quality").unwrap(), 2)];
        let report = serde_json::to_value(tally.report(&tenant("acme", "support"), &targets, None, true)).unwrap();
        let name = |id: &str| format!("customers/acme/profiles/support/scorecards/{id}");
        let expected = serde_json::json!({
            "scorecardCount": 6, "upToDateCount": 1, "movingCount": 4, "changingCount": 3, "incompatibleCount": 1,
            "incompatibilities": [{"reason": "MAXIMUM_CHANGED", "count": 1, "exampleScorecardNames": [name("other")]}],
            "acknowledgedCount": 0, "scaledCount": 0, "agentCount": 1,
            // 207.5 / 3 and 150 / 3.
            "meanTotalBefore": 69.1667, "meanTotalAfter": 50.0,
            "largestRise": 5.0, "largestFall": 62.5,
            "autoFailedCount": {"before": 0, "after": 1}, "notApplicableCount": {"before": 0, "after": 1},
            "largestChanges": [
                {"scorecardName": name("scorecard1"), "totalBefore": 62.5, "totalAfter": 0.0},
                {"scorecardName": name("scorecard0"), "totalBefore": 65.0, "totalAfter": 70.0},
            ],
            "templateRevisions": [format!("{TEMPLATES}/quality@2")],
            // Those of one turn.
            "estimatedReadUnits": 4.0, "estimatedWriteUnits": 8.0, "estimatedSeconds": 1,
        });
        assert_eq!(report, expected);
        assert_eq!(tally.moving(), (4, &[0; 32]), "0, 1, 2 and 3 cancel out");
    }

    #[test]
    fn the_largest_report_and_tally_leave_room_in_the_checkpoint_of_a_job() {
        let mut tally = Tally::default();
        let longest = |number: usize| format!("{number:0>128}");
        for number in 0..1_100 {
            let (scorecard, rescore) = moving(&longest(number), Some(5_000), Some(6_000));
            tally.add_moving(&scorecard, &rescore, u64::MAX - number as u64, &[255; 32]);
            for reason in
                [Incompatibility::MaximumChanged, Incompatibility::ValueAboveMaximum, Incompatibility::TextsTooLarge]
            {
                tally.add_incompatible(&scorecard.id, reason);
            }
        }
        let targets: Vec<_> =
            (0..MAX_TEMPLATES).map(|number| (Id::parse(&longest(number)).unwrap(), u32::MAX)).collect();
        let tenant = tenant(&"a".repeat(128), &"b".repeat(128));
        let report = tally.report(&tenant, &targets, Some("f".repeat(FINGERPRINT_DIGITS)), true);
        assert!(
            serde_json::to_string(&report).unwrap().len() + serde_json::to_string(&tally).unwrap().len()
                < MAX_TOLD_BYTES
        );
        assert_eq!(serde_json::from_str::<Tally>(&serde_json::to_string(&tally).unwrap()).unwrap(), tally);
    }
}
