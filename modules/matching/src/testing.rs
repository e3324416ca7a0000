//! A page to measure.

use chrono::NaiveDate;
use fithire_kernel::page::Template;
use fithire_scoring::facts::{Coach, Job};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::builtin;

/// The page of a job's candidates with 20 rows, each of a coach with everything in a profile.
///
/// # Panics
/// When the facts are none, which a run excludes.
#[must_use]
pub fn candidates() -> impl Template {
    let job: Job = serde_json::from_str(
        r#"{"starts_on":"2026-12-01","lat":40.7163,"lon":-74.0086,"tz":"America/New_York","modality":"hiit",
            "requirements":[{"any_of":["NASM-CPT","ACE-CPT"],"kind":"required"},{"any_of":["CPR-AED"],"kind":"preferred"}],
            "slots":[{"kind":"class","day":5,"start":"09:00","minutes":60},{"kind":"shift","day":0,"start":"06:00","minutes":240}],
            "style":[{"dimension":"intensity","level":4,"weight":3}]}"#,
    )
    .expect("facts of a job");
    let coach: Coach = serde_json::from_str(
        r#"{"lat":40.73,"lon":-73.99,"tz":"America/New_York","radius_m":15000,
            "holdings":[{"code":"NASM-CPT","state":"pending","expires_on":"2027-06-30"}],
            "positions":[{"modality":"hiit","started_on":"2023-02-01"}],
            "free":[{"day":5,"start":"08:00","minutes":240}],
            "style":[{"dimension":"intensity","level":3,"source":"self"}]}"#,
    )
    .expect("facts of a coach");
    let day = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
    let preset = builtin().named("balanced").expect("the default preset");
    crate::pages::candidates::sample(&Plan::compile(preset, &job, day).explain(&coach))
}
