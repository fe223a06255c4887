//! Score statistics, from which progress is read, so that it costs the same whether an agent has ten scorecards or ten
//! million.
//!
//! One [`Statistics`] holds, for one agent, one usecase and one [`Period`], the sum and count of the
//! submitted scores of every day, template and criterion.
//!
//! # How exact they are
//! Scores are stored in units of 1/[`FULL`] of the full score, so removing a score exactly undoes adding it. A score
//! whose denominator divides [`FULL`] = 2⁷·3³·5⁴·7·11·13·17·19·23·29·31·37 is stored exactly: with maxima of 5 and 7
//! and weights that add up to 8, the denominator is 280 or a divisor of it. Any other is rounded to the nearest
//! 1/720,720,000, half up, and is off by at most 6.94·10⁻⁸ percentage points; so is a mean of such scores, and the
//! difference of two means by at most twice that. Figures are shown to 10⁻⁴ percentage points. So a figure differs from
//! the exact one, rounded once, only if the exact one is that close to a rounding boundary.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use chrono::{Datelike, Days, NaiveDate};

use crate::bits::{BitReader, BitWriter};
use crate::exact::{ExactScore, FULL_SCORE, greatest_common_divisor};
use crate::names::ScorecardTemplateId;
use crate::{Id, Timestamp};

/// The full score, 100 %, in units. Every number up to 40 divides it, and so do most products of small numbers.
pub const FULL: u64 = ROUNDED * 3 * 17 * 19 * 23 * 29 * 31 * 37;

/// A score that is not a whole number of units is rounded to a whole number of this many parts of the full score.
const ROUNDED: u64 = 720_720_000;

/// `score` in units, rounded if it is not a whole number of them.
pub fn units_of(score: &ExactScore) -> u64 {
    score.whole(FULL).unwrap_or_else(|| score.rounded(ROUNDED) * (FULL / ROUNDED))
}

/// The number of the whole scorecard among a template's criteria and chapters.
pub const WHOLE_SCORECARD: u32 = 0;

/// Two calendar months (UTC) of one agent's statistics: January and February, March and April, …
///
/// With two months, the default window and its baseline (60 days) take two reads per agent, and the item of an agent
/// who is scored every day stays near 2 KB, which is what each scorecard pays to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The periods that contain any of the days from `start` until before `end`.
    pub fn of_days(days: &Range<NaiveDate>) -> Vec<Self> {
        let mut periods = Vec::new();
        let mut period = Self::of(days.start);
        while period.first_day() < days.end {
            periods.push(period);
            period = Self::of(period.first_day() + Days::new(62));
        }
        periods
    }

    /// The numbers of `days` within the period.
    fn numbers_of(self, days: &Range<NaiveDate>) -> Range<u8> {
        let first = self.first_day();
        let clamp = |day: NaiveDate| u8::try_from((day - first).num_days().clamp(0, 63)).unwrap_or(63);
        clamp(days.start)..clamp(days.end)
    }

    fn number_of(self, day: NaiveDate) -> Option<u8> {
        u8::try_from((day - self.first_day()).num_days()).ok()
    }

    /// The day with this number within the period.
    fn day(self, number: u8) -> NaiveDate {
        self.first_day() + Days::new(number.into())
    }

    /// The period before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::of(self.first_day() - Days::new(1))
    }
}

/// For example `2026-05`, so that texts sort as periods do.
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
    /// Scores by number, in units, 0 to [`FULL`], without those that do not apply.
    pub scores: Vec<(u32, u64)>,
}

/// A sum of scores and their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// The sum, in units: at most [`FULL`] per score.
    pub sum: u128,
    /// The number of scores.
    pub count: u64,
}

impl Cell {
    /// The two cells together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, count: self.count + other.count }
    }
}

/// Cells by number, by the number of the day within the period.
type CellsByDay = BTreeMap<u8, BTreeMap<u32, Cell>>;

