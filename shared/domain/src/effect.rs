//! The effect of coaching: how an agent's scores moved from the days before a session to the days after it, beside how
//! those of agents moved who were not coached and had scored about as much before.
//!
//! Scores and effects are computed exactly from sums and counts, and rounded once, half away from zero, to a
//! ten-thousandth of a percentage point. Intervals are computed in floating point ([`crate::confidence`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use chrono::{Days, NaiveDate};

use crate::Timestamp;
use crate::confidence::{DailyScores, Spread};
use crate::names::ScorecardTemplateId;
use crate::progress::{mean, mean_score, shown_share};
use crate::quotient::ExactSum;
use crate::rules::Enumeration;
use crate::statistics::{Cell, FULL, Inconsistent, PackedStatistics, Period, WHOLE_SCORECARD, day_of};

/// The least number of agents that an effect is compared with.
const LEAST_COMPARED: usize = 3;
/// By how much the mean score before may differ from that of an agent who is compared with: 5 points, as this part of
/// the full score.
const MATCHED_PART: u64 = 20;

/// What an effect is that of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectUnit {
    /// The first session of each plan.
    Plan,
    /// Each session.
    Session,
}

impl Enumeration for EffectUnit {
    const VALUES: &'static [(&'static str, Self)] =
        &[("UNIT_UNSPECIFIED", Self::Plan), ("PLAN", Self::Plan), ("SESSION", Self::Session)];
}

/// The days before and after a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    before: Range<NaiveDate>,
    after: Range<NaiveDate>,
}

impl Around {
    /// So many `days` on each side of the `day` of a session, which is on neither.
    pub fn new(day: NaiveDate, days: u64) -> Self {
        let start = day.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
        let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
        let end = next.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
        Self { before: start..day, after: next..end }
    }

    /// All of its days, and that of the session.
    pub fn span(&self) -> Range<NaiveDate> {
        self.before.start..self.after.end
    }

    /// Whether it is over at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.after.end <= day_of(now)
    }

    /// Whether `day` is on either side.
    fn holds(&self, day: NaiveDate) -> bool {
        self.before.contains(&day) || self.after.contains(&day)
    }
}

/// A criterion or chapter of a template, or all of it, by its number in statistics.
pub type Part = (ScorecardTemplateId, u32);

/// The scores that effects are measured by.
#[derive(Debug, Clone, Default)]
pub struct WantedScores {
    /// The numbers of criteria and chapters, by template.
    pub parts: BTreeMap<ScorecardTemplateId, BTreeSet<u32>>,
    /// The templates whose whole scorecards are wanted too; `None`: no whole scorecards. Empty: of every template.
    pub whole: Option<HashSet<ScorecardTemplateId>>,
}

impl WantedScores {
    fn has(&self, template: &ScorecardTemplateId) -> (Option<&BTreeSet<u32>>, bool) {
        let is_whole = |templates: &HashSet<_>| templates.is_empty() || templates.contains(template);
        (self.parts.get(template), self.whole.as_ref().is_some_and(is_whole))
    }
}

/// An agent's scores of each day.
#[derive(Debug, Clone, Default)]
pub struct ScoresByDay(BTreeMap<Part, BTreeMap<NaiveDate, Cell>>);

impl ScoresByDay {
    /// Adds the `wanted` scores of `period` on `days`; `packed` are the agent's statistics. Returns how many days of
    /// a part there are more.
    ///
    /// # Errors
    /// [`Inconsistent`] if the statistics cannot be read. Scores that were added before that stay.
    pub fn add(
        &mut self,
        period: Period,
        packed: &[u8],
        days: &Range<NaiveDate>,
        wanted: &WantedScores,
    ) -> Result<usize, Inconsistent> {
        let mut added = 0;
        if packed.is_empty() {
            return Ok(added);
        }
        for (template, packed) in PackedStatistics::new(packed).all()? {
            let (numbers, is_whole) = wanted.has(&template);
            if numbers.is_none() && !is_whole {
                continue;
            }
            packed.cells(period, |day, number, cell| {
                let is_wanted = match number {
                    WHOLE_SCORECARD => is_whole,
                    _ => numbers.is_some_and(|numbers| numbers.contains(&number)),
                };
                if is_wanted && days.contains(&day) {
                    let of_day = self.0.entry((template.clone(), number)).or_default().entry(day).or_default();
                    added += usize::from(of_day.count == 0);
                    *of_day = of_day.plus(cell);
                }
            })?;
        }
        Ok(added)
    }

