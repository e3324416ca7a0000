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
use pulp::{Arch, Simd, WithSimd};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::facts::{Coach, Job, Slot, SlotKind, Zone};
use crate::num::{Marks, Quotient, Share, div_round_bp, divided};
use crate::rows::at_least;
use crate::subscore::{
    Case, Change, Columns, Figure, Gate, Kernel, Lanes, Outcome, Rows, Run, Side, State, Statement, Step,
    SubScore, lanes_of,
};
use crate::week::{QUARTERS, Span, Week};
use crate::wide::ahead;
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

/// The grids of a block by quarter-hour: the set of those who are free, and the set of those who are free or free if needed.
/// Most weeks change on the hour and sleep at night, so that many quarter-hours share a set.
#[derive(Clone, Default)]
pub struct Grids {
    rows: usize,
    /// Who has marked nothing.
    unknown: Rows,
    /// Who lives in which zone; `None` lives in the job's. Nearly every block has one.
    zones: Vec<(Option<Zone>, Rows)>,
    /// No two are equal, unless rows have changed.
    sets: Vec<Rows>,
    /// Places of sets: of each quarter-hour's free ones, then of each one's free or if needed. Nothing while there is no row.
    of: Vec<u16>,
}

/// What part of [`Grids::of`] a place is in.
#[derive(Clone, Copy)]
enum Half {
    Free = 0,
    /// Free or if needed.
    Covered = 1,
}

impl Columns for Grids {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        self.rows = self.rows.max(row + 1);
        self.unknown.put(row, coach.free.is_none() && coach.if_needed.is_none());
        self.zones.iter_mut().for_each(|(_, living)| living.put(row, false));
        self.zones.retain(|(zone, living)| *zone == coach.tz || !living.is_empty());
        let known = self.zones.iter().position(|(zone, _)| *zone == coach.tz);
        let place = known.unwrap_or_else(|| {
            self.zones.push((coach.tz, Rows::NONE));
            self.zones.len() - 1
        });
        self.zones[place].1.put(row, true);
        self.mark(row, weeks(coach));
    }

    fn shrink(&mut self) {
        self.zones.shrink_to_fit();
        self.sets.shrink_to_fit();
        self.of.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        size_of::<(Option<Zone>, Rows)>() * self.zones.capacity()
            + size_of::<Rows>() * self.sets.capacity()
            + 2 * self.of.capacity()
    }

    fn index(&self) {
        ahead(&self.zones);
    }
}

/// When a coach is free, and when free or free if needed.
fn weeks(coach: &Coach) -> [Week; 2] {
    let free = coach.free.as_deref().unwrap_or_default();
    let if_needed = coach.if_needed.as_deref().unwrap_or_default();
    let mut covered = Week::covering(free);
    let free = covered;
    for span in if_needed {
        covered.insert(span.start, span.quarters);
    }
    [free, covered]
}

impl Grids {
    /// Puts a row into the sets of the quarter-hours that its weeks have, and takes it out of the others.
    fn mark(&mut self, row: usize, weeks: [Week; 2]) {
        if self.of.is_empty() {
            self.of = vec![0; 2 * usize::from(QUARTERS)];
            self.sets = vec![Rows::NONE];
        }
        let words = weeks.iter().flat_map(Week::words).copied();
        // Of each set, whether it has quarter-hours without the row, and some with it.
        let mut found = vec![[false; 2]; self.sets.len()];
        for (sets, bits) in self.of.chunks_exact(32).zip(words.clone()) {
            // Nights and free days are alike all through.
            let (first, alike) = (usize::from(sets[0]), matches!(bits, 0 | u32::MAX));
            if alike && sets.iter().all(|set| *set == sets[0]) {
                found[first][usize::from(bits != 0)] = true;
                continue;
            }
            for (quarter, set) in sets.iter().enumerate() {
                found[usize::from(*set)][(bits >> quarter & 1) as usize] = true;
            }
        }
        // A set that has both is two from now on.
        let mut twins = vec![0; self.sets.len()];
        for (set, [without, with]) in found.into_iter().enumerate() {
            self.sets[set].put(row, !without);
            if without && with {
                let mut twin = self.sets[set];
                twin.put(row, true);
                twins[set] = u16::try_from(self.sets.len()).unwrap_or_default();
                self.sets.push(twin);
            }
        }
        if self.sets.len() == twins.len() {
            return;
        }
        for (sets, bits) in self.of.chunks_exact_mut(32).zip(words).filter(|(_, bits)| *bits != 0) {
            for (quarter, set) in sets.iter_mut().enumerate() {
                let twin = twins[usize::from(*set)];
                *set = if twin != 0 && bits >> quarter & 1 == 1 { twin } else { *set };
            }
        }
    }

