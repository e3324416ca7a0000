//! # Media: files of coaches in an object store
//!
//! A coach uploads videos, images and documents of certificates straight to the store, by URLs that this program has signed for one
//! place, type and length. Then the upload is confirmed ([`api`]): the file is looked at, and is attached or refused. Whoever may
//! see it is led to another signed URL, which works for some minutes; whoever has a link to a video, too, until it is
//! revoked. [`Store`] is any store that speaks S3; [`Embedded`] is one within this process, for which nothing else is needed.
//!
//! - A document that is attached makes its holding pending, in the same transaction (`fithire_coaches::submit`).
//! - What nothing needs any more is removed by the task [`SWEEP`]: uploads that nobody confirmed within a day, what was
//!   refused, what was removed, what belonged to somebody who was erased.
//! - While the store is away, pages and the API answer as ever; what needs it says so (503), and nothing is half attached.
//!
//! Invariants, above all absences: no client names a place in the store, and no place says more than the brand; nothing is shown
//! that was not looked at, because it is copied to where nobody may put anything, and the copy is looked at; no picture says where
//! it was taken; no byte of a file passes through the pages; of a link only a hash is kept. Nothing else in the program knows the store's protocol.

mod access;
pub mod api;
mod bare;
mod embedded;
mod lookup;
mod model;
pub mod pages;
mod removals;
mod removing;
mod settings;
mod shares;
mod sniff;
mod store;
mod uploads;

pub use embedded::{Embedded, embedded_place};
pub use lookup::{ask_video_of, find, of_coach, page_of_videos, videos_of};
pub use model::{Kind, Medium, State};
pub use removals::{SWEEP, sweep};
pub use removing::erase;
pub use settings::{MediaSettings, Place};
pub use store::Store;
