//! # Organisations: brand → region → location
//!
//! A brand is a tenant. Its regions and locations are where its jobs are, and what a membership may be limited to.
//! [`create_brand`] makes a brand and [`find_brand`] finds one by its slug, for the command line; [`region`] and
//! [`location`] find one by name or make it. [`found`] makes a brand with its first admin.
//!
//! A coach joins a brand by its link, whose secret an admin makes, renews and closes. Teaching styles are what a brand
//! says they are: [`dimensions`] has its words.

pub mod api;
mod founding;
mod model;
pub mod pages;
mod service;
mod styles;

pub use founding::{FirstRun, Founder, found, set_link};
pub use service::{
    CHANGED, Located, NewBrand, ask_location, ask_name, ask_zone, brand_name, changed, create_brand,
    every_brand, find_brand, find_location, has_link, location, location_names, location_there,
    next_midnight, reached, region, today, today_there,
};
pub use styles::{Dimension, StyleLine, add_dimension, dimensions, style_lines};
