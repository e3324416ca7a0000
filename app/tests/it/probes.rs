//! Probes of the wall between brands: every request of the table, by every role, with an id of another brand in each place
//! that takes one. The answer must be the one that an id gets which is not there, to the byte, and nothing of the other
//! brand may have changed. The places are found, not listed: in the document, in the routes and on the pages themselves.

use std::collections::{BTreeMap, BTreeSet};

use fithire_kernel::ids::Id;
use fithire_kernel::paging;
use fithire_kernel::testing::{World, on_both};
use serde_json::Value;

use crate::hostile::document;
use crate::people::{People, Things, furnished};
use crate::requests::{Line, every, is_page, names, with_ids};
use crate::roles::{ROLES, Shown, Somebody};
use crate::routes::{ROUTES, route_of};

/// What another brand's id is tried for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Read,
    Write,
    List,
    Filter,
    Cursor,
    Export,
}

/// A place for an id in a request.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    pub(crate) line: Line,
    name: &'static str,
    kind: Kind,
}

/// The places of a request, each with what its id is for.
pub(crate) fn positions(line: Line) -> Vec<Position> {
    let named: BTreeSet<&str> = names(line.2).into_iter().chain(names(line.3)).collect();
    let named = named.into_iter().filter(|name| *name != "email");
    let path = line.2.split('?').next().unwrap();
    let kind = |name: &str| match () {
        // It writes nothing, and says of what is not there that it is not.
        () if path.ends_with("/preview") && !path.contains(&format!("{{{name}}}")) => Kind::Filter,
        () if line.1 != "GET" => Kind::Write,
        () if name.ends_with("_cursor") => Kind::Cursor,
        () if !path.contains(&format!("{{{name}}}")) => Kind::Filter,
        () if path.contains('.') || path.ends_with("/replay") => Kind::Export,
        () if path.ends_with('}') => Kind::Read,
        () => Kind::List,
    };
    named.map(|name| Position { line, name, kind: kind(name) }).collect()
}

/// Something that is not there, of the same length as what is there for somebody else.
fn absent(name: &str, theirs: &str) -> String {
    fn moved(key: Value) -> Value {
        match key {
            Value::Array(parts) => parts.into_iter().map(moved).collect(),
            // Far below are places in a list, far above ids.
            Value::Number(id) if id.as_i64().is_some_and(|id| id > 1 << 32) => {
                Value::from(id.as_i64().unwrap() + 1)
            }
            other => other,
        }
    }
    match name.strip_suffix("_cursor") {
        Some(list) => paging::cursor(list, &moved(paging::after::<Value>(list, theirs).unwrap())),
        None => (theirs.parse::<Id>().unwrap() + 300_000_000_000_000).to_string(),
    }
}

/// What is wrong with the answers that somebody gets; nothing when they are alike.
pub(crate) fn leak(
    somebody: &Somebody<'_>,
    position: &Position,
    (ours, theirs): (&Things, &Things),
) -> Option<String> {
    let Position { line, name, kind } = position;
    let ask = |value: &str| -> Shown {
        somebody.ask_with(line, |other| if other == *name { value.to_owned() } else { ours.text(other) })
    };
    let theirs = theirs.text(name);
    let gone = absent(name, &theirs);
    let both = || (ask(&theirs), ask(&gone));
    let alike = |(foreign, nothing): &(Shown, Shown)| foreign.without(&theirs) == nothing.without(&gone);
    // What is shown of ours, such as how long its log is, may have moved on between the two; a leak is there every time.
    let again = std::iter::repeat_with(both).take(2);
    let (foreign, nothing) = std::iter::once(both()).chain(again).find(alike).unwrap_or_else(both);
    let in_path = line.2.split('?').next().unwrap().contains(&format!("{{{name}}}"));
    let items = serde_json::from_str::<Value>(&foreign.body).unwrap_or_default()["items"].clone();
    let wrong = if foreign.has_canary() {
        "shows the canary"
    } else if in_path && foreign.body.contains(&theirs) {
        "repeats the id of the path"
    } else if foreign.without(&theirs) != nothing.without(&gone) {
        "differs from what is not there"
    } else if *kind == Kind::Filter && items.as_array().is_some_and(|items| !items.is_empty()) {
        "finds something"
    } else if !foreign.is_refused() && !matches!(kind, Kind::Filter | Kind::Cursor) {
        "is not refused"
    } else {
        return None;
    };
    let told = foreign.without(&theirs).differs(&nothing.without(&gone));
    Some(format!("{} {} as {}, {name}, {kind:?}: {wrong}\n{told}", line.1, line.2, somebody.role))
}

