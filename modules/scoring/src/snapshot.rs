//! The coaches of one brand as columns, in blocks of [`BLOCK`] rows.
//!
//! A block holds one piece of columns per registered sub-score, made by that sub-score alone, and one per table of points
//! that presets have. Blocks are
//! independent and immutable: a changed coach costs one block, and readers keep the blocks they have. A
//! snapshot belongs to one day, because experience is counted back from it.
//!
//! Coaches of the same zone who live near one another share a block, so that a job far away is done with it at one look. That
//! is all that their order means: an answer does not depend on it.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::facts::Coach;
use crate::key::Key;
use crate::points::{Granted, Table};
use crate::registry;
use crate::subscore::{AnyColumns, BLOCK, Columns, Rows};

/// An immutable set of coaches, ready to be scored against any job on one day. A clone shares its blocks.
#[derive(Clone)]
pub struct Snapshot {
    as_of: NaiveDate,
    points: Arc<[Arc<Table>]>,
    blocks: Vec<Arc<Block>>,
    len: usize,
}

/// Up to [`BLOCK`] coaches.
pub(crate) struct Block {
    pub(crate) ids: Vec<u64>,
    /// The rows of coaches who have left.
    pub(crate) vacant: Rows,
    /// In registration order.
    pub(crate) columns: Vec<Box<dyn AnyColumns>>,
    /// Of each table of points.
    points: Vec<Granted>,
}

/// In place of an id: nobody is in this row.
const VACANT: u64 = u64::MAX;

impl Clone for Block {
    fn clone(&self) -> Self {
        Self {
            ids: self.ids.clone(),
            vacant: self.vacant,
            columns: self.columns.iter().map(|columns| columns.copied()).collect(),
            points: self.points.clone(),
        }
    }
}

impl Block {
    pub(crate) fn new<'t>(points: impl IntoIterator<Item = &'t Arc<Table>>) -> Self {
        Self {
            ids: Vec::new(),
            vacant: Rows::NONE,
            columns: registry::all().iter().map(|entry| (entry.columns)()).collect(),
            points: points.into_iter().map(|table| Granted::by(table.clone())).collect(),
        }
    }

    /// The columns of a sub-score.
    pub(crate) fn of(&self, key: &Key) -> &dyn AnyColumns {
        match key {
            Key::Registered(entry) => &*self.columns[*entry],
            Key::Points(table) => self
                .points
                .iter()
                .find(|granted| granted.table() == table)
                .expect("a snapshot is ranked by tables of points that it was made for"),
        }
    }

    /// Puts a coach into a row, the next one or one that is there.
    pub(crate) fn set(&mut self, row: usize, id: u64, coach: &Coach, as_of: NaiveDate) {
        crate::columns::put(&mut self.ids, row, id);
        for columns in &mut self.columns {
            columns.set(row, coach, as_of);
        }
        for granted in &mut self.points {
            Columns::set(granted, row, coach, as_of);
        }
    }

    /// The rows that somebody is in.
    pub(crate) fn taken(&self) -> Rows {
        Rows::first(self.ids.len()).without(self.vacant)
    }

    fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.columns.iter_mut().for_each(|columns| columns.shrink());
        self.points.iter_mut().for_each(Columns::shrink);
    }

    fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|columns| columns.bytes() + size_of_val(&**columns));
        let points = self.points.iter().map(|granted| Columns::bytes(granted) + size_of_val(granted));
        let own = size_of::<Self>() + size_of_val(&*self.columns) + 8 * self.ids.capacity();
        own + columns.chain(points).sum::<usize>()
    }
}

impl Snapshot {
    /// Packs coaches with their ids, each different, for presets that have these tables of points.
    #[must_use]
    pub fn build(as_of: NaiveDate, points: &[Arc<Table>], coaches: &[(u64, &Coach)]) -> Self {
        let mut roster = Roster::new(as_of, points);
        for (id, coach) in coaches {
            roster.add(*id, (*coach).clone());
        }
        roster.snapshot()
    }

    /// The day that it belongs to.
    #[must_use]
    pub fn as_of(&self) -> NaiveDate {
        self.as_of
    }

    /// The tables of points that it can be ranked by.
    #[must_use]
    pub fn points(&self) -> &[Arc<Table>] {
        &self.points
    }

    /// How many coaches it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().map(|block| &**block)
    }

    /// A block by its place.
    pub(crate) fn block(&self, place: usize) -> Option<&Block> {
        self.blocks.get(place).map(|block| &**block)
    }
}

/// Makes snapshots of a brand: everybody once, then whoever changes.
///
/// It holds the blocks of the last snapshot and where everybody is, and nothing else of the facts.
pub struct Roster {
    current: Snapshot,
    /// Coaches who have no block yet.
    waiting: Vec<(u64, Coach)>,
    places: Places,
}

/// So many are sorted by where they live at a time, which holds their facts meanwhile. Half as many made rankings of a million for
/// one job a seventh slower, as fewer blocks are out of reach.
const SORTED: usize = 32 * BLOCK;

/// A block of fewer is not closed for what comes after it.
const LEAST: usize = BLOCK / 4;

impl Roster {
    /// Nobody, on a day, for presets that have these tables of points.
    #[must_use]
    pub fn new(as_of: NaiveDate, points: &[Arc<Table>]) -> Self {
        let current = Snapshot { as_of, points: points.into(), blocks: Vec::new(), len: 0 };
        Self { current, waiting: Vec::new(), places: Places::default() }
    }

    /// The day that it belongs to.
    #[must_use]
    pub fn as_of(&self) -> NaiveDate {
        self.current.as_of
    }

