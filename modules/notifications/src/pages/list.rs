//! `/notifications`: what somebody was told, newest first.

use std::sync::Arc;

use fithire_identity::{Nothing, Posted, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template, Toast};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use fithire_scoring::facts::Zone;
use poem::handler;
use poem::web::{Data, Html, Path, Query, Redirect};
use serde::{Deserialize, Serialize};

use crate::inbox::{self, brand_zone};
use crate::model::NoticeRow;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    unread: i64,
    /// The number of the newest notice, which nothing after it is marked by.
    up_to: i64,
    notices: Vec<Shown>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    id: Id,
    label: &'static str,
    title: String,
    text: String,
    path: String,
    /// When, for people and for programs.
    at: String,
    at_utc: String,
    is_unread: bool,
}

impl Template for Page {
    const NAME: &'static str = "notifications/list.html";
}

#[derive(Deserialize)]
pub(super) struct Asked {
    cursor: Option<String>,
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let account_id = visitor.caller().account_id();
    let mut tx = db.read(visitor.caller().scope()).await?;
    let row = inbox::inbox(&mut tx, account_id).await?;
    let zone = row.wishes(brand_zone(&mut tx).await?).zone;
    let (rows, next) = inbox::page(&mut tx, account_id, DEFAULT_LIMIT, asked.0.cursor.as_deref()).await?;
    let notices = rows.into_iter().map(|row| shown(row, zone)).collect();
    pages.render(visitor.shell(), &Page { unread: row.unread, up_to: row.last_seq, notices, next })
}

fn shown(row: NoticeRow, zone: Zone) -> Shown {
    Shown {
        id: row.id,
        label: row.label(),
        title: row.title,
        text: row.text,
        path: row.path,
        at: zone.clock_at(row.created_at).format("%-d %b %Y, %H:%M").to_string(),
        at_utc: row.created_at.to_rfc3339(),
        is_unread: row.read_at.is_none(),
    }
}

#[derive(Deserialize)]
pub(super) struct UpTo {
    up_to: i64,
}

#[handler]
pub(super) async fn read_all(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    form: Posted<UpTo>,
) -> Result<Redirect, Problem> {
    let caller = visitor.caller();
    let mut tx = db.write(caller.scope()).await?;
    inbox::read_all(&mut tx, caller.account_id(), form.0.up_to, clock.now()).await?;
    tx.commit().await?;
    Ok(visitor.done("/notifications", &Toast::new("Everything is marked as read")))
}

#[handler]
pub(super) async fn read_one(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let caller = visitor.caller();
    let mut tx = db.write(caller.scope()).await?;
    inbox::read_one(&mut tx, caller.account_id(), id.0, clock.now()).await?;
    tx.commit().await?;
    Ok(visitor.done("/notifications", &Toast::new("Marked as read")))
}
