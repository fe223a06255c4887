//! Figures from scorecards to progress, against fractions that are computed from the whole numbers that clients wrote.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use num_rational::BigRational;
use proptest::prelude::*;
use serde_json::Value;

use crate::identity::tests::tenant;
use crate::names::UserId;
use crate::progress::{Measured, Reached, overall_gap, overall_progress};
use crate::scorecard::{Score, Scorecard, SubmissionSource};
use crate::statistics::{FULL, PackedStatistics, Period, Statistics};
use crate::template::{Chapter, Criterion, ScorecardTemplate};
use crate::{Id, Timestamp, Version};

/// A number as a client writes it: its digits, and how many of them are decimals.
#[derive(Debug, Clone, Copy)]
struct Decimal(u64, u32);

impl Decimal {
    fn double(self) -> f64 {
        format!("{}e-{}", self.0, self.1).parse().unwrap()
    }

    fn rational(self) -> BigRational {
        ratio(self.0, 10_u64.pow(self.1))
    }
}

#[derive(Debug, Clone)]
struct ImaginedCriterion {
    maximum: Decimal,
    weight_thousandths: u32,
    auto_fail: bool,
}

/// Chapters of criteria, and scorecards with a value for each criterion or none.
#[derive(Debug, Clone)]
struct Imagined {
    chapters: Vec<Vec<ImaginedCriterion>>,
    scorecards: Vec<ImaginedScorecard>,
    /// Of the whole, the chapters and the criteria, in hundredths.
    targets: Vec<u32>,
}

#[derive(Debug, Clone)]
struct ImaginedScorecard {
    values: Vec<Option<Decimal>>,
    in_window: bool,
}

fn ratio(numerator: u64, denominator: u64) -> BigRational {
    BigRational::new(numerator.into(), denominator.into())
}

fn day(days: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, 1).unwrap() + Days::new(days)
}

fn criteria(chapters: &[Vec<ImaginedCriterion>]) -> impl Iterator<Item = (usize, &ImaginedCriterion)> {
    chapters
        .iter()
        .enumerate()
        .flat_map(|(chapter, criteria)| criteria.iter().map(move |criterion| (chapter, criterion)))
}

/// A scorecard submitted at `time`, with these scores.
pub(crate) fn scorecard(time: Timestamp, scores: BTreeMap<u32, Score>) -> Scorecard {
    let user: UserId = Id::parse("ana").unwrap();
    Scorecard {
        id: Id::parse("scorecard").unwrap(),
        version: Version::first(time),
        conversation: Id::parse("call"),
        process: None,
        agent: user.clone(),
        template: Id::parse("template").unwrap(),
        revision: 1,
        usecase: Id::parse("care").unwrap(),
        scores,
        plans: Vec::new(),
        comment: None,
        reference_id: None,
        creator: user.clone(),
        updated_by: user.clone(),
        submitted_by: Some(user),
        create_time: time,
        update_time: time,
        submit_time: Some(time),
        submission_source: Some(SubmissionSource::Manual),
        acknowledge_time: None,
        acknowledge_comment: None,
        ai_score_time: None,
        manually_scored: true,
        calibrated: None,
        consistency: None,
        calibrations: 0,
        set_aside: BTreeMap::new(),
        rescore: None,
    }
}

impl Imagined {
    fn template(&self) -> ScorecardTemplate {
        let time = Timestamp::parse("2026-04-01T00:00:00Z").unwrap();
        let mut chapters: Vec<Chapter> = (0..self.chapters.len())
            .map(|place| Chapter { id: format!("chapter{place}"), display_name: String::new(), criteria: Vec::new() })
            .collect();
        for (place, (chapter, criterion)) in criteria(&self.chapters).enumerate() {
            chapters[chapter].criteria.push(Criterion {
                id: format!("criterion{place}"),
                display_name: String::new(),
                weight_thousandths: criterion.weight_thousandths,
                maximum_value: criterion.maximum.double(),
                auto_fail: criterion.auto_fail,
                triggers: Vec::new(),
            });
        }
        let ids = chapters.iter().map(|chapter| chapter.id.clone());
        let criteria = chapters.iter().flat_map(|chapter| &chapter.criteria).map(|criterion| criterion.id.clone());
        ScorecardTemplate {
            id: Id::parse("template").unwrap(),
            revision: 1,
            title: String::new(),
            dropped: BTreeMap::new(),
            known_ids: ids.chain(criteria).collect(),
            chapters,
            usecases: Vec::new(),
            create_time: time,
            update_time: time,
            deactivate_time: None,
            settings: None,
        }
    }

