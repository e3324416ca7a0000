//! The API's document is complete: whatever an integrator or a generator of clients needs stands beside each operation, and
//! what is answered is what it says.

use std::collections::BTreeSet;

use fithire_kernel::problem::Code;
use fithire_kernel::testing::on_both;
use serde_json::{Value, json};

use crate::hostile::document;
use crate::people::people;
use crate::requests::operations;
use crate::roles::Somebody;

/// Operations for which nobody signs in before.
const OPEN: [&str; 3] = ["create_token", "get_keys", "receive_webhook"];

/// What a schema refers to, or itself.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(path) => document.pointer(&path[1..]).unwrap_or(&Value::Null),
        None => schema,
    }
}

/// Method and description of each operation.
fn described(document: &Value) -> Vec<(&str, &Value)> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|path| path.as_object().unwrap()).map(|(method, it)| (method.as_str(), it)).collect()
}

fn has_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// What is not as it should be.
fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for (method, operation) in described(document) {
        let id = operation["operationId"].as_str().unwrap_or("an operation without an id");
        if !ids.insert(id) {
            faults.push(format!("{id} is there twice"));
        }
        faults
            .extend(faults_of(document, method, operation).into_iter().map(|fault| format!("{id}: {fault}")));
    }
    shapes(&document["components"]["schemas"], "", &mut faults);
    let told = &document["components"]["schemas"]["Problem"]["properties"]["code"]["description"];
    for code in Code::ALL {
        let answer = &document["components"]["responses"][format!("Problem{}", code.status())];
        let shown = &answer["content"]["application/problem+json"]["examples"][code.code()]["value"]["code"];
        // A method that a path does not have is no operation, so that none answers it.
        let shown = *code == Code::WrongMethod || shown == code.code();
        if !shown || !told.as_str().unwrap_or_default().contains(code.advice()) {
            faults.push(format!("the problem {} is not described", code.code()));
        }
    }
    let policy = document["info"]["description"].as_str().unwrap_or_default();
    for word in [
        "Bearer",
        "problems",
        "next_cursor",
        "deprecated",
        "x-sunset",
        "Idempotency-Key",
        "If-Match",
        "RateLimit",
    ] {
        if !policy.contains(word) {
            faults.push(format!("the description says nothing of {word}"));
        }
    }
    faults
}

fn faults_of(document: &Value, method: &str, operation: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let id = operation["operationId"].as_str().unwrap_or_default();
    must(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "its id");
    must(has_text(&operation["summary"]), "no summary");
    let tags = operation["tags"].as_array().map_or(&[][..], Vec::as_slice);
    let tag = document["tags"].as_array().unwrap().iter().find(|tag| tags == [tag["name"].clone()]);
    must(tag.is_some_and(|tag| has_text(&tag["description"])), "no tag that is described");
    let open = OPEN.contains(&id);
    must(operation["security"] == if open { json!([]) } else { json!([{"token": []}]) }, "its security");
    if operation["deprecated"] == true {
        must(has_text(&operation["x-sunset"]), "deprecated without a day on which it goes");
    }

    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    for parameter in parameters {
        must(has_text(&parameter["description"]), &format!("no word on {}", parameter["name"]));
    }
    let named = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name);
    let content = &operation["responses"]["200"]["content"];
    let answer = resolved(document, &content["application/json"]["schema"]);
    // A file says in a header where it goes on.
    if named("cursor").is_some() && !answer.is_null() {
        let bounds = named("limit").map(|limit| &limit["schema"]);
        let bounded =
            bounds.is_some_and(|schema| schema["maximum"].is_number() && schema["default"].is_number());
        must(bounded, "pages without a limit");
        must(answer["properties"].get("next_cursor").is_some(), "pages without a next one");
    }

    let body = operation.get("requestBody");
    for (what, content) in [("its body", body.map(|body| &body["content"])), ("its answer", Some(content))] {
        for (kind, content) in
            content.into_iter().flat_map(|content| content.as_object().into_iter().flatten())
        {
            let examples = content["examples"].as_object();
            must(examples.is_some_and(|examples| !examples.is_empty()), &format!("{what} has no example"));
            must(!content["schema"].is_null(), &format!("{what} has no shape"));
            must(!kind.contains(';'), &format!("{what} has parameters in its type"));
            for example in examples.into_iter().flatten().map(|(_, example)| resolved(document, example)) {
                for unknown in unknown(document, &content["schema"], &example["value"], "") {
                    must(false, &format!("the example of {what} has {unknown}, which nobody knows"));
                }
            }
        }
    }
    must(has_text(&operation["responses"]["200"]["description"]), "no word on its answer");

    let mut statuses = vec!["400", "422", "429", "500", "503"];
    let mut when = |holds: bool, more: &[&'static str]| statuses.extend(more.iter().filter(|_| holds));
    when(!open, &["401", "403"]);
    when(!open && operation.get("requestBody").is_some(), &["413", "415"]);
    when(parameters.iter().any(|parameter| parameter["in"] == "path"), &["404"]);
    when(!open && method != "get", &["409"]);
    when(named("If-Match").is_some(), &["412"]);
    when(named("If-Match").is_some() && method == "patch", &["428"]);
    for status in statuses {
        let problem = resolved(document, &operation["responses"][status]);
        let schema = &problem["content"]["application/problem+json"]["schema"]["$ref"];
        must(schema == "#/components/schemas/Problem", &format!("no problem {status}"));
    }
    must(operation["responses"].get("default").is_none(), "an answer for whatever else there may be");
    faults
}

