//! Outgoing webhooks, received by a program that verifies them with Svix's own library: what arrives, what is tried again,
//! what is given up, and what is sent again.

mod removing;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::tasks::desk::{self, Listing};
use fithire_kernel::tasks::{Outcome, claims};
use fithire_kernel::testing::{World, on_both};
use fithire_webhooks::{Event, Kind, Sender, WebhookSettings, publish, tidy_brand, work};
use serde_json::{Value, json};

use super::Peer;
use crate::pages::location;
use crate::people::{People, Things, browser_of, email, people};
use crate::server::{Answer, Server, configured};

/// Somebody's webhook, the API that it was made by, and whoever receives its messages.
struct Told<'p> {
    world: &'p World,
    server: &'p Server,
    token: String,
    scope: BrandScope,
    sender: Sender,
    ids: Ids,
    receiver: Peer,
    /// Its path in the API.
    path: String,
    secret: String,
}

impl<'p> Told<'p> {
    fn new(world: &'p World, people: &'p People, things: &'p Things, kinds: &[Kind]) -> Self {
        let receiver = Peer::start("receiver.mjs", &[]);
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let new = json!({"url": format!("{}/hook?of=ours", receiver.url), "kinds": kinds});
        let token = things.token("admin").to_owned();
        let made = send(&people.server, &token, "POST", "/webhooks", Some(&new)).json();
        Self {
            world,
            server: &people.server,
            token,
            scope: BrandScope::mint(things.id("brand"), Actor::System),
            sender: Sender::new(WebhookSettings { allow_private: true }).unwrap(),
            ids: Ids::new(Clock::System, 7),
            path: format!("/webhooks/{}", made["id"]),
            secret: made["secret"].as_str().unwrap().to_owned(),
            receiver,
        }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        send(self.server, &self.token, method, &format!("{}{path}", self.path), body)
    }

    fn answers(&self, with: &Value) {
        self.receiver.ask("POST", "/answer", &with.to_string());
    }

    fn received(&self) -> Vec<Value> {
        serde_json::from_str(&self.receiver.ask("GET", "/received", "")).unwrap()
    }

    fn verify(&self, request: usize, secret: &str) -> String {
        self.receiver.ask("POST", "/verify", &json!({"secret": secret, "request": request}).to_string())
    }

    fn log(&self) -> Vec<Value> {
        self.send("GET", "/deliveries?limit=100", None).json()["items"].as_array().unwrap().clone()
    }

    fn newest(&self) -> Value {
        self.log()[0].clone()
    }

    fn webhook(&self) -> Value {
        self.send("GET", "", None).json()
    }

    /// Does what is due, until the newest delivery is as it should be. The server may do some of it, too: what it has in
    /// hand it has yet to give back, and a task that is changed before would be as it was again.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..100 {
            self.work().await;
            let newest = self.newest();
            if is_so(&newest) && self.count(&[Listing::Running]).await == 0 {
                return newest;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{}: {what}: {}", self.world.dialect, self.newest());
    }

    async fn work(&self) {
        let tools = (&Clock::System, &self.ids);
        let claimed = claims::turn(&self.world.db, &self.scope, tools, (&[], 1_000)).await.unwrap();
        let mut settled = Vec::new();
        for task in claimed {
            let outcome = match &*task.kind {
                work::DELIVER => work::deliver(&self.world.db, tools, &self.sender, &task).await,
                // The server's worker does what is not ours.
                _ => Outcome::Released(TimeDelta::zero()),
            };
            settled.push((task, outcome));
        }
        claims::turn(&self.world.db, &self.scope, tools, (&settled, 0)).await.unwrap();
    }

    /// How many messages are still to be sent.
    async fn queued(&self) -> usize {
        self.count(&Listing::ALL.map(|(listing, _)| listing)).await
    }

    async fn count(&self, listings: &[Listing]) -> usize {
        let mut tx = self.world.db.read(&self.scope).await.unwrap();
        let mut messages = 0;
        for listing in listings {
            let (tasks, _) = desk::list(&mut tx, *listing, None).await.unwrap();
            messages += tasks.iter().filter(|task| task.kind == work::DELIVER).count();
        }
        messages
    }

