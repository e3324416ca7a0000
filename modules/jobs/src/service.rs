//! What can be done with jobs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fithire_identity::ManageJobs;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::etag::IfMatch;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_kernel::scope::{Allowed, Limits};
use fithire_orgs::{find_location, reached};
use fithire_scoring::exchange::{DEFAULT_PRESET, read_facts};
use fithire_scoring::facts::{self, Point, Zone};
use fithire_scoring::preset::Presets;
use fithire_webhooks::publish;
use poem_openapi::types::ToJSON;
use sea_query::{Cond, Expr, ExprTrait, OnConflict, SelectStatement};

use serde_json::{Value, json};

use crate::events;
use crate::model::{Change, JobFacts, Jobs, Open, Pay, Row, Sent};
use crate::open::located;

pub(crate) const SHOWN: [Jobs; 17] = [
    Jobs::Id,
    Jobs::LocationId,
    Jobs::ExternalId,
    Jobs::Title,
    Jobs::Description,
    Jobs::Preset,
    Jobs::Threshold,
    Jobs::EmploymentType,
    Jobs::PayType,
    Jobs::PayMin,
    Jobs::PayMax,
    Jobs::Currency,
    Jobs::Facts,
    Jobs::Active,
    Jobs::Revision,
    Jobs::CreatedAt,
    Jobs::UpdatedAt,
];

/// A job to be, as this program makes one.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Where it is.
    pub location_id: Id,
    /// The brand's own id.
    pub external_id: Option<String>,
    /// What people read.
    pub title: String,
    /// At length.
    pub description: Option<String>,
    /// The preset by name.
    pub preset: String,
    /// The lowest score that is ranked, in basis points.
    pub threshold: Option<u16>,
    /// Such as `part-time`.
    pub employment_type: Option<String>,
    /// What is paid.
    pub pay: Pay,
    /// What is scored; place and time zone are the location's.
    pub facts: facts::Job,
}

/// Adds a job and answers its id.
async fn insert(tx: &mut Tx, clock: &Clock, ids: &Ids, job: NewJob) -> Result<Id, Problem> {
    let id = ids.next();
    let row = values(id, job, clock.now())?;
    tx.run(&tx.insert(&SHOWN, [row])).await.map_err(|error| {
        if breaks(&error, "jobs_external_id", "jobs.brand_id, jobs.external_id") {
            Problem::new(Code::Conflict).because("a job with this external_id is there already")
        } else {
            error.into()
        }
    })?;
    Ok(id)
}

/// Adds jobs, or changes those whose external id is there already, in one transaction. `update` says what becomes of a job
/// that is there; whether it is active stays as it was. `progress` is told how many are done. Answers how many were
/// added and how many changed.
///
/// # Errors
/// When a location is not of the brand, or the database refuses or cannot be reached.
pub async fn put_all(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    jobs: Vec<NewJob>,
    update: &(dyn Fn(&NewJob, NewJob) -> NewJob + Sync),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(u64, u64), Problem> {
    /// Rows in a statement; each has 18 values, and SQLite takes 32766 of them.
    const AT_ONCE: usize = 1_000;
    let told = fithire_webhooks::listens(tx).await?;
    let (mut added, mut changed) = (0, 0);
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        let chunk: Vec<NewJob> = jobs.by_ref().take(AT_ONCE).collect();
        let known = by_external_id(tx, &chunk).await?;
        let mut rows = Vec::with_capacity(chunk.len());
        let mut told_of = Vec::new();
        for mut job in chunk {
            let new_id = ids.next();
            match job.external_id.as_ref().and_then(|id| known.get(id)) {
                None => {
                    added += 1;
                    told_of.extend(told.then(|| events::created(clock.now(), new_id, job.location_id)));
                }
                Some((id, old)) => {
                    changed += 1;
                    job = update(old, job);
                    if told {
                        told_of.extend(events::changed(
                            clock.now(),
                            *id,
                            (&self::known(old)?, &self::known(&job)?),
                        ));
                    }
                }
            }
            rows.push(values(new_id, job, clock.now())?);
        }
        let mut insert = tx.insert(&SHOWN, rows);
        let kept = |column: &Jobs| {
            matches!(column, Jobs::Id | Jobs::ExternalId | Jobs::Active | Jobs::CreatedAt | Jobs::Revision)
        };
        let conflict = OnConflict::columns([Jobs::BrandId, Jobs::ExternalId])
            .update_columns(SHOWN.into_iter().filter(|column| !kept(column)))
            .value(Jobs::Revision, Expr::col((Jobs::Table, Jobs::Revision)).add(1))
            .to_owned();
        insert.on_conflict(conflict);
        tx.run(&insert).await?;
        publish(tx, (clock, ids), told_of).await?;
        progress(added + changed);
    }
    let event = Event::new("jobs.imported", "brand", None).with(json!({"added": added, "changed": changed}));
    audit::record(tx, (clock, ids), event).await?;
    fithire_orgs::changed(tx, (clock, ids)).await?;
    Ok((added, changed))
}

