//! The hub of a process: the streams that are open, and what wakes them.
//!
//! A signal names an inbox. Inboxes with an open stream are read once for all streams of their account, and those of which
//! signals came meanwhile are read together: a word to a thousand people costs a few round trips. Ten thousand streams that
//! have nothing to say cost nothing when a signal comes, and one look at their inboxes for each five hundred of them every
//! half a minute, because signals may be lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fithire_kernel::db::{Db, Listener, Signal, Signals};
use fithire_kernel::ids::Id;
use fithire_kernel::listen::Lasting;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::BrandScope;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{Notify, watch};
use tokio::task::coop;
use tokio::time::MissedTickBehavior;

use crate::inbox::told_of;
use crate::looking::{self, AT_ONCE, State, TOGETHER};
use crate::stream::{Newest, Told};

/// A comment as often as this keeps proxies from closing a stream, and finds out who has gone. Each second has its part of
/// the inboxes, so that they are not all written to at once.
const SECONDS_TO_A_BEAT: i64 = 20;
/// How often inboxes are looked at without a signal.
const LOOK: Duration = Duration::from_secs(30);
/// Portions of inboxes that are read at the same time.
const SIDE_BY_SIDE: usize = 4;
/// Streams of an account in a process; a page that is not looked at has none. One more takes the place of the oldest, which most
/// likely has nobody left: that a page has vanished without a word is learnt only when something is written to it.
const MOST: usize = 8;

/// The open streams of a process.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    db: Db,
    inboxes: Mutex<BTreeMap<Key, Inbox>>,
    /// Those that are to be read.
    woken: Mutex<BTreeSet<Key>>,
    wake: Notify,
    closing: watch::Sender<bool>,
}

/// A brand and an account.
pub(crate) type Key = (Id, Id);

/// What has been read of the inbox of an account, for its streams.
struct Inbox {
    scope: BrandScope,
    /// The oldest first.
    streams: VecDeque<Arc<Open>>,
    /// Wakes the streams; they end with it.
    news: watch::Sender<News>,
}

/// One open stream.
#[derive(Default)]
pub(crate) struct Open {
    /// Whether another has taken its place.
    enough: AtomicBool,
    pub(crate) lasting: Lasting,
    /// Where its page is, while it waits for news and nothing of it is under way.
    waiting: Mutex<Option<Had>>,
}

/// What a page has been told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Had {
    /// Everything up to this number.
    pub(crate) last: Option<i64>,
    /// That so many are unread.
    pub(crate) unread: Option<i64>,
    /// What of it is still to be written.
    pub(crate) rest: Bytes,
}

impl Had {
    pub(crate) fn is(&self, (last, unread): (i64, i64)) -> bool {
        (self.last, self.unread) == (Some(last), Some(unread))
    }
}

impl Open {
    fn waiting(&self) -> MutexGuard<'_, Option<Had>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the newest without waking the stream. Whether that is done: a page that is not just before it, or whose socket
    /// does not take all of it, is for its stream.
    fn tell(&self, newest: &Newest) -> bool {
        let mut waiting = self.waiting();
        let Some(had) = &mut *waiting else { return false };
        if !had.rest.is_empty() || !had.is(newest.after) {
            return false;
        }
        if newest.after != newest.now {
            let written = self.lasting.write_now(&newest.text);
            if written == 0 {
                return false;
            }
            let (last, unread) = newest.now;
            *had = Had { last: Some(last), unread: Some(unread), rest: newest.text.slice(written..) };
        }
        had.rest.is_empty()
    }
}

/// What the streams of an inbox are woken by.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// What was seen; nothing until it was read.
    pub(crate) seen: Option<Arc<Seen>>,
    /// Counts beats: at each, a stream says that it is there.
    pub(crate) beats: u32,
}

/// What has been seen of an inbox: every notice above `floor`, up to `last`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) floor: i64,
    pub(crate) last: i64,
    pub(crate) unread: i64,
    pub(crate) notices: VecDeque<Told>,
    /// What has just come, for the pages that have had everything else.
    pub(crate) newest: Option<Newest>,
}

