//! # Coaches: who they are and what is scored of them
//!
//! A coach belongs to a brand and may belong to an account, which then sees and edits it. What is scored is kept as
//! one text, [`facts`](fithire_scoring::facts::Coach) in the exchange format, so that a score can be checked by hand.
//!
//! Every write takes the brand's next revision in its transaction. [`revision`], [`everybody`] and [`changed_since`] are how a
//! ranking keeps its copy fresh: whoever sees a revision sees everything that was written up to it.
//!
//! Each day [`remind`] tells coaches whose certification ends soon.
//!
//! A coach fills in a profile section by section; [`pieces`] says what is there and what is missing.
//!
//! Invariants: a coach reaches their own profile and no other, and no other answers like one that is not there;
//! what only FitHire may say (a verified holding, a reviewer's rating, engagement) is not taken from a coach.

pub mod api;
mod decided;
mod documents;
mod events;
mod form;
mod hours;
mod model;
pub mod pages;
mod pieces;
mod reminders;
mod scored;
mod service;

pub use documents::{Document, submit};
pub use model::{Pay, Profile, Scored};
pub use pieces::{Piece, pieces};
pub use reminders::{REMIND, remind, remind_tomorrow};
pub use scored::{Changed, ask_revision, by_ids, changed_since, everybody, revision, revision_there};
pub use service::{
    accounts_of, count, count_known, erase, link, of_account, own, own_profile, profile, put_all, visible,
};
