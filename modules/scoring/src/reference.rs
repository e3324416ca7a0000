//! The specification read aloud: one pair at a time, straight from the facts, without columns, tables of
//! worth, masks or kernels.
//!
//! Nothing runs this but tests, benchmarks and fuzzing: it is the oracle that every faster path must equal, figure
//! for figure. It shares with the kernels only the facts, rounding, the distance formula and the zone shift,
//! which are checked on their own.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};

use crate::facts::{Coach, Holding, HoldingState, Job, Modality, RequirementKind, Slot, SlotKind, Zone};
use crate::key::Key;
use crate::num::div_round;
use crate::points::{Asks, Table};
use crate::score::{Component, Eligibility, Score};
use crate::subscore::{Case, Figure, State};
use crate::week::QUARTERS;
use crate::zone::shift_quarters;

/// What of a preset the reference needs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Weights in basis points, in registration order; the six and no others.
    pub weights: [u16; 6],
    /// `[availability] buffer_minutes`.
    pub buffer_minutes: u16,
    /// `[location] default_radius_m`.
    pub default_radius_m: u64,
    /// `[location] max_radius_m`.
    pub max_radius_m: u64,
    /// Whether certifications, availability and location exclude.
    pub excludes: [bool; 3],
    /// Weights and tables of points of the preset's own sub-scores, by name.
    pub points: Vec<(u16, Arc<Table>)>,
}

impl Rules {
    /// The given weights with every parameter at its default.
    #[must_use]
    pub fn with_weights(weights: [u16; 6]) -> Self {
        Self {
            weights,
            buffer_minutes: 0,
            default_radius_m: 25_000,
            max_radius_m: 50_000,
            excludes: [true; 3],
            points: Vec::new(),
        }
    }

    fn count(&self) -> usize {
        6 + self.points.len()
    }

    fn weight(&self, k: usize) -> u64 {
        self.weights.get(k).copied().unwrap_or_else(|| self.points[k - 6].0).into()
    }

    fn key(&self, k: usize) -> Key {
        match KEYS.get(k) {
            Some(key) => Key::registered(key).expect("the six are registered"),
            None => Key::Points(self.points[k - 6].1.clone()),
        }
    }
}

/// A sub-score in one case: its value, and whether it is unknown, blocks, is provisional.
#[derive(Clone, Copy, Default)]
struct Part {
    s: u64,
    unknown: bool,
    blocks: bool,
    provisional: bool,
}

const KEYS: [&str; 6] = ["certifications", "experience", "availability", "location", "culture", "engagement"];

