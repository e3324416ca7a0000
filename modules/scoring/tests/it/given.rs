//! Jobs, coaches and presets as they may come, the edges more often than the middle.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use fithire_scoring::facts::{
    Cert, Coach, Engagement, Holding, HoldingState, Job, Modality, Point, Position, Rating, Requirement,
    RequirementKind, Slot, SlotKind, Source, Span, Taught, Wanted, Years, Zone,
};
use fithire_scoring::preset::{self, Preset};
use fithire_scoring::reference::Rules;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn day(text: &str) -> NaiveDate {
    fithire_scoring::date::parse(text).unwrap()
}

/// A preset and what the reference needs of it.
#[derive(Debug)]
pub(crate) struct Weighing {
    pub(crate) preset: Preset,
    pub(crate) rules: Rules,
}

/// One job on a day.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) as_of: NaiveDate,
    pub(crate) job: Job,
}

pub(crate) fn weighing() -> impl Strategy<Value = Weighing> {
    let split = (vec(0..=100_u16, 5), 0..=1_500_u16);
    let buffer = select(vec![0_u16, 0, 15, 45, 240]);
    let radii =
        prop_oneof![Just((25_000_u32, 50_000_u32)), (1..=3_000_u32, 3_000..=100_000_u32), Just((1, 1))];
    (split, buffer, radii, any::<[bool; 3]>()).prop_map(
        |((shares, culture), buffer_minutes, (default_radius_m, max_radius_m), excludes)| {
            let total = shares.iter().sum::<u16>().max(1);
            let rest = 10_000 - culture;
            let mut weights = [0; 6];
            for (place, share) in [0, 1, 2, 3, 5].into_iter().zip(shares) {
                weights[place] =
                    u16::try_from(u32::from(rest) * u32::from(share) / u32::from(total)).unwrap();
            }
            weights[4] = culture;
            weights[0] += 10_000 - weights.iter().sum::<u16>();
            let rules = Rules {
                buffer_minutes,
                default_radius_m: default_radius_m.into(),
                max_radius_m: max_radius_m.into(),
                excludes,
                ..Rules::with_weights(weights)
            };
            Weighing { preset: preset(&rules), rules }
        },
    )
}

/// The preset that says what the rules say.
pub(crate) fn preset(rules: &Rules) -> Preset {
    let mut text = String::from("[weights]\n");
    for (key, weight) in fithire_scoring::registry::keys().zip(rules.weights) {
        writeln!(text, "{key} = {}", f64::from(weight) / 10_000.0).unwrap();
    }
    let gate = |place: usize| if rules.excludes[place] { "exclude" } else { "flag" };
    write!(
        text,
        "[certifications]\ngate = \"{}\"\n[availability]\nbuffer_minutes = {}\ngate = \"{}\"\n\
         [location]\ndefault_radius_m = {}\nmax_radius_m = {}\ngate = \"{}\"\n",
        gate(0),
        rules.buffer_minutes,
        gate(1),
        rules.default_radius_m,
        rules.max_radius_m,
        gate(2)
    )
    .unwrap();
    preset::read("given", &text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    as_of().prop_flat_map(|as_of| job(as_of).prop_map(move |job| Asked { as_of, job }))
}

fn as_of() -> impl Strategy<Value = NaiveDate> {
    let edges = [
        "2026-11-23",
        "2024-02-29",
        "2026-01-01",
        "2026-12-31",
        "2026-03-08",
        "2026-10-25",
        "1970-01-01",
        "2150-07-31",
    ];
    prop_oneof![
        select(edges.map(day).to_vec()),
        (0..20_000_u64).prop_map(|days| day("2000-01-01") + Days::new(days))
    ]
}

/// A day near another, most often where a rule turns.
fn near(day: NaiveDate) -> impl Strategy<Value = NaiveDate> {
    let turns = [
        -14_610, -14_600, -800, -366, -365, -181, -180, -91, -90, -31, -30, -1, 0, 1, 29, 30, 31, 90, 179,
        180, 181, 400,
    ];
    prop_oneof![3 => select(turns.to_vec()), 1 => -16_000..16_000_i64]
        .prop_map(move |days| day + chrono::TimeDelta::days(days))
}

fn zone() -> impl Strategy<Value = Zone> {
    let names = [
        "UTC",
        "America/New_York",
        "America/Los_Angeles",
        "America/St_Johns",
        "Europe/London",
        "Europe/Dublin",
        "Asia/Kathmandu",
        "Asia/Kolkata",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
    ];
    select(names.map(|name| Zone::named(name).unwrap()).to_vec())
}

fn modality() -> impl Strategy<Value = Modality> {
    // Two families, so that the same family is met as often as another.
    prop_oneof![
        4 => select(["hiit", "bootcamp", "vinyasa", "yin", "hatha"].map(|code| Modality::named(code).unwrap()).to_vec()),
        1 => select(Modality::all().collect::<Vec<_>>())
    ]
}

fn cert() -> impl Strategy<Value = Cert> {
    // Those that imply one another, with and without grace, and the rest.
    let codes =
        ["RYT-200", "RYT-500", "E-RYT-500", "NCPT", "NPCP-MAT", "CF-L1", "CF-L4", "NASM-CPT", "CPR-AED"];
    prop_oneof![4 => select(codes.map(|code| Cert::named(code).unwrap()).to_vec()), 1 => select(Cert::all().collect::<Vec<_>>())]
}

/// A span in minutes from the edges of what is allowed.
fn span() -> impl Strategy<Value = Span> {
    let minutes = prop_oneof![
        select(vec![15_u32, 45, 60, 90, 240, 720, 1_440, 10_080]),
        (1..=672_u32).prop_map(|quarters| quarters * 15)
    ];
    (0..=6_u8, 0..96_u16, minutes).prop_map(|(day, quarter, minutes)| {
        Span::new(day, &format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15), minutes).unwrap()
    })
}

