//! Reference data: the certifications and modalities that a score can name.
//!
//! Both tables are compiled in from `data/`. [`reference_hash`] names their content and is part of every
//! score's provenance, because implied certifications, days of grace and families shape the answer.

mod term;

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::term::{Start, Term};
use crate::{hash, wording};

const CERTIFICATIONS_CSV: &str = include_str!("../../../data/certifications.csv");
const MODALITIES_CSV: &str = include_str!("../../../data/modalities.csv");

/// One kind of certification.
#[derive(Debug)]
pub struct Certification {
    /// The code that people write, such as `NASM-CPT`.
    pub code: &'static str,
    /// The issuer's title.
    pub title: &'static str,
    /// Who issues it.
    pub issuer: &'static str,
    /// Days after expiry in which the issuer still renews without a new exam.
    pub grace_days: i32,
    /// Years that it is valid, as written; nothing where the issuer does not say or it never expires.
    valid_years: &'static str,
    expiry_rule: &'static str,
    /// What the issuer asks for to renew it, such as `20 CEC`.
    renewal: &'static str,
    /// Every certification that holding this one proves, itself first, transitively.
    proves: Vec<Cert>,
}

impl Certification {
    /// The issuer's rule on how long it is valid and how it is renewed, in words.
    #[must_use]
    pub fn rule(&self) -> String {
        let years = match self.valid_years {
            "1" => "1 year".to_owned(),
            "0.5" => "half a year".to_owned(),
            years => format!("{years} years"),
        };
        let valid = match self.expiry_rule {
            "rolling" => format!("Valid {years} from the day of issue"),
            "end-of-month" => format!("Valid {years}, to the end of the month"),
            "fixed-cycle" => format!("Valid {years}, in cycles that the issuer fixes"),
            "while-member" => "Valid while its holder is a member of the issuer".to_owned(),
            "follows-certificate" => "Valid as long as the certificate that it stands on".to_owned(),
            "none" => "Does not expire".to_owned(),
            _ => "How long it is valid is up to the issuer".to_owned(),
        };
        let renewal = match self.renewal {
            "" => String::new(),
            units => format!("; {units} to renew it"),
        };
        let grace = match self.grace_days {
            0 => String::new(),
            days => format!("; {days} days of grace after it expires"),
        };
        format!("{valid}{renewal}{grace}.")
    }
}

/// One modality and its family.
#[derive(Debug)]
pub struct Discipline {
    /// The code that people write, such as `hiit`.
    pub code: &'static str,
    /// What people read, such as `HIIT`.
    pub title: &'static str,
    family: Family,
}

/// A family of modalities, such as yoga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Family(u8);

impl Family {
    /// Its place among the families.
    pub(crate) fn index(self) -> usize {
        self.0.into()
    }
}

static CERTIFICATIONS: LazyLock<Vec<Certification>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Row {
        code: String,
        title: String,
        issuer: String,
        grace_days: i32,
        valid_years: String,
        expiry_rule: String,
        issuer_units: String,
        implies: String,
    }
    let rows: Vec<Row> = read(CERTIFICATIONS_CSV);
    let index = |code: &str| rows.iter().position(|row| row.code == code);
    let proves = |start: usize| {
        let mut proved = vec![start];
        let mut next = 0;
        while next < proved.len() {
            let implied = rows[proved[next]].implies.split(';').filter_map(|code| index(code.trim()));
            let new: Vec<usize> = implied.filter(|i| !proved.contains(i)).collect();
            proved.extend(new);
            next += 1;
        }
        proved.into_iter().map(cert).collect()
    };
    (0..rows.len())
        .map(|i| Certification {
            code: rows[i].code.clone().leak(),
            title: rows[i].title.clone().leak(),
            issuer: rows[i].issuer.clone().leak(),
            grace_days: rows[i].grace_days,
            valid_years: rows[i].valid_years.clone().leak(),
            expiry_rule: rows[i].expiry_rule.clone().leak(),
            renewal: rows[i].issuer_units.clone().leak(),
            proves: proves(i),
        })
        .collect()
});

static MODALITIES: LazyLock<Vec<Discipline>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Row {
        modality: String,
        family: String,
        title: String,
    }
    let rows: Vec<Row> = read(MODALITIES_CSV);
    let mut families: Vec<&str> = rows.iter().map(|row| row.family.as_str()).collect();
    families.sort_unstable();
    families.dedup();
    rows.iter()
        .map(|row| {
            let family = families.iter().position(|family| *family == row.family).unwrap_or_default();
            Discipline {
                code: row.modality.clone().leak(),
                title: row.title.clone().leak(),
                family: Family(u8::try_from(family).unwrap_or(u8::MAX)),
            }
        })
        .collect()
});