impl Seen {
    /// Goes on to the same inbox later.
    fn go_on(&mut self, whose: Key, now: State) {
        if !now.is_all || now.last < self.last {
            // Too much to keep, or another inbox than before: streams that are behind read for themselves.
            *self = Self::nothing_of(&now);
            return;
        }
        self.newest = Some(Newest::of(whose, (self.last, self.unread), &now.told, now.unread));
        self.unread = now.unread;
        self.last = now.told.last().map_or(self.last, |told| told.seq);
        self.notices.extend(now.told);
        while self.notices.len() as u64 > AT_ONCE {
            self.floor = self.notices.pop_front().map_or(self.floor, |told| told.seq);
        }
    }

    /// That it is there, and nothing of what is in it.
    fn nothing_of(now: &State) -> Self {
        let (last, unread) = (now.last, now.unread);
        Self { floor: last, last, unread, notices: VecDeque::new(), newest: None }
    }
}

impl Inbox {
    /// Goes on to what it is now, and tells its pages: each at once where that can be, else by its stream. How many there are.
    fn go_on(&self, key: Key, now: State) -> usize {
        self.news.send_if_modified(|news| {
            let Some(seen) = &mut news.seen else {
                news.seen = Some(Arc::new(Seen::nothing_of(&now)));
                return true;
            };
            // Nearly always no stream looks at it just then, and nothing is copied.
            let seen = Arc::make_mut(seen);
            seen.go_on(key, now);
            let Some(newest) = &seen.newest else { return true };
            // One that is left has all streams woken; those of pages that were told have nothing to say.
            let left = self.streams.iter().filter(|stream| !stream.tell(newest));
            left.count() > 0
        });
        self.streams.len()
    }
}

impl Hub {
    /// A hub that hears what is told, until it is closed.
    #[must_use]
    pub fn start(db: Db, signals: &Signals) -> Self {
        let hub = Self(Arc::new(Inner {
            db,
            inboxes: Mutex::default(),
            woken: Mutex::default(),
            wake: Notify::new(),
            closing: watch::channel(false).0,
        }));
        tokio::spawn(hear(hub.clone(), signals.listen(), hub.0.closing.subscribe()));
        tokio::spawn(read(hub.clone(), hub.0.closing.subscribe()));
        hub
    }

