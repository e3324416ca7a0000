//! Requests that happen once for each `Idempotency-Key`: in a crowd, over two programs, and when one is killed.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use fithire_kernel::testing::{World, on_both};
use serde_json::{Value, json};

use crate::people::{people, people_of};
use crate::server::{Answer, Server, configured};

/// The program, which says that it is at the same place whatever its port: tokens name it.
fn program(world: &World) -> Command {
    let mut program = configured(world);
    program.env("FITHIRE_SERVER__PUBLIC_URL", "http://localhost:7878");
    program
}

fn post(server: &Server, (token, key): (&str, &str), path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", &*bearer), ("Idempotency-Key", key)];
    server.send_with("POST", path, &headers, Some(("application/json", &body.to_string())))
}

/// How many coaches have a text in their name.
fn count(server: &Server, token: &str, name: &str) -> usize {
    let path = format!("/api/v1/coaches?limit=100&name={name}");
    server.send("GET", &path, Some(token), None).json()["items"].as_array().unwrap().len()
}

#[test]
fn a_hundred_at_once_with_one_key_make_one_object() {
    on_both(async |world| {
        let people = people_of(&world, &mut program(&world)).await;
        let (first, second) = (&people.server, &Server::on(&mut program(&world)));
        let token = people.ours.token("admin");
        let new = json!({"name": "Crowd", "facts": {"free": []}});
        let answers = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for n in 0..100 {
                let server = if n % 2 == 0 { first } else { second };
                let (answers, new) = (&answers, &new);
                scope.spawn(move || {
                    let answer = post(server, (token, "crowd-1"), "/api/v1/coaches", new);
                    answers.lock().unwrap().push(answer);
                });
            }
        });
        let answers = answers.into_inner().unwrap();
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        let bodies: BTreeSet<&str> = answers.iter().map(|answer| &*answer.body).collect();
        assert_eq!(bodies.len(), 1, "everybody gets the same answer");
        let tags: BTreeSet<&str> =
            answers.iter().map(|answer| answer.headers["etag"].to_str().unwrap()).collect();
        assert_eq!(tags.len(), 1);
        let now = answers.iter().filter(|answer| answer.headers.get("idempotency-replayed").is_none());
        assert_eq!(now.count(), 1, "all but one are told that it happened before");
        assert_eq!(count(first, token, "Crowd"), 1);

        // Another body, another path, and the same body as somebody else.
        let changed = post(first, (token, "crowd-1"), "/api/v1/coaches", &json!({"name": "Crowd"}));
        assert_eq!(
            (changed.status, changed.json()["code"].as_str()),
            (409, Some("key_reused")),
            "{}",
            changed.body
        );
        let elsewhere = post(first, (token, "crowd-1"), "/api/v1/webhooks", &new);
        assert_eq!(elsewhere.status, 409, "{}", elsewhere.body);
        let other = post(first, (people.ours.token("manager"), "crowd-1"), "/api/v1/coaches", &new);
        assert_eq!((other.status, other.headers.get("idempotency-replayed")), (200, None), "{}", other.body);
        let foreign = post(first, (people.theirs.token("admin"), "crowd-1"), "/api/v1/coaches", &new);
        assert_eq!((foreign.status, foreign.headers.get("idempotency-replayed")), (200, None));
        assert_eq!(count(first, token, "Crowd"), 2);

        // A key in quotes is the same; one that is none is refused by name, and one is needed for nothing.
        let quoted = post(second, (token, "\"crowd-1\""), "/api/v1/coaches", &new);
        assert_eq!(quoted.body, answers[0].body);
        for wrong in ["", "\"\"", "two words", &"k".repeat(256)] {
            let answer = post(first, (token, wrong), "/api/v1/coaches", &new);
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (400, Some("malformed")),
                "{wrong:?}"
            );
            assert!(answer.body.contains("Idempotency-Key"), "{}", answer.body);
        }
        // Nobody learns by a key what they may not know.
        assert_eq!(post(first, ("nonsense", "crowd-1"), "/api/v1/coaches", &new).status, 401);
    });
}

