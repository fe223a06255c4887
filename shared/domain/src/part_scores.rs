//! What was scored of every part of scorecards (the whole, its chapters, its criteria), whether or not there is a target
//! for it: of one agent, and of a team.

use std::collections::HashSet;
use std::ops::Range;

use chrono::NaiveDate;

use crate::goal::{Goal, Label, Templates};
use crate::names::{ScorecardTemplateId, UsecaseId};
use crate::progress::{Measured, Reached};
use crate::statistics::{Inconsistent, PackedStatistics, Period};

/// Scores by usecase and template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PartScores(Vec<OfTemplate>);

/// Scores of a usecase and template, by the number of the part in statistics, in order.
#[derive(Debug, Clone, PartialEq)]
struct OfTemplate {
    usecase: UsecaseId,
    template: ScorecardTemplateId,
    scores: Vec<(u32, Measured)>,
}

impl OfTemplate {
    fn add(&mut self, number: u32, measured: Measured) {
        match self.scores.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, sum)) = self.scores.get_mut(place) {
                    *sum = sum.plus(measured);
                }
            }
            Err(place) => self.scores.insert(place, (number, measured)),
        }
    }

    fn of(&self, number: u32) -> Option<Measured> {
        let place = self.scores.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        self.scores.get(place).map(|(_, measured)| *measured)
    }
}

/// A part of a template, and what was measured of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredPart {
    /// The usecase.
    pub usecase: UsecaseId,
    /// The template.
    pub template: ScorecardTemplateId,
    /// The criterion or chapter; empty: the whole scorecard.
    pub part: String,
    /// What it is called.
    pub label: Label,
    /// The scores, and how far they reach the target, if there is one.
    pub reached: Reached,
}

impl MeasuredPart {
    fn place(&self) -> (&ScorecardTemplateId, &str, &UsecaseId) {
        (&self.template, &self.part, &self.usecase)
    }
}

impl PartScores {
    /// Adds an agent's scores in `usecase` and `period` over the days of the `window` and of the `baseline`; `packed` are
    /// their statistics. Only those of `templates` are added, or of all if these are none.
    ///
    /// # Errors
    /// [`Inconsistent`] if the statistics cannot be read. Scores that were added before that stay.
    pub fn add(
        &mut self,
        usecase: &UsecaseId,
        period: Period,
        packed: &[u8],
        [window, baseline]: [&Range<NaiveDate>; 2],
        templates: &HashSet<ScorecardTemplateId>,
    ) -> Result<(), Inconsistent> {
        if packed.is_empty() {
            return Ok(());
        }
        for (template, packed) in PackedStatistics::new(packed).all()? {
            if !templates.is_empty() && !templates.contains(&template) {
                continue;
            }
            let Some(scores) = self.at(usecase, &template) else { continue };
            packed.cells(period, |day, number, cell| {
                if window.contains(&day) {
                    scores.add(number, Measured { window: cell, ..Measured::default() });
                } else if baseline.contains(&day) {
                    scores.add(number, Measured { baseline: cell, ..Measured::default() });
                }
            })?;
        }
        Ok(())
    }

    /// The templates of which there are scores.
    pub fn templates(&self) -> impl Iterator<Item = &ScorecardTemplateId> {
        self.0.iter().map(|one| &one.template)
    }

    /// The criteria that were scored in the window and for which `goals` have no target: by template, criterion and usecase.
    /// `templates` say what is a criterion; those of a template that is not there, or cannot be read, are left out.
    pub fn criteria_without_target(&self, goals: &[Goal], templates: &Templates) -> Vec<MeasuredPart> {
        let mut parts = Vec::new();
        for scores in &self.0 {
            let OfTemplate { usecase, template: id, .. } = scores;
            let Some(Some(template)) = templates.get(id) else { continue };
            let has_target = |number: u32| {
                let mut goals = goals.iter();
                goals.any(|goal| {
                    goal.number == Some(number) && goal.target.usecase == *usecase && goal.target.template == *id
                })
            };
            for (number, criterion) in template.known_criteria() {
                let measured = scores.of(number).filter(|measured| measured.window.count > 0);
                let Some(measured) = measured.filter(|_| !has_target(number)) else { continue };
                parts.push(MeasuredPart {
                    usecase: usecase.clone(),
                    template: id.clone(),
                    part: criterion.to_owned(),
                    label: Label::of(criterion, Some(template)),
                    reached: Reached::of_agents(0, 0, measured),
                });
            }
        }
        parts.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        parts
    }

