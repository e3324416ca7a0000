//! Bits into lanes and back by the instructions that are made for it, which no compiler finds in a loop.
//!
//! What they do is what the loops beside them in [`rows`](super) do; the tests compare them.

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, u16x16, u16x32};

use super::{BITS, GROUP, WORD, WORDS};

/// [`super::add`] by 512 bits: half a word is a mask.
pub(super) struct AddV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u16],
    pub(super) &'a [u64; WORDS],
    pub(super) u16,
);

impl NullaryFnOnce for AddV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, lanes, words, worth) = self;
        let worth = simd.splat_u16x32(worth);
        for (lanes, word) in lanes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
            let (halves, _) = lanes.as_chunks_mut::<{ WORD / 2 }>();
            for (half, mask) in halves.iter_mut().zip(cast::<u64, [u32; 2]>(*word)) {
                let before: u16x32 = cast(*half);
                let after = simd.wrapping_add_u16x32(before, worth);
                *half = cast(simd.select_u16x32(pulp::b32(mask), after, before));
            }
        }
    }
}

/// [`super::compare`] by 512 bits.
pub(super) struct CompareV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u64; WORDS],
    pub(super) &'a [u16],
    pub(super) u16,
);

impl NullaryFnOnce for CompareV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, words, lanes, least) = self;
        let least = simd.splat_u16x32(least);
        for (word, lanes) in words.iter_mut().zip(lanes.as_chunks::<WORD>().0) {
            let [low, high] = cast::<[u16; WORD], [u16x32; 2]>(*lanes);
            let reached = |lanes| simd.cmp_ge_u16x32(lanes, least).0;
            *word = cast([reached(low), reached(high)]);
        }
    }
}

/// [`super::add`] by 256 bits: a quarter of a word in every lane, each of which looks at its own bit.
pub(super) struct AddV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [u16],
    pub(super) &'a [u64; WORDS],
    pub(super) u16,
);

impl NullaryFnOnce for AddV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, lanes, words, worth) = self;
        let (worth, bits) = (simd.splat_u16x16(worth), cast::<[u16; GROUP], u16x16>(BITS));
        for (lanes, word) in lanes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
            let (quarters, _) = lanes.as_chunks_mut::<GROUP>();
            for (quarter, mask) in quarters.iter_mut().zip(cast::<u64, [u16; 4]>(*word)) {
                let own = simd.and_u16x16(simd.splat_u16x16(mask), bits);
                let set: u16x16 = cast(simd.cmp_eq_u16x16(own, bits));
                *quarter = cast(simd.wrapping_add_u16x16(cast(*quarter), simd.and_u16x16(set, worth)));
            }
        }
    }
}

/// [`super::compare`] by 256 bits: two answers are packed into bytes, of which the signs are gathered.
pub(super) struct CompareV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [u64; WORDS],
    pub(super) &'a [u16],
    pub(super) u16,
);

impl NullaryFnOnce for CompareV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        /// Packing works within halves: it leaves the quarters in the order 0, 2, 1, 3.
        const IN_ORDER: i32 = 0b11_01_10_00;
        let Self(simd, words, lanes, least) = self;
        let least = simd.splat_u16x16(least);
        for (word, lanes) in words.iter_mut().zip(lanes.as_chunks::<WORD>().0) {
            let quarters = cast::<[u16; WORD], [u16x16; 4]>(*lanes);
            let reached = quarters.map(|lanes| simd.cmp_ge_u16x16(lanes, least));
            let gathered = |one, two| {
                let packed = simd.avx2._mm256_packs_epi16(cast(one), cast(two));
                let packed = simd.avx2._mm256_permute4x64_epi64::<IN_ORDER>(packed);
                simd.avx2._mm256_movemask_epi8(packed).cast_unsigned()
            };
            *word = cast([gathered(reached[0], reached[1]), gathered(reached[2], reached[3])]);
        }
    }
}