fn read<Row: de::DeserializeOwned>(csv: &'static str) -> Vec<Row> {
    csv::Reader::from_reader(csv.as_bytes())
        .into_deserialize()
        .map(|row| row.expect("reference data is well formed"))
        .collect()
}

fn cert(index: usize) -> Cert {
    Cert(u8::try_from(index).expect("fewer than 256 certifications"))
}

/// A certification, by its place in the reference data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cert(u8);

impl Cert {
    /// Every certification, in the order of the reference data.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CERTIFICATIONS.len()).map(cert)
    }

    /// The certification of that code.
    ///
    /// # Errors
    /// A sentence that names the nearest known code.
    pub fn named(code: &str) -> Result<Self, String> {
        let found = CERTIFICATIONS.iter().position(|certification| certification.code == code);
        found.map(cert).ok_or_else(|| {
            wording::unknown(
                "certification",
                code,
                CERTIFICATIONS.iter().map(|certification| certification.code),
            )
        })
    }

    /// Its row of the reference data.
    #[must_use]
    pub fn details(self) -> &'static Certification {
        &CERTIFICATIONS[usize::from(self.0)]
    }

    /// Its place in the table.
    pub(crate) fn index(self) -> usize {
        self.0.into()
    }

    /// Whether a holder of this one has proved `other`: it is the same, or implied.
    #[must_use]
    pub fn proves(self, other: Self) -> bool {
        self.details().proves.contains(&other)
    }
}

/// A modality, by its place in the reference data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Modality(u8);

impl Modality {
    /// Every modality, in the order of the reference data.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..MODALITIES.len()).map(|index| Self(u8::try_from(index).unwrap_or(u8::MAX)))
    }

    /// The modality of that code.
    ///
    /// # Errors
    /// A sentence that names the nearest known code.
    pub fn named(code: &str) -> Result<Self, String> {
        Self::all().find(|modality| modality.details().code == code).ok_or_else(|| {
            wording::unknown("modality", code, MODALITIES.iter().map(|modality| modality.code))
        })
    }

    /// Its row of the reference data.
    #[must_use]
    pub fn details(self) -> &'static Discipline {
        &MODALITIES[usize::from(self.0)]
    }

    /// Its place in the table.
    pub(crate) fn index(self) -> usize {
        self.0.into()
    }

    /// The family it belongs to.
    #[must_use]
    pub fn family(self) -> Family {
        self.details().family
    }
}

/// Reads, writes and prints a catalogue entry by its code.
macro_rules! by_code {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.details().code)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.details().code)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::named(&code).map_err(de::Error::custom)
            }
        }
    };
}
by_code!(Cert);
by_code!(Modality);

/// SHA-256 of the reference data that scores depend on.
#[must_use]
pub fn reference_hash() -> &'static str {
    static HASH: LazyLock<String> =
        LazyLock::new(|| hash::sha256(&[CERTIFICATIONS_CSV.as_bytes(), MODALITIES_CSV.as_bytes()]));
    &HASH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implied_certifications_are_transitive() {
        let cert = |code| Cert::named(code).unwrap();
        assert!(cert("E-RYT-500").proves(cert("RYT-200")));
        assert!(cert("CF-L4").proves(cert("CF-L1")));
        assert!(cert("NASM-CPT").proves(cert("NASM-CPT")));
        assert!(!cert("RYT-200").proves(cert("RYT-500")));
    }

    #[test]
    fn every_rule_is_a_sentence() {
        let rule = |code: &str| Cert::named(code).unwrap().details().rule();
        assert_eq!(rule("NASM-CPT"), "Valid 2 years from the day of issue; 2.0 CEU to renew it.");
        assert!(Cert::all().all(|cert| !cert.details().rule().contains("  ")));
    }

    #[test]
    fn every_implied_code_is_in_the_table() {
        for row in CERTIFICATIONS_CSV.lines().skip(1) {
            let implies = row.split(',').nth(9).unwrap();
            for code in implies.split(';').filter(|code| !code.is_empty()) {
                Cert::named(code).unwrap();
            }
        }
    }

    #[test]
    fn codes_and_families_are_distinct() {
        let mut codes: Vec<_> = Cert::all().map(|cert| cert.details().code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CERTIFICATIONS.len());
        let family = |code| Modality::named(code).unwrap().family();
        assert_eq!(family("vinyasa"), family("yin"));
        assert_ne!(family("vinyasa"), family("hiit"));
    }
}
