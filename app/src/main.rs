//! `fithire`: the one program. Everything it can do is a subcommand, listed in [`cli`].

mod api;
mod audit;
mod cli;
mod config;
mod document;
mod files;
mod http;
mod import;
mod modules;
mod pages;
mod presets;
mod retention;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
