//! # Coaches: who they are and what is scored of them
//!
//! A coach belongs to a brand and may belong to an account, which then sees and edits it. What is scored is kept as
//! one text, [`facts`](fithire_scoring::facts::Coach) in the exchange format, so that a score can be checked by hand.
//!
//! Every write takes the brand's next revision in its transaction. [`revision`], [`everybody`] and [`changed_since`] are how a
//! ranking keeps its copy fresh: whoever sees a revision sees everything that was written up to it.
//!
//! Each day [`remind`] tells coaches whose certification ends soon, or has ended.
//!
//! What a coach claims is looked at by a reviewer: [`submit`] puts a document into the queue, [`queue`] has what waits,
//! [`claim`] keeps an item for one reviewer, [`decide`] says what it proves and [`undo`] takes that back; [`tell`] tells of it
//! once it has stood for a minute. A profile that somebody has made by themselves is approved the same way ([`approve`]).
//! What was seen in a coach's videos is a reviewer's rating ([`tag`]). Whatever is decided is a change of facts like any
//! other, so that the next ranking knows it.
//!
//! A coach fills in a profile section by section; [`pieces`] says what is there and what is missing.
//!
//! Invariants: a coach reaches their own profile and no other, and no other answers like one that is not there;
//! what only FitHire may say (a verified holding, a reviewer's rating, engagement) is not taken from a coach,
//! and what a reviewer decides is taken from nobody else.

pub mod api;
mod approval;
mod decided;
mod events;
mod finding;
mod form;
mod hours;
mod imports;
mod model;
pub mod pages;
mod pieces;
mod reminders;
mod scored;
mod service;
mod tags;
mod telling;
mod verification;
mod writing;

pub use approval::{Approval, ApprovalState, Waiting, approval_of, approve, count_waiting, waiting_profiles};
pub use finding::profiles;
pub use imports::{NewCoaches, SaidFacts, count_known, put_all, with_what_is_said};
pub use model::{Pay, Profile, Scored};
pub use pieces::{Piece, pieces};
pub use reminders::{REMIND, remind, remind_tomorrow};
pub use scored::{Changed, ask_revision, by_ids, changed_since, everybody, revision, revision_there};
pub use service::{accounts_of, count, link, of_account, own, own_profile, profile, visible};
pub use tags::{Tag, tag, tagged_counts, tags_of, take_back_tags};
pub use telling::{TELL, tell};
pub use verification::{
    CLAIM_MINUTES, Decision, Document, Item, ItemState, Verdict, Which, claim, claim_next, decide, item,
    items_of, neighbours, queue, release, submit, undo, waiting_items,
};
pub use writing::erase;
