//! How much is taken on: so many requests at once, and a word to whoever routes to us before the server stops.
//!
//! Whoever comes beyond that is refused in a moment, with 503 and `Retry-After`, so that those who were taken on are answered
//! as fast as ever. A request that waits for nothing but a stream's next event is not counted: it was answered when the
//! stream began.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use fithire_kernel::problem::{Code, Problem};
use poem::http::StatusCode;
use poem::http::header::{self, HeaderValue};
use poem::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Seconds after which somebody who was refused may find room.
const AFTER: u64 = 1;

/// What a server has taken on.
#[derive(Clone)]
pub(crate) struct Load {
    room: Arc<Semaphore>,
    at_once: u16,
    ending: Arc<AtomicBool>,
    /// The page for people, rendered once: a refusal must cost next to nothing.
    page: Arc<OnceLock<String>>,
}

impl Load {
    pub(crate) fn new(at_once: u16) -> Self {
        let room = Arc::new(Semaphore::new(at_once.into()));
        Self { room, at_once, ending: Arc::default(), page: Arc::default() }
    }

    /// Room for a request, for as long as what this answers lives.
    pub(super) fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.room.clone().try_acquire_owned().map_err(|_| {
            let busy = Problem { retry_after: Some(AFTER), ..Problem::new(Code::Unavailable) };
            busy.because("too much is asked at this moment")
        })
    }

    /// How many requests are being answered.
    pub(super) fn taken(&self) -> usize {
        usize::from(self.at_once).saturating_sub(self.room.available_permits())
    }

    /// The page for people who were refused; `render` makes it the first time.
    pub(super) fn page(&self, render: impl FnOnce() -> String) -> Response {
        let page = self.page.get_or_init(render).clone();
        let mut response = poem::web::Html(page).with_status(StatusCode::SERVICE_UNAVAILABLE).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, AFTER.into());
        response
    }

    /// From now on nobody is to be sent here: `/readyz` says so, and connections end with their next answer.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Has the connection of an answer end with it, where the server is about to stop.
    pub(super) fn last(&self, response: &mut Response) {
        if self.is_ending() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}
