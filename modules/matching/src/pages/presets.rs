//! `/admin/presets`: every preset that is in force, with its state. The files stay the truth: nothing is changed here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_identity::{ManageBrand, Visitor};
use fithire_kernel::db::Db;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::Problem;
use fithire_scoring::explain::two_places;
use fithire_scoring::preset::{Preset, Presets};
use poem::handler;
use poem::web::{Data, Html};
use serde::Serialize;

use super::view::{label, percent};

/// Where the presets in force come from, and since when.
#[derive(Clone, Debug)]
pub struct PresetSource {
    /// The folder of their files; `None`: they are built into the program.
    pub folder: Option<String>,
    /// When they were read.
    pub since: DateTime<Utc>,
}

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    folder: Option<String>,
    since: String,
    presets: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    title: String,
    threshold: String,
    hash: String,
    /// Label, weight in words, and weight in percent of a bar.
    weights: Vec<(&'static str, String, u16)>,
    /// How many active jobs are scored by it.
    jobs: usize,
}

impl Template for Page {
    const NAME: &'static str = "matching/presets.html";
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    presets: Data<&Arc<Presets>>,
    source: Data<&PresetSource>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let mut tx = db.read(&allowed).await?;
    let used = fithire_jobs::count_active(&mut tx, allowed.limits()).await?;
    let listed = |preset: &Preset| Listed {
        name: preset.name.clone(),
        title: preset.title.clone(),
        threshold: two_places(preset.threshold),
        hash: preset.hash.chars().take(12).collect(),
        weights: preset.weights().map(|(key, bp)| (label(key), percent(bp), bp / 100)).collect(),
        jobs: used.get(&preset.name).copied().unwrap_or_default(),
    };
    let page = Page {
        folder: source.folder.clone(),
        since: source.since.format("%Y-%m-%d %H:%M UTC").to_string(),
        presets: presets.iter().map(listed).collect(),
    };
    pages.render(visitor.shell(), &page)
}
