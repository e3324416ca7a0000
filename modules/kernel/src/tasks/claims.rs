//! Taking tasks, and saying what became of them.
//!
//! A [`turn`] says which tasks are done and takes others, in one transaction and one round trip. A claim is a lease with a
//! number of its own; [`beat`] shows that whoever has it lives. [`leases`] gives what others look on: one whose beat stands
//! still for as long as they please is theirs to [`revoke`].

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{
    CommonTableExpression, Cond, DeleteStatement, Expr, ExprTrait, LockBehavior, LockType, Order, Query,
    SelectStatement, UpdateStatement, Value,
};
use sqlx::FromRow;

use super::{Claimed, DEAD, Outcome, RUNNING, Tasks, Urgency, WAITING, is};
use crate::clock::Clock;
use crate::db::{Db, Error, Glimpse, Statement, Tx, Within};
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
    /// The task as somebody has it.
    fn claimed(self, scope: &BrandScope, (lease, together): (Id, usize)) -> Claimed {
        let number = |n: i32| u16::try_from(n).unwrap_or(u16::MAX);
        Claimed {
            scope: scope.clone(),
            id: self.id,
            kind: self.kind,
            attempt: number(self.attempt),
            most: number(self.most),
            queued_at: self.queued_at,
            payload: self.payload,
            key: self.key,
            lease,
            together,
        }
    }
}

/// When the next waiting task of a brand is due that may run; `None` when none waits.
///
/// # Errors
/// When the database cannot be reached.
pub async fn next_due(db: &Db, scope: &BrandScope) -> Result<Option<DateTime<Utc>>, Problem> {
    let within = db.within(scope);
    let asked = Urgency::ALL.map(|urgency| {
        let mut select = waiting(&within);
        select.and_where(Expr::col(Tasks::Urgency).eq(urgency.number())).column(Tasks::DueAt).limit(1);
        select
    });
    let mut seen = db.glimpse(&within, &asked).await?;
    let mut due = None;
    for _ in asked {
        let next: Option<(DateTime<Utc>,)> = seen.optional()?;
        due = due.into_iter().chain(next.map(|(at,)| at)).min();
    }
    Ok(due)
}

/// Asks for tasks that wait, the one that is due first first; not for those of whose kind and key another runs.
fn waiting(within: &Within) -> SelectStatement {
    let of = [Tasks::Kind, Tasks::Key];
    let mut running = within.select(Tasks::Table);
    running.columns(of).and_where(is(RUNNING)).and_where(Expr::col(Tasks::Key).is_not_null());
    let its = Expr::tuple(of.map(Expr::col));
    let is_free = Cond::any().add(Expr::col(Tasks::Key).is_null()).add(its.not_in_subquery(running));
    let mut select = within.select(Tasks::Table);
    select.and_where(is(WAITING)).cond_where(is_free);
    select.order_by(Tasks::DueAt, Order::Asc).order_by(Tasks::Id, Order::Asc);
    select
}

/// Says what became of tasks, and takes up to `most` that are due, those that somebody waits for first.
///
/// # Errors
/// When the database refuses or cannot be reached. Then it is not known whether this was said, and saying it again does no
/// harm; what was taken all the same is taken back once its beat stands still.
pub async fn turn(
    db: &Db,
    scope: &BrandScope,
    (clock, ids): (&Clock, &Ids),
    (settled, most): (&[(Claimed, Outcome)], u64),
) -> Result<Vec<Claimed>, Problem> {
    let now = clock.now();
    if settled.iter().any(|(_, outcome)| !matches!(outcome, Outcome::Done | Outcome::Finished)) {
        let mut tx = db.write(scope).await?;
        settle(&mut tx, now, settled).await?;
        tx.commit().await?;
    }
    let within = db.within(scope);
    let of = |urgency: Urgency, most: u64| {
        let mut due = due(&within, now, most);
        due.and_where(Expr::col(Tasks::Urgency).eq(urgency.number()));
        due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        Claim::new(&within, (ids.next(), now), due)
    };
    let done = removals(&within, settled);
    let soon = (most > 0).then(|| of(Urgency::Soon, most));
    let statements: Vec<&dyn Statement> = (done.iter().map(|(delete, _)| delete as _))
        .chain(soon.iter().map(|claim| &claim.statement as _))
        .collect();
    let mut claimed: Vec<Claimed> = Vec::new();
    if !statements.is_empty() {
        let mut answers = db.change(&within, &statements).await?;
        for (_, count) in &done {
            let lost = count.saturating_sub(answers.changed()?);
            if lost > 0 {
                tracing::warn!(
                    lost,
                    "tasks that were done are not ours, or it was said before that they are done"
                );
            }
        }
        if let Some(soon) = soon {
            claimed = soon.taken(&mut answers, scope)?;
        }
    }
    let left = most - claimed.len() as u64;
    if left > 0 {
        let later = of(Urgency::Later, left);
        let answers = db.change(&within, &[&later.statement]).await;
        match answers.and_then(|mut answers| later.taken(&mut answers, scope)) {
            Ok(later) => claimed.extend(later),
            Err(error) if claimed.is_empty() => return Err(error.into()),
            // What was taken is to be run.
            Err(error) => tracing::warn!(%error, "tasks that nobody waits for were not taken"),
        }
    }
    if most > 0 && claimed.is_empty() {
        let claim = Claim::new(&within, (ids.next(), now), passed_over(&within, now));
        claimed = claim.taken(&mut db.change(&within, &[&claim.statement]).await?, scope)?;
    }
    Ok(claimed)
}

