//! A CSV file on the command line: read behind a progress bar, its problems told.

use std::path::Path;

use fithire_import::Problem;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, read_file, say};

/// The rows of a file, or all its problems.
pub(super) type Rows<T> = Result<Vec<T>, Vec<Problem>>;

/// Reads one file behind a progress bar.
pub(super) fn read<T>(
    path: &Path,
    rows: impl FnOnce(&[u8], &mut dyn FnMut(u64)) -> Rows<T>,
) -> Result<Rows<T>, Failure> {
    let bytes = read_file(path)?;
    let bar = progress(bytes.len() as u64, "bytes read");
    let rows = rows(&bytes, &mut |position| bar.set_position(position));
    bar.finish_and_clear();
    Ok(rows)
}

/// Prints the problems of a file and counts them.
pub(super) fn tell(path: &Path, problems: Option<Vec<Problem>>) -> usize {
    /// More than anyone mends in one go.
    const MOST: usize = 200;
    let problems = problems.unwrap_or_default();
    for problem in problems.iter().take(MOST) {
        say(&format!("{}: {problem}", path.display()));
    }
    if problems.len() > MOST {
        say(&format!("{}: and {} more problems", path.display(), problems.len() - MOST));
    }
    problems.len()
}

/// A bar on the terminal; nothing where there is none.
pub(super) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {msg}")
        .unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what)
}
