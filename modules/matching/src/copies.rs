//! The coaches of brands in memory, as rankings run over them: read when a brand is first asked for, kept up to date by
//! revision, and dropped when nobody asks any more.
//!
//! A request reads the brand's revision from the database; a copy of that revision or a later one holds everything that
//! was saved before the request came, by whichever replica. Where the copy is behind, one request brings it up to date for
//! all: the others wait without a connection, and whoever has a copy already keeps it. So nobody is shown an older state
//! than was there when they asked, and nobody waits for anybody else's brand.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::NaiveDate;
use fithire_coaches::{Changed, Scored, by_ids, changed_since, everybody, revision};
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_scoring::points::Table;
use fithire_scoring::snapshot::{Roster, Snapshot};
use fithire_scoring::subscore::BLOCK;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedMutexGuard, Semaphore};

use crate::lately::Lately;
use crate::rankings::work;

/// `[rankings]`
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankingSettings {
    /// Megabytes that the copies of all brands may take together. The brand that is asked for has its copy whatever it
    /// takes; those asked for longest ago make room.
    pub memory_mb: usize,
}

impl Default for RankingSettings {
    fn default() -> Self {
        Self { memory_mb: 2_048 }
    }
}

/// Brands that are read at once: each holds a connection, and keeps two threads busy.
const READ_AT_ONCE: usize = 2;

/// What putting a coach into a block that others hold costs, in pairs.
const PUT: usize = 20_000;

/// Tables of points for which a copy is kept, unless more are in force.
const MOST_POINTS: usize = 32;

fn has_all(kept: &[Arc<Table>], wanted: &[Arc<Table>]) -> bool {
    wanted.iter().all(|table| kept.contains(table))
}

/// The copies of every brand that was asked for lately.
pub(crate) struct Copies {
    db: Db,
    settings: RankingSettings,
    lately: Lately,
    brands: Mutex<BTreeMap<Id, Arc<Brand>>>,
    /// Counts what was asked for, so that it is known what was asked for last.
    asked: AtomicU64,
    /// What `asked` was when idle brands were last dropped.
    swept: AtomicU64,
    reading: Semaphore,
}

/// One brand.
#[derive(Default)]
pub(crate) struct Brand {
    current: RwLock<Option<Arc<Copy>>>,
    /// Whoever brings the copy up to date.
    keeper: Arc<tokio::sync::Mutex<Option<Keeper>>>,
    asked: AtomicU64,
    bytes: AtomicUsize,
    /// The revision that the copy has, or is about to have.
    moved: AtomicI64,
}

/// The coaches of a brand as of a revision and a day.
pub(crate) struct Copy {
    pub(crate) revision: i64,
    pub(crate) snapshot: Snapshot,
}

struct Keeper {
    revision: i64,
    roster: Roster,
    /// How many there were when everybody was read.
    read: usize,
    /// How many were put in since bytes were counted.
    uncounted: usize,
}

impl Keeper {
    /// Whether its copies are of that day, and can be ranked by these tables of points.
    fn is_for(&self, as_of: NaiveDate, points: &[Arc<Table>]) -> bool {
        self.roster.as_of() == as_of && has_all(self.roster.points(), points)
    }

    /// Of more changes than this, reading everybody takes less time or memory.
    fn most(&self) -> usize {
        BLOCK.max(self.roster.len() / 16)
    }

    /// Whether it takes so many changes. Whoever comes later shares no block with neighbours: with twice as many as were read,
    /// everybody is given a place anew.
    fn takes(&self, changes: usize) -> bool {
        changes <= self.most() && self.roster.len() + changes <= 2 * self.read + BLOCK
    }

    /// What has changed since, unless everybody is to be read.
    async fn changed(&self, tx: &mut Tx) -> Result<Option<Vec<Changed>>, Problem> {
        let changed = changed_since(tx, self.revision, Some(self.most() as u64 + 1)).await?;
        Ok(Some(changed).filter(|changed| self.takes(changed.len())))
    }

    /// Puts in who has changed until a revision, and takes out who has left.
    fn apply(&mut self, changed: &[Changed], now: i64) {
        for change in changed {
            let id = change.id.unsigned_abs();
            match &change.now {
                Some(coach) => self.roster.put(id, &coach.facts),
                None => self.roster.remove(id),
            }
        }
        self.uncounted += changed.len();
        self.revision = now;
    }
}

