//! What is left of a server that is asked four times as much as it can do: `cargo bench -p fithire --bench overload -- [COACHES]`.
//!
//! Lists that were never asked for before, which cost a processor most. First as many as it can answer, from clients that
//! wait for their answers; then four times as many a second from clients that do not. Compare the answers of the second
//! with those of the first: whoever cannot be served must not be served at the expense of others. The server has one
//! processor and its clients another, because four times the clients would take from it otherwise, and that is not its
//! doing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints its table"
)]

mod demo;
mod measured;

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use demo::Demo;
use measured::now;

/// Clients that wait for their answers.
const CLIENTS: usize = 16;
/// Clients that do not, as a whole: more than the server takes on at once.
const CROWD: usize = 600;
const TIMES: usize = 4;
const PEAK: Duration = Duration::from_secs(10);
const OVERLOAD: Duration = Duration::from_secs(20);

/// What became of requests.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    refused: AtomicUsize,
    times: Mutex<Vec<Duration>>,
    refusals: Mutex<Vec<Duration>>,
}

impl Seen {
    /// Asks once, for something that nobody has asked for.
    fn ask(&self, server: &Demo, agent: &ureq::Agent, (jobs, number): (&[String], usize)) {
        // Tenths of a percent: smaller steps are rounded away, and would be the same list.
        let (job, weights) = (&jobs[number % jobs.len()], number / jobs.len());
        let tenths = [weights % 200, weights / 200].map(|step| count_of(50 + step) / 10.0);
        let path = format!(
            "/api/v1/jobs/{job}/candidates?weights=location:{:.1},engagement:{:.1}",
            tenths[0], tenths[1]
        );
        let began = now();
        let request = agent.get(format!("{}{path}", server.url));
        let mut answer = request.header("Authorization", format!("Bearer {}", server.token)).call().unwrap();
        let _ = answer.body_mut().read_to_string().unwrap();
        let (count, times) = match answer.status().as_u16() {
            200 => (&self.answered, &self.times),
            503 => {
                assert!(answer.headers().contains_key("retry-after"), "a refusal says when to come again");
                (&self.refused, &self.refusals)
            }
            other => panic!("{other}"),
        };
        count.fetch_add(1, Ordering::Relaxed);
        times.lock().unwrap().push(began.elapsed());
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// Gives a process one processor, by util-linux's `taskset`.
fn to_processor(number: usize, process: u32) {
    let arguments = ["--all-tasks", "--pid", "--cpu-list", &number.to_string(), &process.to_string()];
    let done = Command::new("taskset").args(arguments).stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "this needs two processors");
}

/// So many clients, each asking again once it has its answer.
fn until_answered(server: &Demo, jobs: &[String], next: &AtomicUsize) -> f64 {
    let (seen, began) = (Seen::default(), now());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let agent = agent();
                while began.elapsed() < PEAK {
                    seen.ask(server, &agent, (jobs, next.fetch_add(1, Ordering::Relaxed)));
                }
            });
        }
    });
    assert_eq!(seen.refused.load(Ordering::Relaxed), 0, "these are not too many");
    count(&seen.answered) / began.elapsed().as_secs_f64()
}

/// So many requests a second, whatever becomes of them.
fn regardless(server: &Demo, jobs: &[String], next: &AtomicUsize, a_second: f64) -> (Seen, Duration, f64) {
    let (seen, began, turn) = (Seen::default(), now(), AtomicUsize::new(0));
    let mut most = 0.0_f64;
    std::thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                let agent = agent();
                loop {
                    let due =
                        Duration::from_secs_f64(count_of(turn.fetch_add(1, Ordering::Relaxed)) / a_second);
                    if due > OVERLOAD {
                        return;
                    }
                    std::thread::sleep(due.saturating_sub(began.elapsed()));
                    seen.ask(server, &agent, (jobs, next.fetch_add(1, Ordering::Relaxed)));
                }
            });
        }
        while began.elapsed() < OVERLOAD {
            most = most.max(server.process.memory());
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    (seen, began.elapsed(), most)
}

fn count(of: &AtomicUsize) -> f64 {
    count_of(of.load(Ordering::Relaxed))
}

fn count_of(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// The median, and what 99 of 100 took at most, in milliseconds.
fn spread(times: &Mutex<Vec<Duration>>) -> String {
    let mut times = times.lock().unwrap();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    format!("{:.0} ms (99 % within {:.0} ms)", at(50), at(99))
}

fn main() {
    let coaches = std::env::args().skip(1).find(|size| size.chars().all(|c| c.is_ascii_digit()));
    let coaches = coaches.unwrap_or_else(|| "100000".to_owned());
    let server = Demo::open(&coaches);
    to_processor(0, server.process.child.id());
    to_processor(1, std::process::id());
    let (jobs, next) = (server.jobs(), AtomicUsize::new(0));
    until_answered(&server, &jobs, &next);
    let before = server.process.memory();
    let peak = until_answered(&server, &jobs, &next);
    let cpu = server.process.cpu();
    let (seen, took, most) = regardless(&server, &jobs, &next, peak * count_of(TIMES));
    let (took, answered, refused) = (took.as_secs_f64(), count(&seen.answered), count(&seen.refused));
    let cpu = server.process.cpu().saturating_sub(cpu).as_secs_f64() * 1e3 / answered;
    println!(
        "{coaches} coaches, ready {:.0} ms after its start; lists never asked for before, {cpu:.1} ms of a processor each, refusals included:\n",
        server.started_in.as_secs_f64() * 1e3
    );
    println!("- as many as it can: {peak:.0} a second, {before:.0} MB");
    println!(
        "- asked {:.0} a second, {:.1} times as many: {:.0} answered a second, {:.0} % of the most; {:.0} refused a second; {most:.0} MB at most",
        (answered + refused) / took,
        (answered + refused) / took / peak,
        answered / took,
        100.0 * answered / took / peak,
        refused / took,
    );
    println!(
        "- whoever was taken on waited {}, whoever was refused {}",
        spread(&seen.times),
        spread(&seen.refusals)
    );
}
