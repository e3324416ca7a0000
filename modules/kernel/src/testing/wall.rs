//! What a [`Tx`](crate::db::Tx) sees and changes of a table, whatever the table: the wall between brands where no answer
//! shows it.

use std::sync::{Mutex, PoisonError};

use sea_query::{Expr, ExprTrait, Iden};

use super::World;
use crate::db::{Error, ScopedTable};
use crate::scope::BrandScope;

/// The table at hand, which the catalog knows and no type of ours.
#[derive(Clone, Copy)]
enum AtHand {
    Table,
    BrandId,
}

static TABLE: Mutex<&str> = Mutex::new("");

impl Iden for AtHand {
    fn unquoted(&self) -> &str {
        match self {
            Self::Table => *TABLE.lock().unwrap_or_else(PoisonError::into_inner),
            Self::BrandId => "brand_id",
        }
    }
}

impl ScopedTable for AtHand {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// How many rows of a table a transaction reaches. Nothing where the database refuses, as it does when others point to a
/// row or when a log stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// By a select.
    pub read: Option<u64>,
    /// By an update.
    pub changed: Option<u64>,
    /// By a delete.
    pub removed: Option<u64>,
}

impl Reached {
    /// Whether no more is reached than so many rows.
    #[must_use]
    pub fn is_only(self, rows: u64) -> bool {
        self.read == Some(rows)
            && [self.changed, self.removed].into_iter().flatten().all(|reached| reached == rows)
    }
}

impl World {
    /// What a transaction of a brand reaches of a table, without the brand predicates that are named. Nothing is changed.
    ///
    /// # Panics
    /// When the database cannot be reached.
    pub async fn reached(&self, scope: &BrandScope, table: &'static str, dropped: &str) -> Reached {
        *TABLE.lock().unwrap_or_else(PoisonError::into_inner) = table;
        let begin = async || self.db.write(scope).await.expect("a transaction").unscoped(dropped);
        let counted = |result: Result<u64, Error>| result.ok();
        let mut tx = begin().await;
        let mut select = tx.select(AtHand::Table);
        select.expr(Expr::col((AtHand::Table, AtHand::BrandId)).count());
        let read: Option<(i64,)> = tx.optional(&select).await.expect("rows can be counted");
        drop(tx);
        let mut tx = begin().await;
        let mut update = tx.update(AtHand::Table);
        update.value(AtHand::BrandId, Expr::col(AtHand::BrandId));
        let changed = counted(tx.run(&update).await);
        drop(tx);
        let mut tx = begin().await;
        let removed = counted(tx.run(&tx.delete(AtHand::Table)).await);
        Reached { read: read.map(|(count,)| count.unsigned_abs()), changed, removed }
    }
}
