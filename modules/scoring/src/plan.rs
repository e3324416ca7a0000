//! A preset and a job, compiled: ready to score any number of coaches.
//!
//! Ranking runs every kernel over a block, adds up `weight · bp` in whole numbers, and keeps the best rows.
//! Nobody is dropped silently: whoever is not in the list is counted below the threshold or as excluded, and
//! can be listed by asking for that [`Group`]. A block whose coaches are all excluded, as one look at it tells, is counted
//! and not scored.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;
use pulp::{Arch, Simd, WithSimd};

use crate::facts::{Coach, Job};
use crate::key::Key;
use crate::num::{Share, gcd};
use crate::points::{Table, each_once};
use crate::preset::{self, Preset};
use crate::registry;
use crate::rows::at_least;
use crate::score::{Part, Score};
use crate::snapshot::{Block, Snapshot};
use crate::subscore::{
    AnyColumns, AnyKernel, BLOCK, Case, Figure, Gate, Lanes, Rows, State, Step, lanes_of, lent,
};
use crate::weigh::Figures;
use crate::wide::{Aligned, ahead};

/// A preset bound to a job on a day.
pub struct Plan<'p> {
    pub(crate) preset: &'p Preset,
    pub(crate) job: Job,
    /// The job as it is hashed, once it is asked for.
    pub(crate) written_job: OnceLock<String>,
    pub(crate) as_of: NaiveDate,
    pub(crate) terms: Vec<Term>,
    /// By the sum of the factors of the applicable terms.
    share: Share,
}

/// One sub-score of the plan.
pub(crate) struct Term {
    pub(crate) key: Key,
    pub(crate) weight: u16,
    /// The weight without what divides the weights of all applicable terms: small numbers are fast.
    factor: u16,
    gate: Gate,
    /// `None` when the job does not ask for it.
    pub(crate) kernel: Option<Box<dyn AnyKernel>>,
}

/// Which part of everyone in scope a ranking lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Group {
    /// At or above the threshold and not excluded.
    #[default]
    Ranked,
    /// Below the threshold and not excluded.
    BelowThreshold,
    /// Excluded by a gate of the preset.
    Ineligible,
}

/// What a ranking is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// Lowest score that is ranked, in basis points, inclusive.
    pub threshold: u16,
    /// How many rows to list.
    pub limit: usize,
    /// Whom to list.
    pub group: Group,
}

/// Everyone in scope, counted, and the best of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// The best rows of the group asked for, best first.
    pub rows: Vec<Ranked>,
    /// How many are at or above the threshold and not excluded.
    pub total: usize,
    /// How many are below the threshold and not excluded.
    pub below_threshold: usize,
    /// How many are excluded. The three counts add up to everyone.
    pub ineligible: usize,
}

/// One coach in a ranking. The order of the fields is the order of the ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ranked {
    /// The score.
    pub score: Reverse<u16>,
    /// The certifications sub-score, 0 when not applicable.
    certifications: Reverse<u16>,
    /// Metres, [`NO_DISTANCE`] when unknown or not applicable.
    distance_m: u32,
    /// The coach.
    pub id: u64,
}

/// No distance is known; sorts last.
const NO_DISTANCE: u32 = u32::MAX;

impl<'p> Plan<'p> {
    /// Binds a preset to a job.
    #[must_use]
    pub fn compile(preset: &'p Preset, job: &Job, as_of: NaiveDate) -> Self {
        let mut terms: Vec<Term> = preset
            .weighed()
            .map(|weighed| Term {
                key: weighed.key.clone(),
                weight: weighed.weight,
                factor: 0,
                gate: weighed.parameters.gate(),
                kernel: weighed.parameters.compile(job, as_of),
            })
            .collect();
        let applicable =
            || terms.iter().filter(|term| term.kernel.is_some()).map(|term| u32::from(term.weight));
        let (common, weight) = (applicable().fold(0, gcd).max(1), applicable().sum::<u32>());
        for term in &mut terms {
            term.factor = u16::try_from(u32::from(term.weight) / common).unwrap_or(u16::MAX);
        }
        let share = Share::scaled(1, (weight / common).into());
        Self { preset, job: job.clone(), written_job: OnceLock::new(), as_of, terms, share }
    }

