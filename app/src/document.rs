//! The API's document, completed: what holds for every operation is said here once, and written beside each.
//!
//! The framework writes paths, parameters and shapes from the code. This adds which problems an operation may answer with,
//! examples, what a parameter means wherever it stands, and words that every generator of clients knows. It describes
//! and never decides: what an operation takes is checked against the code's own schema.

use std::collections::BTreeSet;

use fithire_kernel::paging::{DEFAULT_LIMIT, MAX_LIMIT};
use fithire_kernel::problem::{Code, Problem};
use serde_json::{Map, Value, json};

/// Examples of bodies and answers, each by the name of its schema; where that has none, by the operation
/// and `body` or `answer`.
const EXAMPLES: &str = include_str!("../../openapi/examples.json");

/// What an integrator should know before the first call; the guide says it at length.
const ABOUT: &str = "Matches fitness coaches with jobs by a score that anyone can check.\n\n\
    The guide for the first hour is at [/docs](/docs).\n\n\
    - **Sign-in**: send `Authorization: Bearer …` with a token from `POST /api/v1/auth/token` or with a key of the brand.\n\
    - **Errors** are problems (RFC 9457) with a stable `code`; [/docs/problems](/docs/problems) lists all.\n\
    - **Pages**: a list answers `next_cursor`. Send it as `cursor` for the next page; on the last page it is null.\n\
    - **Sending again**: with the same `Idempotency-Key` a POST that makes something happens once; whoever sends it again within a day \
    gets the first answer.\n\
    - **Changes of what others change, too**: send the `ETag` that you have read as `If-Match`; `If-None-Match` saves reading what has not changed.\n\
    - **Limits**: `RateLimit` and `RateLimit-Policy` say how much may be asked, `Retry-After` when to come back.\n\
    - **Help**: every answer has an `X-Request-Id`, by which the log has it.\n\
    - **Optional fields** may be left out or null, which mean the same.\n\
    - **Changes**: within `/api/v1` fields, operations and codes are added, never renamed or removed, so ignore what you do \
    not know. What is to go is marked `deprecated` here, with the day on which it goes in `x-sunset`, 180 days later at the earliest.";

/// The document with what holds for every operation.
pub(crate) fn complete(written: &str) -> String {
    let mut document: Value = serde_json::from_str(written).unwrap_or_default();
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    document["info"]["description"] = ABOUT.into();
    document["servers"] = json!([{"url": "/", "description": "The installation that this document is of"}]);
    document["externalDocs"] = json!({"url": "/docs", "description": "The guide"});
    let sent = schemas_of_bodies(&document);
    let descriptions = each_schema(&document, "description");
    for (_, methods) in entries(&mut document["paths"]) {
        for (method, operation) in entries(methods) {
            complete_operation(method, operation, &examples, &descriptions);
        }
    }
    let kinds = each_schema(&document, "type");
    for (name, schema) in entries(&mut document["components"]["schemas"]) {
        plain(schema);
        complete_schema(schema, sent.contains(name), &kinds);
    }
    describe_problems(&mut document["components"]["schemas"]["Problem"]);
    let used = used_examples(&document, &examples);
    document["components"]["responses"] = problems();
    document["components"]["examples"] = used;
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The fields of an object, to be changed.
fn entries(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(|object| object.iter_mut())
}

/// The name of the schema that a reference leads to.
fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next())
}

/// Every reference below a value.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    found.extend(referred(value));
    match value {
        Value::Object(fields) => fields.values().for_each(|value| references(value, found)),
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The schemas of which a body is made, however deep.
fn schemas_of_bodies(document: &Value) -> BTreeSet<String> {
    let mut next = Vec::new();
    for methods in document["paths"].as_object().into_iter().flat_map(Map::values) {
        for operation in methods.as_object().into_iter().flat_map(Map::values) {
            references(&operation["requestBody"], &mut next);
        }
    }
    let mut found = BTreeSet::new();
    while let Some(name) = next.pop() {
        if found.insert(name.to_owned()) {
            references(&document["components"]["schemas"][name], &mut next);
        }
    }
    found
}

/// What each schema says of itself.
fn each_schema(document: &Value, what: &str) -> Map<String, Value> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    schemas.map(|(name, schema)| (name.clone(), schema[what].clone())).collect()
}

