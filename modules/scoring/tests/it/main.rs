//! The scoring crate from outside: its laws, its formats, its messages.

mod examples;
mod exchange;
mod explanations;
mod given;
mod laws;
mod presets;
mod ranking;
