//! `fithire import`: CSV files into a brand. A file is taken whole or not at all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use fithire_coaches::Profile;
use fithire_import::coaches::{self, Address};
use fithire_import::jobs;
use fithire_jobs::{NewJob, Pay};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_orgs::{Located, find_brand, location, location_names, region};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::facts::Zone;

use super::csv_file::{progress, read, tell};
use super::serve::{Configured, block_on, open, world};
use super::{Failure, PresetFolder, counted, read_file, say};

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
                Self::Coaches(file) => file.coaches().await,
                Self::Jobs(jobs) => jobs.run().await,
            }
        })
    }
}

impl Source {
    /// The database, and the scope of the brand in it.
    async fn opened(&self) -> Result<(Db, BrandScope), Failure> {
        let db = open(&self.configured.read()?).await?;
        let brand_id = find_brand(&db, &self.brand).await?;
        Ok((db, BrandScope::mint(brand_id, Actor::System)))
    }

    /// The columns that the file has: what it does not mention stays as it is.
    fn columns(&self) -> Result<Vec<String>, Failure> {
        Ok(fithire_import::columns(&read_file(&self.file)?))
    }

    /// Rows, or every problem told.
    fn rows<T>(&self, rows: Result<T, Vec<fithire_import::Problem>>) -> Result<T, Failure> {
        rows.map_err(|problems| {
            let told = tell(&self.file, Some(problems));
            Failure::new(format!("{}; nothing was written", counted(told, "problem")))
        })
    }

    async fn coaches(&self) -> Result<(), Failure> {
        let (db, scope) = self.opened().await?;
        let (clock, ids) = world();
        let rows = self.rows(read(&self.file, coaches::read)?)?;
        let bar = progress(rows.len() as u64, "coaches written");
        let mut tx = db.write(&scope).await.map_err(Problem::from)?;
        let profiles = rows.into_iter().map(profile).collect();
        let columns = self.columns()?;
        let update = |old: &Profile, new: Profile| with_kept(&columns, old, new);
        let mut told = |done| bar.set_position(done);
        let counts = fithire_coaches::put_all(&mut tx, (&clock, &ids), profiles, &update, &mut told).await?;
        bar.finish_and_clear();
        self.finish(tx, counts, "coach", "coaches").await
    }

    /// Keeps what was written, unless it was only to be tried.
    async fn finish(
        &self,
        tx: Tx,
        (added, changed): (u64, u64),
        one: &str,
        many: &str,
    ) -> Result<(), Failure> {
        let done = format!("{added} {} added, {changed} updated", if added == 1 { one } else { many });
        if self.dry_run {
            say(&format!("nothing was written; it would be: {done}"));
        } else {
            tx.commit().await.map_err(Problem::from)?;
            say(&done);
        }
        Ok(())
    }
}

impl Jobs {
    async fn run(&self) -> Result<(), Failure> {
        let (db, scope) = self.source.opened().await?;
        let (clock, ids) = world();
        let folder = PresetFolder { folder: self.source.configured.read()?.presets.folder };
        let presets = folder.load()?;
        // Reading before writing: nobody waits for a large file to be checked.
        let mut tx = db.read(&scope).await.map_err(Problem::from)?;
        let names: Vec<String> = location_names(&mut tx).await?.into_keys().collect();
        drop(tx);
        let locations = (!self.create_locations).then_some(&names[..]);
        let known = jobs::Known { presets: Some(&presets), locations };
        let rows = read(&self.source.file, |bytes, progress| jobs::read(bytes, known, progress))?;
        if let Err(problems) = &rows
            && problems
                .iter()
                .any(|problem| problem.column == "location" && problem.message.starts_with("unknown"))
        {
            say("note: --create-locations makes the locations that are missing");
        }
        let rows = self.source.rows(rows)?;
        let bar = progress(rows.len() as u64, "jobs written");
        let mut tx = db.write(&scope).await.map_err(Problem::from)?;
        let placed = with_locations(&mut tx, (&clock, &ids), rows).await?;
        let (jobs, made) = self.source.rows(placed)?;
        let columns = self.source.columns()?;
        let update = |old: &NewJob, new: NewJob| with_kept_of_job(&columns, old, new);
        let mut told = |done| bar.set_position(done);
        let counts = fithire_jobs::put_all(&mut tx, (&clock, &ids), jobs, &update, &mut told).await?;
        bar.finish_and_clear();
        self.source.finish(tx, counts, "job", "jobs").await?;
        if made > 0 && !self.source.dry_run {
            say(&format!("{} made", counted(made, "location")));
        }
        Ok(())
    }
}

/// A new profile with what the file says nothing of.
fn with_kept(columns: &[String], old: &Profile, new: Profile) -> Profile {
    let says = |names: &[&str]| columns.iter().any(|column| names.contains(&&**column));
    let kept = |name: &str, old: &Option<String>, new: Option<String>| {
        if says(&[name]) { new } else { old.clone() }
    };
    let mut facts = new.facts;
    if !says(&["postal_code", "city", "latitude"]) {
        facts.point = old.facts.point;
        if !says(&["time_zone"]) {
            facts.tz = old.facts.tz;
        }
    }
    if !says(&["radius_km"]) {
        facts.radius_m = old.facts.radius_m;
    }
    if !says(&["certifications"]) {
        facts.holdings.clone_from(&old.facts.holdings);
    }
    if !says(&["positions"]) {
        facts.positions.clone_from(&old.facts.positions);
    }
    if !says(&["taught"]) {
        facts.taught.clone_from(&old.facts.taught);
    }
    if !says(&["free"]) {
        facts.free.clone_from(&old.facts.free);
    }
    if !says(&["if_needed"]) {
        facts.if_needed.clone_from(&old.facts.if_needed);
    }
    if !says(&["style"]) {
        facts.style.clone_from(&old.facts.style);
    }
    Profile {
        external_id: new.external_id,
        name: new.name,
        email: new.email,
        phone: kept("phone", &old.phone, new.phone),
        bio: kept("bio", &old.bio, new.bio),
        languages: kept("languages", &old.languages, new.languages),
        postal_code: kept("postal_code", &old.postal_code, new.postal_code),
        city: kept("city", &old.city, new.city),
        region: kept("region", &old.region, new.region),
        country: kept("country", &old.country, new.country),
        facts,
    }
}