    /// Lets nobody wait any longer.
    async fn hurry(&self) {
        self.world
            .as_owner(&format!("UPDATE tasks SET due_at = queued_at WHERE kind = '{}'", work::DELIVER))
            .await;
    }
}

fn send(server: &Server, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let body = body.map(Value::to_string);
    let body = body.as_deref().map(|body| ("application/json", body));
    server.send(method, &format!("/api/v1{path}"), Some(token), body)
}

fn is(state: &'static str) -> impl Fn(&Value) -> bool {
    move |delivery| delivery["state"] == state
}

fn tried(times: i64) -> impl Fn(&Value) -> bool {
    move |delivery| delivery["attempts"] == times
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_message_is_signed_as_the_specification_says_and_by_both_secrets_for_a_day() {
    on_both(async |world| {
        let people = people(&world).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::CoachErased]);
        assert!(told.secret.starts_with("whsec_"));
        let sent = told.send("POST", "/test", None).json();
        let delivery = told.until("the test arrives", is("delivered")).await;
        assert_eq!((&delivery["id"], &delivery["status"]), (&sent["id"], &json!(200)));
        let request = told.received()[0].clone();
        assert_eq!(request["path"], "/hook?of=ours");
        assert_eq!(request["headers"]["webhook-id"], sent["id"].to_string());
        assert_eq!(request["headers"]["content-type"], "application/json");
        assert!(request["headers"]["user-agent"].as_str().unwrap().starts_with("FitHire/"));
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["type"], &body), (&json!("webhook.test"), &delivery["body"]));
        assert!(time(&sent["created_at"]) - time(&body["timestamp"]) < TimeDelta::seconds(1));
        assert_eq!(told.verify(0, &told.secret), "yes");
        assert_ne!(told.verify(0, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "yes");

        let rotated = told.send("POST", "/rotate", None).json();
        let second = rotated["secret"].as_str().unwrap();
        let until = time(&rotated["former_secret_until"]) - Clock::System.now();
        assert!(until > TimeDelta::hours(23) && until <= TimeDelta::hours(24), "{until}");
        told.send("POST", "/test", None);
        told.until("the second test arrives", is("delivered")).await;
        let both = told.received()[1]["headers"]["webhook-signature"].clone();
        assert_eq!(both.as_str().unwrap().split(' ').filter(|part| part.starts_with("v1,")).count(), 2);
        assert_eq!([told.verify(1, &told.secret), told.verify(1, second)], ["yes", "yes"]);
        // The day is over.
        world
            .as_owner("UPDATE webhook_endpoints SET former_until = created_at WHERE former_until IS NOT NULL")
            .await;
        told.send("POST", "/test", None);
        told.until("the third test arrives", is("delivered")).await;
        assert_eq!(told.verify(2, second), "yes");
        assert_ne!(told.verify(2, &told.secret), "yes");
        // A secret is shown where it is made, and nowhere else.
        let shown = told.send("GET", "", None).body + &told.send("GET", "/deliveries", None).body;
        let admin = browser_of(&people.server, "admin", people.ours.mark);
        let page = admin.get(&format!("/admin{}", told.path)).body + &admin.get("/admin/audit").body;
        assert!(!(shown + &page + &people.server.log()).contains("whsec_"));
    });
}

