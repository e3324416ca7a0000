//! `fithire import`: CSV files into a brand. A file is taken whole or not at all.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_orgs::find_brand;
use indicatif::ProgressBar;

use super::csv_file::{progress, tell};
use super::serve::{Configured, block_on, open, world};
use super::{Failure, PresetFolder, counted, read_file, say};
use crate::import::{Done, Into, Refused, is_unknown_location, take_coaches, take_jobs};

/// Take coaches or jobs from a CSV file into a brand
///
/// Every row is checked first; when one is not right, every problem is printed with its row and column, and nothing
/// is written. The same `external_id` again updates: columns that the file does not have stay as they are, and what a
/// reviewer has decided or `FitHire` counts does too.
#[derive(Subcommand)]
pub(super) enum Import {
    /// Take coaches
    Coaches(Source),
    /// Take jobs
    ///
    /// A job's location is found by its name in the brand; the columns of its place serve to make a missing one.
    Jobs(Jobs),
}

#[derive(Args)]
pub(super) struct Source {
    /// The CSV file
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// The brand, by its slug
    #[arg(long, value_name = "SLUG")]
    brand: String,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    configured: Configured,
}

#[derive(Args)]
pub(super) struct Jobs {
    #[command(flatten)]
    source: Source,
    /// Make the locations that the brand does not have yet
    #[arg(long)]
    create_locations: bool,
}

impl Import {
    pub(super) fn run(&self) -> Result<(), Failure> {
        block_on(async {
            match self {
                Self::Coaches(file) => file.take(None).await,
                Self::Jobs(jobs) => jobs.source.take(Some(jobs.create_locations)).await,
            }
        })
    }
}

impl Source {
    /// Takes the file; as one of jobs where it is said whether to make locations.
    async fn take(&self, create_locations: Option<bool>) -> Result<(), Failure> {
        let config = self.configured.read()?;
        let presets = PresetFolder { folder: config.presets.folder.clone() }.load()?;
        let db = open(&config).await?;
        let scope = BrandScope::mint(find_brand(&db, &self.brand).await?, Actor::System);
        let (clock, ids) = world();
        let bytes = read_file(&self.file)?;
        let into = Into {
            db: &db,
            clock: &clock,
            ids: &ids,
            scope: &scope,
            presets: &presets,
            create_locations: create_locations.unwrap_or_default(),
            dry_run: self.dry_run,
        };
        let mut bars = Bars::default();
        let mut told = |what, done, of| bars.tell(what, done, of);
        let taken = match create_locations {
            None => take_coaches(&into, &bytes, &mut told).await,
            Some(_) => take_jobs(&into, &bytes, &mut told).await,
        };
        bars.finish();
        let (one, many) = if create_locations.is_some() { ("job", "jobs") } else { ("coach", "coaches") };
        match taken {
            Ok(done) => self.say(&done, one, many),
            Err(Refused::Other(problem)) => return Err(problem.into()),
            Err(Refused::Rows(problems)) => {
                if create_locations == Some(false) && problems.iter().any(is_unknown_location) {
                    say("note: --create-locations makes the locations that are missing");
                }
                let told = tell(&self.file, Some(problems));
                return Err(Failure::new(format!("{}; nothing was written", counted(told, "problem"))));
            }
        }
        Ok(())
    }

    fn say(&self, done: &Done, one: &str, many: &str) {
        let Done { added, changed, locations } = done;
        let counts = format!("{added} {} added, {changed} updated", if *added == 1 { one } else { many });
        if self.dry_run {
            return say(&format!("nothing was written; it would be: {counts}"));
        }
        say(&counts);
        if *locations > 0 {
            say(&format!("{} made", counted(*locations, "location")));
        }
    }
}

/// A bar for each thing that is done, one after the other.
#[derive(Default)]
struct Bars(Option<(&'static str, ProgressBar)>);

impl Bars {
    fn tell(&mut self, what: &'static str, done: u64, of: u64) {
        match &self.0 {
            Some((told, bar)) if *told == what => bar.set_position(done),
            _ => {
                self.finish();
                self.0 = Some((what, progress(of, what)));
            }
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
