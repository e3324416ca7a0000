//! # Webhooks: a brand's own programs are told of what happens
//!
//! An admin names *endpoints*: a URL and the kinds of events that are sent to it. [`publish`] makes a *delivery* of each
//! event and endpoint in the transaction of what has happened, and a task that sends it; [`work::deliver`] does the task.
//! Messages are signed by the [Standard Webhooks](https://www.standardwebhooks.com/) specification. `docs/webhooks.md` is
//! the manual for whoever receives them.
//!
//! - A delivery's id is the id of its message. It is the same in each attempt and when the delivery is sent again, so that a
//!   receiver counts it once; the body is the same, too. The signature is of the attempt's time.
//! - A message is tried ten times within about a day. What was not taken then has failed: an admin sees why, and sends it
//!   again. Sending again begins another *round*; a task of an earlier round finds nothing to do.
//! - An endpoint that answers 410, or that has taken nothing for five days, is switched off; its page says so.
//! - The log keeps deliveries for 30 days ([`tidy_brand`]).
//!
//! Invariants, above all absences: no message goes to an address that is not of the public internet (`guard`), unless the
//! operator allows it for development; no redirect is followed and no proxy of the environment asked; no event holds more of
//! a person than ids; no secret is shown twice or logged. Secrets are kept in the database as they are, because a signature
//! needs them: whoever reads the database or a backup can sign as this program.

pub mod api;
mod deliveries;
mod endpoints;
mod guard;
mod model;
pub mod pages;
mod publish;
mod sender;
pub mod work;

pub use deliveries::tidy_brand;
pub use model::Kind;
pub use publish::{Event, changed, listens, publish};
pub use sender::{Sender, WebhookSettings};
