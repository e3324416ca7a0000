//! The exchange format: one JSON object a line in, one out. Anyone can check or replay a score with it.

use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::date;
use crate::explain::Explanation;
use crate::facts::{Coach, Holding, Job, Position, Rating, Requirement, Slot, Span, Taught, Wanted};
use crate::key::Key;
use crate::object::Object;
use crate::score::{Component, Score};
use crate::subscore::State;
use crate::wording;

/// The preset that scores where none is named.
pub const DEFAULT_PRESET: &str = "balanced";

/// One pair to score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The day on which everything is judged.
    #[serde(with = "date")]
    pub as_of: NaiveDate,
    /// The preset by name; missing means [`DEFAULT_PRESET`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The job.
    pub job: Job,
    /// The coach.
    pub coach: Coach,
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Where in the object, such as `coach.holdings[0].expires_on`; `.` for the whole line.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl Unreadable {
    /// The field as a JSON pointer below another: `holdings[0].code` below `/facts` is `/facts/holdings/0/code`.
    #[must_use]
    pub fn pointer(&self, below: &str) -> String {
        match self.field.as_str() {
            "." => below.to_owned(),
            field => format!("{below}/{}", field.replace(['[', '.'], "/").replace(']', "")),
        }
    }
}

impl Question {
    /// Reads one line.
    ///
    /// # Errors
    /// The first field that breaks the format or a rule of the facts.
    pub fn read(line: &str) -> Result<Self, Unreadable> {
        let mut json = serde_json::Deserializer::from_str(line);
        let Object(question) = located(&mut json)?;
        json.end()
            .map_err(|error| Unreadable { field: ".".to_owned(), message: readable(&error.to_string()) })?;
        Ok(question)
    }

    /// Writes it as one line, in the one way that facts are written.
    ///
    /// # Panics
    /// Never: facts have string keys and finite numbers.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("facts have string keys and finite numbers")
    }

    /// The preset that it asks for.
    #[must_use]
    pub fn preset(&self) -> &str {
        self.preset.as_deref().unwrap_or(DEFAULT_PRESET)
    }
}

/// Reads with the place of what cannot be read.
fn located<'de, T: Deserialize<'de>>(reader: impl Deserializer<'de>) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(reader).map_err(|error| {
        // A place that cannot be named (`?`) is in the text itself.
        let place = error.path().to_string().replace('?', ".");
        let message = readable(&error.into_inner().to_string());
        Unreadable { field: shortened(with_field(place, &message)), message: shortened(message) }
    })
}

/// Every problem of a coach's or a job's facts, where [`Question::read`] stops at the first: each item of each
/// list is read on its own, then the whole.
///
/// # Errors
/// The problems, with their places in the object; never an empty list.
pub fn read_facts<F: Facts>(facts: &Value) -> Result<F, Vec<Unreadable>> {
    let mut problems = Vec::new();
    for (key, check) in F::LISTS {
        for (place, item) in facts.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Err(problem) = check(item) {
                let inner = if problem.field == "." { String::new() } else { format!(".{}", problem.field) };
                problems.push(Unreadable { field: format!("{key}[{place}]{inner}"), ..problem });
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    located(facts).map_err(|problem| vec![problem])
}

/// Keys that hold lists, each with what reads one item of its list.
pub type Lists = &'static [(&'static str, fn(&Value) -> Result<(), Unreadable>)];

/// Facts that can be read with all their problems.
pub trait Facts: DeserializeOwned {
    /// The lists among the keys, with what reads one of their items.
    const LISTS: Lists;
}

fn item<T: DeserializeOwned>(value: &Value) -> Result<(), Unreadable> {
    located::<Object<T>>(value).map(drop)
}

impl Facts for Coach {
    const LISTS: Lists = &[
        ("holdings", item::<Holding>),
        ("positions", item::<Position>),
        ("taught", item::<Taught>),
        ("free", item::<Span>),
        ("if_needed", item::<Span>),
        ("style", item::<Rating>),
    ];
}

impl Facts for Job {
    const LISTS: Lists =
        &[("requirements", item::<Requirement>), ("slots", item::<Slot>), ("style", item::<Wanted>)];
}

/// Keys whose rules are checked at the object that has them; such a rule's message begins with its key.
const CHECKED_LATER: [&str; 22] = [
    "lat",
    "lon",
    "min_years",
    "style",
    "requirements",
    "slots",
    "holdings",
    "positions",
    "taught",
    "free",
    "if_needed",
    "day",
    "start",
    "minutes",
    "weight",
    "ended_on",
    "replied_in_24h",
    "profile_sections",
    "profile_filled",
    "any_of",
    "level",
    "radius_m",
];

/// The place of the very field, where its reader reports the object around it.
fn with_field(place: String, message: &str) -> String {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let checked =
        message.split(' ').next().filter(|word| CHECKED_LATER.contains(word) && !place.ends_with(word));
    match (missing.or(checked), place.as_str()) {
        (None, _) => place,
        (Some(field), ".") => field.to_owned(),
        (Some(field), _) => format!("{place}.{field}"),
    }
}

/// A text short enough to print: an unknown key may be as long as the line.
fn shortened(text: String) -> String {
    const MOST: usize = 400;
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).chain(['…']).collect() }
}

/// The parser's message in plain words. It sees every object as line 1; the caller knows the real line.
fn readable(message: &str) -> String {
    wording::plain_types(&message.replace("at line 1 column", "at column"))
}

/// A share as the exchange format writes it: basis points over 10000.
#[must_use]
pub fn share(bp: u16) -> f64 {
    f64::from(bp) / 10_000.0
}

/// The answer: figures only.
#[must_use]
pub fn answer(score: &Score) -> Value {
    let components: Map<String, Value> =
        score.components.iter().map(|part| (part.key.to_string(), component(part))).collect();
    json!({
        "score": share(score.bp),
        "eligibility": score.eligibility,
        "blockers": score.blockers,
        "range": [share(score.low), share(score.high)],
        "coverage": share(score.coverage),
        "distance_m": score.distance_m,
        "components": components,
    })
}

/// The answer with words, advice and provenance beside the figures.
#[must_use]
pub fn explained(explanation: &Explanation) -> Value {
    let mut whole = answer(&explanation.score);
    for (part, evidence) in explanation.score.components.iter().zip(&explanation.evidence) {
        if part.figure.is_some() {
            whole["components"][&*part.key]["evidence"] = json!(evidence);
        }
    }
    whole["explanation"] = json!({"strengths": explanation.strengths, "gaps": explanation.gaps});
    whole["advice"] = explanation.advice.iter().map(ToString::to_string).collect();
    whole["provenance"] = json!(explanation.provenance);
    whole
}

/// The sub-scores that the preset defines itself, in one cell of a table: `early-bird 0.7; loyal 1`.
#[must_use]
pub fn points(score: &Score) -> String {
    let own = score.components.iter().filter_map(|part| match (&part.key, part.figure) {
        (Key::Points(table), Some(figure)) => Some(format!("{} {}", table.name(), share(figure.score))),
        _ => None,
    });
    own.collect::<Vec<_>>().join("; ")
}

fn component(part: &Component) -> Value {
    match part.figure {
        None => json!({"state": State::NotApplicable}),
        Some(figure) => json!({
            "score": share(figure.score),
            "weight": share(part.weight),
            "contribution": share(part.contribution),
            "state": figure.state,
        }),
    }
}