    /// Ends every stream and takes no more: a server that stops does not wait for them.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
        self.inboxes().clear();
    }

    /// How many streams are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.inboxes().values().map(|inbox| inbox.streams.len()).sum()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    /// A place for another stream of an account.
    ///
    /// # Errors
    /// 503 when the server is about to stop.
    pub(crate) fn open(&self, scope: &BrandScope, account_id: Id) -> Result<Place, Problem> {
        let key = (scope.brand_id(), account_id);
        let mut inboxes = self.inboxes();
        if *self.0.closing.borrow() {
            return Err(Problem { retry_after: Some(1), ..Problem::new(Code::Unavailable) });
        }
        let inbox = inboxes.entry(key).or_insert_with(|| {
            self.wake([key]);
            Inbox { scope: scope.clone(), streams: VecDeque::new(), news: watch::Sender::default() }
        });
        if inbox.streams.len() >= MOST
            && let Some(oldest) = inbox.streams.pop_front()
        {
            oldest.enough.store(true, Ordering::Relaxed);
            inbox.news.send_modify(|_| {});
        }
        let stream = Arc::<Open>::default();
        inbox.streams.push_back(stream.clone());
        Ok(Place { hub: self.clone(), key, stream, news: inbox.news.subscribe() })
    }

    fn inboxes(&self) -> MutexGuard<'_, BTreeMap<Key, Inbox>> {
        self.0.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn woken(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        self.0.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has inboxes read.
    fn wake(&self, keys: impl IntoIterator<Item = Key>) {
        let mut woken = self.woken();
        woken.extend(keys);
        if !woken.is_empty() {
            self.0.wake.notify_one();
        }
    }

    /// Has the streams of the inboxes whose second it is say that they are there.
    fn beat(&self, second: i64) {
        for ((_, account_id), inbox) in &*self.inboxes() {
            if (account_id - second).rem_euclid(SECONDS_TO_A_BEAT) == 0 {
                inbox.news.send_modify(|news| news.beats += 1);
            }
        }
    }

    /// Wakes the inboxes of a brand of which not everything has been seen.
    async fn look(&self, scope: &BrandScope, accounts: &[Id]) -> Result<(), Problem> {
        let rows = looking::states(&self.0.db, scope, accounts).await?;
        let inboxes = self.inboxes();
        let keys = rows.into_iter().map(|(account_id, last, unread)| {
            let key = (scope.brand_id(), account_id);
            let is_new = inboxes.get(&key).is_some_and(|inbox| match &inbox.news.borrow().seen {
                Some(seen) => (seen.last, seen.unread) != (last, unread),
                None => true,
            });
            is_new.then_some(key)
        });
        self.wake(keys.flatten());
        Ok(())
    }

    /// Inboxes by brand, in portions, each with the last number that was seen of it, where it was seen.
    fn portions<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Vec<Portion> {
        let inboxes = self.inboxes();
        let mut portions: Vec<Portion> = Vec::new();
        for key in keys {
            let Some(inbox) = inboxes.get(key) else { continue };
            let last = inbox.news.borrow().seen.as_ref().map(|seen| seen.last);
            match portions.last_mut() {
                Some((scope, of)) if scope.brand_id() == key.0 && of.len() < TOGETHER => {
                    of.push((key.1, last));
                }
                _ => portions.push((inbox.scope.clone(), vec![(key.1, last)])),
            }
        }
        portions
    }

    /// Reads some inboxes of a brand and hands on what is new.
    async fn read(&self, (scope, accounts): &Portion) -> Result<(), Problem> {
        let states = looking::look(&self.0.db, scope, accounts).await?;
        for (account_id, now) in states {
            let key = (scope.brand_id(), account_id);
            let told = self.inboxes().get(&key).map_or(0, |inbox| inbox.go_on(key, now));
            // Telling thousands takes a while, in which others have their turn.
            for _ in 0..told {
                coop::consume_budget().await;
            }
        }
        Ok(())
    }
}

/// A brand and some of its accounts, each with the last number of its inbox that was seen.
type Portion = (BrandScope, Vec<(Id, Option<i64>)>);

/// The place of an open stream; giving back the last one forgets the inbox.
pub(crate) struct Place {
    hub: Hub,
    key: Key,
    pub(crate) stream: Arc<Open>,
    /// What is there; it ends when no stream is to go on.
    pub(crate) news: watch::Receiver<News>,
}

impl Place {
    pub(crate) fn db(&self) -> &Db {
        self.hub.db()
    }

    /// Whether another stream has taken the place.
    pub(crate) fn is_taken(&self) -> bool {
        self.stream.enough.load(Ordering::Relaxed)
    }

    /// Waits for news; meanwhile the hub may tell the page, which is further then. Whether the stream is to go on.
    pub(crate) async fn wait(&mut self, had: &mut Had) -> bool {
        *self.stream.waiting() = Some(std::mem::take(had));
        let goes_on = self.news.changed().await.is_ok();
        *had = self.stream.waiting().take().unwrap_or_default();
        goes_on
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inboxes = self.hub.inboxes();
        if let Some(inbox) = inboxes.get_mut(&self.key) {
            inbox.streams.retain(|stream| !Arc::ptr_eq(stream, &self.stream));
            if inbox.streams.is_empty() {
                inboxes.remove(&self.key);
            }
        }
    }
}

