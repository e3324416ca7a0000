//! The coaches of one brand as columns, in blocks of [`BLOCK`] rows.
//!
//! A block holds one piece of columns per registered sub-score, made by that sub-score alone. Blocks are
//! independent and immutable: a changed coach costs one block, and readers keep the blocks they have. A
//! snapshot belongs to one day, because experience is counted back from it.

use chrono::NaiveDate;

use crate::facts::Coach;
use crate::registry::{self, Columns};
use crate::subscore::BLOCK;

/// An immutable set of coaches, ready to be scored against any job on one day.
pub struct Snapshot {
    as_of: NaiveDate,
    blocks: Vec<Block>,
}

/// Up to [`BLOCK`] coaches.
pub(crate) struct Block {
    pub(crate) ids: Vec<u64>,
    /// In registration order.
    pub(crate) columns: Vec<Columns>,
}

impl Snapshot {
    /// Packs coaches with their ids, keeping their order.
    #[must_use]
    pub fn build(as_of: NaiveDate, coaches: &[(u64, &Coach)]) -> Self {
        let blocks = coaches.chunks(BLOCK).map(|chunk| {
            let facts: Vec<&Coach> = chunk.iter().map(|(_, coach)| *coach).collect();
            Block {
                ids: chunk.iter().map(|(id, _)| *id).collect(),
                columns: registry::all().iter().map(|entry| (entry.pack)(&facts, as_of)).collect(),
            }
        });
        Self { as_of, blocks: blocks.collect() }
    }

    /// The day that it belongs to.
    #[must_use]
    pub fn as_of(&self) -> NaiveDate {
        self.as_of
    }

    /// How many coaches it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.ids.len()).sum()
    }

    /// Whether it holds nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}
