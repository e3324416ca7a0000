//! Made-up coaches and jobs on real cities, ZIP codes and certifications, for trying things at any size.
//!
//! The same seed gives the same files, byte for byte. Names come from short lists, addresses end in `.test`.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use fastrand::Rng;

use crate::places::{self, City, Place};

/// How far, in metres, from the middle of their city coaches live and jobs are.
const METRO_M: u32 = 30_000;

const FIRST_NAMES: [&str; 32] = [
    "Ada", "Amir", "Anika", "Ben", "Bianca", "Carlos", "Chloe", "Dana", "Diego", "Elif", "Emma", "Farah",
    "Finn", "Grace", "Hana", "Ivan", "Jada", "Jonas", "Keiko", "Liam", "Lucia", "Maya", "Mateo", "Nia",
    "Omar", "Priya", "Quinn", "Rosa", "Sam", "Tariq", "Uma", "Zoe",
];
const LAST_NAMES: [&str; 32] = [
    "Abbott", "Alvarez", "Becker", "Brooks", "Chen", "Cohen", "Diaz", "Eriksen", "Fischer", "Garcia",
    "Haddad", "Hughes", "Ito", "Jackson", "Kaur", "Kim", "Larsen", "Lopez", "Mbeki", "Meyer", "Nguyen",
    "Novak", "Okafor", "Park", "Patel", "Quist", "Rossi", "Silva", "Tanaka", "Usman", "Weber", "Young",
];

/// A line of work: what is taught together, and what proves it.
struct Trade {
    modalities: &'static [&'static str],
    certifications: &'static [&'static str],
}

const TRADES: [Trade; 6] = [
    Trade {
        modalities: &["hiit", "bootcamp", "circuit", "functional"],
        certifications: &["NASM-CPT", "ACE-GFI", "AFAA-CGFI", "ACSM-GEI"],
    },
    Trade {
        modalities: &["vinyasa", "hatha", "yin", "hot-yoga"],
        certifications: &["RYT-200", "RYT-500", "E-RYT-500"],
    },
    Trade {
        modalities: &["mat-pilates", "reformer", "barre"],
        certifications: &["NCPT", "NPCP-MAT", "BALANCED-BODY", "STOTT"],
    },
    Trade {
        modalities: &["indoor-cycling", "rowing", "treadmill"],
        certifications: &["SPIN-L1", "SCHWINN", "ACE-GFI"],
    },
    Trade {
        modalities: &["personal-training", "strength", "kettlebell"],
        certifications: &["NASM-CPT", "ACE-CPT", "CSCS", "ISSA-CPT"],
    },
    Trade { modalities: &["dance", "zumba", "step"], certifications: &["ZUMBA-B1", "AFAA-CGFI", "ACE-GFI"] },
];

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DIMENSIONS: [&str; 4] = ["intensity", "music", "correction", "community"];
const PRESETS: [&str; 7] = [
    "balanced",
    "balanced",
    "compliance-first",
    "urgent-cover",
    "experience-led",
    "local-team",
    "new-talent",
];

/// A city with the ZIP codes around it.
struct Metro {
    city: &'static City,
    zips: Vec<(&'static str, Place)>,
}

/// The eight largest US cities with their surroundings.
fn metros() -> Vec<Metro> {
    let zips = places::zips();
    let largest = places::cities().iter().filter(|city| city.country == "US").take(8);
    largest
        .map(|city| Metro {
            city,
            zips: zips
                .iter()
                .filter(|(_, place)| place.point.distance_m(city.place.point) <= METRO_M)
                .copied()
                .collect(),
        })
        .filter(|metro| !metro.zips.is_empty())
        .collect()
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

/// Some of the items, in their order, each with the given chance in percent; never none.
fn some<'a, T>(rng: &mut Rng, from: &'a [T], percent: u8) -> Vec<&'a T> {
    let chosen: Vec<&T> = from.iter().filter(|_| rng.u8(..100) < percent).collect();
    if chosen.is_empty() { vec![pick(rng, from)] } else { chosen }
}

fn ago(rng: &mut Rng, as_of: NaiveDate, days: std::ops::Range<u64>) -> NaiveDate {
    as_of - Days::new(rng.u64(days))
}

fn ahead(rng: &mut Rng, as_of: NaiveDate, days: std::ops::Range<u64>) -> NaiveDate {
    as_of + Days::new(rng.u64(days))
}