/// The score of a pair.
#[must_use]
pub fn score(rules: &Rules, job: &Job, coach: &Coach, as_of: NaiveDate) -> Score {
    let all = |case| -> Vec<Option<Part>> {
        let six = [
            certifications(job, coach, as_of, case),
            experience(job, coach, as_of, case),
            availability(rules, job, coach, as_of, case),
            location(rules, job, coach, case),
            culture(job, coach, case),
            Some(engagement(coach, case)),
        ];
        let own = rules.points.iter().map(|(_, table)| Some(points(table, coach, as_of, case)));
        six.into_iter().chain(own).collect()
    };
    let every = 0..rules.count();
    let (actual, worst, best) = (all(Case::Actual), all(Case::Worst), all(Case::Best));
    let total: u64 = every.clone().filter(|k| actual[*k].is_some()).map(|k| rules.weight(k)).sum();
    let weighted = |parts: &[Option<Part>]| -> u64 {
        every.clone().filter_map(|k| parts[k].map(|part| rules.weight(k) * part.s)).sum()
    };
    let over_total = |sum: u64| if total == 0 { 0 } else { div_round(sum, total) };
    let state = |k: usize| -> Option<State> {
        let part = actual[k]?;
        let differ = worst[k]?.s != best[k]?.s;
        Some(if part.unknown {
            State::Unknown
        } else if differ {
            State::Partial
        } else {
            State::Known
        })
    };
    let known: u64 = every
        .clone()
        .filter_map(|k| {
            let parts = match state(k)? {
                State::Known => 2,
                State::Partial => 1,
                _ => 0,
            };
            Some(rules.weight(k) * parts)
        })
        .sum();
    let bp = over_total(weighted(&actual));
    let contributions = contributions(rules, &actual, total, bp);
    let blocking: Vec<usize> = every.clone().filter(|k| actual[*k].is_some_and(|part| part.blocks)).collect();
    let provisional = actual[0].is_some_and(|part| part.provisional);
    let (eligibility, blockers) = match (blocking.is_empty(), provisional) {
        (false, _) => (Eligibility::Ineligible, blocking.iter().map(|k| KEYS[*k]).collect()),
        (true, true) => (Eligibility::Provisional, vec![KEYS[0]]),
        (true, false) => (Eligibility::Eligible, vec![]),
    };
    let excludes = |k: &usize| rules.excludes[[0, 0, 1, 2][*k]];
    Score {
        bp: narrow(bp),
        low: narrow(over_total(weighted(&worst))),
        high: narrow(over_total(weighted(&best))),
        coverage: if total == 0 { 0 } else { narrow(div_round(10_000 * known, 2 * total)) },
        eligibility,
        blockers,
        excluded: blocking.iter().any(excludes),
        distance_m: distance(job, coach),
        components: every
            .clone()
            .map(|k| Component {
                key: rules.key(k),
                weight: narrow(rules.weight(k)),
                contribution: narrow(contributions[k]),
                figure: actual[k].map(|part| Figure {
                    score: narrow(part.s),
                    low: narrow(worst[k].map_or(0, |part| part.s)),
                    high: narrow(best[k].map_or(0, |part| part.s)),
                    state: state(k).unwrap_or(State::NotApplicable),
                    blocks: part.blocks,
                    provisional: part.provisional,
                }),
            })
            .collect(),
    }
}

fn narrow(n: u64) -> u16 {
    u16::try_from(n).expect("shares are at most 10000")
}

/// By largest remainder, the first of equals first.
fn contributions(rules: &Rules, parts: &[Option<Part>], total: u64, bp: u64) -> Vec<u64> {
    let mut given = vec![0; parts.len()];
    if total == 0 {
        return given;
    }
    let product = |k: usize| rules.weight(k) * parts[k].map_or(0, |part| part.s);
    for (k, part) in given.iter_mut().enumerate() {
        *part = product(k) / total;
    }
    let mut waiting: Vec<usize> = (0..parts.len()).collect();
    // The sort is stable, so equal remainders stay in registration order.
    waiting.sort_by_key(|k| std::cmp::Reverse(product(*k) % total));
    for k in waiting {
        if given.iter().sum::<u64>() < bp {
            given[k] += 1;
        }
    }
    given
}

fn certifications(job: &Job, coach: &Coach, as_of: NaiveDate, case: Case) -> Option<Part> {
    if job.requirements.is_empty() {
        return None;
    }
    let start = job.start(as_of);
    let credits = |kind: RequirementKind| -> Vec<u64> {
        let asked = job.requirements.iter().filter(|requirement| requirement.kind == kind);
        asked
            .map(|requirement| {
                let serves = |held: &&Holding| requirement.any_of.iter().any(|code| held.code.proves(*code));
                let credit = |held: &Holding| credit(held, coach, as_of, start, case);
                coach.holdings.iter().filter(serves).map(credit).max().unwrap_or(0)
            })
            .collect()
    };
    let (required, preferred) = (credits(RequirementKind::Required), credits(RequirementKind::Preferred));
    let (n, m) = (required.len() as u64, preferred.len() as u64);
    let (sum_r, sum_p): (u64, u64) = (required.iter().sum(), preferred.iter().sum());
    let unknown = coach.holdings.is_empty();
    let s = if unknown && case == Case::Best {
        10_000
    } else if n > 0 && m > 0 {
        div_round(8 * m * sum_r + 2 * n * sum_p, 10 * n * m)
    } else {
        div_round(sum_r + sum_p, n + m)
    };
    let blocks = required.contains(&0);
    let provisional = !blocks && required.iter().any(|credit| *credit < 10_000);
    Some(Part { s, unknown, blocks, provisional })
}

