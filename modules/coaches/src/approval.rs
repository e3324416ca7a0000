//! Approval of profiles. Whoever signs up by the brand's link and makes a profile waits until a reviewer has looked at it; a
//! profile that the brand itself has made needs nobody's look. Approval is for people: it is no part of a score, and takes
//! nobody off a list.
//!
//! A profile that was returned waits again, at the end of the queue, as soon as its coach has changed it.

use chrono::{DateTime, Utc};
use fithire_identity::{ReviewCoaches, names};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, ScopedTable, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, Allowed};
use sea_query::{Expr, ExprTrait, Iden, OnConflict, Order, SelectStatement};
use serde_json::json;
use sqlx::FromRow;

use crate::model::{Coaches, checked_reason};
use crate::service::there;
use crate::telling::{Subject, tell_later};

#[derive(Iden, Clone, Copy)]
enum ProfileApprovals {
    Table,
    BrandId,
    CoachId,
    Id,
    State,
    Round,
    Reason,
    Since,
    DecidedBy,
}

impl ScopedTable for ProfileApprovals {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// How much waits for a reviewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: i64,
    /// Since when the oldest does.
    pub oldest: Option<DateTime<Utc>>,
}

/// What has become of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// It waits for a reviewer.
    Waiting,
    /// It is right.
    Approved,
    /// The coach is to change something.
    Returned,
}

impl ApprovalState {
    /// As the database and the API have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Returned => "returned",
        }
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let known =
            [Self::Waiting, Self::Approved, Self::Returned].into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| Problem::internal(&"an approval is in a state that is none"))
    }
}

/// The approval of a profile, with its coach's name.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Whose profile.
    pub coach_id: Id,
    /// What people call the coach.
    pub coach: String,
    /// Its place in the queue.
    pub id: Id,
    /// What has become of it.
    pub state: ApprovalState,
    /// Rises with every decision.
    pub round: i32,
    /// Why it was returned.
    pub reason: Option<String>,
    /// Since when it is in this state.
    pub since: DateTime<Utc>,
    /// The account that decided; nothing for a program.
    pub decided_by: Option<Id>,
}

#[derive(FromRow)]
struct Row {
    coach_id: Id,
    name: String,
    id: Id,
    state: String,
    round: i32,
    reason: Option<String>,
    since: DateTime<Utc>,
    decided_by: Option<Id>,
}

impl Row {
    fn approval(self) -> Result<Approval, Problem> {
        Ok(Approval {
            coach_id: self.coach_id,
            coach: self.name,
            id: self.id,
            state: ApprovalState::read(&self.state)?,
            round: self.round,
            reason: self.reason,
            since: self.since,
            decided_by: self.decided_by,
        })
    }
}

/// The ids of the coaches whose profile is in a state.
pub(crate) fn in_state(tx: &Tx, state: ApprovalState) -> SelectStatement {
    let mut select = tx.select(ProfileApprovals::Table);
    select
        .column((ProfileApprovals::Table, ProfileApprovals::CoachId))
        .and_where(Expr::col((ProfileApprovals::Table, ProfileApprovals::State)).eq(state.as_str()));
    select
}

fn select(tx: &Tx) -> SelectStatement {
    use ProfileApprovals::{CoachId, DecidedBy, Id as Place, Reason, Round, Since, State, Table};
    let mut select = tx.select(Table);
    let own = [CoachId, Place, State, Round, Reason, Since, DecidedBy];
    select.columns(own.map(|column| (Table, column))).column((Coaches::Table, Coaches::Name));
    tx.join(&mut select, Coaches::Table, Expr::col((Coaches::Table, Coaches::Id)).equals((Table, CoachId)));
    select
}

/// Profiles that wait, oldest first, after one of them by its place.
///
/// # Errors
/// When the database cannot be reached.
pub async fn waiting_profiles(tx: &mut Tx, after: Option<Id>, limit: u64) -> Result<Vec<Approval>, Problem> {
    let place = (ProfileApprovals::Table, ProfileApprovals::Id);
    let mut select = select(tx);
    select
        .and_where(
            Expr::col((ProfileApprovals::Table, ProfileApprovals::State)).eq(ApprovalState::Waiting.as_str()),
        )
        .order_by(place, Order::Asc)
        .limit(limit);
    if let Some(after) = after {
        select.and_where(Expr::col(place).gt(after));
    }
    let rows: Vec<Row> = tx.all(&select).await?;
    rows.into_iter().map(Row::approval).collect()
}

/// How many profiles wait, and since when the oldest does.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_waiting(tx: &mut Tx) -> Result<Waiting, Problem> {
    let mut count = tx.select(ProfileApprovals::Table);
    count
        .expr(Expr::col(ProfileApprovals::Id).count())
        .and_where(Expr::col(ProfileApprovals::State).eq(ApprovalState::Waiting.as_str()));
    let row: Option<(i64,)> = tx.optional(&count).await?;
    let oldest = waiting_profiles(tx, None, 1).await?.first().map(|one| one.since);
    Ok(Waiting { count: row.map_or(0, |(count,)| count), oldest })
}

