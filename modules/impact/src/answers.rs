//! Answers: given, changed and withdrawn by the coach alone, and read together by the report alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fithire_identity::{BeCoach, Caller};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use sea_query::{Expr, ExprTrait, OnConflict, Order};

use crate::model::{Answer, AnswerRow, Demographics, Race, Sex};
use crate::report::{FEWEST, Report, Sample, report};

/// What the caller has said of themselves, and when.
///
/// # Errors
/// 403 for whoever is no coach.
pub async fn own(tx: &mut Tx, caller: &Caller) -> Result<Option<(Answer, DateTime<Utc>)>, Problem> {
    caller.allowed::<BeCoach>()?;
    let Some((id, _)) = fithire_coaches::own_profile(tx, caller).await? else { return Ok(None) };
    let mut select = tx.select(Demographics::Table);
    select.columns(AnswerRow::COLUMNS).and_where(Expr::col(Demographics::CoachId).eq(id));
    let row: Option<AnswerRow> = tx.optional(&select).await?;
    Ok(row.map(|row| (row.answer(), row.declared_at)))
}

/// Keeps what the caller says of themselves in place of what they have said before; whoever says nothing has withdrawn it.
///
/// # Errors
/// 404 for a coach without a profile.
pub(crate) async fn declare(db: &Db, clock: &Clock, caller: &Caller, answer: Answer) -> Result<(), Problem> {
    use Demographics::{BrandId, CoachId, DeclaredAt, RaceEthnicity, Sex as SexColumn};
    caller.allowed::<BeCoach>()?;
    let mut tx = db.write(caller.scope()).await?;
    let own = fithire_coaches::own_profile(&mut tx, caller).await?;
    let (id, _) = own.ok_or_else(|| Problem::new(Code::NotFound))?;
    if answer == Answer::default() {
        erase(&mut tx, id).await?;
    } else {
        let row = vec![
            id.into(),
            answer.sex.map(Sex::as_str).into(),
            answer.race.map(Race::as_str).into(),
            clock.now().into(),
        ];
        let mut insert = tx.insert(&[CoachId, SexColumn, RaceEthnicity, DeclaredAt], [row]);
        let again = OnConflict::columns([BrandId, CoachId])
            .update_columns([SexColumn, RaceEthnicity, DeclaredAt])
            .to_owned();
        tx.run(insert.on_conflict(again)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Erases what a coach has said.
///
/// # Errors
/// When the database cannot be reached.
pub async fn erase(tx: &mut Tx, coach_id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(Demographics::Table);
    delete.and_where(Expr::col(Demographics::CoachId).eq(coach_id));
    tx.run(&delete).await?;
    Ok(())
}

/// A report on each of several versions of a choice among the coaches of a brand.
///
/// # Errors
/// When the database cannot be reached.
pub async fn reports(tx: &mut Tx, versions: &[&[Sample]]) -> Result<Vec<Report>, Problem> {
    let mut select = tx.select(Demographics::Table);
    select
        .columns(AnswerRow::COLUMNS)
        .order_by(Demographics::DeclaredAt, Order::Asc)
        .order_by(Demographics::CoachId, Order::Asc);
    let rows: Vec<AnswerRow> = tx.all(&select).await?;
    // Answers come in by whole groups: whoever compares two reports does not see what the one in between has said.
    let whole = rows.len() / FEWEST * FEWEST;
    let answers: BTreeMap<Id, Answer> =
        rows[..whole].iter().map(|row| (row.coach_id, row.answer())).collect();
    Ok(versions.iter().map(|samples| report(samples, &answers)).collect())
}
