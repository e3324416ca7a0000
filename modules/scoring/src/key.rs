//! Which sub-score: one that the program has, or one that a preset defines by a table of points.
//!
//! A key is told apart from another by its text alone, which is the name in presets and answers.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::points::{Granted, Table};
use crate::registry;
use crate::subscore::AnyColumns;

/// The name of a sub-score.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// One of the program's, by its place in the registry.
    Registered(usize),
    /// One that a preset defines.
    Points(Arc<Table>),
}

impl Key {
    /// The program's sub-score of that name.
    #[must_use]
    pub fn registered(key: &str) -> Option<Self> {
        registry::keys().position(|known| known == key).map(Self::Registered)
    }

    /// Its name, where it is one of the program's.
    #[must_use]
    pub fn of_program(&self) -> Option<&'static str> {
        match self {
            Self::Registered(entry) => Some(registry::all()[*entry].key),
            Self::Points(_) => None,
        }
    }

    /// What people call it, where the preset that defines it says so.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        match self {
            Self::Registered(_) => None,
            Self::Points(table) => Some(&table.title),
        }
    }

    /// Its name over a narrow column, at most seven letters.
    #[must_use]
    pub fn short(&self) -> &str {
        match self {
            Self::Registered(entry) => registry::all()[*entry].short,
            Self::Points(table) => table.name().get(..7).unwrap_or(table.name()),
        }
    }

    /// Its columns, without a row.
    pub(crate) fn columns(&self) -> Box<dyn AnyColumns> {
        match self {
            Self::Registered(entry) => (registry::all()[*entry].columns)(),
            Self::Points(table) => Box::new(Granted::by(table.clone())),
        }
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Registered(entry) => registry::all()[*entry].key,
            Self::Points(table) => &table.key,
        }
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}
