//! The formula by 512 bits: values that few rows have are spread over their lanes as they are needed.
//!
//! What it does is what the loop in [`experience`](super) does.

use pulp::x86::V4;
use pulp::{NullaryFnOnce, cast, f64x8, i32x8, u16x32, u32x16};

use super::{Taught, WORTH_BITS};
use crate::columns::Sparse;
use crate::num::Divisor;
use crate::subscore::{BLOCK, Rows};

/// Lanes, any, and modality and family: who taught, and the values. And `Q`, and what is divided by.
pub(super) struct WeighV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u16],
    pub(super) &'a [u32],
    pub(super) [Taught<'a>; 2],
    pub(super) (u32, Divisor),
);

/// Lanes of 32 bits.
const LANES: usize = Sparse::SPARE;
/// Lanes of 16 bits, which the figures are.
const ROWS: usize = 2 * LANES;

impl NullaryFnOnce for WeighV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, bp, any, [(same_rows, mut same), (family_rows, mut family)], (q, ratio)) = self;
        let formula = Formula::new(simd, q, ratio);
        let (whole, rest) = any.as_chunks::<ROWS>();
        let mut last = [0; ROWS];
        last[..rest.len()].copy_from_slice(rest);
        let any = whole.iter().chain(std::iter::once(&last));
        let masks = |rows: &Rows| cast::<_, [[u16; 2]; BLOCK / ROWS]>(*rows.words());
        let (of_same, of_family) = (masks(same_rows), masks(family_rows));
        let masks = of_same.iter().zip(&of_family);
        for ((bp, any), (of_same, of_family)) in bp.as_chunks_mut::<ROWS>().0.iter_mut().zip(any).zip(masks) {
            let [low, high] = cast::<_, [u32x16; 2]>(*any);
            let low = formula.halves((next(&mut same, of_same[0]), next(&mut family, of_family[0])), low);
            let high = formula.halves((next(&mut same, of_same[1]), next(&mut family, of_family[1])), high);
            *bp = cast(formula.figures(low, high));
        }
    }
}

/// The next values, and the lanes that they belong to.
#[inline(always)]
fn next(values: &mut &[u32], lanes: u16) -> (u32x16, u16) {
    let next: [u32; LANES] = values[..LANES].try_into().unwrap_or_default();
    *values = &values[lanes.count_ones() as usize..];
    (cast(next), lanes)
}

/// What is the same for all rows.
struct Formula {
    simd: V4,
    q: u32x16,
    inverse: f64x8,
    nudge: f64x8,
    /// The low halves of two registers' lanes, one register after the other.
    low_halves: u16x32,
}

impl Formula {
    #[inline(always)]
    fn new(simd: V4, q: u32, ratio: Divisor) -> Self {
        const LOW_HALVES: [u16; ROWS] = {
            let mut places = [0; ROWS];
            let mut lane = 1;
            while lane < ROWS {
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
