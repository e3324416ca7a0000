//! What people read.

use fithire_scoring::exchange::{Question, explained};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::builtin;

const JOB: &str = r#"{"starts_on":"2026-12-01","lat":40.7163,"lon":-74.0086,"tz":"America/New_York","modality":"hiit","min_years":2.0,
    "requirements":[{"any_of":["NASM-CPT","ACE-CPT"],"kind":"required"},{"any_of":["CPR-AED"],"kind":"preferred"}],
    "slots":[{"kind":"class","day":5,"start":"09:00","minutes":60},{"kind":"class","day":0,"start":"18:00","minutes":60},
             {"kind":"shift","day":2,"start":"08:00","minutes":240}],
    "style":[{"dimension":"intensity","level":4,"weight":3},{"dimension":"music","level":1,"weight":1}]}"#;

/// The explanation of a coach for the job above, without what names the build's data.
fn read(coach: &str) -> String {
    let line = format!(r#"{{"as_of":"2026-11-23","job":{JOB},"coach":{coach}}}"#);
    let question = Question::read(&line).unwrap();
    let plan = Plan::compile(builtin().named(question.preset()).unwrap(), &question.job, question.as_of);
    let mut explained = explained(&plan.explain(&question.coach));
    for key in ["preset_hash", "reference_hash", "tzdata_version"] {
        assert!(explained["provenance"][key].is_string());
        explained["provenance"][key] = "…".into();
    }
    serde_json::to_string_pretty(&explained).unwrap()
}

#[test]
fn a_strong_coach() {
    insta::assert_snapshot!(read(
        r#"{"lat":40.73,"lon":-73.99,"tz":"America/New_York","radius_m":15000,
            "holdings":[{"code":"NASM-CPT","state":"verified","expires_on":"2027-06-30"},{"code":"CPR-AED","state":"pending"}],
            "positions":[{"modality":"hiit","started_on":"2023-02-01"}],
            "taught":[{"modality":"hiit","last_taught_on":"2026-11-20"}],
            "free":[{"day":5,"start":"08:00","minutes":240},{"day":2,"start":"08:00","minutes":120}],
            "if_needed":[{"day":0,"start":"17:00","minutes":180}],
            "style":[{"dimension":"intensity","level":3,"source":"reviewer"},{"dimension":"intensity","level":0,"source":"self"}],
            "engagement":{"done":24,"late_cancels":1,"replied_in_24h":9,"asked":10,"idle_days":2,"profile_filled":7}}"#
    ));
}

#[test]
fn a_coach_with_everything_to_mend() {
    insta::assert_snapshot!(read(
        r#"{"lat":40.73,"lon":-73.79,"tz":"America/New_York","radius_m":9000,
            "holdings":[{"code":"NASM-CPT","state":"verified","expires_on":"2026-11-27"},
                        {"code":"ACE-CPT","state":"claimed"},{"code":"CPR-AED","state":"rejected"}],
            "positions":[{"modality":"yin","started_on":"2019-02-01","ended_on":"2020-01-31"}],
            "free":[{"day":6,"start":"08:00","minutes":240}],
            "style":[{"dimension":"intensity","level":0,"source":"self"}],
            "engagement":{"no_shows":6,"asked":10,"idle_days":200,"profile_filled":2}}"#
    ));
}

#[test]
fn a_coach_of_whom_nothing_is_known() {
    insta::assert_snapshot!(read("{}"));
}
