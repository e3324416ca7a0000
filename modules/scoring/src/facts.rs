//! What a score is made from: the facts of a job and of a coach.
//!
//! These types are the exchange format too: reading them checks everything that FITSCORE calls an error, and
//! writing them gives the one canonical text that is hashed as a score's input. A `null` is a missing key,
//! and an unknown key is an error. Facts hold calendar days, never day counts, so that they can be kept and
//! scored again years later.

mod written;

use std::fmt::Display;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, de};

pub use crate::catalog::{Cert, Modality};
use crate::date;
pub use crate::geo::Point;
use crate::object::Object;
pub use crate::week::Span;
pub use crate::zone::Zone;

/// The largest whole number that JSON programs agree on: 2^53 - 1.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// A list of facts is at most this long: more than anyone has, and little enough for rules that compare pairs.
pub const MAX_ITEMS: usize = 1_000;

/// A job dimension list is at most this long.
pub const MAX_DIMENSIONS: usize = 8;

/// What a job asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Object<written::Job>")]
pub struct Job {
    /// First day of work; missing means at once.
    #[serde(with = "date::optional", skip_serializing_if = "Option::is_none")]
    pub starts_on: Option<NaiveDate>,
    /// Taught from anywhere.
    #[serde(rename = "virtual")]
    pub is_virtual: bool,
    /// Where it is.
    #[serde(flatten)]
    pub point: Option<Point>,
    /// The zone of its slots; missing means UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<Zone>,
    /// What is taught; missing means anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<Modality>,
    /// Years of experience asked for.
    pub min_years: Years,
    /// Certifications asked for.
    pub requirements: Vec<Requirement>,
    /// Weekly hours.
    pub slots: Vec<Slot>,
    /// Teaching style wanted; at most [`MAX_DIMENSIONS`], each dimension once.
    pub style: Vec<Wanted>,
}

impl Job {
    /// The day that counts for validity and time zones, *D* in the specification: the first day of work, or
    /// `as_of` when that is later.
    #[must_use]
    pub fn start(&self, as_of: NaiveDate) -> NaiveDate {
        self.starts_on.map_or(as_of, |start| start.max(as_of))
    }
}

/// What is known of a coach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Object<written::Coach>")]
pub struct Coach {
    /// Home.
    #[serde(flatten)]
    pub point: Option<Point>,
    /// The zone of the availability; missing means the job's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<Zone>,
    /// How far the coach travels, 1..=[`MAX_COUNT`] metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<u64>,
    /// Certifications held or claimed.
    pub holdings: Vec<Holding>,
    /// Positions held.
    pub positions: Vec<Position>,
    /// When a modality was last taught.
    pub taught: Vec<Taught>,
    /// When the coach is free; present and empty means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<Vec<Span>>,
    /// When the coach could be free if needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_needed: Option<Vec<Span>>,
    /// Teaching style; each dimension at most once from each source.
    pub style: Vec<Rating>,
    /// Counts of the last 365 days; missing means that none are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engagement: Option<Engagement>,
}

/// Years of experience in tenths, 0.0..=40.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "f64")]
pub struct Years(u16);

impl Years {
    /// Years with at most one decimal, 0.0..=40.0.
    ///
    /// # Errors
    /// A sentence that says which of the two does not hold.
    pub fn new(years: f64) -> Result<Self, String> {
        if !(0.0..=40.0).contains(&years) {
            return Err(format!("min_years {years} is outside 0..=40"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=400")]
        let tenths = (years * 10.0).round() as u16;
        if (f64::from(tenths) / 10.0 - years).abs() > f64::EPSILON * 40.0 {
            return Err(format!("min_years {years} is not a multiple of 0.1"));
        }
        Ok(Self(tenths))
    }

    /// Whole months, rounded half up.
    #[must_use]
    pub fn months(self) -> usize {
        (12 * usize::from(self.0) + 5) / 10
    }
}

impl Default for Years {
    fn default() -> Self {
        Self(20)
    }
}

impl From<Years> for f64 {
    fn from(years: Years) -> Self {
        Self::from(years.0) / 10.0
    }
}

/// One demand: any of these certifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// One or more certifications of which one is enough.
    #[serde(deserialize_with = "not_empty")]
    pub any_of: Vec<Cert>,
    /// Whether the job can be had without it.
    pub kind: RequirementKind,
}

/// Whether a requirement decides eligibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementKind {
    /// Without it nobody is eligible.
    Required,
    /// It counts, and no more.
    Preferred,
}

/// One weekly stretch of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "written::Slot", into = "written::Slot")]
pub struct Slot {
    /// All or nothing, or hour by hour.
    pub kind: SlotKind,
    /// When, in the job's zone.
    pub span: Span,
    /// How much it counts beside the others, 1..=10.
    pub weight: u8,
}

/// How a partly covered slot counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// A class is given whole or not at all.
    Class,
    /// A shift can be covered in part.
    Shift,
}

/// One wanted dimension of teaching style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The brand's name for it.
    pub dimension: String,
    /// 0..=4.
    #[serde(deserialize_with = "level")]
    pub level: u8,
    /// 1..=10; missing means 1.
    #[serde(default = "one", deserialize_with = "weight")]
    pub weight: u8,
}

/// One certification that a coach holds or claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// What.
    pub code: Cert,
    /// How far it is checked.
    pub state: HoldingState,
    /// Last day on which it is valid; missing means for ever.
    #[serde(default, with = "date::optional", skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<NaiveDate>,
}

