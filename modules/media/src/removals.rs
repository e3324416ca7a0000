//! Objects that nothing needs any more: added in the transaction after which that is so, removed by a task.
//!
//! An object whose place is known only once it is there, such as a copy, is on the list before it is made and is taken off by what
//! needs it. So whatever ends in between leaves nothing behind.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::BrandScope;
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use sea_query::{Expr, ExprTrait, LockType, Order};
use sqlx::FromRow;

use crate::model::{Files, MediaRemovals, MediaShares, Row, State};
use crate::store::Store;

/// The task; a brand has it once, due when the next object is.
pub const SWEEP: &str = "media.sweep";

/// An upload that is not confirmed by then is given up.
const GIVEN_UP: TimeDelta = TimeDelta::days(1);
/// How soon the store is asked again after it did not answer.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// Rows in a transaction.
const AT_ONCE: u64 = 100;

/// An object to be removed.
pub(crate) struct Removal<'o> {
    pub(crate) key: &'o str,
    pub(crate) upload_ref: Option<&'o str>,
    /// Not before this.
    pub(crate) due_at: DateTime<Utc>,
    /// Until when somebody may still put something there.
    pub(crate) until_at: DateTime<Utc>,
}

/// Has an object removed.
pub(crate) async fn add(tx: &mut Tx, tools: (&Clock, &Ids), removal: Removal<'_>) -> Result<(), Problem> {
    use MediaRemovals::{DueAt, Id as Number, ObjectKey, UntilAt, UploadRef};
    let row = vec![
        tools.1.next().into(),
        removal.key.into(),
        removal.upload_ref.map(str::to_owned).into(),
        removal.due_at.into(),
        removal.until_at.into(),
    ];
    tx.run(&tx.insert(&[Number, ObjectKey, UploadRef, DueAt, UntilAt], [row])).await?;
    sweep_at(tx, tools, removal.due_at).await
}

/// Keeps an object after all.
pub(crate) async fn cancel(tx: &mut Tx, key: &str) -> Result<(), Problem> {
    let mut delete = tx.delete(MediaRemovals::Table);
    delete.and_where(Expr::col(MediaRemovals::ObjectKey).eq(key));
    tx.run(&delete).await?;
    Ok(())
}

/// Has an object removed as soon as may be that was to be removed later.
pub(crate) async fn hasten(tx: &mut Tx, tools: (&Clock, &Ids), key: &str) -> Result<(), Problem> {
    let now = tools.0.now();
    let mut update = tx.update(MediaRemovals::Table);
    update.value(MediaRemovals::DueAt, now).and_where(Expr::col(MediaRemovals::ObjectKey).eq(key));
    tx.run(&update).await?;
    sweep_at(tx, tools, now).await
}

/// Has what is given up by then looked for.
pub(crate) async fn sweep_given_up(tx: &mut Tx, tools: (&Clock, &Ids)) -> Result<(), Problem> {
    sweep_at(tx, tools, tools.0.now() + GIVEN_UP).await
}

async fn sweep_at(tx: &mut Tx, tools: (&Clock, &Ids), at: DateTime<Utc>) -> Result<(), Problem> {
    enqueue(tx, tools, NewTask::new(SWEEP, serde_json::json!({})).keyed("").later().due(at)).await
}

/// Removes files with their links, and has their objects removed. The rows are held by the transaction since they were read:
/// else a link or a copy could be added that nobody removes.
pub(crate) async fn remove_rows(tx: &mut Tx, tools: (&Clock, &Ids), rows: &[Row]) -> Result<(), Problem> {
    let now = tools.0.now();
    for row in rows {
        if let Some(key) = &row.object_key {
            let upload_ref = row.upload_ref.as_deref();
            add(tx, tools, Removal { key, upload_ref, due_at: now, until_at: row.url_until }).await?;
        }
        let mut delete = tx.delete(MediaShares::Table);
        delete.and_where(Expr::col(MediaShares::MediaId).eq(row.id));
        tx.run(&delete).await?;
        let mut delete = tx.delete(Files::Table);
        delete.and_where(Expr::col(Files::Id).eq(row.id));
        tx.run(&delete).await?;
    }
    Ok(())
}

