//! Bits into lanes and back by the instructions that are made for it, which no compiler finds in a loop.
//!
//! What they do is what the loops beside them in [`rows`](super) do; the tests compare them.

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, u8x32, u16x16, u16x32};

use super::{WORD, WORDS};

/// [`super::add`] by 512 bits: a word is a mask.
pub(super) struct AddV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u8],
    pub(super) &'a [u64; WORDS],
    pub(super) u8,
);

impl NullaryFnOnce for AddV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, lanes, words, worth) = self;
        let worth = cast(simd.splat_u8x64(worth));
        for (lanes, word) in lanes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
            let before = cast(*lanes);
            *lanes = cast(simd.avx512bw._mm512_mask_add_epi8(before, *word, before, worth));
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

/// [`super::add`] by 256 bits: half a word in every lane, each of which looks at its own bit of its own byte.
pub(super) struct AddV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [u8],
    pub(super) &'a [u64; WORDS],
    pub(super) u8,
);

impl NullaryFnOnce for AddV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        /// Which byte of half a word has a lane's bit.
        const BYTES: [u8; WORD / 2] = {
            let mut bytes = [0; WORD / 2];
            let (mut lane, mut byte) = (0, 0);
            while lane < WORD / 2 {
                bytes[lane] = byte;
                lane += 1;
                if lane % 8 == 0 {
                    byte += 1;
                }
            }
            bytes
        };
        let Self(simd, lanes, words, worth) = self;
        let (worth, bits): (u8x32, u8x32) = (simd.splat_u8x32(worth), cast([0x8040_2010_0804_0201_u64; 4]));
        for (lanes, word) in lanes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
            let (halves, _) = lanes.as_chunks_mut::<{ WORD / 2 }>();
            for (half, mask) in halves.iter_mut().zip(cast::<u64, [u32; 2]>(*word)) {
                let own = simd.avx2._mm256_shuffle_epi8(cast(simd.splat_u32x8(mask)), cast(BYTES));
                let own = simd.and_u8x32(cast(own), bits);
                let set: u8x32 = cast(simd.cmp_eq_u8x32(own, bits));
                *half = cast(simd.wrapping_add_u8x32(cast(*half), simd.and_u8x32(set, worth)));
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
