//! The command line: one file per subcommand, and what they share.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration. Answers go to standard output and
//! everything else to standard error, so that output can be piped.

mod backup;
mod csv_file;
mod demo;
mod doctor;
mod import;
mod invite;
mod presets;
mod rank;
mod sample;
mod score;
mod serve;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use fithire_scoring::preset::Presets;

/// Something went wrong with what was asked or given.
const FAILED: u8 = 1;
/// A configuration file, a preset among them, is not valid (`EX_CONFIG`).
const BAD_CONFIGURATION: u8 = 78;

/// Matches fitness coaches with jobs by a score that anyone can check.
#[derive(Parser)]
#[command(name = "fithire", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Rank(rank::Rank),
    Score(score::Score),
    Sample(sample::Sample),
    Presets(presets::Command),
    Serve(serve::Serve),
    Work(serve::Work),
    Init(serve::Init),
    Invite(invite::Invite),
    Migrate(serve::Migrate),
    #[command(subcommand)]
    Import(import::Import),
    Backup(backup::Backup),
    Doctor(doctor::Doctor),
    #[command(name = "openapi")]
    OpenApi(serve::OpenApi),
}

/// Where presets come from.
#[derive(Args)]
struct PresetFolder {
    /// Folder of preset files; without it, the presets built into this program
    #[arg(long = "presets", value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl PresetFolder {
    /// The presets; every problem of every file is printed.
    fn load(&self) -> Result<Presets, Failure> {
        match &self.folder {
            None => Ok(Presets::builtin()),
            Some(folder) => presets::load(std::slice::from_ref(folder)),
        }
    }
}

/// Why a command ends without doing what was asked. The message is printed once, by [`run`].
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(message: impl Display) -> Self {
        Self { code: FAILED, message: message.to_string() }
    }

    fn configuration(message: impl Display) -> Self {
        Self { code: BAD_CONFIGURATION, message: message.to_string() }
    }
}

/// Writing to a reader that has gone (`fithire … | head`) ends the command quietly; anything else is said.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { code: 0, message: String::new() },
            _ => Self::new(error),
        }
    }
}

/// A day on the command line.
fn day(text: &str) -> Result<NaiveDate, String> {
    fithire_scoring::date::parse(text)
}

/// `1 problem`, `3 problems`.
fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// Reads a file that the user named.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// Parses the arguments, runs the command and turns its outcome into an exit code.
pub(crate) fn run() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the clock")]
    let today = chrono::Utc::now().date_naive();
    let outcome = match Cli::parse().command {
        Command::Demo(command) => command.run(today),
        Command::Rank(command) => command.run(today),
        Command::Sample(command) => command.run(today),
        Command::Score(command) => command.run(),
        Command::Presets(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Work(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Invite(command) => command.run(),
        Command::Migrate(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::OpenApi(command) => command.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                say(&format!("error: {}", failure.message));
            }
            ExitCode::from(failure.code)
        }
    }
}

/// Prints a line for the person at the terminal. There is nobody to tell when that fails.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(line));
}

/// Text without what would steer a terminal; line breaks stay.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}
