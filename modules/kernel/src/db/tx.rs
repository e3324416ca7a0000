//! Transactions. A [`Tx`] belongs to one brand and opens every statement inside it, as [`Within`] does for whoever only
//! looks.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt};
use sea_query::{
    DeleteStatement, Expr, ExprTrait, Iden, InsertStatement, IntoCondition, Query, SelectStatement,
    SimpleExpr, UpdateStatement, Value,
};
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};
use tokio::sync::mpsc::Sender;

#[cfg(feature = "testing")]
use super::audit::Reach;
use super::shared::{Held, Shared};
use super::signals::{self, CHANNEL, Signal, Signals};
use super::statement::{Dialect, Row, Statement};
#[cfg(feature = "testing")]
use super::unscoped::Unscoped;
use super::{Db, Error};
use crate::scope::BrandScope;

/// A table whose rows belong to a brand: the identifiers of its table and of its column `brand_id`.
pub trait ScopedTable: Iden + Copy + Send + Sync + 'static {
    /// The table.
    const TABLE: Self;
    /// Its column `brand_id`.
    const BRAND_ID: Self;
}

/// A table whose rows belong to no brand, such as the directory of brands and the accounts.
pub trait GlobalTable: Iden + Copy + Send + Sync + 'static {
    /// The table.
    const TABLE: Self;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

/// A transaction of either database.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Connection {
    pub(super) async fn begin(db: &Db, mode: Mode) -> Result<Self, Error> {
        Ok(match db {
            // A writer takes its lock at once: a read that turns into a write could not wait for it.
            Db::Sqlite { writer, .. } if mode == Mode::Write => {
                Self::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Db::Sqlite { readers, .. } => Self::Sqlite(readers.begin().await?),
            Db::Postgres(pool) => Self::Postgres(pool.begin().await?),
        })
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }

    /// Has PostgreSQL wait for others' locks for so long at most, or as long as it takes.
    pub(super) async fn wait_at_most(&mut self, milliseconds: u32) -> Result<(), Error> {
        if let Self::Postgres(tx) = self {
            let set = sqlx::query("SELECT set_config('lock_timeout', $1, true)");
            set.bind(milliseconds.to_string()).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Has PostgreSQL tell topics to every process, when this is committed.
    async fn tell(&mut self, topics: &[Arc<str>]) -> Result<(), Error> {
        if let Self::Postgres(tx) = self {
            let tell = sqlx::query("SELECT pg_notify($1, message) FROM unnest($2) AS message");
            tell.bind(CHANNEL).bind(signals::messages(topics)).execute(&mut **tx).await?;
        }
        Ok(())
    }

    async fn all<R: Row>(&mut self, statement: &impl Statement) -> Result<Vec<R>, Error> {
        match self {
            Self::Sqlite(tx) => {
                let (sql, values) = statement.render(Dialect::Sqlite);
                sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_all(&mut **tx).await
            }
            Self::Postgres(tx) => {
                let (sql, values) = statement.render(Dialect::Postgres);
                sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_all(&mut **tx).await
            }
        }
    }

    /// Ends early when nobody takes the rows any more.
    async fn stream<R: Row>(&mut self, statement: &impl Statement, to: &Sender<R>) -> Result<(), Error> {
        async fn pass<R>(
            mut rows: impl Stream<Item = Result<R, Error>> + Unpin,
            to: &Sender<R>,
        ) -> Result<(), Error> {
            while let Some(row) = rows.try_next().await? {
                if to.send(row).await.is_err() {
                    break;
                }
            }
            Ok(())
        }
        match self {
            Self::Sqlite(tx) => {
                let (sql, values) = statement.render(Dialect::Sqlite);
                pass(sqlx::query_as_with(AssertSqlSafe(sql), values).fetch(&mut **tx), to).await
            }
            Self::Postgres(tx) => {
                let (sql, values) = statement.render(Dialect::Postgres);
                pass(sqlx::query_as_with(AssertSqlSafe(sql), values).fetch(&mut **tx), to).await
            }
        }
    }

    async fn run(&mut self, statement: &impl Statement) -> Result<u64, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let (sql, values) = statement.render(Dialect::Sqlite);
                sqlx::query_with(AssertSqlSafe(sql), values).execute(&mut **tx).await?.rows_affected()
            }
            Self::Postgres(tx) => {
                let (sql, values) = statement.render(Dialect::Postgres);
                sqlx::query_with(AssertSqlSafe(sql), values).execute(&mut **tx).await?.rows_affected()
            }
        })
    }
}

