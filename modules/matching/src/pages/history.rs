//! `/manager/jobs/{id}/matches`: the matches of a job as they are kept, how old they are, and what became of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_identity::{ViewCoaches, Visitor};
use fithire_kernel::audit::Reads;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use fithire_scoring::explain::two_places;
use poem::handler;
use poem::web::{Data, Html, Path, Query};
use serde::{Deserialize, Serialize};

use super::presets::when;
use crate::api::viewed;
use crate::rescoring::{self, Became, KEPT, Kept, MatchEvent, Of, WorkedOut};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    job_id: Id,
    title: String,
    location: String,
    active: bool,
    /// By what, where its turn has come.
    by: Option<By>,
    most: usize,
    matches: Vec<Listed>,
    events: Vec<Told>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct By {
    preset: String,
    hash: String,
    as_of: String,
    revision: i64,
    total: i64,
    at: String,
}

#[derive(Debug, Serialize)]
struct Listed {
    coach_id: Id,
    name: String,
    score: String,
    since: String,
    scored: String,
    age: String,
}

#[derive(Debug, Serialize)]
struct Told {
    at: String,
    coach_id: Id,
    /// Nothing for somebody who is gone.
    name: Option<String>,
    /// What became, in words, and its tone: good, bad or nothing.
    what: &'static str,
    tone: &'static str,
    before: Option<String>,
    after: Option<String>,
    as_of: String,
}

impl Template for Page {
    const NAME: &'static str = "matching/history.html";
}

#[derive(Deserialize)]
pub(super) struct Asked {
    cursor: Option<String>,
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    reads: Data<&Reads>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let mut tx = db.read(&allowed).await?;
    let job = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?;
    let by = rescoring::worked_out(&mut tx, job.id).await?;
    let cursor = asked.0.cursor.as_deref();
    // What came before the first page is read by whoever looks back; the matches stand on the first.
    let matches = match cursor {
        None => rescoring::kept(&mut tx, Of::Job(job.id)).await?,
        Some(_) => Vec::new(),
    };
    let (events, next) = rescoring::events(&mut tx, job.id, (DEFAULT_LIMIT, cursor)).await?;
    let who = || matches.iter().map(|row| row.coach_id).chain(events.iter().map(|event| event.coach_id));
    let coaches = fithire_coaches::by_ids(&mut tx, &who().collect::<Vec<_>>()).await?;
    let names = coaches.into_iter().map(|coach| (coach.id, coach.name)).collect();
    reads.note(&allowed, viewed(job.id, who()))?;
    let now = clock.now();
    let page = Page {
        job_id: job.id,
        title: job.title,
        location: job.location,
        active: job.active,
        by: by.map(by_what),
        most: KEPT,
        matches: matches.into_iter().filter_map(|row| listed(row, &names, now)).collect(),
        events: events.into_iter().map(|event| told(event, &names)).collect(),
        next,
    };
    pages.render(visitor.shell(), &page)
}

fn by_what(by: WorkedOut) -> By {
    By {
        preset: by.preset,
        hash: by.preset_hash.chars().take(12).collect(),
        as_of: by.as_of.to_string(),
        revision: by.revision,
        total: by.total,
        at: when(by.rescored_at),
    }
}

/// Nothing for somebody who was erased a moment ago.
fn listed(row: Kept, names: &BTreeMap<Id, String>, now: DateTime<Utc>) -> Option<Listed> {
    Some(Listed {
        coach_id: row.coach_id,
        name: names.get(&row.coach_id)?.clone(),
        score: two_places(share_of(row.score)),
        since: when(row.entered_at),
        scored: when(row.scored_at),
        age: age(now - row.scored_at),
    })
}

fn told(event: MatchEvent, names: &BTreeMap<Id, String>) -> Told {
    let (what, tone) = match Became::read(&event.kind) {
        Became::Entered => ("became a match", "good"),
        Became::Left => ("is no match any more", "bad"),
        Became::Changed => ("has another score", ""),
    };
    Told {
        at: when(event.at),
        coach_id: event.coach_id,
        name: names.get(&event.coach_id).cloned(),
        what,
        tone,
        before: event.before.map(share_of).map(two_places),
        after: event.after.map(share_of).map(two_places),
        as_of: event.as_of.to_string(),
    }
}

/// Basis points as the column has them.
fn share_of(bp: i32) -> u16 {
    u16::try_from(bp).unwrap_or_default()
}

/// How many days something is ago. No less, so that a page stays the same as long as nothing has become of it.
fn age(since: TimeDelta) -> String {
    match since.num_days() {
        ..1 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_days() {
        let of = |hours| age(TimeDelta::hours(hours));
        assert_eq!([of(-1), of(23), of(24), of(49)], ["today", "today", "1 day ago", "2 days ago"]);
    }
}