/// The jobs that are there already, by external id.
async fn by_external_id(tx: &mut Tx, jobs: &[NewJob]) -> Result<BTreeMap<String, (Id, NewJob)>, Problem> {
    let mut select = tx.select(Jobs::Table);
    let external = jobs.iter().filter_map(|job| job.external_id.as_deref());
    select.columns(SHOWN).and_where(Expr::col(Jobs::ExternalId).is_in(external));
    let rows: Vec<Row> = tx.all(&select).await?;
    let mut known = BTreeMap::new();
    for row in rows {
        let id = row.id;
        let job = row.job()?;
        known.extend(job.external_id.clone().map(|external_id| (external_id, (id, job))));
    }
    Ok(known)
}

/// The values of [`SHOWN`].
fn values(id: Id, job: NewJob, now: DateTime<Utc>) -> Result<Vec<sea_query::Value>, Problem> {
    Ok(vec![
        id.into(),
        job.location_id.into(),
        job.external_id.into(),
        job.title.into(),
        job.description.into(),
        job.preset.into(),
        job.threshold.map(i64::from).into(),
        job.employment_type.into(),
        job.pay.kind.into(),
        job.pay.min.into(),
        job.pay.max.into(),
        job.pay.currency.into(),
        written(&job.facts)?.into(),
        true.into(),
        1_i64.into(),
        now.into(),
        now.into(),
    ])
}

/// The text that is kept: without place and zone, which are the location's.
fn written(facts: &facts::Job) -> Result<String, Problem> {
    let facts = facts::Job { point: None, tz: None, ..facts.clone() };
    serde_json::to_string(&facts).map_err(|error| Problem::internal(&error))
}

/// Everything of a job, as one value, for the log of changes.
fn known(job: &NewJob) -> Result<Value, Problem> {
    let facts = serde_json::to_value(&job.facts).map_err(|error| Problem::internal(&error))?;
    Ok(json!({
        "location_id": job.location_id, "title": job.title, "description": job.description,
        "preset": job.preset, "threshold": job.threshold, "employment_type": job.employment_type,
        "pay": job.pay.to_string(), "facts": facts,
    }))
}

impl Row {
    /// The same of a job that is there, and whether it looks for coaches.
    fn known(self) -> Result<Value, Problem> {
        let active = self.active;
        let mut whole = known(&self.job()?)?;
        whole["active"] = json!(active);
        Ok(whole)
    }

    fn job(self) -> Result<NewJob, Problem> {
        Ok(NewJob {
            location_id: self.location_id,
            external_id: self.external_id,
            title: self.title,
            description: self.description,
            preset: self.preset,
            threshold: self.threshold.and_then(|bp| u16::try_from(bp).ok()),
            employment_type: self.employment_type,
            pay: Pay { kind: self.pay_type, min: self.pay_min, max: self.pay_max, currency: self.currency },
            facts: serde_json::from_str(&self.facts).map_err(|error| Problem::internal(&error))?,
        })
    }
}