/// A place that takes an id, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The part of the path.
    Path(usize),
    /// The parameter of the query, or the field of a form.
    Field(String),
    /// Where in a JSON body.
    Pointer(String),
}

/// An operation or a route, with its method.
type Request = (String, String);

fn has_id(line: &Line, place: &Place) -> bool {
    let (path, query) = line.2.split_once('?').unwrap_or((line.2, ""));
    match place {
        Place::Path(part) => path.split('/').nth(*part).is_some_and(|part| part.starts_with('{')),
        Place::Field(name) => [query, line.3].iter().flat_map(|fields| fields.split('&')).any(|field| {
            field.split_once('=').is_some_and(|(other, value)| other == name && value.contains('{'))
        }),
        Place::Pointer(pointer) => {
            let numbered = with_ids(line.3, |name| if name == "email" { "x" } else { "7" }.to_owned());
            serde_json::from_str::<Value>(&numbered)
                .is_ok_and(|body| body.pointer(pointer) == Some(&7.into()))
        }
    }
}

fn is_id(name: &str) -> bool {
    name == "id" || name == "brand" || name.ends_with("_id")
}

/// The places of ids in a body, by its schema.
fn in_schema(document: &Value, schema: &Value, pointer: &str, places: &mut Vec<Place>) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
        None => schema,
    };
    for part in schema["allOf"].as_array().into_iter().flatten() {
        in_schema(document, part, pointer, places);
    }
    if !schema["items"].is_null() {
        in_schema(document, &schema["items"], &format!("{pointer}/0"), places);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{pointer}/{name}");
        if is_id(name) && property["type"] == "integer" {
            places.push(Place::Pointer(pointer.clone()));
        }
        in_schema(document, property, &pointer, places);
    }
}

/// The places that the document and the routes have.
fn described() -> BTreeSet<(Request, Place)> {
    let document = document();
    let mut found = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.trim_start_matches("/api/v1");
        for (method, operation) in methods.as_object().unwrap() {
            let mut places: Vec<Place> = in_path(path, |part| part.starts_with('{'));
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                // What a brand calls its own is a text.
                let is_id = is_id(name) && parameter["schema"]["type"] == "integer";
                if parameter["in"] == "query" && (is_id || name == "cursor") {
                    places.push(Place::Field(name.to_owned()));
                }
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            in_schema(&document, schema, "", &mut places);
            let operation = operation["operationId"].as_str().unwrap();
            let request = (method.to_uppercase(), operation.to_owned());
            found.extend(places.into_iter().map(|place| (request.clone(), place)));
        }
    }
    for (method, route) in ROUTES.iter() {
        let places = in_path(route, |part| part.strip_prefix(':').is_some_and(is_id));
        found.extend(places.into_iter().map(|place| (((*method).to_owned(), route.clone()), place)));
    }
    found
}

fn in_path(path: &str, takes: impl Fn(&str) -> bool) -> Vec<Place> {
    let parts = path.split('/').enumerate();
    parts.filter(|(_, part)| takes(part)).map(|(place, _)| Place::Path(place)).collect()
}

/// The value of an attribute of a tag.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    tag.split('>').next()?.split_once(&format!(" {name}=\"")).map(|(_, rest)| rest.split('"').next().unwrap())
}