/// The statistics of one agent, usecase and period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    templates: BTreeMap<ScorecardTemplateId, CellsByDay>,
    /// Whether any sums were read from an earlier [`Form`]: each score in them may be off by up to a hundredth of a
    /// percentage point.
    is_approximate: bool,
}

/// Statistics that do not match their scorecards: a score was removed that was never added, or the stored form is
/// unreadable.
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
            *cell = cell.plus(Cell { sum: u128::from(*score), count: 1 });
        }
        self.drop_empty();
        Ok(())
    }

    /// Removes the scores of a scorecard. If sums are approximate, the nearest possible sum is left.
    ///
    /// # Errors
    /// [`Inconsistent`] if they are not all there.
    pub fn remove(&mut self, period: Period, contribution: &Contribution) -> Result<(), Inconsistent> {
        let day = period.number_of(contribution.day).ok_or(Inconsistent)?;
        for (number, score) in &contribution.scores {
            let days = self.templates.get_mut(&contribution.template).ok_or(Inconsistent)?;
            let cell = days.get_mut(&day).and_then(|cells| cells.get_mut(number)).ok_or(Inconsistent)?;
            let count = cell.count.checked_sub(1).ok_or(Inconsistent)?;
            let sum = cell.sum.checked_sub(u128::from(*score)).filter(|sum| *sum <= most_of_sum(count));
            let sum = match sum {
                Some(sum) => sum,
                None if self.is_approximate => cell.sum.saturating_sub(u128::from(*score)).min(most_of_sum(count)),
                None => return Err(Inconsistent),
            };
            *cell = Cell { sum, count };
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
        self.is_approximate &= !self.templates.is_empty();
    }

    /// Adds the cells of one template, of days within `period`.
    pub(crate) fn add_cells(
        &mut self,
        period: Period,
        template: &ScorecardTemplateId,
        cells: impl IntoIterator<Item = (NaiveDate, u32, Cell)>,
    ) {
        let days = self.templates.entry(template.clone()).or_default();
        for (day, number, cell) in cells {
            if let Some(day) = period.number_of(day) {
                let sum = days.entry(day).or_default().entry(number).or_default();
                *sum = sum.plus(cell);
            }
        }
        self.drop_empty();
    }

    /// The templates of the scorecards that are counted.
    pub fn templates(&self) -> impl Iterator<Item = &ScorecardTemplateId> {
        self.templates.keys()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// The packed form.
    ///
    /// First the form, and whether it is approximate. Then for each template: a table of the numbers that it has cells
    /// for, each with the least denominator of its sums (fifths of the full score for a criterion scored 0 to 5) and
    /// the widths of its columns; then a row for each day, in bits. A cell is the sum in those parts, and how far its
    /// count is below the row's largest, which takes no bits if no scorecard leaves anything out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = BitWriter::default();
        out.number(Form::Units.number());
        out.number(u64::from(self.is_approximate));
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
                    column.include(cells.get(number).copied().unwrap_or_default(), most);
                }
            }
            out.number(columns.len() as u64);
            for (number, column) in &columns {
                out.number(u64::from(*number));
                out.number(FULL / column.step);
                out.number(u64::from(column.sum_width()));
                out.number(u64::from(column.missing_width));
            }
            out.number(u64::from(count_width));
            out.number(days.len() as u64);
            for (day, cells) in days {
                let most = most_of(cells);
                out.bits(*day, DAY_BITS);
                out.bits(most, count_width);
                for (number, column) in &columns {
                    let cell = cells.get(number).copied().unwrap_or_default();
                    out.bits(most - cell.count, column.missing_width);
                    out.bits(cell.sum / u128::from(column.step), column.sum_width());
                }
            }
            out.align();
        }
        out.into_bytes()
    }

    /// Reads the packed form.
    ///
    /// # Errors
    /// [`Inconsistent`] if `bytes` are not a packed form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Inconsistent> {
        Self::try_decode(bytes).ok_or(Inconsistent)
    }

    fn try_decode(bytes: &[u8]) -> Option<Self> {
        let mut input = BitReader::new(bytes);
        let form = Form::read(&mut input)?;
        let is_approximate = form.is_approximate(&mut input)?;
        let mut templates = BTreeMap::new();
        for _ in 0..input.number()? {
            let template = ScorecardTemplateId::parse(input.text()?)?;
            let columns = form.columns(&mut input)?;
            let count_width = input.width(COUNT_BITS)?;
            let mut days = BTreeMap::new();
            for _ in 0..input.number()? {
                let day = u8::try_from(input.bits(DAY_BITS)?).ok()?;
                let most = input.bits(count_width)?;
                let mut cells = BTreeMap::new();
                for column in &columns {
                    let cell = column.in_units(column.next(&mut input, most)?)?;
                    if cell.count > 0 {
                        cells.insert(column.number, cell);
                    }
                }
                days.insert(day, cells);
            }
            input.align();
            templates.insert(template, days);
        }
        let is_approximate = is_approximate && !templates.is_empty();
        input.is_done().then_some(Self { templates, is_approximate })
    }
}

