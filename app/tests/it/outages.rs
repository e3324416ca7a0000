//! What ends or goes away while people work: the server is killed, and database, mail server and receivers of webhooks are
//! gone for a while. Nothing that was acknowledged is lost, each effect happens once, and what waits drains by itself.
//!
//! `just soak` runs this at full size.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use fithire_kernel::clock::Clock;
use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_notifications::{Kind, Notice, notify};
use sqlx::{Connection as _, SqliteConnection};

use crate::busy::{Busy, Received, coaches, signal};
use crate::peers::{Peer, free_port, until};
use crate::people::{People, people};
use crate::server::{Server, configured};

/// Whether the whole size is asked for.
#[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
fn whole() -> bool {
    std::env::var("FITHIRE_TEST_SOAK").is_ok()
}

/// Somebody who is told of things by mail.
struct Reader {
    scope: BrandScope,
    account_id: Id,
    told: BTreeSet<String>,
}

impl Reader {
    async fn new(world: &World, people: &People) -> Self {
        world.as_owner("UPDATE accounts SET email_confirmed_at = '2026-11-01T00:00:00+00:00'").await;
        let identity = fithire_identity::testing::Staff::open(world).await.identity;
        let password = fithire_identity::testing::PASSWORD.to_owned();
        let coach = identity.recognise("coach@acme.test", password, None).await.unwrap();
        let scope = BrandScope::mint(people.ours.id("brand"), Actor::System);
        Self { scope, account_id: coach.account_id, told: BTreeSet::new() }
    }