#[test]
fn programs_are_told_of_what_they_want_to_know_in_their_own_brand() {
    on_both(async |world| {
        let people = people(&world).await;
        let kinds: Vec<Kind> =
            Kind::ALL.iter().copied().filter(|kind| !kind.as_str().starts_with("match.")).collect();
        let all = Told::new(&world, &people, &people.ours, &kinds);
        let some = Told::new(&world, &people, &people.ours, &[Kind::JobClosed]);
        let theirs = Told::new(&world, &people, &people.theirs, Kind::ALL);
        let ours = |method: &str, path: &str, body: Value| {
            let answer = send(&people.server, people.ours.token("admin"), method, path, Some(&body));
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json()["id"].as_i64().unwrap()
        };
        let place = people.ours.id("location");
        let job = ours("POST", "/jobs", json!({"title": "Early", "location_id": place}));
        ours("PATCH", &format!("/jobs/{job}"), json!({"title": "Late"}));
        // Nothing changes, so that nothing is told.
        ours("PATCH", &format!("/jobs/{job}"), json!({"title": "Late"}));
        ours("PATCH", &format!("/jobs/{job}"), json!({"active": false}));
        ours("PATCH", &format!("/jobs/{job}"), json!({"active": true}));
        let coach = ours("POST", "/coaches", json!({"name": "Ada Secret", "external_id": "c1"}));
        ours("PATCH", &format!("/coaches/{coach}"), json!({"phone": "555", "bio": "Private"}));
        let file = "external_id,name,email\nc1,Ada Secret,ada@acme.test\nc2,Bob,bob@acme.test\n";
        let admin = browser_of(&people.server, "admin", people.ours.mark);
        let fields = [("what", "coaches"), ("step", "import")];
        assert_eq!(admin.upload("/admin/import", &fields, ("new.csv", file)).status, 200);
        let scope = BrandScope::mint(people.ours.id("brand"), Actor::System);
        let mut tx = world.db.write(&scope).await.unwrap();
        fithire_coaches::erase(&mut tx, (&Clock::System, &all.ids), coach).await.unwrap();
        tx.commit().await.unwrap();

        for _ in 0..100 {
            all.work().await;
            if all.log().iter().chain(&some.log()).all(|delivery| delivery["state"] == "delivered") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let bodies = |told: &Told<'_>| -> Vec<(String, Value)> {
            let mut log = told.log();
            log.reverse();
            log.iter()
                .map(|one| (one["kind"].as_str().unwrap().to_owned(), one["body"]["data"].clone()))
                .collect()
        };
        let told = bodies(&all);
        let bob = told.iter().rfind(|(kind, _)| kind == "coach.created").unwrap().1["coach_id"].clone();
        let expected = [
            ("job.created", json!({"job_id": job, "location_id": place})),
            ("job.updated", json!({"job_id": job, "location_id": place, "changed": ["title"]})),
            ("job.closed", json!({"job_id": job, "location_id": place})),
            ("job.updated", json!({"job_id": job, "location_id": place, "changed": ["active"]})),
            ("coach.created", json!({"coach_id": coach})),
            ("coach.updated", json!({"coach_id": coach, "changed": ["phone", "bio"]})),
            ("coach.updated", json!({"coach_id": coach, "changed": ["email"]})),
            ("coach.created", json!({"coach_id": bob})),
            ("coach.erased", json!({"coach_id": coach})),
        ];
        let expected = expected.map(|(kind, data)| (kind.to_owned(), data));
        assert_eq!(told, expected);
        assert_eq!(all.received().len(), expected.len());
        assert!((0..expected.len()).all(|n| all.verify(n, &all.secret) == "yes"));
        let text = serde_json::to_string(&all.received()).unwrap();
        assert!(
            !text.contains("Secret") && !text.contains("Private") && !text.contains("acme.test"),
            "{text}"
        );
        assert_eq!(bodies(&some).len(), 1);
        // Messages are sent beside each other, so that they arrive in any order.
        let closed = |told: &Told<'_>| -> Vec<Value> {
            let mut received = told.received();
            received.retain(|request| request["body"].as_str().unwrap().contains("job.closed"));
            received
        };
        let (own, other) = (closed(&some), closed(&all));
        assert_eq!((own.len(), other.len()), (1, 1));
        assert_eq!(own[0]["body"], other[0]["body"], "the same event, in a message of its own");
        assert_ne!(own[0]["headers"]["webhook-id"], other[0]["headers"]["webhook-id"]);
        theirs.work().await;
        assert_eq!((theirs.log().len(), theirs.received().len()), (0, 0));
        // Another brand's webhook is not there.
        for path in ["", "/deliveries"] {
            let path = format!("{}{path}", theirs.path);
            assert_eq!(send(&people.server, people.ours.token("admin"), "GET", &path, None).status, 404);
        }
    });
}