    /// The tables of points by which it scores: what a snapshot is made for.
    #[must_use]
    pub fn points(&self) -> Vec<Arc<Table>> {
        self.preset.points().cloned().collect()
    }

    /// Ranks everyone in a snapshot of the same day.
    ///
    /// # Panics
    /// When the snapshot belongs to another day, or was not made for a table of points that the preset has.
    #[must_use]
    pub fn rank(&self, snapshot: &Snapshot, query: Query) -> Ranking {
        Pass::lent(|pass| {
            let mut standing = Standing::new(self, query, snapshot);
            for (place, block) in snapshot.blocks().enumerate() {
                // A job alone would wait for memory longer than it computes. What is read is found by what lies elsewhere itself,
                // so that each step is taken a block before the next.
                let later = |by: usize| snapshot.block(place + by);
                if let Some(block) = later(6) {
                    ahead(std::slice::from_ref(block));
                }
                if let Some(block) = later(5) {
                    ahead(&block.columns);
                }
                if let Some(block) = later(4) {
                    block.columns.iter().for_each(|columns| columns.ahead());
                }
                if let Some(block) = later(3) {
                    block.columns.iter().for_each(|columns| columns.index());
                }
                if let Some(block) = later(2) {
                    standing.ahead(block, Step::Index);
                }
                if let Some(block) = later(1) {
                    standing.ahead(block, Step::Data);
                }
                standing.take(block, pass);
            }
            standing.ranking()
        })
    }

    /// Ranks everyone for many jobs, a block at a time for all of them while it is near. Each gets what [`Plan::rank`]
    /// gives it.
    ///
    /// # Panics
    /// When a plan or the snapshot belongs to another day than the rest, or the snapshot was not made for a table of
    /// points that a preset has.
    #[must_use]
    pub fn rank_all(plans: &[(&Self, Query)], snapshot: &Snapshot) -> Vec<Ranking> {
        Pass::lent(|pass| {
            let mut standings: Vec<Standing<'_>> =
                plans.iter().map(|(plan, query)| Standing::new(plan, *query, snapshot)).collect();
            for block in snapshot.blocks() {
                for standing in &mut standings {
                    standing.take(block, pass);
                }
            }
            standings.into_iter().map(Standing::ranking).collect()
        })
    }

    /// The score of one coach for each of many jobs, and whether a gate excludes them: the coach is put into columns once.
    ///
    /// # Panics
    /// When a plan belongs to another day than the first.
    #[must_use]
    pub fn each_of(plans: &[Self], coach: &Coach) -> Vec<(u16, bool)> {
        let Some(as_of) = plans.first().map(|plan| plan.as_of) else { return Vec::new() };
        // Plans of one preset share their tables, and a coach's points are worked out once for all of them.
        let mut block = Block::new(&each_once(plans.iter().flat_map(|plan| plan.preset.points())));
        block.set(0, 0, coach, as_of);
        Pass::lent(|pass| {
            let score = |plan: &Self| {
                assert_eq!(plan.as_of, as_of, "a coach is scored on one day");
                plan.run_block(&block, pass);
                (pass.score[0], pass.excluded.has(0))
            };
            plans.iter().map(score).collect()
        })
    }

    /// Scores every row of a block into `pass`. Whoever has left is excluded.
    fn run_block(&self, block: &Block, pass: &mut Pass) {
        let Pass { lanes, figures, score, certifications, excluded } = pass;
        figures.clear();
        *excluded = block.vacant;
        *certifications = None;
        for (number, term) in self.terms.iter().filter(|term| term.kernel.is_some()).enumerate() {
            let Some(kernel) = &term.kernel else { continue };
            lanes.asks_blocks = term.gate == Gate::Exclude;
            kernel.run(block.of(&term.key), Case::Actual, lanes);
            figures.take(&mut lanes.bp, term.factor);
            if term.gate == Gate::Exclude {
                *excluded |= lanes.blocks;
            }
            if term.key == *CERTIFICATIONS {
                *certifications = Some(number);
            }
        }
        figures.weigh(&mut score[..lanes_of(block.ids.len())], self.share);
    }

    /// Asks for the memory that [`Plan::run_block`] is going to read.
    fn ahead(&self, block: &Block, step: Step) {
        for term in &self.terms {
            if let Some(kernel) = &term.kernel {
                kernel.ahead(block.of(&term.key), step);
            }
        }
    }

