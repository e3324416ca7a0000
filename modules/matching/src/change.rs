//! What another preset does to the rankings of jobs, worked out before it is in force: who comes into the first
//! [`TOP`], who leaves them and who moves, by which sub-score, and how all scores shift; and whom it chooses, for the report on
//! adverse impact.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use fithire_coaches::Scored;
use fithire_impact::Sample;
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_scoring::key::Key;
use fithire_scoring::plan::{Group, Plan, Query, Ranking};
use fithire_scoring::preset::Preset;
use fithire_scoring::score::Score;
use fithire_scoring::snapshot::Snapshot;
use serde::Serialize;

use crate::rankings::{Rankings, Seen, work};

/// How far down a list people look.
pub const TOP: usize = 20;

/// What becomes of a job's ranking.
#[derive(Clone, Debug, Serialize)]
pub struct JobChange {
    /// The job.
    pub job_id: Id,
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub location: String,
    /// How many are ranked, below the threshold and ineligible, before.
    pub before: [usize; 3],
    /// And after.
    pub after: [usize; 3],
    /// Coaches whose place among the first 20 changes, by their place after, then before.
    pub moves: Vec<Move>,
    /// How the scores of everybody shift.
    pub shift: Shift,
}

/// A coach whose place changes.
#[derive(Clone, Debug, Serialize)]
pub struct Move {
    /// Who.
    pub coach_id: Id,
    /// Their name; nothing when they were erased meanwhile.
    pub name: String,
    /// Their place before, where it is among the first 20.
    pub from: Option<usize>,
    /// Their place after.
    pub to: Option<usize>,
    /// Their score before, in basis points.
    pub before: u16,
    /// And after.
    pub after: u16,
    /// Whether a gate takes them off the list before, and after.
    pub excluded: [bool; 2],
    /// The sub-score whose contribution changes most, and by how many basis points.
    pub by: Option<(Key, i32)>,
}

/// How scores shift, in basis points.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shift {
    /// The largest fall.
    pub lowest: i32,
    /// Half fall further or rise less.
    pub median: i32,
    /// The largest rise.
    pub highest: i32,
    /// How many shift by so much; the last step has no end.
    pub steps: Vec<Step>,
}

/// A part of everybody.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// From which shift on.
    pub from: i32,
    /// Up to which; that one is not in it.
    pub below: Option<i32>,
    /// How many.
    pub coaches: usize,
}

impl Shift {
    /// Beginnings of the steps: 0.10, 0.05 and 0.01 down, the same, and up.
    const STEPS: [i32; 9] = [-10_000, -1_000, -500, -100, 0, 1, 101, 501, 1_001];

    fn of(mut shifts: Vec<i32>) -> Self {
        shifts.sort_unstable();
        let ends = Self::STEPS.into_iter().skip(1).map(Some).chain([None]);
        let step = |(from, below): (i32, Option<i32>)| {
            let start = shifts.partition_point(|shift| *shift < from);
            let end = below.map_or(shifts.len(), |below| shifts.partition_point(|shift| *shift < below));
            Step { from, below, coaches: end - start }
        };
        Self {
            steps: Self::STEPS.into_iter().zip(ends).map(step).collect(),
            lowest: shifts.first().copied().unwrap_or_default(),
            median: shifts.get(shifts.len() / 2).copied().unwrap_or_default(),
            highest: shifts.last().copied().unwrap_or_default(),
        }
    }

    /// The largest shift in either direction.
    #[must_use]
    pub fn largest(&self) -> u32 {
        self.lowest.unsigned_abs().max(self.highest.unsigned_abs())
    }
}

/// What becomes of the rankings of jobs when one preset takes the place of another, the largest shift first. Nothing is
/// kept.
///
/// # Errors
/// When the database cannot be reached.
pub async fn compare(
    (db, clock): (&Db, &Clock),
    rankings: &Arc<Rankings>,
    scope: &BrandScope,
    jobs: Vec<Open>,
    [before, after]: [Arc<Preset>; 2],
) -> Result<Vec<JobChange>, Problem> {
    let seen = Seen::now((db, clock), scope).await?;
    let copy = rankings.copy(scope, seen, &[&before, &after]).await?;
    let pairs = copy.snapshot.len() * jobs.len() * 4;
    let presets = [before.clone(), after.clone()];
    let ranked = work(pairs, move || {
        let of = |job: Open| Both::of(job, &presets, &copy.snapshot, seen.as_of);
        Ok(jobs.into_iter().map(of).collect::<Vec<_>>())
    })
    .await?;
    let mut ids: Vec<Id> = ranked.iter().flat_map(Both::moving).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut coaches = BTreeMap::new();
    let mut tx = db.read(scope).await?;
    for some in ids.chunks(1_000) {
        let read = fithire_coaches::by_ids(&mut tx, some).await?;
        coaches.extend(read.into_iter().map(|coach| (coach.id, coach)));
    }
    let told = move || {
        Ok(ranked.into_iter().map(|both| both.change([&before, &after], &coaches, seen.as_of)).collect())
    };
    let mut changes: Vec<JobChange> = work(ids.len() * 1_000, told).await?;
    changes.sort_by_key(|change| (std::cmp::Reverse(change.shift.largest()), change.job_id));
    Ok(changes)
}

/// A job ranked by both presets.
struct Both {
    job: Open,
    rankings: [Ranking; 2],
    shift: Shift,
}

fn query(job: &Open, preset: &Preset, limit: usize) -> Query {
    Query { threshold: job.threshold.unwrap_or(preset.threshold), limit, group: Group::Ranked }
}

