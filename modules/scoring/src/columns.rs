//! Building blocks for the columns of a block of coaches.
//!
//! Columns are what the engine reads a million times, so they are small: a value that few rows have is kept for those
//! rows, and a value that many rows share is kept once.

use crate::subscore::BLOCK;

/// Values that few rows have, under a key that a job names: in row order for each key.
///
/// A kernel touches only the keys that its job asks for, so a snapshot pays for a coach's two certifications, not for the
/// fifty that the coach does not hold. A row may have several values under a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sparse {
    /// The values of key `k` lie at `ends[k - 1]..ends[k]`.
    ends: Vec<u32>,
    rows: Vec<u16>,
    values: Vec<u32>,
}

impl Sparse {
    fn range(&self, key: usize) -> std::ops::Range<usize> {
        let end = |key: usize| self.ends.get(key).or(self.ends.last()).map_or(0, |end| *end as usize);
        let start = if key == 0 { 0 } else { end(key - 1) };
        start..end(key)
    }

    /// Adds a value of a row under a key.
    pub(crate) fn insert(&mut self, key: usize, row: usize, value: u32) {
        let end = self.ends.last().copied().unwrap_or_default();
        while self.ends.len() <= key {
            self.ends.push(end);
        }
        let row = narrow(row);
        let of_key = self.range(key);
        let place = of_key.start + self.rows[of_key].partition_point(|other| *other <= row);
        self.rows.insert(place, row);
        self.values.insert(place, value);
        for end in &mut self.ends[key..] {
            *end += 1;
        }
    }

    /// Forgets whatever a row has.
    pub(crate) fn remove(&mut self, row: usize) {
        let row = narrow(row);
        for key in 0..self.ends.len() {
            let of_key = self.range(key);
            let start = of_key.start + self.rows[of_key.clone()].partition_point(|other| *other < row);
            let end = of_key.start + self.rows[of_key].partition_point(|other| *other <= row);
            if start < end {
                self.rows.drain(start..end);
                self.values.drain(start..end);
                for later in &mut self.ends[key..] {
                    *later -= u32::try_from(end - start).unwrap_or_default();
                }
            }
        }
    }

    /// The rows that have a value under the key, and the values.
    pub(crate) fn of(&self, key: usize) -> (&[u16], &[u32]) {
        let of_key = self.range(key);
        (&self.rows[of_key.clone()], &self.values[of_key])
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.ends.capacity() * 4 + self.rows.capacity() * 2 + self.values.capacity() * 4
    }

    /// Gives back what growing took too much.
    pub(crate) fn shrink(&mut self) {
        self.ends.shrink_to_fit();
        self.rows.shrink_to_fit();
        self.values.shrink_to_fit();
    }
}

fn narrow(row: usize) -> u16 {
    u16::try_from(row).expect("a block has few rows")
}

/// A column of few distinct values: each is kept once, and a row holds its number.
#[derive(Clone, Debug)]
pub(crate) struct Coded<V> {
    values: Vec<V>,
    codes: Codes,
}

/// One code a row.
#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// As long as there are at most 256 values.
    Narrow(Vec<u8>),
    /// A block has 1024 rows, so that this is always enough.
    Wide(Vec<u16>),
}

impl<V> Default for Coded<V> {
    fn default() -> Self {
        Self { values: Vec::new(), codes: Codes::Narrow(Vec::new()) }
    }
}

impl<V: Copy + PartialEq> Coded<V> {
    /// The distinct values; some may be left over that no row has any more.
    pub(crate) fn values(&self) -> &[V] {
        &self.values
    }

    pub(crate) fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The number of the value that a row has.
    pub(crate) fn code(&self, row: usize) -> usize {
        match &self.codes {
            Codes::Narrow(codes) => usize::from(codes[row]),
            Codes::Wide(codes) => usize::from(codes[row]),
        }
    }

