//! Workers side by side, stopping, failing and panicking.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::tasks::desk::{Listing, counts, list, workers};
use fithire_kernel::tasks::{NewTask, Outcome, enqueue, enqueue_all};
use fithire_kernel::testing::on_both;
use fithire_worker::{Handler, TaskSettings, Worker};
use serde_json::json;

use crate::{QUICK, add, brand, does, effects_in, left, number, tools, until};

#[test]
fn two_workers_run_no_task_at_once_and_each_brand_has_its_turn() {
    on_both(async |world| {
        let scopes = [brand(&world, "acme").await, brand(&world, "other").await];
        let (one, two) = (tools(&world.url).await, tools(&world.url).await);
        let ran: Arc<Mutex<Vec<(i64, i64)>>> = Arc::default();
        let (running, most) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicUsize::new(0)));
        let handler = || {
            let (ran, running, most) = (ran.clone(), running.clone(), most.clone());
            Handler::new(move |task| {
                let (ran, running, most) = (ran.clone(), running.clone(), most.clone());
                async move {
                    assert!(running.lock().unwrap().insert(task.id), "a task is run twice at once");
                    most.fetch_max(running.lock().unwrap().len(), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    running.lock().unwrap().remove(&task.id);
                    ran.lock().unwrap().push((task.scope.brand_id(), number(&task)));
                    Outcome::Done
                }
            })
        };
        add(&one, &scopes[0], "test", 0..300).await;
        add(&one, &scopes[1], "test", 0..20).await;
        let started = [
            Worker::start(one.clone(), QUICK, handler()).await.unwrap(),
            Worker::start(two, QUICK, handler()).await.unwrap(),
        ];
        until("the end of every task", async || ran.lock().unwrap().len() >= 320).await;
        until("two workers that live", async || {
            workers(&world.db, one.clock.now()).await.unwrap().len() == 2
        })
        .await;
        for worker in started {
            worker.stop(Duration::from_secs(5)).await;
        }
        assert_eq!(workers(&world.db, one.clock.now()).await.unwrap().len(), 0);
        let ran = ran.lock().unwrap().clone();
        assert_eq!((ran.len(), ran.iter().collect::<BTreeSet<_>>().len()), (320, 320));
        assert!(most.load(Ordering::Relaxed) <= 16, "no more at once than two workers may");
        let last_of_other = ran.iter().rposition(|(brand, _)| *brand == scopes[1].brand_id()).unwrap();
        assert!(last_of_other < 200, "a short queue does not wait for a long one: {last_of_other}");
        for scope in &scopes {
            assert_eq!(left(&world, scope).await.total(), 0);
        }
    });
}

#[test]
fn what_fails_is_tried_again_and_what_cannot_help_is_dead() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let ours = tools(&world.url).await;
        let attempts: Arc<Mutex<BTreeMap<String, Vec<u16>>>> = Arc::default();
        let made = attempts.clone();
        let handler = Handler::new(move |task| {
            made.lock().unwrap().entry(task.kind.clone()).or_default().push(task.attempt);
            async move {
                let soon = Some(TimeDelta::milliseconds(20));
                match &*task.kind {
                    "fails" => Outcome::Retry("no luck".to_owned(), soon),
                    "panics" if task.attempt == 1 => panic!("at the first attempt"),
                    "hopeless" => Outcome::Abort("no such thing".to_owned()),
                    _ => Outcome::Done,
                }
            }
        });
        let mut tx = ours.db.write(&scope).await.unwrap();
        let tasks = ["fails", "panics", "hopeless", "fine"];
        let tasks = tasks.map(|kind| NewTask::new(kind, json!({"n": 1})).at_most(3)).to_vec();
        enqueue_all(&mut tx, (&ours.clock, &ours.ids), tasks).await.unwrap();
        tx.commit().await.unwrap();
        let worker = Worker::start(ours.clone(), QUICK, handler).await.unwrap();
        until("two dead tasks and no other", async || {
            let left = left(&world, &scope).await;
            left.dead == 2 && left.total() == 2
        })
        .await;
        worker.stop(Duration::from_secs(1)).await;
        let made = attempts.lock().unwrap().clone();
        let expected =
            [("fails", vec![1, 2, 3]), ("fine", vec![1]), ("hopeless", vec![1]), ("panics", vec![1, 2])];
        assert_eq!(made, expected.map(|(kind, made)| (kind.to_owned(), made)).into());
        let mut tx = world.db.read(&scope).await.unwrap();
        let (dead, _) = list(&mut tx, Listing::Dead, None).await.unwrap();
        let mut dead: Vec<_> = dead.into_iter().map(|task| (task.kind, task.error.unwrap())).collect();
        dead.sort();
        assert_eq!(
            dead,
            [("fails", "no luck"), ("hopeless", "no such thing")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    });
}