/// coaches.csv with that many rows, their dates around `as_of`.
#[must_use]
pub fn coaches(seed: u64, count: usize, as_of: NaiveDate) -> String {
    let mut rng = Rng::with_seed(seed);
    let metros = metros();
    let mut csv = String::from(
        "external_id,name,email,postal_code,country,radius_km,certifications,positions,taught,free,if_needed,style\n",
    );
    for number in 1..=count {
        let rng = &mut rng;
        let trade = pick(rng, &TRADES);
        let (first, last) = (pick(rng, &FIRST_NAMES), pick(rng, &LAST_NAMES));
        let metro = pick(rng, &metros);
        let (zip, _) = pick(rng, &metro.zips);
        let email = format!("{}.{}.{number}@example.test", first.to_lowercase(), last.to_lowercase());
        let modalities = some(rng, trade.modalities, 45);
        let taught = format!("{}|{}", modalities[0], ago(rng, as_of, 0..200));
        let radius_km = rng.u32(4..40);
        let certifications = holdings(rng, trade, as_of);
        let positions = positions(rng, &modalities, as_of);
        let (free, if_needed) = grid(rng);
        let style: Vec<String> =
            some(rng, &DIMENSIONS, 70).iter().map(|name| format!("{name}={}", rng.u8(0..=4))).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "c{number},{first} {last},{email},{zip},US,{radius_km},{certifications},{positions},{taught},{free},{if_needed},{}",
            style.join("; ")
        );
    }
    csv
}

fn holdings(rng: &mut Rng, trade: &Trade, as_of: NaiveDate) -> String {
    let mut codes = some(rng, trade.certifications, 50);
    if rng.u8(..100) < 80 {
        codes.push(&"CPR-AED");
    }
    let mut holdings = Vec::new();
    for code in codes {
        let state = ["verified", "verified", "verified", "verified", "pending", "claimed"][rng.usize(..6)];
        // One in twelve has run out.
        let expires = if rng.u8(..12) == 0 { ago(rng, as_of, 1..300) } else { ahead(rng, as_of, 10..800) };
        holdings.push(format!("{code}|{state}|{expires}"));
    }
    holdings.join("; ")
}

fn positions(rng: &mut Rng, modalities: &[&&str], as_of: NaiveDate) -> String {
    let mut positions = Vec::new();
    for modality in modalities {
        let start = ago(rng, as_of, 60..4_000);
        let over = rng.u8(..3) == 0;
        let end =
            if over { (start + Days::new(rng.u64(30..2_000))).min(as_of).to_string() } else { String::new() };
        positions.push(format!("{modality}|{start}|{end}"));
    }
    positions.join("; ")
}

/// Mornings, evenings or both on some days, and a weekend if needed.
fn grid(rng: &mut Rng) -> (String, String) {
    let mut free = Vec::new();
    for day in some(rng, &DAYS[..5], 70) {
        match rng.u8(..4) {
            0 => free.push(format!("{day} 06:00-12:00")),
            1 => free.push(format!("{day} 16:00-21:00")),
            2 => free.extend([format!("{day} 06:00-10:00"), format!("{day} 17:00-21:00")]),
            _ => free.push(format!("{day} 06:00-21:00")),
        }
    }
    let weekend: Vec<String> =
        some(rng, &DAYS[5..], 50).iter().map(|day| format!("{day} 08:00-14:00")).collect();
    if rng.bool() {
        free.extend(weekend);
        (free.join("; "), String::new())
    } else {
        (free.join("; "), weekend.join("; "))
    }
}

/// jobs.csv with that many rows, their dates around `as_of`, in the cities where [`coaches`] live.
#[must_use]
pub fn jobs(seed: u64, count: usize, as_of: NaiveDate) -> String {
    // Another stream than the coaches', so that neither file depends on the other's length.
    let mut rng = Rng::with_seed(seed ^ 0x6a6f_6273);
    let metros = metros();
    let mut csv = String::from(
        "external_id,title,location,postal_code,country,modality,starts_on,min_years,requirements,slots,style,preset\n",
    );
    for number in 1..=count {
        let rng = &mut rng;
        let trade = pick(rng, &TRADES);
        let modality = pick(rng, trade.modalities);
        let metro = pick(rng, &metros);
        let (zip, _) = pick(rng, &metro.zips);
        let starts_on = ahead(rng, as_of, 7..90);
        let min_years = [0.5, 1.0, 2.0, 3.0, 5.0][rng.usize(..5)];
        let any_of = trade.certifications.join("|");
        let slots = slots(rng);
        let dimensions = some(rng, &DIMENSIONS, 60);
        let style: Vec<String> = dimensions.iter().map(|name| format!("{name}={}", rng.u8(0..=4))).collect();
        let title = fithire_scoring::facts::Modality::named(modality)
            .map_or(*modality, |found| found.details().title);
        let preset = pick(rng, &PRESETS);
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "j{number},{title} Coach,{} {zip},{zip},US,{modality},{starts_on},{min_years:.1},required: {any_of}; preferred: CPR-AED,\
             {slots},{},{preset}",
            metro.city.name,
            style.join("; ")
        );
    }
    csv
}

/// Two or three classes a week at usual hours; now and then a shift.
fn slots(rng: &mut Rng) -> String {
    let starts = ["06:30", "07:00", "09:00", "12:00", "17:30", "18:30"];
    let mut slots: Vec<String> = (0..rng.usize(2..=3))
        .map(|_| {
            format!("class {} {} {}", pick(rng, &DAYS), pick(rng, &starts), [45, 60, 75][rng.usize(..3)])
        })
        .collect();
    if rng.u8(..5) == 0 {
        slots.push(format!("shift {} 08:00 240", pick(rng, &DAYS)));
    }
    slots.join("; ")
}
