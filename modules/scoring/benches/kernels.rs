//! Nanoseconds per pair of each block kernel and of whole rankings, beside this machine's streaming bandwidth
//! measured in the same run: `cargo bench --package fithire-scoring`.
//!
//! Figures of different machines do not compare; a figure and the bandwidth of one run do. Every ranking is
//! checked against the scalar reference on a sample of its pairs, and a checksum of all scores is printed, so
//! that a faster kernel that computes something else is seen.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and asks the clock"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fithire_scoring::facts::{Coach, Job};
use fithire_scoring::plan::{Group, Plan, Query};
use fithire_scoring::preset::{self, Preset};
use fithire_scoring::reference::{self, Rules};
use fithire_scoring::snapshot::Snapshot;
use serde_json::json;

const COACHES: u64 = 200_000;
/// A measurement is the best of this many, so that a neighbour on the machine does not count.
const ROUNDS: usize = 7;

fn main() {
    // `cargo test` runs benchmarks too, with this flag; there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let as_of = fithire_scoring::date::parse("2026-11-23").expect("a day");
    let coaches: Vec<Coach> = (0..COACHES).map(coach).collect();
    let numbered: Vec<(u64, &Coach)> = (0..).zip(&coaches).collect();
    let job: Job = read(job());

    let bandwidth = streaming_bandwidth();
    println!("streaming read of 256 MiB                   {bandwidth:8.1} GB/s");

    let (packing, snapshot) = best(1, || Snapshot::build(as_of, &numbered));
    println!("packing {COACHES} coaches into columns          {:8.1} ns/coach", per_pair(packing));

    println!("\n{:<44}{:>8}", "one job", "ns/pair");
    for key in fithire_scoring::registry::keys() {
        // Culture may weigh 0.15 at most; engagement is the cheapest to weigh beside it.
        let text = if key == "culture" {
            "[weights]\nculture = 0.15\nengagement = 0.85\n".to_owned()
        } else {
            format!("[weights]\n{key} = 1\n")
        };
        let alone = preset::read(key, &text).expect("a valid preset");
        let plan = Plan::compile(&alone, &job, as_of);
        let (time, _) = best(ROUNDS, || checksum(&plan, &snapshot));
        let name = if key == "culture" { "culture and engagement" } else { key };
        println!("  {name:<42}{:>8.2}", per_pair(time));
    }
    let balanced = preset::builtin().named("balanced").expect("built in");
    let plan = Plan::compile(balanced, &job, as_of);
    let (time, sum) = best(ROUNDS, || checksum(&plan, &snapshot));
    println!("  {:<42}{:>8.2}", "all six", per_pair(time));
    let query = Query { threshold: balanced.threshold, limit: 20, group: Group::Ranked };
    let (time, ranking) = best(ROUNDS, || plan.rank(&snapshot, query));
    println!("  {:<42}{:>8.2}", "all six, best 20 kept", per_pair(time));
    let (time, _) = best(1, || {
        coaches.iter().take(20_000).map(|coach| u64::from(scalar(balanced, &job, coach).bp)).sum::<u64>()
    });
    let reference = time.as_secs_f64() * 1e9 / 20_000.0;
    println!("  {:<42}{reference:>8.2}", "scalar reference");
    let (time, _) = best(ROUNDS, || {
        ranking.rows.iter().map(|row| plan.explain(&coaches[index(row.id)]).advice.len()).sum::<usize>()
    });
    println!("\nexplaining one coach, advice included       {:8.1} µs", time.as_secs_f64() * 1e6 / 20.0);

    check(&plan, &snapshot, balanced, &job, &coaches);
    println!("checksum of all scores                      {sum:>8}");
}

fn per_pair(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
    let pairs = COACHES as f64;
    time.as_secs_f64() * 1e9 / pairs
}

fn best<T>(rounds: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut timed = || {
        let start = Instant::now();
        let result = black_box(run());
        (start.elapsed(), result)
    };
    let mut least = timed();
    for _ in 1..rounds {
        let again = timed();
        if again.0 < least.0 {
            least = again;
        }
    }
    least
}

