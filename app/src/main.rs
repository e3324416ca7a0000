//! `fithire`: the one program. Everything it can do is a subcommand, listed in [`cli`].

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