    /// Whether everybody in a block is excluded, where that can be told at one look.
    fn excludes_all(&self, block: &Block) -> bool {
        self.terms.iter().any(|term| {
            term.gate == Gate::Exclude
                && term.kernel.as_ref().is_some_and(|kernel| kernel.blocks_all(block.of(&term.key)))
        })
    }

    fn distance_m(&self, block: &Block, row: usize) -> u32 {
        let metres = |term: &Term| term.kernel.as_ref()?.distance_m(block.of(&term.key), row);
        self.terms.iter().find_map(metres).unwrap_or(NO_DISTANCE)
    }

    /// Scores every coach of a snapshot and hands on `(id, score in bp)`, in no particular order.
    pub fn each(&self, snapshot: &Snapshot, mut then: impl FnMut(u64, u16)) {
        Pass::lent(|pass| {
            for block in snapshot.blocks() {
                self.run_block(block, pass);
                for row in block.taken().iter() {
                    then(block.ids[row], pass.score[row]);
                }
            }
        });
    }

    /// The score of one coach, with range, coverage and eligibility, by the same kernels.
    #[must_use]
    pub fn score(&self, coach: &Coach) -> Score {
        Lanes::lent(|lanes| self.score_in(coach, lanes))
    }

    /// The same in lanes that are there.
    pub(crate) fn score_in(&self, coach: &Coach, lanes: &mut Lanes) -> Score {
        let mut distance = None;
        let parts: Vec<Part> = self
            .terms
            .iter()
            .map(|term| {
                let kernel = term.kernel.as_deref();
                let figure = kernel.map(|kernel| {
                    let columns = self.columns(term, coach);
                    distance = distance.or_else(|| kernel.distance_m(&*columns, 0));
                    figure(kernel, &*columns, lanes)
                });
                Part { key: term.key.clone(), weight: term.weight, gate: term.gate, figure }
            })
            .collect();
        Score::combine(&parts, distance)
    }

    /// The score with other facts that only the sub-score in a place reads, and perhaps tables of points.
    pub(crate) fn score_with(&self, score: &Score, place: usize, changed: &Coach, lanes: &mut Lanes) -> u16 {
        if self.preset.points().next().is_some() {
            return self.score_in(changed, lanes).bp;
        }
        let term = &self.terms[place];
        let Some(kernel) = &term.kernel else { return score.bp };
        kernel.run(&*self.columns(term, changed), Case::Actual, lanes);
        let changed_to = score.with(place, lanes.bp[0]);
        debug_assert_eq!(changed_to, self.score_in(changed, lanes).bp, "{} alone has changed", term.key);
        changed_to
    }

    /// The columns of one coach alone.
    fn columns(&self, term: &Term, coach: &Coach) -> Box<dyn AnyColumns> {
        let mut columns = term.key.columns();
        columns.set(0, coach, self.as_of);
        columns
    }
}

/// What a kernel says of the coach in columns of one.
fn figure(kernel: &dyn AnyKernel, columns: &dyn AnyColumns, lanes: &mut Lanes) -> Figure {
    let mut run = |case| {
        kernel.run(columns, case, lanes);
        lanes.bp[0]
    };
    let (low, high, score) = (run(Case::Worst), run(Case::Best), run(Case::Actual));
    Figure {
        score,
        low,
        high,
        state: if lanes.unknown.has(0) {
            State::Unknown
        } else if low == high {
            State::Known
        } else {
            State::Partial
        },
        blocks: lanes.blocks.has(0),
        provisional: lanes.provisional.has(0),
    }
}

/// The sub-score that breaks ties before distance does.
const CERTIFICATIONS: &str = "certifications";

/// A ranking on its way through the blocks.
struct Standing<'p> {
    plan: &'p Plan<'p>,
    query: Query,
    ranking: Ranking,
    best: BinaryHeap<Ranked>,
}

impl<'p> Standing<'p> {
    fn new(plan: &'p Plan<'p>, query: Query, snapshot: &Snapshot) -> Self {
        assert_eq!(snapshot.as_of(), plan.as_of, "a snapshot is ranked on its own day");
        Self {
            plan,
            query,
            ranking: Ranking::default(),
            best: BinaryHeap::with_capacity(query.limit.min(BLOCK) + 1),
        }
    }

