//! The form of a job: fields as people type them, and the request that the API would be sent for them. Every rule is the
//! API's; a pointer of its problem leads back to the field.

use std::collections::BTreeMap;

use fithire_identity::ManageJobs;
use fithire_kernel::body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::Template;
use fithire_kernel::problem::{Code, FieldError, Problem};
use fithire_kernel::scope::Allowed;
use fithire_orgs::{location_names, reached};
use fithire_scoring::catalog::{Cert, Modality};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::preset::Presets;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::model::{Open, Sent};
use crate::service;

/// What the fields hold, by their names.
pub type Fields = BTreeMap<String, String>;

/// Blank lines that are offered beyond those that are filled.
const SPARE: usize = 2;
/// Lines of one kind at most.
const MOST: usize = 30;

/// The page of the form.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The job that is changed; `None` makes a new one.
    pub id: Option<Id>,
    fields: Fields,
    errors: Vec<FormError>,
    /// What is wrong with each field, by its id.
    wrong: BTreeMap<String, String>,
    locations: Vec<(String, String)>,
    modalities: Vec<(String, String)>,
    presets: Vec<(String, String)>,
    certifications: Vec<(&'static str, String)>,
    requirements: Vec<usize>,
    slots: Vec<usize>,
    style: Vec<usize>,
    days: [(&'static str, &'static str); 7],
    /// How many coaches would be ranked, below the threshold and ineligible.
    preview: Option<[usize; 3]>,
}

impl Template for Page {
    const NAME: &'static str = "jobs/form.html";
}

/// Something that is not right, and the field that it leads to.
#[derive(Debug, Serialize)]
struct FormError {
    field: String,
    label: String,
    detail: String,
}

const DAYS: [(&str, &str); 7] = [
    ("0", "Monday"),
    ("1", "Tuesday"),
    ("2", "Wednesday"),
    ("3", "Thursday"),
    ("4", "Friday"),
    ("5", "Saturday"),
    ("6", "Sunday"),
];

impl Page {
    /// The form with what was typed, what is wrong with it, and what came of a preview.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn new(
        tx: &mut Tx,
        (allowed, presets): (&Allowed<ManageJobs>, &Presets),
        id: Option<Id>,
        fields: Fields,
        problem: Option<&Problem>,
    ) -> Result<Self, Problem> {
        let within = reached(tx, allowed.limits()).await?;
        let locations = location_names(tx).await?.into_iter();
        let locations = locations.filter(|(_, id)| within.as_ref().is_none_or(|within| within.contains(id)));
        let errors = problem.map_or_else(Vec::new, |problem| errors(problem, &fields));
        let lines = |kind: &str, first: &str| {
            let filled = (0..MOST).filter(|n| fields.contains_key(&format!("{kind}-{n}-{first}"))).count();
            let used = (0..MOST).filter(|n| is_filled(&fields, kind, *n)).max().map_or(0, |last| last + 1);
            (0..filled.max(used + SPARE).min(MOST)).collect()
        };
        Ok(Self {
            id,
            wrong: errors.iter().map(|error| (error.field.clone(), error.detail.clone())).collect(),
            errors,
            locations: locations.map(|(name, id)| (id.to_string(), name)).collect(),
            modalities: std::iter::once((String::new(), "Any".to_owned()))
                .chain(
                    Modality::all()
                        .map(|one| (one.details().code.to_owned(), one.details().title.to_owned())),
                )
                .collect(),
            presets: presets.iter().map(|preset| (preset.name.clone(), preset.title.clone())).collect(),
            certifications: Cert::all()
                .map(|cert| {
                    (cert.details().code, format!("{}, {}", cert.details().title, cert.details().issuer))
                })
                .collect(),
            requirements: lines("requirements", "any_of"),
            slots: lines("slots", "start"),
            style: lines("style", "dimension"),
            days: DAYS,
            preview: None,
            fields,
        })
    }

    /// The same with what came of a preview.
    #[must_use]
    pub fn with_preview(self, preview: [usize; 3]) -> Self {
        Self { preview: Some(preview), ..self }
    }
}

/// Whether anything but choices that have a default is typed into a line.
fn is_filled(fields: &Fields, kind: &str, n: usize) -> bool {
    let key = match kind {
        "requirements" => "any_of",
        "slots" => "start",
        _ => "dimension",
    };
    fields.get(&format!("{kind}-{n}-{key}")).is_some_and(|text| !text.trim().is_empty())
}

