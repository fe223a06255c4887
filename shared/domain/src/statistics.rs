//! Score statistics: what progress is read from, so that it costs the same whether an agent has ten
//! scorecards or ten million.
//!
//! One [`Statistics`] holds, for one agent, one usecase and one [`Period`], the sum and count of the
//! submitted scores of every day, template and criterion. Scores are whole hundredths of a
//! percentage point, so what is added comes off exactly.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use chrono::{Datelike, Days, NaiveDate};

use crate::Timestamp;
use crate::bits::{BitReader, BitWriter};
use crate::names::ScorecardTemplateId;

/// The number of the whole scorecard among a template's criteria and chapters.
pub const WHOLE_SCORECARD: u32 = 0;

/// Two calendar months (UTC) of one agent's statistics: January and February, March and April, …
///
/// Two months make the default window and its baseline (60 days) two reads an agent, and keep the
/// item of an agent who is scored every day near 2 KB, which is what each scorecard pays to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    year: i32,
    /// 1, 3, 5, 7, 9 or 11.
    month: u32,
}

impl Period {
    /// The period that holds `day`.
    pub fn of(day: NaiveDate) -> Self {
        Self { year: day.year(), month: (day.month() - 1) / 2 * 2 + 1 }
    }

    /// The first day.
    pub fn first_day(self) -> NaiveDate {
        NaiveDate::from_ymd_opt(self.year, self.month, 1).unwrap_or_default()
    }

    /// The periods that hold any of the days from `start` until before `end`.
    pub fn of_days(days: &Range<NaiveDate>) -> Vec<Self> {
        let mut periods = Vec::new();
        let mut period = Self::of(days.start);
        while period.first_day() < days.end {
            periods.push(period);
            period = Self::of(period.first_day() + Days::new(62));
        }
        periods
    }

    /// The numbers that `days` have within the period.
    fn numbers_of(self, days: &Range<NaiveDate>) -> Range<u8> {
        let first = self.first_day();
        let clamp = |day: NaiveDate| u8::try_from((day - first).num_days().clamp(0, 63)).unwrap_or(63);
        clamp(days.start)..clamp(days.end)
    }

    fn number_of(self, day: NaiveDate) -> Option<u8> {
        u8::try_from((day - self.first_day()).num_days()).ok()
    }
}

/// Such as `2026-05`, so that texts sort as periods do.
impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year, self.month)
    }
}

/// The day on which a scorecard submitted at `time` counts.
pub fn day_of(time: Timestamp) -> NaiveDate {
    time.as_utc().date_naive()
}

/// The scores of one submitted scorecard: of the whole, its chapters and its criteria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The template.
    pub template: ScorecardTemplateId,
    /// The day of the submission, UTC.
    pub day: NaiveDate,
    /// Scores by number, in hundredths of a percentage point, 0 to 10,000. What is not applicable
    /// is not among them.
    pub scores: Vec<(u32, u32)>,
}

/// A sum of scores and how many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// The sum, in hundredths of a percentage point.
    pub sum: u64,
    /// How many scores.
    pub count: u64,
}

impl Cell {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, count: self.count + other.count }
    }
}

/// Days by number within the period, each with its cells by number.
type CellsByDay = BTreeMap<u8, BTreeMap<u32, Cell>>;

/// The statistics of one agent, usecase and period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    templates: BTreeMap<ScorecardTemplateId, CellsByDay>,
}

/// A statistic that what was taken off it had never been added to, or one that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inconsistent;

impl fmt::Display for Inconsistent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("score statistics do not hold what they should; rebuild them")
    }
}

impl std::error::Error for Inconsistent {}

impl Statistics {
    /// Adds the scores of a scorecard submitted within `period`.
    ///
    /// # Errors
    /// [`Inconsistent`] if its day is not within the period.
    pub fn add(&mut self, period: Period, contribution: &Contribution) -> Result<(), Inconsistent> {
        let day = period.number_of(contribution.day).ok_or(Inconsistent)?;
        let cells = self.templates.entry(contribution.template.clone()).or_default().entry(day).or_default();
        for (number, score) in &contribution.scores {
            let cell = cells.entry(*number).or_default();
            *cell = cell.plus(Cell { sum: u64::from(*score), count: 1 });
        }
        self.drop_empty();
        Ok(())
    }

