//! Decides what runs: claims what is due, shows that it is being run, says what became of it, and takes over from whoever
//! has ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::WorkerError;
use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::db::Signal;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{BrandScope, SystemScope};
use fithire_kernel::tasks::claims::{self, Lease};
use fithire_kernel::tasks::desk::{self, worker_ends, worker_lives};
use fithire_kernel::tasks::{Claimed, Outcome, told_of};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::queue::{Running, Settled};
use crate::{TaskSettings, Tools};

/// After a database has failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a database may take that is told what becomes of tasks at the end.
const GIVING_BACK: Duration = Duration::from_secs(1);
/// What ends so soon after something else is said together with it: tasks that were taken together often end together, and a
/// word for each few of them would cost more than they do.
const TOGETHER: Duration = Duration::from_millis(1);
/// Between signs of life in the list of workers.
const SIGN: Duration = Duration::from_secs(5);

/// A task that runs here.
struct Flying {
    task: Claimed,
    lost: Arc<Notify>,
    /// When it was last shown that it runs.
    shown: Instant,
}

/// One brand, as far as it is known here.
struct Brand {
    scope: BrandScope,
    /// What became of its tasks, and has not been said yet.
    settled: Vec<(Claimed, Outcome)>,
    /// When something of it is due.
    due: Option<Instant>,
}

pub(crate) struct Keeper {
    tools: Tools,
    settings: TaskSettings,
    /// Dropped when nothing more is to be run.
    given: Option<UnboundedSender<Running>>,
    flying: BTreeMap<Id, Flying>,
    brands: BTreeMap<Id, Brand>,
    /// Since when leases of others have stood as they are.
    seen: HashMap<Lease, Instant>,
    /// The brand after which the next turn begins, so that each has its turn.
    last: Id,
    this: desk::Worker,
}

impl Keeper {
    /// A keeper of which the list of workers tells.
    pub(crate) async fn new(
        tools: Tools,
        settings: TaskSettings,
        given: UnboundedSender<Running>,
    ) -> Result<Self, Problem> {
        let now = tools.clock.now();
        let this = desk::Worker { id: tools.ids.next(), host: host(), started_at: now, seen_at: now };
        worker_lives(&tools.db, &this).await?;
        Ok(Self {
            tools,
            settings,
            given: Some(given),
            flying: BTreeMap::new(),
            brands: BTreeMap::new(),
            seen: HashMap::new(),
            last: 0,
            this,
        })
    }

    /// Keeps until it is stopped and everything that runs has ended.
    pub(crate) async fn keep(
        mut self,
        mut settled: UnboundedReceiver<Settled>,
        mut stop: oneshot::Receiver<Duration>,
        runs: JoinHandle<Result<(), WorkerError>>,
    ) {
        let mut told = self.tools.signals.listen();
        let (mut look, mut beat, mut sign) = (Instant::now(), Instant::now(), Instant::now());
        // When what runs is given back, and when that is given up: whoever looks on takes it then.
        let (mut end, mut over) = (None, None);
        loop {
            while let Ok((id, outcome)) = settled.try_recv() {
                self.hear(id, outcome);
            }
            self.turns().await;
            let now = Instant::now();
            if now >= look {
                self.look_around().await;
                look = Instant::now() + self.settings.look();
            }
            if now >= beat {
                self.show_life().await;
                beat = Instant::now() + self.settings.lease() / 4;
            }
            if now >= sign {
                self.sign().await;
                sign = Instant::now() + SIGN;
            }
            if self.given.is_none()
                && self.flying.is_empty()
                && self.brands.values().all(|b| b.settled.is_empty())
            {
                break;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                self.give_back();
                (end, over) = (None, Some(Instant::now() + GIVING_BACK));
            }
            if over.is_some_and(|over| Instant::now() >= over) {
                tracing::warn!(tasks = self.flying.len(), "it could not be said what became of every task");
                break;
            }
            let next =
                self.next().into_iter().chain(end).chain(over).fold(look.min(beat).min(sign), Instant::min);
            tokio::select! {
                Some((id, outcome)) = settled.recv() => {
                    self.hear(id, outcome);
                    self.hear_on(&mut settled).await;
                }
                signal = told.next() => self.told(signal),
                () = sleep_until(next) => {}
                Ok(patience) = &mut stop, if self.given.is_some() => {
                    self.given = None;
                    end = Some(Instant::now() + patience);
                }
            }
        }
        // Nothing is left to run, or nobody waits for it any more.
        if let Ok(Ok(Err(error))) = timeout(GIVING_BACK, runs).await {
            tracing::error!(%error, "the worker ended");
        }
        let _ = timeout(GIVING_BACK, worker_ends(&self.tools.db, self.this.id)).await;
    }

