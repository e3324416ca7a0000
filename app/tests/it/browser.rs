//! The pages in a real browser, by the walks in `app/tests/browser/`: how every page looks, what a manager and a coach
//! do with scripts, without them and by keys alone, and what becomes of hostile text. `scripts/browser-tools` brings the
//! browser.

use std::process::Command;

use fithire_identity::testing::PASSWORD;
use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_orgs::{Located, add_dimension, location, region};
use serde_json::{Value, json};

use crate::hostile;
use crate::people::{People, email, people};
use crate::program::root;
use crate::server::{Browser, Server};

/// Walks a server as people who sign in; each is an option of `walk.mjs` such as `--admin=EMAIL / PASSWORD`.
fn walk(server: &Server, options: &[String], walks: &[&str]) {
    let output = Command::new("node")
        .arg(root().join("app/tests/browser/walk.mjs"))
        .arg(format!("--url={}", server.url))
        .args(options)
        .args(walks)
        .output()
        .expect("node is there, which scripts/browser-tools sees to");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let log = server.log();
    let failures: Vec<&str> = log.lines().filter(|line| !line.contains(" INFO ")).collect();
    assert!(output.status.success(), "{walks:?}: {told}\nin the server's log: {failures:#?}");
    for walk in walks {
        assert!(told.contains(&format!("{walk} took")), "{walk} was walked: {told}");
    }
}

/// Walks a demo of its own, because a walk changes what the next one would find.
fn walk_the_demo(walks: &[&str]) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_fithire"));
    let (server, lines) = Server::started(demo.args(["demo", "--coaches", "300", "--jobs", "12"]));
    let sign_ins: Vec<String> =
        lines.iter().map(|line| format!("--{}", line.replacen(": ", "=", 1))).collect();
    walk(&server, &sign_ins, walks);
}

#[test]
fn the_checks_of_a_page_find_what_is_broken() {
    walk_the_demo(&["checks-bite"]);
}

#[test]
fn every_page_of_every_role_is_right_in_light_and_dark_on_a_phone_and_on_a_desk() {
    walk_the_demo(&["every-page"]);
}

#[test]
fn a_manager_ranks_compares_exports_and_makes_a_job() {
    walk_the_demo(&["manager"]);
}

#[test]
fn a_manager_does_the_same_without_scripts() {
    walk_the_demo(&["manager-without-scripts"]);
}

#[test]
fn a_coach_finds_matches_and_reads_why_with_scripts_and_without() {
    walk_the_demo(&["coach", "coach-without-scripts"]);
}

#[test]
fn an_admin_clears_twenty_certificates_by_keys_alone_and_without_scripts_by_forms() {
    walk_the_demo(&["desk", "desk-without-scripts"]);
}

#[test]
fn keys_alone_lead_everywhere_and_the_focus_is_always_seen() {
    walk_the_demo(&["keyboard"]);
}

#[test]
fn a_coach_uploads_files_and_a_manager_sees_them() {
    walk_the_demo(&["upload"]);
}

#[test]
fn a_document_is_seen_beside_its_claim_and_moves_the_ranking_and_a_video_is_tagged_by_keys() {
    walk_the_demo(&["evidence"]);
}

/// What would tell the browser that it ran, and what would break a page by its looks.
fn telling() -> Vec<String> {
    let texts = [
        "<script>window.pwned=1</script>",
        "</title></textarea></script><script>window.pwned=1</script>",
        "\"><img src=x onerror=pwned=1>",
        "' autofocus onfocus='pwned=1",
        "<svg onload=pwned=1>",
        "<base href=//fithire.invalid>",
        "javascript:pwned=1",
        "{{ 7*7 }}",
        "{% raw %}",
        "{{ <form.text /> }}",
        "&lt;b&gt; &amp;amp; &#60;",
        "\u{202e}lanoisseforp\u{202c} \u{2066}nori\u{2067}",
    ];
    let long = ["W".repeat(200), "ﷺ".repeat(50), format!("https://{}", "a".repeat(180))];
    texts.into_iter().map(str::to_owned).chain(long).collect()
}

/// The short ones of those that every field of the API is tried with. What a page shows in another way than it was
/// written, such as breaks of a line, is left to that test.
fn tried() -> Vec<String> {
    let texts = hostile::values().into_iter().filter_map(|value| value.as_str().map(str::to_owned));
    let shown =
        |text: &String| !text.trim().is_empty() && text.len() < 100 && !text.chars().any(char::is_control);
    texts.filter(shown).collect()
}

/// Sends a body; the answer when it was taken.
fn sent(people: &People, role: &str, method: &str, path: &str, body: &Value) -> Option<Value> {
    let token = Some(people.ours.token(role));
    let body = body.to_string();
    let answer = people.server.send(method, path, token, Some(("application/json", &body)));
    assert!(matches!(answer.status, 200 | 409 | 422), "{method} {path} {body}: {}", answer.body);
    (answer.status == 200).then(|| answer.json())
}