    /// Takes the scores of a scorecard off again.
    ///
    /// # Errors
    /// [`Inconsistent`] if they are not all there.
    pub fn remove(&mut self, period: Period, contribution: &Contribution) -> Result<(), Inconsistent> {
        let day = period.number_of(contribution.day).ok_or(Inconsistent)?;
        for (number, score) in &contribution.scores {
            let days = self.templates.get_mut(&contribution.template).ok_or(Inconsistent)?;
            let cell = days.get_mut(&day).and_then(|cells| cells.get_mut(number)).ok_or(Inconsistent)?;
            cell.sum = cell.sum.checked_sub(u64::from(*score)).ok_or(Inconsistent)?;
            cell.count = cell.count.checked_sub(1).ok_or(Inconsistent)?;
            if cell.count == 0 && cell.sum != 0 {
                return Err(Inconsistent);
            }
        }
        self.drop_empty();
        Ok(())
    }

    fn drop_empty(&mut self) {
        for days in self.templates.values_mut() {
            for cells in days.values_mut() {
                cells.retain(|_, cell| cell.count > 0);
            }
            days.retain(|_, cells| !cells.is_empty());
        }
        self.templates.retain(|_, days| !days.is_empty());
    }

    /// The templates that scorecards were submitted for.
    pub fn templates(&self) -> impl Iterator<Item = &ScorecardTemplateId> {
        self.templates.keys()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// The packed form.
    ///
    /// Per template: a table of the numbers it has cells for, each with the greatest common divisor
    /// of its sums (a criterion scored 0 to 5 moves in steps of 2,000 hundredths) and the widths of
    /// its columns; then a row a day, in bits. A cell is the sum in those steps, and by how much its
    /// count is below the row's largest, which takes no bits where nothing is ever left out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = BitWriter::default();
        out.number(1);
        out.number(self.templates.len() as u64);
        for (template, days) in &self.templates {
            out.text(template.as_str());
            let mut columns: BTreeMap<u32, Column> = BTreeMap::new();
            for number in days.values().flat_map(BTreeMap::keys) {
                columns.entry(*number).or_default();
            }
            let mut count_width = 0;
            for cells in days.values() {
                let most = most_of(cells);
                count_width = count_width.max(width(most));
                for (number, column) in &mut columns {
                    column.take(cells.get(number).copied().unwrap_or_default(), most);
                }
            }
            out.number(columns.len() as u64);
            for (number, column) in &columns {
                out.number(u64::from(*number));
                out.number(column.step());
                out.number(u64::from(column.sum_width()));
                out.number(u64::from(column.missing_width));
            }
            out.number(u64::from(count_width));
            out.number(days.len() as u64);
            for (day, cells) in days {
                let most = most_of(cells);
                out.bits(u64::from(*day), DAY_BITS);
                out.bits(most, count_width);
                for (number, column) in &columns {
                    let cell = cells.get(number).copied().unwrap_or_default();
                    out.bits(most - cell.count, column.missing_width);
                    out.bits(cell.sum / column.step(), column.sum_width());
                }
            }
            out.align();
        }
        out.into_bytes()
    }

    /// Reads the packed form.
    ///
    /// # Errors
    /// [`Inconsistent`] if it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Inconsistent> {
        Self::try_decode(bytes).ok_or(Inconsistent)
    }

    fn try_decode(bytes: &[u8]) -> Option<Self> {
        let mut input = BitReader::new(bytes);
        if input.number()? != 1 {
            return None;
        }
        let mut statistics = Self::default();
        for _ in 0..input.number()? {
            let template = ScorecardTemplateId::parse(input.text()?)?;
            let mut columns = Vec::new();
            for _ in 0..input.number()? {
                let number = u32::try_from(input.number()?).ok()?;
                columns.push((number, input.number()?, input.width()?, input.width()?));
            }
            let count_width = input.width()?;
            let mut days = BTreeMap::new();
            for _ in 0..input.number()? {
                let day = u8::try_from(input.bits(DAY_BITS)?).ok()?;
                let most = input.bits(count_width)?;
                let mut cells = BTreeMap::new();
                for (number, step, sum_width, missing_width) in &columns {
                    let count = most.checked_sub(input.bits(*missing_width)?)?;
                    let sum = input.bits(*sum_width)?.checked_mul(*step)?;
                    if count > 0 {
                        cells.insert(*number, Cell { sum, count });
                    }
                }
                days.insert(day, cells);
            }
            input.align();
            statistics.templates.insert(template, days);
        }
        input.is_done().then_some(statistics)
    }
}

/// The packed form of a [`Statistics`], of which a few columns are read without unpacking the rest.
#[derive(Debug, Clone, Copy)]
pub struct PackedStatistics<'a>(&'a [u8]);