/// What every transaction can do with a finished statement.
macro_rules! runs_statements {
    ($tx:ty) => {
        impl $tx {
            /// Every row.
            ///
            /// # Errors
            /// When the database refuses or cannot be reached.
            pub async fn all<R: Row>(&mut self, statement: &impl Statement) -> Result<Vec<R>, Error> {
                #[cfg(feature = "testing")]
                super::audit::check(statement, self.reach());
                self.connection.all(statement).await
            }

            /// Every row, one after the other as they come: for more of them than one should hold at once.
            ///
            /// # Errors
            /// When the database refuses or cannot be reached.
            pub async fn stream<R: Row>(
                &mut self,
                statement: &impl Statement,
                to: &Sender<R>,
            ) -> Result<(), Error> {
                #[cfg(feature = "testing")]
                super::audit::check(statement, self.reach());
                self.connection.stream(statement, to).await
            }

            /// The first row, if there is one.
            ///
            /// # Errors
            /// When the database refuses or cannot be reached.
            pub async fn optional<R: Row>(&mut self, statement: &impl Statement) -> Result<Option<R>, Error> {
                Ok(self.all(statement).await?.into_iter().next())
            }

            /// Runs a statement and counts the rows that it changed.
            ///
            /// # Errors
            /// When the database refuses or cannot be reached.
            pub async fn run(&mut self, statement: &impl Statement) -> Result<u64, Error> {
                #[cfg(feature = "testing")]
                super::audit::check(statement, self.reach());
                self.connection.run(statement).await
            }
        }
    };
}
runs_statements!(Tx);
runs_statements!(GlobalTx);

/// Opens statements inside one brand: [`Within::select`], [`Within::insert`], [`Within::update`] and [`Within::delete`] carry
/// the brand; a join goes through [`Within::join`].
#[derive(Clone, Debug)]
pub struct Within {
    scope: BrandScope,
    #[cfg(feature = "testing")]
    unscoped: Unscoped,
}

/// A transaction inside one brand, which is where it opens statements. On PostgreSQL row-level security holds the same line
/// again.
#[derive(Debug)]
pub struct Tx {
    within: Within,
    connection: Held,
    telling: Telling,
}

/// What a transaction tells once it is committed, and to whom where the database does not carry it.
#[derive(Debug, Default)]
pub(super) struct Telling {
    topics: BTreeSet<Arc<str>>,
    here: Option<Signals>,
}

impl Telling {
    pub(super) fn of(db: &Db) -> Self {
        let here = if let Db::Sqlite { signals, .. } = db { Some(signals.clone()) } else { None };
        Self { topics: BTreeSet::new(), here }
    }

    /// Tells later what another one would have told.
    pub(super) fn add(&mut self, other: Self) {
        self.topics.extend(other.topics);
        self.here = self.here.take().or(other.here);
    }
}

impl std::ops::Deref for Tx {
    type Target = Within;

    fn deref(&self) -> &Within {
        &self.within
    }
}

impl Tx {
    pub(super) async fn begin(db: &Db, scope: &BrandScope, mode: Mode) -> Result<Self, Error> {
        if let Some(shared) = Shared::of(scope)
            && let Some(tx) = shared.open(db, scope, mode).await?
        {
            return Ok(tx);
        }
        Self::on(Held::own(Connection::begin(db, mode).await?), scope, Telling::of(db)).await
    }

    pub(super) async fn on(
        mut connection: Held,
        scope: &BrandScope,
        telling: Telling,
    ) -> Result<Self, Error> {
        if let Connection::Postgres(tx) = &mut *connection {
            // Local to the transaction: behind a pooler the connection goes to somebody else afterwards.
            sqlx::query("SELECT set_config('app.brand_id', $1, true)")
                .bind(scope.brand_id().to_string())
                .execute(&mut **tx)
                .await?;
        }
        Ok(Self::going_on(connection, scope, telling))
    }

    pub(super) fn connection(&mut self) -> &mut Held {
        &mut self.connection
    }