pub(crate) async fn create(
    db: &Db,
    (clock, ids, presets): (&Clock, &Ids, &Presets),
    allowed: &Allowed<ManageJobs>,
    sent: Sent,
) -> Result<Id, Problem> {
    let mut tx = db.write(allowed).await?;
    let job = checked(&mut tx, (allowed, presets), sent).await?;
    let event = json!({"after": known(&job)?});
    let location_id = job.location_id;
    let id = insert(&mut tx, clock, ids, job).await?;
    publish(&mut tx, (clock, ids), vec![events::created(clock.now(), id, location_id)]).await?;
    audit::record(&mut tx, (clock, ids), Event::new("job.created", "job", id).with(event)).await?;
    fithire_orgs::changed(&mut tx, (clock, ids)).await?;
    tx.commit().await?;
    Ok(id)
}

pub(crate) async fn change(
    db: &Db,
    (clock, ids, presets): (&Clock, &Ids, &Presets),
    allowed: &Allowed<ManageJobs>,
    (id, made_from): (Id, &IfMatch),
    sent: Change,
) -> Result<(), Problem> {
    let mut errors = Errors::default();
    let facts = errors.facts(sent.facts.as_ref());
    let preset = errors.preset(presets, sent.preset);
    errors.pay(sent.pay.as_ref());
    let threshold = errors.threshold(sent.threshold);
    let mut tx = db.write(allowed).await?;
    errors.location(&mut tx, allowed.limits(), sent.location_id).await?;
    errors.none()?;
    let before = row_to_change(&mut tx, allowed.limits(), id).await?;
    made_from.check(before.revision)?;
    let before = before.known()?;
    let mut update = tx.update(Jobs::Table);
    update
        .value(Jobs::UpdatedAt, clock.now())
        .value(Jobs::Revision, Expr::col(Jobs::Revision).add(1))
        .and_where(Expr::col(Jobs::Id).eq(id));
    let facts = facts.as_ref().map(written).transpose()?;
    for (column, text) in [
        (Jobs::Title, sent.title),
        (Jobs::Description, sent.description),
        (Jobs::Preset, preset),
        (Jobs::EmploymentType, sent.employment_type),
        (Jobs::Facts, facts),
    ] {
        if let Some(text) = text {
            update.value(column, text);
        }
    }
    if let Some(pay) = sent.pay {
        update
            .value(Jobs::PayType, pay.kind)
            .value(Jobs::PayMin, pay.min)
            .value(Jobs::PayMax, pay.max)
            .value(Jobs::Currency, pay.currency);
    }
    if let Some(location_id) = sent.location_id {
        update.value(Jobs::LocationId, location_id);
    }
    if let Some(threshold) = threshold {
        update.value(Jobs::Threshold, i64::from(threshold));
    }
    if let Some(active) = sent.active {
        update.value(Jobs::Active, active);
    }
    tx.run(&update).await?;
    let after = row(&mut tx, Limits::default(), id).await?.known()?;
    let event = Event::new("job.changed", "job", id).changed(&before, &after);
    audit::record(&mut tx, (clock, ids), event).await?;
    publish(&mut tx, (clock, ids), events::changed(clock.now(), id, (&before, &after))).await?;
    fithire_orgs::changed(&mut tx, (clock, ids)).await?;
    tx.commit().await?;
    Ok(())
}

