//! Sets of rows of a block, one bit a row: what is true or not of a coach is asked and combined for 64 rows at a time.
//!
//! Where a truth is worth something, [`Rows::add`] brings it into lanes; where a figure reaches something, [`at_least`] brings
//! it back.

use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

use pulp::Arch;

use crate::subscore::BLOCK;

#[cfg(target_arch = "x86_64")]
mod x86;

/// Rows in a word.
pub(crate) const WORD: usize = 64;
const WORDS: usize = BLOCK / WORD;

/// A set of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Rows([u64; WORDS]);

impl Default for Rows {
    fn default() -> Self {
        Self::NONE
    }
}

impl Rows {
    /// No row.
    pub(crate) const NONE: Self = Self([0; WORDS]);
    /// Every row that a block can have.
    pub(crate) const ALL: Self = Self([u64::MAX; WORDS]);

    /// The first so many rows.
    #[inline(always)]
    pub(crate) fn first(count: usize) -> Self {
        Self(std::array::from_fn(|word| match count.saturating_sub(word * WORD) {
            0 => 0,
            rows @ 1..WORD => (1 << rows) - 1,
            _ => u64::MAX,
        }))
    }

    /// Whether a row is in it.
    #[must_use]
    #[inline(always)]
    pub fn has(&self, row: usize) -> bool {
        self.0[row / WORD] >> (row % WORD) & 1 == 1
    }

    /// Puts a row in, or takes it out.
    #[inline(always)]
    pub(crate) fn put(&mut self, row: usize, is_in: bool) {
        let (word, bit) = (&mut self.0[row / WORD], 1 << (row % WORD));
        *word = if is_in { *word | bit } else { *word & !bit };
    }

    /// How many there are before a row.
    pub(crate) fn before(&self, row: usize) -> usize {
        (*self & Self::first(row)).count()
    }

    /// The rows as bits, 64 a word.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) == 0
    }

    /// The rows in it, in order.
    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(place, mut word)| {
            std::iter::from_fn(move || {
                let row = (word != 0).then(|| place * WORD + word.trailing_zeros() as usize);
                word &= word.wrapping_sub(1);
                row
            })
        })
    }

    /// Those that are not in the other.
    #[inline(always)]
    pub(crate) fn without(self, other: Self) -> Self {
        self & !other
    }

    /// Adds to the lanes of its rows; the lanes are whole words of rows, and none comes to 256.
    pub(crate) fn add(&self, worth: u8, lanes: &mut [u8]) {
        match Arch::new() {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) => simd.vectorize(x86::AddV4(simd, lanes, &self.0, worth)),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(simd) => simd.vectorize(x86::AddV3(simd, lanes, &self.0, worth)),
            _ => add(lanes, &self.0, worth),
        }
    }
}

impl BitAnd for Rows {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }
}

impl BitOr for Rows {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }
}

impl Not for Rows {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}

impl BitAndAssign for Rows {
    #[inline(always)]
    fn bitand_assign(&mut self, other: Self) {
        *self = *self & other;
    }
}

impl BitOrAssign for Rows {
    #[inline(always)]
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// Lanes whose bits are looked at together.
const GROUP: usize = 16;
/// The bit of each of them.
const BITS: [u16; GROUP] = {
    let mut bits = [0; GROUP];
    let mut lane = 0;
    while lane < GROUP {
        bits[lane] = 1 << lane;
        lane += 1;
    }
    bits
};

fn add(lanes: &mut [u8], words: &[u64; WORDS], worth: u8) {
    for (lanes, word) in lanes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
        for (row, lane) in lanes.iter_mut().enumerate() {
            *lane += if word >> row & 1 == 0 { 0 } else { worth };
        }
    }
}

/// The rows whose lane is at least so much; the lanes are whole words of rows, and rows beyond them are not in it.
#[inline(always)]
pub(crate) fn at_least(lanes: &[u16], least: u16) -> Rows {
    let mut rows = Rows::NONE;
    match Arch::new() {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(simd) => simd.vectorize(x86::CompareV4(simd, &mut rows.0, lanes, least)),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(simd) => simd.vectorize(x86::CompareV3(simd, &mut rows.0, lanes, least)),
        _ => compare(&mut rows.0, lanes, least),
    }
    rows
}

