//! # What every module stands on
//!
//! - [`db`]: one code for SQLite and PostgreSQL; [`db::Tx`] opens every statement inside one brand.
//! - [`scope`]: who may reach which brand, and with what privilege.
//! - [`problem`]: every error that a client can see, with a stable code, in one table.
//! - [`audit`]: who did what, sealed into a chain.
//! - [`tasks`]: what is done after the answer, and surely.
//! - [`once`]: requests that happen once, however often they are sent.
//! - [`etag`]: which state of a thing a client has seen.
//! - [`body`]: request bodies, checked whole: every invalid field is named.
//! - [`form`]: what people type, as the request that the API would be sent.
//! - [`listen`]: connections, answered until the process stops.
//! - [`page`]: what people see, rendered from templates.
//! - [`paging`]: opaque cursors over a total order.
//! - [`spreadsheet`]: CSV that no spreadsheet runs.
//! - [`clock`] and [`ids`]: time and identity come in as arguments.
//! - `testing` (feature `testing`): both databases for every test.
//!
//! Invariants, above all absences: there is no statement outside [`db`]; there is no way to a brand's rows
//! without a [`scope::BrandScope`], and no way to make one from data.

pub mod audit;
pub mod body;
pub mod clock;
pub mod db;
pub mod etag;
pub mod form;
pub mod ids;
pub mod listen;
pub mod once;
pub mod page;
pub mod paging;
pub mod problem;
pub mod scope;
pub mod spreadsheet;
pub mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