impl Holding {
    /// Whether it is valid on a day.
    #[must_use]
    pub fn valid_on(&self, day: NaiveDate) -> bool {
        self.expires_on.is_none_or(|last| last >= day)
    }
}

/// How far a holding is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldingState {
    /// Checked against its document.
    Verified,
    /// A document awaits review.
    Pending,
    /// No document.
    Claimed,
    /// The document did not prove it.
    Rejected,
    /// The issuer took it back.
    Revoked,
}

/// A stretch of teaching.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "written::Position")]
pub struct Position {
    /// What was taught.
    pub modality: Modality,
    /// First day.
    #[serde(with = "date")]
    pub started_on: NaiveDate,
    /// Last day, not before the first; missing means that it goes on.
    #[serde(with = "date::optional", skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<NaiveDate>,
}

impl Position {
    /// A stretch of teaching.
    ///
    /// # Errors
    /// When it ends before it starts.
    pub fn new(
        modality: Modality,
        started_on: NaiveDate,
        ended_on: Option<NaiveDate>,
    ) -> Result<Self, String> {
        match ended_on {
            Some(end) if end < started_on => Err(format!("ended_on {end} is before started_on {started_on}")),
            _ => Ok(Self { modality, started_on, ended_on }),
        }
    }
}

/// A record that a modality was taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taught {
    /// What was taught.
    pub modality: Modality,
    /// Most recent day.
    #[serde(with = "date")]
    pub last_taught_on: NaiveDate,
}

/// A coach's level in one dimension of teaching style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// The brand's name for it.
    pub dimension: String,
    /// 0..=4.
    #[serde(deserialize_with = "level")]
    pub level: u8,
    /// Who says so.
    pub source: Source,
}

/// Who rated a teaching style. A later one outranks an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// The coach.
    #[serde(rename = "self")]
    SelfRated,
    /// Someone who watched a class.
    #[serde(rename = "reviewer")]
    Reviewer,
}

/// Counts over the last 365 days, each at most [`MAX_COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "written::Engagement")]
pub struct Engagement {
    /// Classes given as agreed.
    pub done: u64,
    /// Cancelled late.
    pub late_cancels: u64,
    /// Not come.
    pub no_shows: u64,
    /// Requests answered within a day; at most `asked`.
    pub replied_in_24h: u64,
    /// Requests older than a day.
    pub asked: u64,
    /// Days since the last sign of life.
    pub idle_days: u64,
    /// Profile sections filled; at most `profile_sections`.
    pub profile_filled: u64,
    /// Profile sections there are, at least 1.
    pub profile_sections: u64,
}

/// What a new account starts with: nothing done, a month idle, none of eight profile sections filled.
impl Default for Engagement {
    fn default() -> Self {
        Self {
            done: 0,
            late_cancels: 0,
            no_shows: 0,
            replied_in_24h: 0,
            asked: 0,
            idle_days: 30,
            profile_filled: 0,
            profile_sections: 8,
        }
    }
}

impl Engagement {
    /// The same counts, if they can be true together.
    ///
    /// # Errors
    /// A sentence that names the two counts that contradict each other.
    pub fn checked(self) -> Result<Self, String> {
        if self.replied_in_24h > self.asked {
            return Err(format!("replied_in_24h {} is more than asked {}", self.replied_in_24h, self.asked));
        }
        if self.profile_sections < 1 {
            return Err("profile_sections 0 is below 1".to_owned());
        }
        if self.profile_filled > self.profile_sections {
            let Self { profile_filled, profile_sections, .. } = self;
            return Err(format!(
                "profile_filled {profile_filled} is more than profile_sections {profile_sections}"
            ));
        }
        Ok(self)
    }
}

/// Checks that a list is not longer than [`MAX_ITEMS`].
///
/// # Errors
/// A sentence that names the list.
pub fn few(name: &str, count: usize) -> Result<(), String> {
    if count > MAX_ITEMS { Err(format!("{name} has {count} items, more than {MAX_ITEMS}")) } else { Ok(()) }
}

/// The first name that stands twice. Compares pairs, so it is for lists of at most [`MAX_ITEMS`].
#[must_use]
pub fn repeated<K: PartialEq>(keys: impl IntoIterator<Item = K>) -> Option<K> {
    let mut seen: Vec<K> = Vec::new();
    for key in keys {
        if seen.contains(&key) {
            return Some(key);
        }
        seen.push(key);
    }
    None
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cert>, D::Error> {
    let codes = Vec::deserialize(deserializer)?;
    if codes.is_empty() {
        return Err(de::Error::custom("any_of is empty: name at least one certification"));
    }
    few("any_of", codes.len()).map_err(de::Error::custom)?;
    Ok(codes)
}

#[expect(clippy::needless_pass_by_value, reason = "plain numbers")]
fn within<T: PartialOrd + Display, E: de::Error>(name: &str, number: T, low: T, high: T) -> Result<T, E> {
    if number < low || number > high {
        return Err(E::custom(format!("{name} {number} is outside {low}..={high}")));
    }
    Ok(number)
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    within("level", u8::deserialize(deserializer)?, 0, 4)
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let given = Option::<u8>::deserialize(deserializer)?;
    given.map_or(Ok(one()), |weight| within("weight", weight, 1, 10))
}

fn one() -> u8 {
    1
}
