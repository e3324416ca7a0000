//! Inboxes: what is in them, reading it, and what becomes of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::db::{Tx, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::facts::Zone;
use sea_query::{Expr, ExprTrait, Order, SelectStatement};
use serde_json::{Value, json};

use crate::model::{INBOX, InboxRow, Inboxes, NOTICE, NoticeRow, Notices, Told};

/// How long a notice is kept. That its person was told is known for longer.
const KEPT: TimeDelta = TimeDelta::days(180);
/// What is told when something has changed in an inbox: this, the brand and the account.
const TOPIC: &str = "inbox:";

/// Asks how much an account has not read.
#[must_use]
pub fn ask_unread(within: &Within, account_id: Id) -> SelectStatement {
    let mut select = within.select(Inboxes::Table);
    select.column(Inboxes::Unread).and_where(Expr::col(Inboxes::AccountId).eq(account_id));
    select
}

/// Has the transaction tell that something has changed in an inbox.
pub(crate) fn tell(tx: &mut Tx, account_id: Id) {
    let topic = format!("{TOPIC}{}:{account_id}", tx.scope().brand_id());
    tx.tell(topic);
}

/// The brand and the account of whose inbox a topic tells.
pub(crate) fn told_of(topic: &str) -> Option<(Id, Id)> {
    let (brand, account) = topic.strip_prefix(TOPIC)?.split_once(':')?;
    Some((brand.parse().ok()?, account.parse().ok()?))
}

/// Where the brand is.
pub(crate) async fn brand_zone(tx: &mut Tx) -> Result<Zone, Problem> {
    let row: Option<(String,)> = tx.optional(&fithire_orgs::ask_zone(tx)).await?;
    let (name,) = row.ok_or_else(|| Problem::new(Code::NotFound))?;
    Zone::named(&name).map_err(|message| Problem::internal(&message))
}

/// The inboxes of accounts that have one.
pub(crate) async fn inboxes_of(tx: &mut Tx, accounts: &[Id]) -> Result<BTreeMap<Id, InboxRow>, Problem> {
    let mut select = tx.select(Inboxes::Table);
    select.columns(INBOX).and_where(Expr::col(Inboxes::AccountId).is_in(accounts.iter().copied()));
    let rows: Vec<InboxRow> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|row| (row.account_id, row)).collect())
}

/// The inbox of an account, as it is now or as it would be.
pub(crate) async fn inbox(tx: &mut Tx, account_id: Id) -> Result<InboxRow, Problem> {
    let found = inboxes_of(tx, &[account_id]).await?.remove(&account_id);
    Ok(found.unwrap_or_else(|| InboxRow::empty(account_id)))
}

/// The inbox of an account, which nobody else changes until this transaction ends.
pub(crate) async fn locked(tx: &mut Tx, account_id: Id) -> Result<Option<InboxRow>, Problem> {
    let mut select = tx.select(Inboxes::Table);
    select.columns(INBOX).and_where(Expr::col(Inboxes::AccountId).eq(account_id)).lock_exclusive();
    Ok(tx.optional(&select).await?)
}

pub(crate) fn notices_of(within: &Within, account_id: Id) -> SelectStatement {
    let mut select = within.select(Notices::Table);
    select.columns(NOTICE).and_where(Expr::col(Notices::AccountId).eq(account_id));
    select
}

/// A page of an account's notices, newest first.
pub(crate) async fn page(
    tx: &mut Tx,
    account_id: Id,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<NoticeRow>, Option<String>), Problem> {
    let select = notices_of(tx, account_id);
    let asked = Asked { list: "notices", order: Order::Desc, limit, cursor };
    asked.by_id(tx, select, Notices::Seq, |row: &NoticeRow| row.seq).await
}

