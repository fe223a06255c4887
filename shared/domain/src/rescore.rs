//! Re-scoring: a submitted scorecard moves to another revision of its template. Its scores stay; its totals are made
//! anew, by the weights, maxima and auto-fail criteria of that revision.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exact::scaled;
use crate::names::{JobId, UserId};
use crate::rules::Enumeration;
use crate::scorecard::{MAX_SCORE_TEXTS_BYTES, Score, Scorecard, Totals};
use crate::template::{Criterion, ScorecardTemplate};
use crate::timestamp::Timestamp;

/// What becomes of a number that was given out of another maximum than the criterion has in the new revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnMaximumChange {
    /// The scorecard does not move.
    Refuse,
    /// The number is scaled, so that it is the same part of the new maximum.
    Scale,
}

impl Enumeration for OnMaximumChange {
    const VALUES: &'static [(&'static str, Self)] =
        &[("ON_MAXIMUM_CHANGE_UNSPECIFIED", Self::Refuse), ("REFUSE", Self::Refuse), ("SCALE", Self::Scale)];
}

/// Why a scorecard cannot move to a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Incompatibility {
    /// A number was given out of another maximum than the criterion has there.
    MaximumChanged,
    /// A number is above the maximum that the criterion has there.
    ValueAboveMaximum,
    /// Its texts, with those of criteria that its revision does not have, take too much.
    TextsTooLarge,
}

impl Incompatibility {
    /// Its reason, for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::MaximumChanged => "MAXIMUM_CHANGED",
            Self::ValueAboveMaximum => "VALUE_ABOVE_MAXIMUM",
            Self::TextsTooLarge => "TEXTS_TOO_LARGE",
        }
    }
}

/// A score of a criterion that the scorecard's revision does not have. It counts nowhere, and is there again once the
/// scorecard moves to a revision with that criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct SetAside {
    /// The score.
    pub score: Score,
    /// The maximum out of which it was given, if it is a number.
    pub maximum: f64,
}

/// The total of a scorecard, as clients read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// In hundredths of a percentage point; `None` if nothing applies.
    pub hundredths: Option<u32>,
    /// Whether a failed auto-fail criterion made it zero.
    pub auto_failed: bool,
}

impl Total {
    /// The total that `totals` show.
    pub fn of(totals: &Totals) -> Self {
        Self { hundredths: totals.whole.as_ref().map(|whole| whole.hundredths()), auto_failed: totals.auto_failed }
    }
}

/// The last time that a scorecard was re-scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescore {
    /// The job that did it.
    pub job: JobId,
    /// When.
    pub time: Timestamp,
    /// The revision that the scorecard had before.
    pub revision_before: u32,
    /// The revision that it moved to.
    pub revision_after: u32,
    /// Its total before.
    pub before: Total,
    /// Its total after that.
    pub after: Total,
    /// Whether a total, that of a part, or auto-fail changed.
    pub changes: bool,
    /// Whether a number was scaled to another maximum.
    pub scaled: bool,
}

impl Scorecard {
    /// The bytes that the texts among its scores take together, also those that are set aside, as JSON strings.
    pub fn bytes_of_texts(&self) -> usize {
        let scores = self.scores.values().chain(self.set_aside.values().map(|one| &one.score));
        let texts = scores.filter_map(|score| if let Score::Text(text) = score { Some(text.as_str()) } else { None });
        texts.map(|text| Value::from(text).to_string().len()).sum()
    }

