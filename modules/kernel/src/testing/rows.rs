//! What is in a throwaway database past every wall, as its owner sees it: the tables of brands, by the catalog, and what
//! they keep of a brand.

use std::path::PathBuf;

use sqlx::AssertSqlSafe;

use super::World;
use crate::db::Db;
use crate::ids::Id;

impl World {
    /// Runs a statement as the owner of the tables.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn as_owner(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        let done = match &self.owner {
            Db::Sqlite { writer, .. } => sqlx::raw_sql(sql).execute(writer).await.map(drop),
            Db::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop),
        };
        done.expect("the owner may do anything");
    }

    /// The first column of a query, which is text, as the owner sees it.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn texts(&self, sql: String) -> Vec<String> {
        let sql = AssertSqlSafe(sql);
        let rows: Result<Vec<(String,)>, _> = match &self.owner {
            Db::Sqlite { writer, .. } => sqlx::query_as(sql).fetch_all(writer).await,
            Db::Postgres(pool) => sqlx::query_as(sql).fetch_all(pool).await,
        };
        rows.expect("the owner reads anything").into_iter().map(|(text,)| text).collect()
    }

    /// Every table whose rows belong to a brand, found in the catalog: a new one is among them.
    pub async fn tables_of_brands(&self) -> Vec<String> {
        let sql = match &self.owner {
            Db::Sqlite { .. } => {
                "SELECT t.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c ON c.name = 'brand_id' \
                 WHERE t.schema = 'main' AND t.type = 'table' ORDER BY 1"
            }
            Db::Postgres(_) => {
                "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'brand_id' \
                 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
            }
        };
        self.texts(sql.to_owned()).await
    }

    /// How many rows of a table a brand has.
    ///
    /// # Panics
    /// When the database does not count.
    pub async fn count(&self, table: &str, brand_id: Id) -> u64 {
        let sql = format!("SELECT CAST(count(*) AS TEXT) FROM {table} WHERE brand_id = {brand_id}");
        self.texts(sql).await[0].parse().expect("a number")
    }

    /// Everything that is kept of a brand: its rows with all their columns, itself and the accounts of its members.
    pub async fn kept_of(&self, brand_id: Id) -> Vec<String> {
        let mut tables = self.tables_of_brands().await;
        let mut conditions = vec![format!("brand_id = {brand_id}"); tables.len()];
        tables.extend(["brands".to_owned(), "accounts".to_owned()]);
        conditions.extend([format!("id = {brand_id}"), format!("brands LIKE '%{brand_id}%'")]);
        let mut kept = Vec::new();
        for (table, condition) in tables.iter().zip(conditions) {
            let row = match &self.owner {
                Db::Sqlite { .. } => {
                    let columns = self
                        .texts(format!("SELECT '\"' || name || '\"' FROM pragma_table_info('{table}')"))
                        .await;
                    format!("json_array({})", columns.join(", "))
                }
                Db::Postgres(_) => format!("row_to_json({table})::text"),
            };
            let sql = format!("SELECT {row} FROM {table} WHERE {condition} ORDER BY 1");
            kept.extend(self.texts(sql).await.into_iter().map(|row| format!("{table}: {row}")));
        }
        kept
    }

    /// A copy of the SQLite file as it is now, beside it.
    ///
    /// # Panics
    /// When there is no such file, or the copy is there already.
    pub async fn copy(&self, name: &str) -> PathBuf {
        let path = self.folder().join(name);
        self.as_owner(&format!("VACUUM INTO '{}'", path.display())).await;
        path
    }
}
