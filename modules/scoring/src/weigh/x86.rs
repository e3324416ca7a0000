//! The weighted mean by the instructions that multiply 16-bit numbers and add up pairs of them.
//!
//! Unpacking works within 128 bits and so does packing, which undoes it.

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, f32x8, f32x16, i32x8, i32x16, u16x16, u16x32};

use super::Pair;
use crate::num::Narrow;

/// By 512 bits.
pub(super) struct WeighV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u16],
    pub(super) &'a [Pair],
    pub(super) Narrow,
);

impl NullaryFnOnce for WeighV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const ROWS: usize = 32;
        let Self(simd, scores, pairs, by) = self;
        let (inverse, nudge) = (simd.splat_f32x16(by.inverse), simd.splat_f32x16(by.nudge));
        let divided = |sum: i32x16| {
            let sum: f32x16 = cast(simd.avx512f._mm512_cvtepi32_ps(cast(sum)));
            let quotient = simd.add_f32x16(simd.mul_f32x16(sum, inverse), nudge);
            simd.avx512f._mm512_cvtps_epi32(cast(quotient))
        };
        for (place, scores) in scores.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let mut sums = [simd.splat_i32x16(0); 2];
            for Pair { bp, factors } in pairs {
                let [one, two] = [0, 1].map(|side| cast::<_, u16x32>(bp[side].as_chunks::<ROWS>().0[place]));
                let factors = cast(simd.splat_i32x16(cast(*factors)));
                let beside = [
                    simd.avx512bw._mm512_unpacklo_epi16(cast(one), cast(two)),
                    simd.avx512bw._mm512_unpackhi_epi16(cast(one), cast(two)),
                ];
                for (sum, beside) in sums.iter_mut().zip(beside) {
                    let product = simd.avx512bw._mm512_madd_epi16(beside, factors);
                    *sum = simd.wrapping_add_i32x16(*sum, cast(product));
                }
            }
            let packed = simd.avx512bw._mm512_packus_epi32(divided(sums[0]), divided(sums[1]));
            *scores = cast(packed);
        }
    }
}

/// By 256 bits.
pub(super) struct WeighV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [u16],
    pub(super) &'a [Pair],
    pub(super) Narrow,
);

impl NullaryFnOnce for WeighV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const ROWS: usize = 16;
        let Self(simd, scores, pairs, by) = self;
        let (inverse, nudge) = (simd.splat_f32x8(by.inverse), simd.splat_f32x8(by.nudge));
        let divided = |sum: i32x8| {
            let sum: f32x8 = cast(simd.avx._mm256_cvtepi32_ps(cast(sum)));
            let quotient = simd.add_f32x8(simd.mul_f32x8(sum, inverse), nudge);
            simd.avx._mm256_cvtps_epi32(cast(quotient))
        };
        for (place, scores) in scores.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let mut sums = [simd.splat_i32x8(0); 2];
            for Pair { bp, factors } in pairs {
                let [one, two] = [0, 1].map(|side| cast::<_, u16x16>(bp[side].as_chunks::<ROWS>().0[place]));
                let factors = cast(simd.splat_i32x8(cast(*factors)));
                let beside = [
                    simd.avx2._mm256_unpacklo_epi16(cast(one), cast(two)),
                    simd.avx2._mm256_unpackhi_epi16(cast(one), cast(two)),
                ];
                for (sum, beside) in sums.iter_mut().zip(beside) {
                    let product = simd.avx2._mm256_madd_epi16(beside, factors);
                    *sum = simd.wrapping_add_i32x8(*sum, cast(product));
                }
            }
            let packed = simd.avx2._mm256_packus_epi32(divided(sums[0]), divided(sums[1]));
            *scores = cast(packed);
        }
    }
}
