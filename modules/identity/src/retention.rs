//! What is kept no longer than it is needed: sessions that have ended, codes, messages, invitations; and whom an issuer has
//! deleted with the wish that their data goes too.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use sea_query::{Expr, ExprTrait, Order};

use crate::model::{Accounts, EmailCodes, Invitations, WebhookMessages};
use crate::sessions;

/// How long it is known that a message has been taken; whoever sends it again does so within two days.
pub const MESSAGES_KEPT: TimeDelta = TimeDelta::days(30);
/// How long an invitation is kept after it has ended.
pub const INVITATIONS_KEPT: TimeDelta = TimeDelta::days(30);

/// Removes what belongs to no brand and is no longer needed.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tidy(db: &Db, clock: &Clock) -> Result<u64, Problem> {
    let now = clock.now();
    let mut tx = db.write_global().await?;
    let mut messages = tx.delete(WebhookMessages::Table);
    messages.and_where(Expr::col(WebhookMessages::TakenAt).lt(now - MESSAGES_KEPT));
    let mut codes = tx.delete(EmailCodes::Table);
    codes.and_where(Expr::col(EmailCodes::ExpiresAt).lt(now));
    let removed = tx.run(&messages).await? + tx.run(&codes).await?;
    tx.commit().await?;
    Ok(removed)
}

/// Removes what a brand no longer needs.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tidy_brand(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Problem> {
    let before = now - INVITATIONS_KEPT;
    let mut invitations = tx.delete(Invitations::Table);
    let over = Expr::col(Invitations::EndedAt).lt(before).or(Expr::col(Invitations::ExpiresAt).lt(before));
    invitations.and_where(over);
    let removed = tx.run(&invitations).await?;
    Ok(removed + sessions::remove_ended(tx, now).await?)
}

/// The accounts that are to be erased.
///
/// # Errors
/// When the database cannot be reached.
pub async fn to_erase(db: &Db, clock: &Clock) -> Result<Vec<Id>, Problem> {
    let mut tx = db.read_global().await?;
    let mut select = tx.select(Accounts::Table);
    select
        .column(Accounts::Id)
        .and_where(Expr::col(Accounts::EraseAfter).lte(clock.now()))
        .order_by(Accounts::Id, Order::Asc);
    let rows: Vec<(Id,)> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
