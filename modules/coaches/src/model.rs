//! Tables, rows, and the shapes of the API.

use std::fmt;

use chrono::{DateTime, Utc};
use fithire_kernel::db::ScopedTable;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::FieldError;
use fithire_scoring::facts;
use poem_openapi::types::Email;
use poem_openapi::{Enum, Object};
use sea_query::Iden;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Coaches {
    Table,
    BrandId,
    Id,
    AccountId,
    ExternalId,
    Name,
    Email,
    Phone,
    Bio,
    Languages,
    PostalCode,
    City,
    Region,
    Country,
    PayType,
    PayMin,
    Currency,
    Facts,
    Revision,
    Erased,
    CreatedAt,
    UpdatedAt,
}

impl ScopedTable for Coaches {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum CoachRevisions {
    Table,
    BrandId,
    Revision,
}

impl ScopedTable for CoachRevisions {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) external_id: Option<String>,
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) languages: Option<String>,
    pub(crate) postal_code: Option<String>,
    pub(crate) city: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) pay_type: Option<String>,
    pub(crate) pay_min: Option<f64>,
    pub(crate) currency: Option<String>,
    pub(crate) facts: String,
    pub(crate) revision: i64,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Everything of a coach, as this program makes one.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The brand's own id.
    pub external_id: Option<String>,
    /// What people read.
    pub name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// As written.
    pub phone: Option<String>,
    /// About themselves.
    pub bio: Option<String>,
    /// As written.
    pub languages: Option<String>,
    /// Of the home, as written.
    pub postal_code: Option<String>,
    /// Of the home, as written.
    pub city: Option<String>,
    /// Of the home: state or province, as written.
    pub region: Option<String>,
    /// Of the home, as written.
    pub country: Option<String>,
    /// What they wish to be paid; never scored.
    pub pay: Pay,
    /// What is scored.
    pub facts: facts::Coach,
}

/// What a coach wishes to be paid; never scored.
#[derive(Clone, Debug, Default, PartialEq, Object)]
#[oai(rename = "CoachPay", deny_unknown_fields, skip_serializing_if_is_none)]
pub struct Pay {
    /// Such as `per class` or `hourly`.
    #[oai(rename = "type", validator(min_length = 1, max_length = 50))]
    pub kind: Option<String>,
    /// Least, in units of the currency.
    #[oai(validator(minimum(value = "0")))]
    pub min: Option<f64>,
    /// ISO 4217: three capital letters.
    #[oai(validator(min_length = 3, max_length = 3))]
    pub currency: Option<String>,
}

/// `from 40 USD per class`; nothing where nothing is said.
impl fmt::Display for Pay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.min.map(|min| format!("from {min}"));
        let words = [amount, self.currency.clone(), self.kind.clone()];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

/// A coach as a ranking needs it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The coach.
    pub id: Id,
    /// What people read.
    pub name: String,
    /// What is scored.
    pub facts: facts::Coach,
}

/// A coach.
#[derive(Object)]
pub(crate) struct Coach {
    pub(crate) id: Id,
    /// The brand's own id.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) external_id: Option<String>,
    pub(crate) name: String,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) email: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) phone: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) bio: Option<String>,
    /// As written.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) languages: Option<String>,
    /// Of the home, as written; what is scored is `facts.lat` and `facts.lon`.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) postal_code: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) city: Option<String>,
    /// State or province.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) region: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) country: Option<String>,
    /// What they wish to be paid; never scored.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) pay: Option<Pay>,
    /// What is scored.
    pub(crate) facts: CoachFacts,
}

/// A coach to be.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct NewCoach {
    /// The brand's own id; at most one coach has it.
    #[oai(validator(min_length = 1, max_length = 100))]
    pub(crate) external_id: Option<String>,
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) name: String,
    #[oai(validator(max_length = 320))]
    pub(crate) email: Option<Email>,
    #[oai(validator(max_length = 50))]
    pub(crate) phone: Option<String>,
    #[oai(validator(max_length = 5000))]
    pub(crate) bio: Option<String>,
    #[oai(validator(max_length = 200))]
    pub(crate) languages: Option<String>,
    /// Of the home, as written; what is scored is `facts.lat` and `facts.lon`.
    #[oai(validator(max_length = 20))]
    pub(crate) postal_code: Option<String>,
    #[oai(validator(max_length = 100))]
    pub(crate) city: Option<String>,
    /// State or province.
    #[oai(validator(max_length = 100))]
    pub(crate) region: Option<String>,
    #[oai(validator(max_length = 100))]
    pub(crate) country: Option<String>,
    /// What they wish to be paid; never scored.
    pub(crate) pay: Option<Pay>,
    /// What is scored; missing means that nothing is known.
    pub(crate) facts: Option<CoachFacts>,
}

