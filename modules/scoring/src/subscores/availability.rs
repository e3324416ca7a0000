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

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::{Coded, Codes, put};
use crate::facts::{Coach, Job, Slot, SlotKind, Zone};
use crate::num::{Divisor, div_round_bp, real};
use crate::subscore::{
    BLOCK, BLOCKS, Case, Change, Columns, Figure, Gate, Kernel, Lanes, Outcome, Side, State, Statement,
    SubScore, UNKNOWN, figure,
};
use crate::week::{QUARTERS, Span, WORDS, Week};
use crate::wide::wide;
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

/// The grids of a block: one column per word of the week, so that a slot touches only the words it needs. A word is a
/// third of a day, and few distinct ones are many coaches' thirds.
#[derive(Clone, Default)]
pub struct Grids {
    /// [`UNKNOWN`] where the coach has marked nothing.
    unknown: Vec<u8>,
    /// The zone of the coach; `None` lives in the job's. Nearly every block has one.
    zone: Coded<Option<Zone>>,
    words: [Coded<Third>; WORDS],
}

/// A third of a day as a coach has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Third {
    free: u32,
    /// Without what is free.
    if_needed: u32,
}

impl Third {
    fn each(coach: &Coach) -> impl Iterator<Item = Self> {
        let free = Week::covering(coach.free.as_deref().unwrap_or_default());
        let if_needed = Week::covering(coach.if_needed.as_deref().unwrap_or_default()).without(&free);
        (0..WORDS).map(move |word| Self { free: free.words()[word], if_needed: if_needed.words()[word] })
    }
}

impl Columns for Grids {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        let unknown = coach.free.is_none() && coach.if_needed.is_none();
        put(&mut self.unknown, row, if unknown { UNKNOWN } else { 0 });
        self.zone.set(row, coach.tz);
        for (word, third) in self.words.iter_mut().zip(Third::each(coach)) {
            word.set(row, third);
        }
    }

    fn shrink(&mut self) {
        self.unknown.shrink_to_fit();
        self.zone.shrink();
        self.words.iter_mut().for_each(Coded::shrink);
    }

    fn bytes(&self) -> usize {
        self.unknown.capacity() + self.zone.bytes() + self.words.iter().map(Coded::bytes).sum::<usize>()
    }
}

/// The weekly hours of one job.
pub struct Hours {
    slots: Vec<Slot>,
    /// By Σ weight.
    share: Divisor,
    buffer_quarters: u16,
    zone: Zone,
    starts_on: NaiveDate,
    /// The slots by the zone of a coach; each zone's are found once.
    masks: Mutex<BTreeMap<Option<Zone>, Arc<[Mask]>>>,
}

