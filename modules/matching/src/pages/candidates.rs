//! `/manager/jobs/{id}/candidates`: a real table, groups as tabs, what-if weights, saved views.

use std::borrow::Cow;
use std::sync::Arc;

use fithire_identity::{Posted, ViewCoaches, Visitor};
use fithire_kernel::audit::Reads;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast};
use fithire_kernel::paging::{self, DEFAULT_LIMIT};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::explain::two_places;
use fithire_scoring::key::Key;
use poem::handler;
use poem::web::{Data, Html, Path, Query, Redirect};
use serde::{Deserialize, Serialize};

use super::listing::{self, GROUPS, Listing, same_list};
use super::view::{self, Score, label};
use crate::rankings::Rankings;
use crate::views;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    job_id: Id,
    title: String,
    location: String,
    preset: String,
    threshold: String,
    active: bool,
    tabs: Vec<Tab>,
    weights: Vec<Weight>,
    min_score: String,
    show: &'static str,
    what_if: bool,
    problem: Option<String>,
    rows: Vec<Row>,
    /// The query of this list, for the file and for a saved view.
    query: String,
    /// The same, as fields of a form.
    fields: Vec<(String, String)>,
    next: Option<String>,
    views: Vec<views::View>,
}

#[derive(Debug, Serialize)]
struct Tab {
    label: &'static str,
    count: usize,
    here: bool,
    query: String,
}

/// A field of the what-if form, in percent.
#[derive(Debug, Serialize)]
struct Weight {
    key: Key,
    label: Cow<'static, str>,
    value: String,
    own: String,
}

#[derive(Debug, Serialize)]
struct Row {
    id: Id,
    place: usize,
    name: String,
    beside: String,
    /// A video of how they teach.
    video: Option<Id>,
    score: Score,
}

impl Template for Page {
    const NAME: &'static str = "matching/candidates.html";
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    reads: Data<&Reads>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    query: Query<listing::Query>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let limit = usize::try_from(DEFAULT_LIMIT).unwrap_or(usize::MAX);
    let mut tx = db.read(&allowed).await?;
    let views = views::of(&mut tx, visitor.caller().account_id()).await?;
    drop(tx);
    let listing = listing::list((&db, &clock), &rankings, &allowed, id.0, (&query.0, limit)).await?;
    reads.note(&allowed, listing.found.viewed("candidates.listed", id.0))?;
    let coaches: Vec<Id> = listing.found.shown.iter().map(|shown| shown.coach.id).collect();
    let mut tx = db.read(&allowed).await?;
    let videos = fithire_media::videos_of(&mut tx, &coaches).await?;
    drop(tx);
    let mut page = shown(listing, &query.0, limit, views);
    for row in &mut page.rows {
        row.video = videos.get(&row.id).copied();
    }
    pages.render(visitor.shell(), &page)
}

fn shown(listing: Listing, query: &listing::Query, limit: usize, views: Vec<views::View>) -> Page {
    let Listing { job, preset, weights, group, skip, found, what_if, problem } = listing;
    let counts = [found.ranking.total, found.ranking.below_threshold, found.ranking.ineligible];
    let tab = |((key, label, _), count): ((&'static str, &'static str, _), usize)| Tab {
        label,
        count,
        here: key == group,
        query: same_list(query, &weights, &[("show", key)]),
    };
    let more = found.ranking.rows.len() > skip + limit;
    let next = more.then(|| {
        let cursor = paging::cursor("candidates", &(skip + limit));
        same_list(query, &weights, &[("cursor", &cursor)])
    });
    Page {
        job_id: job.id,
        title: job.title,
        location: job.location,
        preset,
        threshold: two_places(found.threshold),
        active: job.active,
        tabs: GROUPS.into_iter().zip(counts).map(tab).collect(),
        weights: weights.iter().map(|(key, bp)| weight(key, *bp, query)).collect(),
        min_score: query.get("min_score").cloned().unwrap_or_default(),
        show: group,
        what_if,
        problem,
        rows: (skip + 1..)
            .zip(&found.shown)
            .map(|(place, shown)| row(place, &shown.coach, &shown.why))
            .collect(),
        fields: serde_urlencoded::from_str(&same_list(query, &weights, &[])).unwrap_or_default(),
        query: same_list(query, &weights, &[]),
        next,
        views,
    }
}

