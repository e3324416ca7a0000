//! The formula by 512 and by 256 bits: values that few rows have are spread over their lanes as they are needed.
//!
//! What it does is what the loop in [`experience`](super) does.

use pulp::bytemuck::cast_ref;
use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, f64x4, f64x8, i32x4, i32x8, u16x16, u16x32, u32x8, u32x16};

use super::{Taught, WORTH_BITS};
use crate::columns::Sparse;
use crate::num::Divisor;
use crate::subscore::{BLOCK, Rows};

/// Weighs all rows by a formula, half of the lanes of its figures at a time. A function of its own would not be inlined, whatever it
/// is marked, and not compiled for the width: rankings took six times as long then.
macro_rules! weigh {
    ($formula:ident, $lanes:ty, $count:literal; $weigh:ident) => {{
        /// Lanes of 32 bits.
        const LANES: usize = $count;
        /// Lanes of 16 bits, which the figures are.
        const ROWS: usize = 2 * LANES;
        let Self(simd, bp, any, [(same_rows, mut same), (family_rows, mut family)], (q, ratio)) = $weigh;
        let formula = $formula::new(simd, q, ratio);
        let masks = |rows| cast_ref::<_, [[$lanes; 2]; BLOCK / ROWS]>(Rows::words(rows)).iter();
        let masks = masks(same_rows).zip(masks(family_rows));
        let rows = bp.as_chunks_mut::<ROWS>().0.iter_mut().zip(filled_up::<ROWS>(any));
        for ((bp, any), (of_same, of_family)) in rows.zip(masks) {
            let [low, high] = cast(any);
            let mut taught = |half: usize| {
                (
                    (cast(next::<LANES>(&mut same, of_same[half].count_ones())), of_same[half]),
                    (cast(next::<LANES>(&mut family, of_family[half].count_ones())), of_family[half]),
                )
            };
            let low = formula.halves(taught(0), low);
            let high = formula.halves(taught(1), high);
            *bp = cast(formula.figures(low, high));
        }
    }};
}

/// Lanes, any, and modality and family: who taught, and the values. And `Q`, and what is divided by.
pub(super) struct WeighV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u16],
    pub(super) &'a [u32],
    pub(super) [Taught<'a>; 2],
    pub(super) (u32, Divisor),
);

impl NullaryFnOnce for WeighV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        weigh!(FormulaV4, u16, 16; self);
    }
}

/// The same by 256 bits.
pub(super) struct WeighV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [u16],
    pub(super) &'a [u32],
    pub(super) [Taught<'a>; 2],
    pub(super) (u32, Divisor),
);

impl NullaryFnOnce for WeighV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        weigh!(FormulaV3, u8, 8; self);
    }
}

/// A column by so many rows, the last of them filled up.
#[inline(always)]
fn filled_up<const ROWS: usize>(column: &[u32]) -> impl Iterator<Item = [u32; ROWS]> {
    let (whole, rest) = column.as_chunks::<ROWS>();
    let mut last = [0; ROWS];
    last[..rest.len()].copy_from_slice(rest);
    whole.iter().copied().chain(std::iter::once(last))
}

/// The next values, of which so many are used up.
#[inline(always)]
fn next<const LANES: usize>(values: &mut &[u32], used: u32) -> [u32; LANES] {
    const { assert!(LANES <= Sparse::SPARE) };
    let next = values[..LANES].try_into().unwrap_or([0; LANES]);
    *values = &values[used as usize..];
    next
}

/// What is the same for all rows.
struct FormulaV4 {
    simd: V4,
    q: u32x16,
    inverse: f64x8,
    nudge: f64x8,
    /// The low halves of two registers' lanes, one register after the other.
    low_halves: u16x32,
}

impl FormulaV4 {
    #[inline(always)]
    fn new(simd: V4, q: u32, ratio: Divisor) -> Self {
        const LOW_HALVES: [u16; 32] = {
            let mut places = [0; 32];
            let mut lane = 1;
            while lane < 32 {
                places[lane] = places[lane - 1] + 2;
                lane += 1;
            }
            places
        };
        Self {
            simd,
            q: simd.splat_u32x16(q),
            inverse: simd.splat_f64x8(ratio.inverse),
            nudge: simd.splat_f64x8(ratio.nudge),
            low_halves: cast(LOW_HALVES),
        }
    }

    /// The share of what is asked, and how recent, from the worth of the modality and the family, and of any.
    #[inline(always)]
    fn halves(&self, (same, family): ((u32x16, u16), (u32x16, u16)), any: u32x16) -> (u32x16, u32x16) {
        let simd = self.simd;
        // What is spread comes from a register: from memory it would take many times as long.
        let spread = |worth, lanes| cast(simd.avx512f._mm512_maskz_expand_epi32(lanes, worth));
        let least = |worth| simd.avx512f._mm512_min_epu32(worth, cast(self.q));
        let worth = simd.and_u32x16(same.0, simd.splat_u32x16((1 << WORTH_BITS) - 1));
        let recent = spread(simd.avx512f._mm512_srli_epi32::<WORTH_BITS>(cast(same.0)), same.1);
        let same = spread(least(cast(worth)), same.1);
        let family: u32x16 = spread(least(cast(family.0)), family.1);
        let others = simd.wrapping_add_u32x16(family, cast(least(cast(any))));
        // Four times the same and the others, less the others.
        let four = simd.avx512f._mm512_slli_epi32::<2>(cast(simd.wrapping_add_u32x16(same, others)));
        let [low, high] = cast(simd.wrapping_sub_u32x16(cast(four), others));
        (cast([self.divided(low), self.divided(high)]), recent)
    }