fn compare(words: &mut [u64; WORDS], lanes: &[u16], least: u16) {
    for (word, lanes) in words.iter_mut().zip(lanes.as_chunks::<WORD>().0) {
        let mut bits = 0;
        for (place, lanes) in lanes.as_chunks::<GROUP>().0.iter().enumerate() {
            let reached = lanes.iter().zip(BITS).map(|(lane, bit)| if *lane >= least { bit } else { 0 });
            bits |= u64::from(reached.fold(0, |all, bit| all | bit)) << (GROUP * place);
        }
        *word = bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::low_half;

    #[test]
    fn a_set_holds_what_was_put_in_last() {
        let mut rows = Rows::first(3);
        for (row, is_in) in [(1, false), (64, true), (1_023, true), (700, true), (700, false)] {
            rows.put(row, is_in);
        }
        assert_eq!(rows.iter().collect::<Vec<_>>(), [0, 2, 64, 1_023]);
        assert_eq!((rows.count(), rows.is_empty(), Rows::NONE.is_empty()), (4, false, true));
        assert!((0..BLOCK).all(|row| (!rows).has(row) != rows.has(row)));
        for count in [0, 1, 63, 64, 65, BLOCK] {
            assert!(Rows::first(count).iter().eq(0..count));
        }
    }

    /// Lanes and sets of any kind, and something to compare them with.
    fn samples() -> impl Iterator<Item = ([u16; BLOCK], Rows, u16)> {
        let mut state = 1_u64;
        let mut any = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low_half(u32::try_from(state >> 40).unwrap())
        };
        (0..200).map(move |number| {
            let mut rows = Rows::NONE;
            (0..BLOCK).for_each(|row| rows.put(row, any() % 3 == 0));
            let most = if number % 2 == 0 { 4 } else { 30_000 };
            (std::array::from_fn(|_| any() % most), rows, any() % most)
        })
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_width_gives_the_same() {
        for (lanes, rows, worth) in samples() {
            let (small, few) =
                (lanes.map(|lane| u8::try_from(lane % 100).unwrap()), u8::try_from(worth % 150).unwrap());
            for count in [BLOCK, 128, 64, 0] {
                let (mut expected, mut reached) = (small, Rows::NONE);
                add(&mut expected[..count], &rows.0, few);
                compare(&mut reached.0, &lanes[..count], worth);
                if let Some(simd) = pulp::x86::V3::try_new() {
                    let (mut given, mut found) = (small, Rows::NONE);
                    simd.vectorize(x86::AddV3(simd, &mut given[..count], &rows.0, few));
                    simd.vectorize(x86::CompareV3(simd, &mut found.0, &lanes[..count], worth));
                    assert_eq!((given, found), (expected, reached));
                }
                if let Some(simd) = pulp::x86::V4::try_new() {
                    let (mut given, mut found) = (small, Rows::NONE);
                    simd.vectorize(x86::AddV4(simd, &mut given[..count], &rows.0, few));
                    simd.vectorize(x86::CompareV4(simd, &mut found.0, &lanes[..count], worth));
                    assert_eq!((given, found), (expected, reached));
                }
            }
        }
    }

    #[test]
    fn lanes_and_sets_agree() {
        let mut rows = Rows::NONE;
        (0..BLOCK).filter(|row| row * row % 7 == 2).for_each(|row| rows.put(row, true));
        let mut sums = [3; BLOCK];
        rows.add(250, &mut sums);
        assert!(sums.iter().enumerate().all(|(row, sum)| *sum == if rows.has(row) { 253 } else { 3 }));
        assert!(
            (0..BLOCK).all(|row| rows.before(row) == rows.iter().take_while(|other| *other < row).count())
        );
        let lanes = sums.map(u16::from);
        assert_eq!(at_least(&lanes, 4), rows);
        assert_eq!(at_least(&lanes[..128], 4), rows & Rows::first(128));
        assert_eq!(at_least(&lanes, 0), Rows::ALL);
        assert_eq!(at_least(&lanes, u16::MAX), Rows::NONE);
    }
}
