//! The schedule of what is kept: each hour, and when the program starts, what is no longer needed goes, and the people whom
//! an issuer has deleted with that wish are erased. Any number of replicas may follow it.

use std::time::Duration;

use fithire_identity::empty_where_left;
use fithire_identity::retention::{tidy, tidy_brand, to_erase};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{BrandScope, SystemScope};
use fithire_matching::{erase_person, knows_person};
use tokio::task::JoinHandle;

/// How often.
const PERIOD: Duration = Duration::from_hours(1);

/// What follows the schedule beside the server.
pub(crate) struct Schedule(JoinHandle<()>);

impl Schedule {
    pub(crate) fn start(db: Db, (clock, ids): (Clock, Ids)) -> Self {
        Self(tokio::spawn(async move {
            loop {
                if let Err(problem) = follow(&db, (&clock, &ids)).await {
                    // What was not done is due the next time, too.
                    tracing::warn!(%problem, "the schedule of what is kept could not be followed");
                }
                tokio::time::sleep(PERIOD).await;
            }
        }))
    }

    /// Ends; each step is one transaction, which happens or does not.
    pub(crate) fn stop(self) {
        self.0.abort();
    }
}

/// Does what is due.
pub(crate) async fn follow(db: &Db, (clock, ids): (&Clock, &Ids)) -> Result<(), Problem> {
    let due = to_erase(db, clock).await?;
    let mut removed = tidy(db, clock).await?;
    for brand in fithire_orgs::every_brand(db, &SystemScope::new("following the schedule")).await? {
        let mut tx = db.write(&brand).await?;
        removed += tidy_brand(&mut tx, clock.now()).await?;
        removed += fithire_kernel::once::tidy_brand(&mut tx, clock.now()).await?;
        removed += fithire_matching::rescoring::tidy_brand(&mut tx, clock.now()).await?;
        removed += fithire_webhooks::tidy_brand(&mut tx, clock.now()).await?;
        removed += fithire_notifications::tidy_brand(&mut tx, clock.now()).await?;
        tx.commit().await?;
        // A profile may be left where there is no membership any more.
        for account_id in &due {
            if let Err(problem) = erase(db, (clock, ids), &brand, *account_id).await {
                tracing::error!(%problem, account.id = account_id, "somebody could not be erased");
            }
        }
    }
    tracing::debug!(removed, "the schedule was followed");
    Ok(())
}

async fn erase(db: &Db, tools: (&Clock, &Ids), brand: &BrandScope, account_id: Id) -> Result<(), Problem> {
    let mut tx = db.write(brand).await?;
    if knows_person(&mut tx, account_id).await? {
        erase_person(&mut tx, tools, account_id).await?;
        tracing::info!(account.id = account_id, "somebody was erased whom their issuer has deleted");
    } else {
        empty_where_left(&mut tx, tools.0.now(), account_id).await?;
    }
    tx.commit().await?;
    Ok(())
}