/// Does the task: gives up uploads that were never confirmed, and removes the objects that are due.
pub async fn sweep(db: &Db, tools: (&Clock, &Ids), store: &Store, task: &Claimed) -> Outcome {
    let swept = async {
        while give_up_some(db, tools, &task.scope).await? {}
        let left = remove_due(db, tools.0, store, &task.scope).await?;
        let mut tx = db.write(&task.scope).await?;
        task.finish(&mut tx).await?;
        // A store that is away is no fault of the task: it would be dead before a long night is over.
        let next = if left { Some(tools.0.now() + AGAIN) } else { next_due(&mut tx).await? };
        if let Some(next) = next {
            sweep_at(&mut tx, tools, next).await?;
        }
        tx.commit().await.map_err(Problem::from)
    };
    match swept.await {
        Ok(()) => Outcome::Finished,
        Err(problem) => problem.into(),
    }
}

/// When there is next something to do.
async fn next_due(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, Problem> {
    let mut select = tx.select(MediaRemovals::Table);
    select.column(MediaRemovals::DueAt).order_by(MediaRemovals::DueAt, Order::Asc).limit(1);
    let removal: Option<(DateTime<Utc>,)> = tx.optional(&select).await?;
    let mut select = tx.select(Files::Table);
    select
        .column(Files::CreatedAt)
        .and_where(Expr::col(Files::State).eq(State::Waiting.as_str()))
        .order_by(Files::Id, Order::Asc)
        .limit(1);
    let waiting: Option<(DateTime<Utc>,)> = tx.optional(&select).await?;
    let dues = removal.map(|(due,)| due).into_iter().chain(waiting.map(|(at,)| at + GIVEN_UP));
    Ok(dues.min())
}

/// Gives up some uploads; whether there may be more.
async fn give_up_some(db: &Db, tools: (&Clock, &Ids), scope: &BrandScope) -> Result<bool, Problem> {
    let mut tx = db.write(scope).await?;
    let mut select = tx.select(Files::Table);
    select
        .columns(Row::COLUMNS)
        .and_where(Expr::col(Files::State).eq(State::Waiting.as_str()))
        .and_where(Expr::col(Files::CreatedAt).lte(tools.0.now() - GIVEN_UP))
        .order_by(Files::Id, Order::Asc)
        .limit(AT_ONCE)
        .lock(LockType::Update);
    let rows: Vec<Row> = tx.all(&select).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    remove_rows(&mut tx, tools, &rows).await?;
    for row in &rows {
        let event = Event::new("media.given_up", "media", row.id).about(row.coach_id);
        audit::record(&mut tx, tools, event).await?;
    }
    tx.commit().await?;
    Ok(true)
}

#[derive(FromRow)]
struct Due {
    id: Id,
    object_key: String,
    upload_ref: Option<String>,
    until_at: DateTime<Utc>,
}

/// Removes the objects that are due; whether the store left any.
async fn remove_due(db: &Db, clock: &Clock, store: &Store, scope: &BrandScope) -> Result<bool, Problem> {
    use MediaRemovals::{DueAt, Id as Number, ObjectKey, Table, UntilAt, UploadRef};
    loop {
        let now = clock.now();
        let mut tx = db.read(scope).await?;
        let mut select = tx.select(Table);
        select
            .columns([Number, ObjectKey, UploadRef, UntilAt])
            .and_where(Expr::col(DueAt).lte(now))
            .order_by(DueAt, Order::Asc)
            .limit(AT_ONCE);
        let due: Vec<Due> = tx.all(&select).await?;
        drop(tx);
        if due.is_empty() {
            return Ok(false);
        }
        for removal in due {
            match store.remove(&removal.object_key, removal.upload_ref.as_deref()).await {
                Ok(()) => {}
                Err(problem) if problem.code == Code::Unavailable => return Ok(true),
                Err(problem) => return Err(problem),
            }
            let mut tx = db.write(scope).await?;
            let number = Expr::col(Number).eq(removal.id);
            if removal.until_at <= now {
                let mut delete = tx.delete(Table);
                tx.run(delete.and_where(number)).await?;
            } else {
                // Somebody may put something there until then; it is removed again.
                let mut update = tx.update(Table);
                tx.run(update.value(DueAt, removal.until_at).and_where(number)).await?;
            }
            tx.commit().await?;
        }
    }
}
