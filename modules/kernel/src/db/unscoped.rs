//! Drops predicates in tests, to show that each of them is missed: a test that holds without them proves nothing.

/// The tables whose brand predicate is dropped: one by its name, `*` for every one, or none.
#[derive(Clone, Debug)]
pub(super) struct Unscoped(Option<String>);

impl Unscoped {
    /// What a test says to a program that it starts. A program without the feature `testing` has no such switch.
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    pub(super) fn from_environment() -> Self {
        Self(std::env::var("FITHIRE_TEST_UNSCOPED").ok())
    }

    pub(super) fn of(tables: &str) -> Self {
        Self(Some(tables.to_owned()))
    }

    pub(super) fn names(&self, table: &str) -> bool {
        self.0.as_deref().is_some_and(|tables| tables == "*" || tables == table)
    }
}