    /// The tables of points that its snapshots can be ranked by.
    #[must_use]
    pub fn points(&self) -> &[Arc<Table>] {
        &self.current.points
    }

    /// How many coaches it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.len + self.waiting.len()
    }

    /// Whether it holds nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a coach who is not in it. For one who may be, there is [`Roster::put`].
    pub fn add(&mut self, id: u64, coach: Coach) {
        self.waiting.push((id, coach));
        if self.waiting.len() == SORTED {
            self.settle();
        }
    }

    /// Gives those who wait their blocks.
    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_cached_key(|(id, coach)| (Neighbourhood::of(coach), *id));
        let points = self.current.points.clone();
        let mut block = Block::new(&*points);
        let mut settled = Vec::with_capacity(waiting.len());
        let mut last = None;
        for (id, coach) in &waiting {
            let here = Neighbourhood::of(coach);
            let moved = last.is_some_and(|last: Neighbourhood| last.wide() != here.wide());
            last = Some(here);
            if block.ids.len() == BLOCK || moved && block.ids.len() >= LEAST {
                self.close(std::mem::replace(&mut block, Block::new(&*points)));
            }
            settled.push((*id, Place { block: self.current.blocks.len(), row: block.ids.len() }));
            block.set(block.ids.len(), *id, coach, self.current.as_of);
        }
        if !block.ids.is_empty() {
            self.close(block);
        }
        self.current.len += waiting.len();
        self.places.extend(settled);
    }

    fn close(&mut self, mut block: Block) {
        block.shrink();
        self.current.blocks.push(Arc::new(block));
    }

    /// Puts a coach in, new or changed. Costs one block.
    pub fn put(&mut self, id: u64, coach: &Coach) {
        self.settle();
        let as_of = self.current.as_of;
        let known = self.places.get(id);
        let place = known.unwrap_or_else(|| {
            if self.current.blocks.last().is_none_or(|block| block.ids.len() == BLOCK) {
                let block = Block::new(&*self.current.points);
                self.current.blocks.push(Arc::new(block));
            }
            let block = self.current.blocks.len() - 1;
            Place { block, row: self.current.blocks[block].ids.len() }
        });
        Arc::make_mut(&mut self.current.blocks[place.block]).set(place.row, id, coach, as_of);
        if known.is_none() {
            self.current.len += 1;
            self.places.extend(vec![(id, place)]);
        }
    }

    /// Takes a coach out who may be in it.
    pub fn remove(&mut self, id: u64) {
        self.settle();
        let Some(place) = self.places.remove(id) else { return };
        let block = Arc::make_mut(&mut self.current.blocks[place.block]);
        block.set(place.row, VACANT, &Coach::default(), self.current.as_of);
        block.vacant.put(place.row, true);
        self.current.len -= 1;
    }

    /// Everybody as they are now.
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        self.settle();
        self.current.clone()
    }

    /// Bytes that it takes, with the snapshot that it has made last.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let blocks = self.current.blocks.iter().map(|block| block.bytes() + size_of::<Arc<Block>>());
        size_of::<Self>() + blocks.sum::<usize>() + self.places.bytes()
    }
}

/// Where a coach is: a zone, and a cell of a curve over the map on which what is close is mostly near.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Neighbourhood {
    zone: Option<crate::facts::Zone>,
    /// Without a home last.
    cell: u32,
}

impl Neighbourhood {
    fn of(coach: &Coach) -> Self {
        let cell = coach.point.map_or(u32::MAX, |point| {
            interleaved(point.lat + 90.0, 180.0) << 1 | interleaved(point.lon + 180.0, 360.0)
        });
        Self { zone: coach.tz, cell }
    }

    /// The zone, and a cell of 5.6 by 11 degrees.
    fn wide(self) -> (Option<crate::facts::Zone>, u32) {
        (self.zone, self.cell >> 22)
    }
}

/// Where a number is in 0..=whole, in 2^15 steps, with a zero bit before each bit.
fn interleaved(part: f64, whole: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=32767")]
    let step = (part / whole * 32_767.0) as u32;
    (0..15).map(|bit| (step >> bit & 1) << (2 * bit)).sum()
}

/// A block and a row in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    block: usize,
    row: usize,
}

/// Where everybody is, by id: two sorted columns, twelve bytes a coach.
#[derive(Default)]
struct Places {
    ids: Vec<u64>,
    /// The block times [`BLOCK`] plus the row.
    places: Vec<u32>,
}

impl Places {
    fn get(&self, id: u64) -> Option<Place> {
        let place = usize::try_from(self.places[self.ids.binary_search(&id).ok()?]).ok()?;
        Some(Place { block: place / BLOCK, row: place % BLOCK })
    }

    fn extend(&mut self, mut new: Vec<(u64, Place)>) {
        new.sort_unstable_by_key(|(id, _)| *id);
        let packed = |place: Place| u32::try_from(place.block * BLOCK + place.row).unwrap_or(u32::MAX);
        let in_order = new.first().is_none_or(|(id, _)| self.ids.last().is_none_or(|last| last < id));
        for (id, place) in &new {
            // Ids grow with time, so that nearly always the new ones come last.
            let at = if in_order { self.ids.len() } else { self.ids.partition_point(|other| other < id) };
            self.ids.insert(at, *id);
            self.places.insert(at, packed(*place));
        }
    }

    fn remove(&mut self, id: u64) -> Option<Place> {
        let place = self.get(id)?;
        let at = self.ids.binary_search(&id).ok()?;
        self.ids.remove(at);
        self.places.remove(at);
        Some(place)
    }

    fn bytes(&self) -> usize {
        8 * self.ids.capacity() + 4 * self.places.capacity()
    }
}