/// The middle of the map of these tests; most points lie within reach of it.
const MIDDLE: Point = Point { lat: 40.7163, lon: -74.0086 };

fn point() -> impl Strategy<Value = Point> {
    let close = (-0.5..0.5_f64, -0.6..0.6_f64)
        .prop_map(|(lat, lon)| Point { lat: MIDDLE.lat + lat, lon: MIDDLE.lon + lon });
    let edges = [(90.0, 0.0), (-90.0, 180.0), (0.0, -180.0), (0.0, 180.0), (-40.7163, 105.9914)];
    prop_oneof![
        6 => close,
        1 => Just(MIDDLE),
        1 => select(edges.map(|(lat, lon)| Point { lat, lon }).to_vec()),
        1 => (-90.0..=90.0, -180.0..=180.0).prop_map(|(lat, lon)| Point { lat, lon })
    ]
}

fn job(as_of: NaiveDate) -> impl Strategy<Value = Job> {
    let requirement = (vec(cert(), 1..4), any::<bool>()).prop_map(|(any_of, required)| Requirement {
        any_of,
        kind: if required { RequirementKind::Required } else { RequirementKind::Preferred },
    });
    let slot = (any::<bool>(), span(), select(vec![1_u8, 1, 2, 10])).prop_map(|(class, span, weight)| Slot {
        kind: if class { SlotKind::Class } else { SlotKind::Shift },
        span,
        weight,
    });
    let wanted = (0..=4_u8, select(vec![1_u8, 3, 10]));
    let style = vec(wanted, 0..=8).prop_map(|levels| {
        let named = levels.into_iter().zip(DIMENSIONS);
        named
            .map(|((level, weight), name)| Wanted { dimension: name.to_owned(), level, weight })
            .collect::<Vec<_>>()
    });
    let years = prop_oneof![
        select(vec![0.0, 0.1, 0.5, 2.0, 40.0]),
        (0..=400_u16).prop_map(|tenths| f64::from(tenths) / 10.0)
    ];
    (
        (
            option::of(near(as_of)),
            prop::bool::weighted(0.1),
            option::weighted(0.9, point()),
            option::weighted(0.8, zone()),
        ),
        (option::weighted(0.9, modality()), years, vec(requirement, 0..4), vec(slot, 0..4), style),
    )
        .prop_map(
            |((starts_on, is_virtual, point, tz), (modality, years, requirements, slots, style))| Job {
                starts_on,
                is_virtual,
                point,
                tz,
                modality,
                min_years: Years::new(years).unwrap(),
                requirements,
                slots,
                style,
            },
        )
}