/// Writes a text into every field of a thing that takes it, and says how many did. `facts` is what is scored of it.
fn written(people: &People, role: &str, path: &str, operation: &str, text: &str, facts: &Value) -> usize {
    let value = Value::from(text);
    let fields = hostile::fields(&hostile::document(), operation);
    // Facts are replaced as a whole; they come last and with everything that is wanted of them.
    let others = fields.iter().filter(|field| field[0] != "facts");
    let bodies = others.map(|field| hostile::with(&json!({}), field, &value));
    bodies
        .chain([json!({"facts": facts})])
        .filter(|body| sent(people, role, "PATCH", path, body).is_some())
        .count()
}

/// A place, a job, a coach and a saved view that hold a text wherever they take it.
async fn store(world: &World, people: &People, manager: &Browser<'_>, text: &str) {
    let location_id = place(world, people, text).await;
    let job = json!({"title": "x", "location_id": location_id, "threshold": 0,
                     "facts": {"modality": "hiit", "virtual": true}});
    let job_id = sent(people, "admin", "POST", "/api/v1/jobs", &job).unwrap()["id"].clone();
    let facts = json!({"modality": "hiit", "virtual": true, "style": [{"dimension": text, "level": 2}]});
    let taken = written(people, "admin", &format!("/api/v1/jobs/{job_id}"), "change_job", text, &facts);
    assert!(taken >= 1, "no field of a job takes {text}");

    let path = |coach: &Value| format!("/api/v1/coaches/{}", coach["id"]);
    let coach = sent(people, "admin", "POST", "/api/v1/coaches", &json!({"name": "x"})).unwrap();
    let taken = written(people, "admin", &path(&coach), "change_coach", text, &coach_facts(text));
    assert!(taken >= 1, "no field of a coach takes {text}");

    let list = format!("/manager/jobs/{job_id}/candidates");
    let job_id = job_id.to_string();
    let view = [("job_id", &*job_id), ("name", text), ("query", "show=ranked")];
    let saved = manager.submit(&list, "/manager/views", &view).status;
    assert!(matches!(saved, 303 | 422), "{text}: {saved}");
}

fn coach_facts(text: &str) -> Value {
    json!({"positions": [{"modality": "hiit", "started_on": "2023-02-01"}],
           "style": [{"dimension": text, "level": 3, "source": "self"}]})
}

/// A location, its region and a teaching style that are called by the text; the API does not make these.
async fn place(world: &World, people: &People, text: &str) -> Id {
    let scope = BrandScope::mint(people.ours.id("brand"), Actor::System);
    let mut tx = world.db.write(&scope).await.unwrap();
    let name: String = text.chars().take(100).collect();
    let located = Located { name: name.clone(), time_zone: "UTC".to_owned(), postal_code: None, point: None };
    let region_id = region(&mut tx, &world.ids, world.clock.now(), &name).await.unwrap();
    let id = location(&mut tx, &world.ids, world.clock.now(), region_id, located).await.unwrap();
    let called: String = text.chars().take(50).collect();
    // A brand has eight words for styles; the others are refused.
    let _ = add_dimension(&mut tx, (&world.clock, &world.ids), (&called, &called, &called)).await;
    tx.commit().await.unwrap();
    id
}

#[test]
fn stored_text_is_shown_as_text_and_does_nothing() {
    on_both(async |world| {
        // The same pages show the rows of both databases; once is enough for what takes a browser.
        if world.dialect != "SQLite" {
            return;
        }
        let people = people(&world).await;
        let manager = Browser::new(&people.server);
        assert_eq!(manager.sign_in(&email("manager", people.ours.mark), PASSWORD).status, 303);
        let (mut texts, tried) = (telling(), tried());
        // Those have been in every field; here they share one, and each must be seen all the same.
        for text in texts.iter().chain([&tried.join(" ")]) {
            store(&world, &people, &manager, text).await;
        }
        // The coach who signs in has a profile of that kind, too.
        let own = sent(&people, "coach", "POST", "/api/v1/coaches", &json!({"name": texts[0]})).unwrap();
        let path = format!("/api/v1/coaches/{}", own["id"]);
        let taken = written(&people, "coach", &path, "change_coach", &texts[0], &coach_facts(&texts[0]));
        assert!(taken > 3, "{taken} fields of an own profile take a text");

        texts.extend(tried);
        let sign_in = |role| format!("--{role}={} / {PASSWORD}", email(role, people.ours.mark));
        let options = ["admin", "manager", "coach"].into_iter().map(sign_in);
        let options: Vec<String> = options.chain(texts.iter().map(|text| format!("--text={text}"))).collect();
        walk(&people.server, &options, &["inert"]);
    });
}
