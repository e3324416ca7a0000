//! Files in an object store by other hands, in its own process: the suite of `crate::media`, and what happens while the store is
//! away.

use std::process::{Command, Stdio};

use fithire_kernel::testing::{World, on_both};
use serde_json::json;

use super::{Process, free_port, until};
use crate::media::{File, attached, suite, sweep, swept};
use crate::people::{browser_of, make, people_of};
use crate::server::{Server, configured};

/// A store that runs, with the bucket.
struct Elsewhere(#[expect(dead_code, reason = "it ends the process")] Process);

impl Elsewhere {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    fn start(port: u16) -> Self {
        let folder = std::env::var("FITHIRE_TEST_STORE").expect("scripts/peer-tools names the store");
        let child = Command::new(format!("{folder}/bin/python"))
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the store is there, which scripts/peer-tools sees to");
        let store = Self(Process(child));
        until(30, "the store answers", || {
            let made = ureq::put(format!("http://127.0.0.1:{port}/fithire")).send_empty();
            made.is_ok_and(|answer| answer.status() == 200)
        });
        store
    }
}

/// The program with that store.
fn with_store(world: &World, port: u16) -> Command {
    let mut program = configured(world);
    program
        .env("FITHIRE_MEDIA__ENDPOINT", format!("http://127.0.0.1:{port}"))
        .env("FITHIRE_MEDIA__ACCESS_KEY", "name")
        .env("FITHIRE_MEDIA__SECRET_KEY", "key");
    program
}

#[test]
fn files_go_to_another_store_as_to_the_embedded_one() {
    on_both(async |world| {
        let port = free_port();
        let _store = Elsewhere::start(port);
        let people = people_of(&world, &mut with_store(&world, port)).await;
        suite(&people);
        let doctor = with_store(&world, port).arg("doctor").output().unwrap();
        let told = String::from_utf8(doctor.stdout).unwrap();
        assert!(told.contains("ok    files") && told.contains("takes, shows and removes files"), "{told}");
        assert!(!world.folder().join("media").exists(), "nothing is kept here");
    });
}

#[test]
fn while_the_store_is_away_everything_else_works_and_nothing_is_half_attached() {
    on_both(async |world| {
        let port = free_port();
        let made = make(&world, "ACME").await;
        let server = Server::on(&mut with_store(&world, port));
        let token = server.token_of("manager@acme.test");
        let coach = ("application/json", r#"{"name":"Ada"}"#);
        let coach = server.send("POST", "/api/v1/coaches", Some(&token), Some(coach));
        assert_eq!(coach.status, 200, "{}", coach.body);
        let coach = coach.json()["id"].as_i64().unwrap();
        let path = format!("/api/v1/coaches/{coach}/upload");
        let wish = json!({"kind": "image", "file_name": "a.png", "size": 10, "content_type": "image/png"});
        let begin =
            || server.send("POST", &path, Some(&token), Some(("application/json", &wish.to_string())));
        let listed = || server.send("GET", &format!("/api/v1/coaches/{coach}/media"), Some(&token), None);
        let away = begin();
        assert_eq!((away.status, away.headers["retry-after"].to_str().unwrap()), (503, "5"), "{}", away.body);
        assert!(away.body.contains("everything else works"), "{}", away.body);
        assert_eq!(listed().json()["items"], json!([]), "nothing has begun");
        let manager = browser_of(&server, "manager", made.mark);
        assert_eq!(manager.get(&format!("/manager/coaches/{coach}")).status, 200);
        assert_eq!(server.send("GET", "/readyz", None, None).status, 200);
        let doctor = with_store(&world, port).arg("doctor").output().unwrap();
        assert_eq!(doctor.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&doctor.stdout).contains("FAIL  files"));

        // It comes, goes in the middle of an upload, and comes again; the program goes on.
        let store = Elsewhere::start(port);
        let first = attached(&server, &token, coach, &File::image("first.png"));
        let waiting = begin().json();
        drop(store);
        let confirm = json!({"upload_id": waiting["upload_id"]}).to_string();
        let confirmed = || {
            let path = format!("/api/v1/coaches/{coach}/confirm-upload");
            server.send("POST", &path, Some(&token), Some(("application/json", &confirm)))
        };
        assert_eq!(confirmed().status, 503);
        let states = |answer: &serde_json::Value| {
            let states = answer["items"].as_array().unwrap().iter().map(|file| file["state"].clone());
            states.collect::<Vec<_>>()
        };
        assert_eq!(states(&listed().json()), ["waiting", "attached"]);
        let removed = server.send("DELETE", &format!("/api/v1/media/{first}"), Some(&token), None);
        assert_eq!(removed.status, 200, "{}", removed.body);
        let brand = made.id("brand");
        sweep(&world, brand).await;
        let _store = Elsewhere::start(port);
        assert_eq!(confirmed().status, 409, "what it had is gone, and it says so");
        attached(&server, &token, coach, &File::image("second.png"));
        assert_eq!(states(&listed().json()), ["attached", "waiting"]);
        // What could not be removed meanwhile is removed now, and no task has given up on it.
        swept(&world, brand, async || world.count("media_removals", brand).await == 0).await;
    });
}