/// A new job with what the file says nothing of.
fn with_kept_of_job(columns: &[String], old: &NewJob, new: NewJob) -> NewJob {
    let says = |name: &str| columns.iter().any(|column| column == name);
    let mut facts = new.facts;
    if !says("starts_on") {
        facts.starts_on = old.facts.starts_on;
    }
    if !says("virtual") {
        facts.is_virtual = old.facts.is_virtual;
    }
    if !says("modality") {
        facts.modality = old.facts.modality;
    }
    if !says("min_years") {
        facts.min_years = old.facts.min_years;
    }
    if !says("requirements") {
        facts.requirements.clone_from(&old.facts.requirements);
    }
    if !says("slots") {
        facts.slots.clone_from(&old.facts.slots);
    }
    if !says("style") {
        facts.style.clone_from(&old.facts.style);
    }
    let text = |name: &str, old: &Option<String>, new: Option<String>| {
        if says(name) { new } else { old.clone() }
    };
    NewJob {
        description: text("description", &old.description, new.description),
        preset: if says("preset") { new.preset } else { old.preset.clone() },
        threshold: if says("threshold") { new.threshold } else { old.threshold },
        employment_type: text("employment_type", &old.employment_type, new.employment_type),
        pay: Pay {
            kind: text("pay_type", &old.pay.kind, new.pay.kind),
            min: if says("pay_min") { new.pay.min } else { old.pay.min },
            max: if says("pay_max") { new.pay.max } else { old.pay.max },
            currency: text("currency", &old.pay.currency, new.pay.currency),
        },
        facts,
        ..new
    }
}

/// A row as it is kept.
pub(super) fn profile(row: coaches::Row) -> Profile {
    let Address { postal_code, city, region, country } = row.address;
    Profile {
        external_id: Some(row.external_id),
        name: row.name,
        email: Some(row.email),
        phone: row.phone,
        bio: row.bio,
        languages: row.languages,
        postal_code,
        city,
        region,
        country,
        facts: row.facts,
    }
}

/// Jobs at their locations and how many locations were made, or what is wrong with rows.
type Placed = Result<(Vec<NewJob>, usize), Vec<fithire_import::Problem>>;

/// Rows as they are kept, at locations that are made where they are missing, and how many were made; or the rows whose
/// new location is nowhere, or in two places.
pub(super) async fn with_locations(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    rows: Vec<jobs::Row>,
) -> Result<Placed, Failure> {
    let mut known: BTreeMap<String, Id> = location_names(tx).await?;
    let mut made: BTreeMap<String, jobs::Row> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let problem = |message: String| fithire_import::Problem {
            row: row.row,
            column: "location".to_owned(),
            message,
        };
        if !known.contains_key(&row.location) && row.facts.tz.is_none() {
            problems.push(problem(format!(
                "`{}` is new and has no place; give its postal code or city",
                row.location
            )));
            continue;
        }
        if let Some(first) = made.get(&row.location).filter(|first| first.facts.point != row.facts.point) {
            problems.push(problem(format!("`{}` is somewhere else in row {}", row.location, first.row)));
            continue;
        }
        let location_id = match known.get(&row.location) {
            Some(id) => *id,
            None => make(tx, (clock, ids), &row).await?,
        };
        if known.insert(row.location.clone(), location_id).is_none() {
            made.insert(row.location.clone(), row.clone());
        }
        jobs.push(NewJob {
            location_id,
            external_id: Some(row.external_id),
            title: row.title,
            description: row.description,
            preset: row.preset.unwrap_or_else(|| DEFAULT_PRESET.to_owned()),
            threshold: row.threshold,
            employment_type: row.employment_type,
            pay: Pay { kind: row.pay.kind, min: row.pay.min, max: row.pay.max, currency: row.pay.currency },
            facts: row.facts,
        });
    }
    Ok(if problems.is_empty() { Ok((jobs, made.len())) } else { Err(problems) })
}

/// A new location where a row says, in the region that it names.
async fn make(tx: &mut Tx, (clock, ids): (&Clock, &Ids), row: &jobs::Row) -> Result<Id, Problem> {
    let address = &row.address;
    let within = address.region.as_ref().or(address.city.as_ref()).map_or("Everywhere", String::as_str);
    let region_id = region(tx, ids, clock.now(), within).await?;
    let located = Located {
        name: row.location.clone(),
        time_zone: row.facts.tz.map_or("UTC", Zone::name).to_owned(),
        postal_code: address.postal_code.clone(),
        point: row.facts.point.map(|point| (point.lat, point.lon)),
    };
    location(tx, ids, clock.now(), region_id, located).await
}
