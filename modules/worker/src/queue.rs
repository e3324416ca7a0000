//! The queue as apalis sees it: a backend that gives what the keeper has claimed, and whose layer hears what became of it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use apalis::prelude::{BoxDynError, ExecutionContext, Task, TaskBuilder, WorkerContext};
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::task_id::{RandomId, TaskId};
use apalis_core::worker::ext::ack::{Acknowledge, AcknowledgeLayer};
use fithire_kernel::ids::Id;
use fithire_kernel::tasks::{Claimed, Outcome};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// A task that is to be run, and what says that it is somebody else's now.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) task: Claimed,
    pub(crate) lost: Arc<Notify>,
}

/// What became of a task, by its id.
pub(crate) type Settled = (Id, Outcome);

/// The backend.
pub(crate) struct Queue {
    /// Closed when there will be no more.
    taken: UnboundedReceiver<Running>,
    settles: Settles,
}

impl Queue {
    pub(crate) fn new(taken: UnboundedReceiver<Running>, settles: UnboundedSender<Settled>) -> Self {
        Self { taken, settles: Settles(settles) }
    }
}

impl Backend for Queue {
    type Task = Task<Running>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        let task = |running: Running| {
            let id = TaskId::from_int(running.task.id.unsigned_abs());
            Ok(TaskBuilder::new(running).task_id(id).build())
        };
        let polled = self.taken.poll_recv(cx);
        if matches!(polled, Poll::Ready(None)) {
            // Without being told so it would wait for more.
            let _ = worker.stop();
        }
        polled.map(|running| running.map(task))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Queue {
    type Args = Running;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = AcknowledgeLayer<Settles>;

    fn config(&self) -> &Self::Config {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        AcknowledgeLayer::new(self.settles.clone())
    }
}

/// Hears what became of tasks.
#[derive(Clone, Debug)]
pub(crate) struct Settles(UnboundedSender<Settled>);

impl Acknowledge<Outcome> for Settles {
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn ack(&mut self, became: &Result<Outcome, BoxDynError>, context: &ExecutionContext) -> Self::Future {
        let outcome = match became {
            Ok(outcome) => outcome.clone(),
            Err(error) => Outcome::Retry(error.to_string(), None),
        };
        if let Some(id) = context.task_id().and_then(TaskId::as_int) {
            // The keeper hears to the end.
            let _ = self.0.send((id.cast_signed(), outcome));
        }
        ready(Ok(()))
    }
}
