//! # Notifications: what people are told
//!
//! [`notify`] tells people of events in the transaction of their cause, each person of each event once and never again. A
//! notice is on its person's page at once, live where that page is open, and in a message if they wish so: at once, outside
//! their quiet hours, or once a day.
//!
//! - [`Kind`] and [`Notice`] are what can be told. Each kind has a usual way; [`pages`] has the page on which a person
//!   chooses another, with quiet hours, the hour of the day's message and where they live.
//! - [`work`] sends messages, as tasks. A message takes its notices before it is sent, and goes out again as the very same
//!   one, under the same Message-ID, when it is not known whether it was taken.
//! - [`Hub`] keeps the open streams of a process. A signal is for the streams of its account and no others; what is new is
//!   read once for all of them.
//! - [`ask_unread`] is what the bell in the frame of each page asks.
//! - [`told`], [`erase`] and [`tidy_brand`] are for whoever gives people their data, erases it, and keeps to the schedule.
//!
//! Notices of an account have numbers without gaps. Whoever takes the next ones holds the row of the inbox until the
//! transaction ends, so that nobody sees a number before all below it, and a stream that goes on after a number misses
//! nothing, whatever the order in which transactions commit.
//!
//! Invariants, above all absences: nobody is told twice of an event; no message goes to an address that its person has not
//! confirmed, nor again to one that was refused; a subject says what kind of thing it is about and nothing more; looking at a
//! link changes nothing; no address and no text is logged.

mod hub;
mod inbox;
mod letter;
mod looking;
mod model;
mod notify;
pub mod pages;
mod preferences;
mod stream;
pub mod work;

pub use hub::Hub;
pub use inbox::{ask_unread, erase, tidy_brand, told};
pub use model::Kind;
pub use notify::{Notice, lives_in, notify};
