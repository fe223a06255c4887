//! Intervals of 95 % confidence around means of scores. They have square roots in them and are estimates, so they are
//! computed in floating point.

use crate::statistics::{Cell, FULL};

/// The two-sided 95 % quantiles of Student's t distribution, by degrees of freedom.
const QUANTILES: [(u64, f64); 33] = [
    (1, 12.706),
    (2, 4.303),
    (3, 3.182),
    (4, 2.776),
    (5, 2.571),
    (6, 2.447),
    (7, 2.365),
    (8, 2.306),
    (9, 2.262),
    (10, 2.228),
    (11, 2.201),
    (12, 2.179),
    (13, 2.160),
    (14, 2.145),
    (15, 2.131),
    (16, 2.120),
    (17, 2.110),
    (18, 2.101),
    (19, 2.093),
    (20, 2.086),
    (21, 2.080),
    (22, 2.074),
    (23, 2.069),
    (24, 2.064),
    (25, 2.060),
    (26, 2.056),
    (27, 2.052),
    (28, 2.048),
    (29, 2.045),
    (30, 2.042),
    (40, 2.021),
    (60, 2.000),
    (120, 1.980),
];

/// The quantile for `freedom` degrees of freedom, or for the next lower number that the table has.
fn quantile(freedom: u64) -> f64 {
    let first = QUANTILES.first().map_or(f64::INFINITY, |(_, quantile)| *quantile);
    QUANTILES.iter().take_while(|(least, _)| *least <= freedom).last().map_or(first, |(_, quantile)| *quantile)
}

/// An agent's scores of one criterion over some days.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DailyScores {
    /// All of them.
    pub cell: Cell,
    /// The number of days with scores.
    pub days: u64,
    /// Over those days, of the day's sum S, in percent, and its count n: the sums of S², S·n and n².
    products: [f64; 3],
}

impl DailyScores {
    /// Adds the scores of a day more.
    #[expect(clippy::cast_precision_loss, reason = "an interval is an estimate")]
    pub(crate) fn add_day(&mut self, day: Cell) {
        let (sum, count) = (percent(day.sum), day.count as f64);
        self.cell = self.cell.plus(day);
        self.days += 1;
        let [squares, mixed, counts] = &mut self.products;
        *squares += sum * sum;
        *mixed += sum * count;
        *counts += count * count;
    }

    /// How the mean varies; `None` with scores of less than two days. Scores of a day resemble each other, so days are
    /// what vary: with sums Sᵢ and counts nᵢ of k days, N = Σnᵢ and the mean m = ΣSᵢ/N, its variance is
    /// k/(k−1) · Σ(Sᵢ − m·nᵢ)² / N², with k−1 degrees of freedom.
    #[expect(clippy::cast_precision_loss, reason = "an interval is an estimate")]
    pub(crate) fn spread(&self) -> Option<Spread> {
        let freedom = self.days.checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
        let count = self.cell.count as f64;
        let mean = percent(self.cell.sum) / count;
        let [squares, mixed, counts] = self.products;
        let deviations = (squares - 2.0 * mean * mixed + mean * mean * counts).max(0.0);
        // What is left of equal scores by the rounding of the sums.
        let deviations = if deviations < squares * 1e-12 { 0.0 } else { deviations };
        Some(Spread { variance: (freedom + 1.0) / freedom * deviations / (count * count), freedom })
    }
}

/// How a mean, or a difference of means, varies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// Its variance, in squares of percentage points.
    variance: f64,
    /// The degrees of freedom of that, at least 1.
    freedom: f64,
}

impl Spread {
    /// That of the mean of `values`, in percentage points; `None` of less than two.
    #[expect(clippy::cast_precision_loss, reason = "an interval is an estimate")]
    pub(crate) fn of_mean(values: &[f64]) -> Option<Self> {
        let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let deviations: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        Some(Self { variance: deviations / freedom / count, freedom })
    }

    /// That of the difference of two means: the variances add up, with ⌊(V₁+V₂)² / (V₁²/f₁ + V₂²/f₂)⌋ degrees of
    /// freedom (Welch and Satterthwaite).
    pub(crate) fn and(self, other: Self) -> Self {
        let variance = self.variance + other.variance;
        let parts = self.variance * self.variance / self.freedom + other.variance * other.variance / other.freedom;
        Self { variance, freedom: if parts > 0.0 { variance * variance / parts } else { self.freedom } }
    }

    /// The interval of 95 % around `value`, in percentage points, rounded to four decimals.
    pub(crate) fn interval(self, value: f64) -> [f64; 2] {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is 1 or more, and days are few"
        )]
        let half = quantile((self.freedom + 1e-9) as u64) * self.variance.sqrt();
        let shown = |value: f64| (value * 1e4).round() / 1e4 + 0.0;
        [shown(value - half), shown(value + half)]
    }
}

/// A sum of scores, in units of [`FULL`], as a sum of percent.
#[expect(clippy::cast_precision_loss, reason = "an interval is an estimate")]
fn percent(sum: u128) -> f64 {
    sum as f64 / (FULL / 100) as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Scores of some days, each its sum in percent and its count.
    pub(crate) fn scores(days: &[(u64, u64)]) -> DailyScores {
        let mut scores = DailyScores::default();
        for (sum, count) in days {
            scores.add_day(Cell { sum: u128::from(sum * (FULL / 100)), count: *count });
        }
        scores
    }

    #[test]
    fn quantiles_are_those_of_the_documentation() {
        let page = include_str!("../../../docs/progress.md");
        for row in QUANTILES.chunks(11) {
            let numbers: Vec<String> = row.iter().map(|(freedom, _)| freedom.to_string()).collect();
            let quantiles: Vec<String> = row.iter().map(|(_, quantile)| format!("{quantile:.3}")).collect();
            for line in [numbers, quantiles] {
                assert!(page.contains(&format!("\n| {} |\n", line.join(" | "))), "{line:?}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_next_lower_entry() {
        for (freedom, expected) in [(0, 12.706), (1, 12.706), (2, 4.303), (30, 2.042), (39, 2.042), (40, 2.021)] {
            assert!((quantile(freedom) - expected).abs() < 1e-12, "{freedom}");
        }
        assert!((quantile(799) - 1.98).abs() < 1e-12);
    }

    #[test]
    fn the_spread_of_a_mean_of_agents_is_that_of_the_textbook() {
        // 2, 4 and 9: the mean is 5, s² = (9 + 1 + 16) / 2 = 13, and s/√3 = 2.0817, which times 4.303 is 8.9574.
        let spread = Spread::of_mean(&[2.0, 4.0, 9.0]).unwrap();
        assert_eq!(spread.interval(5.0), [-3.9574, 13.9574]);
        assert_eq!(Spread::of_mean(&[2.0]), None);
    }
}