fn credit(held: &Holding, coach: &Coach, as_of: NaiveDate, start: NaiveDate, case: Case) -> u64 {
    let certain_or = |credit: u64, worst: u64| match case {
        Case::Actual => credit,
        Case::Worst => worst,
        Case::Best => 10_000,
    };
    let grace = i64::from(held.code.details().grace_days);
    let in_grace = held.expires_on.is_some_and(|last| (start - last).num_days() <= grace);
    let refuted = coach.holdings.iter().any(|other| {
        other.code == held.code && [HoldingState::Rejected, HoldingState::Revoked].contains(&other.state)
    });
    match held.state {
        HoldingState::Verified if held.valid_on(start) => 10_000,
        HoldingState::Verified if held.valid_on(as_of) => certain_or(6_000, if in_grace { 5_000 } else { 0 }),
        HoldingState::Verified if in_grace => 5_000,
        HoldingState::Pending if held.valid_on(start) => certain_or(6_000, 0),
        HoldingState::Claimed if held.valid_on(start) && !refuted => certain_or(3_000, 0),
        _ => 0,
    }
}

fn experience(job: &Job, coach: &Coach, as_of: NaiveDate, case: Case) -> Option<Part> {
    let modality = job.modality?;
    let begun: Vec<_> = coach.positions.iter().filter(|position| position.started_on <= as_of).collect();
    let taught: Vec<_> = coach.taught.iter().filter(|taught| taught.last_taught_on <= as_of).collect();
    let unknown = begun.is_empty() && taught.is_empty();
    if unknown && case == Case::Best {
        return Some(Part { s: 10_000, unknown, ..Part::default() });
    }
    let month = |day: NaiveDate| 12 * i64::from(day.year()) + i64::from(day.month());
    let decay = |age: i64| {
        #[expect(clippy::cast_precision_loss, reason = "ages are below 480")]
        let exact = 10_000.0 * libm::exp2(-(age as f64) / 60.0) + 0.5;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000")]
        let worth = exact.floor() as u64;
        worth
    };
    let mut worth = [0_u64; 3];
    for age in 0..480_i64 {
        let now = month(as_of) - age;
        let covers = |end: Option<NaiveDate>| end.is_none_or(|end| month(end) >= now);
        let rel = begun
            .iter()
            .filter(|position| month(position.started_on) <= now && covers(position.ended_on))
            .map(|position| {
                if position.modality == modality {
                    10
                } else if position.modality.family() == modality.family() {
                    6
                } else {
                    3
                }
            })
            .max()
            .unwrap_or(0);
        for (kind, least) in [10, 6, 3].into_iter().enumerate() {
            if rel >= least {
                worth[kind] += decay(age);
            }
        }
    }
    let asked = i64::try_from(job.min_years.months()).unwrap_or_default();
    let q: u64 = (0..asked).map(decay).sum();
    let ratio = if q == 0 {
        10_000
    } else {
        div_round(4_000 * worth[0].min(q) + 3_000 * worth[1].min(q) + 3_000 * worth[2].min(q), q)
    };
    let ends = begun
        .iter()
        .filter(|p| p.modality == modality)
        .map(|p| p.ended_on.map_or(as_of, |end| end.min(as_of)));
    let recorded = taught.iter().filter(|t| t.modality == modality).map(|t| t.last_taught_on);
    let recent = match ends.chain(recorded).max().map(|last| (as_of - last).num_days()) {
        Some(..=90) => 10_000,
        Some(91..=365) => 5_000,
        _ => 0,
    };
    Some(Part { s: div_round(75 * ratio + 25 * recent, 100), unknown, ..Part::default() })
}