/// Notes that somebody has read one of their notices.
///
/// # Errors
/// 404 when it is none of theirs.
pub(crate) async fn read_one(tx: &mut Tx, account_id: Id, id: Id, now: DateTime<Utc>) -> Result<(), Problem> {
    locked(tx, account_id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut select = notices_of(tx, account_id);
    select.and_where(Expr::col(Notices::Id).eq(id));
    let notice: Option<NoticeRow> = tx.optional(&select).await?;
    let notice = notice.ok_or_else(|| Problem::new(Code::NotFound))?;
    read_up(tx, account_id, (notice.seq, notice.seq), now).await
}

/// Notes that somebody has read everything up to a number: what came after the page was shown stays unread.
pub(crate) async fn read_all(
    tx: &mut Tx,
    account_id: Id,
    up_to: i64,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    match locked(tx, account_id).await? {
        Some(_) => read_up(tx, account_id, (0, up_to), now).await,
        None => Ok(()),
    }
}

/// The row of the inbox is locked.
async fn read_up(
    tx: &mut Tx,
    account_id: Id,
    (from, to): (i64, i64),
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let mut update = tx.update(Notices::Table);
    update
        .value(Notices::ReadAt, now)
        .and_where(Expr::col(Notices::AccountId).eq(account_id))
        .and_where(Expr::col(Notices::ReadAt).is_null())
        .and_where(Expr::col(Notices::Seq).between(from, to));
    let read = tx.run(&update).await?;
    fewer_unread(tx, account_id, read).await
}

async fn fewer_unread(tx: &mut Tx, account_id: Id, by: u64) -> Result<(), Problem> {
    if by == 0 {
        return Ok(());
    }
    let mut update = tx.update(Inboxes::Table);
    update
        .value(Inboxes::Unread, Expr::col(Inboxes::Unread).sub(i64::try_from(by).unwrap_or(i64::MAX)))
        .and_where(Expr::col(Inboxes::AccountId).eq(account_id));
    tx.run(&update).await?;
    tell(tx, account_id);
    Ok(())
}

/// Everything that an account was told in the brand, and how it wishes to be, for its person.
///
/// # Errors
/// When the database cannot be reached.
pub async fn told(tx: &mut Tx, account_id: Id) -> Result<Value, Problem> {
    let mut select = notices_of(tx, account_id);
    select.order_by(Notices::Seq, Order::Asc);
    let rows: Vec<NoticeRow> = tx.all(&select).await?;
    let inbox = inbox(tx, account_id).await?;
    let wishes = inbox.wishes(brand_zone(tx).await?);
    let at = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339());
    let notices = rows.into_iter().map(|row| {
        json!({"kind": row.kind, "title": row.title, "text": row.text, "path": row.path, "told_at": at(Some(row.created_at)),
               "read_at": at(row.read_at), "mailed_at": at(row.mailed_at)})
    });
    Ok(json!({
        "notices": notices.collect::<Vec<_>>(),
        "preferences": {"ways": wishes.ways, "time_zone": inbox.time_zone, "quiet_minutes": wishes.quiet,
                        "digest_hour": wishes.digest_hour, "address_refused_at": at(inbox.refused_at)},
    }))
}

/// Forgets what an account was told, and how it wished to be.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn erase(tx: &mut Tx, account_id: Id) -> Result<(), Problem> {
    let mut inboxes = tx.delete(Inboxes::Table);
    inboxes.and_where(Expr::col(Inboxes::AccountId).eq(account_id));
    let mut notices = tx.delete(Notices::Table);
    notices.and_where(Expr::col(Notices::AccountId).eq(account_id));
    let mut told = tx.delete(Told::Table);
    told.and_where(Expr::col(Told::AccountId).eq(account_id));
    locked(tx, account_id).await?;
    tx.run(&notices).await?;
    tx.run(&inboxes).await?;
    tx.run(&told).await?;
    tell(tx, account_id);
    Ok(())
}

/// Removes the notices of the brand that are older than half a year; answers how many.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn tidy_brand(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Problem> {
    let is_old = || Expr::col(Notices::CreatedAt).lt(now - KEPT);
    let mut select = tx.select(Notices::Table);
    select.distinct().column(Notices::AccountId).and_where(is_old()).order_by(Notices::AccountId, Order::Asc);
    let accounts: Vec<(Id,)> = tx.all(&select).await?;
    let mut removed = 0;
    for (account_id,) in accounts {
        // Before its notices, as everybody does who changes both.
        locked(tx, account_id).await?;
        let mut delete = tx.delete(Notices::Table);
        delete.and_where(is_old()).and_where(Expr::col(Notices::AccountId).eq(account_id));
        delete.returning_col(Notices::ReadAt);
        let gone: Vec<(Option<DateTime<Utc>>,)> = tx.all(&delete).await?;
        removed += gone.len() as u64;
        let unread = gone.iter().filter(|(read_at,)| read_at.is_none()).count();
        fewer_unread(tx, account_id, unread as u64).await?;
    }
    Ok(removed)
}
