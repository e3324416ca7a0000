//! One transaction for all the steps of a request that is to happen once.
//!
//! Inside [`Shared::within`] the first transaction that writes the brand claims the request's key, and committing it only sets
//! it aside: what reads or writes next goes on in it, so that the answer is made from what was written before anybody else sees it.
//! [`Shared::take`] hands it to whoever stores the answer and commits the whole. Nothing outside the request's own future knows of
//! it: what it spawns has transactions of its own.
//!
//! Invariants: there is one such transaction at a time, and it holds the key; whatever is not taken is rolled back.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_query::InsertStatement;

use super::tx::{Connection, Mode, Telling, Tx};
use super::{Db, Error};
use crate::ids::Id;
use crate::scope::BrandScope;

/// Milliseconds for which a key is waited for that another process has claimed and not yet committed.
const WAIT: u32 = 5_000;

tokio::task_local! {
    static SHARED: Arc<Shared>;
}

/// The transaction of a request that is to happen once.
#[derive(Debug)]
pub(crate) struct Shared {
    brand_id: Id,
    claim: InsertStatement,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    telling: Telling,
}

#[derive(Debug)]
enum State {
    /// Nothing was written yet.
    Untouched,
    /// A step is at work in it.
    Out,
    /// A step has committed; the next one goes on.
    Parked(Connection),
    /// Somebody else has claimed the key.
    Claimed(Claimed),
    /// A later step was given up, and with it the earlier ones, which believe to be committed.
    Broken,
    /// The request was answered.
    Over,
}

/// Who else has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Somebody whose answer is there.
    Done,
    /// Somebody who is not done.
    Busy,
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this request happens elsewhere")
    }
}

impl std::error::Error for Claimed {}

/// Whether a transaction was refused because somebody else has the key of its request.
pub(crate) fn is_claimed(error: &Error) -> bool {
    matches!(error, Error::Configuration(cause) if cause.is::<Claimed>())
}

/// What has become of a request's transaction.
pub(crate) enum Taken {
    /// It holds everything that was written, and its key.
    Open(Tx),
    /// Nothing was written.
    Nothing,
    Claimed(Claimed),
    Broken,
}

impl Shared {
    /// For a request to a brand; `claim` adds its key and does nothing where that is there.
    pub(crate) fn new(scope: &BrandScope, claim: InsertStatement) -> Arc<Self> {
        let inner = Inner { state: State::Untouched, telling: Telling::default() };
        Arc::new(Self { brand_id: scope.brand_id(), claim, inner: Mutex::new(inner) })
    }

    /// Runs a request whose transactions are this one.
    pub(crate) async fn within<F: Future>(self: &Arc<Self>, request: F) -> F::Output {
        SHARED.scope(self.clone(), request).await
    }

