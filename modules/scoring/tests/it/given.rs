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
    let own = vec((0..=100_u16, vec(rule(), 1..5)), 0..3);
    (split, buffer, radii, any::<[bool; 3]>(), own).prop_map(
        |((shares, culture), buffer_minutes, (default_radius_m, max_radius_m), excludes, own)| {
            let total = (shares.iter().chain(own.iter().map(|(share, _)| share)).sum::<u16>()).max(1);
            let rest = 10_000 - culture;
            let part =
                |share: u16| u16::try_from(u32::from(rest) * u32::from(share) / u32::from(total)).unwrap();
            let mut weights = [0; 6];
            for (place, share) in [0, 1, 2, 3, 5].into_iter().zip(shares) {
                weights[place] = part(share);
            }
            weights[4] = culture;
            let own: Vec<(u16, Vec<String>)> =
                own.into_iter().map(|(share, rules)| (part(share), rules)).collect();
            weights[0] += 10_000 - weights.iter().chain(own.iter().map(|(weight, _)| weight)).sum::<u16>();
            let rules = Rules {
                buffer_minutes,
                default_radius_m: default_radius_m.into(),
                max_radius_m: max_radius_m.into(),
                excludes,
                ..Rules::with_weights(weights)
            };
            let preset = preset(&rules, &own);
            let points = preset.points().cloned();
            let points = own.iter().map(|(weight, _)| *weight).zip(points).collect();
            Weighing { rules: Rules { points, ..rules }, preset }
        },
    )
}

/// A rule of a table of points, as an administrator writes it.
fn rule() -> impl Strategy<Value = String> {
    let code = || cert().prop_map(|cert| format!("{cert:?}"));
    let named = || modality().prop_map(|modality| format!("{modality:?}"));
    let window =
        (0..96_u16, 1..=96_u16, 0..=7_usize, 1..=672_u16).prop_map(|(from, length, days, minutes)| {
            let to = (from + length).min(96);
            let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            let days = if days == 0 { &week[..] } else { &week[days - 1..(days + 1).min(7)] };
            let whole = u16::try_from(days.len()).unwrap() * (to - from);
            let clock = |quarter: u16| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15);
            let to = if to == 96 { String::new() } else { format!("to = \"{}\", ", clock(to)) };
            let minutes = 15 * (1 + minutes % whole);
            format!("free = {{ days = {days:?}, from = \"{}\", {to}minutes = {minutes} }}", clock(from))
        });
    let fact = prop_oneof![
        code().prop_map(|code| format!("holds = \"{code}\"")),
        named().prop_map(|code| format!("teaches = \"{code}\"")),
        select(vec![1, 12, 24, 480]).prop_map(|months| format!("coached = {{ months = {months} }}")),
        (1..60_u16, named())
            .prop_map(|(months, code)| format!("coached = {{ months = {months}, modality = \"{code}\" }}")),
        window,
        (1..40_u64).prop_map(|count| format!("classes = {count}")),
    ];
    (1..=100_u8, fact).prop_map(|(points, fact)| format!("{{ points = {points}, {fact} }}"))
}

/// The preset that says what the rules say, with sub-scores of its own.
fn preset(rules: &Rules, own: &[(u16, Vec<String>)]) -> Preset {
    let mut text = String::from("[weights]\n");
    let share = |weight: u16| f64::from(weight) / 10_000.0;
    for (key, weight) in fithire_scoring::registry::keys().zip(rules.weights) {
        writeln!(text, "{key} = {}", share(weight)).unwrap();
    }
    for (number, (weight, _)) in own.iter().enumerate() {
        writeln!(text, "points.own-{number} = {}", share(*weight)).unwrap();
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
    for (number, (_, rules)) in own.iter().enumerate() {
        // A last rule sees to it that full marks can be reached.
        let rules = rules.join(",\n");
        writeln!(text, "[points.own-{number}]\nrules = [\n{rules},\n{{ points = 100, classes = 60 }}\n]")
            .unwrap();
    }
    preset::read("given", &text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

/// A preset with sub-scores of its own that ask for every kind of fact.
pub(crate) fn with_points() -> Preset {
    let text = r#"
        [weights]
        certifications = 0.2
        experience = 0.1
        availability = 0.2
        location = 0.1
        engagement = 0.1
        points.proved = 0.2
        points.near = 0.1
        [points.proved]
        rules = [
            { points = 40, holds = "CPR-AED" },
            { points = 30, holds = "RYT-200" },
            { points = 20, teaches = "hiit" },
            { points = 20, coached = { months = 24 } },
        ]
        [points.near]
        title = "Early, and often"
        rules = [
            { points = 50, free = { from = "06:00", to = "12:00", minutes = 240 } },
            { points = 30, free = { days = ["sat", "sun"], minutes = 60 } },
            { points = 20, coached = { months = 6, modality = "vinyasa" } },
            { points = 20, classes = 3 },
        ]
    "#;
    preset::read("with-points", text).unwrap_or_else(|problems| panic!("{problems:?}"))
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
