//! `/coach/media`: a coach's videos, images and documents.
//!
//! The files themselves go from the browser straight to the store, which takes a script: its requests are forms like any
//! others, and are answered in JSON.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_coaches::pages::{Line, holdings};
use fithire_coaches::{Item, ItemState, items_of};
use fithire_identity::{BeCoach, Caller, Posted, Site, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::form::{self, Fields};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::catalog::Cert;
use poem::http::StatusCode;
use poem::web::{Data, Html, Json, Path, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::lookup::rows_of;
use crate::model::{Kind, Row, Share, State};
use crate::store::Store;
use crate::uploads::{self, Upload, Urls, Wanted, With};
use crate::{removing, shares};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    has_profile: bool,
    /// The one that the way here asks for comes first.
    kinds: Vec<Offered>,
    /// What the coach holds or claims.
    holdings: Vec<Line>,
    files: Vec<Listed>,
    /// Value and label.
    certifications: Vec<(String, String)>,
    /// The certification that the way here asks for.
    asked: String,
    /// A link that has just been made.
    fresh: Option<String>,
}

/// A kind to upload.
#[derive(Debug, Serialize)]
struct Offered {
    name: &'static str,
    label: &'static str,
    /// The types that the browser offers.
    accept: String,
    help: String,
    most_bytes: i64,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    name: String,
    kind: &'static str,
    size: String,
    at: String,
    state: &'static str,
    /// good, wait or bad.
    tone: &'static str,
    word: &'static str,
    told: String,
    code: Option<String>,
    /// Whether the coach removes it.
    removable: bool,
    shares: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct Link {
    id: Id,
    made: String,
    until: String,
    works: bool,
    word: &'static str,
}

impl Template for Page {
    const NAME: &'static str = "media/own.html";
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    /// A certification whose document is to be added.
    #[serde(default)]
    code: String,
}

fn offered(kind: Kind) -> Offered {
    let names: Vec<&str> = kind.types().iter().map(|(_, name)| *name).collect();
    let types: Vec<&str> = kind.types().iter().map(|(media_type, _)| *media_type).collect();
    let label = match kind {
        Kind::Video => "A video of how you teach",
        Kind::Image => "A picture",
        Kind::Certificate => "The document of a certificate",
    };
    let help = format!("{}; {} MB at most.", names.join(", "), kind.most_bytes() >> 20);
    Offered { name: kind.as_str(), label, accept: types.join(","), help, most_bytes: kind.most_bytes() }
}

/// A length in words: `12.3 MB`.
fn size(bytes: i64) -> String {
    let tenths = |unit: i64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        1_048_576.. => format!("{} MB", tenths(1 << 20)),
        1_024.. => format!("{} KB", tenths(1 << 10)),
        _ => format!("{bytes} bytes"),
    }
}

fn link(share: &Share, clock: &Clock) -> Link {
    let works = share.works_at(clock.now());
    let word = match (works, share.revoked_at) {
        (true, _) => "Works",
        (false, Some(_)) => "Revoked",
        (false, None) => "Over",
    };
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    Link { id: share.id, made: day(share.created_at), until: day(share.expires_at), works, word }
}

/// What has become of a document that was handed in: tone, word and what is told.
fn handed_in(row: &Row, items: &[Item]) -> (&'static str, &'static str, String) {
    let item = items.iter().find(|item| item.document.as_ref().is_some_and(|(id, _)| *id == row.id));
    let Some(item) = item else { return ("good", "Handed in", String::new()) };
    let why =
        item.reason.as_deref().map(|why| why.trim_end_matches('.').to_owned() + ".").unwrap_or_default();
    match item.state {
        ItemState::Pending => ("wait", "Awaiting review", String::new()),
        ItemState::Verified => ("good", "Verified", String::new()),
        ItemState::Rejected => ("bad", "Rejected", why),
        ItemState::Revoked => ("bad", "Revoked", why),
        ItemState::Withdrawn => ("", "No longer looked at", why),
    }
}

async fn listed(tx: &mut Tx, clock: &Clock, (row, items): (Row, &[Item])) -> Result<Listed, Problem> {
    let (kind, state) = (row.kind()?, row.state()?);
    let shares = match (kind, state) {
        (Kind::Video, State::Attached) => shares::of_medium(tx, row.id).await?,
        _ => Vec::new(),
    };
    let (tone, word, told) = match (state, kind) {
        (State::Waiting, _) => (
            "wait",
            "Not finished",
            "Choose the same file again to go on where it stopped. It is given up after a day.".to_owned(),
        ),
        (State::Attached, Kind::Certificate) => handed_in(&row, items),
        (State::Attached, _) => ("good", "There", String::new()),
        (State::Quarantined, _) => {
            let why = row.refused.clone().unwrap_or_default();
            (
                "bad",
                "Refused",
                format!("{}. The file was removed; upload the right one.", form::capital(&why)),
            )
        }
    };
    Ok(Listed {
        id: row.id,
        kind: kind.as_str(),
        size: size(row.bytes),
        at: row.created_at.format("%Y-%m-%d").to_string(),
        state: state.as_str(),
        tone,
        word,
        told,
        removable: (kind, state) != (Kind::Certificate, State::Attached),
        name: row.name,
        code: row.code,
        shares: shares.iter().map(|share| link(share, clock)).collect(),
    })
}

async fn show(
    visitor: &Visitor,
    (db, clock, pages): (&Db, &Clock, &Pages),
    asked: Asked,
    fresh: Option<String>,
) -> Result<Html<String>, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    let today = fithire_orgs::today(db, clock, visitor.caller().scope().brand_id()).await?;
    let mut tx = db.read(visitor.caller().scope()).await?;
    let own = fithire_coaches::own(&mut tx, visitor.caller()).await?;
    let (mut files, mut lines) = (Vec::new(), Vec::new());
    if let Some(own) = &own {
        let items = items_of(&mut tx, own.id).await?;
        lines = holdings(&own.facts, today, &items);
        for row in rows_of(&mut tx, own.id).await? {
            files.push(listed(&mut tx, clock, (row, &items)).await?);
        }
    }
    let held = own.iter().flat_map(|own| own.facts.holdings.iter().map(|held| held.code));
    let held: Vec<Cert> = held.collect();
    // What the coach claims leads.
    let others = Cert::all().filter(|cert| !held.contains(cert));
    let certification = |cert: Cert| {
        let details = cert.details();
        (details.code.to_owned(), format!("{}, {} ({})", details.code, details.title, details.issuer))
    };
    let asks = Cert::named(&asked.code).is_ok();
    let mut kinds = Kind::ALL;
    kinds.sort_by_key(|kind| asks && *kind != Kind::Certificate);
    let page = Page {
        has_profile: own.is_some(),
        kinds: kinds.into_iter().map(offered).collect(),
        holdings: lines,
        files,
        certifications: held.iter().copied().chain(others).map(certification).collect(),
        asked: if asks { asked.code } else { String::new() },
        fresh,
    };
    pages.render(visitor.shell(), &page)
}