#[test]
fn a_refusal_is_not_kept_and_a_secret_is_shown_again_to_whoever_has_the_key() {
    on_both(async |world| {
        let people = people(&world).await;
        let (server, token) = (&people.server, people.ours.token("admin"));
        let wrong = post(server, (token, "mend"), "/api/v1/coaches", &json!({"name": ""}));
        assert_eq!(wrong.status, 422, "{}", wrong.body);
        let mended = post(server, (token, "mend"), "/api/v1/coaches", &json!({"name": "Mended"}));
        assert_eq!(mended.status, 200, "{}", mended.body);
        let twice =
            post(server, (token, "twice"), "/api/v1/coaches", &json!({"name": "A", "external_id": "x"}));
        assert_eq!(twice.status, 200, "{}", twice.body);
        let conflict =
            post(server, (token, "thrice"), "/api/v1/coaches", &json!({"name": "B", "external_id": "x"}));
        assert_eq!((conflict.status, conflict.json()["code"].as_str()), (409, Some("conflict")));

        // Every operation that takes a key: sent twice it happens once.
        let ours = &people.ours;
        let (job, coach, medium) = (ours.id("job"), ours.id("coach"), ours.id("medium"));
        let hook = ours.id("webhook");
        let requests = [
            ("/api/v1/jobs".to_owned(), json!({"title": "Once", "location_id": ours.id("location")})),
            ("/api/v1/scores".to_owned(), json!({"job_id": job, "coach_id": coach})),
            (
                format!("/api/v1/coaches/{coach}/upload"),
                json!({"kind": "image", "file_name": "a.png", "size": 10, "content_type": "image/png"}),
            ),
            (format!("/api/v1/media/{medium}/shares"), json!({})),
            (
                "/api/v1/webhooks".to_owned(),
                json!({"url": "http://127.0.0.1:9/once", "kinds": ["coach.erased"]}),
            ),
            (format!("/api/v1/webhooks/{hook}/rotate"), json!({})),
            (format!("/api/v1/webhooks/{hook}/test"), json!({})),
            (
                "/api/v1/admin/verify-cert".to_owned(),
                json!({"id": ours.id("verification"), "decision": "verified"}),
            ),
            ("/api/v1/admin/tag-video".to_owned(), json!({"media_id": medium, "tags": []})),
            (
                "/api/v1/imports/coaches".to_owned(),
                json!({"coaches": [{"external_id": "i1", "name": "Imp"}]}),
            ),
        ];
        for (path, body) in &requests {
            let [first, again] = [(); 2].map(|()| post(server, (token, "each"), path, body));
            assert_eq!(first.status, 200, "{path}: {}", first.body);
            assert_eq!((again.status, &again.body), (200, &first.body), "{path}");
            assert_eq!(again.headers["idempotency-replayed"], "true", "{path}");
            // The same key is of the next request no more.
            let reused = post(server, (token, "each"), "/api/v1/coaches", &json!({"name": "Reused"}));
            assert_eq!(reused.status, 409, "{}", reused.body);
            world.as_owner("DELETE FROM idempotency_keys").await;
        }

        // What is shown once stands nowhere in the clear.
        let share =
            post(server, (token, "share"), &format!("/api/v1/media/{medium}/shares"), &json!({})).json();
        let secret = share["url"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let columns = "key_hash || ' ' || request_hash || ' ' || answer";
        let kept = world.texts(format!("SELECT {columns} FROM idempotency_keys")).await;
        let is_dark = |row: &String| !row.contains(&secret) && !row.contains("share") && row.len() > 200;
        assert!(!kept.is_empty() && kept.iter().all(is_dark), "{kept:?}");
        let again =
            post(server, (token, "share"), &format!("/api/v1/media/{medium}/shares"), &json!({})).json();
        assert_eq!(again["url"], share["url"]);
    });
}

#[test]
fn whoever_is_killed_leaves_all_of_a_request_or_nothing() {
    on_both(async |world| {
        const CYCLES: usize = 8;
        const EACH: usize = 12;
        let people = people_of(&world, &mut program(&world)).await;
        let token = people.ours.token("admin").to_owned();
        let mut server = people.server;
        let mut acknowledged = 0;
        for cycle in 0..CYCLES {
            let keys: Vec<String> = (0..EACH).map(|n| format!("kill-{cycle}-{n:02}")).collect();
            let url = server.url.clone();
            let senders: Vec<_> = keys
                .iter()
                .map(|key| {
                    let (url, token, key) = (url.clone(), token.clone(), key.clone());
                    thread::spawn(move || {
                        let body = json!({"name": format!("Killed {key}")}).to_string();
                        let sent = ureq::post(format!("{url}/api/v1/coaches"))
                            .header("Authorization", format!("Bearer {token}"))
                            .header("Idempotency-Key", &key)
                            .header("Content-Type", "application/json")
                            .send(body);
                        sent.is_ok()
                    })
                })
                .collect();
            thread::sleep(std::time::Duration::from_millis(2 + 7 * cycle as u64));
            // SIGKILL.
            server.child.kill().unwrap();
            server.child.wait().unwrap();
            acknowledged +=
                senders.into_iter().filter_map(|sender| sender.join().ok()).filter(|ok| *ok).count();
            server = Server::on(&mut program(&world));
            for key in &keys {
                let body = json!({"name": format!("Killed {key}")});
                let answer = post(&server, (&token, key), "/api/v1/coaches", &body);
                assert_eq!(answer.status, 200, "{}", answer.body);
                assert_eq!(count(&server, &token, &format!("Killed%20{key}")), 1, "{key}");
            }
        }
        assert!(acknowledged < CYCLES * EACH, "none was killed in time");
    });
}
