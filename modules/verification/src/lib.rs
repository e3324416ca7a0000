//! # Verification: the desk of those who look at what coaches say
//!
//! Reviewers work through a queue of certificates, oldest first, by keys if they like; they approve profiles, and tag videos. What
//! is decided, and what follows, is `fithire-coaches`' matter; here are the pages and the API of the admin.
//!
//! Everything needs the privilege [`ReviewCoaches`](fithire_identity::ReviewCoaches).
//!
//! Invariants: looking at a page changes nothing: an item is claimed by a form, which the page's script sends for whoever has it
//! open. Every decision leads to the next item, with the way back. What the issuer's rule gives is advice and decides nothing.

mod advice;
pub mod api;
pub mod pages;
mod tagging;
mod words;
