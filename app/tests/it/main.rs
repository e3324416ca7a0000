//! The program as people run it: arguments and input in, output and exit code out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod data;
mod hostile;
mod pages;
mod people;
mod presets;
mod program;
mod rank;
mod score;
mod serve;
mod server;
mod tidy;