impl Brand {
    fn current(&self, least: i64, as_of: NaiveDate, points: &[Arc<Table>]) -> Option<Arc<Copy>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let serves = |copy: &&Arc<Copy>| {
            copy.revision >= least
                && copy.snapshot.as_of() == as_of
                && has_all(copy.snapshot.points(), points)
        };
        current.as_ref().filter(serves).cloned()
    }

    /// Publishes what the keeper has.
    fn publish(&self, keeper: &mut Keeper) -> Arc<Copy> {
        // One change in 64 coaches moves the sum by little.
        if 64 * keeper.uncounted >= keeper.roster.len() {
            self.bytes.store(keeper.roster.bytes(), Ordering::Relaxed);
            keeper.uncounted = 0;
        }
        let copy = Arc::new(Copy { revision: keeper.revision, snapshot: keeper.roster.snapshot() });
        let before = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.replace(copy.clone())
        };
        // Nobody waits until it is given back.
        drop(before);
        copy
    }

    /// Reads everybody.
    async fn read(
        &self,
        mut keeper: OwnedMutexGuard<Option<Keeper>>,
        mut tx: Tx,
        (as_of, mut points): (NaiveDate, Vec<Arc<Table>>),
        lately: &Lately,
    ) -> Result<Arc<Copy>, Problem> {
        // The revision is read before the rows: what is written in between is read twice, never missed.
        let now = revision(&mut tx).await?;
        // While presets change, some ask for the tables of before: with both, nobody has it made anew for the other.
        if let Some(known) = keeper.as_ref().filter(|known| known.roster.as_of() == as_of) {
            let room = MOST_POINTS.saturating_sub(points.len());
            let before = known.roster.points().iter().filter(|table| !points.contains(table));
            let before: Vec<_> = before.take(room).cloned().collect();
            points.extend(before);
        }
        let roster = everybody(&mut tx, Roster::new(as_of, &points), |roster, id, facts| {
            roster.add(id.unsigned_abs(), facts);
        });
        let roster = roster.await?;
        // Settling the last of them and counting bytes is work for a processor as well.
        let settle = move || {
            let mut read = Keeper { revision: now, read: roster.len(), uncounted: 0, roster };
            let _ = read.roster.snapshot();
            let bytes = read.roster.bytes();
            (read, bytes)
        };
        let (read, bytes) =
            tokio::task::spawn_blocking(settle).await.map_err(|error| Problem::internal(&error))?;
        self.bytes.store(bytes, Ordering::Relaxed);
        let brand_id = tx.scope().brand_id();
        tracing::debug!(brand.id = brand_id, coaches = read.read, bytes, "coaches were read for rankings");
        {
            // While there was no copy, nobody replaced what was shown lately.
            let mut coaches = lately.coaches();
            coaches.clear();
            self.moved.store(now, Ordering::Release);
        }
        Ok(self.publish(keeper.insert(read)))
    }
}

/// Whether a brand is still the one that is told who changes: another takes its place when it was dropped meanwhile.
fn is_held(brands: &BTreeMap<Id, Arc<Brand>>, brand_id: Id, brand: &Brand) -> bool {
    brands.get(&brand_id).is_some_and(|held| std::ptr::eq(&raw const **held, brand))
}

impl Copies {
    pub(crate) fn new(db: Db, settings: RankingSettings) -> Self {
        Self {
            db,
            settings,
            lately: Lately::default(),
            brands: Mutex::default(),
            asked: AtomicU64::new(1),
            swept: AtomicU64::new(0),
            reading: Semaphore::new(READ_AT_ONCE),
        }
    }

