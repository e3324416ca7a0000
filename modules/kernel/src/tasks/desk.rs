//! The queue of a brand as its admin sees it: how much waits, since when, what is dead and why; and who runs tasks at all.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Cond, Expr, ExprTrait, Iden, Order};
use serde_json::json;
use sqlx::FromRow;

use super::{DEAD, RUNNING, Tasks, WAITING, is, told};
use crate::audit::{self, Event};
use crate::clock::Clock;
use crate::db::{Db, GlobalTable, Tx};
use crate::ids::{Id, Ids};
use crate::paging::Asked;
use crate::problem::{Code, Problem};

/// How many tasks of a brand there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not run yet.
    pub waiting: u64,
    /// Being run.
    pub running: u64,
    /// Have failed, and wait for another attempt.
    pub retrying: u64,
    /// Have failed for good.
    pub dead: u64,
    /// Since when the oldest task that is due has been due.
    pub oldest: Option<DateTime<Utc>>,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.waiting + self.running + self.retrying + self.dead
    }

    /// How long the oldest task that is due has been due.
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        self.oldest.map_or(TimeDelta::zero(), |oldest| (now - oldest).max(TimeDelta::zero()))
    }
}

/// Counts the tasks of a brand.
///
/// # Errors
/// When the database cannot be reached.
pub async fn counts(tx: &mut Tx, now: DateTime<Utc>) -> Result<Counts, Problem> {
    let mut select = tx.select(Tasks::Table);
    select
        .columns([Tasks::State, Tasks::Attempt])
        .expr(Expr::col(Tasks::Id).count())
        .group_by_columns([Tasks::State, Tasks::Attempt]);
    let rows: Vec<(String, i32, i64)> = tx.all(&select).await?;
    let mut counts = Counts::default();
    for (state, attempt, count) in rows {
        *match (&*state, attempt) {
            (WAITING, 0) => &mut counts.waiting,
            (WAITING, _) => &mut counts.retrying,
            (RUNNING, _) => &mut counts.running,
            _ => &mut counts.dead,
        } += count.unsigned_abs();
    }
    let mut select = tx.select(Tasks::Table);
    select
        .column(Tasks::DueAt)
        .and_where(is(WAITING))
        .and_where(Expr::col(Tasks::DueAt).lte(now))
        .order_by(Tasks::DueAt, Order::Asc)
        .limit(1);
    let oldest: Option<(DateTime<Utc>,)> = tx.optional(&select).await?;
    counts.oldest = oldest.map(|(at,)| at);
    Ok(counts)
}

/// A task on the list.
#[derive(Clone, Debug, FromRow)]
pub struct Listed {
    /// Its id.
    pub id: Id,
    /// What is to be done.
    pub kind: String,
    /// What it is to be done to: ids, as JSON.
    pub payload: String,
    /// `waiting`, `running` or `dead`.
    pub state: String,
    /// When it was added.
    pub queued_at: DateTime<Utc>,
    /// When it may run.
    pub due_at: DateTime<Utc>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
    /// Attempts so far.
    pub attempt: i32,
    /// Attempts at most.
    pub most: i32,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// Which tasks are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Have failed for good.
    Dead,
    /// Have failed, and wait for another attempt.
    Retrying,
    /// Not run yet.
    Waiting,
    /// Being run.
    Running,
}

impl Listing {
    /// Every one, with its name in an address.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Dead, "dead"),
        (Self::Retrying, "retrying"),
        (Self::Waiting, "waiting"),
        (Self::Running, "running"),
    ];
}

/// A page of a brand's tasks, the newest first, and where the next one begins.
///
/// # Errors
/// 422 for a cursor that is none; when the database cannot be reached.
pub async fn list(
    tx: &mut Tx,
    listing: Listing,
    cursor: Option<&str>,
) -> Result<(Vec<Listed>, Option<String>), Problem> {
    const LIST: &str = "tasks";
    const ROWS: u64 = 50;
    let mut select = tx.select(Tasks::Table);
    select
        .columns([
            Tasks::Id,
            Tasks::Kind,
            Tasks::Payload,
            Tasks::State,
            Tasks::QueuedAt,
            Tasks::DueAt,
            Tasks::ChangedAt,
            Tasks::Attempt,
            Tasks::Most,
            Tasks::Error,
        ])
        .cond_where(match listing {
            Listing::Dead => Cond::all().add(is(DEAD)),
            Listing::Running => Cond::all().add(is(RUNNING)),
            Listing::Waiting => waiting().add(Expr::col(Tasks::Attempt).eq(0)),
            Listing::Retrying => waiting().add(Expr::col(Tasks::Attempt).gt(0)),
        });
    let asked = Asked { list: LIST, order: Order::Desc, limit: ROWS, cursor };
    asked.by_id(tx, select, Tasks::Id, |task: &Listed| task.id).await
}

fn waiting() -> Cond {
    Cond::all().add(is(WAITING))
}