    /// Tells them something new.
    async fn tell(&mut self, world: &World, event: String) {
        let notice = Notice {
            account_id: self.account_id,
            kind: Kind::System,
            title: format!("Told of {event}."),
            event: event.clone(),
            text: String::new(),
            path: "/account".to_owned(),
        };
        // A database that is busy or away is asked again; what was told once is not told again.
        for _ in 0..600 {
            let told = async {
                let mut tx = world.db.write(&self.scope).await?;
                notify(&mut tx, (&Clock::System, &world.ids), vec![notice.clone()]).await?;
                tx.commit().await.map_err(fithire_kernel::problem::Problem::from)
            };
            if told.await.is_ok() {
                self.told.insert(event);
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{event} could not be told");
    }

    /// Waits until every event has arrived by mail, and checks that each did by one message. A message is known by its
    /// Message-ID; answers how many came more than once.
    fn each_once(&self, mail: &Peer) -> usize {
        let mut all = arrived(mail);
        for _ in 0..600 {
            if all.count() >= self.told.len() {
                break;
            }
            sleep(Duration::from_secs(1));
            all = arrived(mail);
        }
        assert_eq!(
            all.count(),
            self.told.len(),
            "events that messages tell of, or say that there are more of"
        );
        for (event, by) in &all.by {
            assert!(by.len() == 1 && self.told.contains(event), "{event} came by {by:?}");
        }
        all.times.values().filter(|times| **times > 1).count()
    }
}

/// What has arrived by mail.
#[derive(Default)]
struct Arrived {
    /// By which messages each event has.
    by: BTreeMap<String, BTreeSet<String>>,
    /// How often each message has.
    times: BTreeMap<String, usize>,
    /// Of how many more events each message says that there are: it shows fifty.
    more: BTreeMap<String, usize>,
}

impl Arrived {
    fn count(&self) -> usize {
        self.by.len() + self.more.values().sum::<usize>()
    }
}

fn arrived(mail: &Peer) -> Arrived {
    let (mut all, mut message) = (Arrived::default(), String::new());
    for line in mail.ask("GET", "/messages", "").lines() {
        if let Some(id) = line.strip_prefix("Message-ID: ") {
            id.trim().clone_into(&mut message);
            *all.times.entry(message.clone()).or_default() += 1;
        }
        if let Some(more) = line.strip_prefix("And ").and_then(|rest| rest.split_once(" more:")) {
            all.more.insert(message.clone(), more.0.parse().unwrap());
        }
        for (at, _) in line.match_indices("Told of ") {
            if let Some((event, _)) = line[at + 8..].split_once('.') {
                all.by.entry(event.to_owned()).or_default().insert(message.clone());
            }
        }
    }
    all
}

/// The program at a port that stays the same, so that its tokens hold, sending to a mail server.
fn serve(world: &World, port: u16, mail: &Peer, database: Option<&str>) -> Server {
    let mut program = configured(world);
    program.env("FITHIRE_MAIL__SMTP_URL", &mail.url).env("FITHIRE_TASKS__LEASE_SECONDS", "2");
    if let Some(url) = database {
        program.env("FITHIRE_DATABASE__URL", url);
    }
    Server::started(program.args(["serve", "--port", &port.to_string()])).0
}

#[test]
#[expect(clippy::print_stdout, reason = "how far it was tried is worth reading")]
fn killed_again_and_again_it_loses_nothing_and_nothing_is_told_twice() {
    on_both(async |world| {
        let cycles = if whole() { 200 } else { 6 };
        let (people, mail, port) = (people(&world).await, Peer::start("mail.mjs", &[]), free_port());
        let mut reader = Reader::new(&world, &people).await;
        let receiver = Received::told_of_new_coaches(&people);
        let job = people.ours.id("job");
        drop(people);
        let (mut saved, mut token) = (Vec::new(), String::new());
        for cycle in 0..cycles {
            let server = serve(&world, port, &mail, None);
            if token.is_empty() {
                token = server.token_of("manager@acme.test");
            }
            let busy = Busy::new(&server.url, &token, job);
            std::thread::scope(|scope| {
                let busy = &busy;
                let client = |n| scope.spawn(move || busy.until_stopped(&format!("{cycle}-{n}")));
                let clients: Vec<_> = (0..3).map(client).collect();
                tokio::task::block_in_place(|| {
                    let runtime = tokio::runtime::Handle::current();
                    for n in 0..3 {
                        runtime.block_on(reader.tell(&world, format!("event-{cycle}-{n}")));
                    }
                    until(60, "it is busy", || busy.answered() > 10);
                    sleep(Duration::from_millis(fastrand::u64(0..300)));
                });
                signal(&server, "-KILL");
                busy.stop();
                for client in clients {
                    let (acknowledged, refused) = client.join().unwrap();
                    saved.extend(acknowledged);
                    assert_eq!(refused, [0_u16; 0], "{}", server.log());
                }
            });
        }
        let server = serve(&world, port, &mail, None);
        let there = coaches(&server, &token);
        for id in &saved {
            assert!(there.contains_key(id), "{}: {id} was acknowledged and is lost", world.dialect);
        }
        let (messages, hooks_twice) = receiver.each_once(&there);
        let mails_twice = reader.each_once(&mail);
        println!(
            "{}: {cycles} kills, {} coaches acknowledged, 0 lost; {messages} webhooks, 0 as two messages ({hooks_twice} came \
             again with the same id); {} events by mail, 0 as two messages ({mails_twice} came again with the same id)",
            world.dialect,
            saved.len(),
            reader.told.len(),
        );
    });
}

/// A way to a database that can be closed: connections break, and no new one is taken.
struct Way {
    url: String,
    closed: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    fn to(url: &str) -> Self {
        let (rest, name) = url.rsplit_once('/').unwrap();
        let (user, host) = rest.rsplit_once('@').unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Self {
            url: format!("{user}@127.0.0.1:{port}/{name}"),
            closed: Arc::default(),
            open: Arc::default(),
        };
        let (closed, open, host) = (way.closed.clone(), way.open.clone(), host.to_owned());
        std::thread::spawn(move || {
            for wire in listener.incoming().flatten() {
                if closed.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&host) else { continue };
                let pairs = [
                    (wire.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), wire.try_clone().unwrap()),
                ];
                open.lock().unwrap().extend([wire, server]);
                for (from, to) in pairs {
                    std::thread::spawn(move || pass_on(from, to));
                }
            }
        });
        way
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for wire in self.open.lock().unwrap().drain(..) {
            let _ = wire.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.closed.store(false, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Has the database be away for a while: unreachable, or, where it is a file, locked by somebody who does not let go.
async fn away(world: &World, way: Option<&Way>, time: Duration) {
    if let Some(way) = way {
        way.close();
        tokio::time::sleep(time).await;
        way.open();
    } else {
        let mut lock = SqliteConnection::connect(&world.url).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        tokio::time::sleep(time).await;
        sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how far it was tried is worth reading")]
fn what_waits_for_a_mail_server_a_receiver_or_the_database_drains_by_itself() {
    on_both(async |world| {
        let outage = Duration::from_secs(if whole() { 60 } else { 3 });
        let (people, mail, port) = (people(&world).await, Peer::start("mail.mjs", &[]), free_port());
        let mut reader = Reader::new(&world, &people).await;
        let receiver = Received::told_of_new_coaches(&people);
        let job = people.ours.id("job");
        drop(people);
        let way = (world.dialect != "SQLite").then(|| Way::to(&world.url));
        let server = serve(&world, port, &mail, way.as_ref().map(|way| &*way.url));
        let token = server.token_of("manager@acme.test");
        let busy = Busy::new(&server.url, &token, job);

        // Neither takes anything, and people go on working.
        mail.ask("POST", "/down", "");
        receiver.0.ask("POST", "/answer", r#"{"status": 503}"#);
        for n in 0..5 {
            assert_eq!(busy.save(&format!("quiet-{n}")), Some(200));
            reader.tell(&world, format!("quiet-{n}")).await;
        }
        tokio::time::sleep(outage).await;
        assert_eq!(arrived(&mail).count(), 0);
        mail.ask("POST", "/up", "");
        receiver.0.ask("POST", "/answer", r#"{"status": 200}"#);

        // The database is away while people work: they are told so, and it goes on by itself.
        let ((saved, refused), pid) = (
            std::thread::scope(|scope| {
                let client = scope.spawn(|| busy.until_stopped("away"));
                tokio::task::block_in_place(|| {
                    until(60, "it is busy", || busy.answered() > 10);
                    tokio::runtime::Handle::current().block_on(away(&world, way.as_ref(), outage));
                    let before = busy.answered();
                    until(60, "it is busy again", || busy.answered() > before + 10);
                });
                busy.stop();
                client.join().unwrap()
            }),
            server.child.id(),
        );
        let other = refused.iter().filter(|status| **status != 503).count();
        assert_eq!(other, 0, "{}", server.log());
        for n in 0..5 {
            reader.tell(&world, format!("after-{n}")).await;
        }
        let there = coaches(&server, &token);
        for id in &saved {
            assert!(there.contains_key(id), "{}: {id} was acknowledged and is lost", world.dialect);
        }
        let (messages, _) = receiver.each_once(&there);
        reader.each_once(&mail);
        until(30, "nothing is late", || server.send("GET", "/readyz", None, None).status == 200);
        println!(
            "{}: each was away for {} s; {} requests were refused meanwhile, {} coaches acknowledged, {messages} webhooks and \
             {} events by mail, each once; process {pid} went on",
            world.dialect,
            outage.as_secs(),
            refused.len(),
            saved.len(),
            reader.told.len(),
        );
    });
}