    /// The templates of which there are whole scorecards on either side.
    pub fn whole_around<'a>(&'a self, around: &'a Around) -> impl Iterator<Item = &'a ScorecardTemplateId> {
        let scored = |days: &BTreeMap<NaiveDate, Cell>| days.keys().any(|day| around.holds(*day));
        let whole = self.0.iter().filter(|((_, number), _)| *number == WHOLE_SCORECARD);
        whole.filter(move |(_, days)| scored(days)).map(|((template, _), _)| template)
    }

    fn sides(&self, part: &Part, around: &Around) -> Sides {
        let Some(days) = self.0.get(part) else { return Sides::default() };
        let over = |range: &Range<NaiveDate>| {
            let mut scores = DailyScores::default();
            days.range(range.clone()).for_each(|(_, cell)| scores.add_day(*cell));
            scores
        };
        Sides { before: over(&around.before), after: over(&around.after) }
    }
}

/// An agent's scores on both sides of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sides {
    /// Before it.
    pub before: DailyScores,
    /// After it.
    pub after: DailyScores,
}

impl Sides {
    fn is_enough(&self, minimum: u64) -> bool {
        self.before.cell.count >= minimum.max(1) && self.after.cell.count >= minimum.max(1)
    }

    /// The exact difference of the means.
    fn moved(&self) -> Option<ExactSum> {
        let mut moved = ExactSum::default();
        moved.add(mean(self.after.cell)?);
        moved.subtract(mean(self.before.cell)?);
        Some(moved)
    }

    /// Whether the means before are within 5 points of each other.
    fn matches(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (mean(self.before.cell), mean(other.before.cell)) else { return false };
        let (one_count, two_count) = (i128::from(one.denominator), i128::from(two.denominator));
        let apart = (one.numerator * two_count - two.numerator * one_count).abs();
        apart * i128::from(MATCHED_PART) <= i128::from(FULL) * one_count * two_count
    }
}

/// An agent, for the effects of coaching them and others.
#[derive(Debug, Clone, Default)]
pub struct ObservedAgent {
    /// The days of their sessions that were held.
    pub coached: Vec<NaiveDate>,
    /// Their scores.
    pub scores: ScoresByDay,
}

/// An effect that is asked for: of the session of the agent in a place, on a day, on a part of their scorecards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedEffect {
    /// The agent's place.
    pub agent: usize,
    /// The session's day.
    pub day: NaiveDate,
    /// The part.
    pub part: Part,
}

/// An effect of coaching. Figures are in ten-thousandths of a percentage point.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The agent's scores.
    pub sides: Sides,
    /// Whether the agent has another session on either side.
    pub overlaps: bool,
    /// How the mean moved; `None` if there are too few scores on a side.
    change: Option<Change>,
}

#[derive(Debug, Clone, PartialEq)]
struct Change {
    moved: ExactSum,
    /// The sum of how the means of those who are compared with moved, and how many they are.
    compared: Option<(ExactSum, u64)>,
}

/// An effect beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// The mean of how the scores of agents moved who were not coached.
    pub effect: i64,
    /// The number of these agents.
    pub agent_count: u64,
}

impl Effect {
    fn new(sides: Sides, overlaps: bool, uncoached: &[Sides], minimum: u64) -> Self {
        let moved = if sides.is_enough(minimum) { sides.moved() } else { None };
        let change = moved.map(|moved| {
            let (mut sum, mut count) = (ExactSum::default(), 0);
            for moved in uncoached.iter().filter(|other| sides.matches(other)).filter_map(Sides::moved) {
                sum.add_part(&moved, 1);
                count += 1;
            }
            Change { moved, compared: (count >= LEAST_COMPARED as u64).then_some((sum, count)) }
        });
        Self { sides, overlaps, change }
    }

    /// The mean score before the session.
    pub fn before_score(&self) -> Option<i64> {
        mean_score(self.sides.before.cell)
    }

