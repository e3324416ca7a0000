//! Processes that are killed, frozen and crashed while they run tasks. The process is this program once more, asked for the
//! one test that is a worker.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fithire_kernel::tasks::{NewTask, enqueue_all};
use fithire_kernel::testing::{World, on_both};
use fithire_worker::{Handler, TaskSettings, Worker};
use serde_json::json;

use crate::{QUICK, add, brand, does, effects, left, number, tools, until};

/// What tells a process that it is a worker: the database, and the file that says which attempts were made.
const DATABASE: &str = "FITHIRE_TEST_WORKER";
const ATTEMPTS: &str = "FITHIRE_TEST_ATTEMPTS";

/// A worker of its own process, which is killed when this goes.
struct Process(Child);

impl Process {
    fn start(world: &World, attempts: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args(["--exact", "killed::is_a_worker", "--ignored"])
            .env(DATABASE, &world.url)
            .env(ATTEMPTS, attempts)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "is the worker of other tests, in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "it is told by its environment what it is")]
fn is_a_worker() {
    let (url, attempts) = (std::env::var(DATABASE).unwrap(), std::env::var(ATTEMPTS).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let tools = tools(&url).await;
        let its = tools.clone();
        let handler = Handler::new(move |task| {
            let (tools, attempts) = (its.clone(), attempts.clone());
            async move {
                let mut file = OpenOptions::new().append(true).create(true).open(attempts).unwrap();
                file.write_all(format!("{} {}\n", number(&task), task.attempt).as_bytes()).unwrap();
                match &*task.kind {
                    "crash" => std::process::abort(),
                    "slow" => tokio::time::sleep(Duration::from_secs(2)).await,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
                does(&tools, &task).await
            }
        });
        let settings = TaskSettings { concurrency: 4, ..QUICK };
        let _worker = Worker::start(tools, settings, handler).await.unwrap();
        std::future::pending::<()>().await;
    });
}

fn folder() -> (PathBuf, impl Drop) {
    struct Gone(PathBuf);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
    let path = std::env::temp_dir().join(format!("fithire-tasks-{:016x}", fastrand::u64(..)));
    std::fs::create_dir(&path).unwrap();
    (path.clone(), Gone(path))
}

/// The attempts that were made, by number.
fn attempts(file: &Path) -> BTreeMap<i64, Vec<u16>> {
    let mut made: BTreeMap<i64, Vec<u16>> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        // The last line of a process that was killed may be half of one.
        let Some((n, attempt)) = line.split_once(' ') else { continue };
        if let (Ok(n), Ok(attempt)) = (n.parse(), attempt.parse()) {
            made.entry(n).or_default().push(attempt);
        }
    }
    made
}

/// So often a worker is killed; the whole number is for those who have time.
#[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
fn cycles() -> usize {
    std::env::var("FITHIRE_TEST_SOAK").map_or(10, |_| 200)
}

#[test]
fn no_task_is_lost_and_none_has_its_effect_twice_when_its_process_is_killed() {
    on_both(async |world| {
        let (folder, _gone) = folder();
        let file = folder.join("attempts");
        let ours = tools(&world.url).await;
        let scope = brand(&world, "acme").await;
        let mut added = 0;
        for cycle in 0..cycles() {
            // At first a hundred, then some more each time.
            let more = if cycle == 0 { 100 } else { 20 };
            add(&ours, &scope, "test", added..added + more).await;
            added += more;
            let begun = || std::fs::metadata(&file).map_or(0, |file| file.len());
            let before = begun();
            let process = Process::start(&world, &file);
            // Half of them whenever it is, also before or after their work; half of them in the middle of it.
            if cycle % 2 == 0 {
                until("a task that has begun", async || begun() > before).await;
                tokio::time::sleep(Duration::from_millis(fastrand::u64(..8))).await;
            } else {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(30..400))).await;
            }
            process.signal("-9");
        }
        let _last = Process::start(&world, &file);
        until("the end of every task", async || left(&world, &scope).await.total() == 0).await;
        let (had, made) = (effects(&world, &scope).await, attempts(&file));
        assert_eq!(had.len(), usize::try_from(added).unwrap());
        assert!(had.values().all(|times| *times == 1), "{had:?}");
        let repeated = made.values().filter(|attempts| attempts.len() > 1).count();
        assert!(made.values().all(|attempts| attempts.is_sorted_by(|a, b| a < b)), "{made:?}");
        assert!(repeated > 0, "no process was killed while it worked");
        println!(
            "{}: {added} tasks, {} kills, 0 lost, 0 effects twice; {repeated} were attempted again",
            world.dialect,
            cycles()
        );
    });
}

#[test]
fn a_task_that_crashes_the_process_is_dead_after_its_last_attempt() {
    on_both(async |world| {
        let (folder, _gone) = folder();
        let file = folder.join("attempts");
        let ours = tools(&world.url).await;
        let scope = brand(&world, "acme").await;
        let mut tx = ours.db.write(&scope).await.unwrap();
        let crash = NewTask::new("crash", json!({"n": 0})).at_most(3);
        enqueue_all(&mut tx, (&ours.clock, &ours.ids), vec![crash]).await.unwrap();
        tx.commit().await.unwrap();
        add(&ours, &scope, "test", 1..31).await;
        let mut process = Process::start(&world, &file);
        until("a dead task and no other", async || {
            if process.has_ended() {
                process = Process::start(&world, &file);
            }
            let left = left(&world, &scope).await;
            left.dead == 1 && left.total() == 1
        })
        .await;
        assert_eq!(attempts(&file)[&0], [1, 2, 3]);
        let had = effects(&world, &scope).await;
        assert_eq!(had.len(), 30);
        assert!(had.values().all(|times| *times == 1), "{had:?}");
    });
}

#[test]
fn a_worker_that_was_frozen_past_its_lease_commits_nothing() {
    on_both(async |world| {
        let (folder, _gone) = folder();
        let file = folder.join("attempts");
        let ours = tools(&world.url).await;
        let scope = brand(&world, "acme").await;
        add(&ours, &scope, "slow", 0..1).await;
        let frozen = Process::start(&world, &file);
        until("the first attempt", async || attempts(&file).contains_key(&0)).await;
        frozen.signal("-STOP");
        let its = ours.clone();
        let handler = Handler::new(move |task| {
            let tools = its.clone();
            async move { does(&tools, &task).await }
        });
        let worker = Worker::start(ours.clone(), QUICK, handler).await.unwrap();
        until("the second attempt, by another", async || !effects(&world, &scope).await.is_empty()).await;
        frozen.signal("-CONT");
        // It would be done by now, and would say so.
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(effects(&world, &scope).await, BTreeMap::from([(0, 1)]));
        assert_eq!(left(&world, &scope).await.total(), 0);
        worker.stop(Duration::from_secs(1)).await;
    });
}
