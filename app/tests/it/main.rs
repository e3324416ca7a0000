//! The program as people run it: arguments and input in, output and exit code out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod admin;
mod bodies;
mod browser;
mod busy;
mod clients;
#[cfg(target_os = "linux")]
mod cut_off;
mod data;
mod desk;
mod document;
mod forms;
mod hostile;
mod hot;
mod impact;
mod integrators;
mod isolation;
mod joining;
mod live;
mod load;
mod meanwhile;
mod media;
mod members;
mod migrations;
mod once;
mod outages;
mod pages;
mod peers;
mod people;
mod presets;
mod privacy;
mod probes;
mod profile;
mod program;
mod rank;
mod rates;
mod requests;
mod roles;
mod routes;
mod score;
mod serve;
mod server;
mod tidy;