    /// The scorecards as they are stored: those of the baseline in the first half of May, the others in the second.
    fn scorecards(&self) -> Vec<Scorecard> {
        let scorecards = self.scorecards.iter().enumerate().map(|(place, imagined)| {
            let on = day(place as u64 % 15 + if imagined.in_window { 15 } else { 0 });
            let time = Timestamp::parse(&format!("{on}T10:00:00Z")).unwrap();
            let scores = imagined.values.iter().enumerate().map(|(place, value)| {
                let number = u32::try_from(1 + self.chapters.len() + place).unwrap();
                (number, value.map_or(Score::NotApplicable, |value| Score::Numeric(value.double())))
            });
            scorecard(time, scores.collect())
        });
        scorecards.collect()
    }

    /// The exact scores of a scorecard, by number: 0 is the whole, chapters and criteria follow.
    fn exact(&self, scorecard: &ImaginedScorecard) -> BTreeMap<usize, BigRational> {
        let mut sums: BTreeMap<usize, (BigRational, BigRational)> = BTreeMap::new();
        let mut failed = false;
        for (place, ((chapter, criterion), value)) in criteria(&self.chapters).zip(&scorecard.values).enumerate() {
            let Some(value) = value else { continue };
            failed |= criterion.auto_fail && value.0 == 0;
            let score = value.rational() / criterion.maximum.rational();
            let weight = ratio(criterion.weight_thousandths.into(), 1000);
            for number in [0, 1 + chapter, 1 + self.chapters.len() + place] {
                let (sum, weights) = sums.entry(number).or_default();
                *sum += &weight * &score;
                *weights += &weight;
            }
        }
        let mean = |(number, (sum, weights)): (usize, (BigRational, BigRational))| match number {
            0 if failed => (number, ratio(0, 1)),
            _ => (number, sum / weights),
        };
        sums.into_iter().map(mean).collect()
    }

    /// Measures each number in the window and the baseline, through the packed form.
    fn measured(&self) -> Vec<Measured> {
        let (template, period) = (self.template(), Period::of(day(0)));
        let mut statistics = Statistics::default();
        for scorecard in self.scorecards() {
            if let Some(contribution) = scorecard.contribution(&template) {
                statistics.add(period, &contribution).unwrap();
            }
        }
        let packed = statistics.encode();
        let packed = PackedStatistics::new(&packed).of(&template.id).unwrap();
        let numbers = 0..self.targets.len();
        let measured = numbers.map(|number| {
            let ranges = [&(day(15)..day(31)), &(day(0)..day(15))];
            let cells =
                packed.as_ref().map(|packed| packed.over(period, u32::try_from(number).unwrap(), ranges).unwrap());
            let [window, baseline] = cells.unwrap_or_default();
            Measured { window, baseline }
        });
        measured.collect()
    }

    fn messages(&self) -> Vec<Value> {
        let (template, tenant) = (self.template(), tenant("acme", "support"));
        let messages = self.scorecards().into_iter();
        messages.map(|scorecard| serde_json::to_value(scorecard.message(&tenant, &template)).unwrap()).collect()
    }
}

/// The fraction for a figure in ten-thousandths of a percentage point.
fn figure(shown: Option<i64>) -> Option<BigRational> {
    shown.map(|shown| BigRational::new(shown.into(), 1_000_000.into()))
}

/// Checks that `shown` is `exact`, rounded once. If scores are not whole numbers of units, it may be off by `times` the
/// bound that the documentation of statistics states.
fn check(what: &str, shown: Option<i64>, exact: Option<&BigRational>, all_in_units: bool, times: u64) {
    let (Some(shown), Some(exact)) = (figure(shown), exact) else {
        assert_eq!((shown, exact), (None, None), "{what}");
        return;
    };
    let points = |score: &BigRational| score * ratio(1_000_000, 1);
    if all_in_units {
        assert_eq!(points(&shown), points(exact).round(), "{what}: {exact}");
    }
    let off = if shown < *exact { exact - &shown } else { &shown - exact };
    let bound = ratio(1, 2 * 720_720_000) * ratio(times, 1);
    assert!(off <= ratio(1, 2_000_000) + bound, "{what}: {shown} is {off} off {exact}");
}

