//! Opportunities: criteria on which coaching an agent is worth most.
//!
//! Scores, gaps and impacts are computed exactly from sums and counts, and rounded once, half away from zero, to a
//! ten-thousandth of a percentage point. What is compared and ordered are these figures, as they are shown. Only the
//! interval, which has square roots in it, is computed in floating point.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use chrono::NaiveDate;

use crate::confidence::DailyScores;
use crate::exact::{FULL_SCORE, greatest_common_divisor};
use crate::names::{ScorecardTemplateId, UsecaseId};
use crate::progress::{mean, mean_score, points, shown_share};
use crate::quotient::Quotient;
use crate::rules::Enumeration;
use crate::statistics::{Cell, FULL, Inconsistent, PackedStatistics, Period};
use crate::template::{Chapter, Criterion, ScorecardTemplate};

/// The kind of an opportunity: what an agent's score is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpportunityType {
    /// The mean of everyone over the same days.
    AveragePerformer,
    /// The target that was in force.
    OrganisationTarget,
    /// The agent's own mean over the equally long window before.
    DownwardTrend,
}

impl OpportunityType {
    /// Every one, in the order in which an agent's are answered.
    pub const ALL: [Self; 3] = [Self::AveragePerformer, Self::OrganisationTarget, Self::DownwardTrend];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        let named = <Option<Self> as Enumeration>::VALUES.iter().find(|(_, value)| *value == Some(self));
        named.map_or("", |(name, _)| name)
    }
}

/// The unspecified type stands for every one.
impl Enumeration for Option<OpportunityType> {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("OPPORTUNITY_TYPE_UNSPECIFIED", None),
        ("OPPORTUNITY_TYPE_AVG_PERFORMER", Some(OpportunityType::AveragePerformer)),
        ("OPPORTUNITY_TYPE_ORG_TARGET", Some(OpportunityType::OrganisationTarget)),
        ("OPPORTUNITY_TYPE_DOWNWARD_TREND", Some(OpportunityType::DownwardTrend)),
    ];
}

/// An agent's scores over a window, and over the equally long one before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TwoWindows {
    /// Over the window.
    pub window: DailyScores,
    /// Over the one before.
    pub before: DailyScores,
}

/// What was found of an agent's scores, by usecase, template and the number of the criterion or chapter.
#[derive(Debug, Clone, Default)]
pub struct AgentScores(HashMap<(UsecaseId, ScorecardTemplateId), BTreeMap<u32, TwoWindows>>);

impl AgentScores {
    /// Adds the agent's scores in `usecase` and `period` over the days of `window` and of the one `before`; `packed` are
    /// their statistics. Only those of `templates` are added, or of all if these are none.
    ///
    /// # Errors
    /// [`Inconsistent`] if the statistics cannot be read. Scores that were added before that stay.
    pub fn add(
        &mut self,
        usecase: &UsecaseId,
        period: Period,
        packed: &[u8],
        [window, before]: [&Range<NaiveDate>; 2],
        templates: &HashSet<ScorecardTemplateId>,
    ) -> Result<(), Inconsistent> {
        if packed.is_empty() {
            return Ok(());
        }
        for (template, packed) in PackedStatistics::new(packed).all()? {
            if !templates.is_empty() && !templates.contains(&template) {
                continue;
            }
            let scores = self.0.entry((usecase.clone(), template)).or_default();
            packed.cells(period, |day, number, cell| {
                if window.contains(&day) {
                    scores.entry(number).or_default().window.add_day(cell);
                } else if before.contains(&day) {
                    scores.entry(number).or_default().before.add_day(cell);
                }
            })?;
        }
        Ok(())
    }

    /// The usecases and templates of which there are at least `minimum` scores in the window.
    pub fn scored(&self, minimum: u64) -> impl Iterator<Item = &(UsecaseId, ScorecardTemplateId)> {
        let is_scored = move |numbers: &BTreeMap<u32, TwoWindows>| {
            numbers.values().any(|scores| scores.window.cell.count >= minimum)
        };
        self.0.iter().filter(move |(_, numbers)| is_scored(numbers)).map(|(of, _)| of)
    }

    /// The scores of a number.
    pub fn of(&self, usecase: &UsecaseId, template: &ScorecardTemplateId, number: u32) -> TwoWindows {
        let numbers = self.0.get(&(usecase.clone(), template.clone()));
        numbers.and_then(|numbers| numbers.get(&number)).copied().unwrap_or_default()
    }
}

