//! A preset and a job, compiled: ready to score any number of coaches.
//!
//! Ranking runs every kernel over a block, adds up `weight · bp` in whole numbers, and keeps the best rows.
//! Nobody is dropped silently: whoever is not in the list is counted below the threshold or as excluded, and
//! can be listed by asking for that [`Group`]. A block whose coaches are all excluded, as one look at it tells, is counted
//! and not scored.

use std::collections::BinaryHeap;
use std::sync::OnceLock;

use chrono::NaiveDate;

use crate::facts::{Coach, Job};
use crate::num::{Divisor, real};
use crate::preset::Preset;
use crate::registry;
use crate::score::{Part, Score};
use crate::snapshot::{Block, Snapshot, VACANT};
use crate::subscore::{
    AnyColumns, AnyKernel, BLOCK, BLOCKS, Case, Figure, Gate, Lanes, PROVISIONAL, State, UNKNOWN,
};
use crate::wide::wide;

/// A preset bound to a job on a day.
pub struct Plan<'p> {
    pub(crate) preset: &'p Preset,
    pub(crate) job: Job,
    /// The job as it is hashed, once it is asked for.
    pub(crate) written_job: OnceLock<String>,
    pub(crate) as_of: NaiveDate,
    pub(crate) terms: Vec<Term>,
    /// By the sum of the weights of the applicable terms.
    share: Divisor,
}