    /// The places of the sets of the quarter-hours of a span: up to the end of the week, and from its beginning.
    #[inline(always)]
    fn parts(&self, half: Half, span: Span) -> impl Iterator<Item = &[u16]> {
        let week = &self.of[half as usize * usize::from(QUARTERS)..][..usize::from(QUARTERS)];
        let end = span.start + span.quarters;
        let parts = [span.start..end.min(QUARTERS), 0..end.saturating_sub(QUARTERS)];
        parts.into_iter().map(|part| &week[usize::from(part.start)..usize::from(part.end)])
    }

    /// The sets of the quarter-hours of a span, each with how many of them in a row share it.
    #[inline(always)]
    fn each(&self, half: Half, span: Span, mut then: impl FnMut(&Rows, u16)) {
        for sets in self.parts(half, span) {
            for alike in sets.chunk_by(|one, next| one == next) {
                then(&self.sets[usize::from(alike[0])], u16::try_from(alike.len()).unwrap_or(QUARTERS));
            }
        }
    }

    /// Who is free, or covers it, all through a span.
    #[inline(always)]
    fn throughout(&self, half: Half, span: Span) -> Rows {
        let mut all = Rows::ALL;
        self.each(half, span, |set, _| all &= *set);
        all
    }
}

/// The weekly hours of one job.
pub struct Hours {
    slots: Vec<Slot>,
    /// Of each slot, what halves of quarters come to; of shifts of days on end not.
    shifts: Vec<Option<Marks>>,
    /// By Σ weight, of what is counted in single basis points.
    share: Share,
    /// What halves of full marks come to, where all sums of them are bytes.
    marks: Option<Marks>,
    buffer_quarters: u16,
    zone: Zone,
    starts_on: NaiveDate,
    /// The slots as coaches of a zone have them; each zone's are found once.
    local: Mutex<BTreeMap<Option<Zone>, Arc<[Span]>>>,
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
        let weight = job.slots.iter().map(|slot| u64::from(slot.weight)).sum();
        let buffer_quarters = self.buffer_minutes / 15;
        let quarters = |slot: &Slot| u64::from(length(slot, buffer_quarters));
        let of_shift = |slot: &Slot| match slot.kind {
            SlotKind::Shift => Marks::new(2 * quarters(slot)),
            SlotKind::Class => None,
        };
        Some(Hours {
            shifts: job.slots.iter().map(of_shift).collect(),
            slots: job.slots.clone(),
            share: Share::scaled(1, weight),
            marks: Marks::new(2 * weight),
            buffer_quarters,
            zone: job.tz.unwrap_or_else(Zone::utc),
            starts_on: job.start(as_of),
            local: Mutex::default(),
        })
    }
}

/// The quarter-hours that are to be free before and after a slot.
fn buffer(slot: &Slot, quarters: u16) -> u16 {
    if slot.kind == SlotKind::Class { quarters } else { 0 }
}

/// The quarter-hours of a slot with what is to be free around it.
fn length(slot: &Slot, buffer_quarters: u16) -> u16 {
    (slot.span.quarters + 2 * buffer(slot, buffer_quarters)).min(QUARTERS)
}

impl Hours {
    /// A slot as the coach's grid has it.
    fn local(&self, slot: &Slot, zone: Option<Zone>) -> Span {
        let shift = zone.map_or(0, |zone| shift_quarters(self.zone, zone, self.starts_on));
        let buffer = buffer(slot, self.buffer_quarters);
        let start = (i32::from(slot.span.start) + shift - i32::from(buffer)).rem_euclid(i32::from(QUARTERS));
        Span { start: u16::try_from(start).unwrap_or_default(), quarters: length(slot, self.buffer_quarters) }
    }

    /// The slots as the grids of a zone have them.
    fn locals(&self, zone: Option<Zone>) -> Arc<[Span]> {
        let mut known = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        let find = || self.slots.iter().map(|slot| self.local(slot, zone)).collect();
        known.entry(zone).or_insert_with(find).clone()
    }

    /// How well each slot suits one coach, 0..=10000, in the job's order.
    fn suits(&self, coach: &Coach) -> Vec<u16> {
        let [free, covered] = weeks(coach);
        let suits = |slot: &Slot| {
            let span = self.local(slot, coach.tz);
            let within = Week::covering(&[span]);
            let (free, covered) = (free.common(&within), covered.common(&within));
            let quarters = u32::from(span.quarters);
            match slot.kind {
                SlotKind::Class if free == quarters => 10_000,
                SlotKind::Class if covered == quarters => 5_000,
                SlotKind::Class => 0,
                SlotKind::Shift => div_round_bp((5_000 * (free + covered)).into(), quarters.into()),
            }
        };
        self.slots.iter().map(suits).collect()
    }
}

/// What the slots are worth to the rows, on the way to the figures.
struct Worth<'l> {
    /// In halves of full marks: what classes are worth.
    halves: &'l mut [u8],
    /// The most that the halves may be by now.
    most: u8,
    /// In basis points: what shifts are worth, and halves that have found no room.
    sums: &'l mut [u32],
    /// Whether there is anything in the sums.
    summed: bool,
    /// Halves of quarters of a shift.
    few: &'l mut [u8],
    /// The same of a long one.
    parts: &'l mut [u16],
}