/// A statement that takes tasks, under a number that no other claim has: what it may have taken without our hearing of it is
/// never taken for what we have.
struct Claim {
    lease: Id,
    statement: UpdateStatement,
}

impl Claim {
    /// That none is taken whose like runs is seen by the same statement that sees it wait: it was added after the other was
    /// taken.
    fn new(within: &Within, (lease, now): (Id, DateTime<Utc>), due: SelectStatement) -> Self {
        /// Found once, whatever is made of it: locking rows anew would take more than were asked for.
        const DUE: &str = "due";
        let mut update = within.update(Tasks::Table);
        update
            .with_cte(CommonTableExpression::new().table_name(DUE).query(due).to_owned())
            .value(Tasks::State, RUNNING)
            .value(Tasks::Attempt, Expr::col(Tasks::Attempt).add(1))
            .value(Tasks::Lease, lease)
            .value(Tasks::Beat, 0)
            .value(Tasks::WaitingKey, Option::<String>::None)
            .value(Tasks::ChangedAt, now)
            .and_where(
                Expr::col(Tasks::Id).in_subquery(Query::select().column(Tasks::Id).from(DUE).to_owned()),
            )
            .returning(Query::returning().columns(COLUMNS));
        Self { lease, statement: update }
    }

    /// What it has taken, the oldest first: a database gives it in any order.
    fn taken(&self, answers: &mut Glimpse, scope: &BrandScope) -> Result<Vec<Claimed>, Error> {
        let mut rows: Vec<Row> = answers.all()?;
        rows.sort_by_key(|row| row.id);
        let together = rows.len();
        Ok(rows.into_iter().map(|row| row.claimed(scope, (self.lease, together))).collect())
    }
}

/// Asks for so many tasks that are due.
fn due(within: &Within, by: DateTime<Utc>, most: u64) -> SelectStatement {
    let mut select = waiting(within);
    select.column(Tasks::Id).and_where(Expr::col(Tasks::DueAt).lte(by)).limit(most);
    select
}

/// One that has been due for a while and was passed over each time, because somebody else had it locked: whoever adds to it
/// again and again would keep it from running. This waits for its turn.
fn passed_over(within: &Within, now: DateTime<Utc>) -> SelectStatement {
    const WHILE: TimeDelta = TimeDelta::seconds(1);
    let mut select = due(within, now - WHILE, 1);
    select.lock(LockType::Update);
    select
}

/// Removes what was done, a claim at a time, each with how many tasks that is. What was taken together is mostly done
/// together; only where it is not are the tasks named.
fn removals(within: &Within, settled: &[(Claimed, Outcome)]) -> Vec<(DeleteStatement, u64)> {
    let mut done: Vec<&Claimed> =
        settled.iter().filter(|(_, outcome)| *outcome == Outcome::Done).map(|(task, _)| task).collect();
    done.sort_by_key(|task| task.lease);
    let of_claim = |of_claim: &[&Claimed]| {
        let mut delete = within.delete(Tasks::Table);
        delete.and_where(is(RUNNING)).and_where(Expr::col(Tasks::Lease).eq(of_claim[0].lease));
        if of_claim.len() < of_claim[0].together {
            delete.and_where(Expr::col(Tasks::Id).is_in(of_claim.iter().map(|task| task.id)));
        }
        (delete, of_claim.len() as u64)
    };
    done.chunk_by(|a, b| a.lease == b.lease).map(of_claim).collect()
}

/// Says what became of tasks that were not done; those whose lease was lost are somebody else's and stay as they are.
async fn settle(tx: &mut Tx, now: DateTime<Utc>, settled: &[(Claimed, Outcome)]) -> Result<(), Problem> {
    for (task, outcome) in settled {
        match outcome {
            Outcome::Done | Outcome::Finished => {}
            Outcome::Retry(why, after) if !task.is_last() => {
                again(tx, now, task, (after.unwrap_or_else(|| task.wait()), Some(why))).await?;
            }
            Outcome::Retry(why, _) | Outcome::Abort(why) => bury(tx, now, task, why).await?,
            Outcome::Released(wait) => again(tx, now, task, (*wait, None)).await?,
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
        let mut mine = tx.select(Tasks::Table);
        mine.column(Tasks::Id).cond_where(of_lease(task)).lock(LockType::Update);
        if tx.optional::<(Id,)>(&mine).await?.is_none() {
            return Ok(());
        }
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
    select.columns([Tasks::Id, Tasks::Lease, Tasks::Beat]).and_where(is(RUNNING));
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
        let task = row.claimed(scope, (lease.lease, 1));
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
    let ahead = Cond::all().add(is(WAITING)).add(Expr::col(Tasks::ChangedAt).gt(now + SKEW));
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
