//! A shuffle of bytes is a look into a table of sixteen for each of them, and a permutation of 16-bit numbers of two registers
//! one into a table of 64.

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, u8x32, u8x64, u16x32};

use super::{HALF, PAIRED, Table};

/// [`super::Codes::add_up`] by 512 bits.
pub(super) struct AddUpV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [[u8; PAIRED]],
    pub(super) &'a [[u8; HALF]],
    pub(super) &'a Table,
);

impl NullaryFnOnce for AddUpV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, sums, codes, worth) = self;
        let (table, low) = (cast([*worth; 4]), simd.splat_u8x64(0x0f));
        for (sums, codes) in sums.iter_mut().zip(codes) {
            let [first, second] = cast::<_, [u8x64; 2]>(*sums);
            let add = |sums, codes| {
                let codes = cast(simd.and_u8x64(codes, low));
                simd.wrapping_add_u8x64(sums, cast(simd.avx512bw._mm512_shuffle_epi8(table, codes)))
            };
            let above = cast(simd.avx512bw._mm512_srli_epi16::<4>(cast(*codes)));
            *sums = cast([add(first, cast(*codes)), add(second, above)]);
        }
    }
}

/// [`super::Codes::add_up`] by 256 bits.
pub(super) struct AddUpV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [[u8; PAIRED]],
    pub(super) &'a [[u8; HALF]],
    pub(super) &'a Table,
);

impl NullaryFnOnce for AddUpV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, sums, codes, worth) = self;
        let (table, low) = (cast([*worth; 2]), simd.splat_u8x32(0x0f));
        for (sums, codes) in sums.iter_mut().zip(codes) {
            let [one, two, three, four] = cast::<_, [u8x32; 4]>(*sums);
            let add = |sums, codes| {
                let codes = cast(simd.and_u8x32(codes, low));
                simd.wrapping_add_u8x32(sums, cast(simd.avx2._mm256_shuffle_epi8(table, codes)))
            };
            let below = cast::<_, [u8x32; 2]>(*codes);
            let above = below.map(|codes| cast(simd.avx2._mm256_srli_epi16::<4>(cast(codes))));
            *sums = cast([add(one, below[0]), add(two, below[1]), add(three, above[0]), add(four, above[1])]);
        }
    }
}

/// [`super::Quotients::look_up`] by 512 bits, in so many tables of 64.
pub(super) struct LookUpV4<'a, const TABLES: usize>(
    pub(super) V4,
    pub(super) &'a mut [u16],
    pub(super) &'a [u8],
    pub(super) &'a [u16; 256],
);

impl<const TABLES: usize> NullaryFnOnce for LookUpV4<'_, TABLES> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const ROWS: usize = 32;
        let Self(simd, bp, sums, of) = self;
        let halves: [u16x32; 8] = cast(*of);
        for (bp, sums) in bp.as_chunks_mut::<ROWS>().0.iter_mut().zip(sums.as_chunks::<ROWS>().0) {
            let sums = simd.avx512bw._mm512_cvtepu8_epi16(cast(*sums));
            // Only the low six bits of a sum count in a table.
            let within = |table: usize| -> u16x32 {
                let [low, high] = [0, 1].map(|half| cast(halves[2 * table + half]));
                cast(simd.avx512bw._mm512_permutex2var_epi16(low, sums, high))
            };
            let mut found = within(0);
            for table in 1..TABLES {
                #[expect(clippy::cast_possible_truncation, reason = "at most 192")]
                let beyond = simd.cmp_ge_u16x32(cast(sums), simd.splat_u16x32(64 * table as u16));
                found = simd.select_u16x32(beyond, within(table), found);
            }
            *bp = cast(found);
        }
    }
}
