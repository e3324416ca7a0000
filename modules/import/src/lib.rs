//! # The import format
//!
//! Coaches and jobs as CSV files that people keep in spreadsheets. A file is taken whole or not at all: reading
//! either gives every row or every problem, each with its row (as a spreadsheet counts, the header is row 1)
//! and column.
//!
//! | file | columns needed | columns known |
//! |---|---|---|
//! | coaches | `external_id,name,email` | [`coaches::COLUMNS`] |
//! | jobs | `external_id,title,location` | [`jobs::COLUMNS`] |
//!
//! Cells with several values separate them by `;` and the parts of one value by `|`. Without coordinates, the
//! postal code or the city is looked up in [`places`].

mod cells;
pub mod coaches;
pub mod jobs;
pub mod places;
pub mod sample;
mod table;
pub mod written;

pub use table::{Problem, columns};
