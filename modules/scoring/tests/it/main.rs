//! The scoring crate from outside: its laws, its formats, its messages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod exchange;
mod explanations;
mod fuzzed;
mod given;
mod laws;
mod nasty;
mod presets;
mod ranking;