    fn rows(&self) -> usize {
        match &self.codes {
            Codes::Narrow(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
        }
    }

    /// Puts a value into a row, the next one or one that is there.
    pub(crate) fn set(&mut self, row: usize, value: V) {
        let most = if matches!(self.codes, Codes::Narrow(_)) { 256 } else { 2 * BLOCK };
        let known = self.values.iter().position(|other| *other == value);
        if known.is_none() && self.values.len() == most {
            self.compact();
            if self.values.len() == most {
                self.widen();
            }
        }
        let code = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        match &mut self.codes {
            Codes::Narrow(codes) => put(codes, row, u8::try_from(code).unwrap_or_default()),
            Codes::Wide(codes) => put(codes, row, narrow(code)),
        }
    }

    /// Drops the values that no row has any more.
    fn compact(&mut self) {
        let mut renamed = vec![None; self.values.len()];
        let mut kept = Vec::new();
        for row in 0..self.rows() {
            let code = self.code(row);
            let new = *renamed[code].get_or_insert_with(|| {
                kept.push(self.values[code]);
                kept.len() - 1
            });
            match &mut self.codes {
                Codes::Narrow(codes) => codes[row] = u8::try_from(new).unwrap_or_default(),
                Codes::Wide(codes) => codes[row] = narrow(new),
            }
        }
        self.values = kept;
    }

    fn widen(&mut self) {
        if let Codes::Narrow(codes) = &self.codes {
            self.codes = Codes::Wide(codes.iter().map(|code| u16::from(*code)).collect());
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let codes = match &self.codes {
            Codes::Narrow(codes) => codes.capacity(),
            Codes::Wide(codes) => codes.capacity() * 2,
        };
        self.values.capacity() * size_of::<V>() + codes
    }

    /// Gives back what growing took too much.
    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
        match &mut self.codes {
            Codes::Narrow(codes) => codes.shrink_to_fit(),
            Codes::Wide(codes) => codes.shrink_to_fit(),
        }
    }
}

/// Puts a value into the next place, or into one that is there.
pub(crate) fn put<V>(column: &mut Vec<V>, row: usize, value: V) {
    if row == column.len() {
        column.push(value);
    } else {
        column[row] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_column_holds_what_was_put_in_last() {
        let mut column = Sparse::default();
        for (key, row, value) in [(3, 0, 10), (0, 0, 11), (3, 2, 12), (3, 1, 13), (3, 1, 14), (7, 5, 15)] {
            column.insert(key, row, value);
        }
        assert_eq!(column.of(3), (&[0, 1, 1, 2][..], &[10, 13, 14, 12][..]));
        assert_eq!(column.of(0), (&[0][..], &[11][..]));
        assert_eq!([column.of(5).0.len(), column.of(8).0.len()], [0, 0]);
        column.remove(1);
        column.remove(0);
        assert_eq!(column.of(3), (&[2][..], &[12][..]));
        assert_eq!([column.of(0).0.len(), column.of(7).0.len()], [0, 1]);
    }

    #[test]
    fn a_coded_column_widens_and_forgets() {
        let mut column = Coded::default();
        let read = |column: &Coded<u32>| -> Vec<u32> {
            (0..column.rows()).map(|row| column.values()[column.code(row)]).collect()
        };
        for row in 0..BLOCK {
            column.set(row, u32::try_from(row % 256).unwrap());
        }
        assert!(matches!(column.codes(), Codes::Narrow(_)));
        // A 257th value finds no place, unless one is not used any more.
        for row in (3..BLOCK).step_by(256) {
            column.set(row, 4);
        }
        column.set(0, 1_000);
        assert!(matches!(column.codes(), Codes::Narrow(_)));
        column.set(1, 1_001);
        assert!(matches!(column.codes(), Codes::Wide(_)));
        assert_eq!(read(&column)[..5], [1_000, 1_001, 2, 4, 4]);
        for round in 0..5_u32 {
            for row in 0..BLOCK {
                column.set(row, 10_000 * round + u32::try_from(row).unwrap());
            }
        }
        assert_eq!(read(&column), (40_000..41_024).collect::<Vec<u32>>());
        assert!(column.values().len() <= 2 * BLOCK);
    }
}