/// The fields of a job as it is.
#[must_use]
pub fn of(job: &Open, location_id: Id) -> Fields {
    let facts = &job.facts;
    let mut fields = Fields::new();
    let mut put = |name: &str, text: String| {
        if !text.is_empty() {
            fields.insert(name.to_owned(), text);
        }
    };
    put("title", job.title.clone());
    put("description", job.description.clone().unwrap_or_default());
    put("location_id", location_id.to_string());
    put("virtual", if facts.is_virtual { "yes" } else { "" }.to_owned());
    put("modality", facts.modality.map_or("", |one| one.details().code).to_owned());
    put("starts_on", facts.starts_on.map_or_else(String::new, |day| day.to_string()));
    put("min_years", f64::from(facts.min_years).to_string());
    put("employment_type", job.employment_type.clone().unwrap_or_default());
    put("pay_type", job.pay.kind.clone().unwrap_or_default());
    put("pay_min", job.pay.min.map_or_else(String::new, |min| min.to_string()));
    put("pay_max", job.pay.max.map_or_else(String::new, |max| max.to_string()));
    put("currency", job.pay.currency.clone().unwrap_or_default());
    put("preset", job.preset.clone());
    put("threshold", job.threshold.map_or_else(String::new, |bp| (f64::from(bp) / 10_000.0).to_string()));
    // The written form of the facts is the one that the API takes.
    let facts = serde_json::to_value(facts).unwrap_or_default();
    for kind in ["requirements", "slots", "style"] {
        for (n, item) in facts[kind].as_array().into_iter().flatten().enumerate() {
            for (key, value) in item.as_object().into_iter().flatten() {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Array(codes) => {
                        codes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                    }
                    other => other.to_string(),
                };
                put(&format!("{kind}-{n}-{key}"), text);
            }
        }
    }
    fields
}

/// The places of the lines that are filled, in the order in which the request has them.
fn filled(fields: &Fields, kind: &str) -> Vec<usize> {
    (0..MOST).filter(|n| is_filled(fields, kind, *n)).collect()
}

/// The request for what was typed. What should be a number and is none stays a text, so that the schema says so.
fn request(fields: &Fields) -> Value {
    let text = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let number = |text: &str| text.parse::<serde_json::Number>().map_or_else(|_| json!(text), Value::Number);
    let mut facts = Map::new();
    for (name, key) in [("starts_on", "starts_on"), ("modality", "modality")] {
        facts.extend(text(name).map(|text| (key.to_owned(), json!(text))));
    }
    facts.extend(text("virtual").map(|_| ("virtual".to_owned(), json!(true))));
    facts.extend(text("min_years").map(|years| ("min_years".to_owned(), number(years))));
    for (kind, keys) in [
        ("requirements", &["kind", "any_of"][..]),
        ("slots", &["kind", "day", "start", "minutes", "weight"]),
        ("style", &["dimension", "level", "weight"]),
    ] {
        let line = |n: usize| -> Value {
            let field = |key: &&str| {
                let text = text(&format!("{kind}-{n}-{key}"))?;
                let value = match *key {
                    "day" | "minutes" | "weight" | "level" => number(text),
                    "any_of" => {
                        text.split([',', ' ']).map(str::trim).filter(|code| !code.is_empty()).collect()
                    }
                    _ => json!(text),
                };
                Some(((*key).to_owned(), value))
            };
            Value::Object(keys.iter().filter_map(field).collect())
        };
        let lines: Vec<Value> = filled(fields, kind).into_iter().map(line).collect();
        if !lines.is_empty() {
            facts.insert(kind.to_owned(), Value::Array(lines));
        }
    }
    let mut pay = Map::new();
    pay.extend(text("pay_type").map(|kind| ("type".to_owned(), json!(kind))));
    pay.extend(text("pay_min").map(|min| ("min".to_owned(), number(min))));
    pay.extend(text("pay_max").map(|max| ("max".to_owned(), number(max))));
    pay.extend(text("currency").map(|code| ("currency".to_owned(), json!(code.to_uppercase()))));
    let mut job = Map::new();
    job.extend(text("location_id").map(|id| ("location_id".to_owned(), number(id))));
    for name in ["title", "description", "employment_type", "preset"] {
        job.extend(text(name).map(|text| (name.to_owned(), json!(text))));
    }
    job.extend(text("threshold").map(|share| ("threshold".to_owned(), number(share))));
    if !pay.is_empty() {
        job.insert("pay".to_owned(), Value::Object(pay));
    }
    job.insert("facts".to_owned(), Value::Object(facts));
    Value::Object(job)
}

