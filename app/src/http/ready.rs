//! `/readyz`: whether this program can do its work. The database answers, some worker lives, and no task is late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::SystemScope;
use fithire_kernel::tasks::claims::next_due;
use fithire_kernel::tasks::desk::workers;
use fithire_worker::TaskSettings;
use poem::handler;
use poem::web::Data;
use tokio::time::Instant;

use super::load::Load;

/// How long an answer about tasks holds: it is asked often, and looks at every brand.
const HOLDS: Duration = Duration::from_secs(5);

/// What was last found of tasks.
#[derive(Clone)]
pub(super) struct Readiness {
    settings: TaskSettings,
    found: Arc<Mutex<Option<(Instant, Found)>>>,
}

/// Nothing is wrong with tasks, or what is.
type Found = Result<(), &'static str>;

impl Readiness {
    pub(super) fn new(settings: TaskSettings) -> Self {
        Self { settings, found: Arc::default() }
    }

    async fn look(&self, db: &Db, clock: &Clock) -> Result<Found, Problem> {
        let known = *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = known.filter(|(at, _)| at.elapsed() < HOLDS) {
            return Ok(found);
        }
        let found = self.find(db, clock).await?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), found));
        Ok(found)
    }

    async fn find(&self, db: &Db, clock: &Clock) -> Result<Found, Problem> {
        let now = clock.now();
        if workers(db, now).await?.is_empty() {
            return Ok(Err("no worker lives: run `fithire work`, or `fithire serve` without --no-worker"));
        }
        let late = now - TimeDelta::seconds(self.settings.late_seconds.into());
        for scope in fithire_orgs::every_brand(db, &SystemScope::new("asking whether tasks are late")).await?
        {
            if next_due(db, &scope).await?.is_some_and(|due| due < late) {
                return Ok(Err("tasks are done too late: see the queue of each brand, and run more workers"));
            }
        }
        Ok(Ok(()))
    }
}

/// Whether it can do its work.
#[handler]
pub(super) async fn ready(
    db: Data<&Db>,
    clock: Data<&Clock>,
    readiness: Data<&Readiness>,
    load: Data<&Load>,
) -> Result<&'static str, Problem> {
    if load.is_ending() {
        return Err(Problem::new(Code::Unavailable).because("it is about to stop"));
    }
    db.read_global().await?.commit().await?;
    match readiness.look(&db, &clock).await? {
        Ok(()) => Ok("ok"),
        Err(why) => {
            let unready = Problem { retry_after: Some(5), ..Problem::new(Code::Unavailable) };
            Err(unready.because(why))
        }
    }
}
