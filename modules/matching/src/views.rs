//! Saved views: the query of a list of candidates under a name, each account's own, for every job.

use fithire_identity::hold_member;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{ScopedTable, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use sea_query::{Expr, ExprTrait, Iden, OnConflict, Order};
use serde::Serialize;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
enum SavedViews {
    Table,
    BrandId,
    Id,
    AccountId,
    Name,
    Query,
    CreatedAt,
}

impl ScopedTable for SavedViews {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// A saved view.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct View {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) query: String,
}

/// The views of an account, by name.
pub(crate) async fn of(tx: &mut Tx, account_id: Id) -> Result<Vec<View>, Problem> {
    let mut select = tx.select(SavedViews::Table);
    select
        .columns([SavedViews::Id, SavedViews::Name, SavedViews::Query])
        .and_where(Expr::col(SavedViews::AccountId).eq(account_id))
        .order_by(SavedViews::Name, Order::Asc);
    Ok(tx.all(&select).await?)
}

/// Saves a view; the same name again changes it.
///
/// # Errors
/// 401 when the account is no member any more; 422 when the name is none.
pub(crate) async fn save(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    account_id: Id,
    (name, query): (&str, &str),
) -> Result<(), Problem> {
    let name = name.trim();
    if !(1..=60).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::field("name", "is not a name of 1 to 60 characters"));
    }
    hold_member(tx, account_id).await?;
    let columns =
        [SavedViews::Id, SavedViews::AccountId, SavedViews::Name, SavedViews::Query, SavedViews::CreatedAt];
    let row =
        vec![ids.next().into(), account_id.into(), name.into(), clean(query).into(), clock.now().into()];
    let mut insert = tx.insert(&columns, [row]);
    let same = OnConflict::columns([SavedViews::BrandId, SavedViews::AccountId, SavedViews::Name])
        .update_column(SavedViews::Query)
        .to_owned();
    insert.on_conflict(same);
    tx.run(&insert).await?;
    Ok(())
}

/// Removes a view of the account.
pub(crate) async fn remove(tx: &mut Tx, account_id: Id, id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(SavedViews::Table);
    delete
        .and_where(Expr::col(SavedViews::Id).eq(id))
        .and_where(Expr::col(SavedViews::AccountId).eq(account_id));
    tx.run(&delete).await?;
    Ok(())
}

/// A query and nothing but: what a form sent is written anew.
pub(crate) fn clean(query: &str) -> String {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    serde_urlencoded::to_string(pairs).unwrap_or_default().chars().take(1_000).collect()
}
