//! The benchmark: the scores of everyone in a profile, added up, so that comparing an agent with everyone costs the same
//! whether there are ten agents or a hundred thousand.
//!
//! There is one for each usecase and [`Period`]. It holds the sums and counts of statistics, in the same packed form:
//! of a day, up to 2³² − 1 scores, which is 42,949 of each of 100,000 agents. It also holds how many agents have scores.
//! So the mean of everyone over any days is the sum of their scores by the number of those, exactly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use chrono::{Days, NaiveDate};

use crate::Timestamp;
use crate::names::{ScorecardTemplateId, UsecaseId, UserId};
use crate::statistics::{Cell, Inconsistent, PackedStatistics, Period, Statistics, day_of};

/// The number of days whose scored agents are counted.
const RECENT_DAYS: u64 = 30;
/// The most parts of a template (the whole, chapters and criteria) in one item. With scores of all of them on each of 62
/// days, and counts and sums of the largest widths, they take less than 260 KB.
const NUMBERS_IN_ITEM: u32 = 256;

/// The 30 days that end with that of `now`.
pub fn recent_days(now: Timestamp) -> Range<NaiveDate> {
    let tomorrow = day_of(now) + Days::new(1);
    tomorrow - Days::new(RECENT_DAYS)..tomorrow
}

/// The periods whose benchmarks are made in one go, if that of `period` is to be made at `now`: those that
/// [`recent_days`] touch, if it is one of them.
pub fn made_together(period: Period, now: Timestamp) -> Vec<Period> {
    let recent = Period::of_days(&recent_days(now));
    if recent.contains(&period) { recent } else { vec![period] }
}

/// The number of items that hold a template in which chapters and criteria are numbered from 1 to `known`.
pub fn items_of(known: usize) -> u32 {
    u32::try_from(known).unwrap_or(u32::MAX) / NUMBERS_IN_ITEM + 1
}

/// A part of a benchmark: some numbers of one template in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchmarkItem {
    /// The period.
    pub period: Period,
    /// The template.
    pub template: ScorecardTemplateId,
    /// Its place among the items of the template and period, from 0 up.
    pub place: u32,
    /// The sums and counts, packed as statistics are.
    pub packed: Vec<u8>,
    /// For each number, how many agents have a score of it: in the 30 days that end with the day on which the benchmark
    /// was made, if the period has any of these; else in the period.
    pub agents: BTreeMap<u32, u64>,
}

/// Scores of many agents in one usecase and some periods, added up. Memory grows with the number of templates that were
/// used, by 2 KB for each of their chapters and criteria; and with the agents by about 300 bytes for each template that
/// they were scored by.
#[derive(Debug)]
pub struct EveryonesScores {
    periods: Vec<Period>,
    /// The days whose scored agents are counted; those of other periods are all counted.
    recent: Range<NaiveDate>,
    sums: BTreeMap<(Period, ScorecardTemplateId), BTreeMap<u32, BTreeMap<NaiveDate, Cell>>>,
    /// The numbers that each agent has scores of.
    scored: HashMap<ScorecardTemplateId, HashMap<UserId, BTreeSet<u32>>>,
    /// How many agents beyond those have a score.
    further: BTreeMap<(Period, ScorecardTemplateId), BTreeMap<u32, u64>>,
}

impl EveryonesScores {
    /// Nobody's scores, to which those of `periods` are added at `now`.
    pub fn none(periods: &[Period], now: Timestamp) -> Self {
        let recent = recent_days(now);
        let is_recent = periods.iter().any(|period| Period::of_days(&recent).contains(period));
        let recent = if is_recent { recent } else { NaiveDate::MIN..NaiveDate::MAX };
        let periods = periods.to_vec();
        Self { periods, recent, sums: BTreeMap::new(), scored: HashMap::new(), further: BTreeMap::new() }
    }

    /// Adds the scores of `agent` in `period`; `packed` are their statistics.
    ///
    /// # Errors
    /// [`Inconsistent`] if these cannot be read; nothing is added.
    pub fn add(&mut self, agent: &UserId, period: Period, packed: &[u8]) -> Result<(), Inconsistent> {
        if packed.is_empty() {
            return Ok(());
        }
        let mut read = Vec::new();
        for (template, packed) in PackedStatistics::new(packed).all()? {
            let mut cells = Vec::new();
            packed.cells(period, |day, number, cell| cells.push((day, number, cell)))?;
            read.push((template, cells));
        }
        for (template, cells) in read {
            let recent = cells.iter().filter(|(day, _, _)| self.recent.contains(day));
            let recent: BTreeSet<u32> = recent.map(|(_, number, _)| *number).collect();
            if !recent.is_empty() {
                let of_template = self.scored.entry(template.clone()).or_default();
                of_template.entry(agent.clone()).or_default().extend(recent);
            }
            self.add_cells(period, template, cells);
        }
        Ok(())
    }

