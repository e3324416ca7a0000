//! `/coach/data`: what is kept of a coach, as a file to take away, and the way to have it erased.

use std::sync::Arc;

use fithire_coaches::Profile;
use fithire_identity::{BeCoach, Posted, Visitor};
use fithire_impact::{Race, Sex};
use fithire_kernel::audit::{self, Filter};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Ids;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use poem::http::StatusCode;
use poem::web::{Data, Html, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::erasure::erase_person;
use crate::{reviews, scores};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    has_profile: bool,
    /// What is missing for an erasure.
    wrong: Option<&'static str>,
}

impl Template for Page {
    const NAME: &'static str = "matching/data.html";
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    let mut tx = db.read(visitor.caller().scope()).await?;
    let has_profile = fithire_coaches::own_profile(&mut tx, visitor.caller()).await?.is_some();
    pages.render(visitor.shell(), &Page { has_profile, wrong: None })
}

/// Everything that is kept of the coach, as JSON.
#[handler]
pub(super) async fn file(visitor: Visitor, db: Data<&Db>) -> Result<Response, Problem> {
    /// More entries than anyone's profile has seen.
    const ENTRIES: u64 = 10_000;
    visitor.caller().allowed::<BeCoach>()?;
    let mut tx = db.read(visitor.caller().scope()).await?;
    let (id, profile) = fithire_coaches::own_profile(&mut tx, visitor.caller())
        .await?
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    let requests = reviews::of_coach(&mut tx, id).await?.into_iter().map(|request| {
        json!({"job": request.job_id, "text": request.text, "asked_at": request.asked_at.to_rfc3339(),
               "outcome": request.outcome, "answer": request.answer})
    });
    let requests: Vec<Value> = requests.collect();
    let about = Filter { subject_id: Some(id), ..Filter::default() };
    let (log, _) = audit::page(&mut tx, about, ENTRIES, None).await?;
    let said = fithire_impact::own(&mut tx, visitor.caller()).await?.map(|(answer, at)| {
        json!({"sex": answer.sex.map(Sex::as_str), "race_ethnicity": answer.race.map(Race::as_str),
               "declared_at": at.to_rfc3339()})
    });
    let everything = json!({
        "account": {"id": visitor.caller().account_id(), "name": visitor.caller().name()},
        "coach": id,
        "profile": whole(&profile)?,
        "files": fithire_media::of_coach(&mut tx, id).await?,
        "kept_scores": scores::of_coach(&mut tx, id).await?,
        "review_requests": requests,
        "demographics": said,
        "notifications": fithire_notifications::told(&mut tx, visitor.caller().account_id()).await?,
        "changes": log,
    });
    let text = serde_json::to_string_pretty(&everything).map_err(|error| Problem::internal(&error))?;
    Ok(Response::builder()
        .content_type("application/json")
        .header("Content-Disposition", "attachment; filename=\"my-data.json\"")
        .body(text))
}

fn whole(profile: &Profile) -> Result<Value, Problem> {
    let facts = serde_json::to_value(&profile.facts).map_err(|error| Problem::internal(&error))?;
    Ok(json!({
        "name": profile.name, "email": profile.email, "phone": profile.phone, "bio": profile.bio,
        "languages": profile.languages, "postal_code": profile.postal_code, "city": profile.city,
        "region": profile.region, "country": profile.country,
        "pay": {"type": profile.pay.kind, "min": profile.pay.min, "currency": profile.pay.currency},
        "facts": facts,
    }))
}

#[derive(Deserialize)]
pub(super) struct Sure {
    #[serde(default)]
    sure: String,
}

/// Erases the profile, its kept scores and the membership, all or nothing, and signs out. What cannot be taken back is
/// confirmed rather than undone.
#[handler]
pub(super) async fn erase(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Sure>,
) -> Result<Response, Problem> {
    let caller = visitor.caller();
    caller.allowed::<BeCoach>()?;
    if form.0.sure != "yes" {
        let wrong = Some("Tick the box to say that you are sure; nothing was erased.");
        let shown = pages.render(visitor.shell(), &Page { has_profile: true, wrong })?;
        return Ok(shown.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response());
    }
    let mut tx = db.write(caller.scope()).await?;
    erase_person(&mut tx, (&clock, &ids), caller.account_id()).await?;
    tx.commit().await?;
    Ok(Redirect::see_other("/sign-in").into_response())
}
