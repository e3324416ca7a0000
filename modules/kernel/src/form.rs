//! Forms: fields as people type them, and the request that the API would be sent for them.
//!
//! Every rule is the API's: a form is read into the very body that an integrator would send, so that a rule stands once,
//! and the pointer of its problem leads back to the field. What should be a number and is none stays a text, so that
//! the schema says so. Nothing that was typed is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::{Code, FieldError, Problem};

/// What the fields hold, by their names.
pub type Fields = BTreeMap<String, String>;

/// Something that is not right, and the field that it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FormError {
    /// The field's id.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// What is wrong with it.
    pub detail: String,
}

/// What is typed into a field, if anything is.
#[must_use]
pub fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// A number where it is one, else the text.
#[must_use]
pub fn number(text: &str) -> Value {
    text.parse::<serde_json::Number>().map_or_else(|_| json!(text), Value::Number)
}

/// Lines of one kind, such as the slots of a job: fields named `slots-0-start`, `slots-0-minutes`, `slots-1-start`, …
/// A line whose field `slots-0-remove` is ticked is taken away.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The list's name in the request.
    pub kind: &'static str,
    /// What people call one of them.
    pub label: &'static str,
    /// The key that a problem of the whole line leads to.
    pub first: &'static str,
    /// Every key of a line.
    pub keys: &'static [&'static str],
    /// Keys that a blank line has, too, because they are chosen beforehand.
    pub preset: &'static [&'static str],
}

/// Lines of a kind at most: as many as a list of facts may have.
const MOST_LINES: usize = 1_000;
/// Blank lines that are offered beyond those that are there.
const SPARE_LINES: usize = 2;

impl Lines {
    fn field(&self, line: usize, key: &str) -> String {
        format!("{}-{line}-{key}", self.kind)
    }

    /// The places of all lines that there are fields of, blank ones too.
    fn sent(&self, fields: &Fields) -> BTreeSet<usize> {
        let place = |name: &String| {
            let (line, _) = name.strip_prefix(self.kind)?.strip_prefix('-')?.split_once('-')?;
            line.parse().ok().filter(|line| *line < MOST_LINES)
        };
        fields.keys().filter_map(place).collect()
    }

    /// The places of the lines that say something, in the order in which the request has them.
    #[must_use]
    pub fn filled(&self, fields: &Fields) -> Vec<usize> {
        let says = |line: &usize| {
            let chosen = |key: &&&str| !self.preset.contains(key);
            text(fields, &self.field(*line, "remove")).is_none()
                && self.keys.iter().filter(chosen).any(|key| text(fields, &self.field(*line, key)).is_some())
        };
        self.sent(fields).into_iter().filter(says).collect()
    }

    /// The places of the lines to show: what is there, and room for more.
    #[must_use]
    pub fn offered(&self, fields: &Fields) -> Vec<usize> {
        let sent = self.sent(fields).last().map_or(0, |last| last + 1);
        let used = self.filled(fields).last().map_or(0, |last| last + 1);
        (0..sent.max(used + SPARE_LINES).min(MOST_LINES)).collect()
    }

    /// The lines as the request has them; `value` reads the text of a key.
    #[must_use]
    pub fn request(&self, fields: &Fields, value: impl Fn(&str, &str) -> Value) -> Vec<Value> {
        let line = |n: usize| {
            let field = |key: &&str| {
                let text = text(fields, &self.field(n, key))?;
                Some(((*key).to_owned(), value(key, text)))
            };
            Value::Object(self.keys.iter().filter_map(field).collect())
        };
        self.filled(fields).into_iter().map(line).collect()
    }

    /// Puts the items of a list into fields, as [`Lines::request`] reads them.
    pub fn put(&self, fields: &mut Fields, items: &Value) {
        for (n, item) in items.as_array().into_iter().flatten().enumerate() {
            for (key, value) in item.as_object().into_iter().flatten() {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Array(texts) => {
                        texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                    }
                    other => other.to_string(),
                };
                fields.insert(self.field(n, key), text);
            }
        }
    }

    fn error(&self, fields: &Fields, parts: &[&str], detail: &str) -> Option<FormError> {
        let [kind, n, rest @ ..] = parts else { return None };
        let place = n.parse().ok().and_then(|n: usize| self.filled(fields).get(n).copied())?;
        let key = rest.first().copied().unwrap_or(self.first);
        (*kind == self.kind).then(|| FormError {
            field: self.field(place, key),
            label: format!("{} {}, {}", self.label, place + 1, key.replace('_', " ")),
            detail: detail.to_owned(),
        })
    }
}