#[handler]
pub(super) async fn overview(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    show(&visitor, (&db, &clock, &pages), asked.0, None).await
}

/// The coach whose page it is.
async fn own(db: &Db, caller: &Caller) -> Result<Id, Problem> {
    caller.allowed::<BeCoach>()?;
    let mut tx = db.read(caller.scope()).await?;
    let own = fithire_coaches::own(&mut tx, caller).await?;
    let told = "make your profile first; files belong to it";
    Ok(own.ok_or_else(|| Problem::new(Code::Conflict).because(told))?.id)
}

/// What the script is told: what was made, or what is wrong in a sentence.
fn told(done: Result<serde_json::Value, Problem>) -> Result<Response, Problem> {
    let problem = match done {
        Ok(value) => return Ok(Json(value).into_response()),
        Err(problem) => problem,
    };
    let speaks = matches!(problem.code, Code::Conflict | Code::Invalid | Code::Unavailable);
    if !speaks {
        return Err(problem);
    }
    let details: Vec<&str> = problem.errors.iter().map(|error| &*error.detail).collect();
    let detail = if details.is_empty() { problem.to_string() } else { details.join("; ") };
    let body = json!({"wrong": form::capital(&detail), "again": problem.code == Code::Unavailable});
    let status = StatusCode::from_u16(problem.code.status()).map_err(|error| Problem::internal(&error))?;
    Ok(Json(body).with_status(status).into_response())
}