/// The version of a packed form, which is its first number and says what the sums count.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Hundredths of a percentage point. Scores were rounded to them before they were averaged and added. Still read,
    /// no longer written.
    Hundredths,
    /// Units of 1/5,354,228,880,000, so that more scores were rounded than now. Still read, no longer written.
    FewerUnits,
    /// Units of 1/[`FULL`].
    Units,
}

impl Form {
    fn number(self) -> u64 {
        match self {
            Self::Hundredths => 1,
            Self::FewerUnits => 2,
            Self::Units => 3,
        }
    }

    fn read(input: &mut BitReader<'_>) -> Option<Self> {
        let number = input.number()?;
        [Self::Hundredths, Self::FewerUnits, Self::Units].into_iter().find(|form| form.number() == number)
    }

    /// Whether sums are approximate.
    fn is_approximate(self, input: &mut BitReader<'_>) -> Option<bool> {
        match self {
            Self::Hundredths => Some(true),
            Self::FewerUnits => input.skip(8).map(|()| true),
            Self::Units => input.bits(8).filter(|flag| *flag <= 1).map(|flag| flag == 1),
        }
    }

    /// The table of a template's columns.
    fn columns(self, input: &mut BitReader<'_>) -> Option<Vec<PackedColumn>> {
        let mut columns = Vec::new();
        let mut place = 0;
        for _ in 0..input.number()? {
            let number = u32::try_from(input.number()?).ok()?;
            let step = match self {
                Self::Hundredths => input.number()?.checked_mul(FULL / u64::from(FULL_SCORE))?,
                Self::FewerUnits | Self::Units => {
                    let denominator = input.number()?;
                    FULL.checked_div(denominator).filter(|step| step * denominator == FULL)?
                }
            };
            let (sum_width, missing_width) = (input.width(SUM_BITS)?, input.width(COUNT_BITS)?);
            columns.push(PackedColumn { number, step, sum_width, missing_width, place });
            place += usize::try_from(sum_width + missing_width).ok()?;
        }
        Some(columns)
    }
}

/// The packed form of a [`Statistics`]. A few columns can be read without unpacking the rest.
#[derive(Debug, Clone, Copy)]
pub struct PackedStatistics<'a>(&'a [u8]);

