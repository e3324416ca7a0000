//! Taking tasks, and saying what became of them.
//!
//! A [`turn`] says what became of tasks that were run and takes others, in one transaction: half the commits of doing
//! either alone. A claim is a lease with a number of its own; [`beat`] shows that whoever has it lives. [`leases`] gives what
//! others look on: one whose beat stands still for as long as they please is theirs to [`revoke`].

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Cond, Expr, ExprTrait, LockBehavior, LockType, Order, SelectStatement, Value};
use sqlx::FromRow;

use super::{Claimed, DEAD, Outcome, RUNNING, Tasks, Urgency, WAITING};
use crate::clock::Clock;
use crate::db::{Db, Tx, Within};
use crate::ids::{Id, Ids};
use crate::problem::Problem;
use crate::scope::BrandScope;

#[derive(FromRow)]
struct Row {
    id: Id,
    kind: String,
    payload: String,
    key: Option<String>,
    attempt: i32,
    most: i32,
    queued_at: DateTime<Utc>,
}

const COLUMNS: [Tasks; 7] =
    [Tasks::Id, Tasks::Kind, Tasks::Payload, Tasks::Key, Tasks::Attempt, Tasks::Most, Tasks::QueuedAt];

impl Row {
    /// The task as somebody has it whose attempts count by `taken`.
    fn claimed(self, scope: &BrandScope, lease: Id, taken: i32) -> Claimed {
        let number = |n: i32| u16::try_from(n).unwrap_or(u16::MAX);
        Claimed {
            scope: scope.clone(),
            id: self.id,
            kind: self.kind,
            attempt: number(self.attempt + taken),
            most: number(self.most),
            queued_at: self.queued_at,
            payload: self.payload,
            key: self.key,
            lease,
        }
    }
}

/// When the next waiting task of a brand is due that may run; `None` when none waits.
///
/// # Errors
/// When the database cannot be reached.
pub async fn next_due(db: &Db, scope: &BrandScope) -> Result<Option<DateTime<Utc>>, Problem> {
    /// The first that are looked at: there are no more than these whose like is being run.
    const FIRST: u64 = 100;
    let within = db.within(scope);
    let mut asked = vec![running_keys(&within)];
    asked.extend(Urgency::ALL.map(|urgency| {
        let mut select = within.select(Tasks::Table);
        of_urgency(&mut select, urgency);
        select
            .columns([Tasks::DueAt, Tasks::Kind, Tasks::Key])
            .order_by(Tasks::DueAt, Order::Asc)
            .limit(FIRST);
        select
    }));
    let mut seen = db.glimpse(&within, &asked).await?;
    let running: Vec<(String, Option<String>)> = seen.all()?;
    let mut due = None;
    for _ in Urgency::ALL {
        let rows: Vec<(DateTime<Utc>, String, Option<String>)> = seen.all()?;
        let free = rows.into_iter().find(|(_, kind, key)| !is_run(&running, kind, key.as_ref()));
        due = due.into_iter().chain(free.map(|(at, ..)| at)).min();
    }
    Ok(due)
}

/// Asks for the kinds and keys of what is being run.
fn running_keys(within: &Within) -> SelectStatement {
    let mut select = within.select(Tasks::Table);
    select
        .columns([Tasks::Kind, Tasks::Key])
        .and_where(Expr::col(Tasks::State).eq(RUNNING))
        .and_where(Expr::col(Tasks::Key).is_not_null());
    select
}

/// Whether another of this kind and key is being run.
fn is_run(running: &[(String, Option<String>)], kind: &str, key: Option<&String>) -> bool {
    key.is_some() && running.iter().any(|(other, its)| other == kind && its.as_ref() == key)
}

fn of_urgency(select: &mut SelectStatement, urgency: Urgency) {
    select
        .and_where(Expr::col(Tasks::State).eq(WAITING))
        .and_where(Expr::col(Tasks::Urgency).eq(urgency.number()));
}