/// Bytes per nanosecond of reading memory that no cache holds.
fn streaming_bandwidth() -> f64 {
    let words = vec![1_u64; 32 << 20];
    let (time, _) = best(ROUNDS, || words.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
    #[expect(clippy::cast_precision_loss, reason = "2^28")]
    let bytes = (words.len() * size_of::<u64>()) as f64;
    bytes / time.as_secs_f64() / 1e9
}

fn checksum(plan: &Plan<'_>, snapshot: &Snapshot) -> u64 {
    let mut sum = 0;
    plan.each(snapshot, |id, bp| sum += (id % 97 + 1) * u64::from(bp));
    sum
}

fn scalar(preset: &Preset, job: &Job, coach: &Coach) -> fithire_scoring::score::Score {
    let weights: Vec<u16> = preset.weights().map(|(_, weight)| weight).collect();
    let rules = Rules::with_weights(weights.try_into().expect("six weights"));
    reference::score(&rules, job, coach, fithire_scoring::date::parse("2026-11-23").expect("a day"))
}

fn check(plan: &Plan<'_>, snapshot: &Snapshot, preset: &Preset, job: &Job, coaches: &[Coach]) {
    let mut checked = 0;
    plan.each(snapshot, |id, bp| {
        if id % 101 == 0 {
            assert_eq!(bp, scalar(preset, job, &coaches[index(id)]).bp, "coach {id}");
            checked += 1;
        }
    });
    println!("pairs equal to the scalar reference         {checked:>8}");
}

fn index(id: u64) -> usize {
    usize::try_from(id).expect("ids are row numbers")
}

fn read<T: serde::de::DeserializeOwned>(facts: serde_json::Value) -> T {
    serde_json::from_value(facts).expect("valid facts")
}

fn job() -> serde_json::Value {
    json!({
        "starts_on": "2026-12-01", "lat": 40.7163, "lon": -74.0086, "tz": "America/New_York", "modality": "hiit", "min_years": 2.0,
        "requirements": [
            {"any_of": ["NASM-CPT", "ACE-CPT"], "kind": "required"}, {"any_of": ["CPR-AED"], "kind": "preferred"}
        ],
        "slots": [
            {"kind": "class", "day": 5, "start": "09:00", "minutes": 60}, {"kind": "class", "day": 1, "start": "18:00", "minutes": 60},
            {"kind": "shift", "day": 0, "start": "06:00", "minutes": 240}
        ],
        "style": [{"dimension": "intensity", "level": 4, "weight": 3}, {"dimension": "music", "level": 1, "weight": 1}]
    })
}

/// A coach made from a number: three holdings, two positions, some hours, in one of four zones.
fn coach(number: u64) -> Coach {
    let pick = |salt: u64, of: u64| {
        let mixed = (number ^ (salt << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) % of
    };
    let codes = ["NASM-CPT", "ACE-CPT", "RYT-200", "CPR-AED", "CSCS", "ACE-GFI"];
    let states = ["verified", "verified", "verified", "pending", "claimed"];
    let modalities = ["hiit", "bootcamp", "vinyasa", "strength", "boxing"];
    let code = pick(1, 6);
    let degrees =
        |salt: u64| f64::from(u32::try_from(pick(salt, 10_000)).unwrap_or_default()) / 10_000.0 - 0.5;
    let holding = |salt: u64, code: u64| {
        json!({
            "code": codes[index(code % 6)], "state": states[index(pick(salt, 5))],
            "expires_on": format!("{}-{:02}-28", 2026 + pick(salt + 1, 3), pick(salt + 2, 12) + 1)
        })
    };
    let span = |salt: u64| json!({"day": pick(salt, 7), "start": format!("{:02}:00", 6 + pick(salt + 1, 12)), "minutes": 60 * (1 + pick(salt + 2, 8))});
    read(json!({
        "lat": 40.7163 + degrees(2), "lon": -74.0086 + degrees(3), "radius_m": 5_000 + pick(4, 40_000),
        "tz": if pick(5, 4) == 0 { "America/Chicago" } else { "America/New_York" },
        "holdings": [holding(10, code), holding(20, code + 1), holding(30, code + 2)],
        "positions": [
            {"modality": modalities[index(pick(40, 5))], "started_on": format!("{}-05-10", 2010 + pick(41, 16))},
            {"modality": modalities[index(pick(42, 5))], "started_on": "2015-02-01", "ended_on": format!("{}-01-31", 2016 + pick(43, 9))}
        ],
        "free": [span(50), span(60), span(70), span(80)], "if_needed": [span(90)],
        "style": [
            {"dimension": "intensity", "level": pick(100, 5), "source": "self"},
            {"dimension": "music", "level": pick(101, 5), "source": "reviewer"}
        ],
        "engagement": {"done": pick(110, 80), "no_shows": pick(111, 3), "asked": 20, "replied_in_24h": pick(112, 20), "idle_days": pick(113, 90)}
    }))
}