    /// The mean score after it.
    pub fn after_score(&self) -> Option<i64> {
        mean_score(self.sides.after.cell)
    }

    /// How the mean moved; `None` if there are too few scores on a side.
    pub fn effect(&self) -> Option<i64> {
        shown(&self.change.as_ref()?.moved, 1)
    }

    /// The interval that holds the effect with 95 % confidence, in percentage points; `None` with scores of only one day
    /// on a side, or without an effect.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let moved = percent(self.change.as_ref()?.moved.estimate());
        Some(self.sides.after.spread()?.and(self.sides.before.spread()?).interval(moved))
    }

    /// How the means of agents moved who were not coached and had scored about as much; `None` if they are too few.
    pub fn comparison(&self) -> Option<Comparison> {
        let (sum, agent_count) = self.change.as_ref()?.compared.as_ref()?;
        Some(Comparison { effect: shown(sum, *agent_count)?, agent_count: *agent_count })
    }

    /// The effect less that of those agents.
    pub fn adjusted(&self) -> Option<i64> {
        shown(&self.exactly_adjusted()?, 1)
    }

    fn exactly_adjusted(&self) -> Option<ExactSum> {
        let Change { moved, compared } = self.change.as_ref()?;
        let (sum, count) = compared.as_ref()?;
        let mut adjusted = moved.clone();
        adjusted.subtract_part(sum, *count);
        Some(adjusted)
    }
}

/// The effects that are `asked` for, in their order, with `days` on each side and at least `minimum` scores on each.
/// They are compared with those of `agents` who have no held session on any of these days.
pub fn effects(agents: &[ObservedAgent], asked: &[AskedEffect], days: u64, minimum: u64) -> Vec<Effect> {
    let mut alike: BTreeMap<(&Part, NaiveDate), Vec<(usize, usize)>> = BTreeMap::new();
    for (place, AskedEffect { agent, day, part }) in asked.iter().enumerate() {
        alike.entry((part, *day)).or_default().push((place, *agent));
    }
    let mut effects: BTreeMap<usize, Effect> = BTreeMap::new();
    for ((part, day), places) in alike {
        let around = Around::new(day, days);
        let span = around.span();
        let uncoached = agents.iter().filter(|agent| !agent.coached.iter().any(|day| span.contains(day)));
        let uncoached = uncoached.map(|agent| agent.scores.sides(part, &around));
        let uncoached: Vec<Sides> = uncoached.filter(|sides| sides.is_enough(minimum)).collect();
        for (place, agent) in places {
            let Some(agent) = agents.get(agent) else { continue };
            let overlaps = agent.coached.iter().any(|day| around.holds(*day));
            let sides = agent.scores.sides(part, &around);
            effects.insert(place, Effect::new(sides, overlaps, &uncoached, minimum));
        }
    }
    effects.into_values().collect()
}

/// A mean over agents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverAgents {
    /// The number of agents.
    pub agent_count: u64,
    /// The mean, in ten-thousandths of a percentage point.
    pub mean: i64,
    /// The interval that holds it with 95 % confidence, in percentage points; `None` of one agent.
    pub interval: Option<[f64; 2]>,
}

/// What the effects on one part come to, each agent counting once, with the mean of theirs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Of the effects.
    pub effect: OverAgents,
    /// Of the adjusted effects; `None` if there are none.
    pub adjusted: Option<OverAgents>,
    /// The number of agents whose scores rose.
    pub improved_count: usize,
    /// The number of agents whose scores fell.
    pub worsened_count: usize,
}

impl Summary {
    /// Of `effects` on one part, each with the place of its agent; `None` if no effect is among them.
    pub fn of<'e>(effects: impl Iterator<Item = (usize, &'e Effect)> + Clone) -> Option<Self> {
        let moved = effects.clone().filter_map(|(agent, effect)| Some((agent, effect.change.as_ref()?.moved.clone())));
        let moved = means_of_agents(moved);
        let adjusted = effects.filter_map(|(agent, effect)| Some((agent, effect.exactly_adjusted()?)));
        let of_agents: Vec<i64> = moved.iter().filter_map(|moved| shown(moved, 1)).collect();
        Some(Self {
            effect: over_agents(&moved)?,
            adjusted: over_agents(&means_of_agents(adjusted)),
            improved_count: of_agents.iter().filter(|moved| **moved > 0).count(),
            worsened_count: of_agents.iter().filter(|moved| **moved < 0).count(),
        })
    }
}

