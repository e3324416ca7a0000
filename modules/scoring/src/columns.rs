//! Building blocks for the columns of a block of coaches.

use std::collections::BTreeMap;

use crate::subscore::BLOCK;

/// Values that few rows have, under a key that a job names: `(row, value)` in row order for each key.
///
/// A kernel touches only the keys that its job asks for, so a snapshot pays for a coach's two
/// certifications, not for the fifty that the coach does not hold.
pub(crate) struct Sparse<K, V>(BTreeMap<K, Vec<(u16, V)>>);

impl<K: Ord, V> Sparse<K, V> {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a value; rows come in order.
    pub(crate) fn push(&mut self, key: K, row: usize, value: V) {
        debug_assert!(row < BLOCK, "a block has {BLOCK} rows");
        self.0.entry(key).or_default().push((u16::try_from(row).unwrap_or_default(), value));
    }

    /// The rows that have a value under the key.
    pub(crate) fn rows(&self, key: &K) -> impl Iterator<Item = (usize, &V)> {
        self.0.get(key).into_iter().flatten().map(|(row, value)| (usize::from(*row), value))
    }
}
