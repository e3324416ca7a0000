//! Building blocks for the columns of a block of coaches.
//!
//! Columns are what the engine reads a million times, so they are small: a value that few rows have is kept for those
//! rows, and what is true of a row or not is a bit.

use crate::subscore::Rows;
use crate::wide::ahead;

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

    /// Asks for the memory of [`Sparse::of`].
    pub(crate) fn ahead(&self, key: usize) {
        let (rows, values) = self.of(key);
        ahead(rows);
        ahead(values);
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

/// Who has something under a key that a job names, and until when, in days from the day of the snapshot: a set of rows for
/// each key, and beside it the end of those for whom there is one, the first to end first.
///
/// Nearly everybody who has something today has it still on the day that a job starts. So a job takes the set, and takes
/// out of it the few whose end comes before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lasting {
    /// By key: the place of its set, counted from 1; 0 where nobody has ever had it.
    places: Vec<u16>,
    sets: Vec<Rows>,
    /// The ends of key `k` lie at `until[k - 1]..until[k]` of `days` and `rows`.
    until: Vec<u32>,
    days: Vec<u32>,
    rows: Vec<u16>,
}

impl Lasting {
    /// What ends then never ends.
    pub(crate) const FOR_EVER: u32 = u32::MAX;

    fn range(&self, key: usize) -> std::ops::Range<usize> {
        let end = |key: usize| self.until.get(key).or(self.until.last()).map_or(0, |end| *end as usize);
        let start = if key == 0 { 0 } else { end(key - 1) };
        start..end(key)
    }

    /// A row has it under a key, for so many days more; it has no other end under that key.
    pub(crate) fn insert(&mut self, key: usize, row: usize, days: u32) {
        if self.places.len() <= key {
            self.places.resize(key + 1, 0);
            self.until.resize(key + 1, self.until.last().copied().unwrap_or_default());
        }
        if self.places[key] == 0 {
            self.sets.push(Rows::NONE);
            self.places[key] = narrow(self.sets.len());
        }
        self.sets[usize::from(self.places[key]) - 1].put(row, true);
        if days < Self::FOR_EVER {
            let of_key = self.range(key);
            let place = of_key.start + self.days[of_key].partition_point(|other| *other < days);
            self.days.insert(place, days);
            self.rows.insert(place, narrow(row));
            self.until[key..].iter_mut().for_each(|until| *until += 1);
        }
    }

    /// Forgets whatever a row has.
    pub(crate) fn remove(&mut self, row: usize) {
        self.sets.iter_mut().for_each(|set| set.put(row, false));
        let row = narrow(row);
        let (mut kept, mut start) = (0, 0);
        for until in &mut self.until {
            let end = *until as usize;
            for place in start..end {
                if self.rows[place] != row {
                    (self.days[kept], self.rows[kept]) = (self.days[place], self.rows[place]);
                    kept += 1;
                }
            }
            start = end;
            *until = u32::try_from(kept).unwrap_or_default();
        }
        self.days.truncate(kept);
        self.rows.truncate(kept);
    }

    /// Those who have it under a key on the day of the snapshot, and the ends before another day, so many days later: the row
    /// and the days.
    pub(crate) fn of(&self, key: usize, later: u32) -> (Rows, impl Iterator<Item = (usize, u32)>) {
        let set = match self.places.get(key) {
            None | Some(0) => Rows::NONE,
            Some(place) => self.sets[usize::from(*place) - 1],
        };
        let of_key = self.range(key);
        let ends = self.days[of_key.clone()].iter().zip(&self.rows[of_key]);
        let before = ends.take_while(move |(days, _)| **days < later);
        (set, before.map(|(days, row)| (usize::from(*row), *days)))
    }

    /// Asks for the memory of [`Lasting::of`]; of the ends, the first few.
    pub(crate) fn ahead(&self, key: usize) {
        if let Some(place) = self.places.get(key).and_then(|place| place.checked_sub(1)) {
            ahead(&self.sets[usize::from(place)..=usize::from(place)]);
        }
        let ends = self.range(key);
        let few = ends.start..ends.end.min(ends.start + 16);
        ahead(&self.days[few.clone()]);
        ahead(&self.rows[few]);
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let small = 2 * (self.places.capacity() + self.rows.capacity());
        let wide = 4 * (self.until.capacity() + self.days.capacity());
        small + wide + size_of::<Rows>() * self.sets.capacity()
    }

    /// Gives back what growing took too much.
    pub(crate) fn shrink(&mut self) {
        self.places.shrink_to_fit();
        self.sets.shrink_to_fit();
        self.until.shrink_to_fit();
        self.days.shrink_to_fit();
        self.rows.shrink_to_fit();
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
    fn a_lasting_column_ends_in_time() {
        let mut column = Lasting::default();
        for (key, row, days) in [(2, 5, 10), (2, 1_023, 3), (2, 7, Lasting::FOR_EVER), (0, 5, 0), (4, 9, 8)] {
            column.insert(key, row, days);
        }
        let read = |column: &Lasting, key, later| {
            let (set, ends) = column.of(key, later);
            (set.iter().collect::<Vec<_>>(), ends.collect::<Vec<_>>())
        };
        assert_eq!(read(&column, 2, 0), (vec![5, 7, 1_023], vec![]));
        assert_eq!(read(&column, 2, 4), (vec![5, 7, 1_023], vec![(1_023, 3)]));
        assert_eq!(read(&column, 2, u32::MAX).1, [(1_023, 3), (5, 10)]);
        assert_eq!(read(&column, 0, 1), (vec![5], vec![(5, 0)]));
        assert_eq!([read(&column, 1, 9), read(&column, 5, 9)], [(vec![], vec![]), (vec![], vec![])]);
        column.remove(5);
        assert_eq!(read(&column, 2, u32::MAX), (vec![7, 1_023], vec![(1_023, 3)]));
        assert_eq!(read(&column, 0, 9), (vec![], vec![]));
        assert_eq!(read(&column, 4, 9), (vec![9], vec![(9, 8)]));
    }
}