fn imagined() -> impl Strategy<Value = Imagined> {
    const MAXIMA: [Decimal; 16] = [
        Decimal(1, 0),
        Decimal(3, 0),
        Decimal(4, 0),
        Decimal(5, 0),
        Decimal(6, 0),
        Decimal(7, 0),
        Decimal(9, 0),
        Decimal(11, 0),
        Decimal(13, 0),
        Decimal(17, 0),
        Decimal(37, 0),
        Decimal(100, 0),
        Decimal(73, 1),
        Decimal(7, 1),
        Decimal(3, 6),
        Decimal(100_000, 0),
    ];
    let maximum = prop_oneof![
        8 => prop::sample::select(&MAXIMA[..]),
        1 => (1..1_000_000_u64, 0..7_u32).prop_map(|(digits, decimals)| Decimal(digits, decimals)),
    ];
    let weight = prop_oneof![
        4 => Just(1_000_u32),
        4 => prop::sample::select(&[500, 2_000, 3_000, 1_250, 333, 1, 12_345][..]),
        1 => 1..=1_000_000_000_u32,
    ];
    let criterion =
        (maximum, weight, prop::bool::weighted(0.1)).prop_map(|(maximum, weight_thousandths, auto_fail)| {
            ImaginedCriterion { maximum, weight_thousandths, auto_fail }
        });
    let chapters = prop::collection::vec(prop::collection::vec(criterion, 1..5), 1..4);
    chapters.prop_flat_map(|chapters| {
        let maxima: Vec<Decimal> = criteria(&chapters).map(|(_, criterion)| criterion.maximum).collect();
        let values: Vec<_> = maxima
            .into_iter()
            .map(|Decimal(digits, decimals)| {
                // In steps of the maximum's last digit, and in tenths of such steps.
                let value = prop_oneof![
                    (0..=digits).prop_map(move |value| Decimal(value, decimals)),
                    (0..=digits * 10).prop_map(move |value| Decimal(value, decimals + 1)),
                ];
                prop::option::weighted(0.8, value)
            })
            .collect();
        let scorecard =
            (values.clone(), any::<bool>()).prop_map(|(values, in_window)| ImaginedScorecard { values, in_window });
        let numbers = 1 + chapters.len() + values.len();
        let targets = prop::collection::vec(0..=10_000_u32, numbers);
        (Just(chapters), prop::collection::vec(scorecard, 40), targets)
            .prop_map(|(chapters, scorecards, targets)| Imagined { chapters, scorecards, targets })
    })
}

proptest! {
    // 40 scorecards each: 10,400 in all.
    #![proptest_config(ProptestConfig::with_cases(260))]

    #[test]
    fn every_figure_is_the_exact_one_rounded_once(imagined in imagined()) {
        let exact: Vec<BTreeMap<usize, BigRational>> = imagined.scorecards.iter().map(|one| imagined.exact(one)).collect();
        for (message, exact) in imagined.messages().iter().zip(&exact) {
            let hundredths = exact.get(&0).map(|whole| (whole * ratio(10_000, 1)).round().to_integer());
            let expected = hundredths.map_or(-1.0, |hundredths| f64::from(u32::try_from(hundredths).unwrap()) / 100.0);
            prop_assert_eq!(message["totalScore"].as_f64(), Some(expected));
        }

        let reached: Vec<Reached> = imagined.measured().into_iter().zip(&imagined.targets)
            .map(|(measured, target)| Reached::new(*target, measured))
            .collect();
        let (mut all_moved, mut all_missed, mut everything_in_units) = (Vec::new(), Vec::new(), true);
        for (number, (reached, target)) in reached.iter().zip(&imagined.targets).enumerate() {
            let over = |in_window: bool| {
                let within = exact.iter().zip(&imagined.scorecards).filter(|(_, one)| one.in_window == in_window);
                let scores: Vec<&BigRational> = within.filter_map(|(exact, _)| exact.get(&number)).collect();
                let in_units = scores.iter().all(|score| (*score * ratio(FULL, 1)).is_integer());
                let mean = scores.iter().copied().sum::<BigRational>() / ratio(scores.len().max(1) as u64, 1);
                ((!scores.is_empty()).then_some(mean), in_units)
            };
            let ((score, in_units), (baseline, before_in_units)) = (over(true), over(false));
            let moved = score.as_ref().zip(baseline.as_ref()).map(|(score, baseline)| score - baseline);
            let missed = score.as_ref().map(|score| ratio((*target).into(), 10_000) - score);
            check("score", reached.score(), score.as_ref(), in_units, 1);
            check("baseline", reached.baseline_score(), baseline.as_ref(), before_in_units, 1);
            check("progress", reached.progress(), moved.as_ref(), in_units && before_in_units, 2);
            check("gap", reached.gap(), missed.as_ref(), in_units, 1);
            everything_in_units &= in_units && before_in_units;
            all_moved.extend(moved);
            all_missed.extend(missed.map(|gap| gap.max(ratio(0, 1))));
        }
        let mean = |all: &[BigRational]| {
            (!all.is_empty()).then(|| all.iter().sum::<BigRational>() / ratio(all.len() as u64, 1))
        };
        check("overall progress", overall_progress(&reached), mean(&all_moved).as_ref(), everything_in_units, 2);
        check("overall gap", overall_gap(&reached), mean(&all_missed).as_ref(), everything_in_units, 1);
    }
}

