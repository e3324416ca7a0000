//! Query parameters that no operation knows are refused, so that a misspelt filter never answers unfiltered.

use std::collections::BTreeMap;

use fithire_kernel::problem::{FieldError, Problem};
use fithire_scoring::wording;
use poem::Request;
use poem::http::header::{ALLOW, HeaderName, HeaderValue};
use serde_json::Value;

/// A path of the document, by its segments; a parameter in braces stands for any.
type Pattern = Vec<String>;

/// The query parameters of every operation.
pub(super) struct Known(Vec<(String, Pattern, Vec<String>)>);

impl Known {
    /// Reads the API's document.
    pub(super) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let names = parameters.filter(|parameter| parameter["in"] == "query");
                let names = names.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
                operations.push((method.to_uppercase(), segments(path), names.collect()));
            }
        }
        Self(operations)
    }

    /// The header that says which methods a path has.
    pub(super) fn allowed(&self, path: &str) -> Option<(HeaderName, HeaderValue)> {
        let asked = segments(path);
        let methods = self.0.iter().filter(|(_, pattern, _)| fits(pattern, &asked));
        let methods: Vec<&str> = methods.map(|(method, _, _)| method.as_str()).collect();
        HeaderValue::from_str(&methods.join(", ")).ok().map(|methods| (ALLOW, methods))
    }

    /// Refuses a request with a parameter that its operation does not know, or with one twice. A request to no
    /// operation is not judged.
    pub(super) fn check(&self, request: &Request) -> Result<(), Problem> {
        let asked = segments(request.original_uri().path());
        let method = request.method().as_str();
        let operation = self.0.iter().find(|(known, pattern, _)| known == method && fits(pattern, &asked));
        let (Some((_, _, known)), Some(query)) = (operation, request.uri().query()) else { return Ok(()) };
        let sent: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, _) in &sent {
            *seen.entry(name).or_default() += 1;
        }
        let error = |name: &str, detail: String| FieldError { pointer: name.to_owned(), detail };
        let errors: Vec<FieldError> = seen
            .into_iter()
            .filter_map(|(name, times)| {
                if !known.iter().any(|known| known == name) {
                    let told = wording::unknown("parameter", name, known.iter().map(String::as_str));
                    return Some(error(name, told));
                }
                (times > 1).then(|| error(name, "stands twice in the query".to_owned()))
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }
}

fn segments(path: &str) -> Pattern {
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

fn fits(pattern: &[String], asked: &[String]) -> bool {
    let same = |(pattern, asked): (&String, &String)| pattern.starts_with('{') || pattern == asked;
    pattern.len() == asked.len() && pattern.iter().zip(asked).all(same)
}