    fn hear(&mut self, id: Id, outcome: Outcome) {
        // Whoever was stopped because the lease is lost has nothing to say.
        let Some(Flying { task, .. }) = self.flying.remove(&id) else { return };
        let brand_id = task.scope.brand_id();
        if let Some(brand) = self.brands.get_mut(&brand_id) {
            brand.settled.push((task, outcome));
        }
    }

    /// Hears for a moment longer, unless nothing runs any more.
    async fn hear_on(&mut self, settled: &mut UnboundedReceiver<Settled>) {
        let until = Instant::now() + TOGETHER;
        while !self.flying.is_empty()
            && let Ok(Some((id, outcome))) = timeout_at(until, settled.recv()).await
        {
            self.hear(id, outcome);
        }
    }

    fn told(&mut self, signal: Signal) {
        let now = Instant::now();
        match signal {
            Signal::Topic(topic) => {
                if let Some(brand) = told_of(&topic).and_then(|id| self.brands.get_mut(&id)) {
                    brand.due = Some(now);
                }
            }
            Signal::Missed => self.brands.values_mut().for_each(|brand| brand.due = Some(now)),
        }
    }

    /// How many more tasks may run.
    fn free(&self) -> u64 {
        let most = usize::from(self.settings.concurrency);
        if self.given.is_some() { most.saturating_sub(self.flying.len()) as u64 } else { 0 }
    }

    /// When the next brand has something to do.
    fn next(&self) -> Option<Instant> {
        if self.free() == 0 {
            return None;
        }
        self.brands.values().filter_map(|brand| brand.due).min()
    }

    /// Gives each brand that has something to say or to do a turn, beginning after the last.
    async fn turns(&mut self) {
        let now = Instant::now();
        let after = self.brands.range(self.last + 1..).chain(self.brands.range(..=self.last));
        let ready =
            after.filter(|(_, brand)| !brand.settled.is_empty() || brand.due.is_some_and(|due| due <= now));
        let ready: Vec<Id> = ready.map(|(id, _)| *id).collect();
        // A brand has at most its share, so that one with a long queue leaves room.
        let share = self.free().div_ceil(ready.len().clamp(1, 4) as u64);
        for id in ready {
            let most = share.min(self.free());
            let Some(brand) = self.brands.get_mut(&id) else { continue };
            if brand.settled.is_empty() && most == 0 {
                continue;
            }
            self.last = id;
            if let Err(problem) = self.turn(id, most).await {
                tracing::warn!(brand.id = id, %problem, "tasks could not be taken; it is tried again");
                if let Some(brand) = self.brands.get_mut(&id) {
                    brand.due = Some(Instant::now() + PAUSE);
                }
                // What is not said now is said with the next outcome or look.
                tokio::time::sleep(PAUSE / 10).await;
            }
        }
    }

    async fn turn(&mut self, id: Id, most: u64) -> Result<(), Problem> {
        let Some(brand) = self.brands.get_mut(&id) else { return Ok(()) };
        let tools = (&self.tools.clock, &self.tools.ids);
        let claimed = claims::turn(&self.tools.db, &brand.scope, tools, (&brand.settled, most)).await?;
        brand.settled.clear();
        let full = claimed.len() as u64 == most && most > 0;
        let scope = brand.scope.clone();
        let shown = Instant::now();
        for task in claimed {
            let lost = Arc::new(Notify::new());
            let running = Running { task: task.clone(), lost: lost.clone() };
            self.flying.insert(task.id, Flying { task, lost, shown });
            if let Some(given) = &self.given {
                let _ = given.send(running);
            }
        }
        let due = if full || most == 0 {
            Some(shown)
        } else {
            let next = claims::next_due(&self.tools.db, &scope).await?;
            next.map(|at| self.instant(at))
        };
        if let Some(brand) = self.brands.get_mut(&id) {
            brand.due = due;
        }
        Ok(())
    }

