//! # Experience
//!
//! Has the coach taught this, for as long as the job asks, and lately?
//!
//! Months are calendar months, counted back from `as_of` (age 0) to age 479. A position covers every month
//! from its start to its end (no end: to `as_of`), never past `as_of`; a position dated after `as_of` does
//! not exist yet. A month is worth `floor(10000 · 2^(−age/60) + 0.5)`, so what was five years ago counts half.
//! Each month counts once, for the best position that covers it: same modality (10), same family (6), any
//! other coaching (3). `A_x` is the worth of the months of kind `x` or better, and `Q` the worth of the asked
//! number of months until today:
//!
//! ```text
//! ratio  = div_round(4000·min(A_10, Q) + 3000·min(A_6, Q) + 3000·min(A_3, Q), Q)     (Q = 0: 10000)
//! recent = 10000 when the modality was taught within 90 days of as_of, 5000 within 365, else 0
//! s      = div_round(75·ratio + 25·recent, 100)
//! ```
//!
//! So the asked time in the asked modality is full marks, decades elsewhere are worth at most 0.30, overlaps
//! count once, and nobody gains by being older.
//!
//! **Not applicable** when the job names no modality. **Unknown** when no position has begun and nothing was
//! taught by `as_of`. **Range**: unknown is full at best; otherwise the score is certain.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use pulp::Arch;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::Family;
use crate::columns::{Sparse, put};
use crate::date::{day_number, month_index};
use crate::facts::{Coach, Job, Modality, Position};
use crate::num::{Divisor, MONTH_WORTH_BELOW, MONTHS, low_half, real};
use crate::subscore::{
    BLOCK, Case, Change, Columns, Figure, Kernel, Lanes, Outcome, Rows, State, Statement, Step, SubScore,
    lanes_of,
};
use crate::wide::{Aligned, ahead, wide};

#[cfg(target_arch = "x86_64")]
mod x86;

/// The table `[experience]` of a preset: it has no parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// A day long before any other: never taught.
const NEVER: i32 = i32::MIN / 2;

/// What was taught, in one block, by the day of the snapshot.
#[derive(Clone, Default)]
pub struct Teaching {
    /// Who has taught nothing yet.
    unknown: Rows,
    /// `A_3`: worth of all months taught.
    any: Vec<u32>,
    /// `A_6` by family.
    by_family: Sparse,
    /// `A_10` by modality, in the low bits, and above what it is worth how recent the last class is.
    by_modality: Sparse,
}

/// Bits that hold a worth of months; [`MONTHS`] months are worth 867 231.
const WORTH_BITS: u32 = 20;

/// In basis points, what it is worth that the last class was within a year, but not within 90 days; half of what it is worth then.
const HALF_RECENT: u32 = 1_250;

impl Columns for Teaching {
    fn set(&mut self, row: usize, coach: &Coach, as_of: NaiveDate) {
        if row < self.any.len() {
            self.by_family.remove(row);
            self.by_modality.remove(row);
        }
        let past = Past::of(coach, as_of);
        self.unknown.put(row, past.by_modality.is_empty());
        put(&mut self.any, row, worth(&past.all));
        for (family, months) in &past.by_family {
            self.by_family.insert(family.index(), row, worth(months));
        }
        for (modality, (months, last_taught)) in &past.by_modality {
            let recent = match day_number(as_of) - last_taught {
                ..=90 => 2 * HALF_RECENT,
                91..=365 => HALF_RECENT,
                _ => 0,
            };
            self.by_modality.insert(modality.index(), row, worth(months) | recent << WORTH_BITS);
        }
    }

    fn shrink(&mut self) {
        self.any.shrink_to_fit();
        self.by_family.shrink();
        self.by_modality.shrink();
    }

    fn bytes(&self) -> usize {
        4 * self.any.capacity() + self.by_family.bytes() + self.by_modality.bytes()
    }

    fn index(&self) {
        self.by_family.index();
        self.by_modality.index();
    }
}

/// The experience that one job asks for.
pub struct Asked {
    modality: Modality,
    months: usize,
    /// `Q`.
    worth: u32,
    as_of: NaiveDate,
}

impl SubScore for Parameters {
    const KEY: &'static str = "experience";
    const SHORT: &'static str = "exp";
    type Kernel = Asked;

    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Asked> {
        let modality = job.modality?;
        let months = job.min_years.months();
        Some(Asked { modality, months, worth: MONTH_WORTH_BELOW[months], as_of })
    }
}

