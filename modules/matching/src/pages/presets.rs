//! `/admin/presets`: every preset that is in force, with its state, and files that are not. The files stay the truth: nothing
//! is changed here.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_identity::{ManageBrand, Visitor};
use fithire_kernel::db::Db;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::Problem;
use fithire_presets::{Fault, InForce, Standing, What};
use fithire_scoring::explain::two_places;
use fithire_scoring::points::{Rule, Table};
use fithire_scoring::preset::Preset;
use poem::handler;
use poem::web::{Data, Html};
use serde::Serialize;

use super::view::{label, percent};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    folder: Option<String>,
    unreadable: Option<String>,
    presets: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    href: String,
    state: State,
    #[serde(flatten)]
    name: Named,
    /// How many active jobs are scored by it.
    jobs: usize,
}

/// A preset, as far as there is one.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    name: String,
    title: String,
    threshold: String,
    hash: String,
    /// Label, weight in words, and weight in percent of a bar.
    weights: Vec<(Cow<'static, str>, String, u16)>,
    /// What it asks for by points: what people call that, and each rule in words with what it gives.
    points: Vec<(String, Vec<(String, u8)>)>,
}

impl Named {
    pub(super) fn new(name: &str, preset: Option<&Preset>) -> Self {
        let Some(preset) = preset else {
            let (name, title) = (name.to_owned(), name.to_owned());
            let (threshold, hash) = (String::new(), String::new());
            return Self { name, title, threshold, hash, weights: Vec::new(), points: Vec::new() };
        };
        let rule = |rule: &Rule| (rule.asks.to_string(), rule.points);
        let table = |table: &Arc<Table>| (table.title.clone(), table.rules.iter().map(rule).collect());
        Self {
            name: preset.name.clone(),
            title: preset.title.clone(),
            threshold: two_places(preset.threshold),
            hash: preset.hash.clone(),
            weights: preset.keys().map(|(key, bp)| (label(key), percent(bp), bp / 100)).collect(),
            points: preset.points().map(table).collect(),
        }
    }
}

/// How a file stands, in words.
#[derive(Debug, Serialize)]
pub(super) struct State {
    /// good, wait or bad.
    tone: &'static str,
    word: &'static str,
    /// What is wrong, in a sentence.
    told: String,
    /// Whether a change is pending.
    pending: bool,
}

impl State {
    pub(super) fn of(standing: &Standing) -> Self {
        let (tone, word) = match (&standing.preset, &standing.fault) {
            (Some(_), None) => ("good", "Valid, in force"),
            (Some(_), Some(_)) => ("bad", "Refused; the last good one is in force"),
            (None, Some(_)) => ("bad", "Refused; nothing is in force"),
            (None, None) => ("wait", "Not in force yet"),
        };
        let told = standing.fault.as_ref().map(in_words).unwrap_or_default();
        Self { tone, word, told, pending: standing.next.is_some() }
    }
}

fn in_words(fault: &Fault) -> String {
    let since = when(fault.since);
    match &fault.what {
        What::Gone => {
            format!(
                "Its file is gone since {since}. It goes when no job uses it any more, or bring the file back."
            )
        }
        What::Unreadable(why) => format!("Its file cannot be used since {since}: {why}."),
        What::Invalid { problems, .. } if problems.len() == 1 => {
            format!("Its file has a problem since {since}.")
        }
        What::Invalid { problems, .. } => format!("Its file has {} problems since {since}.", problems.len()),
    }
}

pub(super) fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Where the page of a preset is; names of files may have anything in them.
pub(super) fn href(name: &str) -> String {
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("/admin/presets/{encoded}")
}

impl Template for Page {
    const NAME: &'static str = "matching/presets.html";
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    in_force: Data<&Arc<InForce>>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let mut tx = db.read(&allowed).await?;
    let used = fithire_jobs::count_active(&mut tx, allowed.limits()).await?;
    let listed = |(name, standing): (&String, &Standing)| Listed {
        href: href(name),
        state: State::of(standing),
        name: Named::new(name, standing.preset.as_deref()),
        jobs: used.get(name).copied().unwrap_or_default(),
    };
    let page = Page {
        folder: in_force.folder.as_ref().map(|folder| folder.display().to_string()),
        unreadable: in_force.unreadable.clone(),
        presets: in_force.standings.iter().map(listed).collect(),
    };
    pages.render(visitor.shell(), &page)
}
