//! `/admin/verify/profiles`: profiles that people have made by themselves, and the page on which one is approved.

use std::sync::Arc;

use fithire_coaches::pages::{Known, known};
use fithire_coaches::{Approval, ApprovalState, approval_of, approve, items_of, profile, waiting_profiles};
use fithire_identity::{Posted, ReviewCoaches, Visitor, names};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::paging::{self, DEFAULT_LIMIT};
use fithire_kernel::problem::Problem;
use poem::web::{Data, Html, Path, Query};
use poem::{IntoResponse, Response, handler};
use serde::Serialize;

use super::Asked;
use super::desk::Tabs;
use crate::words::{moment, who};

/// The list.
#[derive(Debug, Serialize)]
struct List {
    tabs: Tabs,
    profiles: Vec<Listed>,
    next: Option<String>,
}

impl Template for List {
    const NAME: &'static str = "verification/profiles.html";
}

#[derive(Debug, Serialize)]
struct Listed {
    coach_id: Id,
    coach: String,
    since: String,
}

const LIST: &str = "profiles";

#[handler]
pub(super) async fn list(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let mut tx = db.read(&allowed).await?;
    let waiting = waiting_profiles(&mut tx, asked.after(LIST)?, DEFAULT_LIMIT + 1).await?;
    let (waiting, next) = paging::page(LIST, waiting, DEFAULT_LIMIT, |approval| approval.id);
    let listed = waiting.into_iter().map(|approval| Listed {
        coach_id: approval.coach_id,
        coach: approval.coach,
        since: moment(approval.since),
    });
    let whole = List {
        profiles: listed.collect(),
        next,
        tabs: Tabs::of(&mut tx, clock.now(), |_, profiles| profiles).await?,
    };
    pages.render(visitor.shell(), &whole)
}

/// A profile.
#[derive(Debug, Serialize)]
struct Page {
    coach_id: Id,
    coach: String,
    /// waiting, approved, returned, or nothing where the brand has made it.
    state: &'static str,
    reason: Option<String>,
    by: String,
    at: String,
    round: i32,
    sections: Vec<Known>,
    fields: Fields,
    errors: Vec<FormError>,
    wrong: String,
}

impl Template for Page {
    const NAME: &'static str = "verification/profile.html";
}

async fn show(
    visitor: &Visitor,
    (db, clock, pages): (&Db, &Clock, &Pages),
    coach_id: Id,
    refused: Option<(Fields, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let today = fithire_orgs::today(db, clock, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let profile = profile(&mut tx, visitor.caller(), coach_id).await?;
    let items = items_of(&mut tx, coach_id).await?;
    let approval = approval_of(&mut tx, coach_id).await?;
    let by = approval.as_ref().and_then(|approval| approval.decided_by);
    let names = names(&mut tx, &by.into_iter().collect::<Vec<_>>()).await?;
    let (fields, problem) = refused.unzip();
    let fields = fields.unwrap_or_default();
    let errors =
        problem.as_ref().map_or_else(Vec::new, |problem| form::errors(problem, &fields, &[], &[], "reason"));
    let whole = Page {
        coach_id,
        sections: known(&profile, today, &items),
        coach: profile.name,
        state: approval.as_ref().map_or("", |approval| approval.state.as_str()),
        round: approval.as_ref().map_or(0, |approval| approval.round),
        by: if by.is_some() { who(&names, by) } else { String::new() },
        at: approval.as_ref().map(|approval| moment(approval.since)).unwrap_or_default(),
        reason: approval.and_then(|approval| approval.reason),
        wrong: errors.first().map(|error| error.detail.clone()).unwrap_or_default(),
        fields,
        errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    reads: Data<&Reads>,
    id: Path<Id>,
) -> Result<Response, Problem> {
    let shown = show(&visitor, (&db, &clock, &pages), id.0, None).await?;
    reads.note(visitor.caller().scope(), Event::new("coach.read", "coach", id.0))?;
    Ok(shown)
}

/// Decides, and opens the next profile that waits.
#[handler]
pub(super) async fn decide(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let state = match form::text(&form.0, "decision") {
        Some("returned") => ApprovalState::Returned,
        Some("waiting") => ApprovalState::Waiting,
        _ => ApprovalState::Approved,
    };
    let said = form::text(&form.0, "reason").unwrap_or_default();
    // Only what is returned needs its reason; one that was typed before approving is not kept.
    let said = if state == ApprovalState::Returned { said } else { "" };
    let seen = form::text(&form.0, "round").and_then(|round| round.parse().ok());
    match approve(&db, (&clock, &ids), &allowed, id.0, (state, said, seen)).await {
        Ok(approval) => {
            let to = after(&db, &allowed, &approval).await?;
            Ok(visitor.done(to, &toast(&approval)).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            show(&visitor, (&db, &clock, &pages), id.0, Some((form.0, problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// The page of the next profile; the one itself when it waits again; the list when nothing waits.
async fn after(
    db: &Db,
    allowed: &fithire_kernel::scope::Allowed<ReviewCoaches>,
    approval: &Approval,
) -> Result<String, Problem> {
    if approval.state == ApprovalState::Waiting {
        return Ok(format!("/admin/verify/coaches/{}", approval.coach_id));
    }
    let mut tx = db.read(allowed).await?;
    let next = waiting_profiles(&mut tx, Some(approval.id), 1).await?.pop();
    Ok(next.map_or_else(
        || "/admin/verify/profiles".to_owned(),
        |next| format!("/admin/verify/coaches/{}", next.coach_id),
    ))
}

fn toast(approval: &Approval) -> Toast {
    let told = match approval.state {
        ApprovalState::Approved => format!("The profile of {} is approved", approval.coach),
        ApprovalState::Returned => format!("The profile of {} is returned", approval.coach),
        ApprovalState::Waiting => return Toast::new("Taken back; it waits as before"),
    };
    let round = approval.round.to_string();
    let back = [("decision", "waiting"), ("round", &*round)];
    Toast::new(told).with_undo(format!("/admin/verify/coaches/{}", approval.coach_id), &back)
}
