//! What a request costs, through HTTP, with authorisation and explanations:
//! `cargo bench -p fithire --bench serving -- [COACHES…]`.
//!
//! Starts the program on made-up brands of several sizes and times requests over one connection and over sixteen. Compare
//! the last column, not times of different runs or machines: it is the processor time of the server in units of the
//! cheapest request of the same run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints its table"
)]

mod demo;
mod measured;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use demo::{Demo, get};
use measured::now;
use serde_json::{Value, json};

/// Requests that are timed on each connection; some go before, untimed.
const REQUESTS: usize = 400;
const UNTIMED: usize = 50;
/// Connections at once.
const CONNECTIONS: [usize; 2] = [16, 1];

impl Demo {
    fn patch(&self, path: &str, body: String) {
        let request = ureq::patch(format!("{}{path}", self.url)).content_type("application/json");
        let request = request.header("If-Match", "*");
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        request.send(body).unwrap().body_mut().read_to_string().unwrap();
    }

    /// Asks for paths over sixteen connections while coaches move, one each five milliseconds; also how many were saved a second.
    fn while_saving(&self, paths: &[String], coaches: &[Value]) -> (Times, f64) {
        /// Connections that save.
        const SAVING: usize = 4;
        /// Between two saves of one of them.
        const PAUSE: Duration = Duration::from_millis(20);
        let done = AtomicBool::new(false);
        let save = |from: usize| {
            let began = now();
            let mut saves = 0_u32;
            for coach in coaches.iter().cycle().skip(from).step_by(SAVING) {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // Another radius moves the score for some jobs.
                let mut facts = coach["facts"].clone();
                facts["radius_m"] = json!(10_000 + 1_000 * (saves % 30));
                self.patch(&format!("/api/v1/coaches/{}", coach["id"]), json!({"facts": facts}).to_string());
                saves += 1;
                std::thread::sleep((PAUSE * saves).saturating_sub(now() - began));
            }
            f64::from(saves) / (now() - began).as_secs_f64()
        };
        std::thread::scope(|scope| {
            let save = &save;
            let saving: Vec<_> = (0..SAVING).map(|from| scope.spawn(move || save(from))).collect();
            let times = self.time(paths, 16);
            done.store(true, Ordering::Relaxed);
            (times, saving.into_iter().map(|one| one.join().unwrap()).sum())
        })
    }

    /// Asks for paths each once.
    fn time_new(&self, paths: &[String]) -> Times {
        let (began, cpu) = (now(), self.process.cpu());
        let times: Vec<Duration> = (paths.iter())
            .map(|path| {
                let began = now();
                self.get(path);
                now() - began
            })
            .collect();
        let (took, cpu) = (now() - began, self.process.cpu().saturating_sub(cpu));
        Times::of(times, took, cpu)
    }

    /// Asks for paths in turn over so many connections.
    fn time(&self, paths: &[String], connections: usize) -> Times {
        let urls: Vec<String> = paths.iter().map(|path| format!("{}{path}", self.url)).collect();
        let one = |from: usize| {
            let agent = ureq::Agent::new_with_defaults();
            let mut times = Vec::with_capacity(REQUESTS);
            for number in 0..REQUESTS {
                let began = now();
                get(&agent, &urls[(from + number) % urls.len()], &self.token);
                times.push(now() - began);
            }
            times
        };
        for number in 0..UNTIMED.max(urls.len()) {
            self.get(&paths[number % paths.len()]);
        }
        let (began, cpu) = (now(), self.process.cpu());
        let times: Vec<Duration> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..connections).map(|from| scope.spawn(move || one(7 * from))).collect();
            running.into_iter().flat_map(|one| one.join().unwrap()).collect()
        });
        let (took, cpu) = (now() - began, self.process.cpu().saturating_sub(cpu));
        Times::of(times, took, cpu)
    }
}

/// What requests took.
struct Times {
    median: Duration,
    p99: Duration,
    a_second: f64,
    /// Of the server, for each.
    cpu: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>, took: Duration, cpu: Duration) -> Self {
        times.sort_unstable();
        let count = u32::try_from(times.len()).unwrap();
        Self {
            median: times[times.len() / 2],
            p99: times[times.len() * 99 / 100],
            a_second: f64::from(count) / took.as_secs_f64(),
            cpu: cpu / count,
        }
    }
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}

