//! `/manager/jobs/{id}/candidates` and `/coach/matches`.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{ViewCoaches, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template, Templates};
use fithire_kernel::paging::{self, DEFAULT_LIMIT};
use fithire_kernel::problem::Problem;
use fithire_scoring::explain::{Explanation, two_places};
use fithire_scoring::plan::Group;
use fithire_scoring::score::Eligibility;
use poem::web::{Data, Html, Path, Query};
use poem::{Route, get, handler};
use serde::Serialize;

use crate::rankings::{Asked, Rankings, Weights};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("matching/candidates.html", include_str!("../templates/matching/candidates.html")),
    ("matching/matches.html", include_str!("../templates/matching/matches.html")),
    ("matching/score.html", include_str!("../templates/matching/score.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route.at("/manager/jobs/:id/candidates", get(candidates)).at("/coach/matches", get(matches))
}

/// The page of `/manager/jobs/{id}/candidates`.
#[derive(Debug, Serialize)]
struct Candidates {
    job_id: Id,
    title: String,
    location: String,
    preset: String,
    threshold: String,
    tabs: Vec<Tab>,
    weights: Vec<Weight>,
    /// The weights are not the preset's.
    what_if: bool,
    /// Why the weights that were asked for do not count.
    problem: Option<String>,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Tab {
    key: &'static str,
    label: &'static str,
    count: usize,
    here: bool,
    /// The query that leads there.
    query: String,
}

/// A field of the what-if form.
#[derive(Debug, Serialize)]
struct Weight {
    key: &'static str,
    label: &'static str,
    value: String,
}

/// A coach or a job with a score.
#[derive(Debug, Serialize)]
struct Row {
    id: Id,
    place: usize,
    name: String,
    /// What else is said beside the name.
    beside: String,
    score: Score,
}

/// A score as it is shown.
#[derive(Debug, Serialize)]
struct Score {
    value: String,
    low: String,
    high: String,
    /// Whether the range is one number.
    certain: bool,
    provisional: bool,
    excluded: bool,
    parts: Vec<Part>,
    strengths: Vec<String>,
    gaps: Vec<String>,
    advice: Vec<String>,
}

/// One sub-score.
#[derive(Debug, Serialize)]
struct Part {
    label: &'static str,
    /// `None`: the job does not ask for it.
    value: Option<String>,
    percent: u16,
    unknown: bool,
}

impl Template for Candidates {
    const NAME: &'static str = "matching/candidates.html";
}

/// The page of `/coach/matches`.
#[derive(Debug, Serialize)]
struct Matches {
    has_profile: bool,
    total: usize,
    rows: Vec<Row>,
}

impl Template for Matches {
    const NAME: &'static str = "matching/matches.html";
}

#[handler]
async fn candidates(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    asked: Query<BTreeMap<String, String>>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let asked = asked.0;
    let skip = crate::api::skip(asked.get("cursor").map(String::as_str))?;
    let (group, shown) = match asked.get("show").map(String::as_str) {
        Some("below_threshold") => (Group::BelowThreshold, "below_threshold"),
        Some("ineligible") => (Group::Ineligible, "ineligible"),
        _ => (Group::Ranked, "ranked"),
    };
    let as_of = fithire_orgs::today(&db, &clock, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let job = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?;
    let preset = rankings.preset(&job.preset)?;
    let known: Vec<(&'static str, u16)> = preset.weights().collect();
    let (given, problem) = given(&known, &asked);
    let query = |weights: Option<Weights>| Asked {
        weights,
        min_score: None,
        skip,
        limit: usize::try_from(DEFAULT_LIMIT).unwrap_or(usize::MAX),
        group,
    };
    let brand = (allowed.brand_id(), as_of);
    let what_if = given.is_some();
    let (found, problem) = match rankings.candidates(&mut tx, brand, job.clone(), query(given)).await {
        Ok(found) => (found, problem),
        // Weights that cannot be: the list by the preset, with what is wrong said beside the form.
        Err(Problem { errors, .. }) if errors.iter().any(|error| error.pointer == "weights") => {
            let found = rankings.candidates(&mut tx, brand, job.clone(), query(None)).await?;
            (found, errors.first().map(|error| error.detail.clone()))
        }
        Err(problem) => return Err(problem),
    };
    let what_if = what_if && problem.is_none();
    let weights: Vec<Weight> = known
        .iter()
        .map(|(key, bp)| Weight {
            key,
            label: label(key),
            value: asked.get(*key).cloned().unwrap_or_else(|| (f64::from(*bp) / 100.0).to_string()),
        })
        .collect();
    let tab = |key: &'static str, label, count| {
        let here = key == shown;
        let mut query: Vec<(&str, &str)> = vec![("show", key)];
        query.extend(
            asked
                .iter()
                .filter(|(name, _)| known.iter().any(|(key, _)| key == name))
                .map(|(k, v)| (&**k, &**v)),
        );
        Tab { key, label, count, here, query: serde_urlencoded::to_string(query).unwrap_or_default() }
    };
    let tabs = vec![
        tab("ranked", "Ranked", found.ranking.total),
        tab("below_threshold", "Below the threshold", found.ranking.below_threshold),
        tab("ineligible", "Ineligible", found.ranking.ineligible),
    ];
    let limit = usize::try_from(DEFAULT_LIMIT).unwrap_or(usize::MAX);
    let next = (found.ranking.rows.len() > skip + limit).then(|| {
        let here = tabs.iter().find(|tab| tab.here).map(|tab| tab.query.clone()).unwrap_or_default();
        format!("{here}&cursor={}", paging::cursor("candidates", &(skip + limit)))
    });
    let rows = found.shown.iter().zip(skip + 1..).map(|((coach, why), place)| Row {
        id: coach.id,
        place,
        name: coach.name.clone(),
        beside: why.score.distance_m.map_or_else(String::new, kilometres),
        score: why.into(),
    });
    let page = Candidates {
        job_id: job.id,
        title: job.title,
        location: job.location,
        preset: preset.title.clone(),
        threshold: two_places(found.threshold),
        tabs,
        weights,
        what_if,
        problem,
        rows: rows.collect(),
        next,
    };
    pages.render(visitor.shell(), &page)
}

/// The weights that a form has sent, where they are not the preset's own; or what is wrong with one.
fn given(
    known: &[(&'static str, u16)],
    asked: &BTreeMap<String, String>,
) -> (Option<Weights>, Option<String>) {
    let sent: Vec<(&str, &String)> =
        known.iter().filter_map(|(key, _)| Some((*key, asked.get(*key)?))).collect();
    if sent.is_empty() {
        return (None, None);
    }
    let mut weights = Vec::new();
    for (key, text) in sent {
        match text.trim().parse::<f64>() {
            Ok(weight) => weights.push((key.to_owned(), weight)),
            Err(_) => return (None, Some(format!("{} is not a number", label(key)))),
        }
    }
    (Some(Weights(weights)), None)
}

#[handler]
async fn matches(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let caller = visitor.caller();
    let as_of = fithire_orgs::today(&db, &clock, caller.scope().brand_id()).await?;
    let mut tx = db.read(caller.scope()).await?;
    let Some(coach) = fithire_coaches::own(&mut tx, caller).await? else {
        let page = Matches { has_profile: false, total: 0, rows: Vec::new() };
        return pages.render(visitor.shell(), &page);
    };
    let jobs = fithire_jobs::active(&mut tx, caller.limits()).await?;
    let limit = usize::try_from(DEFAULT_LIMIT).unwrap_or(usize::MAX);
    let (total, found) = rankings.matches(coach, jobs, as_of, (None, limit)).await?;
    let rows = found.into_iter().zip(1..).map(|(found, place)| Row {
        id: found.job.id,
        place,
        score: (&found.explanation).into(),
        name: found.job.title,
        beside: found.job.location,
    });
    let page = Matches { has_profile: true, total, rows: rows.collect() };
    pages.render(visitor.shell(), &page)
}

impl From<&Explanation> for Score {
    fn from(explained: &Explanation) -> Self {
        let score = &explained.score;
        let part = |part: &fithire_scoring::score::Component| Part {
            label: label(part.key),
            value: part.figure.map(|figure| two_places(figure.score)),
            percent: part.figure.map_or(0, |figure| figure.score / 100),
            unknown: part
                .figure
                .is_some_and(|figure| figure.state == fithire_scoring::subscore::State::Unknown),
        };
        Self {
            value: two_places(score.bp),
            low: two_places(score.low),
            high: two_places(score.high),
            certain: score.low == score.high,
            provisional: score.eligibility == Eligibility::Provisional,
            excluded: score.excluded,
            parts: score.components.iter().map(part).collect(),
            strengths: explained.strengths.clone(),
            gaps: explained.gaps.clone(),
            advice: explained.advice.iter().map(ToString::to_string).collect(),
        }
    }
}

/// `12 km away`, or metres where it is near.
fn kilometres(metres: u32) -> String {
    match metres {
        0..950 => format!("{} m away", metres.div_ceil(50) * 50),
        _ => format!("{} km away", (metres + 500) / 1_000),
    }
}

/// What people call a sub-score.
fn label(key: &str) -> &'static str {
    match key {
        "certifications" => "Certifications",
        "experience" => "Experience",
        "availability" => "Availability",
        "location" => "Location",
        "culture" => "Teaching style",
        "engagement" => "Engagement",
        _ => "Other",
    }
}
