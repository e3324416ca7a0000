//! The exchange format refuses what it cannot mean, and says where.

use fithire_scoring::exchange::{Question, read_facts};
use fithire_scoring::facts::{Coach, Job};

/// The field and message for a job and a coach; panics when they are taken.
fn refused(job: &str, coach: &str) -> String {
    let line = format!(r#"{{"as_of":"2026-11-23","job":{job},"coach":{coach}}}"#);
    match Question::read(&line) {
        Ok(_) => panic!("taken: {line}"),
        Err(error) => {
            let message = error.message.split(" at column").next().unwrap_or_default();
            format!("{}: {message}", error.field)
        }
    }
}

#[test]
fn errors_name_the_field_and_the_rule() {
    let job = |job: &str| refused(job, "{}");
    let coach = |coach: &str| refused("{}", coach);
    let told = [
        job(r#"{"requirements":[{"any_of":["NASM-CTP"],"kind":"required"}]}"#),
        job(r#"{"requirements":[{"any_of":[],"kind":"required"}]}"#),
        job(r#"{"requirements":[["NASM-CPT","required"]]}"#),
        job(r#"{"modality":"hitt"}"#),
        job(r#"{"tz":"America/NewYork"}"#),
        job(r#"{"starts_on":"2026-02-29"}"#),
        job(r#"{"starts_on":"29.02.2024"}"#),
        job(r#"{"min_years":40.1}"#),
        job(r#"{"min_years":2.05}"#),
        job(r#"{"min_years":1e999}"#),
        job(r#"{"lat":40.1}"#),
        job(r#"{"lat":90.1,"lon":0}"#),
        job(r#"{"slots":[{"kind":"class","day":7,"start":"09:00","minutes":60}]}"#),
        job(r#"{"slots":[{"kind":"class","day":0,"start":"09:10","minutes":60}]}"#),
        job(r#"{"slots":[{"kind":"class","day":0,"start":"09:00","minutes":10095}]}"#),
        job(r#"{"slots":[{"kind":"class","day":0,"start":"09:00","minutes":60,"weight":11}]}"#),
        job(r#"{"style":[{"dimension":"music","level":5,"weight":1}]}"#),
        job(r#"{"style":[{"dimension":"music","level":1,"weight":0}]}"#),
        job(
            r#"{"style":[{"dimension":"music","level":1,"weight":1},{"dimension":"music","level":2,"weight":1}]}"#,
        ),
        job(r#"{"virtual":"no"}"#),
        job(r#"{"salary":1}"#),
        coach(r#"{"holdings":[{"code":"NASM-CPT","state":"verifed"}]}"#),
        coach(r#"{"holdings":[{"code":"NASM-CPT"}]}"#),
        coach(r#"{"positions":[{"modality":"hiit","started_on":"2024-03-01","ended_on":"2024-02-01"}]}"#),
        coach(r#"{"free":[{"day":0,"start":"9:00","minutes":60}]}"#),
        coach(r#"{"radius_m":0}"#),
        coach(r#"{"radius_m":1e30}"#),
        coach(r#"{"radius_m":9007199254740992}"#),
        coach(r#"{"engagement":{"done":-1}}"#),
        coach(r#"{"engagement":{"replied_in_24h":2,"asked":1}}"#),
        coach(r#"{"engagement":{"profile_filled":9}}"#),
        coach(r#"{"engagement":{"profile_sections":0}}"#),
        coach(r#"{"engagement":[1,2]}"#),
        coach(
            r#"{"style":[{"dimension":"a","level":1,"source":"self"},{"dimension":"a","level":2,"source":"self"}]}"#,
        ),
        coach(r#"{"lat":NaN,"lon":0}"#),
        coach(r#"{"tz":"UTC","tz":"UTC"}"#),
        coach("null"),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn whole_lines_are_refused_too() {
    for line in
        ["", "[]", "{", "{}", "null", "1", "\"\u{0}\"", r#"{"as_of":"2026-11-23","job":{},"coach":{}} x"#]
    {
        assert!(Question::read(line).is_err(), "{line}");
    }
    let nested = "[".repeat(100_000);
    assert!(Question::read(&nested).is_err());
}

#[test]
fn null_is_a_missing_key() {
    let bare = Question::read(r#"{"as_of":"2026-11-23","job":{},"coach":{}}"#).unwrap();
    let nulls = r#"{"as_of":"2026-11-23","preset":null,
        "job":{"starts_on":null,"virtual":null,"lat":null,"lon":null,"tz":null,"modality":null,"min_years":null,"requirements":null,
               "slots":null,"style":null},
        "coach":{"lat":null,"lon":null,"tz":null,"radius_m":null,"holdings":null,"positions":null,"taught":null,"free":null,
                 "if_needed":null,"style":null,"engagement":null}}"#;
    assert_eq!(Question::read(nulls).unwrap(), bare);
    assert_eq!(bare.preset(), "balanced");
}

#[test]
fn every_problem_of_facts_is_named_where_all_are_asked_for() {
    let facts = serde_json::json!({
        "holdings": [{"code": "NASM-CTP", "state": "verified"}, {"code": "CPR-AED", "state": "verified"}, {"code": "CPR-AED"}],
        "positions": [{"modality": "hiit", "started_on": "2024-03-01", "ended_on": "2024-02-01"}],
        "free": [{"day": 7, "start": "09:00", "minutes": 60}], "style": [[1]]
    });
    let problems = read_facts::<Coach>(&facts).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        ["holdings[0].code", "holdings[2].state", "positions[0].ended_on", "free[0].day", "style[0]"]
    );
    assert_eq!(read_facts::<Coach>(&serde_json::json!({"lat": 1.0})).unwrap_err()[0].field, "lat");
    assert!(read_facts::<Job>(&serde_json::json!({"slots": []})).is_ok());
}