/// What an agent's score is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reference {
    /// A mean score, of everyone.
    Mean(Cell),
    /// A target, in hundredths of a percentage point.
    Target(u32),
    /// The agent's own scores over the window before.
    Before(DailyScores),
}

impl Reference {
    /// Its value, in units of [`FULL`].
    fn value(&self) -> Option<Quotient> {
        match self {
            Self::Mean(cell) => mean(*cell),
            Self::Before(scores) => mean(scores.cell),
            Self::Target(hundredths) => {
                let numerator = i128::from(*hundredths) * i128::from(FULL / u64::from(FULL_SCORE));
                Some(Quotient { numerator, denominator: 1 })
            }
        }
    }

    /// The number of scores in it; `None` for a target.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Mean(cell) => Some(cell.count),
            Self::Before(scores) => Some(scores.cell.count),
            Self::Target(_) => None,
        }
    }
}

/// How far an agent's score is below a reference. Figures are in ten-thousandths of a percentage point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// The agent's mean score.
    pub score: i64,
    /// The number of scores in it.
    pub score_count: u64,
    /// The reference.
    pub reference: i64,
    /// The number of scores in it; `None` for a target.
    pub reference_count: Option<u64>,
    /// Reference less score.
    pub gap: i64,
    /// By how much the agent's total would rise if the gap were closed.
    pub impact: i64,
    /// The interval that holds the gap with 95 % confidence, in percentage points. It allows for what the agent's days
    /// vary, and takes a mean of everyone and a target as they are. `None` with scores of only one day.
    pub interval: Option<[f64; 2]>,
}

impl Gap {
    /// The gap of `scores` below `reference`, on a criterion that has `weight` of the `whole` of its template; `None` if
    /// there is no score on either side.
    pub fn new(scores: &DailyScores, reference: Reference, weight: u32, whole: u64) -> Option<Self> {
        let score = mean(scores.cell)?;
        let value = reference.value()?;
        let terms = || [value, Quotient { numerator: -score.numerator, ..score }].into_iter();
        let gap = shown_share(terms(), 1, 1)?;
        let common = greatest_common_divisor(weight.into(), whole).max(1);
        let share = (i128::from(u64::from(weight) / common), i128::from(whole / common));
        Some(Self {
            score: mean_score(scores.cell)?,
            score_count: scores.cell.count,
            reference: shown_share(std::iter::once(value), 1, 1)?,
            reference_count: reference.count(),
            gap,
            impact: shown_share(terms(), share.0, share.1)?,
            interval: interval(points(gap), scores, reference),
        })
    }

    /// Whether the whole interval is above zero.
    pub fn is_significant(&self) -> bool {
        self.interval.is_some_and(|[lower, _]| lower > 0.0)
    }
}

/// The interval of 95 % around `gap`, in percentage points, rounded to four decimals.
fn interval(gap: f64, scores: &DailyScores, reference: Reference) -> Option<[f64; 2]> {
    let spread = scores.spread()?;
    let spread = match reference {
        Reference::Mean(_) | Reference::Target(_) => spread,
        Reference::Before(before) => spread.and(before.spread()?),
    };
    Some(spread.interval(gap))
}

/// A criterion that an agent may be compared on.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// Its chapter.
    pub chapter: &'a Chapter,
    /// The criterion.
    pub criterion: &'a Criterion,
    /// Its number in statistics.
    pub number: u32,
    /// The weights of all criteria of the template, in thousandths.
    pub whole_weight: u64,
}

/// The criteria of `template`, in order.
pub fn criteria_of(template: &ScorecardTemplate) -> Vec<Compared<'_>> {
    let all = || template.chapters.iter().flat_map(|chapter| chapter.criteria.iter().map(move |one| (chapter, one)));
    let whole_weight = all().map(|(_, criterion)| u64::from(criterion.weight_thousandths)).sum();
    let compared = all().filter_map(|(chapter, criterion)| {
        let number = template.number_of(&criterion.id)?;
        Some(Compared { chapter, criterion, number, whole_weight })
    });
    compared.collect()
}

