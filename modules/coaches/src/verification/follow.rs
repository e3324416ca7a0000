//! Open items follow the facts: whatever a coach, a manager or a file says of a pending holding, its item says the same.

use chrono::NaiveDate;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_scoring::catalog::Cert;
use fithire_scoring::facts::{Coach, HoldingState};
use sea_query::{Expr, ExprTrait};

use super::{Item, ItemState, Verifications, open_of};

/// A certification with its last day.
type Claim = (Cert, Option<NaiveDate>);

/// A coach whose pending holdings are others than before.
pub(crate) struct Moved {
    coach_id: Id,
    /// Whether there may be items: there were pending holdings before, or one was added in this transaction.
    had: bool,
    pending: Vec<Claim>,
    /// What is decided in the facts themselves.
    decided: Vec<Cert>,
}

impl Moved {
    /// Nothing where nothing follows.
    pub(crate) fn between(coach_id: Id, old: &Coach, new: &Coach) -> Option<Self> {
        let (before, pending) = (pending(old), pending(new));
        let decided = |coach: &Coach| {
            let decided = coach
                .holdings
                .iter()
                .filter(|holding| !matches!(holding.state, HoldingState::Pending | HoldingState::Claimed));
            decided.map(|holding| holding.code).collect()
        };
        let moved = before != pending;
        moved.then(|| Self { coach_id, had: !before.is_empty(), pending, decided: decided(new) })
    }

    /// The same for somebody who may have items whatever the facts were before.
    pub(crate) fn with_items(self) -> Self {
        Self { had: true, ..self }
    }
}

fn pending(coach: &Coach) -> Vec<Claim> {
    let pending = coach.holdings.iter().filter(|holding| holding.state == HoldingState::Pending);
    pending.map(|holding| (holding.code, holding.expires_on)).collect()
}

/// Has open items say what the facts say. It is part of the write of the coaches, under the lock of their revision.
pub(crate) async fn follow(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    moved: Vec<Moved>,
) -> Result<(), Problem> {
    use Verifications::{CoachId, Code, ExpiresOn, Id as Key, State, SubmittedAt};
    /// Rows in a statement; each has 7 values, and SQLite takes 32766 of them.
    const BATCH: usize = 1_000;
    if moved.is_empty() {
        return Ok(());
    }
    let had: Vec<Id> = moved.iter().filter(|moved| moved.had).map(|moved| moved.coach_id).collect();
    let mut open = open_of(tx, &had).await?;
    let mut rows = Vec::new();
    for coach in moved {
        let items = open.remove(&coach.coach_id).unwrap_or_default();
        for (code, expires_on) in settle(tx, clock, items, &coach).await? {
            rows.push(vec![
                ids.next().into(),
                coach.coach_id.into(),
                code.details().code.into(),
                expires_on.into(),
                ItemState::Pending.as_str().into(),
                clock.now().into(),
            ]);
        }
    }
    for batch in rows.chunks(BATCH) {
        let columns = [Key, CoachId, Code, ExpiresOn, State, SubmittedAt];
        tx.run(&tx.insert(&columns, batch.iter().cloned())).await?;
    }
    Ok(())
}

/// Holds the open items of a coach against what is claimed now; answers the claims for which there is none yet.
async fn settle(tx: &mut Tx, clock: &Clock, items: Vec<Item>, coach: &Moved) -> Result<Vec<Claim>, Problem> {
    let mut wanted = coach.pending.clone();
    let mut take = |fits: &dyn Fn(&Claim) -> bool| {
        let place = wanted.iter().position(fits)?;
        Some(wanted.remove(place))
    };
    let mut others = Vec::new();
    for item in items {
        if take(&|claim| *claim == (item.cert, item.expires_on)).is_none() {
            others.push(item);
        }
    }
    for item in others {
        // The same document, of which something else is said now.
        if let Some((_, expires_on)) = take(&|claim| claim.0 == item.cert) {
            let mut update = tx.update(Verifications::Table);
            update
                .value(Verifications::ExpiresOn, expires_on)
                .value(Verifications::Round, item.round + 1)
                .and_where(Expr::col(Verifications::Id).eq(item.id));
            tx.run(&update).await?;
        } else if coach.decided.contains(&item.cert) {
            withdraw(tx, clock, &item, "It was decided in the profile itself").await?;
        } else {
            withdraw(tx, clock, &item, "It is no longer claimed").await?;
        }
    }
    Ok(wanted)
}

/// Takes an open item off the queue without a decision.
pub(super) async fn withdraw(tx: &mut Tx, clock: &Clock, item: &Item, why: &str) -> Result<(), Problem> {
    let mut update = tx.update(Verifications::Table);
    update
        .value(Verifications::State, ItemState::Withdrawn.as_str())
        .value(Verifications::Was, Option::<String>::None)
        .value(Verifications::Round, item.round + 1)
        .value(Verifications::Reason, why)
        .value(Verifications::DecidedAt, clock.now())
        .value(Verifications::ClaimedBy, Option::<Id>::None)
        .value(Verifications::ClaimedUntil, Option::<chrono::DateTime<chrono::Utc>>::None)
        .and_where(Expr::col(Verifications::Id).eq(item.id));
    tx.run(&update).await?;
    Ok(())
}