/// A change: what is missing stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CoachChange {
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) name: Option<String>,
    #[oai(validator(max_length = 320))]
    pub(crate) email: Option<Email>,
    #[oai(validator(max_length = 50))]
    pub(crate) phone: Option<String>,
    #[oai(validator(max_length = 5000))]
    pub(crate) bio: Option<String>,
    #[oai(validator(max_length = 200))]
    pub(crate) languages: Option<String>,
    /// Of the home, as written; what is scored is `facts.lat` and `facts.lon`.
    #[oai(validator(max_length = 20))]
    pub(crate) postal_code: Option<String>,
    #[oai(validator(max_length = 100))]
    pub(crate) city: Option<String>,
    /// State or province.
    #[oai(validator(max_length = 100))]
    pub(crate) region: Option<String>,
    #[oai(validator(max_length = 100))]
    pub(crate) country: Option<String>,
    /// What they wish to be paid, whole; never scored.
    pub(crate) pay: Option<Pay>,
    /// What is scored, whole: it takes the place of what was there.
    pub(crate) facts: Option<CoachFacts>,
}

/// A page of coaches.
#[derive(Object)]
pub(crate) struct CoachPage {
    pub(crate) items: Vec<Coach>,
    /// Where the next page begins; null on the last.
    pub(crate) next_cursor: Option<String>,
}

/// What is scored of a coach, in the exchange format.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct CoachFacts {
    /// Latitude of the home, in degrees; needs `lon`.
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    pub(crate) lat: Option<f64>,
    /// Longitude of the home, in degrees; needs `lat`.
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    pub(crate) lon: Option<f64>,
    /// IANA time zone of `free` and `if_needed`; missing means the job's.
    pub(crate) tz: Option<String>,
    /// How far the coach travels, in metres.
    #[oai(validator(minimum(value = "1")))]
    pub(crate) radius_m: Option<u64>,
    pub(crate) holdings: Option<Vec<CoachHolding>>,
    pub(crate) positions: Option<Vec<CoachPosition>>,
    pub(crate) taught: Option<Vec<CoachTaught>>,
    /// When the coach is free, each week; present and empty means never.
    pub(crate) free: Option<Vec<WeekSpan>>,
    /// When the coach could be free if needed.
    pub(crate) if_needed: Option<Vec<WeekSpan>>,
    pub(crate) style: Option<Vec<CoachRating>>,
    /// Counts of the last 365 days; kept by FitHire.
    pub(crate) engagement: Option<CoachEngagement>,
}

/// How far a holding is checked.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
pub(crate) enum CoachHoldingState {
    Verified,
    Pending,
    Claimed,
    Rejected,
    Revoked,
}

/// A certification held or claimed.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct CoachHolding {
    /// Such as `NASM-CPT`.
    pub(crate) code: String,
    pub(crate) state: CoachHoldingState,
    /// Last valid day, `YYYY-MM-DD`; missing means for ever.
    pub(crate) expires_on: Option<String>,
}

/// A stretch of teaching.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct CoachPosition {
    /// Such as `hiit`.
    pub(crate) modality: String,
    /// `YYYY-MM-DD`.
    pub(crate) started_on: String,
    /// `YYYY-MM-DD`; missing means that it goes on.
    pub(crate) ended_on: Option<String>,
}

/// When a modality was last taught.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CoachTaught {
    pub(crate) modality: String,
    /// `YYYY-MM-DD`.
    pub(crate) last_taught_on: String,
}

/// A stretch of the week; it may run past Sunday.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct WeekSpan {
    /// 0 is Monday.
    #[oai(validator(maximum(value = "6")))]
    pub(crate) day: u8,
    /// `HH:MM`, on a quarter-hour.
    pub(crate) start: String,
    /// A multiple of 15.
    #[oai(validator(minimum(value = "15"), maximum(value = "10080"), multiple_of = "15"))]
    pub(crate) minutes: u32,
}

/// Who rated a teaching style.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoachRatingSource {
    #[oai(rename = "self")]
    SelfRated,
    #[oai(rename = "reviewer")]
    Reviewer,
}

/// A level in one dimension of teaching style.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CoachRating {
    #[oai(validator(min_length = 1, max_length = 50))]
    pub(crate) dimension: String,
    #[oai(validator(maximum(value = "4")))]
    pub(crate) level: u8,
    pub(crate) source: CoachRatingSource,
}

/// Counts of the last 365 days.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct CoachEngagement {
    pub(crate) done: Option<u64>,
    pub(crate) late_cancels: Option<u64>,
    pub(crate) no_shows: Option<u64>,
    pub(crate) replied_in_24h: Option<u64>,
    pub(crate) asked: Option<u64>,
    pub(crate) idle_days: Option<u64>,
    pub(crate) profile_filled: Option<u64>,
    pub(crate) profile_sections: Option<u64>,
}

/// A reason as it is kept, which is as it was sent; nothing where none is needed and none is given.
pub(crate) fn checked_reason(text: &str, needed: bool) -> Result<Option<String>, FieldError> {
    let wrong = |detail: &str| FieldError { pointer: "/reason".to_owned(), detail: detail.to_owned() };
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match text.chars().count() {
        _ if needed && text.trim().is_empty() => {
            Err(wrong("is missing; the coach reads it to know what to do next"))
        }
        0 => Ok(None),
        1..=1_000 if !text.contains(control) => Ok(Some(text.to_owned())),
        _ => Err(wrong("is longer than 1000 characters, or has some that cannot be shown")),
    }
}
