//! What an operator asks of a database: whether it is sound, whether its schema is ours, and a copy of it.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Row as _, SqlitePool};

use super::{Db, Error};

impl Db {
    /// What it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite, sound",
            Self::Postgres(_) => "PostgreSQL, as a role that row-level security binds",
        }
    }

    /// How many connections this process has to it, and how many of them do nothing at this moment.
    #[must_use]
    pub fn connections(&self) -> (u32, u32) {
        let idle = |idle: usize| u32::try_from(idle).unwrap_or(u32::MAX);
        match self {
            Self::Sqlite { writer, readers, .. } => {
                (writer.size() + readers.size(), idle(writer.num_idle() + readers.num_idle()))
            }
            Self::Postgres(pool) => (pool.size(), idle(pool.num_idle())),
        }
    }

    /// What is wrong with it, in sentences; nothing when it is fine.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn faults(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Sqlite { writer, .. } => faults_of_file(writer).await,
            Self::Postgres(pool) => {
                let sql = "SELECT r.rolsuper OR r.rolbypassrls AS unbound, \
                           EXISTS (SELECT 1 FROM pg_tables t WHERE t.schemaname = 'public' AND t.tableowner = r.rolname) AS owner, \
                           current_setting('server_version_num')::int AS version \
                           FROM pg_roles r WHERE r.rolname = current_user";
                let row = sqlx::query(sql).fetch_one(pool).await?;
                let found = [
                    (
                        row.get("unbound"),
                        "the role of database.url bypasses row-level security; use one that does not",
                    ),
                    (
                        row.get("owner"),
                        "the role of database.url owns tables; give the owner as database.owner_url only",
                    ),
                    (row.get::<i32, _>("version") < 150_000, "the server is older than PostgreSQL 15"),
                ];
                Ok(found.into_iter().filter(|(wrong, _)| *wrong).map(|(_, words)| words.to_owned()).collect())
            }
        }
    }

    /// The versions of the migrations that have not run.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn pending(&self) -> Result<Vec<i64>, Error> {
        let there = match self {
            Self::Sqlite { .. } => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Self::Postgres(_) => "SELECT COUNT(*) FROM pg_tables WHERE tablename = '_sqlx_migrations'",
        };
        let ran = "SELECT version FROM _sqlx_migrations WHERE success";
        let ran: Vec<(i64,)> = match self {
            Self::Sqlite { readers, .. } => match sqlx::query_as(there).fetch_one(readers).await? {
                (0_i64,) => Vec::new(),
                _ => sqlx::query_as(ran).fetch_all(readers).await?,
            },
            Self::Postgres(pool) => match sqlx::query_as(there).fetch_one(pool).await? {
                (0_i64,) => Vec::new(),
                _ => match sqlx::query_as(ran).fetch_all(pool).await {
                    // The right to read it comes with a migration.
                    Err(error) if is_forbidden(&error) => Vec::new(),
                    rows => rows?,
                },
            },
        };
        let ran: BTreeSet<i64> = ran.into_iter().map(|(version,)| version).collect();
        let known = self.migrations().iter().map(|migration| migration.version);
        Ok(known.filter(|version| !ran.contains(version)).collect())
    }

    /// Writes a copy of one moment of a SQLite database into a file that is empty, while others go on using it, and checks
    /// the copy; answers its faults.
    ///
    /// # Errors
    /// When the file has content or cannot be written, and on PostgreSQL, which has its own tools.
    pub async fn copy_to(&self, file: &Path) -> Result<Vec<String>, Error> {
        let Self::Sqlite { writer, .. } = self else {
            return Err(Error::Configuration("PostgreSQL has tools of its own".into()));
        };
        sqlx::query("VACUUM INTO ?").bind(file.to_string_lossy()).execute(writer).await?;
        let copy =
            SqlitePool::connect_with(SqliteConnectOptions::new().filename(file).read_only(true)).await?;
        let faults = faults_of_file(&copy).await;
        copy.close().await;
        faults
    }
}

/// Whether PostgreSQL refused for want of a privilege.
fn is_forbidden(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42501"))
}

async fn faults_of_file(pool: &SqlitePool) -> Result<Vec<String>, Error> {
    let checked: Vec<(String,)> = sqlx::query_as("PRAGMA integrity_check").fetch_all(pool).await?;
    let mut faults: Vec<String> =
        checked.into_iter().map(|(line,)| line).filter(|line| line != "ok").collect();
    let strays = sqlx::query("PRAGMA foreign_key_check").fetch_all(pool).await?;
    if !strays.is_empty() {
        faults.push(format!("{} rows point at rows that are not there", strays.len()));
    }
    Ok(faults)
}
