//! Who reaches what: every operation of the document by every role, and with every id of another brand in every
//! place. An operation without a line here fails.

use std::collections::BTreeSet;

use fithire_kernel::testing::{CANARY, on_both};
use serde_json::{Value, json};

use crate::people::{People, Things, people};
use crate::program::root;

/// What a role gets: an answer, or a refusal with that status.
const YES: u16 = 200;
const NO: u16 = 403;
const WHO: u16 = 401;

/// One operation: its id, a request that is right with names in place of ids, and what nobody, a coach, a manager and an
/// admin get.
pub(crate) type Line = (&'static str, &'static str, &'static str, &'static str, [u16; 4]);

const TABLE: [Line; 20] = [
    (
        "create_token",
        "POST",
        "/auth/token",
        r#"{"email":"admin@acme.test","password":"correct horse battery"}"#,
        [YES; 4],
    ),
    // Only what an issuer has signed is taken.
    ("receive_webhook", "POST", "/auth/webhook", "{}", [WHO; 4]),
    ("get_keys", "GET", "/auth/jwks.json", "", [YES; 4]),
    ("list_brands", "GET", "/brands", "", [WHO, YES, YES, YES]),
    ("list_regions", "GET", "/brands/{brand}/regions", "", [WHO, YES, YES, YES]),
    ("list_locations", "GET", "/brands/{brand}/locations?region_id={region}", "", [WHO, YES, YES, YES]),
    ("list_coaches", "GET", "/coaches", "", [WHO, NO, YES, YES]),
    // A coach makes their own profile, once.
    ("create_coach", "POST", "/coaches", r#"{"name":"New"}"#, [WHO, YES, YES, YES]),
    // A coach sees and changes their own alone, which this one is not.
    ("get_coach", "GET", "/coaches/{coach}", "", [WHO, 404, YES, YES]),
    ("change_coach", "PATCH", "/coaches/{coach}", r#"{"phone":"1"}"#, [WHO, 404, YES, YES]),
    ("list_matches", "GET", "/coaches/{coach}/matches", "", [WHO, 404, YES, YES]),
    ("get_match", "GET", "/coaches/{coach}/matches/{job}", "", [WHO, 404, YES, YES]),
    ("list_jobs", "GET", "/jobs", "", [WHO, YES, YES, YES]),
    ("create_job", "POST", "/jobs", r#"{"title":"New","location_id":{location}}"#, [WHO, NO, YES, YES]),
    ("get_job", "GET", "/jobs/{job}", "", [WHO, YES, YES, YES]),
    ("change_job", "PATCH", "/jobs/{job}", r#"{"location_id":{location}}"#, [WHO, NO, YES, YES]),
    ("list_candidates", "GET", "/jobs/{job}/candidates", "", [WHO, NO, YES, YES]),
    ("get_candidate", "GET", "/jobs/{job}/candidates/{coach}", "", [WHO, NO, YES, YES]),
    ("create_score", "POST", "/scores", r#"{"job_id":{job},"coach_id":{coach}}"#, [WHO, NO, YES, YES]),
    ("get_score", "GET", "/scores/{score}", "", [WHO, 404, YES, YES]),
];

/// What must come last, because others need what it takes away, and what follows from another line.
const LAST: [Line; 2] = [
    ("replay_score", "GET", "/scores/{score}/replay", "", [WHO, 404, YES, YES]),
    ("deactivate_job", "DELETE", "/jobs/{job}", "", [WHO, NO, YES, YES]),
];

pub(crate) fn lines() -> impl Iterator<Item = Line> {
    TABLE.into_iter().chain(LAST)
}

/// A text with ids in place of names.
pub(crate) fn with_ids(text: &str, id: impl Fn(&str) -> i64) -> String {
    let mut text = text.to_owned();
    for name in ["brand", "region", "location", "job", "coach", "score"] {
        text = text.replace(&format!("{{{name}}}"), &id(name).to_string());
    }
    text
}

/// Status, headers and body of an operation for someone.
fn ask(people: &People, line: &Line, token: Option<&str>, id: impl Fn(&str) -> i64) -> (u16, String, String) {
    let (_, method, path, body, _) = line;
    let (path, body) = (format!("/api/v1{}", with_ids(path, &id)), with_ids(body, &id));
    let body = (!body.is_empty()).then_some(("application/json", &body[..]));
    let answer = people.server.send(method, &path, token, body);
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {value:?}"));
    (answer.status, headers.collect::<Vec<_>>().join("\n"), answer.body)
}

#[test]
fn every_operation_has_its_line_and_needs_a_token_unless_it_is_open() {
    let document = std::fs::read_to_string(root().join("openapi/fithire.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut found = BTreeSet::new();
    for operation in operations {
        let id = operation["operationId"].as_str().unwrap();
        let line =
            lines().find(|line| line.0 == id).unwrap_or_else(|| panic!("{id} is not in the table of access"));
        let needs_token = operation["security"] == json!([{"token": []}]);
        assert_eq!(needs_token, line.4[0] == WHO && id != "receive_webhook", "{id}");
        found.insert(id);
    }
    assert_eq!(found.len(), lines().count(), "a line for an operation that is gone");
}

#[test]
fn every_role_gets_what_the_table_says() {
    on_both(async |world| {
        let people = people(&world).await;
        let roles = [None, Some("coach"), Some("manager"), Some("admin")];
        for line in lines() {
            for (role, expected) in roles.into_iter().zip(line.4) {
                let token = role.map(|role| people.ours.token(role));
                let (status, _, body) = ask(&people, &line, token, |name| people.ours.id(name));
                assert_eq!(status, expected, "{} for {role:?}: {body}", line.0);
            }
        }
    });
}

#[test]
fn another_brands_ids_answer_like_ids_that_are_not_there() {
    on_both(async |world| {
        let people = people(&world).await;
        let (ours, theirs): (&Things, &Things) = (&people.ours, &people.theirs);
        let mut probed = 0;
        for line in lines() {
            for role in ["coach", "manager", "admin"] {
                let token = Some(ours.token(role));
                for place in ["brand", "region", "location", "job", "coach", "score"] {
                    if !format!("{} {}", line.2, line.3).contains(&format!("{{{place}}}")) {
                        continue;
                    }
                    let with = |id: i64| move |name: &str| if name == place { id } else { ours.id(name) };
                    let foreign = ask(&people, &line, token, with(theirs.id(place)));
                    let absent = ask(&people, &line, token, with(1));
                    assert_eq!(foreign, absent, "{} for {role}, {place}", line.0);
                    assert!(!foreign.2.contains(CANARY), "{} for {role}: {}", line.0, foreign.2);
                    // A filter finds nothing; everything else is refused.
                    assert!(
                        foreign.0 >= 400 || place == "region",
                        "{} for {role}, {place}: {}",
                        line.0,
                        foreign.2
                    );
                    probed += 1;
                }
            }
        }
        assert!(probed >= 60, "{probed} probes");
        for line in lines() {
            let (.., body) = ask(&people, &line, Some(ours.token("admin")), |name| ours.id(name));
            assert!(!body.contains(CANARY), "{}: {body}", line.0);
        }
        // The canary is there to be seen by its own.
        let own = people.server.send("GET", "/api/v1/coaches", Some(theirs.token("admin")), None);
        assert!(own.body.contains(CANARY));
    });
}