fn availability(rules: &Rules, job: &Job, coach: &Coach, as_of: NaiveDate, case: Case) -> Option<Part> {
    if job.slots.is_empty() {
        return None;
    }
    let unknown = coach.free.is_none() && coach.if_needed.is_none();
    if unknown {
        return Some(Part { s: if case == Case::Best { 10_000 } else { 0 }, unknown, ..Part::default() });
    }
    let job_zone = job.tz.unwrap_or_else(Zone::utc);
    let shift = shift_quarters(job_zone, coach.tz.unwrap_or(job_zone), job.start(as_of));
    let marked = |spans: &Option<Vec<crate::week::Span>>, quarter: i32| {
        spans.iter().flatten().any(|span| {
            let since = (quarter - i32::from(span.start)).rem_euclid(i32::from(QUARTERS));
            since < i32::from(span.quarters)
        })
    };
    let suits = |slot: &Slot| {
        let buffer = if slot.kind == SlotKind::Class { i32::from(rules.buffer_minutes) / 15 } else { 0 };
        let start = i32::from(slot.span.start) + shift;
        let quarters = -buffer..i32::from(slot.span.quarters) + buffer;
        let (mut free, mut if_needed, mut count) = (0, 0, 0);
        for quarter in quarters.map(|q| (start + q).rem_euclid(i32::from(QUARTERS))) {
            count += 1;
            if marked(&coach.free, quarter) {
                free += 1;
            } else if marked(&coach.if_needed, quarter) {
                if_needed += 1;
            }
        }
        match slot.kind {
            SlotKind::Class if free == count => 10_000,
            SlotKind::Class if free + if_needed == count => 5_000,
            SlotKind::Class => 0,
            SlotKind::Shift => div_round(10_000 * free + 5_000 * if_needed, count),
        }
    };
    let weights: u64 = job.slots.iter().map(|slot| u64::from(slot.weight)).sum();
    let s = div_round(job.slots.iter().map(|slot| u64::from(slot.weight) * suits(slot)).sum(), weights);
    Some(Part { s, blocks: s == 0, ..Part::default() })
}

/// Metres between the pair, where location applies and the home is known.
fn distance(job: &Job, coach: &Coach) -> Option<u32> {
    let place = job.point.filter(|_| !job.is_virtual)?;
    Some(place.distance_m(coach.point?))
}

fn location(rules: &Rules, job: &Job, coach: &Coach, case: Case) -> Option<Part> {
    job.point.filter(|_| !job.is_virtual)?;
    let Some(d) = distance(job, coach) else {
        let s = if case == Case::Best { 10_000 } else { 0 };
        return Some(Part { s, unknown: true, ..Part::default() });
    };
    let d = u64::from(d);
    let r = coach.radius_m.unwrap_or(rules.default_radius_m).min(rules.max_radius_m);
    let s = if 4 * d <= r {
        10_000
    } else if d <= r {
        10_000 - div_round(5_000 * (4 * d - r), 3 * r)
    } else if 2 * d <= 3 * r {
        5_000 - div_round(10_000 * (d - r), r)
    } else {
        0
    };
    Some(Part { s, blocks: s == 0, ..Part::default() })
}

fn culture(job: &Job, coach: &Coach, case: Case) -> Option<Part> {
    if job.style.is_empty() {
        return None;
    }
    let (mut sum, mut weights, mut unknown) = (0, 0, true);
    for wanted in &job.style {
        let weight = u64::from(wanted.weight);
        weights += weight;
        let ratings = coach.style.iter().filter(|rating| rating.dimension == wanted.dimension);
        sum += match ratings.max_by_key(|rating| rating.source) {
            Some(rating) => {
                unknown = false;
                weight * (4 - u64::from(rating.level.abs_diff(wanted.level)))
            }
            None => {
                weight
                    * match case {
                        Case::Actual => 2,
                        Case::Worst => 0,
                        Case::Best => 4,
                    }
            }
        };
    }
    Some(Part { s: div_round(2_500 * sum, weights), unknown, ..Part::default() })
}

