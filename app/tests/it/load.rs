//! A server that is asked too much, that is measured, and that is asked to stop while it is busy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fithire_kernel::testing::{CANARY, on_both};
use serde_json::json;

use crate::busy::{Busy, Received, coaches, signal};
use crate::peers::until;
use crate::people::{People, email, people};
use crate::server::{Answer, Server, configured};

/// A request whose body does not come: the server waits for it.
fn half_a_request(server: &Server) -> TcpStream {
    let host = server.url.trim_start_matches("http://");
    let mut wire = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /api/v1/auth/token HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nConnection: close\r\n\r\n{{"
    );
    wire.write_all(head.as_bytes()).unwrap();
    wire
}

fn get(server: &Server, path: &str) -> Answer {
    server.send("GET", path, None, None)
}

#[test]
fn beyond_its_room_a_server_refuses_at_once_and_whoever_was_taken_on_is_answered() {
    on_both(async |world| {
        let people = people(&world).await;
        let mut program = configured(&world);
        let server = Server::without_worker(
            program.env("FITHIRE_SERVER__AT_ONCE", "2").env("FITHIRE_METRICS__TOKEN", "figures"),
        );
        drop(people);
        let figures = || server.send("GET", "/metrics", Some("figures"), None).body;
        let mut taken: Vec<TcpStream> = (1..=2)
            .map(|n| {
                let half = half_a_request(&server);
                let counted = format!("fithire_http_requests_taken {n}\n");
                until(30, "it is taken on", || figures().contains(&counted));
                half
            })
            .collect();

        let refused = get(&server, "/api/v1/brands");
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(refused.json()["code"], "unavailable", "{}", refused.body);
        let page = get(&server, "/sign-in");
        assert_eq!((page.status, &page.headers["retry-after"]), (503, &"1".parse().unwrap()));
        assert!(page.body.contains("Too much is asked at this moment"), "{}", page.body);
        assert!(page.headers.contains_key("content-security-policy"));
        for free in ["/livez", "/favicon.ico"] {
            let wanted = if free == "/livez" { 200 } else { 503 };
            assert_eq!(get(&server, free).status, wanted, "{free}");
        }
        assert!(figures().contains("fithire_http_refused_total "), "{}", figures());

        for wire in &mut taken {
            wire.write_all(b"}").unwrap();
            let mut answer = String::new();
            wire.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 422 "), "it was taken on: {answer}");
        }
        assert_eq!(get(&server, "/sign-in").status, 200);
    });
}

#[test]
fn figures_are_for_whoever_has_the_token_and_name_no_brand() {
    on_both(async |world| {
        let people = people(&world).await;
        let without = get(&people.server, "/metrics");
        assert_eq!((without.status, without.json()["code"].as_str()), (404, Some("not_found")));

        // Its worker would do what is to be counted.
        let People { server: first, ours, .. } = people;
        drop(first);
        let mut program = configured(&world);
        program.env("FITHIRE_METRICS__TOKEN", "figures");
        let server = Server::on(&mut program);
        for token in [None, Some("figure"), Some("")] {
            assert_eq!(server.send("GET", "/metrics", token, None).status, 401, "{token:?}");
        }
        let job = json!({"title": "Told", "location_id": ours.id("location"), "facts": {"modality": "hiit"}});
        let token = server.token_of(&email("manager", ours.mark));
        let made =
            server.send("POST", "/api/v1/jobs", Some(&token), Some(("application/json", &job.to_string())));
        assert_eq!(made.status, 200, "{}", made.body);
        assert_eq!(get(&server, "/api/v1/jobs/7").status, 401);
        let figures = || server.send("GET", "/metrics", Some("figures"), None).body;
        let rescored = "fithire_tasks_total{kind=\"matches.rescore\",became=\"done\"}";
        until(20, "a task was counted", || figures().contains(rescored));
        let figures = figures();
        for expected in [
            "fithire_http_requests_total{method=\"POST\",route=\"/api/v1/jobs\",status=\"200\"} 1\n",
            "fithire_http_requests_total{method=\"GET\",route=\"/api/v1/jobs/:param0\",status=\"401\"} 1\n",
            "fithire_http_request_seconds_bucket{method=\"POST\",route=\"/api/v1/jobs\",le=\"+Inf\"} 1\n",
            "fithire_queue_tasks{state=\"dead\"} 0\n",
            "fithire_queue_oldest_seconds ",
            "fithire_streams_open 0\n",
            "fithire_presets_faulty 0\n",
            "fithire_database_connections{state=\"idle\"} ",
            "fithire_task_seconds_count{kind=\"matches.rescore\"} ",
            "process_resident_memory_bytes ",
        ] {
            assert!(figures.contains(expected), "{expected} is not in\n{figures}");
        }
        let told = [CANARY, "ACME", &ours.text("brand")].map(|brand| figures.to_uppercase().contains(brand));
        assert_eq!(told, [false; 3], "{figures}");

        let mut program = configured(&world);
        program.env("FITHIRE_METRICS__TOKEN", "figures").args(["work", "--port", "0"]);
        let worker = Server::started(&mut program).0;
        assert_eq!(get(&worker, "/livez").body, "ok");
        assert_eq!(get(&worker, "/metrics").status, 401);
        let figures = worker.send("GET", "/metrics", Some("figures"), None).body;
        assert!(figures.contains("fithire_queue_tasks{state=\"dead\"} 0\n"), "{figures}");
    });
}

#[cfg(unix)]
#[test]
fn asked_to_stop_while_busy_it_fails_no_request_loses_nothing_and_ends_in_time() {
    on_both(async |world| {
        let mut people = people(&world).await;
        let receiver = Received::told_of_new_coaches(&people);
        let (token, job) = (people.ours.token("manager").to_owned(), people.ours.id("job"));
        let busy = Busy::new(&people.server.url, &token, job);
        let saved: Vec<String> = std::thread::scope(|scope| {
            let busy = &busy;
            let client = |n| scope.spawn(move || busy.until_it_is_about_to_stop(n));
            let clients: Vec<_> = (0..4).map(client).collect();
            until(60, "it is busy", || busy.answered() > 40);
            signal(&people.server, "-TERM");
            clients.into_iter().flat_map(|one| one.join().expect("no request failed")).collect()
        });
        #[expect(clippy::disallowed_methods, reason = "that it ends in time is what is tested")]
        let asked = Instant::now();
        assert!(people.server.child.wait().unwrap().success());
        assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?}", asked.elapsed());
        assert!(!people.server.log().contains("ERROR"), "{}", people.server.log());

        let server = Server::on(&mut configured(&world));
        let there = coaches(&server, &server.token_of(&email("manager", people.ours.mark)));
        for id in &saved {
            assert!(there.contains_key(id), "{}: {id} was acknowledged", world.dialect);
        }
        let (_, twice) = receiver.each_once(&there);
        assert_eq!(twice, 0, "{}: no message was interrupted", world.dialect);
    });
}
