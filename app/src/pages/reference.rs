//! `/docs/reference`: every operation of the API, read from its document, so that no word of it is said twice.

use std::sync::{Arc, LazyLock};

use fithire_identity::Stranger;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use poem::handler;
use poem::web::{Data, Html, Path};
use serde::Serialize;
use serde_json::Value;

use crate::modules;

/// How far into an object its fields are listed.
const DEEPEST: usize = 3;

/// The operations by the sections of the document.
static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(&modules::document()).unwrap_or_default();
    sections(&document)
});

/// The page of `/docs/reference`.
#[derive(Debug, Serialize)]
struct Reference {
    sections: &'static [Section],
}

impl Template for Reference {
    const NAME: &'static str = "reference.html";
}

/// The page of one operation.
#[derive(Debug, Serialize)]
struct OperationPage {
    section: &'static str,
    one: &'static Operation,
}

impl Template for OperationPage {
    const NAME: &'static str = "operation.html";
}

#[handler]
pub(super) fn index(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    pages.render(&stranger.shell, &Reference { sections: &SECTIONS })
}

#[handler]
pub(super) fn operation_page(
    stranger: Stranger,
    pages: Data<&Arc<Pages>>,
    name: Path<String>,
) -> Result<Html<String>, Problem> {
    let named = |section: &'static Section| {
        let one = section.operations.iter().find(|operation| operation.id == name.0)?;
        Some(OperationPage { section: &section.name, one })
    };
    let page = SECTIONS.iter().find_map(named).ok_or_else(|| Problem::new(Code::NotFound))?;
    pages.render(&stranger.shell, &page)
}

#[derive(Debug, Serialize)]
struct Section {
    name: String,
    about: String,
    operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: Words,
    signed: bool,
    deprecated: bool,
    parameters: Vec<Field>,
    body: Option<Shape>,
    answer: Option<Shape>,
    problems: Vec<Told>,
    curl: String,
}

/// What goes in or comes out.
#[derive(Debug, Serialize)]
struct Shape {
    kind: String,
    about: Words,
    fields: Vec<Field>,
    example: String,
}

#[derive(Debug, Serialize)]
struct Field {
    name: String,
    kind: String,
    required: bool,
    about: Words,
}

/// A problem with which an operation may answer.
#[derive(Debug, Serialize)]
struct Told {
    status: String,
    codes: Vec<String>,
}

/// A text in parts; those at odd places are code. Of no text there are none.
type Words = Vec<String>;

fn words(text: &Value) -> Words {
    let text = text.as_str().filter(|text| !text.is_empty());
    text.into_iter().flat_map(|text| text.split('`')).map(str::to_owned).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a reference leads to, or the value itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let wrapped = value["allOf"].get(0).unwrap_or(value);
    let path = wrapped["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    path.and_then(|path| document.pointer(path)).unwrap_or(wrapped)
}

fn sections(document: &Value) -> Vec<Section> {
    let mut sections: Vec<Section> = document["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| Section {
            name: text(&tag["name"]),
            about: text(&tag["description"]),
            operations: Vec::new(),
        })
        .collect();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, it) in methods.as_object().into_iter().flatten() {
            let section = sections.iter_mut().find(|section| it["tags"][0] == section.name);
            if let Some(section) = section {
                section.operations.push(operation(document, path, method, it));
            }
        }
    }
    sections
}

