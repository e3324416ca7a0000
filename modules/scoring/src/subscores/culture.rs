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
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::put;
use crate::facts::{Coach, Job, Wanted};
use crate::num::{Divisor, real};
use crate::subscore::{BLOCK, Case, Columns, Figure, Kernel, Lanes, State, Statement, SubScore, UNKNOWN};
use crate::wide::wide;

/// The table `[culture]` of a preset: it has no parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// In a column: the coach's level is not known.
const NOT_RATED: u8 = u8::MAX;

/// The levels of a block, dense, one column per dimension that any of its coaches has.
#[derive(Clone, Default)]
pub struct Levels {
    rows: usize,
    of: Vec<(String, Vec<u8>)>,
}

impl Columns for Levels {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        self.rows = self.rows.max(row + 1);
        for (_, levels) in &mut self.of {
            put(levels, row, NOT_RATED);
        }
        let mut ratings: Vec<_> = coach.style.iter().collect();
        // The last one written stays: a reviewer's.
        ratings.sort_by_key(|rating| rating.source);
        for rating in ratings {
            let known = self.of.iter().position(|(dimension, _)| *dimension == rating.dimension);
            let place = known.unwrap_or_else(|| {
                self.of.push((rating.dimension.clone(), vec![NOT_RATED; self.rows]));
                self.of.len() - 1
            });
            self.of[place].1[row] = rating.level;
        }
    }

    fn shrink(&mut self) {
        for (_, levels) in &mut self.of {
            levels.shrink_to_fit();
        }
        self.of.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        let of = |(dimension, levels): &(String, Vec<u8>)| dimension.capacity() + levels.capacity();
        self.of.capacity() * size_of::<(String, Vec<u8>)>() + self.of.iter().map(of).sum::<usize>()
    }
}

/// The style that one job wants.
pub struct Style {
    wanted: Vec<Wanted>,
    /// By Σ w, of what stands for `2500 · Σ`.
    share: Divisor,
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
        let weight = job.style.iter().map(|wanted| f64::from(wanted.weight)).sum();
        Some(Style { wanted: job.style.clone(), share: Divisor::scaled(2_500.0, weight) })
    }
}

/// Adds what a dimension is worth; at most 10 · 4 in each of at most eight.
#[inline(always)]
fn compare(sums: &mut [u16], flags: &mut [u8], levels: &[u8], (wanted, weight, unknown): (u8, u8, u8)) {
    for ((sum, flags), level) in sums.iter_mut().zip(flags).zip(levels) {
        let alike = 4 - wanted.abs_diff(*level).min(4);
        let alike = if *level == NOT_RATED { unknown } else { alike };
        *sum += u16::from(weight * alike);
        *flags &= if *level == NOT_RATED { UNKNOWN } else { 0 };
    }
}

#[inline(always)]
fn divide(bp: &mut [u16], sums: &[u16], share: Divisor) {
    for (bp, sum) in bp.iter_mut().zip(sums) {
        *bp = share.bp(real((*sum).into()));
    }
}

impl Kernel for Style {
    type Columns = Levels;

    fn run(&self, columns: &Levels, case: Case, out: &mut Lanes) {
        // What an unknown dimension adds, where a known one adds 0..=4.
        let unknown: u8 = match case {
            Case::Actual => 2,
            Case::Worst => 0,
            Case::Best => 4,
        };
        let Lanes { bp, flags, least: [sums, _], .. } = out;
        let (bp, flags, sums) =
            (&mut bp[..columns.rows], &mut flags[..columns.rows], &mut sums[..columns.rows]);
        flags.fill(UNKNOWN);
        sums.fill(0);
        for wanted in &self.wanted {
            let levels = columns.of.iter().find(|(dimension, _)| *dimension == wanted.dimension);
            let levels = levels.map_or(&[NOT_RATED; BLOCK][..columns.rows], |(_, levels)| levels);
            wide(compare, (&mut *sums, &mut *flags, levels, (wanted.level, wanted.weight, unknown)));
        }
        wide(divide, (bp, &*sums, self.share));
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
