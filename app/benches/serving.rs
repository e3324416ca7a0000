//! What a request costs, through HTTP, with authorisation and explanations: `cargo bench -p fithire --bench serving`.
//!
//! Starts the program on made-up brands of several sizes and times requests one after the other over one connection.
//! Compare the last column, not times of different runs or machines: it is in units of the cheapest request of the
//! same run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints its table"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Requests that are timed; as many again go before, untimed.
const REQUESTS: usize = 200;

struct Server {
    child: Child,
    url: String,
    agent: ureq::Agent,
    password: String,
    started_in: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let began = now();
        let mut program = Command::new(env!("CARGO_BIN_EXE_fithire"));
        let mut child = program.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (mut url, mut password) = (String::new(), String::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if let Some((_, secret)) = line.strip_prefix("manager: ").and_then(|line| line.split_once(" / "))
            {
                secret.clone_into(&mut password);
            }
            if let Some(found) = line.strip_prefix("url: ") {
                found.clone_into(&mut url);
                break;
            }
        }
        Self { child, url, agent: ureq::Agent::new_with_defaults(), password, started_in: now() - began }
    }

    fn get(&self, path: &str, token: &str) -> String {
        let request =
            self.agent.get(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {token}"));
        request.call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn token(&self) -> String {
        let body = json!({"email": "manager@demo.test", "password": self.password}).to_string();
        let request =
            self.agent.post(format!("{}/api/v1/auth/token", self.url)).content_type("application/json");
        let answer: Value =
            serde_json::from_str(&request.send(body).unwrap().body_mut().read_to_string().unwrap()).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The median and the 99th percentile of a request, and how long the first took.
    fn time(&self, path: &str, token: &str) -> [Duration; 3] {
        let once = || {
            let began = now();
            self.get(path, token);
            now() - began
        };
        let first = once();
        for _ in 0..REQUESTS {
            once();
        }
        let mut times: Vec<Duration> = (0..REQUESTS).map(|_| once()).collect();
        times.sort_unstable();
        [times[REQUESTS / 2], times[REQUESTS * 99 / 100], first]
    }
}

fn main() {
    println!(
        "{:>8}  {:<28} {:>9} {:>9} {:>9}  {:>8}",
        "coaches", "request", "median", "p99", "first", "of livez"
    );
    for coaches in ["1000", "10000", "100000"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().display().to_string();
        let made = Server::start(&["demo", "--coaches", coaches, "--data", &data]);
        let password = made.password.clone();
        drop(made);
        let mut server = Server::start(&["demo", "--data", &data]);
        server.password = password;
        let token = server.token();
        let job: Value = serde_json::from_str(&server.get("/api/v1/jobs?limit=1", &token)).unwrap();
        let coach: Value = serde_json::from_str(&server.get("/api/v1/coaches?limit=1", &token)).unwrap();
        let (job, coach) = (&job["items"][0]["id"], &coach["items"][0]["id"]);
        let requests = [
            ("livez", "/livez".to_owned()),
            ("candidates, 20 explained", format!("/api/v1/jobs/{job}/candidates")),
            ("candidates, what if", format!("/api/v1/jobs/{job}/candidates?weights=location:40")),
            ("one pair", format!("/api/v1/jobs/{job}/candidates/{coach}")),
            ("matches, 40 jobs", format!("/api/v1/coaches/{coach}/matches?min_score=0")),
        ];
        let mut cheapest = Duration::ZERO;
        for (name, path) in &requests {
            let [median, p99, first] = server.time(path, &token);
            if cheapest == Duration::ZERO {
                cheapest = median;
            }
            let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
            let of_livez = median.as_secs_f64() / cheapest.as_secs_f64();
            println!(
                "{coaches:>8}  {name:<28} {:>9} {:>9} {:>9}  {of_livez:>7.1}x",
                ms(median),
                ms(p99),
                ms(first)
            );
        }
        println!(
            "{coaches:>8}  opened again and answering in {:.0} ms",
            server.started_in.as_secs_f64() * 1_000.0
        );
    }
}
