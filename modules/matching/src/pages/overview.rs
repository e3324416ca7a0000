//! Where a day begins: `/coach` for a coach, `/manager` for a manager.

use std::sync::Arc;

use fithire_coaches::{Piece, Profile, Scored, pieces};
use fithire_identity::{BeCoach, ManageJobs, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::Problem;
use fithire_scoring::explain::two_places;
use poem::handler;
use poem::web::{Data, Html};
use serde::Serialize;

use super::matches::Row;
use crate::rankings::{JobStanding, Rankings, Reach, Seen};

/// Matches on a coach's overview.
const MATCHES: usize = 3;
/// Jobs on a manager's overview; each is ranked for it.
const JOBS: u64 = 20;

/// The page of `/coach`.
#[derive(Debug, Serialize)]
struct CoachOverview {
    brand: String,
    has_profile: bool,
    done: usize,
    pieces: Vec<Piece>,
    total: usize,
    missed: usize,
    rows: Vec<Row>,
}

impl Template for CoachOverview {
    const NAME: &'static str = "matching/coach.html";
}

#[handler]
pub(super) async fn of_coach(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let caller = visitor.caller();
    caller.allowed::<BeCoach>()?;
    let brand_id = caller.scope().brand_id();
    let as_of = fithire_orgs::today(&db, &clock, brand_id).await?;
    let brand = fithire_orgs::brand_name(&db, brand_id).await?;
    let mut tx = db.read(caller.scope()).await?;
    let profile = fithire_coaches::own_profile(&mut tx, caller).await?;
    let coach = profile.as_ref().map(|(id, profile)| Scored {
        id: *id,
        name: profile.name.clone(),
        facts: profile.facts.clone(),
    });
    let jobs = fithire_jobs::active(&mut tx, caller.limits()).await?;
    drop(tx);
    let all = jobs.len();
    let (total, rows) = match coach {
        None => (0, Vec::new()),
        Some(coach) => {
            let (total, found) =
                rankings.matches(coach, jobs, as_of, (None, (0, MATCHES), Reach::Reached)).await?;
            (total, found.into_iter().map(Row::from).collect())
        }
    };
    let has_profile = profile.is_some();
    let pieces = pieces(&profile.map_or_else(Profile::default, |(_, profile)| profile)).to_vec();
    let done = pieces.iter().filter(|piece| piece.done).count();
    let page = CoachOverview { brand, has_profile, done, pieces, total, missed: all - total, rows };
    pages.render(visitor.shell(), &page)
}

/// The page of `/manager`.
#[derive(Debug, Serialize)]
struct ManagerOverview {
    brand: String,
    open: usize,
    coaches: i64,
    /// Jobs shown here for which nobody is ranked.
    without: usize,
    jobs: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    title: String,
    location: String,
    total: usize,
    below: usize,
    best: Vec<Best>,
}

#[derive(Debug, Serialize)]
struct Best {
    id: Id,
    name: String,
    score: String,
}

impl Template for ManagerOverview {
    const NAME: &'static str = "matching/manager.html";
}

impl From<JobStanding> for Listed {
    fn from(standing: JobStanding) -> Self {
        let best = standing.best.into_iter();
        Self {
            id: standing.job.id,
            title: standing.job.title,
            location: standing.job.location,
            total: standing.total,
            below: standing.below,
            best: best.map(|(id, name, bp)| Best { id, name, score: two_places(bp) }).collect(),
        }
    }
}

#[handler]
pub(super) async fn of_manager(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let seen = Seen::now((&db, &clock), &allowed).await?;
    let brand = fithire_orgs::brand_name(&db, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let coaches = fithire_coaches::count(&mut tx).await?;
    let open = fithire_jobs::count_active(&mut tx, allowed.limits()).await?.values().sum();
    let jobs = fithire_jobs::newest(&mut tx, allowed.limits(), JOBS).await?;
    drop(tx);
    let standings = rankings.standings(&allowed, seen, jobs).await?;
    let mut jobs: Vec<Listed> = standings.into_iter().map(Listed::from).collect();
    // What needs a person first: jobs with the fewest candidates.
    jobs.sort_by_key(|job| job.total);
    let without = jobs.iter().filter(|job| job.total == 0).count();
    pages.render(visitor.shell(), &ManagerOverview { brand, open, coaches, without, jobs })
}