/// Shapes that generators of clients understand: one type each, no unions.
fn shapes(value: &Value, path: &str, faults: &mut Vec<String>) {
    for word in ["oneOf", "anyOf", "not", "discriminator"] {
        if value.get(word).is_some() {
            faults.push(format!("{path} is a union, by {word}"));
        }
    }
    if value["allOf"].as_array().is_some_and(|parts| parts.len() != 1) {
        faults.push(format!("{path} is several shapes at once"));
    }
    for (name, property) in value["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        let known = ["type", "$ref", "allOf"].iter().any(|word| property.get(word).is_some());
        if !known {
            faults.push(format!("{path} may be anything"));
        }
        shapes(property, &path, faults);
    }
    if let Some(items) = value.get("items") {
        shapes(items, &format!("{path}/items"), faults);
    }
    if path.is_empty() {
        for (name, schema) in value.as_object().into_iter().flatten() {
            shapes(schema, &format!("/{name}"), faults);
        }
    }
}

/// Fields of an example that its schema does not have.
fn unknown(document: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let schema = resolved(document, schema);
    let schema = schema["allOf"].get(0).map_or(schema, |part| resolved(document, part));
    match value {
        Value::Object(fields) => {
            let inner = |(name, value): (&String, &Value)| {
                let path = format!("{path}/{name}");
                match schema["properties"].get(name) {
                    Some(property) => unknown(document, property, value, &path),
                    None if schema["properties"].is_null() => Vec::new(),
                    None => vec![path],
                }
            };
            fields.iter().flat_map(inner).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(place, item)| unknown(document, &schema["items"], item, &format!("{path}/{place}")))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_operation_is_described_in_full() {
    let document = document();
    assert!(described(&document).len() >= operations().map(|line| line.0).collect::<BTreeSet<_>>().len());
    let faults = faults(&document);
    assert!(
        faults.is_empty(),
        "see CONTRIBUTING.md on operations; examples are in openapi/examples.json: {faults:#?}"
    );
}

#[test]
fn whatever_is_missing_is_found() {
    let whole = document();
    let candidates = "/paths/~1api~1v1~1jobs~1{id}~1candidates/get";
    let jobs = "/paths/~1api~1v1~1jobs/post";
    for (place, without, told) in [
        (candidates.to_owned(), "operationId", "an operation without an id"),
        (candidates.to_owned(), "summary", "no summary"),
        (candidates.to_owned(), "tags", "no tag"),
        (candidates.to_owned(), "security", "its security"),
        (format!("{candidates}/parameters/0"), "description", "no word on"),
        (format!("{candidates}/parameters/1/schema"), "maximum", "pages without a limit"),
        (format!("{candidates}/responses"), "404", "no problem 404"),
        (
            format!("{candidates}/responses/200/content/application~1json"),
            "examples",
            "its answer has no example",
        ),
        (format!("{jobs}/requestBody/content/application~1json"), "examples", "its body has no example"),
        (
            "/components/schemas/CandidatePage/properties".to_owned(),
            "next_cursor",
            "pages without a next one",
        ),
        ("/components/schemas/CandidatePage/properties/total".to_owned(), "type", "may be anything"),
        ("/components/responses".to_owned(), "Problem409", "the problem conflict is not described"),
        ("/info".to_owned(), "description", "says nothing of x-sunset"),
    ] {
        let mut document = whole.clone();
        let place_of = document.pointer_mut(&place).and_then(Value::as_object_mut);
        assert!(place_of.expect(&place).remove(without).is_some(), "{place} has {without}");
        let faults = faults(&document);
        assert!(faults.iter().any(|fault| fault.contains(told)), "{place} without {without}: {faults:?}");
    }
    let mut document = whole.clone();
    document["components"]["schemas"]["Job"]["oneOf"] = json!([]);
    assert!(faults(&document).iter().any(|fault| fault.contains("/Job is a union")));
    let mut document = whole;
    document["components"]["examples"]["NewJob"]["value"]["titel"] = json!("");
    assert!(faults(&document).iter().any(|fault| fault.contains("/titel")));
}

/// Each operation by each role, and once to nothing: the status is one that the document has.
#[test]
fn what_is_answered_is_documented() {
    on_both(async |world| {
        if world.dialect != "SQLite" {
            return;
        }
        let people = people(&world).await;
        let document = document();
        let everybody = ["nobody", "coach", "manager", "admin"]
            .map(|role| Somebody::new(&people.server, &people.ours, role));
        let mut seen = BTreeSet::new();
        for line in operations() {
            let (_, operation) =
                described(&document).into_iter().find(|(_, it)| it["operationId"] == line.0).unwrap();
            for somebody in &everybody {
                let answer = somebody.ask(&line);
                let status = answer.status.to_string();
                let described = resolved(&document, &operation["responses"][&status]);
                assert!(!described.is_null(), "{} answers {status}: {}", line.0, answer.body);
                let kind = answer.headers.split("content-type: \"").nth(1).unwrap();
                let kind = kind.split([';', '"']).next().unwrap();
                assert!(described["content"].get(kind).is_some(), "{} answers {status} as {kind}", line.0);
                seen.insert(answer.status);
            }
        }
        assert!(seen.is_superset(&[200, 401, 403, 404].into()), "{seen:?}");
    });
}
