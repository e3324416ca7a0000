//! The live stream over the wire: from another process, unpacked, logged when it begins, and no reason not to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use fithire_kernel::clock::Clock;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_notifications::{Kind, Notice, notify};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::people::{People, browser_of, people};

/// Tells the coach of some things in one transaction, each with the same path.
async fn tell(world: &World, people: &People, titles: &[String], path: &str) {
    let scope = BrandScope::mint(people.ours.id("brand"), Actor::System);
    let signed_in = fithire_identity::testing::Staff::open(world).await.identity;
    let password = fithire_identity::testing::PASSWORD.to_owned();
    let coach = signed_in.recognise("coach@acme.test", password, None).await.unwrap();
    let mut tx = world.db.write(&scope).await.unwrap();
    let notice = |title: &String| Notice {
        account_id: coach.account_id,
        kind: Kind::MatchLost,
        event: title.clone(),
        title: title.clone(),
        text: String::new(),
        path: path.to_owned(),
    };
    notify(&mut tx, (&Clock::System, &world.ids), titles.iter().map(notice).collect()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Lines of a stream up to one with a text.
fn until(lines: &mut impl BufRead, text: &str) -> String {
    let mut all = String::new();
    loop {
        let read = lines.read_line(&mut all).expect("the stream goes on");
        assert!(read > 0, "it ended before {text}: {all}");
        if all[all.len() - read..].contains(text) {
            return all;
        }
    }
}

/// The coach's stream.
fn stream(people: &People) -> BufReader<TcpStream> {
    stream_over(TcpStream::connect(host(people)).unwrap(), people)
}

fn host(people: &People) -> &str {
    people.server.url.trim_start_matches("http://")
}

fn stream_over(mut wire: TcpStream, people: &People) -> BufReader<TcpStream> {
    let session = browser_of(&people.server, "coach", people.ours.mark).cookie("fithire").unwrap();
    // Longer than it takes until somebody looks without a signal.
    wire.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let host = host(people);
    let request = format!(
        "GET /notifications/stream HTTP/1.1\r\nHost: {host}\r\nCookie: fithire={session}\r\nAccept-Encoding: gzip\r\n\r\n"
    );
    wire.write_all(request.as_bytes()).unwrap();
    BufReader::new(wire)
}

#[test]
#[expect(clippy::print_stdout, reason = "how long it took is worth reading")]
fn what_a_coach_saves_reaches_matches_programs_and_their_open_page() {
    on_both(async |world| {
        let people = people(&world).await;
        let (server, ours) = (&people.server, &people.ours);
        let send = |role: &str, path: &str, body: Value| {
            let sent = body.to_string();
            let answer = server.send("POST", path, Some(ours.token(role)), Some(("application/json", &sent)));
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json()
        };
        let webhook = json!({"url": "http://127.0.0.1:9/", "kinds": ["match.entered"]});
        let webhook = send("admin", "/api/v1/webhooks", webhook)["id"].as_i64().unwrap();
        let mut lines = stream(&people);
        until(&mut lines, "event: unread");
        let facts = json!({"positions": [{"modality": "hiit", "started_on": "2023-02-01"}]});
        #[expect(clippy::disallowed_methods, reason = "how long it takes is worth reading")]
        let began = Instant::now();
        let coach = send("coach", "/api/v1/coaches", json!({"name": "Ada", "facts": facts}))["id"].clone();
        let told = until(&mut lines, "event: notice") + &until(&mut lines, "data:");
        let took = began.elapsed();
        assert!(told.contains("A job that fits you"), "{told}");
        let path = format!("/api/v1/webhooks/{webhook}/deliveries");
        let log = server.send("GET", &path, Some(ours.token("admin")), None).json();
        let kinds: Vec<&str> =
            log["items"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
        assert_eq!(kinds, ["match.entered"], "{log}");
        what_is_kept_agrees_with_the_live_list(&people, coach.as_i64().unwrap());
        println!("{}: on the open page {} ms after coach {coach} was sent", world.dialect, took.as_millis());
    });
}

/// The kept match of a coach, what became of it, and the page that shows both.
fn what_is_kept_agrees_with_the_live_list(people: &People, coach_id: i64) {
    let (server, ours, job) = (&people.server, &people.ours, people.ours.id("job"));
    let get = |path: &str| {
        let answer =
            server.send("GET", &format!("/api/v1/jobs/{job}/{path}"), Some(ours.token("manager")), None);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let live = get(&format!("candidates/{coach_id}"));
    let kept = get("matches");
    let own = |list: &Value| {
        let found = list["items"].as_array().unwrap().iter().find(|row| row["coach_id"] == coach_id).cloned();
        found.unwrap_or_else(|| panic!("{coach_id} in {list}"))
    };
    assert_eq!(own(&kept)["fitscore"], live["fitscore"], "{kept} {live}");
    let (by, provenance) = (&kept["by"], &live["provenance"]);
    for same in ["preset", "preset_hash", "engine_version", "as_of"] {
        assert_eq!(by[same], provenance[same], "{kept} {live}");
    }
    let event = own(&get("match-events"));
    assert_eq!((&event["kind"], &event["after"]), (&json!("entered"), &live["fitscore"]), "{event}");
    assert_eq!(event.get("before"), None, "{event}");
    let page = browser_of(server, "manager", ours.mark).get(&format!("/manager/jobs/{job}/matches")).body;
    assert!(page.contains("became a match") && page.contains("(today)"), "{page}");
    assert_eq!(page.matches(">Ada</a>").count(), 2, "as a match, and as what became of one: {page}");
}

#[test]
fn a_page_that_reads_slowly_misses_nothing_and_is_told_nothing_twice() {
    const ROUNDS: usize = 12;
    const EACH: usize = 80;
    on_both(async |world| {
        let people = people(&world).await;
        // It takes little until it has read.
        let wire = TcpSocket::new_v4().unwrap();
        wire.set_recv_buffer_size(2_048).unwrap();
        let wire = wire.connect(host(&people).parse().unwrap()).await.unwrap().into_std().unwrap();
        wire.set_nonblocking(false).unwrap();
        let mut lines = stream_over(wire, &people);
        until(&mut lines, "event: unread");
        let title = |round, number| format!("{round:02}-{number:02}");
        // More than sockets hold.
        let path = format!("/coach?from={}", "far-away-".repeat(400));
        for round in 0..ROUNDS {
            let titles: Vec<String> = (0..EACH).map(|number| title(round, number)).collect();
            tell(&world, &people, &titles, &path).await;
        }
        let told = until(&mut lines, &title(ROUNDS - 1, EACH - 1));
        let told = told.split("\"title\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let expected = (0..ROUNDS).flat_map(|round| (0..EACH).map(move |number| title(round, number)));
        assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{}", world.dialect);
        if world.dialect == "SQLite" {
            // Half a minute more until the other process is looked for.
            return;
        }
        for title in ["One more", "And another"] {
            tell(&world, &people, &[title.to_owned()], "/coach").await;
            let told = until(&mut lines, title);
            assert_eq!(told.matches("event: notice").count(), 1, "{told}");
        }
    });
}

#[cfg(unix)]
#[test]
fn a_page_is_told_live_and_no_open_page_keeps_a_server_from_stopping() {
    on_both(async |world| {
        let mut people = people(&world).await;
        let mut lines = stream(&people);
        let head = until(&mut lines, "event: unread").to_lowercase();
        assert!(head.contains("text/event-stream") && head.contains("no-store"), "{head}");
        assert!(!head.contains("content-encoding"), "{head}");
        assert!(people.server.log().contains("/notifications/stream"), "it is logged when it begins");

        tell(&world, &people, &["Told live".to_owned()], "/coach").await;
        let told = until(&mut lines, "event: unread");
        assert!(told.contains("Told live") && told.contains("event: notice"), "{told}");

        let pid = people.server.child.id().to_string();
        #[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
        let asked = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        assert!(people.server.child.wait().unwrap().success());
        assert!(asked.elapsed() < Duration::from_secs(5), "it waited for the open page");
    });
}
