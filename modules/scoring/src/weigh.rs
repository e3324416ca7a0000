//! The weighted mean of figures, row by row.
//!
//! Figures come in pairs, because that is how 16-bit numbers are multiplied and added up fastest: a row's two figures side by
//! side, times their two factors, is one number of 32 bits.

use crate::num::{Quotient, Share};
use crate::subscore::BLOCK;
use crate::wide::{Aligned, wide};

#[cfg(target_arch = "x86_64")]
mod x86;

/// What sub-scores say of the rows of a block, two and two, and what each counts. One that is left over is beside another
/// that counts nothing.
pub(crate) struct Figures {
    pairs: Vec<Pair>,
    given: usize,
}

struct Pair {
    bp: [Box<Aligned<[u16; BLOCK]>>; 2],
    factors: [u16; 2],
}

impl Figures {
    /// Room for so many.
    pub(crate) fn with_room_for(count: usize) -> Self {
        let pair =
            || Pair { bp: std::array::from_fn(|_| Box::new(Aligned::new([0; BLOCK]))), factors: [0; 2] };
        Self { pairs: std::iter::repeat_with(pair).take(count.div_ceil(2)).collect(), given: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.given = 0;
    }

    /// Takes lanes of figures, which count so much, and leaves others in their place.
    pub(crate) fn take(&mut self, bp: &mut Box<Aligned<[u16; BLOCK]>>, factor: u16) {
        let Pair { bp: lanes, factors } = &mut self.pairs[self.given / 2];
        let side = self.given % 2;
        std::mem::swap(&mut lanes[side], bp);
        factors[side] = factor;
        if side == 0 {
            factors[1] = 0;
        }
        self.given += 1;
    }

    /// What was taken as the number so many.
    pub(crate) fn of(&self, number: usize) -> &[u16; BLOCK] {
        &self.pairs[number / 2].bp[number % 2]
    }

    /// Σ factor · figure, divided, for whole words of rows.
    pub(crate) fn weigh(&self, scores: &mut [u16], share: Share) {
        let pairs = &self.pairs[..self.given.div_ceil(2)];
        match (share, pulp::Arch::new()) {
            #[cfg(target_arch = "x86_64")]
            (Share::Narrow(by), pulp::Arch::V4(simd)) => {
                simd.vectorize(x86::WeighV4(simd, scores, pairs, by));
            }
            #[cfg(target_arch = "x86_64")]
            (Share::Narrow(by), pulp::Arch::V3(simd)) => {
                simd.vectorize(x86::WeighV3(simd, scores, pairs, by));
            }
            (Share::Narrow(by), _) => weigh(scores, pairs, by),
            // Weights that somebody has typed rarely have small sums.
            (Share::Wide(by), _) => wide(weigh, (scores, pairs, by)),
        }
    }
}

#[inline(always)]
fn weigh<Q: Quotient>(scores: &mut [u16], pairs: &[Pair], by: Q) {
    for (row, score) in scores.iter_mut().enumerate() {
        let product =
            |pair: &Pair, side: usize| u32::from(pair.factors[side]) * u32::from(pair.bp[side][row]);
        *score = by.bp(pairs.iter().map(|pair| product(pair, 0) + product(pair, 1)).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::div_round;

    #[test]
    fn every_width_weighs_alike() {
        let factors = [5, 4, 5, 3, 1, 2];
        for count in 0..=factors.len() {
            let mut figures = Figures::with_room_for(factors.len());
            // What an earlier block has left does not count.
            for _ in 0..2 {
                figures.clear();
                for (number, factor) in factors.iter().enumerate().take(count) {
                    let lane = |row: usize| u16::try_from((row * 7_919 + number * 104_729) % 10_001).unwrap();
                    figures.take(&mut Box::new(Aligned::new(std::array::from_fn(lane))), *factor);
                }
            }
            let whole: u16 = factors.iter().take(count).sum();
            let expected: Vec<u64> = (0..BLOCK)
                .map(|row| {
                    let sum = (0..count).map(|k| u64::from(factors[k]) * u64::from(figures.of(k)[row])).sum();
                    if whole == 0 { 0 } else { div_round(sum, whole.into()) }
                })
                .collect();
            let share = Share::scaled(1, whole.into());
            let same =
                |scores: &[u16]| scores.iter().map(|score| u64::from(*score)).eq(expected.iter().copied());
            let mut scores = [1; BLOCK];
            figures.weigh(&mut scores, share);
            assert!(same(&scores), "{count} as this machine does it");
            let Share::Narrow(by) = share else { panic!("a small sum") };
            let pairs = &figures.pairs[..count.div_ceil(2)];
            weigh(&mut scores, pairs, by);
            assert!(same(&scores), "{count} row by row");
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                scores.fill(1);
                simd.vectorize(x86::WeighV3(simd, &mut scores, pairs, by));
                assert!(same(&scores), "{count} by 256 bits");
            }
        }
    }
}