    /// Adds what was added up of other agents before.
    ///
    /// # Errors
    /// [`Inconsistent`] if it cannot be read; nothing is added.
    pub fn add_item(&mut self, item: &BenchmarkItem) -> Result<(), Inconsistent> {
        let mut cells = Vec::new();
        if let Some(packed) = PackedStatistics::new(&item.packed).of(&item.template)? {
            packed.cells(item.period, |day, number, cell| cells.push((day, number, cell)))?;
        }
        self.add_cells(item.period, item.template.clone(), cells);
        let further = self.further.entry((item.period, item.template.clone())).or_default();
        for (number, agents) in &item.agents {
            *further.entry(*number).or_default() += agents;
        }
        Ok(())
    }

    fn add_cells(&mut self, period: Period, template: ScorecardTemplateId, cells: Vec<(NaiveDate, u32, Cell)>) {
        let sums = self.sums.entry((period, template)).or_default();
        for (day, number, cell) in cells {
            let sum = sums.entry(number).or_default().entry(day).or_default();
            *sum = sum.plus(cell);
        }
    }

    /// The items that hold them: of each period those of the same templates, because periods that are made together count
    /// the same agents.
    pub fn items(&self) -> Vec<BenchmarkItem> {
        let templates: BTreeSet<&ScorecardTemplateId> = self.sums.keys().map(|(_, template)| template).collect();
        let all =
            self.periods.iter().flat_map(|period| templates.iter().map(|template| (*period, (*template).clone())));
        let nothing = BTreeMap::new();
        let mut items = Vec::new();
        for of in all {
            let sums = self.sums.get(&of).unwrap_or(&nothing);
            let agents = self.agents_of(&of);
            let (period, template) = &of;
            let last = sums.keys().chain(agents.keys()).max().map_or(0, |number| number / NUMBERS_IN_ITEM);
            for place in 0..=last {
                let numbers = place * NUMBERS_IN_ITEM..(place + 1) * NUMBERS_IN_ITEM;
                let cells = sums
                    .range(numbers.clone())
                    .flat_map(|(number, days)| days.iter().map(|(day, cell)| (*day, *number, *cell)));
                let mut statistics = Statistics::default();
                statistics.add_cells(*period, template, cells);
                items.push(BenchmarkItem {
                    period: *period,
                    template: template.clone(),
                    place,
                    packed: statistics.encode(),
                    agents: agents.range(numbers).map(|(number, agents)| (*number, *agents)).collect(),
                });
            }
        }
        items
    }

    /// For each number of a template, how many agents have a score.
    fn agents_of(&self, of: &(Period, ScorecardTemplateId)) -> BTreeMap<u32, u64> {
        let mut agents = self.further.get(of).cloned().unwrap_or_default();
        for number in self.scored.get(&of.1).into_iter().flat_map(HashMap::values).flatten() {
            *agents.entry(*number).or_default() += 1;
        }
        agents
    }
}

/// The benchmarks of some usecases and periods, as far as they were made.
#[derive(Debug, Default)]
pub struct Benchmark {
    /// When each was made; `None`: it was not.
    times: BTreeMap<(UsecaseId, Period), Option<Timestamp>>,
    items: HashMap<(UsecaseId, ScorecardTemplateId), Vec<BenchmarkItem>>,
}

/// Everyone's scores over some days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfEveryone {
    /// Their sum and number.
    pub cell: Cell,
    /// How many agents have a score: the most in any of the benchmarks that the days touch.
    pub agents: u64,
}

impl Benchmark {
    /// Takes what was made of a usecase and period.
    pub fn take(&mut self, usecase: &UsecaseId, period: Period, time: Option<Timestamp>, items: Vec<BenchmarkItem>) {
        self.times.insert((usecase.clone(), period), time);
        for item in items {
            self.items.entry((usecase.clone(), item.template.clone())).or_default().push(item);
        }
    }

    /// When the oldest of them was made; `None` if none was.
    pub fn time(&self) -> Option<Timestamp> {
        self.times.values().flatten().min().copied()
    }

    /// Whether any of them was not made yet.
    pub fn is_pending(&self) -> bool {
        self.times.values().any(Option::is_none)
    }

