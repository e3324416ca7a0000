//! Hostile input to every operation, at every field and parameter: a problem or an answer, never a failure of ours.

use fithire_kernel::testing::on_both;
use serde_json::{Map, Value, json};

use crate::people::{People, people};
use crate::program::root;
use crate::requests::{Line, operations, with_ids};

/// What people, scripts and fuzzers put into fields.
pub(crate) fn values() -> Vec<Value> {
    let texts = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "\r\nX-Header: 1",
        "\u{202e}txet",
        "Zoë 🧘‍♀️ Ñandú 北京",
        "'; DROP TABLE coaches; --",
        "{{ 7*7 }}{% raw %}",
        "<script>alert(1)</script>",
        "\" onmouseover=\"alert(1)",
        "../../etc/passwd",
        "=1+1",
        "%s%n%x",
        "NaN",
        "null",
        "9999-99-99",
        "25:99",
        "-1",
    ];
    let numbers = ["-1", "0", "1e308", "-0.0", "9223372036854775807", "9223372036854775808", "1e999", "0.1"];
    let mut values: Vec<Value> = texts.into_iter().map(Value::from).collect();
    values.push(Value::from("x".repeat(100_000)));
    values.push(Value::from("\u{1F9D8}".repeat(300)));
    values.extend(numbers.iter().filter_map(|number| serde_json::from_str(number).ok()));
    values.extend([
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!([null]),
        json!({"a": {"b": []}}),
    ]);
    values
}

/// The fields of the body of an operation, as the document has them; those of objects within, too.
pub(crate) fn fields(document: &Value, operation: &str) -> Vec<Vec<String>> {
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let found = operations.into_iter().find(|found| found["operationId"] == operation).unwrap();
    let schema = &found["requestBody"]["content"]["application/json"]["schema"];
    let mut fields = Vec::new();
    collect(document, schema, &mut Vec::new(), &mut fields);
    fields
}

fn collect(document: &Value, schema: &Value, path: &mut Vec<String>, fields: &mut Vec<Vec<String>>) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
        None => schema,
    };
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(document, part, path, fields);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        fields.push(path.clone());
        collect(document, property, path, fields);
        path.pop();
    }
}

/// A body with one field set, whatever was there.
pub(crate) fn with(body: &Value, path: &[String], value: &Value) -> Value {
    let Some((name, rest)) = path.split_first() else { return value.clone() };
    let mut object = body.as_object().cloned().unwrap_or_else(Map::new);
    let inner = object.get(name).cloned().unwrap_or_else(|| json!({}));
    object.insert(name.clone(), with(&inner, rest, value));
    Value::Object(object)
}

pub(crate) fn document() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("openapi/fithire.json")).unwrap()).unwrap()
}

/// Sends a body to an operation as an admin.
fn send(people: &People, line: &Line, body: &str) -> (u16, String) {
    let path = format!("/api/v1{}", with_ids(line.2, |name| people.ours.text(name)));
    let token = people.ours.token("admin");
    let answer = people.server.send(line.1, &path, Some(token), Some(("application/json", body)));
    (answer.status, answer.body)
}

/// Operations that take a JSON body; the sign-in is throttled, and has tests of its own.
fn with_bodies() -> impl Iterator<Item = Line> {
    operations().filter(|line| line.3.starts_with('{') && line.0 != "create_token")
}

#[test]
fn no_field_of_any_body_breaks_us_and_what_is_taken_is_kept_as_sent() {
    on_both(async |world| {
        let people = people(&world).await;
        let document = document();
        let mut sent = 0;
        for line in with_bodies() {
            let right: Value =
                serde_json::from_str(&with_ids(line.3, |name| people.ours.text(name))).unwrap();
            for path in fields(&document, line.0) {
                for value in values() {
                    let body = with(&right, &path, &value);
                    let (status, answer) = send(&people, &line, &body.to_string());
                    assert!(
                        matches!(status, 200 | 409 | 422),
                        "{} {path:?} {value}: {status} {answer}",
                        line.0
                    );
                    let answer: Value = serde_json::from_str(&answer).unwrap();
                    let pointer = format!("/{}", path.join("/"));
                    if status == 200 && value.is_string() {
                        assert_eq!(answer.pointer(&pointer), Some(&value), "{} {path:?}", line.0);
                    }
                    if status == 422 {
                        let named = |error: &Value| error["pointer"].as_str().unwrap().starts_with(&pointer);
                        let errors = answer["errors"].as_array().unwrap();
                        // A pair of fields may be wrong together; then the other one may be named.
                        let pair = ["lat", "lon", "min", "max"].contains(&&*path[path.len() - 1]);
                        assert!(pair || errors.iter().any(named), "{} {path:?} {value}: {answer}", line.0);
                    }
                    sent += 1;
                }
            }
        }
        assert!(sent > 1_500, "{sent} bodies");
    });
}

#[test]
fn no_text_that_is_no_body_breaks_us() {
    on_both(async |world| {
        let people = people(&world).await;
        let deep = format!("{{\"name\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
        let big = format!("{{\"name\":\"{}\"}}", "x".repeat(10 << 20));
        for line in with_bodies() {
            for (body, expected) in [
                ("", 400),
                ("{", 400),
                ("nonsense", 400),
                ("{} {}", 400),
                ("\u{feff}{}", 400),
                ("[]", 422),
                ("7", 422),
                ("null", 422),
                ("{\"name\":1,\"name\":2}", 422),
                ("{\"none_knows_this\":1}", 422),
                (&deep, 400),
                (&big, 413),
            ] {
                let (status, answer) = send(&people, &line, body);
                // What nobody has signed is not read at all.
                let unsigned = line.0 == "receive_webhook" && expected != 413;
                let expected = if unsigned { 401 } else { expected };
                let start: String = body.chars().take(30).collect();
                assert_eq!(status, expected, "{} {start}: {answer}", line.0);
            }
        }
    });
}

#[test]
fn no_parameter_and_no_id_breaks_us() {
    on_both(async |world| {
        let people = people(&world).await;
        let document = document();
        let token = Some(people.ours.token("admin"));
        for (path, methods) in document["paths"].as_object().unwrap() {
            let Some(operation) = methods.get("get") else { continue };
            let here = path.replace("{id}", "ID").replace("{job_id}", "ID").replace("{coach_id}", "ID");
            let kind = ["brands", "jobs", "coaches", "scores", "webhooks"]
                .into_iter()
                .find(|kind| path.contains(kind));
            let id = match kind {
                Some("brands") => people.ours.id("brand"),
                Some("jobs") => people.ours.id("job"),
                Some("scores") => people.ours.id("score"),
                Some("webhooks") => people.ours.id("webhook"),
                _ => people.ours.id("coach"),
            };
            for text in values().iter().filter_map(Value::as_str).filter(|text| text.len() < 2_000) {
                let encoded = serde_urlencoded::to_string([("", text)]).unwrap();
                let encoded = encoded.trim_start_matches('=').replace('+', "%20");
                let by_id =
                    people.server.send("GET", &here.replacen("ID", &format!("x{encoded}"), 1), token, None);
                assert!(by_id.status < 500, "{path} {text}: {}", by_id.body);
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if parameter["in"] != "query" {
                        continue;
                    }
                    let name = parameter["name"].as_str().unwrap();
                    let asked = format!("{}?{name}={encoded}", here.replace("ID", &id.to_string()));
                    let answer = people.server.send("GET", &asked, token, None);
                    assert!(
                        matches!(answer.status, 200 | 404 | 422),
                        "{asked}: {} {}",
                        answer.status,
                        answer.body
                    );
                }
            }
        }
    });
}