/// One sub-score of the plan.
pub(crate) struct Term {
    /// Place in the registry, and so in a block's columns.
    entry: usize,
    pub(crate) key: &'static str,
    pub(crate) weight: u16,
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
    pub score: std::cmp::Reverse<u16>,
    /// The certifications sub-score, 0 when not applicable.
    certifications: std::cmp::Reverse<u16>,
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
        let terms: Vec<Term> = preset
            .weighed()
            .map(|weighed| Term {
                entry: weighed.entry,
                key: registry::all()[weighed.entry].key,
                weight: weighed.weight,
                gate: weighed.parameters.gate(),
                kernel: weighed.parameters.compile(job, as_of),
            })
            .collect();
        let weight: u32 =
            terms.iter().filter(|term| term.kernel.is_some()).map(|term| u32::from(term.weight)).sum();
        let share = if weight == 0 { Divisor::always(0) } else { Divisor::new(weight.into()) };
        Self { preset, job: job.clone(), written_job: OnceLock::new(), as_of, terms, share }
    }

    /// Ranks everyone in a snapshot of the same day.
    ///
    /// # Panics
    /// When the snapshot belongs to another day.
    #[must_use]
    pub fn rank(&self, snapshot: &Snapshot, query: Query) -> Ranking {
        let mut pass = Pass::new();
        let mut standing = Standing::new(self, query, snapshot);
        for block in snapshot.blocks() {
            standing.take(block, &mut pass);
        }
        standing.ranking()
    }

    /// Ranks everyone for many jobs, a block at a time for all of them while it is near. Each gets what [`Plan::rank`]
    /// gives it.
    ///
    /// # Panics
    /// When a plan or the snapshot belongs to another day than the rest.
    #[must_use]
    pub fn rank_all(plans: &[(&Self, Query)], snapshot: &Snapshot) -> Vec<Ranking> {
        let mut pass = Pass::new();
        let mut standings: Vec<Standing<'_>> =
            plans.iter().map(|(plan, query)| Standing::new(plan, *query, snapshot)).collect();
        for block in snapshot.blocks() {
            for standing in &mut standings {
                standing.take(block, &mut pass);
            }
        }
        standings.into_iter().map(Standing::ranking).collect()
    }

    /// The score of one coach for each of many jobs, and whether a gate excludes them: the coach is put into columns once.
    ///
    /// # Panics
    /// When a plan belongs to another day than the first.
    #[must_use]
    pub fn each_of(plans: &[Self], coach: &Coach) -> Vec<(u16, bool)> {
        let Some(as_of) = plans.first().map(|plan| plan.as_of) else { return Vec::new() };
        let mut block = Block::new();
        block.set(0, 0, coach, as_of);
        let mut pass = Pass::new();
        let score = |plan: &Self| {
            assert_eq!(plan.as_of, as_of, "a coach is scored on one day");
            plan.run_block(&block, &mut pass);
            (pass.score[0], pass.excluded[0] != 0)
        };
        plans.iter().map(score).collect()
    }

    /// Scores every row of a block into `pass`.
    fn run_block(&self, block: &Block, pass: &mut Pass) {
        let rows = block.ids.len();
        let Pass { lanes, sum, score, certifications, excluded } = pass;
        let (sum, excluded) = (&mut sum[..rows], &mut excluded[..rows]);
        sum.fill(0);
        excluded.fill(0);
        certifications[..rows].fill(0);
        for term in &self.terms {
            let Some(kernel) = &term.kernel else { continue };
            kernel.run(&*block.columns[term.entry], Case::Actual, lanes);
            let (bp, flags) = (&lanes.bp[..rows], &lanes.flags[..rows]);
            wide(add, (&mut *sum, bp, u32::from(term.weight)));
            if term.gate == Gate::Exclude {
                wide(exclude, (&mut *excluded, flags));
            }
            if term.key == CERTIFICATIONS {
                certifications[..rows].copy_from_slice(bp);
            }
        }
        wide(divide, (&mut score[..rows], &*sum, self.share));
    }

    /// Whether everybody in a block is excluded, where that can be told at one look.
    fn excludes_all(&self, block: &Block) -> bool {
        self.terms.iter().any(|term| {
            term.gate == Gate::Exclude
                && term.kernel.as_ref().is_some_and(|kernel| kernel.blocks_all(&*block.columns[term.entry]))
        })
    }

    fn distance_m(&self, block: &Block, row: usize) -> u32 {
        let metres = |term: &Term| term.kernel.as_ref()?.distance_m(&*block.columns[term.entry], row);
        self.terms.iter().find_map(metres).unwrap_or(NO_DISTANCE)
    }

    /// Scores every coach of a snapshot and hands on `(id, score in bp)`, in no particular order.
    pub fn each(&self, snapshot: &Snapshot, mut then: impl FnMut(u64, u16)) {
        let mut pass = Pass::new();
        for block in snapshot.blocks() {
            self.run_block(block, &mut pass);
            for (row, id) in block.ids.iter().enumerate().filter(|(_, id)| **id != VACANT) {
                then(*id, pass.score[row]);
            }
        }
    }

    /// The score of one coach, with range, coverage and eligibility, by the same kernels.
    #[must_use]
    pub fn score(&self, coach: &Coach) -> Score {
        self.score_in(coach, &mut Lanes::new())
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
                Part { key: term.key, weight: term.weight, gate: term.gate, figure }
            })
            .collect();
        Score::combine(&parts, distance)
    }

    /// The score with other facts that only the sub-score in a place reads.
    pub(crate) fn score_with(&self, score: &Score, place: usize, changed: &Coach, lanes: &mut Lanes) -> u16 {
        let term = &self.terms[place];
        let Some(kernel) = &term.kernel else { return score.bp };
        kernel.run(&*self.columns(term, changed), Case::Actual, lanes);
        let changed_to = score.with(place, lanes.bp[0]);
        debug_assert_eq!(changed_to, self.score_in(changed, lanes).bp, "{} alone has changed", term.key);
        changed_to
    }

    /// The columns of one coach alone.
    fn columns(&self, term: &Term, coach: &Coach) -> Box<dyn AnyColumns> {
        let mut columns = (registry::all()[term.entry].columns)();
        columns.set(0, coach, self.as_of);
        columns
    }
}

/// What a kernel says of the coach in columns of one.
fn figure(kernel: &dyn AnyKernel, columns: &dyn AnyColumns, lanes: &mut Lanes) -> Figure {
    let mut run = |case| {
        kernel.run(columns, case, lanes);
        (lanes.bp[0], lanes.flags[0])
    };
    let (low, _) = run(Case::Worst);
    let (high, _) = run(Case::Best);
    let (score, flags) = run(Case::Actual);
    Figure {
        score,
        low,
        high,
        state: if flags & UNKNOWN != 0 {
            State::Unknown
        } else if low == high {
            State::Known
        } else {
            State::Partial
        },
        blocks: flags & BLOCKS != 0,
        provisional: flags & PROVISIONAL != 0,
    }
}

#[inline(always)]
fn add(sums: &mut [u32], bp: &[u16], weight: u32) {
    for (sum, bp) in sums.iter_mut().zip(bp) {
        *sum += weight * u32::from(*bp);
    }
}

#[inline(always)]
fn exclude(excluded: &mut [u8], flags: &[u8]) {
    for (excluded, flags) in excluded.iter_mut().zip(flags) {
        *excluded |= *flags & BLOCKS;
    }
}

#[inline(always)]
fn divide(scores: &mut [u16], sums: &[u32], share: Divisor) {
    for (score, sum) in scores.iter_mut().zip(sums) {
        *score = share.bp(real(*sum));
    }
}

