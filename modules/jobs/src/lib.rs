//! # Jobs: what a brand asks for, and where
//!
//! A job belongs to a location, from which it takes its place and its time zone when it is scored. What it asks for is
//! kept as one text in the exchange format. A job is deactivated, never deleted: its scores remain explainable.
//!
//! [`find`] and [`active`] give jobs as a ranking needs them.

pub mod api;
mod events;
mod finding;
pub mod form;
mod imports;
mod model;
mod open;
pub mod pages;
mod posting;
mod service;

pub use imports::{NewJobs, SaidOfJobs, count_known, with_what_is_said};
pub use model::{Open, Pay};
pub use open::{active, ask_job, count_active, find, job_there, newest};
pub use service::{NewJob, location_of, put_all, set_active};
