//! What goes into the API and what comes out: no field goes in that the document does not have, and each role sees the
//! fields that it is meant to see.

use std::collections::BTreeSet;

use fithire_kernel::testing::on_both;
use serde_json::{Value, json};

use crate::hostile::{document, with};
use crate::people::people;
use crate::requests::{operations, with_ids};
use crate::roles::Somebody;

/// What somebody would like to decide themselves, whatever the operation.
const WISHES: [&str; 9] =
    ["id", "brand_id", "account_id", "role", "is_admin", "revision", "erased", "created_at", "__proto__"];

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
        None => schema,
    }
}

/// The places of a body that are objects of known fields, each with its path and its fields; an item of a list is its first.
fn objects(
    document: &Value,
    schema: &Value,
    path: &[String],
    found: &mut Vec<(Vec<String>, BTreeSet<String>)>,
) {
    let schema = resolved(document, schema);
    let mut names = BTreeSet::new();
    let parts = schema["allOf"].as_array().into_iter().flatten().chain(std::iter::once(schema));
    for part in parts {
        for (name, property) in resolved(document, part)["properties"].as_object().into_iter().flatten() {
            names.insert(name.clone());
            let path = [path, std::slice::from_ref(name)].concat();
            objects(document, property, &path, found);
            let item = &resolved(document, property)["items"];
            if !item.is_null() {
                objects(document, item, &[&path[..], &["0".to_owned()]].concat(), found);
            }
        }
    }
    if !names.is_empty() {
        found.push((path.to_vec(), names));
    }
}

/// A body with something at a path, where a `0` is the first of a list.
fn put(body: &Value, path: &[String], value: &Value) -> Value {
    match path.iter().position(|part| part == "0") {
        None => with(body, path, value),
        Some(place) => with(body, &path[..place], &json!([put(&json!({}), &path[place + 1..], value)])),
    }
}

#[test]
fn no_field_goes_in_that_the_document_does_not_have() {
    on_both(async |world| {
        if world.dialect != "SQLite" {
            return;
        }
        let people = people(&world).await;
        let document = document();
        let mut sent = 0;
        for (method, operation) in described(&document) {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let id = operation["operationId"].as_str().unwrap();
            // What is signed is read by its own rules.
            if schema.is_null() || id == "receive_webhook" {
                continue;
            }
            let mut places = Vec::new();
            objects(&document, schema, &[], &mut places);
            let answered = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let mut shown = Vec::new();
            objects(&document, answered, &[], &mut shown);
            let line = operations().find(|line| line.0 == id).unwrap();
            let body: Value = serde_json::from_str(&with_ids(line.3, |name| match name {
                "email" => "nobody@acme.test".to_owned(),
                name => people.ours.text(name),
            }))
            .unwrap();
            let url = format!("/api/v1{}", with_ids(line.2, |name| people.ours.text(name)));
            for (place, known) in places {
                // Whatever the answer shows at this place, and what anybody would wish for.
                let at_place = shown.iter().find(|(path, _)| *path == place).map(|(_, names)| names.clone());
                let wishes = WISHES.iter().map(|wish| (*wish).to_owned());
                let wishes: BTreeSet<String> = at_place.into_iter().flatten().chain(wishes).collect();
                for wish in wishes.difference(&known) {
                    let path = [&place[..], std::slice::from_ref(wish)].concat();
                    let body = put(&body, &path, &json!(1)).to_string();
                    let token = people.ours.token("admin");
                    let answer =
                        people.server.send(method, &url, Some(token), Some(("application/json", &body)));
                    let pointer = format!("/{}", path.join("/"));
                    let named = answer.json()["errors"]
                        .as_array()
                        .is_some_and(|errors| errors.iter().any(|error| error["pointer"] == pointer));
                    assert!(answer.status == 422 && named, "{id} takes {pointer}: {}", answer.body);
                    sent += 1;
                }
            }
        }
        assert!(sent > 150, "{sent} fields");
    });
}

/// Method and description of each operation.
fn described(document: &Value) -> Vec<(&'static str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = [("get", "GET"), ("post", "POST"), ("patch", "PATCH"), ("delete", "DELETE")];
    let mut all = Vec::new();
    for operations in paths.values() {
        for (name, method) in methods {
            if let Some(operation) = operations.get(name) {
                all.push((method, operation));
            }
        }
    }
    all
}

/// The fields of an answer with what they hold; what is in a list counts once.
fn shape(value: &Value, path: &str, lines: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                shape(value, &format!("{path}.{name}"), lines);
            }
        }
        Value::Array(items) => {
            for item in items {
                shape(item, &format!("{path}[]"), lines);
            }
        }
        Value::String(_) => {
            lines.insert(format!("{path}: text"));
        }
        Value::Number(_) => {
            lines.insert(format!("{path}: number"));
        }
        Value::Bool(_) => {
            lines.insert(format!("{path}: true or false"));
        }
        Value::Null => {
            lines.insert(format!("{path}: nothing"));
        }
    }
}

/// What each role is shown by each operation. A field that appears here is a field that somebody sees: read the change.
#[test]
fn each_role_is_shown_the_fields_that_are_meant_for_it() {
    on_both(async |world| {
        let people = people(&world).await;
        let everybody = ["nobody", "coach", "manager", "admin"]
            .map(|role| Somebody::new(&people.server, &people.ours, role));
        let mut shapes = Vec::new();
        for line in operations() {
            let mut same: Vec<(Vec<&str>, BTreeSet<String>)> = Vec::new();
            for somebody in &everybody {
                let (role, shown) = (somebody.role, somebody.ask(&line));
                let mut lines = BTreeSet::from([format!("{}", shown.status)]);
                if shown.status == 200 {
                    // A file is a text.
                    let body = serde_json::from_str(&shown.body).unwrap_or(Value::from(&*shown.body));
                    shape(&body, "", &mut lines);
                }
                match same.iter_mut().find(|(_, known)| *known == lines) {
                    Some((roles, _)) => roles.push(role),
                    None => same.push((vec![role], lines)),
                }
            }
            for (roles, lines) in same {
                shapes.push(format!("{} for {}", line.0, roles.join(", ")));
                shapes.extend(lines.into_iter().map(|line| format!("  {line}")));
            }
        }
        insta::assert_snapshot!("shapes", shapes.join("\n"));
    });
}
