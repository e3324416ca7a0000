//! Jobs as rankings need them: one by its id, and those that look for coaches.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fithire_kernel::db::{Glimpse, Tx, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Limits;
use fithire_orgs::{Located, ask_location, find_location, location_there};
use fithire_scoring::facts::{self, Point, Zone};
use sea_query::{Expr, ExprTrait, Order, SelectStatement, SimpleExpr};

use crate::model::{Jobs, Open, Pay, Row};
use crate::service::{SHOWN, row, within};

/// A job as a ranking needs it.
///
/// # Errors
/// 404 when there is none of that id within the limits.
pub async fn find(tx: &mut Tx, limits: Limits, id: Id) -> Result<Open, Problem> {
    let row = row(tx, limits, id).await?;
    let location = located(tx, row.location_id).await?;
    open(row, location)
}

/// Asks for a job as a ranking needs it; [`job_there`] reads the answer.
#[must_use]
pub fn ask_job(within: &Within, id: Id) -> [SelectStatement; 2] {
    let job = |columns: &[Jobs]| {
        let mut select = within.select(Jobs::Table);
        select.columns(columns.iter().copied()).and_where(Expr::col(Jobs::Id).eq(id));
        select
    };
    let location = SimpleExpr::SubQuery(None, Box::new(job(&[Jobs::LocationId]).into()));
    [job(&SHOWN), ask_location(within, location)]
}

/// The job that [`ask_job`] has asked for.
///
/// # Errors
/// 404 when there is none of that id within the limits.
pub fn job_there(seen: &mut Glimpse, limits: Limits) -> Result<Open, Problem> {
    let row: Option<Row> = seen.optional()?;
    let location = location_there(seen)?;
    let (row, (id, region_id, location)) = row.zip(location).ok_or_else(|| Problem::new(Code::NotFound))?;
    if !limits.reach(region_id, id) {
        return Err(Problem::new(Code::NotFound));
    }
    open(row, location)
}

/// How many jobs within the limits look for coaches, by preset.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_active(tx: &mut Tx, limits: Limits) -> Result<BTreeMap<String, usize>, Problem> {
    let within = within(tx, limits).await?;
    let mut select = tx.select(Jobs::Table);
    select
        .column(Jobs::Preset)
        .expr(Expr::col(Jobs::Id).count())
        .and_where(Expr::col(Jobs::Active).eq(true))
        .cond_where(within)
        .group_by_col(Jobs::Preset);
    let rows: Vec<(String, i64)> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|(preset, count)| (preset, usize::try_from(count).unwrap_or_default())).collect())
}

/// The newest jobs within the limits that look for coaches, newest first: ids rise with time.
///
/// # Errors
/// When the database cannot be reached or holds facts that cannot be read.
pub async fn newest(tx: &mut Tx, limits: Limits, limit: u64) -> Result<Vec<Open>, Problem> {
    some_active(tx, limits, |select| {
        select.order_by(Jobs::Id, Order::Desc).limit(limit);
    })
    .await
}

/// Every job within the limits that looks for coaches, by id.
///
/// # Errors
/// When the database cannot be reached or holds facts that cannot be read.
pub async fn active(tx: &mut Tx, limits: Limits) -> Result<Vec<Open>, Problem> {
    some_active(tx, limits, |select| {
        select.order_by(Jobs::Id, Order::Asc);
    })
    .await
}

async fn some_active(
    tx: &mut Tx,
    limits: Limits,
    which: impl FnOnce(&mut SelectStatement),
) -> Result<Vec<Open>, Problem> {
    let within = within(tx, limits).await?;
    let mut select = tx.select(Jobs::Table);
    select.columns(SHOWN).and_where(Expr::col(Jobs::Active).eq(true)).cond_where(within);
    which(&mut select);
    let rows: Vec<Row> = tx.all(&select).await?;
    let mut jobs = Vec::with_capacity(rows.len());
    // Many jobs share a few locations.
    let mut locations: BTreeMap<Id, Located> = BTreeMap::new();
    for row in rows {
        let location = match locations.entry(row.location_id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(located(tx, row.location_id).await?).clone(),
        };
        jobs.push(open(row, location)?);
    }
    Ok(jobs)
}

pub(crate) async fn located(tx: &mut Tx, id: Id) -> Result<Located, Problem> {
    find_location(tx, id).await?.ok_or_else(|| Problem::internal(&"a job without its location"))
}

fn open(row: Row, location: Located) -> Result<Open, Problem> {
    let mut facts: facts::Job =
        serde_json::from_str(&row.facts).map_err(|error| Problem::internal(&error))?;
    facts.point = location.point.and_then(|(lat, lon)| Point::new(lat, lon).ok());
    facts.tz = Zone::named(&location.time_zone).ok();
    let threshold = row.threshold.and_then(|bp| u16::try_from(bp).ok());
    Ok(Open {
        id: row.id,
        title: row.title,
        location: location.name,
        description: row.description,
        active: row.active,
        employment_type: row.employment_type,
        pay: Pay { kind: row.pay_type, min: row.pay_min, max: row.pay_max, currency: row.currency },
        preset: row.preset,
        threshold,
        facts,
    })
}
