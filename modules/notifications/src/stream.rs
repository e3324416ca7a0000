//! A stream of events: what one open page is told, as server-sent events.
//!
//! An event's id is the number of the notice that it goes up to, with whose it is; a browser that comes back names the last
//! one that it has, and the stream goes on after it. The first event says how much is unread, and from where on the stream
//! tells.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;

use async_stream::stream;
use bytes::Bytes;
use fithire_identity::{Identity, Onlooker};
use fithire_kernel::problem::Problem;
use futures_util::Stream;
use sea_query::{Expr, ExprTrait, Order};
use serde::Serialize;

use crate::hub::{Had, Key, News, Place, Seen};
use crate::inbox::notices_of;
use crate::looking::AT_ONCE;
use crate::model::{NoticeRow, Notices};

/// Bytes of a usual event, and more.
const USUAL: usize = 256;
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
    text: Bytes,
}

/// What a page shows of a notice.
#[derive(Serialize)]
struct Shown<'n> {
    kind: &'n str,
    title: &'n str,
    path: &'n str,
}

/// Writes a notice with its number, kind, title and path.
pub(crate) fn told(whose: Key, seq: i64, (kind, title, path): (&str, &str, &str)) -> Told {
    let mut text = Vec::with_capacity(USUAL);
    let written = write!(text, "id: {}\nevent: notice\ndata: ", Mark(whose, seq)).and_then(|()| {
        serde_json::to_writer(&mut text, &Shown { kind, title, path }).map_err(io::Error::from)
    });
    written.expect("memory takes what is text");
    text.extend(b"\n\n");
    Told { seq, text: text.into_boxed_slice().into() }
}

/// What the pages of an inbox are told that have had everything else.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    /// The last number and what was unread, as a page has it that is told this.
    pub(crate) after: (i64, i64),
    /// The same, once it is told.
    pub(crate) now: (i64, i64),
    pub(crate) text: Bytes,
}

impl Newest {
    /// That these came, after that number and so many unread ones; so many are unread now.
    pub(crate) fn of(whose: Key, after: (i64, i64), new: &[Told], unread: i64) -> Self {
        let last = new.last().map_or(after.0, |told| told.seq);
        let mut text = Vec::with_capacity(USUAL * (new.len() + 1));
        for told in new {
            text.extend(&told.text);
        }
        say_unread(&mut text, whose, last, unread);
        Self { after, now: (last, unread), text: text.into() }
    }
}

fn say_unread(text: &mut Vec<u8>, whose: Key, last: i64, unread: i64) {
    let written = write!(text, "id: {}\nevent: unread\ndata: {unread}\n\n", Mark(whose, last));
    written.expect("memory takes what is text");
}

/// What names a place in an inbox to its browser: the event's id.
pub(crate) struct Mark(pub(crate) Key, pub(crate) i64);

impl fmt::Display for Mark {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self((brand_id, account_id), seq) = self;
        write!(to, "{brand_id}.{account_id}.{seq}")
    }
}

/// The number that an event's id of this inbox has; one of another inbox is none.
pub(crate) fn number_of(id: &str, (brand_id, account_id): Key) -> Option<i64> {
    let number = id.strip_prefix(&format!("{brand_id}.{account_id}."))?;
    number.parse().ok().filter(|number| *number >= 0)
}

/// The stream as it goes over the wire.
pub(crate) fn events(watching: Watching) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream! {
        let had = Had { last: watching.after, ..Had::default() };
        let mut page = Page { watching, had };
        // Not all at once, when a server was away.
        let wait = 2_000 + page.whose().1.rem_euclid(3_000);
        yield Ok(format!("retry: {wait}\n\n").into());
        let mut heard = page.watching.place.news.borrow().beats;
        loop {
            if page.watching.place.is_taken() {
                // A page that is still there does not come back by itself: it would take the place of another.
                yield Ok(Bytes::from_static(b"event: enough\ndata: another page took the place\n\n"));
                return;
            }
            let News { seen, beats } = page.watching.place.news.borrow_and_update().clone();
            let mut text = Bytes::new();
            if let Some(seen) = seen {
                match page.catch_up(&seen).await {
                    Ok(new) => text = new,
                    // The browser comes back and goes on after what it has.
                    Err(problem) => {
                        tracing::debug!(%problem, "a stream could not go on");
                        return;
                    }
                }
            }
            if heard != beats {
                heard = beats;
                if beats.is_multiple_of(BEATS_TO_A_CHECK) && !page.is_still_there().await {
                    return;
                }
                if text.is_empty() {
                    text = Bytes::from_static(b": still here\n\n");
                }
            }
            if !text.is_empty() {
                yield Ok(text);
            }
            let is_told = page.watching.once && page.had.unread.is_some();
            // What has come meanwhile is there at once.
            if is_told || !page.watching.place.wait(&mut page.had).await {
                return;
            }
            if !page.had.rest.is_empty() {
                yield Ok(std::mem::take(&mut page.had.rest));
            }
        }
    }
}

/// A page on its way through what is told.
struct Page {
    watching: Watching,
    had: Had,
}

impl Page {
    fn whose(&self) -> Key {
        let caller = self.watching.onlooker.caller();
        (caller.scope().brand_id(), caller.account_id())
    }

    /// Where it cannot be asked, it is asked the next time.
    async fn is_still_there(&self) -> bool {
        let Watching { onlooker, identity, .. } = &self.watching;
        onlooker.is_still_there(identity).await.unwrap_or(true)
    }

    /// What the page does not have of what was seen.
    async fn catch_up(&mut self, seen: &Seen) -> Result<Bytes, Problem> {
        let mut after = *self.had.last.get_or_insert(seen.last);
        if after >= seen.last && self.had.unread == Some(seen.unread) {
            return Ok(Bytes::new());
        }
        let text = match &seen.newest {
            // Nearly every page has had everything before the newest, which is written once for all of them.
            Some(newest) if self.had.is(newest.after) => {
                after = seen.last;
                newest.text.clone()
            }
            _ => {
                let mut text = Vec::new();
                while after < seen.floor {
                    let rows = self.read(after).await?;
                    for row in &rows {
                        text.extend(&told(self.whose(), row.seq, (&row.kind, &row.title, &row.path)).text);
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
                    text.extend(&told.text);
                    after = told.seq;
                }
                say_unread(&mut text, self.whose(), after, seen.unread);
                text.into()
            }
        };
        (self.had.last, self.had.unread) = (Some(after), Some(seen.unread));
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
        assert_eq!(number_of(&Mark((7, 42), 3).to_string(), (7, 42)), Some(3));
        for id in ["", "3", "7.42.", "7.42.-1", "7.42.x", "7.43.3", "8.42.3", "7.42.3.1"] {
            assert_eq!(number_of(id, (7, 42)), None, "{id}");
        }
    }
}
