//! In tests, every finished statement is held against the rule that its constructors keep: each table of a brand that
//! it reaches has the brand bound, and a transaction without a brand reaches no such table.

use super::statement::{Dialect, Statement};
use super::unscoped::Unscoped;

/// The tables that belong to no brand. Everything else has `brand_id`.
const GLOBAL: [&str; 7] =
    ["accounts", "brands", "email_codes", "identities", "signing_keys", "webhook_messages", "workers"];

/// What a transaction may reach.
#[derive(Clone, Copy)]
pub(super) enum Reach<'u> {
    /// The tables of its brand, and past the predicates that a test has dropped.
    Brand(&'u Unscoped),
    Global,
}

/// Panics when a statement reaches what it must not.
pub(super) fn check(statement: &(impl Statement + ?Sized), reach: Reach<'_>) {
    // Benchmarks have the features of tests; they measure what ships.
    if !cfg!(debug_assertions) {
        return;
    }
    let (sql, _) = statement.render(Dialect::Sqlite);
    for table in statement.tables() {
        if GLOBAL.contains(&&*table) {
            continue;
        }
        let Reach::Brand(unscoped) = reach else { panic!("{table} is reached without a brand: {sql}") };
        if unscoped.names(&table) {
            continue;
        }
        let bound = sql.contains(&format!("\"{table}\".\"brand_id\" = ?"))
            || sql.starts_with(&format!("INSERT INTO \"{table}\" (\"brand_id\", "));
        assert!(bound, "{table} is reached without its brand: {sql}");
    }
}
