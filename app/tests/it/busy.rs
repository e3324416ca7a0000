//! A server that is kept busy with new coaches and rankings, and whoever is told of those coaches.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fithire_kernel::ids::Id;
use serde_json::{Value, json};

use crate::peers::{Peer, until};
use crate::people::People;
use crate::server::{Answer, Server};

/// Sends requests, each over a connection of its own, from several threads.
pub(crate) struct Busy {
    url: String,
    token: String,
    job: Id,
    answered: AtomicU64,
    stop: AtomicBool,
}

impl Busy {
    pub(crate) fn new(url: &str, token: &str, job: Id) -> Self {
        let (url, token) = (url.to_owned(), token.to_owned());
        Self { url, token, job, answered: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    /// Requests that were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What became of a request: its status and its text, or nothing where the connection failed.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&str>) -> Option<(u16, String)> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
        let agent: ureq::Agent = config.build().into();
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        let answer = match body {
            Some(body) => {
                agent.run(request.header("Content-Type", "application/json").body(body.to_owned()).unwrap())
            }
            None => agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some((answer.status().as_u16(), text))
    }

    /// Saves a coach; whether that was acknowledged, or nothing where the connection failed.
    pub(crate) fn save(&self, external_id: &str) -> Option<u16> {
        let facts = json!({"positions": [{"modality": "hiit", "started_on": "2022-02-01"}]});
        let coach = json!({"name": external_id, "external_id": external_id, "facts": facts}).to_string();
        self.send("POST", "/api/v1/coaches", Some(&coach)).map(|(status, _)| status)
    }

    /// Keeps it busy until it says, as it does to whoever routes to it, that it is about to stop. Each request must be
    /// answered. Answers the coaches whose saving was acknowledged.
    pub(crate) fn until_it_is_about_to_stop(&self, client: usize) -> Vec<String> {
        let mut saved = Vec::new();
        for n in 0.. {
            if self.send("GET", "/readyz", None).expect("an answer").0 == 503 {
                break;
            }
            let id = format!("client-{client}-{n}");
            assert_eq!(self.save(&id), Some(200));
            saved.push(id);
            let ranked = self.send("GET", &format!("/api/v1/jobs/{}/candidates", self.job), None);
            assert_eq!(ranked.expect("an answer").0, 200);
        }
        saved
    }

    /// Saves coaches until it is stopped, whatever becomes of the server. Answers those whose saving was acknowledged, and
    /// what else was answered.
    pub(crate) fn until_stopped(&self, client: &str) -> (Vec<String>, Vec<u16>) {
        let (mut saved, mut refused) = (Vec::new(), Vec::new());
        for n in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let id = format!("{client}-{n}");
            match self.save(&id) {
                Some(200) => saved.push(id),
                Some(status) => refused.push(status),
                None => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        }
        (saved, refused)
    }
}

/// What a receiver of webhooks was sent.
pub(crate) struct Received(pub(crate) Peer);

impl Received {
    /// A receiver that our brand tells of new coaches.
    pub(crate) fn told_of_new_coaches(people: &People) -> Self {
        let receiver = Peer::start("receiver.mjs", &[]);
        let new = json!({"url": format!("{}/hook", receiver.url), "kinds": ["coach.created"]}).to_string();
        let token = Some(people.ours.token("admin"));
        let made = people.server.send("POST", "/api/v1/webhooks", token, Some(("application/json", &new)));
        assert_eq!(made.status, 200, "{}", made.body);
        Self(receiver)
    }

    /// By how many messages each coach was told of, and how many messages came more than once. A message is known by its id:
    /// one that comes again, because whoever sent it ended before it could note the answer, has the same.
    fn count(&self) -> (BTreeMap<Id, usize>, usize) {
        let all: Vec<Value> = serde_json::from_str(&self.0.ask("GET", "/received", "")).unwrap();
        let (mut messages, mut coaches): (BTreeMap<String, usize>, BTreeMap<Id, usize>) = Default::default();
        for one in all {
            let count =
                messages.entry(one["headers"]["webhook-id"].as_str().unwrap().to_owned()).or_default();
            *count += 1;
            if *count == 1 {
                let body: Value = serde_json::from_str(one["body"].as_str().unwrap()).unwrap();
                *coaches.entry(body["data"]["coach_id"].as_i64().unwrap()).or_default() += 1;
            }
        }
        (coaches, messages.values().filter(|count| **count > 1).count())
    }

    /// Waits until each of these coaches was told of, and checks that it was by one message. Answers how many messages there
    /// were, and how many of them came more than once.
    pub(crate) fn each_once(&self, there: &BTreeMap<String, Id>) -> (usize, usize) {
        until(200, "every coach was told of", || {
            let (told, _) = self.count();
            there.values().all(|id| told.contains_key(id))
        });
        let (told, twice) = self.count();
        for (external_id, id) in there {
            assert_eq!(told.get(id), Some(&1), "{external_id} is told of by one message");
        }
        (told.len(), twice)
    }
}

/// The coaches that are there and have an external id, by that.
pub(crate) fn coaches(server: &Server, token: &str) -> BTreeMap<String, Id> {
    let (mut all, mut cursor) = (BTreeMap::new(), None);
    loop {
        let after = cursor.map_or_else(String::new, |cursor: String| format!("&cursor={cursor}"));
        let page: Answer =
            server.send("GET", &format!("/api/v1/coaches?limit=100{after}"), Some(token), None);
        let page = page.json();
        let items = page["items"].as_array().unwrap().iter();
        all.extend(
            items
                .filter_map(|coach| Some((coach["external_id"].as_str()?.to_owned(), coach["id"].as_i64()?))),
        );
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return all;
        }
    }
}

pub(crate) fn signal(server: &Server, signal: &str) {
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}