#[test]
fn what_is_not_taken_is_tried_again_and_no_redirect_is_followed() {
    on_both(async |world| {
        let people = people(&world).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobUpdated]);
        let job = format!("/jobs/{}", people.ours.id("job"));
        let title = |title: &str| {
            let change = json!({"title": title});
            assert_eq!(
                send(&people.server, people.ours.token("admin"), "PATCH", &job, Some(&change)).status,
                200
            );
        };
        let soon = |delivery: &Value| time(&delivery["next_at"]) - time(&delivery["tried_at"]);

        let elsewhere = format!("{}/elsewhere", told.receiver.url);
        told.answers(
            &json!({"status": 302, "headers": {"Location": elsewhere}, "body": "<script>alert(1)</script>"}),
        );
        title("One");
        let delivery = told.until("a redirect fails", tried(1)).await;
        assert_eq!((&delivery["state"], &delivery["status"]), (&json!("waiting"), &json!(302)));
        assert!(delivery["error"].as_str().unwrap().contains("redirects are not followed"));
        assert!((TimeDelta::seconds(4)..=TimeDelta::seconds(6)).contains(&soon(&delivery)), "{delivery}");
        assert!(told.webhook()["failing_since"].is_string());
        let admin = browser_of(&people.server, "admin", people.ours.mark);
        let page = admin.get(&format!("/admin{}", told.path)).body;
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
        assert!(page.contains("Failing"), "{page}");

        told.answers(&json!({"status": 503, "headers": {"Retry-After": "600"}}));
        told.hurry().await;
        let delivery = told.until("a receiver asks for time", tried(2)).await;
        assert!(soon(&delivery) == TimeDelta::seconds(600), "{delivery}");
        told.answers(&json!({"status": 429, "headers": {"Retry-After": "1"}}));
        told.hurry().await;
        let delivery = told.until("and may not ask for less", tried(3)).await;
        assert!((TimeDelta::minutes(4)..=TimeDelta::minutes(6)).contains(&soon(&delivery)), "{delivery}");
        told.answers(&json!({"status": 200, "body": "thanks"}));
        told.hurry().await;
        let delivery = told.until("it is taken", is("delivered")).await;
        assert_eq!((&delivery["attempts"], &delivery["answer"]), (&json!(4), &json!("thanks")));
        assert_eq!(told.webhook()["failing_since"], Value::Null);
        let received = told.received();
        let ids: Vec<&Value> = received.iter().map(|request| &request["headers"]["webhook-id"]).collect();
        assert_eq!(ids, [ids[0]; 4], "each attempt has the same id");
        assert!(received.iter().all(|request| request["path"] != "/elsewhere"));
        assert!((0..4).all(|n| told.verify(n, &told.secret) == "yes"));

        // After the last attempt it has failed, and nothing of it waits.
        told.answers(&json!({"status": 500}));
        title("Two");
        told.until("it fails once", tried(1)).await;
        let last = format!("UPDATE tasks SET attempt = most - 1 WHERE kind = '{}'", work::DELIVER);
        world.as_owner(&last).await;
        told.hurry().await;
        told.until("it fails for good", is("failed")).await;
        assert_eq!(told.queued().await, 0);
        told.answers(&json!({"status": 200}));
        let page = format!("/admin{}", told.path);
        let sent = admin.submit(&page, &format!("{page}/replay"), &[("since", "2026-01-01")]);
        assert_eq!((sent.status, location(&sent)), (303, &*page));
        assert!(admin.get(&page).body.contains("One message is on its way again"));
        told.until("it is sent again", is("delivered")).await;
        let wrong = admin.submit(&page, &format!("{page}/replay"), &[("since", "soon")]);
        assert!(wrong.status == 422 && wrong.body.contains("href=\"#since\""), "{}", wrong.body);
    });
}

