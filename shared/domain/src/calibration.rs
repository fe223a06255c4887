//! Calibrations: scorecards that score once more what another scores, to compare those who score.

use crate::exact::{ExactMean, ExactScore};
use crate::scorecard::{Score, Scorecard};
use crate::template::ScorecardTemplate;
use crate::{Error, Reason, Tenant, Violations};

impl Scorecard {
    /// Checks, if it is a calibration, that it is of what the `calibrated` scorecard scores, and that this one is
    /// submitted. `path` is the prefix of the fields' names.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming each field that differs from the calibrated scorecard's, or `calibratedScorecardName` if
    /// there is none; FAILED_PRECONDITION if the calibrated scorecard is a draft, or a calibration itself.
    pub fn check_calibrated(&self, calibrated: Option<&Self>, path: &str, tenant: &Tenant) -> Result<(), Error> {
        let Some(id) = &self.calibrated else { return Ok(()) };
        let name = tenant.name_of(id);
        let field = format!("{path}calibratedScorecardName");
        let Some(calibrated) = calibrated else {
            return Err(Error::invalid_field(&field, format!("'{name}' does not exist")));
        };
        if calibrated.is_calibration() {
            let message = format!("{field}: '{name}' is a calibration itself");
            return Err(Error::new(Reason::ScorecardIsCalibration, message));
        }
        let mut violations = Violations::default();
        for field in self.fields_that_differ(calibrated) {
            violations.add(format!("{path}{field}"), format!("must be that of '{name}', which is calibrated"));
        }
        violations.into_result()?;
        if calibrated.submit_time.is_none() {
            let message = format!("{field}: '{name}' is a draft; it can be calibrated once it is submitted");
            return Err(Error::new(Reason::ScorecardNotSubmitted, message));
        }
        Ok(())
    }

    /// Whether its comparison has to be made: it is a submitted calibration, and `before` it was not, or had other
    /// scores.
    pub fn is_to_be_compared(&self, before: Option<&Self>) -> bool {
        let is_as_before = |before: &Self| {
            before.submit_time.is_some()
                && (&before.template, before.revision, &before.scores) == (&self.template, self.revision, &self.scores)
        };
        self.is_calibration() && self.submit_time.is_some() && !before.is_some_and(is_as_before)
    }

    /// Compares its scores with those of the `calibrated` scorecard, as they are now; `template` is the revision that
    /// it was made from.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if the calibrated scorecard is a draft, or no longer of the same conversation and revision.
    pub fn compare(
        &mut self,
        calibrated: Option<&Self>,
        template: &ScorecardTemplate,
        tenant: &Tenant,
    ) -> Result<(), Error> {
        let Some(id) = &self.calibrated else { return Ok(()) };
        let name = tenant.name_of(id);
        let same = calibrated.filter(|calibrated| self.fields_that_differ(calibrated).is_empty());
        let calibrated = same.ok_or_else(|| {
            let message = format!("'{name}', which it calibrates, is of another conversation or template revision now");
            Error::new(Reason::CalibratedScorecardChanged, message)
        })?;
        if calibrated.submit_time.is_none() {
            let message = format!("'{name}', which it calibrates, is a draft; submit that first");
            return Err(Error::new(Reason::ScorecardNotSubmitted, message));
        }
        self.consistency = self.consistency_with(calibrated, template).map(|score| score.hundredths());
        Ok(())
    }

