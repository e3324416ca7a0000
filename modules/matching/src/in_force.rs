//! By which presets a brand is scored, on record: name, hash and since when, with each file by its hash, so that scores of
//! every version can be computed again.
//!
//! Each process reads its own files, and the one that rescores a brand records what it does that by. While processes
//! have different files, for the time of a rollout, the record has those of whichever was last.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, ScopedTable, Tx};
use fithire_kernel::ids::Ids;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_scoring::preset::{Preset, Presets};
use sea_query::{Iden, OnConflict};
use serde_json::json;
use sqlx::FromRow;

use crate::scores::keep_preset;

#[derive(Iden, Clone, Copy)]
enum PresetsInForce {
    Table,
    BrandId,
    Name,
    Hash,
    Since,
}

impl ScopedTable for PresetsInForce {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// A preset as the brand was last rescored by it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Recorded {
    name: String,
    pub(crate) hash: String,
    pub(crate) since: DateTime<Utc>,
}

/// By name, by what the brand was last rescored.
pub(crate) async fn recorded(tx: &mut Tx) -> Result<BTreeMap<String, Recorded>, Problem> {
    let mut select = tx.select(PresetsInForce::Table);
    select.columns([PresetsInForce::Name, PresetsInForce::Hash, PresetsInForce::Since]);
    let rows: Vec<Recorded> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|row| (row.name.clone(), row)).collect())
}

/// Records by which presets a brand is about to be rescored.
pub(crate) async fn record(
    db: &Db,
    tools: (&Clock, &Ids),
    scope: &BrandScope,
    presets: &Presets,
) -> Result<(), Problem> {
    let known = recorded(&mut db.read(scope).await?).await?;
    let is_new = |preset: &&Preset| known.get(&preset.name).is_none_or(|known| known.hash != preset.hash);
    if !presets.iter().any(|preset| is_new(&preset)) {
        return Ok(());
    }
    let (now, mut tx) = (tools.0.now(), db.write(scope).await?);
    for preset in presets.iter().filter(is_new) {
        use PresetsInForce::{BrandId, Hash, Name, Since};
        keep_preset(&mut tx, now, preset).await?;
        let row = vec![(&preset.name).into(), (&preset.hash).into(), now.into()];
        let mut insert = tx.insert(&[Name, Hash, Since], [row]);
        let same = OnConflict::columns([BrandId, Name]).update_columns([Hash, Since]).to_owned();
        tx.run(insert.on_conflict(same)).await?;
        let before = known.get(&preset.name).map(|known| &known.hash);
        let said = json!({"preset": preset.name, "hash": preset.hash, "before": before});
        let event = Event::new("preset.applied", "brand", scope.brand_id()).with(said);
        audit::record(&mut tx, tools, event).await?;
    }
    tx.commit().await?;
    Ok(())
}
