//! # `FitScore`: how well a coach fits a job
//!
//! A pure crate: no input or output, no clock, no randomness, no async. The same facts give the same answer to
//! the last digit on every machine and in every year.
//!
//! ```text
//! facts::Job ────┐
//! preset::Preset ┴─ Plan::compile ─► Plan ─ rank ─► Ranking     (blocks of columns, best rows)
//! facts::Coach ─── Snapshot::build ──┘   └─ explain ─► Explanation (one coach, figures and words)
//! ```
//!
//! - A *sub-score* is a plugin: one file in `subscores/`, one word in [`registry`]. Its manual is its file's text:
//!   [`certifications`](subscores::certifications), [`experience`](subscores::experience),
//!   [`availability`](subscores::availability), [`location`](subscores::location),
//!   [`culture`](subscores::culture), [`engagement`](subscores::engagement).
//! - A preset may define further ones by a table of [`points`], which takes no Rust.
//! - A [`Preset`](preset::Preset) weighs them; [`preset::read`] reports all problems of a file at once.
//! - [`reference::score`] is the specification once more, plain and slow: the oracle that every kernel is held to.
//! - [`exchange`] is the format in which anyone can check or replay a score.
//!
//! ## Laws
//! Deterministic; independent of every other coach and job; whole numbers in basis points; contributions add up
//! to the score; more is never less; one answer in every code path; replayable; nobody dropped uncounted. Each is
//! a property test in `tests/it/laws.rs`.

#![expect(
    clippy::inline_always,
    clippy::needless_bitwise_bool,
    reason = "a loop over rows is inlined into each width that it is compiled for, and has no branches"
)]

pub mod catalog;
mod columns;
pub mod date;
pub mod exchange;
pub mod explain;
pub mod facts;
pub mod geo;
mod hash;
pub mod key;
pub mod num;
mod object;
pub mod plan;
pub mod points;
pub mod preset;
pub mod reference;
pub mod registry;
mod rows;
pub mod score;
pub mod snapshot;
pub mod subscore;
pub mod subscores;
mod tables;
#[cfg(feature = "testing")]
pub mod testing;
pub mod week;
mod weigh;
mod wide;
pub mod wording;
pub mod zone;