impl Worth<'_> {
    /// A class is worth as many halves as it is covered and free.
    #[inline(always)]
    fn class(&mut self, columns: &Grids, span: Span, here: &Rows, weight: u8) {
        if self.most > u8::MAX - 2 * weight {
            self.sum_up();
        }
        self.most += 2 * weight;
        let covered = columns.throughout(Half::Covered, span) & *here;
        let free = columns.throughout(Half::Free, span) & *here;
        if free == covered {
            free.add(2 * weight, self.halves);
        } else {
            covered.add(weight, self.halves);
            free.add(weight, self.halves);
        }
    }

    /// A shift counts by quarters, twice where free and once where free if needed.
    #[inline(always)]
    fn shift(&mut self, columns: &Grids, span: Span, here: &Rows, (weight, marks): (u8, Option<Marks>)) {
        self.sum();
        let Some(marks) = marks else {
            return self.long_shift(columns, span, here, weight.into());
        };
        self.few.fill(0);
        for half in [Half::Free, Half::Covered] {
            // Marks are only of so many halves as a byte holds.
            let add = |set: &Rows, quarters| {
                (*set & *here).add(u8::try_from(quarters).unwrap_or(u8::MAX), self.few);
            };
            columns.each(half, span, add);
        }
        marks.add(weight, self.sums, self.few);
    }

    /// One of days on end, of which a byte does not hold the quarters.
    #[cold]
    fn long_shift(&mut self, columns: &Grids, span: Span, here: &Rows, weight: u32) {
        self.parts.fill(0);
        for half in [Half::Free, Half::Covered] {
            columns.each(half, span, |set, quarters| {
                (*set & *here).iter().for_each(|row| self.parts[row] += quarters);
            });
        }
        for (sum, parts) in self.sums.iter_mut().zip(&*self.parts) {
            *sum += weight * u32::from(div_round_bp(5_000 * u64::from(*parts), span.quarters.into()));
        }
    }

    fn sum(&mut self) {
        if !std::mem::replace(&mut self.summed, true) {
            self.sums.fill(0);
        }
    }

    fn sum_up(&mut self) {
        self.sum();
        for (sum, halves) in self.sums.iter_mut().zip(&mut *self.halves) {
            *sum += 5_000 * u32::from(std::mem::take(halves));
        }
        self.most = 0;
    }
}

#[inline(always)]
fn divide<Q: Quotient>(bp: &mut [u16], halves: &[u8], sums: &[u32], share: Q) {
    for (bp, (halves, sum)) in bp.iter_mut().zip(halves.iter().zip(sums)) {
        *bp = share.bp(5_000 * u32::from(*halves) + *sum);
    }
}

impl WithSimd for Run<'_, Hours> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { job, columns, case, out } = self;
        let lanes = lanes_of(columns.rows);
        let Lanes { bp, bytes: [halves, few], small: parts, sums: [sums, _], .. } = out;
        let (bp, halves, sums) = (&mut bp[..lanes], &mut halves[..lanes], &mut sums[..lanes]);
        halves.fill(0);
        let mut worth = Worth {
            halves,
            most: 0,
            sums,
            summed: false,
            parts: &mut parts[..lanes],
            few: &mut few[..lanes],
        };
        for (zone, here) in &columns.zones {
            // Whoever lives in this zone has no halves yet.
            worth.most = 0;
            for ((slot, marks), span) in job.slots.iter().zip(&job.shifts).zip(job.locals(*zone).iter()) {
                match slot.kind {
                    SlotKind::Class => worth.class(columns, *span, here, slot.weight),
                    SlotKind::Shift => {
                        worth.shift(columns, *span, here, (slot.weight, *marks));
                    }
                }
            }
        }
        let Worth { halves, sums, summed, .. } = worth;
        match job.marks {
            _ if summed => divided!(divide(&mut *bp, &*halves, &*sums; job.share)),
            Some(marks) => marks.give(bp, halves),
            // Classes that a byte does not hold were summed up, so that this is a block of nobody.
            None => bp.fill(0),
        }
        if out.asks_blocks {
            out.blocks = !(at_least(bp, 1) | columns.unknown);
        }
        out.provisional = Rows::NONE;
        out.set_unknown(&columns.unknown, case);
    }
}

impl Kernel for Hours {
    type Columns = Grids;

    fn run(&self, columns: &Grids, case: Case, out: &mut Lanes) {
        Arch::new().dispatch(Run { job: self, columns, case, out });
    }

    fn ahead(&self, columns: &Grids, step: Step) {
        for (zone, _) in &columns.zones {
            for span in self.locals(*zone).iter() {
                for half in [Half::Free, Half::Covered] {
                    match step {
                        Step::Index => columns.parts(half, *span).for_each(ahead),
                        Step::Data => columns.each(half, *span, |set, _| ahead(std::slice::from_ref(set))),
                    }
                }
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
