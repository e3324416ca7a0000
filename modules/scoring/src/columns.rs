//! Building blocks for the columns of a block of coaches.
//!
//! Columns are what the engine reads a million times, so they are small: a value that few rows have is kept for those
//! rows, and what is true of a row or not is a bit.

use crate::subscore::Rows;
use crate::wide::ahead;

/// Values that few rows have, under a key that a job names, one a row: a set of rows for each key, and beside it their values
/// in row order.
///
/// A kernel touches only the keys that its job asks for, so a snapshot pays for a coach's two modalities, not for the
/// thirty that the coach has not taught.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sparse {
    /// By key: the place of its set, counted from 1; 0 where nobody has ever had a value.
    places: Vec<u16>,
    sets: Vec<Rows>,
    /// The values of the set `p` lie at `ends[p - 1]..ends[p]`.
    ends: Vec<u32>,
    /// After the last come [`Sparse::SPARE`] more, so that as many can be read from anywhere.
    values: Vec<u32>,
}

impl Sparse {
    /// So many can be read from where any value is.
    pub(crate) const SPARE: usize = 16;

    /// Where the values of a set begin.
    #[inline(always)]
    fn start(&self, set: usize) -> usize {
        set.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Gives a row a value under a key under which it has none.
    pub(crate) fn insert(&mut self, key: usize, row: usize, value: u32) {
        if self.values.is_empty() {
            self.values = vec![0; Self::SPARE];
        }
        if self.places.len() <= key {
            self.places.resize(key + 1, 0);
        }
        if self.places[key] == 0 {
            self.sets.push(Rows::NONE);
            self.ends.push(self.ends.last().copied().unwrap_or_default());
            self.places[key] = narrow(self.sets.len());
        }
        let set = usize::from(self.places[key]) - 1;
        self.values.insert(self.start(set) + self.sets[set].before(row), value);
        self.sets[set].put(row, true);
        self.ends[set..].iter_mut().for_each(|end| *end += 1);
    }

    /// Forgets whatever a row has.
    pub(crate) fn remove(&mut self, row: usize) {
        for set in 0..self.sets.len() {
            if self.sets[set].has(row) {
                self.values.remove(self.start(set) + self.sets[set].before(row));
                self.sets[set].put(row, false);
                self.ends[set..].iter_mut().for_each(|end| *end -= 1);
            }
        }
    }

    /// The rows that have a value under the key, and the values, after which come others.
    #[inline(always)]
    pub(crate) fn of(&self, key: usize) -> (&Rows, &[u32]) {
        match self.places.get(key).and_then(|place| usize::from(*place).checked_sub(1)) {
            Some(set) => (&self.sets[set], &self.values[self.start(set)..]),
            None => (&Rows::NONE, &[0; Self::SPARE]),
        }
    }

    /// Asks for the memory of what says where values are.
    pub(crate) fn index(&self) {
        ahead(&self.places);
        ahead(&self.ends);
    }

    /// Asks for the memory of [`Sparse::of`].
    pub(crate) fn ahead(&self, key: usize) {
        if let Some(set) = self.places.get(key).and_then(|place| usize::from(*place).checked_sub(1)) {
            ahead(std::slice::from_ref(&self.sets[set]));
            ahead(&self.values[self.start(set)..self.ends[set] as usize]);
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let wide = 4 * (self.ends.capacity() + self.values.capacity());
        2 * self.places.capacity() + wide + size_of::<Rows>() * self.sets.capacity()
    }

    /// Gives back what growing took too much.
    pub(crate) fn shrink(&mut self) {
        self.places.shrink_to_fit();
        self.sets.shrink_to_fit();
        self.ends.shrink_to_fit();
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

    #[inline(always)]
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
    #[inline(always)]
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

    /// Asks for the memory of what says where sets and ends are.
    pub(crate) fn index(&self) {
        ahead(&self.places);
        ahead(&self.until);
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
        for (key, row, value) in [(3, 0, 10), (0, 0, 11), (3, 2, 12), (3, 1, 13), (7, 5, 15), (3, 900, 14)] {
            column.insert(key, row, value);
        }
        let read = |column: &Sparse, key| {
            let (rows, values) = column.of(key);
            assert!(values.len() >= rows.count() + Sparse::SPARE || rows.is_empty());
            rows.iter().zip(values.iter().copied()).collect::<Vec<_>>()
        };
        assert_eq!(read(&column, 3), [(0, 10), (1, 13), (2, 12), (900, 14)]);
        assert_eq!([read(&column, 0), read(&column, 7)], [vec![(0, 11)], vec![(5, 15)]]);
        assert_eq!([read(&column, 5), read(&column, 8)], [vec![], vec![]]);
        column.remove(1);
        column.remove(0);
        assert_eq!(read(&column, 3), [(2, 12), (900, 14)]);
        assert_eq!([read(&column, 0), read(&column, 7)], [vec![], vec![(5, 15)]]);
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