    fn of(&self, usecase: &UsecaseId, template: &ScorecardTemplateId, number: Option<u32>) -> Measured {
        let of_template = self.0.iter().find(|one| one.usecase == *usecase && one.template == *template);
        of_template.zip(number).and_then(|(scores, number)| scores.of(number)).unwrap_or_default()
    }

    /// The scores of a usecase and template, none at first. There always are some.
    fn at(&mut self, usecase: &UsecaseId, template: &ScorecardTemplateId) -> Option<&mut OfTemplate> {
        let known = self.0.iter().position(|one| one.usecase == *usecase && one.template == *template);
        let place = known.unwrap_or(self.0.len());
        if known.is_none() {
            let (usecase, template) = (usecase.clone(), template.clone());
            self.0.push(OfTemplate { usecase, template, scores: Vec::new() });
        }
        self.0.get_mut(place)
    }

    fn add_all(&mut self, other: &Self) {
        for OfTemplate { usecase, template, scores } in &other.0 {
            let Some(sums) = self.at(usecase, template) else { continue };
            scores.iter().for_each(|(number, measured)| sums.add(*number, *measured));
        }
    }
}

/// The targets of agents for one part.
struct TeamTarget<'a> {
    goal: &'a Goal,
    /// The sum of those of so many agents.
    hundredths: u64,
    agents: u64,
    /// The last of the agents, and their target.
    last: (usize, u32),
}

fn place_of(goal: &Goal) -> (&ScorecardTemplateId, &str, &UsecaseId) {
    (&goal.target.template, &goal.target.criterion_or_chapter_id, &goal.target.usecase)
}

