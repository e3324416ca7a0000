//! CSV files into a brand, for the command line and for the page: every row is checked first, and a file is taken whole or
//! not at all. The same `external_id` again updates: columns that the file does not have stay as they are, and what a
//! reviewer has decided or FitHire counts does too.

use std::collections::{BTreeMap, BTreeSet};

use fithire_coaches::{NewCoaches, Pay as Wish, Profile, with_what_is_said};
use fithire_import::coaches::{self, Address};
use fithire_import::jobs;
use fithire_jobs::{NewJob, NewJobs, Pay};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_orgs::{Located, location, location_names, region};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::facts::Zone;
use fithire_scoring::preset::Presets;

/// Where a file goes, and how.
pub(crate) struct Into<'i> {
    pub(crate) db: &'i Db,
    pub(crate) clock: &'i Clock,
    pub(crate) ids: &'i Ids,
    pub(crate) scope: &'i BrandScope,
    pub(crate) presets: &'i Presets,
    /// Makes the locations of jobs that are missing.
    pub(crate) create_locations: bool,
    /// Checks everything and writes nothing.
    pub(crate) dry_run: bool,
}

/// What became of a file, or would have.
pub(crate) struct Done {
    pub(crate) added: u64,
    pub(crate) changed: u64,
    /// Locations that were made.
    pub(crate) locations: usize,
}

/// Why nothing was written.
pub(crate) enum Refused {
    /// Every problem of the file.
    Rows(Vec<fithire_import::Problem>),
    /// Something else.
    Other(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Other(problem)
    }
}

impl From<fithire_kernel::db::Error> for Refused {
    fn from(error: fithire_kernel::db::Error) -> Self {
        Self::Other(error.into())
    }
}

/// Whether a row is at a location that the brand does not have.
pub(crate) fn is_unknown_location(problem: &fithire_import::Problem) -> bool {
    problem.column == "location" && problem.message.starts_with("unknown")
}

