//! Decisions: what a certificate proves. Item and facts change in one transaction, and both go back when it is taken back.

use chrono::{DateTime, NaiveDate, Utc};
use fithire_identity::ReviewCoaches;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, FieldError, Problem};
use fithire_kernel::scope::Allowed;
use fithire_scoring::catalog::Cert;
use fithire_scoring::facts::{Coach, Holding, HoldingState};
use sea_query::{Expr, ExprTrait};
use serde_json::json;

use super::claims::{account, taken_by_others};
use super::documents::add;
use super::{Item, ItemState, Verifications, item, open_of};
use crate::model::checked_reason;
use crate::telling::{Subject, TELL_AFTER, tell_later};
use crate::writing::Writing;

/// What a reviewer says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It proves what is claimed.
    Verified,
    /// It does not.
    Rejected,
    /// Its issuer has taken it back.
    Revoked,
    /// There is no document yet: it goes back to the coach, who claims it as before.
    Returned,
}

impl Verdict {
    fn state(self) -> (ItemState, HoldingState, &'static str) {
        match self {
            Self::Verified => (ItemState::Verified, HoldingState::Verified, "certificate.verified"),
            Self::Rejected => (ItemState::Rejected, HoldingState::Rejected, "certificate.rejected"),
            Self::Revoked => (ItemState::Revoked, HoldingState::Revoked, "certificate.revoked"),
            Self::Returned => (ItemState::Withdrawn, HoldingState::Claimed, "certificate.returned"),
        }
    }
}

/// A verdict with what belongs to it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What is said.
    pub verdict: Verdict,
    /// The last day that the document gives, where it is another one than the coach's: `Some(None)` means for ever.
    pub valid_until: Option<Option<NaiveDate>>,
    /// The day of issue, where somebody wants to note it.
    pub issued_on: Option<NaiveDate>,
    /// Why; only what is verified needs none.
    pub reason: String,
    /// The round of the item that the reviewer has seen.
    pub seen: Option<i32>,
}

/// What is decided on.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// An item.
    Item(Id),
    /// What a coach claims of a certification: its open item, or the holding itself.
    Of(Id, Cert),
}

/// Decides on a certificate. The change of the facts is like any other, so that the next ranking knows it; the coach is told
/// once the decision has stood for a minute.
///
/// # Errors
/// 404 when there is no such item or holding; 409 with who and what when somebody else has decided or looks at it; 422 when a
/// reason is missing or a day cannot be.
pub async fn decide(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ReviewCoaches>,
    which: Which,
    decision: Decision,
) -> Result<Item, Problem> {
    let today = fithire_orgs::today(db, clock, allowed.brand_id()).await?;
    let mut tx = db.write(allowed).await?;
    let (writing, before) = find(&mut tx, (clock, ids), which, decision.verdict).await?;
    let (me, now) = (account(allowed), clock.now());
    let others = before.claimed_by(now).is_some_and(|by| Some(by) != me);
    let decidable = match decision.verdict {
        Verdict::Returned => before.state == ItemState::Pending && before.document.is_none(),
        Verdict::Verified | Verdict::Rejected => before.state == ItemState::Pending,
        Verdict::Revoked => matches!(before.state, ItemState::Pending | ItemState::Verified),
    };
    if others || !decidable || decision.seen.is_some_and(|seen| seen != before.round) {
        return Err(taken_by_others(&mut tx, &before, (me, now)).await?);
    }
    let reason = check(&decision, &before, today)?;
    let (state, holding, action) = decision.verdict.state();
    let was_until = current(&before);
    let until = match decision.verdict {
        Verdict::Verified => decision.valid_until.unwrap_or(before.expires_on),
        Verdict::Rejected | Verdict::Revoked | Verdict::Returned => was_until,
    };
    let mut new = writing.old.clone();
    let from = (before.cert, before_it(&before, before.state).1, was_until);
    turn(&mut new.facts, from, (holding, until))?;
    let mut update = tx.update(Verifications::Table);
    update
        .value(Verifications::State, state.as_str())
        .value(Verifications::Was, before.state.as_str())
        .value(Verifications::Round, before.round + 1)
        .value(Verifications::Reason, reason)
        .value(Verifications::ClaimedBy, Option::<Id>::None)
        .value(Verifications::ClaimedUntil, Option::<DateTime<Utc>>::None)
        .value(Verifications::DecidedBy, me)
        .value(Verifications::DecidedAt, now)
        .value(Verifications::ValidUntil, until)
        .and_where(Expr::col(Verifications::Id).eq(before.id));
    if decision.issued_on.is_some() {
        update.value(Verifications::IssuedOn, decision.issued_on);
    }
    tx.run(&update).await?;
    let details = json!({"coach": before.coach_id, "code": before.cert.details().code});
    audit::record(
        &mut tx,
        (clock, ids),
        Event::new(action, "verification", before.id).with(details).about(before.coach_id),
    )
    .await?;
    writing.save(&mut tx, (clock, ids), new).await?;
    tell_later(&mut tx, (clock, ids), Subject::Certificate(before.id), before.round + 1).await?;
    let item = item(&mut tx, before.id).await?;
    tx.commit().await?;
    Ok(item)
}

