//! A shuffle of bytes is a look into a table of sixteen for each of them.

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, u8x32, u8x64};

use super::{Table, one_by_one};

/// By 512 bits.
pub(super) struct AddUpV4<'a>(
    pub(super) V4,
    pub(super) &'a mut [u8],
    pub(super) &'a [u8],
    pub(super) &'a Table,
);

impl NullaryFnOnce for AddUpV4<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, sums, codes, worth) = self;
        let table = cast([*worth; 4]);
        let ((whole, rest), (codes, last)) = (sums.as_chunks_mut::<64>(), codes.as_chunks::<64>());
        for (sums, codes) in whole.iter_mut().zip(codes) {
            let worth: u8x64 = cast(simd.avx512bw._mm512_shuffle_epi8(table, cast(*codes)));
            *sums = cast(simd.wrapping_add_u8x64(cast(*sums), worth));
        }
        one_by_one(rest, last, worth);
    }
}

/// By 256 bits.
pub(super) struct AddUpV3<'a>(
    pub(super) V3,
    pub(super) &'a mut [u8],
    pub(super) &'a [u8],
    pub(super) &'a Table,
);

impl NullaryFnOnce for AddUpV3<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, sums, codes, worth) = self;
        let table = cast([*worth; 2]);
        let ((whole, rest), (codes, last)) = (sums.as_chunks_mut::<32>(), codes.as_chunks::<32>());
        for (sums, codes) in whole.iter_mut().zip(codes) {
            let worth: u8x32 = cast(simd.avx2._mm256_shuffle_epi8(table, cast(*codes)));
            *sums = cast(simd.wrapping_add_u8x32(cast(*sums), worth));
        }
        one_by_one(rest, last, worth);
    }
}
