//! A JSON value against the schema of a type, all errors at once.

use chrono::NaiveDate;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Email, ParseFromParameter as _, Type};
use serde_json::{Number, Value};

use super::json::step;
use crate::problem::FieldError;

/// More errors than this help nobody.
const MOST: usize = 100;

/// Every field of `value` that does not fit the schema of `T`.
pub(super) fn check<T: Type>(value: &Value) -> Vec<FieldError> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut check = Check { registry, errors: Vec::new() };
    check.value(&T::schema_ref(), value, "");
    check.errors
}

struct Check {
    registry: Registry,
    errors: Vec<FieldError>,
}

impl Check {
    fn error(&mut self, pointer: &str, detail: impl Into<String>) {
        if self.errors.len() < MOST {
            self.errors.push(FieldError { pointer: pointer.to_owned(), detail: detail.into() });
        }
    }

    fn resolve(&self, schema: &MetaSchemaRef) -> MetaSchema {
        match schema {
            MetaSchemaRef::Inline(schema) => (**schema).clone(),
            MetaSchemaRef::Reference(name) => {
                self.registry.schemas.get(name).cloned().unwrap_or(MetaSchema::ANY)
            }
        }
    }

    fn value(&mut self, schema: &MetaSchemaRef, value: &Value, pointer: &str) {
        let schema = self.resolve(schema);
        // A field with bounds of its own wraps the schema of its type.
        for part in &schema.all_of {
            self.value(part, value, pointer);
        }
        match (schema.ty, value) {
            ("object", Value::Object(object)) => self.object(&schema, object, pointer),
            ("array", Value::Array(list)) => self.list(&schema, list, pointer),
            ("string", Value::String(text)) => self.text(&schema, text, pointer),
            ("integer", Value::Number(number)) if !number.is_f64() => self.whole(&schema, number, pointer),
            ("", _) | ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => {}
            (wanted, _) => return self.error(pointer, format!("must be {}", with_article(wanted))),
        }
        if let Some(number) = value.as_f64() {
            self.number(&schema, number, pointer);
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
            let known: Vec<String> = schema
                .enum_items
                .iter()
                .map(|item| item.as_str().map_or(item.to_string(), str::to_owned))
                .collect();
            self.error(pointer, format!("is none of: {}", known.join(", ")));
        }
    }

    fn object(&mut self, schema: &MetaSchema, object: &serde_json::Map<String, Value>, pointer: &str) {
        let property =
            |key: &str| schema.properties.iter().find(|(name, _)| *name == key).map(|(_, schema)| schema);
        for key in &schema.required {
            if object.get(*key).is_none_or(Value::is_null) {
                self.error(&step(pointer, key), "is missing");
            }
        }
        for (key, value) in object {
            let pointer = step(pointer, key);
            match (property(key), &schema.additional_properties) {
                // A null is a missing key; the required ones have been seen to above.
                (Some(_), _) if value.is_null() => {}
                (Some(schema), _) => self.value(schema, value, &pointer),
                (None, Some(more)) => self.value(more, value, &pointer),
                (None, None) => {
                    let known: Vec<&str> = schema.properties.iter().map(|(name, _)| *name).collect();
                    self.error(&pointer, format!("is not known here; known are: {}", known.join(", ")));
                }
            }
        }
    }

    fn list(&mut self, schema: &MetaSchema, list: &[Value], pointer: &str) {
        if let Some(most) = schema.max_items.filter(|most| list.len() > *most) {
            self.error(pointer, format!("has {} items, more than {most}", list.len()));
        }
        if let Some(least) = schema.min_items.filter(|least| list.len() < *least) {
            self.error(pointer, format!("has {} items, fewer than {least}", list.len()));
        }
        let Some(items) = &schema.items else { return };
        for (place, item) in list.iter().enumerate() {
            self.value(items, item, &format!("{pointer}/{place}"));
        }
    }

    fn text(&mut self, schema: &MetaSchema, text: &str, pointer: &str) {
        if let Some(most) = schema.max_length.filter(|most| text.chars().count() > *most) {
            self.error(pointer, format!("is longer than {most} characters"));
        }
        if let Some(least) = schema.min_length.filter(|least| text.trim().chars().count() < *least) {
            self.error(
                pointer,
                if least == 1 {
                    "is empty".to_owned()
                } else {
                    format!("is shorter than {least} characters")
                },
            );
        }
        // PostgreSQL keeps no NUL; the others would steer a terminal or a log.
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.error(pointer, "has a control character");
        }
        if schema.format == Some("email") && Email::parse_from_parameter(text).is_err() {
            self.error(pointer, "is not an e-mail address");
        }
        // poem-openapi calls the format of a day `naive-date`.
        if schema.format == Some("naive-date") && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() {
            self.error(pointer, "is not a day of the calendar, written YYYY-MM-DD");
        }
    }

    /// A whole number must fit the type that its format names.
    fn whole(&mut self, schema: &MetaSchema, number: &Number, pointer: &str) {
        let unsigned = |most: u64| number.as_u64().is_some_and(|number| number <= most);
        let fits = match schema.format {
            Some("uint8") => unsigned(u8::MAX.into()),
            Some("uint16") => unsigned(u16::MAX.into()),
            Some("uint32") => unsigned(u32::MAX.into()),
            Some("uint64") => unsigned(u64::MAX),
            _ => number.as_i64().is_some(),
        };
        if !fits {
            let low = number.as_i64().is_some_and(|number| number < 0);
            self.error(pointer, if low { "is less than 0" } else { "is too large" });
        }
    }

    fn number(&mut self, schema: &MetaSchema, number: f64, pointer: &str) {
        if let Some(least) = schema.minimum.filter(|least| number < *least) {
            self.error(pointer, format!("is less than {least}"));
        }
        if let Some(most) = schema.maximum.filter(|most| number > *most) {
            self.error(pointer, format!("is more than {most}"));
        }
        if let Some(step) = schema.multiple_of.filter(|step| (number / step).fract() != 0.0) {
            self.error(pointer, format!("is not a multiple of {step}"));
        }
    }
}

fn with_article(kind: &str) -> &'static str {
    match kind {
        "object" => "an object",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}
