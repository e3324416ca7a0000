//! The kernel on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod body;
mod catalog;
mod fuzzed;
mod tx;
