//! Exact sums of quotients of whole numbers, without the large numbers of a common denominator: one request measures
//! 100,000 agents, each by means over different numbers of scorecards.

use std::collections::BTreeMap;

/// `numerator / denominator`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quotient {
    pub(crate) numerator: i128,
    /// More than zero.
    pub(crate) denominator: u64,
}

/// An exact sum of quotients, of which those with the same denominator are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExactSum(BTreeMap<u64, i128>);

impl ExactSum {
    /// Adds `quotient`.
    pub(crate) fn add(&mut self, Quotient { numerator, denominator }: Quotient) {
        *self.0.entry(denominator).or_default() += numerator;
    }

    /// Subtracts `quotient`.
    pub(crate) fn subtract(&mut self, quotient: Quotient) {
        self.add(Quotient { numerator: -quotient.numerator, ..quotient });
    }

    /// Adds `other`, divided by `divisor`, which is more than zero.
    pub(crate) fn add_part(&mut self, other: &Self, divisor: u64) {
        other.terms().for_each(|one| self.add(Quotient { denominator: one.denominator * divisor, ..one }));
    }

    /// Subtracts `other`, divided by `divisor`, which is more than zero.
    pub(crate) fn subtract_part(&mut self, other: &Self, divisor: u64) {
        other.terms().for_each(|one| self.subtract(Quotient { denominator: one.denominator * divisor, ..one }));
    }

    /// The quotients.
    pub(crate) fn terms(&self) -> impl Iterator<Item = Quotient> + Clone {
        self.0.iter().map(|(denominator, numerator)| Quotient { numerator: *numerator, denominator: *denominator })
    }

    /// The sum in floating point, for estimates.
    #[expect(clippy::cast_precision_loss, reason = "it is for estimates")]
    pub(crate) fn estimate(&self) -> f64 {
        self.terms().map(|one| one.numerator as f64 / one.denominator as f64).sum()
    }
}

/// The number of binary digits of the remainders that are examined at a time.
const DIGITS: u32 = 32;

/// `numerator / denominator` times the sum of `quotients`, rounded half away from zero. The denominator is more than zero.
pub(crate) fn rounded(numerator: i128, quotients: impl Iterator<Item = Quotient> + Clone, denominator: i128) -> i128 {
    let doubled = |sign: i128| {
        floor_of_sum(quotients.clone().map(|one| Quotient { numerator: sign * 2 * numerator * one.numerator, ..one }))
    };
    let (floor, sign) = match doubled(1) {
        negative if negative < 0 => (doubled(-1), -1),
        floor => (floor, 1),
    };
    // The floor leaves out less than one, which changes nothing here.
    sign * ((floor + denominator) / (2 * denominator))
}

/// The largest whole number that is not larger than the sum.
fn floor_of_sum(quotients: impl Iterator<Item = Quotient> + Clone) -> i128 {
    let (mut whole, mut digits, mut count) = (0, 0, 0);
    for one in quotients.clone() {
        let (quotient, remainder) = divided(one);
        whole += quotient;
        digits += (remainder << DIGITS) / i128::from(one.denominator);
        count += 1;
    }
    whole += digits >> DIGITS;
    // For each quotient, the digits leave out less than one unit of the last place. Mostly that is too little to reach
    // the next whole number.
    let missing = (1 << DIGITS) - (digits & ((1 << DIGITS) - 1));
    if missing >= count {
        return whole;
    }
    let left_out = quotients.map(|one| {
        let remainder = (divided(one).1 << DIGITS) % i128::from(one.denominator);
        (remainder, one.denominator)
    });
    whole + i128::from(reaches(left_out.collect(), missing))
}

/// The quotient, rounded down, and the remainder, which is not negative.
fn divided(Quotient { numerator, denominator }: Quotient) -> (i128, i128) {
    let denominator = i128::from(denominator);
    let quotient = numerator.div_euclid(denominator);
    (quotient, numerator - quotient * denominator)
}

