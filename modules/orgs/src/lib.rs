//! # Organisations: brand → region → location
//!
//! A brand is a tenant. Its regions and locations are where its jobs are, and what a membership may be limited to.
//! [`create_brand`] makes a brand and [`find_brand`] finds one by its slug, for the command line; [`region`] and
//! [`location`] find one by name or make it.

pub mod api;
mod model;
mod service;

pub use service::{
    Located, NewBrand, create_brand, find_brand, find_location, location, location_names, reached, region,
    today,
};
