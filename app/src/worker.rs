//! What is done after the answer: the one list of tasks, and the worker that runs them.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use fithire_coaches::{REMIND, TELL, remind, tell};
use fithire_identity::{LETTER, letter};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Ids;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::SystemScope;
use fithire_kernel::tasks::{Claimed, Outcome};
use fithire_mail::Mail;
use fithire_matching::Rankings;
use fithire_matching::rescoring::{RESCORE, rescore_task};
use fithire_media::{SWEEP, Store, sweep};
use fithire_notifications::work as notices;
use fithire_presets::Live;
use fithire_webhooks::Sender;
use fithire_webhooks::work::{DELIVER, deliver};
use fithire_worker::{Handler, TaskSettings, Tools, Worker};

/// How long tasks under way may take after the program was asked to stop.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7);

/// What tasks work with.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) presets: Live,
    pub(crate) rankings: Arc<Rankings>,
    pub(crate) sender: Sender,
    pub(crate) mail: Mail,
    pub(crate) store: Store,
    /// Where the pages are to which messages lead.
    pub(crate) origin: String,
}

/// Does a task of any kind.
async fn does(work: Work, task: Claimed) -> Outcome {
    let Work { db, clock, ids, presets, rankings, sender, mail, store, origin } = &work;
    let tools = (clock, ids);
    match &*task.kind {
        RESCORE => rescore_task(db, tools, &rankings.by(presets.now().presets.clone()), &task).await,
        REMIND => remind(db, tools, &task).await,
        LETTER => letter(db, clock, (mail, origin), &task).await,
        SWEEP => sweep(db, tools, store, &task).await,
        TELL => tell(db, tools, &task).await,
        DELIVER => deliver(db, tools, sender, &task).await,
        notices::MAIL => notices::mail(db, tools, mail, origin, &task).await,
        notices::DIGEST => notices::digest(db, tools, mail, origin, &task).await,
        // A later version, running beside this one, knows what to do.
        _ => Outcome::Released(TimeDelta::minutes(1)),
    }
}

/// Starts to run tasks. Matches of every brand are looked at once, because the presets may be others than before.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn start(work: Work, tools: Tools, settings: TaskSettings) -> Result<Worker, Problem> {
    let sweep = SystemScope::new("looking whether presets have changed");
    for scope in fithire_orgs::every_brand(&work.db, &sweep).await? {
        let mut tx = work.db.write(&scope).await?;
        fithire_orgs::changed(&mut tx, (&work.clock, &work.ids)).await?;
        tx.commit().await?;
    }
    Worker::start(tools, settings, Handler::new(move |task| does(work.clone(), task))).await
}