    /// A transaction that is in the brand already.
    pub(super) fn going_on(connection: Held, scope: &BrandScope, telling: Telling) -> Self {
        Self { within: Within::new(scope), connection, telling }
    }

    /// Drops the brand predicate of a table, or of every table (`*`), from the statements that are opened from now on: for
    /// tests of what else holds the line.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn unscoped(self, tables: &str) -> Self {
        Self { within: Within { unscoped: Unscoped::of(tables), ..self.within }, ..self }
    }

    /// Goes on in another brand, within the same transaction: for what happens to an account in all of its brands.
    ///
    /// # Errors
    /// When the database cannot be reached; nothing has happened then.
    pub async fn enter(self, scope: &BrandScope) -> Result<Self, Error> {
        Self::on(self.connection.alone()?, scope, self.telling).await
    }

    /// Tells a topic, of one line, to everybody who listens, once this is committed. Telling it again tells it once.
    pub fn tell(&mut self, topic: impl Into<Arc<str>>) {
        self.telling.topics.insert(topic.into());
    }

    /// Makes what was written durable, and tells what there is to tell. A transaction that is dropped instead has not
    /// happened. Where a request is to happen once, it becomes durable together with its answer.
    ///
    /// # Errors
    /// When the database cannot be reached; whether it happened is then not known.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.connection.is_shared() {
            self.connection.park(self.telling);
            return Ok(());
        }
        let topics: Vec<Arc<str>> = std::mem::take(&mut self.telling.topics).into_iter().collect();
        if !topics.is_empty() {
            self.connection.tell(&topics).await?;
        }
        self.connection.take().commit().await?;
        if let Some(here) = self.telling.here {
            for topic in topics {
                here.tell(Signal::Topic(topic));
            }
        }
        Ok(())
    }
}

