//! # Culture
//!
//! Does the coach teach in the style that the job wants?
//!
//! A brand names up to eight dimensions of style (intensity, music, correction, …); a job wants a level
//! 0..=4 in each, with a weight 1..=10. A coach has a level per dimension: a reviewer's outranks the coach's
//! own. Gower similarity, dimensions not known counting half:
//!
//! ```text
//! s = div_round(2500 · (Σ known w·(4 − |wanted − level|) + 2·Σ unknown w), Σ w)
//! ```
//!
//! A preset gives culture at most 0.15. No free text and no inferred emotion, ever.
//!
//! **Not applicable** when no style is wanted. **Unknown** when no wanted dimension is known. **Range**:
//! unknown dimensions add nothing at worst and full credit at best. It never makes anyone ineligible, and no
//! advice is given on it.

use chrono::NaiveDate;
use pulp::{Arch, Simd, WithSimd};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::facts::{Coach, Job, Wanted};
use crate::num::{Marks, Quotient, Share, divided};
use crate::subscore::{
    Case, Columns, Figure, Kernel, Lanes, Rows, Run, State, Statement, Step, SubScore, lanes_of,
};
use crate::tables::{Codes, PAIRED, Table};
use crate::wide::ahead;

/// The table `[culture]` of a preset: it has no parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// In a column, after the levels 0..=4: the coach's level is not known.
const NOT_RATED: u8 = 5;

/// The levels of a block, dense, one column per dimension that any of its coaches has.
#[derive(Clone, Default)]
pub struct Levels {
    rows: usize,
    of: Vec<Dimension>,
}

/// The levels of everybody in a dimension.
#[derive(Clone, Default)]
struct Dimension {
    name: String,
    levels: Codes,
    /// Whose level is known.
    known: Rows,
}

impl Columns for Levels {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        self.rows = self.rows.max(row + 1);
        for dimension in &mut self.of {
            dimension.levels.put(row, NOT_RATED);
            dimension.known.put(row, false);
        }
        // Names that come and go take no more memory than those that are there.
        self.of.retain(|dimension| !dimension.known.is_empty());
        let mut ratings: Vec<_> = coach.style.iter().collect();
        // The last one written stays: a reviewer's.
        ratings.sort_by_key(|rating| rating.source);
        for rating in ratings {
            let known = self.of.iter().position(|dimension| dimension.name == rating.dimension);
            let place = known.unwrap_or_else(|| {
                let (name, mut levels) = (rating.dimension.clone(), Codes::default());
                (0..self.rows).for_each(|row| levels.put(row, NOT_RATED));
                self.of.push(Dimension { name, levels, known: Rows::NONE });
                self.of.len() - 1
            });
            self.of[place].levels.put(row, rating.level);
            self.of[place].known.put(row, true);
        }
    }

    fn shrink(&mut self) {
        for dimension in &mut self.of {
            dimension.levels.shrink();
        }
        self.of.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        let of = |dimension: &Dimension| dimension.name.capacity() + dimension.levels.bytes();
        self.of.capacity() * size_of::<Dimension>() + self.of.iter().map(of).sum::<usize>()
    }

    fn index(&self) {
        ahead(&self.of);
    }
}

impl Levels {
    fn of(&self, wanted: &Wanted) -> Option<&Dimension> {
        self.of.iter().find(|dimension| dimension.name == wanted.dimension)
    }
}

/// The style that one job wants.
pub struct Style {
    wanted: Vec<Wanted>,
    /// By Σ w, of what stands for `2500 · Σ`.
    share: Share,
    /// What sums come to, where there are so few dimensions, or they weigh so little, that all sums are bytes.
    marks: Option<Marks>,
}

impl SubScore for Parameters {
    const KEY: &'static str = "culture";
    const SHORT: &'static str = "culture";
    const MAX_WEIGHT_BP: u32 = 1_500;
    type Kernel = Style;

    fn compile(&self, job: &Job, _as_of: NaiveDate) -> Option<Style> {
        if job.style.is_empty() {
            return None;
        }
        let weight = job.style.iter().map(|wanted| u64::from(wanted.weight)).sum();
        let share = Share::scaled(2_500, weight);
        Some(Style { wanted: job.style.clone(), share, marks: Marks::new(4 * weight) })
    }
}