/// Has a dead task run again, with all of its attempts; or one that waits for another attempt, now.
///
/// # Errors
/// 404 when there is none of that id, or it runs.
pub async fn replay(tx: &mut Tx, (clock, ids): (&Clock, &Ids), id: Id) -> Result<(), Problem> {
    let now = clock.now();
    let mut select = tx.select(Tasks::Table);
    select.columns([Tasks::Kind, Tasks::Key]).and_where(Expr::col(Tasks::Id).eq(id));
    let (kind, key): (String, Option<String>) = tx
        .optional(&select.and_where(Expr::col(Tasks::State).is_in([DEAD, WAITING])).to_owned())
        .await?
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut same = tx.update(Tasks::Table);
    same.value(Tasks::DueAt, now)
        .and_where(Expr::col(Tasks::Kind).eq(kind.as_str()))
        .and_where(Expr::col(Tasks::WaitingKey).eq(key.as_deref()))
        .and_where(Expr::col(Tasks::Id).ne(id));
    if key.is_some() && tx.run(&same).await? > 0 {
        // Another of its kind and key waits already, and does the same.
        remove(tx, id).await?;
    } else {
        let mut update = tx.update(Tasks::Table);
        update
            .value(Tasks::State, WAITING)
            .value(Tasks::WaitingKey, key)
            .value(Tasks::Attempt, 0)
            .value(Tasks::DueAt, now)
            .value(Tasks::ChangedAt, now)
            .and_where(Expr::col(Tasks::Id).eq(id))
            .and_where(Expr::col(Tasks::State).is_in([DEAD, WAITING]));
        if tx.run(&update).await? == 0 {
            return Err(Problem::new(Code::NotFound));
        }
    }
    told(tx);
    audit::record(tx, (clock, ids), Event::new("task.replayed", "task", id).with(json!({"kind": kind}))).await
}

/// Gives a dead task up, for a reason.
///
/// # Errors
/// 422 without a reason; 404 when no task of that id is dead.
pub async fn discard(tx: &mut Tx, tools: (&Clock, &Ids), id: Id, reason: &str) -> Result<(), Problem> {
    const LONGEST: usize = 500;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Problem::field("/reason", "say why; it goes into the audit log"));
    }
    if reason.chars().count() > LONGEST {
        return Err(Problem::field("/reason", format!("has more than {LONGEST} characters")));
    }
    let mut select = tx.select(Tasks::Table);
    select.columns([Tasks::Kind, Tasks::Payload]).and_where(Expr::col(Tasks::Id).eq(id)).and_where(is(DEAD));
    let (kind, payload): (String, String) =
        tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    remove(tx, id).await?;
    let details = json!({"kind": kind, "payload": payload, "reason": reason});
    audit::record(tx, tools, Event::new("task.discarded", "task", id).with(details)).await
}

async fn remove(tx: &mut Tx, id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(Tasks::Table);
    delete.and_where(Expr::col(Tasks::Id).eq(id)).and_where(Expr::col(Tasks::State).is_in([DEAD, WAITING]));
    tx.run(&delete).await?;
    Ok(())
}

#[derive(Iden, Clone, Copy)]
enum Workers {
    Table,
    Id,
    Host,
    StartedAt,
    SeenAt,
}

impl GlobalTable for Workers {
    const TABLE: Self = Self::Table;
}

/// A process that runs tasks.
#[derive(Clone, Debug, FromRow)]
pub struct Worker {
    /// Its number.
    pub id: Id,
    /// The machine.
    pub host: String,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// When it last said that it lives.
    pub seen_at: DateTime<Utc>,
}

/// A worker that has not been seen for longer has ended.
const GONE: TimeDelta = TimeDelta::seconds(30);

/// Says that a worker lives, and forgets those that have not said so for a day.
///
/// # Errors
/// When the database cannot be reached.
pub async fn worker_lives(db: &Db, worker: &Worker) -> Result<(), Problem> {
    let mut tx = db.write_global().await?;
    let mut update = tx.update(Workers::Table);
    update.value(Workers::SeenAt, worker.seen_at).and_where(Expr::col(Workers::Id).eq(worker.id));
    if tx.run(&update).await? == 0 {
        let mut delete = tx.delete(Workers::Table);
        delete.and_where(Expr::col(Workers::SeenAt).lt(worker.seen_at - TimeDelta::days(1)));
        tx.run(&delete).await?;
        let row =
            [worker.id.into(), worker.host.clone().into(), worker.started_at.into(), worker.seen_at.into()];
        let columns = [Workers::Id, Workers::Host, Workers::StartedAt, Workers::SeenAt];
        tx.run(&tx.insert(&columns, [row.to_vec()])).await?;
    }
    Ok(tx.commit().await?)
}

/// Says that a worker has ended.
///
/// # Errors
/// When the database cannot be reached.
pub async fn worker_ends(db: &Db, id: Id) -> Result<(), Problem> {
    let mut tx = db.write_global().await?;
    let mut delete = tx.delete(Workers::Table);
    delete.and_where(Expr::col(Workers::Id).eq(id));
    tx.run(&delete).await?;
    Ok(tx.commit().await?)
}

/// The workers that live.
///
/// # Errors
/// When the database cannot be reached.
pub async fn workers(db: &Db, now: DateTime<Utc>) -> Result<Vec<Worker>, Problem> {
    let mut tx = db.read_global().await?;
    let mut select = tx.select(Workers::Table);
    select
        .columns([Workers::Id, Workers::Host, Workers::StartedAt, Workers::SeenAt])
        .and_where(Expr::col(Workers::SeenAt).gt(now - GONE))
        .order_by(Workers::StartedAt, Order::Asc);
    Ok(tx.all(&select).await?)
}
