//! `/manager/coaches`: the brand's coaches by name, and what is known of one.

use std::sync::Arc;

use fithire_identity::{ReviewCoaches, ViewCoaches, Visitor};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use poem::handler;
use poem::web::{Data, Html, Path, Query};
use sea_query::SelectStatement;
use serde::{Deserialize, Serialize};

use super::known::{Known, known};
use super::own::Approved;
use crate::finding::{Filter, Sort, page};
use crate::model::Row;
use crate::pieces::pieces;
use crate::service;
use crate::verification::items_of;

/// The page of `/manager/coaches`.
#[derive(Debug, Serialize)]
struct List {
    named: String,
    coaches: Vec<Listed>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    name: String,
    email: Option<String>,
    home: String,
    filled: usize,
    of: usize,
}

impl Template for List {
    const NAME: &'static str = "coaches/list.html";
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    named: String,
    cursor: Option<String>,
}

#[handler]
pub(super) async fn list(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let mut tx = db.read(&allowed).await?;
    let Asked { named, cursor } = asked.0;
    let wanted = Some(named.trim()).filter(|name| !name.is_empty());
    let filter = Filter { named: wanted, ..Filter::default() };
    let (rows, next) = page(&mut tx, filter, Sort::default(), (DEFAULT_LIMIT, cursor.as_deref())).await?;
    let listed = |row: Row| {
        let id = row.id;
        let profile = row.profile()?;
        let pieces = pieces(&profile);
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let city = said(&profile.city).or_else(|| said(&profile.postal_code));
        let home = city.into_iter().chain(said(&profile.region).or_else(|| said(&profile.country)));
        Ok(Listed {
            id,
            home: home.collect::<Vec<_>>().join(", "),
            filled: pieces.iter().filter(|piece| piece.done).count(),
            of: pieces.len(),
            name: profile.name,
            email: profile.email,
        })
    };
    let coaches = rows.into_iter().map(listed).collect::<Result<_, Problem>>()?;
    let next = next.map(|cursor| {
        serde_urlencoded::to_string([("named", &named), ("cursor", &cursor)]).unwrap_or_default()
    });
    pages.render(visitor.shell(), &List { named, coaches, next })
}

/// Asks for the newest video of a coach: the app hands it in, because files lie above coaches.
#[derive(Clone, Copy)]
pub struct Videos(pub fn(&Within, Id) -> SelectStatement);

/// The page of `/manager/coaches/{id}`.
#[derive(Debug, Serialize)]
struct OneCoach {
    id: Id,
    name: String,
    sections: Vec<Known>,
    /// A video of how they teach.
    video: Option<Id>,
    approval: Option<Approved>,
    /// Whether the reader may decide on it.
    reviews: bool,
}

impl Template for OneCoach {
    const NAME: &'static str = "coaches/coach.html";
}

#[handler]
pub(super) async fn coach(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    reads: Data<&Reads>,
    pages: Data<&Arc<Pages>>,
    videos: Data<&Videos>,
    id: Path<Id>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let today = fithire_orgs::today(&db, &clock, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let profile = service::profile(&mut tx, visitor.caller(), id.0).await?;
    reads.note(&allowed, Event::new("coach.read", "coach", id.0))?;
    let items = items_of(&mut tx, id.0).await?;
    let video: Option<(Id,)> = tx.optional(&(videos.0.0)(&tx, id.0)).await?;
    let page = OneCoach {
        id: id.0,
        sections: known(&profile, today, &items),
        name: profile.name,
        video: video.map(|(id,)| id),
        approval: Approved::of(&mut tx, id.0).await?,
        reviews: visitor.caller().allowed::<ReviewCoaches>().is_ok(),
    };
    pages.render(visitor.shell(), &page)
}