impl<'a> PackedStatistics<'a> {
    /// Wraps the bytes that [`Statistics::encode`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The scores of one template, if it has any.
    ///
    /// # Errors
    /// [`Inconsistent`] if this is not a packed form.
    pub fn of(self, template: &ScorecardTemplateId) -> Result<Option<PackedTemplate<'a>>, Inconsistent> {
        self.find(template).ok_or(Inconsistent)
    }

    /// The scores of each template of which there are any, with the template's id.
    ///
    /// # Errors
    /// [`Inconsistent`] if this is not a packed form.
    pub fn all(self) -> Result<Vec<(ScorecardTemplateId, PackedTemplate<'a>)>, Inconsistent> {
        let mut all = Vec::new();
        let walked = self.walk(|id, template| {
            all.push((Id::parse(id)?, template));
            Some(true)
        });
        walked.ok_or(Inconsistent)?;
        Ok(all)
    }

    fn find(self, template: &ScorecardTemplateId) -> Option<Option<PackedTemplate<'a>>> {
        let mut found = None;
        self.walk(|id, one| {
            let is_wanted = id == template.as_str();
            found = is_wanted.then_some(one);
            Some(!is_wanted)
        })?;
        Some(found)
    }

    /// Passes each template to `take`, until that returns false; `None` if that does, or this is not a packed form.
    fn walk(self, mut take: impl FnMut(&'a str, PackedTemplate<'a>) -> Option<bool>) -> Option<()> {
        let mut input = BitReader::new(self.0);
        let form = Form::read(&mut input)?;
        form.is_approximate(&mut input)?;
        for _ in 0..input.number()? {
            let id = input.text()?;
            let columns = form.columns(&mut input)?;
            let cells_width = columns.last().map_or(0, PackedColumn::end);
            let count_width = input.width(COUNT_BITS)?;
            let days = usize::try_from(input.number()?).ok()?;
            let rows = input.clone();
            if !take(id, PackedTemplate { columns, count_width, cells_width, days, rows })? {
                return Some(());
            }
            input.skip(days.checked_mul(cells_width + DAY_BITS as usize + count_width as usize)?)?;
            input.align();
        }
        Some(())
    }
}

/// The packed rows of one template, one for each day, all of the same width.
#[derive(Debug, Clone)]
pub struct PackedTemplate<'a> {
    columns: Vec<PackedColumn>,
    count_width: u32,
    /// The width of all columns of a row, in bits.
    cells_width: usize,
    days: usize,
    rows: BitReader<'a>,
}

#[derive(Debug, Clone, Copy)]
struct PackedColumn {
    number: u32,
    /// The packed sums are multiples of this, in units.
    step: u64,
    sum_width: u32,
    missing_width: u32,
    /// Its start within the columns of a row, in bits.
    place: usize,
}

impl PackedColumn {
    /// Its end within the columns of a row, in bits.
    fn end(&self) -> usize {
        self.place + self.missing_width as usize + self.sum_width as usize
    }

    /// The next cell, in a row whose largest count is `most`; its sum is in steps.
    fn next(&self, input: &mut BitReader<'_>, most: u64) -> Option<Cell> {
        let count = most.checked_sub(input.bits(self.missing_width)?)?;
        Some(Cell { sum: input.wide_bits(self.sum_width)?, count })
    }

    /// Converts the sum of a cell, or of several together, from steps to units.
    fn in_units(&self, Cell { sum, count }: Cell) -> Option<Cell> {
        let sum = sum.checked_mul(u128::from(self.step))?;
        (sum <= most_of_sum(count)).then_some(Cell { sum, count })
    }
}

impl PackedTemplate<'_> {
    /// The cells of one criterion, chapter or the whole scorecard, added up over each of `ranges` of days (without
    /// their ends), as far as they lie within `period`.
    ///
    /// # Errors
    /// [`Inconsistent`] if this is not a packed form.
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

    /// Passes each cell that counts a score to `take`: its day, the number of the criterion, chapter or whole scorecard,
    /// and the cell. Day by day, by number.
    ///
    /// # Errors
    /// [`Inconsistent`] if this is not a packed form; some cells may have been passed.
    pub fn cells(&self, period: Period, mut take: impl FnMut(NaiveDate, u32, Cell)) -> Result<(), Inconsistent> {
        self.walk_cells(|day, number, cell| take(period.day(day), number, cell)).ok_or(Inconsistent)
    }

    fn walk_cells(&self, mut take: impl FnMut(u8, u32, Cell)) -> Option<()> {
        let mut rows = self.rows.clone();
        for _ in 0..self.days {
            let day = u8::try_from(rows.bits(DAY_BITS)?).ok()?;
            let most = rows.bits(self.count_width)?;
            for column in &self.columns {
                let cell = column.in_units(column.next(&mut rows, most)?)?;
                if cell.count > 0 {
                    take(day, column.number, cell);
                }
            }
        }
        Some(())
    }

    fn sum<const N: usize>(&self, column: &PackedColumn, ranges: &[Range<u8>; N]) -> Option<[Cell; N]> {
        let mut sums = [Cell::default(); N];
        let mut rows = self.rows.clone();
        let behind = self.cells_width.checked_sub(column.end())?;
        for _ in 0..self.days {
            let day = u8::try_from(rows.bits(DAY_BITS)?).ok()?;
            let most = rows.bits(self.count_width)?;
            rows.skip(column.place)?;
            let cell = column.next(&mut rows, most)?;
            rows.skip(behind)?;
            for (range, total) in ranges.iter().zip(&mut sums) {
                if range.contains(&day) {
                    *total = total.plus(cell);
                }
            }
        }
        for total in &mut sums {
            *total = column.in_units(*total)?;
        }
        Some(sums)
    }
}

