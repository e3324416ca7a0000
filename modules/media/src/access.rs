//! Who reaches which file: a coach their own, people who manage coaches every one of the brand. What is not theirs answers like
//! what is not there.

use fithire_identity::{Caller, ManageCoaches, ViewCoaches};
use fithire_kernel::db::Tx;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use sea_query::LockType;

use crate::lookup::{row, row_held};
use crate::model::{Kind, Row, State};

/// Checks that the caller may change what a coach has.
pub(crate) async fn coach_to_change(tx: &mut Tx, caller: &Caller, coach_id: Id) -> Result<(), Problem> {
    fithire_coaches::visible(tx, caller, coach_id).await?;
    if caller.allowed::<ViewCoaches>().is_ok() {
        caller.allowed::<ManageCoaches>()?;
    }
    Ok(())
}

/// A file that the caller may change, whatever has become of it.
pub(crate) async fn row_to_change(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Row, Problem> {
    let row = row(tx, id).await?.ok_or_else(absent)?;
    coach_to_change(tx, caller, row.coach_id).await?;
    Ok(row)
}

/// The same, held until the transaction ends; what became of it before is seen.
pub(crate) async fn row_to_hold(
    tx: &mut Tx,
    caller: &Caller,
    (id, lock): (Id, LockType),
) -> Result<Row, Problem> {
    let row = row_held(tx, id, lock).await?.ok_or_else(absent)?;
    coach_to_change(tx, caller, row.coach_id).await?;
    Ok(row)
}

/// An upload of a coach that the caller may change, by an id that a request names.
pub(crate) async fn upload_to_change(
    tx: &mut Tx,
    caller: &Caller,
    (coach_id, id): (Id, Id),
) -> Result<Row, Problem> {
    coach_to_change(tx, caller, coach_id).await?;
    upload_of(row(tx, id).await?, coach_id)
}

/// The same, held until the transaction ends.
pub(crate) async fn upload_to_hold(
    tx: &mut Tx,
    caller: &Caller,
    (coach_id, id): (Id, Id),
    lock: LockType,
) -> Result<Row, Problem> {
    coach_to_change(tx, caller, coach_id).await?;
    upload_of(row_held(tx, id, lock).await?, coach_id)
}

fn upload_of(row: Option<Row>, coach_id: Id) -> Result<Row, Problem> {
    let row = row.filter(|row| row.coach_id == coach_id);
    row.ok_or_else(|| Problem::field("/upload_id", "is no upload of this coach"))
}

/// A file that is attached and that the caller may look at. Documents are for the coach and for whoever manages coaches.
pub(crate) async fn row_to_see(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Row, Problem> {
    let row = row(tx, id).await?.ok_or_else(absent)?;
    if row.state()? != State::Attached {
        return Err(absent());
    }
    fithire_coaches::visible(tx, caller, row.coach_id).await.map_err(|problem| match problem.code {
        Code::NotFound => absent(),
        _ => problem,
    })?;
    if row.kind()? == Kind::Certificate && caller.allowed::<ViewCoaches>().is_ok() {
        caller.allowed::<ManageCoaches>()?;
    }
    Ok(row)
}

fn absent() -> Problem {
    Problem::new(Code::NotFound)
}
