//! A look at one brand: several selects in one round trip, for requests that only read.
//!
//! What every request reads, such as a role or a revision, is a few rows. A transaction would ask for it in a dozen messages;
//! here the brand is set and all is asked in one, in PostgreSQL's simple protocol, where several statements are one
//! transaction and no statement is prepared, so that a pooler may stand between.

use std::collections::VecDeque;

use futures_util::TryStreamExt as _;
use sea_query::{PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder};
use sea_query_sqlx::SqlxBinder as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Either};

use super::tx::{Row, Within};
use super::{Db, Error};

/// What the selects have found, each in its turn.
#[derive(Debug)]
pub struct Glimpse(Rows);

#[derive(Debug)]
enum Rows {
    Sqlite(VecDeque<Vec<SqliteRow>>),
    Postgres(VecDeque<Vec<PgRow>>),
}

impl Glimpse {
    /// The rows of the next select.
    ///
    /// # Errors
    /// When a row is not what was expected, or nothing more was asked.
    pub fn all<R: Row>(&mut self) -> Result<Vec<R>, Error> {
        match &mut self.0 {
            Rows::Sqlite(found) => {
                found.pop_front().ok_or(Error::RowNotFound)?.iter().map(R::from_row).collect()
            }
            Rows::Postgres(found) => {
                found.pop_front().ok_or(Error::RowNotFound)?.iter().map(R::from_row).collect()
            }
        }
    }

    /// The first row of the next select, if there is one.
    ///
    /// # Errors
    /// As [`Glimpse::all`].
    pub fn optional<R: Row>(&mut self) -> Result<Option<R>, Error> {
        Ok(self.all()?.into_iter().next())
    }
}

impl Db {
    /// Asks several things of one brand at once. Each select is opened by `within`, and sees what was committed before.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn glimpse(&self, within: &Within, selects: &[SelectStatement]) -> Result<Glimpse, Error> {
        #[cfg(feature = "testing")]
        for select in selects {
            super::audit::check(select, within.reach());
        }
        match self {
            Self::Sqlite { readers, .. } => {
                let mut tx = readers.begin().await?;
                let mut found = VecDeque::new();
                for select in selects {
                    let (sql, values) = select.build_sqlx(SqliteQueryBuilder);
                    found.push_back(sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(&mut *tx).await?);
                }
                Ok(Glimpse(Rows::Sqlite(found)))
            }
            Self::Postgres(pool) => {
                let brand_id = within.scope().brand_id();
                let mut sql = format!("SELECT set_config('app.brand_id', '{brand_id}', true)");
                for select in selects {
                    sql += "; ";
                    sql += &select.to_string(PostgresQueryBuilder);
                }
                let mut connection = pool.acquire().await?;
                let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut *connection);
                let mut found = VecDeque::new();
                let mut rows = Vec::new();
                while let Some(answer) = answers.try_next().await? {
                    match answer {
                        Either::Left(_) => found.push_back(std::mem::take(&mut rows)),
                        Either::Right(row) => rows.push(row),
                    }
                }
                // What setting the brand says is nobody's.
                found.pop_front();
                Ok(Glimpse(Rows::Postgres(found)))
            }
        }
    }
}