/// The places that a page shows: fields of forms that hold or offer an id of the brand, and parameters of links.
fn offered(path: &str, page: &str, things: &Things) -> Vec<(Request, Place)> {
    let has_id = |text: &str| things.ids().any(|id| text.contains(id));
    let request = |method: &str, to: &str| {
        let to = if to.is_empty() { path } else { to };
        (method.to_owned(), route_of(method, to).to_owned())
    };
    let mut found = Vec::new();
    for form in page.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap();
        let method = attribute(form, "method").unwrap_or("get").to_uppercase();
        let mut to = vec![request(&method, attribute(form, "action").unwrap_or_default())];
        to.extend(
            form.split('<').filter_map(|tag| attribute(tag, "formaction")).map(|to| request(&method, to)),
        );
        let mut select = None;
        for tag in form.split('<').skip(1) {
            let own = attribute(tag, "name");
            if tag.starts_with("select") {
                select = own;
            }
            let name = if tag.starts_with("option") { select } else { own };
            if let (Some(name), true) = (name, attribute(tag, "value").is_some_and(has_id)) {
                found.extend(to.iter().map(|to| (to.clone(), Place::Field(name.to_owned()))));
            }
        }
    }
    for href in page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let Some((to, query)) = href.split_once('?') else { continue };
        for (name, value) in query.split("&amp;").filter_map(|field| field.split_once('=')) {
            if name == "cursor" || has_id(value) {
                found.push((request("GET", to), Place::Field(name.to_owned())));
            }
        }
    }
    found
}

/// Every place that takes an id and that no line of the table has one in.
fn unprobed(people: &People, everybody: &[Somebody<'_>]) -> Vec<(Request, Place)> {
    let mut places = described();
    for line in every().filter(|line| is_page(line) && line.1 == "GET") {
        for somebody in everybody.iter().filter(|somebody| somebody.expected(&line) == 200) {
            let path = with_ids(line.2, |name| people.ours.text(name));
            let path = path.split('?').next().unwrap();
            places.extend(offered(path, &somebody.ask(&line).body, &people.ours));
        }
    }
    let probed = |((method, what), place): &(Request, Place)| {
        every().any(|line| line.1 == method && line.0 == what && has_id(&line, place))
    };
    assert!(places.len() > 60, "the places are found: {places:?}");
    places.into_iter().filter(|place| !probed(place)).collect()
}

/// What is kept of a brand, once the entries of its log that are on their way have arrived.
pub(crate) async fn settled(world: &World, brand_id: Id) -> Vec<String> {
    let mut before = Vec::new();
    loop {
        let now = world.kept_of(brand_id).await;
        if now == before {
            return now;
        }
        before = now;
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    }
}

#[test]
fn another_brands_ids_answer_like_ids_that_are_not_there_in_every_place() {
    on_both(async |world| {
        let people = furnished(&world).await;
        let everybody = Somebody::all(&people.server, &people.ours);
        let unprobed = unprobed(&people, &everybody);
        let before = settled(&world, people.theirs.id("brand")).await;
        assert!(before.len() > 100, "the other brand has something to lose");
        let positions: Vec<Position> = every().flat_map(positions).collect();
        let (mut leaks, mut kinds) = (Vec::new(), BTreeMap::<Kind, usize>::new());
        for position in &positions {
            for somebody in &everybody {
                leaks.extend(leak(somebody, position, (&people.ours, &people.theirs)));
                *kinds.entry(position.kind).or_default() += 1;
            }
        }
        let after = settled(&world, people.theirs.id("brand")).await;
        let changed: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
        report(&world, &positions, (&leaks, &unprobed), &kinds);
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
        assert!(unprobed.is_empty(), "places that no line has an id in: {unprobed:#?}");
        assert!(before == after, "the other brand is not what it was: {changed:#?}");
        for kind in [Kind::Read, Kind::Write, Kind::List, Kind::Filter, Kind::Cursor, Kind::Export] {
            assert!(kinds.contains_key(&kind), "nothing is tried for {kind:?}");
        }
    });
}

#[expect(clippy::print_stdout, reason = "what was probed is worth reading when nothing is wrong")]
fn report(
    world: &World,
    positions: &[Position],
    (leaks, unprobed): (&[String], &[(Request, Place)]),
    kinds: &BTreeMap<Kind, usize>,
) {
    let operations = every().filter(|line| !is_page(line)).map(|line| line.0).collect::<BTreeSet<_>>().len();
    println!(
        "{}: {operations} API operations + {} page routes × {} roles × {} positions = {} probes, {} leaks, {} unprobed; {kinds:?}",
        world.dialect,
        ROUTES.len(),
        ROLES.len(),
        positions.len(),
        positions.len() * ROLES.len(),
        leaks.len(),
        unprobed.len(),
    );
}