fn sent(fields: &Fields) -> Result<Sent, Problem> {
    body::read(request(fields).to_string().as_bytes())
}

/// Makes a job of what was typed, or changes one; answers its id.
///
/// # Errors
/// Those of the API, which [`Page::new`] leads to the fields.
pub async fn save(
    db: &Db,
    (clock, ids, presets): (&Clock, &Ids, &Presets),
    allowed: &Allowed<ManageJobs>,
    id: Option<Id>,
    fields: &Fields,
) -> Result<Id, Problem> {
    let sent = sent(fields)?;
    match id {
        None => service::create(db, (clock, ids, presets), allowed, sent).await,
        Some(id) => service::replace(db, (clock, presets), allowed, id, sent).await,
    }
}

/// The job that what was typed would be, for a preview.
///
/// # Errors
/// Those of the API.
pub async fn preview(
    tx: &mut Tx,
    (allowed, presets): (&Allowed<ManageJobs>, &Presets),
    fields: &Fields,
) -> Result<Open, Problem> {
    service::imagined(tx, (allowed, presets), sent(fields)?).await
}

/// A problem of the API, field by field.
fn errors(problem: &Problem, fields: &Fields) -> Vec<FormError> {
    if problem.code != Code::Invalid {
        return vec![FormError {
            field: "title".to_owned(),
            label: "Job".to_owned(),
            detail: problem.to_string(),
        }];
    }
    problem.errors.iter().map(|error| form_error(error, fields)).collect()
}

fn form_error(error: &FieldError, fields: &Fields) -> FormError {
    let path = error.pointer.trim_start_matches('/').trim_start_matches("facts/");
    let parts: Vec<&str> = path.split('/').collect();
    let (field, label) = match parts[..] {
        ["pay", "type"] => ("pay_type".to_owned(), "Paid".to_owned()),
        ["pay", "currency"] => ("currency".to_owned(), "Currency".to_owned()),
        ["pay", bound] => (format!("pay_{bound}"), format!("Pay, {bound}")),
        [kind @ ("requirements" | "slots" | "style"), n, ref rest @ ..] => {
            let place =
                n.parse().ok().and_then(|n: usize| filled(fields, kind).get(n).copied()).unwrap_or_default();
            let first = match kind {
                "requirements" => "any_of",
                "slots" => "start",
                _ => "dimension",
            };
            let key = rest.first().copied().unwrap_or(first);
            let kind_label = match kind {
                "requirements" => "Requirement",
                "slots" => "Slot",
                _ => "Style",
            };
            (format!("{kind}-{place}-{key}"), format!("{kind_label} {}", place + 1))
        }
        _ => (path.to_owned(), path.replace('_', " ")),
    };
    FormError { field, label, detail: error.detail.clone() }
}

/// The fields of a new job.
#[must_use]
pub fn blank() -> Fields {
    Fields::from([("preset".to_owned(), DEFAULT_PRESET.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_is_typed_is_what_the_api_would_be_sent() {
        let typed = fields(&[
            ("title", " HIIT "),
            ("location_id", "15"),
            ("min_years", "1.5"),
            ("requirements-0-kind", "required"),
            ("requirements-1-kind", "required"),
            ("requirements-1-any_of", "NASM-CPT, ACE-CPT"),
            ("slots-2-kind", "class"),
            ("slots-2-day", "5"),
            ("slots-2-start", "09:00"),
            ("slots-2-minutes", "an hour"),
            ("pay_min", "40"),
            ("currency", "usd"),
        ]);
        let expected = json!({
            "location_id": 15, "title": "HIIT", "pay": {"min": 40, "currency": "USD"},
            "facts": {"min_years": 1.5,
                "requirements": [{"kind": "required", "any_of": ["NASM-CPT", "ACE-CPT"]}],
                "slots": [{"kind": "class", "day": 5, "start": "09:00", "minutes": "an hour"}]}
        });
        assert_eq!(request(&typed), expected);
        let problem = sent(&typed).err().unwrap();
        let errors = errors(&problem, &typed);
        assert_eq!((errors.len(), &*errors[0].field, &*errors[0].label), (1, "slots-2-minutes", "Slot 3"));
    }
}
