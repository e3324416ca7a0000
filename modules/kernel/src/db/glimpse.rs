//! One brand in one round trip: a look at it by several selects, for requests that only read, and several changes.
//!
//! What every request reads, such as a role or a revision, is a few rows. A transaction would ask for it in a dozen messages;
//! here the brand is set and all is asked in one, in PostgreSQL's simple protocol, where several statements are one
//! transaction. Planning them would cost the server most of the time, so each is prepared under a name that is the hash of
//! its text: whichever connection knows it executes it, and one that does not prepares it in the same message. Whoever
//! else prepared it has prepared the same, so that a pooler may stand between. What changes rows goes as plain text: no two
//! lists of ids are alike.
//!
//! SQLite has a thread for each connection, and each statement is a message there and one back, which takes longer than most
//! statements do: there, too, all goes in one.

use std::collections::VecDeque;

use futures_util::{Stream, TryStreamExt as _};
use sea_query::{PostgresQueryBuilder, QueryBuilder as _, SelectStatement};
use sea_query_sqlx::SqlxValues;
use sha2::{Digest as _, Sha256};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteQueryResult, SqliteRow};
use sqlx::{AssertSqlSafe, Either, Executor as _, Sqlite};

use super::statement::{Dialect, Row, Statement};
use super::tx::Within;
use super::{Db, Error};

/// What the statements have found or changed, each in its turn.
#[derive(Debug)]
pub struct Glimpse(Answers);

#[derive(Debug)]
enum Answers {
    Sqlite(VecDeque<Answer<SqliteRow>>),
    Postgres(VecDeque<Answer<PgRow>>),
}

/// Of one statement.
#[derive(Debug)]
struct Answer<R> {
    rows: Vec<R>,
    changed: u64,
}

fn next<R>(answers: &mut VecDeque<Answer<R>>) -> Result<Answer<R>, Error> {
    answers.pop_front().ok_or(Error::RowNotFound)
}

impl Glimpse {
    /// The rows of the next statement.
    ///
    /// # Errors
    /// When a row is not what was expected, or nothing more was asked.
    pub fn all<R: Row>(&mut self) -> Result<Vec<R>, Error> {
        match &mut self.0 {
            Answers::Sqlite(answers) => next(answers)?.rows.iter().map(R::from_row).collect(),
            Answers::Postgres(answers) => next(answers)?.rows.iter().map(R::from_row).collect(),
        }
    }

    /// How many rows the next statement has changed.
    ///
    /// # Errors
    /// When nothing more was asked.
    pub fn changed(&mut self) -> Result<u64, Error> {
        match &mut self.0 {
            Answers::Sqlite(answers) => Ok(next(answers)?.changed),
            Answers::Postgres(answers) => Ok(next(answers)?.changed),
        }
    }

    /// The first row of the next statement, if there is one.
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
                let selects = selects.iter().map(|select| select.render(Dialect::Sqlite));
                Ok(Glimpse(Answers::Sqlite(at_once(readers, "BEGIN", selects).await?)))
            }
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                Ok(Glimpse(Answers::Postgres(ask(&mut connection, within, selects).await?)))
            }
        }
    }

    /// Changes several things of one brand in a transaction of their own. Each statement is opened by `within`, and sees what
    /// those before it did; their values are numbers, times and words of the program.
    ///
    /// # Errors
    /// When the database refuses, and nothing has changed; or cannot be reached, and it is not known whether it has.
    pub async fn change(&self, within: &Within, statements: &[&dyn Statement]) -> Result<Glimpse, Error> {
        #[cfg(feature = "testing")]
        for statement in statements {
            super::audit::check(*statement, within.reach());
        }
        match self {
            Self::Sqlite { writer, .. } => {
                let statements = statements.iter().map(|one| one.render(Dialect::Sqlite));
                Ok(Glimpse(Answers::Sqlite(at_once(writer, "BEGIN IMMEDIATE", statements).await?)))
            }
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                let sql = statements.iter().fold(set_brand(within), |sql, one| sql + "; " + &one.literal());
                Ok(Glimpse(Answers::Postgres(run(&mut connection, sql, 1).await?)))
            }
        }
    }
}

/// What SQLite answers to statements, each as its text and its values, in a transaction that is opened so.
async fn at_once(
    pool: &SqlitePool,
    opening: &str,
    statements: impl Iterator<Item = (String, SqlxValues)>,
) -> Result<VecDeque<Answer<SqliteRow>>, Error> {
    let (mut sql, mut values) = (opening.to_owned(), SqlxValues(sea_query::Values(Vec::new())));
    for (text, those) in statements {
        sql = sql + "; " + &text;
        values.0.0.extend(those.0);
    }
    let mut begun = Begun { connection: pool.acquire().await?, ended: false };
    let query = sqlx::query_with(AssertSqlSafe(sql + "; COMMIT"), values);
    let mut answers = collect(begun.connection.fetch_many(query)).await?;
    begun.ended = true;
    answers.pop_front();
    answers.pop_back();
    Ok(answers)
}

/// A connection in a transaction that its pool does not know of. Where that has not ended, whether a statement has failed or
/// nobody waits for it any longer, the connection is closed, and the transaction with it.
struct Begun {
    connection: PoolConnection<Sqlite>,
    ended: bool,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

fn set_brand(within: &Within) -> String {
    format!("SELECT set_config('app.brand_id', '{}', true)", within.scope().brand_id())
}

/// Asks by the names of statements, and prepares those that the connection does not know.
async fn ask(
    connection: &mut PgConnection,
    within: &Within,
    selects: &[SelectStatement],
) -> Result<VecDeque<Answer<PgRow>>, Error> {
    let set = set_brand(within);
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

/// Runs several statements as one, and gives the answers after the first `skip`, which are nobody's.
async fn run(
    connection: &mut PgConnection,
    sql: String,
    skip: usize,
) -> Result<VecDeque<Answer<PgRow>>, Error> {
    let mut answers = collect(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection)).await?;
    answers.drain(..skip);
    Ok(answers)
}

/// Rows come one by one, and after those of each statement what it has done.
async fn collect<D: Done, R>(
    mut parts: impl Stream<Item = Result<Either<D, R>, Error>> + Unpin,
) -> Result<VecDeque<Answer<R>>, Error> {
    let mut answers = VecDeque::new();
    let mut rows = Vec::new();
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => {
                answers.push_back(Answer { rows: std::mem::take(&mut rows), changed: done.changed() });
            }
            Either::Right(row) => rows.push(row),
        }
    }
    Ok(answers)
}

/// What a database says at the end of a statement.
trait Done {
    fn changed(&self) -> u64;
}

impl Done for SqliteQueryResult {
    fn changed(&self) -> u64 {
        self.rows_affected()
    }
}

impl Done for PgQueryResult {
    fn changed(&self) -> u64 {
        self.rows_affected()
    }
}