    /// The fields in which it is not of what `calibrated` scores.
    fn fields_that_differ(&self, calibrated: &Self) -> Vec<&'static str> {
        let process = |scorecard: &Self| {
            scorecard.process.clone().map_or((None, None), |process| (Some(process.id), Some(process.interaction_time)))
        };
        let ((id, time), (of_id, of_time)) = (process(self), process(calibrated));
        let fields = [
            ("agentUserName", self.agent != calibrated.agent),
            ("conversationName", self.conversation != calibrated.conversation),
            ("processId", id != of_id),
            ("processInteractionTime", time != of_time),
            ("templateName", (&self.template, self.revision) != (&calibrated.template, calibrated.revision)),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// How alike its scores are to those of `other`: the weighted mean over the criteria of `template` of 100 % less
    /// the difference of the two scores. A criterion that only one of them scores by a number counts as 0, one that
    /// neither does is left out; `None` if all are left out.
    fn consistency_with(&self, other: &Self, template: &ScorecardTemplate) -> Option<ExactScore> {
        let (mut larger, mut smaller) = (ExactMean::default(), ExactMean::default());
        for criterion in template.chapters.iter().flat_map(|chapter| &chapter.criteria) {
            let value = |scorecard: &Self| {
                let Some(Score::Numeric(value)) = scorecard.scores.get(&template.number_of(&criterion.id)?) else {
                    return None;
                };
                Some(*value)
            };
            let (most, least) = match (value(self), value(other)) {
                (Some(one), Some(another)) => (one.max(another), one.min(another)),
                (None, None) => continue,
                _ => (criterion.maximum_value, 0.0),
            };
            larger.add(most, criterion.maximum_value, criterion.weight_thousandths);
            smaller.add(least, criterion.maximum_value, criterion.weight_thousandths);
        }
        Some(ExactScore::full_less_difference(&larger.mean()?, &smaller.mean()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::figures;
    use crate::goal::tests::template;
    use crate::template::{Chapter, Criterion};
    use crate::{Id, Timestamp};

    /// A template of criteria with these maxima and weights in thousandths.
    fn template_of(criteria: &[(f64, u32)]) -> ScorecardTemplate {
        let criteria = criteria.iter().enumerate().map(|(place, (maximum_value, weight_thousandths))| Criterion {
            id: format!("criterion{place}"),
            display_name: String::new(),
            weight_thousandths: *weight_thousandths,
            maximum_value: *maximum_value,
            auto_fail: true,
            triggers: Vec::new(),
        });
        let criteria: Vec<Criterion> = criteria.collect();
        let known_ids = std::iter::once("all".to_owned()).chain(criteria.iter().map(|one| one.id.clone())).collect();
        let chapters = vec![Chapter { id: "all".to_owned(), display_name: String::new(), criteria }];
        ScorecardTemplate { known_ids, chapters, ..template(1, &[], &[]) }
    }

    /// A submitted scorecard with these scores.
    fn scorecard(scores: BTreeMap<u32, Score>) -> Scorecard {
        figures::scorecard(Timestamp::parse("2026-05-20T10:00:00Z").unwrap(), scores)
    }

    const NONE: Option<Score> = None;
    const NOT_APPLICABLE: Option<Score> = Some(Score::NotApplicable);

    fn number(value: f64) -> Option<Score> {
        Some(Score::Numeric(value))
    }

    /// The consistency of two scorecards with these scores, in hundredths.
    fn consistency(criteria: &[(f64, u32)], pairs: &[(Option<Score>, Option<Score>)]) -> Option<u32> {
        let template = template_of(criteria);
        let of = |scores: Vec<Option<Score>>| {
            let scores = scores
                .into_iter()
                .enumerate()
                .filter_map(|(place, score)| Some((template.number_of(&format!("criterion{place}"))?, score?)));
            scorecard(scores.collect())
        };
        let one = of(pairs.iter().map(|(one, _)| one.clone()).collect());
        let other = of(pairs.iter().map(|(_, other)| other.clone()).collect());
        let both = [one.consistency_with(&other, &template), other.consistency_with(&one, &template)];
        let [one, other] = both.map(|score| score.map(|score| score.hundredths()));
        assert_eq!(one, other, "whichever of the two calibrates");
        one
    }

    #[test]
    fn the_same_scores_are_wholly_consistent() {
        let pairs = [(number(3.0), number(3.0)), (number(0.0), number(0.0))];
        assert_eq!(consistency(&[(5.0, 1_000), (1.0, 2_000)], &pairs), Some(10_000));
    }

    #[test]
    fn the_opposite_scores_are_not_consistent_at_all() {
        let pairs = [(number(5.0), number(0.0)), (number(0.0), number(1.0))];
        assert_eq!(consistency(&[(5.0, 1_000), (1.0, 1_000)], &pairs), Some(0));
    }

    #[test]
    fn a_difference_of_two_fifths_and_one_of_a_quarter_weighed_one_to_three_leave_71_25() {
        // 100 − 40 = 60, 100 − 25 = 75; (60 + 3·75) / 4 = 71.25.
        let pairs = [(number(4.0), number(2.0)), (number(1.0), number(2.0))];
        assert_eq!(consistency(&[(5.0, 1_000), (4.0, 3_000)], &pairs), Some(7_125));
    }

    #[test]
    fn one_of_three_thirds_apart_is_rounded_once() {
        // 66.666… and 100: 83.333…; from 66.67 it would be 83.335, and shown as 83.34.
        let pairs = [(number(2.0), number(1.0)), (number(1.0), number(1.0))];
        assert_eq!(consistency(&[(3.0, 1_000), (3.0, 1_000)], &pairs), Some(8_333));
        // 1/800 apart: 99.875, a half up.
        assert_eq!(consistency(&[(800.0, 1_000)], &[(number(7.0), number(8.0))]), Some(9_988));
        // 0.1 apart is a tenth, not the nearest number of a computer.
        assert_eq!(consistency(&[(1.0, 1_000)], &[(number(0.3), number(0.2))]), Some(9_000));
    }

    #[test]
    fn what_only_one_scores_counts_as_nothing_and_what_neither_does_is_left_out() {
        let text = || Some(Score::Text("polite".to_owned()));
        let pairs = [
            (number(4.0), NOT_APPLICABLE),
            (NONE, number(0.0)),
            (number(5.0), text()),
            (number(5.0), number(5.0)),
            (NOT_APPLICABLE, NONE),
            (text(), text()),
        ];
        // Four count, and one of them agrees.
        assert_eq!(consistency(&[(5.0, 1_000); 6], &pairs), Some(2_500));
        assert_eq!(consistency(&[(5.0, 1_000); 2], &[(NOT_APPLICABLE, NONE), (text(), NONE)]), None);
    }

    #[test]
    fn a_calibration_is_compared_when_it_is_submitted_and_when_its_scores_change() {
        let submitted = scorecard(BTreeMap::new());
        let calibration = Scorecard { calibrated: Id::parse("first"), ..submitted.clone() };
        let draft = Scorecard { submit_time: None, ..calibration.clone() };
        let other = Scorecard { scores: BTreeMap::from([(1, Score::NotApplicable)]), ..calibration.clone() };
        assert!(calibration.is_to_be_compared(None) && calibration.is_to_be_compared(Some(&draft)));
        assert!(other.is_to_be_compared(Some(&calibration)));
        let commented = Scorecard { comment: Some("Fair.".to_owned()), ..calibration.clone() };
        assert!(!commented.is_to_be_compared(Some(&calibration)));
        assert!(!draft.is_to_be_compared(None) && !submitted.is_to_be_compared(None));
    }
}