/// Takes the last decision back: item and facts are as they were before it, and the coach is told nothing of it, or of its end
/// where they were told.
///
/// # Errors
/// 404 when there is no such item; 409 when something else has happened since.
pub async fn undo(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ReviewCoaches>,
    (id, round): (Id, i32),
) -> Result<Item, Problem> {
    let mut tx = db.write(allowed).await?;
    let coach_id = item(&mut tx, id).await?.coach_id;
    let writing = Writing::of(&mut tx, (clock, ids), coach_id).await?;
    let before = item(&mut tx, id).await?;
    let late =
        || Problem::new(Code::Conflict).because("something else has happened since; it stays as it is");
    let was = before.was.filter(|_| before.round == round).ok_or_else(late)?;
    let until = if was == ItemState::Pending { before.expires_on } else { before.valid_until };
    let (is, held) = before_it(&before, was);
    let mut new = writing.old.clone();
    let from = (before.cert, holding_of(before.state), before.valid_until);
    turn(&mut new.facts, from, (held, until)).map_err(|_| late())?;
    let decided_at = (is != ItemState::Pending).then(|| clock.now());
    let mut update = tx.update(Verifications::Table);
    update
        .value(Verifications::State, is.as_str())
        .value(Verifications::Was, Option::<String>::None)
        .value(Verifications::Round, before.round + 1)
        .value(Verifications::Reason, Option::<String>::None)
        .value(Verifications::DecidedAt, decided_at)
        .value(Verifications::ValidUntil, until.filter(|_| is == ItemState::Verified))
        .and_where(Expr::col(Verifications::Id).eq(id));
    tx.run(&update).await?;
    let event = Event::new("certificate.undone", "verification", id)
        .with(json!({"coach": coach_id, "was": before.state.as_str(), "is": is.as_str()}))
        .about(coach_id);
    audit::record(&mut tx, (clock, ids), event).await?;
    writing.save(&mut tx, (clock, ids), new).await?;
    if before.decided_at.is_some_and(|at| clock.now() - at >= TELL_AFTER) {
        tell_later(&mut tx, (clock, ids), Subject::Certificate(id), before.round + 1).await?;
    }
    let item = item(&mut tx, id).await?;
    tx.commit().await?;
    Ok(item)
}

