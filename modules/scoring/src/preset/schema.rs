//! The JSON Schema of a preset file, for editors (`#:schema`), built from the sub-scores' own types.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::num::FULL;
use crate::registry::{self, Entry};

/// The schema of the whole file.
#[must_use]
pub fn schema() -> Value {
    let mut weights = Map::new();
    let mut properties = Map::new();
    properties
        .insert("title".into(), json!({"type": "string", "description": "What people call this preset."}));
    properties.insert(
        "description".into(),
        json!({"type": "string", "description": "When to choose it, in a sentence or two."}),
    );
    properties.insert(
        "threshold".into(),
        json!({
            "type": "number", "minimum": 0, "maximum": 1, "default": 0.6,
            "description": "The lowest score that is ranked, where the job sets none."
        }),
    );
    properties.insert(
        "limit".into(),
        json!({
            "type": "integer", "minimum": 1, "maximum": 200, "default": 20,
            "description": "How many candidates a ranking lists unless asked for another number."
        }),
    );
    for entry in registry::all() {
        let most = f64::from(entry.max_weight_bp) / f64::from(FULL);
        weights.insert(entry.key.into(), json!({"type": "number", "minimum": 0, "maximum": most}));
    }
    weights.insert(
        "points".into(),
        json!({
            "type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
            "description": "What each table of [points] counts."
        }),
    );
    properties.insert(
        "weights".into(),
        json!({
            "type": "object", "properties": weights, "additionalProperties": false, "minProperties": 1,
            "description": "What each sub-score counts; the numbers add up to 1. One left out takes no part."
        }),
    );
    for entry in registry::all() {
        properties.insert(entry.key.into(), of(entry));
    }
    properties.insert("points".into(), super::points::schema());
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "FitHire scoring preset",
        "type": "object",
        "properties": properties,
        "required": ["weights"],
        "additionalProperties": false,
    })
}

/// The schema of one sub-score's table.
pub(super) fn of(entry: &Entry) -> Value {
    let mut generator =
        SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    (entry.schema)(&mut generator)
}
