//! Coaches as rankings need them: everybody, whoever has changed since, and some by their ids. The revision of a brand says
//! whether anybody has.

use fithire_kernel::db::{Glimpse, Tx, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_scoring::facts;
use sea_query::{Expr, ExprTrait, Order, SelectStatement};
use sqlx::FromRow;
use tokio::sync::mpsc;

use crate::model::{CoachRevisions, Coaches, Scored};
use crate::service::{read, there};

/// The revision of a brand's coaches; 0 before the first write.
///
/// # Errors
/// When the database cannot be reached.
pub async fn revision(tx: &mut Tx) -> Result<i64, Problem> {
    let row: Option<(i64,)> = tx.optional(&ask_revision(tx)).await?;
    Ok(row.map_or(0, |(revision,)| revision))
}

/// Asks for the revision of a brand's coaches; [`revision_there`] reads the answer.
#[must_use]
pub fn ask_revision(within: &Within) -> SelectStatement {
    let mut select = within.select(CoachRevisions::Table);
    select.column(CoachRevisions::Revision);
    select
}

/// The revision that [`ask_revision`] has asked for; 0 before the first write.
///
/// # Errors
/// When the database gives something else.
pub fn revision_there(seen: &mut Glimpse) -> Result<i64, Problem> {
    let row: Option<(i64,)> = seen.optional()?;
    Ok(row.map_or(0, |(revision,)| revision))
}

#[derive(Debug, FromRow)]
struct ScoredRow {
    id: Id,
    name: String,
    facts: String,
    erased: bool,
}

impl ScoredRow {
    fn read(self) -> Result<Changed, Problem> {
        let id = self.id;
        let now =
            if self.erased { None } else { Some(Scored { id, name: self.name, facts: read(&self.facts)? }) };
        Ok(Changed { id, now })
    }
}

/// The columns of [`ScoredRow`].
const SCORED: [Coaches; 4] = [Coaches::Id, Coaches::Name, Coaches::Facts, Coaches::Erased];

/// What became of a coach.
#[derive(Debug)]
pub struct Changed {
    /// Its id.
    pub id: Id,
    /// As it is now; `None` when it was erased.
    pub now: Option<Scored>,
}

/// What became of coaches after a revision, by id; of so many at most, where it is said.
///
/// # Errors
/// When the database cannot be reached or holds facts that cannot be read.
pub async fn changed_since(tx: &mut Tx, revision: i64, most: Option<u64>) -> Result<Vec<Changed>, Problem> {
    let mut select = tx.select(Coaches::Table);
    select
        .columns(SCORED)
        .and_where(Expr::col(Coaches::Revision).gt(revision))
        .order_by(Coaches::Id, Order::Asc);
    if let Some(most) = most {
        select.limit(most);
    }
    let rows: Vec<ScoredRow> = tx.all(&select).await?;
    let read = move || rows.into_iter().map(ScoredRow::read).collect();
    // After an import there are many, and reading them is work for a processor.
    tokio::task::spawn_blocking(read).await.map_err(|error| Problem::internal(&error))?
}

/// The coaches of these ids who are there, in no particular order.
///
/// # Errors
/// When the database cannot be reached or holds facts that cannot be read.
pub async fn by_ids(tx: &mut Tx, ids: &[Id]) -> Result<Vec<Scored>, Problem> {
    let mut select = there(tx);
    select.columns(SCORED).and_where(Expr::col(Coaches::Id).is_in(ids.iter().copied()));
    let rows: Vec<ScoredRow> = tx.all(&select).await?;
    let coaches = rows.into_iter().map(|row| row.read().map(|changed| changed.now));
    coaches.filter_map(Result::transpose).collect()
}

/// Hands on the facts of everybody who is there, by id, as they come from the database: a brand may have a million.
/// Reading them is work for a processor, so `each` is called on a thread of its own; the answer is what it has made.
///
/// # Errors
/// When the database cannot be reached or holds facts that cannot be read.
pub async fn everybody<T: Send + 'static>(
    tx: &mut Tx,
    mut made: T,
    mut each: impl FnMut(&mut T, Id, facts::Coach) + Send + 'static,
) -> Result<T, Problem> {
    /// Rows that wait to be read.
    const WAITING: usize = 2_048;
    let mut select = there(tx);
    select.columns([Coaches::Id, Coaches::Facts]).order_by(Coaches::Id, Order::Asc);
    let (sender, mut rows) = mpsc::channel::<(Id, String)>(WAITING);
    let reader = tokio::task::spawn_blocking(move || {
        while let Some((id, facts)) = rows.blocking_recv() {
            each(&mut made, id, read(&facts)?);
        }
        Ok::<T, Problem>(made)
    });
    let streamed = tx.stream(&select, &sender).await;
    drop(sender);
    let made = reader.await.map_err(|error| Problem::internal(&error))??;
    streamed?;
    Ok(made)
}
