//! The outcome of a check as SARIF 2.1.0. Columns count characters.

use std::path::Path;

use serde_json::{Value, json};

use super::check::{Checked, Shown, place};

/// A file that is no valid preset.
const INVALID: &str = "preset/invalid";
/// A job that names a preset that is not there.
pub(super) const MISSING: &str = "preset/missing";
/// A style that the brand has no words for.
pub(super) const STYLE: &str = "preset/unknown-style";

/// The log.
pub(super) fn log(checked: &[Checked], shown: &[Shown]) -> Value {
    let rule = |id: &str, text: &str| json!({"id": id, "shortDescription": {"text": text}});
    let in_file = |one: &Checked| {
        let problems = one.found.as_ref().err().map(Vec::as_slice).unwrap_or_default();
        let result = |problem| {
            let [(line, column), (end_line, end_column)] = place(problem, &one.text);
            let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            let snippet = one.text.lines().nth(line - 1).unwrap_or_default();
            json!({
                "ruleId": INVALID, "level": "error",
                "message": {"text": format!("{}{help}", problem.message)},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri(&one.path)},
                    "region": {
                        "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
                        "snippet": {"text": snippet},
                    },
                }}],
            })
        };
        problems.iter().map(result).collect::<Vec<Value>>()
    };
    let mut results: Vec<Value> = checked.iter().flat_map(in_file).collect();
    results.extend(shown.iter().map(
        |shown| json!({"ruleId": shown.rule, "level": shown.level, "message": {"text": shown.message}}),
    ));
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "fithire", "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule(INVALID, "A preset file has a mistake"),
                    rule(MISSING, "A job names a preset that is not there"),
                    rule(STYLE, "A job asks for a style that its brand has no words for"),
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as a reference of RFC 3986: relative as it was given, or of the file scheme.
fn uri(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let encoded: String = path
        .to_string_lossy()
        .replace(std::path::MAIN_SEPARATOR, "/")
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if path.is_absolute() { format!("file://{encoded}") } else { encoded }
}