/// Bits of a day's number: a period has at most 62 days.
const DAY_BITS: u32 = 6;
/// The most bits of a day's count, and of the sum of that many scores.
const COUNT_BITS: u32 = 32;
const SUM_BITS: u32 = COUNT_BITS + FULL.ilog2() + 1;

struct Column {
    /// The sums are multiples of this, in units; it divides [`FULL`].
    step: u64,
    largest_sum: u128,
    missing_width: u32,
}

impl Default for Column {
    fn default() -> Self {
        Self { step: FULL, largest_sum: 0, missing_width: 0 }
    }
}

impl Column {
    fn include(&mut self, cell: Cell, most: u64) {
        let beyond = u64::try_from(cell.sum % u128::from(self.step)).unwrap_or(0);
        self.step = greatest_common_divisor(self.step, beyond);
        self.largest_sum = self.largest_sum.max(cell.sum);
        self.missing_width = self.missing_width.max(width(most - cell.count));
    }

    fn sum_width(&self) -> u32 {
        width(self.largest_sum / u128::from(self.step))
    }
}

/// The largest sum of `count` scores.
fn most_of_sum(count: u64) -> u128 {
    u128::from(FULL) * u128::from(count)
}

fn most_of(cells: &BTreeMap<u32, Cell>) -> u64 {
    cells.values().map(|cell| cell.count).max().unwrap_or(0)
}