/// The mean of each agent's `values`.
fn means_of_agents(values: impl Iterator<Item = (usize, ExactSum)>) -> Vec<ExactSum> {
    let mut of_agents: BTreeMap<usize, Vec<ExactSum>> = BTreeMap::new();
    for (agent, value) in values {
        of_agents.entry(agent).or_default().push(value);
    }
    let means = of_agents.into_values().map(|values| {
        let mut mean = ExactSum::default();
        values.iter().for_each(|value| mean.add_part(value, values.len() as u64));
        mean
    });
    means.collect()
}

fn over_agents(values: &[ExactSum]) -> Option<OverAgents> {
    let agent_count = values.len() as u64;
    let mut sum = ExactSum::default();
    values.iter().for_each(|value| sum.add_part(value, 1));
    let estimates: Vec<f64> = values.iter().map(|value| percent(value.estimate())).collect();
    let mut whole = ExactSum::default();
    whole.add_part(&sum, agent_count.max(1));
    let interval = Spread::of_mean(&estimates).map(|spread| spread.interval(percent(whole.estimate())));
    Some(OverAgents { agent_count, mean: shown(&sum, agent_count)?, interval })
}

/// `sum / count` in ten-thousandths of a percentage point, rounded half away from zero; `None` for a count of zero.
fn shown(sum: &ExactSum, count: u64) -> Option<i64> {
    shown_share(sum.terms(), 1, count.into())
}

/// Units of [`FULL`] as percentage points.
#[expect(clippy::cast_precision_loss, reason = "an interval is an estimate")]
fn percent(units: f64) -> f64 {
    units / (FULL / 100) as f64
}

#[cfg(test)]
mod tests {
    use num_rational::BigRational;
    use proptest::prelude::*;

    use super::*;
    use crate::Id;
    use crate::statistics::{Contribution, Statistics};

    const DAYS: u64 = 30;

