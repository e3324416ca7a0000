//! A brand to measure with, made from numbers: the same on every machine, and a smaller one is the start of a larger.
//!
//! Eight metropolitan areas, coaches around them who travel 5 to 40 km; three or four certifications a coach of which one
//! in eight has lapsed, a position or two, weeks of mornings, evenings or weekends, eight dimensions of style. Jobs ask for
//! one to three certifications, a modality, some classes or a shift, and half the dimensions.

#![expect(clippy::missing_panics_doc, reason = "what it makes is valid by construction")]

use crate::facts::{
    Cert, Coach, Engagement, Holding, HoldingState, Job, Modality, Point, Position, Rating, Requirement,
    RequirementKind, Slot, SlotKind, Source, Span, Taught, Wanted, Years, Zone,
};

use chrono::{NaiveDate, TimeDelta};

/// Name, latitude, longitude, zone, share in percent.
const METROS: [(f64, f64, &str, u64); 8] = [
    (40.7306, -73.9866, "America/New_York", 26),
    (42.3601, -71.0589, "America/New_York", 10),
    (41.8781, -87.6298, "America/Chicago", 14),
    (25.7617, -80.1918, "America/New_York", 9),
    (30.2672, -97.7431, "America/Chicago", 7),
    (39.7392, -104.9903, "America/Denver", 6),
    (34.0522, -118.2437, "America/Los_Angeles", 20),
    (47.6062, -122.3321, "America/Los_Angeles", 8),
];

const DIMENSIONS: [&str; 8] =
    ["intensity", "music", "choreography", "correction", "community", "sales", "spirit", "humour"];

/// Numbers of one coach or job, each asked for by name.
#[derive(Clone, Copy)]
struct Numbers(u64);

impl Numbers {
    /// A number below `of`.
    fn below(self, what: u64, of: u64) -> u64 {
        let mut x = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ what.wrapping_mul(0xd1b5_4a32_d192_ed03);
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ x >> 31) % of
    }

    fn percent(self, what: u64, chance: u64) -> bool {
        self.below(what, 100) < chance
    }

    fn share(self, what: u64) -> f64 {
        f64::from(u32::try_from(self.below(what, 1 << 20)).unwrap_or_default()) / f64::from(1 << 20)
    }

    /// Around 0, mostly within ±spread.
    fn around(self, what: u64, spread: f64) -> f64 {
        ((0..4).map(|k| self.share(what * 10 + k)).sum::<f64>() - 2.0) * spread
    }

    fn metro(self) -> (f64, f64, &'static str, u64) {
        let mut left = self.below(1, 100);
        for metro in METROS {
            match left.checked_sub(metro.3) {
                None => return metro,
                Some(less) => left = less,
            }
        }
        METROS[0]
    }

    /// One of a table, the first ones far more often.
    fn early<T: Copy>(self, what: u64, of: &[T]) -> T {
        let share = self.share(what);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let place = (share * share * of.len() as f64) as usize;
        of[place.min(of.len() - 1)]
    }
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

/// The day of all figures.
#[must_use]
pub fn as_of() -> NaiveDate {
    crate::date::parse("2026-11-23").expect("a day")
}

fn day(offset: i64) -> NaiveDate {
    as_of() + TimeDelta::days(offset)
}

fn span(day: u64, hour: u64, hours: u64) -> Span {
    Span::new(small(day), &format!("{hour:02}:00"), u32::try_from(hours * 60).unwrap_or(60)).expect("a span")
}

/// Codes and modalities, looked up once.
pub struct Tables {
    certs: Vec<Cert>,
    modalities: Vec<Modality>,
    zones: Vec<Zone>,
}

impl Tables {
    /// Looks them up.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it reads tables")]
    pub fn new() -> Self {
        Self {
            certs: Cert::all().take(32).collect(),
            modalities: Modality::all().take(24).collect(),
            zones: METROS.iter().map(|metro| Zone::named(metro.2).expect("a zone")).collect(),
        }
    }

    fn zone(&self, metro: (f64, f64, &str, u64)) -> Zone {
        let place = METROS.iter().position(|other| other.0.to_bits() == metro.0.to_bits());
        self.zones[place.unwrap_or_default()]
    }