fn complete_operation(
    method: &str,
    operation: &mut Value,
    examples: &Value,
    descriptions: &Map<String, Value>,
) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    // Said where nobody has to sign in, too, so that nobody wonders whether it was forgotten.
    let security = &mut operation["security"];
    if security.is_null() {
        *security = json!([]);
    }
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        complete_parameter(parameter);
    }
    for (_, content) in entries(&mut operation["requestBody"]["content"]) {
        give_example(content, examples, &format!("{id}.body"));
    }
    // Looking at what is not there has made it null.
    if let Some(fields) = operation.as_object_mut() {
        fields.retain(|_, value| !value.is_null() && *value != json!({"content": null}));
    }
    let codes = codes(method, operation);
    let has_state = method == "get" && operation["responses"]["200"]["headers"].get("ETag").is_some();
    if has_state && let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.push(if_none_match());
    }
    let summary = operation["summary"].clone();
    let Some(answers) = operation["responses"].as_object_mut() else { return };
    answers.shift_remove("default");
    for answer in answers.values_mut() {
        let mut contents = Map::new();
        for (kind, mut content) in answer["content"].as_object_mut().map(std::mem::take).into_iter().flatten()
        {
            let kind = kind.split(';').next().unwrap_or_default().to_owned();
            plain(&mut content["schema"]);
            give_example(&mut content, examples, &format!("{id}.answer"));
            let described = referred(&content["schema"]).and_then(|name| descriptions.get(name));
            answer["description"] = described.cloned().filter(Value::is_string).unwrap_or(summary.clone());
            contents.insert(kind, content);
        }
        answer["content"] = contents.into();
    }
    if has_state {
        let told = "Nothing more: it is in the state that `If-None-Match` names.";
        answers.insert("304".to_owned(), json!({ "description": told }));
    }
    let statuses: BTreeSet<u16> = codes.into_iter().map(Code::status).collect();
    for status in statuses {
        let reference = json!({"$ref": format!("#/components/responses/Problem{status}")});
        answers.insert(status.to_string(), reference);
    }
}

/// What only looks, and may still find that the job has lost its preset or is closed, or that a score cannot be computed again.
const LOOKS_THAT_MAY_CONFLICT: [&str; 6] =
    ["export_candidates", "get_candidate", "get_job_posting", "get_match", "list_candidates", "replay_score"];

/// The problems with which an operation may answer.
fn codes(method: &str, operation: &Value) -> Vec<Code> {
    let parameters = operation["parameters"].as_array();
    let has_parameter =
        |wanted: &dyn Fn(&Value) -> bool| parameters.is_some_and(|parameters| parameters.iter().any(wanted));
    let signed = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    let body = operation.get("requestBody").is_some();
    // Whatever is asked for, an unknown parameter of the query is refused.
    let always = [Code::Malformed, Code::Invalid, Code::TooMany, Code::Internal, Code::Unavailable];
    let mut codes = always.to_vec();
    let mut when = |holds: bool, more: &[Code]| codes.extend(more.iter().filter(|_| holds));
    when(signed, &[Code::Unauthenticated, Code::Forbidden]);
    // What signs in by its body.
    when(!signed && body, &[Code::Unauthenticated]);
    when(body, &[Code::TooLarge, Code::UnsupportedType]);
    when(signed && (body || has_parameter(&|parameter| parameter["in"] == "path")), &[Code::NotFound]);
    let may_conflict =
        LOOKS_THAT_MAY_CONFLICT.contains(&operation["operationId"].as_str().unwrap_or_default());
    when(signed && method != "get" || may_conflict, &[Code::Conflict]);
    if has_parameter(&|parameter| parameter["name"] == "If-Match") {
        codes.push(Code::Changed);
        // What is only taken away overwrites nothing.
        codes.extend((method == "patch").then_some(Code::MatchRequired));
    }
    codes
}

