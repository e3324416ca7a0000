//! Tables, rows, and the shapes of the API.

use std::fmt;

use chrono::{DateTime, Utc};
use fithire_kernel::db::ScopedTable;
use fithire_kernel::ids::Id;
use fithire_scoring::facts;
use poem_openapi::{Enum, Object};
use sea_query::Iden;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Jobs {
    Table,
    BrandId,
    Id,
    LocationId,
    ExternalId,
    Title,
    Description,
    Preset,
    Threshold,
    EmploymentType,
    PayType,
    PayMin,
    PayMax,
    Currency,
    Facts,
    Active,
    Revision,
    CreatedAt,
    UpdatedAt,
}

impl ScopedTable for Jobs {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) location_id: Id,
    pub(crate) external_id: Option<String>,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) preset: String,
    pub(crate) threshold: Option<i64>,
    pub(crate) employment_type: Option<String>,
    pub(crate) pay_type: Option<String>,
    pub(crate) pay_min: Option<f64>,
    pub(crate) pay_max: Option<f64>,
    pub(crate) currency: Option<String>,
    pub(crate) facts: String,
    pub(crate) active: bool,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A job as a ranking needs it.
#[derive(Clone, Debug)]
pub struct Open {
    /// The job.
    pub id: Id,
    /// What people read.
    pub title: String,
    /// The name of its location.
    pub location: String,
    /// At length.
    pub description: Option<String>,
    /// Whether it looks for coaches.
    pub active: bool,
    /// Such as `part-time`.
    pub employment_type: Option<String>,
    /// What is paid.
    pub pay: Pay,
    /// The preset by name.
    pub preset: String,
    /// The lowest score that is ranked, in basis points; `None`: the preset's.
    pub threshold: Option<u16>,
    /// What is scored, with place and time zone of its location.
    pub facts: facts::Job,
}

/// What a job pays.
#[derive(Clone, Debug, Default, PartialEq, Object)]
#[oai(rename = "JobPay", deny_unknown_fields, skip_serializing_if_is_none)]
pub struct Pay {
    /// Such as `per class`, `hourly`, `base + head` or `tiered`.
    #[oai(rename = "type", validator(min_length = 1, max_length = 50))]
    pub kind: Option<String>,
    /// Least, in units of the currency.
    #[oai(validator(minimum(value = "0")))]
    pub min: Option<f64>,
    /// Most; not below `min`.
    #[oai(validator(minimum(value = "0")))]
    pub max: Option<f64>,
    /// ISO 4217: three capital letters.
    #[oai(validator(min_length = 3, max_length = 3))]
    pub currency: Option<String>,
}

/// `40 to 55.5 USD per class`; nothing where nothing is said.
impl fmt::Display for Pay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = match (self.min, self.max) {
            (Some(min), Some(max)) if (max - min).abs() > f64::EPSILON => format!("{min} to {max}"),
            (Some(one), _) => one.to_string(),
            (None, Some(max)) => format!("up to {max}"),
            (None, None) => String::new(),
        };
        let words = [Some(amount), self.currency.clone(), self.kind.clone()];
        let words: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
        f.write_str(&words.join(" "))
    }
}

/// A job.
#[derive(Object)]
pub(crate) struct Job {
    pub(crate) id: Id,
    pub(crate) location_id: Id,
    /// The brand's own id.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) external_id: Option<String>,
    pub(crate) title: String,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) description: Option<String>,
    /// The preset that scores it.
    pub(crate) preset: String,
    /// The lowest score that is ranked, 0 to 1; missing means the preset's.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) threshold: Option<f64>,
    /// Such as `part-time`.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) employment_type: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub(crate) pay: Option<Pay>,
    /// Whether it looks for coaches.
    pub(crate) active: bool,
    /// What is scored. Place and time zone are those of the location.
    pub(crate) facts: JobFacts,
}