    /// Whether a block is counted at one look.
    fn leaves_out(&self, block: &Block) -> bool {
        self.query.group != Group::Ineligible && self.plan.excludes_all(block)
    }

    /// Asks for the memory of a block, some time before it is taken.
    fn ahead(&self, block: &Block, step: Step) {
        if !self.leaves_out(block) {
            self.plan.ahead(block, step);
        }
    }

    /// Counts everybody in a block, and keeps the best.
    fn take(&mut self, block: &Block, pass: &mut Pass) {
        let everybody = block.taken();
        if self.leaves_out(block) {
            self.ranking.ineligible += everybody.count();
            return;
        }
        self.plan.run_block(block, pass);
        let (ranking, rows) = (&mut self.ranking, block.ids.len());
        let listed = Arch::new().dispatch(Count { ranking, query: self.query, everybody, rows, pass });
        if !listed.is_empty() {
            self.keep_best(block, pass, &listed);
        }
    }

    /// Keeps the best of some rows of a block.
    fn keep_best(&mut self, block: &Block, pass: &Pass, listed: &Rows) {
        // Whoever does not reach the last of those kept so far cannot come in.
        let certifications =
            |row: usize| pass.certifications.map_or(0, |number| pass.figures.of(number)[row]);
        let mut rows = *listed;
        if self.best.len() == self.query.limit {
            let reached = self.best.peek().map_or(u16::MAX, |last| last.score.0);
            rows &= at_least(&pass.score[..lanes_of(block.ids.len())], reached);
        }
        for row in rows.iter() {
            let (score, certifications) = (Reverse(pass.score[row]), Reverse(certifications(row)));
            if self.best.len() == self.query.limit {
                // The distance takes longest, and mostly does not matter.
                let comes_in = |last: &Ranked| (score, certifications) <= (last.score, last.certifications);
                if !self.best.peek().is_some_and(comes_in) {
                    continue;
                }
            }
            let distance_m = self.plan.distance_m(block, row);
            self.best.push(Ranked { score, certifications, distance_m, id: block.ids[row] });
            if self.best.len() > self.query.limit {
                self.best.pop();
            }
        }
    }

    fn ranking(mut self) -> Ranking {
        self.ranking.rows = self.best.into_sorted_vec();
        self.ranking
    }
}

/// Counts everybody in a block, and says who is listed.
struct Count<'a> {
    ranking: &'a mut Ranking,
    query: Query,
    everybody: Rows,
    rows: usize,
    pass: &'a Pass,
}

impl WithSimd for Count<'_> {
    type Output = Rows;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Rows {
        let Self { ranking, query, everybody, rows, pass } = self;
        let score = &pass.score[..lanes_of(rows)];
        let ineligible = everybody & pass.excluded;
        let reaches = at_least(score, query.threshold);
        let ranked = (everybody & reaches).without(ineligible);
        let below = everybody.without(reaches | ineligible);
        ranking.ineligible += ineligible.count();
        ranking.total += ranked.count();
        ranking.below_threshold += below.count();
        match query.group {
            Group::Ranked => ranked,
            Group::BelowThreshold => below,
            Group::Ineligible => ineligible,
        }
    }
}

/// What a pass over a block fills.
struct Pass {
    lanes: Box<Lanes>,
    figures: Figures,
    score: Box<Aligned<[u16; BLOCK]>>,
    /// Which of the figures break ties, where they apply.
    certifications: Option<usize>,
    /// Whom a gate takes off the list, and who has left.
    excluded: Rows,
}

thread_local! {
    static PASS: Cell<Option<Pass>> = const { Cell::new(None) };
}

impl Pass {
    fn lent<T>(run: impl FnOnce(&mut Self) -> T) -> T {
        lent(&PASS, Self::new, run)
    }

    fn new() -> Self {
        let mut lanes = Lanes::new();
        lanes.asks_unknown = false;
        Self {
            lanes,
            figures: Figures::with_room_for(registry::all().len() + preset::MOST_TABLES),
            score: Box::new(Aligned::new([0; BLOCK])),
            certifications: None,
            excluded: Rows::NONE,
        }
    }
}
