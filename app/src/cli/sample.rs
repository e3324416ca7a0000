//! `fithire sample`: made-up files to try `rank` with, at any size.

use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use clap::Args;
use fithire_import::sample;

use super::{Failure, day, say};

/// Write coaches.csv and jobs.csv with made-up people on real cities and certifications
#[derive(Args)]
pub(super) struct Sample {
    /// How many coaches
    #[arg(long, default_value_t = 10_000)]
    coaches: usize,
    /// How many jobs
    #[arg(long, default_value_t = 40)]
    jobs: usize,
    /// The same seed and day give the same files
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The day around which dates lie (default: today, UTC)
    #[arg(long, value_name = "DAY", value_parser = day)]
    as_of: Option<NaiveDate>,
    /// Where to put the files; nothing there is overwritten
    folder: PathBuf,
}

impl Sample {
    pub(super) fn run(&self, today: NaiveDate) -> Result<(), Failure> {
        let as_of = self.as_of.unwrap_or(today);
        if !(1900..=9000).contains(&as_of.year()) {
            return Err(Failure::new("--as-of: the sample needs a year from 1900 to 9000"));
        }
        let cannot = |path: &Path, error| Failure::new(format!("cannot write {}: {error}", path.display()));
        std::fs::create_dir_all(&self.folder).map_err(|error| cannot(&self.folder, error))?;
        let files = [
            ("coaches.csv", sample::coaches(self.seed, self.coaches, as_of)),
            ("jobs.csv", sample::jobs(self.seed, self.jobs, as_of)),
        ];
        if let Some((name, _)) = files.iter().find(|(name, _)| self.folder.join(name).exists()) {
            return Err(Failure::new(format!("{} is there already", self.folder.join(name).display())));
        }
        for (name, text) in files {
            let path = self.folder.join(name);
            std::fs::write(&path, text).map_err(|error| cannot(&path, error))?;
            say(&format!("wrote {}", path.display()));
        }
        Ok(())
    }
}
