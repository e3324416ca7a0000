//! Whole-number arithmetic of the score: rounding, apportionment and the two decay tables.
//!
//! Everything here is exact. Floating point appears once, in building the tables, and the tables'
//! sums are pinned by tests so that a platform with other arithmetic fails the build, not a score.

use std::sync::LazyLock;

use crate::wide::wide;

/// Full marks: a sub-score, a score and a weight are all counted in basis points of this.
pub const FULL: u32 = 10_000;

/// Months of teaching that can count, the current one included.
pub(crate) const MONTHS: usize = 480;

/// `a / b`, rounded half up.
///
/// # Panics
/// When `b` is 0; callers hold a denominator that cannot be.
#[must_use]
pub const fn div_round(a: u64, b: u64) -> u64 {
    (2 * a + b) / (2 * b)
}

/// [`div_round`] where the caller knows that the quotient is at most [`FULL`].
pub(crate) fn div_round_bp(a: u64, b: u64) -> u16 {
    let bp = div_round(a, b);
    debug_assert!(bp <= u64::from(FULL), "{a}/{b} is no share");
    u16::try_from(bp).unwrap_or(u16::MAX)
}

/// [`div_round`] by a number that is known beforehand, for loops over rows: a multiplication instead of a division, and
/// nothing that keeps a compiler from taking many rows at once.
///
/// A quotient below 2^31 is a multiple of 1/`b` and so at least 1/2`b` away from the next tie. The nudge of 1/4`b` lifts
/// ties over the edge and nothing else, as long as rounding errors stay far below it: quotients up to 10⁴ are off by less
/// than 10⁻¹¹, so `b` up to 10⁹ is exact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divisor {
    pub(crate) inverse: f64,
    pub(crate) nudge: f64,
}

impl Divisor {
    /// Divides `scale · a` by `b`, for a whole `scale`.
    pub(crate) fn scaled(scale: f64, b: f64) -> Self {
        Self { inverse: scale / b, nudge: 0.25 / b }
    }

    /// The same quotient whatever is divided.
    pub(crate) fn always(quotient: u16) -> Self {
        Self { inverse: 0.0, nudge: quotient.into() }
    }

    /// The quotient of a whole number, rounded half up.
    #[inline(always)]
    pub(crate) fn round(self, a: f64) -> u32 {
        nearest(a * self.inverse + self.nudge)
    }
}

/// The same in single precision, which twice as many rows at a time take. Quotients up to [`FULL`] are off by less than
/// 0.002 here, and the nudge must be more: the divisor is at most [`Narrow::MOST`], which covers weights in steps of 0.01.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow {
    pub(crate) inverse: f32,
    pub(crate) nudge: f32,
}

impl Narrow {
    const MOST: u32 = 120;
    /// As [`TO_NEAREST`] is for doubles; what is added is below 2^22.
    const TO_NEAREST: f32 = 12_582_912.0;
}

/// A division of which it is known that the quotient is at most [`FULL`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share {
    /// By a small number, as nearly always.
    Narrow(Narrow),
    /// By any other.
    Wide(Divisor),
}

impl Share {
    /// Divides `scale · a` by `b`; by 0 it gives 0.
    pub(crate) fn scaled(scale: u32, b: u64) -> Self {
        let narrow = u16::try_from(b).ok().filter(|b| u32::from(*b) <= Narrow::MOST);
        match (narrow, u16::try_from(scale)) {
            (Some(0), _) => Self::Narrow(Narrow { inverse: 0.0, nudge: 0.0 }),
            (Some(b), Ok(scale)) => {
                Self::Narrow(Narrow { inverse: f32::from(scale) / f32::from(b), nudge: 0.25 / f32::from(b) })
            }
            _ => {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let b = b as f64;
                Self::Wide(Divisor::scaled(scale.into(), b))
            }
        }
    }
}

/// What sums come to in full marks, where a byte holds the most that they can be: numbers of 16 bits are enough, of which twice
/// as many rows at a time are multiplied.
///
/// A sum of at most `m` is multiplied with [`FULL`]`/m` in steps of 2^-16. As `m²` is below 2^16, the product is off by less than
/// 1/2`m` with the nearest step, and by less than 1/`m` with the next one above. Quotients are multiples of 1/`m`. Where `m` is even some
/// are ties, which go up, and those below them are 1/`m` away: the step above is right. Where `m` is odd there are none, and
/// no quotient is nearer to where one would be than 1/2`m`: the nearest step is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    /// The factor, and 2^16 times the part of it below 1.
    whole: u16,
    part: u16,
}