    /// The scores of everyone in `usecase` over `days`, of a `template` and the `number` of its criterion or chapter or of the
    /// whole scorecard. `None` if a benchmark that the days touch was not made yet, or cannot be read.
    pub fn over(
        &self,
        usecase: &UsecaseId,
        template: &ScorecardTemplateId,
        number: u32,
        days: &Range<NaiveDate>,
    ) -> Option<OfEveryone> {
        let touched = Period::of_days(days);
        let is_missing = |period: &Period| matches!(self.times.get(&(usecase.clone(), *period)), Some(None));
        if touched.iter().any(is_missing) {
            return None;
        }
        let mut of_everyone = OfEveryone::default();
        let items = self.items.get(&(usecase.clone(), template.clone())).into_iter().flatten();
        for item in items.filter(|item| touched.contains(&item.period)) {
            let packed = PackedStatistics::new(&item.packed).of(template).ok()?;
            let [cell] =
                packed.map_or(Ok(Default::default()), |packed| packed.over(item.period, number, [days])).ok()?;
            of_everyone.cell = of_everyone.cell.plus(cell);
            of_everyone.agents = of_everyone.agents.max(item.agents.get(&number).copied().unwrap_or(0));
        }
        Some(of_everyone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;
    use crate::statistics::{Contribution, FULL};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// The statistics of scorecards of `template`, each of a day, with the scores of some numbers.
    fn statistics(template: &str, scorecards: &[(&str, &[(u32, u64)])]) -> (Period, Vec<u8>) {
        let mut statistics = Statistics::default();
        let period = Period::of(day(scorecards.first().unwrap().0));
        for (on, scores) in scorecards {
            let template = Id::parse(template).unwrap();
            statistics.add(period, &Contribution { template, day: day(on), scores: scores.to_vec() }).unwrap();
        }
        (period, statistics.encode())
    }

    fn benchmark_of(everyone: &EveryonesScores, made: &[&str]) -> Benchmark {
        let mut benchmark = Benchmark::default();
        for month in made {
            let period = Period::of(day(month));
            let items = everyone.items().into_iter().filter(|item| item.period == period).collect();
            benchmark.take(&Id::parse("care").unwrap(), period, Some(time("2026-07-05T00:00:00Z")), items);
        }
        benchmark
    }

    fn over(benchmark: &Benchmark, number: u32, days: [&str; 2]) -> Option<(u128, u64, u64)> {
        let [start, end] = days.map(day);
        let (usecase, template) = (Id::parse("care").unwrap(), Id::parse("quality").unwrap());
        let found = benchmark.over(&usecase, &template, number, &(start..end))?;
        Some((found.cell.sum / u128::from(FULL / 4), found.cell.count, found.agents))
    }

    #[test]
    fn agents_are_counted_once_over_both_periods_and_only_if_scored_recently() {
        let now = time("2026-07-05T12:00:00Z");
        let (last, present) = (Period::of(day("2026-05-01")), Period::of(day("2026-07-01")));
        assert_eq!(made_together(present, now), [last, present]);
        assert_eq!(made_together(last, now), [last, present]);
        assert_eq!(made_together(last.previous(), now), [last.previous()]);
        assert_eq!(made_together(present, time("2026-08-01T00:00:00Z")), [present]);
        let mut everyone = EveryonesScores::none(&[last, present], now);
        let quarter = FULL / 4;
        for (agent, scorecards) in [
            ("ana", vec![("2026-06-06", [(0, 2 * quarter), (1, quarter)]), ("2026-05-01", [(0, 0), (2, FULL)])]),
            ("ana", vec![("2026-07-01", [(0, quarter), (1, quarter)])]),
            ("ben", vec![("2026-06-05", [(0, FULL), (1, FULL)])]),
            ("chloe", vec![("2026-07-05", [(0, 3 * quarter), (3, 0)])]),
        ] {
            let scorecards: Vec<(&str, &[(u32, u64)])> =
                scorecards.iter().map(|(day, scores)| (*day, scores.as_slice())).collect();
            let (period, packed) = statistics("quality", &scorecards);
            everyone.add(&Id::parse(agent).unwrap(), period, &packed).unwrap();
        }
        let benchmark = benchmark_of(&everyone, &["2026-05-01", "2026-07-01"]);
        assert_eq!(over(&benchmark, 0, ["2026-05-01", "2026-08-01"]), Some((10, 5, 2)));
        assert_eq!(over(&benchmark, 0, ["2026-06-06", "2026-07-02"]), Some((3, 2, 2)));
        assert_eq!(over(&benchmark, 1, ["2026-07-01", "2026-07-06"]), Some((1, 1, 1)));
        assert_eq!(over(&benchmark, 2, ["2026-05-01", "2026-07-06"]), Some((4, 1, 0)));
        assert_eq!(over(&benchmark, 9, ["2026-05-01", "2026-07-06"]), Some((0, 0, 0)));
        // Of a period that was over for longer, everyone counts.
        let mut older = EveryonesScores::none(&[last], time("2026-12-01T00:00:00Z"));
        let (period, packed) = statistics("quality", &[("2026-05-01", &[(0, FULL)])]);
        older.add(&Id::parse("ben").unwrap(), period, &packed).unwrap();
        assert_eq!(over(&benchmark_of(&older, &["2026-05-01"]), 0, ["2026-05-01", "2026-07-01"]), Some((4, 1, 1)));
    }

    #[test]
    fn parts_add_up_to_the_whole_and_what_was_not_made_is_not_known() {
        let now = time("2026-06-30T12:00:00Z");
        let periods = [Period::of(day("2026-05-01"))];
        let agents = ["ana", "ben", "chloe", "dan"];
        let packed =
            |number: usize| statistics("quality", &[("2026-06-10", &[(0, number as u64 * FULL / 4), (300, FULL)])]).1;
        let mut whole = EveryonesScores::none(&periods, now);
        let mut from_parts = EveryonesScores::none(&periods, now);
        for (number, agent) in agents.into_iter().enumerate() {
            let mut part = EveryonesScores::none(&periods, now);
            for sums in [&mut whole, &mut part] {
                sums.add(&Id::parse(agent).unwrap(), periods[0], &packed(number)).unwrap();
            }
            for item in part.items() {
                from_parts.add_item(&item).unwrap();
            }
        }
        assert_eq!(whole.items(), from_parts.items());
        let items: Vec<(u32, BTreeMap<u32, u64>)> =
            whole.items().into_iter().map(|item| (item.place, item.agents)).collect();
        assert_eq!(items, [(0, BTreeMap::from([(0, 4)])), (1, BTreeMap::from([(300, 4)]))], "256 numbers in an item");
        assert_eq!([0, 255, 256, 750].map(items_of), [1, 1, 2, 3]);
        let benchmark = benchmark_of(&whole, &["2026-05-01"]);
        assert_eq!(over(&benchmark, 300, ["2026-06-01", "2026-07-01"]), Some((16, 4, 4)));
        let mut pending = benchmark;
        pending.take(&Id::parse("care").unwrap(), Period::of(day("2026-03-01")), None, Vec::new());
        assert!(pending.is_pending());
        assert_eq!(over(&pending, 0, ["2026-04-30", "2026-07-01"]), None);
        assert_eq!(over(&pending, 0, ["2026-05-01", "2026-07-01"]), Some((6, 4, 4)));
        let refused = whole.add(&Id::parse("eve").unwrap(), periods[0], &[9, 9]);
        assert_eq!((refused, whole.items()), (Err(Inconsistent), from_parts.items()));
    }

    /// 100,000 agents who are scored as often as a day of statistics can hold, on each of the 62 days and by as many
    /// criteria as an item takes, with scores that need every digit.
    #[test]
    fn the_largest_item_stays_below_the_limit_of_dynamodb() {
        let period = Period::of(day("2026-07-01"));
        let template: ScorecardTemplateId = Id::parse(&"t".repeat(128)).unwrap();
        let mut everyone = EveryonesScores::none(&[period], time("2026-08-31T00:00:00Z"));
        let count = u64::from(u32::MAX);
        let cells = (0..62_u64).flat_map(|number| {
            (0..NUMBERS_IN_ITEM).map(move |column| {
                let count = if (number + u64::from(column)) % 2 == 0 { count } else { 1 };
                let sum = u128::from(FULL) * u128::from(count) - u128::from(column);
                (day("2026-07-01") + Days::new(number), column, Cell { sum, count })
            })
        });
        everyone.add_cells(period, template.clone(), cells.collect());
        everyone
            .further
            .insert((period, template.clone()), (0..NUMBERS_IN_ITEM).map(|number| (number, 100_000)).collect());
        let items = everyone.items();
        let [item] = &items[..] else { panic!("{} items", items.len()) };
        assert!((200_000..300_000).contains(&item.packed.len()), "{}", item.packed.len());
        let mut again = EveryonesScores::none(&[period], time("2026-08-31T00:00:00Z"));
        again.add_item(item).unwrap();
        assert_eq!(again.items(), items, "it is read back");
        let days = day("2026-07-01")..day("2026-09-01");
        let [cell] =
            PackedStatistics::new(&item.packed).of(&template).unwrap().unwrap().over(period, 0, [&days]).unwrap();
        assert_eq!(cell.count, 31 * count + 31);
    }
}
