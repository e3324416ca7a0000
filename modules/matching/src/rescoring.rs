//! Rescoring: the best coaches of every job, worked out again when something has changed that they rest on, and kept.
//!
//! Whoever changes a coach or a job adds the task [`RESCORE`] in the same transaction ([`fithire_orgs::changed`]); so does
//! every start of a worker, for presets that came with it, and every run, for the next day. The task says nothing of what has
//! changed, because that can be seen: a job whose plan (preset, facts, threshold, day) is not the one that it was rescored by
//! is ranked again, and so is a job for which somebody who has changed since is, or was, good enough. Every other job stands
//! as it is.
//!
//! Invariants: one run per brand at a time; a job's matches, what became of them and by what they were worked out are written
//! in one transaction; matches are the first [`KEPT`] of the live ranking of that revision and day.

mod history;
mod store;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use fithire_coaches::{Changed, changed_since};
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{BrandScope, Limits};
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use fithire_scoring::plan::{Group, Plan, Query};

use crate::copies::Copy;
use crate::in_force;
use crate::rankings::{Rankings, Seen};
pub use history::{MatchEvent, WorkedOut, events, worked_out};
pub(crate) use store::Became;
use store::{By, Ranked, Rescored};
pub use store::{Kept, Of, kept, tidy_brand};

/// The task, which every brand has once at most.
pub const RESCORE: &str = fithire_orgs::CHANGED;

/// Matches that are kept for each job.
pub const KEPT: usize = 200;
/// Coaches who have changed that are looked at one by one; beyond that, ranking every job again costs less.
const FEW: usize = 500;
/// Jobs that are ranked, and written, together.
const TOGETHER: usize = 64;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Jobs that look for coaches.
    pub jobs: usize,
    /// Those of them that were ranked again.
    pub ranked: usize,
    /// What has entered, left or changed its score.
    pub events: usize,
}

/// Does the task.
pub async fn rescore_task(
    db: &Db,
    tools: (&Clock, &Ids),
    rankings: &Arc<Rankings>,
    task: &Claimed,
) -> Outcome {
    let ended = async {
        // What scores rest on is there before they are.
        in_force::record(db, tools, &task.scope, rankings.presets()).await?;
        let done = rescore(db, tools, rankings, &task.scope).await?;
        tracing::debug!(brand.id = task.scope.brand_id(), done.jobs, done.ranked, done.events, "rescored");
        let mut tx = db.write(&task.scope).await?;
        task.finish(&mut tx).await?;
        // A new day moves every score a little.
        let midnight = fithire_orgs::next_midnight(&mut tx, tools.0).await?;
        enqueue(&mut tx, tools, NewTask::new(RESCORE, serde_json::json!({})).keyed("").due(midnight)).await?;
        fithire_coaches::remind_tomorrow(&mut tx, tools).await?;
        tx.commit().await.map_err(Problem::from)
    };
    match ended.await {
        Ok(()) => Outcome::Finished,
        Err(problem) => problem.into(),
    }
}

/// Brings the matches of a brand up to what is there now.
///
/// # Errors
/// When the database cannot be reached or holds what cannot be read.
pub async fn rescore(
    db: &Db,
    tools: (&Clock, &Ids),
    rankings: &Arc<Rankings>,
    scope: &BrandScope,
) -> Result<Done, Problem> {
    let seen = Seen::now((db, tools.0), scope).await?;
    // What is read from here on is of the revision that was seen, or later: what came in between is looked at twice.
    let run = Run { as_of: seen.as_of, revision: seen.revision, now: tools.0.now() };
    let known = Known::read(&mut db.read(scope).await?).await?;
    let copy = rankings.copy(scope, seen, &[]).await?;
    let mut done =
        Done { events: store::close(db, tools, scope, (&known.closed(), &run)).await?, ..Done::default() };
    let before: BTreeMap<Id, String> =
        known.rescored.iter().map(|(id, rescored)| (*id, rescored.shown.clone())).collect();
    let rescored = rankings.clone();
    let (due, standing) = on_thread(move || known.due(&rescored, seen.as_of)).await?;
    store::stand(db, tools, scope, (&standing, &before, &run)).await?;
    (done.jobs, done.ranked) = (due.len() + standing.len(), due.len());
    let mut due = due.into_iter().peekable();
    let mut ahead = None;
    loop {
        // Some are ranked while those before them are written.
        let some: Jobs = due.by_ref().take(TOGETHER).collect();
        let (rankings, copy) = (rankings.clone(), copy.clone());
        let next = (!some.is_empty())
            .then(|| tokio::spawn(on_thread(move || rank(&rankings, &copy, some, seen.as_of))));
        if let Some(ranked) = std::mem::replace(&mut ahead, next) {
            let ranked = ranked.await.map_err(|error| Problem::internal(&error))???;
            done.events += store::write(db, tools, scope, (ranked, &before, &run)).await?;
        } else if ahead.is_none() {
            return Ok(done);
        }
    }
}

