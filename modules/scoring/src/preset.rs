//! Presets: how much each sub-score weighs, and its parameters, as an administrator writes them in TOML.
//!
//! A preset that exists is valid: [`read`] is the only way to one, and it reports every problem of a file
//! at once, each with its place. A sub-score that a preset does not weigh takes no part in its scores; one
//! with weight 0 is shown, and its gate holds, but it moves nothing.

mod points;
mod read;
mod schema;
mod what_if;

use std::fmt;
use std::sync::{Arc, LazyLock};

pub(crate) use points::MOST_TABLES;
pub use read::{Problem, read};
pub use schema::schema;

use crate::key::Key;
use crate::points::{Table, each_once};
use crate::subscore::Configured;
use crate::wording;

/// A valid preset.
pub struct Preset {
    /// The name of its file, without `.toml`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// When to choose it.
    pub description: String,
    /// The lowest score that is ranked, in basis points, where the job sets none.
    pub threshold: u16,
    /// How many rows a ranking lists where nobody asks for another number.
    pub limit: usize,
    /// The file.
    pub text: String,
    /// SHA-256 of the file.
    pub hash: String,
    weighed: Vec<Weighed>,
}

/// A sub-score as a preset weighs it.
pub(crate) struct Weighed {
    /// Which.
    pub(crate) key: Key,
    /// In basis points; they add up to 10000.
    pub(crate) weight: u16,
    pub(crate) parameters: Box<dyn Configured>,
}

impl Preset {
    /// The sub-scores that it weighs, in registration order.
    pub(crate) fn weighed(&self) -> impl Iterator<Item = &Weighed> {
        self.weighed.iter()
    }

    /// Key and weight in basis points of the sub-scores that it weighs, in registration order, its own last.
    pub fn weights(&self) -> impl Iterator<Item = (&str, u16)> {
        self.keys().map(|(key, weight)| (&**key, weight))
    }

    /// The same, with what is known of each sub-score.
    pub fn keys(&self) -> impl Iterator<Item = (&Key, u16)> {
        self.weighed.iter().map(|weighed| (&weighed.key, weighed.weight))
    }

    /// The sub-scores that it defines itself.
    pub fn points(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.weighed.iter().filter_map(|weighed| match &weighed.key {
            Key::Points(table) => Some(table),
            Key::Registered(_) => None,
        })
    }
}

impl fmt::Debug for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preset").field("name", &self.name).field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// A set of presets by name.
#[derive(Clone, Debug, Default)]
pub struct Presets(Vec<Arc<Preset>>);

impl Presets {
    /// The presets, sorted by name. Names are distinct: the caller has seen to it.
    #[must_use]
    pub fn new(presets: impl IntoIterator<Item = impl Into<Arc<Preset>>>) -> Self {
        let mut kept: Vec<Arc<Preset>> = presets.into_iter().map(Into::into).collect();
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        Self(kept)
    }

    /// The presets that this program was built with.
    ///
    /// # Panics
    /// When one is not valid, which a test excludes.
    #[must_use]
    pub fn builtin() -> Self {
        Self::new(BUILTIN.map(|(name, text)| read(name, text).expect("built-in presets are valid")))
    }

    /// The preset of that name.
    ///
    /// # Errors
    /// A sentence that names the nearest one.
    pub fn named(&self, name: &str) -> Result<&Preset, String> {
        self.iter()
            .find(|preset| preset.name == name)
            .ok_or_else(|| wording::unknown("preset", name, self.iter().map(|preset| preset.name.as_str())))
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.0.iter().map(|preset| &**preset)
    }

    /// Every sub-score that one of them defines, once.
    #[must_use]
    pub fn points(&self) -> Vec<Arc<Table>> {
        each_once(self.iter().flat_map(Preset::points))
    }

    /// The same, to be kept.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<Preset>> {
        self.0.iter()
    }
}

/// The files of `scoring-presets/` as this program was built with them: name and content.
pub const BUILTIN: [(&str, &str); 7] = [
    ("balanced", include_str!("../../../scoring-presets/balanced.toml")),
    ("compliance-first", include_str!("../../../scoring-presets/compliance-first.toml")),
    ("experience-led", include_str!("../../../scoring-presets/experience-led.toml")),
    ("local-team", include_str!("../../../scoring-presets/local-team.toml")),
    ("new-talent", include_str!("../../../scoring-presets/new-talent.toml")),
    ("studio-launch", include_str!("../../../scoring-presets/studio-launch.toml")),
    ("urgent-cover", include_str!("../../../scoring-presets/urgent-cover.toml")),
];

/// The presets that this program was built with.
#[must_use]
pub fn builtin() -> &'static Presets {
    static PRESETS: LazyLock<Presets> = LazyLock::new(Presets::builtin);
    &PRESETS
}