impl<'a> PackedStatistics<'a> {
    /// What [`Statistics::encode`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The scores of one template, if it has any.
    ///
    /// # Errors
    /// [`Inconsistent`] if this is no packed form.
    pub fn of(self, template: &ScorecardTemplateId) -> Result<Option<PackedTemplate<'a>>, Inconsistent> {
        self.find(template).ok_or(Inconsistent)
    }

    fn find(self, template: &ScorecardTemplateId) -> Option<Option<PackedTemplate<'a>>> {
        let mut input = BitReader::new(self.0);
        if input.number()? != 1 {
            return None;
        }
        for _ in 0..input.number()? {
            let is_wanted = input.text()? == template.as_str();
            let mut columns = Vec::new();
            let mut place = 0;
            for _ in 0..input.number()? {
                let number = u32::try_from(input.number()?).ok()?;
                let (step, sum_width, missing_width) = (input.number()?, input.width()?, input.width()?);
                columns.push(PackedColumn { number, step, sum_width, missing_width, place });
                place += usize::try_from(sum_width + missing_width).ok()?;
            }
            let count_width = input.width()?;
            let days = usize::try_from(input.number()?).ok()?;
            if is_wanted {
                return Some(Some(PackedTemplate { columns, count_width, cells_width: place, days, rows: input }));
            }
            input.skip(days.checked_mul(place + usize::try_from(DAY_BITS + count_width).ok()?)?)?;
            input.align();
        }
        Some(None)
    }
}

/// The packed rows of one template, a day each and all equally wide.
#[derive(Debug, Clone)]
pub struct PackedTemplate<'a> {
    columns: Vec<PackedColumn>,
    count_width: u32,
    /// All columns of a row, in bits.
    cells_width: usize,
    days: usize,
    rows: BitReader<'a>,
}

#[derive(Debug, Clone, Copy)]
struct PackedColumn {
    number: u32,
    step: u64,
    sum_width: u32,
    missing_width: u32,
    /// Where it starts among the columns of a row, in bits.
    place: usize,
}

impl PackedTemplate<'_> {
    /// The cells of one criterion, chapter or the whole scorecard over each of `ranges` of days (ends left
    /// out), as far as they lie within `period`.
    ///
    /// # Errors
    /// [`Inconsistent`] if this is no packed form.
    pub fn over<const N: usize>(
        &self,
        period: Period,
        number: u32,
        ranges: [&Range<NaiveDate>; N],
    ) -> Result<[Cell; N], Inconsistent> {
        let ranges = ranges.map(|days| period.numbers_of(days));
        let Some(column) = self.columns.iter().find(|column| column.number == number) else {
            return Ok([Cell::default(); N]);
        };
        self.sum(column, &ranges).ok_or(Inconsistent)
    }

    fn sum<const N: usize>(&self, column: &PackedColumn, ranges: &[Range<u8>; N]) -> Option<[Cell; N]> {
        let mut sums = [Cell::default(); N];
        let mut rows = self.rows.clone();
        let behind = self.cells_width.checked_sub(column.place)?;
        let behind = behind.checked_sub(usize::try_from(column.sum_width + column.missing_width).ok()?)?;
        for _ in 0..self.days {
            let day = u8::try_from(rows.bits(DAY_BITS)?).ok()?;
            let most = rows.bits(self.count_width)?;
            rows.skip(column.place)?;
            let count = most.checked_sub(rows.bits(column.missing_width)?)?;
            let sum = rows.bits(column.sum_width)?.checked_mul(column.step)?;
            rows.skip(behind)?;
            for (range, total) in ranges.iter().zip(&mut sums) {
                if range.contains(&day) {
                    *total = total.plus(Cell { sum, count });
                }
            }
        }
        Some(sums)
    }
}

/// Bits of a day's number: a period has at most 62.
const DAY_BITS: u32 = 6;

#[derive(Default)]
struct Column {
    divisor: u64,
    largest_sum: u64,
    missing_width: u32,
}

impl Column {
    fn take(&mut self, cell: Cell, most: u64) {
        self.divisor = greatest_common_divisor(self.divisor, cell.sum);
        self.largest_sum = self.largest_sum.max(cell.sum);
        self.missing_width = self.missing_width.max(width(most - cell.count));
    }

    fn step(&self) -> u64 {
        self.divisor.max(1)
    }

    fn sum_width(&self) -> u32 {
        width(self.largest_sum / self.step())
    }
}