/// Whether the sum of `remainders`, each over its denominator, is `missing` or more. Both are multiplied until the
/// difference shows. Unequal sums differ by at least one part of the product of the denominators; so if nothing shows
/// once that is multiplied to more than their number, they are equal.
fn reaches(mut remainders: Vec<(i128, u64)>, mut missing: i128) -> bool {
    let count = remainders.len() as i128;
    let bits = remainders.iter().map(|(_, denominator)| u64::BITS - denominator.leading_zeros());
    let bits = bits.sum::<u32>() + i128::BITS - count.leading_zeros();
    for _ in 0..bits.div_ceil(DIGITS) {
        missing <<= DIGITS;
        for (remainder, denominator) in &mut remainders {
            let (digits, further) = divided(Quotient { numerator: *remainder << DIGITS, denominator: *denominator });
            missing -= digits;
            *remainder = further;
        }
        if missing <= 0 {
            return true;
        }
        if missing >= count {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_rational::BigRational;
    use proptest::prelude::*;

    fn exact(quotients: &[Quotient]) -> BigRational {
        let rationals = quotients.iter().map(|one| BigRational::new(one.numerator.into(), one.denominator.into()));
        rationals.sum()
    }

    /// Quotients whose sum is often a whole number, or next to one.
    fn quotients() -> impl Strategy<Value = Vec<Quotient>> {
        let denominator = prop_oneof![1..40_u64, 1..u64::from(u32::MAX), 1..=u64::MAX];
        let any = (-(1_i128 << 90)..1 << 90, denominator)
            .prop_map(|(numerator, denominator)| Quotient { numerator, denominator });
        (prop::collection::vec(any, 1..12), 0..4_u8, -1..=1_i128).prop_map(|(mut quotients, close, beside)| {
            if close > 0 {
                // Each quotient is subtracted again, so the sum is `beside` the product of some of the denominators.
                let opposite = quotients.iter().map(|one| Quotient { numerator: -one.numerator, ..*one });
                let opposite: Vec<Quotient> = opposite.collect();
                quotients.extend(opposite);
                quotients.push(Quotient { numerator: beside, denominator: u64::MAX >> (close * 8) });
            }
            quotients
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_sum_is_rounded_down_exactly(quotients in quotients()) {
            let expected = exact(&quotients).floor().to_integer();
            prop_assert_eq!(expected, floor_of_sum(quotients.iter().copied()).into());
        }

        #[test]
        fn a_multiple_is_rounded_half_away_from_zero(quotients in quotients(), numerator in 1..100_i128, denominator in 1..100_i128) {
            let expected = exact(&quotients) * BigRational::new(numerator.into(), denominator.into());
            let found = rounded(numerator, quotients.iter().copied(), denominator);
            prop_assert_eq!(BigRational::from_integer(found.into()), expected.round());
        }
    }

    #[test]
    fn a_whole_sum_of_many_parts_is_not_missed() {
        // 1/2 + 1/3 + 1/7 + 1/43 + 1/1807 + 1/3263442 = 1, and its last term a little smaller.
        let parts = |last: u64| [2, 3, 7, 43, 1807, last].map(|denominator| Quotient { numerator: 1, denominator });
        assert_eq!(floor_of_sum(parts(3_263_442).into_iter()), 1);
        assert_eq!(floor_of_sum(parts(3_263_443).into_iter()), 0);
        // Zero, and 3·10⁻³⁹ less.
        let difference = |from, of| {
            let quotients = [(1, from), (-1, of)].map(|(numerator, denominator)| Quotient { numerator, denominator });
            floor_of_sum(quotients.into_iter())
        };
        assert_eq!(difference(u64::MAX - 1, u64::MAX - 1), 0);
        assert_eq!(difference(u64::MAX - 1, u64::MAX - 2), -1);
    }

    #[test]
    fn halves_go_away_from_zero() {
        let of = |numerator, denominator| rounded(1, [Quotient { numerator, denominator }].into_iter(), 1);
        assert_eq!(
            [of(1, 2), of(-1, 2), of(3, 2), of(-3, 2), of(1, 3), of(-1, 3), of(-2, 3)],
            [1, -1, 2, -2, 0, 0, -1]
        );
    }
}