/// Is told what is being done, how far it is, and of how much.
pub(crate) type Progress<'p> = &'p mut (dyn FnMut(&'static str, u64, u64) + Send);

/// Takes a file of coaches.
pub(crate) async fn take_coaches(
    into: &Into<'_>,
    bytes: &[u8],
    progress: Progress<'_>,
) -> Result<Done, Refused> {
    let size = bytes.len() as u64;
    let rows =
        tokio::task::block_in_place(|| coaches::read(bytes, &mut |done| progress("bytes read", done, size)));
    let profiles: Vec<Profile> = rows.map_err(Refused::Rows)?.into_iter().map(profile).collect();
    if into.dry_run {
        // Reading alone: nobody's saving waits for a file that is only tried.
        let ids: Vec<String> = profiles.into_iter().filter_map(|profile| profile.external_id).collect();
        let mut tx = into.db.read(into.scope).await?;
        let changed = fithire_coaches::count_known(&mut tx, &ids).await?;
        return Ok(Done { added: ids.len() as u64 - changed, changed, locations: 0 });
    }
    let columns = fithire_import::columns(bytes);
    let update = |old: &Profile, new: Profile| with_kept(&columns, old, new);
    let count = profiles.len() as u64;
    let mut told = |done| progress("coaches written", done, count);
    let mut tx = into.db.write(into.scope).await?;
    let (added, changed) =
        fithire_coaches::put_all(&mut tx, (into.clock, into.ids), profiles, &update, &mut told).await?;
    tx.commit().await?;
    Ok(Done { added, changed, locations: 0 })
}

/// Takes a list of coaches; what is missing of somebody who is there stays as it is.
pub(crate) async fn take_listed_coaches(into: &Into<'_>, sent: NewCoaches) -> Result<Done, Problem> {
    let (profiles, said) = tokio::task::block_in_place(|| sent.checked())?;
    if into.dry_run {
        let ids: Vec<String> = profiles.into_iter().filter_map(|profile| profile.external_id).collect();
        let mut tx = into.db.read(into.scope).await?;
        let changed = fithire_coaches::count_known(&mut tx, &ids).await?;
        return Ok(Done { added: ids.len() as u64 - changed, changed, locations: 0 });
    }
    let update = |old: &Profile, new: Profile| with_what_is_said(&said, old, new);
    let mut tx = into.db.write(into.scope).await?;
    let (added, changed) =
        fithire_coaches::put_all(&mut tx, (into.clock, into.ids), profiles, &update, &mut |_| {}).await?;
    tx.commit().await?;
    Ok(Done { added, changed, locations: 0 })
}

/// Takes a list of jobs; what is missing of one that is there stays as it is.
pub(crate) async fn take_listed_jobs(into: &Into<'_>, sent: NewJobs) -> Result<Done, Problem> {
    let mut tx = into.db.read(into.scope).await?;
    let locations: BTreeSet<Id> = location_names(&mut tx).await?.into_values().collect();
    let (jobs, said) = tokio::task::block_in_place(|| sent.checked(into.presets, &locations))?;
    if into.dry_run {
        let ids: Vec<String> = jobs.into_iter().filter_map(|job| job.external_id).collect();
        let changed = fithire_jobs::count_known(&mut tx, &ids).await?;
        return Ok(Done { added: ids.len() as u64 - changed, changed, locations: 0 });
    }
    drop(tx);
    let update = |old: &NewJob, new: NewJob| fithire_jobs::with_what_is_said(&said, old, new);
    let mut tx = into.db.write(into.scope).await?;
    let (added, changed) =
        fithire_jobs::put_all(&mut tx, (into.clock, into.ids), jobs, &update, &mut |_| {}).await?;
    tx.commit().await?;
    Ok(Done { added, changed, locations: 0 })
}

/// Takes a file of jobs.
pub(crate) async fn take_jobs(
    into: &Into<'_>,
    bytes: &[u8],
    progress: Progress<'_>,
) -> Result<Done, Refused> {
    // Reading before writing: nobody waits for a large file to be checked.
    let mut tx = into.db.read(into.scope).await?;
    let names: Vec<String> = location_names(&mut tx).await?.into_keys().collect();
    drop(tx);
    let known = jobs::Known {
        presets: Some(into.presets),
        locations: (!into.create_locations).then_some(&names[..]),
    };
    let size = bytes.len() as u64;
    let rows = tokio::task::block_in_place(|| {
        jobs::read(bytes, known, &mut |done| progress("bytes read", done, size))
    });
    let rows = rows.map_err(Refused::Rows)?;
    let mut tx = into.db.write(into.scope).await?;
    let (jobs, locations) =
        with_locations(&mut tx, (into.clock, into.ids), rows).await?.map_err(Refused::Rows)?;
    let columns = fithire_import::columns(bytes);
    let update = |old: &NewJob, new: NewJob| with_kept_of_job(&columns, old, new);
    let count = jobs.len() as u64;
    let mut told = |done| progress("jobs written", done, count);
    let (added, changed) =
        fithire_jobs::put_all(&mut tx, (into.clock, into.ids), jobs, &update, &mut told).await?;
    if !into.dry_run {
        tx.commit().await?;
    }
    Ok(Done { added, changed, locations })
}

/// A new profile with what the file says nothing of.
fn with_kept(columns: &[String], old: &Profile, new: Profile) -> Profile {
    let says = |names: &[&str]| columns.iter().any(|column| names.contains(&&**column));
    let kept = |name: &str, old: &Option<String>, new: Option<String>| {
        if says(&[name]) { new } else { old.clone() }
    };
    // An address is one thing: half of a new one beside half of the old would be nowhere.
    let moved = says(&["postal_code", "city", "region", "country"]);
    let address = |old: &Option<String>, new: Option<String>| if moved { new } else { old.clone() };
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
        postal_code: address(&old.postal_code, new.postal_code),
        city: address(&old.city, new.city),
        region: address(&old.region, new.region),
        country: address(&old.country, new.country),
        pay: old.pay.clone(),
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
pub(crate) fn profile(row: coaches::Row) -> Profile {
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
        pay: Wish::default(),
        facts: row.facts,
    }
}

/// Jobs at their locations and how many locations were made, or what is wrong with rows.
type Placed = Result<(Vec<NewJob>, usize), Vec<fithire_import::Problem>>;

/// Rows as they are kept, at locations that are made where they are missing, and how many were made; or the rows whose
/// new location is nowhere, or in two places.
pub(crate) async fn with_locations(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    rows: Vec<jobs::Row>,
) -> Result<Placed, Problem> {
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