/// What each level is worth where some level is wanted, at most 10 · 4; and the unknown one.
fn worth(wanted: &Wanted, unknown: u8) -> Table {
    let mut worth = [0; 16];
    for level in 0..=4_u8 {
        worth[usize::from(level)] = wanted.weight * (4 - wanted.level.abs_diff(level));
    }
    worth[usize::from(NOT_RATED)] = wanted.weight * unknown;
    worth
}

/// So many dimensions add up within a byte.
const FEW: usize = 6;

#[inline(always)]
fn divide<Q: Quotient>(bp: &mut [u16], one: &[u8], other: &[u8], of_all: u32, share: Q) {
    for (bp, (one, other)) in bp.iter_mut().zip(one.iter().zip(other)) {
        *bp = share.bp(of_all + u32::from(*one) + u32::from(*other));
    }
}

impl WithSimd for Run<'_, Style> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { job, columns, case, out } = self;
        // What an unknown dimension adds, where a known one adds 0..=4.
        let unknown: u8 = match case {
            Case::Actual => 2,
            Case::Worst => 0,
            Case::Best => 4,
        };
        let Lanes { bp, bytes: [one, other], asks_unknown, .. } = out;
        let (lanes, paired) = (lanes_of(columns.rows), columns.rows.next_multiple_of(PAIRED));
        let (bp, one, other) = (&mut bp[..lanes], &mut one[..paired], &mut other[..paired]);
        let nobodys = |wanted: &&Wanted| columns.of(wanted).is_none();
        let of_all: u32 =
            job.wanted.iter().filter(nobodys).map(|wanted| u32::from(wanted.weight * unknown)).sum();
        let mut known = Rows::NONE;
        one.fill(if job.marks.is_some() { u8::try_from(of_all).unwrap_or_default() } else { 0 });
        if job.marks.is_none() {
            other.fill(0);
        }
        for (number, wanted) in job.wanted.iter().enumerate() {
            if let Some(dimension) = columns.of(wanted) {
                if *asks_unknown {
                    known |= dimension.known;
                }
                let sums = if job.marks.is_some() || number < FEW { &mut *one } else { &mut *other };
                dimension.levels.add_up(sums, &worth(wanted, unknown));
            }
        }
        match job.marks {
            Some(marks) => marks.give(bp, one),
            None => divided!(divide(bp, &*one, &*other, of_all; job.share)),
        }
        (out.unknown, out.blocks, out.provisional) = (!known, Rows::NONE, Rows::NONE);
    }
}

impl Kernel for Style {
    type Columns = Levels;

    fn run(&self, columns: &Levels, case: Case, out: &mut Lanes) {
        Arch::new().dispatch(Run { job: self, columns, case, out });
    }

    fn ahead(&self, columns: &Levels, step: Step) {
        match step {
            Step::Index => columns.of.iter().for_each(|dimension| ahead(dimension.name.as_bytes())),
            Step::Data => {
                for dimension in self.wanted.iter().filter_map(|wanted| columns.of(wanted)) {
                    ahead(dimension.levels.packed());
                }
            }
        }
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let rating = |wanted: &Wanted| {
            coach
                .style
                .iter()
                .filter(|rating| rating.dimension == wanted.dimension)
                .max_by_key(|rating| rating.source)
        };
        let evidence = self.wanted.iter().map(|wanted| match rating(wanted) {
            Some(rating) => format!("{}: {} of 4, {} wanted", wanted.dimension, rating.level, wanted.level),
            None => format!("{}: not rated yet, {} wanted", wanted.dimension, wanted.level),
        });
        Statement {
            fact: match figure.state {
                State::Unknown => "Teaching style not rated yet".to_owned(),
                _ if figure.score >= 5_000 => "Teaching style close to what is wanted".to_owned(),
                _ => "Teaching style differs from what is wanted".to_owned(),
            },
            middling: None,
            evidence: evidence.collect(),
        }
    }
}