#[test]
fn a_receiver_that_is_gone_or_fails_for_days_is_switched_off_and_what_it_missed_is_sent_again() {
    on_both(async |world| {
        let people = people(&world).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobUpdated]);
        let job = format!("/jobs/{}", people.ours.id("job"));
        let title = |title: &str| {
            let change = json!({"title": title});
            assert_eq!(
                send(&people.server, people.ours.token("admin"), "PATCH", &job, Some(&change)).status,
                200
            );
        };
        told.answers(&json!({"status": 410}));
        title("One");
        let failed = told.until("it is gone", is("failed")).await;
        let webhook = told.webhook();
        assert_eq!((&webhook["enabled"], &webhook["off_because"]), (&json!(false), &json!("gone")));
        title("Two");
        assert_eq!(told.log().len(), 1, "nothing is meant for it any more");
        let replay = format!("/deliveries/{}/replay", failed["id"]);
        let answer = told.send("POST", &replay, None);
        assert!(answer.status == 409 && answer.body.contains("switch it on"), "{}", answer.body);
        // A test goes out all the same.
        told.answers(&json!({"status": 200}));
        told.send("POST", "/test", None);
        told.until("a test arrives", is("delivered")).await;
        assert_eq!(
            told.send("PATCH", "", Some(&json!({"enabled": true}))).json()["off_because"],
            Value::Null
        );
        let again = told.send("POST", &replay, None).json();
        assert_eq!((&again["id"], &again["attempts"]), (&failed["id"], &json!(0)));
        for _ in 0..100 {
            told.work().await;
            if told.log()[1]["state"] == "delivered" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let id = failed["id"].to_string();
        let of_it = told.received().into_iter().filter(|one| one["headers"]["webhook-id"] == *id);
        let bodies: Vec<Value> = of_it.map(|request| request["body"].clone()).collect();
        assert_eq!(bodies.len(), 2);
        assert_eq!(bodies[0], bodies[1]);

        // A test that fails does not count; an event that fails for five days does.
        told.answers(&json!({"status": 500}));
        told.send("POST", "/test", None);
        told.until("a test fails", is("failed")).await;
        assert_eq!(told.webhook()["failing_since"], Value::Null);
        title("Three");
        told.until("it fails", tried(1)).await;
        let past = Clock::System.now() - TimeDelta::days(6);
        world
            .as_owner(&format!(
                "UPDATE webhook_endpoints SET failing_since = '{}' WHERE failing_since IS NOT NULL",
                past.to_rfc3339()
            ))
            .await;
        told.hurry().await;
        told.until("it fails again", tried(2)).await;
        let webhook = told.webhook();
        assert_eq!((&webhook["enabled"], &webhook["off_because"]), (&json!(false), &json!("failing")));
        let admin = browser_of(&people.server, "admin", people.ours.mark);
        for page in ["/admin/webhooks".to_owned(), format!("/admin{}", told.path)] {
            let page = admin.get(&page).body;
            assert!(page.contains("It took no message for five days"), "{page}");
        }
        assert!(admin.get("/admin/audit?kind=webhook.").body.contains("webhook switched off"));
        // What still waits fails instead of being sent.
        let before = told.received().len();
        told.hurry().await;
        let off = told.until("it is not sent", is("failed")).await;
        assert!(off["error"].as_str().unwrap().contains("switched off"), "{off}");
        assert_eq!(told.received().len(), before);
        // With the webhook goes its log, and what was on its way finds nothing.
        told.send("PATCH", "", Some(&json!({"enabled": true})));
        title("Four");
        assert_eq!(told.send("DELETE", "", None).status, 200);
        assert_eq!(told.send("GET", "", None).status, 404);
        for _ in 0..100 {
            told.hurry().await;
            told.work().await;
            if told.queued().await == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(told.queued().await, 0);
        // The server may have been quicker, once.
        assert!(told.received().len() <= before + 1);
    });
}

