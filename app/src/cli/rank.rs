//! `fithire rank`: two CSV files in, ranked candidates out.

mod print;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use fithire_import::{coaches, jobs};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::explain::Explanation;
use fithire_scoring::facts::Coach;
use fithire_scoring::plan::{Group, Plan, Query, Ranking};
use fithire_scoring::preset::{Preset, Presets};
use fithire_scoring::snapshot::Snapshot;
use fithire_scoring::wording;

use self::print::Printer;
use super::csv_file::{progress, read, tell};
use super::{Failure, PresetFolder, counted, day, say};

/// Rank coaches for jobs, from two CSV files
///
/// Every row of both files is checked first; when one is not right, every problem is printed with its row
/// and column, and nothing is ranked.
#[derive(Args)]
pub(super) struct Rank {
    /// CSV file of coaches
    #[arg(long, value_name = "FILE")]
    coaches: PathBuf,
    /// CSV file of jobs
    #[arg(long, value_name = "FILE")]
    jobs: PathBuf,
    /// Only the job with this `external_id`
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Score every job with this preset, whatever the file says
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// The day on which everything is judged (default: today, UTC)
    #[arg(long, value_name = "DAY", value_parser = day)]
    as_of: Option<NaiveDate>,
    /// How many candidates to list for each job (default: the preset's limit)
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Whom to list
    #[arg(long, value_enum, default_value_t = Show::Ranked)]
    show: Show,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    presets: PresetFolder,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Show {
    /// At or above the threshold and not excluded
    Ranked,
    /// Below the threshold
    Below,
    /// Excluded: without a required certification, free for none of the hours, or out of reach
    Ineligible,
}

impl From<Show> for Group {
    fn from(show: Show) -> Self {
        match show {
            Show::Ranked => Self::Ranked,
            Show::Below => Self::BelowThreshold,
            Show::Ineligible => Self::Ineligible,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// One job with its ranking, as it is printed.
struct Ranked<'f> {
    job: &'f jobs::Row,
    preset: &'f Preset,
    as_of: NaiveDate,
    threshold: u16,
    show: Show,
    ranking: Ranking,
    candidates: Vec<(&'f coaches::Row, Explanation)>,
}

impl Rank {
    pub(super) fn run(&self, today: NaiveDate) -> Result<(), Failure> {
        let presets = self.presets.load()?;
        let forced =
            self.preset.as_deref().map(|name| presets.named(name)).transpose().map_err(Failure::new)?;
        // A preset that is not used need not exist.
        let (mut coaches, jobs) = self.read(forced.is_none().then_some(&presets))?;
        let jobs = self.chosen(&jobs)?;
        let as_of = self.as_of.unwrap_or(today);

        // Ids break ties: here they are the places of the external ids, sorted.
        coaches.sort_by(|a, b| in_order(&a.external_id).cmp(&in_order(&b.external_id)));
        let facts: Vec<(u64, &Coach)> =
            (0..).zip(&coaches).map(|(place, coach)| (place, &coach.facts)).collect();
        let snapshot = Snapshot::build(as_of, &presets.points(), &facts);
        let bar = progress(jobs.len() as u64, "jobs ranked");
        let mut printer = Printer::new(self.format, io::BufWriter::new(io::stdout().lock()));
        for job in jobs {
            let named = job.preset.as_deref().unwrap_or(DEFAULT_PRESET);
            let preset = forced.map_or_else(|| presets.named(named), Ok).map_err(Failure::new)?;
            let plan = Plan::compile(preset, &job.facts, as_of);
            let query = Query {
                threshold: job.threshold.unwrap_or(preset.threshold),
                limit: self.limit.map_or(preset.limit, NonZeroUsize::get),
                group: self.show.into(),
            };
            let ranking = plan.rank(&snapshot, query);
            let shown = ranking.rows.iter().filter_map(|row| coaches.get(usize::try_from(row.id).ok()?));
            let candidates = shown.map(|coach| (coach, plan.explain(&coach.facts))).collect();
            let ranked = Ranked {
                job,
                preset,
                as_of,
                threshold: query.threshold,
                show: self.show,
                ranking,
                candidates,
            };
            bar.suspend(|| printer.job(&ranked))?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        printer.finish()
    }

    /// Both files, or every problem of both printed.
    fn read(&self, presets: Option<&Presets>) -> Result<(Vec<coaches::Row>, Vec<jobs::Row>), Failure> {
        let coaches = read(&self.coaches, coaches::read)?;
        let jobs = read(&self.jobs, |bytes, progress| {
            jobs::read(bytes, jobs::Known { presets, locations: None }, progress)
        })?;
        match (coaches, jobs) {
            (Ok(coaches), Ok(jobs)) => {
                for job in jobs.iter().filter(|job| job.facts.tz.is_none() && !job.facts.slots.is_empty()) {
                    let id = &job.external_id;
                    say(&format!(
                        "note: job {id} has no place, so its slots are taken as UTC; give a ZIP code, city or coordinates"
                    ));
                }
                Ok((coaches, jobs))
            }
            (coaches, jobs) => {
                let told = tell(&self.coaches, coaches.err()) + tell(&self.jobs, jobs.err());
                Err(Failure::new(format!("{}; nothing was ranked", counted(told, "problem"))))
            }
        }
    }

    fn chosen<'j>(&self, jobs: &'j [jobs::Row]) -> Result<Vec<&'j jobs::Row>, Failure> {
        let Some(id) = &self.job else { return Ok(jobs.iter().collect()) };
        match jobs.iter().find(|job| job.external_id == *id) {
            Some(job) => Ok(vec![job]),
            None => Err(Failure::new(wording::unknown(
                "job",
                id,
                jobs.iter().map(|job| job.external_id.as_str()),
            ))),
        }
    }
}

/// Shorter ids first, so that `c2` comes before `c10`.
fn in_order(id: &str) -> (usize, &str) {
    (id.len(), id)
}
