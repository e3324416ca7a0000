//! Rankings of more than one block.

use fithire_scoring::facts::{Coach, Engagement, Job};
use fithire_scoring::plan::{Group, Plan, Query};
use fithire_scoring::preset::builtin;
use fithire_scoring::snapshot::Snapshot;
use fithire_scoring::subscore::BLOCK;

use crate::given::day;

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
        (0..count as u64).map(|id| (id, if id % 700 == 699 { &busy } else { &quiet })).collect();
    let preset = builtin().named("balanced").unwrap();
    let plan = Plan::compile(preset, &job, as_of);
    let snapshot = Snapshot::build(as_of, &coaches);
    assert_eq!((snapshot.len(), snapshot.is_empty()), (count, false));

    let ranking = plan.rank(&snapshot, Query { threshold: 5_800, limit: 5, group: Group::Ranked });
    let ids: Vec<u64> = ranking.rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [699, 1_399, 0, 1, 2]);
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
        &Snapshot::build(day("2026-11-24"), &[]),
        Query { threshold: 0, limit: 1, group: Group::Ranked },
    );
}