/// A job to be.
#[derive(Object)]
#[oai(rename = "NewJob", deny_unknown_fields)]
pub(crate) struct Sent {
    /// Where it is.
    pub(crate) location_id: Id,
    /// The brand's own id; at most one job has it.
    #[oai(validator(min_length = 1, max_length = 100))]
    pub(crate) external_id: Option<String>,
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) title: String,
    #[oai(validator(max_length = 20000))]
    pub(crate) description: Option<String>,
    /// The preset that scores it; missing means `balanced`.
    pub(crate) preset: Option<String>,
    /// The lowest score that is ranked, with at most 4 decimals.
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub(crate) threshold: Option<f64>,
    /// Such as `part-time`.
    #[oai(validator(min_length = 1, max_length = 50))]
    pub(crate) employment_type: Option<String>,
    pub(crate) pay: Option<Pay>,
    /// What is scored; missing means that nothing is asked for.
    pub(crate) facts: Option<JobFacts>,
}

/// A change: what is missing stays as it is.
#[derive(Object)]
#[oai(rename = "JobChange", deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) location_id: Option<Id>,
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) title: Option<String>,
    #[oai(validator(max_length = 20000))]
    pub(crate) description: Option<String>,
    pub(crate) preset: Option<String>,
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    pub(crate) threshold: Option<f64>,
    /// Such as `part-time`.
    #[oai(validator(min_length = 1, max_length = 50))]
    pub(crate) employment_type: Option<String>,
    /// Whole: it takes the place of what was there.
    pub(crate) pay: Option<Pay>,
    /// Whether it looks for coaches.
    pub(crate) active: Option<bool>,
    /// What is scored, whole: it takes the place of what was there.
    pub(crate) facts: Option<JobFacts>,
}

impl Change {
    /// The change that a deletion is.
    pub(crate) fn deactivation() -> Self {
        Self {
            location_id: None,
            title: None,
            description: None,
            preset: None,
            threshold: None,
            employment_type: None,
            pay: None,
            active: Some(false),
            facts: None,
        }
    }
}

/// A page of jobs.
#[derive(Object)]
pub(crate) struct JobPage {
    pub(crate) items: Vec<Job>,
    /// Where the next page begins; null on the last.
    pub(crate) next_cursor: Option<String>,
}

/// What is scored of a job, in the exchange format; place and time zone come from its location.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct JobFacts {
    /// First day of work, `YYYY-MM-DD`; missing means at once.
    pub(crate) starts_on: Option<String>,
    /// Taught from anywhere.
    #[oai(rename = "virtual")]
    pub(crate) is_virtual: Option<bool>,
    /// Such as `hiit`; missing means anything.
    pub(crate) modality: Option<String>,
    /// A multiple of 0.1; missing means 2.0.
    #[oai(validator(minimum(value = "0"), maximum(value = "40")))]
    pub(crate) min_years: Option<f64>,
    pub(crate) requirements: Option<Vec<JobRequirement>>,
    pub(crate) slots: Option<Vec<JobSlot>>,
    #[oai(validator(max_items = 8))]
    pub(crate) style: Option<Vec<JobStyle>>,
}

/// Whether a requirement decides eligibility.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
pub(crate) enum JobRequirementKind {
    Required,
    Preferred,
}

/// Any one of these certifications.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct JobRequirement {
    /// Such as `NASM-CPT`.
    #[oai(validator(min_items = 1))]
    pub(crate) any_of: Vec<String>,
    pub(crate) kind: JobRequirementKind,
}

/// How a partly covered slot counts.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
pub(crate) enum JobSlotKind {
    Class,
    Shift,
}

/// A weekly stretch of work.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct JobSlot {
    pub(crate) kind: JobSlotKind,
    /// 0 is Monday.
    #[oai(validator(maximum(value = "6")))]
    pub(crate) day: u8,
    /// `HH:MM` where the job is, on a quarter-hour.
    pub(crate) start: String,
    /// A multiple of 15.
    #[oai(validator(minimum(value = "15"), maximum(value = "10080"), multiple_of = "15"))]
    pub(crate) minutes: u32,
    /// How much it counts beside the others; missing means 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "10")))]
    pub(crate) weight: Option<u8>,
}

/// A wanted level in one dimension of teaching style.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(crate) struct JobStyle {
    #[oai(validator(min_length = 1, max_length = 50))]
    pub(crate) dimension: String,
    #[oai(validator(maximum(value = "4")))]
    pub(crate) level: u8,
    /// How much it counts beside the others; missing means 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "10")))]
    pub(crate) weight: Option<u8>,
}
