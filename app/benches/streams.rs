//! What it costs to tell open pages, beside bare writes of the same bytes to as many sockets:
//! `scripts/with-postgres cargo bench -p fithire --bench streams -- [STREAMS…]`.
//!
//! Everybody of a brand is told the same again and again by another process, on PostgreSQL. The server hears of it, reads
//! the inboxes and writes to every open stream; a bare program, also a process of its own, writes as many bytes to as many
//! sockets, one write for each event. Both are counted in processor time, with that of the kernel in it. What they write is
//! read by the same client, which looks at its sockets from time to time and waits for none: to wake who reads would count
//! as the writer's time here, and is another machine's over a network. Compare the share, not the times: it is what a core
//! tells, of what it could tell at most. A rescoring tells somebody of several matches in one transaction; what comes
//! together goes out together.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints its table"
)]

mod measured;

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream as Connection};
use std::process::{Command, Stdio};
use std::time::Duration;

use fithire_identity::testing::{PASSWORD, setup};
use fithire_identity::{Identity, Limits, NewAccount, Role, add_member, create_account};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_notifications::{Kind, Notice, notify};
use fithire_orgs::{NewBrand, create_brand};
use measured::{Measured, now};

/// Pages that somebody has open at once, as many as a process keeps for one account.
const PAGES: usize = 8;
/// So many streams are tried with a page for each person, too; of more, making the people would take longest.
const ALONE: usize = 1_000;
/// Times that everybody is told something.
const ROUNDS: usize = 40;
/// Notices that somebody is told of in one transaction.
const TOGETHER: [usize; 2] = [1, 8];
/// Streams that are opened at once.
const AT_ONCE: usize = 64;
/// What one event has in it, of the server's and of the bare writes.
const EVENT: &str = "event: notice";
/// As a process that writes and does nothing else, this is its first argument.
const BARE: &str = "bare-writes";

/// How long the client waits before it looks at its sockets again.
const PAUSE: Duration = Duration::from_millis(5);

/// Open streams, as the client has them.
struct Streams {
    open: Vec<Stream>,
    /// A stream is ready with its first line of this beginning.
    first: &'static str,
    ready: usize,
    events: usize,
    bytes: usize,
}

struct Stream {
    socket: Connection,
    is_ready: bool,
    /// What has come of a line.
    line: Vec<u8>,
}

impl Streams {
    /// Opens streams by requests, some at once, until all are ready.
    fn open(to: SocketAddr, requests: Vec<String>, first: &'static str) -> Self {
        let mut streams = Self { open: Vec::new(), first, ready: 0, events: 0, bytes: 0 };
        for request in requests {
            // The first alone, so that nothing is made twice.
            let under_way = if streams.ready == 0 { 1 } else { AT_ONCE };
            streams.wait(|streams| streams.open.len() < streams.ready + under_way);
            let mut socket = Connection::connect(to).unwrap();
            socket.write_all(request.as_bytes()).unwrap();
            socket.set_nonblocking(true).unwrap();
            streams.open.push(Stream { socket, is_ready: false, line: Vec::new() });
        }
        streams.wait(|streams| streams.ready == streams.open.len());
        streams
    }

    fn wait(&mut self, until: impl Fn(&Self) -> bool) {
        let began = now();
        while !until(self) {
            std::thread::sleep(PAUSE);
            self.read();
            assert!(began.elapsed() < Duration::from_mins(5), "{} events, {} ready", self.events, self.ready);
        }
    }

    /// Reads what there is.
    fn read(&mut self) {
        let Self { open, first, ready, events, bytes } = self;
        let mut buffer = [0; 4_096];
        for Stream { socket, is_ready, line } in open {
            let length = match socket.read(&mut buffer) {
                Ok(0) => panic!("a stream has ended"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("a stream has broken: {error}"),
            };
            *bytes += length;
            for part in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                line.extend(part);
                if !part.ends_with(b"\n") {
                    continue;
                }
                *events += usize::from(line.starts_with(EVENT.as_bytes()));
                if !*is_ready && line.starts_with(first.as_bytes()) {
                    *is_ready = true;
                    *ready += 1;
                }
                line.clear();
            }
        }
    }
}

