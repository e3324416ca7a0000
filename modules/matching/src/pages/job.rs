//! A job's form, `/manager/jobs/new` and `/manager/jobs/{id}`, with a preview of how many coaches it would rank, and
//! the switch that takes a job off the market.

use std::sync::Arc;

use fithire_identity::{ManageJobs, Posted, Visitor};
use fithire_jobs::form::{self, Fields, Page};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Toast, refused};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::plan::Group;
use fithire_scoring::preset::Presets;
use poem::web::{Data, Html, Path, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use crate::rankings::{Asked, Rankings, Seen};

#[handler]
pub(super) async fn blank(
    visitor: Visitor,
    db: Data<&Db>,
    presets: Data<&Arc<Presets>>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let mut tx = db.read(&allowed).await?;
    let page = Page::new(&mut tx, (&allowed, &presets), None, form::blank(), None).await?;
    pages.render(visitor.shell(), &page)
}

#[handler]
pub(super) async fn edit(
    visitor: Visitor,
    db: Data<&Db>,
    presets: Data<&Arc<Presets>>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let mut tx = db.read(&allowed).await?;
    let job = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?;
    let location_id = fithire_jobs::location_of(&mut tx, allowed.limits(), id.0).await?;
    let fields = form::of(&job, location_id);
    let page = Page::new(&mut tx, (&allowed, &presets), Some(id.0), fields, None).await?;
    pages.render(visitor.shell(), &page)
}

/// What a handler of the form needs beside the form.
type Tools<'t> = (&'t Db, &'t Clock, &'t Ids, &'t Presets, &'t Pages);

#[handler]
pub(super) async fn create(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    presets: Data<&Arc<Presets>>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    save(&visitor, (&db, &clock, &ids, &presets, &pages), None, form.0).await
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn change(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    presets: Data<&Arc<Presets>>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    save(&visitor, (&db, &clock, &ids, &presets, &pages), Some(id.0), form.0).await
}

/// Saves what was typed, or shows the form again with what is wrong with it; nothing that was typed is lost.
async fn save(
    visitor: &Visitor,
    (db, clock, ids, presets, pages): Tools<'_>,
    id: Option<Id>,
    fields: Fields,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    match form::save(db, (clock, ids, presets), &allowed, id, &fields).await {
        Ok(saved) => {
            let told =
                if id.is_some() { "The job is saved" } else { "The job is there; these coaches fit it" };
            let to = format!("/manager/jobs/{saved}/candidates");
            Ok(visitor.done(to, &Toast::new(told)).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            let mut tx = db.read(&allowed).await?;
            let page = Page::new(&mut tx, (&allowed, presets), id, fields, Some(&problem)).await?;
            refused(pages.render(visitor.shell(), &page)?, &problem)
        }
        Err(problem) => Err(problem),
    }
}

#[handler]
pub(super) async fn preview_new(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    presets: Data<&Arc<Presets>>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Fields>,
) -> Result<Html<String>, Problem> {
    preview(&visitor, (&db, &clock, &presets, &rankings, &pages), None, form.0).await
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn preview_change(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    presets: Data<&Arc<Presets>>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Html<String>, Problem> {
    preview(&visitor, (&db, &clock, &presets, &rankings, &pages), Some(id.0), form.0).await
}

async fn preview(
    visitor: &Visitor,
    (db, clock, presets, rankings, pages): (&Db, &Clock, &Presets, &Arc<Rankings>, &Pages),
    id: Option<Id>,
    fields: Fields,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let seen = Seen::now((db, clock), &allowed).await?;
    let mut tx = db.read(&allowed).await?;
    let page = match form::preview(&mut tx, (&allowed, presets), &fields).await {
        Ok(job) => {
            let asked = Asked { weights: None, min_score: None, skip: 0, limit: 0, group: Group::Ranked };
            drop(tx);
            let found = rankings.candidates(&allowed, seen, &job, asked).await?;
            let mut tx = db.read(&allowed).await?;
            let counts = [found.ranking.total, found.ranking.below_threshold, found.ranking.ineligible];
            Page::new(&mut tx, (&allowed, presets), id, fields, None).await?.with_preview(counts)
        }
        Err(problem @ Problem { code: Code::Invalid, .. }) => {
            Page::new(&mut tx, (&allowed, presets), id, fields, Some(&problem)).await?
        }
        Err(problem) => return Err(problem),
    };
    pages.render(visitor.shell(), &page)
}

#[derive(Deserialize)]
pub(super) struct Switch {
    active: bool,
}

#[handler]
pub(super) async fn switch(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    presets: Data<&Arc<Presets>>,
    id: Path<Id>,
    form: Posted<Switch>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let active = form.0.active;
    fithire_jobs::set_active(&db, (&clock, &ids, &presets), &allowed, id.0, active).await?;
    let mut tx = db.read(&allowed).await?;
    let title = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?.title;
    let told = if active { "looks for coaches again" } else { "no longer looks for coaches" };
    let before = if active { "false" } else { "true" };
    let toast = Toast::new(format!("{title} {told}"))
        .with_undo(format!("/manager/jobs/{}/switch", id.0), &[("active", before)]);
    Ok(visitor.done("/manager/jobs", &toast))
}