/// The quarters that a slot covers in one coach zone.
struct Mask {
    kind: SlotKind,
    weight: u32,
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

    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Hours> {
        if job.slots.is_empty() {
            return None;
        }
        Some(Hours {
            slots: job.slots.clone(),
            share: Divisor::new(job.slots.iter().map(|slot| f64::from(slot.weight)).sum()),
            buffer_quarters: self.buffer_minutes / 15,
            zone: job.tz.unwrap_or_else(Zone::utc),
            starts_on: job.start(as_of),
            masks: Mutex::default(),
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
        Mask { kind: slot.kind, weight: slot.weight.into(), quarters: u32::from(span.quarters), words }
    }

    /// How well each slot suits one coach, 0..=10000, in the job's order.
    fn suits(&self, coach: &Coach) -> Vec<u16> {
        let week: Vec<Third> = Third::each(coach).collect();
        let suits = |mask: Mask| {
            let parts = mask.words.iter().map(|(word, bits)| mask.part(week[*word], *bits));
            mask.whole(parts.sum())
        };
        self.slots.iter().map(|slot| suits(self.mask(slot, coach.tz))).collect()
    }

    fn masks(&self, zone: Option<Zone>) -> Arc<[Mask]> {
        let mut known = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        let find = || self.slots.iter().map(|slot| self.mask(slot, zone)).collect();
        known.entry(zone).or_insert_with(find).clone()
    }

    /// Adds to the sums of the rows that live in a zone what the slots are worth to them, `weight · a`.
    fn add(&self, columns: &Grids, (zone, whole): (usize, bool), sums: &mut [u32], parts: &mut [u32]) {
        let masks = self.masks(columns.zone.values()[zone]);
        let (within, across): (Vec<&Mask>, Vec<&Mask>) = masks.iter().partition(|mask| mask.words.len() == 1);
        if !whole {
            parts.fill(0);
        }
        let totals: &mut [u32] = if whole { &mut *sums } else { &mut *parts };
        // Slots within one word are worth what that word's values say: one look for all of them.
        let mut tables = Vec::new();
        for (place, word) in columns.words.iter().enumerate() {
            let here: Vec<&&Mask> = within.iter().filter(|mask| mask.words[0].0 == place).collect();
            if !here.is_empty() {
                let worth = |mask: &&&Mask, third| {
                    mask.weight * u32::from(mask.whole(mask.part(third, mask.words[0].1)))
                };
                let table =
                    word.values().iter().map(|third| here.iter().map(|mask| worth(mask, *third)).sum());
                tables.push((word.codes(), table.collect()));
            }
        }
        look_up(&tables, totals);
        if whole && across.is_empty() {
            return;
        }
        // The others gather their parts first.
        let mut gathered = [0; BLOCK];
        let gathered = &mut gathered[..totals.len()];
        for mask in &across {
            gathered.fill(0);
            let parts = mask.words.iter().map(|(word, bits)| {
                let word = &columns.words[*word];
                (word.codes(), word.values().iter().map(|third| mask.part(*third, *bits)).collect())
            });
            look_up(&parts.collect::<Vec<_>>(), gathered);
            let worth: Vec<u32> =
                (0..=mask.most()).map(|parts| mask.weight * u32::from(mask.whole(parts))).collect();
            for (total, parts) in totals.iter_mut().zip(gathered.iter()) {
                *total += worth[*parts as usize];
            }
        }
        if !whole {
            let zone_of = |row: usize| columns.zone.code(row);
            for row in 0..sums.len() {
                sums[row] += if zone_of(row) == zone { parts[row] } else { 0 };
            }
        }
    }
}

/// Adds to each row what the tables say of its codes.
fn look_up(columns: &[(&Codes, Vec<u32>)], rows: &mut [u32]) {
    // A third that is alike for everybody, such as the nights, is the same for each row.
    let (alike, differing): (Vec<_>, Vec<_>) =
        columns.iter().partition(|(_, table)| table.iter().all(|worth| *worth == table[0]));
    let worth: u32 = alike.iter().map(|(_, table)| table[0]).sum();
    if worth > 0 {
        for row in rows.iter_mut() {
            *row += worth;
        }
    }
    // Two at a time, so that a row is written half as often.
    for pair in differing.chunks(2) {
        match pair {
            [(Codes::Narrow(one), first), (Codes::Narrow(two), second)] => {
                let (first, second) = (padded(first), padded(second));
                for (row, (one, two)) in rows.iter_mut().zip(one.iter().zip(two)) {
                    *row += first[usize::from(*one)] + second[usize::from(*two)];
                }
            }
            pair => pair.iter().for_each(|(codes, table)| match codes {
                Codes::Narrow(codes) => {
                    let table = padded(table);
                    for (row, code) in rows.iter_mut().zip(codes) {
                        *row += table[usize::from(*code)];
                    }
                }
                Codes::Wide(codes) => {
                    for (row, code) in rows.iter_mut().zip(codes) {
                        *row += table[usize::from(*code)];
                    }
                }
            }),
        }
    }
}

/// A table that any narrow code is in.
fn padded(table: &[u32]) -> [u32; 256] {
    let mut whole = [0; 256];
    whole[..table.len()].copy_from_slice(table);
    whole
}

impl Mask {
    /// What a word adds to the parts of a slot. Of a class: 1 where it is not all free, and [`LOST`] where it is not all
    /// free or if needed. Of a shift: halves of quarters, two for one that is free and one for one if needed.
    fn part(&self, third: Third, bits: u32) -> u32 {
        match self.kind {
            SlotKind::Class => {
                let (free, covered) = (bits & !third.free == 0, bits & !(third.free | third.if_needed) == 0);
                u32::from(!free) + LOST * u32::from(!covered)
            }
            SlotKind::Shift => 2 * (third.free & bits).count_ones() + (third.if_needed & bits).count_ones(),
        }
    }

    /// The most that its parts add up to.
    fn most(&self) -> u32 {
        match self.kind {
            SlotKind::Class => WORDS_U32 * (1 + LOST),
            SlotKind::Shift => 2 * self.quarters,
        }
    }

    /// How well the slot suits whoever has these parts, 0..=10000.
    fn whole(&self, parts: u32) -> u16 {
        match self.kind {
            SlotKind::Class if parts == 0 => 10_000,
            SlotKind::Class if parts < LOST => 5_000,
            SlotKind::Class => 0,
            SlotKind::Shift => div_round_bp(u64::from(5_000 * parts), u64::from(self.quarters)),
        }
    }
}

/// More than the words of a week.
const LOST: u32 = 32;
const WORDS_U32: u32 = 21;

#[inline(always)]
fn divide(bp: &mut [u16], sums: &[u32], unknown: &[u8], share: Divisor, case: Case) {
    for (bp, (sum, unknown)) in bp.iter_mut().zip(sums.iter().zip(unknown)) {
        *bp = figure(share.bp(real(*sum)), *unknown, case);
    }
}

/// Whoever is free for nothing is ineligible, unless nothing is known.
#[inline(always)]
fn flag(flags: &mut [u8], bp: &[u16], unknown: &[u8]) {
    for (flags, (bp, unknown)) in flags.iter_mut().zip(bp.iter().zip(unknown)) {
        *flags = if *unknown != 0 {
            UNKNOWN
        } else if *bp == 0 {
            BLOCKS
        } else {
            0
        };
    }
}

impl Kernel for Hours {
    type Columns = Grids;

    fn run(&self, columns: &Grids, case: Case, out: &mut Lanes) {
        let rows = columns.unknown.len();
        let Lanes { bp, flags, sums: [sums, parts, _], .. } = out;
        let (bp, flags) = (&mut bp[..rows], &mut flags[..rows]);
        let (sums, parts) = (&mut sums[..rows], &mut parts[..rows]);
        sums.fill(0);
        let zones = columns.zone.values().len();
        for zone in 0..zones {
            self.add(columns, (zone, zones == 1), sums, parts);
        }
        wide(divide, (&mut *bp, &*sums, &columns.unknown[..], self.share, case));
        wide(flag, (flags, &*bp, &columns.unknown[..]));
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
