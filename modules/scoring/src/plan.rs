//! A preset and a job, compiled: ready to score any number of coaches.
//!
//! Ranking runs every kernel over a block, adds up `weight · bp` in whole numbers, and keeps the best rows.
//! Nobody is dropped silently: whoever is not in the list is counted below the threshold or as excluded, and
//! can be listed by asking for that [`Group`].

use std::any::Any;
use std::collections::BinaryHeap;

use chrono::NaiveDate;

use crate::facts::{Coach, Job};
use crate::num::div_round;
use crate::preset::Preset;
use crate::registry;
use crate::score::{Part, Score};
use crate::snapshot::{Block, Snapshot};
use crate::subscore::{AnyKernel, BLOCK, BLOCKS, Case, Figure, Gate, Lanes, PROVISIONAL, State, UNKNOWN};

/// A preset bound to a job on a day.
pub struct Plan<'p> {
    pub(crate) preset: &'p Preset,
    pub(crate) job: Job,
    pub(crate) as_of: NaiveDate,
    pub(crate) terms: Vec<Term>,
    /// Sum of the weights of the applicable terms.
    weight: u32,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Lowest score that is ranked, in basis points, inclusive.
    pub threshold: u16,
    /// How many rows to list.
    pub limit: usize,
    /// Whom to list.
    pub group: Group,
}

/// Everyone in scope, counted, and the best of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Metres, [`Lanes::NO_DISTANCE`] when unknown or not applicable.
    distance_m: u32,
    /// The coach.
    pub id: u64,
}

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
        let weight =
            terms.iter().filter(|term| term.kernel.is_some()).map(|term| u32::from(term.weight)).sum();
        Self { preset, job: job.clone(), as_of, terms, weight }
    }

    /// Ranks everyone in a snapshot of the same day.
    ///
    /// # Panics
    /// When the snapshot belongs to another day.
    #[must_use]
    pub fn rank(&self, snapshot: &Snapshot, query: Query) -> Ranking {
        assert_eq!(snapshot.as_of(), self.as_of, "a snapshot is ranked on its own day");
        let mut ranking = Ranking { rows: Vec::new(), total: 0, below_threshold: 0, ineligible: 0 };
        let mut best = BinaryHeap::with_capacity(query.limit.min(BLOCK) + 1);
        let mut pass = Pass::new();
        for block in snapshot.blocks() {
            self.run_block(block, &mut pass);
            for (row, id) in block.ids.iter().enumerate() {
                let score = pass.score[row];
                let (group, count) = if pass.excluded[row] {
                    (Group::Ineligible, &mut ranking.ineligible)
                } else if score >= query.threshold {
                    (Group::Ranked, &mut ranking.total)
                } else {
                    (Group::BelowThreshold, &mut ranking.below_threshold)
                };
                *count += 1;
                if group == query.group {
                    best.push(Ranked {
                        score: std::cmp::Reverse(score),
                        certifications: std::cmp::Reverse(pass.certifications[row]),
                        distance_m: pass.lanes.distance_m[row],
                        id: *id,
                    });
                    if best.len() > query.limit {
                        best.pop();
                    }
                }
            }
        }
        ranking.rows = best.into_sorted_vec();
        ranking
    }

    /// Scores every row of a block into `pass`.
    fn run_block(&self, block: &Block, pass: &mut Pass) {
        let rows = block.ids.len();
        pass.reset(rows);
        for term in &self.terms {
            let Some(kernel) = &term.kernel else { continue };
            pass.lanes.reset(rows);
            kernel.run(block.columns[term.entry].as_ref(), Case::Actual, &mut pass.lanes);
            for row in 0..rows {
                pass.sum[row] += u32::from(term.weight) * u32::from(pass.lanes.bp[row]);
                pass.excluded[row] |= term.gate == Gate::Exclude && pass.lanes.flags[row] & BLOCKS != 0;
            }
            if term.key == CERTIFICATIONS {
                pass.certifications[..rows].copy_from_slice(&pass.lanes.bp[..rows]);
            }
        }
        for row in 0..rows {
            pass.score[row] = match self.weight {
                0 => 0,
                weight => u16::try_from(div_round(pass.sum[row].into(), weight.into())).unwrap_or(u16::MAX),
            };
        }
    }

    /// Scores every coach of a snapshot and hands on `(id, score in bp)`, in the snapshot's order.
    pub fn each(&self, snapshot: &Snapshot, mut then: impl FnMut(u64, u16)) {
        let mut pass = Pass::new();
        for block in snapshot.blocks() {
            self.run_block(block, &mut pass);
            for (row, id) in block.ids.iter().enumerate() {
                then(*id, pass.score[row]);
            }
        }
    }

    /// The score of one coach, with range, coverage and eligibility, by the same kernels.
    #[must_use]
    pub fn score(&self, coach: &Coach) -> Score {
        let mut lanes = Lanes::new();
        let parts: Vec<Part> = self
            .terms
            .iter()
            .map(|term| Part {
                key: term.key,
                weight: term.weight,
                gate: term.gate,
                figure: term.kernel.as_deref().map(|kernel| self.figure(term, kernel, coach, &mut lanes)),
            })
            .collect();
        let distance = Some(lanes.distance_m[0]).filter(|metres| *metres != Lanes::NO_DISTANCE);
        Score::combine(&parts, distance)
    }

    fn figure(&self, term: &Term, kernel: &dyn AnyKernel, coach: &Coach, lanes: &mut Lanes) -> Figure {
        let columns = (registry::all()[term.entry].pack)(&[coach], self.as_of);
        let columns: &(dyn Any + Send + Sync) = columns.as_ref();
        let mut run = |case| {
            lanes.reset(1);
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
}

/// The sub-score that breaks ties before distance does.
const CERTIFICATIONS: &str = "certifications";

/// What a pass over a block fills.
struct Pass {
    lanes: Box<Lanes>,
    /// Σ weight · bp, at most 10⁸.
    sum: Box<[u32; BLOCK]>,
    score: Box<[u16; BLOCK]>,
    certifications: Box<[u16; BLOCK]>,
    excluded: Box<[bool; BLOCK]>,
}

impl Pass {
    fn new() -> Self {
        Self {
            lanes: Lanes::new(),
            sum: Box::new([0; BLOCK]),
            score: Box::new([0; BLOCK]),
            certifications: Box::new([0; BLOCK]),
            excluded: Box::new([false; BLOCK]),
        }
    }

    fn reset(&mut self, rows: usize) {
        self.lanes.distance_m[..rows].fill(Lanes::NO_DISTANCE);
        self.sum[..rows].fill(0);
        self.certifications[..rows].fill(0);
        self.excluded[..rows].fill(false);
    }
}