    #[inline(always)]
    fn divided(&self, tenths: i32x8) -> i32x8 {
        let simd = self.simd;
        let quotient = simd.mul_f64x8(cast(simd.avx512f._mm512_cvtepi32_pd(cast(tenths))), self.inverse);
        cast(simd.avx512f._mm512_cvtpd_epi32(cast(simd.add_f64x8(quotient, self.nudge))))
    }

    /// Three quarters of the share, rounded, and what is recent.
    #[inline(always)]
    fn figures(&self, low: (u32x16, u32x16), high: (u32x16, u32x16)) -> u16x32 {
        let simd = self.simd;
        let pack = |low, high| -> u16x32 {
            cast(simd.avx512bw._mm512_permutex2var_epi16(cast(low), cast(self.low_halves), cast(high)))
        };
        let (share, recent) = (pack(low.0, high.0), pack(low.1, high.1));
        let three = simd.wrapping_add_u16x32(share, simd.wrapping_add_u16x32(share, share));
        let rounded = simd.wrapping_add_u16x32(three, simd.splat_u16x32(2));
        simd.wrapping_add_u16x32(cast(simd.avx512bw._mm512_srli_epi16::<2>(cast(rounded))), recent)
    }
}

/// For each set of lanes that have a value: the place of each lane's value, negative where it has none.
const PLACES: [[i8; 8]; 256] = {
    let mut places = [[-1; 8]; 256];
    let mut lanes = 0;
    while lanes < 256 {
        let (mut lane, mut place) = (0, 0);
        while lane < 8 {
            if lanes >> lane & 1 == 1 {
                places[lanes][lane] = place;
                place += 1;
            }
            lane += 1;
        }
        lanes += 1;
    }
    places
};

/// What is the same for all rows.
struct FormulaV3 {
    simd: V3,
    q: u32x8,
    inverse: f64x4,
    nudge: f64x4,
}

impl FormulaV3 {
    #[inline(always)]
    fn new(simd: V3, q: u32, ratio: Divisor) -> Self {
        Self {
            simd,
            q: simd.splat_u32x8(q),
            inverse: simd.splat_f64x4(ratio.inverse),
            nudge: simd.splat_f64x4(ratio.nudge),
        }
    }

    /// The share of what is asked, and how recent, from the worth of the modality and the family, and of any.
    #[inline(always)]
    fn halves(&self, (same, family): ((u32x8, u8), (u32x8, u8)), any: u32x8) -> ([i32x4; 2], u32x8) {
        let simd = self.simd;
        let spread = |(values, lanes): (u32x8, u8)| -> u32x8 {
            let places = simd.avx2._mm256_cvtepi8_epi32(cast([PLACES[usize::from(lanes)], [0; 8]]));
            let spread = simd.avx2._mm256_permutevar8x32_epi32(cast(values), places);
            cast(simd.avx._mm256_blendv_ps(cast(spread), cast(simd.splat_u32x8(0)), cast(places)))
        };
        let least = |worth| simd.avx2._mm256_min_epu32(cast(worth), cast(self.q));
        let same = spread(same);
        let recent = simd.avx2._mm256_srli_epi32::<{ WORTH_BITS.cast_signed() }>(cast(same));
        let same = least(simd.and_u32x8(same, simd.splat_u32x8((1 << WORTH_BITS) - 1)));
        let others = simd.wrapping_add_u32x8(cast(least(spread(family))), cast(least(any)));
        // Four times the same and the others, less the others.
        let four = simd.avx2._mm256_slli_epi32::<2>(cast(simd.wrapping_add_u32x8(cast(same), others)));
        let [low, high] = cast(simd.wrapping_sub_u32x8(cast(four), others));
        ([self.divided(low), self.divided(high)], cast(recent))
    }

    #[inline(always)]
    fn divided(&self, tenths: i32x4) -> i32x4 {
        let simd = self.simd;
        let quotient = simd.mul_f64x4(cast(simd.avx._mm256_cvtepi32_pd(cast(tenths))), self.inverse);
        cast(simd.avx._mm256_cvtpd_epi32(cast(simd.add_f64x4(quotient, self.nudge))))
    }

    /// Three quarters of the share, rounded, and what is recent.
    #[inline(always)]
    fn figures(&self, low: ([i32x4; 2], u32x8), high: ([i32x4; 2], u32x8)) -> u16x16 {
        /// Packing works within halves: it leaves the quarters in the order 0, 2, 1, 3.
        const IN_ORDER: i32 = 0b11_01_10_00;
        let simd = self.simd;
        let packed = |[first, second]: [i32x4; 2]| simd.sse4_1._mm_packus_epi32(cast(first), cast(second));
        let share: u16x16 = cast([packed(low.0), packed(high.0)]);
        let recent = simd.avx2._mm256_packus_epi32(cast(low.1), cast(high.1));
        let recent = cast(simd.avx2._mm256_permute4x64_epi64::<IN_ORDER>(recent));
        let three = simd.wrapping_add_u16x16(share, simd.wrapping_add_u16x16(share, share));
        let rounded = simd.wrapping_add_u16x16(three, simd.splat_u16x16(2));
        simd.wrapping_add_u16x16(cast(simd.avx2._mm256_srli_epi16::<2>(cast(rounded))), recent)
    }
}
