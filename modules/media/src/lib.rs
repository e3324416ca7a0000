//! # Media: files of coaches in an object store
//!
//! A coach uploads videos, images and documents of certificates straight to the store, by a URL that this program has signed.

mod lookup;
mod model;

pub use lookup::{find, of_coach, page_of_videos, videos_of};
pub use model::{Kind, Medium, State};
