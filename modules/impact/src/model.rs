//! Categories as the report knows them, and the table of answers.

use chrono::{DateTime, Utc};
use fithire_kernel::db::ScopedTable;
use sea_query::Iden;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Demographics {
    Table,
    BrandId,
    CoachId,
    Sex,
    RaceEthnicity,
    DeclaredAt,
}

impl ScopedTable for Demographics {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// Declares categories: name, as the database has it, and what people read.
macro_rules! categories {
    ($(#[$of:meta])* $kind:ident { $($(#[$doc:meta])* $name:ident $stored:literal $label:literal;)* }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind {
            $($(#[$doc])* $name,)*
        }

        impl $kind {
            /// Every category.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As the database has it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $stored,)* }
            }

            /// What people read.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            pub(crate) fn read(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|category| category.as_str() == text)
            }
        }
    };
}

categories! {
    /// The sex to which somebody counts themselves.
    Sex {
        /// Female.
        Female "female" "Female";
        /// Male.
        Male "male" "Male";
        /// Neither of these.
        Other "other" "Another";
    }
}

categories! {
    /// The race or ethnicity to which somebody counts themselves, in the categories of the EEO-1 report.
    Race {
        /// Hispanic or Latino, of any race.
        Hispanic "hispanic" "Hispanic or Latino";
        /// White.
        White "white" "White";
        /// Black or African American.
        Black "black" "Black or African American";
        /// Native Hawaiian or Pacific Islander.
        Pacific "pacific" "Native Hawaiian or Pacific Islander";
        /// Asian.
        Asian "asian" "Asian";
        /// Native American or Alaska Native.
        Native "native" "Native American or Alaska Native";
        /// Two or more races.
        Several "several" "Two or more races";
    }
}

/// What a coach has said of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Their sex, where they have said it.
    pub sex: Option<Sex>,
    /// Their race or ethnicity, where they have said it.
    pub race: Option<Race>,
}

#[derive(FromRow)]
pub(crate) struct AnswerRow {
    pub(crate) coach_id: fithire_kernel::ids::Id,
    sex: Option<String>,
    race_ethnicity: Option<String>,
    pub(crate) declared_at: DateTime<Utc>,
}

impl AnswerRow {
    pub(crate) const COLUMNS: [Demographics; 4] =
        [Demographics::CoachId, Demographics::Sex, Demographics::RaceEthnicity, Demographics::DeclaredAt];

    pub(crate) fn answer(&self) -> Answer {
        Answer {
            sex: self.sex.as_deref().and_then(Sex::read),
            race: self.race_ethnicity.as_deref().and_then(Race::read),
        }
    }
}
