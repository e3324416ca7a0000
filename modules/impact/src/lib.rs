//! # Impact: whether a score chooses some groups of people less often than others
//!
//! A coach may say to which sex and which race or ethnicity they count themselves. [`reports`] holds what everybody has said
//! against whom a preset chooses, and answers tables as New York City's Local Law 144 wants them: selection rates, scoring
//! rates and impact ratios by category and by intersection, with tests of whether the difference can be chance.
//!
//! Invariants: an answer is read by the coach who gave it ([`own`]) and by [`reports`], which answers of nobody alone; no
//! other function of this crate or of any other reads the table, and nothing that scores depends on this crate. Whom a
//! table would betray is left out of it (`report.rs` says how). Who has answered is not in the audit log, because
//! that would help to find out what they have answered.

mod answers;
mod model;
pub mod pages;
mod report;
pub mod statistics;

pub use answers::{erase, own, reports};
pub use model::{Answer, Race, Sex};
pub use report::{FEWEST, Measure, Report, Row, Sample, Table, lines};