/// The header by which what is known already is not sent again.
fn if_none_match() -> Value {
    json!({
        "name": "If-None-Match",
        "in": "header",
        "required": false,
        "schema": {"type": "string"},
        "description": "The ETag of the state that is known: what is still in it is not sent again.",
    })
}

/// The name of a header as people write it, which the framework puts into capitals.
fn as_written(name: &str) -> String {
    let part = |part: &str| {
        part.get(..1).unwrap_or_default().to_uppercase() + &part.get(1..).unwrap_or_default().to_lowercase()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// What a parameter means wherever it stands.
fn complete_parameter(parameter: &mut Value) {
    if parameter["in"] == "header" {
        parameter["name"] = as_written(parameter["name"].as_str().unwrap_or_default()).into();
    }
    let name = parameter["name"].as_str().unwrap_or_default().to_owned();
    let described = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
    let schema = &mut parameter["schema"];
    let meaning = match name.as_str() {
        "limit" if described => {
            schema["minimum"] = 1.into();
            ""
        }
        "limit" => {
            schema["minimum"] = 1.into();
            schema["maximum"] = MAX_LIMIT.into();
            schema["default"] = DEFAULT_LIMIT.into();
            "How many there are on a page at most."
        }
        "cursor" => {
            "Where the page begins: `next_cursor` of the page before it. It belongs to this list and means nothing to \
                     anybody else."
        }
        "min_score" => {
            schema["minimum"] = 0.into();
            schema["maximum"] = 1.into();
            ""
        }
        "Idempotency-Key" => {
            schema["minLength"] = 1.into();
            schema["maxLength"] = 255.into();
            ""
        }
        "id" => "Which one, by its id.",
        "coach_id" => "Which coach, by their id.",
        "job_id" => "Which job, by its id.",
        "share_id" => "Which link, by its id.",
        "sort" => "In which order.",
        "delivery_id" => "Which delivery, by its id.",
        _ => "",
    };
    plain(schema);
    if !described && !meaning.is_empty() {
        parameter["description"] = meaning.into();
    }
}

/// Formats that every generator knows, and a reference in place of a wrapped one that says nothing more.
fn plain(schema: &mut Value) {
    let (format, least, most) = match schema["format"].as_str() {
        Some("uint8") => ("int32", Some(0), Some(u64::from(u8::MAX))),
        Some("uint16") => ("int32", Some(0), Some(u64::from(u16::MAX))),
        Some("uint32") => ("int64", Some(0), Some(u64::from(u32::MAX))),
        Some("uint64") => ("int64", Some(0), None),
        Some("naive-date") => ("date", None, None),
        _ => ("", None, None),
    };
    if !format.is_empty() {
        schema["format"] = format.into();
    }
    for (bound, value) in [("minimum", least), ("maximum", most)] {
        if let Some(value) = value.filter(|_| schema.get(bound).is_none()) {
            schema[bound] = value.into();
        }
    }
    if let Some(parts) = schema["allOf"].as_array_mut() {
        parts.retain(|part| part.get("$ref").is_some() || part.get("type").is_some());
    }
    // As above.
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().filter(|value| value.is_object() || value.is_array()).for_each(deeper);
    }
}

fn deeper(value: &mut Value) {
    match value {
        Value::Object(_) => plain(value),
        Value::Array(items) => items.iter_mut().for_each(deeper),
        _ => {}
    }
}

/// An optional field may be null, and a body has no field that is not known.
fn complete_schema(schema: &mut Value, is_sent: bool, kinds: &Map<String, Value>) {
    let required: BTreeSet<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let is_object = schema.get("properties").is_some();
    for (name, property) in entries(&mut schema["properties"]) {
        // What may hold anything is an object of fields that depend.
        if ["type", "$ref", "allOf"].iter().all(|word| property.get(word).is_none()) {
            property["type"] = "object".into();
            property["additionalProperties"] = true.into();
        }
        if required.contains(name) {
            continue;
        }
        // Beside a reference nothing counts.
        if property.get("$ref").is_some() {
            *property = json!({"allOf": [property.take()]});
        }
        // Null is of no type, and may be added only to one that is named.
        if let Some(kind) = referred(&property["allOf"][0]).and_then(|name| kinds.get(name)) {
            property["type"] = kind.clone();
        }
        property["nullable"] = true.into();
    }
    if is_sent && is_object && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = false.into();
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
}

/// Leads from a body or an answer to its example.
fn give_example(content: &mut Value, examples: &Value, operation: &str) {
    let name = referred(&content["schema"]).unwrap_or(operation).to_owned();
    if examples.get(&name).is_some() {
        content["examples"] = json!({ "an_example": {"$ref": format!("#/components/examples/{name}")} });
    }
}

/// The examples that something leads to.
fn used_examples(document: &Value, examples: &Value) -> Value {
    let mut found = Vec::new();
    references(&document["paths"], &mut found);
    let found: BTreeSet<&str> = found.into_iter().collect();
    let all = examples.as_object().into_iter().flatten();
    let used = all.filter(|(name, _)| found.contains(name.as_str()));
    used.map(|(name, value)| (name.clone(), json!({ "value": value }))).collect::<Map<String, Value>>().into()
}

/// What may stand in a problem.
fn describe_problems(schema: &mut Value) {
    const TOLD: &str =
        "The stable code. More may be added; go by the status of one that you do not know.\n\n";
    let listed: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("- `{}` ({}): {}. {}", code.code(), code.status(), code.title(), code.advice()))
        .collect();
    schema["properties"]["code"]["description"] = format!("{TOLD}{}", listed.join("\n")).into();
}

