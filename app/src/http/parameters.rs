//! What the document says of each operation before it runs: its query parameters, and whether it may be sent again by an
//! `Idempotency-Key`. Parameters that no operation knows are refused, so that a misspelt filter never answers unfiltered, and so
//! is a value that is none of a parameter's.

use std::collections::BTreeMap;

use fithire_kernel::problem::{FieldError, Problem};
use fithire_scoring::wording;
use poem::Request;
use poem::http::header::{ALLOW, HeaderName, HeaderValue};
use serde_json::Value;

/// A path of the document, by its segments; a parameter in braces stands for any.
type Pattern = Vec<String>;

/// Every operation.
pub(super) struct Known(Vec<Operation>);

/// What is known of an operation.
pub(super) struct Operation {
    method: String,
    pattern: Pattern,
    parameters: Vec<Parameter>,
    takes_key: bool,
}

struct Parameter {
    name: String,
    /// Every value that it may have; nothing where it may have any.
    values: Vec<String>,
}

impl Known {
    /// Reads the API's document.
    pub(super) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let parameters = || operation["parameters"].as_array().into_iter().flatten();
                let in_query = parameters().filter(|parameter| parameter["in"] == "query");
                operations.push(Operation {
                    method: method.to_uppercase(),
                    pattern: segments(path),
                    parameters: in_query
                        .filter_map(|parameter| Parameter::of(&document, parameter))
                        .collect(),
                    takes_key: parameters().any(|parameter| {
                        parameter["in"] == "header"
                            && parameter["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(KEY))
                    }),
                });
            }
        }
        Self(operations)
    }

    /// The header that says which methods a path has.
    pub(super) fn allowed(&self, path: &str) -> Option<(HeaderName, HeaderValue)> {
        let asked = segments(path);
        let methods = self.0.iter().filter(|operation| operation.fits(&asked));
        let methods: Vec<&str> = methods.map(|operation| operation.method.as_str()).collect();
        HeaderValue::from_str(&methods.join(", ")).ok().map(|methods| (ALLOW, methods))
    }

    /// The operation that a request is for; nothing where there is none.
    pub(super) fn find(&self, request: &Request) -> Option<&Operation> {
        let asked = segments(request.original_uri().path());
        let method = request.method().as_str();
        let fits = |operation: &&Operation| operation.method == method && operation.fits(&asked);
        // A path that is written out goes before one that fits anything.
        self.0.iter().filter(fits).min_by_key(|operation| operation.open_places())
    }
}

/// The header by which a request is sent again.
pub(super) const KEY: &str = "idempotency-key";

impl Operation {
    /// Whether it happens once for each `Idempotency-Key`.
    pub(super) fn takes_key(&self) -> bool {
        self.takes_key
    }

    fn fits(&self, asked: &[String]) -> bool {
        let same = |(pattern, asked): (&String, &String)| pattern.starts_with('{') || pattern == asked;
        self.pattern.len() == asked.len() && self.pattern.iter().zip(asked).all(same)
    }

    fn open_places(&self) -> usize {
        self.pattern.iter().filter(|part| part.starts_with('{')).count()
    }

    /// Refuses a request with a parameter that it does not know, with one twice, or with a value that is none of its.
    pub(super) fn check(&self, request: &Request) -> Result<(), Problem> {
        let Some(query) = request.uri().query() else { return Ok(()) };
        let sent: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in &sent {
            seen.entry(name).or_default().push(value);
        }
        let errors: Vec<FieldError> = seen
            .into_iter()
            .filter_map(|(name, values)| {
                Some(FieldError { pointer: name.to_owned(), detail: self.wrong(name, &values)? })
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    /// What is wrong with a parameter.
    fn wrong(&self, name: &str, values: &[&str]) -> Option<String> {
        let Some(known) = self.parameters.iter().find(|known| known.name == name) else {
            let names = self.parameters.iter().map(|known| &*known.name);
            return Some(wording::unknown("parameter", name, names));
        };
        match values {
            [value] if !known.values.is_empty() && !known.values.iter().any(|known| known == value) => {
                Some(format!("is none of {}", known.values.join(", ")))
            }
            // A database may refuse it, and no text has one.
            [value] if value.contains('\0') => Some("has a character that is none".to_owned()),
            [_] => None,
            _ => Some("stands twice in the query".to_owned()),
        }
    }
}

impl Parameter {
    fn of(document: &Value, parameter: &Value) -> Option<Self> {
        let schema = &parameter["schema"];
        let reference = [schema, &schema["allOf"][0]].into_iter().find_map(|schema| schema["$ref"].as_str());
        let schema = reference
            .and_then(|name| name.rsplit('/').next())
            .map_or(schema, |name| &document["components"]["schemas"][name]);
        let values = schema["enum"].as_array().into_iter().flatten();
        let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
        Some(Self { name: parameter["name"].as_str()?.to_owned(), values })
    }
}

fn segments(path: &str) -> Pattern {
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}
