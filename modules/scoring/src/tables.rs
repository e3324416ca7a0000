//! Sums of what small codes are worth: a code a row, and a table of sixteen that says what each is worth.
//!
//! Sums are bytes; whoever adds sees to it that they stay below 256.

#[cfg(target_arch = "x86_64")]
mod x86;

/// What each code below 16 is worth.
pub(crate) type Table = [u8; 16];

/// Rows whose codes are together: those of the second half are above those of the first.
pub(crate) const PAIRED: usize = 128;
const HALF: usize = PAIRED / 2;

/// A code below 16 for every row, two to a byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes(Vec<[u8; HALF]>);

impl Codes {
    /// Puts a code into the next row, or into one that is there.
    pub(crate) fn put(&mut self, row: usize, code: u8) {
        if row == PAIRED * self.0.len() {
            self.0.push([0; HALF]);
        }
        let byte = &mut self.0[row / PAIRED][row % HALF];
        *byte = if row % PAIRED < HALF { *byte & 0xf0 | code } else { *byte & 0x0f | code << 4 };
    }

    /// Adds to every row what its code is worth. Rows without a code, up to where codes would be together, are in it.
    pub(crate) fn add_up(&self, sums: &mut [u8], worth: &Table) {
        let (sums, _) = sums.as_chunks_mut::<PAIRED>();
        match pulp::Arch::new() {
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V4(simd) => simd.vectorize(x86::AddUpV4(simd, sums, &self.0, worth)),
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(simd) => simd.vectorize(x86::AddUpV3(simd, sums, &self.0, worth)),
            _ => one_by_one(sums, &self.0, worth),
        }
    }

    /// The codes as they lie in memory.
    pub(crate) fn packed(&self) -> &[[u8; HALF]] {
        &self.0
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        HALF * self.0.capacity()
    }

    /// Gives back what growing took too much.
    pub(crate) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

fn one_by_one(sums: &mut [[u8; PAIRED]], codes: &[[u8; HALF]], worth: &Table) {
    for (sums, codes) in sums.iter_mut().zip(codes) {
        let (first, second) = sums.split_at_mut(HALF);
        for ((first, second), code) in first.iter_mut().zip(second).zip(codes) {
            *first += worth[usize::from(*code & 0x0f)];
            *second += worth[usize::from(*code >> 4)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_was_put_in_last() {
        let mut codes = Codes::default();
        (0..200).for_each(|row| codes.put(row, 15));
        (0..200).for_each(|row| codes.put(row, u8::try_from(row % 13).unwrap()));
        let mut sums = [0; 2 * PAIRED];
        codes.add_up(&mut sums, &std::array::from_fn(|code| u8::try_from(code).unwrap()));
        assert!(sums[..200].iter().enumerate().all(|(row, sum)| usize::from(*sum) == row % 13), "{sums:?}");
    }

    #[test]
    fn every_width_adds_up_alike() {
        let worth: Table = std::array::from_fn(|code| u8::try_from(code * code % 41).unwrap());
        for rows in [0, 1, 64, 65, 128, 129, 1_024] {
            let mut codes = Codes::default();
            let code = |row: usize| row * 7 % 16;
            (0..rows).for_each(|row| codes.put(row, u8::try_from(code(row)).unwrap()));
            let whole = rows.next_multiple_of(PAIRED);
            let mut sums = vec![3; whole + PAIRED];
            let same = |sums: &[u8]| {
                (0..rows).all(|row| sums[row] == 3 + worth[code(row)])
                    && sums[whole..].iter().all(|sum| *sum == 3)
            };
            codes.add_up(&mut sums, &worth);
            assert!(same(&sums), "{rows} as this machine does it");
            sums.fill(3);
            one_by_one(sums.as_chunks_mut().0, &codes.0, &worth);
            assert!(same(&sums), "{rows} one by one");
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                sums.fill(3);
                simd.vectorize(x86::AddUpV3(simd, sums.as_chunks_mut().0, &codes.0, &worth));
                assert!(same(&sums), "{rows} by 256 bits");
            }
        }
    }
}