const DIMENSIONS: [&str; 9] = [
    "intensity",
    "music",
    "choreography",
    "correction",
    "community",
    "sales",
    "energy",
    "precision",
    "Größe",
];

/// A coach as seen from a day.
pub(crate) fn coach(as_of: NaiveDate) -> impl Strategy<Value = Coach> {
    let home = (option::weighted(0.9, point()), option::weighted(0.8, zone()), option::of(radius()));
    let past = (vec(holding(as_of), 0..5), vec(position(as_of), 0..5), vec(taught(as_of), 0..3));
    let grid = || option::weighted(0.7, vec(span(), 0..4));
    (home, past, grid(), grid(), style(), option::weighted(0.8, engagement())).prop_map(
        |((point, tz, radius_m), (holdings, positions, taught), free, if_needed, style, engagement)| Coach {
            point,
            tz,
            radius_m,
            holdings,
            positions,
            taught,
            free,
            if_needed,
            style,
            engagement,
        },
    )
}

fn radius() -> impl Strategy<Value = u64> {
    prop_oneof![select(vec![1, 2, 25_000, 50_000, 50_001, (1 << 53) - 1]), 1..200_000_u64]
}

pub(crate) fn holding(as_of: NaiveDate) -> impl Strategy<Value = Holding> {
    let states = [
        HoldingState::Verified,
        HoldingState::Pending,
        HoldingState::Claimed,
        HoldingState::Rejected,
        HoldingState::Revoked,
    ];
    let state = prop_oneof![2 => Just(HoldingState::Verified), 3 => select(states.to_vec())];
    (cert(), state, option::weighted(0.8, near(as_of))).prop_map(|(code, state, expires_on)| Holding {
        code,
        state,
        expires_on,
    })
}

pub(crate) fn position(as_of: NaiveDate) -> impl Strategy<Value = Position> {
    (modality(), near(as_of), option::of(near(as_of))).prop_map(|(modality, start, end)| {
        Position::new(modality, start, end.map(|end| end.max(start))).unwrap()
    })
}

pub(crate) fn taught(as_of: NaiveDate) -> impl Strategy<Value = Taught> {
    (modality(), near(as_of)).prop_map(|(modality, last_taught_on)| Taught { modality, last_taught_on })
}

fn style() -> impl Strategy<Value = Vec<Rating>> {
    vec(option::weighted(0.4, 0..=4_u8), 2 * DIMENSIONS.len()).prop_map(|levels| {
        let sources = [Source::SelfRated, Source::Reviewer].into_iter().cycle();
        let named = DIMENSIONS.into_iter().flat_map(|name| [name, name]).zip(sources);
        let rated = named.zip(levels).filter_map(|((name, source), level)| {
            level.map(|level| Rating { dimension: name.to_owned(), level, source })
        });
        rated.collect()
    })
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..60_u64, 1 => Just((1 << 53) - 1)]
}

fn engagement() -> impl Strategy<Value = Engagement> {
    let idle = prop_oneof![select(vec![0_u64, 1, 30, 150, 364, 365, 366, 900]), 0..400_u64];
    ((count(), count(), count()), (count(), count()), idle, (1..=12_u64, 0..=12_u64)).prop_map(
        |((done, late_cancels, no_shows), (a, b), idle_days, (profile_sections, filled))| Engagement {
            done,
            late_cancels,
            no_shows,
            replied_in_24h: a.min(b),
            asked: a.max(b),
            idle_days,
            profile_filled: filled.min(profile_sections),
            profile_sections,
        },
    )
}

/// A job with several coaches, all seen from its day.
pub(crate) fn field(coaches: std::ops::Range<usize>) -> impl Strategy<Value = (Asked, Vec<Coach>)> {
    asked().prop_flat_map(move |asked| {
        let coaches = vec(coach(asked.as_of), coaches.clone());
        (Just(asked), coaches)
    })
}

pub(crate) fn pair() -> impl Strategy<Value = (Asked, Coach)> {
    field(1..2).prop_map(|(asked, mut coaches)| (asked, coaches.remove(0)))
}