/// Says what became of tasks, and takes up to `most` that are due, those that somebody waits for first.
///
/// # Errors
/// When the database refuses or cannot be reached: nothing was said and nothing taken then.
pub async fn turn(
    db: &Db,
    scope: &BrandScope,
    (clock, ids): (&Clock, &Ids),
    (settled, most): (&[(Claimed, Outcome)], u64),
) -> Result<Vec<Claimed>, Problem> {
    let mut tx = db.write(scope).await?;
    let now = clock.now();
    settle(&mut tx, now, settled).await?;
    let claimed = claim(&mut tx, now, (ids.next(), most)).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Takes up to so many tasks that are due.
async fn claim(tx: &mut Tx, now: DateTime<Utc>, (lease, most): (Id, u64)) -> Result<Vec<Claimed>, Problem> {
    let scope = tx.scope().clone();
    let mut claimed: Vec<Claimed> = Vec::new();
    if most == 0 {
        return Ok(claimed);
    }
    let running: Vec<(String, Option<String>)> = tx.all(&running_keys(tx)).await?;
    for urgency in Urgency::ALL {
        let left = most - claimed.len() as u64;
        if left == 0 {
            break;
        }
        let mut select = tx.select(Tasks::Table);
        of_urgency(&mut select, urgency);
        select
            .columns(COLUMNS)
            .and_where(Expr::col(Tasks::DueAt).lte(now))
            .order_by(Tasks::DueAt, Order::Asc)
            .order_by(Tasks::Id, Order::Asc)
            .limit(left + running.len() as u64)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let rows: Vec<Row> = tx.all(&select).await?;
        let free = rows.into_iter().filter(|row| !is_run(&running, &row.kind, row.key.as_ref()));
        let taken = usize::try_from(left).unwrap_or(usize::MAX);
        claimed.extend(free.take(taken).map(|row| row.claimed(&scope, lease, 1)));
    }
    if claimed.is_empty() {
        claimed.extend(passed_over(tx, now, &running).await?.map(|row| row.claimed(&scope, lease, 1)));
    }
    if !claimed.is_empty() {
        let mut update = tx.update(Tasks::Table);
        update
            .value(Tasks::State, RUNNING)
            .value(Tasks::Attempt, Expr::col(Tasks::Attempt).add(1))
            .value(Tasks::Lease, lease)
            .value(Tasks::Beat, 0)
            .value(Tasks::WaitingKey, Option::<String>::None)
            .value(Tasks::ChangedAt, now)
            .and_where(Expr::col(Tasks::Id).is_in(claimed.iter().map(|task| task.id)));
        tx.run(&update).await?;
    }
    Ok(claimed)
}

/// One that has been due for a while and was passed over each time, because somebody else had it locked: whoever adds to it
/// again and again would keep it from running. This waits for its turn.
async fn passed_over(
    tx: &mut Tx,
    now: DateTime<Utc>,
    running: &[(String, Option<String>)],
) -> Result<Option<Row>, Problem> {
    const WHILE: TimeDelta = TimeDelta::seconds(1);
    let mut select = tx.select(Tasks::Table);
    select
        .columns(COLUMNS)
        .and_where(Expr::col(Tasks::State).eq(WAITING))
        .and_where(Expr::col(Tasks::DueAt).lte(now - WHILE))
        .order_by(Tasks::DueAt, Order::Asc)
        .limit(1 + running.len() as u64)
        .lock(LockType::Update);
    let rows: Vec<Row> = tx.all(&select).await?;
    Ok(rows.into_iter().find(|row| !is_run(running, &row.kind, row.key.as_ref())))
}

/// Says what became of tasks; those whose lease was lost are somebody else's and stay as they are.
async fn settle(tx: &mut Tx, now: DateTime<Utc>, settled: &[(Claimed, Outcome)]) -> Result<(), Problem> {
    let mut done: Vec<&Claimed> = Vec::new();
    for (task, outcome) in settled {
        match outcome {
            Outcome::Done => done.push(task),
            Outcome::Finished => {}
            Outcome::Retry(why, after) if !task.is_last() => {
                again(tx, now, task, (after.unwrap_or_else(|| task.wait()), Some(why))).await?;
            }
            Outcome::Retry(why, _) | Outcome::Abort(why) => bury(tx, now, task, why).await?,
            Outcome::Released(wait) => again(tx, now, task, (*wait, None)).await?,
        }
    }
    done.sort_by_key(|task| task.lease);
    for claim in done.chunk_by(|a, b| a.lease == b.lease) {
        let mut delete = tx.delete(Tasks::Table);
        delete
            .and_where(Expr::col(Tasks::Lease).eq(claim[0].lease))
            .and_where(Expr::col(Tasks::Id).is_in(claim.iter().map(|task| task.id)));
        let gone = tx.run(&delete).await?;
        if gone < claim.len() as u64 {
            tracing::warn!(
                lost = claim.len() as u64 - gone,
                "tasks were done after they were given to somebody else"
            );
        }
    }
    Ok(())
}

/// One lease of a task.
fn of_lease(task: &Claimed) -> Cond {
    Cond::all().add(Expr::col(Tasks::Id).eq(task.id)).add(Expr::col(Tasks::Lease).eq(task.lease))
}

/// Has a task wait again: for another attempt, or, where it was not run, for this one. Where another of its kind and key
/// waits already, that one stands for both.
async fn again(
    tx: &mut Tx,
    now: DateTime<Utc>,
    task: &Claimed,
    (wait, why): (TimeDelta, Option<&String>),
) -> Result<(), Problem> {
    let attempt = i32::from(task.attempt) - i32::from(why.is_none());
    if let Some(key) = &task.key {
        let mut stands = tx.update(Tasks::Table);
        stands
            .and_where(Expr::col(Tasks::Kind).eq(task.kind.as_str()))
            .and_where(Expr::col(Tasks::WaitingKey).eq(key.as_str()));
        // It fails as often as the two together, or a task that always fails would never be dead.
        stands.value(Tasks::Attempt, attempt).value(Tasks::DueAt, now + wait).value(Tasks::ChangedAt, now);
        if let Some(why) = why {
            stands.value(Tasks::Error, short(why));
        }
        if tx.run(&stands).await? > 0 {
            let mut delete = tx.delete(Tasks::Table);
            delete.cond_where(of_lease(task));
            tx.run(&delete).await?;
            return Ok(());
        }
    }
    let mut update = tx.update(Tasks::Table);
    update
        .value(Tasks::State, WAITING)
        .value(Tasks::WaitingKey, task.key.clone())
        .value(Tasks::Attempt, attempt)
        .value(Tasks::Lease, Option::<Id>::None)
        .value(Tasks::DueAt, now + wait)
        .value(Tasks::ChangedAt, now)
        .cond_where(of_lease(task));
    if let Some(why) = why {
        tracing::warn!(task.id, task.kind, task.attempt, why, "a task failed and is tried again");
        update.value(Tasks::Error, short(why));
    }
    tx.run(&update).await?;
    Ok(())
}

async fn bury(tx: &mut Tx, now: DateTime<Utc>, task: &Claimed, why: &str) -> Result<(), Problem> {
    tracing::error!(task.id, task.kind, task.attempt, why, "a task is dead");
    let mut update = tx.update(Tasks::Table);
    update
        .value(Tasks::State, DEAD)
        .value(Tasks::Lease, Option::<Id>::None)
        .value(Tasks::ChangedAt, now)
        .value(Tasks::Error, short(why))
        .cond_where(of_lease(task));
    tx.run(&update).await?;
    Ok(())
}

/// Why a task failed, as it is kept.
fn short(why: &str) -> Value {
    const LONGEST: usize = 500;
    why.chars().take(LONGEST).collect::<String>().into()
}

/// Shows that whoever has these tasks lives; gives those that are theirs no more.
///
/// # Errors
/// When the database cannot be reached.
pub async fn beat(db: &Db, scope: &BrandScope, tasks: &[Claimed]) -> Result<Vec<Id>, Problem> {
    let mut tx = db.write(scope).await?;
    let theirs = Cond::any();
    let theirs = tasks.iter().fold(theirs, |any, task| any.add(of_lease(task)));
    let mut update = tx.update(Tasks::Table);
    update.value(Tasks::Beat, Expr::col(Tasks::Beat).add(1)).cond_where(theirs);
    update.returning_col(Tasks::Id);
    let kept: Vec<(Id,)> = tx.all(&update).await?;
    tx.commit().await?;
    let lost = tasks.iter().map(|task| task.id).filter(|id| !kept.iter().any(|(kept,)| kept == id));
    Ok(lost.collect())
}

/// A task that runs, and how often whoever has it has shown that they live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromRow)]
pub struct Lease {
    /// The task.
    pub id: Id,
    /// The claim that took it.
    pub lease: Id,
    /// Rises while somebody runs it.
    pub beat: i64,
}

/// Every task of a brand that runs.
///
/// # Errors
/// When the database cannot be reached.
pub async fn leases(db: &Db, scope: &BrandScope) -> Result<Vec<Lease>, Problem> {
    let within = db.within(scope);
    let mut select = within.select(Tasks::Table);
    select.columns([Tasks::Id, Tasks::Lease, Tasks::Beat]).and_where(Expr::col(Tasks::State).eq(RUNNING));
    Ok(db.glimpse(&within, &[select]).await?.all()?)
}

/// Takes a task from whoever has let its beat stand still: it waits for its next attempt, or is dead after the last.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn revoke(db: &Db, scope: &BrandScope, clock: &Clock, lease: Lease) -> Result<(), Problem> {
    let mut tx = db.write(scope).await?;
    let mut select = tx.select(Tasks::Table);
    select
        .columns(COLUMNS)
        .and_where(Expr::col(Tasks::Id).eq(lease.id))
        .and_where(Expr::col(Tasks::Lease).eq(lease.lease))
        .and_where(Expr::col(Tasks::Beat).eq(lease.beat))
        .lock(LockType::Update);
    let row: Option<Row> = tx.optional(&select).await?;
    if let Some(row) = row {
        let task = row.claimed(scope, lease.lease, 0);
        let why = "whoever ran it has ended or has stopped answering".to_owned();
        settle(&mut tx, clock.now(), &[(task, Outcome::Retry(why, None))]).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Makes due what waits by a clock that has been set back since: a wait is never longer than it was meant to be.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn mend_clock(db: &Db, scope: &BrandScope, clock: &Clock) -> Result<(), Problem> {
    /// What two machines' clocks may differ by.
    const SKEW: TimeDelta = TimeDelta::minutes(1);
    let now = clock.now();
    let ahead =
        Cond::all().add(Expr::col(Tasks::State).eq(WAITING)).add(Expr::col(Tasks::ChangedAt).gt(now + SKEW));
    let within = db.within(scope);
    let mut select = within.select(Tasks::Table);
    select.column(Tasks::Id).cond_where(ahead.clone()).limit(1);
    let found: Option<(Id,)> = db.glimpse(&within, &[select]).await?.optional()?;
    if found.is_some() {
        let mut tx = db.write(scope).await?;
        let mut update = tx.update(Tasks::Table);
        update.value(Tasks::DueAt, now).value(Tasks::ChangedAt, now).cond_where(ahead);
        let mended = tx.run(&update).await?;
        tx.commit().await?;
        tracing::warn!(mended, "the clock was set back; what waited by it is due now");
    }
    Ok(())
}
