//! How long it takes until what a coach saves is everywhere, in a large brand:
//! `scripts/with-postgres cargo bench -p fithire --bench reach -- [COACHES JOBS]`.
//!
//! The program serves and works in one process. Coaches who are the best of a job lose what they are good for, one after
//! the other, and it is timed from before the request is sent: until it is answered, until the live ranking has it, until
//! the kept matches of every job and what became of them have it, and until the notice is on the coach's open page.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints its table"
)]

mod measured;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use fithire_identity::testing::{PASSWORD, setup};
use fithire_identity::{Identity, Limits, NewAccount, Role, add_member, create_account};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::tasks::desk::counts;
use fithire_kernel::testing::{World, on_both};
use fithire_matching::rescoring::{Of, kept};
use fithire_orgs::{NewBrand, create_brand};
use measured::{Measured, now};
use serde_json::{Value, json};

/// Coaches who are changed.
const CHANGES: usize = 20;
const BETWEEN: Duration = Duration::from_millis(2);

/// A brand of that size, and who may change it.
struct Brand<'w> {
    world: &'w World,
    scope: BrandScope,
    clock: Clock,
    ids: Ids,
    identity: Identity,
}

impl<'w> Brand<'w> {
    async fn make(world: &'w World) -> Self {
        let clock = Clock::System;
        let ids = Ids::new(clock.clone(), 2);
        let new = NewBrand { slug: "acme".to_owned(), name: "Acme".to_owned(), time_zone: "UTC".to_owned() };
        let brand_id = create_brand(&world.db, &clock, &ids, new).await.unwrap();
        let tools = (clock.clone(), ids.clone());
        let identity = Identity::open(world.db.clone(), tools, setup("http://127.0.0.1")).await.unwrap();
        Self { world, scope: BrandScope::mint(brand_id, Actor::System), clock, ids, identity }
    }

    async fn member(&self, email: &str, role: Role) -> Id {
        let World { db, .. } = self.world;
        let new =
            NewAccount { email: email.to_owned(), name: email.to_owned(), password: PASSWORD.to_owned() };
        let account_id = create_account(db, &self.clock, &self.ids, new).await.unwrap();
        add_member(db, &self.clock, &self.scope, account_id, role, Limits::default()).await.unwrap();
        account_id
    }

    /// The open page of a coach, whose profile becomes somebody's.
    async fn page_of(&self, coach_id: Id, url: &str) -> BufReader<TcpStream> {
        let account_id = self.member(&format!("coach-{coach_id}@acme.test"), Role::Coach).await;
        let mut tx = self.world.db.write(&self.scope).await.unwrap();
        fithire_coaches::link(&mut tx, coach_id, account_id).await.unwrap();
        tx.commit().await.unwrap();
        let cookie = self.identity.open_session(account_id, self.scope.brand_id(), None).await.unwrap();
        let host = url.trim_start_matches("http://");
        let mut wire = TcpStream::connect(host).unwrap();
        wire.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        write!(
            wire,
            "GET /notifications/stream HTTP/1.1\r\nHost: {host}\r\nCookie: fithire={cookie}\r\n\r\n"
        )
        .unwrap();
        let mut page = BufReader::new(wire);
        until(&mut page, "event: unread");
        page
    }

    /// Matches of a coach that are kept.
    async fn matches(&self, coach_id: Id) -> usize {
        let mut tx = self.world.db.read(&self.scope).await.unwrap();
        kept(&mut tx, Of::Coach(coach_id)).await.unwrap().len()
    }