fn operation(document: &Value, path: &str, method: &str, it: &Value) -> Operation {
    let parameters = it["parameters"].as_array().into_iter().flatten();
    let parameter = |parameter: &Value| Field {
        name: text(&parameter["name"]),
        kind: format!("{}, {}", kind(document, &parameter["schema"]), text(&parameter["in"])),
        required: parameter["required"] == true,
        about: words(&parameter["description"]),
    };
    let body = it["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
    let body = body.map(|(kind, content)| shape(document, kind, content));
    let answer = &it["responses"]["200"];
    let (json, problems): (Vec<_>, Vec<_>) = it["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .partition(|(status, _)| status.starts_with('2') || status.starts_with('3'));
    let answered =
        json.into_iter().flat_map(|(_, answer)| answer["content"].as_object().into_iter().flatten());
    let answered = answered.map(|(kind, content)| shape(document, kind, content)).next();
    let signed = it["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    Operation {
        id: text(&it["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&it["summary"]),
        about: words(&it["description"]),
        signed,
        deprecated: it["deprecated"] == true,
        parameters: parameters.map(parameter).collect(),
        curl: curl(method, path, signed, body.as_ref()),
        body,
        answer: answered.map(|shape| Shape { about: words(&answer["description"]), ..shape }),
        problems: problems.into_iter().map(|(status, answer)| told(document, status, answer)).collect(),
    }
}

/// A status with the codes that come with it.
fn told(document: &Value, status: &str, answer: &Value) -> Told {
    let examples = &resolved(document, answer)["content"]["application/problem+json"]["examples"];
    let codes = examples.as_object().into_iter().flat_map(|examples| examples.keys().cloned()).collect();
    Told { status: status.to_owned(), codes }
}

fn shape(document: &Value, kind: &str, content: &Value) -> Shape {
    let schema = resolved(document, &content["schema"]);
    let mut fields = Vec::new();
    list(document, schema, "", 0, &mut fields);
    let example = content["examples"].as_object().and_then(|examples| examples.values().next());
    let example = example.map(|example| &resolved(document, example)["value"]);
    let example = example.and_then(|example| serde_json::to_string_pretty(example).ok());
    Shape {
        kind: kind.to_owned(),
        about: words(&schema["description"]),
        fields,
        example: example.unwrap_or_default(),
    }
}

/// The fields of an object, and of the objects in it.
fn list(document: &Value, schema: &Value, before: &str, depth: usize, fields: &mut Vec<Field>) {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let inner = resolved(document, property);
        let (item, mark) = match inner.get("items") {
            Some(items) => (resolved(document, items), "[]"),
            None => (inner, ""),
        };
        let own = property.get("description").unwrap_or(&inner["description"]);
        fields.push(Field {
            name: format!("{before}{name}"),
            kind: self::kind(document, property),
            required: required.iter().any(|one| one == name),
            about: words(own),
        });
        if depth < DEEPEST {
            list(document, item, &format!("{before}{name}{mark}."), depth + 1, fields);
        }
    }
}

/// What a value is, in a word or two.
fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(text).collect();
        return format!("one of {}", values.join(", "));
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => match kind(document, &schema["items"]).as_str() {
            inner if inner.starts_with("one of") => format!("list, each {inner}"),
            inner => format!("list of {inner}"),
        },
        (Some("string"), Some(format)) => format!("string ({format})"),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => "anything".to_owned(),
    }
}

/// The request as it is typed into a shell.
fn curl(method: &str, path: &str, signed: bool, body: Option<&Shape>) -> String {
    let method = if method == "get" || method == "post" && body.is_some() {
        String::new()
    } else {
        format!(" -X {}", method.to_uppercase())
    };
    let key = if signed { " \\\n  -H \"Authorization: Bearer $FITHIRE_KEY\"" } else { "" };
    let sent = body
        .map(|body| format!(" \\\n  -H 'Content-Type: {}' --data-binary @body", body.kind))
        .unwrap_or_default();
    format!("curl{method} \"$FITHIRE_URL{path}\"{key}{sent}")
}

#[cfg(test)]
mod tests {
    use super::SECTIONS;

    #[test]
    fn every_operation_stands_in_a_section_with_all_that_the_document_says() {
        let operations: Vec<_> = SECTIONS.iter().flat_map(|section| &section.operations).collect();
        assert!(operations.len() > 40, "{} operations", operations.len());
        let one = operations.iter().find(|one| one.id == "create_job").unwrap();
        let body = one.body.as_ref().unwrap();
        let field = |name: &str| body.fields.iter().find(|field| field.name == name).unwrap();
        assert!(field("location_id").required && !field("facts").required);
        assert_eq!(field("facts.slots[].kind").kind, "one of class, shift");
        assert_eq!(field("facts.requirements[].any_of").kind, "list of string");
        assert!(
            body.example.contains("HIIT at noon") && one.curl.contains("--data-binary @body"),
            "{}",
            one.curl
        );
        assert!(one.problems.iter().any(|told| told.status == "422" && told.codes == ["invalid"]));
        for one in operations {
            assert!(one.answer.as_ref().is_some_and(|answer| !answer.example.is_empty()), "{}", one.id);
        }
    }
}