#[test]
fn a_signal_wakes_a_worker_that_looks_seldom() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let (ours, theirs) = (tools(&world.url).await, tools(&world.url).await);
        // In one process SQLite's signals are those of one database.
        let adding = if world.dialect == "SQLite" { ours.clone() } else { theirs };
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let handler = Handler::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Outcome::Done }
        });
        let seldom = TaskSettings { look_seconds: 3_600, ..QUICK };
        let worker = Worker::start(ours, seldom, handler).await.unwrap();
        // Its first look, before it sleeps, and the connection that hears.
        tokio::time::sleep(Duration::from_millis(700)).await;
        for n in 0..3 {
            add(&adding, &scope, "test", n..n + 1).await;
            until("a task that a signal told of", async || {
                ran.load(Ordering::Relaxed) == usize::try_from(n + 1).unwrap()
            })
            .await;
        }
        worker.stop(Duration::from_secs(1)).await;
    });
}

#[test]
fn a_worker_that_stops_waits_for_what_runs_and_gives_back_the_rest() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let ours = tools(&world.url).await;
        let ended = Arc::new(AtomicUsize::new(0));
        let count = ended.clone();
        let handler = Handler::new(move |task| {
            let count = count.clone();
            async move {
                let long = number(&task) == 1;
                tokio::time::sleep(Duration::from_millis(if long { 60_000 } else { 600 })).await;
                count.fetch_add(1, Ordering::Relaxed);
                Outcome::Done
            }
        });
        add(&ours, &scope, "test", 0..2).await;
        let worker = Worker::start(ours.clone(), QUICK, handler).await.unwrap();
        until("two tasks that run", async || left(&world, &scope).await.running == 2).await;
        // Comes too late for this worker.
        add(&ours, &scope, "test", 2..3).await;
        worker.stop(Duration::from_secs(2)).await;
        let left = left(&world, &scope).await;
        assert!(ended.load(Ordering::Relaxed) >= 1);
        assert_eq!(
            (left.running, left.retrying, left.dead),
            (0, 0, 0),
            "what was given back has lost no attempt"
        );
        assert!((1..=2).contains(&left.waiting), "{left:?}");
    });
}

#[test]
fn a_task_with_a_key_is_done_for_everybody_who_added_it_before_it_ran() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let ours = tools(&world.url).await;
        let saw: Arc<Mutex<Vec<usize>>> = Arc::default();
        let (seen, its) = (saw.clone(), ours.clone());
        let handler = Handler::new(move |task| {
            let (seen, tools) = (seen.clone(), its.clone());
            async move {
                // The causes that are there when it runs.
                let mut tx = tools.db.read(&task.scope).await.unwrap();
                let (causes, _) = audit::page(&mut tx, audit::Filter::default(), 100, None).await.unwrap();
                seen.lock().unwrap().push(causes.len());
                Outcome::Done
            }
        });
        let worker = Worker::start(ours.clone(), QUICK, handler).await.unwrap();
        for n in 0..40 {
            let mut tx = ours.db.write(&scope).await.unwrap();
            let task = NewTask::new("keyed", json!({})).keyed("the same");
            let tools = (&ours.clock, &ours.ids);
            enqueue(&mut tx, tools, task).await.unwrap();
            audit::record(&mut tx, tools, Event::new("test.cause", "test", n)).await.unwrap();
            // Whoever took it now would not see this cause.
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..5))).await;
            tx.commit().await.unwrap();
        }
        until("the end of every task", async || left(&world, &scope).await.total() == 0).await;
        worker.stop(Duration::from_secs(1)).await;
        let saw = saw.lock().unwrap().clone();
        assert_eq!(saw.iter().max(), Some(&40), "a cause was committed and no run has seen it: {saw:?}");
        println!("{}: 40 causes, {} runs", world.dialect, saw.len());
    });
}

#[test]
fn a_database_that_is_away_for_a_while_ends_nothing() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let (ours, other) = (tools(&world.url).await, tools(&world.url).await);
        let its = ours.clone();
        let handler = Handler::new(move |task| {
            let tools = its.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                does(&tools, &task).await
            }
        });
        add(&other, &scope, "test", 0..200).await;
        // Time to notice that nobody has taken a task away meanwhile.
        let patient = TaskSettings { lease_seconds: 20, ..QUICK };
        let worker = Worker::start(ours, patient, handler).await.unwrap();
        if world.dialect == "SQLite" {
            // Longer than anybody waits for the lock.
            let held = other.db.write(&scope).await.unwrap();
            tokio::time::sleep(Duration::from_secs(7)).await;
            drop(held);
        } else {
            for _ in 0..10 {
                let away = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                            WHERE datname = current_database() AND usename = 'fithire_login'";
                world.as_owner(away).await;
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        }
        let ours = tools(&world.url).await;
        let left = async || {
            let mut tx = ours.db.read(&scope).await.unwrap();
            counts(&mut tx, ours.clock.now()).await.unwrap().total()
        };
        until("the end of every task", async || left().await == 0).await;
        worker.stop(Duration::from_secs(1)).await;
        let had = effects_in(&ours.db, &scope).await;
        assert_eq!(had.len(), 200);
        assert!(had.values().all(|times| *times == 1), "{had:?}");
    });
}