impl Marks {
    /// For sums up to the most that there can be; `None` where a byte does not hold that, or it is 0.
    pub(crate) fn new(most: u64) -> Option<Self> {
        let most = u8::try_from(most).ok().filter(|most| *most > 0)?;
        let (full, by) = (FULL << 16, u32::from(most));
        let factor = if most % 2 == 0 { full / by + 1 } else { (full + by / 2) / by };
        Some(Self { whole: low_half(factor >> 16), part: low_half(factor) })
    }

    /// Of the most that it can be, a sum in basis points, rounded half up.
    #[inline(always)]
    fn bp(self, sum: u8) -> u16 {
        let sum = u16::from(sum);
        let parts = u32::from(sum) * u32::from(self.part);
        let rounds_up = low_half(parts) >> 15;
        sum.wrapping_mul(self.whole).wrapping_add(low_half(parts >> 16)).wrapping_add(rounds_up)
    }

    /// Brings sums into figures.
    pub(crate) fn give(self, bp: &mut [u16], sums: &[u8]) {
        wide(give, (bp, sums, self));
    }

    /// Adds figures to other sums, so many times.
    pub(crate) fn add(self, times: u8, to: &mut [u32], sums: &[u8]) {
        wide(add, (to, sums, self, u32::from(times)));
    }
}

#[inline(always)]
fn give(bp: &mut [u16], sums: &[u8], marks: Marks) {
    for (bp, sum) in bp.iter_mut().zip(sums) {
        *bp = marks.bp(*sum);
    }
}

#[inline(always)]
fn add(to: &mut [u32], sums: &[u8], marks: Marks, times: u32) {
    for (to, sum) in to.iter_mut().zip(sums) {
        *to += times * u32::from(marks.bp(*sum));
    }
}

/// What loops over rows divide by; they are compiled for each kind.
pub(crate) trait Quotient: Copy {
    /// The quotient of a whole number below 2^31, rounded half up.
    fn bp(self, a: u32) -> u16;
}

impl Quotient for Narrow {
    #[inline(always)]
    fn bp(self, a: u32) -> u16 {
        #[expect(clippy::cast_precision_loss, reason = "at most 10000 times the divisor, below 2^24")]
        let a = a.cast_signed() as f32;
        low_half((a * self.inverse + self.nudge + Self::TO_NEAREST).to_bits())
    }
}

impl Quotient for Divisor {
    #[inline(always)]
    fn bp(self, a: u32) -> u16 {
        low_half(self.round(real(a)))
    }
}

/// Runs a loop whose last parameter is what it divides by.
macro_rules! divided {
    ($run:ident($($column:expr),*; $share:expr)) => {
        match $share {
            $crate::num::Share::Narrow(by) => $crate::wide::wide($run, ($($column,)* by)),
            $crate::num::Share::Wide(by) => $crate::wide::wide($run, ($($column,)* by)),
        }
    };
}
pub(crate) use divided;

/// Added to a number of less than 2^31, it leaves the nearest whole one in the low bits.
pub(crate) const TO_NEAREST: f64 = 6_755_399_441_055_744.0;

/// The nearest whole number of one in 0..2^31 that is no tie.
#[inline(always)]
pub(crate) fn nearest(x: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the number")]
    let low = (x + TO_NEAREST).to_bits() as u32;
    low
}

/// The number in the low bits, such as a figure of at most [`FULL`].
#[inline(always)]
pub(crate) fn low_half(bp: u32) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the figure")]
    let low = bp as u16;
    low
}

/// A whole number below 2^31 as a floating point number, by the conversion that every width has.
#[inline(always)]
pub(crate) fn real(n: u32) -> f64 {
    f64::from(n.cast_signed())
}

/// The greatest number that divides both.
pub(crate) const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Splits `total` in proportion to `shares / denominator`, by largest remainder; equal remainders are
/// served in order. Each part is the floor of its exact value or one more.
///
/// `total` must lie between the sum of the floors and that sum plus the number of shares with a remainder.
pub(crate) fn largest_remainder(shares: &[u64], denominator: u64, total: u64) -> Vec<u64> {
    let mut parts: Vec<u64> = shares.iter().map(|share| share / denominator).collect();
    let mut missing = total - parts.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(shares[i] % denominator));
    for i in order {
        if missing == 0 {
            break;
        }
        parts[i] += 1;
        missing -= 1;
    }
    parts
}

/// `floor(10000 · 2^(−age/half_life) + 0.5)` for each age below `N`.
fn decay_table<const N: usize>(half_life: f64) -> [u32; N] {
    std::array::from_fn(|age| {
        #[expect(clippy::cast_precision_loss, reason = "ages are below 2^52")]
        let exact = f64::from(FULL) * libm::exp2(-(age as f64) / half_life);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000")]
        let rounded = libm::floor(exact + 0.5) as u32;
        rounded
    })
}