fn most_of(cells: &BTreeMap<u32, Cell>) -> u64 {
    cells.values().map(|cell| cell.count).max().unwrap_or(0)
}

fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn contribution() -> impl Strategy<Value = Contribution> {
        let scores = prop::collection::btree_map(0..30_u32, 0..=10_000_u32, 0..12);
        ("[ab]", 0..61_u64, scores).prop_map(|(template, days, scores)| Contribution {
            template: Id::parse(&template).unwrap(),
            day: day("2026-05-01") + Days::new(days),
            scores: scores.into_iter().collect(),
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(contributions in prop::collection::vec(contribution(), 0..40)) {
            let period = Period::of(day("2026-05-01"));
            let mut statistics = Statistics::default();
            for one in &contributions {
                statistics.add(period, one).unwrap();
            }
            prop_assert_eq!(Statistics::decode(&statistics.encode()), Ok(statistics));
        }

        #[test]
        fn what_is_added_comes_off_in_any_order(contributions in prop::collection::vec(contribution(), 0..20), seed in any::<u64>()) {
            let period = Period::of(day("2026-05-01"));
            let mut statistics = Statistics::default();
            for one in &contributions {
                statistics.add(period, one).unwrap();
            }
            let mut left = contributions;
            let mut seed = seed;
            while !left.is_empty() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let one = left.swap_remove((seed >> 33) as usize % left.len());
                statistics.remove(period, &one).unwrap();
                let mut again = Statistics::default();
                for one in &left {
                    again.add(period, one).unwrap();
                }
                prop_assert_eq!(&statistics, &again);
            }
            prop_assert!(statistics.is_empty());
        }

        #[test]
        fn a_window_holds_the_days_in_it(contributions in prop::collection::vec(contribution(), 0..20), from in 0..70_u64, length in 0..70_u64) {
            let period = Period::of(day("2026-05-01"));
            let mut statistics = Statistics::default();
            for one in &contributions {
                statistics.add(period, one).unwrap();
            }
            let start = day("2026-04-25") + Days::new(from);
            let days = start..start + Days::new(length);
            for number in 0..30 {
                let template = Id::parse("a").unwrap();
                let within = contributions.iter().filter(|one| one.template == template && days.contains(&one.day));
                let scores = within.flat_map(|one| one.scores.iter().filter(|(known, _)| *known == number));
                let expected = scores.fold(Cell::default(), |total, (_, score)| {
                    total.plus(Cell { sum: u64::from(*score), count: 1 })
                });
                let packed = statistics.encode();
                let packed = PackedStatistics::new(&packed).of(&template).unwrap();
                let read = packed.map(|packed| packed.over(period, number, [&days]).unwrap());
                prop_assert_eq!(read.unwrap_or_default(), [expected]);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Statistics::decode(&bytes);
            let (template, days) = (Id::parse("a").unwrap(), day("2026-05-01")..day("2026-06-01"));
            if let Ok(Some(packed)) = PackedStatistics::new(&bytes).of(&template) {
                let _ = packed.over(Period::of(days.start), 3, [&days]);
            }
        }
    }

    #[test]
    fn what_was_never_added_does_not_come_off() {
        let period = Period::of(day("2026-05-01"));
        let one = |score| Contribution {
            template: Id::parse("a").unwrap(),
            day: day("2026-05-03"),
            scores: vec![(0, score)],
        };
        let mut statistics = Statistics::default();
        assert_eq!(statistics.remove(period, &one(5)), Err(Inconsistent));
        statistics.add(period, &one(5)).unwrap();
        assert_eq!(statistics.clone().remove(period, &one(4)), Err(Inconsistent));
        assert_eq!(statistics.clone().remove(period, &one(6)), Err(Inconsistent));
        assert_eq!(
            statistics.add(period, &Contribution { day: day("2026-07-01"), ..one(5) }),
            Ok(()),
            "63 days fit the packing"
        );
    }

    #[test]
    fn a_window_of_sixty_days_touches_two_periods_or_three() {
        for (start, periods) in [
            ("2026-01-01", vec!["2026-01", "2026-03"]),
            ("2026-05-02", vec!["2026-05"]),
            ("2026-10-31", vec!["2026-09", "2026-11"]),
        ] {
            let start = day(start);
            let found: Vec<String> =
                Period::of_days(&(start..start + Days::new(60))).iter().map(ToString::to_string).collect();
            assert_eq!(found, periods);
        }
        assert_eq!(Period::of_days(&(day("2026-05-01")..day("2026-05-01"))), [Period::of(day("2026-05-01"))][..0]);
    }
}