/// The page with 20 rows of the same coach, for the benchmark of rendering.
#[cfg(feature = "testing")]
pub(crate) fn sample(why: &fithire_scoring::explain::Explanation) -> impl Template + use<> {
    let coach = fithire_coaches::Scored {
        id: 1,
        name: "Ada Chen".to_owned(),
        facts: fithire_scoring::facts::Coach::default(),
    };
    let none = listing::Query::new();
    let weights =
        [("certifications", 2_500), ("experience", 2_000), ("availability", 2_500), ("location", 3_000)];
    Page {
        job_id: 1,
        title: "Weekend HIIT Coach".to_owned(),
        location: "NYC Tribeca".to_owned(),
        preset: "Balanced".to_owned(),
        threshold: "0.60".to_owned(),
        active: true,
        tabs: GROUPS
            .map(|(key, label, _)| Tab {
                label,
                count: 20,
                here: key == "ranked",
                query: format!("show={key}"),
            })
            .into(),
        weights: weights
            .into_iter()
            .filter_map(|(key, bp)| Some(weight(&Key::registered(key)?, bp, &none)))
            .collect(),
        min_score: String::new(),
        show: "ranked",
        what_if: false,
        problem: None,
        rows: (1..=20).map(|place| row(place, &coach, why)).collect(),
        query: "show=ranked".to_owned(),
        fields: vec![("show".to_owned(), "ranked".to_owned())],
        next: None,
        views: Vec::new(),
    }
}

fn row(place: usize, coach: &fithire_coaches::Scored, why: &fithire_scoring::explain::Explanation) -> Row {
    Row {
        id: coach.id,
        place,
        name: coach.name.clone(),
        beside: why.score.distance_m.map_or_else(String::new, view::distance),
        video: None,
        score: Score::of_another(why),
    }
}

fn weight(key: &Key, bp: u16, query: &listing::Query) -> Weight {
    let own = (f64::from(bp) / 100.0).to_string();
    Weight {
        key: key.clone(),
        label: label(key),
        value: query.get(&**key).cloned().unwrap_or_else(|| own.clone()),
        own,
    }
}

#[derive(Deserialize)]
pub(super) struct NewView {
    job_id: Id,
    name: String,
    query: String,
}

/// Keeps a list's query under a name, for every job.
#[handler]
pub(super) async fn save_view(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    form: Posted<NewView>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let Posted(NewView { job_id, name, query }) = form;
    let mut tx = db.write(&allowed).await?;
    fithire_jobs::find(&mut tx, allowed.limits(), job_id).await?;
    views::save(&mut tx, (&clock, &ids), visitor.caller().account_id(), (&name, &query)).await?;
    tx.commit().await?;
    let to = format!("/manager/jobs/{job_id}/candidates?{}", views::clean(&query));
    Ok(visitor.done(to, &Toast::new(format!("{} is one of your views", name.trim()))))
}

#[derive(Deserialize)]
pub(super) struct Removal {
    job_id: Id,
}

#[handler]
pub(super) async fn remove_view(
    visitor: Visitor,
    db: Data<&Db>,
    id: Path<Id>,
    form: Posted<Removal>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let mut tx = db.write(&allowed).await?;
    let (account_id, job_id) = (visitor.caller().account_id(), form.0.job_id);
    fithire_jobs::find(&mut tx, allowed.limits(), job_id).await?;
    let views = views::of(&mut tx, account_id).await?;
    let view = views.into_iter().find(|view| view.id == id.0).ok_or_else(|| Problem::new(Code::NotFound))?;
    views::remove(&mut tx, account_id, id.0).await?;
    tx.commit().await?;
    let again = [("job_id", &*job_id.to_string()), ("name", &view.name), ("query", &view.query)];
    let toast = Toast::new(format!("{} is removed", view.name)).with_undo("/manager/views", &again);
    Ok(visitor.done(format!("/manager/jobs/{job_id}/candidates"), &toast))
}
