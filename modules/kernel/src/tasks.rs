//! Tasks: work that is done after the answer, and surely.
//!
//! [`enqueue`] adds a task in the transaction of its cause, so that both happen or neither. [`claims`] takes tasks and says
//! what became of them; [`desk`] is what an admin sees. A task that is done is gone.
//!
//! What holds, on both databases:
//! - A task runs at least once. Its attempt is counted before it runs, so that one which ends the process is dead after its
//!   last attempt, too.
//! - Of the tasks of a kind with the same key one waits at most, and one runs. Whoever adds another while it waits makes it wait for
//!   their commit, so that it sees what they did.
//! - Nobody else's clock matters to a lease: it is lost when its beat stands still for as long as the looker-on's own
//!   stopwatch says.
//! - Whoever lost a lease cannot commit: [`Claimed::finish`] is part of the transaction of what was done.
//!
//! A payload holds ids, never rows: what a task does follows from what is there when it runs.

pub mod claims;
pub mod desk;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Alias, Expr, ExprTrait, Iden, OnConflict};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::Clock;
use crate::db::{ScopedTable, Tx};
use crate::ids::{Id, Ids};
use crate::problem::Problem;
use crate::scope::BrandScope;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Tasks {
    Table,
    BrandId,
    Id,
    Kind,
    Payload,
    Key,
    WaitingKey,
    State,
    Urgency,
    QueuedAt,
    DueAt,
    ChangedAt,
    Attempt,
    Most,
    Lease,
    Beat,
    Error,
}

impl ScopedTable for Tasks {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// How often a task is tried unless it says otherwise: with the waits between, about four hours.
pub const ATTEMPTS: u16 = 12;

/// Which of two tasks that are due goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it.
    Soon,
    /// It may come after everything that somebody waits for.
    Later,
}

impl Urgency {
    const ALL: [Self; 2] = [Self::Soon, Self::Later];

    fn number(self) -> i16 {
        match self {
            Self::Soon => 0,
            Self::Later => 1,
        }
    }
}

/// A task to be added.
#[derive(Clone, Debug)]
pub struct NewTask {
    kind: &'static str,
    payload: Value,
    key: Option<String>,
    urgency: Urgency,
    due_at: Option<DateTime<Utc>>,
    most: u16,
}

impl NewTask {
    /// A task that somebody waits for, due at once.
    #[must_use]
    pub fn new(kind: &'static str, payload: Value) -> Self {
        Self { kind, payload, key: None, urgency: Urgency::Soon, due_at: None, most: ATTEMPTS }
    }

    /// The same, once per kind and key among those that wait. The first one's payload counts, so what has a key has the
    /// same payload.
    #[must_use]
    pub fn keyed(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same, behind what somebody waits for.
    #[must_use]
    pub fn later(self) -> Self {
        Self { urgency: Urgency::Later, ..self }
    }

    /// The same, not before a time.
    #[must_use]
    pub fn due(self, at: DateTime<Utc>) -> Self {
        Self { due_at: Some(at), ..self }
    }

    /// The same, tried so often at most.
    #[must_use]
    pub fn at_most(self, attempts: u16) -> Self {
        Self { most: attempts.clamp(1, u16::MAX), ..self }
    }
}

/// Adds a task to what the transaction does.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn enqueue(tx: &mut Tx, tools: (&Clock, &Ids), task: NewTask) -> Result<(), Problem> {
    enqueue_all(tx, tools, vec![task]).await
}

