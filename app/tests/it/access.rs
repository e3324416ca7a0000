//! Who reaches what: every operation, every page and every form by every role. One without a line in the table fails.

use std::collections::BTreeSet;

use fithire_kernel::testing::{CANARY, on_both};
use serde_json::json;

use crate::hostile::document;
use crate::people::{filmed, furnished};
use crate::requests::{operations, pages};
use crate::roles::Somebody;

#[test]
fn every_operation_has_its_line_and_needs_a_token_unless_it_is_open() {
    let document = document();
    let described =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut found = BTreeSet::new();
    for operation in described {
        let id = operation["operationId"].as_str().unwrap();
        let line = operations()
            .find(|line| line.0 == id)
            .unwrap_or_else(|| panic!("{id} is not in the table of requests"));
        let needs_token = operation["security"] == json!([{"token": []}]);
        // What an issuer says is shown to be its own by a signature.
        assert_eq!(needs_token, line.4[0] == 401 && id != "receive_webhook", "{id}");
        found.insert(id);
    }
    assert_eq!(found.len(), operations().count(), "a line for an operation that is gone");
}

#[test]
fn every_role_gets_what_the_table_says() {
    on_both(async |world| {
        let people = filmed(&world).await;
        let everybody = ["nobody", "coach", "manager", "admin"]
            .map(|role| Somebody::new(&people.server, &people.ours, role));
        for line in operations() {
            for somebody in &everybody {
                let shown = somebody.ask(&line);
                let role = somebody.role;
                assert_eq!(shown.status, somebody.expected(&line), "{} for {role}: {}", line.0, shown.body);
                assert!(!shown.has_canary(), "{} for {role}: {}", line.0, shown.body);
            }
        }
        // The canary is there to be seen by its own.
        let own = people.server.send("GET", "/api/v1/coaches", Some(people.theirs.token("admin")), None);
        assert!(own.body.contains(CANARY));
    });
}

#[test]
fn every_page_and_form_is_for_whom_the_table_says_and_shows_nothing_of_another_brand() {
    on_both(async |world| {
        let people = furnished(&world).await;
        let everybody = Somebody::all(&people.server, &people.ours);
        for line in pages() {
            for somebody in &everybody {
                let (shown, role) = (somebody.ask(&line), somebody.role);
                let what = format!("{} {} for {role}: {}", line.1, line.2, shown.body);
                assert_eq!(shown.status, somebody.expected(&line), "{what}");
                assert!(!shown.has_canary(), "{what}");
            }
        }
    });
}
