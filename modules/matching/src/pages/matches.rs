//! `/coach/matches`: a coach's jobs, best first, with filters in the address, and those that are out of reach with the
//! reason why.

use std::collections::BTreeSet;
use std::sync::Arc;

use fithire_identity::{BeCoach, Visitor};
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::paging::{self, DEFAULT_LIMIT};
use fithire_kernel::problem::Problem;
use fithire_scoring::week::{DAYS, QUARTERS_A_DAY};
use poem::handler;
use poem::web::{Data, Html, Query};
use serde::{Deserialize, Serialize};

use super::view::Score;
use crate::rankings::{Match, Rankings, Reach};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    has_profile: bool,
    /// Of these jobs, how many are matches.
    total: usize,
    /// And how many are not.
    missed: usize,
    /// Listing those that are not.
    why_not: bool,
    filtered: bool,
    asked: Asked,
    /// Pairs of value and label.
    locations: Vec<(String, String)>,
    modalities: Vec<(String, String)>,
    days: Vec<(String, String)>,
    /// The filters as a query, to which a group can be added.
    query: String,
    rows: Vec<Row>,
    /// The query of the next page.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: Id,
    title: String,
    location: String,
    pay: Option<String>,
    score: Score,
}

impl Template for Page {
    const NAME: &'static str = "matching/matches.html";
}

/// The filters, as they stand in the address.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Asked {
    location: String,
    modality: String,
    day: String,
    paid: String,
    show: String,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let (caller, asked) = (visitor.caller(), asked.0);
    caller.allowed::<BeCoach>()?;
    let as_of = fithire_orgs::today(&db, &clock, caller.scope().brand_id()).await?;
    let mut tx = db.read(caller.scope()).await?;
    let coach = fithire_coaches::own(&mut tx, caller).await?;
    let jobs = fithire_jobs::active(&mut tx, caller.limits()).await?;
    let one = |text: &str| (text.to_owned(), text.to_owned());
    let locations: BTreeSet<&str> = jobs.iter().map(|job| job.location.as_str()).collect();
    let locations = anything("Everywhere").chain(locations.into_iter().map(one)).collect();
    let modalities: BTreeSet<(String, String)> = jobs
        .iter()
        .filter_map(|job| job.facts.modality)
        .map(|modality| (modality.details().code.to_owned(), modality.details().title.to_owned()))
        .collect();
    let kept: Vec<Open> = jobs.into_iter().filter(|job| asked.keeps(job)).collect();
    let all = kept.len();
    let why_not = asked.show == "why_not";
    let limit = usize::try_from(DEFAULT_LIMIT).unwrap_or(usize::MAX);
    let skip = paging::skip("matches", asked.cursor.as_deref())?;
    let has_profile = coach.is_some();
    let (found, rows): (usize, Vec<Row>) = match coach {
        None => (0, Vec::new()),
        Some(coach) => {
            let reach = if why_not { Reach::Missed } else { Reach::Reached };
            let (found, matches) = rankings.matches(coach, kept, as_of, (None, (skip, limit), reach)).await?;
            (found, matches.into_iter().map(Row::from).collect())
        }
    };
    let (total, missed) = if why_not { (all - found, found) } else { (found, all - found) };
    let page = Page {
        has_profile,
        total,
        missed,
        why_not,
        filtered: asked.filters(),
        locations,
        modalities: anything("Any").chain(modalities).collect(),
        days: anything("Any")
            .chain((0..).zip(DAYS).map(|(n, day)| (usize::to_string(&n), day.to_owned())))
            .collect(),
        query: asked.query(),
        next: (found > skip + rows.len()).then(|| {
            let cursor = paging::cursor("matches", &(skip + rows.len()));
            let show = if why_not { "&show=why_not" } else { "" };
            let filters = asked.query();
            let filters = if filters.is_empty() { filters } else { format!("{filters}&") };
            format!("{filters}cursor={cursor}{show}")
        }),
        rows,
        asked,
    };
    pages.render(visitor.shell(), &page)
}

/// The choice that filters nothing.
fn anything(label: &str) -> impl Iterator<Item = (String, String)> {
    std::iter::once((String::new(), label.to_owned()))
}

impl Asked {
    fn query(&self) -> String {
        let pairs = [
            ("location", &self.location),
            ("modality", &self.modality),
            ("day", &self.day),
            ("paid", &self.paid),
        ];
        let given: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        serde_urlencoded::to_string(given).unwrap_or_default()
    }

    fn filters(&self) -> bool {
        [&self.location, &self.modality, &self.day, &self.paid].iter().any(|text| !text.is_empty())
    }

    fn keeps(&self, job: &Open) -> bool {
        let at = |wanted: &str, has: &str| wanted.is_empty() || wanted == has;
        let modality = job.facts.modality.map_or("", |modality| modality.details().code);
        let day = self.day.is_empty()
            || job.facts.slots.iter().any(|slot| (slot.span.start / QUARTERS_A_DAY).to_string() == self.day);
        // A job that says nothing of its pay is not known to pay as much.
        let most = job.pay.max.or(job.pay.min);
        let paid =
            self.paid.trim().parse::<f64>().map_or(true, |least| most.is_some_and(|most| most >= least));
        at(&self.location, &job.location) && at(&self.modality, modality) && day && paid
    }
}

impl From<Match> for Row {
    fn from(found: Match) -> Self {
        Self {
            id: found.job.id,
            score: (&found.explanation).into(),
            title: found.job.title,
            location: found.job.location,
            pay: Some(found.job.pay.to_string()).filter(|pay| !pay.is_empty()),
        }
    }
}
