//! A look at one brand: several selects in one round trip, for requests that only read.
//!
//! What every request reads, such as a role or a revision, is a few rows. A transaction would ask for it in a dozen messages;
//! here the brand is set and all is asked in one, in PostgreSQL's simple protocol, where several statements are one
//! transaction. Planning them would cost the server most of the time, so each is prepared under a name that is the hash of
//! its text: whichever connection knows it executes it, and one that does not prepares it in the same message. Whoever
//! else prepared it has prepared the same, so that a pooler may stand between.

use std::collections::VecDeque;

use futures_util::TryStreamExt as _;
use sea_query::{PostgresQueryBuilder, QueryBuilder as _, SelectStatement, SqliteQueryBuilder};
use sea_query_sqlx::SqlxBinder as _;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnection, PgRow};
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
                let mut connection = pool.acquire().await?;
                Ok(Glimpse(Rows::Postgres(ask(&mut connection, within, selects).await?)))
            }
        }
    }
}

/// Asks by the names of statements, and prepares those that the connection does not know.
async fn ask(
    connection: &mut PgConnection,
    within: &Within,
    selects: &[SelectStatement],
) -> Result<VecDeque<Vec<PgRow>>, Error> {
    let set = format!("SELECT set_config('app.brand_id', '{}', true)", within.scope().brand_id());
    let asked: Vec<Prepared> = selects.iter().map(Prepared::new).collect();
    let known = asked.iter().fold(set.clone(), |sql, one| sql + "; " + &one.execute());
    match run(connection, known.clone(), 1).await {
        Err(problem) if is_about_a_name(&problem) => {}
        found => return found,
    }
    let anew = asked.iter().fold(String::new(), |sql, one| sql + &one.prepare() + "; ") + &known;
    match run(connection, anew, asked.len() + 1).await {
        // Somebody else's change came between.
        Err(problem) if is_about_a_name(&problem) => {}
        found => return found,
    }
    let plain = selects.iter().map(|select| select.to_string(PostgresQueryBuilder));
    run(connection, plain.fold(set, |sql, one| sql + "; " + &one), 1).await
}

/// A select as a statement with a name.
struct Prepared {
    name: String,
    sql: String,
    arguments: String,
}

impl Prepared {
    fn new(select: &SelectStatement) -> Self {
        let (sql, values) = select.build(PostgresQueryBuilder);
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        let hash = Sha256::digest(sql.as_bytes());
        let digits = hash.iter().take(16).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        let name = "fithire_".chars().chain(digits).collect();
        let values: Vec<String> =
            values.iter().map(|value| PostgresQueryBuilder.value_to_string(value)).collect();
        let arguments = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        Self { name, sql, arguments }
    }

    fn execute(&self) -> String {
        format!("EXECUTE {}{}", self.name, self.arguments)
    }

    /// Prepares it whatever the connection knows by that name: a plan from before a migration is of no use.
    fn prepare(&self) -> String {
        let Self { name, sql, .. } = self;
        format!(
            "DO $glimpse$ BEGIN \
             IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = '{name}') THEN DEALLOCATE {name}; END IF; \
             EXECUTE $statement$PREPARE {name} AS {sql}$statement$; \
             END $glimpse$"
        )
    }
}

/// Whether a connection does not know a statement, or knows it from before a change of its tables.
fn is_about_a_name(problem: &Error) -> bool {
    /// `invalid_sql_statement_name`, `feature_not_supported` (the cached plan), `duplicate_prepared_statement`.
    const CODES: [&str; 3] = ["26000", "0A000", "42P05"];
    let code = problem.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| CODES.contains(&&*code))
}

/// Runs several statements as one, and gives what each has found after the first `skip`, which are nobody's.
async fn run(connection: &mut PgConnection, sql: String, skip: usize) -> Result<VecDeque<Vec<PgRow>>, Error> {
    let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    let mut found = VecDeque::new();
    let mut rows = Vec::new();
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(_) => found.push_back(std::mem::take(&mut rows)),
            Either::Right(row) => rows.push(row),
        }
    }
    found.drain(..skip);
    Ok(found)
}