/// Where the file goes, for the script.
fn target(upload: &Upload) -> serde_json::Value {
    let parts = match &upload.urls {
        Urls::Whole(url) => json!({"url": url}),
        Urls::Parts { part_bytes, there, missing } => {
            let part = |(number, bytes, url): &(i32, i64, String)| json!({"number": number, "size": bytes, "url": url});
            let missing: Vec<_> = missing.iter().map(part).collect();
            json!({"part_size": part_bytes, "there": there, "missing": missing})
        }
    };
    json!({"id": upload.row.id.to_string(), "type": upload.row.media_type, "to": parts})
}

fn wanted(fields: &Fields) -> Result<Wanted, Problem> {
    let text = |name: &str| form::text(fields, name).map(str::to_owned);
    let kind = text("kind").unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|one| one.as_str() == kind);
    let kind = kind.ok_or_else(|| Problem::field("/kind", "choose what the file is"))?;
    let bytes = text("size").and_then(|size| size.parse().ok()).unwrap_or_default();
    let name: String = text("file_name").unwrap_or_default().chars().take(200).collect();
    let document = |name: &str| text(name).filter(|_| kind == Kind::Certificate);
    Ok(Wanted {
        kind,
        name,
        media_type: text("content_type").unwrap_or_default(),
        bytes,
        code: document("code"),
        expires_on: document("expires_on"),
    })
}

/// Does something with the visitor's own files, and tells the script what came of it.
async fn with_own(
    visitor: &Visitor,
    db: &Db,
    what: impl AsyncFnOnce(Id) -> Result<serde_json::Value, Problem>,
) -> Result<Response, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    told(match own(db, visitor.caller()).await {
        Ok(coach_id) => what(coach_id).await,
        Err(problem) => Err(problem),
    })
}

#[handler]
pub(super) async fn begin_upload(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    store: Data<&Store>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let with = With { db: &db, clock: &clock, ids: &ids, store: &store };
    with_own(&visitor, &db, async |coach_id| {
        Ok(target(&uploads::begin(with, visitor.caller(), coach_id, wanted(&form.0)?).await?))
    })
    .await
}

#[handler]
pub(super) async fn resume_upload(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    store: Data<&Store>,
    id: Path<Id>,
    _form: Posted<Fields>,
) -> Result<Response, Problem> {
    let with = With { db: &db, clock: &clock, ids: &ids, store: &store };
    with_own(&visitor, &db, async |coach_id| {
        Ok(target(&uploads::resume(with, visitor.caller(), (coach_id, id.0)).await?))
    })
    .await
}

#[handler]
pub(super) async fn confirm_upload(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    store: Data<&Store>,
    id: Path<Id>,
    _form: Posted<Fields>,
) -> Result<Response, Problem> {
    let with = With { db: &db, clock: &clock, ids: &ids, store: &store };
    with_own(&visitor, &db, async |coach_id| {
        let row = uploads::confirm(with, visitor.caller(), (coach_id, id.0)).await?;
        let said = match row.kind()? {
            Kind::Certificate => format!("{} is handed in and waits for review", row.name),
            Kind::Video | Kind::Image => format!("{} is there", row.name),
        };
        // The script goes there, and the page says it.
        let _ = visitor.done("/coach/media", &Toast::new(said));
        Ok(json!({"id": row.id.to_string()}))
    })
    .await
}

#[handler]
pub(super) async fn take_away(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Fields>,
) -> Result<Redirect, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    let row = removing::remove(&db, (&clock, &ids), visitor.caller(), id.0).await?;
    Ok(visitor.done("/coach/media", &Toast::new(format!("{} is removed", row.name))))
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn add_link(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    site: Data<&Site>,
    id: Path<Id>,
    _form: Posted<Fields>,
) -> Result<Html<String>, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    let (_, text) = shares::share(&db, (&clock, &ids), visitor.caller(), id.0).await?;
    let fresh = format!("{}/share/{text}", site.origin());
    show(&visitor, (&db, &clock, &pages), Asked::default(), Some(fresh)).await
}

#[handler]
pub(super) async fn end_link(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    share_id: Path<Id>,
    _form: Posted<Fields>,
) -> Result<Redirect, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    shares::revoke(&db, (&clock, &ids), visitor.caller(), (None, share_id.0)).await?;
    Ok(visitor.done("/coach/media", &Toast::new("The link is revoked")))
}