    /// The scorecard as `job`, which `user` started, moves it at `now` from `before`, the revision that it was made from,
    /// to `after`, another one of the same template.
    ///
    /// Criteria are matched by their ids. One that only `after` has is without a score. The score of one that only
    /// `before` has is set aside.
    ///
    /// # Errors
    /// Why it cannot move.
    pub fn rescored(
        &self,
        (before, after): (&ScorecardTemplate, &ScorecardTemplate),
        on_maximum_change: OnMaximumChange,
        job: &JobId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Self, Incompatibility> {
        let mut scores = BTreeMap::new();
        let mut set_aside = BTreeMap::new();
        let mut is_scaled = false;
        let maxima = maxima_of(before);
        let given = self.scores.iter().map(|(number, score)| {
            // A score without a criterion in its revision counts nowhere, and so has no maximum.
            (*number, SetAside { score: score.clone(), maximum: maxima.get(number).copied().unwrap_or(0.0) })
        });
        let known = maxima_of(after);
        for (number, given) in given.chain(self.set_aside.clone()) {
            let Some(maximum) = known.get(&number) else {
                set_aside.insert(number, given);
                continue;
            };
            let score = match given.score {
                Score::Numeric(value) => {
                    let is_other = given.maximum > 0.0 && given.maximum != *maximum;
                    let value = match on_maximum_change {
                        OnMaximumChange::Refuse if is_other => return Err(Incompatibility::MaximumChanged),
                        OnMaximumChange::Scale if is_other => scaled(value, given.maximum, *maximum),
                        _ => value,
                    };
                    if value > *maximum {
                        return Err(Incompatibility::ValueAboveMaximum);
                    }
                    is_scaled |= is_other;
                    Score::Numeric(value)
                }
                score => score,
            };
            scores.insert(number, score);
        }
        let mut moved = Self { revision: after.revision, scores, set_aside, ..self.clone() };
        // Else what is set aside could add up to more than an item of the table takes.
        if moved.bytes_of_texts() > MAX_SCORE_TEXTS_BYTES {
            return Err(Incompatibility::TextsTooLarge);
        }
        moved.updated_by = user.clone();
        moved.update_time = now;
        let totals = [Total::of(&self.totals(before)), Total::of(&moved.totals(after))];
        let changes =
            totals[0].auto_failed != totals[1].auto_failed || self.contribution(before) != moved.contribution(after);
        moved.rescore = Some(Rescore {
            job: job.clone(),
            time: now,
            revision_before: before.revision,
            revision_after: after.revision,
            before: totals[0],
            after: totals[1],
            changes,
            scaled: is_scaled,
        });
        Ok(moved)
    }
}

/// The maximum of each criterion of `template`, by its number.
fn maxima_of(template: &ScorecardTemplate) -> BTreeMap<u32, f64> {
    let criteria = template.chapters.iter().flat_map(|chapter| &chapter.criteria);
    let maximum = |criterion: &Criterion| Some((template.number_of(&criterion.id)?, criterion.maximum_value));
    criteria.filter_map(maximum).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use num_rational::BigRational;
    use proptest::prelude::*;

    use super::*;
    use crate::figures;
    use crate::goal::tests::template;
    use crate::template::Chapter;
    use crate::{Id, Timestamp};

    const CRITERIA: [&str; 5] = ["greeting", "solution", "tone", "privacy", "next-step"];

    /// A criterion: its place in [`CRITERIA`], its chapter, weight in thousandths, maximum, and whether it is auto-fail.
    type Sketch = (usize, &'static str, u32, f64, bool);

    /// A revision with these criteria. Chapters and criteria have the same numbers in every revision.
    fn revision(revision: u32, sketches: &[Sketch]) -> ScorecardTemplate {
        let chapters = ["first", "second"].map(|chapter| {
            let criteria = sketches.iter().filter(|sketch| sketch.1 == chapter);
            let criteria = criteria.map(|(place, _, weight, maximum, auto_fail)| Criterion {
                id: CRITERIA[*place].to_owned(),
                display_name: String::new(),
                weight_thousandths: *weight,
                maximum_value: *maximum,
                auto_fail: *auto_fail,
                triggers: Vec::new(),
            });
            Chapter { id: chapter.to_owned(), display_name: String::new(), criteria: criteria.collect() }
        });
        let chapters = chapters.into_iter().filter(|chapter| !chapter.criteria.is_empty()).collect();
        let known_ids = ["first", "second"].iter().chain(&CRITERIA).map(|id| (*id).to_owned()).collect();
        ScorecardTemplate { revision, chapters, known_ids, ..template(1, &[], &[]) }
    }

    fn number_of(place: usize) -> u32 {
        u32::try_from(3 + place).unwrap()
    }

    fn scored(values: &[(usize, f64)]) -> Scorecard {
        let scores = values.iter().map(|(place, value)| (number_of(*place), Score::Numeric(*value)));
        figures::scorecard(time(), scores.collect())
    }

    fn time() -> Timestamp {
        Timestamp::parse("2026-05-20T10:00:00Z").unwrap()
    }

    fn later() -> Timestamp {
        Timestamp::parse("2026-06-01T12:00:00Z").unwrap()
    }

    fn moved(
        scorecard: &Scorecard,
        before: &ScorecardTemplate,
        after: &ScorecardTemplate,
        on_maximum_change: OnMaximumChange,
    ) -> Result<Scorecard, Incompatibility> {
        let (job, user) = (Id::parse("job").unwrap(), Id::parse("sync").unwrap());
        scorecard.rescored((before, after), on_maximum_change, &job, &user, later())
    }

    /// The totals before and after, in hundredths, and whether anything changed.
    fn totals(scorecard: &Scorecard) -> (Option<u32>, Option<u32>, bool) {
        let rescore = scorecard.rescore.as_ref().unwrap();
        (rescore.before.hundredths, rescore.after.hundredths, rescore.changes)
    }

    #[test]
    fn a_weight_that_doubles_moves_80_and_50_from_65_to_70() {
        // (80 + 50) / 2 = 65; (2·80 + 50) / 3 = 70.
        let before = revision(1, &[(0, "first", 1_000, 5.0, false), (1, "first", 1_000, 4.0, false)]);
        let after = revision(2, &[(0, "first", 2_000, 5.0, false), (1, "first", 1_000, 4.0, false)]);
        let scorecard = scored(&[(0, 4.0), (1, 2.0)]);
        let moved = moved(&scorecard, &before, &after, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&moved), (Some(6_500), Some(7_000), true));
        assert_eq!(moved.scores, scorecard.scores);
        let rescore = moved.rescore.clone().unwrap();
        assert_eq!((moved.revision, rescore.revision_before, rescore.revision_after), (2, 1, 2));
        assert_eq!((rescore.time, moved.update_time, moved.updated_by.as_str()), (later(), later(), "sync"));
        let untouched = Scorecard {
            revision: 1,
            rescore: None,
            update_time: scorecard.update_time,
            updated_by: scorecard.updated_by.clone(),
            ..moved
        };
        assert_eq!(untouched, scorecard, "submission, acknowledgement and the rest stay");
    }

    #[test]
    fn a_criterion_that_becomes_auto_fail_makes_62_5_zero_and_back() {
        // (100 + 100 + 0 + 50) / 4 = 62.5, with a zero on privacy.
        let criteria = |auto_fail| {
            [
                (0, "first", 1_000, 5.0, false),
                (1, "first", 1_000, 5.0, false),
                (3, "second", 1_000, 1.0, auto_fail),
                (4, "second", 1_000, 2.0, false),
            ]
        };
        let (before, after) = (revision(1, &criteria(false)), revision(2, &criteria(true)));
        let scorecard = scored(&[(0, 5.0), (1, 5.0), (3, 0.0), (4, 1.0)]);
        let failed = moved(&scorecard, &before, &after, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&failed), (Some(6_250), Some(0), true));
        assert!(failed.rescore.as_ref().unwrap().after.auto_failed);
        let back = moved(&failed, &after, &before, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&back), (Some(0), Some(6_250), true));
        assert_eq!(back.scores, scorecard.scores);
    }

    #[test]
    fn a_criterion_that_is_dropped_leaves_the_mean_and_is_there_again_on_the_way_back() {
        // (100 + 0) / 2 = 50; without the second 100.
        let (one, both) = (
            revision(2, &[(0, "first", 1_000, 5.0, false)]),
            revision(1, &[(0, "first", 1_000, 5.0, false), (1, "second", 1_000, 5.0, true)]),
        );
        let mut scorecard = scored(&[(0, 5.0)]);
        scorecard.scores.insert(number_of(1), Score::Text("rude".to_owned()));
        let without = moved(&scorecard, &both, &one, OnMaximumChange::Refuse).unwrap();
        assert_eq!(without.scores.keys().collect::<Vec<_>>(), [&number_of(0)]);
        assert_eq!(without.set_aside.keys().collect::<Vec<_>>(), [&number_of(1)]);
        // A text counts nowhere, so nothing changes.
        assert_eq!(totals(&without), (Some(10_000), Some(10_000), false));
        let back = moved(&without, &one, &both, OnMaximumChange::Refuse).unwrap();
        assert_eq!((&back.scores, back.set_aside.len()), (&scorecard.scores, 0));

        let failed = scored(&[(0, 5.0), (1, 0.0)]);
        let without = moved(&failed, &both, &one, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&without), (Some(0), Some(10_000), true));
    }

    #[test]
    fn a_criterion_that_is_new_is_not_scored() {
        let before = revision(1, &[(0, "first", 1_000, 5.0, false)]);
        let after = revision(2, &[(0, "first", 1_000, 5.0, false), (1, "first", 1_000, 5.0, true)]);
        let moved = moved(&scored(&[(0, 3.0)]), &before, &after, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&moved), (Some(6_000), Some(6_000), false));
        assert!(!moved.scores.contains_key(&number_of(1)));
    }

    #[test]
    fn nothing_that_applies_becomes_a_total_and_a_total_becomes_none() {
        let before = revision(1, &[(0, "first", 1_000, 5.0, false)]);
        let after = revision(2, &[(1, "first", 1_000, 5.0, false)]);
        let none = moved(&scored(&[(0, 3.0)]), &before, &after, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&none), (Some(6_000), None, true));
        let back = moved(&none, &after, &before, OnMaximumChange::Refuse).unwrap();
        assert_eq!(totals(&back), (None, Some(6_000), true));
    }

    #[test]
    fn three_of_five_is_refused_or_becomes_six_of_ten() {
        let before = revision(1, &[(0, "first", 1_000, 5.0, false), (1, "first", 1_000, 5.0, false)]);
        let after = revision(2, &[(0, "first", 1_000, 10.0, false), (1, "first", 1_000, 5.0, false)]);
        let scorecard = scored(&[(0, 3.0), (1, 5.0)]);
        let refused = moved(&scorecard, &before, &after, OnMaximumChange::Refuse);
        assert_eq!(refused, Err(Incompatibility::MaximumChanged));
        let scaled = moved(&scorecard, &before, &after, OnMaximumChange::Scale).unwrap();
        assert_eq!(scaled.scores[&number_of(0)], Score::Numeric(6.0));
        assert_eq!(totals(&scaled), (Some(8_000), Some(8_000), false));
        assert!(scaled.rescore.unwrap().scaled);
        // What has no number has no maximum.
        let mut unscored = scored(&[(1, 5.0)]);
        unscored.scores.insert(number_of(0), Score::NotApplicable);
        assert!(!moved(&unscored, &before, &after, OnMaximumChange::Refuse).unwrap().rescore.unwrap().scaled);
    }

    #[test]
    fn a_score_that_is_set_aside_keeps_the_maximum_that_it_was_given_out_of() {
        let first = revision(1, &[(0, "first", 1_000, 5.0, false), (1, "first", 1_000, 5.0, false)]);
        let second = revision(2, &[(1, "first", 1_000, 5.0, false)]);
        let third = revision(3, &[(0, "first", 1_000, 10.0, false), (1, "first", 1_000, 5.0, false)]);
        let scorecard = scored(&[(0, 3.0), (1, 5.0)]);
        let without = moved(&scorecard, &first, &second, OnMaximumChange::Refuse).unwrap();
        assert_eq!(moved(&without, &second, &third, OnMaximumChange::Refuse), Err(Incompatibility::MaximumChanged));
        let scaled = moved(&without, &second, &third, OnMaximumChange::Scale).unwrap();
        assert_eq!(totals(&scaled), (Some(10_000), Some(8_000), true));
        let back = moved(&without, &second, &first, OnMaximumChange::Refuse).unwrap();
        assert_eq!(back.scores, scorecard.scores);
    }

    #[test]
    fn a_number_above_its_maximum_is_refused() {
        let (before, after) =
            (revision(1, &[(0, "first", 1_000, 5.0, false)]), revision(2, &[(0, "first", 2_000, 5.0, false)]));
        let refused = moved(&scored(&[(0, 6.0)]), &before, &after, OnMaximumChange::Scale);
        assert_eq!(refused, Err(Incompatibility::ValueAboveMaximum));
    }

    #[test]
    fn texts_that_are_set_aside_do_not_add_up_to_more_than_a_scorecard_takes() {
        let (one, both) = (
            revision(2, &[(0, "first", 1_000, 5.0, false)]),
            revision(1, &[(0, "first", 1_000, 5.0, false), (1, "first", 1_000, 5.0, false)]),
        );
        let mut scorecard = scored(&[]);
        // With its quotation marks, as much as a scorecard takes.
        scorecard.scores.insert(number_of(1), Score::Text("x".repeat(MAX_SCORE_TEXTS_BYTES - 2)));
        let mut without = moved(&scorecard, &both, &one, OnMaximumChange::Refuse).unwrap();
        without.scores.insert(number_of(0), Score::Text("x".to_owned()));
        let refused = moved(&without, &one, &both, OnMaximumChange::Refuse);
        assert_eq!(refused, Err(Incompatibility::TextsTooLarge));
    }

    #[test]
    fn a_label_or_a_trigger_that_changes_leaves_every_figure() {
        let before = revision(1, &[(0, "first", 1_000, 5.0, false)]);
        let mut after = ScorecardTemplate { revision: 2, ..before.clone() };
        after.chapters[0].criteria[0].display_name = "Hello".to_owned();
        let moved = moved(&scored(&[(0, 3.0)]), &before, &after, OnMaximumChange::Refuse).unwrap();
        assert_eq!((moved.revision, totals(&moved)), (2, (Some(6_000), Some(6_000), false)));
    }

    /// A criterion of an imagined revision: chapter, weight, maximum in tenths, auto-fail.
    type Imagined = Option<(bool, u32, u32, bool)>;

    fn imagined() -> impl Strategy<Value = Vec<Imagined>> {
        let maximum = prop_oneof![Just(50_u32), Just(10), Just(30), Just(7), 1..2_000_u32];
        let criterion = (any::<bool>(), 1..5_000_u32, maximum, any::<bool>());
        prop::collection::vec(prop::option::weighted(0.8, criterion), CRITERIA.len())
    }

    fn sketched(number: u32, imagined: &[Imagined]) -> ScorecardTemplate {
        let sketches = imagined.iter().enumerate().filter_map(|(place, criterion)| {
            let (is_first, weight, tenths, auto_fail) = (*criterion)?;
            Some((place, if is_first { "first" } else { "second" }, weight, f64::from(tenths) / 10.0, auto_fail))
        });
        revision(number, &sketches.collect::<Vec<_>>())
    }

    fn ratio(numerator: u32, denominator: u32) -> BigRational {
        BigRational::new(numerator.into(), denominator.into())
    }

    /// The total in hundredths and whether it failed, from the parts of the maximum that were given for each criterion.
    fn recomputed(parts: &[Option<BigRational>], of: &[Imagined]) -> (Option<u32>, bool) {
        let (mut sum, mut weights, mut failed) = (ratio(0, 1), ratio(0, 1), false);
        for (part, criterion) in parts.iter().zip(of) {
            let (Some(part), Some((_, weight, _, auto_fail))) = (part, criterion) else { continue };
            failed |= *auto_fail && *part == ratio(0, 1);
            sum += part * ratio(*weight, 1);
            weights += ratio(*weight, 1);
        }
        if weights == ratio(0, 1) {
            return (None, failed);
        }
        let whole = if failed { ratio(0, 1) } else { sum / weights };
        (Some(u32::try_from((whole * ratio(10_000, 1)).round().to_integer()).unwrap()), failed)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn totals_are_those_of_a_recomputation_by_fractions(
            before in imagined(),
            after in imagined(),
            given in prop::collection::vec(prop::option::weighted(0.8, 0..=20_u32), CRITERIA.len()),
            scale in any::<bool>(),
        ) {
            // Twentieths of the maximum of the criterion, which is tenths: hundredths of two, as decimals.
            let of_before = given.iter().zip(&before).map(|(given, criterion)| Some(((*given)?, (*criterion)?.2)));
            let of_before: Vec<Option<(u32, u32)>> = of_before.collect();
            let scores = of_before.iter().enumerate().filter_map(|(place, one)| {
                let (twentieths, tenths) = (*one)?;
                Some((place, f64::from(twentieths * tenths) / 200.0))
            });
            let scorecard = scored(&scores.collect::<Vec<_>>());
            let (first, second) = (sketched(1, &before), sketched(2, &after));
            let on_maximum_change = if scale { OnMaximumChange::Scale } else { OnMaximumChange::Refuse };

            let parts: Vec<Option<BigRational>> =
                of_before.iter().map(|one| one.map(|(twentieths, _)| ratio(twentieths, 20))).collect();
            let other_maximum: BTreeSet<usize> = (0..CRITERIA.len()).filter(|place| {
                matches!((&of_before[*place], &after[*place]), (Some((_, was)), Some((_, _, is, _))) if was != is)
            }).collect();
            match moved(&scorecard, &first, &second, on_maximum_change) {
                Err(reason) => {
                    prop_assert_eq!(reason, Incompatibility::MaximumChanged);
                    prop_assert!(!scale && !other_maximum.is_empty());
                }
                Ok(moved_there) => {
                    prop_assert!(scale || other_maximum.is_empty());
                    let rescore = moved_there.rescore.clone().unwrap();
                    let shown = |total: Total| (total.hundredths, total.auto_failed);
                    prop_assert_eq!(shown(rescore.before), recomputed(&parts, &before));
                    prop_assert_eq!(shown(rescore.after), recomputed(&parts, &after));
                    prop_assert_eq!(rescore.scaled, !other_maximum.is_empty());
                    let back = moved(&moved_there, &second, &first, on_maximum_change).unwrap();
                    prop_assert!(back.set_aside.is_empty());
                    prop_assert_eq!(back.rescore.unwrap().after, rescore.before);
                    if other_maximum.is_empty() {
                        prop_assert_eq!(back.scores, scorecard.scores);
                    }
                }
            }
        }
    }
}