/// Changes everything of a job to what was sent, and commits; answers its id.
pub(crate) async fn replace(
    mut tx: Tx,
    (clock, ids, presets): (&Clock, &Ids, &Presets),
    allowed: &Allowed<ManageJobs>,
    id: Id,
    sent: Sent,
) -> Result<Id, Problem> {
    let job = checked(&mut tx, (allowed, presets), sent).await?;
    let before = row_to_change(&mut tx, allowed.limits(), id).await?.known()?;
    let mut update = tx.update(Jobs::Table);
    update
        .value(Jobs::UpdatedAt, clock.now())
        .value(Jobs::Revision, Expr::col(Jobs::Revision).add(1))
        .value(Jobs::LocationId, job.location_id)
        .value(Jobs::Title, job.title)
        .value(Jobs::Description, job.description)
        .value(Jobs::Preset, job.preset)
        .value(Jobs::Threshold, job.threshold.map(i64::from))
        .value(Jobs::EmploymentType, job.employment_type)
        .value(Jobs::PayType, job.pay.kind)
        .value(Jobs::PayMin, job.pay.min)
        .value(Jobs::PayMax, job.pay.max)
        .value(Jobs::Currency, job.pay.currency)
        .value(Jobs::Facts, written(&job.facts)?)
        .and_where(Expr::col(Jobs::Id).eq(id));
    tx.run(&update).await?;
    let after = row(&mut tx, Limits::default(), id).await?.known()?;
    let event = Event::new("job.changed", "job", id).changed(&before, &after);
    audit::record(&mut tx, (clock, ids), event).await?;
    publish(&mut tx, (clock, ids), events::changed(clock.now(), id, (&before, &after))).await?;
    fithire_orgs::changed(&mut tx, (clock, ids)).await?;
    tx.commit().await?;
    Ok(id)
}

/// What was sent as a job that could be kept, or everything that is not right with it.
async fn checked(
    tx: &mut Tx,
    (allowed, presets): (&Allowed<ManageJobs>, &Presets),
    sent: Sent,
) -> Result<NewJob, Problem> {
    let mut errors = Errors::default();
    let job = errors.job(presets, sent);
    errors.location(tx, allowed.limits(), Some(job.location_id)).await?;
    errors.none()?;
    Ok(job)
}

/// The job that what was sent would be, with place and zone of its location; nothing is kept.
pub(crate) async fn imagined(
    tx: &mut Tx,
    (allowed, presets): (&Allowed<ManageJobs>, &Presets),
    sent: Sent,
) -> Result<Open, Problem> {
    let job = checked(tx, (allowed, presets), sent).await?;
    let location = located(tx, job.location_id).await?;
    let mut facts = job.facts;
    facts.point = location.point.and_then(|(lat, lon)| Point::new(lat, lon).ok());
    facts.tz = Zone::named(&location.time_zone).ok();
    Ok(Open {
        id: 0,
        title: job.title,
        location: location.name,
        description: job.description,
        active: true,
        employment_type: job.employment_type,
        pay: job.pay,
        preset: job.preset,
        threshold: job.threshold,
        facts,
    })
}

/// What is not right with a job that was sent.
#[derive(Default)]
pub(crate) struct Errors(pub(crate) Vec<FieldError>);

impl Errors {
    pub(crate) fn add(&mut self, pointer: &str, detail: String) {
        self.0.push(FieldError { pointer: pointer.to_owned(), detail });
    }

    /// What it names as its location is none.
    pub(crate) fn no_location(&mut self) {
        self.add("/location_id", "is no location of the brand".to_owned());
    }

    /// What was sent as it would be kept; what is not right with it is noted.
    pub(crate) fn job(&mut self, presets: &Presets, sent: Sent) -> NewJob {
        let facts = self.facts(sent.facts.as_ref());
        let preset = self.preset(presets, sent.preset);
        self.pay(sent.pay.as_ref());
        NewJob {
            location_id: sent.location_id,
            external_id: sent.external_id,
            title: sent.title,
            description: sent.description,
            preset: preset.unwrap_or_else(|| DEFAULT_PRESET.to_owned()),
            threshold: self.threshold(sent.threshold),
            employment_type: sent.employment_type,
            pay: sent.pay.unwrap_or_default(),
            facts: facts.unwrap_or_default(),
        }
    }