    /// The day so many days after a session.
    fn day(number: i64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 5, 15).unwrap() + chrono::TimeDelta::days(number)
    }

    fn part() -> Part {
        (Id::parse("quality").unwrap(), WHOLE_SCORECARD)
    }

    /// An agent with sessions, and scores in percent with at most two decimals, each with its day.
    fn agent(coached: &[i64], scores: &[(i64, f64)]) -> ObservedAgent {
        let mut days: BTreeMap<NaiveDate, Cell> = BTreeMap::new();
        for (on, score) in scores {
            let of_day = days.entry(day(*on)).or_default();
            *of_day = of_day.plus(Cell { sum: (score * 100.0).round() as u128 * u128::from(FULL / 10_000), count: 1 });
        }
        let scores = ScoresByDay(BTreeMap::from([(part(), days)]));
        ObservedAgent { coached: coached.iter().map(|on| day(*on)).collect(), scores }
    }

    fn of_session(agent: usize, on: i64) -> AskedEffect {
        AskedEffect { agent, day: day(on), part: part() }
    }

    /// The effect of the first agent's session on day 0.
    fn first(agents: &[ObservedAgent], minimum: u64) -> Effect {
        effects(agents, &[of_session(0, 0)], DAYS, minimum).remove(0)
    }

    #[test]
    fn the_effect_is_the_one_worked_out_by_hand() {
        let scores = [(-9, 80.0), (-5, 60.0), (-1, 70.0), (1, 85.0), (6, 75.0)];
        // The variances are 3/2 · 200 / 9 = 33.333… and 2 · 50 / 4 = 25, so the error is √58.333… = 7.6376; the degrees
        // of freedom are ⌊58.333…² / (33.333…²/2 + 25²)⌋ = ⌊2.88⌋ = 2, and t is 4.303.
        let effect = first(&[agent(&[0], &scores)], 2);
        assert_eq!((effect.before_score(), effect.after_score()), (Some(700_000), Some(800_000)));
        assert_eq!((effect.effect(), effect.interval()), (Some(100_000), Some([-22.8647, 42.8647])));
        assert_eq!((effect.sides.before.days, effect.sides.after.days), (3, 2));
        assert_eq!((effect.comparison(), effect.adjusted(), effect.overlaps), (None, None, false));
        // There are only two scores after the session.
        let effect = first(&[agent(&[0], &scores)], 3);
        assert_eq!((effect.before_score(), effect.after_score()), (Some(700_000), Some(800_000)));
        assert_eq!((effect.effect(), effect.interval()), (None, None));
    }

    #[test]
    fn the_day_of_the_session_is_on_neither_side_and_the_sides_have_so_many_days() {
        let scores = [(-31, 0.0), (-30, 50.0), (-1, 50.0), (0, 0.0), (1, 60.0), (30, 60.0), (31, 0.0)];
        let effect = first(&[agent(&[0], &scores)], 2);
        assert_eq!((effect.before_score(), effect.after_score()), (Some(500_000), Some(600_000)));
        for (other, overlaps) in [(-31, false), (-30, true), (0, false), (30, true), (31, false)] {
            assert_eq!(first(&[agent(&[0, other], &scores)], 2).overlaps, overlaps, "{other}");
        }
        let around = Around::new(day(0), DAYS);
        assert_eq!(around.span(), day(-30)..day(31));
        let time = |text: &str| Timestamp::parse(text).unwrap();
        assert!(around.is_over(time("2026-06-15T00:00:00Z")) && !around.is_over(time("2026-06-14T23:59:59Z")));
    }

    #[test]
    fn who_was_not_coached_and_scored_about_as_much_is_compared_with() {
        let coached = agent(&[0], &[(-2, 60.0), (2, 70.0)]);
        // By these the scores of the others rise by 3, 4 and 8: 5 in the mean.
        let others = [(55.0, 58.0), (65.0, 69.0), (60.0, 68.0)];
        let mut agents = vec![coached];
        agents.extend(others.map(|(before, after)| agent(&[], &[(-3, before), (9, after)])));
        let effect = first(&agents, 1);
        assert_eq!(effect.comparison(), Some(Comparison { effect: 50_000, agent_count: 3 }));
        assert_eq!((effect.effect(), effect.adjusted()), (Some(100_000), Some(50_000)));
        // None of these counts: too far from 60, without scores after, with a session, on other days.
        let apart = [
            agent(&[], &[(-3, 54.99), (9, 90.0)]),
            agent(&[], &[(-3, 65.01), (9, 90.0)]),
            agent(&[], &[(-3, 60.0)]),
            agent(&[-30], &[(-3, 60.0), (9, 90.0)]),
            agent(&[0], &[(-3, 60.0), (9, 90.0)]),
            agent(&[30], &[(-3, 60.0), (9, 90.0)]),
            agent(&[], &[(-31, 60.0), (9, 90.0)]),
        ];
        agents.extend(apart);
        assert_eq!(first(&agents, 1), effect);
        // Sessions before and after all these days leave one among those who were not coached.
        agents.push(agent(&[-31, 31], &[(-3, 60.0), (9, 61.0)]));
        assert_eq!(first(&agents, 1).comparison(), Some(Comparison { effect: 40_000, agent_count: 4 }));
        // Two are too few, and so are three with too few scores.
        assert_eq!(first(&agents[..3], 1).comparison(), None);
        assert_eq!(first(&agents, 2).comparison(), None);
    }

    #[test]
    fn figures_are_rounded_once() {
        // The scores of the coached agent rise by 33.333…, of the others by 0.333…, 0.333… and 0.333…; the rest is 33.
        let thirds = |sum: f64| [(1, sum), (2, 0.0), (3, 0.0)];
        let with = |before: f64, after: [(i64, f64); 3]| [&[(-1, before)], &after[..]].concat();
        let mut agents = vec![agent(&[0], &with(0.0, thirds(100.0)))];
        agents.extend((0..3).map(|_| agent(&[], &with(0.0, thirds(1.0)))));
        let effect = first(&agents, 1);
        assert_eq!(effect.effect(), Some(333_333));
        assert_eq!(effect.comparison().unwrap().effect, 3_333);
        assert_eq!(effect.adjusted(), Some(330_000));
    }

    #[test]
    fn a_summary_counts_each_agent_once() {
        let agents = [
            agent(&[0, 2], &[(-1, 50.0), (1, 56.0), (3, 58.0)]),
            agent(&[0], &[(-1, 50.0), (1, 44.0)]),
            agent(&[0], &[(-1, 50.0), (1, 50.0)]),
            agent(&[0], &[(-1, 50.0)]),
        ];
        let asked = [of_session(0, 0), of_session(0, 2), of_session(1, 0), of_session(2, 0), of_session(3, 0)];
        let found = effects(&agents, &asked, 30, 1);
        // Of the first agent's, one is 57 − 50 and one 58 − 53: 6 in the mean.
        assert_eq!(found[0].effect(), Some(70_000));
        assert_eq!(found[1].effect(), Some(50_000));
        let summary = Summary::of(asked.iter().map(|one| one.agent).zip(&found)).unwrap();
        // The mean of 6, −6 and 0 is 0 ± 4.303 · 6 / √3.
        assert_eq!(summary.effect, OverAgents { agent_count: 3, mean: 0, interval: Some([-14.9060, 14.9060]) });
        assert_eq!((summary.improved_count, summary.worsened_count, summary.adjusted), (1, 1, None));
        assert_eq!(Summary::of([(3, &found[4])].into_iter()), None);
    }

    #[test]
    fn scores_are_taken_from_statistics_by_part_template_and_day() {
        let mut statistics = Statistics::default();
        let period = Period::of(day(0));
        let (quality, courtesy): (ScorecardTemplateId, ScorecardTemplateId) =
            (Id::parse("quality").unwrap(), Id::parse("courtesy").unwrap());
        for (template, on) in [(&quality, 0), (&quality, 1), (&quality, 9), (&courtesy, 1)] {
            let scores = vec![(WHOLE_SCORECARD, FULL / 2), (1, FULL / 4), (2, FULL)];
            statistics.add(period, &Contribution { template: template.clone(), day: day(on), scores }).unwrap();
        }
        let packed = statistics.encode();
        let parts = BTreeMap::from([(quality.clone(), BTreeSet::from([1]))]);
        for (whole, expected) in [
            (None, vec![(&quality, 1)]),
            (Some(HashSet::from([courtesy.clone()])), vec![(&courtesy, 0), (&quality, 1)]),
            (Some(HashSet::new()), vec![(&courtesy, 0), (&quality, 0), (&quality, 1)]),
        ] {
            let mut scores = ScoresByDay::default();
            let wanted = WantedScores { parts: parts.clone(), whole };
            let added = scores.add(period, &packed, &(day(1)..day(9)), &wanted).unwrap();
            assert_eq!(added, expected.len(), "one day of each");
            assert_eq!(scores.0.keys().map(|(template, number)| (template, *number)).collect::<Vec<_>>(), expected);
            // The scores of another usecase on the same day are added to them.
            assert_eq!(scores.add(period, &packed, &(day(1)..day(9)), &wanted), Ok(0));
            assert!(scores.0.values().all(|days| days[&day(1)].count == 2));
        }
        let wanted = WantedScores::default();
        assert_eq!(ScoresByDay::default().add(period, &[9, 9], &(day(1)..day(9)), &wanted), Err(Inconsistent));
    }

    /// Scores in hundredths of a percent on different days.
    fn daily() -> impl Strategy<Value = Vec<(i64, f64)>> {
        prop::collection::btree_map(1..=30_i64, 0..=10_000_u32, 2..12)
            .prop_map(|days| days.into_iter().map(|(day, score)| (day, f64::from(score) / 100.0)).collect())
    }

    fn before(scores: &[(i64, f64)]) -> Vec<(i64, f64)> {
        scores.iter().map(|(day, score)| (-day, *score)).collect()
    }

    /// The interval of Welch of the difference of two means, by the textbook, with the quantiles of a table.
    fn welch(before: &[(i64, f64)], after: &[(i64, f64)]) -> [f64; 2] {
        const TABLE: [f64; 22] = [
            12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
            2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074,
        ];
        let moments = |scores: &[(i64, f64)]| {
            let n = scores.len() as f64;
            let mean = scores.iter().map(|(_, score)| score).sum::<f64>() / n;
            let squares: f64 = scores.iter().map(|(_, score)| (score - mean).powi(2)).sum();
            (mean, squares / (n - 1.0) / n, n - 1.0)
        };
        let ((m1, v1, f1), (m2, v2, f2)) = (moments(before), moments(after));
        let parts = v1 * v1 / f1 + v2 * v2 / f2;
        let freedom = if parts > 0.0 { (v1 + v2).powi(2) / parts } else { 1.0 };
        let half = TABLE[((freedom + 1e-9) as usize).clamp(1, 22) - 1] * (v1 + v2).sqrt();
        [m2 - m1 - half, m2 - m1 + half]
    }

    proptest! {
        #[test]
        fn with_a_scorecard_a_day_the_interval_is_that_of_the_textbook(one in daily(), other in daily()) {
            let (earlier, later) = (before(&one), other);
            let effect = first(&[agent(&[0], &[&earlier[..], &later].concat())], 1);
            let (found, expected) = (effect.interval().unwrap(), welch(&earlier, &later));
            for (found, expected) in found.into_iter().zip(expected) {
                prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }

        #[test]
        fn the_order_of_days_changes_nothing(one in daily(), other in daily(), turned in 0..12_usize) {
            let turn = |scores: &[(i64, f64)]| {
                let mut values: Vec<f64> = scores.iter().map(|(_, score)| *score).collect();
                values.rotate_left(turned % scores.len());
                scores.iter().map(|(day, _)| *day).zip(values).collect::<Vec<_>>()
            };
            let earlier = before(&one);
            let effect = first(&[agent(&[0], &[&earlier[..], &other].concat())], 1);
            let turned = first(&[agent(&[0], &[turn(&earlier), turn(&other)].concat())], 1);
            prop_assert_eq!((effect.before_score(), effect.effect()), (turned.before_score(), turned.effect()));
            for (one, other) in effect.interval().unwrap().into_iter().zip(turned.interval().unwrap()) {
                prop_assert!((one - other).abs() < 2e-4);
            }
        }

        /// Against fractions, of which nothing is rounded before the end.
        #[test]
        fn comparisons_and_summaries_are_exact(
            before in prop::collection::vec(prop::collection::vec(4_000..=5_000_u32, 1..4), 6..7),
            after in prop::collection::vec(prop::collection::vec(0..=10_000_u32, 1..4), 6..7),
        ) {
            let on_days = |scores: &[u32], sign: i64| -> Vec<(i64, f64)> {
                let days = scores.iter().enumerate();
                days.map(|(number, score)| (sign * (number as i64 + 1), f64::from(*score) / 100.0)).collect()
            };
            let agents: Vec<ObservedAgent> = before
                .iter()
                .zip(&after)
                .enumerate()
                .map(|(number, (before, after))| {
                    let coached: &[i64] = if number < 2 { &[0] } else { &[] };
                    agent(coached, &[on_days(before, -1), on_days(after, 1)].concat())
                })
                .collect();
            let whole = |number: i64| BigRational::from_integer(number.into());
            let mean = |scores: &[u32]| {
                scores.iter().map(|score| whole(i64::from(*score))).sum::<BigRational>() / whole(scores.len() as i64)
            };
            let moved: Vec<BigRational> = before.iter().zip(&after).map(|(one, two)| mean(two) - mean(one)).collect();
            let shown = |value: &BigRational| -> i64 { (value * whole(100)).round().to_integer().try_into().unwrap() };
            let found = effects(&agents, &[of_session(0, 0), of_session(1, 0)], DAYS, 1);
            let mut adjusted = Vec::new();
            for (number, effect) in found.iter().enumerate() {
                prop_assert_eq!(effect.effect(), Some(shown(&moved[number])));
                let matched = (2..6).filter(|other| {
                    let apart = mean(&before[*other]) - mean(&before[number]);
                    apart <= whole(500) && apart >= whole(-500)
                });
                let matched: Vec<&BigRational> = matched.map(|other| &moved[other]).collect();
                if matched.len() < 3 {
                    prop_assert_eq!((effect.comparison(), effect.adjusted()), (None, None));
                    continue;
                }
                let compared = matched.iter().copied().sum::<BigRational>() / whole(matched.len() as i64);
                let comparison = Comparison { effect: shown(&compared), agent_count: matched.len() as u64 };
                prop_assert_eq!(effect.comparison(), Some(comparison));
                adjusted.push(&moved[number] - compared);
                prop_assert_eq!(effect.adjusted(), adjusted.last().map(shown));
            }
            let summary = Summary::of([0, 1].into_iter().zip(&found)).unwrap();
            prop_assert_eq!(summary.effect.mean, shown(&((&moved[0] + &moved[1]) / whole(2))));
            let count = adjusted.len() as i64;
            let expected = (count > 0).then(|| shown(&(adjusted.iter().sum::<BigRational>() / whole(count))));
            prop_assert_eq!(summary.adjusted.map(|adjusted| adjusted.mean), expected);
        }
    }

    /// Random numbers that are the same in every run.
    struct Dice(u64);

    impl Dice {
        /// Between 0 and 1.
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// About a normal distribution around 0, with a standard deviation of 1.
        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
        }
    }

    /// The scores of an agent: twenty on each side, two a day, whose days differ too.
    fn imagined(dice: &mut Dice, usual: f64, gain: f64) -> Vec<(i64, f64)> {
        let mut scores = Vec::new();
        for number in 1..=10 {
            for (day, gain) in [(-3 * number, 0.0), (3 * number, gain)] {
                let of_day = usual + gain + 4.0 * dice.normal();
                scores.extend([(); 2].map(|()| (day, (of_day + 16.0 * dice.normal()).clamp(0.0, 100.0))));
            }
        }
        scores
    }

    /// Who is coached because they scored low rises without any effect; not so beside agents who had scored as low.
    #[test]
    fn beside_agents_who_had_scored_as_low_nothing_is_left_of_chance_and_all_of_an_effect() {
        let mut dice = Dice(7);
        for gain in [0.0, 5.0] {
            let usual: Vec<f64> = (0..1200).map(|_| 60.0 + 5.0 * dice.normal()).collect();
            // Every second of those who happened to score low is coached, so that the others can be compared with.
            let mut coached = 0;
            let mut agents = Vec::new();
            for usual in usual {
                let without = imagined(&mut dice, usual, 0.0);
                let earlier: Vec<f64> = without.iter().filter(|(day, _)| *day < 0).map(|(_, score)| *score).collect();
                let is_low = earlier.iter().sum::<f64>() / (earlier.len() as f64) < 56.0;
                coached += usize::from(is_low);
                let is_coached = is_low && coached % 2 == 0;
                let with = without
                    .iter()
                    .map(|(day, score)| (*day, if *day > 0 { (score + gain).min(100.0) } else { *score }));
                agents.push(if is_coached { agent(&[0], &with.collect::<Vec<_>>()) } else { agent(&[], &without) });
            }
            let places = agents.iter().enumerate().filter(|(_, agent)| !agent.coached.is_empty());
            let asked: Vec<AskedEffect> = places.map(|(place, _)| of_session(place, 0)).collect();
            let found = effects(&agents, &asked, DAYS, 5);
            let summary = Summary::of(asked.iter().map(|one| one.agent).zip(&found)).unwrap();
            let (effect, adjusted) = (summary.effect.mean as f64 / 1e4, summary.adjusted.unwrap());
            assert!(effect - gain > 2.0, "chance alone: {effect} of {gain}");
            // A little is: of those within 5 points, more had scored better than the agent.
            let left = adjusted.mean as f64 / 1e4 - gain;
            assert!(left.abs() < (effect - gain) / 2.0, "{left} beside {gain}, of {effect}");
        }
    }

    /// Of agents who are coached whatever they scored, the intervals hold the true effect about as often as they say.
    #[test]
    fn intervals_hold_the_effect_with_the_confidence_that_they_tell() {
        let mut dice = Dice(11);
        let agents: Vec<ObservedAgent> = (0..600).map(|_| agent(&[0], &imagined(&mut dice, 60.0, 3.0))).collect();
        let asked: Vec<AskedEffect> = (0..agents.len()).map(|place| of_session(place, 0)).collect();
        let found = effects(&agents, &asked, DAYS, 5);
        let held = found.iter().filter_map(Effect::interval).filter(|[lower, upper]| *lower <= 3.0 && 3.0 <= *upper);
        let share = held.count() as f64 / found.len() as f64;
        assert!((0.93..=0.98).contains(&share), "{share}");
    }
}
