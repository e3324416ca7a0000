//! `/manager/jobs/{id}/compare?coach=…&coach=…`: two to four candidates side by side.

use std::collections::BTreeSet;
use std::sync::Arc;

use fithire_identity::{ViewCoaches, Visitor};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::Problem;
use poem::Request;
use poem::handler;
use poem::web::{Data, Html, Path};
use serde::Serialize;
use serde_json::json;

use super::listing;
use super::view::{self, Score};
use crate::rankings::Rankings;

/// How many fit beside one another.
const MOST: usize = 4;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    job_id: Id,
    title: String,
    columns: Vec<Column>,
    /// Why there is nothing to compare.
    problem: Option<String>,
    /// By other weights than the preset's.
    tried: bool,
    /// What leads back to the list as it was.
    query: String,
}

/// One coach.
#[derive(Debug, Serialize)]
struct Column {
    id: Id,
    name: String,
    beside: String,
    score: Score,
}

impl Template for Page {
    const NAME: &'static str = "matching/compare.html";
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn page(
    visitor: Visitor,
    request: &Request,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    reads: Data<&Reads>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let asked: Vec<(String, String)> =
        serde_urlencoded::from_str(request.uri().query().unwrap_or_default()).unwrap_or_default();
    let mut coaches: Vec<Id> =
        asked.iter().filter(|(name, _)| name == "coach").filter_map(|(_, id)| id.parse().ok()).collect();
    let mut seen = BTreeSet::new();
    coaches.retain(|id| seen.insert(*id));
    let as_of = fithire_orgs::today(&db, &clock, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let job = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?;
    let problem = match coaches.len() {
        0 | 1 => Some("Choose two to four coaches in the list, then compare them.".to_owned()),
        2..=MOST => None,
        more => Some(format!("{more} coaches do not fit beside one another; these are the first {MOST}.")),
    };
    let query: listing::Query = asked.iter().cloned().collect();
    let tried = listing::tried(&rankings, &job, &query)?;
    let mut columns = Vec::new();
    for coach_id in coaches.into_iter().take(MOST) {
        let coach = fithire_coaches::visible(&mut tx, visitor.caller(), coach_id).await?;
        let explained = rankings.explained(&coach, &job, as_of, tried.as_ref())?;
        columns.push(Column {
            id: coach.id,
            name: coach.name,
            beside: explained.score.distance_m.map_or_else(String::new, view::distance),
            score: Score::of_another(&explained),
        });
    }
    let ids: Vec<Id> = columns.iter().map(|column| column.id).collect();
    reads.note(&allowed, Event::new("candidates.compared", "job", job.id).with(json!({"coaches": ids})))?;
    let same = listing::back(&rankings, &job, &query)?;
    let page =
        Page { job_id: job.id, title: job.title, columns, problem, tried: tried.is_some(), query: same };
    pages.render(visitor.shell(), &page)
}