/// The coach, whom nobody else writes from here on, and the item as it is then. A holding that was never in the queue gets an
/// item, so that there is a history of it.
async fn find(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    which: Which,
    verdict: Verdict,
) -> Result<(Writing, Item), Problem> {
    let (coach_id, cert) = match which {
        Which::Item(id) => {
            let coach_id = item(tx, id).await?.coach_id;
            let writing = Writing::of(tx, (clock, ids), coach_id).await?;
            return Ok((writing, item(tx, id).await?));
        }
        Which::Of(coach_id, cert) => (coach_id, cert),
    };
    let writing = Writing::of(tx, (clock, ids), coach_id).await?;
    let open = open_of(tx, &[coach_id]).await?.remove(&coach_id).unwrap_or_default();
    if let Some(item) = open.into_iter().find(|item| item.cert == cert) {
        return Ok((writing, item));
    }
    let verified = |item: &Item| item.cert == cert && item.state == ItemState::Verified;
    if verdict == Verdict::Revoked
        && let Some(item) = super::items_of(tx, coach_id).await?.into_iter().find(verified)
    {
        return Ok((writing, item));
    }
    let wanted = if verdict == Verdict::Revoked { HoldingState::Verified } else { HoldingState::Claimed };
    let held = writing.old.facts.holdings.iter().find(|held| held.code == cert && held.state == wanted);
    let held = held.ok_or_else(|| {
        let told = format!("the coach holds no {} of which this could be said", cert.details().code);
        Problem::new(Code::NotFound).because(told)
    })?;
    let (id, expires_on) = (ids.next(), held.expires_on);
    add(tx, clock, (id, coach_id), (cert, expires_on), None).await?;
    let mut update = tx.update(Verifications::Table);
    if wanted == HoldingState::Verified {
        update
            .value(Verifications::State, ItemState::Verified.as_str())
            .value(Verifications::DecidedAt, clock.now())
            .value(Verifications::ValidUntil, expires_on);
    } else {
        update.value(Verifications::WasClaimed, true);
    }
    update.and_where(Expr::col(Verifications::Id).eq(id));
    tx.run(&update).await?;
    Ok((writing, item(tx, id).await?))
}

/// The reason as it is kept, or everything that is not right.
fn check(decision: &Decision, item: &Item, today: NaiveDate) -> Result<Option<String>, Problem> {
    let mut errors = Vec::new();
    let needed = matches!(decision.verdict, Verdict::Rejected | Verdict::Revoked);
    let reason = checked_reason(&decision.reason, needed).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    let mut wrong = |pointer: &str, detail: String| {
        errors.push(FieldError { pointer: pointer.to_owned(), detail });
    };
    if decision.valid_until.is_some() && decision.verdict != Verdict::Verified {
        wrong("/expires_on", "belongs to a certificate that is verified".to_owned());
    }
    if let Some(issued) = decision.issued_on {
        let last = decision.valid_until.unwrap_or(item.expires_on);
        if issued > today {
            wrong("/issued_on", format!("is after today, {today}"));
        } else if let Some(last) = last.filter(|last| *last < issued) {
            wrong("/issued_on", format!("is after the last day, {last}"));
        }
    }
    if errors.is_empty() { Ok(reason) } else { Err(Problem::invalid(errors)) }
}

/// The last day in the facts of what an item is about.
fn current(item: &Item) -> Option<NaiveDate> {
    if item.state == ItemState::Pending { item.expires_on } else { item.valid_until }
}

/// What an item and its holding are in a state before a decision: what was only claimed is claimed again, and waits for nobody.
fn before_it(item: &Item, state: ItemState) -> (ItemState, HoldingState) {
    match state {
        ItemState::Pending if item.was_claimed => (ItemState::Withdrawn, HoldingState::Claimed),
        state => (state, holding_of(state)),
    }
}

fn holding_of(state: ItemState) -> HoldingState {
    match state {
        ItemState::Pending => HoldingState::Pending,
        ItemState::Verified => HoldingState::Verified,
        ItemState::Revoked => HoldingState::Revoked,
        ItemState::Rejected => HoldingState::Rejected,
        ItemState::Withdrawn => HoldingState::Claimed,
    }
}

/// Turns one holding into another, in its place. What then stands twice stands once.
fn turn(
    facts: &mut Coach,
    (code, from, last): (Cert, HoldingState, Option<NaiveDate>),
    (state, expires_on): (HoldingState, Option<NaiveDate>),
) -> Result<(), Problem> {
    let is = |holding: &Holding| holding.code == code && holding.expires_on == last;
    let place = facts
        .holdings
        .iter()
        .position(|holding| is(holding) && holding.state == from)
        .ok_or_else(|| Problem::new(Code::Conflict).because("the profile no longer says this"))?;
    let new = Holding { code, state, expires_on };
    facts.holdings[place] = new.clone();
    let mut seen = false;
    facts.holdings.retain(|holding| *holding != new || !std::mem::replace(&mut seen, true));
    Ok(())
}
