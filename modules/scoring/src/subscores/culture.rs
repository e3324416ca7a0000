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

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::facts::{Coach, Job, Wanted};
use crate::num::div_round_bp;
use crate::subscore::{BLOCK, Case, Figure, Kernel, Lanes, State, Statement, SubScore, UNKNOWN};

/// The table `[culture]` of a preset: it has no parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// In a column: the coach's level is not known.
const NOT_RATED: u8 = u8::MAX;

/// The levels of a block, dense, one column per dimension that any of its coaches has.
pub struct Columns {
    rows: usize,
    levels: BTreeMap<String, Vec<u8>>,
}

/// The style that one job wants.
pub struct Style {
    wanted: Vec<Wanted>,
    /// Σ w.
    weight: u64,
}

impl SubScore for Parameters {
    const KEY: &'static str = "culture";
    const SHORT: &'static str = "culture";
    const MAX_WEIGHT_BP: u32 = 1_500;
    type Kernel = Style;

    fn pack(coaches: &[&Coach], _as_of: NaiveDate) -> Columns {
        let mut columns = Columns { rows: coaches.len(), levels: BTreeMap::new() };
        for (row, coach) in coaches.iter().enumerate() {
            let mut ratings: Vec<_> = coach.style.iter().collect();
            // The last one written stays: a reviewer's.
            ratings.sort_by_key(|rating| rating.source);
            for rating in ratings {
                let column = match columns.levels.get_mut(&rating.dimension) {
                    Some(column) => column,
                    None => columns
                        .levels
                        .entry(rating.dimension.clone())
                        .or_insert_with(|| vec![NOT_RATED; coaches.len()]),
                };
                column[row] = rating.level;
            }
        }
        columns
    }

    fn compile(&self, job: &Job, _as_of: NaiveDate) -> Option<Style> {
        if job.style.is_empty() {
            return None;
        }
        let weight = job.style.iter().map(|wanted| u64::from(wanted.weight)).sum();
        Some(Style { wanted: job.style.clone(), weight })
    }
}

impl Kernel for Style {
    type Columns = Columns;

    fn run(&self, columns: &Columns, case: Case, out: &mut Lanes) {
        // What an unknown dimension adds, where a known one adds 0..=4.
        let unknown: u8 = match case {
            Case::Actual => 2,
            Case::Worst => 0,
            Case::Best => 4,
        };
        let mut sums = [0_u64; BLOCK];
        let mut known = [false; BLOCK];
        for wanted in &self.wanted {
            let column = columns.levels.get(&wanted.dimension);
            for row in 0..columns.rows {
                let level = column.map_or(NOT_RATED, |column| column[row]);
                let alike = if level == NOT_RATED { unknown } else { 4 - wanted.level.abs_diff(level) };
                known[row] |= level != NOT_RATED;
                sums[row] += u64::from(wanted.weight) * u64::from(alike);
            }
        }
        for row in 0..columns.rows {
            out.bp[row] = div_round_bp(2_500 * sums[row], self.weight);
            if !known[row] {
                out.flags[row] |= UNKNOWN;
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