/// What a month of teaching is worth at an age of 0..=479 months; half-life 60 months.
pub(crate) static MONTH_WORTH: LazyLock<[u32; MONTHS]> = LazyLock::new(|| decay_table(60.0));

/// `MONTH_WORTH_BELOW[n]` = the sum of [`MONTH_WORTH`] over ages below `n`, for `n` in 0..=480.
pub(crate) static MONTH_WORTH_BELOW: LazyLock<[u32; MONTHS + 1]> = LazyLock::new(|| {
    let mut sums = [0; MONTHS + 1];
    for age in 0..MONTHS {
        sums[age + 1] = sums[age] + MONTH_WORTH[age];
    }
    sums
});

/// What a sign of life is worth after 0..=365 idle days; half-life 30 days.
pub(crate) static IDLE_WORTH: LazyLock<[u32; 366]> = LazyLock::new(|| decay_table(30.0));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_those_of_the_specification() {
        assert_eq!(MONTH_WORTH[300], 313, "10000 · 2^-5 = 312.5 rounds up");
        assert_eq!(IDLE_WORTH[150], 313);
        assert_eq!(MONTH_WORTH_BELOW[MONTHS], 867_231);
        assert_eq!(IDLE_WORTH.iter().sum::<u32>(), 437_735);
        assert_eq!((MONTH_WORTH[0], MONTH_WORTH[60], IDLE_WORTH[30]), (10_000, 5_000, 5_000));
    }

    #[test]
    fn rounds_half_up() {
        assert_eq!([div_round(1, 2), div_round(1, 3), div_round(5, 2), div_round(0, 7)], [1, 0, 3, 0]);
    }

    #[test]
    fn a_divisor_rounds_as_the_division_does() {
        for b in [1_u32, 2, 3, 7, 100, 9_999, 10_000, 60_000, 867_231, 3_000_000] {
            let divisor = Divisor::scaled(1.0, b.into());
            let step = (b / 37).max(1);
            for a in (0..10_000_u64 * u64::from(b)).step_by(usize::try_from(step).unwrap() * 97).take(100_000)
            {
                for a in [a, a + u64::from(b / 2), a + u64::from(b.div_ceil(2)), a + 1] {
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    let quotient = divisor.round(a as f64);
                    assert_eq!(u64::from(quotient), div_round(a, b.into()), "{a} / {b}");
                }
            }
        }
        assert_eq!(Divisor::always(10_000).round(0.0), 10_000);
    }

    /// Every quotient of every small divisor.
    #[test]
    fn single_precision_rounds_as_the_division_does() {
        for b in 1..=Narrow::MOST {
            for scale in [1, 1_000, 2_500] {
                let Share::Narrow(divisor) = Share::scaled(scale, b.into()) else { panic!("{b} is small") };
                for a in 0..=FULL * b / scale {
                    let expected = div_round((scale * a).into(), b.into());
                    assert_eq!(u64::from(divisor.bp(a)), expected, "{scale} · {a} / {b}");
                }
            }
        }
        assert!(matches!(Share::scaled(1, u64::from(Narrow::MOST) + 1), Share::Wide(_)));
        assert!(matches!(Share::scaled(1, 0), Share::Narrow(by) if by.bp(7) == 0));
    }

    #[test]
    fn marks_are_what_the_division_gives() {
        for most in 1..=u8::MAX {
            let marks = Marks::new(most.into()).unwrap();
            let sums: Vec<u8> = (0..=most).collect();
            let expected: Vec<u16> =
                sums.iter().map(|sum| div_round_bp(10_000 * u64::from(*sum), most.into())).collect();
            let mut bp = vec![1; sums.len()];
            marks.give(&mut bp, &sums);
            assert_eq!(bp, expected, "of {most}");
            let mut to = vec![7; sums.len()];
            marks.add(3, &mut to, &sums);
            assert!(to.iter().zip(&bp).all(|(to, bp)| *to == 7 + 3 * u32::from(*bp)), "of {most}");
        }
        assert!(Marks::new(0).is_none() && Marks::new(256).is_none());
    }

    #[test]
    fn remainders_go_to_the_largest_then_the_first() {
        assert_eq!(largest_remainder(&[5, 5, 5], 10, 2), [1, 1, 0]);
        assert_eq!(largest_remainder(&[14, 19, 7], 10, 4), [1, 2, 1]);
        assert_eq!(largest_remainder(&[], 10, 0), Vec::<u64>::new());
    }
}
