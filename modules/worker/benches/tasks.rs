//! What a task costs beside the least that it could: `just bench-tasks`.
//!
//! On each database the same number of rows is taken once by a loop that claims a batch in the transaction that deletes the
//! one before, in one message, and does nothing else, and once by a worker that runs as many at once, with attempts and
//! settling. The share of the first rate that the second reaches is what can be compared between runs and machines. SQLite is
//! fully synchronous here; PostgreSQL is as durable as the server that `FITHIRE_TEST_POSTGRES` names.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table and fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::tasks::{NewTask, Outcome, enqueue_all};
use fithire_kernel::testing::on_both;
use fithire_orgs::{NewBrand, create_brand};
use fithire_worker::{Handler, TaskSettings, Tools, Worker};
use serde_json::json;

const TASKS: usize = 20_000;
const BATCHES: [u16; 2] = [16, 100];
/// Of so many times by turns the best counts, so that a neighbour on the machine does not.
const ROUNDS: usize = 3;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

async fn fill(tools: &Tools, scope: &BrandScope) {
    let tasks = (0..TASKS).map(|n| NewTask::new("test", json!({"n": n}))).collect();
    let mut tx = tools.db.write(scope).await.unwrap();
    enqueue_all(&mut tx, (&tools.clock, &tools.ids), tasks).await.unwrap();
    tx.commit().await.unwrap();
}

/// Claims a batch durably, and deletes it in the transaction that claims the next: the least that lets a task be attempted
/// again whose process has ended.
async fn raw(db: Db, brand: Id, batch: u16) -> Duration {
    let lock = if matches!(db, Db::Postgres(_)) { "FOR UPDATE SKIP LOCKED" } else { "" };
    let claim = format!(
        "WITH first AS (SELECT id FROM tasks WHERE brand_id = {brand} AND state = 'waiting' AND urgency = 0 \
         ORDER BY due_at, id LIMIT {batch} {lock}) \
         UPDATE tasks SET state = 'running', lease = 1 \
         WHERE brand_id = {brand} AND id IN (SELECT id FROM first) RETURNING id, kind, payload"
    );
    let delete = format!("DELETE FROM tasks WHERE brand_id = {brand} AND state = 'running' AND lease = 1");
    let began = now();
    let mut claimed = 0;
    // Until none is left, and what was claimed last is deleted.
    loop {
        let more = match &db {
            Db::Sqlite { writer, .. } => {
                let sql = format!("BEGIN IMMEDIATE; {delete}; {claim}; COMMIT");
                sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(writer).await.unwrap().len()
            }
            Db::Postgres(pool) => {
                let set = format!("SELECT set_config('app.brand_id', '{brand}', true)");
                let sql = format!("{set}; {delete}; {claim}");
                // The first row is what was set.
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.unwrap().len() - 1
            }
        };
        claimed += more;
        if more == 0 {
            assert_eq!(claimed, TASKS);
            return began.elapsed();
        }
    }
}

async fn worked(tools: &Tools, batch: u16) -> Duration {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let handler = Handler::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Outcome::Done }
    });
    let settings = TaskSettings { concurrency: batch, ..TaskSettings::default() };
    let began = now();
    let worker = Worker::start(tools.clone(), settings, handler).await.unwrap();
    while ran.load(Ordering::Relaxed) < TASKS {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What was run is said to be done, too.
    worker.stop(Duration::from_secs(5)).await;
    began.elapsed()
}

fn main() {
    println!("{TASKS} tasks; tasks a second");
    println!("{:<12}{:>7}{:>14}{:>10}{:>9}", "database", "batch", "claim+delete", "worker", "share");
    on_both(async |world| {
        let clock = Clock::System;
        let new = NewBrand { slug: "acme".to_owned(), name: "acme".to_owned(), time_zone: "UTC".to_owned() };
        let id = create_brand(&world.db, &world.clock, &world.ids, new).await.unwrap();
        let scope = BrandScope::mint(id, Actor::System);
        let signals = world.db.signals(None).unwrap();
        let tools = Tools { db: world.db.clone(), ids: Ids::new(clock.clone(), 7), clock, signals };
        for batch in BATCHES {
            let (mut raw_best, mut worked_best) = (Duration::MAX, Duration::MAX);
            for _ in 0..ROUNDS {
                fill(&tools, &scope).await;
                // As the worker: on a thread of the pool.
                let raw = tokio::spawn(raw(world.db.clone(), scope.brand_id(), batch));
                raw_best = raw_best.min(raw.await.unwrap());
                fill(&tools, &scope).await;
                worked_best = worked_best.min(worked(&tools, batch).await);
            }
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = |time: Duration| TASKS as f64 / time.as_secs_f64();
            println!(
                "{:<12}{batch:>7}{:>14.0}{:>10.0}{:>8.0}%",
                world.dialect,
                rate(raw_best),
                rate(worked_best),
                100.0 * rate(worked_best) / rate(raw_best)
            );
        }
    });
}