fn engagement(coach: &Coach, case: Case) -> Part {
    let unknown = coach.engagement.is_none();
    if unknown && case != Case::Actual {
        return Part { s: if case == Case::Best { 10_000 } else { 0 }, unknown, ..Part::default() };
    }
    let counts = coach.engagement.unwrap_or_default();
    let share = |a: u64, b: u64| {
        let (a, b) = (10_000 * u128::from(a), u128::from(b));
        u64::try_from((2 * a + b) / (2 * b)).unwrap_or(u64::MAX)
    };
    let happened = 20 + 2 * counts.done + counts.late_cancels + 4 * counts.no_shows;
    let reliability = share(16 + 2 * counts.done, happened).min(10_000);
    let response = share(4 + counts.replied_in_24h, 5 + counts.asked);
    let recency = if counts.idle_days > 365 {
        0
    } else {
        #[expect(clippy::cast_precision_loss, reason = "at most 365")]
        let exact = 10_000.0 * libm::exp2(-(counts.idle_days as f64) / 30.0) + 0.5;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000")]
        let worth = exact.floor() as u64;
        worth
    };
    let profile = share(counts.profile_filled, counts.profile_sections);
    let s = div_round(35 * reliability + 25 * response + 20 * recency + 20 * profile, 100);
    Part { s, unknown, ..Part::default() }
}

fn points(table: &Table, coach: &Coach, as_of: NaiveDate, case: Case) -> Part {
    let (mut sum, mut unknown) = (0, true);
    let begun = |modality: Option<Modality>| {
        coach
            .positions
            .iter()
            .filter(move |p| p.started_on <= as_of && modality.is_none_or(|asked| asked == p.modality))
    };
    let taught = || coach.taught.iter().filter(|taught| taught.last_taught_on <= as_of);
    let never = begun(None).count() + taught().count() == 0;
    for rule in &table.rules {
        // Whether the fact is there at worst and at best, and whether nothing of the kind is known.
        let (worst, best, missing) = match &rule.asks {
            Asks::Holds(cert) => {
                let credit = |case| {
                    let of =
                        coach.holdings.iter().filter(|held| held.code.proves(*cert) && held.valid_on(as_of));
                    of.map(|held| credit(held, coach, as_of, as_of, case)).max().unwrap_or(0)
                };
                (credit(Case::Worst) == 10_000, credit(Case::Best) == 10_000, coach.holdings.is_empty())
            }
            Asks::Teaches(modality) => {
                let ever =
                    begun(Some(*modality)).count() + taught().filter(|t| t.modality == *modality).count();
                (ever > 0, ever > 0, never)
            }
            Asks::Coached(months, modality) => {
                let month = |day: NaiveDate| 12 * i64::from(day.year()) + i64::from(day.month());
                let covers = |age: &i64| {
                    let now = month(as_of) - age;
                    begun(*modality)
                        .any(|p| month(p.started_on) <= now && p.ended_on.is_none_or(|end| month(end) >= now))
                };
                let enough = (0..480_i64).filter(covers).count() >= usize::from(*months);
                (enough, enough, never)
            }
            Asks::Free(window) => {
                let is_free = |quarter: &u16| {
                    let (day, within) = (quarter / 96, quarter % 96);
                    window.days.iter().any(|asked| u16::from(*asked) == day)
                        && (window.from..window.to).contains(&within)
                        && coach
                            .free
                            .iter()
                            .flatten()
                            .any(|span| (quarter + QUARTERS - span.start) % QUARTERS < span.quarters)
                };
                let enough = 15 * (0..QUARTERS).filter(is_free).count() >= usize::from(window.minutes);
                (enough, enough, coach.free.is_none() && coach.if_needed.is_none())
            }
            Asks::Classes(count) => {
                let enough = coach.engagement.is_some_and(|counts| counts.done >= *count);
                (enough, enough, coach.engagement.is_none())
            }
        };
        unknown &= missing;
        if worst || case == Case::Best && (best || missing) {
            sum += 100 * u64::from(rule.points);
        }
    }
    Part {
        s: if unknown && case == Case::Best { 10_000 } else { sum.min(10_000) },
        unknown,
        ..Part::default()
    }
}