#[test]
fn thousands_of_events_at_once_are_as_many_messages_and_are_kept_for_a_month() {
    on_both(async |world| {
        let people = people(&world).await;
        let brand = people.ours.id("brand");
        let new = json!({"url": "http://127.0.0.1:9/", "kinds": ["match.changed"]});
        let made = send(&people.server, people.ours.token("admin"), "POST", "/webhooks", Some(&new));
        assert_eq!(made.status, 200, "{}", made.body);
        // Nobody works meanwhile.
        drop(people);
        let scope = BrandScope::mint(brand, Actor::System);
        let ids = Ids::new(Clock::System, 7);
        let tools = (&Clock::System, &ids);
        let count =
            async || [world.count("webhook_deliveries", brand).await, world.count("tasks", brand).await];
        let [deliveries, tasks] = count().await;
        let event =
            |n: Id| Event { kind: Kind::MatchChanged, at: Clock::System.now(), data: json!({"job_id": n}) };
        let mut tx = world.db.write(&scope).await.unwrap();
        publish(&mut tx, tools, (0..2_500).map(event).collect()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count().await, [deliveries + 2_500, tasks + 2_500]);
        // What does not happen is not told.
        let mut tx = world.db.write(&scope).await.unwrap();
        publish(&mut tx, tools, (0..10).map(event).collect()).await.unwrap();
        drop(tx);
        assert_eq!(count().await, [deliveries + 2_500, tasks + 2_500]);
        for (days, left) in [(29, deliveries + 2_500), (31, 0)] {
            let mut tx = world.db.write(&scope).await.unwrap();
            tidy_brand(&mut tx, Clock::System.now() + TimeDelta::days(days)).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(world.count("webhook_deliveries", brand).await, left);
        }
        // A task whose delivery is gone has nothing to do.
        let sender = Sender::new(WebhookSettings { allow_private: true }).unwrap();
        let claimed = claims::turn(&world.db, &scope, tools, (&[], 1_000)).await.unwrap();
        let task = claimed.iter().find(|task| task.kind == work::DELIVER).unwrap();
        assert_eq!(work::deliver(&world.db, tools, &sender, task).await, Outcome::Done);
    });
}

#[test]
fn no_webhook_leads_into_a_private_network_unless_the_operator_says_so() {
    on_both(async |world| {
        let people = people(&world).await;
        let mut program = configured(&world);
        let strict = Server::on(program.env("FITHIRE_WEBHOOKS__ALLOW_PRIVATE", "false"));
        let token = strict.token_of(&email("admin", people.ours.mark));
        let kinds = ["job.closed"];
        for url in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://localhost/",
            "https://user:secret@example.com/",
            "https://example.com:22/",
        ] {
            let new = json!({"url": url, "kinds": kinds});
            let answer = send(&strict, &token, "POST", "/webhooks", Some(&new));
            let named = answer.json()["errors"][0]["pointer"].clone();
            assert_eq!((answer.status, named), (422, json!("/url")), "{url}: {}", answer.body);
        }
        let new = json!({"url": "https://example.com:8443/", "kinds": kinds});
        assert_eq!(send(&strict, &token, "POST", "/webhooks", Some(&new)).status, 200);
        let admin = browser_of(&strict, "admin", people.ours.mark);
        let typed = [("url", "http://10.0.0.1/"), ("kind-job.closed", "yes"), ("enabled", "yes")];
        let page = admin.submit("/admin/webhooks", "/admin/webhooks", &typed);
        assert_eq!(page.status, 422);
        for shown in ["href=\"#url\"", "does not begin with https://", "http://10.0.0.1/"] {
            assert!(page.body.contains(shown), "{shown} in {}", page.body);
        }
        let none = admin.submit("/admin/webhooks", "/admin/webhooks", &[("url", "https://example.com/")]);
        assert!(none.status == 422 && none.body.contains("href=\"#kinds\""), "{}", none.body);
        // One that was saved while that was allowed is not sent to either.
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobClosed]);
        let guarded =
            Told { sender: Sender::new(WebhookSettings::default()).unwrap(), server: &strict, token, ..told };
        guarded.send("POST", "/test", None);
        let delivery = guarded.until("it is not sent", |delivery| delivery["state"] != "waiting").await;
        if delivery["state"] == "failed" {
            assert!(delivery["error"].as_str().unwrap().contains("does not begin with https"), "{delivery}");
            assert_eq!(guarded.received().len(), 0);
        }
    });
}
