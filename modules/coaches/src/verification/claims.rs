//! Who looks at an item: one reviewer at a time, for ten minutes from the last sign of life. A claim that is over counts for
//! nothing, so that no item is locked by somebody who has gone home.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_identity::{ReviewCoaches, names};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, Allowed, BrandScope};
use sea_query::{Cond, Expr, ExprTrait, Order, UpdateStatement};

use super::{Item, ItemState, Verifications, item};

/// How long a claim lasts, in minutes.
pub const CLAIM_MINUTES: i64 = 10;

/// The account that acts; a program claims nothing.
pub(super) fn account(scope: &BrandScope) -> Option<Id> {
    match scope.actor() {
        Actor::Account(id) => Some(id),
        Actor::Key(_) | Actor::System => None,
    }
}

/// What somebody may take who acts as this account: what is open and nobody else looks at.
fn is_free(account_id: Id, now: DateTime<Utc>) -> Cond {
    Cond::any()
        .add(Expr::col(Verifications::ClaimedBy).is_null())
        .add(Expr::col(Verifications::ClaimedBy).eq(account_id))
        .add(Expr::col(Verifications::ClaimedUntil).lte(now))
}

fn claiming(tx: &Tx, id: Id, (account_id, now): (Id, DateTime<Utc>)) -> UpdateStatement {
    let mut update = tx.update(Verifications::Table);
    update
        .value(Verifications::ClaimedBy, account_id)
        .value(Verifications::ClaimedUntil, now + TimeDelta::minutes(CLAIM_MINUTES))
        .and_where(Expr::col(Verifications::Id).eq(id))
        .and_where(Expr::col(Verifications::State).eq(ItemState::Pending.as_str()))
        .cond_where(is_free(account_id, now));
    update
}

/// Claims an open item, or renews the claim.
///
/// # Errors
/// 404 when there is no such item; 409 with a name when somebody else looks at it, or it is no longer open.
pub async fn claim(
    db: &Db,
    clock: &Clock,
    allowed: &Allowed<ReviewCoaches>,
    id: Id,
) -> Result<Item, Problem> {
    let account_id = account(allowed).ok_or_else(|| Problem::new(Code::Forbidden))?;
    let now = clock.now();
    let mut tx = db.write(allowed).await?;
    let taken = tx.run(&claiming(&tx, id, (account_id, now))).await?;
    let found = item(&mut tx, id).await?;
    if taken == 0 {
        return Err(taken_by_others(&mut tx, &found, (Some(account_id), now)).await?);
    }
    tx.commit().await?;
    Ok(found)
}

/// Claims the oldest open item that nobody else looks at, after one of them or from the front. `around` goes back to the front
/// at the end, for what was skipped; the item itself is not taken again.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn claim_next(
    db: &Db,
    clock: &Clock,
    allowed: &Allowed<ReviewCoaches>,
    (after, around): (Option<Id>, bool),
) -> Result<Option<Id>, Problem> {
    let account_id = account(allowed).ok_or_else(|| Problem::new(Code::Forbidden))?;
    let now = clock.now();
    let mut tx = db.write(allowed).await?;
    let (mut from, mut wrapped) = (after, false);
    loop {
        let mut select = tx.select(Verifications::Table);
        select
            .column(Verifications::Id)
            .and_where(Expr::col(Verifications::State).eq(ItemState::Pending.as_str()))
            .cond_where(is_free(account_id, now))
            .order_by(Verifications::Id, Order::Asc)
            .limit(1);
        if let Some(from) = from {
            select.and_where(Expr::col(Verifications::Id).gt(from));
        }
        if let Some(after) = after.filter(|_| wrapped) {
            select.and_where(Expr::col(Verifications::Id).lt(after));
        }
        let found: Option<(Id,)> = tx.optional(&select).await?;
        match found {
            Some((id,)) => {
                if tx.run(&claiming(&tx, id, (account_id, now))).await? == 1 {
                    tx.commit().await?;
                    return Ok(Some(id));
                }
                // Somebody else was faster; the next one then.
                from = Some(id);
            }
            None if around && after.is_some() && !wrapped => (from, wrapped) = (None, true),
            None => return Ok(None),
        }
    }
}

/// Ends one's own claim.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn release(db: &Db, allowed: &Allowed<ReviewCoaches>, id: Id) -> Result<(), Problem> {
    let Some(account_id) = account(allowed) else { return Ok(()) };
    let mut tx = db.write(allowed).await?;
    item(&mut tx, id).await?;
    let mut update = tx.update(Verifications::Table);
    update
        .value(Verifications::ClaimedBy, Option::<Id>::None)
        .value(Verifications::ClaimedUntil, Option::<DateTime<Utc>>::None)
        .and_where(Expr::col(Verifications::Id).eq(id))
        .and_where(Expr::col(Verifications::ClaimedBy).eq(account_id));
    tx.run(&update).await?;
    tx.commit().await?;
    Ok(())
}

/// The open items before and after a place in the queue.
///
/// # Errors
/// When the database cannot be reached.
pub async fn neighbours(tx: &mut Tx, id: Id) -> Result<(Option<Id>, Option<Id>), Problem> {
    let mut found = [None, None];
    for (place, found) in [Order::Desc, Order::Asc].into_iter().zip(&mut found) {
        let its = Expr::col(Verifications::Id);
        let beyond = if matches!(place, Order::Desc) { its.lt(id) } else { its.gt(id) };
        let mut select = tx.select(Verifications::Table);
        select
            .column(Verifications::Id)
            .and_where(Expr::col(Verifications::State).eq(ItemState::Pending.as_str()))
            .and_where(beyond)
            .order_by(Verifications::Id, place)
            .limit(1);
        let row: Option<(Id,)> = tx.optional(&select).await?;
        *found = row.map(|(id,)| id);
    }
    Ok((found[0], found[1]))
}

/// Why somebody cannot have an item: who looks at it, or what has become of it.
pub(super) async fn taken_by_others(
    tx: &mut Tx,
    item: &Item,
    (me, now): (Option<Id>, DateTime<Utc>),
) -> Result<Problem, Problem> {
    let conflict = Problem::new(Code::Conflict);
    let name = async |tx: &mut Tx, id: Option<Id>| -> Result<String, Problem> {
        let Some(id) = id else { return Ok("a program".to_owned()) };
        Ok(names(tx, &[id]).await?.remove(&id).unwrap_or_else(|| "somebody who has left".to_owned()))
    };
    let at = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    if item.state == ItemState::Pending {
        let Some((other, until)) = item.claim.filter(|(by, until)| Some(*by) != me && *until > now) else {
            return Ok(conflict.because("it has changed since you opened it; look at it again"));
        };
        let who = name(tx, Some(other)).await?;
        return Ok(conflict.because(format!("{who} is looking at it until {}", at(until))));
    }
    let when = item.decided_at.map(at).unwrap_or_default();
    if item.state == ItemState::Withdrawn {
        let why = item.reason.as_deref().unwrap_or("It is no longer claimed");
        return Ok(conflict.because(format!("it left the queue on {when}: {why}")));
    }
    let who = name(tx, item.decided_by).await?;
    Ok(conflict.because(format!("{who} has {} it on {when}", item.state.as_str())))
}