/// What it cost to tell.
struct Cost {
    events: usize,
    /// Of the server or of the bare program.
    cpu: Duration,
    /// From when it was told until the last had it, for each round.
    took: Duration,
    /// Between the beginnings of two rounds.
    apart: Duration,
    /// Of an event on the wire.
    bytes: usize,
}

impl Cost {
    fn micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(self.events).unwrap())
    }
}

/// Has everybody told of so many notices again and again, and waits each time until all have them.
async fn measure(
    of: &Measured,
    streams: &mut Streams,
    together: usize,
    mut tell: impl AsyncFnMut(usize),
) -> Cost {
    let (before, a_round) = (streams.events, streams.open.len() * together);
    // Once untimed, so that everybody's buffers are there.
    tell(0).await;
    streams.wait(|streams| streams.events >= before + a_round);
    let (cpu, bytes, began) = (of.cpu(), streams.bytes, now());
    let mut took = Duration::ZERO;
    for round in 1..=ROUNDS {
        tell(round).await;
        let told = now();
        streams.wait(|streams| streams.events >= before + (round + 1) * a_round);
        took += told.elapsed();
    }
    let events = ROUNDS * a_round;
    // What a process does a moment later is its cost as well.
    let each_round = |time: Duration| time / u32::try_from(ROUNDS).unwrap();
    let (took, apart) = (each_round(took), each_round(began.elapsed()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    streams.read();
    assert_eq!(streams.events, before + events + a_round, "each is told once");
    let bytes = (streams.bytes - bytes) / events;
    Cost { events, cpu: of.cpu().saturating_sub(cpu), took, apart, bytes }
}

/// Everybody of a brand, signed in.
struct Audience {
    scope: BrandScope,
    clock: Clock,
    ids: Ids,
    /// Accounts and their sessions' cookies.
    people: Vec<(Id, String)>,
}

impl Audience {
    async fn make(world: &World, people: usize) -> Self {
        let clock = Clock::System;
        let ids = Ids::new(clock.clone(), 2);
        let db = &world.db;
        let new =
            NewBrand { slug: "pulse".to_owned(), name: "Pulse".to_owned(), time_zone: "UTC".to_owned() };
        let brand_id = create_brand(db, &clock, &ids, new).await.unwrap();
        let scope = BrandScope::mint(brand_id, Actor::System);
        let identity = Identity::open(db.clone(), (clock.clone(), ids.clone()), setup("http://127.0.0.1"))
            .await
            .unwrap();
        let mut made = Vec::new();
        for number in 0..people {
            let email = format!("somebody-{number}@pulse.test");
            let new = NewAccount { email, name: format!("Somebody {number}"), password: PASSWORD.to_owned() };
            let account_id = create_account(db, &clock, &ids, new).await.unwrap();
            add_member(db, &clock, &scope, account_id, Role::Manager, Limits::default()).await.unwrap();
            made.push((account_id, identity.open_session(account_id, brand_id, None).await.unwrap()));
        }
        Self { scope, clock, ids, people: made }
    }

    /// Tells each person of several notices.
    async fn tell(&self, world: &World, together: usize, what: &str) {
        let notice = |account_id: Id, number: usize| Notice {
            account_id,
            kind: Kind::JobChanged,
            event: format!("bench:{what}:{number}"),
            title: "A job that fits has other times: Yoga on Tuesdays".to_owned(),
            text: String::new(),
            path: "/jobs/117506647438186".to_owned(),
        };
        let notices =
            self.people.iter().flat_map(|(account_id, _)| (0..together).map(|n| notice(*account_id, n)));
        let mut tx = world.db.write(&self.scope).await.unwrap();
        notify(&mut tx, (&self.clock, &self.ids), notices.collect()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// So many streams: of the server, and of bare writes.
async fn compare(world: &World, audience: &Audience, streams: usize, pages: usize) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fithire"));
    program
        .current_dir(world.folder())
        .env("FITHIRE_DATABASE__URL", &world.url)
        .env("FITHIRE_DATABASE__OWNER_URL", &world.owner_url)
        .env("FITHIRE_MEDIA__PORT", "0")
        .env("FITHIRE_RATES__ADDRESS", "100000000")
        .args(["serve", "--port", "0", "--no-worker"]);
    let mut server = Measured::start(program.stderr(Stdio::null()));
    let url = server.says("url: ");
    let to: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let idle = server.memory();
    let began = now();
    let people = streams.div_ceil(pages);
    let of_people = &audience.people[..people];
    let requests: Vec<String> = (0..streams)
        .map(|number| {
            let cookie = &of_people[number / pages].1;
            format!("GET /notifications/stream HTTP/1.1\r\nHost: {to}\r\nCookie: fithire={cookie}\r\n\r\n")
        })
        .collect();
    let mut open = Streams::open(to, requests, "event: unread");
    let opened_in = began.elapsed();
    let held = (server.memory() - idle) * 1024.0 / f64::from(u32::try_from(streams).unwrap());
    let few = Audience {
        people: of_people.to_vec(),
        scope: audience.scope.clone(),
        clock: audience.clock.clone(),
        ids: audience.ids.clone(),
    };
    let mut costs = Vec::new();
    for together in TOGETHER {
        let what = |number| format!("{streams}:{pages}:{together}:{number}");
        let tell = async |number| few.tell(world, together, &what(number)).await;
        costs.push((together, measure(&server, &mut open, together, tell).await));
    }
    drop((server, open));

    for (together, told) in costs {
        let mut bare = Command::new(std::env::current_exe().unwrap());
        let mut bare = Measured::start(bare.args([BARE, &streams.to_string(), &told.bytes.to_string()]));
        let to = SocketAddr::from(([127, 0, 0, 1], bare.says("port: ").parse().unwrap()));
        let mut orders = Connection::connect(to).unwrap();
        let mut open = Streams::open(to, vec![String::new(); streams], "ready");
        // As far apart as the server had it: a socket that has rested costs more to write to.
        let mut due = now();
        let tell = async |_| {
            tokio::time::sleep_until(due.into()).await;
            due = now() + told.apart;
            orders.write_all(&vec![b'\n'; together]).unwrap();
        };
        let written = measure(&bare, &mut open, together, tell).await;
        println!(
            "| {streams} | {pages} | {together} | {:.2} µs | {:.2} µs | {:.0} % | {} | {:.0} ms | {:.0} ms | {:.1} s | {held:.1} KB |",
            told.micros(),
            written.micros(),
            100.0 * written.micros() / told.micros(),
            told.bytes,
            told.took.as_secs_f64() * 1e3,
            written.took.as_secs_f64() * 1e3,
            opened_in.as_secs_f64(),
        );
    }
}

/// Writes an event of so many bytes to so many sockets, at each line that comes by the first connection.
fn write_bare(streams: usize, bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("port: {}", listener.local_addr().unwrap().port());
    let (orders, _) = listener.accept().unwrap();
    let mut sockets = Vec::new();
    while sockets.len() < streams {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(b"ready\n").unwrap();
        sockets.push(socket);
    }
    let event = format!("{EVENT:.<width$}\n", width = bytes - 1);
    for _ in BufReader::new(orders).lines() {
        for socket in &mut sockets {
            socket.write_all(event.as_bytes()).unwrap();
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [first, streams, bytes] = &*arguments
        && first == BARE
    {
        return write_bare(streams.parse().unwrap(), bytes.parse().unwrap());
    }
    let mut sizes: Vec<usize> = arguments.iter().map(|size| size.parse().unwrap()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000];
    }
    on_both(async |world| {
        if world.dialect == "SQLite" {
            // One process does not tell another there.
            return;
        }
        let alone = sizes.iter().copied().filter(|streams| *streams <= ALONE).max().unwrap_or(0);
        let people = sizes.iter().max().unwrap().div_ceil(PAGES).max(alone);
        let audience = Audience::make(&world, people).await;
        println!(
            "| streams | pages of one person | notices together | processor for an event | bare write | share | bytes | all have it after | bare | opened in | memory of a stream |"
        );
        println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        for streams in &sizes {
            for pages in [PAGES, 1] {
                if streams.div_ceil(pages) <= people {
                    compare(&world, &audience, *streams, pages).await;
                }
            }
        }
    });
}
