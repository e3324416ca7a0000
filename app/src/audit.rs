//! Keeps the audit logs: each second what was read is added, and what was added is sealed.

use std::time::Duration;

use fithire_kernel::audit::{Reads, seal};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Ids;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::SystemScope;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long entries wait.
const PERIOD: Duration = Duration::from_secs(1);

/// What keeps the logs beside the server; any number of replicas may.
pub(crate) struct AuditKeeper {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl AuditKeeper {
    pub(crate) fn start(db: Db, ids: Ids, reads: Reads) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                let last = tokio::time::timeout(PERIOD, &mut stopped).await.is_ok();
                if let Err(problem) = keep(&db, &ids, &reads).await {
                    // The next second tries again; nothing is lost meanwhile.
                    tracing::warn!(%problem, "the audit logs could not be kept");
                }
                if last {
                    return;
                }
            }
        });
        Self { stop, task }
    }

    /// Adds and seals once more, and ends.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn keep(db: &Db, ids: &Ids, reads: &Reads) -> Result<(), Problem> {
    reads.flush(db, ids).await?;
    for brand in fithire_orgs::every_brand(db, &SystemScope::new("sealing the audit logs")).await? {
        seal(db, &brand).await?;
    }
    Ok(())
}
