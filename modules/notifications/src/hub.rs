//! The hub of a process: the streams that are open, and what wakes them.
//!
//! Each account with an open stream has one reader. A signal wakes the reader of its account; whatever is new is read once
//! and handed to all streams of the account. Ten thousand streams that have nothing to say cost nothing when a signal comes,
//! and one look at their inboxes for each five hundred of them every half a minute, because signals may be lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fithire_kernel::db::{Db, Listener, Signal, Signals};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::BrandScope;
use sea_query::{Expr, ExprTrait, Order};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::inbox::{notices_of, told_of};
use crate::model::{Inboxes, NoticeRow, Notices};

/// How often inboxes are looked at without a signal.
const LOOK: Duration = Duration::from_secs(30);
/// Accounts whose inboxes are looked at together.
const TOGETHER: usize = 500;
/// Streams of an account in a process; a page that is not looked at has none. One more takes the place of the oldest, which most
/// likely has nobody left: that a page has gone is learnt only when something is written to it.
const MOST: usize = 8;
/// Notices that are read at once, and that a reader keeps for streams that are a little behind.
pub(crate) const AT_ONCE: u64 = 100;

/// The open streams of a process.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    db: Db,
    readers: Mutex<BTreeMap<(Id, Id), Reader>>,
    closing: watch::Sender<bool>,
    /// Numbers streams.
    opened: AtomicU64,
}

/// What reads the inbox of an account for its streams.
struct Reader {
    shared: Arc<Shared>,
    /// By number, the oldest first, each with what ends it.
    streams: VecDeque<(u64, Arc<Notify>)>,
    task: JoinHandle<()>,
}

struct Shared {
    scope: BrandScope,
    wake: Notify,
    seen: watch::Sender<Option<Arc<Seen>>>,
}

/// What a reader has seen of an inbox: every notice above `floor`, up to `last`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) floor: i64,
    pub(crate) last: i64,
    pub(crate) unread: i64,
    pub(crate) notices: VecDeque<Arc<NoticeRow>>,
}

impl Hub {
    /// A hub that hears what is told, until it is closed.
    #[must_use]
    pub fn start(db: Db, signals: &Signals) -> Self {
        let hub = Self(Arc::new(Inner {
            db,
            readers: Mutex::new(BTreeMap::new()),
            closing: watch::channel(false).0,
            opened: AtomicU64::new(0),
        }));
        tokio::spawn(hear(hub.clone(), signals.listen(), hub.0.closing.subscribe()));
        hub
    }

    /// Ends every stream and takes no more: a server that stops does not wait for them.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// How many streams are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.readers().values().map(|reader| reader.streams.len()).sum()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    /// A place for another stream of an account.
    ///
    /// # Errors
    /// 503 when the server is about to stop.
    pub(crate) fn open(&self, scope: &BrandScope, account_id: Id) -> Result<Place, Problem> {
        if *self.0.closing.borrow() {
            return Err(Problem { retry_after: Some(1), ..Problem::new(Code::Unavailable) });
        }
        let key = (scope.brand_id(), account_id);
        let mut readers = self.readers();
        let reader = readers.entry(key).or_insert_with(|| {
            let (wake, seen) = (Notify::new(), watch::channel(None).0);
            let shared = Arc::new(Shared { scope: scope.clone(), wake, seen });
            let task = tokio::spawn(read(self.0.db.clone(), account_id, shared.clone()));
            Reader { shared, streams: VecDeque::new(), task }
        });
        if reader.streams.len() >= MOST
            && let Some((_, enough)) = reader.streams.pop_front()
        {
            enough.notify_one();
        }
        let (number, enough) = (self.0.opened.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
        reader.streams.push_back((number, enough.clone()));
        let (seen, closing) = (reader.shared.seen.subscribe(), self.0.closing.subscribe());
        drop(readers);
        Ok(Place { hub: self.clone(), key, number, enough, seen, closing })
    }

    fn readers(&self) -> MutexGuard<'_, BTreeMap<(Id, Id), Reader>> {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, key: (Id, Id)) {
        if let Some(reader) = self.readers().get(&key) {
            reader.shared.wake.notify_one();
        }
    }

    /// Wakes the readers of a brand's accounts that have not seen what is there.
    async fn look(&self, scope: &BrandScope, accounts: &[Id]) -> Result<(), Problem> {
        let within = self.0.db.within(scope);
        let mut select = within.select(Inboxes::Table);
        select
            .columns([Inboxes::AccountId, Inboxes::LastSeq, Inboxes::Unread])
            .and_where(Expr::col(Inboxes::AccountId).is_in(accounts.iter().copied()));
        let rows: Vec<(Id, i64, i64)> = self.0.db.glimpse(&within, &[select]).await?.all()?;
        let readers = self.readers();
        for (account_id, last, unread) in rows {
            let Some(reader) = readers.get(&(scope.brand_id(), account_id)) else { continue };
            let is_new = match &*reader.shared.seen.borrow() {
                Some(seen) => (seen.last, seen.unread) != (last, unread),
                None => true,
            };
            if is_new {
                reader.shared.wake.notify_one();
            }
        }
        Ok(())
    }

