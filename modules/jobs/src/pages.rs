//! `/manager/jobs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{ManageJobs, Visitor};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template, Templates};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use fithire_orgs::location_names;
use poem::web::{Data, Html, Query};
use poem::{Route, get, handler};
use serde::{Deserialize, Serialize};

use crate::service;

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
    jobs: Vec<Listed>,
    /// Where the next page begins.
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

#[derive(Deserialize)]
struct Asked {
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
    let (rows, next) =
        service::page(&mut tx, allowed.limits(), DEFAULT_LIMIT, asked.cursor.as_deref()).await?;
    let names: BTreeMap<Id, String> =
        location_names(&mut tx).await?.into_iter().map(|(name, id)| (id, name)).collect();
    let jobs = rows.into_iter().map(|row| Listed {
        id: row.id,
        title: row.title,
        location: names.get(&row.location_id).cloned().unwrap_or_default(),
        preset: row.preset,
        active: row.active,
    });
    pages.render(visitor.shell(), &List { jobs: jobs.collect(), next })
}
