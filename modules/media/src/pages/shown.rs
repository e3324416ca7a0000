//! `/media/{id}` and `/share/{link}`: a file for whoever may see it, and a video for whoever has a link.
//!
//! Neither sends a byte of a file: they lead to a URL of the store that works for some minutes.

use std::sync::Arc;

use fithire_identity::{Stranger, Visitor};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use poem::http::StatusCode;
use poem::web::{Data, Path, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::Serialize;

use crate::access::row_to_see;
use crate::shares::{self, Shared};
use crate::store::Store;

#[handler]
pub(super) async fn medium(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    store: Data<&Store>,
    reads: Data<&Reads>,
    id: Path<Id>,
) -> Result<Redirect, Problem> {
    let caller = visitor.caller();
    let mut tx = db.read(caller.scope()).await?;
    let row = row_to_see(&mut tx, caller, id.0).await?;
    drop(tx);
    reads.note(caller.scope(), Event::new("media.read", "media", id.0))?;
    let url = store.view_url(row.key()?, (&row.media_type, &row.name), clock.now()).await?;
    Ok(Redirect::see_other(url))
}

/// The page of a link.
#[derive(Debug, Serialize)]
struct Page {
    /// Where the video is; nothing where the link leads to none any more.
    video: Option<String>,
    name: String,
    revoked: bool,
}

impl Template for Page {
    const NAME: &'static str = "media/share.html";
}

#[handler]
pub(super) async fn shared(
    stranger: Stranger,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    link: Path<String>,
) -> Result<Response, Problem> {
    let found = shares::open(&db, clock.now(), &link.0).await?;
    let (page, status) = match found.ok_or_else(|| Problem::new(Code::NotFound))? {
        Shared::Open(_, row) => {
            let video = Some(format!("/share/{}/video", link.0));
            (Page { video, name: row.name, revoked: false }, StatusCode::OK)
        }
        Shared::Over { revoked } => (Page { video: None, name: String::new(), revoked }, StatusCode::GONE),
    };
    let page = pages.render(&stranger.shell, &page)?.with_status(status);
    Ok(page.with_header("X-Robots-Tag", "noindex, nofollow").into_response())
}

#[handler]
pub(super) async fn shared_video(
    db: Data<&Db>,
    clock: Data<&Clock>,
    store: Data<&Store>,
    reads: Data<&Reads>,
    link: Path<String>,
) -> Result<Response, Problem> {
    let found = shares::open(&db, clock.now(), &link.0).await?;
    let Some(Shared::Open(scope, row)) = found else { return Err(Problem::new(Code::NotFound)) };
    reads.note(&scope, Event::new("media.read_by_link", "media", row.id))?;
    let url = store.view_url(row.key()?, (&row.media_type, &row.name), clock.now()).await?;
    Ok(Redirect::see_other(url).with_header("X-Robots-Tag", "noindex, nofollow").into_response())
}
