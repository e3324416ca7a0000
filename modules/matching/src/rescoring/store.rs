//! Matches as they are kept: by what each job was rescored, its best coaches, and what became of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, ScopedTable, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{BrandScope, Limits};
use fithire_scoring::explain::ENGINE_VERSION;
use fithire_scoring::plan::{Plan, Ranking};
use fithire_scoring::preset::Preset;
use sea_query::{Expr, ExprTrait, Iden, OnConflict, Order, Value};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;

use super::telling::{self, Told};
use super::{KEPT, Run};

/// Rows in a statement; each has 12 values at most, and SQLite takes 32766 of them.
const BATCH: usize = 2_000;
/// A change of the score of which an event tells, in basis points.
const TELLING: i32 = 100;

#[derive(Iden, Clone, Copy)]
pub(super) enum Rescorings {
    Table,
    BrandId,
    JobId,
    Plan,
    Shown,
    Preset,
    PresetHash,
    EngineVersion,
    AsOf,
    Revision,
    Floor,
    Total,
    RescoredAt,
}

impl ScopedTable for Rescorings {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
enum Matches {
    Table,
    BrandId,
    JobId,
    CoachId,
    Score,
    Told,
    EnteredAt,
    ScoredAt,
}

impl ScopedTable for Matches {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(super) enum MatchEvents {
    Table,
    BrandId,
    Id,
    At,
    JobId,
    CoachId,
    Kind,
    Before,
    After,
    AsOf,
    Revision,
}

impl ScopedTable for MatchEvents {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// By what a job is rescored.
pub(crate) struct By {
    /// A hash of the plan, with the threshold and the engine.
    pub(crate) plan: String,
    /// A hash of what the job says of itself.
    pub(crate) shown: String,
    pub(crate) threshold: u16,
    preset: String,
    preset_hash: String,
}

impl By {
    pub(crate) fn new(job: &Open, plan: &Plan<'_>, preset: &Preset, threshold: u16) -> Self {
        let says = json!([
            job.title,
            job.description,
            job.location,
            job.employment_type,
            job.pay.kind,
            job.pay.min,
            job.pay.max,
            job.pay.currency,
            job.facts
        ]);
        let hash = URL_SAFE_NO_PAD.encode(plan.key());
        Self {
            plan: format!("{hash}:{threshold}:{ENGINE_VERSION}"),
            shown: URL_SAFE_NO_PAD.encode(Sha256::digest(says.to_string())),
            threshold,
            preset: preset.name.clone(),
            preset_hash: preset.hash.clone(),
        }
    }
}

/// By what a job was rescored.
#[derive(FromRow)]
pub(crate) struct Rescored {
    job_id: Id,
    pub(crate) plan: String,
    pub(crate) shown: String,
    pub(crate) revision: i64,
    /// Whoever is not that good cannot be a match.
    pub(crate) floor: i32,
}

/// By what each job was rescored.
pub(crate) async fn rescored(tx: &mut Tx) -> Result<BTreeMap<Id, Rescored>, Problem> {
    let mut select = tx.select(Rescorings::Table);
    select.columns([
        Rescorings::JobId,
        Rescorings::Plan,
        Rescorings::Shown,
        Rescorings::Revision,
        Rescorings::Floor,
    ]);
    let rows: Vec<Rescored> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|row| (row.job_id, row)).collect())
}

/// The jobs that one of these coaches is a match of.
pub(crate) async fn jobs_with(tx: &mut Tx, coaches: &[Id]) -> Result<BTreeSet<Id>, Problem> {
    let mut select = tx.select(Matches::Table);
    select
        .distinct()
        .column(Matches::JobId)
        .and_where(Expr::col(Matches::CoachId).is_in(coaches.iter().copied()));
    let rows: Vec<(Id,)> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

#[derive(Clone, Copy, FromRow)]
struct Row {
    job_id: Id,
    coach_id: Id,
    score: i32,
    told: i32,
    entered_at: DateTime<Utc>,
}

async fn matches(tx: &mut Tx, jobs: &[Id]) -> Result<Vec<Row>, Problem> {
    let mut select = tx.select(Matches::Table);
    select
        .columns([Matches::JobId, Matches::CoachId, Matches::Score, Matches::Told, Matches::EnteredAt])
        .and_where(Expr::col(Matches::JobId).is_in(jobs.iter().copied()));
    Ok(tx.all(&select).await?)
}

/// What became of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) job_id: Id,
    pub(crate) coach_id: Id,
    pub(crate) kind: Became,
    /// In basis points; nothing when it entered.
    pub(crate) before: Option<i32>,
    /// In basis points; nothing when it left.
    pub(crate) after: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    Entered,
    Left,
    Changed,
}

impl Became {
    fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Left => "left",
            Self::Changed => "changed",
        }
    }

    /// As the database has it.
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "entered" => Self::Entered,
            "left" => Self::Left,
            _ => Self::Changed,
        }
    }
}

