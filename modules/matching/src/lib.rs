//! # Matching: who fits, live
//!
//! A ranking runs over a copy of the brand's coaches in columns, kept in memory. Each request reads the brand's revision
//! first and brings the copy up to it, so that whoever saves and looks sees the new ranking, on any replica: there
//! is no moment at which an older copy answers a request that began after a write was acknowledged.
//!
//! What is best for each job is kept, too ([`rescoring`]), so that people learn of it without looking.
//!
//! Scores are the very ones of `fithire score` on the same facts. A score can be kept, with its facts and its preset by
//! content, and computed again from them at any time.

pub mod api;
pub mod change;
mod copies;
mod erasure;
mod in_force;
mod lately;
mod model;
pub mod pages;
mod rankings;
pub mod rescoring;
mod reviews;
mod scores;
#[cfg(feature = "testing")]
pub mod testing;
mod views;

pub use copies::RankingSettings;
pub use erasure::{erase_person, knows_person};
pub use rankings::Rankings;