    /// Waits until nothing is being worked out, and something was.
    async fn rest(&self, job_id: Id) {
        loop {
            let mut tx = self.world.db.read(&self.scope).await.unwrap();
            let running = counts(&mut tx, self.clock.now()).await.unwrap().running;
            if running == 0 && !kept(&mut tx, Of::Job(job_id)).await.unwrap().is_empty() {
                return;
            }
            drop(tx);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Lines of a stream up to one with a beginning.
fn until(page: &mut BufReader<TcpStream>, beginning: &str) {
    let mut line = String::new();
    while !line.starts_with(beginning) {
        line.clear();
        assert!(page.read_line(&mut line).unwrap() > 0, "the stream has ended before {beginning}");
    }
}

fn program(world: &World, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fithire"));
    program
        .current_dir(world.folder())
        .env("FITHIRE_DATABASE__URL", &world.url)
        .env("FITHIRE_DATABASE__OWNER_URL", &world.owner_url)
        .env("FITHIRE_MEDIA__PORT", "0")
        .args(arguments)
        .stderr(Stdio::null());
    for of in ["ADDRESS", "ACCOUNT", "KEY"] {
        program.env(format!("FITHIRE_RATES__{of}"), "100000000");
    }
    program
}

async fn measure(world: &World, coaches: &str, jobs: &str) {
    let brand = Brand::make(world).await;
    for arguments in [
        &["sample", "--coaches", coaches, "--jobs", jobs, "files"][..],
        &["import", "coaches", "files/coaches.csv", "--brand", "acme"],
        &["import", "jobs", "files/jobs.csv", "--brand", "acme", "--create-locations"],
    ] {
        assert!(program(world, arguments).stdout(Stdio::null()).status().unwrap().success(), "{arguments:?}");
    }
    brand.member("admin@acme.test", Role::Admin).await;
    let mut server = Measured::start(&mut program(world, &["serve", "--port", "0"]));
    let url = server.says("url: ");
    let agent = ureq::Agent::new_with_defaults();
    let send = |method: &str, path: &str, token: &str, body: Value| -> Value {
        let request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
        let request = request.header("Content-Type", "application/json").header("If-Match", "*");
        let request = request.header("Authorization", format!("Bearer {token}"));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = agent.run(request.body(body).unwrap()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    };
    let who = json!({"email": "admin@acme.test", "password": PASSWORD});
    let token = send("POST", "/api/v1/auth/token", "", who)["access_token"].as_str().unwrap().to_owned();
    let list = send("GET", "/api/v1/jobs?limit=100", &token, Value::Null);
    // Whoever is the best of a job, and that job.
    let (mut best, mut seen) = (Vec::new(), BTreeSet::new());
    for job in list["items"].as_array().unwrap() {
        let job_id = job["id"].as_i64().unwrap();
        let list = send("GET", &format!("/api/v1/jobs/{job_id}/candidates?limit=1"), &token, Value::Null);
        if let Some(coach_id) = list["candidates"][0]["coach_id"].as_i64()
            && best.len() < CHANGES
            && seen.insert(coach_id)
        {
            best.push((job_id, coach_id));
        }
    }
    brand.rest(best[0].0).await;
    let mut took = [const { Vec::new() }; 4];
    let (mut matches, cpu) = (0, server.cpu());
    for (job_id, coach_id) in &best {
        let mut page = brand.page_of(*coach_id, &url).await;
        matches += brand.matches(*coach_id).await;
        let began = now();
        send("PATCH", &format!("/api/v1/coaches/{coach_id}"), &token, json!({"facts": {}}));
        took[0].push(began.elapsed());
        let list = send("GET", &format!("/api/v1/jobs/{job_id}/candidates?limit=1"), &token, Value::Null);
        assert_ne!(list["candidates"][0]["coach_id"], *coach_id, "the live ranking has it");
        took[1].push(began.elapsed());
        let told = std::thread::spawn(move || {
            until(&mut page, "event: notice");
            now()
        });
        while brand.matches(*coach_id).await > 0 {
            assert!(began.elapsed() < Duration::from_mins(1), "its matches stay");
            tokio::time::sleep(BETWEEN).await;
        }
        took[2].push(began.elapsed());
        took[3].push(told.join().unwrap() - began);
    }
    let ms = |mut times: Vec<Duration>| {
        times.sort_unstable();
        let shown = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
        format!("{} ({})", shown(times[times.len() / 2]), shown(times[times.len() - 1]))
    };
    let [answered, live, kept, told] = took.map(ms);
    let of_each = matches / best.len();
    let cpu = server.cpu().saturating_sub(cpu).as_millis() / best.len() as u128;
    let memory = server.memory();
    println!(
        "| {} | {coaches} | {jobs} | {of_each} | {answered} | {live} | {kept} | {told} | {cpu} ms | {memory:.0} MB |",
        world.dialect
    );
}

fn main() {
    let sizes: Vec<String> =
        std::env::args().skip(1).filter(|size| size.chars().all(|c| c.is_ascii_digit())).collect();
    let (coaches, jobs) =
        if let [coaches, jobs] = &*sizes { (&**coaches, &**jobs) } else { ("100000", "1000") };
    println!("Milliseconds from before the request, the median and the worst of {CHANGES} changes:\n");
    println!(
        "| | coaches | jobs | matches that each loses | answered | in the live ranking | kept matches | on the open page | processor for a change | memory |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    on_both(async |world| measure(&world, coaches, jobs).await);
}