/// One answer for each status, with an example of each of its codes.
fn problems() -> Value {
    let mut answers = Map::new();
    // A method that a path does not have is no operation.
    for code in Code::ALL.iter().filter(|code| **code != Code::WrongMethod) {
        let answer = answers.entry(format!("Problem{}", code.status())).or_insert_with(|| {
            json!({
                "description": "",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            })
        });
        let told = answer["description"].as_str().unwrap_or_default();
        let told = format!(
            "{told}{}`{}`: {}. {}",
            if told.is_empty() { "" } else { "\n\n" },
            code.code(),
            code.title(),
            code.advice()
        );
        answer["description"] = told.into();
        answer["content"]["application/problem+json"]["examples"][code.code()] =
            json!({"value": example(*code)});
        if matches!(code.status(), 429 | 503) || Problem::new(*code).retry_after.is_some() {
            answer["headers"]["Retry-After"] = json!({
                "description": "Seconds after which it is worth trying again.",
                "schema": {"type": "integer", "format": "int32", "minimum": 0},
            });
        }
    }
    answers.sort_keys();
    answers.into()
}

/// A problem as it is sent.
pub(crate) fn example(code: Code) -> Value {
    let mut problem = json!({
        "type": format!("/docs/problems#{}", code.code()),
        "title": code.title(),
        "status": code.status(),
        "code": code.code(),
    });
    match code {
        Code::Malformed => problem["detail"] = "expected `,` or `}` at line 1 column 14".into(),
        Code::Conflict => problem["detail"] = "another job has this external id".into(),
        Code::Invalid => {
            problem["errors"] = json!([{"pointer": "/facts/min_years", "detail": "is less than 0"}]);
        }
        Code::TooLarge => problem["detail"] = "a body has at most 1048576 bytes".into(),
        Code::Internal | Code::Unavailable => problem["id"] = "5f1c0a9e3b7d2468".into(),
        _ => {}
    }
    problem
}