/// The approval of a coach's profile; nothing where the brand has made it and nobody has decided.
///
/// # Errors
/// When the database cannot be reached.
pub async fn approval_of(tx: &mut Tx, coach_id: Id) -> Result<Option<Approval>, Problem> {
    let mut select = select(tx);
    select.and_where(Expr::col((ProfileApprovals::Table, ProfileApprovals::CoachId)).eq(coach_id));
    let row: Option<Row> = tx.optional(&select).await?;
    row.map(Row::approval).transpose()
}

/// Decides on a coach's profile, or has it wait again.
///
/// # Errors
/// 404 when there is no such coach; 409 with who and what when somebody else has decided since `seen`; 422 when it is returned
/// without a reason.
pub async fn approve(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ReviewCoaches>,
    coach_id: Id,
    (state, reason, seen): (ApprovalState, &str, Option<i32>),
) -> Result<Approval, Problem> {
    use ProfileApprovals::{CoachId, DecidedBy, Id as Place, Reason, Round, Since, State};
    let reason = checked_reason(reason, state == ApprovalState::Returned)
        .map_err(|error| Problem::invalid(vec![error]))?;
    let by = if let Actor::Account(id) = allowed.actor() { Some(id) } else { None };
    let mut tx = db.write(allowed).await?;
    let mut coach = there(&tx);
    coach.column(Coaches::Id).and_where(Expr::col(Coaches::Id).eq(coach_id));
    let found: Option<(Id,)> = tx.optional(&coach).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let before = approval_of(&mut tx, coach_id).await?;
    let round = before.as_ref().map_or(0, |before| before.round);
    let row = vec![
        coach_id.into(),
        before.as_ref().map_or_else(|| ids.next(), |before| before.id).into(),
        state.as_str().into(),
        (round + 1).into(),
        reason.into(),
        clock.now().into(),
        by.into(),
    ];
    let mut insert = tx.insert(&[CoachId, Place, State, Round, Reason, Since, DecidedBy], [row]);
    let mut there = OnConflict::columns([ProfileApprovals::BrandId, CoachId])
        .update_columns([State, Round, Reason, Since, DecidedBy])
        .to_owned();
    // Whoever decides at the same time waits here, and finds another round.
    there.action_and_where(Expr::col((ProfileApprovals::Table, Round)).eq(round));
    insert.on_conflict(there);
    let is_late = seen.is_some_and(|seen| seen != round);
    if is_late || tx.run(&insert).await? == 0 {
        let now = approval_of(&mut tx, coach_id).await?;
        return Err(decided_by_others(&mut tx, now).await?);
    }
    let event = Event::new("profile.decided", "coach", coach_id).with(json!({"state": state.as_str()}));
    audit::record(&mut tx, (clock, ids), event).await?;
    if state != ApprovalState::Waiting {
        tell_later(&mut tx, (clock, ids), Subject::Profile(coach_id), round + 1).await?;
    }
    let now = approval_of(&mut tx, coach_id).await?;
    tx.commit().await?;
    now.ok_or_else(|| Problem::internal(&"an approval that was written is not there"))
}

async fn decided_by_others(tx: &mut Tx, now: Option<Approval>) -> Result<Problem, Problem> {
    let conflict = Problem::new(Code::Conflict);
    let Some(now) = now else { return Ok(conflict) };
    let who = match now.decided_by {
        Some(id) => names(tx, &[id]).await?.remove(&id).unwrap_or_else(|| "somebody who has left".to_owned()),
        None if now.state == ApprovalState::Waiting => "the coach".to_owned(),
        None => "a program".to_owned(),
    };
    let at = now.since.format("%Y-%m-%d %H:%M UTC");
    Ok(conflict.because(format!("{who} has made it {} on {at}", now.state.as_str())))
}

/// Has a profile wait that its coach has just made.
pub(crate) async fn asked(tx: &mut Tx, (clock, ids): (&Clock, &Ids), coach_id: Id) -> Result<(), Problem> {
    use ProfileApprovals::{CoachId, Id as Place, Since, State};
    let row =
        vec![coach_id.into(), ids.next().into(), ApprovalState::Waiting.as_str().into(), clock.now().into()];
    tx.run(&tx.insert(&[CoachId, Place, State, Since], [row])).await?;
    Ok(())
}

/// Has a profile wait again that was returned, because its coach has changed it.
pub(crate) async fn asked_again(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    coach_id: Id,
) -> Result<(), Problem> {
    let mut update = tx.update(ProfileApprovals::Table);
    update
        .value(ProfileApprovals::State, ApprovalState::Waiting.as_str())
        .value(ProfileApprovals::Id, ids.next())
        .value(ProfileApprovals::Round, Expr::col(ProfileApprovals::Round).add(1))
        .value(ProfileApprovals::Since, clock.now())
        .value(ProfileApprovals::DecidedBy, Option::<Id>::None)
        .and_where(Expr::col(ProfileApprovals::CoachId).eq(coach_id))
        .and_where(Expr::col(ProfileApprovals::State).eq(ApprovalState::Returned.as_str()));
    tx.run(&update).await?;
    Ok(())
}

/// Removes everything of a coach.
pub(crate) async fn erase(tx: &mut Tx, coach_id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(ProfileApprovals::Table);
    delete.and_where(Expr::col(ProfileApprovals::CoachId).eq(coach_id));
    tx.run(&delete).await?;
    Ok(())
}
