//! Scores as exact fractions, so that a figure is rounded once, when it is shown.

use num_bigint::BigUint;

/// 100 %, in hundredths of a percentage point.
pub const FULL_SCORE: u32 = 10_000;

/// A score as a fraction of the full one, exactly: from 0 to 1.
#[derive(Debug, Clone)]
pub struct ExactScore {
    numerator: BigUint,
    /// More than zero. The fraction is not reduced.
    denominator: BigUint,
}

impl ExactScore {
    /// A score of zero.
    pub fn zero() -> Self {
        Self { numerator: BigUint::ZERO, denominator: BigUint::from(1_u32) }
    }

    /// `value` out of `maximum`, both as the decimals that were written. The maximum is more than zero.
    pub fn of(value: f64, maximum: f64) -> Option<Self> {
        let mut mean = ExactMean::default();
        mean.add(value, maximum, 1);
        mean.mean()
    }

    /// The full score less the difference of `larger` and `smaller`.
    pub(crate) fn full_less_difference(larger: &Self, smaller: &Self) -> Self {
        let denominator = &larger.denominator * &smaller.denominator;
        let numerator =
            &denominator + &smaller.numerator * &larger.denominator - &larger.numerator * &smaller.denominator;
        Self { numerator, denominator }
    }

    /// The score as a number of `parts` equal parts of the full score, rounded half up.
    pub fn rounded(&self, parts: u64) -> u64 {
        let doubled = &self.numerator * parts * 2_u32 + &self.denominator;
        u64::try_from(doubled / (&self.denominator * 2_u32)).unwrap_or(parts)
    }

    /// The score in hundredths of a percentage point, rounded half up.
    pub fn hundredths(&self) -> u32 {
        u32::try_from(self.rounded(FULL_SCORE.into())).unwrap_or(FULL_SCORE)
    }

    /// The score as a number of `parts` equal parts of the full score, if that is a whole number.
    pub fn whole(&self, parts: u64) -> Option<u64> {
        let parts = &self.numerator * parts;
        let whole = &parts / &self.denominator;
        if &whole * &self.denominator == parts { u64::try_from(whole).ok() } else { None }
    }
}

/// The weighted mean of scores, exactly.
///
/// The sum is kept on the least common denominator of the maxima's digits. Powers of ten are kept apart, because those
/// of a very small number have hundreds of digits.
#[derive(Debug)]
pub(crate) struct ExactMean {
    numerator: BigUint,
    denominator: BigUint,
    /// The sum is `numerator / denominator / 10^tens`.
    tens: u32,
    weight: u64,
}

impl Default for ExactMean {
    fn default() -> Self {
        Self { numerator: BigUint::ZERO, denominator: BigUint::from(1_u32), tens: 0, weight: 0 }
    }
}

impl ExactMean {
    /// Adds `value` of `maximum`, `weight` times.
    pub(crate) fn add(&mut self, value: f64, maximum: f64, weight: u32) {
        self.weight += u64::from(weight);
        let ((value, value_tens), (maximum, maximum_tens)) = (decimal(value), decimal(maximum));
        if value == 0 || maximum == 0 {
            return;
        }
        let tens = value_tens - maximum_tens;
        let missing = tens.saturating_neg().max(0).unsigned_abs().saturating_sub(self.tens);
        self.numerator *= power_of_ten(missing);
        self.tens += missing;
        let term = BigUint::from(value) * weight * power_of_ten(self.tens.saturating_add_signed(tens));
        let rest = u64::try_from(&self.denominator % maximum).unwrap_or(0);
        let shared = greatest_common_divisor(maximum, rest);
        let further = maximum / shared;
        self.numerator = &self.numerator * further + term * (&self.denominator / shared);
        self.denominator *= further;
    }

    /// The mean; `None` if nothing was added.
    pub(crate) fn mean(self) -> Option<ExactScore> {
        let denominator = self.denominator * self.weight * power_of_ten(self.tens);
        (self.weight > 0).then_some(ExactScore { numerator: self.numerator, denominator })
    }
}

/// `value`, which is part of the maximum `from`, as the same part of the maximum `to`: the number nearest to the exact
/// one. The maxima are more than zero.
pub(crate) fn scaled(value: f64, from: f64, to: f64) -> f64 {
    let ((value, value_tens), (from, from_tens), (to, to_tens)) = (decimal(value), decimal(from), decimal(to));
    let numerator = BigUint::from(value) * to * power_of_ten(SCALED_DIGITS);
    let digits = numerator / from.max(1);
    let exponent = value_tens + to_tens - from_tens - i32::try_from(SCALED_DIGITS).unwrap_or(0);
    format!("{digits}e{exponent}").parse().unwrap_or(0.0)
}

/// The number of decimals beside which a number that is scaled is cut: more than a number keeps.
const SCALED_DIGITS: u32 = 60;

fn power_of_ten(exponent: u32) -> BigUint {
    BigUint::from(10_u32).pow(exponent)
}

/// The shortest decimal that reads as `value`, as its digits and a power of ten. That is what a client wrote, if it
/// wrote at most 15 digits.
fn decimal(value: f64) -> (u64, i32) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let number =
        digits.bytes().filter(u8::is_ascii_digit).fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let exponent = exponent.parse().unwrap_or(0) - i32::try_from(decimals).unwrap_or(0);
    (number, exponent)
}

pub(crate) const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_decimals_that_were_written() {
        for (value, digits, exponent) in [
            (0.0, 0, 0),
            (-0.0, 0, 0),
            (5.0, 5, 0),
            (100.0, 1, 2),
            (0.1, 1, -1),
            (7.3, 73, -1),
            (123_456.789, 123_456_789, -3),
            (5e-324, 5, -324),
        ] {
            assert_eq!(decimal(value), (digits, exponent), "{value}");
        }
    }

    #[test]
    fn a_third_is_a_third_however_it_is_written() {
        for (value, maximum) in [(1.0, 3.0), (0.1, 0.3), (1e-300, 3e-300), (200_000.0, 600_000.0)] {
            let third = ExactScore::of(value, maximum).unwrap();
            assert_eq!((third.whole(3), third.whole(100)), (Some(1), None), "{value} of {maximum}");
        }
        assert_eq!(ExactScore::of(1e-300, 1.0).unwrap().rounded(u64::MAX), 0);
        assert_eq!(ExactScore::of(0.5, 100.0).unwrap().rounded(100), 1, "half is rounded up");
    }

    #[test]
    fn a_scaled_number_is_the_same_part_of_its_maximum() {
        for (value, from, to, expected) in [
            (3.0, 5.0, 10.0, 6.0),
            (0.3, 1.0, 100.0, 30.0),
            (1.0, 3.0, 5.0, 5.0 / 3.0),
            (7.0, 7.0, 0.1, 0.1),
            (0.0, 5.0, 4.0, 0.0),
            (1e-300, 1.0, 1e6, 1e-294),
            // In floating point, 0.7 / 0.1 · 0.3 is 2.0999999999999996.
            (0.7, 0.1, 0.3, 2.1),
        ] {
            assert_eq!(scaled(value, from, to), expected, "{value} of {from}");
        }
    }

    #[test]
    fn many_maxima_of_every_size_stay_quick() {
        let mut mean = ExactMean::default();
        for place in 0..200_u32 {
            let maximum = f64::from(place + 1).sqrt() * 10_f64.powi(5 - i32::try_from(place).unwrap() % 300);
            mean.add(maximum, maximum, place + 1);
        }
        assert_eq!(mean.mean().unwrap().whole(1), Some(1));
    }
}
