//! Nanoseconds per pair of each kernel, of rankings for one job and for many, and what a snapshot costs, beside this
//! machine's streaming bandwidth measured in the same run: `cargo bench --package fithire-scoring --features testing -- [COACHES]`.
//!
//! Figures of different machines do not compare; a figure and the bandwidth of one run do. Every pair that was timed is checked
//! against the scalar reference, and so is every ranking, alone, together and pruned; a checksum of all scores is printed, so that
//! a faster kernel that computes something else is seen. The check takes much longer than what it checks: some 4 µs a pair.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and asks the clock"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fithire_scoring::facts::Job;
use fithire_scoring::plan::{Group, Plan, Query, Ranking};
use fithire_scoring::preset::{self, Preset};
use fithire_scoring::reference::{self, Rules};
use fithire_scoring::score::Score;
use fithire_scoring::snapshot::{Roster, Snapshot};
use fithire_scoring::testing::{Tables, as_of};

/// A measurement is the best of this many, so that a neighbour on the machine does not count.
const ROUNDS: usize = 31;
/// Jobs that are ranked together.
const JOBS: u64 = 64;
/// Jobs that are ranked each by itself: the one that is taken apart lies where most coaches live, and asks for more than most.
const ALONE: u64 = 16;

fn main() {
    // `cargo test` runs benchmarks too, with this flag; there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let coaches: u64 = asked.unwrap_or(1_000_000);
    let tables = Tables::new();
    let bandwidth = streaming_bandwidth();
    println!("{coaches} coaches; streaming read of 256 MiB: {bandwidth:.1} GB/s\n");

    let (building, mut roster) = once(|| {
        let mut roster = Roster::new(as_of(), &[]);
        (0..coaches).for_each(|number| roster.add(number, tables.coach(number)));
        black_box(roster.snapshot());
        roster
    });
    let (making, _) = once(|| (0..coaches).map(|number| tables.coach(number).holdings.len()).sum::<usize>());
    let snapshot = roster.snapshot();
    let per_coach = |time: Duration| time.as_secs_f64() * 1e9 / real(coaches);
    let bytes = real(roster.bytes() as u64) / real(coaches);
    println!("{:<52}{bytes:>9.1} bytes/coach", "snapshot, with the places of everybody");
    println!("{:<52}{:>9.1} ns/coach", "building it", per_coach(building.saturating_sub(making)));
    let edits = 1_000;
    let (time, ()) = once(|| {
        for number in 0..edits {
            let number = number * 7_919 % coaches;
            roster.put(number, &tables.coach(number));
            black_box(roster.snapshot());
        }
    });
    println!(
        "{:<52}{:>9.1} µs\n",
        "one coach put in, and a new snapshot",
        time.as_secs_f64() * 1e6 / real(edits)
    );

    let balanced = preset::builtin().named("balanced").expect("built in");
    one_job(&tables, balanced, &snapshot);
    let ranked = many_jobs(&tables, balanced, &snapshot);
    explaining(&tables, balanced, &snapshot);
    check(&tables, balanced, &snapshot, &ranked);
}

fn one_job(tables: &Tables, balanced: &Preset, snapshot: &Snapshot) {
    let job = tables.job(1);
    println!("{:<52}{:>12}{:>16}", "one job, everybody scored, one core", "ns/pair", "M pairs/s");
    for (name, alone) in each_alone() {
        let plan = Plan::compile(&alone, &job, as_of());
        // Nobody is listed: with one sub-score alone there are too many ties.
        let (time, _) = best(|| plan.rank(snapshot, Query { limit: 0, ..query(balanced) }));
        row(&format!("  {name}"), time, snapshot.len());
    }
    let all = all_six();
    let plan = Plan::compile(&all, &job, as_of());
    let (time, _) = best(|| plan.rank(snapshot, query(balanced)));
    row("  all six", time, snapshot.len());
    let typed = typed();
    let plan = Plan::compile(&typed, &job, as_of());
    let (time, _) = best(|| plan.rank(snapshot, query(balanced)));
    row("  all six, weights of a what-if", time, snapshot.len());
    let jobs: Vec<_> = (0..ALONE).map(|number| tables.job(number)).collect();
    let by_itself = |job| {
        let plan = Plan::compile(&all, job, as_of());
        best(|| plan.rank(snapshot, query(balanced))).0
    };
    let time = jobs.iter().map(by_itself).sum();
    row(&format!("  all six, mean of {ALONE} jobs, each by itself"), time, snapshot.len() * jobs.len());
    let plan = Plan::compile(balanced, &job, as_of());
    let (time, ranking) = best(|| plan.rank(snapshot, query(balanced)));
    row("  all six, blocks that are out of reach left out", time, snapshot.len());
    println!(
        "  {} ranked, {} below, {} ineligible\n",
        ranking.total, ranking.below_threshold, ranking.ineligible
    );
}

