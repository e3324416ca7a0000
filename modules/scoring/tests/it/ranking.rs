//! Rankings of more than one block, and snapshots that take changes.

use std::collections::BTreeMap;

use fithire_scoring::facts::{Coach, Engagement, Job, Rating, Slot, Source, Wanted};
use fithire_scoring::plan::{Group, Plan, Query};
use fithire_scoring::preset::builtin;
use fithire_scoring::reference::{self, Rules};
use fithire_scoring::snapshot::{Roster, Snapshot};
use fithire_scoring::subscore::BLOCK;
use fithire_scoring::testing::{Tables, as_of};

use crate::given::{self, day};

#[test]
fn ties_across_blocks_go_by_id_and_the_threshold_is_inclusive() {
    let as_of = day("2026-11-23");
    let job = Job::default();
    // Only engagement applies: 5800 with nothing given, more with classes done.
    let quiet = Coach { engagement: Some(Engagement::default()), ..Coach::default() };
    let busy =
        Coach { engagement: Some(Engagement { done: 50, ..Engagement::default() }), ..Coach::default() };
    let count = 2 * BLOCK + 10;
    let coaches: Vec<(u64, &Coach)> =
        (0..count as u64).map(|id| (id, if id % BLOCK as u64 == 699 { &busy } else { &quiet })).collect();
    let preset = builtin().named("balanced").unwrap();
    let plan = Plan::compile(preset, &job, as_of);
    let snapshot = Snapshot::build(as_of, &[], &coaches);
    assert_eq!((snapshot.len(), snapshot.is_empty()), (count, false));

    let ranking = plan.rank(&snapshot, Query { threshold: 5_800, limit: 5, group: Group::Ranked });
    let ids: Vec<u64> = ranking.rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [699, BLOCK as u64 + 699, 0, 1, 2]);
    assert_eq!((ranking.total, ranking.below_threshold, ranking.ineligible), (count, 0, 0));

    let above = plan.rank(&snapshot, Query { threshold: 5_801, limit: 5, group: Group::Ranked });
    assert_eq!((above.total, above.below_threshold), (2, count - 2));
    assert!(plan.rank(&snapshot, Query { threshold: 0, limit: 0, group: Group::Ranked }).rows.is_empty());
}

#[test]
#[should_panic(expected = "a snapshot is ranked on its own day")]
fn a_snapshot_of_another_day_is_refused() {
    let plan_day = day("2026-11-23");
    let plan = Plan::compile(builtin().named("balanced").unwrap(), &Job::default(), plan_day);
    let _ = plan.rank(
        &Snapshot::build(day("2026-11-24"), &[], &[]),
        Query { threshold: 0, limit: 1, group: Group::Ranked },
    );
}

/// Everybody's score, by id.
fn scores(plan: &Plan<'_>, snapshot: &Snapshot) -> BTreeMap<u64, u16> {
    let mut scores = BTreeMap::new();
    plan.each(snapshot, |id, bp| assert!(scores.insert(id, bp).is_none(), "{id} is in it twice"));
    scores
}

/// Coaches who come, change and leave one by one leave what would have been packed at once; a snapshot that was taken
/// before stays as it was.
#[test]
fn a_roster_that_takes_changes_is_the_one_that_was_made_of_them() {
    let (tables, as_of) = (Tables::new(), as_of());
    let preset = &given::with_points();
    let many = 3 * BLOCK as u64;
    let mut roster = Roster::new(as_of, &preset.points().cloned().collect::<Vec<_>>());
    for id in 0..many {
        roster.add(id, tables.coach(id));
    }
    let before = roster.snapshot();
    let mut expected: BTreeMap<u64, Coach> = (0..many).map(|id| (id, tables.coach(id))).collect();
    for step in 0..1_500_u64 {
        let id = step * 7_919 % (many + 300);
        if step % 3 == 0 {
            roster.remove(id);
            expected.remove(&id);
        } else {
            // Somebody else's facts: another place, zone, week and everything.
            let coach = tables.coach(100_000 + step);
            roster.put(id, &coach);
            expected.insert(id, coach);
        }
    }
    let after = roster.snapshot();
    assert_eq!((before.len(), after.len()), (usize::try_from(many).unwrap(), expected.len()));
    let numbered: Vec<(u64, &Coach)> = expected.iter().map(|(id, coach)| (*id, coach)).collect();
    let anew = Snapshot::build(as_of, roster.points(), &numbered);
    for number in 0..8 {
        let job = tables.job(number);
        let plan = Plan::compile(preset, &job, as_of);
        assert_eq!(scores(&plan, &after), scores(&plan, &anew));
        for group in [Group::Ranked, Group::BelowThreshold, Group::Ineligible] {
            let query = Query { threshold: 6_000, limit: 50, group };
            assert_eq!(plan.rank(&after, query), plan.rank(&anew, query), "{group:?}");
        }
        let untouched = scores(&plan, &before);
        assert!(untouched.iter().all(|(id, bp)| *bp == plan.score(&tables.coach(*id)).bp));
    }
}

