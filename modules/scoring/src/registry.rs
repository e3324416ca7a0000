//! The visible list of sub-scores. Their order here is the registration order of the specification:
//! it breaks ties and orders every answer.

use schemars::SchemaGenerator;
use serde_json::Value;
use toml::de::DeTable;

use crate::subscore::{AnyColumns, Configured, Kernel, SubScore};

/// The list: each word is a file in `subscores/` and the name of its table in a preset.
macro_rules! sub_scores {
    ($then:ident) => {
        $then! { certifications experience availability location culture engagement }
    };
}
pub(crate) use sub_scores;

macro_rules! entries {
    ($($file:ident)*) => {
        const COUNT: usize = [$(stringify!($file)),*].len();
        static ENTRIES: [Entry; COUNT] = [$(Entry::of::<crate::subscores::$file::Parameters>()),*];
    };
}
sub_scores!(entries);

/// A registered sub-score.
pub(crate) struct Entry {
    pub(crate) key: &'static str,
    pub(crate) short: &'static str,
    pub(crate) max_weight_bp: u32,
    /// Columns without a row.
    pub(crate) columns: fn() -> Box<dyn AnyColumns>,
    /// Reads a preset's table; the error is what the TOML library says of it.
    pub(crate) configure: fn(DeTable<'_>) -> Result<Box<dyn Configured>, toml::de::Error>,
    /// The parameter and rule that the parameters of a well-typed table break together.
    pub(crate) check: fn(DeTable<'_>) -> Result<(), (&'static str, String)>,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Value,
}

impl Entry {
    const fn of<S: SubScore>() -> Self {
        Self {
            key: S::KEY,
            short: S::SHORT,
            max_weight_bp: S::MAX_WEIGHT_BP,
            columns: || Box::new(<S::Kernel as Kernel>::Columns::default()),
            configure: |table| read::<S>(table).map(|parameters| Box::new(parameters) as Box<dyn Configured>),
            check: |table| read::<S>(table).map_or(Ok(()), |parameters| parameters.check()),
            schema: |generator| S::json_schema(generator).to_value(),
        }
    }
}

fn read<S: SubScore>(table: DeTable<'_>) -> Result<S, toml::de::Error> {
    S::deserialize(toml::de::Deserializer::from(toml::Spanned::new(0..0, table)))
}

/// Every sub-score, in registration order.
pub(crate) fn all() -> &'static [Entry] {
    &ENTRIES
}

/// The keys of every sub-score, in registration order.
pub fn keys() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.key)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_is_named_like_its_key() {
        macro_rules! names {
            ($($file:ident)*) => { [$(stringify!($file)),*] };
        }
        assert!(super::keys().eq(sub_scores!(names)));
    }
}
