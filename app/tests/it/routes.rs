//! The routes of pages and forms as the sources have them, so that none is forgotten by a test.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::program::root;
use crate::requests::pages;

/// Method and path of each, such as `("POST", "/admin/keys/:id/revoke")`.
pub(crate) static ROUTES: LazyLock<BTreeSet<(&str, String)>> = LazyLock::new(|| {
    let mut routes = BTreeSet::new();
    for folder in ["app/src", "modules"] {
        crate::tidy::visit(&root().join(folder), &mut |path, text| {
            if !path.contains("/src/") || path.ends_with("/tests.rs") {
                return;
            }
            for rest in text.split(".at(\"").skip(1) {
                let (path, rest) = rest.split_once('"').unwrap();
                let mut depth = 1;
                let ends = |c: char| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                };
                let handlers = &rest[..rest.find(ends).unwrap()];
                for (call, method) in [("get(", "GET"), ("post(", "POST")] {
                    if handlers.contains(call) {
                        routes.insert((method, path.to_owned()));
                    }
                }
            }
        });
    }
    // Two that are whole sites of their own: what they have below is the document's.
    routes.insert(("GET", "/docs/api".to_owned()));
    routes
});

/// The route that a path takes, or the path itself where there is none: the one with the fewest parts that fit anything.
pub(crate) fn route_of<'p>(method: &str, path: &'p str) -> &'p str {
    let path_only = path.split('?').next().unwrap_or(path);
    let fits = |route: &&(&str, String)| {
        let (parts, own): (Vec<&str>, Vec<&str>) =
            (path_only.split('/').collect(), route.1.split('/').collect());
        let same = parts.iter().zip(&own).all(|(part, own)| part == own || own.starts_with(':'));
        route.0 == method && parts.len() == own.len() && same
    };
    let found = ROUTES.iter().filter(fits).min_by_key(|route| route.1.matches(':').count());
    found.map_or(path_only, |(_, route)| route)
}

#[test]
fn every_page_and_every_form_has_its_line() {
    assert!(ROUTES.len() > 60, "the routes are found: {ROUTES:?}");
    let known: BTreeSet<(&str, String)> = pages().map(|line| (line.1, line.0.to_owned())).collect();
    let forgotten: Vec<_> = ROUTES.difference(&known).collect();
    assert!(forgotten.is_empty(), "without a line in the table of requests: {forgotten:?}");
    let gone: Vec<_> = known.difference(&ROUTES).filter(|line| line.1 != "/nothing").collect();
    assert!(gone.is_empty(), "a line for a route that is gone: {gone:?}");
}