    /// A coach.
    #[must_use]
    pub fn coach(&self, number: u64) -> Coach {
        let n = Numbers(number);
        let metro = n.metro();
        let degrees = |base: f64, off: f64| ((base + off) * 1e5).round() / 1e5;
        let point = Point::new(degrees(metro.0, n.around(2, 0.2)), degrees(metro.1, n.around(3, 0.26)));
        let mut holdings: Vec<Holding> = (0..2 + n.below(4, 4))
            .map(|k| {
                let lapsed = n.percent(20 + k, 12);
                let days = i64::try_from(n.below(30 + k, if lapsed { 365 } else { 730 })).unwrap_or_default();
                Holding {
                    code: n.early(40 + k, &self.certs),
                    state: match n.below(50 + k, 10) {
                        0..=6 => HoldingState::Verified,
                        7..=8 => HoldingState::Claimed,
                        _ => HoldingState::Pending,
                    },
                    expires_on: (!n.percent(60 + k, 20)).then(|| day(if lapsed { -days } else { days })),
                }
            })
            .collect();
        holdings.sort_by_key(|holding| holding.code);
        holdings.dedup_by_key(|holding| holding.code);
        let position = |k: u64| {
            let began = i64::try_from(n.below(70 + k, 4_000)).unwrap_or_default() + 30;
            let lasted = i64::try_from(n.below(80 + k, 1_500)).unwrap_or_default();
            let ended = (k > 0 && lasted < began).then(|| day(lasted - began));
            Position::new(n.early(90 + k, &self.modalities), day(-began), ended)
                .expect("it ends after it starts")
        };
        let taught = |k: u64| Taught {
            modality: n.early(100 + k, &self.modalities),
            last_taught_on: day(-i64::try_from(n.below(110 + k, 500)).unwrap_or_default()),
        };
        let rating = |(k, dimension): (u64, &&str)| {
            let source = if n.percent(130 + k, 30) { Source::Reviewer } else { Source::SelfRated };
            n.percent(120 + k, 75).then(|| Rating {
                dimension: (*dimension).to_owned(),
                level: small(n.below(140 + k, 5)),
                source,
            })
        };
        Coach {
            point: point.ok(),
            tz: Some(self.zone(metro)),
            radius_m: Some(
                [5_000, 10_000, 10_000, 15_000, 15_000, 15_000, 25_000, 25_000, 40_000]
                    [usize::from(small(n.below(5, 9)))],
            ),
            holdings,
            positions: (0..=n.below(6, 2)).map(position).collect(),
            taught: (0..n.below(7, 3)).map(taught).collect(),
            free: Some(week(n)),
            if_needed: n.percent(8, 30).then(|| vec![span(n.below(9, 7), 8 + n.below(10, 8), 3)]),
            style: (0..).zip(&DIMENSIONS).filter_map(rating).collect(),
            engagement: Some(Engagement {
                done: n.below(150, 80),
                late_cancels: n.below(151, 3),
                no_shows: n.below(152, 2),
                asked: 20,
                replied_in_24h: n.below(153, 21),
                idle_days: n.below(154, 90),
                profile_filled: n.below(155, 9),
                profile_sections: 8,
            }),
        }
    }

    /// A job.
    #[must_use]
    pub fn job(&self, number: u64) -> Job {
        let n = Numbers(number | 1 << 40);
        let metro = n.metro();
        let point = Point::new(metro.0 + n.around(2, 0.08), metro.1 + n.around(3, 0.1));
        let requirement = |k: u64| Requirement {
            any_of: (0..=n.below(20 + k, 2))
                .map(|other| n.early(30 + 2 * k + other, &self.certs[..12]))
                .collect(),
            kind: if k == 0 { RequirementKind::Required } else { RequirementKind::Preferred },
        };
        let slot = |k: u64| {
            let shift = n.percent(40 + k, 25);
            let hours = if shift { 4 } else { 1 };
            Slot {
                kind: if shift { SlotKind::Shift } else { SlotKind::Class },
                span: span(
                    n.below(50 + k, 7),
                    if n.percent(60 + k, 50) { 17 } else { 8 } + n.below(70 + k, 3),
                    hours,
                ),
                weight: 1,
            }
        };
        let wanted = |(k, dimension): (u64, &&str)| {
            n.percent(80 + k, 60).then(|| Wanted {
                dimension: (*dimension).to_owned(),
                level: small(n.below(90 + k, 5)),
                weight: 1 + small(n.below(100 + k, 3)),
            })
        };
        Job {
            starts_on: Some(day(i64::try_from(n.below(4, 60)).unwrap_or_default())),
            is_virtual: false,
            point: point.ok(),
            tz: Some(self.zone(metro)),
            modality: Some(n.early(5, &self.modalities)),
            min_years: Years::new(f64::from(u32::try_from(n.below(6, 50)).unwrap_or_default()) / 10.0)
                .expect("years"),
            requirements: (0..=n.below(7, 3)).map(requirement).collect(),
            slots: (0..=n.below(8, 4)).map(slot).collect(),
            style: (0..).zip(&DIMENSIONS).filter_map(wanted).collect(),
        }
    }
}

/// Mornings, evenings, weekends or full days.
fn week(n: Numbers) -> Vec<Span> {
    let kind = n.below(11, 4);
    let mut spans = Vec::new();
    for day in 0..7 {
        let weekend = day >= 5;
        let (chance, from, hours) = match kind {
            0 => (80, 6 + n.below(200 + day, 4), 8 + n.below(210 + day, 4)),
            1 => (85, 5 + n.below(200 + day, 3), 4 + n.below(210 + day, 3)),
            2 => (85, 15 + n.below(200 + day, 3), 4 + n.below(210 + day, 3)),
            _ if weekend => (95, 7 + n.below(200 + day, 3), 8),
            _ => (10, 17, 4),
        };
        if n.percent(220 + day, chance) {
            spans.push(span(day, from, hours));
        }
    }
    spans
}