/// Wakes inboxes by signals, and by looking, until the hub is closed.
async fn hear(hub: Hub, mut listener: Listener, mut closing: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut second, mut seconds) = (tokio::time::interval(Duration::from_secs(1)), 0);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let missed = tokio::select! {
            () = async { let _ = closing.wait_for(|closing| *closing).await; } => return,
            signal = listener.next() => {
                // What was told together is read together.
                let (mut told, mut missed) = (Vec::new(), false);
                for signal in std::iter::once(signal).chain(listener.more()) {
                    match signal {
                        Signal::Topic(topic) => told.extend(told_of(&topic)),
                        Signal::Missed => missed = true,
                    }
                }
                hub.wake(told);
                missed
            }
            _ = tick.tick() => true,
            _ = second.tick() => {
                seconds += 1;
                hub.beat(seconds);
                false
            }
        };
        if missed {
            let keys: Vec<Key> = hub.inboxes().keys().copied().collect();
            for (scope, accounts) in hub.portions(keys.iter()) {
                let accounts: Vec<Id> = accounts.into_iter().map(|(account_id, _)| account_id).collect();
                if let Err(problem) = hub.look(&scope, &accounts).await {
                    tracing::debug!(%problem, "inboxes could not be looked at");
                }
            }
        }
    }
}

/// Reads inboxes that were woken, those that were woken meanwhile together, until the hub is closed.
async fn read(hub: Hub, mut closing: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = async { let _ = closing.wait_for(|closing| *closing).await; } => return,
            () = hub.0.wake.notified() => {}
        }
        let woken = std::mem::take(&mut *hub.woken());
        let portions = hub.portions(woken.iter());
        let read = async |portion: Portion| {
            // Whoever looks from time to time finds that not everything was seen.
            if let Err(problem) = hub.read(&portion).await {
                tracing::debug!(%problem, "inboxes could not be read");
            }
        };
        stream::iter(portions).for_each_concurrent(SIDE_BY_SIDE, read).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpStream;

    use tokio::net::TcpListener;

    use super::*;
    use crate::stream::told;

    #[tokio::test]
    async fn a_waiting_page_is_told_by_the_hub_and_what_its_socket_does_not_take_is_kept() {
        const WHOSE: Key = (1, 2);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut page = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let open = Open { lasting: Lasting::over(listener.accept().await.unwrap().0), ..Open::default() };
        let newest = |after: (i64, i64), title: &str| {
            Newest::of(WHOSE, after, &[told(WHOSE, after.0 + 1, ("system", title, "/"))], after.1 + 1)
        };
        let mut read = |text: &[u8]| {
            let mut bytes = vec![0; text.len()];
            page.read_exact(&mut bytes).unwrap();
            assert!(bytes == text, "what was told is what was written");
        };
        let had = |last, unread| Had { last: Some(last), unread: Some(unread), rest: Bytes::new() };

        let first = newest((3, 0), "The first");
        assert!(!open.tell(&first), "it is not waiting");
        for other in [Had::default(), had(2, 0), had(3, 1)] {
            *open.waiting() = Some(other.clone());
            assert!(!open.tell(&first), "it is elsewhere: {other:?}");
        }
        *open.waiting() = Some(had(3, 0));
        assert!(open.tell(&first));
        assert!(open.waiting().as_ref().is_some_and(|had| had.is((4, 1)) && had.rest.is_empty()));
        assert!(open.tell(&Newest::of(WHOSE, (4, 1), &[], 1)), "there is nothing to tell");

        let large = newest((4, 1), &"more than a socket takes ".repeat(1 << 20));
        assert!(!open.tell(&large), "it is for its stream");
        let rest = open.waiting().clone().unwrap().rest;
        assert!(!rest.is_empty() && rest.len() < large.text.len() && large.text.ends_with(&rest));
        assert!(open.waiting().as_ref().is_some_and(|had| had.is((5, 2))));
        assert!(!open.tell(&newest((5, 2), "The last")), "not before the rest");
        read(&first.text);
        read(&large.text[..large.text.len() - rest.len()]);
        page.set_nonblocking(true).unwrap();
        assert!(page.read(&mut [0]).is_err(), "and nothing else");
    }
}