    /// A time of the clock as one of the stopwatch, not beyond a day: the clock may be set meanwhile.
    fn instant(&self, at: DateTime<Utc>) -> Instant {
        let wait = (at - self.tools.clock.now()).clamp(TimeDelta::zero(), TimeDelta::days(1));
        Instant::now() + wait.to_std().unwrap_or_default()
    }

    /// Finds what no signal told of: brands, tasks that are due, leases of processes that have ended, a clock that was set.
    async fn look_around(&mut self) {
        if let Err(problem) = self.look().await {
            tracing::warn!(%problem, "tasks could not be looked for; it is tried again");
        }
    }

    async fn look(&mut self) -> Result<(), Problem> {
        let sweep = SystemScope::new("looking for tasks");
        let mut standing = HashMap::new();
        for scope in fithire_orgs::every_brand(&self.tools.db, &sweep).await? {
            let id = scope.brand_id();
            claims::mend_clock(&self.tools.db, &scope, &self.tools.clock).await?;
            let next = claims::next_due(&self.tools.db, &scope).await?;
            let due = next.map(|at| self.instant(at));
            let known = Brand { scope: scope.clone(), settled: Vec::new(), due: None };
            let brand = self.brands.entry(id).or_insert(known);
            // What a signal told meanwhile stays.
            brand.due = brand.due.into_iter().chain(due).min();
            let now = Instant::now();
            for lease in claims::leases(&self.tools.db, &scope).await? {
                if self.flying.contains_key(&lease.id) {
                    continue;
                }
                let since = *self.seen.get(&lease).unwrap_or(&now);
                if now - since >= self.settings.lease() {
                    claims::revoke(&self.tools.db, &scope, &self.tools.clock, lease).await?;
                    tracing::warn!(task.id = lease.id, "a task was taken from whoever had it");
                } else {
                    standing.insert(lease, since);
                }
            }
        }
        self.seen = standing;
        Ok(())
    }

    /// Shows that what runs here is being run, and stops what is somebody else's by now.
    async fn show_life(&mut self) {
        let mut of_brand: BTreeMap<Id, Vec<Claimed>> = BTreeMap::new();
        for flying in self.flying.values() {
            of_brand.entry(flying.task.scope.brand_id()).or_default().push(flying.task.clone());
        }
        for tasks in of_brand.into_values() {
            let began = Instant::now();
            match claims::beat(&self.tools.db, &tasks[0].scope, &tasks).await {
                Ok(lost) => {
                    for task in &tasks {
                        if let Some(flying) = self.flying.get_mut(&task.id) {
                            flying.shown = began;
                        }
                    }
                    // Whoever ends their task in a transaction of their own has no lease any more, and is heard in a moment.
                    for id in lost {
                        self.lose(id);
                    }
                }
                Err(problem) => tracing::warn!(%problem, "it could not be shown that tasks are being run"),
            }
        }
        let late = self.settings.lease();
        let late: Vec<Id> =
            self.flying.iter().filter(|(_, f)| f.shown.elapsed() >= late).map(|(id, _)| *id).collect();
        for id in late {
            self.lose(id);
        }
    }

    /// Stops a task whose lease is lost.
    fn lose(&mut self, id: Id) {
        if let Some(flying) = self.flying.get(&id) {
            flying.lost.notify_one();
        }
    }

    /// Stops what runs still, so that it is given back.
    fn give_back(&mut self) {
        for flying in self.flying.values() {
            tracing::info!(task.id = flying.task.id, flying.task.kind, "a task is given back");
            flying.lost.notify_one();
        }
    }

    /// Says that this worker lives.
    async fn sign(&mut self) {
        self.this.seen_at = self.tools.clock.now();
        if let Err(problem) = worker_lives(&self.tools.db, &self.this).await {
            tracing::warn!(%problem, "it could not be said that this worker lives");
        }
    }
}

/// The name of this machine, as far as the environment or the system tells.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}