/// Ages in months, youngest first, both ends included and at least 0; not sorted, may overlap.
type Ages = Vec<(usize, usize)>;

/// What a coach taught by a day.
struct Past {
    all: Ages,
    by_family: BTreeMap<Family, Ages>,
    /// With the [`day_number`] of the last class.
    by_modality: BTreeMap<Modality, (Ages, i32)>,
}

impl Past {
    fn of(coach: &Coach, as_of: NaiveDate) -> Self {
        let mut past = Self { all: Ages::new(), by_family: BTreeMap::new(), by_modality: BTreeMap::new() };
        for position in coach.positions.iter().filter(|position| position.started_on <= as_of) {
            let (ages, last) = covered(position, as_of);
            past.all.push(ages);
            past.by_family.entry(position.modality.family()).or_default().push(ages);
            let (months, last_taught) =
                past.by_modality.entry(position.modality).or_insert((Ages::new(), NEVER));
            months.push(ages);
            *last_taught = day_number(last).max(*last_taught);
        }
        for taught in coach.taught.iter().filter(|taught| taught.last_taught_on <= as_of) {
            let (_, last_taught) = past.by_modality.entry(taught.modality).or_insert((Ages::new(), NEVER));
            *last_taught = day_number(taught.last_taught_on).max(*last_taught);
        }
        past
    }
}

/// The ages of the months that a begun position covers, and its last day so far.
fn covered(position: &Position, as_of: NaiveDate) -> ((usize, usize), NaiveDate) {
    let last = position.ended_on.map_or(as_of, |end| end.min(as_of));
    let age = |day| usize::try_from(month_index(as_of) - month_index(day)).unwrap_or_default();
    ((age(last), age(position.started_on)), last)
}

/// The worth of the months that the stretches cover, each month once and none of age [`MONTHS`] or more.
fn worth(ages: &Ages) -> u32 {
    let mut ages = ages.clone();
    ages.sort_unstable();
    let mut counted = 0;
    let mut sum = 0;
    for (youngest, oldest) in ages {
        let from = youngest.clamp(counted, MONTHS);
        let to = (oldest + 1).clamp(from, MONTHS);
        sum += MONTH_WORTH_BELOW[to] - MONTH_WORTH_BELOW[from];
        counted = to;
    }
    sum
}

/// The formula of the manual.
#[inline(always)]
fn weigh(bp: &mut [u16], same: &[u32], family: &[u32], any: &[u32], (q, ratio): (u32, Divisor)) {
    for (bp, ((same, family), any)) in bp.iter_mut().zip(same.iter().zip(family).zip(any)) {
        let (same, recent) = (same & ((1 << WORTH_BITS) - 1), same >> WORTH_BITS);
        let tenths = 4 * same.min(q) + 3 * ((*family).min(q) + (*any).min(q));
        let ratio = ratio.round(real(tenths));
        // 75 and 25 of 100 are 3 and 1 of 4, and what is recent is a multiple of 4.
        *bp = low_half(((3 * ratio + 2) >> 2) + recent);
    }
}

/// Who taught something, and the worth of it, after which come others.
type Taught<'a> = (&'a Rows, &'a [u32]);