/// What a ranking makes of a job's matches.
#[derive(Default)]
struct Difference {
    events: Vec<Event>,
    /// New ones, and those whose score is another.
    written: Vec<Row>,
    left: Vec<Id>,
}

impl Difference {
    fn of(before: &[Row], (job_id, ranking): (Id, &Ranking), now: DateTime<Utc>) -> Self {
        let mut before: HashMap<Id, Row> = before.iter().map(|row| (row.coach_id, *row)).collect();
        let mut made = Self::default();
        for ranked in &ranking.rows {
            let (coach_id, score) = (ranked.id.cast_signed(), i32::from(ranked.score.0));
            let event = |kind, before| Event { job_id, coach_id, kind, before, after: Some(score) };
            match before.remove(&coach_id) {
                None => {
                    made.events.push(event(Became::Entered, None));
                    made.written.push(Row { job_id, coach_id, score, told: score, entered_at: now });
                }
                Some(row) if row.score != score => {
                    let tells = (score - row.told).abs() >= TELLING;
                    if tells {
                        made.events.push(event(Became::Changed, Some(row.told)));
                    }
                    made.written.push(Row { score, told: if tells { score } else { row.told }, ..row });
                }
                Some(_) => {}
            }
        }
        let mut left: Vec<Row> = before.into_values().collect();
        left.sort_by_key(|row| row.coach_id);
        for row in left {
            let (kind, before) = (Became::Left, Some(row.score));
            made.events.push(Event { job_id, coach_id: row.coach_id, kind, before, after: None });
            made.left.push(row.coach_id);
        }
        made
    }
}

/// A job, by what it was ranked, and how.
pub(crate) type Ranked = (Open, By, Ranking);

/// Writes what rankings make of matches, and tells who is to be told; answers how many events there were.
pub(crate) async fn write(
    db: &Db,
    tools: (&Clock, &Ids),
    scope: &BrandScope,
    (ranked, known, run): (Vec<Ranked>, &BTreeMap<Id, String>, &Run),
) -> Result<usize, Problem> {
    let jobs: Vec<Id> = ranked.iter().map(|(job, ..)| job.id).collect();
    let mut tx = db.write(scope).await?;
    let mut of_job: HashMap<Id, Vec<Row>> = HashMap::new();
    for row in matches(&mut tx, &jobs).await? {
        of_job.entry(row.job_id).or_default().push(row);
    }
    rescorings(&mut tx, &ranked, run).await?;
    let mut all = Difference::default();
    let mut told = BTreeMap::new();
    for (job, _, ranking) in &ranked {
        let before = of_job.get(&job.id).map_or(&[][..], Vec::as_slice);
        let made = Difference::of(before, (job.id, ranking), run.now);
        told.insert(job.id, Told::from(job));
        if !made.left.is_empty() {
            let mut delete = tx.delete(Matches::Table);
            delete
                .and_where(Expr::col(Matches::JobId).eq(job.id))
                .and_where(Expr::col(Matches::CoachId).is_in(made.left));
            tx.run(&delete).await?;
        }
        all.events.extend(made.events);
        all.written.extend(made.written);
    }
    put(&mut tx, (&all.written, run)).await?;
    tell(&mut tx, tools, (&all.events, run)).await?;
    let before: HashSet<Id> = known.keys().copied().collect();
    telling::coaches(&mut tx, tools, (&all.events, &told, &before)).await?;
    for (job, by, ranking) in ranked.iter().filter(|(job, by, _)| is_changed(known, job.id, by)) {
        // Whoever has just come in reads it as it is.
        let there: HashSet<Id> = of_job.get(&job.id).into_iter().flatten().map(|row| row.coach_id).collect();
        let matched = ranking.rows.iter().map(|row| row.id.cast_signed()).filter(|id| there.contains(id));
        telling::of_change(&mut tx, tools, (job.id, &told[&job.id], &by.shown), matched.collect()).await?;
    }
    tx.commit().await?;
    Ok(all.events.len())
}

