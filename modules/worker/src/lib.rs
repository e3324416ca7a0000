//! # Worker: runs the tasks of every brand
//!
//! [`Worker::start`] runs tasks in this process until [`Worker::stop`]; any number of processes may, side by side. Running is
//! apalis: a worker over `queue::Queue`, our backend. What may run is decided by `keeper`, which claims tasks from the
//! table, shows that they are being run, says what became of them, and looks after tasks whose process has ended.
//!
//! Invariants, above all absences:
//! - No more tasks are claimed than run at once, so that none waits in memory under a lease.
//! - No wall clock decides on a lease; each looker-on has a stopwatch.
//! - A task whose lease is lost is stopped here; if it cannot be, its transaction does not commit.
//! - A database that cannot be reached ends nothing: what became of tasks is kept until it can be said.
//! - A panic is a failed attempt, and the worker goes on.

mod keeper;
mod queue;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{BoxDynError, Data, WorkerBuilder};
use apalis_core::worker::ext::parallelize::ParallelizeExt as _;
use chrono::TimeDelta;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Signals};
use fithire_kernel::ids::Ids;
use fithire_kernel::problem::Problem;
use fithire_kernel::tasks::Outcome;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, select};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use fithire_kernel::tasks::Claimed;

use crate::keeper::Keeper;
use crate::queue::{Queue, Running};

/// `[tasks]`
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskSettings {
    /// Tasks that a process runs at once.
    pub concurrency: u16,
    /// Seconds after which a task is taken from a process that shows no life.
    pub lease_seconds: u16,
    /// Seconds between looks at every brand, which find what no signal told of.
    pub look_seconds: u16,
    /// Seconds that the oldest task which is due may wait before `/readyz` says that too little is done.
    pub late_seconds: u32,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self { concurrency: 16, lease_seconds: 20, look_seconds: 2, late_seconds: 900 }
    }
}

impl TaskSettings {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        let keys = [
            ("concurrency", u32::from(self.concurrency)),
            ("lease_seconds", self.lease_seconds.into()),
            ("look_seconds", self.look_seconds.into()),
            ("late_seconds", self.late_seconds),
        ];
        match keys.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("tasks.{key} is 0; it is at least 1")),
            None => Ok(()),
        }
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    fn look(&self) -> Duration {
        Duration::from_secs(self.look_seconds.into())
    }
}

/// What a worker works with.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Where the tasks are.
    pub db: Db,
    /// When they are due.
    pub clock: Clock,
    /// Numbers of claims.
    pub ids: Ids,
    /// What tells of new ones.
    pub signals: Signals,
}

/// Does tasks: says of each what became of it.
#[derive(Clone)]
pub struct Handler(Arc<dyn Fn(Claimed) -> BoxFuture<'static, Outcome> + Send + Sync>);

impl Handler {
    /// Does tasks by a function.
    pub fn new<F: Future<Output = Outcome> + Send + 'static>(
        does: impl Fn(Claimed) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |task| does(task).boxed()))
    }
}

/// Runs tasks until it is stopped.
#[derive(Debug)]
pub struct Worker {
    stop: oneshot::Sender<Duration>,
    keeper: JoinHandle<()>,
}

impl Worker {
    /// Starts to run tasks, once it is said that this worker lives.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn start(tools: Tools, settings: TaskSettings, handler: Handler) -> Result<Self, Problem> {
        let (stop, stopped) = oneshot::channel();
        let (given, taken) = mpsc::unbounded_channel();
        let (settles, settled) = mpsc::unbounded_channel();
        let queue = Queue::new(taken, settles);
        let worker =
            WorkerBuilder::new("fithire").backend(queue).data(handler).parallelize(tokio::spawn).build(run);
        // It ends when the keeper gives nothing more and everything that runs has ended.
        let runs = tokio::spawn(worker.run());
        let keeper = Keeper::new(tools, settings, given).await?;
        Ok(Self { stop, keeper: tokio::spawn(keeper.keep(settled, stopped, runs)) })
    }

    /// Takes no more tasks, and waits for those that run to end. What has not ended by then is given back, for another
    /// worker to run.
    pub async fn stop(self, patience: Duration) {
        let _ = self.stop.send(patience);
        let _ = self.keeper.await;
    }
}

/// Runs a task, unless its lease is lost meanwhile.
fn run(Running { task, lost }: Running, handler: Data<Handler>) -> BoxFuture<'static, Became> {
    let (id, kind) = (task.id, task.kind.clone());
    let Handler(does) = (*handler).clone();
    let done = AssertUnwindSafe(does(task)).catch_unwind();
    async move {
        let lost = pin!(lost.notified());
        let began = Instant::now();
        let outcome = match select(done, lost).await {
            Either::Left((done, _)) => done.unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
                tracing::error!(task.id = id, task.kind = kind, panic = text, "a task panicked");
                Outcome::Retry(format!("it panicked: {text}"), None)
            }),
            Either::Right(_) => Outcome::Released(TimeDelta::zero()),
        };
        measure(kind, &outcome, began.elapsed());
        Ok(outcome)
    }
    .boxed()
}

/// Counts a task that was run, for whoever measures this process.
fn measure(kind: String, outcome: &Outcome, took: Duration) {
    let became = match outcome {
        Outcome::Done | Outcome::Finished => "done",
        Outcome::Retry(..) => "failed",
        Outcome::Abort(_) => "given up",
        Outcome::Released(_) => "released",
    };
    metrics::counter!("fithire_tasks_total", "kind" => kind.clone(), "became" => became).increment(1);
    metrics::histogram!("fithire_task_seconds", "kind" => kind).record(took.as_secs_f64());
}

/// What became of a task, as apalis has it.
type Became = Result<Outcome, BoxDynError>;
