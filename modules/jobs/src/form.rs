//! The form of a job: fields as people type them, and the request that the API would be sent for them. Every rule is the
//! API's; a pointer of its problem leads back to the field.

use std::collections::BTreeMap;

use fithire_identity::ManageJobs;
use fithire_kernel::body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::form::{self, FormError, Lines, number, text};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::Template;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::Allowed;
use fithire_orgs::{StyleLine, dimensions, location_names, reached, style_lines};
use fithire_scoring::catalog::{Cert, Modality};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::preset::Presets;
use fithire_scoring::week::DAYS;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use fithire_kernel::form::Fields;

use crate::model::{Open, Sent};
use crate::service;

const REQUIREMENTS: Lines = Lines {
    kind: "requirements",
    label: "Requirement",
    first: "any_of",
    keys: &["kind", "any_of"],
    preset: &["kind"],
};
const SLOTS: Lines = Lines {
    kind: "slots",
    label: "Line",
    first: "start",
    keys: &["kind", "day", "start", "minutes", "weight"],
    preset: &["kind", "day", "weight"],
};
/// The dimensions are the brand's; one without a level is not asked for.
const STYLE: Lines = Lines {
    kind: "style",
    label: "Style",
    first: "level",
    keys: &["dimension", "level", "weight"],
    preset: &["dimension", "weight"],
};
const LINES: [Lines; 3] = [REQUIREMENTS, SLOTS, STYLE];

/// Pointers that are not the names of their fields, with what people call these.
const NAMED: [(&str, &str, &str); 8] = [
    ("pay/type", "pay_type", "Paid"),
    ("pay/currency", "currency", "Currency"),
    ("pay/min", "pay_min", "Pay, from"),
    ("pay/max", "pay_max", "Pay, to"),
    ("location_id", "location_id", "Location"),
    ("min_years", "min_years", "Years of experience"),
    ("starts_on", "starts_on", "First day"),
    ("threshold", "threshold", "Rank from"),
];

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
    style: Vec<StyleLine>,
    days: Vec<(String, &'static str)>,
    /// By which it is noticed that somebody else has changed the job.
    seen: Option<String>,
    /// How many coaches would be ranked, below the threshold and ineligible.
    preview: Option<[usize; 3]>,
}

impl Template for Page {
    const NAME: &'static str = "jobs/form.html";
}

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
        let errors =
            problem.map_or_else(Vec::new, |problem| form::errors(problem, &fields, &LINES, &NAMED, "title"));
        Ok(Self {
            id,
            wrong: form::by_field(&errors),
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
            requirements: REQUIREMENTS.offered(&fields),
            slots: SLOTS.offered(&fields),
            style: style_lines(dimensions(tx).await?, &fields),
            days: (0..).zip(DAYS).map(|(n, day): (usize, _)| (n.to_string(), day)).collect(),
            preview: None,
            seen: match id {
                Some(id) => Some(form::mark(&of_id(tx, allowed, id).await?)),
                None => None,
            },
            fields,
        })
    }

    /// The same with what came of a preview.
    #[must_use]
    pub fn with_preview(self, preview: [usize; 3]) -> Self {
        Self { preview: Some(preview), ..self }
    }
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
    for lines in LINES {
        lines.put(&mut fields, &facts[lines.kind]);
    }
    fields
}

/// The fields of the job of an id as it is now.
async fn of_id(tx: &mut Tx, allowed: &Allowed<ManageJobs>, id: Id) -> Result<Fields, Problem> {
    let location_id = service::location_of(tx, allowed.limits(), id).await?;
    Ok(of(&crate::open::find(tx, allowed.limits(), id).await?, location_id))
}

/// The request for what was typed.
fn request(fields: &Fields) -> Value {
    let text = |name: &str| text(fields, name);
    let mut facts = Map::new();
    for name in ["starts_on", "modality"] {
        facts.extend(text(name).map(|text| (name.to_owned(), json!(text))));
    }
    facts.extend(text("virtual").map(|_| ("virtual".to_owned(), json!(true))));
    facts.extend(text("min_years").map(|years| ("min_years".to_owned(), number(years))));
    for lines in LINES {
        let items = lines.request(fields, |key, text| match key {
            "day" | "minutes" | "weight" | "level" => number(text),
            "any_of" => text.split([',', ' ']).map(str::trim).filter(|code| !code.is_empty()).collect(),
            _ => json!(text),
        });
        if !items.is_empty() {
            facts.insert(lines.kind.to_owned(), Value::Array(items));
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
        Some(id) => {
            let mut tx = db.write(allowed).await?;
            // Nobody else changes it from here on: what the mark is held against is what is replaced.
            service::row_to_change(&mut tx, allowed.limits(), id).await?;
            form::check_mark(fields, &of_id(&mut tx, allowed, id).await?)?;
            service::replace(tx, (clock, ids, presets), allowed, id, sent).await
        }
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
        let errors = form::errors(&problem, &typed, &LINES, &NAMED, "title");
        assert_eq!(
            (errors.len(), &*errors[0].field, &*errors[0].label),
            (1, "slots-2-minutes", "Line 3, minutes")
        );
    }
}