/// What was measured of a team's `agents`, each with their goals and their scores, as of one: by template, part and
/// usecase. Every part for which one of them has a target, with the scores of all of them, and the mean of the targets,
/// of which an agent with several for the part counts with the highest. With `templates`, also the criteria that were
/// scored in the window and for which none of them has a target.
pub fn measured_together<'a>(
    agents: impl Iterator<Item = (&'a [Goal], &'a PartScores)>,
    templates: Option<&Templates>,
) -> Vec<MeasuredPart> {
    let mut scores = PartScores::default();
    let mut targets: Vec<TeamTarget<'a>> = Vec::new();
    for (agent, (goals, of_agent)) in agents.enumerate() {
        scores.add_all(of_agent);
        for goal in goals {
            let value = goal.hundredths;
            let place = match targets.binary_search_by(|known| place_of(known.goal).cmp(&place_of(goal))) {
                Ok(place) => place,
                Err(place) => {
                    targets.insert(place, TeamTarget { goal, hundredths: 0, agents: 0, last: (usize::MAX, 0) });
                    place
                }
            };
            let Some(known) = targets.get_mut(place) else { continue };
            match known.last {
                (last, higher) if last == agent && higher >= value => {}
                (last, lower) if last == agent => {
                    known.hundredths += u64::from(value - lower);
                    known.last = (agent, value);
                }
                _ => {
                    known.hundredths += u64::from(value);
                    known.agents += 1;
                    known.last = (agent, value);
                }
            }
        }
    }
    let with_target = targets.iter().map(|TeamTarget { goal, hundredths, agents, .. }| {
        let (template, part, usecase) = place_of(goal);
        MeasuredPart {
            usecase: usecase.clone(),
            template: template.clone(),
            part: part.to_owned(),
            label: goal.label.clone(),
            reached: Reached::of_agents(*hundredths, *agents, scores.of(usecase, template, goal.number)),
        }
    });
    let mut parts: Vec<MeasuredPart> = with_target.collect();
    if let Some(templates) = templates {
        let goals: Vec<Goal> = targets.iter().map(|target| target.goal.clone()).collect();
        parts.extend(scores.criteria_without_target(&goals, templates));
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::goal::tests::{target, template};
    use crate::statistics::{Contribution, FULL, Statistics, WHOLE_SCORECARD};
    use crate::target::Target;
    use crate::template::{Criterion, Dropped, Part};
    use crate::{Id, Timestamp};

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
    }

    /// The template `quality` with the criterion `greeting`, and `closing`, which an earlier revision had.
    fn quality() -> Templates {
        let mut quality = template(2, &[("opening", "Opening")], &[(2, 1)]);
        quality.known_ids.push("opening".to_owned());
        quality.dropped.insert(2, Dropped { part: Part::Criterion, last_revision: 1 });
        quality.chapters[0].criteria.push(Criterion {
            id: "greeting".to_owned(),
            display_name: "Greeting".to_owned(),
            weight_thousandths: 1_000,
            maximum_value: 4.0,
            auto_fail: false,
            triggers: Vec::new(),
        });
        Templates::from([(quality.id.clone(), Some(quality))])
    }

    /// Scores of `quality` in the usecase `care`: on each day, of each number, in quarters.
    fn scores(scored: &[(u32, u32, u64)]) -> PartScores {
        let mut statistics = Statistics::default();
        let period = Period::of(day(11));
        for (of_day, number, quarters) in scored {
            let scores = vec![(*number, quarters * FULL / 4)];
            let contribution = Contribution { template: Id::parse("quality").unwrap(), day: day(*of_day), scores };
            statistics.add(period, &contribution).unwrap();
        }
        let mut scores = PartScores::default();
        let (window, baseline) = (day(11)..day(13), day(9)..day(11));
        let care = Id::parse("care").unwrap();
        scores.add(&care, period, &statistics.encode(), [&window, &baseline], &HashSet::new()).unwrap();
        scores
    }

    fn goals(targets: &[Target]) -> Arc<[Goal]> {
        let templates = quality();
        let template = templates.values().next().unwrap().as_ref();
        let at = Timestamp::parse("2026-06-15T00:00:00Z").unwrap();
        targets.iter().filter_map(|target| Goal::new(target, at, template)).collect()
    }

    fn told(parts: &[MeasuredPart]) -> Vec<(&str, Option<i64>, Option<i64>, u64)> {
        let told = |one: &MeasuredPart| (one.reached.target(), one.reached.score(), one.reached.scorecard_count());
        parts.iter().map(|one| (one.part.as_str(), told(one).0, told(one).1, told(one).2)).collect()
    }

    #[test]
    fn criteria_without_target_are_those_that_were_scored_in_the_window() {
        // The whole and the chapter `opening` are no criteria; `closing` was not scored in the window.
        let scores = scores(&[(11, WHOLE_SCORECARD, 2), (11, 1, 3), (12, 1, 4), (11, 3, 1), (10, 2, 4), (10, 1, 0)]);
        let without = scores.criteria_without_target(&goals(&[target("")]), &quality());
        assert_eq!(told(&without), [("greeting", None, Some(875_000), 2)]);
        let reached = &without[0].reached;
        assert_eq!((reached.progress(), reached.gap(), reached.baseline_score()), (None, None, Some(0)));
        assert_eq!(scores.criteria_without_target(&goals(&[target("greeting")]), &quality()), []);
        let elsewhere = Target { usecase: Id::parse("sales").unwrap(), ..target("greeting") };
        assert_eq!(scores.criteria_without_target(&goals(&[elsewhere]), &quality()), without);
        assert_eq!(scores.criteria_without_target(&goals(&[]), &Templates::new()), []);
    }

    #[test]
    fn a_team_has_the_scores_of_all_and_the_mean_of_the_targets_that_there_are() {
        let of = |hundredths: u32| Target { history: vec![(target("").create_time, hundredths)], ..target("greeting") };
        // The second agent has two targets, of which the higher counts; the third has none.
        let goals = [goals(&[of(8_000)]), goals(&[of(5_000), of(9_001)]), goals(&[])];
        let scores =
            [scores(&[(11, 1, 4)]), scores(&[(11, 1, 1), (12, 1, 1), (10, 1, 4)]), scores(&[(12, 1, 0), (12, 2, 2)])];
        let agents = || goals.iter().map(|goals| &**goals).zip(&scores);
        let team = measured_together(agents(), None);
        assert_eq!(told(&team), [("greeting", Some(850_050), Some(375_000), 4)]);
        let reached = &team[0].reached;
        assert_eq!((reached.gap(), reached.progress()), (Some(475_050), Some(-625_000)));
        let all = measured_together(agents(), Some(&quality()));
        assert_eq!(told(&all)[1..], [("closing", None, Some(500_000), 1)]);
    }

    #[test]
    fn statistics_that_cannot_be_read_are_no_scores() {
        let days = day(1)..day(30);
        let (care, period) = (Id::parse("care").unwrap(), Period::of(day(11)));
        let added = PartScores::default().add(&care, period, &[0xff; 9], [&days, &days], &HashSet::new());
        assert_eq!(added, Err(Inconsistent));
    }
}