    fn none(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }

    fn facts(&mut self, sent: Option<&JobFacts>) -> Option<facts::Job> {
        match read_facts(&sent?.to_json().unwrap_or_default()) {
            Ok(facts) => Some(facts),
            Err(problems) => {
                for problem in problems {
                    self.add(&problem.pointer("/facts"), problem.message);
                }
                None
            }
        }
    }

    fn preset(&mut self, presets: &Presets, name: Option<String>) -> Option<String> {
        let name = name?;
        if let Err(message) = presets.named(&name) {
            self.add("/preset", message);
        }
        Some(name)
    }

    fn pay(&mut self, pay: Option<&Pay>) {
        let Some(pay) = pay else { return };
        if pay.min.zip(pay.max).is_some_and(|(min, max)| max < min) {
            self.add("/pay/max", "is less than min".to_owned());
        }
        if pay.currency.as_ref().is_some_and(|code| !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            self.add("/pay/currency", "is not three capital letters".to_owned());
        }
    }

    fn threshold(&mut self, share: Option<f64>) -> Option<u16> {
        let share = share?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0..=10000, by the schema"
        )]
        let bp = (share * 10_000.0).round() as u16;
        if (f64::from(bp) / 10_000.0 - share).abs() > 1e-12 {
            self.add("/threshold", "has more than 4 decimals".to_owned());
        }
        Some(bp)
    }

    async fn location(&mut self, tx: &mut Tx, limits: Limits, id: Option<Id>) -> Result<(), Problem> {
        let Some(id) = id else { return Ok(()) };
        if find_location(tx, id).await?.is_none() {
            self.no_location();
        } else if reached(tx, limits).await?.is_some_and(|reached| !reached.contains(&id)) {
            self.add("/location_id", "is outside the part of the brand that you manage".to_owned());
        }
        Ok(())
    }
}

/// What keeps a statement to the jobs within limits.
pub(crate) async fn within(tx: &mut Tx, limits: Limits) -> Result<Cond, Problem> {
    let locations = reached(tx, limits).await?;
    Ok(Cond::all().add_option(locations.map(|ids| Expr::col(Jobs::LocationId).is_in(ids))))
}

/// A job's row; one outside the limits answers like one that is not there.
pub(crate) async fn row(tx: &mut Tx, limits: Limits, id: Id) -> Result<Row, Problem> {
    let select = asked_row(tx, limits, id).await?;
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// The same for whoever changes it: nobody else does until the transaction ends.
pub(crate) async fn row_to_change(tx: &mut Tx, limits: Limits, id: Id) -> Result<Row, Problem> {
    let mut select = asked_row(tx, limits, id).await?;
    select.lock_exclusive();
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

async fn asked_row(tx: &mut Tx, limits: Limits, id: Id) -> Result<SelectStatement, Problem> {
    let within = within(tx, limits).await?;
    let mut select = tx.select(Jobs::Table);
    select.columns(SHOWN).and_where(Expr::col(Jobs::Id).eq(id)).cond_where(within);
    Ok(select)
}

/// Makes a job look for coaches, or no longer.
///
/// # Errors
/// 404 when there is no such job within the limits.
pub async fn set_active(
    db: &Db,
    tools: (&Clock, &Ids, &Presets),
    allowed: &Allowed<ManageJobs>,
    id: Id,
    active: bool,
) -> Result<(), Problem> {
    let sent = Change { active: Some(active), ..Change::deactivation() };
    change(db, tools, allowed, (id, &IfMatch::Anything), sent).await
}

/// The location of a job.
///
/// # Errors
/// 404 when there is no such job within the limits.
pub async fn location_of(tx: &mut Tx, limits: Limits, id: Id) -> Result<Id, Problem> {
    Ok(row(tx, limits, id).await?.location_id)
}
