//! The guarantees of tasks, on both databases: by workers in this process, and by processes that are killed, frozen and
//! crashed while they work.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what was proved"
)]

mod killed;
mod side_by_side;
mod table;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::tasks::desk::{Counts, counts};
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue_all};
use fithire_kernel::testing::World;
use fithire_orgs::{NewBrand, create_brand};
use fithire_worker::{TaskSettings, Tools};
use serde_json::json;

/// Tasks that are late soon, so that a test is quick.
const QUICK: TaskSettings =
    TaskSettings { concurrency: 8, lease_seconds: 1, look_seconds: 1, late_seconds: 900 };

async fn brand(world: &World, slug: &str) -> BrandScope {
    let new = NewBrand { slug: slug.to_owned(), name: slug.to_owned(), time_zone: "UTC".to_owned() };
    let id = create_brand(&world.db, &world.clock, &world.ids, new).await.unwrap();
    BrandScope::mint(id, Actor::System)
}

/// What a worker of this machine works with.
async fn tools(url: &str) -> Tools {
    let db = Db::open_existing(url).await.unwrap();
    let (clock, seed) = (Clock::System, fastrand::u64(..));
    Tools { signals: db.signals(None).unwrap(), ids: Ids::new(clock.clone(), seed), clock, db }
}

/// Adds tasks of a kind, numbered from `first`.
async fn add(tools: &Tools, scope: &BrandScope, kind: &'static str, numbers: std::ops::Range<i64>) {
    let mut tx = tools.db.write(scope).await.unwrap();
    let tasks = numbers.map(|n| NewTask::new(kind, json!({"n": n})).at_most(100)).collect();
    enqueue_all(&mut tx, (&tools.clock, &tools.ids), tasks).await.unwrap();
    tx.commit().await.unwrap();
}

/// The number of a task.
fn number(task: &Claimed) -> i64 {
    let payload: BTreeMap<String, i64> = task.payload().unwrap();
    payload["n"]
}

/// An effect in the database, in the transaction that ends the task.
async fn effect(tools: &Tools, task: &Claimed) -> Result<(), Problem> {
    let mut tx = tools.db.write(&task.scope).await?;
    let event = Event::new("test.effect", "test", number(task));
    audit::record(&mut tx, (&tools.clock, &tools.ids), event).await?;
    task.finish(&mut tx).await?;
    Ok(tx.commit().await?)
}

async fn does(tools: &Tools, task: &Claimed) -> Outcome {
    match effect(tools, task).await {
        Ok(()) => Outcome::Finished,
        Err(problem) => problem.into(),
    }
}

/// How often each number had its effect.
async fn effects(world: &World, scope: &BrandScope) -> BTreeMap<Id, usize> {
    effects_in(&world.db, scope).await
}

async fn effects_in(db: &Db, scope: &BrandScope) -> BTreeMap<Id, usize> {
    let mut tx = db.read(scope).await.unwrap();
    let filter = audit::Filter { action: Some("test.effect"), ..audit::Filter::default() };
    let (found, _) = audit::page(&mut tx, filter, 100_000, None).await.unwrap();
    let mut counted = BTreeMap::new();
    for entry in found {
        *counted.entry(entry.object_id.unwrap()).or_default() += 1;
    }
    counted
}

async fn left(world: &World, scope: &BrandScope) -> Counts {
    let mut tx = world.db.read(scope).await.unwrap();
    counts(&mut tx, world.clock.now() + TimeDelta::days(365)).await.unwrap()
}

/// Waits for something that comes about by itself.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_mins(1);
    #[expect(clippy::disallowed_methods, reason = "a test waits by the machine's stopwatch")]
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