    /// Every account with a stream, by brand, in portions.
    fn portions(&self) -> Vec<(BrandScope, Vec<Id>)> {
        let mut portions: Vec<(BrandScope, Vec<Id>)> = Vec::new();
        for ((brand_id, account_id), reader) in &*self.readers() {
            match portions.last_mut() {
                Some((scope, accounts)) if scope.brand_id() == *brand_id && accounts.len() < TOGETHER => {
                    accounts.push(*account_id);
                }
                _ => portions.push((reader.shared.scope.clone(), vec![*account_id])),
            }
        }
        portions
    }
}

/// The place of an open stream; giving it back ends the reader whose last it was.
pub(crate) struct Place {
    hub: Hub,
    key: (Id, Id),
    number: u64,
    /// Says that another has taken the place.
    pub(crate) enough: Arc<Notify>,
    pub(crate) seen: watch::Receiver<Option<Arc<Seen>>>,
    pub(crate) closing: watch::Receiver<bool>,
}

impl Place {
    pub(crate) fn db(&self) -> &Db {
        self.hub.db()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut readers = self.hub.readers();
        if let Some(reader) = readers.get_mut(&self.key) {
            reader.streams.retain(|(number, _)| *number != self.number);
            if reader.streams.is_empty() {
                reader.task.abort();
                readers.remove(&self.key);
            }
        }
    }
}

/// Wakes readers by signals, and by looking, until the hub is closed.
async fn hear(hub: Hub, mut listener: Listener, mut closing: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let missed = tokio::select! {
            () = async { let _ = closing.wait_for(|closing| *closing).await; } => return,
            signal = listener.next() => match signal {
                Signal::Topic(topic) => {
                    if let Some(key) = told_of(&topic) {
                        hub.wake(key);
                    }
                    false
                }
                Signal::Missed => true,
            },
            _ = tick.tick() => true,
        };
        if missed {
            for (scope, accounts) in hub.portions() {
                if let Err(problem) = hub.look(&scope, &accounts).await {
                    tracing::debug!(%problem, "inboxes could not be looked at");
                }
            }
        }
    }
}

/// Reads the inbox of an account whenever it is woken, for as long as it has a stream.
async fn read(db: Db, account_id: Id, shared: Arc<Shared>) {
    loop {
        let before = shared.seen.borrow().clone();
        match seen(&db, &shared.scope, account_id, before.as_deref()).await {
            Ok(seen) => {
                shared.seen.send_replace(Some(Arc::new(seen)));
            }
            // Whoever looks from time to time finds that it has not seen everything.
            Err(problem) => tracing::debug!(%problem, "an inbox could not be read"),
        }
        shared.wake.notified().await;
    }
}

/// What is in an inbox, after what was seen before; at first, that it is there.
async fn seen(db: &Db, scope: &BrandScope, account_id: Id, before: Option<&Seen>) -> Result<Seen, Problem> {
    let within = db.within(scope);
    let mut state = within.select(Inboxes::Table);
    state
        .columns([Inboxes::LastSeq, Inboxes::Unread])
        .and_where(Expr::col(Inboxes::AccountId).eq(account_id));
    let mut selects = vec![state];
    selects.extend(before.map(|before| {
        let mut select = notices_of(&within, account_id);
        select.and_where(Expr::col(Notices::Seq).gt(before.last)).order_by(Notices::Seq, Order::Asc);
        select.limit(AT_ONCE);
        select
    }));
    let mut found = db.glimpse(&within, &selects).await?;
    let (last, unread) = found.optional()?.unwrap_or((0, 0));
    let Some(before) = before else {
        return Ok(Seen { floor: last, last, unread, notices: VecDeque::new() });
    };
    let rows: Vec<NoticeRow> = found.all()?;
    let mut seen = Seen { unread, ..before.clone() };
    let is_all = (rows.len() as u64) < AT_ONCE;
    for row in rows {
        seen.last = row.seq;
        seen.notices.push_back(Arc::new(row));
    }
    while seen.notices.len() as u64 > AT_ONCE {
        seen.floor = seen.notices.pop_front().map_or(seen.floor, |row| row.seq);
    }
    if !is_all || last < before.last {
        // Too much to keep, or another inbox than before: streams that are behind read for themselves.
        return Ok(Seen { floor: last, last, unread, notices: VecDeque::new() });
    }
    Ok(seen)
}
