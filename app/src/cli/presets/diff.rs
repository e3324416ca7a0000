//! `fithire presets diff`: what a preset would do to the rankings of jobs, before it is in force.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{Actor, BrandScope, Limits, SystemScope};
use fithire_matching::Rankings;
use fithire_matching::change::{JobChange, Move, compare};
use fithire_scoring::explain::exact;
use fithire_scoring::preset::{self, Preset, Presets};
use serde_json::{Value, json};

use super::tell;
use crate::cli::serve::{Configured, block_on, open, world};
use crate::cli::{Failure, PresetFolder, counted, plain, read_file};
use crate::config::Config;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One object.
    Json,
}

/// `fithire presets diff`
#[derive(Args)]
pub(super) struct Diff {
    #[command(flatten)]
    configured: Configured,
    /// One job alone, whatever its preset
    #[arg(long, value_name = "ID")]
    job: Option<Id>,
    /// The file that takes the place of the preset of its name (default: every NAME.next.toml)
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// One brand alone
    #[arg(long, value_name = "SLUG")]
    brand: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Diff {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        let in_force = PresetFolder { folder: config.presets.folder.clone() }.load()?;
        let files = match &self.against {
            Some(file) => vec![file.clone()],
            None => pending(config.presets.folder.as_deref())?,
        };
        let mut changes = Vec::new();
        for file in files {
            changes.push(read(&file)?);
        }
        let found = block_on(self.compare(&config, in_force, &changes))?;
        let mut output = io::stdout().lock();
        if self.format == Format::Json {
            let one = |(brand, preset, change): &(String, String, JobChange)| json!({"brand": brand, "preset": preset, "change": change});
            let value = json!({"jobs": found.iter().map(one).collect::<Vec<Value>>()});
            serde_json::to_writer_pretty(&mut output, &value).map_err(io::Error::from)?;
            writeln!(output)?;
            return Ok(());
        }
        for (brand, preset, change) in &found {
            print(&mut output, (brand, preset), change)?;
        }
        writeln!(output, "{} compared", counted(found.len(), "job"))?;
        Ok(())
    }

    async fn compare(
        &self,
        config: &Config,
        in_force: Presets,
        changes: &[Arc<Preset>],
    ) -> Result<Vec<(String, String, JobChange)>, Failure> {
        let db = open(config).await?;
        let (clock, _) = world();
        let in_force = Arc::new(in_force);
        let rankings = Arc::new(Rankings::new(db.clone(), in_force.clone(), config.rankings));
        let mut found = Vec::new();
        for scope in self.brands(&db).await? {
            let brand = fithire_orgs::brand_name(&db, scope.brand_id()).await?;
            let mut tx = db.read(&scope).await.map_err(Problem::from)?;
            let jobs = fithire_jobs::active(&mut tx, Limits::default()).await?;
            drop(tx);
            for after in changes {
                for before in in_force.shared() {
                    let mut jobs = jobs.clone();
                    jobs.retain(|job| {
                        job.preset == before.name
                            && self.job.map_or(after.name == before.name, |id| job.id == id)
                    });
                    if jobs.is_empty() {
                        continue;
                    }
                    let versions = [before.clone(), after.clone()];
                    let compared = compare((&db, &clock), &rankings, &scope, jobs, versions).await?;
                    found.extend(
                        compared.into_iter().map(|change| (brand.clone(), after.name.clone(), change)),
                    );
                }
            }
        }
        db.close().await;
        if let (Some(id), true) = (self.job, found.is_empty()) {
            return Err(Failure::new(format!("there is no active job {id}")));
        }
        Ok(found)
    }

    async fn brands(&self, db: &Db) -> Result<Vec<BrandScope>, Failure> {
        Ok(match &self.brand {
            Some(slug) => {
                let id = fithire_orgs::find_brand(db, slug).await?;
                vec![BrandScope::mint(id, Actor::System)]
            }
            None => fithire_orgs::every_brand(db, &SystemScope::new("comparing presets")).await?,
        })
    }
}

/// The pending changes in a folder.
fn pending(folder: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let Some(folder) = folder else {
        return Err(Failure::configuration(
            "presets.folder is not set, so that nothing can be pending; name a file with --against",
        ));
    };
    let unreadable = |error| Failure::new(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".next.toml") && !name.starts_with('.') {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let told = format!("there is no NAME.next.toml in {}; name a file with --against", folder.display());
        return Err(Failure::new(told));
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Arc<Preset>, Failure> {
    let text = String::from_utf8(read_file(path)?)
        .map_err(|error| Failure::configuration(format!("{} is not UTF-8: {error}", path.display())))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    preset::read(name.strip_suffix(".next").unwrap_or(&name), &text).map(Arc::new).map_err(|problems| {
        let told = counted(problems.len(), "problem");
        tell(path, &text, problems);
        Failure::configuration(format!("{told} in {}", path.display()))
    })
}

/// A difference of scores with its sign.
fn signed(bp: i32) -> String {
    let sign = if bp < 0 { "-" } else { "+" };
    format!("{sign}{}", exact(u16::try_from(bp.unsigned_abs()).unwrap_or(u16::MAX)))
}

fn print(output: &mut impl Write, (brand, preset): (&str, &str), change: &JobChange) -> io::Result<()> {
    let JobChange { job_id, title, location, before, after, moves, shift } = change;
    writeln!(output, "{}", plain(&format!("{brand}: {title}, {location} (job {job_id}), by {preset}")))?;
    let counts = ["ranked", "below the threshold", "ineligible"].into_iter().zip(before.iter().zip(after));
    let counts: Vec<String> = counts.map(|(what, (was, is))| format!("{what} {was} -> {is}")).collect();
    writeln!(output, "  {}", counts.join(", "))?;
    let [lowest, median, highest] = [shift.lowest, shift.median, shift.highest].map(signed);
    writeln!(output, "  scores shift by {lowest} to {highest}, {median} in the middle")?;
    for step in shift.steps.iter().filter(|step| step.coaches > 0) {
        let to = step.below.map_or("and more".to_owned(), |below| format!("to {}", signed(below - 1)));
        writeln!(
            output,
            "    {:>7} {to:<10} {}",
            signed(step.from),
            counted(step.coaches, "coach").replace("coachs", "coaches")
        )?;
    }
    for Move { name, from, to, before, after, by, .. } in moves {
        let what = match (from, to) {
            (Some(from), Some(to)) => format!("{from:>2} -> {to:>2}"),
            (None, Some(to)) => format!("enters {to:>2}"),
            (Some(from), None) => format!("leaves {from:>2}"),
            (None, None) => continue,
        };
        let by = by.as_ref().map(|(key, shift)| format!(", {key} {}", signed(*shift))).unwrap_or_default();
        writeln!(
            output,
            "  {what:<9}  {}  {} -> {}{by}",
            plain(name).replace('\n', " "),
            exact(*before),
            exact(*after)
        )?;
    }
    writeln!(output)
}