/// By what state of the brand matches are worked out, and when.
pub(crate) struct Run {
    as_of: NaiveDate,
    revision: i64,
    now: DateTime<Utc>,
}

/// What was known before a run, and what has changed since.
struct Known {
    jobs: Vec<Open>,
    rescored: BTreeMap<Id, Rescored>,
    /// Nothing where it is too many.
    changed: Option<Vec<Changed>>,
    /// The jobs that one of them is a match of.
    listed: BTreeSet<Id>,
}

impl Known {
    async fn read(tx: &mut Tx) -> Result<Self, Problem> {
        let jobs = fithire_jobs::active(tx, Limits::default()).await?;
        let rescored = store::rescored(tx).await?;
        let since = jobs.iter().filter_map(|job| Some(rescored.get(&job.id)?.revision)).min();
        let changed = match since {
            Some(since) => changed_since(tx, since, Some(FEW as u64 + 1)).await?,
            None => Vec::new(),
        };
        let changed = Some(changed).filter(|changed| changed.len() <= FEW);
        let ids = changed.iter().flatten().map(|change| change.id).collect::<Vec<Id>>();
        let listed = store::jobs_with(tx, &ids).await?;
        Ok(Self { jobs, rescored, changed, listed })
    }

    /// Jobs that have matches and look for nobody any more.
    fn closed(&self) -> Vec<Id> {
        let open: BTreeSet<Id> = self.jobs.iter().map(|job| job.id).collect();
        self.rescored.keys().copied().filter(|id| !open.contains(id)).collect()
    }

    /// The jobs that are to be ranked again, and those that stand as they are. A job whose preset is gone is neither.
    fn due(self, rankings: &Rankings, as_of: NaiveDate) -> (Jobs, Jobs) {
        let (mut due, mut standing, mut plans) = (Vec::new(), Vec::new(), Vec::new());
        for job in self.jobs {
            let Ok(preset) = rankings.preset(&job.preset) else { continue };
            let plan = Plan::compile(preset, &job.facts, as_of);
            let by = By::new(&job, &plan, preset, job.threshold.unwrap_or(preset.threshold));
            let rescored = self.rescored.get(&job.id).filter(|rescored| rescored.plan == by.plan);
            match rescored {
                Some(rescored) if self.changed.is_some() && !self.listed.contains(&job.id) => {
                    plans.push(plan);
                    standing.push((job, by, rescored.floor));
                }
                _ => due.push((job, by)),
            }
        }
        // Somebody who has changed may be good enough now.
        let mut reached = vec![false; standing.len()];
        for coach in self.changed.iter().flatten().filter_map(|change| change.now.as_ref()) {
            for (n, (bp, excluded)) in Plan::each_of(&plans, &coach.facts).into_iter().enumerate() {
                reached[n] |= !excluded && i32::from(bp) >= standing[n].2;
            }
        }
        let mut stand = Vec::new();
        for ((job, by, _), reached) in standing.into_iter().zip(reached) {
            if reached { due.push((job, by)) } else { stand.push((job, by)) }
        }
        (due, stand)
    }
}

/// Jobs, and by what they are rescored.
type Jobs = Vec<(Open, By)>;

/// Ranks jobs over a copy of the coaches.
fn rank(rankings: &Rankings, copy: &Copy, jobs: Jobs, as_of: NaiveDate) -> Result<Vec<Ranked>, Problem> {
    let plan = |(job, by): &(Open, By)| {
        let query = Query { threshold: by.threshold, limit: KEPT, group: Group::Ranked };
        Ok((Plan::compile(rankings.preset(&job.preset)?, &job.facts, as_of), query))
    };
    let plans: Vec<(Plan<'_>, Query)> = jobs.iter().map(plan).collect::<Result<_, Problem>>()?;
    let plans: Vec<(&Plan<'_>, Query)> = plans.iter().map(|(plan, query)| (plan, *query)).collect();
    let ranked = Plan::rank_all(&plans, &copy.snapshot);
    Ok(jobs.into_iter().zip(ranked).map(|((job, by), ranking)| (job, by, ranking)).collect())
}

async fn on_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(run).await.map_err(|error| Problem::internal(&error))
}