/// A criterion that is worth coaching an agent on.
#[derive(Debug, Clone, Copy)]
pub struct Opportunity<'a> {
    /// Its type.
    pub kind: OpportunityType,
    /// The usecase.
    pub usecase: &'a UsecaseId,
    /// The template, in its current revision.
    pub template: &'a ScorecardTemplate,
    /// The criterion.
    pub compared: Compared<'a>,
    /// How far the agent's score is below.
    pub gap: Gap,
}

impl Opportunity<'_> {
    /// Whether `scores`, the reference and the gap are enough to suggest it: at least `minimum` scores behind each mean, and
    /// a gap above 0 and of at least `hundredths` of a percentage point.
    pub fn is_enough(&self, minimum: u64, hundredths: u32) -> bool {
        self.gap.score_count >= minimum
            && self.gap.reference_count.is_none_or(|count| count >= minimum)
            && self.gap.gap > 0
            && self.gap.gap >= i64::from(hundredths) * 100
    }
}

/// Sorts `found` by type and, of each type, by impact and gap, the largest first, then by template, criterion and usecase;
/// and keeps of each type as many as `limit` says.
pub fn best(found: &mut Vec<Opportunity<'_>>, limit: impl Fn(OpportunityType) -> usize) {
    found.sort_by(|a, b| {
        let place = |one: &Opportunity<'_>| (one.kind, -one.gap.impact, -one.gap.gap);
        let name = |one: &Opportunity<'_>| {
            (one.template.id.to_string(), one.compared.criterion.id.clone(), one.usecase.to_string())
        };
        place(a).cmp(&place(b)).then_with(|| name(a).cmp(&name(b)))
    });
    let mut kept: HashMap<OpportunityType, usize> = HashMap::new();
    found.retain(|one| {
        let kept = kept.entry(one.kind).or_default();
        *kept += 1;
        *kept <= limit(one.kind)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confidence::tests::scores;

    #[test]
    fn the_interval_of_a_trend_is_the_one_worked_out_by_hand() {
        let (before, after) = (scores(&[(80, 1), (60, 1), (70, 1)]), scores(&[(85, 1), (75, 1)]));
        // The variances are 3/2 · 200 / 9 = 33.333… and 2 · 50 / 4 = 25, so the error is √58.333… = 7.6376; the degrees
        // of freedom are ⌊58.333…² / (33.333…²/2 + 25²)⌋ = ⌊2.88⌋ = 2.
        let gap = Gap::new(&after, Reference::Before(before), 1, 1).unwrap();
        assert_eq!((gap.score, gap.reference, gap.gap), (800_000, 700_000, -100_000));
        assert_eq!(gap.interval, Some([-42.8647, 22.8647]));
        assert!(!gap.is_significant());
    }

    #[test]
    fn the_impact_is_the_part_of_the_gap_that_the_weight_makes() {
        let gap = Gap::new(&scores(&[(150, 2), (150, 2)]), Reference::Target(8_750), 2_000, 10_000).unwrap();
        assert_eq!((gap.gap, gap.impact), (125_000, 25_000), "12.5 · 2 / 10 = 2.5");
        assert_eq!((gap.interval, gap.is_significant()), (Some([12.5, 12.5]), true), "the same on every day");
        // A third of 12.5 is rounded once: 4.1667; and 12.5 of 75 is what everyone has more.
        let everyone = Reference::Mean(Cell { sum: u128::from(FULL) * 7, count: 8 });
        let gap = Gap::new(&scores(&[(75, 1)]), everyone, 1, 3).unwrap();
        assert_eq!((gap.gap, gap.impact, gap.interval), (125_000, 41_667, None));
        assert_eq!(gap.reference_count, Some(8));
        assert_eq!(Gap::new(&scores(&[]), everyone, 1, 3), None);
        assert_eq!(Gap::new(&scores(&[(75, 1)]), Reference::Before(scores(&[])), 1, 3), None);
    }

    #[test]
    fn the_largest_figures_are_exact() {
        // 10,000 scores of each of 100,000 agents, and the largest weights.
        let count = 100_000 * 10_000;
        let everyone = Reference::Mean(Cell { sum: u128::from(FULL) * u128::from(count - 1), count });
        let gap = Gap::new(&scores(&[(0, 1)]), everyone, 999_999_999, 200_000_000_000).unwrap();
        assert_eq!((gap.gap, gap.impact), (1_000_000, 5_000));
    }
}