fn main() {
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|size| size.chars().all(|c| c.is_ascii_digit())).collect();
    let usual = ["1000", "10000", "100000", "1000000"].map(str::to_owned).to_vec();
    println!(
        "| coaches | request | connections | median | 99 % within | a second | server's processor | of livez |"
    );
    println!("|--:|---|--:|--:|--:|--:|--:|--:|");
    let mut notes = Vec::new();
    for coaches in if asked.is_empty() { usual } else { asked } {
        notes.push(measure(&coaches));
    }
    println!();
    for note in notes {
        println!("- {note}");
    }
}

/// Measures a brand of so many coaches, and says what is worth a sentence.
fn measure(coaches: &str) -> String {
    let server = Demo::open(coaches);
    let jobs = server.jobs();
    let coaches_page: Value = serde_json::from_str(&server.get("/api/v1/coaches?limit=100")).unwrap();
    let some = coaches_page["items"].as_array().unwrap();
    let coach = some[0]["id"].to_string();
    let idle = server.process.memory();
    let began = now();
    server.get(&format!("/api/v1/jobs/{}/candidates", jobs[0]));
    let first = now() - began;
    // Weights that were never asked for before: nothing of it was made lately.
    let what_if: Vec<String> = (0..REQUESTS)
        .map(|n| format!("/api/v1/jobs/{}/candidates?weights=location:1.{n:03}", jobs[n % jobs.len()]))
        .collect();
    let requests: [(&str, Vec<String>); 4] = [
        ("livez", vec!["/livez".to_owned()]),
        (
            "candidates, 20 explained",
            jobs.iter().map(|job| format!("/api/v1/jobs/{job}/candidates")).collect(),
        ),
        ("one pair", jobs.iter().map(|job| format!("/api/v1/jobs/{job}/candidates/{coach}")).collect()),
        ("matches, 40 jobs", vec![format!("/api/v1/coaches/{coach}/matches?min_score=0")]),
    ];
    let mut cheapest = Duration::from_micros(1);
    let mut row = |name: &str, connections: usize, times: &Times| {
        if name == "livez" && connections == CONNECTIONS[0] {
            cheapest = times.cpu.max(Duration::from_micros(1));
        }
        let of_livez = times.cpu.as_secs_f64() / cheapest.as_secs_f64();
        println!(
            "| {coaches} | {name} | {connections} | {} | {} | {:.0} | {} | {of_livez:.1}× |",
            ms(times.median),
            ms(times.p99),
            times.a_second,
            ms(times.cpu),
        );
    };
    for (name, paths) in &requests {
        for connections in CONNECTIONS {
            row(name, connections, &server.time(paths, connections));
        }
    }
    // In turn, so that a slow moment of the machine does not count for one alone.
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        quiet.push(server.time(&requests[1].1, 16).p99);
        let (times, saves) = server.while_saving(&requests[1].1, some);
        row(&format!("candidates, {saves:.0} coaches saved a second"), 16, &times);
        busy.push(times.p99);
    }
    quiet.sort_unstable();
    busy.sort_unstable();
    row("candidates, what if: never asked before", 1, &server.time_new(&what_if));
    let (mut commits, mut lists) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let began = now();
        server.patch(
            &format!("/api/v1/coaches/{coach}"),
            json!({"name": format!("Coach {number}")}).to_string(),
        );
        let committed = now();
        server.get(&format!("/api/v1/jobs/{}/candidates", jobs[0]));
        commits.push(committed - began);
        lists.push(now() - committed);
    }
    commits.sort_unstable();
    lists.sort_unstable();
    format!(
        "{coaches} coaches: opened and answering in {:.0} ms; the first list after {:.0} ms; {idle:.0} MB before it and {:.0} MB after all of these; \
         a coach saved in {}, and the list that has it in {} (medians of 100); while coaches are saved 99 % of lists within {}, else {}: {:.1}× \
         (medians of 3)",
        server.started_in.as_secs_f64() * 1e3,
        first.as_secs_f64() * 1e3,
        server.process.memory(),
        ms(commits[50]),
        ms(lists[50]),
        ms(busy[1]),
        ms(quiet[1]),
        busy[1].as_secs_f64() / quiet[1].as_secs_f64(),
    )
}