fn width(value: impl Into<u128>) -> u32 {
    u128::BITS - value.into().leading_zeros()
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
        // Fifths, thirds, rounded scores, and any others.
        let score = prop_oneof![
            (0..=5_u64).prop_map(|fifths| fifths * (FULL / 5)),
            (0..=3_u64).prop_map(|thirds| thirds * (FULL / 3)),
            (0..=ROUNDED).prop_map(|rounded| rounded * (FULL / ROUNDED)),
            0..=FULL,
        ];
        let scores = prop::collection::btree_map(0..30_u32, score, 0..12);
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
                    total.plus(Cell { sum: u128::from(*score), count: 1 })
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

    /// A day, its largest count and, for each column, how far its count is below that and its sum in steps.
    type OldRow<'a> = (u8, u64, &'a [(u64, u64)]);

    /// Statistics of one template in [`Form::Hundredths`]: the number and step of each column; and the rows.
    fn in_hundredths(template: &str, columns: &[(u64, u64)], rows: &[OldRow<'_>]) -> Vec<u8> {
        let mut out = BitWriter::default();
        out.number(1);
        out.number(1);
        out.text(template);
        out.number(columns.len() as u64);
        for (number, step) in columns {
            out.number(*number);
            out.number(*step);
            out.number(14);
            out.number(3);
        }
        out.number(4);
        out.number(rows.len() as u64);
        for (day, most, cells) in rows {
            out.bits(*day, DAY_BITS);
            out.bits(*most, 4);
            for (missing, steps) in *cells {
                out.bits(*missing, 3);
                out.bits(*steps, 14);
            }
        }
        out.align();
        out.into_bytes()
    }

    /// On the third day two scorecards, of 8.34 and 25 points, one of which has criterion 1, at 40; on the fifth day
    /// one.
    fn old() -> Vec<u8> {
        in_hundredths("a", &[(0, 1), (1, 2_000)], &[(2, 2, &[(0, 3_334), (1, 2)]), (4, 1, &[(0, 10_000), (0, 5)])])
    }

    #[test]
    fn sums_in_hundredths_are_read_and_kept_in_units() {
        let hundredth = FULL / 10_000;
        let (period, template) = (Period::of(day("2026-05-01")), Id::parse("a").unwrap());
        let days = day("2026-05-03")..day("2026-05-04");
        let packed = old();
        let packed = PackedStatistics::new(&packed).of(&template).unwrap().unwrap();
        for (number, sum, count) in [(0, 3_334, 2), (1, 4_000, 1), (2, 0, 0)] {
            let expected = Cell { sum: u128::from(sum * hundredth), count };
            assert_eq!(packed.over(period, number, [&days]), Ok([expected]), "{number}");
        }

        let statistics = Statistics::decode(&old()).unwrap();
        let mut same = Statistics::default();
        for (on, scores) in [
            ("2026-05-03", vec![(0, 834 * hundredth), (1, 4_000 * hundredth)]),
            ("2026-05-03", vec![(0, 2_500 * hundredth)]),
            ("2026-05-05", vec![(0, FULL), (1, FULL)]),
        ] {
            same.add(period, &Contribution { template: template.clone(), day: day(on), scores }).unwrap();
        }
        assert_eq!(statistics.templates, same.templates);
        assert_ne!(statistics, same, "one is approximate, which a rebuild puts right");
        assert_eq!(Statistics::decode(&statistics.encode()), Ok(statistics), "and it stays so");
        assert_eq!(Statistics::decode(&[1, 0]), Ok(Statistics::default()), "of nothing, nothing is approximate");

        // The form with fewer units differs only in its number.
        let mut packed = same.encode();
        *packed.first_mut().unwrap() = 2;
        assert_eq!(Statistics::decode(&packed), Ok(Statistics { is_approximate: true, ..same.clone() }));
        let cells =
            |bytes: &[u8]| PackedStatistics::new(bytes).of(&template).unwrap().unwrap().over(period, 0, [&days]);
        assert_eq!(cells(&packed), cells(&same.encode()));
    }

    #[test]
    fn what_comes_off_approximate_sums_leaves_what_is_nearest() {
        let (period, template) = (Period::of(day("2026-05-01")), Id::parse("a").unwrap());
        let of = |on, score| Contribution { template: template.clone(), day: day(on), scores: vec![(0, score)] };
        let cell = |statistics: &Statistics| statistics.templates[&template][&2][&0];
        let mut statistics = Statistics::decode(&old()).unwrap();
        // The scorecard that counted as 8.34 is 100/12.
        statistics.remove(period, &of("2026-05-03", FULL / 12)).unwrap();
        assert_eq!(cell(&statistics), Cell { sum: u128::from(FULL / 10_000 * 3_334 - FULL / 12), count: 1 });
        let mut more = statistics.clone();
        more.remove(period, &of("2026-05-03", FULL / 4 + FULL / 1_000)).unwrap();
        assert!(!more.templates[&template][&2].contains_key(&0), "none is left, and so no sum");
        let mut last = Statistics::decode(&in_hundredths("a", &[(0, 1)], &[(2, 1, &[(0, 834)])])).unwrap();
        last.remove(period, &of("2026-05-03", FULL / 12)).unwrap();
        assert_eq!(last, Statistics::default(), "what is empty is exact");
        let mut full = Statistics::decode(&in_hundredths("a", &[(0, 1)], &[(2, 2, &[(0, 16_001)])])).unwrap();
        full.remove(period, &of("2026-05-03", FULL / 2)).unwrap();
        assert_eq!(cell(&full), Cell { sum: u128::from(FULL), count: 1 }, "a score is at most the full one");
        assert_eq!(full.remove(period, &of("2026-05-04", 0)), Err(Inconsistent), "counts were always exact");
        statistics.add(period, &of("2026-05-03", FULL / 12)).unwrap();
        assert!(statistics.is_approximate);
    }

    #[test]
    fn what_is_no_packed_form_is_refused() {
        let whole =
            |bytes: &[u8]| (Statistics::decode(bytes), PackedStatistics::new(bytes).of(&Id::parse("b").unwrap()).err());
        let refused = (Err(Inconsistent), Some(Inconsistent));
        assert_eq!(whole(&[4, 0]), refused, "a form that is not known");
        assert_eq!(whole(&[0, 0]), refused);
        assert_eq!(whole(&[3, 0, 0]), (Ok(Statistics::default()), None));
        assert_eq!(Statistics::decode(&[3, 2, 0]), Err(Inconsistent), "neither exact nor approximate");
        let template = [3, 0, 1, 1, b'a', 1, 0];
        for denominator in [0, 41] {
            assert_eq!(
                whole(&[&template[..], &[denominator, 1, 0, 1, 0]].concat()),
                refused,
                "no part of the full score"
            );
        }
        // One day, number 0, one score of `sum` halves.
        let of_halves = |sum: u8| [&template[..], &[2, 2, 0, 1, 1, 0b0000_0010 | sum >> 1, sum << 7]].concat();
        assert_eq!(Statistics::decode(&of_halves(2)).map(|read| read.templates.len()), Ok(1));
        assert_eq!(Statistics::decode(&of_halves(3)), Err(Inconsistent), "more than a score can be");
    }

    #[test]
    fn packed_sums_are_as_wide_as_what_is_in_them() {
        let period = Period::of(day("2026-05-01"));
        let packed_bytes = |score: &dyn Fn(u64) -> u64| {
            let mut statistics = Statistics::default();
            for number in 0..610 {
                let scores = (0..20).map(|column| (column, score(number * 7 + u64::from(column) * 3))).collect();
                let on = period.first_day() + Days::new(number / 10);
                statistics.add(period, &Contribution { template: Id::parse("a").unwrap(), day: on, scores }).unwrap();
            }
            assert_eq!(Statistics::decode(&statistics.encode()), Ok(statistics.clone()));
            statistics.encode().len()
        };
        // Ten scores in this many parts need this many bits. A row also has its day and its largest count, 10, and a
        // column takes at most ten bytes of the table.
        for (parts, bits) in [(5, 6), (3, 5), (17, 8), (37, 9), (7 * 40, 12)] {
            let bytes = packed_bytes(&|seed| seed % (parts + 1) * (FULL / parts));
            assert!(bytes <= 200 + 61 * (6 + 4 + 20 * bits) / 8, "{parts}: {bytes}");
        }
        let bytes = packed_bytes(&|seed| seed * 7_919_777 % ROUNDED * (FULL / ROUNDED));
        assert!((4_000..=200 + 61 * (6 + 4 + 20 * 34) / 8).contains(&bytes), "rounded: {bytes}");
    }

    #[test]
    fn a_sum_of_billions_of_scores_is_read_back() {
        let count = u64::from(u32::MAX);
        let cell = |sum| BTreeMap::from([(3, Cell { sum, count })]);
        let days = BTreeMap::from([(0, cell(most_of_sum(count) - 1)), (7, cell(most_of_sum(count) / 3))]);
        let template: ScorecardTemplateId = Id::parse("a").unwrap();
        let statistics = Statistics { templates: BTreeMap::from([(template.clone(), days)]), is_approximate: false };
        let packed = statistics.encode();
        assert_eq!(Statistics::decode(&packed), Ok(statistics));
        let packed = PackedStatistics::new(&packed).of(&template).unwrap().unwrap();
        let sum = most_of_sum(count) - 1 + most_of_sum(count) / 3;
        let days = day("2026-05-01")..day("2026-06-01");
        assert_eq!(packed.over(Period::of(days.start), 3, [&days]), Ok([Cell { sum, count: 2 * count }]));
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