/// Gives the rankings of everybody, and those with exact pruning.
fn many_jobs(tables: &Tables, balanced: &Preset, snapshot: &Snapshot) -> [Vec<Ranking>; 2] {
    println!("{:<52}{:>12}{:>16}", format!("{JOBS} jobs, a block at a time"), "ns/pair", "M pairs/s");
    let jobs: Vec<_> = (0..JOBS).map(|number| tables.job(number)).collect();
    let all = all_six();
    let pairs = snapshot.len() * jobs.len();
    let ways = [("  everybody scored, one core", &all), ("  exact pruning, one core", balanced)];
    let ranked = ways.map(|(what, preset)| {
        let plans: Vec<Plan<'_>> = jobs.iter().map(|job| Plan::compile(preset, job, as_of())).collect();
        let asked: Vec<_> = plans.iter().map(|plan| (plan, query(preset))).collect();
        let (time, together) = best_of(3, || Plan::rank_all(&asked, snapshot));
        row(what, time, pairs);
        let (time, _) = best_of(3, || {
            std::thread::scope(|scope| {
                let halves = asked.chunks(asked.len().div_ceil(2));
                let running: Vec<_> =
                    halves.map(|half| scope.spawn(|| Plan::rank_all(half, snapshot))).collect();
                running.into_iter().map(|half| half.join().expect("it ranks").len()).sum::<usize>()
            })
        });
        row(&what.replace("one core", "two threads"), time, pairs);
        for ((plan, query), together) in asked.iter().zip(&together) {
            assert_eq!(plan.rank(snapshot, *query), *together, "alone and together");
        }
        together
    });
    println!();
    ranked
}

fn explaining(tables: &Tables, balanced: &Preset, snapshot: &Snapshot) {
    let plan = Plan::compile(balanced, &tables.job(1), as_of());
    let rows = plan.rank(snapshot, query(balanced)).rows;
    let coaches: Vec<_> = rows.iter().map(|row| tables.coach(row.id)).collect();
    let (time, _) = best(|| coaches.iter().map(|coach| plan.explain(coach).advice.len()).sum::<usize>());
    println!(
        "{:<52}{:>9.1} µs\n",
        "explaining one coach, advice included",
        time.as_secs_f64() * 1e6 / real(rows.len() as u64)
    );
}

/// What was timed against the scalar reference: every pair's score, and every ranking of the jobs together. Also sums up scores,
/// which come to the same as long as the score does.
fn check(tables: &Tables, balanced: &Preset, snapshot: &Snapshot, ranked: &[Vec<Ranking>; 2]) {
    let together = (0..JOBS).map(|number| (balanced, tables.job(number)));
    let others: Vec<Preset> = each_alone().map(|(_, preset)| preset).chain([typed()]).collect();
    let cases: Vec<(&Preset, Job)> =
        together.chain(others.iter().map(|preset| (preset, tables.job(1)))).collect();
    let expected = by_the_reference(tables, &cases, snapshot.len() as u64);
    let (mut sum, mut checked) = (0_u64, 0_u64);
    for (number, (preset, job)) in cases.iter().enumerate() {
        let of = |id: u64| expected[usize::try_from(id).expect("a coach") * cases.len() + number];
        Plan::compile(preset, job, as_of()).each(snapshot, |id, bp| {
            assert_eq!(bp, of(id).bp(), "coach {id}, case {number}");
            checked += 1;
            if number < 4 {
                sum = sum.wrapping_add((id % 97 + 1) * u64::from(bp));
            }
        });
        let scores: Vec<Expected> = (0..snapshot.len() as u64).map(of).collect();
        for (excluding, ranked) in [false, true].into_iter().zip(ranked) {
            let Some(ranking) = ranked.get(number) else { continue };
            let out = |score: &Expected| excluding && score.excluded();
            let reached = |score: &&Expected| !out(score) && score.bp() >= balanced.threshold;
            let mut best: Vec<u16> = scores.iter().filter(reached).map(|score| score.bp()).collect();
            let ineligible = scores.iter().filter(|score| out(score)).count();
            assert_eq!((ranking.total, ranking.ineligible), (best.len(), ineligible), "job {number}");
            assert_eq!(ranking.below_threshold, scores.len() - best.len() - ineligible, "job {number}");
            best.sort_unstable_by(|a, b| b.cmp(a));
            best.truncate(query(balanced).limit);
            assert!(ranking.rows.iter().map(|row| row.score.0).eq(best), "job {number}");
            assert!(ranking.rows.iter().all(|row| row.score.0 == of(row.id).bp()), "job {number}");
        }
    }
    println!("{checked} pairs equal the scalar reference; checksum of all scores of four jobs {sum:016x}");
}

