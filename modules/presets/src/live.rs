//! What is in force, exchanged whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::preset::{self, Preset, Presets, Problem};
use tokio::sync::watch;

use crate::folder::{Content, Files};

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is not there.
    Gone,
    /// It cannot be read; why, in words.
    Unreadable(String),
    /// It is no preset.
    Invalid {
        /// The file.
        text: String,
        /// Everything that is wrong with it, in the order of the places.
        problems: Vec<Problem>,
    },
}

/// What is wrong with a file, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub what: What,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A pending change.
#[derive(Clone, Debug)]
pub struct Next {
    /// The preset that it would put in force, or what is wrong with it.
    pub preset: Result<Arc<Preset>, What>,
    /// Since when it waits.
    pub since: DateTime<Utc>,
    content: Content,
}

/// How one name stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What is in force; nothing when no valid file of that name was ever there.
    pub preset: Option<Arc<Preset>>,
    /// Since when it is in force, as far as this process knows.
    pub since: DateTime<Utc>,
    /// What is wrong with `NAME.toml` now.
    pub fault: Option<Fault>,
    /// `NAME.next.toml`.
    pub next: Option<Next>,
}

/// Every preset in force, with how each file stands. It never changes: a later state is another one.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Whence they are read; nothing when they are built into the program.
    pub folder: Option<PathBuf>,
    /// Why the folder cannot be read, when it cannot.
    pub unreadable: Option<String>,
    /// The presets.
    pub presets: Arc<Presets>,
    /// By name.
    pub standings: BTreeMap<String, Standing>,
}

/// What has become different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Names that are in force with another content, or newly.
    pub applied: Vec<String>,
    /// Names that are no longer in force.
    pub dropped: Vec<String>,
    /// Names whose file has become wrong, or wrong in another way.
    pub refused: Vec<String>,
}

impl Change {
    /// Whether other presets are in force than before.
    #[must_use]
    pub fn is_of_scores(&self) -> bool {
        !self.applied.is_empty() || !self.dropped.is_empty()
    }
}

impl InForce {
    /// What is in force when a program starts.
    #[must_use]
    pub fn at_start(folder: Option<PathBuf>, presets: Presets, now: DateTime<Utc>) -> Self {
        let standing = |preset: &Arc<Preset>| {
            let preset = Some(preset.clone());
            Standing { preset, since: now, fault: None, next: None }
        };
        let standings = presets.shared().map(|preset| (preset.name.clone(), standing(preset))).collect();
        Self { folder, unreadable: None, presets: Arc::new(presets), standings }
    }

    /// Names in force that have no file any more.
    #[must_use]
    pub fn without_file(&self, files: &Files) -> Vec<String> {
        let in_force = self.standings.iter().filter(|(_, standing)| standing.preset.is_some());
        in_force.map(|(name, _)| name).filter(|name| !files.current.contains_key(*name)).cloned().collect()
    }

    /// What follows from what the folder holds. A preset in `used` stays in force without its file, and so does the one by
    /// which a job without a preset is scored. `None`: nothing has become different.
    #[must_use]
    pub fn after(
        &self,
        files: &Files,
        used: &BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Option<(Self, Change)> {
        let mut change = Change::default();
        let mut standings = BTreeMap::new();
        let names: BTreeSet<&String> =
            self.standings.keys().chain(files.current.keys()).chain(files.next.keys()).collect();
        let mut differs = self.unreadable.is_some();
        for name in names {
            let before = self.standings.get(name);
            let mut standing =
                before.cloned().unwrap_or(Standing { preset: None, since: now, fault: None, next: None });
            let fault = match files.current.get(name).map(|content| read(name, content)) {
                Some(Ok(preset)) => {
                    if standing.preset.as_ref().is_none_or(|before| before.hash != preset.hash) {
                        (standing.preset, standing.since) = (Some(preset), now);
                        change.applied.push(name.clone());
                    }
                    None
                }
                Some(Err(what)) => Some(what),
                None if standing.preset.is_none() => None,
                None if used.contains(name) || name == DEFAULT_PRESET => Some(What::Gone),
                None => {
                    standing.preset = None;
                    change.dropped.push(name.clone());
                    None
                }
            };
            if standing.fault.as_ref().map(|fault| &fault.what) != fault.as_ref() {
                differs = true;
                change.refused.extend(fault.is_some().then(|| name.clone()));
                standing.fault = fault.map(|what| Fault { what, since: now });
            }
            let next = files.next.get(name);
            if standing.next.as_ref().map(|next| &next.content) != next {
                differs = true;
                let pending = |content: &Content| Next {
                    preset: read(name, content),
                    since: now,
                    content: content.clone(),
                };
                standing.next = next.map(pending);
            }
            if standing.preset.is_some() || standing.fault.is_some() || standing.next.is_some() {
                standings.insert(name.clone(), standing);
            } else {
                differs = true;
            }
        }
        if !differs && !change.is_of_scores() {
            return None;
        }
        let presets = if change.is_of_scores() {
            let kept = standings.values().filter_map(|standing: &Standing| standing.preset.clone());
            Arc::new(Presets::new(kept))
        } else {
            self.presets.clone()
        };
        Some((Self { folder: self.folder.clone(), unreadable: None, presets, standings }, change))
    }

    /// The same with a folder that cannot be read. `None`: that is known.
    #[must_use]
    pub fn without_folder(&self, why: String) -> Option<Self> {
        let known = self.unreadable.as_ref() == Some(&why);
        (!known).then(|| Self { unreadable: Some(why), ..self.clone() })
    }
}

fn read(name: &str, content: &Content) -> Result<Arc<Preset>, What> {
    match content {
        Content::Text(text) => preset::read(name, text)
            .map(Arc::new)
            .map_err(|problems| What::Invalid { text: text.clone(), problems }),
        Content::Unreadable(why) => Err(What::Unreadable(why.clone())),
    }
}

/// Where everybody finds what is in force. Copies of it are one and the same.
#[derive(Clone, Debug)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    now: watch::Sender<Arc<InForce>>,
    applied: AtomicU64,
    refused: AtomicU64,
}

impl Live {
    /// This is in force.
    #[must_use]
    pub fn new(first: InForce) -> Self {
        let now = watch::Sender::new(Arc::new(first));
        Self(Arc::new(Shared { now, applied: AtomicU64::new(0), refused: AtomicU64::new(0) }))
    }

    /// What is in force at this moment.
    #[must_use]
    pub fn now(&self) -> Arc<InForce> {
        self.0.now.borrow().clone()
    }

    /// From now on this is in force.
    pub fn put(&self, next: InForce, change: &Change) {
        let count = |of: &AtomicU64, names: &[String]| {
            of.fetch_add(u64::try_from(names.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        count(&self.0.applied, &change.applied);
        count(&self.0.refused, &change.refused);
        self.0.now.send_replace(Arc::new(next));
    }

    /// For metrics: how many files were put in force and how many were refused since the program started, and how many
    /// names have a fault now.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, usize) {
        let faulty = self.now().standings.values().filter(|standing| standing.fault.is_some()).count();
        (self.0.applied.load(Ordering::Relaxed), self.0.refused.load(Ordering::Relaxed), faulty)
    }
}
