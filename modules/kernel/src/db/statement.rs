//! Statements: built once, rendered for the database at hand; and the rows that both databases give.

use sea_query::{
    DeleteStatement, InsertStatement, PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder,
    UpdateStatement,
};
use sea_query_sqlx::{SqlxBinder, SqlxValues};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A row that both databases can give.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<R> Row for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A statement that both databases can run.
pub trait Statement: Send + Sync {
    #[doc(hidden)]
    fn render(&self, dialect: Dialect) -> (String, SqlxValues);

    /// For PostgreSQL, with its values written out.
    #[doc(hidden)]
    fn literal(&self) -> String;

    /// The tables that it reaches.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    fn tables(&self) -> Vec<String>;
}

macro_rules! statements {
    ($($statement:ty),*) => {$(
        impl Statement for $statement {
            #[cfg(feature = "testing")]
            fn tables(&self) -> Vec<String> {
                let audit = sea_query::audit::AuditTrait::audit(self).expect("a statement that can be audited");
                audit.requests.into_iter().map(|request| request.schema_table.1.to_string()).collect()
            }

            fn render(&self, dialect: Dialect) -> (String, SqlxValues) {
                match dialect {
                    Dialect::Sqlite => self.build_sqlx(SqliteQueryBuilder),
                    Dialect::Postgres => self.build_sqlx(PostgresQueryBuilder),
                }
            }

            fn literal(&self) -> String {
                self.to_string(PostgresQueryBuilder)
            }
        }
    )*};
}
statements!(SelectStatement, InsertStatement, UpdateStatement, DeleteStatement);

/// A statement that the audit of tests lets pass: it probes the wall behind the predicates.
#[cfg(feature = "testing")]
#[derive(Debug)]
pub struct Probe<S>(pub S);

#[cfg(feature = "testing")]
impl<S: Statement> Statement for Probe<S> {
    fn render(&self, dialect: Dialect) -> (String, SqlxValues) {
        self.0.render(dialect)
    }

    fn literal(&self) -> String {
        self.0.literal()
    }

    fn tables(&self) -> Vec<String> {
        Vec::new()
    }
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Dialect {
    Sqlite,
    Postgres,
}
