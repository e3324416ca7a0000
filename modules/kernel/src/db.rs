//! One code, two dialects: SQLite in the process, or PostgreSQL.
//!
//! Statements are built once with sea-query and rendered for the database at hand. Dialect branches exist here
//! and nowhere else. SQLite has one writer and many readers, write-ahead log and full synchronisation: what is
//! acknowledged survives a power cut. PostgreSQL is used without session state, so that a pooler may stand
//! between; row-level security holds there even if a predicate is forgotten.

#[cfg(feature = "testing")]
mod audit;
mod glimpse;
mod health;
mod shared;
mod signals;
mod statement;
mod tx;
#[cfg(feature = "testing")]
mod unscoped;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use sea_query::{Expr, ExprTrait, Func, IntoColumnRef, LikeExpr, SimpleExpr};
use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};

pub use glimpse::Glimpse;
pub(crate) use shared::{Claimed, Shared, Taken, is_claimed};
pub use signals::{Listener, Signal, Signals};
#[cfg(feature = "testing")]
pub use statement::Probe;
pub use statement::{Row, Statement};
pub use tx::{GlobalTable, GlobalTx, ScopedTable, Tx, Within};

use crate::form::capital;
use crate::scope::BrandScope;

/// A text column that has a text somewhere in it, in capitals or not. SQLite folds no letters beyond ASCII, so the ways
/// in which people write a word are looked for one by one.
#[must_use]
pub fn containing(column: impl IntoColumnRef + Clone, text: &str) -> SimpleExpr {
    let lower = text.to_lowercase();
    let ways = BTreeSet::from([text.to_owned(), text.to_uppercase(), capital(&lower), lower]);
    let like = |text: String| {
        let mut pattern = String::from("%");
        for c in text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        Expr::expr(Func::lower(Expr::col(column.clone())))
            .like(LikeExpr::new(pattern.clone()).escape('\\'))
            .or(Expr::col(column.clone()).like(LikeExpr::new(pattern).escape('\\')))
    };
    ways.into_iter().map(like).reduce(SimpleExpr::or).unwrap_or_else(|| Expr::value(true))
}

/// What can go wrong between this program and its database.
pub type Error = sqlx::Error;

/// A database.
#[derive(Clone, Debug)]
pub enum Db {
    /// A file, with one writer and several readers.
    Sqlite {
        /// The only connection that writes.
        writer: SqlitePool,
        /// Read-only connections.
        readers: SqlitePool,
        /// What its transactions tell.
        signals: Signals,
    },
    /// A server.
    Postgres(PgPool),
}

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| lenient(sqlx::migrate!("../../migrations/sqlite")));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| lenient(sqlx::migrate!("../../migrations/postgres")));

/// What a later version has added is no error: migrations only add, so that this version runs on it.
fn lenient(mut migrator: Migrator) -> Migrator {
    migrator.set_ignore_missing(true);
    migrator
}

/// Connections that read, on either database.
const READERS: u32 = 8;

/// A connection that has not been used for longer is asked whether it is still there before it is.
const RESTED: Duration = Duration::from_secs(1);

impl Db {
    /// Where the selects of a [`Glimpse`] are opened.
    #[must_use]
    pub fn within(&self, scope: &BrandScope) -> Within {
        Within::new(scope)
    }

    /// Opens a database by its URL: `sqlite:PATH` or `postgres://…`. A SQLite file is made when it is missing.
    ///
    /// # Errors
    /// When the URL is not understood or the database cannot be reached.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::connect(url, true).await
    }

    /// The same, but a SQLite file that is missing is an error.
    ///
    /// # Errors
    /// When the URL is not understood, or the database is not there or cannot be reached.
    pub async fn open_existing(url: &str) -> Result<Self, Error> {
        Self::connect(url, false).await
    }

    async fn connect(url: &str, make: bool) -> Result<Self, Error> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(make)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5));
            // A file does not go away: no connection is asked first whether it is still there.
            let pool = |most| SqlitePoolOptions::new().max_connections(most).test_before_acquire(false);
            let writer = pool(1).connect_with(options.clone()).await?;
            let readers = pool(READERS).connect_with(options.read_only(true)).await?;
            return Ok(Self::Sqlite { writer, readers, signals: Signals::default() });
        }
        // A pooler may hand each transaction another server connection: no statement outlives its transaction.
        let options = PgConnectOptions::from_str(url)?.statement_cache_capacity(0);
        let pool = PgPoolOptions::new()
            .max_connections(READERS)
            // A connection that was used a moment ago is there; one that has rested is asked first.
            .test_before_acquire(false)
            .before_acquire(|connection, rested| {
                Box::pin(async move {
                    if rested.idle_for > RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        Ok(Self::Postgres(pool.connect_with(options).await?))
    }

    /// Brings the schema up to date. On PostgreSQL this needs the owner of the tables, not the app's role.
    ///
    /// # Errors
    /// When a migration fails; what ran before it stays, and running again goes on from there.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        match self {
            Self::Sqlite { writer, .. } => SQLITE.run(writer).await,
            Self::Postgres(pool) => {
                POSTGRES.run(pool).await?;
                let parts = "SELECT match_events_parts(12)";
                sqlx::query(parts)
                    .execute(pool)
                    .await
                    .map(|_| ())
                    .map_err(sqlx::migrate::MigrateError::Execute)
            }
        }
    }

    /// Every migration that this program knows.
    fn migrations(&self) -> &'static [Migration] {
        match self {
            Self::Sqlite { .. } => &SQLITE.migrations,
            Self::Postgres(_) => &POSTGRES.migrations,
        }
    }

    /// A transaction that reads one brand.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn read(&self, scope: &BrandScope) -> Result<Tx, Error> {
        Tx::begin(self, scope, tx::Mode::Read).await
    }

    /// A transaction that reads and writes one brand.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn write(&self, scope: &BrandScope) -> Result<Tx, Error> {
        Tx::begin(self, scope, tx::Mode::Write).await
    }

    /// A transaction that reads the tables that belong to no brand. It waits for no writer.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn read_global(&self) -> Result<GlobalTx, Error> {
        GlobalTx::begin(self, tx::Mode::Read).await
    }

    /// A transaction that reads and writes the tables that belong to no brand.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn write_global(&self) -> Result<GlobalTx, Error> {
        GlobalTx::begin(self, tx::Mode::Write).await
    }

    /// Closes every connection; what waits for one fails.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
