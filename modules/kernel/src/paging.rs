//! Pages by cursor: a page says where the next begins, by the key of its last row.
//!
//! A cursor is opaque to clients and stands for one list: it carries the list's name, so that one list's cursor
//! is refused by another. It holds only what the client has already seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::{Expr, ExprTrait as _, IntoColumnRef, Order, SelectStatement, SimpleExpr, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::{Row, Tx};
use crate::ids::Id;
use crate::problem::Problem;

/// Rows on a page unless asked otherwise.
pub const DEFAULT_LIMIT: u64 = 20;
/// Rows on a page at most.
pub const MAX_LIMIT: u64 = 100;

/// How many rows a page has: what was asked for, or [`DEFAULT_LIMIT`].
///
/// # Errors
/// A problem on the parameter `limit` when it is not from 1 to [`MAX_LIMIT`].
pub fn page_size(limit: Option<u64>) -> Result<u64, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::field("limit", format!("is not from 1 to {MAX_LIMIT}"))),
    }
}

/// Writes the key of the last row of a page of a list.
///
/// # Panics
/// Never: keys are plain values.
#[must_use]
pub fn cursor(list: &str, key: &impl Serialize) -> String {
    let json = serde_json::to_vec(&(list, key)).expect("keys are plain values");
    URL_SAFE_NO_PAD.encode(json)
}

/// Reads a cursor of a list.
///
/// # Errors
/// A problem on the parameter `cursor` when it is of another list or not a cursor at all.
pub fn after<K: DeserializeOwned>(list: &str, cursor: &str) -> Result<K, Problem> {
    let wrong = || Problem::field("cursor", "is not a cursor of this list; start again without it");
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    // Keys are what was read from the database, which has no such character.
    if String::from_utf8_lossy(&json).contains("\\u0000") {
        return Err(wrong());
    }
    let (of, key): (String, K) = serde_json::from_slice(&json).map_err(|_| wrong())?;
    if of == list { Ok(key) } else { Err(wrong()) }
}

/// A page of a list that is asked for.
pub struct Asked<'c> {
    /// The name of the list in its order, which its cursors carry.
    pub list: &'static str,
    /// In which direction.
    pub order: Order,
    /// Rows at most.
    pub limit: u64,
    /// Where the page begins; nothing is the beginning.
    pub cursor: Option<&'c str>,
}

impl Asked<'_> {
    /// The page of what is selected in order of ids, and where the next one begins.
    ///
    /// # Errors
    /// When the cursor is of another list or the database cannot be reached.
    pub async fn by_id<R: Row>(
        self,
        tx: &mut Tx,
        mut select: SelectStatement,
        ids: impl IntoColumnRef + Clone,
        id: impl Fn(&R) -> Id,
    ) -> Result<(Vec<R>, Option<String>), Problem> {
        if let Some(last) = self.after::<Id>()? {
            select.and_where(self.beyond(ids.clone(), last));
        }
        select.order_by(ids, self.order.clone()).limit(self.limit + 1);
        Ok(page(self.list, tx.all(&select).await?, self.limit, id))
    }

    /// The page of what is selected in order of a column, and of ids where that is alike, and where the next one begins.
    ///
    /// # Errors
    /// When the cursor is of another list or the database cannot be reached.
    pub async fn by<R: Row, K: Serialize + DeserializeOwned + Into<Value>>(
        self,
        tx: &mut Tx,
        mut select: SelectStatement,
        (column, ids): (impl IntoColumnRef + Clone, impl IntoColumnRef + Clone),
        key: impl Fn(&R) -> (K, Id),
    ) -> Result<(Vec<R>, Option<String>), Problem> {
        if let Some((last, id)) = self.after::<(K, Id)>()? {
            let last: Value = last.into();
            let same = Expr::col(column.clone()).eq(last.clone()).and(self.beyond(ids.clone(), id));
            select.and_where(self.beyond(column.clone(), last).or(same));
        }
        select.order_by(column, self.order.clone()).order_by(ids, self.order.clone()).limit(self.limit + 1);
        Ok(page(self.list, tx.all(&select).await?, self.limit, key))
    }

    /// The key that the page begins after.
    fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.cursor.map(|cursor| after(self.list, cursor)).transpose()
    }

    /// What comes after a value of a column.
    fn beyond(&self, column: impl IntoColumnRef, last: impl Into<Value>) -> SimpleExpr {
        let (column, last) = (Expr::col(column), Expr::val(last));
        if matches!(self.order, Order::Desc) { column.lt(last) } else { column.gt(last) }
    }
}

/// How many rows come before the page, in a list whose cursors count them; four billion at most.
///
/// # Errors
/// A problem on the parameter `cursor` as from [`after`].
pub fn skip(list: &str, cursor: Option<&str>) -> Result<usize, Problem> {
    let skip = cursor.map_or(Ok(0), |cursor| after::<u32>(list, cursor))?;
    Ok(usize::try_from(skip).unwrap_or(usize::MAX))
}

/// Cuts a list that was read one row too long to a page, and says where the next one begins.
#[must_use]
pub fn page<R, K: Serialize>(
    list: &str,
    mut rows: Vec<R>,
    limit: u64,
    key: impl Fn(&R) -> K,
) -> (Vec<R>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return (rows, None);
    }
    rows.truncate(limit);
    let next = rows.last().map(|row| cursor(list, &key(row)));
    (rows, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_list() {
        let written = cursor("jobs", &("Größe", 42_i64));
        assert_eq!(after::<(String, i64)>("jobs", &written).unwrap(), ("Größe".to_owned(), 42));
        for (list, cursor) in [
            ("coaches", written.as_str()),
            ("jobs", "zz"),
            ("jobs", "abc"),
            ("jobs", ""),
            ("jobs", "é"),
            ("jobs", "e30"),
        ] {
            assert!(after::<(String, i64)>(list, cursor).is_err(), "{list} {cursor}");
        }
    }

    #[test]
    fn a_cursor_passes_over_no_more_than_can_be_counted() {
        assert_eq!(skip("matches", None).unwrap(), 0);
        assert_eq!(skip("matches", Some(&cursor("matches", &40))).unwrap(), 40);
        for beyond in [cursor("matches", &u64::MAX), cursor("matches", &-1), cursor("candidates", &40)] {
            assert!(skip("matches", Some(&beyond)).is_err(), "{beyond}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        assert_eq!(page("n", vec![1, 2, 3], 3, |n| *n), (vec![1, 2, 3], None));
        let (rows, next) = page("n", vec![1, 2, 3, 4], 3, |n| *n);
        assert_eq!((rows, after::<i32>("n", &next.unwrap()).unwrap()), (vec![1, 2, 3], 3));
    }
}