    /// The one of the request that runs here, where it is to happen once and reaches that brand.
    pub(super) fn of(scope: &BrandScope) -> Option<Arc<Self>> {
        let shared = SHARED.try_with(Arc::clone).ok()?;
        (shared.brand_id == scope.brand_id()).then_some(shared)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step's transaction; nothing where it may have one of its own.
    pub(super) async fn open(
        self: &Arc<Self>,
        db: &Db,
        scope: &BrandScope,
        mode: Mode,
    ) -> Result<Option<Tx>, Error> {
        let parked = {
            let mut inner = self.lock();
            match (std::mem::replace(&mut inner.state, State::Out), mode) {
                (State::Parked(connection), _) => Some(connection),
                (State::Untouched, Mode::Write) => None,
                (state, mode) => {
                    let refused = match (&state, mode) {
                        (State::Untouched | State::Out | State::Over, Mode::Read)
                        | (State::Over, Mode::Write) => Ok(None),
                        (State::Claimed(claimed), _) => Err(Error::Configuration(Box::new(*claimed))),
                        _ => Err(Error::Protocol("a request that happens once writes in two places".into())),
                    };
                    inner.state = state;
                    return refused;
                }
            }
        };
        if let Some(connection) = parked {
            let held = Held { connection: Some(connection), home: Some(self.home(mode, false)) };
            return Ok(Some(Tx::going_on(held, scope, Telling::default())));
        }
        let begun = self.begin(db, scope).await;
        if let Err(error) = &begun {
            self.lock().state = match error {
                Error::Configuration(cause) => {
                    cause.downcast_ref().copied().map_or(State::Untouched, State::Claimed)
                }
                _ => State::Untouched,
            };
        }
        begun.map(Some)
    }

    /// Begins it with the key.
    async fn begin(self: &Arc<Self>, db: &Db, scope: &BrandScope) -> Result<Tx, Error> {
        let connection = Held::own(Connection::begin(db, Mode::Write).await?);
        let mut tx = Tx::on(connection, scope, Telling::of(db)).await?;
        tx.connection().wait_at_most(WAIT).await?;
        match tx.run(&self.claim).await {
            Ok(0) => return Err(Error::Configuration(Box::new(Claimed::Done))),
            Ok(_) => {}
            // Somebody holds it who has not committed.
            Err(error) if is_lock_timeout(&error) => {
                return Err(Error::Configuration(Box::new(Claimed::Busy)));
            }
            Err(error) => return Err(error),
        }
        tx.connection().wait_at_most(0).await?;
        tx.connection().home = Some(self.home(Mode::Write, true));
        Ok(tx)
    }

    fn home(self: &Arc<Self>, mode: Mode, is_first: bool) -> Home {
        Home { shared: self.clone(), mode, is_first }
    }

    /// Ends it: what was set aside is the caller's, and nobody goes on in it.
    pub(crate) fn take(&self, scope: &BrandScope) -> Taken {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.state, State::Over) {
            State::Parked(connection) => {
                let telling = std::mem::take(&mut inner.telling);
                Taken::Open(Tx::going_on(Held::own(connection), scope, telling))
            }
            State::Untouched | State::Over => Taken::Nothing,
            State::Claimed(claimed) => Taken::Claimed(claimed),
            State::Out | State::Broken => Taken::Broken,
        }
    }
}

fn is_lock_timeout(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

/// The connection of a transaction, and where it goes back to.
#[derive(Debug)]
pub(super) struct Held {
    connection: Option<Connection>,
    home: Option<Home>,
}

#[derive(Debug)]
struct Home {
    shared: Arc<Shared>,
    mode: Mode,
    /// Nothing was written before.
    is_first: bool,
}

impl Held {
    /// A transaction of its own.
    pub(super) fn own(connection: Connection) -> Self {
        Self { connection: Some(connection), home: None }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.home.is_some()
    }

    /// The same, where it is nobody else's.
    pub(super) fn alone(self) -> Result<Self, Error> {
        if self.is_shared() {
            return Err(Error::Protocol("a request that happens once stays in its brand".into()));
        }
        Ok(self)
    }

    /// Sets it aside for the next step.
    pub(super) fn park(&mut self, telling: Telling) {
        if let (Some(home), Some(connection)) = (self.home.take(), self.connection.take()) {
            let mut inner = home.shared.lock();
            inner.telling.add(telling);
            inner.state = State::Parked(connection);
        }
    }

    /// The connection, to end it.
    ///
    /// # Panics
    /// Never: it is taken once, by what consumes the transaction.
    pub(super) fn take(mut self) -> Connection {
        self.connection.take().expect("a transaction is ended once")
    }
}

impl Deref for Held {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a transaction that was not ended")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a transaction that was not ended")
    }
}

/// What was only read is set aside again; what was written and not committed is given up.
impl Drop for Held {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let connection = self.connection.take();
        let mut inner = home.shared.lock();
        if matches!(inner.state, State::Over) {
            return;
        }
        inner.state = match (home.mode, connection) {
            (Mode::Read, Some(connection)) => State::Parked(connection),
            _ if home.is_first => State::Untouched,
            _ => State::Broken,
        };
    }
}
