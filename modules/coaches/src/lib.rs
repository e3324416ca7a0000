//! # Coaches: who they are and what is scored of them
//!
//! A coach belongs to a brand and may belong to an account, which then sees and edits it. What is scored is kept as
//! one text, [`facts`](fithire_scoring::facts::Coach) in the exchange format, so that a score can be checked by hand.
//!
//! Every write takes the brand's next revision in its transaction. [`revision`] and [`changed_since`] are how a
//! ranking keeps its copy fresh: whoever sees a revision sees everything that was written up to it.
//!
//! Invariants: a coach reaches their own profile and no other, and no other answers like one that is not there;
//! what only FitHire may say (a verified holding, a reviewer's rating, engagement) is not taken from a coach.

pub mod api;
mod decided;
mod model;
mod service;

pub use model::{Profile, Scored};
pub use service::{changed_since, link, own, profile, put_all, revision, visible};
