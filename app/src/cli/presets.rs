//! `fithire presets`: check preset files, print their schema for editors, and say what a change of one would do.

mod check;
mod diff;
mod sarif;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fithire_scoring::preset::{self, Preset, Presets, Problem};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use super::{Failure, read_file, say};

/// Check preset files, print their schema, or say what a change would do
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Check preset files: every problem at once, with its place
    ///
    /// The exit code is 0 when all are valid and 78 when one is not. Where a database is configured, jobs that name a preset
    /// which is not in the folders, and styles that no brand has words for, are told as well.
    Check(check::Check),
    /// Print the JSON Schema of preset files, for editors
    Schema,
    /// Say who would enter, leave or move in the rankings of jobs, before a change is in force
    ///
    /// Compares the presets in force with a file, or with every NAME.next.toml in their folder. Nothing is changed.
    Diff(diff::Diff),
}

impl Command {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::Check(check) => check.run()?,
            Action::Diff(diff) => diff.run()?,
            Action::Schema => {
                let mut output = io::stdout().lock();
                serde_json::to_writer_pretty(&mut output, &preset::schema()).map_err(io::Error::from)?;
                writeln!(output)?;
            }
        }
        Ok(())
    }
}

/// The presets of files and folders; when one is not valid, all problems of all are printed.
pub(super) fn load(paths: &[PathBuf]) -> Result<Presets, Failure> {
    let mut presets = Vec::new();
    let (mut problems, mut bad_files) = (0, 0);
    for path in files(paths)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = String::from_utf8(read_file(&path)?)
            .map_err(|error| Failure::configuration(format!("{} is not UTF-8: {error}", path.display())))?;
        match preset::read(&name, &text) {
            Ok(preset) if presets.iter().any(|other: &Preset| other.name == preset.name) => {
                return Err(Failure::configuration(format!("two of the files are called {name}.toml")));
            }
            Ok(preset) => presets.push(preset),
            Err(found) => {
                problems += found.len();
                bad_files += 1;
                tell(&path, &text, found);
            }
        }
    }
    if bad_files > 0 {
        let files = if bad_files == 1 { "1 file".to_owned() } else { format!("{bad_files} files") };
        let found = if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") };
        return Err(Failure::configuration(format!("{found} in {files}")));
    }
    Ok(Presets::new(presets))
}

/// Every preset file among the paths and in the folders among them, sorted.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        let unreadable = |error| Failure::new(format!("cannot read {}: {error}", path.display()));
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            // `NAME.next.toml` is a pending change: checked when it is named, not one of the folder's presets.
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".toml") && !name.ends_with(".next.toml") && !name.starts_with('.') {
                files.push(file);
            }
        }
        if files.len() == before {
            return Err(Failure::configuration(format!(
                "there is no preset file (NAME.toml) in {}",
                path.display()
            )));
        }
    }
    files.sort();
    Ok(files)
}

/// Prints the problems of a file.
fn tell(path: &Path, text: &str, problems: Vec<Problem>) {
    /// More than anyone mends in one go.
    const MOST: usize = 200;
    /// A file with a longer line is not drawn: the line would fill the screen.
    const LONGEST_DRAWN: usize = 500;
    let more = problems.len().saturating_sub(MOST);
    let drawn = text.lines().all(|line| line.len() <= LONGEST_DRAWN);
    for problem in problems.into_iter().take(MOST) {
        let (line, column) = problem.position(text);
        let plain = format!("{}:{line}:{column}: {}", path.display(), problem.message);
        // What cannot be drawn can still be said.
        say(&drawn.then(|| draw(path, text, problem)).flatten().unwrap_or(plain));
    }
    if more > 0 {
        say(&format!("{}: and {more} more problems", path.display()));
    }
}

/// A problem with its file, line, column, the lines around it, and what to do.
fn draw(path: &Path, text: &str, problem: Problem) -> Option<String> {
    let mut diagnostic =
        MietteDiagnostic::new(problem.message).with_label(LabeledSpan::at(problem.span, "here"));
    diagnostic.help = problem.help;
    let source = NamedSource::new(path.display().to_string(), text.to_owned());
    let report = Report::new(diagnostic).with_source_code(source);
    let mut drawn = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    handler.render_report(&mut drawn, report.as_ref()).ok()?;
    Some(drawn)
}