/// Whether a job says something else than when it was last rescored.
fn is_changed(known: &BTreeMap<Id, String>, id: Id, by: &By) -> bool {
    known.get(&id).is_some_and(|shown| *shown != by.shown)
}

async fn put(tx: &mut Tx, (rows, run): (&[Row], &Run)) -> Result<(), Problem> {
    let columns = [
        Matches::JobId,
        Matches::CoachId,
        Matches::Score,
        Matches::Told,
        Matches::EnteredAt,
        Matches::ScoredAt,
    ];
    for batch in rows.chunks(BATCH) {
        let row = |row: &Row| -> Vec<Value> {
            vec![
                row.job_id.into(),
                row.coach_id.into(),
                row.score.into(),
                row.told.into(),
                row.entered_at.into(),
                run.now.into(),
            ]
        };
        let mut insert = tx.insert(&columns, batch.iter().map(row));
        let known = OnConflict::columns([Matches::BrandId, Matches::JobId, Matches::CoachId])
            .update_columns([Matches::Score, Matches::Told, Matches::ScoredAt])
            .to_owned();
        tx.run(insert.on_conflict(known)).await?;
    }
    Ok(())
}

/// Says by what jobs were rescored.
async fn rescorings(tx: &mut Tx, ranked: &[Ranked], run: &Run) -> Result<(), Problem> {
    let row = |(job, by, ranking): &Ranked| -> Vec<Value> {
        // Whoever ties with the last may go before it.
        let last = ranking.rows.get(KEPT - 1).map_or(by.threshold, |last| last.score.0);
        vec![
            job.id.into(),
            by.plan.clone().into(),
            by.shown.clone().into(),
            by.preset.clone().into(),
            by.preset_hash.clone().into(),
            i64::from(ENGINE_VERSION).into(),
            run.as_of.into(),
            run.revision.into(),
            i32::from(last).into(),
            i64::try_from(ranking.total).unwrap_or(i64::MAX).into(),
            run.now.into(),
        ]
    };
    let columns = [
        Rescorings::JobId,
        Rescorings::Plan,
        Rescorings::Shown,
        Rescorings::Preset,
        Rescorings::PresetHash,
        Rescorings::EngineVersion,
        Rescorings::AsOf,
        Rescorings::Revision,
        Rescorings::Floor,
        Rescorings::Total,
        Rescorings::RescoredAt,
    ];
    let mut insert = tx.insert(&columns, ranked.iter().map(row));
    let known = OnConflict::columns([Rescorings::BrandId, Rescorings::JobId])
        .update_columns(columns.into_iter().skip(1))
        .to_owned();
    tx.run(insert.on_conflict(known)).await?;
    Ok(())
}

/// Writes down what became of matches, and tells the brand's programs.
async fn tell(tx: &mut Tx, tools: (&Clock, &Ids), (events, run): (&[Event], &Run)) -> Result<(), Problem> {
    if events.is_empty() {
        return Ok(());
    }
    let columns = [
        MatchEvents::Id,
        MatchEvents::At,
        MatchEvents::JobId,
        MatchEvents::CoachId,
        MatchEvents::Kind,
        MatchEvents::Before,
        MatchEvents::After,
        MatchEvents::AsOf,
        MatchEvents::Revision,
    ];
    for batch in events.chunks(BATCH) {
        let row = |event: &Event| -> Vec<Value> {
            vec![
                tools.1.next().into(),
                run.now.into(),
                event.job_id.into(),
                event.coach_id.into(),
                event.kind.as_str().into(),
                event.before.into(),
                event.after.into(),
                run.as_of.into(),
                run.revision.into(),
            ]
        };
        tx.run(&tx.insert(&columns, batch.iter().map(row))).await?;
    }
    telling::programs(tx, tools, (events, run.now)).await
}

