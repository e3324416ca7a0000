//! `/manager/jobs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{ManageJobs, Visitor};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template, Templates};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use fithire_orgs::{location_names, reached};
use poem::web::{Data, Html, Query};
use poem::{Route, get, handler};
use serde::{Deserialize, Serialize};

use crate::finding::{Filter, Sort, page};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("jobs/list.html", include_str!("../templates/jobs/list.html")),
    ("jobs/form.html", include_str!("../templates/jobs/form.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route.at("/manager/jobs", get(list))
}

/// The page of `/manager/jobs`.
#[derive(Debug, Serialize)]
struct List {
    asked: Asked,
    filtered: bool,
    locations: Vec<(String, String)>,
    jobs: Vec<Listed>,
    /// Where the next page begins, with the filters.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    title: String,
    location: String,
    preset: String,
    active: bool,
}

impl Template for List {
    const NAME: &'static str = "jobs/list.html";
}

/// The filters, as they stand in the address.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Asked {
    titled: String,
    /// `open`, `closed`, or anything else for both.
    state: String,
    location: String,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

#[handler]
async fn list(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let mut tx = db.read(&allowed).await?;
    let Query(asked) = asked;
    let filter = Filter {
        titled: Some(asked.titled.trim()).filter(|text| !text.is_empty()),
        active: match &*asked.state {
            "open" => Some(true),
            "closed" => Some(false),
            _ => None,
        },
        location_id: asked.location.parse().ok(),
        ..Filter::default()
    };
    let place = (DEFAULT_LIMIT, asked.cursor.as_deref());
    let (rows, next) = page(&mut tx, allowed.limits(), (filter, Sort::default()), place).await?;
    let within = reached(&mut tx, allowed.limits()).await?;
    let names: BTreeMap<Id, String> =
        location_names(&mut tx).await?.into_iter().map(|(name, id)| (id, name)).collect();
    let jobs = rows.into_iter().map(|row| Listed {
        id: row.id,
        title: row.title,
        location: names.get(&row.location_id).cloned().unwrap_or_default(),
        preset: row.preset,
        active: row.active,
    });
    let mut locations: Vec<(String, String)> = names
        .iter()
        .filter(|(id, _)| within.as_ref().is_none_or(|within| within.contains(id)))
        .map(|(id, name)| (id.to_string(), name.clone()))
        .collect();
    locations.sort_by(|a, b| a.1.cmp(&b.1));
    locations.insert(0, (String::new(), "Everywhere".to_owned()));
    let next = next.map(|cursor| {
        let pairs = [
            ("titled", &*asked.titled),
            ("state", &asked.state),
            ("location", &asked.location),
            ("cursor", &cursor),
        ];
        let given: Vec<_> = pairs.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        serde_urlencoded::to_string(given).unwrap_or_default()
    });
    let filtered = [&asked.titled, &asked.state, &asked.location].iter().any(|text| !text.is_empty());
    let page = List { filtered, locations, jobs: jobs.collect(), next, asked };
    pages.render(visitor.shell(), &page)
}
