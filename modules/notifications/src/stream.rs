//! A stream of events: what one open page is told, as server-sent events.
//!
//! An event's id is the number of the notice that it goes up to, with whose it is; a browser that comes back names the last
//! one that it has, and the stream goes on after it. The first event says how much is unread, and from where on the stream
//! tells.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use fithire_identity::{Identity, Onlooker};
use fithire_kernel::problem::Problem;
use futures_util::Stream;
use futures_util::stream::unfold;
use sea_query::{Expr, ExprTrait, Order};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior};

use crate::hub::{Key, Place, Seen};
use crate::inbox::notices_of;
use crate::looking::AT_ONCE;
use crate::model::{NoticeRow, Notices};

/// A comment as often as this keeps proxies from closing the stream, and finds out who has gone.
const BEAT: Duration = Duration::from_secs(20);
/// At each so many beats it is asked whether the session is still open.
const BEATS_TO_A_CHECK: u32 = 3;

/// One open page.
pub(crate) struct Watching {
    pub(crate) place: Place,
    pub(crate) onlooker: Onlooker,
    pub(crate) identity: Arc<Identity>,
    /// The last number that the page has.
    pub(crate) after: Option<i64>,
    /// Whether the stream ends when it has told what is there.
    pub(crate) once: bool,
}

/// A notice as it goes over the wire, alike for every page of its account.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) seq: i64,
    text: Arc<str>,
}

/// Writes a notice with its number, kind, title and path.
pub(crate) fn told(whose: Key, seq: i64, (kind, title, path): (&str, &str, &str)) -> Told {
    let data = json!({"kind": kind, "title": title, "path": path});
    let text = format!("id: {}\nevent: notice\ndata: {data}\n\n", event_id(whose, seq));
    Told { seq, text: text.into() }
}

/// What names a place in an inbox to its browser.
pub(crate) fn event_id((brand_id, account_id): Key, seq: i64) -> String {
    format!("{brand_id}.{account_id}.{seq}")
}

/// The number that an event's id of this inbox has; one of another inbox is none.
pub(crate) fn number_of(id: &str, (brand_id, account_id): Key) -> Option<i64> {
    let number = id.strip_prefix(&format!("{brand_id}.{account_id}."))?;
    number.parse().ok().filter(|number| *number >= 0)
}

/// The stream as it goes over the wire.
pub(crate) fn events(watching: Watching) -> impl Stream<Item = io::Result<String>> + Send {
    let mut beat = tokio::time::interval(BEAT);
    beat.reset();
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    unfold(
        State { watching, beat, beats: 0, unread: None, began: false, over: false },
        |mut state| async move {
            let text = state.next().await?;
            Some((Ok(text), state))
        },
    )
}

struct State {
    watching: Watching,
    beat: Interval,
    beats: u32,
    /// What the page was told.
    unread: Option<i64>,
    began: bool,
    over: bool,
}

impl State {
    fn whose(&self) -> Key {
        let caller = self.watching.onlooker.caller();
        (caller.scope().brand_id(), caller.account_id())
    }

    /// The next part; nothing when the stream has ended.
    async fn next(&mut self) -> Option<String> {
        if !self.began {
            self.began = true;
            // Not all at once, when a server was away.
            let wait = 2_000 + self.whose().1.rem_euclid(3_000);
            return Some(format!("retry: {wait}\n\n"));
        }
        loop {
            if self.over {
                return None;
            }
            if self.watching.place.is_taken() {
                self.over = true;
                // A page that is still there does not come back by itself: it would take the place of another.
                return Some("event: enough\ndata: another page took the place\n\n".to_owned());
            }
            let seen = self.watching.place.seen.borrow_and_update().clone();
            if let Some(seen) = seen {
                if self.watching.once && self.unread.is_some() {
                    return None;
                }
                match self.catch_up(&seen).await {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => return Some(text),
                    // The browser comes back and goes on after what it has.
                    Err(problem) => {
                        tracing::debug!(%problem, "a stream could not go on");
                        return None;
                    }
                }
            }
            tokio::select! {
                changed = self.watching.place.seen.changed() => changed.ok()?,
                _ = self.beat.tick() => {
                    self.beats += 1;
                    if self.beats.is_multiple_of(BEATS_TO_A_CHECK) && !self.is_still_there().await {
                        return None;
                    }
                    return Some(": still here\n\n".to_owned());
                }
            }
        }
    }

    /// Where it cannot be asked, it is asked the next time.
    async fn is_still_there(&self) -> bool {
        let Watching { onlooker, identity, .. } = &self.watching;
        onlooker.is_still_there(identity).await.unwrap_or(true)
    }

    /// What the page does not have of what was seen.
    async fn catch_up(&mut self, seen: &Seen) -> Result<String, Problem> {
        let mut text = String::new();
        let mut after = *self.watching.after.get_or_insert(seen.last);
        while after < seen.floor {
            let rows = self.read(after).await?;
            for row in &rows {
                text += &told(self.whose(), row.seq, (&row.kind, &row.title, &row.path)).text;
                after = row.seq;
            }
            if (rows.len() as u64) < AT_ONCE {
                // What is missing has been removed since.
                after = Ord::max(after, seen.floor);
            }
        }
        // The new ones are at the end.
        let new = seen.notices.partition_point(|told| told.seq <= after);
        for told in seen.notices.range(new..) {
            text += &told.text;
            after = told.seq;
        }
        self.watching.after = Some(after);
        if self.unread != Some(seen.unread) || !text.is_empty() {
            self.unread = Some(seen.unread);
            let id = event_id(self.whose(), after);
            let _ = write!(text, "id: {id}\nevent: unread\ndata: {}\n\n", seen.unread);
        }
        Ok(text)
    }

    async fn read(&self, after: i64) -> Result<Vec<NoticeRow>, Problem> {
        let caller = self.watching.onlooker.caller();
        let db = self.watching.place.db();
        let within = db.within(caller.scope());
        let mut select = notices_of(&within, caller.account_id());
        select.and_where(Expr::col(Notices::Seq).gt(after)).order_by(Notices::Seq, Order::Asc);
        select.limit(AT_ONCE);
        Ok(db.glimpse(&within, &[select]).await?.all()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_its_inbox() {
        assert_eq!(number_of(&event_id((7, 42), 3), (7, 42)), Some(3));
        for id in ["", "3", "7.42.", "7.42.-1", "7.42.x", "7.43.3", "8.42.3", "7.42.3.1"] {
            assert_eq!(number_of(id, (7, 42)), None, "{id}");
        }
    }
}
