//! In tests, every finished statement is held against the rule that its constructors keep: each table of a brand that
//! it reaches has the brand bound, and a transaction without a brand reaches no such table.

use super::tx::{Dialect, Statement};

/// The tables that belong to no brand. Everything else has `brand_id`.
const GLOBAL: [&str; 6] =
    ["accounts", "brands", "email_codes", "identities", "signing_keys", "webhook_messages"];

/// What a transaction may reach.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Brand,
    Global,
}

/// Panics when a statement reaches what it must not.
pub(super) fn check(statement: &impl Statement, reach: Reach) {
    let (sql, _) = statement.render(Dialect::Sqlite);
    for table in statement.tables() {
        if GLOBAL.contains(&&*table) {
            continue;
        }
        assert!(reach == Reach::Brand, "{table} is reached without a brand: {sql}");
        let bound = sql.contains(&format!("\"{table}\".\"brand_id\" = ?"))
            || sql.starts_with(&format!("INSERT INTO \"{table}\" (\"brand_id\", "));
        assert!(bound, "{table} is reached without its brand: {sql}");
    }
}