    fn brands(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, Arc<Brand>>> {
        self.brands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A brand with a copy of its coaches as of a revision or later, on a day, that can be ranked by these tables of points.
    pub(crate) async fn fresh(
        self: &Arc<Self>,
        scope: &BrandScope,
        (least, as_of): (i64, NaiveDate),
        points: &[Arc<Table>],
    ) -> Result<(Arc<Brand>, Arc<Copy>), Problem> {
        let brand = self.brands().entry(scope.brand_id()).or_default().clone();
        brand.asked.store(self.asked.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if let Some(copy) = brand.current(least, as_of, points) {
            return Ok((brand, copy));
        }
        // Whoever waits here holds no connection that others need.
        let keeper = brand.keeper.clone().lock_owned().await;
        if let Some(copy) = brand.current(least, as_of, points) {
            return Ok((brand, copy));
        }
        // A task of its own: who asked may be gone before it ends, and others wait for it.
        let update = self.clone().update(brand.clone(), keeper, scope.clone(), (as_of, points.to_vec()));
        let updated = tokio::spawn(update).await;
        let copy = updated.map_err(|error| Problem::internal(&error))??;
        self.make_room(scope.brand_id());
        Ok((brand, copy))
    }

    /// Brings the copy of a brand up to what there is, and to a day. A copy without a table of points that is asked for is made
    /// anew.
    async fn update(
        self: Arc<Self>,
        brand: Arc<Brand>,
        mut keeper: OwnedMutexGuard<Option<Keeper>>,
        scope: BrandScope,
        (as_of, points): (NaiveDate, Vec<Arc<Table>>),
    ) -> Result<Arc<Copy>, Problem> {
        if let Some(known) = keeper.as_ref().filter(|known| known.is_for(as_of, &points)) {
            let mut tx = self.db.read(&scope).await?;
            let now = revision(&mut tx).await?;
            let changed = known.changed(&mut tx).await?;
            drop(tx);
            if let Some(changed) = changed
                && let Some(mut known) = keeper.take()
            {
                // Whoever fails from here on leaves nothing half done: there is no keeper then, and everybody is read.
                let pairs = PUT * changed.len();
                let apply = move || {
                    known.apply(&changed, now);
                    Ok((known, changed))
                };
                let (mut known, changed) = work(pairs, apply).await?;
                self.replace(&brand, scope.brand_id(), changed, now);
                let copy = brand.publish(&mut known);
                *keeper = Some(known);
                return Ok(copy);
            }
        }
        // Nobody waits here with a connection.
        let turn = self.reading.acquire().await.map_err(|error| Problem::internal(&error))?;
        let copy = brand.read(keeper, self.db.read(&scope).await?, (as_of, points), &self.lately).await;
        drop(turn);
        copy
    }

    /// Replaces what is kept of coaches who have changed until a revision. From here on nothing is kept that was read before.
    fn replace(&self, brand: &Brand, brand_id: Id, changed: Vec<Changed>, revision: i64) {
        let brands = self.brands();
        let held = is_held(&brands, brand_id, brand);
        let mut coaches = self.lately.coaches();
        brand.moved.store(revision, Ordering::Release);
        for Changed { id, now } in changed {
            match (coaches.get_mut(&id), now) {
                (Some(before), Some(now)) if held => *before = Arc::new(now),
                (Some(_), _) => drop(coaches.remove(&id)),
                (None, _) => {}
            }
        }
    }

    /// The revision of a brand now.
    pub(crate) async fn revision(&self, scope: &BrandScope) -> Result<i64, Problem> {
        revision(&mut self.db.read(scope).await?).await
    }

    /// Coaches of a brand by id, as they were at the revision of its copy or are now. Those who were erased meanwhile are
    /// missing.
    pub(crate) async fn coaches(
        &self,
        brand: &Brand,
        scope: &BrandScope,
        ids: &[Id],
    ) -> Result<Vec<Arc<Scored>>, Problem> {
        let before = brand.moved.load(Ordering::Acquire);
        let mut found: HashMap<Id, Arc<Scored>> = {
            let coaches = self.lately.coaches();
            ids.iter().filter_map(|id| Some((*id, coaches.get(id)?.clone()))).collect()
        };
        let missing: Vec<Id> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            let mut tx = self.db.read(scope).await?;
            let read = by_ids(&mut tx, &missing).await?.into_iter().map(|coach| (coach.id, Arc::new(coach)));
            found.extend(read);
            drop(tx);
            let brands = self.brands();
            let mut coaches = self.lately.coaches();
            // What was read before the copy moved on may be older than the copy.
            if is_held(&brands, scope.brand_id(), brand) && brand.moved.load(Ordering::Acquire) == before {
                coaches.extend(missing.iter().filter_map(|id| Some((*id, found.get(id)?.clone()))));
            }
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    /// Reads these coaches again when they are asked for next.
    pub(crate) fn forget(&self, ids: &[Id]) {
        let mut coaches = self.lately.coaches();
        for id in ids {
            coaches.remove(id);
        }
    }

    /// What people were shown lately.
    pub(crate) fn lately(&self) -> &Lately {
        &self.lately
    }

    /// Drops the copies that were asked for longest ago, until the others fit.
    fn make_room(&self, wanted: Id) {
        // Given back when others may look again.
        let mut dropped = Vec::new();
        let mut brands = self.brands();
        let limit = self.settings.memory_mb.saturating_mul(1 << 20);
        loop {
            let taken: usize = brands.values().map(|brand| brand.bytes.load(Ordering::Relaxed)).sum();
            // One that is just being read takes nothing yet.
            let others =
                brands.iter().filter(|(id, brand)| **id != wanted && brand.bytes.load(Ordering::Relaxed) > 0);
            let oldest =
                others.min_by_key(|(_, brand)| brand.asked.load(Ordering::Relaxed)).map(|(id, _)| *id);
            match oldest {
                Some(oldest) if taken > limit => dropped.extend(brands.remove(&oldest)),
                _ => return,
            }
        }
    }

    /// Drops the copies that nobody has asked for since this was called last, and what people were shown.
    pub(crate) fn drop_idle(&self) {
        self.lately.clear();
        let since = self.swept.swap(self.asked.load(Ordering::Relaxed), Ordering::Relaxed);
        let idle: Vec<_> =
            self.brands().extract_if(.., |_, brand| brand.asked.load(Ordering::Relaxed) < since).collect();
        tracing::debug!(dropped = idle.len(), kept = self.brands().len(), "idle copies were dropped");
    }

    /// Brands that have a copy, and the bytes that these take.
    #[must_use]
    pub(crate) fn held(&self) -> (usize, usize) {
        let brands = self.brands();
        (brands.len(), brands.values().map(|brand| brand.bytes.load(Ordering::Relaxed)).sum())
    }
}
