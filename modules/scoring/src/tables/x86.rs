//! A shuffle of bytes is a look into a table of sixteen for each of them.

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, u8x32, u8x64};

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