/// Adds tasks to what the transaction does.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn enqueue_all(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    tasks: Vec<NewTask>,
) -> Result<(), Problem> {
    use Tasks::{
        Attempt, ChangedAt, DueAt, Id as Number, Key, Kind, Most, Payload, QueuedAt, State, Urgency,
        WaitingKey,
    };
    /// Tasks in a statement; each has 12 values, and SQLite takes 32766 of them.
    const BATCH: usize = 1_000;
    let columns =
        [Number, Kind, Payload, Key, WaitingKey, State, Urgency, QueuedAt, DueAt, ChangedAt, Attempt, Most];
    if tasks.is_empty() {
        return Ok(());
    }
    let now = clock.now();
    let row = |task: &NewTask| {
        vec![
            ids.next().into(),
            task.kind.into(),
            task.payload.to_string().into(),
            task.key.clone().into(),
            task.key.clone().into(),
            WAITING.into(),
            task.urgency.number().into(),
            now.into(),
            task.due_at.unwrap_or(now).into(),
            now.into(),
            0.into(),
            i32::from(task.most).into(),
        ]
    };
    let (keyed, free): (Vec<NewTask>, Vec<NewTask>) = tasks.into_iter().partition(|task| task.key.is_some());
    for batch in free.chunks(BATCH) {
        tx.run(&tx.insert(&columns, batch.iter().map(row))).await?;
    }
    // A statement must not meet the same key twice, and whoever adds several takes their rows in the same order as others.
    let mut sooner: BTreeMap<(&str, &str), &NewTask> = BTreeMap::new();
    for task in &keyed {
        let (due, key) = (task.due_at.unwrap_or(now), (task.kind, task.key.as_deref().unwrap_or_default()));
        sooner
            .entry(key)
            .and_modify(|first| {
                if due < first.due_at.unwrap_or(now) {
                    *first = task;
                }
            })
            .or_insert(task);
    }
    let sooner: Vec<&NewTask> = sooner.into_values().collect();
    for batch in sooner.chunks(BATCH) {
        let mut insert = tx.insert(&columns, batch.iter().map(|task| row(task)));
        let due = || Expr::col((Alias::new("excluded"), DueAt));
        let there = || Expr::col((Tasks::Table, DueAt));
        let sooner = Expr::case(there().gt(due()), due()).finally(there());
        // The row is locked until this commits: nobody runs the task before that.
        let same = OnConflict::columns([Tasks::BrandId, Kind, WaitingKey]).value(DueAt, sooner).to_owned();
        tx.run(insert.on_conflict(same)).await?;
    }
    told(tx);
    Ok(())
}

/// Has the transaction tell that there is something to do.
fn told(tx: &mut Tx) {
    let topic = format!("{TOPIC}{}", tx.scope().brand_id());
    tx.tell(topic);
}

/// What is told when a task was added: this and the brand.
const TOPIC: &str = "tasks:";

/// The brand of whose tasks a topic tells.
#[must_use]
pub fn told_of(topic: &str) -> Option<Id> {
    topic.strip_prefix(TOPIC)?.parse().ok()
}

const WAITING: &str = "waiting";
const RUNNING: &str = "running";
const DEAD: &str = "dead";

/// That a task is in a state. It is written into the statement: each index holds the tasks of one state, and a database that
/// is not told which cannot use it.
fn is(state: &str) -> Expr {
    Expr::col(Tasks::State).eq(Expr::Constant(state.into()))
}

/// A task that somebody has taken.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to what it is about.
    pub scope: BrandScope,
    /// Its id.
    pub id: Id,
    /// What is to be done.
    pub kind: String,
    /// Which attempt this is, from 1.
    pub attempt: u16,
    /// How many there are.
    pub most: u16,
    /// When it was added.
    pub queued_at: DateTime<Utc>,
    payload: String,
    key: Option<String>,
    lease: Id,
    /// How many the claim has taken.
    together: usize,
}

impl Claimed {
    /// What it is to be done to.
    ///
    /// # Errors
    /// When the payload is none of such a task.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(&self.payload).map_err(|error| Problem::internal(&error))
    }

    /// Whether this is the last attempt.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.attempt >= self.most
    }

    /// Makes the transaction the one that does the task: what it writes and the end of the task happen together, once.
    ///
    /// # Errors
    /// When the lease was lost: somebody else does it, and this transaction must not commit.
    pub async fn finish(&self, tx: &mut Tx) -> Result<(), Problem> {
        let mut delete = tx.delete(Tasks::Table);
        delete.and_where(Expr::col(Tasks::Id).eq(self.id)).and_where(Expr::col(Tasks::Lease).eq(self.lease));
        if tx.run(&delete).await? == 0 {
            return Err(Problem::internal(&format!("task {} was given to somebody else", self.id)));
        }
        Ok(())
    }

    /// The wait before the next attempt: a second, each time twice as long up to an hour, give or take half, so that tasks
    /// which failed together do not come back together.
    #[must_use]
    pub fn wait(&self) -> TimeDelta {
        const LONGEST_S: i64 = 3_600;
        let whole = (1_i64 << (self.attempt.clamp(1, 13) - 1)).clamp(1, LONGEST_S) * 1_000;
        let seed = self.id.unsigned_abs() ^ u64::from(self.attempt);
        TimeDelta::milliseconds(fastrand::Rng::with_seed(seed).i64(whole / 2..=whole * 3 / 2))
    }
}

/// What became of a task that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was done in a transaction with [`Claimed::finish`].
    Finished,
    /// It failed, and another attempt may help: why, and when, where the usual wait is not right.
    Retry(String, Option<TimeDelta>),
    /// It failed, and no attempt can help: why.
    Abort(String),
    /// It was not run after all: the attempt does not count, and it is taken again after this time.
    Released(TimeDelta),
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        let id = problem.id.as_ref().map(|id| format!(" (log: {id})")).unwrap_or_default();
        Self::Retry(format!("{problem}{id}"), None)
    }
}
