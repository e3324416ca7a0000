//! What other modules ask of files.

use std::collections::BTreeMap;

use fithire_kernel::db::{Tx, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use sea_query::{Expr, ExprTrait, LockType, Order, SelectStatement};

use crate::model::{Files, Kind, Medium, Row, State};

/// A file that may be shown, by its id.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find(tx: &mut Tx, id: Id) -> Result<Option<Medium>, Problem> {
    let found = row(tx, id).await?.map(Row::medium).transpose()?;
    Ok(found.filter(|medium| medium.state == State::Attached))
}

/// Every file of a coach, newest first, whatever has become of it.
///
/// # Errors
/// When the database cannot be reached.
pub async fn of_coach(tx: &mut Tx, coach_id: Id) -> Result<Vec<Medium>, Problem> {
    rows_of(tx, coach_id).await?.into_iter().map(Row::medium).collect()
}

/// Videos of the brand that may be shown, oldest first, after one of them.
///
/// # Errors
/// When the database cannot be reached.
pub async fn page_of_videos(tx: &mut Tx, after: Option<Id>, limit: u64) -> Result<Vec<Medium>, Problem> {
    let mut select = tx.select(Files::Table);
    select
        .columns(Row::COLUMNS)
        .and_where(Expr::col(Files::State).eq(State::Attached.as_str()))
        .and_where(Expr::col(Files::Kind).eq(Kind::Video.as_str()))
        .and_where(Expr::col(Files::Id).gt(after.unwrap_or_default()))
        .order_by(Files::Id, Order::Asc)
        .limit(limit);
    let rows: Vec<Row> = tx.all(&select).await?;
    rows.into_iter().map(Row::medium).collect()
}

/// Asks for the id of a coach's newest video that may be shown.
#[must_use]
pub fn ask_video_of(within: &Within, coach_id: Id) -> SelectStatement {
    let mut select = within.select(Files::Table);
    select
        .column(Files::Id)
        .and_where(Expr::col(Files::State).eq(State::Attached.as_str()))
        .and_where(Expr::col(Files::Kind).eq(Kind::Video.as_str()))
        .and_where(Expr::col(Files::CoachId).eq(coach_id))
        .order_by(Files::Id, Order::Desc)
        .limit(1);
    select
}

/// The newest video of each of these coaches who have one that may be shown.
///
/// # Errors
/// When the database cannot be reached.
pub async fn videos_of(tx: &mut Tx, coaches: &[Id]) -> Result<BTreeMap<Id, Id>, Problem> {
    let mut select = tx.select(Files::Table);
    select
        .columns([Files::CoachId, Files::Id])
        .and_where(Expr::col(Files::State).eq(State::Attached.as_str()))
        .and_where(Expr::col(Files::Kind).eq(Kind::Video.as_str()))
        .and_where(Expr::col(Files::CoachId).is_in(coaches.iter().copied()))
        .order_by(Files::Id, Order::Asc);
    let rows: Vec<(Id, Id)> = tx.all(&select).await?;
    Ok(rows.into_iter().collect())
}

pub(crate) async fn row(tx: &mut Tx, id: Id) -> Result<Option<Row>, Problem> {
    Ok(tx.optional(&asked(tx, id)).await?)
}

/// The same, as it stays until the transaction ends: with `KeyShare` nobody removes it, with `Update` nobody does anything
/// with it.
pub(crate) async fn row_held(tx: &mut Tx, id: Id, lock: LockType) -> Result<Option<Row>, Problem> {
    let mut select = asked(tx, id);
    select.lock(lock);
    Ok(tx.optional(&select).await?)
}

fn asked(tx: &Tx, id: Id) -> SelectStatement {
    let mut select = tx.select(Files::Table);
    select.columns(Row::COLUMNS).and_where(Expr::col(Files::Id).eq(id));
    select
}

pub(crate) async fn rows_of(tx: &mut Tx, coach_id: Id) -> Result<Vec<Row>, Problem> {
    let mut select = tx.select(Files::Table);
    select
        .columns(Row::COLUMNS)
        .and_where(Expr::col(Files::CoachId).eq(coach_id))
        .order_by(Files::Id, Order::Desc);
    Ok(tx.all(&select).await?)
}

/// The same for whoever removes them, oldest first: all who remove several files take them in that order, so that none waits
/// for another in a circle.
pub(crate) async fn rows_to_remove(tx: &mut Tx, coach_id: Id) -> Result<Vec<Row>, Problem> {
    let mut select = tx.select(Files::Table);
    select
        .columns(Row::COLUMNS)
        .and_where(Expr::col(Files::CoachId).eq(coach_id))
        .order_by(Files::Id, Order::Asc)
        .lock(LockType::Update);
    Ok(tx.all(&select).await?)
}