/// Scorecards in the window with `values` for one chapter of criteria with `maxima`; the last criterion is auto-fail.
fn scored(maxima: &[u64], values: &[&[u64]]) -> Imagined {
    let last = maxima.len() - 1;
    let criteria = maxima.iter().enumerate().map(|(place, maximum)| ImaginedCriterion {
        maximum: Decimal(*maximum, 0),
        weight_thousandths: 1_000,
        auto_fail: place == last,
    });
    let scorecards = values.iter().map(|values| ImaginedScorecard {
        values: values.iter().map(|value| Some(Decimal(*value, 0))).collect(),
        in_window: true,
    });
    Imagined {
        chapters: vec![criteria.collect()],
        scorecards: scorecards.collect(),
        targets: vec![0; 2 + maxima.len()],
    }
}

fn total_and_failed(maxima: &[u64], values: &[u64]) -> (f64, bool) {
    let message = scored(maxima, &[values]).messages().remove(0);
    (message["totalScore"].as_f64().unwrap(), message["autoFailed"] == true)
}

#[test]
fn a_total_is_not_the_mean_of_rounded_scores() {
    // 1/6 is 16.666…, and half of it 8.333…; half of 16.67 would be 8.335, and be shown as 8.34.
    assert_eq!(total_and_failed(&[6, 6], &[0, 1]), (8.33, false));
    // (66.666… + 25) / 2 = 45.8333…
    assert_eq!(total_and_failed(&[3, 4], &[2, 1]), (45.83, false));
    // A half is rounded up: 1/800 is 0.125.
    assert_eq!(total_and_failed(&[800], &[1]).0, 0.13);
}

#[test]
fn only_zero_fails() {
    // 0.004 % is shown as 0 but is not zero.
    assert_eq!(total_and_failed(&[100_000], &[4]), (0.0, false));
    // (100 + 0.004) / 2 = 50.002
    assert_eq!(total_and_failed(&[1, 100_000], &[1, 4]), (50.0, false));
    assert_eq!(total_and_failed(&[1, 100_000], &[1, 0]), (0.0, true));
}

#[test]
fn three_thirds_have_a_third_as_their_mean() {
    let imagined = scored(&[3], &[&[1], &[1], &[1]]);
    for measured in imagined.measured() {
        let reached = Reached::new(3_333, measured);
        assert_eq!(reached.score(), Some(333_333));
        assert_eq!(reached.gap(), Some(-33), "33.33 − 33.3333…");
        assert_eq!(u64::try_from(measured.window.sum), Ok(FULL));
    }
}

#[test]
fn a_score_that_is_no_whole_number_of_units_comes_off_as_it_was_added() {
    let imagined = scored(&[37, 29], &[&[1, 28], &[36, 3], &[11, 11]]);
    let (template, period) = (imagined.template(), Period::of(day(0)));
    let mut statistics = Statistics::default();
    for scorecard in imagined.scorecards() {
        statistics.add(period, &scorecard.contribution(&template).unwrap()).unwrap();
    }
    for scorecard in imagined.scorecards().iter().rev() {
        statistics.remove(period, &scorecard.contribution(&template).unwrap()).unwrap();
    }
    assert_eq!(statistics, Statistics::default());
}

#[test]
fn a_calibration_and_a_draft_count_nowhere() {
    let imagined = scored(&[5], &[&[4]]);
    let (template, scorecard) = (imagined.template(), imagined.scorecards().remove(0));
    assert!(scorecard.contribution(&template).is_some());
    assert_eq!(scorecard.counted_at(), scorecard.submit_time);
    let calibration = Scorecard { calibrated: Id::parse("first"), ..scorecard.clone() };
    for of_none in [calibration, Scorecard { submit_time: None, ..scorecard }] {
        assert_eq!((of_none.counted_at(), of_none.contribution(&template)), (None, None));
    }
}