impl Within {
    pub(super) fn new(scope: &BrandScope) -> Self {
        Self {
            scope: scope.clone(),
            #[cfg(feature = "testing")]
            unscoped: Unscoped::from_environment(),
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn reach(&self) -> Reach<'_> {
        Reach::Brand(&self.unscoped)
    }

    /// Whose statements they are.
    #[must_use]
    pub fn scope(&self) -> &BrandScope {
        &self.scope
    }

    fn in_brand<T: ScopedTable>(&self) -> SimpleExpr {
        #[cfg(feature = "testing")]
        if self.unscoped.names(T::TABLE.unquoted()) {
            return Expr::value(true);
        }
        Expr::col((T::TABLE, T::BRAND_ID)).eq(self.scope.brand_id())
    }

    /// Reads a table within the brand.
    #[must_use]
    pub fn select<T: ScopedTable>(&self, table: T) -> SelectStatement {
        let mut statement = Query::select();
        statement.from(table_of(table)).and_where(self.in_brand::<T>());
        statement
    }

    /// Reads a table that belongs to no brand, in the same transaction.
    #[must_use]
    pub fn select_global<T: GlobalTable>(&self, _table: T) -> SelectStatement {
        let mut statement = Query::select();
        statement.from(T::TABLE);
        statement
    }

    /// Adds rows to a table that belongs to no brand, in the same transaction. Each row has one value per column.
    ///
    /// # Panics
    /// When a row has another number of values than there are columns.
    #[must_use]
    pub fn insert_global<T: GlobalTable>(
        &self,
        columns: &[T],
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> InsertStatement {
        insert_into(columns, rows)
    }

    /// Changes a table that belongs to no brand, in the same transaction.
    #[must_use]
    pub fn update_global<T: GlobalTable>(&self, _table: T) -> UpdateStatement {
        let mut statement = Query::update();
        statement.table(T::TABLE);
        statement
    }

    /// Removes rows of a table that belongs to no brand, in the same transaction.
    #[must_use]
    pub fn delete_global<T: GlobalTable>(&self, _table: T) -> DeleteStatement {
        let mut statement = Query::delete();
        statement.from_table(T::TABLE);
        statement
    }

    /// Joins another table of the brand to a select.
    pub fn join<T: ScopedTable>(&self, statement: &mut SelectStatement, _table: T, on: impl IntoCondition) {
        statement.inner_join(T::TABLE, on).and_where(self.in_brand::<T>());
    }

    /// Joins a table that belongs to no brand, such as the account behind a membership.
    pub fn join_global<T: GlobalTable>(
        &self,
        statement: &mut SelectStatement,
        _table: T,
        on: impl IntoCondition,
    ) {
        statement.inner_join(T::TABLE, on);
    }

    /// Adds rows, stamped with the brand. Each row has one value per column.
    ///
    /// # Panics
    /// When a row has another number of values than there are columns.
    #[must_use]
    pub fn insert<T: ScopedTable>(
        &self,
        columns: &[T],
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> InsertStatement {
        let mut statement = Query::insert();
        statement.into_table(T::TABLE).columns(std::iter::once(T::BRAND_ID).chain(columns.iter().copied()));
        for row in rows {
            let brand = Expr::value(self.scope.brand_id());
            statement.values_panic(std::iter::once(brand).chain(row.into_iter().map(Expr::value)));
        }
        statement
    }

    /// Changes rows of the brand.
    #[must_use]
    pub fn update<T: ScopedTable>(&self, _table: T) -> UpdateStatement {
        let mut statement = Query::update();
        statement.table(T::TABLE).and_where(self.in_brand::<T>());
        statement
    }

    /// Removes rows of the brand.
    #[must_use]
    pub fn delete<T: ScopedTable>(&self, _table: T) -> DeleteStatement {
        let mut statement = Query::delete();
        statement.from_table(T::TABLE).and_where(self.in_brand::<T>());
        statement
    }
}

fn table_of<T: ScopedTable>(_table: T) -> T {
    T::TABLE
}

fn insert_into<T: GlobalTable>(columns: &[T], rows: impl IntoIterator<Item = Vec<Value>>) -> InsertStatement {
    let mut statement = Query::insert();
    statement.into_table(T::TABLE).columns(columns.iter().copied());
    for row in rows {
        statement.values_panic(row.into_iter().map(Expr::value));
    }
    statement
}

/// A transaction on tables that belong to no brand. It can reach no table that does.
#[derive(Debug)]
pub struct GlobalTx {
    connection: Connection,
    telling: Telling,
}

impl GlobalTx {
    pub(super) async fn begin(db: &Db, mode: Mode) -> Result<Self, Error> {
        Ok(Self { connection: Connection::begin(db, mode).await?, telling: Telling::of(db) })
    }

    /// Goes on in a brand, within the same transaction.
    ///
    /// # Errors
    /// When the database cannot be reached; nothing has happened then.
    pub async fn enter(self, scope: &BrandScope) -> Result<Tx, Error> {
        Tx::on(Held::own(self.connection), scope, self.telling).await
    }

    /// Makes what was written durable. A transaction that is dropped instead has not happened.
    ///
    /// # Errors
    /// When the database cannot be reached; whether it happened is then not known.
    pub async fn commit(self) -> Result<(), Error> {
        self.connection.commit().await
    }

    #[cfg(feature = "testing")]
    #[expect(clippy::unused_self, reason = "a transaction of a brand is asked the same")]
    fn reach(&self) -> Reach<'_> {
        Reach::Global
    }

    /// Reads a table.
    #[must_use]
    pub fn select<T: GlobalTable>(&self, _table: T) -> SelectStatement {
        let mut statement = Query::select();
        statement.from(T::TABLE);
        statement
    }

    /// Adds rows; each has one value per column.
    ///
    /// # Panics
    /// When a row has another number of values than there are columns.
    #[must_use]
    pub fn insert<T: GlobalTable>(
        &self,
        columns: &[T],
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> InsertStatement {
        insert_into(columns, rows)
    }

    /// Changes rows.
    #[must_use]
    pub fn update<T: GlobalTable>(&self, _table: T) -> UpdateStatement {
        let mut statement = Query::update();
        statement.table(T::TABLE);
        statement
    }

    /// Joins another table to a select.
    pub fn join<T: GlobalTable>(&self, statement: &mut SelectStatement, _table: T, on: impl IntoCondition) {
        statement.inner_join(T::TABLE, on);
    }

    /// Removes rows.
    #[must_use]
    pub fn delete<T: GlobalTable>(&self, _table: T) -> DeleteStatement {
        let mut statement = Query::delete();
        statement.from_table(T::TABLE);
        statement
    }
}
