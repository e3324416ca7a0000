//! # Availability
//!
//! Is the coach free when the work is?
//!
//! The week is 672 quarter-hours from Monday 00:00. A coach marks quarters `free` or `if_needed` (which loses
//! to `free`), in the coach's time zone; a job has weekly slots in its own. Where the zones differ, slots are
//! shifted by the difference of the two offsets on the day the work starts, each at its own local noon, to
//! the nearest quarter-hour.
//!
//! - A **class** covers its quarters plus `buffer_minutes` on both sides: 10000 when all are free, 5000 when
//!   all are free or if needed, else 0.
//! - A **shift** counts by quarters: `div_round(10000·free + 5000·if_needed, quarters)`.
//!
//! `s = div_round(Σ weight·a, Σ weight)` over the slots.
//!
//! **Not applicable** without slots. **Unknown** when the coach has marked nothing; an empty grid is a fact:
//! never free. **Range**: unknown is full at best. **Eligibility**: known, applicable and 0 makes ineligible
//! (see `gate`).

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::facts::{Coach, Job, Slot, SlotKind, Zone};
use crate::num::div_round_bp;
use crate::subscore::{
    BLOCK, BLOCKS, Case, Change, Figure, Gate, Kernel, Lanes, Outcome, Side, State, Statement, SubScore,
};
use crate::week::{QUARTERS, Span, WORDS, Week};
use crate::zone::shift_quarters;

/// The table `[availability]` of a preset.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Minutes that a coach must be free before and after a class, to set up and to leave. A multiple of
    /// 15, at most 240.
    #[schemars(range(min = 0, max = 240), extend("multipleOf" = 15))]
    pub buffer_minutes: u16,
    /// What happens to a coach who is free for none of the slots: "exclude" takes the coach off the ranked
    /// list (still counted and listed on request), "flag" leaves the coach on it, marked.
    pub gate: Gate,
}

/// The grids of a block: one column per word of the week, so that a slot touches only the words it needs.
pub struct Columns {
    unknown: Vec<bool>,
    /// Index into `zones`.
    zone: Vec<u16>,
    /// The distinct zones of the block; `None` lives in the job's.
    zones: Vec<Option<Zone>>,
    free: [Vec<u32>; WORDS],
    /// Without what is free.
    if_needed: [Vec<u32>; WORDS],
}

/// The weekly hours of one job.
pub struct Hours {
    slots: Vec<Slot>,
    /// Σ weight.
    weight: u64,
    buffer_quarters: u16,
    zone: Zone,
    starts_on: NaiveDate,
}

/// The quarters that a slot covers in one coach zone.
struct Mask {
    kind: SlotKind,
    weight: u64,
    quarters: u32,
    /// Words of the week that it touches.
    words: Vec<(usize, u32)>,
}

impl SubScore for Parameters {
    const KEY: &'static str = "availability";
    const SHORT: &'static str = "avail";
    type Kernel = Hours;

    fn gate(&self) -> Gate {
        self.gate
    }

    fn pack(coaches: &[&Coach], _as_of: NaiveDate) -> Columns {
        let grid = || std::array::from_fn(|_| Vec::with_capacity(coaches.len()));
        let mut columns = Columns {
            unknown: Vec::new(),
            zone: Vec::new(),
            zones: Vec::new(),
            free: grid(),
            if_needed: grid(),
        };
        for coach in coaches {
            columns.unknown.push(coach.free.is_none() && coach.if_needed.is_none());
            let place = columns.zones.iter().position(|zone| *zone == coach.tz).unwrap_or_else(|| {
                columns.zones.push(coach.tz);
                columns.zones.len() - 1
            });
            columns.zone.push(u16::try_from(place).unwrap_or_default());
            let free = Week::covering(coach.free.as_deref().unwrap_or_default());
            let if_needed = Week::covering(coach.if_needed.as_deref().unwrap_or_default()).without(&free);
            for word in 0..WORDS {
                columns.free[word].push(free.words()[word]);
                columns.if_needed[word].push(if_needed.words()[word]);
            }
        }
        columns
    }

    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Hours> {
        if job.slots.is_empty() {
            return None;
        }
        Some(Hours {
            slots: job.slots.clone(),
            weight: job.slots.iter().map(|slot| u64::from(slot.weight)).sum(),
            buffer_quarters: self.buffer_minutes / 15,
            zone: job.tz.unwrap_or_else(Zone::utc),
            starts_on: job.start(as_of),
        })
    }
}

impl Hours {
    /// A slot as the coach's grid has it.
    fn local(&self, slot: &Slot, zone: Option<Zone>) -> Span {
        let shift = zone.map_or(0, |zone| shift_quarters(self.zone, zone, self.starts_on));
        let buffer = if slot.kind == SlotKind::Class { self.buffer_quarters } else { 0 };
        let start = (i32::from(slot.span.start) + shift - i32::from(buffer)).rem_euclid(i32::from(QUARTERS));
        Span {
            start: u16::try_from(start).unwrap_or_default(),
            quarters: (slot.span.quarters + 2 * buffer).min(QUARTERS),
        }
    }

