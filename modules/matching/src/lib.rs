//! # Matching: who fits, live
//!
//! A ranking runs over a copy of the brand's coaches in columns, kept in memory. Each request reads the brand's revision
//! first and brings the copy up to it, so that whoever saves and looks sees the new ranking, on any replica: there
//! is no moment at which an older copy answers a request that began after a write was acknowledged.
//!
//! Scores are the very ones of `fithire score` on the same facts.

pub mod api;
mod model;
mod rankings;

pub use rankings::Rankings;