impl Both {
    fn of(job: Open, presets: &[Arc<Preset>; 2], snapshot: &Snapshot, as_of: NaiveDate) -> Self {
        let plans = [0, 1].map(|n| Plan::compile(&presets[n], &job.facts, as_of));
        let mut before = Vec::with_capacity(snapshot.len());
        plans[0].each(snapshot, |id, bp| before.push((id, bp)));
        let mut shifts = Vec::with_capacity(before.len());
        // Both go through the same rows in the same order.
        let mut rows = before.iter();
        plans[1].each(snapshot, |id, bp| {
            let was = rows.next();
            debug_assert_eq!(was.map(|(id, _)| *id), Some(id), "blocks are in one order");
            shifts.extend(was.map(|(_, was)| i32::from(bp) - i32::from(*was)));
        });
        let rankings = [0, 1].map(|n| plans[n].rank(snapshot, query(&job, &presets[n], TOP)));
        drop(plans);
        Self { job, rankings, shift: Shift::of(shifts) }
    }

    /// Place by coach.
    fn places(&self, version: usize) -> BTreeMap<Id, usize> {
        (1..).zip(&self.rankings[version].rows).map(|(place, row)| (row.id.cast_signed(), place)).collect()
    }

    /// Whose place changes.
    fn moving(&self) -> Vec<Id> {
        let [before, after] = [self.places(0), self.places(1)];
        let mut all: Vec<Id> = after.keys().chain(before.keys()).copied().collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|id| before.get(id) != after.get(id));
        all
    }

    fn change(self, presets: [&Preset; 2], coaches: &BTreeMap<Id, Scored>, as_of: NaiveDate) -> JobChange {
        let places = [self.places(0), self.places(1)];
        let plans = presets.map(|preset| Plan::compile(preset, &self.job.facts, as_of));
        let of = |id: Id| {
            let coach = coaches.get(&id)?;
            let [was, is] = [0, 1].map(|n| plans[n].score(&coach.facts));
            let contribution = |score: &Score, key: &Key| {
                let part = score.components.iter().find(|part| part.key == **key);
                part.map_or(0, |part| i32::from(part.contribution))
            };
            let new =
                is.components.iter().filter(|part| was.components.iter().all(|old| old.key != *part.key));
            let keys = was.components.iter().chain(new).map(|part| &part.key);
            let shifts = keys.map(|key| (key, contribution(&is, key) - contribution(&was, key)));
            // Of equal ones the first, so that the same is said twice.
            let by = shifts
                .min_by_key(|(_, shift)| std::cmp::Reverse(shift.unsigned_abs()))
                .filter(|(_, shift)| *shift != 0)
                .map(|(key, shift)| (key.clone(), shift));
            Some(Move {
                coach_id: id,
                name: coach.name.clone(),
                from: places[0].get(&id).copied(),
                to: places[1].get(&id).copied(),
                before: was.bp,
                after: is.bp,
                excluded: [was.excluded, is.excluded],
                by,
            })
        };
        let mut moves: Vec<Move> = self.moving().into_iter().filter_map(of).collect();
        moves.sort_by_key(|moved| (moved.to.unwrap_or(usize::MAX), moved.from, moved.coach_id));
        drop(plans);
        let counts = |ranking: &Ranking| [ranking.total, ranking.below_threshold, ranking.ineligible];
        JobChange {
            job_id: self.job.id,
            title: self.job.title,
            location: self.job.location,
            before: counts(&self.rankings[0]),
            after: counts(&self.rankings[1]),
            moves,
            shift: self.shift,
        }
    }
}

/// Whom a preset chooses among the coaches of a brand: a coach counts once, as selected when ranked for one of the jobs at
/// least, as shortlisted when on the first page of one, with the mean of the scores. So a test of the figures counts people
/// and not their pairs with jobs, which depend on one another.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn chosen(
    (db, clock): (&Db, &Clock),
    rankings: &Arc<Rankings>,
    scope: &BrandScope,
    jobs: Vec<Open>,
    preset: Arc<Preset>,
) -> Result<Vec<Sample>, Problem> {
    let seen = Seen::now((db, clock), scope).await?;
    let copy = rankings.copy(scope, seen, &[&preset]).await?;
    let run = move || {
        let mut everybody: BTreeMap<u64, Sample> = BTreeMap::new();
        for job in &jobs {
            let plan = Plan::compile(&preset, &job.facts, seen.as_of);
            plan.each(&copy.snapshot, |id, bp| {
                let blank =
                    || Sample { coach_id: id.cast_signed(), score: 0, selected: false, shortlisted: false };
                everybody.entry(id).or_insert_with(blank).score += u64::from(bp);
            });
            let ranking = plan.rank(&copy.snapshot, query(job, &preset, copy.snapshot.len()));
            for (place, row) in ranking.rows.iter().enumerate() {
                if let Some(sample) = everybody.get_mut(&row.id) {
                    sample.selected = true;
                    sample.shortlisted |= place < TOP;
                }
            }
        }
        Ok(everybody.into_values().collect())
    };
    work(usize::MAX, run).await
}

#[cfg(test)]
mod tests {
    use super::Shift;

    #[test]
    fn every_shift_is_in_one_step() {
        let shift = Shift::of(vec![-10_000, -1_000, -999, -100, -1, 0, 0, 1, 100, 101, 1_001, 10_000]);
        assert_eq!(
            (shift.lowest, shift.median, shift.highest, shift.largest()),
            (-10_000, 0, 10_000, 10_000)
        );
        let counts: Vec<usize> = shift.steps.iter().map(|step| step.coaches).collect();
        assert_eq!(counts, [1, 2, 0, 2, 2, 2, 1, 0, 2]);
        assert_eq!(Shift::of(Vec::new()).steps.iter().map(|step| step.coaches).sum::<usize>(), 0);
    }
}
