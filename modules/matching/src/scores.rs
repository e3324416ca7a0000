//! Scores that are kept, with everything that they rest on, so that anyone can have them computed again.
//!
//! A kept score has its facts and its preset's file by content, each stored once under its SHA-256. Nothing of it
//! changes when a coach, a job or a preset does.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use fithire_coaches::visible;
use fithire_identity::{Caller, ViewCoaches};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, ScopedTable, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::explain::{Explanation, read_input};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::{self, Preset};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use sea_query::{Expr, ExprTrait, Iden, OnConflict, Value};
use serde_json::json;
use sqlx::FromRow;

use crate::model::{Figures, KeptScore, NewScore, Replay};
use crate::rankings::Rankings;

#[derive(Iden, Clone, Copy)]
enum Scores {
    Table,
    BrandId,
    Id,
    JobId,
    CoachId,
    AsOf,
    PresetHash,
    InputHash,
    Answer,
    CreatedAt,
}

impl ScopedTable for Scores {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
enum AppliedPresets {
    Table,
    BrandId,
    Hash,
    Content,
    CreatedAt,
}

impl ScopedTable for AppliedPresets {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
enum ScoreInputs {
    Table,
    BrandId,
    Hash,
    Content,
}

impl ScopedTable for ScoreInputs {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(FromRow)]
struct Row {
    id: Id,
    job_id: Id,
    coach_id: Id,
    as_of: NaiveDate,
    preset_hash: String,
    input_hash: String,
    answer: String,
}

const ALL: [Scores; 8] = [
    Scores::Id,
    Scores::JobId,
    Scores::CoachId,
    Scores::AsOf,
    Scores::PresetHash,
    Scores::InputHash,
    Scores::Answer,
    Scores::CreatedAt,
];

/// Scores a pair and keeps the score; answers its id.
pub(crate) async fn keep(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    rankings: &Rankings,
    caller: &Caller,
    pair: &NewScore,
) -> Result<Id, Problem> {
    let allowed = caller.allowed::<ViewCoaches>()?;
    let as_of = fithire_orgs::today(db, clock, allowed.brand_id()).await?;
    let mut tx = db.write(&allowed).await?;
    let missing = |pointer: &'static str, what: &'static str| {
        move |problem: Problem| match problem.code {
            Code::NotFound => Problem::field(pointer, format!("is no {what} that you can see")),
            _ => problem,
        }
    };
    let job = fithire_jobs::find(&mut tx, allowed.limits(), pair.job_id)
        .await
        .map_err(missing("/job_id", "job"))?;
    let coach = visible(&mut tx, caller, pair.coach_id).await.map_err(missing("/coach_id", "coach"))?;
    let preset = rankings.preset(&job.preset)?;
    let plan = Plan::compile(preset, &job.facts, as_of);
    let explanation = plan.explain(&coach.facts);
    let provenance = &explanation.provenance;
    let now = clock.now();

    keep_preset(&mut tx, now, preset).await?;
    let row = vec![(&provenance.input_hash).into(), plan.input(&coach.facts).into()];
    let key = [ScoreInputs::BrandId, ScoreInputs::Hash];
    put_once(&mut tx, &[ScoreInputs::Hash, ScoreInputs::Content], row, key).await?;

    let id = ids.next();
    let row = vec![
        id.into(),
        job.id.into(),
        coach.id.into(),
        as_of.into(),
        (&provenance.preset_hash).into(),
        (&provenance.input_hash).into(),
        Figures::from(explanation).to_json_string().into(),
        now.into(),
    ];
    tx.run(&tx.insert(&ALL, [row])).await?;
    let event = Event::new("score.kept", "score", id).with(json!({"job": job.id, "coach": coach.id}));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(id)
}

/// Keeps the file of a preset by its hash, so that what is scored by it can be computed again.
pub(crate) async fn keep_preset(tx: &mut Tx, now: DateTime<Utc>, preset: &Preset) -> Result<(), Problem> {
    let columns = [AppliedPresets::Hash, AppliedPresets::Content, AppliedPresets::CreatedAt];
    let row = vec![(&preset.hash).into(), (&preset.text).into(), now.into()];
    put_once(tx, &columns, row, [AppliedPresets::BrandId, AppliedPresets::Hash]).await
}

/// Writes a row unless its content is there already.
async fn put_once<T: ScopedTable>(
    tx: &mut Tx,
    columns: &[T],
    row: Vec<Value>,
    key: [T; 2],
) -> Result<(), Problem> {
    let mut insert = tx.insert(columns, [row]);
    insert.on_conflict(OnConflict::columns(key).do_nothing().to_owned());
    tx.run(&insert).await?;
    Ok(())
}

/// A kept score, as far as the caller may see its coach and its job.
async fn row(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Row, Problem> {
    let mut select = tx.select(Scores::Table);
    select.columns(ALL).and_where(Expr::col(Scores::Id).eq(id));
    let row: Row = tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    visible(tx, caller, row.coach_id).await?;
    fithire_jobs::find(tx, caller.limits(), row.job_id).await?;
    Ok(row)
}

/// A score as it was kept.
pub(crate) async fn find(tx: &mut Tx, caller: &Caller, id: Id) -> Result<KeptScore, Problem> {
    kept(&row(tx, caller, id).await?)
}

fn kept(row: &Row) -> Result<KeptScore, Problem> {
    let answer = serde_json::from_str(&row.answer).map_err(|error| Problem::internal(&error))?;
    let figures =
        Figures::parse_from_json(Some(answer)).map_err(|error| Problem::internal(&error.into_message()))?;
    Ok(KeptScore { id: row.id, job_id: row.job_id, coach_id: row.coach_id, figures })
}

/// Computes a kept score again, from what was kept with it and by the engine of today.
pub(crate) async fn replay(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Replay, Problem> {
    let row = row(tx, caller, id).await?;
    let mut select = tx.select(AppliedPresets::Table);
    select.column(AppliedPresets::Content).and_where(Expr::col(AppliedPresets::Hash).eq(&row.preset_hash));
    let preset: Option<(String,)> = tx.optional(&select).await?;
    let mut select = tx.select(ScoreInputs::Table);
    select.column(ScoreInputs::Content).and_where(Expr::col(ScoreInputs::Hash).eq(&row.input_hash));
    let input: Option<(String,)> = tx.optional(&select).await?;
    let ((preset,), (input,)) =
        preset.zip(input).ok_or_else(|| Problem::internal(&"a kept score without what it rests on"))?;
    let kept = kept(&row)?;
    let explanation =
        again(&kept.figures.provenance.preset, &preset, &input, row.as_of).map_err(|cause| {
            Problem::new(Code::Conflict)
                .because(format!("this version cannot compute the score again: {cause}"))
        })?;
    let replayed = Figures::from(explanation);
    let differs = differences(&kept.figures, &replayed);
    Ok(Replay { id, fitscore: kept.figures.fitscore, same: differs.is_empty(), differs, replayed })
}

fn again(name: &str, preset: &str, input: &str, as_of: NaiveDate) -> Result<Explanation, String> {
    let (job, coach) = read_input(input)?;
    let preset = preset::read(name, preset).map_err(|problems| problems[0].message.clone())?;
    Ok(Plan::compile(&preset, &job, as_of).explain(&coach))
}

/// The fields in which two scores differ.
fn differences(kept: &Figures, replayed: &Figures) -> Vec<String> {
    let fields = |figures: &Figures| match figures.to_json() {
        Some(serde_json::Value::Object(fields)) => fields.into_iter().collect::<BTreeMap<_, _>>(),
        _ => BTreeMap::new(),
    };
    let (kept, replayed) = (fields(kept), fields(replayed));
    let names = kept.keys().chain(replayed.keys().filter(|name| !kept.contains_key(*name)));
    names.filter(|name| kept.get(*name) != replayed.get(*name)).cloned().collect()
}

/// Every kept score of a coach, as it was kept.
pub(crate) async fn of_coach(tx: &mut Tx, coach_id: Id) -> Result<Vec<serde_json::Value>, Problem> {
    let mut select = tx.select(Scores::Table);
    select.columns([Scores::Answer]).and_where(Expr::col(Scores::CoachId).eq(coach_id));
    let rows: Vec<(String,)> = tx.all(&select).await?;
    let read = |(answer,): (String,)| serde_json::from_str(&answer);
    rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|error| Problem::internal(&error))
}

/// Erases the kept scores of a coach with the facts that they were computed from.
pub(crate) async fn erase(tx: &mut Tx, coach_id: Id) -> Result<(), Problem> {
    let mut select = tx.select(Scores::Table);
    select.column(Scores::InputHash).and_where(Expr::col(Scores::CoachId).eq(coach_id));
    let hashes: Vec<(String,)> = tx.all(&select).await?;
    let mut delete = tx.delete(Scores::Table);
    delete.and_where(Expr::col(Scores::CoachId).eq(coach_id));
    tx.run(&delete).await?;
    for (hash,) in hashes {
        let mut select = tx.select(Scores::Table);
        select.column(Scores::Id).and_where(Expr::col(Scores::InputHash).eq(&hash)).limit(1);
        let other: Option<(Id,)> = tx.optional(&select).await?;
        if other.is_none() {
            let mut delete = tx.delete(ScoreInputs::Table);
            delete.and_where(Expr::col(ScoreInputs::Hash).eq(hash));
            tx.run(&delete).await?;
        }
    }
    Ok(())
}