/// How many are excluded, and how many of the others reach the threshold.
#[inline(always)]
fn count(scores: &[u16], excluded: &[u8], threshold: u16) -> (usize, usize) {
    let (mut out, mut ranked) = (0_u16, 0_u16);
    for (score, excluded) in scores.iter().zip(excluded) {
        let excluded = u16::from(*excluded != 0);
        out += excluded;
        ranked += (1 - excluded) & u16::from(*score >= threshold);
    }
    (usize::from(out), usize::from(ranked))
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

    /// Counts everybody in a block, and keeps the best.
    fn take(&mut self, block: &Block, pass: &mut Pass) {
        if self.query.group != Group::Ineligible && self.plan.excludes_all(block) {
            self.ranking.ineligible += block.ids.len() - block.vacant;
            return;
        }
        self.plan.run_block(block, pass);
        let rows = block.ids.len();
        if block.vacant > 0 {
            // Whoever has left is excluded, and not counted.
            for (id, excluded) in block.ids.iter().zip(&mut pass.excluded[..rows]) {
                *excluded = if *id == VACANT { BLOCKS } else { *excluded };
            }
        }
        let (score, excluded) = (&pass.score[..rows], &pass.excluded[..rows]);
        let threshold = self.query.threshold;
        let (ineligible, ranked) = wide(count, (score, excluded, threshold));
        self.ranking.ineligible += ineligible - block.vacant;
        self.ranking.total += ranked;
        self.ranking.below_threshold += rows - ineligible - ranked;
        let (listed, out, least, most) = match self.query.group {
            Group::Ranked => (ranked, 0, threshold, u16::MAX),
            Group::BelowThreshold if threshold == 0 => return,
            Group::BelowThreshold => (rows - ineligible - ranked, 0, 0, threshold - 1),
            Group::Ineligible => (ineligible, BLOCKS, 0, u16::MAX),
        };
        if listed > 0 {
            self.keep_best(block, pass, (out, least, most));
        }
    }

    /// Keeps the best of a block's rows that are excluded or not and have a score from `least` to `most`.
    fn keep_best(&mut self, block: &Block, pass: &Pass, (out, least, most): (u8, u16, u16)) {
        /// Rows that are looked at together.
        const GROUP: usize = 32;
        let full = self.best.len() == self.query.limit;
        // Whoever does not reach the last of those kept so far cannot come in.
        let mut least =
            if full { self.best.peek().map_or(u16::MAX, |last| last.score.0.max(least)) } else { least };
        let rows = block.ids.len();
        for start in (0..rows).step_by(GROUP) {
            let group = start..rows.min(start + GROUP);
            let (scores, excluded) = (&pass.score[group.clone()], &pass.excluded[group.clone()]);
            let listed =
                |(score, excluded): (&u16, &u8)| (*excluded == out) & (*score >= least) & (*score <= most);
            if !scores.iter().zip(excluded).fold(false, |any, row| any | listed(row)) {
                continue;
            }
            for row in group {
                let score = pass.score[row];
                if pass.excluded[row] != out || score < least || score > most || block.ids[row] == VACANT {
                    continue;
                }
                self.best.push(Ranked {
                    score: std::cmp::Reverse(score),
                    certifications: std::cmp::Reverse(pass.certifications[row]),
                    distance_m: self.plan.distance_m(block, row),
                    id: block.ids[row],
                });
                if self.best.len() > self.query.limit {
                    self.best.pop();
                    least = self.best.peek().map_or(u16::MAX, |last| last.score.0.max(least));
                }
            }
        }
    }

    fn ranking(mut self) -> Ranking {
        self.ranking.rows = self.best.into_sorted_vec();
        self.ranking
    }
}

/// What a pass over a block fills.
struct Pass {
    lanes: Box<Lanes>,
    /// Σ weight · bp, at most 10⁸.
    sum: Box<[u32; BLOCK]>,
    score: Box<[u16; BLOCK]>,
    certifications: Box<[u16; BLOCK]>,
    /// [`BLOCKS`] or nothing.
    excluded: Box<[u8; BLOCK]>,
}

impl Pass {
    fn new() -> Self {
        Self {
            lanes: Lanes::new(),
            sum: Box::new([0; BLOCK]),
            score: Box::new([0; BLOCK]),
            certifications: Box::new([0; BLOCK]),
            excluded: Box::new([0; BLOCK]),
        }
    }
}