    fn mask(&self, slot: &Slot, zone: Option<Zone>) -> Mask {
        let span = self.local(slot, zone);
        let week = Week::covering(&[span]);
        let words = week.words().iter().copied().enumerate().filter(|(_, mask)| *mask != 0).collect();
        Mask { kind: slot.kind, weight: u64::from(slot.weight), quarters: u32::from(span.quarters), words }
    }

    /// How well each slot suits one coach, 0..=10000, in the job's order.
    fn suits(&self, coach: &Coach) -> Vec<u16> {
        let columns = Parameters::pack(&[coach], self.starts_on);
        self.slots.iter().map(|slot| self.mask(slot, coach.tz).suits(&columns, 0)).collect()
    }
}

impl Mask {
    /// How well the slot suits the coach in a row, 0..=10000.
    fn suits(&self, columns: &Columns, row: usize) -> u16 {
        let (mut free, mut if_needed) = (0, 0);
        for (word, mask) in &self.words {
            free += (columns.free[*word][row] & mask).count_ones();
            if_needed += (columns.if_needed[*word][row] & mask).count_ones();
        }
        match self.kind {
            SlotKind::Class if free == self.quarters => 10_000,
            SlotKind::Class if free + if_needed == self.quarters => 5_000,
            SlotKind::Class => 0,
            SlotKind::Shift => {
                div_round_bp(u64::from(10_000 * free + 5_000 * if_needed), u64::from(self.quarters))
            }
        }
    }
}

impl Kernel for Hours {
    type Columns = Columns;

    fn run(&self, columns: &Columns, case: Case, out: &mut Lanes) {
        let mut sums = [0_u64; BLOCK];
        for (place, zone) in columns.zones.iter().enumerate() {
            let masks: Vec<Mask> = self.slots.iter().map(|slot| self.mask(slot, *zone)).collect();
            let here = columns.zone.iter().enumerate().filter(|(_, zone)| usize::from(**zone) == place);
            for (row, _) in here {
                sums[row] = masks.iter().map(|mask| mask.weight * u64::from(mask.suits(columns, row))).sum();
            }
        }
        for (row, unknown) in columns.unknown.iter().enumerate() {
            out.bp[row] = div_round_bp(sums[row], self.weight);
            if *unknown {
                out.unknown(row, case);
            } else if out.bp[row] == 0 {
                out.flags[row] |= BLOCKS;
            }
        }
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        if figure.state == State::Unknown {
            return Statement {
                fact: "No availability given".to_owned(),
                middling: None,
                evidence: Vec::new(),
            };
        }
        let suits = self.suits(coach);
        let whole = suits.iter().filter(|a| **a == 10_000).count();
        let more = suits
            .iter()
            .zip(&self.slots)
            .filter(|(a, slot)| slot.kind == SlotKind::Class && **a == 5_000)
            .count();
        let part = suits
            .iter()
            .zip(&self.slots)
            .filter(|(a, slot)| slot.kind == SlotKind::Shift && (1..10_000).contains(*a))
            .count();
        let also =
            |count: usize, how: &str| if count > 0 { format!(", {count} {how}") } else { String::new() };
        Statement {
            fact: format!(
                "{whole}/{} availability match{}{}",
                suits.len(),
                also(more, "more if needed"),
                also(part, "in part")
            ),
            // A middling figure means that some slot is not covered.
            middling: Some(Side::Gap),
            evidence: suits
                .iter()
                .zip(&self.slots)
                .map(|(a, slot)| match (slot.kind, a) {
                    (_, 10_000) => format!("{}: free", slot.span),
                    (_, 0) => format!("{}: not free", slot.span),
                    (SlotKind::Class, _) => format!("{}: if needed", slot.span),
                    (SlotKind::Shift, a) => format!("{}: {}% covered", slot.span, a / 100),
                })
                .collect(),
        }
    }

    fn advise(&self, coach: &Coach, figure: &Figure) -> Vec<Change> {
        if figure.state == State::Unknown {
            return vec![Change { action: "Add your availability".to_owned(), outcome: Outcome::UpToFull }];
        }
        let open = self.suits(coach).into_iter().zip(&self.slots).filter(|(a, _)| *a < 10_000);
        open.map(|(_, slot)| {
            let mut changed = coach.clone();
            changed.free.get_or_insert_default().push(self.local(slot, coach.tz));
            let zone = coach
                .tz
                .filter(|zone| *zone != self.zone)
                .map_or(String::new(), |_| format!(" ({} time)", self.zone.name()));
            Change {
                action: format!("Be free {}{zone}", slot.span),
                outcome: Outcome::Facts(Box::new(changed)),
            }
        })
        .collect()
    }
}
