//! # Engagement
//!
//! Does the coach come, answer, and keep the profile up to date?
//!
//! Counts over the last 365 days against fixed priors, so that a newcomer is neither zero nor perfect:
//!
//! ```text
//! reliability = min(10000, div_round(10000·(16 + 2·done), 20 + 2·done + late_cancels + 4·no_shows))
//! response    = div_round(10000·(4 + replied_in_24h), 5 + asked)
//! recency     = floor(10000 · 2^(−idle_days/30) + 0.5), 0 after 365 days
//! profile     = div_round(10000·profile_filled, profile_sections)
//! s           = div_round(35·reliability + 25·response + 20·recency + 20·profile, 100)
//! ```
//!
//! `asked` counts requests older than 24 hours; excused absences count nowhere. Missing counts are 0, missing
//! idle days 30, missing sections 8; all missing comes to 5800.
//!
//! **Always applicable.** **Unknown** when no counts are kept. **Range**: unknown is 0 at worst and full at
//! best; otherwise the score is certain.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::put;
use crate::facts::{Coach, Engagement, Job};
use crate::num::{FULL, IDLE_WORTH, div_round_bp};
use crate::subscore::{
    Case, Change, Columns, Figure, Kernel, Lanes, Outcome, Rows, State, Statement, Step, SubScore,
};
use crate::wide::ahead;

/// The table `[engagement]` of a preset: it has no parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// The sub-score of a block, finished: it depends on the coach alone.
#[derive(Clone, Default)]
pub struct Activity {
    bp: Vec<u16>,
    /// Of whom no counts are kept.
    unknown: Rows,
}

impl Columns for Activity {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        put(&mut self.bp, row, Parts::of(&coach.engagement.unwrap_or_default()).score());
        self.unknown.put(row, coach.engagement.is_none());
    }

    fn shrink(&mut self) {
        self.bp.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        2 * self.bp.capacity()
    }
}

/// Every job asks for the same.
pub struct Always;

/// The four parts of the sub-score, each in basis points.
struct Parts {
    reliability: u64,
    response: u64,
    recency: u64,
    profile: u64,
}

impl Parts {
    fn of(counts: &Engagement) -> Self {
        let happened = 20 + 2 * counts.done + counts.late_cancels + 4 * counts.no_shows;
        Self {
            reliability: wide_div_round(16 + 2 * counts.done, happened).min(u64::from(FULL)),
            response: wide_div_round(4 + counts.replied_in_24h, 5 + counts.asked),
            recency: usize::try_from(counts.idle_days)
                .ok()
                .and_then(|days| IDLE_WORTH.get(days))
                .map_or(0, |worth| u64::from(*worth)),
            profile: wide_div_round(counts.profile_filled, counts.profile_sections),
        }
    }

    fn score(&self) -> u16 {
        div_round_bp(35 * self.reliability + 25 * self.response + 20 * self.recency + 20 * self.profile, 100)
    }
}

/// `div_round(10000·a, b)`, for counts so large that the product needs more than 64 bits.
fn wide_div_round(a: u64, b: u64) -> u64 {
    let (a, b) = (u128::from(a) * u128::from(FULL), u128::from(b));
    u64::try_from((2 * a + b) / (2 * b)).unwrap_or(u64::MAX)
}

impl SubScore for Parameters {
    const KEY: &'static str = "engagement";
    const SHORT: &'static str = "engage";
    type Kernel = Always;

    fn compile(&self, _job: &Job, _as_of: NaiveDate) -> Option<Always> {
        Some(Always)
    }
}

impl Kernel for Always {
    type Columns = Activity;

    fn run(&self, columns: &Activity, case: Case, out: &mut Lanes) {
        out.bp[..columns.bp.len()].copy_from_slice(&columns.bp);
        (out.blocks, out.provisional) = (Rows::NONE, Rows::NONE);
        out.set_unknown(&columns.unknown, case);
        if case == Case::Worst {
            columns.unknown.iter().for_each(|row| out.bp[row] = 0);
        }
    }

    fn ahead(&self, columns: &Activity, step: Step) {
        if step == Step::Index {
            return;
        }
        ahead(&columns.bp);
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let Some(counts) = coach.engagement else {
            return Statement { fact: "No activity yet".to_owned(), middling: None, evidence: Vec::new() };
        };
        let parts = Parts::of(&counts);
        let percent = |bp: u64| bp / 100;
        Statement {
            fact: if figure.score >= 5_000 {
                "Reliable and responsive".to_owned()
            } else {
                "Reliability, response or activity is low".to_owned()
            },
            middling: None,
            evidence: vec![
                format!(
                    "Reliability {}%: {} done, {} cancelled late, {} not come",
                    percent(parts.reliability),
                    counts.done,
                    counts.late_cancels,
                    counts.no_shows
                ),
                format!(
                    "Response {}%: {} of {} requests answered within a day",
                    percent(parts.response),
                    counts.replied_in_24h,
                    counts.asked
                ),
                format!("Activity {}%: last active {} days ago", percent(parts.recency), counts.idle_days),
                format!(
                    "Profile {}%: {} of {} sections filled",
                    percent(parts.profile),
                    counts.profile_filled,
                    counts.profile_sections
                ),
            ],
        }
    }

    fn advise(&self, coach: &Coach, figure: &Figure) -> Vec<Change> {
        let counts = coach.engagement.unwrap_or_default();
        if figure.state == State::Unknown || counts.profile_filled == counts.profile_sections {
            return Vec::new();
        }
        let mut changed = coach.clone();
        changed.engagement = Some(Engagement { profile_filled: counts.profile_sections, ..counts });
        vec![Change {
            action: "Complete your profile".to_owned(),
            outcome: Outcome::Facts(Box::new(changed)),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_is_neither_zero_nor_perfect() {
        assert_eq!(Parts::of(&Engagement::default()).score(), 5_800);
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        use crate::facts::MAX_COUNT;
        let counts = Engagement {
            done: MAX_COUNT,
            late_cancels: MAX_COUNT,
            no_shows: MAX_COUNT,
            replied_in_24h: MAX_COUNT,
            asked: MAX_COUNT,
            idle_days: MAX_COUNT,
            profile_filled: MAX_COUNT,
            profile_sections: MAX_COUNT,
        };
        assert!(Parts::of(&counts).score() > 0);
    }
}