/// Removes the matches of jobs that look for nobody any more; answers how many there were.
pub(crate) async fn close(
    db: &Db,
    tools: (&Clock, &Ids),
    scope: &BrandScope,
    (closed, run): (&[Id], &Run),
) -> Result<usize, Problem> {
    let mut all = 0;
    for jobs in closed.chunks(super::TOGETHER) {
        let mut tx = db.write(scope).await?;
        let mut left = matches(&mut tx, jobs).await?;
        left.sort_by_key(|row| (row.job_id, row.coach_id));
        let event = |row: &Row| {
            let (kind, before) = (Became::Left, Some(row.score));
            Event { job_id: row.job_id, coach_id: row.coach_id, kind, before, after: None }
        };
        let events: Vec<Event> = left.iter().map(event).collect();
        let mut told = BTreeMap::new();
        for id in events.iter().map(|event| event.job_id).collect::<BTreeSet<Id>>() {
            told.insert(id, Told::from(&fithire_jobs::find(&mut tx, Limits::default(), id).await?));
        }
        let mut delete = tx.delete(Matches::Table);
        tx.run(delete.and_where(Expr::col(Matches::JobId).is_in(jobs.iter().copied()))).await?;
        let mut delete = tx.delete(Rescorings::Table);
        tx.run(delete.and_where(Expr::col(Rescorings::JobId).is_in(jobs.iter().copied()))).await?;
        tell(&mut tx, tools, (&events, run)).await?;
        telling::coaches(&mut tx, tools, (&events, &told, &HashSet::new())).await?;
        tx.commit().await?;
        all += events.len();
    }
    Ok(all)
}

/// Says that jobs stand as they are, as of a revision; whoever is a match of one that says something else is told.
pub(crate) async fn stand(
    db: &Db,
    tools: (&Clock, &Ids),
    scope: &BrandScope,
    (jobs, known, run): (&[(Open, By)], &BTreeMap<Id, String>, &Run),
) -> Result<(), Problem> {
    for jobs in jobs.chunks(BATCH) {
        let mut tx = db.write(scope).await?;
        let mut update = tx.update(Rescorings::Table);
        update
            .value(Rescorings::Revision, run.revision)
            .value(Rescorings::RescoredAt, run.now)
            .and_where(Expr::col(Rescorings::JobId).is_in(jobs.iter().map(|(job, _)| job.id)));
        tx.run(&update).await?;
        for (job, by) in jobs.iter().filter(|(job, by)| is_changed(known, job.id, by)) {
            let mut update = tx.update(Rescorings::Table);
            update
                .value(Rescorings::Shown, by.shown.clone())
                .and_where(Expr::col(Rescorings::JobId).eq(job.id));
            tx.run(&update).await?;
            let matched = matches(&mut tx, &[job.id]).await?.into_iter().map(|row| row.coach_id).collect();
            telling::of_change(&mut tx, tools, (job.id, &Told::from(job), &by.shown), matched).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Removes what became of matches more than a year ago; answers how much that was.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn tidy_brand(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Problem> {
    const KEPT_FOR: TimeDelta = TimeDelta::days(365);
    let mut delete = tx.delete(MatchEvents::Table);
    delete.and_where(Expr::col(MatchEvents::At).lt(now - KEPT_FOR));
    Ok(tx.run(&delete).await?)
}

/// A match as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Kept {
    /// The job.
    pub job_id: Id,
    /// The coach.
    pub coach_id: Id,
    /// In basis points.
    pub score: i32,
    /// Since when it is one.
    pub entered_at: DateTime<Utc>,
    /// Since when it has this score.
    pub scored_at: DateTime<Utc>,
    /// The day by which it was worked out.
    pub as_of: NaiveDate,
    /// The revision of the brand's coaches by which it was.
    pub revision: i64,
    /// The preset's file, by its hash.
    pub preset_hash: String,
    /// When it was last found to be so.
    pub rescored_at: DateTime<Utc>,
}

/// Whose matches.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// A job's.
    Job(Id),
    /// A coach's.
    Coach(Id),
}

/// Matches as they are kept, with their provenance, the best first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn kept(tx: &mut Tx, of: Of) -> Result<Vec<Kept>, Problem> {
    let mut select = tx.select(Matches::Table);
    let same = Expr::col((Rescorings::Table, Rescorings::JobId)).equals((Matches::Table, Matches::JobId));
    tx.join(&mut select, Rescorings::Table, same);
    let own = [Matches::JobId, Matches::CoachId, Matches::Score, Matches::EnteredAt, Matches::ScoredAt];
    let by = [Rescorings::AsOf, Rescorings::Revision, Rescorings::PresetHash, Rescorings::RescoredAt];
    select
        .columns(own.map(|column| (Matches::Table, column)))
        .columns(by.map(|column| (Rescorings::Table, column)))
        .and_where(match of {
            Of::Job(id) => Expr::col((Matches::Table, Matches::JobId)).eq(id),
            Of::Coach(id) => Expr::col((Matches::Table, Matches::CoachId)).eq(id),
        })
        .order_by((Matches::Table, Matches::Score), Order::Desc)
        .order_by((Matches::Table, Matches::CoachId), Order::Asc);
    Ok(tx.all(&select).await?)
}