/// The formula for columns as they are, of modality, family and any, on the way through lanes.
fn spread_and_weigh(
    bp: &mut [u16],
    any: &[u32],
    taught: [Taught<'_>; 2],
    by: (u32, Divisor),
    sums: &mut [Aligned<[u32; BLOCK]>; 2],
) {
    let rows = any.len();
    for (lanes, (places, values)) in sums.iter_mut().zip(taught) {
        lanes[..rows].fill(0);
        for (row, value) in places.iter().zip(values) {
            // A row is less than a block, as the compiler would else have to check.
            lanes[row % BLOCK] = *value;
        }
    }
    let [same, family] = sums;
    wide(weigh, (&mut bp[..rows], &same[..rows], &family[..rows], any, by));
}

impl Kernel for Asked {
    type Columns = Teaching;

    fn run(&self, columns: &Teaching, case: Case, out: &mut Lanes) {
        // Of 10 000 shares, 4 in each 10 are for the modality, 3 for the family and 3 for any; what nobody asks, everybody has.
        let ratio = match self.worth {
            0 => Divisor::always(10_000),
            q => Divisor::scaled(1_000.0, q.into()),
        };
        let by = (self.worth, ratio);
        let family = self.modality.family();
        let taught = [columns.by_modality.of(self.modality.index()), columns.by_family.of(family.index())];
        let bp = &mut out.bp[..lanes_of(columns.any.len())];
        match Arch::new() {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) => simd.vectorize(x86::WeighV4(simd, bp, &columns.any, taught, by)),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(simd) => simd.vectorize(x86::WeighV3(simd, bp, &columns.any, taught, by)),
            _ => spread_and_weigh(bp, &columns.any, taught, by, &mut out.sums),
        }
        (out.blocks, out.provisional) = (Rows::NONE, Rows::NONE);
        out.set_unknown(&columns.unknown, case);
    }

    fn ahead(&self, columns: &Teaching, step: Step) {
        if step == Step::Index {
            return;
        }
        ahead(&columns.any);
        columns.by_modality.ahead(self.modality.index());
        columns.by_family.ahead(self.modality.family().index());
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let title = self.modality.details().title;
        let past = Past::of(coach, self.as_of);
        let (months, last_taught) =
            past.by_modality.get(&self.modality).cloned().unwrap_or((Ages::new(), NEVER));
        let fact = match figure.state {
            State::Unknown => "No experience given".to_owned(),
            _ if figure.score >= 8_000 => format!("Experienced in {title}"),
            _ if months.is_empty() => format!("No {title} position yet"),
            _ => format!("Less {title} experience than asked, or not recent"),
        };
        let share = |ages: &Ages| match self.worth {
            0 => 100,
            q => u64::from(worth(ages).min(q)) * 100 / u64::from(q),
        };
        let family = past.by_family.get(&self.modality.family()).cloned().unwrap_or_default();
        let days_since = day_number(self.as_of) - last_taught;
        Statement {
            fact,
            middling: None,
            evidence: vec![
                format!(
                    "Of {} months asked, recent ones counting more: {}% in {title}, {}% in its family, {}% coaching anything",
                    self.months,
                    share(&months),
                    share(&family),
                    share(&past.all)
                ),
                match days_since {
                    0 => format!("{title} taught to this day"),
                    _ if last_taught == NEVER => format!("{title} not taught yet"),
                    1 => format!("{title} last taught yesterday"),
                    days => format!("{title} last taught {days} days ago"),
                },
            ],
        }
    }

    fn advise(&self, _coach: &Coach, figure: &Figure) -> Vec<Change> {
        match figure.state {
            State::Unknown => {
                vec![Change { action: "Add your first position".to_owned(), outcome: Outcome::UpToFull }]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_width_weighs_alike() {
        let (v3, v4) = (pulp::x86::V3::try_new(), pulp::x86::V4::try_new());
        let mut state = 1_u64;
        let mut below = move |most: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 33).unwrap() % most
        };
        for rows in [1, 16, 31, 32, 33, 500, BLOCK] {
            let (mut same, mut family) = (Sparse::default(), Sparse::default());
            let any: Vec<u32> = (0..rows).map(|_| below(867_232)).collect();
            for row in 0..rows {
                if below(3) == 0 {
                    same.insert(4, row, below(867_232) | ((below(3) * HALF_RECENT) << WORTH_BITS));
                }
                if below(2) == 0 {
                    family.insert(0, row, below(867_232));
                    family.insert(1, row, 0);
                }
            }
            for q in [0, 1, 10_000, 300_000, 867_231] {
                let ratio = if q == 0 { Divisor::always(10_000) } else { Divisor::scaled(1_000.0, q.into()) };
                for taught in [[same.of(4), family.of(0)], [same.of(2), family.of(1)]] {
                    let (mut given, mut expected) = (vec![1; lanes_of(rows)], vec![1; lanes_of(rows)]);
                    spread_and_weigh(&mut expected, &any, taught, (q, ratio), &mut Lanes::new().sums);
                    if let Some(simd) = v3 {
                        simd.vectorize(x86::WeighV3(simd, &mut given, &any, taught, (q, ratio)));
                        assert_eq!(given[..rows], expected[..rows], "{rows} rows, {q}, 256 bits");
                    }
                    if let Some(simd) = v4 {
                        given.fill(1);
                        simd.vectorize(x86::WeighV4(simd, &mut given, &any, taught, (q, ratio)));
                        assert_eq!(given[..rows], expected[..rows], "{rows} rows, {q}, 512 bits");
                    }
                }
            }
        }
    }
}