/// What the reference says of a pair: basis points, and in the highest bit whether a gate excludes.
#[derive(Clone, Copy)]
struct Expected(u16);

impl Expected {
    fn of(score: &Score) -> Self {
        Self(score.bp | u16::from(score.excluded) << 15)
    }

    fn bp(self) -> u16 {
        self.0 & 0x7fff
    }

    fn excluded(self) -> bool {
        self.0 >> 15 == 1
    }
}

/// Every coach by every preset for its job, on all cores, coach by coach.
fn by_the_reference(tables: &Tables, cases: &[(&Preset, Job)], coaches: u64) -> Vec<Expected> {
    let rules = |preset: &Preset| {
        let weight = |key| preset.weights().find(|(other, _)| *other == key).map_or(0, |(_, weight)| weight);
        let weights: Vec<u16> = fithire_scoring::registry::keys().map(weight).collect();
        Rules::with_weights(weights.try_into().expect("six weights"))
    };
    let cases: &Vec<(Rules, &Job)> = &cases.iter().map(|(preset, job)| (rules(preset), job)).collect();
    let mut expected = vec![Expected(0); usize::try_from(coaches).expect("coaches") * cases.len()];
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = cases.len() * expected.len().div_ceil(cases.len() * cores).max(1);
    std::thread::scope(|scope| {
        for (begin, part) in expected.chunks_mut(part).enumerate().map(|(n, all)| (n * part, all)) {
            scope.spawn(move || {
                for (id, scores) in (begin / cases.len()..).zip(part.chunks_mut(cases.len())) {
                    let coach = tables.coach(id as u64);
                    for (score, (rules, job)) in scores.iter_mut().zip(cases) {
                        *score = Expected::of(&reference::score(rules, job, &coach, as_of()));
                    }
                }
            });
        }
    });
    expected
}

fn query(preset: &Preset) -> Query {
    Query { threshold: preset.threshold, limit: 20, group: Group::Ranked }
}

/// All six, as `balanced` weighs them.
fn all_six() -> Preset {
    flagging(
        "[weights]\ncertifications = 0.25\nexperience = 0.20\navailability = 0.25\nlocation = 0.15\nculture = 0.05\nengagement = 0.10\n",
    )
}

/// The same by weights that somebody has typed, which have no small common measure.
fn typed() -> Preset {
    all_six().reweighed(&[("location", 17.3)]).expect("weights")
}

/// One sub-score after the other.
fn each_alone() -> impl Iterator<Item = (String, Preset)> {
    fithire_scoring::registry::keys().map(|key| {
        // Culture may weigh 0.15 at most; engagement is the cheapest to weigh beside it.
        if key == "culture" {
            let preset = flagging("[weights]\nculture = 0.15\nengagement = 0.85\n");
            (format!("{key} and engagement"), preset)
        } else {
            (key.to_owned(), flagging(&format!("[weights]\n{key} = 1\n")))
        }
    })
}

/// A preset that scores everybody: nobody is left out.
fn flagging(weights: &str) -> Preset {
    let with_gate =
        ["certifications", "availability", "location"].into_iter().filter(|key| weights.contains(key));
    let gates: Vec<String> = with_gate.map(|key| format!("[{key}]\ngate = \"flag\"\n")).collect();
    preset::read("everybody", &format!("{weights}{}", gates.concat())).expect("a valid preset")
}

fn row(what: &str, time: Duration, pairs: usize) {
    let ns = time.as_secs_f64() * 1e9 / real(pairs as u64);
    println!("{what:<52}{ns:>12.2}{:>16.0}", 1e3 / ns);
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn real(number: u64) -> f64 {
    number as f64
}

fn once<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = black_box(run());
    (start.elapsed(), result)
}

fn best<T>(run: impl FnMut() -> T) -> (Duration, T) {
    best_of(ROUNDS, run)
}

fn best_of<T>(rounds: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut least = once(&mut run);
    for _ in 1..rounds {
        let again = once(&mut run);
        if again.0 < least.0 {
            least = again;
        }
    }
    least
}

/// Bytes per nanosecond of reading memory that no cache holds.
fn streaming_bandwidth() -> f64 {
    let words = vec![1_u64; 32 << 20];
    let (time, _) = best(|| words.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
    real((words.len() * size_of::<u64>()) as u64) / time.as_secs_f64() / 1e9
}