/// A problem of the API, field by field. `named` knows the fields whose pointers are not their names, with what people
/// call them; a problem that names no field is led to the field `whole`.
#[must_use]
pub fn errors(
    problem: &Problem,
    fields: &Fields,
    lines: &[Lines],
    named: &[(&str, &str, &str)],
    whole: &str,
) -> Vec<FormError> {
    if problem.code != Code::Invalid {
        let detail = match problem.code {
            Code::Unavailable if problem.detail.is_none() => {
                "it was not possible just now; send it again in a moment".to_owned()
            }
            _ => problem.to_string(),
        };
        return vec![FormError { field: whole.to_owned(), label: "Not saved".to_owned(), detail }];
    }
    let error = |error: &FieldError| {
        let path = error.pointer.trim_start_matches('/').trim_start_matches("facts/");
        let parts: Vec<&str> = path.split('/').collect();
        let line = lines.iter().find_map(|lines| lines.error(fields, &parts, &error.detail));
        line.unwrap_or_else(|| {
            let known = named.iter().find(|(pointer, ..)| *pointer == path);
            let (field, label) = known.map_or_else(
                || (path.to_owned(), capital(&path.replace(['_', '/'], " "))),
                |(_, field, label)| ((*field).to_owned(), (*label).to_owned()),
            );
            FormError { field, label, detail: error.detail.clone() }
        })
    };
    problem.errors.iter().map(error).collect()
}

/// What is wrong with each field, by its id.
#[must_use]
pub fn by_field(errors: &[FormError]) -> BTreeMap<String, String> {
    errors.iter().map(|error| (error.field.clone(), error.detail.clone())).collect()
}

/// A mark of what a form was filled with, by which it is seen that somebody else has changed it meanwhile.
#[must_use]
pub fn mark(fields: &Fields) -> String {
    let mut hasher = DefaultHasher::new();
    fields.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Holds the mark that a form carries in its field `seen` against what is there now.
///
/// # Errors
/// 409 when somebody else has changed it since the form was shown.
pub fn check_mark(fields: &Fields, now: &Fields) -> Result<(), Problem> {
    match text(fields, "seen") {
        Some(seen) if seen != mark(now) => Err(Problem::new(Code::Conflict).because(
            "somebody has changed this since you opened it, perhaps you in another tab. What you typed is below; save \
             again to put it in the place of what is there now",
        )),
        _ => Ok(()),
    }
}

/// A text with a capital first.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Lines = Lines {
        kind: "slots",
        label: "Slot",
        first: "start",
        keys: &["day", "start", "minutes"],
        preset: &["day"],
    };

    #[test]
    fn a_line_that_is_not_right_is_found_again_after_blank_ones() {
        let fields: Fields = [("slots-0-day", "3"), ("slots-2-start", "09:00"), ("slots-2-minutes", "x")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        let read = |key: &str, text: &str| if key == "minutes" { number(text) } else { Value::from(text) };
        assert_eq!(SLOTS.request(&fields, read), [json!({"start": "09:00", "minutes": "x"})]);
        assert_eq!(SLOTS.offered(&fields), [0, 1, 2, 3, 4]);
        let problem = Problem::field("/facts/slots/0/minutes", "must be a whole number");
        let errors = errors(&problem, &fields, &[SLOTS], &[], "title");
        assert_eq!((&*errors[0].field, &*errors[0].label), ("slots-2-minutes", "Slot 3, minutes"));
        let mut again = Fields::new();
        SLOTS.put(&mut again, &json!([{"start": "09:00", "minutes": 60}]));
        assert_eq!(again["slots-0-minutes"], "60");
    }

    #[test]
    fn a_line_says_something_without_its_first_field_and_however_many_there_are() {
        let one = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let half = Fields::from([one("slots-0-minutes", "60"), one("slots-0-day", "1")]);
        assert_eq!(SLOTS.filled(&half), [0]);
        let many: Fields = (0..45).map(|n| one(&format!("slots-{n}-start"), "09:00")).collect();
        assert_eq!(SLOTS.filled(&many).len(), 45);
        let mut fewer = many.clone();
        fewer.extend([one("slots-44-remove", "yes")]);
        assert_eq!((SLOTS.filled(&fewer).len(), SLOTS.offered(&fewer).len()), (44, 46));
    }

    #[test]
    fn what_somebody_else_has_changed_meanwhile_is_noticed() {
        let now = Fields::from([("title".to_owned(), "HIIT".to_owned())]);
        let typed = |seen: String| Fields::from([("seen".to_owned(), seen)]);
        assert!(check_mark(&typed(mark(&now)), &now).is_ok());
        let refused = check_mark(&typed(mark(&Fields::new())), &now);
        assert_eq!(refused.unwrap_err().code, Code::Conflict);
    }
}
