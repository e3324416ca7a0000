//! Signals: what a transaction tells everybody who listens, once it is committed and in no other case.
//!
//! A signal is a topic such as `tasks:7` and says nothing more; whoever hears it reads the database. PostgreSQL carries it to
//! every process (`NOTIFY`), SQLite to this one. A signal can be lost while a connection is, so nothing may depend on hearing
//! it: whoever waits for one also looks by themselves from time to time.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::broadcast;

use super::{Db, Error};

/// The channel of PostgreSQL that carries every topic.
pub(super) const CHANNEL: &str = "fithire";
/// Signals that wait for a slow listener; one who is further behind hears [`Signal::Missed`].
const WAITING: usize = 4_096;

/// Between topics that are told together.
const BETWEEN: char = '\n';

/// Topics as messages, many in each: a thousand people who are told of something cost a few.
pub(super) fn messages(topics: &[Arc<str>]) -> Vec<String> {
    /// Bytes that PostgreSQL takes in one.
    const MOST: usize = 7_999;
    let mut messages: Vec<String> = Vec::new();
    for topic in topics {
        match messages.last_mut() {
            Some(message) if message.len() + BETWEEN.len_utf8() + topic.len() <= MOST => {
                message.push(BETWEEN);
                message.push_str(topic);
            }
            _ => messages.push(topic.to_string()),
        }
    }
    messages
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A topic.
    Topic(Arc<str>),
    /// Something may have been missed: look at everything.
    Missed,
}

/// Where signals are heard.
#[derive(Clone, Debug)]
pub struct Signals(broadcast::Sender<Signal>);

impl Default for Signals {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl Signals {
    /// Hears what is told from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }

    pub(super) fn tell(&self, signal: Signal) {
        // Nobody listens: nobody misses it.
        let _ = self.0.send(signal);
    }
}

/// One who listens.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Signal>);

impl Listener {
    /// The next signal. Once nothing more can come, this waits for ever.
    pub async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Ok(signal) => signal,
            Err(broadcast::error::RecvError::Lagged(_)) => Signal::Missed,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// What else has come already, one after the other.
    pub fn more(&mut self) -> impl Iterator<Item = Signal> {
        std::iter::from_fn(|| match self.0.try_recv() {
            Ok(signal) => Some(signal),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Signal::Missed),
            Err(_) => None,
        })
    }
}

impl Db {
    /// Where this database's signals are heard. On PostgreSQL that takes a connection of its own, to `direct` where a pooler
    /// stands before the database; it is made anew for as long as somebody may listen.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn signals(&self, direct: Option<&str>) -> Result<Signals, Error> {
        match self {
            Self::Sqlite { signals, .. } => Ok(signals.clone()),
            Self::Postgres(pool) => {
                let options = direct.map_or_else(|| Ok((*pool.connect_options()).clone()), str::parse)?;
                let signals = Signals::default();
                let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
                tokio::spawn(hear(own, pool.clone(), signals.clone()));
                Ok(signals)
            }
        }
    }
}

/// Passes on what the server says, until the database is closed.
async fn hear(own: PgPool, app: PgPool, signals: Signals) {
    /// Between attempts to connect.
    const PAUSE: Duration = Duration::from_secs(1);
    let mut lost = false;
    while !app.is_closed() {
        let listened = tokio::select! {
            () = app.close_event() => return,
            listened = listen(&own, &signals) => listened,
        };
        if let Err(error) = listened
            && !lost
        {
            tracing::warn!(%error, "signals of the database are not heard; it is asked from time to time instead");
        }
        lost = true;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(own: &PgPool, signals: &Signals) -> Result<(), Error> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.listen(CHANNEL).await?;
    // What was told while nobody listened was missed.
    signals.tell(Signal::Missed);
    while let Some(heard) = listener.try_recv().await? {
        for topic in heard.payload().split(BETWEEN) {
            signals.tell(Signal::Topic(topic.into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_share_messages_that_the_server_takes() {
        let topics: Vec<Arc<str>> = (0..2_000).map(|n| format!("notices:7:{n}").into()).collect();
        let messages = messages(&topics);
        assert!(messages.len() < 5 && messages.iter().all(|message| message.len() < 8_000));
        assert!(messages.iter().flat_map(|message| message.split(BETWEEN)).eq(topics.iter().map(|t| &**t)));
        assert_eq!(super::messages(&topics[..1]), ["notices:7:0"]);
        assert!(super::messages(&[]).is_empty());
    }
}
