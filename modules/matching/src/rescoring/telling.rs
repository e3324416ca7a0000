//! Who is told of what became of matches: the brand's programs of everything, by webhooks, and each coach of their own, by
//! notices. Both are part of the transaction that writes the matches.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use fithire_coaches::accounts_of;
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{self, Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_notifications::{Kind as Telling, Notice, notify};
use fithire_webhooks::{Event as Message, Kind, listens, publish};
use serde_json::json;

use super::store::{Became, Event};

/// What coaches read of a job.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) title: String,
    pub(crate) location: String,
}

impl From<&Open> for Told {
    fn from(job: &Open) -> Self {
        Self { title: job.title.clone(), location: job.location.clone() }
    }
}

/// Tells the brand's programs.
pub(crate) async fn programs(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    (events, at): (&[Event], DateTime<Utc>),
) -> Result<(), Problem> {
    if events.is_empty() || !listens(tx).await? {
        return Ok(());
    }
    let message = |event: &Event| {
        let mut data = json!({"job_id": event.job_id, "coach_id": event.coach_id});
        let kind = match event.kind {
            Became::Entered => Kind::MatchEntered,
            Became::Left => Kind::MatchLeft,
            Became::Changed => Kind::MatchChanged,
        };
        if let Some(score) = event.after {
            data["score"] = json!(score);
        }
        if let (Became::Changed, Some(before)) = (event.kind, event.before) {
            data["before"] = json!(before);
        }
        Message { kind, at, data }
    };
    publish(tx, tools, events.iter().map(message).collect()).await
}

/// Tells coaches of what became of their own matches. A job that was there for a while before its matches were first worked
/// out is news to nobody.
pub(crate) async fn coaches(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    (events, jobs, known): (&[Event], &BTreeMap<Id, Told>, &HashSet<Id>),
) -> Result<(), Problem> {
    /// A job is new for so long.
    const NEW: TimeDelta = TimeDelta::days(1);
    let now = tools.0.now();
    let is_news = |event: &&Event| match event.kind {
        Became::Entered => known.contains(&event.job_id) || now - ids::made_at(event.job_id) < NEW,
        Became::Left => true,
        Became::Changed => false,
    };
    let notice = |event: &Event, job: &Told| {
        let (kind, key, title, text) = match event.after {
            Some(score) => (
                Telling::NewMatch,
                "match",
                format!("A job that fits you: {}", job.title),
                format!("{} at {}: your FitScore is {}.", job.title, job.location, share(score)),
            ),
            None => (
                Telling::MatchLost,
                "match-lost",
                format!("No longer a match: {}", job.title),
                format!(
                    "{} at {} is filled, was changed, or others fit it better now. The page of your matches says why.",
                    job.title, job.location
                ),
            ),
        };
        (event.coach_id, kind, format!("{key}:{}", event.job_id), title, text, event.job_id)
    };
    let made =
        events.iter().filter(is_news).filter_map(|event| Some(notice(event, jobs.get(&event.job_id)?)));
    tell(tx, tools, made.collect()).await
}

/// Tells the coaches whom a job fits that it says something else now; `shown` is a hash of what it says.
pub(crate) async fn of_change(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    (job_id, job, shown): (Id, &Told, &str),
    matched: Vec<Id>,
) -> Result<(), Problem> {
    let title = format!("Changed: {}", job.title);
    let text = format!("{} at {} was changed: look whether it still suits you.", job.title, job.location);
    let notice = |coach_id| {
        let event = format!("job-changed:{job_id}:{shown}");
        (coach_id, Telling::JobChanged, event, title.clone(), text.clone(), job_id)
    };
    tell(tx, tools, matched.into_iter().map(notice).collect()).await
}

/// Coach, kind, event, title, text and job.
type Made = (Id, Telling, String, String, String, Id);

async fn tell(tx: &mut Tx, tools: (&Clock, &Ids), made: Vec<Made>) -> Result<(), Problem> {
    let coaches: Vec<Id> = made.iter().map(|(coach_id, ..)| *coach_id).collect();
    let accounts = accounts_of(tx, &coaches).await?;
    let notices = made.into_iter().filter_map(|(coach_id, kind, event, title, text, job_id)| {
        let account_id = *accounts.get(&coach_id)?;
        Some(Notice { account_id, kind, event, title, text, path: format!("/coach/matches/{job_id}") })
    });
    let notices: Vec<Notice> = notices.collect();
    if notices.is_empty() { Ok(()) } else { notify(tx, tools, notices).await }
}

/// Basis points as people read them.
fn share(bp: i32) -> String {
    format!("{:.2}", f64::from(bp) / 10_000.0)
}