/// A coach who is saved again and again, each time as somebody else in a style that nobody has named before.
#[test]
fn what_coaches_no_longer_say_takes_no_memory() {
    let tables = Tables::new();
    let mut roster = Roster::new(as_of(), &[]);
    for id in 0..500 {
        roster.add(id, tables.coach(id));
    }
    let mut save = |step: u64| {
        let style = |n| Rating { dimension: format!("step {step} {n}"), level: 2, source: Source::SelfRated };
        let coach = Coach { style: (0..8).map(style).collect(), ..tables.coach(1_000 + step % 20) };
        roster.put(7, &coach);
        let _ = roster.snapshot();
        roster.bytes()
    };
    let most = (0..20).map(&mut save).max().unwrap();
    let later = (20..400).map(&mut save).max().unwrap();
    assert!(later <= most + 1_000, "{later} bytes, {most} at first");
}

/// What is left out at one look is counted as if it had been looked at.
#[test]
fn blocks_out_of_reach_are_counted_as_everybody_else() {
    let (tables, as_of) = (Tables::new(), as_of());
    let coaches: Vec<Coach> = (0..5_000).map(|number| tables.coach(number)).collect();
    let numbered: Vec<(u64, &Coach)> = (0..).zip(&coaches).collect();
    let snapshot = Snapshot::build(as_of, &[], &numbered);
    let preset = builtin().named("local-team").unwrap();
    for number in 0..20 {
        let plan = Plan::compile(preset, &tables.job(number), as_of);
        let all: Vec<_> = coaches.iter().map(|coach| plan.score(coach)).collect();
        let excluded = all.iter().filter(|score| score.excluded).count();
        let ranked = all.iter().filter(|score| !score.excluded && score.bp >= 6_000).count();
        let ranking = plan.rank(&snapshot, Query { threshold: 6_000, limit: 20, group: Group::Ranked });
        assert_eq!((ranking.ineligible, ranking.total), (excluded, ranked), "job {number}");
        assert_eq!(ranking.below_threshold, coaches.len() - excluded - ranked);
        let together = Plan::rank_all(
            &[(&plan, Query { threshold: 6_000, limit: 20, group: Group::Ranked })],
            &snapshot,
        );
        assert_eq!(together, [ranking]);
    }
}

/// Sums that small lanes have no room for: thousands of requirements and slots, and the heaviest style.
#[test]
fn jobs_of_any_size_are_scored_as_the_reference_scores_them() {
    let (tables, as_of) = (Tables::new(), as_of());
    let preset = builtin().named("balanced").unwrap();
    let weights: Vec<u16> = preset.weights().map(|(_, weight)| weight).collect();
    let rules = Rules::with_weights(weights.try_into().unwrap());
    let coaches: Vec<Coach> = (0..150).map(|number| tables.coach(number)).collect();
    let numbered: Vec<(u64, &Coach)> = (0..).zip(&coaches).collect();
    let snapshot = Snapshot::build(as_of, &[], &numbered);
    for (number, requirements, slots) in [(0, 6_100, 1), (1, 40, 7), (2, 2, 4_000)] {
        let mut job = tables.job(number);
        let asked = (0..4).flat_map(|other| tables.job(other).requirements);
        job.requirements = asked.cycle().take(requirements).collect();
        let heavy = job.slots.iter().map(|slot| Slot { weight: 10, ..*slot });
        job.slots = heavy.cycle().take(slots).collect();
        let wanted = |rating: &Rating| Wanted { dimension: rating.dimension.clone(), level: 2, weight: 10 };
        let mut dimensions: BTreeMap<&str, Wanted> = BTreeMap::new();
        for rating in coaches.iter().flat_map(|coach| &coach.style) {
            dimensions.entry(&rating.dimension).or_insert_with(|| wanted(rating));
        }
        job.style = dimensions.into_values().collect();
        assert_eq!(job.style.len(), 8);
        let plan = Plan::compile(preset, &job, as_of);
        for (id, bp) in scores(&plan, &snapshot) {
            let expected = reference::score(&rules, &job, &coaches[usize::try_from(id).unwrap()], as_of);
            assert_eq!(bp, expected.bp, "job {number}, coach {id}");
        }
    }
}
